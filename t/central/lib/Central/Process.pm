package Central::Process;

# The emulator as a process of its own tests; ends with them.

use Mojo::Base -strict, -signatures;
use Exporter 'import';
use IPC::Open2 qw(open2);
use Mojo::File qw(path);
use Mojo::JSON qw(decode_json);
use Time::HiRes qw(sleep);

our @EXPORT_OK = qw(memory start stopped);

my $PROGRAM = path(__FILE__)->dirname->dirname->sibling('central.pl')->to_string;

my @RUNNING;

END { kill TERM => $_->{pid} for @RUNNING }

# {pid, ports, v5, v6}, the latter two with the addresses
sub start (@args) {
    my $pid = open2(my $out, my $in, $^X, $PROGRAM, '--print-ports', '--lifeline', @args);
    my $ports = decode_json(scalar readline $out);
    my $scheme = grep({ $_ eq '--tls-cert' } @args) ? 'https' : 'http';

    my $central = {
        pid => $pid, in => $in, out => $out, ports => $ports,
        map { $_ => "$scheme://127.0.0.1:$ports->{$_}" } qw(v5 v6),
    };
    push @RUNNING, $central;

    return $central;
}

# the most that it has had, in kB
sub memory ($central) {
    return path("/proc/$central->{pid}/status")->slurp =~ /^VmHWM:\s+(\d+)/m ? $1 : die "no VmHWM\n";
}

# ends when its stdin is closed; true when it did within five seconds
sub stopped ($central) {
    @RUNNING = grep { $_ != $central } @RUNNING;
    close $central->{in} if $central->{in};

    for (1 .. 100) {
        return 1 if waitpid($central->{pid}, 1) == $central->{pid};
        sleep 0.05;
    }

    kill TERM => $central->{pid};
    return 0;
}

1;
