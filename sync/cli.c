/*
 * Terminal commands.
 *
 * Promises: reading commands never take the lock and never write; a command
 * that syncs says who holds the lock and what to do instead; a reason is on
 * stderr and the exit status tells the same.
 */

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "cli.h"
#include "control.h"
#include "run.h"
#include "status.h"

typedef struct {
    msync_catalogue_t  *catalogue;
    msync_conf_t       *conf;
    msync_store_t      *store;
    const char         *argument;      /* of the command, NULL: none */
    const char         *url;           /* of the options, NULL: not given */
    const char         *username;
    const char         *password_file;
    bool                json;
    bool                terminal;      /* stdout is one */
    int                 lock;
    msync_log_entry_t   shown;
} cli_t;

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
"  schema          the SQL that the helper creates\n"
"  backup FILE     a consistent copy, also while a sync runs\n"
"\n"
"Options:\n"
"  --database FILE       the site database\n"
"  --url URL             central server, instead of the saved one\n"
"  --username NAME       site name, instead of the saved one\n"
"  --password-file FILE  its password, instead of the saved one\n"
"  --tables FILE         additions and overrides to the catalogue\n"
"  --json                output for machines\n"
"  --help, --version\n"
"\n"
"Exit status: 0 done, 1 failed (the reason is on stderr), 2 usage.\n";


void
msync_cli_stop(void)
{
    stop = 1;
}


static int
fail(const msync_err_t *err)
{
    char  text[MSYNC_ERR_TEXT_MAX + 512];

    fprintf(stderr, "msync: %s: %s\n", msync_err_variant(err->variant),
            msync_err_full(err, text, sizeof(text)));
    return 1;
}


static void
print_json(const char *text)
{
    fputs(text, stdout);
    fputc('\n', stdout);
}


static int
open_database(cli_t *cli, unsigned flags, msync_err_t *err)
{
    cli->store = msync_store_open(cli->conf->database, cli->catalogue, flags,
                                  err);
    return cli->store ? MSYNC_OK : MSYNC_ERROR;
}


/* takes the lock, or says who has it */

static int
take_lock(cli_t *cli, msync_err_t *err)
{
    int   rc;
    long  holder = 0;

    rc = msync_store_lock(cli->conf->database, &cli->lock, &holder, err);

    if (rc == MSYNC_AGAIN) {
        fprintf(stderr, "msync: process %ld syncs this database (nginx's "
                "helper, most likely); use the button of the page or POST "
                "to its \"trigger\" endpoint, or stop nginx first\n",
                holder);
        return MSYNC_ERROR;
    }

    if (rc != MSYNC_OK) {
        fail(err);
    }

    return rc;
}


/* what is said on the command line wins over what was saved */

static int
load_settings(cli_t *cli, msync_err_t *err)
{
    msync_conf_t  *conf = cli->conf;

    if (msync_store_load_settings(cli->store, conf, err) != MSYNC_OK
        || (cli->url != NULL
            && msync_conf_set_url(conf, cli->url, err) != MSYNC_OK))
    {
        return MSYNC_ERROR;
    }

    if (cli->username != NULL) {
        free(conf->username);
        conf->username = msync_strdup(cli->username);
    }

    if (cli->password_file != NULL) {
        free(conf->password_file);
        conf->password_file = msync_strdup(cli->password_file);
        return msync_conf_read_password(conf, err);
    }

    return MSYNC_OK;
}


