package Bench::Part::First;

# A first sync from batches made beforehand, against its parts alone, against
# programs that others would write, and against an earlier release.

use strict;
use warnings;

use Bench qw(RELEASE capture figure in_turns is_long number program release root
             sql stage stop write_file);
use Bench::Servers qw(batches central sync_command);

# what msync puts into one transaction of a first sync
use constant TRANSACTION => 50_000;

# rounds of what stands beside the figures that have a limit
use constant PARTS => 3;

use constant MIB => 1024 * 1024;


sub _schemas {
    my $dir = stage('schema');
    my $sql = capture(root() . '/build/msync', 'schema');

    # the peers keep no changelog
    $sql =~ s/DROP TRIGGER IF EXISTS [^;]*;\n(?:CREATE TRIGGER.*?\nEND;\n)//sg;
    write_file("$dir/ordered.sql", $sql);

    # and the naive one not even references
    $sql =~ s/ REFERENCES "[^"]*" \("[^"]*"\)//g;
    $sql =~ s/CREATE (?:UNIQUE )?INDEX IF NOT EXISTS[^;]*;\n//g;
    write_file("$dir/naive.sql", $sql);

    return $dir;
}


sub _clean { unlink glob stage('first') . '/*' }

sub _spent {
    my ($error) = stage() . '/spent.err';

    open my $fh, '-|', 'sh', '-c', 'exec "$@" 2>"$0"', $error,
        program('spent'), @_ or die "cannot run spent: $!\n";
    my $line = <$fh> // '';
    close $fh or die "@_: " . `tail -5 $error`;
    my ($seconds, $user, $system, $kib, $octets) = split ' ', $line;

    return { seconds => $seconds, cpu => $user + $system, kib => $kib,
             written => $octets };
}


# The tables of msync's own; the others have central's rows.
my $Own = <<'END';
    type = 'table' AND (name GLOB 'msync_*' OR name GLOB 'sqlite_*' OR name IN
    ('key_value_store', 'changelog', 'sync_buffer', 'sync_log'))
END


# How many rows have come; what is no row is in the buffer.
sub _count_rows {
    my ($database) = @_;

    my $sql = sql($database, <<"END");
SELECT group_concat('SELECT count(*) AS n FROM "' || name || '"', ' UNION ALL ')
FROM sqlite_schema WHERE type = 'table' AND NOT ($Own)
END
    return sql($database, "SELECT sum(n) FROM ($sql)") + 0;
}


# Octets of the database, and of the same rows in the same tables with the
# same indexes and nothing else.
sub _sizes {
    my ($database) = @_;

    my $alone = stage('first') . '/alone.sqlite';
    my $octets = 0;

    $octets += -s for grep { -e } $database, "$database-wal";
    sql($database, "VACUUM INTO '$alone'");
    my $drop = sql($alone, 'SELECT \'DROP TABLE "\' || name || \'";\' FROM '
                   . "sqlite_schema WHERE name NOT GLOB 'sqlite_*' AND $Own");
    my $triggers = sql($alone, 'SELECT \'DROP TRIGGER "\' || name || \'";\' '
                       . "FROM sqlite_schema WHERE type = 'trigger'");
    sql($alone, "$triggers $drop VACUUM");

    return ($octets, -s $alone);
}


# By the helper of a tree, this one's or that of the release.
sub first_sync {
    my ($tree, $url, $n) = @_;

    _clean();
    my $database = stage('first') . '/site.sqlite';

    # as nginx starts it
    local $ENV{GLIBC_TUNABLES} = capture('sed', '-n',
        's/.*"GLIBC_TUNABLES=\(.*\)".*/\1/p',
        "$tree/http/ngx_http_msync_spawn.c") || die 'no tunables';
    chomp $ENV{GLIBC_TUNABLES};

    my $found = _spent(sync_command($database, $url, $tree));

    my $rows = _count_rows($database);
    die "$rows rows of $n records\n" if $rows != $n;

    if ($tree eq root()) {
        my $buffered = sql($database, 'SELECT count(*) FROM sync_buffer');
        die "$buffered records are still in the buffer\n" if $buffered != 0;
    }

    @$found{qw(octets alone)} = _sizes($database);
    _clean();

    $found->{rate} = $n / $found->{seconds};
    return $found;
}


