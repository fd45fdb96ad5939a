/*
 * The schedule.
 *
 * Promises: never two runs closer than the interval, even when the clock was
 * set back; a clock that was set forward costs one early run.
 */

#include "run/sched.h"


int64_t
msync_sched_next(const msync_sched_t *sched)
{
    int64_t  interval, next, earliest, jitter;

    if (sched->interval <= 0 || sched->paused || !sched->begun) {
        return 0;
    }

    interval = (int64_t) sched->interval * 1000;

    jitter = MSYNC_SCHED_JITTER * 1000;
    if (jitter > interval / 10) {
        jitter = interval / 10;
    }

    earliest = sched->started + (jitter > 0 ? sched->random % jitter : 0);
    next = sched->last_finished + interval;

    /* the clock was set back: the past lies in the future */
    if (next > sched->now + interval) {
        next = sched->now + interval;
    }

    return next > earliest ? next : earliest;
}
