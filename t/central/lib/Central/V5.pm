package Central::V5;

# mSupply central: API v5.

use Mojo::Base 'Central::Server', -signatures;
use Exporter 'import';
use Central::Control qw(control);
use Central::Check qw(check_keys check_record missing_references is_integer is_string);
use Mojo::IOLoop;
use Mojo::JSON qw(encode_json false true);
use Mojo::Util qw(b64_decode decode);

our @EXPORT_OK = qw(upgrade);

has api    => 'v5';
has prefix => '/sync/v5';
has calls  => sub {
    return {
        'GET site'                  => \&_site,
        'GET site_status'           => \&_site_status,
        'POST initialise'           => \&_initialise,
        'GET central_records'       => \&_central_records,
        'GET queued_records'        => \&_queued_records,
        'POST acknowledged_records' => \&_acknowledged_records,
        'POST queued_records'       => \&_push,
        'GET v7_url_and_upgrade'    => \&_upgrade,
    };
};

# and what the tests ask
sub other ($self, $x) { return control($self->state, $x) || $self->SUPER::other($x) }

# what a batch may be asked to hold
use constant LIMIT_MAX => 100_000;

my @HEADERS = qw(msupply-site-uuid app-name app-version version);

# (status, text) of the refusal, or nothing
sub _refuse ($self, $x, $call) {
    my $s = $self->state;
    my ($name, $hash) = _basic($x->header('authorization') // '');

    return $self->wrong($call, 401, 'no Basic authorization') if !defined $hash;
    return $self->error(401, 'site_name_not_found', 'Site name not found') if $name ne $s->name;
    return $self->error(401, 'site_incorrect_password', 'Incorrect password')
      if $hash ne $s->password_hash;

    my @missing = grep { ($x->header($_) // '') eq '' } @HEADERS;
    return $self->wrong($call, 400, map { "no header $_" } @missing) if @missing;

    my $version = $s->config->{version};
    return $self->error(409, 'api_version_incompatible', "Version $version is spoken here")
      if $x->header('version') ne $version;

    # the first machine that comes is the site's
    my $uuid = $x->header('msupply-site-uuid');
    $s->config->{hardware_id} //= $uuid;

    return $self->error(401, 'site_incorrect_hardware_id', 'Hardware ID does not match the site')
      if $s->config->{hardware_id} ne $uuid;

    return;
}

sub _basic ($header) {
    my ($code) = $header =~ /\ABasic ([A-Za-z0-9+\/=]+)\z/ or return;
    my $pair = b64_decode($code);
    return (decode('UTF-8', $pair) // $pair) =~ /\A([^:]*):(.*)\z/s ? ($1, $2) : ();
}

# Query parameters: each name once, each a whole number in its range.
sub _query ($self, $x, %want) {
    my $query = $x->params;
    my @bad   = map { "unknown parameter $_" } grep { !$want{$_} } sort keys %$query;

    for my $name (sort keys %want) {
        my ($min, $max) = @{$want{$name}};
        my $v = $query->{$name};

        if (!defined $v || ref $v || $v !~ /\A(?:0|[1-9]\d{0,15})\z/ || $v < $min || $v > $max) {
            push @bad, "$name is not a number from $min to $max";
        }
    }

    return ($query, @bad);
}

sub _site ($self, $x) {
    my @refusal = $self->_refuse($x, 'site');
    return @refusal if @refusal;

    my ($s, $config) = ($self->state, $self->state->config);

    return 200, encode_json({
        id                       => $config->{site_uuid},
        siteId                   => $s->site_id,
        code                     => 'S' . $s->site_id,
        name                     => $s->name,
        initialisationStatus     => $config->{initialisation_status},
        omSupplyCentralServerUrl => $config->{v6_url},
        isOmSupplyCentralServer  => $config->{is_v6_central} ? true : false,
        mSupplyCentralSiteId     => 1,
        defined $config->{sync_version} ? (syncVersion => $config->{sync_version}) : (),
    });
}

# only a server that says syncVersion knows this call
sub _upgrade ($self, $x) {
    my @refusal = $self->_refuse($x, 'v7_url_and_upgrade');
    return @refusal if @refusal;

    my $s = $self->state;
    return $self->wrong(v7_url_and_upgrade => 404, 'there is no v7_url_and_upgrade')
      if !defined $s->config->{sync_version};

    return upgrade($s);
}

# The legacy server makes the site one of v7, or does not: (status, text).
sub upgrade ($state) {
    my $c = $state->config;
    my $how = $c->{upgrade};
    my %text = (
        stores_not_migrated => 'All stores must be migrated to OMS central before upgrading to v7',
        site_save_error     => 'site save error',
    );

    return 503, encode_json({error => {code => $how, message => $text{$how} // $how, data => undef}})
      if $how !~ /\A\d+\z/;
    return $how, $how == 404 ? 'no such call' : '<html>upstream said no</html>' if $how != 200;

    $c->{sync_version} = 'v7';
    return 200, encode_json({v7Url => $c->{v7_url} // $c->{v6_url}});
}

sub _site_status ($self, $x) {
    my @refusal = $self->_refuse($x, 'site_status');
    return @refusal if @refusal;

    my $s    = $self->state;
    my $code = $s->config->{initialisation_status} eq 'started' ? 'initialisation_in_progress'
      : $s->integrating('v5', 1) ? 'integration_in_progress' : 'idle';

    return 200, encode_json({code => $code, message => $code =~ tr/_/ /r, data => undef});
}

# The queue is there when the answer goes out; a lost connection does not
# stop the work.
sub _initialise ($self, $x) {
    my @refusal = $self->_refuse($x, 'initialise');
    return @refusal if @refusal;

    my ($body, $reason) = $self->body($x);
    return $self->wrong('initialise', 400, $reason) if $reason;
    return $self->wrong('initialise', 400, 'the body is not {}') if ref $body ne 'HASH' || %$body;

    my ($s, $config) = ($self->state, $self->state->config);
    my $ms = $config->{initialise_ms};
    my $n  = $s->build_queue;

    my $status = \$config->{initialisation_status};
    $$status = $ms ? 'started' : 'completed';
    Mojo::IOLoop->timer($ms / 1000 => sub { $$status = 'completed' }) if $ms;

    return 200, qq({"queueLength":$n}), $ms;
}

# nothing is handed out while the server is at work
sub _busy ($self) {
    my $s = $self->state;

    return $self->error(503, 'sync_is_running', 'Initialisation is in progress')
      if $s->config->{initialisation_status} eq 'started';
    return $self->error(503, 'sync_is_running', 'Integration is in progress')
      if $s->integrating('v5');
    return;
}

sub _central_records ($self, $x) {
    my @refusal = $self->_refuse($x, 'central_records');
    return @refusal if @refusal;

    my ($query, @bad) = $self->_query($x, cursor => [0, 9e15], limit => [1, LIMIT_MAX]);
    return $self->wrong('central_records', 400, @bad) if @bad;

    my @busy = $self->_busy;
    return @busy if @busy;

    my $s = $self->state;
    return 200, $s->central_batch($query->{cursor}, $query->{limit}), $s->config->{page_delay_ms};
}

sub _queued_records ($self, $x) {
    my @refusal = $self->_refuse($x, 'queued_records');
    return @refusal if @refusal;

    my ($query, @bad) = $self->_query($x, limit => [1, LIMIT_MAX]);
    return $self->wrong('queued_records', 400, @bad) if @bad;

    my @busy = $self->_busy;
    return @busy if @busy;

    my $s = $self->state;
    return 200, $s->queue_batch($query->{limit}), $s->config->{page_delay_ms};
}

sub _acknowledged_records ($self, $x) {
    my $call    = 'acknowledged_records';
    my @refusal = $self->_refuse($x, $call);
    return @refusal if @refusal;

    my ($body, $reason) = $self->body($x);
    my @bad = $reason // check_keys($body, {syncIDs => sub ($v) { ref $v eq 'ARRAY' }}, 'the body');
    return $self->wrong($call, 400, @bad) if @bad;

    my @odd = grep { !is_string($_) } @{$body->{syncIDs}};
    return $self->wrong($call, 400, 'syncIDs holds something that is not a string') if @odd;

    my @unknown = $self->state->acknowledge($body->{syncIDs});
    return $self->wrong($call, 400, map { "syncID $_ was never handed out" } @unknown) if @unknown;

    return 204, '';
}

my %PUSH = (queueLength => \&is_integer, data => sub ($v) { ref $v eq 'ARRAY' });

my %RECORD = (
    map({ $_ => \&is_string } qw(syncOutId tableName recordId action)),
    '?recordData' => sub ($v) { !defined $v || ref $v eq 'HASH' },
);

sub _push ($self, $x) {
    my $call    = 'queued_records';
    my @refusal = $self->_refuse($x, $call);
    return @refusal if @refusal;

    my ($body, $reason) = $self->body($x);
    my @bad = $reason // check_keys($body, \%PUSH, 'the body');
    return $self->wrong($call, 400, @bad) if @bad;

    my ($s, $n, $data) = ($self->state, $body->{queueLength}, $body->{data});

    push @bad, 'pushed before the site was initialised'
      if $s->config->{initialisation_status} ne 'completed';
    push @bad, "queueLength $n is less than the batch's " . @$data if $n < @$data;
    push @bad, check_keys($_, \%RECORD, 'a record') for @$data;
    return $self->wrong($call, 400, @bad) if @bad;

    # one wrong record refuses the batch, nothing of it is kept
    @bad = map { check_record($s, 'v5', $_) } @$data;
    return $self->wrong($call, 400, @bad) if @bad;

    my @unwanted = $s->unwanted($data);
    return @unwanted > 1 ? @unwanted : $self->error(500, 'internal_error', @unwanted) if @unwanted;

    $s->stage(v5 => $data);

    return 200, '{"integrationStarted":false}' if $n > 0;

    # the empty batch ends the push
    @bad = missing_references($s, 'v5');
    $s->integrate('v5');
    return $self->wrong($call, 400, @bad) if @bad;

    return 200, '{"integrationStarted":true}';
}

1;
