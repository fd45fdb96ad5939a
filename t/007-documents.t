# History, errors and metrics are read; cancel, pause, resume and retry are
# passed on.

use strict;
use warnings;

use Msync::Test qw(
    set_defaults site_config site_path start_nginx wait_until worker_count
);
use Msync::Fake;
use Test::Nginx::Socket 'no_plan';

use Test::More ();

my %STATUS = (
    state => 'idle', queue => 4, errors => 2, interval => 60,
    last_success => 1_700_000_000, last_duration_ms => 1500,
    runs => 3, runs_failed => 1, records_pushed => 10, records_pulled => 20,
    records_integrated => 19, requests => 30, bytes_sent => 400,
    bytes_received => 500,
);

Msync::Fake->start_with(status => \%STATUS);

master_on();
workers(worker_count(2));

add_block_preprocessor(sub {
    set_defaults($_[0],
        http_config => site_config('clinic'),
        config => <<'END_OF_CONFIG',
    location /api/ { msync clinic; }
    location = /metrics { msync_metrics; }
END_OF_CONFIG
        init => 'main::helper()',
        no_error_log => "[error]\n[crit]\n[alert]\n[emerg]\n",
        no_shutdown_error_log => '[alert]',
    );
});

run_tests();

with_nginx(\&documents_change);
with_nginx(\&a_document_that_does_not_fit, zone => '128k');
with_nginx(\&the_longest_documents_have_room);
with_nginx(\&commands_reach_the_helper);
with_nginx(\&counters_go_on_with_the_next_helper);
every_site_has_its_metrics();


sub helper {
    Msync::Test::wait_reported();

    my $fake = Msync::Fake->connect(site_path('clinic.sqlite'));
    $fake->document(history => { runs => [{ id => 'r2' }, { id => 'r1' }] });
    $fake->document(errors => { total => 1, errors => [{
        tableName => 'item', recordId => 'i1', action => 'upsert',
        error => "no \x{5e}", since => '2026-11-23T10:00:00Z', tries => 3,
    }] });

    wait_until(sub {
        Msync::Test::http(GET => 'http://127.0.0.1:'
            . "$ENV{TEST_NGINX_SERVER_PORT}/api/errors")->{status} == 200;
    });
}


sub with_nginx {
    my ($tests, %parameters) = @_;

    my $nginx = start_nginx(
        workers => 2,
        http    => site_config('clinic', %parameters),
        server  => 'location /api/ { msync clinic; }',
    );

    $nginx->wait_status(sub { $_->{state} ne 'stopped' });
    $tests->($nginx, Msync::Fake->connect(site_path('clinic.sqlite')));

    Test::More::ok($nginx->stop, 'nginx quits');
    Test::More::is(join('', $nginx->alarms), '', 'no alarm in the log');
}


