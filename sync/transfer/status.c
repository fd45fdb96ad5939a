/*
 * Owns what an HTTP status speaks of, whoever read it: of an answer, or in the
 * words of one about another server.
 */

#include "transfer/transfer.h"


msync_status_e
msync_transfer_status(int status)
{
    switch (status) {

    case 401: case 407: case 511:
        return MSYNC_STATUS_SIGN_IN;

    case 421:
        return MSYNC_STATUS_ELSEWHERE;

    case 408: case 425: case 502: case 504: case 598: case 599:
        return MSYNC_STATUS_WAY;

    case 429: case 507: case 509: case 529:
        return MSYNC_STATUS_ROOM;

    case 501:
        return MSYNC_STATUS_REQUEST;

    default:
        return status >= 520 && status <= 530 ? MSYNC_STATUS_WAY
               : status >= 500 ? MSYNC_STATUS_SERVER : MSYNC_STATUS_REQUEST;
    }
}


bool
msync_transfer_may_pass(int status)
{
    return msync_transfer_status(status) >= MSYNC_STATUS_SERVER;
}
