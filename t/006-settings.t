# The endpoints with a body: settings, test and initialise.  What the helper
# makes of it is its own suite's matter (021); here it says what the test
# wants answered.

use strict;
use warnings;

use Msync::Test qw(
    curl free_port is_running memory_has set_defaults site_config site_path
    start_nginx wait_until worker_count
);
use Msync::Fake;
use Msync::Life qw(KILLED);
use Test::Nginx::Socket 'no_plan';

use Test::More ();
use Time::HiRes qw(sleep);

my $SETTINGS = {
    url => 'https://central.example.org', username => 'Clinic 7',
    intervalSeconds => 300, passwordSet => JSON::PP::true,
    hardwareId => 'abc', siteId => 7, siteName => 'Clinic 7',
};

Msync::Fake->start_with(status => { state => 'idle' });

master_on();
workers(worker_count(2));

# Its minute runs while the others are tested.
my $forgotten = nginx_with_site('forgotten');
my $unanswered = put_and_wait($forgotten);

add_block_preprocessor(sub {
    set_defaults($_[0],
        http_config => site_config('clinic'),
        config => 'location /api/ { msync clinic; }',
        init => 'main::helper()',
        no_error_log => "[crit]\n[alert]\n[emerg]\n",
        no_shutdown_error_log => '[alert]',
    );
});

run_tests();

with_nginx(\&bodies_reach_the_helper_whole);
with_nginx(\&over_http2);
with_nginx(\&slots_are_few);
with_nginx(\&slots_of_a_dead_worker_are_free, KILLED);
with_nginx(\&answers_outlive_a_helper);
with_nginx(\&answers_outlive_a_reload);
with_nginx(\&a_zone_of_another_size_answers_at_once);
with_nginx(\&who_asks_first_is_answered_first);
with_nginx(\&clients_may_give_up);
{
    local $ENV{LD_BIND_NOW} = 1;
    with_nginx(\&nothing_is_left_in_a_worker);
}
before_a_helper_has_spoken();
a_minute_without_an_answer();


# For "init": a helper that answers so, to whatever it is asked.
sub helper {
    my (%answer) = @_;

    Msync::Test::wait_reported();

    my $fake = Msync::Fake->connect(site_path('clinic.sqlite'));
    $fake->document(settings => $SETTINGS);
    $fake->answer(status => 200, body => $SETTINGS, %answer);

    wait_until(sub {
        Msync::Test::http(GET => 'http://127.0.0.1:'
            . "$ENV{TEST_NGINX_SERVER_PORT}/api/settings")->{status} == 200;
    });
}


sub nginx_with_site {
    my ($name) = @_;

    return start_nginx(
        http   => site_config($name),
        server => "location /api/ { msync $name; }",
    );
}


sub with_nginx {
    my ($tests, $ignored) = @_;

    my $port = free_port();
    my $nginx = start_nginx(
        workers => 2,
        http    => 'client_body_buffer_size 1k;' . site_config('clinic'),
        server  => <<"END_OF_CONFIG",
    listen 127.0.0.1:$port http2;
    access_log @{[site_path('access.log')]} combined;
    location /api/ { msync clinic; }
    location /filed/ { msync clinic; client_body_in_file_only clean; }
END_OF_CONFIG
    );

    $nginx->{http2} = "http://127.0.0.1:$port";
    $nginx->wait_status(sub { $_->{state} ne 'stopped' });
    $tests->($nginx, Msync::Fake->connect(site_path('clinic.sqlite')));

    Test::More::ok($nginx->stop, 'nginx quits');
    Test::More::is(join('', $nginx->alarms($ignored)), '',
                   'no alarm in the log');
}


# A request whose answer is read later.
sub put_and_wait {
    my ($nginx, $body) = @_;

    $body //= '{"intervalSeconds": 60}';

    return $nginx->open_request("PUT /api/settings HTTP/1.0\r\n"
        . "Content-Length: @{[length $body]}\r\n\r\n$body");
}


