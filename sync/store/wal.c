/*
 * The write-ahead log and its index, as SQLite's file format has them: whether
 * they belong together, and whether the database was written to by anything
 * else than a checkpoint.
 *
 * Promises: neither file is opened a second time where closing it would end
 * SQLite's own locks; what another process does meanwhile is no finding.
 */

#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "store/disk_private.h"
#include "store/store_private.h"

#define WAL_REGION       32768     /* octets of the index that are mapped */
#define WAL_HEADER       48        /* of the index, there twice */
#define WAL_FILE_HEADER  32        /* octets of the log before its frames */
#define WAL_FRAME        24        /* octets of a frame before its page */
#define WAL_SALT         16        /* where the log has its salt */
#define WAL_TRIES        5         /* others write while it is looked at */


static bool wal_read_index(msync_store_t *store, msync_wal_t *wal);
static bool wal_lacks(msync_store_t *store, const msync_wal_t *wal);
static sqlite3_file *wal_database_file(msync_store_t *store);
static sqlite3_file *wal_log_file(msync_store_t *store);
static bool wal_of_database(msync_store_t *store, msync_wal_t *wal);
static void wal_sum(msync_store_t *store, msync_wal_t *wal);
static bool wal_has_pages(msync_store_t *store, const msync_wal_t *wal);
static bool wal_has_page(sqlite3_file *database, sqlite3_file *log,
    const msync_wal_t *wal, uint32_t frame, char *octets, char *seen);
static bool wal_read(sqlite3_file *file, void *octets, int n, off_t at);


static sqlite3_file *
wal_database_file(msync_store_t *store)
{
    sqlite3_file  *file = NULL;

    (void) sqlite3_file_control(store->db, "main", SQLITE_FCNTL_FILE_POINTER,
                                &file);
    return file;
}


/* NULL: SQLite does not have it open */

static sqlite3_file *
wal_log_file(msync_store_t *store)
{
    sqlite3_file  *log = NULL;

    (void) sqlite3_file_control(store->db, "main",
                                SQLITE_FCNTL_JOURNAL_POINTER, &log);

    return log != NULL && log->pMethods != NULL ? log : NULL;
}


/*
 * By what SQLite maps while it has the log open; false: it cannot be told.
 * What is mapped without a log is never closed by SQLite.
 */

static bool
wal_read_index(msync_store_t *store, msync_wal_t *wal)
{
    char             index[136];
    uint16_t         page;
    void volatile   *map = NULL;
    sqlite3_file    *file = wal_database_file(store);

    memset(wal, 0, sizeof(msync_wal_t));

    if (wal_log_file(store) == NULL || file == NULL || file->pMethods == NULL
        || file->pMethods->iVersion < 2
        || file->pMethods->xShmMap(file, 0, WAL_REGION, 0, &map) != SQLITE_OK
        || map == NULL)
    {
        return false;
    }

    memcpy(index, (const void *) map, sizeof(index));

    if (memcmp(index, index + WAL_HEADER, WAL_HEADER) != 0) {
        return false;
    }

    memcpy(&page, index + 14, sizeof(page));
    memcpy(&wal->frames, index + 16, sizeof(wal->frames));
    memcpy(wal->salt, index + 32, sizeof(wal->salt));
    memcpy(&wal->written, index + 96, sizeof(wal->written));
    memcpy(&wal->attempted, index + 128, sizeof(wal->attempted));
    wal->page = page == 1 ? 65536 : page;

    /* an index that nobody has written to yet says nothing */
    return wal->page != 0;
}


/* whether the log has less than the index says, or is another one */

static bool
wal_lacks(msync_store_t *store, const msync_wal_t *wal)
{
    int          fd;
    bool         lacks;
    char        *name, head[WAL_FILE_HEADER];
    struct stat  st;

    name = msync_store_need(
               sqlite3_mprintf("%s-wal",
                               sqlite3_db_filename(store->db, "main")));

    fd = open(name, O_RDONLY|O_CLOEXEC);
    sqlite3_free(name);

    lacks = fd == -1 || fstat(fd, &st) == -1
            || st.st_size < WAL_FILE_HEADER
               + (off_t) wal->frames * (WAL_FRAME + wal->page)
            || pread(fd, head, sizeof(head), 0) != sizeof(head)
            || memcmp(head + WAL_SALT, wal->salt, sizeof(wal->salt)) != 0;

    if (fd != -1) {
        close(fd);
    }

    return lacks;
}


int
msync_store_open_wal(msync_store_t *store, msync_err_t *err)
{
    int            i, rc;
    char          *mode = NULL;
    msync_wal_t    wal, again;
    sqlite3_stmt  *stmt;

    stmt = msync_store_prepare(store, "PRAGMA journal_mode", err);
    rc = stmt ? msync_store_text(store, stmt, &mode, "journal mode", err)
              : MSYNC_ERROR;
    sqlite3_finalize(stmt);

    store->has_wal = mode != NULL && strcmp(mode, "wal") == 0;
    msync_free(&mode);

    for (i = 0; rc == MSYNC_OK && store->has_wal && i < WAL_TRIES; i++) {

        if (!wal_read_index(store, &wal) || wal.frames == 0
            || !wal_lacks(store, &wal))
        {
            break;
        }

        /* a checkpoint may have begun it anew in between */
        if (wal_read_index(store, &again) && again.frames == wal.frames
            && memcmp(again.salt, wal.salt, sizeof(wal.salt)) == 0)
        {
            (void) sqlite3_db_config(store->db,
                                     SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1,
                                     NULL);
            return msync_store_fault_of_wal(err);
        }
    }

    return rc;
}


