/*
 * Allocations that fail.  The dynamic linker takes these before libc's for
 * all libraries, too.  A sanitizer has allocators of its own.
 *
 * A sync allocates some hundred thousand times, from some thousand places:
 * faults_paths() tells the first of each.  A place is the whole chain of
 * calls, for who has to clean up is told by that.
 */

#include "faults.h"

#include <errno.h>
#include <execinfo.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define DEPTH  64
#define PATHS  65536               /* a power of two */

static FILE      *told;
static uint64_t   seen[PATHS];
static unsigned   n_seen;


void
faults_paths(FILE *to)
{
    void  *frame;

    /* the first call loads the unwinder, which a confined process could not */
    (void) backtrace(&frame, 1);
    told = to;
}


void
faults_path(unsigned long n)
{
    int         i, depth;
    void       *frames[DEPTH];
    FILE       *to = told;
    uint64_t    hash = 14695981039346656037u;
    uint64_t   *slot;

    if (to == NULL) {
        return;
    }

    /* what is allocated in here is not the helper's */
    told = NULL;
    depth = backtrace(frames, DEPTH);

    for (i = 0; i < depth; i++) {
        hash = (hash ^ (uintptr_t) frames[i]) * 1099511628211u;
        hash ^= hash >> 29;
    }

    slot = &seen[hash % PATHS];

    while (*slot != 0 && *slot != hash) {
        slot = slot == &seen[PATHS - 1] ? seen : slot + 1;
    }

    if (*slot == 0) {
        *slot = hash;
        fprintf(to, "%lu\n", n);

        if (++n_seen == PATHS / 2) {
            fprintf(stderr, "more than %u paths: PATHS is too small\n",
                    n_seen);
            abort();
        }
    }

    told = to;
}


#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);


void *
malloc(size_t size)
{
    if (faults_memory()) {
        errno = ENOMEM;
        return NULL;
    }

    return __libc_malloc(size);
}


void *
calloc(size_t n, size_t size)
{
    if (faults_memory()) {
        errno = ENOMEM;
        return NULL;
    }

    return __libc_calloc(n, size);
}


void *
realloc(void *p, size_t size)
{
    if (faults_memory()) {
        errno = ENOMEM;
        return NULL;
    }

    return __libc_realloc(p, size);
}

#endif
