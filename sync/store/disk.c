/*
 * Where the database lies, and the write-ahead log beside it.
 *
 * Promises: a disk on which SQLite's locks do not hold, a file that has two
 * names or was copied over, a log that grows and one that was removed are told
 * of in words; what only a removed log has is brought into the database as long
 * as nobody has begun another one.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include "base/log.h"
#include "store/disk_private.h"
#include "store/store_private.h"

/* linux/magic.h and the manual page of statfs(2) */
static const struct {
    uint32_t     type;
    const char  *name;
} disk_remote[] = {
    { 0x6969,     "NFS" },
    { 0x517b,     "SMB" },
    { 0xff534d42, "SMB (CIFS)" },
    { 0xfe534d42, "SMB" },
    { 0x01021997, "9P" },
    { 0x5346414f, "AFS" },
    { 0x6b414653, "AFS" },
    { 0x00c36400, "CephFS" },
    { 0x73757245, "Coda" },
    { 0x564c,     "NCP" },
    { 0x0bd00bd0, "Lustre" },
    { 0x47504653, "GPFS" },
    { 0x786f4256, "a shared folder of VirtualBox" },
    { 0xbacbacbc, "a shared folder of VMware" }
};

/* what comes by FUSE tells statfs(2) only that, and its name in mountinfo */
#define DISK_FUSE  0x65735546

static const struct {
    const char  *type;
    const char  *name;
} disk_fuse[] = {
    { "virtiofs",           "virtiofs" },
    { "fuse.sshfs",         "sshfs" },
    { "fuse.rclone",        "rclone" },
    { "fuse.glusterfs",     "GlusterFS" },
    { "fuse.ceph",          "CephFS" },
    { "fuse.ceph-fuse",     "CephFS" },
    { "fuse.davfs",         "WebDAV" },
    { "fuse.davfs2",        "WebDAV" },
    { "fuse.s3fs",          "s3fs" },
    { "fuse.s3ql",          "S3QL" },
    { "fuse.goofys",        "goofys" },
    { "fuse.gcsfuse",       "gcsfuse" },
    { "fuse.blobfuse",      "blobfuse" },
    { "fuse.blobfuse2",     "blobfuse" },
    { "fuse.juicefs",       "JuiceFS" },
    { "fuse.seaweedfs",     "SeaweedFS" },
    { "fuse.mfs",           "MooseFS" },
    { "fuse.lizardfs",      "LizardFS" },
    { "fuse.curlftpfs",     "FTP" },
    { "fuse.smbnetfs",      "SMB" },
    { "fuse.gvfsd-fuse",    "GVfs" },
    { "fuse.kio-fuse",      "KIO" },
    { "fuse.nfs",           "NFS" },
    { "fuse.fuse-nfs",      "NFS" },
    { "fuse.google-drive-ocamlfuse",  "Google Drive" },
    { "fuse.onedriver",     "OneDrive" },
    { "fuse.vmhgfs-fuse",   "a shared folder of VMware" },
    { "fuse.grpcfuse",      "a shared folder of Docker Desktop" },
    { "fuse.osxfs",         "a shared folder of Docker Desktop" }
};

#define DISK_FULL_OCTETS  65536        /* fewer free ones are none */

static const char  disk_names_text[] =
    "the file of the database has more than one name (a hard link): who opens "
    "it by another one damages it, and a copy that is a link is none; remove "
    "the other names, and copy with \"msync backup\"";

static const char  disk_alone_text[] =
    "the file of the database is mounted alone, as into a container: its log "
    "(-wal), where the latest changes are, lies elsewhere and may be lost, and "
    "who has the database by its directory has another one; mount the "
    "directory instead";


static const char *disk_remote_name(msync_store_t *store);
static const char *disk_fuse_name(const char *path);
static const char *disk_mount_type(char *line, dev_t device);
static bool disk_has_names(msync_store_t *store);
static bool disk_is_alone(msync_store_t *store);
static bool disk_stat_log(msync_store_t *store, struct stat *st);
static void disk_log_text(int64_t octets, char *text, size_t size);
static void disk_remote_text(const char *name, char *text, size_t size);
static bool disk_stranger_text(msync_store_t *store, char *text, size_t size);
static void disk_watch_size(msync_store_t *store);
static int disk_fault_of_overwritten(msync_store_t *store, msync_err_t *err);


