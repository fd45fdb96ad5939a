/*
 * Records as the genuine servers send and take them, from a file that the
 * environment names (MSYNC_WIRE_SAMPLES) and that is no part of the project:
 * a JSON array of {table, recordId, action, direction, recordData}.
 *
 * What is different on purpose is told in docs/wire-differences.md.
 */

#include "samples.h"

#include "run/integrate_private.h"
#include "store/changelog.h"


static cJSON  *samples;


static int
open_samples(void **state)
{
    (void) state;
    samples = samples_read("MSYNC_WIRE_SAMPLES");

    return 0;
}


static int
close_samples(void **state)
{
    (void) state;
    cJSON_Delete(samples);
    return 0;
}


static void
put_parents(site_t *site, const msync_table_t *table, const cJSON *data)
{
    size_t                i;
    const char           *id = samples_member(data, "mergeIdToKeep");
    const msync_field_t  *field;

    if (*id != '\0') {
        samples_put_parent(site, table, id);
    }

    for (i = 0; i < table->n; i++) {
        field = &table->fields[i];
        id = samples_member(data, field->name);

        if (field->fk && *id != '\0') {
            samples_put_parent(site, field->target, id);
        }
    }
}


/* a statement about the row of a sample */

static sqlite3_stmt *
about(site_t *site, const msync_table_t *table, const cJSON *sample,
    const char *column)
{
    char          *sql;
    sqlite3_stmt  *stmt;

    sql = sqlite3_mprintf("SELECT \"%w\" FROM \"%w\" WHERE \"%w\" = %Q",
                          column, table->sql,
                          table->fields[table->key].name,
                          samples_member(sample, "recordId"));
    assert_int_equal(sqlite3_prepare_v2(site->app, sql, -1, &stmt, NULL),
                     SQLITE_OK);
    sqlite3_free(sql);
    (void) sqlite3_step(stmt);

    return stmt;
}


/* how many members of a sample the row does not have as they are there */

static int
compare_row(site_t *site, const msync_table_t *table, const cJSON *sample,
    const cJSON *data)
{
    int            wrong = 0;
    bool           held;
    cJSON         *extra;
    const cJSON   *value;
    const char    *text;
    sqlite3_stmt  *stmt;

    const msync_field_t  *field;

    stmt = about(site, table, sample, "msync_extra");
    text = (const char *) sqlite3_column_text(stmt, 0);
    extra = text ? cJSON_Parse(text) : NULL;
    sqlite3_finalize(stmt);

    cJSON_ArrayForEach(value, data) {
        field = msync_table_field(table, value->string);

        if (field == NULL || field->local_only) {
            held = cJSON_Compare(cJSON_GetObjectItemCaseSensitive(extra,
                                     value->string), value, true);

        } else {
            stmt = about(site, table, sample, field->name);
            held = samples_holds(field, value, stmt, 0);
            sqlite3_finalize(stmt);
        }

        if (!held) {
            print_message("%s %s: \"%s\" is another\n", table->name,
                          samples_member(sample, "recordId"), value->string);
            wrong++;
        }
    }

    cJSON_Delete(extra);
    return wrong;
}


/* what Open mSupply drops, or takes for another record than its envelope
 * says, becomes no row */

static bool
is_dropped(const msync_table_t *table, unsigned side, const cJSON *sample,
    const cJSON *data)
{
    int           rc;
    char         *text = cJSON_PrintUnformatted(data);
    msync_row_t   row;
    msync_err_t   err;

    const msync_field_t  *at = NULL;

    rc = msync_row_decode(&row, table, side, samples_member(sample, "recordId"),
                          text, &at, &err);
    msync_row_clear(&row);
    free(text);

    return rc == MSYNC_DONE || at == &table->fields[table->key];
}


/* those of which docs/wire-differences.md says so, the last one because its ID
 * is not its recordId */

static bool
may_be_dropped(const msync_table_t *table)
{
    size_t  i;

    static const char *const  tables[] = {
        "property", "store", "name_tag_join", "list_master_name_join",
        "list_master_line"
    };

    for (i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        if (strcmp(table->name, tables[i]) == 0) {
            return true;
        }
    }

    print_message("%s is dropped\n", table->name);
    return false;
}


/* tables that only sites send come here as central has them */

static unsigned
side_of(const msync_table_t *table)
{
    if (table != NULL && (table->pull & ~MSYNC_V7) == 0) {
        ((msync_table_t *) table)->pull |= table->push;
    }

    return table != NULL && !(table->pull & MSYNC_LEGACY) ? MSYNC_OMSUPPLY
                                                          : MSYNC_LEGACY;
}


