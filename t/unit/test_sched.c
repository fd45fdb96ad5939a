/* The schedule: due when, and never when it must not. */

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "run/sched.h"

#define NOW   1000000000LL         /* of the monotonic clock */
#define WALL  1700000000000LL


static msync_sched_t
site(void)
{
    msync_sched_t  sched = { 0 };

    sched.due = MSYNC_DUE_INTERVAL;
    sched.now = NOW;
    sched.started = NOW - 3600 * 1000;
    sched.ended = NOW - 60 * 1000;
    sched.interval = 300;

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
    sched.due = MSYNC_DUE_NEVER;
    assert_int_equal(msync_sched_next(&sched), 0);
}


static void
what_is_due_later_waits_without_a_schedule_too(void **state)
{
    msync_sched_t  sched = site();

    (void) state;
    sched.due = MSYNC_DUE_LATER;
    assert_int_equal(msync_sched_next(&sched), NOW + 240 * 1000);
    sched.interval = 0;
    assert_int_equal(msync_sched_next(&sched),
                     NOW + (MSYNC_SCHED_PAUSE - 60) * 1000);
}


static void
what_is_due_now_waits_for_no_interval(void **state)
{
    msync_sched_t  sched = site();

    (void) state;
    sched.due = MSYNC_DUE_NOW;
    assert_int_equal(msync_sched_next(&sched), NOW);
    sched.interval = 0;
    assert_int_equal(msync_sched_next(&sched), NOW);
}


static void
a_missed_run_is_due_once_soon_after_the_start(void **state)
{
    int64_t        next;
    msync_sched_t  sched = site();

    (void) state;
    sched.started = NOW;
    sched.ended = NOW - 24 * 3600 * 1000;

    for (sched.random = 0; sched.random < 100000; sched.random += 777) {
        next = msync_sched_next(&sched);
        assert_true(next >= NOW);
        assert_true(next < NOW + MSYNC_SCHED_JITTER * 1000);
    }

    sched.interval = 2;
    assert_true(msync_sched_next(&sched) < NOW + 200);
}


static void
failures_that_somebody_has_to_mend_double_the_interval(void **state)
{
    msync_sched_t  sched = site();

    (void) state;
    sched.ended = NOW;
    sched.due = MSYNC_DUE_LONGER;
    sched.failures = 1;
    assert_int_equal(msync_sched_next(&sched), NOW + 300 * 1000);
    sched.failures = 2;
    assert_int_equal(msync_sched_next(&sched), NOW + 600 * 1000);
    sched.failures = 4;
    assert_int_equal(msync_sched_next(&sched), NOW + 2400 * 1000);
    sched.failures = 4000000000U;
    assert_int_equal(msync_sched_next(&sched),
                     NOW + MSYNC_SCHED_LONGEST * 1000LL);
}


static void
an_interval_of_a_day_does_not_get_shorter_by_failures(void **state)
{
    msync_sched_t  sched = site();

    (void) state;
    sched.ended = NOW;
    sched.interval = 86400;
    sched.due = MSYNC_DUE_LONGER;
    sched.failures = 3;
    assert_int_equal(msync_sched_next(&sched), NOW + 86400 * 1000LL);
}


static void
a_server_may_ask_for_an_hour(void **state)
{
    msync_sched_t  sched = site();

    (void) state;
    sched.ended = NOW;
    sched.due = MSYNC_DUE_INTERVAL;
    sched.asked = 60;
    assert_int_equal(msync_sched_next(&sched), NOW + 300 * 1000);
    sched.asked = 1200;
    assert_int_equal(msync_sched_next(&sched), NOW + 1200 * 1000);
    sched.asked = LONG_MAX;
    assert_int_equal(msync_sched_next(&sched),
                     NOW + MSYNC_SCHED_ASKED * 1000LL);
    sched.due = MSYNC_DUE_NOW;
    assert_int_equal(msync_sched_next(&sched), NOW);
}


static void
what_an_earlier_process_did_counts_by_the_wall_clock(void **state)
{
    (void) state;
    assert_int_equal(msync_sched_ended(WALL - 5000, WALL, NOW), NOW - 5000);
}


static void
a_clock_set_back_delays_by_one_interval_at_most(void **state)
{
    msync_sched_t  sched = site();

    (void) state;
    sched.started = NOW;
    sched.ended = msync_sched_ended(WALL + 9 * 3600 * 1000, WALL, NOW);
    assert_int_equal(msync_sched_next(&sched), NOW + 300 * 1000);
}


static void
a_clock_far_ahead_makes_one_run_early(void **state)
{
    msync_sched_t  sched = site();

    (void) state;
    sched.started = NOW;
    sched.ended = msync_sched_ended(0, WALL, NOW);
    assert_true(msync_sched_next(&sched) < NOW + MSYNC_SCHED_JITTER * 1000);
    sched.ended = NOW;
    assert_int_equal(msync_sched_next(&sched), NOW + 300 * 1000);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(the_next_run_is_an_interval_after_the_last),
        cmocka_unit_test(there_is_none_when_there_should_be_none),
        cmocka_unit_test(what_is_due_later_waits_without_a_schedule_too),
        cmocka_unit_test(what_is_due_now_waits_for_no_interval),
        cmocka_unit_test(a_missed_run_is_due_once_soon_after_the_start),
        cmocka_unit_test(
            failures_that_somebody_has_to_mend_double_the_interval),
        cmocka_unit_test(
            an_interval_of_a_day_does_not_get_shorter_by_failures),
        cmocka_unit_test(a_server_may_ask_for_an_hour),
        cmocka_unit_test(
            what_an_earlier_process_did_counts_by_the_wall_clock),
        cmocka_unit_test(a_clock_set_back_delays_by_one_interval_at_most),
        cmocka_unit_test(a_clock_far_ahead_makes_one_run_early)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
