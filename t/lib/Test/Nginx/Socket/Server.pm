package Test::Nginx::Socket::Server;

# Owns one nginx: its folder, its configuration file, its processes and its
# error log.  Promises never to signal a process that was not started with
# that folder as its prefix, whatever a pid file says.

use strict;
use warnings;

use Carp qw(croak);
use Errno qw(EADDRINUSE);
use Exporter qw(import);
use Fcntl qw(LOCK_EX LOCK_NB O_RDONLY);
use File::Glob qw(:bsd_glob);    # a blank is part of a name
use File::Path qw(make_path remove_tree);
use IO::Socket::INET ();
use POSIX qw(WNOHANG);
use Socket qw(SOL_SOCKET SO_REUSEADDR);
use Time::HiRes qw(sleep time);

our @EXPORT_OK = qw(free_port is_running title_of wait_until);

# What nginx and a test may leave in the prefix; anything else there is
# somebody's data, and stops the run instead of being removed.
my @OWN_ENTRIES = qw(conf html logs cache);

# Below Linux's range for outgoing connections, so that no client socket
# takes the port between the choice and nginx's bind().
use constant { PORT_FIRST => 20_000, PORT_LAST => 32_000 };

# A start, and the end that follows a signal, take this long at most on the
# slowest machine; nothing waits longer than its condition needs.
use constant { START_SECONDS => 30, STOP_SECONDS => 10 };


sub wait_until(&;$) {
    my ($condition, $seconds) = @_;

    my $deadline = time + ($seconds // START_SECONDS);
    my $pause = 0.005;

    while (1) {
        my $result = $condition->();
        return $result if $result;
        return if time > $deadline;

        # a machine that stood still has not waited
        my $over = sleep($pause) - $pause;
        $deadline += $over if $over > 0;
        $pause *= 1.5 if $pause < 0.1;
    }
}


# A port that nobody uses, and that no other test file will be given while
# this process lives: the socket stays bound, without listening, and lets
# only those in that set SO_REUSEADDR, as nginx does.
my @Held;

sub free_port {
    for (1 .. 1000) {
        my $port = PORT_FIRST + int rand(PORT_LAST - PORT_FIRST);
        my $socket = IO::Socket::INET->new(LocalPort => $port,
                                           Proto => 'tcp');

        if (!$socket) {
            next if $! == EADDRINUSE;
            croak "cannot bind port $port: $!";
        }

        $socket->setsockopt(SOL_SOCKET, SO_REUSEADDR, 1);
        push @Held, $socket;

        return $port;
    }

    croak 'no free port found';
}


# A zombie is not running: nginx's daemon is a child of init, and not every
# container's init collects its children.
sub is_running {
    my ($pid) = @_;

    return _proc($pid, 'stat') =~ /\) [^ZX]/ ? 1 : 0;
}


# Without a buffer of Perl's, which costs more calls than the file: some
# hundred of them are read each time.
sub _proc {
    my ($pid, $name) = @_;

    open my $fh, '<:unix', "/proc/$pid/$name" or return '';
    sysread $fh, my $text, 65_536;

    return $text // '';
}


sub new {
    my ($class, %args) = @_;

    my $self = bless {
        root   => $args{root},
        binary => $args{binary},
        child  => undef,
    }, $class;

    croak 'root must be an absolute path' if $self->{root} !~ m{^/.};

    return $self;
}


sub root        { $_[0]{root} }
sub html_dir    { "$_[0]{root}/html" }
sub conf_file   { "$_[0]{root}/conf/nginx.conf" }
sub error_log   { "$_[0]{root}/logs/error.log" }
sub access_log  { "$_[0]{root}/logs/access.log" }
sub stderr_file { "$_[0]{root}/logs/stderr" }
sub pid_file    { "$_[0]{root}/logs/nginx.pid" }


