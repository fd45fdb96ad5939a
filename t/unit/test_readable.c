/*
 * Whatever an application writes into whatever field of whatever table that
 * is pushed: what goes out is what a strict reader takes, or nothing does.
 */

#include "site.h"

#include <limits.h>
#include <math.h>
#include <regex.h>

#include <cjson/cJSON.h>

#include "base/json.h"


static const int64_t  integers[] = {
    0, 1, -1, 2, 7, 42, 1985, 86399, 86400, 2460000, 20260501, 20261399,
    1209600000, 1777622400, -631152000, 1777622400000, -631152000000,
    1777622400000000, INT32_MAX, INT32_MIN, (int64_t) INT32_MAX + 1,
    9007199254740993, INT64_MAX, INT64_MIN
};

static const double  reals[] = {
    0.0, -0.0, 0.5, 1.0, -1.5, 7.0, 28800.5, 2461161.833, 1777622400.25, 1e15,
    1e18, 1e300, -1e300, 5e-324
};

static const char *const  texts[] = {
    "", " ", "x", "0", "1", "-1", "1.50", "1,5", ".5", "+2", "007", "1e400",
    "0x10", "NaN", "t", "False", "yes", "2026-05-01", "2026-05-01 08:00:00",
    "2026-05-01T08:00:00.000Z", "2026-05-01 08:00:00.123456+02:00",
    "2026-05-01 08:00:00.5 +0200 CEST m=+0.01", "2026-5-1", "2026/05/01",
    "01/05/2026", "2026-02-30", "0000-00-00", "0000-00-00 00:00:00",
    "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00",
    "2026-05-01T24:00:00", "2026-05-01T08:00:60", "2026-05-01T",
    "+20260-01-31", "+20260-01-31T08:00:00", "0000-01-01", "10000-01-01",
    "-0001-12-31", "+999999-01-01", "2016-12-31T23:59:60.5",
    "2026-05-01T08:00:00+99:00", "2026-05-01 08:00 PM", "08:00", "8:5",
    "08:00:00", "25:00", "1777622400000", "20260501", "draft", "NEW", "new",
    "Patient", "FUNCTIONING", "null", "true", "[]", "{}", "[1]",
    "[\"a\", \"b\"]", "[\"a\"] x", "\"\"", "{",
    "{\"status\":\"sent\",\"sent_datetime\":1777622400000}",
    "{\"status\":\"nonsense\"}", "{\"status\":null,\"created_datetime\":null}",
    "{\"manufacture_date\":\"2026-05-01 00:00:00\",\"campaign_id\":\"\"}",
    "{\"manufacture_date\":[]}", "{\"gender\":\"female\"}",
    "{\"charges_local_currency\":\"1.5\",\"price_per_unit\":null}",
    "{\"charges_local_currency\":null}", "{\"expiry_date\":20260501}",
    "\xc3\xa9\"\\\n", "\xff", "\xed\xa0\x80"
};


static bool
matches(const cJSON *value, const char *pattern)
{
    int      rc;
    regex_t  regex;

    if (!cJSON_IsString(value)) {
        return false;
    }

    assert_int_equal(regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB), 0);
    rc = regexec(&regex, value->valuestring, 0, NULL, 0);
    regfree(&regex);

    return rc == 0;
}


#define DATE  "^([0-9]{4}|[+-](0[0-9]{4}|[0-9]{4,5}|1[0-9]{5}|"              \
              "2[0-5][0-9]{4}))-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
#define TIME  "([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
#define LEAP  "([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)"

static bool
is_word(const msync_field_t *field, const cJSON *value)
{
    size_t  i;

    if (!cJSON_IsString(value)) {
        return false;
    }

    for (i = 0; field->words[i] != NULL; i++) {
        if (strcmp(field->words[i], value->valuestring) == 0) {
            return true;
        }
    }

    return (field->encoding & MSYNC_ENC_ANY_WORD) != 0;
}


static bool
reads(const msync_field_t *field, const cJSON *value, bool narrow);


/* members that are known; what is not there is what central takes for it */

