/*
 * The tables that are msync's alone, column by column.
 *
 * Promises: what is missing of them, a table, a column, an index, the row of
 * msync_flag, is made again and loses no row of what is there; that is all
 * that a later version needs to add to a database of an earlier one.
 */

#include <stdio.h>
#include <string.h>

#include "store/schema_private.h"
#include "store/store_private.h"
#include "base/log.h"

/* sync_log, sync_buffer, changelog and key_value_store have Open mSupply's
 * names and columns */

static const char *const  key_value_store[] = {
    "id TEXT PRIMARY KEY NOT NULL",
    "value_string TEXT",
    "value_int BIGINT",
    "value_bigint BIGINT",
    "value_float DOUBLE",
    "value_bool BOOLEAN",
    NULL
};

/* `parent_id`: of a table whose rows have no store of their own, the row that
 * has it; it is looked up when the changelog is read */
static const char *const  changelog[] = {
    "cursor INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL",
    "table_name TEXT NOT NULL",
    "record_id TEXT NOT NULL",
    "row_action TEXT NOT NULL CHECK (row_action IN ('UPSERT', 'DELETE'))",
    "name_link_id TEXT",
    "store_id TEXT",
    "is_sync_update BOOLEAN NOT NULL DEFAULT 0",
    "source_site_id INTEGER",
    "parent_id TEXT",
    NULL
};

static const char *const  sync_buffer[] = {
    "id INTEGER PRIMARY KEY NOT NULL",
    "record_id TEXT NOT NULL",
    "received_datetime TEXT NOT NULL",
    "integration_datetime TEXT",
    "integration_error TEXT",
    "table_name TEXT NOT NULL",
    "action TEXT NOT NULL",
    "data TEXT",
    "source_site_id INTEGER",
    "side INTEGER NOT NULL",
    "error_field TEXT",
    "first_failed_datetime TEXT",
    "last_tried BIGINT",
    "retry_at BIGINT",
    "missing_table TEXT",
    "missing_id TEXT",
    "tries INTEGER NOT NULL DEFAULT 0",
    "dismissed BOOLEAN NOT NULL DEFAULT 0",
    "store_id TEXT",
    "transfer_store_id TEXT",
    "patient_id TEXT",
    NULL
};

static const char *const  sync_log[] = {
    "id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL",
    "started_datetime TEXT NOT NULL",
    "finished_datetime TEXT",
    "prepare_initial_started_datetime TEXT",
    "prepare_initial_finished_datetime TEXT",
    "push_started_datetime TEXT",
    "push_finished_datetime TEXT",
    "push_progress_total INTEGER",
    "push_progress_done INTEGER",
    "pull_central_started_datetime TEXT",
    "pull_central_finished_datetime TEXT",
    "pull_central_progress_total INTEGER",
    "pull_central_progress_done INTEGER",
    "pull_remote_started_datetime TEXT",
    "pull_remote_finished_datetime TEXT",
    "pull_remote_progress_total INTEGER",
    "pull_remote_progress_done INTEGER",
    "pull_v6_started_datetime TEXT",
    "pull_v6_finished_datetime TEXT",
    "pull_v6_progress_total INTEGER",
    "pull_v6_progress_done INTEGER",
    "push_v6_started_datetime TEXT",
    "push_v6_finished_datetime TEXT",
    "push_v6_progress_total INTEGER",
    "push_v6_progress_done INTEGER",
    "integration_started_datetime TEXT",
    "integration_finished_datetime TEXT",
    "integration_progress_total INTEGER",
    "integration_progress_done INTEGER",
    "error_message TEXT",
    "error_code TEXT",
    "duration_in_seconds INTEGER",
    "repeated INTEGER NOT NULL DEFAULT 1",
    "first_started_datetime TEXT",
    "sync_version TEXT",
    "wait_for_integration_started_datetime TEXT",
    "wait_for_integration_finished_datetime TEXT",
    "pull_started_datetime TEXT",
    "pull_finished_datetime TEXT",
    "pull_progress_total INTEGER",
    "pull_progress_done INTEGER",
    NULL
};

