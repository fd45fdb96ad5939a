# Rows that the application had before msync came: counted and said, sent when
# somebody asks for it, and only then.

use strict;
use warnings;

use Msync::Test qw(
    site_config site_path sqlite start_central start_nginx
    write_private
);
use Test::More;

use constant PASSWORD => 'correct horse battery';

my $central = start_central(password => PASSWORD, records => 50);
my $password = write_private('password', PASSWORD . "\n");
my $store = store_of_this_site();

rows_of_before('clinic');

my $nginx = start_nginx(
    http => site_config('clinic', helper => $ENV{TEST_NGINX_MSYNC},
        url => $central->url, username => '"Clinic 7"', interval => 0,
        password_file => $password),
    server => 'location /api/ { msync clinic; }',
);

they_are_counted_after_the_first_sync();
nothing_is_sent_by_itself();
what_is_wrong_is_refused();
they_are_sent_on_request();
what_was_changed_in_a_store_of_another_site_is_counted();
the_command_line_does_the_same();

is_deeply($central->state->{violations}, [], 'central has no complaint')
    or diag(explain($central->state->{violations}));
ok($nginx->stop, 'quit');
is(join('', $nginx->alarms), '', 'no alarm in the log');

done_testing();


sub query { return sqlite(site_path('clinic.sqlite'), @_) }

sub msync {
    my ($name, @command) = @_;

    open my $handle, '-|', $ENV{TEST_NGINX_MSYNC}, '--database',
        site_path("$name.sqlite"), @command or die "msync: $!\n";
    my $said = join '', <$handle>;
    close $handle;

    return ($? >> 8, $said);
}

sub settings {
    return ('--url', $central->url, '--username', 'Clinic 7',
            '--password-file', $password);
}

sub post { return $nginx->post("/api/$_[0]", content => $_[1]) }

sub run {
    ok($nginx->sync('clinic'), 'a run is asked for, and ends');
}

# ids of the locations that central got
sub sent {
    return join ' ', sort map { $_->{recordId} }
        grep { $_->{tableName} eq 'Location' } $central->received('v5');
}


sub store_of_this_site {
    is((msync('scratch', settings(), 'sync'))[0], 0, 'a site that is new');
    return sqlite(site_path('scratch.sqlite'),
                  'SELECT min(store_ID) FROM item_line');
}


sub rows_of_before {
    my ($name) = @_;

    my $path = site_path("$name.sqlite");

    sqlite($path, 'CREATE TABLE Location (ID TEXT PRIMARY KEY, code TEXT, '
           . 'Description TEXT, store_ID TEXT, hold BOOLEAN, Volume REAL)',
           map { 'INSERT INTO Location VALUES ('
                 . join(', ', map { "'$_'" } "$name-$_", $_, $_, $store)
                 . ', 0, 0)' } 1 .. 3);
    chmod 0666, $path or die "$path: $!\n";
}


sub they_are_counted_after_the_first_sync {
    my $first = $nginx->wait_status(sub { $_->{state} ne 'stopped' });

    is($first->{recordsNeverSent}, 0, 'nothing is said before');
    run();

    ok($nginx->wait_status(sub { $_->{recordsNeverSent} == 3 }), 'three');
    is($nginx->status->{numberOfRecordsInPushQueue}, 0, 'and none waits');
}


sub nothing_is_sent_by_itself {
    run();
    is(sent(), '', 'nothing is sent');
}


sub what_is_wrong_is_refused {
    for my $wrong ('{}', '[]', '{"tables": []}', '{"tables": ["unit", 1]}',
        '{"all": false}', '{"all": true, "tables": ["Location"]}',
        '{"tables": "Location"}', '{"tables": ["no_such_table"]}',
        '{"tables": ["Location", "unit"]}')
    {
        my $answer = post(send => $wrong);

        is($answer->{status}, 400, "not $wrong");
        is($answer->{json}{error}{variant}, 'INVALID_REQUEST',
           '… which is no fault of the database');
        unlike($answer->{json}{error}{fullError}, qr/rights|check/,
               '… nor said to be');
    }

    is($nginx->status->{numberOfRecordsInPushQueue}, 0, 'nothing waits');
}


sub they_are_sent_on_request {
    my $answer = post(send => '{"tables": ["Location"]}');

    is($answer->{status}, 202, 'taken');
    is_deeply($answer->{json}, { queued => 3 }, 'three are queued');
    ok($nginx->wait_status(sub { $_->{numberOfRecordsInPushQueue} == 3
                                 && $_->{recordsNeverSent} == 0 }),
       'and wait');
    is_deeply(post(send => '{"all": true}')->{json}, { queued => 0 },
              'once only');

    run();
    is(sent(), 'clinic-1 clinic-2 clinic-3', 'central has got them');
}


# a change that is sent leads the cursor past it
sub what_was_changed_in_a_store_of_another_site_is_counted {
    my $other = query('SELECT min(ID) FROM store WHERE sync_id_remote_site '
                      . 'NOT IN (7, 0)');
    my $moved = $central->record(store => $other);

    query('INSERT INTO Location (ID, code, Description, store_ID, hold, '
          . "Volume) VALUES ('moved', 'm', 'm', '$other', 0, 0)",
          "UPDATE Location SET Description = 'new' WHERE ID = 'clinic-1'");
    run();
    is(sent(), 'clinic-1 clinic-1 clinic-2 clinic-3', 'the other is sent');
    is($nginx->status->{recordsNeverSent}, 0, 'which is not this one\'s yet');

    $central->change(tableName => 'store', recordId => $other, action =>
                     'upsert', recordData => { %$moved,
                                               sync_id_remote_site => 7 });
    run();
    ok($nginx->wait_status(sub { $_->{recordsNeverSent} == 1 }),
       'it is counted as soon as central gives the store to this site');
    is_deeply(post(send => '{"all": true}')->{json}, { queued => 1 },
              '… and queued on request');
    run();
    is(sent(), 'clinic-1 clinic-1 clinic-2 clinic-3 moved', '… and sent');
    ok($nginx->wait_status(sub { $_->{recordsNeverSent} == 0 }), 'once');
}


sub the_command_line_does_the_same {
    rows_of_before('terminal');
    is((msync('terminal', settings(), 'sync'))[0], 0, 'another site');

    my ($status, $said) = msync('terminal', 'status');
    like($said, qr/^never sent +3, which "msync send" queues$/m,
         'of its rows is told');
    ($status, $said) = msync('terminal', '--json', 'status');
    like($said, qr/"recordsNeverSent":3\b/, 'its rows are counted');
    is((msync('terminal', 'send', 'no_such_table'))[0], 1,
       'an unknown table is refused');
    is((msync('terminal', 'send'))[0], 2, 'which one has to be said');
    is((msync('terminal', 'send', '--all', 'Location'))[0], 2, 'but once');

    ($status, $said) = msync('terminal', '--json', 'send', 'Location');
    is("$status $said", qq(0 {"queued":3}\n), 'one table');
    ($status, $said) = msync('terminal', 'send', '--all');
    is($status, 0, 'all');
    like($said, qr/^0 /, 'of none');
}
