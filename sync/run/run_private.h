/*
 * What the files of a run share; nobody else includes this.
 */

#ifndef MSYNC_RUN_PRIVATE_H
#define MSYNC_RUN_PRIVATE_H

#include "protocol/protocol.h"
#include "run/run.h"
#include "run/steps_private.h"

typedef struct {
    msync_run_t        *run;           /* borrowed */
    msync_log_entry_t  *entry;         /* borrowed */
    msync_plan_t        plan;
    msync_site_t        site;          /* as the database has it */
    msync_steps_t       steps;
    msync_transfer_t   *http;          /* owned; NULL: no step needs it */
    msync_v5_t         *v5;            /* owned */
    msync_v6_t         *v6;            /* owned; NULL: no step can use it */
    msync_v7_t         *v7;            /* owned; NULL: v7 is not spoken */
    bool                speaks_v7;     /* in place of v5 and v6 */
    bool                known;         /* the database says what is spoken */
    bool                former;        /* it says v5 and v6 */
    char               *v7_url;        /* owned, NULL: that of the settings */
    int64_t             v6_end;        /* the end of Open mSupply central's
                                          records as the last runs saw it */
    bool                asked;         /* an earlier run has asked for the token
                                          and its answer is not known */
    msync_v5_site_t     identity;      /* owned, what central says of us */
    msync_peer_t        central;
    msync_peer_t        remote;
    msync_peer_t        omsupply;
    msync_peer_t        central_v7;
    unsigned            failed;        /* MSYNC_LEGACY, …: the steps of these
                                          servers have ended */
    msync_err_t         fault;         /* the first of them says why */
    unsigned            restored;      /* servers that were found restored */
} msync_run_context_t;

/* writes what an event makes of the state; inside a transaction, or alone */
int msync_run_event(msync_run_context_t *ctx, msync_event_e event,
    msync_err_t *err);

/* prepare.c: the step that has central build what this site will pull */
int msync_run_prepare(msync_run_context_t *ctx, msync_err_t *err);
/* where all comes anew to a central that does not know this site: builds it
 * before what waits is sent, too */
int msync_run_prepare_push(msync_run_context_t *ctx, msync_err_t *err);
/* why mSupply central took nothing, if that is the site that it does not
 * know; always MSYNC_ERROR */
int msync_run_explain_push(const msync_run_context_t *ctx, msync_err_t *err);

/*
 * identity.c: asks mSupply central who this site is, remembers it, and finds
 * Open mSupply central.  Where only mSupply central cannot be asked, that is
 * where it was found last.
 */
int msync_run_identify(msync_run_context_t *ctx, msync_err_t *err);

/* run.c: those of `steps` that the run takes, in their order */
int msync_run_take_all(msync_run_context_t *ctx, unsigned steps,
    msync_err_t *err);

/*
 * doubted.c: rows that are doubted go into the changelog, all of them, for all
 * that comes anew would go over them; or they are sent, by now that all has
 * come which central has changed.
 */
int msync_run_queue_doubted(msync_run_context_t *ctx, msync_err_t *err);
int msync_run_push_doubted(msync_run_context_t *ctx, msync_err_t *err);

/* v5_v6.c: the steps by v5 and v6 */
int msync_run_push_v6(msync_run_context_t *ctx, msync_err_t *err);
int msync_run_push(msync_run_context_t *ctx, msync_err_t *err);
int msync_run_pull_central(msync_run_context_t *ctx, msync_err_t *err);
int msync_run_pull_remote(msync_run_context_t *ctx, msync_err_t *err);
int msync_run_pull_v6(msync_run_context_t *ctx, msync_err_t *err);

/*
 * v7.c: what this run speaks, by the configuration and by what the database
 * knows; in identify, what central speaks where nobody knows.
 */
int msync_run_choose(msync_run_context_t *ctx, msync_err_t *err);
int msync_run_find_out(msync_run_context_t *ctx, msync_err_t *err);

/* msync_run_identify() and the steps by v7; gets the token where there is
 * none */
int msync_run_identify_v7(msync_run_context_t *ctx, msync_err_t *err);
int msync_run_push_v7(msync_run_context_t *ctx, msync_err_t *err);
int msync_run_pull_v7(msync_run_context_t *ctx, msync_err_t *err);

/*
 * upgrade.c: behind a run by v5 and v6 that went well, and before its steps
 * where mSupply central says that this site is one of v7, which it is then.
 */
void msync_run_upgrade(msync_run_context_t *ctx);
int msync_run_check_upgraded(msync_run_context_t *ctx, msync_err_t *err);

/* patient.c: behind a run that went well: where it was for a patient, that
 * this one is here now */
int msync_run_check_patient(const msync_run_context_t *ctx, msync_err_t *err);

/* anew.c: all has come anew that central has */
int msync_run_end_anew(msync_run_context_t *ctx, msync_err_t *err);

/* a pull step; a server that was found restored is asked for nothing */
int msync_run_pull(msync_run_context_t *ctx, msync_step_e step,
    msync_peer_t *peer, unsigned limit, msync_err_t *err);

/* refusal.c: whether the site or its credentials are refused: the other server
 * would only ask mSupply central about them again, which may lock a site out */
bool msync_run_is_about_site(const msync_err_t *err);
/* better words of what to do, where credentials were refused; no error: none */
void msync_run_advise(const msync_run_context_t *ctx, msync_err_t *err);
/* notes which credentials were refused, and the pause that was asked for, if
 * that is the failure; NULL: there was none; inside a transaction */
int msync_run_note_refusal(const msync_run_context_t *ctx,
    const msync_err_t *failure, msync_err_t *err);

#endif /* MSYNC_RUN_PRIVATE_H */
