/*
 * The life of a site: every cell of its table.  What is printed of it is
 * docs/states.md, which "make docs" writes.
 */

#include "document.h"
#include "site.h"

#include <sys/stat.h>

#include "run/run.h"
#include "run/site.h"

static const char *const  events[MSYNC_EVENT_MAX] = {
    [MSYNC_EVENT_TRIGGER] = "a trigger: the button, `sync`, `initialise`",
    [MSYNC_EVENT_SCHEDULE] = "the next run is due",
    [MSYNC_EVENT_PATIENT] = "a patient is to be fetched",
    [MSYNC_EVENT_RETRY] = "`retry` of failed records",
    [MSYNC_EVENT_CANCEL] = "`cancel`",
    [MSYNC_EVENT_PAUSE] = "`pause`",
    [MSYNC_EVENT_RESUME] = "`resume`",
    [MSYNC_EVENT_SAVED] = "settings are saved",
    [MSYNC_EVENT_REINITIALISE] = "`reinitialise`",
    [MSYNC_EVENT_STARTED] = "a helper starts; the latest run had ended",
    [MSYNC_EVENT_REPLACED] = "… with credentials that were refused, or in "
                             "the place of one that has crashed",
    [MSYNC_EVENT_CUT_SHORT] = "a helper starts; the run was cut short, by a "
                              "reload or its first death",
    [MSYNC_EVENT_KILLED_AGAIN] = "a helper starts; two runs in a row have "
                                 "killed theirs",
    [MSYNC_EVENT_BEGUN] = "a run begins",
    [MSYNC_EVENT_ASKED] = "… asks central to prepare what it had never "
                          "prepared",
    [MSYNC_EVENT_PREPARED] = "… has ended the step *prepare*",
    [MSYNC_EVENT_STEP_ENDED] = "… has ended any other step",
    [MSYNC_EVENT_DONE] = "a run has taken all steps",
    [MSYNC_EVENT_DONE_IN_PART] = "a run for a patient, or a retry, went well",
    [MSYNC_EVENT_FAILED] = "a run failed by what passes by itself",
    [MSYNC_EVENT_FAILED_HERE] = "… by the database or its disk",
    [MSYNC_EVENT_FAILED_FOR_GOOD] = "… by what somebody has to mend",
    [MSYNC_EVENT_CANCELLED] = "… because it was cancelled",
    [MSYNC_EVENT_STOPPED] = "… because its helper has to go"
};

static const char *const  does[] = {
    [MSYNC_DOES_NOTHING] = "",
    [MSYNC_DOES_SYNC] = "runs",
    [MSYNC_DOES_PATIENT] = "runs for it",
    [MSYNC_DOES_RETRY] = "runs to integrate",
    [MSYNC_DOES_WAIT] = "waits for the first sync",
    [MSYNC_DOES_END] = "ends the run"
};

static const char *const  dues[] = {
    [MSYNC_DUE_NEVER] = "next: when asked",
    [MSYNC_DUE_NOW] = "next: now",
    [MSYNC_DUE_INTERVAL] = "next: after the interval",
    [MSYNC_DUE_LATER] = "next: later, smaller",
    [MSYNC_DUE_LONGER] = "next: slower and slower"
};

static const char *const  steps[MSYNC_STEP_MAX] = {
    "prepare", "push v6", "push", "wait", "pull central", "pull remote",
    "pull v6", "pull", "integrate"
};

static const char  head[] =
"# The life of a site\n"
"\n"
"`make docs` writes this page: `t/unit/test_site.c`, which visits every\n"
"cell, prints it from `sync/run/site.c`. The state is one row of\n"
"`key_value_store`, `MSYNC_SITE`: `value_string` is the state, `value_bool`\n"
"says that the site is paused, `value_int` counts the runs that began since\n"
"one came to an end (more than one in a row: they killed their helper), and\n"
"`value_bigint` has the central servers that were found restored from a\n"
"backup (1 mSupply, 2 Open mSupply), and 8 where one that lacks something\n"
"was restored into this database. It is changed in the transaction that makes\n"
"it true.\n"
"\n"
"## States\n"
"\n"
"| state | the page says | a run takes | by sync v7 | `isInitialised` "
"| integrates |\n"
"| --- | --- | --- | --- | --- | --- |\n";

static const char  lesser[] =
"\n"
"Once a site is initialised there are runs that take less. One for a patient\n"
"pulls by v6, or v7, that patient alone, and a retry pushes only where\n"
"central had refused something.\n"
"\n"
"| state | a run for a patient | by sync v7 | a retry | by sync v7 |\n"
"| --- | --- | --- | --- | --- |\n";

