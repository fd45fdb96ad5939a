package Msync::Helper;

# A helper without nginx: this process is worker 0 and speaks the frames of
# sync/channel/control.h.

use strict;
use warnings;

use Carp qw(croak);
use Exporter qw(import);
use Fcntl qw(F_SETFD);
use POSIX ();
use Socket qw(AF_UNIX MSG_DONTWAIT PF_UNSPEC SOCK_SEQPACKET);

use Msync::Test qw(decode_json encode_json site_path);
use Test::Nginx::Socket::Server qw(wait_until);

our @EXPORT_OK = qw(switch);

use constant {
    MAGIC      => 0x314e594d,
    VERSION    => 7,
    CONTROL_FD => 3,
    FRAME_MAX  => 128 * 1024,

    STATUS     => 2,
    REPLY      => 4,
    LOG        => 5,
    CONFIG     => 64,
    COMMAND    => 65,
    REQUEST    => 66,

    SETTINGS   => 0,
    DISMISS    => 3,
    SEND       => 4,

    TRIGGER    => 0,
    PAUSE      => 2,
    RESUME     => 3,
    RETRY      => 4,
    CANCEL     => 1,
    COMMANDS   => 5,

    # octets of a status before its two documents
    FRAME      => 4 + 4 + 5 * 8 + 20 * 8 + 48 + 40 + 8,

    PAUSED     => 6,           # a state
};


# Sets the clock of helpers with fault points that were started with the
# environment that this returns, and fills their disk.
sub switch {
    my ($ahead, $full) = @_;
    my $path = site_path('switch');

    open my $fh, '+>>', $path or die "$path: $!\n";
    close $fh;
    open $fh, '+<', $path or die "$path: $!\n";
    syswrite $fh, pack 'qq', $ahead, $full;
    close $fh;

    return { MSYNC_FAULT_SWITCH => $path };
}


# Starts one with the members of its CONFIG; "program" is another helper
# than the one of a release.
sub start {
    my ($class, %config) = @_;

    my $program = delete $config{program} // $ENV{TEST_NGINX_MSYNC};

    socketpair my $ours, my $theirs, AF_UNIX, SOCK_SEQPACKET, PF_UNSPEC
        or croak "socketpair: $!";

    my $pid = fork() // croak "fork: $!";

    if ($pid == 0) {
        POSIX::dup2(fileno $theirs, CONTROL_FD);
        fcntl $theirs, F_SETFD, 0;     # it may be that one already
        exec $program, '--serve' or POSIX::_exit(127);
    }

    close $theirs;

    my $self = bless { pid => $pid, socket => $ours, sequence => 0,
                       status => undef, log => [] }, $class;

    $self->_send(CONFIG, 0, encode_json(\%config));

    return $self;
}


sub pid { $_[0]{pid} }
sub log { @{ $_[0]{log} } }


# One run, for a patient where one is named, and its end: returns how many have
# failed so far, or undef.
sub run {
    my ($self, $patient) = @_;

    $self->_done(TRIGGER, $self->trigger($patient)) or return;

    return $self->{status}{runs_failed};
}


# Asks for a run, for a patient where one is named, without waiting for its end;
# whether that was done.
sub trigger { $_[0]->_command(TRIGGER, $_[1]) }
sub is_done { $_[0]->_done(TRIGGER, $_[1]) }

sub cancel  { $_[0]->_command(CANCEL) }

# Waits until the status passes the test, which finds in $_ its document with
# the number of the state added; returns the document, or undef.
sub wait_status {
    my ($self, $test, $seconds) = @_;

    return wait_until {
        $self->_receive;
        my $status = $self->{status} // return;
        local $_ = { %{ $status->{document} }, state => $status->{state} };
        return $test->() ? $_ : undef;
    } $seconds // 60;
}

