/*
 * The schema, generated from the catalogue.
 *
 * Promises: every statement may run on a database that has it already; a
 * table or column of the application is never dropped; triggers write
 * changelog for whatever connection changes a table that this site pushes,
 * and stay silent while msync_flag is set, which no other connection can
 * ever see because it is cleared before the transaction ends.
 */

#include <string.h>

#include "store/store_private.h"

const char *const  msync_store_events[MSYNC_STORE_EVENTS] = {
    "INSERT", "UPDATE", "DELETE"
};

/* columns of tables that protocol.md gives Open mSupply's names */

static const char  bookkeeping[] =
"CREATE TABLE IF NOT EXISTS key_value_store (\n"
"  id TEXT PRIMARY KEY NOT NULL,\n"
"  value_string TEXT,\n"
"  value_int BIGINT,\n"
"  value_bigint BIGINT,\n"
"  value_float DOUBLE,\n"
"  value_bool BOOLEAN\n"
");\n"
"CREATE TABLE IF NOT EXISTS changelog (\n"
"  cursor INTEGER PRIMARY KEY AUTOINCREMENT,\n"
"  table_name TEXT NOT NULL,\n"
"  record_id TEXT NOT NULL,\n"
"  row_action TEXT NOT NULL CHECK (row_action IN ('UPSERT', 'DELETE')),\n"
"  name_link_id TEXT,\n"
"  store_id TEXT,\n"
"  is_sync_update BOOLEAN NOT NULL DEFAULT 0,\n"
"  source_site_id INTEGER\n"
");\n"
"CREATE INDEX IF NOT EXISTS changelog_record\n"
"  ON changelog (record_id, table_name, cursor);\n"
"CREATE TABLE IF NOT EXISTS sync_buffer (\n"
"  id INTEGER PRIMARY KEY,\n"
"  record_id TEXT NOT NULL,\n"
"  received_datetime TEXT NOT NULL,\n"
"  integration_datetime TEXT,\n"
"  integration_error TEXT,\n"
"  table_name TEXT NOT NULL,\n"
"  action TEXT NOT NULL,\n"
"  data TEXT,\n"
"  source_site_id INTEGER,\n"
"  side INTEGER NOT NULL,\n"
"  error_field TEXT,\n"
"  first_failed_datetime TEXT,\n"
"  last_tried BIGINT,\n"
"  retry_at BIGINT,\n"
"  missing_table TEXT,\n"
"  missing_id TEXT,\n"
"  tries INTEGER NOT NULL DEFAULT 0\n"
");\n"
/* an upsert and the delete of one record replace each other; a merge is
 * another thing that may carry the same id, and so may two merges */
