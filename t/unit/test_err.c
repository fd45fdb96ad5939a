/*
 * Errors and log lines: every variant has its words, and nothing that a
 * remote sends can break a line or the encoding.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/log.h"


static char  last_line[MSYNC_LOG_LINE_MAX];
static int   last_level;


static void
sink(void *data, int level, const char *line)
{
    (void) data;
    last_level = level;
    strcpy(last_line, line);
}


static int
setup(void **state)
{
    (void) state;
    msync_log_set_sink(sink, NULL);
    msync_log_set_level(MSYNC_LOG_NOTICE);
    last_line[0] = '\0';

    return 0;
}


static void
test_every_variant_has_words(void **state)
{
    int          i;
    const char  *name, *advice;

    (void) state;

    for (i = MSYNC_ERR_NONE + 1; i < MSYNC_ERR_MAX; i++) {
        name = msync_err_variant((msync_variant_e) i);
        advice = msync_err_advice((msync_variant_e) i);

        assert_non_null(name);
        assert_int_equal(strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789"),
                         strlen(name));
        assert_true(strlen(name) > 3 && strlen(name) < 48);
        assert_int_equal(msync_err_by_name(name), i);
        assert_true(strlen(advice) > 20);
        assert_int_equal(advice[strlen(advice) - 1], '.');
    }

    assert_string_equal(msync_err_variant(MSYNC_ERR_NONE), "");
    assert_string_equal(msync_err_variant(MSYNC_ERR_MAX), "UNKNOWN");
    assert_int_equal(msync_err_by_name("NO_SUCH"), MSYNC_ERR_UNKNOWN);
}


static void
test_set_and_context(void **state)
{
    msync_err_t  err;

    (void) state;
    memset(&err, 0xff, sizeof(err));

    assert_int_equal(msync_err_set(&err, MSYNC_ERR_TIMEOUT, "slow %d", 7),
                     MSYNC_ERROR);
    assert_int_equal(err.variant, MSYNC_ERR_TIMEOUT);
    assert_int_equal(err.scope, MSYNC_SCOPE_STEP);
    assert_int_equal(err.remedy, MSYNC_REMEDY_WAIT);
    assert_int_equal(err.http_status, 0);
    assert_string_equal(err.text, "slow 7");

    assert_int_equal(msync_err_context(&err, "Push"), MSYNC_ERROR);
    assert_string_equal(err.text, "Push: slow 7");

    msync_err_set(&err, MSYNC_ERR_UNKNOWN, "again: %s", err.text);
    assert_string_equal(err.text, "again: Push: slow 7");
}


static void
test_control_characters_and_garbage(void **state)
{
    msync_err_t  err;

    (void) state;

    msync_err_set(&err, MSYNC_ERR_UNKNOWN, "%s",
                  "a\nb\tc\x7f" "d\x1b[31m\xc2\x9b" "e\xff" "f\xc3\xa9");
    assert_string_equal(err.text, "a?b?c?d?[31m?e?f\xc3\xa9");

    /* too long, a surrogate, beyond Unicode */
    msync_err_set(&err, MSYNC_ERR_UNKNOWN, "%s",
                  "\xc0\x80|\xed\xa0\x80|\xf4\x90\x80\x80|");
    assert_string_equal(err.text, "\?\?|\?\?\?|\?\?\?\?|");
}


static void
test_long_text_ends_with_a_whole_character(void **state)
{
    size_t        i;
    char          text[2048], what[1200];
    msync_err_t   err;

    (void) state;

    for (i = 0; i < 4; i++) {
        memset(text, 'x', i);
        text[i] = '\0';

        while (strlen(text) < 1500) {
            strcat(text, "\xf0\x9f\x98\x80");
        }

        msync_err_set(&err, MSYNC_ERR_UNKNOWN, "%s", text);
        assert_true(strlen(err.text) > MSYNC_ERR_TEXT_MAX - 5);
        assert_int_equal((strlen(err.text) - i) % 4, 0);

        msync_err_context(&err, "where");
        assert_int_equal((strlen(err.text) - i - 7) % 4, 0);
        assert_null(strchr(err.text, '?'));
    }

    memset(what, 'w', sizeof(what) - 1);
    what[sizeof(what) - 1] = '\0';
    msync_err_context(&err, what);
    assert_true(strlen(err.text) < MSYNC_ERR_TEXT_MAX);
}


