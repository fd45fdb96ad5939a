package Msync::Life;

# What is asked of nginx and its helpers whenever their life has gone on.

use strict;
use warnings;

use Exporter qw(import);
use Time::HiRes qw(sleep);

use Msync::Test qw(processes_of wait_until);
use Test::More;

our @EXPORT_OK = qw(
    KILLED descriptors ends_well helpers helpers_are is_reported may_open
    own_mounts zombies
);

# What nginx itself says of a child that a test has killed.
use constant KILLED => qr/exited on signal 9/;


sub helpers {
    return map { processes_of($ENV{$_}) }
        qw(TEST_NGINX_FAKE_HELPER TEST_NGINX_MSYNC);
}


# Waits for so many helpers, twice in a row: they are counted once more after
# the moment that an extra one would need to start.
sub helpers_are {
    my ($count, $name) = @_;

    my $now;

    wait_until(sub {
        return if ($now = helpers()) != $count;
        sleep 0.2;
        return ($now = helpers()) == $count;
    }, 20);

    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is($now, $count, $name);
}


sub is_reported {
    my ($nginx) = @_;

    return $nginx->wait_status(sub { $_->{state} ne 'stopped' });
}


sub zombies {
    my ($nginx) = @_;

    my %own = map { $_ => 1 } $nginx->server->processes;

    return grep {
        my $fh;
        my $stat = open($fh, '<', $_) ? <$fh> // '' : '';
        $stat =~ /\) Z (\d+)/ && $own{$1};
    } glob '/proc/[0-9]*/stat';
}


# As many descriptors for this process, and what it starts, if it may.
sub may_open {
    my ($count) = @_;

    return 1 if open_limit() >= $count;

    system(qw(prlimit --pid), $$, "--nofile=$count:$count") == 0 or return 0;
    return open_limit() >= $count;
}

sub open_limit {
    open my $fh, '<', "/proc/$$/limits" or die "limits: $!";
    my ($soft) = join('', <$fh>) =~ /^Max open files\s+(\d+)/m;

    return $soft // ~0;
}


sub descriptors {
    my ($pid) = @_;

    return scalar @{[glob "/proc/$pid/fd/*"]};
}


sub ends_well {
    my ($nginx, $allowed) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    ok(wait_until(sub { !zombies($nginx) }, 5), 'no zombie is left');
    ok($nginx->stop, 'quit ends all processes');
    helpers_are(0, 'no helper is left');
    is(join('', $nginx->alarms($allowed)), '', 'no alarm in the log');
}


# Begins the test anew where what it mounts goes with it, after this command of
# a shell has passed there; false where this machine does not permit that.
sub own_mounts {
    my ($first) = @_;

    $first //= 'true';
    return 1 if $ENV{TEST_MSYNC_MOUNTS};
    return 0 if $> != 0 || system("unshare -m sh -c '$first' 2>/dev/null") != 0;

    $ENV{TEST_MSYNC_MOUNTS} = 1;
    exec 'unshare', '-m', 'sh', '-c', "$first && exec \"\$@\"", 'sh', $^X,
        (map { "-I$_" } @INC), $0 or die "unshare: $!\n";
}


1;
