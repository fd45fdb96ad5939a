/* What an application does to tables that msync shares with it. */

#include "site.h"

#define LOCATION(id)                                                          \
    "INSERT INTO Location (ID, Description, code, store_ID) VALUES ('" id     \
    "', 'd', 'c', 'S1')"


/* a store that is active here, nothing of which waits */

static void
prepare(site_t *site)
{
    msync_log_set_level(MSYNC_LOG_ERR);
    site_sql(site, "UPDATE msync_flag SET integrating = 1;"
             "INSERT INTO name (ID, name, code, type) VALUES ('N1', 'N', "
             "'c', 'facility');"
             "INSERT INTO store (ID, name_ID, code, store_mode, "
             "sync_id_remote_site) VALUES ('S1', 'N1', 'c', 'store', 7),"
             "('S2', 'N1', 'c', 'store', 8);"
             "UPDATE msync_flag SET integrating = 0;");
}


static void
note(void *data, const char *text)
{
    strcat(data, text);
    strcat(data, ";");
}


static void
assert_check(site_t *site, const char *words)
{
    char         found[8192] = "";
    msync_err_t  err;

    assert_ok(msync_store_check(site->store, note, found, &err));

    if (*words == '\0') {
        assert_string_equal(found, "");

    } else if (strstr(found, words) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", words, found);
    }
}


static void
a_column_that_is_gone_is_never_sent_as_its_name(void **state)
{
    int64_t        processed;
    site_t        *site = *state;
    msync_err_t    err;
    msync_batch_t  batch = { 0 };

    prepare(site);
    site_sql(site, LOCATION("L1")
             ";ALTER TABLE Location RENAME COLUMN Description TO title");
    assert_int_equal(msync_store_changes(site->store, MSYNC_LEGACY, 0, 10,
                                         1 << 20, &batch, &processed, &err),
                     MSYNC_ERROR);
    assert_non_null(strstr(err.text, "Description"));
    assert_int_equal(batch.n, 0);
    msync_batch_clear(&batch);
}


static void
a_key_that_is_gone_finds_no_row(void **state)
{
    bool          exists;
    site_t       *site = *state;
    msync_err_t   err;

    const msync_table_t  *table;

    table = msync_catalogue_find(site->catalogue, "unit");
    site_sql(site, "INSERT INTO unit (ID, units) VALUES ('U', 'box');"
             "ALTER TABLE unit RENAME COLUMN ID TO id_of_unit");
    assert_int_equal(msync_store_row_exists(site->store, table, "ID",
                                            &exists, &err), MSYNC_ERROR);
    assert_int_equal(msync_store_row_delete(site->store, table, "ID", &err),
                     MSYNC_ERROR);
    assert_string_equal(site_get(site, "SELECT units FROM unit"), "box");
}


static void
without_a_column_of_a_pushed_table_nothing_is_done(void **state)
{
    site_t       *site = *state;
    msync_err_t   err;

    prepare(site);
    site_sql(site, "ALTER TABLE Location RENAME COLUMN Description TO title");
    assert_check(site, "table \"Location\": the column \"Description\" is "
                       "gone. It was there when msync set the table up");
    assert_check(site, "ALTER TABLE ... ADD COLUMN");

    assert_false(site_migrate(site, NULL, &err));
    assert_int_equal(err.variant, MSYNC_ERR_DATABASE_ERROR);
    assert_non_null(strstr(err.text, "table \"Location\": the column "
                           "\"Description\" is gone"));
    assert_non_null(strstr(err.advice, "msync reinitialise"));
    assert_string_equal(site_get(site, "SELECT count(*) FROM "
                        "pragma_table_info('Location') WHERE name = "
                        "'Description'"), "0");

    site_sql(site, "ALTER TABLE Location RENAME COLUMN title TO Description");
    assert_migrates(site, NULL);
    assert_check(site, "");
}


static void
columns_that_are_not_sent_come_back(void **state)
{
    site_t       *site = *state;
    msync_err_t   err;

    prepare(site);
    site_sql(site, "ALTER TABLE unit DROP COLUMN units;"
             "ALTER TABLE name DROP COLUMN deleted_datetime;"
             "ALTER TABLE Location DROP COLUMN msync_extra");
    assert_check(site, "column \"units\" of table \"unit\" is missing; the "
                       "helper makes it again when it starts");
    assert_check(site, "column \"deleted_datetime\" of table \"name\"");
    assert_check(site, "column \"msync_extra\" of table \"Location\"");
    assert_migrates(site, NULL);
    assert_check(site, "");
}


/* until the helper has added it */

static void
a_column_that_is_new_is_not_said_to_be_gone(void **state)
{
    site_t  *site = *state;

    site_sql(site, "UPDATE key_value_store SET value_string = 'other' WHERE "
             "id = 'MSYNC_SCHEMA_SHA256';"
             "ALTER TABLE Location DROP COLUMN Description");
    assert_check(site, "column \"Description\" of table \"Location\" is "
                       "missing; the helper makes it again");
}


int
main(void)
{
#define T(name)  cmocka_unit_test_setup_teardown(name, site_open, site_close)

    const struct CMUnitTest  tests[] = {
        T(a_column_that_is_gone_is_never_sent_as_its_name),
        T(a_key_that_is_gone_finds_no_row),
        T(without_a_column_of_a_pushed_table_nothing_is_done),
        T(columns_that_are_not_sent_come_back),
        T(a_column_that_is_new_is_not_said_to_be_gone)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
