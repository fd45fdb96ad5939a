/* Pushes and pulls: what is saved when, and what goes on after a run ended. */

#include "integration.h"

#include "base/log.h"
#include "conf/conf.h"
#include "run/steps_private.h"
#include "store/store_private.h"

#define HWID  "01234567-89ab-4cde-8f01-23456789abcd"

#define LOCATION_OF(id)                                                       \
    "INSERT INTO Location (ID, store_ID) VALUES ('" id "', 'S1');"

/* a site and a server that says what the test tells it to */
typedef struct {
    site_t             *site;
    msync_conf_t       *conf;
    msync_log_entry_t   entry;
    msync_plan_t        plan;
    msync_steps_t       steps;
    msync_peer_t        peer;
    char                asked[128];    /* of the peer, in words */
    unsigned            pushes;
    unsigned            cancel_at;     /* this push, 0: none */
    const char         *units;         /* that are pulled, a letter each */
    char                fails_at;      /* instead of this one, once */
    unsigned            synced;        /* commits that a disk has to have */
    int64_t             max;           /* what it has, 0: these units */
    bool                short_of;      /* … which it had more of before */
    bool                loses_file;    /* while it answers */
} test_t;


static void
note(test_t *t, const char *text)
{
    size_t  used = strlen(t->asked);

    snprintf(t->asked + used, sizeof(t->asked) - used, "%s", text);
}


static long long
saved(test_t *t, const char *key)
{
    char  sql[128];

    snprintf(sql, sizeof(sql), "SELECT value_int FROM key_value_store WHERE "
             "id = '%s'", key);
    return atoll(site_get(t->site, sql));
}


static int
hook(void *data, msync_err_t *err)
{
    test_t  *t = data;

    return t->cancel_at > 0 && t->pushes >= t->cancel_at
           ? msync_err_set(err, MSYNC_ERR_CANCELLED, "enough") : MSYNC_OK;
}


/* nothing counts as sent before the answer; an empty batch is the end */

static int
push(msync_peer_t *peer, const msync_batch_t *batch, msync_err_t *err)
{
    char     text[64];
    test_t  *t = peer->data;

    (void) err;
    t->pushes++;

    if (batch->n > 0) {
        assert_true(saved(t, peer->push_cursor) <= batch->records[0].cursor);
    }

    snprintf(text, sizeof(text), "%zu of %lld, ", batch->n,
             (long long) batch->remaining);
    note(t, batch->last ? "the end" : text);

    return MSYNC_OK;
}


static int
busy(msync_peer_t *peer, bool *is_busy, msync_err_t *err)
{
    (void) peer;
    (void) err;
    *is_busy = false;

    return MSYNC_OK;
}


/* one unit at a time, the first of them with the cursor 1 */

static int
pull(msync_peer_t *peer, int64_t cursor, int64_t had, unsigned limit,
    msync_batch_t *batch, msync_err_t *err)
{
    test_t  *t = peer->data;

    char  id[2] = { t->units[cursor], '\0' };
    char  text[32];

    (void) had;
    (void) limit;
    snprintf(text, sizeof(text), "%lld ", (long long) cursor);
    note(t, text);

    if (*id == t->fails_at) {
        t->fails_at = '\0';
        return msync_err_set(err, MSYNC_ERR_CENTRAL_ERROR, "no");
    }

    if (t->loses_file) {
        assert_int_equal(unlink(t->site->path), 0);
    }

    batch_add(batch, "unit", id, UNIT("u"));
    batch->next = batch->had = cursor + 1;
    batch->remaining = (int64_t) strlen(t->units) - cursor;
    batch->max = t->max > 0 ? t->max : (int64_t) strlen(t->units);
    batch->short_of = t->short_of;
    batch->last = t->units[cursor + 1] == '\0';

    return MSYNC_OK;
}


/* another process sees what is told to be here */

static int
ack(msync_peer_t *peer, const msync_batch_t *batch, msync_err_t *err)
{
    test_t  *t = peer->data;

    (void) err;
    assert_string_equal(site_get(t->site, "SELECT record_id FROM sync_buffer "
                                 "ORDER BY id DESC"), batch->records[0].id);
    assert_int_equal(saved(t, peer->pull_cursor), batch->had);
    note(t, "ack ");

    return MSYNC_OK;
}


static int
count_synced(void *data)
{
    test_t  *t = data;

    t->synced += !t->site->store->unsynced;
    return 0;
}


