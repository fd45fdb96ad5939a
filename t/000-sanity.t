# The module is loaded, and what it says before any helper has spoken.

use Msync::Test qw(set_defaults site_config worker_count);
use Msync::Fake;
use Test::Nginx::Socket 'no_plan';

Msync::Fake->start_with(mute => 1);

master_on();
workers(worker_count(2));

add_block_preprocessor(sub {
    set_defaults($_[0],
        http_config => site_config('clinic'),
        config => <<'END_OF_CONFIG',
    location /api/ { msync clinic; }
    location = /variables {
        return 200 "$msync_state_clinic|$msync_queue_clinic|$msync_age_clinic|$msync_error_clinic\n";
    }
END_OF_CONFIG
        no_error_log => "[warn]\n[error]\n[crit]\n[alert]\n[emerg]\n",
    );
});

run_tests();

SKIP: {
    my ($module) = split ' ', $ENV{TEST_NGINX_LOAD_MODULES};

    skip 'the module is part of nginx', 1 if !$module;

    # What nginx links to itself is in its own process already.
    my @libraries = map { /^\s*(\S+)/ ? $1 : () } qx(ldd $module);
    my @foreign = grep { !/^(?:linux-vdso|libc|ld-linux|\/lib)/ } @libraries;
    is("@foreign", '', 'the module links to nothing but libc');
}

__DATA__

=== TEST 1: nginx starts without a site
--- http_config
--- config
    location = /a { return 200 a; }
--- request
GET /a
--- response_body chomp
a



=== TEST 2: before a helper has reported the state is stopped
--- request
GET /api/status
--- response_headers
Content-Type: application/json; charset=utf-8
--- response_body_like: ^\{"site": ?"clinic", ?"generation": ?[1-9]\d*, ?"state": ?"stopped",.*"syncStatus": ?null[^{]*\}\n?$
--- no_shutdown_error_log
[alert]



=== TEST 3: and nothing waits to be sent
--- request
GET /variables
--- response_body_like: ^stopped\|0?\|\|$



=== TEST 4: the location may stand in front of the site's block
--- http_config
    server {
        listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1;
        location /api/ { msync clinic; }
    }
    msync_site clinic {
        database $TEST_NGINX_SITE_DIR/clinic.sqlite;
        helper   $TEST_NGINX_FAKE_HELPER;
    }
--- config
    location /api/ { proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1; }
--- request
GET /api/status
--- response_body_like: "state": ?"stopped"



=== TEST 5: endpoints can stand alone, at places of one's choice
--- config
    location = /status  { msync_status clinic; }
    location = /trigger { msync_trigger clinic; }
    location = /events  { msync_events clinic; }
    location = /metrics { msync_metrics; }
--- request eval
["GET /status", "HEAD /status", "GET /metrics", "GET /trigger"]
--- error_code eval
[200, 200, 200, 405]
--- response_body_like eval
["\"site\": ?\"clinic\"", "^\$", "(?m)^msync_", ""]



=== TEST 6: an endpoint that does not exist
--- request eval
["GET /api/", "GET /api/nothing", "GET /api/status/more", "GET /api/Status"]
--- error_code eval
[404, 404, 404, 404]
--- no_error_log
[alert]
[crit]
