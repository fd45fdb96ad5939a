/* Which system calls a confined process has on the processor that it runs on:
 * those that t/confined/probe.c does not try, for libc makes others. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "confine/confine_private.h"

#define NO_FILTER  77

/* on i386 those of shared memory have two ways in, and those of time two kinds
 * of time */
static const long  refused[] = {
    SYS_shmat, SYS_shmctl, SYS_semctl, SYS_msgctl, SYS_msgsnd, SYS_msgrcv,
    SYS_clock_settime, SYS_clock_adjtime, SYS_adjtimex,
#ifdef SYS_semop
    SYS_semop, SYS_semtimedop,
#endif
#ifdef SYS_ipc
    SYS_ipc,
#endif
#ifdef SYS_clock_settime64
    SYS_clock_settime64, SYS_clock_adjtime64, SYS_semtimedop_time64,
    SYS_utimensat_time64,
#endif
};

#define NREFUSED  (sizeof(refused) / sizeof(*refused))


/* without a filter all of these have something else to say of their arguments;
 * the number of the first that is not refused */

static int
confined(void)
{
    size_t  i;

    (void) prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    msync_confine_calls();

    if (prctl(PR_GET_SECCOMP) != 2) {
        return NO_FILTER;
    }

    for (i = 0; i < NREFUSED; i++) {
        if (syscall(refused[i], -1, 0, 0, 0, 0, 0) != -1 || errno != EPERM) {
            return (int) i + 1;
        }
    }

    return 0;
}


static void
neither_memory_is_shared_nor_the_clock_set(void **state)
{
    int          status;
    pid_t        pid;
    const char  *preload = getenv("LD_PRELOAD");

    (void) state;

    /* valgrind answers some of these itself */
    if (preload != NULL && strstr(preload, "vgpreload") != NULL) {
        skip();
    }

    pid = fork();

    if (pid == 0) {
        _exit(confined());
    }

    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));

    if (WEXITSTATUS(status) == NO_FILTER) {
        skip();
    }

    assert_int_equal(WEXITSTATUS(status), 0);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(neither_memory_is_shared_nor_the_clock_set),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
