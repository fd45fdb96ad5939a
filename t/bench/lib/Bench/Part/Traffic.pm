package Bench::Part::Traffic;

# Whoever else uses the machine while a first sync runs: visitors of the same
# nginx, and the application that writes into the same database.  Beside it
# the same without a sync, and during one of an earlier release.

use strict;
use warnings;

use Bench qw(RELEASE capture figure free_port http launch program release root
             stage stop wait_for write_file);
use Bench::Servers qw(bench_nginx central module site sync_by wait_for_helper);

use constant { ROUNDS => 5, RATE => 2000, SECONDS => 5 };

# rounds of the release, whose first sync takes longer
use constant BEFORE => 3;


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
    my ($central) = central(records => 500_000, gzip => 1, apart => 1);
    my $dir = stage('traffic');
    my $before = release();
    my %found;

    write_file("$dir/page", 'a' x 4096);

    for my $round (1 .. ROUNDS) {
        push @{ $found{ours} }, _first_sync(root(), $central);
        push @{ $found{release} }, _first_sync($before, $central)
            if $before && $round <= BEFORE;
    }

    _figures(\%found);
    _operational($dir);
}


# What the others notice of a first sync by the module and the helper of a
# tree: of all of it the application, of its first seconds the visitors.
sub _first_sync {
    my ($tree, $central) = @_;

    my $dir = stage('traffic');
    my $port = free_port();
    my $url = "http://127.0.0.1:$port/api";
    my %found;

    unlink glob "$dir/site*";

    my $nginx = bench_nginx(
        modules => [module($tree)],
        http => site('bench', "$dir/site.sqlite", $central, $tree) . <<"END",
    server {
        listen 127.0.0.1:$port;
        location /api/ { msync bench; }
        location = /page { root $dir; }
    }
END
    );

    wait_for_helper($url);

    $found{undisturbed} = _with_writer("$dir/site.sqlite", sub {
        $found{calm} = _open_loop($port);
    });

    http(POST => "$url/trigger");
    wait_for('the first sync', sub { _is_syncing($url) });
    $found{writes} = _with_writer("$dir/site.sqlite", sub {
        $found{busy} = _open_loop($port);
        die "the first sync ended before the visitors\n"
            if !_is_syncing($url);
        wait_for('the end of the first sync', sub {
            sleep 1;
            !_is_syncing($url);
        }, 600);
    });

    stop($nginx);
    unlink glob "$dir/site*";

    return \%found;
}


sub _is_syncing {
    my ($url) = @_;

    return http(GET => "$url/status")->{content} =~ /"isSyncing":\s*true/;
}


sub _figures {
    my ($found) = @_;

    # "busy", or "writes" and then "p99"
    my $of = sub {
        my ($whose, $what, $which) = @_;
        return [map { defined $which ? $_->{$what}{$which} : $_->{$what} }
                @{ $found->{$whose} }];
    };
    my @figures = (
        ['p99 of a static file during a first sync, 2,000 requests/s',
         ['busy'], ['calm'], '<= 2'],
        ["the application's writes during a first sync, p99",
         ['writes', 'p99'], ['undisturbed', 'p99'], '<= 10'],
        ["the application's longest wait during a first sync",
         ['writes', 'max'], undef, '<= 500'],
    );

    for my $figure (@figures) {
        my ($name, $what, $beside, $limit) = @$figure;

        figure(name => $name, unit => 'ms', ours => $of->('ours', @$what),
               $beside ? (peer => $of->('ours', @$beside),
                          peer_name => 'undisturbed') : (),
               limit => $limit);
        figure(name => $name, unit => 'ms', ours => $of->('ours', @$what),
               peer => $of->('release', @$what),
               peer_name => 'release ' . RELEASE) if $found->{release};
    }
}


# ten thousand records become rows at once where people work
sub _operational {
    my ($dir) = @_;

    my ($empty) = central();
    my ($full) = central(records => 10_000);
    my @longest;

    for my $round (1 .. ROUNDS) {
        unlink glob "$dir/site*";

        sync_by("$dir/site.sqlite", $empty);
        push @longest, _with_writer("$dir/site.sqlite", sub {
            sync_by("$dir/site.sqlite", $full);
        })->{max};
    }

    unlink glob "$dir/site*";
    figure(name => "the application's longest wait while 10,000 records "
                   . 'come into an initialised site', unit => 'ms',
           ours => \@longest, limit => '<= 500');
}

1;
