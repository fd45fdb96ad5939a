/* References that Open mSupply does not insist on. */

#include "integration.h"
#include "store/store_private.h"

/* what an application has added to a database of the schema of 4: a column, a
 * view, an index, a trigger */
#define ADDED                                                                 \
    "ALTER TABLE item ADD COLUMN shelf TEXT DEFAULT 'a, b';"                  \
    "CREATE VIEW shelves AS SELECT i.shelf, u.units FROM item AS i LEFT JOIN " \
    "unit AS u ON u.ID = i.unit_ID;"                                          \
    "CREATE INDEX by_shelf ON item (shelf);"                                  \
    "CREATE TABLE note (text);"                                               \
    "CREATE TRIGGER noted AFTER INSERT ON item BEGIN INSERT INTO note VALUES " \
    "(NEW.shelf); END;"                                                       \
    "INSERT INTO item (ID, item_name, code, type_of) VALUES ('I1', 'n', 'c', " \
    "'general')"


static void
an_id_without_its_row_is_kept(void **state)
{
    site_t  *site = *state;

    site_pull(site, MSYNC_LEGACY, "item", "I", MSYNC_ACTION_UPSERT,
              ITEM("nowhere"));
    assert_int_equal(integrate(site, true).failed, 0);
    assert_string_equal(site_get(site, "SELECT unit_ID FROM item"),
                        "nowhere");
    site_sql(site, "PRAGMA foreign_keys = ON;"
             "UPDATE item SET unit_ID = 'elsewhere'");
    assert_string_equal(site_check(site), "");
}


/* sync v7 has no table of warnings */

static void
a_warning_that_never_comes_keeps_no_record_waiting(void **state)
{
    site_t  *site = *state;

    site_pull(site, MSYNC_LEGACY, "item", "I", MSYNC_ACTION_UPSERT, ITEM(""));
    site_pull(site, MSYNC_LEGACY, "item_warning_link", "L",
              MSYNC_ACTION_UPSERT, "{\"ID\":\"L\",\"item_ID\":\"I\","
              "\"warning_ID\":\"nowhere\",\"priority\":false}");
    assert_int_equal(integrate(site, true).failed, 0);
    assert_string_equal(site_get(site, "SELECT warning_ID FROM "
                                 "item_warning_link"), "nowhere");
}


static void
a_donor_that_never_comes_keeps_no_stocktake_waiting(void **state)
{
    site_t  *site = *state;

    site_sql(site, "PRAGMA foreign_keys = OFF; INSERT INTO Stock_take (ID, "
             "store_ID, serial_number, status, stock_take_created_date, "
             "created_by_ID, stock_take_time) VALUES ('T', 'S', 1, 'sg', "
             "'2026-05-01', '', '00:00:00')");
    site_pull(site, MSYNC_LEGACY, "item", "I", MSYNC_ACTION_UPSERT, ITEM(""));
    site_pull(site, MSYNC_LEGACY, "Stock_take_lines", "L",
              MSYNC_ACTION_UPSERT, "{\"ID\":\"L\",\"stock_take_ID\":\"T\","
              "\"item_ID\":\"I\",\"item_line_ID\":\"\",\"location_id\":\"\","
              "\"optionID\":\"\",\"donor_ID\":\"nowhere\"}");
    assert_int_equal(integrate(site, true).failed, 0);
    assert_string_equal(site_get(site, "SELECT donor_ID FROM "
                                 "Stock_take_lines"), "nowhere");
}


