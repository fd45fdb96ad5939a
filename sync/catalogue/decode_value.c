/*
 * One value of a record, by the type of its field.
 *
 * Promises: a value that fits no type of the catalogue is refused with its
 * field's name, never bent.
 */

#include <math.h>
#include <string.h>

#include "catalogue/decode_private.h"
#include "catalogue/moment_private.h"

#define DAY  86400                 /* seconds */

/* 2^53, what JSON can carry */
#define DECODE_INTEGER_MAX  9007199254740992


/* how a date, or a date and time, is stored */
typedef struct {
    bool        (*is)(const char *text, size_t length);
    size_t      (*put)(const msync_moment_t *moment, char *text);
    const char   *name;         /* in an error: "a date (YYYY-MM-DD)" */
} decode_moment_t;


static int decode_wrong_type(const msync_field_t *field, const char *expected,
    msync_err_t *err);
static int decode_text(msync_row_t *row, msync_value_t *value,
    const msync_field_t *field, const msync_json_slice_t *slice,
    msync_err_t *err);
static int decode_date(msync_row_t *row, msync_value_t *value,
    const msync_field_t *field, const msync_json_slice_t *slice,
    msync_err_t *err);
static int decode_datetime(msync_row_t *row, msync_value_t *value,
    const msync_field_t *field, const msync_json_slice_t *slice,
    msync_err_t *err);
static int decode_moment(msync_row_t *row, msync_value_t *value,
    const msync_field_t *field, const msync_json_slice_t *slice,
    const decode_moment_t *form, msync_err_t *err);
static void decode_time(msync_row_t *row, msync_value_t *value,
    const msync_json_slice_t *slice);
static int decode_number(msync_value_t *value, const msync_field_t *field,
    const msync_json_slice_t *slice, msync_err_t *err);
static int decode_object(msync_row_t *row, msync_value_t *value,
    const msync_field_t *field, const msync_json_slice_t *slice,
    msync_err_t *err);


void
msync_decode_set_text(msync_value_t *value, const char *text, size_t length)
{
    value->kind = MSYNC_VALUE_TEXT;
    value->text = text;
    value->length = length;
}


void
msync_decode_set_integer(msync_value_t *value, int64_t integer)
{
    value->kind = MSYNC_VALUE_INTEGER;
    value->integer = integer;
}


static int
decode_wrong_type(const msync_field_t *field, const char *expected,
    msync_err_t *err)
{
    return msync_err_set(err, MSYNC_ERR_INTEGRATION_ERROR,
                         "field \"%s\" is not %s", field->name, expected);
}


char *
msync_decode_text_of(msync_row_t *row, const msync_json_slice_t *slice,
    size_t *length)
{
    char  *text;

    if (slice->garbled) {
        text = msync_json_text(slice, slice->length * 3);
        *length = text ? strlen(text) : 0;

        return text ? msync_row_own(row, text) : NULL;
    }

    text = row->memory + row->used;

    if (!msync_json_text_into(slice, text, length)) {
        return NULL;
    }

    row->used += *length + 1;
    return text;
}


static int
decode_text(msync_row_t *row, msync_value_t *value,
    const msync_field_t *field, const msync_json_slice_t *slice,
    msync_err_t *err)
{
    size_t       length;
    const char  *text;

    text = msync_decode_text_of(row, slice, &length);

    if (text == NULL) {
        return decode_wrong_type(field, "a string", err);
    }

    msync_decode_set_text(value, text, length);
    return MSYNC_OK;
}


static int
decode_date(msync_row_t *row, msync_value_t *value,
    const msync_field_t *field, const msync_json_slice_t *slice,
    msync_err_t *err)
{
    static const decode_moment_t  date = {
        msync_moment_is_date, msync_moment_put_date, "a date (YYYY-MM-DD)"
    };

    return decode_moment(row, value, field, slice, &date, err);
}


static int
decode_datetime(msync_row_t *row, msync_value_t *value,
    const msync_field_t *field, const msync_json_slice_t *slice,
    msync_err_t *err)
{
    static const decode_moment_t  datetime = {
        msync_moment_is_datetime, msync_moment_put_datetime,
        "a date and time (YYYY-MM-DDTHH:MM:SS)"
    };

    return decode_moment(row, value, field, slice, &datetime, err);
}


/* 0000-00-00 means that there is none; rows that come back from a site carry a
 * time behind a date */

static int
decode_moment(msync_row_t *row, msync_value_t *value,
    const msync_field_t *field, const msync_json_slice_t *slice,
    const decode_moment_t *form, msync_err_t *err)
{
    char             put[MSYNC_MOMENT_MAX];
    size_t           length;
    const char      *text;
    msync_moment_t   moment;

    text = msync_decode_text_of(row, slice, &length);

    if (text != NULL && msync_moment_is_none(text, length)) {
        return MSYNC_OK;
    }

    /* the day of any year, whatever the time behind it */
    if (text != NULL && form->is == msync_moment_is_date
        && msync_moment_is_datetime(text, length))
    {
        length = strcspn(text, "T");
        text = msync_row_text(row, text, length);
    }

    if (text != NULL && !form->is(text, length)) {
        length = msync_moment_read_wire(&moment, text, length)
                 && moment.has_date ? form->put(&moment, put) : 0;
        text = length > 0 ? msync_row_text(row, put, length) : NULL;
    }

    if (text == NULL) {
        return decode_wrong_type(field, form->name, err);
    }

    msync_decode_set_text(value, text, length);
    return MSYNC_OK;
}


