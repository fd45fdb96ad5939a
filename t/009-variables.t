# $msync_state_NAME, $msync_queue_NAME, $msync_age_NAME and $msync_error_NAME
# wherever nginx takes a variable.

use strict;
use warnings;

use Msync::Test qw(
    set_defaults site_config site_path start_nginx wait_until worker_count
);
use Msync::Fake;
use Test::Nginx::Socket 'no_plan';

use Test::More ();

Msync::Fake->start_with(status => { state => 'idle', queue => 4 });

master_on();
workers(worker_count(2));

my %clinic = map { $_ => "\$msync_${_}_clinic" } qw(state queue age error);
my $all = join '|', @clinic{qw(state queue age error)};

add_block_preprocessor(sub {
    set_defaults($_[0],
        http_config => site_config('clinic'),
        config => qq{    location /api/ { msync clinic; }
    location = /v { return 200 "$all"; }\n},
        init => 'Msync::Test::wait_reported()',
        no_error_log => "[error]\n[crit]\n[alert]\n[emerg]\n",
        no_shutdown_error_log => '[alert]',
    );
});

run_tests();
they_follow_the_helper();


sub they_follow_the_helper {
    my $nginx = start_nginx(
        workers => 3,
        http    => site_config('clinic'),
        server  => "location /api/ { msync clinic; }"
            . qq{location = /v { return 200 "$all"; }},
    );

    $nginx->wait_status(sub { $_->{state} ne 'stopped' });

    my $fake = Msync::Fake->connect(site_path('clinic.sqlite'));
    my $queue = 0;

    # Each worker has to learn it; three requests reach one of them at least.
    for my $state (qw(pre_initialisation initialising idle syncing error
                      paused))
    {
        $fake->status(state => $state, queue => ++$queue,
                      error => $state eq 'error' ? 'TIMEOUT' : '');
        $nginx->wait_status(sub { $_->{state} eq $state });

        my $expected = "$state|$queue||"
            . ($state eq 'error' ? 'TIMEOUT' : '');
        my @seen = map { $nginx->get('/v')->{content} } 1 .. 3;

        Test::More::is("@seen", join(' ', ($expected) x 3), $state);
    }

    Msync::Fake->start_with(exit => 1);
    $fake->exit(1);

    Test::More::ok($nginx->wait_status(sub { $_->{state} eq 'stopped' }),
                   'a helper that has gone');
    Test::More::is($nginx->get('/v')->{content},
                   "stopped|$queue||HELPER_STOPPED", 'is known as well');
}


__DATA__

=== TEST 1: in a text
--- request
GET /v
--- response_body chomp
idle|4||



=== TEST 2: in a map
--- http_config eval
Msync::Test::site_config('clinic') . '
map $msync_state_clinic $calm { default no; idle yes; paused yes; }
map $msync_queue_clinic $load { default high; ~^\d$ low; }'
--- config
    location /api/ { msync clinic; }
    location = /v { return 200 "$calm $load"; }
--- request
GET /v
--- response_body chomp
yes low



=== TEST 3: in a condition
--- config
    location /api/ { msync clinic; }
    location = /v {
        if ($msync_state_clinic = idle) { return 200 quiet; }
        return 200 busy;
    }
    location = /e {
        if ($msync_error_clinic) { return 200 error; }
        return 200 fine;
    }
    location = /a {
        if ($msync_age_clinic) { return 200 $msync_age_clinic; }
        return 200 never;
    }
--- request eval
["GET /v", "GET /e", "GET /a"]
--- response_body eval
["quiet", "fine", "never"]



=== TEST 4: in a header of any answer
--- config
    add_header X-Queue $msync_queue_clinic always;
    add_header X-Error $msync_error_clinic;
    location /api/ { msync clinic; }
--- request eval
["GET /", "GET /no-such-file"]
--- error_code eval
[200, 404]
--- response_headers eval
["X-Queue: 4\n! X-Error", "X-Queue: 4"]
--- no_error_log
[alert]



=== TEST 5: in a log
--- http_config eval
Msync::Test::site_config('clinic') . '
log_format msync "site $msync_state_clinic $msync_queue_clinic "
                 "<$msync_age_clinic> <$msync_error_clinic>";'
--- config
    access_log logs/access.log msync;
    location /api/ { msync clinic; }
--- request
GET /
--- response_body_like: It works
--- access_log
site idle 4 <> <>



=== TEST 6: the age counts from the last success
--- init
Msync::Test::wait_reported();
Msync::Fake->connect(Msync::Test::site_path('clinic.sqlite'))->status(
    state => 'error', queue => 1_000_000_000_000, error => 'TLS_ERROR',
    last_success => time - 100);
Msync::Test::wait_reported(sub { $_->{state} eq 'error' });
--- request
GET /v
--- response_body_like: ^error\|1000000000000\|1[0-5]\d\|TLS_ERROR$



=== TEST 7: a success in the future is none too old
--- init
Msync::Test::wait_reported();
Msync::Fake->connect(Msync::Test::site_path('clinic.sqlite'))->status(
    state => 'paused', last_success => time + 1000);
Msync::Test::wait_reported(sub { $_->{state} eq 'paused' });
--- request
GET /v
--- response_body chomp
paused|0|0|



=== TEST 8: names may have capitals, digits and underscores
--- http_config eval
Msync::Test::site_config('Clinic_7_north')
--- config
    location /api/ { msync Clinic_7_north; }
    location = /v { return 200 $msync_state_Clinic_7_north; }
--- request
GET /v
--- response_body chomp
idle



=== TEST 9: each site has its own
--- http_config eval
Msync::Test::site_config('clinic') . Msync::Test::site_config('hospital')
--- config
    location /api/ { msync clinic; }
    location /hospital/ { msync hospital; }
    location = /v { return 200 "$msync_queue_clinic $msync_queue_hospital"; }
--- init
Msync::Test::wait_reported();
Msync::Fake->connect(Msync::Test::site_path('hospital.sqlite'))->status(
    queue => 99);
Test::Nginx::Socket::Server::wait_until(sub {
    Msync::Test::http(GET => 'http://127.0.0.1:'
        . "$ENV{TEST_NGINX_SERVER_PORT}/v")->{content} eq '4 99';
});
--- request
GET /v
--- response_body chomp
4 99
