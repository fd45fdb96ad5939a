# Whatever both sides do and whatever fails in between: in the end they have
# the same, nothing twice, and nothing is left over.

use strict;
use warnings;

use Msync::Property;
use Msync::Walk qw(walk);
use Test::More;

walk('Msync::Property', 300);

done_testing();
