/*
 * Merges: references to a record that is gone lead to the one that was kept.
 */

#ifndef MSYNC_STORE_MERGE_H
#define MSYNC_STORE_MERGE_H

#include "store/store.h"

/*
 * Lets every reference to `lose` in the whole catalogue lead to `keep` and
 * marks `lose` as deleted, or removes it; a join that both have stays once.
 * All of it or nothing.
 */
int msync_store_row_merge(msync_store_t *store, const msync_table_t *table,
    const char *lose, const char *keep, msync_err_t *err);

/*
 * Whom a record was merged into, owned by the caller, NULL: nobody; whether
 * there was any merge at all; and a row's references to such records led to
 * those that were kept.
 */
int msync_store_merged(msync_store_t *store, const msync_table_t *table,
    const char *id, char **kept, msync_err_t *err);
int msync_store_merged_any(msync_store_t *store, bool *any,
    msync_err_t *err);
int msync_store_follow_merges(msync_store_t *store, msync_row_t *row,
    msync_err_t *err);

#endif /* MSYNC_STORE_MERGE_H */
