/*
 * Owns the words of every error variant: its name, whom it concerns, what
 * can be done about it.
 */

#include "base/err.h"
#include "base/base_private.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>


#define ERR_OF_RUNS  '|'           /* before a sentence of the advice */

typedef struct {
    const char      *name;
    msync_scope_e    scope;
    msync_remedy_e   remedy;
    const char      *advice;
} err_words_t;


static char *err_compose(const msync_err_t *err, const char *instead,
    char *buf, size_t size);
static void err_add_sentence(char full[2 * MSYNC_ERR_TEXT_MAX],
    const char *sentence, const char *end);


static const err_words_t  err_words[MSYNC_ERR_MAX] = {
    [MSYNC_ERR_NONE] = { "", MSYNC_SCOPE_RECORD, MSYNC_REMEDY_WAIT, "" },

    [MSYNC_ERR_CONNECTION_ERROR] = {
        "CONNECTION_ERROR", MSYNC_SCOPE_STEP, MSYNC_REMEDY_WAIT,
        "Check that this machine is online and that the address in the "
        "settings is right. |Synchronisation is tried again by itself." },

    [MSYNC_ERR_SITE_UUID_IS_BEING_CHANGED] = {
        "SITE_UUID_IS_BEING_CHANGED", MSYNC_SCOPE_RUN, MSYNC_REMEDY_FINAL,
        "Enter the site name and password it was set up with, or start with "
        "an empty database." },

    [MSYNC_ERR_SITE_NAME_NOT_FOUND] = {
        "SITE_NAME_NOT_FOUND", MSYNC_SCOPE_RUN, MSYNC_REMEDY_FINAL,
        "Check the site name in the settings: it must be written exactly as "
        "in the list of sites on mSupply central." },

    [MSYNC_ERR_INCORRECT_PASSWORD] = {
        "INCORRECT_PASSWORD", MSYNC_SCOPE_RUN, MSYNC_REMEDY_FINAL,
        "Enter the site's password again in the settings. It is the one "
        "given to this site on mSupply central, not that of a user." },

    [MSYNC_ERR_HARDWARE_ID_MISMATCH] = {
        "HARDWARE_ID_MISMATCH", MSYNC_SCOPE_RUN, MSYNC_REMEDY_FINAL,
        "This site was set up on another machine. If it has moved here for "
        "good, ask the administrator of mSupply central to clear the site's "
        "hardware id; never run one site on two machines." },

    [MSYNC_ERR_SITE_HAS_NO_STORE] = {
        "SITE_HAS_NO_STORE", MSYNC_SCOPE_RUN, MSYNC_REMEDY_FINAL,
        "Ask the administrator of mSupply central to make at least one store "
        "active on this site." },

    [MSYNC_ERR_SITE_AUTH_TIMEOUT] = {
        "SITE_AUTH_TIMEOUT", MSYNC_SCOPE_RUN, MSYNC_REMEDY_WAIT,
        "Wait some minutes before trying again; if it comes back, check the "
        "site name and password with the administrator of mSupply central." },

    [MSYNC_ERR_INTEGRATION_TIMEOUT_REACHED] = {
        "INTEGRATION_TIMEOUT_REACHED", MSYNC_SCOPE_STEP, MSYNC_REMEDY_WAIT,
        "|The records have arrived there and nothing is lost; the next "
        "synchronisation goes on from here by itself." },

    [MSYNC_ERR_INTEGRATION_ERROR] = {
        "INTEGRATION_ERROR", MSYNC_SCOPE_STEP, MSYNC_REMEDY_WAIT,
        "|Nothing is lost and it is tried again by itself. If it lasts, ask "
        "the administrator of the central server to look at its log." },

    [MSYNC_ERR_INVALID_URL] = {
        "INVALID_URL", MSYNC_SCOPE_RUN, MSYNC_REMEDY_FINAL,
        "Correct the address of the central server in the settings, for "
        "example https://central.example.org or "
        "https://central.example.org:8443." },

    [MSYNC_ERR_API_VERSION_INCOMPATIBLE] = {
        "API_VERSION_INCOMPATIBLE", MSYNC_SCOPE_RUN, MSYNC_REMEDY_FINAL,
        "Update mSupply central or this program, so that both speak the same "
        "version." },

    [MSYNC_ERR_CENTRAL_V6_NOT_CONFIGURED] = {
        "CENTRAL_V6_NOT_CONFIGURED", MSYNC_SCOPE_RUN, MSYNC_REMEDY_FINAL,
        "Ask the administrator of mSupply central to enter the address of "
        "the Open mSupply central server in its preferences." },

    [MSYNC_ERR_V6_API_VERSION_INCOMPATIBLE] = {
        "V6_API_VERSION_INCOMPATIBLE", MSYNC_SCOPE_RUN, MSYNC_REMEDY_FINAL,
        "Update Open mSupply central or this program, so that both speak the "
        "same version." },

    [MSYNC_ERR_SYNC_VERSION_MISMATCH] = {
        "SYNC_VERSION_MISMATCH", MSYNC_SCOPE_RUN, MSYNC_REMEDY_FINAL,
        "Update Open mSupply central; a site must not be of a later version "
        "than its central server." },

    [MSYNC_ERR_NOT_A_CENTRAL_SERVER] = {
        "NOT_A_CENTRAL_SERVER", MSYNC_SCOPE_RUN, MSYNC_REMEDY_FINAL,
        "Enter the address of the central server in the settings; ask "
        "whoever runs it if you do not know it." },

    [MSYNC_ERR_AUTHENTICATION] = {
        "AUTHENTICATION", MSYNC_SCOPE_RUN, MSYNC_REMEDY_FINAL,
        "Check the site name and the password in the settings with the "
        "administrator of Open mSupply central." },

    [MSYNC_ERR_INVALID_SITE_NAME_OR_PASSWORD] = {
        "INVALID_SITE_NAME_OR_PASSWORD", MSYNC_SCOPE_RUN, MSYNC_REMEDY_FINAL,
        "Check both in the settings: the name must be written exactly as in "
        "the list of sites on the central server, capital letters too, and "
        "the password is that of the site, not of a user." },

    [MSYNC_ERR_TOKEN_ALREADY_ALLOCATED] = {
        "TOKEN_ALREADY_ALLOCATED", MSYNC_SCOPE_RUN, MSYNC_REMEDY_FINAL,
        "Make sure that no other machine runs this site. Then an "
        "administrator of Open mSupply central has to clear the site's token "
        "there (clearSiteToken of its GraphQL interface does it). |This site "
        "then goes on by itself." },

    [MSYNC_ERR_TOKEN_NOT_FOUND] = {
        "TOKEN_NOT_FOUND", MSYNC_SCOPE_RUN, MSYNC_REMEDY_FINAL,
        "This site has asked for another token and got none. Ask the "
        "administrator of Open mSupply central whether the site still is in "
        "its list of sites." },

    [MSYNC_ERR_MISSING_AUTH_HEADER] = {
        "MISSING_AUTH_HEADER", MSYNC_SCOPE_STEP, MSYNC_REMEDY_WAIT,
        "Something between this site and the central server takes headers "
        "out of requests: ask whoever runs the proxy or the firewall to let "
        "Authorization, hardware-id and app-version pass." },

    [MSYNC_ERR_SITE_LOCK_ERROR] = {
        "SITE_LOCK_ERROR", MSYNC_SCOPE_STEP, MSYNC_REMEDY_WAIT,
        "Wait some minutes. |Nothing is lost: it was given time and is asked "
        "again with the next synchronisation, which begins by itself." },

    [MSYNC_ERR_SITE_ID_NOT_SET] = {
        "SITE_ID_NOT_SET", MSYNC_SCOPE_STEP, MSYNC_REMEDY_WAIT,
        "Ask the administrator of Open mSupply central whether that server "
        "has finished its own first synchronisation with mSupply central." },

    [MSYNC_ERR_GET_CURRENT_SITE_ID_ERROR] = {
        "GET_CURRENT_SITE_ID_ERROR", MSYNC_SCOPE_STEP, MSYNC_REMEDY_WAIT,
        "Ask the administrator of Open mSupply central whether that server "
        "has finished its own first synchronisation with mSupply central." },

    [MSYNC_ERR_SITE_ID_MISMATCH] = {
        "SITE_ID_MISMATCH", MSYNC_SCOPE_RUN, MSYNC_REMEDY_FINAL,
        "This database belongs to another site than the one that central "
        "takes it for. Enter the site name and password it was set up with, "
        "or start with an empty database." },

    [MSYNC_ERR_SITE_IS_NOT_V7] = {
        "SITE_IS_NOT_V7", MSYNC_SCOPE_RUN, MSYNC_REMEDY_WAIT,
        "Ask the administrator whether this site is to be upgraded; until "
        "it is, set \"protocol v6\" and the address of mSupply central. |It "
        "is tried again by itself." },

    [MSYNC_ERR_REQUEST_SITE_AUTH_ERROR] = {
        "REQUEST_SITE_AUTH_ERROR", MSYNC_SCOPE_STEP, MSYNC_REMEDY_WAIT,
        "Open mSupply central asks mSupply central about a site that is new "
        "to it. |It is tried again by itself. If it lasts, show this text to "
        "the administrator of both." },

    [MSYNC_ERR_CENTRAL_DATABASE_ERROR] = {
        "CENTRAL_DATABASE_ERROR", MSYNC_SCOPE_STEP, MSYNC_REMEDY_WAIT,
        "One of the central server's own records cannot be read there; show "
        "this text to its administrator. |Sending goes on, and fetching as "
        "soon as it is mended." },

    [MSYNC_ERR_SYNC_RECORD_SERIALIZE_ERROR] = {
        "SYNC_RECORD_SERIALIZE_ERROR", MSYNC_SCOPE_STEP, MSYNC_REMEDY_WAIT,
        "One of the central server's own records cannot be sent by it; show "
        "this text to its administrator. |Sending goes on, and fetching as "
        "soon as it is mended." },

    [MSYNC_ERR_RECORD_NOT_FOUND] = {
        "RECORD_NOT_FOUND", MSYNC_SCOPE_STEP, MSYNC_REMEDY_WAIT,
        "The central server misses one of its own records; show this text "
        "to its administrator. |It is tried again by itself." },

    [MSYNC_ERR_SITE_ALREADY_UPGRADED] = {
        "SITE_ALREADY_UPGRADED", MSYNC_SCOPE_RUN, MSYNC_REMEDY_FINAL,
        "This database is older than the upgrade: it was put back from a "
        "backup, or it is a copy. Nothing was changed. If it is to go on as "
        "this site, reinitialise it (\"msync reinitialise\"): what waits is "
        "sent, everything comes anew, by sync v7." },

    [MSYNC_ERR_TIMEOUT] = {
        "TIMEOUT", MSYNC_SCOPE_STEP, MSYNC_REMEDY_WAIT,
        "The line or the server is slow. |Synchronisation goes on from here "
        "by itself; smaller batches or a longer read_timeout help on a very "
        "slow line." },

    [MSYNC_ERR_TLS_ERROR] = {
        "TLS_ERROR", MSYNC_SCOPE_RUN, MSYNC_REMEDY_FINAL,
        "No data was sent. Check the date and time of this machine, the "
        "address in the settings, and whether a firewall opens encrypted "
        "connections here." },

    [MSYNC_ERR_HTTP_ERROR] = {
        "HTTP_ERROR", MSYNC_SCOPE_STEP, MSYNC_REMEDY_WAIT,
        "Check the address in the settings and whether the central server "
        "and the proxies in between are running. |It is tried again by "
        "itself." },

    [MSYNC_ERR_INVALID_RESPONSE] = {
        "INVALID_RESPONSE", MSYNC_SCOPE_STEP, MSYNC_REMEDY_WAIT,
        "Check that the address in the settings is that of a central server "
        "and that no sign-in page of the network stands in between. |It is "
        "tried again by itself." },

    [MSYNC_ERR_RESPONSE_TOO_LARGE] = {
        "RESPONSE_TOO_LARGE", MSYNC_SCOPE_STEP, MSYNC_REMEDY_FINAL,
        "Make the batches smaller (batch_size) or allow larger answers "
        "(max_response)." },

    [MSYNC_ERR_CENTRAL_ERROR] = {
        "CENTRAL_ERROR", MSYNC_SCOPE_STEP, MSYNC_REMEDY_WAIT,
        "|It is tried again by itself. If it lasts, show this text to the "
        "administrator of the central server." },

    [MSYNC_ERR_CENTRAL_RESTORED] = {
        "CENTRAL_RESTORED", MSYNC_SCOPE_RUN, MSYNC_REMEDY_FINAL,
        "Nothing here was overwritten. Ask the administrator of the central "
        "server whether it was restored from a backup; then this site must "
        "be initialised again." },

    [MSYNC_ERR_DATABASE_ERROR] = {
        "DATABASE_ERROR", MSYNC_SCOPE_RUN, MSYNC_REMEDY_WAIT,
        "Check the rights of the database file and its directory, then run "
        "\"msync check\"." },

    [MSYNC_ERR_DISK_FULL] = {
        "DISK_FULL", MSYNC_SCOPE_RUN, MSYNC_REMEDY_FINAL,
        "Free some space on the disk of the database. |Nothing is lost; "
        "synchronisation then goes on by itself." },

    [MSYNC_ERR_CANCELLED] = {
        "CANCELLED", MSYNC_SCOPE_RUN, MSYNC_REMEDY_FINAL,
        "Nothing is lost; start it again when you like." },

    [MSYNC_ERR_HELPER_STOPPED] = {
        "HELPER_STOPPED", MSYNC_SCOPE_RUN, MSYNC_REMEDY_WAIT,
        "Nothing is lost; the program starts again and goes on by itself." },

    [MSYNC_ERR_UNKNOWN] = {
        "UNKNOWN", MSYNC_SCOPE_RUN, MSYNC_REMEDY_WAIT,
        "Look at nginx's error log for what came before. |It is tried again "
        "by itself." }
};

