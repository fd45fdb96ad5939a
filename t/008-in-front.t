# What stands in front of the endpoints: access control of nginx, pages of
# other sites, internal redirects and subrequests.

use strict;
use warnings;

use Msync::Test qw(
    set_defaults site_config site_path start_nginx worker_count
);
use Msync::Fake;
use Test::Nginx::Socket 'no_plan';

use Test::More ();

Msync::Fake->start_with(status => { state => 'idle' });

master_on();
workers(worker_count(2));

add_block_preprocessor(sub {
    set_defaults($_[0],
        http_config => site_config('clinic'),
        config => 'location /api/ { msync clinic; }',
        init => 'Msync::Test::wait_reported()',
        no_error_log => "[crit]\n[alert]\n[emerg]\n",
        no_shutdown_error_log => '[alert]',
    );
});

run_tests();
a_mirrored_body_is_whole();


# The body belongs to both requests, and the site's must not wipe it before
# the other has sent it on, nor the other way round.
sub a_mirrored_body_is_whole {
    my $port = Msync::Test::free_port();

    my $nginx = start_nginx(
        workers => 2,
        http    => site_config('clinic') . site_config('second') . <<"END",
    server {
        listen 127.0.0.1:$port;
        location / { msync second; }
    }
END
        server  => <<"END_OF_CONFIG",
    location /api/ { msync clinic; mirror /copy; }
    location = /copy {
        internal;
        proxy_pass http://127.0.0.1:$port/settings;
    }
    location = /both {
        mirror /api/trigger;
        proxy_pass http://127.0.0.1:$port/trigger;
    }
    location = /other {
        mirror /api/settings;
        proxy_pass http://127.0.0.1:$port/settings;
    }
END_OF_CONFIG
    );

    # the helper of the blocks may be there until this one reports
    $nginx->wait_status(sub { $_->{state} ne 'stopped' });

    my @fakes = map { Msync::Fake->connect(site_path("$_.sqlite")) }
        qw(clinic second);

    my $body = Msync::Test::encode_json({ url => 'm' x 40_000 });
    $_->answer(status => 200, body => { ok => 1 }) for @fakes;

    for my $path (qw(/api/settings /other)) {
        my @before = map { scalar @{[$_->received]} } @fakes;
        my $answer = $nginx->request(PUT => $path, content => $body);

        Test::More::is($answer->{status}, 200, "$path with a mirror");

        for my $i (0, 1) {
            my $request = ($fakes[$i]->received($before[$i] + 1))[-1];
            Test::More::ok($request->{body} eq $body,
                           ('the site', 'the other')[$i]
                           . ' has the whole body');
        }
    }

    my $before = $fakes[0]->received;
    Test::More::is($nginx->post('/both')->{status}, 202, 'a trigger');
    Test::More::is(($fakes[0]->received($before + 1))[-1]{command},
                   'trigger', 'whose mirror is one, too');

    Test::More::is(join('', $nginx->alarms), '', 'no alarm in the log');
}


__DATA__

=== TEST 1: Sec-Fetch-Site decides where a browser sends it
--- request eval
[("POST /api/trigger") x 6]
--- more_headers eval
["Sec-Fetch-Site: same-origin", "Sec-Fetch-Site: none",
 "Sec-Fetch-Site: same-site", "Sec-Fetch-Site: cross-site",
 "Sec-Fetch-Site: ", "Sec-Fetch-Site: same-origin, none"]
--- error_code eval
[202, 202, 403, 403, 403, 403]



=== TEST 2: whatever Origin says
--- request eval
["POST /api/trigger", "POST /api/trigger", "POST /api/trigger"]
--- more_headers eval
["Sec-Fetch-Site: same-origin\nOrigin: http://elsewhere.example",
 "Sec-Fetch-Site: cross-site\nOrigin: http://localhost",
 "Sec-Fetch-Site: same-origin\nSec-Fetch-Site: cross-site"]
--- error_code eval
[202, 403, 403]



=== TEST 3: without it, Origin has the host and port of Host
--- request eval
[("POST /api/trigger") x 14]
--- more_headers eval
["", map { "Origin: $_" }
 'http://localhost', 'http://LocalHost', 'http://localhost:80',
 'https://localhost', 'https://localhost:443',
 'http://localhost:8080', 'http://localhost.evil.example',
 'http://evil.example', 'null', 'localhost', 'ftp://localhost', '',
 'http://localhost/']
--- error_code eval
[202, 202, 202, 202, 202, 202, (403) x 8]



=== TEST 4: a port is part of it
--- raw_request eval
"POST /api/trigger HTTP/1.1\r\nHost: msync.example:8080\r\n"
. "Origin: http://msync.example:8080\r\nConnection: close\r\n"
. "Content-Length: 0\r\n\r\n"
--- error_code: 202



=== TEST 5: another port is another origin
--- raw_request eval
"POST /api/trigger HTTP/1.1\r\nHost: msync.example:8080\r\n"
. "Origin: http://msync.example\r\nConnection: close\r\n"
. "Content-Length: 0\r\n\r\n"
--- error_code: 403



