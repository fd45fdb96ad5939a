package Msync::OneRun;

# One run of the helper against an address, with nothing else around it, and
# certificates for a server there.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use Exporter 'import';
use Msync::Test qw(encode_json project_root site_path stage_dir);

our @EXPORT_OK = qw(PASSWORD chain command put run sign trusting);

use constant PASSWORD => 'correct horse battery';

# one run against that address, quoted for a shell
sub command {
    my ($database, $url, %more) = @_;

    my $settings = encode_json({
        url => $url, username => 'Clinic 7',
        password_sha256 => sha256_hex(PASSWORD), %more,
    });
    return join ' ', map { quotemeta } $^X, project_root()
        . '/t/lib/run-once', site_path($database), $settings;
}

# exit status, and what was said
sub run {
    my ($database, $url, %more) = @_;

    my $said = qx(@{[command($database, $url, %more)]} 2>&1);
    return ($? >> 8, $said);
}

# its path
sub put {
    my ($path, $text) = @_;

    open my $handle, '>', $path or die "$path: $!\n";
    print {$handle} $text;
    close $handle or die "$path: $!\n";
    return $path;
}

sub openssl {
    system(join(' ', 'openssl', map { quotemeta } @_) . ' >/dev/null 2>&1')
        == 0 or die "openssl @_: $?\n";
    return;
}


# a directory with an authority, one in between, and a server's certificate
sub chain {
    my ($name, $from, $to) = @_;

    my $dir = stage_dir() . "/chain-$name";
    mkdir $dir;

    put("$dir/ca", "basicConstraints=CA:TRUE\n");
    put("$dir/leaf", "subjectAltName=IP:127.0.0.1\n");

    for my $who (qw(root middle server)) {
        openssl('req', '-new', '-newkey', 'ec', '-pkeyopt',
                'ec_paramgen_curve:P-256', '-nodes', '-subj', "/CN=$who $name",
                '-keyout', "$dir/$who.key", '-out', "$dir/$who.csr");
    }

    openssl('x509', '-req', '-in', "$dir/root.csr", '-signkey',
            "$dir/root.key", '-days', 30, '-extfile', "$dir/ca", '-out',
            "$dir/root.crt");
    sign($dir, 'root', 'middle', 'ca', '20200101000000Z', '20900101000000Z');
    sign($dir, 'middle', 'server', 'leaf', $from // '20200101000000Z',
         $to // '20900101000000Z');

    return $dir;
}

# with dates of our own, which "x509 -req" does not know everywhere
sub sign {
    my ($dir, $by, $whom, $extensions, $from, $to) = @_;

    put("$dir/$whom.cnf", <<"CONF");
[ca]
default_ca = d
[d]
database = $dir/$whom.index
new_certs_dir = $dir
rand_serial = yes
default_md = sha256
policy = p
[p]
commonName = supplied
CONF
    put("$dir/$whom.index", '');
    openssl('ca', '-batch', '-notext', '-config', "$dir/$whom.cnf", '-cert',
            "$dir/$by.crt", '-keyfile', "$dir/$by.key", '-in',
            "$dir/$whom.csr", '-out', "$dir/$whom.crt", '-extfile',
            "$dir/$extensions", '-startdate', $from, '-enddate', $to);
    return;
}

# the settings of who trusts them
sub trusting {
    my ($dir) = @_;

    return (ssl_trusted_certificate => "$dir/root.crt");
}

1;
