/*
 * Who owns a zone: every cell of the table, and the days of an nginx.
 *
 * docs/zone.md, which "make docs" writes, is what is printed of it.
 */

#include "document.h"

#include "../../http/ngx_http_msync_owner.c"

#define EVENT(name)  NGX_HTTP_MSYNC_OWNER_##name
#define STATES       NGX_HTTP_MSYNC_OWNER_STATES
#define EVENTS       NGX_HTTP_MSYNC_OWNER_EVENTS


static const char *const  states[STATES][2] = {
    { "NEW",      "made, its configuration may still be refused" },
    { "AWAITED",  "the first worker 0 is to come" },
    { "OWNED",    "the latest worker 0 works" },
    { "RELOADED", "the latest worker 0 works, a later one is to come" },
    { "BETWEEN",  "the latest worker 0 shuts down, a later one is to come" },
    { "OVER",     "the latest worker 0 shuts down, and none is to come: after "
                  "a quit, or in the old nginx of an upgrade" },
    { "MOVED",    "a zone of another size has taken its place" }
};

static const char *const  events[EVENTS][2] = {
    { "ACCEPT",     "the master takes a configuration: start, reload" },
    { "BEGIN",      "a worker 0 begins: start, reload, in the place of one "
                    "that crashed, an upgrade that is taken back" },
    { "QUIT",       "the latest worker 0 shuts down: quit, reload, upgrade" },
    { "QUIT_OLDER", "a worker 0 before the latest shuts down" },
    { "MOVE",       "a reload makes a zone of another size" },
    { "HELLO",      "a helper runs" },
    { "END",        "a helper has ended: crash, hang, quit" }
};

/* the same table by hand, so that no cell changes unnoticed */

static const char *const  expected[STATES][EVENTS] = {
    { "AWAITED", "OWNED t", "NEW", "NEW", "MOVED", "NEW", "NEW" },
    { "AWAITED", "OWNED t", "AWAITED", "AWAITED", "MOVED", "AWAITED",
      "AWAITED" },
    { "RELOADED", "OWNED thc", "OVER", "OWNED", "MOVED", "OWNED", "OWNED" },
    { "RELOADED", "OWNED thl", "BETWEEN", "RELOADED", "MOVED", "RELOADED",
      "RELOADED" },
    { "BETWEEN", "OWNED tfl", "BETWEEN", "BETWEEN", "MOVED", "BETWEEN",
      "BETWEEN" },
    { "BETWEEN r", "OWNED tfr", "OVER", "OVER", "MOVED", "OVER", "OVER" },
    { "MOVED", "MOVED th", "MOVED", "MOVED", "MOVED", "MOVED", "MOVED" }
};


static ngx_http_msync_owner_t
owner(unsigned state, uint64_t term, uint64_t helper)
{
    ngx_http_msync_owner_t  o = { state, term, helper, 0 };

    return o;
}


static void
every_cell_is_as_written(void **state)
{
    char                          cell[32];
    unsigned                      i, j, effects, running;
    ngx_http_msync_owner_t        o;

    (void) state;

    for (i = 0; i < STATES * EVENTS * 2; i++) {
        j = i / 2 % EVENTS;
        running = i % 2;
        o = owner(i / 2 / EVENTS, 3, running ? 7 : 0);
        effects = ngx_http_msync_owner_event(&o, j);

        /* `h` is not what is so, but when FOLLOWS is */
        snprintf(cell, sizeof(cell), "%s%s%s%s%s%s%s%s", states[o.state][0],
                 effects ? " " : "", effects & TERM ? "t" : "",
                 strchr(expected[i / 2 / EVENTS][j], 'h') ? "h"
                 : effects & FOLLOWS ? "f" : "",
                 effects & RESUMED ? "r" : "",
                 effects & HELPER ? "?" : "",
                 effects & CRASHED ? "c" : "",
                 effects & RELOAD ? "l" : "");
        assert_string_equal(cell, expected[i / 2 / EVENTS][j]);

        if (strchr(cell, 'h')) {
            assert_int_equal((effects & FOLLOWS) != 0, running);
        }

        /* a new term begins without a helper, nothing else touches it */
        assert_int_equal(o.term, effects & TERM ? 4 : 3);
        assert_int_equal(o.helper, effects & TERM ? 0 : running ? 7 : 0);
    }
}


