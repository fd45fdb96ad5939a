package Central::Fault;

# How answers leave: sound, or damaged in the way that a test asked for.
#
# Kinds that replace the answer (the call is not processed): busy, status,
# drop_before, garbage, html, empty, gzip_bomb, redirect,
# error_code, hang, page, json.
# Kinds that spoil the answer to a processed call: drop_working and gateway (do
# not wait until the work is done; gateway is a proxy's 504, or another status), drop_middle,
# drop_end, drop_after, truncate, slow; delay and hold wait first and then answer well.

use Mojo::Base -strict, -signatures;
use Compress::Raw::Zlib qw(Z_OK Z_FINISH WANT_GZIP);
use Exporter 'import';
use Mojo::IOLoop;
use Mojo::JSON qw(encode_json);

our @EXPORT_OK = qw(serve fault_refused);

use constant GZIP_MIN => 200;

my $JSON = 'application/json; charset=utf-8';

# sub ($x, $api, $value)
my %INSTEAD = (
    busy        => \&_busy,
    status      => \&_status,
    page        => \&_page,
    json        => sub ($x, $api, $value) { _json($x, 200, $value) },
    drop_before => sub ($x, $api, $value) { $x->cut($value) },
    garbage     => \&_garbage,
    html        => \&_html,
    empty       => sub ($x, $api, $value) { $x->answer(200, $JSON, '') },
    gzip_bomb   => \&_gzip_bomb,
    redirect    => \&_redirect,
    error_code  => \&_error_code,
    hang        => sub ($x, $api, $value) { },
);

my %AFTER = map { $_ => 1 } qw(drop_working gateway drop_middle drop_end drop_after truncate slow delay hold);

