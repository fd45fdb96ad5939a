/*
 * Rows of the site database as records of the wire.
 *
 * Promises: what was decoded and is encoded again says the same to central;
 * nothing is sent that central cannot read, null among it.
 */

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "catalogue/encode_private.h"
#include "catalogue/v7_private.h"

#define ENCODE_BLANKS     " \t\n\v\f\r"
#define ENCODE_WORDS_MAX  240            /* octets of an enum in an error */


static void encode_trim(msync_row_t *row);
static char *encode_row(const msync_row_t *row, size_t *length,
    msync_err_t *err);
static int encode_field(encode_t *encode, const msync_row_t *row, size_t i);
static void encode_cut(encode_t *encode, size_t length);
static bool encode_nothing(encode_t *encode, const msync_field_t *field);
static const char *encode_expected(const msync_field_t *field,
    char words[ENCODE_WORDS_MAX]);
static encode_e encode_members(encode_t *encode, const msync_field_t *field,
    const msync_json_slice_t *object);
static encode_e encode_member(encode_t *encode, const msync_field_t *field,
    const msync_json_slice_t *slice);
static bool encode_as_it_stands(const msync_field_t *field,
    const msync_json_slice_t *slice, const char *text);
static const char *encode_unfit(const msync_field_t *field,
    const msync_value_t *value);
static bool encode_is_extra(const msync_table_t *table, const char *key);
static int encode_extra(encode_t *encode, const msync_row_t *row);


char *
msync_row_encode(msync_row_t *row, size_t *length, msync_err_t *err)
{
    encode_trim(row);

    return row->side == MSYNC_V7 ? msync_v7_encode(row, length, err)
                                 : encode_row(row, length, err);
}


/* takes blanks from around values that are no texts, as SQLite does where it
 * makes a number of one; a word that central itself sent so stays */

static void
encode_trim(msync_row_t *row)
{
    size_t                i, begin, end;
    msync_value_t        *value;
    msync_json_slice_t    slice;
    const msync_field_t  *field;

    for (i = 0; i < row->table->n; i++) {
        field = &row->table->fields[i];
        value = &row->values[i];

        if (value->kind != MSYNC_VALUE_TEXT
            || field->type == MSYNC_TYPE_OBJECT
            || (field->type == MSYNC_TYPE_STRING
                && (field->words == NULL
                    || (field->encoding & MSYNC_ENC_ANY_WORD))))
        {
            continue;
        }

        begin = strspn(value->text, ENCODE_BLANKS);
        end = value->length;

        while (end > begin && memchr(ENCODE_BLANKS, value->text[end - 1],
                                     sizeof(ENCODE_BLANKS) - 1) != NULL)
        {
            end--;
        }

        if (end - begin < value->length
            && strlen(value->text) == value->length
            && !msync_unknown_as_it_is(row, field, value, &slice))
        {
            value->length = end - begin;
            value->text = msync_row_text(row, value->text + begin,
                                         value->length);
        }
    }
}


static char *
encode_row(const msync_row_t *row, size_t *length, msync_err_t *err)
{
    size_t     i;
    encode_t   encode = { 0 };

    encode.err = err;
    encode.narrow = (row->table->push & MSYNC_OMSUPPLY) != 0;

    for (i = 0; i < row->table->n; i++) {
        if (!row->table->fields[i].local_only
            && !row->table->fields[i].v7_only
            && encode_field(&encode, row, i) != MSYNC_OK)
        {
            goto failed;
        }
    }

    if (msync_row_check(row, err) != MSYNC_OK
        || (row->extra != NULL && encode_extra(&encode, row) != MSYNC_OK))
    {
        goto failed;
    }

    msync_json_put(&encode.out, "}", 1);
    *length = encode.out.length;

    return encode.out.data;

failed:

    msync_json_out_free(&encode.out);
    return NULL;
}


