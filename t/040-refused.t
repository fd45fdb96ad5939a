# What becomes of a change that central does not take: it is recorded as
# refused when central takes others, and it alone; it is neither lost nor
# overwritten, and goes out as what it is by the time that central takes it.

use strict;
use warnings;

use Msync::Site;
use Test::More;

my $site = Msync::Site->new(records => 3000);
my $central = $site->central;
my $said;

is(run('sync'), 0, 'the first sync');

one_record_is_recorded_and_the_others_go();
a_refused_record_goes_out_by_itself_after_its_pause();
what_json_cannot_carry_is_recorded_until_it_is_corrected();
a_delete_after_the_refusal_is_sent();
a_record_made_again_after_the_refusal_is_sent();
a_refused_edit_survives_what_central_sends();
a_dismissed_one_goes_out_when_it_is_retried();
one_that_waits_goes_out_before_all_comes_anew();
a_central_that_refuses_everything_is_ill();
many_refusals_in_a_row_end_the_run_but_block_nothing();
the_last_record_of_a_push_to_v6_is_refused();

is_deeply($central->state->{violations}, [], 'central has no complaint');

done_testing();


# what it says is in $said
sub run {
    (my $status, $said) = $site->run(@_);
    return $status;
}

sub query { return $site->query(@_) }

sub refused { return query('SELECT record_id FROM msync_refused ORDER BY 1') }

sub refuse { $central->config(refuse => [@_]) }

# ids of this many records of a table that this site may change
sub ids {
    my ($table, $key, $n) = @_;

    return split /\n/, query(qq{SELECT "$key" FROM "$table" ORDER BY "$key" }
                             . "LIMIT $n");
}

