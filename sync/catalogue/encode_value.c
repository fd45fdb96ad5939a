/*
 * One value of a row as JSON.
 *
 * Promises: what an application wrote in another form goes out in the wire's
 * where it is clear what it means; what is not clear is not guessed.
 */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "catalogue/encode_private.h"
#include "catalogue/moment_private.h"

#define ENCODE_EXACT  9007199254740992.0     /* 2^53 */


static encode_e encode_boolean(encode_t *encode, const msync_value_t *value);
static encode_e encode_number(encode_t *encode, const msync_field_t *field,
    const msync_value_t *value);
static encode_e encode_integer(encode_t *encode, const msync_field_t *field,
    int64_t integer);
static encode_e encode_string(encode_t *encode, const msync_field_t *field,
    const msync_value_t *value);
static bool encode_is_array_text(const msync_value_t *value);
static encode_e encode_word(encode_t *encode, const msync_field_t *field,
    const char *word);
static encode_e encode_moment(encode_t *encode, const msync_field_t *field,
    const msync_value_t *value);
static void encode_put_date(encode_t *encode, const msync_field_t *field,
    const char *date);


encode_e
msync_encode_value(encode_t *encode, const msync_field_t *field,
    const msync_value_t *value)
{
    if (value->kind == MSYNC_VALUE_NULL) {
        return ENCODE_NONE;
    }

    /* forms write nothing for what was not filled in; a text may be empty */
    if (value->kind == MSYNC_VALUE_TEXT && value->length == 0
        && !(msync_field_takes_empty(field)
             && !(field->encoding & (MSYNC_ENC_ARRAY_TEXT|MSYNC_ENC_FILLED_IN
                                     |MSYNC_ENC_JSON_TEXT))
             && (field->references == NULL || !field->nullable)))
    {
        return field->nullable || !msync_field_is_counted(field)
               ? ENCODE_NONE : ENCODE_UNCLEAR;
    }

    switch (field->type) {

    case MSYNC_TYPE_BOOLEAN:
        return encode_boolean(encode, value);

    case MSYNC_TYPE_NUMBER:
    case MSYNC_TYPE_INTEGER:
        return encode_number(encode, field, value);

    case MSYNC_TYPE_DATE:
    case MSYNC_TYPE_DATETIME:
    case MSYNC_TYPE_TIME:
        return encode_moment(encode, field, value);

    case MSYNC_TYPE_OBJECT:
        return msync_encode_object(encode, field, value);

    default:
        return encode_string(encode, field, value);
    }
}


static encode_e
encode_boolean(encode_t *encode, const msync_value_t *value)
{
    int  set = msync_encode_flag(value);

    if (set < 0) {
        return ENCODE_UNCLEAR;
    }

    msync_json_put_text(&encode->out, set ? "true" : "false");
    return ENCODE_DONE;
}


int
msync_encode_flag(const msync_value_t *value)
{
    int     set = -1;
    size_t  i;

    static const char *const  words[] = {
        "0", "1", "false", "true", "f", "t", "no", "yes", "n", "y", "off",
        "on", NULL
    };

    if (value->kind == MSYNC_VALUE_INTEGER) {
        set = value->integer != 0;

    } else if (value->kind == MSYNC_VALUE_REAL) {
        set = value->real == 0 ? 0 : value->real == 1 ? 1 : -1;

    } else if (value->kind == MSYNC_VALUE_TEXT) {
        for (i = 0; words[i] != NULL; i++) {
            if (strcasecmp(words[i], value->text) == 0) {
                set = (int) (i % 2);
            }
        }
    }

    return set;
}


