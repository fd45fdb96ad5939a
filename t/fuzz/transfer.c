/*
 * The room `http` without a network: each request is answered with what the
 * target has put into fuzz_answer.  Everything behind it is the helper's own.
 */

#include <stdio.h>

#include "catalogue/catalogue.h"
#include "fuzz.h"
#include "base/log.h"

struct msync_transfer_s {
    int  none;
};

fuzz_answer_t  fuzz_answer;

static msync_catalogue_t  *catalogue;


msync_transfer_t *
msync_transfer_create(const msync_conf_t *conf, const char *hardware_id, int fd,
    msync_hook_pt hook, void *data, msync_err_t *err)
{
    (void) conf;
    (void) hardware_id;
    (void) fd;
    (void) hook;
    (void) data;
    (void) err;

    return msync_calloc(1, sizeof(msync_transfer_t));
}


void
msync_transfer_free(msync_transfer_t **http)
{
    msync_free(http);
}


int
msync_transfer_request(msync_transfer_t *http,
    const msync_transfer_request_t *req,
    msync_transfer_response_t *res, msync_err_t *err)
{
    (void) http;
    (void) err;

    memset(res, 0, sizeof(*res));

    /* of exactly this size, so that one octet too far is noticed */
    res->body = msync_alloc(fuzz_answer.length + 1);
    memcpy(res->body, fuzz_answer.body, fuzz_answer.length);
    res->body[fuzz_answer.length] = '\0';
    res->length = fuzz_answer.length;
    res->status = fuzz_answer.status;

    if (req->judge) {
        (void) req->judge(res);
    }

    return MSYNC_OK;
}


void
msync_transfer_response_clear(msync_transfer_response_t *res)
{
    msync_free(&res->body);
    memset(res, 0, sizeof(*res));
}


bool
msync_transfer_doubts(msync_transfer_t *http, bool grave)
{
    (void) http;
    (void) grave;

    return false;
}


int
msync_transfer_pause(msync_transfer_t *http, long ms, msync_err_t *err)
{
    (void) http;
    (void) ms;

    return msync_err_set(err, MSYNC_ERR_CANCELLED, "no target waits");
}


void
msync_transfer_set_busy(msync_transfer_t *http, long ms)
{
    (void) http;
    (void) ms;
}


void
msync_transfer_set_known(msync_transfer_t *http, const char *url)
{
    (void) http;
    (void) url;
}


void
msync_transfer_get_counters(const msync_transfer_t *http,
    msync_transfer_counters_t *counters)
{
    (void) http;
    memset(counters, 0, sizeof(*counters));
}


static void
no_line(void *data, int level, const char *line)
{
    (void) data;
    (void) level;
    (void) line;
}


void
fuzz_quiet(void)
{
    msync_log_set_sink(no_line, NULL);
}


void
fuzz_take_batch(msync_batch_t *batch)
{
    size_t                i;
    char                 *text;
    size_t                length;
    msync_row_t           row;
    msync_err_t           err;
    msync_record_t       *record;
    const msync_field_t  *at;
    const msync_table_t  *table;

    if (catalogue == NULL) {
        catalogue = msync_catalogue_builtin(&err);
    }

    for (i = 0; i < batch->n; i++) {
        record = &batch->records[i];

        if (record->table == NULL || record->id == NULL) {
            abort();
        }

        table = msync_catalogue_find(catalogue, record->table);

        if (table == NULL || record->data == NULL) {
            continue;
        }

        if (strlen(record->data) != record->data_length) {
            abort();
        }

        if (msync_row_decode(&row, table, table->pull, record->id,
                             record->data, &at,
                             &err) == MSYNC_OK)
        {
            text = msync_row_encode(&row, &length, &err);
            msync_free(&text);
        }

        msync_row_clear(&row);
    }

    msync_batch_clear(batch);
}
