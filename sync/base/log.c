/*
 * Owns the log: levels, the sink, and the last words of a process that has no
 * memory left.
 */

#include "base/log.h"
#include "base/base_private.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>


static const char *const  log_levels[] = {
    "stderr", "emerg", "alert", "crit", "error", "warn", "notice", "info",
    "debug"
};

static msync_log_sink_pt  log_sink;
static void              *log_sink_data;
static int                log_level = MSYNC_LOG_NOTICE;
static int                log_exit = 1;


void
msync_log_set_sink(msync_log_sink_pt sink, void *data)
{
    log_sink = sink;
    log_sink_data = data;
}


void
msync_log_stderr(void *data, int level, const char *line)
{
    (void) data;

    if (level < 0 || level > MSYNC_LOG_DEBUG) {
        level = MSYNC_LOG_DEBUG;
    }

    (void) fprintf(stderr, "msync: [%s] %s\n", log_levels[level], line);
}


void
msync_log_set_level(int level)
{
    log_level = level;
}


void
msync_log(int level, const char *fmt, ...)
{
    va_list  args;
    char     line[MSYNC_LOG_LINE_MAX];

    if (level > log_level) {
        return;
    }

    va_start(args, fmt);
    (void) vsnprintf(line, sizeof(line), fmt, args);
    va_end(args);

    (void) msync_text_clean(line);

    if (log_sink) {
        log_sink(log_sink_data, level, line);

    } else {
        msync_log_stderr(NULL, level, line);
    }
}


void
msync_log_err(const msync_err_t *err, const char *what)
{
    int  level;

    level = (err->remedy == MSYNC_REMEDY_FINAL) ? MSYNC_LOG_ERR
                                                : MSYNC_LOG_WARN;

    if (err->variant == MSYNC_ERR_CANCELLED
        || err->variant == MSYNC_ERR_HELPER_STOPPED)
    {
        level = MSYNC_LOG_NOTICE;
    }

    msync_log(level, "%s: %s (%s)", what, err->text,
              msync_err_variant(err->variant));
}


void
msync_out_of_memory_exits(int status)
{
    log_exit = status;
}


void
msync_out_of_memory(void)
{
    static const char  text[] = "msync: [emerg] out of memory\n";

    if (log_sink) {
        log_sink(log_sink_data, MSYNC_LOG_ERR, "out of memory");
    }

    /* not stdio, which may need memory */

    (void) !write(STDERR_FILENO, text, sizeof(text) - 1);
    _exit(log_exit);
}
