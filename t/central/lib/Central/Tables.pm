package Central::Tables;

# The tables of API v7 as sync/catalogue/v7.json has them, joined with those of
# the catalogue whose rows they are.

use Mojo::Base -base, -signatures;

# of v7.json and of catalogue.json, decoded
has shapes    => sub { die 'shapes are missing' };
has catalogue => sub { die 'catalogue is missing' };

# In the changelog of central a line of these belongs to the store of that
# field; in that of a site, as v7.json has it, to another one.
my %FROM_CENTRAL = (SyncMessage => {store => 'toStoreID'});

# what only the central server itself has
my %UNSENT = (Site => 1);

# In the order of integration, parents first: {table, like (of the catalogue,
# or undef), name (of the rows' table), styles, deletes, fields, and by which
# fields a row shows who has to do with it}.
sub list ($self) {
    my %legacy = map { $_->{table} => $_ } @{$self->catalogue};
    my %by;
    push @{$by{$_->{table}}}, $_->{name} for @{$self->shapes};

    return map { $self->_table($_, $legacy{$_->{table}}, \%by) } @{$self->shapes};
}

sub is_table ($self, $name) {
    $self->{names} //= {%UNSENT, map { $_->{name} => 1 } @{$self->shapes}};
    return $self->{names}{$name};
}

sub _table ($self, $shape, $legacy, $by) {
    my %column = map { $_->{name} => $_ } @{$legacy ? $legacy->{fields} : []};
    my (@fields, %at);

    for my $f (@{$shape->{fields}}) {
        my @places = map { ref $_ ? $_ : {column => $_} } _list($f->{in} // $f->{name});
        my $column = $column{$places[0]{column}};
        my $to = $f->{references} // ($column && $f->{reference} ? $column->{references} : undef);

        push @fields, {
            %$f{qw(name type enum lookup)},
            nullable   => $f->{nullable} ? 1 : 0,
            reference  => $f->{reference} ? 1 : 0,
            places     => \@places,
            to         => $to,
            references => defined $to ? $by->{$to} : undef,  # more than one may have it
            checked    => ($column && $column->{fk}) || (!$legacy && defined $f->{references}),
        };
        $at{$_->{column}} //= $f->{name} for @places;
    }

    my $e = $FROM_CENTRAL{$shape->{name}} // $shape->{envelope} // {};

    return {
        table    => $shape->{name},
        name     => $shape->{table},
        like     => $legacy,
        rows     => $shape->{rows},
        styles   => {map { $_ => 1 } @{$shape->{styles}}},
        deletes  => $shape->{delete},
        fields   => \@fields,
        envelope => $e,
        at       => {map { $_ => $at{$e->{$_}} // $e->{$_} } grep { defined $e->{$_} } qw(store parent other patient)},
        above    => defined $e->{parent} ? $by->{$column{$e->{parent}}{references}}[0] : undef,
    };
}

sub _list ($v) { return ref $v eq 'ARRAY' ? @$v : ($v) }

1;
