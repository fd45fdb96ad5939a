/*
 * When the next scheduled run is due.  Pure: times come in, a time goes out.
 */

#ifndef MSYNC_SCHED_H
#define MSYNC_SCHED_H

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    int64_t  now;              /* Unix milliseconds */
    int64_t  last_finished;    /* of the latest run, 0: none */
    int64_t  started;          /* when this helper began */
    long     interval;         /* seconds, 0: no schedule */
    bool     begun;            /* initialised, or on the way to it: before
                                  that only a trigger starts a run */
    bool     paused;
    uint32_t random;           /* any number, for the jitter */
} msync_sched_t;

/*
 * The time of the next run in Unix milliseconds, 0: none.  A run that was
 * missed (sleep, power) is due once, at a random moment of the first
 * MSYNC_SCHED_JITTER seconds after the start, so that a thousand sites that
 * come back together do not call together.
 */
int64_t msync_sched_next(const msync_sched_t *sched);

#define MSYNC_SCHED_JITTER  10     /* s, or a tenth of a shorter interval */

#endif /* MSYNC_SCHED_H */
