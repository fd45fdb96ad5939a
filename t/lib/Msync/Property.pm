package Msync::Property;

# A site and a central server that are changed at random on both sides, while
# the way between them and the helper itself fail at random; and the question
# whether both have the same in the end.  All from one seed.
#
# The rule for a record that both sides change between two syncs: what
# reaches central last counts, so the site's edit does, and it is what both
# have then.

use strict;
use warnings;

use Carp qw(croak);
use DBI ();
use Digest::SHA qw(sha256_hex);
use POSIX ();
use Time::HiRes qw(sleep);

use Msync::Central;
use Msync::Equal;
use Msync::Faults;
use Msync::Forms qw(any_word has_forms new_id quoted written);
use Msync::Helper;
use Msync::Meddle qw(@FAULTS @MEDDLED be_well dies fault meddle narrow refuse);
use Msync::Operate qw(serve);
use Msync::Test qw(read_catalogue slurp stage_dir write_file);

use constant {
    PASSWORD => 'secret',
    SITE_ID  => 7,
    QUIET    => 12,            # runs until nothing moves any more
};

my $Count = 0;

# Tables whose records central merges, and references to them that may be led
# elsewhere at random: not those that say whose a record is, and no joins,
# which exist once a pair.
my %MERGED = map { $_ => 1 } qw(item name clinician);
my %FIRM = map { $_ => 1 } qw(store name_store_join name_tag_join encounter
    list_master_name_join item_store_join list_master_line item_warning_link
    clinician_store_join nameInsuranceJoin vaccination om_document);

my @DISTURBED = qw(kill-write full-write io-write read-only dead kill-before
                   kill-sent kill-after);
my @SIGNALS = qw(INT TERM KILL);

my @KINDS = (
    map({ ("$_ here", "$_ there") } 'edited', 'inserted', 'deleted',
        'led elsewhere'),
    map({ "merged $_" } sort keys %MERGED),
    map({ "fault $_" } @FAULTS), @DISTURBED, map({ "SIG$_" } @SIGNALS),
    'written as applications do', 'refused', 'synced', 'synced while paused',
    'paused', 'resumed', 'helper killed', 'helper restarted', 'came anew',
    'narrow', 'died before it integrated', @MEDDLED,
);


# Settings: seed, records, protocol ("v6", or see Msync::PropertyV7).
sub new {
    my ($class, %args) = @_;

    my $self = bless { seed => 1, records => 200, protocol => 'v6',
                       %args, alias => {},
                       dead => {}, held => {}, wrong => [],
                       made => [], made_there => [], steps => {} }, $class;

    my $name = "property-$$-" . ++$Count;

    $self->{dir} = stage_dir() . "/$name";
    mkdir $self->{dir} or croak "$self->{dir}: $!";
    chmod 0600, write_file("$name/password", PASSWORD);

    $self->{central} = Msync::Central->start(
        password => PASSWORD, records => $self->{records},
        'site-id' => SITE_ID, protocol => $self->{protocol},
    );
    $self->_read_catalogue;
    $self->{equal} = $self->_comparison(
        table => $self->{table}, central => $self->central,
        database => $self->database, alias => $self->{alias},
    );
    srand $self->{seed};

    return $self;
}


