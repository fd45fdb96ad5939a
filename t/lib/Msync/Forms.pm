package Msync::Forms;

# Values in the forms in which applications write them, and what they say in
# the form of the wire (docs/values.md).

use strict;
use warnings;

use Exporter 'import';
use POSIX ();
use Time::Local qw(timegm);

our @EXPORT_OK = qw(any_word clear has_forms new_id quoted written);

# One moment, and other values, as SQLite, Django, Rails, Prisma, Go and PHP
# write them, by the type of the field: SQL.
my %FORMS = (
    date => [map({ "'$_'" } '2026-05-01', '2026-05-01 00:00:00',
                 '2026-05-01T00:00:00.000Z', '2026-05-01T00:00:00',
                 '2026-5-1'), 1777593600, 1777593600000],
    datetime => [map({ "'$_'" } '2026-05-01 08:00:00', '2026-05-01T08:00:00',
                     '2026-05-01T08:00:00.000Z', '2026-05-01T08:00:00Z',
                     '2026-05-01 08:00:00+00:00', '2026-05-01 08:00:00 UTC',
                     '2026-05-01 08:00:00.000000', '2026-05-01 10:00+02:00',
                     '2026-05-01 08:00:00 +0000 UTC'),
                 1777622400, 1777622400000],
    time => [map({ "'$_'" } '08:00', '08:00:00', '2000-01-01 08:00:00',
                 '08:00:00.000000'), 28800],
    boolean => [0, 1, "'0'", "'1'", "'true'", "'f'"],
    number  => [2, 0.25, "'1.50'", "'3'"],
    integer => [7, '7.0', "'7'"],
);


# Whether a field is of a type that is written in more forms than one.
sub has_forms { exists $FORMS{ $_[0]{type} } }


# A value of such a field, as SQL.
sub written {
    my ($field) = @_;

    my $forms = $FORMS{ $field->{type} };

    return $field->{nullable} && rand 6 < 1 ? 'NULL' : $forms->[rand @$forms];
}


# Some text, with what has to be quoted somewhere.
sub any_word {
    my @words = (qw(uno dos tres), "caf\x{e9}", 'O"Neill', "l'eau", 'Tab 5%',
                 '\\x', '');

    return join ' ', map { $words[rand @words] } 1 .. 3;
}


# The id of a new record of a table of the catalogue.
sub new_id {
    my ($t) = @_;

    my @hex = map { sprintf '%04X', int rand 65536 } 1 .. 8;

    return join '', @hex if grep { $_ eq 'legacy' } @{ $t->{pull_from} };
    return lc join '-', "$hex[0]$hex[1]", @hex[2 .. 4],
        "$hex[5]$hex[6]$hex[7]";
}


# As SQL.
sub quoted {
    my ($text) = @_;

    return 'NULL' if !defined $text;

    utf8::encode($text);
    return "'" . ($text =~ s/'/''/gr) . "'";
}


# What a row's value says in the form of the wire, whatever form it was
# written in.
sub clear {
    my ($f, $value) = @_;

    my $type = $f->{type};
    return $value if !defined $value
        || $type !~ /\A(?:date|datetime|time|boolean)\z/;

    return $value =~ /\A(?:0|f|false)\z/i ? 0 : 1 if $type eq 'boolean';
    return undef if $type ne 'time' && $value =~ /\A(?:\z|0000-00-00)/;

    return _of_number($type, $value) if $value =~ /\A-?\d+\z/;

    my ($date) = $value =~ /\A(\d+-\d+-\d+)/;
    my ($clock) = $value =~ /(\d+:\d\d(?::\d\d(?:\.\d+)?)?)/;
    my $shift = $value =~ /([+-])(\d\d):?(\d\d)\b[^:]*\z/ && $clock
        ? ($1 eq '-' ? -1 : 1) * ($2 * 3600 + $3 * 60) : 0;

    $date = sprintf '%04d-%02d-%02d', split /-/, $date if defined $date;
    return $date if $type eq 'date';

    my ($h, $m, $s, $fraction) = ($clock // '00:00:00')
        =~ /(\d+):(\d+)(?::(\d+)(\.\d*[1-9])?)?/;
    my $hms = sprintf '%02d:%02d:%02d', $h, $m, $s // 0;
    return $hms if $type eq 'time';

    $hms = POSIX::strftime('%Y-%m-%dT%H:%M:%S', gmtime
        timegm($s // 0, $m, $h, (split /-/, $date)[2],
               (split /-/, $date)[1] - 1, (split /-/, $date)[0]) - $shift);

    return $hms . ($fraction // '');
}


sub _of_number {
    my ($type, $value) = @_;

    return sprintf '%02d:%02d:%02d', $value / 3600, $value / 60 % 60,
        $value % 60 if $type eq 'time';

    $value /= 1000 if abs $value > 1e10;
    return POSIX::strftime($type eq 'date' ? '%Y-%m-%d'
                                           : '%Y-%m-%dT%H:%M:%S',
                           gmtime $value);
}


1;
