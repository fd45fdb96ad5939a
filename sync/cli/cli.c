/*
 * The command line: options, and which command is meant.
 *
 * Promises: a reason is on stderr and the exit status tells the same.
 */

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/cli_private.h"
#include "channel/control.h"
#include "base/log.h"

static volatile sig_atomic_t  stop;

static const char  usage[] =
"Usage: msync --database FILE [OPTION]... COMMAND\n"
"\n"
"Commands:\n"
"  status          what waits, the last run, the last success\n"
"  sync            one run now\n"
"  history         the last runs, newest first\n"
"  errors          records that failed to integrate\n"
"  retry           try these again now\n"
"  check           verify the state of synchronisation\n"
"  reinitialise    pull everything anew; what waits is sent first\n"
"  schema          the SQL that the helper creates\n"
"  backup FILE     a consistent copy, also while a sync runs\n"
"\n"
"Options:\n"
"  --database FILE       the site database\n"
"  --url URL             central server, instead of the saved one\n"
"  --username NAME       site name, instead of the saved one\n"
"  --password-file FILE  its password, instead of the saved one\n"
"  --tables FILE         additions and overrides to the catalogue\n"
"  --yes                 do what reinitialise says\n"
"  --discard-unsent      … and forget unsent changes, too\n"
"  --json                output for machines\n"
"  --help, --version\n"
"\n"
"Exit status: 0 done, 1 failed (the reason is on stderr), 2 usage.\n";


void
msync_cli_stop(void)
{
    stop = 1;
}


bool
msync_cli_is_stopped(void)
{
    return stop != 0;
}


static const struct {
    const char  *name;
    int        (*command)(msync_cli_t *cli);
    bool         argument;
    bool         database;             /* needs one */
    bool         strict;               /* needs its catalogue, too */
} commands[] = {
    { "status",  msync_cli_status,  false, true,  false },
    { "sync",    msync_cli_sync,    false, true,  true },
    { "history", msync_cli_history, false, true,  false },
    { "errors",  msync_cli_errors,  false, true,  false },
    { "retry",   msync_cli_retry,   false, true,  true },
    { "check",   msync_cli_check,   false, true,  true },
    { "reinitialise", msync_cli_reinitialise, false, true, true },
    { "schema",  msync_cli_schema,  false, false, true },
    { "backup",  msync_cli_backup,  true,  true,  false }
};


static int
misused(const char *what)
{
    fprintf(stderr, "msync: %s\n\n%s", what, usage);
    return 2;
}


static int
run_command(msync_cli_t *cli, int argc, char **argv)
{
    size_t       i;
    msync_err_t  err;

    if (argc == 0) {
        return misused("no command");
    }

    for (i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
        if (strcmp(commands[i].name, argv[0]) != 0) {
            continue;
        }

        if (argc != (commands[i].argument ? 2 : 1)) {
            return misused(commands[i].argument ? "this command needs a FILE"
                                                : "too many arguments");
        }

        if (commands[i].database && cli->conf->database == NULL) {
            return misused("--database is needed");
        }

        if (msync_cli_load_catalogue(cli, commands[i].strict, &err)
            != MSYNC_OK)
        {
            return msync_cli_fail(&err);
        }

        cli->argument = argv[1];
        return commands[i].command(cli);
    }

    return misused("unknown command");
}


/* the database will tell other processes of that file */

static char *
absolute(const char *path)
{
    char    *dir, *whole;
    size_t   size;

    dir = *path == '/' ? NULL : getcwd(NULL, 0);

    if (dir == NULL) {
        return msync_strdup(path);
    }

    size = strlen(dir) + strlen(path) + 2;
    whole = msync_alloc(size);
    snprintf(whole, size, "%s/%s", dir, path);
    free(dir);

    return whole;
}


/* -1: go on, else the exit status */

static int
parse_options(msync_cli_t *cli, int argc, char **argv)
{
    int  option;

    static const struct option  options[] = {
        { "database",      required_argument, NULL, 'd' },
        { "url",           required_argument, NULL, 'u' },
        { "username",      required_argument, NULL, 'n' },
        { "password-file", required_argument, NULL, 'p' },
        { "tables",        required_argument, NULL, 't' },
        { "json",          no_argument,       NULL, 'j' },
        { "yes",           no_argument,       NULL, 'y' },
        { "discard-unsent", no_argument,      NULL, 'D' },
        { "help",          no_argument,       NULL, 'h' },
        { "version",       no_argument,       NULL, 'v' },
        { NULL, 0, NULL, 0 }
    };

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'd':
            free(cli->conf->database);
            cli->conf->database = msync_strdup(optarg);
            break;
        case 'u':
            cli->url = optarg;
            break;
        case 'n':
            if (*optarg == '\0') {
                return misused("--username is empty, it must name the site");
            }
            cli->username = optarg;
            break;
        case 'p':
            cli->password_file = optarg;
            break;
        case 't':
            free(cli->conf->tables);
            cli->conf->tables = absolute(optarg);
            break;
        case 'j':
            cli->json = true;
            break;
        case 'y':
            cli->yes = true;
            break;
        case 'D':
            cli->discard = true;
            break;
        case 'h':
            fputs(usage, stdout);
            return 0;
        case 'v':
            printf("msync %s\n", MSYNC_VERSION);
            return 0;
        default:
            fputs(usage, stderr);
            return 2;
        }
    }

    return -1;
}


int
msync_cli(int argc, char **argv)
{
    int          status;
    msync_cli_t  cli;

    memset(&cli, 0, sizeof(cli));
    cli.lock = -1;
    cli.terminal = isatty(STDOUT_FILENO);
    cli.conf = msync_conf_create();
    msync_log_set_level(MSYNC_LOG_WARN);
    msync_log_set_sink(msync_cli_log, &cli);
    msync_store_stop_readers(msync_cli_is_stopped);

    status = parse_options(&cli, argc, argv);

    if (status == -1) {
        status = run_command(&cli, argc - optind, argv + optind);
    }

    /* what did not reach its reader was not done */
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "msync: cannot write the output: %s\n",
                strerror(errno));
        status = status ? status : 1;
    }

    msync_log_set_sink(NULL, NULL);
    msync_store_close(&cli.store);
    msync_catalogue_free(&cli.catalogue);
    msync_conf_free(&cli.conf);

    return status;
}