sub bodies_reach_the_helper_whole {
    my ($nginx, $fake) = @_;

    my $filler = join '', map { chr(97 + $_ % 26) } 1 .. 65_000;
    my $body = Msync::Test::encode_json({ url => $filler });
    my $pieces = sub {
        my ($size) = @_;
        my @pieces = unpack "(a$size)*", $body;
        return sub { shift @pieces // '' };
    };

    $fake->answer(status => 200, body => { ok => 1 });

    my %send = (
        'at once'             => ['/api', $body],
        'in a file'           => ['/filed', $body],
        'in chunks'           => ['/api', $pieces->(3000)],
        'in tiny chunks'      => ['/api', $pieces->(7)],
        'in chunks in a file' => ['/filed', $pieces->(3000)],
    );

    for my $how (sort keys %send) {
        my ($location, $content) = @{ $send{$how} };
        my $before = $fake->received;
        my $answer = $nginx->request(PUT => "$location/settings",
                                     content => $content);

        Test::More::is($answer->{status}, 200, "a body of 64k, $how");

        my $request = ($fake->received($before + 1))[-1];
        Test::More::is($request->{request}, 'settings',
                       'the helper is asked for the settings');
        Test::More::ok($request->{body} eq $body, 'and has the whole body');
    }

    my $slow = $nginx->open_request("PUT /api/settings HTTP/1.0\r\n"
        . "Content-Length: @{[length $body]}\r\n\r\n");

    for my $piece (unpack '(a20000)*', $body) {
        $slow->send($piece);
        sleep 0.05;
    }

    Test::More::ok($slow->wait_for(qr{^HTTP/1\.1 200 .*"ok"}s),
                   'a body of 64k that comes slowly');
    Test::More::ok(($fake->received)[-1]{body} eq $body, 'is whole as well');

    for my $endpoint (qw(test initialise)) {
        $nginx->post("/api/$endpoint", content => '{"a": 1}');
        my $request = ($fake->received)[-1];
        Test::More::is("$request->{request} $request->{body}",
                       qq{$endpoint {"a": 1}}, "$endpoint says what it is");
    }
}


sub over_http2 {
    my ($nginx, $fake) = @_;

    my $file = site_path('body.json');
    my $body = Msync::Test::encode_json({ url => 'y' x 60_000 });
    open my $fh, '>', $file or die "$file: $!";
    print {$fh} $body;
    close $fh;

    $fake->answer(status => 422, body => { error => { variant => 'X' } });

    my @h2 = ('--http2-prior-knowledge', '-X', 'PUT');
    my $url = "$nginx->{http2}/api/settings";

    my $answer = curl(@h2, '--data-binary', "\@$file", $url);
    Test::More::is($answer->{version}, 2, 'HTTP/2');
    Test::More::is($answer->{status}, 422, 'the answer arrives');
    Test::More::is($answer->{json}{error}{variant}, 'X', 'with its body');
    Test::More::ok(($fake->received)[-1]{body} eq $body,
                   'as the body has done');

    # Without the header the length is known at the end only.
    $answer = curl(@h2, '-H', 'Content-Length:', $url,
                   '--data-binary', "\@$file");
    Test::More::is($answer->{status}, 422, 'a body of unknown length');

    $answer = curl(@h2, '--data-binary', '[1]', $url);
    Test::More::is($answer->{status}, 400, 'a body that is no object');

    open $fh, '>', $file or die "$file: $!";
    print {$fh} '{"url": "', 'y' x 2_000_000, '"}';
    close $fh;

    # nginx ends the stream after its answer, what this curl takes for an
    # error before it looks at the answer.
    for my $length ([], ['-H', 'Content-Length:']) {
        curl(@h2, @$length, '--data-binary', "\@$file", $url);
        curl(@h2, @$length, '-X', 'POST', '--data-binary', "\@$file",
             "$nginx->{http2}/api/cancel");
    }

    Test::More::ok(wait_until(sub {
        open my $log, '<', site_path('access.log') or return;
        4 == grep { m{"P\w+ /api/(?:settings|cancel) HTTP/2\.0" 413 8\d } }
            <$log>;
    }, 10), 'a body that is too long is refused, of whatever length');

    $answer = curl('--http2-prior-knowledge', "$nginx->{http2}/api/status");
    Test::More::is($answer->{json}{site}, 'clinic', 'a status over HTTP/2');

    $answer = curl('--http2-prior-knowledge', '-X', 'POST',
                   "$nginx->{http2}/api/trigger");
    Test::More::is($answer->{status}, 202, 'a trigger over HTTP/2');

    # The port and name of a page are those of :authority.
    for my $case ([202, $nginx->{http2}], [403, 'http://elsewhere']) {
        my ($status, $origin) = @$case;
        $answer = curl('--http2-prior-knowledge', '-X', 'POST', '-H',
                       "Origin: $origin", "$nginx->{http2}/api/trigger");
        Test::More::is($answer->{status}, $status, "Origin: $origin");
    }
}


sub slots_are_few {
    my ($nginx, $fake) = @_;

    my @waiting = map { put_and_wait($nginx) } 1 .. 8;
    $fake->received(8);

    my $answer = $nginx->request(PUT => '/api/settings', content => '{}');
    Test::More::is($answer->{status}, 503, 'a ninth request is not taken');
    Test::More::like($answer->{headers}{'retry-after'}, qr/^[1-9]\d*$/,
                     'and told when to come again');
    Test::More::like($answer->{json}{error}{variant}, qr/^[A-Z_]+$/,
                     'in JSON');

    $_->close for @waiting;
    $fake->answer(status => 200, body => { ok => 1 });

    Test::More::ok(wait_until(sub {
        $nginx->request(PUT => '/api/settings', content => '{}')->{status}
            == 200;
    }), 'those that give up make room');
}


sub slots_of_a_dead_worker_are_free {
    my ($nginx, $fake) = @_;

    # over HTTP/2 it is the stream that ends
    my @given_up = map {
        fork() // die "fork: $!\n" or exec 'curl', '-s', '--max-time', '1',
            '-o', '/dev/null', '--http2-prior-knowledge', '-X', 'PUT', '-d',
            '{}', "$nginx->{http2}/api/settings";
    } 1 .. 8;
    waitpid $_, 0 for @given_up;

    my @waiting = map { put_and_wait($nginx) } 1 .. 8;
    $fake->received(16);
    kill KILL => $nginx->workers;
    wait_until(sub { !is_running($fake->pid) });
    $fake = Msync::Fake->connect(site_path('clinic.sqlite'));
    $fake->answer(status => 200, body => { ok => 1 });

    Test::More::is($nginx->request(PUT => '/api/settings', content => '{}')
                       ->{status}, 200, 'nobody waits for these any more');
    $_->close for @waiting;
}


sub answers_outlive_a_helper {
    my ($nginx, $fake) = @_;

    my $waiting = put_and_wait($nginx, '{"a":1}');
    $fake->received(1);
    $fake->exit(1);

    $fake = Msync::Fake->connect(site_path('clinic.sqlite'));
    my ($request) = $fake->received(1);
    Test::More::is($request->{body}, '{"a":1}', 'the next helper is asked');

    $fake->reply($request->{id}, 200, { second => 1 });
    Test::More::ok($waiting->wait_for(qr{^HTTP/1\.1 200 .*"second"}s),
                   'and its answer arrives');
}


sub answers_outlive_a_reload {
    my ($nginx, $fake) = @_;

    my $waiting = put_and_wait($nginx, '{"a":1}');
    $fake->received(1);
    $nginx->signal('HUP');

    wait_until(sub { !is_running($fake->pid) });
    $fake = Msync::Fake->connect(site_path('clinic.sqlite'));

    my ($request) = $fake->received(1);
    $fake->reply($request->{id}, 200, { second => 1 });
    Test::More::ok($waiting->wait_for(qr{^HTTP/1\.1 200 .*"second"}s),
                   'a request in a worker from before is answered');
}


sub a_zone_of_another_size_answers_at_once {
    my ($nginx, $fake) = @_;

    my $waiting = put_and_wait($nginx);
    $fake->received(1);

    $nginx->set(http => site_config('clinic', zone => '1m'));
    $nginx->reload;

    Test::More::ok($waiting->wait_for(qr{^HTTP/1\.1 503 .*Retry-After}s),
                   'a request that cannot be answered any more says so');
}


sub who_asks_first_is_answered_first {
    my ($nginx, $fake) = @_;

    $fake->answer(status => 200, body => { ok => 1 });

    my $careful = $nginx->open_request("PUT /api/settings HTTP/1.1\r\n"
        . "Host: localhost\r\nExpect: 100-continue\r\n"
        . "Content-Length: 2\r\n\r\n");
    Test::More::ok($careful->wait_for(qr{^HTTP/1\.1 100 }),
                   'a body that is asked for first is wanted');
    $careful->send('{}');
    Test::More::ok($careful->wait_for(qr{^HTTP/1\.1 200 .*"ok":1}ms),
                   'and is answered when it has come');
    $careful->close;
}


sub clients_may_give_up {
    my ($nginx, $fake) = @_;

    for my $body ('', '{"a"', '{"a":1}') {
        my $gone = $nginx->open_request("PUT /api/settings HTTP/1.0\r\n"
            . "Content-Length: 7\r\n\r\n$body");
        sleep 0.05;
        $gone->close;
    }

    $fake->answer(status => 200, body => { ok => 1 });
    Test::More::is($nginx->request(PUT => '/api/settings',
                                   content => '{}')->{status}, 200,
                   'clients that give up do no harm');
}


# An nginx that is linked lazily would keep a piece of it on the stack, once,
# where the linker saves the registers of a copy; Debian's is not.
sub nothing_is_left_in_a_worker {
    my ($nginx, $fake) = @_;

    SKIP: {
        Test::More::skip('only root reads the memory of others', 1) if $>;

        $fake->answer(status => 200, body => { ok => 1 });

        # Put together at run time, so that this file's text is not found; at
        # both ends, for whatever takes the memory next may overwrite one.
        my $secret = join '', map { chr(97 + rand 26) } 1 .. 24;
        my $body = qq({"password": "$secret", "url": "@{['z' x 3000]}", )
            . qq("username": "$secret"});
        my $url = $nginx->url . '/api/settings';
        my @put = ('-X', 'PUT', '--data-binary', $body);

        for my $case (
            ['one packet', @put, $url],
            ['chunks', @put, '-H', 'Transfer-Encoding: chunked', $url],
            ['HTTP/2', @put, '--http2-prior-knowledge',
             "$nginx->{http2}/api/settings"],
            ['a refused one', '-X', 'PUT', '--data-binary',
             "[\"$secret\"]", $url],
        ) {
            my ($what, @args) = @$case;

            Test::More::like(curl(@args)->{status}, qr/^[24]00$/, $what);

            # In the zone, which all have, too.
            my @having;
            wait_until(sub {
                @having = grep { memory_has($_, $secret) }
                    $nginx->pid, $nginx->workers;
                return !@having;
            });
            Test::More::is("@having", '',
                           'the password is nowhere in nginx afterwards');
        }

        # Without TLS, nginx parses what comes with the preface where it was
        # read; the connection stays open.
        my $stream = http2_at_once($nginx, PUT => '/api/settings',
                                   qq({"password": "$secret"}));
        Test::More::ok($stream->wait_for(qr/"ok":1/),
                       'preface, headers and body in one packet');

        my @having;
        wait_until(sub {
            @having = grep { memory_has($_, $secret) }
                $nginx->pid, $nginx->workers;
            return !@having;
        });
        Test::More::is("@having", '',
                       'the password is nowhere in nginx afterwards');
        Test::More::ok(!$stream->ended, 'while the connection lives');
        $stream->close;
    }
}


# A request of HTTP/2 in one write, before the server has said anything.
sub http2_at_once {
    my ($nginx, $method, $path, $body) = @_;

    my $frame = sub {
        my ($type, $flags, $id, $payload) = @_;
        return substr(pack('N', length $payload), 1)
            . pack('C C N', $type, $flags, $id) . $payload;
    };
    my @headers = (':method' => $method, ':scheme' => 'http',
                   ':path' => $path, ':authority' => 'localhost');

    return $nginx->open_request(
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
        . $frame->(4, 0, 0, '')
        . $frame->(1, 4, 1, join '', map { "\0" . pack('C/a C/a', @$_) }
                   map { [splice @headers, 0, 2] } 1 .. @headers / 2)
        . $frame->(0, 1, 1, $body),
        $nginx->{http2} =~ /(\d+)$/);
}


sub before_a_helper_has_spoken {
    Msync::Fake->start_with(mute => 1);

    my $nginx = nginx_with_site('clinic');

    for my $document (qw(settings history errors)) {
        my $answer = $nginx->get("/api/$document");
        Test::More::is($answer->{status}, 503, "no $document without helper");
        Test::More::like($answer->{headers}{'retry-after'}, qr/^[1-9]\d*$/,
                         'and when to come again');
        Test::More::is($answer->{json}{error}{variant}, 'HELPER_STOPPED',
                       'and why');
    }
}


sub a_minute_without_an_answer {
    Test::More::ok(
        $unanswered->wait_for(qr{^HTTP/1\.1\s504\s.*"variant":"HELPER_STOPPED"
                                 .*Whether\sthis\swas\sdone}sx, 90),
        'no answer within a minute: 504, which does not say that nothing was '
        . 'done');
    Test::More::ok($forgotten->stop, 'nginx quits');
    Test::More::is(join('', $forgotten->alarms), '', 'no alarm in the log');
}


__DATA__

=== TEST 1: the settings are read
--- request
GET /api/settings
--- response_headers
Content-Type: application/json; charset=utf-8
Cache-Control: no-cache
--- response_headers_like
ETag: ".+"
--- response_body_like: ^\{"hardwareId":"abc","intervalSeconds":300,"passwordSet":true,"siteId":7,"siteName":"Clinic 7","url":"https://central\.example\.org","username":"Clinic 7"\}$



=== TEST 2: HEAD has the headers alone
--- request
HEAD /api/settings
--- response_headers_like
Content-Length: [1-9]\d*
ETag: ".+"
--- response_body:



=== TEST 3: what the helper answers is answered, saved settings
--- init: main::helper(status => 200, body => { url => 'http://x', username => 'y' })
--- request
PUT /api/settings
{"intervalSeconds": 60}
--- response_headers
Content-Type: application/json; charset=utf-8
Cache-Control: no-cache
--- response_body chomp
{"url":"http://x","username":"y"}



=== TEST 4: what was saved is no failed condition
--- init: main::helper(status => 200, body => { url => 'http://x', username => 'y' })
--- request
PUT /api/settings
{"intervalSeconds": 60}
--- more_headers
If-Match: "x"
--- response_body chomp
{"url":"http://x","username":"y"}



=== TEST 5: and wrong ones
--- init: main::helper(status => 400, body => { error => {}, fields => { url => 'is no url' } })
--- request
PUT /api/settings
{"url": ""}
--- error_code: 400
--- response_body chomp
{"error":{},"fields":{"url":"is no url"}}



=== TEST 6: and what central refuses
--- init: main::helper(status => 422, body => { error => { variant => 'INCORRECT_PASSWORD', fullError => 'No.' } })
--- request eval
["PUT /api/settings\n{}", "POST /api/test\n{}", "POST /api/initialise\n{}"]
--- error_code eval
[422, 422, 422]
--- response_body eval
[('{"error":{"fullError":"No.","variant":"INCORRECT_PASSWORD"}}') x 3]



=== TEST 7: a first sync that is started
--- init: main::helper(status => 202, body => { triggered => JSON::PP::true() })
--- request
POST /api/initialise
{"url": "http://x", "username": "y", "password": "z"}
--- error_code: 202
--- response_body chomp
{"triggered":true}



=== TEST 8: an answer of 60k
--- init: main::helper(body => { filler => 'x' x 60_000 })
--- request
PUT /api/settings
{}
--- response_body_like: ^\{"filler":"x{30000}x{30000}"\}$



=== TEST 9: a body that is no JSON object
--- request eval
["PUT /api/settings", map { "PUT /api/settings\n$_" }
 'url=http%3A%2F%2Fx', '[1]', '"x"', 'null', '1', " \t\r\n", "\0"]
--- error_code eval
[(400) x 8]
--- response_body eval
[('{"error":{"variant":"INVALID_REQUEST","fullError":"The body is not a JSON object."}}') x 8]



=== TEST 10: for test and initialise the same
--- request eval
["POST /api/test\nno", "POST /api/initialise\nno", "POST /api/test"]
--- error_code eval
[400, 400, 400]



=== TEST 11: white space may stand before it
--- request eval
"PUT /api/settings\n \r\n\t{\"intervalSeconds\": 1}"



=== TEST 12: a body beyond 64k
--- request eval
[map { ("PUT /api/settings\n" . '{"a":"' . 'x' x $_ . '"}',
        "POST /api/test\n" . '{"a":"' . 'x' x $_ . '"}') }
 65_536, 3_000_000]
--- error_code eval
[413, 413, 413, 413]
--- response_headers eval
[("Content-Type: application/json; charset=utf-8") x 4]
--- response_body eval
[('{"error":{"variant":"BODY_TOO_LARGE","fullError":"A body has at most 64 kilobytes."}}') x 4]



=== TEST 13: the same in chunks
--- request eval
[map { "POST /api/test\n" . ("1000\r\n" . 'x' x 4096 . "\r\n") x $_
       . "0\r\n\r\n" } 17, 500]
--- more_headers
Transfer-Encoding: chunked
--- error_code eval
[413, 413]
--- response_body_like eval
['^\{"error":\{"variant":"BODY_TOO_LARGE"', '^\{"error":\{"variant"']



=== TEST 14: a body of 64k exactly
--- request eval
"PUT /api/settings\n" . '{"a":"' . 'x' x (65_536 - 8) . '"}'



=== TEST 15: a stricter limit of nginx holds
--- config
    location /api/ { msync clinic; client_max_body_size 100; }
--- request eval
["PUT /api/settings\n" . '{"a":"' . 'x' x 100 . '"}',
 "PUT /api/settings\n{}"]
--- error_code eval
[413, 200]
--- no_error_log
[alert]



=== TEST 16: other methods, with those that are not refused
--- request eval
["POST /api/settings\n{}", "DELETE /api/settings", "GET /api/test",
 "PUT /api/test\n{}", "GET /api/initialise", "PUT /api/initialise\n{}"]
--- error_code eval
[(405) x 6]
--- response_headers eval
["Allow: GET, HEAD, PUT", "Allow: GET, HEAD, PUT", "Allow: POST",
 "Allow: POST", "Allow: POST", "Allow: POST"]
--- response_body eval
[(map { '{"error":{"variant":"METHOD_NOT_ALLOWED","fullError":'
        . "\"Methods of this endpoint: $_.\"}}" }
  ('GET, HEAD, PUT') x 2, ('POST') x 4)]



=== TEST 17: a page from elsewhere may not change them
--- request eval
["PUT /api/settings\n{}", "POST /api/test\n{}", "POST /api/initialise\n{}"]
--- more_headers
Sec-Fetch-Site: cross-site
--- error_code eval
[403, 403, 403]
--- response_body_like eval
[('^\{"error":\{"variant":"FORBIDDEN","fullError":"[^"]+"\}\}$') x 3]



=== TEST 18: but it may read them, as nginx's own access control says
--- request
GET /api/settings
--- more_headers
Sec-Fetch-Site: cross-site



=== TEST 19: a connection is kept over bodies
--- pipelined_requests eval
["PUT /api/settings\n{}", "PUT /api/settings\n[]", "POST /api/test\n{}",
 "GET /api/status"]
--- error_code eval
[200, 400, 200, 200]
--- response_body_like eval
["url", "error", "url", "clinic"]



=== TEST 20: an answer that leaves slowly
--- config
    location /api/ { msync clinic; limit_rate 200; }
--- request eval
["PUT /api/settings\n[1]", "POST /api/test\n" . 'x' x 70_000]
--- error_code eval
[400, 413]
--- response_body_like eval
[('\}\}$') x 2]
