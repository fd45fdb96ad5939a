/*
 * Reads a field of catalogue.json: its type, its encodings and the words that
 * it may have.
 *
 * Promises: a field that was accepted has a name that SQLite and the wire can
 * have; its properties were read as strictly as itself.
 */

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "catalogue/catalogue_private.h"

#define FIELD_NAME_MAX  (MSYNC_JSON_KEY_MAX - 1)    /* octets: a record's key
                                                       is read as long */


static unsigned field_encoding(const char *text);
static void field_read_words(msync_field_t *field, const cJSON *list);
static int field_read_properties(msync_field_t *field, const cJSON *list,
    const char *table, msync_err_t *err);
static void field_read_fallback(msync_field_t *field, const cJSON *fallback);


/* in the order of msync_type_e */

static const char  *const field_types[] = {
    "string", "number", "integer", "boolean", "date", "datetime", "time",
    "object", NULL
};


/* the encodings are sentences of catalogue.json; what they ask of us */

static const struct {
    const char  *words;
    unsigned     mask;
} field_encodings[] = {
    { "empty",                        MSYNC_ENC_EMPTY_IS_NULL },
    { "push: YYYY-MM-DDT00:00:00",    MSYNC_ENC_PUSH_MIDNIGHT },
    { "; 0 reads as null",            MSYNC_ENC_ZERO_IS_NULL },
    { "serialised to a JSON string",  MSYNC_ENC_PUSH_AS_STRING },
    { "unknown value reads as null",  MSYNC_ENC_ANY_WORD },
    { "32 bits",                      MSYNC_ENC_32_BITS },
    { "string holding JSON",          MSYNC_ENC_JSON_TEXT },
    { "string holding a JSON object", MSYNC_ENC_JSON_TEXT },
    { "string holding a JSON array",  MSYNC_ENC_ARRAY_TEXT },
    { "must be filled in",            MSYNC_ENC_FILLED_IN }
};


int
msync_field_read(msync_field_t *field, const cJSON *json, const char *table,
    msync_err_t *err)
{
    int          type;
    const char  *name, *references;

    name = msync_catalogue_string(json, "name");
    if (name == NULL || *name == '\0' || strlen(name) > FIELD_NAME_MAX
        || strncasecmp(name, "msync_", 6) == 0)
    {
        return msync_err_set(err, MSYNC_ERR_UNKNOWN,
                             "catalogue: table \"%s\" has a field without "
                             "a usable name", table);
    }

    type = msync_catalogue_word(field_types,
                                msync_catalogue_string(json, "type"));
    if (type < 0) {
        return msync_err_set(err, MSYNC_ERR_UNKNOWN,
                             "catalogue: table \"%s\", field \"%s\": unknown "
                             "type", table, name);
    }

    field->name = msync_strdup(name);
    field->type = type;
    field->encoding = field_encoding(msync_catalogue_string(json, "encoding"));
    field->nullable = msync_catalogue_bool(json, "nullable");
    field->required = msync_catalogue_bool(json, "required");
    field->local_only = msync_catalogue_bool(json, "local_only");
    field->v7_only = msync_catalogue_bool(json, "v7_only");
    field->fk = msync_catalogue_bool(json, "fk");

    references = msync_catalogue_string(json, "references");
    if (references != NULL) {
        field->references = msync_strdup(references);

        /* where nothing has to be there, an empty id is a value */
        if (field->nullable || field->fk) {
            field->encoding |= MSYNC_ENC_EMPTY_IS_NULL;
        }
    }

    field_read_words(field, msync_catalogue_get(json, "enum"));
    field_read_fallback(field, msync_catalogue_get(json, "default"));

    return field_read_properties(field,
                                 msync_catalogue_get(json, "properties"),
                                 table, err);
}


void
msync_field_clear(msync_field_t *field)
{
    size_t  i;

    for (i = 0; field->words != NULL && field->words[i] != NULL; i++) {
        free(field->words[i]);
    }

    for (i = 0; i < field->nproperties; i++) {
        msync_field_clear(&field->properties[i]);
    }

    free(field->words);
    free(field->properties);
    free(field->name);
    free(field->references);
    free(field->fallback);
}


bool
msync_field_takes_empty(const msync_field_t *field)
{
    return field->type == MSYNC_TYPE_STRING && field->words == NULL
           && !field->fk;
}


bool
msync_field_is_counted(const msync_field_t *field)
{
    return field->type == MSYNC_TYPE_NUMBER
           || field->type == MSYNC_TYPE_INTEGER
           || field->type == MSYNC_TYPE_BOOLEAN;
}


static unsigned
field_encoding(const char *text)
{
    size_t    i;
    unsigned  mask = 0;

    for (i = 0; text != NULL
         && i < sizeof(field_encodings) / sizeof(*field_encodings); i++)
    {
        if (strstr(text, field_encodings[i].words) != NULL) {
            mask |= field_encodings[i].mask;
        }
    }

    return mask;
}


static void
field_read_words(msync_field_t *field, const cJSON *list)
{
    size_t        n = 0;
    const char   *word;
    const cJSON  *item;

    if (!cJSON_IsArray(list)) {
        return;
    }

    field->words = msync_calloc(cJSON_GetArraySize(list) + 1, sizeof(char *));

    cJSON_ArrayForEach(item, list) {
        word = cJSON_GetStringValue(item);

        if (word != NULL && strcmp(word, "*") == 0) {
            field->encoding |= MSYNC_ENC_ANY_WORD;

        } else if (word != NULL) {
            field->words[n++] = msync_strdup(word);
        }
    }
}


static int
field_read_properties(msync_field_t *field, const cJSON *list,
    const char *table, msync_err_t *err)
{
    const cJSON  *item;

    if (!cJSON_IsArray(list)) {
        return MSYNC_OK;
    }

    field->properties = msync_calloc(cJSON_GetArraySize(list) + 1,
                                     sizeof(msync_field_t));

    cJSON_ArrayForEach(item, list) {
        if (msync_field_read(&field->properties[field->nproperties++], item,
                             table, err) != MSYNC_OK)
        {
            return MSYNC_ERROR;
        }
    }

    return MSYNC_OK;
}


static void
field_read_fallback(msync_field_t *field, const cJSON *fallback)
{
    if (cJSON_IsString(fallback) && strchr(fallback->valuestring, '\'') == NULL)
    {
        field->fallback = msync_alloc(strlen(fallback->valuestring) + 3);
        strcpy(field->fallback, "'");
        strcat(field->fallback, fallback->valuestring);
        strcat(field->fallback, "'");

    } else if (cJSON_IsNumber(fallback)) {
        field->fallback = msync_catalogue_print(fallback);
    }
}