static void
a_database_of_the_release_loses_the_constraints(void **state)
{
    site_t       *site = *state;
    msync_err_t   err;

    site_begin_version(site, 4);
    site_sql(site, ADDED);
    assert_string_equal(site_get(site, "SELECT count(*) FROM sqlite_master "
                        "AS m, pragma_foreign_key_list(m.name)"), "181");
    assert_migrates(site, NULL);
    assert_string_equal(site_get(site, "SELECT count(*) FROM sqlite_master "
                        "AS m, pragma_foreign_key_list(m.name)"), "104");

    /* what the application has open and has made goes on */
    site_sql(site, "PRAGMA foreign_keys = ON;"
             "INSERT INTO item (ID, item_name, code, type_of, unit_ID) VALUES "
             "('I2', 'n', 'c', 'general', 'nowhere')");
    assert_string_equal(site_get(site, "SELECT group_concat(shelf) FROM "
                                 "shelves"), "a, b,a, b");
    assert_string_equal(site_get(site, "SELECT text FROM note LIMIT 1"),
                        "a, b");
    assert_string_equal(site_get(site, "PRAGMA integrity_check"), "ok");
    assert_string_equal(site_get(site, "SELECT count(*) FROM sqlite_master "
                                 "WHERE name = 'by_shelf'"), "1");
    assert_string_equal(site_check(site), "");

    /* another connection reads the same */
    sqlite3_close(site->app);
    assert_int_equal(sqlite3_open(site->path, &site->app), SQLITE_OK);
    assert_string_equal(site_get(site, "SELECT count(*) FROM sqlite_master "
                        "AS m, pragma_foreign_key_list(m.name)"), "104");
}


static void
what_waited_is_due_in_the_next_run(void **state)
{
    site_t       *site = *state;
    msync_err_t   err;

    site_begin_version(site, 4);
    site_sql(site, "INSERT INTO sync_buffer (record_id, received_datetime, "
             "table_name, action, data, side, integration_error, error_field, "
             "first_failed_datetime, last_tried, retry_at, missing_table, "
             "missing_id, tries) VALUES ('I', 't', 'item', 'UPSERT', '"
             ITEM("nowhere") "', 1, 'there is no unit', 'unit_ID', 't', "
             "1700000000000, 9000000000000, 'unit', 'nowhere', 9)");
    assert_migrates(site, NULL);
    assert_int_equal(integrate(site, true).integrated, 1);
    assert_string_equal(site_get(site, "SELECT unit_ID FROM item"),
                        "nowhere");
    assert_string_equal(site_check(site), "");
}


/* it is not msync's to take away, and what it makes wait says why */

static void
a_constraint_of_the_application_stays(void **state)
{
    site_t              *site = *state;
    msync_err_t          err;

    site_begin_version(site, 4);
    site_sql(site, "CREATE TABLE n (ID TEXT PRIMARY KEY NOT NULL, Description "
             "TEXT, code TEXT, hold BOOLEAN, Volume REAL, store_ID TEXT, "
             "\"type_ID\" TEXT NULL REFERENCES \"Location_type\" (\"ID\") "
             "DEFERRABLE INITIALLY DEFERRED, msync_extra TEXT);"
             "DROP TABLE Location; ALTER TABLE n RENAME TO Location");
    assert_migrates(site, NULL);
    assert_string_equal(site_get(site, "SELECT \"from\" FROM "
                        "pragma_foreign_key_list('Location')"), "type_ID");

    site_pull(site, MSYNC_LEGACY, "Location", "L", MSYNC_ACTION_UPSERT,
              "{\"Description\":\"d\",\"code\":\"x\",\"hold\":false,"
              "\"Volume\":0,\"store_ID\":\"S1\",\"type_ID\":\"T\"}");
    assert_int_equal(integrate(site, true).failed, 1);
    assert_string_equal(site_get(site, "SELECT integration_error FROM "
                                 "sync_buffer"),
                        "field \"type_ID\": there is no Location_type \"T\" "
                        "yet");
}