int
msync_encode_field(encode_t *encode, const msync_field_t *field,
    const char *name, const msync_value_t *value)
{
    char         words[ENCODE_WORDS_MAX];
    encode_e     result;
    const char  *why;

    why = encode_unfit(field, value);
    if (why != NULL) {
        return msync_err_set(encode->err, MSYNC_ERR_DATABASE_ERROR,
                             "field \"%s\" holds %s and cannot be sent; "
                             "correct it in the application", name, why);
    }

    result = msync_encode_value(encode, field, value);

    if (result == ENCODE_DONE
        || (result == ENCODE_NONE && encode_nothing(encode, field)))
    {
        return MSYNC_OK;
    }

    if (result == ENCODE_UNCLEAR) {
        return msync_err_set(encode->err, MSYNC_ERR_DATABASE_ERROR,
                             "field \"%s\" holds what is not clearly %s and "
                             "cannot be sent; correct it in the application",
                             name, encode_expected(field, words));
    }

    if (field->required) {
        return msync_err_set(encode->err, MSYNC_ERR_DATABASE_ERROR,
                             "field \"%s\" is empty, which central refuses, "
                             "and cannot be sent; fill it in in the "
                             "application", name);
    }

    return MSYNC_DONE;
}


/* a field that may not be null and has no neutral value is left out */

static int
encode_field(encode_t *encode, const msync_row_t *row, size_t i)
{
    int                   rc;
    size_t                before = encode->out.length;
    msync_json_slice_t    slice;
    const msync_field_t  *field = &row->table->fields[i];

    msync_encode_key(encode, field->name);

    if (msync_unknown_as_it_is(row, field, &row->values[i], &slice)) {
        msync_json_put_slice(&encode->out, &slice);
        return MSYNC_OK;
    }

    rc = msync_encode_field(encode, field, field->name, &row->values[i]);

    if (rc == MSYNC_DONE) {
        encode_cut(encode, before);
        rc = MSYNC_OK;
    }

    return rc;
}


void
msync_encode_key(encode_t *encode, const char *name)
{
    msync_json_put(&encode->out, encode->out.length ? "," : "{", 1);
    msync_json_put_string(&encode->out, name);
    msync_json_put(&encode->out, ":", 1);
}


/* cuts the record back to that length */

static void
encode_cut(encode_t *encode, size_t length)
{
    if (encode->out.data != NULL) {
        encode->out.length = length;
        encode->out.data[length] = '\0';
    }
}


/* null, or what says the same where central refuses null; false: nothing
 * does */

static bool
encode_nothing(encode_t *encode, const msync_field_t *field)
{
    const char  *text = NULL;

    if (field->nullable) {
        text = (field->encoding & MSYNC_ENC_ZERO_IS_NULL) ? "0" : "null";

    } else if (field->type == MSYNC_TYPE_BOOLEAN) {
        text = "false";

    } else if (field->type == MSYNC_TYPE_NUMBER
               || field->type == MSYNC_TYPE_INTEGER)
    {
        text = "0";

    } else if (field->type == MSYNC_TYPE_TIME) {
        text = "\"00:00:00\"";

    } else if (field->encoding & MSYNC_ENC_ARRAY_TEXT) {
        text = "\"[]\"";

    } else if (msync_field_takes_empty(field)
               && !(field->encoding & (MSYNC_ENC_FILLED_IN
                                       |MSYNC_ENC_JSON_TEXT)))
    {
        text = "\"\"";
    }

    if (text != NULL) {
        msync_json_put_text(&encode->out, text);
    }

    return text != NULL;
}


static const char *
encode_expected(const msync_field_t *field, char words[ENCODE_WORDS_MAX])
{
    size_t  i, n;

    /* in the order of msync_type_e */
    static const char *const  expected[] = {
        "a text", "a number", "a whole number that central can hold",
        "true or false (1 or 0)", "a date (YYYY-MM-DD)",
        "a date and time (YYYY-MM-DDTHH:MM:SS)", "a time (HH:MM:SS)",
        "JSON that central can read"
    };

    if (field->properties != NULL) {
        return "a JSON object whose members central can read";
    }

    if (field->encoding & MSYNC_ENC_ARRAY_TEXT) {
        return "a JSON array of texts";
    }

    if (field->encoding & MSYNC_ENC_JSON_TEXT) {
        return expected[MSYNC_TYPE_OBJECT];
    }

    if (field->words == NULL) {
        return expected[field->type];
    }

    n = (size_t) snprintf(words, ENCODE_WORDS_MAX, "one of");

    for (i = 0; field->words[i] != NULL; i++) {
        if (n + strlen(field->words[i]) + 6 > ENCODE_WORDS_MAX) {
            (void) snprintf(words + n, ENCODE_WORDS_MAX - n, " …");
            break;
        }

        n += (size_t) snprintf(words + n, ENCODE_WORDS_MAX - n, "%s %s",
                               i ? "," : "", field->words[i]);
    }

    return words;
}


