package Bench;

# What the parts of the benchmark share: processes, repeated measuring in
# turns, figures, the table and the JSON.
#
# A figure is a ratio of two measurements that were taken in turns in the same
# run, or where nothing stands beside it, itself; the median of the rounds
# stands beside its limit.

use strict;
use utf8;
use warnings;

use Carp qw(croak);
use Cwd qw(abs_path);
use Exporter qw(import);
use File::Basename qw(dirname);
use File::Path qw(make_path);
use File::Temp qw(tempdir);
use IO::Socket::INET ();
use JSON::PP ();
use POSIX ();
use Time::HiRes qw(sleep time);

our @EXPORT_OK = qw(
    RELEASE capture cpu_ticks figure free_port http in_turns is_long json_file
    launch median note number program release root say_now skip sql stage stop
    wait_for write_file
);

# the release that figures are compared with
use constant RELEASE => '1184fb2';

my $Owner = $$;
my $Root = abs_path(dirname(__FILE__) . '/../../..');
my $Stage;
my %Running;
my @Figures;
my @Notes;
my $Part = '';
my $Release;

sub root    { $Root }
sub program { "$Root/build/bench/$_[0]" }
sub is_long { $ENV{BENCH_LONG} }


# The tree of that release, built; undef where the history of this clone does
# not reach back to it.
sub release {
    if (!defined $Release) {
        say_now('    building release ' . RELEASE);
        my $dir = `"$Root/t/tools/build-release" ${\RELEASE}`;
        my $status = $? >> 8;
        croak "build-release: status $status" if $status && $status != 77;
        chomp $dir;
        $Release = $status ? '' : $dir;
    }

    skip('release ' . RELEASE . ' is not in the history of this clone')
        if $Release eq '';

    return $Release eq '' ? undef : $Release;
}

# A folder of this run; all go at its end.
sub stage {
    my ($name) = @_;

    if (!defined $Stage) {
        $Stage = tempdir('msync-bench-XXXXXX', TMPDIR => 1, CLEANUP => 1);
        chmod 0755, $Stage;
    }

    my $path = defined $name ? "$Stage/$name" : $Stage;
    make_path($path);

    return $path;
}

sub say_now { print STDERR @_, "\n" }


sub write_file {
    my ($path, $text) = @_;

    open my $fh, '>', $path or croak "$path: $!";
    print {$fh} $text;
    close $fh or croak "$path: $!";

    return $path;
}


sub free_port {
    my $socket = IO::Socket::INET->new(
        LocalAddr => '127.0.0.1', LocalPort => 0, Listen => 1, Proto => 'tcp',
    ) or croak "no free port: $!";

    return $socket->sockport;
}


# Starts a process that ends with this one, whatever becomes of it.
sub launch {
    my ($command, %args) = @_;

    my $errors = $args{err} // stage() . '/stderr';
    my $pid = fork() // croak "fork: $!";

    if ($pid == 0) {
        open STDIN, '<', '/dev/null';
        open STDOUT, '>', $args{out} // '/dev/null';
        open STDERR, '>>', $errors;
        exec 'setpriv', '--pdeathsig', 'TERM', @$command
            or POSIX::_exit(127);
    }

    $Running{$pid} = 1;
    return $pid;
}


# Ends it (and waits); returns its status.
sub stop {
    my ($pid, $signal) = @_;

    return if !delete $Running{$pid};

    kill $signal // 'TERM', $pid;

    my $end = time + 10;
    while (time < $end) {
        return $? if waitpid($pid, POSIX::WNOHANG()) == $pid;
        sleep 0.02;
    }

    kill KILL => $pid;
    waitpid $pid, 0;

    return $?;
}


# Runs a command to its end; returns what it prints.
sub capture {
    my (@command) = @_;

    open my $fh, '-|', @command or croak "cannot run $command[0]: $!";
    my $out = do { local $/; <$fh> } // '';
    close $fh or croak "@command: status $?";

    return $out;
}


# What a database answers to these statements, one after the other.
sub sql { capture('sqlite3', '-bail', @_) }


sub wait_for {
    my ($what, $test, $seconds) = @_;

    my $end = time + ($seconds // 30);

    while (time < $end) {
        my $found = $test->();
        return $found if $found;
        sleep 0.01;
    }

    croak "$what: not in time";
}


sub http {
    my ($method, $url, $content) = @_;

    require HTTP::Tiny;

    return HTTP::Tiny->new(timeout => 20)->request(
        $method, $url, { defined $content ? (content => $content) : () });
}


# User and system time of a process, in ticks of a hundredth of a second.
sub cpu_ticks {
    my ($pid) = @_;

    open my $fh, '<', "/proc/$pid/stat" or croak "process $pid: $!";
    my ($rest) = <$fh> =~ /\) (.*)/;
    my @field = split / /, $rest;

    return $field[11] + $field[12];
}


