/*
 * Reads the texts of dates and times, as servers, applications and frameworks
 * write them.
 *
 * Promises: a text that can mean two days or two times is not read; no locale
 * and no time zone of the machine has a say.
 */

#include "catalogue/moment_private.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define OFFSET_MAX   (18 * 3600)
#define LEAP_SECOND  60
#define YEAR_LAST    262142           /* of chrono */
#define NAME         3                /* letters of a day's or month's */
#define MONTHS       "janfebmaraprmayjunjulaugsepoctnovdec"


typedef struct {
    const char  *pos;
    const char  *end;
} moment_text_t;


static bool moment_wire_date(moment_text_t *text);
static bool moment_read(msync_moment_t *moment, const char *text,
    size_t length, int year_digits);
static bool moment_date(msync_moment_t *moment, moment_text_t *text,
    int year_digits);
static bool moment_named_date(msync_moment_t *moment, moment_text_t *text);
static int moment_name(moment_text_t *text, const char *names);
static bool moment_clock(msync_moment_t *moment, moment_text_t *text);
static bool moment_zone(msync_moment_t *moment, moment_text_t *text);
static bool moment_is_utc(const moment_text_t *text);
static bool moment_offset(msync_moment_t *moment, moment_text_t *text);
static void moment_zone_name(moment_text_t *text);
static bool moment_digits(moment_text_t *text, int min, int max, int *n);
static bool moment_octet(moment_text_t *text, const char *set);
static void moment_spaces(moment_text_t *text);


bool
msync_moment_is_date(const char *text, size_t length)
{
    moment_text_t  at = { text, text + length };

    return moment_wire_date(&at) && at.pos == at.end;
}


/* a year of more than four digits has a sign, which chrono writes and reads */

static bool
moment_wire_date(moment_text_t *text)
{
    int      year, month, day;
    bool     has_sign = moment_octet(text, "+-");
    int64_t  days;

    return moment_digits(text, 4, has_sign ? 6 : 4, &year)
           && year <= YEAR_LAST && moment_octet(text, "-")
           && moment_digits(text, 2, 2, &month) && moment_octet(text, "-")
           && moment_digits(text, 2, 2, &day)
           && msync_moment_day(2000 + year % 400, month, day, &days);
}


bool
msync_moment_is_datetime(const char *text, size_t length)
{
    int            hour, minute, second, fraction;
    moment_text_t  at = { text, text + length };

    if (!moment_wire_date(&at) || !moment_octet(&at, "T")
        || !moment_digits(&at, 2, 2, &hour) || hour > 23
        || !moment_octet(&at, ":")
        || !moment_digits(&at, 2, 2, &minute) || minute > 59
        || !moment_octet(&at, ":")
        || !moment_digits(&at, 2, 2, &second) || second > LEAP_SECOND)
    {
        return false;
    }

    return at.pos == at.end
           || (moment_octet(&at, ".") && moment_digits(&at, 1, 9, &fraction)
               && at.pos == at.end);
}


bool
msync_moment_is_none(const char *text, size_t length)
{
    return length >= MSYNC_DATE_LENGTH
           && memcmp(text, "0000-00-00", MSYNC_DATE_LENGTH) == 0;
}


bool
msync_moment_is_unset(const char *text, size_t length)
{
    return msync_moment_is_none(text, length)
           || (length >= MSYNC_DATE_LENGTH
               && memcmp(text, "0001-01-01", MSYNC_DATE_LENGTH) == 0
               && MSYNC_DATE_LENGTH + strspn(text + MSYNC_DATE_LENGTH,
                                             " T0:.+ZUC") == length);
}


bool
msync_moment_read(msync_moment_t *moment, const char *text, size_t length)
{
    return moment_read(moment, text, length, 4);
}


bool
msync_moment_read_wire(msync_moment_t *moment, const char *text,
    size_t length)
{
    return moment_read(moment, text, length, 1);
}


static bool
moment_read(msync_moment_t *moment, const char *text, size_t length,
    int year_digits)
{
    moment_text_t  at = { text, text + length };

    memset(moment, 0, sizeof(msync_moment_t));

    while (at.end > at.pos && at.end[-1] == ' ') {
        at.end--;
    }

    moment_spaces(&at);

    if (at.end - at.pos > 2 && (at.pos[1] == ':' || at.pos[2] == ':')) {
        return moment_clock(moment, &at) && moment_zone(moment, &at);
    }

    if (!moment_date(moment, &at, year_digits)
        && !moment_named_date(moment, &at))
    {
        return false;
    }

    if (at.pos == at.end) {
        return true;
    }

    if (!moment_octet(&at, "Tt ")) {
        return false;
    }

    moment_spaces(&at);

    return moment_clock(moment, &at) && moment_zone(moment, &at);
}


static bool
moment_date(msync_moment_t *moment, moment_text_t *text, int year_digits)
{
    int            year, month, day;
    char           between[2] = "";
    moment_text_t  at = *text;

    if (!moment_digits(&at, year_digits, 4, &year) || at.pos == at.end) {
        return false;
    }

    between[0] = *at.pos;

    if (!moment_octet(&at, "-/") || !moment_digits(&at, 1, 2, &month)
        || !moment_octet(&at, between) || !moment_digits(&at, 1, 2, &day)
        || !msync_moment_day(year, month, day, &moment->days))
    {
        return false;
    }

    *text = at;
    moment->has_date = true;

    return true;
}


/* "Mon, 30 Nov 2026", as in mails and HTTP, and "Mon Nov 30 2026", as
 * JavaScript has it; a name that is not the day's makes it doubtful */