static void
test_full_text(void **state)
{
    char         buf[2048], tiny[6];
    msync_err_t  err;

    (void) state;

    msync_err_set(&err, MSYNC_ERR_CANCELLED, "Stopped");
    msync_err_full(&err, buf, sizeof(buf));
    assert_string_equal(buf, "Stopped. Nothing is lost; start it again when "
                        "you like.");

    msync_err_set(&err, MSYNC_ERR_CANCELLED, "Really?");
    msync_err_full(&err, buf, sizeof(buf));
    assert_memory_equal(buf, "Really? Nothing", 15);

    msync_err_set(&err, MSYNC_ERR_CANCELLED, "abcd\xc3\xa9");
    assert_string_equal(msync_err_full(&err, tiny, sizeof(tiny)), "abcd");

    msync_err_clear(&err);
    assert_string_equal(msync_err_full(&err, buf, sizeof(buf)), "");
}


static void
test_refusal_speaks_of_no_run(void **state)
{
    int          i;
    char         buf[2048];
    msync_err_t  err;

    (void) state;

    for (i = MSYNC_ERR_NONE + 1; i < MSYNC_ERR_MAX; i++) {
        msync_err_set(&err, (msync_variant_e) i, "It");
        assert_null(strchr(msync_err_full(&err, buf, sizeof(buf)), '|'));
        msync_err_refusal(&err, "", buf, sizeof(buf));
        assert_null(strchr(buf, '|'));

        if (i != MSYNC_ERR_HELPER_STOPPED) {
            assert_null(strstr(buf, "by itself"));
        }
    }

    /* what there is to do is said all the same */
    msync_err_set(&err, MSYNC_ERR_TOKEN_ALREADY_ALLOCATED, "No");
    msync_err_refusal(&err, "Nothing was saved.", buf, sizeof(buf));
    assert_non_null(strstr(buf, "has to clear the site's token there "));
    assert_string_equal(strrchr(buf, '('), "(clearSiteToken of its GraphQL "
                        "interface does it). Nothing was saved.");

    msync_err_set(&err, MSYNC_ERR_REQUEST_SITE_AUTH_ERROR, "No");
    assert_non_null(strstr(msync_err_refusal(&err, "", buf, sizeof(buf)),
                           "it. If it lasts, show this text"));

    err.advice = "|It is tried again by itself.";
    assert_string_equal(msync_err_refusal(&err, "", buf, sizeof(buf)), "No");
    assert_string_equal(msync_err_refusal(&err, "Nothing.", buf, sizeof(buf)),
                        "No. Nothing.");
    assert_string_equal(msync_err_full(&err, buf, sizeof(buf)),
                        "No. It is tried again by itself.");
}


static void
test_log(void **state)
{
    msync_err_t  err;

    (void) state;

    msync_log(MSYNC_LOG_WARN, "one\ntwo %s", "three");
    assert_string_equal(last_line, "one?two three");
    assert_int_equal(last_level, MSYNC_LOG_WARN);

    msync_log(MSYNC_LOG_INFO, "not wanted");
    assert_string_equal(last_line, "one?two three");

    msync_err_set(&err, MSYNC_ERR_INCORRECT_PASSWORD, "No");
    msync_log_err(&err, "GET site");
    assert_int_equal(last_level, MSYNC_LOG_ERR);
    assert_string_equal(last_line, "GET site: No (INCORRECT_PASSWORD)");

    msync_err_set(&err, MSYNC_ERR_TIMEOUT, "Slow");
    msync_log_err(&err, "push");
    assert_int_equal(last_level, MSYNC_LOG_WARN);

    msync_err_set(&err, MSYNC_ERR_CANCELLED, "Stopped");
    msync_log_err(&err, "push");
    assert_int_equal(last_level, MSYNC_LOG_NOTICE);
}


static void
test_memory(void **state)
{
    char  *p;

    (void) state;

    p = msync_strndup("abcdef", 3);
    assert_string_equal(p, "abc");
    msync_free(&p);
    assert_null(p);
    msync_free(&p);

    p = msync_calloc(0, 0);
    assert_non_null(p);
    msync_free(&p);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test_setup(test_every_variant_has_words, setup),
        cmocka_unit_test_setup(test_set_and_context, setup),
        cmocka_unit_test_setup(test_control_characters_and_garbage, setup),
        cmocka_unit_test_setup(test_long_text_ends_with_a_whole_character,
                               setup),
        cmocka_unit_test_setup(test_full_text, setup),
        cmocka_unit_test_setup(test_refusal_speaks_of_no_run, setup),
        cmocka_unit_test_setup(test_log, setup),
        cmocka_unit_test_setup(test_memory, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
