package Central::Reader;

# How Open mSupply central reads JSON of API v7.  Two readers: that of a
# request, whose complaint refuses the request, and that of a record, whose
# complaint nobody but central's own log has.

use Mojo::Base -strict, -signatures;
use Central::Check qw(is_bool is_integer is_number is_string);
use Exporter 'import';

our @EXPORT_OK = qw(misread unreadable);

my $DATE = qr/\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])/;
my $TIME = qr/(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d/;

my %IS = (
    i64    => \&is_integer,
    bool   => \&is_bool,
    string => \&is_string,
    array  => sub ($v) { ref $v eq 'ARRAY' },
    object => sub ($v) { ref $v eq 'HASH' },
    any    => sub ($v) { 1 },
);

# What is wrong with the body, as the genuine server would begin to say it, or
# undef.  %$want: member => type; a "?" behind it: may be absent or null.
# Members nobody knows are passed over.
sub misread ($v, $want) {
    return 'invalid type: expected a map' if ref $v ne 'HASH';

    for my $name (sort keys %$want) {
        my ($type, $optional) = $want->{$name} =~ /\A(\w+)(\??)\z/;

        next if $optional && !defined $v->{$name};
        return "missing field `$name`" if !exists $v->{$name};
        return "invalid type: expected $type for `$name`"
          if !defined $v->{$name} && $type ne 'any' || !$IS{$type}->($v->{$name});
    }

    return undef;
}

my %VALUE = (
    string   => \&is_string,
    integer  => sub ($v) { is_integer($v) && abs $v < 2**31 },
    long     => \&is_integer,
    number   => \&is_number,
    boolean  => \&is_bool,
    date     => sub ($v) { is_string($v) && $v =~ /\A$DATE\z/ },
    datetime => sub ($v) { is_string($v) && $v =~ /\A${DATE}T$TIME(?:\.\d{1,9})?\z/ },
    object   => sub ($v) { ref $v ne '' },
);

# What keeps central from reading the row, or nothing.
sub unreadable ($table, $row) {
    return 'is no object' if ref $row ne 'HASH';

    my @bad;

    for my $f (@{$table->{fields}}) {
        my ($name, $v) = ($f->{name}, $row->{$f->{name}});

        if (!defined $v) {
            push @bad, exists $row->{$name} ? "$name is null" : "$name is missing"
              if !$f->{nullable};

        } elsif (!$VALUE{$f->{type}}->($v)) {
            push @bad, "$name is no $f->{type}: $v";

        } elsif ($f->{enum} && !grep { $_ eq $v } @{$f->{enum}}) {
            push @bad, "$name has an unknown value: $v";
        }
    }

    return @bad;
}

1;
