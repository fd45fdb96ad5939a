# The harness itself: each section holds what it promises, and each check can
# fail.  The blocks are in selftest/*.spec; those of pass.spec also pass under
# OpenResty's Test::Nginx::Socket, so both read a section in one way.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Temp qw(tempdir tempfile);
use IO::Socket::INET ();
use POSIX ();
use Test::More;

use Msync::Look;
use Test::Nginx::Socket::Client qw(build_request exchange parse_responses);
use Test::Nginx::Socket::Server qw(free_port is_running wait_until);

my $lib = abs_path(dirname(__FILE__));
my $dir = tempdir(CLEANUP => 1);
chmod 0755, $dir;

# They run beside each other, since most of their time is waiting.
my %run = map { $_ => start_spec("$lib/selftest/$_.spec") } qw(pass fail);
$run{stuck} = start_spec(stuck_spec());

no_test_is_a_failure();
foreign_files_are_kept();
a_port_is_given_once();
other_processes_are_left_alone();
requests_as_bytes();
answers_from_bytes();
a_server_may_close_first();
databases_are_looked_into();

passing_blocks($run{pass});
failing_blocks($run{fail});
a_stuck_nginx_is_a_failure($run{stuck});

done_testing();


# One after the other, by what is committed: in the log, and with other tables.
sub databases_are_looked_into {
    my $path = "$dir/site.sqlite";
    my $look = Msync::Look->new("$dir/look");
    my $db = DBI->connect("dbi:SQLite:dbname=$path", '', '',
                          { RaiseError => 1 });
    my $text = sub { $look->take($path); $look->lines(@_) };
    my $all = 'SELECT * FROM a';

    is($text->('SELECT 1'), "1\n", 'a database without an octet');

    $db->do($_) for 'PRAGMA journal_mode = WAL',
        'CREATE TABLE a (id PRIMARY KEY, n)', "INSERT INTO a VALUES ('x', 1)";
    is($text->($all), "x|1\n", 'what is in the log alone');

    my $base = Msync::Look::octets("$dir/look");
    my $before = $look->digest($base);

    $db->begin_work;
    $db->do('UPDATE a SET n = 2');
    is($text->($all), "x|1\n", 'not what is not committed');
    is($look->digest($base), $before, 'it is the same database');

    $db->commit;
    is($text->($all), "x|2\n", 'what is committed since');
    isnt($look->digest($base), $before, 'it is another one');

    $db->do('ALTER TABLE a ADD m DEFAULT 3');
    is($text->($all), "x|2|3\n", 'a table with another column');
    ok(-s "$path-wal", 'the log of the database stays');
    $db->disconnect;

    my $octets = Msync::Look::octets($path);
    substr $octets, -1, 1, 'y';
    Msync::Look::put("$dir/bad.sqlite", $octets);
    $look->take("$dir/bad.sqlite");
    isnt($look->lines('PRAGMA integrity_check'), "ok\n", 'a damaged index');
}


# Runs a file of blocks as prove would.
sub start_spec {
    my ($path, $root) = @_;

    $root //= tempdir(DIR => $dir);

    local %ENV = (
        %ENV,
        TEST_NGINX_SERVROOT     => "$root/servroot",
        TEST_NGINX_LOAD_MODULES => '',
        TEST_NGINX_NO_SHUFFLE   => 1,

        # what fails is waited for in vain
        $path =~ /fail/ ? (TEST_NGINX_TIMEOUT => 3) : (),
    );
    delete @ENV{qw(TEST_NGINX_PORT TEST_NGINX_SERVER_PORT
                   TEST_NGINX_CLIENT_PORT TEST_NGINX_MASTER_PROCESS)};

    open my $out, '-|', 'sh', '-c', 'exec "$@" 2>&1', 'sh',
        $^X, "-I$lib", $path or die "cannot run $path: $!";

    return { path => $path, out => $out };
}


# Its tests by block: number => [[passed, description], ...].
sub finish {
    my ($run) = @_;

    my $out = $run->{out};
    my @lines = <$out>;
    close $out;

    my %result = (exit => $? >> 8, output => join('', @lines), blocks => {});

    for my $line (@lines) {
        my ($failed, $text) = $line =~ /^(not )?ok \d+ (.*)/ or next;
        my ($number) = $text =~ /TEST (\d+):/ or next;
        push @{ $result{blocks}{$number} }, [!$failed, $text];
    }

    return \%result;
}


