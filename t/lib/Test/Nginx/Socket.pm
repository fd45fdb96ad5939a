package Test::Nginx::Socket;

# Runs test files that are written for OpenResty's Test::Nginx::Socket, which
# Debian does not package: the sections and functions that this project uses,
# each with the meaning that the original documents.  The pieces beside this
# file do the work; here are the settings and the course of a block.
#
# Where the original warns or goes on, this one fails: an unknown section, an
# answer cut short or too long, an nginx that does not end on QUIT.

use strict;
use warnings;

# "-base" and not "-Base": the latter rewrites this file as it is read.
use Test::Base -base;
use Test::More ();

use File::Spec ();
use List::Util qw(shuffle);
use Scalar::Util qw(looks_like_number);
use Time::HiRes qw(sleep);

use Test::Nginx::Socket::Block qw(
    check_sections config_text exchanges_of forget_ports user_files
);
use Test::Nginx::Socket::Checks qw(
    all_found check_answer check_grep check_patterns warn_of_unexpected
);
use Test::Nginx::Socket::Client qw(exchange parse_responses);
use Test::Nginx::Socket::Server qw(free_port wait_until);

our @EXPORT = qw(
    plan run_tests
    add_block_preprocessor add_cleanup_handler add_test_cleanup_handler
    bail_out check_accum_error_log config_preamble env_to_nginx html_dir
    is_str log_level master_off master_on master_process_enabled
    no_long_string no_root_location no_shuffle repeat_each server_addr
    server_name server_port server_port_for_client server_root timeout
    worker_connections workers
);

# nginx logs the end of a request after the client has its answer: a line
# that must not come is given this long, one that must come the timeout.
use constant LOG_PAUSE => 0.05;

# A client that is to give up does so after this long.
use constant ABORT_SECONDS => 3;

# So much of the error log is shown for a block that failed.
use constant LOG_TAIL => 40;

my %Set = (
    accum_error_log    => $ENV{TEST_NGINX_CHECK_ACCUM_ERR_LOG},
    config_preamble    => '',
    env                => [],
    log_level          => $ENV{TEST_NGINX_LOG_LEVEL} || 'debug',
    master_process     => $ENV{TEST_NGINX_MASTER_PROCESS} || 'off',
    no_root_location   => 0,
    no_shuffle         => $ENV{TEST_NGINX_NO_SHUFFLE} || 0,
    repeat_each        => 1,
    server_addr        => '127.0.0.1',
    server_name        => 'localhost',
    sleep              => $ENV{TEST_NGINX_SLEEP} || 0.015,
    timeout            => $ENV{TEST_NGINX_TIMEOUT} || 30,
    worker_connections => 64,
    workers            => 1,
);

$Set{port} = $ENV{TEST_NGINX_SERVER_PORT} || $ENV{TEST_NGINX_PORT}
    || free_port();
$Set{client_port} = $ENV{TEST_NGINX_CLIENT_PORT} || $ENV{TEST_NGINX_PORT}
    || $Set{port};

my $Server = Test::Nginx::Socket::Server->new(
    binary => $ENV{TEST_NGINX_BINARY} || 'nginx',
    root   => $ENV{TEST_NGINX_SERVROOT} || File::Spec->rel2abs(
        't/servroot' . ($ENV{TEST_NGINX_RANDOMIZE} ? "_$Set{port}" : '')),
);

$ENV{TEST_NGINX_SERVER_ROOT} = $Server->root;

my (@Preprocessors, @CleanupHandlers, @TestCleanupHandlers);

# Called with method, target and HTTP::Response of each whole answer; the
# original has nothing like it.
our @Watchers;

# The block whose nginx runs, and how much of its error log was read.
my ($Running, $LogOffset);


# Prototypes as in the original, so that "repeat_each() * 3" parses alike.
sub log_level(@)              { setting('log_level', @_) }
sub repeat_each(@)            { setting('repeat_each', @_) }
sub server_addr(@)            { setting('server_addr', @_) }
sub server_name(@)            { setting('server_name', @_) }
sub server_port(@)            { setting('port', @_) }
sub server_port_for_client(@) { setting('client_port', @_) }
sub timeout(@)                { setting('timeout', @_) }
sub worker_connections(@)     { setting('worker_connections', @_) }
sub workers(@)                { setting('workers', @_) }
sub config_preamble($)        { setting('config_preamble', @_) }
sub check_accum_error_log()   { setting('accum_error_log', 1) }
sub no_root_location()        { setting('no_root_location', 1) }
sub no_shuffle()              { setting('no_shuffle', 1) }
sub master_on()               { setting('master_process', 'on') }
sub master_off()              { setting('master_process', 'off') }
sub server_root()             { $Server->root }
sub html_dir()                { $Server->html_dir }

sub master_process_enabled(@) {
    return setting('master_process', map { $_ ? 'on' : 'off' } @_);
}

