/*
 * The counters and what the environment says about them.
 */

#include "faults.h"

#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>


#define REQUESTS_MAX  1024


static const char  *const kinds[] = {
    "none", "kill-write", "full-write", "io-write", "read-only", "dead",
    "kill-before", "kill-sent", "kill-after", "no-memory", "no-memory-on"
};

static fault_e        wanted;
static unsigned long  at, writes, requests, allocations;
static unsigned long  before[REQUESTS_MAX];   /* writes before each request */
static FILE          *count, *paths;
static bool           asked;


static void
tell(void)
{
    unsigned long  i;

    if (count != NULL) {
        fprintf(count, "%lu %lu", writes, requests);

        for (i = 0; i < requests && i < REQUESTS_MAX; i++) {
            fprintf(count, " %lu", before[i]);
        }

        fprintf(count, "\n");
        fclose(count);
    }

    if (paths != NULL) {
        faults_paths(NULL);
        fclose(paths);
    }
}


static void
choose(const char *text)
{
    size_t  i;
    char    kind[32];

    if (sscanf(text, "%31s %lu", kind, &at) == 2 && at > 0) {
        for (i = 1; i < sizeof(kinds) / sizeof(*kinds); i++) {
            if (strcmp(kinds[i], kind) == 0) {
                wanted = i;
                return;
            }
        }
    }

    fprintf(stderr, "MSYNC_FAULT is odd: %s\n", text);
    abort();
}


void __attribute__((constructor))
faults_ask(void)
{
    const char  *path, *text;

    writes = requests = allocations = 0;

    /* opened now: at the end the helper is confined */
    path = getenv("MSYNC_FAULT_COUNT");
    count = path ? fopen(path, "we") : NULL;
    path = getenv("MSYNC_FAULT_PATHS");
    paths = path ? fopen(path, "we") : NULL;

    if (!asked) {
        atexit(tell);
    }

    text = getenv("MSYNC_FAULT");
    if (text != NULL) {
        choose(text);
    }

    if (paths != NULL) {
        faults_paths(paths);
    }

    asked = true;
}


fault_e
faults_write(void)
{
    writes++;

    if (faults_disk_is_full()) {
        return FAULT_FULL_WRITE;
    }

    if (wanted == FAULT_FULL_WRITE || wanted == FAULT_READ_ONLY
        || wanted == FAULT_DEAD)
    {
        return writes >= at ? wanted : FAULT_NONE;
    }

    return (wanted == FAULT_KILL_WRITE || wanted == FAULT_IO_WRITE)
           && writes == at ? wanted : FAULT_NONE;
}


bool
faults_disk_is_dead(void)
{
    return wanted == FAULT_DEAD && writes >= at;
}


/* a disk that is full has nothing left */

int
statvfs(const char *path, struct statvfs *disk)
{
    int  rc;

    static int (*libc_statvfs)(const char *, struct statvfs *);

    if (libc_statvfs == NULL) {
        libc_statvfs = (int (*)(const char *, struct statvfs *))
                           dlsym(RTLD_NEXT, "statvfs");
    }

    rc = libc_statvfs(path, disk);

    if (faults_disk_is_full()
        || (wanted == FAULT_FULL_WRITE && writes >= at))
    {
        disk->f_bavail = 0;
    }

    return rc;
}


bool
faults_memory(void)
{
    if (!asked) {
        return false;
    }

    allocations++;
    faults_path(allocations);

    return (wanted == FAULT_NO_MEMORY && allocations == at)
           || (wanted == FAULT_NO_MEMORY_ON && allocations >= at);
}


void
faults_request(void)
{
    if (requests < REQUESTS_MAX) {
        before[requests] = writes;
    }

    requests++;
}


void
faults_kill_at(fault_e moment)
{
    if (wanted == moment && requests == at) {
        faults_die();
    }
}


void
faults_die(void)
{
    for ( ;; ) {
        (void) kill(getpid(), SIGKILL);
    }
}
