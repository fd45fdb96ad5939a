/*
 * Makes the batches of a first sync as files that nginx serves.
 *
 *     batches CATALOGUE DIR RECORDS PER_BATCH [v7]
 *
 * DIR/central_N.json answers central_records?cursor=N.  Records are those of
 * a stock-keeping site: nine tables whose fields, types and references are
 * the catalogue's, random UUIDs as keys, about 741 octets and 22 fields
 * each, the stores first, children before and behind their parents.  The same
 * numbers make the same files.
 *
 * With v7 DIR/v7_N.json answers a pull behind the cursor N with the same rows.
 */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "catalogue/v7.h"

#define RECORD_OCTETS  741
#define TEXT_MAX       8192

typedef struct {
    const char   *name;
    unsigned      share;             /* of 1,000 records; 0: FEW in all */
    uint64_t      n;
    const cJSON  *fields;
    const char   *key;
} table_t;

#define FEW  5

static table_t  tables[] = {
    { "store", 0, 0, NULL, NULL },
    { "name", 20, 0, NULL, NULL },
    { "Location", 10, 0, NULL, NULL },
    { "item", 30, 0, NULL, NULL },
    { "requisition", 20, 0, NULL, NULL },
    { "Stock_take", 20, 0, NULL, NULL },
    { "item_line", 300, 0, NULL, NULL },
    { "requisition_line", 300, 0, NULL, NULL },
    { "Stock_take_lines", 300, 0, NULL, NULL }
};

#define NTABLES  (sizeof(tables) / sizeof(*tables))
#define STORE    0

static uint64_t            state = 88172645463325252u;
static msync_catalogue_t  *v7;               /* NULL: records are of v5 */

static void put_v7(FILE *to, const table_t *table, const char *id,
    const char *data, uint64_t cursor);


static uint64_t
mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;

    return x ^ (x >> 31);
}


static uint64_t
next_random(void)
{
    return mix(state++);
}


/* the id of a record follows from its number, so that a child can name a
 * parent that is not written yet */

static void
put_uuid(char *to, size_t table, uint64_t i)
{
    uint64_t  a = mix((uint64_t) table << 40 | i), b = mix(a);

    sprintf(to, "%08X-%04X-4%03X-%04X-%012llX", (unsigned) (a >> 32),
            (unsigned) (a >> 16 & 0xffff), (unsigned) (a & 0xfff),
            (unsigned) (0x8000 | (b >> 48 & 0x3fff)),
            (unsigned long long) (b & 0xffffffffffffu));
}


static const char *
member(const cJSON *object, const char *name)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object,
                                                                 name));
}


static void
put_words(char *to, size_t length)
{
    size_t  n = 0;

    static const char *const  words[] = {
        "paracetamol", "500mg", "tablet", "vial", "box", "of", "ward",
        "store", "clinic", "amoxicillin", "counted", "donor", "batch"
    };

    while (n < length) {
        n += sprintf(to + n, "%s%s", n ? " " : "",
                     words[next_random() % (sizeof(words)
                                            / sizeof(*words))]);
    }

    to[length] = '\0';
}


static void
put_reference(char *to, const char *target, const cJSON *field)
{
    size_t  i;

    for (i = 0; i < NTABLES; i++) {
        if (strcmp(tables[i].name, target) == 0) {
            break;
        }
    }

    *to++ = '"';

    /* every other one of those that may be empty is */

    if (i < NTABLES
        && (next_random() % 2
            || !cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(field,
                                                              "nullable")))
        && !cJSON_IsFalse(cJSON_GetObjectItemCaseSensitive(field, "fk")))
    {
        put_uuid(to, i, next_random() % tables[i].n);

    } else if (!cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(field,
                                                              "nullable")))
    {
        put_uuid(to, NTABLES, next_random());
    } else {
        *to = '\0';
    }

    strcat(to, "\"");
}