MSYNC_STORE_BUFFER_INDEX
"CREATE INDEX IF NOT EXISTS sync_buffer_pending\n"
"  ON sync_buffer (table_name, action, id)\n"
"  WHERE integration_datetime IS NULL;\n"
"CREATE INDEX IF NOT EXISTS sync_buffer_failed\n"
"  ON sync_buffer (id) WHERE integration_datetime IS NULL\n"
"  AND integration_error IS NOT NULL;\n"
"CREATE INDEX IF NOT EXISTS sync_buffer_missing\n"
"  ON sync_buffer (missing_id) WHERE missing_id IS NOT NULL;\n"
"CREATE TABLE IF NOT EXISTS sync_log (\n"
"  id INTEGER PRIMARY KEY AUTOINCREMENT,\n"
"  started_datetime TEXT NOT NULL,\n"
"  finished_datetime TEXT,\n"
"  prepare_initial_started_datetime TEXT,\n"
"  prepare_initial_finished_datetime TEXT,\n"
"  push_started_datetime TEXT,\n"
"  push_finished_datetime TEXT,\n"
"  push_progress_total INTEGER,\n"
"  push_progress_done INTEGER,\n"
"  pull_central_started_datetime TEXT,\n"
"  pull_central_finished_datetime TEXT,\n"
"  pull_central_progress_total INTEGER,\n"
"  pull_central_progress_done INTEGER,\n"
"  pull_remote_started_datetime TEXT,\n"
"  pull_remote_finished_datetime TEXT,\n"
"  pull_remote_progress_total INTEGER,\n"
"  pull_remote_progress_done INTEGER,\n"
"  pull_v6_started_datetime TEXT,\n"
"  pull_v6_finished_datetime TEXT,\n"
"  pull_v6_progress_total INTEGER,\n"
"  pull_v6_progress_done INTEGER,\n"
"  push_v6_started_datetime TEXT,\n"
"  push_v6_finished_datetime TEXT,\n"
"  push_v6_progress_total INTEGER,\n"
"  push_v6_progress_done INTEGER,\n"
"  integration_started_datetime TEXT,\n"
"  integration_finished_datetime TEXT,\n"
"  integration_progress_total INTEGER,\n"
"  integration_progress_done INTEGER,\n"
"  error_message TEXT,\n"
"  error_code TEXT,\n"
"  duration_in_seconds INTEGER\n"
");\n"
"CREATE TABLE IF NOT EXISTS msync_refused (\n"
"  table_name TEXT NOT NULL,\n"
"  record_id TEXT NOT NULL,\n"
"  side INTEGER NOT NULL,\n"
"  row_action TEXT NOT NULL,\n"
"  error TEXT NOT NULL,\n"
"  first_failed_datetime TEXT NOT NULL,\n"
"  last_tried BIGINT NOT NULL,\n"
"  tries INTEGER NOT NULL,\n"
"  waits BOOLEAN NOT NULL DEFAULT 1,\n"
"  PRIMARY KEY (table_name, record_id, side)\n"
");\n"
"CREATE TABLE IF NOT EXISTS msync_merged (\n"
"  table_name TEXT NOT NULL,\n"
"  record_id TEXT NOT NULL,\n"
"  kept_id TEXT NOT NULL,\n"
"  PRIMARY KEY (table_name, record_id)\n"
");\n"
"CREATE TABLE IF NOT EXISTS msync_flag (\n"
"  id INTEGER PRIMARY KEY CHECK (id = 1),\n"
"  integrating BOOLEAN NOT NULL\n"
");\n"
"INSERT OR IGNORE INTO msync_flag (id, integrating) VALUES (1, 0);\n";


const char *
msync_store_column_type(const msync_field_t *field)
{
    switch (field->type) {
    case MSYNC_TYPE_NUMBER:
        return "REAL";
    case MSYNC_TYPE_INTEGER:
        return "INTEGER";
    case MSYNC_TYPE_BOOLEAN:
        return "BOOLEAN";
    default:
        return "TEXT";
    }
}


/*
 * The default makes an application's short INSERT work where a neutral value
 * exists; where none does (a parent, a date, a choice) it must be given.
 */

static const char *
column_default(const msync_field_t *field)
{
    switch (field->type) {
    case MSYNC_TYPE_NUMBER:
    case MSYNC_TYPE_INTEGER:
    case MSYNC_TYPE_BOOLEAN:
        return "0";
    case MSYNC_TYPE_TIME:
        return "'00:00:00'";
    case MSYNC_TYPE_STRING:
        return field->references || field->is_enum ? NULL : "''";
    default:
        return NULL;
    }
}


static void
add_column(sqlite3_str *sql, const msync_table_t *table,
    const msync_field_t *field)
{
    const char           *fallback;
    const msync_table_t  *target = field->target;

    sqlite3_str_appendf(sql, "\"%w\" %s", field->name,
                        msync_store_column_type(field));

    if (field == &table->fields[table->key]) {
        sqlite3_str_appendall(sql, " PRIMARY KEY NOT NULL");
        return;
    }

    fallback = field->fallback ? field->fallback : column_default(field);

    if (!field->nullable && (field->required || fallback != NULL)) {
        sqlite3_str_appendall(sql, " NOT NULL");

        if (fallback != NULL) {
            sqlite3_str_appendf(sql, " DEFAULT %s", fallback);
        }
    }

    if (field->fk && target != NULL) {
        sqlite3_str_appendf(sql, " REFERENCES \"%w\" (\"%w\")", target->sql,
                            target->fields[target->key].name);
    }
}


