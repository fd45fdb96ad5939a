/*
 * Rows on their way out: a row as a record of the wire, and for v7 of whom it
 * says that it is.
 *
 * Promises: what central would refuse without a word is refused here with
 * words.
 */

#include <stdlib.h>
#include <string.h>

#include "catalogue/v7.h"
#include "store/column_private.h"
#include "store/schema_private.h"

/* while a row is written as a record of v7 */
typedef struct {
    msync_store_t  *store;         /* borrowed */
    msync_err_t    *err;           /* borrowed */
    bool            failed;        /* the database did, as err says */
} outgoing_t;


static void outgoing_add_columns(sqlite3_str *sql,
    const msync_table_t *table);
static sqlite3_stmt *outgoing_select(msync_store_t *store,
    const msync_table_t *table, msync_err_t *err);
static int outgoing_encode(msync_store_t *store, msync_row_t *row, bool send,
    msync_record_t *record, msync_err_t *err);
static bool outgoing_look_up(msync_row_t *row, const msync_table_t *table,
    const msync_field_t *by, const char *id, const msync_field_t *take,
    msync_value_t *value);
static sqlite3_stmt *outgoing_lookup(msync_store_t *store,
    const msync_table_t *table, const msync_field_t *by,
    const msync_field_t *take, msync_err_t *err);
static char *outgoing_text(msync_row_t *row, const char *table,
    const char *by, const char *id, const char *take);
static bool outgoing_is_deleted(const msync_table_t *table, unsigned side,
    sqlite3_stmt *stmt);
static int outgoing_read_row(msync_store_t *store,
    const msync_table_t *table, const char *id, msync_row_t *row,
    msync_err_t *err);
static int outgoing_parties(msync_store_t *store, msync_row_t *row,
    msync_record_t *record, bool *ours, msync_err_t *err);
static int outgoing_parent(msync_store_t *store, msync_row_t *row,
    const msync_field_t *field, const char *id, msync_record_t *record,
    bool *ours, msync_err_t *err);
static int outgoing_received(msync_store_t *store, const msync_row_t *row,
    msync_record_t *record, const msync_v7_envelope_t *envelope,
    msync_err_t *err);
static int outgoing_find_envelope(msync_store_t *store, msync_row_t *row,
    msync_record_t *record, msync_v7_envelope_t *envelope, msync_err_t *err);
static int outgoing_envelope(msync_store_t *store, msync_row_t *row,
    bool send, msync_record_t *record, msync_err_t *err);
static int outgoing_deleted_parent(msync_store_t *store,
    const msync_table_t *table, const char *id, msync_record_t *record,
    msync_err_t *err);


/* a quoted name alone that is no column is a text to SQLite; t. makes it an
 * error */

static void
outgoing_add_columns(sqlite3_str *sql, const msync_table_t *table)
{
    size_t  i;

    for (i = 0; i < table->n; i++) {
        sqlite3_str_appendf(sql, "t.\"%w\", ", table->fields[i].name);
    }

    sqlite3_str_appendall(sql, "t.msync_extra, ");
    msync_store_put_is_marked(sql, table, "t");
}


static sqlite3_stmt *
outgoing_select(msync_store_t *store, const msync_table_t *table,
    msync_err_t *err)
{
    sqlite3_str          *sql;
    msync_table_stmts_t  *stmts;

    stmts = &store->tables[table - store->catalogue->tables];

    if (stmts->select == NULL) {
        sql = sqlite3_str_new(store->db);
        sqlite3_str_appendall(sql, "SELECT ");
        outgoing_add_columns(sql, table);
        sqlite3_str_appendf(sql, " FROM \"%w\" AS t WHERE t.\"%w\" = "
                            "?1", table->sql, table->fields[table->key].name);
        stmts->select = msync_store_prepare_own(store,
                                                sqlite3_str_finish(sql), err);
    }

    return stmts->select;
}


/*
 * Whether central has deleted the row, and only a mark of ours, which that
 * side's wire has no field for, says so: sent, the row would be made there
 * again.  Open mSupply leaves such names out, too.
 */

