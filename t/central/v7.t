#!/usr/bin/perl

# The emulator itself, as it speaks API v7.

# whatever else is installed: booleans are Mojo::JSON's own
BEGIN { $ENV{MOJO_NO_JSON_XS} = 1 }

use Mojo::Base -strict, -signatures;
use utf8;
use FindBin qw($Bin);
use lib "$Bin/lib";

use Central::Process qw(start);
use Central::Reader qw(unreadable);
use Central::Tables;
use Digest::SHA qw(sha256_hex);
use Mojo::File qw(path);
use Mojo::JSON qw(decode_json encode_json false true);
use Mojo::UserAgent;
use Mojo::Util qw(gzip);
use Test::More;

my $ua = Mojo::UserAgent->new->max_response_size(0)->request_timeout(30);
my $central = start('--records', 600, '--protocol', 'v7');

# ---- asking -------------------------------------------------------------

sub control ($path, $body = undef) {
    my $url = "$central->{v5}/_test/$path";
    my $tx  = defined $body ? $ua->post($url => json => $body) : $ua->get($url);
    return $tx->res->json;
}

sub config (%c)  { return control(config => \%c) }
sub violations  { return map { $_->{message} } @{control('state?brief=1')->{violations}} }

my $TOKEN;

# headers of a site that has a token; undef leaves one out
sub headers (%h) {
    my %all = ('Content-Type' => 'application/json', 'hardware-id' => 'machine-1', 'app-version' => '3.0.0',
        Authorization => 'Bearer ' . ($TOKEN // 'none'), %h);
    delete @all{grep { !defined $all{$_} } keys %all};
    return \%all;
}

# the answer as it came
sub call ($call, $body, %h) {
    my $octets = ref $body || !defined $body ? encode_json($body) : $body;
    return $ua->post("$central->{v6}/central/sync_v7/$call" => headers(%h) => $octets)->res;
}

sub ok_of ($call, $body, %h) {
    my $res = call($call, $body, %h);
    return $res->json->{Ok} // die "$call: ", $res->code, ' ', $res->body;
}

sub err_of ($call, $body, %h) { return call($call, $body, %h)->json->{Err} }

my %VERSION = (major => 3, minor => 0, patch => 0, pre_release => undef);

sub identity (%i) {
    return {
        version => {%VERSION}, name => 'Clinic 7', passwordSha256 => sha256_hex('secret'),
        hardwareId => 'machine-1', %i,
    };
}

sub get_token (%i) { return call(get_token => identity(%i), Authorization => undef)->json }

# starts over with a token
sub fresh {
    control(reset => {});
    $TOKEN = get_token()->{Ok}{token};
    return;
}

sub pull ($cursor, $size = 100_000, $initialising = false) {
    return ok_of(pull => {cursor => $cursor, batchSize => $size, isInitialising => $initialising});
}

sub push_all (@records) {
    my $n = 0;
    return call(push => {
        siteId => 7, lastCursorInBatch => scalar @records, remaining => 0, maxCursor => scalar @records,
        records => [map { {cursor => ++$n, storeId => undef, transferStoreId => undef, patientId => undef, %$_} } @records],
    });
}

sub change (%c) { return control(change => {channel => 'v7', action => 'upsert', %c}) }

sub rows ($table) { return control("rows?table=$table") }

# ids of the site's own store and of another site's
sub stores {
    my $stores = rows('Store');
    my ($own)   = grep { $stores->{$_}{site_id} == 7 } keys %$stores;
    my ($other) = grep { $stores->{$_}{site_id} != 7 } sort keys %$stores;
    return ($own, $other);
}

sub location ($id, $store, %l) {
    return {
        id => $id, name => 'Shelf', code => 'S', on_hold => false, store_id => $store,
        location_type_id => undef, volume => 0, %l,
    };
}

sub upsert ($table, $data, %e) {
    return {recordId => $data->{id}, tableName => $table, action => 'Upsert', data => $data, %e};
}

# ---- who may call -------------------------------------------------------

subtest 'a token is given once, and outlives what is asked with it' => sub {
    control(reset => {});

    my $ok = get_token()->{Ok};
    like $ok->{token}, qr/\A[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\z/, 'a token';
    is_deeply [@$ok{qw(siteId centralSiteId)}], [7, 10], 'the numbers of both';
    is get_token()->{Err}, 'TokenAlreadyAllocated', 'not twice';
    is get_token(hardwareId => 'other')->{Err}, 'TokenAlreadyAllocated', 'which comes before the hardware';

    $TOKEN = $ok->{token};
    is_deeply ok_of(site_status => undef), {siteId => 7, centralSiteId => 10}, 'it is good';

    config(v7_token => undef);
    is err_of(site_status => undef), 'TokenNotFound', 'an administrator cleared it';
    is get_token(hardwareId => 'other')->{Err}, 'HardwareIdMismatch', 'for this machine only';
    isnt get_token()->{Ok}{token}, $TOKEN, 'the next is another';
};

subtest 'an edit of the site at the legacy server wipes token and machine' => sub {
    fresh();
    config(v7_token => undef, v7_hardware_id => undef);

    is err_of(site_status => undef), 'TokenNotFound', 'the token is unknown';
    ok get_token(hardwareId => 'another')->{Ok}, 'any machine may have the next';
};

subtest 'whoever is not the site is told what is wrong' => sub {
    fresh();
    my %newer = (major => 3, minor => 0, patch => 1, pre_release => undef);

    is get_token(passwordSha256 => sha256_hex('Secret'))->{Err}, 'InvalidSiteNameOrPassword', 'password';
    is get_token(name => 'clinic 7')->{Err}, 'InvalidSiteNameOrPassword', 'name, with its case';
    is_deeply get_token(version => \%newer)->{Err},
      {SyncVersionMismatch => {central => \%VERSION, remote => \%newer}}, 'version';
    is get_token(version => {major => 1, minor => 0, patch => 0})->{Err}, 'TokenAlreadyAllocated', 'an older one may';

    is_deeply err_of(site_status => undef, Authorization => undef),
      {MissingAuthHeader => 'missing or incorrect Authorization header'}, 'no token';
    is_deeply err_of(site_status => undef, Authorization => 'Basic YTpi'),
      {MissingAuthHeader => 'missing or incorrect Authorization header'}, 'not Bearer';
    is_deeply err_of(site_status => undef, 'hardware-id' => undef),
      {MissingAuthHeader => 'missing hardware-id header'}, 'no hardware-id';
    is_deeply err_of(site_status => undef, 'app-version' => undef),
      {MissingAuthHeader => 'missing app-version header'}, 'no app-version';
    is err_of(site_status => undef, Authorization => 'Bearer x'), 'TokenNotFound', 'another token';
    is err_of(site_status => undef, 'hardware-id' => 'x'), 'HardwareIdMismatch', 'another machine';
    is_deeply err_of(site_status => undef, 'app-version' => '3.0.1'),
      {SyncVersionMismatch => {central => \%VERSION, remote => \%newer}}, 'a newer version';

    for my $good (['app-version' => '3.0.0-rc1'], ['app-version' => 'abc'], [Authorization => "bearer $TOKEN"]) {
        ok ok_of(site_status => undef, @$good), "$good->[1] is fine";
    }

    config(v7_site => 'V5V6', sync_version => '', upgrade => 'stores_not_migrated');
    is err_of(site_status => undef), 'SiteIsNotV7', 'a site that is still one of v5 and v6';
    is_deeply [violations()], [], 'nobody broke the protocol';
};

subtest 'get_token makes a site one of v7 where legacy lets it' => sub {
    fresh();
    config(v7_site => 'V5V6', sync_version => '', upgrade => 'stores_not_migrated');
    like get_token()->{Err}{Other}, qr{\ASync api error, url: .*v7_url_and_upgrade.*stores_not_migrated}s, 'a 503';

    config(upgrade => 404);
    like get_token()->{Err}{Other}, qr/status: '404 Not Found' text: 'no such call'/, 'a 404';
    is err_of(site_status => undef), 'SiteIsNotV7', 'nothing has changed';

    config(upgrade => 200);
    is get_token()->{Err}, 'TokenAlreadyAllocated', 'the token is the old one';
    ok ok_of(site_status => undef), 'which works again';
};

# ---- what cannot be read ------------------------------------------------

subtest 'a request that cannot be read is a 400 with text' => sub {
    fresh();

    my $batch = sub (%r) {
        my %record = (cursor => 1, recordId => 'x', tableName => 'Unit', action => 'Upsert', data => {}, %r);
        return {siteId => 7, lastCursorInBatch => 1, remaining => 0, maxCursor => 1, records => [\%record]};
    };

    for my $try (
        ['content type', qr/\AContent type error\z/, pull => {}, 'Content-Type' => 'text/plain'],
        ['no JSON',      qr/\AJson deserialize error: /, pull => '{no'],
        ['a field less', qr/missing field `isInitialising`/, pull => {cursor => 0, batchSize => 1}],
        ['a text',       qr/invalid type: .*`cursor`/, pull => {cursor => '0', batchSize => 1, isInitialising => true}],
        ['a field less', qr/missing field `hardwareId`/, get_token => {%{identity()}{qw(version name passwordSha256)}}],
        ['a table',      qr/unknown variant `stock_line`/, push => $batch->(tableName => 'stock_line')],
        ['an action',    qr/unknown variant `UPSERT`, expected `Upsert` or `Delete`/,
            push => $batch->(action => 'UPSERT')],
      )
    {
        my ($name, $want, @call) = @$try;
        my $res = call(@call);
        is $res->code, 400, "$name: 400";
        like $res->body, $want, 'and why';
    }

    is scalar(() = violations()), 7, 'each is noted';
    is_deeply get_token(x => 1)->{Err}, 'TokenAlreadyAllocated', 'a member nobody knows is passed over';

    my $large = call(push => '{"x":"' . 'y' x 10_485_760 . '"}');
    is $large->code, 413, 'ten mebibytes are the limit';
    like $large->body, qr/\AJSON payload \(\d+ bytes\) is larger than allowed \(limit: 10485760 bytes\)\.\z/, 'in words';

    my $gone = call(get_site_info => {});
    is_deeply [$gone->code, $gone->body], [404, ''], 'an unknown call';
    is $ua->get("$central->{v6}/central/sync_v7/get_token")->res->code, 404, 'GET';
    is $ua->get("$central->{v6}/sync/v5/site")->res->code, 200, 'the application is everywhere else';
    is call(site_status => gzip('null'), 'Content-Encoding' => 'gzip')->json->{Ok}{siteId}, 7, 'gzip is read';

    config(is_central => 0);
    my $remote = call(site_status => undef);
    is_deeply [$remote->code, $remote->body], [405, 'Method only allowed on central server.'], 'not a central server';

    config(is_central => 1, central_version => 2);
    is call(site_status => undef)->code, 404, 'a server of 2.x has nothing there';
};

# ---- the records --------------------------------------------------------

sub catalogue ($name) { return decode_json(path("$Bin/../../sync/catalogue/$name.json")->slurp) }

subtest 'central can read all that it sends, and has what that refers to' => sub {
    fresh();

    my @tables  = Central::Tables->new(shapes => catalogue('v7'), catalogue => catalogue('catalogue'))->list;
    my @records = @{pull(0, 100_000, true)->{records}};
    my %there   = map { ("$_->{tableName} $_->{recordId}" => $_) } @records;
    my %of;
    push @{$of{$_->{tableName}}}, $_ for @records;

    is keys %there, @records, 'each once';
    ok @{$of{$_->{table}} // []} > 0, "$_->{table} has rows"
      for grep { !$_->{like} || (!$_->{styles}{RemoteToCentral} && @{$_->{like}{pull_from}}) } @tables;

    for my $t (@tables) {
        my @bad = map { unreadable($t, $_->{data}) } @{$of{$t->{table}} // []};
        is_deeply \@bad, [], "$t->{table} can be read";

        for my $f (grep { $_->{checked} && $_->{references} } @{$t->{fields}}) {
            my %rows = map { %{rows($_)} } @{$f->{references}};
            my @lost = grep { defined $_ && !$rows{$_} } map { $_->{data}{$f->{name}} } @{$of{$t->{table}} // []};
            is_deeply \@lost, [], "$t->{table}.$f->{name} leads somewhere";
        }
    }

    my @odd = grep { $_->{recordId} ne $_->{data}{id} } @records;
    is_deeply \@odd, [], 'the id is the recordId';
};

subtest 'a row is the record that the other wires have' => sub {
    fresh();

    for my $pair ([Item => item => name => 'item_name'], [Location => Location => code => 'code'],
        [Name => name => first_name => 'first'], [Asset => asset => notes => 'notes'])
    {
        my ($table, $legacy, $ours, $theirs) = @$pair;
        my $rows = rows($table);
        my @other = map { [$_, control("record?table=$legacy&id=$_")] } sort keys %$rows;
        is_deeply [map { $rows->{$_->[0]}{$ours} } @other],
          [map { length($_->[1]{$theirs} // '') ? $_->[1]{$theirs} : undef } @other], "$table.$ours";
    }

    my ($own) = stores();
    my ($invoice) = grep { defined $_->{name_store_id} } values %{rows('Invoice')};
    is $invoice->{name_store_id}, $own, 'the other half of a transfer is for this store';
    isnt $invoice->{store_id}, $own, 'and belongs to another';
};

# ---- pull ---------------------------------------------------------------

subtest 'a pull begins behind the cursor, and remaining is a distance' => sub {
    fresh();
    my $all  = pull(0, 100_000, true);
    my @had  = @{$all->{records}};
    my $page = pull(0, 10, true);

    is $all->{siteId}, 10, 'from central';
    is_deeply [@$all{qw(lastCursorInBatch remaining)}], [$all->{maxCursor}, 0], 'the end is reached';
    is_deeply $page->{records}, [@had[0 .. 9]], 'a page';
    is $page->{lastCursorInBatch}, $had[9]{cursor}, 'ends at its last record';
    is $page->{remaining}, $page->{maxCursor} - $had[9]{cursor}, 'with what is left as cursors';
    is_deeply pull($had[9]{cursor}, 5, true)->{records}, [@had[10 .. 14]], 'the next page';
    is_deeply pull(-1, 1, true)->{records}, [$had[0]], 'a cursor below all';

    my $end = $all->{maxCursor};
    my $nothing = {siteId => 10, lastCursorInBatch => $end, remaining => 0, maxCursor => $end, records => []};
    is_deeply pull($had[-1]{cursor}), $nothing, 'nothing, and the end has moved';
    is_deeply pull(99_999_999), $nothing, 'beyond the end';
    is_deeply pull(0, 0), $nothing, 'a batch of none';
};

subtest 'a row that central cannot read stops every pull that meets it' => sub {
    fresh();
    my @records = @{pull(0, 20, true)->{records}};
    config(v7_unreadable => [$records[12]{recordId}]);

    is scalar @{pull(0, 10, true)->{records}}, 10, 'one before it';
    is_deeply err_of(pull => {cursor => $records[9]{cursor}, batchSize => 10, isInitialising => true}),
      {DatabaseError => {DBError => {msg => 'DIESEL_DESERIALIZATION_ERROR', extra => 'UnexpectedNullError'}}}, 'not that';
};

subtest 'who gets what: by style, store and source' => sub {
    fresh();
    my ($own, $other) = stores();
    my $end = pull(0, 100_000, true)->{maxCursor};
    my $came = sub (@flag) { return map { "$_->{tableName} $_->{recordId}" } @{pull($end, 1000, @flag)->{records}} };

    change(tableName => 'Unit', recordId => 'u1', recordData => {id => 'u1', name => 'u', index => 1, is_active => true});
    change(tableName => 'Unit', recordId => 'u2', source => undef, recordData => {id => 'u2'});
    change(tableName => 'Location', recordId => 'l1', recordData => location('l1', $own));
    change(tableName => 'Location', recordId => 'l2', recordData => location('l2', $other));
    change(tableName => 'Invoice', recordId => 'i1', recordData => {id => 'i1', store_id => $other, name_store_id => $own});
    change(tableName => 'NameStoreJoin', recordId => 'j1', recordData => {id => 'j1', store_id => $own, name_id => 'p1'});
    change(tableName => 'Name', recordId => 'p1', recordData => {id => 'p1', type => 'PATIENT'});
    change(tableName => 'Name', recordId => 'p2', recordData => {id => 'p2', type => 'PATIENT'});

    is_deeply [$came->(false)], ['Unit u1', 'Invoice i1', 'NameStoreJoin j1', 'Name p1'], 'an initialised site';
    is_deeply [$came->(true)], ['Unit u1', 'Unit u2', 'Location l1', 'Invoice i1', 'NameStoreJoin j1', 'Name p1'],
      'one that is not: what it owns, and lines without a source';

    change(tableName => 'Unit', recordId => 'u1', action => 'delete');
    change(tableName => 'SyncMessage', recordId => 'm1', recordData => {id => 'm1', type => 'Merge',
        body => '{"tableName":"Name","mergeIdToKeep":"a","mergeIdToDelete":"b"}'});
    my @last = @{pull($end)->{records}}[-2, -1];
    is_deeply [@{$last[0]}{qw(recordId action data)}], ['u1', 'Delete', undef], 'a delete, and one line a record';
    is $last[1]{tableName}, 'SyncMessage', 'a merge is a message';
};

# ---- push ---------------------------------------------------------------

subtest 'what is pushed becomes rows with the batch that is the last' => sub {
    fresh();
    my ($own) = stores();
    my $end = pull(0)->{maxCursor};
    my %batch = (siteId => 7, lastCursorInBatch => 1, maxCursor => 2);
    my $record = {cursor => 1, %{upsert(Location => location('new', $own), storeId => $own)}};

    is ok_of(push => {%batch, remaining => 1, records => [$record]}), 1, 'a batch that is not';
    ok !rows('Location')->{new}, 'waits';
    is ok_of(push => {%batch, remaining => 0, records => []}), 0, 'an empty one ends it';
    is rows('Location')->{new}{name}, 'Shelf', 'a row';
    is_deeply pull($end)->{records}, [], 'which does not come back';
    is_deeply [map { $_->{recordId} } @{pull($end, 10, true)->{records}}], ['new'], 'but to a site that begins anew';

    is_deeply err_of(push => {%batch, siteId => 3, remaining => 0, records => []}),
      {SiteIdMismatch => {expected => 7, found => 3}}, 'for the own site only';
};

subtest 'central reads strictly, counts what it refuses, and tells nobody' => sub {
    my ($own, $other) = do { fresh(); stores() };

    for my $try (
        ['a number as text',  qr/volume is no number/,   volume => '1'],
        ['a boolean as 1',    qr/on_hold is no boolean/, on_hold => 1],
        ['null',              qr/name is null/,          name => undef],
        ['an empty reference', qr/leads to no Store/,    store_id => ''],
      )
    {
        my ($name, $want, %odd) = @$try;
        fresh();
        is push_all(upsert(Location => location('x', $own, %odd), storeId => $own))->json->{Ok}, 1, "$name: counted";
        ok !rows('Location')->{x}, 'and lost';
        like join(' ', violations()), $want, 'with a reason';
    }

    fresh();
    my %line = (id => 'a1', type => 'UserLoggedIn', user_id => undef, store_id => $own, record_id => undef,
        changed_to => undef, changed_from => undef);

    for my $try (['2026-02-03T04:05:06', 1], ['2026-02-03T04:05:06.789', 1], ['2026-02-03 04:05:06', 0],
        ['2026-02-03T04:05:06Z', 0], ['2026-02-03', 0], ['', 0])
    {
        my ($text, $good) = @$try;
        fresh();
        push_all(upsert(ActivityLog => {%line, datetime => $text}, storeId => $own));
        is !!rows('ActivityLog')->{a1}, !!$good, "datetime \"$text\"";
    }

    fresh();
    push_all(upsert(ActivityLog => {%line, datetime => '2026-02-03T04:05:06', type => 'USER_LOGGED_IN'}, storeId => $own));
    like join(' ', violations()), qr/type has an unknown value/, 'an enum in another spelling';

    fresh();
    my %less = %{location('x', $own, extra => 1)};
    delete $less{location_type_id};
    push_all(upsert(Location => \%less, storeId => $own));
    is_deeply rows('Location')->{x}, location('x', $own), 'absent is null, unknown is dropped';

    fresh();
    push_all(upsert(Location => location('x', $other), storeId => $other),
        upsert(Unit => {id => 'u', name => 'u', description => undef, index => 1, is_active => true}));
    is_deeply [map { s/: .*//r } violations()], ['Unit u', 'Location x'], 'another site\'s store, a table of central';
};

subtest 'deletes are taken of a few tables' => sub {
    fresh();
    my ($own) = stores();
    my ($line, $location) = map { (sort keys %{rows($_)})[0] } qw(InvoiceLine Location);

    push_all(map { {recordId => $_->[1], tableName => $_->[0], action => 'Delete', data => undef, storeId => $own} }
        [InvoiceLine => $line], [Location => $location]);
    ok !rows('InvoiceLine')->{$line}, 'a line is gone';
    ok rows('Location')->{$location}, 'a shelf is not';
    is_deeply control('state?brief=1')->{v7}{lost},
      [{tableName => 'Location', recordId => $location, action => 'Delete', reason => 'deletes of this table are not taken'}],
      'which only central knows';
};

subtest 'while central integrates it answers nothing but get_token' => sub {
    fresh();
    config(integration_polls => 2);
    my $locked = {SiteLockError => 'IntegrationInProgress'};
    my %nothing = (siteId => 7, lastCursorInBatch => 1, remaining => 0, maxCursor => 1, records => []);

    is ok_of(push => \%nothing), 0, 'the empty batch';
    is_deeply err_of(pull => {cursor => 0, batchSize => 1, isInitialising => false}), $locked, 'pull';
    is_deeply err_of(push => \%nothing), $locked, 'push';
    is_deeply err_of(patient_search => {}), $locked, 'patient_search';
    is_deeply err_of(patient_data_for_site => {map { $_ => 'x' } qw(patientId storeId nameStoreJoinId)}), $locked, 'patient';
    is get_token()->{Err}, 'TokenAlreadyAllocated', 'get_token';
    is_deeply err_of(site_status => undef), $locked, 'site_status' for 1 .. 2;
    ok ok_of(site_status => undef), 'it is done';
};

subtest 'a server that dies before it integrates goes on with the next empty push' => sub {
    fresh();
    my ($own) = stores();
    config(dies => 1);
    push_all(upsert(Location => location('x', $own), storeId => $own));
    ok !rows('Location')->{x}, 'it lies there';
    push_all();
    ok rows('Location')->{x}, 'until somebody pushes';
};

# ---- patients -----------------------------------------------------------

subtest 'patients are found and fetched' => sub {
    fresh();
    my ($own) = stores();
    my $patient = {id => 'p1', type => 'PATIENT', name => 'Núñez, Zoë', code => 'P1', first_name => 'Zoë',
        last_name => 'Núñez', date_of_birth => '1991-02-03'};
    change(tableName => 'Name', recordId => 'p1', recordData => $patient);
    change(tableName => 'Invoice', recordId => 'i1', recordData => {id => 'i1', store_id => 'far', name_id => 'p1'});
    my $end = pull(0)->{maxCursor};

    is_deeply ok_of(patient_search => {date_of_birth => {equal_to => '1991-02-03'}, last_name => {like => 'úñe'}, x => 1}),
      [{ID => 'p1', name => 'Núñez, Zoë', phone => '', email => '', code => 'P1', last => 'Núñez', first => 'Zoë',
        date_of_birth => '1991-02-03'}], 'found';
    ok @{ok_of(patient_search => {id => undef})} > 1, 'a filter of null is none';

    my $got = ok_of(patient_data_for_site => {patientId => 'p1', storeId => $own, nameStoreJoinId => 'j1'});
    is_deeply [map { $_->{recordId} } @{$got->{records}}], ['p1', 'i1'], 'the patient and what belongs to it';
    is $got->{nameStoreJoinId}, 'j1', 'the join';
    is_deeply [map { $_->{recordId} } @{pull($end)->{records}}], ['j1'], 'comes with the next pull';
    is ok_of(patient_data_for_site => {patientId => 'p1', storeId => $own, nameStoreJoinId => 'j2'})->{nameStoreJoinId},
      'j1', 'and is not made twice';
    is_deeply err_of(patient_data_for_site => {patientId => 'nobody', storeId => $own, nameStoreJoinId => 'j'}),
      {DatabaseError => {ForeignKeyViolation => 'FOREIGN KEY constraint failed      0'}}, 'nobody';
};

# ---- the legacy server, faults ------------------------------------------

subtest 'the legacy server tells the site where v7 is' => sub {
    fresh();
    my $get = sub ($path) {
        my $url = $central->{v5} =~ s{//}{//Clinic%207:@{[sha256_hex('secret')]}@}r;
        return $ua->get("$url/sync/v5/$path" => {
            'msupply-site-uuid' => 'machine-1', 'app-name' => 'x', 'app-version' => '1', version => 14,
        })->res;
    };

    config(sync_version => undef);
    ok !exists $get->('site')->json->{syncVersion}, 'one that is older does not know it';
    is $get->('v7_url_and_upgrade')->code, 404, 'and is not to be asked';
    is scalar(() = violations()), 1, 'that is noted';

    config(sync_version => '', upgrade => 'site_save_error', v7_site => 'V5V6');
    is $get->('site')->json->{syncVersion}, '', 'a site of v5 and v6';
    is_deeply [$get->('v7_url_and_upgrade')->code, $get->('v7_url_and_upgrade')->json->{error}{code}],
      [503, 'site_save_error'], 'not yet';

    config(upgrade => 200);
    is_deeply $get->('v7_url_and_upgrade')->json, {v7Url => $central->{v6}}, 'the address';
    is $get->('site')->json->{syncVersion}, 'v7', 'a site of v7 now';
    ok get_token()->{Err} eq 'TokenAlreadyAllocated', 'also at Open mSupply central';
};

# what a site that is upgraded finds there
subtest 'rows follow what comes by v5 and v6' => sub {
    fresh();

    my ($id)   = sort keys %{rows('Unit')};
    my $old    = rows('Unit')->{$id};
    my $cursor = pull(0)->{maxCursor};
    my $change = sub (@c) { control(change => {tableName => 'unit', recordId => $id, @c}) };
    my $of     = sub ($table) {
        [map { [@$_{qw(recordId action)}] } grep { $_->{tableName} eq $table } @{pull($cursor)->{records}}];
    };

    config(sync_version => undef);
    $change->(action => 'update', recordData => {ID => $id, units => 'jar'});
    is_deeply rows('Unit')->{$id}, $old, 'not of a legacy server that knows nothing of v7';

    config(sync_version => '');
    $change->(action => 'update', recordData => {ID => $id, units => 'jar'});
    is_deeply rows('Unit')->{$id}, {%$old, name => 'jar'}, 'what is not said stays';
    is_deeply $of->('Unit'), [[$id, 'Upsert']], 'and a site gets it';

    $change->(recordId => 'NEW', action => 'insert', recordData => {ID => 'NEW', units => 'box'});
    is rows('Unit')->{NEW}{name}, 'box', 'a new one';

    $change->(action => 'delete');
    ok !rows('Unit')->{$id}, 'a delete';
    is_deeply $of->('Unit'), [['NEW', 'Upsert'], [$id, 'Delete']], 'is told, too';

    my ($line) = sort keys %{rows('InvoiceLine')};
    my $above  = rows('InvoiceLine')->{$line}{invoice_id};
    control(change => {tableName => 'trans_line', recordId => 'LINE', action => 'insert',
        recordData => {ID => 'LINE', transaction_ID => $above, note => 'x'}});
    my $data = rows('InvoiceLine')->{LINE};
    is_deeply [@$data{qw(invoice_id note)}], [$above, 'x'], 'a line';
    is_deeply $of->('IndicatorLine'), [], 'and of two tables that share one the other has none';
};

subtest 'answers go wrong as those of the others do' => sub {
    fresh();
    control(fault => {api => 'v7', path => 'pull', kind => 'error_code', value => {DatabaseError => 'x'}});
    control(fault => {api => 'v7', path => 'site_status', kind => 'busy'});
    control(fault => {api => 'v7', path => 'get_token', kind => 'drop_after'});

    is_deeply err_of(pull => {cursor => 0, batchSize => 1, isInitialising => false}), {DatabaseError => 'x'}, 'an error';
    is_deeply err_of(site_status => undef), {SiteLockError => 'IntegrationInProgress'}, 'busy';

    config(v7_token => undef);
    ok !eval { get_token()->{Ok} }, 'the answer is lost';
    is get_token()->{Err}, 'TokenAlreadyAllocated', 'the token with it';
};

subtest 'how much is left behind a cursor' => sub {
    fresh();
    my @records = @{pull(0)->{records}};
    is control("left?api=v7&cursor=$records[9]{cursor}")->{left}, @records - 10, 'for a site that is initialised';
};

subtest 'a snapshot holds the rows of v7 too' => sub {
    fresh();
    my $end = pull(0)->{maxCursor};
    control(snapshot => {});
    change(tableName => 'Unit', recordId => 'u1', recordData => {id => 'u1'});
    is pull(0)->{maxCursor}, $end + 1, 'a change';
    control(restore => {});
    is pull(0)->{maxCursor}, $end, 'is gone';
};

done_testing;
