/* Merges: references, joins, waiting, and what comes later. */

#include "integration.h"


static void
a_merge_repoints_and_marks_the_loser(void **state)
{
    site_t              *site = *state;
    msync_integrated_t   result;

    site_sql(site, "INSERT INTO item (ID, type_of) VALUES ('A', 'general'), "
             "('B', 'general');"
             "INSERT INTO barcode (ID, barcode, itemID) VALUES "
             "('X', '1', 'B')");
    site_sql(site, SITE_SENT);
    site_pull(site, MSYNC_LEGACY, "item", "m", MSYNC_ACTION_MERGE,
              "{\"mergeIdToKeep\":\"A\",\"mergeIdToDelete\":\"B\"}");
    site_pull(site, MSYNC_LEGACY, "item", "n", MSYNC_ACTION_MERGE,
              "{\"mergeIdToKeep\":\"gone\",\"mergeIdToDelete\":\"B\"}");
    result = integrate(site, true);
    assert_int_equal(result.integrated, 1);
    assert_int_equal(result.failed, 1);
    assert_string_equal(site_get(site, "SELECT itemID FROM barcode"), "A");
    assert_string_equal(site_get(site, "SELECT inactive FROM item WHERE ID "
                                 "= 'B'"), "1");
    assert_string_equal(site_get(site, "SELECT count(*) FROM changelog"),
                        "0");
}


static void
a_merge_leaves_one_join_a_pair(void **state)
{
    site_t  *site = *state;

    site_sql(site, "INSERT INTO name (ID, name, code, type) VALUES "
             "('K', 'k', 'c', 'facility'), ('L', 'l', 'c', 'facility'), "
             "('N', 'n', 'c', 'facility');"
             "INSERT INTO store (ID, name_ID, code, store_mode) VALUES "
             "('S', 'N', 'c', 'store'), ('T', 'N', 'd', 'store');"
             "INSERT INTO name_store_join (ID, name_ID, store_ID) VALUES "
             "('k', 'K', 'S'), ('l', 'L', 'S'), ('t', 'L', 'T')");
    site_pull(site, MSYNC_LEGACY, "name", "m", MSYNC_ACTION_MERGE,
              "{\"mergeIdToKeep\":\"K\",\"mergeIdToDelete\":\"L\"}");
    assert_int_equal(integrate(site, true).failed, 0);
    assert_string_equal(site_get(site, "SELECT group_concat(ID || name_ID "
                                 "|| store_ID, ' ') FROM name_store_join"),
                        "kKS tKT");
}


static void
a_merge_is_done_whole_or_not_at_all(void **state)
{
    site_t  *site = *state;

    site_sql(site, "INSERT INTO item (ID, type_of) VALUES ('A', 'general'), "
             "('B', 'general');"
             "INSERT INTO barcode (ID, barcode, itemID) VALUES "
             "('X', '1', 'B');"
             "CREATE TRIGGER no BEFORE UPDATE ON item BEGIN "
             "SELECT raise(ABORT, 'the application says no'); END");
    site_pull(site, MSYNC_LEGACY, "item", "m", MSYNC_ACTION_MERGE,
              "{\"mergeIdToKeep\":\"A\",\"mergeIdToDelete\":\"B\"}");
    assert_int_equal(integrate(site, true).failed, 1);
    assert_string_equal(site_get(site, "SELECT itemID FROM barcode"), "B");
    assert_string_equal(site_get(site, "SELECT integration_error FROM "
                                 "sync_buffer"), "the application says no");
}


static void
merges_of_one_record_do_not_replace_each_other(void **state)
{
    site_t  *site = *state;

    site_sql(site, "INSERT INTO item (ID, type_of) VALUES ('A', 'general'), "
             "('B', 'general'), ('C', 'general')");
    site_pull(site, MSYNC_LEGACY, "item", "A", MSYNC_ACTION_MERGE,
              "{\"mergeIdToKeep\":\"A\",\"mergeIdToDelete\":\"B\"}");
    site_pull(site, MSYNC_LEGACY, "item", "A", MSYNC_ACTION_MERGE,
              "{\"mergeIdToKeep\":\"A\",\"mergeIdToDelete\":\"C\"}");
    site_pull(site, MSYNC_LEGACY, "item", "A", MSYNC_ACTION_MERGE,
              "{\"mergeIdToKeep\":\"A\",\"mergeIdToDelete\":\"C\"}");
    assert_int_equal(integrate(site, true).integrated, 2);
    assert_string_equal(site_get(site, "SELECT group_concat(ID) FROM item "
                                 "WHERE inactive"), "B,C");
}


