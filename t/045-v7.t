# A site that speaks sync v7 with the genuine rules of an Open mSupply central
# of 3.0: how it comes to that, the life of its token, what a run asks for, and
# what goes wrong with a variant of its own.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use Msync::Helper;
use Msync::Test qw(decode_json site_path sqlite stage_dir start_central
    write_private);
use Test::More;

use constant PASSWORD => 'correct horse battery';

write_private('password', PASSWORD . "\n");

my $central = start_central(password => PASSWORD, records => 300,
                            protocol => 'v7');
my ($database, $seen) = ('', 0);

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
a_patient_is_fetched();
a_central_that_was_set_back_is_noticed();

a_token_whose_answer_was_lost_takes_an_administrator();
a_database_that_is_not_the_first_one_is_told_so();
each_refusal_has_its_variant();
a_server_of_2_is_not_taken_for_one_of_v7();

done_testing();


# Runs a command of the helper; its exit status, what it said and its errors.
sub msync {
    my (@arguments) = @_;

    my ($out, $err) = map { stage_dir() . "/said-$_" } qw(out err);

    system(join(' ', map { quotemeta } $ENV{TEST_NGINX_MSYNC}, '--database',
                $database, @arguments) . " >$out 2>$err");

    return $? >> 8, slurp($out), slurp($err);
}

sub slurp {
    my ($path) = @_;

    open my $fh, '<', $path or die "$path: $!\n";
    local $/;
    return scalar <$fh> // '';
}

# One run, by what central speaks; its exit status.
sub run {
    my ($name) = @_;

    my @said = msync('--url', $central->v7_url, '--username',
                     $name // 'Clinic 7', '--password-file',
                     site_path('password'), 'sync');
    return $said[0];
}

# The variant of the latest run and its text.
sub failure {
    return sqlite($database, 'SELECT error_code || \' \' || error_message FROM '
                  . 'sync_log ORDER BY id DESC LIMIT 1');
}

sub kept {
    my ($key, $column) = @_;

    $column //= 'value_int';
    return sqlite($database, "SELECT $column FROM key_value_store WHERE id = "
                  . "'$key'");
}

# What was asked of central since it was asked last, "push pull".
sub asked {
    my @requests = @{ $central->state->{requests} };
    my @new = @requests[$seen .. $#requests];

    $seen = @requests;
    return join ' ', map { $_->{path} =~ m{([^/]+)$} } @new;
}

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
    $database = site_path('clinic.sqlite');

    is(run(), 0, 'a first sync with the address of a 3.0 central');
    is(asked(), 'site site_status get_token site_status pull',
       'the question for v7 has no effect, then there is a token');
    is(kept('SETTINGS_SYNC_VERSION', 'value_string'), 'V7', 'it speaks v7');
    is(kept('SETTINGS_SYNC_V7_TOKEN', 'value_string'),
       $central->state->{v7}{token}, 'with the token');
    is(kept('SETTINGS_SYNC_SITE_ID'), 7, 'it knows which site it is');
    is(kept('SETTINGS_SYNC_CENTRAL_SERVER_SITE_ID'), 10, 'and central');
    is(kept('MSYNC_SITE', 'value_string'), 'initialised',
       'and has all that there is');
    is(sqlite($database, 'SELECT count(*) FROM sync_buffer'), 0,
       'every record is a row');
    cmp_ok(sqlite($database, 'SELECT count(*) FROM transact'), '>', 0,
           'of the tables that v5 and v6 have');
    is(kept('SYNC_PULL_CURSOR_V7'), $central->state->{latest}{v6},
       'the cursor is the end that central had read');
    nothing_was_wrong('the first sync');
}


sub nothing_to_do_takes_three_requests {
    for (1, 2) {
        is(run(), 0, 'a run with nothing to do');
        is(asked(), 'site_status push pull', 'asks three times');
    }
}


sub what_was_pushed_is_waited_for {
    $central->config(integration_polls => 2);
    sqlite($database, "UPDATE item_line SET batch = 'SEVEN'");

    is(run(), 0, 'a run with a change');
    is(asked(), 'site_status push site_status site_status site_status pull',
       'waits until central has integrated it');
    my ($line) = values %{ $central->rows('StockLine') };
    is($line->{batch}, 'SEVEN', 'central has it');

    $central->config(integration_polls => 0);
    is(run(), 0, 'the next one');
    is(asked(), 'site_status push pull', 'has nothing to wait for');
    nothing_was_wrong('a push');
}


