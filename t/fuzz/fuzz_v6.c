/*
 * Answers of API v6.  The first octet chooses the call, the second the
 * status; the rest is the body.
 */

#include "fuzz.h"
#include "protocol/v6.h"


static msync_v6_t *
create(bool patient)
{
    msync_v6_t    *v6;
    msync_err_t    err;
    msync_conf_t  *conf;

    conf = msync_conf_create();

    if (msync_conf_set_url(conf, "http://127.0.0.1", &err) != MSYNC_OK) {
        abort();
    }

    conf->username = msync_strdup("Clinic 7");
    v6 = msync_v6_create(NULL, "http://127.0.0.1", conf,
                         "01234567-89ab-4cde-8f01-23456789abcd", true,
                         patient ? "patient" : NULL);
    msync_conf_free(&conf);

    return v6;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bool           busy;
    msync_v6_t    *v6;
    msync_err_t    err;
    msync_peer_t   peer;
    msync_batch_t  batch;

    if (size < 2) {
        return 0;
    }

    fuzz_quiet();
    memset(&batch, 0, sizeof(batch));
    fuzz_answer.status = data[1] % 4 == 3 ? 502 : 200;
    fuzz_answer.body = (const char *) data + 2;
    fuzz_answer.length = size - 2;

    v6 = create(data[0] % 4 == 3);
    msync_v6_peer(v6, &peer);

    switch (data[0] % 4) {
    case 0:
        batch.last = true;
        (void) peer.push(&peer, &batch, &err);
        break;
    case 1:
        (void) peer.busy(&peer, &busy, &err);
        break;
    default:
        if (peer.pull(&peer, 7, 7, 10, &batch, &err) != MSYNC_OK
            && batch.n != 0)
        {
            abort();
        }
    }

    fuzz_take_batch(&batch);
    msync_v6_free(&v6);

    return 0;
}
