# A thousand runs in one process need no more memory and no more descriptors
# than a hundred.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use Msync::Helper;
use Msync::Test qw(site_path sqlite start_central);
use Test::More;

use constant {
    WARM => 100,
    RUNS => 1000,

    # the least of so many measures: the allocator gives back now and then
    MEASURES => 20,

    # what the cached pages of the sync log may need; a leak of 100 octets a
    # run would be 88
    GROWTH_KIB => 64,
};

my $central = start_central(password => 'secret', records => 300);
my $database = site_path('clinic.sqlite');

my $helper = Msync::Helper->start(
    site => 'clinic', database => $database, url => $central->url,
    username => 'Clinic 7', password_sha256 => sha256_hex('secret'),
    interval => 0,
);

my (%memory, %descriptors);
my $failed = 0;

for my $n (1 .. RUNS) {
    busy($n) if $n > 1 && $n % 5 == 0;

    $failed = $helper->run // BAIL_OUT("run $n does not end");

    for my $at (WARM, RUNS) {
        next if $n <= $at - MEASURES || $n > $at;

        my $memory = $helper->memory;
        $memory{$at} = $memory if $memory < ($memory{$at} // $memory + 1);
        $descriptors{$at} = $helper->descriptors;
    }
}

is($failed, 0, RUNS . ' runs succeed')
    or diag(join "\n", ($helper->log)[0 .. 9]);
is($descriptors{+RUNS}, $descriptors{+WARM},
   "descriptors: $descriptors{+RUNS}");
cmp_ok($memory{+RUNS} - $memory{+WARM}, '<=', GROWTH_KIB,
       "memory: $memory{+WARM} KiB, then $memory{+RUNS} KiB");
is($central->state(1)->{receivedCount}{v5}, int(RUNS / 5),
   'each edit was sent');
is(sqlite($database, 'PRAGMA integrity_check'), 'ok', 'the file is sound');
is($helper->stop, 0, 'it ends well');

done_testing();


# Something changes on both sides.
sub busy {
    my ($n) = @_;

    sqlite($database, "UPDATE item_line SET batch = 'B$n' WHERE ID = "
           . '(SELECT min(ID) FROM item_line)');

    my $id = sqlite($database, 'SELECT min(ID) FROM unit');
    $central->change(tableName => 'unit', recordId => $id,
        action => 'update', recordData => {
            ID => $id, units => "unit $n", comment => '', order_number => 1,
        });
}