sub central  { $_[0]{central} }
sub url      { $_[0]{url} // $_[0]->central->url_of($_[0]{protocol}) }
sub database { "$_[0]{dir}/site.sqlite" }

# As Msync::Test::sqlite, without a process of its own for each.
sub query {
    my ($self, @statements) = @_;

    my $db = DBI->connect('dbi:SQLite:dbname=' . $self->database, '', '',
        { RaiseError => 1, PrintError => 0 });
    my @rows;

    $db->sqlite_busy_timeout(10_000);

    for my $statement (@statements) {
        my $sth = $db->prepare($statement);
        $sth->execute;
        push @rows, @{ $sth->fetchall_arrayref } if $sth->{NUM_OF_FIELDS};
    }

    $db->disconnect;

    return join "\n", map { join '|', map { $_ // '' } @$_ } @rows;
}

# What both sides are compared by in the end.
sub _comparison { my $self = shift; return Msync::Equal->new(@_) }

# What happens between two looks, half of the steps taken.
sub go_half_way { }

# What faults of central are of.
sub _apis { return qw(v5 v6 any) }

# All kinds of steps, and how often each was taken.
sub kinds { @KINDS }
sub taken { %{ $_[0]{steps} } }


# ---- the catalogue ----------------------------------------------------------

sub _read_catalogue {
    my ($self) = @_;

    my $tables = read_catalogue('catalogue');

    for my $t (@$tables) {
        $self->{table}{ $t->{table} } = $t;

        # plain words that nothing depends on
        $t->{words} = [grep {
            $_->{type} eq 'string' && !$_->{local_only} && !$_->{enum}
                && !$_->{references} && !$_->{encoding}
                && $_->{name} ne $t->{key} && $_->{name} ne 'type'
        } @{ $t->{fields} }];
        $t->{soft} = Msync::Equal::is_soft($t);

        # what an application writes in more forms than one
        $t->{forms} = [grep { !$_->{local_only} && has_forms($_)
                              && $_->{name} !~ /active|deleted/i }
                       @{ $t->{fields} }];

        $t->{leads} = $FIRM{ $t->{table} } ? [] : [grep {
            $MERGED{ $_->{references} // '' } && $_->{name} ne $t->{key}
        } @{ $t->{fields} }];
    }

    my @all = grep { @{ $_->{words} } } @$tables;

    $self->{pushed} = [grep { @{ $_->{push_to} } && @{ $_->{pull_from} } }
                       @all];
    $self->{pulled} = [grep { @{ $_->{pull_from} } } @all];
}


# The SQL condition on rows of a table that this site may send.
sub _mine {
    my ($self, $t) = @_;

    my $store = $t->{changelog_store};
    my $ours = '(SELECT ID FROM store WHERE sync_id_remote_site = '
        . SITE_ID . ')';
    my $mine = '1';

    if (ref $store eq 'HASH' && $store->{column}) {
        $mine = qq{"$store->{column}" IN $ours};

    } elsif (ref $store eq 'HASH') {
        my $above = $self->{table}{ $store->{parent} };
        $mine = qq{"$store->{via}" IN (SELECT "$above->{key}" FROM }
            . qq{"$store->{parent}" WHERE }
            . qq{"$above->{changelog_store}{column}" IN $ours)};
    }

    $mine .= " AND type = 'patient'" if $t->{table} eq 'name';

    return $mine;
}


# ---- steps ------------------------------------------------------------------

my @STEPS = (
    [24 => \&_edit_here], [8 => \&_insert_here], [8 => \&_delete_here],
    [20 => \&_edit_there], [8 => \&_insert_there], [8 => \&_delete_there],
    [12 => \&_merge_there], [14 => \&fault], [6 => \&refuse],
    [12 => \&_sync],
    [12 => \&_disturbed_sync], [6 => \&_ended_sync], [5 => \&serve],
    [2 => \&_anew], [26 => \&meddle], [3 => \&narrow], [3 => \&dies],
);
my @DECK = map { my $step = $_; ($step->[1]) x $step->[0] } @STEPS;

sub step {
    my ($self) = @_;

    $self->_deal(step => @DECK)->($self);
}


# One of these, at random; none comes again before all of them were dealt.
sub _deal {
    my ($self, $what, @cards) = @_;

    my $left = $self->{deck}{$what} //= [];
    @$left = @cards if !@$left;

    return splice @$left, rand @$left, 1;
}

sub _took { $_[0]{steps}{ $_[1] }++ }

sub _one { $_[ rand @_ ] }

# A new value of a word: a catalogue that lets it be nothing has nothing, too.
sub _value {
    my ($field) = @_;

    return $field->{nullable} && rand 6 < 1 ? undef : any_word();
}

# A reference to a record that another one may be merged into or with.
sub _lead {
    my ($self, $field) = @_;

    my $to = $field->{references};
    my @made = grep { $_->[0]{table} eq $to } @{ $self->{made_there} };
    my $which = _one(@made) or return;

    $self->{held}{ $which->[1] } = 1;

    return $which->[1];
}

sub _any_here {
    my ($self, $t) = @_;

    return $self->query(qq{SELECT "$t->{key}" FROM "$t->{table}" WHERE }
        . $self->_mine($t) . ' ORDER BY 1 LIMIT 1 OFFSET (SELECT '
        . int(rand 1e6) . ' % max(1, count(*)) FROM '
        . qq{"$t->{table}" WHERE } . $self->_mine($t) . ')');
}


sub _edit_here {
    my ($self) = @_;

    return if !-e $self->database;

    my $leads = $self->_deal(leads => 0, 0, 1);
    my $t = _one(grep { !$leads || @{ $_->{leads} } } @{ $self->{pushed} });
    my $id = $self->_any_here($t);
    return if $id eq '' || $self->{alias}{$id};
    return if $t->{soft} && $self->{dead}{$id};

    my $field = _one(@{ $t->{words} });
    my $sql = quoted(_value($field));

    if (@{ $t->{forms} } && rand 2 < 1) {
        $field = _one(@{ $t->{forms} });
        $sql = written($field);
        $self->_took('written as applications do');
    }

    my $lead = $leads ? _one(@{ $t->{leads} }) : undef;
    my $to = $lead ? $self->_lead($lead) : undef;

    # only to what has come already
    if (defined $to && $self->query(qq{SELECT 1 FROM "$lead->{references}" }
        . qq{WHERE "$self->{table}{ $lead->{references} }{key}" = '$to'}))
    {
        ($field, $sql) = ($lead, quoted($to));
        $self->_took('led elsewhere here');
    }

    $self->query(qq{UPDATE "$t->{table}" SET "$field->{name}" = $sql }
        . qq{WHERE "$t->{key}" = '$id'});
    $self->_took('edited here');
}


sub _insert_here {
    my ($self) = @_;

    return if !-e $self->database;

    # half of them such as may be deleted
    my $wish = rand 2 < 1;
    my $t = _one(grep { $_->{table} ne 'name_oms_fields'
                        && (!$wish || $_->{push_delete}) }
                 @{ $self->{pushed} });
    my $id = $self->_any_here($t);
    return if $id eq '' || $self->{alias}{$id} || $self->{dead}{$id};

    my $new = new_id($t);
    my @columns = map { qq{"$_->{name}"} } grep { $_->{name} ne $t->{key} }
        @{ $t->{fields} };

    local $" = ', ';
    $self->query(qq{INSERT INTO "$t->{table}" ("$t->{key}", @columns, }
        . qq{msync_extra) SELECT '$new', @columns, NULL FROM }
        . qq{"$t->{table}" WHERE "$t->{key}" = '$id'});
    push @{ $self->{made} }, [$t, $new];
    $self->_took('inserted here');
}


# Only what was made here: nothing depends on it, unless it was held.
sub _delete_here {
    my ($self) = @_;

    my @made = grep { $_->[0]{push_delete} && !$self->{held}{ $_->[1] } }
        @{ $self->{made} };
    my $which = _one(@made) or return $self->_insert_here;
    my ($t, $id) = @$which;

    $self->query(qq{DELETE FROM "$t->{table}" WHERE "$t->{key}" = '$id'});
    $self->{made} = [grep { $_ != $which } @{ $self->{made} }];
    $self->{dead}{$id} = 1;
    $self->_took('deleted here');
}


# A record of central's, and what it has of its table.
sub _any_there {
    my ($self, $t) = @_;

    my $all = $self->_known;
    my @ids = grep { !$self->{alias}{$_} && !$self->{dead}{$_} }
        sort keys %{ $all->{ $t->{table} } // {} };

    return _one(@ids);
}

# What central has, until a sync may have changed it.
sub _known { $_[0]{known} //= $_[0]->central->records }

sub _change {
    my ($self, $t, $id, $action, $data) = @_;

    my $known = $self->_known->{ $t->{table} };

    # central has done a merge when it says so
    for my $f (grep { defined $data && $_->{references} }
               @{ $t->{fields} })
    {
        $data->{ $f->{name} } = $self->{equal}->survivor($data->{ $f->{name} })
            if defined $data->{ $f->{name} };
    }

    my %change = (tableName => $t->{table}, recordId => $id,
                  action => $action, recordData => $data);

    # names are on two channels: patients belong to the site
    $change{channel} = 'remote' if $t->{table} eq 'name'
        && (($data // $known->{$id})->{type} // '') eq 'patient';

    $self->central->change(%change);

    if (defined $data) { $known->{$id} = $data } else { delete $known->{$id} }
}

sub _record {
    my ($self, $t, $id) = @_;

    return Msync::Test::http(GET => $self->central->url
        . "/_test/record?table=$t->{table}&id=$id")->{json};
}


sub _edit_there {
    my ($self) = @_;

    my $leads = $self->_deal(leads_there => 0, 0, 1);
    my $t = _one(grep { !$leads || @{ $_->{leads} } } @{ $self->{pulled} });
    my $id = $self->_any_there($t) // return;
    my $data = $self->_record($t, $id);
    return if !$data || $data->{error};

    # a site alone changes its invoices
    return if $t->{table} eq 'transact'
        && ($self->_known->{store}{ $data->{store_ID} }{sync_id_remote_site}
            // 0) == SITE_ID;

    my $field = _one(@{ $t->{words} });
    $data->{ $field->{name} } = _value($field);

    my $lead = $leads ? _one(@{ $t->{leads} }) : undef;
    my $to = $lead ? $self->_lead($lead) : undef;

    if (defined $to) {
        $data->{ $lead->{name} } = $to;
        $self->_took('led elsewhere there');
    }

    $self->_change($t, $id, 'update', $data);
    $self->_took('edited there');
}


sub _insert_there {
    my ($self) = @_;

    # half of them such as may be merged or deleted
    my $wish = rand 2 < 1;
    my $t = _one(grep {
        $_->{table} !~ /\A(?:name_oms_fields|store|pref)\z/
            && (!$wish || $MERGED{ $_->{table} } || $_->{soft}
                || $_->{delete} eq 'hard')
    } @{ $self->{pulled} });
    $t = $self->{table}{ $self->_deal(merged => $self->_merged) }
        if $wish && rand 2 < 1;
    my $id = $self->_any_there($t) // return;
    my $data = $self->_record($t, $id);
    return if !$data || $data->{error};

    my $new = new_id($t);
    $data->{ $t->{key} } = $new;
    $self->_change($t, $new, 'insert', $data);
    push @{ $self->{made_there} }, [$t, $new];
    $self->_took('inserted there');
}


sub _delete_there {
    my ($self) = @_;

    my @made = grep { ($_->[0]{delete} eq 'hard' || $_->[0]{soft})
                      && !$self->{held}{ $_->[1] } }
        @{ $self->{made_there} };
    my $which = _one(@made) or return $self->_insert_there;
    my ($t, $id) = @$which;

    # a row that was changed here stays where all comes anew without it; that is
    # said, and nothing that comes to rest
    my $changed = -e $self->database && $self->query('SELECT 1 FROM changelog '
        . "WHERE record_id = '$id' LIMIT 1");
    return if $changed && $self->{anew};
    $self->{changed_here} ||= $changed;

    $self->_change($t, $id, 'delete', undef);
    $self->{made_there} = [grep { $_ != $which } @{ $self->{made_there} }];
    $self->{dead}{$id} = 1;
    $self->_took('deleted there');
}


# Two records of one kind become one; the loser is one that was made there:
# the first ones are the stores' own and suppliers that other rows lean on.
sub _merge_there {
    my ($self) = @_;

    my %could;
    push @{ $could{ $_->[0]{table} } }, $_ for @{ $self->{made_there} };
    my ($name) = sort {
        ($self->{steps}{"merged $a"} // 0)
            <=> ($self->{steps}{"merged $b"} // 0)
    } grep { $could{$_} } $self->_merged;
    return $self->_insert_there if !$name;

    my $t = $self->{table}{$name};

    my $which = _one(@{ $could{$name} });
    my $lose = $which->[1];
    my $keep = $self->_any_survivor($t) // return;
    return if $keep eq $lose;

    $self->_merge($name, $keep, $lose);
    $self->{alias}{$lose} = $keep;
    $self->{held}{$keep} = 1;
    $self->{made_there} = [grep { $_ != $which } @{ $self->{made_there} }];
    $self->_took("merged $name");
}


# a record that another one may become a part of
sub _any_survivor { my $self = shift; return $self->_any_there(@_) }

# tables whose records central merges
sub _merged { return sort keys %MERGED }

sub _merge {
    my ($self, $name, $keep, $lose) = @_;

    $self->central->change(tableName => $name,
        recordId => new_id($self->{table}{$name}), action => 'merge',
        recordData => { mergeIdToKeep => $keep, mergeIdToDelete => $lose });
}


# ---- runs -------------------------------------------------------------------

# A process of the helper that syncs; returns its pid.
sub _start {
    my ($self, %env) = @_;

    my $pid = fork() // croak "fork: $!";

    if ($pid == 0) {
        @ENV{keys %env} = values %env;
        open STDOUT, '>', "$self->{dir}/out";
        open STDERR, '>&', \*STDOUT;
        exec $ENV{TEST_NGINX_MSYNC_FAULTS}, $self->_options, 'sync'
            or POSIX::_exit(127);
    }

    delete $self->{known};

    return $pid;
}

# Runs it to its end, with a "command" if not to sync; returns the status.
sub _run {
    my ($self, %env) = @_;

    my @command = @{ delete $env{command} // ['sync'] };

    delete $self->{known};

    return Msync::Faults->server->run("$self->{dir}/out", \%env,
                                      $self->_options, @command);
}

sub _options {
    my ($self) = @_;

    return ('--database', $self->database, '--url', $self->url,
            '--username', 'Clinic 7',
            '--password-file', "$self->{dir}/password");
}

sub said { slurp("$_[0]{dir}/out") }

sub _sync {
    my ($self) = @_;

    $self->_run(MSYNC_FAULT_BATCH => _one(3, 10, 50, 500));
    $self->_took('synced');
}


# What is pulled then may break off as anything else.
sub _anew {
    my ($self) = @_;

    return if !$self->{begun} || $self->{changed_here};
    $self->{anew} = 1;
    $self->run_command('--yes', 'reinitialise');
    $self->_took('came anew');
}

# One of the terminal, which has to end well.
sub run_command {
    my ($self, @command) = @_;

    $self->_is_wrong("@command: " . $self->said)
        if $self->_run(command => \@command);
}

# Dies, or finds no room, at a point of its own choice.
sub _disturbed_sync {
    my ($self) = @_;

    my $kind = $self->_deal(disturbed => @DISTURBED);
    my $n = 1 + int rand($kind =~ /kill-[bsa]/ ? 12 : 120);

    $self->_run(MSYNC_FAULT => "$kind $n",
                MSYNC_FAULT_BATCH => _one(3, 10, 50));
    $self->_took($kind);
}


# Is cancelled, or killed, at any moment, and the application edits meanwhile.
sub _ended_sync {
    my ($self) = @_;

    my $signal = $self->_deal(signal => @SIGNALS);

    $self->central->config(page_delay_ms => 15);
    my $pid = $self->_start(MSYNC_FAULT_BATCH => 10);

    for (1 .. rand 3) {
        sleep rand 0.1;
        $self->_edit_here if $self->{begun};
    }

    kill $signal => $pid;
    waitpid $pid, 0;
    $self->central->config(page_delay_ms => 0);
    $self->_took("SIG$signal");
}


# nginx's, which waits less between two tries.
sub _helper {
    my ($self) = @_;

    delete $self->{known};

    return Msync::Helper->start(
        program => $ENV{TEST_NGINX_MSYNC_FAULTS},
        site => 'clinic', database => $self->database,
        url => $self->url, username => 'Clinic 7',
        password_sha256 => sha256_hex(PASSWORD), interval => 0,
    );
}

sub _is_wrong { push @{ $_[0]{wrong} }, $_[1] }


# ---- the end of a block -----------------------------------------------------

# Lets the faults stop and syncs until nothing moves; returns what is wrong.
sub sync_until_quiet {
    my ($self) = @_;

    my $still = 0;

    $self->be_well;
    my $anew = delete $self->{anew};
    delete @{$self}{qw(known changed_here)};

    for my $n (1 .. QUIET) {
        my $before = $self->_moved;

        if ($self->_run != 0) {
            return "run $n of a sound line fails: " . $self->said
                if $n > 3;
            next;
        }

        # what was refused because of a fault goes out again
        $self->query('UPDATE msync_refused SET last_tried = 0, dismissed = 0',
            'UPDATE sync_buffer SET retry_at = NULL WHERE '
            . 'integration_datetime IS NULL');

        $still = $before eq $self->_moved ? $still + 1 : 0;
        last if $still == 2;
    }

    $self->{begun} = 1;

    return ('it does not come to rest') if $still < 2;
    $self->_send_once_more if $anew;
    $self->run_command('check');
    return (splice(@{ $self->{wrong} }), $self->{equal}->leftovers,
            $self->{equal}->differences);
}


# What a fetch of a patient brings and nothing else: (table, id, patient); and
# from now on all that ask.
sub tell_who_asks {
    my ($self) = @_;

    my $t = $self->{table}{vaccination};
    my $data = $self->_record($t, $self->_any_there($t) // return);
    my $new = new_id($t);

    $self->{told} = { tableName => $t->{table}, recordId => $new,
        action => 'insert', recordData => { %$data, $t->{key} => $new } };
    $self->central->change(%{ $self->{told} }, channel => 'patient');

    return ($t, $new, $data->{patient_id});
}

sub tell_all {
    my ($self) = @_;

    $self->central->change(%{ delete $self->{told} });
    delete $self->{known};
}


# what central has and does not send when all comes anew
sub _send_once_more { }


sub _moved {
    my ($self) = @_;

    my $count = $self->central->state(1)->{receivedCount};
    my $here = -e $self->database ? $self->query('SELECT count(*), '
        . 'sum(integration_datetime IS NULL) FROM sync_buffer',
        'SELECT count(*), sum(waits) FROM msync_refused') : '';

    return "@{$count}{qw(v5 v6 v7)} $here";
}


1;
