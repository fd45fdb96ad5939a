package Central::Random;

# Numbers, words and dates for generated records, all from one small generator
# that is set anew for each record: same seed, same octets.

use Mojo::Base -strict, -signatures;
use Central::Words qw(words);
use Exporter 'import';

our @EXPORT_OK = qw(seed_random rnd one_in str word nth past future clock stamp
  flag money day);

my @DAYS = map {
    my (undef, undef, undef, $day, $month, $year) = gmtime(1_577_836_800 + $_ * 86_400);
    sprintf '%d-%02d-%02d', 1900 + $year, 1 + $month, $day;
} 0 .. 3000;

my $STATE = 1;

sub seed_random ($seed) { $STATE = $seed & 0xffff_ffff; return }

sub rnd ($n) {
    $STATE = ($STATE * 1_103_515_245 + 12_345) & 0xffff_ffff;
    return ($STATE >> 8) % $n;
}

sub one_in ($n) { return rnd($n) == 0 }

my %ESCAPE = ("\n" => '\n', "\t" => '\t', '"' => '\"', '\\' => '\\\\');

# a JSON string
sub str ($octets) {
    $octets =~ s/([\n\t"\\])/$ESCAPE{$1}/g;
    return qq("$octets");
}

sub word ($list) {
    my $words = words($list);
    return $words->[rnd(scalar @$words)];
}

# the $i-th word; when the list is used up, again with a number
sub nth ($list, $i) {
    my $words = words($list);
    my $round = int($i / @$words);
    return $words->[$i % @$words] . ($round ? ' ' . ($round + 1) : '');
}

# days count from 2020-01-01
sub day ($n) { return $DAYS[$n] }

# plain text, without quotes: from 2023 to 2025, and from 2026 on
sub past   { return $DAYS[1100 + rnd(1090)] }
sub future { return $DAYS[2300 + rnd(700)] }
sub clock  { return sprintf '%02d:%02d:%02d', rnd(24), rnd(60), rnd(60) }
sub stamp  { return past() . 'T' . clock() }

sub flag ($percent) { return rnd(100) < $percent ? 'true' : 'false' }
sub money ($max) { return rnd($max * 100) / 100 }

1;
