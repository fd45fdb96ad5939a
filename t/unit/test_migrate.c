/*
 * Databases of other versions, of other programs, and damaged ones.
 */

#include "run/integrate_private.h"
#include "store/fill.h"
#include "store/upgrade.h"
#include "site.h"
#include "base/log.h"

#define BOX(word)                                                             \
    "'{\"units\":\"" word "\",\"comment\":\"\",\"order_number\":1}'"
#define ROWS                                                                  \
    "INSERT INTO unit (ID, units) VALUES ('U1', 'box');"                      \
    "INSERT INTO key_value_store (id, value_int) VALUES "                     \
    "('CENTRAL_SYNC_PULL_CURSOR', 42);"                                       \
    "INSERT INTO sync_buffer (record_id, received_datetime, table_name, "     \
    "action, data, side) VALUES ('U2', '2026-01-01T00:00:00Z', 'unit', "      \
    "'UPSERT', '{}', 1), ('U2', '2026-01-01T00:00:00Z', 'unit', 'MERGE', "    \
    "'{}', 1);"                                                               \
    "INSERT INTO changelog (table_name, record_id, row_action) VALUES "       \
    "('Location', 'L1', 'DELETE');"                                           \
    "CREATE TABLE app_note (text); INSERT INTO app_note VALUES ('ours');"

static void
put(const char *path, const char *text, size_t length)
{
    FILE  *file;

    file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, length, file), length);
    fclose(file);
}


/* refused with these words, in every manner of opening; not an octet of the
 * file is another one */

static void
assert_refused(site_t *site, const char *words)
{
    char         *before, *after;
    size_t        i, n, m;
    msync_err_t   err;

    static const unsigned  flags[] = {
        MSYNC_STORE_CREATE, MSYNC_STORE_READ_ONLY
    };

    sqlite3_close(site->app);
    site->app = NULL;
    before = site_contents(site->path, &n);

    for (i = 0; i < sizeof(flags) / sizeof(*flags); i++) {
        site->store = msync_store_open(site->path, site->catalogue, flags[i],
                                       &err);
        assert_null(site->store);
        assert_int_equal(err.variant, MSYNC_ERR_DATABASE_ERROR);
        /* not to look at its rights */
        assert_non_null(err.advice);

        if (strstr(err.text, words) == NULL) {
            fail_msg("\"%s\" is not in \"%s\"", words, err.text);
        }
    }

    after = site_contents(site->path, &m);
    assert_int_equal(n, m);
    assert_memory_equal(before, after, n);
    free(before);
    free(after);
}


/* all tables, indexes and triggers but for the application's own; owned by
 * the caller */

static char *
objects(site_t *site)
{
    char          *text;
    sqlite3_str   *list;
    sqlite3_stmt  *stmt;

    list = sqlite3_str_new(NULL);
    assert_int_equal(sqlite3_prepare_v2(site->app, "SELECT type, name, "
                         "tbl_name FROM sqlite_master WHERE name <> "
                         "'app_note' ORDER BY 1, 2", -1, &stmt, NULL),
                     SQLITE_OK);

    while (sqlite3_step(stmt) == SQLITE_ROW) {
        sqlite3_str_appendf(list, "%s %s %s\n", sqlite3_column_text(stmt, 0),
                            sqlite3_column_text(stmt, 1),
                            sqlite3_column_text(stmt, 2));
    }

    sqlite3_finalize(stmt);
    text = sqlite3_str_finish(list);
    assert_non_null(text);

    return text;
}


static void
every_earlier_version_becomes_this_one(void **state)
{
    char    *fresh, *now;
    size_t   i;
    site_t  *site = *state;

    static const int  versions[] = { 1, 4 };

    fresh = objects(site);

    for (i = 0; i < sizeof(versions) / sizeof(*versions); i++) {
        site_begin_version(site, versions[i]);
        site_sql(site, ROWS);
        site_open_again(site);
        now = objects(site);

        assert_string_equal(now, fresh);
        assert_string_equal(site_get(site, "SELECT value_int FROM "
                                     "key_value_store WHERE id = "
                                     "'MSYNC_SCHEMA_VERSION'"), "5");
        assert_string_equal(site_get(site, "PRAGMA integrity_check"), "ok");
        sqlite3_free(now);
    }

    sqlite3_free(fresh);
}


