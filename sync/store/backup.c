/*
 * A copy of the database.
 *
 * Promises: nobody may read the copy who may not read the database, at no
 * moment; a file that is there already is not touched; what has the name of
 * a backup is whole, and one that failed leaves no file behind.
 */

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/disk_private.h"
#include "store/store_private.h"


static int backup_refuse_path(const char *path, msync_err_t *err);
static int backup_create_copy(msync_store_t *store, const char *path,
    msync_err_t *err);
static int backup_copy_pages(msync_store_t *store, const char *path,
    int *reason, msync_err_t *err);
static int backup_sync(const char *path);
static int backup_give_name(const char *part, const char *path,
    msync_err_t *err);
static void backup_remove_part(const char *part);


static int
backup_refuse_path(const char *path, msync_err_t *err)
{
    if (errno == EEXIST) {
        (void) msync_err_set(err, MSYNC_ERR_DATABASE_ERROR,
                             "%s is there already and was left as it is",
                             path);
        err->advice = "Name a file that is not there.";
        return MSYNC_ERROR;
    }

    return msync_store_refuse_file(path, "create", err);
}


/*
 * SQLite writes into an empty file as well, but makes one that the umask
 * decides on.
 */

static int
backup_create_copy(msync_store_t *store, const char *path, msync_err_t *err)
{
    int          fd;
    struct stat  st;

    if (stat(sqlite3_db_filename(store->db, "main"), &st) == -1) {
        return msync_err_set(err, MSYNC_ERR_DATABASE_ERROR,
                             "cannot read the mode of the database: %s",
                             strerror(errno));
    }

    fd = open(path, O_RDWR|O_CREAT|O_EXCL|O_CLOEXEC, 0600);
    if (fd == -1) {
        return backup_refuse_path(path, err);
    }

    msync_store_give_rights(fd, &st);
    close(fd);

    return MSYNC_OK;
}


/* without making a row or an index anew, which may need what only the
 * application has; `reason`: the errno of what failed, or 0 */

static int
backup_copy_pages(msync_store_t *store, const char *path, int *reason,
    msync_err_t *err)
{
    int              code;
    sqlite3         *copy = NULL;
    sqlite3_backup  *backup = NULL;

    code = sqlite3_open_v2(path, &copy, SQLITE_OPEN_READWRITE, NULL);

    if (code == SQLITE_OK) {
        backup = sqlite3_backup_init(copy, "main", store->db, "main");
    }

    /* what a step failed with the end says, too */
    if (backup != NULL) {
        (void) sqlite3_backup_step(backup, -1);
        (void) sqlite3_backup_finish(backup);
    }

    code = sqlite3_errcode(copy);
    *reason = sqlite3_system_errno(copy);

    if (code != SQLITE_OK) {
        msync_err_set(err, msync_store_is_full(copy)
                           ? MSYNC_ERR_DISK_FULL : MSYNC_ERR_DATABASE_ERROR,
                      "%s: %s", path, sqlite3_errmsg(copy));
    }

    (void) sqlite3_close(copy);

    return code == SQLITE_OK ? MSYNC_OK : MSYNC_ERROR;
}


/* VACUUM INTO does not wait for the disk, and behind a power cut the name of a
 * backup would be that of a part of one; -1: see errno */

static int
backup_sync(const char *path)
{
    int  fd, rc;

    fd = open(path, O_RDONLY|O_CLOEXEC);
    if (fd == -1) {
        return -1;
    }

    rc = fsync(fd);
    close(fd);

    return rc;
}


/* not all file systems of sticks and shares have links or know the flag */

static int
backup_give_name(const char *part, const char *path, msync_err_t *err)
{
    struct stat  st;

    if (renameat2(AT_FDCWD, part, AT_FDCWD, path, RENAME_NOREPLACE) == 0) {
        return MSYNC_OK;
    }

    if (errno == EINVAL && lstat(path, &st) == -1 && rename(part, path) == 0)
    {
        return MSYNC_OK;
    }

    return backup_refuse_path(path, err);
}


/* SQLite leaves the journal that it could not write to the end, too */

static void
backup_remove_part(const char *part)
{
    char  *journal = sqlite3_mprintf("%s-journal", part);

    (void) unlink(part);
    (void) unlink(journal);
    sqlite3_free(journal);
}


int
msync_store_backup(msync_store_t *store, const char *path, msync_err_t *err)
{
    int            reason, rc = MSYNC_ERROR;
    char          *part, *directory;
    struct stat    st;
    sqlite3_stmt  *stmt;

    if (lstat(path, &st) == 0) {
        errno = EEXIST;
        return backup_refuse_path(path, err);
    }

    part = sqlite3_mprintf("%s.%ld.part", path, (long) getpid());

    if (backup_create_copy(store, part, err) != MSYNC_OK) {
        sqlite3_free(part);
        return MSYNC_ERROR;
    }

    stmt = msync_store_prepare(store, "VACUUM INTO ?1", err);

    if (stmt != NULL) {
        sqlite3_bind_text(stmt, 1, part, -1, SQLITE_STATIC);
        rc = msync_store_run(store, stmt, path, err);
        sqlite3_finalize(stmt);
    }

    reason = sqlite3_system_errno(store->db);

    if (rc != MSYNC_OK && msync_store_is_unknown(store)) {
        rc = backup_copy_pages(store, part, &reason, err);
    }

    if (rc == MSYNC_OK) {
        rc = backup_sync(part) == 0 ? backup_give_name(part, path, err)
                                    : backup_refuse_path(path, err);
    }

    if (rc == MSYNC_OK) {
        /* not every file system can, and without its name there is no copy */
        directory = msync_strdup(path);
        (void) backup_sync(dirname(directory));
        msync_free(&directory);

    } else {
        backup_remove_part(part);
    }

    if (rc != MSYNC_OK && (err->variant == MSYNC_ERR_DISK_FULL
                           || reason == EFBIG))
    {
        err->advice = "There is no room for the copy where it was to be, or it "
                      "would be larger than a file may be there (ulimit -f): "
                      "name another place, or make room. There is no copy.";
    }

    sqlite3_free(part);
    return rc;
}
