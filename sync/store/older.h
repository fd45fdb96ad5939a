/*
 * An older state of the database: somebody has restored a backup into it.
 *
 * What this site had sent since, and what central had taken out of the queue of
 * this site since, is not in it, and central gives neither by itself again.
 * What waited in the backup and was sent since would replace there what is
 * newer.  Only who has worked on the database meanwhile can notice it.
 */

#ifndef MSYNC_STORE_OLDER_H
#define MSYNC_STORE_OLDER_H

#include "store/log.h"
#include "store/site.h"

/* the bit of msync_site_t's `restored` for this site itself, beside those of
 * the servers */
#define MSYNC_SITE_OLDER      8
#define MSYNC_SITE_OLDER_SQL  "8"

/* whether a run has sent something, or taken something from the queue: a state
 * of before it lacks that */
bool msync_store_log_moved(const msync_log_entry_t *entry);

/* the latest run of sync_log that has, 0: none */
int msync_store_last_moved(msync_store_t *store, int64_t *run,
    msync_err_t *err);

/*
 * Where the database is of before that run, notes it in the site's state until
 * all comes anew, and *older is set; not where sync_log was emptied, which is
 * no other state.  *run is that of the database then.
 */
int msync_store_note_older(msync_store_t *store, int64_t *run, bool *older,
    msync_err_t *err);

/* an error where that was noted */
int msync_store_check_older(const msync_site_t *site, msync_err_t *err);

#endif /* MSYNC_STORE_OLDER_H */