static void
what_an_earlier_version_held_is_still_there(void **state)
{
    site_t  *site = *state;

    site_begin_version(site, 1);
    site_sql(site, ROWS);
    site_open_again(site);

    assert_string_equal(site_get(site, "SELECT units FROM unit"), "box");
    assert_string_equal(site_get(site, "SELECT value_int FROM "
                                 "key_value_store WHERE id = "
                                 "'CENTRAL_SYNC_PULL_CURSOR'"), "42");
    assert_string_equal(site_get(site, "SELECT count(*) FROM sync_buffer"),
                        "2");
    assert_string_equal(site_get(site, "SELECT record_id FROM changelog"),
                        "L1");
    assert_string_equal(site_get(site, "SELECT text FROM app_note"), "ours");

    site_sql(site, "INSERT INTO Location (ID, code, "
             "Description, store_ID) VALUES ('L2', 'c', 'd', 'S')");
    assert_string_equal(site_get(site, "SELECT max(record_id) FROM "
                                 "changelog"), "L2");
}


/* what was marked before it was a row is pending, the last of equal ones */

static void
a_first_sync_of_version_4_goes_on(void **state)
{
    site_t              *site = *state;
    msync_err_t          err;
    msync_integrated_t   result;

    msync_store_close(&site->store);
    site_sql(site, "DROP INDEX msync_sync_buffer_key; DROP INDEX "
             "msync_item_line_item_ID;"
             "INSERT INTO key_value_store (id, value_int) VALUES "
             "('MSYNC_LOOSE', 2);"
             "UPDATE key_value_store SET value_int = 4 WHERE id = "
             "'MSYNC_SCHEMA_VERSION';"
             "CREATE INDEX sync_buffer_ahead ON sync_buffer (table_name, id) "
             "WHERE integration_datetime IS NOT NULL;"
             "INSERT INTO sync_buffer (record_id, received_datetime, "
             "table_name, action, data, side, integration_datetime) VALUES "
             "('U', 't', 'unit', 'UPSERT', " BOX("bag") ", 1, 't'),"
             "('V', 't', 'unit', 'UPSERT', " BOX("jar") ", 1, 't'),"
             "('U', 't', 'unit', 'UPSERT', " BOX("box") ", 1, 't'),"
             "('V', 't', 'unit', 'DELETE', NULL, 1, NULL)");
    site_open_again(site);
    assert_string_equal(site_get(site, "SELECT group_concat(record_id || "
                                 "action) FROM (SELECT * FROM sync_buffer "
                                 "ORDER BY id) WHERE integration_datetime IS "
                                 "NULL"), "UUPSERT,VDELETE");
    assert_string_equal(site_get(site, "SELECT count(*) FROM key_value_store "
                                 "WHERE id = 'MSYNC_LOOSE'"), "0");

    assert_ok(msync_store_fill_begin(site->store, &err));
    assert_ok(msync_integrate(site->store, site->catalogue, false, NULL,
                              NULL, &result, &err));
    assert_string_equal(site_get(site, "SELECT group_concat(units) FROM "
                                 "unit"), "box");
    assert_string_equal(site_get(site, "SELECT count(*) FROM sync_buffer"),
                        "0");
    assert_string_equal(site_get(site, "SELECT count(*) FROM sqlite_master "
                                 "WHERE name IN ('msync_sync_buffer_key', "
                                 "'msync_item_line_item_ID')"), "2");
}


static void
a_migration_that_fails_changes_nothing(void **state)
{
    char         *before;
    site_t       *site = *state;
    msync_err_t   err;

    site_begin_version(site, 1);
    site_sql(site, ROWS);
    site_sql(site, "DROP TABLE abbreviation;"
             "CREATE INDEX abbreviation ON unit (units)");
    before = strdup(site_get(site, "SELECT count(*) || max(rowid) FROM "
                             "sqlite_master"));

    site->store = msync_store_open(site->path, site->catalogue,
                                   MSYNC_STORE_CREATE, &err);
    assert_null(site->store);
    assert_non_null(strstr(err.advice, "give it another name, or let"));
    assert_string_equal(site_get(site, "SELECT count(*) || max(rowid) FROM "
                                 "sqlite_master"), before);
    assert_string_equal(site_get(site, "SELECT count(*) FROM key_value_store"
                                 " WHERE id = 'MSYNC_SCHEMA_VERSION'"), "0");
    assert_string_equal(site_get(site, "SELECT count(*) FROM sqlite_master "
                                 "WHERE name = 'sync_buffer_record'"), "1");
    free(before);

    site_sql(site, "DROP INDEX abbreviation");
    site_open_again(site);
    assert_string_equal(site_get(site, "SELECT units FROM unit"), "box");
}