int
msync_store_fault_of_wal(msync_err_t *err)
{
    (void) msync_err_set(err, MSYNC_ERR_DATABASE_ERROR, "the log of the "
                         "database (-wal) lacks what was written to it: it "
                         "was removed or replaced while a program had the "
                         "database open");
    err->advice = MSYNC_STORE_LOG_ADVICE;

    return MSYNC_ERROR;
}


/* where the index cannot be read, as much as the file has */

int64_t
msync_store_wal_pending(msync_store_t *store, int64_t size)
{
    msync_wal_t  wal;

    return wal_read_index(store, &wal) && wal.written <= wal.frames
           ? (int64_t) (wal.frames - wal.written) * (WAL_FRAME + wal.page)
           : size;
}


/* the log with the time of the database, while no checkpoint writes there */

static bool
wal_of_database(msync_store_t *store, msync_wal_t *wal)
{
    msync_wal_t    again;
    struct stat    st;
    sqlite3_file  *file = wal_database_file(store);

    if (!store->has_wal || !wal_read_index(store, wal)
        || wal->written != wal->attempted
        || stat(sqlite3_db_filename(store->db, "main"), &st) == -1
        || !wal_read(file, wal->header, MSYNC_STORE_HEADER, 0)
        || !wal_read_index(store, &again)
        || memcmp(wal, &again, offsetof(msync_wal_t, changed)) != 0)
    {
        return false;
    }

    wal->changed = st.st_mtim;
    wal->size = st.st_size;
    wal_sum(store, wal);
    return true;
}


/*
 * An older copy may have the same header, in which SQLite counts no commit of
 * this mode, and the log nothing to compare.  The page of the numbers that
 * changelog and sync_log have come to is another one after any change that is
 * sent and after each run.
 */

static void
wal_sum(msync_store_t *store, msync_wal_t *wal)
{
    char      *octets;
    uint32_t   i;

    octets = msync_alloc(wal->page);

    if (store->numbers > 0
        && wal_read(wal_database_file(store), octets, (int) wal->page,
                    (off_t) (store->numbers - 1) * wal->page))
    {
        wal->numbers = store->numbers;

        for (i = 0; i < wal->page; i++) {
            wal->sum = 31 * wal->sum + (unsigned char) octets[i];
        }
    }

    msync_free(&octets);
}


/* in this schema: VACUUM puts it elsewhere */

int
msync_store_find_numbers(msync_store_t *store, msync_err_t *err)
{
    return msync_store_number(store, "SELECT rootpage FROM sqlite_master WHERE "
                              "name = 'sqlite_sequence'", &store->numbers,
                              err);
}


/* whether the database has what the log says that it has; who is confined opens
 * neither of the two again */

static bool
wal_has_pages(msync_store_t *store, const msync_wal_t *wal)
{
    bool           has = true;
    char          *octets, *seen;
    uint32_t       frame;
    sqlite3_file  *log = wal_log_file(store);

    octets = msync_alloc(2 * (size_t) wal->page);
    seen = msync_calloc((size_t) (wal->size / wal->page) + 2, 1);

    for (frame = wal->written; has && frame > 0; frame--) {
        has = wal_has_page(wal_database_file(store), log, wal, frame, octets,
                           seen);
    }

    msync_free(&octets);
    msync_free(&seen);

    return has;
}


/* of several frames of a page the last one is in the database */

static bool
wal_has_page(sqlite3_file *database, sqlite3_file *log,
    const msync_wal_t *wal, uint32_t frame, char *octets, char *seen)
{
    int             n = (int) wal->page;
    off_t           at;
    uint32_t        page;
    unsigned char   head[4];

    at = WAL_FILE_HEADER + (off_t) (frame - 1) * (WAL_FRAME + wal->page);

    if (!wal_read(log, head, sizeof(head), at)) {
        return false;
    }

    page = (uint32_t) head[0] << 24 | (uint32_t) head[1] << 16
           | (uint32_t) head[2] << 8 | head[3];

    /* one behind the end: the database has become smaller since */
    if (page == 0 || page > wal->size / wal->page || seen[page]) {
        return true;
    }

    seen[page] = 1;

    return wal_read(log, octets, n, at + WAL_FRAME)
           && wal_read(database, octets + n, n, (off_t) (page - 1) * n)
           && memcmp(octets, octets + n, wal->page) == 0;
}


static bool
wal_read(sqlite3_file *file, void *octets, int n, off_t at)
{
    return file != NULL && file->pMethods != NULL
           && file->pMethods->xRead(file, octets, n, at) == SQLITE_OK;
}


/*
 * In WAL mode a checkpoint alone writes to the database, and leaves in the
 * index how far it came.  A file that is newer than both said, and has another
 * header or other pages than it had, has been copied over it: pages of two
 * databases are mixed.  Of one that is newer only the time was set.
 */

bool
msync_store_is_overwritten(msync_store_t *store)
{
    msync_wal_t  now;
    msync_wal_t *seen = &store->wal_seen;

    if (store->overwritten || !wal_of_database(store, &now)) {
        return store->overwritten;
    }

    store->overwritten = seen->page != 0
        && (seen->changed.tv_sec != now.changed.tv_sec
            || seen->changed.tv_nsec != now.changed.tv_nsec)
        && memcmp(seen->salt, now.salt, sizeof(now.salt)) == 0
        && seen->written == now.written
        && seen->attempted == now.attempted
        && (seen->size != now.size
            || memcmp(seen->header, now.header, sizeof(now.header)) != 0
            || (seen->numbers == now.numbers && seen->sum != now.sum)
            || !wal_has_pages(store, &now));

    *seen = now;
    return store->overwritten;
}