static int
open_test(void **state)
{
    test_t       *t;
    msync_err_t   err;

    t = calloc(1, sizeof(test_t));

    if (site_open((void **) &t->site) != 0) {
        return -1;
    }

    site_add_stores(t->site);
    msync_log_set_level(MSYNC_LOG_ERR);

    t->conf = msync_conf_create();
    t->conf->push = 1;
    t->plan.initialised = true;
    t->steps.store = t->site->store;
    t->steps.catalogue = t->site->catalogue;
    t->steps.conf = t->conf;
    t->steps.http = msync_transfer_create(t->conf, HWID, -1, NULL, NULL, &err);
    t->steps.entry = &t->entry;
    t->steps.plan = &t->plan;
    t->steps.hook = hook;
    t->steps.data = t;

    t->peer.name = "central";
    t->peer.side = MSYNC_LEGACY;
    t->peer.push_cursor = MSYNC_KEY_PUSH_CURSOR;
    t->peer.pull_cursor = MSYNC_KEY_PULL_CENTRAL_CURSOR;
    t->peer.pull_max = MSYNC_KEY_PULL_V7_MAX;
    t->peer.push_end = true;
    t->peer.data = t;
    t->peer.push = push;
    t->peer.pull = pull;
    t->peer.busy = busy;

    assert_ok(msync_store_log_begin(t->site->store, &t->entry, &err));
    *state = t;

    return 0;
}


static int
close_test(void **state)
{
    test_t  *t = *state;
    site_t  *site = t->site;

    msync_fill_free(&t->steps.fill);
    msync_transfer_free(&t->steps.http);
    msync_conf_free(&t->conf);
    free(t);

    return site_close((void **) &site);
}


static int
push_all(test_t *t, msync_err_t *err)
{
    t->asked[0] = '\0';
    return msync_step_push(&t->steps, MSYNC_STEP_PUSH, &t->peer, err);
}


static int
pull_all(test_t *t, msync_err_t *err)
{
    t->asked[0] = '\0';
    return msync_step_pull(&t->steps, MSYNC_STEP_PULL_CENTRAL, &t->peer, 1,
                           err);
}


static void
each_batch_says_how_many_follow(void **state)
{
    test_t       *t = *state;
    msync_err_t   err;

    site_sql(t->site, LOCATION_OF("A") LOCATION_OF("B") LOCATION_OF("C"));
    assert_ok(push_all(t, &err));
    assert_string_equal(t->asked, "1 of 3, 1 of 2, 1 of 1, the end");
    assert_ok(push_all(t, &err));
    assert_string_equal(t->asked, "the end");
}


static void
a_cancelled_push_stops_and_the_next_one_goes_on(void **state)
{
    test_t       *t = *state;
    msync_err_t   err;

    site_sql(t->site, LOCATION_OF("A") LOCATION_OF("B") LOCATION_OF("C"));
    t->cancel_at = 2;
    assert_int_equal(push_all(t, &err), MSYNC_ERROR);
    assert_int_equal(err.variant, MSYNC_ERR_CANCELLED);
    assert_string_equal(t->asked, "1 of 3, 1 of 2, ");

    t->cancel_at = 0;
    assert_ok(push_all(t, &err));
    assert_string_equal(t->asked, "1 of 1, the end");
}


/* what central takes no record of is not read again by each run */

static void
what_is_passed_over_is_passed_once(void **state)
{
    test_t       *t = *state;
    msync_err_t   err;

    site_sql(t->site, "INSERT INTO asset (id, store_id, created_datetime, "
             "modified_datetime) VALUES ('A', 'S1', '2026-01-01', "
             "'2026-01-01'), ('B', 'S1', '2026-01-01', '2026-01-01')");
    assert_ok(push_all(t, &err));
    assert_string_equal(t->asked, "the end");
    assert_int_equal(saved(t, t->peer.push_cursor),
                     atoll(site_get(t->site, "SELECT max(cursor) + 1 FROM "
                                    "changelog")));
}


static void
what_is_sent_does_not_come_back_from_the_buffer(void **state)
{
    test_t       *t = *state;
    msync_err_t   err;

    site_pull(t->site, MSYNC_LEGACY, "Location", "A", MSYNC_ACTION_UPSERT,
              LOCATION);
    site_pull(t->site, MSYNC_LEGACY, "Location", "B", MSYNC_ACTION_UPSERT,
              LOCATION);
    site_sql(t->site, LOCATION_OF("A"));
    assert_ok(push_all(t, &err));
    assert_string_equal(site_get(t->site, "SELECT group_concat(record_id) "
                                 "FROM sync_buffer"), "B");
}


/* with a power cut behind it, too; what can be had again waits for no disk */

static void
what_is_acknowledged_is_committed(void **state)
{
    test_t       *t = *state;
    msync_err_t   err;

    sqlite3_commit_hook(t->site->store->db, count_synced, t);
    t->units = "ab";
    t->peer.ack = ack;
    assert_ok(pull_all(t, &err));
    assert_string_equal(t->asked, "0 ack 1 ack ");
    assert_int_equal(t->synced, 2);

    t->units = "abcd";
    t->peer.ack = NULL;
    assert_ok(pull_all(t, &err));
    assert_string_equal(t->asked, "2 3 ");
    assert_int_equal(t->synced, 2);
}


static void
what_went_into_a_removed_file_is_not_acknowledged(void **state)
{
    test_t       *t = *state;
    msync_err_t   err;

    t->units = "a";
    t->peer.ack = ack;
    t->loses_file = true;
    assert_int_equal(pull_all(t, &err), MSYNC_ERROR);
    assert_string_equal(t->asked, "0 ");
}