static void
a_newer_version_is_refused(void **state)
{
    site_t  *site = *state;

    site_sql(site, "UPDATE key_value_store SET value_int = 1000 WHERE id = "
             "'MSYNC_SCHEMA_VERSION'");
    msync_store_close(&site->store);
    assert_refused(site, "a newer msync made this database (schema version "
                         "1000");
}


static void
a_database_of_another_program_is_refused(void **state)
{
    site_t  *site = *state;

    site_begin(site, "CREATE TABLE changelog (cursor INTEGER PRIMARY "
               "KEY, record_id TEXT); INSERT INTO changelog VALUES (1, 'x')");
    assert_refused(site, "belongs to another program");
}


static void
an_open_msupply_database_is_refused(void **state)
{
    site_t  *site = *state;

    site_begin(site, "CREATE TABLE key_value_store (id TEXT PRIMARY KEY, "
               "value_string TEXT, value_int BIGINT);"
               "CREATE TABLE sync_buffer (record_id TEXT PRIMARY KEY);"
               "INSERT INTO key_value_store VALUES ('SETTINGS_SYNC_URL', "
               "'x', NULL)");
    assert_refused(site, "belongs to another program");
}


static void
the_database_of_an_application_is_taken_over(void **state)
{
    site_t  *site = *state;

    site_begin(site, "CREATE TABLE app_note (text); "
               "INSERT INTO app_note VALUES ('ours')");
    site_open_again(site);
    assert_string_equal(site_get(site, "SELECT text FROM app_note"), "ours");
    assert_string_equal(site_get(site, "SELECT count(*) FROM unit"), "0");
}


static void
a_file_that_is_no_database_is_refused(void **state)
{
    char     text[8192];
    site_t  *site = *state;

    site_begin(site, "SELECT 1");
    memset(text, 'x', sizeof(text));
    put(site->path, text, sizeof(text));
    assert_refused(site, "this file is no database, or one that is encrypted");
}


static void
a_damaged_database_is_refused(void **state)
{
    char    *text;
    size_t   length;
    site_t  *site = *state;

    msync_store_close(&site->store);
    site_sql(site, "PRAGMA journal_mode = DELETE");
    text = site_contents(site->path, &length);
    memset(text + 100, 0x5a, 300);
    put(site->path, text, length);
    free(text);
    assert_refused(site, "this database is damaged");
}


/* the application's table is not touched, nor is anything else made */

static void
assert_unusable(site_t *site, const char *sql, const char *words)
{
    char         *before;
    msync_err_t   err;

    static const char  schema[] =
        "SELECT group_concat(name || ' ' || sql) FROM sqlite_master";

    site_begin(site, sql);
    before = strdup(site_get(site, schema));
    site->store = msync_store_open(site->path, site->catalogue,
                                   MSYNC_STORE_CREATE, &err);

    if (site->store != NULL) {
        fail_msg("taken: %s", sql);
    }

    assert_int_equal(err.variant, MSYNC_ERR_DATABASE_ERROR);
    assert_non_null(strstr(err.text, "table \"item\""));
    assert_non_null(strstr(err.text, "\"ID\""));

    if (strstr(err.text, words) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", words, err.text);
    }

    assert_non_null(strstr(err.advice, "\"rename\""));
    assert_string_equal(site_get(site, schema), before);
    free(before);
}


