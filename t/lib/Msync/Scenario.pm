package Msync::Scenario;

# What a site and central have before a scripted run (Msync::Resume): rows of
# all tables, and every kind of change on either side.

use strict;
use warnings;

use Exporter qw(import);

use Msync::Test qw(encode_json);

our @EXPORT_OK = qw(after_an_upgrade before_a_later_sync before_an_upgrade
    before_the_first_sync);

# What the application keeps in the same file.
use constant APPLICATION => 'CREATE TABLE app_note (id INTEGER PRIMARY KEY, '
    . "text TEXT); INSERT INTO app_note (text) VALUES ('ours'), ('too')";


# A record of central under another id, or another version of it.
sub another {
    my ($central, $table, $id, $new, %set) = @_;

    my $record = $central->record($table, $id)
        // die "central has no $table $id";
    my ($key) = grep { exists $record->{$_} } qw(ID id);

    return { tableName => $table, recordId => $new, action => 'update',
             recordData => { %$record, $key => $new, %set } };
}


# A row of API v7 under another id, or another version of it; undefined values
# leave fields out.
sub another_row {
    my ($central, $table, $id, $new, %set) = @_;

    my $row = $central->rows($table)->{$id} // die "central has no $table $id";

    return { channel => 'v7', tableName => $table, recordId => $new,
             action => 'upsert', recordData => { %$row, id => $new, %set } };
}


# What central's people do to a record says each API in its own words:
# without, with a delete, or as a merge.
sub deleted_row {
    my ($table, $id) = @_;

    return { channel => 'v7', tableName => $table, recordId => $id,
             action => 'delete' };
}

sub merged_rows {
    my ($table, $keep, $lose) = @_;

    return {
        channel => 'v7', tableName => 'SyncMessage', recordId => 'MERGE1',
        action => 'upsert', recordData => {
            id => 'MERGE1', to_store_id => undef, from_store_id => undef,
            created_datetime => '2026-02-03T04:05:06.5', status => 'New',
            type => 'Merge', error_message => undef,
            body => encode_json({ tableName => $table, mergeIdToKeep => $keep,
                                  mergeIdToDelete => $lose }),
        },
    };
}


# Central has also records that it changed, deleted and merged, one whose
# parent is nowhere, and one of a table that nobody knows.
sub before_the_first_sync {
    my ($site) = @_;

    my %id = ids($site);

    # the schema is there already: it has a site of its own here
    rewind($site);
    $site->central->config(password => 'another');
    my ($status, $said) = $site->run;
    die $said if $said !~ /PASSWORD/;
    $site->query(APPLICATION);

    $site->central->reset;
    $site->central->change(%$_) for $site->protocol eq 'v7'
        ? rows_of_central($site->central, %id)
        : changes_of_central($site->central, %id);
}

# The ids of some records of each table, from a first sync that is forgotten.
sub ids {
    my ($site) = @_;

    my ($status, $said) = $site->run;
    die "the first sync fails: $said" if $status != 0;

    my %id = map { my ($name, @ids) = split /\|/; ($name => \@ids) }
        split /\n/, $site->query(map {
            my ($table, $key, $n) = @$_;
            "SELECT '$table', group_concat(k, '|') FROM (SELECT $key AS k "
            . qq{FROM "$table" ORDER BY 1 LIMIT $n)}
        } ['item', 'ID', 3], ['unit', 'ID', 3], ['asset', 'id', 1],
          ['asset_log', 'id', 1], ['barcode', 'ID', 1],
          ['item_direction', 'ID', 1], ['Location', 'ID', 1],
          ['asset_internal_location', 'id', 1], ['trans_line', 'ID', 1]);

    return %id;
}


# Forgets all of that first sync, but not what central was told.
sub rewind {
    my ($site) = @_;

    unlink map { $site->database . $_ } '', '-wal', '-shm';
}


sub changes_of_central {
    my ($central, %id) = @_;

    my ($item, $loser, $third) = @{ $id{item} };
    my ($unit, $other_unit) = @{ $id{unit} };
    my ($barcode) = @{ $id{barcode} };

    return (
        another($central, 'unit', $unit, $unit, units => 'jar'),
        another($central, 'item', $item, 'NEWITEM', item_name => 'New'),
        another($central, 'barcode', $barcode, 'NEWBARCODE',
                itemID => 'NEWITEM'),
        another($central, 'barcode', $barcode, 'ORPHAN', itemID => 'NOWHERE'),
        { tableName => 'mystery', recordId => 'M1', action => 'insert',
          recordData => { ID => 'M1' } },
        { tableName => 'item_direction', action => 'delete',
          recordId => $id{item_direction}[0] },
        { tableName => 'unit', recordId => $other_unit, action => 'delete' },
        { tableName => 'item', recordId => 'MERGE1', action => 'merge',
          channel => 'central', recordData => { mergeIdToKeep => $third,
                                                mergeIdToDelete => $loser } },
        another($central, 'asset', $id{asset}[0], $id{asset}[0],
                notes => 'From central'),
        { tableName => 'asset_internal_location', action => 'delete',
          recordId => $id{asset_internal_location}[0] },
    );
}


# Deletes are those of the few tables that have them in v7.
sub rows_of_central {
    my ($central, %id) = @_;

    my ($item, $loser, $third) = @{ $id{item} };
    my ($unit, $other_unit) = @{ $id{unit} };
    my ($barcode) = @{ $id{barcode} };

    return (
        another_row($central, 'Unit', $unit, $unit, name => 'jar'),
        another_row($central, 'Item', $item, 'NEWITEM', name => 'New'),
        another_row($central, 'Barcode', $barcode, 'NEWBARCODE',
                    item_id => 'NEWITEM'),
        another_row($central, 'Barcode', $barcode, 'ORPHAN',
                    item_id => 'NOWHERE'),
        deleted_row('Unit', $other_unit),
        merged_rows('Item', $third, $loser),
        another_row($central, 'Asset', $id{asset}[0], $id{asset}[0],
                    notes => 'From central'),
    );
}


