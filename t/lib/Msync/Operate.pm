package Msync::Operate;

# What people ask of a site of Msync::Property at its page, and the nginx in
# front of it that is killed.

use strict;
use warnings;

use Exporter qw(import);
use Time::HiRes qw(sleep);

use Msync::Forms qw(any_word quoted);
use Msync::Life qw(KILLED);
use Msync::Test qw(
    encode_json give is_running site_config start_nginx wait_until
);

our @EXPORT_OK = qw(%OPERATE edit_row serve);

our %OPERATE = (
    'patient fetched'   => \&_fetch,
    'dismissed'         => \&_dismiss,
    'cancelled'         => \&_cancel,
    'settings saved'    => \&_save,
    'worker killed'     => \&_kill_worker,
    'nginx killed'      => \&_kill_all,
    'helper of nginx killed' => \&_kill_helper,
    'retried and sent at the page' => \&_retry,
    'nginx reloaded'    => \&_reload,
    'nginx upgraded'    => \&_upgrade,
);


# nginx's helper: it is paused, restarted or killed, still paused then, and
# resumed; a trigger brings a run at all times.
sub serve {
    my ($self) = @_;

    return if !$self->{begun};

    my $helper = $self->_helper;

    $helper->pause or $self->_is_wrong('it does not pause');
    $self->_took('paused');
    $self->_edit_here for 1 .. rand 3;

    my $signal = $self->_deal(restart => '', 'KILL');
    $helper->trigger if rand 2 < 1;
    sleep rand 0.2;
    $helper->stop($signal);
    $self->_took($signal ? 'helper killed' : 'helper restarted');

    $helper = $self->_helper;
    $helper->is_paused
        or $self->_is_wrong('it is not paused any more after a restart');

    # what is asked in the first two seconds of a helper whose forerunners
    # died may be what killed them, and waits
    sleep 2.2;

    if ($self->_deal(served => 0, 1)) {
        defined $helper->run
            or $self->_is_wrong('a trigger while paused does not run');
        $self->_took('synced while paused');
    }

    $helper->resume or $self->_is_wrong('it does not resume');
    $self->_took('resumed');
    defined $helper->run or $self->_is_wrong('a trigger does not run');
    $helper->is_resumed
        or $self->_is_wrong('it is paused after it was resumed');
    $helper->stop;
}


# Of a patient whom central tells only those that ask for it.
sub _fetch {
    my ($self) = @_;

    $self->be_well;
    $self->_sync;

    my ($t, $id, $patient) = $self->tell_who_asks or return;
    my $helper = $self->_helper;

    $helper->run($patient) // $self->_is_wrong('a fetch does not end');
    $helper->stop;
    $self->_is_wrong("$t->{table} $id did not come with patient $patient: "
        . $self->query('SELECT error_code, error_message FROM sync_log '
                       . 'ORDER BY id DESC LIMIT 1'))
        if $self->query(qq{SELECT 1 FROM "$t->{table}" WHERE }
                        . qq{"$t->{key}" = '$id'}) eq '';
    $self->tell_all;
}


