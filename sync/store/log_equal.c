/*
 * Which failures of the sync log are equal: their texts differ in nothing but
 * measures of the one or the other and in what a server said.
 */

#include <string.h>

#include "store/store_private.h"

#define MEASURE      4             /* digits and more are a measure of this
                                      one failure; fewer say what it was */

/* a number before one of these is a measure however short it is */
static const char *const  log_units[] = {
    " octets", " seconds", " minutes", " records", " times", " of "
};

static size_t log_measure(const char *text);
static size_t log_excerpt(const char *text);


/* octets of a number, or of a date and time, that is a measure of one failure
 * and begins here; 0: none does */

static size_t
log_measure(const char *text)
{
    size_t  i, n = strspn(text, "0123456789");

    if (n >= MEASURE) {
        return text[n] == '-' ? n + strspn(text + n, "0123456789-:T ") : n;
    }

    for (i = 0; n > 0 && i < sizeof(log_units) / sizeof(*log_units); i++) {
        if (strncmp(text + n, log_units[i], strlen(log_units[i])) == 0) {
            return n;
        }
    }

    return 0;
}


/* octets of ("what a server said"), which may have the number of a request */

static size_t
log_excerpt(const char *text)
{
    const char  *end;

    end = strncmp(text, "(\"", 2) == 0 ? strstr(text, "\")") : NULL;

    return end != NULL ? (size_t) (end - text) : 0;
}


bool
msync_store_log_is_equal(const char *a, const char *b)
{
    size_t  n, m;

    for ( ;; ) {
        n = log_measure(a);
        m = log_measure(b);

        if (n == 0 || m == 0) {
            n = log_excerpt(a);
            m = log_excerpt(b);
        }

        if (n > 0 && m > 0) {
            a += n;
            b += m;
        }

        if (*a != *b) {
            return false;
        }

        if (*a == '\0') {
            return true;
        }

        a++;
        b++;
    }
}
