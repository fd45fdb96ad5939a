# What documents give to copy, as a stranger has it: the README's configurations
# word for word, but for the folders of this machine, the demo, twice, what make
# says where it cannot install, and the drill of a restore, two nights.

use strict;
use warnings;

use Msync::Test qw(curl decode_json encode_json free_port project_root
                   site_path slurp sqlite stage_dir start_central wait_until
                   worker_user write_file write_private);
use POSIX ();
use Test::More;

my $readme = slurp(project_root() . '/README.md');
my ($whole, $application) = $readme =~ /^```nginx\n(.*?)^```$/gms;

like($whole, qr/^load_module .*^    msync_site /ms, 'a whole one');
like($application, qr/^location .* sub_filter /s, 'one of an application');

my $prefix = stage_dir() . '/readme';
mkdir $_ for $prefix, map { "$prefix/$_" } qw(logs modules);
symlink '/etc/nginx/mime.types', "$prefix/mime.types";
symlink $ENV{TEST_NGINX_LOAD_MODULES},
    "$prefix/modules/ngx_http_msync_module.so"
    if $ENV{TEST_NGINX_LOAD_MODULES} ne '';

my $here = site_path('readme.sqlite');
$whole =~ s{/var/lib/msync/clinic\.sqlite}{$here};
$whole =~ s/^load_module .*\n// if $ENV{TEST_NGINX_LOAD_MODULES} eq '';

is(complaint($whole), '', 'nginx takes it');

ok($whole =~ s/^    \}\n\}\n\z/$application    }\n}\n/m,
   'it ends with a server');
is(complaint($whole), '', 'and with an application behind it');

SKIP: {
    skip 'the demo is of this build and of the nginx in PATH', 1
        if $ENV{TEST_NGINX_BINARY} || $ENV{TEST_NGINX_LOAD_MODULES} eq '';

    subtest 'a demo whose DIR is kept goes on where it was',
        \&the_demo_goes_on;
}

SKIP: {
    skip 'no npm', 1 if system('npm --version >/dev/null 2>&1') != 0;

    like(modules_that_are_not_to_be_had(), qr/ECONNREFUSED/,
         'of node modules that cannot be installed make says why');
}

SKIP: {
    skip 'the drill is for root', 1 if !worker_user();

    subtest 'the drill of operations.md is one of each night', \&the_drill;
}

done_testing();


# Of a tree that has none, where no registry answers.
sub modules_that_are_not_to_be_had {
    my $tree = stage_dir() . '/no-modules';
    my $tools = project_root() . '/t';

    system(qw(mkdir -p), "$tree/t/tools", "$tree/bin") == 0
        && system('cp', "$tools/package.json", "$tools/package-lock.json",
                  "$tree/t") == 0
        && system('cp', "$tools/tools/deps", "$tree/t/tools") == 0
        or die "$tree is not made";

    # no package is installed by a test
    open my $file, '>', "$tree/bin/dpkg-query" or die "dpkg-query: $!";
    print {$file} "#!/bin/sh\necho installed\n";
    close $file or die "dpkg-query: $!";
    chmod 0755, "$tree/bin/dpkg-query";

    local @ENV{qw(PATH npm_config_registry npm_config_cache
                  npm_config_fetch_retries)}
        = ("$tree/bin:$ENV{PATH}", 'http://127.0.0.1:1', "$tree/cache", 0);

    return scalar `$tree/t/tools/deps lint 2>&1`;
}


