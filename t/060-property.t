# Whatever both sides do and whatever fails in between: in the end they have
# the same, nothing twice, and nothing is left over.
#
# MSYNC_PROPERTY_SEED takes another way, MSYNC_PROPERTY_STEPS sets its length.

use strict;
use warnings;

use Msync::Property;
use Test::More;

use constant {
    BLOCK => 50,
    ALL   => 300,              # steps that come by every kind of step
};

my $seed = $ENV{MSYNC_PROPERTY_SEED} // 1;
my $steps = $ENV{MSYNC_PROPERTY_STEPS} // 500;

diag("MSYNC_PROPERTY_SEED=$seed");

my $both = Msync::Property->new(seed => $seed);

is(join("\n", $both->settle), '', 'the first sync');

# What is there to merge depends on when a signal hits: the way goes on until
# every kind of step was taken.  A short one does not come by everything.
for (my $done = 0; $done < $steps
     || $steps >= ALL && missing() && $done < 4 * $steps; $done += BLOCK)
{
    $both->step for 1 .. BLOCK;

    my @wrong = $both->settle;

    is(join("\n", @wrong), '', 'the same after ' . ($done + BLOCK)
       . ' steps');
    last if @wrong;
}

my %taken = $both->taken;
note("$_: $taken{$_}") for sort keys %taken;

is(join(', ', missing()), '', 'every kind of step was taken')
    if $steps >= ALL;

done_testing();


sub missing {
    my %taken = $both->taken;

    return grep { !$taken{$_} } $both->kinds;
}
