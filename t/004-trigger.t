# The trigger endpoint: who may ask for a sync, what is answered, and that
# nothing which was answered 202 is lost.

use Msync::Test qw(
    decode_json set_defaults site_config site_path start_nginx wait_until
    worker_count
);
use Msync::Fake;
use Test::Nginx::Socket 'no_plan';

use Test::More ();

Msync::Fake->start_with(status => { state => 'idle' });

master_on();
workers(worker_count(2));

# Its time runs while the others are tested.
my $abandoned = nginx_with_site('abandoned', helper => '/nonexistent/msync');

add_block_preprocessor(sub {
    set_defaults($_[0],
        http_config => site_config('clinic'),
        config => <<'END_OF_CONFIG',
    location /api/ { msync clinic; }
    location = /alone { msync_trigger clinic; }
END_OF_CONFIG
        init => 'Msync::Test::wait_reported()',
        no_error_log => "[crit]\n[alert]\n[emerg]\n",
        no_shutdown_error_log => '[alert]',
    );
});

run_tests();

with_nginx(\&commands_reach_the_helper);
with_nginx(\&patients_are_asked_for);
with_nginx(\&arguments_reach_the_helper);
with_nginx(\&a_trigger_outlives_its_helper);
with_nginx(\&a_trigger_needs_settings);
a_trigger_waits_for_the_first_helper();
no_helper_for_long($abandoned);


sub nginx_with_site {
    my ($name, %parameters) = @_;

    return start_nginx(
        workers => 3,
        http    => site_config($name, %parameters),
        server  => "location /api/ { msync $name; }",
    );
}


sub fake { return Msync::Fake->connect(site_path('clinic.sqlite')) }


sub with_nginx {
    my ($tests) = @_;

    my $nginx = nginx_with_site('clinic');

    $nginx->wait_status(sub { $_->{state} ne 'stopped' });
    $tests->($nginx, fake());

    Test::More::ok($nginx->stop, 'nginx quits');
    Test::More::is(join('', $nginx->alarms), '', 'no alarm in the log');
}


