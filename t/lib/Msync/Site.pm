package Msync::Site;

# A site on the command line, with a central server of its own.

use strict;
use warnings;

use Msync::Central;
use Msync::Test qw(site_path sqlite write_private);

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
    my $self = bless { protocol => $protocol, n => ++$Count }, $class;

    write_private("password-$Count", PASSWORD . "\n");
    $self->{central} = Msync::Central->start(
        password => PASSWORD, records => 300, %args,
        'site-id' => ID, protocol => $protocol,
    );

    return $self;
}


sub central  { $_[0]{central} }
sub url      { $_[0]{central}->url_of($_[0]{protocol}) }
sub database { site_path("site-$_[0]{n}.sqlite") }


# (exit status, what it said) of a command, "sync" where none is named.
sub run {
    my ($self, @command) = @_;

    @command = 'sync' if !@command;

    my $line = join ' ', map { quotemeta } $ENV{TEST_NGINX_MSYNC},
        '--database', $self->database, '--url', $self->url,
        '--username', NAME,
        '--password-file', site_path("password-$self->{n}"), @command;

    open my $fh, '-|', "$line 2>&1" or die "msync: $!";
    local $/ = undef;
    my $said = <$fh> // '';
    close $fh;

    return ($? & 127 ? 128 + ($? & 127) : $? >> 8, $said);
}


sub query { my $self = shift; return sqlite($self->database, @_) }

# A number or a text of key_value_store.
sub kept {
    my ($self, $key) = @_;

    return $self->query('SELECT ifnull(value_int, value_string) FROM '
                        . "key_value_store WHERE id = '$key'");
}

# What central was asked since the last call of this, as "METHOD call status".
sub asked {
    my ($self) = @_;

    my @all = @{ $self->central->state->{requests} };
    my @new = @all[($self->{asked} // 0) .. $#all];

    $self->{asked} = @all;

    return map { $_->{path} =~ m{([^/]+)\z}; "$_->{api} $1" } @new;
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