sub what_central_changes_arrives {
    change_unit('u7', 'seven');

    is(run(), 0, 'a run after a change at central');
    is(asked(), 'site_status push pull', 'asks three times');
    is(sqlite($database, "SELECT units FROM unit WHERE ID = 'u7'"), 'seven',
       'and brings it');
}


sub the_status_names_what_is_spoken_and_its_steps {
    my ($code, $out) = msync('--json', 'status');
    my $status = decode_json($out);
    my $run = $status->{syncStatus};

    is($status->{protocol}, 'v7', 'the protocol');
    is(join(' ', grep { ref $run->{$_} } qw(push waitForIntegration pull
       integration)), 'push waitForIntegration pull integration',
       'the steps of v7');
    is(join(' ', grep { exists $run->{$_} } qw(prepareInitial pushV6
       pullCentral pullRemote pullV6)), '', 'and no others');

    ($code, $out) = msync('history');
    unlike($out, qr/[A-Z]{4}/, 'the history has no error');
}


sub the_token_is_nowhere_but_in_the_database {
    my $token = $central->state->{v7}{token};

    for my $command ([qw(--json status)], ['history'], ['check'], ['schema'],
                     [qw(--json errors)])
    {
        my ($code, $out, $err) = msync(@$command);
        unlike("$out$err", qr/\Q$token\E/, "not in @$command");
    }
}


sub a_token_that_was_wiped_is_asked_for_again {
    my $token = $central->state->{v7}{token};

    $central->config(v7_token => undef, v7_hardware_id => undef);
    is(run(), 0, 'a run after legacy had sent the site again');
    is(asked(), 'site_status get_token site_status push pull',
       'gets another token and goes on');
    isnt($central->state->{v7}{token}, $token, 'another one');
    is(kept('SETTINGS_SYNC_V7_TOKEN', 'value_string'),
       $central->state->{v7}{token}, 'which is kept');
}


sub a_site_that_is_not_one_of_v7_becomes_one_again {
    my $token = $central->state->{v7}{token};

    $central->config(v7_site => 'V5V6');
    is(run(), 0, 'a run at a central that has the site as one of v6');
    is(asked(), 'site_status get_token site_status push pull',
       'asks for a token');
    is($central->state->{v7}{token}, $token, 'and goes on with the old one');
    is($central->state->{v7}{site}, 'V7', 'as a site of v7');
}


sub a_site_that_is_locked_waits {
    $central->config(integration_polls => 3);
    sqlite($database, "UPDATE item_line SET batch = 'LOCKED'");
    $central->fault(kind => 'error_code', api => 'v7', path => 'site_status',
                    times => 2,
                    value => { SiteLockError => 'IntegrationInProgress' });

    is(run(), 0, 'a run of a site that central has locked');
    like(asked(), qr/^(site_status ){3}push (site_status )+pull$/,
         'waits for it');
    $central->config(integration_polls => 0);
}


sub a_last_batch_that_was_lost_is_told_again {
    sqlite($database, "UPDATE item_line SET batch = 'LOST'");
    $central->fault(kind => 'drop_after', api => 'v7', path => 'push');

    run();
    is(run(), 0, 'a run after the answer to a push was lost');
    my ($line) = values %{ $central->rows('StockLine') };
    is($line->{batch}, 'LOST', 'central has integrated it');
    asked();
    nothing_was_wrong('a lost answer');
}


sub a_row_that_central_cannot_read_stops_the_pull_alone {
    change_unit($_) for qw(fine bad behind);
    $central->config(v7_unreadable => ['bad']);
    sqlite($database, "UPDATE item_line SET batch = 'STILL'");

    is(run(), 1, 'a run at a central that cannot read a row');
    my $cursor = kept('SYNC_PULL_CURSOR_V7');
    like(failure(), qr/^CENTRAL_DATABASE_ERROR .*behind the cursor $cursor\b/,
         'says behind which cursor');
    is(sqlite($database, "SELECT group_concat(ID) FROM unit WHERE ID IN "
              . "('fine', 'bad', 'behind')"), 'fine', 'what is before it came');
    my ($line) = values %{ $central->rows('StockLine') };
    is($line->{batch}, 'STILL', 'what was made here goes out all the same');

    $central->config(v7_unreadable => []);
    is(run(), 0, 'it goes on when it can');
    is(sqlite($database, "SELECT count(*) FROM unit WHERE ID IN ('bad', "
              . "'behind')"), 2, 'with all that was behind');
    asked();
}


