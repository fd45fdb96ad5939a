/*
 * What the files of a run share; nobody else includes this.
 */

#ifndef MSYNC_RUN_PRIVATE_H
#define MSYNC_RUN_PRIVATE_H

#include "protocol/protocol.h"
#include "run/run.h"

typedef struct {
    msync_run_t        *run;           /* borrowed */
    msync_log_entry_t  *entry;         /* borrowed */
    msync_plan_t        plan;
    msync_site_t        site;          /* as the database has it */
    msync_steps_t       steps;
    msync_transfer_t   *http;          /* owned; NULL: no step needs it */
    msync_v5_t         *v5;            /* owned */
    msync_v6_t         *v6;            /* owned; NULL: no step can use it */
    msync_v5_site_t     identity;      /* owned, what central says of us */
    msync_peer_t        central;
    msync_peer_t        remote;
    msync_peer_t        omsupply;
    unsigned            failed;        /* MSYNC_LEGACY, …OMSUPPLY: the steps
                                          of these servers have ended */
    msync_err_t         fault;         /* the first of them says why */
    unsigned            restored;      /* servers that were found restored */
} msync_run_context_t;

/* writes what an event makes of the state; inside a transaction, or alone */
int msync_run_event(msync_run_context_t *ctx, msync_event_e event,
    msync_err_t *err);

/* prepare.c: the step that has central build what this site will pull */
int msync_run_prepare(msync_run_context_t *ctx, msync_err_t *err);

/*
 * identity.c: asks mSupply central who this site is, remembers it, and finds
 * Open mSupply central.  Where only mSupply central cannot be asked, that is
 * where it was found last.
 */
int msync_run_identify(msync_run_context_t *ctx, msync_err_t *err);

/* whether the site or its credentials are refused: the other server would
 * only ask mSupply central about them again, which may lock a site out */
bool msync_run_is_about_site(const msync_err_t *err);
/* whether no server has said it */
bool msync_run_is_local(const msync_err_t *err);

#endif /* MSYNC_RUN_PRIVATE_H */