sub write_spec {
    my ($text) = @_;

    my ($fh, $path) = tempfile(DIR => $dir);
    print {$fh} $text;
    close $fh;

    return $path;
}


# Number and title of the blocks of a spec.
sub titles {
    my ($path) = @_;

    open my $fh, '<', $path or die "$path: $!";
    return map { /^=== TEST (\d+): (.*)/ ? ($1 => $2) : () } <$fh>;
}


sub passing_blocks {
    my ($run) = @_;

    my $result = finish($run);
    my %title = titles($run->{path});

    for my $number (sort { $a <=> $b } keys %title) {
        my @tests = @{ $result->{blocks}{$number} // [] };

        if ($title{$number} =~ /this one is left out/) {
            is(scalar @tests, 0, "pass $number: $title{$number}");
            next;
        }

        my @failed = map { $_->[1] } grep { !$_->[0] } @tests;
        ok(@tests && !@failed, "pass $number: $title{$number}")
            or diag("@failed");
    }

    is($result->{exit}, 0, 'a file whose blocks pass ends with zero')
        or diag($result->{output});
}


sub failing_blocks {
    my ($run) = @_;

    my $result = finish($run);
    my %title = titles($run->{path});

    for my $number (sort { $a <=> $b } keys %title) {
        my ($quoted) = $title{$number} =~ /"(.*?)"/;
        my @failed = map { $_->[1] =~ s/^.*?TEST \d+: \Q$title{$number}\E//r }
            grep { !$_->[0] } @{ $result->{blocks}{$number} // [] };

        # "timed out" stands before the name of the block.
        ok(@failed == 1 && $failed[0] =~ /\Q$quoted\E/
           || "@failed" eq '' && $quoted eq 'timed out'
              && $result->{output} =~ /^not ok .* timed out - .*TEST $number:/m,
           "fail $number: $title{$number}")
            or diag(map { "$_->[0] $_->[1]\n" }
                    @{ $result->{blocks}{$number} // [] });
    }

    isnt($result->{exit}, 0, 'a file with failing blocks does not end with 0');
    like($result->{output}, qr/^# [\d\/]+ [\d:]+ \[error\] .*open\(\)/m,
         'the error log of a failed block is shown');
}


sub no_test_is_a_failure {
    my $result = finish(start_spec(write_spec(<<'END_OF_SPEC')));
use Test::Nginx::Socket 'no_plan';
run_tests();
__DATA__
END_OF_SPEC

    isnt($result->{exit}, 0, 'a file without blocks fails');
}


sub foreign_files_are_kept {
    my $root = tempdir(DIR => $dir);
    mkdir "$root/servroot" or die $!;
    open my $fh, '>', "$root/servroot/precious" or die $!;
    close $fh;

    my $result = finish(start_spec(write_spec(<<'END_OF_SPEC'), $root));
use Test::Nginx::Socket 'no_plan';
run_tests();
__DATA__
=== TEST 1: any
--- config
--- request
GET /
END_OF_SPEC

    isnt($result->{exit}, 0, 'a root with foreign files stops the run');
    ok(-e "$root/servroot/precious", 'and the files are kept');
}


# A client that waits for an answer keeps a gracefully ending nginx alive.
sub stuck_spec {
    return write_spec(<<'END_OF_SPEC');
use Test::Nginx::Socket 'no_plan';
use IO::Socket::INET ();
our $Silent = IO::Socket::INET->new(
    LocalAddr => '127.0.0.1', Listen => 8, Proto => 'tcp',
);
our $Client;
$ENV{TEST_NGINX_SILENT_PORT} = $Silent->sockport;
master_on();
run_tests();
__DATA__
=== TEST 1: stuck
--- config
    location = /silent { proxy_pass http://127.0.0.1:$TEST_NGINX_SILENT_PORT; }
--- init
$main::Client = IO::Socket::INET->new(
    PeerAddr => '127.0.0.1', PeerPort => $ENV{TEST_NGINX_SERVER_PORT},
) or die $!;
print {$main::Client} "GET /silent HTTP/1.0\r\n\r\n";
$main::Client->flush;
--- request
GET /
END_OF_SPEC
}


sub a_stuck_nginx_is_a_failure {
    my ($run) = @_;

    my $result = finish($run);

    like($result->{output}, qr/^not ok .* did not quit/m,
         'an nginx that does not quit fails its block');
    my @left = grep { /\Q$dir\E/ } split /\n/, qx(ps -eo args);
    is("@left", '', 'and is ended nevertheless');
}


sub a_port_is_given_once {
    my $port = free_port();
    my @args = (LocalPort => $port, Proto => 'tcp');

    ok(!IO::Socket::INET->new(@args), 'a port given away looks in use');
    ok(IO::Socket::INET->new(@args, Listen => 1, ReuseAddr => 1),
       'and a server can listen there');
}


# A pid file may be older than the process that has its number now.
sub other_processes_are_left_alone {
    my $root = "$dir/stale";
    my $server = Test::Nginx::Socket::Server->new(
        root => $root, binary => 'nginx',
    );
    my $pid = fork() // die $!;

    if ($pid == 0) {
        exec 'sleep', '60' or POSIX::_exit(1);
    }

    $server->prepare;
    $server->write_file($server->pid_file, "$pid\n");
    ok($server->stop, 'nothing of ours runs');
    ok(is_running($pid), 'a stale pid file harms nobody');

    kill KILL => $pid;
    my $ended = wait_until { !is_running($pid) };
    ok($ended, 'a zombie does not count');
    waitpid $pid, 0;
}


sub requests_as_bytes {
    my $bytes = sub {
        my ($request, %args) = @_;

        my $packets = build_request($request, host => 'h',
                                    connection => 'close', %args);
        return join '|', map { $_->{value} } @$packets;
    };

    is($bytes->("GET"), "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
       'method alone');
    is($bytes->("POST /x HTTP/1.0\n a b \n"),
       "POST /x HTTP/1.0\r\nHost: h\r\nConnection: close\r\n"
       . "Content-Length: 3\r\n\r\na b", 'trimmed body');
    is($bytes->("POST /x\n3\r\nabc\r\n0\r\n\r\n",
                more_headers => 'Transfer-Encoding: chunked'),
       "POST /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"
       . "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
       'chunked body is left alone');
    is($bytes->(["PO", "ST /x\n", "ab", "c"]),
       "PO|ST /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"
       . "Content-Length: 3\r\n\r\n|ab|c", 'cuts between packets');
}


sub answers_from_bytes {
    my $parse = sub {
        my ($method, $bytes) = @_;

        my ($answer) = parse_responses("HTTP/1.1 200 OK\r\n$bytes", [$method]);
        return join '|', $answer->{response}->content,
            $answer->{problem} // '';
    };

    is($parse->(GET => "Content-Length: 2\r\n\r\nab"), 'ab|', 'whole');
    is($parse->(GET => "\r\nab"), 'ab|', 'until the end of the connection');
    like($parse->(GET => "Content-Length: 5\r\n\r\nab"),
         qr/^ab\|5 bytes announced, 2 sent/, 'short');
    like($parse->(GET => "Content-Length: 1\r\n\r\nab"),
         qr/^a\|bytes after/, 'long');
    like($parse->(HEAD => "Content-Length: 1\r\n\r\na"),
         qr/^\|bytes after/, 'HEAD with a body');
    is($parse->(GET => "Transfer-Encoding: chunked\r\n\r\n"
                . "2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"), 'abc|', 'chunks');
    like($parse->(GET => "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n"),
         qr/^ab\|chunked body without/, 'no last chunk');
    like($parse->(GET => "Transfer-Encoding: chunked\r\n\r\n5\r\nab"),
         qr/^ab\|a chunk is cut/, 'half a chunk');
}


# The packet behind the one that finds no reader would raise SIGPIPE.
sub a_server_may_close_first {
    my $server = IO::Socket::INET->new(
        LocalAddr => '127.0.0.1', Listen => 1, Proto => 'tcp',
    ) or die $!;
    my $pid = fork() // die $!;

    if ($pid == 0) {
        my $client = $server->accept;
        sysread $client, my $request, 100;
        syswrite $client, 'answer';
        close $client;
        POSIX::_exit(0);
    }

    my $result = exchange(
        [map { { value => $_ } } 'one', 'two', 'three', 'four'],
        address => '127.0.0.1', port => $server->sockport, timeout => 10,
        delay => 0.1,
    );
    waitpid $pid, 0;

    is_deeply($result, { bytes => 'answer' },
              'an answer counts although the server has closed');
}
