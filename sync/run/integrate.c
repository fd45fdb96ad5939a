/*
 * Integration: the order, and what becomes of each record.
 *
 * Promises: one bad record costs one record; an order of arrival that is not
 * the order of the catalogue costs nothing.
 */

#include <string.h>

#include <cjson/cJSON.h>

#include "run/integrate.h"
#include "store/buffer.h"
#include "store/bulk.h"
#include "store/changelog.h"
#include "store/merge.h"
#include "store/refused.h"
#include "store/row.h"

#define SLICE        1000      /* records between two reports */
#define TRANSACTION  20000     /* records of one transaction where the
                                  application may wait for it */
#define BULK         50000     /* and on a first sync */
#define ATTEMPTS     8         /* at the transaction that the caller wants */

typedef struct {
    msync_store_t            *store;
    const msync_catalogue_t  *catalogue;
    const msync_table_t      *table;       /* at work */
    msync_action_e            action;
    int64_t                   limit;       /* records of a transaction */
    msync_hook_pt             hook;
    void                     *data;
    bool                      failures;    /* some records wait for a parent */
    bool                      bulk;        /* first sync: marked ahead */
    bool                      whole;       /* an initialised site */
    bool                      unsent;      /* this site has changes to send */
    bool                      refused;     /* … and such that central did not
                                              take */
    bool                      merged;      /* records were merged before */
    bool                      careful;     /* each row has to meet its deferred
                                              keys at once */
    bool                      again;       /* what is not committed is undone
                                              and begins anew */
    int64_t                   culprit;     /* without this row of the buffer,
                                              0: with all */
    const char               *field;       /* … of which this is at fault */
    msync_err_t               fault;       /* … as this says */
    unsigned                  attempts;
    const msync_table_t      *missing;     /* what the last one waits for */
    char                     *missing_id;  /* owned */
    int64_t                   done;
    int64_t                   open;        /* records of this transaction */
    msync_integrated_t        kept;        /* the result at its begin */
    msync_integrated_t       *result;
} integration_t;


static int
refuse(msync_err_t *err, const char *reason)
{
    msync_err_set(err, MSYNC_ERR_INTEGRATION_ERROR, "%s", reason);
    err->scope = MSYNC_SCOPE_RECORD;

    return MSYNC_ERROR;
}


/*
 * An edit of this site that was made after its last push is newer than what
 * central has sent: it stays, and the next push brings it to central.  One
 * that central has refused stays as well, but may never get there: then what
 * central sent waits, and is seen, until one of the two is settled.
 */

static int
is_ours(integration_t *in, const char *id, bool *ours, msync_err_t *err)
{
    bool  refused = false;

    *ours = false;

    if (in->table->push == 0) {
        return MSYNC_OK;
    }

    if ((in->unsent
         && msync_store_unsent(in->store, in->table, id, ours, err)
            != MSYNC_OK)
        || (in->refused && !*ours
            && msync_store_refused_has(in->store, in->table, id, &refused,
                                       err) != MSYNC_OK))
    {
        err->scope = MSYNC_SCOPE_RUN;
        return MSYNC_ERROR;
    }

    return refused ? refuse(err, "this site has a change of the record that "
                                 "central refused: it is kept until it is "
                                 "corrected here and central takes it")
                   : MSYNC_OK;
}


static int
upsert(integration_t *in, const msync_pending_t *pending,
    const msync_field_t **field, msync_err_t *err)
{
    int          rc;
    bool         ours, missing = false, foreign = false;
    msync_row_t  row;

    rc = is_ours(in, pending->record_id, &ours, err);
    if (rc != MSYNC_OK || ours) {
        return rc;
    }

    rc = msync_row_decode(&row, in->table, pending->side, pending->record_id,
                          pending->data, field, err);
    if (rc == MSYNC_DONE) {
        rc = MSYNC_OK;

    } else if (!(in->table->pull & pending->side)) {
        rc = refuse(err, "this server does not send this table");
        *field = NULL;

    } else if (rc != MSYNC_OK) {
        err->scope = MSYNC_SCOPE_RECORD;

    } else if (msync_row_is_removal(&row)) {
        rc = msync_store_row_delete(in->store, in->table,
                                    pending->record_id, err);

    } else if (in->whole && msync_table_is_own(in->table, pending->side)
               && msync_store_row_differs(in->store, &row, &foreign, err)
                  != MSYNC_OK)
    {
        rc = MSYNC_ERROR;

    } else if (foreign) {
        rc = refuse(err, "it belongs to this site, which alone changes it; "
                         "what central has sent of it is not taken");
        err->note = true;

    } else if (!in->merged
               || msync_store_follow_merges(in->store, &row, err) == MSYNC_OK)
    {
        rc = msync_store_row_upsert(in->store, &row, in->careful, field,
                                    &missing, err);

    } else {
        rc = MSYNC_ERROR;
    }

    if (missing) {
        in->missing = (*field)->target;
        in->missing_id =
            msync_strdup(row.values[*field - in->table->fields].text);
    }

    msync_row_clear(&row);
    return rc;
}