static bool
outgoing_is_deleted(const msync_table_t *table, unsigned side,
    sqlite3_stmt *stmt)
{
    return (table->soft_is_local
            || (side != MSYNC_V7 && table->soft_field != NULL
                && table->soft_field->v7_only))
           && sqlite3_column_int(stmt, (int) table->n + 1);
}


int
msync_store_row_read(msync_store_t *store, const msync_table_t *table,
    const char *id, unsigned side, bool send, msync_record_t *record,
    msync_err_t *err)
{
    int            code, rc = MSYNC_DONE;
    size_t         i;
    msync_row_t    row;
    sqlite3_stmt  *stmt;

    stmt = outgoing_select(store, table, err);
    if (stmt == NULL) {
        err->scope = MSYNC_SCOPE_RUN;
        return MSYNC_ERROR;
    }

    sqlite3_bind_text(stmt, 1, id, -1, SQLITE_TRANSIENT);
    code = sqlite3_step(stmt);

    if (code == SQLITE_ROW && send && outgoing_is_deleted(table, side, stmt)) {
        rc = MSYNC_DONE;

    } else if (code == SQLITE_ROW) {
        msync_row_init(&row, table);
        row.side = side;

        for (i = 0; i < table->n; i++) {
            msync_store_read_column(store, &row.values[i], stmt, (int) i);
        }

        row.extra = msync_strdup(msync_store_read_extra(store, stmt,
                                                        (int) table->n));

        rc = outgoing_encode(store, &row, send, record, err);
        msync_row_clear(&row);

    } else if (code != SQLITE_DONE) {
        rc = msync_store_fault(store, table->name, err);
        err->scope = MSYNC_SCOPE_RUN;
    }

    sqlite3_reset(stmt);
    return rc;
}


int
msync_store_side_of(msync_store_t *store, const msync_table_t *table,
    unsigned *side, msync_err_t *err)
{
    if (msync_store_sides(store, side, err) != MSYNC_OK) {
        err->scope = MSYNC_SCOPE_RUN;
        return MSYNC_ERROR;
    }

    *side &= table->pull;

    if (*side & MSYNC_LEGACY) {
        *side = MSYNC_LEGACY;
    }

    return MSYNC_OK;
}


static int
outgoing_encode(msync_store_t *store, msync_row_t *row, bool send,
    msync_record_t *record, msync_err_t *err)
{
    int          rc = MSYNC_OK;
    msync_err_t  fault;
    outgoing_t   outgoing = { store, &fault, false };

    row->lookup = outgoing_look_up;
    row->lookup_data = &outgoing;
    record->data = msync_row_encode(row, &record->data_length, err);

    if (record->data == NULL) {
        err->scope = MSYNC_SCOPE_RECORD;
        rc = MSYNC_ERROR;

    } else if (!outgoing.failed && row->side == MSYNC_V7) {
        rc = outgoing_envelope(store, row, send, record, err);
    }

    row->lookup = NULL;
    row->lookup_data = NULL;

    if (outgoing.failed) {
        *err = fault;
        err->scope = MSYNC_SCOPE_RUN;
        rc = MSYNC_ERROR;
    }

    if (rc != MSYNC_OK) {
        msync_record_clear(record);
    }

    return rc;
}


int
msync_store_row_complete(msync_store_t *store, msync_row_t *row,
    msync_err_t *err)
{
    msync_err_t  fault;
    outgoing_t   outgoing = { store, &fault, false };

    row->lookup = outgoing_look_up;
    row->lookup_data = &outgoing;
    msync_v7_complete(row);
    row->lookup = NULL;
    row->lookup_data = NULL;

    if (outgoing.failed) {
        *err = fault;
        err->scope = MSYNC_SCOPE_RUN;
        return MSYNC_ERROR;
    }

    return MSYNC_OK;
}


/* after a fault of the database nothing is found any more */

