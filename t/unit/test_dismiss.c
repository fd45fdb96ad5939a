/*
 * Dismissed records: which are, that they are kept, and what brings them
 * back.
 */

#include "site.h"
#include "base/log.h"
#include "store/dismiss.h"
#include "store/refused.h"
#include "store/store_private.h"


static int64_t
dismiss(site_t *site, const char *table, const char *id, const char *error)
{
    int64_t          n;
    msync_err_t      err;
    msync_dismiss_t  which = { table, id, error };

    assert_ok(msync_store_dismiss(site->store, &which, NULL, NULL, &n,
                                  &err));
    return n;
}


static void
assert_counts(site_t *site, int64_t failed, int64_t dismissed)
{
    int64_t      n;
    msync_err_t  err;

    assert_ok(msync_store_failures(site->store, &n, &err));
    assert_int_equal(n, failed);
    assert_ok(msync_store_dismissed(site->store, &n, &err));
    assert_int_equal(n, dismissed);
}


static void
pull(site_t *site, const char *id, const char *data)
{
    site_pull(site, MSYNC_LEGACY, "unit", id, MSYNC_ACTION_UPSERT, data);
}


static void
fail_all(site_t *site, const char *id, const char *reason)
{
    char  *sql;

    sql = sqlite3_mprintf("UPDATE sync_buffer SET integration_datetime = "
                          "NULL, integration_error = %Q WHERE record_id = %Q",
                          reason, id);
    site_sql(site, sql);
    sqlite3_free(sql);
}


static void
refuse(site_t *site, const char *id, const char *reason)
{
    msync_err_t    err;
    msync_batch_t  batch = { 0 };

    site_record(&batch, "Location", id, MSYNC_ACTION_UPSERT, "{}");
    assert_ok(msync_store_refused_put(site->store, MSYNC_LEGACY,
                                      &batch.records[0], reason, &err));
    msync_batch_clear(&batch);
}


static void
prepare(site_t *site)
{
    pull(site, "A", "{\"a\":1}");
    pull(site, "B", "{\"b\":1}");
    pull(site, "C", "{\"c\":1}");
    fail_all(site, "A", "no parent");
    fail_all(site, "B", "no parent");
    fail_all(site, "C", "no number");
    refuse(site, "L", "no such store");
    assert_counts(site, 4, 0);
}


static void
a_record_is_dismissed_alone(void **state)
{
    site_t  *site = *state;

    prepare(site);
    assert_int_equal(dismiss(site, "unit", "A", NULL), 1);
    assert_counts(site, 3, 1);
    assert_int_equal(dismiss(site, "unit", "A", NULL), 0);
    assert_int_equal(dismiss(site, "item", "B", NULL), 0);
    assert_int_equal(dismiss(site, "unit", "missing", NULL), 0);
    assert_counts(site, 3, 1);
    assert_string_equal(site_get(site, "SELECT count(*) FROM sync_buffer "
                                 "WHERE record_id = 'A' AND "
                                 "integration_error = 'no parent'"), "1");
}


static void
a_cause_is_dismissed_with_all_that_it_has(void **state)
{
    site_t  *site = *state;

    prepare(site);
    assert_int_equal(dismiss(site, "unit", NULL, "no parent"), 2);
    assert_counts(site, 2, 2);
    assert_int_equal(dismiss(site, "Location", NULL, "no such store"), 1);
    assert_counts(site, 1, 3);
}


static void
all_are_dismissed_in_both_directions(void **state)
{
    site_t  *site = *state;

    prepare(site);
    assert_non_null(strstr(site_check(site), "buffer: 3 records failed"));
    assert_non_null(strstr(site_check(site), "push: 1 records cannot be sent"));
    assert_int_equal(dismiss(site, NULL, NULL, NULL), 4);
    assert_counts(site, 0, 4);
    assert_string_equal(site_check(site), "");
}


static void
what_has_not_failed_is_not_dismissed(void **state)
{
    site_t  *site = *state;

    pull(site, "A", "{\"a\":1}");
    assert_int_equal(dismiss(site, NULL, NULL, NULL), 0);
    assert_int_equal(dismiss(site, "unit", "A", NULL), 0);
}


