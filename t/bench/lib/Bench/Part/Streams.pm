package Bench::Part::Streams;

# Event streams by the thousand, against nchan's EventSource.

use strict;
use warnings;

use IPC::Open2 qw(open2);
use Time::HiRes qw(sleep);

use Bench qw(figure free_port http in_turns median program skip stage stop);
use Bench::Servers qw(bench_nginx central module site wait_for_helper
                      worker_of);

use constant { ROUNDS => 5, STREAMS => 5000, MESSAGES => 5 };
use constant NCHAN => '/usr/lib/nginx/modules/ngx_nchan_module.so';

my $Small = "request_pool_size 1k;\nclient_header_buffer_size 512;\n";


sub _anonymous_kib {
    my ($pid) = @_;

    open my $fh, '<', "/proc/$pid/smaps_rollup" or die "process $pid: $!\n";
    my ($kib) = join('', <$fh>) =~ /^Anonymous:\s+(\d+)/m;

    return $kib;
}


# Opens the streams, has as many changes as MESSAGES; returns KiB a stream
# idle and after them, and the times until the last client has each.
sub _measure {
    my ($nginx, $port, $path, $change) = @_;

    my $worker = worker_of($nginx);
    my $before = _anonymous_kib($worker);
    my $pid = open2(my $out, my $in, program('streams'), $port, $path,
                    STREAMS);
    my $line = <$out> // '';
    die "the streams do not open\n" if $line ne "open\n";

    sleep 0.5;
    my $idle = (_anonymous_kib($worker) - $before) / STREAMS;
    my @times;

    for my $i (1 .. MESSAGES) {
        print {$in} "wait\n";
        $in->flush;
        <$out>;
        $change->($i);
        my ($first, $last) = split ' ', <$out> // '';
        die "the streams broke\n" if !defined $last;
        push @times, $last;
        sleep 0.3;
    }

    my $after = (_anonymous_kib($worker) - $before) / STREAMS;
    close $in;
    waitpid $pid, 0;

    return { idle => $idle, after => $after,
             last => median(@times) };
}


sub _ours {
    my ($central, $pools) = @_;

    my $dir = stage('streams');
    my $port = free_port();
    my $nginx = bench_nginx(
        modules => [module()],
        http => site('bench', "$dir/site.sqlite", $central) . <<"END",
    $pools
    server {
        listen 127.0.0.1:$port backlog=8192;
        location /api/ { msync bench; }
    }
END
    );
    my $url = "http://127.0.0.1:$port/api";
    wait_for_helper($url);

    # each turns the state over, and so makes one event
    my $found = _measure($nginx, $port, '/api/events', sub {
        http(POST => "$url/" . ($_[0] % 2 ? 'pause' : 'resume'));
    });
    $found->{body} = http(GET => "$url/status")->{content};
    stop($nginx);
    unlink glob "$dir/*";

    return $found;
}


sub _nchan {
    my ($pools, $body) = @_;

    my $port = free_port();
    my $nginx = bench_nginx(modules => [NCHAN], http => <<"END");
    $pools
    server {
        listen 127.0.0.1:$port backlog=8192;
        location = /events { nchan_subscriber eventsource;
                             nchan_channel_id bench; }
        location = /publish { nchan_publisher; nchan_channel_id bench; }
    }
END
    my $found = _measure($nginx, $port, '/events', sub {
        http(POST => "http://127.0.0.1:$port/publish", $body);
    });
    stop($nginx);

    return $found;
}


sub run {
    my ($central) = central();
    my $body;

    my @peer = -e NCHAN
        ? (nchan => sub { _nchan('', $body) }) : ();
    skip('nchan is not installed (libnginx-mod-nchan)') if !@peer;

    my $took = in_turns(ROUNDS,
        small => sub {
            my $found = _ours($central, $Small);
            $body = $found->{body};
            return $found;
        },
        default => sub { _ours($central, '') },
        @peer,
    );

    my $figure = sub {
        my ($name, $which, $what, $unit, @more) = @_;
        figure(
            name => $name, unit => $unit,
            ours => [map { $_->{$what} } @{ $took->{$which} }],
            $took->{nchan}
                ? (peer => [map { $_->{$what} } @{ $took->{nchan} }],
                   peer_name => 'nchan', @more) : (),
        );
    };

    $figure->('event stream, idle, small pools', 'small', 'idle', 'KiB');
    $figure->('event stream after five messages, small pools', 'small',
              'after', 'KiB', limit => '<= 0.5');
    $figure->('event stream after five messages, default pools', 'default',
              'after', 'KiB');
    $figure->('change to the last of 5,000 clients', 'small', 'last', 'ms',
              limit => '<= 1');
}

1;
