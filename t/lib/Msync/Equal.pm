package Msync::Equal;

# Whether a site has what central has, down to the difference between
# nothing, an empty string and 0 where the catalogue makes one; and what a
# sync must not leave behind.

use strict;
use warnings;

use Carp qw(croak);
use JSON::XS ();

use Msync::Forms qw(clear);
use Msync::Test qw(decode_json sqlite);

my $Canonical = JSON::XS->new->canonical->allow_nonref;

# What a join joins, for those of which a merge leaves one a pair.
my %JOIN = (
    name_store_join       => [qw(name_ID store_ID)],
    name_tag_join         => [qw(name_ID name_tag_ID)],
    list_master_name_join => [qw(name_ID list_master_ID)],
    item_store_join       => [qw(item_ID store_ID)],
    list_master_line      => [qw(item_ID item_master_ID)],
    item_warning_link     => [qw(item_ID warning_ID)],
    clinician_store_join  => [qw(prescriber_ID store_ID)],
);

# The column that says that a row was deleted, and what it says then, where
# it is not the time.
my %SOFT = (
    item        => [inactive => 1], unit        => [inactive => 1],
    currency    => [inactive => 1], list_master => [inactive => 1],
    options     => [isActive => 0],
);

# Strings that hold nothing, by the words of an encoding.
my $EMPTY = qr/empty.*reads? as null/;


# Settings: table (the catalogue by name), central, database, alias (ids that
# were merged, and into which), alike (code that changes a value in $_ before it
# is compared).
sub new {
    my ($class, %args) = @_;

    return bless {%args}, $class;
}


# Whether rows of a table stay when they are deleted.
sub is_soft { $_[0]{delete} eq 'soft' }


# key_value_store's names of how far each server knows the site's changes
sub push_cursors {
    return ('REMOTE_SYNC_PUSH_CURSOR', 'SYNC_PUSH_CURSOR_V6');
}


sub leftovers {
    my ($self) = @_;

    my @wrong;

    # a DELETE that a REPLACE has taken back names no table
    my %none = (
        'record that failed' => 'SELECT table_name, record_id, action, '
            . 'integration_error FROM sync_buffer WHERE '
            . 'integration_datetime IS NULL',
        'refused record' => 'SELECT table_name, record_id, error FROM '
            . 'msync_refused',
        'foreign key' => 'SELECT * FROM pragma_foreign_key_check',
        'raised flag' => 'SELECT 1 FROM msync_flag WHERE integrating',
        'change beyond a cursor' => 'SELECT * FROM changelog WHERE '
            . "NOT is_sync_update AND table_name <> '' AND "
            . 'cursor >= (SELECT min(value_int) FROM '
            . 'key_value_store WHERE id IN ('
            . join(', ', map { "'$_'" } $self->push_cursors) . '))',
    );

    for my $what (sort keys %none) {
        my $rows = sqlite($self->{database}, "$none{$what} LIMIT 5");
        push @wrong, "$what: $rows" if $rows ne '';
    }

    my $damage = sqlite($self->{database}, 'PRAGMA integrity_check');
    push @wrong, $damage if $damage ne 'ok';

    my @odd = map { "$_->{call}: $_->{message}" }
        @{ $self->{central}->state(1)->{violations} };
    splice @odd, 5 if @odd > 5;
    push @wrong, map { "the protocol is broken: $_" } @odd;

    return @wrong;
}


sub differences {
    my ($self) = @_;

    my $there = $self->{central}->records;
    my $rows = $self->{rows} = $self->_rows;
    my @wrong;

    for my $name (sort keys %{ $self->{table} }) {
        my $t = $self->{table}{$name};
        my %here = map { ($_->{ $t->{key} } => $_) } @{ $rows->{$name} };
        my $records = $there->{$name} // {};

        for my $id (sort keys %$records) {
            my $row = delete $here{$id};

            if (!$row) {
                push @wrong, "$name $id is not here"
                    if !$self->{alias}{$id}
                        && !$self->_is_tidied($t, $records->{$id});
                next;
            }

            push @wrong, $self->_compare($t, $id, $records->{$id}, $row);
        }

        push @wrong, map { "$name $_ is here only" }
            grep { !_is_dead($t, $here{$_}) } sort keys %here;
        last if @wrong > 10;
    }

    return @wrong;
}


# All rows of all tables, by table.
sub _rows {
    my ($self) = @_;

    my @names = sort keys %{ $self->{table} };
    my $sql = join ';', map { qq{SELECT '$_' AS msync_table; }
                              . qq{SELECT * FROM "$_"} } @names;

    open my $fh, '-|', 'sqlite3', '-init', '/dev/null', '-json',
        $self->{database}, $sql
        or croak "sqlite3: $!";

    my $json = JSON::XS->new->utf8;
    my (%rows, $at);

    while (my $line = <$fh>) {
        $json->incr_parse($line);

        while (my $part = $json->incr_parse) {
            if (defined $part->[0]{msync_table}) {
                $at = $rows{ $part->[0]{msync_table} } = [];
            } else {
                push @$at, @$part;
            }
        }
    }

    close $fh or croak "sqlite3: $?";

    return \%rows;
}


