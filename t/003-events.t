# Server-sent events: what a stream begins with, and how changes follow.

use Msync::Test qw(
    decode_json free_port set_defaults site_config site_path slurp start_nginx
    wait_until worker_count
);
use Msync::Fake;
use Test::Nginx::Socket 'no_plan';

use POSIX ();
use Test::More ();
use Time::HiRes qw(time);

Msync::Fake->start_with(status => { state => 'idle', queue => 4 });

master_on();
workers(worker_count(2));

add_block_preprocessor(sub {
    set_defaults($_[0],
        http_config => site_config('clinic'),
        config => <<'END_OF_CONFIG',
    location /api/ { msync clinic; }
    location = /alone { msync_events clinic; }
END_OF_CONFIG
        init => 'Msync::Test::wait_reported()',
        no_error_log => "[error]\n[crit]\n[alert]\n[emerg]\n",
        no_shutdown_error_log => '[alert]',
    );
});

run_tests();
streams();
streams_over_http2();
streams_behind_what_is_in_front();


sub streams {
    my $nginx = start_nginx(
        workers => 3,
        http    => site_config('clinic'),
        server  => 'location /api/ { msync clinic; }',
    );

    $nginx->wait_status(sub { $_->{state} ne 'stopped' });

    my $fake = Msync::Fake->connect(site_path('clinic.sqlite'));
    my $patient = $nginx->open_stream('/api/events');
    $patient->wait_events(1);
    my $quiet_from = length $patient->bytes;

    each_change_is_sent($nginx, $fake);
    the_last_event_is_not_repeated($nginx, $fake);
    a_rush_of_changes_is_thinned($nginx, $fake);
    every_stream_gets_the_change($nginx, $fake);
    a_slow_client_is_caught_up($nginx, $fake);
    clients_may_vanish($nginx, $fake);
    a_body_comes_at_once_or_not($nginx, $fake);
    a_quiet_stream_has_comments($patient, $quiet_from);

    my $last = $nginx->open_stream('/api/events');
    $last->wait_events(1);

    Test::More::ok($nginx->stop, 'open streams do not keep nginx');
    Test::More::ok($last->ended, 'they are closed');
    Test::More::is(join('', $nginx->alarms), '', 'no alarm in the log');
}


sub each_change_is_sent {
    my ($nginx, $fake) = @_;

    my $stream = $nginx->open_stream('/api/events');
    my ($first) = $stream->wait_events(1);
    my $generation = $nginx->status->{generation};

    Test::More::is($first->{event}, 'status', 'the event is a status');
    Test::More::is($first->{id}, $generation, 'its id is the generation');
    Test::More::is_deeply(decode_json($first->{data}),
                          $nginx->status, 'its data the document');

    for my $i (1 .. 3) {
        $fake->status(queue => 20 + $i);

        my $event = ($stream->wait_events(1 + $i))[-1];
        Test::More::is($event->{id}, $generation + $i, "change $i is sent");
        Test::More::is(decode_json($event->{data})
                           ->{numberOfRecordsInPushQueue}, 20 + $i,
                       'with what has changed');
    }
}


sub the_last_event_is_not_repeated {
    my ($nginx, $fake) = @_;

    my $generation = $nginx->status->{generation};
    my $stream = $nginx->open_stream('/api/events',
                                     'Last-Event-ID' => $generation);

    $stream->wait_for(qr/\r\n\r\n/);
    $fake->status(queue => 31);

    my ($event) = $stream->wait_events(1);
    Test::More::is($event->{id}, $generation + 1,
                   'a client that has the current one waits for the next');

    for my $id ($generation - 3, $generation + 100, 'abc', '') {
        my $other = $nginx->open_stream('/api/events',
                                        'Last-Event-ID' => $id);
        ($event) = $other->wait_events(1);
        Test::More::is($event->{id}, $generation + 1,
                       qq{a client that has "$id" gets the current one});
    }
}


sub a_rush_of_changes_is_thinned {
    my ($nginx, $fake) = @_;

    my $stream = $nginx->open_stream('/api/events');
    $stream->wait_events(1);

    my $start = time;
    $fake->status(queue => $_) for 1 .. 300;

    my $arrived = wait_until {
        my @events = $stream->events;
        return $events[-1]{data} =~ /PushQueue": ?300\b/;
    } 10;
    my $seconds = time - $start;

    Test::More::ok($arrived, 'the last of many changes is not lost');

    # Ten in each second, the first one, and one for the edge.
    Test::More::cmp_ok(scalar(@{[$stream->events]}), '<=',
                       10 * $seconds + 2, 'and at most ten a second come');

    my @ids = map { $_->{id} } $stream->events;
    Test::More::is_deeply(\@ids, [sort { $a <=> $b } @ids], 'in order');
}