/* seconds since midnight, or what sites push and so may come back; a bad
 * value becomes 0, as Open mSupply takes it */

static void
decode_time(msync_row_t *row, msync_value_t *value,
    const msync_json_slice_t *slice)
{
    char             put[MSYNC_MOMENT_MAX];
    double           seconds;
    size_t           length;
    const char      *text;
    msync_moment_t   moment = { 0 };

    if (slice->type == MSYNC_JSON_NUMBER) {
        seconds = msync_json_real(slice);

        if (seconds >= 0 && seconds < DAY) {
            moment.seconds = (int) seconds;
        }

    } else if (slice->type == MSYNC_JSON_STRING) {
        text = msync_decode_text_of(row, slice, &length);

        if (text == NULL || !msync_moment_read(&moment, text, length)) {
            moment.seconds = 0;
        }
    }

    length = msync_moment_put_time(&moment, put);
    msync_decode_set_text(value, msync_row_text(row, put, length), length);
}


static int
decode_number(msync_value_t *value, const msync_field_t *field,
    const msync_json_slice_t *slice, msync_err_t *err)
{
    double   number;
    int64_t  integer;

    if (slice->type != MSYNC_JSON_NUMBER) {
        return decode_wrong_type(field, "a number", err);
    }

    if (!msync_json_integer(slice, &integer) || integer > DECODE_INTEGER_MAX
        || integer < -DECODE_INTEGER_MAX)
    {
        /* behind the number stands what ends it */
        number = msync_json_real(slice);

        if (!isfinite(number)) {
            return decode_wrong_type(field, "a number that a row can hold",
                                     err);
        }

        if (number < -DECODE_INTEGER_MAX || number > DECODE_INTEGER_MAX
            || number != (double) (int64_t) number)
        {
            if (field->type == MSYNC_TYPE_INTEGER) {
                return decode_wrong_type(field, "a whole number that a row "
                                         "can hold", err);
            }

            value->kind = MSYNC_VALUE_REAL;
            value->real = number;
            return MSYNC_OK;
        }

        integer = (int64_t) number;
    }

    if (integer != 0 || !(field->encoding & MSYNC_ENC_ZERO_IS_NULL)
        || !field->nullable)
    {
        msync_decode_set_integer(value, integer);
    }

    return MSYNC_OK;
}


static int
decode_object(msync_row_t *row, msync_value_t *value,
    const msync_field_t *field, const msync_json_slice_t *slice,
    msync_err_t *err)
{
    char    *text;
    size_t   length;

    /* a document that was serialised into a string on its way here */
    if ((field->encoding & MSYNC_ENC_PUSH_AS_STRING)
        && slice->type == MSYNC_JSON_STRING)
    {
        return decode_text(row, value, field, slice, err);
    }

    if ((field->encoding & MSYNC_ENC_EMPTY_IS_NULL)
        && (slice->type == MSYNC_JSON_OBJECT
            || slice->type == MSYNC_JSON_ARRAY)
        && strspn(slice->data + 1, " \t\r\n") == slice->length - 2)
    {
        return MSYNC_OK;
    }

    text = msync_row_own(row, msync_json_raw(slice, &length));
    msync_decode_set_text(value, text, length);

    return MSYNC_OK;
}


int
msync_decode_value(msync_row_t *row, msync_value_t *value,
    const msync_field_t *field, const msync_json_slice_t *slice,
    msync_err_t *err)
{
    switch (field->type) {

    case MSYNC_TYPE_BOOLEAN:
        if (slice->type != MSYNC_JSON_TRUE && slice->type != MSYNC_JSON_FALSE)
        {
            return decode_wrong_type(field, "true or false", err);
        }
        msync_decode_set_integer(value, slice->type == MSYNC_JSON_TRUE);
        return MSYNC_OK;

    case MSYNC_TYPE_NUMBER:
    case MSYNC_TYPE_INTEGER:
        return decode_number(value, field, slice, err);

    case MSYNC_TYPE_DATE:
        return decode_date(row, value, field, slice, err);

    case MSYNC_TYPE_DATETIME:
        return decode_datetime(row, value, field, slice, err);

    case MSYNC_TYPE_TIME:
        decode_time(row, value, slice);
        return MSYNC_OK;

    case MSYNC_TYPE_OBJECT:
        return decode_object(row, value, field, slice, err);

    default:
        return decode_text(row, value, field, slice, err);
    }
}
