# Requests that mean harm: slow ones, paths and headers with tricks, and ten
# thousand connections that say nothing.  Others are answered all the while,
# and nginx has nothing to complain of.

use strict;
use warnings;

use Socket qw(INADDR_LOOPBACK PF_INET SOCK_STREAM pack_sockaddr_in);
use List::Util qw(max);
use Time::HiRes qw(sleep time);

use Msync::Fake;
use Msync::Life qw(descriptors ends_well is_reported may_open);
use Msync::Test qw(site_config site_path start_nginx wait_until);
use Test::More;

use constant {
    SLOW      => 60,            # of each kind
    LIMIT     => 2,             # seconds that they are given, then
    IDLE      => 10_000,
    NOFILE    => 16_384,        # of this process, and of each worker
    LONG_LINE => 8192,          # of large_client_header_buffers
};

Msync::Fake->start_with(status => { state => 'idle', queue => 4 });

my $nginx = start_nginx(
    connections => NOFILE - 1000,
    main        => may_open(NOFILE) ? 'worker_rlimit_nofile ' . NOFILE . ';'
                                   : q(),
    http        => site_config('clinic'),
    server      => server(),
);
my $fake;

is_reported($nginx);
$fake = Msync::Fake->connect(site_path('clinic.sqlite'));
$fake->answer(status => 200, body => { ok => 1 });

paths();
a_location_that_is_denied();
headers();
requests_that_are_none();
many_that_say_nothing();

# from here on, nobody waits for long
$nginx->set(server => 'client_header_timeout ' . LIMIT . 's; '
    . 'client_body_timeout ' . LIMIT . 's;' . server());
ok($nginx->reload, 'reload');
is_reported($nginx);
$fake = Msync::Fake->connect(site_path('clinic.sqlite'));
$fake->answer(status => 200, body => { ok => 1 });

slow_loris();
ends_well($nginx);

done_testing();


sub server {
    return <<'END';
    location /sync/api/ { msync clinic; }
    location = /sync/api/initialise { deny all; }
    location /sync/api/settings { limit_except GET { deny all; } msync clinic; }
    location /api/ { msync clinic; }
END
}


# octets as they are; the status, or "closed", or "silent"
sub status_of {
    my ($octets) = @_;

    my $stream = $nginx->open_request($octets);
    wait_until(sub { $stream->bytes =~ m{^HTTP/1\.1 \d+ .*?\r\n\r\n}s
                     || $stream->ended }, 20);
    my ($status) = $stream->bytes =~ m{^HTTP/1\.1 (\d+)};
    $stream->close;

    return $status // ($stream->ended ? 'closed' : 'silent');
}


sub request {
    my ($method, $path, @headers) = @_;

    return join "\r\n", "$method $path HTTP/1.1", 'Host: localhost',
        'Connection: close', @headers, '', '';
}


# name => [status, octets]; no answer is from elsewhere or a crash
sub answers {
    my ($what, %cases) = @_;

    for my $name (sort keys %cases) {
        my ($status, $octets) = @{ $cases{$name} };
        is(status_of($octets), $status, "$what: $name");
    }

    is($nginx->get('/api/status')->{status}, 200, "$what: others go on");
    is(join('', $nginx->alarms), '', "$what: no alarm");
    return;
}


sub paths {
    my %path = (
        '/sync/api/status'                  => 200,
        '/sync/api/../api/status'           => 200,
        '/sync/api/%2e%2e/api/status'       => 200,
        '/sync/api/%2E./%61pi/status'       => 200,
        '/sync//api///status'               => 200,
        '/sync/api/./status'                => 200,
        '/sync/api/status#x'                => 200,
        '/sync/api/status?../../etc/passwd' => 200,
        '/sync/api/'                        => 404,
        '/sync/api/../'                     => 404,
        '/sync/api/status/'                 => 404,
        '/sync/api/status/..'               => 404,
        '/sync/api/STATUS'                  => 404,
        '/sync/api/status%2F'               => 404,
        '/sync/api/%2e%2e%2fstatus'         => 404,
        '/sync/api/%252e%252e/status'       => 404,
        '/sync/api/status%20'               => 404,
        '/sync/api/status%0d%0aX:%20y'      => 404,
        '/sync/api/..%5cstatus'             => 404,
        '/sync/api/%ff%fe'                  => 404,
        '/sync/api/' . 's' x 8000           => 404,
        '/sync/api/status%00'               => 400,
        '/sync/api/%00/../status'           => 400,
        '/sync/api/status%'                 => 400,
        '/sync/api/status%g0'               => 400,
        '/../sync/api/status'               => 400,
        '/sync/api/../../../etc/passwd'     => 400,
        '/%2e%2e/%2e%2e/etc/passwd'         => 400,
        '/sync/api/' . 's' x LONG_LINE()    => 414,
    );

    answers('paths', map { (substr($_, 0, 40) . ' of ' . length() =>
        [$path{$_}, request(GET => $_)]) } keys %path);
    return;
}


