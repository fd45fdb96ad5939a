# The database as a file: others may be put in its place, and it may be called
# by more than one name.

use strict;
use warnings;

use Msync::Life qw(ends_well helpers);
use Msync::Test qw(
    site_config site_path sqlite start_central start_nginx wait_until
    write_private
);
use POSIX qw(mkfifo);
use Test::More;

use constant PASSWORD => 'correct horse battery';

my $database = site_path('clinic.sqlite');
my $central = start_central(password => PASSWORD, records => 300);

write_private('password', PASSWORD . "\n");

my $nginx = start_nginx(
    workers => 1,
    http    => site_config('clinic',
        helper        => $ENV{TEST_NGINX_MSYNC},
        url           => $central->url,
        username      => '"Clinic 7"',
        password_file => site_path('password'),
        interval      => 0,
    ),
    server  => 'location /api/ { msync clinic; }',
);

the_first_sync();
the_page_saves_an_interval();
another_name_is_the_same_database();
another_log_is_told_of();
a_backup_is_put_in_its_place();
what_msync_keeps_in_it_is_dropped();
what_msync_knows_is_deleted();
what_msync_knows_and_what_waits_are_dropped();
what_waits_is_deleted();
what_central_deleted_is_not_made_there_again();
a_backup_is_copied_over_it();
a_backup_that_lacks_nothing_is_restored();
a_backup_that_lacks_what_was_sent_is_put_back('by SQLite', \&restored);
a_backup_that_lacks_what_was_sent_is_put_back('without nginx', \&copied);
a_backup_that_lacks_what_was_sent_is_put_back('by its name', \&renamed);
a_backup_that_lacks_what_was_sent_is_put_back('with its .lock', \&with_lock);
a_backup_that_lacks_what_was_sent_is_put_back('without one', \&without_lock);
a_site_without_settings_takes_over_a_backup();
it_is_removed();
ends_well($nginx);
the_lock_is_for_whoever_may_write_the_database();
what_is_no_file_is_told_of();
a_backup_without_room_leaves_nothing();

done_testing();


sub run {
    my ($name, @command) = @_;

    my $said = site_path('said');

    system(join ' ', map({ quotemeta } $ENV{TEST_NGINX_MSYNC}, '--database',
                         $name, @command), ">\Q$said\E 2>&1");
    my $status = $? >> 8;

    open my $handle, '<', $said or die "$said: $!\n";
    local $/ = undef;

    return ($status, scalar <$handle>);
}


sub initialised {
    return $nginx->wait_status(sub {
        $_->{state} eq 'idle' && $_->{initialisationStatus} eq 'INITIALISED'
    }, seconds => 120);
}


sub the_first_sync {
    is($nginx->post('/api/trigger')->{status}, 202, 'a first sync');
    ok(initialised(), 'ends');
}


# nginx has another one
sub the_page_saves_an_interval {
    is($nginx->request(PUT => '/api/settings',
                       content => { intervalSeconds => 86_399 })->{status},
       200, 'the page saves an interval');
}


sub the_interval_is_kept {
    ok(wait_until(sub {
        sqlite($database, q{SELECT value_int FROM key_value_store WHERE id = }
               . q{'SETTINGS_SYNC_INTERVAL_SECONDS'}) eq '86399'
    }), 'what the page saved is saved again');
}


sub another_name_is_the_same_database {
    my $link = site_path('link.sqlite');

    symlink $database, $link or die "$link: $!\n";

    my ($status, $said) = run($link, 'retry');
    is($status, 1, 'by a link it is refused, too');
    like($said, qr/process \d+ syncs this database/, 'because of the helper');

    ($status, $said) = run($link, '--yes', 'reinitialise');
    is($status, 1, 'reinitialise, too');
    like($said, qr/most likely\); stop nginx first$/,
         'which no endpoint does in its place');

    ok(!-e "$link.lock", 'no second lock is made');
}


# As in a container into which the file of the database alone is mounted.
sub another_log_is_told_of {
    my $alone = site_path('alone.sqlite');

    link $database, $alone or die "$alone: $!\n";
    my $pid = open my $application, '|-', 'sqlite3', $alone
        or die "sqlite3: $!\n";
    $application->autoflush(1);
    print {$application} "SELECT 1 FROM sqlite_master WHERE 0;\n";
    ok(wait_until(sub { -e "$alone-shm" }), 'another log is in use');
    unlink $alone;

    like((run($database, 'check'))[1], qr/process $pid has .* another log/,
         'check says by whom');
    the_lock_is_removed();
    ok($nginx->logged(
        qr/process $pid has .*let it have the directory of the database/
    ), 'the log of a helper that begins says so, too');

    close $application;
    unlike((run($database, 'check'))[1], qr/another log/,
           'of those that use the one beside it nothing is said');
    unlink glob "$alone-*";
}


