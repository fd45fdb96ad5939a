/*
 * JSON documents that people and nginx read, as text.
 */

#ifndef MSYNC_DOCUMENT_H
#define MSYNC_DOCUMENT_H

#include <cjson/cJSON.h>

#include "base/err.h"

/* Takes over `json` and gives its text, never NULL; msync_free it. */
char *msync_document_print(cJSON *json);

/* The member "error": {"variant", "fullError"}. */
void msync_document_add_error(cJSON *json, const char *variant,
    const char *text);

/* {"error": {"variant", "fullError"}}, never NULL; msync_free it. */
char *msync_document_error(const msync_err_t *err);

/* {"error": …} for what somebody asked for and no run tries again: `end`, which
 * may be empty, stands for what the advice says of runs */
char *msync_document_refusal(const msync_err_t *err, const char *end);

/* {"error": …} as the answer of a request, in words of the caller's; returns
 * `status`. */
int msync_document_refuse(int status, const char *variant, const char *text,
    char **reply);

#endif /* MSYNC_DOCUMENT_H */
