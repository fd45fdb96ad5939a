# The helper on a terminal: what its commands do, say and leave alone.

use strict;
use warnings;

use POSIX ();

use Msync::Helper;
use Msync::Test qw(
    decode_json project_root site_path slurp sqlite stage_dir start_central
    wait_until write_file write_private
);
use Test::More;

if (!-x $ENV{TEST_NGINX_MSYNC}) {
    BAIL_OUT('build/msync is missing: run make first');
}

the_tables_file_is_remembered();
without_the_tables_file_nothing_is_written();
the_helper_of_nginx_notes_its_tables_file();

a_renamed_table_goes_on_to_be_synchronised();

reinitialise_without_yes_touches_nothing();
backup_and_reinitialise_speak_json();
the_status_tells_what_another_process_does_and_was_told();
a_site_without_a_name_is_a_wrong_command_line();
what_is_no_command_line_does_nothing();
a_restored_central_gets_back_what_it_had();
a_central_of_before_the_first_sync_gets_all_that_this_site_made();
an_error_has_a_line_of_its_own();
what_cannot_be_written_has_not_been_said();
what_has_nowhere_to_go_goes_into_no_file();
who_waits_for_a_lock_can_be_stopped();
what_has_the_name_of_a_backup_is_whole();
every_command_speaks_json();
a_database_that_msync_has_not_set_up_is_left_alone();
root_takes_the_machine_for_what_the_helper_does();
the_manual_and_the_completion_know_what_help_names();

done_testing();


# Begins a command; returns its process.
sub spawn {
    my ($out, $err, @arguments) = @_;

    my $pid = fork() // die "fork: $!\n";

    if ($pid == 0) {
        open STDOUT, '>', $out or POSIX::_exit(126);
        open STDERR, '>', $err or POSIX::_exit(126);
        exec $ENV{TEST_NGINX_MSYNC}, @arguments or POSIX::_exit(127);
    }

    return $pid;
}

# What only root may read is no name of the machine where the database is of
# another user, for that user's helper would name it otherwise.
sub root_takes_the_machine_for_what_the_helper_does {
    my $user = Msync::Test::worker_user() // return;
    my $central = start_central(password => 'secret', records => 20);
    my ($database, $file) = map { site_path("root.$_") } qw(sqlite id);
    my @site = ('--database', $database, '--url', $central->url, '--username',
                'Clinic 7', '--password-file', write_private('pw', 'secret'));

    open my $handle, '>', $file or die "$file: $!\n";
    print {$handle} "Board-7\n";
    close $handle or die "$file: $!\n";
    chmod 0600, $file or die "$file: $!\n";

    my ($status, undef, $said) = run(@site, '--hardware-id-file', $file,
                                     'sync');
    is($status, 0, 'root reads what is its own') or diag($said);

    my (undef, undef, $uid, $gid) = getpwnam $user;
    chown $uid, $gid, $database, "$database.lock" or die "chown: $!\n";
    ($status, undef, $said) = run(@site, '--hardware-id-file', $file, 'sync');
    is($status, 1, 'of a database of another user it does not');
    like($said, qr/hardware_id_file.*Permission denied/, 'which is said');
}


# Runs one; returns its exit status, and what it said to whom.
sub run {
    my (@arguments) = @_;

    my @said = map { stage_dir() . "/said-$_" } qw(out err);

    waitpid spawn(@said, @arguments), 0;

    return ($? >> 8, map { slurp($_) } @said);
}

# A sync that ends before it asks central, and makes the database.
sub first_sync {
    my ($database) = @_;

    return ('--database', $database, '--url', 'http://127.0.0.1:1',
        '--username', 'Clinic 7', '--password-file',
        write_private('no.password', "x\n"), '--hardware-id-file', '/',
        'sync');
}

sub set_up {
    my ($database, @options) = @_;

    run(@options, first_sync($database));
    -e $database or die "$database was not made\n";

    return;
}

sub tables_named {
    my ($database, @names) = @_;

    return sqlite($database, 'SELECT group_concat(name) FROM (SELECT name '
        . "FROM sqlite_master WHERE type = 'table' AND name IN ("
        . join(', ', map { "'$_'" } @names) . ') ORDER BY name)');
}

sub renaming {
    my ($name) = @_;

    return write_file("$name.json",
                      qq([{"table": "unit", "rename": "$name"}]));
}


