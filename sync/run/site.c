/*
 * The life of a site.
 *
 * Promises: a site counts as initialised only when one run has brought all
 * there is; a central server is told so only then, and not while all is to
 * come anew; nothing is pushed before that, for there is nothing of this
 * site yet, and always where the application has worked.
 */

#include "run/site.h"

/* the states by what they have in common, the columns of the rules below */
typedef enum {
    PHASE_NEW = 0,
    PHASE_FIRST,                   /* requested, preparing, first */
    PHASE_INITIALISED,
    PHASE_ANEW,                    /* anew, anew preparing, anew pulling */
    PHASE_MAX
} phase_e;

/* when the next run by itself is due */
typedef enum {
    PLANNED = 0,                   /* by how the latest run has ended */
    AT_ONCE,                       /* at once, but on a new or paused site */
    ASKED_AT_ONCE,                 /* at once if there was no run since it was
                                      asked for */
    RETRIED_AT_ONCE,               /* as that, or at once if the latest run
                                      failed for good */
    LATER                          /* a pause after the latest run */
} moment_e;

/* runs that killed their process, the one that begins counted: so many are
 * bad luck, from there on each has a quarter of the batches of the last */
#define KILLED   2
#define QUARTER  2                 /* halvings */

typedef struct {
    msync_does_e                does[PHASE_MAX];
    moment_e                    moment;
    const msync_site_state_e   *next;      /* NULL: the same state */
} rule_t;


static phase_e site_phase(msync_site_state_e state);
static msync_due_e site_due(const msync_site_t *site, moment_e moment,
    msync_event_e latest);


#define NEW          MSYNC_SITE_NEW
#define REQUESTED    MSYNC_SITE_REQUESTED
#define PREPARING    MSYNC_SITE_PREPARING
#define FIRST        MSYNC_SITE_FIRST
#define INITIALISED  MSYNC_SITE_INITIALISED
#define ANEW         MSYNC_SITE_ANEW
#define ANEW_PREP    MSYNC_SITE_ANEW_PREPARING
#define ANEW_PULL    MSYNC_SITE_ANEW_PULLING

/* from: new requested preparing first, initialised, anew … */

static const msync_site_state_e  to_requested[MSYNC_SITE_STATES] = {
    REQUESTED, REQUESTED, PREPARING, FIRST,
    INITIALISED, ANEW, ANEW_PREP, ANEW_PULL
};

static const msync_site_state_e  to_preparing[MSYNC_SITE_STATES] = {
    NEW, PREPARING, PREPARING, FIRST,
    INITIALISED, ANEW_PREP, ANEW_PREP, ANEW_PULL
};

static const msync_site_state_e  to_pulling[MSYNC_SITE_STATES] = {
    NEW, FIRST, FIRST, FIRST,
    INITIALISED, ANEW_PULL, ANEW_PULL, ANEW_PULL
};

/* a run that took all steps has prepared and pulled */
static const msync_site_state_e  to_initialised[MSYNC_SITE_STATES] = {
    NEW, REQUESTED, PREPARING, INITIALISED,
    INITIALISED, ANEW, ANEW_PREP, INITIALISED
};

static const msync_site_state_e  to_anew[MSYNC_SITE_STATES] = {
    NEW, REQUESTED, REQUESTED, REQUESTED,
    ANEW, ANEW, ANEW, ANEW
};

#define NOTHING  MSYNC_DOES_NOTHING
#define SYNC     MSYNC_DOES_SYNC
#define PATIENT  MSYNC_DOES_PATIENT
#define RETRY    MSYNC_DOES_RETRY
#define WAIT     MSYNC_DOES_WAIT
#define END      MSYNC_DOES_END

/* by phase: new, first, initialised, anew */

