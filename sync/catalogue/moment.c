/*
 * Owns what a number means as a date or a time, and how either is written.
 *
 * Promises: a number that can mean two days or two times is not read; no time
 * zone of the machine has a say.
 */

#include "catalogue/moment_private.h"

#include <stdio.h>
#include <string.h>

#define HOUR         3600
#define DAY          86400
#define SECONDS_MIN  1e7              /* a smaller number may be a year or a
                                         count of days */
#define YEAR_1900    -2208988800.0    /* seconds since 1970 */
#define YEAR_1980    315532800.0
#define YEAR_2100    4102444800.0
#define YEAR_9999    253370764800.0
#define YEAR_10000   253402300800.0
#define JULIAN_1900  2415020.5
#define JULIAN_1970  2440587.5
#define JULIAN_2100  2488069.5
#define FIRST_DAWN   (10 * 3600)      /* UTC of midnight at UTC+14 */
#define ZONE_STEP    (15 * 60)        /* offsets are multiples of it */


static bool moment_epoch(msync_moment_t *moment, double milliseconds);
static bool moment_compact(msync_moment_t *moment, double number);
static void moment_civil(int64_t days, int *year, int *month, int *day);


/*
 * Seconds of 1900 to 2100 are, read as milliseconds, days around the first of
 * January 1970: for a datetime that is no choice, for nothing was written
 * then; a date of birth it may be, and then it is not clear.  Those of 9999,
 * which say "never", are an afternoon of 1978.
 *
 * A time below an hour may be what SQLite makes of 08.00 or 0800.
 */

bool
msync_moment_read_number(msync_moment_t *moment, double number,
    msync_moment_e wanted)
{
    bool     midnight;
    double   first = wanted == MSYNC_MOMENT_DATE ? YEAR_1900 : YEAR_1980;
    int64_t  whole;

    memset(moment, 0, sizeof(msync_moment_t));

    if (!(number > -1e15 && number < 1e15)) {
        return false;
    }

    whole = (int64_t) number;
    midnight = whole % DAY == 0 && number == (double) whole;

    if (wanted == MSYNC_MOMENT_TIME) {
        moment->has_time = number == 0 || (number >= HOUR && number < DAY);
        moment->seconds = moment->has_time ? (int) number : 0;
        return moment->has_time;
    }

    /* a Julian day is a day, and begins at noon */
    moment->has_zone = number < JULIAN_1900 || number >= JULIAN_2100;

    if (wanted == MSYNC_MOMENT_DATE && number >= YEAR_9999
        && number <= YEAR_10000)
    {
        return false;
    }

    if (number >= first * 1000 && number < YEAR_2100 * 1000
        && (number < YEAR_1900 || number >= YEAR_2100))
    {
        return moment_epoch(moment, number);
    }

    if (number >= JULIAN_1900 && number < JULIAN_2100) {
        return (wanted == MSYNC_MOMENT_DATETIME || !midnight)
               && moment_epoch(moment, (number - JULIAN_1970) * DAY * 1000);
    }

    if (moment_compact(moment, number)) {
        return wanted == MSYNC_MOMENT_DATETIME || !midnight;
    }

    if (number < first || number >= YEAR_2100
        || (number > -SECONDS_MIN && number < SECONDS_MIN)
        || (wanted == MSYNC_MOMENT_DATE && midnight
            && whole % (DAY * INT64_C(1000)) == 0))
    {
        return false;
    }

    return moment_epoch(moment, number * 1000);
}


bool
msync_moment_may_be_next_day(const msync_moment_t *moment)
{
    return moment->has_zone && moment->offset == 0
           && moment->seconds >= FIRST_DAWN
           && moment->seconds % ZONE_STEP == 0
           && moment->fraction[0] == '\0';
}


