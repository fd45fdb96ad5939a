/* How many records wait: a count that goes on is one from the beginning. */

#include "site.h"
#include "store/store_private.h"

#define ROUNDS  400

static unsigned        seed;
static msync_store_t  *other;


static unsigned
chance(unsigned n)
{
    seed = seed * 1103515245 + 12345;

    return seed / 65536 % n;
}


/* in a transaction, of which nothing is gone on from */

static int64_t
count_anew(const char *cursor)
{
    int64_t      n;
    msync_err_t  err;

    assert_ok(msync_store_begin(other, &err));
    assert_ok(msync_store_queue(other, cursor, &n, &err));
    msync_store_rollback(other);

    return n;
}


static void
assert_counted(site_t *site)
{
    size_t       i;
    int64_t      n;
    msync_err_t  err;

    static const char *const  cursors[] = {
        MSYNC_KEY_PUSH_CURSOR, MSYNC_KEY_PUSH_V6_CURSOR
    };

    for (i = 0; i < 2; i++) {
        assert_ok(msync_store_queue(site->store, cursors[i], &n, &err));
        assert_int_equal(n, count_anew(cursors[i]));
    }
}


/* two stores, of which one is active here, and another connection */

static int
open_stores(void **state)
{
    site_t      *site;
    msync_err_t  err;

    if (site_open(state) != 0) {
        return -1;
    }

    site = *state;
    other = msync_store_open(site->path, site->catalogue, 0, &err);
    assert_non_null(other);

    site_sql(site, "PRAGMA foreign_keys = OFF;"
             "INSERT INTO name (ID, name, code, type) VALUES ('N', 'n', 'c', "
             "'facility');"
             "INSERT INTO store (ID, name_ID, code, store_mode, "
             "sync_id_remote_site) VALUES ('S', 'N', 'c', 'store', 7), "
             "('T', 'N', 'd', 'store', 8);"
             SITE_SENT);
    return 0;
}


static int
close_stores(void **state)
{
    msync_store_close(&other);

    return site_close(state);
}


static void
move_cursor(site_t *site, const char *key)
{
    char  sql[512];

    snprintf(sql, sizeof(sql), "INSERT INTO key_value_store (id, value_int) "
             "SELECT '%s', (SELECT seq + 1 FROM sqlite_sequence WHERE name = "
             "'changelog') - %u ON CONFLICT (id) DO UPDATE SET value_int = "
             "max(excluded.value_int, value_int)", key, chance(4));
    site_sql(site, sql);
}


static void
change_something(site_t *site)
{
    char      sql[512];
    unsigned  id = chance(12);

    switch (chance(12)) {

    case 0: case 1: case 2:
        snprintf(sql, sizeof(sql), "INSERT OR REPLACE INTO Location (ID, "
                 "code, store_ID) VALUES ('L%u', 'c%u', '%s')", id,
                 chance(99), chance(3) ? "S" : "T");
        break;

    case 3:
        snprintf(sql, sizeof(sql), "DELETE FROM Location WHERE ID = 'L%u'",
                 id);
        break;

    case 4: case 5:
        snprintf(sql, sizeof(sql), "INSERT INTO Stock_take (ID, store_ID, "
                 "created_by_ID, status, stock_take_created_date, "
                 "Description) VALUES ('K%u', '%s', '', 'sg', '2026-01-01', "
                 "'d%u') ON CONFLICT (ID) "
                 "DO UPDATE SET Description = excluded.Description, store_ID "
                 "= excluded.store_ID", id, chance(4) ? "S" : "T",
                 chance(99));
        break;

    case 6: case 7:
        snprintf(sql, sizeof(sql), "INSERT INTO Stock_take_lines (ID, "
                 "stock_take_ID, item_ID, cost_price) VALUES ('l%u', 'K%u', "
                 "'', %u) ON CONFLICT (ID) DO UPDATE SET cost_price = "
                 "excluded.cost_price", chance(30), id, chance(99));
        break;

    case 8:
        snprintf(sql, sizeof(sql), "DELETE FROM Stock_take WHERE ID = 'K%u'",
                 id);
        break;

    case 9:
        snprintf(sql, sizeof(sql), "UPDATE store SET sync_id_remote_site = "
                 "%u WHERE ID = 'T'", 7 + chance(2));
        break;

    default:
        move_cursor(site, chance(2) ? MSYNC_KEY_PUSH_CURSOR
                                    : MSYNC_KEY_PUSH_V6_CURSOR);
        return;
    }

    site_sql(site, sql);
}


static void
a_count_that_goes_on_is_one_from_the_beginning(void **state)
{
    int      i, j, n;
    site_t  *site = *state;

    seed = 17;

    for (i = 0; i < ROUNDS; i++) {
        n = (int) chance(5);

        for (j = 0; j < n; j++) {
            change_something(site);
        }

        assert_counted(site);
    }
}


