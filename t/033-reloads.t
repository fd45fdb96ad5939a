# nginx is reloaded again and again while a site has its first sync, pages
# listen, programs ask for the status, and people press the button.  Nobody
# notices.  With MSYNC_SOAK=1 a hundred times.

use strict;
use warnings;

use Msync::Test qw(
    site_config site_path sqlite start_central start_nginx
    wait_until write_private
);
use Msync::Life qw(ends_well helpers_are);
use Test::More;

use constant {
    RELOADS => $ENV{MSYNC_SOAK} ? 100 : 10,
    ROUNDS  => $ENV{MSYNC_SOAK} ? 20 : 3,
    STREAMS => 200,
    PASSWORD => 'correct horse battery',
};

my $central = start_central(password => PASSWORD, records => 3000);

write_private('password', PASSWORD . "\n");

my $nginx = start_nginx(
    workers => 2,
    http    => site_config('clinic',
        helper        => $ENV{TEST_NGINX_MSYNC},
        url           => $central->url,
        username      => '"Clinic 7"',
        password_file => site_path('password'),
        batch_size    => 'remote_pull=50 central_pull=50',
        interval      => 0,
    ),
    server  => 'location /api/ { msync clinic; }',
);

my (@streams, @complaints);
my $comebacks = 0;

$nginx->wait_status(sub { $_->{state} eq 'pre_initialisation' });

many_reloads_during_a_first_sync();
a_trigger_and_a_reload_at_once();

my @violations = @{ $central->state->{violations} };
is(scalar(@violations), 0, 'central has no complaint');
ends_well($nginx);

done_testing();


sub many_reloads_during_a_first_sync {
    @streams = map { $nginx->open_stream('/api/events') } 1 .. STREAMS;
    my $begun = grep { $_->wait_events(1, 30) } @streams;
    is($begun, STREAMS, 'all pages listen');

    $central->config(page_delay_ms => 20);
    is($nginx->post('/api/trigger')->{status}, 202, 'the first sync');

    my $load = start_load();
    my %triggers;

    for my $i (1 .. RELOADS) {
        $nginx->reload or push @complaints, "reload $i does not end";
        $triggers{ $nginx->post('/api/trigger')->{status} }++;
        come_back();
    }

    $central->config(page_delay_ms => 0);

    is(join(' ', keys %triggers), '202', 'each trigger is taken');
    is(join("\n", @complaints), '', RELOADS . ' reloads, no complaint');

    my $end = $nginx->wait_status(
        sub { $_->{state} eq 'idle' && $_->{syncStatus}{summary}{finished} },
        seconds => 180);
    ok($end, 'the sync completes');
    is($end->{initialisationStatus}, 'INITIALISED', 'the site is initialised');
    is($end->{integrationErrors}, 0, 'all records have become rows');
    is(sqlite(site_path('clinic.sqlite'), 'PRAGMA integrity_check'), 'ok',
       'the file is sound');

    is(end_load($load), '', 'no request for the status has failed');

    come_back();
    my $last = $nginx->status->{generation};
    my $current = grep { $_->wait_for(qr/^id: $last\n/m, 30) } @streams;
    is($current, STREAMS, "all pages know the end ($comebacks came back)");
    is(join("\n", @complaints), '', 'none was turned away');
    $_->close for @streams;

    helpers_are(1, 'one helper');
}


# As browsers do when a stream ends.
sub come_back {
    for my $stream (@streams) {
        next if !$stream->ended;

        push @complaints, 'a stream: ' . substr $stream->bytes, 0, 100
            if $stream->bytes !~ m{^HTTP/1\.1 200 };
        $stream = $nginx->open_stream('/api/events');
        $comebacks++;
    }
}


# A connection for each request: one that is kept may be closed by a worker
# that leaves just when the next request is on its way, as nginx's are.
sub start_load {
    my $script = site_path('load.lua');
    open my $fh, '>', $script or die "$script: $!";
    print {$fh} "wrk.headers['Connection'] = 'close'\n",
        "function delay() return 5 end\n";
    close $fh;

    my $pid = open my $out, '-|', 'wrk', '-t1', '-c8', '-d3600s', '-s',
        $script, '--timeout', '20s', $nginx->url . '/api/status'
        or die "cannot run wrk: $!";

    return { pid => $pid, out => $out };
}


# What wrk has to complain of.
sub end_load {
    my ($load) = @_;

    kill INT => $load->{pid};
    my $text = do { local $/; readline $load->{out} };
    close $load->{out};

    my ($requests) = $text =~ /(\d+) requests in/;
    cmp_ok($requests // 0, '>', RELOADS, 'many requests were made');

    return join "\n", grep { /errors|Non-2xx/ } split /\n/, $text;
}


sub runs { return sqlite(site_path('clinic.sqlite'),
    'SELECT count(*) FROM sync_log WHERE finished_datetime IS NOT NULL') }


sub a_trigger_and_a_reload_at_once {
    for my $round (1 .. ROUNDS) {
        $nginx->wait_status(sub { $_->{state} eq 'idle' });

        my $before = runs();
        is($nginx->post('/api/trigger')->{status}, 202, "trigger $round");
        $nginx->signal('HUP');

        ok(wait_until(sub { runs() > $before }, 60),
           'is not lost when a reload comes at once');
    }
}
