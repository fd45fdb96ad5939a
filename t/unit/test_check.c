/* What `check` finds, and what opening makes good. */

#include "site.h"
#include "store/changelog.h"
#include "store/store_private.h"
#include "base/log.h"


static void
a_check_finds_damage_and_nothing_else(void **state)
{
    const char  *found;
    site_t      *site = *state;
    msync_err_t  err;

    assert_string_equal(site_check(site), "");

    site_sql(site, "DROP TRIGGER \"msync_asset_UPDATE\";"
             "PRAGMA foreign_keys = OFF;"
             "INSERT INTO barcode (ID, barcode, itemID) VALUES "
             "('B', 'b', 'none')");
    assert_ok(msync_store_set_int(site->store, MSYNC_KEY_PUSH_CURSOR, 999,
                                  &err));
    found = site_check(site);
    assert_non_null(strstr(found, "msync_asset_UPDATE"));
    assert_non_null(strstr(found, "barcode"));
    assert_non_null(strstr(found, MSYNC_KEY_PUSH_CURSOR));
}


static void
a_cursor_that_is_no_whole_number_is_found(void **state)
{
    site_t      *site = *state;
    msync_err_t  err;

    assert_ok(msync_store_set_int(site->store, MSYNC_KEY_PUSH_CURSOR, 0,
                                  &err));
    site_sql(site, "UPDATE key_value_store SET value_int = 'x' WHERE id = "
             "'" MSYNC_KEY_PUSH_CURSOR "';"
             "INSERT INTO key_value_store (id, value_int) VALUES "
             "('" MSYNC_KEY_PULL_V6_CURSOR "', 1.5)");
    assert_string_equal(site_check(site),
                        "cursor: " MSYNC_KEY_PUSH_CURSOR " is 'x', no "
                        "whole number; the next run goes on from 0;cursor: "
                        MSYNC_KEY_PULL_V6_CURSOR " is 1.5, no whole number; "
                        "the next run goes on from 1;");
}


/* the last change is what the numbers go on from */

static void
a_cursor_behind_the_last_change_is_good(void **state)
{
    site_t      *site = *state;
    msync_err_t  err;

    site_sql(site, "INSERT INTO changelog (cursor, table_name, record_id, "
             "row_action) VALUES (228, '', 'A', 'DELETE');"
             "DELETE FROM sqlite_sequence WHERE name = 'changelog'");
    assert_ok(msync_store_set_int(site->store, MSYNC_KEY_PUSH_CURSOR, 229,
                                  &err));
    assert_string_equal(site_check(site), "");
}


static void
a_trigger_that_says_something_else_is_found(void **state)
{
    site_t  *site = *state;

    site_sql(site, "DROP TRIGGER \"msync_asset_UPDATE\";"
             "CREATE TRIGGER \"msync_asset_UPDATE\" AFTER UPDATE ON \"asset\" "
             "BEGIN SELECT 1; END");
    assert_string_equal(site_check(site),
                        "trigger \"msync_asset_UPDATE\" is not as msync "
                        "makes it; the helper makes it again when it "
                        "starts;");
}


static void
opening_makes_triggers_and_tables_good(void **state)
{
    site_t      *site = *state;
    msync_err_t  err;

    msync_log_set_level(MSYNC_LOG_ERR);
    site_sql(site, "DROP TRIGGER \"msync_asset_UPDATE\";"
             "DROP TRIGGER \"msync_Location_INSERT\";"
             "CREATE TRIGGER \"msync_Location_INSERT\" AFTER INSERT ON "
             "\"Location\" BEGIN SELECT 1; END;"
             "DROP TABLE pref");
    assert_migrates(site, NULL);
    assert_string_equal(site_check(site), "");
}


/* each is missed and made again, and nothing else is touched */