sub median {
    my @sorted = sort { $a <=> $b } @_;

    return if !@sorted;
    return $sorted[$#sorted / 2] if @sorted % 2;
    return ($sorted[@sorted / 2 - 1] + $sorted[@sorted / 2]) / 2;
}


# Calls each of the named measurements in turn, so many rounds; returns the
# lists of what they return by name.
sub in_turns {
    my ($rounds, @measurements) = @_;

    my %result;

    for my $round (1 .. $rounds) {
        my @turn = @measurements;

        while (my ($name, $measure) = splice @turn, 0, 2) {
            push @{ $result{$name} }, $measure->($round);
        }
    }

    return \%result;
}


# A figure: name, unit, ours and peer (lists in the same order, of the same
# rounds), peer_name, limit ("<= 0.5").  Without a peer ours is judged itself.
sub figure {
    my (%f) = @_;

    my @ours = @{ $f{ours} };
    my @judged = @ours;

    if ($f{peer}) {
        my @peer = @{ $f{peer} };

        # a peer that takes long is measured fewer times
        @judged = map { $ours[$_] / $peer[$_ < @peer ? $_ : $#peer] }
            0 .. $#ours;
    }

    my @sorted = sort { $a <=> $b } @judged;
    my %figure = (
        part => $Part, figure => $f{name}, unit => $f{unit},
        rounds => scalar @ours, ours => median(@ours),
        $f{peer} ? (peer => median(@{ $f{peer} }),
                    peer_rounds => scalar @{ $f{peer} },
                    peer_name => $f{peer_name},
                    ratio => median(@judged)) : (),
        low => $sorted[0], high => $sorted[-1],
    );

    if (defined $f{limit}) {
        my ($sign, $limit) = $f{limit} =~ /^([<>]=) ([\d.]+)$/
            or croak "no limit: $f{limit}";
        my $value = median(@judged);

        $figure{limit} = $f{limit};
        $figure{reached} = ($sign eq '<=' ? $value <= $limit
                            : $value >= $limit)
            ? JSON::PP::true() : JSON::PP::false();
    }

    push @Figures, \%figure;
    say_now('    ', join ' | ', _cells(\%figure));
}


# Words that belong to the table: what was left out, and why.
sub note {
    my ($text) = @_;

    push @Notes, { part => $Part, text => $text };
    say_now("    $text");
}

sub skip { note("skipped: $_[0]") }


sub run_part {
    my ($name, $code) = @_;

    $Part = $name;
    say_now("== $name");
    my $began = time;

    eval { $code->(); 1 } or do {
        my $error = $@;
        chomp $error;
        note("failed: $error");
        stop($_) for keys %Running;
        return 0;
    };

    stop($_) for keys %Running;
    say_now(sprintf '    (%.0f s)', time - $began);

    return 1;
}


# For people: three digits at least, "10,000".
sub number {
    my ($n) = @_;

    return '' if !defined $n;
    my $text = abs($n) >= 100 ? sprintf '%.0f', $n
             : abs($n) >= 10 ? sprintf '%.1f', $n : sprintf '%.2f', $n;
    1 while $text =~ s/^(-?\d+)(\d{3})/$1,$2/;

    return $text;
}


sub _cells {
    my ($f) = @_;

    my $judged = $f->{ratio} // $f->{ours};
    my $spread = '(' . number($f->{low}) . '–' . number($f->{high}) . ')';

    return (
        $f->{figure},
        number($f->{ours}) . " $f->{unit}",
        defined $f->{peer}
            ? "$f->{peer_name}: " . number($f->{peer}) : '',
        (defined $f->{ratio} ? number($f->{ratio}) . ' ' : '') . $spread,
        defined $f->{limit}
            ? $f->{limit} . ($f->{reached} ? '' : ' **not reached**') : '',
    );
}


sub table {
    my $text = "| figure | msync | beside | ratio (spread) | limit |\n"
             . "| --- | --- | --- | --- | --- |\n";

    $text .= '| ' . join(' | ', _cells($_)) . " |\n" for @Figures;
    $text .= "\n" if @Notes;
    $text .= "* $_->{part}: $_->{text}\n" for @Notes;

    return $text;
}


sub json_file {
    my ($path, %about) = @_;

    write_file($path, JSON::PP->new->utf8->canonical->pretty->encode({
        %about, figures => \@Figures, notes => \@Notes,
    }));
}


END {
    if ($$ == $Owner) {
        my $status = $?;
        stop($_) for keys %Running;
        $? = $status;
    }
}

1;