static void
a_table_of_the_application_that_cannot_serve_is_refused(void **state)
{
    size_t  i;

    static const struct {
        const char  *sql;
        const char  *words;
    } cases[] = {
        { "CREATE TABLE item (shop INTEGER NOT NULL, ID TEXT NOT NULL, "
          "item_name TEXT, PRIMARY KEY (shop, ID))", "ON CONFLICT" },
        { "CREATE TABLE item (ID TEXT, shop, UNIQUE (ID, shop))",
          "ON CONFLICT" },
        { "CREATE TABLE item (ID TEXT NOT NULL)", "ON CONFLICT" },
        { "CREATE TABLE item (ID TEXT); CREATE UNIQUE INDEX i ON item (ID) "
          "WHERE ID <> ''", "ON CONFLICT" },
        { "CREATE TABLE item (ID TEXT); CREATE UNIQUE INDEX i ON item "
          "(ID COLLATE NOCASE)", "ON CONFLICT" },
        { "CREATE TABLE item (number INTEGER PRIMARY KEY, item_name TEXT)",
          "no column named ID" },
        { "CREATE TABLE stock (ID TEXT PRIMARY KEY); CREATE VIEW item AS "
          "SELECT * FROM stock", "view" },
        { "CREATE TABLE item (ID TEXT PRIMARY KEY, code TEXT, item_name TEXT "
          "AS (upper(code)))", "generated column \"item_name\"" },
        /* as many a tutorial has it */
        { "CREATE TABLE Item (id INTEGER PRIMARY KEY AUTOINCREMENT, email "
          "TEXT NOT NULL UNIQUE); INSERT INTO Item (email) VALUES ('a')",
          "INTEGER PRIMARY KEY takes numbers alone" }
    };

    for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        assert_unusable(*state, cases[i].sql, cases[i].words);
    }
}


static void
a_table_of_the_application_that_can_serve_is_taken(void **state)
{
    size_t   i;
    site_t  *site = *state;

    static const char *const  tables[] = {
        "CREATE TABLE Item (note TEXT, id TEXT PRIMARY KEY)",
        "CREATE TABLE item (number INTEGER PRIMARY KEY, ID TEXT UNIQUE)",
        "CREATE TABLE item (ID TEXT); CREATE UNIQUE INDEX i ON item (ID)",
        "CREATE TABLE item (ID TEXT COLLATE NOCASE UNIQUE)",
        "CREATE TABLE item (ID TEXT PRIMARY KEY, code TEXT, shout TEXT AS "
        "(upper(code)))",
        "CREATE TABLE item (ID TEXT PRIMARY KEY) STRICT",
        "CREATE TABLE item (ID TEXT PRIMARY KEY) WITHOUT ROWID"
    };

    for (i = 0; i < sizeof(tables) / sizeof(*tables); i++) {
        site_begin(site, tables[i]);
        site_open_again(site);
        site_sql(site, "PRAGMA foreign_keys = ON;"
                 "INSERT INTO item (ID, code) VALUES ('I', 'c');"
                 "DELETE FROM item");
    }
}


/* a record needs one, a row of the application does not */

static void
a_row_without_a_key_is_the_applications_alone(void **state)
{
    site_t  *site = *state;

    site_begin(site, "CREATE TABLE Location (ID TEXT UNIQUE, code TEXT)");
    site_open_again(site);
    site_sql(site, "INSERT INTO Location (code) VALUES ('a');"
             "UPDATE Location SET code = 'b';"
             "DELETE FROM Location");
    assert_string_equal(site_get(site, "SELECT count(*) FROM changelog"),
                        "0");
    site_sql(site, "INSERT INTO Location (ID) VALUES ('L');"
             "UPDATE Location SET ID = NULL;"
             "UPDATE Location SET ID = 'M'");
    assert_string_equal(site_get(site, "SELECT group_concat(record_id || "
                        "row_action) FROM (SELECT * FROM changelog ORDER BY "
                        "cursor)"), "LUPSERT,LDELETE,MUPSERT");
}


static void
a_parent_that_is_gone_is_made_again(void **state)
{
    site_t  *site = *state;

    msync_log_set_level(MSYNC_LOG_ERR);
    site_sql(site, "PRAGMA foreign_keys = OFF; DROP TABLE store");
    site_open_again(site);
    assert_string_equal(site_get(site, "SELECT count(*) FROM store"), "0");
}


/* a command that asks the database for its tables file before it writes */

static void
who_has_only_read_may_write_then(void **state)
{
    site_t      *site = *state;
    msync_err_t  err;

    static const char  there[] = "SELECT count(*) FROM sqlite_master WHERE "
                                 "name = 'msync_Location_UPDATE'";

    site_sql(site, "DROP TRIGGER \"msync_Location_UPDATE\"");
    msync_store_close(&site->store);
    site->store = msync_store_open(site->path, site->catalogue,
                                   MSYNC_STORE_READ_ONLY, &err);
    assert_non_null(site->store);
    assert_string_equal(site_get(site, there), "0");

    assert_ok(msync_store_write(site->store, &err));
    assert_string_equal(site_get(site, there), "1");
    assert_ok(msync_store_set_int(site->store, MSYNC_KEY_SITE_ID, 9, &err));
}


