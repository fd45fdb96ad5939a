# Beside genuine Open mSupply servers (Msync::Interop): what two sites have to
# do with each other.  A shipment and an order of msync's site become those of
# the genuine one, whose answers come back, and so do deletes; a patient is seen
# at both, and found; what central merges is merged at both; mSupply central is
# killed.

use strict;
use warnings;

use Msync::Interop qw(
    central emulator forward helper insert integrated kill_legacy pushed query
    remote run start start_legacy store
);
use Msync::Test qw(wait_until);
use POSIX ();
use Test::More;

start();

my ($here, $there) = (store(7), store(9));
my ($our_name, $their_name) = map {
    query("SELECT name_ID FROM store WHERE ID = '$_'")
} $here, $there;

a_shipment_becomes_one_of_theirs();
an_order_becomes_one_of_theirs();
what_they_ship_arrives();
an_edit_of_a_shipment_goes_on();
a_message_arrives_there();
a_patient_is_seen_at_both();
a_patient_of_another_site_comes_when_asked_for();
a_merge_is_done_at_both();
a_merge_of_names_is_done_at_both();
deletes_go_on_to_the_other_site();
deletes_of_theirs_arrive_here();
deletes_that_no_site_handles_disturb_none();
an_mSupply_that_goes_in_the_middle_gets_everything();

done_testing();


# both sites, so often that an answer to an answer arrives
sub exchange {
    is(run(), 0, 'msync sends');
    is(remote->sync, undef, 'the genuine site takes it and answers');
    is(remote->sync, undef, 'and has sent that');
    is(run(), 0, 'msync takes the answer');
    return;
}

sub item { return query('SELECT ID FROM item ORDER BY ID LIMIT 1') }

sub now { return query(q{SELECT strftime('%Y-%m-%d %H:%M:%S')}) }


sub a_shipment_becomes_one_of_theirs {
    my $now = now();

    insert(transact => {
        ID => 'shipment', name_ID => $their_name, store_ID => $here,
        invoice_num => 901, type => 'ci', status => 'fn', hold => 0,
        currency_rate => 1, entry_date => $now, entry_time => '08:00',
        confirm_date => $now, confirm_time => '09:00:00',
        finalised_date => $now, finalised_time => '10:00:00',
        mode => 'store', is_cancellation => 0, om_status => 'SHIPPED',
        om_type => 'OUTBOUND_SHIPMENT', om_created_datetime => $now,
        om_picked_datetime => $now, om_shipped_datetime => $now,
    });
    insert(trans_line => {
        ID => 'shipment-line', transaction_ID => 'shipment',
        item_ID => item(), item_name => 'an item', pack_size => 10,
        cost_price => 1, sell_price => 2, type => 'stock_out',
        quantity => 5, volume_per_pack => 0, batch => 'B-ä€',
        expiry_date => '2030-01-31',
    });

    exchange();
    integrated(remote(), 'nothing of it is lost there');

    is(remote->query('SELECT type, status FROM invoice WHERE '
                     . q{linked_invoice_id = 'shipment'}),
       'INBOUND_SHIPMENT|SHIPPED', 'a shipment becomes one of theirs');
    is(remote->query('SELECT number_of_packs, pack_size, batch, expiry_date '
                     . 'FROM invoice_line WHERE invoice_id IN (SELECT id '
                     . 'FROM invoice WHERE linked_invoice_id = '
                     . q{'shipment')}),
       '5.0|10.0|B-ä€|2030-01-31', 'with its line');
    is(query('SELECT type, store_ID, name_ID FROM transact WHERE '
             . q{linked_transaction_id = 'shipment'}),
       "si|$there|$our_name", 'and theirs is seen here');
    is(query('SELECT batch, quantity FROM trans_line WHERE transaction_ID IN '
             . '(SELECT ID FROM transact WHERE linked_transaction_id = '
             . q{'shipment')}), 'B-ä€|5.0', 'with its line');
    return;
}


