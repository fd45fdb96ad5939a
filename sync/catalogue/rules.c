/*
 * What Open mSupply does with single tables by rule, and no field tells.
 *
 * Promises: a record that is dropped here is one that Open mSupply drops.
 */

#include <string.h>

#include <cjson/cJSON.h>

#include "catalogue/catalogue.h"


static bool
is_member_in(const cJSON *json, const char *name, const char *const *words)
{
    const char  *value;

    value = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json,
                                                                  name));
    for (; value != NULL && *words != NULL; words++) {
        if (strcmp(value, *words) == 0) {
            return true;
        }
    }

    return false;
}


bool
msync_row_ignored(const msync_table_t *table, unsigned side,
    const char *data)
{
    bool    ignored = false;
    cJSON  *json;

    static const char *const  empty[] = { "", NULL };
    static const char *const  system_stores[] = { "HIS", "DRG", "SM", NULL };

    /* catalogue.md: legacy sends a table "property" of its own */
    if (strcmp(table->name, "property") == 0) {
        return side == MSYNC_LEGACY;
    }

    if (strcmp(table->name, "store") != 0
        && strcmp(table->name, "name_tag_join") != 0
        && strcmp(table->name, "list_master_name_join") != 0)
    {
        return false;
    }

    json = data ? cJSON_Parse(data) : NULL;
    ignored = is_member_in(json, "name_ID", empty)
              || (strcmp(table->name, "store") == 0
                  && is_member_in(json, "code", system_stores));
    cJSON_Delete(json);

    return ignored;
}


bool
msync_row_is_removal(const msync_row_t *row)
{
    const msync_field_t  *field;

    /* catalogue.md: an inactive name_store_join is a hard delete */
    if (strcmp(row->table->name, "name_store_join") != 0) {
        return false;
    }

    field = msync_table_field(row->table, "inactive");

    return field != NULL
           && row->values[field - row->table->fields].kind
              == MSYNC_VALUE_INTEGER
           && row->values[field - row->table->fields].integer != 0;
}