static bool
outgoing_look_up(msync_row_t *row, const msync_table_t *table,
    const msync_field_t *by, const char *id, const msync_field_t *take,
    msync_value_t *value)
{
    int            code;
    outgoing_t    *outgoing = row->lookup_data;
    sqlite3_stmt  *stmt;

    memset(value, 0, sizeof(*value));

    stmt = outgoing->failed ? NULL
           : outgoing_lookup(outgoing->store, table, by, take, outgoing->err);
    if (stmt == NULL) {
        outgoing->failed = true;
        return false;
    }

    sqlite3_bind_text(stmt, 1, id, -1, SQLITE_STATIC);
    code = sqlite3_step(stmt);

    if (code == SQLITE_ROW) {
        msync_store_read_column(outgoing->store, value, stmt, 0);

        if (value->kind == MSYNC_VALUE_TEXT
            || value->kind == MSYNC_VALUE_BLOB)
        {
            value->text = msync_row_text(row, value->text, value->length);
        }

    } else if (code != SQLITE_DONE) {
        msync_store_fault(outgoing->store, table->name, outgoing->err);
        outgoing->failed = true;
    }

    sqlite3_reset(stmt);
    return code == SQLITE_ROW && value->kind != MSYNC_VALUE_NULL;
}


/* there are as many as v7.json asks for, and few */

static sqlite3_stmt *
outgoing_lookup(msync_store_t *store, const msync_table_t *table,
    const msync_field_t *by, const msync_field_t *take, msync_err_t *err)
{
    size_t           i;
    msync_lookup_t  *lookup;

    for (i = 0; i < store->nlookups; i++) {
        if (store->lookups[i].by == by && store->lookups[i].take == take) {
            return store->lookups[i].stmt;
        }
    }

    store->lookups = msync_realloc(store->lookups, store->nlookups + 1,
                                   sizeof(msync_lookup_t));
    lookup = &store->lookups[store->nlookups];
    lookup->by = by;
    lookup->take = take;
    lookup->stmt = msync_store_prepare_own(store,
        sqlite3_mprintf("SELECT t.\"%w\" FROM \"%w\" AS t WHERE t.\"%w\" = "
                        "?1 ORDER BY 1 LIMIT 1", take->name, table->sql,
                        by->name), err);
    store->nlookups += lookup->stmt != NULL;

    return lookup->stmt;
}


/* a text of another row, owned by the caller; NULL: there is none */

static char *
outgoing_text(msync_row_t *row, const char *table, const char *by,
    const char *id, const char *take)
{
    outgoing_t           *outgoing = row->lookup_data;
    msync_value_t         value;
    const msync_field_t  *key, *field;
    const msync_table_t  *other;

    other = msync_catalogue_find(outgoing->store->catalogue, table);
    key = other ? msync_table_field(other, by) : NULL;
    field = other ? msync_table_field(other, take) : NULL;

    return key != NULL && field != NULL
           && outgoing_look_up(row, other, key, id, field, &value)
           && value.kind == MSYNC_VALUE_TEXT && value.length > 0
           ? msync_strdup(value.text) : NULL;
}


/* the row that a column names, as it stands; MSYNC_DONE: it is not here.
 * msync_row_clear it */

static int
outgoing_read_row(msync_store_t *store, const msync_table_t *table,
    const char *id, msync_row_t *row, msync_err_t *err)
{
    int             code;
    size_t          i;
    sqlite3_stmt   *stmt;
    msync_value_t  *value;

    msync_row_init(row, table);

    stmt = outgoing_select(store, table, err);
    if (stmt == NULL) {
        return MSYNC_ERROR;
    }

    sqlite3_bind_text(stmt, 1, id, -1, SQLITE_TRANSIENT);
    code = sqlite3_step(stmt);

    for (i = 0; code == SQLITE_ROW && i < table->n; i++) {
        value = &row->values[i];
        msync_store_read_column(store, value, stmt, (int) i);

        if (value->kind == MSYNC_VALUE_TEXT
            || value->kind == MSYNC_VALUE_BLOB)
        {
            value->text = msync_row_text(row, value->text, value->length);
        }
    }

    sqlite3_reset(stmt);

    return code == SQLITE_ROW ? MSYNC_OK
           : code == SQLITE_DONE ? MSYNC_DONE
           : msync_store_fault(store, table->name, err);
}


/* whose a row is; `ours`: a store of this site is among it */