sub an_order_becomes_one_of_theirs {
    my $now = now();

    insert(requisition => {
        ID => 'order', serial_number => 902, name_ID => $their_name,
        store_ID => $here, type => 'request', status => 'fn',
        date_entered => $now, lastModifiedAt => time, thresholdMOS => 3,
        daysToSupply => 90, is_emergency => 0, om_status => 'SENT',
        om_created_datetime => $now, om_sent_datetime => $now,
        om_max_months_of_stock => 3,
    });
    insert(requisition_line => {
        ID => 'order-line', requisition_ID => 'order', item_ID => item(),
        itemName => 'an item', Cust_stock_order => 7,
        suggested_quantity => 8,
        map { $_ => 0 } qw(
            actualQuan stock_on_hand daily_usage approved_quantity
            Cust_prev_stock_balance Cust_stock_received Cust_stock_issued
            stockLosses stockAdditions stockExpiring days_out_or_new_demand
            Cust_loss_adjust
        ),
    });

    exchange();
    integrated(remote(), 'nothing of it is lost there');

    is(remote->query('SELECT type, status FROM requisition WHERE '
                     . q{linked_requisition_id = 'order'}), 'RESPONSE|NEW',
       'an order becomes one of theirs');
    is(query('SELECT type, store_ID FROM requisition WHERE '
             . q{linked_requisition_id = 'order'}), "response|$there",
       'which is seen here');
    is(query('SELECT count(*) FROM requisition_line WHERE requisition_ID IN '
             . '(SELECT ID FROM requisition WHERE linked_requisition_id = '
             . q{'order')}), 1, 'with its line');
    return;
}


# theirs is what they made of ours: they take it in
sub what_they_ship_arrives {
    remote->query(q{BEGIN IMMEDIATE; UPDATE invoice SET status = 'VERIFIED', }
        . q{delivered_datetime = '2026-05-02 08:00:00', received_datetime = }
        . q{'2026-05-02 08:00:00', verified_datetime = '2026-05-02 09:00:00' }
        . q{WHERE linked_invoice_id = 'shipment'; INSERT INTO changelog }
        . q{(table_name, record_id, row_action, name_link_id, store_id) SELECT }
        . q{'invoice', id, 'UPSERT', name_link_id, store_id FROM invoice WHERE }
        . q{linked_invoice_id = 'shipment'; COMMIT});

    is(remote->sync, undef, 'they take it in');
    is(run(), 0, 'a run');
    is(query('SELECT om_status FROM transact WHERE linked_transaction_id = '
             . q{'shipment'}), 'VERIFIED', 'and that is seen here');
    return;
}


sub an_edit_of_a_shipment_goes_on {
    query(q{UPDATE transact SET comment = 'a word more' WHERE ID = }
          . q{'shipment'});

    exchange();
    is(remote->query(q{SELECT comment FROM invoice WHERE id = 'shipment'}),
       'a word more', 'an edit goes on to the other site');
    is(query(q{SELECT comment FROM transact WHERE ID = 'shipment'}),
       'a word more', 'and nothing undoes it here');
    return;
}


# from store to store, by way of mSupply central
sub a_message_arrives_there {
    insert(message => {
        ID => 'message', toStoreID => $there, fromStoreID => $here,
        body => '{"a":1}', createdDate => '2026-05-01',
        createdTime => '08:00:00', status => 'New',
        type => 'RequestFieldChange',
    });
    is(run(), 0, 'a message is sent');
    forward('Clinic 9', grep { $_->{recordId} eq 'message' }
            pushed('Clinic 7'));

    is(remote->sync, undef, 'a run there');
    is(remote->query('SELECT from_store_id, to_store_id, body, '
                     . 'created_datetime, status FROM sync_message WHERE id '
                     . q{= 'message'}),
       qq[$here|$there|{"a":1}|2026-05-01 08:00:00|NEW], 'arrives there');
    integrated(remote(), 'and nothing of it is lost');
    return;
}


# registered here, seen there as soon as a store of theirs takes it
sub a_patient_is_seen_at_both {
    insert(name => {
        ID => 'patient', name => 'Ana Ñandú', code => 'P-1',
        type => 'patient', first => 'Ana', last => 'Ñandú',
        date_of_birth => '1985-02-03', customer => 1, supplier => 0,
        female => 1, manufacturer => 0, donor => 0, hold => 0,
        isDeceased => 0, supplying_store_id => $here,
    });
    insert(name_store_join => {
        ID => 'patient-here', name_ID => 'patient', store_ID => $here,
        inactive => 0,
    });
    is(run(), 0, 'a patient is sent');

    # as the legacy server does when a site asks for the patient
    forward('Clinic 9', grep { $_->{recordId} =~ /^patient/ }
            pushed('Clinic 7'));

    is(remote->sync, undef, 'a run there');
    integrated(remote(), 'in which it is read');
    is(remote->query('SELECT first_name, last_name, gender FROM name WHERE '
                     . q{id = 'patient'}), 'Ana|Ñandú|FEMALE',
       'is a patient there');

    remote->query(q{BEGIN IMMEDIATE; UPDATE name SET last_name = 'Núñez' }
        . q{WHERE id = 'patient'; INSERT INTO changelog (table_name, }
        . q{record_id, row_action) VALUES ('name', 'patient', 'UPSERT'); }
        . q{COMMIT});
    is(remote->sync, undef, 'they edit it');

    my ($edit) = grep { $_->{recordId} eq 'patient' } pushed('Clinic 9');
    ok($edit, 'which is sent')
        and is($edit->{recordData}{last}, "N\x{fa}\x{f1}ez",
               'with what was edited');
    return;
}


