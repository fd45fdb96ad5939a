# What the README gives to copy, as a stranger has it: the configurations word
# for word, but for the folders of this machine, the demo, twice, and what make
# says where it cannot install.

use strict;
use warnings;

use Msync::Test qw(curl decode_json encode_json free_port project_root
                   site_path slurp sqlite stage_dir wait_until);
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
