/*
 * Where the database lies, and the write-ahead log beside it.
 */

#ifndef MSYNC_STORE_DISK_H
#define MSYNC_STORE_DISK_H

#include "store/store.h"

/* octets in the log that are not in the database, which only a reader that
 * never ends explains: SQLite copies nothing that came after what one reads */
#define MSYNC_STORE_LOG_LARGE  268435456

/* the size of the log, 0 where there is none; what of it is not in the database
 * yet; and the size where that is so much, in steps of a sixteenth of it, else
 * 0 */
int64_t msync_store_log_octets(msync_store_t *store);
int64_t msync_store_log_pending(msync_store_t *store);
int64_t msync_store_log_large(msync_store_t *store);

/* octets of the disk: those that this process can still write, and all; both
 * are 0 where the system does not tell */
void msync_store_disk_space(msync_store_t *store, int64_t *unused,
    int64_t *size);

/* before work, and before anybody relies on what was committed: whether the log
 * is still there, and the database is what SQLite wrote */
int msync_store_watch_disk(msync_store_t *store, msync_err_t *err);

#endif /* MSYNC_STORE_DISK_H */
