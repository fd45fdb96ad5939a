/*
 * First syncs as others would write them, measured beside msync's.
 *
 *     chain download URL RECORDS
 *     chain naive    URL RECORDS DATABASE SCHEMA
 *     chain ordered  URL RECORDS DATABASE SCHEMA TRANSACTION
 *     chain store    DIR RECORDS DATABASE SCHEMA TRANSACTION
 *     chain poor     URL RECORDS
 *
 * download: libcurl alone, one connection.  naive: one thread, cJSON, 500 a
 * transaction, the defaults of SQLite.  ordered: slices of the answer,
 * TRANSACTION records in one, one update of the buffer each, 64 MB of cache.
 * store: the same from files, without a network.  poor: one request at a
 * time, no compression, a new connection each, for a bad line.
 *
 * Prints the seconds that it took.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "peer.h"

#define BATCH  500

static const char *const  order[] = {
    "name", "item", "store", "Location", "requisition", "item_line",
    "requisition_line", "Stock_take", "Stock_take_lines"
};

#define NTABLES  (sizeof(order) / sizeof(*order))

static sqlite3       *db;
static sqlite3_stmt  *put, *put_cursor;
static table_t        tables[NTABLES];
static buffer_t       answer;


static void
open_database(const char *path, const char *schema)
{
    size_t    i;
    buffer_t  sql = { 0 };

    if (sqlite3_open(path, &db) != SQLITE_OK || !read_whole(schema, &sql)) {
        die(path, "cannot be opened");
    }

    run(db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
            "PRAGMA foreign_keys = ON");
    run(db, sql.data);
    run(db, "CREATE TABLE buffer (record_id TEXT PRIMARY KEY, table_name "
            "TEXT, action TEXT, received TEXT, integrated TEXT, data TEXT);"
            "CREATE INDEX buffer_pending ON buffer (table_name) WHERE "
            "integrated IS NULL;"
            "CREATE TABLE place (id INTEGER PRIMARY KEY, cursor INTEGER)");

    put = prepare(db, "INSERT INTO buffer VALUES (?1, ?2, 'UPSERT', "
                  "'2026-01-01T00:00:00', NULL, ?3) ON CONFLICT (record_id) "
                  "DO UPDATE SET data = excluded.data, integrated = NULL");
    put_cursor = prepare(db, "INSERT OR REPLACE INTO place VALUES (1, ?1)");

    for (i = 0; i < NTABLES; i++) {
        table_open(db, &tables[i], order[i]);
    }

    free(sql.data);
}


static void
put_record(void *data, const record_t *record)
{
    (void) data;

    sqlite3_bind_text(put, 1, record->id.at, (int) record->id.length,
                      SQLITE_STATIC);
    sqlite3_bind_text(put, 2, record->table.at, (int) record->table.length,
                      SQLITE_STATIC);
    sqlite3_bind_text(put, 3, record->data.at, (int) record->data.length,
                      SQLITE_STATIC);
    step(db, put);
}


static void
save_cursor(long cursor)
{
    sqlite3_bind_int64(put_cursor, 1, cursor);
    step(db, put_cursor);
}


static void
put_trees(void)
{
    char   *data;
    cJSON  *json = cJSON_ParseWithLength(answer.data, answer.length), *record;

    cJSON_ArrayForEach(record, cJSON_GetObjectItem(json, "data")) {
        data = cJSON_PrintUnformatted(cJSON_GetObjectItem(record,
                                                          "recordData"));
        sqlite3_bind_text(put, 1, cJSON_GetObjectItem(record,
                          "recordId")->valuestring, -1, SQLITE_STATIC);
        sqlite3_bind_text(put, 2, cJSON_GetObjectItem(record,
                          "tableName")->valuestring, -1, SQLITE_STATIC);
        sqlite3_bind_text(put, 3, data, -1, SQLITE_STATIC);
        step(db, put);
        free(data);
    }

    cJSON_Delete(json);
}


static void
get(CURL *curl, const char *from, long cursor)
{
    char  url[4096];

    if (curl == NULL) {
        snprintf(url, sizeof(url), "%s/central_%ld.json", from, cursor);

        if (!read_whole(url, &answer)) {
            die(url, "cannot be read");
        }
        return;
    }

    snprintf(url, sizeof(url), "%s/sync/v5/central_records?cursor=%ld&limit="
             "%d", from, cursor, BATCH);
    fetch(curl, url, &answer);
}


/* table by table; trees and an update a record, or slices and one a batch */

