/*
 * The steps of a run, each against a peer and the store.
 *
 * Steps do not know which protocol a peer speaks.  Each begins and ends its
 * line of the log entry, and saves its cursor in the transaction of the
 * records that it covers.
 */

#ifndef MSYNC_STEPS_PRIVATE_H
#define MSYNC_STEPS_PRIVATE_H

#include "transfer/transfer.h"
#include "protocol/protocol.h"
#include "run/fill_private.h"
#include "run/integrate_private.h"
#include "run/site.h"
#include "run/steps.h"
#include "store/store.h"

#define MSYNC_STEP_BATCH_MIN  10   /* records, however slow the line */

typedef struct {
    msync_store_t            *store;       /* all borrowed */
    const msync_catalogue_t  *catalogue;
    const msync_conf_t       *conf;
    msync_transfer_t         *http;        /* for its pauses */
    msync_log_entry_t        *entry;
    msync_step_counters_t     counters;
    const msync_plan_t       *plan;
    msync_fill_t             *fill;        /* rows of a first sync; NULL:
                                              none */
    uint64_t                  buffered;    /* records since the buffer was
                                              emptied */
    msync_integrated_t        integrating; /* of the step that integrates */
    bool                      changed;     /* a step began or ended since the
                                              hook was called last */
    msync_hook_pt             hook;        /* called whenever a number or a
                                              step changed, never NULL */
    void                     *data;
} msync_steps_t;

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

/* `remaining` records were left before `n` of them were dealt with */
void msync_step_count(msync_step_log_t *step, int64_t remaining, int64_t n);

/*
 * The size that a step's batches begin with: what the last run came to on
 * this line, the configured limit at most.  msync_step_save_size writes it
 * down.
 */
int msync_step_first_size(msync_steps_t *steps, msync_step_e which,
    unsigned limit, unsigned *size, msync_err_t *err);
int msync_step_save_size(msync_steps_t *steps, msync_step_e which,
    unsigned size, msync_err_t *err);

/*
 * Whether a batch that did not pass, because it was too large for the line or
 * for max_response, is sent again with a smaller *size; *losses counts those
 * that the line did not carry.  An error in writing the size down takes the
 * place of *err.
 */
bool msync_step_smaller(msync_steps_t *steps, msync_step_e which,
    unsigned *size, unsigned *losses, msync_err_t *err);

/*
 * Whether a call that failed is to be made once more, for its answer may be one
 * too many to an earlier request (msync_transfer_doubts); *err is cleared then.
 * Only what makes no sense is doubted, where it is `grave` whatever was said.
 */
bool msync_step_doubts(msync_steps_t *steps, bool grave, msync_err_t *err);

/* the size of the next batch, from the time in ms that `n` records took */
unsigned msync_step_next_size(unsigned size, unsigned limit, size_t n,
    int64_t took);

#endif /* MSYNC_STEPS_PRIVATE_H */
