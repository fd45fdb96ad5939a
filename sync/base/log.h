/*
 * The log writer: nginx's levels, one event a line.
 */

#ifndef MSYNC_LOG_H
#define MSYNC_LOG_H

#include "base/err.h"

/* levels as nginx counts them */

#define MSYNC_LOG_ERR     4
#define MSYNC_LOG_WARN    5
#define MSYNC_LOG_NOTICE  6
#define MSYNC_LOG_INFO    7
#define MSYNC_LOG_DEBUG   8

#define MSYNC_LOG_LINE_MAX  2048

/*
 * One event, one line.  Control characters of the text are written as "?",
 * so nothing that a remote sends can forge a line.  Lines go to the sink,
 * stderr if none was set; less important lines than the level are dropped.
 * A sink allocates nothing: it is told when there is no memory, too.
 */
typedef void (*msync_log_sink_pt)(void *data, int level, const char *line);

void msync_log_set_sink(msync_log_sink_pt sink, void *data);
/* a sink: stderr; data is not used */
void msync_log_stderr(void *data, int level, const char *line);
void msync_log_set_level(int level);
void msync_log(int level, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* "what: text (VARIANT)": at the level err where the remedy is FINAL, warn
 * where it may pass by itself, notice where somebody wanted it to end */
void msync_log_err(const msync_err_t *err, const char *what);

#endif /* MSYNC_LOG_H */
