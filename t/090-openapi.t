# docs/openapi.yaml: it is served, it has every endpoint and command, and the
# server answers whatever is asked by it as it says.

use strict;
use warnings;

use Msync::Described qw(command_findings description findings);
use Msync::Guess qw(guess_body guess_query);
use Msync::Nginx;
use Msync::Test qw(
    http project_root site_config site_path slurp sqlite stage_dir
    start_central start_nginx write_private
);
use Test::More;

# so many of each operation
use constant GUESSES => $ENV{MSYNC_GUESSES} // 30;

my $seed = $ENV{MSYNC_GUESS_SEED} // 1;

my $central = start_central(password => 'secret', records => 60);
my $nginx = start_nginx(
    http => site_config('clinic', settings()) . site_config('empty',
        helper => $ENV{TEST_NGINX_MSYNC}),
    server => <<'END',
    location /api/ { msync clinic; }
    location /empty/ { msync empty; }
    location /yaml/ { msync clinic; gzip on; gzip_types application/yaml; }
END
);

what_is_not_described_is_noticed();
the_description_is_served();
endpoints_and_methods_are_those_described();
a_first_sync();
a_deed_is_told_whatever_the_client_has();
every_command_is_described();
whatever_is_asked_is_answered_as_described();

ok($nginx->stop, 'nginx quits');
is(join('', $nginx->alarms), '', 'no alarm in the log');
done_testing();


sub settings {
    return (
        helper        => $ENV{TEST_NGINX_MSYNC},
        url           => $central->url,
        username      => '"Clinic 7"',
        password_file => write_private('password', "secret\n"),
        interval      => 0,
    );
}


# of status; the answer as it is, and with each of these faults
sub what_is_not_described_is_noticed {
    my $answer = sub {
        return { status => 202, content => '{"accepted": true}',
                 headers => { 'content-type' => 'application/json' }, @_ };
    };

    my %noticed = (
        'an answer as described'     => [0, POST => '/retry', {}],
        'another member'             => [1, POST => '/retry',
            { content => '{"accepted": true, "a": 1}' }],
        'a member less'              => [1, POST => '/retry',
            { content => '{}' }],
        'a value of another kind'    => [1, POST => '/retry',
            { content => '{"accepted": 1}' }],
        'what is no JSON'            => [1, POST => '/retry',
            { content => '{' }],
        'another type'               => [1, POST => '/retry',
            { headers => { 'content-type' => 'text/plain' } }],
        'a status'                   => [1, POST => '/retry',
            { status => 500 }],
        'a page of an error'         => [1, POST => '/retry', { status => 502,
            content => '<html>', headers => {'content-type' => 'text/html'} }],
        'a header less'              => [1, GET => '/status', { status => 200,
            content => '{}' }],
        'a method'                   => [1, DELETE => '/status', {}],
    );

    for my $name (sort keys %noticed) {
        my ($expected, $method, $endpoint, $changes) = @{ $noticed{$name} };
        my @findings = findings($method, $endpoint, $answer->(%$changes));
        is(@findings > 0 ? 1 : 0, $expected, "$name: noticed or not")
            or diag(join "\n", @findings);
    }
    return;
}


sub the_description_is_served {
    my $got = $nginx->get('/api/openapi.yaml');

    is($got->{status}, 200, 'openapi.yaml is there');
    is($got->{content}, slurp(project_root() . '/docs/openapi.yaml'),
       'octet by octet');
    is($nginx->get('/api/openapi.yaml', headers => {
        'If-None-Match' => $got->{headers}{etag} })->{status}, 304,
       'and only once');
    is($nginx->request(HEAD => '/api/openapi.yaml')->{headers}
       {'content-length'}, length $got->{content}, 'HEAD says how long it is');

    my $small = $nginx->get('/yaml/openapi.yaml',
                            headers => { 'Accept-Encoding' => 'gzip' });
    cmp_ok(length $small->{content}, '<', length($got->{content}) / 3,
           'gzip_types knows it');
    return;
}


# What the module has is known from its source: nothing else tells it.
sub endpoints_and_methods_are_those_described {
    my $paths = description()->{paths};
    my %has = map { $_ => 1 } slurp(project_root()
        . '/http/ngx_http_msync_request.c')
        =~ /\{ ngx_string\("([^"]+)"\), NGX_HTTP_/g;

    is_deeply([sort map { s{^/}{}r } keys %$paths], [sort keys %has],
              'each endpoint of the module is described, and no other');

    for my $endpoint (sort keys %$paths) {
        my %described = map { uc($_) => 1 } keys %{ $paths->{$endpoint} };
        $described{HEAD} = 1 if $described{GET};

        my $answer = $nginx->request(DELETE => "/api$endpoint");
        is("$answer->{status} $answer->{headers}{allow}", '405 '
           . join(', ', sort keys %described), "methods of $endpoint");
    }
    return;
}