/* the name of a network's file system, NULL: it is none */

static const char *
disk_remote_name(msync_store_t *store)
{
    size_t          i;
    const char     *path = sqlite3_db_filename(store->db, "main");
    struct statfs   disk;

    if (path == NULL || statfs(path, &disk) == -1) {
        return NULL;
    }

    for (i = 0; i < sizeof(disk_remote) / sizeof(*disk_remote); i++) {
        if ((uint32_t) disk.f_type == disk_remote[i].type) {
            return disk_remote[i].name;
        }
    }

    return (uint32_t) disk.f_type == DISK_FUSE ? disk_fuse_name(path) : NULL;
}


/* of what FUSE has mounted there, NULL: of this machine, or not known */

static const char *
disk_fuse_name(const char *path)
{
    FILE         *mounts;
    char         *line = NULL;
    size_t        i, size = 0;
    const char   *type, *name = NULL;
    struct stat   st;

    if (stat(path, &st) == -1) {
        return NULL;
    }

    mounts = fopen("/proc/self/mountinfo", "re");
    if (mounts == NULL) {
        return NULL;
    }

    while (name == NULL && getline(&line, &size, mounts) != -1) {
        type = disk_mount_type(line, st.st_dev);

        for (i = 0; type != NULL && i < sizeof(disk_fuse) / sizeof(*disk_fuse);
             i++)
        {
            if (strcmp(type, disk_fuse[i].type) == 0) {
                name = disk_fuse[i].name;
                break;
            }
        }
    }

    free(line);
    fclose(mounts);

    return name;
}


/* "36 35 98:0 /root /at rw,noatime shared:1 - TYPE source rw", proc(5): the
 * type, within the line; NULL: the mount of another device */

static const char *
disk_mount_type(char *line, dev_t device)
{
    char           *type, *p;
    unsigned long   at_major, at_minor;

    (void) strtoul(line, &p, 10);
    (void) strtoul(p, &p, 10);
    at_major = strtoul(p, &p, 10);

    if (*p++ != ':') {
        return NULL;
    }

    at_minor = strtoul(p, NULL, 10);

    if (at_major != major(device) || at_minor != minor(device)) {
        return NULL;
    }

    type = strstr(line, " - ");
    if (type == NULL) {
        return NULL;
    }

    type += 3;
    type[strcspn(type, " \n")] = '\0';

    return type;
}


/* each name of a file has a log and a lock of its own */

static bool
disk_has_names(msync_store_t *store)
{
    const char   *path = sqlite3_db_filename(store->db, "main");
    struct stat   st;

    return path != NULL && stat(path, &st) == 0 && st.st_nlink > 1;
}


/* its name is where it was mounted, what is beside it is not */

static bool
disk_is_alone(msync_store_t *store)
{
    struct statx  st;

    return statx(AT_FDCWD, sqlite3_db_filename(store->db, "main"), 0, 0, &st)
           == 0 && (st.stx_attributes & STATX_ATTR_MOUNT_ROOT);
}


static bool
disk_stat_log(msync_store_t *store, struct stat *st)
{
    bool   there;
    char  *name;

    name = msync_store_need(
               sqlite3_mprintf("%s-wal",
                               sqlite3_db_filename(store->db, "main")));
    there = stat(name, st) == 0;
    sqlite3_free(name);

    return there;
}


int64_t
msync_store_log_octets(msync_store_t *store)
{
    struct stat  st;

    return disk_stat_log(store, &st) ? (int64_t) st.st_size : 0;
}


int64_t
msync_store_log_pending(msync_store_t *store)
{
    return msync_store_wal_pending(store, msync_store_log_octets(store));
}


/* a file that is large keeps its size after all of it is in the database */

int64_t
msync_store_log_large(msync_store_t *store)
{
    int64_t  octets = msync_store_log_octets(store);

    if (octets < MSYNC_STORE_LOG_LARGE
        || msync_store_wal_pending(store, octets) < MSYNC_STORE_LOG_LARGE)
    {
        return 0;
    }

    return octets - octets % (MSYNC_STORE_LOG_LARGE / 16);
}


