# The whole way: nginx, the helper, SQLite and both central servers.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use Msync::Test qw(
    is_running processes_of site_config site_path sqlite start_central
    start_nginx wait_until write_private
);
use Test::More;

# another one than that of suites beside this one: all processes are looked at
use constant PASSWORD => "correct horse battery $$";

# nginx's own line about the helper that a test has killed.
use constant KILLED => qr/exited on signal 9/;

my @STEPS = qw(prepareInitial pushV6 push pullCentral pullRemote pullV6
               integration);

# What the variants said, to see that each has its own advice.
my %advice;

my $central = start_central(password => PASSWORD, records => 3000);

if (!-x $ENV{TEST_NGINX_MSYNC}) {
    BAIL_OUT('build/msync is missing: run make first');
}

my $nginx = first_sync();
nothing_is_pushed_back('after the first sync');
edits_are_pushed();
nothing_is_pushed_back('after a push');
edits_of_the_application_during_a_sync_are_not_lost();
deletes_are_pushed();
changes_of_central_arrive();
a_table_that_is_rebuilt_is_sent_again();
a_column_that_is_gone_ends_the_run();

refusals_have_their_own_variant();
a_busy_central_is_waited_for();
central_is_down();
an_unknown_site();
a_first_sync_that_broke_off_goes_on_by_itself();

reload_in_the_middle_of_a_sync();
a_killed_helper_in_the_middle_of_a_sync();
two_workers_see_one_site();
quit_in_the_middle_of_a_sync();

central_has_no_complaint();
secrets_stay_secret();

done_testing();


sub query { return sqlite(site_path('clinic.sqlite'), @_) }


sub nginx_with_site {
    my ($name, %parameters) = @_;

    # one that is written anew has a new helper
    write_private('password', PASSWORD . "\n") if !-e site_path('password');

    return start_nginx(
        workers => 2,
        http    => real_site($name, %parameters),
        server  => "location /api/ { msync $name; }",
    );
}


sub real_site {
    my ($name, %parameters) = @_;

    return site_config($name,
        helper        => $ENV{TEST_NGINX_MSYNC},
        url           => $central->url,
        username      => '"Clinic 7"',
        password_file => site_path('password'),
        %parameters,
    );
}


sub helpers { return processes_of($ENV{TEST_NGINX_MSYNC}) }


# Starts a run and waits for its end; returns the status document then.
sub run_sync {
    my $of = $_[0] // $nginx;

    return $of->sync($of->status->{site}, seconds => 120) // {};
}

sub end_of_run {
    my ($of, $before) = @_;

    return $of->end_of_run($of->status->{site}, $before, seconds => 120) // {};
}

sub ended { return $_[0]->runs_ended($_[0]->status->{site}) }


sub succeeds {
    my ($doc, $name) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    my $error = $doc->{syncStatus}{error};
    my $good = $doc->{state} eq 'idle' && !$error
        && $doc->{syncStatus}{summary}{finished};

    ok($good, $name) or diag(Msync::Test::encode_json($doc));
}


sub fails_with {
    my ($doc, $variant, $name) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    my $error = $doc->{syncStatus}{error} // {};

    is($error->{variant}, $variant, "$name: $variant");
    is($doc->{state}, 'error', 'the state is error');
    like($error->{fullError}, qr/^\S+(?: \S+){3,}/, 'it says what to do');
    $advice{$variant} = $error->{fullError};
}


# How much central has received so far, as "v5 v6".
sub received_counts {
    my $count = $central->state(1)->{receivedCount};

    return "$count->{v5} $count->{v6}";
}


