/*
 * The database as a file, and the lock beside it.
 *
 * Promises: the mode of an existing file is kept; one process at a time
 * syncs a database, by whatever name; a file that is not the database any more
 * is told from it.
 */

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/log.h"
#include "store/disk_private.h"
#include "store/store_private.h"

#define LOCK_NAME  4096


static mode_t file_mode_of_new(const char *path);
static int file_create(const char *path, msync_err_t *err);
static int file_check_kind(const char *path, msync_err_t *err);
static int file_open_lock(const char *database, const char *name,
    msync_err_t *err);
static bool file_name_lock(const char *path, char name[LOCK_NAME]);
static bool file_has_moved(msync_store_t *store);
static bool file_is_elsewhere(msync_store_t *store);


/*
 * An existing file keeps its mode; a new one in a directory that its
 * administrator shares (setgid and writable by the group) is open to that
 * group, elsewhere to nobody else.  SQLite gives -wal and -shm the mode of
 * the database.
 */

static mode_t
file_mode_of_new(const char *path)
{
    bool         shared;
    char        *copy;
    struct stat  st;

    copy = msync_strdup(path);
    shared = stat(dirname(copy), &st) == 0
             && (st.st_mode & S_ISGID) && (st.st_mode & S_IWGRP);
    msync_free(&copy);

    return shared ? 0660 : 0600;
}


int
msync_store_refuse_file(const char *path, const char *doing, msync_err_t *err)
{
    int    reason = errno;
    bool   full = reason == ENOSPC || reason == EDQUOT;
    char  *copy = msync_strdup(path);

    (void) msync_err_set(err, full ? MSYNC_ERR_DISK_FULL
                                   : MSYNC_ERR_DATABASE_ERROR,
                         "cannot %s %s: %s", doing, path, strerror(reason));
    err->advice = full ? msync_store_full_advice(dirname(copy), reason)
                       : msync_store_disk_advice(reason);
    msync_free(&copy);

    return MSYNC_ERROR;
}


static int
file_create(const char *path, msync_err_t *err)
{
    int     fd;
    mode_t  mode = file_mode_of_new(path);

    fd = open(path, O_RDWR|O_CREAT|O_EXCL|O_CLOEXEC, mode);
    if (fd == -1) {
        return errno == EEXIST ? MSYNC_OK
                               : msync_store_refuse_file(path, "create", err);
    }

    /* the umask is not the administrator's word on this */
    (void) fchmod(fd, mode);
    close(fd);

    return MSYNC_OK;
}


/*
 * The group of the database is another one than that of whoever makes the
 * file; where it cannot be given to it, no group has a right to it.
 */

void
msync_store_give_rights(int fd, const struct stat *database)
{
    uid_t   owner = geteuid() == 0 ? database->st_uid : (uid_t) -1;
    mode_t  mode = database->st_mode & (S_IRWXU|S_IRWXG|S_IRWXO);

    if (fchown(fd, owner, database->st_gid) == -1) {
        mode &= ~S_IRWXG;
    }

    (void) fchmod(fd, mode);
}


/*
 * SQLite opens whatever has the name: of a pipe or device it tells an error of
 * the disk, and its journal and the lock stay beside it, in /dev perhaps.
 */

static int
file_check_kind(const char *path, msync_err_t *err)
{
    struct stat  st;

    if (stat(path, &st) == -1 || S_ISREG(st.st_mode)) {
        return MSYNC_OK;
    }

    if (S_ISDIR(st.st_mode)) {
        errno = EISDIR;
        return msync_store_refuse_file(path, "open", err);
    }

    (void) msync_err_set(err, MSYNC_ERR_DATABASE_ERROR,
                         "cannot open %s: a pipe, socket or device", path);
    err->advice = "The database has to be a file: name another one in the "
                  "directive \"database\", or of a command with --database.";

    return MSYNC_ERROR;
}


