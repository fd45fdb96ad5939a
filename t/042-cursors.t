# Pulls from Open mSupply central, whose two generations mean different things
# by a cursor, with the same version numbers: no record is lost at either, none
# is asked for without an end, and a cursor that a former release has kept
# becomes one that is right.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use Msync::Helper;
use Msync::Test qw(site_path sqlite start_central write_private);
use Test::More;

use constant PASSWORD => 'correct horse battery';

write_private('password', PASSWORD . "\n");

for my $generation (2, 3) {
    my $site = site($generation);

    subtest "a central of generation $generation" => sub {
        first_sync_brings_all($site);
        records_made_one_at_a_time_arrive($site);
        what_is_written_while_nothing_is_pulled_arrives($site);
        batches_of_one_come_to_an_end($site);
        a_run_with_nothing_to_do_writes_nothing($site);
        a_patient_is_fetched($site);
        a_cursor_of_a_former_release_is_mended($site);
        an_address_with_blanks_around_it_is_taken($site);
        nothing_was_wrong($site);
    };
}

the_central_becomes_one_of_generation_3();
a_restored_central_is_noticed_by_what_this_site_sent($_) for 2, 3;
one_odd_answer_makes_no_central_a_restored_one($_) for 2, 3;
an_old_delete_does_not_take_what_central_has_made_again();

done_testing();


sub site {
    my ($generation) = @_;

    my $central = start_central(password => PASSWORD, records => 900,
                                'central-version' => $generation);

    return {
        central    => $central,
        generation => $generation,
        database   => site_path("clinic$generation.sqlite"),
    };
}

sub run {
    my ($site, @more) = @_;

    system(join(' ', map { quotemeta } $ENV{TEST_NGINX_MSYNC},
                '--database', $site->{database}, '--url',
                $site->{central}->url, '--username', 'Clinic 7',
                '--password-file', site_path('password'), 'sync', @more)
           . ' >/dev/null 2>&1');
    return $? >> 8;
}

sub helper {
    my ($site, %more) = @_;

    return Msync::Helper->start(
        site => 'clinic', database => $site->{database},
        url => $site->{central}->url, username => 'Clinic 7',
        password_sha256 => sha256_hex(PASSWORD), interval => 0, %more,
    );
}

sub query { my $site = shift; return sqlite($site->{database}, @_) }

sub value {
    my ($site, $key) = @_;

    return query($site, 'SELECT value_int FROM key_value_store WHERE '
                 . "id = '$key'");
}

# how many pulls there were
sub pulls {
    my ($site) = @_;

    return scalar grep { $_->{path} =~ m{/pull$} }
        @{ $site->{central}->state->{requests} };
}

sub class {
    my ($name) = @_;

    return (
        tableName => 'asset_class', recordId => $name, action => 'upsert',
        recordData => { id => $name, name => $name },
    );
}

sub has {
    my ($site, @names) = @_;

    my $list = join ', ', map { "'$_'" } @names;

    return query($site, "SELECT count(*) FROM asset_class WHERE id IN "
                 . "($list)");
}


sub first_sync_brings_all {
    my ($site) = @_;

    my $helper = helper($site, central_pull => 7);

    is($helper->run, 0, 'a first sync in small batches');
    $helper->stop;

    my $records = $site->{central}->records;

    for my $table (qw(asset_class asset_catalogue_item vaccination)) {
        is(query($site, "SELECT count(*) FROM $table"),
           scalar(keys %{ $records->{$table} }), "brings every $table");
    }

    my ($total, $done) = split /\|/, query($site, 'SELECT '
        . 'pull_v6_progress_total, pull_v6_progress_done FROM sync_log');
    is($total, $done, 'its total is the number of records');
}


sub records_made_one_at_a_time_arrive {
    my ($site) = @_;

    my @names = map { "one$_" } 1 .. 6;

    for my $name (@names) {
        $site->{central}->change(class($name));
        run($site);
    }

    is(has($site, @names), 6, 'records made one at a time arrive');
}


