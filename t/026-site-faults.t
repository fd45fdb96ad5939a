# One thing that is wrong with a site: "nginx -t" warns, nginx starts and serves
# whatever else it has, and the site's page says what is wrong.  When it is
# mended, the site goes on by itself.

use strict;
use warnings;

use Msync::Life qw(own_mounts);
use Msync::Test qw(
    is_running project_root site_config site_path slurp sqlite stage_dir
    start_central start_nginx wait_until write_private
);
use Fcntl qw(LOCK_EX);
use POSIX ();
use Test::More;

use constant PASSWORD => 'correct horse battery';

my $mounts = own_mounts();
my $central = start_central(password => PASSWORD, records => 20);
my $dir = stage_dir() . '/open';

mkdir $dir or die "$dir: $!\n";
mkdir "$dir/folder" or die "$dir: $!\n";
POSIX::mkfifo("$dir/pipe", 0666) && chmod 0666, "$dir/pipe"
    or die "$dir/pipe: $!\n";
put("$dir/password", 0644);
put("$dir/tables.json", 0644, '[{"table": "unit", "renaem": "x"}]');

put("$dir/narrow", 0755, "#!/bin/sh\nulimit -f 64\n"
    . qq(exec $ENV{TEST_NGINX_MSYNC} "\$@"\n));

my %faults = (
    'no password file'   => [qr/"password_file" .*failed .*No such/,
        { password_file => "$dir/nowhere" }, qr/nowhere.*cannot be opened/],
    'a password that others can read' => [qr/"password_file" .*open to others/,
        { password_file => "$dir/password" }, qr/open to every user/],
    'a folder of passwords' => [qr/"password_file" .*not a regular file/,
        { password_file => "$dir/folder" }, qr/not a regular file/],
    'no tables file'     => [qr/"tables" .*failed/,
        { tables => "$dir/nowhere" }, qr/nowhere/],
    'a pipe of tables'   => [qr/"tables" .*not a regular file/,
        { tables => "$dir/pipe" }, qr/pipe: it is not a regular file/],
    'a pipe for the id'  => [undef,
        { hardware_id_file => "$dir/pipe" }, qr/hardware_id_file.*not right/],
    'a tables file that is wrong' => [undef,
        { tables => "$dir/tables.json" }, qr/tables\.json.*renaem/],
    'no directory of the database' => [qr/the directory .*"database"/,
        { database => "$dir/nowhere/clinic.sqlite" }, qr/nowhere/],
    'a directory that it may not write' => [undef,
        { database => "$dir/folder/clinic.sqlite" }, qr/folder/],
    'a file for the id that cannot be made' => [undef,
        { hardware_id_file => "$dir/nowhere/id" }, qr/hardware_id_file/],
    'no helper'          => [qr/"helper" .*cannot be run/,
        { helper => "$dir/nowhere" }, qr/cannot be started/],
    'files that may not grow' => [undef,
        { helper => "$dir/narrow", database => site_path('narrow.sqlite') },
        qr/File too large.*LimitFSIZE=/],
    'a helper that is no program' => [qr/"helper" .*cannot be run/,
        { helper => "$dir/password" }, qr/cannot be started/],
);

for my $what (sort keys %faults) {
    my ($warning, $parameters, $said) = @{ $faults{$what} };

    subtest $what => sub { a_fault($warning, $parameters, $said) };
}

no_certificates($_) for 'nowhere', 'pipe', 'folder';
a_password_file_that_is_mended();
a_database_that_comes_into_reach();
a_password_file_that_is_replaced();
a_wrong_password_is_not_tried_with_each_crash();
a_wrong_password_is_not_tried_with_each_start();
a_wrong_password_is_not_tried_with_each_sale();
a_password_that_was_saved_needs_no_file();
secrets_in_a_closed_directory();
secrets_where_secrets_are_put();
a_process_that_has_the_database_is_named();
a_run_that_was_cut_short_says_by_what();
a_run_that_was_cut_short_waits_while_paused();
what_nginx_takes_the_helper_takes();

done_testing();


