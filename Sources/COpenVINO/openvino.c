int cov_placeholder(void){return 0;}
