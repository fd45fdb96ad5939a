# The records of sync v7: what either side changes arrives at the other, once,
# and nothing that central cannot read or would not take is ever sent.

use strict;
use warnings;

use Encode qw(encode_utf8);
use Msync::Site;
use Msync::Test qw(encode_json);
use Test::More;

# tables of v7 and the tables of the site that hold their rows
my %TABLES = (
    Unit => 'unit', Item => 'item', Name => 'name', Store => 'store',
    Location => 'Location', StockLine => 'item_line', Invoice => 'transact',
    InvoiceLine => 'trans_line', Requisition => 'requisition',
    Stocktake => 'Stock_take', StocktakeLine => 'Stock_take_lines',
    Asset => 'asset', AssetLog => 'asset_log', Vaccination => 'vaccination',
    ActivityLog => 'om_activity_log', Report => 'om_report',
    Category => 'om_category', Program => 'om_program',
    Context => 'om_context',
);

my $site = Msync::Site->new(protocol => 'v7', records => 600);
my $central = $site->central;

a_first_sync_brings_all();
what_is_edited_here_arrives();
what_is_edited_there_arrives();
what_is_written_while_central_answers_arrives();
deletes_that_central_takes_go_out_and_others_do_not();
deletes_of_central();
a_merge_leads_references_to_the_record_that_stays();
what_central_alone_sends_is_not_queued_when_all_is_sent_again();
rows_of_another_store_are_no_rows_here();
nothing_that_central_cannot_read_goes_out();
large_records_go_in_several_batches();
a_record_that_is_too_large_waits();
whatever_is_said_of_a_record_costs_that_record(@$_) for
    [page => 405], [redirect => '/blocked'],
    [error_code => { DatabaseError => 'no such column' }],
    [error_code => { RecordNotFound => 'of another' }];
nothing_was_wrong();

done_testing();


sub sync_well {
    my ($name) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    my ($status, $said) = $site->run;
    is($status, 0, "$name: the run ends well") or diag($said);

    return $said;
}

sub one { return scalar $site->query(@_) }

sub change {
    my ($table, $id, $action, $data, %envelope) = @_;

    $central->change(channel => 'v7', tableName => $table, recordId => $id,
                     action => $action,
                     $data ? (recordData => $data) : (), %envelope);
}

