/*
 * The changelog: what this site has changed and has to send.
 */

#ifndef MSYNC_STORE_CHANGELOG_H
#define MSYNC_STORE_CHANGELOG_H

#include "store/store.h"

/*
 * Changes waiting at or after the push cursor that this site may send, each
 * record once (its latest change); without a cursor all that there are.  While
 * there are many the hook is called, which must not use the store; *n is how
 * many were found until then, also where it ends the count with an error.  *n
 * is left alone where no transaction can begin.
 */
int msync_store_queue(msync_store_t *store, const char *cursor_id,
    int64_t *n, msync_err_t *err);
void msync_store_hook_counting(msync_store_t *store, msync_hook_pt hook,
    void *data);

/*
 * Reads at most `limit` of them, and not many more than `octets` of JSON,
 * from `cursor` on into a batch: those whose table belongs on `side` as
 * records, the others only move the cursor.  `processed` is the number of
 * changes read, 0 when nothing waits; batch's `next` is the cursor behind
 * them.  A row that cannot be put into the wire's form is recorded as refused
 * (refused.h).
 */
int msync_store_changes(msync_store_t *store, unsigned side, int64_t cursor,
    unsigned limit, size_t octets, msync_batch_t *batch, int64_t *processed,
    msync_err_t *err);

/*
 * Whether this site has a change of the record (of any record) that was not
 * sent yet to the servers that take the table.
 */
int msync_store_unsent(msync_store_t *store, const msync_table_t *table,
    const char *id, bool *unsent, msync_err_t *err);
int msync_store_unsent_any(msync_store_t *store, bool *unsent,
    msync_err_t *err);

/*
 * The changelog was dropped while nobody knew which rows are this site's:
 * queues them as soon as that is known.
 */
int msync_store_resend_due(msync_store_t *store, msync_err_t *err);

#endif /* MSYNC_STORE_CHANGELOG_H */
