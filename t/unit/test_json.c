/*
 * The JSON reader and writer: what is well-formed, what a slice holds, and
 * that no end of the text is ever passed.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/json.h"


/* reads a copy without a NUL, so that a sanitizer sees each step too far */

static bool
valid_n(const char *text, size_t length)
{
    bool          ok;
    char         *copy;
    msync_json_t  json;

    copy = malloc(length ? length : 1);
    memcpy(copy, text, length);
    msync_json_init(&json, copy, length);
    ok = msync_json_skip(&json, NULL) && msync_json_end(&json);
    assert_int_equal(ok, json.error == NULL);
    free(copy);

    return ok;
}


static bool
valid(const char *text)
{
    return valid_n(text, strlen(text));
}


static msync_json_slice_t
slice(const char *text)
{
    msync_json_t        json;
    msync_json_slice_t  value;

    msync_json_init(&json, text, strlen(text));
    assert_true(msync_json_skip(&json, &value));

    return value;
}


static void
test_well_formed(void **state)
{
    size_t              i;
    static const char  *texts[] = {
        "{}", "[]", " [ ] ", "null", "true", "false", "0", "-0", "-1.5e+10",
        "1E5", "\"\"", "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00fF\"", "[1,2,[3]]",
        "{\"a\":{\"b\":[{},[],\"]}\"]},\"c\":1}", "\xef\xbb\xbf{}",
        "[[],{},[[]],1]", "{\"\":0}", "\"\x7f\xc3\xa9\"",
        "12345678901234567890123456789.0000000000000000000001"
    };

    (void) state;

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (!valid(texts[i])) {
            fail_msg("refused: %s", texts[i]);
        }
    }
}


static void
test_not_well_formed(void **state)
{
    size_t              i;
    static const char  *texts[] = {
        "", " ", "{", "[", "]", "}", "{]", "[}", "[1,]", "{\"a\":1,}",
        "[,1]", "{,}", "[1 2]", "{\"a\" 1}", "{\"a\":}", "{a:1}", "{1:1}",
        "{\"a\"}", "01", "+1", "1.", ".5", "-", "1e", "1e+", "--1", "nul",
        "tru", "falsy", "NaN", "\"", "\"\\\"", "\"\\x\"", "\"\\u12\"",
        "\"\\u12g4\"", "\"a\nb\"", "'a'", "[1]]", "1 2", "/**/1", "[1,,2]",
        "\"\\", "\"\\u", "{\"a\":1,\"b\"", "[true,", "\x01", "{\"a\":1 \"b\":2}"
    };

    (void) state;

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (valid(texts[i])) {
            fail_msg("accepted: %s", texts[i]);
        }
    }

    assert_false(valid_n("\"a\0b\"", 5));
    assert_false(valid_n("\"\\\0\"", 4));
    assert_false(valid_n("\"\\u00\0" "0\"", 8));
}


/* each beginning of a text is refused, and is read within its bounds */

static void
test_every_truncation(void **state)
{
    size_t             i;
    static const char  text[] = "{\"a\":[1,-2.5e3,\"x\\u00e9\\n\xc3\xa9\","
                                "true,false,null,{\"b\":{}}],\"c\":\"d\"}";

    (void) state;

    for (i = 0; i < sizeof(text) - 1; i++) {
        assert_false(valid_n(text, i));
    }

    assert_true(valid_n(text, sizeof(text) - 1));
}


/* strings are read eight octets at a time: no octet hides among plain ones */

static void
test_every_octet_in_every_place(void **state)
{
    char      text[27];
    bool      expected;
    size_t    at;
    unsigned  c;

    (void) state;

    for (at = 1; at < sizeof(text) - 1; at++) {
        for (c = 0; c < 256; c++) {
            memset(text, 'a', sizeof(text));
            text[0] = text[sizeof(text) - 1] = '"';
            text[at] = (char) c;

            /* an octet that is no UTF-8 is replaced, not refused, and "a"
             * is nothing that can be escaped */
            expected = c >= 0x20 && c != '"' && c != '\\';

            if (valid_n(text, sizeof(text)) != expected) {
                fail_msg("octet %02x at %zu", c, at);
            }
        }
    }
}


static void
test_nesting_is_bounded(void **state)
{
    size_t   i;
    char    *text;

    (void) state;
    text = calloc(1, 4 * MSYNC_JSON_DEPTH_MAX + 8);

    for (i = 0; i < MSYNC_JSON_DEPTH_MAX; i++) {
        text[i] = '[';
        text[2 * MSYNC_JSON_DEPTH_MAX - 1 - i] = ']';
    }

    assert_true(valid(text));

    memset(text, '[', MSYNC_JSON_DEPTH_MAX + 1);
    memset(text + MSYNC_JSON_DEPTH_MAX + 1, ']', MSYNC_JSON_DEPTH_MAX + 1);
    assert_false(valid(text));
    free(text);

    text = malloc(1000000);
    memset(text, '{', 1000000);
    assert_false(valid_n(text, 1000000));
    memset(text, '[', 1000000);
    assert_false(valid_n(text, 1000000));
    free(text);
}