static const char  middle[] =
"\n"
"By sync v7 there is nothing to prepare: the state after *prepare* is reached\n"
"as soon as central has said who the site is, and what central is told is\n"
"`isInitialising`, the contrary of the column. A server that fails ends its\n"
"own steps; those of the other one go on, the run has failed all the same. A\n"
"server that was found restored is sent what waits and asked for nothing\n"
"until `reinitialise`; where it is this database that was restored neither\n"
"is done.\n"
"\n"
"## Events\n"
"\n"
"What an event leads to: the next state where it is another one, what the\n"
"site does, and when the next run by itself is due if none begins. \"Slower\n"
"and slower\" is the interval, doubled with each failure in a row, six hours\n"
"at most; \"later, smaller\" is the interval, or five minutes without one,\n"
"with a quarter of the batches. While a site is paused no run is ever due by\n"
"itself, and everything else is the same. What somebody has to mend is tried\n"
"at once when settings are saved or a helper starts, but for one that takes\n"
"the place of another that has crashed. Of credentials that were refused\n"
"`MSYNC_REFUSED` has a mark, by which a start knows them again: the same ones\n"
"wait as if nothing had started, unless nginx was reloaded.\n"
"\n";


/* the event as it stands alone: the latest run went well */

static void
effect_of(msync_site_state_e state, msync_event_e event,
    msync_effect_t *effect)
{
    msync_site_t  site = { .state = state };

    msync_site_event(&site, event, MSYNC_EVENT_DONE, effect);
}


/* in the order that they are taken: pushing comes first */

static void
print_steps(FILE *out, const msync_site_t *site, msync_does_e doing, bool v7)
{
    int           i, step, n = 0;
    msync_plan_t  plan;

    msync_site_plan(site, doing, v7, &plan);
    fputs(" | ", out);

    for (i = 0; i < MSYNC_STEP_MAX; i++) {
        step = i == 2 ? MSYNC_STEP_PREPARE : i < 2 ? i + 1 : i;

        if (site->state != MSYNC_SITE_NEW
            && (plan.steps & MSYNC_STEP_BIT(step)))
        {
            fprintf(out, "%s%s", n++ ? ", " : "", steps[step]);
        }
    }
}


static void
print_state(FILE *out, msync_site_state_e state)
{
    msync_plan_t  plan;
    msync_site_t  site = { .state = state, .begun = 1 };

    fprintf(out, "| %s | %s", msync_store_site_name(state),
            msync_site_initialisation(&site));
    print_steps(out, &site, MSYNC_DOES_SYNC, false);
    print_steps(out, &site, MSYNC_DOES_SYNC, true);
    msync_site_plan(&site, MSYNC_DOES_SYNC, false, &plan);

    fprintf(out, " | %s | %s |\n", state == MSYNC_SITE_NEW ? ""
            : plan.initialised ? "true" : "false",
            state == MSYNC_SITE_NEW ? ""
            : plan.first ? "in large transactions, nobody works yet"
            : plan.whole ? "in one transaction" : "in several");
}


static void
print_lesser(FILE *out, msync_site_state_e state)
{
    msync_site_t  site = { .state = state };

    fprintf(out, "| %s", msync_store_site_name(state));
    print_steps(out, &site, MSYNC_DOES_PATIENT, false);
    print_steps(out, &site, MSYNC_DOES_PATIENT, true);
    print_steps(out, &site, MSYNC_DOES_RETRY, false);
    print_steps(out, &site, MSYNC_DOES_RETRY, true);
    fputs(" |\n", out);
}


static void
print_cell(FILE *out, msync_site_state_e state, msync_event_e event)
{
    int             n = 0;
    msync_effect_t  effect;

    effect_of(state, event, &effect);
    fputs(" ", out);

    if (effect.next.state != state) {
        fprintf(out, "→ **%s**", msync_store_site_name(effect.next.state));
        n++;
    }

    if (*does[effect.does]) {
        fprintf(out, "%s%s", n++ ? "; " : "", does[effect.does]);
    }

    /* while a run is at work, or begins, nothing is due */
    if (effect.does == MSYNC_DOES_NOTHING
        && (event < MSYNC_EVENT_BEGUN || event > MSYNC_EVENT_STEP_ENDED)
        && event != MSYNC_EVENT_SCHEDULE && event != MSYNC_EVENT_RETRY)
    {
        fprintf(out, "%s%s", n++ ? "; " : "",
                event == MSYNC_EVENT_PAUSE ? dues[MSYNC_DUE_NEVER]
                                           : dues[effect.due]);
    }

    fprintf(out, "%s |", n ? "" : "–");
}


