/*
 * Who goes first where somebody else wants the processor: whoever wakes, not
 * the helper that is at work.
 *
 * Promises: a kernel or a sandbox without this changes nothing else.
 */

#include <sched.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "confine/confine_private.h"

#define SLICE  100000000         /* ns, the longest that the kernel gives */


/* what sched_setattr(2) takes in its first version */

typedef struct {
    uint32_t  size;
    uint32_t  policy;
    uint64_t  flags;
    int32_t   nice;
    uint32_t  priority;
    uint64_t  runtime;
    uint64_t  deadline;
    uint64_t  period;
} slice_attributes_t;


static void slice_set(pid_t pid);


/*
 * Where a process wakes, Linux since 6.6 lets the one at work go on for a slice
 * of a millisecond or several; since 6.12 it does not where the slice of the
 * one that wakes is shorter.  With the longest there is, a worker of nginx or
 * the application does not wait for the helper.  Its share of the processor
 * stays that of any process: one of a lower priority would keep the database
 * locked for as long as others keep it from the processor.
 *
 * Where there is a filter, a child makes the call for its parent.
 */

void
msync_confine_slice(void)
{
    if (!msync_confine_is_filtered()) {
        slice_set(getpid());
        return;
    }

    (void) msync_confine_probe(slice_set);
}


/* the policy and priority that somebody gave nginx stay */

static void
slice_set(pid_t pid)
{
    /* valgrind does not see that the first call fills this in */
    slice_attributes_t  attributes = { 0 };

    if (syscall(SYS_sched_getattr, pid, &attributes, sizeof(attributes), 0)
        == -1
        || (attributes.policy != SCHED_OTHER
            && attributes.policy != SCHED_BATCH))
    {
        return;
    }

    attributes.runtime = SLICE;
    (void) syscall(SYS_sched_setattr, pid, &attributes, 0);
}
