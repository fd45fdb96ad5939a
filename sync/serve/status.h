/*
 * What is known of a site, and the documents that nginx serves of it.
 */

#ifndef MSYNC_STATUS_H
#define MSYNC_STATUS_H

#include "channel/control.h"
#include "run/site.h"
#include "store/store.h"
#include "store/log.h"

#define MSYNC_HISTORY_RUNS  50     /* runs in the history document */
#define MSYNC_ERRORS_MAX    100    /* records in the errors document */

/* octets of each list, the oldest are left out: a zone of 256 KB has room for
 * all three, for one in the place of which comes a longer one, and for 64 KB
 * of settings that are being checked */
#define MSYNC_LIST_MAX      (44 * 1024)    /* of the runs */
#define MSYNC_LIST_FAILED   (32 * 1024)    /* of failed records */

typedef struct {
    msync_log_entry_t  entry;      /* the running or else the latest run;
                                      id 0: there was none */
    msync_log_entry_t  success;    /* the latest that succeeded */
    bool               running;
    bool               configured;
    msync_site_t       site;
    bool               v7;         /* the site speaks sync v7, as far as
                                      known */
    int64_t            queue;
    int64_t            failed;     /* records that failed to integrate */
    int64_t            dismissed;  /* failed and dismissed, not among
                                      `failed` */
    int64_t            never_sent; /* rows of before msync, see send.h */
    int64_t            locked_since;  /* ms, by another program; 0: it is not */
    int64_t            log_octets; /* of a log that is too large, in whole
                                      steps; 0: it is not */
    int64_t            next_sync;  /* ms, 0: none planned */
    long               interval;
} msync_status_t;

/* reads the members from `site` to `dismissed` */
int msync_status_read(msync_store_t *store, msync_status_t *status,
    msync_err_t *err);

msync_state_e msync_status_state(const msync_status_t *status);

/*
 * The tail of the status document, see control.h; `stopped`: as it reads when
 * this helper has ended.  msync_free it.
 */
char *msync_status_document(const msync_status_t *status, bool stopped);

/* {"runs": [...]} and {"total": n, "errors": [...]} of the records that were
 * dismissed, or were not; NULL and err when the database fails; msync_free
 * them */
char *msync_status_history(msync_store_t *store, msync_err_t *err);
char *msync_status_errors(msync_store_t *store, bool dismissed,
    msync_err_t *err);

/* GET settings; hardware_id "" if unknown */
char *msync_status_settings(msync_store_t *store, const msync_conf_t *conf,
    const char *hardware_id, msync_err_t *err);

#endif /* MSYNC_STATUS_H */
