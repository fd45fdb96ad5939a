# As t/060-property.t, of a site that speaks v7: whatever both sides do and
# whatever fails in between, in the end the site has what another one gets that
# begins anew.

use strict;
use warnings;

use Msync::PropertyV7;
use Msync::Walk qw(walk);
use Test::More;

walk('Msync::PropertyV7', 50);

done_testing();