# As by whoever takes it for one that somebody has forgotten: there would be two
# at work.
sub the_lock_is_removed {
    my ($helper) = helpers();

    unlink "$database.lock";
    ok(wait_until(sub {
        my @now = helpers();
        return @now && "@now" ne $helper && -s "$database.lock";
    }), 'another helper takes a new one');
    is((run($database, 'retry'))[0], 1, 'which keeps others out');
    ok($nginx->logged(qr/\[warn\].*\Q$database\E\.lock was removed while/),
       'the log says why');
}


# A helper that goes on with the file that was there would acknowledge what
# nobody ever sees.
sub a_backup_is_put_in_its_place {
    my $copy = site_path('backup.sqlite');
    my ($helper) = helpers();
    my ($status, $said) = run($database, 'backup', $copy);

    is($status, 0, 'a backup') or diag($said);

    # and something in the log that belongs to the former one
    sqlite($database, 'CREATE TABLE note AS SELECT hex(randomblob(99)) AS x '
           . 'FROM generate_series(1, 999)');
    rename $copy, $database or die "$copy: $!\n";

    ok(wait_until(sub { my @now = helpers(); @now && "@now" ne $helper }),
       'another helper takes over');
    ok($nginx->logged(qr/\[warn\].*\Q$database\E was removed, or another file/),
       'the log says why');

    $central->change(tableName => 'unit', recordId => 'arrived',
                     action => 'update',
                     recordData => { ID => 'arrived', units => 'jar',
                                     comment => '', order_number => 1 });
    is($nginx->post('/api/trigger')->{status}, 202, 'a sync');
    ok(wait_until(sub {
        sqlite($database, q{SELECT count(*) FROM unit WHERE ID = 'arrived'})
    }), 'goes on in the file that is there');
    is(sqlite($database, 'PRAGMA integrity_check'), 'ok',
       'without a log that is not its own');
}


