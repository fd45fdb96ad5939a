/*
 * The one way from cJSON to text, and the one shape of an error.
 *
 * Promises: no document is cut short; where memory lacks the process ends.
 */

#include "serve/document.h"

#include "base/base.h"

#define DOCUMENT_TEXT_MAX  (MSYNC_ERR_TEXT_MAX + 512)


static char *document_of_error(const msync_err_t *err, const char *text);


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
    char  text[DOCUMENT_TEXT_MAX];

    return document_of_error(err, msync_err_full(err, text, sizeof(text)));
}


char *
msync_document_refusal(const msync_err_t *err, const char *end)
{
    char  text[DOCUMENT_TEXT_MAX];

    return document_of_error(err, msync_err_refusal(err, end, text,
                                                    sizeof(text)));
}


static char *
document_of_error(const msync_err_t *err, const char *text)
{
    cJSON  *json;

    json = cJSON_CreateObject();
    msync_document_add_error(json, msync_err_variant(err->variant), text);

    return msync_document_print(json);
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
