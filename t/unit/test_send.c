/* Rows that were there before msync came. */

#include "integration.h"
#include "doubted.h"
#include "base/log.h"
#include "store/changelog.h"
#include "store/forget.h"
#include "store/store_private.h"

#define ROWS                                                                  \
    "CREATE TABLE Location (ID TEXT PRIMARY KEY, code TEXT, store_ID TEXT);"  \
    "CREATE TABLE name (ID TEXT PRIMARY KEY, name TEXT, type TEXT);"          \
    "CREATE TABLE unit (ID TEXT PRIMARY KEY, units TEXT);"                    \
    "INSERT INTO Location VALUES ('L1', 'a', 'S1'), ('L2', 'b', 'S1'), "      \
    "('other', 'c', 'S2'), (NULL, 'd', 'S1'), ('L3', 'e', 'S1');"             \
    "INSERT INTO name VALUES ('P1', 'p', 'patient'), ('F1', 'f', "            \
    "'facility');"                                                            \
    "INSERT INTO unit VALUES ('U1', 'box')"


/* an application with rows, which msync then takes over */

static int
open_application(void **state)
{
    int           rc = site_open(state);
    site_t       *site = *state;
    msync_err_t   err;

    site_begin(site, ROWS);
    site_open_again(site);
    assert_ok(msync_store_set_int(site->store, MSYNC_KEY_SITE_ID, SITE_ID,
                                  &err));
    return rc;
}


/* the first sync brings these and is over */

static void
initialise(site_t *site)
{
    site_add_stores(site);
    site_initialise(site);
}


static int64_t
never_sent(site_t *site)
{
    int64_t      n;
    msync_err_t  err;

    assert_ok(msync_store_never_sent(site->store, &n, &err));
    return n;
}


static int64_t
waiting(site_t *site)
{
    int64_t      n;
    msync_err_t  err;

    assert_ok(msync_store_queue(site->store, MSYNC_KEY_PUSH_CURSOR, &n,
                                &err));
    return n;
}


static void
rows_from_before_msync_are_counted_when_the_first_sync_is_over(void **state)
{
    site_t  *site = *state;

    assert_int_equal(never_sent(site), 0);
    initialise(site);

    /* three locations of a store of this site, and a patient */
    assert_int_equal(never_sent(site), 4);
    assert_int_equal(waiting(site), 0);

    site_sql(site, "DELETE FROM Location WHERE ID = 'L1'");
    assert_int_equal(never_sent(site), 3);
}


static void
what_central_sends_or_takes_is_known_to_it(void **state)
{
    int64_t        processed;
    site_t        *site = *state;
    msync_err_t    err;
    msync_batch_t  batch = { 0 };

    initialise(site);
    site_pull(site, MSYNC_LEGACY, "Location", "L1", MSYNC_ACTION_UPSERT,
              "{\"ID\":\"L1\",\"Description\":\"d\",\"code\":\"x\","
              "\"hold\":false,\"Volume\":0,\"store_ID\":\"S1\","
              "\"type_ID\":\"\"}");
    (void) integrate(site, true);
    assert_string_equal(site_get(site, "SELECT code FROM Location WHERE ID = "
                                 "'L1'"), "x");
    assert_int_equal(never_sent(site), 3);

    site_sql(site, "UPDATE Location SET code = 'y' WHERE ID = 'L2'");
    assert_int_equal(never_sent(site), 3);
    assert_ok(msync_store_changes(site->store, MSYNC_LEGACY, 0, 10, 1 << 20,
                                  &batch, &processed, &err));
    assert_int_equal(batch.n, 1);
    assert_ok(msync_store_sent(site->store, &batch, &err));
    assert_int_equal(never_sent(site), 2);
    msync_batch_clear(&batch);
}


