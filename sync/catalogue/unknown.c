/*
 * Values that central sent and that are none that the catalogue knows: words
 * of a newer server, members of an object in another form, a text that should
 * be JSON.
 *
 * Promises: such a value is in its column as it came, and goes back to central
 * as long as the column says the same; what has changed here is looked at as
 * strictly as any other.
 */

#include <string.h>
#include <strings.h>

#include "catalogue/encode_private.h"


static bool unknown_may_be(const msync_field_t *field);
static bool unknown_is_valid(const msync_field_t *field,
    const msync_value_t *value);
static bool unknown_find(const msync_row_t *row, const msync_field_t *field,
    msync_json_slice_t *slice);


const char *
msync_field_word(const msync_field_t *field, const char *word)
{
    size_t       i;
    const char  *found = NULL;

    for (i = 0; field->words[i] != NULL; i++) {
        if (strcmp(field->words[i], word) == 0) {
            return word;
        }

        if (found == NULL && strcasecmp(field->words[i], word) == 0) {
            found = field->words[i];
        }
    }

    return found == NULL && (field->encoding & MSYNC_ENC_ANY_WORD) ? word
                                                                   : found;
}


bool
msync_field_knows(const msync_field_t *field, const msync_value_t *value)
{
    encode_e  result;
    encode_t  encode = { 0 };

    if (value->kind != MSYNC_VALUE_TEXT) {
        return true;
    }

    if (field->words != NULL) {
        return msync_field_word(field, value->text) != NULL;
    }

    if (!(field->encoding & (MSYNC_ENC_ARRAY_TEXT|MSYNC_ENC_JSON_TEXT))) {
        return true;
    }

    result = msync_encode_value(&encode, field, value);
    msync_json_out_free(&encode.out);

    return result != ENCODE_UNCLEAR;
}


/* whether there may be values of it that the catalogue does not know */

static bool
unknown_may_be(const msync_field_t *field)
{
    return field->words != NULL || field->properties != NULL
           || (field->encoding & (MSYNC_ENC_ARRAY_TEXT|MSYNC_ENC_JSON_TEXT));
}


/* of JSON that other readers refuse central would take nothing, whoever sent
 * it first */

static bool
unknown_is_valid(const msync_field_t *field, const msync_value_t *value)
{
    encode_e            result;
    encode_t            encode = { 0 };
    msync_json_t        json;
    msync_json_slice_t  slice;

    if (value->kind != MSYNC_VALUE_TEXT || field->properties == NULL) {
        return (field->words != NULL && value->length == 0)
               || msync_field_knows(field, value);
    }

    msync_json_init(&json, value->text, value->length);

    if (!msync_json_skip(&json, &slice) || !msync_json_is_common(&slice)) {
        return true;
    }

    result = msync_encode_value(&encode, field, value);
    msync_json_out_free(&encode.out);

    return result != ENCODE_UNCLEAR;
}


void
msync_unknown_put(msync_json_out_t *extra, const msync_row_t *row,
    const msync_json_slice_t *slices)
{
    bool                  any = false;
    size_t                i;
    const msync_field_t  *field;

    for (i = 0; i < row->table->n; i++) {
        field = &row->table->fields[i];

        if (!unknown_may_be(field)
            || slices[i].type == MSYNC_JSON_NONE
            || unknown_is_valid(field, &row->values[i]))
        {
            continue;
        }

        msync_json_put_text(extra, extra->length ? "," : "{");
        msync_json_put_text(extra, any ? "" : "\"" MSYNC_UNKNOWN_EXTRA "\":{");
        msync_json_put_string(extra, field->name);
        msync_json_put(extra, ":", 1);
        msync_json_put_slice(extra, &slices[i]);
        any = true;
    }

    if (any) {
        msync_json_put(extra, "}", 1);
    }
}


static bool
unknown_find(const msync_row_t *row, const msync_field_t *field,
    msync_json_slice_t *slice)
{
    char          key[MSYNC_JSON_KEY_MAX];
    bool          inside = false;
    msync_json_t  json;

    if (row->extra == NULL) {
        return false;
    }

    msync_json_init(&json, row->extra, strlen(row->extra));

    if (!msync_json_enter(&json, MSYNC_JSON_OBJECT)) {
        return false;
    }

    while (msync_json_member(&json, key)) {
        if (!inside && strcmp(key, MSYNC_UNKNOWN_EXTRA) == 0) {
            inside = msync_json_enter(&json, MSYNC_JSON_OBJECT);

            if (!inside) {
                return false;
            }

        } else if (!msync_json_skip(&json, slice)) {
            return false;

        } else if (inside && strcmp(key, field->name) == 0) {
            return true;
        }
    }

    return false;
}


bool
msync_unknown_as_it_is(const msync_row_t *row, const msync_field_t *field,
    const msync_value_t *value, msync_json_slice_t *slice)
{
    bool     same;
    char    *text;
    size_t   length;

    if (!unknown_may_be(field)
        || value->kind != MSYNC_VALUE_TEXT || !unknown_find(row, field, slice))
    {
        return false;
    }

    text = field->type == MSYNC_TYPE_STRING
           ? msync_json_text(slice, slice->length * 3)
           : msync_json_raw(slice, &length);
    same = text != NULL && strcmp(text, value->text) == 0;
    msync_free(&text);

    return same;
}
