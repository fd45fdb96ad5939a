package Msync::PropertyUpgrade;

# What Msync::Property does with a site that becomes one of v7 half way
# (Msync::PropertyV7), in the middle of what both sides do and of what fails.

use strict;
use warnings;

use parent 'Msync::Property';

use Time::HiRes qw(sleep);

use Msync::Mirror;
use Msync::PropertyV7;
use Msync::Test qw(read_catalogue);

# runs in which it has to come to it, the last of them on a sound line
use constant { RUNS => 12, SOUND => 4 };


# mSupply central knows v7 and does not let the site have it yet.
sub new {
    my ($class, %args) = @_;

    my $self = $class->SUPER::new(%args);

    $self->central->config(sync_version => '', upgrade => 404);

    return $self;
}


# By v7 central merges no clinicians.
sub _merged { return qw(item name) }
sub kinds { return grep { $_ ne 'merged clinician' } $_[0]->SUPER::kinds }


# Half way both sides have the same, and mSupply central lets the site speak
# v7.
sub go_half_way {
    my ($self) = @_;

    my $central = $self->central;
    my $mirror = Msync::Mirror->new(
        table => $self->{table}, central => $central, alias => $self->{alias},
        database => $self->database, url => $central->v7_url,
        password => "$self->{dir}/password",
        mirror => "$self->{dir}/mirror.sqlite",
    );

    $central->config(central_version => 3, v7_site => 'V7');
    $mirror->forgive;
    _pass_over($self, $mirror);
    $central->config(v7_site => 'V5V6', upgrade => 200);
    $self->_is_wrong('it does not become one of v7') if !$self->_upgrade;
    $self->_go_on_by_v7($mirror);
}


# What a site alone owns does not come to it by v7: an edit there that v6 has
# not brought is lost, and a delete there of what v6 once brought is not told;
# a central that is sound makes none.
sub _upgrade {
    my ($self) = @_;

    my %owned = map { $_->{table} => 1 } grep {
        grep { /\ARemote(?:Owned|ToCentral)\z/ } @{ $_->{styles} }
    } @{ read_catalogue('v7') };

    $self->{pulled} = [grep { !$owned{ $_->{table} } } @{ $self->{pulled} }];
    $self->{held}{ $_->[1] } = 1 for grep { $owned{ $_->[0]{table} } }
        @{ $self->{made_there} };

    for my $n (1 .. RUNS) {
        $self->fault if $n <= RUNS - SOUND;
        $self->be_well if $n == RUNS - SOUND;
        $self->_edit_here for 1 .. 2;
        $self->_edit_there for 1 .. 2;
        $self->_insert_here;
        $n % 2 ? $self->_edit_in_a_run : $self->_disturbed_sync;

        return 1 if $self->query('SELECT value_string FROM key_value_store '
            . "WHERE id = 'SETTINGS_SYNC_VERSION'") eq 'V7';
    }

    return 0;
}


# Both sides edit, anywhere in the run that upgrades.
sub _edit_in_a_run {
    my ($self) = @_;

    $self->central->config(page_delay_ms => 15);

    my $pid = $self->_start(MSYNC_FAULT_BATCH => 10);

    for (1 .. 3) {
        sleep rand 0.2;
        $self->_edit_here;
        $self->_edit_there;
    }

    waitpid $pid, 0;
    delete $self->{known};
    $self->central->config(page_delay_ms => 0);
}


# The address that was typed leads there; what was merged so far Open mSupply
# central says in its own way.
sub _go_on_by_v7 {
    my ($self, $mirror) = @_;

    $self->{url} = $self->url;
    $self->{protocol} = 'v7';
    $self->{equal} = $mirror;
    bless $self, 'Msync::PropertyV7';
    $self->_read_catalogue;

    for my $t (values %{ $self->{table} }) {
        for my $kind (qw(words forms leads)) {
            $t->{$kind} = [grep { $mirror->compares($t, $_) } @{ $t->{$kind} }];
        }
    }

    _pass_over($self, $mirror);

    for my $made (@{ $self->{made} }, @{ $self->{made_there} }) {
        $made->[0] = $self->{table}{ $made->[0]{table} };
    }

    for my $lose (sort keys %{ $self->{alias} }) {
        $self->_merge($self->{merged}{$lose}, $self->{alias}{$lose}, $lose);
    }
}


# Tables of which nothing that counts is changed, and those with rows that v7
# does not have: they wait here when they are changed.
sub _pass_over {
    my ($self, $mirror) = @_;

    for my $kind (qw(pushed pulled)) {
        $self->{$kind} = [grep { @{ $_->{words} } && !$mirror->forgives($_) }
                          @{ $self->{$kind} }];
    }
}


# By v7 a patient whom no store is joined to comes to no site.
sub _change {
    my ($self, $t, $id, $action, $data) = @_;

    $data->{type} = 'facility' if $t->{table} eq 'name' && $data
        && ($data->{type} // '') eq 'patient' && !$self->_known->{name}{$id};

    $self->SUPER::_change($t, $id, $action, $data);
}


sub _merge {
    my ($self, $name, $keep, $lose) = @_;

    $self->{merged}{$lose} = $name;
    $self->SUPER::_merge($name, $keep, $lose);
}


1;