static int
outgoing_parties(msync_store_t *store, msync_row_t *row,
    msync_record_t *record, bool *ours, msync_err_t *err)
{
    int                   i, rc = MSYNC_OK;
    char                 *type;
    msync_v7_parties_t    parties;

    *ours = false;
    msync_v7_parties(row, &parties);

    for (i = 0; rc == MSYNC_OK && i < 2 && record->store == NULL; i++) {
        if (parties.stores[i] != NULL) {
            rc = msync_store_find_ours(store, parties.stores[i],
                                       &record->store, err);
        }
    }

    if (rc == MSYNC_OK && record->store == NULL && parties.any_store
        && parties.stores[0] == NULL)
    {
        rc = msync_store_find_ours(store, NULL, &record->store, err);
    }

    *ours = record->store != NULL;

    if (rc == MSYNC_OK && !*ours && parties.stores[0] != NULL) {
        record->store = msync_strdup(parties.stores[0]);
    }

    if (parties.other != NULL) {
        record->transfer_store = outgoing_text(row, "store", "name_ID",
                                               parties.other, "ID");
    }

    if (parties.patient != NULL) {
        type = outgoing_text(row, "name", "ID", parties.patient, "type");

        if (type != NULL && strcmp(type, "patient") == 0) {
            record->patient = msync_strdup(parties.patient);
        }

        msync_free(&type);
    }

    return rc;
}


/* of a line it is what its document says */

static int
outgoing_parent(msync_store_t *store, msync_row_t *row,
    const msync_field_t *field, const char *id, msync_record_t *record,
    bool *ours, msync_err_t *err)
{
    int          rc;
    msync_row_t  parent;

    *ours = false;

    if (id == NULL || field->target == NULL) {
        return MSYNC_OK;
    }

    rc = outgoing_read_row(store, field->target, id, &parent, err);
    parent.lookup = row->lookup;
    parent.lookup_data = row->lookup_data;

    if (rc == MSYNC_OK) {
        rc = outgoing_parties(store, &parent, record, ours, err);
    }

    msync_row_clear(&parent);
    return rc == MSYNC_ERROR ? MSYNC_ERROR : MSYNC_OK;
}


static int
outgoing_find_envelope(msync_store_t *store, msync_row_t *row,
    msync_record_t *record, msync_v7_envelope_t *envelope, msync_err_t *err)
{
    int                   rc;
    const msync_value_t  *value;
    msync_v7_parties_t    parties;

    msync_v7_parties(row, &parties);

    if (parties.parent != NULL) {
        value = &row->values[parties.parent - row->table->fields];
        rc = outgoing_parent(store, row, parties.parent,
                             value->kind == MSYNC_VALUE_TEXT ? value->text
                                                             : NULL,
                             record, &envelope->store_is_ours, err);

    } else {
        rc = outgoing_parties(store, row, record, &envelope->store_is_ours,
                              err);
    }

    if (rc != MSYNC_OK) {
        err->scope = MSYNC_SCOPE_RUN;
        return MSYNC_ERROR;
    }

    envelope->has_store = record->store != NULL;
    envelope->has_patient = record->patient != NULL;

    return MSYNC_OK;
}


int
msync_store_row_is_others(msync_store_t *store, const msync_table_t *table,
    const char *id, bool *others, msync_err_t *err)
{
    int                   rc;
    msync_err_t           fault;
    msync_row_t           row;
    outgoing_t            outgoing = { store, &fault, false };
    msync_record_t        record = { 0 };
    msync_v7_envelope_t   envelope = { 0 };

    rc = outgoing_read_row(store, table, id, &row, err);
    row.side = MSYNC_V7;
    row.lookup = outgoing_look_up;
    row.lookup_data = &outgoing;

    if (rc == MSYNC_OK) {
        rc = outgoing_find_envelope(store, &row, &record, &envelope, err);
    }

    if (outgoing.failed) {
        *err = fault;
        rc = MSYNC_ERROR;
    }

    *others = rc == MSYNC_OK && !msync_v7_takes(table, &envelope)
              && (envelope.has_store
                  || msync_v7_unfit(table, &envelope) == NULL);

    row.lookup = NULL;
    row.lookup_data = NULL;
    msync_row_clear(&row);
    msync_record_clear(&record);

    return rc == MSYNC_ERROR ? MSYNC_ERROR : MSYNC_OK;
}