static void
they_are_queued_on_request_and_once(void **state)
{
    int64_t      queued;
    site_t      *site = *state;
    const char  *unknown;
    msync_err_t  err;

    static const char *const  names[] = { "Location", "unit" };

    assert_ok(msync_store_send(site->store, NULL, 0, NULL, NULL, &queued,
                               &unknown, &err));
    assert_int_equal(queued, 0);

    initialise(site);
    msync_err_clear(&err);
    assert_int_equal(msync_store_send(site->store, names, 2, NULL, NULL,
                                      &queued, &unknown, &err), MSYNC_ERROR);
    assert_string_equal(unknown, "unit");
    assert_non_null(strstr(err.text, "\"unit\" is no table that this site "
                           "sends"));
    assert_int_equal(waiting(site), 0);

    assert_ok(msync_store_send(site->store, names, 1, NULL, NULL, &queued,
                               &unknown, &err));
    assert_null(unknown);
    assert_int_equal(queued, 3);
    assert_int_equal(waiting(site), 3);
    assert_int_equal(never_sent(site), 1);

    assert_ok(msync_store_send(site->store, NULL, 0, NULL, NULL, &queued,
                               &unknown, &err));
    assert_int_equal(queued, 1);
    assert_int_equal(waiting(site), 4);
    assert_int_equal(never_sent(site), 0);

    /* that of a store of another site, until it is active here */
    site_sql(site, "UPDATE store SET sync_id_remote_site = 7");
    assert_int_equal(never_sent(site), 1);
}


/* one that no record can have is told of when it is sent: the empty one, and
 * octets that are no text */

static void
a_row_is_queued_whatever_its_id_is(void **state)
{
    int64_t      queued;
    site_t      *site = *state;
    const char  *unknown;
    msync_err_t  err;

    site_sql(site, "UPDATE msync_flag SET integrating = 1;"
             "INSERT INTO Location (ID, code, store_ID) VALUES "
             "('', 'f', 'S1'), (x'4c4c', 'g', 'S1'), (x'00', 'h', 'S1');"
             "UPDATE msync_flag SET integrating = 0;"
             "INSERT INTO msync_never_sent (table_name, record_id) SELECT "
             "'Location', ID FROM Location WHERE code >= 'f'");
    initialise(site);
    assert_int_equal(never_sent(site), 7);

    assert_ok(msync_store_send(site->store, NULL, 0, NULL, NULL, &queued,
                               &unknown, &err));
    assert_int_equal(queued, 7);
    assert_int_equal(waiting(site), 7);
    assert_int_equal(never_sent(site), 0);
}


/* an application that writes meanwhile comes between two of them */

static int
stop_at_the_third(void *data, msync_err_t *err)
{
    int  *calls = data;

    return ++*calls < 3 ? MSYNC_OK
           : msync_err_set(err, MSYNC_ERR_CANCELLED, "enough");
}


static void
many_are_queued_in_short_transactions(void **state)
{
    int          calls = 0, commits = 0;
    int64_t      queued;
    site_t      *site = *state;
    const char  *unknown;
    msync_err_t  err;

    site_sql(site, "UPDATE msync_flag SET integrating = 1;"
             "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
             "WHERE i < 5000) INSERT INTO Location (ID, code, store_ID) SELECT "
             "'M' || i, 'm', 'S1' FROM n;"
             "UPDATE msync_flag SET integrating = 0;"
             "INSERT INTO msync_never_sent (table_name, record_id) SELECT "
             "'Location', ID FROM Location WHERE code = 'm'");
    initialise(site);
    sqlite3_commit_hook(site->store->db, site_count_commit, &commits);

    assert_int_equal(msync_store_send(site->store, NULL, 0, stop_at_the_third,
                                      &calls, &queued, &unknown, &err),
                     MSYNC_ERROR);
    assert_int_equal(err.variant, MSYNC_ERR_CANCELLED);
    assert_int_equal(queued, 1001);
    assert_int_equal(waiting(site), 1001);

    assert_ok(msync_store_send(site->store, NULL, 0, NULL, NULL, &queued,
                               &unknown, &err));
    assert_int_equal(queued, 4003);
    assert_true(commits >= 10);
    sqlite3_commit_hook(site->store->db, NULL, NULL);
}


/* a database of a version that kept no list, but all that came and went */