static const rule_t  rules[MSYNC_EVENT_MAX] = {
    [MSYNC_EVENT_TRIGGER] =
        { { SYNC, SYNC, SYNC, SYNC }, PLANNED, to_requested },
    [MSYNC_EVENT_SCHEDULE] =
        { { NOTHING, SYNC, SYNC, SYNC }, PLANNED, NULL },
    [MSYNC_EVENT_PATIENT] =
        { { WAIT, WAIT, PATIENT, PATIENT }, PLANNED, NULL },
    [MSYNC_EVENT_RETRY] =
        { { NOTHING, WAIT, RETRY, RETRY }, PLANNED, NULL },
    [MSYNC_EVENT_CANCEL] =
        { { END, END, END, END }, PLANNED, NULL },
    [MSYNC_EVENT_PAUSE] =
        { { NOTHING }, PLANNED, NULL },
    [MSYNC_EVENT_RESUME] =
        { { NOTHING }, PLANNED, NULL },
    [MSYNC_EVENT_SAVED] =
        { { NOTHING }, RETRIED_AT_ONCE, NULL },
    [MSYNC_EVENT_REINITIALISE] =
        { { NOTHING }, PLANNED, to_anew },
    [MSYNC_EVENT_STARTED] =
        { { NOTHING }, RETRIED_AT_ONCE, NULL },
    [MSYNC_EVENT_REPLACED] =
        { { NOTHING }, ASKED_AT_ONCE, NULL },
    [MSYNC_EVENT_CUT_SHORT] =
        { { NOTHING }, AT_ONCE, NULL },
    [MSYNC_EVENT_KILLED_AGAIN] =
        { { NOTHING }, LATER, NULL },
    [MSYNC_EVENT_BEGUN] =
        { { NOTHING }, PLANNED, NULL },
    [MSYNC_EVENT_ASKED] =
        { { NOTHING }, PLANNED, to_preparing },
    [MSYNC_EVENT_PREPARED] =
        { { NOTHING }, PLANNED, to_pulling },
    [MSYNC_EVENT_STEP_ENDED] =
        { { NOTHING }, PLANNED, NULL },
    [MSYNC_EVENT_DONE] =
        { { NOTHING }, PLANNED, to_initialised },
    [MSYNC_EVENT_DONE_IN_PART] =
        { { NOTHING }, PLANNED, NULL },
    [MSYNC_EVENT_FAILED] =
        { { NOTHING }, PLANNED, NULL },
    [MSYNC_EVENT_FAILED_HERE] =
        { { NOTHING }, PLANNED, NULL },
    [MSYNC_EVENT_FAILED_FOR_GOOD] =
        { { NOTHING }, PLANNED, NULL },
    [MSYNC_EVENT_CANCELLED] =
        { { NOTHING }, PLANNED, NULL },
    [MSYNC_EVENT_STOPPED] =
        { { NOTHING }, AT_ONCE, NULL }
};


void
msync_site_event(const msync_site_t *site, msync_event_e event,
    msync_event_e latest, msync_effect_t *effect)
{
    const rule_t  *rule = &rules[event];

    effect->next = *site;
    effect->does = rule->does[site_phase(site->state)];

    if (rule->next != NULL) {
        effect->next.state = rule->next[site->state];
    }

    switch (event) {

    case MSYNC_EVENT_PAUSE:
    case MSYNC_EVENT_RESUME:
        effect->next.paused = event == MSYNC_EVENT_PAUSE;
        break;

    case MSYNC_EVENT_REINITIALISE:
        effect->next.restored = 0;
        effect->next.older = false;
        effect->next.begun = 0;
        break;

    case MSYNC_EVENT_BEGUN:
        effect->next.begun++;
        break;

    default:
        /* a run that comes to an end does not kill its process */
        if (event >= MSYNC_EVENT_DONE) {
            effect->next.begun = 0;
            latest = event;
        }
        break;
    }

    effect->due = site_due(&effect->next, rule->moment, latest);
}


static phase_e
site_phase(msync_site_state_e state)
{
    return state == MSYNC_SITE_NEW ? PHASE_NEW
           : state < MSYNC_SITE_INITIALISED ? PHASE_FIRST
           : state == MSYNC_SITE_INITIALISED ? PHASE_INITIALISED
           : PHASE_ANEW;
}


static msync_due_e
site_due(const msync_site_t *site, moment_e moment, msync_event_e latest)
{
    phase_e  phase = site_phase(site->state);

    if (phase == PHASE_NEW || site->paused) {
        return MSYNC_DUE_NEVER;
    }

    switch (moment) {

    case AT_ONCE:
        return MSYNC_DUE_NOW;

    case LATER:
        return MSYNC_DUE_LATER;

    default:
        break;
    }

    switch (latest) {

    case MSYNC_EVENT_FAILED_FOR_GOOD:
        return moment == RETRIED_AT_ONCE ? MSYNC_DUE_NOW : MSYNC_DUE_LONGER;

    case MSYNC_EVENT_CANCELLED:
        return phase == PHASE_FIRST ? MSYNC_DUE_NEVER : MSYNC_DUE_INTERVAL;

    default:
        return moment != PLANNED && site->state == REQUESTED
               && latest == MSYNC_EVENT_DONE
               ? MSYNC_DUE_NOW : MSYNC_DUE_INTERVAL;
    }
}


msync_event_e
msync_site_end(msync_variant_e variant)
{
    switch (variant) {

    case MSYNC_ERR_NONE:
        return MSYNC_EVENT_DONE;

    case MSYNC_ERR_DATABASE_ERROR:
    case MSYNC_ERR_DISK_FULL:
        return MSYNC_EVENT_FAILED_HERE;

    case MSYNC_ERR_CANCELLED:
        return MSYNC_EVENT_CANCELLED;

    case MSYNC_ERR_HELPER_STOPPED:
        return MSYNC_EVENT_STOPPED;

    default:
        return msync_err_may_pass(variant) ? MSYNC_EVENT_FAILED
                                           : MSYNC_EVENT_FAILED_FOR_GOOD;
    }
}


