package Msync::Nginx;

# An nginx with a configuration and a life of the test's own: several
# workers, the worker user, real signals.  Ended with the object.

use strict;
use warnings;

use Carp qw(croak);
use IO::Socket::INET ();
use Scalar::Util qw(weaken);
use Test::More ();

use Msync::Described ();
use Msync::Test qw(
    free_port http stage_dir worker_count worker_user
);
use Test::Nginx::Socket::Server qw(wait_until);

my $Owner = $$;
my $Count = 0;
my %All;


# Settings: main, http and server (pieces of configuration), workers, master,
# daemon ("on" or "off"), log_level, connections (of a worker).
sub new {
    my ($class, %args) = @_;

    my $binary = $ENV{TEST_NGINX_BINARY} || 'nginx';

    # A new master is started by this name, without a search.
    if ($binary !~ m{/}) {
        ($binary) = grep { -x } map { "$_/$binary" }
            split(/:/, $ENV{PATH}), '/usr/sbin';
    }

    my $server = Test::Nginx::Socket::Server->new(
        binary => $binary,
        root   => stage_dir() . '/nginx-' . ++$Count,
    );

    my $self = bless {
        server => $server,
        port   => free_port(),
        set    => {
            main => '', http => '', server => '',
            master => 'on', daemon => 'on', log_level => 'info',
            connections => 1024, %args,
            workers => worker_count($args{workers} // 2),
        },
    }, $class;

    $server->prepare;
    weaken($All{$self} = $self);

    return $self;
}


sub port   { $_[0]{port} }
sub url    { "http://127.0.0.1:$_[0]{port}" }
sub server { $_[0]{server} }

# New settings for the next start or reload.
sub set {
    my ($self, %args) = @_;

    %{ $self->{set} } = (%{ $self->{set} }, %args);
    $self->{server}->write_config($self->_config);
}


sub start {
    my ($self) = @_;

    $self->set;

    my $status = $self->{server}->start(
        foreground => $self->{set}{daemon} eq 'off',
    );

    if ($status) {
        my ($lines) = $self->{server}->log_lines(0);
        croak "nginx does not start ($status): @$lines";
    }
}


sub pid     { $_[0]{server}->pid }
sub workers { $_[0]{server}->workers }
sub signal  { my $self = shift; $self->{server}->signal(@_) }
sub stop    { my $self = shift; $self->{server}->stop(@_) }

# Whether the configuration as it is now passes -t.
sub test { $_[0]{server}->invoke('-t', '-q') == 0 }


# Reloads, and waits until all workers are there and none of those from before
# accepts requests.
sub reload {
    my ($self) = @_;

    my %old = map { $_ => 1 } $self->workers;

    $self->signal('HUP');

    return wait_until {
        my @now = $self->workers;
        return @now == $self->{set}{workers} && !grep { $old{$_} } @now;
    };
}


sub request {
    my ($self, $method, $path, %args) = @_;

    return http($method, $self->url . $path, %args);
}

sub get  { my $self = shift; $self->request(GET => @_) }
sub post { my $self = shift; $self->request(POST => @_) }


# The status document of the site below this location, or undef.
sub status {
    my ($self, $api) = @_;

    return $self->get(($api // '/api') . '/status')->{json};
}


# How many runs of a site have ended.  The report that has the end of one counts
# it: what is served from then on is not the document of a run before.
sub runs_ended {
    my ($self, $site, $api) = @_;

    my ($runs) = $self->get(($api // '/api') . '/metrics')->{content}
        =~ /^msync_runs_total\{site="\Q$site\E"\} (\d+)/m;

    return $runs // 0;
}


# Asks for a run of a site that has none under way, and waits for its end;
# returns the status of then, or undef, with words.
sub sync {
    my ($self, $site, %args) = @_;

    my $api = $args{api} // '/api';
    my $before = $self->runs_ended($site, $api);
    my $answer = $self->post("$api/trigger");

    return $self->end_of_run($site, $before, %args)
        if $answer->{status} == 202;

    return _in_vain(
        "the trigger was answered $answer->{status}: $answer->{content}");
}


# Waits for the end of the run that comes after so many, and of one that has
# followed it at once; returns the status of then, or undef, with words.
sub end_of_run {
    my ($self, $site, $before, %args) = @_;

    my $api = $args{api} // '/api';

    if (wait_until(sub { $self->runs_ended($site, $api) > $before },
                   $args{seconds} // 60))
    {
        return $self->wait_status(sub {
            $_->{state} ne 'syncing' && !$_->{syncStatus}{isSyncing};
        }, api => $api);
    }

    return _in_vain(Carp::longmess('no run has ended'), $self->log_lines);
}


# Whether a run that is asked for ends well.
sub syncs_well {
    my ($self, $site, %args) = @_;

    my $status = $self->sync($site, %args) // return 0;
    my $error = $status->{syncStatus}{error} // return 1;

    _in_vain($error->{fullError});

    return 0;
}


# Waits until the status passes the test, which finds it in $_; returns it.
# Looks often rather than asking to wait, so that no step is missed for the
# module's sake.  A wait in vain says who waited, what was seen last and what
# the log has.
sub wait_status {
    my ($self, $test, %args) = @_;

    my $last;

    my $found = wait_until(sub {
        local $_ = $last = $self->status($args{api}) // return;
        return $test->() ? $_ : undef;
    }, $args{seconds} // 60);

    return $found if defined $found;

    my @lines = $self->log_lines;
    splice @lines, 0, -20 if @lines > 20;

    return _in_vain(Carp::longmess('no such status'), 'the last one: ',
                    $last ? Msync::Test::encode_json($last) : 'none', "\n",
                    @lines);
}


# Says why; undef, in a list as well.
sub _in_vain {
    my (@words) = @_;

    Test::More::diag(@words);

    return undef;
}


# Lines of the error log, those of debug left out.
sub log_lines {
    my ($self, $offset) = @_;

    my ($lines) = $self->{server}->log_lines($offset // 0);
    return grep { !/ \[debug\] / } @$lines;
}

# How many lines say so.  What a helper says comes to the log by a worker, and
# what a worker does is seen before it is said: the first one is waited for.
sub logged {
    my ($self, $pattern) = @_;

    return wait_until(sub {
        scalar grep { $_ =~ $pattern } $self->log_lines;
    }, 60) // 0;
}


# The lines that no healthy run has.
sub alarms {
    my ($self, $allowed) = @_;

    return grep { !$allowed || !/$allowed/ }
        grep { /\[(?:alert|crit|emerg)\]|Sanitizer|msync.*runtime error/ }
        $self->log_lines;
}


# A request whose answer is read piece by piece.
sub open_stream {
    my ($self, $path, %headers) = @_;

    return $self->open_request(join '', "GET $path HTTP/1.0\r\n",
        "Host: localhost\r\n",
        map({ "$_: $headers{$_}\r\n" } sort keys %headers), "\r\n");
}


# A request that is written out, whose answer is read piece by piece; perhaps
# to another port.
sub open_request {
    my ($self, $bytes, $port) = @_;

    my $socket = IO::Socket::INET->new(
        PeerAddr => '127.0.0.1', PeerPort => $port // $self->{port},
        Proto => 'tcp',
    ) or croak "cannot connect: $!";

    my $stream = Msync::Nginx::Stream->new($socket);
    $stream->send($bytes);

    return $stream;
}


sub _config {
    my ($self) = @_;

    my $set = $self->{set};
    my $server = $self->{server};

    my $modules = join ' ', map { "load_module $_;" }
        split ' ', $ENV{TEST_NGINX_LOAD_MODULES};
    my $user = worker_user();
    $user = defined $user ? "user $user;" : '';
    my $events = $ENV{TEST_NGINX_EVENT_TYPE} // '';
    $events = "use $events;" if length $events;

    return <<"END_OF_CONFIG";
$modules
$user
worker_processes $set->{workers};
master_process $set->{master};
daemon $set->{daemon};
error_log @{[$server->error_log]} $set->{log_level};
pid @{[$server->pid_file]};
env ASAN_OPTIONS;
env LD_PRELOAD;

$set->{main}

events {
    worker_connections $set->{connections};
    $events
}

http {
    access_log off;
    client_body_temp_path @{[$server->root]}/client_body_temp;
    proxy_temp_path @{[$server->root]}/proxy_temp;
    fastcgi_temp_path @{[$server->root]}/fastcgi_temp;
    scgi_temp_path @{[$server->root]}/scgi_temp;
    uwsgi_temp_path @{[$server->root]}/uwsgi_temp;

$set->{http}

    server {
        listen 127.0.0.1:$self->{port} backlog=1024;

$set->{server}
    }
}
END_OF_CONFIG
}


sub DESTROY {
    my ($self) = @_;

    local ($?, $!, $@);
    delete $All{$self};
    $self->{server}->stop if $self->{server};
}


# What a file still holds when it ends is destroyed in no order: without the
# lock of its folder, an nginx would be left to run.
END {
    local $?;
    $_->{server}->stop for grep { $_ && $$ == $Owner } values %All;
}


package Msync::Nginx::Stream;

use Errno qw(EAGAIN EWOULDBLOCK);


sub new {
    my ($class, $socket) = @_;

    return bless { socket => $socket, bytes => '' }, $class;
}


# More of the request.
sub send {
    my ($self, $bytes) = @_;

    my $socket = $self->{socket};
    $socket->blocking(1);
    print {$socket} $bytes;
    $socket->flush;
    $socket->blocking(0);
}


sub bytes { $_[0]->_read; $_[0]{bytes} }

# True when the server has closed the connection.
sub ended { $_[0]->_read; $_[0]{ended} }

sub close { CORE::close($_[0]{socket}) }


# The events so far, each a hash of its fields; what has no data is none.  Each
# status has to be as described.
sub events {
    my ($self) = @_;

    my ($body) = $self->bytes =~ /\r\n\r\n(.*)/s or return;
    my @blocks = split /\n\n/, $body, -1;

    # What follows the last empty line is not whole yet.
    pop @blocks;

    my @events = grep { defined $_->{data} } map {
        { map { /^(\w+): ?(.*)/ } split /\n/ };
    } @blocks;

    Msync::Described::watch_event($_->{data})
        for grep { ($_->{event} // '') eq 'status' } @events;

    return @events;
}


# Waits for so many events; returns those that there are in the end.
sub wait_events {
    my ($self, $count, $seconds) = @_;

    Test::Nginx::Socket::Server::wait_until(
        sub { my @events = $self->events; @events >= $count },
        $seconds // 10);

    return $self->events;
}


sub wait_for {
    my ($self, $pattern, $seconds) = @_;

    return Test::Nginx::Socket::Server::wait_until(
        sub { $self->bytes =~ $pattern }, $seconds // 10);
}


sub _read {
    my ($self) = @_;

    return if $self->{ended};

    while (1) {
        my $n = sysread $self->{socket}, $self->{bytes}, 65_536,
            length $self->{bytes};

        next if $n;
        return if !defined $n && ($! == EAGAIN || $! == EWOULDBLOCK);

        $self->{ended} = 1;
        return;
    }
}


1;
