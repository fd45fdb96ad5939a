/*
 * What is wanted of the helper.
 *
 * Commands are numbers: the latest one wanted and the latest one done of each
 * kind, so any count of triggers is one command.  They stay in the zone until a
 * helper says that they are done; a new helper is told them again.
 *
 * Requests that have an answer take one of a few slots.  Their bodies hold
 * passwords and are zeroed as soon as they are of no use.
 */

#include "ngx_http_msync.h"


#define NGX_HTTP_MSYNC_ATTEMPTS  3       /* helpers that may end over one */


static ngx_int_t ngx_http_msync_queue_patient(ngx_http_msync_shctx_t *sh,
    ngx_str_t *patient);
static ngx_http_msync_slot_t *ngx_http_msync_queue_slot_find(
    ngx_http_msync_site_t *site, uint64_t id);
static ngx_http_msync_slot_t *ngx_http_msync_queue_slot_free(
    ngx_http_msync_site_t *site);
static ngx_uint_t ngx_http_msync_queue_slot_left(ngx_http_msync_slot_t *slot);
static ngx_uint_t ngx_http_msync_queue_worker_died(ngx_pid_t pid);
static void ngx_http_msync_queue_slot_clear(ngx_http_msync_site_t *site,
    ngx_http_msync_slot_t *slot);
static void ngx_http_msync_queue_slot_forget(ngx_http_msync_site_t *site,
    ngx_str_t *secret);


/*
 * Wants a command, or where `patient` is not NULL a trigger for that one.
 * NGX_BUSY when too many patients are waiting, NGX_ABORT when another zone,
 * which this process does not have, has taken the place of this one, or the
 * last worker 0 has left it and none is to come.
 */

ngx_int_t
ngx_http_msync_queue_command(ngx_http_msync_site_t *site, ngx_uint_t command,
    ngx_str_t *patient)
{
    ngx_int_t                rc;
    ngx_http_msync_shctx_t  *sh;

    sh = site->sh;
    rc = NGX_OK;

    ngx_shmtx_lock(&site->shpool->mutex);

    if (!ngx_http_msync_owner_takes(&sh->owner)) {
        rc = NGX_ABORT;

    } else if (patient) {
        rc = ngx_http_msync_queue_patient(sh, patient);

    } else {
        sh->wanted[command] = ++sh->sequence;
    }

    if (rc == NGX_OK) {
        sh->wanted_version++;
    }

    ngx_shmtx_unlock(&site->shpool->mutex);

    return rc;
}


static ngx_int_t
ngx_http_msync_queue_patient(ngx_http_msync_shctx_t *sh, ngx_str_t *patient)
{
    ngx_uint_t                 i;
    ngx_http_msync_patient_t  *p, *place;

    place = NULL;

    for (i = 0; i < NGX_HTTP_MSYNC_PATIENTS; i++) {
        p = &sh->patients[i];

        if (p->sequence == 0) {
            place = place ? place : p;
            continue;
        }

        if (p->len == patient->len
            && ngx_memcmp(p->id, patient->data, p->len) == 0)
        {
            place = p;
            break;
        }
    }

    if (place == NULL) {
        return NGX_BUSY;
    }

    ngx_memcpy(place->id, patient->data, patient->len);
    place->len = patient->len;
    place->sequence = ++sh->sequence;

    return NGX_OK;
}


/* a helper says that commands are done, the highest number of each kind; a
 * number that was never given is not believed */

void
ngx_http_msync_queue_done(ngx_http_msync_site_t *site, uint64_t *done)
{
    ngx_uint_t                 i;
    ngx_http_msync_shctx_t    *sh;
    ngx_http_msync_patient_t  *p;

    sh = site->sh;

    ngx_shmtx_lock(&site->shpool->mutex);

    for (i = 0; i < MSYNC_COMMAND_MAX; i++) {
        if (done[i] > sh->done[i] && done[i] <= sh->sequence) {
            sh->done[i] = done[i];
        }
    }

    for (i = 0; i < NGX_HTTP_MSYNC_PATIENTS; i++) {
        p = &sh->patients[i];

        if (p->sequence && p->sequence <= sh->done[MSYNC_COMMAND_TRIGGER]) {
            ngx_memzero(p, sizeof(ngx_http_msync_patient_t));
        }
    }

    ngx_shmtx_unlock(&site->shpool->mutex);
}