static bool
reads_members(const msync_field_t *field, const cJSON *value)
{
    size_t        i;
    const cJSON  *member;

    if (!cJSON_IsObject(value)) {
        return false;
    }

    for (i = 0; i < field->nproperties; i++) {
        member = cJSON_GetObjectItemCaseSensitive(value,
                                                  field->properties[i].name);
        if (member != NULL && !reads(&field->properties[i], member, false)) {
            return false;
        }
    }

    return true;
}


static bool
reads_text(const msync_field_t *field, const cJSON *value)
{
    bool          strings;
    cJSON        *json;
    const cJSON  *item;

    if (!cJSON_IsString(value)
        || ((field->encoding & MSYNC_ENC_FILLED_IN)
            && value->valuestring[0] == '\0'))
    {
        return false;
    }

    if (!(field->encoding & MSYNC_ENC_ARRAY_TEXT)) {
        return true;
    }

    json = cJSON_Parse(value->valuestring);
    strings = cJSON_IsArray(json);

    cJSON_ArrayForEach(item, json) {
        strings = strings && cJSON_IsString(item);
    }

    cJSON_Delete(json);

    return strings;
}


static bool
reads(const msync_field_t *field, const cJSON *value, bool narrow)
{
    double  number;

    if (cJSON_IsNull(value)) {
        return field->nullable
               ? !(field->encoding & MSYNC_ENC_ZERO_IS_NULL)
               : field->type == MSYNC_TYPE_OBJECT && field->properties == NULL;
    }

    switch (field->type) {

    case MSYNC_TYPE_BOOLEAN:
        return cJSON_IsBool(value);

    case MSYNC_TYPE_NUMBER:
        return cJSON_IsNumber(value) && isfinite(cJSON_GetNumberValue(value));

    case MSYNC_TYPE_INTEGER:
        number = cJSON_GetNumberValue(value);
        return cJSON_IsNumber(value)
               && (fabs(number) > 1e15 || number == (double) (int64_t) number)
               && (!(narrow || (field->encoding & MSYNC_ENC_32_BITS))
                   || (number >= INT32_MIN && number <= INT32_MAX));

    case MSYNC_TYPE_DATE:
        return matches(value, field->encoding & MSYNC_ENC_PUSH_MIDNIGHT
                              ? DATE "T00:00:00$" : DATE "$");

    case MSYNC_TYPE_DATETIME:
        return matches(value, DATE "T" LEAP "(\\.[0-9]{1,9})?$");

    case MSYNC_TYPE_TIME:
        return matches(value, "^" TIME "$");

    case MSYNC_TYPE_OBJECT:
        return field->encoding & MSYNC_ENC_PUSH_AS_STRING
               ? cJSON_IsString(value)
               : field->properties == NULL || reads_members(field, value);

    default:
        return field->words != NULL ? is_word(field, value)
                                    : reads_text(field, value);
    }
}


/* whether this value of the field goes out; it is readable then */

static bool
goes_out(const msync_table_t *table, size_t at, const msync_value_t *value,
    const char *what)
{
    char         *text;
    cJSON        *json;
    size_t        length;
    msync_row_t   row;
    msync_err_t   err;
    const cJSON  *sent;

    msync_row_init(&row, table);
    row.values[at] = *value;
    text = msync_row_encode(&row, &length, &err);
    msync_row_clear(&row);

    if (text == NULL) {
        assert_non_null(strstr(err.text, "cannot be sent"));
        return false;
    }

    json = cJSON_Parse(text);

    if (json == NULL) {
        fail_msg("%s.%s = %s: no JSON: %s", table->name,
                 table->fields[at].name, what, text);
    }

    sent = cJSON_GetObjectItemCaseSensitive(json, table->fields[at].name);

    if (sent != NULL && !reads(&table->fields[at], sent,
                               table->push & MSYNC_OMSUPPLY))
    {
        fail_msg("%s.%s = %s goes out unreadable: %s", table->name,
                 table->fields[at].name, what, text);
    }

    cJSON_Delete(json);
    free(text);

    return true;
}


