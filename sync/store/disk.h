/*
 * Where the database lies, and the write-ahead log beside it.
 */

#ifndef MSYNC_STORE_DISK_H
#define MSYNC_STORE_DISK_H

#include "store/check.h"

/* octets of the log that only a reader which never ends explains: SQLite
 * cannot begin the log anew while one looks at what is in it */
#define MSYNC_STORE_LOG_LARGE  268435456

/* the size of the log, 0 where there is none; and the same of one that is
 * large, in steps of a sixteenth of that, 0 where it is not */
int64_t msync_store_log_octets(msync_store_t *store);
int64_t msync_store_log_large(msync_store_t *store);

/* octets of the disk: those that this process can still write, and all; both
 * are 0 where the system does not tell */
void msync_store_disk_space(msync_store_t *store, int64_t *unused,
    int64_t *size);

/* before work, and before anybody relies on what was committed: whether the log
 * is still there, and the database is what SQLite wrote */
int msync_store_watch_disk(msync_store_t *store, msync_err_t *err);

/* calls "each" with a sentence for what is wrong with the disk or the log */
void msync_store_check_disk(msync_store_t *store, msync_finding_pt each,
    void *data);

#endif /* MSYNC_STORE_DISK_H */
