/*
 * What may stand in a `tables` file.
 *
 * Promises: a member that catalogue.json does not have, or a value of another
 * kind, is refused with the names of table, field and member; JSON that
 * cannot be read, with line and column.
 */

#include <stdio.h>
#include <string.h>

#include "catalogue/catalogue_private.h"

#define CHECK_WHERE_MAX  384

typedef enum {
    KIND_ANY = 0,
    KIND_STRING,                   /* or null */
    KIND_BOOLEAN,
    KIND_OBJECT,                   /* or null */
    KIND_ARRAY,                    /* or null */
    KIND_SIDES
} check_kind_e;

typedef struct {
    const char    *name;
    check_kind_e   kind;
} check_member_t;

/* in the order of check_kind_e, for texts */

static const char  *const check_kind_names[] = {
    "", "a string", "true or false", "an object", "an array",
    "an array of \"legacy\" and \"omsupply\""
};

/* members that only describe a table are for people */

static const check_member_t  check_table_members[] = {
    { "table",           KIND_STRING },
    { "rename",          KIND_STRING },
    { "leave_out",       KIND_BOOLEAN },
    { "key",             KIND_STRING },
    { "fields",          KIND_ARRAY },
    { "pull_from",       KIND_SIDES },
    { "push_to",         KIND_SIDES },
    { "delete",          KIND_STRING },
    { "push_delete",     KIND_BOOLEAN },
    { "merge",           KIND_BOOLEAN },
    { "changelog_store", KIND_OBJECT },
    { "changelog",       KIND_ANY },
    { "class",           KIND_ANY },
    { "depends_on",      KIND_ANY },
    { "has_store",       KIND_ANY },
    { "legacy_channel",  KIND_ANY },
    { "legacy_push",     KIND_ANY },
    { "level",           KIND_ANY },
    { "notes",           KIND_ANY },
    { "sync_style",      KIND_ANY },
    { "why",             KIND_ANY },
    { NULL, KIND_ANY }
};

static const check_member_t  check_field_members[] = {
    { "name",            KIND_STRING },
    { "type",            KIND_STRING },
    { "nullable",        KIND_BOOLEAN },
    { "required",        KIND_BOOLEAN },
    { "local_only",      KIND_BOOLEAN },
    { "default",         KIND_ANY },
    { "references",      KIND_STRING },
    { "fk",              KIND_BOOLEAN },
    { "encoding",        KIND_STRING },
    { "enum",            KIND_ARRAY },
    { "properties",      KIND_ARRAY },
    { "fk_why",          KIND_ANY },
    { "aliases",         KIND_ANY },
    { NULL, KIND_ANY }
};

static const check_member_t  check_store_members[] = {
    { "column",          KIND_STRING },
    { "parent",          KIND_STRING },
    { "via",             KIND_STRING },
    { NULL, KIND_ANY }
};


static bool check_is_of_kind(const cJSON *value, check_kind_e kind);
static int check_sides(const cJSON *list, const char *where, msync_err_t *err);
static int check_members(const cJSON *object, const check_member_t *members,
    const char *where, msync_err_t *err);
static int check_fields(const cJSON *fields, const char *where,
    const char *what, msync_err_t *err);
static int check_table(const cJSON *table, int number, msync_err_t *err);
static int check_text(const char *text, size_t length, msync_err_t *err);


static bool
check_is_of_kind(const cJSON *value, check_kind_e kind)
{
    switch (kind) {

    case KIND_STRING:
        return cJSON_IsString(value) || cJSON_IsNull(value);

    case KIND_BOOLEAN:
        return cJSON_IsBool(value);

    case KIND_OBJECT:
        return cJSON_IsObject(value) || cJSON_IsNull(value);

    case KIND_ARRAY:
        return cJSON_IsArray(value) || cJSON_IsNull(value);

    case KIND_SIDES:
        return cJSON_IsArray(value);

    default:
        return true;
    }
}


/* a side that is misspelt would be another one, or none */

static int
check_sides(const cJSON *list, const char *where, msync_err_t *err)
{
    const char   *word;
    const cJSON  *side;

    cJSON_ArrayForEach(side, list) {
        word = cJSON_GetStringValue(side);

        if (word == NULL
            || (strcmp(word, "legacy") != 0 && strcmp(word, "omsupply") != 0))
        {
            return msync_err_set(err, MSYNC_ERR_UNKNOWN, "%s: \"%s\" has "
                                 "\"%.64s\", but may only have \"legacy\" "
                                 "and \"omsupply\"", where, list->string,
                                 word ? word : "what is no string");
        }
    }

    return MSYNC_OK;
}


