/*
 * API v7: what Open mSupply central speaks from 3.0 on.  The emulator of
 * t/central/lib/Central/V7.pm has each call with its answers.
 *
 * A site is known there by a token, which central gives once: an answer that
 * is lost leaves a token that nobody has.  So whoever keeps it is told before
 * it is asked for, and gets it before it is used.
 */

#ifndef MSYNC_PROTOCOL_V7_H
#define MSYNC_PROTOCOL_V7_H

#include "transfer/transfer.h"
#include "catalogue/catalogue.h"
#include "protocol/peer.h"

#define MSYNC_V7_TOKEN_MAX  256       /* octets; it is a UUID today */

typedef struct msync_v7_s  msync_v7_t;

/* whom central takes the site for */
typedef struct {
    int64_t  site_id;
    int64_t  central_site_id;
} msync_v7_site_t;

/* whoever stores the token, told of each step of getting one; MSYNC_ERROR
 * ends the call that needed it */
typedef struct {
    void  *data;
    /* central is about to be asked for a token */
    int  (*asking)(void *data, msync_err_t *err);
    /* central has given one, to be stored before anything else */
    int  (*given)(void *data, const char *token, const msync_v7_site_t *site,
             msync_err_t *err);
    /* central gives none, *err says why: words may be added */
    void (*refused)(void *data, msync_err_t *err);
} msync_v7_callbacks_t;

/* all pointers borrowed for as long as the v7 lives, but for the token, which
 * is copied */
typedef struct {
    msync_transfer_t         *http;
    const char               *url;          /* without a final slash */
    const msync_conf_t       *conf;         /* username, hash */
    const msync_catalogue_t  *catalogue;
    const char               *hardware_id;
    const char               *token;        /* NULL: the site has none yet */
    msync_v7_callbacks_t      callbacks;
    bool                      initialised;  /* false: all is asked for, also
                                               what this site has made */
} msync_v7_setup_t;

msync_v7_t *msync_v7_create(const msync_v7_setup_t *setup);
void msync_v7_free(msync_v7_t **v7);

/* whether that answer to a question of v5 may be one of a server that speaks
 * v7: that the call is not there, or a page of its own */
bool msync_v7_may_be_spoken(const msync_err_t *err);

/*
 * Whether API v7 is spoken at the address, else *err says what was answered.
 * The question carries nothing of the site and changes nothing over there.
 */
int msync_v7_is_spoken(msync_transfer_t *http, const char *url, bool *spoken,
    msync_err_t *err);

/* what central has said of the site since it was created; ids are -1 before
 * that, which the peer's `busy` asks */
const msync_v7_site_t *msync_v7_site(const msync_v7_t *v7);

/* push, and pull of all that this site is to have */
void msync_v7_peer(msync_v7_t *v7, msync_peer_t *peer);

/*
 * Pulls the records of one patient, in one batch; no cursor is kept.  Central
 * joins the patient to the store of this site under `join`.  The ids are
 * borrowed for as long as the peer is used.
 */
typedef struct {
    msync_v7_t  *v7;
    const char  *patient;
    const char  *store;
    const char  *join;
} msync_v7_patient_t;

void msync_v7_patient_peer(msync_v7_patient_t *patient, msync_peer_t *peer);

/* one patient that central knows: texts owned, "" where it tells none */
typedef enum {
    MSYNC_V7_FOUND_ID = 0,
    MSYNC_V7_FOUND_NAME,
    MSYNC_V7_FOUND_CODE,
    MSYNC_V7_FOUND_FIRST,
    MSYNC_V7_FOUND_LAST,
    MSYNC_V7_FOUND_PHONE,
    MSYNC_V7_FOUND_EMAIL,
    MSYNC_V7_FOUND_BORN,         /* YYYY-MM-DD */
    MSYNC_V7_FOUND_TEXTS
} msync_v7_found_e;

typedef struct {
    char  *texts[MSYNC_V7_FOUND_TEXTS];
} msync_v7_found_t;

#define MSYNC_V7_FOUND_MAX  100      /* patients of an answer */

/*
 * Patients by parts of their names, their code and their date of birth, each
 * NULL or "" where it does not matter, one at least does.  `found` has room
 * for MSYNC_V7_FOUND_MAX, *n of which are to be cleared, 0 after MSYNC_ERROR;
 * *more: there were more.
 */
typedef struct {
    const char  *name;           /* a part of any of the names */
    const char  *first;
    const char  *last;
    const char  *code;
    const char  *born;
} msync_v7_wanted_t;

int msync_v7_search(msync_v7_t *v7, const msync_v7_wanted_t *wanted,
    msync_v7_found_t *found, size_t *n, bool *more, msync_err_t *err);
void msync_v7_found_clear(msync_v7_found_t *found);

#endif /* MSYNC_PROTOCOL_V7_H */