static void
a_pulled_record_comes_back_when_it_changes(void **state)
{
    site_t  *site = *state;

    prepare(site);
    dismiss(site, NULL, NULL, NULL);

    /* the same again, as a pull after a kill brings it */
    pull(site, "A", "{\"a\":1}");
    fail_all(site, "A", "no parent");
    assert_counts(site, 0, 4);

    pull(site, "A", "{\"a\":2}");
    fail_all(site, "A", "no parent");
    assert_counts(site, 1, 3);

    site_pull(site, MSYNC_LEGACY, "unit", "B", MSYNC_ACTION_DELETE, NULL);
    fail_all(site, "B", "no parent");
    assert_counts(site, 2, 2);
}


static void
a_refused_record_comes_back_when_it_is_refused_again(void **state)
{
    site_t       *site = *state;
    msync_err_t   err;

    prepare(site);
    dismiss(site, NULL, NULL, NULL);

    assert_ok(msync_store_refused_requeue(site->store, false, &err));
    assert_string_equal(site_get(site, "SELECT count(*) FROM changelog"),
                        "0");

    /* with the others, where somebody asks for that */
    assert_ok(msync_store_refused_requeue(site->store, true, &err));
    assert_string_equal(site_get(site, "SELECT count(*) FROM changelog"),
                        "1");
    refuse(site, "L", "no such store");
    assert_counts(site, 0, 4);

    /* a change of the application's goes out by itself */
    refuse(site, "L", "no such store");
    assert_counts(site, 1, 3);

    dismiss(site, NULL, NULL, NULL);
    assert_ok(msync_store_refused_requeue(site->store, true, &err));
    refuse(site, "L", "no such item");
    assert_counts(site, 1, 3);
}


static void
databases_of_before_learn_it(void **state)
{
    site_t       *site = *state;
    msync_err_t   err;

    prepare(site);
    msync_store_close(&site->store);
    site_sql(site, "ALTER TABLE sync_buffer DROP COLUMN dismissed;"
             "ALTER TABLE msync_refused DROP COLUMN dismissed;"
             "UPDATE key_value_store SET value_int = 4 WHERE id = "
             "'MSYNC_SCHEMA_VERSION'; UPDATE key_value_store SET value_string "
             "= 'of before' WHERE id = 'MSYNC_SCHEMA_SHA256'");
    assert_migrates(site, NULL);
    assert_counts(site, 4, 0);
    assert_int_equal(dismiss(site, NULL, NULL, NULL), 4);
    assert_counts(site, 0, 4);
}


/* an application that writes meanwhile comes between two of them */

static void
many_are_dismissed_in_short_transactions(void **state)
{
    int      commits = 0;
    site_t  *site = *state;

    site_sql(site, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 "
             "FROM n WHERE i < 5000) INSERT INTO sync_buffer (record_id, "
             "received_datetime, integration_error, table_name, action, side) "
             "SELECT 'U' || i, '2024-01-01', 'why', 'unit', 'UPSERT', 1 FROM "
             "n WHERE i <= 4000 OR i % 2");
    sqlite3_commit_hook(site->store->db, site_count_commit, &commits);

    assert_int_equal(dismiss(site, "unit", NULL, "why"), 4500);
    assert_true(commits > 3);
    assert_counts(site, 0, 4500);

    commits = 0;
    assert_int_equal(dismiss(site, NULL, NULL, NULL), 0);
    assert_int_equal(commits, 0);
    sqlite3_commit_hook(site->store->db, NULL, NULL);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        T(a_record_is_dismissed_alone),
        T(a_cause_is_dismissed_with_all_that_it_has),
        T(all_are_dismissed_in_both_directions),
        T(what_has_not_failed_is_not_dismissed),
        T(a_pulled_record_comes_back_when_it_changes),
        T(a_refused_record_comes_back_when_it_is_refused_again),
        T(many_are_dismissed_in_short_transactions),
        T(databases_of_before_learn_it),
    };

    msync_log_set_level(MSYNC_LOG_ERR);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
