/*
 * The commands on a terminal: msync --database FILE COMMAND.
 *
 * The room owns the command line, the words and the JSON of each command, and
 * the exit status.  It promises that a command goes by the same settings and
 * `tables` file as the helper of nginx, and that only JSON goes to stdout with
 * --json.
 */

#ifndef MSYNC_CLI_H
#define MSYNC_CLI_H

/* the whole of a command line; returns the exit status: 0, 1 failed with the
 * reason on stderr, 2 usage */
int msync_cli(int argc, char **argv);

/* msync_cli() by a process of its own, so that a disk which does not answer is
 * said to be that, and a signal ends the wait for it */
int msync_cli_watched(int argc, char **argv);

/* asks a running sync to end; for signal handlers */
void msync_cli_stop(void);

#endif /* MSYNC_CLI_H */
