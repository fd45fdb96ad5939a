/*
 * Rows of the site database as records of v7.
 *
 * Promises: a row that was decoded and not changed since goes out as it came;
 * nothing is sent that central cannot read, for it would say so to nobody.
 */

#include <stdlib.h>
#include <string.h>

#include "catalogue/decode_private.h"
#include "catalogue/encode_private.h"
#include "catalogue/v7_private.h"

typedef struct {
    encode_t                 encode;
    const msync_v7_shape_t  *shape;
    msync_json_slice_t      *originals;  /* owned, by the shape's fields: what
                                            came and no column can say */
} v7_out_t;


static void encode_v7_blank(msync_row_t *row, const msync_v7_shape_t *shape);
static bool encode_v7_find_originals(const msync_row_t *row, v7_out_t *out);
static int encode_v7_field(msync_row_t *row, v7_out_t *out, size_t i);
static int encode_v7_check(const msync_row_t *row, v7_out_t *out,
    const msync_v7_field_t *field);
static bool encode_v7_is_clear(const msync_v7_place_t *place,
    const msync_value_t *value);
static bool encode_v7_is_object(const msync_value_t *value);
static size_t encode_v7_members(const msync_v7_field_t *field);
static bool encode_v7_is_unchanged(const msync_row_t *row,
    const msync_v7_field_t *field, const msync_json_slice_t *slice);
static const msync_v7_place_t *encode_v7_value(msync_row_t *row,
    const msync_v7_field_t *field, const msync_json_slice_t *original,
    msync_value_t *value);
static void encode_v7_look_up_first(msync_row_t *row,
    const msync_v7_field_t *field, const msync_json_slice_t *was,
    msync_value_t *value);
static void encode_v7_unknown(const msync_row_t *row, v7_out_t *out);
static bool encode_v7_enter(const msync_row_t *row, msync_json_t *json);


char *
msync_v7_encode(msync_row_t *row, size_t *length, msync_err_t *err)
{
    int       rc = MSYNC_OK;
    size_t    i;
    v7_out_t  out = { 0 };

    out.encode.err = err;
    out.shape = msync_v7_shape_of_row(row);

    if (out.shape == NULL) {
        msync_err_set(err, MSYNC_ERR_DATABASE_ERROR, "central has no table "
                      "for this row, so it cannot be sent");
        return NULL;
    }

    out.originals = msync_calloc(out.shape->n, sizeof(msync_json_slice_t));

    if (!encode_v7_find_originals(row, &out)) {
        rc = msync_err_set(err, MSYNC_ERR_DATABASE_ERROR, "the column "
                           "msync_extra was changed and is no JSON object "
                           "any more, so the row cannot be sent; set it to "
                           "what it was or to null");
    }

    encode_v7_blank(row, out.shape);

    for (i = 0; rc == MSYNC_OK && i < out.shape->n; i++) {
        rc = encode_v7_field(row, &out, i);
    }

    free(out.originals);

    if (rc != MSYNC_OK) {
        msync_json_out_free(&out.encode.out);
        return NULL;
    }

    encode_v7_unknown(row, &out);
    msync_json_put(&out.encode.out, "}", 1);
    *length = out.encode.out.length;

    return out.encode.out.data;
}


static void
encode_v7_blank(msync_row_t *row, const msync_v7_shape_t *shape)
{
    size_t                   i, j;
    const msync_v7_blank_t  *blank;

    for (i = 0; i < shape->nblanks; i++) {
        blank = &shape->blanks[i];

        if (!msync_v7_holds(row, blank->when, blank->nwhen)) {
            continue;
        }

        for (j = 0; j < blank->n; j++) {
            row->values[blank->columns[j]].kind = MSYNC_VALUE_NULL;
        }
    }
}


/* goes to v7's members of msync_extra; false where there are none */

static bool
encode_v7_enter(const msync_row_t *row, msync_json_t *json)
{
    char  key[MSYNC_JSON_KEY_MAX];

    if (row->extra == NULL) {
        return false;
    }

    msync_json_init(json, row->extra, strlen(row->extra));

    if (!msync_json_enter(json, MSYNC_JSON_OBJECT)) {
        return false;
    }

    while (msync_json_member(json, key)) {
        if (strcmp(key, MSYNC_V7_EXTRA) == 0) {
            return msync_json_enter(json, MSYNC_JSON_OBJECT);
        }

        msync_json_skip(json, NULL);
    }

    return false;
}


