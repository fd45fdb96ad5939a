#!/usr/bin/perl

# Emulates mSupply central (API v5) and Open mSupply central (API v6 and v7), for
# tests and the demo.  Usage is at the end of this file.

# a tenth of a start is spent on what only TLS needs
BEGIN { $ENV{MOJO_NO_TLS} = 1 if !grep { /\A--?tls/ } @ARGV }

use FindBin qw($Bin);
use lib "$Bin/lib";

use strict;
use warnings;
use Central::Program qw(run);

run(@ARGV);


__END__

=encoding UTF-8

=head1 NAME

central.pl - emulates mSupply central (API v5) and Open mSupply central (API v6 and v7)

=head1 SYNOPSIS

    central.pl [--v5 PORT] [--v6 PORT] [options]

    --v5, --v6 PORT      listen there; 0 (the default) picks a free port
    --address ADDRESS    of what interface, default 127.0.0.1
    --print-ports        one line on stdout: {"v5":18200,"v6":18201}
    --site NAME          the one site that is known, default "Clinic 7"
    --site-id N          its number, default 7
    --asks N             the number of the site that asks, where the records are
                         those of another; the third store is of site 9
    --password PW        default "secret"; requests carry its SHA-256
    --records N          about how many records there are, default 3000
    --seed N             another seed, other records; default 1
    --preload            make all record texts at the start, for benchmarks
    --gzip LEVEL         of compressed answers, default 1; 0: never compress
    --catalogue, --shapes FILE   default catalogue.json and v7.json of this tree
    --tls-cert, --tls-key FILE   speak HTTPS, both servers
    --central-version N  of Open mSupply central, 2 or 3: its way with cursors,
                         and v7, which begins with 3
    --protocol v7        the site is one of v7 from the start; implies version 3
    --lifeline           exit when stdin is closed

=head1 DESCRIPTION

Both servers are strict: what breaks the protocol is refused and noted as a
I<violation> that tests read from C</_test/state>.  The records come from the
catalogue and a seed and are made when somebody asks for them, so a million
cost no memory.  C<--preload> trades that for speed: about 1 GB for a million.

What a site pushes is kept as the server's record when the push is complete
(v5: the empty batch, v6: C<is_last_batch>) and is not sent back to the site,
except after a new C<initialise>, or over v6 to a site that says that it is not
initialised.

What waited for the site of a record that the site pushes is older than that
and is not sent any more.

Deliberate oddities of the real servers: cursors with gaps; one wider hole in
the middle of the central records, where an answer is empty and without C<data>
although C<maxCursor> is higher; C<Insert>, C<Update>, C<insert>, C<update> at
random; now and then a child before its parent; C<0000-00-00>, C<""> and C<null>
for nothing; columns that the catalogue does not know (item, name, transact);
transfers whose store belongs to another site.

Open mSupply central refuses bodies of more than 10 MiB with a 413.

While a server integrates what was pushed, v5 answers pulls with 503
C<sync_is_running> and v6 answers pull and push with C<integrationInProgress>.

Open mSupply central has two ways with the cursor of a pull, with the same
version numbers.  That of 2.x begins with the record of the cursor and counts
records.  That of 3.x begins behind it, and its C<total_records> is the distance
to the end of its changelog, so it promises more than it has, and
C<asset_catalogue_type> and C<name_oms_fields> are never sent.

Not emulated: C<download_file>, C<upload_file>.

=head1 API V7

A server of version 3 speaks v7 at the address of v6.  It gives the site one
token, takes batches of up to 10 MiB, counts what it was given and makes rows of
it behind a lock, with the batch whose C<remaining> is 0.  What it cannot read,
what is not the site's to send and deletes of other tables than seven are lost
without a word to the site; here each is a violation, and listed in
C</_test/state>.

A site is one of v7 when C<v7_site> says so, or as soon as the legacy server
says so to C<get_token>.

Rows and changelog are apart from those of v5 and v6, with the same ids where
both have a table, and with cursors of one changelog: that of v6 ends behind
the rows that v7 has at the start, so a site that is upgraded gets nothing anew.
A row of the start says in v7 what it says in v5 or v6; fields and tables that
those do not have are made up.

=head1 CONTROL

Under C</_test/> of the v5 port, JSON both ways.  A refused request is a 400
with C<{"error": reason}>.

=over

=item GET /_test/state

