/*
 * Reads catalogue.json into tables and fields.
 *
 * Promises: a catalogue that was accepted has parents before children, every
 * reference of a foreign key resolved, a key in each table and no two names
 * that SQLite would take for one.
 */

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "catalogue/v7_private.h"


/* the file sync/catalogue/catalogue.json, see the Makefile */
extern const char  msync_catalogue_json[];
extern const uint64_t  msync_catalogue_json_length;


static unsigned catalogue_side_mask(const cJSON *list);
static void catalogue_set_soft_delete(msync_table_t *table);
static void catalogue_set_push_condition(msync_table_t *table);
static int catalogue_parse_fields(msync_table_t *table, const cJSON *json,
    msync_err_t *err);
static int catalogue_check_name(const char *name, msync_err_t *err);
static int catalogue_parse_table(msync_table_t *table, const cJSON *json,
    msync_err_t *err);
static int catalogue_compare_names(const void *one, const void *two);
static int catalogue_index_tables(msync_catalogue_t *catalogue,
    msync_err_t *err);
static int catalogue_resolve_references(const msync_catalogue_t *catalogue,
    msync_table_t *table, msync_err_t *err);
static int catalogue_resolve_store(const msync_catalogue_t *catalogue,
    msync_table_t *table, const cJSON *json, msync_err_t *err);
static int catalogue_parse_tables(msync_catalogue_t *catalogue,
    const cJSON *json, msync_err_t *err);
static msync_catalogue_t *catalogue_make(cJSON *json, bool with_v7,
    msync_err_t *err);


/* in the order of msync_delete_e */

static const char  *const catalogue_delete_names[] = {
    "unhandled", "soft", "hard", "error", NULL
};

/*
 * How a soft delete is stored.  Where the wire has a column for it that one
 * is set, else a column of ours.
 */
static const struct {
    const char  *table;
    const char  *column;
    bool         is_local;
    bool         is_time;
    int          value;
} catalogue_soft_deletes[] = {
    { "item",                 "inactive",         true,  false, 1 },
    { "unit",                 "inactive",         true,  false, 1 },
    { "currency",             "inactive",         true,  false, 1 },
    { "options",              "isActive",         false, false, 0 },
    { "list_master",          "inactive",         false, false, 1 },
    { "asset",                "deleted_datetime", false, true,  0 },
    /* name, the categories and whatever a tables file adds */
    { NULL,                   "deleted_datetime", true,  true,  0 }
};


/* a site pushes the rows of `name` that are patients; facilities and stores are
 * central's */
static const struct {
    const char  *table;
    const char  *field;
    const char  *value;
} catalogue_pushed_rows[] = {
    { "name", "type", "patient" },
    { NULL, NULL, NULL }
};


int
msync_catalogue_word(const char *const *words, const char *word)
{
    int  i;

    for (i = 0; word != NULL && words[i] != NULL; i++) {
        if (strcmp(words[i], word) == 0) {
            return i;
        }
    }

    return -1;
}


/* a start asks some 60,000 times and the first letter tells nearly always;
 * cJSON's own look-up calls two functions for it */

cJSON *
msync_catalogue_get(const cJSON *object, const char *name)
{
    cJSON  *member;

    cJSON_ArrayForEach(member, object) {
        if (member->string != NULL && *member->string == *name
            && strcmp(member->string, name) == 0)
        {
            return member;
        }
    }

    return NULL;
}


const char *
msync_catalogue_string(const cJSON *object, const char *name)
{
    return cJSON_GetStringValue(msync_catalogue_get(object, name));
}


bool
msync_catalogue_bool(const cJSON *object, const char *name)
{
    return cJSON_IsTrue(msync_catalogue_get(object, name));
}


char *
msync_catalogue_print(const cJSON *value)
{
    char  *text, *copy;

    text = cJSON_PrintUnformatted(value);
    copy = msync_strdup(text);
    cJSON_free(text);

    return copy;
}


static unsigned
catalogue_side_mask(const cJSON *list)
{
    unsigned      mask = 0;
    const char   *word;
    const cJSON  *side;

    cJSON_ArrayForEach(side, list) {
        word = cJSON_GetStringValue(side);

        if (word != NULL && strcmp(word, "legacy") == 0) {
            mask |= MSYNC_LEGACY;

        } else if (word != NULL && strcmp(word, "omsupply") == 0) {
            mask |= MSYNC_OMSUPPLY;
        }
    }

    return mask;
}


