# A helper that neither answers nor works, for it was stopped or waits for its
# disk: what is said of it, and of one that only works for long.

use strict;
use warnings;

use Msync::Fake;
use Msync::Life qw(KILLED ends_well helpers_are is_reported own_mounts);
use Msync::Test qw(
    is_running processes_of site_config site_path start_nginx wait_until
);
use Test::More;

# As ptrace(2) has them; what is traced so stands still at its end, whatever
# ends it, and keeps its files and their locks: as one that waits for a disk.
use constant { PTRACE => 101, SEIZE => 0x4206, DETACH => 17, AT_EXIT => 0x40 };

use constant SILENT => qr/process (\d+)\) neither answers nor works/;

# as in a unit with ProtectProc=: the worker sees nothing of its helper in /proc
my $hidden = own_mounts('mount -t proc -o hidepid=2 none /proc');

one_that_is_silent_is_said_until_it_is_heard_of();

# there the next helper cannot know that a kill is pending
system 'mount -o remount,hidepid=0 /proc' if $hidden;
nginx_quits_before_one_that_no_kill_ends();

done_testing();


sub metric {
    my ($nginx, $name, $state) = @_;

    my ($value) = $nginx->get('/api/metrics')->{content}
        =~ /^\Q$name\E\{site="clinic",\Q$name\E="$state"\} (\S+)$/m;

    return $value;
}


# In the middle of a run, beside one that works as long without a word and two
# that have not reported yet, of which one has said why.
sub one_that_is_silent_is_said_until_it_is_heard_of {
    my (%nginx, %helper);

    for my $site (qw(fresh waiting clinic other)) {
        my $reports = $site eq 'clinic' || $site eq 'other';

        Msync::Fake->start_with(
            closed => 1,
            !$reports ? ()
                : (status => { state => 'syncing', queue => 4 }),
        );

        $nginx{$site} = start_nginx(
            http   => site_config($site),
            server => "location /api/ { msync $site; }"
                . "location = /state { return 200 \$msync_state_$site; }",
        );

        $helper{$site} = Msync::Fake->connect(site_path("$site.sqlite"));
        is_reported($nginx{$site}) if $reports;
    }

    my ($fresh, $waits, $silent, $busy) =
        @helper{qw(fresh waiting clinic other)};
    my ($nginx, $other) = @nginx{qw(clinic other)};

    my $before = $nginx->status;
    my $same = $other->status->{generation};

    $waits->waits('process 7 works on this database');
    $busy->work(45);
    kill STOP => $silent->pid, $fresh->pid, $waits->pid;

    is(silent_process($nginx), $silent->pid,
       'one that is silent is said, and which process it is');
    my $status = $nginx->status;
    is($status->{state}, 'stopped', 'the site is said to be stopped');
    is($status->{error}{variant}, 'HELPER_STOPPED', '… in an error');
    is($status->{numberOfRecordsInPushQueue}, 4, 'what waits is still known');
    is($nginx->get('/state')->{content}, 'stopped', 'the variable says so');
    is(metric($nginx, 'msync_state', 'stopped'), 1, '… and the metric');
    is($nginx->post('/api/trigger')->{status}, 202, 'a trigger is taken');

    is_said_before_it_has_reported($nginx{fresh}, $fresh->pid,
                                   qr/has not reported yet/);
    is_said_before_it_has_reported($nginx{waiting}, $waits->pid,
                                   qr/^process 7 works on this database/);

    kill CONT => $silent->pid;
    my $after = $nginx->wait_status(sub { $_->{state} eq 'syncing' });
    ok($after, 'it is heard of again');
    delete @{$_}{qw(generation)} for $before, $after;
    is_deeply($after, $before, 'and all is as before');
    is(metric($nginx, 'msync_state', 'syncing'), 1, '… the metric too');
    is(($silent->received(1))[0]{command}, 'trigger', 'a trigger came to it');
    is(scalar(grep { /the helper hung/ } $nginx->log_lines), 0,
       'nobody ended it');

    ok(is_running($busy->pid), 'one that works goes on');
    is_deeply([map { $other->status->{$_} } qw(state generation)],
              ['syncing', $same], '… and nothing is said of it');
    $busy->received(0);
    is_deeply([grep { $_ =~ SILENT } $other->log_lines], [], '… nor was');

    $_->stop for values %nginx;
    helpers_are(0, 'no helper is left');
}


sub is_said_before_it_has_reported {
    my ($nginx, $pid, $why) = @_;

    is(silent_process($nginx), $pid,
       'one that has not reported yet is said as well');

    kill CONT => $pid;
    ok($nginx->wait_status(sub {
        ($_->{error}{fullError} // '') =~ $why;
    }), '… and that it has not, or why, once it is heard of')
        or diag(explain($nginx->status));
}


# the one that is said, once one is
sub silent_process {
    my ($nginx) = @_;

    my $said;
    $nginx->wait_status(sub {
        ($said) = ($_->{error}{fullError} // '') =~ SILENT;
    }) or diag(explain($nginx->status));

    return $said;
}


# The next nginx waits for it, and says why.
sub nginx_quits_before_one_that_no_kill_ends {
    my $nginx = start_nginx(
        workers => 1,
        http    => site_config('dead', helper => $ENV{TEST_NGINX_MSYNC}),
        server  => 'location /api/ { msync dead; }',
    );

    is_reported($nginx);
    my $pid = 0 + (processes_of($ENV{TEST_NGINX_MSYNC}))[0];

    SKIP: {
        skip 'this system traces nobody', 7
            if `uname -m` ne "x86_64\n"
            || syscall(PTRACE, SEIZE, $pid, 0, AT_EXIT) != 0;

        my $master = $nginx->pid;

        kill STOP => $pid;
        $nginx->signal('QUIT');
        ok(wait_until(sub { !is_running($master) }, 120), 'nginx quits');
        ok(is_running($pid), 'before the helper has ended');
        is($nginx->logged(qr/\[error\].*process $pid\) was killed and has not/),
           1, 'and says so');

        $nginx->start;
        ok($nginx->wait_status(sub {
            ($_->{error}{fullError} // '')
                =~ /process $pid, .* was killed .* the disk does not answer/;
        }), 'the next one says for what it waits')
            or diag(explain($nginx->status));
        is($nginx->post('/api/trigger')->{status}, 202, 'it takes a trigger');

        syscall(PTRACE, DETACH, $pid, 0, 0);
        ok(wait_until(sub { !is_running($pid) }), 'that one ends at last');
        ok($nginx->wait_status(sub { $_->{state} eq 'pre_initialisation' }),
           '… and the site goes on')
            or diag(explain($nginx->status));
    }

    ends_well($nginx, KILLED);
}
