# A site that speaks sync v7 with the genuine rules of an Open mSupply central
# of 3.0: how it comes to that, the life of its token, what a run asks for, and
# what goes wrong with a variant of its own.

use strict;
use warnings;

use Msync::Helper qw(switch);
use Msync::Site;
use Msync::Test qw(decode_json site_path slurp wait_until);
use Test::More;

my $site = Msync::Site->new(protocol => 'v7');
my $central = $site->central;

a_new_site_finds_out_what_central_speaks();
nothing_to_do_takes_three_requests();
what_was_pushed_is_waited_for();
what_central_changes_arrives();
the_status_names_what_is_spoken_and_its_steps();
the_token_is_nowhere_but_in_the_database();
a_token_that_was_wiped_is_asked_for_again();
a_site_that_is_not_one_of_v7_becomes_one_again();
a_site_that_is_locked_waits();
a_last_batch_that_was_lost_is_told_again();
a_row_that_central_cannot_read_stops_the_pull_alone();
all_comes_anew();
a_site_that_lost_where_it_stood_finds_out_what_is_spoken();
a_patient_who_does_not_come_anew_is_not_said_to_be_lost();
a_patient_is_fetched();
one_odd_answer_makes_central_no_restored_one();
a_central_that_was_set_back_is_noticed();
a_database_of_another_site_keeps_its_token();

a_token_that_the_disk_had_no_room_for_is_kept();
a_token_that_came_before_the_line_broke_is_kept();
a_token_that_is_on_its_way_outlives_a_cancel();
a_token_whose_answer_was_lost_takes_an_administrator();
a_database_that_is_not_the_first_one_is_told_so();
a_token_that_cannot_be_stored_at_once_is_stored_a_moment_later();
each_refusal_has_its_variant();
a_server_of_2_is_not_taken_for_one_of_v7();

done_testing();


# One run; its exit status.
sub run { return ($site->run)[0] }

# A unit that central has made or changed.
sub change_unit {
    my ($id, $name) = @_;

    $central->change(channel => 'v7', tableName => 'Unit', recordId => $id,
                     action => 'upsert', recordData => { id => $id,
                     name => $name // $id, description => undef, index => 7,
                     is_active => \1 });
}

sub nothing_was_wrong {
    my ($name) = @_;

    my $state = $central->state;
    is_deeply($state->{violations}, [], "$name: nothing breaks the protocol");
    is_deeply($state->{v7}{lost}, [], "$name: central could read all");
}


sub a_new_site_finds_out_what_central_speaks {
    is(run(), 0, 'a first sync with the address of a 3.0 central');
    is($site->asked, 'site site_status get_token site_status pull',
       'the question for v7 has no effect, then there is a token');
    is($site->value('SETTINGS_SYNC_VERSION'), 'V7', 'it speaks v7');
    is($site->value('SETTINGS_SYNC_V7_TOKEN'),
       $central->state->{v7}{token}, 'with the token');
    is($site->value('SETTINGS_SYNC_SITE_ID'), 7, 'it knows which site it is');
    is($site->value('SETTINGS_SYNC_CENTRAL_SERVER_SITE_ID'), 10, 'and central');
    is($site->value('MSYNC_SITE'), 'initialised', 'and has all that there is');
    is($site->query('SELECT count(*) FROM sync_buffer'), 0,
       'every record is a row');
    cmp_ok($site->query('SELECT count(*) FROM transact'), '>', 0,
           'of the tables that v5 and v6 have');
    is($site->query('SELECT pull_progress_done = integration_progress_done '
                    . 'FROM sync_log'), 1,
       'as many as the step tells in the end, whatever cursors were passed');
    is($site->value('SYNC_PULL_CURSOR_V7'), $central->state->{latest}{v6},
       'the cursor is the end that central had read');
    nothing_was_wrong('the first sync');
}


sub nothing_to_do_takes_three_requests {
    for (1, 2) {
        is(run(), 0, 'a run with nothing to do');
        is($site->asked, 'site_status push pull', 'asks three times');
    }
}


