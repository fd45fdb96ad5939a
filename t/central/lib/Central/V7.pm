package Central::V7;

# Open mSupply central 3.0: API v7.  {"Ok": ...} or {"Err": ...} with HTTP 200;
# what cannot be read is a 400 with text, before anybody is asked who they are.

use Mojo::Base 'Central::Server', -signatures;
use Central::Reader qw(misread);
use Central::V5 qw(upgrade);
use Mojo::JSON qw(decode_json encode_json);

has api    => 'v7';
has prefix => '/central/sync_v7';
has calls  => sub {
    return {
        'POST get_token'             => \&_get_token,
        'POST site_status'           => \&_site_status,
        'POST pull'                  => \&_pull,
        'POST push'                  => \&_push,
        'POST patient_data_for_site' => \&_patient_data,
        'POST patient_search'        => \&_patient_search,
    };
};

use constant BODY_MAX => 10_485_760;

sub too_large ($self, $x) {
    my $n = length $x->body;
    return 0 if $n <= BODY_MAX;

    return 'JSON payload (' . $n . ' bytes) is larger than allowed (limit: ' . BODY_MAX . ' bytes).';
}

sub takes_gzip ($self) { return 1 }

# a server that is not central says so, one of 2.x knows nothing of all this
sub elsewhere ($self, $x, $name) {
    my $config = $self->state->config;

    return 404, '' if $config->{central_version} < 3;
    return 405, 'Method only allowed on central server.' if !$config->{is_central};
    return;
}

sub error ($self, $status, $code, $message) { return $status, $status == 404 || $status == 405 ? '' : $message }

sub wrong ($self, $call, $status, @reasons) {
    return $self->SUPER::wrong($call, $status == 405 ? 404 : $status, @reasons);
}

sub _err ($value) { return 200, encode_json({Err => $value}) }

sub _ok ($text) { return 200, qq({"Ok":$text}) }

