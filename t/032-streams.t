# A thousand event streams: each is told, none costs more for it, and those
# that go leave nothing behind.

use strict;
use warnings;

use Msync::Test qw(site_config site_path start_nginx wait_until);
use Msync::Fake;
use Msync::Life qw(descriptors may_open);
use Test::More;

use constant { STREAMS => 1000, MESSAGES => $ENV{MSYNC_SOAK} ? 500 : 60 };

plan(skip_all => 'no leave to open ' . STREAMS . ' connections '
     . '(RLIMIT_NOFILE)') if !may_open(STREAMS + 200);

Msync::Fake->start_with(status => { state => 'idle', queue => 4 });

# One worker, so that its memory is all there is.
local $ENV{TEST_NGINX_WORKERS} = 1;

my $nginx = start_nginx(
    connections => 4096,
    http        => site_config('clinic'),
    server      => 'location /api/ { msync clinic; }',
);

$nginx->wait_status(sub { $_->{state} ne 'stopped' });

my $fake = Msync::Fake->connect(site_path('clinic.sqlite'));
my ($worker) = $nginx->workers;
my $idle = descriptors($worker);
my @streams = map { $nginx->open_stream('/api/events') } 1 .. STREAMS;

is(scalar(grep { $_->wait_events(1, 30) } @streams), STREAMS, 'all begin');

memory_does_not_grow();
clients_that_vanish_are_noticed();

my $sleeper = $nginx->open_stream('/api/events');
$sleeper->wait_events(1);
ok($nginx->stop, 'the streams do not keep nginx');
ok(wait_until(sub { !grep { !$_->ended } @streams, $sleeper }, 30),
   'they are ended');
is(join('', $nginx->alarms), '', 'no alarm in the log');

done_testing();


# What the worker alone has written to, in kilobytes.
sub memory {
    open my $fh, '<', "/proc/$worker/smaps_rollup" or die $!;
    my ($size) = join('', <$fh>) =~ /^Private_Dirty:\s*(\d+)/m;

    return $size;
}


sub is_sanitized {
    open my $fh, '<', "/proc/$worker/maps" or die $!;

    return join('', <$fh>) =~ /libasan/;
}


sub tell_all {
    my ($queue) = @_;

    $fake->status(queue => $queue);

    my $generation = wait_until(sub {
        my $doc = $nginx->status;
        return $doc->{numberOfRecordsInPushQueue} == $queue
            ? $doc->{generation} : undef;
    });

    return scalar grep { $_->wait_for(qr/^id: $generation\n/m, 30) } @streams;
}


sub memory_does_not_grow {
    is(tell_all(100), STREAMS, 'all are told of a change');

    my $before = memory();
    my @told = map { tell_all(100 + $_) } 1 .. MESSAGES;
    my $after = memory();

    is(scalar(grep { $_ != STREAMS } @told), 0,
       'and of ' . MESSAGES . ' more');

    SKIP: {
        skip 'AddressSanitizer keeps what was freed', 1 if is_sanitized();

        # A kilobyte a stream would be less than 20 octets a message; a chain
        # link is 16.
        cmp_ok($after - $before, '<', STREAMS / 4,
               "memory stays: $before KB, $after KB");
    }

    note(sprintf '%.1f KB a stream', ($after - 2000) / STREAMS);
}


sub clients_that_vanish_are_noticed {
    my @gone = splice @streams, 0, STREAMS / 2;

    $_->close for @gone;

    ok(wait_until(sub {
        descriptors($worker) - $idle <= @streams + 1;
    }), 'the connections of clients that have gone are closed');
    is(tell_all(5), scalar(@streams), 'and the others told');
}
