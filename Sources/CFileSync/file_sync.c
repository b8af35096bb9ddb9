#define _GNU_SOURCE
#include "file_sync.h"

#include <fcntl.h>

int aqt_file_sync_begin(int descriptor) { return sync_file_range(descriptor, 0, 0, SYNC_FILE_RANGE_WRITE); }
