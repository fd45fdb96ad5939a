/*
 * What the steps share; nobody else includes this.
 */

#ifndef MSYNC_STEPS_PRIVATE_H
#define MSYNC_STEPS_PRIVATE_H

#include "run/steps.h"

#define MSYNC_STEP_BATCH_MIN  10   /* records, however slow the line */

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

/* the size of the next batch, from the time in ms that `n` records took */
unsigned msync_step_next_size(unsigned size, unsigned limit, size_t n,
    int64_t took);

#endif /* MSYNC_STEPS_PRIVATE_H */