# what nginx denies is denied under each of its names
sub a_location_that_is_denied {
    my %cases;
    my @body = ('Content-Length: 2');

    for my $path ('/sync/api/initialise', '/sync/api/./initialise',
        '/sync/api//initialise', '/sync//api/initialise',
        '/sync/api/%69nitialise', '/sync/api/x/../initialise',
        '/sync/api/initialise?x', '/sync/./api/%69%6eitialise')
    {
        $cases{"POST $path"} = [403, request(POST => $path, @body) . '{}'];
    }

    for my $path ('/sync/api/settings', '/sync/api/%73ettings',
                  '/sync//api/settings', '/sync/api/status/../settings')
    {
        $cases{"PUT $path"} = [403, request(PUT => $path, @body) . '{}'];
    }

    my $before = () = $fake->received;
    answers('denied', %cases);
    is(scalar(() = $fake->received), $before,
       'denied: the helper has heard of none');
    return;
}


sub headers {
    my $trigger = sub { request(POST => '/sync/api/trigger', @_) };
    my $same = 'Origin: http://localhost';
    my $line = 'X-Long: ' . 'x' x LONG_LINE;

    answers('headers',
        'Host twice' => [400, $trigger->('Host: elsewhere')],
        'Host with a path' => [400, "POST /sync/api/trigger HTTP/1.1\r\n"
            . "Host: localhost/../x\r\n\r\n"],
        'no Host' => [400, "POST /sync/api/trigger HTTP/1.1\r\n\r\n"],
        'Origin of here' => [202, $trigger->($same)],
        'Origin twice' => [403, $trigger->($same,
                                           'Origin: http://elsewhere')],
        'Origin twice, the other first' =>
            [403, $trigger->('Origin: http://elsewhere', $same)],
        'Origin with a user' =>
            [403, $trigger->('Origin: http://localhost@elsewhere')],
        'Origin that begins like Host' =>
            [403, $trigger->('Origin: http://localhost.elsewhere')],
        'Origin null' => [403, $trigger->('Origin: null')],
        'Origin empty' => [403, $trigger->('Origin:')],
        'Origin of 8000 octets' =>
            [403, $trigger->('Origin: http://' . 'h' x 8000)],
        'Sec-Fetch-Site twice' =>
            [403, $trigger->('Sec-Fetch-Site: same-origin',
                             'Sec-Fetch-Site: cross-site')],
        'a header too long' => [400, $trigger->($line)],
        'headers too many' =>
            [400, $trigger->(('X-Many: ' . 'x' x 4000) x 20)],
        'a header with NUL' => [400, $trigger->("X-Nul: a\0b")],
        'Content-Length twice' =>
            [400, $trigger->('Content-Length: 0', 'Content-Length: 0')],
        'Content-Length below zero' =>
            [400, $trigger->('Content-Length: -1')],
        'Content-Length beyond all bounds' =>
            [400, $trigger->('Content-Length: ' . '9' x 30)],
        'Content-Length of a gigabyte' =>
            [413, $trigger->('Content-Length: 1073741824')],
        'two lengths of a body' =>
            [400, $trigger->('Content-Length: 5',
                             'Transfer-Encoding: chunked')],
        'an If-None-Match of 8000 octets' =>
            [200, request(GET => '/sync/api/status',
                          'If-None-Match: ' . q("a",) x 1900)],
        'a Last-Event-ID that is none' => [200, "GET /sync/api/events HTTP/1.0"
            . "\r\nLast-Event-ID: " . '9' x 400 . "\r\n\r\n"],
    );
    return;
}


