# What the page and other programs ask for, with nginx, the helper and the
# central servers all real: settings, first sync, commands, patients, lists.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use IO::Select ();
use IO::Socket::INET ();
use Msync::Test qw(
    free_port is_running processes_of site_config site_path sqlite
    start_central start_nginx wait_until write_private
);
use Test::More;

use constant {
    PASSWORD => 'correct horse battery',
    CHANGED  => 'staple of another day',
    WRONG    => 'guessed at random',
};

# What was answered, to look for secrets in at the end.
my @answers;

my $central = start_central(password => PASSWORD, records => 400);
my $elsewhere = $central->url =~ s/127\.0\.0\.1/localhost/r;

if (!-x $ENV{TEST_NGINX_MSYNC}) {
    BAIL_OUT('build/msync is missing: run make first');
}

my $nginx = start_nginx(
    workers => 2,
    log_level => 'debug',
    http    => real_site(interval => '300s'),
    server  => 'location /api/ { msync clinic; }',
);

$nginx->wait_status(sub { $_->{state} eq 'pre_initialisation' });

nothing_is_set();
wrong_settings_are_blamed();
a_test_saves_nothing();
a_first_sync_is_started();
the_interval_alone_needs_no_password();
another_host_needs_the_password();
central_refuses();
central_is_asked_before_saving();
saved_settings_win();
settings_are_saved_whatever_helper_there_is();

triggers_during_a_sync_are_one_more();
a_trigger_while_paused_runs_once();
a_cancelled_sync_loses_nothing();
a_patient_is_fetched();
the_history_is_that_of_the_log();
failed_records_are_tried_again();
failed_records_are_dismissed();
a_run_begins_between_two_checks();

no_answer_has_a_secret();
ok($nginx->stop, 'quit');
is(join('', $nginx->alarms(qr/exited on signal 9/)), '',
   'no alarm in the log');

done_testing();


sub real_site {
    return site_config('clinic', helper => $ENV{TEST_NGINX_MSYNC},
                       read_timeout => '2s', @_);
}

sub query { return sqlite(site_path('clinic.sqlite'), @_) }
sub runs  { return query('SELECT count(*) FROM sync_log') }
sub ended { return $nginx->runs_ended('clinic') }
sub asked { return $central->state(1)->{requestCount} }


# One request; the settings endpoints wait for central.
sub ask {
    my ($method, $endpoint, $body) = @_;

    my $answer = $nginx->request($method, "/api/$endpoint",
                                 content => $body, timeout => 90);
    push @answers, $answer;

    return $answer;
}

sub settings { return ask(GET => 'settings')->{json} }


# The fields that are blamed, in order; central is not asked about them.
sub blames {
    my ($method, $endpoint, $body, $fields) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    my $before = asked();
    my $answer = ask($method, $endpoint, $body);
    my $name = "$endpoint " . Msync::Test::encode_json($body);

    is($answer->{status}, 400, $name);
    is(join(' ', sort keys %{ $answer->{json}{fields} }), $fields,
       "blames $fields");
    like($_, qr/^\w+ \w+/, 'with a reason')
        for values %{ $answer->{json}{fields} };
    is($answer->{json}{error}{variant}, 'INVALID_REQUEST', 'as an error');
    is(asked(), $before, 'central is not asked');
}


sub refuses {
    my ($method, $endpoint, $body, $variant) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    my $answer = ask($method, $endpoint, $body);

    is("$answer->{status} $answer->{reason}", '422 Unprocessable Content',
       "$endpoint is refused");
    is($answer->{json}{error}{variant}, $variant, $variant);
    like($answer->{json}{error}{fullError}, qr/^\S+(?: \S+){3,}/,
         'it says what to do');
    unlike($answer->{json}{error}{fullError}, qr/by itself/,
           'and no run does it');
    $endpoint eq 'test' or like($answer->{json}{error}{fullError},
        qr/\S Nothing was saved\.$/, 'what became of it');

    return $answer->{json}{error}{fullError};
}


sub whole { return (url => $central->url, username => 'Clinic 7', @_) }


