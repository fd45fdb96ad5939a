/*
 * A VFS before SQLite's own that lets writes, and reads, fail.
 */

#include "faults.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/store_private.h"


typedef struct {
    sqlite3_file   base;
    sqlite3_file  *real;           /* stands behind this struct */
} file_t;

#define REAL(file)  (((file_t *) (file))->real)


static sqlite3_vfs  shim;


static sqlite3_vfs *
below(sqlite3_vfs *vfs)
{
    return vfs->pAppData;
}


/* SQLITE_OK, or what the write fails with: "full" on a full disk, "bad" on
 * a bad one */

static int
fate(int full, int bad)
{
    switch (faults_write()) {

    case FAULT_KILL_WRITE:
        faults_die();

    case FAULT_FULL_WRITE:
        errno = ENOSPC;
        return full;

    case FAULT_READ_ONLY:
        errno = EROFS;
        return bad;

    case FAULT_IO_WRITE:
    case FAULT_DEAD:
        errno = EIO;
        return bad;

    default:
        return SQLITE_OK;
    }
}


static int
on_close(sqlite3_file *file)
{
    return REAL(file)->pMethods->xClose(REAL(file));
}


static int
on_read(sqlite3_file *file, void *data, int n, sqlite3_int64 at)
{
    if (faults_disk_is_dead()) {
        errno = EIO;
        return SQLITE_IOERR_READ;
    }

    return REAL(file)->pMethods->xRead(REAL(file), data, n, at);
}


static int
on_write(sqlite3_file *file, const void *data, int n, sqlite3_int64 at)
{
    switch (faults_write()) {

    case FAULT_KILL_WRITE:
        (void) REAL(file)->pMethods->xWrite(REAL(file), data, n / 2, at);
        faults_die();

    case FAULT_FULL_WRITE:
        errno = ENOSPC;
        return SQLITE_FULL;

    case FAULT_READ_ONLY:
        errno = EROFS;
        return SQLITE_IOERR_WRITE;

    case FAULT_IO_WRITE:
    case FAULT_DEAD:
        errno = EIO;
        return SQLITE_IOERR_WRITE;

    default:
        return REAL(file)->pMethods->xWrite(REAL(file), data, n, at);
    }
}


static int
on_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    int  rc = fate(SQLITE_IOERR_TRUNCATE, SQLITE_IOERR_TRUNCATE);

    return rc ? rc : REAL(file)->pMethods->xTruncate(REAL(file), size);
}


static int
on_sync(sqlite3_file *file, int flags)
{
    int  rc = fate(SQLITE_IOERR_FSYNC, SQLITE_IOERR_FSYNC);

    return rc ? rc : REAL(file)->pMethods->xSync(REAL(file), flags);
}


static int
on_size(sqlite3_file *file, sqlite3_int64 *size)
{
    return REAL(file)->pMethods->xFileSize(REAL(file), size);
}


static int
on_lock(sqlite3_file *file, int level)
{
    return REAL(file)->pMethods->xLock(REAL(file), level);
}


static int
on_unlock(sqlite3_file *file, int level)
{
    return REAL(file)->pMethods->xUnlock(REAL(file), level);
}


static int
on_check(sqlite3_file *file, int *locked)
{
    return REAL(file)->pMethods->xCheckReservedLock(REAL(file), locked);
}


static int
on_control(sqlite3_file *file, int op, void *arg)
{
    return REAL(file)->pMethods->xFileControl(REAL(file), op, arg);
}


static int
on_sector(sqlite3_file *file)
{
    return REAL(file)->pMethods->xSectorSize(REAL(file));
}


static int
on_device(sqlite3_file *file)
{
    return REAL(file)->pMethods->xDeviceCharacteristics(REAL(file));
}


static int
on_shm_map(sqlite3_file *file, int page, int size, int extend,
    void volatile **map)
{
    int  rc;

    /* `extend` asks for a page that most times is there already */

    if (extend) {
        rc = REAL(file)->pMethods->xShmMap(REAL(file), page, size, 0, map);

        if (rc != SQLITE_OK || *map != NULL) {
            return rc;
        }

        rc = fate(SQLITE_IOERR_SHMSIZE, SQLITE_IOERR_SHMSIZE);
        if (rc != SQLITE_OK) {
            return rc;
        }
    }

    return REAL(file)->pMethods->xShmMap(REAL(file), page, size, extend,
                                         map);
}


