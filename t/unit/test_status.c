/* The lists that nginx serves: what is in them, and what is left out. */

#include "site.h"

#include <cjson/cJSON.h>

#include "base/clock.h"
#include "serve/status.h"


/* a run of 100 s each, all steps with numbers of six digits */

static void
add_run(site_t *site, const char *error)
{
    int                i;
    msync_err_t        err;
    msync_log_entry_t  entry;

    assert_ok(msync_store_log_begin(site->store, &entry, &err));

    for (i = MSYNC_STEP_PUSH_V6; i < MSYNC_STEP_MAX; i++) {
        entry.steps[i].started = entry.started;
        entry.steps[i].finished = entry.started + 1000;
        entry.steps[i].total = entry.steps[i].done = 123456;
    }

    entry.finished = entry.started + 100000;

    if (error != NULL) {
        entry.variant = MSYNC_ERR_CENTRAL_ERROR;
        strcpy(entry.text, error);
    }

    assert_ok(msync_store_log_update(site->store, &entry, &err));
}


/* how many the list has; `newest` and `total` where they are asked for */

static int
count(char *text, const char *name, int *newest, int *total)
{
    int     n;
    cJSON  *json, *list;

    assert_non_null(text);
    assert_in_range(strlen(text), 1, MSYNC_LIST_MAX);

    json = cJSON_Parse(text);
    list = cJSON_GetObjectItem(json, name);
    assert_true(cJSON_IsArray(list));
    n = cJSON_GetArraySize(list);

    if (newest != NULL) {
        *newest = cJSON_GetObjectItem(cJSON_GetArrayItem(list, 0),
                                      "id")->valueint;
        assert_int_equal(cJSON_GetObjectItem(cJSON_GetArrayItem(list, n - 1),
                                             "id")->valueint, *newest - n + 1);
    }

    if (total != NULL) {
        *total = cJSON_GetObjectItem(json, "total")->valueint;
    }

    cJSON_Delete(json);
    free(text);

    return n;
}


static void
fifty_runs_have_room(void **state)
{
    int           i, newest;
    site_t       *site = *state;
    msync_err_t   err;

    for (i = 0; i < 60; i++) {
        add_run(site, NULL);
    }

    assert_int_equal(count(msync_status_history(site->store, &err), "runs",
                           &newest, NULL), MSYNC_HISTORY_RUNS);
    assert_int_equal(newest, 60);
}


static void
the_oldest_runs_with_long_errors_are_left_out(void **state)
{
    int           i, newest;
    char          error[1500];
    site_t       *site = *state;
    msync_err_t   err;

    memset(error, '"', sizeof(error) - 1);
    error[sizeof(error) - 1] = '\0';

    for (i = 0; i < 60; i++) {
        add_run(site, i < 40 ? NULL : error);
    }

    assert_in_range(count(msync_status_history(site->store, &err), "runs",
                          &newest, NULL), 10, 49);
    assert_int_equal(newest, 60);
}


static void
long_failures_are_counted_all_the_same(void **state)
{
    int           total;
    site_t       *site = *state;
    msync_err_t   err;

    site_sql(site, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 "
             "FROM n WHERE i < 120) INSERT INTO sync_buffer (record_id, "
             "received_datetime, table_name, action, data, side, "
             "integration_error, tries) SELECT hex(zeroblob(450)) || i, '', "
             "'unit', 'UPSERT', '{}', 1, 'wrong', 1 FROM n");

    assert_in_range(count(msync_status_errors(site->store, false, &err),
                          "errors", NULL, &total), 30, 99);
    assert_int_equal(total, 120);
}


static cJSON *
document(const msync_status_t *status, bool stopped)
{
    char  *text, whole[4096];

    text = msync_status_document(status, stopped);
    snprintf(whole, sizeof(whole), "{%s", text);
    free(text);

    return cJSON_Parse(whole);
}


/* a run is at work, and what the page shows beside it is known */

static cJSON *
status_at_work(bool stopped)
{
    msync_status_t  status;

    memset(&status, 0, sizeof(status));
    status.running = true;
    status.entry.id = 1;
    status.entry.started = status.next_sync = status.locked_since = 1000;
    status.log_octets = 256000000;

    return document(&status, stopped);
}


static bool
says(const cJSON *json, const char *name)
{
    return !cJSON_IsNull(cJSON_GetObjectItem(json, name));
}


static void
nothing_is_promised_that_a_stopped_helper_does_not_do(void **state)
{
    int     stopped;
    cJSON  *json, *run;

    (void) state;

    for (stopped = 0; stopped <= 1; stopped++) {
        json = status_at_work(stopped);
        run = cJSON_GetObjectItem(json, "syncStatus");

        assert_int_equal(says(json, "nextSync"), !stopped);
        assert_int_equal(says(json, "databaseLockedSince"), !stopped);
        assert_int_equal(says(json, "databaseLogBytes"), !stopped);
        assert_int_equal(cJSON_IsTrue(cJSON_GetObjectItem(run, "isSyncing")),
                         !stopped);
        assert_int_equal(says(run, "error"), stopped);
        cJSON_Delete(json);
    }
}


/* one that has ended, and one that is at work */

static void
a_run_over_which_the_clock_was_put_back_took_no_time(void **state)
{
    int             at_work;
    cJSON          *json, *summary;
    msync_status_t  status;

    (void) state;

    for (at_work = 0; at_work <= 1; at_work++) {
        memset(&status, 0, sizeof(status));
        status.entry.id = 1;
        status.running = at_work;
        status.entry.started = msync_clock_wall() + 86400000;
        status.entry.finished = at_work ? 0 : status.entry.started - 43200000;

        json = document(&status, false);
        summary = cJSON_GetObjectItem(cJSON_GetObjectItem(json, "syncStatus"),
                                      "summary");
        assert_int_equal(cJSON_GetObjectItem(summary,
                                             "durationInSeconds")->valueint, 0);
        cJSON_Delete(json);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        T(fifty_runs_have_room),
        T(the_oldest_runs_with_long_errors_are_left_out),
        T(long_failures_are_counted_all_the_same),
        cmocka_unit_test(nothing_is_promised_that_a_stopped_helper_does_not_do),
        cmocka_unit_test(a_run_over_which_the_clock_was_put_back_took_no_time)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