sub first_sync {
    my $of = nginx_with_site('clinic');

    $of->wait_status(sub { $_->{state} eq 'pre_initialisation' });
    is($of->status->{initialisationStatus}, 'PRE_INITIALISATION',
       'before the first sync');

    the_status_walks_through_the_steps($of);
    $central->clear_faults;

    my $end = end_of_run($of, 0);

    succeeds($end, 'the first sync succeeds');
    is($end->{initialisationStatus}, 'INITIALISED', 'the site is initialised');
    is($end->{integrationErrors}, 0, 'all records have become rows');
    is($end->{numberOfRecordsInPushQueue}, 0, 'nothing waits to be sent');

    my $sync = $end->{syncStatus};
    my @started;

    for my $step (@STEPS) {
        if ($step =~ /^push/) {
            is($sync->{$step}, undef, "$step waits for the first sync");
            next;
        }

        ok($sync->{$step}{finished}, "$step has finished");
        is($sync->{$step}{done}, $sync->{$step}{total},
           "$step has done all of its total");
        push @started, $sync->{$step}{started};
    }

    is_deeply(\@started, [sort @started], 'one after the other');

    rows_are_those_of_central();

    is(query('PRAGMA foreign_key_check'), '', 'no row lacks its parent');
    is(query('PRAGMA integrity_check'), 'ok', 'the file is sound');
    is(query('SELECT count(*) FROM changelog'), 0,
       'what arrived is not logged as a change');
    is(query('SELECT count(*) FROM sync_buffer WHERE integration_datetime '
        . 'IS NULL'), 0, 'nothing is left in the buffer');

    return $of;
}


# Central holds each step until a stream has told of it.
sub the_status_walks_through_the_steps {
    my ($of) = @_;

    my $stream = $of->open_stream('/api/events');
    my @calls = (
        prepareInitial => [v5 => 'initialise'],
        pullCentral    => [v5 => 'central_records'],
        pullRemote     => [v5 => 'queued_records'],
        pullV6         => [v6 => 'pull'],
    );

    while (my ($step, $call) = splice @calls, 0, 2) {
        $central->fault(api => $call->[0], path => $call->[1],
                        kind => 'hold');
        is($of->post('/api/trigger')->{status}, 202, 'the first sync')
            if $step eq $STEPS[0];
        ok(wait_until(sub { is_told_of($step, $stream) }),
           "the status comes by $step");
    }
}

sub is_told_of {
    my ($step, $stream) = @_;

    return grep { $_ && $_->{$step} && !$_->{$step}{finished} }
        map { Msync::Test::decode_json($_->{data})->{syncStatus} }
        $stream->events;
}


sub rows_are_those_of_central {
    my $expected = $central->state(1)->{counts};
    my @tables = sort keys %$expected;
    my %rows = map { split /\|/ } split /\n/, query(
        join ' UNION ALL ',
        map { qq{SELECT '$_', count(*) FROM "$_"} } @tables);
    my $sum = 0;

    is_deeply(\%rows, $expected, 'every table has the rows of central');

    $sum += $_ for values %rows;
    cmp_ok($sum, '>', 2000, 'thousands of them');

    for my $table (qw(item name store item_line asset_class)) {
        cmp_ok($rows{$table}, '>', 0, "$table has rows");
    }
}


