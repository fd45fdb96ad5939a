/* Commands: what coalesces, what a cancel takes back, what counts last. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "run/queue.h"


static void
trigger(msync_queue_t *queue, uint64_t sequence, const char *patient)
{
    msync_queue_put(queue, sequence, MSYNC_COMMAND_TRIGGER, patient,
                    strlen(patient));
}


static void
plain_triggers_become_one(void **state)
{
    msync_queue_t    queue = { 0 };
    msync_trigger_t  next;

    (void) state;
    trigger(&queue, 1, "");
    trigger(&queue, 2, "");
    trigger(&queue, 3, "");
    assert_true(msync_queue_next(&queue, true, 0, &next));
    assert_false(msync_queue_next(&queue, true, 0, &next));
    assert_int_equal(queue.done[MSYNC_COMMAND_TRIGGER], 0);
    msync_queue_done(&queue, &next);
    assert_int_equal(queue.done[MSYNC_COMMAND_TRIGGER], 3);
}


static void
patients_keep_their_order(void **state)
{
    msync_queue_t    queue = { 0 };
    msync_trigger_t  next;

    (void) state;
    trigger(&queue, 1, "a");
    trigger(&queue, 2, "");
    trigger(&queue, 3, "b");
    trigger(&queue, 4, "b");
    assert_true(msync_queue_next(&queue, true, 0, &next));
    assert_string_equal(next.patient, "a");
    assert_true(msync_queue_next(&queue, true, 0, &next));
    assert_string_equal(next.patient, "");
    assert_true(msync_queue_next(&queue, true, 0, &next));
    assert_string_equal(next.patient, "b");
    assert_int_equal(next.sequence, 4);
    assert_false(msync_queue_next(&queue, true, 0, &next));
}


/* those that ask may be many, but not more than there are patients */

static void
patients_asked_for_in_turn_do_not_fill_it(void **state)
{
    uint64_t         sequence;
    msync_queue_t    queue = { 0 };
    msync_trigger_t  next;

    (void) state;

    for (sequence = 1; sequence < 3 * MSYNC_QUEUE_MAX; sequence += 3) {
        trigger(&queue, sequence, "a");
        trigger(&queue, sequence + 1, "");
        trigger(&queue, sequence + 2, "b");
    }

    assert_int_equal(queue.n, 3);
    trigger(&queue, sequence, "c");
    trigger(&queue, sequence + 1, "a");

    assert_true(msync_queue_next(&queue, true, 0, &next));
    assert_string_equal(next.patient, "");
    assert_true(msync_queue_next(&queue, true, 0, &next));
    assert_string_equal(next.patient, "b");
    assert_int_equal(next.sequence, sequence - 1);
    assert_true(msync_queue_next(&queue, true, 0, &next));
    assert_string_equal(next.patient, "c");
    assert_true(msync_queue_next(&queue, true, 0, &next));
    assert_string_equal(next.patient, "a");
    assert_int_equal(next.sequence, sequence + 1);
    assert_false(msync_queue_next(&queue, true, 0, &next));
}


static void
a_command_that_comes_again_is_ignored(void **state)
{
    msync_queue_t    queue = { 0 };
    msync_trigger_t  next;

    (void) state;
    trigger(&queue, 5, "");
    assert_true(msync_queue_next(&queue, true, 0, &next));
    trigger(&queue, 5, "");
    assert_false(msync_queue_next(&queue, true, 0, &next));
}


static void
a_cancel_takes_back_what_came_before(void **state)
{
    msync_queue_t    queue = { 0 };
    msync_trigger_t  next;

    (void) state;
    trigger(&queue, 1, "a");
    trigger(&queue, 2, "");
    msync_queue_put(&queue, 3, MSYNC_COMMAND_CANCEL, "", 0);
    assert_true(queue.cancel);
    assert_int_equal(queue.done[MSYNC_COMMAND_CANCEL], 3);
    assert_int_equal(queue.done[MSYNC_COMMAND_TRIGGER], 2);
    assert_false(msync_queue_next(&queue, true, 0, &next));
    trigger(&queue, 4, "");
    assert_true(msync_queue_next(&queue, true, 0, &next));
}


static void
the_later_of_pause_and_resume_counts(void **state)
{
    msync_queue_t  queue = { 0 };

    (void) state;
    msync_queue_put(&queue, 2, MSYNC_COMMAND_RESUME, "", 0);
    msync_queue_put(&queue, 1, MSYNC_COMMAND_PAUSE, "", 0);
    assert_false(queue.paused);
    msync_queue_put(&queue, 3, MSYNC_COMMAND_PAUSE, "", 0);
    assert_true(queue.paused);

    /* one that goes with its helper is said again to the next one */
    assert_int_equal(queue.done[MSYNC_COMMAND_PAUSE], 0);
    assert_int_equal(queue.done[MSYNC_COMMAND_RESUME], 0);
    msync_queue_pause_saved(&queue);
    assert_false(queue.pause_known);
    assert_int_equal(queue.done[MSYNC_COMMAND_PAUSE], 3);
    assert_int_equal(queue.done[MSYNC_COMMAND_RESUME], 2);
}


