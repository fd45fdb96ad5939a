/*
 * The body of settings, test and initialise, against a real database and a
 * central that accepts everything.  The first octet chooses the request.
 */

#include <stdio.h>
#include <unistd.h>

#include "fuzz.h"
#include "serve/settings_private.h"
#include "base/clock.h"

static msync_settings_t    settings;
static msync_conf_t       *conf;
static msync_catalogue_t  *catalogue;
static char                directory[] = "/dev/shm/msync-fuzz-XXXXXX";


static void
clean(void)
{
    char                      name[128];
    size_t                    i;
    static const char *const  names[] = { "", "-wal", "-shm" };

    msync_store_close(&settings.store);
    msync_catalogue_free(&catalogue);
    msync_conf_free(&conf);

    for (i = 0; i < 3; i++) {
        snprintf(name, sizeof(name), "%s/site%s", directory, names[i]);
        (void) unlink(name);
    }

    (void) rmdir(directory);
}


static void
start(void)
{
    char         path[128];
    msync_err_t  err;

    if (mkdtemp(directory) == NULL) {
        abort();
    }

    (void) atexit(clean);
    snprintf(path, sizeof(path), "%s/site", directory);

    conf = msync_conf_create();
    catalogue = msync_catalogue_builtin(&err);

    if (catalogue == NULL
        || msync_conf_set_url(conf, "http://127.0.0.1", &err) != MSYNC_OK)
    {
        fprintf(stderr, "%s\n", err.text);
        abort();
    }

    conf->username = msync_strdup("Clinic 7");
    settings.conf = conf;
    settings.hardware_id = "01234567-89ab-4cde-8f01-23456789abcd";
    settings.store = msync_store_open(path, catalogue, MSYNC_STORE_CREATE,
                                      &err);
    if (settings.store == NULL) {
        fprintf(stderr, "%s\n", err.text);
        abort();
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int    status;
    char  *body, *reply;

    static const char  site[] =
        "{\"id\":\"5\",\"siteId\":5,\"code\":\"c\",\"name\":\"n\","
        "\"initialisationStatus\":\"completed\","
        "\"omSupplyCentralServerUrl\":\"http://127.0.0.1\","
        "\"isOmSupplyCentralServer\":false,\"mSupplyCentralSiteId\":1}";

    if (size < 1) {
        return 0;
    }

    fuzz_quiet();

    if (settings.store == NULL) {
        start();
    }

    fuzz_answer.status = 200;
    fuzz_answer.body = site;
    fuzz_answer.length = sizeof(site) - 1;

    /* as the frame's reader leaves it: a NUL behind its length */
    body = msync_alloc(size);
    memcpy(body, data + 1, size - 1);
    body[size - 1] = '\0';

    reply = NULL;
    settings.came = msync_clock_wall();
    status = msync_settings_answer(&settings, data[0] % MSYNC_REQUEST_MAX,
                                   body, size - 1, &reply);

    if (reply == NULL || status < 200 || status > 599) {
        abort();
    }

    msync_free(&reply);
    msync_free(&body);

    return 0;
}
