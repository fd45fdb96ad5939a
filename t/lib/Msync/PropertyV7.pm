package Msync::PropertyV7;

# What Msync::Property does with a site that speaks v7: central changes rows as
# v7 has them, deletes those of a few tables only, and says by a message what it
# has merged.  What a site alone owns central does not send it, so nothing of
# that is changed there.

use strict;
use warnings;

use parent 'Msync::Property';

use Msync::Forms qw(new_id);
use Msync::Mirror;
use Msync::Test qw(encode_json read_catalogue);

# of what central merges, here and there; clinicians are a site's own
my %MERGED = (item => 'Item', name => 'Name');


sub new {
    my ($class, %args) = @_;

    return $class->SUPER::new(protocol => 'v7', %args);
}


sub _apis { return qw(v7 any) }

sub _merged { return sort keys %MERGED }

sub kinds {
    my ($self) = @_;

    return ('token wiped', 'no site of v7', 'central restored',
            grep { $_ ne 'merged clinician' } $self->SUPER::kinds);
}


# Once in a while mSupply central sends the site's record again, and Open
# mSupply central forgets the token, or that the site is one of v7, or is put
# back to an earlier state.
sub step {
    my ($self) = @_;

    my $what = $self->_deal(token => ('') x 47, 'token wiped',
                            'no site of v7', 'central restored');
    return $self->SUPER::step if $what eq '';

    if ($what eq 'central restored') {
        $self->_restore_central;
        return;
    }

    $self->central->config($what eq 'token wiped'
        ? (v7_token => undef, v7_hardware_id => undef)
        : (v7_site => 'V5V6'));
    $self->_took($what);

    return;
}


# What it was sent since its backup it is sent again, and what it has changed
# since is as before.  Where its cursor does not go back nobody can know.
sub _restore_central {
    my ($self) = @_;

    return if !$self->{begun} || $self->{changed_here};
    $self->be_well;
    $self->_sync for 1, 2;
    $self->central->snapshot;

    my $before = $self->central->state(1)->{v7}{latest};

    $self->_edit_here for 1 .. 3;
    $self->_insert_here;
    $self->_edit_there for 1 .. rand 3;
    $self->_sync;
    $self->_delete_here;
    $self->_edit_here;
    $self->_sync for 1, 2;
    return if $self->central->state(1)->{v7}{latest} == $before;

    $self->central->restore;
    delete $self->{known};
    $self->_sync;
    $self->_is_wrong('central was restored, and a run says: ' . $self->said)
        if $self->said !~ /CENTRAL_RESTORED/;
    $self->{anew} = 1;
    $self->run_command('--yes', 'reinitialise');
    $self->_took('central restored');
}


# The answer that brought a token may be lost: an administrator clears what
# nobody has.
sub be_well {
    my ($self) = @_;

    $self->SUPER::be_well;
    return if !-e $self->database;

    my $here = $self->query('SELECT value_string FROM key_value_store '
        . "WHERE id = 'SETTINGS_SYNC_V7_TOKEN'");
    my $there = $self->central->state->{v7}{token} // '';

    $self->central->config(v7_token => undef) if $here ne $there;
}