static char *
print_document(void)
{
    int     event, state;
    char   *text;
    FILE   *out;
    size_t  length;

    out = open_memstream(&text, &length);
    fputs(head, out);

    for (state = 0; state < MSYNC_SITE_STATES; state++) {
        print_state(out, state);
    }

    fputs(lesser, out);

    for (state = MSYNC_SITE_INITIALISED; state < MSYNC_SITE_STATES; state++) {
        print_lesser(out, state);
    }

    fprintf(out, "%s| event |", middle);

    for (state = 0; state < MSYNC_SITE_STATES; state++) {
        fprintf(out, " %s |", msync_store_site_name(state));
    }

    fputs("\n| --- |", out);

    for (state = 0; state < MSYNC_SITE_STATES; state++) {
        fputs(" --- |", out);
    }

    fputs("\n", out);

    for (event = 0; event < MSYNC_EVENT_MAX; event++) {
        fprintf(out, "| %s |", events[event]);

        for (state = 0; state < MSYNC_SITE_STATES; state++) {
            print_cell(out, state, event);
        }

        fputs("\n", out);
    }

    fclose(out);
    return text;
}


static void
the_document_is_the_table(void **state)
{
    char  *text;

    (void) state;
    text = print_document();
    document_is("docs/states.md", text);
    free(text);
}


/* every state, paused or not, with and without a server restored, after
 * every end of a run, in every event */

#define EACH_CELL(site, event, latest, effect)                                \
    for (int s_ = 0; s_ < MSYNC_SITE_STATES * 12; s_++)                       \
        for (int e_ = 0; e_ < MSYNC_EVENT_MAX * MSYNC_EVENT_MAX; e_++)        \
            if (cell(s_, e_, &site, &event, &latest, &effect))


static bool
cell(int s, int e, msync_site_t *site, msync_event_e *event,
    msync_event_e *latest, msync_effect_t *effect)
{
    memset(site, 0, sizeof(msync_site_t));
    site->state = s % MSYNC_SITE_STATES;
    s /= MSYNC_SITE_STATES;
    site->paused = s % 2;
    site->restored = s / 2 % 2 ? MSYNC_LEGACY : 0;
    site->older = s / 2 % 2;
    site->begun = s / 4;
    *event = e % MSYNC_EVENT_MAX;
    *latest = e / MSYNC_EVENT_MAX;

    if (*latest < MSYNC_EVENT_DONE) {
        return false;
    }

    msync_site_event(site, *event, *latest, effect);
    return true;
}


static void
only_a_whole_run_initialises(void **state)
{
    msync_site_t    site;
    msync_event_e   event, latest;
    msync_effect_t  effect;

    (void) state;

    EACH_CELL(site, event, latest, effect) {
        if (effect.next.state == MSYNC_SITE_INITIALISED
            && site.state != MSYNC_SITE_INITIALISED)
        {
            assert_int_equal(event, MSYNC_EVENT_DONE);
        }
    }
}


static void
what_comes_anew_is_not_over_before_a_run_has_brought_it(void **state)
{
    msync_plan_t    plan;
    msync_site_t    site;
    msync_event_e   event, latest;
    msync_effect_t  effect;

    (void) state;

    EACH_CELL(site, event, latest, effect) {
        if (site.state >= MSYNC_SITE_ANEW && event != MSYNC_EVENT_DONE) {
            assert_true(effect.next.state >= MSYNC_SITE_ANEW);
            msync_site_plan(&effect.next, MSYNC_DOES_SYNC, false, &plan);
            assert_false(plan.initialised);
        }
    }
}


static void
a_site_in_use_stays_in_use(void **state)
{
    msync_site_t    site;
    msync_event_e   event, latest;
    msync_effect_t  effect;

    (void) state;

    EACH_CELL(site, event, latest, effect) {
        if (msync_store_site_in_use(site.state)) {
            assert_true(msync_store_site_in_use(effect.next.state));
        }
    }
}


static void
nothing_runs_by_itself_while_paused_or_new(void **state)
{
    msync_site_t    site;
    msync_event_e   event, latest;
    msync_effect_t  effect;

    (void) state;

    EACH_CELL(site, event, latest, effect) {
        if (effect.next.paused || effect.next.state == MSYNC_SITE_NEW) {
            assert_int_equal(effect.due, MSYNC_DUE_NEVER);
        }
    }
}


