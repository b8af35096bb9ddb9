int cov_placeholder(void);
