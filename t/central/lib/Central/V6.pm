package Central::V6;

# Open mSupply central: API v6.  HTTP 200 for everything; what went wrong is
# in "error".

use Mojo::Base 'Central::Server', -signatures;
use Central::Check qw(check_keys check_record missing_references is_bool is_integer is_string);
use Mojo::JSON qw(encode_json);
use Mojo::URL;

has api    => 'v6';
has prefix => '/central/sync';
has calls  => sub {
    return {
        'POST pull'         => \&_pull,
        'POST patient-pull' => \&_patient_pull,
        'POST push'         => \&_push,
        'POST site_status'  => \&_site_status,
    };
};

my %SETTINGS = map { $_ => \&is_string } qw(
  serverUrl username passwordSha256 siteUuid appVersion appName syncVersion);

my %COMMON = (syncV5Settings => sub ($v) { ref $v eq 'HASH' }, syncV6Version => \&is_integer);

# the genuine one reads no more than ten mebibytes, after decompression
use constant BODY_MAX => 10 * 1024 * 1024;

sub too_large ($self, $x) {
    return length $x->body > BODY_MAX ? 'A payload reached size limit.' : '';
}

# the pages of its application, whatever is asked for
sub other ($self, $x) {
    return $self->SUPER::other($x) if $x->method !~ /\A(?:GET|HEAD)\z/;
    return $x->answer(404, undef, '') if $x->path =~ m{\A/central/};
    return $x->answer(200, 'text/html;charset=UTF-8', '<!doctype html><title>Open mSupply</title>');
}

sub error ($self, $status, $code, $message) { return _error({otherServerError => $message}) }

sub _error ($value) { return 200, encode_json({error => $value}) }

sub _ok ($text) { return 200, qq({"data":$text}) }

# (body) when the request may go on, else (undef, status, text)
sub _open ($self, $x, $call, %keys) {
    my ($body, $reason) = $self->body($x);
    my @bad = $reason // check_keys($body, {%COMMON, %keys}, 'the body');

    # with another version the rest of the shape means nothing
    my $ours   = $self->state->config->{v6_version};
    my $theirs = ref $body eq 'HASH' ? $body->{syncV6Version} : undef;
    return undef, _error({syncVersionMismatch => [$ours, $ours, $theirs]})
      if is_integer($theirs) && $theirs != $ours;

    push @bad, check_keys($body->{syncV5Settings}, \%SETTINGS, 'syncV5Settings') if !@bad;
    return undef, $self->wrong($call, 200, @bad) if @bad;

    my @refusal = $self->_refuse($call, $body->{syncV5Settings});
    return undef, @refusal if @refusal;

    return $body;
}

# the legacy server's opinion, passed on as text
sub _refuse ($self, $call, $v5) {
    my ($s, $config) = ($self->state, $self->state->config);

    my $said = sub ($code, $message) {
        return _error({otherServerError => 'Could not authenticate the site: Api error: '
                  . "SyncApiError { code: '$code', message: '$message' }"});
    };

    my ($want, $got)
      = map { Mojo::URL->new($_)->path('')->to_string } $config->{v5_url}, $v5->{serverUrl};
    return $self->wrong($call, 200, "serverUrl $v5->{serverUrl} is not that of the legacy server")
      if $want ne '' && $want ne $got;

    return $said->('SiteNameNotFound', 'Site name not found') if $v5->{username} ne $s->name;
    return $said->('SiteIncorrectPassword', 'Incorrect password')
      if $v5->{passwordSha256} ne $s->password_hash;
    return $said->('ApiVersionIncompatible', "Version $config->{version} is spoken here")
      if $v5->{syncVersion} ne $config->{version};

    my @empty = grep { $v5->{$_} eq '' } qw(siteUuid appName appVersion);
    return $self->wrong($call, 200, map { "syncV5Settings.$_ is empty" } @empty) if @empty;

    $config->{hardware_id} //= $v5->{siteUuid};
    return $said->('SiteIncorrectHardwareId', 'Hardware ID does not match the site')
      if $config->{hardware_id} ne $v5->{siteUuid};

    return;
}

