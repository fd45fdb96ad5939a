/*
 * The life of a site: one table of states and events.
 *
 * Pure: what the database says of a site (store/site.h) and what has happened
 * come in; what is to be said of it now, what a run does, and when the next
 * one is due go out.  docs/states.md is printed from this.
 */

#ifndef MSYNC_SITE_H
#define MSYNC_SITE_H

#include "channel/control.h"
#include "run/sched.h"
#include "store/log.h"
#include "store/site.h"

typedef enum {
    /* somebody or something asks */
    MSYNC_EVENT_TRIGGER = 0,
    MSYNC_EVENT_SCHEDULE,          /* the next run is due */
    MSYNC_EVENT_PATIENT,           /* one patient is to be fetched */
    MSYNC_EVENT_RETRY,             /* failed records are to be tried now */
    MSYNC_EVENT_CANCEL,
    MSYNC_EVENT_PAUSE,
    MSYNC_EVENT_RESUME,
    MSYNC_EVENT_SAVED,             /* other settings */
    MSYNC_EVENT_REINITIALISE,

    /* a process begins to work on the site */
    MSYNC_EVENT_STARTED,           /* the run before had ended */
    MSYNC_EVENT_REPLACED,          /* the run before had ended, but its process
                                      has crashed since */
    MSYNC_EVENT_CUT_SHORT,         /* the run before had not ended: its process
                                      went, or was killed for the first time */
    MSYNC_EVENT_KILLED_AGAIN,      /* the two runs before had not ended */

    /* a run is at work */
    MSYNC_EVENT_BEGUN,
    MSYNC_EVENT_ASKED,             /* central is about to be asked to prepare
                                      what it never had for this site */
    MSYNC_EVENT_PREPARED,          /* central has prepared this site */
    MSYNC_EVENT_STEP_ENDED,        /* any other step */

    /* a run has ended */
    MSYNC_EVENT_DONE,              /* all steps */
    MSYNC_EVENT_DONE_IN_PART,      /* the steps for a patient, or of a retry */
    MSYNC_EVENT_FAILED,            /* failed by what passes by itself */
    MSYNC_EVENT_FAILED_HERE,       /* failed by the database or its disk */
    MSYNC_EVENT_FAILED_FOR_GOOD,   /* failed by what somebody has to mend */
    MSYNC_EVENT_CANCELLED,
    MSYNC_EVENT_STOPPED,           /* its process has to go */
    MSYNC_EVENT_MAX
} msync_event_e;

/* what an event makes a site do */
typedef enum {
    MSYNC_DOES_NOTHING = 0,
    MSYNC_DOES_SYNC,               /* a run of all steps begins */
    MSYNC_DOES_PATIENT,            /* a run with the pull of one patient
                                      begins */
    MSYNC_DOES_RETRY,              /* a run that integrates begins */
    MSYNC_DOES_WAIT,               /* what was asked is done when all was
                                      brought once */
    MSYNC_DOES_END                 /* what is at work ends at the next batch,
                                      what waits is taken back */
} msync_does_e;

typedef struct {
    msync_site_t  next;
    msync_does_e  does;
    msync_due_e   due;             /* the next run by itself, if none begins */
} msync_effect_t;

/*
 * `latest` is the event with which the latest run ended, DONE if there was
 * none: a failure that somebody has to mend makes the schedule slower, and a
 * first sync that was cancelled goes on only when somebody asks for it.
 */
void msync_site_event(const msync_site_t *site, msync_event_e event,
    msync_event_e latest, msync_effect_t *effect);

/* the event with which a failed run ended, by what is known of it later; DONE
 * for MSYNC_ERR_NONE */
msync_event_e msync_site_end(msync_variant_e variant);

/* the event with which a run failed, by its error, which may be final where its
 * variant is not */
msync_event_e msync_site_failure(const msync_err_t *err);

/* whether no server has said it: the database failed, or somebody ended the
 * run */
bool msync_site_is_local(const msync_err_t *err);

#define MSYNC_STEP_BIT(step)  (1U << (step))
#define MSYNC_STEPS_PUSH                                                      \
    (MSYNC_STEP_BIT(MSYNC_STEP_PUSH_V6) | MSYNC_STEP_BIT(MSYNC_STEP_PUSH))

typedef struct {
    unsigned  steps;               /* MSYNC_STEP_BIT of those that are taken */
    bool      initialised;         /* told to Open mSupply central, which then
                                      leaves out the rows of this site */
    bool      first;               /* nobody works on the database yet */
    bool      whole;               /* what came is integrated in one
                                      transaction, if that is short */
    unsigned  smaller;             /* batches are halved so many times */
} msync_plan_t;

/* of a run: `does` is SYNC, PATIENT or RETRY; `v7`: it speaks that in place of
 * v5 and v6 */
void msync_site_plan(const msync_site_t *site, msync_does_e does, bool v7,
    msync_plan_t *plan);

/* "INITIALISED" …, and the word of the page; `failed`: the latest run did */
const char *msync_site_initialisation(const msync_site_t *site);
msync_state_e msync_site_shows(const msync_site_t *site, bool running,
    bool failed);

#endif /* MSYNC_SITE_H */
