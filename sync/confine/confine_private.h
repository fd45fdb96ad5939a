/*
 * Between the files of this room.
 */

#ifndef MSYNC_CONFINE_PRIVATE_H
#define MSYNC_CONFINE_PRIVATE_H

#include <stdbool.h>
#include <sys/types.h>

#include "confine/confine.h"

/* there is a filter of system calls already: a hardened unit's, which may end
 * whoever makes a call */
bool msync_confine_is_filtered(void);

/* a child makes the calls, with the id of its parent; false: that ended it */
bool msync_confine_probe(void (*calls)(pid_t parent));

/* the system calls that stay possible; tells the log when it cannot */
void msync_confine_calls(void);

/* long slices of the processor, for good; where a filter ends whoever asks for
 * them, without */
void msync_confine_slice(void);

#endif /* MSYNC_CONFINE_PRIVATE_H */
