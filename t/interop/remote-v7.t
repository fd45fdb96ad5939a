# A genuine Open mSupply of 3.0 as another remote site beside msync, both of
# sync v7, at a genuine central (Msync::Interop): what each sends the other one
# gets, and what both ask in a run.

use strict;
use warnings;

use JSON::PP ();
use Msync::Genuine;
use Msync::Interop qw(PASSWORD central emulator query recorded_url run
    said_to_central start_three store);
use Msync::Test qw(wait_until);
use Test::More;

# of this site at central; the other one is 9
use constant SITE => 7;

start_three();
emulator('Clinic 7')->config(sync_version => '', upgrade => 200);
is(run(), 0, 'the site is upgraded');
is(run(), 0, 'and goes on by v7');

my ($far, $far_name) = store_for_the_other();
my $remote = Msync::Genuine->start('remote', program => $ENV{OMSUPPLY3},
                                   v7 => 1);

a_genuine_site_has_what_this_one_has();
a_run_with_nothing_to_do_asks_the_same();
a_shipment_reaches_the_genuine_site_and_its_answer_comes_back();

done_testing();


sub store_for_the_other {
    my @far = split /\|/, query('SELECT ID, name_ID FROM store WHERE '
        . 'sync_id_remote_site NOT IN (' . SITE . ", 1, 0) AND name_ID <> '' "
        . 'LIMIT 1');

    central->query('INSERT INTO site (id, og_id, code, name, hashed_password, '
        . "sync_version) SELECT 9, 'SITE9', 'c9', 'Clinic 9', "
        . "hashed_password, 'V7' FROM site WHERE id = " . SITE,
        "UPDATE store SET site_id = 9 WHERE id = '$far[0]'",
        'INSERT INTO changelog (table_name, record_id, row_action, '
        . "source_site_id) VALUES ('store', '$far[0]', 'UPSERT', 1)");
    return @far;
}


# [the call, its members] of each request since this was asked last
sub asked {
    return map {
        my ($call, $body) = ($_->[0] =~ m{([^/]+)$}, JSON::PP->new
            ->allow_nonref->decode($_->[2] eq '' ? 'null' : $_->[2]));
        [$call, ref $body eq 'HASH' ? join ' ', sort keys %$body : ''];
    } said_to_central();
}


sub a_genuine_site_has_what_this_one_has {
    asked();
    is($remote->initialise(recorded_url(), 'Clinic 9', PASSWORD), undef,
       'a first sync of a genuine site');

    for my $table (qw(item unit period currency)) {
        is($remote->query("SELECT count(*) FROM $table WHERE id IN ("
                . join(', ', map { "'$_'" } split /\n/,
                       query("SELECT ID FROM $table")) . ')'),
           query("SELECT count(*) FROM $table"), "$table: all of ours");
    }

    return;
}


sub a_run_with_nothing_to_do_asks_the_same {
    asked();
    is($remote->sync, undef, 'a run of the genuine site');
    my %theirs = map { $_->[0] => $_->[1] } asked();

    is(run(), 0, 'and one of this');
    my %ours = map { $_->[0] => $_->[1] } asked();

    is($ours{$_}, $theirs{$_}, "$_ has the same members")
        for qw(site_status push pull);
    return;
}


sub a_shipment_reaches_the_genuine_site_and_its_answer_comes_back {
    my ($own, $item) = (store(), query('SELECT ID FROM item LIMIT 1'));

    query('INSERT INTO transact (ID, name_ID, name_store_id, store_ID, type, '
        . 'om_type, om_status, status, mode, invoice_num, entry_date, '
        . "om_created_datetime) VALUES ('shipment', '$far_name', '$far', "
        . "'$own', 'ci', 'OUTBOUND_SHIPMENT', 'SHIPPED', 'cn', 'store', 77, "
        . "'2026-05-01', '2026-05-01T08:00:00')");
    query('INSERT INTO trans_line (ID, transaction_ID, item_ID, item_name, '
        . 'pack_size, quantity, type) VALUES '
        . "('shipment-1', 'shipment', '$item', 'i', 1, 5, 'stock_out')");
    is(run(), 0, 'a run with a shipment');

    my $there = q{FROM invoice WHERE linked_invoice_id = 'shipment'};

    wait_until(sub { $remote->query("SELECT count(*) $there") }, 60);
    is($remote->query("SELECT type || ' ' || store_id $there"),
       "INBOUND_SHIPMENT $far", 'which the genuine site takes');
    is($remote->sync, undef, 'and answers');
    is(run(), 0, 'a run of this site');
    is(query('SELECT om_type, store_ID FROM transact WHERE '
             . q{linked_transaction_id = 'shipment'}),
       "INBOUND_SHIPMENT|$far", 'brings the answer');
    is(query('SELECT table_name, record_id, integration_error FROM '
             . 'sync_buffer WHERE integration_datetime IS NULL AND '
             . 'dismissed = 0'), '', 'and nothing that does not fit');
    return;
}
