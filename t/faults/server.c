/*
 * One process that runs the helper again and again: with MSYNC_FAULT_SERVER in
 * the environment, main() reads requests from the standard input, a line each,
 * and begins the helper in a child for each of them.  So libraries are linked
 * and the built-in catalogue is read once for some hundred runs.
 *
 * The fields of a line end with \1: the file for what the run prints,
 * assignments of the environment, an empty field, the arguments.  The answer
 * is the status of waitpid() in a line.
 */

#include "catalogue/catalogue.h"
#include "cli/cli.h"
#include "faults.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define FIELD_END    '\1'
#define FIELDS_MAX   64


int __real_main(int argc, char **argv);
int __wrap_main(int argc, char **argv);
msync_catalogue_t *__real_msync_catalogue_builtin(msync_err_t *err);
msync_catalogue_t *__wrap_msync_catalogue_builtin(msync_err_t *err);
void __real_msync_catalogue_free(msync_catalogue_t **catalogue);
void __wrap_msync_catalogue_free(msync_catalogue_t **catalogue);

int __wrap_msync_cli_watched(int argc, char **argv);

static int server_run(char *line);
static void server_begin(int argc, char **argv);


static msync_catalogue_t  *ready;          /* owned by the server */
static bool                lent;           /* a run has it */


/* a command dies here as it does where nobody watches */

int
__wrap_msync_cli_watched(int argc, char **argv)
{
    return msync_cli(argc, argv);
}


int
__wrap_main(int argc, char **argv)
{
    char         *line = NULL;
    size_t        size = 0;
    msync_err_t   err;

    if (getenv("MSYNC_FAULT_SERVER") == NULL) {
        return __real_main(argc, argv);
    }

    ready = __real_msync_catalogue_builtin(&err);

    while (ready != NULL && getline(&line, &size, stdin) > 0) {
        printf("%d\n", server_run(line));
        fflush(stdout);
    }

    free(line);
    msync_catalogue_free(&ready);

    return 0;
}


static int
server_run(char *line)
{
    int     n, status;
    char   *end, *field;
    char   *fields[FIELDS_MAX + 1] = { NULL };
    pid_t   pid;

    for (n = 0, field = line;
         n < FIELDS_MAX && (end = strchr(field, FIELD_END)) != NULL;
         n++, field = end + 1)
    {
        *end = '\0';
        fields[n] = field;
    }

    pid = fork();

    if (pid == 0) {
        server_begin(n, fields);
    }

    if (pid == -1 || waitpid(pid, &status, 0) != pid) {
        abort();
    }

    return status;
}


/* the child; its standard input is not that of the requests */

static void
server_begin(int argc, char **argv)
{
    int  in, out;

    in = open("/dev/null", O_RDONLY);
    out = open(argv[0], O_WRONLY|O_CREAT|O_TRUNC, 0600);

    if (in == -1 || out == -1 || dup2(in, STDIN_FILENO) == -1
        || dup2(out, STDOUT_FILENO) == -1 || dup2(out, STDERR_FILENO) == -1)
    {
        abort();
    }

    close(in);
    close(out);

    while (argc > 1 && *argv[1] != '\0') {
        (void) putenv(argv[1]);
        argv++;
        argc--;
    }

    faults_ask();

    argv++;
    argc--;
    argv[0] = "msync";

    exit(__real_main(argc, argv));
}


/* a copy of the parent's is the first that a child asks for */

msync_catalogue_t *
__wrap_msync_catalogue_builtin(msync_err_t *err)
{
    if (ready == NULL || lent) {
        return __real_msync_catalogue_builtin(err);
    }

    lent = true;

    return ready;
}


/* pages that the child writes to are copied, only to go with it */

void
__wrap_msync_catalogue_free(msync_catalogue_t **catalogue)
{
    if (lent && *catalogue == ready) {
        *catalogue = NULL;
        return;
    }

    __real_msync_catalogue_free(catalogue);
}
