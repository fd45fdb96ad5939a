/*
 * What others have to know of the steps of a run.
 */

#ifndef MSYNC_STEPS_H
#define MSYNC_STEPS_H

#include "store/log.h"

typedef struct {
    uint64_t  pushed;              /* records */
    uint64_t  pulled;
    uint64_t  integrated;
    uint64_t  failed;
} msync_step_counters_t;

/* the words that a person reads, "pull remote" */
const char *msync_step_title(msync_step_e step);

#endif /* MSYNC_STEPS_H */