static int
on_shm_lock(sqlite3_file *file, int offset, int n, int flags)
{
    return REAL(file)->pMethods->xShmLock(REAL(file), offset, n, flags);
}


static void
on_shm_barrier(sqlite3_file *file)
{
    REAL(file)->pMethods->xShmBarrier(REAL(file));
}


static int
on_shm_unmap(sqlite3_file *file, int delete)
{
    return REAL(file)->pMethods->xShmUnmap(REAL(file), delete);
}


/* version 2: with shared memory, without mapped reading */

static const sqlite3_io_methods  methods = {
    .iVersion = 2,
    .xClose = on_close,
    .xRead = on_read,
    .xWrite = on_write,
    .xTruncate = on_truncate,
    .xSync = on_sync,
    .xFileSize = on_size,
    .xLock = on_lock,
    .xUnlock = on_unlock,
    .xCheckReservedLock = on_check,
    .xFileControl = on_control,
    .xSectorSize = on_sector,
    .xDeviceCharacteristics = on_device,
    .xShmMap = on_shm_map,
    .xShmLock = on_shm_lock,
    .xShmBarrier = on_shm_barrier,
    .xShmUnmap = on_shm_unmap
};


static int
on_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
    int *out)
{
    int      rc;
    file_t  *ours = (file_t *) file;

    ours->base.pMethods = NULL;
    ours->real = (sqlite3_file *) (ours + 1);

    if ((flags & SQLITE_OPEN_CREATE)
        && (name == NULL || access(name, F_OK) != 0))
    {
        rc = fate(SQLITE_CANTOPEN, SQLITE_CANTOPEN);
        if (rc != SQLITE_OK) {
            return rc;
        }
    }

    rc = below(vfs)->xOpen(below(vfs), name, ours->real, flags, out);

    if (ours->real->pMethods != NULL) {
        ours->base.pMethods = &methods;
    }

    return rc;
}


static int
on_delete(sqlite3_vfs *vfs, const char *name, int sync)
{
    int  rc = fate(SQLITE_IOERR_DELETE, SQLITE_IOERR_DELETE);

    return rc ? rc : below(vfs)->xDelete(below(vfs), name, sync);
}


static int
on_access(sqlite3_vfs *vfs, const char *name, int flags, int *out)
{
    return below(vfs)->xAccess(below(vfs), name, flags, out);
}


static int
on_path(sqlite3_vfs *vfs, const char *name, int n, char *out)
{
    return below(vfs)->xFullPathname(below(vfs), name, n, out);
}


static int
on_randomness(sqlite3_vfs *vfs, int n, char *out)
{
    return below(vfs)->xRandomness(below(vfs), n, out);
}


static int
on_sleep(sqlite3_vfs *vfs, int us)
{
    return below(vfs)->xSleep(below(vfs), us);
}


static int
on_time(sqlite3_vfs *vfs, double *now)
{
    return below(vfs)->xCurrentTime(below(vfs), now);
}


static int
on_time64(sqlite3_vfs *vfs, sqlite3_int64 *now)
{
    return below(vfs)->xCurrentTimeInt64(below(vfs), now);
}


static int
on_last_error(sqlite3_vfs *vfs, int n, char *out)
{
    return below(vfs)->xGetLastError(below(vfs), n, out);
}


/* before the first allocation can fail */

static void __attribute__((constructor(200)))
install(void)
{
    sqlite3_vfs  *unix_vfs;

    msync_store_set_up();

    unix_vfs = sqlite3_vfs_find(NULL);
    if (unix_vfs == NULL) {
        abort();
    }

    shim.iVersion = 2;
    shim.szOsFile = (int) sizeof(file_t) + unix_vfs->szOsFile;
    shim.mxPathname = unix_vfs->mxPathname;
    shim.zName = "faults";
    shim.pAppData = unix_vfs;
    shim.xOpen = on_open;
    shim.xDelete = on_delete;
    shim.xAccess = on_access;
    shim.xFullPathname = on_path;
    shim.xRandomness = on_randomness;
    shim.xSleep = on_sleep;
    shim.xCurrentTime = on_time;
    shim.xCurrentTimeInt64 = on_time64;
    shim.xGetLastError = on_last_error;

    if (sqlite3_vfs_register(&shim, 1) != SQLITE_OK) {
        abort();
    }
}
