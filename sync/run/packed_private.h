/*
 * Rows of a first sync in the memory that they wait in: one behind the other,
 * in less room than their JSON.
 */

#ifndef MSYNC_PACKED_PRIVATE_H
#define MSYNC_PACKED_PRIVATE_H

#include "store/buffer.h"

typedef struct {
    char    *octets;               /* owned */
    size_t   size;
    size_t   used;                 /* 0 forgets them all */
} msync_packed_t;

/* `size` octets at most, less than 4 GiB */
void msync_packed_create(msync_packed_t *packed, size_t size);
void msync_packed_free(msync_packed_t *packed);

/* with what is to be known of the record beside its values; false, and nothing
 * is added, where there is no room for all of it */
bool msync_packed_put(msync_packed_t *packed, const msync_row_t *row,
    const msync_record_t *record, uint32_t *at);

/* valid until the rows are forgotten */
const char *msync_packed_key(const msync_packed_t *packed, uint32_t at);

/* into an initialised row of its table, of which `extra` is the caller's; other
 * texts, and those of `from`, are valid until the rows are forgotten */
void msync_packed_get(const msync_packed_t *packed, uint32_t at, unsigned side,
    msync_row_t *row, msync_pending_t *from);

#endif /* MSYNC_PACKED_PRIVATE_H */
