/*
 * What the fuzz targets share: the answer that the stubbed session
 * (t/fuzz/transfer.c) gives to every request.
 */

#ifndef MSYNC_T_FUZZ_H
#define MSYNC_T_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "transfer/transfer.h"
#include "protocol/peer.h"

typedef struct {
    int          status;
    const char  *body;           /* borrowed */
    size_t       length;
} fuzz_answer_t;

extern fuzz_answer_t  fuzz_answer;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* no log: what would be said is the target's least concern */
void fuzz_quiet(void);

/* the values of a batch are read, as who stores them does; the batch is
 * freed */
void fuzz_take_batch(msync_batch_t *batch);

#endif /* MSYNC_T_FUZZ_H */