static void
put_value(char *to, const table_t *table, uint64_t i, const cJSON *field)
{
    uint64_t      r = next_random();
    const char   *type = member(field, "type");
    const cJSON  *choice;

    if (strcmp(member(field, "name"), table->key) == 0) {
        *to = '"';
        put_uuid(to + 1, table - tables, i);
        strcat(to, "\"");

    } else if (member(field, "references") != NULL) {
        put_reference(to, member(field, "references"), field);

    } else if ((choice = cJSON_GetObjectItemCaseSensitive(field, "enum"))) {
        sprintf(to, "\"%s\"", choice->child->valuestring);

    } else if (strcmp(member(field, "name"), "sync_id_remote_site") == 0) {
        strcpy(to, "1");

    } else if (strcmp(type, "string") == 0) {
        *to = '"';
        put_words(to + 1, 3 + r % 10);
        strcat(to, "\"");

    } else if (strcmp(type, "boolean") == 0) {
        strcpy(to, r % 2 ? "true" : "false");

    } else if (strcmp(type, "integer") == 0) {
        sprintf(to, "%u", (unsigned) (r % 100000));

    } else if (strcmp(type, "number") == 0) {
        sprintf(to, r % 3 ? "%u" : "%u.25", (unsigned) (r % 10000));

    } else if (strcmp(type, "date") == 0) {
        sprintf(to, "\"20%02u-%02u-%02u\"", (unsigned) (10 + r % 20),
                (unsigned) (1 + r / 64 % 12), (unsigned) (1 + r / 1024 % 28));

    } else if (strcmp(type, "datetime") == 0) {
        sprintf(to, "\"2026-%02u-%02uT%02u:30:15\"",
                (unsigned) (1 + r % 12), (unsigned) (1 + r / 64 % 28),
                (unsigned) (r / 4096 % 24));

    } else if (strcmp(type, "time") == 0) {
        sprintf(to, "%u", (unsigned) (r % 86400));

    } else {
        strcpy(to, "null");
    }
}


/* the last text that may be long makes up the length */

static bool
is_filler(const cJSON *field)
{
    const char  *name = member(field, "name");

    return strcmp(name, "comment") == 0 || strcmp(name, "Comment") == 0
           || strcmp(name, "om_note") == 0 || strcmp(name, "note") == 0
           || strcmp(name, "item_name") == 0;
}


/* what is beside `envelope` octets of the record */

static void
put_data(char *text, const table_t *table, uint64_t i, size_t envelope)
{
    char          filler[RECORD_OCTETS + 1];
    size_t        n = 1, at = 0, more;
    const cJSON  *field;

    text[0] = '{';

    cJSON_ArrayForEach(field, table->fields) {
        n += sprintf(text + n, "\"%s\":", member(field, "name"));
        put_value(text + n, table, i, field);

        if (at == 0 && is_filler(field)) {
            at = n + 1;
        }

        n += strlen(text + n);
        text[n++] = field->next ? ',' : '}';
    }

    text[n] = '\0';

    if (at != 0 && envelope + n < RECORD_OCTETS) {
        more = RECORD_OCTETS - envelope - n;
        put_words(filler, more);
        memmove(text + at + more, text + at, n - at + 1);
        memcpy(text + at, filler, more);
    }
}


static void
put_record(FILE *to, const table_t *table, uint64_t i, uint64_t cursor)
{
    char  envelope[256], id[37], data[TEXT_MAX];

    put_uuid(id, table - tables, i);
    sprintf(envelope, "{\"ID\":%llu,\"tableName\":\"%s\",\"recordId\":"
            "\"%s\",\"action\":\"Update\",\"recordData\":",
            (unsigned long long) cursor, table->name, id);
    put_data(data, table, i, strlen(envelope) + 1);

    if (v7) {
        put_v7(to, table, id, data, cursor);
    } else {
        fprintf(to, "%s%s}", envelope, data);
    }
}


/* the members in the order in which genuine servers send them */

static char *
sorted(const char *data)
{
    char   *text;
    cJSON  *json = cJSON_Parse(data), *to = cJSON_CreateObject(), *least, *one;

    while (json && json->child) {
        least = json->child;

        cJSON_ArrayForEach(one, json) {
            least = strcmp(one->string, least->string) < 0 ? one : least;
        }

        cJSON_DetachItemViaPointer(json, least);
        cJSON_AddItemToObject(to, least->string, least);
    }

    text = cJSON_PrintUnformatted(to);
    cJSON_Delete(json);
    cJSON_Delete(to);

    return text;
}


/* all stores are the site's: of which of them a row is makes no difference */

static void
put_v7(FILE *to, const table_t *table, const char *id, const char *data,
    uint64_t cursor)
{
    char                 *text, *put, store[40] = "null", owner[37];
    size_t                length;
    msync_err_t           err;
    msync_row_t           row;
    const msync_table_t  *known = msync_catalogue_find(v7, table->name);

    if (msync_row_decode(&row, known, MSYNC_LEGACY, id, data, NULL, &err)
        != MSYNC_OK)
    {
        fprintf(stderr, "batches: %s: %s\n", table->name, err.text);
        exit(1);
    }

    row.side = MSYNC_V7;
    text = msync_row_encode(&row, &length, &err);

    if (text == NULL) {
        fprintf(stderr, "batches: %s: %s\n", table->name, err.text);
        exit(1);
    }

    if (!(known->v7_styles & MSYNC_V7_CENTRAL)) {
        put_uuid(owner, STORE, cursor % FEW);
        sprintf(store, "\"%s\"", owner);
    }

    put = sorted(text);
    fprintf(to, "{\"cursor\":%llu,\"recordId\":\"%s\",\"tableName\":\"%s\","
            "\"action\":\"Upsert\",\"data\":%s,\"storeId\":%s,"
            "\"transferStoreId\":null,\"patientId\":null}",
            (unsigned long long) cursor, id, msync_v7_name(known, text), put,
            store);

    free(put);
    msync_free(&text);
    msync_row_clear(&row);
}