# why a fault that a test asks for cannot be set, or undef
sub fault_refused ($f) {
    return 'a fault is an object' if ref $f ne 'HASH';

    my %known = map { $_ => 1 } qw(api path method kind value times after with);
    my ($odd) = grep { !$known{$_} } sort keys %$f;

    return "unknown key $odd" if defined $odd;
    return 'api is v5, v6, v7 or any' if ($f->{api} // 'any') !~ /\A(?:v[567]|any)\z/;
    return 'unknown kind' if !$INSTEAD{$f->{kind} // ''} && !$AFTER{$f->{kind} // ''};

    return undef;
}

# the first fault that concerns this call and is due
sub _due ($x, $state, $api, $call) {
    my $method = $x->method;

    for my $f (@{$state->{faults}}) {
        next if ($f->{api} // 'any') ne 'any'  && $f->{api} ne $api;
        next if ($f->{path} // 'any') ne 'any' && $f->{path} ne $call;
        next if defined $f->{method}           && $f->{method} ne $method;
        next if defined $f->{with} && index($x->body, $f->{with}) < 0;

        if (($f->{after} // 0) > 0) {
            $f->{after}--;
            next;
        }

        $f->{times} //= 1;
        next if $f->{times} <= 0;

        $f->{times}--;
        return $f;
    }

    return undef;
}

# Answers a call: $process returns (status, JSON text, ms to wait before).
sub serve ($x, $state, $api, $call, $process) {
    my $f = _due($x, $state, $api, $call);
    my $kind = $f ? $f->{kind} : '';

    return $INSTEAD{$kind}->($x, $api, $f->{value}) if $INSTEAD{$kind};

    my ($status, $text, $wait) = $process->();
    my $carries = $state->config->{carries};

    return $x->cut if !$status;
    return $x->cut
      if $carries && (length $text > $carries || $x->size > $carries);

    return $x->cut($f->{value}) if $kind eq 'drop_working';
    return $x->answer($f->{value} // 504, 'text/html', '<html>Gateway Time-out</html>')
      if $kind eq 'gateway';

    $wait = ($wait // 0) + ($f->{value} // 1000) if $kind eq 'delay';

    my $send = sub { $x->is_over || _send($x, $state, $status, $text, $f) };

    return _hold($state, $f, $send) if $kind eq 'hold';
    return $send->() if !$wait;
    Mojo::IOLoop->timer($wait / 1000 => $send);

    return;
}

# until another fault is set, so that a test can go from one call to the next
sub _hold ($state, $f, $send) {
    my $faults = $state->{faults};
    return $send->() if !@$faults || $faults->[-1] != $f;

    Mojo::IOLoop->timer(0.01 => sub { _hold($state, $f, $send) });

    return;
}

sub _send ($x, $state, $status, $text, $f) {
    my $kind = $f ? $f->{kind} : '';

    return $x->cut($f->{value}) if $kind eq 'drop_after';

    $text = substr $text, 0, length($text) / 2 if $kind eq 'truncate';

    my $octets = _packed($x, $state, $status, $text);
    my $type   = $status == 204 ? undef : $JSON;

    return $x->answer($status, $type, $octets) if $kind !~ /\Adrop_|\Aslow\z/;

    $x->begin($status, $type, length($octets) + ($kind eq 'drop_end'));

    if ($kind eq 'drop_end') {
        $x->write($octets);
        $x->cut($f->{value});

    } elsif ($kind eq 'drop_middle') {
        $x->write(substr($octets, 0, length($octets) / 2));
        $x->cut($f->{value});

    } else {
        _dribble($x, $octets, $f->{value} // 1000);
    }

    return;
}

# the octets of the body, compressed for who takes that
sub _packed ($x, $state, $status, $text) {
    my $level = $state->config->{gzip_level};

    return $text if !$level || length $text < GZIP_MIN;

    $x->set(Vary => 'Accept-Encoding');
    return $text if ($x->header('accept-encoding') // '') !~ /gzip/i;

    $x->set('Content-Encoding' => 'gzip');
    return _gzip($level, $text);
}

sub _gzip ($level, @parts) {
    my $out = '';
    my ($z) = Compress::Raw::Zlib::Deflate->new(
        -Level => $level, -WindowBits => WANT_GZIP, -AppendOutput => 1,
    );

    for my $part (@parts) {
        $z->deflate($part, $out) == Z_OK or die 'cannot compress';
    }

    $z->flush($out, Z_FINISH) == Z_OK or die 'cannot compress';

    return $out;
}

# $rate octets a second, in ten pieces a second
sub _dribble ($x, $octets, $rate) {
    my $piece = int($rate / 10) || 1;
    my $at    = 0;
    my $next;

    $next = sub {
        return undef($next) if $x->is_over || $at >= length $octets;
        $x->write(substr $octets, $at, $piece);
        $at += $piece;
        Mojo::IOLoop->timer(0.1 => $next);
    };
    $next->();

    return;
}

sub _json ($x, $status, $value) {
    return $x->answer($status, $JSON, encode_json($value));
}

# with a value: what Retry-After says
sub _busy ($x, $api, $value) {
    return _json($x, 200, {error => 'integrationInProgress'}) if $api eq 'v6';
    return _json($x, 200, {Err => {SiteLockError => 'IntegrationInProgress'}}) if $api eq 'v7';

    my %error = (code => 'sync_is_running', message => 'Sync is running', data => undef);

    $x->set('Retry-After' => $value) if defined $value;
    return _json($x, 503, {error => \%error});
}

# v5: a code, or {code, status, message}; v6 and v7: the enum's value as it is
sub _error_code ($x, $api, $value) {
    return _json($x, 200, {Err => $value // 'NotACentralServer'}) if $api eq 'v7';
    return _json($x, 200, {error => $value // 'notACentralServer'}) if $api eq 'v6';

    my %e = ref $value eq 'HASH' ? %$value : (code => $value // 'unexpected');
    my $status = delete $e{status} // 401;

    return _json($x, $status, {error => {message => "Refused: $e{code}", data => undef, %e}});
}

sub _status ($x, $api, $value) {
    return $x->answer($value // 500, 'text/plain', 'Something went wrong');
}

sub _garbage ($x, $api, $value) {
    return $x->answer(200, $JSON, join '', map { chr($_ * 37 % 256) } 1 .. 400);
}

sub _html ($x, $api, $value) {
    return $x->answer(200, 'text/html', '<!DOCTYPE html><html><head><title>Welcome</title>'
          . '</head><body>Please log in to the hotel network</body></html>');
}

sub _page ($x, $api, $value) {
    return $x->answer($value // 403, 'text/html', '<html><head><title>Blocked</title>'
          . '</head><body>This request was blocked.</body></html>');
}

sub _redirect ($x, $api, $value) {
    $x->set(Location => $value // 'http://127.0.0.1:9/elsewhere');
    return $x->answer(302, 'text/plain', 'Moved');
}

# that many megabytes of valid JSON in a few kilobytes
sub _gzip_bomb ($x, $api, $value) {
    my @blank = (' ' x 1_048_576) x ($value // 100);

    $x->set('Content-Encoding' => 'gzip');
    return $x->answer(200, $JSON, _gzip(9, '{"data":[', @blank, ']}'));
}

1;
