/*
 * Records and tables of sync v7 as the genuine servers have them, from files
 * that the environment names and that are no part of the project:
 * MSYNC_V7_SAMPLES, a JSON array of {table, action, direction, record}, and
 * MSYNC_V7_ROWS, one of {tableName, order, styles, fields}.
 *
 * What is different on purpose is told in docs/v7.md.
 */

#include "samples.h"

#include "catalogue/v7_private.h"
#include "run/integrate_private.h"
#include "store/changelog.h"


static cJSON              *samples, *rows;
static msync_catalogue_t  *catalogue;


static int
open_files(void **state)
{
    msync_err_t  err;

    (void) state;
    samples = samples_read("MSYNC_V7_SAMPLES");
    rows = samples_read("MSYNC_V7_ROWS");
    catalogue = msync_catalogue_builtin(&err);

    if (catalogue == NULL) {
        fail_msg("%s", err.text);
    }

    return 0;
}


static int
close_files(void **state)
{
    (void) state;
    cJSON_Delete(samples);
    cJSON_Delete(rows);
    msync_catalogue_free(&catalogue);

    return 0;
}


static const cJSON *
get(const cJSON *object, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(object, name);
}


/* a table of central's own bookkeeping, which no site gets */

static bool
is_known(const char *name)
{
    return strcmp(name, "Site") != 0;
}


static bool
is_local(const cJSON *field)
{
    char  *serde = cJSON_PrintUnformatted(get(field, "serde"));
    bool   local = serde != NULL && strstr(serde, "skip_serializing") != NULL;

    free(serde);
    return local;
}


static bool
has_type(const msync_v7_field_t *field, const char *rust)
{
    size_t  i;

    static const struct {
        const char    *rust;
        msync_type_e   type;
        bool           wide;
    } types[] = {
        { "String",        MSYNC_TYPE_STRING,   false },
        { "NaiveDateTime", MSYNC_TYPE_DATETIME, false },
        { "NaiveDate",     MSYNC_TYPE_DATE,     false },
        { "bool",          MSYNC_TYPE_BOOLEAN,  false },
        { "i32",           MSYNC_TYPE_INTEGER,  false },
        { "i64",           MSYNC_TYPE_INTEGER,  true },
        { "f64",           MSYNC_TYPE_NUMBER,   false }
    };

    for (i = 0; i < sizeof(types) / sizeof(*types); i++) {
        if (strstr(rust, types[i].rust) != NULL) {
            return field->field.type == types[i].type
                   && field->wide == types[i].wide;
        }
    }

    return field->field.type == MSYNC_TYPE_OBJECT
           || field->field.type == MSYNC_TYPE_STRING;
}


static int
compare_field(const char *table, const msync_v7_field_t *field,
    const cJSON *genuine)
{
    size_t        n = 0;
    const cJSON  *word, *words = get(genuine, "enum");

    if (strcmp(field->field.name, samples_member(genuine, "name")) != 0
        || field->field.nullable != cJSON_IsTrue(get(genuine, "nullable"))
        || !has_type(field, samples_member(genuine, "rust")))
    {
        print_message("%s: \"%s\" is not \"%s\"\n", table, field->field.name,
                      samples_member(genuine, "name"));
        return 1;
    }

    /* of a message any word may be the type */
    if (words == NULL || strcmp(table, "SyncMessage") == 0) {
        return 0;
    }

    cJSON_ArrayForEach(word, words) {
        if (field->field.words == NULL || field->field.words[n] == NULL
            || strcmp(field->field.words[n++], word->valuestring) != 0)
        {
            print_message("%s: \"%s\" has other words\n", table,
                          field->field.name);
            return 1;
        }
    }

    return 0;
}


static const msync_v7_shape_t *
shape_named(const char *name)
{
    size_t                i;
    const msync_table_t  *table = msync_v7_find(catalogue, name);

    for (i = 0; table != NULL && i < table->nshapes; i++) {
        if (strcmp(table->shapes[i].name, name) == 0) {
            return &table->shapes[i];
        }
    }

    return NULL;
}