static const char *const  refused[] = {
    "table_name TEXT NOT NULL",
    "record_id TEXT NOT NULL",
    "side INTEGER NOT NULL",
    "row_action TEXT NOT NULL",
    "error TEXT NOT NULL",
    "first_failed_datetime TEXT NOT NULL",
    "last_tried BIGINT NOT NULL",
    "tries INTEGER NOT NULL",
    "waits BOOLEAN NOT NULL DEFAULT 1",
    "dismissed BOOLEAN NOT NULL DEFAULT 0",
    NULL
};

static const char *const  merged[] = {
    "table_name TEXT NOT NULL",
    "record_id TEXT NOT NULL",
    "kept_id TEXT NOT NULL",
    NULL
};

/* see send.h; `doubted`: central had the row, perhaps not as it is */
static const char *const  never_sent[] = {
    "table_name TEXT NOT NULL",
    "record_id TEXT NOT NULL",
    "doubted BOOLEAN NOT NULL DEFAULT 0",
    NULL
};

/* see absent.h; `reason`: why it stays, `data`: what it was */
static const char *const  absent[] = {
    "table_name TEXT NOT NULL",
    "record_id TEXT NOT NULL",
    "changed BOOLEAN NOT NULL",
    "reason TEXT",
    "data TEXT",
    NULL
};

/* see replace.c; columns are those of a change in the changelog, `cursor` its
 * number there where it may have to be taken back */
static const char *const  replaced[] = {
    "id INTEGER PRIMARY KEY NOT NULL",
    "table_name TEXT NOT NULL",
    "record_id TEXT NOT NULL",
    "row_action TEXT NOT NULL",
    "store_id TEXT",
    "parent_id TEXT",
    "cursor INTEGER",
    NULL
};

/* see tidy.c */
static const char *const  changelog_mark[] = {
    "day INTEGER PRIMARY KEY NOT NULL",
    "cursor INTEGER NOT NULL",
    NULL
};

static const char *const  flag[] = {
    "id INTEGER PRIMARY KEY NOT NULL CHECK (id = 1)",
    "integrating BOOLEAN NOT NULL",
    NULL
};

const msync_own_table_t  msync_store_own_tables[MSYNC_OWN_TABLES + 1] = {
    { "key_value_store",  key_value_store, NULL },
    { "changelog",        changelog,       NULL },
    { "sync_buffer",      sync_buffer,     NULL },
    { "sync_log",         sync_log,        NULL },
    { "msync_refused",    refused,         "table_name, record_id, side" },
    { "msync_merged",     merged,          "table_name, record_id" },
    { "msync_never_sent", never_sent,      "table_name, record_id" },
    { "msync_absent",     absent,          "table_name, record_id" },
    { "msync_replaced",   replaced,        NULL },
    { "msync_changelog_mark", changelog_mark, NULL },
    { "msync_flag",       flag,            NULL },
    { NULL, NULL, NULL }
};

/* versions of before had these names without "msync_", which are an
 * application's, too */
static const struct {
    const char  *name;
    bool         unique;
    const char  *rest;             /* of the statement, after the name */
} indexes[] = {
    { "msync_changelog_record", false,
      "ON changelog (record_id, table_name, cursor)" },
    /* an upsert and the delete of one record replace each other; a merge is
     * another thing that may carry the same id, and so may two merges.
     * Readers of schemas know no index of an expression */
    { "msync_sync_buffer_key", true,
      "ON sync_buffer (record_id, table_name) WHERE action <> 'MERGE'" },
    { "msync_sync_buffer_merge", true,
      "ON sync_buffer (record_id, table_name, data) WHERE action = 'MERGE'" },
    { "msync_sync_buffer_pending", false,
      "ON sync_buffer (table_name, action, id) WHERE integration_datetime IS "
      "NULL" },
    { "msync_sync_buffer_failed", false,
      "ON sync_buffer (id) WHERE integration_datetime IS NULL AND "
      "integration_error IS NOT NULL" },
    { "msync_sync_buffer_missing", false,
      "ON sync_buffer (missing_id) WHERE missing_id IS NOT NULL" },
    { "msync_never_sent_doubted", false,
      "ON msync_never_sent (table_name) WHERE doubted" }
};