int
msync_err_set(msync_err_t *err, msync_variant_e variant, const char *fmt, ...)
{
    va_list  args;
    char     text[MSYNC_ERR_TEXT_MAX];

    if (variant < 0 || variant >= MSYNC_ERR_MAX) {
        variant = MSYNC_ERR_UNKNOWN;
    }

    va_start(args, fmt);
    (void) vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);

    (void) msync_text_clean(text);

    msync_err_clear(err);

    err->variant = variant;
    err->scope = err_words[variant].scope;
    err->remedy = err_words[variant].remedy;
    memcpy(err->text, text, strlen(text) + 1);

    return MSYNC_ERROR;
}


int
msync_err_context(msync_err_t *err, const char *what)
{
    size_t  length, rest;
    char    text[MSYNC_ERR_TEXT_MAX];

    (void) snprintf(text, sizeof(text), "%s: ", what);

    length = msync_text_clean(text);
    rest = msync_text_cut(err->text, sizeof(text) - length - 1);

    memcpy(text + length, err->text, rest);
    text[length + rest] = '\0';
    memcpy(err->text, text, length + rest + 1);

    return MSYNC_ERROR;
}


void
msync_err_clear(msync_err_t *err)
{
    memset(err, 0, sizeof(*err));
}


const char *
msync_err_variant(msync_variant_e variant)
{
    if (variant < 0 || variant >= MSYNC_ERR_MAX) {
        variant = MSYNC_ERR_UNKNOWN;
    }

    return err_words[variant].name;
}


