/* What is not needed any more goes, a little at a time. */

#include "site.h"
#include "store/store_private.h"
#include "store/tidy.h"

#define KEEP  (90 * 86400L)


/* until nothing is left to remove; in how many transactions */

static int
tidy(site_t *site, long keep)
{
    int          n = 0;
    bool         more;
    msync_err_t  err;

    do {
        assert_ok(msync_store_tidy(site->store, keep, &more, &err));
        n += more;
        assert_true(n < 100);
    } while (more);

    return n;
}


/* both servers have taken all changes before the cursor */

static void
let_both_take(site_t *site, int cursor)
{
    msync_err_t  err;

    assert_ok(msync_store_set_int(site->store, MSYNC_KEY_PUSH_CURSOR, cursor,
                                  &err));
    assert_ok(msync_store_set_int(site->store, MSYNC_KEY_PUSH_V6_CURSOR,
                                  cursor, &err));
}


static void
have_changes(site_t *site, int n, int cursor)
{
    char  sql[256];

    snprintf(sql, sizeof(sql), "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL "
             "SELECT i + 1 FROM n WHERE i < %d) INSERT INTO changelog "
             "(table_name, record_id, row_action) SELECT 'Location', 'L' || "
             "i, 'UPSERT' FROM n", n);
    site_sql(site, sql);
    let_both_take(site, cursor);
}


static void
shift_marks(site_t *site, int days)
{
    char  sql[128];

    snprintf(sql, sizeof(sql), "UPDATE msync_changelog_mark SET day = day - "
             "%d", days);
    site_sql(site, sql);
}


/* so many days with a run every week */

static void
let_days_pass(site_t *site, int days)
{
    for (; days > 7; days -= 7) {
        shift_marks(site, 7);
        site_sql(site, "INSERT INTO msync_changelog_mark (day, cursor) SELECT "
                 "strftime('%s', 'now') / 86400, seq FROM sqlite_sequence "
                 "WHERE name = 'changelog'");
    }

    shift_marks(site, days);
}


static const char *
changes(site_t *site)
{
    return site_get(site, "SELECT ifnull(min(cursor), 0) || ' ' || count(*) "
                    "FROM changelog");
}


static void
a_change_that_both_have_taken_goes_when_it_is_old(void **state)
{
    site_t  *site = *state;

    have_changes(site, 1200, 1201);
    assert_int_equal(tidy(site, KEEP), 0);
    assert_string_equal(changes(site), "1 1200");
    let_days_pass(site, 90);
    assert_int_equal(tidy(site, KEEP), 0);
    let_days_pass(site, 1);
    assert_int_equal(tidy(site, KEEP), 3);
    assert_string_equal(changes(site), "0 0");

    /* and no cursor comes again */
    site_sql(site, "INSERT INTO changelog (table_name, record_id, "
             "row_action) VALUES ('Location', 'M', 'UPSERT')");
    assert_string_equal(changes(site), "1201 1");
    let_days_pass(site, 1);
    assert_int_equal(tidy(site, KEEP), 0);
    let_days_pass(site, 1);
    assert_int_equal(tidy(site, KEEP), 0);
    assert_string_equal(site_get(site, "SELECT group_concat(cursor) FROM "
                                 "msync_changelog_mark"), "1201");
}


/* in 1970, as without a battery, or years ahead; or the machine was off, which
 * nothing can tell from that */

static void
a_clock_that_is_wrong_makes_nothing_old(void **state)
{
    site_t  *site = *state;

    have_changes(site, 10, 11);
    assert_int_equal(tidy(site, KEEP), 0);
    shift_marks(site, 400);
    assert_int_equal(tidy(site, KEEP), 0);
    site_sql(site, "UPDATE msync_changelog_mark SET day = 0");
    assert_int_equal(tidy(site, KEEP), 0);
    site_sql(site, "UPDATE msync_changelog_mark SET day = 40000");
    assert_int_equal(tidy(site, KEEP), 0);
    assert_string_equal(changes(site), "1 10");
}