# Chooses how long strings are compared on the screen; there is one way here.
sub no_long_string() { }

sub setting {
    my ($name, @value) = @_;

    $Set{$name} = $value[0] if @value;
    return $Set{$name};
}

sub env_to_nginx(@)             { push @{ $Set{env} }, @_ }
sub add_block_preprocessor(&)   { unshift @Preprocessors, shift }
sub add_cleanup_handler($)      { unshift @CleanupHandlers, shift }
sub add_test_cleanup_handler($) { unshift @TestCleanupHandlers, shift }
sub is_str(@)                   { goto &Test::Nginx::Socket::Checks::is_str }

sub bail_out(@) {
    cleanup();
    Test::More::BAIL_OUT("@_");
}


sub run_tests() {
    # So that Ctrl-C, too, ends in the END block below.
    local $SIG{INT} = sub { exit 130 };
    local $SIG{TERM} = sub { exit 143 };

    $ENV{TEST_NGINX_SERVER_PORT} //= $Set{port};

    my @blocks = blocks();
    @blocks = shuffle @blocks if !$Set{no_shuffle};

    for my $block (@blocks) {
        $_->($block) for @Preprocessors;
        $block->set_value(name => "$0 " . $block->name);

        # First, so that what the end of the block before shows is its own.
        stop_nginx() if defined $block->config || defined $block->must_die;

        my $before = failures();

        if (!eval { run_block($block); 1 }) {
            chomp(my $reason = $@);
            Test::More::fail($block->name . " - $reason");
        }

        show_log($block) if failures() > $before;
        $_->($block) for @TestCleanupHandlers;
    }

    cleanup();
}


sub cleanup {
    $_->() for splice @CleanupHandlers;
    stop_nginx() if !$ENV{TEST_NGINX_NO_CLEAN};
}

END {
    local $?;
    cleanup();
    $Server->remove
        if $ENV{TEST_NGINX_RANDOMIZE} && !$ENV{TEST_NGINX_NO_CLEAN};
}


sub run_block {
    my ($block) = @_;

    forget_ports();
    check_sections($block);

    if (my ($count, $reason) = skip_reason($block)) {
        for (1 .. $Set{repeat_each}) {
            SKIP: { Test::More::skip($block->name . " - $reason", $count) }
        }

        return;
    }

    if (defined $block->must_die) {
        setup($block);
        expect_death($block);
        return;
    }

    if (defined $block->config) {
        setup($block);

        my $status = $Server->start;
        die "nginx does not start (status $status)\n" if $status;

        $Running = $block;
    }

    die "no config section, here or in a block before\n" if !$Running;

    if (defined(my $code = $block->init)) {
        eval $code;
        die "init: $@" if $@;
    }

    $LogOffset = 0;

    for my $repeat (0 .. $Set{repeat_each} - 1) {
        write_user_files($block) if $repeat;
        run_requests($block, $repeat);
    }
}


