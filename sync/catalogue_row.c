/*
 * Records of the wire to rows of the site database and back.
 *
 * Promises: what was decoded and is encoded again says the same to central;
 * a value that fits no type of the catalogue is refused with its field's
 * name, never bent.
 */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "catalogue.h"

#define SECONDS_A_DAY  86400
#define INTEGER_MAX    9007199254740992.0     /* 2^53, what JSON can carry */


void
msync_row_init(msync_row_t *row, const msync_table_t *table)
{
    memset(row, 0, sizeof(msync_row_t));

    row->table = table;
    row->values = msync_calloc(table->n, sizeof(msync_value_t));
    row->present = msync_calloc(table->n, sizeof(bool));
}


void
msync_row_clear(msync_row_t *row)
{
    size_t  i;

    for (i = 0; i < row->ntexts; i++) {
        free(row->texts[i]);
    }

    free(row->texts);
    free(row->values);
    free(row->present);
    free(row->extra);
    cJSON_Delete(row->json);
    memset(row, 0, sizeof(msync_row_t));
}


/* takes over a text that was made here */

static const char *
row_own(msync_row_t *row, char *text)
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
    return row_own(row, msync_strndup(text, length));
}


static void
set_text(msync_value_t *value, const char *text, size_t length)
{
    value->kind = MSYNC_VALUE_TEXT;
    value->text = text;
    value->length = length;
}


static void
set_integer(msync_value_t *value, int64_t integer)
{
    value->kind = MSYNC_VALUE_INTEGER;
    value->integer = integer;
}


static int
wrong_type(const msync_field_t *field, const char *expected,
    msync_err_t *err)
{
    return msync_err_set(err, MSYNC_ERR_INTEGRATION_ERROR,
                         "field \"%s\" is not %s", field->name, expected);
}


/* catalogue.md: 0000-00-00, empty or null mean none; rows that come back
 * from a site carry a time behind the date */

static int
decode_date(msync_row_t *row, msync_value_t *value,
    const msync_field_t *field, const cJSON *json, msync_err_t *err)
{
    const char  *text;
    int          year, month, day, end = 0;

    if (!cJSON_IsString(json)) {
        return wrong_type(field, "a date (YYYY-MM-DD)", err);
    }

    text = json->valuestring;

    if (strncmp(text, "0000-00-00", 10) == 0) {
        return MSYNC_OK;
    }

    /* NOLINTNEXTLINE(cert-err34-c): so few digits do not overflow */
    if (sscanf(text, "%4d-%2d-%2d%n", &year, &month, &day, &end) != 3
        || end != 10 || month < 1 || month > 12 || day < 1 || day > 31
        || (text[10] != '\0' && text[10] != 'T'))
    {
        return wrong_type(field, "a date (YYYY-MM-DD)", err);
    }

    set_text(value, msync_row_text(row, text, 10), 10);
    return MSYNC_OK;
}


static int
decode_time(msync_row_t *row, msync_value_t *value,
    const msync_field_t *field, const cJSON *json, msync_err_t *err)
{
    int   seconds = 0, hours, minutes;
    char  text[16];

    if (cJSON_IsString(json)) {
        /* HH:MM:SS is what sites push and so what may come back */
        /* NOLINTNEXTLINE(cert-err34-c,*NullDereference): as above; a string */
        if (sscanf(json->valuestring, "%2d:%2d:%2d", &hours, &minutes,
                   &seconds) != 3)
        {
            return wrong_type(field, "a time", err);
        }

        seconds += hours * 3600 + minutes * 60;

    /* NOLINTNEXTLINE(*NullDereference): a number, so not NULL */
    } else if (cJSON_IsNumber(json) && json->valuedouble >= 0
               && json->valuedouble < SECONDS_A_DAY)
    {
        seconds = (int) json->valuedouble;
    }

    /* "bad value becomes 0" */
    if (seconds < 0 || seconds >= SECONDS_A_DAY) {
        seconds = 0;
    }

    snprintf(text, sizeof(text), "%02d:%02d:%02d", seconds / 3600,
             seconds / 60 % 60, seconds % 60);
    set_text(value, msync_row_text(row, text, 8), 8);

    return MSYNC_OK;
}


