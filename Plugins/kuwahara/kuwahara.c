int aqt_ph(void){return 0;}