# (body) when it can be read, else (undef, status, text)
sub _read ($self, $x, $call, %want) {
    return undef, $self->wrong($call, 400, 'Content type error')
      if ($x->header('content-type') // '') !~ m{\Aapplication/json\b}i;

    my $body   = eval { Central::Server::read_json($x->body) };
    my $reason = $@ ? 'expected value' : misread($body, \%want);

    return undef, $self->wrong($call, 400, "Json deserialize error: $reason at line 1 column 1") if $reason;
    return $body;
}

# ---- who may call -------------------------------------------------------

sub _version ($text) {
    my ($major, $minor, $patch, $pre) = $text =~ /\A(\d+)\.(\d+)\.(\d+)(?:-(.+))?\z/ or return {
        map({ $_ => 0 } qw(major minor patch)), pre_release => undef,
    };

    return {major => 0 + $major, minor => 0 + $minor, patch => 0 + $patch, pre_release => $pre};
}

# SyncVersionMismatch when the site is newer than this server, or nothing
sub _too_new ($self, $theirs) {
    my $ours = _version($self->state->config->{v7_version});

    for my $part (qw(major minor patch)) {
        return if $theirs->{$part} < $ours->{$part};
        return _err({SyncVersionMismatch => {central => $ours, remote => $theirs}})
          if $theirs->{$part} > $ours->{$part};
    }

    return;
}

# the refusal of a call that needs a token, or nothing
sub _refuse ($self, $x, $call) {
    my $s = $self->state;
    my $config = $s->config;
    my ($token) = ($x->header('authorization') // '') =~ /\ABearer (\S+)\z/i;
    my ($hardware, $version) = map { $x->header($_) } qw(hardware-id app-version);

    my $missing = !defined $token ? 'missing or incorrect Authorization header'
      : !defined $hardware ? 'missing hardware-id header'
      : !defined $version ? 'missing app-version header' : undef;
    return _err({MissingAuthHeader => $missing}) if $missing;

    my @newer = $self->_too_new(_version($version));
    return @newer if @newer;

    return _err('TokenNotFound') if !defined $config->{v7_token} || $config->{v7_token} ne $token;
    return _err('HardwareIdMismatch') if ($config->{v7_hardware_id} // '') ne $hardware;
    return _err('SiteIsNotV7') if $config->{v7_site} ne 'V7';

    return _err({SiteLockError => 'IntegrationInProgress'})
      if $s->integrating(v7 => $call eq 'site_status');
    return;
}

# Whether legacy has the site as one of v7, or makes it one now: nothing, or
# what this server says of legacy's refusal.
sub _ask_legacy ($self) {
    my ($s, $config) = ($self->state, $self->state->config);

    return if ($config->{sync_version} // '') eq 'v7';

    my ($status, $text) = upgrade($s);
    return if $status == 200;

    my $error = eval { decode_json($text)->{error} };
    my %name  = (404 => 'Not Found', 500 => 'Internal Server Error', 503 => 'Service Unavailable');
    my $line  = "status: '$status " . ($name{$status} // 'Unknown') . q(');
    my @lines = ref $error
      ? ($line, "code: 'Other(\"$error->{code}\")' message: '$error->{message}' data: 'null'")
      : ("$line text: '$text'");

    return _err({Other => "Sync api error, url: '$config->{v5_url}/', route: '/sync/v5/v7_url_and_upgrade'"
              . ' -> [' . join('', map { "\n    " . encode_json($_) . ',' } @lines) . "\n]"});
}

my %TOKEN = (version => 'object', name => 'string', passwordSha256 => 'string', hardwareId => 'string');

sub _get_token ($self, $x) {
    my ($body, @refusal) = $self->_read($x, 'get_token', %TOKEN);
    return @refusal if !$body;

    my $reason = misread($body->{version},
        {major => 'i64', minor => 'i64', patch => 'i64', pre_release => 'string?'});
    return $self->wrong(get_token => 400, "Json deserialize error: $reason at line 1 column 1") if $reason;

    my ($s, $config) = ($self->state, $self->state->config);
    my @newer = $self->_too_new({%{$body->{version}}, pre_release => $body->{version}{pre_release}});
    return @newer if @newer;

    return _err('InvalidSiteNameOrPassword')
      if $body->{name} ne $s->name || $body->{passwordSha256} ne $s->password_hash;

    if ($config->{v7_site} ne 'V7') {
        my @no = $self->_ask_legacy;
        return @no if @no;
        $config->{v7_site} = 'V7';
    }

    return _err('TokenAlreadyAllocated') if defined $config->{v7_token};
    return _err('HardwareIdMismatch')
      if defined $config->{v7_hardware_id} && $config->{v7_hardware_id} ne $body->{hardwareId};

    $config->{v7_hardware_id} = $body->{hardwareId};
    $config->{v7_token} = sprintf '01a00000-0000-7000-8000-%012x', ++$s->{v7}{tokens};

    return _ok(encode_json({token => $config->{v7_token}, $self->_ids}));
}

sub _ids ($self) {
    return (siteId => $self->state->site_id, centralSiteId => $self->state->config->{central_site_id});
}

# ---- the calls ----------------------------------------------------------

# the body is not read
sub _site_status ($self, $x) {
    my @refusal = $self->_refuse($x, 'site_status');
    return @refusal ? @refusal : _ok(encode_json({$self->_ids}));
}

sub _pull ($self, $x) {
    my ($body, @refusal) = $self->_read($x, 'pull', cursor => 'i64', batchSize => 'i64', isInitialising => 'bool');
    return @refusal if !$body;
    @refusal = $self->_refuse($x, 'pull');
    return @refusal if @refusal;

    my $s = $self->state;
    $x->log->{isInitialising} = $body->{isInitialising} ? 1 : 0;
    my $batch = $s->rows->batch(@{$body}{qw(cursor batchSize isInitialising)});

    return _err({DatabaseError => {DBError => {msg => 'DIESEL_DESERIALIZATION_ERROR', extra => 'UnexpectedNullError'}}})
      if !defined $batch;

    # the end was looked up before
    $s->change_meanwhile;

    return _ok($batch), $s->config->{page_delay_ms};
}

my %BATCH = (map({ $_ => 'i64' } qw(siteId lastCursorInBatch remaining maxCursor)), records => 'array');

my %RECORD = (
    cursor => 'i64', map({ $_ => 'string' } qw(recordId tableName action)), data => 'any',
    map { $_ => 'string?' } qw(storeId transferStoreId patientId),
);

sub _misread_record ($self, $r) {
    my $reason = misread($r, \%RECORD);

    return $reason if $reason;
    return "unknown variant `$r->{tableName}`, expected one of `Abbreviation`, ..."
      if !$self->state->rows->is_table($r->{tableName});
    return "unknown variant `$r->{action}`, expected `Upsert` or `Delete`"
      if $r->{action} !~ /\A(?:Upsert|Delete)\z/;
    return undef;
}

sub _push ($self, $x) {
    my ($body, @refusal) = $self->_read($x, 'push', %BATCH);
    return @refusal if !$body;

    my $records = $body->{records};
    my ($bad) = grep { defined } map { $self->_misread_record($_) } @$records;
    return $self->wrong(push => 400, "Json deserialize error: $bad at line 1 column 1") if $bad;

    @refusal = $self->_refuse($x, 'push');
    return @refusal if @refusal;

    my $s = $self->state;
    if ($body->{siteId} != $s->site_id) {
        $s->violation(v7 => push => "siteId is $body->{siteId}");
        return _err({SiteIdMismatch => {expected => $s->site_id, found => $body->{siteId}}});
    }

    my @unwanted = $s->unwanted($records);
    return @unwanted > 1 ? @unwanted : _err({Other => @unwanted}) if @unwanted;

    $s->rows->stage($records);
    $s->rows->integrate if $body->{remaining} == 0 && !$s->dies;

    return _ok(scalar @$records);
}

sub _patient_data ($self, $x) {
    my ($body, @refusal) = $self->_read($x, 'patient_data_for_site',
        map { $_ => 'string' } qw(patientId storeId nameStoreJoinId));
    return @refusal if !$body;
    @refusal = $self->_refuse($x, 'patient_data_for_site');
    return @refusal if @refusal;

    my $batch = $self->state->rows->patient(@{$body}{qw(patientId storeId nameStoreJoinId)});
    return _ok($batch) if defined $batch;

    return _err({DatabaseError => {ForeignKeyViolation => 'FOREIGN KEY constraint failed      0'}});
}

sub _patient_search ($self, $x) {
    my ($body, @refusal) = $self->_read($x, 'patient_search');
    return @refusal if !$body;
    @refusal = $self->_refuse($x, 'patient_search');
    return @refusal if @refusal;

    return _ok(encode_json($self->state->rows->search($body)));
}

1;