static void
test_walk(void **state)
{
    int                  n = 0;
    char                 key[MSYNC_JSON_KEY_MAX];
    msync_json_t         json;
    msync_json_slice_t   value;
    static const char    text[] =
        " { \"n\" : 9007199254740993 , \"\\u0061\" : [ {\"x\":1.50} , [ ] , "
        "7 ] , \"0123456789012345678901234567890123456789012345678901234567890"
        "12345678901234567890123456789\" : null } ";

    (void) state;
    msync_json_init(&json, text, strlen(text));
    assert_true(msync_json_enter(&json, MSYNC_JSON_OBJECT));

    assert_true(msync_json_member(&json, key));
    assert_string_equal(key, "n");
    assert_true(msync_json_skip(&json, &value));
    assert_int_equal(value.length, 16);
    assert_memory_equal(value.data, "9007199254740993", 16);

    assert_true(msync_json_member(&json, key));
    assert_string_equal(key, "a");
    assert_true(msync_json_enter(&json, MSYNC_JSON_ARRAY));

    while (msync_json_item(&json)) {
        assert_true(msync_json_skip(&json, &value));
        assert_true(n > 0 || value.length == 10);
        n++;
    }

    assert_int_equal(n, 3);

    assert_true(msync_json_member(&json, key));
    assert_string_equal(key, "");
    assert_int_equal(msync_json_peek(&json), MSYNC_JSON_NULL);
    assert_true(msync_json_skip(&json, NULL));
    assert_false(msync_json_member(&json, key));
    assert_true(msync_json_end(&json));
    assert_null(json.error);
}


static void
test_faults_while_walking(void **state)
{
    size_t              i;
    char                key[MSYNC_JSON_KEY_MAX];
    msync_json_t        json;
    static const char  *texts[] = {
        "{\"a\":1,}", "{\"a\":1 \"b\":2}", "{,\"a\":1}", "{\"a\":1",
        "{\"a\":1]", "{\"a\" 1}", "{\"a\":[1,]}", "[]", "", "{\"a\":1}x"
    };

    (void) state;

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        msync_json_init(&json, texts[i], strlen(texts[i]));

        if (msync_json_enter(&json, MSYNC_JSON_OBJECT)) {
            while (msync_json_member(&json, key)
                   && msync_json_skip(&json, NULL))
            {
                /* void */
            }
        }

        if (msync_json_end(&json) || json.error == NULL) {
            fail_msg("accepted: %s", texts[i]);
        }

        assert_false(msync_json_member(&json, key));
        assert_false(msync_json_item(&json));
        assert_false(msync_json_skip(&json, NULL));
        assert_true(msync_json_offset(&json) <= strlen(texts[i]));
    }
}


static void
check_text(const char *json, size_t max, const char *want)
{
    char                *text;
    msync_json_slice_t   value;

    value = slice(json);
    text = msync_json_text(&value, max);

    if (want == NULL) {
        assert_null(text);
    } else {
        assert_non_null(text);
        assert_string_equal(text, want);
    }

    free(text);
}


static void
test_text_values(void **state)
{
    (void) state;

    check_text("\"\"", 0, "");
    check_text("\"abc\"", 3, "abc");
    check_text("\"abcd\"", 3, NULL);
    check_text("\"\\u0061\\u0062\\u0063\"", 3, "abc");
    check_text("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", 9, "\"\\/\b\f\n\r\t");
    check_text("\"\\u00e9\\u20ac\\ud83d\\ude00\"", 99,
               "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
    check_text("\"\\ud83d\"", 99, "\xef\xbf\xbd");
    check_text("\"\\ud83dx\"", 99, "\xef\xbf\xbdx");
    check_text("\"\\ude00\\ud83d\"", 99, "\xef\xbf\xbd\xef\xbf\xbd");
    check_text("\"\\ud83d\\ud83d\\ude00\"", 99,
               "\xef\xbf\xbd\xf0\x9f\x98\x80");
    check_text("\"a\xff" "b\"", 99, "a\xef\xbf\xbd" "b");
    check_text("\"a\\u0000b\"", 99, NULL);
    check_text("7", 99, NULL);
    check_text("null", 99, NULL);
}


static void
test_integers(void **state)
{
    size_t               i;
    int64_t              n;
    msync_json_slice_t   value;

    static const struct {
        const char  *json;
        bool         ok;
        int64_t      n;
    } cases[] = {
        { "0", true, 0 },
        { "-0", true, 0 },
        { "9223372036854775807", true, INT64_MAX },
        { "9223372036854775808", false, 0 },
        { "-9223372036854775808", true, INT64_MIN },
        { "-9223372036854775809", false, 0 },
        { "9007199254740993", true, 9007199254740993 },
        { "12.0", true, 12 },
        { "12.5", false, 0 },
        { "1e3", false, 0 },
        { "\"15\"", true, 15 },
        { "\"\"", false, 0 },
        { "\"-\"", false, 0 },
        { "\"1x\"", false, 0 },
        { "\".0\"", false, 0 },
        { "true", false, 0 },
        { "null", false, 0 },
        { "[1]", false, 0 }
    };

    (void) state;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        value = slice(cases[i].json);
        n = 0;

        if (msync_json_integer(&value, &n) != cases[i].ok
            || n != cases[i].n)
        {
            fail_msg("%s", cases[i].json);
        }
    }
}