# A patient whom no store of this site is joined to, and from the fetch on one
# is.
sub tell_who_asks {
    my ($self) = @_;

    my $t = $self->{table}{name};
    my $names = $self->_known->{name};
    my $like = Msync::Property::_one(grep {
        ($names->{$_}{type} // '') eq 'PATIENT' } sort keys %$names) // return;
    my $new = new_id($t);

    $self->central->change(channel => 'v7', tableName => $t->{v7},
        recordId => $new, action => 'upsert',
        recordData => { %{ $names->{$like} }, id => $new });

    return ($t, $new, $new);
}

sub tell_all { delete $_[0]{known} }


# Patients whom nothing joins to a store go to no site.
sub _send_once_more {
    my ($self) = @_;

    $self->run_command('send', '--all');
    $self->run_command('sync');
}

sub _comparison {
    my ($self, %args) = @_;

    return Msync::Mirror->new(%args, url => $self->url,
                              password => "$self->{dir}/password",
                              mirror => "$self->{dir}/mirror.sqlite");
}


# Tables and fields that v7 has as they are here.
sub _read_catalogue {
    my ($self) = @_;

    $self->SUPER::_read_catalogue;

    for my $shape (@{ read_catalogue('v7') }) {
        my $t = $self->{table}{ $shape->{table} } // next;

        next if $shape->{rows};
        $t->{v7} = $shape->{name};
        $t->{styles} = { map { $_ => 1 } @{ $shape->{styles} } };
        $t->{push_v7} = $shape->{push};
        $t->{delete_v7} = $shape->{delete};
        @$t{qw(any_store sender or_store)} =
            @{ $shape->{envelope} // {} }{qw(any_store store or_store)};
        $t->{there} = {
            map { (ref $_->{in} ? '' : $_->{in} // $_->{name}) => $_->{name} }
            @{ $shape->{fields} } };
    }

    for my $t (values %{ $self->{table} }) {
        $t->{push_delete} = $t->{soft} = 0 if !$t->{delete_v7};
        $t->{delete} = 'error' if !$t->{delete_v7};

        for my $kind (qw(words forms leads)) {
            $t->{$kind} = [grep { ($t->{there} // {})->{ $_->{name} } }
                           @{ $t->{$kind} }];
        }
    }

    my @all = grep { $_->{v7} && @{ $_->{words} } } values %{ $self->{table} };
    @all = sort { $a->{table} cmp $b->{table} } @all;

    $self->{pushed} = [grep { $_->{push_v7} } @all];
    $self->{pulled} = [grep { !$_->{styles}{RemoteOwned}
                              && !$_->{styles}{RemoteToCentral} } @all];
}


# All that central has, by the names that its tables have here.
sub _known {
    my ($self) = @_;

    return $self->{known} //= do {
        my $rows = $self->central->rows;
        +{ map { ($_->{table} => $rows->{ $_->{v7} }) }
           grep { $_->{v7} } values %{ $self->{table} } };
    };
}

# With its fields by the names that they have here.
sub _record {
    my ($self, $t, $id) = @_;

    my $row = $self->_known->{ $t->{table} }{$id} // return undef;
    my %here = reverse %{ $t->{there} };

    return { map { (($here{$_} // '') eq '' ? "v7 $_" : $here{$_},
                    $row->{$_}) } keys %$row };
}

sub _change {
    my ($self, $t, $id, $action, $data) = @_;

    my $known = $self->_known->{ $t->{table} };
    my %row = map { my $name = s/\Av7 //r;
                    (($t->{there}{$name} // $name), $data->{$_}) }
        keys %{ $data // {} };

    for my $f (grep { $_->{references} } @{ $t->{fields} }) {
        my $name = $t->{there}{ $f->{name} } // next;
        $row{$name} = $self->{equal}->survivor($row{$name})
            if defined $row{$name};
    }

    # a patient whom no store is joined to comes to no site
    $row{type} = 'FACILITY' if $t->{table} eq 'name' && !$known->{$id};

    $self->central->change(
        channel => 'v7', tableName => $t->{v7}, recordId => $id,
        action => $data ? 'upsert' : 'delete',
        $data ? (recordData => \%row) : (),
        $t->{any_store} ? (storeId => $self->_store) : (),
    );

    if ($data) { $known->{$id} = \%row } else { delete $known->{$id} }
}


# A message is sent by the store that wrote it, or by the one that it is for
# where none did.
sub _mine {
    my ($self, $t) = @_;

    my $to = $t->{or_store} // return $self->SUPER::_mine($t);

    return qq{ifnull(nullif("$t->{sender}", ''), "$to") IN (SELECT ID FROM }
        . 'store WHERE sync_id_remote_site = ' . Msync::Property::SITE_ID
        . ')';
}


# of this site
sub _store {
    my ($self) = @_;

    my $stores = $self->_known->{store};
    my ($id) = grep { $stores->{$_}{site_id} == Msync::Property::SITE_ID }
        sort keys %$stores;

    return $id;
}


# A site that a patient has never come to cannot make anything a part of it.
sub _any_survivor {
    my ($self, $t) = @_;

    my $id = $self->_any_there($t) // return;
    my $row = $self->_known->{ $t->{table} }{$id};

    return ($row->{type} // '') eq 'PATIENT' ? undef : $id;
}


# Central says so to all its sites.
sub _merge {
    my ($self, $name, $keep, $lose) = @_;

    my $id = "$lose-into-$keep";

    $self->central->change(
        channel => 'v7', tableName => 'SyncMessage', recordId => $id,
        action => 'upsert', recordData => {
            id => $id, to_store_id => undef, from_store_id => undef,
            created_datetime => '2026-02-03T04:05:06.123456789',
            status => 'New', type => 'Merge', error_message => undef,
            body => encode_json({ tableName => $MERGED{$name},
                mergeIdToKeep => $keep, mergeIdToDelete => $lose }) },
    );
}


1;
