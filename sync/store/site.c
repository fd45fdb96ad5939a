/*
 * What a site is in the middle of.
 *
 * Promises: a database in which an earlier version wrote this down as several
 * facts, whatever that version was doing when it was stopped, has the state
 * that they come to.
 */

#include <string.h>

#include "store/schema_private.h"
#include "store/store_private.h"

#define PREPARED_ASKED  1
#define PREPARED_DONE   2

/* a run that went well, as versions up to 4 wrote it down */
#define SITE_SUCCESS                                                          \
    "finished_datetime IS NOT NULL AND error_code IS NULL"


typedef struct {
    int64_t  prepared;
    int64_t  runs;                 /* whether there was any */
    int64_t  success;              /* runs that went well */
    int64_t  partial;              /* nothing has brought it all since central
                                      prepared it last, or since it was to
                                      come anew */
} site_facts_t;


static int site_read(sqlite3_stmt *stmt, msync_site_t *site,
    msync_err_t *err);
static int site_derive(msync_store_t *store, msync_site_t *site,
    msync_err_t *err);
static int site_facts(msync_store_t *store, site_facts_t *facts,
    msync_err_t *err);
static msync_site_state_e site_state(const site_facts_t *facts);


/* to begin anew forgot the cursors and had central prepare the site again; a
 * patient's run was a success without a pull of all that has a cursor */
static const char  sql_partial[] =
    "SELECT NOT EXISTS (SELECT 1 FROM key_value_store WHERE id = '"
    MSYNC_KEY_PULL_CENTRAL_CURSOR "') OR NOT EXISTS (SELECT 1 FROM sync_log "
    "WHERE " SITE_SUCCESS " AND id >= (SELECT ifnull(max(id), 0) FROM sync_log "
    "WHERE prepare_initial_finished_datetime IS NOT NULL)) OR (NOT EXISTS "
    "(SELECT 1 FROM key_value_store WHERE id = '" MSYNC_KEY_PULL_V6_CURSOR
    "') AND EXISTS (SELECT 1 FROM sync_log WHERE " SITE_SUCCESS " AND "
    "pull_v6_finished_datetime IS NOT NULL))";

static const char *const  site_names[MSYNC_SITE_STATES] = {
    "new", "requested", "preparing", "first", "initialised", "anew",
    "anew preparing", "anew pulling"
};


const char *
msync_store_site_name(msync_site_state_e state)
{
    return site_names[state];
}


bool
msync_store_site_in_use(msync_site_state_e state)
{
    return state >= MSYNC_SITE_INITIALISED;
}


int
msync_store_site_get(msync_store_t *store, msync_site_t *site,
    msync_err_t *err)
{
    int            code, rc = MSYNC_OK;
    sqlite3_stmt  *stmt;

    memset(site, 0, sizeof(msync_site_t));

    stmt = msync_store_stmt(store, MSYNC_STMT_SITE_GET,
                            "SELECT value_string, value_int, value_bigint, "
                            "value_bool FROM key_value_store WHERE id = '"
                            MSYNC_KEY_SITE "'", err);
    if (stmt == NULL) {
        return MSYNC_ERROR;
    }

    code = sqlite3_step(stmt);

    if (code == SQLITE_ROW) {
        rc = site_read(stmt, site, err);

    } else if (code != SQLITE_DONE) {
        rc = msync_store_fault(store, MSYNC_KEY_SITE, err);
    }

    sqlite3_reset(stmt);

    return code == SQLITE_DONE ? site_derive(store, site, err) : rc;
}


int
msync_store_site_set(msync_store_t *store, const msync_site_t *site,
    msync_err_t *err)
{
    sqlite3_stmt  *stmt;

    stmt = msync_store_stmt(store, MSYNC_STMT_SITE_SET,
        "INSERT INTO key_value_store (id, value_string, value_int, "
        "value_bigint, value_bool) VALUES ('" MSYNC_KEY_SITE "', ?1, ?2, ?3, "
        "?4) ON CONFLICT (id) DO UPDATE SET value_string = "
        "excluded.value_string, value_int = excluded.value_int, value_bigint "
        "= excluded.value_bigint, value_bool = excluded.value_bool", err);
    if (stmt == NULL) {
        return MSYNC_ERROR;
    }

    sqlite3_bind_text(stmt, 1, site_names[site->state], -1, SQLITE_STATIC);
    sqlite3_bind_int64(stmt, 2, site->begun);
    sqlite3_bind_int(stmt, 3, (int) site->restored
                              | (site->older ? MSYNC_SITE_OLDER : 0));
    sqlite3_bind_int(stmt, 4, site->paused);

    return msync_store_run(store, stmt, MSYNC_KEY_SITE, err);
}