static void
a_retry_is_done_when_its_run_has_ended(void **state)
{
    uint64_t       taken;
    msync_queue_t  queue = { 0 };

    (void) state;
    msync_queue_put(&queue, 4, MSYNC_COMMAND_RETRY, "", 0);
    assert_true(queue.retry);
    assert_int_equal(queue.done[MSYNC_COMMAND_RETRY], 0);
    assert_true(msync_queue_retry(&queue, &taken));
    assert_false(msync_queue_retry(&queue, &taken));
    msync_queue_retry_done(&queue, taken);
    assert_false(queue.retry);
    assert_int_equal(queue.done[MSYNC_COMMAND_RETRY], 4);
}


static void
what_does_not_fit_is_not_acknowledged(void **state)
{
    int              i;
    char             patient[16];
    msync_queue_t    queue = { 0 };
    msync_trigger_t  next;

    (void) state;

    for (i = 1; i <= MSYNC_QUEUE_MAX + 5; i++) {
        snprintf(patient, sizeof(patient), "p%d", i);
        trigger(&queue, i, patient);
    }

    for (i = 1; i <= MSYNC_QUEUE_MAX; i++) {
        assert_true(msync_queue_next(&queue, true, 0, &next));
        msync_queue_done(&queue, &next);
    }

    assert_false(msync_queue_next(&queue, true, 0, &next));
    assert_int_equal(queue.done[MSYNC_COMMAND_TRIGGER], MSYNC_QUEUE_MAX);
    trigger(&queue, MSYNC_QUEUE_MAX + 1, "again");
    assert_true(msync_queue_next(&queue, true, 0, &next));
}


static void
what_waits_outlives_the_helper(void **state)
{
    char             text[MSYNC_QUEUE_TEXT];
    msync_queue_t    queue = { 0 }, next = { 0 };
    msync_trigger_t  running, taken;

    (void) state;
    msync_queue_write(&queue, text);
    assert_string_equal(text, "");

    trigger(&queue, 1, "a");
    trigger(&queue, 2, "");
    trigger(&queue, 3, "b");
    assert_true(msync_queue_next(&queue, true, 0, &running));
    msync_queue_back(&queue, &running);
    msync_queue_write(&queue, text);
    assert_string_equal(text, "a\n\nb\n");

    /* the same nginx has told some of it already */
    trigger(&next, 3, "b");
    msync_queue_read(&next, text);
    trigger(&next, 4, "a");

    assert_true(msync_queue_next(&next, true, 0, &taken));
    assert_string_equal(taken.patient, "");
    msync_queue_done(&next, &taken);
    assert_int_equal(next.done[MSYNC_COMMAND_TRIGGER], 0);
    assert_true(msync_queue_next(&next, true, 0, &taken));
    assert_int_equal(taken.sequence, 3);
    assert_true(msync_queue_next(&next, true, 0, &taken));
    assert_string_equal(taken.patient, "a");
    assert_int_equal(taken.sequence, 4);
    assert_false(msync_queue_next(&next, true, 0, &taken));
}


static void
a_text_that_is_none_does_no_harm(void **state)
{
    int            i;
    char           text[3 * MSYNC_QUEUE_TEXT];
    msync_queue_t  queue = { 0 };

    (void) state;
    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    msync_queue_read(&queue, text);
    assert_int_equal(queue.n, 0);

    for (i = 0; i < 2 * MSYNC_QUEUE_MAX; i++) {
        snprintf(text + 4 * i, sizeof(text) - 4 * i, "%03d\n", i);
    }

    msync_queue_read(&queue, text);
    assert_int_equal(queue.n, MSYNC_QUEUE_MAX);
    assert_string_equal(queue.triggers[0].patient, "000");

    for (i = 0; i < MSYNC_QUEUE_MAX; i++) {
        memset(queue.triggers[i].patient, 'a' + i % 26, MSYNC_PATIENT_MAX);
        queue.triggers[i].patient[MSYNC_PATIENT_MAX] = '\0';
    }

    msync_queue_write(&queue, text);
    assert_int_equal(strlen(text), MSYNC_QUEUE_TEXT - 1);
}


static void
nonsense_is_ignored(void **state)
{
    char             patient[MSYNC_PATIENT_MAX + 2];
    msync_queue_t    queue = { 0 };
    msync_trigger_t  next;

    (void) state;
    memset(patient, 'x', sizeof(patient));
    msync_queue_put(&queue, 1, MSYNC_COMMAND_TRIGGER, patient,
                    MSYNC_PATIENT_MAX + 1);
    msync_queue_put(&queue, 2, 99, "", 0);
    assert_false(msync_queue_next(&queue, true, 0, &next));
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(plain_triggers_become_one),
        cmocka_unit_test(patients_keep_their_order),
        cmocka_unit_test(patients_asked_for_in_turn_do_not_fill_it),
        cmocka_unit_test(a_command_that_comes_again_is_ignored),
        cmocka_unit_test(a_cancel_takes_back_what_came_before),
        cmocka_unit_test(the_later_of_pause_and_resume_counts),
        cmocka_unit_test(a_retry_is_done_when_its_run_has_ended),
        cmocka_unit_test(what_does_not_fit_is_not_acknowledged),
        cmocka_unit_test(what_waits_outlives_the_helper),
        cmocka_unit_test(a_text_that_is_none_does_no_harm),
        cmocka_unit_test(nonsense_is_ignored)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
