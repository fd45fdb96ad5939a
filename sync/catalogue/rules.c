/*
 * What Open mSupply does with single tables by rule, and no field tells.
 *
 * Promises: a record that is dropped here is one that Open mSupply drops.
 */

#include <string.h>

#include "catalogue/catalogue_private.h"
#include "catalogue/moment_private.h"
#include "catalogue/v7.h"


static bool rules_has(const msync_row_t *row, const char *name);
static bool rules_is_text(const msync_table_t *table, const char *name,
    const msync_json_slice_t *slices, const char *text);


bool
msync_row_is_dropped(const msync_table_t *table, unsigned side,
    const msync_json_slice_t *slices)
{
    size_t  i;

    static const char *const  nameless[] = {
        "store", "name_tag_join", "list_master_name_join"
    };
    static const char *const  system_stores[] = { "HIS", "DRG", "SM" };

    /* mSupply central has another table of this name, which Open mSupply
     * does not read */
    if (strcmp(table->name, "property") == 0) {
        return side == MSYNC_LEGACY;
    }

    for (i = 0; i < sizeof(nameless) / sizeof(*nameless); i++) {
        if (strcmp(table->name, nameless[i]) == 0
            && rules_is_text(table, "name_ID", slices, ""))
        {
            return true;
        }
    }

    for (i = 0; i < sizeof(system_stores) / sizeof(*system_stores); i++) {
        if (strcmp(table->name, "store") == 0
            && rules_is_text(table, "code", slices, system_stores[i]))
        {
            return true;
        }
    }

    return false;
}


bool
msync_catalogue_is_later(const char *name)
{
    static const char *const  later[] = { "site", "user_store", NULL };

    return msync_catalogue_word(later, name) >= 0;
}


bool
msync_table_is_once(const msync_table_t *table)
{
    return strcmp(table->name, "system_log") == 0;
}


const char *
msync_table_whole(const msync_table_t *table)
{
    return strcmp(table->name, "name_oms_fields") == 0 ? "name" : NULL;
}


bool
msync_table_is_own(const msync_table_t *table, unsigned side)
{
    return side == MSYNC_V7
           ? (table->v7_styles & MSYNC_V7_REMOTE_OWNED) != 0
           : side == MSYNC_LEGACY && strcmp(table->name, "transact") == 0;
}


static bool
rules_is_text(const msync_table_t *table, const char *name,
    const msync_json_slice_t *slices, const char *text)
{
    size_t                     length = strlen(text);
    const msync_field_t       *field = msync_table_field(table, name);
    const msync_json_slice_t  *slice;

    if (field == NULL) {
        return false;
    }

    slice = &slices[field - table->fields];

    return slice->type == MSYNC_JSON_STRING && slice->length == length + 2
           && memcmp(slice->data + 1, text, length) == 0;
}


int
msync_row_check(const msync_row_t *row, msync_err_t *err)
{
    size_t  i;

    /* where `given` is, or always, one of two has to be */
    static const struct {
        const char  *table;
        const char  *given;
        const char  *one;
        const char  *other;
    } rules[] = {
        { "requisition", "om_created_datetime", "om_status", "om_status" },
        { "temperature_log", NULL, "om_datetime", "date" },
        { "temperature_breach", NULL, "om_start_datetime", "start_date" }
    };

    for (i = 0; i < sizeof(rules) / sizeof(*rules); i++) {
        if (strcmp(rules[i].table, row->table->name) == 0
            && (rules[i].given == NULL || rules_has(row, rules[i].given))
            && !rules_has(row, rules[i].one)
            && !rules_has(row, rules[i].other))
        {
            return msync_err_set(err, MSYNC_ERR_DATABASE_ERROR,
                                 "field \"%s\" is empty, as is what could "
                                 "stand for it, and central refuses the row, "
                                 "so it cannot be sent; fill it in in the "
                                 "application", rules[i].one);
        }
    }

    return MSYNC_OK;
}


/* true also for a field that a tables file took away */

static bool
rules_has(const msync_row_t *row, const char *name)
{
    const msync_field_t  *field = msync_table_field(row->table, name);
    const msync_value_t  *value;

    if (field == NULL) {
        return true;
    }

    value = &row->values[field - row->table->fields];

    return value->kind != MSYNC_VALUE_NULL
           && (value->kind != MSYNC_VALUE_TEXT
               || (value->length > 0
                   && !msync_moment_is_unset(value->text, value->length)));
}


bool
msync_row_is_removal(const msync_row_t *row)
{
    const msync_field_t  *field;

    /* an inactive name_store_join is a hard delete, as in Open mSupply */
    if (strcmp(row->table->name, "name_store_join") != 0) {
        return false;
    }

    field = msync_table_field(row->table, "inactive");

    return field != NULL
           && row->values[field - row->table->fields].kind
              == MSYNC_VALUE_INTEGER
           && row->values[field - row->table->fields].integer != 0;
}
