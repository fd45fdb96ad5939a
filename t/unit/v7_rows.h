/*
 * A site of v7 with two stores and a patient, and what goes out for its rows.
 */

#ifndef MSYNC_TEST_V7_ROWS_H
#define MSYNC_TEST_V7_ROWS_H

#include "site.h"

#include <cjson/cJSON.h>

#include "catalogue/v7.h"
#include "run/integrate_private.h"
#include "store/changelog.h"

#define STORES                                                                \
    "INSERT INTO name (ID, name, code, type) VALUES ('N', 'Ours', 'O', "      \
    "'store'), ('M', 'Theirs', 'T', 'store'), ('P', 'Ana', 'p', 'patient');"  \
    "INSERT INTO store (ID, name_ID, code, sync_id_remote_site, store_mode, " \
    "disabled) VALUES ('S', 'N', 'S', 7, 'store', 0), ('X', 'M', 'X', 8, "    \
    "'store', 0);"                                                            \
    "INSERT INTO item (ID, item_name, code, type_of, default_pack_size, "     \
    "is_vaccine, VEN_category, doses) VALUES ('I', 'Pills', 'pills', "        \
    "'general', 1, 0, 'V', 0);"

#define INVOICE                                                               \
    "INSERT INTO transact (ID, name_ID, store_ID, invoice_num, type, status, "\
    "currency_rate, entry_date, entry_time, confirm_date, confirm_time, "     \
    "mode) VALUES ('T', 'M', 'S', 5, 'ci', 'cn', 1, '2026-05-01', "           \
    "'08:00:00', '2026-05-02', '09:00:00', 'store');"


static inline int
open_v7(void **state)
{
    int           rc = site_open(state);
    site_t       *site = *state;
    msync_err_t   err;

    assert_ok(msync_store_set_string(site->store, MSYNC_KEY_VERSION,
                                     MSYNC_SYNC_V7, &err));
    site_sql(site, "PRAGMA foreign_keys = ON; " STORES SITE_SENT);

    return rc;
}


/* the record that goes out for a row; NULL: none does.  The batch is to be
 * cleared. */

static inline const msync_record_t *
outgoing(site_t *site, const char *table, const char *id,
    msync_batch_t *batch)
{
    size_t        i;
    int64_t       processed;
    msync_err_t   err;

    memset(batch, 0, sizeof(*batch));
    assert_ok(msync_store_changes(site->store, MSYNC_V7, 0, 100, 1 << 20,
                                  batch, &processed, &err));

    for (i = 0; i < batch->n; i++) {
        if (strcmp(batch->records[i].id, id) == 0
            && strcmp(batch->records[i].table, table) == 0)
        {
            return &batch->records[i];
        }
    }

    return NULL;
}


/* a member of what goes out for a row, printed; static storage */

static inline const char *
sent(site_t *site, const char *table, const char *id, const char *member)
{
    char                  *text;
    cJSON                 *json;
    msync_batch_t          batch;
    const msync_record_t  *record = outgoing(site, table, id, &batch);

    static char  printed[256];

    if (record == NULL) {
        msync_batch_clear(&batch);
        return site_get(site, "SELECT error FROM msync_refused");
    }

    json = cJSON_Parse(record->data);
    text = cJSON_PrintUnformatted(cJSON_GetObjectItemCaseSensitive(json,
                                                                   member));
    snprintf(printed, sizeof(printed), "%s", text ? text : "not there");
    free(text);
    cJSON_Delete(json);
    msync_batch_clear(&batch);

    return printed;
}


#define assert_sent(table, id, member, value)                                 \
    assert_string_equal(sent(site, table, id, member), value)


static inline void
pull(site_t *site, const char *table, const char *id, const char *data)
{
    msync_err_t         err;
    msync_integrated_t  result;

    site_pull_v7(site, table, id, data,
                 msync_catalogue_find(site->catalogue, table)->v7_styles
                 == MSYNC_V7_CENTRAL ? NULL : "S", NULL, NULL);
    assert_ok(msync_integrate(site->store, site->catalogue, true, NULL, NULL,
                              &result, &err));

    if (result.failed > 0) {
        fail_msg("%s", site_get(site, "SELECT integration_error FROM "
                                      "sync_buffer"));
    }
}

#endif /* MSYNC_TEST_V7_ROWS_H */
