/*
 * What the files of the terminal commands share; nobody else includes this.
 */

#ifndef MSYNC_CLI_PRIVATE_H
#define MSYNC_CLI_PRIVATE_H

#include "run.h"

typedef struct {
    msync_catalogue_t  *catalogue;
    msync_conf_t       *conf;
    msync_store_t      *store;
    const char         *argument;      /* of the command, NULL: none */
    const char         *url;           /* of the options, NULL: not given */
    const char         *username;
    const char         *password_file;
    bool                json;
    bool                yes;
    bool                discard;
    bool                terminal;      /* stdout is one */
    int                 lock;
    msync_log_entry_t   shown;
} msync_cli_t;


/* each returns the exit status */
int msync_cli_status(msync_cli_t *cli);
int msync_cli_sync(msync_cli_t *cli);
int msync_cli_history(msync_cli_t *cli);
int msync_cli_errors(msync_cli_t *cli);
int msync_cli_retry(msync_cli_t *cli);
int msync_cli_check(msync_cli_t *cli);
int msync_cli_reinitialise(msync_cli_t *cli);
int msync_cli_schema(msync_cli_t *cli);
int msync_cli_backup(msync_cli_t *cli);

/* the catalogue of --tables, else the one that the database goes by; where
 * that cannot be had the built-in one, or an error if that is "strict" */
int msync_cli_load_catalogue(msync_cli_t *cli, bool strict,
    msync_err_t *err);

/* says the error on stderr, returns 1 */
int msync_cli_fail(const msync_err_t *err);
bool msync_cli_is_stopped(void);

#endif /* MSYNC_CLI_PRIVATE_H */
