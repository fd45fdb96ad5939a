/*
 * The stores that are active on this site, and what joins a patient to one.
 */

#include <stdio.h>
#include <string.h>

#include "store/store_private.h"
#include "store/stores.h"

#define UUID  37                   /* with the final NUL */

static int stores_ask(msync_store_t *store, char *sql, const char *patient,
    msync_store_join_t *join, msync_err_t *err);
static void stores_make_join_id(const char *patient, msync_store_join_t *join);


int
msync_store_find_ours(msync_store_t *store, const char *id, char **ours,
    msync_err_t *err)
{
    int64_t                site = -1;
    const char            *key;
    sqlite3_stmt         **stmt = &store->stmts[MSYNC_STMT_OUR_STORE];
    const msync_table_t   *stores;

    *ours = NULL;
    stores = msync_catalogue_find(store->catalogue, "store");

    if (stores == NULL) {
        return MSYNC_OK;
    }

    if (*stmt == NULL) {
        key = stores->fields[stores->key].name;
        *stmt = msync_store_prepare_own(store,
            sqlite3_mprintf("SELECT s.\"%w\" FROM \"%w\" AS s WHERE "
                            "s.\"sync_id_remote_site\" = ?1 AND (?2 IS NULL "
                            "OR s.\"%w\" = ?2) ORDER BY 1 LIMIT 1", key,
                            stores->sql, key), err);
    }

    if (*stmt == NULL
        || msync_store_get_int(store, MSYNC_KEY_SITE_ID, &site, err)
           != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    sqlite3_bind_int64(*stmt, 1, site);
    sqlite3_bind_text(*stmt, 2, id, -1, SQLITE_STATIC);

    return msync_store_text(store, *stmt, ours, "looking for a store", err);
}


/* within an integration nobody else can change a store: what was found counts
 * until it does so itself (msync_store_waiting_note) */

int
msync_store_is_ours(msync_store_t *store, const char *id, bool *ours,
    msync_err_t *err)
{
    size_t         i;
    char          *found;
    msync_ours_t  *known;

    *ours = false;

    if (id == NULL) {
        return MSYNC_OK;
    }

    for (i = 0; store->integrating && i < store->nours; i++) {
        if (strcmp(store->ours[i].id, id) == 0) {
            *ours = store->ours[i].ours;
            return MSYNC_OK;
        }
    }

    if (msync_store_find_ours(store, id, &found, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    *ours = found != NULL;
    msync_free(&found);

    if (store->integrating && strlen(id) < sizeof(known->id)) {
        if (store->nours == MSYNC_STORE_OURS) {
            store->nours = 0;
        }

        known = &store->ours[store->nours++];
        strcpy(known->id, id);
        known->ours = *ours;
    }

    return MSYNC_OK;
}


int
msync_store_has_patient(msync_store_t *store, const char *patient,
    bool *has, msync_err_t *err)
{
    int                   rc;
    sqlite3_stmt         *stmt;
    const msync_table_t  *names;

    *has = false;
    names = msync_catalogue_find(store->catalogue, "name");

    if (names == NULL) {
        return MSYNC_OK;
    }

    stmt = msync_store_prepare_own(store,
        sqlite3_mprintf("SELECT 1 FROM \"%w\" WHERE \"%w\" = ?1 UNION ALL "
                        "SELECT 1 FROM sync_buffer WHERE table_name = %Q AND "
                        "record_id = ?1 UNION ALL SELECT 1 FROM msync_merged "
                        "WHERE table_name = %Q AND record_id = ?1",
                        names->sql, names->fields[names->key].name,
                        names->name, names->name), err);

    if (stmt == NULL) {
        return MSYNC_ERROR;
    }

    sqlite3_bind_text(stmt, 1, patient, -1, SQLITE_STATIC);
    rc = msync_store_found(store, stmt, has, "looking for a patient", err);
    sqlite3_finalize(stmt);

    return rc;
}


int
msync_store_patient_join(msync_store_t *store, const char *patient,
    msync_store_join_t *join, msync_err_t *err)
{
    char                 *sql;
    const msync_table_t  *stores, *joins;

    memset(join, 0, sizeof(msync_store_join_t));

    stores = msync_catalogue_find(store->catalogue, "store");
    joins = msync_catalogue_find(store->catalogue, "name_store_join");

    if (stores != NULL && joins != NULL) {
        sql = sqlite3_mprintf("SELECT s.\"ID\", j.\"ID\" FROM \"%w\" AS s "
                              "LEFT JOIN \"%w\" AS j ON j.\"store_ID\" = "
                              "s.\"ID\" AND j.\"name_ID\" = ?2 WHERE "
                              "s.\"sync_id_remote_site\" = ?1 ORDER BY "
                              "j.\"ID\" IS NULL, s.\"ID\", j.\"ID\" LIMIT 1",
                              stores->sql, joins->sql);

        if (stores_ask(store, sql, patient, join, err) != MSYNC_OK) {
            return MSYNC_ERROR;
        }
    }

    if (join->store == NULL) {
        return msync_err_set(err, MSYNC_ERR_SITE_HAS_NO_STORE,
                             "no store is active on this site");
    }

    if (join->id == NULL) {
        stores_make_join_id(patient, join);
    }

    return MSYNC_OK;
}


/* frees the statement's text */

static int
stores_ask(msync_store_t *store, char *sql, const char *patient,
    msync_store_join_t *join, msync_err_t *err)
{
    int            code, rc = MSYNC_OK;
    int64_t        site = -1;
    sqlite3_stmt  *stmt;

    stmt = msync_store_prepare_own(store, sql, err);

    if (stmt == NULL
        || msync_store_get_int(store, MSYNC_KEY_SITE_ID, &site, err)
           != MSYNC_OK)
    {
        sqlite3_finalize(stmt);
        return MSYNC_ERROR;
    }

    sqlite3_bind_int64(stmt, 1, site);
    sqlite3_bind_text(stmt, 2, patient, -1, SQLITE_STATIC);
    code = sqlite3_step(stmt);

    if (code == SQLITE_ROW) {
        join->store = msync_strdup(
                          (const char *) sqlite3_column_text(stmt, 0));
        join->id = msync_strdup((const char *) sqlite3_column_text(stmt, 1));

    } else if (code != SQLITE_DONE) {
        rc = msync_store_fault(store, "looking for a store", err);
    }

    sqlite3_finalize(stmt);
    return rc;
}


/* a UUID made of both, version 8 of RFC 9562 */

static void
stores_make_join_id(const char *patient, msync_store_join_t *join)
{
    char    hex[MSYNC_SHA256_HEX + 1], id[UUID], *both;
    size_t  length;

    length = strlen(patient) + strlen(join->store) + 2;
    both = msync_alloc(length);
    (void) snprintf(both, length, "%s %s", patient, join->store);
    msync_conf_hash(both, length - 1, hex);
    msync_free(&both);

    (void) snprintf(id, sizeof(id), "%.8s-%.4s-8%.3s-8%.3s-%.12s", hex,
                    hex + 8, hex + 12, hex + 15, hex + 18);
    join->id = msync_strdup(id);
}


void
msync_store_join_clear(msync_store_join_t *join)
{
    msync_free(&join->store);
    msync_free(&join->id);
}
