# What a network of our own is needed for: routes, names and lines that do not
# work in one of the known ways are named, with advice, and cost no record.
# Skipped where the machine permits no such network.

use strict;
use warnings;

use Msync::OneRun qw(PASSWORD chain command put trusting);
use Msync::Test qw(project_root site_path sqlite stage_dir);
use Test::More;

plan skip_all => 'this machine permits no network of its own '
    . '(unshare -n -m, veth)'
    if system('unshare -n -m true 2>/dev/null') != 0
    || system('unshare -n ip link add name va type veth peer name vb '
              . '2>/dev/null') != 0;

what_this_machine_itself_forbids_is_named();
a_name_that_only_a_local_service_knows_is_named();
ipv6_that_does_not_work_is_got_round();
addresses_that_are_dead_are_got_round();
a_name_server_that_is_slow_is_named();
a_name_server_that_dies_holds_nothing_up();
why_a_name_is_not_found_is_named();
packets_that_are_too_large_are_named();
a_connection_that_is_forgotten_on_the_way_costs_no_batch();

done_testing();


# What a script of a shell says, in a network and a file system of its own.
# "central URL" is started there; it is told its address by $V5.  Behind
# "another_machine" there is one at the end of a line from va to vb, in which
# "$in_there COMMAND" runs.
sub in_a_network {
    my ($script, %how) = @_;

    my $dir = stage_dir();
    my $address = $how{central}{'--address'} // '127.0.0.1';
    my $central = join ' ', map { quotemeta } $^X,
        project_root() . '/t/central/central.pl', '--password', PASSWORD,
        '--records', 600, '--print-ports', '--lifeline',
        %{ $how{central} // {} };

    put("$dir/network.sh", <<"SCRIPT" . $script);
set -e
ip link set lo up
mount -t tmpfs none /mnt
mkfifo /mnt/ports /mnt/alive
central() {
    \$1 $central </mnt/alive >/mnt/ports &
    exec 9>/mnt/alive
    read -r ports </mnt/ports
    V5=\$(echo "\$ports" | sed 's/.*"v5":\\([0-9]*\\).*/\\1/')
    # whatever name the site knows it by
    \$1 $^X -MHTTP::Tiny -e 'HTTP::Tiny->new->post(shift, {content =>
        q({"v5_url":""})})' http://$address:\$V5/_test/config
}
another_machine() {
    unshare -n sleep 200 &
    there=\$!
    sleep 0.5
    in_there="nsenter -n -t \$there"
    ip link add name va type veth peer name vb
    ip link set vb netns \$there
}
SCRIPT

    return qx(timeout 240 unshare -n -m sh $dir/network.sh 2>&1);
}


# the same command there, where the port is known to the shell
sub there { return command(@_) =~ s/PORT/\$V5/r }


# Routes that forbid, swallow or lead nowhere.
sub what_this_machine_itself_forbids_is_named {
    my $database = 'routes.sqlite';
    my $command = there($database, 'http://127.0.0.9:PORT');
    my $first = there($database, 'http://127.0.0.1:PORT');
    my %says = (
        prohibit    => qr/machine itself does not let the program connect/,
        blackhole   => qr/No route to 127\.0\.0\.9/,
        unreachable => qr/No route to 127\.0\.0\.9/,
    );
    my @kinds = sort keys %says;

    my $said = in_a_network(<<"SCRIPT");
central ''
$first && echo FIRST SYNC
ip rule add from all lookup local pref 2
ip rule del pref 0
ip rule add to 127.0.0.9 lookup 99 pref 1
for kind in @kinds; do
    ip route replace \$kind 127.0.0.9 table 99
    echo BEGIN \$kind
    $command || echo IT FAILED
    echo END
done
SCRIPT

    like($said, qr/FIRST SYNC/, 'a way that is free') or diag($said);

    for my $kind (@kinds) {
        my ($part) = $said =~ /BEGIN $kind\n(.*?)END/s;

        like($part, $says{$kind}, "a route of the kind $kind is named");
        like($part, qr/IT FAILED/, 'and costs the run');
    }

    my ($forbidden) = $said =~ /BEGIN prohibit\n(.*?)END/s;
    like($forbidden, qr/httpd_can_network_connect on/,
         'what forbids may be SELinux, and how it is told to permit');
    return;
}


