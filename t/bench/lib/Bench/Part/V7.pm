package Bench::Part::V7;

# A first sync by sync v7, against one by v5 and v6 of the same rows.

use strict;
use warnings;

use Bench qw(figure in_turns number root stop);
use Bench::Part::First ();
use Bench::Servers qw(central);


sub _size {
    my ($n, $rounds) = @_;

    my ($v6, $v6_pid) = central(records => $n, gzip => 1, twice => 1);
    my ($v7, $v7_pid) = central(records => $n, gzip => 1, v7 => 1);
    my $took = in_turns($rounds, map {
        my $url = $_;
        ($url => sub { Bench::Part::First::first_sync(root(), $url, $n) });
    } $v7, $v6);

    stop($v6_pid);
    stop($v7_pid);

    my $words = number($n);

    for ([', records a second', sub { $_[0]{rate} }],
         [', records a second of its CPU', sub { $n / $_[0]{cpu} }])
    {
        my ($what, $of) = @$_;

        figure(name => "first sync of $words records by v7$what",
               unit => '/s', limit => '>= 0.9', peer_name => 'by v5 and v6',
               ours => [map { $of->($_) } @{ $took->{$v7} }],
               peer => [map { $of->($_) } @{ $took->{$v6} }]);
    }
}


sub run {
    _size(10_000, 9);
    _size(100_000, 7);
}

1;
