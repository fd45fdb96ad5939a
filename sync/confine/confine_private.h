/*
 * Between the files of this room.
 */

#ifndef MSYNC_CONFINE_PRIVATE_H
#define MSYNC_CONFINE_PRIVATE_H

#include "confine/confine.h"

/* the system calls that stay possible; tells the log when it cannot */
void msync_confine_calls(void);

/* long slices of the processor, for good; where a filter ends whoever asks for
 * them, without */
void msync_confine_slice(void);

#endif /* MSYNC_CONFINE_PRIVATE_H */