# Of the run that comes after so many.
sub end_of_run { return $nginx->end_of_run('clinic', $_[0]) // {} }


sub nothing_is_set {
    my $settings = settings();

    is_deeply([sort keys %$settings],
              [qw(hardwareId intervalSeconds passwordSet siteId siteName url
                  username)], 'the members of the settings');
    ok(!$settings->{passwordSet}, 'no password is set');
    is($settings->{url}, undef, 'nor a url');
    is($settings->{intervalSeconds}, 300, 'the interval of nginx.conf');
    ok($settings->{hardwareId}, 'this machine has an id');

    is(ask(POST => 'trigger')->{status}, 409, 'a trigger without settings');
}


sub wrong_settings_are_blamed {
    for my $case (
        [url => 'ftp://central.example.org'], [url => 'central'], [url => 7],
        [url => ''], [url => 'http://user:pw@central.example.org'],
        [username => ''], [username => 'a:b'], [username => undef],
        [password => ''], [password => 7], [password => [PASSWORD]],
        [intervalSeconds => -1], [intervalSeconds => 1.5],
        [intervalSeconds => '60'], [intervalSeconds => 1e18],
        [colour => 'red'],
    ) {
        my ($field, $value) = @$case;
        blames(PUT => 'settings', { whole(password => PASSWORD),
                                    $field => $value }, $field);
    }

    for my $case (
        [{ whole() }, 'password'],
        [{ url => $central->url, password => PASSWORD }, 'username'],
        [{ username => 'Clinic 7', password => PASSWORD }, 'url'],
        [{ url => 'x', username => '', password => PASSWORD },
         'url username'],
    ) {
        blames(PUT => 'settings', @$case);
        blames(POST => 'test', @$case);
        blames(POST => 'initialise', @$case);
    }

    blames(POST => 'test', {}, 'password url username');

    my %unknown = map { ($_ => 0) } 1 .. 7000;
    my $answer = ask(PUT => 'settings', \%unknown);
    is($answer->{status}, 400, 'thousands of wrong fields are answered');
    cmp_ok(keys %{ $answer->{json}{fields} }, '<', 100, 'and some are named');
    is(settings()->{url}, undef, 'nothing of it is saved');
}


sub a_test_saves_nothing {
    my $answer = ask(POST => 'test', { whole(password => PASSWORD) });

    is($answer->{status}, 200, 'a test');
    is_deeply([sort keys %{ $answer->{json} }],
              [qw(initialisationStatus siteId siteName)], 'says who it is');
    is($answer->{json}{siteId}, 7, 'the number');
    is($answer->{json}{siteName}, 'Clinic 7', 'the name');

    refuses(POST => 'test', { whole(password => WRONG) },
            'INCORRECT_PASSWORD');
    refuses(POST => 'initialise', { whole(password => WRONG) },
            'INCORRECT_PASSWORD');
    like(refuses(POST => 'test', { whole(password => PASSWORD . ' ') },
                 'INCORRECT_PASSWORD'),
         qr/ The password that was given begins or ends with a blank/,
         'a blank that was copied with it is told of');
    like(refuses(POST => 'test', { whole(password => PASSWORD,
                                         username => "\x{a0}Clinic 7") },
                 'SITE_NAME_NOT_FOUND'),
         qr/ The site name that was given begins or ends with a blank/,
         '… and one of the name');
    refuses(POST => 'test', { whole(password => PASSWORD,
                                    username => 'Nobody') },
            'SITE_NAME_NOT_FOUND');
    refuses(POST => 'test', { whole(password => PASSWORD),
                              url => 'http://127.0.0.1:' . free_port() },
            'CONNECTION_ERROR');

    my $settings = settings();
    ok(!$settings->{passwordSet} && !defined $settings->{url},
       'nothing is saved');
    is(ask(POST => 'trigger')->{status}, 409, 'there is nothing to sync with');
}


sub a_first_sync_is_started {
    my $before = ended();
    my $answer = ask(POST => 'initialise', { whole(password => PASSWORD) });

    is($answer->{status}, 202, 'initialise');
    is($answer->{content}, '{"triggered": true}', 'in words of a trigger');
    is(end_of_run($before)->{initialisationStatus}, 'INITIALISED',
       'the first sync has begun by itself and succeeds');

    my $settings = wait_until { my $s = settings(); $s->{siteId} && $s };
    ok($settings->{passwordSet}, 'a password is set');
    is($settings->{url}, $central->url, 'the url');
    is($settings->{username}, 'Clinic 7', 'the username');
    is($settings->{siteId}, 7, 'the number of the site');
    is($settings->{siteName}, 'Clinic 7', 'and its name');

    is(ask(POST => 'initialise', { whole(password => PASSWORD) })->{status},
       409, 'there is one first sync');
}


sub the_interval_alone_needs_no_password {
    my $before = asked();
    my $answer = ask(PUT => 'settings', { intervalSeconds => 7200 });

    is($answer->{status}, 200, 'another interval');
    is($answer->{json}{intervalSeconds}, 7200, 'is answered');
    ok($answer->{json}{passwordSet}, 'the password is kept');
    is(asked(), $before, 'central is not asked');
    ok($nginx->wait_status(sub { $_->{intervalSeconds} == 7200 }),
       'the status has it');

    ok($nginx->stop, 'nginx quits');
    $nginx->start;
    ok($nginx->wait_status(sub { $_->{intervalSeconds} == 7200
                                     && $_->{state} eq 'idle' }),
       'and has it when it comes again');
    is(settings()->{intervalSeconds}, 7200, 'so have the settings');

    is(ask(PUT => 'settings', {})->{status}, 200, 'nothing at all is no harm');
    is(ask(PUT => 'settings', { whole() })->{status}, 200,
       'what is set already needs no password');
}


sub another_host_needs_the_password {
    my ($port) = $central->url =~ /:(\d+)$/;

    for my $url ($elsewhere, 'http://127.0.0.1:' . free_port(),
                 "https://127.0.0.1:$port", 'http://central.invalid')
    {
        blames(PUT => 'settings', { url => $url }, 'password');
        blames(POST => 'test', { url => $url }, 'password');
        blames(PUT => 'settings', { url => $url, intervalSeconds => 5,
                                    username => 'Clinic 7',
                                    password => undef }, 'password');
    }

    my $settings = settings();
    is($settings->{url}, $central->url, 'the url is as before');
    is($settings->{intervalSeconds}, 7200, 'and so is the interval');

    my $answer = ask(PUT => 'settings', { url => $elsewhere,
                                          password => PASSWORD });
    is($answer->{status}, 200, 'with the password another host is taken');
    is($answer->{json}{url}, $elsewhere, 'and answered');
    is(settings()->{url}, $elsewhere, 'and kept');

    is(ask(PUT => 'settings', { whole(password => PASSWORD) })->{status}, 200,
       'and back');
}


sub central_refuses {
    for my $case (
        [{ password => WRONG }, 'INCORRECT_PASSWORD'],
        [{ username => 'Nobody' }, 'SITE_NAME_NOT_FOUND'],
        [{ url => 'http://127.0.0.1:' . free_port(), password => PASSWORD },
         'CONNECTION_ERROR'],
    ) {
        refuses(PUT => 'settings', { %{ $case->[0] }, intervalSeconds => 5 },
                $case->[1]);
    }

    my %good = %{ $central->state(1) };
    $central->config(hardware_id => 'another machine');
    refuses(PUT => 'settings', { password => PASSWORD },
            'HARDWARE_ID_MISMATCH');
    $central->config(hardware_id => $good{hardwareId});

    $central->fault(api => 'v5', path => 'site', kind => 'hang', times => 9);
    for my $how ([PUT => 'settings'], [POST => 'test']) {
        my $answer = ask(@$how, { password => PASSWORD });
        is($answer->{status}, 504, "@$how, and central says nothing");
        is($answer->{json}{error}{variant}, 'TIMEOUT', 'TIMEOUT');
    }
    $central->clear_faults;

    my $settings = settings();
    is("$settings->{username} $settings->{intervalSeconds}", 'Clinic 7 7200',
       'nothing of it is saved');

    my $before = ended();
    ask(POST => 'trigger');
    is(end_of_run($before)->{syncStatus}{error}, undef,
       'the site syncs with what it had');
}


sub central_is_asked_before_saving {
    $central->config(password => CHANGED);

    my $before = ended();
    ask(POST => 'trigger');
    is(end_of_run($before)->{syncStatus}{error}{variant},
       'INCORRECT_PASSWORD', 'the password has changed on central');

    my $answer = ask(PUT => 'settings', { password => CHANGED });
    is($answer->{status}, 200, 'the new one is saved');

    $before = ended();
    ask(POST => 'trigger');
    is(end_of_run($before)->{state}, 'idle', 'and is the one that is used');
}


sub saved_settings_win {
    $nginx->set(http => real_site(
        url => 'http://central.invalid', username => 'Nobody',
        interval => '60s',

        # from here on central is held, and not to be given up
        read_timeout => '60s',
        password_file => write_private('password', WRONG . "\n")));

    ok($nginx->reload, 'nginx.conf says otherwise');
    $nginx->wait_status(sub { $_->{state} eq 'idle' });

    my $settings = settings();
    is(join(' ', @$settings{qw(url username intervalSeconds)}),
       $central->url . ' Clinic 7 7200', 'what was saved wins');

    my $before = ended();
    ask(POST => 'trigger');
    is(end_of_run($before)->{state}, 'idle', 'the password too');
}


# While nginx is reloaded and right after its helper was killed there is none
# that has the database; the next one does what was asked for.
sub settings_are_saved_whatever_helper_there_is {
    my $seconds = 1000;
    my $save = sub {
        return ask(PUT => 'settings', { intervalSeconds => ++$seconds });
    };
    my @wrong;

    for (1 .. 3) {
        my ($old) = processes_of($ENV{TEST_NGINX_MSYNC});
        my $left = 5;

        $nginx->signal('HUP');

        while ($left) {
            my $answer = $save->();
            push @wrong, "$answer->{status} $answer->{content}"
                if $answer->{status} != 200;
            $left-- if !is_running($old);
        }
    }

    is(join("\n", @wrong), '', 'settings that are saved during a reload');

    kill KILL => processes_of($ENV{TEST_NGINX_MSYNC});
    my $answer = $save->();
    is($answer->{status}, 200, 'and after the helper was killed');
    is(settings()->{intervalSeconds}, $seconds, 'are those that count');
    is(ask(PUT => 'settings', { intervalSeconds => 7200 })->{status}, 200,
       'also when they are saved once more');
}


# A sync that stays where it is until central goes on.
sub held_sync_begins {
    my $before = ended();

    $central->hold;
    ask(POST => 'trigger');
    ok($nginx->wait_status(sub { $_->{syncStatus}{isSyncing} }),
       'a sync is under way');

    return $before;
}


sub triggers_during_a_sync_are_one_more {
    my $runs = runs();
    my $before = held_sync_begins();

    my @status = map { ask(POST => 'trigger')->{status} } 1 .. 7;
    is("@status", join(' ', (202) x 7), 'seven triggers during it');
    is(runs(), $runs + 1, 'it is still the same');

    $central->go_on;
    is(end_of_run($before + 1)->{state}, 'idle', 'a second sync follows');

    # A third would be due at once, and before this one.
    ask(POST => 'trigger');
    end_of_run($before + 2);
    is(runs(), $runs + 3, 'and no other');
}


sub a_trigger_while_paused_runs_once {
    is(ask(POST => 'pause')->{status}, 202, 'pause');
    ok($nginx->wait_status(sub { $_->{state} eq 'paused' }), 'paused');
    is($nginx->status->{nextSync}, undef, 'no sync is planned');

    my ($runs, $before) = (runs(), ended());
    is(ask(POST => 'trigger')->{status}, 202, 'a trigger');
    is(end_of_run($before)->{syncStatus}{error}, undef, 'is one sync');
    ok($nginx->wait_status(sub { $_->{state} eq 'paused' }),
       'afterwards it is paused as before');

    $nginx->reload;
    ok($nginx->wait_status(sub { $_->{state} eq 'paused' }),
       'also after a reload');
    is(runs(), $runs + 1, 'one and no more');

    is(ask(POST => 'resume')->{status}, 202, 'resume');
    ok($nginx->wait_status(sub { $_->{state} eq 'idle' && $_->{nextSync} }),
       'the next sync is planned');
}


sub a_cancelled_sync_loses_nothing {
    query('UPDATE item_line SET batch = \'CANCEL-1\' WHERE ID = '
        . '(SELECT min(ID) FROM item_line)');
    ok($nginx->wait_status(sub { $_->{numberOfRecordsInPushQueue} == 1 }),
       'an edit waits');

    my $before = held_sync_begins();
    is(ask(POST => 'cancel')->{status}, 202, 'cancel');
    is(end_of_run($before)->{syncStatus}{error}{variant}, 'CANCELLED',
       'the sync is cancelled');
    $central->go_on;

    ask(POST => 'trigger');
    my $end = end_of_run($before + 1);
    is($end->{syncStatus}{error}, undef, 'the next one succeeds');
    is($end->{numberOfRecordsInPushQueue}, 0, 'nothing waits any more');

    my @lines = grep { $_->{tableName} eq 'item_line' }
        $central->received('v5');
    is($lines[-1]{recordData}{batch}, 'CANCEL-1', 'the edit has arrived');
}


sub a_patient_is_fetched {
    my ($shot) = grep { $_->{tableName} eq 'vaccination' }
        map { Msync::Test::decode_json($_) } split /\n/, query(<<'END');
SELECT json_object('tableName', 'vaccination', 'id', id,
                   'patient', patient_id) FROM vaccination LIMIT 1
END
    my $new = 'aaaaaaaa-0000-4000-8000-000000000002';
    my $data = $central->record('vaccination', $shot->{id});

    $central->change(channel => 'patient', tableName => 'vaccination',
        recordId => $new, action => 'update',
        recordData => { %{ $data->{recordData} // $data }, id => $new });

    my $count = "SELECT count(*) FROM vaccination WHERE id = '$new'";
    my $before = ended();

    ask(POST => 'trigger');
    end_of_run($before);
    is(query($count), 0, 'a sync does not bring what another site wrote');

    is(ask(POST => "trigger?fetchPatientId=$shot->{patient}")->{status}, 202,
       'a patient is asked for');
    is(end_of_run($before + 1)->{syncStatus}{error}, undef, 'that sync');
    is(query($count), 1, 'brings it');
}


sub the_history_is_that_of_the_log {
    my $history = wait_until {
        my $answer = ask(GET => 'history')->{json}{runs} // [];
        @$answer == runs() && $answer;
    };

    ok($history, 'the history has every run');

    my @started = map { $_->{summary}{started} } @$history;
    is_deeply(\@started, [reverse sort @started], 'the newest first');

    my %ids = map { $_->{id} => 1 } @$history;
    is(scalar(keys %ids), scalar(@$history), 'each with its id');
    is_deeply($history->[0]{summary}, $nginx->status->{syncStatus}{summary},
              'and as the status had it');

    my %seen = map { $_->{error}{variant} => 1 }
        grep { $_->{error} } @$history;
    is(join(' ', sort keys %seen), 'CANCELLED INCORRECT_PASSWORD',
       'failures too');
}


sub failed_records_are_tried_again {
    is_deeply(ask(GET => 'errors')->{json}, { total => 0, errors => [] },
              'no record has failed');

    my ($store, $line) = ('F' x 32, 'E' x 32);
    my $data = $central->record('item_line',
                                query('SELECT min(ID) FROM item_line'));

    $central->change(channel => 'remote', tableName => 'item_line',
        recordId => $line, action => 'insert', recordData => {
            %{ $data->{recordData} // $data }, ID => $line,
            item_ID => $store,
        });

    my ($runs, $before) = (runs(), ended());
    ask(POST => 'trigger');
    my $end = end_of_run($before);
    is($end->{integrationErrors}, 1, 'a record without its parent');

    my $errors = wait_until {
        my $document = ask(GET => 'errors')->{json};
        $document->{total} && $document;
    };
    my ($error) = @{ $errors->{errors} };
    is(join(' ', grep { defined $error->{$_} }
                 qw(tableName recordId action error since tries)),
       'tableName recordId action error since tries', 'what is said of it');
    is("$error->{tableName} $error->{recordId}", "item_line $line", 'which');
    like($error->{error}, qr/\w \w/, 'and why');

    my ($tries, $asked) = ($error->{tries}, asked());
    is(ask(POST => 'retry')->{status}, 202, 'retry');
    ok(wait_until(sub {
        my ($now) = @{ ask(GET => 'errors')->{json}{errors} };
        $now && $now->{tries} > $tries;
    }), 'it is tried again');
    ok(wait_until(sub { runs() == $runs + 2 }), 'that is a run');
    is(asked(), $asked, 'but central is asked nothing');
}


# The one that failed above; what central changes of it brings it back.
sub failed_records_are_dismissed {
    my $get = sub { ask(GET => "errors$_[0]")->{json} };
    my ($error) = @{ $get->('')->{errors} };

    ok(!$error->{dismissed}, 'a failed record is not dismissed by itself');
    is($get->('?dismissed=1')->{total}, 0, 'and none is');

    for my $wrong ('{}', '{"all": false}', '{"tableName": "item_line"}',
        '{"recordId": "x"}', '{"tableName": 1, "recordId": "x"}',
        '{"all": true, "tableName": "item_line"}', '{"all": true',
        '{"all": true}{}', '{"all": true} or so',
        qq({"tableName": "item_line", "recordId": "\xe9"}),
        '{"tableName": "a", "recordId": "b", "error": "c"}', '[true]')
    {
        is(ask(POST => 'errors/dismiss', $wrong)->{status}, 400,
           "not by $wrong");
    }

    is_deeply(ask(POST => 'errors/dismiss', {
        tableName => $error->{tableName}, recordId => 'another',
    })->{json}, { dismissed => 0 }, 'another record');

    my $answer = ask(POST => 'errors/dismiss', {
        map { $_ => $error->{$_} } qw(tableName recordId),
    });
    is($answer->{status}, 200, 'dismissed');
    is_deeply($answer->{json}, { dismissed => 1 }, 'one');

    ok($nginx->wait_status(sub { $_->{integrationErrors} == 0 }),
       'it is no more counted');
    ok(wait_until(sub { $get->('')->{total} == 0 }), 'nor listed');
    ok(wait_until(sub { $get->('?dismissed=1')->{total} == 1 }),
       'but in the list of the dismissed');
    my ($dismissed) = @{ $get->('?dismissed=1')->{errors} };
    ok($dismissed->{dismissed}, 'as that');
    is($dismissed->{recordId}, $error->{recordId}, 'which');
    is(query('SELECT count(*) FROM sync_buffer WHERE dismissed'), 1,
       'and kept');

    my ($before) = (ended());
    my $data = $central->record('item_line', $error->{recordId});
    $central->change(channel => 'remote', tableName => 'item_line',
        recordId => $error->{recordId}, action => 'update', recordData => {
            %{ $data->{recordData} // $data }, batch => 'another one',
        });
    ask(POST => 'trigger');
    is(end_of_run($before)->{integrationErrors}, 1,
       'it is back when it has changed');

    is_deeply(ask(POST => 'errors/dismiss', { all => \1 })->{json},
              { dismissed => 1 }, 'all');
    ok($nginx->wait_status(sub { $_->{integrationErrors} == 0 }), 'none left');

    my $patients = ask(GET => 'patients?name=Ana%20"');
    is($patients->{status}, 409, 'patients are looked for with v7 only');
    like($patients->{json}{error}{fullError}, qr/v6/, 'and why');
}


# A server that says nothing, until its socket is closed.
sub silent_server {
    return IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 5)
        // die "cannot listen: $!\n";
}


sub a_run_begins_between_two_checks {
    my $other = start_nginx(
        http   => site_config('other', helper => $ENV{TEST_NGINX_MSYNC},
                              url => 'http://127.0.0.1:' . free_port(),
                              username => 'x',
                              password_sha256 => sha256_hex(WRONG)),
        server => 'location /api/ { msync other; }',
    );
    $other->wait_status(sub { $_->{state} eq 'pre_initialisation' });

    my @silent = (silent_server(), silent_server());
    my $test = sub {
        my $body = Msync::Test::encode_json({
            whole(password => PASSWORD),
            url => 'http://127.0.0.1:' . $_[0]->sockport });
        return $other->open_request("POST /api/test HTTP/1.0\r\n"
            . "Content-Length: @{[length $body]}\r\n\r\n$body");
    };

    my @asked = $test->($silent[0]);
    ok(IO::Select->new($silent[0])->can_read(60), 'settings are checked');
    push @asked, $test->($silent[1]);
    is($other->post('/api/trigger')->{status}, 202, 'others wait, and a run');

    close $silent[0];
    ok($asked[0]->wait_for(qr{^HTTP/1\.1 422 }, 60), 'the first are answered');
    ok(wait_until(sub { sqlite(site_path('other.sqlite'),
                               'SELECT count(*) FROM sync_log') }, 10),
       'the run begins');
    is($asked[1]->bytes, '', 'before the others are');

    close $silent[1];
    ok($asked[1]->wait_for(qr{^HTTP/1\.1 422 }, 60), 'these are in the end');
    ok($other->stop, 'quit');
}


sub no_answer_has_a_secret {
    my @secrets = map { ($_, sha256_hex($_)) } PASSWORD, CHANGED, WRONG;
    my $secret = join '|', map { quotemeta } @secrets;

    push @answers, map { ask(GET => $_) } qw(status settings history errors
                                              metrics);

    cmp_ok(scalar(@answers), '>', 100, 'many answers');
    is(join("\n", grep { /$secret/i } map { $_->{content} } @answers), '',
       'none has a password or a hash');

    my ($lines) = $nginx->server->log_lines(0);
    is(join('', grep { /$secret/i } @$lines), '', 'nor has the debug log');

    SKIP: {
        skip('this nginx is built without --with-debug', 1)
            if !grep { / \[debug\] .*http process request line/ } @$lines;

        my $told = grep { /msync clinic: the helper answers request \d+/ }
            @$lines;
        cmp_ok($told, '>', 10, 'which tells what the helper answers');
    }

    is(join("\n", map { $_->{message} } @{ $central->state(1)->{violations} }),
       '', 'central has seen no breach of protocol');
}
