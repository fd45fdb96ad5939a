/*
 * Reads v7.json: shapes of v7's tables.
 *
 * Promises: a shape that was accepted names tables, columns and words that
 * are there; a table that a tables file left out has none.
 */

#include <stdlib.h>
#include <string.h>

#include "catalogue/v7_private.h"


typedef struct {
    const msync_catalogue_t  *catalogue;
    const msync_table_t      *table;
    msync_err_t              *err;
} shape_reader_t;


static int shape_read(msync_catalogue_t *catalogue, const cJSON *json,
    msync_err_t *err);
static int shape_fault(const shape_reader_t *reader, const char *what);
static int shape_column(const shape_reader_t *reader, const cJSON *json,
    const char *name, size_t *column);
static int shape_read_lookup(const shape_reader_t *reader, const cJSON *json,
    msync_v7_lookup_t *lookup);
static int shape_read_when(const shape_reader_t *reader, const cJSON *json,
    msync_v7_when_t *when);
static int shape_read_whens(const shape_reader_t *reader, const cJSON *list,
    msync_v7_when_t **when, size_t *n);
static void shape_read_value(const cJSON *json, msync_value_t *value);
static void shape_read_words(const cJSON *list, msync_v7_place_t *place);
static int shape_read_place(const shape_reader_t *reader, const cJSON *json,
    msync_v7_place_t *place);
static int shape_read_places(const shape_reader_t *reader, const cJSON *json,
    msync_v7_field_t *field);
static int shape_read_field(const shape_reader_t *reader, const cJSON *json,
    msync_v7_field_t *field);
static int shape_read_fields(const shape_reader_t *reader, const cJSON *json,
    msync_v7_shape_t *shape);
static void shape_sort(msync_v7_shape_t *shape);
static int shape_read_sets(const shape_reader_t *reader, const cJSON *list,
    msync_v7_shape_t *shape);
static int shape_read_blanks(const shape_reader_t *reader, const cJSON *list,
    msync_v7_shape_t *shape);
static int shape_read_envelope(const shape_reader_t *reader,
    const cJSON *json, msync_v7_shape_t *shape);
static void shape_clear_whens(msync_v7_when_t *when, size_t n);
static void shape_clear_field(msync_v7_field_t *field);
static void shape_clear(msync_v7_shape_t *shape);


/* in the order of the bits MSYNC_V7_… of v7.h */

static const char  *const shape_styles[] = {
    "Central", "Remote", "RemoteOwned", "Transfer", "Patient", "File",
    "RemoteToCentral", NULL
};


int
msync_v7_attach(msync_catalogue_t *catalogue, const cJSON *v7,
    msync_err_t *err)
{
    int           rc = MSYNC_OK;
    const cJSON  *shape;

    cJSON_ArrayForEach(shape, v7) {
        if (rc == MSYNC_OK) {
            rc = shape_read(catalogue, shape, err);
        }
    }

    msync_v7_sort_names(catalogue);

    return rc;
}


static int
shape_read(msync_catalogue_t *catalogue, const cJSON *json, msync_err_t *err)
{
    int                style;
    unsigned           styles = 0;
    const cJSON       *item;
    msync_table_t     *table;
    shape_reader_t     reader = { catalogue, NULL, err };
    msync_v7_shape_t  *shape;

    table = (msync_table_t *) msync_catalogue_find(catalogue,
                                  msync_catalogue_string(json, "table"));
    if (table == NULL) {
        return MSYNC_OK;
    }

    reader.table = table;
    table->shapes = msync_realloc(table->shapes, table->nshapes + 1,
                                  sizeof(msync_v7_shape_t));
    shape = &table->shapes[table->nshapes++];
    memset(shape, 0, sizeof(*shape));
    shape->name = msync_strdup(msync_catalogue_string(json, "name"));
    shape->deletes = msync_catalogue_bool(json, "delete");

    cJSON_ArrayForEach(item, msync_catalogue_get(json, "styles")) {
        style = msync_catalogue_word(shape_styles, cJSON_GetStringValue(item));

        if (style < 0) {
            return shape_fault(&reader, "unknown style");
        }

        styles |= 1u << style;
    }

    table->v7_styles |= styles;

    if (styles & ~MSYNC_V7_TO_CENTRAL) {
        table->pull |= MSYNC_V7;
    }

    if (msync_catalogue_bool(json, "push")) {
        table->push |= MSYNC_V7;
    }

    if (msync_catalogue_get(json, "mark") != NULL) {
        shape->mark = msync_strdup(msync_catalogue_string(json, "mark"));

        if (shape_read_when(&reader, msync_catalogue_get(json, "rows"),
                            &shape->rows)
            != MSYNC_OK)
        {
            return MSYNC_ERROR;
        }
    }

    return shape_read_fields(&reader, msync_catalogue_get(json, "fields"),
                             shape)
               == MSYNC_OK
           && shape_read_sets(&reader, msync_catalogue_get(json, "sets"), shape)
              == MSYNC_OK
           && shape_read_blanks(&reader, msync_catalogue_get(json, "blank"),
                                shape)
              == MSYNC_OK
           ? shape_read_envelope(&reader,
                                 msync_catalogue_get(json, "envelope"),
                                 shape)
           : MSYNC_ERROR;
}


