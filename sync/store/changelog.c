/*
 * The changelog: the next batch of what waits, with its rows.
 *
 * Promises: each record is there once, with its latest change; a change that
 * another server takes only moves the cursor; a row that is gone without a
 * DELETE in the changelog is skipped, not invented; one that is gone although
 * its last change is an UPSERT was deleted by a trigger of the application's
 * that ran before ours, and is deleted at central; one that is there is not
 * deleted by an old one.
 */

#include "store/nameless_private.h"
#include "base/log.h"

/* the next changes, from the cursor on */
#define CHANGES                                                               \
    "SELECT cursor, table_name, record_id, row_action, store_id, parent_id "  \
    "FROM changelog WHERE cursor >= ?2 AND %s AND " MSYNC_SQL_LATEST          \
    " ORDER BY cursor LIMIT ?3"

/* whether there is a delete of a record */
#define DELETED                                                               \
    "SELECT 1 FROM changelog WHERE record_id = ?2 AND table_name = ?3 AND "   \
    "row_action = 'DELETE' AND %s LIMIT 1"

/* whether there is one behind the cursor of a server */
#define UNSENT(condition)                                                     \
    "SELECT 1 FROM changelog WHERE " condition " AND (cursor >= ?2 OR "       \
    "cursor >= ?3) AND %s LIMIT 1"

typedef struct {
    unsigned        side;
    int64_t         taken;         /* before this cursor a server took what it
                                      takes only once (forget.h) */
    msync_batch_t  *batch;         /* borrowed */
    msync_batch_t   unfit;         /* cannot be sent, `data` says why */
    msync_batch_t   deleted;       /* changes that nothing is left of */
} reading_t;


static sqlite3_stmt *changelog_prepare(msync_store_t *store, msync_stmt_e which,
    const char *format, msync_err_t *err);
static sqlite3_stmt *changelog_prepare_unsent(msync_store_t *store,
    msync_stmt_e which, const char *format, unsigned push, msync_err_t *err);
static int changelog_bind_unsent(msync_store_t *store, sqlite3_stmt *stmt,
    unsigned push, msync_err_t *err);
static msync_record_t *changelog_add_record(msync_batch_t *batch,
    sqlite3_stmt *changes, const char *id, msync_action_e action);
static void changelog_skip_row(reading_t *reading, sqlite3_stmt *changes,
    const char *id, const char *why);
static int changelog_add_unsendable(msync_store_t *store,
    const msync_table_t *table, const char *id, msync_action_e action,
    sqlite3_stmt *changes, reading_t *reading, msync_err_t *err);
static int changelog_check_whole(msync_store_t *store,
    const msync_table_t *table, const char *id, msync_err_t *err);
static int changelog_add_change(msync_store_t *store, sqlite3_stmt *changes,
    reading_t *reading, msync_err_t *err);
static int changelog_add_delete(msync_store_t *store,
    const msync_table_t *table, const char *id, sqlite3_stmt *changes,
    reading_t *reading, msync_err_t *err);
static int changelog_add_missing(msync_store_t *store,
    const msync_table_t *table, const char *id, sqlite3_stmt *changes,
    reading_t *reading, msync_err_t *err);
static int changelog_end_reading(msync_store_t *store, reading_t *reading,
    msync_err_t *err);


/* `format` gets the condition of changes that this site may send; ?1 is the
 * site, the other arguments are the caller's */

static sqlite3_stmt *
changelog_prepare(msync_store_t *store, msync_stmt_e which, const char *format,
    msync_err_t *err)
{
    char          *sql;
    int64_t        site = -1;
    sqlite3_stmt  *stmt = store->stmts[which];

    if (stmt == NULL) {
        sql = sqlite3_mprintf(format, store->changes_filter);
        stmt = sql ? msync_store_stmt(store, which, sql, err) : NULL;
        sqlite3_free(sql);
    }

    if (stmt == NULL
        || msync_store_get_int(store, MSYNC_KEY_SITE_ID, &site, err)
           != MSYNC_OK)
    {
        return NULL;
    }

    sqlite3_clear_bindings(stmt);
    sqlite3_bind_int64(stmt, 1, site);

    return stmt;
}


