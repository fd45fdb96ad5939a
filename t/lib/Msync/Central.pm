package Msync::Central;

# The emulator of the central servers (t/central/central.pl) as a process of
# this test: it ends when this object goes, or when the test dies.
#
# What it is made of takes longer to load than most tests have it to do, so the
# test loads that once and forks; with TLS the emulator is another program.

use strict;
use warnings;

use Carp qw(croak);
use File::Basename qw(dirname);
use HTTP::Tiny ();
use IO::Handle ();
use IO::Select ();
use POSIX ();

use Msync::Test qw(decode_json encode_json free_port project_root);
use Test::Nginx::Socket::Server qw(wait_until);

use constant {
    PROGRAM       => project_root() . '/t/central/central.pl',
    START_SECONDS => 60,
};


# Options are the emulator's own, without dashes; a port that is not said is
# chosen here and kept, so that a stopped one can come back where it was.
sub start {
    my ($class, %options) = @_;

    $options{v5} //= free_port();
    $options{v6} //= free_port();
    $options{records} //= 600;

    my $self = bless { options => \%options }, $class;
    $self->restart;

    return $self;
}


sub url { "http://127.0.0.1:$_[0]{options}{v5}" }

# What a site is set up with that speaks v7 from the start, or v5 and v6.
sub v7_url { "http://127.0.0.1:$_[0]{options}{v6}" }
sub url_of { $_[1] eq 'v7' ? $_[0]->v7_url : $_[0]->url }


sub restart {
    my ($self) = @_;

    croak 'the emulator runs already' if $self->{pid};

    my %options = %{ $self->{options} };
    my @arguments = (
        '--print-ports', '--lifeline',
        map { defined $options{$_} ? ("--$_", $options{$_}) : "--$_" }
            sort keys %options,
    );
    my $loaded = !defined $options{'tls-cert'} && load();

    pipe my $child_in, my $lifeline or croak "pipe: $!";
    pipe my $ready, my $child_out or croak "pipe: $!";

    my $pid = fork() // croak "fork: $!";

    if ($pid == 0) {
        open STDIN, '<&', $child_in;
        open STDOUT, '>&', $child_out;
        be_emulator(@arguments) if $loaded;
        exec $^X, PROGRAM, @arguments or POSIX::_exit(127);
    }

    close $child_in;
    close $child_out;

    croak 'the emulator does not start'
        if !IO::Select->new($ready)->can_read(START_SECONDS);

    my $line = <$ready> // croak 'the emulator ended at once';
    my $ports = decode_json($line);

    croak 'the emulator listens elsewhere'
        if $ports->{v5} != $options{v5} || $ports->{v6} != $options{v6};

    @$self{qw(pid lifeline)} = ($pid, $lifeline);
}


# True, for it dies otherwise.
sub load {
    local @INC = (dirname(PROGRAM) . '/lib', @INC);
    local $ENV{MOJO_NO_TLS} = 1;

    require Central::Program;
    return Central::Program::prepare();
}


# In a process that was forked for it: of the test it has nothing but what a
# program would have that the test starts.
sub be_emulator {
    my (@arguments) = @_;

    $SIG{$_} = 'DEFAULT' for grep { ref $SIG{$_} } keys %SIG;
    local @SIG{qw(__DIE__ __WARN__)};
    close_descriptors();
    $0 = join ' ', PROGRAM, @arguments;

    my $ended = eval { Central::Program::run(@arguments); 1 };
    print STDERR $@ if !$ended;

    # nor does it end what the test has started
    POSIX::_exit(!$ended);
}


# The numbers stay taken: Perl counts who has one, and would not close what
# else gets it.
sub close_descriptors {
    open my $null, '<', '/dev/null' or die "/dev/null: $!\n";

    POSIX::dup2(fileno $null, $_) for grep { $_ > 2 && $_ != fileno $null }
        map { m{(\d+)\z} } glob '/proc/self/fd/*';
    return;
}


sub stop {
    my ($self) = @_;

    my $pid = delete $self->{pid} or return;

    close delete $self->{lifeline};
    wait_until { waitpid($pid, POSIX::WNOHANG()) == $pid } 5 or do {
        kill KILL => $pid;
        waitpid $pid, 0;
    };
}


# The emulator answers nothing, and nobody who is to see its state, until it
# goes on.
sub hold  { kill STOP => $_[0]{pid} }
sub go_on { kill CONT => $_[0]{pid} }


# What it has seen; "brief" leaves the lists of requests and records out.
sub state {
    my ($self, $brief) = @_;

    return $self->_call(GET => 'state' . ($brief ? '?brief=1' : ''));
}

# What it has seen, without the list of requests.
sub outcome { $_[0]->_call(GET => 'state?quiet=1') }

# A short text that is another one for all that it goes by: not for the list of
# requests.
sub digest { $_[0]->_call(GET => 'digest')->{digest} }


# A record as central has it now, or undef.
sub record {
    my ($self, $table, $id) = @_;

    my $answer = $self->_ask(GET => "record?table=$table&id=$id");

    return $answer->{status} == 200 ? decode_json($answer->{content}) : undef;
}


sub received {
    my ($self, $api) = @_;

    return @{ $self->state->{received}{$api} };
}


# Every record as central has it, recordData by table and id.
sub records { $_[0]->_call(GET => 'records') }

sub reset  { $_[0]->_call(POST => 'reset') }
sub config { my $self = shift; $self->_call(POST => 'config', {@_}) }
sub fault  { my $self = shift; $self->_call(POST => 'fault', {@_}) }
# one, or several, each as a hash
sub change {
    my ($self, @change) = @_;

    return $self->_call(POST => 'change',
                        ref $change[0] ? \@change : {@change});
}

# The rows of a table as API v7 has them, by id; or of all tables, by table.
sub rows {
    my ($self, $table) = @_;

    return $self->_call(GET => 'rows' . ($table ? "?table=$table" : ''));
}

# How many records of v6, or v7, a site still gets that is initialised and had
# one of this cursor.
sub left {
    my ($self, $cursor, $api) = @_;

    return $self->_call(GET => "left?cursor=$cursor&api="
                        . ($api // 'v6'))->{left};
}

sub meanwhile { my $self = shift; $self->_call(POST => 'meanwhile', [@_]) }

sub snapshot     { $_[0]->_call(POST => 'snapshot') }
sub restore      { $_[0]->_call(POST => 'restore') }
sub clear_faults { $_[0]->_call(POST => 'clear_faults') }


sub _call {
    my ($self, $method, $path, $body) = @_;

    my $answer = $self->_ask($method, $path,
                             $body // ($method eq 'POST' ? {} : undef));

    croak "the emulator says $answer->{status} to $path: $answer->{content}"
        if $answer->{status} != 200;

    return decode_json($answer->{content});
}


# On a connection that is kept, for it is asked some thousand times.
sub _ask {
    my ($self, $method, $path, $body) = @_;

    $self->{agent} //= HTTP::Tiny->new(timeout => 30);

    return $self->{agent}->request($method, $self->url . "/_test/$path",
        { defined $body ? (content => encode_json($body)) : () });
}


sub DESTROY {
    my ($self) = @_;

    local ($?, $!, $@);
    $self->stop;
}


1;