#define NINDEXES  (sizeof(indexes) / sizeof(*indexes))
#define FORMER(i)  (indexes[i].name + sizeof("msync_") - 1)


static void bookkeeping_add_index(sqlite3_str *sql, size_t i,
    const char *condition);
static void bookkeeping_check_indexes(const msync_look_t *look);
static void bookkeeping_check_guard(const msync_look_t *look,
    msync_guard_e which);


static void
bookkeeping_add_index(sqlite3_str *sql, size_t i, const char *condition)
{
    sqlite3_str_appendf(sql, "CREATE%s INDEX %s%s %s",
                        indexes[i].unique ? " UNIQUE" : "", condition,
                        indexes[i].name, indexes[i].rest);
}


void
msync_store_put_own_table(sqlite3_str *sql, const msync_own_table_t *table,
    const char *name)
{
    size_t  i;

    sqlite3_str_appendf(sql, "CREATE TABLE IF NOT EXISTS %s (", name);

    for (i = 0; table->columns[i] != NULL; i++) {
        sqlite3_str_appendf(sql, "%s\n  %s", i == 0 ? "" : ",",
                            table->columns[i]);
    }

    if (table->key != NULL) {
        sqlite3_str_appendf(sql, ",\n  PRIMARY KEY (%s)", table->key);
    }

    sqlite3_str_appendall(sql, "\n);\n");
}


void
msync_store_put_bookkeeping(sqlite3_str *sql)
{
    size_t                    i;
    const msync_own_table_t  *table;

    for (table = msync_store_own_tables; table->name != NULL; table++) {
        msync_store_put_own_table(sql, table, table->name);
    }

    for (i = 0; i < NINDEXES; i++) {
        bookkeeping_add_index(sql, i, "IF NOT EXISTS ");
        sqlite3_str_appendall(sql, ";\n");
    }

    sqlite3_str_appendall(sql, "INSERT OR IGNORE INTO msync_flag (id, "
                          "integrating) VALUES (1, 0);\n");

    /* what comes into a changelog that was made again is not behind a cursor
     * that has passed the former one */
    sqlite3_str_appendall(sql, "INSERT INTO sqlite_sequence (name, seq) "
        "SELECT 'changelog', 0 WHERE NOT EXISTS (SELECT 1 FROM "
        "sqlite_sequence WHERE name = 'changelog');\n"
        "UPDATE sqlite_sequence SET seq = max(seq, ifnull((SELECT "
        "max(value_int) - 1 FROM key_value_store WHERE "
        MSYNC_SQL_PUSH_CURSORS "), 0)) WHERE name = 'changelog';\n");
}


/*
 * A cursor beyond the end of the changelog: somebody has emptied that and its
 * sequence, as scripts do that reset a database, and what was changed since
 * begins at 1 again.
 */

