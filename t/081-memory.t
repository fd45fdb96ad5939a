# Memory that is lacking: allocations of a sync fail one by one, of whatever
# library.  The helper says so and ends, or it manages; it never crashes, the
# database is never damaged, and the next run ends as if nothing had been.
#
# Of the allocations that the same chain of calls comes to, the first is one
# that fails; there are some thousand chains.  A sample, spread evenly; with
# MSYNC_SOAK=1 every one.  MSYNC_SAMPLE says how many of one kind in one run;
# 0: all.

use strict;
use warnings;

use Msync::Resume;
use Msync::Test;
use Test::More;

if (qx(nm -D "$ENV{TEST_NGINX_MSYNC_FAULTS}" 2>&1)
    =~ /__(?:asan|tsan)_init/)
{
    plan skip_all => 'a sanitizer has allocators of its own';
}

use constant {
    PROCESSES => 2,
    SAMPLE    => $ENV{MSYNC_SAMPLE} // ($ENV{MSYNC_SOAK} ? 0 : 30),
};

if (!-x $ENV{TEST_NGINX_MSYNC_FAULTS}) {
    BAIL_OUT('build/faults/msync is missing: run make faults first');
}

my %sites = (
    'a first sync'        => sub { Msync::Resume->new(name => 'memory',
        records => 20, begin => sub { }) },
    'an operational sync' => sub { Msync::Resume->new(name => 'later',
        records => 20, begin => \&edits) },
);

my $groups = Msync::Resume->all(PROCESSES, \%sites, \&tries);

for my $group (sort keys %$groups) {
    my ($n, $wrong) = @{ $groups->{$group} }{qw(tries wrong)};

    is(scalar @$wrong, 0, "$group: $n tries")
        or diag(join "\n", @$wrong[0 .. ($#$wrong < 9 ? $#$wrong : 9)]);
}

is(scalar keys %$groups, 2 * keys %sites, 'each was tried in two ways');

done_testing();


# libcurl 7.88 that lacks memory for a request's query sends it without, and
# central refuses it.
sub tries {
    my ($name, $site) = @_;

    my @how = (says => '\w',
               excuses => 'violation: .*(?:cursor|limit) is not a number');

    return map {
        ["$name, one fails", $site, fault => "no-memory $_", @how],
        ["$name, all fail from there", $site, fault => "no-memory-on $_",
         @how],
    } sample($site->paths);
}


# spread evenly, from the first to the last
sub sample {
    my (@all) = @_;

    return @all if SAMPLE == 0 || @all <= SAMPLE;
    return map { $all[int($_ * $#all / (SAMPLE - 1))] } 0 .. SAMPLE - 1;
}


# after a first sync, the application changes what is pushed
sub edits {
    my ($site) = @_;

    my ($status, $said) = $site->run;
    die "the first sync fails: $said" if $status != 0;

    $site->query('UPDATE Location SET Description = \'Cold room\'',
                 'UPDATE asset SET asset_number = \'A1\'');
    return;
}