# a row of central's, with other values
sub edit_there {
    my ($table, $id, %set) = @_;

    my $row = $central->rows($table)->{$id};
    change($table, $set{id} // $id, 'upsert', { %$row, %set });
}


sub a_first_sync_brings_all {
    sync_well('a first sync');

    for my $table (sort keys %TABLES) {
        is(one("SELECT count(*) FROM $TABLES{$table}"),
           scalar(keys %{ $central->rows($table) }), "every $table is here");
    }

    is(one('SELECT count(*) FROM sync_buffer'), 0, 'nothing waits');
    is(one('SELECT count(*) FROM pragma_foreign_key_check'), 0,
       'all references lead somewhere');
}


sub what_is_edited_here_arrives {
    my ($line) = sort keys %{ $central->rows('StockLine') };
    my ($asset) = sort keys %{ $central->rows('Asset') };
    my ($own) = $site->stores;

    $site->query(
        "UPDATE item_line SET batch = 'HERE' WHERE ID = '$line'",
        "UPDATE asset SET notes = 'here' WHERE id = '$asset'",
        'INSERT INTO Location (ID, code, Description, store_ID) VALUES '
            . "('NEWSHELF', 'N', 'New', '$own')",
    );
    sync_well('a run after edits');

    is($central->rows('StockLine')->{$line}{batch}, 'HERE', 'of one table');
    is($central->rows('Asset')->{$asset}{notes}, 'here', 'of another');
    is($central->rows('Location')->{NEWSHELF}{name}, 'New', 'a new row');
    is($central->state(1)->{receivedCount}{v7}, 3, 'each was sent once');

    sync_well('the next run');
    is($central->state(1)->{receivedCount}{v7}, 3, 'and no more');
    is(one("SELECT batch FROM item_line WHERE ID = '$line'"), 'HERE',
       'nothing came back');
}


sub what_is_edited_there_arrives {
    my ($unit) = sort keys %{ $central->rows('Unit') };
    my ($item) = sort keys %{ $central->rows('Item') };
    my ($own, $other) = $site->stores;
    my ($invoice) = sort keys %{ $central->rows('Invoice') };

    edit_there('Unit', $unit, name => 'carafe');
    edit_there('Item', $item, id => 'NEWITEM', name => "\x{d1}and\x{fa}");
    edit_there('Invoice', $invoice, id => 'TRANSFER', store_id => $other,
               name_store_id => $own, comment => 'from afar');
    change('Context', 'ctx', 'upsert', { id => 'ctx', name => 'New' });
    sync_well('a run after changes of central');

    is(one("SELECT units FROM unit WHERE ID = '$unit'"), 'carafe', 'an edit');
    is(one("SELECT item_name FROM item WHERE ID = 'NEWITEM'"),
       encode_utf8("\x{d1}and\x{fa}"),
       'a new row');
    is(one("SELECT comment FROM transact WHERE ID = 'TRANSFER'"),
       'from afar', 'the other half of a transfer');
    is(one("SELECT name FROM om_context WHERE id = 'ctx'"), 'New',
       'a row of a table that is new in v7');
    is($central->left($site->value('SYNC_PULL_CURSOR_V7'), 'v7'), 0,
       'nothing is left');
}


sub what_is_written_while_central_answers_arrives {
    for my $n (1 .. 4) {
        $central->meanwhile({
            channel => 'v7', tableName => 'Context', recordId => "late$n",
            action => 'upsert',
            recordData => { id => "late$n", name => 'Late' } });
        $site->run;
    }

    $site->run;
    is(one("SELECT count(*) FROM om_context WHERE id LIKE 'late%'"), 4,
       'what is written while central answers arrives');
}


sub deletes_that_central_takes_go_out_and_others_do_not {
    my ($line) = sort keys %{ $central->rows('InvoiceLine') };

    $site->query("DELETE FROM trans_line WHERE ID = '$line'",
                 "DELETE FROM Location WHERE ID = 'NEWSHELF'");
    sync_well('a run after deletes');

    ok(!$central->rows('InvoiceLine')->{$line}, 'a line is gone at central');
    ok($central->rows('Location')->{NEWSHELF},
       'a shelf is not, for central takes no such delete');
    is(one("SELECT count(*) FROM Location WHERE ID = 'NEWSHELF'"), 0,
       'here it stays deleted');
}


sub deletes_of_central {
    my ($unit) = sort keys %{ $central->rows('Unit') };
    my $lines = $central->rows('InvoiceLine');
    my $invoices = $central->rows('Invoice');
    my ($own) = $site->stores;
    my ($far) = grep { $invoices->{ $lines->{$_}{invoice_id} }{store_id}
                       ne $own } sort keys %$lines;

    change('Unit', $unit, 'delete');
    change('InvoiceLine', $far, 'delete');
    change('Preference', 'none-such', 'delete');
    sync_well('a run after deletes of central');

    is(one("SELECT inactive FROM unit WHERE ID = '$unit'"), 1,
       'a unit becomes inactive');
    is(one("SELECT count(*) FROM trans_line WHERE ID = '$far'"), 0,
       'a line goes');
}


sub a_merge_leads_references_to_the_record_that_stays {
    my @items = split /\n/, one('SELECT DISTINCT item_ID FROM item_line '
                                . 'ORDER BY 1 LIMIT 2');
    my $before = one("SELECT count(*) FROM item_line WHERE item_ID IN "
                     . "('$items[0]', '$items[1]')");

    change('SyncMessage', 'merge1', 'upsert', {
        id => 'merge1', to_store_id => undef, from_store_id => undef,
        created_datetime => '2026-02-03T04:05:06.123456789',
        status => 'New', type => 'Merge', error_message => undef,
        body => encode_json({ tableName => 'Item', mergeIdToKeep => $items[0],
                              mergeIdToDelete => $items[1] }) });
    sync_well('a run after a merge');

    is(one("SELECT count(*) FROM item_line WHERE item_ID = '$items[0]'"),
       $before, 'what referred to one refers to the other');
}


# Whoever has merged the items does not want to hear of it from this site.
sub what_central_alone_sends_is_not_queued_when_all_is_sent_again {
    my %lost = (
        'TRIGGER msync_message_UPDATE' =>
            qr/table "message": its triggers were gone/,
        'TABLE changelog' => qr/the changelog was dropped/,
    );

    for my $what (sort keys %lost) {
        $site->query("DROP $what");
        my $said = sync_well("a run after DROP $what");

        like($said, $lost{$what}, 'it is noticed');
        is(one('SELECT group_concat(record_id) FROM msync_refused'), '',
           'no message of central is said to be refused');
        is(one('SELECT count(*) FROM changelog WHERE table_name = '
               . "'message' AND record_id = 'merge1'"), 0,
           'nor waits to be sent');
    }
}


sub rows_of_another_store_are_no_rows_here {
    my (undef, $other) = $site->stores;
    my ($own) = $site->stores;

    change('Location', 'FAR', 'upsert', {
        id => 'FAR', name => 'Far', code => 'F', on_hold => JSON::PP::false(),
        store_id => $other, location_type_id => undef, volume => 0 },
        storeId => undef, transferStoreId => $own);
    change('NameStoreJoin', 'FARJOIN', 'upsert', {
        id => 'FARJOIN', store_id => $other,
        name_id => (sort keys %{ $central->rows('Name') })[0],
        name_is_customer => JSON::PP::true(),
        name_is_supplier => JSON::PP::true() });
    sync_well('a run with rows of others');

    is(one("SELECT count(*) FROM Location WHERE ID = 'FAR'"), 0,
       'another store\'s shelf is no row here');
    is(one("SELECT count(*) FROM name_store_join WHERE ID = 'FARJOIN'"), 0,
       'nor is its join');
}


# What an application writes is put into the wire's form where it is clear what
# it means; what is not waits here.
sub nothing_that_central_cannot_read_goes_out {
    my ($first, $second) = sort keys %{ $central->rows('AssetLog') };

    $site->query(
        "UPDATE asset_log SET log_datetime = '2026-05-01 08:00:00' WHERE "
            . "id = '$first'",
        "UPDATE asset_log SET log_datetime = 'yesterday' WHERE "
            . "id = '$second'",
    );
    $site->run;

    is($central->rows('AssetLog')->{$first}{log_datetime},
       '2026-05-01T08:00:00', 'a datetime of SQLite is put into form');
    isnt($central->rows('AssetLog')->{$second}{log_datetime}, 'yesterday',
         'what is none is not sent');
    isnt(one("SELECT error FROM msync_refused WHERE record_id = '$second'"),
         '', 'but waits with a reason');
    is_deeply($central->state(1)->{v7}{lost}, [], 'central has lost nothing');

    $site->query("UPDATE asset_log SET log_datetime = '2026-05-01T09:00:00' "
                 . "WHERE id = '$second'");
    sync_well('a run after it was mended');
    is($central->rows('AssetLog')->{$second}{log_datetime},
       '2026-05-01T09:00:00', 'what was mended goes');
}


sub large_records_go_in_several_batches {
    my @two = (sort keys %{ $central->rows('Asset') })[0, 1];

    $site->query(map { "UPDATE asset SET notes = printf('%.*c', 5400000, 'x')"
                       . " WHERE id = '$_'" } @two);
    $site->asked;
    sync_well('a run with 11 MB');

    is(scalar(() = $site->asked =~ /push/g), 2, 'goes in two batches');
    my $rows = $central->rows('Asset');
    is(length $rows->{$_}{notes}, 5_400_000, "all of $_ is there") for @two;

    # what follows is not to carry that too
    $site->query("UPDATE asset SET notes = 'short' WHERE id IN "
                 . "('$two[0]', '$two[1]')");
    sync_well('a run with less');
}


# central refuses more than 10 MiB, whatever stands in them
sub a_record_that_is_too_large_waits {
    my ($large, $beside) = (sort keys %{ $central->rows('Asset') })[0, 1];
    my ($line) = sort keys %{ $central->rows('StockLine') };

    $site->query(
        "UPDATE asset SET notes = 'beside' WHERE id = '$beside'",
        "UPDATE asset SET notes = printf('%.*c', 11000000, 'x') WHERE id = "
            . "'$large'",
        "UPDATE item_line SET batch = 'BESIDE' WHERE ID = '$line'",
    );
    $site->run;

    is($central->rows('Asset')->{$beside}{notes}, 'beside',
       'what was written before a record of 11 MB goes');
    is($central->rows('StockLine')->{$line}{batch}, 'BESIDE',
       'and what was written after it');
    like(one("SELECT error FROM msync_refused WHERE record_id = '$large'"),
         qr/larger than allowed/, 'it waits with what central said');

    $site->asked;
    sync_well('the next run');
    is(scalar(() = $site->asked =~ /push/g), 1, 'and is not sent again');

    $site->query("UPDATE asset SET notes = 'short' WHERE id = '$large'");
    sync_well('a run after it was made smaller');
    is($central->rows('Asset')->{$large}{notes}, 'short', 'it goes');
    is(one('SELECT count(*) FROM msync_refused'), 0, 'and nothing waits');
    $site->asked;
}


sub whatever_is_said_of_a_record_costs_that_record {
    my ($kind, $value) = @_;

    my $what = "$kind " . encode_json($value);
    my @ids = (sort keys %{ $central->rows('StockLine') })[0 .. 3];

    $site->query(map { "UPDATE item_line SET batch = '$what $_' WHERE "
                       . "ID = '$_'" } @ids);
    $central->fault(api => 'v7', path => 'push', kind => $kind,
                    value => $value, with => $ids[1], times => 100);
    sync_well($what);
    is(one('SELECT record_id FROM msync_refused'), $ids[1],
       "$what: one is recorded as refused");
    is($central->rows('StockLine')->{$ids[3]}{batch}, "$what $ids[3]",
       "$what: the others go");

    $central->clear_faults;
    $site->run('retry');
    sync_well("$what: later");
    is($central->rows('StockLine')->{$ids[1]}{batch}, "$what $ids[1]",
       "$what: and it, later");
    $site->query('DELETE FROM msync_refused');
}


sub nothing_was_wrong {
    is_deeply($central->state(1)->{violations}, [],
              'central has no complaint');
    is_deeply($central->state(1)->{v7}{lost}, [], 'and has lost nothing');
}
