/*
 * Records of the wire to rows of the site database.
 *
 * Promises: a value that fits no type of the catalogue is refused with its
 * field's name, never bent; no tree is built, and a record's texts lie in one
 * piece of memory, so that a first sync is not kept busy by malloc.
 */

#include <stdlib.h>
#include <string.h>

#include "catalogue/decode_private.h"
#include "catalogue/v7_private.h"

static bool decode_is_empty(const msync_json_slice_t *slice);
static bool decode_is_null(const msync_field_t *field,
    const msync_json_slice_t *slice);
static void decode_set_neutral(msync_value_t *value,
    const msync_field_t *field);
static int decode_field(msync_row_t *row, size_t i,
    const msync_json_slice_t *slice, msync_err_t *err);
static int decode_refuse_empty(const msync_field_t *field, msync_err_t *err);
static size_t decode_field_at(const msync_table_t *table, const char *name,
    size_t hint);
static bool decode_members(const msync_table_t *table, const char *data,
    size_t length, msync_json_slice_t *slices, bool *unknown);
static bool decode_has_column(const msync_row_t *row, const char *name);
static void decode_extra(msync_row_t *row, msync_json_out_t *out,
    const char *data, size_t length);
static void decode_end_extra(msync_row_t *row, msync_json_out_t *out);
static bool decode_begin(msync_row_t *row, const char *data, size_t length,
    msync_json_slice_t **slices, bool *unknown);
static int decode_key(msync_row_t *row, const msync_json_slice_t *slice,
    const char *id, msync_err_t *err);
static int decode_row(msync_row_t *row, const char *id, const char *data,
    const msync_field_t **at, msync_err_t *err);
static void decode_revive(msync_row_t *row);


static bool
decode_is_empty(const msync_json_slice_t *slice)
{
    return slice->type == MSYNC_JSON_STRING && slice->length == 2;
}


static bool
decode_is_null(const msync_field_t *field, const msync_json_slice_t *slice)
{
    if (slice->type == MSYNC_JSON_NONE || slice->type == MSYNC_JSON_NULL) {
        return field->type != MSYNC_TYPE_TIME
               && !(slice->type == MSYNC_JSON_NULL
                    && field->type == MSYNC_TYPE_OBJECT && !field->nullable
                    && field->properties == NULL);
    }

    return decode_is_empty(slice)
           && ((field->encoding & MSYNC_ENC_EMPTY_IS_NULL)
               || (field->nullable && field->properties != NULL)
               || field->type == MSYNC_TYPE_DATE
               || field->type == MSYNC_TYPE_DATETIME);
}


/* sets the neutral value of a field that may not be null and did not come */

