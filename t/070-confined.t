# What the helper can do to the machine that it runs on, if what it reads
# from the network ever got hold of it: nothing.
#
# A real helper with a library preloaded that tries (t/confined/probe.c); it
# tries once before it is confined, too, so that a trial which fails for
# another reason proves nothing.
#
# All of it twice: once with the kernel that is here, once with the version of
# Landlock that Debian 12 has (t/confined/landlock.c).

use strict;
use warnings;

use Msync::Life qw(own_mounts);
use Msync::Test qw(
    project_root site_config site_path sqlite stage_dir start_central
    start_nginx wait_until write_private
);
use POSIX ();
use Test::More;

use constant PASSWORD => 'correct horse battery';

# refused with this; the others are needed for work
my %REFUSED = (
    'read a secret'             => 'EACCES',
    'read /etc/passwd'          => 'EACCES',
    'write a secret'            => 'EACCES',
    'empty a secret'            => 'EPERM',
    'write beside the database' => 'EACCES',
    'write in /tmp'             => 'EACCES',
    'remove a secret'           => 'EACCES',
    'rename a secret'           => 'EACCES',
    'list a folder'             => 'EACCES',
    'read a process'            => 'EACCES',
    'exec'                      => 'EPERM',
    'fork'                      => 'EPERM',
    'ptrace'                    => 'EPERM',
    'mount'                     => 'EPERM',
    'unshare'                   => 'EPERM',
    'keyctl'                    => 'EPERM',
    'bpf'                       => 'EPERM',
    'io_uring'                  => 'EPERM',
    'userfaultfd'               => 'EPERM',
    'a packet socket'           => 'EPERM',
    'a VM socket'               => 'EPERM',
    'a local socket'            => 'EPERM',
    'a pair of datagrams'       => 'EPERM',
    'listen'                    => 'EPERM',
    'openat2'                   => 'EPERM',
    'kill its group'            => 'EPERM',
    'own a descriptor'          => 'EPERM',
    'own a socket'              => 'EPERM',
    map { $_ => 'EPERM' } qw(
        truncate chmod fchmodat fchmodat2 chown lchown fchownat
        setxattr lsetxattr fsetxattr removexattr lremovexattr fremovexattr
        utimensat utimes utime futimesat
        kill tkill tgkill rt_sigqueueinfo rt_tgsigqueueinfo
        shmctl mq_unlink prlimit64 setpriority ioprio_set sched_setaffinity
        sched_setscheduler sched_setparam sched_setattr
    ),
);

my @ALLOWED = (
    'read /etc/hosts', 'an internet socket', 'a pair of streams',
    'signal itself', 'signal its thread', 'see its limits',
    'find a name',
);

# of those that are refused, what the helper's user may do otherwise
my @OTHERWISE = (
    'read a secret', 'read /etc/passwd', 'write beside the database',
    'list a folder', 'read a process', 'fork', 'empty a secret',
    'truncate', 'chmod', 'chown', 'utimensat', 'kill', 'own a descriptor',
    'prlimit64', 'setpriority', 'sched_setaffinity', 'a local socket',
    'a pair of datagrams', 'listen',
);

if (qx(nm -D "$ENV{TEST_NGINX_MSYNC}" 2>&1) =~ /__(?:asan|tsan)_init/) {
    plan skip_all => 'built with a sanitizer, which needs what is refused';
}

my $mounts = own_mounts();
my $preload = compile('probe');
my $said = site_path('probe.log');
my $secret = write_private('secret', "of another site\n");

write_private('password', PASSWORD . "\n");
write_private('probe.log', '');

my $central = start_central(password => PASSWORD, records => 300);
my ($site, $nginx);

unconfined_it_could();

with_helper('older', compile('landlock') . ":$preload", sub {
    ok($nginx->logged(qr/Landlock .* version 2, without .* truncation/),
       'what an old Landlock lacks is told of');
});
with_helper('clinic', $preload, \&a_replaced_file_is_read_by_a_new_helper);
$central = start_central(password => PASSWORD, records => 300);

my $filter = compile('filter');