int
msync_store_mend_cursors(msync_store_t *store, msync_err_t *err)
{
    int64_t        beyond;
    sqlite3_stmt  *stmt;

    stmt = msync_store_stmt(store, MSYNC_STMT_CURSOR_BEYOND,
                            "SELECT count(*) FROM key_value_store WHERE "
                            MSYNC_SQL_BEYOND, err);

    if (msync_store_scalar(store, stmt, &beyond, "cursors", err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    if (beyond == 0) {
        return MSYNC_OK;
    }

    msync_log(MSYNC_LOG_WARN, "somebody has emptied the changelog and the "
              "numbers of its rows begin anew; all that it has now is sent, "
              "what it had before and was not sent is lost");

    return msync_store_exec(store, "UPDATE key_value_store SET value_int = 0 "
                            "WHERE " MSYNC_SQL_BEYOND, err);
}


void
msync_store_own_column(const char *definition, char name[64])
{
    snprintf(name, 64, "%.*s", (int) strcspn(definition, " "), definition);
}


int
msync_store_add_bookkeeping_columns(msync_store_t *store, msync_err_t *err)
{
    char          name[64];
    size_t        i;
    sqlite3_str  *sql = sqlite3_str_new(store->db);

    const msync_own_table_t  *table;

    for (table = msync_store_own_tables; table->name != NULL; table++) {

        if (!msync_store_has_column(store, table->name, NULL)) {
            continue;
        }

        for (i = 0; table->columns[i] != NULL; i++) {
            msync_store_own_column(table->columns[i], name);

            if (!msync_store_has_column(store, table->name, name)) {
                sqlite3_str_appendf(sql, "ALTER TABLE %s ADD COLUMN %s;\n",
                                    table->name, table->columns[i]);
            }
        }
    }

    return msync_store_exec_str(store, sql, err);
}


int
msync_store_drop_former_indexes(msync_store_t *store, msync_err_t *err)
{
    bool    there;
    size_t  i;

    for (i = 0; i < NINDEXES; i++) {
        if (msync_store_found_own(store,
                sqlite3_mprintf("SELECT 1 FROM sqlite_master WHERE type = "
                                "'index' AND name = %Q COLLATE NOCASE AND "
                                "tbl_name COLLATE NOCASE IN ('changelog', "
                                "'sync_buffer')", FORMER(i)),
                &there, err) != MSYNC_OK
            || (there
                && msync_store_exec_own(store,
                       sqlite3_mprintf("DROP INDEX \"%w\"", FORMER(i)), err)
                   != MSYNC_OK))
        {
            return MSYNC_ERROR;
        }
    }

    return MSYNC_OK;
}


static void
bookkeeping_check_indexes(const msync_look_t *look)
{
    char         *expected;
    size_t        i;
    sqlite3_str  *sql;

    for (i = 0; i < NINDEXES; i++) {
        sql = sqlite3_str_new(look->store->db);
        bookkeeping_add_index(sql, i, "");
        expected = msync_store_need(sqlite3_str_finish(sql));

        msync_store_check_object(look, NULL, "index", indexes[i].name,
                                 expected);
        sqlite3_free(expected);
    }
}


static void
bookkeeping_check_guard(const msync_look_t *look, msync_guard_e which)
{
    char         *expected;
    sqlite3_str  *sql = sqlite3_str_new(look->store->db);

    msync_store_put_guard(sql, look->store->catalogue, which);
    expected = msync_store_need(sqlite3_str_finish(sql));

    msync_store_check_object(look, NULL, "trigger", msync_store_guards[which],
                             expected);
    sqlite3_free(expected);
}


int
msync_store_check_bookkeeping(const msync_look_t *look, msync_err_t *err)
{
    int     rc = MSYNC_OK;
    bool    sound;
    char    name[64];
    size_t  i;

    const msync_own_table_t  *table;

    for (table = msync_store_own_tables; table->name != NULL; table++) {
        rc = msync_store_check_shape(look, table, &sound, err);

        if (rc != MSYNC_OK) {
            return MSYNC_ERROR;
        }

        for (i = 0; sound && table->columns[i] != NULL; i++) {
            msync_store_own_column(table->columns[i], name);
            msync_store_check_column(look, NULL, table->name, name);
        }
    }

    bookkeeping_check_indexes(look);

    for (i = 0; i < MSYNC_GUARD_MAX; i++) {
        bookkeeping_check_guard(look, (msync_guard_e) i);
    }

    return msync_store_check_strangers(look, err);
}


bool
msync_store_is_own_index(const char *name)
{
    size_t  i;

    for (i = 0; i < NINDEXES; i++) {
        if (sqlite3_stricmp(name, indexes[i].name) == 0
            || sqlite3_stricmp(name, FORMER(i)) == 0)
        {
            return true;
        }
    }

    return false;
}
