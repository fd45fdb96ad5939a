/* How the process shares the processor with others, whatever filter it was
 * started under. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "confine/confine.h"

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

#define SLICE      100000000U
#define UNFILTERED 0xffffffffU

typedef struct {
    uint32_t  size;
    uint32_t  policy;
    uint64_t  flags;
    int32_t   nice;
    uint32_t  priority;
    uint64_t  runtime;
    uint64_t  deadline;
    uint64_t  period;
} attributes_t;

typedef struct {
    int           status;      /* of waitpid(2) */
    bool          filtered;    /* there is such a filter here */
    attributes_t  attributes;  /* those it had in the end */
} child_t;


static attributes_t
attributes_of_this(void)
{
    attributes_t  found;

    memset(&found, 0, sizeof(found));
    (void) syscall(SYS_sched_getattr, 0, &found, sizeof(found), 0);

    return found;
}


/* Linux 6.12 and later tell the slice of a process of the usual policy */

static bool
slices_can_be_set(void)
{
    return attributes_of_this().runtime != 0;
}


/* of sched_setattr(2) */

static bool
filter(unsigned action)
{
    struct sock_filter  code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_sched_setattr, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, action),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog   program = { sizeof(code) / sizeof(*code), code };

    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
           && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0;
}


/* what becomes of a process that starts under this filter, with this nice */

static child_t
start_under(unsigned action, int nice)
{
    int      ends[2];
    pid_t    pid;
    child_t  child;

    memset(&child, 0, sizeof(child));
    assert_int_equal(pipe(ends), 0);
    pid = fork();

    if (pid == 0) {
        child.filtered = action == UNFILTERED || filter(action);
        (void) setpriority(PRIO_PROCESS, 0, nice);
        msync_confine_process(-1);
        child.attributes = attributes_of_this();
        _exit(write(ends[1], &child, sizeof(child)) == sizeof(child) ? 0 : 1);
    }

    close(ends[1]);
    (void) !read(ends[0], &child, sizeof(child));
    close(ends[0]);
    assert_int_equal(waitpid(pid, &child.status, 0), pid);

    return child;
}


static void
its_slice_is_longer_than_that_of_whoever_wakes(void **state)
{
    child_t  child;

    (void) state;

    if (!slices_can_be_set()) {
        skip();
    }

    child = start_under(UNFILTERED, 0);
    assert_int_equal(child.status, 0);
    assert_int_equal(child.attributes.runtime, SLICE);
}


static void
policy_and_priority_stay(void **state)
{
    child_t  child = start_under(UNFILTERED, 7);

    (void) state;
    assert_int_equal(child.status, 0);
    assert_int_equal(child.attributes.policy, SCHED_OTHER);
    assert_int_equal(child.attributes.nice, 7);
}


/* that of a container, or of a unit that lets the call pass */

static void
a_filter_that_allows_it_changes_nothing(void **state)
{
    child_t  child = start_under(SECCOMP_RET_ALLOW, 0);

    (void) state;

    if (!child.filtered || !slices_can_be_set()) {
        skip();
    }

    assert_int_equal(child.status, 0);
    assert_int_equal(child.attributes.runtime, SLICE);
}


static void
a_filter_that_kills_does_not_end_the_helper(void **state)
{
    child_t  child = start_under(SECCOMP_RET_KILL_PROCESS, 0);

    (void) state;
    assert_int_equal(child.status, 0);

    child = start_under(SECCOMP_RET_KILL_THREAD, 0);
    assert_int_equal(child.status, 0);
}


static void
a_filter_that_refuses_does_not_end_the_helper(void **state)
{
    child_t  child = start_under(SECCOMP_RET_ERRNO | EPERM, 0);

    (void) state;
    assert_int_equal(child.status, 0);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(its_slice_is_longer_than_that_of_whoever_wakes),
        cmocka_unit_test(policy_and_priority_stay),
        cmocka_unit_test(a_filter_that_allows_it_changes_nothing),
        cmocka_unit_test(a_filter_that_kills_does_not_end_the_helper),
        cmocka_unit_test(a_filter_that_refuses_does_not_end_the_helper),
    };

    return cmocka_run_group_tests_name("slice", tests, NULL, NULL);
}

#else

int
main(void)
{
    return 0;
}

#endif
