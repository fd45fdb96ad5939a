/*
 * Owns how dates are read, what is learnt of clocks by the Date of answers, and
 * which certificate is invalid by ours.  A clock that is far off makes
 * certificates invalid, and dates of records wrong; nobody sees it.
 */

#include "transfer/transfer_private.h"
#include "base/clock.h"
#include "base/log.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>


#define DATE_WAIT   5000L                     /* ms, for a whole answer */
#define DATE_APART  600                       /* s that may pass unsaid */
#define DATE_LINE   128


typedef struct {
    msync_transfer_t  *http;
    int64_t            date;
} date_question_t;


static void date_find_invalid(CURL *easy,
    msync_transfer_invalid_t *invalid);
static const char *date_value(const struct curl_slist *certificate,
    const char *name);
static bool date_is_valid(const struct curl_slist *certificate);
static void date_name(const struct curl_slist *certificate,
    char name[MSYNC_TRANSFER_CERT_NAME]);
static size_t date_on_header(char *data, size_t size, size_t n, void *arg);
static size_t date_on_body(char *data, size_t size, size_t n, void *arg);
static int date_on_progress(void *arg, curl_off_t expected, curl_off_t in,
    curl_off_t planned, curl_off_t out);


/*
 * The three forms of HTTP, then those that libcurl has for a certificate, with
 * OpenSSL and with other libraries of TLS.  Not by curl_getdate(): where longs
 * have 32 bits libcurl may have been built with a time_t of 32, of which a
 * caller with 64 has garbage in the other half.
 */

int64_t
msync_transfer_read_date(const char *text)
{
    size_t       i;
    int64_t      seconds;
    struct tm    tm;
    const char  *rest;

    static const char *const  forms[] = {
        " %a, %d %b %Y %T GMT", " %a, %d-%b-%y %T GMT", " %a %b %d %T %Y",
        " %b %d %T %Y GMT", " %Y-%m-%d %T GMT"
    };

    for (i = 0; i < sizeof(forms) / sizeof(*forms); i++) {
        memset(&tm, 0, sizeof(tm));
        rest = strptime(text, forms[i], &tm);

        if (rest != NULL && rest[strspn(rest, " \t\r\n")] == '\0') {
            seconds = (int64_t) timegm(&tm);
            return seconds > 0 ? seconds : 0;
        }
    }

    return 0;
}


int64_t
msync_transfer_ask_date(msync_transfer_t *http, const char *url,
    msync_transfer_invalid_t *invalid)
{
    CURL             *easy;
    date_question_t   question = { http, 0 };

    memset(invalid, 0, sizeof(msync_transfer_invalid_t));
    easy = curl_easy_init();

    if (easy == NULL) {
        return 0;
    }

    /* nothing is sent that anybody could use, nothing that comes is used
     * but for a sentence */

    (void) curl_easy_setopt(easy, CURLOPT_URL, url);
    (void) curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    (void) curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "https");
    (void) curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
    (void) curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
    (void) curl_easy_setopt(easy, CURLOPT_CERTINFO, 1L);
    (void) curl_easy_setopt(easy, CURLOPT_PROXY, http->proxy);
    (void) curl_easy_setopt(easy, CURLOPT_NOPROXY, "");
    (void) curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, DATE_WAIT);

    /* a name server that answers no more is not waited for any longer */

    (void) curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
    (void) curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, date_on_header);
    (void) curl_easy_setopt(easy, CURLOPT_HEADERDATA, &question);
    (void) curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, date_on_body);
    (void) curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
    (void) curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, date_on_progress);
    (void) curl_easy_setopt(easy, CURLOPT_XFERINFODATA, &question);
    (void) curl_easy_perform(easy);
    date_find_invalid(easy, invalid);

    curl_easy_cleanup(easy);

    return question.date;
}


/* the first one is the server's own; where all that were sent are valid, what
 * is not is the authority's, which this machine has */

