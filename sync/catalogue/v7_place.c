/*
 * Values of v7's in the columns of a row, and back.
 *
 * Promises: nothing is guessed; where a column cannot hold what v7 says, the
 * caller can tell by reading it back.
 */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "catalogue/encode_private.h"
#include "catalogue/moment_private.h"
#include "catalogue/v7_private.h"

#define PLACE_NOISE  1e9       /* a product is read to nine decimals */


static bool place_is_open(const msync_row_t *row,
    const msync_v7_place_t *place);
static void place_set(msync_row_t *row, size_t column,
    const msync_value_t *value);
static void place_set_integer(msync_row_t *row, size_t column, int64_t value);
static void place_set_text(msync_row_t *row, size_t column, const char *text,
    size_t length);
static void place_put(msync_row_t *row, msync_v7_object_t *object,
    const msync_v7_place_t *place, const msync_value_t *value);
static void place_put_word(msync_row_t *row, const msync_v7_place_t *place,
    const msync_value_t *value);
static void place_put_json(msync_row_t *row, const msync_v7_place_t *place,
    const msync_value_t *value);
static void place_put_moment(msync_row_t *row, const msync_v7_place_t *place,
    const msync_value_t *value);
static void place_put_number(msync_row_t *row, const msync_v7_place_t *place,
    double number);
static void place_put_property(msync_v7_object_t *object,
    const msync_v7_place_t *place, const msync_value_t *value);
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
static bool place_number(const msync_value_t *value, double *number);
static bool place_is_empty(const msync_value_t *value);


/*
 * A newer server has words of which v7.json says nothing: where the column
 * takes any word it has that one, and where what one word means depends on
 * another one that is such, what it means in the last place.
 */

void
msync_v7_put(msync_row_t *row, msync_v7_object_t *object,
    const msync_v7_field_t *field, const msync_value_t *value)
{
    bool                     put = false, unknown;
    size_t                   i;
    const msync_v7_place_t  *place, *open = NULL;

    unknown = value->kind == MSYNC_VALUE_TEXT && field->field.words != NULL
              && msync_field_word(&field->field, value->text) == NULL;

    for (i = 0; i < field->nplaces; i++) {
        place = &field->places[i];

        if (place->read_only) {
            continue;
        }

        open = place_is_open(row, place) ? place : open;

        if (!msync_v7_holds(row, place->when, place->nwhen)) {
            continue;
        }

        put = put || place == open;

        if (unknown && place == open) {
            place_set(row, place->column, value);
        } else {
            place_put(row, object, place, value);
        }
    }

    if (open != NULL && !put) {
        place_put(row, object, open, value);
    }
}


/* whether a word stands there, and others than are known may stand there */

static bool
place_is_open(const msync_row_t *row, const msync_v7_place_t *place)
{
    return place->kind == MSYNC_V7_WORDS && !place->derived
           && row->table->fields[place->column].words != NULL
           && (row->table->fields[place->column].encoding
               & MSYNC_ENC_ANY_WORD);
}


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
           && place_number(one, &a) && place_number(other, &b) && a == b;
}


static void
place_set(msync_row_t *row, size_t column, const msync_value_t *value)
{
    row->values[column] = *value;
    row->present[column] = true;
}


static void
place_set_integer(msync_row_t *row, size_t column, int64_t value)
{
    row->present[column] = true;
    row->values[column].kind = MSYNC_VALUE_INTEGER;
    row->values[column].integer = value;
}


static void
place_set_text(msync_row_t *row, size_t column, const char *text,
    size_t length)
{
    row->present[column] = true;
    row->values[column].kind = MSYNC_VALUE_TEXT;
    row->values[column].text = msync_row_text(row, text, length);
    row->values[column].length = length;
}


static void
place_put(msync_row_t *row, msync_v7_object_t *object,
    const msync_v7_place_t *place, const msync_value_t *value)
{
    double         number = 0;
    msync_value_t  none = { 0 };

    if (place->kind == MSYNC_V7_ABSENT) {
        place_set_integer(row, place->column,
                          value->kind == MSYNC_VALUE_NULL);
        return;
    }

    if (place->kind == MSYNC_V7_PROPERTY) {
        place_put_property(object, place, value);
        return;
    }

    if (place->kind == MSYNC_V7_FLAGGED) {
        place_set_integer(row, place->second,
                          value->kind != MSYNC_VALUE_NULL);
    }

    if (place->kind == MSYNC_V7_WORDS) {
        place_put_word(row, place, value);
        return;
    }

    if (value->kind == MSYNC_VALUE_NULL) {
        place_set(row, place->column, &none);

        if (place->kind == MSYNC_V7_MOMENT) {
            place_set_text(row, place->second, "00:00:00",
                           MSYNC_TIME_LENGTH);
        }

        if (place->empty) {
            place_set_text(row, place->column, "", 0);
        }
        return;
    }

    switch (place->kind) {

    case MSYNC_V7_NEGATED:
        place_set_integer(row, place->column, !value->integer);
        break;

    case MSYNC_V7_JSON:
        place_put_json(row, place, value);
        break;

    case MSYNC_V7_DATE:
    case MSYNC_V7_MOMENT:
        place_put_moment(row, place, value);
        break;

    case MSYNC_V7_FACTOR:
        (void) place_number(value, &number);
        place_put_number(row, place, number);
        break;

    default:
        place_set(row, place->column, value);
        break;
    }
}


