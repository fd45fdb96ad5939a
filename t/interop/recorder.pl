#!/usr/bin/perl

# What a site and a server say to each other, passed on and written down:
#
#     recorder.pl PORT LOG URL
#
# LOG gets a line a request, a JSON array: the path, the status, and both
# bodies as they are, but for passwords and tokens.

use Mojo::Base -strict, -signatures;

use Mojo::JSON qw(encode_json);
use Mojo::Server::Daemon;
use Mojo::URL;
use Mojo::UserAgent;
use Mojo::Util qw(decode gunzip);
use Mojolicious;

my ($port, $log, $to) = @ARGV;

open my $said, '>>', $log or die "$log: $!\n";
$said->autoflush(1);

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
    my $req = $c->req;
    my $url = Mojo::URL->new($to)->path_query($req->url->path_query);
    my $tx = $ua->build_tx($req->method => $url, $req->headers->to_hash,
                           $req->body);

    # in a form that can be written down
    $tx->req->headers->remove('Host')->accept_encoding('gzip');

    $c->render_later;
    $ua->start_p($tx)->then(
        sub ($tx) {
            my $res = $tx->res;

            write_down($req, $res);
            $c->res->headers->content_type(
                $res->headers->content_type // 'text/plain');
            $c->render(data => $res->body, status => $res->code);
        },
        sub ($error) { $c->tx->connection
                       && Mojo::IOLoop->remove($c->tx->connection) },
    );

    return;
}

sub write_down ($req, $res) {
    my $body = $req->body;

    $body = gunzip($body)
        if ($req->headers->content_encoding // '') eq 'gzip';

    my @texts = map {
        my $text = decode('UTF-8', $_) // '(octets)';
        $text =~ s/("(?:token|passwordSha256)":)"[^"]*"/$1"…"/gr
    } $body, $res->body;

    say {$said} encode_json([$req->url->path->to_string, $res->code, @texts]);
    return;
}
