#!/usr/bin/perl

# The emulator itself: every call, good and bad, every fault, the data.

# whatever else is installed: booleans are Mojo::JSON's own
BEGIN { $ENV{MOJO_NO_JSON_XS} = 1 }

use Mojo::Base -strict, -signatures;
use utf8;
use FindBin qw($Bin);
use lib "$Bin/lib";

use Central::Process qw(memory start stopped);
use Digest::SHA qw(sha256_hex);
use File::Temp  qw(tempdir);
use IO::Socket::INET;
use Mojo::File qw(path);
use Mojo::JSON qw(decode_json encode_json false true);
use Mojo::UserAgent;
use Mojo::Util qw(b64_encode encode gzip);
use Test::More;
use Time::HiRes qw(sleep time);

my $CATALOGUE = decode_json(path("$Bin/../../sync/catalogue/catalogue.json")->slurp);
my $HASH      = sha256_hex('secret');

my %HEADERS = (
    'msupply-site-uuid' => 'machine-1',
    'app-name'          => 'selftest',
    'app-version'       => '1.0',
    'version'           => 14,
);

# max_redirects is 0, and no proxy: what comes is what the emulator sent
my $ua = Mojo::UserAgent->new->max_response_size(0)->request_timeout(30);

my $central = start('--records', 600);

# ---- asking -------------------------------------------------------------

sub control ($path, $body = undef) {
    my $url = "$central->{v5}/_test/$path";
    my $tx  = defined $body ? $ua->post($url => json => $body) : $ua->get($url);
    return $tx->res->json;
}

sub report      { return control('state') }
sub violations  { return map { $_->{message} } @{report()->{violations}} }
sub fault (%f) { return control(fault => \%f) }