sub documents_change {
    my ($nginx, $fake) = @_;

    for my $name (qw(history errors dismissed settings)) {
        my $path = $name eq 'dismissed' ? 'errors?dismissed=1' : $name;
        my $get = sub {
            my ($etag) = @_;

            return $nginx->get("/api/$path", headers => {
                defined $etag ? ('If-None-Match' => $etag) : (),
            });
        };

        $fake->document($name => { a => 1 });
        wait_until(sub { $get->()->{status} == 200 });

        my $etag = $get->()->{headers}{etag};
        my $same = $get->($etag);
        Test::More::is($same->{status}, 304, "$name: the same is not sent");
        Test::More::is($same->{content} // '', '', 'and 304 has no body');

        $fake->document($name => { a => 1 });
        $fake->document($name => { a => 2 });
        my $changed = wait_until(sub {
            my $answer = $get->($etag);
            return $answer->{status} == 200 ? $answer : undef;
        });
        Test::More::is($changed->{json}{a}, 2, 'a changed one is sent');
        Test::More::isnt($changed->{headers}{etag}, $etag,
                         'with another ETag');
    }
}


sub a_document_that_does_not_fit {
    my ($nginx, $fake) = @_;

    $fake->document(history => { runs => ['h' x 60_000] });
    $fake->document(errors => { errors => ['e' x 60_000] });

    Test::More::ok($nginx->logged(
        qr/\[error\].*no\ room\ for\ \d+\ bytes\ of\ the\ \w+\ document,
           \ increase\ "zone"\ of\ msync_site\ "clinic"/x
    ), 'it is said which parameter helps');

    $fake->status(state => 'error', queue => 77);
    Test::More::ok($nginx->wait_status(sub { $_->{state} eq 'error' }),
                   'the status is still told');

    my $answer = $nginx->request(PUT => '/api/settings',
                                 content => '{"a":"' . 'x' x 60_000 . '"}');
    Test::More::is("$answer->{status} $answer->{json}{error}{variant}",
                   '503 ZONE_FULL', 'no room for settings is said as well');
    Test::More::like($answer->{json}{error}{fullError},
                     qr/increase the parameter zone/, 'with what to do');
}


# Lists as long as the helper makes them, in the default zone, after they had
# other lengths, beside settings that are being checked.
sub the_longest_documents_have_room {
    my ($nginx, $fake) = @_;

    my $n = 0;
    my $grows = sub {
        my ($name, $kilobytes) = @_;
        my $text = ++$n . '-' . 'x' x ($kilobytes * 1024 - 32);

        $fake->document($name => { text => $text });
        Test::More::ok(wait_until(sub {
            ($nginx->get($name eq 'dismissed' ? '/api/errors?dismissed=1'
                         : "/api/$name")->{json}{text} // '') eq $text;
        }), "$name of $kilobytes KB");
    };

    $grows->(@$_) for [history => 3], [errors => 3], [history => 28],
        [errors => 28], [dismissed => 3], [history => 27], [dismissed => 28];

    my $body = '{"a":"' . 'x' x 65_000 . '"}';
    my $waiting = $nginx->open_request("PUT /api/settings HTTP/1.0\r\n"
        . "Content-Length: @{[length $body]}\r\n\r\n$body");
    Test::More::is(scalar(my @asked = $fake->received(1)), 1,
                   '64 KB of settings');

    $grows->(@$_) for [history => 44], [errors => 32], [dismissed => 32];
    $waiting->close;
}


sub commands_reach_the_helper {
    my ($nginx, $fake) = @_;

    for my $command (qw(cancel pause resume retry)) {
        my $before = $fake->received;

        Test::More::is($nginx->post("/api/$command")->{status}, 202, $command);
        Test::More::is(($fake->received($before + 1))[-1]{command}, $command,
                       'is what the helper is told');
    }

    # Of a pause and a resume the later one counts, also for the next helper.
    $nginx->post("/api/$_") for qw(pause resume);
    $fake->exit(1);
    $fake = Msync::Fake->connect(site_path('clinic.sqlite'));

    my @told;
    Test::More::ok(wait_until(sub {
        @told = grep { /pause|resume/ } map { $_->{command} } $fake->received;
        return @told == 2;
    }), 'the next helper is told of both');
    Test::More::is("@told", 'pause resume', '… in the order of asking');
}


sub metric {
    my ($nginx, $name) = @_;

    my ($value) = $nginx->get('/api/metrics')->{content}
        =~ /^\Q$name\E\{site="clinic"\} (\S+)$/m;

    return $value;
}


sub counters_go_on_with_the_next_helper {
    my ($nginx, $fake) = @_;

    my %served = (helper_starts => 1, runs => 3, records_pushed => 10);

    for my $name (sort keys %served) {
        Test::More::is(metric($nginx, "msync_${name}_total"), $served{$name},
                       "$name: $served{$name}");
    }

    $fake->status(state => 'idle', runs => 3, records_pushed => 10,
                  dismissed => 2, never_sent => 7, wal_bytes => 4096,
                  wal_pending => 1024, disk_free => 0, disk_size => 1 << 33,
                  locked_since => 1_700_000_000);
    Test::More::ok(wait_until(sub {
        metric($nginx, 'msync_never_sent_records') == 7;
    }), 'rows that were never sent are told');
    Test::More::is(metric($nginx, 'msync_dismissed_records'), 2,
                   'and dismissed ones');
    Test::More::is(metric($nginx, 'msync_database_wal_bytes'), 4096,
                   'and the size of the log');
    Test::More::is(metric($nginx, 'msync_database_wal_pending_bytes'), 1024,
                   'and what of it is not in the database');
    Test::More::is(metric($nginx, 'msync_disk_free_bytes'), 0,
                   'and a disk that is full');
    Test::More::is(metric($nginx, 'msync_disk_size_bytes'), 1 << 33,
                   'and its size');
    Test::More::is(metric($nginx, 'msync_database_locked_timestamp_seconds'),
                   1_700_000_000, 'and since when it is locked');

    $fake->status(state => 'idle', runs => 3, records_pushed => 10);
    Test::More::ok(wait_until(sub {
        !defined metric($nginx, 'msync_database_locked_timestamp_seconds');
    }), 'which is not told of one that is not');
    Test::More::is(metric($nginx, 'msync_disk_free_bytes'), undef,
                   'nor free disk that nobody knows');

    $fake->exit(1);
    Test::More::ok(wait_until(sub { metric($nginx, 'msync_runs_total') == 6 }),
                   'the runs of the next helper are added');
    Test::More::is(metric($nginx, 'msync_helper_starts_total'), 2,
                   'and its start');
    Test::More::is(metric($nginx, 'msync_helper_up'), 1, 'it is up');

    $nginx->reload;
    Test::More::ok(wait_until(sub { metric($nginx, 'msync_runs_total') == 9 }),
                   'a reload does not set them back');
}


sub every_site_has_its_metrics {
    my @names = map { "site$_" } 1 .. 5;

    my $nginx = start_nginx(
        workers => 2,
        http    => join('', map { site_config($_) } @names),
        server  => 'location /api/ { msync site3; }'
            . 'location = /metrics { msync_metrics; }',
    );

    Test::More::ok(wait_until(sub {
        5 == (() = $nginx->get('/metrics')->{content}
              =~ /^msync_helper_up\{site="site\d"\} 1$/mg);
    }), 'msync_metrics has every site');

    my $all = $nginx->get('/metrics')->{content};
    my @families = $all =~ /^# TYPE (\S+) /mg;
    my %once = map { $_ => 1 } @families;
    Test::More::is(scalar(@families), scalar(keys %once),
                   'each family once');

    my $one = $nginx->get('/api/metrics')->{content};
    Test::More::unlike($one, qr/site="site[^3]"/,
                       'below "msync" there is that site');
    Test::More::like($one, qr/site="site3"/, 'alone');
}


__DATA__

=== TEST 1: the history is what the helper told
--- request
GET /api/history
--- response_headers
Content-Type: application/json; charset=utf-8
Cache-Control: no-cache
--- response_headers_like
ETag: ".+"
--- response_body chomp
{"runs":[{"id":"r2"},{"id":"r1"}]}



=== TEST 2: and so are the errors
--- request
GET /api/errors
--- response_headers
Content-Type: application/json; charset=utf-8
Cache-Control: no-cache
--- response_headers_like
ETag: ".+"
--- response_body chomp
{"errors":[{"action":"upsert","error":"no ^","recordId":"i1","since":"2026-11-23T10:00:00Z","tableName":"item","tries":3}],"total":1}



=== TEST 3: HEAD has the headers alone
--- request eval
["HEAD /api/history", "HEAD /api/errors", "HEAD /api/metrics",
 "HEAD /metrics"]
--- response_headers_like eval
["Content-Length: 34\nETag: .+", "Content-Length: [1-9]\\d*\nETag: .+",
 "Content-Length: [1-9]\\d*", "Content-Length: [1-9]\\d*"]
--- response_body eval
["", "", "", ""]



=== TEST 4: other methods
--- request eval
["POST /api/history\n{}", "POST /api/errors\n{}", "PUT /api/metrics\n{}",
 "POST /metrics\n{}", "GET /api/cancel", "GET /api/pause", "PUT /api/resume",
 "HEAD /api/retry"]
--- error_code eval
[(405) x 8]
--- response_headers eval
[("Allow: GET, HEAD") x 4, ("Allow: POST") x 4]



=== TEST 5: commands are taken
--- request eval
[map { "POST /api/$_" } qw(cancel pause resume retry)]
--- error_code eval
[(202) x 4]
--- response_headers eval
[("Content-Type: application/json; charset=utf-8\nCache-Control: no-cache")
 x 4]
--- response_body_like eval
[('^\{"accepted": ?true\}$') x 4]



=== TEST 6: but not from a page elsewhere
--- request eval
[map { "POST /api/$_" } qw(cancel pause resume retry)]
--- more_headers
Origin: http://elsewhere.example
--- error_code eval
[(403) x 4]
--- response_body_like eval
[('^\{"error":\{"variant":"FORBIDDEN"') x 4]



=== TEST 7: bodies of commands beyond 64k are refused
--- request eval
[map { "POST /api/$_\n" . 'x' x 70_000 } qw(cancel pause resume retry)]
--- error_code eval
[(413) x 4]



=== TEST 8: metrics are OpenMetrics
--- request
GET /metrics
--- response_headers
Content-Type: application/openmetrics-text; version=1.0.0; charset=utf-8
Cache-Control: no-cache
--- response_body_like: \A(?:# TYPE (msync_\w+) (?:gauge|counter|stateset)\n(?:# UNIT \1 \w+\n)?# HELP \1 [^\n]+\n(?:\1(?:_total)?\{site="clinic"(?:,\w+="\w*")?\} [\d.]+\n)*)+# EOF\n\z



=== TEST 9: with what the helper reported
--- request eval
[("GET /metrics") x 9]
--- response_body_like eval
[map { qr/^$_$/m } (
 'msync_queue_records\{site="clinic"\} 4',
 'msync_integration_errors\{site="clinic"\} 2',
 'msync_last_success_timestamp_seconds\{site="clinic"\} 1700000000',
 'msync_last_duration_seconds\{site="clinic"\} 1.500',
 'msync_state\{site="clinic",msync_state="idle"\} 1',
 'msync_state\{site="clinic",msync_state="syncing"\} 0',
 'msync_protocol\{site="clinic",msync_protocol="v6"\} 1',
 'msync_protocol\{site="clinic",msync_protocol="v7"\} 0',
 'msync_interval_seconds\{site="clinic"\} 60')]



=== TEST 10: an error is a sample of its own
--- init
main::helper();
Msync::Fake->connect(Msync::Test::site_path('clinic.sqlite'))->status(
    state => 'error', error => 'TIMEOUT', last_success => 0);
Msync::Test::wait_reported(sub { $_->{state} eq 'error' });
--- request eval
["GET /metrics", "GET /metrics"]
--- response_body_like eval
[qr/^msync_error\{site="clinic",variant="TIMEOUT"\} 1$/m,
 qr/last_success_timestamp_seconds [^\n]*\n# HELP [^\n]*\n# TYPE/]



=== TEST 11: a run over which the clock was put back took no time
--- init
main::helper();
Msync::Fake->connect(Msync::Test::site_path('clinic.sqlite'))->status(
    queue => 5, last_success => 1_700_000_000, last_duration_ms => -2500);
Msync::Test::wait_reported(sub { $_->{numberOfRecordsInPushQueue} == 5 });
--- request
GET /metrics
--- response_body_like eval
qr/^msync_last_duration_seconds\{site="clinic"\} 0\.000$/m



=== TEST 12: "gzip_types" knows them
--- config
    gzip on;
    gzip_types application/openmetrics-text;
    gzip_min_length 1;
    location /api/ { msync clinic; }
--- request
GET /api/metrics
--- more_headers
Accept-Encoding: gzip
--- response_headers
Content-Type: application/openmetrics-text; version=1.0.0; charset=utf-8
Content-Encoding: gzip