# An empty folder for the next start, without what a run that died has left.
# It is this process's alone from the first time on: two runs of one clone
# would end each other's nginx.
sub prepare {
    my ($self) = @_;

    my $root = $self->{root};

    make_path($root);
    $self->_lock;
    $self->stop;

    remove_tree(map({ "$root/$_" } @OWN_ENTRIES), glob "$root/*_temp");

    my @foreign = glob "$root/*";
    croak "$root holds files of somebody else: @foreign" if @foreign;

    make_path("$root/conf", "$root/html", "$root/logs");
    $self->write_file("$root/html/index.html", '<h1>It works!</h1>');
}


# For a folder that no later run will use.
sub remove {
    my ($self) = @_;

    return if !$self->{lock};

    $self->prepare;
    remove_tree($self->{root});
}


sub _lock {
    my ($self) = @_;

    return if $self->{lock};

    sysopen my $fh, $self->{root}, O_RDONLY
        or croak "cannot open $self->{root}: $!";

    if (!flock $fh, LOCK_EX | LOCK_NB) {
        print STDERR "# another run of tests uses $self->{root}, waiting\n";
        flock $fh, LOCK_EX or croak "cannot lock $self->{root}: $!";
    }

    $self->{lock} = $fh;
}


sub write_file {
    my ($self, $path, $text) = @_;

    my ($dir) = $path =~ m{^(.*)/};
    make_path($dir) if length $dir && !-d $dir;

    open my $fh, '>:raw', $path or croak "cannot write $path: $!";
    print {$fh} $text;
    close $fh or croak "cannot write $path: $!";
}


sub write_config {
    my ($self, $text) = @_;

    $self->write_file($self->conf_file, $text);
}


sub command {
    my ($self, @options) = @_;

    return ($self->{binary}, '-e', $self->error_log, '-p', "$self->{root}/",
            '-c', $self->conf_file, @options);
}


# Runs the binary and waits until it has gone to the background, or failed;
# returns the wait status.  With "daemon off" there is no such moment: then
# the caller says so, and the status is 0 once the pid file is there.
sub start {
    my ($self, %args) = @_;

    my $pid = $self->_spawn;
    my $status;

    if ($args{foreground}) {
        $self->{child} = $pid;
        wait_until { $self->pid || !$self->_reap_r(\$status) };
        return $status // 0;
    }

    my $ended = wait_until { waitpid($pid, WNOHANG) == $pid };
    $status = $?;

    if (!$ended) {
        kill KILL => $pid;
        waitpid $pid, 0;
        $status = $?;
    }

    # The parent leaves before the daemon writes its pid file; the sockets
    # are bound by then, so no connection is needed to know it is ready.
    wait_until { $self->pid } if $status == 0;

    return $status;
}


# Another invocation beside the running one: -t, or -s with a signal.
sub invoke {
    my ($self, @options) = @_;

    my $pid = $self->_spawn(@options);
    waitpid $pid, 0;

    return $?;
}


sub version {
    my ($self) = @_;

    # nginx -v prints to standard error.
    open my $fh, '-|', 'sh', '-c', 'exec "$0" -v 2>&1', $self->{binary}
        or croak "cannot run $self->{binary}: $!";
    my $text = join '', <$fh>;

    return $text =~ m{/(\d+\.\d+\.\d+)}
        ? $1
        : croak "$self->{binary} -v says: $text";
}


