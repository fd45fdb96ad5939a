/*
 * Errors.
 *
 * An error is filled once, where the fault is found; callers pass it on and
 * may put words before its text (msync_err_context).  It carries what it
 * concerns (scope) and what can be done about it (remedy); only run.c decides
 * from these two what happens next.
 */

#ifndef MSYNC_ERR_H
#define MSYNC_ERR_H

#include "base/base.h"

#define MSYNC_ERR_TEXT_MAX  1024 /* octets, with the final NUL */


/* the errors of Open mSupply and, from TIMEOUT on, those that it has no name
 * for; docs/variants.md tells how each comes about, err.c has the words */

typedef enum {
    MSYNC_ERR_NONE = 0,
    MSYNC_ERR_CONNECTION_ERROR,
    MSYNC_ERR_SITE_UUID_IS_BEING_CHANGED,
    MSYNC_ERR_SITE_NAME_NOT_FOUND,
    MSYNC_ERR_INCORRECT_PASSWORD,
    MSYNC_ERR_HARDWARE_ID_MISMATCH,
    MSYNC_ERR_SITE_HAS_NO_STORE,
    MSYNC_ERR_SITE_AUTH_TIMEOUT,
    MSYNC_ERR_INTEGRATION_TIMEOUT_REACHED,
    MSYNC_ERR_INTEGRATION_ERROR,
    MSYNC_ERR_INVALID_URL,
    MSYNC_ERR_API_VERSION_INCOMPATIBLE,
    MSYNC_ERR_CENTRAL_V6_NOT_CONFIGURED,
    MSYNC_ERR_V6_API_VERSION_INCOMPATIBLE,
    /* errors of sync v7 */
    MSYNC_ERR_SYNC_VERSION_MISMATCH,
    MSYNC_ERR_NOT_A_CENTRAL_SERVER,
    MSYNC_ERR_AUTHENTICATION,
    MSYNC_ERR_INVALID_SITE_NAME_OR_PASSWORD,
    MSYNC_ERR_TOKEN_ALREADY_ALLOCATED,
    MSYNC_ERR_TOKEN_NOT_FOUND,
    MSYNC_ERR_MISSING_AUTH_HEADER,
    MSYNC_ERR_SITE_LOCK_ERROR,
    MSYNC_ERR_SITE_ID_NOT_SET,
    MSYNC_ERR_GET_CURRENT_SITE_ID_ERROR,
    MSYNC_ERR_SITE_ID_MISMATCH,
    MSYNC_ERR_SITE_IS_NOT_V7,
    MSYNC_ERR_REQUEST_SITE_AUTH_ERROR,
    MSYNC_ERR_CENTRAL_DATABASE_ERROR,
    MSYNC_ERR_SYNC_RECORD_SERIALIZE_ERROR,
    MSYNC_ERR_RECORD_NOT_FOUND,
    MSYNC_ERR_SITE_ALREADY_UPGRADED,

    MSYNC_ERR_TIMEOUT,
    MSYNC_ERR_TLS_ERROR,
    MSYNC_ERR_HTTP_ERROR,
    MSYNC_ERR_INVALID_RESPONSE,
    MSYNC_ERR_RESPONSE_TOO_LARGE,
    MSYNC_ERR_CENTRAL_ERROR,
    MSYNC_ERR_CENTRAL_RESTORED,
    MSYNC_ERR_DATABASE_ERROR,
    MSYNC_ERR_DISK_FULL,
    MSYNC_ERR_CANCELLED,
    MSYNC_ERR_HELPER_STOPPED,
    MSYNC_ERR_UNKNOWN,
    MSYNC_ERR_MAX
} msync_variant_e;

typedef enum {
    MSYNC_SCOPE_RECORD = 0,      /* one record; the others go on */
    MSYNC_SCOPE_STEP,            /* this request or step; the run may try
                                    again */
    MSYNC_SCOPE_RUN              /* the whole run ends */
} msync_scope_e;

typedef enum {
    MSYNC_REMEDY_WAIT = 0,       /* it may succeed later, after a pause */
    MSYNC_REMEDY_FINAL           /* not before somebody changes something */
} msync_remedy_e;

typedef struct {
    msync_variant_e  variant;
    msync_scope_e    scope;
    msync_remedy_e   remedy;
    int              http_status;     /* of the answer, 0: there was none */
    long             retry_after;     /* seconds asked for, 0: not said */
    bool             note;            /* of a record that is not used: nobody
                                         has to mend anything */
    const char      *advice;          /* static, better than the variant's
                                         own here; NULL: that.  A sentence
                                         behind a "|" is of runs alone */
    char             text[MSYNC_ERR_TEXT_MAX];  /* what happened, one line,
                                                   never a secret */
} msync_err_t;


/* fills *err and returns MSYNC_ERROR; scope and remedy are the variant's
 * usual ones, callers who know better set them afterwards; the arguments may
 * point into *err */
int msync_err_set(msync_err_t *err, msync_variant_e variant,
    const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* puts "what: " before the text; returns MSYNC_ERROR */
int msync_err_context(msync_err_t *err, const char *what);

void msync_err_clear(msync_err_t *err);

/* "CONNECTION_ERROR"; "" for MSYNC_ERR_NONE; static storage */
const char *msync_err_variant(msync_variant_e variant);

/* the variant of that name, MSYNC_ERR_UNKNOWN if there is none */
msync_variant_e msync_err_by_name(const char *name);

/* whether it may pass by itself: the variant's usual remedy is not FINAL */
bool msync_err_may_pass(msync_variant_e variant);

/* sentences that say what a person can do about it, as `advice` in msync_err_t;
 * static storage */
const char *msync_err_advice(msync_variant_e variant);

/*
 * "text. advice", the error's own or its variant's, for fullError and the
 * terminal, into buf of size octets, cut at the end of a UTF-8 character.
 * Returns buf.
 */
char *msync_err_full(const msync_err_t *err, char *buf, size_t size);

/* "text. advice" for somebody who asked for what no run tries again: `end`,
 * which may be empty, stands for the sentences of the advice that are of
 * runs */
char *msync_err_refusal(const msync_err_t *err, const char *end, char *buf,
    size_t size);

#endif /* MSYNC_ERR_H */
