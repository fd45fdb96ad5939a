/*
 * A wall clock that somebody sets: MSYNC_FAULT_CLOCK names a file whose first
 * eight octets, an integer of this machine, are milliseconds that it is ahead.
 * Whoever writes there sets it.
 */

#include "base/clock.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>


int64_t __real_msync_clock_wall(void);
int64_t __wrap_msync_clock_wall(void);


static const volatile int64_t  *ahead;     /* NULL: not at all */


/* mapped now: later the helper is confined */

static void __attribute__((constructor))
map(void)
{
    int          fd;
    void        *page;
    const char  *path;

    path = getenv("MSYNC_FAULT_CLOCK");
    if (path == NULL) {
        return;
    }

    fd = open(path, O_RDONLY|O_CLOEXEC);
    page = mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, fd, 0);
    close(fd);

    if (page == MAP_FAILED) {
        abort();
    }

    ahead = page;
}


int64_t
__wrap_msync_clock_wall(void)
{
    return __real_msync_clock_wall() + (ahead != NULL ? *ahead : 0);
}
