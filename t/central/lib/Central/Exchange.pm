package Central::Exchange;

# One request and its answer.

use Mojo::Base -base, -signatures;
use Mojo::Date;
use Mojo::Parameters;
use Socket qw(SOL_SOCKET SO_LINGER);

# of the request; "size" is that of its body as it came
has [qw(method path query headers body size connection keep stream)];

# of the answer: its status, 0 when the connection was cut, and its length
has [qw(status length)];

# what is noted of both, and what is called with it when it is over
has 'log';
has 'done';

my %REASON = (
    200 => 'OK', 204 => 'No Content', 302 => 'Found', 400 => 'Bad Request', 401 => 'Unauthorized', 403 => 'Forbidden',
    404 => 'Not Found', 405 => 'Method Not Allowed', 409 => 'Conflict', 413 => 'Request Entity Too Large',
    415 => 'Unsupported Media Type', 429 => 'Too Many Requests', 500 => 'Internal Server Error',
    502 => 'Bad Gateway', 503 => 'Service Unavailable', 504 => 'Gateway Timeout',
);

sub header ($self, $name) { return $self->{headers}{lc $name} }

# the query by name; a name that comes twice has a list
sub params ($self) { return $self->{params} //= Mojo::Parameters->new($self->query)->to_hash }

sub param ($self, $name) { return $self->params->{$name} }

# a header of the answer
sub set ($self, $name, $value) {
    $self->{out}{$name} = $value;
    return $self;
}

sub answer ($self, $status, $type, $octets) {
    my $text = $self->_begin($status, $type, length $octets);

    return $self->_send($text . ($self->method eq 'HEAD' || $status == 204 ? '' : $octets), sub { $self->finish });
}

# begins an answer in pieces, which write() then sends; the last ends it
sub begin ($self, $status, $type, $length) {
    $self->{left} = $length;
    return $self->_send($self->_begin($status, $type, $length));
}

sub write ($self, $octets, $then = undef) {
    my $last = ($self->{left} -= length $octets) <= 0;

    return $self->_send($octets, sub {
        $then->() if $then;
        $self->finish if $last;
    });
}

sub _begin ($self, $status, $type, $length) {
    my %out = (
        Date => Mojo::Date->new->to_string,
        defined $type && $status != 204 ? ('Content-Type' => $type) : (),
        $status != 204 ? ('Content-Length' => $length) : (),
        $self->keep ? () : (Connection => 'close'),
        %{$self->{out} // {}},
    );

    $self->status($status)->length($length);

    return "HTTP/1.1 $status " . ($REASON{$status} // 'Unknown') . "\r\n"
      . join('', map { "$_: $out{$_}\r\n" } sort keys %out) . "\r\n";
}

# At once, if the system takes it: the loop would ask first whether it does.
sub _send ($self, $octets, $then = undef) {
    my $stream = $self->stream;
    my $handle = $stream->handle // return;
    my $n = $stream->is_writing ? 0 : syswrite($handle, $octets) // 0;

    if ($n == length $octets) {
        $then->() if $then;
        return;
    }

    $stream->write(substr($octets, $n) => $then ? sub { $then->() } : ());
    return;
}

# Cuts the TCP connection: with a FIN, or with a RST when $how is "reset".
sub cut ($self, $how = undef) {
    my $stream = $self->stream;
    my $handle = $stream->handle // return;

    $self->status(0);
    setsockopt $handle, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0) if ($how // '') eq 'reset';

    # what was already handed over still leaves
    $stream->close_gracefully;

    return;
}

# The exchange is over, once.
sub finish ($self) {
    return if $self->{over}++;

    $self->done->($self) if $self->done;
    $self->{then}->($self);

    return;
}

sub is_over ($self) { return $self->{over} }

1;
