/*
 * The one way from cJSON to text, and the one shape of an error.
 *
 * Promises: no document is cut short; where memory lacks the process ends.
 */

#include "serve/document.h"

#include <stdio.h>
#include <string.h>

#include "base/base.h"


char *
msync_document_print(cJSON *json)
{
    char  *text;

    text = cJSON_PrintUnformatted(json);
    cJSON_Delete(json);

    if (text == NULL) {
        msync_out_of_memory();
    }

    return text;
}


void
msync_document_add_error(cJSON *json, const char *variant, const char *text)
{
    cJSON  *error;

    error = cJSON_AddObjectToObject(json, "error");
    cJSON_AddStringToObject(error, "variant", variant);
    cJSON_AddStringToObject(error, "fullError", text);
}


char *
msync_document_error(const msync_err_t *err)
{
    char    text[MSYNC_ERR_TEXT_MAX + 512];
    cJSON  *json;

    json = cJSON_CreateObject();
    msync_document_add_error(json, msync_err_variant(err->variant),
                             msync_err_full(err, text, sizeof(text)));

    return msync_document_print(json);
}


char *
msync_document_refusal(const msync_err_t *err, const char *end)
{
    char         advice[1024] = "";
    size_t       length;
    const char  *p, *next;
    msync_err_t  said = *err;

    p = err->advice ? err->advice : msync_err_advice(err->variant);

    for ( /* void */ ; *p != '\0'; p += length) {
        next = strstr(p, ". ");
        length = next ? (size_t) (next - p) + 2 : strlen(p);

        if (memmem(p, length, "by itself", 9) == NULL) {
            (void) snprintf(advice + strlen(advice),
                            sizeof(advice) - strlen(advice), "%.*s%s",
                            (int) length, p, next ? "" : " ");
        }
    }

    (void) snprintf(advice + strlen(advice), sizeof(advice) - strlen(advice),
                    "%s", end);
    length = strlen(advice);

    if (length > 0 && advice[length - 1] == ' ') {
        advice[length - 1] = '\0';
    }

    said.advice = advice;

    return msync_document_error(&said);
}


int
msync_document_refuse(int status, const char *variant, const char *text,
    char **reply)
{
    cJSON  *json;

    json = cJSON_CreateObject();
    msync_document_add_error(json, variant, text);
    *reply = msync_document_print(json);

    return status;
}
