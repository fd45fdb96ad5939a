/*
 * Owns the question why a name was not found.  libcurl says only that it was
 * not; whether the name is none, has no address of a usable kind, or no name
 * server answers decides what is to be done.
 */

#include "transfer/transfer_private.h"

#include "base/clock.h"

#include <netdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>


#define NAME_WAIT  2000                       /* ms; it was asked just before */
#define NAME_STEP  20                         /* ms */


/* owned by the caller and the thread, freed by whoever is the last */

typedef struct {
    char        name[MSYNC_HOST_MAX + 1];
    int         answer;                       /* EAI_*, behind `done` */
    atomic_int  done;
    atomic_int  users;
} name_question_t;


static bool name_of(const char *url, name_question_t *question);
static void *name_look_up(void *arg);
static void name_release(name_question_t *question);


int
msync_transfer_ask_name(msync_transfer_t *http, const char *url)
{
    int               answer = 0;
    int64_t           end;
    pthread_t         thread;
    msync_err_t       ignored;
    name_question_t  *question;

    question = msync_calloc(1, sizeof(*question));
    atomic_init(&question->users, 2);

    if (!name_of(url, question)
        || pthread_create(&thread, NULL, name_look_up, question) != 0)
    {
        free(question);
        return 0;
    }

    (void) pthread_detach(thread);

    end = msync_clock_monotonic() + NAME_WAIT;

    while (!atomic_load(&question->done) && msync_clock_monotonic() < end) {

        /* a cancel ends this question, and is seen again by the caller */

        if (msync_transfer_wait(http, NAME_STEP, &ignored) != MSYNC_OK) {
            break;
        }
    }

    if (atomic_load(&question->done)) {
        answer = question->answer;

    } else if (msync_clock_monotonic() >= end) {
        answer = EAI_AGAIN;
    }

    name_release(question);

    return answer;
}


static bool
name_of(const char *url, name_question_t *question)
{
    bool    found;
    char   *host = NULL;
    CURLU  *parts;

    parts = curl_url();

    found = parts != NULL
            && curl_url_set(parts, CURLUPART_URL, url,
                            CURLU_NON_SUPPORT_SCHEME | CURLU_GUESS_SCHEME)
               == CURLUE_OK
            && curl_url_get(parts, CURLUPART_HOST, &host, 0) == CURLUE_OK
            && strlen(host) < sizeof(question->name);

    if (found) {
        (void) strcpy(question->name, host);
    }

    curl_free(host);
    curl_url_cleanup(parts);

    return found;
}


static void *
name_look_up(void *arg)
{
    name_question_t  *question = arg;
    struct addrinfo   hints, *list = NULL;

    memset(&hints, 0, sizeof(hints));
    hints.ai_socktype = SOCK_STREAM;

    question->answer = getaddrinfo(question->name, NULL, &hints, &list);

    if (question->answer == 0) {
        freeaddrinfo(list);
    }

    atomic_store(&question->done, 1);
    name_release(question);

    return NULL;
}


static void
name_release(name_question_t *question)
{
    if (atomic_fetch_sub(&question->users, 1) == 1) {
        free(question);
    }
}
