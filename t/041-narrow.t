# A line that carries no more than so many octets in one piece: batches become
# smaller until they pass, and the next run begins with that size.

use strict;
use warnings;

use Msync::Test qw(site_path sqlite start_central write_private);
use Test::More;

use constant { PASSWORD => 'correct horse battery', CARRIES => 40_000 };

my $database = site_path('clinic.sqlite');
my $central = start_central(password => PASSWORD, records => 3000);

write_private('password', PASSWORD . "\n");
$central->config(carries => CARRIES);

is(run(), 0, 'a first sync over a narrow line');
cmp_ok(sqlite($database, 'SELECT count(*) FROM item'), '>', 100,
       'brings everything');

my $size = size('PULL_CENTRAL');
cmp_ok($size, '<', 500, 'in smaller batches');

$central->change(
    tableName => 'item', recordId => "NEW$_", action => 'insert',
    recordData => { %{ $central->record('item', one('item')) },
                    ID => "NEW$_" },
) for 1 .. 50;

my $torn = torn();
is(run(), 0, 'the next run');
is(torn(), $torn, 'begins with that size, and nothing is torn');

my $lines = 'FROM item_line WHERE store_ID IN '
    . '(SELECT ID FROM store WHERE sync_id_remote_site = 7)';
my $n = sqlite($database, "SELECT count(*) $lines");

sqlite($database, "UPDATE item_line SET batch = 'narrow' WHERE ID IN "
       . "(SELECT ID $lines)");
is(run(), 0, 'what is sent');
my %there = map { $_->{recordId} => 1 }
    grep { $_->{tableName} eq 'item_line' } $central->received('v5');
is(keys %there, $n, 'gets there in smaller batches, too');
cmp_ok(size('PUSH'), '<', 1024, 'and their size is kept');

what_is_too_much_to_acknowledge_at_once_is_in_parts($_) for 413, 403;
ten_records_beyond_what_it_carries_come();
a_record_beyond_what_it_carries_is_named();
is_deeply($central->state->{violations}, [], 'central has no complaint');

done_testing();


# units whose comment has so many octets
sub units_of {
    my ($octets, @ids) = @_;

    $central->change(
        tableName => 'unit', recordId => $_, action => 'insert',
        recordData => { %{ $central->record('unit', one('unit')) },
                        ID => $_, comment => 'c' x $octets },
    ) for @ids;
    return;
}

# 500 ids are some 18,000 octets; a firewall may look at 8,192 only.
sub what_is_too_much_to_acknowledge_at_once_is_in_parts {
    my ($status) = @_;

    for my $id (split /\n/, sqlite($database, "SELECT ID $lines LIMIT 12")) {
        $central->change(
            tableName => 'item_line', recordId => $id, action => 'update',
            channel => 'remote', recordData => {
                %{ $central->record('item_line', $id) },
                batch => "acknowledged $status" },
        );
    }

    sqlite($database, 'DELETE FROM key_value_store WHERE id = '
           . "'MSYNC_BATCH_PULL_REMOTE'");
    $central->fault(kind => 'page', path => 'acknowledged_records',
                    value => $status, times => 2);
    is(run(), 0, "a proxy that answers a long acknowledgement with $status");
    is(sqlite($database, "SELECT count(*) $lines AND batch = "
              . "'acknowledged $status'"), 12,
       'gets shorter ones');
    is($central->state->{queue}{remote}, 0, 'until nothing is left at central');
}


sub ten_records_beyond_what_it_carries_come {
    units_of(CARRIES / 4, map { "LARGE$_" } 1 .. 12);

    my $runs = 0;

    while (run() != 0) {
        last if ++$runs > 4;
    }

    is(sqlite($database, "SELECT count(*) FROM unit WHERE ID LIKE 'LARGE%'"),
       12, 'records of which it carries no ten come');
}


sub a_record_beyond_what_it_carries_is_named {
    units_of(2 * CARRIES, 'GIANT');
    units_of(10, 'BEHIND');

    my $says = '';

    # with each run smaller
    for (1 .. 4) {
        last if $says =~ /alone/ || run() == 0;
        $says = sqlite($database, 'SELECT error_message FROM sync_log ORDER '
                       . 'BY rowid DESC LIMIT 1');
    }

    like($says, qr/even the next record alone does not come.*than it allows/,
         'a record that no line carries is said to be the cause');
    $central->config(carries => 0);
    is(run(), 0, 'where it is mended');
    is(sqlite($database, q{SELECT count(*) FROM unit WHERE ID IN ('GIANT', }
              . q{'BEHIND')}), 2, 'nothing is lost');
}


sub run {
    system(join(' ', map { quotemeta } $ENV{TEST_NGINX_MSYNC_FAULTS},
                '--database', $database, '--url', $central->url,
                '--username', 'Clinic 7', '--password-file',
                site_path('password'), 'sync') . ' >/dev/null 2>&1');
    return $? >> 8;
}

sub size {
    return sqlite($database, 'SELECT value_int FROM key_value_store WHERE '
                  . "id = 'MSYNC_BATCH_$_[0]'");
}

sub one { return sqlite($database, "SELECT min(ID) FROM $_[0]") }

sub torn { scalar grep { !$_->{status} } @{ $central->state->{requests} } }