static bool
moment_epoch(msync_moment_t *moment, double milliseconds)
{
    int      fraction;
    int64_t  whole;

    whole = (int64_t) (milliseconds + (milliseconds < 0 ? -0.5 : 0.5));
    moment->days = whole / (DAY * INT64_C(1000));

    if (moment->days * DAY * 1000 > whole) {
        moment->days--;
    }

    whole -= moment->days * DAY * 1000;
    moment->seconds = (int) (whole / 1000);
    moment->has_date = true;
    moment->has_time = true;
    fraction = (int) (whole % 1000);

    if (fraction != 0) {
        (void) snprintf(moment->fraction, sizeof(moment->fraction), "%03d",
                        fraction);
    }

    return true;
}


/* YYYYMMDD */

static bool
moment_compact(msync_moment_t *moment, double number)
{
    int  day;

    if (number < 19000101 || number > 20991231) {
        return false;
    }

    day = (int) number;

    if (number != day
        || !msync_moment_day(day / 10000, day / 100 % 100, day % 100,
                             &moment->days))
    {
        return false;
    }

    moment->has_date = true;
    return true;
}


bool
msync_moment_day(int year, int month, int day, int64_t *days)
{
    int  era, leap, long_year;

    static const int  lengths[] = {
        31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31
    };

    long_year = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    leap = month == 2 && long_year;

    if (year < 1 || month < 1 || month > 12 || day < 1
        || day > lengths[month - 1] + leap)
    {
        return false;
    }

    /* years that begin in March have their odd day at the end */

    if (month <= 2) {
        year--;
        month += 12;
    }

    era = year / 100;
    *days = 365 * (int64_t) year + year / 4 - era + era / 4
            + (153 * (month - 3) + 2) / 5 + day - 1 - 719468;

    return true;
}


static void
moment_civil(int64_t days, int *year, int *month, int *day)
{
    int64_t  first;

    /* a guess, too early by a few years at most */
    *year = (int) (days < 0 ? days / 365 + 1969 : days / 366 + 1970);
    *year = *year < 1 ? 1 : *year;

    for ( ;; ) {
        if (!msync_moment_day(*year + 1, 1, 1, &first) || first > days) {
            break;
        }

        (*year)++;
    }

    for (*month = 12; *month > 1; (*month)--) {
        (void) msync_moment_day(*year, *month, 1, &first);

        if (first <= days) {
            break;
        }
    }

    (void) msync_moment_day(*year, *month, 1, &first);
    *day = (int) (days - first) + 1;
}


size_t
msync_moment_put_date(const msync_moment_t *moment,
    char out[MSYNC_MOMENT_MAX])
{
    int  year, month, day;

    moment_civil(moment->days, &year, &month, &day);

    return (size_t) snprintf(out, MSYNC_MOMENT_MAX, "%04d-%02d-%02d",
                             year % 10000, month % 100, day % 100);
}


size_t
msync_moment_put_datetime(const msync_moment_t *moment,
    char out[MSYNC_MOMENT_MAX])
{
    size_t          n;
    msync_moment_t  utc = *moment;

    static const int64_t  first = -719162, last = 2932896;

    utc.seconds -= moment->offset;
    utc.offset = 0;

    if (utc.seconds < 0) {
        utc.seconds += DAY;
        utc.days--;

    } else if (utc.seconds >= DAY) {
        utc.seconds -= DAY;
        utc.days++;
    }

    out[0] = '\0';

    if (utc.days < first || utc.days > last) {
        return 0;
    }

    n = msync_moment_put_date(&utc, out);
    out[n++] = 'T';
    n += msync_moment_put_time(&utc, out + n);

    if (utc.fraction[0] != '\0') {
        n += (size_t) snprintf(out + n, MSYNC_MOMENT_MAX - n, ".%s",
                               utc.fraction);
    }

    return n;
}


size_t
msync_moment_put_time(const msync_moment_t *moment,
    char out[MSYNC_MOMENT_MAX])
{
    int  seconds = moment->seconds;

    return (size_t) snprintf(out, MSYNC_TIME_LENGTH + 1, "%02d:%02d:%02d",
                             seconds / 3600 % 24, seconds / 60 % 60,
                             seconds % 60);
}