msync_event_e
msync_site_failure(const msync_err_t *err)
{
    msync_event_e  event = msync_site_end(err->variant);

    return event == MSYNC_EVENT_FAILED && err->remedy == MSYNC_REMEDY_FINAL
           ? MSYNC_EVENT_FAILED_FOR_GOOD : event;
}


bool
msync_site_is_local(const msync_err_t *err)
{
    switch (msync_site_end(err->variant)) {

    case MSYNC_EVENT_FAILED_HERE:
    case MSYNC_EVENT_CANCELLED:
    case MSYNC_EVENT_STOPPED:
        return true;

    default:
        return false;
    }
}


#define PUSHES     MSYNC_STEPS_PUSH
#define PREPARES   MSYNC_STEP_BIT(MSYNC_STEP_PREPARE)
#define PULLS      (MSYNC_STEP_BIT(MSYNC_STEP_PULL_CENTRAL)                   \
                    | MSYNC_STEP_BIT(MSYNC_STEP_PULL_REMOTE)                  \
                    | MSYNC_STEP_BIT(MSYNC_STEP_PULL_V6))
#define PULLS_ONE  MSYNC_STEP_BIT(MSYNC_STEP_PULL_V6)
#define ENDS       MSYNC_STEP_BIT(MSYNC_STEP_INTEGRATE)

/* by v7 */
#define PUSHES_7   (MSYNC_STEP_BIT(MSYNC_STEP_PUSH)                           \
                    | MSYNC_STEP_BIT(MSYNC_STEP_WAIT))
#define PULLS_7    MSYNC_STEP_BIT(MSYNC_STEP_PULL)
#define FIRST_7    (PULLS_7 | ENDS)
#define ALL_7      (PUSHES_7 | PULLS_7 | ENDS)

static const struct {
    unsigned  steps;
    unsigned  v7;                  /* the steps by v7 */
    bool      initialised;
    bool      first;
    bool      whole;
} plans[MSYNC_SITE_STATES] = {
    [NEW]         = { PREPARES | PULLS | ENDS, FIRST_7, false, true, false },
    [REQUESTED]   = { PREPARES | PULLS | ENDS, FIRST_7, false, true, false },
    [PREPARING]   = { PREPARES | PULLS | ENDS, FIRST_7, false, true, false },
    [FIRST]       = { PULLS | ENDS, FIRST_7, false, true, false },
    [INITIALISED] = { PUSHES | PULLS | ENDS, ALL_7, true, false, true },

    /* one transaction would keep the application waiting */
    [ANEW]        = { PUSHES | PREPARES | PULLS | ENDS, ALL_7,
                      false, false, false },
    [ANEW_PREP]   = { PUSHES | PREPARES | PULLS | ENDS, ALL_7,
                      false, false, false },
    [ANEW_PULL]   = { PUSHES | PULLS | ENDS, ALL_7, false, false, false }
};


void
msync_site_plan(const msync_site_t *site, msync_does_e does, bool v7,
    msync_plan_t *plan)
{
    plan->steps = v7 ? plans[site->state].v7 : plans[site->state].steps;
    plan->initialised = plans[site->state].initialised;
    plan->first = plans[site->state].first;
    plan->whole = plans[site->state].whole;
    plan->smaller = site->begun > KILLED ? (unsigned) (site->begun - KILLED)
                                           * QUARTER : 0;

    if (does == MSYNC_DOES_RETRY) {
        plan->steps &= PUSHES | PUSHES_7 | ENDS;
        plan->first = false;

    } else if (does == MSYNC_DOES_PATIENT
               && site->state != MSYNC_SITE_INITIALISED)
    {
        /* what comes anew is not begun for the sake of one patient */
        plan->steps &= PUSHES | PULLS_ONE | ALL_7;
    }
}


const char *
msync_site_initialisation(const msync_site_t *site)
{
    static const char *const  words[PHASE_MAX] = {
        "PRE_INITIALISATION", "INITIALISING", "INITIALISED", "INITIALISED"
    };

    return words[site_phase(site->state)];
}


msync_state_e
msync_site_shows(const msync_site_t *site, bool running, bool failed)
{
    static const msync_state_e  at_work[PHASE_MAX] = {
        MSYNC_STATE_INITIALISING, MSYNC_STATE_INITIALISING,
        MSYNC_STATE_SYNCING, MSYNC_STATE_SYNCING
    };
    static const msync_state_e  at_rest[PHASE_MAX] = {
        MSYNC_STATE_PRE_INITIALISATION, MSYNC_STATE_INITIALISING,
        MSYNC_STATE_IDLE, MSYNC_STATE_IDLE
    };

    return running ? at_work[site_phase(site->state)]
           : site->paused ? MSYNC_STATE_PAUSED
           : failed ? MSYNC_STATE_ERROR
           : at_rest[site_phase(site->state)];
}