/*
 * The first command behind `after` that is not done; *sequence is 0 when
 * there is none.  The patient's id is copied to where patient->data points,
 * MSYNC_PATIENT_MAX octets.
 */

ngx_uint_t
ngx_http_msync_queue_next(ngx_http_msync_site_t *site, uint64_t after,
    uint64_t *sequence, ngx_str_t *patient)
{
    uint64_t                   first;
    ngx_uint_t                 i, command;
    ngx_http_msync_shctx_t    *sh;
    ngx_http_msync_patient_t  *p, *who;

    sh = site->sh;

    first = 0;
    command = MSYNC_COMMAND_TRIGGER;
    who = NULL;

    ngx_shmtx_lock(&site->shpool->mutex);

    for (i = 0; i < MSYNC_COMMAND_MAX; i++) {
        if (sh->wanted[i] > sh->done[i] && sh->wanted[i] > after
            && (first == 0 || sh->wanted[i] < first))
        {
            first = sh->wanted[i];
            command = i;
        }
    }

    for (i = 0; i < NGX_HTTP_MSYNC_PATIENTS; i++) {
        p = &sh->patients[i];

        if (p->sequence > after && (first == 0 || p->sequence < first)) {
            first = p->sequence;
            command = MSYNC_COMMAND_TRIGGER;
            who = p;
        }
    }

    patient->len = 0;

    if (who) {
        ngx_memcpy(patient->data, who->id, who->len);
        patient->len = who->len;
    }

    ngx_shmtx_unlock(&site->shpool->mutex);

    *sequence = first;

    return command;
}


/*
 * Puts a request into a slot, of which *id is the number.  NGX_BUSY when there
 * is no slot, NGX_ERROR when there is no room, NGX_ABORT as of a command.
 */

ngx_int_t
ngx_http_msync_slot_open(ngx_http_msync_site_t *site, ngx_uint_t request,
    ngx_str_t *body, uint64_t *id)
{
    ngx_int_t               rc;
    ngx_http_msync_slot_t  *slot;

    ngx_shmtx_lock(&site->shpool->mutex);

    if (!ngx_http_msync_owner_takes(&site->sh->owner)) {
        ngx_shmtx_unlock(&site->shpool->mutex);
        return NGX_ABORT;
    }

    rc = NGX_BUSY;
    slot = ngx_http_msync_queue_slot_free(site);

    if (slot) {
        slot->body.data = ngx_slab_alloc_locked(site->shpool, body->len);

        if (slot->body.data == NULL) {
            rc = NGX_ERROR;
            ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                          "msync %V: no room for a request of %uz bytes, "
                          "increase \"zone\" of msync_site \"%V\" "
                          "beyond %uz", &site->name, body->len, &site->name,
                          site->zone_size);
        }
    }

    if (slot && slot->body.data) {
        ngx_memcpy(slot->body.data, body->data, body->len);
        slot->body.len = body->len;

        *id = ++site->sh->requests;
        rc = NGX_OK;

        slot->id = *id;
        slot->request = request;
        slot->pid = ngx_pid;
        slot->opened = ngx_current_msec;
        slot->state = NGX_HTTP_MSYNC_SLOT_QUEUED;

        site->sh->wanted_version++;
    }

    ngx_shmtx_unlock(&site->shpool->mutex);

    return rc;
}


/*
 * Whoever waits closes its slot.  That of a worker that has died is free again
 * when it is needed, or its time has passed; all such are cleared at once,
 * because they have passwords.
 */