static void
add_table(sqlite3_str *sql, const msync_table_t *table)
{
    size_t  i;

    sqlite3_str_appendf(sql, "CREATE TABLE IF NOT EXISTS \"%w\" (\n",
                        table->sql);

    for (i = 0; i < table->n; i++) {
        sqlite3_str_appendall(sql, "  ");
        add_column(sql, table, &table->fields[i]);
        sqlite3_str_appendall(sql, ",\n");
    }

    if (table->soft_is_local) {
        sqlite3_str_appendf(sql, "  \"%w\" %s,\n", table->soft_column,
                            table->soft_is_time
                            ? "TEXT" : "BOOLEAN NOT NULL DEFAULT 0");
    }

    sqlite3_str_appendall(sql, "  msync_extra TEXT\n);\n");
}


/* a parent's key is looked up on each delete of a parent: index its
 * children; most references are empty, and nobody looks for those */

bool
msync_store_has_index(const msync_table_t *table, size_t i)
{
    return table->fields[i].fk && i != table->key;
}


void
msync_store_put_index(sqlite3_str *sql, const msync_table_t *table,
    const msync_field_t *field)
{
    sqlite3_str_appendf(sql, "CREATE INDEX IF NOT EXISTS \"msync_%w_%w\" ON "
                        "\"%w\" (\"%w\") WHERE \"%w\" IS NOT NULL;\n",
                        table->sql, field->name, table->sql, field->name,
                        field->name);
}


void
msync_store_put_indexes(sqlite3_str *sql, const msync_table_t *table,
    bool make)
{
    size_t  i;

    for (i = 0; i < table->n; i++) {
        if (!msync_store_has_index(table, i)) {
            continue;
        }

        if (make) {
            msync_store_put_index(sql, table, &table->fields[i]);

        } else {
            sqlite3_str_appendf(sql, "DROP INDEX IF EXISTS "
                                "\"msync_%w_%w\";\n", table->sql,
                                table->fields[i].name);
        }
    }
}


/* the SQL expression of the store that a change of "row" belongs to */

static void
add_store(sqlite3_str *sql, const msync_table_t *table, const char *row)
{
    const msync_table_t  *parent;

    if (table->store_field == NULL) {
        sqlite3_str_appendall(sql, "NULL");

    } else if (table->store_via == NULL) {
        sqlite3_str_appendf(sql, "NULLIF(%s.\"%w\", '')", row,
                            table->store_field->name);

    } else {
        /* where the application took the parent's column away its name is a
         * text: no store then, but no error of its statement either */
        parent = table->store_via->target;
        sqlite3_str_appendf(sql, "(SELECT NULLIF(NULLIF(\"%w\", ''), %Q) "
                            "FROM \"%w\" WHERE \"%w\" = %s.\"%w\")",
                            table->store_field->name,
                            table->store_field->name, parent->sql,
                            parent->fields[parent->key].name, row,
                            table->store_via->name);
    }
}


#define CHANGE  "table_name, record_id, row_action, store_id"

/* the expressions of a change of "row", in the order of CHANGE */

static void
add_values(sqlite3_str *sql, const msync_table_t *table, const char *row,
    const char *action)
{
    sqlite3_str_appendf(sql, "%Q, %s.\"%w\", %Q, ", table->name, row,
                        table->fields[table->key].name, action);
    add_store(sql, table, row);
}


/* joins the conditions on a change that concerns central */

static void
add_condition(sqlite3_str *sql, const msync_table_t *table, const char *row,
    bool key_changed)
{
    const char  *key = table->fields[table->key].name;

    /* a table of the application may have rows without a key */
    sqlite3_str_appendf(sql, "\n  WHERE %s.\"%w\" IS NOT NULL", row, key);

    if (key_changed) {
        sqlite3_str_appendf(sql, " AND OLD.\"%w\" IS NOT NEW.\"%w\"", key,
                            key);
    }

    if (table->push_field != NULL) {
        sqlite3_str_appendf(sql, " AND %s.\"%w\" = %Q", row,
                            table->push_field, table->push_value);
    }
}


static void
add_change(sqlite3_str *sql, const msync_table_t *table, const char *row,
    const char *action, bool key_changed)
{
    sqlite3_str_appendall(sql, "  INSERT INTO changelog (" CHANGE ")\n"
                          "  SELECT ");
    add_values(sql, table, row, action);
    add_condition(sql, table, row, key_changed);
    sqlite3_str_appendall(sql, ";\n");
}