static void
read_catalogue(const char *path)
{
    char         *text;
    FILE         *file = fopen(path, "r");
    long          n;
    cJSON        *json;
    size_t        i;
    const cJSON  *table;

    if (file == NULL || fseek(file, 0, SEEK_END) != 0) {
        perror(path);
        exit(1);
    }

    n = ftell(file);
    rewind(file);
    text = calloc(n + 1, 1);

    if (text == NULL || fread(text, n, 1, file) != 1
        || (json = cJSON_Parse(text)) == NULL)
    {
        fprintf(stderr, "batches: cannot read %s\n", path);
        exit(1);
    }

    fclose(file);
    free(text);

    for (i = 0; i < NTABLES; i++) {
        cJSON_ArrayForEach(table, json) {
            if (strcmp(member(table, "table"), tables[i].name) == 0) {
                tables[i].fields =
                    cJSON_GetObjectItemCaseSensitive(table, "fields");
                tables[i].key = member(table, "key");
            }
        }
    }
}


/* which table each record is of: the stores, and the others shuffled */

static unsigned char *
make_order(uint64_t total)
{
    size_t          t;
    uint64_t        i, j, n = 0;
    unsigned char   c, *order = malloc(total);

    if (order == NULL) {
        exit(1);
    }

    for (t = 0; t < NTABLES; t++) {
        tables[t].n = tables[t].share ? total * tables[t].share / 1000 : FEW;

        if (t + 1 == NTABLES || n + tables[t].n > total) {
            tables[t].n = total - n;
        }

        memset(order + n, (int) t, tables[t].n);
        n += tables[t].n;
    }

    for (i = total; i > FEW + 1; i--) {
        j = FEW + next_random() % (i - FEW);
        c = order[i - 1];
        order[i - 1] = order[j];
        order[j] = c;
    }

    return order;
}


static FILE *
begin_batch(const char *dir, uint64_t first, uint64_t n, uint64_t total)
{
    char   path[4096];
    FILE  *to;

    snprintf(path, sizeof(path), "%s/%s_%llu.json", dir,
             v7 ? "v7" : "central", (unsigned long long) first);
    to = fopen(path, "w");

    if (to == NULL) {
        perror(path);
        exit(1);
    }

    if (v7) {
        fprintf(to, "{\"Ok\":{\"siteId\":9,\"lastCursorInBatch\":%llu,"
                "\"remaining\":%llu,\"maxCursor\":%llu,\"records\":[",
                (unsigned long long) (first + n),
                (unsigned long long) (total - first - n),
                (unsigned long long) total);
    } else {
        fprintf(to, "{\"maxCursor\":%llu,\"data\":[",
                (unsigned long long) total);
    }

    return to;
}


int
main(int argc, char **argv)
{
    FILE           *to = NULL;
    uint64_t        i, n, total, per, made[NTABLES] = { 0 };
    msync_err_t     err;
    unsigned char  *order;

    if (argc != 5 && argc != 6) {
        fprintf(stderr, "usage: batches CATALOGUE DIR RECORDS PER_BATCH "
                "[v7]\n");
        return 2;
    }

    if (argc == 6 && (v7 = msync_catalogue_builtin(&err)) == NULL) {
        fprintf(stderr, "batches: %s\n", err.text);
        return 1;
    }

    read_catalogue(argv[1]);
    total = strtoull(argv[3], NULL, 10);
    per = strtoull(argv[4], NULL, 10);
    order = make_order(total);

    for (i = 0; i < total; i++) {
        if (i % per == 0) {
            n = total - i < per ? total - i : per;
            to = begin_batch(argv[2], i, n, total);
        }

        put_record(to, &tables[order[i]], made[order[i]]++, i + 1);

        if ((i + 1) % per == 0 || i + 1 == total) {
            fputs(v7 ? "]}}" : "]}", to);
            if (fclose(to) != 0) {
                perror(argv[2]);
                return 1;
            }

        } else {
            fputc(',', to);
        }
    }

    free(order);
    msync_catalogue_free(&v7);

    return 0;
}