static void
a_database_of_version_4_tells_them_by_what_it_kept(void **state)
{
    site_t       *site = *state;
    msync_err_t   err;

    initialise(site);
    site_sql(site, "DELETE FROM msync_never_sent;"
             "UPDATE Location SET code = 'z' WHERE ID = 'L3';"
             "INSERT INTO sync_buffer (record_id, received_datetime, "
             "integration_datetime, table_name, action, data, side) VALUES "
             "('L1', 't', 't', 'Location', 'UPSERT', '{}', 1);"
             "UPDATE key_value_store SET value_int = 4 WHERE id = "
             "'MSYNC_SCHEMA_VERSION'");
    assert_migrates(site, NULL);
    assert_string_equal(site_get(site, "SELECT group_concat(record_id) FROM "
                                 "(SELECT * FROM msync_never_sent ORDER BY "
                                 "record_id)"), "L2,P1,other");
    assert_int_equal(never_sent(site), 2);
}


/* the column of msync's is lost in a rebuild, too */

static void
a_table_that_was_rebuilt_was_not_there_before_msync(void **state)
{
    site_t       *site = *state;
    msync_err_t   err;

    msync_log_set_level(MSYNC_LOG_ERR);
    initialise(site);
    site_sql(site, "INSERT INTO plugin_data (id, store_id, plugin_code, "
             "data_identifier, data) VALUES ('a', 'S1', 'p', 'd', '1');"
             "CREATE TABLE n AS SELECT * FROM plugin_data;"
             "DROP TABLE plugin_data;"
             "ALTER TABLE n DROP COLUMN msync_extra;"
             "ALTER TABLE n RENAME TO plugin_data;"
             "CREATE UNIQUE INDEX i ON plugin_data (id)");
    assert_ok(msync_store_renew(site->store, &err));
    assert_int_equal(never_sent(site), 4);
}


/* rows that central has, of tables whose triggers are gone for a moment */

static void
doubt(site_t *site)
{
    msync_err_t  err;

    msync_log_set_level(MSYNC_LOG_ERR);
    initialise(site);
    site_sql(site, "INSERT INTO Location (ID, code, store_ID) VALUES ('a', "
             "'a', 'S1'), ('b', 'b', 'S1'), ('c', 'c', 'S1'), ('d', 'd', "
             "'S1'); INSERT INTO name (ID, name, type) VALUES ('P2', 'p', "
             "'patient');" SITE_SENT "DROP TRIGGER \"msync_Location_UPDATE\";"
             "DROP TRIGGER \"msync_name_UPDATE\"");
    assert_ok(msync_store_renew(site->store, &err));
}


static const char *
queued(site_t *site)
{
    return site_get(site, "SELECT group_concat(record_id) FROM (SELECT * FROM "
                          "changelog ORDER BY record_id)");
}


static void
what_is_doubted_was_sent_and_is_no_row_from_before_msync(void **state)
{
    int64_t       n;
    site_t       *site = *state;
    const char   *unknown;
    msync_err_t   err;

    doubt(site);
    assert_int_equal(doubted(site), 5);
    assert_int_equal(never_sent(site), 4);
    assert_ok(msync_store_send(site->store, NULL, 0, NULL, NULL, &n, &unknown,
                               &err));
    assert_int_equal(n, 4);
    assert_int_equal(doubted(site), 5);

    /* another time, before they were sent */
    site_sql(site, SITE_SENT "DROP TRIGGER \"msync_Location_INSERT\"");
    assert_ok(msync_store_renew(site->store, &err));
    assert_int_equal(doubted(site), 8);
    assert_int_equal(queue_doubted(site), 8);
    assert_string_equal(queued(site), "L1,L2,L3,P2,a,b,c,d");
    assert_int_equal(doubted(site), 0);
}


