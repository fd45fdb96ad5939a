/*
 * Rows that central never had, and sending them.
 *
 * msync_never_sent lists the rows that were in a table before msync took it
 * over, and those whose change was passed over, for their store was not active
 * on this site; and as doubted those of a table whose triggers were gone
 * (resend.c).  One leaves the list when central sends it, when central has
 * taken it, or when it is queued; a row that is deleted is not looked for
 * there any more.
 *
 * Promises: nothing that was never sent is queued but on request; a row is
 * queued once.
 */

#include <string.h>
#include <strings.h>

#include "store/store_private.h"

#define SLICE  500                 /* rows of one transaction */


static int send_forget(msync_store_t *store, const char *table, const char *id,
    msync_err_t *err);
static int send_begin(msync_store_t *store, bool *any, int64_t *site,
    msync_err_t *err);
static int send_count(msync_store_t *store, const msync_table_t *table,
    int64_t site, int64_t *n, msync_err_t *err);
static void send_bind(sqlite3_stmt *stmt, int at, const sqlite3_value *id);
static int send_slice(msync_store_t *store, const msync_table_t *table,
    bool doubted, const sqlite3_value *after, sqlite3_value **last,
    msync_err_t *err);
static int send_run(msync_store_t *store, char *text, int64_t site,
    const sqlite3_value *after, const sqlite3_value *last, msync_err_t *err);
static int send_queue(msync_store_t *store, const msync_table_t *table,
    bool doubted, int64_t site, const sqlite3_value *after,
    const sqlite3_value *last, int64_t *queued, msync_err_t *err);
static int send_table(msync_store_t *store, const msync_table_t *table,
    bool doubted, int64_t site, int64_t limit, msync_hook_pt hook, void *data,
    int64_t *queued, msync_err_t *err);
static bool send_is(const msync_table_t *table, const char *name);
static bool send_is_named(const msync_table_t *table, const char *const *tables,
    size_t n);
static size_t send_known(const msync_catalogue_t *catalogue,
    const char *const *tables, size_t n);


int
msync_store_note_never_sent(msync_store_t *store, const msync_table_t *table,
    const char *except, msync_err_t *err)
{
    sqlite3_str  *sql = sqlite3_str_new(store->db);
    const char   *key = table->fields[table->key].name;

    sqlite3_str_appendf(sql, "INSERT OR IGNORE INTO msync_never_sent "
                        "(table_name, record_id) SELECT %Q, t.\"%w\" FROM "
                        "\"%w\" AS t WHERE t.\"%w\" IS NOT NULL",
                        table->name, key, table->sql, key);

    if (table->push_field != NULL) {
        sqlite3_str_appendf(sql, " AND t.\"%w\" = %Q", table->push_field,
                            table->push_value);
    }

    sqlite3_str_appendf(sql, "%s", except ? except : "");

    return msync_store_exec_str(store, sql, err);
}


/*
 * Versions up to 4 removed nothing from the buffer and the changelog, so a
 * row that is in neither is one from before msync.
 */

int
msync_store_find_never_sent(msync_store_t *store, msync_err_t *err)
{
    int           rc = MSYNC_OK;
    char         *except;
    size_t        i;
    const char   *key;

    const msync_table_t  *table;

    for (i = 0; rc == MSYNC_OK && i < store->catalogue->n; i++) {
        table = &store->catalogue->tables[i];
        key = table->fields[table->key].name;

        if (table->push == 0
            || !msync_store_has_column(store, table->sql, key)
            || (table->push_field != NULL
                && !msync_store_has_column(store, table->sql,
                                           table->push_field)))
        {
            continue;
        }

        except = msync_store_need(sqlite3_mprintf(
            " AND NOT EXISTS (SELECT 1 FROM sync_buffer AS b WHERE "
            "b.record_id = t.\"%w\" AND b.table_name = %Q AND b.action <> "
            "'MERGE') AND NOT EXISTS (SELECT 1 FROM changelog AS c WHERE "
            "c.record_id = t.\"%w\" AND c.table_name = %Q)", key, table->name,
            key, table->name));

        rc = msync_store_note_never_sent(store, table, except, err);
        sqlite3_free(except);
    }

    return rc;
}


int
msync_store_any_never_sent(msync_store_t *store, bool *any, msync_err_t *err)
{
    return msync_store_found(store,
        msync_store_stmt(store, MSYNC_STMT_NEVER_SENT_ANY,
                         "SELECT EXISTS (SELECT 1 FROM msync_never_sent) OR "
                         "EXISTS (SELECT 1 FROM msync_absent)", err),
        any, "looking for rows that were never sent", err);
}