sub all_comes_anew {
    sqlite($database, "UPDATE unit SET units = 'spoilt'",
           "DELETE FROM changelog WHERE table_name = 'unit'");

    is((msync('--yes', 'reinitialise'))[0], 0, 'reinitialise');
    is(run(), 0, 'a run');
    like(asked(), qr/^site_status push pull( pull)*$/, 'by v7');
    is(sqlite($database, "SELECT count(*) FROM unit WHERE units = 'spoilt'"),
       0, 'everything has come anew');
    is(kept('MSYNC_SITE', 'value_string'), 'initialised', 'and it is over');
    nothing_was_wrong('a sync anew');
}


sub a_patient_is_fetched {
    my ($patient) = grep { $_->{type} eq 'PATIENT' }
        values %{ $central->rows('Name') };

    SKIP: {
        skip 'the emulator has no patient', 3 if !$patient;

        my $helper = Msync::Helper->start(
            site => 'clinic', database => $database,
            url => $central->v7_url, username => 'Clinic 7',
            password_sha256 => sha256_hex(PASSWORD), interval => 0,
            protocol => 'v7',
        );
        is($helper->run($patient->{id}), 0, 'a run for a patient');
        $helper->stop;
        is(asked(), 'site_status push patient_data_for_site pull',
           'fetches what is of the patient, and what joins it to the store');
        is(sqlite($database, "SELECT count(*) FROM name WHERE ID = "
                  . "'$patient->{id}'"), 1, 'the patient is here');
        nothing_was_wrong('a patient');
    }
}


sub a_central_that_was_set_back_is_noticed {
    $central->snapshot;
    change_unit('u8');
    is(run(), 0, 'a run before');
    $central->restore;
    is(run(), 1, 'and one after central was put back');
    like(failure(), qr/^CENTRAL_RESTORED /, 'says so');
}


# ---- other sites ------------------------------------------------------------

sub new_site {
    my ($name) = @_;

    $central->reset;
    $seen = 0;
    $database = site_path("$name.sqlite");
}


sub a_token_whose_answer_was_lost_takes_an_administrator {
    new_site('lost');
    $central->fault(kind => 'drop_after', api => 'v7', path => 'get_token');

    is(run(), 1, 'the answer to get_token is lost');
    is(asked(), 'site site_status get_token', 'it was asked once');
    is(run(), 1, 'the next run');
    like(failure(), qr/^TOKEN_ALREADY_ALLOCATED .*answer that was lost/,
         'knows that');
    like(failure(), qr/clear the site's token/, 'and what has to be done');

    $central->config(v7_token => undef);
    is(run(), 0, 'it goes on when an administrator has done it');
    is(kept('SETTINGS_SYNC_V7_TOKEN', 'value_string'),
       $central->state->{v7}{token}, 'with its token');
}


sub a_database_that_is_not_the_first_one_is_told_so {
    $database = site_path('second.sqlite');

    is(run(), 1, 'a second database of a site');
    like(failure(), qr/^TOKEN_ALREADY_ALLOCATED .*another machine or/,
         'gets no token');
}


sub each_refusal_has_its_variant {
    new_site('refused');

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
        like(failure(), qr/^$variant .*$says/, "$variant: in words");
    }

    $central->reset;
    is(run(), 0, 'it goes on when there is nothing to refuse');
    $central->config(v7_hardware_id => 'other');
    is(run(), 1, 'a site on another machine');
    like(failure(), qr/^HARDWARE_ID_MISMATCH /, 'is refused with its token');
}


sub a_server_of_2_is_not_taken_for_one_of_v7 {
    my $two = start_central(password => PASSWORD, records => 300);

    $database = site_path('two.sqlite');

    my ($code) = msync('--url', $two->url, '--username', 'Clinic 7',
                       '--password-file', site_path('password'), 'sync');
    is($code, 0, 'a first sync by v5 and v6');
    is(kept('SETTINGS_SYNC_VERSION', 'value_string'), 'V5_V6', 'is known');
    is(scalar grep({ $_->{path} =~ /v7/ } @{ $two->state->{requests} }), 0,
       'and nobody was asked for v7');

    ($code) = msync('--url', $two->v7_url, '--username', 'Clinic 7',
                    '--password-file', site_path('password'), 'sync');
    is($code, 1, 'the address of its Open mSupply central');
    like(failure(), qr/^INVALID_RESPONSE .*web page/,
         'is not that of mSupply central');
}