static int
outgoing_envelope(msync_store_t *store, msync_row_t *row, bool send,
    msync_record_t *record, msync_err_t *err)
{
    msync_v7_envelope_t  envelope = { 0 };

    if (outgoing_find_envelope(store, row, record, &envelope, err)
        != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    if (!send) {
        return outgoing_received(store, row, record, &envelope, err);
    }

    if (msync_v7_takes(row->table, &envelope)) {
        return MSYNC_OK;
    }

    msync_err_set(err, MSYNC_ERR_DATABASE_ERROR, envelope.has_store
                  ? "it belongs to a store of another site, from which alone "
                    "central takes it, so it cannot be sent"
                  : "central takes rows of this table only for a store of "
                    "the site or a patient, and it names none, so it cannot "
                    "be sent; fill one in in the application");
    err->scope = MSYNC_SCOPE_RECORD;

    return MSYNC_ERROR;
}


/*
 * What has become a row was for this site.  While its document or its name is
 * missing, the row itself does not tell why: then any store of the site, or
 * any patient, says that it is.
 */

static int
outgoing_received(msync_store_t *store, const msync_row_t *row,
    msync_record_t *record, const msync_v7_envelope_t *envelope,
    msync_err_t *err)
{
    if (msync_v7_unfit(row->table, envelope) == NULL) {
        return MSYNC_OK;
    }

    if (row->table->v7_styles & MSYNC_V7_PATIENT) {
        free(record->patient);
        record->patient = msync_strdup(row->values[row->table->key].text);
        return MSYNC_OK;
    }

    msync_free(&record->store);

    if (msync_store_find_ours(store, NULL, &record->store, err) != MSYNC_OK) {
        err->scope = MSYNC_SCOPE_RUN;
        return MSYNC_ERROR;
    }

    return MSYNC_OK;
}


/* of a patient the row itself was the name */

int
msync_store_deleted_envelope(msync_store_t *store,
    const msync_table_t *table, const char *store_id, const char *parent_id,
    msync_record_t *record, msync_err_t *err)
{
    int          rc = MSYNC_OK;
    bool         ours;
    msync_err_t  fault;
    msync_row_t  row;
    outgoing_t   outgoing = { store, &fault, false };

    if (store_id != NULL) {
        record->store = msync_strdup(store_id);

    } else if (parent_id != NULL && table->store_via != NULL) {
        msync_row_init(&row, table);
        row.lookup = outgoing_look_up;
        row.lookup_data = &outgoing;
        rc = outgoing_parent(store, &row, table->store_via, parent_id, record,
                             &ours, err);
        msync_row_clear(&row);

        if (rc == MSYNC_OK && record->store == NULL) {
            rc = outgoing_deleted_parent(store, table->store_via->target,
                                         parent_id, record, err);
        }

    } else if (table->v7_styles & MSYNC_V7_PATIENT) {
        record->patient = msync_strdup(record->id);
    }

    if (outgoing.failed) {
        *err = fault;
        rc = MSYNC_ERROR;
    }

    return rc;
}


/* a document that was deleted with its lines has left its store in the
 * changelog */

static int
outgoing_deleted_parent(msync_store_t *store, const msync_table_t *table,
    const char *id, msync_record_t *record, msync_err_t *err)
{
    sqlite3_stmt  *stmt;

    stmt = msync_store_stmt(store, MSYNC_STMT_DELETED_STORE, "SELECT store_id "
                            "FROM changelog WHERE table_name = ?1 AND "
                            "record_id = ?2 AND row_action = 'DELETE' ORDER "
                            "BY cursor DESC LIMIT 1", err);
    if (stmt == NULL) {
        return MSYNC_ERROR;
    }

    sqlite3_bind_text(stmt, 1, table->name, -1, SQLITE_STATIC);
    sqlite3_bind_text(stmt, 2, id, -1, SQLITE_STATIC);

    return msync_store_text(store, stmt, &record->store, "changelog", err);
}
