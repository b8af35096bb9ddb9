#ifndef AQUATINT_DISK_H
#define AQUATINT_DISK_H

/* What Linux has and Swift's Glibc module does not show. */

/* Whether syncfs() does for each file of the file system that this file is on what fsync() does, and tells what could not be written: known of ext4 (and of ext2
   and ext3, which its driver mounts) and of XFS, since Linux 5.17. Of FUSE and of some network file systems it writes pages and does not ask the server; a
   snapshot of Btrfs is dearer than its files. */
int aqt_disk_syncs_together(int descriptor);

/* syncfs(2): 0, or -1 with errno. */
int aqt_disk_sync_all(int descriptor);

#endif
