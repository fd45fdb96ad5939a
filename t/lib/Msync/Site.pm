package Msync::Site;

# A site on the command line, with a central server of its own.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use File::Copy qw(copy);
use Msync::Central;
use Msync::Helper;
use Msync::Test qw(site_path sqlite slurp stage_dir write_private);

use constant {
    PASSWORD => 'correct horse battery',
    NAME     => 'Clinic 7',
    ID       => 7,
};

my $Count = 0;


# Settings: protocol ("v7", or "v6"), and those of the emulator.
sub new {
    my ($class, %args) = @_;

    my $protocol = $args{protocol} // 'v6';
    my $self = bless { protocol => $protocol, asked => 0 }, $class;

    write_private('password', PASSWORD . "\n");
    $self->new_database;
    $self->{central} = Msync::Central->start(
        password => PASSWORD, records => 300, %args,
        'site-id' => ID, protocol => $protocol,
    );

    return $self;
}


sub central  { $_[0]{central} }
sub url      { $_[0]{central}->url_of($_[0]{protocol}) }
sub database { site_path("site-$_[0]{n}.sqlite") }


# The site begins with an empty database, at the central server that it has.
sub new_database { $_[0]{n} = ++$Count; return }

# The site begins with an empty database, and its central server with its
# first records.
sub reset {
    my ($self) = @_;

    $self->central->reset;
    $self->{asked} = 0;
    $self->new_database;
    return;
}


# (exit status, what it said) of a command, "sync" where none is named.
sub run {
    my ($self, @command) = @_;

    my ($status, $out, $err) = $self->run_at($self->url, @command);

    return ($status, $out . $err);
}

# (exit status, output, errors) of the same with another address.
sub run_at {
    my ($self, $url, @command) = @_;

    my ($out, $err) = map { stage_dir() . "/said-$_" } qw(out err);
    my $line = join ' ', map { quotemeta } $ENV{TEST_NGINX_MSYNC},
        '--database', $self->database, '--url', $url, '--username', NAME,
        '--password-file', site_path('password'),
        @command ? @command : 'sync';

    system "$line >$out 2>$err";

    return ($? & 127 ? 128 + ($? & 127) : $? >> 8, slurp($out), slurp($err));
}

# A helper with these members of its CONFIG beside those of the site.
sub helper {
    my ($self, %config) = @_;

    return Msync::Helper->start(
        site => 'clinic', database => $self->database, url => $self->url,
        username => NAME, password_sha256 => sha256_hex(PASSWORD),
        interval => 0, %config,
    );
}


# The variant of the latest run and its text.
sub failure {
    return $_[0]->query("SELECT error_code || ' ' || error_message FROM "
                        . 'sync_log ORDER BY id DESC LIMIT 1');
}

sub query { my $self = shift; return sqlite($self->database, @_) }

# Copies the database; or a copy takes the place of the database.
sub copy_to   { return _copy($_[0]->database, $_[1]) }
sub copy_from { return _copy($_[1], $_[0]->database) }

sub _copy {
    my ($from, $to) = @_;

    sqlite($from, 'PRAGMA wal_checkpoint(TRUNCATE)');
    unlink map { "$to$_" } '', '-wal', '-shm';
    copy($from, $to) or die "copy: $!\n";
    return;
}


# A number or a text of key_value_store.
sub value {
    my ($self, $key) = @_;

    return $self->query('SELECT ifnull(value_string, value_int) FROM '
                        . "key_value_store WHERE id = '$key'");
}

# What central was asked since the last call of this, "push pull".
sub asked {
    my ($self) = @_;

    my @all = @{ $self->central->state->{requests} };
    my @new = @all[$self->{asked} .. $#all];

    $self->{asked} = @all;

    return join ' ', map { $_->{path} =~ m{([^/]+)\z} } @new;
}

# All that it was asked since it began, with the protocols.
sub paths {
    return join ' ', map { $_->{path} } @{ $_[0]->central->state->{requests} };
}


# The store of this site, and one of another.
sub stores {
    my ($self) = @_;

    my $stores = $self->central->rows('Store');
    my @ids = sort keys %$stores;

    return map { my $own = $_;
                 (grep { ($stores->{$_}{site_id} == ID) == $own } @ids)[0] }
        1, 0;
}


1;