sub every_stream_gets_the_change {
    my ($nginx, $fake) = @_;

    my @streams = map { $nginx->open_stream('/api/events') } 1 .. 60;
    my $begun = grep { $_->wait_events(1) } @streams;
    Test::More::is($begun, 60, 'many streams begin');

    $fake->status(queue => 60_606);

    my $told = grep { $_->wait_for(qr/PushQueue": ?60606\b/) } @streams;
    Test::More::is($told, 60, 'and all are told of a change');
}


sub a_slow_client_is_caught_up {
    my ($nginx, $fake) = @_;

    my $slow = $nginx->open_stream('/api/events');
    my $quick = $nginx->open_stream('/api/events');
    $quick->wait_events(1);

    # Far more than the sockets between them hold, were each one written.
    my $filler = 'x' x 60_000;

    for my $i (1 .. 120) {
        $fake->status(queue => $i, filler => $filler);
        $quick->wait_for(qr/PushQueue": ?$i\b/) if $i % 10 == 0;
    }

    my $last = $nginx->status->{generation};

    Test::More::ok($quick->wait_for(qr/^id: $last\n/m),
                   'a client that does not read delays no other');
    Test::More::ok($slow->wait_for(qr/^id: $last\n/m),
                   'and gets the newest when it reads again');

    $fake->status(queue => 0);
}


sub clients_may_vanish {
    my ($nginx, $fake) = @_;

    for my $i (1 .. 20) {
        my $stream = $nginx->open_stream('/api/events');
        $stream->wait_events(1) if $i % 2;
        $stream->close;
    }

    my $generation = $nginx->status->{generation};
    $fake->status(queue => 4242);

    my $stream = $nginx->open_stream('/api/events');
    Test::More::ok($stream->wait_for(qr/PushQueue": ?4242\b/),
                   'clients that have gone leave nothing behind');
}


# nginx would wait for the rest, and then end the stream.
sub a_body_comes_at_once_or_not {
    my ($nginx, $fake) = @_;

    my $generation = $nginx->status->{generation};
    my $get = sub {
        my ($path, $body) = @_;
        return $nginx->open_request("GET /api/$path HTTP/1.1\r\n"
            . "Host: localhost\r\nContent-Length: 5\r\n\r\n$body");
    };
    my $poll = "status?since=$generation&wait=60";

    Test::More::ok($get->($_, 'he')->wait_for(qr{^HTTP/1\.1 400 .*"error"}s),
                   "a body that is awaited: $_") for 'events', $poll;

    my @streams = map { $get->($_, 'hello') } 'events', $poll;
    $streams[0]->wait_for(qr/^id: $generation/m);
    $fake->status(queue => 5151);
    Test::More::ok($_->wait_for(qr/PushQueue": ?5151\b/),
                   'one that is there does no harm') for @streams;
}


sub a_quiet_stream_has_comments {
    my ($stream, $from) = @_;

    Test::More::ok(
        wait_until(sub { substr($stream->bytes, $from) =~ /^:.*^:/ms }, 60),
        'comments show that the stream lives');
}


sub fetch {
    my ($file, $url, @options) = @_;

    my $pid = fork() // die "fork: $!";

    if ($pid == 0) {
        exec qw(curl -q -s -S -N --max-time 60), @options, '-o', $file, $url
            or POSIX::_exit(127);
    }

    return $pid;
}

# In how many of the files this has come.
sub come {
    my ($pattern, @files) = @_;

    return scalar grep { -e && slurp($_) =~ $pattern } @files;
}


sub streams_over_http2 {
    my $port = free_port();
    my $nginx = start_nginx(
        workers => 2,
        http    => site_config('clinic'),
        server  => "listen 127.0.0.1:$port http2;"
            . 'location /api/ { msync clinic; }',
    );

    $nginx->wait_status(sub { $_->{state} ne 'stopped' });

    my $fake = Msync::Fake->connect(site_path('clinic.sqlite'));
    my @files = map { site_path("stream-$_") } 1 .. 3;
    my $url = "http://127.0.0.1:$port/api/events";

    my @pids = map { fetch($_, $url, '--http2-prior-knowledge') } @files;

    Test::More::ok(wait_until(sub {
        come(qr/^event: status\n/m, @files) == 3
    }), 'streams over HTTP/2 begin');

    for my $queue (61, 62) {
        $fake->status(queue => $queue, filler => 'x' x 30_000);
        Test::More::ok(wait_until(sub {
            come(qr/PushQueue":$queue,.*\n\n/, @files) == 3
        }), 'and are told of a change');
    }

    $nginx->signal('HUP');

    for my $pid (@pids) {
        Test::More::ok(
            wait_until(sub { waitpid($pid, POSIX::WNOHANG()) == $pid }, 20),
            'a reload ends them') or kill KILL => $pid;
        Test::More::is($?, 0, 'as a server that has said all');
    }

    Test::More::ok($nginx->stop, 'nginx quits');
    Test::More::is(join('', $nginx->alarms), '', 'no alarm in the log');
}


# Whatever it is, each event comes at once.
sub streams_behind_what_is_in_front {
    my $cache = site_path('cache');
    my $nginx = start_nginx(
        workers => 2,
        http    => site_config('clinic')
            . 'limit_req_zone $binary_remote_addr zone=few:32k rate=1r/m;'
            . "proxy_cache_path $cache keys_zone=kept:64k;",
        server  => <<'END',
    location /api/ { msync clinic; }
    location = /may { return 204; }
    location /asked/ { auth_request /may; msync clinic; }
    location /limited/ {
        limit_req zone=few burst=2 nodelay; limit_req_status 429;
        msync clinic;
    }
    location /small/ {
        gzip on; gzip_types *; gzip_min_length 1; msync clinic;
    }
    location /kept/ {
        rewrite ^/kept/(.*) /api/$1 break;
        proxy_pass http://127.0.0.1:$server_port;
        proxy_cache kept; proxy_cache_valid any 1h;
        add_header X-Kept $upstream_cache_status;
    }
END
    );

    $nginx->wait_status(sub { $_->{state} ne 'stopped' });

    my $fake = Msync::Fake->connect(site_path('clinic.sqlite'));
    my $base = 'http://127.0.0.1:' . $nginx->port;
    my $headers = site_path('small.headers');
    my %options = (small => ['--compressed', '-D', $headers]);
    my @places = qw(asked limited small kept);
    my @files = map { site_path("front-$_") } @places;
    my @pids = map { fetch(site_path("front-$_"), "$base/$_/events",
                           @{ $options{$_} // [] }) } @places;

    for my $queue (71, 72) {
        $fake->status(queue => $queue);
        for my $place (@places) {
            Test::More::ok(wait_until(sub {
                come(qr/PushQueue":$queue,.*\n\n/, site_path("front-$place"))
            }), "an event comes at once: $place");
        }
    }

    Test::More::unlike(slurp($headers), qr/^Content-Encoding/mi,
                       'compression of whatever type leaves it alone');

    # a cache that keeps nothing
    my $generation = $nginx->status->{generation};
    for (1, 2) {
        my $answer = $nginx->get('/kept/status');
        Test::More::is($answer->{headers}{'x-kept'}, 'MISS', 'asked anew');
        Test::More::is($answer->{json}{generation}, $generation++,
                       'and the newest is said');
        $fake->status(queue => 80 + $generation);
        $nginx->wait_status(sub { $_->{generation} == $generation });
    }

    Test::More::is($nginx->get('/limited/status')->{status}, $_,
                   'a stream counts once') for 200, 200, 429;

    $nginx->signal('HUP');
    waitpid $_, 0 for @pids;
    Test::More::ok($nginx->stop, 'nginx quits');
    Test::More::is(join('', $nginx->alarms), '', 'no alarm in the log');
}


__DATA__

=== TEST 1: the current status comes at once, and the stream stays open
--- request
GET /api/events HTTP/1.0
--- timeout: 1
--- abort
--- response_headers
Content-Type: text/event-stream
Cache-Control: no-cache
X-Accel-Buffering: no
--- raw_response_headers_unlike: Content-Length
--- response_body_like: ^(?:(?::|retry:)[^\n]*\n+)*event: status\nid: \d+\ndata: \{"site": ?"clinic",[^\n]*\}\n\n$



=== TEST 2: the endpoint alone, at a place of one's choice
--- request
GET /alone HTTP/1.0
--- timeout: 1
--- abort
--- response_body_like: (?m)^event: status$



=== TEST 3: other methods are refused
--- request eval
["POST /api/events\n{}", "PUT /api/events\n{}", "DELETE /api/events"]
--- error_code eval
[405, 405, 405]
--- response_headers_like eval
[("Allow: GET.*") x 3]
--- response_body_like eval
[("^\\{\"error\": ?\\{\"variant\"") x 3]
--- no_error_log
[crit]
[alert]



=== TEST 4: access is nginx's affair
--- config
    location /api/ { msync clinic; deny all; }
--- init: 1
--- request
GET /api/events
--- error_code: 403
--- no_error_log
[alert]