static int
shape_fault(const shape_reader_t *reader, const char *what)
{
    return msync_err_set(reader->err, MSYNC_ERR_UNKNOWN, "catalogue: v7.json, "
                         "table \"%s\": %s", reader->table->name, what);
}


/* the column that a member names; none where there is no such member */

static int
shape_column(const shape_reader_t *reader, const cJSON *json,
    const char *name, size_t *column)
{
    const char           *text = msync_catalogue_string(json, name);
    const msync_field_t  *field;

    *column = MSYNC_V7_NO_COLUMN;

    if (text == NULL) {
        return MSYNC_OK;
    }

    field = msync_table_field(reader->table, text);

    if (field == NULL) {
        return shape_fault(reader, text);
    }

    *column = field - reader->table->fields;
    return MSYNC_OK;
}


/* of a table that was left out nothing is found */

static int
shape_read_lookup(const shape_reader_t *reader, const cJSON *json,
    msync_v7_lookup_t *lookup)
{
    if (json == NULL) {
        return MSYNC_OK;
    }

    lookup->table = msync_catalogue_find(reader->catalogue,
                                         msync_catalogue_string(json,
                                                                "table"));
    if (lookup->table == NULL) {
        return MSYNC_OK;
    }

    lookup->by = msync_table_field(lookup->table,
                                   msync_catalogue_string(json, "by"));
    lookup->take = msync_table_field(lookup->table,
                                     msync_catalogue_string(json, "take"));

    return lookup->by == NULL || lookup->take == NULL
           ? shape_fault(reader, "a lookup names no field")
           : shape_column(reader, json, "of", &lookup->of);
}


static int
shape_read_when(const shape_reader_t *reader, const cJSON *json,
    msync_v7_when_t *when)
{
    size_t        n = 0;
    const cJSON  *word, *words = msync_catalogue_get(json, "among");

    if (words != NULL) {
        when->among = msync_calloc(cJSON_GetArraySize(words) + 1,
                                   sizeof(char *));
    }

    cJSON_ArrayForEach(word, words) {
        when->among[n++] = msync_strdup(cJSON_GetStringValue(word));
    }

    return shape_column(reader, json, "column", &when->column) == MSYNC_OK
           ? shape_read_lookup(reader, msync_catalogue_get(json, "lookup"),
                               &when->lookup)
           : MSYNC_ERROR;
}


static int
shape_read_whens(const shape_reader_t *reader, const cJSON *list,
    msync_v7_when_t **when, size_t *n)
{
    const cJSON  *item;

    *when = msync_calloc(cJSON_GetArraySize(list) + 1,
                         sizeof(msync_v7_when_t));

    cJSON_ArrayForEach(item, list) {
        if (shape_read_when(reader, item, &(*when)[(*n)++]) != MSYNC_OK) {
            return MSYNC_ERROR;
        }
    }

    return MSYNC_OK;
}


static void
shape_read_value(const cJSON *json, msync_value_t *value)
{
    if (cJSON_IsString(json)) {
        value->kind = MSYNC_VALUE_TEXT;
        value->text = msync_strdup(json->valuestring);
        value->length = strlen(value->text);

    } else if (cJSON_IsNumber(json) || cJSON_IsBool(json)) {
        value->kind = MSYNC_VALUE_INTEGER;
        value->integer = cJSON_IsNumber(json) ? json->valueint
                                              : cJSON_IsTrue(json);
    }
}


