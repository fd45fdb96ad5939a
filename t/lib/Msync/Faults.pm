package Msync::Faults;

# Runs the helper with fault points again and again in children of one process
# of it (t/faults/server.c), which saves what a start of each would cost.

use strict;
use warnings;

use Carp qw(croak);
use IO::Handle ();
use POSIX ();

# what ends a field of a request
use constant FIELD_END => "\1";

my %Servers;


# The one of this process.
sub server {
    my ($class) = @_;

    return $Servers{$$} //= $class->_start;
}


sub _start {
    my ($class) = @_;

    pipe my $theirs_in, my $to or croak "pipe: $!";
    pipe my $from, my $theirs_out or croak "pipe: $!";

    my $pid = fork() // croak "fork: $!";

    if ($pid == 0) {
        open STDIN, '<&', $theirs_in;
        open STDOUT, '>&', $theirs_out;
        close $_ for $theirs_in, $theirs_out, $to, $from;
        $ENV{MSYNC_FAULT_SERVER} = 1;
        exec $ENV{TEST_NGINX_MSYNC_FAULTS} or POSIX::_exit(127);
    }

    $to->autoflush(1);

    return bless { pid => $pid, to => $to, from => $from }, $class;
}


# Runs the helper with so many more variables in its environment, and returns
# what waitpid would say; what it prints is in a file.
sub run {
    my ($self, $out, $environment, @arguments) = @_;

    my @fields = ($out,
                  (map { "$_=$environment->{$_}" } keys %$environment), '',
                  @arguments);

    print { $self->{to} } map({ $_ . FIELD_END } @fields), "\n";

    my $status = readline $self->{from};
    croak 'the server of runs has ended' if !defined $status;

    return 0 + $status;
}


1;
