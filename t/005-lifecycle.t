# The life of nginx and of its helper: start, reload, crash and end, with
# real signals.  After each there is exactly one helper for a site, or none.

use strict;
use warnings;

use Msync::Test qw(
    is_running processes_of site_config site_path start_central start_nginx
    wait_until worker_count worker_user write_private
);
use Msync::Fake;
use Msync::Life qw(
    KILLED descriptors ends_well helpers helpers_are is_reported
);
use Test::More;
use Time::HiRes qw(sleep time);

# What nginx itself says of workers that cannot begin.
use constant LATE => qr/chdir\(|exited with fatal code/;

Msync::Fake->start_with(status => { state => 'idle', queue => 4 });

one_helper_with_several_workers();
the_helper_has_what_it_needs_only();
a_killed_helper_is_replaced();
a_helper_that_hangs_is_replaced();
a_helper_that_hangs_does_not_outlive_its_nginx();
a_helper_that_dies_by_itself();
a_helper_that_cannot_be_loaded();
a_helper_that_gets_no_memory();
a_helper_that_fails_is_started_ever_later();
a_worker_is_killed();
reload_in_the_usual_way();
a_late_helper_is_not_the_latest();
reload_changes_the_sites();
a_long_batch_goes_on_after_a_reload();
another_database_begins_anew();
reload_with_a_mistake();
a_reload_asks_nothing_of_the_disk_of_a_database_that_it_has();
a_trigger_outlives_a_reload();
a_trigger_between_two_workers_is_kept();
reloads_leak_nothing();
open_requests_and_the_end();
checking_the_configuration();
the_master_process_is_off();
daemon_is_off();
helpers_that_cannot_run();
a_channel_that_was_full_costs_nothing() if $ENV{TEST_NGINX_EVENT_TYPE};

done_testing();


sub nginx {
    my (%args) = @_;

    return start_nginx(
        http   => site_config('clinic'),
        server => 'location /api/ { msync clinic; }',
        %args,
    );
}


sub fake { return Msync::Fake->connect(site_path(($_[0] // 'clinic')
                                                 . '.sqlite')) }

sub one_helper_with_several_workers {
    my $nginx = nginx(workers => 4);

    ok(is_reported($nginx), 'the helper has reported');
    ok(wait_until(sub { $nginx->workers == worker_count(4) }),
       'all workers');
    helpers_are(1, 'one helper');
    ends_well($nginx);
}


sub the_helper_has_what_it_needs_only {
    local $ENV{MSYNC_SECRET_OF_NGINX} = 'not for the helper';

    my $password = write_private('password', "secret\n");
    my $nginx = nginx(
        http => site_config(
            'clinic', username => 'Clinic', password_file => $password,
            url => 'http://127.0.0.1:1',
        ),
        main => 'env MSYNC_SECRET_OF_NGINX;',
    );

    is_reported($nginx);

    my $fake = fake();
    my $proc = '/proc/' . $fake->pid;

    open my $fh, '<', "$proc/cmdline" or die $!;
    my @argv = split /\0/, <$fh>;
    is("@argv[1 .. $#argv]", "$ENV{TEST_NGINX_FAKE_HELPER} --serve",
       'it is told nothing by its arguments');

    open $fh, '<', "$proc/environ" or die $!;
    my $environment = join '', <$fh>;
    unlike($environment, qr/MSYNC_SECRET|NGINX=/,
           'the environment of nginx is not handed on');
    like($environment, qr/\bGLIBC_TUNABLES=glibc/, '… and malloc is tuned');

    my %config = %{ $fake->config };
    is($config{database}, site_path('clinic.sqlite'), 'the database');
    is($config{username}, 'Clinic', 'the username');
    is($config{password_file}, $password, 'the password file');
    unlike(Msync::Test::encode_json(\%config), qr/secret/,
           'the password itself is not read by nginx');

    # Its own listening socket, the test's connection and what perl opens
    # are above; those of nginx would be a door left open.
    my @sockets = grep { defined && /^socket:/ }
        map { readlink } glob "$proc/fd/*";
    my %listening = map { $_ => 1 } listening_sockets($nginx->port);
    is(scalar(keys %listening), 1, 'nginx listens');
    is(scalar(grep { $listening{$_} } @sockets), 0,
       'the sockets of nginx are not handed on');

    SKIP: {
        my $user = worker_user() // skip 'not root', 1;
        is(scalar getpwuid((stat $proc)[4]), $user,
           'it runs as the user of the workers');
    }

    ends_well($nginx);
}


# As /proc/net/tcp has them: address and port in hex, 0A for listening.
sub listening_sockets {
    my ($port) = @_;

    open my $fh, '<', '/proc/net/tcp' or die $!;
    my $local = sprintf '0100007F:%04X', $port;

    return map { "socket:[$_->[9]]" }
        grep { $_->[1] eq $local && $_->[3] eq '0A' }
        map { [split] } <$fh>;
}


sub a_killed_helper_is_replaced {
    my $nginx = nginx();

    is_reported($nginx);
    my $pid = fake()->pid;

    kill KILL => $pid;

    my @served;
    my $new = wait_until {
        push @served, $nginx->get('/api/status');
        my ($now) = helpers();
        return $now && $now != $pid ? $now : undef;
    };

    ok($new, 'another helper is started');
    ok($nginx->logged(qr/\[warn\].*ended by signal 9 \(Killed\)/),
       'the log says what ended it');
    is(scalar(grep { $_->{status} != 200 } @served), 0,
       'the status is served all the while');
    ok(is_reported($nginx), 'the other one reports');
    helpers_are(1, 'one helper');
    ends_well($nginx, KILLED);
}


# As SIGSTOP, a frozen container or a dead disk under it leaves one: it hears
# nothing, and its channel stays open.
sub a_helper_that_hangs_is_replaced {
    my $nginx = nginx();
    my $other = nginx(http => site_config('other'),
                      server => 'location /api/ { msync other; }');

    my ($central, $upgraded, $worked) = stopped_in_a_request_and_upgraded();

    is_reported($nginx);
    is_reported($other);
    my ($pid, $released) = map { fake($_)->pid } qw(clinic other);

    kill STOP => $pid, $released;
    $other->signal('HUP');

    ok(wait_until(sub { !is_running($pid) }, 120), 'it is ended');
    ok($nginx->logged(qr/\[error\].*clinic: the helper hung/),
       'the log says why');
    ok(is_reported($nginx), 'another one reports');
    isnt(fake()->pid, $pid, 'which is another one');

    ok(wait_until(sub { !is_running($released) }, 60),
       'and so is one that hung when nginx was reloaded');
    ok($other->logged(qr/\[error\].*other: the helper .* hung/),
       '… the log says why');
    ok($other->stop, 'that one quits');

    ok(wait_until(sub { !is_running($worked) }, 60),
       'so is one that was stopped in a request before an upgrade');
    ok($upgraded->wait_status(sub {
        $_->{state} eq 'idle' && $_->{syncStatus}{lastSuccessfulSync};
    }), '… whose run the new nginx ends')
        or diag(join "\n", $upgraded->log_lines);
    is_deeply($central->state->{violations}, [], '… and central is content');
    ok($upgraded->stop, '… and quits');
    helpers_are(1, 'one helper');
    ends_well($nginx, KILLED);
}


# The real one, for its run has to go on; the old nginx stays until it is over.
sub stopped_in_a_request_and_upgraded {
    my $central = start_central(password => 'secret', records => 100);
    my $nginx = start_nginx(
        workers => 1,
        http    => site_config('upgraded',
            helper        => $ENV{TEST_NGINX_MSYNC},
            url           => $central->url,
            username      => '"Clinic 7"',
            password_file => write_private('password', "secret\n"),
            interval      => 0,
        ),
        server  => 'location /api/ { msync upgraded; }',
    );

    is_reported($nginx);
    my ($pid) = processes_of($ENV{TEST_NGINX_MSYNC});
    my $old = $nginx->pid;

    $central->config(page_delay_ms => 1000);
    $nginx->post('/api/trigger');
    $nginx->wait_status(sub { $_->{syncStatus}{pullCentral} });
    kill STOP => $pid;
    $central->config(page_delay_ms => 0);

    $nginx->signal('USR2');
    wait_until(sub { my $now = $nginx->pid; $now && $now != $old });
    $nginx->signal(QUIT => $old);

    ok($nginx->wait_status(sub {
        ($_->{error}{fullError} // q()) =~ /process $pid works/;
    }), 'the new nginx says for whom it waits');

    return ($central, $nginx, $pid);
}


# One of the reload, whose channel nobody can close for it.
sub a_helper_that_hangs_does_not_outlive_its_nginx {
    my $nginx = nginx();

    is_reported($nginx);
    my $pid = fake()->pid;

    kill STOP => $pid;
    sleep 12;                           # beyond one question

    ok($nginx->stop, 'nginx quits');
    ok(wait_until(sub { !is_running($pid) }), 'and so does the helper');
}


# A program of one line of the shell's in the place of the helper.
sub helper_script {
    my ($name, $line) = @_;

    my ($dir) = $ENV{TEST_NGINX_FAKE_HELPER} =~ m{^(.*)/};
    my $path = "$dir/$name";

    open my $handle, '>', $path or die "$path: $!\n";
    print {$handle} "#!/bin/sh\n$line\n";
    close $handle or die "$path: $!\n";
    chmod 0755, $path or die "$path: $!\n";

    return $path;
}


sub a_helper_that_dies_by_itself {
    my $path = helper_script('dies', 'kill -SYS $$');

    my $nginx = nginx(http => site_config('clinic', helper => $path));

    ok($nginx->wait_status(sub {
        ($_->{error}{fullError} // q()) =~
            /ended by signal 31 \(Bad system call\) before it said a word/;
    }), 'the status says which signal, and when');
    ends_well($nginx, KILLED);
}


# As the dynamic linker ends a program that it cannot load.
sub a_helper_that_cannot_be_loaded {
    my $path = helper_script('unloadable', 'exit 127');

    my $nginx = nginx(http => site_config('clinic', helper => $path));

    ok($nginx->wait_status(sub {
        ($_->{error}{fullError} // q()) =~ /status 127.* cannot be loaded/;
    }), 'the status says what is at fault');
    ends_well($nginx);
}


sub a_helper_that_gets_no_memory {
    my $path = helper_script('starves', "MSYNC_FAULT='no-memory-on 1000' "
        . "exec $ENV{TEST_NGINX_MSYNC_FAULTS} \"\$@\"");

    my $nginx = nginx(http => site_config('clinic', helper => $path));

    ok($nginx->wait_status(sub {
        ($_->{error}{fullError} // q()) =~ /given no more memory.*LimitAS=/;
    }), 'the status says that it was memory, and what limits it')
        or diag(explain($nginx->status));
    ends_well($nginx);
}


sub a_helper_that_fails_is_started_ever_later {
    Msync::Fake->start_with(exit => 3);

    my $start = time;
    my $nginx = nginx();
    my $exits = sub {
        scalar grep { /\[warn\] .*\bclinic: the helper has ended/ }
            $nginx->log_lines;
    };

    ok(wait_until(sub { $exits->() >= 3 }, 60), 'it is tried again, and said');
    cmp_ok($exits->(), '<=', time - $start + 2,
           'not more often than once a second');
    ok($nginx->wait_status(sub {
        $_->{state} eq 'stopped' && ($_->{error}{variant} // '')
            eq 'HELPER_STOPPED' && $_->{error}{fullError} =~ /helper/;
    }), 'the status says that none runs, and why');

    Msync::Fake->start_with(status => { state => 'idle', queue => 4 });
    ok(is_reported($nginx), 'one that works is found at last');

    ends_well($nginx);
}


sub a_worker_is_killed {
    my $nginx = nginx(workers => 3);

    is_reported($nginx);
    my $pid = fake()->pid;
    open my $fh, '<', "/proc/$pid/stat" or die $!;
    my ($worker) = <$fh> =~ /\) \S (\d+)/;

    kill KILL => $worker;

    ok(wait_until(sub { !is_running($pid) }, 20),
       'the helper of a killed worker ends');
    ok(wait_until(sub { my ($now) = helpers(); $now && $now != $pid }),
       'the worker in its place starts another');
    ok(is_reported($nginx), 'which reports');
    helpers_are(1, 'one helper');
    ends_well($nginx, KILLED);
}


sub reload_in_the_usual_way {
    my $nginx = nginx(workers => 3);

    is_reported($nginx);

    my $pid = fake()->pid;
    my $generation = $nginx->status->{generation};
    my $stream = $nginx->open_stream('/api/events');
    $stream->wait_events(1);
    my $poll = $nginx->open_stream(
        "/api/status?since=$generation&wait=60");

    ok($nginx->reload, 'reload ends the workers of before');
    ok(wait_until(sub { $stream->ended }), 'streams are closed');
    ok(wait_until(sub { $poll->ended }), 'and polls');
    like($poll->bytes, qr{^HTTP/1\.1 200 .*"site": ?"clinic"}s,
         'which are answered first');

    ok(wait_until(sub { !is_running($pid) }), 'the old helper ends');
    ok(is_reported($nginx), 'a new one reports');
    helpers_are(1, 'one helper');
    cmp_ok($nginx->status->{generation}, '>=', $generation,
           'the generation goes on');
    ends_well($nginx);
}


# The helper of before a reload may say its first word when that of after it
# has said everything.
sub a_late_helper_is_not_the_latest {
    my %status = (state => 'idle', queue => 4);
    my $go = site_path('go');

    Msync::Fake->start_with(status => \%status, after => $go);

    my $nginx = nginx();
    my $late = wait_until { (helpers())[0] };
    wait_until { $nginx->workers == worker_count(2) };
    my @workers = $nginx->workers;

    # They do not leave before they have heard of it.
    kill STOP => @workers;
    Msync::Fake->start_with(status => \%status);
    $nginx->signal('HUP');
    my $fake = fake();

    open my $fh, '>', $go or die "$go: $!";
    close $fh or die "$go: $!";
    sleep 0.3;

    kill CONT => @workers;
    ok(wait_until(sub { !grep { is_running($_) } @workers, $late }),
       'the workers of before end, and their helper');
    helpers_are(1, 'one helper');
    like($nginx->get('/api/metrics')->{content},
         qr/^msync_helper_up\{site="clinic"\} 1$/m, 'which counts');

    unlink $go;
    $fake->status(state => 'idle', queue => 5);
    ok($nginx->wait_status(sub { $_->{numberOfRecordsInPushQueue} == 5 }),
       'and is listened to');
    ends_well($nginx);
}


sub reload_changes_the_sites {
    my $nginx = nginx();
    my $locations = 'location /api/ { msync clinic; }'
        . 'location /second/ { msync hospital; }';

    is_reported($nginx);

    $nginx->set(http => site_config('clinic') . site_config('hospital'),
                server => $locations);
    ok($nginx->reload, 'a site is added');
    ok($nginx->wait_status(sub { $_->{state} eq 'idle' },
                           api => '/second'), 'its helper reports');
    helpers_are(2, 'one helper for each site');

    my $database = site_path('moved.sqlite');
    $nginx->set(http => site_config('clinic', database => $database)
                    . site_config('hospital'));
    ok($nginx->reload, 'a database is changed');
    is(fake('moved')->config->{database}, $database, 'the helper is told');
    helpers_are(2, 'one helper for each site');

    $nginx->set(http => site_config('clinic', zone => '512k'),
                server => 'location /api/ { msync clinic; }');
    ok($nginx->reload, 'a site is removed, and a zone is larger');
    ok(is_reported($nginx), 'the other one is served');
    helpers_are(1, 'one helper');

    $nginx->set(workers => 4);
    ok($nginx->reload, 'there are more workers');
    is(scalar(@{[$nginx->workers]}), 4, 'four');
    ok(is_reported($nginx), 'the site is served');
    helpers_are(1, 'one helper');

    ends_well($nginx);
}


# The helper of after a reload has to wait for it, and a site that syncs is not
# said to be stopped meanwhile, in a zone of another size neither.
sub a_long_batch_goes_on_after_a_reload {
    my %status = (state => 'syncing', queue => 4);

    for my $late (0, 1) {
        Msync::Fake->start_with(status => \%status);

        my $nginx = nginx(
            http   => site_config('clinic') . site_config('hospital'),
            server => 'location /api/ { msync clinic; }'
                . 'location /second/ { msync hospital; }',
        );

        is_reported($nginx);
        $nginx->wait_status(sub { $_->{state} ne 'stopped' },
                            api => '/second');
        fake('hospital')->document(history => { runs => [{ id => 'r1' }] });
        ok(wait_until(sub { history($nginx) =~ /r1/ }),
           'a document is there beside the status');
        my $said = said($nginx) . said($nginx, '/second');

        Msync::Fake->start_with();
        old_workers_end($nginx) if $late;
        $nginx->set(http => site_config('clinic')
                        . site_config('hospital', zone => '512k'));
        ok($nginx->reload, 'a reload in the middle of a sync');
        my $fake = fake();
        fake('hospital');
        sleep 6;
        is(said($nginx) . said($nginx, '/second'), $said,
           'what was said before holds while the next helper waits');
        like(history($nginx), qr/r1/, '… so does that document');

        Msync::Fake->start_with(exit => 1);
        $fake->exit(1);
        ok($nginx->wait_status(sub { $_->{state} eq 'stopped' },
                               seconds => 20),
           'but not when that one has ended');

        Msync::Fake->start_with(status => \%status);
        ok(is_reported($nginx), 'until another one reports');
        ends_well($nginx, LATE);
    }
}

sub said {
    my ($nginx, $api) = @_;

    my $status = $nginx->status($api);
    return Msync::Test::encode_json([@$status{qw(state syncStatus)}]);
}

sub history {
    return $_[0]->get('/second/history')->{content};
}


# A reload whose workers are late: these cannot begin at all, so those of
# before have left when the next reload brings some that can.
sub old_workers_end {
    my ($nginx, $meanwhile) = @_;

    my @old = ($nginx->workers, helpers());
    my $main = $nginx->{set}{main};

    $nginx->set(main => "$main working_directory /nowhere;");
    $nginx->signal('HUP');
    wait_until { !grep { is_running($_) } helpers() };
    $meanwhile->() if $meanwhile;

    ok(wait_until(sub { !grep { is_running($_) } @old }),
       'the workers of before have left');
    $nginx->set(main => $main);
}


# What is known of one database is not served as that of another, which may be
# out of reach for long.
sub another_database_begins_anew {
    for my $zone ('256k', '512k') {
        Msync::Fake->start_with(status => { state => 'idle', queue => 4 });

        my $nginx = nginx();
        my @documents = qw(settings history errors);

        is_reported($nginx);
        my $generation = $nginx->status->{generation};
        my $fake = fake();
        $fake->document($_ => { of => 'the first' }) for @documents;
        $fake->status(state => 'pre_initialisation', configured => 0);
        $nginx->wait_status(sub { $_->{state} eq 'pre_initialisation' });
        is(join(' ', map { $nginx->get("/api/$_")->{status} } @documents),
           '200 200 200', 'documents of a database');

        Msync::Fake->start_with(mute => 1);
        $nginx->set(http => site_config('clinic', zone => $zone,
            database => site_path('another.sqlite')));
        ok($nginx->reload, "another one, zone $zone");

        is(join(' ', map { $nginx->get("/api/$_")->{status} } @documents),
           '503 503 503', 'has not told any yet');

        my $status = $nginx->status;
        is($status->{state}, 'stopped', 'nor its status');
        is($status->{syncStatus}, undef, 'whatever that of before was');
        cmp_ok($status->{generation}, '>', $generation,
               'the generation goes on');
        is($nginx->post('/api/trigger')->{status}, 202,
           'it may have settings');

        Msync::Fake->start_with(status => { state => 'idle', queue => 7 });
        kill KILL => helpers();
        ok($nginx->wait_status(sub {
            $_->{numberOfRecordsInPushQueue} == 7 }), 'until it reports');
        helpers_are(1, 'one helper');
        ends_well($nginx, KILLED);
    }

    Msync::Fake->start_with(status => { state => 'idle', queue => 4 });
}


sub reload_with_a_mistake {
    my $nginx = nginx();

    is_reported($nginx);
    my $pid = fake()->pid;

    $nginx->set(http => site_config('clinic', colour => 'red'));
    $nginx->signal('HUP');

    ok($nginx->logged(qr/\[emerg\].*colour/), 'the mistake is logged');
    is($nginx->get('/api/status')->{status}, 200, 'nginx serves on');
    ok(is_running($pid), 'with the same helper');
    helpers_are(1, 'one helper');

    ends_well($nginx, qr/colour/);
}


# A disk that does not answer any more would keep the master process, and with
# it nginx.  What is seen is the warning of a missing directory: it comes of a
# look at it.
sub a_reload_asks_nothing_of_the_disk_of_a_database_that_it_has {
    my $missing = site_path('missing');
    my $site = sub { site_config($_[0], database => "$missing/$_[0].sqlite") };
    my $nginx = nginx(http => $site->('clinic'));
    my $warned = sub {
        scalar grep { /\[warn\].*directory "\Q$missing\E".*"$_[0]"/ }
            $nginx->log_lines;
    };

    is($warned->('clinic'), 1, 'nginx looks at the directory when it starts');

    # a master that has no worker yet would leave the signal until another comes
    is($nginx->get('/api/status')->{status}, 200, 'it serves');

    $nginx->set(http => $site->('clinic') . $site->('other'));
    $nginx->signal('HUP');
    ok(wait_until(sub { $warned->('other') }), 'and at one that comes later');
    is($warned->('clinic'), 1, 'but not again at the first one');

    ends_well($nginx, qr/missing|helper|directory/);
}


sub a_trigger_outlives_a_reload {
    my $nginx = nginx();

    is_reported($nginx);

    is($nginx->post('/api/trigger?fetchPatientId=p1')->{status}, 202,
       'a trigger');
    my $pid = fake()->pid;
    ok($nginx->reload, 'reload');
    wait_until { !is_running($pid) };

    my ($command) = fake()->received(1);
    is($command->{patient}, 'p1', 'the helper after it is told');

    ends_well($nginx);
}


# Its worker waits for the rest of it, and has no helper any more then.
sub a_trigger_between_two_workers_is_kept {
    my $nginx = nginx();

    is_reported($nginx);

    my $post = $nginx->open_request(
        "POST /api/trigger?fetchPatientId=p1 HTTP/1.1\r\nHost: localhost\r\n"
        . "Connection: close\r\nExpect: 100-continue\r\n"
        . "Transfer-Encoding: chunked\r\n\r\n");
    ok($post->wait_for(qr{^HTTP/1\.1 100 }), 'a trigger begins');

    old_workers_end($nginx, sub {
        $post->send("0\r\n\r\n");
        ok($post->wait_for(qr{^HTTP/1\.1 202 }m), 'and is taken');
    });

    ok($nginx->reload, 'workers come at last');
    my ($command) = fake()->received(1);
    is($command->{patient}, 'p1', 'whose helper is told');

    ends_well($nginx, LATE);
}


sub reloads_leak_nothing {
    my $nginx = nginx();

    is_reported($nginx);

    my @counts = map {
        $nginx->reload;
        is_reported($nginx);
        descriptors($nginx->pid);
    } 1 .. 6;

    # the channel of a worker that is about to be collected is no leak
    ok(wait_until(sub { descriptors($nginx->pid) <= $counts[1] }),
       "descriptors of the master: @counts");
    helpers_are(1, 'one helper');
    ends_well($nginx);
}


sub open_requests_and_the_end {
    for my $signal (qw(QUIT TERM)) {
        my $nginx = nginx();

        is_reported($nginx);
        my $generation = $nginx->status->{generation};
        my @open = map { $nginx->open_stream($_) }
            '/api/events', "/api/status?since=$generation&wait=60";
        $open[0]->wait_events(1);

        ok($nginx->stop($signal), "$signal ends all in spite of open requests");
        helpers_are(0, 'no helper is left');
        is(scalar(grep { !$_->ended } @open), 0, 'the requests are ended');
        is(join('', $nginx->alarms), '', 'no alarm in the log');
    }
}


sub checking_the_configuration {
    my $nginx = nginx();

    is_reported($nginx);
    my ($pid) = helpers();
    my $generation = $nginx->status->{generation};

    ok($nginx->test, 'nginx -t beside a running nginx');
    helpers_are(1, 'starts no helper');
    is((helpers())[0], $pid, 'and disturbs none');
    is($nginx->status->{generation}, $generation, 'nor what is served');

    ends_well($nginx);
}


sub the_master_process_is_off {
    my $nginx = nginx(master => 'off');

    ok(is_reported($nginx), 'without a master the helper reports');
    helpers_are(1, 'one helper');

    my $pid = fake()->pid;
    is($nginx->post('/api/trigger')->{status}, 202, 'a trigger');
    is((fake()->received(1))[0]{command}, 'trigger', 'reaches it');

    kill KILL => $pid;
    ok(wait_until(sub { my ($now) = helpers(); $now && $now != $pid }),
       'a killed helper is replaced');
    ok(is_reported($nginx), 'which reports');

    my $stream = $nginx->open_stream('/api/events');
    $stream->wait_events(1);

    ends_well($nginx, KILLED);
}


sub daemon_is_off {
    for my $master (qw(on off)) {
        my $nginx = nginx(daemon => 'off', master => $master);

        ok(is_reported($nginx), "daemon off, master_process $master");
        helpers_are(1, 'one helper');
        ends_well($nginx);
    }
}


sub helpers_that_cannot_run {
    my %helper = (
        'is missing'        => '/nonexistent/msync',
        'is not executable' => write_private('not-executable', "#!/bin/sh\n"),
        'is no program'     => site_path(''),
    );

    for my $what (sort keys %helper) {
        my $nginx = nginx(http => site_config('clinic',
            helper => $helper{$what}));

        ok($nginx->logged(qr/\Q$helper{$what}\E/),
           "a helper that $what is named in the log");
        ok($nginx->wait_status(sub {
            $_->{state} eq 'stopped'
                && ($_->{error}{fullError} // '') =~ /\Q$helper{$what}\E/;
        }), 'and in the status');
        ok($nginx->stop, 'nginx quits');
        is(join('', $nginx->alarms), '', 'no alarm in the log');
    }

    Msync::Fake->start_with(version => 99, status => { state => 'idle' });
    my $nginx = nginx();

    ok($nginx->logged(qr/version/),
       'a helper of another version is named in the log');
    ok($nginx->wait_status(sub {
        $_->{state} eq 'stopped'
            && ($_->{error}{fullError} // '') =~ /version 99/;
    }), 'and in the status');

    Msync::Fake->start_with(status => { state => 'idle' },
                            text => "9\n8\e[7m\x7f");
    ok($nginx->reload, 'a reload tries again at once');
    ok(is_reported($nginx), 'the right one is listened to');
    ok($nginx->logged(qr/of version 9\?8\?\[7m\? runs$/),
       'its version is logged without control characters');
    Msync::Fake->start_with(status => { state => 'idle' });
    ends_well($nginx);
}


# Where events are levels, as with poll, a worker that went on waiting until it
# may write would never sleep again.  With epoll there are edges only.
sub a_channel_that_was_full_costs_nothing {
    my $nginx = nginx(
        workers => 1, http => site_config('clinic', zone => '4m'));

    is_reported($nginx);

    my $fake = fake();
    kill STOP => $fake->pid;

    # twice as many as there are slots, more than a socket holds
    for (1 .. 2) {
        my @waiting = map {
            $nginx->open_request("PUT /api/settings HTTP/1.0\r\n"
                . "Content-Length: 65536\r\n\r\n{" . ' ' x 65_535)
        } 1 .. 8;
        sleep 1;
        $_->close for @waiting;
    }

    kill CONT => $fake->pid;
    $fake->received(8);

    my ($worker) = $nginx->workers;
    my $before = ticks($worker);
    sleep 2;
    cmp_ok(ticks($worker) - $before, '<', 50,
           'the processor time of two seconds, in hundredths of one');
    ends_well($nginx);
}

sub ticks {
    my ($pid) = @_;

    open my $fh, '<', "/proc/$pid/stat" or die "no process $pid\n";
    my @fields = split / /, <$fh> =~ s/^.*\) //r;

    return $fields[11] + $fields[12];
}
