/* The sync log: which failures are one line, and what is not pushed out. */

#include "site.h"
#include "store/log.h"

#define HISTORY  50

typedef struct {
    int                n;
    msync_log_entry_t  runs[HISTORY + 1];
} history_t;


static void
run(site_t *site, const char *text)
{
    msync_err_t        err;
    msync_log_entry_t  entry;

    assert_ok(msync_store_log_begin(site->store, &entry, &err));
    entry.steps[MSYNC_STEP_PULL_CENTRAL].started = entry.started;
    entry.finished = entry.started + 1000;

    if (text != NULL) {
        entry.variant = MSYNC_ERR_HTTP_ERROR;
        snprintf(entry.text, sizeof(entry.text), "%s", text);
    }

    assert_ok(msync_store_begin(site->store, &err));
    assert_ok(msync_store_log_end(site->store, &entry, &err));
    assert_ok(msync_store_commit(site->store, &err));
}


static void
collect(void *data, const msync_log_entry_t *entry)
{
    history_t  *history = data;

    assert_true(history->n < HISTORY);
    history->runs[history->n++] = *entry;
}


static history_t *
history_of(site_t *site)
{
    msync_err_t  err;

    static history_t  history;

    history.n = 0;
    assert_ok(msync_store_log_history(site->store, HISTORY, collect,
                                      &history, &err));
    return &history;
}


static void
failures_that_take_turns_are_a_line_each(void **state)
{
    int         i;
    history_t  *history;

    run(*state, "refused");
    run(*state, NULL);

    for (i = 0; i < 100; i++) {
        run(*state, i % 2 ? "refused" : "silent");
    }

    history = history_of(*state);
    assert_int_equal(history->n, 4);
    assert_string_equal(history->runs[0].text, "refused");
    assert_int_equal(history->runs[0].repeated, 50);
    assert_true(history->runs[0].first_started
                <= history->runs[1].started);
    assert_string_equal(history->runs[1].text, "silent");
    assert_int_equal(history->runs[1].repeated, 50);
    assert_int_equal(history->runs[2].variant, MSYNC_ERR_NONE);

    /* one of before the success is another one */
    assert_int_equal(history->runs[3].repeated, 1);
}


static void
what_differs_in_a_measure_is_the_same_failure(void **state)
{
    size_t  i;

    static const struct {
        const char  *text[2];
        int          lines;
    } cases[] = {
        { { "it says 2020-01-01 00:00 UTC. No", "it says 2020-01-02 09:17 UTC. "
            "No" }, 1 },
        { { "lost after 13 octets", "lost after 13579 octets" }, 1 },
        { { "lost after 5 octets", "lost after 51 octets" }, 1 },
        { { "at octet 4806 of 13402", "at octet 521 of 20008" }, 1 },
        { { "sent 521 of 2000", "sent 4806 of 13402" }, 1 },
        { { "status 500 (\"request a1\")", "status 500 (\"request b27\")" },
          1 },
        { { "status 500 (\"down\")", "status 502 (\"down\")" }, 2 },
        { { "status 500", "status 500 (\"down\")" }, 2 },
        { { "central 1", "central 2" }, 2 }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        site_sql(*state, "DELETE FROM sync_log");
        run(*state, cases[i].text[0]);
        run(*state, cases[i].text[1]);

        if (history_of(*state)->n != cases[i].lines) {
            fail_msg("%s: %d lines", cases[i].text[1], history_of(*state)->n);
        }
    }
}


static void
the_last_success_is_not_pushed_out(void **state)
{
    int         i;
    char        text[32];
    history_t  *history;

    run(*state, NULL);
    run(*state, NULL);

    for (i = 0; i < 3 * HISTORY; i++) {
        snprintf(text, sizeof(text), "failure %c%c", 'a' + i / 26,
                 'a' + i % 26);
        run(*state, text);
    }

    history = history_of(*state);
    assert_int_equal(history->n, HISTORY);
    assert_string_equal(history->runs[0].text, text);
    assert_int_equal(history->runs[HISTORY - 1].variant, MSYNC_ERR_NONE);
    assert_int_equal(history->runs[HISTORY - 1].id, 2);
    assert_int_equal(history->runs[HISTORY - 2].variant,
                     MSYNC_ERR_HTTP_ERROR);
}


/* of which a line was a weekend offline */

static void
as_many_lines_are_kept_as_are_asked_for(void **state)
{
    int           i;
    site_t       *site = *state;
    msync_err_t   err;

    run(site, NULL);
    run(site, "refused");
    run(site, "moved");

    for (i = 0; i < 20; i++) {
        run(site, "silent");
    }

    assert_ok(msync_store_log_trim(site->store, 3, &err));
    assert_int_equal(history_of(site)->n, 4);
    assert_ok(msync_store_log_trim(site->store, 2, &err));
    assert_int_equal(history_of(site)->n, 3);
    assert_string_equal(history_of(site)->runs[0].text, "silent");
    assert_string_equal(history_of(site)->runs[1].text, "moved");
    assert_int_equal(history_of(site)->runs[2].variant, MSYNC_ERR_NONE);
}


/* the clock has gone back by less than makes the times new ones */

static void
no_run_takes_less_than_nothing(void **state)
{
    site_t             *site = *state;
    msync_err_t         err;
    msync_log_entry_t   entry;

    assert_ok(msync_store_log_begin(site->store, &entry, &err));
    entry.finished = entry.started - 1500;
    assert_ok(msync_store_begin(site->store, &err));
    assert_ok(msync_store_log_end(site->store, &entry, &err));
    assert_ok(msync_store_commit(site->store, &err));

    assert_string_equal(site_get(site, "SELECT duration_in_seconds "
                                 "FROM sync_log"), "0");
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        T(failures_that_take_turns_are_a_line_each),
        T(what_differs_in_a_measure_is_the_same_failure),
        T(the_last_success_is_not_pushed_out),
        T(as_many_lines_are_kept_as_are_asked_for),
        T(no_run_takes_less_than_nothing)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