sub a_first_sync {
    $nginx->wait_status(sub { $_->{state} ne 'stopped' });
    is($nginx->post('/api/trigger')->{status}, 202, 'a first sync');
    ok($nginx->wait_status(sub {
        $_->{initialisationStatus} eq 'INITIALISED' && $_->{state} eq 'idle'
    }), 'has ended');
    return;
}


# The answer to a POST or PUT tells what was done: "304" would not.
sub a_deed_is_told_whatever_the_client_has {
    for my $header (['If-None-Match' => '*'], ['If-Match' => '"a"']) {
        my $answer = $nginx->request(PUT => '/api/settings',
            headers => {@$header}, content => { intervalSeconds => 0 });
        is($answer->{status}, 200, "PUT with @$header");
    }
    return;
}


# Each ends with 0, but for reinitialise without --yes.
sub every_command_is_described {
    my $database = stage_dir() . '/commands.sqlite';
    my %arguments = (
        dismiss => ['--all'], send => ['--all'],
        backup => [stage_dir() . '/copy.sqlite'],
    );

    # first, for the others read what it has made
    my @commands = sort {
        ($b eq 'sync') <=> ($a eq 'sync') || $a cmp $b
    } keys %{ description()->{'x-commands'} };

    my ($usage) = slurp(project_root() . '/sync/cli/cli.c')
        =~ /cli_commands\[\] = \{(.*?)\n\};/s;
    is_deeply([sort @commands], [sort $usage =~ /\{ "(\w+)"/g],
              'each command is described, and no other');

    for my $command (@commands) {
        my @line = ($ENV{TEST_NGINX_MSYNC}, '--json', '--database', $database,
            '--url', $central->url, '--username', 'Clinic 7',
            '--password-file', site_path('password'),
            $command, @{ $arguments{$command} // [] });

        open my $fh, '-|', 'sh', '-c', 'exec "$0" "$@" 2>/dev/null', @line
            or die "sh: $!\n";
        my $said = join '', <$fh>;
        close $fh;

        is($? >> 8, $command eq 'reinitialise' ? 1 : 0, "$command --json");
        is(join("\n", command_findings($command, $said)), '',
           'is as described') or diag($said);
    }
    return;
}


sub guess {
    my ($endpoint, $method, $operation, %known) = @_;

    my $query = guess_query($operation->{parameters}, %known);
    my $schema = ($operation->{requestBody} // {})->{content};
    my %more;

    $more{content} = guess_body($schema->{'application/json'}{schema}, %known)
        if $schema;
    $more{headers}{'Sec-Fetch-Site'} = 'cross-site' if rand() < 0.03;
    $more{headers}{'If-None-Match'} = '*' if rand() < 0.1;

    return ($method, $endpoint . (length $query ? "?$query" : ''), %more);
}


# The ends that never come are cut off.
sub answer_of {
    my ($base, $method, $target, %more) = @_;

    return $nginx->request($method, "$base$target", %more, timeout => 70)
        if $target !~ m{^/events};

    my $stream = $nginx->open_stream("$base$target", map { $_ => '1' }
        rand() < 0.5 ? 'Last-Event-ID' : ());
    ok($stream->wait_events(1), 'a stream begins');
    my ($status) = $stream->bytes =~ m{^HTTP/1\.1 (\d+)};
    $stream->close;

    return { status => $status };
}


sub whatever_is_asked_is_answered_as_described {
    my $paths = description()->{paths};
    my (@guesses, %count);

    srand $seed;
    diag("MSYNC_GUESS_SEED=$seed");

    for my $endpoint (sort keys %$paths) {
        for my $method (sort keys %{ $paths->{$endpoint} }) {
            push @guesses, map { [guess($endpoint, uc $method,
                $paths->{$endpoint}{$method},
                url      => [$central->url, 'http://127.0.0.1:1/'],
                username => ['Clinic 7'],
                password => ['secret'],
                tables   => ['item', 'invoice'],
            )] } 1 .. ($endpoint eq '/events' ? 3 : GUESSES);
        }
    }

    my $helper = $nginx->get('/api/metrics')->{content};

    for my $base (qw(/api /empty)) {
        for my $guess (@guesses) {
            my $answer = answer_of($base, @$guess);
            $count{ $answer->{status} }++;
            fail("no answer to @$guess: $answer->{content}")
                if $answer->{status} == 599;
        }
    }

    diag(join ', ', map { "$count{$_} x $_" } sort keys %count);

    for my $status (200, 202, 304, 400, 403, 409, 413, 422) {
        cmp_ok($count{$status} // 0, '>', 0, "$status is among the answers");
    }

    my ($starts) = $nginx->get('/api/metrics')->{content}
        =~ /^(msync_helper_starts_total\S+ \d+)$/m;
    like($helper, qr/^\Q$starts\E$/m, 'no helper has died of it');
    is(sqlite(site_path('clinic.sqlite'), 'PRAGMA integrity_check'), 'ok',
       'nor the database');
    return;
}