static void
each_table_has_the_fields_of_the_genuine_one(void **state)
{
    int                      wrong = 0;
    size_t                   i;
    const cJSON             *table, *field, *fields;
    const char              *name;
    const msync_v7_shape_t  *shape;

    (void) state;

    if (rows == NULL) {
        print_message("MSYNC_V7_ROWS names no file of tables: skipped\n");
        skip();
    }

    cJSON_ArrayForEach(table, rows) {
        name = samples_member(table, "tableName");
        shape = shape_named(name);
        assert_int_equal(shape != NULL, is_known(name));
        fields = shape != NULL ? get(table, "fields") : NULL;
        i = 0;

        cJSON_ArrayForEach(field, fields) {
            if (!is_local(field)) {
                assert_true(i < shape->n);
                wrong += compare_field(name, &shape->fields[i++], field);
            }
        }

        assert_true(shape == NULL || i == shape->n);
    }

    assert_int_equal(wrong, 0);
}


/* what a site never gets, and cannot hold (docs/v7.md) */

static bool
is_nobodys(const cJSON *record)
{
    return strcmp(samples_member(record, "tableName"), "ActivityLog") == 0
           && cJSON_IsNull(get(get(record, "data"), "store_id"));
}


/* numbers by what they say */

static int
compare_data(const cJSON *record, const char *sent)
{
    int           wrong = 0;
    char         *one, *other;
    cJSON        *back = cJSON_Parse(sent);
    const cJSON  *value;

    cJSON_ArrayForEach(value, get(record, "data")) {
        if (!cJSON_Compare(value, get(back, value->string), true)) {
            one = cJSON_PrintUnformatted(value);
            other = cJSON_PrintUnformatted(get(back, value->string));
            print_message("%s %s: \"%s\" is %s, not %s\n",
                          samples_member(record, "tableName"),
                          samples_member(record, "recordId"), value->string,
                          other ? other : "not there", one);
            free(one);
            free(other);
            wrong++;
        }
    }

    if (cJSON_GetArraySize(back)
        != cJSON_GetArraySize(get(record, "data")))
    {
        print_message("%s: more than came\n",
                      samples_member(record, "tableName"));
        wrong++;
    }

    cJSON_Delete(back);
    return wrong;
}


static int
there_and_back(const cJSON *record)
{
    int           wrong = 1;
    char         *data, *sent = NULL;
    size_t        length;
    msync_err_t   err;
    msync_row_t   row;

    const msync_table_t  *table;

    table = msync_v7_find(catalogue, samples_member(record, "tableName"));
    assert_non_null(table);
    data = cJSON_PrintUnformatted(get(record, "data"));
    assert_string_equal(msync_v7_name(table, data),
                        samples_member(record, "tableName"));

    if (msync_row_decode(&row, table, MSYNC_V7,
                         samples_member(record, "recordId"), data, NULL,
                         &err) == MSYNC_OK)
    {
        sent = msync_row_encode(&row, &length, &err);
    }

    if (sent != NULL) {
        wrong = compare_data(record, sent);

    } else {
        print_message("%s %s: %s\n", samples_member(record, "tableName"),
                      samples_member(record, "recordId"), err.text);
    }

    msync_row_clear(&row);
    free(sent);
    free(data);

    return wrong;
}


static void
each_record_goes_out_as_it_came(void **state)
{
    int           n = 0, wrong = 0;
    const cJSON  *sample, *record;

    (void) state;

    if (samples == NULL) {
        print_message("MSYNC_V7_SAMPLES names no file of records: "
                      "skipped\n");
        skip();
    }

    cJSON_ArrayForEach(sample, samples) {
        record = get(sample, "record");

        if (strcmp(samples_member(sample, "action"), "Upsert") == 0
            && cJSON_IsObject(get(record, "data")) && !is_nobodys(record))
        {
            wrong += there_and_back(record);
            n++;
        }
    }

    assert_true(n > 0);
    assert_int_equal(wrong, 0);
}


