/*
 * What becomes of one record of central.
 *
 * Promises: what this site has changed since its last push is not overwritten;
 * a record that this site cannot use is refused with words, and nothing else
 * of the transaction with it.
 */

#include <string.h>

#include "base/json.h"
#include "catalogue/v7.h"
#include "run/integrate_private.h"
#include "store/changelog.h"
#include "store/merge.h"
#include "store/refused.h"
#include "store/row.h"
#include "store/stores.h"

#define MERGE_ID_MAX  1024     /* octets */

static int rows_look(msync_rows_t *rows, msync_err_t *err);
static int rows_check_v7(msync_rows_t *rows, const msync_table_t *table,
    msync_action_e action, const msync_pending_t *pending, msync_err_t *err);
static int rows_find_unfit(msync_rows_t *rows, const msync_table_t *table,
    const msync_pending_t *pending, const char **unfit, msync_err_t *err);
static int rows_is_our_store(msync_rows_t *rows, const char *id, bool *ours,
    msync_err_t *err);
static int rows_refuse(msync_err_t *err, const char *reason);
static int rows_is_ours(msync_rows_t *rows, const msync_table_t *table,
    const char *id, bool *ours, msync_err_t *err);
static int rows_write(msync_rows_t *rows, msync_row_t *row,
    const msync_field_t **field, msync_err_t *err);
static int rows_is_foreign(msync_rows_t *rows, const msync_row_t *row,
    const msync_pending_t *pending, bool *foreign, msync_err_t *err);
static int rows_upsert(msync_rows_t *rows, const msync_table_t *table,
    const msync_pending_t *pending, const msync_field_t **field,
    msync_err_t *err);
static int rows_delete(msync_rows_t *rows, const msync_table_t *table,
    const msync_pending_t *pending, msync_err_t *err);
static int rows_merge(msync_rows_t *rows, const msync_table_t *table,
    const msync_pending_t *pending, msync_err_t *err);
static int rows_merge_into(msync_rows_t *rows, const msync_table_t *table,
    const char *lose, const char *named, msync_err_t *err);
static void rows_read_merge(const char *data, char **keep, char **lose);


int
msync_rows_begin(msync_rows_t *rows, bool unsynced, msync_err_t *err)
{
    int  rc;

    rc = unsynced ? msync_store_begin_integration_unsynced(rows->store, err)
                  : msync_store_begin_integration(rows->store, err);
    return rc == MSYNC_OK ? rows_look(rows, err) : MSYNC_ERROR;
}


int
msync_rows_begin_next(msync_rows_t *rows, msync_err_t *err)
{
    return msync_store_begin_next(rows->store, err) == MSYNC_OK
           ? rows_look(rows, err) : MSYNC_ERROR;
}


/* for what a row would have to wait, or have to be compared with */

static int
rows_look(msync_rows_t *rows, msync_err_t *err)
{
    int64_t  refused;

    if (msync_store_unsent_any(rows->store, &rows->unsent, err) != MSYNC_OK
        || msync_store_refused_count(rows->store, &refused, err) != MSYNC_OK
        || msync_store_merged_any(rows->store, &rows->merged, err)
           != MSYNC_OK)
    {
        msync_store_rollback(rows->store);
        return MSYNC_ERROR;
    }

    rows->refused = refused > 0;

    return MSYNC_OK;
}


