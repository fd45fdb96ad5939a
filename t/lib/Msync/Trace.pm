package Msync::Trace;

# What a walk did since both sides were last seen equal, in the folder that
# MSYNC_PROPERTY_TRACE names:
#
#   steps     in their order: what was written here, what central was told,
#             each run with its environment and its status
#   N.said    what run N said
#   N.sqlite  the site behind it, with N.sqlite-wal
#   N.there   central behind it: all records, those of v7, all that it was sent
#
# A run that a step begins and does not wait for has the number of the step's
# end.

use strict;
use warnings;

use File::Copy qw(copy);
use IO::Handle ();
use Time::HiRes qw(time);

use Msync::Central;
use Msync::Property;
use Msync::Test qw(encode_json);


# Of an Msync::Property; undef where nobody asked for it.
sub begin {
    my ($class, $both) = @_;

    my $dir = $ENV{MSYNC_PROPERTY_TRACE} // return undef;
    my $self = bless { dir => $dir, both => $both, n => 0 }, $class;

    mkdir $dir;
    $self->forget;

    _around('Msync::Central', '_call', sub {
        my (undef, undef, $path, $body) = @_;
        $self->_tell("there: $path", encode_json($body)) if $body;
    });
    _around('Msync::Property', 'query', sub {
        my (undef, @sql) = @_;
        $self->_tell("here: $_") for grep { !/\A(?:SELECT|PRAGMA) /i } @sql;
    });
    _around('Msync::Property', '_took', sub { $self->_tell("took: $_[1]") });
    _around('Msync::Property', '_run', sub {
        my (undef, %how) = @_;
        my $command = delete $how{command} // ['sync'];
        $self->_tell('run:', map({ "$_=$how{$_}" } sort keys %how), @$command);
    }, sub { $self->_keep("status $_[0]") });
    _around('Msync::Property', 'step', sub { $self->_tell('step') },
            sub { $self->_keep('its end') });

    return $self;
}


# What led to a state that is sound explains nothing.
sub forget {
    my ($self) = @_;

    unlink glob "$self->{dir}/*";
    open $self->{steps}, '>', "$self->{dir}/steps"
        or die "$self->{dir}/steps: $!\n";
    $self->{steps}->autoflush;
}


# A method, and what is called before it, with the same arguments, and after
# it, with what it has returned.
sub _around {
    my ($package, $name, $before, $after) = @_;

    my $method = $package->can($name);

    no strict 'refs';
    no warnings 'redefine';

    *{"${package}::$name"} = sub {
        $before->(@_);
        my $result = $method->(@_);
        $after->($result) if $after;
        return $result;
    };
}


sub _tell {
    my ($self, @text) = @_;

    $self->{steps}->printf("%.3f %s\n", time, join ' ', @text);
}


sub _keep {
    my ($self, $what) = @_;

    my $both = $self->{both};
    my $central = $both->central;
    my $at = "$self->{dir}/" . ++$self->{n};

    $self->_tell("$self->{n}: $what");
    copy("$both->{dir}/out", "$at.said");
    copy($both->database . $_, "$at.sqlite$_") for '', '-wal';

    open my $fh, '>', "$at.there" or die "$at.there: $!\n";
    print {$fh} encode_json({ records => $central->records,
                              rows => $central->rows,
                              received => $central->outcome->{received} });
}


1;
