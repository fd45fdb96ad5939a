/*
 * Values that v7 is told, out of the columns of a row; and which conditions of
 * v7.json hold in it.
 *
 * Promises: nothing is guessed.
 */

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "catalogue/encode_private.h"
#include "catalogue/moment_private.h"
#include "catalogue/v7_private.h"

#define PLACE_NOISE  1e9       /* a product is read to nine decimals */


static bool place_get(msync_row_t *row, const msync_v7_place_t *place,
    msync_value_t *value);
static void place_get_flag(msync_value_t *value, bool negated);
static void place_get_word(const msync_v7_place_t *place,
    msync_value_t *value);
static void place_get_product(const msync_row_t *row,
    const msync_v7_place_t *place, msync_value_t *value);
static void place_get_property(msync_row_t *row,
    const msync_v7_place_t *place, msync_value_t *value);
static void place_get_unix(msync_row_t *row, msync_value_t *value);
static bool place_is_none(const msync_v7_place_t *place,
    const msync_value_t *value);
static bool place_is_among(char *const *words, const msync_value_t *value);
static bool place_is_empty(const msync_value_t *value);


const msync_v7_place_t *
msync_v7_get(msync_row_t *row, const msync_v7_field_t *field,
    msync_value_t *value)
{
    size_t                   i;
    const msync_v7_place_t  *place;

    for (i = 0; i < field->nplaces; i++) {
        place = &field->places[i];

        if (!place->derived && msync_v7_holds(row, place->when, place->nwhen)
            && place_get(row, place, value)
            && (!place->known || place_is_among(field->field.words, value)))
        {
            return place;
        }
    }

    memset(value, 0, sizeof(*value));
    return NULL;
}


bool
msync_v7_holds(const msync_row_t *row, const msync_v7_when_t *when, size_t n)
{
    size_t          i;
    msync_value_t   value;

    for (i = 0; i < n; i++) {
        if (when[i].column != MSYNC_V7_NO_COLUMN) {
            value = row->values[when[i].column];

        } else if (!msync_v7_look_up(row, &when[i].lookup, &value)) {
            return false;
        }

        if (!place_is_among(when[i].among, &value)) {
            return false;
        }
    }

    return true;
}


/* servers and applications write words in any case */

static bool
place_is_among(char *const *words, const msync_value_t *value)
{
    size_t       i;
    const char  *text = value->kind == MSYNC_VALUE_TEXT ? value->text : "";

    if (words == NULL) {
        return !place_is_empty(value);
    }

    for (i = 0; words[i] != NULL; i++) {
        if (strcasecmp(words[i], text) == 0) {
            return true;
        }
    }

    return false;
}


bool
msync_v7_look_up(const msync_row_t *row, const msync_v7_lookup_t *lookup,
    msync_value_t *value)
{
    const msync_value_t  *of;

    if (lookup->table == NULL || row->lookup == NULL) {
        return false;
    }

    of = &row->values[lookup->of];

    return !place_is_empty(of) && of->kind == MSYNC_VALUE_TEXT
           && row->lookup((msync_row_t *) row, lookup->table, lookup->by,
                          of->text, lookup->take, value)
           && !place_is_empty(value);
}


bool
msync_v7_equal(const msync_value_t *one, const msync_value_t *other)
{
    double  a, b;

    if (one->kind == MSYNC_VALUE_TEXT && other->kind == MSYNC_VALUE_TEXT) {
        return one->length == other->length
               && memcmp(one->text, other->text, one->length) == 0;
    }

    if (one->kind == MSYNC_VALUE_NULL || other->kind == MSYNC_VALUE_NULL) {
        return one->kind == other->kind;
    }

    return one->kind != MSYNC_VALUE_TEXT && other->kind != MSYNC_VALUE_TEXT
           && msync_v7_number(one, &a) && msync_v7_number(other, &b) && a == b;
}


static bool
place_get(msync_row_t *row, const msync_v7_place_t *place,
    msync_value_t *value)
{
    char    *text;
    double   number;

    *value = row->values[place->column];

    switch (place->kind) {

    case MSYNC_V7_WORDS:
        if (row->table->fields[place->column].type == MSYNC_TYPE_BOOLEAN) {
            place_get_flag(value, false);
        }

        place_get_word(place, value);
        break;

    case MSYNC_V7_NEGATED:
        place_get_flag(value, true);
        break;

    case MSYNC_V7_PROPERTY:
        place_get_property(row, place, value);
        break;

    case MSYNC_V7_DATE:
    case MSYNC_V7_MOMENT:
        msync_v7_moment(row, place, value);
        break;

    case MSYNC_V7_FLAGGED:
        if (msync_encode_flag(&row->values[place->second]) <= 0) {
            value->kind = MSYNC_VALUE_NULL;
        }
        break;

    case MSYNC_V7_FACTOR:
        if (msync_v7_number(value, &number)) {
            value->kind = MSYNC_VALUE_REAL;
            value->real = round(number / place->factor * PLACE_NOISE)
                          / PLACE_NOISE;
        }
        break;

    case MSYNC_V7_BEFORE:
        text = value->kind == MSYNC_VALUE_TEXT
               ? strstr(value->text, place->text) : NULL;
        if (text != NULL) {
            value->length = text - value->text;
            value->text = msync_row_text(row, value->text, value->length);
        }
        break;

    case MSYNC_V7_PRODUCT:
        place_get_product(row, place, value);
        break;

    case MSYNC_V7_UNIX:
        place_get_unix(row, value);
        break;

    default:
        break;
    }

    if (place_is_none(place, value)) {
        value->kind = MSYNC_VALUE_NULL;
    }

    return value->kind != MSYNC_VALUE_NULL;
}


