/*
 * What becomes of a batch that did not pass.
 *
 * Promises: a record that the server refuses is found by halving, the others
 * go.  It is recorded as refused (store/refused.h), and passed by the cursor,
 * only when the server has taken something after it: one that refuses whatever
 * comes is ill, not the records.  A batch goes over the line again only after
 * a small question has shown that the line and the server are well; what ends
 * so many runs that way is taken for a refusal of what is in the batch.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "run/push_private.h"
#include "base/log.h"
#include "store/buffer.h"
#include "store/kv.h"
#include "store/refused.h"
#include "store/send.h"

/* records that are refused one after the other before the step ends with
 * central's error */
#define REFUSED_MAX  20

#define LOSSES       8             /* batches that the line does not carry, in
                                      one step */
#define ATTEMPTS     6             /* with one batch at a server that was busy
                                      and answers again */
#define ATTEMPTS_WAY 4             /* where what stands before the server was in
                                      trouble */
#define ATTEMPTS_PLACE 2           /* where the last run ended there, too */
#define AGAIN_FIRST  500           /* ms before the second attempt, doubled for
                                      each that follows */
#define BREAKS       3             /* runs that end at one record, or in one
                                      batch, before that is what is wrong */
#define CHEAP        65536         /* octets of a record that costs little to
                                      send once more */


typedef enum {
    FAULT_OTHER = 0,               /* nothing that sending it again mends */
    FAULT_BUSY,                    /* the server is at work and did nothing */
    FAULT_WAY,                     /* what stands before it is in trouble, as a
                                      proxy */
    FAULT_LINE,                    /* it was reached, then the line broke: the
                                      batch may be too large */
    FAULT_RECORD                   /* a record of the batch may be at fault */
} fault_e;


static fault_e push_fault(const msync_err_t *err);
static bool push_look(msync_push_t *push);
static unsigned push_attempts(msync_push_t *push, fault_e kind);
static bool push_again(msync_push_t *push, unsigned tries,
    msync_err_t *err);
static bool push_is_content(msync_push_t *push, const msync_err_t *err);
static int push_any_recorded(msync_push_t *push, bool *any,
    msync_err_t *err);
static char *push_place(const msync_push_t *push,
    const msync_record_t *record);
static int push_get_breaks(msync_push_t *push, const char *place,
    int64_t *breaks, msync_err_t *err);
static bool push_once_more(msync_push_t *push, const msync_record_t *record,
    msync_err_t *err);
static uint64_t push_kept_broke(const msync_push_t *push);
static bool push_by_another(msync_push_t *push, uint64_t broke,
    msync_err_t *err);
static int push_refuse(msync_push_t *push, const msync_record_t *record,
    msync_err_t *err);
static int push_refuse_all(msync_push_t *push, const msync_record_t *record,
    msync_err_t *err);
static int push_broken(msync_push_t *push, const msync_record_t *record,
    msync_err_t *err);
static int push_count_break(msync_push_t *push, const char *place, bool had,
    int64_t *breaks, msync_err_t *err);


/* the server takes records: those that it refused before are at fault */

