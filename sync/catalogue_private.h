/*
 * What the catalogue's own files share; nobody else includes this.
 */

#ifndef MSYNC_CATALOGUE_PRIVATE_H
#define MSYNC_CATALOGUE_PRIVATE_H

#include <cjson/cJSON.h>

#include "catalogue.h"

/* the text of a tables file as an array of objects that were looked at;
 * cJSON_Delete it.  NULL and err when something is not as it has to be */
cJSON *msync_catalogue_read_tables(const char *text, size_t length,
    msync_err_t *err);

/* a row takes over a text; it is returned */
char *msync_row_own(msync_row_t *row, char *text);

/* inside of oms_fields and the like an empty string may mean null, too */
void msync_row_empty_to_null(const msync_field_t *field, cJSON *json);

#endif /* MSYNC_CATALOGUE_PRIVATE_H */