# The first sync is done; both sides have changed since.
sub before_a_later_sync {
    my ($site) = @_;

    my $central = $site->central;
    my %id = ids($site);

    $site->query(APPLICATION);
    $site->query(changes_here());
    $central->change(%$_) for $site->protocol eq 'v7'
        ? rows_later($central, %id) : changes_later($central, %id);
}


# Of both servers; new, changed and deleted; a patient goes to both.
sub changes_here {
    return (
        edit('item_line', 'ID', "batch = 'EDIT'"),
        edit('Location', 'ID', "Description = 'Cold room'"),
        edit('asset', 'id', "asset_number = 'A1'"),
        edit('asset_log', 'id', "comment = 'All well'"),
        edit('name', 'ID', "comment = 'Comes on Monday'",
             "type = 'patient'"),
        edit('transact', 'ID', "their_ref = 'R1'"),
        edit('requisition', 'ID', "comment = 'Soon'"),
        "INSERT INTO Location (ID, code, Description, store_ID) SELECT "
            . "'NEWLOCATION', 'N', 'New', store_ID FROM Location LIMIT 1",
        "DELETE FROM Stock_take_lines WHERE ID = (SELECT min(ID) FROM "
            . 'Stock_take_lines)',
        "DELETE FROM asset_internal_location WHERE id = (SELECT max(id) "
            . 'FROM asset_internal_location)',
        # these central does not take
        "INSERT INTO asset_log (id, asset_id, user_id, status, "
            . "log_datetime, created_datetime) SELECT 'refused-by-v6', "
            . "asset_id, user_id, 'BROKEN_PERHAPS', log_datetime, "
            . 'created_datetime FROM asset_log LIMIT 1',
        edit('requisition_line', 'ID', "comment = 'fine'"),
    );
}


# A site of v5 and v6, which is about to be told that it may speak v7.
sub before_an_upgrade {
    my ($site) = @_;

    before_a_later_sync($site);
    $site->central->config(sync_version => '');
}


# The site has been told that it may speak v7, and both sides have changed
# since.
sub after_an_upgrade {
    my ($site) = @_;

    my $central = $site->central;
    my %id = ids($site);

    $site->query(APPLICATION);
    $central->config(sync_version => '');

    my ($status, $said) = $site->run;
    die "the upgrade fails: $said" if $status != 0;

    $site->query(changes_here());
    $central->change(%$_) for rows_later($central, %id);
}


sub edit {
    my ($table, $key, $set, $where) = @_;

    return qq{UPDATE "$table" SET $set WHERE "$key" = }
        . qq{(SELECT min("$key") FROM "$table"}
        . ($where ? " WHERE $where" : '') . ')';
}


sub changes_later {
    my ($central, %id) = @_;

    my ($line) = @{ $id{trans_line} };

    return (
        another($central, 'unit', $id{unit}[0], $id{unit}[0],
                units => 'jar'),
        another($central, 'item', $id{item}[0], 'NEWITEM',
                item_name => 'New'),
        another($central, 'barcode', $id{barcode}[0], 'ORPHAN',
                itemID => 'NOWHERE'),
        { tableName => 'item_direction', action => 'delete',
          recordId => $id{item_direction}[0] },
        { tableName => 'item', recordId => 'MERGE1', action => 'merge',
          channel => 'central', recordData => {
              mergeIdToKeep => $id{item}[2],
              mergeIdToDelete => $id{item}[1] } },
        another($central, 'trans_line', $line, $line, note => 'Seen'),
        another($central, 'trans_line', $line, 'NEWLINE', note => 'New'),
        another($central, 'asset', $id{asset}[0], 'new-asset',
                notes => 'From central'),
    );
}


# The other half of a transfer comes, and another site's row by mistake.
sub rows_later {
    my ($central, %id) = @_;

    my ($line) = @{ $id{trans_line} };
    my $stores = $central->rows('Store');
    my ($other) = grep { $stores->{$_}{site_id} != 7 } sort keys %$stores;
    my ($own) = grep { $stores->{$_}{site_id} == 7 } sort keys %$stores;
    my %location = (id => 'FAR', name => 'Far', code => 'F', on_hold => false(),
                    store_id => $other, location_type_id => undef, volume => 0);

    return (
        another_row($central, 'Unit', $id{unit}[0], $id{unit}[0],
                    name => 'jar'),
        another_row($central, 'Item', $id{item}[0], 'NEWITEM', name => 'New'),
        another_row($central, 'Barcode', $id{barcode}[0], 'ORPHAN',
                    item_id => 'NOWHERE'),
        deleted_row('Unit', $id{unit}[1]),
        merged_rows('Item', @{ $id{item} }[2, 1]),
        another_row($central, 'Invoice', line_of($central, $line)->{invoice_id},
                    'NEWINVOICE', store_id => $other, name_store_id => $own),
        another_row($central, 'InvoiceLine', $line, 'NEWLINE', note => 'New',
                    invoice_id => 'NEWINVOICE', stock_line_id => undef,
                    location_id => undef),
        another_row($central, 'Asset', $id{asset}[0], 'new-asset',
                    notes => 'From central'),
        { channel => 'v7', tableName => 'Location', recordId => 'FAR',
          action => 'upsert', recordData => \%location, storeId => $own },
    );
}

sub line_of { return $_[0]->rows('InvoiceLine')->{ $_[1] } }

sub false { return JSON::PP::false() }


1;