sub what_is_written_while_nothing_is_pulled_arrives {
    my ($site) = @_;

    my @names = map { "late$_" } 1 .. 6;

    for my $name (@names) {
        $site->{central}->meanwhile({ class($name) });
        run($site);
    }

    run($site);
    is(has($site, @names), 6, 'records written during pulls arrive');
}


sub batches_of_one_come_to_an_end {
    my ($site) = @_;

    my @names = map { "small$_" } 1 .. 3;

    $site->{central}->change(class($_)) for @names;
    query($site, "UPDATE key_value_store SET value_int = 1 WHERE id = "
          . "'MSYNC_BATCH_PULL_V6'");
    is(run($site), 0, 'batches of one record');
    is(has($site, @names), 3, 'bring every one');
}


sub a_run_with_nothing_to_do_writes_nothing {
    my ($site) = @_;

    run($site);
    my $before = pulls($site);

    is(run($site), 0, 'a run with nothing to do');
    is(pulls($site), $before + 1, 'asks once');
    is(query($site, 'SELECT pull_v6_progress_total FROM sync_log ORDER BY '
             . 'started_datetime DESC LIMIT 1'), 0, 'and pulls nothing');
}


sub a_patient_is_fetched {
    my ($site) = @_;

    my ($patient) = split /\n/, query($site, 'SELECT patient_id FROM '
        . 'vaccination LIMIT 1');
    my $cursor = value($site, 'SYNC_PULL_CURSOR_V6');
    my $record = $site->{central}->record('vaccination',
        query($site, 'SELECT id FROM vaccination WHERE patient_id = '
              . "'$patient' LIMIT 1"));

    $site->{central}->change(
        tableName => 'vaccination', recordId => 'fetched',
        action => 'upsert', channel => 'patient',
        recordData => { %$record, id => 'fetched' },
    );

    my $helper = helper($site);
    my $before = $site->{central}->state(1)->{requestCount};

    is($helper->run($patient), 0, 'a patient is asked for');
    is($helper->run('nobody'), 1, 'and one whom nobody knows');
    $helper->stop;
    like(query($site, 'SELECT error_message FROM sync_log ORDER BY id DESC '
               . 'LIMIT 1'), qr/^no patient .* central has sent none\. /,
         'of whom it is told');

    is(query($site, "SELECT count(*) FROM vaccination WHERE id = 'fetched'"),
       1, 'and comes');
    cmp_ok($site->{central}->state(1)->{requestCount}, '<', $before + 20,
           'without a loop');
    is(value($site, 'SYNC_PULL_CURSOR_V6'), $cursor,
       'and the cursor stays where it is');
}

# The release before kept the cursor behind the end of the answer.
sub as_a_former_release {
    my ($site, $cursor) = @_;

    query($site, 'UPDATE key_value_store SET value_int = ' . ($cursor + 1)
          . " WHERE id = 'SYNC_PULL_CURSOR_V6';"
          . "DELETE FROM key_value_store WHERE id = 'MSYNC_PULL_V6_MARK';");
}


sub a_cursor_of_a_former_release_is_mended {
    my ($site) = @_;

    my $end = $site->{central}->state(1)->{latest}{v6};

    # one was lost on the way
    as_a_former_release($site, $end);
    query($site, q{DELETE FROM asset_class WHERE id = 'one3'});

    is(run($site), 0, 'a database of a former release');
    is(has($site, 'one3'), $site->{generation} == 3 ? 1 : 0,
       $site->{generation} == 3 ? 'gets back what it has lost'
                                : 'has nothing sent again');

    $site->{central}->change(class('after'));
    run($site);
    is(has($site, 'after'), 1, 'and what comes after');
    is(value($site, 'MSYNC_PULL_V6_MARK'), 1, 'which is done once');
}


# as it may stand at mSupply central
sub an_address_with_blanks_around_it_is_taken {
    my ($site) = @_;
    my $central = $site->{central};

    $central->config(v6_url => ' ' . $central->v7_url . "/ \n");
    $central->change(class('blank'));
    is(run($site), 0, 'an address with blanks around it');
    is(has($site, 'blank'), 1, 'is asked');
}


