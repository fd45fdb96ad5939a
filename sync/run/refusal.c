/*
 * Which errors refuse the site, which credentials were refused, and for how
 * long a server has asked not to be asked.
 *
 * Promises: credentials that a server or a proxy has refused are known again,
 * whatever has ended the process since, for who tries them with each start is
 * locked out; what the database has of them is too little to guess them by.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "run/run_private.h"
#include "store/kv.h"

#define REFUSAL_DIGITS  4          /* of a digest: one password in 65,536 has
                                      the same, so that a list of them cannot
                                      be tried on the database */


static int refusal_note_pause(const msync_run_t *run,
    const msync_err_t *failure, msync_err_t *err);
static bool refusal_is_one(const msync_err_t *err);
static int64_t refusal_mark(const msync_conf_t *conf, const char *hardware_id);


bool
msync_run_is_about_site(const msync_err_t *err)
{
    switch (err->variant) {

    case MSYNC_ERR_SITE_UUID_IS_BEING_CHANGED:
    case MSYNC_ERR_SITE_NAME_NOT_FOUND:
    case MSYNC_ERR_INCORRECT_PASSWORD:
    case MSYNC_ERR_HARDWARE_ID_MISMATCH:
    case MSYNC_ERR_SITE_HAS_NO_STORE:
    case MSYNC_ERR_SITE_AUTH_TIMEOUT:
    case MSYNC_ERR_INVALID_SITE_NAME_OR_PASSWORD:
    case MSYNC_ERR_TOKEN_ALREADY_ALLOCATED:
    case MSYNC_ERR_TOKEN_NOT_FOUND:
    case MSYNC_ERR_AUTHENTICATION:
    case MSYNC_ERR_SITE_ID_MISMATCH:
    case MSYNC_ERR_SITE_IS_NOT_V7:
    case MSYNC_ERR_SYNC_VERSION_MISMATCH:
        return true;

    default:
        return false;
    }
}


void
msync_run_advise(const msync_run_context_t *ctx, msync_err_t *err)
{
    int64_t      id = -1;
    msync_err_t  ignored;

    msync_conf_advise(ctx->run->conf, err);

    /* behind the first answer it is Open mSupply central that refuses, which
     * has the credentials out of a body */
    if (err->advice == NULL && ctx->identity.uuid == NULL
        && (err->variant == MSYNC_ERR_SITE_NAME_NOT_FOUND
            || err->variant == MSYNC_ERR_INCORRECT_PASSWORD)
        && msync_store_get_int(ctx->run->store, MSYNC_KEY_SITE_ID, &id,
                               &ignored) == MSYNC_OK
        && id >= 0)
    {
        err->advice = "This site was let in before. If its name and password "
                      "were changed on mSupply central, enter them in the "
                      "settings; if nobody has changed them, something on the "
                      "way takes the header Authorization out of requests: "
                      "ask whoever runs the proxy or the firewall to let it "
                      "pass.";
    }
}


int
msync_run_note_refusal(const msync_run_context_t *ctx,
    const msync_err_t *failure, msync_err_t *err)
{
    const msync_run_t  *run = ctx->run;

    if (refusal_note_pause(run, failure, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    return failure != NULL && refusal_is_one(failure)
           ? msync_store_set_int(run->store, MSYNC_KEY_REFUSED,
                                 refusal_mark(run->conf, run->hardware_id),
                                 err)
           : msync_store_unset(run->store, MSYNC_KEY_REFUSED, err);
}


/* for the next process as well; a retry that went well says nothing of it */

static int
refusal_note_pause(const msync_run_t *run, const msync_err_t *failure,
    msync_err_t *err)
{
    if (failure == NULL && run->does == MSYNC_DOES_RETRY) {
        return MSYNC_OK;
    }

    return failure != NULL && failure->retry_after > 0
           ? msync_store_set_int(run->store, MSYNC_KEY_ASKED_PAUSE,
                                 failure->retry_after, err)
           : msync_store_unset(run->store, MSYNC_KEY_ASKED_PAUSE, err);
}


int
msync_run_refusal(msync_store_t *store, const msync_conf_t *conf,
    const char *hardware_id, msync_refused_e *refused, msync_err_t *err)
{
    int64_t  mark = -1;

    if (msync_store_get_int(store, MSYNC_KEY_REFUSED, &mark, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    *refused = mark == -1 ? MSYNC_REFUSED_NOTHING
               : mark == refusal_mark(conf, hardware_id)
               ? MSYNC_REFUSED_THESE : MSYNC_REFUSED_OTHERS;
    return MSYNC_OK;
}


/* by central, or by a proxy, whose users are locked out as well */

static bool
refusal_is_one(const msync_err_t *err)
{
    return msync_site_failure(err) == MSYNC_EVENT_FAILED_FOR_GOOD
           && (msync_run_is_about_site(err) || err->http_status == 401
               || err->http_status == 403 || err->http_status == 407);
}


/* of all by which this site makes itself known */

static int64_t
refusal_mark(const msync_conf_t *conf, const char *hardware_id)
{
    char    text[2 * MSYNC_URL_MAX + MSYNC_USERNAME_MAX + MSYNC_SHA256_HEX
                 + MSYNC_HARDWARE_ID_MAX + 8];
    char    hex[MSYNC_SHA256_HEX + 1];
    int     length;

    length = snprintf(text, sizeof(text), "%s\n%s\n%s\n%s\n%s",
                      conf->url ? conf->url : "",
                      conf->username ? conf->username : "",
                      conf->password_sha256, hardware_id,
                      conf->proxy ? conf->proxy : "");
    msync_conf_hash(text, (size_t) length, hex);
    explicit_bzero(text, sizeof(text));
    hex[REFUSAL_DIGITS] = '\0';

    return (int64_t) strtol(hex, NULL, 16);
}
