/*
 * The schedule.
 *
 * Promises: the next run is at most an interval away, whatever becomes of the
 * wall clock, unless failures that somebody has to mend, or a server that asks
 * for a pause (Retry-After), make it longer; two scheduled runs are never
 * closer than the interval, but for one that is early because the wall clock
 * was wrong when the helper started.
 */

#include "run/sched.h"


static int64_t sched_interval(const msync_sched_t *sched);
static int64_t sched_jitter(const msync_sched_t *sched);


int64_t
msync_sched_next(const msync_sched_t *sched)
{
    int64_t  next, earliest;

    if (sched->due == MSYNC_DUE_NOW) {
        return sched->now;
    }

    if (sched->due == MSYNC_DUE_NEVER
        || (sched->interval <= 0 && sched->due != MSYNC_DUE_LATER))
    {
        return 0;
    }

    next = sched->ended + sched_interval(sched);
    earliest = sched->started + sched_jitter(sched);

    return next > earliest ? next : earliest;
}


int64_t
msync_sched_ended(int64_t wall, int64_t wall_now, int64_t now)
{
    return wall < wall_now ? now - (wall_now - wall) : now;
}


static int64_t
sched_interval(const msync_sched_t *sched)
{
    unsigned  i;
    int64_t   asked, seconds = sched->interval;

    if (seconds <= 0) {
        seconds = MSYNC_SCHED_PAUSE;
    }

    if (sched->due == MSYNC_DUE_LONGER) {
        for (i = 1; i < sched->failures && seconds < MSYNC_SCHED_LONGEST;
             i++)
        {
            seconds *= 2;
        }

        if (seconds > MSYNC_SCHED_LONGEST) {
            seconds = MSYNC_SCHED_LONGEST;
        }

        if (seconds < sched->interval) {
            seconds = sched->interval;
        }
    }

    asked = sched->asked < MSYNC_SCHED_ASKED ? sched->asked
                                             : MSYNC_SCHED_ASKED;

    return (seconds > asked ? seconds : asked) * 1000;
}


static int64_t
sched_jitter(const msync_sched_t *sched)
{
    int64_t  jitter = MSYNC_SCHED_JITTER * 1000;

    if (jitter > (int64_t) sched->interval * 100) {
        jitter = (int64_t) sched->interval * 100;
    }

    return jitter > 0 ? sched->random % jitter : 0;
}