static int
delete(integration_t *in, const msync_pending_t *pending, msync_err_t *err)
{
    if (in->table->on_delete == MSYNC_DELETE_SOFT) {
        return msync_store_row_soft_delete(in->store, in->table,
                                           pending->record_id, err);
    }

    /* where Open mSupply handles no delete, a row that nothing refers to is
     * missed by nobody */
    return msync_store_row_delete(in->store, in->table, pending->record_id,
                                  err);
}


/*
 * The loser's references go to the record that is kept (catalogue.md), or to
 * what that one has become by now, unless it is the loser: then it lives
 * again.  A merge of two records that this site does not have concerns
 * others.
 */

static int
merge_records(integration_t *in, const char *lose, const char *named,
    msync_err_t *err)
{
    int          rc = MSYNC_ERROR;
    bool         kept, lost = false;
    char        *later;
    const char  *keep;

    if (msync_store_merged(in->store, in->table, named, &later, err)
        != MSYNC_OK)
    {
        err->scope = MSYNC_SCOPE_RUN;
        return MSYNC_ERROR;
    }

    keep = later != NULL && strcmp(later, lose) != 0 ? later : named;

    if (msync_store_row_exists(in->store, in->table, keep, &kept, err)
        != MSYNC_OK
        || (!kept
            && msync_store_row_exists(in->store, in->table, lose, &lost, err)
               != MSYNC_OK))
    {
        err->scope = MSYNC_SCOPE_RUN;

    } else if (kept) {
        rc = msync_store_row_merge(in->store, in->table, lose, keep, err);

    } else if (lost) {
        in->missing = in->table;
        in->missing_id = msync_strdup(keep);
        refuse(err, "the record to keep (mergeIdToKeep) is not here yet");

    } else {
        rc = MSYNC_OK;
    }

    msync_free(&later);
    return rc;
}


static int
merge(integration_t *in, const msync_pending_t *pending, msync_err_t *err)
{
    int          rc;
    cJSON       *json;
    const char  *keep, *lose;

    json = pending->data ? cJSON_Parse(pending->data) : NULL;
    keep = cJSON_GetStringValue(
               cJSON_GetObjectItemCaseSensitive(json, "mergeIdToKeep"));
    lose = cJSON_GetStringValue(
               cJSON_GetObjectItemCaseSensitive(json, "mergeIdToDelete"));

    if (!in->table->merge) {
        rc = refuse(err, "records of this table cannot be merged");

    } else if (keep == NULL || lose == NULL || strcmp(keep, lose) == 0) {
        rc = refuse(err, "a merge names two records, mergeIdToKeep and "
                         "mergeIdToDelete");
    } else {
        rc = merge_records(in, lose, keep, err);
    }

    cJSON_Delete(json);
    return rc;
}


static int
fail(integration_t *in, int64_t rowid, const char *field, const char *reason,
    msync_err_t *err)
{
    int  rc;

    in->result->failed++;
    in->failures = true;

    rc = msync_store_buffer_fail(in->store, rowid, field, reason, in->missing,
                                 in->missing_id, err);
    in->missing = NULL;
    msync_free(&in->missing_id);

    return rc;
}


static int
integrate_record(void *data, const msync_pending_t *pending,
    msync_err_t *err)
{
    int                   rc;
    msync_err_t           fault;
    integration_t        *in = data;
    const msync_field_t  *field = NULL;

    msync_err_clear(&fault);

    switch (in->action) {
    case MSYNC_ACTION_UPSERT:
        rc = upsert(in, pending, &field, &fault);
        break;
    case MSYNC_ACTION_DELETE:
        rc = delete(in, pending, &fault);
        break;
    default:
        rc = merge(in, pending, &fault);
        break;
    }

    in->done++;
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

    rc = fail(in, pending->rowid, field ? field->name : NULL, fault.text,
              err);

    return rc == MSYNC_OK && fault.note
           ? msync_store_buffer_note(in->store, pending->rowid, err) : rc;
}


/* begins a transaction: the application may have written before it */