static void
decode_set_neutral(msync_value_t *value, const msync_field_t *field)
{
    switch (field->type) {

    case MSYNC_TYPE_BOOLEAN:
    case MSYNC_TYPE_NUMBER:
    case MSYNC_TYPE_INTEGER:
        msync_decode_set_integer(value, 0);
        break;

    case MSYNC_TYPE_TIME:
        msync_decode_set_text(value, "00:00:00", 8);
        break;

    case MSYNC_TYPE_STRING:
        if (msync_field_takes_empty(field)) {
            msync_decode_set_text(value, "", 0);
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
        && msync_decode_value(row, value, field, slice, err) != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    if (value->kind != MSYNC_VALUE_NULL || field->nullable) {
        return MSYNC_OK;
    }

    return slice->type == MSYNC_JSON_NULL && field->required
           ? decode_refuse_empty(field, err)
           : msync_decode_nothing(row, i, slice->type != MSYNC_JSON_NONE,
                                  err);
}


static int
decode_refuse_empty(const msync_field_t *field, msync_err_t *err)
{
    return msync_err_set(err, MSYNC_ERR_INTEGRATION_ERROR,
                         "field \"%s\" is empty and may not be",
                         field->name);
}


int
msync_decode_nothing(msync_row_t *row, size_t i, bool came, msync_err_t *err)
{
    msync_value_t        *value = &row->values[i];
    const msync_field_t  *field = &row->table->fields[i];

    if (field->nullable) {
        return MSYNC_OK;
    }

    decode_set_neutral(value, field);

    if (value->kind != MSYNC_VALUE_NULL || !field->required) {
        return MSYNC_OK;
    }

    if (came) {
        return decode_refuse_empty(field, err);
    }

    /* where the row is here already it has a value, which stays */
    row->lacking = row->lacking ? row->lacking : field;

    return MSYNC_OK;
}


/* the index of the field, n where there is none; servers send fields in the
 * same order again and again, so the one behind the last is looked at first */

static size_t
decode_field_at(const msync_table_t *table, const char *name, size_t hint)
{
    const msync_field_t  *field;

    if (hint < table->n && !table->fields[hint].v7_only
        && strcmp(table->fields[hint].name, name) == 0)
    {
        return hint;
    }

    field = msync_table_field(table, name);

    return field != NULL && !field->v7_only
           ? (size_t) (field - table->fields) : table->n;
}


/*
 * The members of an object by the fields of the table, the last of equal
 * ones, as Open mSupply reads it; `unknown` when there are others.  False
 * where it is no object.
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

        } else {
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

    return field != NULL && !field->v7_only
           && (field->local_only || row->present[field - row->table->fields]);
}


/* what the catalogue does not know is kept as it came: newer servers send
 * more than we know, and want it back when the row is pushed */

static void
decode_extra(msync_row_t *row, msync_json_out_t *out, const char *data,
    size_t length)
{
    char                key[MSYNC_JSON_KEY_MAX];
    msync_json_t        json;
    msync_json_slice_t  value;

    msync_json_init(&json, data, length);
    (void) msync_json_enter(&json, MSYNC_JSON_OBJECT);

    while (msync_json_member(&json, key) && msync_json_skip(&json, &value)) {

        if (!decode_has_column(row, key)) {
            msync_json_put(out, out->length ? "," : "{", 1);
            msync_json_put_slice(out, &json.key);
            msync_json_put(out, ":", 1);
            msync_json_put_slice(out, &value);
        }
    }
}


static void
decode_end_extra(msync_row_t *row, msync_json_out_t *out)
{
    if (out->length > 0) {
        msync_json_put(out, "}", 1);
        row->extra = out->data;
    }
}


/* a row whose texts have room, and the members; false where `data` is no
 * object.  Free the slices. */

static bool
decode_begin(msync_row_t *row, const char *data, size_t length,
    msync_json_slice_t **slices, bool *unknown)
{
    /* no value is longer than what it was written as */
    row->memory = msync_alloc(length + 1);
    *unknown = false;
    *slices = msync_calloc(row->table->n, sizeof(msync_json_slice_t));

    return decode_members(row->table, data, length, *slices, unknown);
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
           ? msync_decode_text_of(row, slice, &length)
           : msync_row_text(row, id, length);

    if (text == NULL || strcmp(text, id) != 0) {
        return msync_err_set(err, MSYNC_ERR_INTEGRATION_ERROR,
                             "field \"%s\" is not the record's id",
                             table->fields[table->key].name);
    }

    row->present[table->key] = true;
    msync_decode_set_text(&row->values[table->key], text, length);

    return MSYNC_OK;
}


int
msync_row_decode(msync_row_t *row, const msync_table_t *table,
    unsigned side, const char *id, const char *data,
    const msync_field_t **at, msync_err_t *err)
{
    if (at != NULL) {
        *at = NULL;
    }

    msync_row_init(row, table);
    row->side = side;

    return side == MSYNC_V7
           ? msync_v7_decode(row, id, data ? data : "", at, err)
           : decode_row(row, id, data ? data : "", at, err);
}


static int
decode_row(msync_row_t *row, const char *id, const char *data,
    const msync_field_t **at, msync_err_t *err)
{
    int                   rc = MSYNC_OK;
    bool                  unknown;
    size_t                i, length = strlen(data);
    msync_json_out_t      extra = { 0 };
    msync_json_slice_t   *slices;
    const msync_table_t  *table = row->table;

    if (!decode_begin(row, data, length, &slices, &unknown)) {
        free(slices);
        return msync_err_set(err, MSYNC_ERR_INTEGRATION_ERROR,
                             "recordData is not a JSON object");
    }

    if (msync_row_is_dropped(table, row->side, slices)) {
        rc = MSYNC_DONE;
    }

    for (i = 0; rc == MSYNC_OK && i < table->n; i++) {
        if (table->fields[i].local_only || table->fields[i].v7_only) {
            continue;
        }

        rc = i == table->key ? decode_key(row, &slices[i], id, err)
                             : decode_field(row, i, &slices[i], err);

        if (rc == MSYNC_ERROR && at != NULL) {
            *at = &table->fields[i];
        }
    }

    if (rc == MSYNC_OK && unknown) {
        decode_extra(row, &extra, data, length);
    }

    if (rc == MSYNC_OK) {
        msync_unknown_put(&extra, row, slices);
        decode_end_extra(row, &extra);
    }

    decode_revive(row);
    free(slices);

    return rc;
}


/* central sends it again, so it lives again */

static void
decode_revive(msync_row_t *row)
{
    const msync_table_t  *table = row->table;

    if (table->soft_field != NULL && table->soft_field->v7_only) {
        row->present[table->soft_field - table->fields] = true;

        if (!table->soft_is_time) {
            msync_decode_set_integer(&row->values[table->soft_field
                                            - table->fields],
                               !table->soft_value);
        }
    }
}


const msync_field_t *
msync_row_adopt(msync_row_t *row, const msync_table_t *table,
    const char *extra)
{
    bool                  unknown;
    size_t                i, length = strlen(extra);
    msync_err_t           err;
    msync_json_out_t      out = { 0 };
    msync_json_slice_t   *slices;
    const msync_field_t  *refused = NULL;

    msync_row_init(row, table);

    if (!decode_begin(row, extra, length, &slices, &unknown)) {
        free(slices);
        return NULL;
    }

    for (i = 0; i < table->n; i++) {
        if (slices[i].type == MSYNC_JSON_NONE || table->fields[i].local_only
            || table->fields[i].v7_only || i == table->key)
        {
            continue;
        }

        if (decode_field(row, i, &slices[i], &err) != MSYNC_OK) {
            refused = &table->fields[i];
            row->present[i] = false;
        }
    }

    decode_extra(row, &out, extra, length);
    decode_end_extra(row, &out);
    free(slices);

    return refused;
}