static void
catalogue_set_soft_delete(msync_table_t *table)
{
    size_t  i;

    for (i = 0; catalogue_soft_deletes[i].table != NULL; i++) {
        if (strcmp(catalogue_soft_deletes[i].table, table->name) == 0) {
            break;
        }
    }

    table->soft_column = msync_strdup(catalogue_soft_deletes[i].column);
    table->soft_field = msync_table_field(table, table->soft_column);
    table->soft_is_local = catalogue_soft_deletes[i].is_local
                           && table->soft_field == NULL;
    table->soft_is_time = catalogue_soft_deletes[i].is_time;
    table->soft_value = catalogue_soft_deletes[i].value;
}


static void
catalogue_set_push_condition(msync_table_t *table)
{
    size_t  i;

    for (i = 0; catalogue_pushed_rows[i].table != NULL; i++) {
        if (strcmp(catalogue_pushed_rows[i].table, table->name) == 0
            && msync_table_field(table, catalogue_pushed_rows[i].field)
               != NULL)
        {
            table->push_field = catalogue_pushed_rows[i].field;
            table->push_value = catalogue_pushed_rows[i].value;
        }
    }
}


static int
catalogue_parse_fields(msync_table_t *table, const cJSON *json,
    msync_err_t *err)
{
    size_t        i, j;
    const char   *key;
    const cJSON  *fields, *field;

    fields = msync_catalogue_get(json, "fields");
    key = msync_catalogue_string(json, "key");

    table->n = cJSON_GetArraySize(fields);
    table->fields = msync_calloc(table->n + 1, sizeof(msync_field_t));
    table->key = table->n;

    i = 0;
    cJSON_ArrayForEach(field, fields) {
        if (msync_field_read(&table->fields[i], field, table->name, err)
            != MSYNC_OK)
        {
            return MSYNC_ERROR;
        }

        for (j = 0; j < i; j++) {
            if (strcasecmp(table->fields[j].name, table->fields[i].name)
                == 0)
            {
                return msync_err_set(err, MSYNC_ERR_UNKNOWN,
                                     "catalogue: table \"%s\": field \"%s\" "
                                     "is there twice", table->name,
                                     table->fields[i].name);
            }
        }

        if (key != NULL && strcmp(key, table->fields[i].name) == 0) {
            table->key = i;
        }

        i++;
    }

    if (table->key == table->n) {
        return msync_err_set(err, MSYNC_ERR_UNKNOWN,
                             "catalogue: table \"%s\" has no key field",
                             table->name);
    }

    return MSYNC_OK;
}


static int
catalogue_check_name(const char *name, msync_err_t *err)
{
    if (name == NULL || *name == '\0' || strlen(name) > 128) {
        return msync_err_set(err, MSYNC_ERR_UNKNOWN,
                             "catalogue: a table without a usable name");
    }

    /* names that SQLite, the store or Open mSupply's bookkeeping own */
    if (strncasecmp(name, "sqlite_", 7) == 0
        || strncasecmp(name, "msync_", 6) == 0
        || strcasecmp(name, "sync_buffer") == 0
        || strcasecmp(name, "sync_log") == 0
        || strcasecmp(name, "changelog") == 0
        || strcasecmp(name, "key_value_store") == 0)
    {
        return msync_err_set(err, MSYNC_ERR_UNKNOWN,
                             "catalogue: \"%s\" cannot be a table's name",
                             name);
    }

    return MSYNC_OK;
}


