/*
 * Which catalogue a command goes by.
 *
 * A tables file is named by nginx's configuration, which no command reads;
 * whoever wrote to the database last has noted it there.
 *
 * Promises: a command that writes goes by that tables file, by the one that
 * --tables names, or not at all.
 */

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli_private.h"
#include "store/schema.h"
#include "base/log.h"

#define ADVICE  "Let this user read it, or say --tables FILE; one that holds " \
                "[] stands for the built-in catalogue alone."


static int catalogue_noted_file(msync_cli_t *cli, char **file,
    msync_err_t *err);
static msync_catalogue_t *catalogue_load_noted(const char *file,
    msync_err_t *err);


/* a database that is not there yet has none; *file is owned by the caller,
 * the database stays open */

static int
catalogue_noted_file(msync_cli_t *cli, char **file, msync_err_t *err)
{
    *file = NULL;

    if (cli->conf->database == NULL
        || access(cli->conf->database, F_OK) == -1)
    {
        return MSYNC_OK;
    }

    return msync_cli_open(cli, MSYNC_STORE_READ_ONLY, err) == MSYNC_OK
           ? msync_store_tables_file(cli->store, file, err) : MSYNC_ERROR;
}


static msync_catalogue_t *
catalogue_load_noted(const char *file, msync_err_t *err)
{
    if (access(file, R_OK) == -1) {
        msync_err_set(err, MSYNC_ERR_UNKNOWN, "this database goes by the "
                      "tables file %s, which cannot be read: %s", file,
                      strerror(errno));
        err->advice = ADVICE;
        return NULL;
    }

    return msync_catalogue_load(file, err);
}


int
msync_cli_load_catalogue(msync_cli_t *cli, bool strict, msync_err_t *err)
{
    int                 rc = MSYNC_OK;
    char               *file;
    msync_catalogue_t  *noted;

    if (cli->conf->tables != NULL) {
        cli->catalogue = msync_catalogue_load(cli->conf->tables, err);
        return cli->catalogue ? MSYNC_OK : MSYNC_ERROR;
    }

    cli->catalogue = msync_catalogue_builtin(err);

    if (cli->catalogue == NULL
        || catalogue_noted_file(cli, &file, err) != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    if (file != NULL && *file != '\0') {
        noted = catalogue_load_noted(file, err);

        if (noted != NULL) {
            msync_store_close(&cli->store);
            msync_catalogue_free(&cli->catalogue);
            cli->catalogue = noted;

        } else if (strict) {
            rc = MSYNC_ERROR;

        } else {
            msync_log(MSYNC_LOG_WARN, "%s; this command goes by the built-in "
                      "catalogue", err->text);
        }
    }

    msync_free(&file);
    return rc;
}
