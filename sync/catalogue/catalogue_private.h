/*
 * What the catalogue's own files share, by the file that has it; nobody else
 * includes this.
 */

#ifndef MSYNC_CATALOGUE_PRIVATE_H
#define MSYNC_CATALOGUE_PRIVATE_H

#include <cjson/cJSON.h>

#include "catalogue/catalogue.h"
#include "base/json.h"

/* the member of msync_extra that v7's own are kept in */
#define MSYNC_V7_EXTRA  "v7"

/* the member of msync_extra for values of v5 and v6 that the catalogue does not
 * know, by their fields; see unknown.c */
#define MSYNC_UNKNOWN_EXTRA  "msync_came"


/* ---- arena.c ---- */

/* What cJSON makes between msync_arena_begin() and msync_arena_end() lies in
 * the arena and goes with the latter, without cJSON_Delete; they do not nest,
 * and no other thread may use cJSON. */
void msync_arena_begin(void);
void msync_arena_end(void);


/* ---- catalogue.c ---- */

/* the tables that are compiled in, in the arena */
cJSON *msync_catalogue_read_builtin(void);

/* the catalogue of these tables, which are in the arena, and of what v7 has,
 * which is added to them; NULL and err when something is not as it has to be */
msync_catalogue_t *msync_catalogue_of(cJSON *tables, msync_err_t *err);

/* a member of an object; NULL: it has none of that name, or is no object */
cJSON *msync_catalogue_get(const cJSON *object, const char *name);

/* the value of a member, NULL or false where it is of another kind */
const char *msync_catalogue_string(const cJSON *object, const char *name);
bool msync_catalogue_bool(const cJSON *object, const char *name);

/* a value as it stands in JSON; owned by the caller */
char *msync_catalogue_print(const cJSON *value);

/* the index of a word in a list that ends with NULL; -1: not there */
int msync_catalogue_word(const char *const *words, const char *word);


/* ---- check.c ---- */

/* the text of a tables file as an array of objects that were looked at, in the
 * arena; NULL and err when something is not as it has to be */
cJSON *msync_catalogue_read_tables(const char *text, size_t length,
    msync_err_t *err);


/* ---- field.c ---- */

/* a field of catalogue.json, or a property of one; msync_field_clear it also
 * after an error, which names the table */
int msync_field_read(msync_field_t *field, const cJSON *json,
    const char *table, msync_err_t *err);
void msync_field_clear(msync_field_t *field);

/* whether "" is a value of a field that may not be null: a text that names no
 * row and no choice, or a row that need not be here */
bool msync_field_takes_empty(const msync_field_t *field);

/* a number or a flag */
bool msync_field_is_counted(const msync_field_t *field);


/* ---- row.c ---- */

/* a row takes over a text, which is returned; NULL ends the process, for there
 * was no memory for it */
char *msync_row_own(msync_row_t *row, char *text);


/* ---- rules.c ---- */

/* true where Open mSupply drops a record by rule; `slices` are its members by
 * the fields of the table */
bool msync_row_is_dropped(const msync_table_t *table, unsigned side,
    const msync_json_slice_t *slices);

/* whether central can read the values of the row together, by v5 and v6; the
 * error names those that are missing */
int msync_row_check(const msync_row_t *row, msync_err_t *err);


/* ---- unknown.c ---- */

/* a word, in any case, as central spells it; NULL: the field, which has words,
 * has no such */
const char *msync_field_word(const msync_field_t *field, const char *word);

/* whether a value that came is a word, or JSON, where the catalogue knows no
 * other */
bool msync_field_knows(const msync_field_t *field,
    const msync_value_t *value);

/* adds to the members of msync_extra what the row could not be sent back with;
 * `slices` are the members of the record by the fields of the table */
void msync_unknown_put(msync_json_out_t *extra, const msync_row_t *row,
    const msync_json_slice_t *slices);

/* whether the value is still the one that msync_unknown_put() has kept, and how
 * that came */
bool msync_unknown_as_it_is(const msync_row_t *row, const msync_field_t *field,
    const msync_value_t *value, msync_json_slice_t *slice);

#endif /* MSYNC_CATALOGUE_PRIVATE_H */
