/*
 * What refers to rows that central does not have any more.
 *
 * Looks at what the catalogue knows, also where the database insists on
 * nothing, and at the application's foreign keys.  A table without an index of
 * the reference is read once for many rows, not for each of them.
 */

#include <string.h>

#include "store/absent_private.h"


static int referrers_put_catalogue(msync_referrers_t *referrers,
    sqlite3_str *sql[3], msync_err_t *err);
static void referrers_put_stays(const msync_referrers_t *referrers,
    sqlite3_str *sql, const msync_table_t *other);
static void referrers_put(const msync_referrers_t *referrers,
    sqlite3_str *sql[3], const msync_table_t *other, const char *field,
    bool indexed);
static int referrers_is_indexed(msync_store_t *store, const char *table,
    const char *column, bool *is, msync_err_t *err);
static const msync_table_t *referrers_find(const msync_referrers_t *referrers,
    const char *sql);
static int referrers_put_keys(const msync_referrers_t *referrers,
    sqlite3_str *sql, msync_err_t *err);


int
msync_store_referrers_open(msync_store_t *store, const msync_table_t *table,
    bool staying, msync_referrers_t *referrers, msync_err_t *err)
{
    int            rc;
    size_t         i;
    sqlite3_str   *sql[3];
    sqlite3_stmt  *stmts[3] = { 0 };

    for (i = 0; i < 3; i++) {
        sql[i] = sqlite3_str_new(store->db);
    }

    memset(referrers, 0, sizeof(msync_referrers_t));
    referrers->store = store;
    referrers->table = table;
    referrers->staying = staying;

    sqlite3_str_appendall(sql[0], "SELECT 0");
    sqlite3_str_appendall(sql[1], "SELECT 0");
    sqlite3_str_appendall(sql[2], "SELECT NULL, 0 WHERE 0");

    rc = referrers_put_catalogue(referrers, sql, err);

    if (rc == MSYNC_OK) {
        rc = referrers_put_keys(referrers, sql[0], err);
    }

    for (i = 0; i < 3; i++) {
        if (rc != MSYNC_OK) {
            sqlite3_free(sqlite3_str_finish(sql[i]));
            continue;
        }

        stmts[i] = msync_store_prepare_own(store, sqlite3_str_finish(sql[i]),
                                           err);
        if (stmts[i] == NULL) {
            rc = MSYNC_ERROR;
        }
    }

    referrers->each = stmts[0];
    referrers->its_own = stmts[1];
    referrers->scan = stmts[2];

    return rc;
}


void
msync_store_referrers_close(msync_referrers_t *referrers)
{
    sqlite3_finalize(referrers->each);
    sqlite3_finalize(referrers->its_own);
    sqlite3_finalize(referrers->scan);
    memset(referrers, 0, sizeof(msync_referrers_t));
}


static int
referrers_put_catalogue(msync_referrers_t *referrers, sqlite3_str *sql[3],
    msync_err_t *err)
{
    bool                      indexed;
    size_t                    i, j;
    const msync_table_t      *other;
    const msync_catalogue_t  *catalogue = referrers->store->catalogue;

    for (i = 0; i < catalogue->n; i++) {
        other = &catalogue->tables[i];

        for (j = 0; j < other->n; j++) {
            if (other->fields[j].target != referrers->table
                || j == other->key)
            {
                continue;
            }

            if (referrers_is_indexed(referrers->store, other->sql,
                                     other->fields[j].name, &indexed, err)
                != MSYNC_OK)
            {
                return MSYNC_ERROR;
            }

            referrers_put(referrers, sql, other, other->fields[j].name,
                          indexed);
        }
    }

    return MSYNC_OK;
}


/* `t` is a row of the other table */

static void
referrers_put_stays(const msync_referrers_t *referrers, sqlite3_str *sql,
    const msync_table_t *other)
{
    if (!referrers->staying) {
        return;
    }

    sqlite3_str_appendf(sql, " AND NOT EXISTS (SELECT 1 FROM msync_absent AS "
                        "u WHERE u.table_name = %Q AND u.record_id = "
                        "t.\"%w\" AND u.reason = %Q)", other->name,
                        other->fields[other->key].name,
                        MSYNC_ABSENT_UNDECIDED);
}


/* SQL for the references of one field; a row that refers to itself is not kept
 * by that */

static void
referrers_put(const msync_referrers_t *referrers, sqlite3_str *sql[3],
    const msync_table_t *other, const char *field, bool indexed)
{
    bool          own = other == referrers->table;
    const char   *key = other->fields[other->key].name;
    sqlite3_str  *one = indexed ? sql[0] : sql[1];

    if (indexed || own) {
        sqlite3_str_appendf(one, " OR EXISTS (SELECT 1 FROM \"%w\" AS t WHERE "
                            "t.\"%w\" = ?1", other->sql, field);

        if (own) {
            sqlite3_str_appendf(one, " AND t.\"%w\" IS NOT ?1", key);
        }

        referrers_put_stays(referrers, one, other);
        sqlite3_str_appendall(one, ")");
    }

    if (indexed) {
        return;
    }

    sqlite3_str_appendf(sql[2], " UNION SELECT t.\"%w\", %d FROM \"%w\" AS t "
                        "WHERE t.\"%w\" IN (SELECT record_id FROM "
                        "msync_absent WHERE table_name = ?1 AND record_id "
                        "BETWEEN ?2 AND ?3)", field, own, other->sql, field);

    if (own) {
        sqlite3_str_appendf(sql[2], " AND t.\"%w\" IS NOT t.\"%w\"", key,
                            field);
    }

    referrers_put_stays(referrers, sql[2], other);
}


