/*
 * The requests of a run with nothing to do, one after the other on one
 * connection, and nothing else.
 *
 *     bare URL TIMES
 *
 * Prints the milliseconds of each time; each has a new connection.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "peer.h"

static const struct {
    const char  *path;
    const char  *body;
} requests[] = {
    { "/sync/v5/site", NULL },
    { "/sync/v5/queued_records", "{\"queueLength\":0,\"data\":[]}" },
    { "/sync/v5/site_status", NULL },
    { "/sync/v5/central_records?cursor=0&limit=500", NULL },
    { "/sync/v5/queued_records?limit=500", NULL },
    { "/central/sync/pull", "{\"cursor\":0,\"batchSize\":500}" }
};


int
main(int argc, char **argv)
{
    int       i, times;
    char      url[1024];
    CURL     *curl;
    double    began;
    size_t    r;
    buffer_t  answer = { 0 };

    if (argc != 3) {
        die("usage", "bare URL TIMES");
    }

    times = atoi(argv[2]);

    for (i = 0; i < times; i++) {
        began = seconds();
        curl = curl_easy_init();
        curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, "");

        for (r = 0; r < sizeof(requests) / sizeof(*requests); r++) {
            snprintf(url, sizeof(url), "%s%s", argv[1], requests[r].path);

            if (requests[r].body) {
                curl_easy_setopt(curl, CURLOPT_COPYPOSTFIELDS,
                                 requests[r].body);
            } else {
                curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L);
            }

            fetch(curl, url, &answer);
        }

        printf("%.3f\n", (seconds() - began) * 1e3);
        curl_easy_cleanup(curl);
    }

    return 0;
}
