# The life of a site, as its helper leads it: when runs are due, what becomes
# of one that fails, is cancelled or killed.  The test is the helper's nginx.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use Msync::Helper;
use Msync::Test qw(site_path sqlite start_central);
use Test::More;

use constant HOUR => 3600 * 1000;          # in ms

my $central = start_central(password => 'secret', records => 300);

the_clock_is_put_back();

done_testing();


# With other members of CONFIG, and with "env" for the helper with fault
# points.
sub start {
    my ($name, %config) = @_;
    my $env = delete $config{env};

    local %ENV = (%ENV, %{ $env // {} });

    return Msync::Helper->start(
        $env ? (program => $ENV{TEST_NGINX_MSYNC_FAULTS}) : (),
        site => $name, database => site_path("$name.sqlite"),
        url => $central->url, username => 'Clinic 7',
        password_sha256 => sha256_hex('secret'), interval => 0, %config,
    );
}


sub the_clock_is_put_back {
    my $clock = site_path('clock');
    my $set = sub {
        open my $fh, '+>>', $clock or die "$clock: $!\n";
        close $fh;
        open $fh, '+<', $clock or die "$clock: $!\n";
        syswrite $fh, pack 'q', $_[0];
        close $fh;
    };

    $set->(0);
    my $helper = start('clock', interval => 2,
                       env => { MSYNC_FAULT_CLOCK => $clock });
    is($helper->run, 0, 'the first sync');
    my $runs = $helper->runs;
    my $next = $helper->wait_status(sub { $_->{nextSync} })->{nextSync};

    $set->(-9 * HOUR);
    ok($helper->wait_status(sub { $_->{nextSync}
                                  && $_->{nextSync} lt $next }),
       'the date of the next run goes back with it');
    ok($helper->wait_status(sub { $helper->runs > $runs + 1 }),
       'and it is not waited for nine hours');

    $helper->stop;
    $helper = start('clock', interval => 2,
                    env => { MSYNC_FAULT_CLOCK => $clock });
    ok($helper->wait_status(sub { $helper->runs > 1 }),
       'neither by a helper that finds a run of tomorrow');
}