static encode_e
encode_number(encode_t *encode, const msync_field_t *field,
    const msync_value_t *value)
{
    char                text[MSYNC_ENCODE_NUMBER_MAX];
    double              number;
    int64_t             integer;
    msync_json_t        json;
    msync_json_slice_t  slice;

    if (value->kind == MSYNC_VALUE_INTEGER) {
        return field->type == MSYNC_TYPE_INTEGER
               ? encode_integer(encode, field, value->integer)
               : (msync_json_put_integer(&encode->out, value->integer),
                  ENCODE_DONE);
    }

    if (!msync_encode_read_real(value, &number)) {
        return ENCODE_UNCLEAR;
    }

    if (field->type == MSYNC_TYPE_INTEGER) {
        if (number < -ENCODE_EXACT || number > ENCODE_EXACT) {
            return ENCODE_UNCLEAR;
        }

        integer = (int64_t) number;

        return number == (double) integer
               ? encode_integer(encode, field, integer) : ENCODE_UNCLEAR;
    }

    /* a decimal that is a text already has all its digits */
    if (value->kind == MSYNC_VALUE_TEXT) {
        msync_json_init(&json, value->text, value->length);

        if (msync_json_skip(&json, &slice) && msync_json_end(&json)) {
            msync_json_put_slice(&encode->out, &slice);
            return ENCODE_DONE;
        }
    }

    msync_json_put(&encode->out, text, msync_encode_real(number, text));
    return ENCODE_DONE;
}


static encode_e
encode_integer(encode_t *encode, const msync_field_t *field, int64_t integer)
{
    if ((encode->narrow || (field->encoding & MSYNC_ENC_32_BITS))
        && (integer < INT32_MIN || integer > INT32_MAX))
    {
        return ENCODE_UNCLEAR;
    }

    msync_json_put_integer(&encode->out, integer);
    return ENCODE_DONE;
}


static encode_e
encode_string(encode_t *encode, const msync_field_t *field,
    const msync_value_t *value)
{
    char  text[MSYNC_ENCODE_NUMBER_MAX];

    if (field->encoding & MSYNC_ENC_JSON_TEXT) {
        return msync_encode_object(encode, field, value);
    }

    if ((field->encoding & MSYNC_ENC_ARRAY_TEXT)
        && !encode_is_array_text(value))
    {
        return ENCODE_UNCLEAR;
    }

    if (value->kind == MSYNC_VALUE_TEXT) {
        if (field->words != NULL) {
            return encode_word(encode, field, value->text);
        }

        msync_json_put_string(&encode->out, value->text);
        return ENCODE_DONE;
    }

    if (field->words != NULL) {
        return ENCODE_UNCLEAR;
    }

    if (value->kind == MSYNC_VALUE_INTEGER) {
        (void) snprintf(text, sizeof(text), "%lld",
                        (long long) value->integer);

    } else if (msync_encode_real(value->real, text) > 0
               && strpbrk(text, ".e") == NULL)
    {
        strcat(text, ".0");
    }

    msync_json_put_string(&encode->out, text);
    return ENCODE_DONE;
}


static bool
encode_is_array_text(const msync_value_t *value)
{
    msync_json_t        json;
    msync_json_slice_t  slice;

    if (value->kind != MSYNC_VALUE_TEXT) {
        return false;
    }

    msync_json_init(&json, value->text, value->length);

    if (!msync_json_enter(&json, MSYNC_JSON_ARRAY)) {
        return false;
    }

    while (msync_json_item(&json)) {
        if (!msync_json_skip(&json, &slice)
            || slice.type != MSYNC_JSON_STRING)
        {
            return false;
        }
    }

    return msync_json_end(&json);
}


/* puts a word as central spells it */

static encode_e
encode_word(encode_t *encode, const msync_field_t *field, const char *word)
{
    word = msync_field_word(field, word);

    if (word == NULL) {
        return ENCODE_UNCLEAR;
    }

    msync_json_put_string(&encode->out, word);
    return ENCODE_DONE;
}


