/*
 * One run: the ordered table of steps, what an error ends, the sync log.
 *
 * The room owns the life of a site (site.h), when a run is due (sched.h),
 * which commands wait (queue.h), the steps and how buffered records become
 * rows.  It promises that a cursor moves only with what
 * it covers, that whatever a server or the line does costs what it concerns
 * and nothing else, and that a run's entry is ended by whatever way it ends
 * short of a kill.
 */

#ifndef MSYNC_RUN_H
#define MSYNC_RUN_H

#include "protocol/v7.h"
#include "run/site.h"
#include "run/steps.h"
#include "store/log.h"

/* what central gave once and the database could not take */
typedef struct {
    char             token[MSYNC_V7_TOKEN_MAX + 1];    /* "": nothing */
    msync_v7_site_t  site;
} msync_run_given_t;

typedef struct {
    msync_store_t            *store;        /* all borrowed */
    const msync_catalogue_t  *catalogue;
    const msync_conf_t       *conf;         /* complete */
    const char               *hardware_id;
    msync_does_e              does;         /* SYNC, PATIENT or RETRY */
    const char               *patient;      /* of PATIENT, else NULL */
    bool                      offline;      /* of RETRY: nothing is sent */
    msync_log_entry_t        *before;       /* of the latest run, NULL: not
                                               known */
    msync_run_given_t        *given;        /* kept from run to run; NULL:
                                               there is one run only */
    /* the control channel, served during transfers; -1 and NULL: none */
    int                       fd;
    msync_hook_pt             hook;
    void                     *hook_data;
    /* told when the entry changed; `step`: a step began or ended */
    void                    (*report)(void *data,
                                  const msync_log_entry_t *entry, bool step);
    void                     *report_data;
    /* what the run did, filled by it */
    bool                      upgraded;     /* to v7: the settings in the
                                               database are others now */
    msync_step_counters_t     counters;
    msync_transfer_counters_t  traffic;
} msync_run_t;

/*
 * Runs once and writes the log entry, whose variant and text tell how it
 * ended.  MSYNC_ERROR when the run failed; err says why.  A run that cannot
 * be written to the log has the id -1; one whose end cannot be is marked as
 * unwritten, and the next run, which has it as `before`, writes it.
 */
int msync_run(msync_run_t *run, msync_log_entry_t *entry, msync_err_t *err);

/* what the latest run has found out of credentials */
typedef enum {
    MSYNC_REFUSED_NOTHING = 0,
    MSYNC_REFUSED_THESE,
    MSYNC_REFUSED_OTHERS           /* than the site has now */
} msync_refused_e;

int msync_run_refusal(msync_store_t *store, const msync_conf_t *conf,
    const char *hardware_id, msync_refused_e *refused, msync_err_t *err);

/*
 * Makes the next runs bring everything anew, what waits is sent before.  With
 * `discard` that is forgotten.  Not while a run is at work.
 */
int msync_run_reinitialise(msync_store_t *store, bool discard,
    msync_err_t *err);

#endif /* MSYNC_RUN_H */
