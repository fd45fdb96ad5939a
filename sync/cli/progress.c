/*
 * The progress of a run on the terminal: one line a step, rewritten in place
 * where standard output is a terminal.
 */

#include <stdio.h>

#include "cli/cli_private.h"
#include "base/clock.h"
#include "base/log.h"

#define LEFT_AFTER  5000               /* ms of a step before a guess is one */


static void progress_left(const msync_cli_t *cli, const msync_step_log_t *now);
static void progress_line(msync_cli_t *cli, int step,
    const msync_step_log_t *now);


/* how long the rest of the step takes at the pace that it had so far */

static void
progress_left(const msync_cli_t *cli, const msync_step_log_t *now)
{
    int64_t  passed, done, left;

    passed = msync_clock_wall() - now->started;
    done = now->done - cli->step_done;

    if (now->finished || passed < LEFT_AFTER || done <= 0
        || now->total <= now->done)
    {
        return;
    }

    left = (now->total - now->done) * passed / done / 1000;

    if (left < 90) {
        printf(", about %lld s left", (long long) left);

    } else if (left < 90 * 60) {
        printf(", about %lld min left", (long long) (left + 30) / 60);

    } else {
        printf(", about %lld h left", (long long) (left + 1800) / 3600);
    }
}


static void
progress_line(msync_cli_t *cli, int step, const msync_step_log_t *now)
{
    printf("\r%-14s", msync_step_title(step));

    if (now->total >= 0) {
        printf(" %lld/%lld", (long long) now->done, (long long) now->total);
        progress_left(cli, now);
    }

    printf("\033[K%s", now->finished ? "\n" : "");
    cli->line = now->finished == 0;
}


void
msync_cli_progress(void *data, const msync_log_entry_t *entry, bool step)
{
    int                      i;
    msync_cli_t             *cli = data;
    const msync_step_log_t  *now;

    if (cli->json) {
        return;
    }

    for (i = 0; i < MSYNC_STEP_MAX; i++) {
        now = &entry->steps[i];

        if (now->started == 0 || cli->shown.steps[i].finished != 0) {
            continue;
        }

        /* an earlier run may have done a part of it */
        if (cli->shown.steps[i].started == 0) {
            cli->step_done = now->done;
        }

        if (cli->terminal) {
            progress_line(cli, i, now);

        } else if (step && now->finished) {
            printf("%s %lld/%lld\n", msync_step_title(i),
                   (long long) now->done, (long long) now->total);
        }
    }

    fflush(stdout);
    cli->shown = *entry;
}


void
msync_cli_end_line(msync_cli_t *cli)
{
    if (cli->line) {
        putchar('\n');
        fflush(stdout);
        cli->line = false;
    }
}


void
msync_cli_log(void *data, int level, const char *line)
{
    msync_cli_end_line(data);
    msync_log_stderr(NULL, level, line);
}
