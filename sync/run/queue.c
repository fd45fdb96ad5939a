/*
 * The queue of commands.
 *
 * Promises: however many plain triggers came, or triggers for one patient,
 * one run does them; a cancel takes back the triggers that came before it.
 */

#include <string.h>

#include "run/queue.h"


static void queue_remove(msync_queue_t *queue, size_t i);
static bool queue_put_trigger(msync_queue_t *queue, uint64_t sequence,
    const char *patient, size_t length);
static void queue_put_cancel(msync_queue_t *queue, uint64_t sequence);
static size_t queue_find(const msync_queue_t *queue, bool patients,
    uint64_t from);


/* forgets the i-th of those that wait */

static void
queue_remove(msync_queue_t *queue, size_t i)
{
    queue->n--;
    memmove(queue->triggers + i, queue->triggers + i + 1,
            (queue->n - i) * sizeof(msync_trigger_t));
}


static bool
queue_put_trigger(msync_queue_t *queue, uint64_t sequence, const char *patient,
    size_t length)
{
    size_t            i;
    msync_trigger_t  *trigger;

    /* one run does all plain ones, and all of one patient; it comes last, for
     * what is done is told by the highest sequence alone */
    for (i = 0; i < queue->n; i++) {
        trigger = &queue->triggers[i];

        if (strlen(trigger->patient) == length
            && memcmp(trigger->patient, patient, length) == 0)
        {
            queue_remove(queue, i);
            break;
        }
    }

    if (queue->n == MSYNC_QUEUE_MAX) {
        return false;          /* not acknowledged, so nginx sends it again */
    }

    trigger = &queue->triggers[queue->n++];
    trigger->sequence = sequence;
    memcpy(trigger->patient, patient, length);
    trigger->patient[length] = '\0';

    return true;
}


/* triggers that came before a cancel are done: nobody wants them */

static void
queue_put_cancel(msync_queue_t *queue, uint64_t sequence)
{
    size_t           i, n = 0;
    msync_trigger_t  last = { 0 };

    queue->cancel = true;
    queue->done[MSYNC_COMMAND_CANCEL] = sequence;

    for (i = 0; i < queue->n; i++) {
        if (queue->triggers[i].sequence > sequence) {
            queue->triggers[n++] = queue->triggers[i];

        } else if (queue->triggers[i].sequence > last.sequence) {
            last = queue->triggers[i];
        }
    }

    queue->n = n;
    msync_queue_done(queue, &last);
}


void
msync_queue_put(msync_queue_t *queue, uint64_t sequence,
    msync_command_e command, const char *patient, size_t length)
{
    if ((unsigned) command >= MSYNC_COMMAND_MAX
        || length > MSYNC_PATIENT_MAX || sequence <= queue->seen[command])
    {
        return;
    }

    if (command == MSYNC_COMMAND_TRIGGER
        && !queue_put_trigger(queue, sequence, patient, length))
    {
        return;
    }

    queue->seen[command] = sequence;

    switch (command) {

    case MSYNC_COMMAND_TRIGGER:
        break;

    case MSYNC_COMMAND_CANCEL:
        queue_put_cancel(queue, sequence);
        break;

    case MSYNC_COMMAND_PAUSE:
    case MSYNC_COMMAND_RESUME:
        /* the later one of the two counts, whatever order they came in */
        if (sequence > queue->seen[command == MSYNC_COMMAND_PAUSE
                                   ? MSYNC_COMMAND_RESUME
                                   : MSYNC_COMMAND_PAUSE])
        {
            queue->pause_known = true;
            queue->paused = command == MSYNC_COMMAND_PAUSE;
        }
        break;

    default:
        queue->retry = true;
        break;
    }
}


static size_t
queue_find(const msync_queue_t *queue, bool patients, uint64_t from)
{
    size_t  i;

    for (i = 0; i < queue->n; i++) {
        if (queue->triggers[i].sequence >= from
            && (patients || queue->triggers[i].patient[0] == '\0'))
        {
            break;
        }
    }

    return i;
}


bool
msync_queue_has(const msync_queue_t *queue, bool patients, uint64_t from)
{
    return queue_find(queue, patients, from) < queue->n;
}


bool
msync_queue_next(msync_queue_t *queue, bool patients, uint64_t from,
    msync_trigger_t *trigger)
{
    size_t  i = queue_find(queue, patients, from);

    if (i == queue->n) {
        return false;
    }

    *trigger = queue->triggers[i];
    queue_remove(queue, i);

    return true;
}


void
msync_queue_back(msync_queue_t *queue, const msync_trigger_t *trigger)
{
    size_t  i;

    for (i = 0; i < queue->n; i++) {
        if (strcmp(queue->triggers[i].patient, trigger->patient) == 0) {
            return;
        }
    }

    if (queue->n == MSYNC_QUEUE_MAX) {
        return;
    }

    memmove(queue->triggers + 1, queue->triggers,
            queue->n * sizeof(msync_trigger_t));
    queue->triggers[0] = *trigger;
    queue->n++;
}


/* a line each, that of a plain one is empty */

void
msync_queue_write(const msync_queue_t *queue, char text[MSYNC_QUEUE_TEXT])
{
    char    *p = text;
    size_t   i;

    for (i = 0; i < queue->n; i++) {
        p = stpcpy(p, queue->triggers[i].patient);
        *p++ = '\n';
    }

    *p = '\0';
}


void
msync_queue_read(msync_queue_t *queue, const char *text)
{
    size_t           i, n, count = 0;
    const char      *line, *end;
    msync_trigger_t  read[MSYNC_QUEUE_MAX];

    memset(read, 0, sizeof(read));

    for (line = text; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        n = (size_t) (end - line);

        if (n <= MSYNC_PATIENT_MAX && count < MSYNC_QUEUE_MAX) {
            memcpy(read[count++].patient, line, n);
        }
    }

    for (i = count; i > 0; i--) {
        msync_queue_back(queue, &read[i - 1]);
    }
}


void
msync_queue_pause_saved(msync_queue_t *queue)
{
    queue->pause_known = false;
    queue->done[MSYNC_COMMAND_PAUSE] = queue->seen[MSYNC_COMMAND_PAUSE];
    queue->done[MSYNC_COMMAND_RESUME] = queue->seen[MSYNC_COMMAND_RESUME];
}


bool
msync_queue_retry(msync_queue_t *queue, uint64_t *taken)
{
    bool  retry = queue->retry;

    *taken = queue->seen[MSYNC_COMMAND_RETRY];
    queue->retry = false;

    return retry;
}


void
msync_queue_retry_done(msync_queue_t *queue, uint64_t taken)
{
    if (taken > queue->done[MSYNC_COMMAND_RETRY]) {
        queue->done[MSYNC_COMMAND_RETRY] = taken;
    }
}


/* the highest that is done and has nothing undone below it; what has no
 * sequence is not nginx's */

void
msync_queue_done(msync_queue_t *queue, const msync_trigger_t *trigger)
{
    size_t    i;
    uint64_t  done;

    if (trigger->sequence > queue->ended) {
        queue->ended = trigger->sequence;
    }

    done = queue->ended;

    for (i = 0; i < queue->n; i++) {
        if (queue->triggers[i].sequence != 0
            && queue->triggers[i].sequence <= done)
        {
            done = queue->triggers[i].sequence - 1;
        }
    }

    if (done > queue->done[MSYNC_COMMAND_TRIGGER]) {
        queue->done[MSYNC_COMMAND_TRIGGER] = done;
    }
}
