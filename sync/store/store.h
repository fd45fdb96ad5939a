/*
 * The site database.
 *
 * The room owns the file with its lock, schema and triggers, the transactions
 * (here), and the tables that are msync's own; each other header has one duty.
 * It promises that a transaction is there as a whole or not at all, that the
 * application has its turn between two, and that nothing is written to a
 * database which is not msync's.  Only this room sees SQLite, so that another
 * engine can stand behind its headers.
 *
 * The application behind nginx reads and writes the same file at any time.
 * Every call returns MSYNC_OK or MSYNC_ERROR with DATABASE_ERROR or
 * DISK_FULL; a database that is busy has been waited for already.
 *
 * Times are Unix milliseconds in memory and RFC 3339 in UTC in the database.
 */

#ifndef MSYNC_STORE_H
#define MSYNC_STORE_H

#include "base/hook.h"
#include "catalogue/catalogue.h"
#include "conf/conf.h"

typedef struct msync_store_s  msync_store_t;

#define MSYNC_STORE_CREATE     1   /* make what is missing, write */
#define MSYNC_STORE_READ_ONLY  2


/*
 * Opens the database, with MSYNC_STORE_CREATE also makes file, tables and
 * triggers.  A new file in a directory that is shared (setgid and writable by
 * the group) is open to that group, elsewhere to its owner alone.  The
 * catalogue is borrowed and must outlive the store.  `flags` is one of the two
 * above, or 0: nothing is made.  NULL: err says why.
 */
msync_store_t *msync_store_open(const char *path,
    const msync_catalogue_t *catalogue, unsigned flags, msync_err_t *err);
void msync_store_close(msync_store_t **store);

/*
 * Makes of a store that was opened with MSYNC_STORE_READ_ONLY what opening it
 * with MSYNC_STORE_CREATE makes, for whoever has to read from a database
 * before he may write to it: SQLite reads the whole schema whenever a database
 * is opened, which is a quarter of a run with nothing to do.
 */
int msync_store_write(msync_store_t *store, msync_err_t *err);

/*
 * Looks whether somebody has changed the schema since it was last as it
 * should be, and then does what opening with MSYNC_STORE_CREATE does; cheap
 * where nobody has.  Not inside a transaction.
 */
int msync_store_renew(msync_store_t *store, msync_err_t *err);

/* what to do about a lock that another program holds */
#define MSYNC_STORE_LOCKED_ADVICE                                             \
    "|It goes on by itself when that program has ended its transaction. An "   \
    "application must not hold a transaction open while nobody writes, nor "  \
    "keep the database to itself (PRAGMA locking_mode = EXCLUSIVE); if it "   \
    "lasts, close that program."

/*
 * The hook is called while another program holds the database locked, several
 * times a second, however long; it must not use the store.  Without one a
 * lock of half a minute is an error.
 */
void msync_store_set_hook(msync_store_t *store, msync_hook_pt hook,
    void *data);

/* the hook of stores that are opened from here on, until msync_store_set_hook()
 * gives them their own; data is borrowed */
void msync_store_hook_opening(msync_hook_pt hook, void *data);

/* ms for which the lock that the call at work waits for has been seen held,
 * also by earlier calls that were ended in their wait; the hook of such a wait
 * may ask */
int64_t msync_store_locked_for(const msync_store_t *store);

/* whether the lock on which a call was ended in its wait is free by now,
 * without a wait; the next lock that is met counts anew then */
void msync_store_look_at_lock(msync_store_t *store);

/* ms that another program keeps the database locked before the log says so;
 * half a minute where nobody calls this */
void msync_store_warn_locked(int64_t after);

/*
 * Whoever only reads may be ended in the middle of a statement: stores that are
 * opened for that from here on call this hook, too, every few milliseconds of
 * work and while they wait for a lock; data is borrowed.
 */
void msync_store_hook_readers(msync_hook_pt hook, void *data);

int msync_store_begin(msync_store_t *store, msync_err_t *err);
/*
 * begin of what a power cut may take, because it is asked for again or is no
 * loss: on a slow disk its commit is not waited for, the next one of another
 * transaction syncs it along.  An earlier state comes back, never a damaged
 * one.
 */
int msync_store_begin_unsynced(msync_store_t *store, msync_err_t *err);
/*
 * begin for integration: the triggers of the changelog stay silent until the
 * end of the transaction
 */
int msync_store_begin_integration(msync_store_t *store, msync_err_t *err);
int msync_store_begin_integration_unsynced(msync_store_t *store,
    msync_err_t *err);
int msync_store_commit(msync_store_t *store, msync_err_t *err);
/* commits one that integrates, lets others have their turn, and begins the
 * next one like it; no transaction is open after an error */
int msync_store_begin_next(msync_store_t *store, msync_err_t *err);
/* undoes the open transaction, or what SQLite has left of one that it undid by
 * itself */
void msync_store_rollback(msync_store_t *store);

/*
 * Ms since the open transaction began, and microseconds from the begin of the
 * last one to its commit: for as long the application may have waited.  Before
 * the next one of several, msync_store_yield sleeps until the application has
 * had its turn since the last, a second at most, longer where it has written a
 * moment ago.
 */
int64_t msync_store_held(const msync_store_t *store);
int64_t msync_store_held_last(const msync_store_t *store);
int msync_store_yield(msync_store_t *store, msync_err_t *err);
/* ms that a transaction of many rows may take, for which the application may
 * have to wait: a few while others write, which msync_store_yield has looked
 * for */
#define MSYNC_STORE_HOLD  250
int64_t msync_store_hold(const msync_store_t *store);
/* whether others write; whether they do, and the open transaction has to be
 * committed now to take no longer than msync_store_hold says */
bool msync_store_is_shared(const msync_store_t *store);
bool msync_store_is_overdue(const msync_store_t *store);

/* whether another connection has written in the last seconds, as far as this
 * one has asked before */
int msync_store_others_write(msync_store_t *store, bool *others,
    msync_err_t *err);

bool msync_store_in_transaction(const msync_store_t *store);
/* whether a deferred foreign key is not met by now, which a commit refuses */
bool msync_store_violates_deferred(msync_store_t *store);

/* changes whenever another connection has committed; cheap to ask */
int msync_store_data_version(msync_store_t *store, int64_t *version,
    msync_err_t *err);

#endif /* MSYNC_STORE_H */