/* what an application has written in another form */

static void
place_get_flag(msync_value_t *value, bool negated)
{
    int  flag = msync_encode_flag(value);

    if (flag >= 0) {
        value->kind = MSYNC_VALUE_INTEGER;
        value->integer = negated ? !flag : flag;
    }
}


static void
place_get_word(const msync_v7_place_t *place, msync_value_t *value)
{
    size_t                  i;
    const msync_v7_word_t  *word;

    for (i = 0; i < place->nwords; i++) {
        word = &place->words[i];

        if (msync_v7_equal(&word->here, value)
            || (value->kind == MSYNC_VALUE_TEXT
                && word->here.kind == MSYNC_VALUE_TEXT
                && strcasecmp(word->here.text, value->text) == 0))
        {
            value->kind = word->there ? MSYNC_VALUE_TEXT : MSYNC_VALUE_NULL;
            value->text = word->there;
            value->length = word->there ? strlen(word->there) : 0;
            return;
        }
    }

    /* a word here that v7 does not have: "other" in v7.json stands for it */
    if (place->text != NULL && value->kind != MSYNC_VALUE_NULL) {
        value->kind = MSYNC_VALUE_TEXT;
        value->text = place->text;
        value->length = strlen(place->text);
    }
}


static void
place_get_product(const msync_row_t *row, const msync_v7_place_t *place,
    msync_value_t *value)
{
    double  one, other, tax = 0;

    if (!msync_v7_number(value, &one)
        || !msync_v7_number(&row->values[place->second], &other))
    {
        value->kind = MSYNC_VALUE_NULL;
        return;
    }

    if (place->tax != MSYNC_V7_NO_COLUMN) {
        (void) msync_v7_number(&row->values[place->tax], &tax);
    }

    value->kind = MSYNC_VALUE_REAL;
    value->real = round(one * other * (1 + tax / 100) * PLACE_NOISE)
                  / PLACE_NOISE;
}


/* 0 is none */

static void
place_get_unix(msync_row_t *row, msync_value_t *value)
{
    char             text[MSYNC_MOMENT_MAX];
    double           seconds;
    msync_moment_t   moment;

    if (msync_v7_number(value, &seconds) && seconds != 0
        && msync_moment_read_number(&moment, seconds, MSYNC_MOMENT_DATETIME))
    {
        value->kind = MSYNC_VALUE_TEXT;
        value->length = msync_moment_put_datetime(&moment, text);
        value->text = msync_row_text(row, text, value->length);

    } else {
        value->kind = MSYNC_VALUE_NULL;
    }
}


/* what stands for nothing in a column */

static bool
place_is_none(const msync_v7_place_t *place, const msync_value_t *value)
{
    double  number = 0;

    if (place->empty && place_is_empty(value)) {
        return true;
    }

    return place->none != NULL
           && (value->kind == MSYNC_VALUE_TEXT
               ? strcmp(value->text, place->none) == 0
               : msync_v7_number(value, &number)
                 && number == strtod(place->none, NULL));
}


/* a member that is an object or an array says nothing that v7 could carry */

static void
place_get_property(msync_row_t *row, const msync_v7_place_t *place,
    msync_value_t *value)
{
    char                 key[MSYNC_JSON_KEY_MAX], *text;
    msync_json_t         json;
    msync_json_slice_t   slice, found = { 0 };

    if (value->kind == MSYNC_VALUE_TEXT || value->kind == MSYNC_VALUE_BLOB) {
        msync_json_init(&json, value->text, value->length);

    } else {
        msync_json_init(&json, "", 0);
    }

    memset(value, 0, sizeof(*value));

    if (msync_json_enter(&json, MSYNC_JSON_OBJECT)) {
        while (msync_json_member(&json, key)
               && msync_json_skip(&json, &slice))
        {
            if (found.type == MSYNC_JSON_NONE
                && strcmp(key, place->text) == 0)
            {
                found = slice;
            }
        }
    }

    if (found.type == MSYNC_JSON_STRING || found.type == MSYNC_JSON_NUMBER) {
        text = found.type == MSYNC_JSON_STRING
               ? msync_json_text(&found, found.length * 3)
               : msync_strndup(found.data, found.length);

        if (text != NULL) {
            value->kind = MSYNC_VALUE_TEXT;
            value->text = msync_row_own(row, text);
            value->length = strlen(text);
        }
    }
}


bool
msync_v7_number(const msync_value_t *value, double *number)
{
    if (value->kind == MSYNC_VALUE_INTEGER) {
        *number = (double) value->integer;
        return true;
    }

    return msync_encode_read_real(value, number);
}


static bool
place_is_empty(const msync_value_t *value)
{
    return value->kind == MSYNC_VALUE_NULL
           || (value->kind == MSYNC_VALUE_TEXT && value->length == 0);
}
