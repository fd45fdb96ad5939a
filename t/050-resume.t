# A run that is disturbed at any point leaves nothing behind: the runs after
# it end in the same state as if nothing had happened, at the site and at the
# central servers.
#
# Every request is disturbed in every way, and a sample of the writes to the
# database; with MSYNC_SOAK=1 every write.

use strict;
use warnings;

use Msync::Resume;
use Msync::Scenario qw(after_an_upgrade before_a_later_sync
    before_an_upgrade before_the_first_sync);
use Msync::Test;
use POSIX qw(ceil);
use Test::More;

use constant {
    PROCESSES  => 2,
    # writes of one kind in one run
    SAMPLE     => $ENV{MSYNC_SAMPLE} // 50,
    INITIALISE => 2,           # the request of a first sync that is that
    # writes before the end of a run that upgrades: its transaction and what
    # is around it
    UPGRADE    => [90, 40],
    SOAK       => $ENV{MSYNC_SOAK} // 0,
};

# the request of these that is get_token
my %token = ('a first sync by v7' => 2, 'the run after it' => 1);

# of how many of them one is taken
our $Of = 1;

use constant FULL => 'DISK_FULL: \S+(?: \S+){3,}';
use constant BAD  => '(?:DATABASE_ERROR|DISK_FULL): \S+(?: \S+){3,}';

use constant READ_ONLY => 'DATABASE_ERROR: \S+.* Its disk is mounted '
    . 'read-only';
use constant DEAD => 'DATABASE_ERROR: \S+.* Its disk fails';

if (!-x $ENV{TEST_NGINX_MSYNC_FAULTS}) {
    BAIL_OUT('build/faults/msync is missing: run make faults first');
}

my %sites = (
    'a new database'      => sub { Msync::Resume->new(name => 'schema',
        records => 20, begin => sub { }) },
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
    'a first sync by v7'  => sub { Msync::Resume->new(name => 'first-v7',
        protocol => 'v7', begin => \&before_the_first_sync) },
    'a sync by v7'        => sub { Msync::Resume->new(name => 'later-v7',
        protocol => 'v7', batch => 4, begin => \&before_a_later_sync) },
    # the run by v5 and v6 that ends with it, and the first by v7
    'an upgrade to v7'    => sub { Msync::Resume->new(name => 'upgrade',
        emulator => { 'central-version' => 3 }, further => 2, batch => 50,
        begin => \&before_an_upgrade) },
    'the run after it'    => sub { Msync::Resume->new(name => 'upgraded',
        emulator => { 'central-version' => 3 }, batch => 4,
        begin => \&after_an_upgrade) },
);

my $groups = Msync::Resume->all(PROCESSES, \%sites, \&tries);

for my $group (sort keys %$groups) {
    my ($n, $wrong) = @{ $groups->{$group} }{qw(tries wrong)};

    is(scalar @$wrong, 0, "$group: $n tries")
        or diag(join "\n", @$wrong[0 .. ($#$wrong < 9 ? $#$wrong : 9)]);
}

is(join(', ', map { my $site = $_; scalar grep { /^\Q$site\E,/ }
                    keys %$groups } sort keys %sites),
   '13, 13, 5, 6, 8, 13, 13, 13, 12',
   'each was disturbed in so many ways');

done_testing();


# [group, object, how] of all tries of one site.
sub tries {
    my ($name, $site) = @_;

    my ($writes, $requests) = ($site->writes, $site->requests);

    return tries_of_requests($name, $site, INITIALISE)
        if $name =~ /slow|machine/;

    # its tables are there before central is asked
    ($writes, $requests) = ($site->writes_before(1), 0) if $name =~ /database/;

    # what is the same for both protocols is not tried as often again
    local $Of = $name =~ /v7|after/ ? 6 : 1;
    my %more = map { $_ => 1 } $name =~ /upgrade/
        ? ($writes - UPGRADE->[0] .. $writes - UPGRADE->[1]) : ();

    my @tries = map { ["$name, a write that fails", $site,
                       fault => "io-write $_", says => BAD] }
        sample($writes, 3);

    # A process has fewer writes than a run that ends with it: a later one
    # could be that of the last run, behind which nothing comes.
    push @tries, map { ["$name, a write that fails, in one process", $site,
                        stays => 1, fault => "io-write $_"] }
        $name =~ /sync|upgrade/
            ? sample($site->writes_before($requests), 3) : ();

    # from there on, as the system makes it with a disk that fails
    push @tries, map {
        ["$name, the disk read-only", $site, fault => "read-only $_",
         says => READ_ONLY],
        ["$name, the disk dead", $site, fault => "dead $_", says => DEAD],
    } sample($writes, 9);

    $more{$_} = 1 for sample($writes, 1);

    for my $n (sort { $a <=> $b } keys %more) {
        push @tries,
            ["$name, killed at a write", $site, fault => "kill-write $n"],
            ["$name, the disk full", $site, fault => "full-write $n",
             says => FULL];
    }

    my @requests = $name =~ /upgrade/ ? ($requests) : (1 .. $requests);

    # And again, while the next run goes on.
    for my $n (@requests) {
        my $m = 1 + $n * 7919 % $writes;

        push @tries, ["$name, killed twice", $site,
                      fault => "kill-after $n", again => "kill-write $m"];
    }

    return @tries, tries_of_requests($name, $site, @requests);
}


sub tries_of_requests {
    my ($name, $site, @requests) = @_;

    my @kinds = qw(drop_before drop_middle drop_after);
    my @tries;

    # central goes on with the work, a proxy in between has given up
    push @kinds, 'drop_working', 'gateway' if $name =~ /slow/;

    for my $n (@requests) {
        push @tries, map { ["$name, killed $_ a request", $site,
                            fault => "kill-$_ $n"] } qw(before after);
        push @tries, ["$name, killed before an answer is read", $site,
                      fault => "kill-sent $n"];
        push @tries, map { ["$name, the connection torn, $_", $site,
            # a token that may be lost is asked for once
            firm => $n != ($token{$name} // 0),
            torn => { kind => $_, after => $n - 1,
                      $n % 2 ? (value => 'reset') : () }] } @kinds;
    }

    return @tries;
}


# Numbers from 1 on: all of them in a soak, but for every k-th of the less
# telling kinds; else so many, evenly.
sub sample {
    my ($n, $k) = @_;

    my $step = SOAK ? $k : ceil($k * $n * $Of / SAMPLE) || 1;

    return grep { ($_ - 1) % $step == 0 } 1 .. $n;
}
