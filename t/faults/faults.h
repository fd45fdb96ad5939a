/*
 * Fault points of the test build (build/faults/msync), which is the helper's
 * own objects and these; the helper itself has nothing of them.
 *
 * MSYNC_FAULT is "KIND N": the N-th point of that kind, counted from 1 since
 * the process began, goes wrong.
 *
 *   kill-write   dies in the middle of a write to the database: of an
 *                xWrite half the octets get there
 *   full-write   from this write on the disk is full
 *   io-write     this write alone fails
 *   read-only    from this write on the disk takes none
 *   dead         from this write on it takes nothing and gives nothing
 *   kill-before  dies before request N is sent
 *   kill-sent    dies when the first octets of the answer to it are there
 *   kill-after   dies when the whole answer is there
 *   no-memory    this allocation alone fails, whosoever it is: malloc,
 *                calloc or realloc of the helper or of a library
 *   no-memory-on from this allocation on all fail
 *
 * "Write" is whatever changes files through SQLite's VFS: writing,
 * truncating, syncing, deleting and creating, and growing the shared memory.
 * MSYNC_FAULT_COUNT names a file that gets "WRITES REQUESTS" at the end, and
 * MSYNC_FAULT_BATCH is the size of all batches.  MSYNC_FAULT_SWITCH names one
 * that sets the wall clock, OpenSSL's too, and fills the disk (switch.c).
 * MSYNC_FAULT_PATHS names one that gets a line for each chain of calls that
 * ends in an allocation: the number of the first allocation by it.
 * MSYNC_FAULT_CLOCK is a moment at which the wall clock stands, in milliseconds
 * since 1970, and MSYNC_FAULT_SERVER makes a server of runs (server.c).  With
 * MSYNC_FAULT_PAUSES what waits for a server waits a thousandth (transfer.c).
 */

#ifndef MSYNC_FAULTS_H
#define MSYNC_FAULTS_H

#include <stdbool.h>
#include <stdio.h>

typedef enum {
    FAULT_NONE = 0,
    FAULT_KILL_WRITE,
    FAULT_FULL_WRITE,
    FAULT_IO_WRITE,
    FAULT_READ_ONLY,
    FAULT_DEAD,
    FAULT_KILL_BEFORE,
    FAULT_KILL_SENT,
    FAULT_KILL_AFTER,
    FAULT_NO_MEMORY,
    FAULT_NO_MEMORY_ON
} fault_e;

/* reads the environment and counts from 0; called when the process begins */
void faults_ask(void);

/* counts a write; what is to become of it: none of the kinds of requests */
fault_e faults_write(void);

/* whether nothing can be read any more */
bool faults_disk_is_dead(void);

/* whether somebody has filled it */
bool faults_disk_is_full(void);

/* counts an allocation; whether it fails */
bool faults_memory(void);

/* from now on the chain of calls of each allocation is told, when it is new;
 * the file stays the caller's */
void faults_paths(FILE *to);

/* looks at the chain of calls of this allocation, the n-th */
void faults_path(unsigned long n);

/* counts a request */
void faults_request(void);

/* dies if the current request is to at this moment */
void faults_kill_at(fault_e moment);

void faults_die(void) __attribute__((noreturn));

#endif /* MSYNC_FAULTS_H */
