/*
 * Records of this site that a central server refused.
 */

#ifndef MSYNC_STORE_REFUSED_H
#define MSYNC_STORE_REFUSED_H

#include "store/store.h"

/*
 * Records that central refused.  `put` records one with central's answer,
 * `clear` forgets those that it has taken now, `requeue` puts those whose
 * pause is over, or all, those that were dismissed, too, into the changelog
 * again, with what became of them since, in a transaction of its own; `has`
 * tells whether one is recorded, whichever server refused it.  `side` is that
 * server: MSYNC_LEGACY, MSYNC_OMSUPPLY or MSYNC_V7.
 */
int msync_store_refused_put(msync_store_t *store, unsigned side,
    const msync_record_t *record, const char *reason, msync_err_t *err);
int msync_store_refused_clear(msync_store_t *store, unsigned side,
    const msync_batch_t *batch, msync_err_t *err);
int msync_store_refused_count(msync_store_t *store, int64_t *n,
    msync_err_t *err);
int msync_store_refused_requeue(msync_store_t *store, bool all,
    msync_err_t *err);
int msync_store_refused_has(msync_store_t *store, const msync_table_t *table,
    const char *id, bool *found, msync_err_t *err);

#endif /* MSYNC_STORE_REFUSED_H */
