/*
 * Columns that the application has declared so that SQLite makes numbers of
 * texts: of type "STRING" or "UUID", for one, by which "0012" becomes 12.
 *
 * Promises: no text of central's is kept as another one; a record that has
 * such a text waits with the name of its field, and the others become rows.
 */

#include <stdio.h>
#include <string.h>

#include "store/store_private.h"


static bool affinity_takes_texts(const char *type);
static bool affinity_keeps(msync_store_t *store, const msync_table_t *table,
    size_t i, const char **type);
static int affinity_look(msync_store_t *store, const msync_table_t *table,
    msync_table_stmts_t *stmts, msync_err_t *err);
static int affinity_compare(msync_store_t *store, const msync_row_t *row,
    sqlite3_stmt *stmt, const msync_field_t **at, msync_err_t *err);


/* as SQLite decides by the words of a type; "ANY" is that of a STRICT table */

static bool
affinity_takes_texts(const char *type)
{
    size_t  i;

    static const char *const  words[] = { "%CHAR%", "%CLOB%", "%TEXT%",
                                          "%BLOB%" };

    if (*type == '\0' || sqlite3_stricmp(type, "ANY") == 0) {
        return true;
    }

    if (sqlite3_strlike("%INT%", type, 0) == 0) {
        return false;
    }

    for (i = 0; i < sizeof(words) / sizeof(*words); i++) {
        if (sqlite3_strlike(words[i], type, 0) == 0) {
            return true;
        }
    }

    return false;
}


/* whether the column of a field leaves texts as they are; fields of other types
 * have no texts, or, as dates, none that SQLite would make a number of */

static bool
affinity_keeps(msync_store_t *store, const msync_table_t *table, size_t i,
    const char **type)
{
    const msync_field_t  *field = &table->fields[i];

    *type = NULL;

    if (field->local_only
        || (field->type != MSYNC_TYPE_STRING
            && field->type != MSYNC_TYPE_OBJECT))
    {
        return true;
    }

    (void) sqlite3_table_column_metadata(store->db, "main", table->sql,
                                         field->name, type, NULL, NULL, NULL,
                                         NULL);

    return *type == NULL || affinity_takes_texts(*type);
}


/* makes the statement that reads what is kept, where it may be another text;
 * the schema stays while a transaction is open that writes rows */

static int
affinity_look(msync_store_t *store, const msync_table_t *table,
    msync_table_stmts_t *stmts, msync_err_t *err)
{
    bool          keeps = true;
    size_t        i;
    const char   *type;
    sqlite3_str  *sql;

    if (stmts->looked == store->triggers_seen) {
        return MSYNC_OK;
    }

    sqlite3_finalize(stmts->kept);
    stmts->kept = NULL;

    sql = sqlite3_str_new(NULL);
    sqlite3_str_appendall(sql, "SELECT ");

    for (i = 0; i < table->n; i++) {
        if (affinity_keeps(store, table, i, &type)) {
            sqlite3_str_appendall(sql, "NULL, ");

        } else {
            sqlite3_str_appendf(sql, "t.\"%w\", ", table->fields[i].name);
            keeps = false;
        }
    }

    sqlite3_str_appendf(sql, "1 FROM \"%w\" AS t WHERE t.\"%w\" = ?1",
                        table->sql, table->fields[table->key].name);

    if (keeps) {
        sqlite3_free(sqlite3_str_finish(sql));

    } else {
        stmts->kept = msync_store_prepare_own(store, sqlite3_str_finish(sql),
                                              err);

        if (stmts->kept == NULL) {
            err->scope = MSYNC_SCOPE_RUN;
            return MSYNC_ERROR;
        }
    }

    stmts->looked = store->triggers_seen;
    return MSYNC_OK;
}


int
msync_store_may_alter(msync_store_t *store, const msync_table_t *table,
    bool *may, msync_err_t *err)
{
    msync_table_stmts_t  *stmts;

    stmts = &store->tables[table - store->catalogue->tables];

    if (affinity_look(store, table, stmts, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    *may = stmts->kept != NULL;
    return MSYNC_OK;
}


/* the row that the statement is at; only what is a number now was altered by
 * its column, and not by a trigger of the application's */

static int
affinity_compare(msync_store_t *store, const msync_row_t *row,
    sqlite3_stmt *stmt, const msync_field_t **at, msync_err_t *err)
{
    int                   code;
    size_t                i;
    const char           *now, *type;
    const msync_value_t  *value;

    for (i = 0; i < row->table->n; i++) {
        code = sqlite3_column_type(stmt, (int) i);
        value = &row->values[i];

        if ((code != SQLITE_INTEGER && code != SQLITE_FLOAT)
            || value->kind != MSYNC_VALUE_TEXT
            || (!row->present[i] && i != row->table->key))
        {
            continue;
        }

        now = (const char *) sqlite3_column_text(stmt, (int) i);

        if (now != NULL && strcmp(now, value->text) == 0) {
            continue;
        }

        *at = &row->table->fields[i];
        (void) affinity_keeps(store, row->table, i, &type);
        msync_err_set(err, MSYNC_ERR_INTEGRATION_ERROR, "field \"%s\": the "
                      "application has declared this column as %.64s, by "
                      "which SQLite makes %.64s of \"%.64s\"; let it be TEXT",
                      (*at)->name, type ? type : "a number",
                      now ? now : "a number", value->text);
        err->scope = MSYNC_SCOPE_RECORD;

        return MSYNC_ERROR;
    }

    return MSYNC_OK;
}


int
msync_store_is_kept(msync_store_t *store, const msync_row_t *row,
    const msync_field_t **at, msync_err_t *err)
{
    int            code, rc = MSYNC_OK;
    sqlite3_stmt  *stmt;

    stmt = store->tables[row->table - store->catalogue->tables].kept;
    sqlite3_bind_text(stmt, 1, row->values[row->table->key].text, -1,
                      SQLITE_STATIC);
    code = sqlite3_step(stmt);

    if (code == SQLITE_ROW) {
        rc = affinity_compare(store, row, stmt, at, err);

    } else if (code != SQLITE_DONE) {
        rc = msync_store_fault(store, row->table->name, err);
        err->scope = MSYNC_SCOPE_RUN;
    }

    sqlite3_reset(stmt);
    return rc;
}


void
msync_store_check_affinity(msync_store_t *store, const msync_table_t *table,
    msync_finding_pt each, void *data)
{
    char         text[512];
    size_t       i;
    const char  *type;

    for (i = 0; i < table->n; i++) {
        if (!affinity_keeps(store, table, i, &type)) {
            snprintf(text, sizeof(text), "table \"%s\": the application has "
                     "declared the column \"%s\" as %.64s, by which SQLite "
                     "makes numbers of texts (12 of \"0012\"): a record of "
                     "central's that has such a text waits here, and what the "
                     "application writes goes to central as that number; let "
                     "it be TEXT", table->sql, table->fields[i].name, type);
            each(data, text);
        }
    }
}
