package Bench::Part::Narrow;

# A bad line: 64 kbit/s, 600 ms from here to there and back, 2 % lost.

use strict;
use warnings;

use Time::HiRes qw(time);

use Bench qw(capture figure in_turns program skip stage);
use Bench::Servers qw(central sync_command);

use constant { ROUNDS => 3, RECORDS => 500 };

my $Space = "msync-bench-$$";
my $Link = 'msyncb' . $$ % 100_000;
my ($Here, $There) = ('10.213.77.1', '10.213.77.2');


sub _line {
    for my $command (
        "ip netns add $Space",
        "ip link add $Link type veth peer name line netns $Space",
        "ip addr add $Here/24 dev $Link",
        "ip link set $Link up",
        "ip -n $Space addr add $There/24 dev line",
        "ip -n $Space link set line up",
        "ip -n $Space link set lo up",
        "tc qdisc add dev $Link root netem rate 64kbit delay 300ms loss 2%",
        "ip netns exec $Space tc qdisc add dev line root netem rate 64kbit "
            . 'delay 300ms loss 2%',
    ) {
        my $said = `$command 2>&1`;
        next if $? == 0;
        chomp $said;
        return "$command: $said";
    }

    return;
}


sub _octets {
    my $sum = 0;

    for my $which (qw(rx_bytes tx_bytes)) {
        open my $fh, '<', "/sys/class/net/$Link/statistics/$which" or die;
        $sum += <$fh>;
    }

    return $sum;
}


sub _timed {
    my (@command) = @_;

    my ($octets, $began) = (_octets(), time);
    capture('ip', 'netns', 'exec', $Space, 'sh', '-c',
            'exec "$0" "$@" >/dev/null 2>&1', @command);

    return { seconds => time - $began, octets => _octets() - $octets };
}


sub run {
    my $failed = _line();

    if ($failed) {
        skip("such a line cannot be made here ($failed)");
        return;
    }

    my ($url) = central(records => RECORDS, gzip => 1, address => $Here);
    my $database = stage('narrow') . '/site.sqlite';

    my $took = in_turns(ROUNDS,
        ours => sub {
            unlink glob "$database*";
            _timed(sync_command($database, $url));
        },
        naive => sub { _timed(program('chain'), 'poor', $url, RECORDS) },
    );

    for my $what (['seconds', 's'], ['octets', 'octets']) {
        figure(
            name => 'first sync of 500 records over 64 kbit/s, 600 ms, 2 % '
                . "lost: $what->[0]",
            unit => $what->[1],
            ours => [map { $_->{ $what->[0] } } @{ $took->{ours} }],
            peer => [map { $_->{ $what->[0] } } @{ $took->{naive} }],
            peer_name => 'naive client', limit => '<= 1',
        );
    }
}


my $Owner = $$;

END {
    if ($$ == $Owner) {
        my $status = $?;
        system "ip link del $Link 2>/dev/null";
        system "ip netns del $Space 2>/dev/null";
        $? = $status;
    }
}

1;
