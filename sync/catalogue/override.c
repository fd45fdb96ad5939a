/*
 * A `tables` file laid over the built-in catalogue.
 *
 * Promises: what results went through the same checks as the built-in one; a
 * file that is wrong changes nothing.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "catalogue/catalogue_private.h"

#define OVERRIDE_FILE_MAX  (4 * 1024 * 1024)  /* octets of a tables file */

#define OVERRIDE_ADVICE                                                       \
    "Correct this file. The helper of nginx reads it again by itself; a "     \
    "command of msync, when it is called again."


static char *override_read_file(const char *path, size_t *length,
    msync_err_t *err);
static cJSON *override_find_by(cJSON *array, const char *name,
    const char *value);
static void override_merge_members(cJSON *base, const cJSON *over,
    const char *except);
static void override_merge_fields(cJSON *base, const cJSON *over);
static int override_merge_table(cJSON *tables, const cJSON *over,
    msync_err_t *err);
static bool override_is_left_out(const cJSON *file, const char *name);
static void override_drop_references(cJSON *tables, const cJSON *file);
static int override_merge_all(cJSON *tables, const cJSON *file,
    msync_err_t *err);
static int override_check_references(const msync_catalogue_t *catalogue,
    const cJSON *file, msync_err_t *err);
static const char *override_misspelt(const msync_catalogue_t *catalogue,
    const cJSON *file, const msync_field_t *field);


static char *
override_read_file(const char *path, size_t *length, msync_err_t *err)
{
    int           fd;
    FILE         *file;
    char         *text;
    struct stat   st;

    /* a pipe would be waited for until somebody writes into it */
    fd = open(path, O_RDONLY|O_CLOEXEC|O_NONBLOCK|O_NOCTTY);
    file = fd != -1 && fstat(fd, &st) == 0 ? fdopen(fd, "r") : NULL;

    if (file == NULL) {
        msync_err_set(err, MSYNC_ERR_UNKNOWN, "tables file %s: %s", path,
                      strerror(errno));

        if (fd != -1) {
            close(fd);
        }

        return NULL;
    }

    if (!S_ISREG(st.st_mode)) {
        msync_err_set(err, MSYNC_ERR_UNKNOWN, "tables file %s: it is not a "
                      "regular file", path);
        fclose(file);
        return NULL;
    }

    text = msync_alloc(OVERRIDE_FILE_MAX + 1);
    *length = fread(text, 1, OVERRIDE_FILE_MAX + 1, file);

    if (ferror(file) || *length > OVERRIDE_FILE_MAX) {
        msync_err_set(err, MSYNC_ERR_UNKNOWN, "tables file %s: %s", path,
                      *length > OVERRIDE_FILE_MAX ? "larger than 4 MB"
                                                  : "cannot be read");
        msync_free(&text);
    }

    fclose(file);
    return text;
}


/* the item of an array whose member `name` is `value`, NULL if none */

static cJSON *
override_find_by(cJSON *array, const char *name, const char *value)
{
    cJSON       *item;
    const char  *text;

    cJSON_ArrayForEach(item, array) {
        text = msync_catalogue_string(item, name);

        if (text != NULL && value != NULL && strcmp(text, value) == 0) {
            return item;
        }
    }

    return NULL;
}


/* lets the members of `over` replace those of `base` */

static void
override_merge_members(cJSON *base, const cJSON *over, const char *except)
{
    const cJSON  *member;

    cJSON_ArrayForEach(member, over) {
        if (except != NULL && strcmp(member->string, except) == 0) {
            continue;
        }

        cJSON_DeleteItemFromObjectCaseSensitive(base, member->string);
        cJSON_AddItemToObject(base, member->string,
                              cJSON_Duplicate(member, true));
    }
}


static void
override_merge_fields(cJSON *base, const cJSON *over)
{
    cJSON        *fields, *known;
    const char   *name;
    const cJSON  *field;

    fields = msync_catalogue_get(base, "fields");

    cJSON_ArrayForEach(field, msync_catalogue_get(over, "fields")) {
        name = msync_catalogue_string(field, "name");
        known = override_find_by(fields, "name", name);

        if (known != NULL) {
            override_merge_members(known, field, NULL);

        } else {
            cJSON_AddItemToArray(fields, cJSON_Duplicate(field, true));
        }
    }
}


