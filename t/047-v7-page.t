# What the page and an application meet of a site that speaks sync v7, through
# nginx: the settings that cannot be checked without taking the token, the
# first sync, patients at central, and no secret anywhere.

use strict;
use warnings;

use Msync::Test qw(site_config start_central start_nginx
    wait_until);
use Test::More;

use constant PASSWORD => 'correct horse battery';

my $central = start_central(password => PASSWORD, records => 600,
                            protocol => 'v7');
my $nginx = start_nginx(
    http   => site_config('clinic', helper => $ENV{TEST_NGINX_MSYNC}),
    server => 'location /api/ { msync clinic; }',
);
my %settings = (url => $central->v7_url, username => 'Clinic 7',
                password => PASSWORD, intervalSeconds => 0);
my @answers;

$nginx->wait_status(sub { $_->{state} eq 'pre_initialisation' });

patients_are_not_looked_for_before();
a_test_takes_no_token();
a_first_sync_from_the_page();
patients_are_looked_for();
what_central_refuses_is_said();
no_answer_has_the_token();

ok($nginx->stop, 'quit');

a_site_whose_helper_does_not_start_names_what_it_must_speak();
done_testing();


sub ask {
    my ($method, $endpoint, $body) = @_;

    my $answer = $nginx->request($method, "/api/$endpoint",
                                 content => $body, timeout => 90);
    push @answers, $answer;

    return $answer;
}


sub patients_are_not_looked_for_before {
    my $answer = ask(GET => 'patients?name=a');

    is($answer->{status}, 409, 'a new site does not look for patients');
    is($answer->{json}{error}{variant}, 'NOT_CONFIGURED',
       'and is not said to speak v6');
    like($answer->{json}{error}{fullError}, qr/enter them on/,
         'but what to do');
}


sub a_test_takes_no_token {
    my $answer = ask(POST => 'test', \%settings);

    is($answer->{status}, 200, 'a test of the address of a 3.0 central');
    is($answer->{json}{siteName}, 'Clinic 7', 'names the site');
    is($answer->{json}{siteId}, undef, 'whose number nobody knows yet');
    is($central->state->{v7}{tokens}, 0, 'and takes no token');
}


sub a_first_sync_from_the_page {
    is(ask(POST => 'initialise', \%settings)->{status}, 202, 'initialise');

    my $status = $nginx->wait_status(sub {
        $_->{initialisationStatus} eq 'INITIALISED' && $_->{state} eq 'idle';
    });
    ok($status, 'the first sync is over');
    is($status->{protocol}, 'v7', 'by v7');
    like(ask(GET => 'metrics')->{content},
         qr/^msync_protocol\{site="clinic",msync_protocol="v7"\} 1$/m,
         'the metrics say so, too');
    is($status->{syncStatus}{error}, undef, 'without an error');
    is(ref $status->{syncStatus}{pull}, 'HASH', 'its steps are those of v7');
    ok(!exists $status->{syncStatus}{pullCentral}, 'and no others');

    my ($run) = @{ ask(GET => 'history')->{json}{runs} };
    is(ref $run->{pull}, 'HASH', 'in the history as well');
    is(ask(GET => 'settings')->{json}{siteId}, 7, 'the site is known now');
    is(ask(POST => 'test', \%settings)->{json}{siteId}, 7, 'a test tells it');
}


sub patients_are_looked_for {
    my ($patient) = sort { $a->{id} cmp $b->{id} }
        grep { $_->{type} eq 'PATIENT' } values %{ $central->rows('Name') };
    my $code = $patient->{code};

    my $answer = ask(GET => "patients?code=$code");
    is($answer->{status}, 200, 'patients by a code');
    my ($found) = grep { $_->{id} eq $patient->{id} }
        @{ $answer->{json}{patients} };
    is($found->{code}, $code, 'are those of central');
    ok(!$answer->{json}{more}, 'all of them');

    is_deeply(ask(GET => 'patients?name=nobody%20has%20"this')->{json}
              {patients}, [], 'a name that nobody has');
    is(ask(GET => 'patients')->{status}, 400, 'something has to be asked for');
}


sub what_central_refuses_is_said {
    $central->config(v7_token => undef, v7_hardware_id => undef);
    my $answer = ask(GET => 'patients?name=a');
    is($answer->{status}, 422, 'a token that central has wiped');
    is($answer->{json}{error}{variant}, 'TOKEN_NOT_FOUND', 'is not replaced');
    is($central->state->{v7}{tokens}, 1, 'by a question for patients');

    ask(POST => 'trigger');
    ok($nginx->wait_status(sub { $_->{state} eq 'idle' }), 'but by a run');
    ok(wait_until(sub { $central->state->{v7}{tokens} == 2 }), 'it is');
}


sub no_answer_has_the_token {
    my $text = join "\n", map { $_->{content} } @answers;

    unlike($text, qr/01a00000-0000-7000/, 'no answer has a token');
    unlike(join("\n", $nginx->log_lines), qr/01a00000-0000-7000/,
           'nor has the log');
}


sub a_site_whose_helper_does_not_start_names_what_it_must_speak {
    my $stopped = start_nginx(
        http   => site_config('stopped', helper => '/bin/false',
                              protocol => 'v7'),
        server => 'location /api/ { msync stopped; }',
    );
    my $status = $stopped->wait_status(sub { $_->{state} eq 'stopped' });

    is($status->{protocol}, 'v7', 'a site that has not begun names v7');
    like($stopped->request(GET => '/api/metrics')->{content},
         qr/^msync_protocol\{site="stopped",msync_protocol="v7"\} 1$/m,
         'as the metrics do');
    $stopped->stop;
}