static void
every_object_of_msyncs_is_missed_and_made_again(void **state)
{
    int          n = 0;
    char         found[8192], names[65536], *sql, *name, *rest, *row;
    site_t      *site = *state;
    msync_err_t  err;

    static const char  list[] =
        "SELECT group_concat(type || ' \"' || name || '\"', ';') FROM "
        "sqlite_master WHERE type IN ('index', 'trigger') AND name NOT LIKE "
        "'sqlite_%' AND (tbl_name IN ('Location', 'trans_line', 'changelog', "
        "'sync_buffer') OR name LIKE 'msync_vaccination%') OR type = 'table' "
        "AND name LIKE 'msync\\_%' ESCAPE '\\' OR name IN ('changelog', "
        "'sync_buffer', 'sync_log')";

    msync_log_set_level(MSYNC_LOG_ERR);
    snprintf(names, sizeof(names), "%s", site_get(site, list));

    for (row = strtok_r(names, ";", &rest); row != NULL;
         row = strtok_r(NULL, ";", &rest))
    {
        sql = sqlite3_mprintf("DROP %s", row);
        site_sql(site, sql);
        found[0] = '\0';
        (void) msync_store_check(site->store, site_note, found, &err);
        name = strchr(row, '"');

        /* without these three the check itself ends with an error */
        if (strcmp(name, "\"msync_refused\"") != 0
            && strcmp(name, "\"sync_buffer\"") != 0
            && strcmp(name, "\"msync_flag\"") != 0)
        {
            assert_non_null(strstr(found, name));
        }

        assert_ok(msync_store_renew(site->store, &err));
        assert_string_equal(site_check(site), "");
        sqlite3_free(sql);
        n++;
    }

    assert_true(n > 20);
}


static void
a_changelog_that_is_made_again_goes_on_behind_the_cursors(void **state)
{
    site_t      *site = *state;
    msync_err_t  err;

    msync_log_set_level(MSYNC_LOG_ERR);
    assert_ok(msync_store_set_int(site->store, MSYNC_KEY_PUSH_CURSOR, 400,
                                  &err));
    assert_ok(msync_store_set_int(site->store, MSYNC_KEY_PUSH_V6_TAKEN, 500,
                                  &err));
    site_sql(site, "DROP TABLE changelog");
    assert_ok(msync_store_renew(site->store, &err));
    assert_string_equal(site_get(site, "SELECT count(*) FROM changelog"),
                        "0");
    site_sql(site, "INSERT INTO Location (ID, Description, code, store_ID) "
             "VALUES ('L', 'd', 'c', 'S')");
    assert_string_equal(site_get(site, "SELECT cursor FROM changelog"),
                        "500");
}


/* that it cannot be used for one question keeps no other from being asked */

static void
a_table_that_cannot_serve_is_found(void **state)
{
    const char  *found;
    site_t      *site = *state;

    msync_log_set_level(MSYNC_LOG_ERR);
    site_sql(site, "PRAGMA foreign_keys = OFF; PRAGMA legacy_alter_table = ON;"
             "CREATE TABLE away AS SELECT * FROM unit; DROP TABLE unit;"
             "ALTER TABLE away RENAME TO unit;"
             "ALTER TABLE ship_method RENAME COLUMN ID TO number;"
             "CREATE TABLE away AS SELECT * FROM Location; DROP TABLE "
             "Location; ALTER TABLE away RENAME TO Location;"
             "UPDATE msync_flag SET integrating = 1");
    found = site_check(site);
    assert_non_null(strstr(found, "table \"unit\": what the application made "
                           "under this name cannot serve as msync's"));
    assert_non_null(strstr(found, "table \"Location\": what the application"));
    assert_non_null(strstr(found, "column \"ID\" of table \"ship_method\""));
    assert_non_null(strstr(found, "foreign key mismatch"));
    assert_non_null(strstr(found, "silenced"));

    site_sql(site, "CREATE UNIQUE INDEX own ON Location (ID)");
    found = site_check(site);
    assert_null(strstr(found, "table \"Location\": what the application"));
    assert_null(strstr(found, "foreign key mismatch - \"sensor\""));
}


