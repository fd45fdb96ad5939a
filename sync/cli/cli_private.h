/*
 * What the files of the terminal commands share; nobody else includes this.
 */

#ifndef MSYNC_CLI_PRIVATE_H
#define MSYNC_CLI_PRIVATE_H

#include "run/run.h"
#include "store/log.h"

typedef struct {
    msync_catalogue_t  *catalogue;
    msync_conf_t       *conf;
    msync_store_t      *store;
    const char *const  *arguments;     /* of the command, NULL at the end */
    size_t              narguments;
    const char         *url;           /* of the options, NULL: not given */
    const char         *username;
    const char         *password_file;
    bool                json;
    bool                yes;
    bool                discard;
    bool                all;
    bool                dismissed;
    const char         *error;         /* NULL: not given */
    bool                terminal;      /* stdout is a terminal */
    int                 lock;
    msync_log_entry_t   shown;
    bool                line;          /* the line of a step is not ended yet */
    int64_t             step_done;     /* `done` of the step when first shown */
} msync_cli_t;


/* each returns the exit status */
int msync_cli_status(msync_cli_t *cli);
int msync_cli_sync(msync_cli_t *cli);
int msync_cli_history(msync_cli_t *cli);
int msync_cli_errors(msync_cli_t *cli);
int msync_cli_retry(msync_cli_t *cli);
int msync_cli_dismiss(msync_cli_t *cli);
int msync_cli_send(msync_cli_t *cli);
int msync_cli_check(msync_cli_t *cli);
int msync_cli_reinitialise(msync_cli_t *cli);
int msync_cli_schema(msync_cli_t *cli);
int msync_cli_backup(msync_cli_t *cli);

/* what a command line of "dismiss" or "send" lacks, in words; NULL: nothing */
const char *msync_cli_dismiss_lacks(const msync_cli_t *cli);
const char *msync_cli_send_lacks(const msync_cli_t *cli);

/* whoever kills what the terminal waits for ends this process, too */
void msync_cli_end_together(void);

/* opens the database, where msync_cli_load_catalogue has not yet, or lets it
 * be written; to write, also with the settings and a wait that a signal ends */
int msync_cli_open(msync_cli_t *cli, unsigned flags, msync_err_t *err);
int msync_cli_open_writing(msync_cli_t *cli, msync_err_t *err);

/* an error of a database that msync has not set up: whoever names a wrong one
 * gets no tables in it */
int msync_cli_expect_schema(msync_cli_t *cli, msync_err_t *err);

/* reads the settings of the database, over which those of the options win, and
 * the password file that these name */
int msync_cli_load_settings(msync_cli_t *cli, msync_err_t *err);

/* a hook: MSYNC_ERR_CANCELLED once a signal has asked for the end */
int msync_cli_interrupted(void *data, msync_err_t *err);

/* shows the status of the open database, with the settings that were loaded;
 * returns the exit status */
int msync_cli_show_status(msync_cli_t *cli);

/* a run that a signal cancels, without hardware id and report */
void msync_cli_prepare(msync_cli_t *cli, msync_run_t *run, msync_does_e does);

/* takes the lock, or says who has it, and which endpoint does the same; NULL:
 * none does */
int msync_cli_lock(msync_cli_t *cli, const char *endpoint, msync_err_t *err);

/* says what is wrong with the command line, returns 2 */
int msync_cli_misused(const char *what);

/* the catalogue of --tables, else the one that the database goes by; where
 * that cannot be had the built-in one, or an error if that is `strict` */
int msync_cli_load_catalogue(msync_cli_t *cli, bool strict,
    msync_err_t *err);

/* progress.c: shows what a run does, `data` is the command's; ends the line
 * that it is in the middle of, for whoever has something else to say */
void msync_cli_progress(void *data, const msync_log_entry_t *entry,
    bool step);
void msync_cli_end_line(msync_cli_t *cli);
/* a sink of the log that ends such a line first; `data` is the command's */
void msync_cli_log(void *data, int level, const char *line);

/* says the error on stderr, returns 1 */
int msync_cli_fail(const msync_err_t *err);
/* prints a document and frees it, or says why there is none where it is NULL;
 * returns the exit status */
int msync_cli_print(char *document, const msync_err_t *err);
bool msync_cli_is_stopped(void);

#endif /* MSYNC_CLI_PRIVATE_H */