static void
what_is_rolled_back_was_not_counted(void **state)
{
    int64_t      n;
    site_t      *site = *state;
    msync_err_t  err;

    assert_counted(site);
    assert_ok(msync_store_begin(site->store, &err));
    assert_ok(msync_store_exec(site->store, "INSERT INTO Location (ID, code, "
                               "store_ID) VALUES ('K', 'c', 'S')", &err));
    assert_ok(msync_store_queue(site->store, MSYNC_KEY_PUSH_CURSOR, &n,
                                &err));
    assert_int_equal(n, 1);
    msync_store_rollback(site->store);

    /* of another store's, with the cursor that the one before had */
    site_sql(site, "INSERT INTO Location (ID, code, store_ID) VALUES ('L', "
             "'c', 'T')");
    assert_counted(site);
    site_sql(site, SITE_SENT);
    assert_counted(site);
    site_sql(site, "INSERT INTO Location (ID, code, store_ID) VALUES ('M', "
             "'c', 'S')");
    assert_counted(site);
}


/* v5 and v6 send other tables than v7 does */

static void
a_site_that_becomes_one_of_v7_counts_what_v7_sends(void **state)
{
    int64_t      n;
    site_t      *site = *state;
    msync_err_t  err;

    site_sql(site, "INSERT INTO barcode (ID, barcode, itemID) VALUES ('B', "
             "'1', ''); "
             "INSERT INTO Location (ID, code, store_ID) VALUES ('L', 'c', "
             "'S')");
    assert_ok(msync_store_queue(site->store, MSYNC_KEY_PUSH_V6_CURSOR, &n,
                                &err));
    assert_int_equal(n, 2);

    assert_ok(msync_store_set_string(site->store, MSYNC_KEY_VERSION,
                                     MSYNC_SYNC_V7, &err));
    assert_ok(msync_store_queue(site->store, MSYNC_KEY_PUSH_V7_CURSOR, &n,
                                &err));
    assert_int_equal(n, 1);
}


/* in steps of SQLite's machine, of which a look at one row takes some */

static void
a_count_costs_by_what_is_new(void **state)
{
    int           steps;
    int64_t       n;
    site_t       *site = *state;
    msync_err_t   err;

    site_sql(site, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 "
             "FROM n WHERE i < 2000) INSERT INTO changelog (table_name, "
             "record_id, row_action) SELECT 'Location', 'L' || i, 'UPSERT' "
             "FROM n");
    assert_ok(msync_store_queue(site->store, MSYNC_KEY_PUSH_CURSOR, &n,
                                &err));
    assert_int_equal(n, 2000);

    site_sql(site, "INSERT INTO changelog (table_name, record_id, row_action) "
             "VALUES ('Location', 'L7', 'UPSERT')");
    assert_ok(msync_store_queue(site->store, MSYNC_KEY_PUSH_CURSOR, &n,
                                &err));
    assert_int_equal(n, 2000);
    steps = sqlite3_stmt_status(site->store->stmts[MSYNC_STMT_WAITING_CHANGED],
                                SQLITE_STMTSTATUS_VM_STEP, 0);
    assert_true(steps > 0 && steps < 2000);
}


static int
end_count(void *data, msync_err_t *err)
{
    int64_t  *seen = data;

    return *seen > 150000 ? msync_err_set(err, MSYNC_ERR_CANCELLED, "enough")
                          : MSYNC_OK;
}


static void
a_count_of_many_is_heard_and_ended(void **state)
{
    int64_t       n;
    site_t       *site = *state;
    msync_err_t   err;

    site_sql(site, "WITH RECURSIVE c (x) AS (SELECT 1 UNION ALL SELECT x + 1 "
             "FROM c WHERE x < 250000) INSERT INTO changelog (table_name, "
             "record_id, row_action) SELECT 'Location', x % 240000, 'UPSERT' "
             "FROM c");
    msync_store_hook_counting(site->store, end_count, &n);
    assert_int_equal(msync_store_queue(site->store, MSYNC_KEY_PUSH_CURSOR, &n,
                                       &err), MSYNC_ERROR);
    assert_string_equal(err.text, "enough");

    msync_store_hook_counting(site->store, NULL, NULL);
    assert_ok(msync_store_queue(site->store, MSYNC_KEY_PUSH_CURSOR, &n,
                                &err));
    assert_int_equal(n, 240000);

    /* nobody has to wait for cursors that there are not */
    site_sql(site, "INSERT INTO changelog (cursor, table_name, record_id, "
             "row_action) VALUES (9223372036854775806, 'Location', 'far', "
             "'UPSERT')");
    assert_ok(msync_store_queue(site->store, MSYNC_KEY_PUSH_CURSOR, &n,
                                &err));
    assert_int_equal(n, 240001);
}


#define EACH(name)                                                            \
    cmocka_unit_test_setup_teardown(name, open_stores, close_stores)

int
main(void)
{
    const struct CMUnitTest  tests[] = {
        EACH(a_count_that_goes_on_is_one_from_the_beginning),
        EACH(what_is_rolled_back_was_not_counted),
        EACH(a_site_that_becomes_one_of_v7_counts_what_v7_sends),
        EACH(a_count_costs_by_what_is_new),
        EACH(a_count_of_many_is_heard_and_ended)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
