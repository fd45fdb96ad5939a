/*
 * The database as a file, its disk and its write-ahead log, for the store's own
 * files.
 *
 * Which file has what, each name without its msync_store_:
 *
 *   disk.c          know_disk, disk_advice, room, full_advice, log_is_lost,
 *                   check_disk
 *   file.c          find_file, refuse_file, detach_log, give_rights
 *   holders.c       stranger
 *   wal.c           open_wal, fault_of_wal, wal_pending, is_overwritten,
 *                   find_numbers
 */

#ifndef MSYNC_STORE_DISK_PRIVATE_H
#define MSYNC_STORE_DISK_PRIVATE_H

#include <sys/stat.h>

#include "store/store_private.h"

/* before the database is opened: an error where its name is that of something
 * else than a file; with create one that is not there is made, empty */
int msync_store_find_file(const char *path, bool create, msync_err_t *err);

/* the error of errno, when a file could not be "create" or "open"; always
 * MSYNC_ERROR */
int msync_store_refuse_file(const char *path, const char *doing,
    msync_err_t *err);

/* before closing: empties the log of a file that is gone.  It has the name of
 * the other one's, and whoever opens that would take it for its own */
void msync_store_detach_log(msync_store_t *store);

/* notes what disk and files the database has, after it was opened */
void msync_store_know_disk(msync_store_t *store);

/* what to do where a program works with a log that has no name any more */
#define MSYNC_STORE_LOG_ADVICE                                                \
    "Stop the application and nginx, run \"msync check\", then start both "   \
    "again; what only that program has in its log may be lost."

/* what to do about a disk that fails with this errno, NULL: nothing special */
const char *msync_store_disk_advice(int reason);

/* what is left on the disk of a file; where that is full, by this errno, what
 * to do, NULL: nothing special */
typedef enum {
    MSYNC_ROOM = 0,
    MSYNC_ROOM_NONE,
    MSYNC_ROOM_NO_FILES            /* octets, but no inodes */
} msync_room_e;

msync_room_e msync_store_room(const char *path);
const char *msync_store_full_advice(const char *path, int reason);

/* whether the log that is open lost its name; `another`: another file has it */
bool msync_store_log_is_lost(msync_store_t *store, bool *another);

/* whether the log is in use, once the database was read; an error where it is
 * not the one that its index, of all who have the database open, tells of */
int msync_store_open_wal(msync_store_t *store, msync_err_t *err);

/* the error of a log that is not the one of its index; always MSYNC_ERROR */
int msync_store_fault_of_wal(msync_err_t *err);

/* octets of the log, which has `size` of them as a file, whose pages are not in
 * the database yet */
int64_t msync_store_wal_pending(msync_store_t *store, int64_t size);

/* whether anything but a checkpoint wrote to the file of the database since the
 * first call, as who copies another one over it does; find_numbers looks before
 * where to look */
bool msync_store_is_overwritten(msync_store_t *store);
int msync_store_find_numbers(msync_store_t *store, msync_err_t *err);

/* the id of a process that has the database open with another log than the one
 * beside it, 0: none is known.  The store has read of the database */
long msync_store_stranger(msync_store_t *store);

/* calls `each` with a sentence for what is wrong with the disk or the log */
void msync_store_check_disk(msync_store_t *store, msync_finding_pt each,
    void *data);

/* a file beside the database, open as fd, is for whoever may use that; root
 * gives it to the same owner, too */
void msync_store_give_rights(int fd, const struct stat *database);

#endif /* MSYNC_STORE_DISK_PRIVATE_H */