sub what_was_pushed_is_waited_for {
    $central->config(integration_polls => 2);
    $site->query("UPDATE item_line SET batch = 'SEVEN'");

    is(run(), 0, 'a run with a change');
    is($site->asked,
       'site_status push site_status site_status site_status pull',
       'waits until central has integrated it');
    my ($line) = values %{ $central->rows('StockLine') };
    is($line->{batch}, 'SEVEN', 'central has it');

    $central->config(integration_polls => 0);
    is(run(), 0, 'the next one');
    is($site->asked, 'site_status push pull', 'has nothing to wait for');
    nothing_was_wrong('a push');
}


sub what_central_changes_arrives {
    change_unit('u7', 'seven');

    is(run(), 0, 'a run after a change at central');
    is($site->asked, 'site_status push pull', 'asks three times');
    is($site->query("SELECT units FROM unit WHERE ID = 'u7'"), 'seven',
       'and brings it');
}


sub the_status_names_what_is_spoken_and_its_steps {
    my ($code, $out) = $site->run('--json', 'status');
    my $status = decode_json($out);
    my $run = $status->{syncStatus};

    is($status->{protocol}, 'v7', 'the protocol');
    is(join(' ', grep { ref $run->{$_} } qw(push waitForIntegration pull
       integration)), 'push waitForIntegration pull integration',
       'the steps of v7');
    is(join(' ', grep { exists $run->{$_} } qw(prepareInitial pushV6
       pullCentral pullRemote pullV6)), '', 'and no others');

    ($code, $out) = $site->run('history');
    unlike($out, qr/[A-Z]{4}/, 'the history has no error');
}


sub the_token_is_nowhere_but_in_the_database {
    my $token = $central->state->{v7}{token};

    for my $command ([qw(--json status)], ['history'], ['check'], ['schema'],
                     [qw(--json errors)])
    {
        my ($code, $said) = $site->run(@$command);
        unlike($said, qr/\Q$token\E/, "not in @$command");
    }
}


sub a_token_that_was_wiped_is_asked_for_again {
    my $token = $central->state->{v7}{token};

    $central->config(v7_token => undef, v7_hardware_id => undef);
    is(run(), 0, 'a run after legacy had sent the site again');
    is($site->asked, 'site_status get_token site_status push pull',
       'gets another token and goes on');
    isnt($central->state->{v7}{token}, $token, 'another one');
    is($site->value('SETTINGS_SYNC_V7_TOKEN'),
       $central->state->{v7}{token}, 'which is kept');
}


sub a_site_that_is_not_one_of_v7_becomes_one_again {
    my $token = $central->state->{v7}{token};

    $central->config(v7_site => 'V5V6');
    is(run(), 0, 'a run at a central that has the site as one of v6');
    is($site->asked, 'site_status get_token site_status push pull',
       'asks for a token');
    is($central->state->{v7}{token}, $token, 'and goes on with the old one');
    is($central->state->{v7}{site}, 'V7', 'as a site of v7');
}


sub a_site_that_is_locked_waits {
    $central->config(integration_polls => 3);
    $site->query("UPDATE item_line SET batch = 'LOCKED'");
    $central->fault(kind => 'error_code', api => 'v7', path => 'site_status',
                    times => 2,
                    value => { SiteLockError => 'IntegrationInProgress' });

    is(run(), 0, 'a run of a site that central has locked');
    like($site->asked, qr/^(site_status ){3}push (site_status )+pull$/,
         'waits for it');
    $central->config(integration_polls => 0);
}


sub a_last_batch_that_was_lost_is_told_again {
    $site->query("UPDATE item_line SET batch = 'LOST'");
    $central->fault(kind => 'drop_after', api => 'v7', path => 'push');

    run();
    is(run(), 0, 'a run after the answer to a push was lost');
    my ($line) = values %{ $central->rows('StockLine') };
    is($line->{batch}, 'LOST', 'central has integrated it');
    $site->asked;
    nothing_was_wrong('a lost answer');
}


