#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cjson/cJSON.h>

#include "peer.h"


void
die(const char *what, const char *why)
{
    fprintf(stderr, "%s: %s\n", what, why);
    exit(1);
}


void
fail(const char *what)
{
    perror(what);
    exit(1);
}


int
connect_to(int port)
{
    int                 fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    struct sockaddr_in  to = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t) port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)
    };

    if (fd == -1 || connect(fd, (struct sockaddr *) &to, sizeof(to)) != 0) {
        fail("connect");
    }

    (void) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    return fd;
}


double
seconds(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double) ts.tv_sec + (double) ts.tv_nsec / 1e9;
}


static int
compare(const void *a, const void *b)
{
    double  x = *(const double *) a, y = *(const double *) b;

    return x < y ? -1 : x > y;
}


void
sort_times(double *times, size_t n)
{
    qsort(times, n, sizeof(double), compare);
}


static size_t
on_body(char *data, size_t size, size_t n, void *arg)
{
    buffer_t  *to = arg;

    n *= size;

    if (to->length + n + 1 > to->size) {
        to->size = (to->length + n + 1) * 2;
        to->data = realloc(to->data, to->size);

        if (to->data == NULL) {
            die("answer", "out of memory");
        }
    }

    memcpy(to->data + to->length, data, n);
    to->length += n;
    to->data[to->length] = '\0';

    return n;
}


void
fetch(CURL *curl, const char *url, buffer_t *to)
{
    long      status;
    CURLcode  code;

    to->length = 0;
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, to);
    curl_easy_setopt(curl, CURLOPT_BUFFERSIZE, 131072L);

    code = curl_easy_perform(curl);
    if (code != CURLE_OK) {
        die(url, curl_easy_strerror(code));
    }

    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    if (status >= 300) {
        die(url, "not answered with 200");
    }
}


bool
read_whole(const char *path, buffer_t *to)
{
    FILE    *file = fopen(path, "r");
    char     part[65536];
    size_t   n;

    if (file == NULL) {
        return false;
    }

    to->length = 0;

    while ((n = fread(part, 1, sizeof(part), file)) > 0) {
        on_body(part, 1, n, to);
    }

    fclose(file);
    return true;
}


/* behind the value that begins here */

static const char *
skip(const char *p)
{
    int  depth = 0;

    for ( ;; p++) {
        switch (*p) {

        case '"':
            for (p++; *p != '"'; p++) {
                if (*p == '\\') {
                    p++;
                }
            }
            if (depth == 0) {
                return p + 1;
            }
            break;

        case '{': case '[':
            depth++;
            break;

        case '}': case ']':
            if (depth == 0) {
                return p;
            }
            if (--depth == 0) {
                return p + 1;
            }
            break;

        case ',':
            if (depth == 0) {
                return p;
            }
            break;

        default:
            break;
        }
    }
}


/* the next member of an object whose "{" or "," is at *p */

static bool
next_member(const char **p, slice_t *key, slice_t *value)
{
    if (**p == '}' || (*p)[1] == '}') {
        return false;
    }

    key->at = *p + 2;
    key->length = (size_t) (strchr(key->at, '"') - key->at);
    value->at = key->at + key->length + 2;
    *p = skip(value->at);
    value->length = (size_t) (*p - value->at);

    return true;
}


static slice_t
unquoted(slice_t value)
{
    value.at++;
    value.length -= 2;

    return value;
}


static bool
is(slice_t key, const char *name)
{
    return key.length == strlen(name)
           && memcmp(key.at, name, key.length) == 0;
}


size_t
each_record(const buffer_t *answer,
    void (*each)(void *data, const record_t *record), void *data)
{
    size_t       n = 0;
    slice_t      key, value;
    record_t     record = { 0 };
    const char  *p = strstr(answer->data, "\"data\":[");

    for (p += 8; *p == '{'; p += (*p == ',')) {
        while (next_member(&p, &key, &value)) {
            if (is(key, "tableName")) {
                record.table = unquoted(value);

            } else if (is(key, "recordId")) {
                record.id = unquoted(value);

            } else if (is(key, "recordData")) {
                record.data = value;
            }
        }

        p++;
        n++;
        each(data, &record);
    }

    return n;
}


void
run(sqlite3 *db, const char *sql)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) {
        die(sql, sqlite3_errmsg(db));
    }
}


sqlite3_stmt *
prepare(sqlite3 *db, const char *sql)
{
    sqlite3_stmt  *stmt;

    if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK) {
        die(sql, sqlite3_errmsg(db));
    }

    return stmt;
}


void
step(sqlite3 *db, sqlite3_stmt *stmt)
{
    if (sqlite3_step(stmt) != SQLITE_DONE) {
        die(sqlite3_sql(stmt), sqlite3_errmsg(db));
    }

    sqlite3_reset(stmt);
}


