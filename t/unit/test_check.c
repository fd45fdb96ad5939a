/* What "check" finds, and what opening makes good. */

#include "site.h"
#include "store/check.h"
#include "base/log.h"


static void
note(void *data, const char *text)
{
    strcat(data, text);
    strcat(data, ";");
}


static void
a_check_finds_damage_and_nothing_else(void **state)
{
    char         found[8192] = "";
    site_t      *site = *state;
    msync_err_t  err;

    assert_ok(msync_store_check(site->store, note, found, &err));
    assert_string_equal(found, "");

    site_sql(site, "DROP TRIGGER \"msync_asset_UPDATE\";"
             "PRAGMA foreign_keys = OFF;"
             "INSERT INTO barcode (ID, barcode, itemID) VALUES "
             "('B', 'b', 'none')");
    assert_ok(msync_store_set_int(site->store, MSYNC_KEY_PUSH_CURSOR, 999,
                                  &err));
    assert_ok(msync_store_check(site->store, note, found, &err));
    assert_non_null(strstr(found, "msync_asset_UPDATE"));
    assert_non_null(strstr(found, "barcode"));
    assert_non_null(strstr(found, MSYNC_KEY_PUSH_CURSOR));
}


static void
a_cursor_that_is_no_whole_number_is_found(void **state)
{
    char         found[8192] = "";
    site_t      *site = *state;
    msync_err_t  err;

    assert_ok(msync_store_set_int(site->store, MSYNC_KEY_PUSH_CURSOR, 0,
                                  &err));
    site_sql(site, "UPDATE key_value_store SET value_int = 'x' WHERE id = "
             "'" MSYNC_KEY_PUSH_CURSOR "';"
             "INSERT INTO key_value_store (id, value_int) VALUES "
             "('" MSYNC_KEY_PULL_V6_CURSOR "', 1.5)");
    assert_ok(msync_store_check(site->store, note, found, &err));
    assert_string_equal(found, "cursor: " MSYNC_KEY_PUSH_CURSOR " is 'x', no "
                        "whole number; the next run goes on from 0;cursor: "
                        MSYNC_KEY_PULL_V6_CURSOR " is 1.5, no whole number; "
                        "the next run goes on from 1;");
}


static void
a_trigger_that_says_something_else_is_found(void **state)
{
    char         found[8192] = "";
    site_t      *site = *state;
    msync_err_t  err;

    site_sql(site, "DROP TRIGGER \"msync_asset_UPDATE\";"
             "CREATE TRIGGER \"msync_asset_UPDATE\" AFTER UPDATE ON \"asset\" "
             "BEGIN SELECT 1; END");
    assert_ok(msync_store_check(site->store, note, found, &err));
    assert_string_equal(found, "trigger \"msync_asset_UPDATE\" is not as "
                        "msync makes it; the helper makes it again "
                        "when it starts;");
}


static void
opening_makes_triggers_and_tables_good(void **state)
{
    char         found[8192] = "";
    site_t      *site = *state;
    msync_err_t  err;

    msync_log_set_level(MSYNC_LOG_ERR);
    site_sql(site, "DROP TRIGGER \"msync_asset_UPDATE\";"
             "DROP TRIGGER \"msync_Location_INSERT\";"
             "CREATE TRIGGER \"msync_Location_INSERT\" AFTER INSERT ON "
             "\"Location\" BEGIN SELECT 1; END;"
             "DROP TABLE pref");
    assert_migrates(site, NULL);
    assert_ok(msync_store_check(site->store, note, found, &err));
    assert_string_equal(found, "");
}


static void
renamed_tables_have_their_triggers(void **state)
{
    char         found[8192] = "";
    site_t      *site = *state;
    msync_err_t  err;

    assert_migrates(site, "[{\"table\":\"Location\",\"rename\":\"o'hara "
                    "\\\"x\\\"\"}]");
    assert_ok(msync_store_check(site->store, note, found, &err));
    assert_string_equal(found, "");
}


/* SQLite joins at most 500 queries */

static void
a_large_catalogue_is_checked(void **state)
{
    int           i;
    char          found[8192] = "", *text;
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

    assert_ok(msync_store_check(site->store, note, found, &err));
    assert_string_equal(found, "");
}


int
main(void)
{
#define T(name)  cmocka_unit_test_setup_teardown(name, site_open, site_close)

    const struct CMUnitTest  tests[] = {
        T(a_check_finds_damage_and_nothing_else),
        T(a_cursor_that_is_no_whole_number_is_found),
        T(a_trigger_that_says_something_else_is_found),
        T(opening_makes_triggers_and_tables_good),
        T(renamed_tables_have_their_triggers),
        T(a_large_catalogue_is_checked)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
