package Msync::Mirror;

# Whether a site has what another one gets that central sends everything: as
# Msync::Equal, for a protocol that has other words for the same.

use strict;
use warnings;

use parent 'Msync::Equal';

use Msync::Forms qw(clear);
use Msync::Test qw(read_catalogue);


# Settings: those of Msync::Equal, url, password (a file), mirror (the
# database of the other one).
sub new {
    my ($class, %args) = @_;

    my $self = $class->SUPER::new(%args);

    # columns that v7 knows as they are
    for my $shape (@{ read_catalogue('v7') }) {
        $self->{columns}{ $shape->{table} }{$_} = 1 for map {
            ref $_->{in} ? () : $_->{in} // $_->{name}
        } @{ $shape->{fields} };
    }

    return $self;
}


sub push_cursors { return ('SYNC_PUSH_CURSOR_V7') }


# What v7 says otherwise than v5 and v6 have said it, of what is the same: it is
# no difference any more.
sub forgive {
    my ($self) = @_;

    local $self->{goes_on} = 1;

    for my $wrong ($self->differences) {
        my ($table, $id, $column) = $wrong =~ /\A(\S+) (\S+) (\w+):? /
            or die "not understood: $wrong\n";

        if ($column eq 'is') {
            $self->{forgiven}{"$table $id"} = $self->{odd}{$table} = 1;
        } else {
            delete $self->{columns}{$table}{$column};
        }
    }
}

# Whether a column counts, and whether some rows of a table do not.
sub compares { $_[0]{columns}{ $_[1]{table} }{ $_[2]{name} } }
sub forgives { $_[0]{odd}{ $_[1]{table} } }


sub differences {
    my ($self) = @_;

    $self->_make_mirror;

    my $here = $self->_rows;
    my $there = do {
        local $self->{database} = $self->{mirror};
        $self->_rows;
    };
    my @wrong;

    $self->{rows} = $here;

    for my $name (sort keys %{ $self->{columns} }) {
        my $t = $self->{table}{$name} // next;
        my %here = map { ($_->{ $t->{key} } => $_) } @{ $here->{$name} // [] };

        for my $row (@{ $there->{$name} // [] }) {
            my $id = $row->{ $t->{key} };
            my $ours = delete $here{$id};

            if ($ours) {
                push @wrong, $self->_compare_rows($t, $id, $row, $ours);
            } else {
                push @wrong, "$name $id is not here"
                    if !$self->_is_tidied($t, $row)
                        && !$self->{forgiven}{"$name $id"};
            }
        }

        # what came and was deleted does not come anew
        push @wrong, map { "$name $_ is here only" }
            grep { ($self->{goes_on} || !Msync::Equal::_is_dead($t, $here{$_}))
                   && !$self->{forgiven}{"$name $_"}
                   && !$self->_is_unjoined($t, $_) } sort keys %here;
        last if @wrong > 10 && !$self->{goes_on};
    }

    return @wrong;
}


# A patient goes to the sites whose stores are joined to it; where it was made
# it stays, even if nobody has joined it.
sub _is_unjoined {
    my ($self, $t, $id) = @_;

    return $t->{table} eq 'name'
        && !grep { $_->{name_ID} eq $id } @{ $self->{rows}{name_store_join} };
}


# Another machine has the site's name for a moment; central forgets it.
sub _make_mirror {
    my ($self) = @_;

    my $central = $self->{central};

    unlink map { "$self->{mirror}$_" } '', '-wal', '-shm';
    $central->snapshot;
    $central->config(v7_token => undef, v7_hardware_id => undef);

    my $line = join ' ', map { quotemeta } $ENV{TEST_NGINX_MSYNC},
        '--database', $self->{mirror}, '--url', $self->{url},
        '--username', 'Clinic 7', '--password-file', $self->{password},
        'sync';
    my $said = qx($line 2>&1);
    my $status = $?;

    $central->restore;
    die "the mirror fails: $said" if $status != 0;
}


sub _compare_rows {
    my ($self, $t, $id, $there, $here) = @_;

    my @wrong;

    for my $f (grep { $self->{columns}{ $t->{table} }{ $_->{name} } }
               @{ $t->{fields} })
    {
        my ($theirs, $ours) = map {
            Msync::Equal::_held($f, clear($f, $_->{ $f->{name} }))
        } $there, $here;

        push @wrong, "$t->{table} $id $f->{name}: there $theirs, here $ours"
            if $theirs ne $ours;
    }

    return @wrong;
}


1;