static int
read_status(cli_t *cli, msync_status_t *status, msync_err_t *err)
{
    int64_t  paused = 0;

    memset(status, 0, sizeof(msync_status_t));

    if (load_settings(cli, err) != MSYNC_OK
        || msync_store_log_last(cli->store, &status->entry, err) != MSYNC_OK
        || msync_store_log_last_success(cli->store, &status->success, err)
           != MSYNC_OK
        || msync_store_queue(cli->store, MSYNC_KEY_PUSH_CURSOR,
                             &status->queue, err) != MSYNC_OK
        || msync_store_failures(cli->store, &status->failed, err)
           != MSYNC_OK
        || msync_store_get_int(cli->store, MSYNC_KEY_PAUSED, &paused, err)
           != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    status->interval = cli->conf->interval;
    status->paused = paused != 0;
    status->running = status->entry.id != 0 && status->entry.finished == 0;

    return MSYNC_OK;
}


static int
command_status(cli_t *cli)
{
    char            *text, time[32];
    msync_err_t      err;
    msync_status_t   status;

    static const char *const  states[] = MSYNC_STATE_NAMES;

    if (open_database(cli, MSYNC_STORE_READ_ONLY, &err) != MSYNC_OK
        || read_status(cli, &status, &err) != MSYNC_OK)
    {
        return fail(&err);
    }

    if (cli->json) {
        text = msync_status_document(&status, false);
        printf("{\"state\":\"%s\",%s\n", states[msync_status_state(&status)],
               text);
        msync_free(&text);
        return 0;
    }

    printf("state            %s\n", states[msync_status_state(&status)]);
    printf("records waiting  %lld\n", (long long) status.queue);
    printf("failed records   %lld\n", (long long) status.failed);
    printf("last success     %s\n", status.success.id
           ? msync_store_time(status.success.finished, time) : "none");

    if (status.entry.variant != MSYNC_ERR_NONE) {
        printf("last error       %s: %s\n",
               msync_err_variant(status.entry.variant), status.entry.text);
    }

    return 0;
}


static void
show_run(void *data, const msync_log_entry_t *entry)
{
    char  time[32];

    (void) data;

    printf("%6lld  %s  %6llds  %s\n", (long long) entry->id,
           msync_store_time(entry->started, time),
           (long long) (entry->finished
                        ? (entry->finished - entry->started) / 1000 : 0),
           entry->variant ? msync_err_variant(entry->variant)
                          : entry->finished ? "ok" : "running");
}


static int
command_history(cli_t *cli)
{
    char         *text;
    msync_err_t   err;

    if (open_database(cli, MSYNC_STORE_READ_ONLY, &err) != MSYNC_OK) {
        return fail(&err);
    }

    if (!cli->json) {
        return msync_store_log_history(cli->store, MSYNC_HISTORY_RUNS,
                                       show_run, NULL, &err) == MSYNC_OK
               ? 0 : fail(&err);
    }

    text = msync_status_history(cli->store, &err);
    if (text == NULL) {
        return fail(&err);
    }

    print_json(text);
    msync_free(&text);

    return 0;
}


static void
show_error(void *data, const msync_failed_t *failed)
{
    (void) data;

    printf("%s %s %s: %s (since %s, %lld tries)\n", failed->action,
           failed->table, failed->record_id, failed->error,
           failed->since ? failed->since : "?", (long long) failed->tries);
}


static int
command_errors(cli_t *cli)
{
    char         *text;
    msync_err_t   err;

    if (open_database(cli, MSYNC_STORE_READ_ONLY, &err) != MSYNC_OK) {
        return fail(&err);
    }

    if (!cli->json) {
        return msync_store_buffer_errors(cli->store, MSYNC_ERRORS_MAX,
                                         show_error, NULL, &err) == MSYNC_OK
               ? 0 : fail(&err);
    }

    text = msync_status_errors(cli->store, &err);
    if (text == NULL) {
        return fail(&err);
    }

    print_json(text);
    msync_free(&text);

    return 0;
}


static int
command_schema(cli_t *cli)
{
    char  *text;

    text = msync_store_schema(cli->catalogue);
    fputs(text, stdout);
    msync_free(&text);

    return 0;
}


static int
interrupted(void *data, msync_err_t *err)
{
    (void) data;

    return stop ? msync_err_set(err, MSYNC_ERR_CANCELLED,
                                "interrupted from the terminal")
                : MSYNC_OK;
}


/* one line a step, rewritten in place on a terminal */

static void
show_progress(void *data, const msync_log_entry_t *entry, bool step)
{
    int                      i;
    cli_t                   *cli = data;
    const msync_step_log_t  *now;

    if (cli->json) {
        return;
    }

    for (i = 0; i < MSYNC_STEP_MAX; i++) {
        now = &entry->steps[i];

        if (now->started == 0 || cli->shown.steps[i].finished != 0) {
            continue;
        }

        if (cli->terminal) {
            printf("\r%-14s", msync_step_title(i));

            if (now->total >= 0) {
                printf(" %lld/%lld", (long long) now->done,
                       (long long) now->total);
            }

            printf("\033[K%s", now->finished ? "\n" : "");

        } else if (step && now->finished) {
            printf("%s %lld/%lld\n", msync_step_title(i),
                   (long long) now->done, (long long) now->total);
        }
    }

    fflush(stdout);
    cli->shown = *entry;
}


static int
open_for_writing(cli_t *cli, msync_err_t *err)
{
    int  interrupted_runs;

    if (open_database(cli, MSYNC_STORE_CREATE, err) != MSYNC_OK
        || load_settings(cli, err) != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    return msync_store_log_close_interrupted(cli->store, &interrupted_runs,
                                             err);
}


static int
command_sync(cli_t *cli)
{
    char               hardware_id[37];
    msync_err_t        err;
    msync_run_t        run;
    msync_log_entry_t  entry;

    if (take_lock(cli, &err) != MSYNC_OK) {
        return 1;
    }

    if (open_for_writing(cli, &err) != MSYNC_OK
        || msync_conf_hardware_id(hardware_id, &err) != MSYNC_OK)
    {
        return fail(&err);
    }

    if (!msync_conf_complete(cli->conf)) {
        fprintf(stderr, "msync: this site has no settings yet; give --url, "
                "--username and --password-file\n");
        return 1;
    }

    memset(&run, 0, sizeof(run));
    run.store = cli->store;
    run.catalogue = cli->catalogue;
    run.conf = cli->conf;
    run.hardware_id = hardware_id;
    run.fd = -1;
    run.hook = interrupted;
    run.report = show_progress;
    run.report_data = cli;

    if (msync_run(&run, &entry, &err) != MSYNC_OK) {
        return fail(&err);
    }

    if (cli->json) {
        return command_status(cli);
    }

    return 0;
}


static int
command_retry(cli_t *cli)
{
    msync_err_t         err;
    msync_log_entry_t   success;
    msync_integrated_t  result;

    if (take_lock(cli, &err) != MSYNC_OK) {
        return 1;
    }

    if (open_for_writing(cli, &err) != MSYNC_OK
        || msync_store_log_last_success(cli->store, &success, &err)
           != MSYNC_OK
        || msync_store_buffer_wake_all(cli->store, &err) != MSYNC_OK
        || msync_store_refused_requeue(cli->store, true, &err) != MSYNC_OK
        || msync_integrate(cli->store, cli->catalogue, success.id != 0, NULL,
                           NULL, &result, &err) != MSYNC_OK)
    {
        return fail(&err);
    }

    printf(cli->json ? "{\"integrated\":%lld,\"failed\":%lld}\n"
                     : "%lld integrated, %lld failed\n",
           (long long) result.integrated, (long long) result.failed);

    return 0;
}


static int
command_backup(cli_t *cli)
{
    msync_err_t  err;

    if (open_database(cli, MSYNC_STORE_READ_ONLY, &err) != MSYNC_OK
        || msync_store_backup(cli->store, cli->argument, &err) != MSYNC_OK)
    {
        return fail(&err);
    }

    return 0;
}


static const struct {
    const char  *name;
    int        (*command)(cli_t *cli);
    bool         argument;
    bool         database;             /* needs one */
} commands[] = {
    { "status",  command_status,  false, true },
    { "sync",    command_sync,    false, true },
    { "history", command_history, false, true },
    { "errors",  command_errors,  false, true },
    { "retry",   command_retry,   false, true },
    { "schema",  command_schema,  false, false },
    { "backup",  command_backup,  true,  true }
};


static int
misused(const char *what)
{
    fprintf(stderr, "msync: %s\n\n%s", what, usage);
    return 2;
}


static int
run_command(cli_t *cli, int argc, char **argv)
{
    size_t  i;

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

        cli->argument = argv[1];
        return commands[i].command(cli);
    }

    return misused("unknown command");
}


/* -1: go on, else the exit status */

static int
parse_options(cli_t *cli, int argc, char **argv)
{
    int  option;

    static const struct option  options[] = {
        { "database",      required_argument, NULL, 'd' },
        { "url",           required_argument, NULL, 'u' },
        { "username",      required_argument, NULL, 'n' },
        { "password-file", required_argument, NULL, 'p' },
        { "tables",        required_argument, NULL, 't' },
        { "json",          no_argument,       NULL, 'j' },
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
            cli->username = optarg;
            break;
        case 'p':
            cli->password_file = optarg;
            break;
        case 't':
            free(cli->conf->tables);
            cli->conf->tables = msync_strdup(optarg);
            break;
        case 'j':
            cli->json = true;
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
    cli_t        cli;
    msync_err_t  err;

    memset(&cli, 0, sizeof(cli));
    cli.lock = -1;
    cli.terminal = isatty(STDOUT_FILENO);
    cli.conf = msync_conf_create();
    msync_log_set_level(MSYNC_LOG_WARN);

    status = parse_options(&cli, argc, argv);

    if (status == -1) {
        cli.catalogue = cli.conf->tables
                        ? msync_catalogue_load(cli.conf->tables, &err)
                        : msync_catalogue_builtin(&err);
        status = cli.catalogue ? run_command(&cli, argc - optind,
                                             argv + optind)
                               : fail(&err);
    }

    msync_store_close(&cli.store);
    msync_catalogue_free(&cli.catalogue);
    msync_conf_free(&cli.conf);

    return status;
}