=== TEST 6: two origins are none
--- raw_request eval
"POST /api/trigger HTTP/1.1\r\nHost: localhost\r\n"
. "Origin: http://localhost\r\nOrigin: http://localhost\r\n"
. "Connection: close\r\nContent-Length: 0\r\n\r\n"
--- error_code: 403



=== TEST 7: an address of IPv6
--- raw_request eval
"POST /api/trigger HTTP/1.1\r\nHost: [::1]:8080\r\n"
. "Origin: http://[::1]:8080\r\nConnection: close\r\n"
. "Content-Length: 0\r\n\r\n"
--- error_code: 202



=== TEST 8: a proxy may take the dot behind a full name off one of them
--- request eval
[("POST /api/trigger") x 10]
--- more_headers eval
[map { "Host: $_->[0]\nOrigin: $_->[1]" }
 ['localhost.', 'http://localhost'], ['localhost', 'http://localhost.'],
 ['localhost.:8080', 'http://localhost:8080'],
 ['localhost:80', 'http://localhost.'], ['localhost.', 'https://localhost.:443'],
 ['localhost.', 'http://localhost.:8080'], ['localhost', 'http://localhost..'],
 ['localhost', 'http://.'], ['localhost:443', 'http://localhost'],
 ['localhost', 'http://localhost:']]
--- error_code eval
[202, 202, 202, 202, 202, 403, 403, 403, 403, 403]



=== TEST 9: no Host, as HTTP/1.0 allows
--- raw_request eval
["POST /api/trigger HTTP/1.0\r\nOrigin: http://localhost\r\n\r\n"]
--- error_code: 403



=== TEST 10: reading is not refused
--- request eval
["GET /api/status", "HEAD /api/status", "GET /api/metrics"]
--- more_headers
Origin: http://elsewhere.example
Sec-Fetch-Site: cross-site
--- error_code eval
[200, 200, 200]



=== TEST 11: deny
--- config
    location /api/ { msync clinic; deny all; }
--- init: 1
--- request eval
["GET /api/status", "GET /api/events", "POST /api/trigger",
 "PUT /api/settings\n{}", "GET /api/nothing"]
--- error_code eval
[(403) x 5]
--- error_log
access forbidden by rule



=== TEST 12: limit_except, for the rest
--- config
    location /api/ {
        msync clinic;
        limit_except GET { deny all; }
    }
--- request eval
["GET /api/status", "HEAD /api/status", "POST /api/trigger",
 "PUT /api/settings\n{}"]
--- error_code eval
[200, 200, 403, 403]



=== TEST 13: limit_except that lets some in
--- config
    location /api/ {
        msync clinic;
        limit_except GET { allow 127.0.0.1; deny all; }
    }
--- request eval
["GET /api/status", "POST /api/trigger", "PUT /api/settings\n[]",
 "POST /api/test\nx"]
--- error_code eval
[200, 202, 400, 400]



=== TEST 14: auth_basic
--- config
    location /api/ {
        msync clinic;
        auth_basic closed;
        auth_basic_user_file $TEST_NGINX_SERVER_ROOT/html/users;
    }
--- user_files
>>> users
admin:{PLAIN}secret
--- init: 1
--- request eval
["GET /api/metrics", "POST /api/trigger", "PUT /api/settings\n[]",
 "GET /api/metrics", "PUT /api/settings\n[]"]
--- more_headers eval
["", "", "Authorization: Basic bm86bm8=",
 ("Authorization: Basic YWRtaW46c2VjcmV0") x 2]
--- error_code eval
[401, 401, 401, 200, 400]



=== TEST 15: auth_request
--- config
    location /api/ { msync clinic; auth_request /may; }
    location = /may {
        internal;
        if ($http_x_user = admin) { return 204; }
        return 403;
    }
--- init: 1
--- request eval
["GET /api/metrics", "POST /api/trigger", "GET /api/metrics",
 "PUT /api/settings\n[]", "PUT /api/settings\n" . 'x' x 70_000]
--- more_headers eval
["", "", ("X-User: admin") x 3]
--- error_code eval
[403, 403, 200, 400, 413]



=== TEST 16: limit_req
--- http_config eval
Msync::Test::site_config('clinic')
. 'limit_req_zone $http_x_key zone=few:32k rate=1r/m;'
--- config
    location /api/ { msync clinic; limit_req zone=few; limit_req_status 429; }
--- request eval
["POST /api/trigger", "POST /api/trigger", "PUT /api/settings\n[]",
 "PUT /api/settings\n[]"]
--- more_headers eval
["X-Key: a", "X-Key: a", "X-Key: b", "X-Key: b"]
--- error_code eval
[202, 429, 400, 429]



=== TEST 17: satisfy any
--- config
    location /api/ {
        msync clinic;
        satisfy any;
        deny all;
        auth_request /may;
    }
    location = /may { internal; return 204; }
--- request
POST /api/trigger
--- error_code: 202



=== TEST 18: rewrite, of reading and writing
--- config
    location /api/ { msync clinic; }
    location /old/ { rewrite ^/old/(.*) /api/$1 last; }