sub the_tables_file_is_remembered {
    my $database = site_path('tables.sqlite');
    my $tables = renaming('unidad');

    set_up($database, '--tables', $tables);
    is(tables_named($database, qw(unit unidad)), 'unidad',
       'a database with a tables file');

    for my $command (qw(retry check)) {
        my ($code, $out, $err) = run('--database', $database, $command);
        is($code, 0, "$command without --tables") or diag($err);
        is($err, '', 'has nothing to say');
        is(tables_named($database, qw(unit unidad)), 'unidad',
           'and goes by the same file');
    }
}


sub without_the_tables_file_nothing_is_written {
    my $database = site_path('lost.sqlite');
    my $tables = renaming('medida');

    set_up($database, '--tables', $tables);
    unlink $tables;
    my $before = sqlite($database, 'SELECT count(*) FROM sqlite_master');

    for my $command (['sync'], ['retry'], ['check'],
                     ['--yes', 'reinitialise'])
    {
        my ($code, $out, $err) = run('--database', $database, @$command);
        is($code, 1, "@$command without that file fails");
        like($err, qr/tables file \Q$tables\E, .*say --tables FILE/,
             'with words');
    }

    is(sqlite($database, 'SELECT count(*) FROM sqlite_master'), $before,
       'and changes nothing');

    my ($code, $out, $err) = run('--database', $database, '--json',
                                 'status');
    is($code, 0, 'status is read all the same');
    ok(eval { decode_json($out) }, 'its document is JSON');
    like($err, qr/\[warn\] .*\Q$tables\E/, 'beside a warning');

    my $none = write_file('none.json', '[]');
    ($code) = run('--database', $database, '--tables', $none, 'retry');
    is($code, 0, 'another file is taken when it is named');
    is(tables_named($database, qw(unit medida)), 'unit',
       'and is gone by');
}


sub the_helper_of_nginx_notes_its_tables_file {
    my $database = site_path('served.sqlite');
    my $helper = Msync::Helper->start(
        site => 'served', database => $database,
        tables => renaming('uom'),
    );

    ok(wait_until(sub { -e $database && noted($database) }),
       'the helper of nginx has made a database');
    $helper->stop;

    my ($code, $out, $err) = run('--database', $database, 'retry');
    is($code, 0, 'a command works on it') or diag($err);
    is(tables_named($database, qw(unit uom)), 'uom', 'by the same file');
}

sub noted {
    my ($database) = @_;

    return sqlite($database, 'SELECT count(*) FROM sqlite_master WHERE '
                  . "name = 'key_value_store'")
        && sqlite($database, 'SELECT value_string FROM key_value_store '
                  . "WHERE id = 'MSYNC_TABLES'");
}


