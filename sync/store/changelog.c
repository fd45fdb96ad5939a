/*
 * The changelog: the next batch of what waits, with its rows.
 *
 * Promises: each record is there once, with its latest change; a change that
 * another server takes only moves the cursor; a row that is gone without a
 * DELETE in the changelog is skipped, not invented.
 */

#include <stdlib.h>
#include <string.h>

#include "store/store_private.h"
#include "base/log.h"

/* a later change of the same record makes an earlier one superfluous */
#define LATEST                                                                \
    " AND NOT EXISTS (SELECT 1 FROM changelog l WHERE"                        \
    " l.record_id = changelog.record_id"                                      \
    " AND l.table_name = changelog.table_name"                                \
    " AND l.cursor > changelog.cursor)"


/* the next changes, from the cursor on */
#define CHANGES                                                               \
    "SELECT cursor, table_name, record_id, row_action FROM changelog WHERE "  \
    "cursor >= ?2 AND %s" LATEST " ORDER BY cursor LIMIT ?3"

typedef struct {
    unsigned        side;
    msync_batch_t  *batch;         /* borrowed */
    msync_batch_t   aside;         /* cannot be sent, "data" says why */
    msync_batch_t   gone;          /* rows that are not there any more */
} reading_t;


static sqlite3_stmt *changelog_prepare(msync_store_t *store, msync_stmt_e which,
    const char *format, int64_t cursor, msync_err_t *err);
static sqlite3_stmt *changelog_prepare_unsent(msync_store_t *store,
    msync_stmt_e which, const char *condition, unsigned push, msync_err_t *err);
static void changelog_add_columns(sqlite3_str *sql, const msync_table_t *table);
static sqlite3_stmt *changelog_select_row(msync_store_t *store,
    const msync_table_t *table, msync_err_t *err);
static void changelog_read_column(msync_row_t *row, size_t i,
    sqlite3_stmt *stmt);
static msync_record_t *changelog_add_record(msync_batch_t *batch,
    sqlite3_stmt *changes, msync_action_e action);
static bool changelog_is_odd_id(sqlite3_stmt *changes);
static void changelog_skip_row(reading_t *reading, sqlite3_stmt *changes,
    const char *why);
static int changelog_add_change(msync_store_t *store, sqlite3_stmt *changes,
    reading_t *reading, msync_err_t *err);
static int changelog_end_reading(msync_store_t *store, reading_t *reading,
    msync_err_t *err);


static sqlite3_stmt *
changelog_prepare(msync_store_t *store, msync_stmt_e which, const char *format,
    int64_t cursor, msync_err_t *err)
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

    sqlite3_bind_int64(stmt, 1, site);
    sqlite3_bind_int64(stmt, 2, cursor);

    return stmt;
}


/* a change behind a push cursor that this site may send; ?2 and ?3 are the
 * cursors of the two servers, NULL where one does not take the table */

static sqlite3_stmt *
changelog_prepare_unsent(msync_store_t *store, msync_stmt_e which,
    const char *condition, unsigned push, msync_err_t *err)
{
    char          *sql;
    int64_t        site = -1, legacy = 0, omsupply = 0;
    sqlite3_stmt  *stmt = store->stmts[which];

    if (stmt == NULL) {
        sql = sqlite3_mprintf("SELECT 1 FROM changelog WHERE %s(cursor >= ?2 "
                              "OR cursor >= ?3) AND %s LIMIT 1", condition,
                              store->changes_filter);
        stmt = sql ? msync_store_stmt(store, which, sql, err) : NULL;
        sqlite3_free(sql);
    }

    if (stmt == NULL
        || msync_store_get_int(store, MSYNC_KEY_SITE_ID, &site, err)
           != MSYNC_OK
        || msync_store_get_int(store, MSYNC_KEY_PUSH_CURSOR, &legacy, err)
           != MSYNC_OK
        || msync_store_get_int(store, MSYNC_KEY_PUSH_V6_CURSOR, &omsupply,
                               err) != MSYNC_OK)
    {
        return NULL;
    }

    sqlite3_clear_bindings(stmt);
    sqlite3_bind_int64(stmt, 1, site);

    if (push & MSYNC_LEGACY) {
        sqlite3_bind_int64(stmt, 2, legacy);
    }

    if (push & MSYNC_OMSUPPLY) {
        sqlite3_bind_int64(stmt, 3, omsupply);
    }

    return stmt;
}


