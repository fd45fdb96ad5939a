/*
 * The memory of a batch.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "catalogue/record.h"


static void
test_a_batch_grows_and_keeps_its_records(void **state)
{
    char             text[32];
    size_t           i;
    msync_batch_t    batch = { 0 };
    msync_record_t  *record;

    (void) state;

    for (i = 0; i < 1000; i++) {
        record = msync_batch_add(&batch);
        assert_null(record->table);
        assert_null(record->data);
        assert_int_equal(record->cursor, 0);

        snprintf(text, sizeof(text), "id %zu", i);
        record->id = msync_strdup(text);
        record->data = msync_strdup("{}");
        record->data_length = 2;
    }

    assert_int_equal(batch.n, 1000);

    for (i = 0; i < 1000; i++) {
        snprintf(text, sizeof(text), "id %zu", i);
        assert_string_equal(batch.records[i].id, text);
    }

    batch.last = true;
    msync_batch_clear(&batch);
    assert_int_equal(batch.n, 0);
    assert_null(batch.records);
    assert_false(batch.last);

    msync_batch_clear(&batch);
    msync_batch_add(&batch);
    msync_batch_clear(&batch);
}


static void
test_a_batch_is_sorted_and_equal_cursors_stay_as_they_came(void **state)
{
    size_t          i;
    msync_batch_t   batch = { 0 };

    static const struct {
        int64_t      cursor;
        const char  *id;
    } came[] = { { 5, "c" }, { 3, "a" }, { 5, "d" }, { 4, "b" }, { 9, "e" } };

    (void) state;

    for (i = 0; i < 5; i++) {
        msync_record_t  *record = msync_batch_add(&batch);

        record->cursor = came[i].cursor;
        record->id = msync_strdup(came[i].id);
    }

    msync_batch_sort(&batch);

    for (i = 0; i < 5; i++) {
        assert_int_equal(batch.records[i].id[0], 'a' + i);
    }

    msync_batch_clear(&batch);
    msync_batch_sort(&batch);
}


static void
test_a_record_that_is_added_is_empty(void **state)
{
    msync_batch_t    batch = { 0 };
    msync_record_t  *record;

    (void) state;
    msync_batch_add(&batch);
    record = msync_batch_add(&batch);
    record->action = MSYNC_ACTION_DELETE;
    record->cursor = 7;
    record->data = msync_strdup("{}");
    record->data_length = 2;
    msync_batch_drop(&batch);

    record = msync_batch_add(&batch);
    assert_int_equal(batch.n, 2);
    assert_int_equal(record->action, MSYNC_ACTION_UPSERT);
    assert_int_equal(record->cursor, 0);
    assert_null(record->data);
    assert_int_equal(record->data_length, 0);
    msync_batch_clear(&batch);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_a_batch_grows_and_keeps_its_records),
        cmocka_unit_test(
            test_a_batch_is_sorted_and_equal_cursors_stay_as_they_came),
        cmocka_unit_test(test_a_record_that_is_added_is_empty),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
