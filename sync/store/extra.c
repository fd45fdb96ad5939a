/*
 * Fields that the catalogue has learnt: a column is there for what was kept
 * in msync_extra before.
 *
 * Promises: a value is in its column, as a pull would have put it there, or
 * still in msync_extra; never in neither.  The changelog says nothing of it.
 */

#include <string.h>

#include "store/schema_private.h"
#include "store/store_private.h"
#include "base/log.h"

/* one table while its rows are read */
typedef struct {
    msync_store_t        *store;       /* borrowed, as is the table */
    const msync_table_t  *table;
    sqlite3_stmt         *update;      /* owned, NULL: none yet */
    bool                 *present;     /* owned, the fields it is for */
    bool                  coalesce;    /* what a column has is newer */
    int64_t               refused;     /* rows with a value of another type */
} adoption_t;


static sqlite3_stmt *extra_select_rows(msync_store_t *store,
    const msync_table_t *table, msync_err_t *err);
static int extra_prepare_update(adoption_t *adoption, const bool *present,
    msync_err_t *err);
static int extra_update_row(adoption_t *adoption, const char *id,
    const msync_row_t *row, msync_err_t *err);
static bool extra_has_any(const msync_row_t *row);
static int extra_adopt_row(adoption_t *adoption, const char *id,
    const char *extra, msync_err_t *err);
static int extra_adopt_table(adoption_t *adoption, msync_err_t *err);


/* the rows that have something for a column, with their keys */

static sqlite3_stmt *
extra_select_rows(msync_store_t *store, const msync_table_t *table,
    msync_err_t *err)
{
    size_t         i;
    const char    *between = "";
    sqlite3_str   *sql;

    sql = sqlite3_str_new(store->db);
    sqlite3_str_appendf(sql, "SELECT t.\"%w\", msync_extra FROM \"%w\" AS "
                        "t WHERE msync_extra IS NOT NULL AND EXISTS (SELECT "
                        "1 FROM json_each(iif(json_valid(msync_extra), "
                        "msync_extra, '{}')) WHERE key IN (",
                        table->fields[table->key].name, table->sql);

    for (i = 0; i < table->n; i++) {
        if (i != table->key && !table->fields[i].local_only) {
            sqlite3_str_appendf(sql, "%s%Q", between, table->fields[i].name);
            between = ", ";
        }
    }

    sqlite3_str_appendall(sql, "))");

    return msync_store_prepare_own(store, sqlite3_str_finish(sql), err);
}


/* ?1 is the key, ?2 the extra, the values of fields follow */

static int
extra_prepare_update(adoption_t *adoption, const bool *present,
    msync_err_t *err)
{
    size_t                i;
    const char           *name;
    sqlite3_str          *sql;
    const msync_table_t  *table = adoption->table;

    sqlite3_finalize(adoption->update);
    memcpy(adoption->present, present, table->n * sizeof(bool));

    sql = sqlite3_str_new(adoption->store->db);
    sqlite3_str_appendf(sql, "UPDATE \"%w\" SET msync_extra = ?2",
                        table->sql);

    for (i = 0; i < table->n; i++) {
        name = table->fields[i].name;

        if (present[i] && adoption->coalesce) {
            sqlite3_str_appendf(sql, ", \"%w\" = coalesce(\"%w\", ?%d)",
                                name, name, (int) i + 3);

        } else if (present[i]) {
            sqlite3_str_appendf(sql, ", \"%w\" = ?%d", name, (int) i + 3);
        }
    }

    sqlite3_str_appendf(sql, " WHERE \"%w\" = ?1",
                        table->fields[table->key].name);

    adoption->update = msync_store_prepare_own(adoption->store,
                                               sqlite3_str_finish(sql), err);

    return adoption->update ? MSYNC_OK : MSYNC_ERROR;
}


/* the same fields are learnt in most rows of a table */

