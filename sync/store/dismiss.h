/*
 * Failed records that somebody has dismissed: kept, no more counted, and
 * failed again as soon as the record changes.
 */

#ifndef MSYNC_STORE_DISMISS_H
#define MSYNC_STORE_DISMISS_H

#include "store/store.h"

/*
 * Which records: all of them, or those of a table that have this record id or
 * this error (all of one cause).  What is NULL is not asked for.
 */
typedef struct {
    const char  *table;
    const char  *record_id;
    const char  *error;
} msync_dismiss_t;

/* *n is how many were not dismissed before, in both directions, so far: the
 * hook is called between transactions of many; those before an error stay */
int msync_store_dismiss(msync_store_t *store, const msync_dismiss_t *which,
    msync_hook_pt hook, void *data, int64_t *n, msync_err_t *err);

/* records that failed in either direction: those that were not dismissed, and
 * those that were */
int msync_store_failures(msync_store_t *store, int64_t *n, msync_err_t *err);
int msync_store_dismissed(msync_store_t *store, int64_t *n,
    msync_err_t *err);

#endif /* MSYNC_STORE_DISMISS_H */