int
msync_push_taken(msync_push_t *push, const msync_batch_t *batch,
    msync_err_t *err)
{
    size_t                      i;
    msync_store_t              *store = push->steps->store;
    msync_transfer_counters_t   counters;

    for (i = 0; i < push->refused.n; i++) {
        *msync_batch_add(&push->listed) = push->refused.records[i];
    }

    free(push->refused.records);
    memset(&push->refused, 0, sizeof(msync_batch_t));
    push->steps->counters.pushed += batch->n;
    push->told = batch->last;
    msync_transfer_get_counters(push->steps->http, &counters);
    push->connects = counters.connects;
    push->open |= !push->peer->push_end && batch->n > 0;
    push->given |= batch->n > 0;

    if (msync_store_buffer_supersede(store, batch, err) != MSYNC_OK
        || msync_store_sent(store, batch, err) != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    return msync_store_refused_clear(store, push->peer->side, batch, err);
}


int
msync_push_records(msync_push_t *push, msync_record_t *records, size_t n,
    int64_t remaining, bool last, msync_err_t *err)
{
    size_t         half = n / 2;
    fault_e        kind;
    uint64_t       broke;
    unsigned       tries = 0;
    msync_batch_t  batch = { 0 };

    batch.records = records;
    batch.n = n;
    batch.next = push->batch->next;
    batch.remaining = remaining;
    batch.last = last;

    do {
        broke = push_kept_broke(push);

        if (push->peer->push(push->peer, &batch, err) == MSYNC_OK) {
            return msync_push_taken(push, &batch, err);
        }
    } while (push_again(push, ++tries, err)
             || (push_fault(err) == FAULT_RECORD
                 && msync_push_doubts(push, n, err))
             || (tries == 1 && push_by_another(push, broke, err))
             || (n == 1 && tries == 1 && push_once_more(push, records, err)));

    if (n == 0) {
        return MSYNC_ERROR;
    }

    kind = push_fault(err);

    if (kind == FAULT_LINE) {
        push->broke = n;
        return n == 1 ? push_broken(push, records, err) : MSYNC_ERROR;
    }

    if (kind == FAULT_WAY && push_is_content(push, err)) {
        kind = FAULT_RECORD;
    }

    /* who says that a batch is too large has said that central is there */
    if (kind != FAULT_RECORD
        || (err->http_status != 413 && !push_look(push)))
    {
        return MSYNC_ERROR;
    }

    if (n == 1) {
        return push_refuse(push, records, err);
    }

    msync_log_err(err, "central refused a batch, halving it");

    /* too large is too large for the next one, too */
    if (err->http_status == 413) {
        push->limit = half > MSYNC_STEP_BATCH_MIN
                      ? half : MSYNC_STEP_BATCH_MIN;
        push->size = push->limit;
    }

    return msync_push_records(push, records, half, remaining, false, err)
               == MSYNC_OK
           ? msync_push_records(push, records + half, n - half,
                                remaining - half, last, err)
           : MSYNC_ERROR;
}


bool
msync_push_smaller(msync_push_t *push, msync_err_t *err)
{
    if (push_fault(err) != FAULT_LINE || push->broke < 2
        || ++push->losses > LOSSES || !push_look(push))
    {
        return false;
    }

    msync_log_err(err, "trying a smaller batch");
    msync_err_clear(err);

    push->size = push->broke / 4 > 1 ? (unsigned) (push->broke / 4) : 1;
    push->limit = push->saved_size = push->size;
    push->broke = 0;

    return msync_step_save_size(push->steps, push->which, push->size, err)
           == MSYNC_OK;
}


/*
 * What an answer speaks of.  Whatever is not known to be about the whole line
 * may be about a record: central's own refusals, and what a firewall says of
 * a content that it does not like.
 */

static fault_e
push_fault(const msync_err_t *err)
{
    switch (err->variant) {

    case MSYNC_ERR_CONNECTION_ERROR:
    case MSYNC_ERR_TIMEOUT:
        /* asking more would show the proxy the wrong password again */
        if (err->http_status == 407) {
            return FAULT_OTHER;
        }

        return err->scope == MSYNC_SCOPE_RECORD ? FAULT_LINE
               : err->http_status != 0 ? FAULT_WAY : FAULT_OTHER;

    case MSYNC_ERR_SITE_LOCK_ERROR:
        return FAULT_BUSY;

    case MSYNC_ERR_CENTRAL_ERROR:
        if (err->scope == MSYNC_SCOPE_RUN) {
            return FAULT_BUSY;
        }

        break;

    case MSYNC_ERR_HTTP_ERROR:
    case MSYNC_ERR_INVALID_RESPONSE:
    case MSYNC_ERR_RESPONSE_TOO_LARGE:
    /* by v7; a firewall's 405 is not told from that of a server */
    case MSYNC_ERR_NOT_A_CENTRAL_SERVER:
    case MSYNC_ERR_CENTRAL_DATABASE_ERROR:
    case MSYNC_ERR_SYNC_RECORD_SERIALIZE_ERROR:
    case MSYNC_ERR_RECORD_NOT_FOUND:
        break;

    default:
        return FAULT_OTHER;
    }

    switch (msync_transfer_status(err->http_status)) {

    case MSYNC_STATUS_WAY:
    case MSYNC_STATUS_ROOM:
        return FAULT_WAY;

    case MSYNC_STATUS_SIGN_IN:
    case MSYNC_STATUS_ELSEWHERE:
        return FAULT_OTHER;

    default:
        return FAULT_RECORD;
    }
}


/* whether central answers something small: without it a refusal says nothing
 * about records */

static bool
push_look(msync_push_t *push)
{
    msync_err_t  fault;

    if (push->looked) {
        return true;
    }

    if (msync_push_ask(push, &fault) != MSYNC_OK) {
        msync_log_err(&fault, "nothing smaller passes, either");
        return false;
    }

    push->looked = true;
    return true;
}


static unsigned
push_attempts(msync_push_t *push, fault_e kind)
{
    char         *place;
    int64_t       breaks;
    msync_err_t   fault;

    if (kind == FAULT_BUSY) {
        return ATTEMPTS;
    }

    if (push->content) {
        return ATTEMPTS_PLACE;
    }

    place = push_place(push, NULL);

    if (push_get_breaks(push, place, &breaks, &fault) != MSYNC_OK) {
        breaks = 0;
    }

    msync_free(&place);
    return breaks > 0 ? ATTEMPTS_PLACE : ATTEMPTS_WAY;
}


/*
 * Whether the same batch is sent again: to a server that was busy, or had a
 * proxy in trouble before it, and answers now.
 */

static bool
push_again(msync_push_t *push, unsigned tries, msync_err_t *err)
{
    long         pause;
    fault_e      kind = push_fault(err);
    msync_err_t  fault;

    if ((kind != FAULT_BUSY && kind != FAULT_WAY)
        || tries >= push_attempts(push, kind)
        || err->retry_after > MSYNC_TRANSFER_RETRY_AFTER)
    {
        return false;
    }

    msync_log_err(err, "asking when to send it again");
    pause = (AGAIN_FIRST << (tries - 1)) + err->retry_after * 1000;
    push->looked = false;

    if (msync_transfer_pause(push->steps->http, pause, &fault) != MSYNC_OK
        || (kind == FAULT_BUSY
            && msync_push_wait(push->steps, push->peer, &fault) != MSYNC_OK))
    {
        *err = fault;
        return false;
    }

    return kind == FAULT_BUSY || push_look(push);
}


/*
 * Whether what a proxy says is about what it was given, although it speaks of
 * the way: in several runs it said so of the same batch, while something small
 * passed.  A firewall may say it of a content that it does not like, and a
 * proxy of a batch that takes the server too long.
 */

static bool
push_is_content(msync_push_t *push, const msync_err_t *err)
{
    int           rc;
    bool          had = false;
    char         *place;
    int64_t       breaks = 0;
    msync_err_t   fault;

    /* who says when to come again has no complaint about a record */
    if (err->retry_after > 0
        || msync_transfer_status(err->http_status) == MSYNC_STATUS_ROOM)
    {
        return false;
    }

    push->looked = false;

    if (!push_look(push)) {
        return false;
    }

    if (push->content) {
        return true;
    }

    place = push_place(push, NULL);
    rc = push_any_recorded(push, &had, &fault);

    if (rc == MSYNC_OK) {
        rc = push_count_break(push, place, had, &breaks, &fault);
    }

    msync_free(&place);

    if (rc != MSYNC_OK) {
        msync_log_err(&fault, "not counted");
        return false;
    }

    push->content = breaks >= BREAKS;
    return push->content;
}


/* whether the batch has a record that was refused before */

static int
push_any_recorded(msync_push_t *push, bool *any, msync_err_t *err)
{
    size_t                i;
    const msync_table_t  *table;

    *any = false;

    for (i = 0; i < push->batch->n && !*any; i++) {
        table = msync_catalogue_find(push->steps->catalogue,
                                     push->batch->records[i].table);

        if (table != NULL
            && msync_store_refused_has(push->steps->store, table,
                                       push->batch->records[i].id, any, err)
               != MSYNC_OK)
        {
            return MSYNC_ERROR;
        }
    }

    return MSYNC_OK;
}


static int
push_refuse(msync_push_t *push, const msync_record_t *record,
    msync_err_t *err)
{
    msync_record_t  *refused;

    msync_log(MSYNC_LOG_WARN, "%s refused %s \"%s\": %s", push->peer->name,
              record->table, record->id, err->text);

    refused = msync_batch_add(&push->refused);
    refused->table = msync_strdup(record->table);
    refused->id = msync_strdup(record->id);
    refused->action = record->action;
    refused->data = msync_strdup(err->text);

    if (push->refused.n > REFUSED_MAX) {
        return push_refuse_all(push, record, err);
    }

    msync_err_clear(err);
    return MSYNC_OK;
}


/*
 * So many in a row: central is asked whether it takes anything at all.  If it
 * does, these are recorded as refused; the step ends with its error all the
 * same, and the next run goes on behind them.
 */

static int
push_refuse_all(msync_push_t *push, const msync_record_t *record,
    msync_err_t *err)
{
    msync_err_t    fault;
    msync_batch_t  end = { 0 };

    end.next = push->cursor;
    end.last = push->peer->push_end;

    if (msync_push_nothing(push, &end, &fault) == MSYNC_OK) {
        push->cursor = record->cursor + 1;
        fault = *err;

        if (msync_push_taken(push, &end, err) == MSYNC_OK
            && msync_push_save(push, err) == MSYNC_OK)
        {
            *err = fault;
        }
    }

    return MSYNC_ERROR;
}


/* a small record was lost with its connection: the line carries it now, if
 * it carries something else */

static bool
push_once_more(msync_push_t *push, const msync_record_t *record,
    msync_err_t *err)
{
    if (push_fault(err) != FAULT_LINE || record->data_length > CHEAP) {
        return false;
    }

    push->looked = false;

    if (!push_look(push)) {
        return false;
    }

    msync_log_err(err, "sending it once more");
    msync_err_clear(err);

    return true;
}


static uint64_t
push_kept_broke(const msync_push_t *push)
{
    msync_transfer_counters_t  counters;

    msync_transfer_get_counters(push->steps->http, &counters);

    return counters.broke;
}


/*
 * Whether a batch that broke on a connection which had been kept goes once more
 * as it is: the server may close those, whatever comes by them, or the line not
 * carry so much.  Of two small questions the second comes by the connection of
 * the first.
 */

static bool
push_by_another(msync_push_t *push, uint64_t broke, msync_err_t *err)
{
    unsigned  asked;

    if (push_fault(err) != FAULT_LINE || push_kept_broke(push) == broke) {
        return false;
    }

    for (asked = 0; asked < 2; asked++) {
        broke = push_kept_broke(push);
        push->looked = false;

        if (!push_look(push)) {
            return false;
        }
    }

    if (push_kept_broke(push) == broke) {
        return false;
    }

    msync_log_err(err, "the server closes connections that it says it keeps, "
                  "sending it by another");
    msync_err_clear(err);

    return true;
}


/*
 * One record, and the line broke.  That may be the line; a record that does it
 * in several runs, while something small passes, does it always.
 */

static int
push_broken(msync_push_t *push, const msync_record_t *record,
    msync_err_t *err)
{
    int                   rc = MSYNC_OK;
    bool                  had = false;
    char                  what[160], *place;
    int64_t               breaks;
    msync_err_t           fault;
    const msync_table_t  *table;

    push->looked = false;

    if (!push_look(push)) {
        return MSYNC_ERROR;
    }

    table = msync_catalogue_find(push->steps->catalogue, record->table);
    place = push_place(push, record);

    if (table != NULL) {
        rc = msync_store_refused_has(push->steps->store, table, record->id,
                                     &had, &fault);
    }

    if (rc == MSYNC_OK) {
        rc = push_count_break(push, place, had, &breaks, &fault);
    }

    msync_free(&place);

    if (rc != MSYNC_OK) {
        *err = fault;
        return MSYNC_ERROR;
    }

    if (breaks < BREAKS) {
        (void) snprintf(what, sizeof(what), "sending %.64s %.64s alone",
                        record->table, record->id);
        return msync_err_context(err, what);
    }

    /* what comes behind it need not be as small */
    push->limit = push->steps->conf->push;

    return push_refuse(push, record, err);
}


/* where a push ends: at a record, NULL: in the batch behind the cursor; the
 * caller frees it */

static char *
push_place(const msync_push_t *push, const msync_record_t *record)
{
    char    *place;
    size_t   length = 32;

    if (record != NULL) {
        length = strlen(record->table) + strlen(record->id) + 2;
    }

    place = msync_alloc(length);

    if (record != NULL) {
        (void) snprintf(place, length, "%s %s", record->table, record->id);

    } else {
        (void) snprintf(place, length, "%lld", (long long) push->cursor);
    }

    return place;
}


/* how many runs in a row have ended there */

static int
push_get_breaks(msync_push_t *push, const char *place, int64_t *breaks,
    msync_err_t *err)
{
    int             rc;
    char           *before = NULL;
    msync_store_t  *store = push->steps->store;
    const char     *key = push->peer->push_end ? MSYNC_KEY_PUSH_BREAK
                                               : MSYNC_KEY_PUSH_V6_BREAK;

    *breaks = 0;
    rc = msync_store_get_string(store, key, &before, err);

    if (rc == MSYNC_OK && before != NULL && strcmp(before, place) == 0) {
        rc = msync_store_get_int(store, key, breaks, err);
    }

    msync_free(&before);
    return rc;
}


/* counts this run among those that ended at `place` in a row; a record that was
 * listed before (`had`) has had its chances */

static int
push_count_break(msync_push_t *push, const char *place, bool had,
    int64_t *breaks, msync_err_t *err)
{
    msync_store_t  *store = push->steps->store;
    const char     *key = push->peer->push_end ? MSYNC_KEY_PUSH_BREAK
                                               : MSYNC_KEY_PUSH_V6_BREAK;

    if (push_get_breaks(push, place, breaks, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    *breaks = had ? BREAKS : *breaks + 1;

    /* in this order: a kill in between must not leave this place with the
     * count of another */
    return msync_store_set_int(store, key, *breaks < BREAKS ? *breaks : 0, err)
           == MSYNC_OK ? msync_store_set_string(store, key, place, err)
                       : MSYNC_ERROR;
}
