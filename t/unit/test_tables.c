/* The `tables` file: what it changes, and how it is refused. */

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
    assert_int_equal(loaded->n, 108);
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


/* refused with these words behind the file's name, and fitting advice */

static void
refused(const char *json, const char *words)
{
    char         full[2 * MSYNC_ERR_TEXT_MAX];
    msync_err_t  err;

    assert_null(site_tables(json, &err));

    if (strstr(err.text, words) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", words, err.text);
    }

    assert_ptr_equal(strstr(err.text, "/tmp/msync-tables-"), err.text);
    msync_err_full(&err, full, sizeof(full));
    assert_non_null(strstr(full, "Correct this file"));
    assert_null(strstr(full, "error log"));
}


static void
only_a_table_that_is_left_out_takes_foreign_keys_along(void **state)
{
    (void) state;
    refused("[{\"table\":\"unit\",\"leave_out\":false,\"fields\":[{\"name\":"
            "\"x\",\"type\":\"string\",\"references\":\"none\","
            "\"fk\":true}]}]", "\"none\" is not an earlier table");
    refused("[{\"table\":\"Location_type\",\"leave_out\":true},"
            "{\"table\":\"unit\",\"fields\":[{\"name\":\"x\","
            "\"type\":\"string\",\"references\":\"location_type\","
            "\"fk\":true}]}]", "\"location_type\" is not an earlier table");
}


#define MINE(references, more)                                                \
    "{\"table\":\"mine\",\"key\":\"id\",\"delete\":\"hard\",\"fields\":["        \
    "{\"name\":\"id\",\"type\":\"string\"},{\"name\":\"x\",\"type\":\"string\","  \
    "\"references\":\"" references "\"" more "}]}]"

/* whether it is a foreign key or not, and whatever else is left out */

static void
a_reference_that_is_misspelt_is_refused(void **state)
{
    msync_err_t         err;
    msync_catalogue_t  *loaded;

    (void) state;
    refused("[" MINE("iten", ""),
            "table \"mine\", field \"x\": there is no table \"iten\"");
    refused("[{\"table\":\"pref\",\"leave_out\":true}," MINE("iten", ""),
            "table \"mine\", field \"x\": there is no table \"iten\"");
    refused("[{\"table\":\"pref\",\"leave_out\":true},"
            MINE("iten", ",\"fk\":true"), "\"iten\" is not an earlier table");
    refused("[{\"table\":\"unit\",\"fields\":[{\"name\":\"x\","
            "\"type\":\"object\",\"properties\":[{\"name\":\"y\","
            "\"type\":\"string\",\"references\":\"iten\"}]}]}]",
            "table \"unit\", field \"x\": there is no table \"iten\"");

    loaded = site_tables("[{\"table\":\"pref\",\"leave_out\":true},"
                         MINE("pref", ",\"fk\":true"), &err);
    assert_non_null(loaded);
    msync_catalogue_free(&loaded);
}


/* its store would be read from the row that is being read */

static void
a_line_that_would_be_its_own_document_is_refused(void **state)
{
    (void) state;
    refused("[{\"table\":\"asset_log\",\"changelog_store\":null,\"fields\":"
            "[{\"name\":\"asset_id\",\"references\":\"asset_log\","
            "\"fk\":false}]}]",
            "table \"asset_log\": \"parent\" leads to the table itself");
}


static void
a_side_that_is_misspelt_is_refused(void **state)
{
    (void) state;
    refused("[{\"table\":\"unit\",\"push_to\":[\"Legacy\"]}]",
            "table \"unit\": \"push_to\" has \"Legacy\"");
    refused("[{\"table\":\"unit\",\"pull_from\":[\"legacy\",\"legaci\"]}]",
            "table \"unit\": \"pull_from\" has \"legaci\"");
    refused("[{\"table\":\"unit\",\"push_to\":\"legacy\"}]",
            "table \"unit\": \"push_to\" has to be an array");
    refused("[{\"table\":\"unit\",\"push_to\":[1]}]", "\"push_to\" has");
}


static void
a_member_that_is_misspelt_is_refused(void **state)
{
    (void) state;
    refused("[{\"table\":\"item\"},{\"table\":\"unit\",\"leaveout\":true}]",
            "table \"unit\": there is no member \"leaveout\"");
    refused("[{\"table\":\"unit\",\"fields\":[{\"name\":\"c\","
            "\"type\":\"string\",\"nulable\":true}]}]",
            "table \"unit\", field \"c\": there is no member \"nulable\"");
    refused("[{\"table\":\"unit\",\"leave_out\":\"true\"}]",
            "\"leave_out\" has to be true or false");
    refused("[{\"table\":\"unit\",\"fields\":[{\"type\":\"string\"}]}]",
            "table \"unit\" has a field without \"name\"");
    refused("[{\"table\":\"unit\",\"changelog_store\":{\"colum\":\"x\"}}]",
            "\"changelog_store\": there is no member \"colum\"");
    refused("[{\"table\":\"item\"},{\"tabel\":\"unit\"}]",
            "entry 2 has no \"table\"");
}


static void
broken_json_is_refused_with_its_place(void **state)
{
    (void) state;
    refused("[\n {\"table\": \"unit\"\n  \"rename\": \"x\"}]",
            "line 3, column 3: \",\" is missing");
    refused("[{\"table\": \"unit\"}] x",
            "line 1, column 21: something follows");
    refused("", "line 1, column 1");
}


/* what describes the built-in tables may stand in a file as well */

static void
the_built_in_catalogue_is_a_tables_file(void **state)
{
    char               *text, *marked;
    size_t              length;
    msync_err_t         err;
    msync_catalogue_t  *loaded;

    (void) state;
    text = site_contents("sync/catalogue/catalogue.json", &length);
    assert_true(length > 100000);

    /* with the mark that some editors put before it */
    marked = sqlite3_mprintf("\xef\xbb\xbf%s", text);
    free(text);

    loaded = site_tables(marked, &err);
    sqlite3_free(marked);

    if (loaded == NULL) {
        fail_msg("%s", err.text);
    }

    assert_int_equal(loaded->n, 108);
    msync_catalogue_free(&loaded);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(a_tables_file_adds_overrides_renames_and_leaves_out),
        cmocka_unit_test(a_bad_tables_file_is_refused_by_file_table_and_field),
        cmocka_unit_test(
            only_a_table_that_is_left_out_takes_foreign_keys_along),
        cmocka_unit_test(a_reference_that_is_misspelt_is_refused),
        cmocka_unit_test(a_line_that_would_be_its_own_document_is_refused),
        cmocka_unit_test(a_side_that_is_misspelt_is_refused),
        cmocka_unit_test(a_member_that_is_misspelt_is_refused),
        cmocka_unit_test(broken_json_is_refused_with_its_place),
        cmocka_unit_test(the_built_in_catalogue_is_a_tables_file)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
