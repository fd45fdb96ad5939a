/*
 * Makes the batches of a first sync as files that nginx serves.
 *
 *     batches CATALOGUE DIR RECORDS PER_BATCH
 *
 * DIR/central_N.json answers central_records?cursor=N.  Records are those of
 * a stock-keeping site: nine tables whose fields, types and references are
 * the catalogue's, random UUIDs as keys, about 741 octets and 22 fields
 * each, children before and behind their parents.  The same numbers make
 * the same files.
 */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

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

static uint64_t  state = 88172645463325252u;


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


static void
put_record(FILE *to, const table_t *table, uint64_t i, uint64_t cursor)
{
    bool          filled = false;
    char          text[TEXT_MAX], filler[RECORD_OCTETS + 1], id[37];
    size_t        n = 0, at = 0;
    const cJSON  *field;

    put_uuid(id, table - tables, i);
    n += sprintf(text, "{\"ID\":%llu,\"tableName\":\"%s\",\"recordId\":"
                 "\"%s\",\"action\":\"Update\",\"recordData\":{",
                 (unsigned long long) cursor, table->name, id);

    cJSON_ArrayForEach(field, table->fields) {
        n += sprintf(text + n, "\"%s\":", member(field, "name"));
        put_value(text + n, table, i, field);

        if (!filled && is_filler(field)) {
            filled = true;
            at = n + 1;
        }

        n += strlen(text + n);
        text[n++] = field->next ? ',' : '}';
    }

    text[n++] = '}';

    if (filled && n < RECORD_OCTETS - 1) {
        put_words(filler, RECORD_OCTETS - 1 - n);
        fwrite(text, at, 1, to);
        fputs(filler, to);
        fwrite(text + at, n - at, 1, to);

    } else {
        fwrite(text, n, 1, to);
    }
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


/* which table each record is of, shuffled */

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

    for (i = total; i > 1; i--) {
        j = next_random() % i;
        c = order[i - 1];
        order[i - 1] = order[j];
        order[j] = c;
    }

    return order;
}


int
main(int argc, char **argv)
{
    char            path[4096];
    FILE           *to = NULL;
    uint64_t        i, total, per, made[NTABLES] = { 0 };
    unsigned char  *order;

    if (argc != 5) {
        fprintf(stderr, "usage: batches CATALOGUE DIR RECORDS PER_BATCH\n");
        return 2;
    }

    read_catalogue(argv[1]);
    total = strtoull(argv[3], NULL, 10);
    per = strtoull(argv[4], NULL, 10);
    order = make_order(total);

    for (i = 0; i < total; i++) {
        if (i % per == 0) {
            snprintf(path, sizeof(path), "%s/central_%llu.json", argv[2],
                     (unsigned long long) i);
            to = fopen(path, "w");
            if (to == NULL) {
                perror(path);
                return 1;
            }
            fprintf(to, "{\"maxCursor\":%llu,\"data\":[",
                    (unsigned long long) total);
        }

        put_record(to, &tables[order[i]], made[order[i]]++, i + 1);

        if ((i + 1) % per == 0 || i + 1 == total) {
            fputs("]}", to);
            if (fclose(to) != 0) {
                perror(path);
                return 1;
            }

        } else {
            fputc(',', to);
        }
    }

    free(order);
    return 0;
}
