/*
 * What the catalogue's own files share; nobody else includes this.
 */

#ifndef MSYNC_CATALOGUE_PRIVATE_H
#define MSYNC_CATALOGUE_PRIVATE_H

#include <cjson/cJSON.h>

#include "catalogue/catalogue.h"

/* the text of a tables file as an array of objects that were looked at;
 * cJSON_Delete it.  NULL and err when something is not as it has to be */
cJSON *msync_catalogue_read_tables(const char *text, size_t length,
    msync_err_t *err);

/* a row takes over a text; it is returned */
char *msync_row_own(msync_row_t *row, char *text);

/*
 * The JSON of a field as it is written, but for the members whose empty
 * string means null: inside of oms_fields and the like.  The caller frees it;
 * NULL where the text is no JSON.
 */
char *msync_row_object(const msync_field_t *field, const char *text,
    size_t length);

#endif /* MSYNC_CATALOGUE_PRIVATE_H */