void
msync_store_put_trigger(sqlite3_str *sql, const msync_table_t *table,
    const char *event)
{
    bool  is_delete = strcmp(event, "DELETE") == 0;

    sqlite3_str_appendf(sql, "CREATE TRIGGER \"msync_%w_%s\" AFTER %s ON "
                        "\"%w\"\n"
                        "WHEN NOT (SELECT integrating FROM msync_flag)\n"
                        "BEGIN\n",
                        table->sql, event, event, table->sql);

    if (strcmp(event, "UPDATE") == 0) {
        /* a record that changes its id is another record to central */
        add_change(sql, table, "OLD", "DELETE", true);
    }

    add_change(sql, table, is_delete ? "OLD" : "NEW",
               is_delete ? "DELETE" : "UPSERT", false);
    sqlite3_str_appendall(sql, "END");
}


void
msync_store_put_resend(sqlite3_str *sql, const msync_table_t *table,
    const char *filter)
{
    sqlite3_str_appendall(sql, "WITH msync_change (" CHANGE ", "
                          "is_sync_update) AS (SELECT ");
    add_values(sql, table, "t", "UPSERT");
    sqlite3_str_appendf(sql, ", 0 FROM \"%w\" AS t", table->sql);
    add_condition(sql, table, "t", false);
    sqlite3_str_appendf(sql, ") INSERT INTO changelog (" CHANGE ") SELECT "
                        CHANGE " FROM msync_change WHERE %s", filter);
}


static void
add_trigger(sqlite3_str *sql, const msync_table_t *table, const char *event)
{
    sqlite3_str_appendf(sql, "DROP TRIGGER IF EXISTS \"msync_%w_%s\";\n",
                        table->sql, event);
    msync_store_put_trigger(sql, table, event);
    sqlite3_str_appendall(sql, ";\n");
}


char *
msync_store_schema(const msync_catalogue_t *catalogue)
{
    char                 *text, *copy;
    size_t                i, j;
    sqlite3_str          *sql;
    const msync_table_t  *table;

    sql = sqlite3_str_new(NULL);
    sqlite3_str_appendall(sql, bookkeeping);

    for (i = 0; i < catalogue->n; i++) {
        table = &catalogue->tables[i];
        add_table(sql, table);
        msync_store_put_indexes(sql, table, true);

        for (j = 0; table->push != 0 && j < MSYNC_STORE_EVENTS; j++) {
            add_trigger(sql, table, msync_store_events[j]);
        }
    }

    text = sqlite3_str_finish(sql);
    if (text == NULL) {
        msync_out_of_memory();
    }

    copy = msync_strdup(text);
    sqlite3_free(text);

    return copy;
}


/*
 * Only what central takes counts as waiting: tables that are pushed, deletes
 * of those whose deletes are sent, and stores that are active on this site
 * (?1 is its id).
 */

char *
msync_store_changes_filter(const msync_catalogue_t *catalogue)
{
    int           pass;
    char         *text, *copy;
    size_t        i;
    sqlite3_str  *sql;

    const msync_table_t  *store;

    sql = sqlite3_str_new(NULL);
    store = msync_catalogue_find(catalogue, "store");
    sqlite3_str_appendall(sql, "is_sync_update = 0 AND (store_id IS NULL");

    if (store != NULL) {
        sqlite3_str_appendf(sql, " OR store_id IN (SELECT s.\"%w\" FROM "
                            "\"%w\" AS s WHERE s.\"sync_id_remote_site\" = "
                            "?1)",
                            store->fields[store->key].name, store->sql);
    }

    sqlite3_str_appendall(sql, ") AND (");

    for (pass = 0; pass < 2; pass++) {
        sqlite3_str_appendf(sql, "%srow_action = %Q AND table_name IN (''",
                            pass ? " OR " : "", pass ? "DELETE" : "UPSERT");

        for (i = 0; i < catalogue->n; i++) {
            if (catalogue->tables[i].push != 0
                && (pass == 0 || catalogue->tables[i].push_delete))
            {
                sqlite3_str_appendf(sql, ", %Q", catalogue->tables[i].name);
            }
        }

        sqlite3_str_appendall(sql, ")");
    }

    sqlite3_str_appendall(sql, ")");

    text = sqlite3_str_finish(sql);
    if (text == NULL) {
        msync_out_of_memory();
    }

    copy = msync_strdup(text);
    sqlite3_free(text);

    return copy;
}
