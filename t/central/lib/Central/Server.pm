package Central::Server;

# What both servers share: every request is logged, its body read, its call
# looked up, and the answer sent by Central::Fault.

use Mojo::Base -base, -signatures;
use Central::Fault qw(serve);
use JSON::XS   ();
use Mojo::JSON qw(decode_json encode_json);
use Mojo::Util qw(decode gunzip url_unescape);
use Time::HiRes qw(time);

our $READER = JSON::XS->new->utf8->allow_nonref;

has 'state';
has 'api';     # v5, v6 or v7
has 'prefix';  # /sync/v5, /central/sync or /central/sync_v7
has 'calls';   # "METHOD name" => sub ($server, $x, $body)
has guests => sub { [] };  # that answer at the same address

# what Central::Listener hands on
sub handle ($self, $x) {
    my $path = $x->path;

    for my $server ($self, @{$self->guests}) {
        my $prefix = $server->prefix;
        next if $path !~ m{\A\Q$prefix\E/([^/]+)/?\z};

        my $octets = url_unescape $1;
        $self->_note($x, $server->api);
        return $server->_call($x, decode('UTF-8', $octets) // $octets);
    }

    # what the tests themselves ask is no traffic
    $self->_note($x, $self->api) if $path !~ m{\A/_test/};

    return $self->other($x);
}

# what is no call
sub other ($self, $x) { return $x->answer(404, 'text/html', '<!DOCTYPE html><title>Page not found</title>') }

sub _note ($self, $x, $api) {
    my $entry = {
        api        => $api,
        method     => $x->method,
        path       => $x->path,
        query      => $x->query,
        status     => undef,
        bytes      => 0,
        received   => $x->size,
        encoding   => $x->header('content-encoding'),
        connection => $x->connection,
        time       => time,
    };

    $self->state->log_request($x->log($entry)->log);

    return $x->done(sub ($x) {
        $entry->{status} = $x->status // 0;
        $entry->{bytes} = $entry->{status} ? $x->length : 0;
        $entry->{took}  = time - $entry->{time};
    });
}

sub _call ($self, $x, $name) {
    my $method = $x->method;

    $x->set('Accept-Encoding' => 'gzip') if $self->state->config->{accept_gzip};

    serve($x, $self->state, $self->api, $name, sub {
        my @elsewhere = $self->elsewhere($x, $name);
        return @elsewhere if @elsewhere;

        my $refused = $self->_unpack($x);
        my $large = $self->too_large($x);
        return 413, $large if $large;
        return $self->error(415, 'unsupported', $refused) if $refused;

        my $call = $self->calls->{"$method $name"};

        return $call->($self, $x) if $call;

        my ($other) = grep { / \Q$name\E\z/ } sort keys %{$self->calls};
        return $self->wrong($name, 405, "$method is not a method of $name") if $other;
        return $self->wrong($name, 404, "there is no $name");
    });

    return;
}

# what the server says of a body of that size, "" when it takes it
sub too_large ($self, $x) { return '' }

# whether it reads compressed requests though it never said so
sub takes_gzip ($self) { return $self->state->config->{accept_gzip} }

# (status, text) where no such server is here
sub elsewhere ($self, $x, $name) { return }

# a compressed request becomes a plain one; a reason to refuse it, or undef
sub _unpack ($self, $x) {
    my $encoding = $x->header('content-encoding') // return undef;

    return "$encoding is not taken here"
      if $encoding ne 'gzip' || !$self->takes_gzip;

    my $octets = gunzip($x->body) // return 'this is not gzip';

    delete $x->headers->{'content-encoding'};
    $x->body($octets);
    return undef;
}

# the JSON body; undef and a reason when there is none
sub body ($self, $x) {
    my $type = $x->header('content-type') // '';
    my $body = eval { read_json($x->body) };

    return (undef, 'the body is not JSON') if $@;
    my $odd = _odd_json($x->body);
    return (undef, $odd) if $odd;
    return (undef, "Content-Type is not application/json: $type")
      if $type ne '' && $type !~ m{\Aapplication/json\b}i;
    return ($body);
}

# Mojo::JSON takes many times as long, and reads a number of any length.
sub read_json ($octets) { return $octets =~ /[0-9]{18}/ ? decode_json($octets) : $READER->decode($octets) }

# what some readers of JSON take and Open mSupply's does not
sub _odd_json ($text) {
    return 'a surrogate stands alone'
      if $text =~ s/\\\\//gr =~ s/\\ud[89ab]..\\ud[c-f]..//gir =~ /\\ud[89a-f]/i;

    my $bare = $text =~ s/"[^"\\]*+(?:\\.[^"\\]*+)*+"//gr;
    return 'a number is out of range' if grep { $_ * 0 != 0 } $bare =~ /-?\d[\d.]*[eE][-+]?\d+/g;

    my $depth = 0;
    for my $bracket ($bare =~ /[][{}]/g) {
        $depth += $bracket =~ /[[{]/ ? 1 : -1;
        return 'it is nested too deeply' if $depth > 127;
    }

    return undef;
}

sub error ($self, $status, $code, $message) {
    return $status, encode_json({error => {code => $code, message => $message, data => undef}});
}

# the site broke the protocol: told to it, and kept for the tests
sub wrong ($self, $call, $status, @reasons) {
    $self->state->violation($self->api, $call, $_) for @reasons;

    my $shown = join '; ', @reasons[0 .. ($#reasons < 4 ? $#reasons : 4)];
    return $self->error($status, 'bad_request', $shown);
}

1;