static int
decode_number(msync_value_t *value, const msync_field_t *field,
    const cJSON *json, msync_err_t *err)
{
    double  number;

    if (!cJSON_IsNumber(json) || !isfinite(json->valuedouble)) {
        return wrong_type(field, "a number", err);
    }

    number = json->valuedouble;

    if (number == 0 && (field->encoding & MSYNC_ENC_ZERO_IS_NULL)
        && field->nullable)
    {
        return MSYNC_OK;
    }

    if (number == floor(number) && fabs(number) <= INTEGER_MAX) {
        set_integer(value, (int64_t) number);
        return MSYNC_OK;
    }

    if (field->type == MSYNC_TYPE_INTEGER) {
        return wrong_type(field, "a whole number", err);
    }

    value->kind = MSYNC_VALUE_REAL;
    value->real = number;

    return MSYNC_OK;
}


/* inside of oms_fields and the like an empty string may mean null, too */

static void
empty_to_null(const msync_field_t *field, cJSON *json)
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


static int
decode_object(msync_row_t *row, msync_value_t *value,
    const msync_field_t *field, cJSON *json)
{
    char  *text;

    if ((field->encoding & MSYNC_ENC_EMPTY_IS_NULL)
        && (cJSON_IsArray(json) || cJSON_IsObject(json))
        && json->child == NULL)
    {
        return MSYNC_OK;
    }

    /* a document that was serialised into a string on its way here */
    if ((field->encoding & MSYNC_ENC_PUSH_AS_STRING)
        && cJSON_IsString(json))
    {
        set_text(value, json->valuestring, strlen(json->valuestring));
        return MSYNC_OK;
    }

    empty_to_null(field, json);
    text = cJSON_PrintUnformatted(json);
    row_own(row, text);
    set_text(value, text, strlen(text));

    return MSYNC_OK;
}


static int
decode_value(msync_row_t *row, msync_value_t *value,
    const msync_field_t *field, cJSON *json, msync_err_t *err)
{
    switch (field->type) {

    case MSYNC_TYPE_BOOLEAN:
        if (!cJSON_IsBool(json)) {
            return wrong_type(field, "true or false", err);
        }
        set_integer(value, cJSON_IsTrue(json));
        return MSYNC_OK;

    case MSYNC_TYPE_NUMBER:
    case MSYNC_TYPE_INTEGER:
        return decode_number(value, field, json, err);

    case MSYNC_TYPE_DATE:
        return decode_date(row, value, field, json, err);

    case MSYNC_TYPE_TIME:
        return decode_time(row, value, field, json, err);

    case MSYNC_TYPE_OBJECT:
        return decode_object(row, value, field, json);

    default:
        if (!cJSON_IsString(json)) {
            return wrong_type(field, "a string", err);
        }
        set_text(value, json->valuestring, strlen(json->valuestring));
        return MSYNC_OK;
    }
}


static bool
reads_as_null(const msync_field_t *field, const cJSON *json)
{
    if (json == NULL || cJSON_IsNull(json)) {
        return field->type != MSYNC_TYPE_TIME;
    }

    return cJSON_IsString(json) && json->valuestring[0] == '\0'
           && ((field->encoding & MSYNC_ENC_EMPTY_IS_NULL)
               || field->type == MSYNC_TYPE_DATE
               || field->type == MSYNC_TYPE_DATETIME);
}


/* what a field that may not be null and did not come holds */

static void
set_neutral(msync_value_t *value, const msync_field_t *field)
{
    switch (field->type) {

    case MSYNC_TYPE_BOOLEAN:
    case MSYNC_TYPE_NUMBER:
    case MSYNC_TYPE_INTEGER:
        set_integer(value, 0);
        break;

    case MSYNC_TYPE_TIME:
        set_text(value, "00:00:00", 8);
        break;

    case MSYNC_TYPE_STRING:
        if (field->references == NULL && !field->is_enum) {
            set_text(value, "", 0);
        }
        break;

    default:
        break;
    }
}


static int
decode_field(msync_row_t *row, size_t i, cJSON *json, msync_err_t *err)
{
    msync_value_t        *value = &row->values[i];
    const msync_field_t  *field = &row->table->fields[i];

    if (json == NULL && field->required) {
        return msync_err_set(err, MSYNC_ERR_INTEGRATION_ERROR,
                             "field \"%s\" is missing", field->name);
    }

    row->present[i] = (json != NULL);

    if (!reads_as_null(field, json)) {
        return decode_value(row, value, field, json, err);
    }

    if (field->nullable) {
        return MSYNC_OK;
    }

    if (json == NULL || cJSON_IsString(json)) {
        set_neutral(value, field);
    }

    if (value->kind == MSYNC_VALUE_NULL && field->required) {
        return msync_err_set(err, MSYNC_ERR_INTEGRATION_ERROR,
                             "field \"%s\" is empty and may not be",
                             field->name);
    }

    return MSYNC_OK;
}


/* whether a column of the row holds that member */

