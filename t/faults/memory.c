/*
 * Allocations that fail.  The dynamic linker takes these before libc's for
 * all libraries, too.  A sanitizer has allocators of its own.
 */

#include "faults.h"

#include <errno.h>
#include <stdlib.h>


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
