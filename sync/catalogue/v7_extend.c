/*
 * Tables and columns that v7 alone has, as an addition to catalogue.json.
 *
 * Promises: what is there already, because a tables file has it, stays as it
 * is.
 */

#include <string.h>
#include <strings.h>

#include "catalogue/v7_private.h"


/* the file sync/catalogue/v7.json, see the Makefile */
extern const char  msync_v7_json[];
extern const uint64_t  msync_v7_json_length;


static cJSON *extend_find(cJSON *array, const char *name, const char *value);
static cJSON *extend_table(cJSON *tables, const cJSON *shape);
static void extend_column(cJSON *table, const cJSON *field, bool whole);


cJSON *
msync_v7_parse(msync_err_t *err)
{
    cJSON  *json;

    json = cJSON_ParseWithLength(msync_v7_json, msync_v7_json_length);

    if (!cJSON_IsArray(json)) {
        msync_err_set(err, MSYNC_ERR_UNKNOWN,
                      "catalogue: v7.json is no JSON array of tables");
        return NULL;
    }

    return json;
}


void
msync_v7_extend(cJSON *tables, const cJSON *v7)
{
    bool          whole;
    cJSON        *table;
    const cJSON  *shape, *field;

    cJSON_ArrayForEach(shape, v7) {
        table = extend_find(tables, "table",
                            msync_catalogue_string(shape, "table"));
        whole = table == NULL && msync_catalogue_bool(shape, "new");

        if (whole) {
            table = extend_table(tables, shape);
        }

        cJSON_ArrayForEach(field,
                           msync_catalogue_get(shape, "fields"))
        {
            if (table != NULL) {
                extend_column(table, field, whole);
            }
        }
    }
}


/* SQLite takes two names for one that differ in case */

static cJSON *
extend_find(cJSON *array, const char *name, const char *value)
{
    cJSON       *item;
    const char  *text;

    cJSON_ArrayForEach(item, array) {
        text = msync_catalogue_string(item, name);

        if (text != NULL && value != NULL && strcasecmp(text, value) == 0) {
            return item;
        }
    }

    return NULL;
}


static cJSON *
extend_table(cJSON *tables, const cJSON *shape)
{
    cJSON  *table;

    table = cJSON_CreateObject();
    cJSON_AddStringToObject(table, "table",
                            msync_catalogue_string(shape, "table"));
    cJSON_AddStringToObject(table, "key", "id");
    cJSON_AddStringToObject(table, "delete", "unhandled");
    cJSON_AddArrayToObject(table, "fields");
    cJSON_AddItemToArray(tables, table);

    return table;
}


/* a field that is `new` has a column of its own, which is null where nothing
 * has been said of it; a whole table is as v7 has it */

static void
extend_column(cJSON *table, const cJSON *field, bool whole)
{
    cJSON        *column, *fields;
    const char   *name, *type;
    const cJSON  *new = msync_catalogue_get(field, "new");
    const cJSON  *of = cJSON_IsObject(new) ? new : field;

    fields = msync_catalogue_get(table, "fields");
    name = msync_catalogue_string(of, "name");

    if (new == NULL || extend_find(fields, "name", name) != NULL) {
        return;
    }

    type = msync_catalogue_string(of, "type");
    column = cJSON_CreateObject();
    cJSON_AddStringToObject(column, "name", name);
    cJSON_AddStringToObject(column, "type",
                            strcmp(type, "long") == 0 ? "integer" : type);
    cJSON_AddBoolToObject(column, "nullable",
                          whole ? msync_catalogue_bool(field, "nullable")
                                : of == field);
    cJSON_AddBoolToObject(column, "required", whole);
    cJSON_AddTrueToObject(column, "v7_only");

    if (msync_catalogue_string(field, "references") != NULL) {
        cJSON_AddStringToObject(column, "references",
                                msync_catalogue_string(field, "references"));
    }

    cJSON_AddItemToArray(fields, column);
}