/* takes one off both lists, by its name on the wire */

static int
send_forget(msync_store_t *store, const char *table, const char *id,
    msync_err_t *err)
{
    sqlite3_stmt  *stmt;

    stmt = msync_store_stmt(store, MSYNC_STMT_NEVER_SENT_CLEAR,
                            "DELETE FROM msync_never_sent WHERE table_name = "
                            "?1 AND record_id = ?2", err);
    if (stmt == NULL) {
        return MSYNC_ERROR;
    }

    sqlite3_bind_text(stmt, 1, table, -1, SQLITE_STATIC);
    sqlite3_bind_text(stmt, 2, id, -1, SQLITE_STATIC);

    return msync_store_run(store, stmt, "rows that were never sent", err)
           == MSYNC_OK
           ? msync_store_absent_came(store, table, id, err) : MSYNC_ERROR;
}


int
msync_store_came(msync_store_t *store, const msync_table_t *table,
    const char *id, msync_err_t *err)
{
    if (!store->never_sent
        || send_forget(store, table->name, id, err) == MSYNC_OK)
    {
        return MSYNC_OK;
    }

    err->scope = MSYNC_SCOPE_RUN;
    return MSYNC_ERROR;
}


int
msync_store_sent(msync_store_t *store, const msync_batch_t *batch,
    msync_err_t *err)
{
    int     rc;
    bool    any;
    size_t  i;

    rc = msync_store_any_never_sent(store, &any, err);

    for (i = 0; rc == MSYNC_OK && any && i < batch->n; i++) {
        rc = send_forget(store, batch->records[i].table, batch->records[i].id,
                         err);
    }

    return rc;
}


