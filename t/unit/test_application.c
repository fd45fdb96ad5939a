/* What the schema of the application may do to an integration. */

#include "integration.h"

#define DEFERRED(table)                                                       \
    "CREATE TABLE mine (id INTEGER PRIMARY KEY, ref TEXT REFERENCES "         \
    table " DEFERRABLE INITIALLY DEFERRED);"


static void
assert_failed(site_t *site, const char *expected)
{
    assert_string_equal(site_get(site, "SELECT group_concat(record_id || ' ' "
                                 "|| integration_error) FROM sync_buffer "
                                 "WHERE integration_datetime IS NULL"),
                        expected);
}


static void
a_deferred_key_keeps_its_record(void **state)
{
    site_t              *site = *state;
    msync_err_t          err;
    msync_integrated_t   result;

    site_sql(site, DEFERRED("abbreviation")
             "INSERT INTO abbreviation (ID) VALUES ('A'), ('B'), ('C');"
             "INSERT INTO mine (ref) VALUES ('B')");
    site_pull(site, MSYNC_LEGACY, "abbreviation", "A", MSYNC_ACTION_DELETE,
              NULL);
    site_pull(site, MSYNC_LEGACY, "abbreviation", "B", MSYNC_ACTION_DELETE,
              NULL);
    site_pull(site, MSYNC_LEGACY, "abbreviation", "C", MSYNC_ACTION_DELETE,
              NULL);
    site_pull(site, MSYNC_LEGACY, "unit", "U", MSYNC_ACTION_UPSERT,
              UNIT("box"));
    result = integrate(site, true);
    assert_int_equal(result.integrated, 3);
    assert_int_equal(result.failed, 1);
    assert_failed(site, "B other records still refer to it: FOREIGN KEY "
                  "constraint failed");
    assert_string_equal(site_get(site, "SELECT group_concat(ID) FROM "
                                 "abbreviation"), "B");

    /* nothing refers to it any more */
    site_sql(site, "DELETE FROM mine");
    assert_ok(msync_store_buffer_wake_all(site->store, &err));
    assert_int_equal(integrate(site, true).integrated, 1);
    assert_string_equal(site_get(site, "SELECT count(*) FROM abbreviation"),
                        "0");
}


/* the sentence is the same */

static void
an_immediate_key_keeps_its_record(void **state)
{
    site_t  *site = *state;

    site_sql(site, "CREATE TABLE mine (ref REFERENCES abbreviation);"
             "INSERT INTO abbreviation (ID) VALUES ('B');"
             "INSERT INTO mine (ref) VALUES ('B')");
    site_pull(site, MSYNC_LEGACY, "abbreviation", "B", MSYNC_ACTION_DELETE,
              NULL);
    assert_int_equal(integrate(site, true).failed, 1);
    assert_failed(site, "B other records still refer to it: FOREIGN KEY "
                  "constraint failed");
}


/* what the application's trigger deletes does not refer to it any more */

static void
a_deferred_key_that_is_settled_keeps_nothing(void **state)
{
    site_t  *site = *state;

    site_sql(site, DEFERRED("abbreviation")
             "CREATE TRIGGER tidy AFTER DELETE ON abbreviation BEGIN "
             "DELETE FROM mine WHERE ref = OLD.ID; END;"
             "INSERT INTO abbreviation (ID) VALUES ('B');"
             "INSERT INTO mine (ref) VALUES ('B')");
    site_pull(site, MSYNC_LEGACY, "abbreviation", "B", MSYNC_ACTION_DELETE,
              NULL);
    assert_int_equal(integrate(site, true).failed, 0);
    assert_string_equal(site_get(site, "SELECT count(*) FROM mine"), "0");
}


static void
a_deferred_key_keeps_the_loser_of_a_merge(void **state)
{
    site_t              *site = *state;
    msync_integrated_t   result;

    site_sql(site, DEFERRED("clinician")
             "INSERT INTO clinician (ID) VALUES ('A'), ('B'), ('C');"
             "INSERT INTO mine (ref) VALUES ('B')");
    site_pull(site, MSYNC_LEGACY, "clinician", "m", MSYNC_ACTION_MERGE,
              "{\"mergeIdToKeep\":\"A\",\"mergeIdToDelete\":\"B\"}");
    site_pull(site, MSYNC_LEGACY, "clinician", "n", MSYNC_ACTION_MERGE,
              "{\"mergeIdToKeep\":\"A\",\"mergeIdToDelete\":\"C\"}");
    result = integrate(site, true);
    assert_int_equal(result.integrated, 1);
    assert_failed(site, "m other records still refer to it: FOREIGN KEY "
                  "constraint failed");
    assert_string_equal(site_get(site, "SELECT group_concat(ID) FROM "
                                 "clinician"), "A,B");
    assert_string_equal(site_get(site, "SELECT group_concat(record_id) FROM "
                                 "msync_merged"), "C");
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        T(a_deferred_key_keeps_its_record),
        T(an_immediate_key_keeps_its_record),
        T(a_deferred_key_that_is_settled_keeps_nothing),
        T(a_deferred_key_keeps_the_loser_of_a_merge),
        LOOSE(a_deferred_key_keeps_its_record)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