static ngx_http_msync_slot_t *
ngx_http_msync_queue_slot_free(ngx_http_msync_site_t *site)
{
    ngx_uint_t              i;
    ngx_http_msync_slot_t  *slot, *found;

    found = NULL;

    for (i = 0; i < NGX_HTTP_MSYNC_SLOTS; i++) {
        slot = &site->sh->slots[i];

        if (slot->state != NGX_HTTP_MSYNC_SLOT_FREE
            && ngx_http_msync_queue_slot_left(slot))
        {
            ngx_http_msync_queue_slot_clear(site, slot);
        }

        if (found == NULL && slot->state == NGX_HTTP_MSYNC_SLOT_FREE) {
            found = slot;
        }
    }

    return found;
}


/* nobody waits for its answer */

static ngx_uint_t
ngx_http_msync_queue_slot_left(ngx_http_msync_slot_t *slot)
{
    return (ngx_msec_int_t) (ngx_current_msec - slot->opened)
               > 2 * NGX_HTTP_MSYNC_REPLY_WAIT
           || ngx_http_msync_queue_worker_died(slot->pid);
}


static ngx_uint_t
ngx_http_msync_queue_worker_died(ngx_pid_t pid)
{
    return kill(pid, 0) == -1 && ngx_errno == NGX_ESRCH;
}


/*
 * Takes the next request that the helper of this process has to be sent: one
 * that is new, or was sent to a helper before it whose worker has died and so
 * gave nothing back.  During a reload that helper still answers: what both
 * were sent would fill the queue of the one that waits for the database.  The
 * body is copied, with room for NGX_HTTP_MSYNC_BODY_MAX octets.
 */

uint64_t
ngx_http_msync_slot_next(ngx_http_msync_site_t *site,
    msync_request_frame_t *request, u_char *body)
{
    uint64_t                id;
    ngx_uint_t              i;
    ngx_msec_int_t          waited;
    ngx_http_msync_slot_t  *slot;

    id = 0;

    ngx_shmtx_lock(&site->shpool->mutex);

    for (i = 0; i < NGX_HTTP_MSYNC_SLOTS; i++) {
        slot = &site->sh->slots[i];

        if ((slot->state == NGX_HTTP_MSYNC_SLOT_QUEUED
             || (slot->state == NGX_HTTP_MSYNC_SLOT_SENT
                 && slot->helper < site->helper.id
                 && ngx_http_msync_queue_worker_died(slot->sender)))
            && slot->tries < NGX_HTTP_MSYNC_ATTEMPTS)
        {
            slot->tries++;
            slot->state = NGX_HTTP_MSYNC_SLOT_SENT;
            slot->helper = site->helper.id;
            slot->sender = ngx_pid;

            ngx_memcpy(body, slot->body.data, slot->body.len);
            id = slot->id;

            /* another worker's clock may be a little ahead */

            waited = (ngx_msec_int_t) (ngx_current_msec - slot->opened);

            request->request = slot->request;
            request->body_length = slot->body.len;
            request->waited = ngx_max(waited, 0);
            request->reserved = 0;

            break;
        }
    }

    ngx_shmtx_unlock(&site->shpool->mutex);

    return id;
}


/*
 * Gives back the request that could not be sent or, with an id of 0, all that
 * the helper of this process has not answered.
 */

void
ngx_http_msync_slot_requeue(ngx_http_msync_site_t *site, uint64_t id)
{
    ngx_uint_t              i;
    ngx_http_msync_slot_t  *slot;

    ngx_shmtx_lock(&site->shpool->mutex);

    for (i = 0; i < NGX_HTTP_MSYNC_SLOTS; i++) {
        slot = &site->sh->slots[i];

        if (slot->state == NGX_HTTP_MSYNC_SLOT_SENT
            && slot->helper == site->helper.id
            && (id == 0 || slot->id == id))
        {
            slot->state = NGX_HTTP_MSYNC_SLOT_QUEUED;

            /* a helper that is released has not ended over it */

            if (id || ngx_exiting) {
                slot->tries--;
            }

            if (id == 0) {
                site->sh->wanted_version++;
            }
        }
    }

    ngx_shmtx_unlock(&site->shpool->mutex);
}


/* the answer of a helper, copied into the zone; one that comes too late, or for
 * the second time, is dropped */

