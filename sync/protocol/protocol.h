/*
 * What the central servers are spoken to with.
 *
 * The room owns the protocols and what they have in common: a peer is what a
 * step needs of a server, whatever it speaks (peer.h); API v5 is that of
 * mSupply central (v5.h), API v6 that of Open mSupply central (v6.h), which
 * speaks API v7 (v7.h) from 3.0 on, in place of both.  The room promises that
 * recordData passes through octet by octet, that one odd record stops no
 * other, that no pull goes on without making progress, that a number which is
 * no cursor is an error with words, and that every error of a server has its
 * variant, whom it concerns and a sentence.  It sees no database.
 */

#ifndef MSYNC_PROTOCOL_H
#define MSYNC_PROTOCOL_H

#include "protocol/peer.h"
#include "protocol/v5.h"
#include "protocol/v6.h"
#include "protocol/v7.h"

#endif /* MSYNC_PROTOCOL_H */
