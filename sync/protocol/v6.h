/*
 * API v6: what Open mSupply central speaks before 3.0.  The emulator of
 * t/central/lib/Central/V6.pm has each call with its answers.
 */

#ifndef MSYNC_V6_H
#define MSYNC_V6_H

#include "transfer/transfer.h"
#include "protocol/peer.h"

#define MSYNC_V6_VERSION    5
#define MSYNC_V6_EMPTY_MAX  100      /* answers without records in a row */

typedef struct msync_v6_s  msync_v6_t;

/*
 * The first call after this may fail with INVALID_URL when the address that
 * mSupply central gave is none.
 *
 * `url` is omSupplyCentralServerUrl, copied; conf (url, username, hash) and
 * hardware_id are copied too, http is borrowed.  `initialised` says whether
 * this site has finished a sync; `patient` (NULL: none) turns pull into
 * patient-pull for that patient, whose cursor is not kept.
 */
msync_v6_t *msync_v6_create(msync_transfer_t *http, const char *url,
    const msync_conf_t *conf, const char *hardware_id, bool initialised,
    const char *patient);
void msync_v6_free(msync_v6_t **v6);

/* push, and pull or patient-pull */
void msync_v6_peer(msync_v6_t *v6, msync_peer_t *peer);

#endif /* MSYNC_V6_H */
