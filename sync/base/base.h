/*
 * What every room stands on.
 *
 * The room owns the result codes and memory (here), what an error is and its
 * words (err.h), the log writer (log.h), the reader and writer of JSON
 * (json.h), the two clocks (clock.h), and the hook of whatever takes long
 * (hook.h).  It promises that a text it composes, for an error or the log, is
 * one line of valid UTF-8 whatever a remote has sent, and that a small
 * allocation which fails ends the process: no caller sees a NULL.
 */

#ifndef MSYNC_BASE_H
#define MSYNC_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MSYNC_OK      0
#define MSYNC_ERROR  -1
#define MSYNC_AGAIN  -2          /* nothing now, ask again later */
#define MSYNC_DONE   -3          /* there is no more */


/*
 * Octets of the UTF-8 character at p, of which `left` octets can be read;
 * 0 when it is not valid or not whole.
 */
size_t msync_utf8_char(const char *p, size_t left);

/* whether all of these octets are UTF-8 */
bool msync_utf8_is_valid(const char *p, size_t length);

/* malloc and friends that end the process when a small allocation fails:
 * nginx starts the helper again (never for a size that a remote chooses) */
void *msync_alloc(size_t size);
void *msync_calloc(size_t n, size_t size);
void *msync_realloc(void *p, size_t n, size_t size);    /* n of a size */
char *msync_strdup(const char *s);                  /* NULL stays NULL */
char *msync_strndup(const char *s, size_t n);

/* what they do, for whoever gets memory elsewhere: says so and exits, with 1
 * or the status that was given */
void msync_out_of_memory(void) __attribute__((noreturn));
void msync_out_of_memory_exits(int status);

/* frees *p and sets it to NULL */
void msync_free(void *p);

#endif /* MSYNC_BASE_H */