static void
what_one_server_has_not_taken_stays(void **state)
{
    site_t  *site = *state;

    have_changes(site, 10, 6);
    site_sql(site, "UPDATE key_value_store SET value_int = 4 WHERE id = "
             "'" MSYNC_KEY_PUSH_V6_CURSOR "'");
    assert_int_equal(tidy(site, 0), 1);
    assert_string_equal(changes(site), "4 7");
    site_sql(site, "DELETE FROM key_value_store WHERE id = "
             "'" MSYNC_KEY_PUSH_CURSOR "'");
    assert_int_equal(tidy(site, 0), 0);
}


static void
much_that_waits_is_sent_before_anything_is_removed(void **state)
{
    site_t  *site = *state;

    have_changes(site, 20000, 100);
    assert_int_equal(tidy(site, 0), 0);
    assert_string_equal(changes(site), "1 20000");
}


/* it says which store they are of */

static void
the_deletion_of_a_parent_whose_children_wait_stays(void **state)
{
    site_t  *site = *state;

    site_sql(site, "INSERT INTO changelog (table_name, record_id, row_action, "
             "store_id) VALUES ('asset', 'a', 'DELETE', 'S'), ('asset', 'b', "
             "'DELETE', 'S');"
             "INSERT INTO changelog (table_name, record_id, row_action, "
             "parent_id) VALUES ('asset_log', 'l', 'UPSERT', 'a')");
    let_both_take(site, 3);
    assert_int_equal(tidy(site, 0), 1);
    assert_string_equal(site_get(site, "SELECT group_concat(record_id) FROM "
                                 "changelog"), "a,l");
    let_both_take(site, 4);
    assert_int_equal(tidy(site, 0), 1);
    assert_string_equal(changes(site), "0 0");
}


/* an earlier version left them there */

static void
records_that_became_rows_leave_the_buffer(void **state)
{
    int      i;
    char     id[16];
    site_t  *site = *state;

    for (i = 0; i < 1100; i++) {
        snprintf(id, sizeof(id), "%d", i);
        site_pull(site, MSYNC_LEGACY, "unit", id, MSYNC_ACTION_UPSERT, "{}");
    }

    site_sql(site, "UPDATE sync_buffer SET integration_datetime = 't' WHERE "
             "id <> 7");
    assert_int_equal(tidy(site, KEEP), 3);
    assert_string_equal(site_get(site, "SELECT group_concat(id) FROM "
                                 "sync_buffer"), "7");
}


/* a buffer of many records that wait is read once, not at the end of each run;
 * in steps of SQLite's machine */

static void
what_no_version_of_today_writes_is_looked_for_once(void **state)
{
    int      first;
    site_t  *site = *state;

    site_sql(site, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 "
             "FROM n WHERE i < 1000) INSERT INTO sync_buffer (record_id, "
             "received_datetime, table_name, action, side) SELECT 'L' || i, "
             "'t', 'Location', 'UPSERT', 1 FROM n");
    (void) tidy(site, KEEP);
    first = sqlite3_stmt_status(site->store->stmts[MSYNC_STMT_TIDY_RECORDS],
                                SQLITE_STMTSTATUS_VM_STEP, 0);
    assert_true(first > 1000);
    (void) tidy(site, KEEP);
    assert_int_equal(sqlite3_stmt_status(
                         site->store->stmts[MSYNC_STMT_TIDY_RECORDS],
                         SQLITE_STMTSTATUS_VM_STEP, 0), first);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        T(a_change_that_both_have_taken_goes_when_it_is_old),
        T(a_clock_that_is_wrong_makes_nothing_old),
        T(what_one_server_has_not_taken_stays),
        T(much_that_waits_is_sent_before_anything_is_removed),
        T(the_deletion_of_a_parent_whose_children_wait_stays),
        T(records_that_became_rows_leave_the_buffer),
        T(what_no_version_of_today_writes_is_looked_for_once)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
