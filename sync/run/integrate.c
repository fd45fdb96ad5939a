/*
 * Integration: the order, and the transactions.
 *
 * Promises: one bad record costs one record; an order of arrival that is not
 * the order of the catalogue costs nothing; a record leaves the buffer in the
 * transaction that makes it a row.
 */

#include <string.h>

#include "run/integrate_private.h"
#include "store/fill.h"
#include "store/joined.h"

#define SLICE     1000         /* records between two calls of the hook */
#define PARENTS   50           /* parents between two calls of the hook, for
                                  their children come along */
#define ATTEMPTS  8            /* at one transaction of everything, before it
                                  becomes several */

typedef struct {
    msync_rows_t              rows;
    msync_store_t            *store;
    const msync_catalogue_t  *catalogue;
    const msync_table_t      *table;       /* at work */
    msync_action_e            action;
    bool                     *joined;      /* owned, the tables whose pending
                                              records are joined to those of
                                              their parents; NULL: none */
    msync_hook_pt             hook;
    void                     *data;
    bool                      failures;    /* some records wait for a parent */
    bool                      again;       /* what is not committed is undone
                                              and begins anew */
    int64_t                   culprit;     /* the row of the buffer that is left
                                              out when it begins anew, 0:
                                              none */
    const char               *field;       /* the field of the culprit at
                                              fault */
    msync_err_t               fault;       /* what is wrong with it */
    unsigned                  attempts;
    int64_t                   open;        /* records of this transaction */
    msync_integrated_t        committed;   /* the result when this transaction
                                              began */
    msync_integrated_t       *result;
} integration_t;

static int integrate_begin(integration_t *in, msync_err_t *err);
static bool integrate_may_commit(integration_t *in);
static int integrate_commit(integration_t *in, msync_err_t *err);
static int integrate_begin_next(integration_t *in, msync_err_t *err);
static int integrate_begin_anew(integration_t *in, msync_err_t *err);
static int integrate_all(integration_t *in, msync_err_t *err);
static int integrate_find_joined(integration_t *in, msync_err_t *err);
static bool integrate_is_parent(const integration_t *in,
    const msync_table_t *table);
static int integrate_joined(integration_t *in, const msync_table_t *parent,
    int64_t after, int64_t last, msync_err_t *err);
static int integrate_fill(integration_t *in, msync_err_t *err);
static int integrate_tables(integration_t *in, msync_action_e action,
    msync_err_t *err);
static int integrate_table(integration_t *in, const msync_table_t *table,
    msync_action_e action, msync_err_t *err);
static int integrate_fill_indexes(integration_t *in, msync_err_t *err);
static int integrate_between(integration_t *in, msync_err_t *err);
static int integrate_hook(integration_t *in, msync_err_t *err);
static int integrate_record(void *data, const msync_pending_t *pending,
    msync_err_t *err);
static int integrate_fail(integration_t *in, int64_t rowid, const char *field,
    const char *reason, msync_err_t *err);
static int integrate_run(integration_t *in,
    int (*work)(integration_t *in, msync_err_t *err), msync_err_t *err);