/* a lower number alone says nothing: see `short_of` of a batch */

static void
a_server_that_lacks_what_it_had_was_restored(void **state)
{
    test_t       *t = *state;
    msync_err_t   err;

    t->units = "ab";
    t->max = 20;
    assert_ok(pull_all(t, &err));

    t->units = "abcd";
    t->max = 19;
    t->short_of = true;
    assert_int_equal(pull_all(t, &err), MSYNC_ERROR);
    assert_int_equal(err.variant, MSYNC_ERR_CENTRAL_RESTORED);

    t->short_of = false;
    assert_ok(pull_all(t, &err));
    assert_int_equal(saved(t, t->peer.pull_max), 20);
}


static void
a_pull_that_failed_goes_on_behind_what_came(void **state)
{
    test_t       *t = *state;
    msync_err_t   err;

    t->units = "abc";
    t->fails_at = 'b';
    assert_int_equal(pull_all(t, &err), MSYNC_ERROR);
    assert_int_equal(saved(t, t->peer.pull_cursor), 1);
    assert_int_equal(saved(t, t->peer.pull_max), 3);
    assert_ok(pull_all(t, &err));
    assert_string_equal(t->asked, "1 2 ");
    assert_string_equal(site_get(t->site, "SELECT group_concat(record_id, '') "
                                 "FROM sync_buffer"), "abc");
}


static void
check_grown(test_t *t, const char *units)
{
    unsigned      size, limit = MSYNC_STEP_BATCH_MIN;
    msync_err_t   err;

    assert_ok(msync_step_save_size(&t->steps, MSYNC_STEP_PULL_CENTRAL, 1,
                                   &err));
    t->units = units;
    assert_ok(msync_step_pull(&t->steps, MSYNC_STEP_PULL_CENTRAL, &t->peer,
                              limit, &err));
    assert_ok(msync_step_first_size(&t->steps, MSYNC_STEP_PULL_CENTRAL, limit,
                                    &size, &err));
    assert_int_equal(size, limit);
}


static void
a_size_that_has_grown_is_that_of_the_next_run(void **state)
{
    test_t  *t = *state;

    check_grown(t, "ab");
    t->steps.fill = msync_fill_create(t->site->store, t->site->catalogue);
    check_grown(t, "abcd");
}


/* as far as it went: on a slow machine it may be one row after the other */

static void
a_first_sync_that_failed_has_what_came(void **state)
{
    test_t       *t = *state;
    msync_err_t   err;

    t->steps.fill = msync_fill_create(t->site->store, t->site->catalogue);
    t->units = "abc";
    t->fails_at = 'c';
    assert_int_equal(pull_all(t, &err), MSYNC_ERROR);
    assert_int_equal(err.variant, MSYNC_ERR_CENTRAL_ERROR);
    assert_int_equal(saved(t, t->peer.pull_cursor), 2);
    assert_ok(pull_all(t, &err));
    assert_string_equal(t->asked, "2 ");
    assert_int_equal(saved(t, t->peer.pull_cursor), 3);
    assert_int_equal(integrate(t->site, true).failed, 0);
    assert_string_equal(site_get(t->site, "SELECT group_concat(ID, '') FROM "
                                 "unit"), "abc");
}


/* what came with a row that the application's schema undid is not lost */

static void
a_first_sync_that_was_undone_takes_all_once_more(void **state)
{
    test_t       *t = *state;
    msync_err_t   err;

    site_sql(t->site, "CREATE TRIGGER no BEFORE INSERT ON unit WHEN NEW.ID = "
             "'c' BEGIN SELECT RAISE(ROLLBACK, 'no'); END");
    t->steps.fill = msync_fill_create(t->site->store, t->site->catalogue);
    t->units = "abc";
    assert_ok(pull_all(t, &err));
    assert_int_equal(saved(t, t->peer.pull_cursor), 3);
    assert_string_equal(site_get(t->site, "SELECT group_concat(id, '') FROM "
                                 "(SELECT ID AS id FROM unit UNION SELECT "
                                 "record_id FROM sync_buffer ORDER BY id)"),
                        "abc");
}


int
main(void)
{
#define EACH(name)                                                            \
    cmocka_unit_test_setup_teardown(name, open_test, close_test)

    const struct CMUnitTest  tests[] = {
        EACH(each_batch_says_how_many_follow),
        EACH(a_cancelled_push_stops_and_the_next_one_goes_on),
        EACH(what_is_passed_over_is_passed_once),
        EACH(what_is_sent_does_not_come_back_from_the_buffer),
        EACH(what_is_acknowledged_is_committed),
        EACH(what_went_into_a_removed_file_is_not_acknowledged),
        EACH(a_server_that_lacks_what_it_had_was_restored),
        EACH(a_pull_that_failed_goes_on_behind_what_came),
        EACH(a_size_that_has_grown_is_that_of_the_next_run),
        EACH(a_first_sync_that_failed_has_what_came),
        EACH(a_first_sync_that_was_undone_takes_all_once_more)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
