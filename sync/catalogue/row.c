/*
 * Rows of the site database: their memory, and what they say on the wire.
 *
 * Promises: what was decoded and is encoded again says the same to central;
 * a value of another type than its field's, or one that JSON cannot carry, is
 * refused, never bent.
 */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "catalogue/catalogue_private.h"
#include "base/json.h"


void
msync_row_init(msync_row_t *row, const msync_table_t *table)
{
    memset(row, 0, sizeof(msync_row_t));

    row->table = table;
    row->values = msync_calloc(table->n, sizeof(msync_value_t)
                                         + sizeof(bool));
    row->present = (bool *) (row->values + table->n);
}


void
msync_row_clear(msync_row_t *row)
{
    size_t  i;

    for (i = 0; i < row->ntexts; i++) {
        free(row->texts[i]);
    }

    free(row->texts);
    free(row->memory);
    free(row->values);
    free(row->extra);
    memset(row, 0, sizeof(msync_row_t));
}


char *
msync_row_own(msync_row_t *row, char *text)
{
    row->texts = realloc(row->texts, (row->ntexts + 1) * sizeof(char *));
    if (row->texts == NULL || text == NULL) {
        msync_out_of_memory();
    }

    row->texts[row->ntexts++] = text;
    return text;
}


const char *
msync_row_text(msync_row_t *row, const char *text, size_t length)
{
    return msync_row_own(row, msync_strndup(text, length));
}


static bool
is_empty_to_null(const msync_field_t *field, const char *key,
    const msync_json_slice_t *value)
{
    size_t  i;

    if (value->type != MSYNC_JSON_STRING || value->length != 2) {
        return false;
    }

    for (i = 0; field->empties[i] != NULL; i++) {
        if (strcmp(field->empties[i], key) == 0) {
            return true;
        }
    }

    return false;
}


static void
put_members(msync_json_out_t *out, msync_json_t *json,
    const msync_field_t *field)
{
    char                key[MSYNC_JSON_KEY_MAX];
    msync_json_slice_t  value;

    (void) msync_json_enter(json, MSYNC_JSON_OBJECT);

    while (msync_json_member(json, key) && msync_json_skip(json, &value)) {
        msync_json_put(out, out->length ? "," : "{", 1);
        msync_json_put_slice(out, &json->key);
        msync_json_put(out, ":", 1);

        if (is_empty_to_null(field, key, &value)) {
            msync_json_put_text(out, "null");
        } else {
            msync_json_put_slice(out, &value);
        }
    }

    msync_json_put_text(out, out->length ? "}" : "{}");
}


char *
msync_row_object(const msync_field_t *field, const char *text, size_t length)
{
    msync_json_t        json;
    msync_json_out_t    out = { 0 };
    msync_json_slice_t  value;

    msync_json_init(&json, text, length);

    if (field->empties != NULL
        && msync_json_peek(&json) == MSYNC_JSON_OBJECT)
    {
        put_members(&out, &json, field);

    } else if (msync_json_skip(&json, &value)) {
        msync_json_put_slice(&out, &value);
    }

    if (!msync_json_end(&json)) {
        msync_json_out_free(&out);
    }

    return out.data;
}


/* what JSON cannot carry, in words; NULL: it can */

static const char *
unfit(const msync_value_t *value)
{
    size_t  n, at;

    switch (value->kind) {

    case MSYNC_VALUE_BLOB:
        return "octets that are no text (a BLOB)";

    case MSYNC_VALUE_REAL:
        return isfinite(value->real) ? NULL : "an infinite number";

    case MSYNC_VALUE_TEXT:
        if (memchr(value->text, '\0', value->length) != NULL) {
            return "text with a NUL character in it";
        }

        for (at = 0; at < value->length; at += n) {
            n = msync_utf8_char(value->text + at, value->length - at);

            if (n == 0) {
                return "text that is not UTF-8";
            }
        }
        return NULL;

    default:
        return NULL;
    }
}


/* cJSON knows doubles only, and prints less of them than they hold */

static cJSON *
encode_integer(int64_t integer)
{
    char  text[24];

    snprintf(text, sizeof(text), "%lld", (long long) integer);
    return cJSON_CreateRaw(text);
}


static cJSON *
encode_real(double real)
{
    char  text[32];

    snprintf(text, sizeof(text), "%.15g", real);

    if (strtod(text, NULL) != real) {
        snprintf(text, sizeof(text), "%.17g", real);
    }

    return cJSON_CreateRaw(text);
}