/* each sample meets a database without what the one before left there */

static void
begin_sample(site_t *site)
{
    site_sql(site, "DELETE FROM sync_buffer; " SITE_SENT
             "DELETE FROM msync_refused; DELETE FROM msync_merged");
}


static msync_integrated_t
pull(site_t *site, const cJSON *sample, unsigned side)
{
    char                *data;
    msync_err_t          err;
    const cJSON         *record;
    msync_action_e       action;
    msync_integrated_t   result;

    record = cJSON_GetObjectItemCaseSensitive(sample, "recordData");
    data = cJSON_IsNull(record) ? NULL : cJSON_PrintUnformatted(record);
    action = strcmp(samples_member(sample, "action"), "Delete") == 0
             ? MSYNC_ACTION_DELETE
             : strcmp(samples_member(sample, "action"), "Merge") == 0
             ? MSYNC_ACTION_MERGE : MSYNC_ACTION_UPSERT;

    site_pull(site, side, samples_member(sample, "table"),
              samples_member(sample, "recordId"), action, data);
    free(data);
    assert_ok(msync_integrate(site->store, site->catalogue, true, NULL, NULL,
                              &result, &err));
    return result;
}


static bool
is_integrated(site_t *site, const msync_table_t *table, const cJSON *sample,
    unsigned side)
{
    if (pull(site, sample, side).failed == 0) {
        return true;
    }

    print_message("%s %s %s: %s\n", samples_member(sample, "action"),
                  table->name, samples_member(sample, "recordId"),
                  site_get(site, "SELECT integration_error FROM sync_buffer"));
    return false;
}


/* a row that nothing was done to yet */

static void
put_anew(site_t *site, const msync_table_t *table, const char *id)
{
    char  *sql;

    sql = sqlite3_mprintf("DELETE FROM \"%w\" WHERE \"%w\" = %Q", table->sql,
                          table->fields[table->key].name, id);
    site_sql(site, sql);
    sqlite3_free(sql);
    samples_put_parent(site, table, id);
    site_sql(site, SITE_SENT);
}


/* what there is of the row that a delete or a merge is about: nothing, or how
 * it is marked; to be freed */

static char *
left_of(site_t *site, const msync_table_t *table, const char *id)
{
    char        *sql, *left;
    const char  *column = table->soft_column;

    sql = sqlite3_mprintf("SELECT count(*) || ' ' || ifnull(max(\"%w\"), '') "
                          "FROM \"%w\" WHERE \"%w\" = %Q",
                          column ? column : table->fields[table->key].name,
                          table->sql, table->fields[table->key].name, id);
    left = strdup(site_get(site, sql));
    sqlite3_free(sql);

    return left;
}


/* how many deletes and merges do not end the row that was there before */

static int
end_row(site_t *site, const msync_table_t *table, const cJSON *sample,
    unsigned side)
{
    bool         ended;
    char        *before, *after;
    const char  *id;

    id = samples_member(cJSON_GetObjectItemCaseSensitive(sample, "recordData"),
                        "mergeIdToDelete");
    id = *id ? id : samples_member(sample, "recordId");

    put_anew(site, table, id);
    before = left_of(site, table, id);
    ended = is_integrated(site, table, sample, side);
    after = left_of(site, table, id);

    if (ended && (strcmp(before, after) == 0
                  || (*after != '0' && table->soft_column == NULL)))
    {
        print_message("%s %s %s: \"%s\" was there, \"%s\" is\n",
                      samples_member(sample, "action"), table->name, id,
                      before, after);
        ended = false;
    }

    free(before);
    free(after);

    return !ended;
}


static int
pull_sample(site_t *site, const cJSON *sample)
{
    unsigned              side;
    const cJSON          *data;
    const msync_table_t  *table;

    begin_sample(site);
    data = cJSON_GetObjectItemCaseSensitive(sample, "recordData");
    table = msync_catalogue_find(site->catalogue,
                                 samples_member(sample, "table"));
    side = side_of(table);

    if (table == NULL) {
        (void) pull(site, sample, side);
        return !msync_catalogue_is_later(samples_member(sample, "table"));
    }

    if (strcmp(samples_member(sample, "action"), "Update") == 0
        && is_dropped(table, side, sample, data))
    {
        return !may_be_dropped(table);
    }

    put_parents(site, table, data);

    if (strcmp(samples_member(sample, "action"), "Update") != 0) {
        return end_row(site, table, sample, side);
    }

    return is_integrated(site, table, sample, side)
           ? compare_row(site, table, sample, data) : 1;
}