# Its central servers begin anew, at the address that was saved.
sub the_demo_goes_on {
    my $dir = site_path('demo');
    my $port = free_port();
    my $database = "$dir/site/clinic.sqlite";
    my $post = sub { curl('-X', 'POST', "http://127.0.0.1:$port/sync/api/$_[0]",
                          '-d', $_[1] // '') };
    my $behind = sub {
        my ($id) = @_;

        return wait_until(sub {
            my $history = curl("http://127.0.0.1:$port/sync/api/history");
            my ($run) = @{ decode_json($history->{content})->{runs} // [] };
            return $run && $run->{id} > $id && $run->{summary}{finished}
                && !$run->{error} && $run;
        });
    };

    my $demo = demo($dir, $port);
    my ($url) = $demo->{said} =~ /enter\n +(\S+)/;
    is($post->(initialise => encode_json({ url => $url, username => 'Clinic 7',
        password => 'secret' }))->{status}, 202, 'the site is connected');
    my $first = $behind->(0);
    my $id = sqlite($database, 'SELECT ID FROM item_line WHERE store_ID IN '
        . '(SELECT ID FROM store WHERE sync_id_remote_site = 7) LIMIT 1');
    sqlite($database, "UPDATE item_line SET batch = 'of here' WHERE ID = "
           . "'$id'");
    $post->('trigger');
    my $second = $behind->($first->{id});
    is($second->{push}{total}, 1, 'an edit is sent');
    stop($demo);

    $demo = demo($dir, $port);
    $post->('trigger');
    ok($behind->($second->{id}), 'the next demo goes on');
    is(sqlite($database, "SELECT batch FROM item_line WHERE ID = '$id'"),
       'of here', 'with what was edited');
    stop($demo);
}


sub the_drill {
    my ($drill) = slurp(project_root() . '/docs/operations.md') =~
        /^A\ drill,.*?\n\n((?:\ {4}[^\n]*\n)+)/ms;
    my $dir = site_path('drill');
    my $port = free_port();
    my $central = start_central(password => 'secret', records => 100);
    my $url = $central->url;
    my (undef, undef, $uid, $gid) = getpwnam worker_user();

    mkdir "$dir$_" for '', '/logs', '/site';
    chown $uid, $gid, "$dir/site";
    symlink $ENV{TEST_NGINX_MSYNC}, "$dir/msync";
    my $password = write_private('drill.password', "secret\n");
    my $load = join '', map { "load_module $_;\n" }
        split ' ', $ENV{TEST_NGINX_LOAD_MODULES};

    my $conf = write_file('drill.conf', <<"EOF");
${load}user @{[ worker_user() ]};
pid $dir/nginx.pid;
events { }
http {
    msync_site clinic {
        database $dir/site/clinic.sqlite;
        helper $dir/msync;
        url $url; username "Clinic 7"; password_file $password;
    }
    access_log off;
    server {
        listen 127.0.0.1:$port;
        location /sync/api/ { msync clinic; }
    }
}
EOF

    ok($drill =~ s{/var/lib/msync}{$dir/site} && $drill =~ s/:8080/:$port/,
       'it is as it was read here');
    my $nginx = $ENV{TEST_NGINX_BINARY} // 'nginx';
    my $script = write_file('drill.sh', <<"EOF");
set -e
PATH=$dir:\$PATH
systemctl() {
    if [ \$1 = start ]; then
        $nginx -p $dir -c $conf -e $dir/logs/error.log
    else
        kill -QUIT \$(cat $dir/nginx.pid)
        while [ -e $dir/nginx.pid ]; do sleep 0.1; done
    fi
}
synced() {
    until curl -s http://127.0.0.1:$port/sync/api/status | grep -q '"idle"'; do
        sleep 0.1
    done
}
trap 'systemctl stop' EXIT
systemctl start
until curl -sfX POST http://127.0.0.1:$port/sync/api/trigger; do sleep 0.1; done
synced
$drill
synced
sleep 1
$drill
synced
EOF

    my $said = `timeout 60 bash $script 2>&1`;
    is($?, 0, 'both nights') or diag($said);
}


# Begins one; what it says.
sub demo {
    my ($dir, $port) = @_;
    my $said = "$dir.said";

    unlink $said;

    my $pid = fork() // die "fork: $!\n";

    if ($pid == 0) {
        open STDOUT, '>', $said or POSIX::_exit(126);
        open STDERR, '>&', \*STDOUT or POSIX::_exit(126);
        @ENV{qw(DIR PORT SITE RECORDS)} = ($dir, $port, 'empty', 200);
        exec project_root() . '/t/tools/demo' or POSIX::_exit(127);
    }

    wait_until(sub {
        die slurp($said) if waitpid($pid, POSIX::WNOHANG) == $pid;
        return -e $said && slurp($said) =~ /Ctrl-C ends it/;
    });
    return { pid => $pid, said => slurp($said) };
}


sub stop {
    my ($demo) = @_;

    kill TERM => $demo->{pid};
    waitpid $demo->{pid}, 0;
    return;
}


# What nginx says against it, '' for nothing.
sub complaint {
    my ($configuration) = @_;
    my $nginx = $ENV{TEST_NGINX_BINARY} // 'nginx';

    open my $file, '>', "$prefix/nginx.conf" or die "nginx.conf: $!";
    print {$file} "pid logs/nginx.pid;\n", $configuration;
    close $file or die "nginx.conf: $!";

    my $said = `$nginx -t -p $prefix -c $prefix/nginx.conf -e stderr 2>&1`;
    return $? == 0 ? '' : $said;
}