static int
catalogue_parse_table(msync_table_t *table, const cJSON *json, msync_err_t *err)
{
    int          on_delete;
    const char  *name, *sql;

    name = msync_catalogue_string(json, "table");
    sql = msync_catalogue_string(json, "rename");

    if (catalogue_check_name(name, err) != MSYNC_OK
        || (sql != NULL && catalogue_check_name(sql, err) != MSYNC_OK))
    {
        return MSYNC_ERROR;
    }

    table->name = msync_strdup(name);
    table->sql = msync_strdup(sql ? sql : name);

    if (catalogue_parse_fields(table, json, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    on_delete = msync_catalogue_word(catalogue_delete_names,
                                     msync_catalogue_string(json, "delete"));
    if (on_delete < 0) {
        return msync_err_set(err, MSYNC_ERR_UNKNOWN, "catalogue: table "
                             "\"%s\": unknown \"delete\"", name);
    }

    table->on_delete = on_delete;
    table->push_delete = msync_catalogue_bool(json, "push_delete");
    table->merge = msync_catalogue_bool(json, "merge");
    table->pull = catalogue_side_mask(msync_catalogue_get(json, "pull_from"));
    table->push = catalogue_side_mask(msync_catalogue_get(json, "push_to"));
    if (on_delete == MSYNC_DELETE_SOFT) {
        catalogue_set_soft_delete(table);
    }

    catalogue_set_push_condition(table);

    return MSYNC_OK;
}


static int
catalogue_compare_names(const void *one, const void *two)
{
    const msync_table_t *const  *a = one, *const *b = two;

    return strcmp((*a)->name, (*b)->name);
}


static int
catalogue_index_tables(msync_catalogue_t *catalogue, msync_err_t *err)
{
    size_t  i, j;

    catalogue->by_name = msync_calloc(catalogue->n + 1,
                                      sizeof(msync_table_t *));

    for (i = 0; i < catalogue->n; i++) {
        catalogue->by_name[i] = &catalogue->tables[i];

        for (j = 0; j < i; j++) {
            if (strcasecmp(catalogue->tables[i].sql,
                           catalogue->tables[j].sql) == 0
                || strcmp(catalogue->tables[i].name,
                          catalogue->tables[j].name) == 0)
            {
                return msync_err_set(err, MSYNC_ERR_UNKNOWN,
                                     "catalogue: table \"%s\" is there twice",
                                     catalogue->tables[i].name);
            }
        }
    }

    qsort(catalogue->by_name, catalogue->n, sizeof(msync_table_t *),
          catalogue_compare_names);

    return MSYNC_OK;
}


/* foreign keys must point backwards: that is the order of integration */

static int
catalogue_resolve_references(const msync_catalogue_t *catalogue,
    msync_table_t *table, msync_err_t *err)
{
    size_t          i;
    msync_field_t  *field;

    for (i = 0; i < table->n; i++) {
        field = &table->fields[i];

        if (field->references == NULL) {
            continue;
        }

        field->target = msync_catalogue_find(catalogue, field->references);

        if (field->fk && (field->target == NULL || field->target >= table)) {
            return msync_err_set(err, MSYNC_ERR_UNKNOWN,
                                 "catalogue: table \"%s\", field \"%s\": "
                                 "\"%s\" is not an earlier table",
                                 table->name, field->name,
                                 field->references);
        }
    }

    return MSYNC_OK;
}


static int
catalogue_resolve_store(const msync_catalogue_t *catalogue,
    msync_table_t *table, const cJSON *json, msync_err_t *err)
{
    const char           *column, *via, *parent_name;
    const cJSON          *store;
    const msync_table_t  *parent;

    store = msync_catalogue_get(json, "changelog_store");
    if (!cJSON_IsObject(store)) {
        return MSYNC_OK;
    }

    column = msync_catalogue_string(store, "column");
    if (column != NULL) {
        table->store_field = msync_table_field(table, column);

    } else {
        via = msync_catalogue_string(store, "via");
        parent_name = msync_catalogue_string(store, "parent");
        parent = parent_name ? msync_catalogue_find(catalogue, parent_name)
                             : NULL;

        /* the parent stands earlier, so its own store is known by now */
        if (via != NULL && parent != NULL && parent < table) {
            table->store_via = msync_table_field(table, via);
            table->store_field = parent->store_field;
        }

        if (table->store_via == NULL || table->store_via->target != parent) {
            table->store_field = NULL;
        }
    }

    if (table->store_field == NULL) {
        return msync_err_set(err, MSYNC_ERR_UNKNOWN, "catalogue: table "
                             "\"%s\": \"changelog_store\" names no field",
                             table->name);
    }

    return MSYNC_OK;
}


static int
catalogue_parse_tables(msync_catalogue_t *catalogue, const cJSON *json,
    msync_err_t *err)
{
    size_t        i;
    const cJSON  *table;

    catalogue->n = cJSON_GetArraySize(json);
    catalogue->tables = msync_calloc(catalogue->n + 1, sizeof(msync_table_t));

    i = 0;
    cJSON_ArrayForEach(table, json) {
        if (catalogue_parse_table(&catalogue->tables[i++], table, err)
            != MSYNC_OK)
        {
            return MSYNC_ERROR;
        }
    }

    if (catalogue_index_tables(catalogue, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    i = 0;
    cJSON_ArrayForEach(table, json) {
        if (catalogue_resolve_references(catalogue, &catalogue->tables[i], err)
            != MSYNC_OK
            || catalogue_resolve_store(catalogue, &catalogue->tables[i],
                                       table, err)
               != MSYNC_OK)
        {
            return MSYNC_ERROR;
        }

        i++;
    }

    return MSYNC_OK;
}


msync_catalogue_t *
msync_catalogue_parse(const char *text, size_t length, msync_err_t *err)
{
    msync_catalogue_t  *catalogue;

    msync_arena_begin();
    catalogue = catalogue_make(cJSON_ParseWithLength(text, length), false,
                               err);
    msync_arena_end();

    return catalogue;
}


msync_catalogue_t *
msync_catalogue_builtin(msync_err_t *err)
{
    msync_catalogue_t  *catalogue;

    msync_arena_begin();
    catalogue = msync_catalogue_of(msync_catalogue_read_builtin(), err);
    msync_arena_end();

    return catalogue;
}


cJSON *
msync_catalogue_read_builtin(void)
{
    return cJSON_ParseWithLength(msync_catalogue_json,
                                 msync_catalogue_json_length);
}


msync_catalogue_t *
msync_catalogue_of(cJSON *tables, msync_err_t *err)
{
    return catalogue_make(tables, true, err);
}


static msync_catalogue_t *
catalogue_make(cJSON *json, bool with_v7, msync_err_t *err)
{
    int                 rc = MSYNC_OK;
    cJSON              *v7 = NULL;
    msync_catalogue_t  *catalogue;

    if (!cJSON_IsArray(json)) {
        msync_err_set(err, MSYNC_ERR_UNKNOWN,
                      "catalogue: not a JSON array of tables");
        return NULL;
    }

    catalogue = msync_calloc(1, sizeof(msync_catalogue_t));

    if (with_v7) {
        v7 = msync_v7_parse(err);
        rc = v7 != NULL ? MSYNC_OK : MSYNC_ERROR;
    }

    if (rc == MSYNC_OK && with_v7) {
        msync_v7_extend(json, v7);
    }

    if (rc == MSYNC_OK) {
        rc = catalogue_parse_tables(catalogue, json, err);
    }

    if (rc == MSYNC_OK && with_v7) {
        rc = msync_v7_attach(catalogue, v7, err);
    }

    if (rc != MSYNC_OK) {
        msync_catalogue_free(&catalogue);
    }

    return catalogue;
}


void
msync_catalogue_free(msync_catalogue_t **catalogue_pt)
{
    size_t              i, j;
    msync_table_t      *table;
    msync_catalogue_t  *catalogue = *catalogue_pt;

    if (catalogue == NULL) {
        return;
    }

    for (i = 0; i < catalogue->n; i++) {
        table = &catalogue->tables[i];

        for (j = 0; table->fields != NULL && j < table->n; j++) {
            msync_field_clear(&table->fields[j]);
        }

        msync_v7_detach(table);
        free(table->fields);
        free(table->soft_column);
        free(table->name);
        free(table->sql);
    }

    free(catalogue->tables);
    free(catalogue->by_name);
    free(catalogue->v7_names);
    free(catalogue->file);
    msync_free(catalogue_pt);
}


const msync_table_t *
msync_catalogue_find(const msync_catalogue_t *catalogue, const char *name)
{
    int     order;
    size_t  low = 0, high = catalogue->n, middle;

    while (low < high) {
        middle = low + (high - low) / 2;
        order = strcmp(name, catalogue->by_name[middle]->name);

        if (order == 0) {
            return catalogue->by_name[middle];
        }

        if (order < 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }

    return NULL;
}


const msync_field_t *
msync_table_field(const msync_table_t *table, const char *name)
{
    size_t  i;

    for (i = 0; i < table->n; i++) {
        if (strcmp(table->fields[i].name, name) == 0) {
            return &table->fields[i];
        }
    }

    return NULL;
}
