/*
 * A moment of v7's that is a day in one column and a time in another.
 *
 * Promises: whatever form an application wrote them in, both are in what goes
 * out, or neither is.
 */

#include <stdio.h>
#include <string.h>

#include "catalogue/encode_private.h"
#include "catalogue/v7_private.h"

#define MOMENT_CLOCK_MAX  20         /* octets of a time in the wire's form */


static size_t moment_day_of(const msync_value_t *value,
    char text[MSYNC_MOMENT_MAX]);
static size_t moment_add_clock(const msync_value_t *time,
    char text[2 * MSYNC_MOMENT_MAX], size_t day);


void
msync_v7_moment(msync_row_t *row, const msync_v7_place_t *place,
    msync_value_t *value)
{
    char    text[2 * MSYNC_MOMENT_MAX];
    size_t  n;

    if (value->kind == MSYNC_VALUE_NULL || value->kind == MSYNC_VALUE_BLOB
        || (value->kind == MSYNC_VALUE_TEXT
            && (value->length == 0
                || msync_moment_is_unset(value->text, value->length))))
    {
        return;
    }

    n = moment_day_of(value, text);

    if (n > 0 && place->kind == MSYNC_V7_MOMENT) {
        n = moment_add_clock(&row->values[place->second], text, n);
    }

    value->kind = MSYNC_VALUE_TEXT;
    value->text = n > 0 ? msync_row_text(row, text, n) : "not clear";
    value->length = strlen(value->text);
}


/* YYYY-MM-DD, also of a year with a sign; 0 where the day is not clear */

static size_t
moment_day_of(const msync_value_t *value, char text[MSYNC_MOMENT_MAX])
{
    size_t          n;
    msync_moment_t  moment;

    if (value->kind == MSYNC_VALUE_TEXT
        && (msync_moment_is_date(value->text, value->length)
            || msync_moment_is_datetime(value->text, value->length)))
    {
        n = strcspn(value->text, "T");
        memcpy(text, value->text, n);
        return n;
    }

    return msync_encode_read_moment(&moment, value, MSYNC_MOMENT_DATE)
           ? msync_moment_put_date(&moment, text) : 0;
}


/* adds the time, if there is one, to the day of that length; returns the
 * length of both, 0 where the time is not clear */

static size_t
moment_add_clock(const msync_value_t *time, char text[2 * MSYNC_MOMENT_MAX],
    size_t day)
{
    int             n;
    char            clock[MSYNC_MOMENT_MAX];
    msync_moment_t  moment;

    if (time->kind == MSYNC_VALUE_NULL
        || (time->kind == MSYNC_VALUE_TEXT && time->length == 0))
    {
        return day;
    }

    /* a leap second, too, is a time */
    if (time->kind == MSYNC_VALUE_TEXT && time->length < MOMENT_CLOCK_MAX) {
        n = snprintf(text + day, MSYNC_MOMENT_MAX, "T%s", time->text);

        if (msync_moment_is_datetime(text, day + n)) {
            return day + n;
        }
    }

    /* octets that are no text are no time, nor midnight */
    if (time->kind == MSYNC_VALUE_BLOB
        || !msync_encode_read_moment(&moment, time, MSYNC_MOMENT_TIME))
    {
        return 0;
    }

    (void) msync_moment_put_time(&moment, clock);
    n = snprintf(text + day, MSYNC_MOMENT_MAX, "T%s%s%s", clock,
                 *moment.fraction ? "." : "", moment.fraction);

    return day + n;
}
