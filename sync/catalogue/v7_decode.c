/*
 * Records of v7 to rows of the site database.
 *
 * Promises: what the columns of a row cannot hold as v7 says it is kept in
 * msync_extra, so that the row goes out as it came until its columns change;
 * so is what v7.json does not know.
 */

#include <stdlib.h>
#include <string.h>

#include "catalogue/decode_private.h"
#include "catalogue/v7_private.h"

typedef struct {
    const msync_v7_shape_t  *shape;
    msync_json_slice_t      *slices;     /* owned, by the shape's fields */
    msync_json_out_t         extra;      /* members of v7's own */
    msync_v7_object_t        object;
} v7_record_t;


static bool decode_v7_begin(msync_row_t *row, v7_record_t *record,
    const char *data);
static bool decode_v7_members(v7_record_t *record, const char *data,
    size_t length);
static size_t decode_v7_at(const msync_v7_shape_t *shape, const char *name,
    size_t hint);
static void decode_v7_put_extra(v7_record_t *record,
    const msync_json_slice_t *key, const msync_json_slice_t *value);
static int decode_v7_field(msync_row_t *row, v7_record_t *record, size_t i,
    msync_err_t *err);
static bool decode_v7_is_exact(msync_row_t *row,
    const msync_v7_field_t *field, const msync_value_t *value);
static void decode_v7_note_lookups(const msync_row_t *row,
    v7_record_t *record);
static int decode_v7_key(msync_row_t *row, const v7_record_t *record,
    const char *id, msync_err_t *err);
static void decode_v7_end_objects(msync_row_t *row, v7_record_t *record);
static void decode_v7_sets(msync_row_t *row, const msync_v7_shape_t *shape);
static int decode_v7_columns(msync_row_t *row, const msync_field_t **at,
    msync_err_t *err);


int
msync_v7_decode(msync_row_t *row, const char *id, const char *data,
    const msync_field_t **at, msync_err_t *err)
{
    int          rc;
    size_t       i;
    v7_record_t  record = { 0 };

    record.shape = msync_v7_shape_of(row->table, data);
    record.object.column = MSYNC_V7_NO_COLUMN;

    if (record.shape == NULL || !decode_v7_begin(row, &record, data)) {
        free(record.slices);
        msync_json_out_free(&record.extra);
        return msync_err_set(err, MSYNC_ERR_INTEGRATION_ERROR,
                             "data is not a JSON object of this table");
    }

    rc = decode_v7_key(row, &record, id, err);

    for (i = 0; rc == MSYNC_OK && i < record.shape->n; i++) {
        rc = decode_v7_field(row, &record, i, err);

        if (rc != MSYNC_OK && at != NULL) {
            *at = &row->table->fields[record.shape->fields[i].places[0]
                                      .column];
        }
    }

    decode_v7_note_lookups(row, &record);
    decode_v7_end_objects(row, &record);
    decode_v7_sets(row, record.shape);

    if (rc == MSYNC_OK) {
        rc = decode_v7_columns(row, at, err);
    }

    free(record.slices);
    return rc;
}


static bool
decode_v7_begin(msync_row_t *row, v7_record_t *record, const char *data)
{
    size_t  length = strlen(data);

    row->memory = msync_alloc(length + 1);
    record->slices = msync_calloc(record->shape->n,
                                  sizeof(msync_json_slice_t));

    return decode_v7_members(record, data, length);
}


/* the last of equal members counts; others than the shape has are kept */

static bool
decode_v7_members(v7_record_t *record, const char *data, size_t length)
{
    char                 key[MSYNC_JSON_KEY_MAX];
    size_t               at, next = 0;
    msync_json_t         json;
    msync_json_slice_t   value;

    msync_json_init(&json, data, length);

    if (!msync_json_enter(&json, MSYNC_JSON_OBJECT)) {
        return false;
    }

    while (msync_json_member(&json, key) && msync_json_skip(&json, &value)) {
        at = decode_v7_at(record->shape, key, next);

        if (at == record->shape->n) {
            decode_v7_put_extra(record, &json.key, &value);
            continue;
        }

        record->slices[record->shape->by_name[at]] = value;
        next = at + 1;
    }

    return msync_json_end(&json);
}


/* a place in the order of names, n where there is no such field; the one
 * behind the last is looked at first */

static size_t
decode_v7_at(const msync_v7_shape_t *shape, const char *name, size_t hint)
{
    int     order;
    size_t  low = 0, high = shape->n, at = hint;

    while (low < high) {
        if (at < low || at >= high) {
            at = low + (high - low) / 2;
        }

        order = strcmp(name, shape->fields[shape->by_name[at]].field.name);

        if (order == 0) {
            return at;
        }

        if (order < 0) {
            high = at;
        } else {
            low = at + 1;
        }
    }

    return shape->n;
}


static void
decode_v7_put_extra(v7_record_t *record, const msync_json_slice_t *key,
    const msync_json_slice_t *value)
{
    msync_json_put_text(&record->extra, record->extra.length
                                        ? "," : "{\"" MSYNC_V7_EXTRA "\":{");
    msync_json_put_slice(&record->extra, key);
    msync_json_put(&record->extra, ":", 1);
    msync_json_put_slice(&record->extra, value);
}


/* a field that did not come leaves its columns alone */