static void
merges_look_such_references_up_by_an_index(void **state)
{
    site_t       *site = *state;
    msync_err_t   err;

    site_begin_version(site, 4);
    assert_migrates(site, NULL);
    assert_non_null(strstr(site_get(site, "SELECT group_concat(name) FROM "
                           "sqlite_master WHERE tbl_name = 'vaccination'"),
                           "msync_vaccination_clinician_link_id"));
    assert_null(strstr(site_get(site, "SELECT group_concat(name) FROM "
                                "sqlite_master WHERE tbl_name = "
                                "'vaccination'"),
                       "msync_vaccination_invoice_id"));

    /* one that a release made for nothing is made anew */
    assert_string_equal(site_get(site, "SELECT sql LIKE '%WHERE%' FROM "
                                 "sqlite_master WHERE name = "
                                 "'msync_trans_line_transaction_ID'"), "0");
}


static void
keys_of_msyncs_own_tables_are_not_null(void **state)
{
    site_t       *site = *state;
    msync_err_t   err;

    site_begin_version(site, 4);
    site_sql(site, "INSERT INTO changelog (table_name, record_id, row_action) "
             "VALUES ('Location', 'L', 'UPSERT')");
    assert_migrates(site, NULL);
    assert_string_equal(site_get(site, "SELECT count(*) FROM sqlite_master "
                        "AS m, pragma_table_info(m.name) AS c WHERE m.type = "
                        "'table' AND m.name NOT LIKE 'sqlite_%' AND c.pk AND "
                        "NOT c.\"notnull\""), "0");
    assert_string_equal(site_get(site, "SELECT cursor FROM changelog"), "1");
}


static int
no_foreign_keys(void *data, int action, const char *name, const char *argument,
    const char *database, const char *trigger)
{
    (void) data;
    (void) argument;
    (void) database;
    (void) trigger;

    return action == SQLITE_PRAGMA && strcmp(name, "foreign_key_list") == 0
           ? SQLITE_DENY : SQLITE_OK;
}


/* of a key of the application's, by which the row of a sensor would change */

static void
a_key_that_cannot_be_read_keeps_its_delete(void **state)
{
    site_t              *site = *state;
    msync_err_t          err;
    msync_integrated_t   result;

    site_sql(site, "PRAGMA writable_schema = ON; UPDATE sqlite_master SET sql "
             "= replace(sql, '\"Location\" (\"ID\")', 'Location ON DELETE SET "
             "NULL') WHERE name = 'sensor'; PRAGMA writable_schema = RESET;"
             "INSERT INTO Location (ID, store_ID) VALUES ('A', 'S'), "
             "('B', 'S'); INSERT INTO sensor (ID, locationID, storeID) VALUES "
             "('X', 'A', 'S')");
    site_open_again(site);
    site_pull(site, MSYNC_LEGACY, "Location", "B", MSYNC_ACTION_DELETE, NULL);
    assert_int_equal(integrate(site, true).integrated, 1);

    site_pull(site, MSYNC_LEGACY, "Location", "A", MSYNC_ACTION_DELETE, NULL);
    sqlite3_set_authorizer(site->store->db, no_foreign_keys, NULL);
    assert_int_equal(msync_integrate(site->store, site->catalogue, true, NULL,
                                     NULL, &result, &err), MSYNC_ERROR);
    sqlite3_set_authorizer(site->store->db, NULL, NULL);
    assert_string_equal(site_get(site, "SELECT locationID FROM sensor"), "A");

    assert_int_equal(integrate(site, true).failed, 1);
    assert_string_equal(site_get(site, "SELECT locationID FROM sensor"), "A");
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        T(an_id_without_its_row_is_kept),
        T(a_warning_that_never_comes_keeps_no_record_waiting),
        T(a_donor_that_never_comes_keeps_no_stocktake_waiting),
        T(a_database_of_the_release_loses_the_constraints),
        T(what_waited_is_due_in_the_next_run),
        T(a_constraint_of_the_application_stays),
        T(merges_look_such_references_up_by_an_index),
        T(keys_of_msyncs_own_tables_are_not_null),
        T(a_key_that_cannot_be_read_keeps_its_delete)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