int
msync_integrate(msync_store_t *store, const msync_catalogue_t *catalogue,
    bool in_use, msync_hook_pt hook, void *data,
    msync_integrated_t *result, msync_err_t *err)
{
    int            rc;
    bool           begun;
    int64_t        moved = 0;
    integration_t  in;

    memset(result, 0, sizeof(msync_integrated_t));
    memset(&in, 0, sizeof(integration_t));

    in.rows.store = store;
    in.store = store;
    in.catalogue = catalogue;
    in.rows.in_use = in_use;
    in.hook = hook;
    in.data = data;
    in.result = result;

    if (msync_store_fill_begun(store, &begun, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    if (begun
        && ((msync_store_is_filling(store)
             && integrate_run(&in, integrate_fill, err) != MSYNC_OK)
            || msync_store_fill_end(store, hook, data, &moved, err)
               != MSYNC_OK))
    {
        return MSYNC_ERROR;
    }

    /* they were counted when they became rows */
    result->integrated -= moved;

    if (msync_store_joined_open(store, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    in.joined = msync_calloc(catalogue->n, sizeof(bool));
    rc = integrate_run(&in, integrate_all, err);
    msync_free(&in.joined);

    return rc;
}


int
msync_integrate_fill(msync_store_t *store,
    const msync_catalogue_t *catalogue, msync_hook_pt hook, void *data,
    msync_integrated_t *result, msync_err_t *err)
{
    integration_t  in;

    memset(result, 0, sizeof(msync_integrated_t));
    memset(&in, 0, sizeof(integration_t));

    in.rows.store = store;
    in.store = store;
    in.catalogue = catalogue;
    in.hook = hook;
    in.data = data;
    in.result = result;

    return integrate_run(&in, integrate_fill, err);
}


/* does the work in its transactions; what a record undoes begins anew without
 * that record */

static int
integrate_run(integration_t *in,
    int (*work)(integration_t *in, msync_err_t *err), msync_err_t *err)
{
    int      rc;
    int64_t  failed;

    if (msync_store_buffer_failed(in->store, &failed, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    in->failures = failed > 0;
    rc = integrate_begin(in, err);

    while (rc != MSYNC_OK || work(in, err) != MSYNC_OK
           || integrate_commit(in, err) != MSYNC_OK)
    {
        msync_store_rollback(in->store);

        if (!in->again) {
            return MSYNC_ERROR;
        }

        rc = integrate_begin_anew(in, err);
    }

    return MSYNC_OK;
}


static int
integrate_begin(integration_t *in, msync_err_t *err)
{
    in->open = 0;
    in->committed = *in->result;

    /* what a power cut takes is in the buffer again */
    return msync_rows_begin(&in->rows, msync_store_is_filling(in->store), err);
}


/* Before a commit it shows that some row does not meet a deferred key, and only
 * when all are written anew, each with its keys at once, which row that is. */

static bool
integrate_may_commit(integration_t *in)
{
    if (!in->rows.careful && msync_store_violates_deferred(in->store)) {
        in->rows.careful = true;
        in->again = true;
        return false;
    }

    return true;
}


static int
integrate_commit(integration_t *in, msync_err_t *err)
{
    return integrate_may_commit(in) ? msync_store_commit(in->store, err)
                                    : MSYNC_ERROR;
}


static int
integrate_begin_next(integration_t *in, msync_err_t *err)
{
    if (!integrate_may_commit(in)
        || msync_rows_begin_next(&in->rows, err) != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    in->open = 0;
    in->committed = *in->result;

    return MSYNC_OK;
}


/*
 * What was undone waits in the buffer.  The mark of the record at fault is
 * committed before, so that nothing goes round in circles.  Where very many
 * are at fault, what each of them undoes is kept small: that costs the one
 * transaction.
 */

static int
integrate_begin_anew(integration_t *in, msync_err_t *err)
{
    in->again = false;
    *in->result = in->committed;
    in->attempts++;

    if (integrate_begin(in, err) != MSYNC_OK
        || (in->culprit != 0
            && integrate_fail(in, in->culprit, in->field, in->fault.text, err)
               != MSYNC_OK)
        || integrate_begin_next(in, err) != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    in->culprit = 0;

    return integrate_hook(in, err);
}


static int
integrate_all(integration_t *in, msync_err_t *err)
{
    size_t  i;

    if (msync_store_buffer_fail_unknown(in->store, err) != MSYNC_OK
        || integrate_find_joined(in, err) != MSYNC_OK
        || integrate_tables(in, MSYNC_ACTION_UPSERT, err) != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    for (i = in->catalogue->n; i-- > 0; ) {
        if (integrate_table(in, &in->catalogue->tables[i],
                            MSYNC_ACTION_DELETE, err) != MSYNC_OK)
        {
            return MSYNC_ERROR;
        }
    }

    return integrate_tables(in, MSYNC_ACTION_MERGE, err);
}


/*
 * A child joins its parent where it refers to no table between the two, which
 * may not be there yet: an invoice and its lines, a stocktake and its lines,
 * as the catalogue has them.
 */

static int
integrate_find_joined(integration_t *in, msync_err_t *err)
{
    size_t                i, j;
    const msync_table_t  *table;

    for (i = 0; i < in->catalogue->n; i++) {
        table = &in->catalogue->tables[i];
        in->joined[i] = false;

        if (table->store_via == NULL) {
            continue;
        }

        for (j = 0; j < table->n; j++) {
            if (table->fields[j].fk
                && table->fields[j].target > table->store_via->target)
            {
                break;
            }
        }

        if (j == table->n
            && msync_store_joined_find(in->store, table, table->store_via,
                                       &in->joined[i], err) != MSYNC_OK)
        {
            return MSYNC_ERROR;
        }
    }

    return MSYNC_OK;
}


/* whether a table has such children */

static bool
integrate_is_parent(const integration_t *in, const msync_table_t *table)
{
    size_t  i;

    for (i = 0; in->joined != NULL && i < in->catalogue->n; i++) {
        if (in->joined[i]
            && in->catalogue->tables[i].store_via->target == table)
        {
            return true;
        }
    }

    return false;
}


/* the children of the parents behind `after` up to `last` */

static int
integrate_joined(integration_t *in, const msync_table_t *parent,
    int64_t after, int64_t last, msync_err_t *err)
{
    size_t                i;
    const msync_table_t  *child;

    for (i = 0; i < in->catalogue->n; i++) {
        child = &in->catalogue->tables[i];

        if (!in->joined[i] || child->store_via->target != parent) {
            continue;
        }

        in->table = child;

        if (msync_store_joined_walk(in->store, child, parent, after, last,
                                    integrate_record, in, err) != MSYNC_OK
            || msync_store_joined_done(in->store, child, parent, after, last,
                                       err) != MSYNC_OK)
        {
            return MSYNC_ERROR;
        }
    }

    in->table = parent;
    return MSYNC_OK;
}


/* deletes and merges look for what refers to a row, and wait for indexes */

static int
integrate_fill(integration_t *in, msync_err_t *err)
{
    return integrate_tables(in, MSYNC_ACTION_UPSERT, err);
}


/* parents before children */

static int
integrate_tables(integration_t *in, msync_action_e action, msync_err_t *err)
{
    size_t  i;

    for (i = 0; i < in->catalogue->n; i++) {
        if (integrate_table(in, &in->catalogue->tables[i], action, err)
            != MSYNC_OK)
        {
            return MSYNC_ERROR;
        }
    }

    return MSYNC_OK;
}


static int
integrate_table(integration_t *in, const msync_table_t *table,
    msync_action_e action, msync_err_t *err)
{
    bool     parents;
    int64_t  after = 0, last, before;

    in->table = table;
    in->action = action;
    parents = action == MSYNC_ACTION_UPSERT && integrate_is_parent(in, table);

    for ( ;; ) {
        before = in->open;

        if (msync_store_buffer_walk(in->store, table->name, action, after,
                                    parents ? PARENTS : SLICE, &last,
                                    integrate_record, in, err) != MSYNC_OK)
        {
            return MSYNC_ERROR;
        }

        if (last == after) {
            return MSYNC_OK;
        }

        if ((parents
             && integrate_joined(in, table, after, last, err) != MSYNC_OK)
            || msync_store_buffer_done(in->store, table->name, action, after,
                                       last, err) != MSYNC_OK
            || (after == 0 && integrate_fill_indexes(in, err) != MSYNC_OK))
        {
            return MSYNC_ERROR;
        }

        before = in->open - before;

        if (integrate_between(in, err) != MSYNC_OK) {
            return MSYNC_ERROR;
        }

        if (before < (parents ? PARENTS : SLICE)) {
            return MSYNC_OK;
        }

        after = last;
    }
}


/* where a transaction has changed the schema, undoing what one record has
 * written would end the statement that reads the buffer */

static int
integrate_fill_indexes(integration_t *in, msync_err_t *err)
{
    bool  made;

    if (msync_store_fill_indexes(in->store, in->table, &made, err)
        != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    return made ? integrate_begin_next(in, err) : MSYNC_OK;
}


/* between two slices: let others write if that is allowed */

static int
integrate_between(integration_t *in, msync_err_t *err)
{
    bool     next;
    int64_t  hold = msync_store_is_filling(in->store)
                    ? msync_store_hold(in->store) : MSYNC_STORE_HOLD;

    next = in->attempts >= ATTEMPTS ? in->open >= SLICE
           : msync_store_held(in->store) >= hold;

    if (next && integrate_begin_next(in, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    return integrate_hook(in, err);
}


static int
integrate_hook(integration_t *in, msync_err_t *err)
{
    in->result->seen = in->result->integrated + in->result->failed;

    if (in->result->seen < 0) {
        in->result->seen = 0;
    }

    return in->hook ? in->hook(in->data, err) : MSYNC_OK;
}


static int
integrate_record(void *data, const msync_pending_t *pending,
    msync_err_t *err)
{
    int                   rc;
    msync_err_t           fault;
    integration_t        *in = data;
    const msync_field_t  *field;

    msync_err_clear(&fault);

    rc = msync_rows_put_pending(&in->rows, in->table, in->action, pending,
                                &field, &fault);
    in->open++;

    if (rc == MSYNC_OK) {
        in->result->integrated++;

        return in->failures
               ? msync_store_buffer_wake(in->store, in->table,
                                         pending->record_id, err)
               : MSYNC_OK;
    }

    if (fault.scope != MSYNC_SCOPE_RECORD) {
        *err = fault;
        return MSYNC_ERROR;
    }

    /* a trigger or a constraint of the application undid all before it, too */
    if (!msync_store_in_transaction(in->store)) {
        in->again = true;
        in->culprit = pending->rowid;
        in->field = field ? field->name : NULL;
        in->fault = fault;
        return MSYNC_ERROR;
    }

    rc = integrate_fail(in, pending->rowid, field ? field->name : NULL,
                        fault.text, err);

    return rc == MSYNC_OK && fault.note
           ? msync_store_buffer_note(in->store, pending->rowid, err) : rc;
}


/* while tables are filled a parent may be missing that is to come */

static int
integrate_fail(integration_t *in, int64_t rowid, const char *field,
    const char *reason, msync_err_t *err)
{
    int  rc;

    if (msync_store_is_filling(in->store)) {
        return msync_store_buffer_postpone(in->store, rowid, err);
    }

    in->result->failed++;
    in->failures = true;

    rc = msync_store_buffer_fail(in->store, rowid, field, reason,
                                 in->rows.missing, in->rows.missing_id, err);
    in->rows.missing = NULL;
    msync_free(&in->rows.missing_id);

    return rc;
}
