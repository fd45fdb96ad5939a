/*
 * Dates and times as servers, applications and frameworks write them.
 */

#ifndef MSYNC_MOMENT_PRIVATE_H
#define MSYNC_MOMENT_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MSYNC_DATE_LENGTH  10    /* YYYY-MM-DD */
#define MSYNC_TIME_LENGTH  8     /* HH:MM:SS */
#define MSYNC_MOMENT_MAX   32    /* of any text that is written here, with
                                    the NUL */

/* what is wanted: it decides what a bare number means */
typedef enum {
    MSYNC_MOMENT_DATE = 0,
    MSYNC_MOMENT_DATETIME,
    MSYNC_MOMENT_TIME
} msync_moment_e;

typedef struct {
    int64_t  days;               /* since 1970-01-01, as written */
    int      seconds;            /* since midnight, as written */
    int      offset;             /* seconds east of UTC */
    bool     has_date;
    bool     has_time;
    bool     has_zone;           /* seconds since 1970 have UTC */
    char     fraction[10];       /* digits behind the second, cut to nine; "":
                                    none, or zeros alone */
} msync_moment_t;


/* ---- moment_text.c ---- */

/* YYYY-MM-DDTHH:MM:SS, perhaps with up to nine digits of a fraction: what the
 * wire has; a leap second is one, and a year with a sign has more digits */
bool msync_moment_is_datetime(const char *text, size_t length);

/* YYYY-MM-DD of a day that exists */
bool msync_moment_is_date(const char *text, size_t length);

/* "0000-00-00", whatever follows: how 4D and MySQL write that there is none */
bool msync_moment_is_none(const char *text, size_t length);

/* that, or what Go and .NET write of a moment that was never set: midnight of
 * the first of January of the year 1, perhaps in UTC */
bool msync_moment_is_unset(const char *text, size_t length);

/*
 * Reads a text: a date with the year first, a time behind a "T" or a space
 * with or without seconds, fraction and zone, or a time alone.  False where
 * it can mean two things, or nothing.
 */
bool msync_moment_read(msync_moment_t *moment, const char *text,
    size_t length);

/* Reads a text of a server, as msync_moment_read does, and also a year of less
 * than four digits: an application may mean something else by that. */
bool msync_moment_read_wire(msync_moment_t *moment, const char *text,
    size_t length);


/* ---- moment.c ---- */

/*
 * Reads a number.  Of a date or datetime: seconds or milliseconds since 1970,
 * a Julian day, YYYYMMDD; only one of them may be a plausible day, between
 * 1900 and 2100, for a datetime from 1980 on.  Of a time: seconds since
 * midnight.
 */
bool msync_moment_read_number(msync_moment_t *moment, double number,
    msync_moment_e wanted);

/*
 * Whether a moment in UTC may be the beginning of the next day somewhere east
 * of it: where somebody meant a day, and the framework wrote the midnight of
 * its own zone, the day as it was written is the one before.
 */
bool msync_moment_may_be_next_day(const msync_moment_t *moment);

/* the number of a day, since 1970-01-01; false: it does not exist */
bool msync_moment_day(int year, int month, int day, int64_t *days);

/* these write the text into `out` and return its length; a date is the day as
 * it was written, a datetime is in UTC, empty where that leaves the years 1 to
 * 9999 */
size_t msync_moment_put_date(const msync_moment_t *moment,
    char out[MSYNC_MOMENT_MAX]);
size_t msync_moment_put_datetime(const msync_moment_t *moment,
    char out[MSYNC_MOMENT_MAX]);
size_t msync_moment_put_time(const msync_moment_t *moment,
    char out[MSYNC_MOMENT_MAX]);

#endif /* MSYNC_MOMENT_PRIVATE_H */
