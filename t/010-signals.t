# What the signals of nginx's manual do to a site: upgrade on the fly and its
# rollback, workers that leave and come back, reopened logs, a shutdown with a
# limit, a master that is killed; and zones that cannot be kept.

use strict;
use warnings;

use Msync::Described qw(unwatched);
use Msync::Test qw(
    is_running site_config site_path sqlite start_central start_nginx
    wait_until write_private
);
use Msync::Fake;
use Msync::Life qw(
    descriptors ends_well helpers helpers_are is_reported
);
use Test::More;

my $LOCATION = 'location /api/ { msync clinic; }';

upgrade();
upgrade_and_rollback();
upgrade_with_triggers_that_wait();
all_of_it_is_killed();
a_rotated_log_is_closed();

Msync::Fake->start_with(status => { state => 'idle', queue => 4 });

workers_leave_and_come_back();
logs_are_reopened();
what_a_helper_says_is_one_line();
what_nobody_will_answer_keeps_no_nginx();
what_is_asked_of_a_worker_that_leaves_waits_for_nothing();
shutdown_with_a_limit();
the_master_is_killed();
a_zone_of_another_size();
a_zone_of_another_layout();

done_testing();


sub fake { return Msync::Fake->connect(site_path('clinic.sqlite')) }


# The helper that holds the lock of a database can be one only, so these two
# have the real one.
sub nginx_with_real_helper {
    return start_nginx(
        workers => 2,
        http    => site_config('clinic', helper => $ENV{TEST_NGINX_MSYNC}),
        server  => $LOCATION,
    );
}


sub nginx {
    return start_nginx(
        workers => 2,
        http    => site_config('clinic'),
        server  => $LOCATION,
        @_,
    );
}


# Starts the new master beside the old one, whose workers then leave.
sub change_masters {
    my ($nginx) = @_;

    my $old = $nginx->pid;
    my @workers = $nginx->workers;
    my ($helper) = helpers();

    $nginx->signal('USR2');

    ok(wait_until(sub { my $pid = $nginx->pid; $pid && $pid != $old }),
       'USR2 starts another master');
    wait_until(sub { $nginx->workers == 2 * @workers });

    cmp_ok(scalar(@{[helpers()]}), '<=', 2, 'its helper waits for the lock');
    ok(is_running($helper), 'which the helper of before has');

    $nginx->signal(WINCH => $old);

    ok(wait_until(sub { !grep { is_running($_) } @workers }),
       'WINCH ends the workers of before');
    ok(wait_until(sub { !is_running($helper) }), 'and their helper');
    helpers_are(1, 'one helper');
    ok(is_reported($nginx), 'the new one reports');

    return $old;
}


sub upgrade {
    my $nginx = nginx_with_real_helper();

    is_reported($nginx);
    my $generation = $nginx->status->{generation};
    my $old = change_masters($nginx);

    $nginx->signal(QUIT => $old);
    ok(wait_until(sub { !is_running($old) }), 'QUIT ends the old master');
    cmp_ok($nginx->status->{generation}, '>', $generation,
           'the generation has grown');
    helpers_are(1, 'one helper');
    ends_well($nginx);
}