# what another store gave to a patient whom nobody has seen here
sub a_patient_of_another_site_comes_when_asked_for {
    my $theirs = query(q{SELECT ID FROM store WHERE sync_id_remote_site <> 7 }
                       . 'LIMIT 1');
    my $now = '2026-05-01 08:00:00';

    central->query(q{CREATE TEMP TABLE one AS SELECT * FROM name WHERE id = }
        . q{'patient'; UPDATE one SET id = 'stranger'; }
        . q{BEGIN IMMEDIATE; INSERT INTO name SELECT * FROM one; }
        . q{INSERT OR IGNORE INTO name_link VALUES ('stranger', 'stranger'); }
        . q{INSERT INTO vaccine_course (id, name, }
        . q{program_id) SELECT 'course', 'BCG', id FROM program LIMIT 1; }
        . q{INSERT INTO vaccine_course_dose (id, vaccine_course_id, label) }
        . q{VALUES ('dose', 'course', 'BCG 1'); INSERT INTO vaccination (id, }
        . 'store_id, program_enrolment_id, encounter_id, user_id, '
        . 'vaccine_course_dose_id, created_datetime, vaccination_date, given, '
        . "patient_link_id) VALUES ('elsewhere', '$theirs', 'p', 'e', 'u', "
        . "'dose', '$now', '2026-05-01', 1, 'stranger'); INSERT INTO changelog "
        . '(table_name, record_id, row_action, name_link_id, store_id) VALUES '
        . q{('vaccine_course', 'course', 'UPSERT', NULL, NULL), }
        . q{('vaccine_course_dose', 'dose', 'UPSERT', NULL, NULL), }
        . "('vaccination', 'elsewhere', 'UPSERT', 'stranger', '$theirs'); "
        . 'COMMIT');
    is(run(), 0, 'a run');
    is(query(q{SELECT count(*) FROM vaccination WHERE id = 'elsewhere'}), 0,
       'what another store gave to a patient does not come by itself');

    # as mSupply central lets it know that the patient comes here now
    central->query(q{CREATE TEMP TABLE one AS SELECT * FROM name_store_join }
        . q{WHERE id = 'patient-here'; UPDATE one SET id = 'stranger-here', }
        . q{name_link_id = 'stranger'; INSERT INTO name_store_join SELECT * }
        . 'FROM one');

    my $helper = helper();
    $helper->run('stranger');
    $helper->stop;
    is(query(q{SELECT patient_id FROM vaccination WHERE id = 'elsewhere'}),
       'stranger', 'it comes when the patient is asked for');
    return;
}


# mSupply central tells both sites
sub merge {
    my ($table, $lose, $keep) = @_;

    emulator($_)->change(
        tableName => $table, recordId => $lose, action => 'merge',
        recordData => { mergeIdToKeep => $keep, mergeIdToDelete => $lose },
    ) for 'Clinic 7', 'Clinic 9';

    is(run(), 0, 'a merge arrives');
    is(remote->sync, undef, 'there, too');
    return;
}


sub a_merge_is_done_at_both {
    my ($keep, $lose) = split /\n/, query('SELECT ID FROM item WHERE ID IN '
        . '(SELECT item_ID FROM item_line) ORDER BY ID LIMIT 2');

    merge(item => $lose, $keep);
    is(query("SELECT count(*) FROM item_line WHERE item_ID = '$lose'"), 0,
       'no batch refers to the item that is gone');
    is(query("SELECT count(*) FROM item_line WHERE item_ID = '$keep'"),
       remote->query('SELECT count(*) FROM stock_line WHERE item_link_id IN '
                     . "(SELECT id FROM item_link WHERE item_id = '$keep')"),
       'and as many to the other as there');
    return;
}


# of two customers
sub a_merge_of_names_is_done_at_both {
    my ($lose, $keep) = split /\n/, query('SELECT n.ID FROM name n JOIN '
        . q{transact t ON t.name_ID = n.ID WHERE n.type = 'facility' GROUP BY }
        . '1 ORDER BY 1 LIMIT 2');

    merge(name => $lose, $keep);
    is(query("SELECT count(*) FROM transact WHERE name_ID = '$lose'"), 0,
       'no invoice is of the name that is gone');
    is(remote->query("SELECT name_id FROM name_link WHERE id = '$lose'"), $keep,
       'nor there');
    cmp_ok(query("SELECT count(*) FROM transact WHERE name_ID = '$keep'"), '>',
           1, 'they are of the other');
    return;
}


sub is_removed_there {
    my ($table, $id) = @_;

    is(remote->query("SELECT count(*) FROM $table WHERE id = '$id'"), 0,
       "$id of $table is gone there");
    return;
}


# a document's lines, and the document
sub deletes_go_on_to_the_other_site {
    my @pairs = (
        [trans_line => invoice_line => 'shipment-line'],
        [transact => invoice => 'shipment'],
        [requisition_line => requisition_line => 'order-line'],
        [requisition => requisition => 'order'],
    );

    for my $pair (@pairs) {
        my ($ours, $theirs, $id) = @$pair;

        is(remote->query("SELECT count(*) FROM $theirs WHERE id = '$id'"), 1,
           "$id of $theirs is there");
        query("DELETE FROM $ours WHERE ID = '$id'");
    }

    is(run(), 0, 'the deletes are sent');
    is(remote->sync, undef, 'a run there');
    is_removed_there(@{$_}[1, 2]) for @pairs;
    return;
}


# a line of what they made of our order
sub deletes_of_theirs_arrive_here {
    my $id = query(q{SELECT ID FROM requisition_line WHERE requisition_ID IN }
        . q{(SELECT ID FROM requisition WHERE linked_requisition_id = 'order') }
        . 'LIMIT 1');

    isnt($id, '', 'their line is here');
    remote->query("BEGIN IMMEDIATE; DELETE FROM requisition_line WHERE id = "
        . "'$id'; INSERT INTO changelog (table_name, record_id, row_action, "
        . 'name_link_id, store_id) SELECT '
        . "'requisition_line', '$id', 'DELETE', name_link_id, store_id FROM "
        . q{requisition WHERE linked_requisition_id = 'order'; COMMIT});
    is(remote->sync, undef, 'they delete it');
    is(run(), 0, 'a run');
    is(query("SELECT count(*) FROM requisition_line WHERE ID = '$id'"), 0,
       'which is done here');
    return;
}


# Open mSupply passes over deletes of these
sub deletes_that_no_site_handles_disturb_none {
    my @deletes = map { {
        tableName => $_, recordId => query(qq{SELECT ID FROM "$_" LIMIT 1}),
        action => 'Delete',
    } } qw(Location item_line Stock_take Stock_take_lines);

    forward('Clinic 9', @deletes);
    forward('Clinic 7', { tableName => 'Location', recordId => 'nowhere',
                          action => 'Delete' });
    is(remote->sync, undef, 'what nobody handles is passed over there');
    is(run(), 0, 'and here');
    is(query(q{SELECT count(*) FROM sync_buffer WHERE integration_error IS NOT }
             . 'NULL AND NOT dismissed'), 0, 'and counted as no failures');
    return;
}


sub an_mSupply_that_goes_in_the_middle_gets_everything {
    my $before = () = pushed('Clinic 7');

    query(q{UPDATE item_line SET batch = 'middle' WHERE store_ID = '} . $here
          . q{'}, q{UPDATE trans_line SET batch = 'middle'});

    my $pid = fork() // die "fork: $!\n";

    if ($pid == 0) {
        open STDERR, '>', '/dev/null';
        POSIX::_exit(run());
    }

    wait_until(sub { (() = pushed('Clinic 7')) > $before }, 60);
    kill_legacy();
    waitpid $pid, 0;
    start_legacy();

    is(run(), 0, 'the run after mSupply central was killed');

    my %of = map { $_->{recordId} => $_->{recordData}{batch} }
        grep { $_->{tableName} =~ /_line\z/ } pushed('Clinic 7');
    my @ids = split /\n/, query(q{SELECT l.ID FROM trans_line l JOIN transact }
        . "t ON t.ID = l.transaction_ID WHERE t.store_ID = '$here'");
    is_deeply([grep { ($of{$_} // '') ne 'middle' } @ids], [],
              'brings it everything');
    return;
}
