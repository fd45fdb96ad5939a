/*
 * The helper as nginx runs it, "msync --serve": one event loop over the
 * control channel, the schedule and the runs.
 *
 * The room owns the documents that nginx serves, what the settings page asks
 * for, and that loop.  It promises that a command is told as done when it is,
 * that commands are heard while a run waits, and that the status follows every
 * change.
 */

#ifndef MSYNC_SERVE_H
#define MSYNC_SERVE_H

/*
 * Serves until the channel at descriptor fd closes or a signal asks for the
 * end.  Returns the exit status of the process.
 */
int msync_serve(int fd);

/* asks for the end; for signal handlers */
void msync_serve_stop(void);

#endif /* MSYNC_SERVE_H */