sub v5_headers (%h) {
    my ($user, $hash) = (delete $h{user} // 'Clinic 7', delete $h{hash} // $HASH);
    my %all = (%HEADERS, Authorization => 'Basic ' . b64_encode("$user:$hash", ''), %h);
    delete @all{grep { !defined $all{$_} } keys %all};
    return \%all;
}

sub v5_get ($path, %h) { return $ua->get("$central->{v5}/sync/v5/$path" => v5_headers(%h))->res }

sub v5_post ($path, $body, %h) {
    return $ua->post("$central->{v5}/sync/v5/$path" => v5_headers(%h) => json => $body)->res;
}

sub settings (%s) {
    return {
        serverUrl => $central->{v5}, username => 'Clinic 7', passwordSha256 => $HASH,
        siteUuid => 'machine-1', appVersion => '1.0', appName => 'selftest', syncVersion => '14', %s,
    };
}

sub v6 ($call, $body, %s) {
    my %all = (syncV5Settings => settings(%s), syncV6Version => 5, %$body);
    return $ua->post("$central->{v6}/central/sync/$call" => json => \%all)->res;
}

sub pull ($cursor, $size = 1000, $initialised = false) {
    return v6(pull => {cursor => $cursor, batchSize => $size, isInitialised => $initialised})->json;
}

# starts over, as an initialised site unless told otherwise
sub fresh ($initialised = 1) {
    control(reset => {});
    v5_post(initialise => {}) if $initialised;
    return;
}

# everything by table and id, with the order of arrival
sub pull_all ($limit = 500) {
    my (%rows, @order);
    my $keep = sub (@records) {
        for my $r (@records) {
            $rows{$r->{tableName}}{$r->{recordId}} = $r;
            push @order, $r;
        }
    };

    my ($cursor, $holes) = (0, 0);
    while (1) {
        my $b = v5_get("central_records?cursor=$cursor&limit=$limit")->json;

        if (my @data = @{$b->{data} // []}) {
            $keep->(@data);
            $cursor = $data[-1]{ID};

        } else {
            last if $cursor >= $b->{maxCursor};
            $holes++ if !exists $b->{data};
            $cursor++;
        }
    }

    while (1) {
        my $b = v5_get("queued_records?limit=$limit")->json;
        last if !@{$b->{data}};
        $keep->(@{$b->{data}});
        v5_post(acknowledged_records => {syncIDs => [map { $_->{syncOutId} } @{$b->{data}}]});
    }

    my ($next, $last) = (0, 0);
    while (!$last) {
        my $b = pull($next, $limit)->{data};
        $keep->(map { $_->{record} } @{$b->{records}});
        ($next, $last) = ($b->{end_cursor} + 1, $b->{is_last_batch});
    }

    return (\%rows, \@order, $holes);
}

sub v5_push ($remaining, @records) {
    my $n = 0;
    return v5_post(queued_records => {
        queueLength => $remaining,
        data        => [map { {syncOutId => '' . ++$n, %$_} } @records],
    });
}

sub v6_push ($last, @records) {
    my $n = 0;
    return v6(push => {batch => {
        end_cursor => scalar @records, total_records => scalar @records, is_last_batch => $last,
        records    => [map { {cursor => ++$n, record => $_} } @records],
    }})->json;
}

sub update ($table, $data) {
    my ($t) = grep { $_->{table} eq $table } @$CATALOGUE;
    return {
        tableName => $table, recordId => $data->{$t->{key}}, action => 'Update', recordData => $data,
    };
}

# a row as it was pulled, turned into what a site pushes
sub wire ($table, $pulled) {
    my ($t) = grep { $_->{table} eq $table } @$CATALOGUE;
    my %row = %$pulled;

    for my $f (@{$t->{fields}}) {
        my ($name, $enc) = ($f->{name}, $f->{encoding} // '');
        next if !exists $row{$name};
        my $v = \$row{$name};

        if (defined $$v && ($$v eq '' || $$v eq '0000-00-00')) {
            $$v = undef;
        }

        $$v .= 'T00:00:00' if defined $$v && $enc =~ /push: YYYY-MM-DDT/;
        $$v = sprintf '%02d:%02d:%02d', $$v / 3600, $$v / 60 % 60, $$v % 60
          if defined $$v && $f->{type} eq 'time';

        # only what the catalogue describes
        if ($f->{properties} && ref $$v) {
            $$v = undef;
        }
    }

    return \%row;
}

# ---- tests --------------------------------------------------------------

subtest 'GET site says who the site is' => sub {
    fresh(0);
    my $res = v5_get('site');

    is $res->code, 200, 'status';
    is_deeply $res->json, {
        id => $res->json->{id}, siteId => 7, code => 'S7', name => 'Clinic 7',
        initialisationStatus => 'new', omSupplyCentralServerUrl => $central->{v6},
        isOmSupplyCentralServer => false, mSupplyCentralSiteId => 1,
    }, 'body';
    is report()->{hardwareId}, 'machine-1', 'the first machine is bound to the site';
};

subtest 'v5 refuses by the right code' => sub {
    fresh();

    for my $case (
        ['site name',    401, 'site_name_not_found',        user => 'Clinic 8'],
        ['password',     401, 'site_incorrect_password',    hash => sha256_hex('other')],
        ['hardware id',  401, 'site_incorrect_hardware_id', 'msupply-site-uuid' => 'machine-2'],
        ['version',      409, 'api_version_incompatible',   version => 13],
        ['no auth',      401, 'bad_request',                Authorization => undef],
        ['no app name',  400, 'bad_request',                'app-name' => undef],
      )
    {
        my ($what, $status, $code, %h) = @$case;
        my $res = v5_get('site', %h);
        is_deeply [$res->code, $res->json->{error}{code}], [$status, $code], $what;
    }

    is_deeply [violations()], ['no Basic authorization', 'no header app-name'], 'violations';
};

subtest 'v5 names what is wrong with a request' => sub {
    fresh();

    for my $case (
        [404, qr/there is no nothing/,       sub { v5_get('nothing') }],
        [405, qr/POST is not a method/,      sub { v5_post(site => {}) }],
        [400, qr/body is not \{\}/,          sub { v5_post(initialise => {a => 1}) }],
        [400, qr/cursor is not a number/,    sub { v5_get('central_records?limit=5') }],
        [400, qr/limit is not a number/,     sub { v5_get('central_records?cursor=0&limit=0') }],
        [400, qr/unknown parameter batch/,   sub { v5_get('queued_records?limit=5&batch=1') }],
        [400, qr/has no syncIDs/,            sub { v5_post(acknowledged_records => {}) }],
        [400, qr/not a string/,              sub { v5_post(acknowledged_records => {syncIDs => [1]}) }],
        [400, qr/never handed out/,          sub { v5_post(acknowledged_records => {syncIDs => ['x']}) }],
        [400, qr/unknown key more/,          sub { v5_post(queued_records => {queueLength => 0, data => [], more => 1}) }],
        [400, qr/queueLength has the wrong/, sub { v5_post(queued_records => {queueLength => '0', data => []}) }],
        [400, qr/less than the batch/,       sub { v5_push(0, update(Location => {ID => 'A'})) }],
        [400, qr/not JSON/,                  sub {
            $ua->post("$central->{v5}/sync/v5/initialise" => v5_headers() => '{')->res }],
      )
    {
        my ($status, $message, $ask) = @$case;
        my $res = $ask->();
        is $res->code, $status, "status for $message";
        is $res->json->{error}{code}, 'bad_request', 'code';
        like $res->json->{error}{message}, $message, 'message';
    }

    is scalar(violations()), 13, 'all are noted';
};

subtest 'v6 refuses with HTTP 200 and its enum' => sub {
    fresh();
    my $other = sub ($code) { return {otherServerError => qr/code: '$code'/} };

    for my $case (
        ['site name',   'SiteNameNotFound',       {}, username => 'Clinic 8'],
        ['password',    'SiteIncorrectPassword',  {}, passwordSha256 => sha256_hex('other')],
        ['hardware id', 'SiteIncorrectHardwareId', {}, siteUuid => 'machine-2'],
        ['v5 version',  'ApiVersionIncompatible', {}, syncVersion => '13'],
      )
    {
        my ($what, $code, $body, %s) = @$case;
        my $res = v6(site_status => $body, %s);
        is $res->code, 200, "$what: status";
        like $res->json->{error}{otherServerError}, qr/code: '$code'/, "$what: error";
    }

    is_deeply v6(site_status => {syncV6Version => 4})->json, {error => {syncVersionMismatch => [5, 5, 4]}}, 'v6 version';
    is scalar(violations()), 0, 'none of this breaks the protocol';

    for my $case (
        [qr/has no cursor/,            pull => {batchSize => 1, isInitialised => true}],
        [qr/unknown key batch_size/,   pull => {cursor => 0, batch_size => 1, isInitialised => true}],
        [qr/isInitialised has the/,    pull => {cursor => 0, batchSize => 1, isInitialised => 1}],
        [qr/unknown key extra/,        site_status => {}, extra => 'x'],
        [qr/syncVersion has the wrong/, site_status => {}, syncVersion => 14],
        [qr/serverUrl .* is not that/, site_status => {}, serverUrl => 'http://127.0.0.1:9'],
        [qr/there is no nothing/,      nothing => {}],
      )
    {
        my ($message, $call, $body, %s) = @$case;
        my $res = v6($call => $body, %s);
        is $res->code, 200, "status for $message";
        like $res->json->{error}{otherServerError}, $message, 'message';
    }
};

subtest 'initialise builds the queue and blocks meanwhile' => sub {
    fresh(0);
    is v5_get('queued_records?limit=5')->json->{queueLength}, 0, 'nothing waits before';

    my $res = v5_post(initialise => {});
    ok $res->json->{queueLength} > 100, 'queueLength';
    is $res->json->{queueLength}, report()->{queue}{remote}, 'is the number waiting';
    is v5_get('site')->json->{initialisationStatus}, 'completed', 'status afterwards';

    fresh(0);
    control(config => {initialise_ms => 2500});
    my $done = 0;
    $ua->post("$central->{v5}/sync/v5/initialise" => v5_headers() => json => {} => sub { $done = 1 });
    Mojo::IOLoop->timer(0.15 => sub { Mojo::IOLoop->stop });
    Mojo::IOLoop->start;
    is $done, 0, 'no answer yet';
    is v5_get('site')->json->{initialisationStatus}, 'started', 'status meanwhile';
    is v5_get('site_status')->json->{code}, 'initialisation_in_progress', 'site_status';
    is v5_get('central_records?cursor=0&limit=1')->code, 503, 'no pull meanwhile';
    for (1 .. 100) {
        last if v5_get('site_status')->json->{code} eq 'idle';
        sleep 0.1;
    }
    is v5_get('site_status')->json->{code}, 'idle', 'idle afterwards';
};

subtest 'the records are valid and consistent' => sub {
    fresh();
    my ($rows, $order, $holes) = pull_all();
    my %table = map { $_->{table} => $_ } @$CATALOGUE;
    my @bad;

    is scalar(keys %$rows), scalar(grep { @{$_->{pull_from}} } @$CATALOGUE), 'every pullable table has rows';
    ok $holes > 1, 'there is a hole in the central cursors';

    for my $r (@$order) {
        my $t    = $table{$r->{tableName}};
        my $data = $r->{recordData};

        push @bad, "$t->{table}: key" if ($data->{$t->{key}} // $r->{recordId}) ne $r->{recordId};

        for my $f (grep { !$_->{local_only} } @{$t->{fields}}) {
            my $v = $data->{$f->{name}};
            my $what = "$t->{table}.$f->{name}";

            push @bad, "$what is missing" if $f->{required} && !exists $data->{$f->{name}} && $what ne 'pref.ID';
            push @bad, "$what is null" if !$f->{nullable} && exists $data->{$f->{name}} && !defined $v;
            next if !defined $v || $v eq '';
            push @bad, "$what is $v" if $f->{enum} && !grep { $_ eq '*' || $_ eq $v } @{$f->{enum}};
            push @bad, "$what leads nowhere" if $f->{fk} && !$rows->{$f->{references}}{$v};
        }
    }

    is_deeply \@bad, [], 'required fields, enums, references';

    my @mine = grep { $_->{recordData}{sync_id_remote_site} == 7 } values %{$rows->{store}};
    is scalar(@mine), 1, 'one store is active here';
    ok grep({ $_->{recordData}{name} eq 'Cold chain equipment' } values %{$rows->{asset_class}}), 'asset_class has its names';
    like $rows->{asset_class}{(keys %{$rows->{asset_class}})[0]}{recordId}, qr/\A[0-9a-f]{8}-[0-9a-f]{4}-4/, 'v6 ids';
    like $mine[0]{recordId}, qr/\A[0-9A-F]{32}\z/, 'legacy ids';
    ok grep({ $_->{action} eq 'update' } @$order), 'some actions are lower case';

    my $all = encode_json([map { $_->{recordData} } @$order]);
    like $all, qr/"0000-00-00"/, 'zero dates';
    like $all, qr/"oms_fields":$_/, "oms_fields $_" for qw(null "" \{\});

    my ($seen, $early) = ({}, 0);
    for my $r (@$order) {
        $seen->{$r->{tableName}}{$r->{recordId}} = 1;
        for my $f (grep { $_->{fk} } @{$table{$r->{tableName}}{fields}}) {
            my $v = $r->{recordData}{$f->{name}};
            $early++ if defined $v && $v ne '' && !$seen->{$f->{references}}{$v};
        }
    }
    ok $early, 'now and then a child comes first';

    my ($again) = pull_all(97);
    my $data = sub ($all, $table) { return {map { $_ => $all->{$table}{$_}{recordData} } keys %{$all->{$table}}} };
    is_deeply $data->($again, $_), $data->($rows, $_), "another batch size brings the same: $_" for qw(item asset);
    is_deeply [violations()], [], 'no violation';
};

subtest 'the seed decides' => sub {
    my $one = control('state?brief=1')->{counts};
    my $other = start('--records', 600, '--seed', 2);
    my $first = sub ($c) {
        return $ua->get("$c->{v5}/sync/v5/central_records?cursor=0&limit=3" => v5_headers())->res->json->{data}[0];
    };

    isnt $first->($central)->{recordId}, $first->($other)->{recordId}, 'other ids';
    is_deeply $ua->get("$other->{v5}/_test/state")->res->json->{counts}, $one, 'as many rows';
    ok stopped($other), 'closing stdin ends it';
};

subtest 'the queue keeps what is not acknowledged' => sub {
    fresh();
    my $one = v5_get('queued_records?limit=3')->json;
    my $two = v5_get('queued_records?limit=3')->json;

    is_deeply $one, $two, 'it comes again';
    is ref \$one->{data}[0]{syncOutId}, 'SCALAR', 'with an id';

    my @ids = map { $_->{syncOutId} } @{$one->{data}};
    my $res = v5_post(acknowledged_records => {syncIDs => [@ids[0, 2]]});
    is $res->code, 204, 'status of acknowledged_records';

    my $three = v5_get('queued_records?limit=3')->json;
    is $three->{queueLength}, $one->{queueLength} - 2, 'queueLength';
    is $three->{data}[0]{syncOutId}, $ids[1], 'the one in between is first now';

    is v5_post(acknowledged_records => {syncIDs => [@ids[0, 2]]})->code, 204, 'twice is fine';
    is v5_get('queued_records?limit=1')->json->{queueLength}, $three->{queueLength}, 'and changes nothing';
};

subtest 'v6 pull counts and pages' => sub {
    fresh();
    my $all   = pull(0, 100_000)->{data};
    my $total = @{$all->{records}};

    is $all->{total_records}, $total, 'total_records';
    is $all->{is_last_batch}, true, 'is_last_batch';
    is $all->{end_cursor}, $all->{records}[-1]{cursor}, 'end_cursor';
    ok $all->{end_cursor} > 2 * $total, 'cursors are sparse';

    my $page = pull(0, 10)->{data};
    is $page->{is_last_batch}, false, 'more follows';
    my $next = pull($page->{end_cursor} + 1, 10)->{data};
    is $next->{total_records}, $total - 10, 'the total is what is left';
    is_deeply $next->{records}[0], $all->{records}[10], 'the next page starts there';
    is_deeply pull($page->{end_cursor}, 10)->{data}{records}[0], $all->{records}[9], 'the cursor itself is included';

    my $end = pull($all->{end_cursor} + 1)->{data};
    is_deeply [@$end{qw(total_records is_last_batch records)}], [0, true, []], 'nothing left';
    ok $end->{end_cursor} >= $all->{end_cursor}, 'the cursor does not go back';
};

subtest 'pushes that go wrong as a test wants it' => sub {
    fresh();
    my ($rows) = pull_all();
    my @lines = map { wire(item_line => $_->{recordData}) } (values %{$rows->{item_line}})[0, 1];
    my @updates = map { update(item_line => $_) } @lines;

    control(config => {refuse => [$lines[0]{ID}], refuse_as => {status => 403}});
    my $res = v5_push(2, @updates);
    is $res->code, 403, 'a firewall refuses a record';
    like $res->body, qr/^<html>/, 'with a page';
    is v5_push(1, $updates[1])->code, 200, 'and not another';

    control(config => {refuse_as => {status => 503, code => 'integration_error'}});
    $res = v5_push(2, @updates);
    is_deeply [$res->code, $res->json->{error}{code}], [503, 'integration_error'], 'central refuses it with a code';

    control(config => {refuse => [], breaks => [$lines[0]{ID}]});
    is v5_push(2, @updates)->code, undef, 'a record tears the connection';
    is_deeply [map { $_->{recordId} } @{report()->{received}{v5}}], [$lines[1]{ID}], 'what came is the other one';
};

subtest 'Open mSupply central that dies before it integrates' => sub {
    fresh();
    my ($rows) = pull_all();
    my ($asset) = map { wire(asset => $_->{recordData}) } values %{$rows->{asset}};
    my $notes = sub { $ua->get("$central->{v5}/_test/record?table=asset&id=$asset->{id}")->res->json->{notes} };

    control(config => {dies => 1});
    v6_push(true, update(asset => {%$asset, notes => 'pushed'}));
    isnt $notes->(), 'pushed', 'has what it was given';
    v6_push(true);
    is $notes->(), 'pushed', 'until another last batch comes';

    is v6_push(true, update(asset => {%$asset, notes => 'x' x 11_000_000})), undef, 'more than ten mebibytes';

    # it is noted when the answer is out, which the client need not wait for
    my $status;
    for (1 .. 200) {
        last if defined($status = report()->{requests}[-1]{status});
        sleep 0.05;
    }
    is $status, 413, 'are a 413';
};

subtest 'v6 pull as a central of generation 3 pages' => sub {
    fresh();
    my $all   = pull(0, 100_000)->{data};
    my $end   = $all->{end_cursor};

    control(config => {central_version => 3});
    my @silent = qw(asset_catalogue_type name_oms_fields);
    my @sent   = grep { my $t = $_->{record}{tableName}; !grep { $_ eq $t } @silent } @{$all->{records}};
    my $total  = @sent;
    isnt $total, scalar @{$all->{records}}, 'there is what it never sends';

    my $page = pull(0, 10)->{data};
    is $page->{is_last_batch}, false, 'more follows';
    is $page->{total_records}, $end - $page->{end_cursor}, 'the total is a distance of cursors';
    my $next = pull($page->{end_cursor}, 10)->{data};
    is_deeply $next->{records}[0], $sent[10], 'the next page starts behind the cursor';

    my $rest = pull($page->{end_cursor}, 100_000)->{data};
    is_deeply [scalar @{$rest->{records}}, @$rest{qw(total_records is_last_batch)}], [$total - 10, 0, true],
      'all that is left is the end';
    is_deeply pull($end)->{data}, {records => [], total_records => 0, is_last_batch => true, end_cursor => $end},
      'nothing left';
    is pull($end + 1)->{data}{end_cursor}, $end, 'the end is one less than what was asked for';

    my ($shot) = map { $_->{record}{recordData} } grep { $_->{record}{tableName} eq 'vaccination' } @{$all->{records}};
    my $patient = v6('patient-pull' => {cursor => 0, batchSize => 100, fetchPatientId => $shot->{patient_id}})->json;
    is_deeply [@{$patient->{data}}{qw(total_records is_last_batch)}], [$end, false],
      'a patient is said to have the whole changelog';
};

subtest 'what is written while a pull is answered' => sub {
    for my $generation (2, 3) {
        fresh();
        control(config => {central_version => $generation});
        my $all  = pull(0, 100_000)->{data};
        my @classes = map { $_->{record}{recordData} }
          grep { $_->{record}{tableName} eq 'asset_class' } @{$all->{records}};
        my $asked = $all->{end_cursor} + 1;

        control(meanwhile => update(asset_class => {%{$classes[0]}, id => 'NEW'}));
        my $empty = pull($asked)->{data};
        is_deeply [scalar @{$empty->{records}}, $empty->{is_last_batch}], [0, true], 'is not among its records';
        is !!($empty->{end_cursor} >= $asked), $generation == 2,
          "of generation $generation: whether its end lies behind it";
        is report()->{counts}{asset_class}, 1 + @classes, 'and is there';
    }
};

subtest 'what is pushed over v5 is kept and not sent back' => sub {
    fresh();
    my ($rows) = pull_all();
    my ($location) = map { $_->{recordData} } values %{$rows->{Location}};
    my ($transact) = grep { $_->{recordData}{type} eq 'si' } values %{$rows->{transact}};

    my $changed = wire(Location => {%$location, Description => 'Top shelf'});
    my $res = v5_push(2, update(Location => $changed), update(transact => wire(transact => $transact->{recordData})));
    is_deeply [$res->code, $res->json], [200, {integrationStarted => false}], 'a batch' or diag $res->body;
    is control("record?table=Location&id=$location->{ID}")->{Description}, $location->{Description}, 'not integrated yet';

    control(config => {integration_polls => 2});
    is_deeply v5_push(0)->json, {integrationStarted => true}, 'the empty batch starts integration';
    is v5_get('queued_records?limit=1')->code, 503, 'no pull meanwhile';
    is_deeply [map { v5_get('site_status')->json->{code} } 1 .. 3],
      ['integration_in_progress', 'integration_in_progress', 'idle'], 'site_status';
    is control("record?table=Location&id=$location->{ID}")->{Description}, 'Top shelf', 'integrated';

    is v5_get('queued_records?limit=1')->json->{queueLength}, 0, 'nothing comes back';
    my $received = report()->{received}{v5};
    is_deeply [map { $_->{tableName} } @$received], ['Location', 'transact'], 'received';
    is $received->[0]{recordData}{Description}, 'Top shelf', 'with its data';

    my %delete = (tableName => 'Location', recordId => $location->{ID}, action => 'Delete');
    is v5_push(1, {%delete, recordData => undef})->code, 200, 'a delete';
    v5_push(0);
    is control("record?table=Location&id=$location->{ID}")->{error}, "no Location $location->{ID}", 'the row is gone';

    v5_get('site_status') for 1 .. 2;
    my $new = {%$changed, ID => 'F' x 32};
    v5_push(1, update(Location => $new));
    v5_push(0);
    v5_get('site_status') for 1 .. 2;
    my $n = report()->{counts}{Location};
    v5_post(initialise => {});
    my ($again) = pull_all();
    is scalar(keys %{$again->{Location}}), $n, 'a new initialisation brings what is there now';
    ok $again->{Location}{$new->{ID}}, 'what the site pushed too';
    ok !$again->{Location}{$location->{ID}}, 'and not what it deleted';
    is_deeply [violations()], [], 'no violation';
};

subtest 'a push of a site that is not initialised is refused' => sub {
    fresh(0);
    is v5_push(0)->code, 400, 'status';
    like((violations())[0], qr/before the site was initialised/, 'violation');
};

subtest 'pushed records are checked field by field' => sub {
    fresh();
    my ($rows) = pull_all();
    my ($location) = map { wire(Location => $_->{recordData}) } values %{$rows->{Location}};
    my ($line)     = map { wire(item_line => $_->{recordData}) } values %{$rows->{item_line}};
    my ($far) = grep { $_->{recordData}{sync_id_remote_site} != 7 } values %{$rows->{store}};
    my ($take) = map { wire(Stock_take => $_->{recordData}) } values %{$rows->{Stock_take}};
    my ($facility) = grep { $_->{recordData}{type} eq 'facility' } values %{$rows->{name}};
    my $asset = (values %{$rows->{asset}})[0]{recordData};

    my %missing = %$location;
    delete $missing{Volume};

    for my $case (
        [qr/unknown table/,              update(Location => $location), tableName => 'nonsense'],
        [qr/does not take the table/,    update(asset => $asset)],
        [qr/does not take the table/,    update(item => (values %{$rows->{item}})[0]{recordData})],
        [qr/neither Update nor Delete/,  update(Location => $location), action => 'Insert'],
        [qr/Volume is missing/,          update(Location => \%missing)],
        [qr/hold is not a boolean/,      update(Location => {%$location, hold => 1})],
        [qr/Volume is not a number/,     update(Location => {%$location, Volume => '1'})],
        [qr/code is null/,               update(Location => {%$location, code => undef})],
        [qr/colour is not a field/,      update(Location => {%$location, colour => 'red'})],
        [qr/type_ID is an empty string/, update(Location => {%$location, type_ID => ''})],
        [qr/not active on this site/,    update(Location => {%$location, store_ID => $far->{recordId}})],
        [qr/ID is not the recordId/,     update(Location => $location), recordId => 'A' x 32],
        [qr/T00:00:00: 2026-01-01/,      update(item_line => {%$line, expiry_date => '2026-01-01'})],
        [qr/HH:MM:SS: 3600/,             update(Stock_take => {%$take, stock_take_time => '3600'})],
        [qr/time is not a string/,       update(Stock_take => {%$take, stock_take_time => 3600})],
        [qr/om_created_datetime is not/, update(Stock_take => {%$take, om_created_datetime => '2026-01-01 10:00:00'})],
        [qr/oms_fields is not an object/, update(item_line => {%$line, oms_fields => ''})],
        [qr/only patients/,              update(name => wire(name => $facility->{recordData}))],
        [qr/deletes of this table are/,  update(sensor => {ID => 'A' x 32}), action => 'Delete', recordData => undef],
      )
    {
        my ($message, $record, %with) = @$case;
        my $res = v5_push(2, update(Location => $location), {%$record, %with});
        is $res->code, 400, "status for $message";
        like $res->json->{error}{message}, $message, 'message';
    }

    is_deeply report()->{received}{v5}, [], 'nothing of those batches was kept';

    my ($sensor) = map { wire(sensor => $_->{recordData}) } values %{$rows->{sensor}};
    my $lost = {%$sensor, locationID => 'B' x 32};
    is v5_push(1, update(sensor => $lost))->code, 200, 'a reference may come later';
    my $res = v5_push(0);
    is $res->code, 400, 'but not after the end';
    like $res->json->{error}{message}, qr/locationID leads to no Location B+/, 'message';
    is v5_push(0)->code, 200, 'the record is dropped, the next push goes on';

    is v5_push(2, update(sensor => $lost), update(Location => {%$location, ID => 'B' x 32}))->code, 200,
      'child first';
    is v5_push(0)->code, 200, 'then the parent: all is well';

    my ($item_id, $item) = %{$rows->{transact}};
    my $kept = wire(transact => $item->{recordData});
    ok exists $kept->{wardID}, 'a column that the catalogue does not know';
    my ($mine) = grep { $_->{recordData}{sync_id_remote_site} == 7 } values %{$rows->{store}};
    $res = v5_push(1, update(transact => {%$kept, store_ID => $mine->{recordId}}));
    is $res->code, 200, 'may be sent back' or diag $res->body;
};

subtest 'v6 push' => sub {
    fresh();
    my ($rows) = pull_all();
    my $pulled = pull(0, 100_000)->{data};
    my $asset  = (values %{$rows->{asset}})[0]{recordData};
    my $log = {
        id => 'aaaaaaaa-0000-4000-8000-000000000001', type => 'ServerStatus', sync_site_id => 7,
        datetime => '2026-01-02T03:04:05', message => undef, is_error => false,
    };

    is_deeply v6_push(false, update(asset => {%$asset, notes => 'moved'})), {data => {records_pushed => 1}}, 'a batch';
    control(config => {integration_polls => 1});
    is_deeply v6_push(true, update(system_log => $log)), {data => {records_pushed => 1}}, 'the last batch';
    is_deeply pull(0), {error => 'integrationInProgress'}, 'no pull meanwhile';
    is_deeply v6_push(true), {error => 'integrationInProgress'}, 'no push either';
    is_deeply [map { v6(site_status => {})->json->{data} } 1, 2],
      [{is_integrating => true}, {is_integrating => false}], 'site_status';

    is control("record?table=asset&id=$asset->{id}")->{notes}, 'moved', 'kept';
    is report()->{counts}{system_log}, 1, 'a one-way table too';

    my $next = pull($pulled->{end_cursor} + 1, 10, true)->{data};
    is_deeply $next->{records}, [], 'it is not sent back';
    my $start = pull(0, 100_000, true)->{data};
    is $start->{total_records}, $pulled->{total_records} - 1, 'nor is the old version';
    $next = pull($pulled->{end_cursor} + 1, 10, false)->{data};
    is_deeply [map { $_->{record}{recordData}{notes} } @{$next->{records}}], ['moved'],
      'but to a site that starts over';

    for my $case (
        [qr/does not take the table/,  update(asset_class => (values %{$rows->{asset_class}})[0]{recordData})],
        [qr/is_error is not a boolean/, update(system_log => {%$log, is_error => 0})],
        [qr/type has an unknown value/, update(system_log => {%$log, type => 'PROCESSOR_ERROR'})],
        [qr/datetime is not/,          update(system_log => {%$log, datetime => '2026-01-02T03:04:05Z'})],
        [qr/status is not a field|uploaded_bytes is not a field/,
            update(sync_file_reference => {%{(values %{$rows->{sync_file_reference}})[0]{recordData}}, uploaded_bytes => 1})],
        [qr/properties does not hold JSON/, update(asset => {%$asset, properties => '{'})],
      )
    {
        my ($message, $record) = @$case;
        like v6_push(true, $record)->{error}{parsingSyncRecordError}, $message, "refused: $message";
    }

    control(config => {integration_polls => 0});
    my ($entry) = map { wire(asset_log => $_->{recordData}) } values %{$rows->{asset_log}};
    like v6_push(true, update(asset_log => {%$entry, asset_id => $log->{id}}))->{error}{parsingSyncRecordError},
      qr/asset_id leads to no asset/, 'a reference to nothing';

    # a patient made here: v6 goes first and cannot know it yet
    my ($patient) = map { wire(name => $_) } grep { $_->{type} eq 'patient' }
      map { $_->{recordData} } values %{$rows->{name}};
    is_deeply v6_push(true, update(asset => {%$asset, donor_name_id => 'C' x 32})),
      {data => {records_pushed => 1}}, 'a reference to a legacy record waits';
    delete @$patient{qw(category1_ID print_invoice_alphabetical)};
    like v5_push(1, update(name => {%$patient, ID => 'C' x 32}))->body, qr/false/, 'a patient';
    is v5_push(0)->code, 200, 'until the v5 push';
    v6_push(true, update(asset => {%$asset, donor_name_id => 'D' x 32}));
    like v5_push(0)->json->{error}{message}, qr/donor_name_id leads to no name D+/, 'which has to bring it';
};

subtest 'patient-pull' => sub {
    fresh();
    my ($rows)    = pull_all();
    my ($shot)    = map { $_->{recordData} } values %{$rows->{vaccination}};
    my $patient   = $shot->{patient_id};
    my @of        = grep { $_->{recordData}{patient_id} eq $patient } values %{$rows->{vaccination}};
    my %body      = (cursor => 0, batchSize => 100, fetchPatientId => $patient);
    my $ask       = sub { v6('patient-pull' => \%body)->json->{data} };
    my $new       = {%$shot, id => 'aaaaaaaa-0000-4000-8000-000000000002'};

    is_deeply [map { $_->{record}{tableName} } @{$ask->()->{records}}], [('vaccination') x @of], "that patient's only";
    is $ask->()->{total_records}, scalar @of, 'total_records';

    control(change => {channel => 'patient', %{update(vaccination => $new)}});
    is scalar(@{$ask->()->{records}}), @of + 1, 'one more for that patient';
    is pull(0, 1)->{data}{total_records}, report()->{queue}{v6} - 1, 'which pull does not bring';
};

subtest 'changes on central reach the site' => sub {
    fresh();
    my ($rows) = pull_all();
    my ($item) = map { $_->{recordData} } values %{$rows->{item}};
    my ($line) = map { $_->{recordData} } values %{$rows->{trans_line}};
    my ($class) = map { $_->{recordData} } values %{$rows->{asset_class}};
    my $max = v5_get('central_records?cursor=0&limit=1')->json->{maxCursor};
    my $v6  = pull(0, 100_000)->{data}{end_cursor};

    is_deeply control(change => [
        {tableName => 'item', recordId => $item->{ID}, action => 'upsert', recordData => {%$item, code => 'NEW'}},
        {tableName => 'trans_line', recordId => $line->{ID}, action => 'delete'},
        {tableName => 'asset_class', recordId => $class->{id}, action => 'update', recordData => {%$class, name => 'Other'}},
        {tableName => 'item', recordId => 'M1', action => 'merge', recordData => {mergeIdToKeep => 'A', mergeIdToDelete => 'B'}},
        {tableName => 'brand_new', recordId => 'X', action => 'insert', recordData => {ID => 'X'}},
    ]), {ok => true}, 'changed';

    my @central = @{v5_get("central_records?cursor=$max&limit=10")->json->{data}};
    is_deeply [map { [@$_{qw(tableName action)}] } @central],
      [['item', 'Update'], ['item', 'merge'], ['brand_new', 'insert']], 'central records';
    is $central[0]{recordData}{code}, 'NEW', 'with their data';

    my $queued = v5_get('queued_records?limit=10')->json;
    is_deeply [map { [@$_{qw(tableName action recordData)}] } @{$queued->{data}}],
      [['trans_line', 'delete', undef]], 'queued records';
    is $queued->{queueLength}, 1, 'queueLength';
    is pull($v6 + 1)->{data}{records}[0]{record}{recordData}{name}, 'Other', 'v6';
    is report()->{counts}{item}, scalar keys %{$rows->{item}}, 'an update adds no row';

    ($rows) = pull_all();
    is $rows->{item}{$item->{ID}}{recordData}{code}, 'NEW', 'a new start brings the new version';
    like control(change => {tableName => 'item'})->{error}, qr/needed/, 'a half change is refused';
};

subtest 'the queue hands out nothing older than what central_records brings' => sub {
    fresh();
    my ($rows) = pull_all();
    my ($code) = map { wire(barcode => $_->{recordData}) } values %{$rows->{barcode}};
    my $waits = sub {
        return scalar grep { $_->{recordId} eq $code->{ID} } @{v5_get('queued_records?limit=100000')->json->{data}};
    };

    v5_push(1, update(barcode => {%$code, barcode => 'here'}));
    v5_push(0);
    v5_post(initialise => {});
    is $waits->(), 1, 'what the site sent comes again';

    control(change => update(barcode => {%$code, barcode => 'there'}));
    is $waits->(), 0, 'until central has another version';
};

# one raw request; what comes until the end of the connection
sub raw ($path, $wait = 5) {
    my %h = (%{v5_headers()}, Host => 'central');
    return octets("GET /sync/v5/$path HTTP/1.1\r\n" . join('', map { "$_: $h{$_}\r\n" } sort keys %h) . "\r\n", $wait);
}

sub octets ($text, $wait = 5) {
    my $socket = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$central->{ports}{v5}", Timeout => 5) or die $!;

    print $socket $text;

    my $answer = '';
    my $end = time + $wait;
    my $closed = 0;

    while (time < $end) {
        vec(my $in = '', fileno $socket, 1) = 1;
        next if !select $in, undef, undef, 0.1;
        if (!sysread $socket, $answer, 65_536, length $answer) {
            $closed = $!{ECONNRESET} ? 'reset' : 'closed';
            last;
        }
    }

    return ($answer, $closed);
}

subtest 'HTTP as clients and proxies have it' => sub {
    my $count = sub ($answer) { scalar(() = $answer =~ m{HTTP/1\.1 200 OK\r\n}g) };
    my $ask = 'GET /_test/digest HTTP/1';
    my $fault = '{"kind":"busy","path":"chunks"}';
    my ($answer, $closed) = octets("$ask.1\r\n\r\n$ask.1\r\nConnection: close\r\n\r\n");

    is $count->($answer), 2, 'two requests at once have two answers';
    is $closed, 'closed', 'and the last one the end of the connection, as it asked';
    is_deeply [map { (octets("$ask.0\r\n$_\r\n", 0.3))[1] } '', "Connection: keep-alive\r\n"], ['closed', 0],
      'HTTP/1.0 keeps none unless it is asked';

    fresh();
    my $chunks = join("\r\n", '9;a=b', substr($fault, 0, 9), sprintf('%x', length($fault) - 9), substr($fault, 9), 0)
      . "\r\n\r\n";
    ($answer) = octets("POST http://central/_test/fault HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
          . "$chunks$ask.1\r\n\r\n", 0.3);
    is $count->($answer), 2, 'a body in chunks, and what comes behind it';
    is report()->{faults}[0]{path}, 'chunks', 'is read';

    ($answer, $closed) = octets("this is no HTTP\r\n\r\n");
    like $answer, qr/\AHTTP\/1\.1 400 /, 'what is no HTTP is refused';
    is $closed, 'closed', 'and ends';
    is +(octets("HEAD /sync/v5/nothing HTTP/1.0\r\n\r\n"))[0] =~ s/.*\r\n\r\n//sr, '', 'HEAD has no body';
    fresh();
};

subtest 'faults instead of an answer' => sub {
    fresh();

    fault(api => 'v5', path => 'site', kind => 'busy', value => 3);
    my $res = v5_get('site');
    is_deeply [$res->code, $res->headers->header('Retry-After'), $res->json->{error}{code}],
      [503, 3, 'sync_is_running'], 'busy';
    is v5_get('site')->code, 200, 'once only';

    fault(api => 'v6', kind => 'busy', times => 2);
    is_deeply [map { v6(site_status => {})->json->{error} } 1 .. 3],
      ['integrationInProgress', 'integrationInProgress', undef], 'v6 busy, twice';

    fault(kind => 'status', value => 418);
    is v5_get('site')->code, 418, 'status';

    fault(kind => 'html');
    like v5_get('site')->body, qr/<html>/, 'html';

    fault(kind => 'empty');
    is v5_get('site')->body, '', 'empty';

    fault(kind => 'garbage');
    is eval { v5_get('site')->json }, undef, 'garbage';

    fault(kind => 'redirect', value => 'http://127.0.0.1:9/x');
    $res = v5_get('site');
    is_deeply [$res->code, $res->headers->location], [302, 'http://127.0.0.1:9/x'], 'redirect';

    fault(api => 'v5', kind => 'error_code', value => {code => 'site_has_no_store', status => 422});
    $res = v5_get('site');
    is_deeply [$res->code, $res->json->{error}{code}], [422, 'site_has_no_store'], 'error_code';

    fault(api => 'v6', kind => 'error_code', value => {cannotConnectToLegacyServer => 'down'});
    is_deeply v6(site_status => {})->json, {error => {cannotConnectToLegacyServer => 'down'}}, 'v6 error_code';

    fault(path => 'site', kind => 'status', after => 2);
    is_deeply [map { v5_get('site')->code } 1 .. 4], [200, 200, 500, 200], 'after';

    fault(path => 'queued_records', method => 'POST', kind => 'status');
    is v5_get('queued_records?limit=1')->code, 200, 'another method is not concerned';
    is v5_push(0)->code, 500, 'this one is';

    fault(kind => 'gzip_bomb', value => 20);
    my $tx = $ua->build_tx(GET => "$central->{v5}/sync/v5/site" => v5_headers('Accept-Encoding' => 'gzip'));
    $tx->res->content->auto_decompress(0);
    $res = $ua->start($tx)->res;
    is $res->headers->content_encoding, 'gzip', 'gzip_bomb';
    ok $res->body_size < 100_000, 'is small on the wire: ' . $res->body_size;

    fault(kind => 'hang');
    my ($answer, $closed) = raw('site', 0.5);
    is_deeply [$answer, $closed], ['', 0], 'hang';

    fault(kind => 'drop_before');
    ($answer, $closed) = raw('site');
    is_deeply [$answer, $closed], ['', 'closed'], 'drop_before';

    fault(kind => 'drop_before', value => 'reset');
    ($answer, $closed) = raw('site');
    is_deeply [$answer, $closed], ['', 'reset'], 'drop_before with a reset';

    fault(kind => 'status', times => 5);
    control(clear_faults => {});
    is v5_get('site')->code, 200, 'clear_faults';
    like fault(kind => 'nonsense')->{error}, qr/unknown kind/, 'an unknown kind is refused';
    is_deeply [violations()], [], 'no violation';
};

subtest 'faults after the work is done' => sub {
    fresh();

    fault(kind => 'truncate');
    my $res = v5_get('site');
    is $res->headers->content_length, length $res->body, 'truncate: well framed';
    is $res->json, undef, 'but half of the JSON';

    fault(kind => 'delay', value => 300);
    my $before = time;
    is v5_get('site')->code, 200, 'delay';
    ok time - $before >= 0.3, 'takes its time';

    fault(kind => 'hold');
    my $code;
    $ua->get("$central->{v5}/sync/v5/site" => v5_headers() => sub ($, $tx) {
        $code = $tx->res->code;
        Mojo::IOLoop->stop;
    });
    Mojo::IOLoop->timer(0.15 => sub { Mojo::IOLoop->stop });
    Mojo::IOLoop->start;
    is $code, undef, 'hold: no answer';
    control(clear_faults => {});
    Mojo::IOLoop->start;
    is $code, 200, 'until it goes on';

    fault(kind => 'slow', value => 500);
    $before = time;
    is v5_get('site')->json->{siteId}, 7, 'slow';
    ok time - $before >= 0.3, 'takes its time';

    fault(kind => 'drop_middle');
    my ($answer, $closed) = raw('site');
    my ($length) = $answer =~ /Content-Length: (\d+)/;
    my ($body) = $answer =~ /\r\n\r\n(.*)\z/s;
    is $closed, 'closed', 'drop_middle';
    ok length $body > 0 && length $body < $length, 'in the middle of the body';

    my @ids = map { $_->{syncOutId} } @{v5_get('queued_records?limit=5')->json->{data}};
    my $n = report()->{queue}{remote};
    fault(path => 'acknowledged_records', kind => 'drop_after');
    my $tx = $ua->post("$central->{v5}/sync/v5/acknowledged_records" => v5_headers() => json => {syncIDs => \@ids});
    ok $tx->error && !$tx->error->{code}, 'drop_after: no answer';
    is report()->{queue}{remote}, $n - 5, 'but the work was done';
    is report()->{requests}[-1]{status}, 0, 'the log says so';
};

subtest 'gzip' => sub {
    fresh();
    my $get = sub ($accept) {
        my $tx = $ua->build_tx(GET => "$central->{v5}/sync/v5/queued_records?limit=100",
            v5_headers('Accept-Encoding' => $accept));
        $tx->res->content->auto_decompress(0);
        return $ua->start($tx)->res;
    };

    my ($plain, $packed) = map { $get->($_) } 'identity', 'gzip, deflate';
    is $plain->headers->content_encoding, undef, 'not asked for';
    is $packed->headers->content_encoding, 'gzip', 'asked for';
    ok $packed->body_size < $plain->body_size / 3, 'much smaller';
    is_deeply v5_get('queued_records?limit=100')->json, $plain->json, 'the same when unpacked';
    control(config => {gzip_level => 0});
    is $get->('gzip')->headers->content_encoding, undef, 'can be switched off';
};

subtest 'compressed requests' => sub {
    fresh();

    my $send = sub {
        my $headers = v5_headers();
        $headers->{'Content-Encoding'} = 'gzip';
        $headers->{'Content-Type'} = 'application/json';
        return $ua->post("$central->{v5}/sync/v5/acknowledged_records" => $headers =>
              gzip('{"syncIDs":[]}'))->res;
    };

    is $send->()->code, 415, 'are refused';
    is v5_get('site')->headers->header('Accept-Encoding'), undef, 'and not asked for';

    control(config => {accept_gzip => 1});
    is v5_get('site')->headers->header('Accept-Encoding'), 'gzip', 'unless they are wanted';
    is $send->()->code, 204, 'then they are read';
    is report()->{requests}[-1]{encoding}, 'gzip', 'and noted';
    fresh();
};

subtest 'the log of requests' => sub {
    fresh();
    v5_get('site') for 1 .. 3;
    my $s = report();
    my @requests = grep { $_->{path} eq '/sync/v5/site' } @{$s->{requests}};

    is scalar(@requests), 3, 'three requests';
    is_deeply [@{$requests[0]}{qw(api method status)}], ['v5', 'GET', 200], 'what each was';
    ok $requests[0]{bytes} > 50, 'its octets';
    is $requests[0]{connection}, $requests[2]{connection}, 'one connection';
    is $s->{connections}, 1, 'counted once';
    ok !exists control('state?brief=1')->{requests}, 'brief';
};

subtest 'settings' => sub {
    fresh();
    control(config => {password => 'new', version => 15, hardware_id => 'machine-9'});
    is v5_get('site')->json->{error}{code}, 'site_incorrect_password', 'password';
    my %new = (hash => sha256_hex('new'));
    is v5_get('site', %new)->json->{error}{code}, 'api_version_incompatible', 'version';
    is v5_get('site', %new, version => 15)->json->{error}{code}, 'site_incorrect_hardware_id', 'hardware_id';
    like control(config => {nonsense => 1})->{error}, qr/unknown setting nonsense/, 'an unknown one is refused';

    fresh();
    control(config => {v6_url => '', is_v6_central => true, max_cursor_short => 5});
    my $site = v5_get('site')->json;
    is_deeply [@$site{qw(omSupplyCentralServerUrl isOmSupplyCentralServer)}], ['', true], 'v6 url';

    control(reset => {});
    is v5_get('site')->json->{omSupplyCentralServerUrl}, $central->{v6}, 'reset puts them back';
    is v5_get('site')->json->{initialisationStatus}, 'new', 'and the site is new';
};

subtest 'a snapshot is put back' => sub {
    my $other = start('--records', 50);
    my $post  = sub ($what, $body) {
        $ua->post("$other->{v5}/_test/$what" => json => $body)->res->code;
    };
    my $state = sub { $ua->get("$other->{v5}/_test/state")->res->json };
    my $digest = sub { $ua->get("$other->{v5}/_test/digest")->res->json->{digest} };

    is $post->('restore', {}), 400, 'none is there yet';
    $post->('config', {initialise_ms => 7});
    is $post->('snapshot', {}), 200, 'kept';
    my $ask = sub { $ua->get("$other->{v5}/sync/v5/site" => v5_headers())->res->code };

    is $ask->(), 200, 'who asks is known from then on';
    is $post->('snapshot', {}), 200, 'kept again';
    my $before = $state->();
    my $then = $digest->();

    $ask->();
    is $digest->(), $then, 'a request alone does not count';
    $post->('change', {tableName => 'unit', recordId => 'U', action => 'insert',
        recordData => {ID => 'U'}});
    $post->('fault', {kind => 'busy'});
    is $state->()->{counts}{unit}, $before->{counts}{unit} + 1, 'changed';
    is_deeply $state->()->{changed}, {'unit U' => '{"ID":"U"}'}, 'and listed';
    isnt $digest->(), $then, 'it is another state';

    is $post->('restore', {}), 200, 'put back';
    is_deeply $state->(), $before, 'all of it';
    is $digest->(), $then, 'it is the same state';
    ok stopped($other), 'ended';
};

subtest 'a site name need not be ASCII' => sub {
    my $name  = 'Clínica Ñ';
    my $other = start('--records', 50, '--site', encode('UTF-8', $name));
    my $h     = v5_headers(user => encode('UTF-8', $name));
    my $site  = $ua->get("$other->{v5}/sync/v5/site" => $h)->res->json;
    my %body  = (syncV6Version => 5,
        syncV5Settings => settings(username => $name, serverUrl => $other->{v5}));

    is $site->{name}, $name, 'v5';
    is_deeply $ua->post("$other->{v6}/central/sync/site_status" => json => \%body)->res->json,
      {data => {is_integrating => false}}, 'v6';
    ok stopped($other), 'ended';
};

subtest 'few and many records' => sub {
    my %memory;

    for my $n (20, 200_000) {
        my $other = start('--records', $n);
        $memory{$n} = memory($other);

        my $counts = $ua->get("$other->{v5}/_test/state?brief=1")->res->json->{counts};
        my $sum    = 0;
        $sum += $_ for values %$counts;

        is scalar(grep { !$_ } values %$counts), 3, "$n: every table that is pulled has rows";
        ok $sum > 0.9 * $n && ($n < 200 || $sum < 1.2 * $n), "$n: $sum rows";
        ok stopped($other), "$n: ended";
    }

    cmp_ok $memory{200_000}, '<', 2 * $memory{20}, 'none is made at the start';
};

subtest 'HTTPS' => sub {
    my $dir = tempdir(CLEANUP => 1);
    my @make = (qw(openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost),
        -keyout => "$dir/key", -out => "$dir/cert");

    plan skip_all => 'no openssl' if system("@make 2>/dev/null") != 0;

    my $other = start('--records', 50, '--tls-cert', "$dir/cert", '--tls-key', "$dir/key");
    my $trusting = Mojo::UserAgent->new->insecure(1);
    my $res = $trusting->get("$other->{v5}/sync/v5/site" => v5_headers())->res;

    is $res->code, 200, 'v5';
    is $res->json->{omSupplyCentralServerUrl}, $other->{v6}, 'the v6 address is https too';
    is $trusting->post("$other->{v6}/central/sync/site_status" => json => {})->res->code, 200, 'v6';
    ok stopped($other), 'ended';
};

subtest 'SIGTERM ends it' => sub {
    my $other = start('--records', 50);
    kill TERM => $other->{pid};
    delete $other->{in};
    ok stopped($other), 'ended';
};

ok stopped($central), 'closing stdin ends it';

done_testing;