int
msync_store_sides(msync_store_t *store, unsigned *sides, msync_err_t *err)
{
    msync_speaks_e  speaks;

    if (msync_store_speaks(store, &speaks, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    *sides = speaks == MSYNC_SPEAKS_V7 ? MSYNC_V7
                                       : MSYNC_LEGACY|MSYNC_OMSUPPLY;

    return MSYNC_OK;
}


/* a change behind a push cursor; ?2 and ?3 are the cursors of the servers, NULL
 * where one does not take the table */

static sqlite3_stmt *
changelog_prepare_unsent(msync_store_t *store, msync_stmt_e which,
    const char *format, unsigned push, msync_err_t *err)
{
    sqlite3_stmt  *stmt;

    stmt = changelog_prepare(store, which, format, err);

    return stmt != NULL
           && changelog_bind_unsent(store, stmt, push, err) == MSYNC_OK
           ? stmt : NULL;
}


static int
changelog_bind_unsent(msync_store_t *store, sqlite3_stmt *stmt, unsigned push,
    msync_err_t *err)
{
    size_t    i;
    int64_t   cursor;
    unsigned  sides;

    static const struct {
        unsigned     side;
        const char  *key;
        int          at;
    } cursors[] = {
        { MSYNC_LEGACY,   MSYNC_KEY_PUSH_CURSOR,    2 },
        { MSYNC_OMSUPPLY, MSYNC_KEY_PUSH_V6_CURSOR, 3 },
        { MSYNC_V7,       MSYNC_KEY_PUSH_V7_CURSOR, 3 }
    };

    if (msync_store_sides(store, &sides, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    push &= sides;

    for (i = 0; i < sizeof(cursors) / sizeof(*cursors); i++) {
        cursor = 0;

        if (!(push & cursors[i].side)) {
            continue;
        }

        if (msync_store_get_int(store, cursors[i].key, &cursor, err)
            != MSYNC_OK)
        {
            return MSYNC_ERROR;
        }

        sqlite3_bind_int64(stmt, cursors[i].at, cursor);
    }

    return MSYNC_OK;
}


int
msync_store_changelog_end(msync_store_t *store, int64_t *cursor,
    msync_err_t *err)
{
    return msync_store_scalar(store,
        msync_store_stmt(store, MSYNC_STMT_CHANGELOG_END,
                         "SELECT max(cursor) FROM changelog", err),
        cursor, "changelog", err);
}


int
msync_store_unsent(msync_store_t *store, const msync_table_t *table,
    const char *id, bool *unsent, msync_err_t *err)
{
    sqlite3_stmt  *stmt;

    /* what both servers take goes to mSupply central last */
    stmt = changelog_prepare_unsent(store, MSYNC_STMT_UNSENT,
                                    UNSENT("record_id = ?4 AND "
                                           "table_name = ?5"),
                                    table->push & MSYNC_LEGACY
                                    ? table->push & ~MSYNC_OMSUPPLY
                                    : table->push, err);
    if (stmt == NULL) {
        return MSYNC_ERROR;
    }

    sqlite3_bind_text(stmt, 4, id, -1, SQLITE_STATIC);
    sqlite3_bind_text(stmt, 5, table->name, -1, SQLITE_STATIC);

    return msync_store_found(store, stmt, unsent, "looking for a change", err);
}


int
msync_store_unsent_any(msync_store_t *store, bool *unsent, msync_err_t *err)
{
    sqlite3_stmt  *stmt;

    stmt = changelog_prepare_unsent(store, MSYNC_STMT_UNSENT_ANY, UNSENT("1"),
                                    MSYNC_LEGACY|MSYNC_OMSUPPLY|MSYNC_V7,
                                    err);

    return msync_store_found(store, stmt, unsent, "looking for changes", err);
}


static msync_record_t *
changelog_add_record(msync_batch_t *batch, sqlite3_stmt *changes,
    const char *id, msync_action_e action)
{
    msync_record_t  *record;

    record = msync_batch_add(batch);
    record->table = msync_strdup(
                        (const char *) sqlite3_column_text(changes, 1));
    record->id = msync_strdup(id);
    record->action = action;
    record->cursor = sqlite3_column_int64(changes, 0);

    return record;
}


static void
changelog_skip_row(reading_t *reading, sqlite3_stmt *changes, const char *id,
    const char *why)
{
    changelog_add_record(&reading->unfit, changes, id, MSYNC_ACTION_UPSERT)
        ->data = msync_strdup(why);
}


/* a row that is not there any more, or one whose id central cannot have */

static int
changelog_add_unsendable(msync_store_t *store, const msync_table_t *table,
    const char *id, msync_action_e action, sqlite3_stmt *changes,
    reading_t *reading, msync_err_t *err)
{
    bool  there = false;

    if (action == MSYNC_ACTION_UPSERT
        && msync_store_nameless_exists(store, table, id, &there, err)
           != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    if (there) {
        changelog_skip_row(reading, changes, id, *id == '\0'
                           ? "its id is empty; give it one in the application"
                           : "its id holds octets that are no text; give it "
                             "another one in the application");

    } else {
        changelog_add_record(&reading->deleted, changes, id, action);
    }

    return MSYNC_OK;
}


/* central takes it without its other half, and then fails whenever any site
 * asks for records, as it cannot read it */

static int
changelog_check_whole(msync_store_t *store, const msync_table_t *table,
    const char *id, msync_err_t *err)
{
    bool                  exists;
    const char           *name = msync_table_whole(table);
    const msync_table_t  *whole;

    whole = name ? msync_catalogue_find(store->catalogue, name) : NULL;

    if (whole == NULL) {
        return MSYNC_OK;
    }

    if (msync_store_row_exists(store, whole, id, &exists, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    if (exists) {
        return MSYNC_OK;
    }

    msync_err_set(err, MSYNC_ERR_DATABASE_ERROR,
                  "field \"%s\" is the id of no row of \"%s\", so the row "
                  "cannot be sent; make that row or delete this one in the "
                  "application", table->fields[table->key].name, name);
    err->scope = MSYNC_SCOPE_RECORD;

    return MSYNC_ERROR;
}


static int
changelog_add_change(msync_store_t *store, sqlite3_stmt *changes,
    reading_t *reading, msync_err_t *err)
{
    int                   rc;
    char                 *nameless;
    const char           *name, *id;
    msync_action_e        action;
    msync_record_t       *record, read = { 0 };
    const msync_table_t  *table;

    name = (const char *) sqlite3_column_text(changes, 1);
    table = msync_catalogue_find(store->catalogue, name);
    action = sqlite3_column_text(changes, 3)[0] == 'D'
             ? MSYNC_ACTION_DELETE : MSYNC_ACTION_UPSERT;

    if (table == NULL || !(table->push & reading->side)
        || (msync_table_is_once(table)
            && sqlite3_column_int64(changes, 0) < reading->taken))
    {
        return MSYNC_OK;
    }

    nameless = msync_store_nameless(store, changes, 2);

    if (nameless != NULL) {
        rc = changelog_add_unsendable(store, table, nameless, action, changes,
                                      reading, err);
        msync_free(&nameless);
        return rc;
    }

    id = (const char *) sqlite3_column_text(changes, 2);

    if (action == MSYNC_ACTION_DELETE) {
        return changelog_add_delete(store, table, id, changes, reading, err);
    }

    rc = msync_store_row_read(store, table, id, reading->side, true, &read,
                              err);

    if (rc == MSYNC_OK
        && changelog_check_whole(store, table, id, err) != MSYNC_OK)
    {
        msync_record_clear(&read);
        rc = MSYNC_ERROR;
    }

    if (rc == MSYNC_DONE) {
        return changelog_add_missing(store, table, id, changes, reading, err);
    }

    if (rc == MSYNC_ERROR && err->scope == MSYNC_SCOPE_RECORD) {
        changelog_skip_row(reading, changes, id, err->text);
        return MSYNC_OK;
    }

    if (rc == MSYNC_ERROR) {
        return MSYNC_ERROR;
    }

    record = changelog_add_record(reading->batch, changes, id, action);
    record->data = read.data;
    record->data_length = read.data_length;
    record->store = read.store;
    record->transfer_store = read.transfer_store;
    record->patient = read.patient;

    return MSYNC_OK;
}


/* a row that is there although its last change here is a delete has come from
 * central behind it: where all goes out once more, that delete is over */

static int
changelog_add_delete(msync_store_t *store, const msync_table_t *table,
    const char *id, sqlite3_stmt *changes, reading_t *reading,
    msync_err_t *err)
{
    bool             exists;
    msync_record_t  *record;

    if (msync_store_row_exists(store, table, id, &exists, err) != MSYNC_OK) {
        err->scope = MSYNC_SCOPE_RUN;
        return MSYNC_ERROR;
    }

    record = changelog_add_record(exists ? &reading->deleted : reading->batch,
                                  changes, id, MSYNC_ACTION_DELETE);

    if (exists || reading->side != MSYNC_V7) {
        return MSYNC_OK;
    }

    return msync_store_deleted_envelope(store, table,
               (const char *) sqlite3_column_text(changes, 4),
               (const char *) sqlite3_column_text(changes, 5), record, err);
}


/* a row whose last change is an UPSERT, and that is not there */

static int
changelog_add_missing(msync_store_t *store, const msync_table_t *table,
    const char *id, sqlite3_stmt *changes, reading_t *reading,
    msync_err_t *err)
{
    bool           deleted;
    sqlite3_stmt  *stmt;

    stmt = changelog_prepare(store, MSYNC_STMT_CHANGES_DELETE, DELETED, err);

    if (stmt != NULL) {
        sqlite3_bind_text(stmt, 2, id, -1, SQLITE_STATIC);
        sqlite3_bind_text(stmt, 3, table->name, -1, SQLITE_STATIC);
    }

    if (msync_store_found(store, stmt, &deleted, "looking for a delete", err)
        != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    return deleted ? changelog_add_delete(store, table, id, changes, reading,
                                          err)
                   : changelog_add_unsendable(store, table, id,
                                              MSYNC_ACTION_UPSERT, changes,
                                              reading, err);
}


/* a row with a value of a wrong type: its application can mend it, nobody
 * else has to wait for that; and a refused row that is gone is no failure
 * any more */

static int
changelog_end_reading(msync_store_t *store, reading_t *reading,
    msync_err_t *err)
{
    int              rc = MSYNC_OK;
    size_t           i;
    msync_record_t  *record;

    for (i = 0; rc == MSYNC_OK && i < reading->unfit.n; i++) {
        record = &reading->unfit.records[i];

        msync_log(MSYNC_LOG_WARN, "%s \"%s\" cannot be sent: %s",
                  record->table, record->id, record->data);

        rc = msync_store_refused_put(store, reading->side, record,
                                     record->data, err);
    }

    if (rc == MSYNC_OK && reading->deleted.n > 0) {
        rc = msync_store_refused_clear(store, reading->side, &reading->deleted,
                                       err);
    }

    msync_batch_clear(&reading->unfit);
    msync_batch_clear(&reading->deleted);

    return rc;
}


int
msync_store_changes(msync_store_t *store, unsigned side, int64_t cursor,
    unsigned limit, size_t octets, msync_batch_t *batch, int64_t *processed,
    msync_err_t *err)
{
    int            code, rc = MSYNC_OK;
    size_t         n, sum = 0;
    reading_t      reading = { 0 };
    sqlite3_stmt  *stmt;

    *processed = 0;
    batch->next = cursor;
    reading.side = side;
    reading.batch = batch;

    if (msync_store_get_int(store, MSYNC_KEY_PUSH_V6_TAKEN, &reading.taken,
                            err) != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    stmt = changelog_prepare(store, MSYNC_STMT_CHANGES, CHANGES, err);
    if (stmt == NULL) {
        return MSYNC_ERROR;
    }

    sqlite3_bind_int64(stmt, 2, cursor);
    sqlite3_bind_int(stmt, 3, limit);

    while ((code = sqlite3_step(stmt)) == SQLITE_ROW) {
        n = batch->n;

        rc = changelog_add_change(store, stmt, &reading, err);
        if (rc != MSYNC_OK) {
            break;
        }

        batch->next = sqlite3_column_int64(stmt, 0) + 1;
        (*processed)++;

        if (batch->n > n) {
            sum += batch->records[n].data_length;
        }

        if (sum >= octets) {
            code = SQLITE_DONE;
            break;
        }
    }

    if (rc == MSYNC_OK && code != SQLITE_DONE) {
        rc = msync_store_fault(store, "reading the changelog", err);
    }

    sqlite3_reset(stmt);

    if (changelog_end_reading(store, &reading,
                              rc == MSYNC_OK ? err : &(msync_err_t) { 0 })
        != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    return rc;
}
