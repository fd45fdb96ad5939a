/*
 * The process: arguments, signals, and which of its two lives it leads.
 */

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "cli/cli.h"
#include "confine/confine.h"
#include "channel/control.h"
#include "base/base.h"
#include "serve/serve.h"


static void main_on_signal(int number);
static void main_set_signals(void);
static void main_fill_standard(void);


static void
main_on_signal(int number)
{
    (void) number;
    msync_serve_stop();
    msync_cli_stop();
}


static void
main_set_signals(void)
{
    struct sigaction  action;

    memset(&action, 0, sizeof(action));
    sigemptyset(&action.sa_mask);

    /* no SA_RESTART: poll has to return */
    action.sa_handler = main_on_signal;
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGQUIT, &action, NULL);

    action.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &action, NULL);
    sigaction(SIGHUP, &action, NULL);

    /* a file that may not grow is an error of the write, which has words */
    sigaction(SIGXFSZ, &action, NULL);
}


/*
 * A standard descriptor that is closed would be that of the next file opened
 * here, such as the lock of a database, and what is printed would go into it.
 * Opened the wrong way round it fails as a closed one does.
 */

static void
main_fill_standard(void)
{
    int  fd;

    for (fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) == -1) {
            (void) open("/dev/null",
                        fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
        }
    }
}


int
main(int argc, char **argv)
{
    cJSON_Hooks  hooks = { msync_alloc, free };

    main_fill_standard();
    main_set_signals();

    /* what cJSON reads and writes has limits; without these, a record that
     * memory is lacking for would look like one that is not valid */
    cJSON_InitHooks(&hooks);

    if (argc == 2 && strcmp(argv[1], "--serve") == 0) {
        msync_out_of_memory_exits(MSYNC_EXIT_NO_MEMORY);
        msync_confine_process(MSYNC_CONTROL_FD + 1);
        return msync_serve(MSYNC_CONTROL_FD);
    }

    msync_confine_process(-1);
    return msync_cli_watched(argc, argv);
}
