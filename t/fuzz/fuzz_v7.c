/*
 * Answers of API v7.  The first octet chooses the call and whether the site
 * has a token, the second the status; the rest is the body, which get_token is
 * answered with too.
 */

#include "fuzz.h"
#include "protocol/v7.h"

#define CALLS  6


static int
asking(void *data, msync_err_t *err)
{
    (void) data;
    (void) err;

    return MSYNC_OK;
}


static int
given(void *data, const char *token, const msync_v7_site_t *site,
    msync_err_t *err)
{
    size_t  length = strlen(token);

    (void) data;
    (void) site;
    (void) err;

    /* it becomes a header */
    if (length == 0 || length > MSYNC_V7_TOKEN_MAX
        || strpbrk(token, "\r\n") != NULL)
    {
        abort();
    }

    return MSYNC_OK;
}


static void
refused(void *data, msync_err_t *err)
{
    (void) data;
    (void) err;
}


static msync_v7_t *
create(msync_conf_t **conf, bool token)
{
    msync_err_t              err;
    msync_v7_setup_t         setup;
    static msync_catalogue_t *catalogue;

    if (catalogue == NULL) {
        catalogue = msync_catalogue_builtin(&err);
    }

    *conf = msync_conf_create();

    if (msync_conf_set_url(*conf, "http://127.0.0.1", &err) != MSYNC_OK) {
        abort();
    }

    (*conf)->username = msync_strdup("Clinic 7");

    memset(&setup, 0, sizeof(setup));
    setup.conf = *conf;
    setup.catalogue = catalogue;
    setup.hardware_id = "01234567-89ab-4cde-8f01-23456789abcd";
    setup.token = token ? "01a00000-0000-7000-8000-000000000001" : NULL;
    setup.callbacks.asking = asking;
    setup.callbacks.given = given;
    setup.callbacks.refused = refused;
    setup.initialised = true;

    return msync_v7_create(&setup);
}


static void
take_found(msync_v7_t *v7)
{
    bool                 more;
    size_t               i, n;
    msync_err_t          err;
    msync_v7_found_t    *found;
    msync_v7_wanted_t    wanted = { .last = "Okello" };

    found = msync_calloc(MSYNC_V7_FOUND_MAX, sizeof(*found));

    (void) msync_v7_search(v7, &wanted, found, &n, &more, &err);

    for (i = 0; i < n; i++) {
        msync_v7_found_clear(&found[i]);
    }

    msync_free(&found);
}


static void
take_pull(msync_peer_t *peer)
{
    msync_err_t    err;
    msync_batch_t  batch;

    memset(&batch, 0, sizeof(batch));

    if (peer->pull(peer, 7, 7, 10, &batch, &err) != MSYNC_OK && batch.n != 0) {
        abort();
    }

    fuzz_take_batch(&batch);
}


static void
take(msync_v7_t *v7, unsigned call)
{
    bool                busy;
    msync_err_t         err;
    msync_peer_t        peer;
    msync_batch_t       batch;
    msync_v7_patient_t  patient = { v7, "P1", "S1", "J1" };

    msync_v7_peer(v7, &peer);

    switch (call) {
    case 0:
        memset(&batch, 0, sizeof(batch));
        batch.last = true;
        (void) peer.push(&peer, &batch, &err);
        break;
    case 1:
        (void) peer.busy(&peer, &busy, &err);
        (void) msync_v7_site(v7);
        break;
    case 2:
        take_found(v7);
        break;
    case 3:
        (void) msync_v7_is_spoken(NULL, "http://127.0.0.1", &busy, &err);
        break;
    case 4:
        msync_v7_patient_peer(&patient, &peer);
        take_pull(&peer);
        break;
    default:
        take_pull(&peer);
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    msync_v7_t    *v7;
    msync_conf_t  *conf;

    if (size < 2) {
        return 0;
    }

    fuzz_quiet();
    fuzz_answer.status = data[1] % 4 == 3 ? 502 : 200;
    fuzz_answer.body = (const char *) data + 2;
    fuzz_answer.length = size - 2;

    v7 = create(&conf, data[0] % 16 < 12);
    take(v7, data[0] % CALLS);

    msync_v7_free(&v7);
    msync_conf_free(&conf);

    return 0;
}