static bool
has_column(const msync_row_t *row, const char *name)
{
    const msync_field_t  *field = msync_table_field(row->table, name);

    return field != NULL && (field->local_only
                             || row->present[field - row->table->fields]);
}


/* what the catalogue does not know is kept: newer servers send more than we
 * know, and want it back when the row is pushed */

static int
keep_extra(msync_row_t *row, cJSON *known, msync_err_t *err)
{
    cJSON  *child, *next, *extra = NULL;

    /* NOLINTNEXTLINE(*NullDereference): the caller has seen an object */
    for (child = known->child; child != NULL; child = next) {
        next = child->next;

        if (child->string == NULL || has_column(row, child->string)) {
            continue;
        }

        if (extra == NULL) {
            extra = cJSON_CreateObject();
        }

        cJSON_AddItemReferenceToObject(extra, child->string, child);
    }

    if (extra == NULL) {
        return MSYNC_OK;
    }

    row->extra = cJSON_PrintUnformatted(extra);
    cJSON_Delete(extra);

    return row->extra != NULL
           ? MSYNC_OK
           : msync_err_set(err, MSYNC_ERR_UNKNOWN, "out of memory");
}


int
msync_row_decode(msync_row_t *row, const msync_table_t *table,
    const char *id, const char *data, const msync_field_t **at,
    msync_err_t *err)
{
    size_t       i;
    cJSON       *json, *member;

    msync_row_init(row, table);

    if (at != NULL) {
        *at = NULL;
    }

    row->json = json = data ? cJSON_Parse(data) : NULL;

    if (!cJSON_IsObject(json)) {
        return msync_err_set(err, MSYNC_ERR_INTEGRATION_ERROR,
                             "recordData is not a JSON object");
    }

    for (i = 0; i < table->n; i++) {
        if (table->fields[i].local_only) {
            continue;
        }

        member = cJSON_GetObjectItemCaseSensitive(json,
                                                  table->fields[i].name);
        if (i == table->key) {
            /* the record's id is what every later change refers to */
            if (member != NULL && cJSON_IsString(member)
                && strcmp(member->valuestring, id) != 0)
            {
                if (at != NULL) {
                    *at = &table->fields[i];
                }
                return msync_err_set(err, MSYNC_ERR_INTEGRATION_ERROR,
                                     "field \"%s\" is not the record's id",
                                     table->fields[i].name);
            }

            row->present[i] = true;
            set_text(&row->values[i], msync_row_text(row, id, strlen(id)),
                     strlen(id));
            continue;
        }

        if (decode_field(row, i, member, err) != MSYNC_OK) {
            if (at != NULL) {
                *at = &table->fields[i];
            }
            return MSYNC_ERROR;
        }
    }

    return keep_extra(row, json, err);
}


const msync_field_t *
msync_row_adopt(msync_row_t *row, const msync_table_t *table,
    const char *extra)
{
    size_t                i;
    cJSON                *json, *member;
    msync_err_t           err;
    const msync_field_t  *refused = NULL;

    msync_row_init(row, table);
    row->json = json = cJSON_Parse(extra);

    if (!cJSON_IsObject(json)) {
        return NULL;
    }

    for (i = 0; i < table->n; i++) {
        member = cJSON_GetObjectItemCaseSensitive(json,
                                                  table->fields[i].name);

        if (member == NULL || table->fields[i].local_only
            || i == table->key)
        {
            continue;
        }

        if (decode_field(row, i, member, &err) != MSYNC_OK) {
            refused = &table->fields[i];
            row->present[i] = false;
        }
    }

    (void) keep_extra(row, json, &err);

    return refused;
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
        empty_to_null(field, json);
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


char *
msync_row_encode(const msync_row_t *row, size_t *length, msync_err_t *err)
{
    char   *text = NULL;
    cJSON  *json, *extra, *child;

    json = cJSON_CreateObject();

    if (encode_fields(json, row, err) != MSYNC_OK) {
        goto done;
    }

    extra = row->extra ? cJSON_Parse(row->extra) : NULL;

    while (extra != NULL && (child = extra->child) != NULL) {
        cJSON_DetachItemViaPointer(extra, child);

        /* a column has what the field holds now */
        if (child->string == NULL
            || msync_table_field(row->table, child->string) != NULL)
        {
            cJSON_Delete(child);
            continue;
        }

        cJSON_AddItemToObject(json, child->string, child);
    }

    cJSON_Delete(extra);

    text = cJSON_PrintUnformatted(json);
    if (text == NULL) {
        msync_out_of_memory();
    }

    *length = strlen(text);

done:

    cJSON_Delete(json);
    return text;
}
