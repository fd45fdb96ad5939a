/*
 * What the steps share; nobody else includes this.
 */

#ifndef MSYNC_STEPS_PRIVATE_H
#define MSYNC_STEPS_PRIVATE_H

#include "steps.h"

#define MSYNC_STEP_BATCH_MIN  10   /* records, however slow the line */

/* "remaining" records were left before "n" of them were dealt with */
void msync_step_count(msync_step_log_t *step, int64_t remaining, int64_t n);

/* the size of the next batch, from the time in ms that "n" records took */
unsigned msync_step_next_size(unsigned size, unsigned limit, size_t n,
    int64_t took);

#endif /* MSYNC_STEPS_PRIVATE_H */