sub a_renamed_table_goes_on_to_be_synchronised {
    my $database = site_path('renamed.sqlite');
    my $central = start_central(password => 'secret', records => 100);
    my @command = ('--database', $database, '--url', $central->url,
        '--username', 'Clinic 7', '--password-file',
        write_private('password', "secret\n"));
    my $tables = write_file('place.json',
        '[{"table": "Location", "rename": "place", "fields": '
        . '[{"name": "shelves", "type": "integer", "nullable": true}]}]');

    my ($code, $out, $err) = run(@command, '--password-file',
        write_private('blank', "secret \n"), 'sync');
    is($code, 1, 'a password with a blank is another one');
    like($err, qr/The password that was given begins or ends with a blank/,
         '… and it is said that it has one');

    ($code, $out, $err) = run(@command, 'sync');
    is($code, 0, 'a first sync') or diag($err);
    is((-s "$database-wal") // 0, 0, 'leaves nothing in the log');

    my $id = sqlite($database, 'SELECT min(ID) FROM Location');
    my $rows = sqlite($database, 'SELECT count(*) FROM Location');
    my $record = $central->record(Location => $id);
    $central->change(tableName => 'Location', recordId => $id,
        action => 'update', recordData => { %$record, shelves => 12 });
    run(@command, 'sync');

    ($code, $out, $err) = run(@command, '--tables', $tables, 'sync');
    is($code, 0, 'a sync with another name for a table') or diag($err);
    is(sqlite($database, 'SELECT count(*), sum(shelves) FROM place'),
       "$rows|12", 'which has its rows, and the field that is known now');

    sqlite($database, "UPDATE place SET code = 'NEW' WHERE ID = '$id'");
    ($code) = run(@command, 'sync');
    is($code, 0, 'a sync of an edit there');

    my ($last) = reverse $central->received('v5');
    is("$last->{tableName} $last->{recordId}", "Location $id",
       'sends it by the name that central knows');
    is_deeply([@{ $last->{recordData} }{qw(code shelves)}], ['NEW', 12],
              'with both');
}


sub reinitialise_without_yes_touches_nothing {
    my $database = site_path('nothing.sqlite');

    my ($code, $out, $err) = run('--database', $database, 'reinitialise');
    is($code, 1, 'reinitialise of a database that is not there');
    ok(!-e $database, 'makes none without --yes');

    set_up($database);
    sqlite($database, q(DROP TRIGGER "msync_Location_INSERT"),
           q(DELETE FROM key_value_store WHERE id = 'MSYNC_SCHEMA_SHA256'));

    ($code, $out, $err) = run('--database', $database, 'reinitialise');
    is($code, 1, 'without --yes it fails');
    like($err, qr/Unsent changes: 0\..*nothing was done/s, 'and says why');
    is(sqlite($database, 'SELECT count(*) FROM sqlite_master WHERE name = '
              . "'msync_Location_INSERT'"), 0, 'nor is one migrated');
}


sub backup_and_reinitialise_speak_json {
    my $database = site_path('json.sqlite');
    my $copy = stage_dir() . '/copy "1".sqlite';

    set_up($database);

    my ($code, $out) = run('--database', $database, '--json', 'backup',
                           $copy);
    is($code, 0, 'a backup');
    is_deeply(decode_json($out), { backup => $copy }, 'says so in JSON');
    is((stat $copy)[2] & 07777, (stat $database)[2] & 07777,
       'with the mode of the database');

    ($code, $out) = run('--database', $database, '--json', 'reinitialise');
    is($code, 1, 'reinitialise without --yes');
    is(decode_json($out)->{unsent}, 0, 'tells what is unsent');
    ok(!decode_json($out)->{reinitialised}, 'and does nothing');

    ($code, $out) = run('--database', $database, '--json', '--yes',
                        'reinitialise');
    is($code, 0, 'with --yes');
    ok(decode_json($out)->{reinitialised}, 'it does');
}


# the helper of nginx is in a run, and an administrator has saved an interval
sub the_status_tells_what_another_process_does_and_was_told {
    my $database = site_path('at-work.sqlite');

    set_up($database);
    sqlite($database, 'INSERT INTO sync_log (started_datetime) VALUES '
           . "('2026-05-01T08:00:00.000Z')", 'INSERT INTO key_value_store '
           . "(id, value_int) VALUES ('SETTINGS_SYNC_INTERVAL_SECONDS', 1200)");

    my ($code, $out) = run('--database', $database, '--json', 'status');
    my $status = decode_json($out);
    ok($status->{syncStatus}{isSyncing}, 'a run that has not ended');
    is($status->{intervalSeconds}, 1200, 'and the interval that was saved');
}


sub what_cannot_be_written_has_not_been_said {
    my $database = site_path('full.sqlite');
    my $helper = quotemeta $ENV{TEST_NGINX_MSYNC};
    my $said = stage_dir() . '/said-full';

    set_up($database);

    for my $command ('schema', 'status', '--json errors', '--json history') {
        system "$helper --database $database $command >/dev/full 2>$said";
        is($? >> 8, 1, "$command fails on a full disk");
        like(slurp($said), qr/^msync: cannot write the output: /m,
             'in words');
    }
}


# As a service may start it: the next file that is opened would have the number
# of the one that is closed.
sub what_has_nowhere_to_go_goes_into_no_file {
    for my $closed ('<&-', '>&-', '2>&-', '<&- >&- 2>&-') {
        my $database = site_path("closed$closed.sqlite");
        my $command = join ' ', map { quotemeta }
            $ENV{TEST_NGINX_MSYNC}, first_sync($database);

        system "{ $command $closed; } >/dev/null 2>&1";
        is($? >> 8, 1, "$closed: a sync that fails");
        like(slurp("$database.lock"), qr/\A\d+\n+\z/,
             'its lock has the process alone');
    }
}


sub who_waits_for_a_lock_can_be_stopped {
    my $database = site_path('locked.sqlite');
    my $said = stage_dir() . '/said-locked';

    set_up($database);

    my $locked = stage_dir() . '/is-locked';
    open my $application, '|-', 'sqlite3', $database or die "sqlite3: $!\n";
    $application->autoflush;
    print {$application} "PRAGMA locking_mode = EXCLUSIVE;\n",
        "BEGIN EXCLUSIVE;\n.output $locked\n.print yes\n.output\n";
    wait_until(sub { -s $locked }) or die "it is not locked\n";

    my $pid = spawn('/dev/null', $said, '--database', $database,
                    'status');

    ok(wait_until(sub { opened($pid, $database) }), 'it has the database');
    ok(wait_until(sub { slurp($said) =~ /locked for [2-9] seconds; waiting/ }),
       'and says soon what it waits for');
    kill TERM => $pid;
    waitpid $pid, 0;

    is($? >> 8, 1, 'a command that waits for a lock ends on TERM');
    like(slurp($said), qr/CANCELLED.*interrupted from the terminal/,
         'and says why');

    close $application;
}


# Whether a command, or the process that works for it, has a file open.
sub opened {
    my ($pid, $path) = @_;

    my @workers = split ' ', slurp("/proc/$pid/task/$pid/children");

    return grep { (readlink // '') eq $path }
        map { glob "/proc/$_/fd/*" } $pid, @workers;
}


# Whatever moment is met: there is a whole copy, or none of that name.
sub what_has_the_name_of_a_backup_is_whole {
    my $database = site_path('large.sqlite');
    my $copy = stage_dir() . '/large-copy.sqlite';
    my $said = stage_dir() . '/said-large';

    set_up($database);
    my (undef, undef, $err) = run('--database', $database, 'backup', $database);
    like($err, qr/left\ as\ it\ is\.\ Name\ a\ file\ that\ is\ not\ there\.$/x,
         'nothing is wrong but the name');
    sqlite($database, 'CREATE TABLE large (x)', 'INSERT INTO large SELECT '
           . 'randomblob(100000) FROM generate_series(1, 300)');

    for my $signal ('KILL', 'TERM') {
        my $pid = spawn('/dev/null', $said, '--database', $database,
                        'backup', $copy);

        wait_until(sub { -e $copy || glob "$copy.*.part" });
        kill $signal => $pid;
        waitpid $pid, 0;

        if (-e $copy) {
            is(sqlite($copy, 'PRAGMA integrity_check'), 'ok', 'it is whole');
            unlink $copy;

        } else {
            isnt($?, 0, "a backup that $signal ends has no name");
        }

        is(scalar(() = glob "$copy.*.part"), 0, 'and leaves nothing')
            if $signal eq 'TERM';
        unlink glob "$copy.*.part";
    }
}


sub a_site_without_a_name_is_a_wrong_command_line {
    my ($code, $out, $err) = run('--database', site_path('nobody.sqlite'),
        '--url', 'http://127.0.0.1:1', '--username', '', '--password-file',
        write_private('password', "secret\n"), 'sync');

    is($code, 2, 'an empty site name');
    like($err, qr/^msync: --username is empty/, 'is refused with a sentence');
    ok(!-e site_path('nobody.sqlite'), 'before anything is done');
}


# Whether or not there is a database; each command with the options of the
# others, too few words and too many.
sub what_is_no_command_line_does_nothing {
    my ($made, $none) = map { site_path("line-$_.sqlite") } qw(made none);
    my $copy = stage_dir() . '/line-copy.sqlite';
    my %own = (status => [], sync => [], history => [], retry => [],
               check => [], schema => [], backup => [], errors => ['dismissed'],
               dismiss => [qw(all error)], send => ['all'],
               reinitialise => [qw(yes discard-unsent)]);
    my %words = (dismiss => [qw(unit x)], send => ['unit'], backup => [$copy]);
    my %value = (error => '=x');
    my %most = (dismiss => 2, backup => 1, send => 99);

    set_up($made);

    for my $database ($made, $none) {
        for my $command (sort keys %own) {
            my @own = @{$own{$command}};
            my @line = ('--database', $database, $command,
                        @{$words{$command} // []});

            for my $option (qw(dismissed all error yes discard-unsent)) {
                next if grep { $_ eq $option } @own;

                my ($status, $out, $err) = run(@line, "--$option"
                                               . ($value{$option} // ''));
                is("$status $out", '2 ', "$command --$option is refused");
                like($err, qr/^msync:\ "$command"\ has\ no\ option\ --$option\n
                             \nUsage:/x, 'and says so');
            }

            my @more = ('more') x (($most{$command} // 0) + 1);
            my ($status, $out) = run('--database', $database, $command, @more);
            is("$status $out", '2 ', "$command @more is refused")
                if @more < 9;
        }

        for my $line (['backup'], ['dismiss'], [qw(dismiss unit)],
                      [qw(dismiss --error x)], [qw(dismiss --all --error x)],
                      [qw(dismiss unit --all)], [qw(dismiss unit x --all)],
                      [qw(dismiss unit x --error x)], ['send'],
                      [qw(send unit --all)])
        {
            my ($status, $out) = run('--database', $database, @{$line});
            is("$status $out", '2 ', "@{$line} is refused");
        }
    }

    my ($status, $out, $err) = run('--database', '', 'sync');
    is("$status $out", '2 ', 'so is the database of a name that is empty');
    like($err, qr/^msync: --database is empty/, 'and says so');
    ok(!-e $none, 'no database was made');
    ok(!-e $copy, 'and no copy');
}


# Its administrator puts a backup in place: central has an older copy of what
# this site had sent since, and less records of its own than it had.
sub a_restored_central_gets_back_what_it_had {
    my $database = site_path('restored.sqlite');
    my $central = start_central(password => 'secret', records => 100);
    my @command = ('--database', $database, '--url', $central->url,
        '--username', 'Clinic 7', '--password-file',
        write_private('password', "secret\n"));
    my %newer = (item_line => ['ID', 'batch'], asset => ['id', 'notes']);
    my $row = sub {
        my ($table) = @_;
        my ($key, $field) = @{ $newer{$table} };
        return split /\|/, sqlite($database, "SELECT $key, $field FROM "
                                  . "$table ORDER BY $key LIMIT 1");
    };

    run(@command, 'sync');
    $central->snapshot;

    my $unit = sqlite($database, 'SELECT min(ID) FROM unit');
    $central->change(tableName => 'unit', recordId => $unit,
        channel => 'central', action => 'update',
        recordData => $central->record(unit => $unit));

    for my $table (keys %newer) {
        my ($key, $field) = @{ $newer{$table} };
        my ($id) = $row->($table);
        sqlite($database, "UPDATE $table SET $field = 'newer' WHERE $key = "
               . "'$id'");
    }

    my ($code, $out, $err) = run(@command, 'sync');
    is($code, 0, 'edits are sent') or diag($err);

    $central->restore;
    ($code, $out, $err) = run(@command, 'sync');
    is($code, 1, 'a run with a central that was restored fails');
    like($err, qr/^msync: CENTRAL_RESTORED/m, 'with words');

    $central->fault(api => 'v5', path => 'site', kind => 'garbage',
                    times => 20);
    ($code, $out, $err) = run(@command, 'sync');
    like($err, qr/^msync: INVALID_RESPONSE/m, 'the next error is another');
    $central->clear_faults;

    ($code, $out, $err) = run(@command, 'reinitialise');
    like($err, qr/Unsent changes: 2\. Central was restored/,
         'what central had taken is unsent now, and it is said why');

    ($code, $out) = run(@command, '--json', '--yes', 'reinitialise');
    is($code, 0, 'to begin again');
    is_deeply([@{ decode_json($out) }{qw(unsent centralRestored)}],
              [2, JSON::PP::true()], 'says so, too');

    ($code, $out, $err) = run(@command, 'sync');
    is($code, 0, 'the next run ends well') or diag($err);

    for my $table (sort keys %newer) {
        my ($id, $value) = $row->($table);
        is($value, 'newer', "the newer $table is here");
        is($central->record($table, $id)->{ $newer{$table}[1] }, 'newer',
           'and at central');
    }

    ($code, $out, $err) = run(@command, 'reinitialise');
    like($err, qr/Unsent changes: 0\.\n/, 'then nothing is unsent any more');
}


# A terminal of its own, by script(1).
# It has to be asked to let this site in before anything is sent.
sub a_central_of_before_the_first_sync_gets_all_that_this_site_made {
    my $database = site_path('before.sqlite');
    my $central = start_central(password => 'secret', records => 100);
    my @command = ('--database', $database, '--url', $central->url,
        '--username', 'Clinic 7', '--password-file',
        write_private('password', "secret\n"));
    my ($sent, $unsent);
    my $batch = sub { sqlite($database, 'SELECT batch FROM item_line WHERE ID '
                             . "= '$_[0]'") };

    $central->snapshot;
    run(@command, 'sync');
    ($sent, $unsent) = split /\n/, sqlite($database, 'SELECT ID FROM item_line '
        . 'WHERE store_ID IN (SELECT ID FROM store WHERE sync_id_remote_site '
        . '= 7) ORDER BY ID LIMIT 2');
    sqlite($database, "UPDATE item_line SET batch = 'sent' WHERE ID = "
           . "'$sent'");
    my ($code, $out, $err) = run(@command, 'sync');
    is($code, 0, 'an edit is sent') or diag($err);

    $central->restore;
    sqlite($database, "UPDATE item_line SET batch = 'unsent' WHERE ID = "
           . "'$unsent'");

    for my $again ('', ', and again') {
        ($code, $out, $err) = run(@command, 'sync');
        is($code, 1, "the next one is refused$again");
        like($err, qr/^msync:\ CENTRAL_RESTORED:\ .*never\ set\ it\ up
                      .*initialised\ again/mx, 'with what to do');
    }

    is((run(@command, '--yes', 'reinitialise'))[0], 0, 'as it says');

    # it may be killed by then, and the answer lost
    $central->fault(api => 'v5', path => 'initialise', kind => 'drop_after');
    $central->fault(api => 'v5', path => 'queued_records', kind => 'status',
                    value => 401);
    is((run(@command, 'sync'))[0], 1, 'a run that breaks off');
    $central->clear_faults;
    ($code, $out, $err) = run(@command, 'sync');
    is($code, 0, 'the next one goes on') or diag($err);

    is($batch->($sent), 'sent', 'what was sent is here');
    is($batch->($unsent), 'unsent', 'as is what was not');
    is($central->record(item_line => $sent)->{batch}, 'sent', 'both are');
    is($central->record(item_line => $unsent)->{batch}, 'unsent',
       'at central');
    is((run(@command, 'check'))[0], 0, 'nothing is wrong');

    $central->restore;
    run(@command, qw(--yes --discard-unsent reinitialise));
    ($code, $out, $err) = run(@command, 'sync');
    is($code, 0, 'where nothing waits it is let in, too') or diag($err);
}


sub an_error_has_a_line_of_its_own {
    my $database = site_path('terminal.sqlite');
    my $password = write_private('password', "secret\n");
    my $said = stage_dir() . '/said-terminal';
    my $central = start_central(password => 'secret', records => 100);

    $central->fault(api => 'v5', path => 'central_records',
                    kind => 'garbage', times => 20);

    my @command = ($ENV{TEST_NGINX_MSYNC}, '--database', $database, '--url',
                   $central->url, '--username', '"Clinic 7"',
                   '--password-file', $password, 'sync');

    system 'script', '-qefc', "@command", $said;
    isnt($?, 0, 'a sync whose central goes mad fails');
    like(slurp($said), qr/\e\[K\r?\nmsync: \[warn\]/,
         'a warning stands below the progress');
    like(slurp($said), qr/^msync: INVALID_RESPONSE:/m, 'and the error');
}


# Each command with --json: its exit status, and one document and nothing else
# on standard output.  The settings are given on the command line throughout,
# so the password file is read wherever it may be.
sub every_command_speaks_json {
    my $central = start_central(password => 'secret', records => 60);
    my $password = write_private('every.password', "secret\n");
    my $copy = stage_dir() . '/every-copy.sqlite';
    my @site = ('--database', site_path('every.sqlite'), '--json', '--url',
                $central->url, '--username', 'Clinic 7', '--password-file',
                $password);

    my @commands = (
        [1, 'status'], [1, 'errors'], [1, 'history'], [1, 'check'],
        [1, 'backup', $copy],
        [0, 'schema'],
        [0, 'sync'], [0, 'status'], [0, 'history'], [0, 'errors'],
        [0, 'errors', '--dismissed'], [0, 'retry'], [0, 'dismiss', '--all'],
        [0, 'dismiss', 'unit', 'x'], [0, 'dismiss', 'unit', '--error', 'x'],
        [0, 'send', '--all'], [0, 'send', 'Location'], [0, 'check'],
        [0, 'backup', $copy], [1, 'backup', $copy], [1, 'send', 'nothing'],
        [1, 'reinitialise'], [0, 'reinitialise', '--yes'], [0, 'sync'],
        [2, 'backup'], [2, 'dismiss'], [2, 'dismiss', 'unit'], [2, 'send'],
        [2, 'status', 'more'], [2, 'nonsense'], [2],
    );

    for my $case (@commands) {
        my ($expected, @command) = @$case;
        my ($code, $out, $err) = run(@site, @command);

        is($code, $expected, "msync --json @command ends with $expected")
            or diag($err);

        if ($expected == 0 || $out ne '') {
            ok(eval { ref decode_json($out) eq 'HASH' }, '… its document')
                or diag($out);
        }

        if ($expected != 0) {
            like($err, qr/^msync: \S/m, '… the reason');
        }
    }

    my ($code, $out) = run(@site, 'sync');
    my $status = decode_json($out);
    is($status->{state}, 'idle', 'sync tells the status');
    is($status->{syncStatus}{error}, undef, 'of the run that went well');

    $central->config(password => 'another');
    ($code, $out, my $err) = run(@site, 'sync');
    is($code, 1, 'a run that fails ends with 1');
    like($err, qr/INCORRECT_PASSWORD/, '… and says why');
    is(decode_json($out)->{syncStatus}{error}{variant}, 'INCORRECT_PASSWORD',
       '… in its document too');

    ($code, $out) = run(@site[0, 1], '--help');
    is($code, 0, 'help is no failure');
    like($out, qr/^  \Q$_\E\b/m, "help names $_")
        for qw(status sync history errors retry dismiss send check
               reinitialise schema backup);
}


sub the_manual_and_the_completion_know_what_help_names {
    my ($code, $help) = run('--help');
    my ($commands) = $help =~ /^Commands:\n(.*?)\n\n/ms;
    my @commands = uniq($commands =~ /^  ([a-z]+)/mg);
    my @options = uniq($help =~ /(--[a-z-]+)/g);

    my $completion = slurp(project_root() . '/debian/msync.bash-completion');
    is_deeply([uniq($completion =~ /compgen -W '(--[^']*)'/
                    ? $1 =~ /(--[a-z-]+)/g : ())],
              \@options, 'the completion has the options of --help');
    is_deeply([uniq($completion =~ /commands='([^']*)'/
                    ? split(' ', $1) : ())],
              \@commands, '… and the commands');

    my $manual = slurp(project_root() . '/sync/msync.8');
    is_deeply([uniq($manual =~ /^\.It Ic ([a-z]+)/mg)], \@commands,
              'the manual has the commands');
    is_deeply([grep { $manual !~ /\bFl \Q$_\E\b/ }
               map { substr $_, 1 } @options], [], '… and the options');
    return;
}


# Such a database is the application's, by a wrong name.
sub a_database_that_msync_has_not_set_up_is_left_alone {
    my $other = site_path('other.sqlite');
    my ($empty, $none) = map { site_path("$_.sqlite") } qw(empty none);

    sqlite($other, 'CREATE TABLE item (ID TEXT PRIMARY KEY)');
    sqlite($empty, 'PRAGMA application_id = 7');

    for my $command (['status'], ['history'], ['errors'], ['retry'],
                     [qw(dismiss --all)], [qw(send --all)], ['check'],
                     ['reinitialise'], [qw(reinitialise --yes)], ['sync'])
    {
        for my $database ($other, $empty) {
            for my $json ([], ['--json']) {
                my ($status, $out, $err) = run('--database', $database,
                                               @{$json}, @{$command});
                is("$status $out", '1 ', "@{$command} fails");
                like($err, qr/\Amsync:\ DATABASE_ERROR:
                              \ msync\ has\ not\ set\ up\ the\ database
                              \ \Q$database\E\ .*
                              \Q"database" directive\E/x,
                     'and says what to do');
            }
        }

        my ($status, undef, $err) = run('--database', $none, @{$command});
        is($status, 1, "@{$command} without a database fails");
        like($err, qr/cannot open \Q$none\E/, 'and says why');
    }

    is(sqlite($other, 'SELECT group_concat(name) FROM sqlite_master WHERE '
              . 'sql NOT NULL'), 'item', 'no table was made');
    is(join(' ', grep { -e } map { ("$_.lock", "$_-wal") } $other, $empty,
            $none), '', 'nor a file beside it');
    ok(!-e $none, 'nor a database');
}


sub uniq {
    my %seen = map { $_ => 1 } @_;
    return sort keys %seen;
}