static bool
encode_v7_find_originals(const msync_row_t *row, v7_out_t *out)
{
    char                key[MSYNC_JSON_KEY_MAX];
    size_t              i;
    msync_json_t        json;
    msync_json_slice_t  slice;

    if (row->extra != NULL) {
        msync_json_init(&json, row->extra, strlen(row->extra));

        if (!msync_json_skip(&json, &slice) || !msync_json_end(&json)
            || slice.type != MSYNC_JSON_OBJECT || slice.garbled)
        {
            return false;
        }
    }

    if (!encode_v7_enter(row, &json)) {
        return true;
    }

    while (msync_json_member(&json, key) && msync_json_skip(&json, &slice)) {
        for (i = 0; i < out->shape->n; i++) {
            if (strcmp(out->shape->fields[i].field.name, key) == 0) {
                out->originals[i] = slice;
            }
        }
    }

    return true;
}


/* central refuses a record in which a member lacks that may not be null */

static int
encode_v7_field(msync_row_t *row, v7_out_t *out, size_t i)
{
    char                    *name;
    int                      rc;
    msync_value_t            value;
    const msync_v7_field_t  *field = &out->shape->fields[i];
    const msync_v7_place_t  *place;

    if (encode_v7_check(row, out, field) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    msync_encode_key(&out->encode, field->field.name);

    if (out->originals[i].type != MSYNC_JSON_NONE && !field->lookup_first
        && encode_v7_is_unchanged(row, field, &out->originals[i]))
    {
        msync_json_put_slice(&out->encode.out, &out->originals[i]);
        return MSYNC_OK;
    }

    place = encode_v7_value(row, field, &out->originals[i], &value);
    out->encode.narrow = !field->wide;

    name = row->table->fields[place->column].name;
    rc = msync_encode_field(&out->encode, &field->field, name, &value);

    if (rc != MSYNC_OK && place->kind == MSYNC_V7_PROPERTY) {
        msync_err_context(out->encode.err, place->text);
    }

    return rc;
}


/* what is no object has no members either, and a flag that is none is not set,
 * but nobody has said so: as by v5 and v6 the row waits, unless central sent
 * it */

static int
encode_v7_check(const msync_row_t *row, v7_out_t *out,
    const msync_v7_field_t *field)
{
    int                      rc = MSYNC_OK;
    size_t                   i, at;
    encode_t                 encode = { .err = out->encode.err };
    msync_json_slice_t       slice;
    const msync_field_t     *column;
    const msync_value_t     *value;
    const msync_v7_place_t  *place;

    for (i = 0; rc == MSYNC_OK && i < field->nplaces; i++) {
        place = &field->places[i];
        at = place->kind == MSYNC_V7_FLAGGED ? place->second : place->column;
        column = &row->table->fields[at];
        value = &row->values[at];

        if (value->kind == MSYNC_VALUE_NULL
            || encode_v7_is_clear(place, value)
            || msync_unknown_as_it_is(row, column, value, &slice))
        {
            continue;
        }

        /* it may still be another word for nothing, and else has an error */
        rc = msync_encode_field(&encode, column, column->name, value);
        msync_json_out_free(&encode.out);
        rc = rc == MSYNC_DONE ? MSYNC_OK : rc;
    }

    return rc;
}


static bool
encode_v7_is_clear(const msync_v7_place_t *place, const msync_value_t *value)
{
    switch (place->kind) {

    case MSYNC_V7_FLAGGED:
        return msync_encode_flag(value) >= 0;

    case MSYNC_V7_PROPERTY:
        return encode_v7_is_object(value);

    default:
        return true;
    }
}


static bool
encode_v7_is_object(const msync_value_t *value)
{
    msync_json_t        json;
    msync_json_slice_t  slice;

    if (value->kind != MSYNC_VALUE_TEXT && value->kind != MSYNC_VALUE_BLOB) {
        return false;
    }

    msync_json_init(&json, value->text, value->length);

    return msync_json_skip(&json, &slice) && msync_json_end(&json)
           && slice.type == MSYNC_JSON_OBJECT && !slice.garbled;
}


/* how many of its places are members of an object; these come first */

static size_t
encode_v7_members(const msync_v7_field_t *field)
{
    size_t  n;

    for (n = 0; n < field->nplaces; n++) {
        if (field->places[n].kind != MSYNC_V7_PROPERTY) {
            break;
        }
    }

    return n;
}


/* whether the columns are still what was made of the value that came */

static bool
encode_v7_is_unchanged(const msync_row_t *row, const msync_v7_field_t *field,
    const msync_json_slice_t *slice)
{
    bool                     same = true;
    size_t                   i;
    msync_err_t              err;
    msync_row_t              made;
    msync_value_t            value = { 0 }, now;
    msync_v7_field_t         member = { .places = field->places };
    msync_v7_object_t        object = { 0 };
    const msync_v7_place_t  *place;

    msync_row_init(&made, row->table);
    memcpy(made.values, row->values, row->table->n * sizeof(msync_value_t));
    made.memory = msync_alloc(slice->length + 1);

    if (slice->type != MSYNC_JSON_NULL
        && msync_decode_value(&made, &value, &field->field, slice, &err)
           != MSYNC_OK)
    {
        same = false;
    }

    msync_v7_put(&made, &object, field, &value);
    msync_json_out_free(&object.json);

    for (i = 0; same && i < field->nplaces; i++) {
        place = &field->places[i];

        if (place->read_only || place->derived
            || place->kind == MSYNC_V7_PROPERTY)
        {
            continue;
        }

        if (made.values[place->column].kind == MSYNC_VALUE_NULL) {
            (void) msync_decode_nothing(&made, place->column, false, &err);
        }

        same = msync_v7_equal(&made.values[place->column],
                              &row->values[place->column])
               && ((place->kind != MSYNC_V7_MOMENT
                    && place->kind != MSYNC_V7_FLAGGED)
                   || msync_v7_equal(&made.values[place->second],
                                     &row->values[place->second]));
    }

    if (same && field->places[0].kind == MSYNC_V7_PROPERTY) {
        memcpy(made.values, row->values,
               row->table->n * sizeof(msync_value_t));
        made.side = MSYNC_V7;
        member.nplaces = encode_v7_members(field);
        (void) msync_v7_get(&made, &member, &now);
        same = msync_v7_equal(&value, &now);
    }

    msync_row_clear(&made);
    return same;
}


/* what its places say, or what stands for nothing; returns the place that a
 * fault is in */

static const msync_v7_place_t *
encode_v7_value(msync_row_t *row, const msync_v7_field_t *field,
    const msync_json_slice_t *original, msync_value_t *value)
{
    const msync_v7_place_t  *place = msync_v7_get(row, field, value);

    if (place == NULL
        || (field->reference && value->kind == MSYNC_VALUE_TEXT
            && value->length == 0))
    {
        memset(value, 0, sizeof(*value));
    }

    if (field->lookup_first) {
        encode_v7_look_up_first(row, field, original, value);

    } else if (value->kind == MSYNC_VALUE_NULL
               && !msync_v7_look_up(row, &field->lookup, value))
    {
        *value = field->fallback;
    }

    return place ? place : &field->places[0];
}


/*
 * A column that v7 alone has may be one that the application does not know:
 * what is looked up is newer, unless `was`, what was looked up by when the
 * record came, is what is looked up by now.
 */

static void
encode_v7_look_up_first(msync_row_t *row, const msync_v7_field_t *field,
    const msync_json_slice_t *was, msync_value_t *value)
{
    bool                      same;
    char                     *text;
    msync_value_t             found;
    const msync_value_t      *of = &row->values[field->lookup.of];
    const msync_v7_lookup_t  *lookup = &field->lookup;

    text = msync_json_text(was, was->length * 3);
    same = text != NULL && of->kind == MSYNC_VALUE_TEXT
           && strcmp(text, of->text) == 0;

    if (!same && msync_v7_look_up(row, lookup, &found)) {
        *value = found;

    } else if (!same && text != NULL) {
        memset(value, 0, sizeof(*value));
    }

    msync_free(&text);
}


/* members that v7.json does not know go back as they came */

static void
encode_v7_unknown(const msync_row_t *row, v7_out_t *out)
{
    char                key[MSYNC_JSON_KEY_MAX];
    size_t              i;
    msync_json_t        json;
    msync_json_slice_t  slice;

    if (!encode_v7_enter(row, &json)) {
        return;
    }

    while (msync_json_member(&json, key) && msync_json_skip(&json, &slice)) {
        for (i = 0; i < out->shape->n; i++) {
            if (strcmp(out->shape->fields[i].field.name, key) == 0) {
                break;
            }
        }

        if (i == out->shape->n) {
            msync_json_put(&out->encode.out, ",", 1);
            msync_json_put_slice(&out->encode.out, &json.key);
            msync_json_put(&out->encode.out, ":", 1);
            msync_json_put_slice(&out->encode.out, &slice);
        }
    }
}
