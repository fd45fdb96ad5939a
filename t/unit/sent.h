/*
 * What goes out of a value that an application has written.
 */

#ifndef MSYNC_T_SENT_H
#define MSYNC_T_SENT_H

#include "site.h"

#include <cjson/cJSON.h>


/* the first column of a statement as the row's value */

static inline void
take_value(msync_row_t *row, size_t i, sqlite3_stmt *stmt)
{
    const void  *octets;

    switch (sqlite3_column_type(stmt, 0)) {
    case SQLITE_INTEGER:
        row->values[i].kind = MSYNC_VALUE_INTEGER;
        row->values[i].integer = sqlite3_column_int64(stmt, 0);
        break;
    case SQLITE_FLOAT:
        row->values[i].kind = MSYNC_VALUE_REAL;
        row->values[i].real = sqlite3_column_double(stmt, 0);
        break;
    case SQLITE_NULL:
        break;
    default:
        row->values[i].kind = sqlite3_column_type(stmt, 0) == SQLITE_BLOB
                             ? MSYNC_VALUE_BLOB : MSYNC_VALUE_TEXT;
        row->values[i].length = sqlite3_column_bytes(stmt, 0);
        octets = sqlite3_column_blob(stmt, 0);
        row->values[i].text = msync_row_text(row, octets ? octets : "",
                                            row->values[i].length);
        break;
    }
}


/* a row of a table, with one value of the application's in it, as it is sent:
 * the value as JSON, static storage; NULL: it was refused by that field */

static inline const char *
sent(site_t *site, const char *name, const char *field, const char *sql)
{
    char          *text;
    cJSON         *json, *value;
    size_t         i, length;
    msync_row_t    row;
    msync_err_t    err;
    sqlite3_stmt  *stmt;

    static char           out[512];
    bool                  required[128];
    const msync_table_t  *table;
    const msync_field_t  *at;

    table = msync_catalogue_find(site->catalogue, name);
    assert_non_null(table);
    at = msync_table_field(table, field);
    assert_non_null(at);

    snprintf(out, sizeof(out), "SELECT %s", sql);
    assert_int_equal(sqlite3_prepare_v2(site->app, out, -1, &stmt, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);

    msync_row_init(&row, table);
    take_value(&row, at - table->fields, stmt);

    /* the others are none of this test's business */
    for (i = 0; i < table->n; i++) {
        required[i] = table->fields[i].required;
        table->fields[i].required = required[i] && &table->fields[i] == at;
    }

    text = msync_row_encode(&row, &length, &err);

    for (i = 0; i < table->n; i++) {
        table->fields[i].required = required[i];
    }

    if (text == NULL) {
        assert_non_null(strstr(err.text, field));
        assert_non_null(strstr(err.text, "cannot be sent"));
        snprintf(out, sizeof(out), "refused");

    } else {
        json = cJSON_Parse(text);
        assert_non_null(json);
        value = cJSON_GetObjectItemCaseSensitive(json, field);
        free(text);
        text = value ? cJSON_PrintUnformatted(value) : NULL;
        snprintf(out, sizeof(out), "%s", text ? text : "left out");
        free(text);
        cJSON_Delete(json);
    }

    msync_row_clear(&row);
    sqlite3_finalize(stmt);

    return out;
}

#endif /* MSYNC_T_SENT_H */
