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
    FILE        *file;
    long         size;
    char        *text;
    cJSON       *json;
    const char  *path = getenv(variable);

    if (path == NULL || *path == '\0') {
        return NULL;
    }

    file = fopen(path, "re");
    assert_non_null(file);
    fseek(file, 0, SEEK_END);
    size = ftell(file);
    rewind(file);
    text = malloc(size + 1);
    assert_int_equal(fread(text, 1, size, file), size);
    fclose(file);
    text[size] = '\0';
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

#endif /* MSYNC_TEST_SAMPLES_H */