/* what is asked of msync's own tables cannot be asked then */

static void
a_damaged_file_is_found_beside_a_table_that_is_gone(void **state)
{
    const char  *found;
    site_t      *site = *state;

    msync_log_set_level(MSYNC_LOG_ERR);
    site_sql(site, "CREATE TABLE mine (a CHECK (a > 0));"
             "PRAGMA ignore_check_constraints = ON;"
             "INSERT INTO mine VALUES (0);"
             "DROP TABLE msync_refused");
    found = site_check(site);
    assert_non_null(strstr(found, "table \"msync_refused\" is missing"));
    assert_non_null(strstr(found, "file: CHECK constraint failed in mine"));
}


/* as soon as the first table was looked at by itself */

static int
interrupt_tables(unsigned what, void *db, void *stmt, void *nanoseconds)
{
    (void) what;
    (void) nanoseconds;

    if (strstr(sqlite3_sql(stmt), "pragma_integrity_check('") != NULL) {
        sqlite3_interrupt(db);
    }

    return 0;
}


/* whole is only what was looked at to the end */

static void
a_look_at_the_tables_that_ends_early_is_an_error(void **state)
{
    char         found[SITE_FOUND] = "";
    site_t      *site = *state;
    msync_err_t  err;

    site_add_function(site, "mine");
    site_sql(site, "CREATE TABLE own (a, CHECK (mine(a)))");
    assert_string_equal(site_check(site), "");

    assert_int_equal(sqlite3_trace_v2(site->store->db, SQLITE_TRACE_PROFILE,
                                      interrupt_tables, site->store->db),
                     SQLITE_OK);
    assert_int_equal(msync_store_check(site->store, site_note, found, &err),
                     MSYNC_ERROR);
    assert_non_null(strstr(err.text, "interrupted"));
}


/* as a script does that resets a database */

static void
a_changelog_that_begins_anew_is_sent(void **state)
{
    int64_t       n;
    site_t       *site = *state;
    msync_err_t   err;

    static const char  row[] = "INSERT INTO barcode (ID, barcode, itemID) "
                               "VALUES ('B', 'b', 'none')";

    msync_log_set_level(MSYNC_LOG_ERR);
    assert_ok(msync_store_set_int(site->store, MSYNC_KEY_PUSH_CURSOR, 9,
                                  &err));
    assert_ok(msync_store_set_int(site->store, MSYNC_KEY_PUSH_V6_CURSOR, 1,
                                  &err));
    assert_ok(msync_store_set_int(site->store, MSYNC_KEY_PUSH_V6_TAKEN, 9,
                                  &err));
    site_sql(site, "PRAGMA foreign_keys = OFF;"
             "INSERT INTO item (ID, item_name, code, type_of) VALUES ('none', "
             "'n', 'c', 'general');"
             "DELETE FROM changelog; DELETE FROM sqlite_sequence");
    site_sql(site, row);
    assert_ok(msync_store_queue(site->store, MSYNC_KEY_PUSH_CURSOR, &n,
                                &err));
    assert_int_equal(n, 0);

    assert_ok(msync_store_renew(site->store, &err));
    assert_ok(msync_store_queue(site->store, MSYNC_KEY_PUSH_CURSOR, &n,
                                &err));
    assert_int_equal(n, 1);
    assert_string_equal(site_get(site, "SELECT value_int FROM key_value_store "
                                 "WHERE id = '" MSYNC_KEY_PUSH_V6_CURSOR "'"),
                        "1");
    assert_string_equal(site_get(site, "SELECT value_int FROM key_value_store "
                                 "WHERE id = '" MSYNC_KEY_PUSH_V6_TAKEN "'"),
                        "0");
    assert_string_equal(site_check(site), "");
}


