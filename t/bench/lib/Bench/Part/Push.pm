package Bench::Part::Push;

# An operational run that sends changes, with a changelog of ten million
# rows and with a short one: the cost is that of the changes.

use strict;
use warnings;

use File::Copy qw(copy);

use Bench qw(capture figure in_turns median program say_now sql stage);
use Bench::Servers qw(central sync_by);

use constant { ROUNDS => 5, ROWS => 10_000_000, RECORDS => 1_000_000 };


sub _sync {
    my ($database, $url) = @_;

    sync_by($database, $url);

    return sql($database, 'SELECT (julianday(finished_datetime) - '
        . 'julianday(started_datetime)) * 86400000 FROM sync_log ORDER BY '
        . 'id DESC LIMIT 1') + 0;
}


# Changes of the past, sent long ago.
sub _fill {
    my ($database) = @_;

    my ($rows, $records) = (ROWS, RECORDS);
    say_now("    making a changelog of $rows rows");

    my ($name, $index) = split /\t/, sql($database, q{SELECT name || char(9) }
        . q{|| sql FROM sqlite_master WHERE name LIKE '%changelog_record'});
    sql($database, <<"END");
PRAGMA synchronous = OFF;
PRAGMA cache_size = -200000;
DROP INDEX $name;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n
                        WHERE i < $rows)
INSERT INTO changelog (table_name, record_id, row_action, store_id)
    SELECT 'item_line', hex(abs(i * 2654435761 % $records) + 1000000000)
                        || '-0000-4000-8000-0000', 'UPSERT', NULL FROM n;
$index;
UPDATE key_value_store SET value_int = (SELECT max(cursor) + 1 FROM changelog)
    WHERE id IN ('REMOTE_SYNC_PUSH_CURSOR', 'SYNC_PUSH_CURSOR_V6');
INSERT OR IGNORE INTO key_value_store (id, value_int)
    SELECT column1, (SELECT max(cursor) + 1 FROM changelog)
    FROM (VALUES ('REMOTE_SYNC_PUSH_CURSOR'), ('SYNC_PUSH_CURSOR_V6'));
PRAGMA wal_checkpoint(TRUNCATE);
END
}


sub _change {
    my ($database, $n) = @_;

    sql($database, "UPDATE item_line SET Cost_price = Cost_price + 1 WHERE "
        . "rowid IN (SELECT rowid FROM item_line LIMIT $n)");
}


sub run {
    my ($url) = central(records => 100_000);
    my ($short, $long) = map { stage('push') . "/$_.sqlite" } qw(short long);

    _sync($short, $url);
    sql($short, 'PRAGMA wal_checkpoint(TRUNCATE)');
    copy($short, $long) or die "copy: $!\n";
    _fill($long);

    # what the first run after a start alone has to read
    _sync($_, $url) for $short, $long;

    for my $n (1, 100, 10_000) {
        # the log of runs has milliseconds: a short one is asked several times
        my $times = $n < 1000 ? 9 : 1;

        my $took = in_turns(ROUNDS, map { my $database = $_; ($_ => sub {
            return median(map { _change($database, $n);
                                _sync($database, $url) } 1 .. $times);
        }) } $long, $short);

        figure(name => "run that pushes $n, changelog of " . ROWS / 1e6
                       . ' million rows', unit => 'ms',
               ours => $took->{$long}, peer => $took->{$short},
               peer_name => 'a short one', limit => '<= 1.25');
    }

    # counted while they wait
    my %count;

    for my $n (100, 10_000) {
        for my $database ($long, $short) {
            _change($database, $n);
            $count{"$database $n"} = [map {
                (split ' ', capture(program('waiting'), $database, 20))[1]
            } 1 .. ROUNDS];
            _sync($database, $url);
        }

        figure(name => "counting $n records that wait", unit => 'ms',
               ours => $count{"$long $n"}, peer => $count{"$short $n"},
               peer_name => 'with a short changelog', limit => '<= 1.25');
    }

    figure(name => 'counting 10,000 records that wait', unit => 'ms',
           ours => $count{"$long 10000"}, peer => $count{"$long 100"},
           peer_name => '100');
    unlink glob stage('push') . '/*';
}

1;
