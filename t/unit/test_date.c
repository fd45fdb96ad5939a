/* Dates of answers and of certificates, whatever size libcurl's times have. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "transfer/transfer_private.h"


static void
a_date_is_read_in_each_form(void **state)
{
    (void) state;

    assert_int_equal(msync_transfer_read_date(" Sun, 06 Nov 1994 08:49:37 GMT"
                                              "\r\n"), 784111777);
    assert_int_equal(msync_transfer_read_date("Sunday, 06-Nov-94 08:49:37 GMT"),
                     784111777);
    assert_int_equal(msync_transfer_read_date("Sun Nov  6 08:49:37 1994"),
                     784111777);
    assert_int_equal(msync_transfer_read_date("Nov  6 08:49:37 1994 GMT"),
                     784111777);
    assert_int_equal(msync_transfer_read_date("1994-11-06 08:49:37 GMT"),
                     784111777);
}


static void
a_date_may_be_beyond_32_bits(void **state)
{
    (void) state;

    assert_int_equal(msync_transfer_read_date("Fri, 01 Jul 2039 12:00:00 GMT"),
                     INT64_C(2193134400));
    assert_int_equal(msync_transfer_read_date("Dec 31 23:59:59 9999 GMT"),
                     INT64_C(253402300799));
}


static void
what_is_none_is_no_moment(void **state)
{
    (void) state;

    assert_int_equal(msync_transfer_read_date(""), 0);
    assert_int_equal(msync_transfer_read_date("yesterday"), 0);
    assert_int_equal(msync_transfer_read_date("Sun, 06 Nov 1994"), 0);
    assert_int_equal(msync_transfer_read_date("Nov  6 08:49:37 1994 GMT+1"),
                     0);
    assert_int_equal(msync_transfer_read_date("Wed, 31 Dec 1969 23:59:59 GMT"),
                     0);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(a_date_is_read_in_each_form),
        cmocka_unit_test(a_date_may_be_beyond_32_bits),
        cmocka_unit_test(what_is_none_is_no_moment),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