static void
date_find_invalid(CURL *easy, msync_transfer_invalid_t *invalid)
{
    int                    i;
    struct curl_certinfo  *chain = NULL;

    if (curl_easy_getinfo(easy, CURLINFO_CERTINFO, &chain) != CURLE_OK
        || chain == NULL || chain->num_of_certs == 0)
    {
        return;
    }

    for (i = 0; i < chain->num_of_certs; i++) {
        if (!date_is_valid(chain->certinfo[i])) {
            invalid->whose = i == 0 ? MSYNC_TRANSFER_CERT_SERVER
                                    : MSYNC_TRANSFER_CERT_BETWEEN;
            date_name(chain->certinfo[i], invalid->name);
            return;
        }
    }

    invalid->whose = MSYNC_TRANSFER_CERT_AUTHORITY;
}


static const char *
date_value(const struct curl_slist *certificate, const char *name)
{
    size_t  n = strlen(name);

    for (; certificate != NULL; certificate = certificate->next) {
        if (strncmp(certificate->data, name, n) == 0) {
            return certificate->data + n;
        }
    }

    return NULL;
}


static bool
date_is_valid(const struct curl_slist *certificate)
{
    int64_t      begins, ends, now;
    const char  *start = date_value(certificate, "Start date:");
    const char  *end = date_value(certificate, "Expire date:");

    now = msync_clock_wall() / 1000;
    begins = start ? msync_transfer_read_date(start) : 0;
    ends = end ? msync_transfer_read_date(end) : 0;

    return (begins == 0 || begins <= now) && (ends == 0 || ends >= now);
}


static void
date_name(const struct curl_slist *certificate,
    char name[MSYNC_TRANSFER_CERT_NAME])
{
    const char  *common, *subject = date_value(certificate, "Subject:");

    common = subject ? strstr(subject, "CN = ") : NULL;
    common = common ? common + sizeof("CN = ") - 1 : subject ? subject : "";

    (void) snprintf(name, MSYNC_TRANSFER_CERT_NAME, "%.*s",
                    (int) strcspn(common, ","), common);
}


void
msync_transfer_compare_clocks(const msync_transfer_attempt_t *t)
{
    char      where[MSYNC_TRANSFER_WHERE], here[32], there[32];
    int64_t   now, apart;

    now = msync_clock_wall();
    apart = now / 1000 - t->date;

    if (t->date == 0 || t->http->clocks_told
        || (apart < DATE_APART && apart > -DATE_APART))
    {
        return;
    }

    t->http->clocks_told = true;
    msync_log(MSYNC_LOG_WARN, "the clock of %s says %s, that of this machine "
              "%s: one of them is wrong", msync_transfer_where(t->url, where,
                                                               sizeof(where)),
              msync_clock_format(t->date * 1000, there),
              msync_clock_format(now, here));
}


static size_t
date_on_header(char *data, size_t size, size_t n, void *arg)
{
    char              line[DATE_LINE];
    date_question_t  *question = arg;

    n *= size;

    if (n > 5 && n < sizeof(line) && strncasecmp(data, "Date:", 5) == 0) {
        memcpy(line, data, n);
        line[n] = '\0';
        question->date = msync_transfer_read_date(line + 5);
    }

    return n;
}


/* nothing of it is wanted: this ends the transfer */

static size_t
date_on_body(char *data, size_t size, size_t n, void *arg)
{
    (void) data;
    (void) size;
    (void) n;
    (void) arg;

    return 0;
}


/* a cancel ends this question as it ends the others */

static int
date_on_progress(void *arg, curl_off_t expected, curl_off_t in,
    curl_off_t planned, curl_off_t out)
{
    msync_err_t       ignored;
    date_question_t  *question = arg;

    (void) expected;
    (void) in;
    (void) planned;
    (void) out;

    msync_err_clear(&ignored);

    return question->http->hook
           && question->http->hook(question->http->data, &ignored)
              != MSYNC_OK;
}
