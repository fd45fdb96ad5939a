/*
 * Owns how an answer is read, and a record's envelope, which the protocols
 * share.  Promises that one odd record does not stop the others: a table that
 * cannot be used comes as "", an id as one made of the data, and the record
 * goes on to the store, which keeps it and says why.
 */

#include "protocol/wire_private.h"
#include "base/log.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>


#define NO_ID         "(no id) "
#define NO_ID_DIGITS  16

static char *wire_no_id(const msync_record_t *record);
static char *wire_name(const msync_json_slice_t *value, size_t max);
static msync_action_e wire_action(const msync_json_slice_t *value);
static bool wire_data(msync_record_t *record, msync_json_t *json,
    const msync_json_slice_t *value);


int
msync_wire_object(const msync_transfer_response_t *res, const char *who,
    msync_wire_member_pt member, void *data, msync_err_t *err)
{
    msync_json_t  json;

    msync_json_init(&json, res->body, res->length);

    if (msync_wire_members(&json, member, data) && msync_json_end(&json)) {
        return MSYNC_OK;
    }

    return msync_wire_unusable(res, who, json.error,
                               msync_json_offset(&json), err);
}


bool
msync_wire_is_object(const msync_transfer_response_t *res,
    msync_wire_member_pt member, void *data)
{
    msync_json_t  json;

    if (res->length > MSYNC_WIRE_SHORT) {
        return false;
    }

    msync_json_init(&json, res->body, res->length);

    return msync_wire_members(&json, member, data) && msync_json_end(&json);
}


bool
msync_wire_members(msync_json_t *json, msync_wire_member_pt member,
    void *data)
{
    char  key[MSYNC_JSON_KEY_MAX];

    if (!msync_json_enter(json, MSYNC_JSON_OBJECT)) {
        return false;
    }

    while (msync_json_member(json, key)) {
        if (!member(data, json, key)) {
            return false;
        }
    }

    return json->error == NULL;
}


bool
msync_wire_number(msync_json_t *json, const msync_json_slice_t *value,
    int64_t *number)
{
    int64_t  n;

    if (value->type == MSYNC_JSON_NULL) {
        return true;
    }

    if (!msync_json_integer(value, &n) || n < 0 || n == INT64_MAX) {
        return msync_json_fail(json, "it has a cursor or a count that is no "
                               "whole number");
    }

    *number = n;

    return true;
}


bool
msync_wire_record_member(msync_record_t *record, msync_json_t *json,
    const char *key, const msync_json_slice_t *value)
{
    if (strcmp(key, "tableName") == 0) {
        free(record->table);
        record->table = wire_name(value, MSYNC_WIRE_TABLE_MAX);

    } else if (strcmp(key, "recordId") == 0) {
        free(record->id);
        record->id = wire_name(value, MSYNC_WIRE_ID_MAX);

    } else if (strcmp(key, "action") == 0) {
        record->action = wire_action(value);

    } else if (strcmp(key, "recordData") == 0) {
        return wire_data(record, json, value);
    }

    return true;
}


bool
msync_wire_record(msync_record_t *record, msync_json_t *json,
    msync_wire_member_pt member, void *data)
{
    msync_json_slice_t  value;

    if (msync_json_peek(json) == MSYNC_JSON_OBJECT) {
        return msync_wire_members(json, member, data);
    }

    return msync_json_skip(json, &value) && wire_data(record, json, &value);
}


bool
msync_wire_records(msync_wire_records_t *records, msync_json_t *json,
    msync_wire_record_pt read, void *data)
{
    msync_record_t  *record;

    if (!msync_json_enter(json, MSYNC_JSON_ARRAY)) {
        return false;
    }

    while (msync_json_item(json)) {

        if (records->n++ == records->limit && records->limit != 0) {
            return msync_json_fail(json, "it has far more records than were "
                                   "asked for");
        }

        record = msync_batch_add(records->batch);
        record->action = MSYNC_ACTION_UNKNOWN;
        record->cursor = -1;

        if (!read(data, record, json)) {
            return false;
        }
    }

    return json->error == NULL;
}


