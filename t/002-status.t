# The status endpoint: what it serves, to whom, and when.  The helper is one
# that says what the test wants to see served.

use Msync::Test qw(
    set_defaults site_config site_path start_nginx wait_until worker_count
);
use Msync::Fake;
use Test::Nginx::Socket 'no_plan';

use Test::More ();

Msync::Fake->start_with(status => { state => 'idle', queue => 4 });

master_on();
workers(worker_count(2));

add_block_preprocessor(sub {
    set_defaults($_[0],
        http_config => site_config('clinic'),
        config => <<'END_OF_CONFIG',
    location /api/ { msync clinic; }
    location = /alone { msync_status clinic; }
    location = /variables {
        return 200 "$msync_state_clinic|$msync_queue_clinic|$msync_age_clinic|$msync_error_clinic\n";
    }
END_OF_CONFIG
        init => 'Msync::Test::wait_reported()',
        no_error_log => "[error]\n[crit]\n[alert]\n[emerg]\n",
        no_shutdown_error_log => '[alert]',
    );
});

run_tests();

with_nginx(\&conditional_requests);
with_nginx(\&long_polls);
long_polls_end_after_a_minute();
with_nginx(\&generations);
with_nginx(\&a_change_reaches_every_worker);
generations_outlive_a_restart();


sub nginx_with_site {
    my (%args) = @_;

    return start_nginx(
        workers => 3,
        http    => <<"END_OF_CONFIG",
    gzip on;
    gzip_types application/json;
    gzip_min_length 1;
    @{[site_config('clinic')]}
END_OF_CONFIG
        server  => 'location /api/ { msync clinic; }',
        %args,
    );
}


sub with_nginx {
    my ($tests) = @_;

    my $nginx = nginx_with_site();

    $nginx->wait_status(sub { $_->{state} ne 'stopped' });
    my $fake = Msync::Fake->connect(site_path('clinic.sqlite'));

    $tests->($nginx, $fake);

    Test::More::ok($nginx->stop, 'nginx quits, and the helper with it');
    Test::More::is(join('', $nginx->alarms), '', 'no alarm in the log');
}


# Publishes a status and waits until it is served; returns its document.
sub publish {
    my ($nginx, $fake, %status) = @_;

    my $before = $nginx->status->{generation};

    $fake->status(%status);
    return $nginx->wait_status(sub { $_->{generation} > $before });
}


