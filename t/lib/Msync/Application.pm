package Msync::Application;

# What the application beside a site of Msync::Property does to whole documents
# and to its tables.

use strict;
use warnings;

use Exporter qw(import);

use Msync::Forms qw(any_word new_id quoted);

our @EXPORT_OK = qw(%APPLICATION);

our %APPLICATION = (
    'document deleted'  => \&_delete_document,
    'column added'      => \&_add_column,
    'column away'       => \&_rename_column,
    'refused by a trigger' => \&_refuse,
    'WAL ended'         => \&_end_wal,
    'rolled back'       => \&_roll_back,
);

sub _one { $_[ rand @_ ] }


# ---- documents --------------------------------------------------------------

# A document with its lines, whose owner they name: tables that a site sends,
# deletes of them too.
sub _kinds {
    my ($self) = @_;

    my %pushed = map { $_->{table} => $_ } grep { $_->{push_delete} }
        @{ $self->{pushed} };

    return map { [$pushed{ $_->{changelog_store}{parent} }, $_] }
        grep { ref $_->{changelog_store}
               && $pushed{ $_->{changelog_store}{parent} // '' } }
        map { $pushed{$_} } sort keys %pushed;
}

# The columns of one that become another's, by the values that they get.
sub _copied {
    my ($t, $from, %other) = @_;

    my @names = map { $_->{name} } @{ $t->{fields} };
    my @values = map { $other{$_} // qq{"$_"} } @names;

    local $" = '", "';
    return qq{INSERT INTO "$t->{table}" ("@names") SELECT }
        . join(', ', @values)
        . qq{ FROM "$t->{table}" WHERE "$t->{key}" = '$from'};
}

sub _make_document {
    my ($self) = @_;

    my ($t, $lines) = @{ _one(_kinds($self)) // return };
    my ($id, $line) = map { $self->_any_here($_) } $t, $lines;

    return if grep { $_ eq '' || $self->{alias}{$_} || $self->{dead}{$_} }
        $id, $line;

    my $new = new_id($t);
    my $via = $lines->{changelog_store}{via};

    $self->query('BEGIN IMMEDIATE',
        _copied($t, $id, $t->{key} => "'$new'"),
        map({ _copied($lines, $line, $via => "'$new'",
                      $lines->{key} => "'" . new_id($lines) . "'") }
            0 .. rand 4),
        'COMMIT');
    push @{ $self->{documents} }, [$t, $lines, $new];
}

# With all its lines at once, whatever others have come to since; not where
# central has one that the site has not.
sub _delete_document {
    my ($self) = @_;

    my $documents = $self->{documents} //= [];
    my $which = _one(grep { $_->[0]{push_delete} && $_->[1]{push_delete} }
                     @$documents) or return _make_document($self);
    my ($t, $lines, $id) = @$which;
    my $via = $lines->{changelog_store}{via};
    my $are = qq{"$lines->{table}" WHERE "$via" = '$id'};
    my %here = map { $_ => 1 } split /\n/,
        $self->query(qq{SELECT "$lines->{key}" FROM $are});

    delete $self->{known};
    my $there = $self->_known->{ $lines->{table} } // {};
    my $named = ($lines->{there} // {})->{$via} // $via;

    return if grep { ($there->{$_}{$named} // '') eq $id && !$here{$_} }
        keys %$there;

    $self->query('BEGIN IMMEDIATE', "DELETE FROM $are",
                 qq{DELETE FROM "$t->{table}" WHERE "$t->{key}" = '$id'},
                 'COMMIT');
    $self->{dead}{$_} = 1 for $id, keys %here;
    @{ $self->{$_} } = grep { !$here{ $_->[1] } } @{ $self->{$_} }
        for qw(made made_there);
    @$documents = grep { $_ != $which } @$documents;
}


# What a transaction has done that does not come to its end.
sub _roll_back {
    my ($self) = @_;

    my $t = _one(grep { $_->{push_delete} } @{ $self->{pushed} }) // return;
    my $word = _one(@{ $t->{words} })->{name};

    $self->query('PRAGMA foreign_keys = OFF', 'BEGIN',
                 qq{UPDATE "$t->{table}" SET "$word" = 'undone'},
                 qq{DELETE FROM "$t->{table}"}, 'ROLLBACK');
    $self->_edit_here;
}


# ---- tables -----------------------------------------------------------------

# One of its own, half the times for a while only.
sub _add_column {
    my ($self) = @_;

    my $table = _one(@{ $self->{pushed} })->{table};
    my $own = 'clinic_' . ++$self->{own};

    $self->query(qq{ALTER TABLE "$table" ADD COLUMN "$own" TEXT DEFAULT 'a'},
                 qq{UPDATE "$table" SET "$own" = 'b'});
    $self->_edit_here;
    $self->_edit_there;
    return if $self->_deal(added => 0, 1);

    $self->_sync;
    $self->query(qq{ALTER TABLE "$table" DROP COLUMN "$own"});
    $self->_edit_here;
}


# One that is sent has another name for a run, which ends with words, while both
# sides go on.
sub _rename_column {
    my ($self) = @_;

    my $t = _one(grep { @{ $_->{words} } > 1 } @{ $self->{pushed} });
    my ($away, $word) = map { $_->{name} } @{ $t->{words} };
    my $id = $self->_any_here($t);

    $self->query(qq{ALTER TABLE "$t->{table}" RENAME COLUMN "$away" }
                 . qq{TO "clinic_$away"});
    $self->_edit_there for 1 .. rand 4;
    $self->query(qq{UPDATE "$t->{table}" SET "$word" = }
                 . quoted(any_word()) . qq{ WHERE "$t->{key}" = '$id'})
        if $id ne '' && !$self->{alias}{$id}
            && !$self->{dead}{$id};
    $self->_sync;
    $self->query(qq{ALTER TABLE "$t->{table}" RENAME COLUMN "clinic_$away" }
                 . qq{TO "$away"});
    $self->_edit_here;
}


# A trigger keeps rows of central's out for some runs, by each of its ways.
sub _refuse {
    my ($self) = @_;

    my $how = $self->_deal(raised => q{ABORT, 'no'}, q{FAIL, 'no'},
                           q{ROLLBACK, 'no'}, 'IGNORE');
    my $t = _one(@{ $self->{pulled} });

    $self->query(map { qq{CREATE TRIGGER "clinic_$_" BEFORE $_ ON }
                       . qq{"$t->{table}" BEGIN SELECT RAISE($how); END} }
                 'INSERT', 'UPDATE', 'DELETE');
    $self->_edit_there for 0 .. rand 4;
    $self->_insert_there for 0 .. rand 4;
    $self->_sync;
    $self->query(map { qq{DROP TRIGGER "clinic_$_"} }
                 'INSERT', 'UPDATE', 'DELETE');
    $self->_edit_here;
}


# As a tool does that has the file in one piece for a copy.
sub _end_wal {
    my ($self) = @_;

    $self->query('PRAGMA journal_mode = DELETE');
    $self->_edit_here;
}


1;