void
msync_wire_record_end(msync_record_t *record)
{
    if (record->table == NULL) {
        record->table = msync_strdup("");
    }

    if (record->id == NULL) {
        record->id = wire_no_id(record);
    }
}


/*
 * Records without a usable id are kept beside each other, and each of them
 * once however often it comes.
 */

static char *
wire_no_id(const msync_record_t *record)
{
    char  id[sizeof(NO_ID) + MSYNC_SHA256_HEX] = NO_ID;

    if (record->data == NULL) {
        return msync_strdup("");
    }

    msync_conf_hash(record->data, record->data_length,
                    id + sizeof(NO_ID) - 1);
    id[sizeof(NO_ID) - 1 + NO_ID_DIGITS] = '\0';

    return msync_strdup(id);
}


char *
msync_wire_id(const msync_json_slice_t *value)
{
    return wire_name(value, MSYNC_WIRE_ID_MAX);
}


void
msync_wire_put_pair(msync_json_out_t *out, const char *text, const char *value)
{
    msync_json_put_text(out, text);
    msync_json_put_string(out, value ? value : "");
}


int64_t
msync_wire_end(const msync_batch_t *batch)
{
    int64_t  end = batch->next > 0 ? batch->next - 1 : 0;

    if (batch->n > 0 && end < batch->records[batch->n - 1].cursor) {
        end = batch->records[batch->n - 1].cursor;
    }

    return end;
}


bool
msync_wire_compare(msync_transfer_t *http, const msync_batch_t *batch,
    int64_t taken)
{
    if (taken == (int64_t) batch->n) {
        return true;
    }

    msync_log(MSYNC_LOG_WARN, MSYNC_WIRE_OMSUPPLY " was sent %zu records "
              "and says that it took %" PRId64, batch->n, taken);

    return !msync_transfer_doubts(http, true);
}


void
msync_wire_put_record(msync_json_out_t *out, const msync_record_t *record)
{
    msync_json_put_text(out, "\"tableName\":");
    msync_json_put_string(out, record->table);
    msync_json_put_text(out, ",\"recordId\":");
    msync_json_put_string(out, record->id);
    msync_json_put_text(out, ",\"action\":");
    msync_json_put_string(out, record->action == MSYNC_ACTION_DELETE
                               ? "Delete" : "Update");
    msync_json_put_text(out, ",\"recordData\":");

    if (record->data) {
        msync_json_put(out, record->data, record->data_length);
    } else {
        msync_json_put_text(out, "null");
    }
}


/* a string, or a number as it is written; NULL: not usable */

static char *
wire_name(const msync_json_slice_t *value, size_t max)
{
    if (value->type == MSYNC_JSON_NUMBER && value->length <= max) {
        return msync_strndup(value->data, value->length);
    }

    return msync_json_text(value, max);
}


static msync_action_e
wire_action(const msync_json_slice_t *value)
{
    size_t  i;

    static const struct {
        const char      *name;
        msync_action_e   action;
    } actions[] = {
        { "\"update\"", MSYNC_ACTION_UPSERT },
        { "\"insert\"", MSYNC_ACTION_UPSERT },
        { "\"upsert\"", MSYNC_ACTION_UPSERT },
        { "\"delete\"", MSYNC_ACTION_DELETE },
        { "\"merge\"", MSYNC_ACTION_MERGE }
    };

    for (i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
        if (value->length == strlen(actions[i].name)
            && strncasecmp(value->data, actions[i].name, value->length) == 0)
        {
            return actions[i].action;
        }
    }

    return MSYNC_ACTION_UNKNOWN;
}


static bool
wire_data(msync_record_t *record, msync_json_t *json,
    const msync_json_slice_t *value)
{
    msync_free(&record->data);
    record->data_length = 0;

    if (value->type == MSYNC_JSON_NULL) {
        return true;
    }

    record->data = msync_json_raw(value, &record->data_length);

    return record->data != NULL
           || msync_json_fail(json, "there is not enough memory for it");
}