static size_t
write_all(const msync_table_t *table, size_t at)
{
    char           what[32];
    size_t         i, n = 0;
    msync_value_t  value = { 0 };

    n += goes_out(table, at, &value, "NULL");

    for (i = 0; i < sizeof(integers) / sizeof(*integers); i++) {
        value.kind = MSYNC_VALUE_INTEGER;
        value.integer = integers[i];
        snprintf(what, sizeof(what), "%lld", (long long) integers[i]);
        n += goes_out(table, at, &value, what);
    }

    for (i = 0; i < sizeof(reals) / sizeof(*reals); i++) {
        value.kind = MSYNC_VALUE_REAL;
        value.real = reals[i];
        snprintf(what, sizeof(what), "%g", reals[i]);
        n += goes_out(table, at, &value, what);
    }

    value.real = INFINITY;
    n += goes_out(table, at, &value, "infinity");

    for (i = 0; i < 2 * (sizeof(texts) / sizeof(*texts)); i++) {
        value.kind = i % 2 ? MSYNC_VALUE_BLOB : MSYNC_VALUE_TEXT;
        value.text = texts[i / 2];
        value.length = strlen(value.text);
        n += goes_out(table, at, &value, texts[i / 2]);
    }

    return n;
}


/* the built-in catalogue, for rows that have one value and no other */

static msync_catalogue_t *
without_required(void)
{
    size_t              i, j;
    msync_err_t         err;
    msync_catalogue_t  *catalogue = msync_catalogue_builtin(&err);

    assert_non_null(catalogue);

    for (i = 0; i < catalogue->n; i++) {
        for (j = 0; j < catalogue->tables[i].n; j++) {
            catalogue->tables[i].fields[j].required = false;
        }
    }

    return catalogue;
}


static void
nothing_goes_out_that_central_cannot_read(void **state)
{
    size_t                i, j, n = 0;
    msync_catalogue_t    *catalogue = without_required();
    const msync_table_t  *table;

    (void) state;

    for (i = 0; i < catalogue->n; i++) {
        table = &catalogue->tables[i];

        for (j = 0; table->push != 0 && j < table->n; j++) {
            if (!table->fields[j].local_only) {
                n += write_all(table, j);
            }
        }
    }

    msync_catalogue_free(&catalogue);

    /* of some fifty thousand */
    assert_true(n > 10000);
}


/* whether "message.body" goes out with that JSON */

static bool
body_goes_out(const msync_catalogue_t *catalogue, const char *json)
{
    msync_value_t         value = { 0 };
    const msync_table_t  *table;

    table = msync_catalogue_find(catalogue, "message");
    value.kind = MSYNC_VALUE_TEXT;
    value.text = json;
    value.length = strlen(json);

    return goes_out(table, (size_t) (msync_table_field(table, "body")
                                     - table->fields), &value, json);
}


static void
json_that_some_readers_refuse_stays_here(void **state)
{
    char                nested[2 * MSYNC_JSON_DEPTH_MAX + 1];
    size_t              i;
    msync_catalogue_t  *catalogue = without_required();

    static const char *const  taken[] = {
        "1e308", "[-1.5E-400,0]", "{\"a\":123456789012345678901234567890}",
        "{\"b\":1,\"a\":{\"\":\"\"},\"b\":null}", "\"\\ud83d\\ude00\"",
        "\"\\ufffd \\u0000 \\\\ud800 1e400 [[\"", "\"\xf0\x9f\x98\x80\""
    };
    static const char *const  refused[] = {
        "1e400", "{\"a\":[0,-1E+309]}", "\"\\ud800\"", "{\"\\uDC00\":1}",
        "[\"\\ud83d \\ude00\"]", "\"\\ude00\\ud83d\""
    };

    (void) state;

    for (i = 0; i < sizeof(taken) / sizeof(*taken); i++) {
        assert_true(body_goes_out(catalogue, taken[i]));
    }

    for (i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
        assert_false(body_goes_out(catalogue, refused[i]));
    }

    for (i = 1; i <= MSYNC_JSON_DEPTH_MAX; i++) {
        memset(nested, '[', i);
        memset(nested + i, ']', i);
        nested[2 * i] = '\0';
        assert_int_equal(body_goes_out(catalogue, nested), i <= 100);
    }

    msync_catalogue_free(&catalogue);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(nothing_goes_out_that_central_cannot_read),
        cmocka_unit_test(json_that_some_readers_refuse_stays_here)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