sub upgrade_and_rollback {
    my $nginx = nginx_with_real_helper();

    is_reported($nginx);

    my $fds = descriptors($nginx->pid);
    my $old = change_masters($nginx);
    my $new = $nginx->pid;
    my $generation = $nginx->status->{generation};

    $nginx->signal(HUP => $old);
    wait_until(sub { $nginx->workers == 2 * worker_count() });
    $nginx->signal(QUIT => $new);

    ok(wait_until(sub { !is_running($new) }), 'the new master has gone');
    ok(wait_until(sub { ($nginx->pid // 0) == $old }), 'the old one is back');
    ok(is_reported($nginx), 'its helper reports');
    cmp_ok($nginx->status->{generation}, '>', $generation,
           'the generation does not go back');
    helpers_are(1, 'one helper');
    is(descriptors($old), $fds, 'no descriptor is left open');
    ends_well($nginx);
}


# A site that has synced once, and how often a patient was asked for.
sub synced {
    my $central = start_central(password => 'secret', records => 300);
    my $nginx = start_nginx(
        workers => 2,
        http    => site_config('clinic',
            helper        => $ENV{TEST_NGINX_MSYNC},
            url           => $central->url,
            username      => '"Clinic 7"',
            password_file => write_private('password', "secret\n"),
            interval      => 0,
        ),
        server  => $LOCATION,
    );

    is_reported($nginx);
    $nginx->post('/api/trigger');
    $nginx->wait_status(sub { $_->{initialisationStatus} eq 'INITIALISED'
                                  && $_->{state} eq 'idle' });

    return ($central, $nginx, sub {
        return scalar grep { $_->{path} =~ /patient-pull/ }
            @{ $central->state->{requests} };
    });
}

# Two whom the site has.
sub patients {
    return split /\n/, sqlite(site_path('clinic.sqlite'),
        q{SELECT ID FROM name WHERE type = 'patient' ORDER BY ID LIMIT 2});
}

# In the middle of a sync these, too, are asked for.
sub ask_meanwhile {
    my ($central, $nginx, @paths) = @_;

    $central->hold;
    is($nginx->post('/api/trigger')->{status}, 202, 'a sync that is held');
    $nginx->wait_status(sub { $_->{syncStatus}{isSyncing} });
    is($nginx->post("/api/$_")->{status}, 202, "$_ meanwhile") for @paths;
}

# How many runs went well, and what still waits.
sub done_and_waiting {
    return sqlite(site_path('clinic.sqlite'),
        'SELECT count(*) FROM sync_log WHERE finished_datetime IS NOT NULL '
        . 'AND error_code IS NULL',
        "SELECT count(*) FROM key_value_store WHERE id = 'MSYNC_WAITING'");
}


# The zone of the new master knows nothing of them.
sub upgrade_with_triggers_that_wait {
    my ($central, $nginx, $pulls) = synced();

    my @fetch = map { "trigger?fetchPatientId=$_" } patients();

    ask_meanwhile($central, $nginx, $fetch[0], 'pause', $fetch[1]);

    my $old = change_masters($nginx);
    $central->go_on;

    ok(wait_until(sub { $pulls->() == 2 }),
       'both patients are fetched by the new helper');
    ok($nginx->wait_status(sub { $_->{state} eq 'paused' }),
       'then it pauses');

    is(done_and_waiting(), "4\n0",
       'the sync that was interrupted is done, too, and nothing waits');

    $nginx->signal(QUIT => $old);
    wait_until(sub { !is_running($old) });
    ends_well($nginx);
    unlink glob site_path('clinic.sqlite') . '*';
}


# As those who end a whole service in a hurry do; the next one goes on.
sub all_of_it_is_killed {
    my ($central, $nginx, $pulls) = synced();

    ask_meanwhile($central, $nginx, 'pause',
                  'trigger?fetchPatientId=' . (patients())[0]);
    is($nginx->request(PUT => '/api/settings',
                       content => '{"intervalSeconds":7200}')->{status}, 200,
       'settings meanwhile');

    kill KILL => $nginx->pid, $nginx->workers;
    ok(wait_until(sub { !helpers() && !$nginx->server->processes }),
       'nothing of it is left');
    $central->go_on;
    $nginx->start;

    my $stream = $nginx->open_stream('/api/events');
    ok(wait_until(sub { $pulls->() == 1 }), 'the patient is fetched');
    ok($stream->wait_for(qr/"state":"paused"/), 'a stream hears of the pause');
    is($nginx->get('/api/settings')->{json}{intervalSeconds}, 7200,
       'the settings are those that were saved');
    ok(wait_until(sub { done_and_waiting() eq "3\n0" }),
       'all is done, and nothing waits any more') or diag(done_and_waiting());

    $stream->close;
    ends_well($nginx);
    unlink glob site_path('clinic.sqlite') . '*';
}


sub worker_count { return Msync::Test::worker_count(2) }


# Until the next helper reports, what the one of before has said is served as
# of another generation: by its ETag, and by its own word, for a long poll with
# one of them that is not the other would end at once, again and again.
sub workers_leave_and_come_back {
    my $nginx = nginx();

    is_reported($nginx);

    my $generation = $nginx->status->{generation};
    my @workers = $nginx->workers;

    $nginx->signal('WINCH');
    ok(wait_until(sub { !grep { is_running($_) } @workers }),
       'WINCH ends the workers');

    Msync::Fake->start_with();
    $nginx->signal('HUP');
    ok(wait_until(sub { $nginx->workers == @workers }), 'HUP brings others');
    my $fake = fake();

    my $answer = $nginx->get('/api/status');
    is($answer->{json}{numberOfRecordsInPushQueue}, 4,
       'they serve what was said before');
    cmp_ok($answer->{json}{generation}, '>', $generation,
           'as of another generation');
    is($answer->{headers}{etag}, qq{"$answer->{json}{generation}"},
       'the one of its ETag');

    $fake->status(state => 'idle', queue => 7);
    ok($nginx->wait_status(sub { $_->{numberOfRecordsInPushQueue} == 7 }),
       'until the next helper reports');
    Msync::Fake->start_with(status => { state => 'idle', queue => 4 });
    helpers_are(1, 'one helper');
    ends_well($nginx);
}


sub logs_are_reopened {
    my $nginx = nginx();

    is_reported($nginx);

    my $log = $nginx->server->error_log;
    my $fake = fake();

    $fake->log(6, 'said before');
    $nginx->logged(qr/said before/);

    rename $log, "$log.1" or die $!;
    $nginx->signal('USR1');
    wait_until(sub { -s $log });

    # The master opens it before it tells the workers.
    wait_until(sub {
        $fake->log(6, 'said after');
        return grep { /said after/ } $nginx->log_lines;
    });

    ok((grep { /\[notice\] .*msync clinic: said after/ } $nginx->log_lines),
       'the helper logs into the new file');
    ok(!(grep { /said before/ } $nginx->log_lines), 'which is a new one');
    is(fake()->pid, $fake->pid, 'the helper is the same');
    helpers_are(1, 'one helper');
    ends_well($nginx);
}


# an overcome helper forges no lines and paints no terminal
sub what_a_helper_says_is_one_line {
    my $nginx = nginx(workers => 1, server => $LOCATION
        . ' location = /error { return 200 "$msync_error_clinic"; }');

    is_reported($nginx);

    my $fake = fake();

    $fake->log(6, "said\n2026/01/01 forged \e[2J\x00\x7f\ttext\xc3\xa9");
    $fake->log(6, 'said at last');
    ok($nginx->logged(qr/said at last/), 'the helper logs');

    my ($line) = map { /msync clinic: (said\W?.*)/ ? $1 : () }
        $nginx->log_lines;
    like($line, qr{^said\?2026/01/01 forged \?\[2J\?\?\?text},
         'in one line, without control characters');

    unwatched(1);
    $fake->status(state => 'error', error => "A\nB\eC");
    ok($nginx->wait_status(sub { $_->{state} eq 'error' }), 'and an error');
    like($nginx->get('/error')->{content}, qr/^A_B_C$/,
         'whose name is one line, too');
    unwatched(0);
    ends_well($nginx);
}


sub a_rotated_log_is_closed {
    my $nginx = nginx_with_real_helper();

    is_reported($nginx);

    my $log = $nginx->server->error_log;
    rename $log, "$log.1" or die $!;
    $nginx->signal('USR1');

    SKIP: {
        skip 'only root sees what others have open', 2 if $>;

        my $open = sub {
            return map { my $fd = $_; map { "$fd $_" } readlink($fd) // () }
                map { glob "/proc/$_/fd/*" }
                $nginx->pid, $nginx->workers, helpers();
        };

        ok(wait_until(sub {
            my @open = $open->();
            return (grep { /error\.log$/ } @open)
                && !grep { /error\.log\.1$/ } @open;
        }), 'the new log is open, and nobody keeps the rotated one')
            or diag(join "\n", $open->());
    }

    ends_well($nginx);
}


sub what_nobody_will_answer_keeps_no_nginx {
    my $nginx = nginx();
    my $stopped = qr{^HTTP/1\.1 503 .*"variant":"HELPER_STOPPED"}s;

    is_reported($nginx);

    my ($master) = $nginx->pid;
    my $put = "PUT /api/settings HTTP/1.0\r\nContent-Length: 2\r\n\r\n";
    my @waiting = map { $nginx->open_request("$put\{}") } 1 .. 4;
    my $late = $nginx->open_request("$put\{");
    fake()->received(4);

    $nginx->signal('QUIT');
    is(scalar(grep { !$_->wait_for($stopped) } @waiting), 0,
       'QUIT: what waits for the helper is told at once that none is left');
    $late->send('}');
    ok($late->wait_for($stopped), 'so is what comes now');
    ok(wait_until(sub { !is_running($master) }), 'and nginx ends');
    helpers_are(0, 'no helper is left');
    is(join('', $nginx->alarms), '', 'no alarm in the log');
}


# Begun before, and whole when the worker only ends what it has.
sub what_is_asked_of_a_worker_that_leaves_waits_for_nothing {
    my $nginx = nginx(workers => 1);

    is_reported($nginx);

    my $master = $nginx->pid;
    my $generation = $nginx->status->{generation};
    my @late = map { $nginx->open_request("GET $_ HTTP/1.0\r\n") }
        '/api/events', "/api/status?since=$generation&wait=60";

    # it accepts them in turn
    $nginx->status;
    $nginx->signal('QUIT');
    $nginx->logged(qr/gracefully shutting down/);

    for my $late (@late) {
        $late->send("\r\n");
        ok($late->wait_for(qr/"generation":$generation\b/),
           'what there is is told');
        ok(wait_until(sub { $late->ended }), 'and no more');
    }

    ok(wait_until(sub { !is_running($master) }), 'nginx ends');
    helpers_are(0, 'no helper is left');
    is(join('', $nginx->alarms), '', 'no alarm in the log');
}


sub shutdown_with_a_limit {
    my $nginx = nginx(main => 'worker_shutdown_timeout 1s;');

    is_reported($nginx);

    my $waiting = $nginx->open_request("PUT /api/settings HTTP/1.0\r\n"
        . "Content-Length: 2\r\n\r\n{}");
    my $slow = $nginx->open_request("PUT /api/settings HTTP/1.0\r\n"
        . "Content-Length: 2\r\n\r\n{");
    my $stream = $nginx->open_stream('/api/events');
    $stream->wait_events(1);
    fake()->received(1);

    ok($nginx->stop, 'QUIT ends all within worker_shutdown_timeout');
    ok($_->ended, 'and each request') for $waiting, $slow, $stream;
    helpers_are(0, 'no helper is left');
    is(join('', $nginx->alarms), '', 'no alarm in the log');
}


# nginx's workers outlive their master; as long as they serve, the site syncs.
sub the_master_is_killed {
    my $nginx = nginx();

    is_reported($nginx);

    my $helper = fake()->pid;
    my @workers = $nginx->workers;

    kill KILL => $nginx->pid;
    wait_until(sub { !$nginx->pid });

    is($nginx->get('/api/status')->{status}, 200, 'workers serve on');
    is($nginx->post('/api/trigger')->{status}, 202, 'and take a trigger');
    ok(scalar(fake()->received(1)), 'which reaches the helper');
    helpers_are(1, 'one helper');

    kill TERM => @workers;
    ok(wait_until(sub { !grep { is_running($_) } @workers, $helper }),
       'it ends with the workers');
    helpers_are(0, 'no helper is left');
    is(join('', $nginx->alarms), '', 'no alarm in the log');
}


sub a_zone_of_another_size {
    my $nginx = nginx();

    is_reported($nginx);

    my $size = 256;
    my $generation = 0;
    my $asked = 0;
    my %answers;

    for my $round (1 .. 4) {
        my @old = ($nginx->workers, helpers());

        $size += 64;
        $nginx->set(http => site_config('clinic', zone => "${size}k"));
        $nginx->signal('HUP');

        # Before, while and after the zone is another one.
        for (1 .. 25) {
            my $answer = $nginx->post(
                "/api/trigger?fetchPatientId=p$round-$_", timeout => 5);
            $answers{$answer->{status}}++;
            $asked++;
            push @{ $nginx->{taken} }, "p$round-$_"
                if $answer->{status} == 202;
            last if $answer->{status} == 429;
        }

        # What the helper of before is told to say nobody hears.
        wait_until(sub { !grep { is_running($_) } @old });
        is_reported($nginx);

        my $fake = wait_until(sub {
            my $now = fake();
            my %told = map { ($_->{patient} // '') => 1 } $now->received;
            return (grep { !$told{$_} } @{ $nginx->{taken} // [] })
                ? undef : $now;
        });
        ok($fake, 'no trigger that was taken is lost')
            or last;

        my ($last) = sort { $b <=> $a }
            map { $_->{sequence} // 0 } $fake->received;
        $fake->status(queue => $round, done => { trigger => $last });
        ok($nginx->wait_status(sub {
            $_->{numberOfRecordsInPushQueue} == $round }), 'they are done');
        $nginx->{taken} = [];

        my $now = $nginx->status->{generation};
        cmp_ok($now, '>', $generation, 'the generation grows');
        $generation = $now;
    }

    is(join(' ', grep { !/^(?:202|429|503)$/ } keys %answers), '',
       'each was answered: ' . join ', ', map { "$_: $answers{$_}" }
       sort keys %answers);
    helpers_are(1, 'one helper');
    ends_well($nginx);
}


# As if a module of before had left it: its layout is another number.
sub a_zone_of_another_layout {
    my $nginx = nginx();

    is_reported($nginx);

    SKIP: {
        skip 'only root writes the memory of others', 2 if $>;

        ok(change_layout($nginx->pid), 'a zone of another version');
        $nginx->reload;
        ok($nginx->logged(qr/\[warn\].*zone\ of\ msync_site\ "clinic"
                             \ was\ left\ by\ another\ version/x),
           'is begun anew, and that is said');
    }

    ok(is_reported($nginx), 'the site is served');
    helpers_are(1, 'one helper');
    ends_well($nginx);
}


sub change_layout {
    my ($pid) = @_;

    no warnings 'portable';

    open my $maps, '<', "/proc/$pid/maps" or die $!;
    open my $mem, '+<:raw', "/proc/$pid/mem" or die $!;

    while (my $line = <$maps>) {
        my ($from, $to) = $line =~ /^(\w+)-(\w+) rw-s/ or next;

        sysseek $mem, hex $from, 0;
        sysread $mem, my $zone, hex($to) - hex($from) or next;

        # The magic number, and the layout behind it.
        my $at = index $zone, pack 'L', 0x6d73796e;
        next if $at < 0;

        sysseek $mem, hex($from) + $at + 4, 0;
        return syswrite $mem, pack 'L', 0;
    }

    return;
}