# A script that cleans up, while nginx runs.
sub what_msync_keeps_in_it_is_dropped {
    my $pick = 'SELECT ID FROM item_line WHERE store_ID IN (SELECT ID FROM '
        . 'store WHERE sync_id_remote_site = 7) LIMIT 1';
    my $id = sqlite($database, $pick);

    ok(initialised(), 'it is done with it');
    sqlite($database, "UPDATE item_line SET batch = 'unsent' WHERE ID = "
           . "'$id'", 'ALTER TABLE sync_log RENAME TO elsewhere', 'CREATE '
           . 'VIEW sync_log AS SELECT * FROM elsewhere',
           'DROP TABLE key_value_store');
    is($nginx->post('/api/trigger')->{status}, 202, 'a sync');
    ok(wait_until(sub {
        ($central->record('item_line', $id)->{batch} // '') eq 'unsent'
    }), 'sends what waited');
    ok(initialised(), 'and brings everything anew');
    is(($nginx->status)->{error}, undef, 'without an error');
    like((run($database, 'check'))[1], qr/nothing wrong/,
         'there is nothing left to mend');
    the_interval_is_kept();
}


# the id of a row that this site may send
sub own_line {
    return sqlite($database, 'SELECT min(ID) FROM item_line WHERE store_ID '
        . 'IN (SELECT ID FROM store WHERE sync_id_remote_site = 7)');
}


sub pause_when_done {
    ok(initialised(), 'it is done with it');
    $nginx->post('/api/pause');
    ok($nginx->wait_status(sub { $_->{state} eq 'paused' }), 'and paused');
}


# Its tables are as they were, and nothing in them says where the site stands.
sub what_msync_knows_is_deleted {
    my ($helper) = helpers();
    my $id = own_line();

    pause_when_done();
    sqlite($database, "UPDATE item_line SET batch = 'forgotten' WHERE ID = "
           . "'$id'", 'DELETE FROM key_value_store');
    ok(wait_until(sub { my @now = helpers(); @now && "@now" ne $helper }),
       'another helper opens it');
    ok(wait_until(sub {
        sqlite($database, q{SELECT value_string FROM key_value_store WHERE }
               . q{id = 'MSYNC_SITE'}) eq 'anew'
    }), 'at once, for which all is to come anew');
    ok($nginx->wait_status(sub { $_->{state} eq 'paused' }), 'still paused');
    the_interval_is_kept();
    $nginx->post('/api/resume');
    $nginx->post('/api/trigger');
    ok(wait_until(sub {
        ($central->record('item_line', $id)->{batch} // '') eq 'forgotten'
    }), 'a sync sends what waited');
    ok(initialised(), 'and brings everything');
    like((run($database, 'check'))[1], qr/nothing wrong/,
         'there is nothing left to mend');
}


# Which rows are this site's is known only when central has said who it is.
sub what_msync_knows_and_what_waits_are_dropped {
    my $id = own_line();

    ok(initialised(), 'it is done with it');
    sqlite($database, "UPDATE item_line SET batch = 'both' WHERE ID = '$id'",
           'DROP TABLE changelog', 'DROP TABLE key_value_store');
    $nginx->post('/api/trigger');
    ok(wait_until(sub {
        ($central->record('item_line', $id)->{batch} // '') eq 'both'
    }), 'a sync sends what waited, with all that may have');
    ok(initialised(), 'and brings everything');
    is(($nginx->status)->{error}, undef, 'without an error');
    ok($nginx->logged(qr/the changelog was dropped/),
       'the log says why');
    like((run($database, 'check'))[1], qr/nothing wrong/,
         'there is nothing left to mend');
}


# Without a trigger all of a table is sent; what central has deleted of it is
# only marked here.
sub what_central_deleted_is_not_made_there_again {
    my ($deleted, $other) = split /\n/, sqlite($database,
        q{SELECT ID FROM name WHERE type = 'patient' ORDER BY ID LIMIT 2});

    ok(initialised(), 'it is done with it');
    $central->change(channel => 'remote', tableName => 'name',
                     recordId => $deleted, action => 'delete');
    $nginx->post('/api/trigger');
    ok(wait_until(sub {
        sqlite($database, q{SELECT deleted_datetime IS NOT NULL FROM name }
               . "WHERE ID = '$deleted'")
    }), 'a patient that central deleted is marked');

    sqlite($database, 'DROP TRIGGER "msync_name_UPDATE"', 'UPDATE name SET '
           . "comment = 'unseen' WHERE ID IN ('$deleted', '$other')");
    $nginx->post('/api/trigger');
    ok(wait_until(sub {
        ($central->record('name', $other)->{comment} // '') eq 'unseen'
    }), 'what no trigger has seen of another one is sent');
    ok(initialised(), 'with everything');
    is_deeply([@{ $nginx->status }{qw(numberOfRecordsInPushQueue
                                      integrationErrors)}], [0, 0],
              'nothing waits, and nothing failed');
    is($central->record('name', $deleted), undef, 'the deleted one is not');
}


# A script that keeps tables small, and knows nothing of what waits.
sub what_waits_is_deleted {
    my $id = own_line();

    sqlite($database, "UPDATE item_line SET batch = 'deleted' WHERE ID = "
           . "'$id'", 'DELETE FROM changelog');
    ok($nginx->wait_status(sub { $_->{numberOfRecordsInPushQueue} == 1 }),
       'a change that somebody deletes goes on to wait');
    $nginx->post('/api/trigger');
    ok(wait_until(sub {
        ($central->record('item_line', $id)->{batch} // '') eq 'deleted'
    }), 'and is sent');
    ok(initialised(), 'as if nothing had been');
}


# The file is the same and its log goes on: what is read is of both.
sub a_backup_is_copied_over_it {
    my $copy = site_path('copied.sqlite');

    is((run($database, 'backup', $copy))[0], 0, 'a backup');
    sqlite($database, q{UPDATE unit SET comment = 'after the backup'});
    ok($nginx->syncs_well('clinic'), 'a run after it');

    system("touch \Q$database\E");
    ok($nginx->syncs_well('clinic'), 'a file whose time alone was set is none')
        or diag(explain($nginx->status));

    system("cp \Q$copy\E \Q$database\E");
    $nginx->post('/api/trigger');
    my $status = $nginx->wait_status(sub { $_->{syncStatus}{error} });
    like($status->{syncStatus}{error}{fullError},
         qr/was copied over .*remove -wal and -shm beside it/,
         'a copy over the open file is told of');

    # as it says
    $nginx->stop;
    system("cp \Q$copy\E \Q$database\E");
    unlink map { "$database$_" } '-wal', '-shm';
    $nginx->start;
    ok($nginx->syncs_well('clinic'), 'and it goes on with the copy');
    is(sqlite($database, 'PRAGMA integrity_check'), 'ok', 'which is whole');
}


sub sync_until {
    my ($until, $name) = @_;

    is($nginx->post('/api/trigger')->{status}, 202, 'a sync');
    return ok(wait_until(sub { $until->() }), $name);
}


# Runs since had nothing to do, so all is as it was.
sub a_backup_that_lacks_nothing_is_restored {
    my $copy = site_path('same.sqlite');

    ok(initialised(), 'it is done with it');
    is((run($database, 'backup', $copy))[0], 0, 'a backup');

    for my $what ('behind it', 'when it is back') {
        my $runs = sqlite($database, 'SELECT max(id) FROM sync_log');

        sync_until(sub {
            initialised() && sqlite($database, 'SELECT max(id) FROM sync_log')
                > $runs
        }, "a run $what");
        is($nginx->status->{syncStatus}{error}, undef, 'goes well');
        $what eq 'behind it' and sqlite($database, ".restore \Q$copy\E");
    }
}


sub restored { sqlite($database, ".restore \Q$_[0]\E") }

# as the documents say
sub copied {
    my ($copy) = @_;

    $nginx->stop;
    unlink map { "$database$_" } '-wal', '-shm';
    system("cp \Q$copy\E \Q$database\E");
    $nginx->start;
}

sub renamed { rename $_[0], $database or die "$_[0]: $!\n" }

# a folder that is put back while nginx runs, as tar and rsync do it
sub with_lock {
    renamed($_[0]);
    rename "$_[0].lock", "$database.lock" or die "$_[0].lock: $!\n";
}

sub without_lock {
    unlink "$database.lock" or die "$database.lock: $!\n";
    renamed($_[0]);
}


# The older edit would take the place of the newer one at central.
sub a_backup_that_lacks_what_was_sent_is_put_back {
    my ($how, $put_back) = @_;

    my $copy = site_path('older.sqlite');
    my $id = own_line();
    my $told = sub { scalar grep { /\[error\].*a backup was restored/ }
                     $nginx->log_lines };
    my $before = $told->();
    my $edit = sub {
        sqlite($database, "UPDATE item_line SET batch = '$_[0]' WHERE ID = "
               . "'$id'");
    };
    my $at_central = sub { $central->record('item_line', $id)->{batch} // '' };

    pause_when_done();
    $edit->('waits in it');
    unlink $copy;
    is((run($database, 'backup', $copy))[0], 0, 'a backup');
    system("cp -p \Q$database\E.lock \Q$copy\E.lock");
    $edit->("after it, $how");
    sync_until(sub { $at_central->() eq "after it, $how" },
               'sends what is newer');
    ok($nginx->wait_status(sub { $_->{state} eq 'paused' }), 'and ends');

    $put_back->($copy);
    my $words = qr/a backup was restored .* missing here.* reinitialise/;
    my $status = $nginx->wait_status(sub { $_->{syncStatus}{error} });
    like($status->{syncStatus}{error}{fullError}, $words,
         "a backup that lacks what was sent is told of at once: $how");
    wait_until(sub { $told->() > $before });
    is($told->(), $before + 1, 'in the log, too');
    like((run($database, 'check'))[1], qr/a backup was restored .*reinit/,
         'and by check');

    $nginx->stop;
    $nginx->start;
    $nginx->post('/api/trigger');
    $status = $nginx->wait_status(sub {
        ($_->{syncStatus}{error}{fullError} // '') =~ $words
    });
    is($status->{syncStatus}{error}{variant}, 'DATABASE_ERROR',
       'by a run of another helper, too');
    is($at_central->(), "after it, $how", 'which sends nothing');

    # as it says
    $nginx->stop;
    my ($rc, $said) = run($database, '--yes', '--discard-unsent',
                          'reinitialise');
    is($rc, 0, 'to begin anew');
    unlike($said, qr/Central was restored/, 'which is not taken for central');
    $nginx->start;
    $nginx->post('/api/resume');
    sync_until(sub {
        sqlite($database, "SELECT batch FROM item_line WHERE ID = '$id'")
            eq "after it, $how"
    }, 'brings what was sent');
    ok(initialised(), 'and ends');
    is($nginx->status->{syncStatus}{error}, undef, 'well');
    like((run($database, 'check'))[1], qr/nothing wrong/,
         'there is nothing left to mend');
}


# New hardware: nginx runs before somebody puts the backup back, and its
# configuration has no settings, which were saved on the page.
sub a_site_without_settings_takes_over_a_backup {
    my $new = site_path('new.sqlite');
    my $copy = site_path('for-new.sqlite');
    my $id = own_line();

    pause_when_done();
    sqlite($database, "UPDATE item_line SET batch = 'restored' WHERE ID = "
           . "'$id'");
    is((run($database, 'backup', $copy))[0], 0, 'a backup with a change');

    my $other = start_nginx(
        workers => 1,
        http    => site_config('new', helper => $ENV{TEST_NGINX_MSYNC}),
        server  => 'location /api/ { msync new; }',
    );
    my $is_new = sub { $_->{state} eq 'pre_initialisation' };
    ok($other->wait_status($is_new), 'a site that knows nothing');

    system("cp \Q$copy\E \Q$new\E");
    my $status = $other->wait_status(sub { $_->{syncStatus}{error} });
    like($status->{syncStatus}{error}{fullError}, qr/was copied over .*remove/,
         'a copy over its file is told of, though no run is due');

    my $answer = $other->request(POST => '/api/initialise', content => {
        url => $central->url, username => 'Clinic 7', password => PASSWORD });
    is($answer->{status}, 503, 'nothing is saved in it');
    like($answer->{json}{error}{fullError}, qr/was copied over/, 'and why');

    # as it says, but with an empty one
    $other->stop;
    unlink map { "$new$_" } '', '-wal', '-shm';
    $other->start;
    ok($other->wait_status($is_new), 'a new file knows nothing');

    sqlite($new, ".restore \Q$copy\E");
    ok($other->wait_status(sub { $_->{state} eq 'paused' }),
       'what SQLite restores is taken over');
    is($other->get('/api/settings')->{json}{url}, $central->url,
       'with its settings');
    is($other->post('/api/trigger')->{status}, 202, 'a sync');
    ok(wait_until(sub {
        ($central->record('item_line', $id)->{batch} // '') eq 'restored'
    }), 'sends what waited');
    ok($other->logged(qr/\[warn\].*settings in key_value_store/),
       'the log says why there is a new helper');

    my $begun = sub { scalar grep { /helper \d+ of version/ }
                      $other->log_lines };
    my $before = $begun->();
    sqlite($new, 'UPDATE key_value_store SET value_int = -5 WHERE id = '
           . q{'SETTINGS_SYNC_INTERVAL_SECONDS'});
    sleep 4;
    is($begun->(), $before, 'nor is there one for what is no setting');
    ok($other->stop, 'quit');
    $nginx->post('/api/resume');
}


sub it_is_removed {
    my ($helper) = helpers();

    ok(initialised(), 'it is done with it');
    unlink map { "$database$_" } '', '-wal', '-shm';

    ok(wait_until(sub { my @now = helpers(); @now && "@now" ne $helper }),
       'another helper takes over');
    ok(wait_until(sub { -s $database }), 'and makes a new one');
    ok($nginx->wait_status(sub {
        $_->{initialisationStatus} eq 'PRE_INITIALISATION'
    }), 'that knows nothing yet');
}


# A first command by root must not keep the helper of the workers out.
sub the_lock_is_for_whoever_may_write_the_database {
    unlink "$database.lock";
    is((run($database, 'retry'))[0], 0, 'a command makes the lock anew');

    my @of = map { join ' ', (stat)[2, 4, 5] } "$database.lock", $database;
    is($of[0], $of[1], 'with the rights of the database');
}


# nothing stays beside it, which in /dev would be for others to find
sub what_is_no_file_is_told_of {
    my $pipe = site_path('pipe.sqlite');

    mkfifo($pipe, 0600) or die "$pipe: $!\n";

    for my $command ('check', 'retry') {
        my ($status, $said) = run($pipe, $command);
        is($status, 1, "$command refuses a pipe for a database");
        like($said, qr/a pipe, socket or device.* has to be a file: name/,
             'and says what it has to be');
    }

    is_deeply([glob "\Q$pipe\E?*"], [], 'nothing is left beside it');
}


# the journal of the copy would stay each night
sub a_backup_without_room_leaves_nothing {
    my $copy = site_path('narrow.sqlite');
    my $said = join ' ', map { quotemeta } $ENV{TEST_NGINX_MSYNC},
        '--database', $database, 'backup', $copy;

    $said = `ulimit -f 64; $said 2>&1`;

    isnt($?, 0, 'a backup without room fails');
    like($said, qr/no room for the copy/, 'and says what has none');
    unlike($said, qr/by itself/, 'but not that it comes by itself');
    is_deeply([glob "\Q$copy\E*"], [], 'nothing is left of it');
}