encode_e
msync_encode_object(encode_t *encode, const msync_field_t *field,
    const msync_value_t *value)
{
    char                text[MSYNC_ENCODE_NUMBER_MAX], *copy;
    bool                is_text;
    msync_json_t        json;
    msync_json_slice_t  slice;

    is_text = (field->encoding & (MSYNC_ENC_PUSH_AS_STRING
                                  |MSYNC_ENC_JSON_TEXT)) != 0;

    if (value->kind == MSYNC_VALUE_INTEGER
        || value->kind == MSYNC_VALUE_REAL)
    {
        if (field->properties != NULL || is_text) {
            return ENCODE_UNCLEAR;
        }

        msync_json_put(&encode->out, text, value->kind == MSYNC_VALUE_REAL
                       ? msync_encode_real(value->real, text)
                       : (size_t) snprintf(text, sizeof(text), "%lld",
                                           (long long) value->integer));
        return ENCODE_DONE;
    }

    msync_json_init(&json, value->text, value->length);

    /* of one value that it cannot read a server refuses the whole batch */
    if (!msync_json_skip(&json, &slice) || !msync_json_end(&json)
        || !msync_json_is_common(&slice))
    {
        return ENCODE_UNCLEAR;
    }

    /* SQLite's JSONB of 123 has the octets of 3123 */
    if (value->kind == MSYNC_VALUE_BLOB && slice.type == MSYNC_JSON_NUMBER) {
        return ENCODE_UNCLEAR;
    }

    if (slice.type == MSYNC_JSON_NULL && field->nullable) {
        return ENCODE_NONE;
    }

    /* without a byte order mark; no NUL needs to end a BLOB */
    if (is_text) {
        copy = msync_strndup(slice.data,
                             value->text + value->length - slice.data);
        msync_json_put_string(&encode->out, copy);
        msync_free(&copy);

        return ENCODE_DONE;
    }

    if (field->properties != NULL) {
        return encode_members(encode, field, &slice);
    }

    msync_json_put_slice(&encode->out, &slice);
    return ENCODE_DONE;
}


/* members that are known in the form that central reads, others as they
 * stand */

static encode_e
encode_members(encode_t *encode, const msync_field_t *field,
    const msync_json_slice_t *object)
{
    char                 key[MSYNC_JSON_KEY_MAX];
    size_t               i, before, begin = encode->out.length;
    encode_e             result;
    msync_json_t         json;
    msync_json_slice_t   value;

    if (object->type != MSYNC_JSON_OBJECT) {
        return field->nullable && (object->type == MSYNC_JSON_NULL
                                   || (object->type != MSYNC_JSON_NUMBER
                                       && object->length == 2))
               ? ENCODE_NONE : ENCODE_UNCLEAR;
    }

    msync_json_put(&encode->out, "{", 1);
    msync_json_init(&json, object->data, object->length);
    (void) msync_json_enter(&json, MSYNC_JSON_OBJECT);

    while (msync_json_member(&json, key) && msync_json_skip(&json, &value)) {
        before = encode->out.length;

        if (before > begin + 1) {
            msync_json_put(&encode->out, ",", 1);
        }

        msync_json_put_slice(&encode->out, &json.key);
        msync_json_put(&encode->out, ":", 1);

        for (i = 0; i < field->nproperties; i++) {
            if (strcmp(field->properties[i].name, key) == 0) {
                break;
            }
        }

        if (i == field->nproperties) {
            msync_json_put_slice(&encode->out, &value);
            continue;
        }

        result = encode_member(encode, &field->properties[i], &value);

        if (result == ENCODE_UNCLEAR) {
            return result;
        }

        /* what is not there is what central itself takes for it */
        if (result == ENCODE_NONE) {
            encode_cut(encode, before);
        }
    }

    msync_json_put(&encode->out, "}", 1);
    return ENCODE_DONE;
}