static void
what_is_asked_for_is_taken_while_somebody_will_do_it(void **state)
{
    unsigned                i;
    ngx_http_msync_owner_t  o;

    (void) state;

    for (i = 0; i < STATES; i++) {
        o = owner(i, 1, 0);
        assert_int_equal(ngx_http_msync_owner_takes(&o),
                         i != EVENT(OVER) && i != EVENT(MOVED));
    }
}


static void
a_day_of_reloads(void **state)
{
    ngx_http_msync_owner_t  o = owner(EVENT(NEW), 0, 0);

    (void) state;

    ngx_http_msync_owner_event(&o, EVENT(ACCEPT));
    assert_int_equal(ngx_http_msync_owner_event(&o, EVENT(BEGIN)), TERM);
    assert_true(ngx_http_msync_owner_hello(&o,
                    ngx_http_msync_owner_helper(1, 1)));

    /* the next one begins before the old one shuts down … */
    ngx_http_msync_owner_event(&o, EVENT(ACCEPT));
    assert_int_equal(ngx_http_msync_owner_event(&o, EVENT(BEGIN)),
                     TERM|FOLLOWS|RELOAD);
    ngx_http_msync_owner_quit(&o, 1);
    assert_int_equal(o.state, EVENT(OWNED));

    /* … or after it */
    ngx_http_msync_owner_event(&o, EVENT(ACCEPT));
    ngx_http_msync_owner_quit(&o, 2);
    assert_int_equal(o.state, EVENT(BETWEEN));
    assert_true(ngx_http_msync_owner_takes(&o));
    assert_int_equal(ngx_http_msync_owner_event(&o, EVENT(BEGIN)),
                     TERM|FOLLOWS|RELOAD);

    ngx_http_msync_owner_quit(&o, 3);
    assert_int_equal(o.state, EVENT(OVER));
    assert_false(ngx_http_msync_owner_takes(&o));
}


static void
an_upgrade_that_is_taken_back(void **state)
{
    ngx_http_msync_owner_t  o = owner(EVENT(OWNED), 1, 0);

    (void) state;

    ngx_http_msync_owner_quit(&o, 1);
    assert_int_equal(ngx_http_msync_owner_event(&o, EVENT(BEGIN)),
                     TERM|FOLLOWS|RESUMED);
    assert_int_equal(o.state, EVENT(OWNED));
}


static void
a_zone_of_another_size_knows_of_the_helper_before(void **state)
{
    unsigned                i, running, follows;
    ngx_http_msync_owner_t  old, o;

    (void) state;

    for (i = 0; i < STATES * 2; i++) {
        running = i % 2;
        old = owner(i / 2, 3, running ? 7 : 0);
        old.reporter = 7;
        follows = running || i / 2 == EVENT(BETWEEN) || i / 2 == EVENT(OVER);

        o = owner(EVENT(NEW), 0, 0);
        ngx_http_msync_owner_inherit(&o, &old);
        ngx_http_msync_owner_event(&o, EVENT(ACCEPT));

        assert_int_equal(o.reporter, 7);
        assert_true(ngx_http_msync_owner_takes(&o));
        assert_int_equal(ngx_http_msync_owner_event(&o, EVENT(BEGIN)),
                         follows ? TERM|FOLLOWS|RELOAD : TERM);
        assert_int_equal(o.state, EVENT(OWNED));
        assert_int_equal(o.term, 4);
    }
}


static void
a_late_helper_is_not_the_latest(void **state)
{
    uint64_t                old, new;
    ngx_http_msync_owner_t  o = owner(EVENT(OWNED), 2, 0);

    (void) state;

    old = ngx_http_msync_owner_helper(1, 9);
    new = ngx_http_msync_owner_helper(2, 1);

    assert_true(ngx_http_msync_owner_hello(&o, new));
    assert_false(ngx_http_msync_owner_hello(&o, old));
    assert_false(ngx_http_msync_owner_end(&o, old));
    assert_int_equal(o.helper, new);
    assert_true(ngx_http_msync_owner_end(&o, new));
    assert_int_equal(o.helper, 0);
}