msync_variant_e
msync_err_by_name(const char *name)
{
    int  i;

    for (i = 0; i < MSYNC_ERR_MAX; i++) {
        if (strcmp(err_words[i].name, name) == 0) {
            return (msync_variant_e) i;
        }
    }

    return MSYNC_ERR_UNKNOWN;
}


bool
msync_err_may_pass(msync_variant_e variant)
{
    return variant > MSYNC_ERR_NONE && variant < MSYNC_ERR_MAX
           && err_words[variant].remedy != MSYNC_REMEDY_FINAL;
}


const char *
msync_err_advice(msync_variant_e variant)
{
    if (variant < 0 || variant >= MSYNC_ERR_MAX) {
        variant = MSYNC_ERR_UNKNOWN;
    }

    return err_words[variant].advice;
}


char *
msync_err_full(const msync_err_t *err, char *buf, size_t size)
{
    return err_compose(err, NULL, buf, size);
}


char *
msync_err_refusal(const msync_err_t *err, const char *end, char *buf,
    size_t size)
{
    return err_compose(err, end, buf, size);
}


/* `instead`: for the sentences of the advice that are of runs; NULL: these */

static char *
err_compose(const msync_err_t *err, const char *instead, char *buf,
    size_t size)
{
    size_t       length;
    const char  *p, *end;
    char         full[2 * MSYNC_ERR_TEXT_MAX];

    (void) snprintf(full, sizeof(full), "%s", err->text);
    p = err->advice ? err->advice : msync_err_advice(err->variant);

    for ( /* void */ ; *p != '\0'; p = *end == ' ' ? end + 1 : end) {
        end = strstr(p, ". ");
        end = end ? end + 1 : p + strlen(p);

        if (*p != ERR_OF_RUNS) {
            err_add_sentence(full, p, end);

        } else if (instead == NULL) {
            err_add_sentence(full, p + 1, end);
        }
    }

    if (instead != NULL) {
        err_add_sentence(full, instead, instead + strlen(instead));
    }

    if (size != 0) {
        length = msync_text_cut(full, size - 1);
        memcpy(buf, full, length);
        buf[length] = '\0';
    }

    return buf;
}


static void
err_add_sentence(char full[2 * MSYNC_ERR_TEXT_MAX], const char *sentence,
    const char *end)
{
    size_t       length = strlen(full);
    const char  *stop;

    if (sentence == end) {
        return;
    }

    stop = length == 0 ? "" : strchr(".!?", full[length - 1]) ? " " : ". ";

    (void) snprintf(full + length, 2 * MSYNC_ERR_TEXT_MAX - length, "%s%.*s",
                    stop, (int) (end - sentence), sentence);
}
