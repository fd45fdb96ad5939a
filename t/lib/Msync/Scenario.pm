package Msync::Scenario;

# What a site and central have before a scripted run (Msync::Resume): rows of
# all tables, and every kind of change on either side.

use strict;
use warnings;

use Exporter qw(import);

our @EXPORT_OK = qw(before_a_later_sync before_the_first_sync);

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


# Central has also records that it changed, deleted and merged, one whose
# parent is nowhere, and one of a table that nobody knows.
sub before_the_first_sync {
    my ($site) = @_;

    my %id = ids($site);

    changes_of_central($site->central, %id);

    # the schema is there already: it has a site of its own here
    rewind($site);
    local $site->{command} = 'retry';
    my ($status, $said) = $site->run;
    die $said if $status != 0;
    $site->query(APPLICATION);
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

    $central->reset;

    my ($item, $loser, $third) = @{ $id{item} };
    my ($unit, $other_unit) = @{ $id{unit} };
    my ($barcode) = @{ $id{barcode} };

    $central->change(%$_) for
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
          recordId => $id{asset_internal_location}[0] };
}


# The first sync is done; both sides have changed since.
sub before_a_later_sync {
    my ($site) = @_;

    my $central = $site->central;
    my %id = ids($site);

    $site->query(APPLICATION);

    # of both servers; new, changed and deleted; a patient goes to both
    $site->query(
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

    changes_later($central, %id);
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

    $central->change(%$_) for
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
                notes => 'From central');
}


1;