static encode_e
encode_member(encode_t *encode, const msync_field_t *field,
    const msync_json_slice_t *slice)
{
    char           *text;
    encode_e        result;
    msync_value_t   value = { 0 };

    text = slice->type == MSYNC_JSON_STRING
           ? msync_json_text(slice, slice->length * 3) : NULL;

    if (encode_as_it_stands(field, slice, text)) {
        msync_json_put_slice(&encode->out, slice);
        msync_free(&text);

        return ENCODE_DONE;
    }

    if (text == NULL && slice->type == MSYNC_JSON_NUMBER) {
        text = msync_strndup(slice->data, slice->length);

    } else if (text == NULL && (slice->type == MSYNC_JSON_TRUE
                                || slice->type == MSYNC_JSON_FALSE))
    {
        value.kind = MSYNC_VALUE_INTEGER;
        value.integer = slice->type == MSYNC_JSON_TRUE;
    }

    if (text != NULL) {
        value.kind = MSYNC_VALUE_TEXT;
        value.text = text;
        value.length = strlen(text);
    }

    result = value.kind == MSYNC_VALUE_NULL && slice->type != MSYNC_JSON_NULL
             ? ENCODE_UNCLEAR : msync_encode_value(encode, field, &value);
    msync_free(&text);

    return result;
}


/* `text` is that of a string */

static bool
encode_as_it_stands(const msync_field_t *field,
    const msync_json_slice_t *slice, const char *text)
{
    switch (slice->type) {

    case MSYNC_JSON_NULL:
        return field->nullable;

    case MSYNC_JSON_NUMBER:
        return field->type == MSYNC_TYPE_NUMBER;

    case MSYNC_JSON_TRUE:
    case MSYNC_JSON_FALSE:
        return field->type == MSYNC_TYPE_BOOLEAN;

    case MSYNC_JSON_OBJECT:
    case MSYNC_JSON_ARRAY:
        return field->type == MSYNC_TYPE_OBJECT;

    default:
        return text != NULL && field->type == MSYNC_TYPE_STRING
               && (*text != '\0' || !(field->encoding & MSYNC_ENC_FILLED_IN))
               && (field->words == NULL
                   || (*text == '\0' && field->nullable));
    }
}


/* what no text of JSON can carry, in words; NULL: it can */

static const char *
encode_unfit(const msync_field_t *field, const msync_value_t *value)
{
    if (value->kind == MSYNC_VALUE_REAL && !isfinite(value->real)) {
        return "an infinite number";
    }

    /* some drivers write the octets of a JSON document */
    if (value->kind == MSYNC_VALUE_BLOB && field->type != MSYNC_TYPE_OBJECT
        && !(field->encoding & MSYNC_ENC_JSON_TEXT))
    {
        return "octets that are no text (a BLOB)";
    }

    if (value->kind != MSYNC_VALUE_TEXT && value->kind != MSYNC_VALUE_BLOB) {
        return NULL;
    }

    if (value->length > 0 && memchr(value->text, '\0', value->length) != NULL)
    {
        return "text with a NUL character in it";
    }

    if (msync_utf8_is_valid(value->text, value->length)) {
        return NULL;
    }

    return value->length == strlen(MSYNC_VALUE_SURROGATE)
           && memcmp(value->text, MSYNC_VALUE_SURROGATE, value->length) == 0
           ? "text with half of a character in it" : "text that is not UTF-8";
}


/* what v5 and v6 have sent and the catalogue does not know */

static bool
encode_is_extra(const msync_table_t *table, const char *key)
{
    const msync_field_t  *field = msync_table_field(table, key);

    return (field == NULL || field->v7_only)
           && strcmp(key, MSYNC_V7_EXTRA) != 0
           && strcmp(key, MSYNC_UNKNOWN_EXTRA) != 0;
}


/* what the catalogue does not know goes back as it came; a column has what
 * its field holds now */

static int
encode_extra(encode_t *encode, const msync_row_t *row)
{
    char                key[MSYNC_JSON_KEY_MAX];
    bool                garbled = false;
    msync_json_t        json;
    msync_json_slice_t  value;

    msync_json_init(&json, row->extra, strlen(row->extra));
    (void) msync_json_enter(&json, MSYNC_JSON_OBJECT);

    while (msync_json_member(&json, key) && msync_json_skip(&json, &value)) {

        if (encode_is_extra(row->table, key)) {
            msync_json_put(&encode->out, ",", 1);
            msync_json_put_slice(&encode->out, &json.key);
            msync_json_put(&encode->out, ":", 1);
            msync_json_put_slice(&encode->out, &value);
            garbled = garbled || json.key.garbled || value.garbled;
        }
    }

    return msync_json_end(&json) && !garbled
           ? MSYNC_OK
           : msync_err_set(encode->err, MSYNC_ERR_DATABASE_ERROR,
                           "the column msync_extra was changed and is no JSON "
                           "object any more, so the row cannot be sent; set "
                           "it to what it was or to null");
}