static void
integrate(size_t t, long size, bool trees)
{
    int            rows;
    sqlite3_int64  after = 0;
    sqlite3_stmt  *walk, *done, *done_all;

    walk = prepare(db, "SELECT rowid, data FROM buffer WHERE table_name = ?1 "
                   "AND integrated IS NULL AND rowid > ?2 ORDER BY rowid "
                   "LIMIT ?3");
    done = prepare(db, "UPDATE buffer SET integrated = '2026-01-01T00:00:00' "
                   "WHERE rowid = ?1");
    done_all = prepare(db, "UPDATE buffer SET integrated = "
                       "'2026-01-01T00:00:00' WHERE table_name = ?1 AND "
                       "integrated IS NULL AND rowid > ?2 AND rowid <= ?3");

    do {
        sqlite3_bind_text(walk, 1, order[t], -1, SQLITE_STATIC);
        sqlite3_bind_int64(walk, 2, after);
        sqlite3_bind_int64(walk, 3, size);
        sqlite3_bind_text(done_all, 1, order[t], -1, SQLITE_STATIC);
        sqlite3_bind_int64(done_all, 2, after);
        run(db, "BEGIN IMMEDIATE");

        for (rows = 0; sqlite3_step(walk) == SQLITE_ROW; rows++) {
            after = sqlite3_column_int64(walk, 0);

            if (trees) {
                table_insert_tree(db, &tables[t],
                                  (const char *)
                                  sqlite3_column_text(walk, 1));
                sqlite3_bind_int64(done, 1, after);
                step(db, done);

            } else {
                table_insert(db, &tables[t], (slice_t) {
                             (const char *) sqlite3_column_text(walk, 1),
                             (size_t) sqlite3_column_bytes(walk, 1) });
            }
        }

        sqlite3_reset(walk);
        sqlite3_bind_int64(done_all, 3, after);
        step(db, done_all);
        run(db, "COMMIT");
    } while (rows == size);

    sqlite3_finalize(walk);
    sqlite3_finalize(done);
    sqlite3_finalize(done_all);
}


static void
naive(CURL *curl, const char *from, long records)
{
    long    cursor;
    size_t  t;

    for (cursor = 0; cursor < records; cursor += BATCH) {
        get(curl, from, cursor);
        run(db, "BEGIN IMMEDIATE");
        put_trees();
        save_cursor(cursor + BATCH);
        run(db, "COMMIT");
    }

    for (t = 0; t < NTABLES; t++) {
        integrate(t, BATCH, true);
    }
}


static void
ordered(CURL *curl, const char *from, long records, long size)
{
    long    cursor;
    size_t  t;

    run(db, "PRAGMA cache_size = -65536; PRAGMA wal_autocheckpoint = 100000");

    for (cursor = 0; cursor < records; cursor += BATCH) {
        get(curl, from, cursor);

        if (cursor % size == 0) {
            run(db, "BEGIN IMMEDIATE");
        }

        each_record(&answer, put_record, NULL);

        if ((cursor + BATCH) % size == 0 || cursor + BATCH >= records) {
            save_cursor(cursor + BATCH);
            run(db, "COMMIT");
        }
    }

    for (t = 0; t < NTABLES; t++) {
        integrate(t, size, false);
    }
}


/* every request that a first sync makes */

static void
poor(const char *from, long records)
{
    long    cursor;
    char    url[4096];
    CURL   *curl;
    size_t  i;

    static const char *const  others[] = {
        "/sync/v5/site", "/sync/v5/initialise",
        "/sync/v5/queued_records?limit=500", "/central/sync/pull"
    };

    for (i = 0; i < sizeof(others) / sizeof(*others); i++) {
        curl = curl_easy_init();
        snprintf(url, sizeof(url), "%s%s", from, others[i]);
        fetch(curl, url, &answer);
        curl_easy_cleanup(curl);
    }

    for (cursor = 0; cursor <= records; cursor += BATCH) {
        curl = curl_easy_init();
        get(curl, from, cursor);
        curl_easy_cleanup(curl);
    }
}


int
main(int argc, char **argv)
{
    long     records = argc > 3 ? atol(argv[3]) : 0;
    CURL    *curl = curl_easy_init();
    double   began;

    if (records <= 0) {
        die("usage", "chain download|naive|ordered|store|poor …");
    }

    if (argc > 5) {
        open_database(argv[4], argv[5]);
    }

    curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, "");
    began = seconds();

    if (strcmp(argv[1], "naive") == 0 && argc == 6) {
        naive(curl, argv[2], records);

    } else if (strcmp(argv[1], "ordered") == 0 && argc == 7) {
        ordered(curl, argv[2], records, atol(argv[6]));

    } else if (strcmp(argv[1], "store") == 0 && argc == 7) {
        ordered(NULL, argv[2], records, atol(argv[6]));

    } else if (strcmp(argv[1], "download") == 0) {
        for (long cursor = 0; cursor < records; cursor += BATCH) {
            get(curl, argv[2], cursor);
        }

    } else if (strcmp(argv[1], "poor") == 0) {
        poor(argv[2], records);

    } else {
        die(argv[1], "no such chain, or arguments are missing");
    }

    printf("%.6f\n", seconds() - began);
    return 0;
}
