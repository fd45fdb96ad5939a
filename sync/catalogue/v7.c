/*
 * What v7 calls a table, which of its shapes a record or a row has, whose a row
 * is, and which sites may use it; what a message says of a merge.
 */

#include <stdlib.h>
#include <string.h>

#include "catalogue/v7_private.h"

#define V7_MERGE_MAX  1024     /* octets of an id, and of a table's name */


static int v7_compare_names(const void *a, const void *b);
static const char *v7_column(const msync_row_t *row, size_t column);
static bool v7_has_member(const char *data, const char *name);
static char *v7_text_member(const char *data, const char *name, size_t max);


void
msync_v7_sort_names(msync_catalogue_t *catalogue)
{
    size_t            i, j, n = 0;
    msync_v7_name_t  *names;

    for (i = 0; i < catalogue->n; i++) {
        n += catalogue->tables[i].nshapes;
    }

    names = msync_calloc(n + 1, sizeof(msync_v7_name_t));
    catalogue->v7_names = names;
    catalogue->n_v7_names = n;

    for (i = 0; i < catalogue->n; i++) {
        for (j = 0; j < catalogue->tables[i].nshapes; j++) {
            names->name = catalogue->tables[i].shapes[j].name;
            names++->table = &catalogue->tables[i];
        }
    }

    qsort(catalogue->v7_names, n, sizeof(msync_v7_name_t), v7_compare_names);
}


static int
v7_compare_names(const void *a, const void *b)
{
    const msync_v7_name_t  *x = a, *y = b;

    return strcmp(x->name, y->name);
}


const msync_table_t *
msync_v7_find(const msync_catalogue_t *catalogue, const char *name)
{
    msync_v7_name_t         wanted = { name, NULL };
    const msync_v7_name_t  *found;

    /* a catalogue that was read alone has none */
    if (catalogue->n_v7_names == 0) {
        return NULL;
    }

    found = bsearch(&wanted, catalogue->v7_names, catalogue->n_v7_names,
                    sizeof(msync_v7_name_t), v7_compare_names);

    return found ? found->table : NULL;
}


const char *
msync_v7_name(const msync_table_t *table, const char *data)
{
    const msync_v7_shape_t  *shape = msync_v7_shape_of(table, data);

    return shape ? shape->name : NULL;
}


const char *
msync_v7_member(const msync_table_t *table, const msync_field_t *field)
{
    size_t                   i, j;
    const msync_v7_shape_t  *shape;

    for (i = 0; i < table->nshapes; i++) {
        shape = &table->shapes[i];

        for (j = 0; j < shape->n; j++) {
            if (shape->fields[j].plain
                && &table->fields[shape->fields[j].places[0].column] == field)
            {
                return shape->fields[j].field.name;
            }
        }
    }

    return NULL;
}


const msync_v7_shape_t *
msync_v7_shape_of(const msync_table_t *table, const char *data)
{
    size_t  i;

    for (i = 0; i + 1 < table->nshapes; i++) {
        if (data != NULL && v7_has_member(data, table->shapes[i].mark)) {
            break;
        }
    }

    return i < table->nshapes ? &table->shapes[i] : NULL;
}


const msync_v7_shape_t *
msync_v7_shape_of_row(const msync_row_t *row)
{
    size_t                i;
    const msync_table_t  *table = row->table;

    for (i = 0; i + 1 < table->nshapes; i++) {
        if (msync_v7_holds(row, &table->shapes[i].rows, 1)) {
            break;
        }
    }

    return i < table->nshapes ? &table->shapes[i] : NULL;
}


bool
msync_v7_takes_delete(const msync_table_t *table)
{
    return table->nshapes > 0 && table->shapes[0].deletes;
}


const char *
msync_v7_unfit(const msync_table_t *table,
    const msync_v7_envelope_t *envelope)
{
    unsigned  styles = table->v7_styles;

    if ((styles & MSYNC_V7_FILE)
        || ((styles & MSYNC_V7_CENTRAL) && !envelope->has_store
            && !envelope->has_patient)
        || ((styles & (MSYNC_V7_REMOTE | MSYNC_V7_REMOTE_OWNED))
            && envelope->store_is_ours)
        || ((styles & MSYNC_V7_TRANSFER) && envelope->transfer_store_is_ours)
        || ((styles & MSYNC_V7_PATIENT) && envelope->has_patient))
    {
        return NULL;
    }

    if (envelope->has_store || envelope->has_transfer_store) {
        return "it belongs to stores of other sites";
    }

    return "central names neither a store nor a patient that it is for";
}