C<counts> (rows a table on central), C<queue> (C<remote>: waiting for the site;
C<central>, C<v6>: all there are), C<received> (C<v5> and C<v6>: each
C<{api, tableName, recordId, action, recordData}>, in order of arrival),
C<receivedCount>, C<requests> (each C<{api, method, path, query, status, bytes,
received, encoding, connection, time, took}>; status 0: connection cut), C<requestCount>,
C<connections>, C<violations> (each C<{api, call, message}>), C<faults>,
C<hardwareId>, C<initialisationStatus>, C<latest> (the highest cursor: C<central>,
C<v6>), C<queuesBuilt> (by C<initialise>), C<changed> (C<"TABLE ID">: recordData as
text, null for a deleted one; what is not as at the start), C<changedRows> (the
same of v7), C<v7> (C<site>: C<V5V6> or C<V7>; C<token>, C<hardware_id>, C<tokens>:
how many it gave; C<buffered>, C<lost>, C<latest>).  C<?brief=1> leaves out
C<received>, C<requests>, C<changed> and C<changedRows>, C<?quiet=1> only C<requests>.
What tests ask is not counted.

=item GET /_test/records

Every record that central holds, by table and id.

=item GET /_test/digest

C<{"digest"}>: the same text for two states that differ in nothing but what was
noted of the requests, C<requests>, C<requestCount>, C<connections>.

=item GET /_test/record?table=T&id=I

The record as central has it now, also what was pushed; 404 when there is none.

=item GET /_test/rows?table=T

The rows of a table of v7 by id, as they are now; without C<table> those of all,
by table.

=item GET /_test/left?cursor=N&api=A

C<{"left"}>: how many records a pull over v6 or v7 would bring an initialised site
that had all up to N.

=item POST /_test/change

C<{"tableName", "recordId", "action", "recordData", "channel"}> or a list of
them: central has a new version of the record for the site.  Action: upsert,
insert, update, delete, merge.  Channel: C<central>, C<remote>, C<v6>, or
C<patient> (v6, seen by patient-pull only); default: where the table comes from.
Tables that the catalogue does not know are allowed.

With the channel C<v7>, table and row are those of v7, and C<storeId>,
C<transferStoreId>, C<patientId> say what does not follow from the row;
C<source> is the site that made the line, default central, null for none.

=item POST /_test/meanwhile

The same, while the next pull from v6 or v7 is answered: behind the look at the
records, in v6 before the look at the end of the changelog.

=item POST /_test/fault

C<{"kind", "api", "path", "method", "with", "value", "times", "after"}>: the next
C<times> (default 1) calls of C<path> (C<site>, C<pull>, ...; default any) on
C<api> (v5, v6, v7, any) with C<method> and the text C<with> in their bodies go
wrong, after C<after> sound ones.

These replace the answer, and the call is not processed: C<busy> (value:
Retry-After), C<status> (value: the HTTP status, default 500), C<page> (the same
with a firewall's page, default 403), C<drop_before>, C<garbage>, C<html>,
C<empty>, C<json> (200 with that value), C<gzip_bomb> (value: megabytes, default 100),
C<redirect> (value: Location), C<error_code> (v5: a code or C<{code, status,
message}>; v6, v7: the value of C<error>, C<Err>), C<hang> (no answer ever).

These come after processing: C<drop_working> and C<gateway> (at once, though
the work takes longer; the latter is a proxy's 504, or the status that
value says), C<drop_middle>, C<drop_end> (all has gone out, and more was said to come),
C<drop_after> (the value C<reset> makes a drop a RST), C<truncate> (half of the
JSON, well framed), C<slow> (value: octets a second), C<delay> (value:
milliseconds, then a sound answer), C<hold> (until another fault is asked for
or all are cleared, then a sound answer).

=item POST /_test/clear_faults

=item POST /_test/config

Any of C<password>, C<hardware_id> (null: the next one that comes),
C<integration_polls> and C<integration_ms> (how long integration takes after a
push: polls answered busy, time), C<initialise_ms>, C<page_delay_ms>,
C<v5_url>, C<v6_url> (may be ""), C<version>, C<v6_version>, C<is_v6_central>,
C<site_uuid>, C<initialisation_status>, C<max_cursor_short> (C<maxCursor> is
that much too low), C<gzip_level>, C<accept_gzip> (says C<Accept-Encoding:
gzip> and takes compressed requests; else they are a 415), C<central_version> (2 or 3), C<refuse> (ids of
records: a push with one of them is answered with an error), C<refuse_as>
(C<{status, code}>: with this one, without a code a firewall's page), C<breaks>
(ids: a push with one of them tears the connection), C<dies> (so many last
batches over v6 and v7 are not integrated: the server died between the two), C<carries> (octets:
a request or an answer with more tears the connection; 0: none does).

Of v7: C<sync_version> (what C<GET site> says; null: it says nothing and knows
no C<v7_url_and_upgrade>), C<upgrade> (what that answers: a status, or the code
of a 503), C<v7_url> (default C<v6_url>), C<v7_site>, C<v7_token>,
C<v7_hardware_id>, C<v7_version>, C<central_site_id>, C<is_central> (false: a 405),
C<v7_unreadable> (ids of rows that central itself cannot read: no pull gets past
them).

=item POST /_test/reset

Everything as it was at the start.

=item POST /_test/snapshot

=item POST /_test/restore

Everything as it was at the last snapshot.

=back

=cut
