package Bench::Part::Status;

# The status document against what nginx itself can do at most: "return" says
# the same octets under the same headers.

use strict;
use warnings;

use Bench qw(capture cpu_ticks figure free_port http in_turns program stage
             stop wait_for write_file);
use Bench::Servers qw(bench_nginx central module site wait_for_helper
                      worker_of);

# what has a limit is measured more often: a round alone says little
use constant { ROUNDS => 7, JUDGED => 15, SECONDS => 1, STREAMS => 1000 };


# Requests a second and requests a second of the worker's own time.
sub _wrk {
    my ($url, $worker, @headers) = @_;

    my $ticks = cpu_ticks($worker);
    my $out = capture('taskset', '-c', '1', 'wrk', '-t1', '-c50',
                      '-d' . SECONDS . 's', (map { ('-H', $_) } @headers),
                      $url);
    $ticks = cpu_ticks($worker) - $ticks;

    my ($n) = $out =~ /(\d+) requests in/ or die "wrk: $out";
    die "wrk met errors: $out" if $out =~ /Non-2xx|Socket errors: [^\n]*[1-9]/;
    my ($rate) = $out =~ m{Requests/sec:\s+([\d.]+)};

    return { rate => $rate, cpu => $n / ($ticks || 1) * 100 };
}


sub run {
    my ($central) = central();
    my $dir = stage('status');
    my $port = free_port();
    my $url = "http://127.0.0.1:$port";

    my $site = site('bench', "$dir/site.sqlite", $central);
    my $server = sub {
        my ($body) = @_;
        return "$site\n" . <<"END";
    open_file_cache max=16;
    server {
        listen 127.0.0.1:$port backlog=4096;
        location /api/ { msync bench; }
        location = /return {
            add_header ETag '"0123456789abc"';
            add_header Cache-Control no-cache;
            default_type 'application/json; charset=utf-8';
            return 200 '$body';
        }
        location = /stub { stub_status; }
        location = /static { root $dir; }
    }
END
    };

    # once to learn what the document is, once with its copies beside it
    my $nginx = bench_nginx(modules => [module()], http => $server->('{}'));
    wait_for_helper("$url/api");
    http(POST => "$url/api/trigger");
    wait_for('a run', sub {
        http(GET => "$url/api/status")->{content}
            =~ /"isSyncing":\s*false.*"finished":\s*"/s;
    });

    my $body = http(GET => "$url/api/status")->{content};
    stop($nginx, 'QUIT');
    write_file("$dir/static", $body);
    $nginx = bench_nginx(modules => [module()], http => $server->($body));
    wait_for_helper("$url/api");

    my $worker = worker_of($nginx);
    _pair($url, $worker, 'status, requests a second', '>= 0.97');
    _pair($url, $worker, 'status without keep-alive', undef,
          'Connection: close');

    my $took = in_turns(ROUNDS,
        map { my $path = $_;
              ($path => sub { _wrk("$url/$path", $worker)->{rate} })
            } qw(api/status stub static));

    for my $peer (['stub', 'stub_status (97 octets)'],
                  ['static', 'static file'])
    {
        figure(
            name => 'status, requests a second', unit => '/s',
            ours => $took->{'api/status'}, peer => $took->{ $peer->[0] },
            peer_name => $peer->[1],
        );
    }

    # streams that nobody writes to cost the others nothing
    my ($in, $out) = _streams($port);
    _pair($url, $worker, 'status beside 1,000 open streams');
    close $in;
    close $out;

    stop($nginx);
}


# Against "return", there and back in each round: what changes on the machine
# meanwhile concerns both alike.
sub _pair {
    my ($url, $worker, $name, $limit, @headers) = @_;

    my %took;

    for my $round (1 .. ($limit ? JUDGED : ROUNDS)) {
        my %sum;

        for my $path (qw(api/status return return api/status)) {
            my $found = _wrk("$url/$path", $worker, @headers);
            $sum{$path}{$_} += $found->{$_} / 2 for qw(rate cpu);
        }

        push @{ $took{$_} }, $sum{$_} for keys %sum;
    }

    for my $what ('rate', $limit ? 'cpu' : ()) {
        figure(
            name => $what eq 'cpu' ? "$name of worker CPU" : $name,
            unit => '/s',
            ours => [map { $_->{$what} } @{ $took{'api/status'} }],
            peer => [map { $_->{$what} } @{ $took{return} }],
            peer_name => 'return 200',
            $limit && $what eq 'rate' ? (limit => $limit) : (),
        );
    }
}


sub _streams {
    my ($port) = @_;

    require IPC::Open2;
    IPC::Open2::open2(my $out, my $in, program('streams'), $port,
                      '/api/events', STREAMS);
    die "the streams do not open\n" if (<$out> // '') ne "open\n";

    return ($in, $out);
}

1;
