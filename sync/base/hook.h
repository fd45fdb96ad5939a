/*
 * The hook of whatever takes long.
 *
 * Whoever waits (for the network, for the lock of the database, between two
 * slices of an integration) calls the hook that it was given, at least once a
 * second where it can, so that commands are heard meanwhile.  MSYNC_OK goes
 * on; anything else ends what is at work with the error that the hook has
 * filled (CANCELLED, HELPER_STOPPED).  A header that takes a hook says what
 * the hook may not use meanwhile.  NULL: none; `data` is borrowed and passed
 * through.
 */

#ifndef MSYNC_HOOK_H
#define MSYNC_HOOK_H

#include "base/err.h"

typedef int (*msync_hook_pt)(void *data, msync_err_t *err);

#endif /* MSYNC_HOOK_H */
