package Msync::Guess;

# Requests made from the description of an endpoint: such as it wants, and such
# as it does not.  All from srand, so that a seed makes them again.

use strict;
use warnings;

use Exporter qw(import);
use JSON::PP ();

our @EXPORT_OK = qw(guess_body guess_query);

my $Json = JSON::PP->new->utf8->allow_nonref->canonical;

# What programs stumble over.
my @Text = (
    '', ' ', 'item', 'x' x 70, 'x' x 2000, "a\0b", "\n", "\x{7f}", '"\\', '%',
    '%s%n', "'; DROP TABLE item; --", '../../etc/passwd', 'null', '0', '-1',
    "\x{e9}\x{4e2d}\x{1f600}", "\x{202e}", "\x{fffd}", '{}', '[',
);
my @Number = (0, 1, -1, 60, 300, 31_622_400, 31_622_401, 2**31, 2**53, 2**63,
              -2**63, 0.5, 1e300);
my @Octets = (
    '', ' ', '{', '[]', 'null', '{}x', '{"a":}', '{"all":true,"all":false}',
    "{\"all\":\"\xff\xfe\"}", "\xef\xbb\xbf{}", '{"all":1e999}',
    '{"tables":' . '[' x 200 . ']' x 200 . '}', '{"a":"' . 'x' x 66_000 . '"}',
    '{"username":"\ud800"}', '{' . join(',', map { qq("m$_":1) } 1 .. 60) . '}',
);


sub one { return $_[rand @_] }


# A body for this schema; %known has values that this site knows, by the
# member's name.
sub guess_body {
    my ($schema, %known) = @_;

    return one(@Octets) if rand() < 0.2;
    return $Json->encode(value($schema, '', \%known));
}


# A query for these parameters, without "?"; perhaps an empty one.
sub guess_query {
    my ($parameters, %known) = @_;

    my @pairs;

    for my $parameter (grep { $_->{in} eq 'query' } @{ $parameters // [] }) {
        next if rand() < 0.3;

        my $value = value($parameter->{schema}, $parameter->{name}, \%known);
        $value = '' if !defined $value || ref $value;
        utf8::encode($value);
        $value =~ s/([^A-Za-z0-9._:-])/sprintf '%%%02x', ord $1/eg;
        push @pairs, "$parameter->{name}=$value";
    }

    return join '&', @pairs, rand() < 0.1 ? one('%zz', '=', '&&', 'a') : ();
}


# One value in three is of another kind than the schema says.
sub value {
    my ($schema, $name, $known) = @_;

    return any() if rand() < 0.15;
    return one(@{ $known->{$name} }) if $known->{$name} && rand() < 0.7;
    return value(one(@{ $schema->{oneOf} }), $name, $known)
        if $schema->{oneOf};
    return one(@{ $schema->{enum} }) if $schema->{enum};
    return $schema->{const} if exists $schema->{const};

    my ($type) = ref $schema->{type} ? one(@{ $schema->{type} })
        : $schema->{type};

    return object($schema, $known) if $type eq 'object';
    return [map { value($schema->{items}, $name, $known) } 0 .. rand 3]
        if $type eq 'array';
    return one(@Number) if $type eq 'integer';
    return one(JSON::PP::true, JSON::PP::false) if $type eq 'boolean';
    return undef if $type eq 'null';
    return one(@Text);
}


sub object {
    my ($schema, $known) = @_;

    my %required = map { $_ => 1 } @{ $schema->{required} // [] };
    my %object;

    for my $name (sort keys %{ $schema->{properties} }) {
        next if rand() < ($required{$name} ? 0.1 : 0.4);
        $object{$name} = value($schema->{properties}{$name}, $name, $known);
    }

    $object{ one(@Text, 'more') } = any() if rand() < 0.1;

    return \%object;
}


sub any {
    return one(@Text, @Number, undef, JSON::PP::true, [], {}, [[1], 'a'],
               { a => { b => [] } });
}


1;
