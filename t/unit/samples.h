/*
 * Files of genuine records that the environment names.
 */

#ifndef MSYNC_TEST_SAMPLES_H
#define MSYNC_TEST_SAMPLES_H

#include "site.h"

#include <cjson/cJSON.h>


/* the array in the file that a variable names, owned by the caller; NULL:
 * none is named */

static inline cJSON *
samples_read(const char *variable)
{
    char        *text;
    cJSON       *json;
    const char  *path = getenv(variable);

    if (path == NULL || *path == '\0') {
        return NULL;
    }

    text = site_contents(path, NULL);
    json = cJSON_Parse(text);
    free(text);
    assert_true(cJSON_IsArray(json));

    return json;
}


static inline const char *
samples_member(const cJSON *sample, const char *name)
{
    const char  *text;

    text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(sample,
                                                                 name));
    return text ? text : "";
}


/* a row that others refer to, with something in each field that has to have
 * something; stores are this site's */

static inline void
samples_put_parent(site_t *site, const msync_table_t *table, const char *id)
{
    char                 *sql;
    size_t                i;
    sqlite3_str          *columns = sqlite3_str_new(NULL);
    sqlite3_str          *values = sqlite3_str_new(NULL);
    const msync_field_t  *field;

    for (i = 0; i < table->n; i++) {
        field = &table->fields[i];

        if (i == table->key || field->nullable || field->local_only
            || !field->required
            || strcmp(field->name, "sync_id_remote_site") == 0)
        {
            continue;
        }

        sqlite3_str_appendf(columns, ", \"%w\"", field->name);
        sqlite3_str_appendf(values, ", %Q",
                            field->type == MSYNC_TYPE_DATE ? "2026-01-01"
                            : field->type == MSYNC_TYPE_DATETIME
                            ? "2026-01-01T00:00:00"
                            : field->type == MSYNC_TYPE_STRING ? "" : "0");
    }

    if (strcmp(table->name, "store") == 0) {
        sqlite3_str_appendall(columns, ", sync_id_remote_site");
        sqlite3_str_appendf(values, ", %d", SITE_ID);
    }

    sql = sqlite3_mprintf("INSERT OR IGNORE INTO \"%w\" (\"%w\"%s) VALUES "
                          "(%Q%s)", table->sql,
                          table->fields[table->key].name,
                          sqlite3_str_value(columns)
                          ? sqlite3_str_value(columns) : "", id,
                          sqlite3_str_value(values)
                          ? sqlite3_str_value(values) : "");
    site_sql(site, sql);
    sqlite3_free(sql);
    sqlite3_free(sqlite3_str_finish(columns));
    sqlite3_free(sqlite3_str_finish(values));
}


static inline bool
samples_is_empty(const cJSON *value)
{
    return value == NULL || cJSON_IsNull(value)
           || (cJSON_IsString(value) && value->valuestring[0] == '\0')
           || ((cJSON_IsObject(value) || cJSON_IsArray(value))
               && value->child == NULL);
}


/* whether a column holds what a record says */

static inline bool
samples_holds(const msync_field_t *field, const cJSON *value,
    sqlite3_stmt *stmt, int i)
{
    int          seconds;
    bool         same;
    char         text[64];
    cJSON       *json;
    const char  *here = (const char *) sqlite3_column_text(stmt, i);

    if (samples_is_empty(value) && here == NULL) {
        return field->nullable;
    }

    switch (field->type) {

    case MSYNC_TYPE_BOOLEAN:
        return here != NULL
               && sqlite3_column_int(stmt, i) == cJSON_IsTrue(value);

    case MSYNC_TYPE_NUMBER:
    case MSYNC_TYPE_INTEGER:
        return here != NULL ? sqlite3_column_double(stmt, i)
                              == cJSON_GetNumberValue(value)
               : (field->encoding & MSYNC_ENC_ZERO_IS_NULL)
                 && cJSON_GetNumberValue(value) == 0;

    case MSYNC_TYPE_DATE:
        return strncmp(cJSON_GetStringValue(value), here ? here
                                                         : "0000-00-00", 10)
               == 0;

    case MSYNC_TYPE_TIME:
        if (cJSON_IsNumber(value)) {
            seconds = value->valueint;
            snprintf(text, sizeof(text), "%02d:%02d:%02d", seconds / 3600,
                     seconds / 60 % 60, seconds % 60);
            return strcmp(text, here) == 0;
        }
        return strncmp(here, samples_is_empty(value) ? "00:00:00"
                                             : value->valuestring, 8) == 0;

    case MSYNC_TYPE_OBJECT:
        if ((field->encoding & MSYNC_ENC_PUSH_AS_STRING)
            && cJSON_IsString(value))
        {
            return strcmp(here, value->valuestring) == 0;
        }
        json = cJSON_Parse(here);
        same = cJSON_Compare(json, value, true);
        cJSON_Delete(json);
        return same;

    default:
        return here != NULL && cJSON_IsString(value)
               && strcmp(here, value->valuestring) == 0;
    }
}

#endif /* MSYNC_TEST_SAMPLES_H */
