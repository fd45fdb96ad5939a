#!/usr/bin/perl

# mSupply central for several sites, as one server: every site has an emulator
# of its own behind it, which is found by the user name of the request.
#
#     legacy.pl PORT LOG 'SITE=EMULATOR_PORT[:SITE_ID]'...
#
# SITE_ID takes the place of the emulator's own in GET site.  LOG gets a line
# a request: the site, the method, the path without its query, the status, and
# the app-name and app-version of the caller.

use Mojo::Base -strict, -signatures;

use Mojo::JSON qw(decode_json encode_json);
use Mojo::Server::Daemon;
use Mojo::UserAgent;
use Mojo::Util qw(b64_decode decode);
use Mojolicious;

my ($port, $log, @sites) = @ARGV;
my %site;

for my $site (@sites) {
    my ($name, $emulator, $id) = $site =~ /\A(.+)=(\d+)(?::(\d+))?\z/
        or die "legacy.pl: $site is not SITE=PORT[:ID]\n";
    $site{$name} = {port => $emulator, id => $id};
}

open my $requests, '>>', $log or die "$log: $!\n";
$requests->autoflush(1);

my $ua = Mojo::UserAgent->new(max_response_size => 0);
$ua->inactivity_timeout(600);
my $app = Mojolicious->new;
$app->log->level('fatal');
$app->max_request_size(0);
$app->routes->any('/*any')->to(cb => \&pass_on);

Mojo::Server::Daemon->new(
    app    => $app,
    listen => ["http://127.0.0.1:$port"],
    silent => 1,
    inactivity_timeout => 600,
)->run;


sub pass_on ($c) {
    my $h    = $c->req->headers;
    my ($code) = ($h->authorization // '') =~ /\ABasic (.+)\z/;
    my ($name) = decode('UTF-8', b64_decode($code // '') // '') =~ /\A([^:]*)/;
    my $site = $site{$name} // (values %site)[0];

    my $url = $c->req->url->to_abs->clone;
    $url->host('127.0.0.1')->port($site->{port});

    my $tx = $ua->build_tx($c->req->method => $url, $h->to_hash, $c->req->body);
    $tx->req->headers->remove('Host');

    $c->render_later;
    $ua->start_p($tx)->then(
        sub ($tx) { answer($c, $name, $site, $tx->res) },
        sub ($error) { $c->render(text => $error, status => 502) },
    );

    return;
}

sub answer ($c, $name, $site, $res) {
    my ($body, $status) = ($res->body, $res->code);
    my $path = $c->req->url->path->to_string;

    if (defined $site->{id} && $status == 200 && $path eq '/sync/v5/site') {
        $body = encode_json({%{decode_json($body)}, siteId => 0 + $site->{id}});
    }

    my $h = $c->req->headers;
    say {$requests} join "\t", $name, $c->req->method, $path, $status,
        map { $h->header($_) // '' } qw(app-name app-version);

    $c->res->headers->content_type($res->headers->content_type);
    $c->render(data => $body, status => $status);
    return;
}
