/*
 * What SQLite says went wrong, in words.
 *
 * Promises: a disk that is full, one that fails, and a lock of another program
 * each have their variant, and advice.
 */

#include <errno.h>
#include <string.h>

#include "store/disk_private.h"
#include "store/store_private.h"


#define FAULT_ADVICE_SCHEMA                                                   \
    "Another program has altered the tables of the database, most likely, "   \
    "or msync was upgraded and nginx not restarted behind that; \"msync "      \
    "check\" says what is missing. |What can be made again the next run "      \
    "makes by itself."
#define FAULT_ADVICE_NAME                                                     \
    "The application has an index of the name of one of mSupply's tables: "   \
    "give it another name, or let msync's table have one, by [{\"table\": "   \
    "\"its name\", \"rename\": \"another name\"}] in the file of the "        \
    "directive \"tables\". Nothing was changed."


static int fault_reason(sqlite3 *db);
static int fault_of_lock(const char *what, msync_err_t *err);
static int fault_of_disk(msync_store_t *store, const char *what,
    msync_err_t *err);


/* of a COMMIT that fails SQLite does not note the system's reason */

static int
fault_reason(sqlite3 *db)
{
    int  now = errno, reason = sqlite3_system_errno(db);

    return reason ? reason : now;
}


/*
 * A disk that is full says so to a write; a sync or a new file fails like on
 * a bad disk, and by the time that SQLite is asked for the system's reason
 * it may have seen another one.
 */

bool
msync_store_is_full(sqlite3 *db)
{
    int  code, reason;

    code = sqlite3_errcode(db) & 0xff;

    if (code == SQLITE_FULL) {
        return true;
    }

    if (code != SQLITE_IOERR && code != SQLITE_CANTOPEN) {
        return false;
    }

    reason = fault_reason(db);

    return reason == ENOSPC || reason == EDQUOT
           || msync_store_room(sqlite3_db_filename(db, "main"))
              != MSYNC_ROOM;
}


static int
fault_of_lock(const char *what, msync_err_t *err)
{
    (void) msync_err_set(err, MSYNC_ERR_DATABASE_ERROR, "%s: another program "
                         "keeps the database locked", what);
    err->advice = MSYNC_STORE_LOCKED_ADVICE;

    return MSYNC_ERROR;
}


/* SQLite's words say that a file failed, the system's why */

static int
fault_of_disk(msync_store_t *store, const char *what, msync_err_t *err)
{
    int          code = sqlite3_errcode(store->db) & 0xff;
    int          reason = 0;
    const char  *text = sqlite3_errmsg(store->db);

    if (code == SQLITE_IOERR || code == SQLITE_CANTOPEN) {
        reason = fault_reason(store->db);

    } else if (code == SQLITE_READONLY) {
        reason = EROFS;

    } else if (code == SQLITE_CORRUPT) {
        /* SQLite also says so where the disk does not let it read */
        reason = EIO;
    }

    /* SQLite reads less than is there of nothing but the log */
    if (sqlite3_extended_errcode(store->db) == SQLITE_IOERR_SHORT_READ) {
        (void) msync_store_fault_of_wal(err);
        msync_err_context(err, what);
        return MSYNC_ERROR;
    }

    if (reason == EROFS) {
        msync_err_set(err, MSYNC_ERR_DATABASE_ERROR, "%s: the database "
                      "cannot be written: %s", what, text);

    } else if (reason != 0 && code != SQLITE_CORRUPT) {
        msync_err_set(err, MSYNC_ERR_DATABASE_ERROR, "%s: %s (%s)", what,
                      text, strerror(reason));

    } else {
        msync_err_set(err, MSYNC_ERR_DATABASE_ERROR, "%s: %s", what, text);
    }

    /* no file has failed: what the SQL of msync names is not there */
    err->advice = sqlite3_strglob("there is already an index *", text) == 0
                  ? FAULT_ADVICE_NAME
                  : code == SQLITE_ERROR || code == SQLITE_SCHEMA
                  ? FAULT_ADVICE_SCHEMA : msync_store_disk_advice(reason);
    return MSYNC_ERROR;
}


int
msync_store_fault(msync_store_t *store, const char *what, msync_err_t *err)
{
    int  code = sqlite3_errcode(store->db) & 0xff;

    if (code == SQLITE_BUSY
        && store->busy_err.variant != MSYNC_ERR_NONE)
    {
        *err = store->busy_err;
        msync_err_clear(&store->busy_err);
        return MSYNC_ERROR;
    }

    if (store->reader_hook != NULL
        && store->reader_hook(store->reader_data, err) != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    if (code == SQLITE_BUSY || code == SQLITE_LOCKED) {
        return fault_of_lock(what, err);
    }

    if (msync_store_is_full(store->db)) {
        (void) msync_err_set(err, MSYNC_ERR_DISK_FULL, "%s: %s", what,
                             sqlite3_errmsg(store->db));
        err->advice = msync_store_full_advice(
                          sqlite3_db_filename(store->db, "main"),
                          fault_reason(store->db));
        return MSYNC_ERROR;
    }

    return fault_of_disk(store, what, err);
}