/* what a row refers to is there; stores are this site's */

static void
put_parents(site_t *site, const msync_table_t *table, const cJSON *record)
{
    char         *data = cJSON_PrintUnformatted(get(record, "data"));
    size_t        i;
    msync_err_t   err;
    msync_row_t   row;

    const msync_field_t  *field;
    const msync_table_t  *stores;

    stores = msync_catalogue_find(site->catalogue, "store");
    samples_put_parent(site, stores, "any");

    if (cJSON_IsString(get(record, "storeId"))) {
        samples_put_parent(site, stores, samples_member(record, "storeId"));
    }

    if (msync_row_decode(&row, table, MSYNC_V7,
                         samples_member(record, "recordId"), data, NULL,
                         &err) != MSYNC_OK)
    {
        fail_msg("%s", err.text);
    }

    for (i = 0; i < table->n; i++) {
        field = &table->fields[i];

        if (field->target != NULL && row.values[i].kind == MSYNC_VALUE_TEXT
            && (field->fk || strcmp(field->target->name, "store") == 0))
        {
            samples_put_parent(site, field->target, row.values[i].text);
        }
    }

    msync_row_clear(&row);
    free(data);
}


static bool
is_pulled(site_t *site, const msync_table_t *table, const cJSON *record)
{
    char                *data = cJSON_PrintUnformatted(get(record, "data"));
    msync_err_t          err;
    msync_integrated_t   result;

    site_pull_v7(site, table->name, samples_member(record, "recordId"), data,
                 cJSON_GetStringValue(get(record, "storeId")),
                 cJSON_GetStringValue(get(record, "transferStoreId")),
                 cJSON_GetStringValue(get(record, "patientId")));
    free(data);
    assert_ok(msync_integrate(site->store, site->catalogue, true, NULL, NULL,
                              &result, &err));

    if (result.failed > 0) {
        print_message("%s %s: %s\n", table->name,
                      samples_member(record, "recordId"),
                      site_get(site, "SELECT integration_error FROM "
                                     "sync_buffer"));
    }

    return result.failed == 0;
}


/* a line whose document is not here has no store; what its envelope alone says
 * of a record is not in the row */

static bool
is_sent(const msync_table_t *table, const msync_v7_shape_t *shape,
    const cJSON *data)
{
    return (table->push & MSYNC_V7)
           && shape->parent == MSYNC_V7_NO_COLUMN
           && (shape->any_store || !cJSON_IsNull(get(data, "store_id")))
           && strcmp(table->name, "name") != 0
           && strcmp(table->name, "message") != 0
           && strcmp(table->name, "om_document") != 0;
}


static int
compare_sent(site_t *site, const msync_table_t *table, const cJSON *record)
{
    int             wrong = 1;
    char           *sql;
    int64_t         processed;
    msync_err_t     err;
    msync_batch_t   batch = { 0 };

    sql = sqlite3_mprintf(SITE_SENT "INSERT INTO changelog "
                          "(table_name, record_id, row_action) VALUES (%Q, "
                          "%Q, 'UPSERT')", table->name,
                          samples_member(record, "recordId"));
    site_sql(site, sql);
    sqlite3_free(sql);
    assert_ok(msync_store_changes(site->store, MSYNC_V7, 0, 10, 1 << 20,
                                  &batch, &processed, &err));

    if (batch.n == 1) {
        wrong = compare_data(record, batch.records[0].data);

    } else {
        print_message("%s %s is not sent: %s\n", table->name,
                      samples_member(record, "recordId"),
                      site_get(site, "SELECT error FROM msync_refused"));
    }

    msync_batch_clear(&batch);
    return wrong;
}