static void
each_sample_that_is_pulled_becomes_the_row_that_it_says(void **state)
{
    int           n = 0, wrong = 0;
    site_t       *site = *state;
    const cJSON  *sample;

    if (samples == NULL) {
        print_message("MSYNC_WIRE_SAMPLES names no file of records: "
                      "skipped\n");
        skip();
    }

    site_sql(site, "PRAGMA foreign_keys = OFF");

    cJSON_ArrayForEach(sample, samples) {
        if (strcmp(samples_member(sample, "direction"), "push") != 0) {
            wrong += pull_sample(site, sample);
            n++;
        }
    }

    assert_true(n > 0);
    assert_int_equal(wrong, 0);
}


/* what goes out for a row, NULL: nothing; to be freed */

static cJSON *
pushed(site_t *site, unsigned side, const char *table, const char *id)
{
    char           *sql;
    cJSON          *json = NULL;
    size_t          i;
    int64_t         processed;
    msync_err_t     err;
    msync_batch_t   batch = { 0 };

    sql = sqlite3_mprintf("INSERT INTO changelog (table_name, record_id, "
                          "row_action) VALUES (%Q, %Q, 'UPSERT')", table,
                          id);
    site_sql(site, sql);
    sqlite3_free(sql);
    assert_ok(msync_store_changes(site->store, side, 0, 100, 1 << 20, &batch,
                                  &processed, &err));

    for (i = 0; i < batch.n; i++) {
        if (strcmp(batch.records[i].id, id) == 0) {
            json = cJSON_Parse(batch.records[i].data);
        }
    }

    msync_batch_clear(&batch);
    return json;
}


/* 0 says the same as null, and is read by those who refuse null */

static bool
is_same(const msync_field_t *field, const cJSON *sent, const cJSON *value)
{
    return cJSON_Compare(sent, value, true)
           || (field != NULL && (field->encoding & MSYNC_ENC_ZERO_IS_NULL)
               && cJSON_IsNull(value) && cJSON_IsNumber(sent)
               && cJSON_GetNumberValue(sent) == 0);
}


static int
push_sample(site_t *site, const cJSON *sample)
{
    int                   wrong = 0;
    char                 *here, *there;
    cJSON                *json;
    unsigned              side;
    const cJSON          *data, *value, *sent;
    const msync_table_t  *table;

    begin_sample(site);
    data = cJSON_GetObjectItemCaseSensitive(sample, "recordData");
    table = msync_catalogue_find(site->catalogue,
                                 samples_member(sample, "table"));
    assert_non_null(table);

    /* central alone has these */
    if ((table->push & ~MSYNC_V7) == 0) {
        return 0;
    }

    side = side_of(table);
    put_parents(site, table, data);
    site_sql(site, SITE_SENT);
    assert_int_equal(pull(site, sample, side).failed, 0);
    json = pushed(site, table->push & side ? side : table->push & ~MSYNC_V7,
                  table->name, samples_member(sample, "recordId"));

    if (json == NULL) {
        print_message("%s %s is not pushed: %s\n", table->name,
                      samples_member(sample, "recordId"),
                      site_get(site, "SELECT error FROM msync_refused"));
        return 1;
    }

    cJSON_ArrayForEach(value, data) {
        sent = cJSON_GetObjectItemCaseSensitive(json, value->string);

        if (!is_same(msync_table_field(table, value->string), sent, value)) {
            here = sent ? cJSON_PrintUnformatted(sent) : NULL;
            there = cJSON_PrintUnformatted(value);
            print_message("%s %s: \"%s\" is sent as %s, not %s\n",
                          table->name, samples_member(sample, "recordId"),
                          value->string, here ? here : "nothing", there);
            free(here);
            free(there);
            wrong++;
        }
    }

    cJSON_Delete(json);
    return wrong;
}


static void
each_row_is_pushed_as_the_sample_says(void **state)
{
    int           n = 0, wrong = 0;
    site_t       *site = *state;
    const cJSON  *sample;

    if (samples == NULL) {
        skip();
    }

    site_sql(site, "PRAGMA foreign_keys = OFF");

    cJSON_ArrayForEach(sample, samples) {
        if (strcmp(samples_member(sample, "direction"), "push") == 0) {
            wrong += push_sample(site, sample);
            n++;
        }
    }

    assert_true(n > 0);
    assert_int_equal(wrong, 0);
}


/* what goes out by v7 for a record of v5 or v6, NULL: nothing */

