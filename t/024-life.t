# The life of a site, as its helper leads it: when runs are due, what becomes
# of one that fails, is cancelled or killed.  The test is the helper's nginx.

use strict;
use warnings;

use DBI ();
use Digest::SHA qw(sha256_hex);
use Msync::Helper qw(switch);
use Msync::Test qw(site_path sqlite start_central wait_until);
use Test::More;
use Time::HiRes qw(time);
use Time::Local qw(timegm);

use constant HOUR => 3600 * 1000;          # in ms
use constant YEAR => 365 * 24 * HOUR;

my $central = start_central(password => 'secret', records => 300);

a_run_is_told_of_as_it_goes_on_and_not_by_each_record();
the_clock_is_put_back();
what_was_sent_is_kept_by_days_whatever_the_clock_says();
what_was_sent_goes_when_nobody_works();
a_success_of_a_later_year_is_none_of_the_future();
a_clock_that_is_set_in_a_run_makes_it_no_longer();
one_server_out_of_reach_does_not_stop_the_other();
the_legacy_server_out_of_reach_does_not_stop_the_other();
a_full_disk_is_an_error_and_one_try_an_interval();
what_became_of_a_run_is_written_when_the_disk_has_room();
a_first_sync_goes_on_when_the_disk_has_room();
a_pause_holds_where_it_cannot_be_written();
a_locked_database_is_said_and_can_be_left();
a_database_that_is_locked_while_it_is_opened_is_said();
a_log_that_grows_is_said();
what_nobody_waits_for_is_not_done();
what_a_locked_database_keeps_out_is_not_done_later();
what_takes_long_is_answered_and_goes_on();
what_goes_on_does_so_in_the_next_helper();
what_a_server_does_not_take_is_passed_over_in_few_writes();
a_patient_does_not_end_the_first_sync();
a_patient_who_was_not_fetched_is_asked_for_again();
what_is_restored_in_a_run_ends_it();
a_link_that_leads_elsewhere_in_a_run_loses_nothing();
what_comes_anew_is_not_over_when_it_breaks_off();
what_somebody_has_to_mend_is_tried_more_and_more_seldom();
what_refuses_for_ever_is_asked_more_and_more_seldom();
who_asks_to_be_left_alone_for_a_while_is();
a_pause_holds_over_a_run_that_was_killed();
a_pause_holds_over_a_first_sync_that_was_killed();
runs_that_kill_their_helper_wait();
equal_failures_are_one_line();
a_retry_is_a_run_that_asks_nothing();

is_deeply($central->state->{violations}, [], 'central has no complaint');

done_testing();