sub skip_reason {
    my ($block) = @_;

    if (defined(my $spec = $block->skip_eval)) {
        my ($count, $code) = $spec =~ /^\s*(\d+)\s*:\s*(.*)/s
            or die "invalid skip_eval: $spec\n";
        my $skip = eval $code;
        die "skip_eval: $@" if $@;

        return ($count, 'skip_eval') if $skip;
    }

    if (defined(my $spec = $block->skip_nginx)) {
        my ($count, $op, $version, $reason) = $spec =~
            /^\s*(\d+)\s*:\s*([<>]=?)\s*(\d+\.\d+\.\d+)\s*(?::\s*(.*?))?\s*$/s
            or die "invalid skip_nginx: $spec\n";

        my $order = version->parse($Server->version)
            <=> version->parse($version);
        my %holds = ('<' => $order < 0, '<=' => $order <= 0,
                     '>' => $order > 0, '>=' => $order >= 0);

        return ($count, $reason // "nginx version $op $version")
            if $holds{$op};
    }

    return;
}


sub setup {
    my ($block) = @_;

    $Server->prepare;
    write_user_files($block);
    $Server->write_config(config_text($block, \%Set, $Server));
    $LogOffset = 0;
}


sub write_user_files {
    my ($block) = @_;

    for my $file (user_files($block, \%Set, html_dir())) {
        my ($path, $body, $date) = @$file;

        $Server->write_file($path, $body);

        next if !$date;
        local $ENV{TZ} = 'GMT';
        system('touch', '-t', $date, $path) == 0
            or die "cannot set the date of $path\n";
    }
}


sub stop_nginx {
    my $block = $Running;
    undef $Running;

    my $clean = $Server->stop;
    return if !$block;

    my $name = $block->name;
    my $before = failures();

    Test::More::fail("$name - nginx did not quit") if !$clean;

    my ($lines) = $Server->log_lines($LogOffset);
    check_patterns($block, 'shutdown_error_log', $lines, 1);
    check_patterns($block, 'no_shutdown_error_log', $lines, 0);

    show_log($block) if failures() > $before;
}


sub expect_death {
    my ($block) = @_;

    my $name = $block->name;
    my $expected = $block->must_die;

    for my $repeat (0 .. $Set{repeat_each} - 1) {
        my $status = $Server->start;

        if ($status & 127) {
            Test::More::fail("$name - died of signal " . ($status & 127));

        } elsif (looks_like_number($expected)) {
            Test::More::is($status >> 8, $expected, "$name - exit code");

        } else {
            Test::More::isnt($status, 0, "$name - die as expected");
        }

        check_error_log($block, $repeat);
        $Server->stop if $status == 0;
    }
}


sub run_requests {
    my ($block, $repeat) = @_;

    my @exchanges = exchanges_of($block, \%Set);
    my $count = map { @{ $_->{methods} } } @exchanges;
    my $index = 0;

    for my $exchange (@exchanges) {
        for my $answer (answers_to($block, $exchange)) {
            check_answer($block, \%Set, $answer, $index, $count)
                if !defined $block->ignore_response;

            sleep $block->wait if $block->wait;
            check_error_log($block, $repeat);
            check_access_log($block) if !defined $block->ignore_response;

            $index++;
        }
    }
}


sub answers_to {
    my ($block, $exchange) = @_;

    my $name = $block->name;
    my $shutdown = $block->shutdown;
    my $aborts = defined $block->abort;

    my $result = exchange(
        $exchange->{packets},
        address  => $Set{server_addr},
        port     => $Set{client_port},
        timeout  => seconds($block->timeout
            // ($aborts ? ABORT_SECONDS : $Set{timeout})),

        # whose answer is looked at does not give up before it begins
        first    => $aborts && !defined $block->ignore_response
            ? seconds($Set{timeout}) : undef,

        delay    => $block->raw_request_middle_delay // $Set{sleep},
        shutdown => defined $shutdown && $shutdown eq '' ? 1 : $shutdown,
    );

    Test::More::fail("ERROR: client socket timed out - $name")
        if $result->{timed_out} && !$aborts;

    return map { {} } @{ $exchange->{methods} }
        if defined $block->ignore_response;

    Test::More::fail("$name - $result->{problem}") if $result->{problem};

    my @answers = parse_responses($result->{bytes}, $exchange->{methods});
    watch($exchange, @answers);

    # What came until the client gave up is all there can be.
    return @answers if $result->{timed_out};

    for my $answer (grep { $_->{problem} } @answers) {
        Test::More::fail("$name - $answer->{problem}");
    }

    return @answers;
}


sub watch {
    my ($exchange, @answers) = @_;

    for my $i (grep { !$answers[$_]{problem} } 0 .. $#answers) {
        $_->($exchange->{methods}[$i], $exchange->{targets}[$i],
             $answers[$i]{response}) for @Watchers;
    }
}


sub seconds {
    my ($time) = @_;

    return $1 / 1000 if $time =~ /^([\d.]+)ms$/;
    return $1 if $time =~ /^([\d.]+)s?$/;
    die "invalid timeout: $time\n";
}


sub check_error_log {
    my ($block, $repeat) = @_;

    my $offset = $Set{accum_error_log} ? 0 : $LogOffset;
    my ($lines, $end);

    sleep LOG_PAUSE;

    wait_until(sub {
        ($lines, $end) = $Server->log_lines($offset);
        return all_found(scalar $block->error_log, $lines);
    }, seconds($Set{timeout}));

    check_grep($block, \%Set, $lines, $repeat);
    check_patterns($block, 'error_log', $lines, 1);
    check_patterns($block, 'no_error_log', $lines, 0);
    warn_of_unexpected($block, $lines);

    $LogOffset = $end;
}


sub check_access_log {
    my ($block) = @_;

    return if !defined $block->access_log && !defined $block->no_access_log;

    my $lines;

    sleep LOG_PAUSE;

    wait_until(sub {
        ($lines) = $Server->log_lines(0, $Server->access_log);
        return all_found(scalar $block->access_log, $lines);
    }, seconds($Set{timeout}));

    check_patterns($block, 'access_log', $lines, 1);
    check_patterns($block, 'no_access_log', $lines, 0);
}


sub failures { return scalar grep { !$_ } Test::More->builder->summary }


sub show_log {
    my ($block) = @_;

    my ($lines) = $Server->log_lines(0);
    my ($errors) = $Server->log_lines(0, $Server->stderr_file);

    @$lines = grep { m{^\d+/\d+/\d+ \S+ \[(?!debug)} } @$lines
        if !$ENV{TEST_NGINX_VERBOSE};
    splice @$lines, 0, @$lines - LOG_TAIL if @$lines > LOG_TAIL;

    Test::More::diag('error.log of ' . $block->name . ":\n", @$lines);
    Test::More::diag("standard error:\n", @$errors)
        if @$errors && !defined $block->suppress_stderr;
}


1;
