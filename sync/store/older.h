/*
 * An older state of the database: somebody has put a backup back.
 *
 * What this site had sent since, and what central had taken out of the queue of
 * this site since, is not in it, and central gives neither by itself again.
 * What waited in the backup and was sent since would replace there what is
 * newer.
 *
 * The database counts the transactions behind which an older state would lack
 * something, and names the first of them by its time; what it has come to is
 * noted beside it as well, in the file of the lock, for as many such names as
 * have been there lately.  The note is written when the transaction is on the
 * disk: it may lack the last ones, and never has one that the database lacks.
 * A database of another name, or of none, is not compared.
 *
 * Where that file is put back together with the database, or is lost, a process
 * that was told by another one how far it had come still knows (nginx keeps it
 * from one helper to the next, not over its own restart).
 */

#ifndef MSYNC_STORE_OLDER_H
#define MSYNC_STORE_OLDER_H

#include "channel/control.h"
#include "store/site.h"

/* inside a transaction that is synced: with it this site has sent something, or
 * may central drop something from the queue of this site */
int msync_store_count_moved(msync_store_t *store, msync_err_t *err);

/*
 * Reads what is noted in the file of the lock, which has to be held and stays
 * open longer than the store, and notes there what it lacks; `known` is what
 * msync_store_say_moved() has said to another process, NULL: nothing.  Without
 * a call nothing is noted or noticed.
 */
int msync_store_load_marks(msync_store_t *store, int lock, const char *known,
    msync_err_t *err);

/* how far the database has come for certain, "" when nothing was counted */
void msync_store_say_moved(const msync_store_t *store,
    char text[MSYNC_MOVED_MAX]);

/*
 * Where the database is older than what is noted, writes that into the site's
 * state until all comes anew, and *older is set, once; a site to which all is
 * to come anyway counts from the beginning instead.
 */
int msync_store_note_older(msync_store_t *store, bool *older,
    msync_err_t *err);

/* an error where that was written */
int msync_store_check_older(const msync_site_t *site, msync_err_t *err);

#endif /* MSYNC_STORE_OLDER_H */