bool
msync_v7_takes(const msync_table_t *table,
    const msync_v7_envelope_t *envelope)
{
    unsigned  styles = table->v7_styles;

    if (styles & (MSYNC_V7_FILE | MSYNC_V7_TO_CENTRAL)) {
        return true;
    }

    if (envelope->has_store) {
        return envelope->store_is_ours;
    }

    return (styles & MSYNC_V7_PATIENT) && envelope->has_patient;
}


void
msync_v7_parties(msync_row_t *row, msync_v7_parties_t *parties)
{
    const msync_v7_shape_t  *shape = msync_v7_shape_of_row(row);

    memset(parties, 0, sizeof(*parties));

    if (shape == NULL) {
        return;
    }

    parties->stores[0] = v7_column(row, shape->store);
    parties->stores[1] = v7_column(row, shape->or_store);
    parties->any_store = shape->any_store;
    parties->other = v7_column(row, shape->other);
    parties->patient = v7_column(row, shape->patient);
    parties->parent = shape->parent != MSYNC_V7_NO_COLUMN
                      ? &row->table->fields[shape->parent] : NULL;
}


static const char *
v7_column(const msync_row_t *row, size_t column)
{
    const msync_value_t  *value;

    if (column == MSYNC_V7_NO_COLUMN) {
        return NULL;
    }

    value = &row->values[column];

    return value->kind == MSYNC_VALUE_TEXT && value->length > 0 ? value->text
                                                                : NULL;
}


void
msync_v7_complete(msync_row_t *row)
{
    size_t                   i;
    msync_value_t            value;
    const msync_v7_set_t    *set;
    const msync_v7_shape_t  *shape = msync_v7_shape_of_row(row);

    for (i = 0; shape != NULL && i < shape->nsets; i++) {
        set = &shape->sets[i];

        if (!msync_v7_look_up(row, &set->lookup, &value)) {
            continue;
        }

        row->values[set->column] = value;
        row->present[set->column] = true;

        if (row->lacking == &row->table->fields[set->column]) {
            row->lacking = NULL;
        }
    }
}


bool
msync_v7_merge(const msync_catalogue_t *catalogue, const char *data,
    const msync_table_t **table, char **keep, char **lose)
{
    bool   merge;
    char  *type, *body, *name = NULL;

    *table = NULL;
    *keep = *lose = NULL;

    type = v7_text_member(data, "type", V7_MERGE_MAX);
    merge = type != NULL && strcmp(type, "Merge") == 0;
    body = merge ? v7_text_member(data, "body", strlen(data)) : NULL;

    if (body != NULL) {
        name = v7_text_member(body, "tableName", V7_MERGE_MAX);
        *table = name ? msync_v7_find(catalogue, name) : NULL;
        *keep = v7_text_member(body, "mergeIdToKeep", V7_MERGE_MAX);
        *lose = v7_text_member(body, "mergeIdToDelete", V7_MERGE_MAX);
    }

    msync_free(&type);
    msync_free(&body);
    msync_free(&name);

    return merge;
}


static bool
v7_has_member(const char *data, const char *name)
{
    char          key[MSYNC_JSON_KEY_MAX];
    bool          has = false;
    msync_json_t  json;

    msync_json_init(&json, data, strlen(data));

    if (msync_json_enter(&json, MSYNC_JSON_OBJECT)) {
        while (!has && msync_json_member(&json, key)
               && msync_json_skip(&json, NULL))
        {
            has = strcmp(key, name) == 0;
        }
    }

    return has;
}


/* of the first of equal members; owned by the caller, NULL: it is no text */

static char *
v7_text_member(const char *data, const char *name, size_t max)
{
    char                key[MSYNC_JSON_KEY_MAX];
    msync_json_t        json;
    msync_json_slice_t  slice;

    msync_json_init(&json, data, strlen(data));

    if (msync_json_enter(&json, MSYNC_JSON_OBJECT)) {
        while (msync_json_member(&json, key)
               && msync_json_skip(&json, &slice))
        {
            if (strcmp(key, name) == 0) {
                return msync_json_text(&slice, max);
            }
        }
    }

    return NULL;
}