static bool
moment_named_date(msync_moment_t *moment, moment_text_t *text)
{
    int  year, month, day, weekday;

    weekday = moment_name(text, "thufrisatsunmontuewed");
    (void) moment_octet(text, ",");
    moment_spaces(text);
    month = moment_name(text, MONTHS);
    moment_spaces(text);

    if (!moment_digits(text, 1, 2, &day)) {
        return false;
    }

    if (month < 0) {
        moment_spaces(text);
        month = moment_name(text, MONTHS);
    }

    moment_spaces(text);

    moment->has_date = moment_digits(text, 4, 4, &year)
                       && msync_moment_day(year, month + 1, day, &moment->days)
                       && (weekday < 0
                           || (moment->days - weekday) % 7 == 0);
    return moment->has_date;
}


/* the number of a word in a list of words of three letters; -1: it is none */

static int
moment_name(moment_text_t *text, const char *names)
{
    int  i;

    if (text->end - text->pos < NAME
        || (text->end - text->pos > NAME
            && isalnum((unsigned char) text->pos[NAME])))
    {
        return -1;
    }

    for (i = 0; names[i * NAME] != '\0'; i++) {
        if (strncasecmp(text->pos, names + i * NAME, NAME) == 0) {
            text->pos += NAME;
            return i;
        }
    }

    return -1;
}


static bool
moment_clock(msync_moment_t *moment, moment_text_t *text)
{
    int     hour, minute, second = 0;
    size_t  n = 0;

    if (!moment_digits(text, 1, 2, &hour) || hour > 23
        || !moment_octet(text, ":")
        || !moment_digits(text, 2, 2, &minute) || minute > 59)
    {
        return false;
    }

    if (moment_octet(text, ":")
        && (!moment_digits(text, 2, 2, &second) || second > 59))
    {
        return false;
    }

    if (moment_octet(text, ".,")) {
        for ( /* void */ ; text->pos < text->end
              && isdigit((unsigned char) *text->pos); text->pos++)
        {
            if (n < sizeof(moment->fraction) - 1) {
                moment->fraction[n++] = *text->pos;
            }
        }

        if (n == 0) {
            return false;
        }
    }

    /* ".000" is none */
    while (n > 0 && moment->fraction[n - 1] == '0') {
        n--;
    }

    if (n == 0) {
        moment->fraction[0] = '\0';
    }

    moment->seconds = hour * 3600 + minute * 60 + second;
    moment->has_time = true;

    return true;
}


/*
 * What may follow a time: "Z", "UTC", "+02:00", "GMT+0200", and, as Go, Java
 * and JavaScript add to it, a name of the zone and what a monotonic clock said.
 */

static bool
moment_zone(msync_moment_t *moment, moment_text_t *text)
{
    moment_spaces(text);

    if (text->pos == text->end) {
        return true;
    }

    moment->has_zone = true;

    if (text->end - text->pos > 3 && strchr("+-", text->pos[3]) != NULL
        && moment_is_utc(text))
    {
        text->pos += 3;
    }

    if (*text->pos == '+' || *text->pos == '-') {
        if (!moment_offset(moment, text)) {
            return false;
        }

        moment_zone_name(text);
        return text->pos == text->end;
    }

    if (moment_octet(text, "Zz")) {
        if (text->pos < text->end && *text->pos == '[') {
            moment_zone_name(text);
        }

        return text->pos == text->end;
    }

    return text->end - text->pos == 3 && moment_is_utc(text);
}


static bool
moment_is_utc(const moment_text_t *text)
{
    return memcmp(text->pos, "UTC", 3) == 0 || memcmp(text->pos, "GMT", 3) == 0;
}


static bool
moment_offset(msync_moment_t *moment, moment_text_t *text)
{
    int  hours, minutes = 0, sign = *text->pos++ == '-' ? -1 : 1;

    if (!moment_digits(text, 2, 2, &hours)) {
        return false;
    }

    if (moment_octet(text, ":")
        || (text->pos < text->end && isdigit((unsigned char) *text->pos)))
    {
        if (!moment_digits(text, 2, 2, &minutes) || minutes > 59) {
            return false;
        }
    }

    moment->offset = sign * (hours * 3600 + minutes * 60);

    return moment->offset <= OFFSET_MAX && moment->offset >= -OFFSET_MAX;
}


static void
moment_zone_name(moment_text_t *text)
{
    moment_spaces(text);

    if (text->pos < text->end
        && ((*text->pos == '[' && text->end[-1] == ']')
            || (*text->pos == '(' && text->end[-1] == ')')))
    {
        text->pos = text->end;
        return;
    }

    while (text->pos < text->end
           && (isalnum((unsigned char) *text->pos) || *text->pos == '+'
               || *text->pos == '-'))
    {
        text->pos++;
    }

    moment_spaces(text);

    if (text->end - text->pos > 2 && memcmp(text->pos, "m=", 2) == 0) {
        text->pos = text->end;
    }
}


static bool
moment_digits(moment_text_t *text, int min, int max, int *n)
{
    int  i;

    *n = 0;

    for (i = 0; i < max && text->pos < text->end
         && isdigit((unsigned char) *text->pos); i++)
    {
        *n = *n * 10 + (*text->pos++ - '0');
    }

    return i >= min;
}


static bool
moment_octet(moment_text_t *text, const char *set)
{
    if (text->pos == text->end || *text->pos == '\0'
        || strchr(set, *text->pos) == NULL)
    {
        return false;
    }

    text->pos++;
    return true;
}


static void
moment_spaces(moment_text_t *text)
{
    while (text->pos < text->end && *text->pos == ' ') {
        text->pos++;
    }
}