static void
a_later_helper_knows_better(void **state)
{
    ngx_http_msync_owner_t  o = owner(EVENT(OWNED), 2, 0);

    (void) state;

    /* until the later one has said something, the older one is heard */
    o.reporter = ngx_http_msync_owner_helper(1, 1);
    assert_true(ngx_http_msync_owner_hears(&o, 1));
    assert_true(ngx_http_msync_owner_hears(&o, 2));

    o.reporter = ngx_http_msync_owner_helper(2, 1);
    assert_false(ngx_http_msync_owner_hears(&o, 1));
    assert_true(ngx_http_msync_owner_hears(&o, 2));
}


/* the table as docs/zone.md has it; the caller frees it */

static char *
document(void)
{
    char                               *text;
    FILE                               *out;
    size_t                              size;
    unsigned                            i, j;
    const ngx_http_msync_owner_cell_t  *cell;

    out = open_memstream(&text, &size);
    assert_non_null(out);

    fprintf(out, "# Who owns a zone\n\n`make docs` writes this page: "
            "`t/unit/test_owner.c` prints it from the table in "
            "`http/ngx_http_msync_owner.c`.\n\n| state | |\n| --- | --- "
            "|\n");

    for (i = 0; i < STATES; i++) {
        fprintf(out, "| `%s` | %s |\n", states[i][0], states[i][1]);
    }

    fprintf(out, "\n| event | |\n| --- | --- |\n");

    for (i = 0; i < EVENTS; i++) {
        fprintf(out, "| `%s` | %s |\n", events[i][0], events[i][1]);
    }

    fprintf(out, "\nIn `OVER` and `MOVED` what is asked for is answered 503, "
            "for nobody would do it. A zone that takes the place of another "
            "begins as `BETWEEN` where a helper of that one may still run, "
            "else as `NEW`.\n\nA term is the time of one worker 0. Where an "
            "earlier helper may still run, the status that it has said last "
            "is served for 30 seconds instead of 5 before the site is said "
            "to be stopped. A generation goes on from the clock where another "
            "zone was served meanwhile, so that it never goes back.\n\n"
            "| state |");

    for (i = 0; i < EVENTS; i++) {
        fprintf(out, " `%s` |", events[i][0]);
    }

    fprintf(out, "\n| --- |");

    for (i = 0; i < EVENTS; i++) {
        fprintf(out, " --- |");
    }

    for (i = 0; i < STATES; i++) {
        fprintf(out, "\n| `%s` |", states[i][0]);

        for (j = 0; j < EVENTS; j++) {
            cell = &ngx_http_msync_owner_table[i][j];
            fprintf(out, " %s%s%s%s%s%s%s |",
                    cell->next == i && cell->effects == 0
                    ? "–" : states[cell->next][0],
                    cell->effects & TERM ? ", a new term" : "",
                    cell->effects & FOLLOWS
                    ? ", an earlier helper may still run" : "",
                    cell->effects & HELPER
                    ? ", the helper that there is may still run" : "",
                    cell->effects & RESUMED
                    ? ", the generation goes on from the clock" : "",
                    cell->effects & CRASHED
                    ? ", the helper is told that its worker crashed" : "",
                    cell->effects & RELOAD
                    ? ", the first helper is told of the reload" : "");
        }
    }

    fprintf(out, "\n");
    fclose(out);

    return text;
}


static void
the_document_is_the_table(void **state)
{
    char  *text;

    (void) state;

    text = document();
    document_is("docs/zone.md", text);
    free(text);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(every_cell_is_as_written),
        cmocka_unit_test(what_is_asked_for_is_taken_while_somebody_will_do_it),
        cmocka_unit_test(a_day_of_reloads),
        cmocka_unit_test(an_upgrade_that_is_taken_back),
        cmocka_unit_test(a_zone_of_another_size_knows_of_the_helper_before),
        cmocka_unit_test(a_late_helper_is_not_the_latest),
        cmocka_unit_test(a_later_helper_knows_better),
        cmocka_unit_test(the_document_is_the_table),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