static int
find_column(const table_t *table, slice_t name, int hint)
{
    int  i;

    if (hint < table->n && is(name, table->columns[hint])) {
        return hint;
    }

    for (i = 0; i < table->n && !is(name, table->columns[i]); i++) {
        /* until found */
    }

    return i;
}


static void
read_columns(sqlite3 *db, table_t *table)
{
    char           sql[256];
    sqlite3_stmt  *stmt;
    const char    *name, *value;

    snprintf(sql, sizeof(sql), "PRAGMA table_info(\"%s\")", table->name);
    stmt = prepare(db, sql);

    while (sqlite3_step(stmt) == SQLITE_ROW) {
        value = (const char *) sqlite3_column_text(stmt, 4);
        snprintf(table->neutral[table->n], 64, "%s", value ? value : "NULL");
        snprintf(table->columns[table->n++], 64, "%s",
                 sqlite3_column_text(stmt, 1));
    }

    sqlite3_finalize(stmt);

    snprintf(sql, sizeof(sql), "PRAGMA foreign_key_list(\"%s\")",
             table->name);
    stmt = prepare(db, sql);

    while (sqlite3_step(stmt) == SQLITE_ROW) {
        name = (const char *) sqlite3_column_text(stmt, 3);
        table->foreign[find_column(table,
                                   (slice_t) { name, strlen(name) }, 0)]
            = true;
    }

    sqlite3_finalize(stmt);
}


void
table_open(sqlite3 *db, table_t *table, const char *name)
{
    int           i;
    char         *text;
    sqlite3_str  *sql = sqlite3_str_new(db);

    memset(table, 0, sizeof(*table));
    snprintf(table->name, sizeof(table->name), "%s", name);
    read_columns(db, table);

    sqlite3_str_appendf(sql, "INSERT INTO \"%w\" VALUES (", name);

    for (i = 0; i < table->n; i++) {
        sqlite3_str_appendf(sql, "%sifnull(?%d, %s)", i ? ", " : "", i + 1,
                            table->neutral[i]);
    }

    sqlite3_str_appendf(sql, ") ON CONFLICT (\"%w\") DO UPDATE SET ",
                        table->columns[0]);

    for (i = 1; i < table->n; i++) {
        sqlite3_str_appendf(sql, "%s\"%w\" = excluded.\"%w\"",
                            i > 1 ? ", " : "", table->columns[i],
                            table->columns[i]);
    }

    text = sqlite3_str_finish(sql);
    table->insert = prepare(db, text);
    sqlite3_free(text);
}


static void
bind_slice(table_t *table, int i, slice_t value)
{
    switch (value.at[0]) {

    case '"':
        value = unquoted(value);
        if (value.length == 0 && table->foreign[i]) {
            sqlite3_bind_null(table->insert, i + 1);
        } else {
            sqlite3_bind_text(table->insert, i + 1, value.at,
                              (int) value.length, SQLITE_STATIC);
        }
        break;

    case 't': case 'f':
        sqlite3_bind_int(table->insert, i + 1, value.at[0] == 't');
        break;

    case 'n':
        sqlite3_bind_null(table->insert, i + 1);
        break;

    default:
        sqlite3_bind_double(table->insert, i + 1, strtod(value.at, NULL));
        break;
    }
}


void
table_insert(sqlite3 *db, table_t *table, slice_t data)
{
    int          i = -1;
    slice_t      key, value;
    const char  *p = data.at;

    while (next_member(&p, &key, &value)) {
        i = find_column(table, key, i + 1);
        bind_slice(table, i, value);
    }

    step(db, table->insert);
}


void
table_insert_tree(sqlite3 *db, table_t *table, const char *data)
{
    int            i;
    cJSON         *json = cJSON_Parse(data);
    const cJSON   *member;
    sqlite3_stmt  *stmt = table->insert;

    for (i = 0; i < table->n; i++) {
        member = cJSON_GetObjectItemCaseSensitive(json, table->columns[i]);

        if (cJSON_IsString(member)
            && !(table->foreign[i] && *member->valuestring == '\0'))
        {
            sqlite3_bind_text(stmt, i + 1, member->valuestring, -1,
                              SQLITE_STATIC);

        } else if (cJSON_IsNumber(member)) {
            sqlite3_bind_double(stmt, i + 1, member->valuedouble);

        } else if (cJSON_IsBool(member)) {
            sqlite3_bind_int(stmt, i + 1, cJSON_IsTrue(member));

        } else {
            sqlite3_bind_null(stmt, i + 1);
        }
    }

    step(db, stmt);
    cJSON_Delete(json);
}