/* what neither server has taken is behind the earlier of both cursors */

static void
the_upgrade_to_v7_moves_the_cursors(void **state)
{
    size_t       i;
    site_t      *site = *state;
    msync_err_t  err;

    static const char  are[] =
        "SELECT group_concat(id || ' ' || coalesce(value_string, value_int), "
        "', ') FROM (SELECT * FROM key_value_store WHERE id IN ('"
        MSYNC_KEY_PUSH_V7_CURSOR "', '" MSYNC_KEY_PULL_V7_CURSOR "', '"
        MSYNC_KEY_PULL_V7_MAX "', '" MSYNC_KEY_VERSION "') ORDER BY id)";

    static const struct {
        int64_t      legacy, omsupply, pull;
        const char  *become;
    } cases[] = {
        { 7, 9, 0, MSYNC_KEY_VERSION " " MSYNC_SYNC_V7 ", "
          MSYNC_KEY_PULL_V7_CURSOR " 0, " MSYNC_KEY_PUSH_V7_CURSOR " 7" },
        { 9, 4, 12, MSYNC_KEY_VERSION " " MSYNC_SYNC_V7 ", "
          MSYNC_KEY_PULL_V7_CURSOR " 12, " MSYNC_KEY_PUSH_V7_CURSOR " 4" },
        { 5, 5, 3, MSYNC_KEY_VERSION " " MSYNC_SYNC_V7 ", "
          MSYNC_KEY_PULL_V7_CURSOR " 3, " MSYNC_KEY_PUSH_V7_CURSOR " 5" }
    };

    for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        assert_ok(msync_store_set_int(site->store, MSYNC_KEY_PUSH_CURSOR,
                                      cases[i].legacy, &err));
        assert_ok(msync_store_set_int(site->store, MSYNC_KEY_PUSH_V6_CURSOR,
                                      cases[i].omsupply, &err));
        assert_ok(msync_store_set_int(site->store, MSYNC_KEY_PULL_V7_MAX, 99,
                                      &err));
        assert_ok(msync_store_upgrade(site->store, NULL, NULL, cases[i].pull,
                                      &err));
        assert_string_equal(site_get(site, are), cases[i].become);
    }
}


/* Open mSupply central had it by v6 while mSupply central took nothing */

static void
what_central_takes_once_is_not_sent_again_by_v7(void **state)
{
    int64_t        processed;
    site_t        *site = *state;
    msync_err_t    err;
    msync_batch_t  batch = { 0 };

    site_sql(site, "INSERT INTO system_log (id, type, datetime, is_error) "
             "VALUES ('A', 'Migration', '2026-01-02T03:04:05', 0), ('B', "
             "'Migration', '2026-01-02T03:04:05', 0)");
    assert_ok(msync_store_set_int(site->store, MSYNC_KEY_PUSH_CURSOR, 1,
                                  &err));
    assert_ok(msync_store_set_int(site->store, MSYNC_KEY_PUSH_V6_CURSOR, 2,
                                  &err));
    assert_ok(msync_store_upgrade(site->store, NULL, NULL, 0, &err));
    assert_ok(msync_store_changes(site->store, MSYNC_V7, 1, 10, 1 << 20,
                                  &batch, &processed, &err));
    assert_int_equal(processed, 2);
    assert_int_equal(batch.n, 1);
    assert_string_equal(batch.records[0].id, "B");
    msync_batch_clear(&batch);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        T(every_earlier_version_becomes_this_one),
        T(what_an_earlier_version_held_is_still_there),
        T(a_first_sync_of_version_4_goes_on),
        T(a_migration_that_fails_changes_nothing),
        T(a_newer_version_is_refused),
        T(a_database_of_another_program_is_refused),
        T(an_open_msupply_database_is_refused),
        T(the_database_of_an_application_is_taken_over),
        T(a_file_that_is_no_database_is_refused),
        T(a_damaged_database_is_refused),
        T(a_table_of_the_application_that_cannot_serve_is_refused),
        T(a_table_of_the_application_that_can_serve_is_taken),
        T(a_row_without_a_key_is_the_applications_alone),
        T(a_parent_that_is_gone_is_made_again),
        T(who_has_only_read_may_write_then),
        T(the_upgrade_to_v7_moves_the_cursors),
        T(what_central_takes_once_is_not_sent_again_by_v7)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