static void
a_merge_of_records_of_others_is_none_of_ours(void **state)
{
    site_t  *site = *state;

    site_pull(site, MSYNC_LEGACY, "name", "m", MSYNC_ACTION_MERGE,
              "{\"mergeIdToKeep\":\"A\",\"mergeIdToDelete\":\"B\"}");
    assert_int_equal(integrate(site, true).integrated, 1);
}


static void
a_merge_waits_for_the_record_that_is_kept(void **state)
{
    site_t              *site = *state;
    msync_integrated_t   result;

    site_sql(site, "INSERT INTO unit (ID, units) VALUES ('U', 'u');"
             "INSERT INTO item (ID, type_of) VALUES ('B', 'general');"
             "INSERT INTO barcode (ID, barcode, itemID) VALUES "
             "('X', '1', 'B')");
    site_pull(site, MSYNC_LEGACY, "item", "m", MSYNC_ACTION_MERGE,
              "{\"mergeIdToKeep\":\"A\",\"mergeIdToDelete\":\"B\"}");
    assert_int_equal(integrate(site, true).failed, 1);

    site_pull(site, MSYNC_LEGACY, "item", "A", MSYNC_ACTION_UPSERT,
              ITEM("U"));
    result = integrate(site, true);
    assert_int_equal(result.integrated, 2);
    assert_int_equal(result.failed, 0);
    assert_string_equal(site_get(site, "SELECT itemID FROM barcode"), "A");
}


#define BARCODE(item)                                                         \
    "{\"barcode\":\"1\",\"itemID\":\"" item "\",\"manufacturerID\":\"\","    \
    "\"packSize\":1,\"parentID\":\"\"}"

static void
a_later_reference_to_the_loser_is_led_to_the_kept_one(void **state)
{
    site_t  *site = *state;

    site_sql(site, "INSERT INTO item (ID, type_of) VALUES ('A', 'general'), "
             "('B', 'general'), ('C', 'general')");
    site_pull(site, MSYNC_LEGACY, "item", "m", MSYNC_ACTION_MERGE,
              "{\"mergeIdToKeep\":\"B\",\"mergeIdToDelete\":\"C\"}");
    site_pull(site, MSYNC_LEGACY, "item", "n", MSYNC_ACTION_MERGE,
              "{\"mergeIdToKeep\":\"A\",\"mergeIdToDelete\":\"B\"}");
    assert_int_equal(integrate(site, true).failed, 0);

    site_pull(site, MSYNC_LEGACY, "barcode", "X", MSYNC_ACTION_UPSERT,
              BARCODE("C"));
    assert_int_equal(integrate(site, true).failed, 0);
    assert_string_equal(site_get(site, "SELECT itemID FROM barcode"), "A");

    /* a merge into one that was merged itself, and one the other way round */
    site_sql(site, "INSERT INTO item (ID, type_of) VALUES ('D', 'general')");
    site_pull(site, MSYNC_LEGACY, "item", "o", MSYNC_ACTION_MERGE,
              "{\"mergeIdToKeep\":\"C\",\"mergeIdToDelete\":\"D\"}");
    site_pull(site, MSYNC_LEGACY, "item", "p", MSYNC_ACTION_MERGE,
              "{\"mergeIdToKeep\":\"B\",\"mergeIdToDelete\":\"A\"}");
    assert_int_equal(integrate(site, true).failed, 0);
    assert_string_equal(site_get(site, "SELECT itemID FROM barcode"), "B");
    assert_string_equal(site_get(site, "SELECT group_concat(record_id || "
                                 "kept_id, ' ') FROM (SELECT * FROM "
                                 "msync_merged ORDER BY record_id)"),
                        "AB CB DB");
}