sub _chain {
    my ($mode, $from, $n, $schema, @more) = @_;

    _clean();
    my $seconds = capture(program('chain'), $mode, $from, $n,
                          $schema ? (stage('first') . '/peer.sqlite', $schema,
                                     @more) : ());
    _clean();

    return $n / $seconds;
}


# Which peers a size is measured against, and how many rounds.
sub _size {
    my ($n, $rounds, $schemas, %peer) = @_;

    my ($plain, $plain_pid) = central(records => $n);
    my ($gzip, $gzip_pid) = central(records => $n, gzip => 1);
    my $before = $peer{release} ? release() : undef;

    my $took = in_turns($rounds,
        plain => sub { $_[0] > PARTS ? () : first_sync(root(), $plain, $n) },
        gzip  => sub { first_sync(root(), $gzip, $n) },
        $before ? (release => sub { first_sync($before, $gzip, $n) }) : (),
        $peer{naive} ? (naive => sub {
            $_[0] > $peer{naive} ? ()
                : _chain('naive', $gzip, $n, "$schemas/naive.sql") }) : (),
        ordered => sub {
            _chain('ordered', $gzip, $n, "$schemas/ordered.sql",
                   TRANSACTION) },
        $peer{parts} ? (
            store => sub {
                $_[0] > PARTS ? ()
                    : _chain('store', batches($n), $n,
                             "$schemas/ordered.sql", TRANSACTION) },
            download => sub { _chain('download', $gzip, $n) },
            download_plain => sub { _chain('download', $plain, $n) },
        ) : (),
    );

    stop($plain_pid);
    stop($gzip_pid);
    _figures($n, $took);
}


sub _figures {
    my ($n, $took) = @_;

    my $judged = $n == 500_000;
    my $words = number($n);

    # of the runs of a helper
    my $of = sub {
        my ($which, $what, $unit) = @_;
        return [map { $_->{$what} / ($unit // 1) } @{ $took->{$which} }];
    };
    my $figure = sub {
        my ($which, $peer, $peer_name, $limit) = @_;
        figure(name => "first sync of $words records, $which", unit => '/s',
               ours => $of->($which, 'rate'),
               peer => $peer eq 'release' ? $of->($peer, 'rate')
                                          : $took->{$peer},
               peer_name => $peer_name,
               $judged && $limit ? (limit => $limit) : ())
            if $took->{$peer};
    };

    $figure->('gzip', 'release', 'release ' . RELEASE, '>= 1.5');
    $figure->('gzip', 'naive', 'naive chain', '>= 3.5');
    $figure->('gzip', 'ordered', 'slices in large transactions', '>= 0.8');
    $figure->('gzip', 'store', 'SQLite alone');
    $figure->('gzip', 'download', 'libcurl alone');
    $figure->('plain', 'download_plain', 'libcurl alone');

    figure(name => "octets written by a first sync of $words records",
           unit => 'MiB', ours => $of->('gzip', 'written', MIB),
           peer => $of->('release', 'written', MIB),
           peer_name => 'release ' . RELEASE,
           $judged ? (limit => '<= 0.5') : ()) if $took->{release};
    figure(name => "database after a first sync of $words records",
           unit => 'MiB', ours => $of->('gzip', 'octets', MIB),
           peer => $of->('gzip', 'alone', MIB),
           peer_name => 'the same rows and indexes alone',
           $judged ? (limit => '<= 1.15') : ());
    figure(name => "peak memory of the helper, $words records",
           unit => 'MiB', $judged ? (limit => '<= 64') : (),
           ours => [@{ $of->('plain', 'kib', 1024) },
                    @{ $of->('gzip', 'kib', 1024) }]);
}


sub run {
    my $schemas = _schemas();

    _size(10_000, 5, $schemas, naive => 5);
    _size(100_000, 5, $schemas, naive => 2);
    _size(500_000, 5, $schemas, naive => 2, parts => 1, release => 1);
    _size(1_000_000, 3, $schemas, naive => 1) if is_long();
}

1;
