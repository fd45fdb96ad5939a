/*
 * Values of v7's into the columns of a row.
 *
 * Promises: nothing is guessed; where a column cannot hold what v7 says, the
 * caller can tell by reading it back (v7_place.c).
 */

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "catalogue/moment_private.h"
#include "catalogue/v7_private.h"


static bool put_is_open(const msync_row_t *row,
    const msync_v7_place_t *place);
static void put_set(msync_row_t *row, size_t column,
    const msync_value_t *value);
static void put_set_integer(msync_row_t *row, size_t column, int64_t value);
static void put_set_text(msync_row_t *row, size_t column, const char *text,
    size_t length);
static void put_value(msync_row_t *row, msync_v7_object_t *object,
    const msync_v7_place_t *place, const msync_value_t *value);
static void put_word(msync_row_t *row, const msync_v7_place_t *place,
    const msync_value_t *value);
static void put_json(msync_row_t *row, const msync_v7_place_t *place,
    const msync_value_t *value);
static void put_moment(msync_row_t *row, const msync_v7_place_t *place,
    const msync_value_t *value);
static void put_number(msync_row_t *row, const msync_v7_place_t *place,
    double number);
static void put_property(msync_v7_object_t *object,
    const msync_v7_place_t *place, const msync_value_t *value);


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

        open = put_is_open(row, place) ? place : open;

        if (!msync_v7_holds(row, place->when, place->nwhen)) {
            continue;
        }

        put = put || place == open;

        if (unknown && place == open) {
            put_set(row, place->column, value);
        } else {
            put_value(row, object, place, value);
        }
    }

    if (open != NULL && !put) {
        put_value(row, object, open, value);
    }
}


/* whether a word stands there, and others than are known may stand there */

static bool
put_is_open(const msync_row_t *row, const msync_v7_place_t *place)
{
    return place->kind == MSYNC_V7_WORDS && !place->derived
           && row->table->fields[place->column].words != NULL
           && (row->table->fields[place->column].encoding
               & MSYNC_ENC_ANY_WORD);
}


static void
put_set(msync_row_t *row, size_t column, const msync_value_t *value)
{
    row->values[column] = *value;
    row->present[column] = true;
}


static void
put_set_integer(msync_row_t *row, size_t column, int64_t value)
{
    row->present[column] = true;
    row->values[column].kind = MSYNC_VALUE_INTEGER;
    row->values[column].integer = value;
}


static void
put_set_text(msync_row_t *row, size_t column, const char *text,
    size_t length)
{
    row->present[column] = true;
    row->values[column].kind = MSYNC_VALUE_TEXT;
    row->values[column].text = msync_row_text(row, text, length);
    row->values[column].length = length;
}


static void
put_value(msync_row_t *row, msync_v7_object_t *object,
    const msync_v7_place_t *place, const msync_value_t *value)
{
    double         number = 0;
    msync_value_t  none = { 0 };

    if (place->kind == MSYNC_V7_ABSENT) {
        put_set_integer(row, place->column,
                        value->kind == MSYNC_VALUE_NULL);
        return;
    }

    if (place->kind == MSYNC_V7_PROPERTY) {
        put_property(object, place, value);
        return;
    }

    if (place->kind == MSYNC_V7_FLAGGED) {
        put_set_integer(row, place->second,
                        value->kind != MSYNC_VALUE_NULL);
    }

    if (place->kind == MSYNC_V7_WORDS) {
        put_word(row, place, value);
        return;
    }

    if (value->kind == MSYNC_VALUE_NULL) {
        put_set(row, place->column, &none);

        if (place->kind == MSYNC_V7_MOMENT) {
            put_set_text(row, place->second, "00:00:00",
                         MSYNC_TIME_LENGTH);
        }

        if (place->empty) {
            put_set_text(row, place->column, "", 0);
        }
        return;
    }

    switch (place->kind) {

    case MSYNC_V7_NEGATED:
        put_set_integer(row, place->column, !value->integer);
        break;

    case MSYNC_V7_JSON:
        put_json(row, place, value);
        break;

    case MSYNC_V7_DATE:
    case MSYNC_V7_MOMENT:
        put_moment(row, place, value);
        break;

    case MSYNC_V7_FACTOR:
        (void) msync_v7_number(value, &number);
        put_number(row, place, number);
        break;

    default:
        put_set(row, place->column, value);
        break;
    }
}


/* the first pair counts; a word that has none stays out of the column */

static void
put_word(msync_row_t *row, const msync_v7_place_t *place,
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
            put_set(row, place->column, &place->words[i].here);
            return;
        }
    }

    if (place->derived && place->text != NULL) {
        put_set_text(row, place->column, place->text, strlen(place->text));

    } else {
        put_set(row, place->column, &(msync_value_t) { 0 });
    }
}


/* a text that is no JSON is a JSON string */

static void
put_json(msync_row_t *row, const msync_v7_place_t *place,
    const msync_value_t *value)
{
    msync_json_t       json;
    msync_json_out_t   out = { 0 };

    msync_json_init(&json, value->text, value->length);

    if (msync_json_skip(&json, NULL) && msync_json_end(&json)) {
        put_set(row, place->column, value);
        return;
    }

    msync_json_put_string(&out, value->text);
    put_set_text(row, place->column, out.data, out.length);
    msync_json_out_free(&out);
}


static void
put_moment(msync_row_t *row, const msync_v7_place_t *place,
    const msync_value_t *value)
{
    size_t  date = strcspn(value->text, "T");

    put_set_text(row, place->column, value->text, date);

    if (place->kind == MSYNC_V7_MOMENT
        && value->length >= date + 1 + MSYNC_TIME_LENGTH)
    {
        put_set_text(row, place->second, value->text + date + 1,
                     MSYNC_TIME_LENGTH);
    }
}


static void
put_number(msync_row_t *row, const msync_v7_place_t *place,
    double number)
{
    number *= place->factor;

    if (row->table->fields[place->column].type == MSYNC_TYPE_INTEGER) {
        number = round(number);
        number = fabs(number) < INT32_MAX ? number : 0;
        put_set_integer(row, place->column, (int64_t) number);
        return;
    }

    row->present[place->column] = true;
    row->values[place->column].kind = MSYNC_VALUE_REAL;
    row->values[place->column].real = number;
}


static void
put_property(msync_v7_object_t *object, const msync_v7_place_t *place,
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