static void
whatever_fails_a_site_that_was_begun_goes_on(void **state)
{
    msync_site_t    site;
    msync_event_e   event, latest;
    msync_effect_t  effect;

    (void) state;

    EACH_CELL(site, event, latest, effect) {
        if (event >= MSYNC_EVENT_DONE && site.state != MSYNC_SITE_NEW
            && !site.paused
            && (event != MSYNC_EVENT_CANCELLED
                || msync_store_site_in_use(site.state)))
        {
            assert_int_not_equal(effect.due, MSYNC_DUE_NEVER);
        }
    }
}


static void
only_to_begin_anew_forgets_what_was_restored(void **state)
{
    msync_site_t    site;
    msync_event_e   event, latest;
    msync_effect_t  effect;

    (void) state;

    EACH_CELL(site, event, latest, effect) {
        assert_int_equal(effect.next.restored,
                         event == MSYNC_EVENT_REINITIALISE ? 0
                                                           : site.restored);
        assert_int_equal(effect.next.older,
                         event != MSYNC_EVENT_REINITIALISE && site.older);

        if (event == MSYNC_EVENT_REINITIALISE) {
            assert_int_equal(effect.next.begun, 0);
        }
    }
}


/* who asks leaves the schedule as the latest run has made it */

static void
what_is_asked_for_moves_no_run_that_is_due_by_itself(void **state)
{
    msync_due_e     due;
    msync_site_t    site;
    msync_event_e   event, latest;
    msync_effect_t  effect;

    (void) state;

    EACH_CELL(site, event, latest, effect) {
        due = effect.next.paused || effect.next.state == MSYNC_SITE_NEW
              ? MSYNC_DUE_NEVER
              : latest == MSYNC_EVENT_FAILED_FOR_GOOD ? MSYNC_DUE_LONGER
              : latest == MSYNC_EVENT_CANCELLED
                && !msync_store_site_in_use(effect.next.state)
              ? MSYNC_DUE_NEVER : MSYNC_DUE_INTERVAL;

        if (event <= MSYNC_EVENT_REINITIALISE && event != MSYNC_EVENT_SAVED) {
            assert_int_equal(effect.due, due);
        }
    }
}


static void
what_somebody_has_to_mend_slows_the_schedule_down(void **state)
{
    msync_site_t    site = { .state = MSYNC_SITE_FIRST };
    msync_effect_t  effect;

    static const struct {
        msync_event_e  event;
        msync_due_e    due;
    } cases[] = {
        { MSYNC_EVENT_RESUME, MSYNC_DUE_LONGER },
        { MSYNC_EVENT_SAVED, MSYNC_DUE_NOW },
        { MSYNC_EVENT_STARTED, MSYNC_DUE_NOW },
        { MSYNC_EVENT_REPLACED, MSYNC_DUE_LONGER }
    };

    (void) state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        msync_site_event(&site, cases[i].event, MSYNC_EVENT_FAILED_FOR_GOOD,
                         &effect);
        assert_int_equal(effect.due, cases[i].due);
    }

    msync_site_event(&site, MSYNC_EVENT_STARTED, MSYNC_EVENT_CANCELLED,
                     &effect);
    assert_int_equal(effect.due, MSYNC_DUE_NEVER);
}


static void
runs_that_kill_their_process_get_smaller(void **state)
{
    int             death;
    unsigned        before = 0;
    msync_plan_t    plan;
    msync_site_t    site = { .state = MSYNC_SITE_FIRST };
    msync_effect_t  effect;

    (void) state;

    for (death = 0; death < 6; death++) {
        msync_site_event(&site, MSYNC_EVENT_BEGUN, MSYNC_EVENT_DONE, &effect);
        site = effect.next;
        msync_site_plan(&site, MSYNC_DOES_SYNC, false, &plan);
        assert_true(death < 2 ? plan.smaller == 0 : plan.smaller > before);
        before = plan.smaller;
    }

    msync_site_event(&site, MSYNC_EVENT_FAILED, MSYNC_EVENT_DONE, &effect);
    assert_int_equal(effect.next.begun, 0);
}