static int
decode_v7_field(msync_row_t *row, v7_record_t *record, size_t i,
    msync_err_t *err)
{
    size_t                     column;
    msync_value_t              value = { 0 };
    msync_json_slice_t         key = { 0 };
    const msync_json_slice_t  *slice = &record->slices[i];
    const msync_v7_field_t    *field = &record->shape->fields[i];

    if (slice->type == MSYNC_JSON_NONE || i == record->shape->key) {
        return MSYNC_OK;
    }

    /* once: the row's memory has room for each text as it was written */
    if (slice->type != MSYNC_JSON_NULL
        && msync_decode_value(row, &value, &field->field, slice, err)
           != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    /* most are such, and of a first sync there are very many */
    if (field->plain && value.kind != MSYNC_VALUE_NULL
        && msync_field_knows(&field->field, &value))
    {
        column = field->places[0].column;
        row->present[column] = true;
        row->values[column] = value;

        return MSYNC_OK;
    }

    msync_v7_put(row, &record->object, field, &value);

    if (!msync_field_knows(&field->field, &value)
        || !decode_v7_is_exact(row, field, &value))
    {
        key.data = field->quoted;
        key.length = strlen(field->quoted);
        key.type = MSYNC_JSON_STRING;
        decode_v7_put_extra(record, &key, slice);
    }

    return MSYNC_OK;
}


/* whether the columns, read as a row that goes out is, say what came; a member
 * of an object always does, but for null */

static bool
decode_v7_is_exact(msync_row_t *row, const msync_v7_field_t *field,
    const msync_value_t *value)
{
    size_t                   i;
    msync_err_t              ignored;
    msync_value_t            back;
    const msync_v7_place_t  *place = &field->places[0];

    if (field->exact || place->kind == MSYNC_V7_PROPERTY) {
        if (value->kind != MSYNC_VALUE_NULL) {
            return true;
        }

        if (field->exact) {
            return place->kind == MSYNC_V7_PROPERTY
                   || row->table->fields[place->column].nullable;
        }
    }

    for (i = 0; i < field->nplaces; i++) {
        if (row->values[field->places[i].column].kind == MSYNC_VALUE_NULL) {
            (void) msync_decode_nothing(row, field->places[i].column, true,
                                        &ignored);
        }
    }

    (void) msync_v7_get(row, field, &back);

    return msync_v7_equal(&back, value);
}


/* what is looked up when the row goes out counts only once the column by
 * which it is looked up has changed: what that one was is written down */

static void
decode_v7_note_lookups(const msync_row_t *row, v7_record_t *record)
{
    size_t                   i;
    const msync_value_t     *of;
    msync_json_out_t         quoted = { 0 };
    msync_json_slice_t       slice = { 0 }, key = { 0 };
    const msync_v7_field_t  *field;

    for (i = 0; record->shape->looks_first && i < record->shape->n; i++) {
        field = &record->shape->fields[i];
        of = &row->values[field->lookup.of];

        if (!field->lookup_first || field->lookup.table == NULL
            || record->slices[i].type == MSYNC_JSON_NONE
            || of->kind != MSYNC_VALUE_TEXT)
        {
            continue;
        }

        msync_json_put_string(&quoted, of->text);
        key.data = field->quoted;
        key.length = strlen(field->quoted);
        slice.data = quoted.data;
        slice.length = quoted.length;
        decode_v7_put_extra(record, &key, &slice);
        msync_json_out_free(&quoted);
    }
}


/* the record's id is what every later change refers to */

static int
decode_v7_key(msync_row_t *row, const v7_record_t *record, const char *id,
    msync_err_t *err)
{
    size_t                     key = row->table->key;
    const msync_json_slice_t  *slice = &record->slices[record->shape->key];

    if (slice->type == MSYNC_JSON_STRING
        && (msync_decode_value(row, &row->values[key],
                               &row->table->fields[key], slice, err)
            != MSYNC_OK || strcmp(row->values[key].text, id) != 0))
    {
        return msync_err_set(err, MSYNC_ERR_INTEGRATION_ERROR,
                             "field \"%s\" is not the record's id",
                             row->table->fields[key].name);
    }

    row->present[key] = true;
    row->values[key].kind = MSYNC_VALUE_TEXT;
    row->values[key].text = msync_row_text(row, id, strlen(id));
    row->values[key].length = strlen(id);

    return MSYNC_OK;
}


static void
decode_v7_end_objects(msync_row_t *row, v7_record_t *record)
{
    msync_value_t     *value;
    msync_json_out_t  *json = &record->object.json;

    if (record->object.column != MSYNC_V7_NO_COLUMN) {
        value = &row->values[record->object.column];
        row->present[record->object.column] = true;

        if (json->length > 0) {
            msync_json_put(json, "}", 1);
            value->kind = MSYNC_VALUE_TEXT;
            value->text = msync_row_own(row, json->data);
            value->length = json->length;
        }
    }

    if (record->extra.length > 0) {
        msync_json_put(&record->extra, "}}", 2);
        row->extra = record->extra.data;
    }
}


/* a row that is there has them; nobody says they have changed */

static void
decode_v7_sets(msync_row_t *row, const msync_v7_shape_t *shape)
{
    size_t  i;

    for (i = 0; i < shape->nsets; i++) {
        row->values[shape->sets[i].column] = shape->sets[i].value;
    }
}


/* what v7 does not have, or has as null, and the database may not */

static int
decode_v7_columns(msync_row_t *row, const msync_field_t **at,
    msync_err_t *err)
{
    size_t  i;

    for (i = 0; i < row->table->n; i++) {
        if (row->values[i].kind != MSYNC_VALUE_NULL
            || row->table->fields[i].local_only)
        {
            continue;
        }

        if (msync_decode_nothing(row, i, row->present[i], err) != MSYNC_OK) {
            if (at != NULL) {
                *at = &row->table->fields[i];
            }
            return MSYNC_ERROR;
        }
    }

    return MSYNC_OK;
}
