/* A first sync: what is marked ahead, and what becomes of it in the end. */

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "integration.h"

#define RENAMED(table)                                                        \
    "[{\"table\":\"" table "\",\"rename\":\"mine\",\"key\":\"id\","         \
    "\"delete\":\"hard\",\"pull_from\":[\"legacy\"],\"push_to\":[],"        \
    "\"fields\":[{\"name\":\"id\",\"type\":\"string\"}]}]"


/* a record that failed before a kill, and a parent that came after it */

static void
what_a_kill_left_is_tried_when_its_parent_came(void **state)
{
    site_t              *site = *state;
    msync_integrated_t   result;

    site_pull(site, MSYNC_LEGACY, "item", "I", MSYNC_ACTION_UPSERT,
              ITEM("U"));
    site_sql(site, "UPDATE sync_buffer SET integration_datetime = NULL, "
             "integration_error = 'no unit', missing_table = 'unit', "
             "missing_id = 'U', retry_at = 9000000000000");
    site_pull(site, MSYNC_LEGACY, "unit", "U", MSYNC_ACTION_UPSERT,
              UNIT("box"));
    result = integrate(site, false);
    assert_int_equal(result.integrated, 2);
    assert_string_equal(site_get(site, "SELECT unit_ID FROM item"), "U");
}


/* marked ahead, they are counted, and are rows at the end */

static void
what_is_marked_ahead_waits(void **state)
{
    int64_t      n;
    site_t      *site = *state;
    msync_err_t  err;

    site_pull(site, MSYNC_LEGACY, "unit", "a", MSYNC_ACTION_UPSERT,
              UNIT("first"));
    site_pull(site, MSYNC_LEGACY, "unit", "b", MSYNC_ACTION_DELETE, NULL);
    site_pull(site, MSYNC_LEGACY, "strange", "c", MSYNC_ACTION_UPSERT, "{}");
    assert_string_equal(site_get(site, "SELECT group_concat(record_id) FROM "
                                 "(SELECT * FROM sync_buffer WHERE "
                                 "integration_datetime IS NULL ORDER BY id)"),
                        "b,c");
    assert_ok(msync_store_buffer_pending(site->store, &n, &err));
    assert_int_equal(n, 3);

    integrate(site, false);
    assert_ok(msync_store_buffer_pending(site->store, &n, &err));
    assert_int_equal(n, 0);
    assert_string_equal(site_get(site, "SELECT group_concat(record_id) FROM "
                                 "sync_buffer WHERE integration_datetime IS "
                                 "NULL"), "c");
}


/* a table of the application, whose schema is the same under both names */

static void
a_table_that_leaves_the_catalogue_leaves_a_reason(void **state)
{
    site_t      *site = *state;
    msync_err_t  err;

    assert_migrates(site, RENAMED("one"));
    assert_ok(msync_store_loosen(site->store, &err));
    site_pull(site, MSYNC_LEGACY, "one", "a", MSYNC_ACTION_UPSERT, "{}");
    assert_migrates(site, RENAMED("other"));
    assert_true(msync_store_is_loose(site->store));
    integrate(site, false);
    assert_string_equal(site_get(site, "SELECT integration_error FROM "
                                 "sync_buffer WHERE integration_datetime IS "
                                 "NULL"),
                        "the catalogue does not know this table");
}


/* as a full disk would: SQLite undoes the transaction by itself */

static void
let_writes_fail(bool fail)
{
    struct rlimit  limit;

    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = fail ? 1 : limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}


static void
assert_goes_on(site_t *site)
{
    int                  rc;
    msync_err_t          err;
    msync_integrated_t   result;

    let_writes_fail(true);
    rc = msync_integrate(site->store, site->catalogue, false, NULL, NULL,
                         &result, &err);
    let_writes_fail(false);
    assert_int_equal(rc, MSYNC_ERROR);
    assert_string_equal(site_get(site, "SELECT count(*) FROM unit"), "0");

    integrate(site, false);
    assert_string_equal(site_get(site, "SELECT units FROM unit"), "box");
    assert_string_equal(indexes(site), "2");
}


static void
rows_whose_commit_failed_are_written_again(void **state)
{
    site_t       *site = *state;
    msync_err_t   err;

    site_pull(site, MSYNC_LEGACY, "unit", "U", MSYNC_ACTION_UPSERT,
              UNIT("box"));
    assert_ok(msync_store_settle_buffer(site->store, &err));
    assert_goes_on(site);
}


static void
an_index_whose_commit_failed_is_made_again(void **state)
{
    site_t  *site = *state;

    site_pull(site, MSYNC_LEGACY, "unit", "U", MSYNC_ACTION_UPSERT,
              UNIT("box"));
    assert_goes_on(site);
}


static void
a_first_sync_that_could_not_begin_begins_again(void **state)
{
    int          rc;
    site_t      *site = *state;
    msync_err_t  err;

    let_writes_fail(true);
    rc = msync_store_loosen(site->store, &err);
    let_writes_fail(false);
    assert_int_equal(rc, MSYNC_ERROR);
    assert_false(msync_store_is_loose(site->store));

    site_pull(site, MSYNC_LEGACY, "unit", "U", MSYNC_ACTION_UPSERT,
              UNIT("box"));
    assert_int_equal(integrate(site, false).integrated, 1);
    assert_string_equal(site_get(site, "SELECT units FROM unit"), "box");
}


/* a log that grew while nothing limited it */

static void
the_log_of_a_first_sync_is_not_kept(void **state)
{
    int          i;
    char         path[sizeof(((site_t *) NULL)->path) + 8];
    site_t      *site = *state;
    msync_err_t  err;
    struct stat  st;

    snprintf(path, sizeof(path), "%s-wal", site->path);
    site_sql(site, "PRAGMA wal_autocheckpoint = 0;"
             "CREATE TABLE large (data);"
             "INSERT INTO large VALUES (zeroblob(20000000));");
    assert_int_equal(stat(path, &st), 0);
    assert_true(st.st_size > 20000000);

    assert_ok(msync_store_bulk(site->store, true, &err));
    assert_ok(msync_store_bulk(site->store, false, &err));

    for (i = 0; i < 2; i++) {
        site_sql(site, "PRAGMA wal_checkpoint");
        assert_ok(msync_store_set_int(site->store, "N", i, &err));
    }

    assert_int_equal(stat(path, &st), 0);
    assert_true(st.st_size <= 16777216);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        LOOSE(what_a_kill_left_is_tried_when_its_parent_came),
        LOOSE(what_is_marked_ahead_waits),
        T(a_table_that_leaves_the_catalogue_leaves_a_reason),
        LOOSE(rows_whose_commit_failed_are_written_again),
        LOOSE(an_index_whose_commit_failed_is_made_again),
        T(a_first_sync_that_could_not_begin_begins_again),
        T(the_log_of_a_first_sync_is_not_kept)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
