/* The "tables" file: what it changes, and how it is refused. */

#include "site.h"


static void
a_tables_file_adds_overrides_renames_and_leaves_out(void **state)
{
    msync_err_t           err;
    msync_catalogue_t    *loaded;
    const msync_table_t  *t;

    (void) state;
    loaded = site_tables("[{\"table\":\"unit\",\"rename\":\"unidad\","
                         "\"fields\":["
                         "{\"name\":\"units\",\"nullable\":true},"
                         "{\"name\":\"colour\",\"type\":\"string\","
                         "\"nullable\":true}]},"
                         "{\"table\":\"Location_type\",\"leave_out\":true},"
                         "{\"table\":\"mine\",\"key\":\"id\","
                         "\"delete\":\"hard\",\"pull_from\":[\"legacy\"],"
                         "\"push_to\":[],\"fields\":["
                         "{\"name\":\"id\",\"type\":\"string\"},"
                         "{\"name\":\"item_ID\",\"type\":\"string\","
                         "\"references\":\"item\",\"fk\":true}]}]", &err);
    assert_non_null(loaded);
    assert_int_equal(loaded->n, 94);
    t = msync_catalogue_find(loaded, "unit");
    assert_string_equal(t->sql, "unidad");
    assert_true(msync_table_field(t, "units")->nullable);
    assert_non_null(msync_table_field(t, "colour"));
    assert_null(msync_catalogue_find(loaded, "Location_type"));
    assert_false(msync_table_field(msync_catalogue_find(loaded, "Location"),
                                   "type_ID")->fk);
    assert_non_null(msync_catalogue_find(loaded, "mine"));
    msync_catalogue_free(&loaded);
}


static void
a_bad_tables_file_is_refused_by_file_table_and_field(void **state)
{
    msync_err_t  err;

    (void) state;
    assert_null(site_tables("{}", &err));
    assert_non_null(strstr(err.text, "/tmp/msync-tables-"));
    assert_null(site_tables("[{\"table\":\"none\",\"leave_out\":true}]",
                            &err));
    assert_non_null(strstr(err.text, "none"));
    assert_null(site_tables("[{\"table\":\"unit\",\"fields\":[{\"name\":"
                            "\"c\",\"type\":\"colour\"}]}]", &err));
    assert_non_null(strstr(err.text, "unit"));
    assert_non_null(strstr(err.text, "\"c\""));
    assert_null(site_tables("[{\"table\":\"unit\",\"rename\":\"item\"}]",
                            &err));
    assert_null(msync_catalogue_load("/nonexistent", &err));
    assert_non_null(strstr(err.text, "/nonexistent"));
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(a_tables_file_adds_overrides_renames_and_leaves_out),
        cmocka_unit_test(a_bad_tables_file_is_refused_by_file_table_and_field)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