sub put {
    my ($path, $mode, $text) = @_;

    open my $handle, '>', $path or die "$path: $!\n";
    print {$handle} $text // PASSWORD . "\n";
    close $handle or die "$path: $!\n";
    chmod $mode, $path or die "$path: $!\n";
}


sub nginx {
    my $more = ref $_[0] ? shift : {};
    my (%parameters) = @_;

    return start_nginx(
        http => site_config('clinic', helper => $ENV{TEST_NGINX_MSYNC},
            url => $central->url, username => '"Clinic 7"', interval => 0,
            %parameters),
        server => 'location /api/ { msync clinic; }
                   location /application { return 200 here; }'
            . ($more->{server} // q()),
    );
}


# What the status says is wrong, whoever says it.
sub fault_of {
    my ($status) = @_;

    return ($status->{error} // $status->{syncStatus}{error} // {})
        ->{fullError} // q();
}


sub a_fault {
    my ($warning, $parameters, $said) = @_;

    my $nginx = nginx(%$parameters);

    ok($nginx->test, 'nginx -t passes');
    is($nginx->get('/application')->{content}, 'here',
       'the application is served');
    ok($nginx->wait_status(sub { fault_of($_) =~ $said }),
       'the status says what is wrong');

    my $status = $nginx->status;
    my $settings = $nginx->get('/api/settings');
    is($settings->{json}{error}{variant}, ($status->{error}
           // $status->{syncStatus}{error})->{variant},
       '… and so do the settings that cannot be had')
        if $settings->{status} != 200;

    SKIP: {
        skip 'nothing that nginx -t could see', 1 if !$warning;
        ok($nginx->logged(qr/\[warn\].*$warning/),
           'and so does a warning, with file and line');
    }

    ok($nginx->stop, 'quit');
    is(join('', $nginx->alarms), '', 'no alarm');
}


sub no_certificates {
    my ($file) = @_;

    my $nginx = nginx(
        ssl_trusted_certificate => "$dir/$file",
        url => $central->url =~ s/^http:/https:/r,
        password_file => write_private('password', PASSWORD . "\n"),
    );

    ok($nginx->wait_status(sub { $_->{state} ne 'stopped' }), 'it runs');
    $nginx->post('/api/trigger');
    ok($nginx->wait_status(sub { fault_of($_) =~ /certificate/i }),
       'certificates that are missing are what a run says');
    ok($nginx->stop, 'quit');
}


sub a_password_file_that_is_mended {
    my $database = site_path('mended.sqlite');
    my $nginx = nginx(password_file => "$dir/mended", database => $database);

    ok($nginx->wait_status(sub { fault_of($_) =~ /mended/ }), 'it is missing');
    is($nginx->status->{state}, 'error', 'which is an error of the site');

    put("$dir/mended", 0600);
    my (undef, undef, $uid, $gid) = getpwnam 'www-data';
    chown $uid, $gid, "$dir/mended" if $> == 0;

    ok($nginx->wait_status(sub { fault_of($_) eq q()
                                 && $_->{state} eq 'pre_initialisation' }),
       'it is read as soon as it is there');
    is($nginx->post('/api/trigger')->{status}, 202, 'the first sync');
    ok($nginx->wait_status(sub { $_->{state} eq 'idle' }), 'goes well');

    ok($nginx->stop, 'quit');
}


# As Kubernetes does with a secret that has a new value: another folder behind a
# link.  The one in force stays where there is no file any more.
sub a_password_file_that_is_replaced {
    my $replace = sub {
        my ($folder, $password) = @_;
        my $at = "$dir/secret";

        mkdir $_ for $at, "$at/$folder";
        write_private("$folder.text", "$password\n");
        rename site_path("$folder.text"), "$at/$folder/password"
            or die "$at/$folder/password: $!\n";
        symlink $folder, "$at/data.new" or die "$at/data.new: $!\n";
        rename "$at/data.new", "$at/data" or die "$at/data: $!\n";
    };

    $replace->(first => 'of before');
    symlink 'data/password', "$dir/secret/password" or die "$!\n";

    my $nginx = nginx(password_file => "$dir/secret/password",
                      database => site_path('replaced.sqlite'),
                      interval => '1h');
    my $wait = sub {
        my ($variant) = @_;

        return $nginx->wait_status(sub {
            $_->{state} eq ($variant ? 'error' : 'idle')
                && ($_->{syncStatus}{error}{variant} // q()) eq $variant;
        });
    };

    $nginx->post('/api/trigger');
    ok($wait->('INCORRECT_PASSWORD'), 'a password of before is wrong');

    $replace->(second => PASSWORD);
    ok($wait->(q()), 'the file with the new one is read, and tried at once')
        or diag(join "\n", $nginx->log_lines);

    chmod 0400, "$dir/secret/second/password";
    sleep 2;
    unlink "$dir/secret/second/password";
    sleep 2;
    $nginx->post('/api/trigger');
    ok(wait_until(sub { sqlite(site_path('replaced.sqlite'),
        'SELECT count(*) FROM sync_log WHERE finished_datetime IS NOT NULL '
        . 'AND error_code IS NULL') == 2 }), 'it goes on without a file');
    is($nginx->logged(qr/the password file has changed/), 1,
       'and the log says it once');

    ok($nginx->stop, 'quit');
}


# Of the helper, or of the worker that has it, for another module's fault say:
# central would lock the site out.
sub a_wrong_password_is_not_tried_with_each_crash {
    my $database = site_path('crashes.sqlite');
    my $nginx = nginx(database => $database, interval => '1h',
                      password_file => write_private('wrong', 'of before'));
    my $tries = sub { return sqlite($database,
        q{SELECT ifnull(sum(repeated), 0) FROM sync_log}) };
    my $failed = sub {
        $nginx->wait_status(sub { $_->{state} eq 'error' && $_->{nextSync} });
    };
    my $helper = sub { slurp("$database.lock") =~ /(\d+)/ ? $1 : 0 };
    my $crash = sub {
        my ($pid) = @_;
        my $before = $helper->();

        kill SEGV => $pid;
        wait_until { my $now = $helper->(); $now && $now != $before };
        is($nginx->post('/api/resume')->{status}, 202, 'the next one');
        $failed->();
    };

    $nginx->post('/api/trigger');
    $failed->();
    is($tries->(), 1, 'a wrong password is tried');

    $crash->($helper->());
    $crash->(($nginx->workers)[0]);
    is($tries->(), 1, 'and not again when helper and worker have crashed');

    $nginx->reload;
    ok(wait_until(sub { $tries->() == 2 }), 'a reload tries it at once');
    ok($nginx->stop, 'quit');
}


# As of a service manager that starts nginx again whenever it has ended.
sub a_wrong_password_is_not_tried_with_each_start {
    my $database = site_path('starts.sqlite');
    my $file = write_private('starts', 'of before');
    my $nginx = nginx(database => $database, interval => '1h',
                      password_file => $file);
    my $before = tries_at_central();
    my $tries = sub { tries_at_central() - $before };
    my $rests = sub {
        $nginx->wait_status(sub { $_->{state} eq 'error' && $_->{nextSync} });
    };
    my $password = sub {
        write_private('new', $_[0]);
        rename site_path('new'), $file or die "$file: $!\n";
    };

    $nginx->post('/api/trigger');
    $rests->();
    is($tries->(), 1, 'a wrong password is tried');

    for (1 .. 10) {
        killed($nginx);
        $nginx->start;
        $rests->();
    }
    is($tries->(), 1, 'and not again when all of nginx was killed ten times');
    is($nginx->status->{syncStatus}{error}{variant}, 'INCORRECT_PASSWORD',
       '… which is still what the page says');

    utime undef, undef, $file or die "$file: $!\n";
    sleep 2;
    $rests->();
    is($tries->(), 1, 'nor when its file was written anew');

    $nginx->post('/api/trigger');
    ok(wait_until(sub { $tries->() == 2 }), 'a press tries it at once');
    $rests->();
    $nginx->reload;
    ok(wait_until(sub { $tries->() == 3 }), 'so does a reload');
    $rests->();

    killed($nginx);
    $password->('another one');
    $nginx->start;
    ok(wait_until(sub { $tries->() == 4 }), 'another one is tried at once');
    $rests->();

    ok($nginx->stop, 'quit');
    $password->(PASSWORD);
    $nginx->start;
    ok($nginx->wait_status(sub { $_->{state} eq 'idle' }),
       'and so is the right one');
    is(sqlite($database, q{SELECT count(*) FROM key_value_store WHERE }
              . q{id = 'MSYNC_REFUSED'}), 0, 'which leaves no mark');
    ok($nginx->stop, 'quit');
}

# An application that triggers after each sale: the location of its own that
# docs/configuration.md has for it.
sub a_wrong_password_is_not_tried_with_each_sale {
    my ($location) = slurp(project_root() . '/docs/configuration.md')
        =~ m{```nginx\n(location = /sale/sync.*?\n\}\n)}s;
    my $file = write_private('sales', 'of before');
    my $nginx = nginx({ server => $location }, interval => '1h',
                      database => site_path('sales.sqlite'),
                      password_file => $file);
    my $before = tries_at_central();
    my $rests = sub {
        my ($tries) = @_;
        wait_until(sub { tries_at_central() - $before == $tries });
        $nginx->wait_status(sub { $_->{state} eq 'error' && $_->{nextSync} });
    };

    is($nginx->post('/sale/sync')->{status}, 202, 'a sale asks for a sync');
    $rests->(1);
    is($nginx->post('/sale/sync')->{status}, 409,
       'those that follow are told that the password is wrong') for 1 .. 5;
    is($nginx->post('/api/trigger')->{status}, 202, 'the button is not');
    ok($rests->(2), 'and tries it again, alone');

    write_private('right', PASSWORD);
    rename site_path('right'), $file or die "$file: $!\n";
    ok($nginx->wait_status(sub { $_->{state} eq 'idle' }), 'once it is right');
    is($nginx->post('/sale/sync')->{status}, 202, '… sales ask again');

    ok($nginx->stop, 'quit');
}


# how often central has refused to say who the site is
sub tries_at_central {
    return scalar grep { $_->{path} =~ /site\z/ && $_->{status} == 401 }
        @{ $central->state->{requests} };
}

# all of it at once, as a machine does that has no memory left
sub killed {
    my ($nginx) = @_;
    my @all = ($nginx->pid, $nginx->workers);

    kill KILL => @all;
    wait_until { !grep { is_running($_) } @all } or die "@all: still there\n";
}


# It may have settings of the page: those of nginx.conf are not complete.
sub a_database_that_comes_into_reach {
    my $nginx = nginx(database => "$dir/later/clinic.sqlite");

    ok($nginx->wait_status(sub { fault_of($_) =~ /later/ }), 'it is not');
    is($nginx->post('/api/trigger')->{status}, 202,
       'a press is taken all the same');

    # longer than from one try to the next
    sleep 6;
    is($nginx->logged(qr/opening the site/), 1,
       'the log is told once, however often it was tried');

    mkdir "$dir/later" or die "$dir/later: $!\n";
    my (undef, undef, $uid, $gid) = getpwnam 'www-data';
    chown $uid, $gid, "$dir/later" if $> == 0;

    ok($nginx->wait_status(sub { $_->{state} eq 'pre_initialisation' }),
       'it is opened as soon as it can be');
    ok($nginx->stop, 'quit');
}


# The administrator has entered it on the page; the file is an old story.
sub a_password_that_was_saved_needs_no_file {
    my $nginx = nginx(password_file => "$dir/nowhere");

    ok($nginx->wait_status(sub { fault_of($_) =~ /nowhere/ }), 'no file');
    is($nginx->request(PUT => '/api/settings', timeout => 60,
                       content => { password => PASSWORD })->{status}, 200,
       'a password is saved');
    ok($nginx->wait_status(sub { fault_of($_) eq q() }),
       'and nothing is wrong any more');

    ok($nginx->stop, 'quit');
}


# As a mount for secrets gives it: 0444.
sub secrets_in_a_closed_directory {
    my $path = write_private('secret', PASSWORD . "\n");
    chmod 0444, $path or die "$path: $!\n";

    my $nginx = nginx(password_file => $path,
                      database => site_path('closed.sqlite'));

    ok($nginx->wait_status(sub { $_->{state} eq 'pre_initialisation' }),
       'it may have any mode where nobody else comes');
    is(scalar(grep { /open to others/ } $nginx->log_lines), 0, 'no warning');
    $nginx->post('/api/trigger');
    ok($nginx->wait_status(sub { $_->{state} eq 'idle' }), 'it is used');

    unlink $path or die "$path: $!\n";
    is($nginx->request(PUT => '/api/settings', timeout => 60,
                       content => { intervalSeconds => 60 })->{status}, 200,
       'what is saved needs it no more');
    $nginx->post('/api/trigger');
    is(wait_until(sub {
        sqlite(site_path('closed.sqlite'), 'SELECT count(*) FROM sync_log '
               . 'WHERE finished_datetime > 0 AND error_code IS NULL') == 2;
    }), 1, 'nor does a run');
    ok($nginx->stop, 'quit');
}


# By systemd, Docker and Kubernetes, in folders that are open.
sub secrets_where_secrets_are_put {
    SKIP: {
        skip 'this machine permits no mounts of its own', 1 if !$mounts;
        system('mount -t tmpfs -o mode=755 none /run') == 0
            or die "/run cannot be mounted\n";
        secrets_of_mounts();
        system 'umount -l /run';
    }
}

sub secrets_of_mounts {
    my %taken = ('/run/secrets' => 1, '/var/run/secrets' => 1,
                 '/run/credentials/nginx.service' => 1,
                 '/run/secret' => 0, '/run/credentials-of-others' => 0);
    my @folders = sort keys %taken;
    my (@sites, @locations);

    for my $i (0 .. $#folders) {
        system('mkdir', '-p', $folders[$i]);
        put("$folders[$i]/clinic", 0444);
        push @sites, site_config("secret$i", helper => $ENV{TEST_NGINX_MSYNC},
            url => $central->url, username => '"Clinic 7"', interval => 0,
            password_file => "$folders[$i]/clinic");
        push @locations, "location /$i/ { msync secret$i; }";
    }

    my $nginx = start_nginx(http => "@sites", server => "@locations");

    for my $i (0 .. $#folders) {
        my $status = $nginx->wait_status(sub { $_->{state} ne 'stopped' },
                                         api => "/$i");
        my $refused = fault_of($status) =~ /open to every user/ ? 1 : 0;
        my $warned = grep { m{"\Q$folders[$i]\E/clinic" is open to others} }
            $nginx->log_lines;

        is($refused, 1 - $taken{$folders[$i]}, "a secret in $folders[$i]");
        is($warned, $refused, '… and "nginx -t" says the same');
    }

    ok($nginx->stop, 'quit');
}


# A command on a terminal, or a helper that cannot die for its disk is dead.
sub a_process_that_has_the_database_is_named {
    my $database = site_path('busy.sqlite');
    my $lock = write_private('busy.sqlite.lock', "$$\n");

    chmod 0660, $lock or die "$lock: $!\n";
    open my $handle, '+<', $lock or die "$lock: $!\n";
    flock $handle, LOCK_EX or die "$lock: $!\n";

    my $nginx = nginx(database => $database,
                      password_file => write_private('password', PASSWORD));

    ok($nginx->wait_status(sub {
        $_->{state} eq 'stopped'
            && fault_of($_) =~ /process $$ works on this database/;
    }), 'the status says which process it waits for');

    close $handle or die "$lock: $!\n";
    ok($nginx->wait_status(sub { $_->{state} eq 'pre_initialisation' }),
       'and goes on when that has ended');
    is(fault_of($nginx->status), q(), 'with nothing wrong');
    ok($nginx->stop, 'quit');
}


sub a_run_that_was_cut_short_says_by_what {
    my $database = site_path('cut.sqlite');
    my $nginx = nginx(database => $database,
                      password_file => write_private('password', PASSWORD));

    ok($nginx->wait_status(sub { $_->{state} eq 'pre_initialisation' }),
       'a site');
    $central->config(page_delay_ms => 400);
    $nginx->post('/api/trigger');
    ok($nginx->wait_status(sub { $_->{syncStatus}{pullCentral} }), 'a run');

    # as a unit does that forbids a system call
    kill SYS => slurp("$database.lock") =~ /(\d+)/;

    my $said = wait_until {
        sqlite($database, 'SELECT error_message FROM sync_log '
            . "WHERE error_code = 'HELPER_STOPPED'");
    };

    $central->config(page_delay_ms => 0);
    like($said, qr/interrupted: .*signal 31 .*SystemCallFilter=.*goes on/,
         'the log of runs says which signal it was');
    ok($nginx->wait_status(sub { $_->{state} eq 'idle' }), 'it goes on');
    ok($nginx->stop, 'quit');
}


# Though it was asked for, and nginx asks the new helper again.
sub a_run_that_was_cut_short_waits_while_paused {
    my $database = site_path('paused.sqlite');
    my $nginx = nginx(database => $database,
                      password_file => write_private('password', PASSWORD));
    my $runs = sub { sqlite($database, 'SELECT count(*) FROM sync_log') };

    ok($nginx->wait_status(sub { $_->{state} eq 'pre_initialisation' }),
       'a site');
    $central->config(page_delay_ms => 400);
    $nginx->post('/api/trigger');
    ok($nginx->wait_status(sub { $_->{syncStatus}{pullCentral} }), 'a run');
    is($nginx->post('/api/pause')->{status}, 202, 'a pause');

    kill KILL => slurp("$database.lock") =~ /(\d+)/;

    ok($nginx->wait_status(sub {
        $_->{state} eq 'paused'
            && $_->{syncStatus}{error}{variant} eq 'HELPER_STOPPED';
    }), 'another helper leaves it as it is');
    is($nginx->post('/api/pause')->{status}, 202, 'and has had time');
    is($runs->(), 1, 'to begin another run');

    $central->config(page_delay_ms => 0);
    $nginx->post('/api/resume');
    ok(wait_until(sub { $runs->() == 2 }),
       'what was asked for is done when it is resumed');
    ok($nginx->wait_status(sub { $_->{state} eq 'idle' }), 'to its end');
    is($runs->(), 2, 'once');
    ok($nginx->stop, 'quit');
}


# The ends of every range: a site of its own for each.
sub what_nginx_takes_the_helper_takes {
    my @edges = (
        [max_response => '1k'], [max_response => '1g'], [limit_rate => 1],
        [limit_rate => '1024g'], [interval => 0], [interval => '366d'],
        [batch_size => 'push=1 remote_pull=1 central_pull=1'],
        [batch_size => 'push=100000 remote_pull=100000 central_pull=100000'],
        [connect_timeout => '1ms'], [connect_timeout => '24h'],
        [read_timeout => '1ms'], [read_timeout => '24h'],
        [changelog_keep => 0], [changelog_keep => '3660d'],
        [hardware_id => 'x' x 64], [hardware_id => 'a-B_0.:'],
        [protocol => 'auto'], [protocol => 'v6'],
        [username => 'x' x 256], [username => "'\xc3\xa9 \\\\ \"'"],
        [url => 'http://127.0.0.1/' . 'x' x 1007],
        [url => 'HTTPS://Example.ORG:65535/a%20b/'],
        [url => 'http://[::1]:1'],
        map({ [proxy => $_] } qw(http://127.0.0.1:1 https://127.0.0.1
                                 socks5://u:p@127.0.0.1:1 SOCKS5H://h)),
        [database => q(") . site_path("d\xc3\xa9 'b.sqlite") . q(")],
        [password_sha256 => 'ABCDEF0123456789' x 4],
    );
    my $n = 0;
    my (@sites, @locations);

    for my $edge (@edges) {
        my $name = 'edge' . ++$n;

        push @sites, site_config($name, helper => $ENV{TEST_NGINX_MSYNC},
                                 interval => 0, @$edge);
        push @locations, "location /$name/ { msync $name; }";
    }

    my $nginx = start_nginx(http => "@sites", server => "@locations");

    for my $i (1 .. @edges) {
        my ($name, $value) = @{ $edges[$i - 1] };
        my $status = $nginx->wait_status(sub { $_->{state} ne 'stopped' },
                                         api => "/edge$i");

        is($status->{state}, 'pre_initialisation',
           "$name " . substr $value, 0, 40);
    }

    ok($nginx->stop, 'quit');
    is(join('', $nginx->alarms), '', 'no alarm');
}
