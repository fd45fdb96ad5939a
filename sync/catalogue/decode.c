/*
 * Records of the wire to rows of the site database.
 *
 * Promises: a value that fits no type of the catalogue is refused with its
 * field's name, never bent; no tree is built, and a record's texts lie in one
 * piece of memory, so that a first sync is not kept busy by malloc.
 */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "catalogue/catalogue_private.h"
#include "catalogue/moment.h"
#include "base/json.h"

/* 2^53, what JSON can carry */
#define DECODE_INTEGER_MAX  9007199254740992


static void decode_set_text(msync_value_t *value, const char *text,
    size_t length);
static void decode_set_integer(msync_value_t *value, int64_t integer);
static int decode_wrong_type(const msync_field_t *field, const char *expected,
    msync_err_t *err);
static char *decode_text_of(msync_row_t *row, const msync_json_slice_t *slice,
    size_t *length);
static int decode_text(msync_row_t *row, msync_value_t *value,
    const msync_field_t *field, const msync_json_slice_t *slice,
    msync_err_t *err);
static int decode_date(msync_row_t *row, msync_value_t *value,
    const msync_field_t *field, const msync_json_slice_t *slice,
    msync_err_t *err);
static int decode_datetime(msync_row_t *row, msync_value_t *value,
    const msync_field_t *field, const msync_json_slice_t *slice,
    msync_err_t *err);
static void decode_time(msync_row_t *row, msync_value_t *value,
    const msync_json_slice_t *slice);
static int decode_number(msync_value_t *value, const msync_field_t *field,
    const msync_json_slice_t *slice, msync_err_t *err);
static int decode_object(msync_row_t *row, msync_value_t *value,
    const msync_field_t *field, const msync_json_slice_t *slice,
    msync_err_t *err);
static int decode_value(msync_row_t *row, msync_value_t *value,
    const msync_field_t *field, const msync_json_slice_t *slice,
    msync_err_t *err);
static bool decode_is_empty(const msync_json_slice_t *slice);
static bool decode_is_null(const msync_field_t *field,
    const msync_json_slice_t *slice);
static void decode_set_neutral(msync_value_t *value,
    const msync_field_t *field);
static int decode_field(msync_row_t *row, size_t i,
    const msync_json_slice_t *slice, msync_err_t *err);
static size_t decode_field_at(const msync_table_t *table, const char *name,
    size_t hint);
static bool decode_members(const msync_table_t *table, const char *data,
    size_t length, msync_json_slice_t *slices, bool *unknown);
static bool decode_has_column(const msync_row_t *row, const char *name);
static void decode_extra(msync_row_t *row, const char *data, size_t length);
static bool decode_begin(msync_row_t *row, const msync_table_t *table,
    const char *data, size_t length, msync_json_slice_t **slices,
    bool *unknown);
static int decode_key(msync_row_t *row, const msync_json_slice_t *slice,
    const char *id, msync_err_t *err);


static void
decode_set_text(msync_value_t *value, const char *text, size_t length)
{
    value->kind = MSYNC_VALUE_TEXT;
    value->text = text;
    value->length = length;
}


static void
decode_set_integer(msync_value_t *value, int64_t integer)
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


/* a string's value, NUL-terminated; NULL where it is no string, or one that
 * C cannot hold */

static char *
decode_text_of(msync_row_t *row, const msync_json_slice_t *slice,
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

    text = decode_text_of(row, slice, &length);

    if (text == NULL) {
        return decode_wrong_type(field, "a string", err);
    }

    decode_set_text(value, text, length);
    return MSYNC_OK;
}


/* catalogue.md: 0000-00-00, empty or null mean none; rows that come back
 * from a site carry a time behind the date */