/* the first pair counts; a word that has none stays out of the column */

static void
place_put_word(msync_row_t *row, const msync_v7_place_t *place,
    const msync_value_t *value)
{
    size_t       i;
    const char  *there;

    for (i = 0; i < place->nwords; i++) {
        there = place->words[i].there;

        if (there == NULL ? value->kind == MSYNC_VALUE_NULL
            : value->kind == MSYNC_VALUE_TEXT
              && strcmp(there, value->text) == 0)
        {
            place_set(row, place->column, &place->words[i].here);
            return;
        }
    }

    if (place->derived && place->text != NULL) {
        place_set_text(row, place->column, place->text, strlen(place->text));

    } else {
        place_set(row, place->column, &(msync_value_t) { 0 });
    }
}


/* a text that is no JSON is a JSON string */

static void
place_put_json(msync_row_t *row, const msync_v7_place_t *place,
    const msync_value_t *value)
{
    msync_json_t       json;
    msync_json_out_t   out = { 0 };

    msync_json_init(&json, value->text, value->length);

    if (msync_json_skip(&json, NULL) && msync_json_end(&json)) {
        place_set(row, place->column, value);
        return;
    }

    msync_json_put_string(&out, value->text);
    place_set_text(row, place->column, out.data, out.length);
    msync_json_out_free(&out);
}


static void
place_put_moment(msync_row_t *row, const msync_v7_place_t *place,
    const msync_value_t *value)
{
    size_t  date = strcspn(value->text, "T");

    place_set_text(row, place->column, value->text, date);

    if (place->kind == MSYNC_V7_MOMENT
        && value->length >= date + 1 + MSYNC_TIME_LENGTH)
    {
        place_set_text(row, place->second, value->text + date + 1,
                       MSYNC_TIME_LENGTH);
    }
}


static void
place_put_number(msync_row_t *row, const msync_v7_place_t *place,
    double number)
{
    number *= place->factor;

    if (row->table->fields[place->column].type == MSYNC_TYPE_INTEGER) {
        number = round(number);
        number = fabs(number) < INT32_MAX ? number : 0;
        place_set_integer(row, place->column, (int64_t) number);
        return;
    }

    row->present[place->column] = true;
    row->values[place->column].kind = MSYNC_VALUE_REAL;
    row->values[place->column].real = number;
}


static void
place_put_property(msync_v7_object_t *object, const msync_v7_place_t *place,
    const msync_value_t *value)
{
    char  number[32];

    object->column = place->column;

    if (value->kind == MSYNC_VALUE_NULL) {
        return;
    }

    msync_json_put(&object->json, object->json.length ? "," : "{", 1);
    msync_json_put_string(&object->json, place->text);
    msync_json_put(&object->json, ":", 1);

    if (value->kind == MSYNC_VALUE_TEXT) {
        msync_json_put_string(&object->json, value->text);

    } else if (value->kind == MSYNC_VALUE_INTEGER) {
        msync_json_put_integer(&object->json, value->integer);

    } else {
        (void) snprintf(number, sizeof(number), "%.17g", value->real);
        msync_json_put_text(&object->json, number);
    }
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
        if (msync_encode_flag(&row->values[place->second]) == 0) {
            value->kind = MSYNC_VALUE_NULL;
        }
        break;

    case MSYNC_V7_FACTOR:
        if (place_number(value, &number)) {
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

    if (!place_number(value, &one)
        || !place_number(&row->values[place->second], &other))
    {
        value->kind = MSYNC_VALUE_NULL;
        return;
    }

    if (place->tax != MSYNC_V7_NO_COLUMN) {
        (void) place_number(&row->values[place->tax], &tax);
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

    if (place_number(value, &seconds) && seconds != 0
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
               : place_number(value, &number)
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


static bool
place_number(const msync_value_t *value, double *number)
{
    char  *end;

    switch (value->kind) {

    case MSYNC_VALUE_INTEGER:
        *number = (double) value->integer;
        return true;

    case MSYNC_VALUE_REAL:
        *number = value->real;
        return true;

    case MSYNC_VALUE_TEXT:
        *number = strtod(value->text, &end);
        return end != value->text && *end == '\0' && isfinite(*number);

    default:
        return false;
    }
}


static bool
place_is_empty(const msync_value_t *value)
{
    return value->kind == MSYNC_VALUE_NULL
           || (value->kind == MSYNC_VALUE_TEXT && value->length == 0);
}