sub triggers {
    return grep { ($_->{command} // '') eq 'trigger' } @_;
}


sub commands_reach_the_helper {
    my ($nginx, $fake) = @_;

    # Connections spread over the workers, and one of them has the helper.
    my @status = map { $nginx->post('/api/trigger')->{status} } 1 .. 12;
    Test::More::is("@status", join(' ', (202) x 12),
                   'every worker takes a trigger');

    my @received = triggers($fake->received(1));
    Test::More::cmp_ok(scalar(@received), '>=', 1, 'the helper is told');
    Test::More::is($received[0]{patient}, '', 'of no patient');

    # Triggers that came together may arrive as one, with the last number.
    my $done = $received[-1]{sequence};
    $fake->status(state => 'syncing');
    $nginx->post('/api/trigger');

    my $next = wait_until {
        (grep { $_->{sequence} > $done } triggers($fake->received))[-1];
    };
    Test::More::ok($next, 'a trigger during a sync asks for one more');
}


sub patients_are_asked_for {
    my ($nginx, $fake) = @_;

    my $ask = sub {
        return $nginx->post("/api/trigger?fetchPatientId=$_[0]")->{status};
    };

    Test::More::is($ask->('patient-1'), 202, 'one patient');
    Test::More::is($ask->('patient%2D2'), 202, 'an escaped one');

    $nginx->post('/api/trigger?fetchPatientId=foreign',
                 headers => { 'Sec-Fetch-Site' => 'cross-site' });
    Test::More::is($ask->('patient-3'), 202, 'one more');

    my @patients = map { $_->{patient} } triggers($fake->received(3));
    Test::More::is_deeply(\@patients, ['patient-1', 'patient-2', 'patient-3'],
                          'all reach the helper, a refused one does not');

    my @status = map { $ask->("p$_") } 1 .. 13;
    Test::More::is("@status", join(' ', (202) x 13), 'sixteen may wait');
    Test::More::is($ask->('p3'), 202, 'one that waits is no new one');
    Test::More::is($ask->('p14'), 429, 'a seventeenth is too many');
    Test::More::is($nginx->post('/api/trigger')->{status}, 202,
                   'a trigger for nobody is still taken');

    my ($last) = sort { $b <=> $a } map { $_->{sequence} }
        triggers($fake->received);
    $fake->status(state => 'idle', done => { trigger => $last });

    Test::More::ok(wait_until(sub { $ask->('p14') == 202 }, 10),
                   'there is room again when they are done');
}


# Of these each octet becomes six.
sub arguments_reach_the_helper {
    my ($nginx, $fake) = @_;

    $fake->answer(status => 200, body => {});
    $nginx->get('/api/patients?code=%22&name=' . '%01' x 2000);

    my ($asked) = $fake->received(1);
    Test::More::is_deeply(decode_json($asked->{body}),
                          { code => '"', name => "\1" x 2000 },
                          'a long and escaped argument is as it was');
}


sub a_trigger_outlives_its_helper {
    my ($nginx, $fake) = @_;

    $nginx->post('/api/trigger');
    $nginx->post('/api/trigger?fetchPatientId=p1');
    $fake->received(2);

    my $pid = $fake->pid;
    $fake->exit(1);
    $nginx->post('/api/trigger?fetchPatientId=p2');

    $fake = fake();
    Test::More::isnt($fake->pid, $pid, 'another helper is started');

    my @received = triggers($fake->received(3));
    Test::More::is_deeply([sort map { $_->{patient} } @received],
                          ['', 'p1', 'p2'],
                          'it is told what the other one had not done');

    my ($last) = sort { $b <=> $a } map { $_->{sequence} } @received;
    $fake->status(queue => 1, done => { trigger => $last });
    $nginx->wait_status(sub { $_->{numberOfRecordsInPushQueue} == 1 });
    $fake->exit(1);

    $fake = fake();
    $nginx->post('/api/trigger?fetchPatientId=p3');
    @received = triggers($fake->received(1));
    Test::More::is_deeply([map { $_->{patient} } @received], ['p3'],
                          'what is done is not asked for again');
}


sub a_trigger_needs_settings {
    my ($nginx, $fake) = @_;

    $fake->status(state => 'pre_initialisation', configured => 0, queue => 2);
    $nginx->wait_status(sub { $_->{state} eq 'pre_initialisation' });

    my $answer = $nginx->post('/api/trigger');
    Test::More::is($answer->{status}, 409, 'no settings: 409');
    Test::More::is($answer->{json}{error}{variant}, 'NOT_CONFIGURED',
                   'with a variant');
    Test::More::like($answer->{json}{error}{fullError}, qr/enter them on/,
                     'and what to do');

    $fake->status(state => 'pre_initialisation', configured => 1, queue => 3);
    $nginx->wait_status(sub { $_->{numberOfRecordsInPushQueue} == 3 });
    Test::More::is($nginx->post('/api/trigger')->{status}, 202,
                   'with settings: 202');
}


sub a_trigger_waits_for_the_first_helper {
    Msync::Fake->start_with(exit => 1);

    my $nginx = nginx_with_site('clinic');

    Test::More::is($nginx->post('/api/trigger')->{status}, 202,
                   'a trigger is taken while no helper runs yet');

    Msync::Fake->start_with(status => { state => 'idle' });

    my $fake = fake();
    my ($command) = $fake->received(1);
    Test::More::is($command->{command}, 'trigger', 'and told to the first');

    # That it may have settings of its own is known to be wrong from now on.
    Msync::Fake->start_with(
        status => { state => 'pre_initialisation', configured => 0 });
    $fake->exit(0);
    $nginx->wait_status(sub { $_->{state} eq 'pre_initialisation' });
    Test::More::is($nginx->post('/api/trigger')->{status}, 409,
                   'until one says that there are no settings');
}


sub no_helper_for_long {
    my ($nginx) = @_;

    my $answer;
    my $refused = wait_until {
        $answer = $nginx->post('/api/trigger');
        return $answer->{status} == 503;
    } 60;

    Test::More::ok($refused, 'without a helper for long a trigger is refused');
    Test::More::like($answer->{headers}{'retry-after'}, qr/^[1-9]\d*$/,
                     'with Retry-After');
    Test::More::like($answer->{json}{error}{variant}, qr/^[A-Z_]+$/,
                     'and the reason');
    Test::More::is($nginx->status->{state}, 'stopped',
                   'the status says so too');
    Test::More::ok($nginx->logged(qr{/nonexistent/msync}),
                   'the log names the helper that is missing');
    Test::More::is(join('', $nginx->alarms), '', 'nginx itself is unharmed');
}


__DATA__

=== TEST 1: a trigger is taken
--- request
POST /api/trigger
--- error_code: 202
--- response_headers
Content-Type: application/json; charset=utf-8
--- response_body_like: ^\{"triggered": ?true\}\n?$



=== TEST 2: the endpoint alone, at a place of one's choice
--- request
POST /alone
--- error_code: 202
--- response_body_like: ^\{"triggered": ?true\}\n?$



=== TEST 3: other methods are refused, with the one that is not
--- request eval
["GET /api/trigger", "HEAD /api/trigger", "PUT /api/trigger\n{}",
 "DELETE /api/trigger", "GET /alone"]
--- error_code eval
[405, 405, 405, 405, 405]
--- response_headers eval
[("Allow: POST") x 5]



=== TEST 4: a page of the same origin may ask
--- request eval
[("POST /api/trigger") x 5]
--- more_headers eval
["Sec-Fetch-Site: same-origin", "Sec-Fetch-Site: none",
 "Origin: http://localhost", "Origin: http://LOCALHOST",
 "Origin: http://localhost:8081\nHost: localhost:8081"]
--- error_code eval
[202, 202, 202, 202, 202]



=== TEST 5: a page of another origin may not
--- request eval
[("POST /api/trigger") x 8]
--- more_headers eval
["Sec-Fetch-Site: cross-site", "Sec-Fetch-Site: same-site",
 "Sec-Fetch-Site: anything", "Origin: http://example.org",
 "Origin: http://localhost:8081", "Origin: null",
 "Origin: http://localhost.example.org",
 "Origin: http://localhost\@example.org"]
--- error_code eval
[403, 403, 403, 403, 403, 403, 403, 403]
--- response_body_like eval
[("^\\{\"error\": ?\\{\"variant\": ?\"[A-Z_]+\".*proxy_set_header Host \\\$http_host;") x 8]



=== TEST 6: Sec-Fetch-Site decides where a browser sends both
--- request eval
["POST /api/trigger", "POST /api/trigger"]
--- more_headers eval
["Sec-Fetch-Site: same-origin\nOrigin: http://proxied.example.org",
 "Sec-Fetch-Site: cross-site\nOrigin: http://localhost"]
--- error_code eval
[202, 403]



=== TEST 7: reading is not refused
--- request
GET /api/status
--- more_headers
Sec-Fetch-Site: cross-site
Origin: http://example.org



=== TEST 8: a small body does no harm
--- request eval
["POST /api/trigger\n{}", [["POST /api/trigger\n{", "}"]]->[0]]
--- error_code eval
[202, 202]



=== TEST 9: a body beyond 64k is refused
--- request eval
"POST /api/trigger\n" . '{"a":"' . 'x' x 65_536 . '"}'
--- error_code: 413
--- response_body_like: ^\{"error": ?\{"variant"



=== TEST 10: so is a chunked one
--- request eval
[map { "POST /api/$_\n" . ("1000\r\n" . 'x' x 4096 . "\r\n") x 17
       . "0\r\n\r\n" } qw(trigger cancel pause resume retry test)]
--- more_headers
Transfer-Encoding: chunked
--- error_code eval
[(413) x 6]
--- response_body_like eval
[('^\{"error": ?\{"variant": ?"BODY_TOO_LARGE"') x 6]



=== TEST 11: a body of 64k is read, also from a file
--- config
    client_body_in_file_only clean;
    location /api/ { msync clinic; }
--- request eval
"POST /api/trigger\n" . '{"a":"' . 'x' x (65_536 - 8) . '"}'
--- error_code: 202



=== TEST 12: a patient's name is no patient's id without a value
--- request eval
["POST /api/trigger?fetchPatientId=" . 'x' x 200,
 "POST /api/trigger?fetchPatientId=%00"]
--- error_code eval
[400, 400]



=== TEST 13: a connection is kept over triggers
--- pipelined_requests eval
["POST /api/trigger\n{}", "POST /api/trigger", "GET /api/status"]
--- error_code eval
[202, 202, 200]



=== TEST 14: access is nginx's affair
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
["POST /api/trigger", "POST /api/trigger"]
--- more_headers eval
["", "Authorization: Basic YWRtaW46c2VjcmV0"]
--- error_code eval
[401, 202]



=== TEST 15: a chunked body that is not too long does no harm
--- request eval
[map { "POST /api/$_\n" . ("1000\r\n" . 'x' x 4096 . "\r\n") x 16
       . "0\r\n\r\n" } 'trigger', 'cancel', 'trigger?fetchPatientId=a/b']
--- more_headers
Transfer-Encoding: chunked
--- error_code eval
[202, 202, 400]



=== TEST 16: a connection is kept over chunked ones
--- pipelined_requests eval
["POST /api/trigger\n2\r\n{}\r\n0\r\n\r\n",
 "POST /api/resume\n0\r\n\r\n"]
--- more_headers
Transfer-Encoding: chunked
--- error_code eval
[202, 202]
