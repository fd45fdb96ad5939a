/*
 * What the programs of the benchmark share: words and times, and for the
 * peers of the first sync libcurl downloads, records as slices of an answer,
 * and a site's tables bound by the names of columns.
 *
 * Peers are what msync is measured against.  They check nothing: what they
 * do is the least that a program of their kind has to do.
 */

#ifndef PEER_H
#define PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <curl/curl.h>
#include <sqlite3.h>

#define PEER_COLUMNS_MAX  64

typedef struct {
    const char  *at;
    size_t       length;
} slice_t;

typedef struct {
    slice_t  table;
    slice_t  id;
    slice_t  data;
} record_t;

typedef struct {
    char    *data;                   /* NUL-terminated */
    size_t   length;
    size_t   size;
} buffer_t;

typedef struct {
    char           name[64];
    int            n;
    char           columns[PEER_COLUMNS_MAX][64];
    char           neutral[PEER_COLUMNS_MAX][64];  /* SQL, instead of NULL */
    bool           foreign[PEER_COLUMNS_MAX];   /* "" is NULL there */
    sqlite3_stmt  *insert;
} table_t;

/* ends the process with words */
void die(const char *what, const char *why);

/* … that errno gives */
void fail(const char *what);

/* a connection to a server of this machine */
int connect_to(int port);

/* of a clock that never goes back */
double seconds(void);

/* the smallest first */
void sort_times(double *times, size_t n);

/* one request on the handle; the answer replaces what is in the buffer */
void fetch(CURL *curl, const char *url, buffer_t *to);

/* reads a file whole */
bool read_whole(const char *path, buffer_t *to);

/* calls `each` with every record of an answer; returns their number */
size_t each_record(const buffer_t *answer,
    void (*each)(void *data, const record_t *record), void *data);

void run(sqlite3 *db, const char *sql);
sqlite3_stmt *prepare(sqlite3 *db, const char *sql);
void step(sqlite3 *db, sqlite3_stmt *stmt);

/* makes the statement that writes rows of this table */
void table_open(sqlite3 *db, table_t *table, const char *name);

/* writes the members of one recordData as a row */
void table_insert(sqlite3 *db, table_t *table, slice_t data);

/* the same by way of a cJSON tree */
void table_insert_tree(sqlite3 *db, table_t *table, const char *data);

#endif /* PEER_H */