static void
each_record_becomes_a_row_and_goes_out_as_it_came(void **state)
{
    int           wrong = 0;
    site_t       *site = *state;
    msync_err_t   err;
    const cJSON  *sample, *record;

    const msync_table_t  *table;

    if (samples == NULL) {
        skip();
    }

    assert_ok(msync_store_set_string(site->store, MSYNC_KEY_VERSION,
                                     MSYNC_SYNC_V7, &err));
    site_sql(site, "PRAGMA foreign_keys = OFF");

    cJSON_ArrayForEach(sample, samples) {
        record = get(sample, "record");

        if (strcmp(samples_member(sample, "action"), "Upsert") != 0
            || !cJSON_IsObject(get(record, "data")) || is_nobodys(record))
        {
            continue;
        }

        table = msync_v7_find(site->catalogue,
                              samples_member(record, "tableName"));
        site_sql(site, "DELETE FROM sync_buffer; DELETE FROM msync_refused; "
                 SITE_SENT);
        put_parents(site, table, record);
        site_sql(site, "UPDATE store SET sync_id_remote_site = 7; DELETE FROM "
                 "changelog");

        if (!(table->pull & MSYNC_V7)) {
            continue;
        }

        if (!is_pulled(site, table, record)) {
            wrong++;

        } else if (is_sent(table, &table->shapes[0], get(record, "data"))) {
            wrong += compare_sent(site, table, record);
        }
    }

    assert_int_equal(wrong, 0);
}


/* whether any shape of the table says something of the column, or has it set
 * in a new row */

static bool
is_written(const msync_table_t *table, size_t column)
{
    size_t                   i, j, k;
    const msync_v7_shape_t  *shape;
    const msync_v7_place_t  *place;

    for (i = 0; i < table->nshapes; i++) {
        shape = &table->shapes[i];

        for (j = 0; j < shape->n; j++) {
            for (k = 0; k < shape->fields[j].nplaces; k++) {
                place = &shape->fields[j].places[k];

                if (place->column == column
                    || ((place->kind == MSYNC_V7_MOMENT
                         || place->kind == MSYNC_V7_FLAGGED)
                        && place->second == column))
                {
                    return true;
                }
            }
        }

        for (j = 0; j < shape->nsets; j++) {
            if (shape->sets[j].column == column) {
                return true;
            }
        }
    }

    return false;
}


/* the names of tables and columns that an application has to know of are in
 * the page for people */

static void
what_is_new_or_lost_is_in_the_documents(void **state)
{
    int                   wrong = 0;
    char                 *text;
    size_t                i, j;
    const msync_field_t  *field;
    const msync_table_t  *table;

    (void) state;
    text = site_contents("docs/v7.md", NULL);

    for (i = 0; i < catalogue->n; i++) {
        table = &catalogue->tables[i];

        if ((table->nshapes == 0 || table->fields[table->key].v7_only)
            && strstr(text, table->name) == NULL)
        {
            print_message("docs/v7.md does not name %s\n", table->name);
            wrong++;
        }

        for (j = 0; table->nshapes > 0 && j < table->n
             && !table->fields[table->key].v7_only; j++)
        {
            field = &table->fields[j];

            if (!field->local_only
                && (field->v7_only || !is_written(table, j))
                && strstr(text, field->name) == NULL)
            {
                print_message("docs/v7.md does not name %s.%s\n",
                              table->name, field->name);
                wrong++;
            }
        }
    }

    free(text);
    assert_int_equal(wrong, 0);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(each_table_has_the_fields_of_the_genuine_one),
        cmocka_unit_test(each_record_goes_out_as_it_came),
        T(each_record_becomes_a_row_and_goes_out_as_it_came),
        cmocka_unit_test(what_is_new_or_lost_is_in_the_documents)
    };

    return cmocka_run_group_tests(tests, open_files, close_files);
}