# Name service asks a service by a local socket, which the helper may not.
sub a_name_that_only_a_local_service_knows_is_named {
    my $command = there('local.sqlite', 'http://central.local:PORT');
    my $other = there('other.sqlite', 'http://central.test:PORT');
    my $undotted = there('undotted.sqlite', 'http://central:PORT');

    my $said = in_a_network(<<"SCRIPT");
printf 'nameserver 127.0.0.1\\noptions timeout:1 attempts:1\\n' >/mnt/resolv
printf 'hosts: files mdns4_minimal [NOTFOUND=return] dns\\n' >/mnt/nsswitch
printf '127.0.0.1 localhost\\n' >/mnt/hosts
mount --bind /mnt/resolv /etc/resolv.conf
mount --bind /mnt/nsswitch /etc/nsswitch.conf
mount --bind /mnt/hosts /etc/hosts
central ''
$command || echo IT FAILED
$other || echo SO DID THE OTHER
printf 'hosts: files resolve [!UNAVAIL=return] dns\\n' >/mnt/nsswitch
$other || echo AND AGAIN
$undotted || echo AND THE THIRD
printf '127.0.0.1 localhost central.local\\n' >/mnt/hosts
$command && echo IT WENT WELL
SCRIPT

    like($said, qr/only a service of this machine knows it \("mdns4_minimal"/,
         'a name that only a local service knows is named') or diag($said);
    like($said, qr/IT FAILED.*its name server fails.*SO DID THE OTHER/s,
         'one that mdns does not look for is not put down to it');
    like($said, qr/OTHER.*its name server fails.*AGAIN.*\("resolve".*THIRD/s,
         'resolve is named for a name that it need not ask DNS for');
    like($said, qr{into /etc/hosts}, 'with what to do');
    like($said, qr/IT FAILED.*IT WENT WELL/s, 'and that does it');
    return;
}


sub ipv6_that_does_not_work_is_got_round {
    my $database = 'ipv6.sqlite';
    my $command = there($database, 'http://central.test:PORT');

    # the address is on the link, and nobody has it
    my $said = in_a_network(<<"SCRIPT");
ip link add name va type veth peer name vb
ip link set va up
ip link set vb up
ip -6 addr add 2001:db8::2/64 dev va nodad
printf '%s central.test\\n' 2001:db8::1 127.0.0.1 >/mnt/hosts
mount --bind /mnt/hosts /etc/hosts
central ''
$command && echo IT WENT WELL
SCRIPT

    like($said, qr/IT WENT WELL/,
         'IPv6 that does not work beside IPv4 that does');
    cmp_ok(sqlite(site_path($database), 'SELECT count(*) FROM item'), '>', 0,
           'costs nothing');
}


# Of five addresses of a name the last one answers, though not in the short
# moment that the others leave of the time for a connection.
sub addresses_that_are_dead_are_got_round {
    my $command = there('five.sqlite', 'http://central.test:PORT');
    my $none = there('none.sqlite', 'http://dead.test:PORT',
                     connect_timeout => 500);

    # the kernel is told who has them, which nobody does, so it does not ask
    my $said = in_a_network(<<"SCRIPT", central => { '--address', '10.9.9.2' });
another_machine
ip link set va up
for net in 1 2 3 4 9; do
    ip addr add 10.9.\$net.1/24 dev va
    ip neigh add 10.9.\$net.2 lladdr 02:00:00:00:00:01 dev va
    echo "10.9.\$net.2 central.test"
done >/mnt/hosts
sed -n '1,4s/central/dead/p' /mnt/hosts >>/mnt/hosts
mount --bind /mnt/hosts /etc/hosts
\$in_there ip link set lo up
\$in_there ip addr add 10.9.9.2/24 dev vb
\$in_there ip link set vb up
mac=\$(\$in_there ip -o link show vb | sed 's/.*ether //; s/ .*//')
central "\$in_there"
(sleep 12; ip neigh replace 10.9.9.2 lladdr \$mac dev va) &
$command && echo IT WENT WELL
$none || echo IT FAILED
kill \$there
SCRIPT

    like($said, qr/IT WENT WELL/, 'addresses before the one that answers')
        or diag($said);
    like($said, qr/TIMEOUT: .*dead\.test\S+: none of the addresses .* answers/,
         'where none answers, that is said');
    like($said, qr/answers\. Check that .*longer connect_timeout helps/,
         'and no batch or answer blamed for it');
    like($said, qr/IT FAILED/, 'which costs the run');
    return;
}


# what a name server says of these names, on port 53 there: an rcode, and
# whether an alias follows, which leads to the name itself
sub answers_of_names {
    return put(stage_dir() . '/dns-answers.pl', <<'PERL');
use strict; use warnings; use IO::Socket::INET;
my %code = (fails => 2, none => 3, refuses => 5);
my $s = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => 53,
                              Proto => 'udp') or die "53: $!\n";
while (my $from = $s->recv(my $q, 512)) {
    my $name = substr $q, 13, ord substr $q, 12, 1;
    my ($end) = index($q, "\0", 12) + 5;
    my $type = unpack 'n', substr $q, $end - 4, 2;
    my $alias = $name eq 'loops';
    my $six = $name eq 'six' && $type == 28;
    next if $name eq 'silent';
    my $r = substr($q, 0, 2) . pack('n5', 0x8180 | ($code{$name} // 0), 1,
                                    $alias || $six ? 1 : 0, 0, 0)
        . substr($q, 12, $end - 12);
    $r .= pack('nnnNnn', 0xc00c, 5, 1, 60, 2, 0xc00c) if $alias;
    $r .= pack('nnnNn', 0xc00c, 28, 1, 60, 16) . "\x20\x01\x0d\xb8" . "\0" x 12
        if $six;
    $s->send($r, 0, $from);
}
PERL
}

sub why_a_name_is_not_found_is_named {
    my %says = (
        fails => qr/name server fails or does not answer/,
        refuses => qr/name server fails or does not answer/,
        silent => qr/name server fails or does not answer|look-up of the name/,
        none => qr/there is no such name/,
        empty => qr/has no address that this machine can use/,
        loops => qr/cannot be found \(DNS\)/,
        six => qr/has no address|No route to six\.test/,
    );
    my $names = names_from(answers_of_names(), 1);
    my $commands = join '', map {
        "echo BEGIN $_\n" . there("dns-$_.sqlite", "http://$_.test:PORT")
            . " || true\necho END\n"
    } sort keys %says;

    my $said = in_a_network(<<"SCRIPT");
$names
V5=1
$commands
kill \$dns
echo BEGIN nobody
${\there('dns-nobody.sqlite', 'http://other.test:PORT')} || true
echo END
SCRIPT

    $says{nobody} = $says{fails};

    for my $name (sort keys %says) {
        my ($part) = $said =~ /BEGIN $name\n(.*?)END/s;

        like($part, $says{$name}, "a name of which DNS says: $name");
    }

    return;
}


# lines of a script: names are looked up by this server there, which is waited
# for so many seconds; its process is $dns
sub names_from {
    my ($server, $timeout) = @_;

    return <<"LINES";
printf 'nameserver 127.0.0.1\\n' >/mnt/resolv
printf 'options timeout:$timeout attempts:1\\n' >>/mnt/resolv
printf 'hosts: files dns\\n' >/mnt/nsswitch
printf '127.0.0.1 localhost\\n' >/mnt/hosts
mount --bind /mnt/resolv /etc/resolv.conf
mount --bind /mnt/nsswitch /etc/nsswitch.conf
mount --bind /mnt/hosts /etc/hosts
$^X $server &
dns=\$!
LINES
}


# a name server that answers after so many seconds, on port 53 there; "most":
# so many questions
sub name_server {
    my ($seconds, $most) = @_;

    $most //= 1000;
    return put(stage_dir() . "/dns-$seconds-$most.pl", <<"PERL");
use strict; use warnings; use IO::Socket::INET;
my \$n = 0;
my \$s = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => 53,
                              Proto => 'udp') or die "53: \$!\\n";
while (my \$from = \$s->recv(my \$q, 512)) {
    if (\$n++ < $most && !fork) {
        select undef, undef, undef, $seconds;
        my \$a = unpack('n', substr(\$q, -4, 2)) == 1;
        my \$r = substr(\$q, 0, 2) . pack('n5', 0x8180, 1, \$a ? 1 : 0, 0, 0)
            . substr(\$q, 12);
        \$r .= pack('nnnNna4', 0xc00c, 1, 1, 60, 4, "\\x7f\\0\\0\\1") if \$a;
        \$s->send(\$r, 0, \$from);
        exit;
    }
}
PERL
}

sub a_name_server_that_is_slow_is_named {
    for my $case ([3, 1, 'too slow'], [0.5, 10, 'slow']) {
        my ($seconds, $limit, $name) = @$case;
        my $names = names_from(name_server($seconds), 5);
        my $database = "dns-$limit.sqlite";
        my $command = there($database, 'http://central.test:PORT',
                            connect_timeout => $limit * 1000);

        my $said = in_a_network(<<"SCRIPT");
$names
central ''
$command && echo IT WENT WELL
kill \$dns
SCRIPT

        if ($limit == 1) {
            like($said, qr/TIMEOUT: .*look-up of the name.*\(DNS\)/,
                 'a name server that is too slow is named');
            like($said, qr/name servers in .*longer connect_timeout helps/,
                 'with what helps against that');
        } else {
            like($said, qr/IT WENT WELL/,
                 'one that is slow is waited for') or diag($said);
        }
    }
}


# Whose clock is wrong is asked when the certificate is not valid: by then the
# name has to be looked up once more.
sub a_name_server_that_dies_holds_nothing_up {
    my $dir = chain('dies', '20200101000000Z', '20210101000000Z');
    my $names = names_from(name_server(0, 2), 20);
    my $command = there('dies.sqlite', 'https://central.test:4433',
                        trusting($dir));

    my $said = in_a_network(<<"SCRIPT");
$names
openssl s_server -accept 127.0.0.1:4433 -cert $dir/server.crt \\
    -key $dir/server.key -cert_chain $dir/middle.crt -www >/dev/null 2>&1 &
server=\$!
sleep 1
begun=\$(date +%s)
$command || echo IT FAILED AFTER \$((\$(date +%s) - begun))
kill \$dns \$server
SCRIPT

    like($said, qr/TLS_ERROR: .*has expired, or the clock/,
         'a certificate that has expired, and no name server any more');
    cmp_ok($said =~ /IT FAILED AFTER (\d+)/ ? $1 : 99, '<', 15,
           'which is not waited for') or diag($said);
    return;
}


# Large packets do not arrive at the other end, and nobody says so.
sub packets_that_are_too_large_are_named {
    my $database = 'mtu.sqlite';
    my $command = there($database, 'http://10.9.9.2:PORT',
                        read_timeout => 2000);
    my $path = site_path($database);
    my $edit = q{UPDATE item_line SET batch = hex(zeroblob(1500)) WHERE }
        . q{store_ID IN (SELECT ID FROM store WHERE sync_id_remote_site = 7)};

    my $said = in_a_network(<<"SCRIPT", central => { '--address', '10.9.9.2' });
another_machine
ip link set va gso_max_segs 1
ip addr add 10.9.9.1/24 dev va
ip link set va up
\$in_there ip link set lo up
\$in_there ip addr add 10.9.9.2/24 dev vb
\$in_there ip link set vb up
central "\$in_there"
$command && echo FIRST SYNC
sqlite3 -init /dev/null -cmd '.timeout 9000' $path "$edit"
\$in_there ip link set vb mtu 900
\$in_there ip route replace 10.9.9.0/24 dev vb advmss 1460
$command || echo IT FAILED
\$in_there ip link set vb mtu 1500
$command && echo IT WENT WELL
kill \$there
SCRIPT

    like($said, qr/FIRST SYNC/, 'a line that is well') or diag($said);
    like($said, qr/TIMEOUT: .*\(MTU\)/,
         'one that loses large packets is named');
    like($said, qr/IT FAILED.*IT WENT WELL/s, 'and goes on when it is mended')
        or diag($said);
    is(sqlite($path, 'SELECT count(*) FROM msync_refused'), 0,
       'with nothing refused');
}


# Nothing of it arrives any more, and nobody says so, as by a balancer that
# forgets what was idle: while Open mSupply central takes its time, which is
# reached by another address.
sub a_connection_that_is_forgotten_on_the_way_costs_no_batch {
    my $command = there('forgotten.sqlite', 'http://10.9.9.2:PORT',
                        read_timeout => 10_000);
    my $path = site_path('forgotten.sqlite');
    my $mine = 'WHERE store_ID IN (SELECT ID FROM store WHERE '
        . 'sync_id_remote_site = 7)';

    my $said = in_a_network(<<"SCRIPT", central => { '--address', '0.0.0.0' });
another_machine
for net in 8 9; do
    ip addr add 10.9.\$net.1/24 dev va
    \$in_there ip addr add 10.9.\$net.2/24 dev vb
done
ip link set va up
\$in_there ip link set lo up
\$in_there ip link set vb up
central "\$in_there"
V6=\$(echo "\$ports" | sed 's/.*"v6":\\([0-9]*\\).*/\\1/')
tell() {
    $^X -MHTTP::Tiny -e 'print HTTP::Tiny->new->post(shift, {content =>
        shift})->{content}' http://10.9.8.2:\$V5/_test/\$1 "\$2"
}
tell config "{\\"v6_url\\":\\"http://10.9.8.2:\$V6\\"}"
$command && echo FIRST SYNC
sqlite3 -init /dev/null -cmd '.timeout 9000' $path "UPDATE asset SET notes =
    'held' $mine; UPDATE item_line SET batch = hex(zeroblob(50000)) $mine"
tell fault '{"api":"v6","path":"push","kind":"hold"}'
$command && echo IT WENT WELL &
run=\$!
until $^X -MHTTP::Tiny -e 'exit(HTTP::Tiny->new->get(shift)->{content} !~
    /"faults":\\[{[^]]*"times":0/)' http://10.9.8.2:\$V5/_test/state?brief=1
do sleep 0.1; done
ip addr del 10.9.9.1/24 dev va
ip addr add 10.9.9.3/24 dev va
tell fault '{"api":"v6","path":"none","kind":"hang"}'
wait \$run
kill \$there
SCRIPT

    like($said, qr/FIRST SYNC.*IT WENT WELL/s,
         'a connection that is forgotten on the way') or diag($said);
    like($said, qr/[1-9]\d* pushed/, 'keeps nothing from being sent');
    unlike($said, qr/smaller batch/, 'nor makes its batches smaller');
    return;
}