static void
what_central_has_changed_or_deleted_meanwhile_is_not_sent(void **state)
{
    site_t       *site = *state;

    doubt(site);
    site_pull(site, MSYNC_LEGACY, "Location", "a", MSYNC_ACTION_UPSERT,
              "{\"ID\":\"a\",\"Description\":\"d\",\"code\":\"x\","
              "\"hold\":false,\"Volume\":0,\"store_ID\":\"S1\","
              "\"type_ID\":\"\"}");
    site_pull(site, MSYNC_LEGACY, "Location", "b", MSYNC_ACTION_DELETE, NULL);
    site_pull(site, MSYNC_LEGACY, "name", "P2", MSYNC_ACTION_DELETE, NULL);

    /* it waits to become the row */
    site_pull(site, MSYNC_LEGACY, "Location", "c", MSYNC_ACTION_UPSERT,
              "{\"ID\":\"c\",\"code\":[]}");
    (void) integrate(site, false);
    assert_string_equal(site_get(site, "SELECT count(*) FROM name WHERE ID = "
                                 "'P2'"), "1");

    assert_int_equal(queue_doubted(site), 1);
    assert_string_equal(queued(site), "d");
    assert_int_equal(doubted(site), 0);

    site_sql(site, "DELETE FROM sync_buffer");
    (void) queue_doubted(site);
    assert_string_equal(queued(site), "d");
}


static void
what_is_changed_here_while_it_is_doubted_is_sent_once(void **state)
{
    int64_t        processed;
    site_t        *site = *state;
    msync_err_t    err;
    msync_batch_t  batch = { 0 };

    doubt(site);
    site_sql(site, "UPDATE Location SET code = 'x' WHERE ID = 'a';"
             "DELETE FROM Location WHERE ID = 'b'");
    assert_int_equal(waiting(site), 2);
    assert_ok(msync_store_changes(site->store, MSYNC_LEGACY, 0, 10, 1 << 20,
                                  &batch, &processed, &err));
    assert_ok(msync_store_sent(site->store, &batch, &err));
    msync_batch_clear(&batch);
    site_sql(site, SITE_SENT);

    assert_int_equal(queue_doubted(site), 3);
    assert_string_equal(queued(site), "P2,c,d");
    assert_int_equal(doubted(site), 0);
}


/* it was changed here in a store that is another site's when it is sent */

static void
what_is_doubted_and_passed_over_is_not_forgotten(void **state)
{
    site_t       *site = *state;
    msync_err_t   err;

    doubt(site);
    site_sql(site, "UPDATE Location SET code = 'x' WHERE ID = 'a';"
             "UPDATE store SET sync_id_remote_site = 8 WHERE ID = 'S1'");
    assert_ok(msync_store_begin(site->store, &err));
    assert_ok(msync_store_passed(site->store, MSYNC_KEY_PUSH_CURSOR, 1000,
                                 &err));
    assert_ok(msync_store_commit(site->store, &err));
    (void) queue_doubted(site);
    assert_int_equal(doubted(site), 0);

    site_sql(site, "DELETE FROM msync_never_sent WHERE record_id <> 'a';"
             "UPDATE store SET sync_id_remote_site = 7 WHERE ID = 'S1'");
    assert_int_equal(never_sent(site), 1);
}


static void
what_is_doubted_is_forgotten_with_what_is_unsent(void **state)
{
    site_t       *site = *state;
    msync_err_t   err;

    doubt(site);
    assert_ok(msync_store_begin(site->store, &err));
    assert_ok(msync_store_forget(site->store, true, 0, &err));
    assert_ok(msync_store_commit(site->store, &err));
    assert_int_equal(doubted(site), 0);
    assert_int_equal(never_sent(site), 4);
}


int
main(void)
{
#define EACH(name)                                                            \
    cmocka_unit_test_setup_teardown(name, open_application, site_close)

    const struct CMUnitTest  tests[] = {
        EACH(rows_from_before_msync_are_counted_when_the_first_sync_is_over),
        EACH(what_central_sends_or_takes_is_known_to_it),
        EACH(they_are_queued_on_request_and_once),
        EACH(a_row_is_queued_whatever_its_id_is),
        EACH(many_are_queued_in_short_transactions),
        EACH(a_database_of_version_4_tells_them_by_what_it_kept),
        EACH(a_table_that_was_rebuilt_was_not_there_before_msync),
        EACH(what_is_doubted_was_sent_and_is_no_row_from_before_msync),
        EACH(what_central_has_changed_or_deleted_meanwhile_is_not_sent),
        EACH(what_is_changed_here_while_it_is_doubted_is_sent_once),
        EACH(what_is_doubted_and_passed_over_is_not_forgotten),
        EACH(what_is_doubted_is_forgotten_with_what_is_unsent)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
