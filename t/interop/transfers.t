# Beside genuine Open mSupply servers (Msync::Interop): what two sites have to
# do with each other.  A shipment and an order of msync's site become those of
# the genuine one, whose answers come back; a patient is seen at both; what
# central merges is merged at both.

use strict;
use warnings;

use Msync::Interop qw(
    emulator forward integrated pushed query remote run start store
);
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
a_merge_is_done_at_both();

done_testing();


# both sites, so often that an answer to an answer arrives
sub exchange {
    is(run(), 0, 'msync sends');
    is(remote->sync, undef, 'the genuine site takes it and answers');
    is(remote->sync, undef, 'and has sent that');
    is(run(), 0, 'msync takes the answer');
    return;
}

# a row of values by column
sub insert {
    my ($table, %value) = @_;

    my @columns = sort keys %value;

    query("INSERT INTO $table (" . join(', ', @columns) . ') VALUES ('
          . join(', ', map { "'$value{$_}'" } @columns) . ')');
    return;
}

sub item { return query('SELECT ID FROM item ORDER BY ID LIMIT 1') }

sub today { return query(q{SELECT strftime('%Y-%m-%d %H:%M:%S')}) }


sub a_shipment_becomes_one_of_theirs {
    my $now = today();

    insert(transact => (
        ID => 'shipment', name_ID => $their_name, store_ID => $here,
        invoice_num => 901, type => 'ci', status => 'fn', hold => 0,
        currency_rate => 1, entry_date => $now, entry_time => '08:00',
        confirm_date => $now, confirm_time => '09:00:00',
        finalised_date => $now, finalised_time => '10:00:00',
        mode => 'store', is_cancellation => 0, om_status => 'SHIPPED',
        om_type => 'OUTBOUND_SHIPMENT', om_created_datetime => $now,
        om_picked_datetime => $now, om_shipped_datetime => $now,
    ));
    insert(trans_line => (
        ID => 'shipment-line', transaction_ID => 'shipment',
        item_ID => item(), item_name => 'an item', pack_size => 10,
        cost_price => 1, sell_price => 2, type => 'stock_out',
        quantity => 5, volume_per_pack => 0, batch => 'B-ä€',
        expiry_date => '2030-01-31',
    ));

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
    my $now = today();

    insert(requisition => (
        ID => 'order', serial_number => 902, name_ID => $their_name,
        store_ID => $here, type => 'request', status => 'fn',
        date_entered => $now, lastModifiedAt => time, thresholdMOS => 3,
        daysToSupply => 90, is_emergency => 0, om_status => 'SENT',
        om_created_datetime => $now, om_sent_datetime => $now,
        om_max_months_of_stock => 3,
    ));
    insert(requisition_line => (
        ID => 'order-line', requisition_ID => 'order', item_ID => item(),
        itemName => 'an item', Cust_stock_order => 7,
        suggested_quantity => 8,
        map { $_ => 0 } qw(
            actualQuan stock_on_hand daily_usage approved_quantity
            Cust_prev_stock_balance Cust_stock_received Cust_stock_issued
            stockLosses stockAdditions stockExpiring days_out_or_new_demand
            Cust_loss_adjust
        ),
    ));

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
    insert(message => (
        ID => 'message', toStoreID => $there, fromStoreID => $here,
        body => '{"a":1}', createdDate => '2026-05-01',
        createdTime => '08:00:00', status => 'New',
        type => 'RequestFieldChange',
    ));
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
    insert(name => (
        ID => 'patient', name => 'Ana Ñandú', code => 'P-1',
        type => 'patient', first => 'Ana', last => 'Ñandú',
        date_of_birth => '1985-02-03', customer => 1, supplier => 0,
        female => 1, manufacturer => 0, donor => 0, hold => 0,
        isDeceased => 0, supplying_store_id => $here,
    ));
    insert(name_store_join => (
        ID => 'patient-here', name_ID => 'patient', store_ID => $here,
        inactive => 0,
    ));
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


sub a_merge_is_done_at_both {
    my ($keep, $lose) = split /\n/, query('SELECT ID FROM item WHERE ID IN '
        . '(SELECT item_ID FROM item_line) ORDER BY ID LIMIT 2');

    emulator($_)->change(
        tableName => 'item', recordId => $lose, action => 'merge',
        recordData => { mergeIdToKeep => $keep, mergeIdToDelete => $lose },
    ) for 'Clinic 7', 'Clinic 9';

    is(run(), 0, 'a merge arrives');
    is(remote->sync, undef, 'there, too');
    is(query("SELECT count(*) FROM item_line WHERE item_ID = '$lose'"), 0,
       'no batch refers to the item that is gone');
    is(query("SELECT count(*) FROM item_line WHERE item_ID = '$keep'"),
       remote->query('SELECT count(*) FROM stock_line WHERE item_link_id IN '
                     . "(SELECT id FROM item_link WHERE item_id = '$keep')"),
       'and as many to the other as there');
    return;
}
