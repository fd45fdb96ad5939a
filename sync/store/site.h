/*
 * What a site is in the middle of: one row of key_value_store.
 *
 * Whoever changes it does so in the transaction that makes it true.  What
 * each state means for a run, and which event leads from one to another, is
 * decided in run/site.h alone.
 */

#ifndef MSYNC_STORE_SITE_H
#define MSYNC_STORE_SITE_H

#include "store/store.h"

typedef enum {
    MSYNC_SITE_NEW = 0,            /* nobody has asked for a first sync */
    MSYNC_SITE_REQUESTED,          /* somebody has asked for one */
    MSYNC_SITE_PREPARING,          /* central was asked to prepare it, which
                                      it had not done for this site before */
    MSYNC_SITE_FIRST,              /* central has prepared it: the site pulls
                                      all */
    MSYNC_SITE_INITIALISED,        /* all was brought once */
    MSYNC_SITE_ANEW,               /* all is to come anew into a site that is
                                      in use: `reinitialise` */
    MSYNC_SITE_ANEW_PREPARING,     /* as PREPARING and FIRST, in use */
    MSYNC_SITE_ANEW_PULLING,
    MSYNC_SITE_STATES
} msync_site_state_e;

typedef struct {
    msync_site_state_e  state;
    bool                paused;    /* somebody wants no run by itself */
    unsigned            restored;  /* servers that were found restored from a
                                      backup, MSYNC_LEGACY and _OMSUPPLY; only
                                      `reinitialise` forgets it */
    bool                older;     /* a backup was put back into the database
                                      (older.h); `reinitialise` alone forgets
                                      this as well */
    int64_t             begun;     /* runs that began since one came to an end
                                      of its own: more than one in a row
                                      killed their process */
} msync_site_t;

/* beside the servers in the row's value_bigint */
#define MSYNC_SITE_OLDER      8
#define MSYNC_SITE_OLDER_SQL  "8"

/* a database without one has that of a new site */
int msync_store_site_get(msync_store_t *store, msync_site_t *site,
    msync_err_t *err);
int msync_store_site_set(msync_store_t *store, const msync_site_t *site,
    msync_err_t *err);

/* the word in the database, "first"; static storage */
const char *msync_store_site_name(msync_site_state_e state);

/* whether all was brought once: the application works with the rows */
bool msync_store_site_in_use(msync_site_state_e state);

#endif /* MSYNC_STORE_SITE_H */
