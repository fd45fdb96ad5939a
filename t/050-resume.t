# A run that is disturbed at any point leaves nothing behind: the runs after
# it end in the same state as if nothing had happened, at the site and at the
# central servers.
#
# Every request is disturbed in every way, and a sample of the writes to the
# database; with MSYNC_SOAK=1 every write.

use strict;
use warnings;

use Msync::Resume;
use Msync::Test;
use Test::More;

use constant {
    PROCESSES  => 2,
    SAMPLE     => 50,          # writes of one kind in one run
    INITIALISE => 2,           # the request of a first sync that is that
    SOAK       => $ENV{MSYNC_SOAK} // 0,
};

use constant FULL => 'DISK_FULL: \S+(?: \S+){3,}';
use constant BAD  => '(?:DATABASE_ERROR|DISK_FULL): \S+(?: \S+){3,}';

if (!-x $ENV{TEST_NGINX_MSYNC_FAULTS}) {
    BAIL_OUT('build/faults/msync is missing: run make faults first');
}

my %sites = (
    'a new database'      => sub { Msync::Resume->new(name => 'schema',
        command => 'retry', begin => sub { }) },
    'a first sync'        => sub { Msync::Resume->new(name => 'first',
        begin => \&before_the_first_sync) },
    'a slow first sync'   => sub { Msync::Resume->new(name => 'slow',
        begin => sub {
            before_the_first_sync($_[0]);
            $_[0]->central->config(initialise_ms => 400);
        }) },
    'a new machine'       => sub { Msync::Resume->new(name => 'machine',
        rebuilds => 1, begin => sub {
            before_the_first_sync($_[0]);
            $_[0]->central->config(initialisation_status => 'completed');
        }) },
    'an operational sync' => sub { Msync::Resume->new(name => 'later',
        batch => 4, begin => \&before_a_later_sync) },
);

my $groups = Msync::Resume->all(PROCESSES, sub {
    map { tries($_, $sites{$_}->()) } sort keys %sites;
});

for my $group (sort keys %$groups) {
    my ($n, $wrong) = @{ $groups->{$group} }{qw(tries wrong)};

    is(scalar @$wrong, 0, "$group: $n tries")
        or diag(join "\n", @$wrong[0 .. ($#$wrong < 9 ? $#$wrong : 9)]);
}

is(join(', ', map { my $site = $_; scalar grep { /^\Q$site\E,/ }
                    keys %$groups } sort keys %sites), '10, 3, 6, 7, 10',
   'each was disturbed in so many ways');

done_testing();


# [group, object, how] of all tries of one site.
sub tries {
    my ($name, $site) = @_;

    my ($writes, $requests) = ($site->writes, $site->requests);

    return tries_of_requests($name, $site, INITIALISE)
        if $name =~ /slow|machine/;

    my @tries = map { ["$name, a write that fails", $site,
                       fault => "io-write $_", says => BAD] }
        sample($writes, 3);

    for my $n (sample($writes, 1)) {
        push @tries,
            ["$name, killed at a write", $site, fault => "kill-write $n"],
            ["$name, the disk full", $site, fault => "full-write $n",
             says => FULL];
    }

    # And again, while the next run goes on.
    for my $n (1 .. $requests) {
        my $m = 1 + $n * 7919 % $writes;

        push @tries, ["$name, killed twice", $site,
                      fault => "kill-after $n", again => "kill-write $m"];
    }

    return @tries, tries_of_requests($name, $site, 1 .. $requests);
}


sub tries_of_requests {
    my ($name, $site, @requests) = @_;

    my @kinds = qw(drop_before drop_middle drop_after);
    my @tries;

    # central goes on with the work
    push @kinds, 'drop_working' if $name =~ /slow/;

    for my $n (@requests) {
        push @tries, map { ["$name, killed $_ a request", $site,
                            fault => "kill-$_ $n"] } qw(before after);
        push @tries, ["$name, killed before an answer is read", $site,
                      fault => "kill-sent $n"];
        push @tries, map { ["$name, the connection torn, $_", $site,
            firm => 1,
            torn => { kind => $_, after => $n - 1,
                      $n % 2 ? (value => 'reset') : () }] } @kinds;
    }

    return @tries;
}


# Numbers from 1 on: all of them in a soak, but for every k-th of the less
# telling kinds; else so many, evenly.
sub sample {
    my ($n, $k) = @_;

    my $step = SOAK ? $k : POSIX::ceil($k * $n / SAMPLE) || 1;

    return grep { $_ % $step == ($step > 1 ? 1 : 0) } 1 .. $n;
}


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
    $site->query(APPLICATION());
}

use constant APPLICATION => 'CREATE TABLE app_note (id INTEGER PRIMARY KEY, '
    . "text TEXT); INSERT INTO app_note (text) VALUES ('ours'), ('too')";


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

    $site->query(APPLICATION());

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
