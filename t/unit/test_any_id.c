/*
 * References that may not be null and are no foreign keys: whatever id central
 * sends or an application writes is a value.
 */

#include "sent.h"


/* a record of this table with a value for each field that has no neutral one,
 * `value` for the one at `at` */

static const char *
record_with(const msync_table_t *table, size_t at, const char *value)
{
    size_t                i;
    FILE                 *out;
    const char           *text;
    const msync_field_t  *field;

    static char  data[8192];

    out = fmemopen(data, sizeof(data), "w");
    fprintf(out, "{\"%s\":%s", table->fields[at].name, value);

    for (i = 0; i < table->n; i++) {
        field = &table->fields[i];
        text = field->words ? field->words[0]
               : field->type == MSYNC_TYPE_DATE ? "2026-01-01"
               : field->type == MSYNC_TYPE_DATETIME ? "2026-01-01T10:00:00"
               : field->references ? "X" : NULL;

        if (text && i != at && i != table->key && !field->nullable) {
            fprintf(out, ",\"%s\":\"%s\"", field->name, text);
        }
    }

    fprintf(out, "}");
    fclose(out);

    return data;
}


/* which way of coming that table has, 0: none of v5 and v6 */

static unsigned
side_of(const msync_table_t *table)
{
    return table->pull & MSYNC_LEGACY ? MSYNC_LEGACY
           : table->pull & MSYNC_OMSUPPLY;
}


static void
comes_and_goes(site_t *site, const msync_table_t *table, size_t at,
    const char *id)
{
    char                  json[64], sql[64];
    msync_row_t           row;
    msync_err_t           err;
    const char           *out, *name = table->fields[at].name;
    const msync_field_t  *field;

    snprintf(json, sizeof(json), "\"%s\"", id);
    snprintf(sql, sizeof(sql), "'%s'", id);

    if (msync_row_decode(&row, table, side_of(table), "K",
                         record_with(table, at, json), &field, &err)
        != MSYNC_OK)
    {
        fail_msg("%s.%s = %s: %s", table->name, name, json, err.text);
    }

    assert_int_equal(row.values[at].kind, MSYNC_VALUE_TEXT);
    assert_string_equal(row.values[at].text, id);
    msync_row_clear(&row);

    if (table->push == 0) {
        return;
    }

    out = *id == '\0' && table->fields[at].encoding & MSYNC_ENC_FILLED_IN
          ? "refused" : json;

    if (strcmp(sent(site, table->name, name, sql), out) != 0) {
        fail_msg("%s.%s = %s does not go out as %s", table->name, name, sql,
                 out);
    }
}


/* in every table: a user, a program, a class of equipment … */

static void
an_id_of_which_nothing_has_to_be_there_is_kept_as_it_came(void **state)
{
    size_t                i, k, n, seen = 0;
    site_t               *site = *state;
    const msync_table_t  *table;
    const msync_field_t  *field;

    static const char *const  ids[] = {
        "", " ", "unknown", "aBcD", "missing_program", "\xc3\x89t\xc3\xa9"
    };

    for (i = 0; i < site->catalogue->n; i++) {
        table = &site->catalogue->tables[i];

        for (k = 0; k < table->n && side_of(table) != 0; k++) {
            field = &table->fields[k];

            if (field->references == NULL || field->nullable || field->fk
                || field->v7_only)
            {
                continue;
            }

            for (n = 0; n < sizeof(ids) / sizeof(ids[0]); n++) {
                comes_and_goes(site, table, k, ids[n]);
                seen++;
            }
        }
    }

    assert_true(seen > 20 * sizeof(ids) / sizeof(ids[0]));
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        T(an_id_of_which_nothing_has_to_be_there_is_kept_as_it_came)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