int
msync_store_unsent(msync_store_t *store, const msync_table_t *table,
    const char *id, bool *found, msync_err_t *err)
{
    sqlite3_stmt  *stmt;

    /* what both servers take goes to mSupply central last */
    stmt = changelog_prepare_unsent(store, MSYNC_STMT_UNSENT,
                                    "record_id = ?4 AND table_name = ?5 AND ",
                                    table->push & MSYNC_LEGACY
                                    ? MSYNC_LEGACY : table->push, err);
    if (stmt == NULL) {
        return MSYNC_ERROR;
    }

    sqlite3_bind_text(stmt, 4, id, -1, SQLITE_STATIC);
    sqlite3_bind_text(stmt, 5, table->name, -1, SQLITE_STATIC);

    return msync_store_found(store, stmt, found, "looking for a change", err);
}


int
msync_store_unsent_any(msync_store_t *store, bool *found, msync_err_t *err)
{
    sqlite3_stmt  *stmt;

    stmt = changelog_prepare_unsent(store, MSYNC_STMT_UNSENT_ANY, "",
                                    MSYNC_LEGACY|MSYNC_OMSUPPLY, err);

    return msync_store_found(store, stmt, found, "looking for changes", err);
}


/* a quoted name alone that is no column is a text to SQLite; t. makes it an
 * error */

static void
changelog_add_columns(sqlite3_str *sql, const msync_table_t *table)
{
    size_t  i;

    for (i = 0; i < table->n; i++) {
        sqlite3_str_appendf(sql, "t.\"%w\", ", table->fields[i].name);
    }

    sqlite3_str_appendall(sql, "t.msync_extra");
}


static sqlite3_stmt *
changelog_select_row(msync_store_t *store, const msync_table_t *table,
    msync_err_t *err)
{
    sqlite3_str          *sql;
    msync_table_stmts_t  *stmts;

    stmts = &store->tables[table - store->catalogue->tables];

    if (stmts->select == NULL) {
        sql = sqlite3_str_new(store->db);
        sqlite3_str_appendall(sql, "SELECT ");
        changelog_add_columns(sql, table);
        sqlite3_str_appendf(sql, " FROM \"%w\" AS t WHERE t.\"%w\" = "
                            "?1", table->sql, table->fields[table->key].name);
        stmts->select = msync_store_prepare_own(store,
                                                sqlite3_str_finish(sql), err);
    }

    return stmts->select;
}


static void
changelog_read_column(msync_row_t *row, size_t i, sqlite3_stmt *stmt)
{
    msync_value_t  *value = &row->values[i];

    switch (sqlite3_column_type(stmt, i)) {

    case SQLITE_INTEGER:
        value->kind = MSYNC_VALUE_INTEGER;
        value->integer = sqlite3_column_int64(stmt, i);
        break;

    case SQLITE_FLOAT:
        value->kind = MSYNC_VALUE_REAL;
        value->real = sqlite3_column_double(stmt, i);
        break;

    case SQLITE_NULL:
        value->kind = MSYNC_VALUE_NULL;
        break;

    case SQLITE_BLOB:
        value->kind = MSYNC_VALUE_BLOB;
        value->text = sqlite3_column_blob(stmt, i);
        value->length = sqlite3_column_bytes(stmt, i);

        /* of no octets there are none */
        value->text = value->text ? value->text : "";
        break;

    default:
        value->kind = MSYNC_VALUE_TEXT;
        value->text = (const char *) sqlite3_column_text(stmt, i);
        value->length = sqlite3_column_bytes(stmt, i);

        if (value->text == NULL) {
            msync_out_of_memory();
        }
        break;
    }
}


int
msync_store_row_read(msync_store_t *store, const msync_table_t *table,
    const char *id, char **data, size_t *length, msync_err_t *err)
{
    int            code, rc = MSYNC_DONE;
    size_t         i;
    const char    *extra;
    msync_row_t    row;
    sqlite3_stmt  *stmt;

    *data = NULL;

    stmt = changelog_select_row(store, table, err);
    if (stmt == NULL) {
        err->scope = MSYNC_SCOPE_RUN;
        return MSYNC_ERROR;
    }

    sqlite3_bind_text(stmt, 1, id, -1, SQLITE_TRANSIENT);
    code = sqlite3_step(stmt);

    if (code == SQLITE_ROW) {
        msync_row_init(&row, table);

        for (i = 0; i < table->n; i++) {
            changelog_read_column(&row, i, stmt);
        }

        extra = (const char *) sqlite3_column_text(stmt, table->n);
        row.extra = extra ? msync_strdup(extra) : NULL;

        *data = msync_row_encode(&row, length, err);
        rc = MSYNC_OK;

        if (*data == NULL) {
            err->scope = MSYNC_SCOPE_RECORD;
            rc = MSYNC_ERROR;
        }

        msync_row_clear(&row);

    } else if (code != SQLITE_DONE) {
        rc = msync_store_fault(store, table->name, err);
        err->scope = MSYNC_SCOPE_RUN;
    }

    sqlite3_reset(stmt);
    return rc;
}


