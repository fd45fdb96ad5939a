/*
 * Answers of API v5.  The first octet chooses the call, the second the
 * status; the rest is the body.
 */

#include "fuzz.h"
#include "protocol/v5.h"


static void
pull(msync_v5_t *v5, uint8_t call)
{
    msync_err_t    err;
    msync_peer_t   peer;
    msync_batch_t  batch;

    memset(&batch, 0, sizeof(batch));

    if (call & 1) {
        msync_v5_central_peer(v5, &peer);
    } else {
        msync_v5_remote_peer(v5, &peer);
    }

    if (peer.pull(&peer, 7, 7, 10, &batch, &err) != MSYNC_OK) {
        if (batch.n != 0) {
            abort();
        }
        return;
    }

    if (peer.ack) {
        (void) peer.ack(&peer, &batch, &err);
    }

    fuzz_take_batch(&batch);
}


static void
push(msync_v5_t *v5)
{
    bool           busy;
    msync_err_t    err;
    msync_peer_t   peer;
    msync_batch_t  batch;

    memset(&batch, 0, sizeof(batch));
    batch.last = true;

    msync_v5_remote_peer(v5, &peer);
    (void) peer.push(&peer, &batch, &err);
    (void) peer.busy(&peer, &busy, &err);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int64_t            n;
    msync_v5_t        *v5;
    msync_err_t        err;
    msync_v5_site_t    site;
    msync_v5_status_e  status;

    static const int  statuses[] = { 200, 200, 204, 400, 401, 409, 503 };

    if (size < 2) {
        return 0;
    }

    fuzz_quiet();
    fuzz_answer.status = statuses[data[1] % 7];
    fuzz_answer.body = (const char *) data + 2;
    fuzz_answer.length = size - 2;

    v5 = msync_v5_create(NULL, "http://127.0.0.1");

    switch (data[0] % 6) {
    case 0:
        if (msync_v5_site(v5, &site, &err) == MSYNC_OK) {
            msync_v5_site_clear(&site);
        }
        break;
    case 1:
        (void) msync_v5_site_status(v5, &status, &err);
        break;
    case 2:
        (void) msync_v5_initialise(v5, &n, &err);
        break;
    case 3:
        push(v5);
        break;
    default:
        pull(v5, data[0] % 6);
    }

    msync_v5_free(&v5);

    return 0;
}