/* whether an index begins with the column; a partial one of msync's will do,
 * for it leaves out only the rows where the column is NULL */

static int
referrers_is_indexed(msync_store_t *store, const char *table,
    const char *column, bool *is, msync_err_t *err)
{
    return msync_store_found_own(store,
        sqlite3_mprintf("SELECT EXISTS (SELECT 1 FROM pragma_index_list(%Q) "
                        "AS l, pragma_index_info(l.name) AS i WHERE i.seqno = "
                        "0 AND (NOT l.partial OR substr(l.name, 1, 6) = "
                        "'msync_') AND i.name = %Q COLLATE NOCASE)",
                        table, column), is, err);
}


/* the table of the catalogue that the database calls so, NULL: there is none */

static const msync_table_t *
referrers_find(const msync_referrers_t *referrers, const char *sql)
{
    size_t                    i;
    const msync_catalogue_t  *catalogue = referrers->store->catalogue;

    for (i = 0; i < catalogue->n; i++) {
        if (sqlite3_stricmp(catalogue->tables[i].sql, sql) == 0) {
            return &catalogue->tables[i];
        }
    }

    return NULL;
}


/* foreign keys, the application's, too, which may delete along or may be
 * deferred */

static int
referrers_put_keys(const msync_referrers_t *referrers, sqlite3_str *sql,
    msync_err_t *err)
{
    int                   code, rc = MSYNC_OK;
    const char           *name, *from, *to;
    sqlite3_stmt         *stmt;
    msync_store_t        *store = referrers->store;
    const msync_table_t  *table = referrers->table, *other;
    const char           *key = table->fields[table->key].name;

    stmt = msync_store_prepare_keys(store, table, err);
    if (stmt == NULL) {
        return MSYNC_ERROR;
    }

    while ((code = sqlite3_step(stmt)) == SQLITE_ROW) {
        name = (const char *) sqlite3_column_text(stmt, 0);

        if (sqlite3_stricmp(name, table->sql) == 0) {
            continue;
        }

        from = (const char *) sqlite3_column_text(stmt, 1);
        to = (const char *) sqlite3_column_text(stmt, 2);

        sqlite3_str_appendf(sql, " OR EXISTS (SELECT 1 FROM \"%w\" AS o, "
                            "\"%w\" AS t WHERE o.\"%w\" = ?1 AND t.\"%w\" = "
                            "o.\"%w\"", table->sql, name, key, from,
                            to ? to : key);
        other = referrers_find(referrers, name);

        if (other != NULL) {
            referrers_put_stays(referrers, sql, other);
        }

        sqlite3_str_appendall(sql, ")");
    }

    if (code != SQLITE_DONE) {
        rc = msync_store_fault(store, "reading foreign keys", err);
    }

    sqlite3_finalize(stmt);
    return rc;
}


int
msync_store_referrers_scan(msync_referrers_t *referrers,
    msync_absent_row_t *rows, size_t n, msync_err_t *err)
{
    int            code, rc = MSYNC_OK;
    size_t         i;
    const char    *id;
    sqlite3_stmt  *stmt = referrers->scan;

    for (i = 0; i < n; i++) {
        rows[i].by_others = false;
        rows[i].by_its_own = false;
    }

    sqlite3_bind_text(stmt, 1, referrers->table->name, -1, SQLITE_STATIC);
    sqlite3_bind_text(stmt, 2, rows[0].id, -1, SQLITE_STATIC);
    sqlite3_bind_text(stmt, 3, rows[n - 1].id, -1, SQLITE_STATIC);

    while ((code = sqlite3_step(stmt)) == SQLITE_ROW) {
        id = (const char *) sqlite3_column_text(stmt, 0);

        for (i = 0; i < n && id != NULL; i++) {
            if (strcmp(rows[i].id, id) == 0) {
                *(sqlite3_column_int(stmt, 1) ? &rows[i].by_its_own
                                              : &rows[i].by_others) = true;
                break;
            }
        }
    }

    if (code != SQLITE_DONE) {
        rc = msync_store_fault(referrers->store, "looking for references",
                               err);
    }

    sqlite3_reset(stmt);
    return rc;
}


int
msync_store_referrers_found(msync_referrers_t *referrers,
    const msync_absent_row_t *row, bool *found, msync_err_t *err)
{
    *found = row->by_others;

    if (!*found && row->by_its_own) {
        sqlite3_bind_text(referrers->its_own, 1, row->id, -1, SQLITE_STATIC);

        if (msync_store_found(referrers->store, referrers->its_own, found,
                              referrers->table->name, err) != MSYNC_OK)
        {
            return MSYNC_ERROR;
        }
    }

    if (*found) {
        return MSYNC_OK;
    }

    sqlite3_bind_text(referrers->each, 1, row->id, -1, SQLITE_STATIC);

    return msync_store_found(referrers->store, referrers->each, found,
                             referrers->table->name, err);
}
