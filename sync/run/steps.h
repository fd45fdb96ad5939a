/*
 * The steps of a run, each against a peer and the store.
 *
 * Steps do not know which protocol a peer speaks.  Each begins and ends its
 * line of the log entry, and saves its cursor in the transaction of the
 * records that it covers.
 */

#ifndef MSYNC_STEPS_H
#define MSYNC_STEPS_H

#include "transfer/transfer.h"
#include "run/fill.h"
#include "run/integrate.h"
#include "run/site.h"
#include "protocol/protocol.h"
#include "store/store.h"
#include "store/log.h"

typedef struct {
    uint64_t  pushed;              /* records */
    uint64_t  pulled;
    uint64_t  integrated;
    uint64_t  failed;
} msync_step_counters_t;

typedef struct {
    msync_store_t            *store;       /* all borrowed */
    const msync_catalogue_t  *catalogue;
    const msync_conf_t       *conf;
    msync_transfer_t         *http;        /* for its pauses */
    msync_log_entry_t        *entry;
    msync_step_counters_t     counters;
    const msync_plan_t       *plan;
    msync_fill_t             *fill;        /* a first sync; NULL: none */
    uint64_t                  buffered;    /* records since it was emptied */
    msync_integrated_t        integrating; /* of the step that integrates */
    bool                      changed;     /* a step began or ended since the
                                              hook was called last */
    msync_hook_pt             hook;        /* called whenever a number or a
                                              step changed, never NULL */
    void                     *data;
} msync_steps_t;

/* the words that a person reads, "pull remote" */
const char *msync_step_title(msync_step_e step);

/* begins and ends the line of a step in the log entry */
int msync_step_begin(msync_steps_t *steps, msync_step_e which,
    msync_err_t *err);
void msync_step_end(msync_steps_t *steps, msync_step_e which);

/*
 * Sends what waits for this peer, then waits until the server has integrated
 * it.  A change of the other server only moves the cursor: both steps count
 * the same total.
 */
int msync_step_push(msync_steps_t *steps, msync_step_e which,
    msync_peer_t *peer, msync_err_t *err);

/* waits until the server has integrated what it was given */
int msync_push_wait(msync_steps_t *steps, msync_peer_t *peer,
    msync_err_t *err);

/* brings what the peer has, `limit` records at a time, into the buffer */
int msync_step_pull(msync_steps_t *steps, msync_step_e which,
    msync_peer_t *peer, unsigned limit, msync_err_t *err);

int msync_step_integrate(msync_steps_t *steps, msync_err_t *err);

#endif /* MSYNC_STEPS_H */