static cJSON *
by_v7(const msync_catalogue_t *catalogue, const cJSON *sample)
{
    char          *data, *text = NULL;
    cJSON         *json = NULL;
    size_t         length;
    msync_err_t    err;
    msync_row_t    row;

    const cJSON          *record;
    const msync_table_t  *table;

    record = cJSON_GetObjectItemCaseSensitive(sample, "recordData");
    table = msync_catalogue_find(catalogue, samples_member(sample, "table"));

    if (table == NULL || table->nshapes == 0 || !cJSON_IsObject(record)) {
        return NULL;
    }

    data = cJSON_PrintUnformatted(record);

    if (msync_row_decode(&row, table, table->pull & MSYNC_LEGACY
                                      ? MSYNC_LEGACY : MSYNC_OMSUPPLY,
                         samples_member(sample, "recordId"), data, NULL,
                         &err) == MSYNC_OK)
    {
        row.side = MSYNC_V7;
        text = msync_row_encode(&row, &length, &err);
    }

    msync_row_clear(&row);
    free(data);

    if (text != NULL) {
        json = cJSON_Parse(text);
        free(text);
    }

    return json;
}


/* what needs other rows than the record's (t/unit/test_v7.c), and what is
 * different on purpose (docs/v7.md) */

static bool
is_of_other_rows(const cJSON *sample, const char *field)
{
    size_t  i;

    static const struct {
        const char  *table;
        const char  *field;
        const char  *id;
    } fields[] = {
        { "trans_line",      "item_code",        NULL },
        { "name_store_join", "name_is_supplier", NULL },
        { "requisition",     "program_id",       NULL },
        { "transact",        NULL, "12e889c0f12312311eb8dddb54df6d741bc" },
        { "transact",        NULL, "065AEF4C9C214C9AB4ED7BA0A1EC72C0" },
        { "transact",        NULL, "EE2EBC187C62453AADE221779FCFDABC" },
        { "trans_line",      NULL, "1CC10911C7F64369B965181D78696837" },
        { "trans_line",      NULL, "TRANS_LINE_INVALID_STOCKLINE" },
        { "trans_line",      NULL, "TRANS_LINE_EMPTY_STOCKLINE" }
    };

    for (i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
        if (strcmp(fields[i].table, samples_member(sample, "table")) == 0
            && (fields[i].field == NULL
                || strcmp(fields[i].field, field) == 0)
            && (fields[i].id == NULL
                || strcmp(fields[i].id, samples_member(sample, "recordId"))
                   == 0))
        {
            return true;
        }
    }

    return false;
}


static int
compare_derived(const msync_catalogue_t *catalogue, const cJSON *came,
    const cJSON *derived)
{
    int           wrong = 0;
    cJSON        *one = by_v7(catalogue, came);
    cJSON        *other = by_v7(catalogue, derived);
    const cJSON  *value;

    cJSON_ArrayForEach(value, other) {
        if (one != NULL && !is_of_other_rows(came, value->string)
            && !cJSON_Compare(value, cJSON_GetObjectItemCaseSensitive(one,
                                                   value->string), true))
        {
            print_message("%s %s: \"%s\" is another\n",
                          samples_member(came, "table"),
                          samples_member(came, "recordId"), value->string);
            wrong++;
        }
    }

    cJSON_Delete(one);
    cJSON_Delete(other);

    return wrong;
}


/* of some records there is what mSupply central sends and what an Open
 * mSupply has made of it */

static void
what_v5_brought_goes_out_by_v7_as_an_open_msupply_has_it(void **state)
{
    int           n = 0, wrong = 0;
    site_t       *site = *state;
    const cJSON  *came, *derived;

    if (samples == NULL) {
        skip();
    }

    cJSON_ArrayForEach(derived, samples) {
        if (strcmp(samples_member(derived, "direction"), "push") != 0) {
            continue;
        }

        cJSON_ArrayForEach(came, samples) {
            if (strcmp(samples_member(came, "direction"), "push") != 0
                && strcmp(samples_member(came, "table"),
                          samples_member(derived, "table")) == 0
                && strcmp(samples_member(came, "recordId"),
                          samples_member(derived, "recordId")) == 0)
            {
                wrong += compare_derived(site->catalogue, came, derived);
                n++;
            }
        }
    }

    assert_true(n > 0);
    assert_int_equal(wrong, 0);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        T(each_sample_that_is_pulled_becomes_the_row_that_it_says),
        T(each_row_is_pushed_as_the_sample_says),
        T(what_v5_brought_goes_out_by_v7_as_an_open_msupply_has_it)
    };

    return cmocka_run_group_tests(tests, open_samples, close_samples);
}
