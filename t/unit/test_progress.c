/* What a run shows on the terminal. */

#include "site.h"

#include "cli/cli_private.h"
#include "base/clock.h"


/* what the command shows of this entry; static storage */

static const char *
shown(msync_cli_t *cli, const msync_log_entry_t *entry)
{
    int      out;
    FILE    *file;
    size_t   length;

    static char  text[1024];

    fflush(stdout);
    out = dup(STDOUT_FILENO);
    file = tmpfile();
    assert_non_null(file);
    assert_true(dup2(fileno(file), STDOUT_FILENO) != -1);

    if (entry != NULL) {
        msync_cli_progress(cli, entry, true);
    } else {
        msync_cli_end_line(cli);
    }

    fflush(stdout);
    assert_true(dup2(out, STDOUT_FILENO) != -1);
    close(out);

    rewind(file);
    length = fread(text, 1, sizeof(text) - 1, file);
    text[length] = '\0';
    fclose(file);

    return text;
}


static void
begin(msync_cli_t *cli, msync_log_entry_t *entry, int64_t ago, int64_t total)
{
    memset(cli, 0, sizeof(*cli));
    memset(entry, 0, sizeof(*entry));
    cli->terminal = true;
    entry->steps[MSYNC_STEP_PULL_CENTRAL].started = msync_clock_wall() - ago;
    entry->steps[MSYNC_STEP_PULL_CENTRAL].total = total;
}


static void
the_time_left_follows_from_the_pace(void **state)
{
    size_t              i;
    msync_cli_t         cli;
    msync_log_entry_t   entry;

    static const struct {
        int64_t      ago;
        int64_t      before;           /* done by an earlier run */
        int64_t      done;
        const char  *left;
    } cases[] = {
        { 10000,   0,  500, " 500/1000, about 10 s left" },
        { 10000, 400,  500, " 500/1000, about 50 s left" },
        { 60000,   0,   50, " 50/1000, about 19 min left" },
        { 600000,  0,   10, " 10/1000, about 17 h left" },
        { 1000,    0,  500, " 500/1000\033" },
        { 10000,   0, 1000, " 1000/1000\033" },
        { 10000,   0, 2000, " 2000/1000\033" }
    };

    (void) state;

    for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        begin(&cli, &entry, cases[i].ago, 1000);
        entry.steps[MSYNC_STEP_PULL_CENTRAL].done = cases[i].before;
        assert_null(strstr(shown(&cli, &entry), "left"));
        entry.steps[MSYNC_STEP_PULL_CENTRAL].done = cases[i].done;
        assert_non_null(strstr(shown(&cli, &entry), cases[i].left));
    }
}


static void
an_unfinished_line_is_ended_once(void **state)
{
    msync_cli_t         cli;
    msync_log_entry_t   entry;

    (void) state;
    begin(&cli, &entry, 0, -1);
    assert_null(strchr(shown(&cli, &entry), '\n'));
    assert_string_equal(shown(&cli, NULL), "\n");
    assert_string_equal(shown(&cli, NULL), "");

    entry.steps[MSYNC_STEP_PULL_CENTRAL].finished = msync_clock_wall();
    assert_non_null(strchr(shown(&cli, &entry), '\n'));
    assert_string_equal(shown(&cli, NULL), "");
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(the_time_left_follows_from_the_pace),
        cmocka_unit_test(an_unfinished_line_is_ended_once)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