under_a_unit_that_forbids_it(
    'ended', qr/nginx's unit ends whoever asks for Landlock/);
{
    local $ENV{FILTER_REFUSES} = 1;
    $central = start_central(password => PASSWORD, records => 300);
    under_a_unit_that_forbids_it(
        'refused', qr/nginx's unit or container forbids Landlock/);
}

done_testing();


# all that a helper with these libraries is kept from, and then this
sub with_helper {
    my ($name, $libraries, $more) = @_;

    $site = $name;
    write_private('probe.log', '');
    write_private('secret', "of another site\n");

    $nginx = start_nginx(
        workers => 1,
        http    => site(helper => wrapper($libraries)),
        server  => "location /api/ { msync $site; }",
    );

    note("the helper of \"$site\"");
    the_process_is_closed();
    a_sync_works();
    confined_it_cannot();
    $more->();

    is_deeply([$nginx->alarms(qr/exited on signal/)], [], 'no alarms');
    ok($nginx->stop, 'nginx quits');
    return;
}


sub under_a_unit_that_forbids_it {
    my ($name, $told) = @_;

    $site = $name;
    {
        local $ENV{LD_PRELOAD} = $filter;
        $nginx = start_nginx(
            workers => 1,
            http    => site(helper => $ENV{TEST_NGINX_MSYNC}),
            server  => "location /api/ { msync $site; }",
        );
    }

    a_sync_works();
    ok($nginx->logged($told), 'that it is not confined by it is told of');
    like(slurp('/proc/' . $nginx->pid . '/status'), qr/^Seccomp:\s+2$/m,
         'all of nginx has the filter');
    is_deeply([grep { /was ended by|exited on signal/ } $nginx->log_lines], [],
              'which ended nothing');
    ok($nginx->stop, 'nginx quits');
    return;
}


sub site {
    return site_config($site,
        url           => $central->url,
        username      => '"Clinic 7"',
        password_file => site_path('password'),
        interval      => '0',
        @_,
    );
}


sub compile {
    my ($name) = @_;

    my $library = stage_dir() . "/$name.so";

    system($ENV{CC} || 'cc', qw(-O1 -shared -fPIC -D_GNU_SOURCE -o), $library,
        project_root() . "/t/confined/$name.c") == 0
        or BAIL_OUT("$name.c does not compile");
    chmod 0755, $library;

    return $library;
}


sub wrapper {
    my ($libraries) = @_;

    my $path = stage_dir() . "/fake/probed-$site";
    my $beside = site_path('beside');

    open my $handle, '>', $path or die "$path: $!\n";
    print {$handle} <<"END";
#!/bin/sh
PROBE_SECRET=$secret PROBE_BESIDE=$beside LD_PRELOAD=$libraries
export PROBE_SECRET PROBE_BESIDE LD_PRELOAD
exec $ENV{TEST_NGINX_MSYNC} "\$@" 0>>$said
END
    close $handle or die "$path: $!\n";
    chmod 0755, $path;

    return $path;
}


# what a trial came to, by its name
sub trials {
    open my $handle, '<', $said or die "$said: $!\n";

    return map { /^probe: ([^:]+): (\w+)$/ ? ($1, $2) : () } <$handle>;
}


# the helper that works, another one than $before, once it is confined
sub helper {
    my ($before) = @_;

    my $lock = site_path("$site.sqlite.lock");

    return wait_until {
        open my $handle, '<', $lock or return;
        my ($pid) = (<$handle> // q()) =~ /^(\d+)$/;
        return if !$pid || $pid == ($before // 0);
        return slurp("/proc/$pid/status") =~ /^Seccomp:\s+2$/m ? $pid : undef;
    };
}


sub slurp {
    my ($path) = @_;

    open my $handle, '<', $path or return q();
    local $/ = undef;

    return <$handle>;
}


# the same trials, in a process that gave up nothing, as the same user
sub unconfined_it_could {
    my $user = Msync::Test::worker_user();
    my $script = 'use Socket; socket(my $s, AF_INET, SOCK_STREAM, 0); '
        . 'connect($s, pack_sockaddr_in(1, inet_aton("127.0.0.1")))';
    my %env = (PROBE_SECRET => "$secret.copy",
               PROBE_BESIDE => site_path('beside'), LD_PRELOAD => $preload);

    write_private('secret.copy', 'x');

    my $pid = fork() // die "fork: $!\n";

    if ($pid == 0) {
        if (defined $user) {
            my (undef, undef, $uid, $gid) = getpwnam $user;
            $( = $) = $gid;
            $< = $> = $uid;
        }
        open my $handle, '>>', $said or die "$said: $!\n";
        POSIX::dup2(fileno $handle, 0);
        open STDERR, '>', '/dev/null' or die;    # the shell's words
        @ENV{keys %env} = values %env;
        # a parent of the same user
        exec '/bin/sh', '-c', '"$0" -e "$1"; exit', $^X, $script or die;
    }

    waitpid $pid, 0;

    # one trial is to be traced by that shell, which may end before
    my %trial;
    wait_until { %trial = trials(); $trial{listen} };
    is($trial{$_}, 'done', "unconfined, it can $_") for @OTHERWISE;

    unlink site_path('beside');
    return;
}


sub the_process_is_closed {
    my $pid = helper();
    ok($pid, 'the helper has a filter of system calls') or return;

    my $status = slurp("/proc/$pid/status");

    like($status, qr/^NoNewPrivs:\s+1$/m, 'no new privileges');
    is((stat "/proc/$pid/environ")[4], 0, 'not dumpable');

    my $limits = slurp("/proc/$pid/limits");
    like($limits, qr/^Max core file size +0 +0 /m, 'no core dump');
    like($limits, qr/^Max open files +\d{1,3} +\d{1,3} /m,
         'few descriptors');

    my @open = map { readlink($_) // q() } glob "/proc/$pid/fd/*";
    my $database = site_path("$site.sqlite");

    is_deeply([grep { !m{^(?:/dev/null|socket:.*|pipe:.*|anon_inode:.*)$}
        && !m{^\Q$database\E(?:-wal|-shm|\.lock)?$}
        && !m{/error\.log$} && $_ ne $said } @open], [],
        'no descriptor but those that it needs') or diag("@open");
    return;
}


sub a_sync_works {
    is($nginx->post('/api/trigger')->{status}, 202, 'a sync is asked for');

    my $doc = $nginx->wait_status(sub {
        $_->{syncStatus}{lastSuccessfulSync} && $_->{state} eq 'idle';
    });

    ok($doc, 'and ends well') or diag(join "\n", $nginx->log_lines);
    cmp_ok(sqlite(site_path("$site.sqlite"), 'SELECT count(*) FROM item'),
           '>', 0, 'with its rows');
    return;
}


sub confined_it_cannot {
    my %trial = trials();

    is($trial{$_}, $REFUSED{$_}, "confined, it cannot $_")
        for sort keys %REFUSED;
    is($trial{$_}, 'done', "it can have $_") for @ALLOWED;

    is(slurp($secret), "of another site\n", 'the secret is as it was');
    ok(!-e site_path('beside'), 'nothing is beside the database');
    return;
}


sub a_replaced_file_is_read_by_a_new_helper {
    my $authorities = write_private('authorities.pem', '');
    my $first = helper();

    $nginx->set(http => site(
        helper                  => $ENV{TEST_NGINX_MSYNC},
        ssl_trusted_certificate => $authorities,
    ));
    ok($nginx->reload, 'a site with a file of authorities');

    # what it knows of the file it learns when it is confined
    my $old = helper($first);
    ok($old, 'which a helper of its own has read');

    write_private('authorities.new', '');
    rename site_path('authorities.new'), $authorities;

    is($nginx->post('/api/trigger')->{status}, 202, 'a sync is asked for');

    my $next = helper($old // 0);
    ok($next, 'after it was replaced another helper works');

    my $database = site_path("$site.sqlite");
    ok(wait_until(sub {
        sqlite($database, 'SELECT count(*) FROM sync_log '
            . 'WHERE finished_datetime IS NOT NULL') >= 2;
    }), 'and does what was asked for') or diag(join "\n", $nginx->log_lines);

    # settings are tried by one that has read the file of today as well
    write_private('authorities.new', '');
    rename site_path('authorities.new'), $authorities;

    my $answer = $nginx->post('/api/test', content => {});
    is($answer->{status}, 200, 'a test of settings is answered')
        or diag($answer->{content});
    $next = helper($next // 0);
    ok($next, 'by yet another helper');

    SKIP: {
        skip 'no mounts of its own', 2 if !$mounts;

        write_private('resolv.conf', slurp('/etc/resolv.conf'));
        is(system('mount', '--bind', site_path('resolv.conf'),
                  '/etc/resolv.conf'), 0, 'another list of name servers');
        $nginx->post('/api/trigger');
        $next = helper($next // 0);
        ok($next, 'is read by another helper, too');
        $nginx->wait_status(sub { $_->{state} eq 'idle' });
    }

    my @pauses = map { /with status 0 .* starts in (\d+)ms/ }
        $nginx->log_lines;
    cmp_ok(scalar @pauses, '>=', 2, 'helpers went for it');
    is_deeply([grep { $_ >= 1250 } @pauses], [],
              'one that goes by itself makes no pause longer');

    # in the middle of a run, in which the connection is lost then
    $central->config(page_delay_ms => 1000);
    $nginx->post('/api/trigger');
    ok($nginx->wait_status(sub { $_->{state} eq 'syncing' }), 'a run');

    write_private('authorities.new', '');
    rename site_path('authorities.new'), $authorities;
    $central->stop;

    ok(helper($next // 0),
       'a run that cannot connect goes on in a helper that reads the file');
    ok(wait_until(sub {
        sqlite($database, 'SELECT group_concat(ifnull(error_code, 0)) '
            . 'FROM (SELECT * FROM sync_log ORDER BY started_datetime)')
            =~ /HELPER_STOPPED,\w+$/;
    }), 'which begins by itself') or diag(join "\n", $nginx->log_lines);
    return;
}