static void
shape_read_words(const cJSON *list, msync_v7_place_t *place)
{
    const cJSON      *pair;
    msync_v7_word_t  *word;

    place->kind = MSYNC_V7_WORDS;
    place->words = msync_calloc(cJSON_GetArraySize(list),
                                sizeof(msync_v7_word_t));

    cJSON_ArrayForEach(pair, list) {
        word = &place->words[place->nwords++];
        word->there = msync_strdup(
                          cJSON_GetStringValue(cJSON_GetArrayItem(pair, 0)));
        shape_read_value(cJSON_GetArrayItem(pair, 1), &word->here);
    }
}


/* one member of a place tells its kind */

static int
shape_read_place(const shape_reader_t *reader, const cJSON *json,
    msync_v7_place_t *place)
{
    size_t        i;
    const cJSON  *value;

    static const struct {
        const char       *member;
        msync_v7_kind_e   kind;
        bool              is_column;
    } kinds[] = {
        { "negate",   MSYNC_V7_NEGATED,  false },
        { "json",     MSYNC_V7_JSON,     false },
        { "property", MSYNC_V7_PROPERTY, false },
        { "date",     MSYNC_V7_DATE,     false },
        { "time",     MSYNC_V7_MOMENT,   true },
        { "flag",     MSYNC_V7_FLAGGED,  true },
        { "absent",   MSYNC_V7_ABSENT,   false },
        { "factor",   MSYNC_V7_FACTOR,   false },
        { "before",   MSYNC_V7_BEFORE,   false },
        { "product",  MSYNC_V7_PRODUCT,  true },
        { "unix",     MSYNC_V7_UNIX,     false }
    };

    for (i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
        value = msync_catalogue_get(json, kinds[i].member);

        if (value == NULL) {
            continue;
        }

        place->kind = kinds[i].kind;

        if (kinds[i].is_column
            && shape_column(reader, json, kinds[i].member, &place->second)
               != MSYNC_OK)
        {
            return MSYNC_ERROR;
        }

        if (cJSON_IsString(value) && !kinds[i].is_column) {
            place->text = msync_strdup(value->valuestring);
        }

        place->factor = cJSON_GetNumberValue(value);
    }

    if (msync_catalogue_get(json, "words") != NULL) {
        shape_read_words(msync_catalogue_get(json, "words"), place);
        place->text = msync_strdup(msync_catalogue_string(json, "other"));
    }

    place->empty = msync_catalogue_bool(json, "empty");
    place->known = msync_catalogue_bool(json, "known");
    place->none = msync_strdup(msync_catalogue_string(json, "none"));
    place->read_only = msync_catalogue_bool(json, "read_only");
    place->derived = msync_catalogue_bool(json, "derived");

    return shape_column(reader, json, "column", &place->column) == MSYNC_OK
           && shape_column(reader, json, "tax", &place->tax) == MSYNC_OK
           ? shape_read_whens(reader, msync_catalogue_get(json, "when"),
                              &place->when,
                              &place->nwhen)
           : MSYNC_ERROR;
}


/* a column's name alone is a place, and so is none: that of the field */

static int
shape_read_places(const shape_reader_t *reader, const cJSON *json,
    msync_v7_field_t *field)
{
    int           n, i, rc = MSYNC_OK;
    cJSON        *object;
    const cJSON  *in = msync_catalogue_get(json, "in"), *item;

    n = cJSON_IsArray(in) ? cJSON_GetArraySize(in) : 1;
    field->places = msync_calloc(n, sizeof(msync_v7_place_t));

    for (i = 0; rc == MSYNC_OK && i < n; i++) {
        item = cJSON_IsArray(in) ? cJSON_GetArrayItem(in, i) : in;

        if (cJSON_IsObject(item)) {
            rc = shape_read_place(reader, item,
                                  &field->places[field->nplaces++]);
            continue;
        }

        object = cJSON_CreateObject();
        cJSON_AddStringToObject(object, "column",
                                cJSON_IsString(item) ? item->valuestring
                                                     : field->field.name);
        rc = shape_read_place(reader, object,
                              &field->places[field->nplaces++]);
    }

    return rc;
}