static cJSON *
encode_text(const msync_value_t *value, const msync_field_t *field)
{
    char   *object, date[32];
    cJSON  *json;

    switch (field->type) {

    case MSYNC_TYPE_DATE:
        if ((field->encoding & MSYNC_ENC_PUSH_MIDNIGHT)
            && value->length == 10)
        {
            snprintf(date, sizeof(date), "%sT00:00:00", value->text);
            return cJSON_CreateString(date);
        }
        return cJSON_CreateString(value->text);

    case MSYNC_TYPE_OBJECT:
        if (field->encoding & MSYNC_ENC_PUSH_AS_STRING) {
            return cJSON_CreateString(value->text);
        }
        object = msync_row_object(field, value->text, value->length);
        json = object ? cJSON_CreateRaw(object) : NULL;
        msync_free(&object);
        return json;

    case MSYNC_TYPE_BOOLEAN:
    case MSYNC_TYPE_NUMBER:
    case MSYNC_TYPE_INTEGER:
        return NULL;

    default:
        return cJSON_CreateString(value->text);
    }
}


static cJSON *
encode_value(const msync_value_t *value, const msync_field_t *field)
{
    switch (value->kind) {

    case MSYNC_VALUE_NULL:
        if (field->type == MSYNC_TYPE_TIME) {
            return cJSON_CreateString("00:00:00");
        }
        /* central refuses null where 0 says the same */
        return (field->encoding & MSYNC_ENC_ZERO_IS_NULL)
               ? cJSON_CreateNumber(0) : cJSON_CreateNull();

    case MSYNC_VALUE_TEXT:
        return encode_text(value, field);

    case MSYNC_VALUE_INTEGER:
        if (field->type == MSYNC_TYPE_BOOLEAN) {
            return cJSON_CreateBool(value->integer != 0);
        }

        if (field->type == MSYNC_TYPE_NUMBER
            || field->type == MSYNC_TYPE_INTEGER)
        {
            return encode_integer(value->integer);
        }

        return NULL;

    default:
        return field->type == MSYNC_TYPE_NUMBER
               ? encode_real(value->real) : NULL;
    }
}


static int
encode_fields(cJSON *json, const msync_row_t *row, msync_err_t *err)
{
    size_t                i;
    cJSON                *item;
    const char           *why;
    const msync_field_t  *field;

    for (i = 0; i < row->table->n; i++) {
        field = &row->table->fields[i];

        if (field->local_only) {
            continue;
        }

        why = unfit(&row->values[i]);
        item = why == NULL ? encode_value(&row->values[i], field) : NULL;

        if (item == NULL) {
            return msync_err_set(err, MSYNC_ERR_DATABASE_ERROR,
                                 "field \"%s\" holds %s and cannot be sent; "
                                 "correct it in the application", field->name,
                                 why ? why : "a value of another type");
        }

        cJSON_AddItemToObjectCS(json, field->name, item);
    }

    return MSYNC_OK;
}


/* what the catalogue does not know goes back as it came; a column has what
 * its field holds now */

static int
put_extra(msync_json_out_t *out, const msync_row_t *row, msync_err_t *err)
{
    char                key[MSYNC_JSON_KEY_MAX];
    bool                garbled = false;
    msync_json_t        json;
    msync_json_slice_t  value;

    msync_json_init(&json, row->extra, strlen(row->extra));
    (void) msync_json_enter(&json, MSYNC_JSON_OBJECT);

    while (msync_json_member(&json, key) && msync_json_skip(&json, &value)) {

        if (msync_table_field(row->table, key) == NULL) {
            msync_json_put(out, ",", 1);
            msync_json_put_slice(out, &json.key);
            msync_json_put(out, ":", 1);
            msync_json_put_slice(out, &value);
            garbled = garbled || json.key.garbled || value.garbled;
        }
    }

    return msync_json_end(&json) && !garbled
           ? MSYNC_OK
           : msync_err_set(err, MSYNC_ERR_DATABASE_ERROR,
                           "the column msync_extra was changed and is no JSON "
                           "object any more, so the row cannot be sent; set "
                           "it to what it was or to null");
}


char *
msync_row_encode(const msync_row_t *row, size_t *length, msync_err_t *err)
{
    char              *text;
    cJSON             *json;
    msync_json_out_t   out = { 0 };

    json = cJSON_CreateObject();

    if (encode_fields(json, row, err) != MSYNC_OK) {
        cJSON_Delete(json);
        return NULL;
    }

    text = cJSON_PrintUnformatted(json);
    cJSON_Delete(json);

    if (text == NULL) {
        msync_out_of_memory();
    }

    *length = strlen(text);

    if (row->extra == NULL) {
        return text;
    }

    /* behind the key, which each table has */
    msync_json_put(&out, text, *length - 1);
    free(text);

    if (put_extra(&out, row, err) != MSYNC_OK) {
        msync_json_out_free(&out);
        return NULL;
    }

    msync_json_put(&out, "}", 1);
    *length = out.length;

    return out.data;
}
