# Whole runs under valgrind: a first sync, an operational one, and one with
# nothing to do.

use strict;
use warnings;

use Msync::Resume;
use Msync::Scenario qw(before_a_later_sync before_the_first_sync);
use Msync::Test;
use Test::More;

my @under = (qw(valgrind -q --error-exitcode=9 --leak-check=full),
             '--errors-for-leak-kinds=definite,indirect');

my %begin = (
    'a first sync'        => \&before_the_first_sync,
    'an operational sync' => \&before_a_later_sync,
);

for my $name (sort keys %begin) {
    my $site = eval {
        Msync::Resume->new(name => $name, under => \@under, batch => 20,
                           begin => $begin{$name});
    };

    is($@, '', "$name, and another run");
    cmp_ok($site ? $site->requests : 0, '>', 5, 'that asked central');
}

done_testing();
