/*
 * The two clocks.  Dates, which people and servers read, come from the wall
 * clock; it may be wrong and it jumps.  Intervals, time-outs and pauses come
 * from the monotonic one, which knows no date.  Both count milliseconds; what
 * takes few of them is measured in microseconds.
 */

#ifndef MSYNC_CLOCK_H
#define MSYNC_CLOCK_H

#include <stdint.h>

/* Unix milliseconds */
int64_t msync_clock_wall(void);

/* milliseconds since some moment before the process began; CLOCK_BOOTTIME,
 * which nobody sets and which goes on while the machine sleeps */
int64_t msync_clock_monotonic(void);

/* as msync_clock_monotonic(), in microseconds */
int64_t msync_clock_monotonic_us(void);

/* RFC 3339 in UTC with seconds: "2026-11-23T10:00:00Z", 21 octets with NUL */
char *msync_clock_format(int64_t ms, char text[32]);

#endif /* MSYNC_CLOCK_H */