static int
begin(integration_t *in, msync_err_t *err)
{
    int64_t  refused;

    in->open = 0;
    in->kept = *in->result;

    if (msync_store_begin_integration(in->store, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    if (msync_store_unsent_any(in->store, &in->unsent, err) != MSYNC_OK
        || msync_store_refused_count(in->store, &refused, err) != MSYNC_OK
        || msync_store_merged_any(in->store, &in->merged, err) != MSYNC_OK)
    {
        msync_store_rollback(in->store);
        return MSYNC_ERROR;
    }

    in->refused = refused > 0;

    return MSYNC_OK;
}


/* that some row owes a deferred key shows here, and which one when all are
 * written anew */

static int
commit(integration_t *in, msync_err_t *err)
{
    if (!in->careful && msync_store_owes(in->store)) {
        in->careful = true;
        in->again = true;
        return MSYNC_ERROR;
    }

    return msync_store_commit(in->store, err);
}


/* ends a transaction and begins the next */

static int
let_others(integration_t *in, msync_err_t *err)
{
    return commit(in, err) == MSYNC_OK ? begin(in, err) : MSYNC_ERROR;
}


static int
call_hook(integration_t *in, msync_err_t *err)
{
    in->result->seen = in->done;

    return in->hook ? in->hook(in->data, err) : MSYNC_OK;
}


/*
 * What was undone waits in the buffer, as does all of a first sync that
 * marks ahead.  The mark of the record at fault is committed before, so that
 * nothing goes round in circles.  Where very many are at fault, what each of
 * them undoes is kept small: that costs the one transaction.
 */

static int
begin_anew(integration_t *in, msync_err_t *err)
{
    in->again = false;
    in->bulk = false;
    *in->result = in->kept;

    if (msync_store_is_loose(in->store)) {
        in->result->integrated = 0;
    }

    in->done = in->result->integrated + in->result->failed;

    if (++in->attempts == ATTEMPTS) {
        in->limit = SLICE;
    }

    if (begin(in, err) != MSYNC_OK
        || msync_store_end_early(in->store, err) != MSYNC_OK
        || (in->culprit != 0
            && fail(in, in->culprit, in->field, in->fault.text, err)
               != MSYNC_OK)
        || let_others(in, err) != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    in->culprit = 0;

    return call_hook(in, err);
}


/* between two slices: report, and let others write if that is allowed */

static int
pause_between(integration_t *in, msync_err_t *err)
{
    int64_t  limit = in->bulk && in->limit < BULK ? BULK : in->limit;

    if (in->open >= limit && let_others(in, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    return call_hook(in, err);
}


static int
integrate_table(integration_t *in, const msync_table_t *table,
    msync_action_e action, msync_err_t *err)
{
    int64_t  after = 0, last, before;

    in->table = table;
    in->action = action;

    for ( ;; ) {
        before = in->done;

        if (msync_store_buffer_walk(in->store, table->name, action, after,
                                    SLICE, &last, integrate_record, in, err)
            != MSYNC_OK)
        {
            return MSYNC_ERROR;
        }

        if (last == after) {
            return MSYNC_OK;
        }

        if ((!in->bulk
             && msync_store_buffer_done(in->store, table->name, action, after,
                                        last, err) != MSYNC_OK)
            || pause_between(in, err) != MSYNC_OK)
        {
            return MSYNC_ERROR;
        }

        if (in->done - before < SLICE) {
            return MSYNC_OK;
        }

        if (in->bulk && after == 0
            && msync_store_settle_empty(in->store, table, err) != MSYNC_OK)
        {
            return MSYNC_ERROR;
        }

        after = last;
    }
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


/*
 * What a first sync marked ahead.  A kill before the end makes the next run
 * write rows again that are there: deletes and merges, which are not the
 * same when they come before an upsert, follow when all are rows.
 */

static int
integrate_ahead(integration_t *in, msync_err_t *err)
{
    if (!msync_store_is_loose(in->store)) {
        return MSYNC_OK;
    }

    in->bulk = true;

    /* pages that wait to be written would stand beside what is sorted */
    if (integrate_tables(in, MSYNC_ACTION_UPSERT, err) != MSYNC_OK
        || let_others(in, err) != MSYNC_OK
        || msync_store_settle_references(in->store, err) != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    in->bulk = false;

    /* a merge that is undone would undo what indexes are there as well */
    return let_others(in, err);
}


static int
integrate_all(integration_t *in, msync_err_t *err)
{
    size_t  i;

    if (msync_store_settle_large(in->store, err) != MSYNC_OK
        || msync_store_buffer_fail_unknown(in->store, err) != MSYNC_OK
        || integrate_ahead(in, err) != MSYNC_OK
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


int
msync_integrate(msync_store_t *store, const msync_catalogue_t *catalogue,
    bool whole, msync_hook_pt hook, void *data,
    msync_integrated_t *result, msync_err_t *err)
{
    int            rc;
    int64_t        failed;
    integration_t  in;

    memset(result, 0, sizeof(msync_integrated_t));
    memset(&in, 0, sizeof(integration_t));

    in.store = store;
    in.catalogue = catalogue;
    in.limit = whole ? INT64_MAX : TRANSACTION;
    in.whole = whole;
    in.hook = hook;
    in.data = data;
    in.result = result;

    if (msync_store_settle_buffer(store, err) != MSYNC_OK
        || msync_store_buffer_failed(store, &failed, err) != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    in.failures = failed > 0;
    rc = begin(&in, err);

    while (rc != MSYNC_OK || integrate_all(&in, err) != MSYNC_OK
           || commit(&in, err) != MSYNC_OK)
    {
        msync_store_rollback(store);

        if (!in.again) {
            return MSYNC_ERROR;
        }

        rc = begin_anew(&in, err);
    }

    return MSYNC_OK;
}
