package Msync::Fake;

# The test's side of fake-helper: tells the helper of one site what to say,
# and asks what it was told.

use strict;
use warnings;

use Carp qw(croak);
use IO::Socket::UNIX ();

use Msync::Described qw(made_up);
use Msync::Test qw(decode_json encode_json);
use Test::Nginx::Socket::Server qw(is_running title_of wait_until);

made_up();


# How helpers started from now on begin, see fake-helper; none: as usual.
sub start_with {
    my ($class, %start) = @_;

    my ($dir) = $ENV{TEST_NGINX_FAKE_HELPER} =~ m{^(.*)/};
    my $path = "$dir/fake.json";

    return unlink $path if !%start;

    open my $fh, '>', "$path.new" or croak "$path: $!";
    print {$fh} encode_json(\%start);
    close $fh or croak "$path: $!";
    rename "$path.new", $path or croak "$path: $!";
}


# The helper of a database, once nginx has configured it.  One whose worker
# has gone or shuts down is about to go as well, and is not meant.
sub connect {
    my ($class, $database) = @_;

    my $fake = wait_until {
        my $socket = IO::Socket::UNIX->new(Peer => "$database.fake")
            or return;
        my $self = bless { socket => $socket }, $class;
        my $reply = eval { $self->_order(do => 'received') } or return;

        $self->{pid} = $reply->{pid};
        return if $reply->{parent} == 1;
        return title_of($reply->{parent}) =~ / is shutting down/
            ? undef : $self;
    };

    return $fake // croak "no helper has opened $database";
}


sub pid { $_[0]{pid} }

# state, queue, errors, error, interval, done => {command => sequence}, …
sub status   { my $self = shift; $self->_order(do => 'status', @_) }
sub document { my ($self, $name, $body) = @_;
               $self->_order(do => 'document', name => $name,
                             body => $body) }
sub answer   { my $self = shift; $self->_order(do => 'answer', @_) }
sub reply    { my ($self, $id, $status, $body) = @_;
               $self->_order(do => 'reply', id => $id, status => $status,
                             body => $body) }
sub log      { my ($self, $level, $text) = @_;
               $self->_order(do => 'log', level => $level, text => $text) }
sub waits    { my ($self, $text) = @_;
               $self->_order(do => 'waits', text => $text) }
sub work     { my ($self, $seconds) = @_;
               $self->_order(do => 'work', seconds => $seconds) }
sub config   { $_[0]->_order(do => 'received')->{config} }


# Commands and requests so far; with a number, waits until there are so many.
sub received {
    my ($self, $count) = @_;

    my @received;

    wait_until {
        @received = @{ $self->_order(do => 'received')->{received} };
        return @received >= ($count // 0);
    } 10;

    return @received;
}


sub exit {
    my ($self, $status) = @_;

    # it has no answer to this
    eval { $self->_order(do => 'exit', status => $status // 0) };
    wait_until { !is_running($self->{pid}) };
}


sub _order {
    my ($self, %order) = @_;

    local $SIG{PIPE} = 'IGNORE';

    my $socket = $self->{socket};
    print {$socket} encode_json(\%order), "\n";
    $socket->flush;

    my $line = <$socket> // croak "the helper has gone at $order{do}";

    return decode_json($line);
}


1;