void
ngx_http_msync_slot_answer(ngx_http_msync_site_t *site, uint64_t id,
    ngx_uint_t status, u_char *data, size_t len)
{
    ngx_http_msync_slot_t  *slot;

    ngx_shmtx_lock(&site->shpool->mutex);

    slot = ngx_http_msync_queue_slot_find(site, id);

    if (slot && slot->state != NGX_HTTP_MSYNC_SLOT_ANSWERED) {

        ngx_http_msync_queue_slot_forget(site, &slot->body);

        slot->state = NGX_HTTP_MSYNC_SLOT_ANSWERED;
        slot->status = status;
        slot->answer.data = ngx_slab_alloc_locked(site->shpool, len);

        if (slot->answer.data) {
            ngx_memcpy(slot->answer.data, data, len);
            slot->answer.len = len;
        }

        site->sh->answer_version++;
    }

    ngx_shmtx_unlock(&site->shpool->mutex);
}


/*
 * NGX_AGAIN while there is no answer, NGX_ABORT when none will come.  NGX_OK
 * closes the slot; an answer without data did not fit the zone.  NGX_ERROR:
 * the slot is gone, or there was no memory for the answer, which is lost then.
 */

ngx_int_t
ngx_http_msync_slot_read(ngx_http_msync_site_t *site, uint64_t id,
    ngx_pool_t *pool, ngx_uint_t *status, ngx_str_t *answer)
{
    ngx_int_t               rc;
    ngx_http_msync_slot_t  *slot;

    ngx_shmtx_lock(&site->shpool->mutex);

    slot = ngx_http_msync_queue_slot_find(site, id);

    if (slot == NULL) {
        rc = NGX_ERROR;
        goto done;
    }

    if (slot->state != NGX_HTTP_MSYNC_SLOT_ANSWERED) {
        rc = (!ngx_http_msync_owner_takes(&site->sh->owner) && ngx_exiting)
             ? NGX_ABORT : NGX_AGAIN;
        goto done;
    }

    *status = slot->status;
    answer->len = slot->answer.len;
    answer->data = ngx_pnalloc(pool, answer->len + 1);

    if (answer->data) {
        ngx_memcpy(answer->data, slot->answer.data, answer->len);
        rc = NGX_OK;

    } else {
        rc = NGX_ERROR;
    }

    ngx_http_msync_queue_slot_clear(site, slot);

done:

    ngx_shmtx_unlock(&site->shpool->mutex);

    return rc;
}


/* nobody waits for it any more: frees the slot and zeroes what it has */

void
ngx_http_msync_slot_close(ngx_http_msync_site_t *site, uint64_t id)
{
    ngx_http_msync_slot_t  *slot;

    ngx_shmtx_lock(&site->shpool->mutex);

    slot = ngx_http_msync_queue_slot_find(site, id);

    if (slot) {
        ngx_http_msync_queue_slot_clear(site, slot);
    }

    ngx_shmtx_unlock(&site->shpool->mutex);
}


static ngx_http_msync_slot_t *
ngx_http_msync_queue_slot_find(ngx_http_msync_site_t *site, uint64_t id)
{
    ngx_uint_t              i;
    ngx_http_msync_slot_t  *slot;

    for (i = 0; i < NGX_HTTP_MSYNC_SLOTS; i++) {
        slot = &site->sh->slots[i];

        if (slot->state != NGX_HTTP_MSYNC_SLOT_FREE && slot->id == id) {
            return slot;
        }
    }

    return NULL;
}


static void
ngx_http_msync_queue_slot_clear(ngx_http_msync_site_t *site,
    ngx_http_msync_slot_t *slot)
{
    ngx_http_msync_queue_slot_forget(site, &slot->body);
    ngx_http_msync_queue_slot_forget(site, &slot->answer);

    ngx_memzero(slot, sizeof(ngx_http_msync_slot_t));
}


static void
ngx_http_msync_queue_slot_forget(ngx_http_msync_site_t *site, ngx_str_t *secret)
{
    if (secret->data) {
        ngx_explicit_memzero(secret->data, secret->len);
        ngx_slab_free_locked(site->shpool, secret->data);
    }

    ngx_str_null(secret);
}