sub a_row_that_central_cannot_read_stops_the_pull_alone {
    change_unit($_) for qw(fine bad behind);
    $central->config(v7_unreadable => ['bad']);
    $site->query("UPDATE item_line SET batch = 'STILL'");

    is(run(), 1, 'a run at a central that cannot read a row');
    my $cursor = $site->value('SYNC_PULL_CURSOR_V7');
    like($site->failure,
         qr/^CENTRAL_DATABASE_ERROR .*behind the cursor $cursor\b/,
         'says behind which cursor');
    is($site->query("SELECT group_concat(ID) FROM unit WHERE ID IN "
                    . "('fine', 'bad', 'behind')"), 'fine',
       'what is before it came');
    my ($line) = values %{ $central->rows('StockLine') };
    is($line->{batch}, 'STILL', 'what was made here goes out all the same');

    $central->config(v7_unreadable => []);
    is(run(), 0, 'it goes on when it can');
    is($site->query("SELECT count(*) FROM unit WHERE ID IN ('bad', "
                    . "'behind')"), 2, 'with all that was behind');
    $site->asked;
}


sub all_comes_anew {
    $site->query("UPDATE unit SET units = 'spoilt'",
                 "DELETE FROM changelog WHERE table_name = 'unit'");

    is(($site->run('--yes', 'reinitialise'))[0], 0, 'reinitialise');
    is(run(), 0, 'a run');
    like($site->asked, qr/^site_status push pull( pull)*$/, 'by v7');
    is($site->query("SELECT count(*) FROM unit WHERE units = 'spoilt'"),
       0, 'everything has come anew');
    is($site->value('MSYNC_SITE'), 'initialised', 'and it is over');
    nothing_was_wrong('a sync anew');
}


sub a_site_that_lost_where_it_stood_finds_out_what_is_spoken {
    $site->query("UPDATE item_line SET batch = 'WAITS'",
                 'DELETE FROM key_value_store');

    is(run(), 1, 'a run after key_value_store was emptied');
    like($site->failure, qr/^TOKEN_ALREADY_ALLOCATED /, 'lacks the token');

    $central->config(v7_token => undef);
    is(run(), 0, 'when an administrator has cleared it all comes anew');
    is($site->value('MSYNC_SITE'), 'initialised', 'to the end');
    my ($line) = values %{ $central->rows('StockLine') };
    is($line->{batch}, 'WAITS', 'and central gets what waited');
    $site->asked;
    nothing_was_wrong('a site that lost where it stood');
}


# A patient whom nothing joins to a store central has, and sends to nobody.
sub a_patient_who_does_not_come_anew_is_not_said_to_be_lost {
    $site->query('INSERT INTO name (ID, code, name, type, customer, supplier) '
                 . "VALUES ('unjoined', 'u', 'Ana', 'patient', 1, 0)");
    is(run(), 0, 'a patient is sent');
    ok($central->rows('Name')->{unjoined}, 'and central has it');
    is(($site->run('--yes', 'reinitialise'))[0], 0, 'reinitialise');
    is(run(), 0, 'a run');
    like(($site->run('check'))[1], qr/"unjoined": .*central did not send it;/,
         'what is true is said');

    is(($site->run('send', '--all'))[0], 0, 'send');
    is(run(), 0, 'a run sends it once more');
    is(($site->run('check'))[1], "nothing wrong was found\n",
       'then nothing is said of it');
    $site->asked;
    nothing_was_wrong('a patient');
}


sub a_patient_is_fetched {
    my ($patient) = map { $_->{id} } grep { $_->{type} eq 'PATIENT' }
        values %{ $central->rows('Name') };
    my $helper = $site->helper(protocol => 'v7');

    is($helper->run($patient), 0, 'a run for a patient');
    is($site->asked, 'site_status push patient_data_for_site pull',
       'fetches what is of the patient, and what joins it to the store');
    is($site->query("SELECT count(*) FROM name WHERE ID = '$patient'"), 1,
       'the patient is here');

    is($helper->run('NOBODY'), 1, 'a run for one who is not there');
    like($site->failure, qr/^RECORD_NOT_FOUND .*has no patient "NOBODY"/,
         'says so, and not that central is at fault');
    $helper->stop;
    $site->asked;
    nothing_was_wrong('a patient');
}