static int
decode_date(msync_row_t *row, msync_value_t *value,
    const msync_field_t *field, const msync_json_slice_t *slice,
    msync_err_t *err)
{
    char             put[MSYNC_MOMENT_MAX];
    size_t           length;
    const char      *text;
    msync_moment_t   moment;

    text = decode_text_of(row, slice, &length);

    if (text != NULL && msync_moment_is_none(text, length)) {
        return MSYNC_OK;
    }

    if (text != NULL && !msync_moment_is_date(text, length)) {
        length = msync_moment_read(&moment, text, length) && moment.has_date
                 ? msync_moment_put_date(&moment, put) : 0;
        text = length > 0 ? msync_row_text(row, put, length) : NULL;
    }

    if (text == NULL) {
        return decode_wrong_type(field, "a date (YYYY-MM-DD)", err);
    }

    decode_set_text(value, text, length);
    return MSYNC_OK;
}


static int
decode_datetime(msync_row_t *row, msync_value_t *value,
    const msync_field_t *field, const msync_json_slice_t *slice,
    msync_err_t *err)
{
    char             put[MSYNC_MOMENT_MAX];
    size_t           length;
    const char      *text;
    msync_moment_t   moment;

    text = decode_text_of(row, slice, &length);

    if (text != NULL && msync_moment_is_none(text, length)) {
        return MSYNC_OK;
    }

    if (text != NULL && !msync_moment_is_datetime(text, length)) {
        length = msync_moment_read(&moment, text, length) && moment.has_date
                 ? msync_moment_put_datetime(&moment, put) : 0;
        text = length > 0 ? msync_row_text(row, put, length) : NULL;
    }

    if (text == NULL) {
        return decode_wrong_type(field, "a date and time "
                                 "(YYYY-MM-DDTHH:MM:SS)", err);
    }

    decode_set_text(value, text, length);
    return MSYNC_OK;
}


/* seconds since midnight, or what sites push and so may come back; a bad
 * value becomes 0, as Open mSupply takes it */

static void
decode_time(msync_row_t *row, msync_value_t *value,
    const msync_json_slice_t *slice)
{
    char             put[MSYNC_MOMENT_MAX];
    size_t           length;
    const char      *text;
    msync_moment_t   moment = { 0 };

    if (slice->type == MSYNC_JSON_NUMBER) {
        if (!msync_moment_read_number(&moment, msync_json_real(slice),
                                      MSYNC_MOMENT_TIME))
        {
            moment.seconds = 0;
        }

    } else if (slice->type == MSYNC_JSON_STRING) {
        text = decode_text_of(row, slice, &length);

        if (text == NULL || !msync_moment_read(&moment, text, length)) {
            moment.seconds = 0;
        }
    }

    length = msync_moment_put_time(&moment, put);
    decode_set_text(value, msync_row_text(row, put, length), length);
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
        decode_set_integer(value, integer);
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
    decode_set_text(value, text, length);

    return MSYNC_OK;
}