/* what is reserved for root is not free, as df(1) has it */

void
msync_store_disk_space(msync_store_t *store, int64_t *unused, int64_t *size)
{
    const char      *path = sqlite3_db_filename(store->db, "main");
    struct statvfs   disk;

    *unused = 0;
    *size = 0;

    if (path != NULL && statvfs(path, &disk) == 0) {
        *unused = (int64_t) (disk.f_bavail * disk.f_frsize);
        *size = (int64_t) (disk.f_blocks * disk.f_frsize);
    }
}


msync_room_e
msync_store_room(const char *path)
{
    struct statvfs  disk;

    if (path == NULL || statvfs(path, &disk) == -1) {
        return MSYNC_ROOM;
    }

    if (disk.f_bavail * disk.f_frsize < DISK_FULL_OCTETS) {
        return MSYNC_ROOM_NONE;
    }

    return disk.f_files > 0 && disk.f_favail == 0 ? MSYNC_ROOM_NO_FILES
                                                  : MSYNC_ROOM;
}


const char *
msync_store_full_advice(const char *path, int reason)
{
    if (reason == EDQUOT) {
        return "The quota of the user or group that the database belongs to is "
               "used up: remove files of theirs there, or let it be raised. "
               "|Nothing is lost; synchronisation then goes on by itself.";
    }

    if (msync_store_room(path) == MSYNC_ROOM_NO_FILES) {
        return "The disk of the database has room, but can take no more files "
               "(\"df -i\"): remove many small ones there. |Nothing is lost; "
               "synchronisation then goes on by itself.";
    }

    return NULL;
}


const char *
msync_store_disk_advice(int reason)
{
    switch (reason) {

    case EROFS:
        return "Its disk is mounted read-only, as the system does with one "
               "that fails (see dmesg), and as nginx's unit or container does "
               "with what they do not name (ReadWritePaths=), or the rights of "
               "the file or its directory were changed, or an attribute "
               "(lsattr).";

    case EPERM:
        return "The file, one beside it (-wal, -shm, .lock) or its directory "
               "has an attribute that forbids it, such as immutable or "
               "append-only: look with lsattr, and remove it with chattr -i "
               "or -a.";

    case ENAMETOOLONG:
        return "The name of the database has to leave room for \"-journal\" "
               "behind it: a file system takes names of 255 octets, an "
               "encrypted one perhaps of 143. Give it a shorter name.";

    case EFBIG:
        return "The file has reached the size that is allowed: LimitFSIZE= of "
               "nginx's unit or ulimit -f, or what its file system can hold, "
               "as FAT 4 GB. |Nothing is lost; synchronisation goes on by "
               "itself when there is room.";

    case ENOENT:
    case ENOTDIR:
        return "There is no such file or directory, or a link leads to one "
               "that is not there: check the name, and whether the disk that "
               "it lies on is mounted.";

    case ELOOP:
        return "A file beside the database (-wal, -shm, -journal, .lock) is a "
               "symbolic link, or links lead in a circle. Only the database "
               "itself may be a link: stop nginx and the application, and put "
               "the file in the place of the link.";

    case EISDIR:
        return "The name of the database, or of a file beside it (-wal, -shm, "
               "-journal, .lock), is that of a directory: name another file, "
               "or take the directory away.";

    case EIO:
        return "Its disk fails, or the file is damaged (see dmesg). Stop "
               "nginx and the application and copy the database together "
               "with its -wal to a good disk; \"msync check\" says whether it "
               "is whole, else restore a backup.";

    default:
        return NULL;
    }
}


static void
disk_log_text(int64_t octets, char *text, size_t size)
{
    snprintf(text, size, "the log of the database (-wal) has %lld MB: some "
             "program reads for very long, or has begun to read and never "
             "ended, and the log grows until it does; end that program's "
             "transaction, or start it anew",
             (long long) (octets / 1000000));
}


static void
disk_remote_text(const char *name, char *text, size_t size)
{
    snprintf(text, size, "the database lies on a network file system (%s): "
             "SQLite's locks and its log do not hold there, and the database "
             "may be damaged at any time; put it on a disk of this machine",
             name);
}


