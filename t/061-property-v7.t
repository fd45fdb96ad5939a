# As t/060-property.t, of a site that speaks v7: whatever both sides do and
# whatever fails in between, in the end the site has what another one gets that
# begins anew.

use strict;
use warnings;

use Msync::PropertyV7;
use Test::More;

use constant {
    BLOCK => 50,
    ALL   => 300,              # steps that come by every kind of step
};

my $seed = $ENV{MSYNC_PROPERTY_SEED} // 1;
my $steps = $ENV{MSYNC_PROPERTY_STEPS} // 150;

diag("MSYNC_PROPERTY_SEED=$seed");

my $both = Msync::PropertyV7->new(seed => $seed);

is(join("\n", $both->settle), '', 'the first sync');

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