static void
what_the_application_has_between_two_records_is_named(void **state)
{
    site_t       *site = *state;
    msync_err_t   err;

    site_sql(site, "INSERT INTO item (ID, type_of) VALUES ('A', 'general'), "
             "('B', 'general');"
             "INSERT INTO barcode (ID, barcode, itemID) VALUES ('X', 'x', "
             "'A'), ('Y', 'y', 'B');"
             "CREATE UNIQUE INDEX one_barcode ON barcode (itemID);"
             "INSERT INTO clinician (ID) VALUES ('K'), ('L');"
             "CREATE TABLE shift (id INTEGER PRIMARY KEY, doctor TEXT "
             "REFERENCES clinician (ID));"
             "CREATE TABLE later (id INTEGER PRIMARY KEY, doctor TEXT "
             "REFERENCES clinician DEFERRABLE INITIALLY DEFERRED);"
             "INSERT INTO later (doctor) VALUES ('K');"
             "INSERT INTO shift (doctor) VALUES ('L')");
    site_pull(site, MSYNC_LEGACY, "item", "m", MSYNC_ACTION_MERGE,
              "{\"mergeIdToKeep\":\"A\",\"mergeIdToDelete\":\"B\"}");
    site_pull(site, MSYNC_LEGACY, "clinician", "n", MSYNC_ACTION_MERGE,
              "{\"mergeIdToKeep\":\"K\",\"mergeIdToDelete\":\"L\"}");

    assert_int_equal(integrate(site, true).failed, 2);
    assert_string_equal(site_get(site, "SELECT group_concat(itemID) FROM "
                                 "barcode"), "A,B");
    assert_string_equal(site_get(site, "SELECT integration_error FROM "
                                 "sync_buffer WHERE table_name = 'item'"),
                        "two rows would be one to a key of the application, "
                        "which has to change or remove one of them: UNIQUE "
                        "constraint failed: barcode.itemID");
    assert_string_equal(site_get(site, "SELECT integration_error FROM "
                                 "sync_buffer WHERE table_name = "
                                 "'clinician'"),
                        "column \"doctor\" of the application's table "
                        "\"shift\" refers to the record that goes "
                        "(mergeIdToDelete); let it refer to the one that "
                        "stays");

    /* then it is done, but for a key that is looked at in the end */
    site_sql(site, "DELETE FROM barcode WHERE ID = 'X';"
             "UPDATE shift SET doctor = 'K'; UPDATE later SET doctor = 'L'");
    assert_ok(msync_store_buffer_wake_all(site->store, &err));
    assert_int_equal(integrate(site, true).integrated, 1);
    assert_non_null(strstr(site_get(site, "SELECT integration_error FROM "
                                    "sync_buffer"), "table \"later\""));

    site_sql(site, "UPDATE later SET doctor = 'K'");
    assert_ok(msync_store_buffer_wake_all(site->store, &err));
    assert_int_equal(integrate(site, true).integrated, 1);
    assert_string_equal(site_get(site, "SELECT group_concat(ID) FROM "
                                 "clinician"), "K");
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        T(a_merge_repoints_and_marks_the_loser),
        T(a_merge_leaves_one_join_a_pair),
        T(a_merge_is_done_whole_or_not_at_all),
        T(what_the_application_has_between_two_records_is_named),
        T(merges_of_one_record_do_not_replace_each_other),
        T(a_merge_of_records_of_others_is_none_of_ours),
        T(a_merge_waits_for_the_record_that_is_kept),
        T(a_later_reference_to_the_loser_is_led_to_the_kept_one),
        FILLING(a_merge_repoints_and_marks_the_loser),
        FILLING(a_merge_leaves_one_join_a_pair),
        FILLING(a_merge_is_done_whole_or_not_at_all),
        FILLING(merges_of_one_record_do_not_replace_each_other),
        FILLING(a_merge_of_records_of_others_is_none_of_ours),
        FILLING(a_merge_waits_for_the_record_that_is_kept),
        FILLING(a_later_reference_to_the_loser_is_led_to_the_kept_one)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