static int
override_merge_table(cJSON *tables, const cJSON *over, msync_err_t *err)
{
    cJSON       *base;
    const char  *name;

    name = msync_catalogue_string(over, "table");
    base = override_find_by(tables, "table", name);

    if (msync_catalogue_bool(over, "leave_out")) {
        if (base == NULL) {
            return msync_err_set(err, MSYNC_ERR_UNKNOWN, "there is no table "
                                 "\"%s\" to leave out", name);
        }

        cJSON_Delete(cJSON_DetachItemViaPointer(tables, base));
        return MSYNC_OK;
    }

    if (base == NULL) {
        cJSON_AddItemToArray(tables, cJSON_Duplicate(over, true));
        return MSYNC_OK;
    }

    override_merge_members(base, over, "fields");
    override_merge_fields(base, over);

    return MSYNC_OK;
}


static bool
override_is_left_out(const cJSON *file, const char *name)
{
    const cJSON  *over;

    cJSON_ArrayForEach(over, file) {
        if (msync_catalogue_bool(over, "leave_out")
            && strcmp(msync_catalogue_string(over, "table"), name) == 0)
        {
            return true;
        }
    }

    return false;
}


/* a table that was left out takes the foreign keys to it along: its ids stay
 * plain columns */

static void
override_drop_references(cJSON *tables, const cJSON *file)
{
    cJSON       *table, *field;
    const char  *references;

    cJSON_ArrayForEach(table, tables) {
        cJSON_ArrayForEach(field, msync_catalogue_get(table, "fields")) {
            references = msync_catalogue_string(field, "references");

            if (references != NULL && override_is_left_out(file, references)
                && override_find_by(tables, "table", references) == NULL)
            {
                cJSON_DeleteItemFromObjectCaseSensitive(field, "fk");
            }
        }
    }
}


static int
override_merge_all(cJSON *tables, const cJSON *file, msync_err_t *err)
{
    const cJSON  *over;

    cJSON_ArrayForEach(over, file) {
        if (override_merge_table(tables, over, err) != MSYNC_OK) {
            return MSYNC_ERROR;
        }
    }

    override_drop_references(tables, file);

    return MSYNC_OK;
}


/* those to tables that v7 alone has are known once the catalogue is made */

static int
override_check_references(const msync_catalogue_t *catalogue,
    const cJSON *file, msync_err_t *err)
{
    size_t                i, k;
    const char           *name;
    const msync_table_t  *table;

    for (i = 0; i < catalogue->n; i++) {
        table = &catalogue->tables[i];

        for (k = 0; k < table->n; k++) {
            name = override_misspelt(catalogue, file, &table->fields[k]);

            if (name != NULL) {
                return msync_err_set(err, MSYNC_ERR_UNKNOWN, "catalogue: "
                                     "table \"%s\", field \"%s\": there is "
                                     "no table \"%s\"", table->name,
                                     table->fields[k].name, name);
            }
        }
    }

    return MSYNC_OK;
}


/* the table that a field or one of its properties refers to, where there is
 * none and there never was; NULL: there is */

static const char *
override_misspelt(const msync_catalogue_t *catalogue, const cJSON *file,
    const msync_field_t *field)
{
    size_t       i;
    const char  *name = NULL;

    if (field->references != NULL
        && msync_catalogue_find(catalogue, field->references) == NULL
        && !override_is_left_out(file, field->references))
    {
        return field->references;
    }

    for (i = 0; i < field->nproperties && name == NULL; i++) {
        name = override_misspelt(catalogue, file, &field->properties[i]);
    }

    return name;
}


msync_catalogue_t *
msync_catalogue_load(const char *path, msync_err_t *err)
{
    char               *text;
    cJSON              *tables, *file;
    size_t              length;
    msync_catalogue_t  *catalogue = NULL;

    text = override_read_file(path, &length, err);
    if (text == NULL) {
        err->advice = OVERRIDE_ADVICE;
        return NULL;
    }

    msync_arena_begin();
    file = msync_catalogue_read_tables(text, length, err);
    tables = msync_catalogue_read_builtin();

    if (file != NULL && override_merge_all(tables, file, err) == MSYNC_OK) {
        catalogue = msync_catalogue_of(tables, err);
    }

    if (catalogue != NULL
        && override_check_references(catalogue, file, err) != MSYNC_OK)
    {
        msync_catalogue_free(&catalogue);
    }

    msync_arena_end();

    if (catalogue != NULL) {
        catalogue->file = msync_strdup(path);

    } else {
        msync_err_context(err, path);
        err->advice = OVERRIDE_ADVICE;
    }

    msync_free(&text);
    return catalogue;
}