sub pid {
    my ($self) = @_;

    open my $fh, '<', $self->pid_file or return;
    my ($pid) = (<$fh> // '') =~ /^(\d+)$/;

    return if !$pid || !is_running($pid) || !$self->_is_own($pid);
    return $pid;
}


sub signal {
    my ($self, $signal, $pid) = @_;

    $pid //= $self->pid or croak "no nginx runs in $self->{root}";
    croak "process $pid is not ours" if !$self->_is_own($pid);

    return kill $signal => $pid;
}


# True when everything had ended by itself; what had not is then killed.
# That includes what nginx had started: whose parent has gone is still known
# from before.
sub stop {
    my ($self, $signal) = @_;

    # What runs without our lock is another run's; what has ended under it
    # has not begun again.
    my @pids = $self->{lock} && !$self->{ended} ? $self->processes : ();
    return 1 if !@pids;

    my $pid = $self->pid;

    my $clean = 0;

    # A master that has a pid file but is not in its loop yet forgets a
    # signal: it is told again.
    for my $seconds ($pid ? (STOP_SECONDS / 4, STOP_SECONDS) : ()) {
        last if $clean;
        $self->signal($signal // 'QUIT', $pid) if is_running($pid);
        $clean = $self->_wait_ended($seconds, @pids);
    }

    if (!$clean) {
        kill KILL => $_ for grep { is_running($_) } @pids, $self->processes;
        $self->_wait_ended(STOP_SECONDS, @pids);
    }

    return $clean ? 1 : 0;
}


sub _wait_ended {
    my ($self, $seconds, @pids) = @_;

    # all processes are looked at only when these have ended
    return wait_until {
        $self->_reap_r(\my $status);
        return $self->{ended} = !(grep { is_running($_) } @pids)
            && !$self->processes;
    } $seconds;
}


# Every process of this prefix: a master is known by its arguments, which
# stay in its title; a worker's title has none, so it is known by its parent.
# Nobody's parent is looked for where no process has the prefix, for a machine
# has hundreds of them.
sub processes {
    my ($self) = @_;

    $self->_reap_r(\my $status);

    opendir my $proc, '/proc' or croak "/proc: $!";

    my @pids = grep { /^\d/ } readdir $proc;
    my @own = grep { $self->_is_own($_) } @pids or return;
    my (%parent, %runs);

    for my $pid (@pids) {
        my ($ppid) = _proc($pid, 'stat') =~ /\) [^ZX] (\d+)/ or next;

        $runs{$pid} = 1;
        push @{ $parent{$ppid} }, $pid;
    }

    @own = grep { $runs{$_} } @own;

    my %seen = map { $_ => 1 } @own;

    for (my $i = 0; $i < @own; $i++) {
        push @own, grep { !$seen{$_}++ } @{ $parent{$own[$i]} // [] };
    }

    return @own;
}


sub workers {
    my ($self) = @_;

    return grep { title_of($_) =~ /^(?:nginx|angie): worker process(?! is)/ }
        $self->processes;
}


# The lines after $offset, and where they end.
sub log_lines {
    my ($self, $offset, $path) = @_;

    open my $fh, '<:raw', $path // $self->error_log or return ([], $offset);
    seek $fh, $offset, 0;
    my @lines = <$fh>;

    return (\@lines, tell $fh);
}


sub _spawn {
    my ($self, @options) = @_;

    my @command = $self->command(@options);

    $self->{ended} = 0;

    my $pid = fork() // croak "cannot fork: $!";

    if ($pid == 0) {
        open STDIN, '<', '/dev/null';
        open STDOUT, '>', '/dev/null';
        open STDERR, '>>', $self->stderr_file;
        { exec { $command[0] } @command }

        # No destructor or END block of the test may run in the child.
        print STDERR "cannot run $command[0]: $!\n";
        POSIX::_exit(127);
    }

    return $pid;
}


sub _reap_r {
    my ($self, $status) = @_;

    return 0 if !$self->{child};

    if (waitpid($self->{child}, WNOHANG) == $self->{child}) {
        $$status = $?;
        $self->{child} = undef;
        return 0;
    }

    return 1;
}


sub title_of {
    my ($pid) = @_;

    return _proc($pid, 'cmdline') =~ tr/\0/ /r;
}


sub _is_own {
    my ($self, $pid) = @_;

    return $pid != $$ && index(title_of($pid), "-p $self->{root}/ ") >= 0;
}


1;