static void
every_failure_is_of_one_kind(void **state)
{
    int  variant;

    (void) state;

    for (variant = 0; variant < MSYNC_ERR_MAX; variant++) {
        assert_in_range(msync_site_end(variant), MSYNC_EVENT_DONE,
                        MSYNC_EVENT_STOPPED);
    }

    assert_int_equal(msync_site_end(MSYNC_ERR_INCORRECT_PASSWORD),
                     MSYNC_EVENT_FAILED_FOR_GOOD);
    assert_int_equal(msync_site_end(MSYNC_ERR_DISK_FULL),
                     MSYNC_EVENT_FAILED_HERE);
    assert_int_equal(msync_site_end(MSYNC_ERR_CONNECTION_ERROR),
                     MSYNC_EVENT_FAILED);
}


static void
the_database_keeps_it(void **state)
{
    site_t        *test = *state;
    msync_err_t    err;
    msync_site_t   read;
    msync_site_t   site = { MSYNC_SITE_ANEW_PULLING, true, MSYNC_OMSUPPLY,
                            true, 3 };

    assert_ok(msync_store_site_set(test->store, &site, &err));
    assert_ok(msync_store_site_get(test->store, &read, &err));
    assert_int_equal(read.state, site.state);
    assert_true(read.paused);
    assert_int_equal(read.restored, site.restored);
    assert_true(read.older);
    assert_int_equal(read.begun, site.begun);

    site_sql(test, "UPDATE key_value_store SET value_string = 'odd' WHERE id "
             "= 'MSYNC_SITE'");
    assert_int_equal(msync_store_site_get(test->store, &read, &err),
                     MSYNC_ERROR);
    assert_int_equal(err.variant, MSYNC_ERR_DATABASE_ERROR);
}


static void
to_begin_anew_forgets_cursors_and_merges(void **state)
{
    site_t        *test = *state;
    msync_err_t    err;
    msync_site_t   site;

    site_initialise(test);
    site_sql(test, "INSERT INTO msync_merged VALUES ('item', 'a', 'b');"
             "INSERT INTO key_value_store (id, value_int) VALUES "
             "('SYNC_PULL_CURSOR_V6', 9), ('REMOTE_SYNC_PUSH_CURSOR', 5);"
             "UPDATE key_value_store SET value_bigint = 9 WHERE id = "
             "'MSYNC_SITE'");
    assert_ok(msync_run_reinitialise(test->store, false, &err));
    assert_ok(msync_store_site_get(test->store, &site, &err));
    assert_int_equal(site.state, MSYNC_SITE_ANEW);
    assert_int_equal(site.restored, 0);
    assert_false(site.older);
    assert_string_equal(site_get(test, "SELECT count(*) FROM msync_merged"),
                        "0");

    /* a restored central lacks what was sent */
    assert_string_equal(site_get(test, "SELECT group_concat(id || value_int) "
        "FROM key_value_store WHERE id LIKE '%CURSOR%'"),
        "REMOTE_SYNC_PUSH_CURSOR0");
}


/* what version 4 of the schema said of a site, and what that comes to; the
 * log's rows are "prepared, ended well, pull v6 ended" */

typedef struct {
    const char          *keys;
    const char          *runs;
    msync_site_state_e   state;
} earlier_t;

#define RUN(prepared, ok, v6)                                                 \
    "INSERT INTO sync_log (started_datetime, finished_datetime, "             \
    "prepare_initial_finished_datetime, error_code, "                         \
    "pull_central_started_datetime, pull_v6_finished_datetime) VALUES "       \
    "('2026-01-01T00:00:00Z', '2026-01-01T00:00:00Z', " prepared ", " ok      \
    ", 'x', " v6 ");"
#define GOOD    "NULL"
#define BAD     "'TIMEOUT'"
#define YES     "'2026-01-01T00:00:00Z'"
#define NO      "NULL"
#define CURSORS                                                               \
    ", ('CENTRAL_SYNC_PULL_CURSOR', 5), ('SYNC_PULL_CURSOR_V6', 5)"

