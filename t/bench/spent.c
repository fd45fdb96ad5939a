/*
 * Runs a command and says what it took.
 *
 *     spent COMMAND ARGUMENT...
 *
 * Prints "seconds user system peak-KiB written-octets status" to stdout; the
 * command's own output goes to stderr.  Its status is that of the command.
 */

#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SECTOR  512            /* octets, the unit of ru_oublock */


static double
of(struct timeval tv)
{
    return (double) tv.tv_sec + (double) tv.tv_usec / 1e6;
}


int
main(int argc, char **argv)
{
    int              status;
    pid_t            pid;
    struct rusage    usage;
    struct timespec  from, to;

    if (argc < 2) {
        return 2;
    }

    clock_gettime(CLOCK_MONOTONIC, &from);
    pid = fork();

    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        dup2(2, 1);
        execvp(argv[1], argv + 1);
        perror(argv[1]);
        _exit(127);
    }

    if (pid == -1 || wait4(pid, &status, 0, &usage) != pid) {
        perror("spent");
        return 1;
    }

    clock_gettime(CLOCK_MONOTONIC, &to);
    printf("%.6f %.6f %.6f %ld %ld %d\n", (double) (to.tv_sec - from.tv_sec)
           + (double) (to.tv_nsec - from.tv_nsec) / 1e9,
           of(usage.ru_utime), of(usage.ru_stime), usage.ru_maxrss,
           usage.ru_oublock * SECTOR, status);

    return status == 0 ? 0 : 1;
}
