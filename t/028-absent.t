# A backup that was put back, and reinitialise: what central does not have any
# more is not here either, or it is said.

use strict;
use warnings;

use Msync::Site;
use Msync::Test qw(
    site_path sqlite stage_dir start_central write_private
);
use Test::More;

if (!-x $ENV{TEST_NGINX_MSYNC}) {
    BAIL_OUT('build/msync is missing: run make first');
}

my $central = start_central(password => 'secret', records => 400);
my $database = site_path('absent.sqlite');
my $backup = stage_dir() . '/absent-backup.sqlite';
my @settings = ('--url', $central->url, '--username', 'Clinic 7',
                '--password-file', write_private('absent', "secret\n"));

my $clinician;
my %central = deleted_at_central();

what_was_deleted_meanwhile_does_not_come_back();
what_something_refers_to_stays_and_is_listed();
what_was_made_here_stays_and_can_be_sent();
what_comes_after_all_is_listed_no_more();
a_table_that_is_not_sent_at_all_stays();
a_merge_that_central_has_lost_is_forgotten();
what_no_trigger_has_seen_goes_out_before_all_comes_anew();

is_deeply($central->state->{violations}, [], 'central has no complaint')
    or diag(explain($central->state->{violations}));

done_testing();


sub query { return sqlite($database, @_) }

# Runs a command; returns its exit status and what it said.
sub msync {
    my (@command) = @_;

    open my $handle, '-|', 'sh', '-c', 'exec "$0" "$@" 2>&1',
        $ENV{TEST_NGINX_MSYNC}, '--database', $database, @settings, @command
        or die "msync: $!\n";
    my $said = join '', <$handle>;
    close $handle;

    return ($? >> 8, $said);
}

sub run_well {
    my ($code, $said) = msync('sync');

    is($code, 0, 'the run ends well') or diag($said);
}

sub is_here {
    my ($table, $key, $id) = @_;

    return query(qq{SELECT count(*) FROM "$table" WHERE "$key" = '$id'});
}

sub put_back {
    unlink map { "$database$_" } '', qw(-wal -shm);
    is(system('cp', $backup, $database), 0, 'the backup is put back');
}


# A site with all kinds of rows, its backup, and what happens behind that:
# returns what was deleted, "table key id" by what it is.
sub deleted_at_central {
    run_well();

    my %deleted = (
        free     => ['list_master_line', 'ID'],
        referred => ['clinician', 'ID'],
        marked   => ['unit', 'ID'],
        line     => ['requisition_line', 'ID'],
        asset    => ['asset_log', 'id'],
    );

    for my $case (values %deleted) {
        my ($table, $key) = @$case;
        my $used = $table eq 'clinician'
            ? ' WHERE ID IN (SELECT prescriber_ID FROM clinician_store_join)'
            : '';

        push @$case, query(qq{SELECT min("$key") FROM "$table"$used});
    }

    query("INSERT INTO Location (ID, code, Description, store_ID) SELECT "
          . "'MADE', 'm', 'made', ID FROM store WHERE sync_id_remote_site = "
          . '7 LIMIT 1');
    run_well();
    is((msync(backup => $backup))[0], 0, 'a backup is made');

    $clinician = $central->record(clinician => $deleted{referred}[2]);

    # central deletes some, the application others
    $central->change(tableName => $deleted{$_}[0], action => 'delete',
                     recordId => $deleted{$_}[2])
        for qw(free referred marked asset);
    query("DELETE FROM requisition_line WHERE ID = '$deleted{line}[2]'",
          "DELETE FROM Location WHERE ID = 'MADE'");
    run_well();

    is(is_here(@{ $deleted{free} }), 0, 'central deletes a row');
    put_back();
    is(is_here(@{ $deleted{$_} }), 1, "$_ is back") for sort keys %deleted;

    is((msync('--yes', 'reinitialise'))[0], 0, 'all is to come anew');
    my ($code, $said) = msync('check');
    is($said, "nothing wrong was found\n", 'which is nothing to be listed');
    run_well();

    return %deleted;
}


sub what_was_deleted_meanwhile_does_not_come_back {
    is(is_here(@{ $central{$_} }), 0, "$_ is no more")
        for qw(free line asset);
    is(query("SELECT count(*) FROM msync_absent WHERE data LIKE "
             . "'%$central{line}[2]%'"), 1,
       'what this site would have sent of it was written down');
    is(query('SELECT count(*) FROM changelog WHERE record_id = '
             . "'$central{line}[2]' AND row_action = 'DELETE'"), 0,
       'nobody is told that it was deleted');
}


