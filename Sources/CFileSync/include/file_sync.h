/* A call of Linux that Swift does not see. */
#ifndef AQT_FILE_SYNC_H
#define AQT_FILE_SYNC_H

/* Begins to write what a file holds to the disk, and does not wait for it: sync_file_range(2). Returns 0, or -1 with errno: some file systems know no such thing. */
int aqt_file_sync_begin(int descriptor);

#endif
