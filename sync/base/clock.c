/*
 * The two clocks.
 */

#include "base/clock.h"

#include <time.h>


static int64_t clock_read(clockid_t id);


int64_t
msync_clock_wall(void)
{
    return clock_read(CLOCK_REALTIME) / 1000;
}


int64_t
msync_clock_monotonic(void)
{
    return msync_clock_monotonic_us() / 1000;
}


int64_t
msync_clock_monotonic_us(void)
{
    return clock_read(CLOCK_BOOTTIME);
}


char *
msync_clock_format(int64_t ms, char text[32])
{
    time_t     seconds = ms / 1000;
    struct tm  tm;

    gmtime_r(&seconds, &tm);
    strftime(text, 32, "%Y-%m-%dT%H:%M:%SZ", &tm);

    return text;
}


/* microseconds */

static int64_t
clock_read(clockid_t id)
{
    struct timespec  ts;

    (void) clock_gettime(id, &ts);

    return (int64_t) ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}
