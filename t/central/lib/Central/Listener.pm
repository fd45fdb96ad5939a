package Central::Listener;

# Speaks HTTP/1.1 at an address: one request after the other on each connection
# becomes a Central::Exchange, which is handed on and answered at any time.

use Mojo::Base -strict, -signatures;
use Central::Exchange;
use Exporter 'import';
use HTTP::Parser::XS qw(parse_http_request);
use Mojo::IOLoop;
use Socket qw(IPPROTO_TCP TCP_QUICKACK);

our @EXPORT_OK = qw(listen_at);

# Returns the port.  Options: address, port (0: any), tls_cert, tls_key,
# handler (what is given each exchange).
sub listen_at (%opt) {
    my %tls = $opt{tls_cert}
      ? (tls => 1, tls_cert => {'' => $opt{tls_cert}}, tls_key => {'' => $opt{tls_key}}) : ();

    my $id = Mojo::IOLoop->server({%opt{'address'}, port => $opt{port} || undef, %tls} => sub ($loop, $stream, $id) {
        my $c = {id => $id, stream => $stream, handler => $opt{handler}, buffer => ''};

        # a client that keeps its connection must not lose it while it works
        $stream->timeout(0);
        $stream->on(read => sub ($stream, $octets) { $c->{buffer} .= $octets; _go_on($c) });
        $stream->on(error => sub ($stream, $error) { });
        $stream->on(close => sub ($stream) {
            my $exchange = delete $c->{exchange};
            $exchange->finish if $exchange;
            delete $c->{stream};
        });
    });

    return Mojo::IOLoop->acceptor($id)->port;
}

# the next request, when it is there and the one before is answered
sub _go_on ($c) {
    return if $c->{exchange};

    $c->{request} //= _head($c) // return;
    return _refuse($c) if !%{$c->{request}};

    my $body = _body($c);

    # a client that writes it apart waits for the head to be acknowledged
    return setsockopt $c->{stream}->handle, IPPROTO_TCP, TCP_QUICKACK, 1 if !defined $body;

    my $x = $c->{exchange} = Central::Exchange->new(
        %{delete $c->{request}}, body => $body, size => length $body, connection => $c->{id}, stream => $c->{stream},
        then => sub ($x) { _answered($c, $x) },
    );

    return if eval { $c->{handler}->($x); 1 };

    warn $@;
    $x->answer(500, 'text/plain', 'The emulator is wrong');

    return;
}

sub _answered ($c, $x) {
    return if !delete $c->{exchange};
    return $c->{stream}->close_gracefully if !$x->keep;

    # not from inside of an answer, which may not have been the last word of its handler
    Mojo::IOLoop->next_tick(sub { _go_on($c) if $c->{stream} }) if $c->{buffer} ne '';

    return;
}

# {method, path, query, headers, keep}; {} when it is no HTTP, undef when it is
# not whole
sub _head ($c) {
    my $n = parse_http_request($c->{buffer}, \my %env);
    return $n == -2 ? undef : {} if $n < 0;

    substr $c->{buffer}, 0, $n, '';

    my ($path, $query) = $env{REQUEST_URI} =~ m{\A(?:https?://[^/?]*)?([^?]*)\??(.*)};
    my %headers = map { (lc(s/\AHTTP_//r =~ tr/_/-/r)) => $env{$_} } grep { /\A(?:HTTP|CONTENT)_/ } keys %env;
    my $connection = $headers{connection} // '';

    return {
        method  => $env{REQUEST_METHOD},
        path    => $path,
        query   => $query,
        headers => \%headers,
        keep    => scalar($env{SERVER_PROTOCOL} eq 'HTTP/1.0'
            ? $connection =~ /\bkeep-alive\b/i : $connection !~ /\bclose\b/i),
    };
}

# undef when it is not whole
sub _body ($c) {
    my $headers = $c->{request}{headers};
    return _chunks($c) if ($headers->{'transfer-encoding'} // '') =~ /\bchunked\b/i;

    my $n = $headers->{'content-length'} // 0;
    return length $c->{buffer} < $n ? undef : substr $c->{buffer}, 0, $n, '';
}

sub _chunks ($c) {
    my ($at, $body) = (0, '');

    while (substr($c->{buffer}, $at) =~ /\A([0-9a-fA-F]+)[^\r\n]*\r\n/) {
        my $n = hex $1;
        $at += length $&;

        if ($n == 0) {
            my $end = index $c->{buffer}, "\r\n", $at;
            return undef if $end < 0;
            substr $c->{buffer}, 0, $end + 2, '';
            return $body;
        }

        $body .= substr $c->{buffer}, $at, $n;
        $at += $n + 2;
        return undef if $at > length $c->{buffer};
    }

    return undef;
}

sub _refuse ($c) {
    $c->{stream}->write("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    $c->{stream}->close_gracefully;

    return;
}

1;
