package Msync::Relay;

# A server that hands each request to a function, which asks another server by
# ask() and answers: what stands between a site and a central server.

use Mojo::Base -strict, -signatures;

use Exporter 'import';
use Mojo::Server::Daemon;
use Mojo::UserAgent;
use Mojolicious;

our @EXPORT_OK = qw(ask relay);

my $Agent = Mojo::UserAgent->new(max_response_size => 0);
$Agent->inactivity_timeout(600);

# A promise of the transaction: this request, said to that address.  %change:
# body, and accept_encoding in the place of the caller's.
sub ask ($req, $url, %change) {
    my $body = $change{body} // $req->body;
    my $tx = $Agent->build_tx($req->method => $url, $req->headers->to_hash,
                              $body);

    $tx->req->headers->remove('Host')->content_length(length $body);
    $tx->req->headers->accept_encoding($change{accept_encoding})
        if $change{accept_encoding};

    return $Agent->start_p($tx);
}

# Listens at the port until it is killed.
sub relay ($port, $pass_on) {
    my $app = Mojolicious->new;

    $app->log->level('fatal');
    $app->max_request_size(0);
    $app->routes->any('/*any')->to(cb => $pass_on);

    Mojo::Server::Daemon->new(
        app    => $app,
        listen => ["http://127.0.0.1:$port"],
        silent => 1,
        inactivity_timeout => 600,
    )->run;

    return;
}

1;
