/*
 * When the next scheduled run is due.  Pure: times come in, a time goes out.
 * All of them are those of the monotonic clock, in milliseconds.
 */

#ifndef MSYNC_SCHED_H
#define MSYNC_SCHED_H

#include <stdint.h>

typedef enum {
    MSYNC_DUE_NEVER = 0,       /* only somebody who asks starts a run */
    MSYNC_DUE_NOW,
    MSYNC_DUE_INTERVAL,        /* an interval after the latest run */
    MSYNC_DUE_LATER,           /* an interval after the latest run, or
                                  MSYNC_SCHED_PAUSE where there is no
                                  schedule */
    MSYNC_DUE_LONGER           /* the interval doubled with each failure that
                                  somebody has to mend */
} msync_due_e;

typedef struct {
    msync_due_e  due;
    int64_t      now;
    int64_t      started;      /* when this helper began */
    int64_t      ended;        /* when the latest run did; of one of an earlier
                                  process, what the wall clock makes of it,
                                  msync_sched_ended() */
    long         interval;     /* seconds, 0: no schedule */
    unsigned     failures;     /* in a row that somebody has to mend */
    long         asked;        /* seconds of pause that a server asked for in
                                  the latest run */
    uint32_t     random;       /* any number, for the jitter */
} msync_sched_t;

/*
 * The time of the next run, 0: none.  A run that was missed (sleep, power) is
 * due once, at a random moment of the first MSYNC_SCHED_JITTER seconds after
 * the start, so that a thousand sites that come back together do not call
 * together.
 */
int64_t msync_sched_next(const msync_sched_t *sched);

/*
 * When a run ended whose end only the wall clock knows: `wall` is its time,
 * `wall_now` and `now` are the same moment by both clocks.  A date that lies
 * in the future, for the clock was set back since, is taken for now.
 */
int64_t msync_sched_ended(int64_t wall, int64_t wall_now, int64_t now);

#define MSYNC_SCHED_JITTER   10    /* s, or a tenth of a shorter interval */
#define MSYNC_SCHED_PAUSE    300   /* s */
#define MSYNC_SCHED_LONGEST  21600 /* s that failures can make of an interval */
#define MSYNC_SCHED_ASKED    3600  /* s that a server can */

#endif /* MSYNC_SCHED_H */
