#define _GNU_SOURCE
#include "disk.h"

#include <linux/magic.h>
#include <stdio.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

/* Before Linux 5.17, syncfs() did not tell all of what could not be written. */
static int reports_errors(void) {
    struct utsname kernel;
    int major = 0, minor = 0;
    if (uname(&kernel) != 0 || sscanf(kernel.release, "%d.%d", &major, &minor) != 2) return 0;
    return major > 5 || (major == 5 && minor >= 17);
}

int aqt_disk_syncs_together(int descriptor) {
    struct statfs system;
    if (!reports_errors() || fstatfs(descriptor, &system) != 0) return 0;
    return system.f_type == EXT4_SUPER_MAGIC || system.f_type == XFS_SUPER_MAGIC;
}

int aqt_disk_sync_all(int descriptor) { return syncfs(descriptor); }