# How many statuses it has sent.
sub statuses { $_[0]{statuses} // 0 }

# How many runs have ended, as it said last.
sub runs { ($_[0]{status} // {})->{runs} }

# Asks for a pause without waiting until it is done.
sub ask_to_pause { $_[0]->_command(PAUSE) }

# Each returns whether the helper did it.
sub pause  { $_[0]->_done(PAUSE, $_[0]->_command(PAUSE)) }
sub resume { $_[0]->_done(RESUME, $_[0]->_command(RESUME)) }
sub retry  { $_[0]->_done(RETRY, $_[0]->_command(RETRY)) }


# Asks for other settings, as a client of nginx did so many milliseconds ago;
# returns the number of the request.
sub save { return shift->_request(SETTINGS, @_) }

# Asks that failed records are dismissed, or that rows are sent that were
# never at the centre; returns the number of the request.
sub dismiss { return shift->_request(DISMISS, @_) }
sub send_rows { return shift->_request(SEND, @_) }

sub _request {
    my ($self, $request, $waited, %body) = @_;

    my $body = encode_json(\%body);
    $self->_send(REQUEST, ++$self->{requests},
                 pack('LLLL', $request, length $body, $waited, 0) . $body);

    return $self->{requests};
}

# Its answer: a status and a document, and the document of the site by then;
# undef while there is none.
sub answer {
    my ($self, $request) = @_;

    $self->_receive;

    return $self->{answers}{$request};
}


# Whether it says so in the end, if it has to finish a run before.
sub is_paused {
    my ($self) = @_;

    return wait_until {
        $self->_receive;
        return $self->{status} && $self->{status}{state} == PAUSED;
    } 60;
}

# Whether it said something else last.
sub is_resumed { $_[0]{status}{state} != PAUSED }


sub _command {
    my ($self, $command, $patient) = @_;

    $patient //= '';
    $self->_send(COMMAND, ++$self->{sequence},
                 pack('LL', $command, length $patient) . $patient);

    return $self->{sequence};
}


sub _done {
    my ($self, $command, $sequence) = @_;

    return wait_until {
        $self->_receive;
        return $self->{status}
            && $self->{status}{done}[$command] >= $sequence;
    } 60;
}


# Kilobytes that are its own, and descriptors.
sub memory {
    my ($self) = @_;

    open my $fh, '<', "/proc/$self->{pid}/smaps_rollup"
        or croak "smaps_rollup: $!";
    my $kib = 0;
    while (<$fh>) { $kib += $1 if /^Private_\w+:\s+(\d+)/ }

    return $kib;
}

sub descriptors {
    my ($self) = @_;

    return scalar @{[glob "/proc/$self->{pid}/fd/*"]};
}


# Closes the lifeline, after the signal if there is one; returns the exit
# status.
sub stop {
    my ($self, $signal) = @_;

    my $pid = delete $self->{pid} or return;

    kill $signal => $pid if $signal;
    close $self->{socket};
    waitpid $pid, 0;

    return $?;
}


sub _send {
    my ($self, $type, $id, $payload) = @_;

    my $frame = pack('LSSLLQ', MAGIC, VERSION, $type, length $payload, 0,
                     $id) . $payload;

    defined send $self->{socket}, $frame, 0 or croak "send: $!";
}


sub _receive {
    my ($self) = @_;

    while (defined recv $self->{socket}, my $frame, FRAME_MAX, MSG_DONTWAIT) {
        $self->_croak_ended if $frame eq '';

        my (undef, undef, $type, undef, undef, $id) = unpack 'LSSLLQ', $frame;
        my $payload = substr $frame, 24;

        push @{ $self->{log} }, $payload if $type == LOG;
        $self->{answers}{$id} = [unpack('L', $payload),
                                 decode_json(substr $payload, 8),
                                 ($self->{status} // {})->{document}]
            if $type == REPLY;
        next if $type != STATUS;

        $self->{statuses}++;
        my ($state, undef, @fields) = unpack 'LLQ' . COMMANDS . 'q12Q2',
            $payload;
        my $length = unpack 'L', substr $payload, FRAME - 8, 4;

        $self->{status} = {
            state       => $state,
            done        => [splice @fields, 0, COMMANDS],
            wal_pending => $fields[5],
            runs        => $fields[12],
            runs_failed => $fields[13],
            document    => decode_json('{' . substr $payload, FRAME, $length),
        };
    }
}


# Nobody starts another one: says how it ended, and what it said before.
sub _croak_ended {
    my ($self) = @_;

    my $status = $self->stop;

    croak join "\n", "the helper has gone, with status $status; it said:",
        $self->log;
}


sub DESTROY {
    my ($self) = @_;

    local ($?, $!, $@);
    $self->stop;
}


1;