static encode_e
encode_moment(encode_t *encode, const msync_field_t *field,
    const msync_value_t *value)
{
    char            text[MSYNC_MOMENT_MAX];
    size_t          length;
    msync_moment_t  moment;

    if (value->kind == MSYNC_VALUE_TEXT
        && field->type != MSYNC_TYPE_TIME
        && msync_moment_is_unset(value->text, value->length))
    {
        return ENCODE_NONE;
    }

    /* a fraction that came goes back as it came, and so does any year */
    if (field->type == MSYNC_TYPE_DATETIME && value->kind == MSYNC_VALUE_TEXT
        && msync_moment_is_datetime(value->text, value->length))
    {
        msync_json_put_string(&encode->out, value->text);
        return ENCODE_DONE;
    }

    if (field->type == MSYNC_TYPE_DATE && value->kind == MSYNC_VALUE_TEXT
        && msync_moment_is_date(value->text, value->length))
    {
        encode_put_date(encode, field, value->text);
        return ENCODE_DONE;
    }

    if (!msync_encode_read_moment(&moment, value,
                                  field->type == MSYNC_TYPE_DATE
                                  ? MSYNC_MOMENT_DATE
                                  : field->type == MSYNC_TYPE_TIME
                                  ? MSYNC_MOMENT_TIME
                                  : MSYNC_MOMENT_DATETIME))
    {
        return ENCODE_UNCLEAR;
    }

    if (field->type == MSYNC_TYPE_DATE) {
        (void) msync_moment_put_date(&moment, text);
        encode_put_date(encode, field, text);
        return ENCODE_DONE;
    }

    length = field->type == MSYNC_TYPE_TIME
             ? msync_moment_put_time(&moment, text)
             : msync_moment_put_datetime(&moment, text);

    if (length == 0) {
        return ENCODE_UNCLEAR;
    }

    msync_json_put_string(&encode->out, text);
    return ENCODE_DONE;
}


static void
encode_put_date(encode_t *encode, const msync_field_t *field,
    const char *date)
{
    char  text[MSYNC_MOMENT_MAX + sizeof("T00:00:00")];

    (void) snprintf(text, sizeof(text), "%s%s", date,
                    field->encoding & MSYNC_ENC_PUSH_MIDNIGHT ? "T00:00:00"
                                                              : "");
    msync_json_put_string(&encode->out, text);
}


/* where the column has the affinity of a text, a number became one */

bool
msync_encode_read_moment(msync_moment_t *moment, const msync_value_t *value,
    msync_moment_e wanted)
{
    bool    read;
    double  number = 0;

    if (value->kind == MSYNC_VALUE_TEXT
        && (!msync_encode_read_real(value, &number)
            || (value->text[0] == '0' && value->length > 1
                && value->text[1] != '.')))
    {
        read = msync_moment_read(moment, value->text, value->length);

    } else {
        if (value->kind == MSYNC_VALUE_INTEGER) {
            number = (double) value->integer;

        } else if (value->kind == MSYNC_VALUE_REAL) {
            number = value->real;
        }

        read = msync_moment_read_number(moment, number, wanted);
    }

    /* a time of another zone is another one on each day */
    return read && (wanted == MSYNC_MOMENT_TIME
                    ? moment->has_time && moment->offset == 0
                    : moment->has_date)
           && (wanted != MSYNC_MOMENT_DATE
               || !msync_moment_may_be_next_day(moment));
}


bool
msync_encode_read_real(const msync_value_t *value, double *number)
{
    char  *end;

    if (value->kind == MSYNC_VALUE_REAL) {
        *number = value->real;
        return true;
    }

    /* strtod() reads more than numbers */
    if (value->kind != MSYNC_VALUE_TEXT || value->length == 0
        || strspn(value->text, "0123456789+-.eE ") != value->length)
    {
        return false;
    }

    *number = strtod(value->text, &end);

    return end != value->text && isfinite(*number)
           && end + strspn(end, " ") == value->text + value->length;
}


size_t
msync_encode_real(double real, char text[MSYNC_ENCODE_NUMBER_MAX])
{
    int  n;

    n = snprintf(text, MSYNC_ENCODE_NUMBER_MAX, "%.15g", real);

    if (strtod(text, NULL) != real) {
        n = snprintf(text, MSYNC_ENCODE_NUMBER_MAX, "%.17g", real);
    }

    return (size_t) n;
}