sub conditional_requests {
    my ($nginx, $fake) = @_;

    my $get = sub {
        my ($etag, %headers) = @_;

        return $nginx->get('/api/status', headers => {
            defined $etag ? ('If-None-Match' => $etag) : (), %headers,
        });
    };

    my $first = $get->();
    my $etag = $first->{headers}{etag};

    Test::More::like($etag, qr{^(?:W/)?"[^"]+"$}, 'ETag has its form');

    my $same = $get->($etag);
    Test::More::is($same->{status}, 304, 'the same document is not sent');
    Test::More::is($same->{content} // '', '', 'and 304 has no body');
    Test::More::is($same->{headers}{etag}, $etag, 'but the ETag');
    Test::More::is($same->{headers}{'cache-control'}, 'no-cache',
                   'and Cache-Control');

    Test::More::is($get->($_)->{status}, 304, "of a list: $_")
        for qq{"other", $etag}, qq{"a","b",$etag , "c"}, qq{W/"a", W/$etag},
            "W/$etag";
    Test::More::is($get->($_)->{status}, 200, "not of a list: $_")
        for qq{"a", W/"b"}, $etag =~ s/"$/0"/r;
    Test::More::is($get->('*')->{status}, 304, 'any ETag');
    Test::More::is($get->('"other"')->{status}, 200, 'another ETag');
    Test::More::is($nginx->request(HEAD => '/api/status',
                       headers => { 'If-None-Match' => $etag })->{status},
                   304, 'HEAD of the same document');

    my $zipped = $get->(undef, 'Accept-Encoding' => 'gzip');
    Test::More::is($zipped->{headers}{'content-encoding'}, 'gzip',
                   'nginx compresses the document');
    Test::More::is($get->($zipped->{headers}{etag},
                       'Accept-Encoding' => 'gzip')->{status},
                   304, 'the ETag of a compressed one holds too');

    publish($nginx, $fake, queue => 5);

    my $changed = $get->($etag);
    Test::More::is($changed->{status}, 200, 'a changed document is sent');
    Test::More::isnt($changed->{headers}{etag}, $etag, 'with another ETag');
}


sub long_polls {
    my ($nginx, $fake) = @_;

    my $poll = sub { $nginx->get("/api/status?$_[0]", timeout => 30) };
    my $current = $nginx->status->{generation};

    for my $query ('since=0&wait=60', 'wait=60&since=' . ($current + 7),
                   'since=' . ($current - 1) . '&wait=60')
    {
        my $answer = $poll->($query);
        Test::More::is($answer->{json}{generation}, $current,
                       "another generation is answered at once: $query");
    }

    for my $query ("since=$current", "since=$current&wait=0",
                   "since=$current&wait=1")
    {
        my $answer = $poll->($query);
        Test::More::is($answer->{status}, 200, "200 without change: $query");
        Test::More::is($answer->{json}{generation}, $current,
                       'with the current document');
    }

    my $etag = $nginx->get('/api/status')->{headers}{etag};
    my $answer = $nginx->get("/api/status?since=$current&wait=1",
                             headers => { 'If-None-Match' => $etag });
    Test::More::is($answer->{status}, 200, 'a poll is never answered 304');

    # More of them than workers, so that each worker has one.
    my @streams = map {
        $nginx->open_stream("/api/status?since=$current&wait=60")
    } 1 .. 9;

    my $head = $nginx->open_stream("/api/status");
    $head->wait_for(qr/"generation": ?$current/);
    Test::More::is(scalar(grep { length $_->bytes } @streams), 0,
                   'a poll waits while nothing changes');

    $fake->status(queue => 77);

    my $answered = grep {
        $_->wait_for(qr{^HTTP/1\.1 200.*"numberOfRecordsInPushQueue": ?77}s)
    } @streams;
    Test::More::is($answered, 9, 'a change answers every poll');

    $current = $nginx->status->{generation};
    my $left = $nginx->open_stream("/api/status?since=$current&wait=60");
    $left->close;
    $fake->status(queue => 78);
    Test::More::ok($nginx->wait_status(
        sub { $_->{numberOfRecordsInPushQueue} == 78 }),
        'a client that has left does no harm');
}


# No test waits for it: the debug log says how long a poll may last.
sub long_polls_end_after_a_minute {
    my $nginx = nginx_with_site(log_level => 'debug');

    $nginx->wait_status(sub { $_->{state} ne 'stopped' });

    my $current = $nginx->status->{generation};
    my @long = (60, 61, 1000, '9' x 20, '0' x 30 . '99',
                '18446744073709551617');

    my @polls = map {
        $nginx->open_stream("/api/status?since=$current&wait=$_")
    } @long;

    for my $wait (0, '', '-1', '+5', '1.5', '5s', '0x10') {
        my $answer = $nginx->get("/api/status?since=$current&wait=$wait");
        Test::More::is($answer->{status}, 200, "answered at once: '$wait'");
    }

    Test::More::is(scalar(grep { length $_->bytes } @polls), 0,
                   'any other number is a time to wait');

    my (@waits, $is_debug);

    wait_until(sub {
        my ($lines) = $nginx->server->log_lines(0);
        $is_debug = grep { / \[debug\] .*msync / } @$lines;
        @waits = map { /msync status: wait (\d+) for another/ } @$lines;
        return !$is_debug || @waits == @long;
    });

    SKIP: {
        Test::More::skip('this module is built without --with-debug', 1)
            if !$is_debug;

        Test::More::is("@waits", join(' ', ('60000') x @long),
                       'of a minute at most');
    }
}


sub generations {
    my ($nginx, $fake) = @_;

    my $first = $nginx->status->{generation};

    Test::More::cmp_ok($first, '>=', time - 3600, 'starts from the time');

    for my $i (1 .. 5) {
        my $doc = publish($nginx, $fake, queue => 100 + $i);
        Test::More::is($doc->{generation}, $first + $i, 'grows by one');
        Test::More::is($doc->{numberOfRecordsInPushQueue}, 100 + $i,
                       'with the change that it counts');
    }

    # As large as a document may become.
    my $filler = 'x' x 40_000;
    my $doc = publish($nginx, $fake, filler => $filler);
    Test::More::is($doc->{syncStatus}{error}{fullError}, $filler,
                   'a long document is whole');
}


sub a_change_reaches_every_worker {
    my ($nginx, $fake) = @_;

    my $doc = publish($nginx, $fake, queue => 12);

    for my $i (1 .. 30) {
        my $seen = $nginx->status;
        next if $seen->{generation} == $doc->{generation}
            && $seen->{numberOfRecordsInPushQueue} == 12;

        Test::More::fail('a worker serves an older document');
        return;
    }

    Test::More::pass('no worker serves an older document');
}


sub generations_outlive_a_restart {
    my $nginx = nginx_with_site();
    $nginx->wait_status(sub { $_->{state} ne 'stopped' });

    my $fake = Msync::Fake->connect(site_path('clinic.sqlite'));
    publish($nginx, $fake, queue => $_) for 1 .. 20;
    my $last = $nginx->status->{generation};

    $nginx->stop;
    $nginx->start;

    Test::More::cmp_ok($nginx->status->{generation}, '>', $last,
                       'a restart does not set it back');
}


__DATA__

=== TEST 1: the document has the members of the interface
--- request
GET /api/status
--- response_headers
Content-Type: application/json; charset=utf-8
Cache-Control: no-cache
--- response_headers_like
ETag: .+
--- response_body_like: ^\{"site": ?"clinic", ?"generation": ?\d+, ?"state": ?"idle", ?"initialisationStatus": ?"INITIALISED", ?"numberOfRecordsInPushQueue": ?4, ?"integrationErrors": ?0, ?"intervalSeconds": ?300, ?"nextSync": ?null, ?"databaseLockedSince": ?null, ?"databaseLogBytes": ?null, ?"recordsNeverSent": ?0, ?"protocol": ?"v6", ?"syncStatus": ?\{.*\}\}\n?$



=== TEST 2: it is on one line, so that an event can carry it
--- request
GET /api/status
--- response_body_unlike: \n.



=== TEST 3: HEAD has the headers of GET and no body
--- request
HEAD /api/status
--- response_headers
Content-Type: application/json; charset=utf-8
Cache-Control: no-cache
--- raw_response_headers_like: (?s)(?=.*Content-Length: [1-9])(?=.*ETag: )
--- response_body:



=== TEST 4: the endpoint alone, at a place of one's choice
--- request
GET /alone
--- response_body_like: "site": ?"clinic"



=== TEST 5: unknown arguments are left alone
--- request
GET /api/status?_=1234567890
--- response_body_like: "site": ?"clinic"



=== TEST 6: other methods are refused, with those that are not
--- request eval
["POST /api/status\n{}", "PUT /api/status\n{}", "DELETE /api/status",
 "POST /alone\n{}", "OPTIONS /api/status"]
--- error_code eval
[405, 405, 405, 405, 405]
--- response_headers eval
["Allow: GET, HEAD\nContent-Type: application/json; charset=utf-8",
 "Allow: GET, HEAD", "Allow: GET, HEAD", "Allow: GET, HEAD",
 "Allow: GET, HEAD"]
--- response_body_like eval
[("^\\{\"error\": ?\\{\"variant\": ?\"[A-Z_]+\", ?\"fullError\": ?\"[^\"]+\"\\}\\}\n?\$") x 5]
--- no_error_log
[crit]
[alert]



=== TEST 7: a connection is kept over its answers
--- pipelined_requests eval
["GET /api/status", "POST /api/status\n{}", "GET /api/status"]
--- error_code eval
[200, 405, 200]
--- response_body_like eval
["clinic", "error", "clinic"]
--- no_error_log
[alert]



=== TEST 8: an internal redirect leads to it
--- config
    location /api/ { msync clinic; }
    location = /moved { rewrite ^ /api/status last; }
--- request
GET /moved
--- response_body_like: "site": ?"clinic"



=== TEST 9: a subrequest can be for it
--- config
    location /api/ { msync clinic; }
    location = /page.html {
        ssi on;
        ssi_types *;
        root $TEST_NGINX_SERVER_ROOT/html;
    }
--- user_files
>>> page.html
before <!--#include virtual="/api/status" --> after
--- request
GET /page.html
--- response_body_like: ^before \{"site": ?"clinic",.*\}\s* after



=== TEST 10: access is nginx's affair
--- config
    location /api/ { msync clinic; deny all; }
--- init: 1
--- request
GET /api/status
--- error_code: 403
--- no_error_log
[alert]



=== TEST 11: limit_except leaves reading and stops the rest
--- config
    location /api/ {
        msync clinic;
        limit_except GET { deny all; }
    }
--- request eval
["GET /api/status", "POST /api/trigger"]
--- error_code eval
[200, 403]
--- no_error_log
[alert]



=== TEST 12: variables tell state and queue
--- request
GET /variables
--- response_body
idle|4||



=== TEST 13: variables tell the error and the age of the last success
--- init
my $fake = Msync::Fake->connect(Msync::Test::site_path('clinic.sqlite'));
$fake->status(state => 'error', queue => 9, error => 'CONNECTION_ERROR',
              last_success => time - 3600);
Msync::Test::wait_reported(sub { $_->{state} eq 'error' });
--- request
GET /variables
--- response_body_like: ^error\|9\|36\d\d\|CONNECTION_ERROR$



=== TEST 14: the error stands in the document
--- init
my $fake = Msync::Fake->connect(Msync::Test::site_path('clinic.sqlite'));
$fake->status(state => 'error', error => 'CONNECTION_ERROR');
Msync::Test::wait_reported(sub { $_->{state} eq 'error' });
--- request
GET /api/status
--- response_body_like: "error": ?\{"fullError": ?"As the test said\.", ?"variant": ?"CONNECTION_ERROR"\}