static const earlier_t  earlier[] = {
    { "('x', 0)", "", MSYNC_SITE_NEW },
    { "('x', 0)", RUN(NO, BAD, NO), MSYNC_SITE_REQUESTED },
    { "('MSYNC_PREPARED', 3)", RUN(NO, BAD, NO), MSYNC_SITE_REQUESTED },
    { "('MSYNC_PREPARED', 1)", RUN(NO, BAD, NO), MSYNC_SITE_PREPARING },
    { "('MSYNC_PREPARED', 2)", RUN(YES, BAD, NO), MSYNC_SITE_FIRST },
    { "('MSYNC_PREPARED', 2)" CURSORS, RUN(YES, GOOD, YES),
      MSYNC_SITE_INITIALISED },
    { "('MSYNC_PREPARED', 2)" CURSORS, RUN(YES, GOOD, YES) RUN(NO, BAD, NO),
      MSYNC_SITE_INITIALISED },
    /* its log was trimmed since */
    { "('MSYNC_PREPARED', 2)" CURSORS, RUN(NO, GOOD, YES),
      MSYNC_SITE_INITIALISED },
    /* it is the v6 central itself */
    { "('MSYNC_PREPARED', 2), ('CENTRAL_SYNC_PULL_CURSOR', 5)",
      RUN(YES, GOOD, NO), MSYNC_SITE_INITIALISED },
    /* a patient was fetched before the first sync was over */
    { "('MSYNC_PREPARED', 2), ('CENTRAL_SYNC_PULL_CURSOR', 5)",
      RUN(YES, GOOD, YES), MSYNC_SITE_ANEW_PULLING },
    /* `reinitialise`, and how far the runs since came */
    { "('x', 0)", RUN(YES, GOOD, YES), MSYNC_SITE_ANEW },
    { "('MSYNC_PREPARED', 3)", RUN(YES, GOOD, YES) RUN(NO, BAD, NO),
      MSYNC_SITE_ANEW },
    { "('MSYNC_PREPARED', 1)", RUN(YES, GOOD, YES) RUN(NO, BAD, NO),
      MSYNC_SITE_ANEW_PREPARING },
    { "('MSYNC_PREPARED', 2)" CURSORS, RUN(YES, GOOD, YES) RUN(YES, BAD, NO),
      MSYNC_SITE_ANEW_PULLING },
    { "('MSYNC_PREPARED', 2)", RUN(YES, GOOD, YES), MSYNC_SITE_ANEW_PULLING }
};


static void
an_earlier_version_was_doing_this(void **state)
{
    size_t         i;
    char          *sql;
    site_t        *test = *state;
    msync_err_t    err;
    msync_site_t   site;

    for (i = 0; i < sizeof(earlier) / sizeof(*earlier); i++) {
        sql = sqlite3_mprintf("DELETE FROM sync_log; DELETE FROM "
            "key_value_store WHERE id NOT LIKE 'MSYNC_S%%'; DELETE FROM "
            "key_value_store WHERE id = 'MSYNC_SITE'; INSERT INTO "
            "key_value_store (id, value_int) VALUES %s; %s INSERT INTO "
            "key_value_store (id, value_int) VALUES ('MSYNC_PAUSED', %d), "
            "('MSYNC_CENTRAL_RESTORED', %d); UPDATE key_value_store SET "
            "value_int = 4 WHERE id = 'MSYNC_SCHEMA_VERSION'",
            earlier[i].keys, earlier[i].runs, (int) i % 2, (int) i / 2 % 2);
        site_sql(test, sql);
        sqlite3_free(sql);

        assert_migrates(test, NULL);
        assert_ok(msync_store_site_get(test->store, &site, &err));
        assert_string_equal(msync_store_site_name(site.state),
                            msync_store_site_name(earlier[i].state));
        assert_int_equal(site.paused, i % 2);
        assert_int_equal(site.restored != 0, i / 2 % 2);
        assert_string_equal(site_get(test, "SELECT count(*) FROM "
            "key_value_store WHERE id IN ('MSYNC_PREPARED', 'MSYNC_PAUSED', "
            "'MSYNC_CENTRAL_RESTORED')"), "0");
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(the_document_is_the_table),
        cmocka_unit_test(only_a_whole_run_initialises),
        cmocka_unit_test(
            what_comes_anew_is_not_over_before_a_run_has_brought_it),
        cmocka_unit_test(a_site_in_use_stays_in_use),
        cmocka_unit_test(nothing_runs_by_itself_while_paused_or_new),
        cmocka_unit_test(whatever_fails_a_site_that_was_begun_goes_on),
        cmocka_unit_test(only_to_begin_anew_forgets_what_was_restored),
        cmocka_unit_test(what_is_asked_for_moves_no_run_that_is_due_by_itself),
        cmocka_unit_test(what_somebody_has_to_mend_slows_the_schedule_down),
        cmocka_unit_test(runs_that_kill_their_process_get_smaller),
        cmocka_unit_test(every_failure_is_of_one_kind),
        T(the_database_keeps_it),
        T(to_begin_anew_forgets_cursors_and_merges),
        T(an_earlier_version_was_doing_this)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