static int
decode_value(msync_row_t *row, msync_value_t *value,
    const msync_field_t *field, const msync_json_slice_t *slice,
    msync_err_t *err)
{
    switch (field->type) {

    case MSYNC_TYPE_BOOLEAN:
        if (slice->type != MSYNC_JSON_TRUE && slice->type != MSYNC_JSON_FALSE)
        {
            return decode_wrong_type(field, "true or false", err);
        }
        decode_set_integer(value, slice->type == MSYNC_JSON_TRUE);
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


static bool
decode_is_empty(const msync_json_slice_t *slice)
{
    return slice->type == MSYNC_JSON_STRING && slice->length == 2;
}


static bool
decode_is_null(const msync_field_t *field, const msync_json_slice_t *slice)
{
    if (slice->type == MSYNC_JSON_NONE || slice->type == MSYNC_JSON_NULL) {
        return field->type != MSYNC_TYPE_TIME;
    }

    return decode_is_empty(slice)
           && ((field->encoding & MSYNC_ENC_EMPTY_IS_NULL)
               || (field->nullable && field->properties != NULL)
               || field->type == MSYNC_TYPE_DATE
               || field->type == MSYNC_TYPE_DATETIME);
}


/* what a field that may not be null and did not come holds */

static void
decode_set_neutral(msync_value_t *value, const msync_field_t *field)
{
    switch (field->type) {

    case MSYNC_TYPE_BOOLEAN:
    case MSYNC_TYPE_NUMBER:
    case MSYNC_TYPE_INTEGER:
        decode_set_integer(value, 0);
        break;

    case MSYNC_TYPE_TIME:
        decode_set_text(value, "00:00:00", 8);
        break;

    case MSYNC_TYPE_STRING:
        if (msync_field_takes_empty(field)) {
            decode_set_text(value, "", 0);
        }
        break;

    default:
        break;
    }
}


static int
decode_field(msync_row_t *row, size_t i, const msync_json_slice_t *slice,
    msync_err_t *err)
{
    msync_value_t        *value = &row->values[i];
    const msync_field_t  *field = &row->table->fields[i];

    row->present[i] = (slice->type != MSYNC_JSON_NONE);

    if (!decode_is_null(field, slice)
        && decode_value(row, value, field, slice, err) != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    if (value->kind != MSYNC_VALUE_NULL || field->nullable) {
        return MSYNC_OK;
    }

    if (slice->type != MSYNC_JSON_NULL || !field->required) {
        decode_set_neutral(value, field);
    }

    if (value->kind != MSYNC_VALUE_NULL || !field->required) {
        return MSYNC_OK;
    }

    /* a row that is there already has one */
    if (slice->type == MSYNC_JSON_NONE) {
        row->lacking = row->lacking ? row->lacking : field;
        return MSYNC_OK;
    }

    return msync_err_set(err, MSYNC_ERR_INTEGRATION_ERROR,
                         "field \"%s\" is empty and may not be",
                         field->name);
}


/* the index of the field, n where there is none; servers send fields in the
 * same order again and again, so the one behind the last is looked at first */

static size_t
decode_field_at(const msync_table_t *table, const char *name, size_t hint)
{
    const msync_field_t  *field;

    if (hint < table->n && strcmp(table->fields[hint].name, name) == 0) {
        return hint;
    }

    field = msync_table_field(table, name);

    return field ? (size_t) (field - table->fields) : table->n;
}


/*
 * The members of an object by the fields of the table, the first of equal
 * ones; "unknown" when there are others.  False where it is no object.
 */

static bool
decode_members(const msync_table_t *table, const char *data, size_t length,
    msync_json_slice_t *slices, bool *unknown)
{
    char                key[MSYNC_JSON_KEY_MAX];
    size_t              i, next = 0;
    msync_json_t        json;
    msync_json_slice_t  value;

    msync_json_init(&json, data, length);

    if (!msync_json_enter(&json, MSYNC_JSON_OBJECT)) {
        return false;
    }

    while (msync_json_member(&json, key) && msync_json_skip(&json, &value)) {
        i = decode_field_at(table, key, next);

        if (i == table->n) {
            *unknown = true;

        } else if (slices[i].type == MSYNC_JSON_NONE) {
            slices[i] = value;
            next = i + 1;
        }
    }

    return msync_json_end(&json);
}


/* whether a column of the row holds that member */

static bool
decode_has_column(const msync_row_t *row, const char *name)
{
    const msync_field_t  *field = msync_table_field(row->table, name);

    return field != NULL && (field->local_only
                             || row->present[field - row->table->fields]);
}


/* what the catalogue does not know is kept as it came: newer servers send
 * more than we know, and want it back when the row is pushed */

static void
decode_extra(msync_row_t *row, const char *data, size_t length)
{
    char                key[MSYNC_JSON_KEY_MAX];
    msync_json_t        json;
    msync_json_out_t    out = { 0 };
    msync_json_slice_t  value;

    msync_json_init(&json, data, length);
    (void) msync_json_enter(&json, MSYNC_JSON_OBJECT);

    while (msync_json_member(&json, key) && msync_json_skip(&json, &value)) {

        if (!decode_has_column(row, key)) {
            msync_json_put(&out, out.length ? "," : "{", 1);
            msync_json_put_slice(&out, &json.key);
            msync_json_put(&out, ":", 1);
            msync_json_put_slice(&out, &value);
        }
    }

    if (out.length > 0) {
        msync_json_put(&out, "}", 1);
        row->extra = out.data;
    }
}


/* a row whose texts have room, and the members; false where "data" is no
 * object.  Free the slices. */

static bool
decode_begin(msync_row_t *row, const msync_table_t *table, const char *data,
    size_t length, msync_json_slice_t **slices, bool *unknown)
{
    msync_row_init(row, table);

    /* no value is longer than what it was written as */
    row->memory = malloc(length + 1);
    if (row->memory == NULL) {
        msync_out_of_memory();
    }

    *unknown = false;
    *slices = msync_calloc(table->n, sizeof(msync_json_slice_t));

    return decode_members(table, data, length, *slices, unknown);
}


/* the record's id is what every later change refers to */

static int
decode_key(msync_row_t *row, const msync_json_slice_t *slice, const char *id,
    msync_err_t *err)
{
    size_t                length = strlen(id);
    const char           *text;
    const msync_table_t  *table = row->table;

    text = slice->type == MSYNC_JSON_STRING
           ? decode_text_of(row, slice, &length)
           : msync_row_text(row, id, length);

    if (text == NULL || strcmp(text, id) != 0) {
        return msync_err_set(err, MSYNC_ERR_INTEGRATION_ERROR,
                             "field \"%s\" is not the record's id",
                             table->fields[table->key].name);
    }

    row->present[table->key] = true;
    decode_set_text(&row->values[table->key], text, length);

    return MSYNC_OK;
}


int
msync_row_decode(msync_row_t *row, const msync_table_t *table,
    unsigned side, const char *id, const char *data,
    const msync_field_t **at, msync_err_t *err)
{
    int                  rc = MSYNC_OK;
    bool                 unknown;
    size_t               i, length = data ? strlen(data) : 0;
    msync_json_slice_t  *slices;

    if (at != NULL) {
        *at = NULL;
    }

    if (!decode_begin(row, table, data, length, &slices, &unknown)) {
        free(slices);
        return msync_err_set(err, MSYNC_ERR_INTEGRATION_ERROR,
                             "recordData is not a JSON object");
    }

    if (msync_row_is_dropped(table, side, slices)) {
        rc = MSYNC_DONE;
    }

    for (i = 0; rc == MSYNC_OK && i < table->n; i++) {
        if (table->fields[i].local_only) {
            continue;
        }

        rc = i == table->key ? decode_key(row, &slices[i], id, err)
                             : decode_field(row, i, &slices[i], err);

        if (rc == MSYNC_ERROR && at != NULL) {
            *at = &table->fields[i];
        }
    }

    if (rc == MSYNC_OK && unknown) {
        decode_extra(row, data, length);
    }

    free(slices);
    return rc;
}


const msync_field_t *
msync_row_adopt(msync_row_t *row, const msync_table_t *table,
    const char *extra)
{
    bool                  unknown;
    size_t                i, length = strlen(extra);
    msync_err_t           err;
    msync_json_slice_t   *slices;
    const msync_field_t  *refused = NULL;

    if (!decode_begin(row, table, extra, length, &slices, &unknown)) {
        free(slices);
        return NULL;
    }

    for (i = 0; i < table->n; i++) {
        if (slices[i].type == MSYNC_JSON_NONE || table->fields[i].local_only
            || i == table->key)
        {
            continue;
        }

        if (decode_field(row, i, &slices[i], &err) != MSYNC_OK) {
            refused = &table->fields[i];
            row->present[i] = false;
        }
    }

    decode_extra(row, extra, length);
    free(slices);

    return refused;
}
