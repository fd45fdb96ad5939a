/*
 * The command line: options, and which command is meant.
 *
 * Promises: a reason is on stderr and the exit status tells the same.
 */

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/cli_private.h"
#include "channel/control.h"
#include "base/log.h"

#define CLI_LOCKED_TIME  2000    /* ms that another program may keep the
                                    database locked before it is said */


static int cli_options(msync_cli_t *cli, int argc, char **argv);
static int cli_value(msync_cli_t *cli, int option, const char *value);
static int cli_set(char **text, char *value);
static int cli_flag(msync_cli_t *cli, int option);
static int cli_check(const msync_cli_t *cli, size_t i);
static int cli_foreign(const char *option, const char *command);
static char *cli_absolute(const char *path);
static int cli_command(msync_cli_t *cli, int argc, char **argv);


static volatile sig_atomic_t  cli_stop;

static const char  cli_usage[] =
"Usage: msync --database FILE [OPTION]... COMMAND\n"
"\n"
"Commands:\n"
"  status          what waits, the last run, the last success\n"
"  sync            one run now\n"
"  history         the last runs, newest first\n"
"  errors          records that failed to integrate\n"
"  retry           try these again now\n"
"  dismiss TABLE RECORD, dismiss TABLE --error TEXT, dismiss --all\n"
"                  no more count a failed record, all of one cause, all\n"
"  send TABLE...   queue rows that were never at the centre; or send --all\n"
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
"  --dismissed           errors: those that were dismissed\n"
"  --hardware-id ID      of this machine, as nginx's configuration has it\n"
"  --hardware-id-file FILE  the same by a file\n"
"  --json                output for machines\n"
"  --help, --version\n"
"\n"
"Exit status: 0 done, 1 failed (the reason is on stderr), 2 usage.\n";


void
msync_cli_stop(void)
{
    cli_stop = 1;
}


bool
msync_cli_is_stopped(void)
{
    return cli_stop != 0;
}


static const struct {
    const char   *name;
    int         (*command)(msync_cli_t *cli);
    int           most;                /* arguments */
    int           least;
    bool          database;            /* needs a database */
    bool          strict;              /* needs its catalogue, too, or fails */
    bool          set_up;              /* msync has set up the database
                                          before */
    const char   *options;             /* letters of its own options */
    const char *(*lacks)(const msync_cli_t *cli);
} cli_commands[] = {
    { "status",  msync_cli_status,  0, 0, true,  false, true,  "", NULL },
    { "sync",    msync_cli_sync,    0, 0, true,  true,  false, "", NULL },
    { "history", msync_cli_history, 0, 0, true,  false, true,  "", NULL },
    { "errors",  msync_cli_errors,  0, 0, true,  false, true,  "i", NULL },
    { "retry",   msync_cli_retry,   0, 0, true,  true,  true,  "", NULL },
    { "dismiss", msync_cli_dismiss, 2, 0, true,  true,  true,  "ae",
      msync_cli_dismiss_lacks },
    { "send",    msync_cli_send,    INT_MAX, 0, true, true, true, "a",
      msync_cli_send_lacks },
    { "check",   msync_cli_check,   0, 0, true,  true,  true,  "", NULL },
    { "reinitialise", msync_cli_reinitialise, 0, 0, true, true, true, "yD",
      NULL },
    { "schema",  msync_cli_schema,  0, 0, false, true,  false, "", NULL },
    { "backup",  msync_cli_backup,  1, 1, true,  false, false, "", NULL }
};


int
msync_cli_misused(const char *what)
{
    fprintf(stderr, "msync: %s\n\n%s", what, cli_usage);
    return 2;
}


static int
cli_command(msync_cli_t *cli, int argc, char **argv)
{
    int          status;
    size_t       i;
    msync_err_t  err;

    if (argc == 0) {
        return msync_cli_misused("no command");
    }

    cli->arguments = (const char *const *) argv + 1;
    cli->narguments = (size_t) argc - 1;

    for (i = 0; i < sizeof(cli_commands) / sizeof(*cli_commands); i++) {
        if (strcmp(cli_commands[i].name, argv[0]) != 0) {
            continue;
        }

        status = cli_check(cli, i);
        if (status != -1) {
            return status;
        }

        if (msync_cli_load_catalogue(cli, cli_commands[i].strict, &err)
            != MSYNC_OK
            || (cli_commands[i].set_up
                && msync_cli_expect_schema(cli, &err) != MSYNC_OK))
        {
            return msync_cli_fail(&err);
        }

        return cli_commands[i].command(cli);
    }

    return msync_cli_misused("unknown command");
}


/* what is said wrongly is so whether or not there is a database; -1: go on,
 * else the exit status */

