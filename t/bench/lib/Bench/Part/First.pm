package Bench::Part::First;

# A first sync from batches made beforehand, against its parts alone and
# against programs that others would write.

use strict;
use warnings;

use Bench qw(capture figure in_turns is_long median note program root stage
             stop write_file);
use Bench::Servers qw(batches central);

# what msync puts into one transaction of a first sync
use constant TRANSACTION => 50_000;

# rounds of what stands beside the figures that have a limit
use constant PARTS => 3;


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
    my ($seconds, $user, $system, $kib) = split ' ', $line;

    return { seconds => $seconds, cpu => $user + $system, kib => $kib };
}


sub _msync {
    my ($url, $n) = @_;

    _clean();
    my $password = write_file(stage() . '/password', "bench\n");
    chmod 0600, $password;
    my $database = stage('first') . '/site.sqlite';

    # as nginx starts it
    local $ENV{GLIBC_TUNABLES} = capture('sed', '-n',
        's/.*"GLIBC_TUNABLES=\(.*\)".*/\1/p',
        root() . '/http/ngx_http_msync_spawn.c') || die 'no tunables';
    chomp $ENV{GLIBC_TUNABLES};

    my $found = _spent(root() . '/build/msync', '--database', $database,
                       '--url', $url, '--username', 'bench',
                       '--password-file', $password, 'sync');

    my $rows = capture('sqlite3', $database, 'SELECT count(*) FROM '
        . 'sync_buffer WHERE integration_datetime IS NOT NULL AND '
        . 'integration_error IS NULL');
    die "$rows of $n records were integrated\n" if $rows != $n;
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
    my $words = $n;
    1 while $words =~ s/^(\d+)(\d{3})/$1,$2/;

    my $took = in_turns($rounds,
        plain => sub { $_[0] > PARTS ? () : _msync($plain, $n) },
        gzip  => sub { _msync($gzip, $n) },
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

    my $rate = sub { [map { $_->{rate} } @{ $took->{ $_[0] } }] };
    my $figure = sub {
        my ($which, $peer, $peer_name, @more) = @_;
        figure(name => "first sync of $words records, $which",
               unit => '/s', ours => $rate->($which),
               peer => $took->{$peer}, peer_name => $peer_name, @more)
            if $took->{$peer};
    };

    my $judged = $n == 500_000;
    $figure->('gzip', 'naive', 'naive chain',
              $judged ? (limit => '>= 3.5') : ());
    $figure->('gzip', 'ordered', 'slices in large transactions',
              $judged ? (limit => '>= 0.8') : ());
    $figure->('gzip', 'store', 'SQLite alone');
    $figure->('gzip', 'download', 'libcurl alone');
    $figure->('plain', 'download_plain', 'libcurl alone');

    figure(name => "peak memory of the helper, $words records",
           unit => 'MiB', $judged ? (limit => '<= 96') : (),
           ours => [map { $_->{kib} / 1024 }
                    @{ $took->{plain} }, @{ $took->{gzip} }]);

    stop($plain_pid);
    stop($gzip_pid);

    return median(@{ $rate->('gzip') });
}


sub run {
    my $schemas = _schemas();

    _size(10_000, 5, $schemas, naive => 5);
    _size(100_000, 5, $schemas, naive => 2);
    _size(500_000, 5, $schemas, naive => 2, parts => 1);
    _size(1_000_000, 3, $schemas, naive => 1) if is_long();
}

1;
