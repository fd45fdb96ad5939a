/*
 * The lock beside the database, and whether the file is still that of its
 * name.
 */

#ifndef MSYNC_STORE_LOCK_H
#define MSYNC_STORE_LOCK_H

#include "store/store.h"

/*
 * Only one process at a time may sync a database, by whatever links it is
 * named: takes the lock beside it.
 * MSYNC_AGAIN while another process holds it (`holder` becomes its pid, 0 if
 * unknown).  The descriptor lives as long as the process, *fd is -1 until
 * it is held.
 */
int msync_store_lock(const char *path, int *fd, long *holder,
    msync_err_t *err);

/* MSYNC_ERROR when the lock that `fd` holds is not the one of its name any
 * more, so that another process could take that one */
int msync_store_check_lock(const char *path, int fd, msync_err_t *err);

/*
 * MSYNC_ERROR when the file that is open is not the one of its name any more:
 * removed, another one put in its place, or a link changed.  Whatever is
 * written is lost then.
 */
int msync_store_check_file(msync_store_t *store, msync_err_t *err);

#endif /* MSYNC_STORE_LOCK_H */
