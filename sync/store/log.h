/*
 * sync_log: the runs.
 */

#ifndef MSYNC_STORE_LOG_H
#define MSYNC_STORE_LOG_H

#include "store/store.h"

/* the steps of a run, in their order */

typedef enum {
    MSYNC_STEP_PREPARE = 0,
    MSYNC_STEP_PUSH_V6,
    MSYNC_STEP_PUSH,               /* to mSupply central, or by v7 */
    MSYNC_STEP_WAIT,               /* by v7: central integrates */
    MSYNC_STEP_PULL_CENTRAL,
    MSYNC_STEP_PULL_REMOTE,
    MSYNC_STEP_PULL_V6,
    MSYNC_STEP_PULL,               /* by v7 */
    MSYNC_STEP_INTEGRATE,
    MSYNC_STEP_MAX
} msync_step_e;

typedef struct {
    int64_t  started;              /* ms, 0: not */
    int64_t  finished;
    int64_t  total;                /* -1: not known yet, no number shown */
    int64_t  done;
} msync_step_log_t;

/* one row of sync_log: a run, or equal failures since the last success */
typedef struct {
    int64_t           id;
    int64_t           repeated;    /* how many runs it stands for; what is
                                      said below is of the last one */
    int64_t           first_started;   /* ms, of the first one; 0: it is the
                                          only one */
    int64_t           started;
    int64_t           finished;    /* 0: it runs, or was interrupted */
    int64_t           began;       /* `started` by the monotonic clock; 0: it
                                      was read from the database */
    bool              unwritten;   /* its end is not in the database yet */
    bool              v7;          /* what it spoke, else v5 and v6 */
    msync_step_log_t  steps[MSYNC_STEP_MAX];
    msync_variant_e   variant;     /* NONE: no error */
    char              text[MSYNC_ERR_TEXT_MAX + 512];  /* with advice */
} msync_log_entry_t;

/* makes a row for a new run, with `id` and `started`; writes it again */
int msync_store_log_begin(msync_store_t *store, msync_log_entry_t *entry,
    msync_err_t *err);
/* an error where the row of a run that has not ended is not there any more:
 * what belongs into the same transaction is of another state of the database */
int msync_store_log_update(msync_store_t *store,
    const msync_log_entry_t *entry, msync_err_t *err);

/* how long a run took, 0 while it is at work and where the clock has gone back
 * a little meanwhile, or while no helper was there */
int64_t msync_store_log_seconds(const msync_log_entry_t *entry);

/* sets `finished`; where the wall clock was set meanwhile, all earlier times
 * become those of the clock as it is now */
void msync_store_log_finish(msync_log_entry_t *entry);

/*
 * Writes the row of a run that has ended; inside a transaction.  A failure
 * equal to an earlier one since the last success takes the place of its row
 * and counts it.
 */
int msync_store_log_end(msync_store_t *store, msync_log_entry_t *entry,
    msync_err_t *err);

/* ends the rows of runs that nobody ended, as HELPER_STOPPED; *n of them;
 * `cause`: why their process did, in words, NULL where nobody knows */
int msync_store_log_close_interrupted(msync_store_t *store, const char *cause,
    int *n, msync_err_t *err);

/* the latest run, and the latest that succeeded; one that only tried failed
 * records and went well is neither; id 0: there is none */
int msync_store_log_last(msync_store_t *store, msync_log_entry_t *entry,
    msync_err_t *err);
int msync_store_log_last_success(msync_store_t *store,
    msync_log_entry_t *entry, msync_err_t *err);

/*
 * Whether a run has ended in the future, or before there was this software: the
 * clock was wrong then, and right by now; not while it may not be set yet, as
 * on a machine without a clock of its own.  It is given another date, that of
 * now, for it was no later.
 */
bool msync_store_log_is_misdated(const msync_log_entry_t *entry);
int msync_store_log_set_back(msync_store_t *store, msync_log_entry_t *entry,
    msync_err_t *err);

typedef void (*msync_log_pt)(void *data, const msync_log_entry_t *entry);

/* the last `limit` runs, newest first; the last success is among them */
int msync_store_log_history(msync_store_t *store, unsigned limit,
    msync_log_pt each, void *data, msync_err_t *err);

/* forgets runs beyond the newest `most`, but never the last success */
int msync_store_log_trim(msync_store_t *store, unsigned most,
    msync_err_t *err);

#endif /* MSYNC_STORE_LOG_H */