static int
shape_read_field(const shape_reader_t *reader, const cJSON *json,
    msync_v7_field_t *field)
{
    int                      rc;
    cJSON                   *plain;
    const char              *type = msync_catalogue_string(json, "type");
    const msync_v7_place_t  *place;

    /* a number of 64 bits is a whole number as the others */
    plain = cJSON_CreateObject();
    cJSON_AddItemToObject(plain, "name",
                          cJSON_Duplicate(msync_catalogue_get(json, "name"),
                                          true));
    field->wide = type != NULL && strcmp(type, "long") == 0;
    cJSON_AddStringToObject(plain, "type", field->wide ? "integer"
                                                       : type ? type : "");
    cJSON_AddBoolToObject(plain, "nullable",
                          msync_catalogue_bool(json, "nullable"));

    if (msync_catalogue_get(json, "enum") != NULL) {
        cJSON_AddItemToObject(plain, "enum",
                              cJSON_Duplicate(msync_catalogue_get(json,
                                                                  "enum"),
                                              true));
    }

    rc = msync_field_read(&field->field, plain, reader->table->name,
                          reader->err);

    field->quoted = msync_catalogue_print(msync_catalogue_get(json, "name"));
    field->reference = msync_catalogue_bool(json, "reference");
    field->field.fk = field->reference;
    field->field.required = !field->field.nullable;
    field->lookup_first = msync_catalogue_bool(json, "lookup_first");
    shape_read_value(msync_catalogue_get(json, "default"), &field->fallback);

    if (rc != MSYNC_OK
        || shape_read_lookup(reader, msync_catalogue_get(json, "lookup"),
                             &field->lookup) != MSYNC_OK
        || shape_read_places(reader, json, field) != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    place = &field->places[0];

    /* what the column asks of its text the member asks as well */
    field->field.encoding |= place->kind == MSYNC_V7_JSON
                             ? MSYNC_ENC_JSON_TEXT
                             : place->kind == MSYNC_V7_PLAIN
                             ? reader->table->fields[place->column].encoding
                               & (MSYNC_ENC_ARRAY_TEXT|MSYNC_ENC_JSON_TEXT)
                             : 0;

    field->exact = field->nplaces == 1
                   && (field->places[0].kind == MSYNC_V7_PLAIN
                       || field->places[0].kind == MSYNC_V7_NEGATED
                       || field->places[0].kind == MSYNC_V7_PROPERTY)
                   && !field->places[0].empty && !field->places[0].known
                   && field->places[0].none == NULL;

    field->plain = field->exact && field->places[0].kind == MSYNC_V7_PLAIN
                   && field->places[0].nwhen == 0
                   && !field->places[0].read_only;

    return MSYNC_OK;
}


static int
shape_read_fields(const shape_reader_t *reader, const cJSON *json,
    msync_v7_shape_t *shape)
{
    const cJSON       *item;
    msync_v7_field_t  *field;

    shape->fields = msync_calloc(cJSON_GetArraySize(json) + 1,
                                 sizeof(msync_v7_field_t));
    shape->key = MSYNC_V7_NO_COLUMN;

    cJSON_ArrayForEach(item, json) {
        field = &shape->fields[shape->n++];

        if (shape_read_field(reader, item, field) != MSYNC_OK) {
            return MSYNC_ERROR;
        }

        if (field->places[0].column == reader->table->key) {
            shape->key = shape->n - 1;
        }

        shape->looks_first |= field->lookup_first;
    }

    shape_sort(shape);

    return shape->key == MSYNC_V7_NO_COLUMN
           ? shape_fault(reader, "no field is the key") : MSYNC_OK;
}


static void
shape_sort(msync_v7_shape_t *shape)
{
    size_t  i, j, at;

    shape->by_name = msync_calloc(shape->n + 1, sizeof(size_t));

    for (i = 0; i < shape->n; i++) {
        for (at = 0, j = 0; j < shape->n; j++) {
            at += strcmp(shape->fields[j].field.name,
                         shape->fields[i].field.name) < 0;
        }

        shape->by_name[at] = i;
    }
}


static int
shape_read_sets(const shape_reader_t *reader, const cJSON *list,
    msync_v7_shape_t *shape)
{
    const cJSON     *item;
    msync_v7_set_t  *set;

    shape->sets = msync_calloc(cJSON_GetArraySize(list) + 1,
                               sizeof(msync_v7_set_t));

    cJSON_ArrayForEach(item, list) {
        set = &shape->sets[shape->nsets++];
        shape_read_value(msync_catalogue_get(item, "value"), &set->value);

        if (shape_column(reader, item, "column", &set->column) != MSYNC_OK
            || shape_read_lookup(reader, msync_catalogue_get(item, "lookup"),
                                 &set->lookup) != MSYNC_OK)
        {
            return MSYNC_ERROR;
        }
    }

    return MSYNC_OK;
}


static int
shape_read_blanks(const shape_reader_t *reader, const cJSON *list,
    msync_v7_shape_t *shape)
{
    const cJSON          *item, *name, *columns;
    msync_v7_blank_t     *blank;
    const msync_field_t  *field;

    shape->blanks = msync_calloc(cJSON_GetArraySize(list) + 1,
                                 sizeof(msync_v7_blank_t));

    cJSON_ArrayForEach(item, list) {
        blank = &shape->blanks[shape->nblanks++];
        columns = msync_catalogue_get(item, "columns");
        blank->columns = msync_calloc(cJSON_GetArraySize(columns) + 1,
                                      sizeof(size_t));

        cJSON_ArrayForEach(name, columns) {
            field = msync_table_field(reader->table,
                                      cJSON_GetStringValue(name));
            if (field == NULL) {
                return shape_fault(reader, "\"blank\" names no field");
            }

            blank->columns[blank->n++] = field - reader->table->fields;
        }

        if (shape_read_whens(reader, msync_catalogue_get(item, "when"),
                             &blank->when,
                             &blank->nwhen) != MSYNC_OK)
        {
            return MSYNC_ERROR;
        }
    }

    return MSYNC_OK;
}


static int
shape_read_envelope(const shape_reader_t *reader, const cJSON *json,
    msync_v7_shape_t *shape)
{
    const msync_table_t  *table = reader->table;

    shape->any_store = msync_catalogue_bool(json, "any_store");

    if (shape_column(reader, json, "store", &shape->store) != MSYNC_OK
        || shape_column(reader, json, "or_store", &shape->or_store)
           != MSYNC_OK
        || shape_column(reader, json, "parent", &shape->parent) != MSYNC_OK
        || shape_column(reader, json, "other", &shape->other) != MSYNC_OK
        || shape_column(reader, json, "patient", &shape->patient) != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    /* it is read while the row is, by a statement of its own */
    if (shape->parent != MSYNC_V7_NO_COLUMN
        && table->fields[shape->parent].target == table)
    {
        return shape_fault(reader, "\"parent\" leads to the table itself");
    }

    return MSYNC_OK;
}


static void
shape_clear_whens(msync_v7_when_t *when, size_t n)
{
    size_t  i, j;

    for (i = 0; i < n; i++) {
        for (j = 0; when[i].among != NULL && when[i].among[j] != NULL; j++) {
            free(when[i].among[j]);
        }

        free(when[i].among);
    }
}


static void
shape_clear_field(msync_v7_field_t *field)
{
    size_t             i, j;
    msync_v7_place_t  *place;

    for (i = 0; i < field->nplaces; i++) {
        place = &field->places[i];

        for (j = 0; j < place->nwords; j++) {
            free(place->words[j].there);
            free((char *) place->words[j].here.text);
        }

        shape_clear_whens(place->when, place->nwhen);
        free(place->when);
        free(place->words);
        free(place->text);
        free(place->none);
    }

    msync_field_clear(&field->field);
    free(field->quoted);
    free((char *) field->fallback.text);
    free(field->places);
}


static void
shape_clear(msync_v7_shape_t *shape)
{
    size_t  i;

    for (i = 0; i < shape->n; i++) {
        shape_clear_field(&shape->fields[i]);
    }

    for (i = 0; i < shape->nsets; i++) {
        free((char *) shape->sets[i].value.text);
    }

    for (i = 0; i < shape->nblanks; i++) {
        shape_clear_whens(shape->blanks[i].when, shape->blanks[i].nwhen);
        free(shape->blanks[i].when);
        free(shape->blanks[i].columns);
    }

    shape_clear_whens(&shape->rows, 1);
    free(shape->fields);
    free(shape->by_name);
    free(shape->sets);
    free(shape->blanks);
    free(shape->mark);
    free(shape->name);
}


void
msync_v7_detach(msync_table_t *table)
{
    size_t  i;

    for (i = 0; i < table->nshapes; i++) {
        shape_clear(&table->shapes[i]);
    }

    free(table->shapes);
}
