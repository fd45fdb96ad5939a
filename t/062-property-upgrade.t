# As t/060-property.t, of a site of v5 and v6 that becomes one of v7 half way.

use strict;
use warnings;

use Msync::PropertyUpgrade;
use Msync::Walk qw(walk);
use Test::More;

walk('Msync::PropertyUpgrade', 100);

done_testing();
