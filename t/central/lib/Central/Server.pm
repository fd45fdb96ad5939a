package Central::Server;

# What both servers share: every request is logged, its body read, its call
# looked up, and the answer sent by Central::Fault.

use Mojo::Base 'Mojolicious', -signatures;
use Central::Fault qw(serve);
use Mojo::JSON     qw(decode_json encode_json);
use Mojo::Util     qw(gunzip);
use Time::HiRes    qw(time);

has 'state';
has 'api';     # v5, v6 or v7
has 'prefix';  # /sync/v5, /central/sync or /central/sync_v7
has 'calls';   # "METHOD name" => sub ($server, $c, $body)

sub startup ($self) {
    $self->mode('production');
    $self->log->level('fatal');
    $self->secrets(['not used: there are no cookies']);
    $self->max_request_size(512 * 1024 * 1024);

    $self->hook(before_dispatch => sub ($c) { $self->_note($c) });
    $self->routes->any($self->prefix . '/#call' => sub ($c) { $self->_call($c) });

    return;
}

# answers at the address of another server too
sub join_at ($self, $host) {
    $host->routes->any($self->prefix . '/#call' => sub ($c) {
        $c->stash('central.log')->{api} = $self->api;
        $self->_call($c);
    });

    return $self;
}

sub _note ($self, $c) {
    my $path = $c->req->url->path->to_string;

    # what the tests themselves ask is no traffic
    return if $path =~ m{\A/_test/};

    my $tx    = $c->tx;
    my $entry = {
        api        => $self->api,
        method     => $c->req->method,
        path       => $path,
        query      => $c->req->url->query->to_string,
        status     => undef,
        bytes      => 0,
        received   => $c->req->body_size,
        encoding   => $c->req->headers->content_encoding,
        connection => $tx->connection,
        time       => time,
    };

    $c->stash('central.log' => $entry);
    $self->state->log_request($entry);

    # a cut connection has set its status already
    $tx->on(finish => sub ($tx, @) {
        $entry->{status} //= $tx->res->code // 0;
        $entry->{bytes} = $entry->{status} ? $tx->res->body_size : 0;
        $entry->{took}  = time - $entry->{time};
    });

    return;
}

sub _call ($self, $c) {
    my ($name, $method) = ($c->stash('call'), $c->req->method);

    $c->res->headers->header('Accept-Encoding' => 'gzip')
      if $self->state->config->{accept_gzip};

    serve($c, $self->state, $self->api, $name, sub {
        my @elsewhere = $self->elsewhere($c, $name);
        return @elsewhere if @elsewhere;

        my $refused = $self->_unpack($c);
        my $large = $self->too_large($c);
        return 413, $large if $large;
        return $self->error(415, 'unsupported', $refused) if $refused;

        my $call = $self->calls->{"$method $name"};

        return $call->($self, $c) if $call;

        my ($other) = grep { / \Q$name\E\z/ } sort keys %{$self->calls};
        return $self->wrong($name, 405, "$method is not a method of $name") if $other;
        return $self->wrong($name, 404, "there is no $name");
    });

    return;
}

# what the server says of a body of that size, "" when it takes it
sub too_large ($self, $c) { return '' }

# whether it reads compressed requests though it never said so
sub takes_gzip ($self) { return $self->state->config->{accept_gzip} }

# (status, text) where no such server is here
sub elsewhere ($self, $c, $name) { return }

# a compressed request becomes a plain one; a reason to refuse it, or undef
sub _unpack ($self, $c) {
    my $encoding = $c->req->headers->content_encoding // return undef;

    return "$encoding is not taken here"
      if $encoding ne 'gzip' || !$self->takes_gzip;

    my $octets = gunzip($c->req->body) // return 'this is not gzip';

    $c->req->headers->remove('Content-Encoding');
    $c->req->body($octets);
    return undef;
}

# the JSON body; undef and a reason when there is none
sub body ($self, $c) {
    my $type = $c->req->headers->content_type // '';
    my $body = eval { decode_json($c->req->body) };

    return (undef, 'the body is not JSON') if $@;
    my $odd = _odd_json($c->req->body);
    return (undef, $odd) if $odd;
    return (undef, "Content-Type is not application/json: $type")
      if $type ne '' && $type !~ m{\Aapplication/json\b}i;
    return ($body);
}

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