sub one_odd_answer_makes_central_no_restored_one {
    change_unit('odd');
    $central->fault(kind => 'json', path => 'pull', value => { Ok => {
        records => [], lastCursorInBatch => 0, remaining => 0,
        maxCursor => 0 } });
    is(run(), 0, 'a central that has nothing for the length of an answer');
    is($site->query("SELECT count(*) FROM unit WHERE ID = 'odd'"), 1,
       'has what it had, when it is asked once more');
}


sub a_central_that_was_set_back_is_noticed {
    $central->snapshot;
    change_unit('u8');
    is(run(), 0, 'a run before');
    $central->restore;
    is(run(), 1, 'and one after central was put back');
    like($site->failure, qr/^CENTRAL_RESTORED /, 'says so');
}


sub a_database_of_another_site_keeps_its_token {
    my $token = $site->value('SETTINGS_SYNC_V7_TOKEN');

    $site->query('UPDATE key_value_store SET value_int = 8 WHERE id = '
                 . "'SETTINGS_SYNC_SITE_ID'");
    $central->config(v7_token => undef);
    is(run(), 1, 'central gives a token to the site 7');
    like($site->failure, qr/^SITE_UUID_IS_BEING_CHANGED .*the site 8\b/,
         'which the database of the site 8 does not become');
    is($site->value('SETTINGS_SYNC_V7_TOKEN'), $token, 'nor takes its token');
}


# ---- other sites ------------------------------------------------------------

# Central gives it once; the helper has it until there is room again.
sub a_token_that_the_disk_had_no_room_for_is_kept {
    $site->reset;

    local %ENV = (%ENV, %{ switch(0, 0) });
    my $helper = $site->helper(program => $ENV{TEST_NGINX_MSYNC_FAULTS},
                               protocol => 'v7');

    $central->fault(kind => 'hold', api => 'v7', path => 'get_token');
    $helper->trigger;
    wait_until { $central->state(1)->{faults}[0]{times} == 0 };
    switch(0, 1);
    $central->clear_faults;
    is($helper->wait_status(sub { $_->{syncStatus}{error} })
           ->{syncStatus}{error}{variant}, 'DISK_FULL',
       'the disk is full when the token comes');

    switch(0, 0);
    is($helper->run, 1, 'the run after that fails no more');
    $helper->stop;
    is(() = $site->asked =~ /get_token/g, 1, 'no other token was asked for');
    is($site->value('SETTINGS_SYNC_V7_TOKEN'),
       $central->state->{v7}{token}, 'the one that came is in the database');
    is($site->value('MSYNC_SITE'), 'initialised', 'and all has come');
}


sub a_token_that_came_before_the_line_broke_is_kept {
    $site->reset;
    $central->fault(kind => 'drop_end', api => 'v7', path => 'get_token');

    is(run(), 0, 'an answer to get_token that is torn behind the token');
    is(() = $site->asked =~ /get_token/g, 1, 'no other token was asked for');
    is($site->value('SETTINGS_SYNC_V7_TOKEN'),
       $central->state->{v7}{token}, 'the one that came is in the database');
    is($site->value('MSYNC_TOKEN_ASKED'), q(), 'and none is waited for');
}


# Whoever cancels or reloads does not see what is on its way.
sub a_token_that_is_on_its_way_outlives_a_cancel {
    $site->reset;

    my $helper = $site->helper(protocol => 'v7');

    $central->fault(kind => 'delay', api => 'v7', path => 'get_token',
                    value => 3000);
    $helper->trigger;
    wait_until { $central->state(1)->{faults}[0]{times} == 0 };
    $helper->cancel;
    is($helper->wait_status(sub { $_->{syncStatus}{error} })
           ->{syncStatus}{error}{variant}, 'CANCELLED',
       'a run is cancelled while central makes the token');
    $helper->stop;
    is($site->value('SETTINGS_SYNC_V7_TOKEN'),
       $central->state->{v7}{token}, 'which has come all the same');
    is(run(), 0, 'so that the next run goes on');
    is(() = $site->asked =~ /get_token/g, 1, 'with no other one');
}


