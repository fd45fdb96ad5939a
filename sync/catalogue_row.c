/*
 * Rows of the site database: their memory, and what they say on the wire.
 *
 * Promises: what was decoded and is encoded again says the same to central;
 * a value of another type than its field's is refused, never bent.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "catalogue_private.h"
#include "json.h"


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


void
msync_row_empty_to_null(const msync_field_t *field, cJSON *json)
{
    size_t  i;
    cJSON  *member;

    for (i = 0; field->empties != NULL && field->empties[i] != NULL; i++) {
        member = cJSON_GetObjectItemCaseSensitive(json, field->empties[i]);

        if (cJSON_IsString(member) && member->valuestring[0] == '\0') {
            cJSON_ReplaceItemInObjectCaseSensitive(json, field->empties[i],
                                                   cJSON_CreateNull());
        }
    }
}


static cJSON *
encode_text(const msync_value_t *value, const msync_field_t *field)
{
    cJSON  *json;
    char    date[32];

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
        json = cJSON_Parse(value->text);
        msync_row_empty_to_null(field, json);
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
            return cJSON_CreateNumber((double) value->integer);
        }

        return NULL;

    default:
        return field->type == MSYNC_TYPE_NUMBER
               ? cJSON_CreateNumber(value->real) : NULL;
    }
}


static int
encode_fields(cJSON *json, const msync_row_t *row, msync_err_t *err)
{
    size_t                i;
    cJSON                *item;
    const msync_field_t  *field;

    for (i = 0; i < row->table->n; i++) {
        field = &row->table->fields[i];

        if (field->local_only) {
            continue;
        }

        item = encode_value(&row->values[i], field);
        if (item == NULL) {
            return msync_err_set(err, MSYNC_ERR_DATABASE_ERROR,
                                 "field \"%s\" holds a value of another type "
                                 "and cannot be sent", field->name);
        }

        cJSON_AddItemToObjectCS(json, field->name, item);
    }

    return MSYNC_OK;
}


/* what the catalogue does not know goes back as it came; a column has what
 * its field holds now */

static void
put_extra(msync_json_out_t *out, const msync_row_t *row)
{
    char                key[MSYNC_JSON_KEY_MAX];
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
        }
    }
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
    put_extra(&out, row);
    msync_json_put(&out, "}", 1);
    *length = out.length;

    return out.data;
}