static int
cli_check(const msync_cli_t *cli, size_t i)
{
    size_t       k;
    const char  *lacks;

    const struct {
        bool         given;
        char         letter;
        const char  *name;
    } options[] = {
        { cli->dismissed,     'i', "dismissed" },
        { cli->all,           'a', "all" },
        { cli->error != NULL, 'e', "error" },
        { cli->yes,           'y', "yes" },
        { cli->discard,       'D', "discard-unsent" }
    };

    for (k = 0; k < sizeof(options) / sizeof(*options); k++) {
        if (options[k].given
            && strchr(cli_commands[i].options, options[k].letter) == NULL)
        {
            return cli_foreign(options[k].name, cli_commands[i].name);
        }
    }

    if (cli->narguments > (size_t) cli_commands[i].most) {
        return msync_cli_misused("too many arguments");
    }

    if (cli->narguments < (size_t) cli_commands[i].least) {
        return msync_cli_misused("this command needs a FILE");
    }

    lacks = cli_commands[i].lacks ? cli_commands[i].lacks(cli) : NULL;

    if (lacks != NULL) {
        return msync_cli_misused(lacks);
    }

    return cli_commands[i].database && cli->conf->database == NULL
           ? msync_cli_misused("--database is needed") : -1;
}


static int
cli_foreign(const char *option, const char *command)
{
    char  what[64];

    snprintf(what, sizeof(what), "\"%s\" has no option --%s", command, option);

    return msync_cli_misused(what);
}


/* the database will tell other processes of that file */

static char *
cli_absolute(const char *path)
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
cli_options(msync_cli_t *cli, int argc, char **argv)
{
    int  option, status = -1;

    static const struct option  options[] = {
        { "database",         required_argument, NULL, 'd' },
        { "url",              required_argument, NULL, 'u' },
        { "username",         required_argument, NULL, 'n' },
        { "password-file",    required_argument, NULL, 'p' },
        { "tables",           required_argument, NULL, 't' },
        { "hardware-id",      required_argument, NULL, 'H' },
        { "hardware-id-file", required_argument, NULL, 'F' },
        { "error",            required_argument, NULL, 'e' },
        { "all",              no_argument,       NULL, 'a' },
        { "dismissed",        no_argument,       NULL, 'i' },
        { "json",             no_argument,       NULL, 'j' },
        { "yes",              no_argument,       NULL, 'y' },
        { "discard-unsent",   no_argument,       NULL, 'D' },
        { "help",             no_argument,       NULL, 'h' },
        { "version",          no_argument,       NULL, 'v' },
        { NULL, 0, NULL, 0 }
    };

    while (status == -1
           && (option = getopt_long(argc, argv, "", options, NULL)) != -1)
    {
        status = optarg ? cli_value(cli, option, optarg)
                        : cli_flag(cli, option);
    }

    return status;
}


static int
cli_value(msync_cli_t *cli, int option, const char *value)
{
    switch (option) {

    case 'd':
        if (*value == '\0') {
            return msync_cli_misused("--database is empty, it must name a "
                                     "file");
        }

        return cli_set(&cli->conf->database, msync_strdup(value));

    case 'u':
        cli->url = value;
        return -1;

    case 'n':
        if (*value == '\0') {
            return msync_cli_misused("--username is empty, it must name the "
                                     "site");
        }

        cli->username = value;
        return -1;

    case 'p':
        cli->password_file = value;
        return -1;

    case 't':
        return cli_set(&cli->conf->tables, cli_absolute(value));

    case 'H':
        if (!msync_conf_is_hardware_id(value)) {
            return msync_cli_misused("--hardware-id may have up to 64 "
                                     "letters, digits and - _ . :");
        }

        return cli_set(&cli->conf->hardware_id, msync_strdup(value));

    case 'F':
        return cli_set(&cli->conf->hardware_id_file, msync_strdup(value));

    default: /* 'e' */
        cli->error = value;
        return -1;
    }
}


/* the one that is given last counts */

static int
cli_set(char **text, char *value)
{
    msync_free(text);
    *text = value;

    return -1;
}


static int
cli_flag(msync_cli_t *cli, int option)
{
    switch (option) {

    case 'a':
        cli->all = true;
        return -1;

    case 'i':
        cli->dismissed = true;
        return -1;

    case 'j':
        cli->json = true;
        return -1;

    case 'y':
        cli->yes = true;
        return -1;

    case 'D':
        cli->discard = true;
        return -1;

    case 'h':
        fputs(cli_usage, stdout);
        return 0;

    case 'v':
        printf("msync %s\n", MSYNC_VERSION);
        return 0;

    default:
        fputs(cli_usage, stderr);
        return 2;
    }
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
    msync_store_hook_readers(msync_cli_interrupted, NULL);
    msync_store_warn_locked(CLI_LOCKED_TIME);

    status = cli_options(&cli, argc, argv);

    if (status == -1) {
        status = cli_command(&cli, argc - optind, argv + optind);
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
