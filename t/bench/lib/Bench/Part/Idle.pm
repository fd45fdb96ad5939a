package Bench::Part::Idle;

# A run with nothing to do: what it adds to its requests, its octets, and
# the helper's memory between runs.

use strict;
use warnings;

use JSON::PP qw(decode_json);
use List::Util qw(sum);

use Bench qw(RELEASE capture figure free_port http program release root sql
             stage stop wait_for);
use Bench::Servers qw(bench_nginx central helper_pid module site
                      wait_for_helper);

use constant { ROUNDS => 5, RUNS => 40 };


# An nginx with a site that has had its first sync, by the module and the
# helper of a tree.
sub _site {
    my ($name, $tree, $central) = @_;

    my $database = stage('idle') . "/$name.sqlite";
    my $port = free_port();
    my $url = "http://127.0.0.1:$port/api";

    my $nginx = bench_nginx(
        modules => [module($tree)],
        http => site('bench', $database, $central, $tree) . <<"END",
    server {
        listen 127.0.0.1:$port;
        location /api/ { msync bench; }
    }
END
    );

    _run($url);

    return { nginx => $nginx, database => $database, url => $url };
}


# The mean of so many runs without the slowest quarter, in ms: the log of runs
# has whole ones, of which a median would be one.
sub _took {
    my ($site) = @_;

    _run($site->{url}) for 1 .. RUNS;

    return _mean(split /\n/, sql($site->{database},
        'SELECT (julianday(finished_datetime) - '
        . 'julianday(started_datetime)) * 86400000 FROM sync_log ORDER '
        . 'BY id DESC LIMIT ' . RUNS));
}


sub _mean {
    my @sorted = sort { $a <=> $b } @_;
    my $n = @sorted - int(@sorted / 4);

    return sum(@sorted[0 .. $n - 1]) / $n;
}


sub run {
    my ($central, $central_pid, $log) = central(records => 10_000, log => 1);
    my $before = release();
    my $ours = _site('ours', root(), $central);
    my $theirs = $before ? _site('release', $before, $central) : undef;
    my (%took, %beyond);

    for my $round (1 .. ROUNDS) {
        push @{ $took{ours} }, _took($ours);
        push @{ $took{bare} }, _mean(split /\n/, capture(program('bare'),
                                                          $central, RUNS));
        push @{ $took{release} }, _took($theirs) if $theirs;
    }

    for my $whose (grep { $took{$_} } qw(ours release)) {
        $beyond{$whose} = [map { $took{$whose}[$_] - $took{bare}[$_] }
                           0 .. ROUNDS - 1];
    }

    figure(name => 'run with nothing to do, beyond its requests',
           unit => 'ms', limit => '<= 5', ours => $beyond{ours});
    figure(name => 'run with nothing to do', unit => 'ms',
           ours => $took{ours}, peer => $took{bare},
           peer_name => 'its requests alone');
    figure(name => 'run with nothing to do', unit => 'ms',
           ours => $took{ours}, peer => $took{release},
           peer_name => 'release ' . RELEASE, limit => '<= 1')
        if $theirs;
    stop($theirs->{nginx}) if $theirs;

    my $helper = helper_pid($ours->{nginx});
    open my $fh, '<', "/proc/$helper/smaps_rollup" or die "helper: $!\n";
    my ($kib) = join('', <$fh>) =~ /^Rss:\s+(\d+)/m;
    figure(name => 'memory of the helper between runs', unit => 'MiB',
           ours => [$kib / 1024], limit => '<= 24');

    # by the central server's own log, without TCP and IP
    truncate $log, 0;
    _run($ours->{url});
    open my $lines, '<', $log or die "$log: $!\n";
    my ($n, $octets) = (0, 0);

    while (<$lines>) {
        my ($in, $out) = split;
        $n++;
        $octets += $in + $out;
    }

    figure(name => "octets of a run with nothing to do ($n requests)",
           unit => 'octets', ours => [$octets]);
}


sub _run {
    my ($url) = @_;

    wait_for_helper($url);
    my $runs = _finished($url);
    http(POST => "$url/trigger");
    wait_for('a run', sub { _finished($url) > $runs }, 120);
}


# The number of the last run that has ended.
sub _finished {
    my ($url) = @_;

    my $runs = decode_json(http(GET => "$url/history")->{content})->{runs};
    my ($last) = grep { $_->{summary}{finished} } @$runs;

    return $last ? $last->{id} : 0;
}

1;