static bool
disk_stranger_text(msync_store_t *store, char *text, size_t size)
{
    long  pid = msync_store_stranger(store);

    snprintf(text, size, "process %ld has the database open with another log "
             "(-wal) than the one beside it, as in a container into which the "
             "file alone is mounted: neither sees what the other writes, and "
             "they damage it; end that process, and let it have the directory "
             "of the database", pid);

    return pid != 0;
}


void
msync_store_check_disk(msync_store_t *store, msync_finding_pt each,
    void *data)
{
    char         text[512];
    int64_t      octets = msync_store_log_large(store);
    const char  *name = disk_remote_name(store);

    if (name != NULL) {
        disk_remote_text(name, text, sizeof(text));
        each(data, text);
    }

    if (disk_has_names(store)) {
        each(data, disk_names_text);
    }

    if (disk_is_alone(store)) {
        each(data, disk_alone_text);
    }

    if (disk_stranger_text(store, text, sizeof(text))) {
        each(data, text);
    }

    if (octets > 0) {
        disk_log_text(octets, text, sizeof(text));
        each(data, text);
    }
}


void
msync_store_know_disk(msync_store_t *store)
{
    char         text[512];
    const char  *name = disk_remote_name(store);
    struct stat  st;

    if (name != NULL) {
        disk_remote_text(name, text, sizeof(text));
        msync_log(MSYNC_LOG_ERR, "%s", text);

        /* the time of a file there may come later than what was written */
        store->has_wal = false;
    }

    if (disk_has_names(store)) {
        msync_log(MSYNC_LOG_WARN, "%s", disk_names_text);
    }

    if (disk_is_alone(store)) {
        msync_log(MSYNC_LOG_WARN, "%s", disk_alone_text);
    }

    if (disk_stranger_text(store, text, sizeof(text))) {
        msync_log(MSYNC_LOG_ERR, "%s", text);
    }

    if (disk_stat_log(store, &st)) {
        store->log_file = st.st_ino;
    }

    (void) msync_store_is_overwritten(store);
}


/* whether the log that is open is not the one of its name any more */

bool
msync_store_log_is_lost(msync_store_t *store, bool *another)
{
    struct stat  st;

    *another = false;

    if (store->log_file == 0) {
        return false;
    }

    if (!disk_stat_log(store, &st)) {
        return true;
    }

    *another = st.st_ino != store->log_file;
    return *another;
}


static void
disk_watch_size(msync_store_t *store)
{
    char     text[512];
    int64_t  octets = msync_store_log_large(store);
    bool     large = octets > 0;

    if (large && !store->log_told) {
        disk_log_text(octets, text, sizeof(text));
        msync_log(MSYNC_LOG_WARN, "%s", text);
    }

    store->log_told = large;
}


static int
disk_fault_of_overwritten(msync_store_t *store, msync_err_t *err)
{
    (void) msync_err_set(err, MSYNC_ERR_DATABASE_ERROR, "another file was "
                         "copied over %s while it was open: its pages are "
                         "mixed with those that wait in its log (-wal)",
                         sqlite3_db_filename(store->db, "main"));
    err->advice = "Stop the application and nginx, put the copy in its place "
                  "again and remove -wal and -shm beside it, then start both.";

    return MSYNC_ERROR;
}


int
msync_store_watch_disk(msync_store_t *store, msync_err_t *err)
{
    bool  another;

    disk_watch_size(store);

    if (!msync_store_log_is_lost(store, &another)) {
        return msync_store_is_overwritten(store)
               ? disk_fault_of_overwritten(store, err) : MSYNC_OK;
    }

    /* with another one beside it, pages of both would be mixed */
    if (!another) {
        (void) sqlite3_wal_checkpoint_v2(store->db, "main",
                                         SQLITE_CHECKPOINT_PASSIVE, NULL,
                                         NULL);
    }

    return msync_err_set(err, MSYNC_ERR_DATABASE_ERROR, "%s-wal was removed "
                         "while the database was open; whoever opens it now "
                         "and whoever has it open would damage each other's "
                         "work. Stop the application and nginx, run \"msync "
                         "check\", then start both again",
                         sqlite3_db_filename(store->db, "main"));
}
