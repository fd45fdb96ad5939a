package Bench::Part::Traffic;

# Whoever else uses the machine while a first sync runs: visitors of the same
# nginx, and the application that writes into the same database.

use strict;
use warnings;

use Bench qw(capture figure free_port http launch program root stage stop
             wait_for write_file);
use Bench::Servers qw(bench_nginx central module site);

use constant { ROUNDS => 5, RATE => 2000, SECONDS => 5 };


sub _open_loop {
    my ($port) = @_;

    return (split ' ', capture(program('openloop'), $port, '/page', RATE,
                               SECONDS, 32))[1];
}


sub _with_writer {
    my ($database, $meanwhile) = @_;

    my $out = stage('traffic') . '/writer.out';
    my $writer = launch([program('writer'), $database, 5], out => $out);
    $meanwhile->();
    stop($writer);
    my ($n, $p50, $p99, $max) = split ' ', capture('cat', $out);
    die "the application wrote nothing\n" if !$n;

    return { p99 => $p99, max => $max };
}


sub run {
    my ($central) = central(records => 500_000, gzip => 1);
    my $dir = stage('traffic');
    my (@calm, @busy, @writes, @undisturbed);

    write_file("$dir/page", 'a' x 4096);

    for my $round (1 .. ROUNDS) {
        unlink glob "$dir/site*";
        my $port = free_port();
        my $nginx = bench_nginx(
            modules => [module()],
            http => site('bench', "$dir/site.sqlite", $central) . <<"END",
    server {
        listen 127.0.0.1:$port;
        location /api/ { msync bench; }
        location = /page { root $dir; }
    }
END
        );
        my $url = "http://127.0.0.1:$port/api";
        wait_for('the helper', sub {
            http(GET => "$url/status")->{content} !~ /"stopped"/;
        });

        push @calm, _open_loop($port);
        push @undisturbed, _with_writer("$dir/site.sqlite", sub { sleep 2 });

        http(POST => "$url/trigger");
        wait_for('the first sync', sub {
            http(GET => "$url/status")->{content}
                =~ /"isSyncing":\s*true/;
        });
        push @writes, _with_writer("$dir/site.sqlite", sub {
            push @busy, _open_loop($port);
        });
        stop($nginx);
    }

    unlink glob "$dir/site*";

    figure(name => 'p99 of a static file during a first sync, '
                   . '2,000 requests/s', unit => 'ms',
           ours => \@busy, peer => \@calm, peer_name => 'undisturbed',
           limit => '<= 2');
    figure(name => "the application's writes during a first sync, p99",
           unit => 'ms', ours => [map { $_->{p99} } @writes],
           peer => [map { $_->{p99} } @undisturbed],
           peer_name => 'undisturbed');
    figure(name => "the application's longest wait during a first sync",
           unit => 'ms', ours => [map { $_->{max} } @writes]);
    _operational($dir);
}


# ten thousand records become rows at once where people work
sub _operational {
    my ($dir) = @_;

    my ($empty) = central();
    my ($full) = central(records => 10_000);
    my $password = write_file(stage() . '/password', "bench\n");
    chmod 0600, $password;
    my @longest;

    for my $round (1 .. ROUNDS) {
        unlink glob "$dir/site*";

        my $sync = sub {
            capture('sh', '-c', 'exec "$0" "$@" >/dev/null 2>&1',
                    root() . '/build/msync', '--database',
                    "$dir/site.sqlite", '--url', $_[0], '--username',
                    'bench', '--password-file', $password, 'sync');
        };

        $sync->($empty);
        push @longest, _with_writer("$dir/site.sqlite",
                                    sub { $sync->($full) })->{max};
    }

    unlink glob "$dir/site*";
    figure(name => "the application's longest wait while 10,000 records "
                   . 'come into an initialised site', unit => 'ms',
           ours => \@longest);
}

1;