/* one batch while it is read; "aside" and "gone" are written down when the
 * reading is over, for a reader may not become a writer half-way */

static msync_record_t *
changelog_add_record(msync_batch_t *batch, sqlite3_stmt *changes,
    msync_action_e action)
{
    msync_record_t  *record;

    record = msync_batch_add(batch);
    record->table = msync_strdup(
                        (const char *) sqlite3_column_text(changes, 1));
    record->id = msync_strdup(
                     (const char *) sqlite3_column_text(changes, 2));
    record->action = action;
    record->cursor = sqlite3_column_int64(changes, 0);

    return record;
}


/*
 * An id that an application made of other octets than text: cut short it
 * would name another record.  Its row was never sent, so that a DELETE has
 * nobody to be told to.
 */

static bool
changelog_is_odd_id(sqlite3_stmt *changes)
{
    return sqlite3_column_type(changes, 2) != SQLITE_TEXT
           || strlen((const char *) sqlite3_column_text(changes, 2))
              != (size_t) sqlite3_column_bytes(changes, 2);
}


static void
changelog_skip_row(reading_t *reading, sqlite3_stmt *changes, const char *why)
{
    changelog_add_record(&reading->aside, changes, MSYNC_ACTION_UPSERT)->data
        = msync_strdup(why);
}


static int
changelog_add_change(msync_store_t *store, sqlite3_stmt *changes,
    reading_t *reading, msync_err_t *err)
{
    int                   rc;
    char                 *data = NULL;
    size_t                length = 0;
    const char           *name, *id;
    msync_action_e        action;
    msync_record_t       *record;
    const msync_table_t  *table;

    bool  odd = changelog_is_odd_id(changes);

    name = (const char *) sqlite3_column_text(changes, 1);
    id = (const char *) sqlite3_column_text(changes, 2);
    table = msync_catalogue_find(store->catalogue, name);
    action = sqlite3_column_text(changes, 3)[0] == 'D'
             ? MSYNC_ACTION_DELETE : MSYNC_ACTION_UPSERT;

    if (table == NULL || !(table->push & reading->side)) {
        return MSYNC_OK;
    }

    if (odd) {
        if (action == MSYNC_ACTION_UPSERT) {
            changelog_skip_row(reading, changes, "its id holds octets that "
                               "are no text; give it another one in the "
                               "application");
        }
        return MSYNC_OK;
    }

    if (action == MSYNC_ACTION_UPSERT) {
        rc = msync_store_row_read(store, table, id, &data, &length, err);

        if (rc == MSYNC_DONE) {
            changelog_add_record(&reading->gone, changes, action);
            return MSYNC_OK;
        }

        if (rc == MSYNC_ERROR && err->scope == MSYNC_SCOPE_RECORD) {
            changelog_skip_row(reading, changes, err->text);
            return MSYNC_OK;
        }

        if (rc == MSYNC_ERROR) {
            return MSYNC_ERROR;
        }
    }

    record = changelog_add_record(reading->batch, changes, action);
    record->data = data;
    record->data_length = length;

    return MSYNC_OK;
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

    for (i = 0; rc == MSYNC_OK && i < reading->aside.n; i++) {
        record = &reading->aside.records[i];

        msync_log(MSYNC_LOG_WARN, "%s \"%s\" cannot be sent: %s",
                  record->table, record->id, record->data);

        rc = msync_store_refused_put(store, reading->side, record,
                                     record->data, err);
    }

    if (rc == MSYNC_OK && reading->gone.n > 0) {
        rc = msync_store_refused_clear(store, reading->side, &reading->gone,
                                       err);
    }

    msync_batch_clear(&reading->aside);
    msync_batch_clear(&reading->gone);

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

    stmt = changelog_prepare(store, MSYNC_STMT_CHANGES, CHANGES, cursor, err);
    if (stmt == NULL) {
        return MSYNC_ERROR;
    }

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
