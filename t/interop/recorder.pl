#!/usr/bin/perl

# What a site and a server say to each other, passed on and written down:
#
#     recorder.pl PORT LOG URL
#
# LOG gets a line a request, a JSON array: the path, the status, and both
# bodies as they are, but for passwords and tokens.

use Mojo::Base -strict, -signatures;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Mojo::JSON qw(encode_json);
use Mojo::URL;
use Mojo::Util qw(decode gunzip);
use Msync::Relay qw(ask relay);

my ($port, $log, $to) = @ARGV;

open my $said, '>>', $log or die "$log: $!\n";
$said->autoflush(1);

relay($port, \&pass_on);


sub pass_on ($c) {
    my $req = $c->req;
    my $url = Mojo::URL->new($to)->path_query($req->url->path_query);

    $c->render_later;

    # in a form that can be written down
    ask($req, $url, accept_encoding => 'gzip')->then(
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