--- request eval
["GET /old/status", "POST /old/trigger", "PUT /old/settings\nno",
 "GET /old/nothing", "DELETE /old/status"]
--- error_code eval
[200, 202, 400, 404, 405]



=== TEST 19: try_files
--- config
    location /api/ { msync clinic; }
    location /files/ { try_files $uri /api/status; }
--- request
GET /files/none
--- response_body_like: "site": ?"clinic"



=== TEST 20: error_page
--- config
    location /api/ { msync clinic; }
    location = /gone { error_page 404 = /api/status; return 404; }
    location = /kept { error_page 404 /api/status; return 404; }
--- request eval
["GET /gone", "GET /kept"]
--- error_code eval
[200, 404]
--- response_body_like eval
["clinic", "clinic"]



=== TEST 21: a named location
--- config
    location /here { try_files /no-such-file @site; }
    location @site { msync clinic; }
    location /api/ { msync clinic; }
--- request eval
["GET /here/status", "POST /here/trigger", "GET /here/nothing"]
--- error_code eval
[200, 202, 404]



=== TEST 22: X-Accel-Redirect
--- http_config eval
Msync::Test::site_config('clinic') . '
server {
    listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1;
    location / { add_header X-Accel-Redirect /api/status; return 200; }
}'
--- config
    location /api/ { msync clinic; }
    location /app { proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1; }
--- request
GET /app
--- response_body_like: "site": ?"clinic"



=== TEST 23: behind proxy_pass
--- http_config eval
Msync::Test::site_config('clinic') . '
server {
    listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1;
    location /sync/api/ { msync clinic; }
}'
--- config
    location /api/ {
        proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/sync/api/;
        proxy_set_header Host $http_host;
    }
--- request eval
["GET /api/status", "POST /api/trigger", "POST /api/trigger"]
--- more_headers eval
["", "Origin: http://localhost", "Origin: http://elsewhere"]
--- error_code eval
[200, 202, 403]



=== TEST 24: inside a page, by SSI
--- config
    location /api/ { msync clinic; }
    location = /page.html { ssi on; ssi_types *; }
--- user_files
>>> page.html
<!--#include virtual="/api/status" -->,
<!--#include virtual="/api/nothing" -->,
<!--#include virtual="/api/events" -->,
<!--#include virtual="/api/status?since=0&wait=1" -->.
--- request
GET /page.html
--- response_body_like: ^\{"site":"clinic",.*\},\n\{"error":.*NOT_FOUND.*\},\n\{"error":.*subrequest.*\},\n\{"site":"clinic",.*\}\.\n$



=== TEST 25: a subrequest can wait for a change
--- config
    location /api/ { msync clinic; }
    location = /page.html { ssi on; ssi_types *; }
--- user_files
>>> page.html
<<!--#include virtual="/api/status?since=$arg_g&wait=1" -->>
--- init
Msync::Test::wait_reported();
my $g = Msync::Test::http(GET => 'http://127.0.0.1:'
    . "$ENV{TEST_NGINX_SERVER_PORT}/api/status")->{json}{generation};
$ENV{TEST_NGINX_GENERATION} = $g;
--- request eval
"GET /page.html?g=" . ($ENV{TEST_NGINX_GENERATION} // 0)
--- response_body_like: ^<\{"site":"clinic",.*\}>$



=== TEST 26: before and after another answer
--- config
    location /api/ { msync clinic; }
    location = /page.html {
        add_before_body /api/status;
        add_after_body /api/status;
        addition_types *;
    }
--- user_files
>>> page.html
middle
--- request
GET /page.html
--- response_body_like: ^\{"site":.*\}middle\n\{"site":.*\}$



=== TEST 27: a status can decide over others
--- config
    location /api/ { msync clinic; }
    location = /page.html { auth_request /api/status; }
    location = /other.html { auth_request /api/nothing; }
--- user_files
>>> page.html
page
>>> other.html
other
--- request eval
["GET /page.html", "GET /other.html"]
--- error_code eval
[200, 500]



=== TEST 28: conditions
--- config
    location /api/ {
        if ($arg_site = other) { return 404; }
        if ($request_method = POST) { set $writes 1; }
        msync clinic;
    }
--- request eval
["GET /api/status", "POST /api/trigger", "GET /api/status?site=other",
 "POST /api/test\nx"]
--- error_code eval
[200, 202, 404, 400]



=== TEST 29: headers that nginx adds
--- config
    location /api/ {
        msync clinic;
        add_header X-Site clinic;
        add_header X-Always yes always;
        expires 1h;
    }
--- request eval
["GET /api/status", "GET /api/nothing"]
--- error_code eval
[200, 404]
--- response_headers eval
["X-Site: clinic\nX-Always: yes\nCache-Control: max-age=3600",
 "X-Always: yes"]



=== TEST 30: a location of a regular expression
--- config
    location ~ ^/v\d+/ { msync clinic; }
    location /api/ { msync clinic; }
--- request eval
["GET /v1/status", "POST /v22/trigger", "GET /v1/nothing",
 "GET /v1/errors/dismiss", "GET /v1/dismiss"]
--- error_code eval
[200, 202, 404, 405, 404]
