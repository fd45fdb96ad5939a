/*
 * Who has the database open, by the locks that SQLite holds while it has.
 *
 * Promises: who uses another log than the one beside the database is found
 * where the system tells of locks (/proc/locks) and of that process; nobody is
 * accused where it does not.
 */

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "store/disk_private.h"

#define HOLDERS_MAX   256                       /* processes of each kind */
#define HOLDERS_OPEN  INT64_C(0x40000002)       /* octets that SQLite locks: of
                                                   the database, of its -shm */
#define HOLDERS_LOG   INT64_C(128)
#define HOLDERS_WAIT  50000000                  /* ns */

typedef struct {
    struct stat  file;
    int64_t      octet;
    long         pids[HOLDERS_MAX];
    size_t       n;
} holders_t;


static bool holders_read(holders_t *open, holders_t *log);
static bool holders_read_line(const char *line, holders_t *holders);
static bool holders_has(const holders_t *holders, long pid);
static long holders_find(msync_store_t *store);


/* false: there are too many */

static bool
holders_read_line(const char *line, holders_t *holders)
{
    long                 pid;
    char                 last[24];
    unsigned             at_major, at_minor;
    unsigned long long   inode, from, to;

    /* the numbers are the kernel's own, and fit */
    /* NOLINTNEXTLINE(cert-err34-c) */
    if (sscanf(line, "%*d: POSIX %*s %*s %ld %x:%x:%llu %llu %23s", &pid,
               &at_major, &at_minor, &inode, &from, last) != 6
        || inode != holders->file.st_ino
        || makedev(at_major, at_minor) != holders->file.st_dev)
    {
        return true;
    }

    to = *last == 'E' ? from : strtoull(last, NULL, 10);

    if (from > (unsigned long long) holders->octet
        || to < (unsigned long long) holders->octet)
    {
        return true;
    }

    if (holders->n == HOLDERS_MAX) {
        return false;
    }

    holders->pids[holders->n++] = pid;
    return true;
}


static bool
holders_read(holders_t *open, holders_t *log)
{
    bool     read = true;
    char    *line = NULL;
    FILE    *locks;
    size_t   size = 0;

    locks = fopen("/proc/locks", "re");
    if (locks == NULL) {
        return false;
    }

    open->n = log->n = 0;

    while (read && getline(&line, &size, locks) != -1) {
        read = holders_read_line(line, open) && holders_read_line(line, log);
    }

    free(line);
    fclose(locks);

    return read;
}


static bool
holders_has(const holders_t *holders, long pid)
{
    size_t  i;

    for (i = 0; i < holders->n; i++) {
        if (holders->pids[i] == pid) {
            return true;
        }
    }

    return false;
}


/*
 * A process that has the database without its -shm, 0: none.  That the locks of
 * this one are both there shows that the system tells of them by these numbers,
 * which not each file system has.
 */

static long
holders_find(msync_store_t *store)
{
    bool       there;
    char      *shm;
    size_t     i;
    holders_t  open, log;

    open.octet = HOLDERS_OPEN;
    log.octet = HOLDERS_LOG;
    shm = msync_store_need(
              sqlite3_mprintf("%s-shm",
                              sqlite3_db_filename(store->db, "main")));
    there = stat(sqlite3_db_filename(store->db, "main"), &open.file) == 0
            && stat(shm, &log.file) == 0;
    sqlite3_free(shm);

    if (!there || !holders_read(&open, &log) || !holders_has(&open, getpid())
        || !holders_has(&log, getpid()))
    {
        return 0;
    }

    for (i = 0; i < open.n; i++) {
        if (open.pids[i] > 0 && !holders_has(&log, open.pids[i])) {
            return open.pids[i];
        }
    }

    return 0;
}


/* one that is about to open the database takes one lock behind the other */

long
msync_store_stranger(msync_store_t *store)
{
    long                   pid = holders_find(store);
    const struct timespec  pause = { 0, HOLDERS_WAIT };

    if (pid == 0) {
        return 0;
    }

    (void) nanosleep(&pause, NULL);
    return holders_find(store) == pid ? pid : 0;
}