sub a_token_whose_answer_was_lost_takes_an_administrator {
    $site->reset;
    $central->fault(kind => 'drop_after', api => 'v7', path => 'get_token');

    is(run(), 1, 'the answer to get_token is lost');
    is($site->asked, 'site site_status get_token', 'it was asked once');
    is(run(), 1, 'the next run');
    like($site->failure, qr/^TOKEN_ALREADY_ALLOCATED .*answer that was lost/,
         'knows that');
    like($site->failure, qr/clear the site's token/, 'and what has to be done');

    $central->config(v7_token => undef);
    is(run(), 0, 'it goes on when an administrator has done it');
    is($site->value('SETTINGS_SYNC_V7_TOKEN'),
       $central->state->{v7}{token}, 'with its token');

    $central->config(v7_token => 'of another machine');
    is(run(), 1, 'central has given the site to somebody else since');
    like($site->failure, qr/^TOKEN_ALREADY_ALLOCATED .*another machine or/,
         'which is no answer that was lost');
}


sub a_database_that_is_not_the_first_one_is_told_so {
    $site->new_database;

    is(run(), 1, 'a second database of a site');
    like($site->failure, qr/^TOKEN_ALREADY_ALLOCATED .*another machine or/,
         'gets no token');
}


# the first write after the request for the token fails, and no other one
sub a_token_that_cannot_be_stored_at_once_is_stored_a_moment_later {
    my $count = site_path('writes');

    local $ENV{TEST_NGINX_MSYNC} = $ENV{TEST_NGINX_MSYNC_FAULTS};
    local $ENV{MSYNC_FAULT_COUNT} = $count;
    $site->reset;
    is(run(), 0, 'a first sync whose writes are counted');
    like($site->asked, qr/^site site_status get_token /, 'asks for a token');
    my (undef, undef, @before) = split ' ', slurp($count);

    local $ENV{MSYNC_FAULT} = 'io-write ' . ($before[2] + 1);
    $site->reset;
    my ($status, $said) = $site->run;
    is($status, 0, 'one with a disk that fails at the token');
    like($said, qr/storing the token of this site: .*disk I\/O/,
         'has met that');
    is($site->value('SETTINGS_SYNC_V7_TOKEN'), $central->state->{v7}{token},
       'has its token');
    like($site->asked, qr/^site site_status get_token site_status pull/,
         'and asked for it once');
}


sub each_refusal_has_its_variant {
    $site->reset;

    for (
        [INVALID_SITE_NAME_OR_PASSWORD => qr/name and password/,
         password => 'another'],
        [SYNC_VERSION_MISMATCH => qr/version 2\.9\.9 .* version 3\.0\.0/,
         v7_version => '2.9.9'],
        [HARDWARE_ID_MISMATCH => qr/another machine.*hardware id and token/,
         v7_hardware_id => 'other'],
        [REQUEST_SITE_AUTH_ERROR => qr/not all stores/, v7_site => 'V5V6',
         sync_version => '', upgrade => 'stores_not_migrated'],
    ) {
        my ($variant, $says, %config) = @$_;

        $central->reset;
        $central->config(%config);
        is(run(), 1, "$variant: a run fails");
        like($site->failure, qr/^$variant .*$says/, "$variant: in words");
    }

    $central->reset;
    is(run(), 0, 'it goes on when there is nothing to refuse');
    $central->config(v7_hardware_id => 'other');
    is(run(), 1, 'a site on another machine');
    like($site->failure, qr/^HARDWARE_ID_MISMATCH /,
         'is refused with its token');
}


sub a_server_of_2_is_not_taken_for_one_of_v7 {
    my $two = Msync::Site->new;

    is(($two->run)[0], 0, 'a first sync by v5 and v6');
    is($two->value('SETTINGS_SYNC_VERSION'), 'V5_V6', 'is known');
    unlike($two->paths, qr/v7/, 'and nobody was asked for v7');

    is(($two->run_at($two->central->v7_url))[0], 1,
       'the address of its Open mSupply central');
    like($two->failure, qr/^INVALID_RESPONSE .*web page/,
         'is not that of mSupply central');
}