static int
extra_update_row(adoption_t *adoption, const char *id, const msync_row_t *row,
    msync_err_t *err)
{
    int                   rc = MSYNC_OK;
    size_t                i;
    const msync_table_t  *table = adoption->table;

    if ((adoption->update == NULL
         || memcmp(adoption->present, row->present, table->n * sizeof(bool))
            != 0)
        && extra_prepare_update(adoption, row->present, err) != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    sqlite3_bind_text(adoption->update, 1, id, -1, SQLITE_STATIC);
    sqlite3_bind_text(adoption->update, 2, row->extra, -1, SQLITE_STATIC);

    for (i = 0; i < table->n; i++) {
        if (row->present[i]) {
            msync_store_bind(adoption->update, (int) i + 3, &row->values[i]);
        }
    }

    if (sqlite3_step(adoption->update) != SQLITE_DONE) {
        if ((sqlite3_errcode(adoption->store->db) & 0xff)
            == SQLITE_CONSTRAINT)
        {
            adoption->refused++;

        } else {
            rc = msync_store_fault(adoption->store, table->name, err);
        }
    }

    sqlite3_reset(adoption->update);
    return rc;
}


static bool
extra_has_any(const msync_row_t *row)
{
    size_t  i;

    for (i = 0; i < row->table->n; i++) {
        if (row->present[i]) {
            return true;
        }
    }

    return false;
}


static int
extra_adopt_row(adoption_t *adoption, const char *id, const char *extra,
    msync_err_t *err)
{
    int          rc = MSYNC_OK;
    msync_row_t  row;

    if (msync_row_adopt(&row, adoption->table, extra) != NULL) {
        adoption->refused++;
    }

    if (extra_has_any(&row)) {
        rc = extra_update_row(adoption, id, &row, err);
    }

    msync_row_clear(&row);
    return rc;
}


static int
extra_adopt_table(adoption_t *adoption, msync_err_t *err)
{
    int            code = SQLITE_DONE, rc = MSYNC_OK;
    const char    *id, *extra;
    sqlite3_stmt  *rows;

    rows = extra_select_rows(adoption->store, adoption->table, err);
    if (rows == NULL) {
        return MSYNC_ERROR;
    }

    while (rc == MSYNC_OK && (code = sqlite3_step(rows)) == SQLITE_ROW) {
        id = (const char *) sqlite3_column_text(rows, 0);
        extra = (const char *) sqlite3_column_text(rows, 1);

        if (id != NULL && extra != NULL) {
            rc = extra_adopt_row(adoption, id, extra, err);
        }
    }

    if (rc == MSYNC_OK && code != SQLITE_DONE) {
        rc = msync_store_fault(adoption->store, adoption->table->name, err);
    }

    sqlite3_finalize(rows);

    if (adoption->refused > 0) {
        msync_log(MSYNC_LOG_WARN, "table \"%s\": %lld rows keep a value that "
                  "a field of the catalogue does not take; it is in "
                  "msync_extra", adoption->table->name,
                  (long long) adoption->refused);
    }

    return rc;
}


int
msync_store_adopt_extra(msync_store_t *store, bool coalesce,
    msync_err_t *err)
{
    int         rc = MSYNC_OK;
    size_t      i;
    adoption_t  adoption;

    /* these are not changes of the application */
    if (msync_store_silence(store, true, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    for (i = 0; rc == MSYNC_OK && i < store->catalogue->n; i++) {
        memset(&adoption, 0, sizeof(adoption));
        adoption.store = store;
        adoption.table = &store->catalogue->tables[i];
        adoption.coalesce = coalesce;
        adoption.present = msync_calloc(adoption.table->n, sizeof(bool));

        rc = extra_adopt_table(&adoption, err);

        sqlite3_finalize(adoption.update);
        msync_free(&adoption.present);
    }

    return rc == MSYNC_OK ? msync_store_silence(store, false, err)
                          : MSYNC_ERROR;
}