sub nothing_is_pushed_back {
    my ($when) = @_;

    my $before = received_counts();

    for my $run ('once', 'twice') {
        my $end = run_sync();

        succeeds($end, "a sync $when, $run");
        is($end->{syncStatus}{push}{total} // 0, 0, 'pushes nothing');
        is($end->{syncStatus}{pushV6}{total} // 0, 0, 'on either side');
    }

    is(received_counts(), $before, 'central has received nothing');
}


sub edit {
    my ($table, $key, $set) = @_;

    return qq{UPDATE "$table" SET $set WHERE "$key" = }
        . qq{(SELECT min("$key") FROM "$table")};
}


sub edits_are_pushed {
    my ($v5, $v6) = map { scalar @{[$central->received($_)]} } qw(v5 v6);
    my $requests = $central->state(1)->{requestCount};

    my $changes = query(
        edit('item_line', 'ID', "batch = 'EDIT-1'"),
        edit('Location', 'ID', "Description = 'Cold room'"),
        edit('asset', 'id', "notes = 'Checked'"),
        edit('asset_log', 'id', "comment = 'All well'"),
        'SELECT total_changes()',
    );
    cmp_ok($changes, '>=', 4, 'four rows are edited in the sqlite3 shell');

    ok($nginx->wait_status(sub { $_->{numberOfRecordsInPushQueue} == 4 }),
       'the status says 4 records');
    is($central->state(1)->{requestCount}, $requests, 'without any sync');

    my $end = run_sync();

    succeeds($end, 'the sync succeeds');

    for my $step (qw(pushV6 push)) {
        is($end->{syncStatus}{$step}{total}, 4, "$step counts four changes");
        is($end->{syncStatus}{$step}{done}, 4, "$step has done four");
    }

    is($end->{numberOfRecordsInPushQueue}, 0, 'nothing waits any more');

    my @legacy = $central->received('v5');
    my @new = $central->received('v6');

    is(join(' ', sort map { $_->{tableName} } @legacy[$v5 .. $#legacy]),
       'Location item_line', 'two records went to mSupply central');
    is(join(' ', sort map { $_->{tableName} } @new[$v6 .. $#new]),
       'asset asset_log', 'two records went to Open mSupply central');

    my ($line) = grep { $_->{tableName} eq 'item_line' } @legacy;
    is($line->{recordData}{batch}, 'EDIT-1', 'with the new value');
    is($line->{action}, 'Update', 'as an update');
}


# The application writes while the helper pulls; central is slow meanwhile.
sub edits_of_the_application_during_a_sync_are_not_lost {
    $central->config(page_delay_ms => 300);

    my $before = ended($nginx);
    $nginx->post('/api/trigger');
    ok($nginx->wait_status(\&is_pulling), 'a sync is under way');

    query(edit('item_line', 'ID', "batch = 'EDIT-2'"));

    $central->config(page_delay_ms => 0);
    succeeds(end_of_run($nginx, $before), 'the sync goes on');

    ok($nginx->wait_status(sub { $_->{numberOfRecordsInPushQueue} == 1 }),
       'the edit waits');
    succeeds(run_sync(), 'the next sync');

    my ($line) = grep { $_->{tableName} eq 'item_line' }
        reverse $central->received('v5');
    is($line->{recordData}{batch}, 'EDIT-2', 'sends it');
}


sub deletes_are_pushed {
    my $id = query('SELECT ID FROM Stock_take_lines LIMIT 1');

    query("DELETE FROM Stock_take_lines WHERE ID = '$id'");
    $nginx->wait_status(sub { $_->{numberOfRecordsInPushQueue} == 1 });
    succeeds(run_sync(), 'a sync after a delete');

    my ($last) = reverse $central->received('v5');
    is("$last->{action} $last->{tableName} $last->{recordId}",
       "Delete Stock_take_lines $id", 'sends the delete');
    is($last->{recordData}, undef, 'without data');
}


sub changes_of_central_arrive {
    my ($id, $text) = split /\|/, query('SELECT ID, units FROM unit LIMIT 1');

    $central->change(tableName => 'unit', recordId => $id,
        action => 'update', recordData => {
            ID => $id, units => "$text!", comment => '', order_number => 1,
        });

    succeeds(run_sync(), 'a sync after a change on central');
    is(query("SELECT units FROM unit WHERE ID = '$id'"), "$text!",
       'brings it');
    is(query('SELECT count(*) FROM changelog WHERE table_name = '
        . "'unit'"), 0, 'and does not send it back');
}


# What Django and Alembic do; triggers go with the table that is dropped.  What
# central has changed since the last sync is not undone by rows that nobody has
# changed here.
sub a_table_that_is_rebuilt_is_sent_again {
    my ($mine, $of_central) = split /\n/,
        query('SELECT ID FROM Location ORDER BY ID LIMIT 2');

    $central->change(tableName => 'Location', recordId => $of_central,
        action => 'update', recordData => {
            %{ $central->record('Location', $of_central) },
            Description => 'Of central',
        });

    my $create = query('SELECT sql FROM sqlite_master WHERE name = '
                       . "'Location'");

    $create =~ s/"Location"/"new__Location"/;
    query('PRAGMA foreign_keys = OFF', 'BEGIN', $create,
          'INSERT INTO new__Location SELECT * FROM Location',
          'DROP TABLE Location',
          'ALTER TABLE new__Location RENAME TO Location',
          edit('Location', 'ID', q(Description = 'Rebuilt')), 'COMMIT');

    ok($nginx->wait_status(sub { $_->{numberOfRecordsInPushQueue} > 0 }),
       'rows of a table that was rebuilt wait');

    my $before = $central->received('v5');
    my $status = run_sync();
    succeeds($status, 'and the next sync');
    is($status->{numberOfRecordsInPushQueue}, 0, 'has nothing left to send');

    my %sent = map { $_->{recordId} => $_->{recordData}{Description} }
        grep { $_->{tableName} eq 'Location' }
        ($central->received('v5'))[$before .. $central->received('v5') - 1];

    is($sent{$mine}, 'Rebuilt', 'sends what no trigger has seen');
    ok(!exists $sent{$of_central}, 'but no row that central has changed');
    is(query("SELECT Description FROM Location WHERE ID = '$of_central'"),
       'Of central', 'which is as central has it');
}


sub a_column_that_is_gone_ends_the_run {
    query('ALTER TABLE Location RENAME COLUMN Description TO title');
    my $error = run_sync()->{syncStatus}{error} // {};

    is($error->{variant}, 'DATABASE_ERROR', 'a column that is gone');
    like($error->{fullError},
         qr/"Location": the column "Description" is gone.*msync reinitialise/,
         'is named, with what to do');

    query('ALTER TABLE Location RENAME COLUMN title TO Description');
    succeeds(run_sync(), 'and when it is there again the next run');
}


sub refusals_have_their_own_variant {
    my %good = (password => PASSWORD, hardware_id => hardware_id(),
                version => 14, v6_version => 5);
    my @cases = (
        ['INCORRECT_PASSWORD', password => 'changed'],
        ['HARDWARE_ID_MISMATCH', hardware_id => 'another machine'],
        ['API_VERSION_INCOMPATIBLE', version => 99],
        ['V6_API_VERSION_INCOMPATIBLE', v6_version => 99],
    );

    for my $case (@cases) {
        my ($variant, $key, $value) = @$case;

        $central->config($key => $value);
        fails_with(run_sync(), $variant, "another $key");

        $central->config($key => $good{$key});
        succeeds(run_sync(), 'and the next run recovers');
    }
}

sub hardware_id { return $central->state(1)->{hardwareId} }


sub a_busy_central_is_waited_for {
    $central->fault(api => 'v5', path => 'site', kind => 'busy', times => 2);
    succeeds(run_sync(), 'a central that is busy for a while is waited for');
    $central->clear_faults;
}


sub central_is_down {
    my $here = start_central(password => PASSWORD, records => 300);

    $here->stop;
    my $of = nginx_with_site('remote', url => $here->url);

    $of->wait_status(sub { $_->{state} eq 'pre_initialisation' });
    fails_with(run_sync($of), 'CONNECTION_ERROR',
               'central is down');
    is($of->status->{initialisationStatus}, 'INITIALISING',
       'the first sync is not done');

    $here->restart;
    succeeds(run_sync($of), 'and the next run recovers');
    is($of->status->{initialisationStatus}, 'INITIALISED',
       'the first sync is done');

    $here->stop;
    fails_with(run_sync($of), 'CONNECTION_ERROR',
               'central is down later');
    ok($of->status->{syncStatus}{lastSuccessfulSync}{finished},
       'the last successful sync is still shown');

    ok($of->stop, 'quit');
}


sub an_unknown_site {
    my $of = nginx_with_site('stranger', username => 'Nobody');

    $of->wait_status(sub { $_->{state} eq 'pre_initialisation' });
    fails_with(run_sync($of), 'SITE_NAME_NOT_FOUND',
               'an unknown site');

    is(scalar(keys %advice), 6, 'six kinds of failure were seen');
    my %texts = map { $_ => 1 } values %advice;
    is(scalar(keys %texts), 6, 'each has its own advice');

    ok($of->stop, 'quit');
}


sub a_first_sync_that_broke_off_goes_on_by_itself {
    my $here = start_central(password => PASSWORD, records => 300);
    my $of = nginx_with_site('torn', url => $here->url, interval => '1s');

    $of->wait_status(sub { $_->{state} eq 'pre_initialisation' });
    is($of->status->{nextSync}, undef, 'none is planned before the first one');

    $here->stop;
    fails_with(run_sync($of), 'CONNECTION_ERROR',
               'a line that goes');
    $here->restart;
    ok($of->wait_status(sub { $_->{initialisationStatus} eq 'INITIALISED' }),
       'the first sync is done when it is back, and nobody asked again');

    ok($of->stop, 'quit');
}


# What the document of a run that is over is not.
sub is_pulling {
    return $_->{syncStatus}{isSyncing} && $_->{syncStatus}{pullCentral};
}


# A sync that takes seconds, for those who disturb it.
sub slow_sync_begins {
    my ($of) = @_;

    $central->config(page_delay_ms => 400);
    my $before = ended($of);
    $of->post('/api/trigger');

    ok($of->wait_status(\&is_pulling), 'a sync is under way');

    return $before;
}


sub reload_in_the_middle_of_a_sync {
    my ($pid) = helpers();
    my $before = slow_sync_begins($nginx);

    ok($nginx->reload, 'reload');
    ok(wait_until(sub { !is_running($pid) }), 'the old helper ends');
    $central->config(page_delay_ms => 0);

    ok(wait_until(sub { helpers() == 1 }), 'a new one is there');
    succeeds(end_of_run($nginx, $before), 'the sync completes');
    is(scalar(@{[helpers()]}), 1, 'exactly one helper');
    is(join('', $nginx->alarms), '', 'no alarm in the log');
}


sub a_killed_helper_in_the_middle_of_a_sync {
    my ($pid) = helpers();
    my $before = slow_sync_begins($nginx);

    kill KILL => $pid;

    my $failed = 0;
    my $new = wait_until {
        $failed++ if $nginx->get('/api/status')->{status} != 200;
        my ($now) = helpers();
        return $now && $now != $pid;
    };

    $central->config(page_delay_ms => 0);

    ok($new, 'a new helper is there');
    is($failed, 0, 'the status is served meanwhile');
    succeeds(end_of_run($nginx, $before), 'the sync completes');
    is(query('PRAGMA foreign_key_check'), '', 'no row lacks its parent');
    is(query('PRAGMA integrity_check'), 'ok', 'the file is sound');
    is(join('', $nginx->alarms(KILLED)), '', 'no alarm in the log');
    nothing_is_pushed_back('after a kill');
}


# A second nginx with the same database: one helper works, the other waits.
sub two_workers_see_one_site {
    my $other = nginx_with_site('clinic');

    ok(wait_until(sub { helpers() == 2 }), 'a second nginx has a helper too');

    succeeds(run_sync(), 'the first nginx syncs');
    is($nginx->get('/api/status')->{json}{state}, 'idle', 'and serves');
    is($other->get('/api/status')->{status}, 200, 'the second one serves');

    ok($other->stop, 'the second nginx quits');
    ok(wait_until(sub { helpers() == 1 }), 'its helper ends');
    succeeds(run_sync(), 'the first goes on');
}


sub quit_in_the_middle_of_a_sync {
    slow_sync_begins($nginx);

    ok($nginx->stop, 'quit in the middle of a sync');
    is(scalar(@{[helpers()]}), 0, 'no helper is left');
    is(join('', $nginx->alarms(KILLED)), '', 'no alarm in the log');

    $central->config(page_delay_ms => 0);
    is(query('PRAGMA integrity_check'), 'ok', 'the file is sound');

    $nginx->start;
    $nginx->wait_status(sub { $_->{state} ne 'stopped' });
    succeeds(run_sync(), 'after a new start the sync succeeds');
    ok($nginx->stop, 'quit');
}


sub central_has_no_complaint {
    my @violations = map { "$_->{api} $_->{call}: $_->{message}" }
        @{ $central->state(1)->{violations} };

    is(join("\n", @violations), '', 'central has seen no breach of protocol');
}


sub secrets_stay_secret {
    my $hash = sha256_hex(PASSWORD);
    my @lines = grep { /\Q$hash\E|@{[PASSWORD]}/i } $nginx->log_lines;

    is(join('', @lines), '', 'the log holds no secret');

    @lines = grep { /\Q$hash\E/ } map { readable($_) }
        glob '/proc/[0-9]*/{cmdline,environ}';

    is(join('', @lines), '', 'nor does a process list');
}

sub readable {
    my ($path) = @_;

    open my $fh, '<', $path or return;
    return scalar <$fh> // '';
}