my %PULL = (
    cursor    => sub ($v) { is_integer($v) && $v >= 0 },
    batchSize => sub ($v) { is_integer($v) && $v > 0 && $v <= 100_000 },
);

sub _pull ($self, $x) {
    my ($body, @refusal) = $self->_open($x, 'pull', %PULL, isInitialised => \&is_bool);
    return @refusal if !$body;

    my $s = $self->state;
    return _error('integrationInProgress') if $s->integrating('v6');

    $x->log->{isInitialised} = $body->{isInitialised} ? 1 : 0;
    my $batch = $s->v6_batch(@{$body}{qw(cursor batchSize isInitialised)});
    return _ok($batch), $s->config->{page_delay_ms};
}

sub _patient_pull ($self, $x) {
    my ($body, @refusal) = $self->_open($x, 'patient-pull', %PULL, fetchPatientId => \&is_string);
    return @refusal if !$body;

    my $s = $self->state;
    return _error('integrationInProgress') if $s->integrating('v6');

    my $batch = $s->v6_batch(@{$body}{qw(cursor batchSize)}, 1, $body->{fetchPatientId});
    return _ok($batch), $s->config->{page_delay_ms};
}

my %BATCH = (
    end_cursor => \&is_integer, total_records => \&is_integer, is_last_batch => \&is_bool,
    records    => sub ($v) { ref $v eq 'ARRAY' },
);

my %ENTRY = (cursor => \&is_integer, record => sub ($v) { ref $v eq 'HASH' });

my %RECORD = (
    map({ $_ => \&is_string } qw(tableName recordId action)),
    '?recordData' => sub ($v) { !defined $v || ref $v eq 'HASH' },
);

sub _push ($self, $x) {
    my ($body, @refusal) = $self->_open($x, 'push', batch => sub ($v) { ref $v eq 'HASH' });
    return @refusal if !$body;

    my ($s, $batch) = ($self->state, $body->{batch});
    return _error('integrationInProgress') if $s->integrating('v6');

    my @bad = check_keys($batch, \%BATCH, 'batch');
    return $self->wrong('push', 200, @bad) if @bad;

    my $records = $batch->{records};
    push @bad, "total_records $batch->{total_records} is less than the batch's " . @$records
      if $batch->{total_records} < @$records;
    push @bad, check_keys($_, \%ENTRY, 'an entry') for @$records;
    return $self->wrong('push', 200, @bad) if @bad;

    push @bad, check_keys($_->{record}, \%RECORD, 'a record') for @$records;
    return $self->wrong('push', 200, @bad) if @bad;

    push @bad, 'end_cursor is before the last record'
      if @$records && $batch->{end_cursor} < $records->[-1]{cursor};
    my @plain = map { $_->{record} } @$records;
    push @bad, map { check_record($s, 'v6', $_) } @plain;
    return $self->_unparsable(@bad) if @bad;

    my @unwanted = $s->unwanted(\@plain);
    return @unwanted > 1 ? @unwanted : $self->error(200, undef, @unwanted) if @unwanted;

    $s->stage(v6 => \@plain);

    if ($batch->{is_last_batch} && !$s->dies) {
        @bad = missing_references($s, 'v6');
        $s->integrate('v6');
        return $self->_unparsable(@bad) if @bad;
    }

    return _ok('{"records_pushed":' . @$records . '}');
}

# what is wrong with records has an error of its own
sub _unparsable ($self, @bad) {
    $self->wrong('push', 200, @bad);
    return _error({parsingSyncRecordError => join '; ', @bad[0 .. ($#bad < 4 ? $#bad : 4)]});
}

sub _site_status ($self, $x) {
    my ($body, @refusal) = $self->_open($x, 'site_status');
    return @refusal if !$body;

    my $busy = $self->state->integrating('v6', 1) ? 'true' : 'false';
    return _ok(qq({"is_integrating":$busy}));
}

1;
