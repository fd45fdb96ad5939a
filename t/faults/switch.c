/*
 * What somebody else sets while the helper runs: MSYNC_FAULT_SWITCH names a
 * file of two integers of this machine, eight octets each, the milliseconds
 * that the wall clock is ahead and whether the disk is full.
 */

#include "base/clock.h"
#include "faults.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>


int64_t __real_msync_clock_wall(void);
int64_t __wrap_msync_clock_wall(void);


static const volatile int64_t  *set;       /* NULL: nothing is */


/* mapped now: later the helper is confined */

static void __attribute__((constructor))
map(void)
{
    int          fd;
    void        *page;
    const char  *path;

    path = getenv("MSYNC_FAULT_SWITCH");
    if (path == NULL) {
        return;
    }

    fd = open(path, O_RDONLY|O_CLOEXEC);
    page = mmap(NULL, 2 * sizeof(int64_t), PROT_READ, MAP_SHARED, fd, 0);
    close(fd);

    if (page == MAP_FAILED) {
        abort();
    }

    set = page;
}


int64_t
__wrap_msync_clock_wall(void)
{
    const char  *stands = getenv("MSYNC_FAULT_CLOCK");

    if (stands != NULL) {
        return strtoll(stands, NULL, 10);
    }

    return __real_msync_clock_wall() + (set != NULL ? set[0] : 0);
}


/* OpenSSL compares a certificate's dates with this one */

time_t
time(time_t *seconds)
{
    struct timespec  now;

    (void) clock_gettime(CLOCK_REALTIME, &now);
    now.tv_sec += set != NULL ? set[0] / 1000 : 0;

    if (seconds != NULL) {
        *seconds = now.tv_sec;
    }

    return now.tv_sec;
}


bool
faults_disk_is_full(void)
{
    return set != NULL && set[1] != 0;
}