static int
check_members(const cJSON *object, const check_member_t *members,
    const char *where, msync_err_t *err)
{
    const cJSON           *value;
    const check_member_t  *member;

    if (!cJSON_IsObject(object)) {
        return msync_err_set(err, MSYNC_ERR_UNKNOWN, "%s is not an object",
                             where);
    }

    cJSON_ArrayForEach(value, object) {
        for (member = members; member->name != NULL; member++) {
            if (strcmp(member->name, value->string) == 0) {
                break;
            }
        }

        if (member->name == NULL) {
            return msync_err_set(err, MSYNC_ERR_UNKNOWN, "%s: there is no "
                                 "member \"%.64s\"", where, value->string);
        }

        if (!check_is_of_kind(value, member->kind)) {
            return msync_err_set(err, MSYNC_ERR_UNKNOWN, "%s: \"%s\" has to "
                                 "be %s", where, member->name,
                                 check_kind_names[member->kind]);
        }

        if (member->kind == KIND_SIDES
            && check_sides(value, where, err) != MSYNC_OK)
        {
            return MSYNC_ERROR;
        }
    }

    return MSYNC_OK;
}


/* fields of a table, or the properties that a field describes */

static int
check_fields(const cJSON *fields, const char *where, const char *what,
    msync_err_t *err)
{
    char          here[CHECK_WHERE_MAX];
    const char   *name;
    const cJSON  *field;

    cJSON_ArrayForEach(field, fields) {
        name = msync_catalogue_string(field, "name");
        if (name == NULL) {
            return msync_err_set(err, MSYNC_ERR_UNKNOWN, "%s has a %s "
                                 "without \"name\"", where, what);
        }

        snprintf(here, sizeof(here), "%s, %s \"%.64s\"", where, what, name);

        if (check_members(field, check_field_members, here, err) != MSYNC_OK
            || check_fields(msync_catalogue_get(field, "properties"), here,
                            "property", err) != MSYNC_OK)
        {
            return MSYNC_ERROR;
        }
    }

    return MSYNC_OK;
}


static int
check_table(const cJSON *table, int number, msync_err_t *err)
{
    char          where[CHECK_WHERE_MAX];
    const char   *name;
    const cJSON  *store;

    name = msync_catalogue_string(table, "table");
    if (name == NULL) {
        return msync_err_set(err, MSYNC_ERR_UNKNOWN,
                             "entry %d has no \"table\"", number);
    }

    snprintf(where, sizeof(where), "table \"%.128s\"", name);

    if (check_members(table, check_table_members, where, err) != MSYNC_OK
        || check_fields(msync_catalogue_get(table, "fields"),
                        where, "field", err) != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    store = msync_catalogue_get(table, "changelog_store");
    if (!cJSON_IsObject(store)) {
        return MSYNC_OK;
    }

    snprintf(where, sizeof(where), "table \"%.128s\", \"changelog_store\"",
             name);

    return check_members(store, check_store_members, where, err);
}


/* cJSON says only that a text is wrong, and of some wrong ones not even that */

static int
check_text(const char *text, size_t length, msync_err_t *err)
{
    size_t        i, at;
    unsigned      line = 1, column = 1;
    msync_json_t  json;

    msync_json_init(&json, text, length);
    (void) msync_json_skip(&json, NULL);

    if (msync_json_end(&json)) {
        return MSYNC_OK;
    }

    at = msync_json_offset(&json);

    for (i = 0; i < at && i < length; i++) {
        column++;

        if (text[i] == '\n') {
            line++;
            column = 1;
        }
    }

    return msync_err_set(err, MSYNC_ERR_UNKNOWN, "not valid JSON at line %u, "
                         "column %u: %s", line, column, json.error);
}


cJSON *
msync_catalogue_read_tables(const char *text, size_t length,
    msync_err_t *err)
{
    int     n = 0;
    cJSON  *file, *table;

    /* some editors put it there */
    if (length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
        text += 3;
        length -= 3;
    }

    if (check_text(text, length, err) != MSYNC_OK) {
        return NULL;
    }

    file = cJSON_ParseWithLength(text, length);

    if (!cJSON_IsArray(file)) {
        msync_err_set(err, MSYNC_ERR_UNKNOWN, "not a JSON array of tables");
        return NULL;
    }

    cJSON_ArrayForEach(table, file) {
        if (check_table(table, ++n, err) != MSYNC_OK) {
            return NULL;
        }
    }

    return file;
}
