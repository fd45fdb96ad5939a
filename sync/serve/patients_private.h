/*
 * Patients that central knows: GET patients.
 */

#ifndef MSYNC_PATIENTS_PRIVATE_H
#define MSYNC_PATIENTS_PRIVATE_H

#include "serve/settings_private.h"

/*
 * Answers a request whose body is the query as a JSON object: "name", "code".
 * The return value is the HTTP status, *reply the JSON of the answer
 * (msync_free it).  Asks central, which takes up to MSYNC_SETTINGS_WAIT; 504
 * when it has not answered by then, 409 of a site that does not speak v7.
 */
int msync_patients_answer(const msync_settings_t *settings, const char *body,
    size_t length, char **reply);

#endif /* MSYNC_PATIENTS_PRIVATE_H */