# A record that central refuses is dismissed, and goes out once it is edited.
sub _dismiss {
    my ($self) = @_;

    my $t = $self->{pushed}[rand @{ $self->{pushed} }];
    my $id = $self->_any_here($t);
    my $refused = "SELECT count(*) FROM msync_refused WHERE record_id = '$id'";

    return if $id eq '' || $self->{alias}{$id} || $self->{dead}{$id};
    $self->be_well;
    edit_row($self, $t, $id);
    $self->central->config(refuse => [$id], refuse_as => undef);
    $self->_edit_here;
    $self->_sync;
    $self->central->config(refuse => []);
    return if $self->query($refused) == 0;

    my $helper = $self->_helper;
    my $request = $helper->dismiss(0, tableName => $t->{table},
                                   recordId => $id);
    my $answer = wait_until { $helper->answer($request) };

    $helper->stop;
    $self->_is_wrong("$t->{table} $id is not dismissed")
        if ($answer->[1]{dismissed} // 0) < 1
            || $self->query("$refused AND NOT dismissed") > 0;

    edit_row($self, $t, $id);
    $self->_sync;
    $self->_is_wrong("$t->{table} $id was edited and does not go")
        if $self->query($refused) > 0;
}

# What central refuses is tried at once, and all is offered that central may
# never have had.
sub _retry {
    my ($self) = @_;

    $self->refuse;
    $self->_edit_here for 1 .. rand 4;
    $self->_sync;

    my $helper = $self->_helper;
    my $request = $helper->send_rows(0, all => \1);

    $helper->retry or $self->_is_wrong('a retry is not done');
    wait_until { $helper->answer($request) }
        or $self->_is_wrong('rows that are sent get no answer');
    $helper->stop;
}

# A word of a row gets another value.
sub edit_row {
    my ($self, $t, $id) = @_;

    my $word = $t->{words}[rand @{ $t->{words} }]{name};
    my $value = quoted(any_word() . rand);

    $self->query(qq{UPDATE "$t->{table}" SET "$word" = $value WHERE }
                 . qq{"$t->{key}" = '$id'});
}


# A run is cancelled in any of its steps, and another one asked for at once.
sub _cancel {
    my ($self) = @_;

    my $helper = $self->_helper;

    $self->central->config(page_delay_ms => 15);
    $self->_edit_here for 1 .. rand 4;

    my $run = $helper->trigger;

    sleep rand 0.4;
    $helper->cancel;
    $self->_edit_here;
    $helper->is_done($run)
        or $self->_is_wrong('a run that is cancelled does not end');
    $self->central->config(page_delay_ms => 0);
    $helper->run // $self->_is_wrong('no run after one that was cancelled');
    $helper->stop;
}


# The same server in another form, and in its own again, both times anywhere in
# a run.
sub _save {
    my ($self) = @_;

    my $helper = $self->_helper;
    my $url = $self->url;

    $self->be_well;
    $self->central->config(page_delay_ms => 15);

    for my $to ("$url/", $url) {
        $self->_edit_here for 1 .. rand 4;

        my $run = $helper->trigger;

        sleep rand 0.4;

        my $request = $helper->save(0, url => $to, password => $self->PASSWORD);
        my $answer = wait_until { $helper->answer($request) };

        $self->_is_wrong('settings are not saved: ' . encode_json($answer))
            if ($answer->[0] // 0) != 200;
        $helper->is_done($run)
            or $self->_is_wrong('a run beside new settings does not end');
    }

    $self->central->config(page_delay_ms => 0);
    $helper->stop;
}


# A worker dies anywhere in a run; another one brings what was promised.
sub _kill_worker {
    my ($self) = @_;

    _outlives($self, KILLED, sub { kill KILL => $_[0]->workers });
}

# nginx's helper dies anywhere in a run; the next one brings what was promised.
sub _kill_helper {
    my ($self) = @_;

    _outlives($self, KILLED, sub {
        my ($nginx) = @_;
        my %not = map { $_ => 1 } $nginx->pid, $nginx->workers;

        kill KILL => grep { !$not{$_} } $nginx->server->processes;
    });
}

sub _reload {
    my ($self) = @_;

    _outlives($self, undef, sub {
        for (0 .. rand 2) {
            $_[0]->reload or $self->_is_wrong('nginx does not reload');
        }
    });
}

# By another master, whose zone is a new one.
sub _upgrade {
    my ($self) = @_;

    _outlives($self, undef, sub {
        my ($nginx) = @_;
        my $old = $nginx->pid;

        $nginx->signal('USR2');
        wait_until { my $pid = $nginx->pid; $pid && $pid != $old }
            or $self->_is_wrong('no other master starts');
        $nginx->signal(QUIT => $old);
        wait_until { !is_running($old) } 60
            or $self->_is_wrong('the master of before does not quit');
    });
}

# Whatever happens to nginx in a run, what was promised is done.
sub _outlives {
    my ($self, $allowed, $happens) = @_;

    my $nginx = _nginx($self);
    my $before = _last($self);

    _trigger($self, $nginx);
    $happens->($nginx);
    wait_until { _last($self) ne $before } 60
        or $self->_is_wrong(join "\n", 'what was accepted is not done:',
                            encode_json($nginx->status), $nginx->log_lines);
    $nginx->stop or $self->_is_wrong('nginx does not quit');
    $self->_is_wrong($_) for $nginx->alarms($allowed);
    $self->central->config(page_delay_ms => 0);
}

# Which run was the last one that ended well: the zone of another master does
# not count those of before.
sub _last {
    my ($self) = @_;

    return $self->query('SELECT id, finished_datetime FROM sync_log WHERE '
                        . 'finished_datetime IS NOT NULL AND error_code IS '
                        . 'NULL ORDER BY id DESC LIMIT 1');
}


# All of its processes at once, as a supervisor kills them.
sub _kill_all {
    my ($self) = @_;

    my $nginx = _nginx($self);

    _trigger($self, $nginx);
    kill KILL => $nginx->pid, $nginx->workers;
    wait_until { !$nginx->server->processes } 30
        or $self->_is_wrong('nginx outlives kill -9');
    $self->_is_wrong($_) for $nginx->alarms;
    $self->central->config(page_delay_ms => 0);
}


sub _nginx {
    my ($self) = @_;

    # what is asked of a helper whose forerunners died may wait for minutes: a
    # run that ends well is the last one before it
    $self->be_well;
    $self->_sync;

    # the worker user has the site from now on, and root may write for it
    give($self->{dir}, 0770);
    give($_, 0660) for glob "$self->{dir}/site.sqlite*";
    give("$self->{dir}/password", 0600);

    my $nginx = start_nginx(
        workers => 1,
        http    => site_config('clinic', helper => $ENV{TEST_NGINX_MSYNC},
            database => $self->database, url => $self->url,
            username => '"Clinic 7"', interval => 0,
            password_file => "$self->{dir}/password",
            batch_size => 'push=10 remote_pull=10 central_pull=10'),
        server  => 'location /api/ { msync clinic; }',
    );

    $nginx->wait_status(sub { $_->{state} ne 'stopped' })
        or $self->_is_wrong('no helper has reported');

    return $nginx;
}

sub _trigger {
    my ($self, $nginx) = @_;

    $self->central->config(page_delay_ms => 15);
    $self->_edit_here for 1 .. rand 4;
    $nginx->post('/api/trigger')->{status} == 202
        or $self->_is_wrong('a trigger is not accepted');
    sleep rand 0.4;
}


1;
