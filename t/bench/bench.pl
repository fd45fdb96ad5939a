#!/usr/bin/perl
# Measures; "make bench" calls it.  Parts by name, or all of them.  Prints the
# table of docs/performance.md and writes build/bench.json.

use strict;
use warnings;
use utf8;

use FindBin ();
use POSIX ();
use lib "$FindBin::Bin/lib";

use Bench qw(json_file root);

binmode STDOUT, ':encoding(UTF-8)';
binmode STDERR, ':encoding(UTF-8)';
$ENV{PATH} .= ':/usr/sbin:/sbin';
umask 022;

# a signal ends the run as its end does: with nothing left behind
$SIG{$_} = sub { exit 1 } for qw(INT TERM HUP);

my @Parts = qw(status streams idle push traffic narrow first v7);
my @wanted = @ARGV ? @ARGV : @Parts;
my $failed = 0;

for my $name (@wanted) {
    die "no part \"$name\"; there are: @Parts\n"
        if !grep { $_ eq $name } @Parts;
}

for my $name (@Parts) {
    next if !grep { $_ eq $name } @wanted;

    my $class = 'Bench::Part::' . ucfirst $name;
    eval "require $class; 1" or die $@;
    Bench::run_part($name, $class->can('run')) or $failed = 1;
}

my ($cpu) = join('', `cat /proc/cpuinfo`) =~ /model name\s*: (.*)/;
my ($nginx) = `nginx -v 2>&1` =~ m{nginx/(\S+)};

json_file(root() . '/build/bench.json',
    machine => $cpu // 'unknown', processors => `nproc` + 0,
    kernel => (POSIX::uname())[2], nginx => $nginx,
    date => POSIX::strftime('%Y-%m-%dT%H:%M:%SZ', gmtime));

print Bench::table();
exit $failed;