sub requests_that_are_none {
    answers('no requests',
        'NULs' => [400, "\0" x 100 . "\r\n\r\n"],
        'TLS' => [400, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n"],
        'a method in small letters' => [400, request(get => '/api/status')],
        'a method that is none' => [405, request(FETCH => '/api/status')],
        'TRACE' => [405, request(TRACE => '/api/status')],
        'CONNECT' => [405, request(CONNECT => '/api/status')],
        'a version that is none' =>
            [505, "GET /api/status HTTP/9.9\r\nHost: x\r\n\r\n"],
        'a generation of 400 digits' =>
            [200, request(GET => '/api/status?wait=1&since=' . '9' x 400)],
        'a wait of 400 digits' =>
            [200, request(GET => '/api/status?since=0&wait=' . '9' x 400)],
        'a patient of 4000 octets' => [400,
            request(POST => '/api/trigger?fetchPatientId=' . 'p' x 4000)],
        'a patient with NUL' =>
            [400, request(POST => '/api/trigger?fetchPatientId=a%00b')],
    );
    return;
}


sub others_are_answered {
    my ($what) = @_;

    my %answers;
    $answers{ $nginx->get('/api/status')->{status} }++ for 1 .. 50;
    is(join(' ', %answers), '200 50', "$what: the status is answered");
    is($nginx->post('/api/trigger')->{status}, 202, "$what: so is a trigger");
    is($nginx->request(PUT => '/api/settings', content => '{}')->{status},
       200, "$what: and settings");
    return;
}


sub many_that_say_nothing {
    my @idle;

    SKIP: {
        skip 'no leave to open ' . IDLE . ' connections (RLIMIT_NOFILE)', 1
            if !may_open(NOFILE);

        my $to = pack_sockaddr_in($nginx->port, INADDR_LOOPBACK);
        my $before = open_in_workers();

        for my $i (1 .. IDLE) {
            socket my $socket, PF_INET, SOCK_STREAM, 0 or die "socket: $!\n";
            connect $socket, $to or die "connect: $!\n";

            # half of them begin a request
            syswrite $socket, 'GET /api/sta' if $i % 2;
            push @idle, $socket;
        }

        my $now;
        ok(wait_until(sub {
            ($now = open_in_workers()) >= $before + IDLE }, 30),
           IDLE . ' connections are taken') or diag("$before, $now");
        others_are_answered(IDLE . ' idle connections');

        my $stream = $nginx->open_stream('/api/events');
        ok($stream->wait_events(1), 'a stream begins beside them');
        $fake->status(queue => 4711);
        ok($stream->wait_for(qr/PushQueue": ?4711\b/), 'and is told');
        $stream->close;

        close $_ for @idle;
        ok(wait_until(sub { open_in_workers() < $before + 100 }, 30),
           'those that go leave nothing');
        is(join('', $nginx->alarms), '', 'no alarm');
    }
    return;
}


sub open_in_workers {
    my $sum = 0;
    $sum += descriptors($_) for $nginx->workers;

    return $sum;
}


# Bodies that come slowly for longer than the limit, beside these heads; the
# first one ends at last.  Returns the longest time without an octet, too.
sub slow_bodies {
    my ($length, @heads) = @_;

    my $last = time;
    my $longest = 0;
    my @bodies = map { $nginx->open_request("PUT /api/settings HTTP/1.0\r\n"
        . "Content-Length: $length\r\n\r\n{") } 1 .. SLOW;

    for my $more ((' ') x 12, ' ' x ($length - 14) . '}') {
        sleep 0.25;
        $bodies[0]->send($more);

        my $now = time;
        $longest = max($longest, $now - $last);
        $last = $now;

        $_->send('X') for grep { !$_->ended } @heads;
        $_->send(' ') for grep { !$_->ended } @bodies[1 .. $#bodies];
    }

    return ($longest, @bodies);
}


# an octet now and then, of the head or of the body
sub slow_loris {
    my $length = 4000;
    my (@heads, @bodies, $longest);

    local $SIG{PIPE} = 'IGNORE';

    # A test that stands still sends bodies that are too slow indeed.
    for (1 .. 5) {
        @heads = map {
            $nginx->open_request("GET /api/status HTTP/1.1\r\n")
        } 1 .. SLOW;
        ($longest, @bodies) = slow_bodies($length, @heads);
        last if $longest < LIMIT;
    }

    others_are_answered('slow requests');

    SKIP: {
        skip "this machine stood still for $longest seconds", 1
            if $longest >= LIMIT;
        ok($bodies[0]->wait_for(qr{^HTTP/1\.1 200 .*"ok"}s),
           'a slow body that ends is answered');
    }

    ok(wait_until(sub { !grep { !$_->ended } @heads }, 30),
       'heads that never end are given up');
    ok(wait_until(sub { !grep { !$_->ended } @bodies }, 30),
       'bodies that stop are given up');
    others_are_answered('after slow requests');
    return;
}