sub what_something_refers_to_stays_and_is_listed {
    my ($code, $said) = msync('check');
    my $id = $central{referred}[2];

    is(is_here(@{ $central{referred} }), 1, 'a clinician of a store');
    is($code, 1, 'there is something to be said');
    like($said, qr/clinician "\Q$id\E": .*central did not send it; /,
         'which is this');
    like($said, qr/it stays here, for other records refer to it/, '… and why');
    unlike($said, qr/unit "/, 'what was only marked is none of it');
}


sub what_was_made_here_stays_and_can_be_sent {
    my ($code, $said) = msync('check');

    is(is_here('Location', 'ID', 'MADE'), 1, 'a location that was made here');
    like($said, qr/Location "MADE": .*was made or changed here/, 'is listed');

    ($code, $said) = msync('--json', 'status');
    like($said, qr/"recordsNeverSent":[12]\b/, 'and counted');

    is((msync('send', 'Location'))[0], 0, 'it is sent on request');
    run_well();
    ok($central->record('Location', 'MADE'), 'central has got it');
    ($code, $said) = msync('check');
    unlike($said, qr/MADE/, 'then it is listed no more');
}


sub what_comes_after_all_is_listed_no_more {
    my $id = $central{referred}[2];

    $central->change(tableName => 'clinician', action => 'update',
        channel => 'remote', recordId => $id, recordData => $clinician);
    run_well();

    my ($code, $said) = msync('check');
    is($said, "nothing wrong was found\n", 'central has it again');
}


# An Open mSupply central of 3.0 never sends this one.
sub a_table_that_is_not_sent_at_all_stays {
    put_back();
    $central->config(central_version => 3);

    my $n = query('SELECT count(*) FROM asset_catalogue_type');
    ok($n > 0, 'there are some');
    is((msync('--yes', 'reinitialise'))[0], 0, 'all is to come anew');
    run_well();

    is(query('SELECT count(*) FROM asset_catalogue_type'), $n, 'they stay');
    my ($code, $said) = msync('check');
    like($said, qr/asset_catalogue_type ".*sent no record of this table at all/,
         'and are listed');
}


# Central is put back to before it merged two items.
sub a_merge_that_central_has_lost_is_forgotten {
    my $site = Msync::Site->new(records => 100);
    my $of = 'SELECT item_ID FROM item_line WHERE ID = ';
    my $sync = sub {
        my ($code, $said) = $site->run;
        is($code, 0, "$_[0]: the run ends well") or diag($said);
    };

    $sync->('a first sync');

    my ($line, $lost) = split /\|/, $site->query(
        'SELECT ID, item_ID FROM item_line WHERE store_ID IN (SELECT ID FROM '
        . 'store WHERE sync_id_remote_site = 7) LIMIT 1');
    my $kept = $site->query("SELECT ID FROM item WHERE ID <> '$lost' LIMIT 1");

    $site->central->snapshot;
    $site->central->change(
        tableName => 'item', recordId => 'merge', action => 'merge',
        recordData => { mergeIdToKeep => $kept, mergeIdToDelete => $lost });
    $sync->('a merge');
    is($site->query("$of'$line'"), $kept, 'a reference is led to what is kept');

    $site->central->restore;
    is(($site->run('reinitialise', '--yes'))[0], 0, 'all is to come anew');
    $sync->('from a central that was put back');
    is($site->query("$of'$line'"), $lost, 'the reference is as it was');

    $site->query("UPDATE item_line SET batch = 'edited' WHERE ID = '$line'");
    $sync->('an edit');
    is($site->central->record('item_line', $line)->{item_ID}, $lost,
       'and an edit leaves it so at central');
}


# Otherwise central's older copy would come over it.
sub what_no_trigger_has_seen_goes_out_before_all_comes_anew {
    my $id = query('SELECT min(ID) FROM Location WHERE store_ID IN (SELECT ID '
                   . 'FROM store WHERE sync_id_remote_site = 7)');

    query('DROP TRIGGER "msync_Location_UPDATE"',
          "UPDATE Location SET Description = 'unseen' WHERE ID = '$id'");
    is((msync('reinitialise', '--yes'))[0], 0, 'all is to come anew');
    run_well();

    is($central->record(Location => $id)->{Description}, 'unseen',
       'what was changed without a trigger went out');
    is(query("SELECT Description FROM Location WHERE ID = '$id'"), 'unseen',
       'and is here');
}
