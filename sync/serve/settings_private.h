/*
 * What the settings page asks for: checking, testing and saving settings.
 */

#ifndef MSYNC_SETTINGS_PRIVATE_H
#define MSYNC_SETTINGS_PRIVATE_H

#include "channel/control.h"
#include "transfer/transfer.h"
#include "store/store.h"

#define MSYNC_SETTINGS_WAIT  20000     /* ms that central has for its answer */
#define MSYNC_SETTINGS_LATE  50000     /* ms after which a request is given up:
                                          after 60 s nginx has told its client
                                          that nothing was answered, and then
                                          nothing may be saved */

typedef struct {
    msync_store_t       *store;        /* borrowed */
    const msync_conf_t  *conf;         /* borrowed, those in force */
    const char          *hardware_id;
    bool                 initialised;
    int64_t              came;         /* when it was asked for,
                                          monotonic ms */
    int                  fd;           /* borrowed, for transfer.h; so is the
                                          hook */
    msync_hook_pt        hook;
    void                *hook_data;
} msync_settings_t;

/*
 * Answers one request.  The return value is the HTTP status, *reply the
 * JSON of the answer (msync_free it).  200 to SETTINGS and 202 to INITIALISE
 * mean that new settings are in the database.  Asks central where needed,
 * which takes up to MSYNC_SETTINGS_WAIT; 504 when it has not answered by then,
 * and to a request that is MSYNC_SETTINGS_LATE old: nothing is saved then,
 * however long the database was locked.  The body is zeroed.
 */
int msync_settings_answer(const msync_settings_t *settings,
    msync_request_e request, char *body, size_t length, char **reply);

#endif /* MSYNC_SETTINGS_PRIVATE_H */