static void
columns_of_msyncs_own_tables_come_back(void **state)
{
    char         found[8192] = "";
    site_t      *site = *state;
    msync_err_t  err;

    msync_log_set_level(MSYNC_LOG_ERR);
    site_sql(site, "ALTER TABLE sync_log DROP COLUMN error_code;"
             "ALTER TABLE changelog DROP COLUMN name_link_id");
    (void) msync_store_check(site->store, site_note, found, &err);
    assert_non_null(strstr(found, "column \"error_code\" of table "
                           "\"sync_log\" is missing"));
    assert_ok(msync_store_renew(site->store, &err));
    assert_string_equal(site_check(site), "");
}


/* what central has sent of it does not come again by itself */

static void
of_a_table_that_is_gone_it_is_told_what_becomes_of_its_rows(void **state)
{
    const char  *found;
    site_t      *site = *state;

    msync_log_set_level(MSYNC_LOG_ERR);
    site_sql(site, "PRAGMA foreign_keys = OFF; DROP TABLE unit");
    found = site_check(site);
    assert_non_null(strstr(found, "table \"unit\" is missing; the helper makes "
                           "it again when it starts, without its rows: "
                           "\"msync reinitialise\" fetches"));

    site_sql(site, "CREATE VIEW unit AS SELECT 'a' AS ID");
    found = site_check(site);
    assert_non_null(strstr(found, "table \"unit\" is missing; a view of the "
                           "application's has its name, and nothing is "
                           "synchronised before"));
}


static void
a_changelog_that_was_silenced_speaks_again(void **state)
{
    const char  *found;
    site_t      *site = *state;
    msync_err_t  err;

    msync_log_set_level(MSYNC_LOG_ERR);
    site_sql(site, "UPDATE msync_flag SET integrating = 1");
    found = site_check(site);
    assert_non_null(strstr(found, "silenced"));
    assert_ok(msync_store_renew(site->store, &err));
    assert_string_equal(site_get(site, "SELECT integrating FROM msync_flag"),
                        "0");
}


static void
renamed_tables_have_their_triggers(void **state)
{
    site_t      *site = *state;
    msync_err_t  err;

    assert_migrates(site, "[{\"table\":\"Location\",\"rename\":\"o'hara "
                    "\\\"x\\\"\"}]");
    assert_string_equal(site_check(site), "");
}


/* SQLite joins at most 500 queries */

static void
a_large_catalogue_is_checked(void **state)
{
    int           i;
    char         *text;
    site_t       *site = *state;
    msync_err_t   err;
    sqlite3_str  *json;

    json = sqlite3_str_new(NULL);

    for (i = 0; i < 300; i++) {
        sqlite3_str_appendf(json, "%s{\"table\":\"t%d\",\"key\":\"id\","
                            "\"delete\":\"hard\",\"push_to\":[\"legacy\"],"
                            "\"pull_from\":[\"legacy\"],\"fields\":["
                            "{\"name\":\"id\",\"type\":\"string\"}]}",
                            i ? "," : "[", i);
    }

    sqlite3_str_appendall(json, "]");
    text = sqlite3_str_finish(json);
    assert_migrates(site, text);
    sqlite3_free(text);

    assert_string_equal(site_check(site), "");
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        T(a_check_finds_damage_and_nothing_else),
        T(a_cursor_that_is_no_whole_number_is_found),
        T(a_cursor_behind_the_last_change_is_good),
        T(a_trigger_that_says_something_else_is_found),
        T(opening_makes_triggers_and_tables_good),
        T(every_object_of_msyncs_is_missed_and_made_again),
        T(a_changelog_that_is_made_again_goes_on_behind_the_cursors),
        T(a_table_that_cannot_serve_is_found),
        T(a_damaged_file_is_found_beside_a_table_that_is_gone),
        T(a_look_at_the_tables_that_ends_early_is_an_error),
        T(a_changelog_that_begins_anew_is_sent),
        T(columns_of_msyncs_own_tables_come_back),
        T(of_a_table_that_is_gone_it_is_told_what_becomes_of_its_rows),
        T(a_changelog_that_was_silenced_speaks_again),
        T(renamed_tables_have_their_triggers),
        T(a_large_catalogue_is_checked)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