int
msync_rows_put(msync_rows_t *rows, msync_row_t *row,
    const msync_pending_t *from, const msync_field_t **field,
    msync_err_t *err)
{
    int   rc;
    bool  ours;

    *field = NULL;

    if (row->side == MSYNC_V7
        && rows_check_v7(rows, row->table, MSYNC_ACTION_UPSERT, from, err)
           != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    rc = rows_is_ours(rows, row->table, row->values[row->table->key].text,
                      &ours, err);

    return rc != MSYNC_OK || ours ? rc : rows_write(rows, row, field, err);
}


static int
rows_write(msync_rows_t *rows, msync_row_t *row, const msync_field_t **field,
    msync_err_t *err)
{
    int   rc;
    bool  missing = false;

    if (msync_row_is_removal(row)) {
        return msync_store_row_delete(rows->store, row->table,
                                      row->values[row->table->key].text, err);
    }

    if (row->side == MSYNC_V7
        && msync_store_row_complete(rows->store, row, err) != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    if (rows->merged
        && msync_store_follow_merges(rows->store, row, err) != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    rc = msync_store_row_upsert(rows->store, row, rows->careful, field,
                                &missing, err);

    if (missing) {
        rows->missing = (*field)->target;
        rows->missing_id =
            msync_strdup(row->values[*field - row->table->fields].text);
    }

    return rc;
}


int
msync_rows_put_pending(msync_rows_t *rows, const msync_table_t *table,
    msync_action_e action, const msync_pending_t *pending,
    const msync_field_t **field, msync_err_t *err)
{
    *field = NULL;

    if (pending->side == MSYNC_V7
        && rows_check_v7(rows, table, action, pending, err) != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    switch (action) {
    case MSYNC_ACTION_UPSERT:
        return rows_upsert(rows, table, pending, field, err);
    case MSYNC_ACTION_DELETE:
        return rows_delete(rows, table, pending, err);
    default:
        return rows_merge(rows, table, pending, err);
    }
}


/*
 * By v7 a site may use what its envelope says is for it, and few tables know
 * deletes.  What the site alone changes comes only where it is not here yet:
 * see rows_is_foreign.
 */

static int
rows_check_v7(msync_rows_t *rows, const msync_table_t *table,
    msync_action_e action, const msync_pending_t *pending, msync_err_t *err)
{
    const char  *unfit;

    if (action == MSYNC_ACTION_MERGE) {
        return MSYNC_OK;
    }

    if (rows_find_unfit(rows, table, pending, &unfit, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    if (unfit == NULL && action == MSYNC_ACTION_DELETE
        && !msync_v7_takes_delete(table))
    {
        unfit = "sync v7 knows no delete of a record of this table";
    }

    if (unfit != NULL) {
        (void) rows_refuse(err, unfit);
        err->note = true;
        return MSYNC_ERROR;
    }

    return MSYNC_OK;
}


/* stores are looked for only where that decides */

static int
rows_find_unfit(msync_rows_t *rows, const msync_table_t *table,
    const msync_pending_t *pending, const char **unfit, msync_err_t *err)
{
    msync_v7_envelope_t  envelope = { 0 };

    envelope.has_store = pending->store != NULL;
    envelope.has_transfer_store = pending->transfer_store != NULL;
    envelope.has_patient = pending->patient != NULL;

    *unfit = msync_v7_unfit(table, &envelope);

    if (*unfit != NULL && envelope.has_store) {
        if (rows_is_our_store(rows, pending->store, &envelope.store_is_ours,
                              err) != MSYNC_OK)
        {
            return MSYNC_ERROR;
        }

        *unfit = msync_v7_unfit(table, &envelope);
    }

    if (*unfit != NULL && envelope.has_transfer_store) {
        if (rows_is_our_store(rows, pending->transfer_store,
                              &envelope.transfer_store_is_ours, err)
            != MSYNC_OK)
        {
            return MSYNC_ERROR;
        }

        *unfit = msync_v7_unfit(table, &envelope);
    }

    return MSYNC_OK;
}


static int
rows_is_our_store(msync_rows_t *rows, const char *id, bool *ours,
    msync_err_t *err)
{
    if (msync_store_is_ours(rows->store, id, ours, err) != MSYNC_OK) {
        err->scope = MSYNC_SCOPE_RUN;
        return MSYNC_ERROR;
    }

    return MSYNC_OK;
}


static int
rows_refuse(msync_err_t *err, const char *reason)
{
    msync_err_set(err, MSYNC_ERR_INTEGRATION_ERROR, "%s", reason);
    err->scope = MSYNC_SCOPE_RECORD;

    return MSYNC_ERROR;
}


/*
 * An edit of this site that was made after its last push is newer than what
 * central has sent: it stays, and the next push brings it to central.  One
 * that central has refused stays as well, but may never get there: then what
 * central sent waits, and is seen, until central takes the edit or sends
 * something else.
 */

static int
rows_is_ours(msync_rows_t *rows, const msync_table_t *table, const char *id,
    bool *ours, msync_err_t *err)
{
    bool  refused = false;

    *ours = false;

    if (table->push == 0) {
        return MSYNC_OK;
    }

    if ((rows->unsent
         && msync_store_unsent(rows->store, table, id, ours, err)
            != MSYNC_OK)
        || (rows->refused && !*ours
            && msync_store_refused_has(rows->store, table, id, &refused, err)
               != MSYNC_OK))
    {
        err->scope = MSYNC_SCOPE_RUN;
        return MSYNC_ERROR;
    }

    return refused ? rows_refuse(err, "this site has a change of the record "
                                      "that central refused: it is kept "
                                      "until it is corrected here and "
                                      "central takes it")
                   : MSYNC_OK;
}


static int
rows_upsert(msync_rows_t *rows, const msync_table_t *table,
    const msync_pending_t *pending, const msync_field_t **field,
    msync_err_t *err)
{
    int          rc;
    bool         ours, foreign;
    msync_row_t  row;

    /* what is ours stays, even where central's cannot be read */
    rc = rows_is_ours(rows, table, pending->record_id, &ours, err);
    if (rc != MSYNC_OK || ours) {
        return rc;
    }

    rc = msync_row_decode(&row, table, pending->side, pending->record_id,
                          pending->data, field, err);
    if (rc == MSYNC_DONE) {
        rc = MSYNC_OK;

    } else if (!(table->pull & pending->side)) {
        rc = rows_refuse(err, "this server does not send this table");
        err->note = true;
        *field = NULL;

    } else if (rc != MSYNC_OK) {
        err->scope = MSYNC_SCOPE_RECORD;

    } else if (rows_is_foreign(rows, &row, pending, &foreign, err)
               != MSYNC_OK)
    {
        rc = MSYNC_ERROR;

    } else if (foreign) {
        rc = rows_refuse(err, "it belongs to this site, which alone changes "
                              "it; what central has sent of it is not "
                              "taken");
        err->note = true;

    } else {
        rc = rows_write(rows, &row, field, err);
    }

    msync_row_clear(&row);
    return rc;
}


/* a change of what this site alone changes, made elsewhere */

static int
rows_is_foreign(msync_rows_t *rows, const msync_row_t *row,
    const msync_pending_t *pending, bool *foreign, msync_err_t *err)
{
    bool  ours = true;

    *foreign = false;

    if (!rows->in_use || msync_row_is_removal(row)
        || !msync_table_is_own(row->table, pending->side))
    {
        return MSYNC_OK;
    }

    /* v7 says it; else the row does */
    if (pending->side == MSYNC_V7) {
        ours = false;

        if (pending->store != NULL
            && rows_is_our_store(rows, pending->store, &ours, err)
               != MSYNC_OK)
        {
            return MSYNC_ERROR;
        }
    }

    return ours ? msync_store_row_differs(rows->store, row, foreign, err)
                : MSYNC_OK;
}


static int
rows_delete(msync_rows_t *rows, const msync_table_t *table,
    const msync_pending_t *pending, msync_err_t *err)
{
    if (table->on_delete == MSYNC_DELETE_SOFT) {
        return msync_store_row_soft_delete(rows->store, table,
                                           pending->record_id, err);
    }

    /* where Open mSupply handles no delete, a row that nothing refers to is
     * missed by nobody */
    return msync_store_row_delete(rows->store, table, pending->record_id,
                                  err);
}


static int
rows_merge(msync_rows_t *rows, const msync_table_t *table,
    const msync_pending_t *pending, msync_err_t *err)
{
    int    rc;
    char  *keep = NULL, *lose = NULL;

    if (pending->data != NULL) {
        rows_read_merge(pending->data, &keep, &lose);
    }

    if (!table->merge) {
        rc = rows_refuse(err, "records of this table cannot be merged");

    } else if (keep == NULL || lose == NULL || strcmp(keep, lose) == 0) {
        rc = rows_refuse(err, "a merge names two records, mergeIdToKeep and "
                              "mergeIdToDelete");
    } else {
        rc = rows_merge_into(rows, table, lose, keep, err);
    }

    msync_free(&keep);
    msync_free(&lose);

    return rc;
}


/* the first of equal members; owned by the caller, NULL where there is none
 * or it is no text */

static void
rows_read_merge(const char *data, char **keep, char **lose)
{
    char                key[MSYNC_JSON_KEY_MAX], **at;
    msync_json_t        json;
    msync_json_slice_t  value;

    msync_json_init(&json, data, strlen(data));

    if (!msync_json_enter(&json, MSYNC_JSON_OBJECT)) {
        return;
    }

    while (msync_json_member(&json, key) && msync_json_skip(&json, &value)) {
        at = strcmp(key, "mergeIdToKeep") == 0 ? keep
             : strcmp(key, "mergeIdToDelete") == 0 ? lose : NULL;

        if (at != NULL && *at == NULL) {
            *at = msync_json_text(&value, MERGE_ID_MAX);
        }
    }
}


/*
 * The loser's references go to the record that is kept, or to what that one
 * has become by now, unless it is the loser: then it lives again.  A
 * merge of two records that this site does not have concerns others.
 */

static int
rows_merge_into(msync_rows_t *rows, const msync_table_t *table,
    const char *lose, const char *named, msync_err_t *err)
{
    int          rc = MSYNC_ERROR;
    bool         kept, lost = false;
    char        *later;
    const char  *keep;

    if (msync_store_merged(rows->store, table, named, &later, err)
        != MSYNC_OK)
    {
        err->scope = MSYNC_SCOPE_RUN;
        return MSYNC_ERROR;
    }

    keep = later != NULL && strcmp(later, lose) != 0 ? later : named;

    if (msync_store_row_exists(rows->store, table, keep, &kept, err)
        != MSYNC_OK
        || (!kept
            && msync_store_row_exists(rows->store, table, lose, &lost, err)
               != MSYNC_OK))
    {
        err->scope = MSYNC_SCOPE_RUN;

    } else if (kept) {
        rc = msync_store_row_merge(rows->store, table, lose, keep, err);

    } else if (lost) {
        rows->missing = table;
        rows->missing_id = msync_strdup(keep);
        rows_refuse(err, "the record to keep (mergeIdToKeep) is not here "
                         "yet");
    } else {
        rc = MSYNC_OK;
    }

    msync_free(&later);
    return rc;
}
