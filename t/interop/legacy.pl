#!/usr/bin/perl

# mSupply central for several sites, as one server: every site has an emulator
# of its own behind it, which is found by the user name of the request, and
# what concerns two sites is passed on from one to the other.
#
#     legacy.pl PORT LOG 'SITE=EMULATOR_PORT[:SITE_ID[:STORE:NAME]]'...
#
# SITE_ID takes the place of the emulator's own in GET site.  STORE and NAME are
# the ids of the site's store and of the store's name: an invoice or a
# requisition with that name, its lines and its deletes go on to that site, and
# a patient goes to a site whose store gets a name_store_join.  LOG gets a line
# a request: the site, the method, the path without its query, the status, and
# the app-name and app-version of the caller; LOG.pushed a JSON array of site
# and record for each record that is pushed.

use Mojo::Base -strict, -signatures;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Mojo::JSON qw(decode_json encode_json);
use Mojo::UserAgent;
use Mojo::Util qw(b64_decode decode);
use Msync::Legacy qw(as_stored);
use Msync::Relay qw(ask relay);

my ($port, $log, @sites) = @ARGV;
my %site;

for my $site (@sites) {
    my ($name, $emulator, $id, $store, $of) =
        $site =~ /\A(.+)=(\d+)(?::(\d*))?(?::(\w+):(\w+))?\z/
        or die "legacy.pl: $site is not SITE=PORT[:ID[:STORE:NAME]]\n";
    $site{$name} = {site => $name, port => $emulator, id => $id,
                    store => $store, name => $of};
}

# the two sites of a transfer's document, and patients as they were pushed
my (%other, %patient);

my %LINES = (trans_line => 'transaction_ID',
             requisition_line => 'requisition_ID');

open my $requests, '>>', $log or die "$log: $!\n";
open my $pushed, '>>', "$log.pushed" or die "$log.pushed: $!\n";
$_->autoflush(1) for $requests, $pushed;

my $ua = Mojo::UserAgent->new;
relay($port, \&pass_on);


sub pass_on ($c) {
    my $h    = $c->req->headers;
    my ($code) = ($h->authorization // '') =~ /\ABasic (.+)\z/;
    my ($name) = decode('UTF-8', b64_decode($code // '') // '') =~ /\A([^:]*)/;
    my $site = $site{$name} // (values %site)[0];

    my $url = $c->req->url->to_abs->clone;
    $url->host('127.0.0.1')->port($site->{port});

    my $body = $c->req->body;
    $body = as_sent($body)
        if $c->req->method eq 'POST' && $url->path =~ /queued_records\z/;

    $c->render_later;
    ask($c->req, $url, body => $body)->then(
        sub ($tx) { answer($c, $name, $site, $tx->res) },
        sub ($error) { $c->render(text => $error, status => 502) },
    );

    return;
}

# What an Open mSupply sends and the emulator refuses: null for two numbers that
# mSupply keeps as 0, and of 3.0 a queueLength that counts what is left behind
# the batch, without the batch.
sub as_sent ($body) {
    my $batch = decode_json($body);
    my $n = @{$batch->{data}};

    $batch->{queueLength} += $n if $batch->{queueLength} < $n;

    for my $data (map { $_->{recordData} // () } @{$batch->{data}}) {
        for my $key (qw(insuranceDiscountAmount insuranceDiscountRate)) {
            $data->{$key} = 0 if exists $data->{$key} && !defined $data->{$key};
        }
    }

    return encode_json($batch);
}

sub answer ($c, $name, $site, $res) {
    my ($body, $status) = ($res->body, $res->code);
    my $path = $c->req->url->path->to_string;

    if ($site->{id} && $status == 200 && $path eq '/sync/v5/site') {
        $body = encode_json({%{decode_json($body)}, siteId => 0 + $site->{id}});
    }

    my $h = $c->req->headers;
    say {$requests} join "\t", $name, $c->req->method, $path, $status,
        map { $h->header($_) // '' } qw(app-name app-version);

    if ($status == 200 && $c->req->method eq 'POST'
        && $path =~ /queued_records\z/)
    {
        my $records = decode_json($c->req->body)->{data};

        say {$pushed} encode_json([$name, $_]) for @$records;
        forward($site, $records);
    }

    $c->res->headers->content_type($res->headers->content_type // 'text/plain');
    $c->render(data => $body, status => $status);
    return;
}


# ---- what is another site's too ---------------------------------------------

sub forward ($from, $records) {
    my %for;

    for my $record (@$records) {
        my ($table, $id, $data) = @{$record}{qw(tableName recordId recordData)};

        if ($table eq 'name' && $data) {
            $patient{$id} = $record;

        } elsif ($table eq 'name_store_join' && $data) {
            my ($to) = grep { ($_->{store} // '') eq $data->{store_ID} }
                values %site;
            my $who = $patient{$data->{name_ID}} or next;
            push @{$for{$to->{site}}}, $who, $record if $to;

        } elsif (my $to = concerned($from, $table, $id, $data)) {
            push @{$for{$to}}, $record;
        }
    }

    send_to($_, $for{$_}) for sort keys %for;
    return;
}

# the other site of a document or of one of its lines
sub concerned ($from, $table, $id, $data) {
    if ($data && ($table eq 'transact' || $table eq 'requisition')) {
        my ($to) = grep { ($_->{name} // '') eq $data->{name_ID} } values %site;
        $other{$id} = $to->{site} if $to && $to != $from;

    } elsif ($data && $LINES{$table}) {
        $other{$id} = $other{$data->{$LINES{$table}}};
    }

    return $other{$id};
}

sub send_to ($name, $records) {
    my @changes = map { {
        tableName  => $_->{tableName},
        recordId   => $_->{recordId},
        action     => lc $_->{action},
        channel    => 'remote',
        $_->{recordData}
            ? (recordData => as_stored($_->{tableName}, $_->{recordData})) : (),
    } } @$records;

    $ua->post_p("http://127.0.0.1:$site{$name}{port}/_test/change",
                json => \@changes)
        ->then(sub ($tx) {
            warn 'legacy.pl: ', $tx->res->body, "\n" if $tx->res->code != 200;
        })
        ->catch(sub ($error) { warn "legacy.pl: $error\n" });
    return;
}