# what central was sent by $do: "id action" by server
sub sent {
    my ($api, $do) = @_;

    my $before = $central->state->{received}{$api};
    $do->();
    my @now = $central->received($api);

    return map { "$_->{recordId} $_->{action}" } @now[@$before .. $#now];
}


sub edit {
    my ($words, @ids) = @_;

    query(map { "UPDATE item_line SET batch = '$words' WHERE ID = '$_'" }
          @ids);
}


sub one_record_is_recorded_and_the_others_go {
    my @id = ids('item_line', 'ID', 5);

    refuse($id[2]);
    edit('one of five', @id);

    my @sent = sent(v5 => sub { is(run('sync'), 0, 'the run ends well') });
    is("@{[sort @sent]}", join(' ', map { "$_ Update" } @id[0, 1, 3, 4]),
       'the others are there');
    is(refused(), $id[2], 'the one is recorded as refused');

    @sent = sent(v5 => sub { run('sync') });
    is("@sent", '', 'and not tried at once');

    refuse();
    run('retry');
    like($said, qr/^0 integrated, 0 failed, 1 to be sent again/,
         'but on request, as is said');
    @sent = sent(v5 => sub { run('sync') });
    is("@sent", "$id[2] Update", 'it goes');
    is(refused(), '', 'then it is forgotten');
}


sub a_refused_record_goes_out_by_itself_after_its_pause {
    my ($id) = ids('item_line', 'ID', 1);

    refuse($id);
    edit('refused once', $id);
    run('sync');
    is(refused(), $id, 'an edit is refused');
    run('reinitialise');
    like($said, qr/Unsent changes: 1\./, 'and told to who would discard it');
    refuse();

    # an hour has passed, in ms: longer than its first pause
    query('UPDATE msync_refused SET last_tried = last_tried - 3600000');

    my @sent = sent(v5 => sub { run('sync') });
    is("@sent", "$id Update", 'after its pause it goes out by itself');
    is(refused(), '', 'and is no failure any more');
}


sub what_json_cannot_carry_is_recorded_until_it_is_corrected {
    my @id = ids('item_line', 'ID', 3);

    edit('good', @id);
    query("UPDATE item_line SET batch = CAST(x'61ff' AS TEXT) WHERE ID = "
          . "'$id[1]'");

    my @sent = sent(v5 => sub { is(run('sync'), 0, 'the run ends well') });
    is("@{[sort @sent]}", join(' ', map { "$_ Update" } @id[0, 2]),
       'the others are there');
    is(refused(), $id[1], 'the one is recorded as refused');
    run('errors');
    like($said, qr/"batch" holds text that is not UTF-8/, 'with words');

    edit('corrected', $id[1]);
    @sent = sent(v5 => sub { run('sync') });
    is("@sent", "$id[1] Update", 'it goes when it is corrected');
    is(refused(), '', 'and is no failure any more');
}


sub a_delete_after_the_refusal_is_sent {
    my ($id) = ids('asset_internal_location', 'id', 1);

    refuse($id);
    query("UPDATE asset_internal_location SET location_id = 'another' WHERE "
          . "id = '$id'");
    run('sync');
    is(refused(), $id, 'an edit is refused');

    query("DELETE FROM asset_internal_location WHERE id = '$id'");
    refuse();

    my @sent = sent(v6 => sub { run('retry'); run('sync') });
    is("@sent", "$id Delete", 'what goes out is its delete');
    is(refused(), '', 'and no failure is left');
}


sub a_record_made_again_after_the_refusal_is_sent {
    my $id = 'MADE';
    my $make = 'INSERT INTO Location (ID, code, Description, store_ID) SELECT '
        . "'$id', 'm', 'made', ID FROM store WHERE sync_id_remote_site = 7 "
        . 'LIMIT 1';

    query($make);
    run('sync');
    query("DELETE FROM Location WHERE ID = '$id'");
    refuse($id);
    run('sync');
    is(refused(), $id, 'a delete is refused');

    query($make);
    refuse();

    my @sent = sent(v5 => sub { run('retry'); run('sync') });
    is("@sent", "$id Update", 'the record that was made again goes out');
    is(refused(), '', 'and no failure is left');
}


sub a_refused_edit_survives_what_central_sends {
    my ($id) = ids('item_line', 'ID', 1);
    my $batch = "SELECT batch FROM item_line WHERE ID = '$id'";

    refuse($id);
    edit('ours', $id);
    run('sync');
    is(refused(), $id, 'an edit is refused');

    $central->change(
        tableName => 'item_line', recordId => $id, action => 'update',
        channel => 'remote', recordData => {
            %{ $central->record('item_line', $id) }, batch => 'theirs' },
    );
    is(run('sync'), 0, 'central sends another version');
    is(query($batch), 'ours', 'it does not overwrite the edit');
    like(query('SELECT integration_error FROM sync_buffer WHERE '
               . "record_id = '$id' AND integration_datetime IS NULL"),
         qr/central refused/, 'and waits where it is seen');

    is(run('reinitialise'), 1, 'to begin again wants a yes');
    like($said, qr/Unsent changes: 1\b/, 'which says what is unsent');
    is(run('reinitialise', '--yes'), 0, 'everything is pulled anew');
    is(run('sync'), 0, 'by a run');
    is(query($batch), 'ours', 'and does not overwrite the edit, either');

    refuse();
    my @sent = sent(v5 => sub { run('retry'); run('sync') });
    is("@sent", "$id Update", 'the edit is taken in the end');
    is($central->record('item_line', $id)->{batch}, 'ours', 'as it is');
    is(query('SELECT count(*) FROM sync_buffer WHERE integration_datetime '
             . 'IS NULL'), 0, 'and nothing waits any more');
}


# nobody but a person can bring it back, for a change that changes nothing is
# none
sub a_dismissed_one_goes_out_when_it_is_retried {
    my ($id) = ids('item_line', 'ID', 1);
    my $dismissed = 'SELECT dismissed FROM msync_refused WHERE record_id = '
        . "'$id'";

    refuse($id);
    edit('dismissed', $id);
    is(run('sync'), 0, 'a record is refused');
    is(run(dismiss => '--all'), 0, '… and dismissed');
    is_deeply([sent(v5 => sub { run('sync') })], [],
              '… and not sent by itself any more');

    is(run('retry'), 0, 'retry');
    like($said, qr/\b1 to be sent again with the next sync$/m,
         '… tells of it');
    is(run('sync'), 0, 'a run');
    is(query($dismissed), 1, 'one that is refused as before stays dismissed');
    is(run(errors => '--dismissed'), 0, 'which is told');
    like($said, qr/\Q$id\E.*, 2 tries/, '… with how often it was tried');

    refuse();
    is(run('retry'), 0, 'retry when central is in order');
    is_deeply([sent(v5 => sub { run('sync') })], ["$id Update"], 'sends it');
    is(query($dismissed), '', '… and it is forgotten');
}


sub one_that_waits_goes_out_before_all_comes_anew {
    my ($id) = ids('item_line', 'ID', 1);

    refuse($id);
    edit('anew', $id);
    is(run('sync'), 0, 'a record is refused');
    refuse();
    is(run('--yes', 'reinitialise'), 0, 'reinitialise');
    like($said, qr/sent first.*Unsent changes: 1\./, '… tells of it');
    is_deeply([sent(v5 => sub { run('sync') })], ["$id Update"],
              '… and it is sent first');
    is(query("SELECT batch FROM item_line WHERE ID = '$id'"), 'anew',
       '… so that central has it and sends it');
}


sub a_central_that_refuses_everything_is_ill {
    my @id = ids('item_line', 'ID', 3);

    edit('in vain', @id);
    $central->fault(
        api => 'v5', path => 'queued_records', method => 'POST',
        kind => 'error_code', times => 100,
        value => { code => 'internal_error', status => 500 },
    );
    my @sent = sent(v5 => sub { is(run('sync'), 1, 'the run fails') });
    is("@sent", '', 'with nothing sent');
    is(refused(), '', 'and nothing is recorded');

    $central->clear_faults;
    @sent = sent(v5 => sub { is(run('sync'), 0, 'the next one does not') });
    is(scalar(@sent), 3, 'and sends all');
}


sub many_refusals_in_a_row_end_the_run_but_block_nothing {
    my @id = ids('item_line', 'ID', 30);

    refuse(@id[0 .. 24]);
    edit('too many', @id);

    my @sent = sent(v5 => sub { is(run('sync'), 1, 'the run fails') });
    is("@sent", '', 'before it comes to the good ones');
    cmp_ok(scalar(split /\n/, refused()), '>', 20, 'many are recorded');

    @sent = sent(v5 => sub { is(run('sync'), 0, 'the next one goes on') });
    is(scalar(@sent), 5, 'and comes to them');
    is(scalar(@{[split /\n/, refused()]}), 25, 'those refused are recorded');

    refuse();
    @sent = sent(v5 => sub { run('retry'); run('sync') });
    is(scalar(@sent), 25, 'and go when they are taken');
}


sub the_last_record_of_a_push_to_v6_is_refused {
    my @id = ids('asset', 'id', 2);

    query("UPDATE asset SET notes = 'last' WHERE id = '$id[0]'");
    query("UPDATE asset SET notes = 'last' WHERE id = '$id[1]'");
    refuse($id[1]);

    is(run('sync'), 0, 'a run');
    is(refused(), $id[1], 'the last record is recorded as refused');
    is($central->record('asset', $id[0])->{notes}, 'last',
       'the one before is integrated over there');

    refuse();
    run('retry');
    is(run('sync'), 0, 'and a retry');
    is($central->record('asset', $id[1])->{notes}, 'last',
       'brings the other one, too');
}