# With other members of CONFIG, and with "env" for the helper with fault
# points.
sub start {
    my ($name, %config) = @_;
    my $env = delete $config{env};

    local %ENV = (%ENV, %{ $env // {} });

    return Msync::Helper->start(
        $env ? (program => $ENV{TEST_NGINX_MSYNC_FAULTS}) : (),
        site => $name, database => site_path("$name.sqlite"),
        url => $central->url, username => 'Clinic 7',
        password_sha256 => sha256_hex('secret'), interval => 0, %config,
    );
}


sub a_run_is_told_of_as_it_goes_on_and_not_by_each_record {
    my $helper = start('told', central_pull => 10);
    my %seen;

    $helper->wait_status(sub { $_->{initialisationStatus} });
    $central->config(page_delay_ms => 100);

    my $before = $helper->statuses;
    my $since = time;

    $helper->trigger;
    $helper->wait_status(sub {
        $seen{ ($_->{syncStatus}{pullCentral} // {})->{done} // '' }++;
        return $helper->runs;
    });
    $central->config(page_delay_ms => 0);

    # a few more where a step begins or ends
    cmp_ok(scalar(keys %seen), '>', 3, 'a step is told of as it goes on');
    cmp_ok($helper->statuses - $before, '<', 30 + 10 * (time - $since),
           'some ten times a second')
        or diag(explain(\%seen));
}


sub the_clock_is_put_back {
    my $env = switch(0, 0);
    my $helper = start('clock', interval => 2, env => $env);
    is($helper->run, 0, 'the first sync');
    my $runs = $helper->runs;
    my $next = $helper->wait_status(sub { $_->{nextSync} })->{nextSync};

    switch(-9 * HOUR, 0);
    ok($helper->wait_status(sub { $_->{nextSync}
                                  && $_->{nextSync} lt $next }),
       'the date of the next run goes back with it');
    ok($helper->wait_status(sub { $helper->runs > $runs + 1 }),
       'and it is not waited for nine hours');

    $helper->stop;
    $helper = start('clock', interval => 2, env => $env);
    ok($helper->wait_status(sub { $helper->runs > 1 }),
       'neither by a helper that finds a run of tomorrow');
}


# For a central that is restored one day.
sub what_was_sent_is_kept_by_days_whatever_the_clock_says {
    my $env = switch(-50 * YEAR, 0);
    my $helper = start('days', env => $env);
    my $kept = sub { changes('days') > 0 };

    is($helper->run, 0, 'a first sync, while the clock has no date yet');
    sqlite(database('days'), q{UPDATE Location SET code = code || '-'});
    is($helper->run, 0, 'a change is sent');

    # it trims nothing while others write
    $helper->stop;
    $helper = start('days', env => $env);
    is($helper->run, 0, 'a run with nothing to do');
    switch(0, 0);
    is($helper->run, 0, 'a run when the clock is set');
    ok($kept->(), 'the change is no older than it is');
    switch(2 * YEAR, 0);
    is($helper->run, 0, 'a run when it is set wrong');
    ok($kept->(), 'nor then');
}


# To remove it takes the lock again and again.
sub what_was_sent_goes_when_nobody_works {
    my $helper = initialised('trimmed', changelog_keep => 0);

    sqlite(database('trimmed'), q{UPDATE Location SET code = code || '-'});
    is($helper->run, 0, 'a change is sent');
    cmp_ok(changes('trimmed'), '>', 0, 'it stays, for somebody writes');

    $helper->stop;
    $helper = start('trimmed', changelog_keep => 0);
    is($helper->run, 0, 'a run while nobody does');
    is(changes('trimmed'), 0, 'removes it');
}


sub database { return site_path("$_[0].sqlite") }

# How many are in the changelog, sent or not.
sub changes {
    return sqlite(database($_[0]), 'SELECT count(*) FROM changelog') + 0;
}

# A connection of the application.
sub connect_database {
    my $dbh = DBI->connect('dbi:SQLite:dbname=' . database($_[0]), '', '',
                           { RaiseError => 1, PrintError => 0 });
    $dbh->sqlite_busy_timeout(10_000);

    return $dbh;
}

# A site that has had its first sync.
sub initialised {
    my ($name, %config) = @_;

    my $helper = start($name, %config);
    is($helper->run, 0, "$name: the first sync")
        or diag(explain $helper->wait_status(sub { 1 })->{syncStatus});

    return $helper;
}

# One run, well or not; returns the status after it.
sub run {
    my ($helper) = @_;

    my $runs = $helper->runs // 0;
    $helper->trigger;

    return $helper->wait_status(sub {
        $helper->runs > $runs && !$_->{syncStatus}{isSyncing} }, 120) // {};
}

# Ids of what central has changed since, for all three pulls.
sub change {
    my ($central_unit) = split /\n/, sqlite(database($_[0]),
        'SELECT min(ID) FROM unit');
    my $unit = $central->record(unit => $central_unit);
    my $asset = sqlite(database($_[0]), 'SELECT min(id) FROM asset');

    $central->change(tableName => 'unit', recordId => $central_unit,
        channel => 'central', action => 'update',
        recordData => { %$unit, comment => "seen by $_[0]" });
    $central->change(tableName => 'asset', recordId => $asset,
        action => 'update', recordData => {
            %{ $central->record(asset => $asset) }, notes => "of $_[0]" });

    return ($central_unit, $asset);
}

sub edit {
    sqlite(database($_[0]), "UPDATE item_line SET batch = 'by $_[0]' WHERE "
           . 'ID = (SELECT min(ID) FROM item_line)');
}

# So many times more than a run will ask, for any call or a certain one.
sub out {
    my ($api, %more) = @_;

    $central->fault(api => $api, kind => 'status', value => 502,
                    times => 1000, %more);
}

sub ended { return defined $_[0]{syncStatus}{$_[1]}{finished} }


# Or nobody would be told that nothing is synchronised before that year.
sub a_success_of_a_later_year_is_none_of_the_future {
    my $env = switch(2 * YEAR, 0);
    my $helper = initialised('later', env => $env);
    my $success = sub {
        return seconds($_->{syncStatus}{lastSuccessfulSync}{finished});
    };
    my $fails = sub { $_->{syncStatus}{error} };
    my $ahead = 2 * YEAR / 1000;

    ok($helper->wait_status(sub { $success->() > time + $ahead - 300 }),
       'a success by a clock that is wrong');
    out('v5');
    run($helper);
    switch(0, 0);
    my $status = $helper->wait_status(sub { $success->() <= time }, 20);
    ok($status, 'is of now when the clock is right');
    cmp_ok(seconds($status->{syncStatus}{lastSuccessfulSync}{started}), '>',
           time - 300, '… from its beginning on');
    ok($helper->wait_status($fails), 'the failure behind it is still shown');
    is(scalar(grep { /last success is dated .* clock .* was wrong/ }
              $helper->log), 1, 'the log says so once');
    ok(wait_until(sub {
        sqlite(database('later'), 'SELECT finished_datetime FROM sync_log '
               . 'WHERE error_code IS NULL') lt '2028' }), 'and keeps it');
    $central->clear_faults;
    $helper->stop;

    switch(-50 * YEAR, 0);
    $helper = start('later', env => $env);
    ok($helper->wait_status(sub { $success->() > time - 300 }),
       'a clock that is not set yet makes it no other one');
    ok($helper->pause && $helper->resume, 'though there was time for that');
    ok($helper->wait_status(sub { $success->() > time - 300 }, 5), 'nor then');

    run($helper);
    ok($helper->wait_status(sub { $success->() < 300_000_000 }),
       'a success of that clock');
    switch(0, 0);
    ok($helper->wait_status(sub { $success->() > time - 300 }, 20),
       'is of now, too, when it is set');
}


# As by a time service that comes later than the run.
sub a_clock_that_is_set_in_a_run_makes_it_no_longer {
    for my $hours (-9, 9, -56 * 365 * 24, 84 * 365 * 24) {
        my $helper = initialised("set$hours", env => switch(0, 0));
        my $runs = $helper->runs;

        $central->fault(api => 'v5', path => 'site', kind => 'hold');
        $helper->trigger;
        $helper->wait_status(sub { $_->{syncStatus}{isSyncing} });
        wait_until { $central->state(1)->{faults}[0]{times} == 0 };
        switch($hours * HOUR, 0);
        $central->clear_faults;

        my $run = $helper->wait_status(sub { $helper->runs > $runs })
            ->{syncStatus};
        my @times = ($run->{summary}{started},
            (map { @{ $run->{$_} }{qw(started finished)} }
             qw(pullCentral pullRemote)), $run->{summary}{finished});

        is_deeply(\@times, [sort @times],
                  "a clock that is set by $hours hours in a run");
        cmp_ok($run->{summary}{durationInSeconds}, '<', 600,
               'does not make it longer');
        is(sqlite(database("set$hours"), 'SELECT count(*) FROM sync_log WHERE '
                  . 'duration_in_seconds NOT BETWEEN 0 AND 600'), 0,
           'nor shorter, in the log');
    }
}


sub one_server_out_of_reach_does_not_stop_the_other {
    my $helper = initialised('v6out');
    my $success = $helper->wait_status(sub { 1 })
        ->{syncStatus}{lastSuccessfulSync}{started};
    my ($unit) = change('v6out');
    edit('v6out');
    out('v6');

    my $status = run($helper);
    is($status->{syncStatus}{error}{variant}, 'HTTP_ERROR', 'the run fails');
    like($status->{syncStatus}{error}{fullError}, qr/v6: .*502/,
         'with the words of the step that did');
    ok(!ended($status, 'pullV6'), 'which has no end');
    ok(ended($status, $_), "but $_ has")
        for qw(push pullCentral pullRemote integration);
    is($status->{syncStatus}{lastSuccessfulSync}{started}, $success,
       'it is no success');
    is($status->{numberOfRecordsInPushQueue}, 0, 'what waited was sent');
    is(sqlite(database('v6out'),
              "SELECT comment FROM unit WHERE ID = '$unit'"),
       'seen by v6out', 'what came is there');
    $helper->stop;

    $helper = start('v6first');
    $status = run($helper);
    is($status->{initialisationStatus}, 'INITIALISING',
       'a first sync is not over before all is there');
    cmp_ok(sqlite(database('v6first'), 'SELECT count(*) FROM item'), '>', 0,
           'though what came is');
    $central->clear_faults;
    is(run($helper)->{initialisationStatus}, 'INITIALISED',
       'the next run ends it');
}


sub the_legacy_server_out_of_reach_does_not_stop_the_other {
    my $helper = initialised('v5out');
    my (undef, $asset) = change('v5out');
    out('v5');

    my $status = run($helper);
    is($status->{syncStatus}{error}{variant}, 'HTTP_ERROR', 'the run fails');
    ok(ended($status, 'pullV6'), 'but Open mSupply central was asked');
    is(sqlite(database('v5out'),
              "SELECT notes FROM asset WHERE id = '$asset'"), 'of v5out',
       'and what it has is there');
    $central->clear_faults;

    my $asked = $central->state(1)->{requestCount};
    $central->fault(api => 'v5', path => 'site', kind => 'error_code',
                    value => 'site_incorrect_password', times => 1);
    is(run($helper)->{syncStatus}{error}{variant}, 'INCORRECT_PASSWORD',
       'a site that is refused');
    is($central->state(1)->{requestCount}, $asked + 1,
       'is not asked about at the other server');
    $central->clear_faults;
}


sub a_full_disk_is_an_error_and_one_try_an_interval {
    my $helper = initialised('full', interval => 3, env => switch(0, 0));

    switch(0, 1);
    my $runs = $helper->runs;
    my $status = $helper->wait_status(sub {
        $_->{syncStatus}{error} && !$_->{syncStatus}{isSyncing}
    });
    is($status->{syncStatus}{error}{variant}, 'DISK_FULL', 'a full disk');
    is($status->{state}, 5, 'is an error');
    ok($status->{syncStatus}{lastSuccessfulSync}, 'beside the last success');
    ok($helper->wait_status(sub { $helper->runs >= $runs + 3 }),
       'it is tried again');
    cmp_ok($helper->runs, '<', $runs + 9, 'not all the time');
    is(scalar(grep { /DISK_FULL|is full/ } $helper->log), 1,
       'one line in the log') or diag(explain [$helper->log]);

    switch(0, 0);
    ok($helper->wait_status(sub { $_->{syncStatus}
                                  && !$_->{syncStatus}{error} }),
       'when there is room it goes on by itself');
}


sub what_became_of_a_run_is_written_when_the_disk_has_room {
    my $helper = initialised('unwritten', env => switch(0, 0));
    my $runs = $helper->runs;
    my $log = sub {
        return sqlite(database('unwritten'), 'SELECT finished_datetime IS '
            . 'NULL, error_code FROM sync_log ORDER BY id LIMIT 1, 9');
    };

    $central->hold;
    $helper->trigger;
    $helper->wait_status(sub { $_->{syncStatus}{isSyncing} });
    switch(0, 1);
    $central->go_on;
    ok($helper->wait_status(sub { $helper->runs > $runs }),
       'a run in which the disk fills ends');
    is($log->(), '1|', 'which the log has no room for');

    switch(0, 0);
    is(run($helper)->{syncStatus}{error}, undef, 'the next one goes well');
    is($log->(), "0|DISK_FULL\n0|", 'and the log has both');
}


sub a_first_sync_goes_on_when_the_disk_has_room {
    my $helper = start('room', interval => 2, env => switch(0, 0));

    $helper->wait_status(sub { 1 });
    switch(0, 1);
    is(run($helper)->{syncStatus}{error}{variant}, 'DISK_FULL',
       'a first sync on a full disk');
    switch(0, 0);
    ok($helper->wait_status(sub {
        $_->{initialisationStatus} eq 'INITIALISED' }, 120),
       'goes on by itself when there is room');
}


sub a_pause_holds_where_it_cannot_be_written {
    my $env = switch(0, 0);
    my $helper = initialised('unwritten', interval => 2, env => $env);

    switch(0, 1);
    $helper->wait_status(sub { $_->{syncStatus}{error} });
    $helper->ask_to_pause;
    ok($helper->is_paused, 'a pause on a full disk holds');
    is(scalar(grep { /pause/ } $helper->log), 1, 'one line in the log');

    my $asked = $central->state(1)->{requestCount};
    switch(0, 0);
    ok($helper->pause, 'it is done when there is room');
    $helper->stop('KILL');
    $helper = start('unwritten', interval => 2, env => $env);
    ok($helper->is_paused, 'and outlives the helper');
    is($central->state(1)->{requestCount}, $asked, 'central is asked nothing');
}


# The shell keeps the transaction that the application has begun.
# A program that keeps the database locked until this is closed.
sub locked {
    my ($name, $how) = @_;

    open my $lock, '|-', 'sqlite3', '-init', '/dev/null', database($name)
        or die "sqlite3: $!\n";
    $lock->autoflush(1);
    print {$lock} ".timeout 10000\nBEGIN $how;\n";
    wait_until {
        system("sqlite3 -init /dev/null \Q@{[database($name)]}\E "
               . "'BEGIN $how' 2>/dev/null") != 0;
    } or die "the database was not locked\n";

    return $lock;
}


sub a_locked_database_is_said_and_can_be_left {
    my $helper = initialised('locked', interval => 300);

    my $lock = locked('locked', 'IMMEDIATE');
    my $runs = $helper->runs;
    $helper->trigger;
    $helper->wait_status(sub { $_->{syncStatus}{isSyncing} });
    my $request = $helper->save(44_000, intervalSeconds => 60);
    ok(wait_until(sub { $helper->answer($request) }), 'a request is refused');

    # by an order of what the helper says, whatever the test's own clock is like
    my $status = $helper->answer($request)->[2];
    my $since = seconds($status->{databaseLockedSince});
    ok($since, 'when it has waited for six seconds, a lock has been said');
    ok($status->{syncStatus}{isSyncing}, 'while a run waits for it');

    $helper->cancel;
    $status = $helper->wait_status(sub { $helper->runs > $runs });
    is($status->{syncStatus}{error}{variant}, 'CANCELLED',
       'cancel ends the run');
    ok($status->{syncStatus}{lastSuccessfulSync}, 'the last success is shown');
    ok($helper->wait_status(sub { $_->{nextSync}
                                  && !$_->{databaseLockedSince} }),
       'the next one is planned');
    is($helper->runs, $runs + 1, 'and does not begin at once');

    $helper->trigger;
    $status = $helper->wait_status(sub { $_->{databaseLockedSince} });
    cmp_ok(seconds($status->{databaseLockedSince}) - $since, '<', 2,
           'the next one waits for the same lock');

    $helper->cancel;
    $helper->wait_status(sub { $helper->runs > $runs + 1 });
    close $lock;
    is(run($helper)->{syncStatus}{error}, undef, 'then it goes on');
}


# One that another program has made, which msync has to take over.
sub a_database_that_is_locked_while_it_is_opened_is_said {
    sqlite(database('opening'), 'CREATE TABLE app (id INTEGER)');

    my $lock = locked('opening', 'EXCLUSIVE');
    my $helper = start('opening');
    my $status = $helper->wait_status(sub { $_->{databaseLockedSince} });

    ok($status, 'a locked database is said');
    like($status->{syncStatus}{error}{fullError},
         qr/another program keeps the database locked.*by itself when/,
         '… as an error, with what to do');

    my @late = map { $helper->save(60_000, intervalSeconds => 60) } 1 .. 8;
    my $request = $helper->save(0, intervalSeconds => 120);
    close $lock;

    ok(wait_until(sub { $helper->answer($request) }), 'an answer comes');
    is($helper->answer($request)->[0], 200,
       'those that nobody waits for any more take no place');
    is($helper->answer($request)->[1]{intervalSeconds}, 120, 'it was saved');
    ok($helper->wait_status(sub { !$_->{databaseLockedSince}
                                  && !$_->{syncStatus}{error} }),
       'and the site goes on');

    sqlite(database('another'), 'CREATE TABLE app (id INTEGER)');
    $lock = locked('another', 'EXCLUSIVE');
    $helper = start('another');
    ok($helper->wait_status(sub { $_->{databaseLockedSince} }), 'another one');
    is($helper->stop, 0, 'ends in the middle of it');
    close $lock;
}


# SQLite copies nothing into the database that came after what one still reads.
sub a_log_that_grows_is_said {
    my $helper = initialised('log');
    my ($reader, $writer) = map { connect_database('log') } 1 .. 2;
    my $status;

    is($helper->wait_status(sub { 1 })->{databaseLogBytes}, undef,
       'a log of the usual size');

    $reader->do('BEGIN');
    $reader->selectrow_array('SELECT count(*) FROM changelog');
    $writer->do($_) for 'PRAGMA synchronous = OFF', 'CREATE TABLE app (x)',
        ('DELETE FROM app', 'INSERT INTO app VALUES (zeroblob(10000000))') x 28;
    $status = $helper->wait_status(sub { $_->{databaseLogBytes} });
    cmp_ok($status->{databaseLogBytes}, '>', 256_000_000, 'a large one');
    cmp_ok($helper->{status}{wal_pending}, '>', 256_000_000,
           'what the metric says is not in the database');

    $reader->do('ROLLBACK');
    $writer->do('PRAGMA wal_checkpoint(FULL)');
    ok($helper->wait_status(sub { !$_->{databaseLogBytes} }), 'then no more');
    is($helper->{status}{wal_pending}, 0, '… the metric neither');
    cmp_ok(-s database('log') . '-wal', '>', 256_000_000,
           'though its file keeps its size');
    $_->disconnect for $reader, $writer;
}


# nginx has had it for so long that its client was told that nobody answers.
sub what_nobody_waits_for_is_not_done {
    my $helper = initialised('late');

    my $late = $helper->save(55_000, intervalSeconds => 60);
    my $later = $helper->save(65_000, intervalSeconds => 61);
    my $now = $helper->save(0, intervalSeconds => 62);

    ok(wait_until(sub { $helper->answer($now) }), 'an answer comes');
    is($helper->answer($late)->[0], 504, 'it is late: nothing is saved');
    is($helper->answer($later), undef, 'nobody waits: nothing is answered');
    is($helper->answer($now)->[1]{intervalSeconds}, 62,
       'what was asked for just now is');
}


sub what_a_locked_database_keeps_out_is_not_done_later {
    my $helper = initialised('kept');

    sqlite(database('kept'), q{INSERT INTO sync_buffer (record_id, side, }
        . q{received_datetime, table_name, action, data, integration_error) }
        . q{VALUES ('R', 1, '2026-01-01T00:00:00', 'of nobody', 'UPSERT', }
        . q{'{}', 'unknown')});

    my $lock = locked('kept', 'IMMEDIATE');
    my @requests = ($helper->save(48_000, intervalSeconds => 60),
                    $helper->dismiss(46_000, tableName => 'of nobody',
                                     recordId => 'R'));

    said_to_be_locked($helper, $_) for @requests;
    ok($helper->wait_status(sub { !$_->{databaseLockedSince} }, 10),
       'when nothing waits for it any more, that is not said either');

    $helper->trigger;
    $helper->wait_status(sub { $_->{databaseLockedSince}
                               && $_->{syncStatus}{isSyncing} });
    said_to_be_locked($helper, $helper->save(48_000, intervalSeconds => 61));

    close $lock;
    is(run($helper)->{syncStatus}{error}, undef, 'then it goes on');
    is(sqlite(database('kept'), 'SELECT dismissed FROM sync_buffer WHERE '
              . q{record_id = 'R'}), 0, 'and nothing of these was done');
}


# So many rows from before msync came, and records that have failed.
sub many {
    my ($name, $n) = @_;
    my $store = sqlite(database($name),
                       'SELECT min(store_ID) FROM item_line');

    sqlite(database($name), 'UPDATE msync_flag SET integrating = 1',
        'INSERT INTO Location (ID, code, store_ID) SELECT value, 1, '
        . "'$store' FROM generate_series(1, $n)",
        'UPDATE msync_flag SET integrating = 0',
        'INSERT INTO msync_never_sent (table_name, record_id) SELECT '
        . q{'Location', ID FROM Location WHERE code = '1'},
        'INSERT INTO sync_buffer (record_id, side, received_datetime, '
        . 'table_name, action, data, integration_error) SELECT value, 1, '
        . q{'2026-01-01T00:00:00', 'of nobody', 'UPSERT', '{}', 'unknown' }
        . "FROM generate_series(1, $n)");
}


# Half a minute of its client's time has passed when it begins.
sub what_takes_long_is_answered_and_goes_on {
    my $helper = initialised('long');

    many('long', 5000);

    my ($send, $behind) = ($helper->send_rows(30_000, all => \1),
                           $helper->save(55_000, intervalSeconds => 60));
    ok(wait_until(sub { $helper->answer($send) }), 'it is answered');
    my ($status, $body) = @{ $helper->answer($send) };
    is($status, 202, 'while somebody waits');
    ok($body->{goesOn}, 'that it goes on');
    cmp_ok($body->{queued}, '<', 5000, 'with what is done so far')
        or diag(explain($body));
    ok(wait_until(sub { $helper->answer($behind) }), 'what waits behind it');
    is($helper->answer($behind)->[0], 504, 'is told that it was not done');
    ok($helper->wait_status(sub { $_->{numberOfRecordsInPushQueue} == 5000
                                  && $_->{recordsNeverSent} == 0 }),
       'and all are queued in the end');

    my $dismiss = $helper->dismiss(30_000, all => \1);
    ok(wait_until(sub { $helper->answer($dismiss) }), 'another one');
    is_deeply([map { $helper->answer($dismiss)->[1]{$_} } 'goesOn'],
              [\1], 'that dismisses goes on, too');
    ok($helper->wait_status(sub { $_->{integrationErrors} == 0 }),
       'until all are');
}


# By a kill, and by a reload.
sub what_goes_on_does_so_in_the_next_helper {
    my $helper = initialised('further');

    many('further', 40_000);

    my $send = $helper->send_rows(30_000, tables => ['Location']);
    ok(wait_until(sub { $helper->answer($send) }), 'a send that goes on');
    $helper->stop('KILL');
    is(left('further', 'msync_never_sent'), 1, 'is killed');
    $helper = start('further');
    ok($helper->wait_status(sub { $_->{numberOfRecordsInPushQueue} == 40_000
                                  && $_->{recordsNeverSent} == 0 }),
       'and goes on in the next helper');

    my $dismiss = $helper->dismiss(30_000, all => \1);
    ok(wait_until(sub { $helper->answer($dismiss) }), 'another one');
    $helper->stop;
    is(left('further', 'sync_buffer WHERE NOT dismissed'), 1, 'is ended');
    $helper = start('further');
    ok($helper->wait_status(sub { defined $_->{integrationErrors}
                                  && $_->{integrationErrors} == 0 }),
       'and goes on, too');
    ok(wait_until(sub {
        !left('further', q{key_value_store WHERE id = 'MSYNC_RECORDS'})
    }), 'and is over then');
}

sub left {
    my ($name, $of) = @_;

    return sqlite(database($name), "SELECT EXISTS (SELECT 1 FROM $of)");
}


sub said_to_be_locked {
    my ($helper, $request) = @_;

    ok(wait_until(sub { $helper->answer($request) }), 'an answer comes');
    my ($status, $body) = @{ $helper->answer($request) };
    is($status, 504, 'while it is locked');
    like($body->{error}{fullError},
         qr/program keeps the database locked.* Nothing was changed/,
         'with what to do');

    return;
}


# Each would have to wait for the application's lock, and it for each of them.
sub what_a_server_does_not_take_is_passed_over_in_few_writes {
    my $helper = initialised('passed', push => 1);

    sqlite(database('passed'),
           'CREATE TABLE app_seen (cursor INTEGER)',
           'CREATE TRIGGER app_sees AFTER UPDATE ON key_value_store '
           . q{WHEN NEW.id = 'SYNC_PUSH_CURSOR_V6' BEGIN INSERT INTO app_seen }
           . 'VALUES (NEW.value_int); END',
           q{UPDATE item_line SET batch = 'another'});
    my $changes = sqlite(database('passed'), 'SELECT count(*) FROM item_line');

    is(run($helper)->{syncStatus}{error}, undef, 'they are sent to the other');
    my ($writes, $last) = split /\|/, sqlite(database('passed'),
        'SELECT count(*), max(cursor) > (SELECT max(cursor) FROM changelog) '
        . 'FROM app_seen');
    cmp_ok($changes, '>', 9, 'some changes');
    cmp_ok($writes, '<', $changes / 2, 'are passed over in few writes');
    is($last, 1, 'and all of them are');
}


sub a_patient_does_not_end_the_first_sync {
    my $helper = start('patient');
    my $patient = 'somebody';

    out('v6', path => 'pull');
    run($helper);
    my $sequence = $helper->trigger($patient);
    is(run($helper)->{initialisationStatus}, 'INITIALISING',
       'the first sync is not over');
    is_deeply([grep { $_->{path} =~ /patient-pull/ }
               @{ $central->state->{requests} }], [],
              'no patient is asked for');
    $central->clear_faults;
    is(run($helper)->{initialisationStatus}, 'INITIALISED',
       'before all is there');
    ok($helper->is_done($sequence), 'then the patient is fetched');
}


# A patient run that fails follows no other one.
sub a_patient_who_was_not_fetched_is_asked_for_again {
    my $helper = initialised('fetched', env => switch(0, 0));
    my $patient = sqlite(database('fetched'),
                         q{SELECT min(ID) FROM name WHERE type = 'patient'});
    my $said = sub {
        my ($runs) = @_;
        return $helper->wait_status(sub { $helper->runs > $runs })
            ->{syncStatus}{error}{fullError};
    };
    my $runs = $helper->runs;

    $central->fault(api => 'v5', path => 'site', kind => 'hold');
    $helper->trigger($patient);
    $helper->wait_status(sub { $_->{syncStatus}{isSyncing} });
    $helper->cancel;
    like($said->($runs), qr/cancelled.* The patient was not fetched: ask again/,
         'a patient fetch that somebody cancels');
    $central->clear_faults;

    $runs = $helper->runs;
    out('v5');
    $helper->trigger($patient);
    my $out = $said->($runs);
    like($out, qr/502.* The patient was not fetched: ask again/,
         'one that central does not answer');
    unlike($out, qr/by itself/, 'is not said to be tried again');
    $central->clear_faults;

    $runs = $helper->runs;
    switch(0, 1);
    $helper->trigger($patient);
    like($said->($runs), qr/Free some space.* patient was not fetched: ask/,
         'nor one for which there is no room');
    switch(0, 0);
    is(run($helper)->{syncStatus}{error}, undef, 'a run of all goes well');
}


# What came between the backup and the run would be passed over by its cursor.
sub what_is_restored_in_a_run_ends_it {
    my $helper = initialised('restored');
    my $backup = database('restored') . '.backup';
    my ($unit) = split /\n/, sqlite(database('restored'),
        'SELECT min(ID) FROM unit');
    my $had = sub { sqlite(database('restored'),
        "SELECT comment FROM unit WHERE ID = '$unit'") };
    my $change = sub {
        my ($id, $comment) = @_;
        $central->change(tableName => 'unit', recordId => $id,
            channel => 'central', action => 'update', recordData => {
                %{ $central->record(unit => $unit) }, ID => $id,
                comment => $comment });
    };

    sqlite(database('restored'), "VACUUM INTO '$backup'");
    $change->($unit, 'after the backup');
    is(run($helper)->{syncStatus}{error}, undef, 'a run after a backup');
    is($had->(), 'after the backup', 'brings what is new');
    $change->('in the run', 'in the run');

    my $runs = $helper->runs;
    $central->fault(api => 'v5', path => 'central_records', kind => 'hold');
    $helper->trigger;
    wait_until { ($central->state(1)->{faults}[0] // { times => 0 })->{times}
                 == 0 };
    sqlite(database('restored'), ".restore '$backup'");
    $central->clear_faults;

    my $status = $helper->wait_status(sub { $helper->runs > $runs });
    like($status->{syncStatus}{error}{fullError},
         qr/a backup was restored into it.* Where .* reinitialise/,
         'a backup that is restored in a run ends it, in words');
    is(run($helper)->{syncStatus}{error}, undef, 'the next one goes well');
    is($had->(), 'after the backup', 'and brings all since the backup');
    $helper->stop;
    like(qx($ENV{TEST_NGINX_MSYNC} --database @{[database('restored')]} check),
         qr/nothing wrong/, 'with nothing left to mend');
}


# Central would drop what came into the file that nobody opens any more.
sub a_link_that_leads_elsewhere_in_a_run_loses_nothing {
    my ($link, @files) = map { site_path("$_.sqlite") } qw(linked one other);

    sqlite($files[0], 'VACUUM');
    symlink $files[0], $link or die "$link: $!\n";
    my $helper = initialised('linked');
    sqlite($link, "VACUUM INTO '$files[1]'");
    $central->change(tableName => 'unit', recordId => 'by the link',
        channel => 'remote', action => 'update', recordData => {
            ID => 'by the link', units => 'jar', comment => '',
            order_number => 1 });

    $central->fault(api => 'v5', path => 'queued_records', kind => 'hold');
    $helper->trigger;
    wait_until { ($central->state(1)->{faults}[0] // { times => 0 })->{times}
                 == 0 };
    symlink $files[1], "$link.new";
    rename "$link.new", $link or die "$link: $!\n";
    $central->clear_faults;
    ok(wait_until(sub { !eval { $helper->answer(0); 1 } }),
       'a link that leads elsewhere ends the helper');
    ok((grep { /linked\.sqlite leads to another file now/ } $helper->log),
       'in words');

    $helper = start('linked');
    is(run($helper)->{syncStatus}{error}, undef, 'the next one goes well');
    is(sqlite($files[1], q{SELECT count(*) FROM unit WHERE ID = }
              . q{'by the link'}), 1, 'and has what came meanwhile');
}


sub what_comes_anew_is_not_over_when_it_breaks_off {
    initialised('anew')->stop;

    system($ENV{TEST_NGINX_MSYNC}, '--database', database('anew'), '--yes',
           '--json', 'reinitialise') == 0 or die "reinitialise: $?\n";
    out('v6', path => 'pull');

    my $helper = start('anew');
    ok(run($helper)->{syncStatus}{error}, 'the re-pull breaks off');
    is(sqlite(database('anew'), 'SELECT value_string FROM key_value_store '
              . "WHERE id = 'MSYNC_SITE'"), 'anew pulling', 'as is written');
    $central->clear_faults;
    my @before = pulls();
    is(run($helper)->{syncStatus}{error}, undef, 'the next run ends well');
    my @now = pulls();
    is_deeply([map { $_->{isInitialised} } @now[@before .. $#now]],
              [(0) x (@now - @before)],
              'and central sends what belongs to this site, too');
    cmp_ok(@now - @before, '>', 0, 'in some pulls');
}

sub pulls {
    return grep { defined $_->{isInitialised} }
        @{ $central->state->{requests} };
}


# Nor does a refusal without a reason ask again and again, which would have
# a firewall lock the site out for good; a line that fails between two of them
# makes the schedule no faster, and somebody who asks no slower.
sub what_refuses_for_ever_is_asked_more_and_more_seldom {
    initialised('refused')->stop;
    my $refuse = sub {
        $central->fault(api => 'v5', path => 'site', kind => 'status',
                        value => 403, times => 1000);
    };
    $refuse->();

    my $helper = start('refused', interval => 2);
    ok($helper->wait_status(sub { $helper->runs >= 2 }), 'it is tried again');

    my $pause = sub {
        my $status = $helper->wait_status(sub { $_->{nextSync} });
        return seconds($status->{nextSync})
            - seconds($status->{syncStatus}{summary}{finished});
    };
    cmp_ok($pause->(), '>=', 3, 'the pause has grown');

    my $status = run($helper);
    is($status->{syncStatus}{error}{variant}, 'HTTP_ERROR', 'asked, it tries');
    cmp_ok($pause->(), '<=', 5, 'and the pause is as long as before');

    $central->clear_faults;
    $central->fault(api => 'v5', path => 'site', kind => 'status',
                    value => 502, times => 1000);
    run($helper);
    cmp_ok($pause->(), '<=', 3, 'what may pass is tried after the interval');

    $central->clear_faults;
    $refuse->();
    ok($helper->wait_status(sub {
        ($_->{syncStatus}{error}{fullError} // '') =~ /status 403/;
    }), 'and then it is refused again');
    cmp_ok($pause->(), '>=', 7, 'after which the pause is longer still');
    $central->clear_faults;
    $helper->stop;
}


# Each failure makes the next date a later one.
sub what_somebody_has_to_mend_is_tried_more_and_more_seldom {
    initialised('wrong')->stop;
    $central->fault(api => 'v5', path => 'site', kind => 'error_code',
                    value => 'site_incorrect_password', times => 1000);

    my $helper = start('wrong', interval => 2);
    ok($helper->wait_status(sub { $helper->runs >= 3 }), 'it is tried again');
    my $next = $helper->wait_status(sub { $_->{nextSync} });
    is($next->{syncStatus}{error}{variant}, 'INCORRECT_PASSWORD', 'why');
    cmp_ok(seconds($next->{nextSync})
           - seconds($next->{syncStatus}{summary}{finished}), '>=', 6,
           'the pause has grown');

    $central->clear_faults;
    is(run($helper)->{syncStatus}{error}, undef, 'the button tries at once');
    $next = $helper->wait_status(sub { $_->{nextSync} });
    cmp_ok(seconds($next->{nextSync})
           - seconds($next->{syncStatus}{summary}{finished}), '<=', 4,
           'and the pause is as before');
}

# Cloudflare and its like lock out for longer whoever comes before his time.
sub who_asks_to_be_left_alone_for_a_while_is {
    my $helper = initialised('alone', interval => 2);
    my $pause = sub {
        my ($status) = @_;
        return seconds($status->{nextSync})
            - seconds($status->{syncStatus}{summary}{finished});
    };

    for my $case ([1200, 1190, 1210], [999_999, 3590, 3610]) {
        my ($asks, $least, $most) = @$case;

        $central->fault(api => 'v5', path => 'site', kind => 'busy',
                        value => $asks, times => 1000);
        $helper->trigger;
        my $status = $helper->wait_status(sub {
            $_->{nextSync} && $pause->($_) >= $least;
        });
        ok($status, "asked for $asks seconds the next run is not before them");
        cmp_ok($status ? $pause->($status) : 1e9, '<=', $most,
               'nor long behind, or after more than an hour');
        $central->clear_faults;

        $helper->stop;
        $helper = start('alone', interval => 2);
        $status = $helper->wait_status(sub { $_->{nextSync} });
        cmp_ok($pause->($status), '>=', $least, 'nor by another helper');
    }

    is(run($helper)->{syncStatus}{error}, undef, 'the button asks at once');
    ok($helper->wait_status(sub { $_->{nextSync} && $pause->($_) <= 4 }),
       'and the pause is as before');
    $helper->stop;
}

# of a time of the status document, since 1970
sub seconds {
    my ($y, $mon, $d, $h, $m, $s) = ($_[0] // '')
        =~ /^(\d+)-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)/ or return 0;
    return timegm($s, $m, $h, $d, $mon - 1, $y);
}


# Kills it in the middle of a request that hangs.
sub kill_in_a_run {
    my ($helper) = @_;

    $central->fault(api => 'v5', path => 'site', kind => 'hang');
    $helper->trigger if $_[1];
    $helper->wait_status(sub { $_->{syncStatus}{isSyncing} })
        or diag('no run is at work');
    $helper->stop('KILL');
    $central->clear_faults;
}


sub a_pause_holds_over_a_run_that_was_killed {
    my $helper = initialised('paused', interval => 300);

    kill_in_a_run($helper, 1);
    $helper = start('paused', interval => 300);
    ok($helper->wait_status(sub { ($helper->runs // 0) == 1 }),
       'a run that was killed goes on');
    $helper->pause;
    kill_in_a_run($helper, 1);

    my $asked = $central->state(1)->{requestCount};
    $helper = start('paused', interval => 300);
    my $again = $helper->trigger;  # nginx sends again what was not done
    ok($helper->is_paused, 'but not of a site that is paused');
    ok($helper->pause, 'it has had time to');
    is($central->state(1)->{requestCount}, $asked, 'central is asked nothing');
    ok($helper->resume && $helper->is_done($again),
       'what was asked for is done when somebody resumes');
}


# Whatever the first sync waits for.
sub a_pause_holds_over_a_first_sync_that_was_killed {
    for my $call ('initialise', 'central_records') {
        my $helper = start($call, interval => 300);

        $central->fault(api => 'v5', path => $call, kind => 'hang');
        $helper->trigger;
        $helper->wait_status(sub { $_->{syncStatus}{isSyncing} });
        ok($helper->pause, "a pause while $call hangs");
        $helper->stop('KILL');
        $central->clear_faults;

        my $asked = $central->state(1)->{requestCount};
        $helper = start($call, interval => 300);
        ok($helper->is_paused, 'holds');
        ok($helper->pause, 'it has had time to go on');
        is($central->state(1)->{requestCount}, $asked, 'and does not');
        is($helper->resume && $helper->run, 0, 'until somebody asks for it');
    }
}


sub runs_that_kill_their_helper_wait {
    my $helper = initialised('deadly', interval => 600);

    kill_in_a_run($helper, 1);
    $helper = start('deadly', interval => 600);
    kill_in_a_run($helper, 0);

    my $asked = $central->state(1)->{requestCount};
    $helper = start('deadly', interval => 600);
    $helper->trigger;              # nginx sends again what was not done
    my $status = $helper->wait_status(sub { $_->{nextSync} });
    cmp_ok(seconds($status->{nextSync})
           - seconds($status->{syncStatus}{summary}{finished}), '>', 500,
           'after the second death it waits for the interval');
    ok($helper->pause && $helper->resume, 'it has had time to begin');
    is($central->state(1)->{requestCount}, $asked, 'and does not');
    sleep 3;
    my $usual = largest_limit(0);
    my $before = @{ $central->state->{requests} };
    is(run($helper)->{syncStatus}{error}, undef, 'the button goes on');
    is(largest_limit($before), $usual / 4, 'with batches of a quarter');
}

# of all that was pulled since that request
sub largest_limit {
    my ($first) = @_;

    my @requests = @{ $central->state->{requests} };
    my @limits = sort { $a <=> $b } map {
        ($_->{query} // '') =~ /\blimit=(\d+)/ ? $1 : ()
    } @requests[$first .. $#requests];

    return $limits[-1];
}


sub equal_failures_are_one_line {
    my $helper = initialised('offline');

    out('v5');
    out('v6');
    run($helper) for 1 .. 4;
    $central->clear_faults;
    $helper->stop;

    my $text = qx($ENV{TEST_NGINX_MSYNC} --json --database @{[
        quotemeta database('offline')]} history);
    my ($last, $first) = @{ Msync::Test::decode_json($text)->{runs} };
    is($last->{repeated}, 4, 'four failures are one line');
    ok($last->{firstStarted} le $last->{summary}{started}, 'from, to');
    is($last->{error}{variant}, 'HTTP_ERROR', 'with what they were');
    is($first->{error}, undef, 'behind it the success');
    ok(!exists $first->{repeated}, 'which was one');
}


sub a_retry_is_a_run_that_asks_nothing {
    my $helper = initialised('retry');
    my $line = sqlite(database('retry'), 'SELECT min(ID) FROM item_line');

    $central->change(tableName => 'item_line', recordId => 'ORPHAN',
        action => 'update', recordData => {
            %{ $central->record(item_line => $line) }, ID => 'ORPHAN',
            item_ID => 'NOWHERE' });
    is(run($helper)->{integrationErrors}, 1, 'a record that fails');
    out('v5');
    out('v6');
    my $status = run($helper);
    $central->clear_faults;

    my ($runs, $asked) = ($helper->runs, $central->state(1)->{requestCount});
    ok($helper->retry, 'a retry');
    is($helper->runs, $runs + 1, 'is a run');
    is($central->state(1)->{requestCount}, $asked, 'that asks nothing');
    $status = $helper->wait_status(sub { 1 });
    is($status->{syncStatus}{error}{variant}, 'HTTP_ERROR',
       'and does not say that the last sync went well');
}