int
msync_store_site_adopt(msync_store_t *store, msync_err_t *err)
{
    msync_site_t  site;

    if (msync_store_site_get(store, &site, err) != MSYNC_OK
        || msync_store_site_set(store, &site, err) != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    return msync_store_exec(store, "DELETE FROM key_value_store WHERE id IN "
                            "('" MSYNC_KEY_PREPARED "', '"
                            MSYNC_KEY_RESTORED "', '" MSYNC_KEY_PAUSED "')",
                            err);
}


static int
site_read(sqlite3_stmt *stmt, msync_site_t *site, msync_err_t *err)
{
    const char  *name;

    name = (const char *) sqlite3_column_text(stmt, 0);
    site->begun = sqlite3_column_int64(stmt, 1);
    site->older = (sqlite3_column_int(stmt, 2) & MSYNC_SITE_OLDER) != 0;
    site->restored = (unsigned) sqlite3_column_int(stmt, 2)
                     & ~(unsigned) MSYNC_SITE_OLDER;
    site->paused = sqlite3_column_int(stmt, 3) != 0;

    while (site->state < MSYNC_SITE_STATES
           && (name == NULL || strcmp(name, site_names[site->state]) != 0))
    {
        site->state++;
    }

    if (site->state < MSYNC_SITE_STATES) {
        return MSYNC_OK;
    }

    site->state = MSYNC_SITE_NEW;

    return msync_err_set(err, MSYNC_ERR_DATABASE_ERROR, "key_value_store: "
                         "\"%s\" is no state of a site (" MSYNC_KEY_SITE ")",
                         name ? name : "");
}


/* of a database that nobody has adopted yet */

static int
site_derive(msync_store_t *store, msync_site_t *site, msync_err_t *err)
{
    int64_t       restored = 0, paused = 0;
    site_facts_t  facts = { 0 };

    if (site_facts(store, &facts, err) != MSYNC_OK
        || msync_store_get_int(store, MSYNC_KEY_RESTORED, &restored, err)
           != MSYNC_OK
        || msync_store_get_int(store, MSYNC_KEY_PAUSED, &paused, err)
           != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    site->state = site_state(&facts);
    site->paused = paused != 0;
    site->restored = restored ? MSYNC_LEGACY | MSYNC_OMSUPPLY : 0;

    return MSYNC_OK;
}


static int
site_facts(msync_store_t *store, site_facts_t *facts, msync_err_t *err)
{
    return msync_store_get_int(store, MSYNC_KEY_PREPARED, &facts->prepared, err)
               == MSYNC_OK
           && msync_store_number(store, "SELECT EXISTS (SELECT 1 FROM "
                                 "sync_log)", &facts->runs, err) == MSYNC_OK
           && msync_store_number(store, "SELECT EXISTS (SELECT 1 FROM "
                                 "sync_log WHERE " SITE_SUCCESS ")",
                                 &facts->success, err) == MSYNC_OK
           && msync_store_number(store, sql_partial, &facts->partial, err)
              == MSYNC_OK
           ? MSYNC_OK : MSYNC_ERROR;
}


static msync_site_state_e
site_state(const site_facts_t *facts)
{
    if (!facts->success) {
        return facts->prepared == PREPARED_DONE ? MSYNC_SITE_FIRST
               : facts->prepared == PREPARED_ASKED ? MSYNC_SITE_PREPARING
               : facts->runs ? MSYNC_SITE_REQUESTED : MSYNC_SITE_NEW;
    }

    if (facts->prepared == PREPARED_DONE) {
        return facts->partial ? MSYNC_SITE_ANEW_PULLING
                              : MSYNC_SITE_INITIALISED;
    }

    return facts->prepared == PREPARED_ASKED ? MSYNC_SITE_ANEW_PREPARING
                                             : MSYNC_SITE_ANEW;
}
