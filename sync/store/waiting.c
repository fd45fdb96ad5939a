/*
 * How many records wait to be sent.
 *
 * A count goes on from the last one: it costs by what has been changed or sent
 * since, however much waits.  Each record counts once, by its latest change,
 * where the filter of the changelog lets that pass.  That filter looks at the
 * stores and at the parents of rows as they are now, so a count begins anew
 * where one of these may have changed what was counted.
 *
 * Promises: the number is that of a count from the beginning; a transaction
 * that is rolled back leaves nothing of it behind.  Whoever has something else
 * to hear is called while millions are counted.
 */

#include <string.h>

#include "store/store_private.h"

#define WAITING_SLICE   100000     /* cursors that are counted in one go: a
                                      quarter of a second */
#define WAITING_SLICES  1000       /* where few changes have high ones */

/* ?1 is the site in each; the first one ?2 is the change that it begins with,
 * the last ?3 */

#define WAITING_BETWEEN                                                       \
    "SELECT count(*) FROM changelog WHERE cursor >= ?2 AND cursor <= ?3 AND " \
    "%s AND " MSYNC_SQL_LATEST

/* what was counted by a change from ?2 to ?3 and has a later one; for DISTINCT
 * alone SQLite would read the whole index of records */
#define WAITING_CHANGED                                                       \
    "SELECT count(*) FROM (SELECT DISTINCT record_id AS k, table_name AS t "  \
    "FROM changelog NOT INDEXED WHERE cursor > ?3) CROSS JOIN changelog "     \
    "WHERE cursor = (SELECT max(c.cursor) FROM changelog AS c WHERE "         \
    "c.record_id = k AND c.table_name = t AND c.cursor <= ?3) AND cursor >= " \
    "?2 AND %s"

/*
 * A change of a parent behind ?3 whose store is not the one that its change
 * before says, so that children between ?2 and ?3 may be those of another
 * store now.
 */
#define WAITING_MOVED                                                         \
    "WITH moved AS MATERIALIZED (SELECT n.record_id AS k FROM changelog AS "  \
    "n WHERE n.cursor > ?3 AND n.table_name IN (%s) AND n.store_id IS NOT "   \
    "(SELECT o.store_id FROM changelog AS o WHERE o.record_id = "             \
    "n.record_id AND o.table_name = n.table_name AND o.cursor <= ?3 ORDER "   \
    "BY o.cursor DESC LIMIT 1)) SELECT CASE WHEN EXISTS (SELECT 1 FROM "      \
    "moved) THEN EXISTS (SELECT 1 FROM changelog AS c WHERE c.cursor >= ?2 "  \
    "AND c.cursor <= ?3 AND c.parent_id IN (SELECT k FROM moved)) ELSE 0 END"


static msync_waiting_t *waiting_of(msync_store_t *store,
    const char *cursor_id);
static int waiting_count(msync_store_t *store, msync_waiting_t *waiting,
    int64_t cursor, int64_t *n, msync_err_t *err);
static int waiting_is_valid(msync_store_t *store,
    const msync_waiting_t *waiting, int64_t cursor, bool *valid,
    msync_err_t *err);
static int waiting_add_new(msync_store_t *store, msync_waiting_t *waiting,
    int64_t last, int64_t *n, msync_err_t *err);
static int waiting_count_slices(msync_store_t *store,
    const msync_waiting_t *waiting, int64_t last, int64_t *added, int64_t *n,
    msync_err_t *err);
static int waiting_take_sent(msync_store_t *store, msync_waiting_t *waiting,
    int64_t cursor, msync_err_t *err);
static int waiting_scalar(msync_store_t *store, msync_stmt_e which,
    const char *format, const char *part, const int64_t arguments[3],
    int64_t *value, msync_err_t *err);
static int waiting_stores(msync_store_t *store, int64_t site, char **stores,
    msync_err_t *err);
static char *waiting_parents(const msync_catalogue_t *catalogue);


