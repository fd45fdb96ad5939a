/* The schedule: due when, and never when it must not. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "run/sched.h"

#define NOW  1000000000LL


static msync_sched_t
site(void)
{
    msync_sched_t  sched = { 0 };

    sched.now = NOW;
    sched.started = NOW - 3600 * 1000;
    sched.last_finished = NOW - 60 * 1000;
    sched.interval = 300;
    sched.begun = true;

    return sched;
}


static void
the_next_run_is_an_interval_after_the_last(void **state)
{
    msync_sched_t  sched = site();

    (void) state;
    assert_int_equal(msync_sched_next(&sched), NOW + 240 * 1000);
}


static void
there_is_none_when_there_should_be_none(void **state)
{
    msync_sched_t  sched;

    (void) state;
    sched = site();
    sched.interval = 0;
    assert_int_equal(msync_sched_next(&sched), 0);
    sched = site();
    sched.paused = true;
    assert_int_equal(msync_sched_next(&sched), 0);
    sched = site();
    sched.begun = false;
    assert_int_equal(msync_sched_next(&sched), 0);
}


static void
a_missed_run_is_due_once_soon_after_the_start(void **state)
{
    int64_t        next;
    msync_sched_t  sched = site();

    (void) state;
    sched.started = NOW;
    sched.last_finished = NOW - 24 * 3600 * 1000;

    for (sched.random = 0; sched.random < 100000; sched.random += 777) {
        next = msync_sched_next(&sched);
        assert_true(next >= NOW);
        assert_true(next < NOW + MSYNC_SCHED_JITTER * 1000);
    }

    sched.interval = 2;
    assert_true(msync_sched_next(&sched) < NOW + 200);
}


static void
a_clock_set_back_delays_by_one_interval_at_most(void **state)
{
    msync_sched_t  sched = site();

    (void) state;
    sched.last_finished = NOW + 86400LL * 1000;
    assert_int_equal(msync_sched_next(&sched), NOW + 300 * 1000);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(the_next_run_is_an_interval_after_the_last),
        cmocka_unit_test(there_is_none_when_there_should_be_none),
        cmocka_unit_test(a_missed_run_is_due_once_soon_after_the_start),
        cmocka_unit_test(a_clock_set_back_delays_by_one_interval_at_most)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