int
msync_store_find_file(const char *path, bool create, msync_err_t *err)
{
    if (create && file_create(path, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    return file_check_kind(path, err);
}


/*
 * The lock is for whoever may write the database: root's first command must
 * not keep nginx's helper out.  SQLite does the same for -wal and -shm.
 * Returns -1 and err where there is none.
 */

static int
file_open_lock(const char *database, const char *name, msync_err_t *err)
{
    int          fd;
    struct stat  st;

    fd = open(name, O_RDWR|O_CLOEXEC|O_NOFOLLOW);

    if (fd == -1 && errno == ENOENT) {
        fd = open(name, O_RDWR|O_CREAT|O_CLOEXEC|O_NOFOLLOW, 0600);

        if (fd != -1 && stat(database, &st) == 0) {
            msync_store_give_rights(fd, &st);

        } else if (fd != -1) {
            (void) fchmod(fd, file_mode_of_new(name));
        }
    }

    if (fd == -1) {
        (void) msync_store_refuse_file(name, "open", err);
    }

    return fd;
}


/* one lock, whatever the database is called; false: it does not fit */

static bool
file_name_lock(const char *path, char name[LOCK_NAME])
{
    int    n;
    char  *real;

    real = realpath(path, NULL);
    n = snprintf(name, LOCK_NAME, "%s.lock", real ? real : path);
    free(real);

    return n < LOCK_NAME;
}


int
msync_store_lock(const char *path, int *fd, long *holder, msync_err_t *err)
{
    int      rc;
    char     name[LOCK_NAME], pid[32] = "";
    ssize_t  n;

    if (!file_name_lock(path, name)) {
        return msync_err_set(err, MSYNC_ERR_DATABASE_ERROR,
                             "the database's path is too long");
    }

    if (*fd == -1) {
        if (file_check_kind(path, err) != MSYNC_OK) {
            return MSYNC_ERROR;
        }

        *fd = file_open_lock(path, name, err);
        if (*fd == -1) {
            return MSYNC_ERROR;
        }
    }

    if (flock(*fd, LOCK_EX|LOCK_NB) == 0) {
        n = snprintf(pid, sizeof(pid), "%ld", (long) getpid());
        memset(pid + n, '\n', sizeof(pid) - (size_t) n);

        /* only a hint for whoever is refused: there may be no room for it;
         * what older.c has noted stays behind it */
        if (pwrite(*fd, pid, MSYNC_STORE_HOLDER, 0) != MSYNC_STORE_HOLDER) {
            msync_log(MSYNC_LOG_DEBUG, "%s does not say who holds it", name);
        }

        return MSYNC_OK;
    }

    if (errno == EWOULDBLOCK) {
        rc = MSYNC_AGAIN;
        n = pread(*fd, pid, sizeof(pid) - 1, 0);
        *holder = n > 0 ? strtol(pid, NULL, 10) : 0;

    } else {
        rc = msync_err_set(err, MSYNC_ERR_DATABASE_ERROR, "cannot lock %s: %s",
                           name, strerror(errno));
        err->advice = "The file system has to have locks (flock): put the "
                      "database on a disk of this machine.";
    }

    close(*fd);
    *fd = -1;

    return rc;
}


int
msync_store_check_lock(const char *path, int fd, msync_err_t *err)
{
    char         name[LOCK_NAME];
    struct stat  held, there;

    if (!file_name_lock(path, name) || fstat(fd, &held) == -1
        || (stat(name, &there) == -1 ? errno != ENOENT
            : there.st_ino == held.st_ino && there.st_dev == held.st_dev))
    {
        return MSYNC_OK;
    }

    return msync_err_set(err, MSYNC_ERR_DATABASE_ERROR, "%s was removed while "
                         "it was in use; without it two processes can work on "
                         "the database", name);
}


static bool
file_has_moved(msync_store_t *store)
{
    int  moved = 0;

    (void) sqlite3_file_control(store->db, "main", SQLITE_FCNTL_HAS_MOVED,
                                &moved);
    return moved != 0;
}


/* SQLite follows links once, when it opens the file */

static bool
file_is_elsewhere(msync_store_t *store)
{
    struct stat  open, there;

    return stat(sqlite3_db_filename(store->db, "main"), &open) == 0
           && stat(store->path, &there) == 0
           && (open.st_ino != there.st_ino || open.st_dev != there.st_dev);
}


int
msync_store_check_file(msync_store_t *store, msync_err_t *err)
{
    if (file_is_elsewhere(store)) {
        return msync_err_set(err, MSYNC_ERR_DATABASE_ERROR, "%s leads to "
                             "another file now than the one that is open; stop "
                             "nginx before you change where it leads",
                             store->path);
    }

    return file_has_moved(store)
           ? msync_err_set(err, MSYNC_ERR_DATABASE_ERROR, "%s was removed, or "
                           "another file was put in its place, while it was "
                           "open; stop nginx before you do that",
                           sqlite3_db_filename(store->db, "main"))
           : MSYNC_OK;
}


void
msync_store_detach_log(msync_store_t *store)
{
    bool  another;

    if (store->db == NULL) {
        return;
    }

    if ((msync_store_log_is_lost(store, &another) && another)
        || msync_store_is_overwritten(store))
    {
        (void) sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE,
                                 1, NULL);
    }

    if (!file_has_moved(store)) {
        return;
    }

    sqlite3_busy_handler(store->db, NULL, NULL);
    (void) sqlite3_wal_checkpoint_v2(store->db, "main",
                                     SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
}