int
msync_store_queue(msync_store_t *store, const char *cursor_id, int64_t *n,
    msync_err_t *err)
{
    int               rc;
    int64_t           cursor = 0;
    msync_waiting_t   fresh = { 0 }, *waiting;

    /* one that somebody undoes is not to be gone on from */
    bool  open = msync_store_in_transaction(store);

    waiting = open || cursor_id == NULL ? &fresh
                                        : waiting_of(store, cursor_id);

    if (!open && msync_store_exec(store, "BEGIN", err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    rc = cursor_id != NULL ? msync_store_get_int(store, cursor_id, &cursor,
                                                 err)
                           : MSYNC_OK;

    if (rc == MSYNC_OK) {
        rc = waiting_count(store, waiting, cursor, n, err);
    }

    if (!open) {
        (void) sqlite3_exec(store->db, "COMMIT", NULL, NULL, NULL);
    }

    *n = waiting->n;
    waiting->known = rc == MSYNC_OK;
    msync_free(&fresh.stores);

    return rc;
}


void
msync_store_hook_counting(msync_store_t *store, msync_hook_pt hook, void *data)
{
    store->counting_hook = hook;
    store->counting_data = data;
}


void
msync_store_waiting_set_up(msync_store_t *store)
{
    size_t                i;
    const msync_table_t  *table, *first = store->catalogue->tables;

    for (i = 0; i < store->catalogue->n; i++) {
        table = &first[i];

        if (strcmp(table->name, "store") == 0) {
            store->tables[i].says_store = true;

        } else if (table->push != 0 && table->store_via != NULL) {
            store->tables[table->store_via->target - first].says_store = true;
        }
    }
}


void
msync_store_waiting_note(msync_store_t *store, const msync_table_t *table)
{
    size_t  i;

    if (store->tables[table - store->catalogue->tables].says_store) {
        store->nours = 0;

        for (i = 0; i < MSYNC_STORE_PUSH_CURSORS; i++) {
            store->waiting[i].known = false;
        }
    }
}


static msync_waiting_t *
waiting_of(msync_store_t *store, const char *cursor_id)
{
    size_t  i;

    static const char *const  ids[MSYNC_STORE_PUSH_CURSORS] = {
        MSYNC_KEY_PUSH_CURSOR, MSYNC_KEY_PUSH_V6_CURSOR,
        MSYNC_KEY_PUSH_V7_CURSOR
    };

    for (i = 0; i < MSYNC_STORE_PUSH_CURSORS - 1; i++) {
        if (strcmp(ids[i], cursor_id) == 0) {
            break;
        }
    }

    return &store->waiting[i];
}


static int
waiting_count(msync_store_t *store, msync_waiting_t *waiting, int64_t cursor,
    int64_t *n, msync_err_t *err)
{
    bool           valid = false;
    char          *stores = NULL;
    int64_t        site = -1, last;

    if (msync_store_get_int(store, MSYNC_KEY_SITE_ID, &site, err) != MSYNC_OK
        || msync_store_changelog_end(store, &last, err) != MSYNC_OK
        || waiting_stores(store, site, &stores, err) != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    if (waiting->known && site == waiting->site
        && stores && strcmp(stores, waiting->stores) == 0
        && waiting_is_valid(store, waiting, cursor, &valid, err) != MSYNC_OK)
    {
        msync_free(&stores);
        return MSYNC_ERROR;
    }

    if (!valid) {
        waiting->known = true;
        waiting->site = site;
        waiting->cursor = cursor;
        waiting->counted = cursor - 1;
        waiting->n = 0;
    }

    msync_free(&waiting->stores);
    waiting->stores = stores;

    return waiting_add_new(store, waiting, last, n, err) == MSYNC_OK
           ? waiting_take_sent(store, waiting, cursor, err) : MSYNC_ERROR;
}


/* what was counted is there, and counts as it did */

static int
waiting_is_valid(msync_store_t *store, const msync_waiting_t *waiting,
    int64_t cursor, bool *valid, msync_err_t *err)
{
    int            rc;
    bool           there = true;
    char          *parents;
    int64_t        moved = 0;
    sqlite3_stmt  *stmt;

    *valid = false;

    if (cursor < waiting->cursor || cursor > waiting->counted + 1) {
        return MSYNC_OK;
    }

    if (waiting->counted >= waiting->cursor) {
        stmt = msync_store_stmt(store, MSYNC_STMT_WAITING_THERE,
                                "SELECT 1 FROM changelog WHERE cursor = ?1",
                                err);
        if (stmt != NULL) {
            sqlite3_bind_int64(stmt, 1, waiting->counted);
        }

        if (msync_store_found(store, stmt, &there, "the changelog", err)
            != MSYNC_OK)
        {
            return MSYNC_ERROR;
        }
    }

    parents = waiting_parents(store->catalogue);
    rc = waiting_scalar(store, MSYNC_STMT_WAITING_MOVED, WAITING_MOVED,
                        parents, (const int64_t[3]) { waiting->site,
                        waiting->cursor, waiting->counted }, &moved, err);
    sqlite3_free(parents);

    *valid = there && moved == 0;
    return rc;
}


static int
waiting_add_new(msync_store_t *store, msync_waiting_t *waiting, int64_t last,
    int64_t *n, msync_err_t *err)
{
    int64_t  added, changed = 0;

    if (last <= waiting->counted) {
        return MSYNC_OK;
    }

    if (waiting_count_slices(store, waiting, last, &added, n, err) != MSYNC_OK
        || (waiting->counted >= waiting->cursor
            && waiting_scalar(store, MSYNC_STMT_WAITING_CHANGED,
                              WAITING_CHANGED, store->changes_filter,
                              (const int64_t[3]) { waiting->site,
                              waiting->cursor, waiting->counted }, &changed,
                              err) != MSYNC_OK))
    {
        return MSYNC_ERROR;
    }

    waiting->n += added - changed;
    waiting->counted = last;

    return MSYNC_OK;
}


/* of what comes behind the last one that was counted up to `last`; *n: as many
 * wait at least */

static int
waiting_count_slices(msync_store_t *store, const msync_waiting_t *waiting,
    int64_t last, int64_t *added, int64_t *n, msync_err_t *err)
{
    int64_t  from, part, to = waiting->counted;
    int64_t  slice = WAITING_SLICE + (last - to) / WAITING_SLICES;

    *added = 0;

    while (to < last) {
        from = to + 1;
        to = last - to < slice ? last : to + slice;

        if (waiting_scalar(store, MSYNC_STMT_WAITING_BETWEEN, WAITING_BETWEEN,
                           store->changes_filter, (const int64_t[3])
                           { waiting->site, from, to }, &part, err)
            != MSYNC_OK)
        {
            return MSYNC_ERROR;
        }

        *added += part;
        *n = waiting->n + *added;

        if (to < last && store->counting_hook != NULL
            && store->counting_hook(store->counting_data, err) != MSYNC_OK)
        {
            return MSYNC_ERROR;
        }
    }

    return MSYNC_OK;
}


static int
waiting_take_sent(msync_store_t *store, msync_waiting_t *waiting,
    int64_t cursor, msync_err_t *err)
{
    int64_t  sent;

    if (cursor == waiting->cursor) {
        return MSYNC_OK;
    }

    if (waiting_scalar(store, MSYNC_STMT_WAITING_BETWEEN, WAITING_BETWEEN,
                       store->changes_filter, (const int64_t[3])
                       { waiting->site, waiting->cursor, cursor - 1 }, &sent,
                       err) != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    waiting->n -= sent;
    waiting->cursor = cursor;

    return MSYNC_OK;
}


static int
waiting_scalar(msync_store_t *store, msync_stmt_e which, const char *format,
    const char *part, const int64_t arguments[3], int64_t *value,
    msync_err_t *err)
{
    int            i;
    sqlite3_stmt **stmt = &store->stmts[which];

    if (*stmt == NULL) {
        *stmt = msync_store_prepare_own(store, sqlite3_mprintf(format, part),
                                        err);
    }

    for (i = 0; *stmt != NULL && i < 3; i++) {
        sqlite3_bind_int64(*stmt, i + 1, arguments[i]);
    }

    return msync_store_scalar(store, *stmt, value, "counting what waits",
                              err);
}


/* the stores that are active here, as one text */

static int
waiting_stores(msync_store_t *store, int64_t site, char **stores,
    msync_err_t *err)
{
    int                   code, rc = MSYNC_OK;
    const char           *text;
    sqlite3_stmt        **stmt = &store->stmts[MSYNC_STMT_WAITING_STORES];
    const msync_table_t  *table;

    table = msync_catalogue_find(store->catalogue, "store");
    *stores = NULL;

    if (table == NULL) {
        *stores = msync_strdup("");
        return MSYNC_OK;
    }

    if (*stmt == NULL) {
        *stmt = msync_store_prepare_own(store,
            sqlite3_mprintf("SELECT group_concat(quote(k)) FROM (SELECT "
                            "s.\"%w\" AS k FROM \"%w\" AS s WHERE "
                            "s.\"sync_id_remote_site\" = ?1 ORDER BY 1)",
                            table->fields[table->key].name, table->sql), err);
    }

    if (*stmt == NULL) {
        return MSYNC_ERROR;
    }

    sqlite3_bind_int64(*stmt, 1, site);
    code = sqlite3_step(*stmt);

    if (code == SQLITE_ROW) {
        text = (const char *) sqlite3_column_text(*stmt, 0);
        *stores = msync_strdup(text ? text : "");

    } else {
        rc = msync_store_fault(store, "reading stores", err);
    }

    sqlite3_reset(*stmt);
    return rc;
}


/* the tables whose rows say which store their children's are of */

static char *
waiting_parents(const msync_catalogue_t *catalogue)
{
    size_t                i;
    sqlite3_str          *sql = sqlite3_str_new(NULL);
    const msync_table_t  *table;

    sqlite3_str_appendall(sql, "''");

    for (i = 0; i < catalogue->n; i++) {
        table = &catalogue->tables[i];

        if (table->push != 0 && table->store_via != NULL) {
            sqlite3_str_appendf(sql, ", %Q", table->store_via->target->name);
        }
    }

    return msync_store_need(sqlite3_str_finish(sql));
}
