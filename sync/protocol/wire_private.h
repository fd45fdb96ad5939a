/*
 * What the protocols have in common: objects and arrays of an answer and a
 * record's envelope (wire.c, up to msync_wire_put_record); errors as Open
 * mSupply writes them, the codes of the legacy server's errors, and the words
 * for answers that cannot be used (wire_error.c, all that follows).
 */

#ifndef MSYNC_WIRE_PRIVATE_H
#define MSYNC_WIRE_PRIVATE_H

#include "transfer/transfer.h"
#include "base/json.h"
#include "protocol/peer.h"

/* who speaks v6, or v7, and whose words it passes on */
#define MSYNC_WIRE_OMSUPPLY   "Open mSupply central"
#define MSYNC_WIRE_ASKED                                                      \
    "mSupply central, asked by " MSYNC_WIRE_OMSUPPLY ","

#define MSYNC_WIRE_ID_MAX     1024      /* octets of a recordId, syncOutId */
#define MSYNC_WIRE_TABLE_MAX  128
#define MSYNC_WIRE_TEXT_MAX   1024      /* of names and messages */
#define MSYNC_WIRE_SHORT      65536     /* an answer with an error is not
                                           longer */

/* a server may bring somewhat more records than it was asked for */
#define msync_wire_limit(asked)  (2 * (size_t) (asked) + 16)


/*
 * Reads a whole object: `member` is called before each value and must go
 * behind it.  INVALID_RESPONSE or HTTP_ERROR when that is not possible.
 */
typedef bool (*msync_wire_member_pt)(void *data, msync_json_t *json,
    const char *key);

int msync_wire_object(const msync_transfer_response_t *res, const char *who,
    msync_wire_member_pt member, void *data, msync_err_t *err);

/* reads what may be an error, as msync_wire_object() does: false, without
 * words, where it is no whole object or longer than MSYNC_WIRE_SHORT */
bool msync_wire_is_object(const msync_transfer_response_t *res,
    msync_wire_member_pt member, void *data);

/* reads an object inside of another one, as msync_wire_object() does; the
 * reader stands before it */
bool msync_wire_members(msync_json_t *json, msync_wire_member_pt member,
    void *data);


/*
 * A cursor or a count, 0 or more; null leaves *number as it is.  With anything
 * else the run cannot go on: false, a fault of the whole answer.
 */
bool msync_wire_number(msync_json_t *json, const msync_json_slice_t *value,
    int64_t *number);

/* takes tableName, recordId, action or recordData; other keys are ignored */
bool msync_wire_record_member(msync_record_t *record, msync_json_t *json,
    const char *key, const msync_json_slice_t *value);

/* an id, owned by the caller; a number as it is written; NULL: not usable */
char *msync_wire_id(const msync_json_slice_t *value);

/*
 * Reads one record: `member` is called before each value of its object.
 * Whatever else stands in its place becomes a record of no table.
 */
bool msync_wire_record(msync_record_t *record, msync_json_t *json,
    msync_wire_member_pt member, void *data);

/* fills what a record did not bring; called for each one */
void msync_wire_record_end(msync_record_t *record);

/* arrays of records, while they are read; zeroed but for batch and limit */

typedef struct {
    msync_batch_t  *batch;              /* borrowed */
    size_t          limit;              /* records, 0: there is no limit */
    size_t          n;                  /* records that came, whatever became of
                                           them */
} msync_wire_records_t;

/*
 * `read` fills a record that was added to the batch, of no known action and
 * with the cursor -1, and goes behind it.  It may drop it and add others.
 */
typedef bool (*msync_wire_record_pt)(void *data, msync_record_t *record,
    msync_json_t *json);

/* reads an array; one record beyond the limit is a fault of the answer */
bool msync_wire_records(msync_wire_records_t *records, msync_json_t *json,
    msync_wire_record_pt read, void *data);