sub nothing_was_wrong {
    my ($site) = @_;

    is_deeply($site->{central}->state->{violations}, [],
              'central has no complaint');
    is(query($site, "SELECT count(*) FROM sync_log WHERE error_code NOT IN "
             . "('', 'RECORD_NOT_FOUND')"), 0, 'and no other run has failed');
}


sub the_central_becomes_one_of_generation_3 {
    my $site = site(2);

    $site->{database} = site_path('upgraded.sqlite');
    run($site);
    $site->{central}->change(class("before$_")), run($site) for 1 .. 3;

    $site->{central}->config(central_version => 3);
    $site->{central}->change(class("then$_")), run($site) for 1 .. 6;

    is(has($site, map { ("before$_", "then$_") } 1 .. 6), 9,
       'a central that becomes one of generation 3 loses nothing');
    is(query($site, "SELECT count(*) FROM sync_log WHERE error_code <> ''"),
       0, 'and is not taken for one that was restored');
}


sub a_restored_central_is_noticed_by_what_this_site_sent {
    my ($generation) = @_;

    my $site = site($generation);
    $site->{database} = site_path("restored$generation.sqlite");
    run($site);
    $site->{central}->snapshot;

    edit($site, 30);
    is(run($site), 0, 'a site sends what only it has');
    run($site);

    $site->{central}->restore;
    edit($site, 1);
    is(run($site), 1, "a central of generation $generation that lost it");
    is(query($site, 'SELECT error_code FROM sync_log ORDER BY '
             . 'started_datetime DESC LIMIT 1'), 'CENTRAL_RESTORED',
       'is found to have been restored');
}

# A site that has found a server restored asks it for nothing any more.
sub one_odd_answer_makes_no_central_a_restored_one {
    my ($generation) = @_;

    my $site = site($generation);
    my $central = $site->{central};
    my %nothing = (
        central_records => { maxCursor => 0 },
        pull            => { data => { end_cursor => 0, total_records => 0,
                                       is_last_batch => \1, records => [] } },
    );

    $site->{database} = site_path("odd$generation.sqlite");
    run($site);

    for my $call (sort keys %nothing) {
        $central->change(class("odd $call"));
        $central->fault(kind => 'json', path => $call,
                        value => $nothing{$call});
        is(run($site), 0, "$generation: one answer to $call that has nothing");
        is(has($site, "odd $call"), 1, 'and then what there is');
    }
}

sub edit {
    my ($site, $n) = @_;

    query($site, "UPDATE asset SET notes = notes || 'x' || $n WHERE id IN "
          . '(SELECT id FROM asset WHERE store_id IN (SELECT ID FROM store '
          . "WHERE sync_id_remote_site = 7) LIMIT $n)");
}


# All that the changelog has goes out once more where the cursors are lost.
sub an_old_delete_does_not_take_what_central_has_made_again {
    my $site = site(2);
    my $central = $site->{central};
    my $table = 'Stock_take_lines';

    $site->{database} = site_path('again.sqlite');
    run($site);

    my ($again, $gone) = split /\n/,
        query($site, "SELECT ID FROM $table ORDER BY ID LIMIT 2");
    my $record = $central->record($table, $again);

    query($site, "DELETE FROM $table WHERE ID IN ('$again', '$gone')");
    is(run($site), 0, 'two deletes are sent');
    is($central->record($table, $again), undef, 'and done at central');
    $central->change(tableName => $table, recordId => $again,
                     action => 'insert', recordData => $record);
    is(run($site), 0, 'central has made one of the two again');

    my $before = () = $central->received('v5');

    query($site, 'DELETE FROM key_value_store');
    is(run($site), 0, 'the cursors are lost, and all goes out once more');

    my @sent = map { "$_->{action} $_->{recordId}" } $central->received('v5');
    is_deeply([splice @sent, $before], ["Delete $gone"],
              'but for the delete of a row that is here again');
    ok($central->record($table, $again), 'which central keeps');
    is(query($site, "SELECT count(*) FROM $table WHERE ID = '$again'"), 1,
       'and this site');
}
