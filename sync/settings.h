/*
 * What the settings page asks for: checking, testing and saving settings.
 */

#ifndef MSYNC_SETTINGS_H
#define MSYNC_SETTINGS_H

#include "control.h"
#include "http.h"
#include "store.h"

typedef struct {
    msync_store_t       *store;        /* borrowed */
    const msync_conf_t  *conf;         /* borrowed, those in force */
    const char          *hardware_id;
    bool                 initialised;
    int                  fd;           /* borrowed, of http.h, as the hook */
    msync_http_hook_pt   hook;
    void                *hook_data;
} msync_settings_t;

/*
 * Answers one request.  The return value is the HTTP status, *reply the
 * JSON of the answer (msync_free it).  200 to SETTINGS and 202 to INITIALISE
 * mean that new settings are in the database.  Asks central where needed,
 * which takes up to MSYNC_SETTINGS_WAIT.  The body is zeroed.
 */
int msync_settings_answer(const msync_settings_t *settings,
    msync_request_e request, char *body, size_t length, char **reply);

#define MSYNC_SETTINGS_WAIT  20000     /* ms for each, connect and read */

#endif /* MSYNC_SETTINGS_H */
