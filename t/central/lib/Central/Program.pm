package Central::Program;

# What central.pl does, from its arguments to the end: a process of its own, or
# one that a test forks from itself once all this is loaded (Msync::Central).

# whatever else is installed: booleans are Mojo::JSON's own
BEGIN { $ENV{MOJO_NO_JSON_XS} = 1 }

use Central::Later;

use Mojo::Base -strict, -signatures;
use Central::Data;
use Central::Listener qw(listen_at);
use Central::State;
use Central::V5;
use Central::V6;
use Central::V7;
use Exporter 'import';
use Getopt::Long qw(GetOptionsFromArray);
use JSON::XS   ();
use Mojo::File qw(path);
use Mojo::IOLoop;
use Mojo::JSON qw(encode_json);
use Mojo::Util qw(decode);
use Pod::Usage qw(pod2usage);

our @EXPORT_OK = qw(prepare run);

my $TREE = path(__FILE__)->to_abs->dirname->dirname->dirname->dirname->dirname;

my %OPTIONS = (
    v5        => 0,
    v6        => 0,
    name      => 'Clinic 7',
    password  => 'secret',
    'site-id' => 7,
    records   => 3000,
    seed      => 1,
    gzip      => 1,
    catalogue => "$TREE/sync/catalogue/catalogue.json",
    shapes    => "$TREE/sync/catalogue/v7.json",
    'central-version' => 2,
    address   => '127.0.0.1',
    protocol  => 'v6',
);

my %read;

# what every start reads, so that those which are forked afterwards have it
sub prepare { return scalar map { _read($OPTIONS{$_}) } qw(catalogue shapes) }

sub _read ($file) { return $read{$file} //= JSON::XS::decode_json(path($file)->slurp) }

# returns when the process is to end
sub run (@arguments) {
    my %opt = _options(@arguments);
    my $data = Central::Data->new(
        catalogue => _read($opt{catalogue}),
        shapes    => _read($opt{shapes}),
        records   => $opt{records},
        seed      => $opt{seed},
        site_id   => $opt{'site-id'},
    );

    my %start = (
        password        => $opt{password},
        gzip_level      => $opt{gzip},
        central_version => $opt{protocol} eq 'v7' ? 3 : $opt{'central-version'},
        $opt{protocol} eq 'v7' ? (v7_site => 'V7', sync_version => 'v7') : (),
    );
    my $state = Central::State->new(
        data    => $data,
        name    => $opt{name},
        site_id => $opt{asks} // $opt{'site-id'},
        preload => $opt{preload},
        start   => \%start,
    );
    my %ports = _listen($state, %opt);

    # each server tells the other's address; kept for resets too
    my $scheme = $opt{'tls-cert'} ? 'https' : 'http';
    $start{"${_}_url"} = "$scheme://$opt{address}:$ports{$_}" for qw(v5 v6);
    $state->configure({%start});

    if ($opt{'print-ports'}) {
        STDOUT->autoflush(1);
        say encode_json(\%ports);
    }

    # whoever started us holds the other end: when it is gone, so are we
    if ($opt{lifeline}) {
        Mojo::IOLoop->singleton->reactor->io(\*STDIN => sub ($reactor, $writable) {
            my $n = sysread STDIN, my $octets, 4096;
            Mojo::IOLoop->stop if !$n;
        })->watch(\*STDIN, 1, 0);
    }

    local @SIG{qw(TERM INT)} = (sub { Mojo::IOLoop->stop }) x 2;
    Mojo::IOLoop->start;

    return;
}

sub _options (@arguments) {
    my %opt = %OPTIONS;

    GetOptionsFromArray(
        \@arguments, \%opt,
        'v5=i',        'v6=i',      'name|site=s', 'password=s', 'site-id=i',
        'records=i',   'seed=i',    'gzip=i',      'catalogue=s', 'preload', 'tls-cert=s',
        'tls-key=s',   'print-ports', 'lifeline',  'central-version=i', 'address=s',
        'protocol=s',  'shapes=s',  'asks=i',      'help',
    ) or _usage();
    _usage(-exitval => 1) if $opt{help};
    _usage(-msg => '--tls-cert and --tls-key go together') if !$opt{'tls-cert'} != !$opt{'tls-key'};
    _usage(-msg => '--records must be positive')           if $opt{records} < 1;
    _usage(-msg => '--protocol is v6 or v7')               if $opt{protocol} !~ /\Av[67]\z/;

    # the terminal's octets; what comes over the wire is decoded too
    $_ = decode('UTF-8', $_) // $_ for @opt{qw(name password)};

    return %opt;
}

sub _usage (%how) { return pod2usage(-exitval => 2, -input => "$TREE/t/central/central.pl", %how) }

sub _listen ($state, %opt) {
    my %server = (v5 => Central::V5->new(state => $state), v6 => Central::V6->new(state => $state));
    push @{$server{v6}->guests}, Central::V7->new(state => $state);

    return map {
        my $server = $server{$_};
        ($_ => 0 + listen_at(
            address  => $opt{address},
            port     => $opt{$_},
            tls_cert => $opt{'tls-cert'},
            tls_key  => $opt{'tls-key'},
            handler  => sub ($x) { $server->handle($x) },
        ));
    } qw(v5 v6);
}

1;