/* the text and a quoted value, "" for NULL */
void msync_wire_put_pair(msync_json_out_t *out, const char *text,
    const char *value);

/* of a push: the cursor up to which this site's changes are sent with it */
int64_t msync_wire_end(const msync_batch_t *batch);

/* whether a server took as many records as the batch has; another number is
 * told of in the log.  False: it may belong to the answer to another request
 * (msync_transfer_doubts), so the batch is to be sent once more */
bool msync_wire_compare(msync_transfer_t *http, const msync_batch_t *batch,
    int64_t taken);

/* "tableName":…,"recordId":…,"action":…,"recordData":… */
void msync_wire_put_record(msync_json_out_t *out,
    const msync_record_t *record);


/*
 * An error of Open mSupply as Rust writes its enums: a bare string, or an
 * object whose one member is the name, with what the error carries.  Zeroed
 * before it is read; the first member of a struct that holds more.
 */

typedef struct {
    bool   found;
    char  *name;                 /* owned, NULL: it is no text */
    char  *text;                 /* owned, what it carries, NULL: nothing */
} msync_wire_enum_t;

/*
 * Looks for an error in the member `key` of the whole answer; null is none.
 * Of an object `carried` is called with the error before the value, and must
 * go behind it; it may set the text.  Clear the error in any case.
 */
bool msync_wire_enum_read(const msync_transfer_response_t *res,
    const char *key, msync_wire_member_pt carried, msync_wire_enum_t *error);
bool msync_wire_enum_is(const msync_wire_enum_t *error, const char *name);
const char *msync_wire_enum_text(const msync_wire_enum_t *error);  /* or "" */
void msync_wire_enum_clear(msync_wire_enum_t *error);

/* {"error": {"code", "message"}}; the strings are the caller's, "" when
 * they are missing */
bool msync_wire_error(const msync_transfer_response_t *res, char **code,
    char **message);

/* whether a code says that the server is at work and did nothing, and
 * whether it is one of the legacy server's at all */
bool msync_wire_is_busy(const char *code);
bool msync_wire_is_known(const char *code);

/* an error of the legacy server, by its code in any of its spellings;
 * returns MSYNC_ERROR */
int msync_wire_code(const char *code, const char *message, const char *who,
    msync_err_t *err);

/* msync_wire_code() for a code that stands somewhere in a text; MSYNC_OK: none
 * does */
int msync_wire_code_within(const char *text, const char *who,
    msync_err_t *err);

/*
 * What Open mSupply central met when it asked mSupply central about this site,
 * by the words that it has for it: a status that mSupply central, or a proxy
 * before it, answered with, 0: it tells none; and whether it did not get
 * there.
 */
int msync_wire_status_within(const char *text);
bool msync_wire_is_out_of_reach(const char *text);

/*
 * An error in words for what Open mSupply central met at mSupply central: a
 * refusal by its code, a status, or that it was out of reach.  MSYNC_OK: the
 * text tells nothing of the kind.
 */
int msync_wire_legacy_error(const char *text, msync_err_t *err);

/* the error that mSupply central was out of its reach; returns MSYNC_ERROR */
int msync_wire_out_of_reach(const char *text, msync_err_t *err);

/*
 * Words for an answer that has no error of the protocol: its status, a web
 * page, nothing at all.  `why` is the JSON reader's fault at octet `offset`,
 * NULL: it was not read.  Returns MSYNC_ERROR.
 */
int msync_wire_unusable(const msync_transfer_response_t *res, const char *who,
    const char *why, size_t offset, msync_err_t *err);

/* whether it begins as a web page does, whatever it is said to be */
bool msync_wire_is_markup(const msync_transfer_response_t *res);

/* "The answer of WHO lacks NAME"; returns MSYNC_ERROR */
int msync_wire_lacks(const char *who, const char *name, msync_err_t *err);

#endif /* MSYNC_WIRE_PRIVATE_H */