/* what strtod() makes of it, to the last bit */

static void
check_real(const char *json)
{
    double               real, expected;
    msync_json_slice_t   value;

    value = slice(json);
    real = msync_json_real(&value);
    expected = strtod(json, NULL);

    if (memcmp(&real, &expected, sizeof(real)) != 0) {
        fail_msg("%s is %.17g", json, real);
    }
}


static void
test_reals(void **state)
{
    int       digits;
    char      text[64];
    size_t    i;
    uint64_t  n = 1;

    static const char  *const cases[] = {
        "0.0", "-0.0", "0.1", "-0.30", "12.5", "1e3", "1.5e-7", "2.5E+300",
        "1e999", "-1e999", "123456789012345.6", "0.123456789012345",
        "9007199254740993", "9007199254740993.0", "0.1234567890123456",
        "1.7976931348623157e308", "4.9e-324", "-7", "1234567.890123456789"
    };

    (void) state;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        check_real(cases[i]);
    }

    /* Knuth's MMIX generator */
    for (i = 0; i < 200000; i++) {
        n = n * 6364136223846793005 + 1442695040888963407;
        digits = (int) (n >> 60);
        snprintf(text, sizeof(text), "%s%llu.%0*llu", i % 3 ? "" : "-",
                 (unsigned long long) (n >> 32) >> digits, 1 + digits / 2,
                 (unsigned long long) (n & 0xffffff) >> digits);
        check_real(text);
    }
}


static void
test_raw(void **state)
{
    char                *raw;
    size_t               length;
    msync_json_slice_t   value;

    (void) state;

    value = slice("{\"n\": 1.10, \"big\":123456789012345678901234567890}");
    assert_false(value.garbled);
    raw = msync_json_raw(&value, &length);
    assert_string_equal(raw, "{\"n\": 1.10, "
                        "\"big\":123456789012345678901234567890}");
    assert_int_equal(length, strlen(raw));
    free(raw);

    value = slice("[\"a\xff\xc3\xa9\xc3\"]");
    assert_true(value.garbled);
    raw = msync_json_raw(&value, &length);
    assert_string_equal(raw, "[\"a\xef\xbf\xbd\xc3\xa9\xef\xbf\xbd\"]");
    assert_int_equal(length, strlen(raw));
    free(raw);
}


static void
test_writer(void **state)
{
    size_t            i;
    msync_json_out_t  out = { 0 };

    (void) state;

    msync_json_put_string(&out, "a\"b\\c\n\x01\xc3\xa9\xff");
    msync_json_put_text(&out, ",");
    msync_json_put_integer(&out, INT64_MIN);
    assert_string_equal(out.data, "\"a\\\"b\\\\c\\u000a\\u0001\xc3\xa9"
                        "\xef\xbf\xbd\",-9223372036854775808");

    for (i = 0; i < 10000; i++) {
        msync_json_put(&out, "0123456789", 10);
    }

    assert_int_equal(out.length, strlen(out.data));
    assert_memory_equal(out.data + out.length - 20, "01234567890123456789",
                        20);
    msync_json_out_free(&out);
    assert_null(out.data);
    msync_json_out_free(&out);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_well_formed),
        cmocka_unit_test(test_not_well_formed),
        cmocka_unit_test(test_every_truncation),
        cmocka_unit_test(test_every_octet_in_every_place),
        cmocka_unit_test(test_nesting_is_bounded),
        cmocka_unit_test(test_walk),
        cmocka_unit_test(test_faults_while_walking),
        cmocka_unit_test(test_text_values),
        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_reals),
        cmocka_unit_test(test_raw),
        cmocka_unit_test(test_writer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
