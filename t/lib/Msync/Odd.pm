package Msync::Odd;

# A server that is as odd as a test wants: below /CASE it answers like a
# central server with nothing to tell (both APIs), but for the calls that the
# case replaces.  It ends with the object.

use strict;
use warnings;

use Carp qw(croak);
use Exporter qw(import);
use IO::Handle ();
use IO::Select ();
use IO::Socket::INET ();
use POSIX ();

use Msync::Test qw(encode_json stage_dir);

our @EXPORT_OK = qw(answer close_now dead_port hang json octets);

my $Count = 0;


# "cases": { case => { call => code } }.  A code is called with the socket,
# how many times this call of the case came before, the path with its query,
# and what is usually answered; it writes the answer with the functions below.
sub start {
    my ($class, %cases) = @_;

    my $listen = IO::Socket::INET->new(
        LocalAddr => '127.0.0.1', Listen => 128, ReuseAddr => 1,
    ) or croak "listen: $!";

    my $self = bless {
        port  => $listen->sockport,
        seen  => stage_dir() . '/odd-' . ++$Count,
        cases => \%cases,
    }, $class;

    mkdir $self->{seen} or croak "$self->{seen}: $!";
    pipe my $child, my $lifeline or croak "pipe: $!";

    my $pid = fork() // croak "fork: $!";

    if ($pid == 0) {
        close $lifeline;
        $self->_serve($listen, $child);
        POSIX::_exit(0);
    }

    @$self{qw(pid lifeline)} = ($pid, $lifeline);

    return $self;
}


sub port { $_[0]{port} }
sub url  { "http://127.0.0.1:$_[0]{port}" }

# How many requests came for a case.
sub seen {
    my ($self, $case) = @_;

    my $n = 0;
    $n += -s $_ for glob "$self->{seen}/$case.*";

    return $n;
}


# ---- answers --------------------------------------------------------------

sub octets {
    my ($socket, @octets) = @_;

    local $SIG{PIPE} = 'IGNORE';

    return syswrite $socket, join '', @octets;
}

sub answer {
    my ($socket, $status, $type, $body, @headers) = @_;

    octets($socket, join "\r\n", "HTTP/1.1 $status Whatever",
           "Content-Type: $type", 'Content-Length: ' . length $body,
           @headers, '', $body);
}

sub json {
    my ($socket, $value, $status) = @_;

    answer($socket, $status // 200, 'application/json',
           ref $value ? encode_json($value) : $value);
}

# The connection ends without another octet.
sub close_now { POSIX::_exit(0) }

# … and never, as long as the other side waits.
sub hang { sysread $_[0], my $nothing, 1; POSIX::_exit(0) }


# ---- the server -----------------------------------------------------------

sub _serve {
    my ($self, $listen, $lifeline) = @_;

    local $SIG{CHLD} = 'IGNORE';
    my $select = IO::Select->new($listen, $lifeline);

    while (my @ready = $select->can_read) {
        last if grep { $_ == $lifeline } @ready;

        my $socket = $listen->accept or next;
        my $pid = fork() // next;

        if ($pid == 0) {
            close $listen;
            $self->_talk($socket);
            POSIX::_exit(0);
        }
    }
}


sub _talk {
    my ($self, $socket) = @_;

    my $data = '';

    while (sysread $socket, $data, 65536, length $data) {
        return answer($socket, 400, 'text/plain', 'this is not HTTP')
            if $data !~ /\A[A-Z]/;

        while ($data =~ /\A(\w+) (\S+)[^\n]*\n(.*?\r\n)\r\n/s) {
            my ($path, $head, $start) = ($2, $3, $+[0]);
            my ($length) = $head =~ /^Content-Length: (\d+)/mi;

            last if length $data < $start + ($length // 0);

            substr $data, 0, $start + ($length // 0), '';
            $self->_answer($socket, $path);
        }
    }
}


sub _answer {
    my ($self, $socket, $path) = @_;

    $path =~ s{\Ahttp://[^/]+}{};
    my ($case, $call) = $path =~ m{\A/([^/]+)/.*/(\w[\w-]*)(?:\?|\z)};

    ($case, $call) = ('none', 'none') if !defined $call;

    my $n = _note("$self->{seen}/$case.$call");
    my $code = $self->{cases}{$case}{$call} // $self->{cases}{$case}{any};

    my $usual = $self->_nothing($case, $call);

    return $code->($socket, $n, $path, $usual) if $code;
    return json($socket, $usual);
}


# Counts by the size of a file: each connection is a process of its own.
sub _note {
    my ($file) = @_;

    my $n = -s $file // 0;

    open my $fh, '>>', $file or return 0;
    syswrite $fh, '.';
    close $fh;

    return $n;
}


sub _nothing {
    my ($self, $case, $call) = @_;

    return {
        site => {
            id => 'UUID', siteId => 7, code => 'C', name => $case,
            initialisationStatus => 'new', mSupplyCentralSiteId => 1,
            omSupplyCentralServerUrl => $self->url . "/$case",
            isOmSupplyCentralServer => JSON::PP::false(),
        },
        initialise           => { queueLength => 0 },
        central_records      => { maxCursor => 0, data => [] },
        queued_records       => { queueLength => 0, data => [],
                                  integrationStarted => JSON::PP::true() },
        acknowledged_records => {},
        pull => { data => { end_cursor => 0, total_records => 0,
                            is_last_batch => JSON::PP::true(),
                            records => [] } },
        push => { data => { records_pushed => 0 } },
        site_status => { code => 'idle',
                         data => { is_integrating => JSON::PP::false() } },
    }->{$call} // { error => { code => 'no_such_call', message => $call } };
}


# A port where connections are neither taken nor refused: its queue is full.
# Returns the port and what must be kept as long as that is to last.
sub dead_port {
    my $listen = IO::Socket::INET->new(
        LocalAddr => '127.0.0.1', Listen => 1,
    ) or croak "listen: $!";
    my @full;

    listen $listen, 0;

    for (1 .. 8) {
        push @full, IO::Socket::INET->new(
            PeerAddr => '127.0.0.1', PeerPort => $listen->sockport,
            Blocking => 0,
        );
    }

    return ($listen->sockport, [$listen, @full]);
}


sub DESTROY {
    my ($self) = @_;

    my $pid = delete $self->{pid} or return;

    local ($?, $!, $@);
    close delete $self->{lifeline};
    waitpid $pid, 0;
}


1;
