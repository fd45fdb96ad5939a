package Msync::Walk;

# The way of the property tests: steps of both sides and what fails in between,
# and now and then a look whether both have the same.
#
# MSYNC_PROPERTY_SEED takes another way, MSYNC_PROPERTY_STEPS sets its length,
# MSYNC_PROPERTY_TRACE says where to write what led to a failure (Msync::Trace).

use strict;
use warnings;

use Exporter qw(import);
use POSIX qw(ceil);

use Msync::Trace;
use Test::More;

our @EXPORT_OK = qw(walk);

use constant {
    BLOCK => 50,               # steps between two looks
    ALL   => 300,              # steps that come by every kind of step
};


# Of an Msync::Property; so many steps where the environment says nothing.
sub walk {
    my ($class, $default) = @_;

    my $seed = $ENV{MSYNC_PROPERTY_SEED} // 1;
    my $steps = $ENV{MSYNC_PROPERTY_STEPS} // $default;

    my $half = BLOCK * ceil($steps / 2 / BLOCK);

    diag("MSYNC_PROPERTY_SEED=$seed");

    my $both = $class->new(seed => $seed);
    my $trace = Msync::Trace->begin($both);

    is(join("\n", $both->sync_until_quiet), '', 'the first sync');

    # What there is to do depends on when a signal hits: the way goes on until
    # every kind of step was taken.  A short one does not come by everything.
    for (my $done = 0; $done < $steps
         || $steps >= ALL && _missing($both) && $done < 4 * $steps;
         $done += BLOCK)
    {
        $both->step for 1 .. BLOCK;

        my @wrong = $both->sync_until_quiet;

        is(join("\n", @wrong), '', 'the same after ' . ($done + BLOCK)
           . ' steps');
        last if @wrong;
        $trace->forget if $trace;
        $both->go_half_way if $done + BLOCK == $half;
    }

    my %taken = $both->taken;
    note("$_: $taken{$_}") for sort keys %taken;

    is(join(', ', _missing($both)), '', 'every kind of step was taken')
        if $steps >= ALL;

    return;
}


sub _missing {
    my ($both) = @_;

    my %taken = $both->taken;

    return grep { !$taken{$_} } $both->kinds;
}


1;