sub _is_dead {
    my ($t, $row) = @_;

    return 0 if !is_soft($t);

    my ($column, $value) = @{ $SOFT{ $t->{table} } // ['deleted_datetime'] };

    return defined $value ? $row->{$column} == $value
                          : defined $row->{$column};
}


# The other join of a pair is there, since a merge.
sub _is_tidied {
    my ($self, $t, $record) = @_;

    my $join = $JOIN{ $t->{table} } or return 0;

    return 0 if !%{ $self->{alias} };
    return scalar grep { my $row = $_; !grep {
        $self->survivor($row->{$_}) ne $self->survivor($record->{$_})
    } @$join } @{ $self->{rows}{ $t->{table} } };
}

# The id that stands for this one after all merges.
sub survivor {
    my ($self, $id) = @_;

    $id //= '';
    $id = $self->{alias}{$id} while exists $self->{alias}{$id};

    return $id;
}


sub _compare {
    my ($self, $t, $id, $record, $row) = @_;

    my (@wrong, %known);
    my $extra = decode_json($row->{msync_extra} // '{}');

    for my $f (@{ $t->{fields} }) {
        my $name = $f->{name};

        next if $f->{local_only};
        $known{$name} = 1;

        # the id that a record lacks is its envelope's
        my $there = $name eq $t->{key} ? _held($f, $id)
            : $self->_meant($t, $f, $record);
        my $here = _held($f, clear($f, $row->{$name}));
        $self->{alike}->() for $self->{alike} ? ($there, $here) : ();
        push @wrong, "$t->{table} $id $name: there $there, here $here"
            if $there ne $here;
    }

    for my $name (grep { !$known{$_} } sort keys %$record) {
        my ($there, $here) = map { $Canonical->encode($_) }
            $record->{$name}, $extra->{$name};
        push @wrong, "$t->{table} $id $name: there $there, here $here"
            if $there ne $here || !exists $extra->{$name};
    }

    return @wrong;
}


# What a row must hold for a value of central's: a date or a time is said in
# several ways, and nothing in as many as the encoding of the field names.
sub _meant {
    my ($self, $t, $f, $record) = @_;

    my ($name, $type) = @$f{qw(name type)};
    my $encoding = $f->{encoding} // '';
    my $value = $record->{$name};
    # an empty id is a value where no row has to be there
    my $empty = $f->{references} && ($f->{nullable} || $f->{fk})
        || $type =~ /\Adate/ || $encoding =~ $EMPTY
        || $type eq 'object' && $f->{nullable} && $f->{properties};

    if ($type eq 'object') {
        undef $value if $empty && defined $value
            && (!ref $value && $value eq ''
                || ref $value eq 'HASH' && !%$value
                || ref $value eq 'ARRAY' && !@$value);
        return _held($f, $value);
    }

    undef $value if $empty && defined $value && $value eq '';
    undef $value if $type eq 'date' && ($value // '') =~ /\A0000-00-00/;
    undef $value if $encoding =~ /; 0 reads as null/ && defined $value
        && $value == 0;

    # what did not come, in a field that is never nothing
    if (!defined $value && !$f->{nullable} && $type ne 'object') {
        $value = $type =~ /boolean|number|integer/ ? 0
            : $type eq 'string' && !$f->{fk} && !$f->{enum} ? ''
            : undef;
    }

    if ($type eq 'time' && ($value // '') !~ /:/) {
        my $seconds = $value // 0;
        $value = sprintf '%02d:%02d:%02d', $seconds / 3600,
            $seconds / 60 % 60, $seconds % 60;
    }

    $value = substr $value, 0, 10 if $type eq 'date' && defined $value;
    $value = clear($f, $value) if $type eq 'datetime';
    $value = $self->survivor($value) if $f->{references} && defined $value;

    return _held($f, $value);
}


# A value as text that tells nothing, an empty string and 0 apart.
sub _held {
    my ($f, $value) = @_;

    return 'null' if !defined $value;
    return $value ? 'true' : 'false' if $f->{type} eq 'boolean';
    return 0 + $value if $f->{type} =~ /integer|number/;
    return $Canonical->encode("$value") if $f->{type} ne 'object';

    # a document is a string on one of the two ways
    if (!ref $value) {
        my $json = eval { $Canonical->decode($value) };
        $value = $json if ref $json;
    }

    return $Canonical->encode($value);
}


1;