int
msync_store_passed(msync_store_t *store, const char *cursor_id, int64_t cursor,
    msync_err_t *err)
{
    char          *filter, *sql;
    int64_t        site = -1, from = 0;
    sqlite3_stmt  *stmt = store->stmts[MSYNC_STMT_PASSED];

    if (stmt == NULL) {
        filter = msync_store_changes_filter(store->catalogue, true);
        sql = msync_store_need(sqlite3_mprintf(
                  "INSERT INTO msync_never_sent (table_name, record_id) "
                  "SELECT table_name, record_id FROM changelog WHERE cursor "
                  ">= ?2 AND cursor < ?3 AND row_action = 'UPSERT' AND %s ON "
                  "CONFLICT (table_name, record_id) DO UPDATE SET doubted = 0",
                  filter));
        msync_free(&filter);
        stmt = msync_store_stmt(store, MSYNC_STMT_PASSED, sql, err);
        sqlite3_free(sql);
    }

    if (stmt == NULL
        || msync_store_get_int(store, MSYNC_KEY_SITE_ID, &site, err)
           != MSYNC_OK
        || msync_store_get_int(store, cursor_id, &from, err) != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    sqlite3_bind_int64(stmt, 1, site);
    sqlite3_bind_int64(stmt, 2, from);
    sqlite3_bind_int64(stmt, 3, cursor);

    return msync_store_run(store, stmt, "changes that are passed over", err);
}


/* whether there may be any by now, and the id that the filter needs */

static int
send_begin(msync_store_t *store, bool *any, int64_t *site, msync_err_t *err)
{
    msync_site_t  self;

    *any = false;
    *site = -1;

    if (msync_store_site_get(store, &self, err) != MSYNC_OK
        || msync_store_get_int(store, MSYNC_KEY_SITE_ID, site, err)
           != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    return msync_store_site_in_use(self.state)
           ? msync_store_any_never_sent(store, any, err) : MSYNC_OK;
}


static int
send_count(msync_store_t *store, const msync_table_t *table, int64_t site,
    int64_t *n, msync_err_t *err)
{
    int            rc;
    sqlite3_str   *sql = sqlite3_str_new(store->db);
    sqlite3_stmt  *stmt;

    msync_store_put_never_sent(sql, table, store->changes_filter);
    stmt = msync_store_prepare_own(store, sqlite3_str_finish(sql), err);
    if (stmt == NULL) {
        return MSYNC_ERROR;
    }

    sqlite3_bind_int64(stmt, 1, site);
    rc = msync_store_scalar(store, stmt, n, table->name, err);
    sqlite3_finalize(stmt);

    return rc;
}


int
msync_store_never_sent(msync_store_t *store, int64_t *n, msync_err_t *err)
{
    int      rc;
    bool     any;
    size_t   i;
    int64_t  site, rows;

    *n = 0;
    rc = send_begin(store, &any, &site, err);

    for (i = 0; rc == MSYNC_OK && any && i < store->catalogue->n; i++) {
        if (store->catalogue->tables[i].push != 0) {
            rc = send_count(store, &store->catalogue->tables[i], site, &rows,
                            err);
            *n += rc == MSYNC_OK ? rows : 0;
        }
    }

    return rc;
}


/* NULL: before all ids; one may be octets that are no text, which come behind
 * all texts */

static void
send_bind(sqlite3_stmt *stmt, int at, const sqlite3_value *id)
{
    if (id != NULL) {
        sqlite3_bind_value(stmt, at, id);

    } else {
        sqlite3_bind_text(stmt, at, "", 0, SQLITE_STATIC);
    }
}


#define BEHIND(after)  ((after) == NULL ? ">=" : ">")


/* the last id of the next slice behind `after`, NULL: there is none; owned */

static int
send_slice(msync_store_t *store, const msync_table_t *table, bool doubted,
    const sqlite3_value *after, sqlite3_value **last, msync_err_t *err)
{
    int            rc = MSYNC_OK;
    sqlite3_stmt  *stmt;

    *last = NULL;
    stmt = msync_store_prepare_own(store,
               sqlite3_mprintf("SELECT max(record_id) FROM (SELECT record_id "
                               "FROM msync_never_sent WHERE table_name = ?1 "
                               "AND record_id %s ?2 AND doubted = ?4 ORDER BY "
                               "record_id LIMIT ?3)", BEHIND(after)), err);
    if (stmt == NULL) {
        return MSYNC_ERROR;
    }

    sqlite3_bind_text(stmt, 1, table->name, -1, SQLITE_STATIC);
    send_bind(stmt, 2, after);
    sqlite3_bind_int(stmt, 3, SLICE);
    sqlite3_bind_int(stmt, 4, doubted);

    if (sqlite3_step(stmt) != SQLITE_ROW) {
        rc = msync_store_fault(store, table->name, err);

    } else if (sqlite3_column_type(stmt, 0) != SQLITE_NULL) {
        *last = msync_store_need(
                    sqlite3_value_dup(sqlite3_column_value(stmt, 0)));
    }

    sqlite3_finalize(stmt);
    return rc;
}


static int
send_run(msync_store_t *store, char *text, int64_t site,
    const sqlite3_value *after, const sqlite3_value *last, msync_err_t *err)
{
    int            rc;
    sqlite3_stmt  *stmt;

    stmt = msync_store_prepare_own(store, text, err);
    if (stmt == NULL) {
        return MSYNC_ERROR;
    }

    sqlite3_bind_int64(stmt, 1, site);
    send_bind(stmt, 2, after);
    send_bind(stmt, 3, last);
    rc = msync_store_run(store, stmt, "rows that were never sent", err);
    sqlite3_finalize(stmt);

    return rc;
}


#define IN_SLICE                                                              \
    "table_name = %Q AND record_id %s ?2 AND record_id <= ?3 AND doubted = %d"

/* no record of central's waits to become the row */
#define NOT_TO_COME                                                           \
    "NOT EXISTS (SELECT 1 FROM sync_buffer AS b WHERE b.record_id = "         \
    "msync_never_sent.record_id AND b.table_name = "                          \
    "msync_never_sent.table_name AND b.action <> 'MERGE')"


/* queues what lies behind `after` up to `last`, and takes that off the list;
 * of what is doubted all else, too: it is not there or not this site's any
 * more, or central has sent what is to become of it */

static int
send_queue(msync_store_t *store, const msync_table_t *table, bool doubted,
    int64_t site, const sqlite3_value *after, const sqlite3_value *last,
    int64_t *queued, msync_err_t *err)
{
    int64_t       cursor = 0;
    sqlite3_str  *sql;

    if (msync_store_changelog_end(store, &cursor, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    sql = sqlite3_str_new(store->db);
    msync_store_put_queue(sql, table, store->changes_filter);
    sqlite3_str_appendf(sql, " AND record_id IN (SELECT record_id FROM "
                        "msync_never_sent WHERE " IN_SLICE "%s)", table->name,
                        BEHIND(after), doubted,
                        doubted ? " AND " NOT_TO_COME : "");

    if (send_run(store, sqlite3_str_finish(sql), site, after, last, err)
        != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    *queued = sqlite3_changes(store->db);

    return send_run(store,
                    sqlite3_mprintf("DELETE FROM msync_never_sent WHERE "
                                    IN_SLICE " AND (doubted OR record_id IN "
                                    "(SELECT record_id FROM changelog WHERE "
                                    "cursor > %lld))", table->name,
                                    BEHIND(after), doubted,
                                    (long long) cursor),
                    site, after, last, err);
}


static int
send_table(msync_store_t *store, const msync_table_t *table, bool doubted,
    int64_t site, int64_t limit, msync_hook_pt hook, void *data,
    int64_t *queued, msync_err_t *err)
{
    int             rc = MSYNC_OK;
    int64_t         n;
    sqlite3_value  *after = NULL, *last;

    while (*queued < limit) {
        rc = send_slice(store, table, doubted, after, &last, err);

        if (rc != MSYNC_OK || last == NULL) {
            break;
        }

        rc = msync_store_begin(store, err);

        if (rc == MSYNC_OK) {
            rc = send_queue(store, table, doubted, site, after, last, &n, err);

            if (rc != MSYNC_OK) {
                msync_store_rollback(store);

            } else if (msync_store_commit(store, err) != MSYNC_OK) {
                rc = MSYNC_ERROR;

            } else {
                *queued += n;
                rc = msync_store_turn(store, hook, data, err);
            }
        }

        sqlite3_value_free(after);
        after = last;

        if (rc != MSYNC_OK) {
            break;
        }
    }

    sqlite3_value_free(after);
    return rc;
}


static bool
send_is(const msync_table_t *table, const char *name)
{
    return table->push != 0
           && (strcmp(table->name, name) == 0
               || strcasecmp(table->sql, name) == 0);
}


static bool
send_is_named(const msync_table_t *table, const char *const *tables,
    size_t n)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        if (send_is(table, tables[i])) {
            return true;
        }
    }

    return n == 0;
}


/* how many names are tables which are pushed, up to the first that is none */

static size_t
send_known(const msync_catalogue_t *catalogue, const char *const *tables,
    size_t n)
{
    size_t  i, j;

    for (i = 0; i < n; i++) {
        for (j = 0; j < catalogue->n; j++) {
            if (send_is(&catalogue->tables[j], tables[i])) {
                break;
            }
        }

        if (j == catalogue->n) {
            break;
        }
    }

    return i;
}


int
msync_store_send(msync_store_t *store, const char *const *tables, size_t n,
    msync_hook_pt hook, void *data, int64_t *queued, const char **unknown,
    msync_err_t *err)
{
    int      rc;
    bool     any;
    size_t   i, known;
    int64_t  site;

    *queued = 0;
    *unknown = NULL;
    known = send_known(store->catalogue, tables, n);

    if (known < n) {
        *unknown = tables[known];
        msync_err_set(err, MSYNC_ERR_DATABASE_ERROR, "\"%.128s\" is no table "
                      "that this site sends", *unknown);
        err->advice = "Nothing was queued: name a table of the database whose "
                      "rows this site sends.";
        return MSYNC_ERROR;
    }

    rc = send_begin(store, &any, &site, err);

    for (i = 0; rc == MSYNC_OK && any && i < store->catalogue->n; i++) {
        if (store->catalogue->tables[i].push != 0
            && send_is_named(&store->catalogue->tables[i], tables, n))
        {
            rc = send_table(store, &store->catalogue->tables[i], false, site,
                            INT64_MAX, hook, data, queued, err);
        }
    }

    return rc;
}


int
msync_store_doubted(msync_store_t *store, int64_t *n, msync_err_t *err)
{
    return msync_store_scalar(store,
        msync_store_stmt(store, MSYNC_STMT_DOUBTED,
                         "SELECT count(*) FROM msync_never_sent WHERE doubted",
                         err),
        n, "counting rows that are doubted", err);
}


int
msync_store_send_doubted(msync_store_t *store, int64_t limit,
    msync_hook_pt hook, void *data, int64_t *queued, msync_err_t *err)
{
    int                   rc;
    bool                  any;
    size_t                i;
    int64_t               site, doubted;
    const msync_table_t  *table;

    *queued = 0;

    if (msync_store_doubted(store, &doubted, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    if (doubted == 0) {
        return MSYNC_OK;
    }

    rc = send_begin(store, &any, &site, err);

    for (i = 0; rc == MSYNC_OK && any && i < store->catalogue->n; i++) {
        table = &store->catalogue->tables[i];

        if (table->push != 0) {
            rc = send_table(store, table, true, site, limit, hook, data,
                            queued, err);
        }
    }

    return rc;
}
