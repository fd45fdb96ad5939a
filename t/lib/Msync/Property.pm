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
use JSON::PP ();
use POSIX ();
use Time::HiRes qw(sleep);

use Msync::Central;
use Msync::Test qw(decode_json project_root sqlite stage_dir wait_until);

use constant {
    PASSWORD => 'secret',
    SITE_ID  => 7,
    QUIET    => 12,            # runs until nothing moves any more
};

my $Canonical = JSON::PP->new->canonical->allow_nonref;
my $Count = 0;

# What a join joins, for those of which a merge leaves one a pair.
my %JOIN = (
    name_store_join       => [qw(name_ID store_ID)],
    name_tag_join         => [qw(name_ID name_tag_ID)],
    list_master_name_join => [qw(name_ID list_master_ID)],
    item_store_join       => [qw(item_ID store_ID)],
    list_master_line      => [qw(item_ID item_master_ID)],
    item_warning_link     => [qw(item_ID warning_ID)],
);


# Settings: seed, records.
sub new {
    my ($class, %args) = @_;

    my $self = bless { seed => 1, records => 200, %args, alias => {},
                       made => [], steps => {} }, $class;

    $self->{dir} = stage_dir() . "/property-$$-" . ++$Count;
    mkdir $self->{dir} or croak "$self->{dir}: $!";

    open my $fh, '>', "$self->{dir}/password" or croak "password: $!";
    print {$fh} PASSWORD;
    close $fh;
    chmod 0600, "$self->{dir}/password";

    $self->{central} = Msync::Central->start(
        password => PASSWORD, records => $self->{records},
        'site-id' => SITE_ID,
    );
    $self->_read_catalogue;
    srand $self->{seed};

    return $self;
}


sub central  { $_[0]{central} }
sub database { "$_[0]{dir}/site.sqlite" }
sub query    { my $self = shift; sqlite($self->database, @_) }

# How often each kind of step was taken.
sub taken { %{ $_[0]{steps} } }


# ---- the catalogue ----------------------------------------------------------

sub _read_catalogue {
    my ($self) = @_;

    open my $fh, '<', project_root() . '/sync/catalogue.json'
        or croak "catalogue.json: $!";
    local $/;
    my $tables = decode_json(<$fh>);
    my %parent;

    for my $t (@$tables) {
        $self->{table}{ $t->{table} } = $t;
        $parent{ $_->{references} } = 1
            for grep { $_->{references} } @{ $t->{fields} };
    }

    for my $t (@$tables) {
        # plain words that nothing depends on
        $t->{words} = [map { $_->{name} } grep {
            $_->{type} eq 'string' && !$_->{local_only} && !$_->{enum}
                && !$_->{references} && !$_->{encoding}
                && $_->{name} ne $t->{key} && $_->{name} ne 'type'
        } @{ $t->{fields} }];
        $t->{leaf} = !$parent{ $t->{table} };
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
    [30 => \&_edit_here], [6 => \&_insert_here], [4 => \&_delete_here],
    [24 => \&_edit_there], [6 => \&_insert_there], [4 => \&_delete_there],
    [1 => \&_merge_there], [12 => \&_fault], [16 => \&_sync],
    [8 => \&_disturbed_sync], [4 => \&_ended_sync],
);
my $WEIGHTS = 0;
$WEIGHTS += $_->[0] for @STEPS;

sub step {
    my ($self) = @_;

    my $at = int rand $WEIGHTS;

    for my $step (@STEPS) {
        $at -= $step->[0];
        return $step->[1]->($self) if $at < 0;
    }
}

sub _took { $_[0]{steps}{ $_[1] }++ }

sub _one { $_[ rand @_ ] }

sub _word {
    return join ' ', map { _one(qw(uno dos tres), "caf\x{e9}", 'O"Neill',
                                "l'eau", 'Tab 5%', '\\x', '') } 1 .. 3;
}

sub _quoted {
    my ($text) = @_;

    utf8::encode($text);
    return "'" . ($text =~ s/'/''/gr) . "'";
}

sub _new_id {
    my ($self, $t) = @_;

    my @hex = map { sprintf '%04X', int rand 65536 } 1 .. 8;

    return join '', @hex if grep { $_ eq 'legacy' } @{ $t->{pull_from} };
    return lc join '-', "$hex[0]$hex[1]", @hex[2 .. 4],
        "$hex[5]$hex[6]$hex[7]";
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

    my $t = _one(@{ $self->{pushed} });
    my $id = $self->_any_here($t);
    return if $id eq '' || $self->{alias}{$id};

    my $field = _one(@{ $t->{words} });
    $self->query(qq{UPDATE "$t->{table}" SET "$field" = }
        . _quoted(_word()) . qq{ WHERE "$t->{key}" = '$id'});
    $self->_took('edited here');
}


sub _insert_here {
    my ($self) = @_;

    return if !-e $self->database;

    my $t = _one(grep { $_->{table} ne 'name_oms_fields' }
                 @{ $self->{pushed} });
    my $id = $self->_any_here($t);
    return if $id eq '' || $self->{alias}{$id};

    my $new = $self->_new_id($t);
    my @columns = map { qq{"$_->{name}"} } grep { $_->{name} ne $t->{key} }
        @{ $t->{fields} };

    local $" = ', ';
    $self->query(qq{INSERT INTO "$t->{table}" ("$t->{key}", @columns, }
        . qq{msync_extra) SELECT '$new', @columns, NULL FROM }
        . qq{"$t->{table}" WHERE "$t->{key}" = '$id'});
    push @{ $self->{made} }, [$t, $new];
    $self->_took('inserted here');
}


# Only what was made here, and what nothing depends on.
sub _delete_here {
    my ($self) = @_;

    my @made = grep { $_->[0]{push_delete} && $_->[0]{leaf} }
        @{ $self->{made} };
    my $which = _one(@made) or return;
    my ($t, $id) = @$which;

    $self->query(qq{DELETE FROM "$t->{table}" WHERE "$t->{key}" = '$id'});
    $self->{made} = [grep { $_ != $which } @{ $self->{made} }];
    $self->{dead}{$id} = 1;
    $self->_took('deleted here');
}


# A record of central's, and what it has of its table.
sub _any_there {
    my ($self, $t) = @_;

    my $all = $self->{known} //= $self->central->records;
    my @ids = grep { !$self->{alias}{$_} && !$self->{dead}{$_} }
        sort keys %{ $all->{ $t->{table} } // {} };

    return _one(@ids);
}

sub _change {
    my ($self, $t, $id, $action, $data) = @_;

    my %change = (tableName => $t->{table}, recordId => $id,
                  action => $action, recordData => $data);

    # names are on two channels: patients belong to the site
    $change{channel} = 'remote'
        if $t->{table} eq 'name' && ($data // {})->{type} eq 'patient';

    $self->central->change(%change);

    my $known = $self->{known}{ $t->{table} };
    if (defined $data) { $known->{$id} = $data } else { delete $known->{$id} }
}

sub _record {
    my ($self, $t, $id) = @_;

    return Msync::Test::http(GET => $self->central->url
        . "/_test/record?table=$t->{table}&id=$id")->{json};
}


sub _edit_there {
    my ($self) = @_;

    my $t = _one(@{ $self->{pulled} });
    my $id = $self->_any_there($t) // return;
    my $data = $self->_record($t, $id);
    return if !$data || $data->{error};

    $data->{ _one(@{ $t->{words} }) } = _word();
    $self->_change($t, $id, 'update', $data);
    $self->_took('edited there');
}


sub _insert_there {
    my ($self) = @_;

    my $t = _one(grep { $_->{table} !~ /\A(?:name_oms_fields|store|pref)\z/ }
                 @{ $self->{pulled} });
    my $id = $self->_any_there($t) // return;
    my $data = $self->_record($t, $id);
    return if !$data || $data->{error};

    my $new = $self->_new_id($t);
    $data->{ $t->{key} } = $new;
    $self->_change($t, $new, 'insert', $data);
    push @{ $self->{made_there} }, [$t, $new];
    $self->_took('inserted there');
}


sub _delete_there {
    my ($self) = @_;

    my @made = grep { $_->[0]{delete} eq 'hard' && $_->[0]{leaf} }
        @{ $self->{made_there} // [] };
    my $which = _one(@made) or return;
    my ($t, $id) = @$which;

    $self->_change($t, $id, 'delete', undef);
    $self->{made_there} = [grep { $_ != $which } @{ $self->{made_there} }];
    $self->{dead}{$id} = 1;
    $self->_took('deleted there');
}


# Items and names, of those that were made there: the first ones are the
# stores' own and suppliers that other rows lean on.
sub _merge_there {
    my ($self) = @_;

    my $t = $self->{table}{ _one(qw(item name)) };
    my @made = grep { $_->[0] == $t && !$self->{alias}{ $_->[1] } }
        @{ $self->{made_there} // [] };
    my $which = _one(@made) or return;
    my $lose = $which->[1];
    my $keep = $self->_any_there($t) // return;
    return if $keep eq $lose;

    $self->central->change(tableName => $t->{table},
        recordId => $self->_new_id($t), action => 'merge',
        recordData => { mergeIdToKeep => $keep, mergeIdToDelete => $lose });
    $self->{alias}{$lose} = $keep;
    $self->{made_there} = [grep { $_ != $which } @{ $self->{made_there} }];
    $self->_took('merged');
}


# ---- faults -----------------------------------------------------------------

sub _fault {
    my ($self) = @_;

    my $kind = _one(qw(drop_before drop_middle drop_after truncate garbage
                       html empty status busy delay error_code redirect));
    my %fault = (kind => $kind, api => _one(qw(v5 v6 any)),
                 times => 1 + int rand 6, after => int rand 5);

    $fault{value} = _one(408, 413, 429, 500, 502, 503, 400, 401)
        if $kind eq 'status';
    $fault{value} = 20 if $kind eq 'delay';
    $fault{value} = 'reset' if $kind =~ /^drop/ && rand 2 < 1;
    delete $fault{value} if $kind eq 'error_code';

    $self->central->fault(%fault);
    $self->_took("fault $kind");
}


# A process of the helper; returns its pid.
sub _start {
    my ($self, %env) = @_;

    my $pid = fork() // croak "fork: $!";

    if ($pid == 0) {
        @ENV{keys %env} = values %env;
        open STDOUT, '>', "$self->{dir}/out";
        open STDERR, '>&', \*STDOUT;
        exec $ENV{TEST_NGINX_MSYNC_FAULTS}, '--database', $self->database,
            '--url', $self->central->url, '--username', 'Clinic 7',
            '--password-file', "$self->{dir}/password", 'sync'
            or POSIX::_exit(127);
    }

    delete $self->{known};

    return $pid;
}

sub _end {
    my ($pid) = @_;

    waitpid $pid, 0;
    return $?;
}

sub said {
    my ($self) = @_;

    open my $fh, '<', "$self->{dir}/out" or return '';
    local $/;
    return <$fh> // '';
}


sub _sync {
    my ($self) = @_;

    _end($self->_start(MSYNC_FAULT_BATCH => _one(3, 10, 50, 500)));
    $self->_took('synced');
}


# Dies, or finds no room, at a point of its own choice.
sub _disturbed_sync {
    my ($self) = @_;

    my $kind = _one(qw(kill-write full-write io-write kill-before kill-sent
                       kill-after));
    my $n = 1 + int rand($kind =~ /write/ ? 120 : 12);

    _end($self->_start(MSYNC_FAULT => "$kind $n",
                       MSYNC_FAULT_BATCH => _one(3, 10, 50)));
    $self->_took($kind);
}


# Is cancelled, or killed, at any moment, and the application edits meanwhile.
sub _ended_sync {
    my ($self) = @_;

    my $signal = _one(qw(INT TERM KILL));

    $self->central->config(page_delay_ms => 15);
    my $pid = $self->_start(MSYNC_FAULT_BATCH => 10);

    for (1 .. rand 3) {
        sleep rand 0.1;
        $self->_edit_here if $self->{begun};
    }

    kill $signal => $pid;
    _end($pid);
    $self->central->config(page_delay_ms => 0);
    $self->_took("SIG$signal");
}


# ---- the end of a block -----------------------------------------------------

# Lets the faults stop and syncs until nothing moves; returns what is wrong.
sub settle {
    my ($self) = @_;

    my $still = 0;

    $self->central->clear_faults;
    delete $self->{known};

    for my $n (1 .. QUIET) {
        my $before = $self->_moved;

        if (_end($self->_start) != 0) {
            return "run $n of a sound line fails: " . $self->said
                if $n > 3;
            next;
        }

        # what was refused because of a fault goes out again
        $self->query('UPDATE msync_refused SET last_tried = 0',
            'UPDATE sync_buffer SET retry_at = NULL WHERE '
            . 'integration_datetime IS NULL');

        $still = $before eq $self->_moved ? $still + 1 : 0;
        last if $still == 2;
    }

    $self->{begun} = 1;

    return ('it does not come to rest') if $still < 2;
    return ($self->_leftovers, $self->_differences);
}


sub _moved {
    my ($self) = @_;

    my $count = $self->central->state(1)->{receivedCount};
    my $here = -e $self->database ? $self->query('SELECT count(*), '
        . 'sum(integration_datetime IS NULL) FROM sync_buffer',
        'SELECT count(*), sum(waits) FROM msync_refused') : '';

    return "$count->{v5} $count->{v6} $here";
}


sub _leftovers {
    my ($self) = @_;

    my @wrong;
    my %none = (
        'record that failed' => 'SELECT table_name, record_id, action, '
            . 'integration_error FROM sync_buffer WHERE '
            . 'integration_datetime IS NULL',
        'refused record' => 'SELECT table_name, record_id, error FROM '
            . 'msync_refused',
        'foreign key' => 'SELECT * FROM pragma_foreign_key_check',
        'raised flag' => 'SELECT 1 FROM msync_flag WHERE integrating',
        'change beyond a cursor' => 'SELECT * FROM changelog WHERE cursor >= '
            . '(SELECT min(value_int) FROM key_value_store WHERE id IN '
            . "('REMOTE_SYNC_PUSH_CURSOR', 'SYNC_PUSH_CURSOR_V6'))",
    );

    for my $what (sort keys %none) {
        my $rows = $self->query("$none{$what} LIMIT 5");
        push @wrong, "$what: $rows" if $rows ne '';
    }

    my $damage = $self->query('PRAGMA integrity_check');
    push @wrong, $damage if $damage ne 'ok';

    my @odd = map { "$_->{call}: $_->{message}" }
        @{ $self->central->state(1)->{violations} };
    splice @odd, 5 if @odd > 5;
    push @wrong, map { "the protocol is broken: $_" } @odd;

    return @wrong;
}


sub _differences {
    my ($self) = @_;

    my $there = $self->central->records;
    my $rows = $self->{rows} = $self->_rows;
    my @wrong;

    for my $name (sort keys %{ $self->{table} }) {
        my $t = $self->{table}{$name};
        my %here = map { ($_->{ $t->{key} } => $_) } @{ $rows->{$name} };
        my $records = $there->{$name} // {};

        for my $id (sort keys %$records) {
            my $row = delete $here{$id};

            if (!$row) {
                push @wrong, "$name $id is not here"
                    if !$self->_is_tidied($t, $records->{$id});
                next;
            }

            push @wrong, $self->_compare($t, $id, $records->{$id}, $row);
        }

        push @wrong, map { "$name $_ is here only" } sort keys %here;
        last if @wrong > 10;
    }

    return @wrong;
}


# All rows of all tables, by table.
sub _rows {
    my ($self) = @_;

    my @names = sort keys %{ $self->{table} };
    my $sql = join ';', map { qq{SELECT '$_' AS msync_table; }
                              . qq{SELECT * FROM "$_"} } @names;

    open my $fh, '-|', 'sqlite3', '-json', $self->database, $sql
        or croak "sqlite3: $!";

    my $json = JSON::PP->new->utf8;
    my (%rows, $at);

    while (my $line = <$fh>) {
        $json->incr_parse($line);

        while (my $part = $json->incr_parse) {
            if (defined $part->[0]{msync_table}) {
                $at = $rows{ $part->[0]{msync_table} } = [];
            } else {
                push @$at, @$part;
            }
        }
    }

    close $fh or croak "sqlite3: $?";

    return \%rows;
}


# The other join of a pair is there, since a merge.
sub _is_tidied {
    my ($self, $t, $record) = @_;

    my $join = $JOIN{ $t->{table} } or return 0;

    return 0 if !%{ $self->{alias} };
    return scalar grep { my $row = $_; !grep {
        $self->_kept($row->{$_}) ne $self->_kept($record->{$_})
    } @$join } @{ $self->{rows}{ $t->{table} } };
}

# The id that stands for this one after all merges.
sub _kept {
    my ($self, $id) = @_;

    $id //= '';
    $id = $self->{alias}{$id} while exists $self->{alias}{$id};

    return $id;
}


sub _compare {
    my ($self, $t, $id, $record, $row) = @_;

    my (@wrong, %known);
    my $extra = decode_json($row->{msync_extra} // '{}');

    for my $f (@{ $t->{fields} }) {
        my $name = $f->{name};

        $known{$_} = 1 for $name, @{ $f->{aliases} // [] };
        next if $f->{local_only} || !exists $record->{$name};

        my ($there, $here) = map { $self->_plain($f, $_) }
            $record->{$name}, $row->{$name};
        push @wrong, "$t->{table} $id $name: there $there, here $here"
            if $there ne $here;
    }

    for my $name (grep { !$known{$_} } sort keys %$record) {
        my ($there, $here) = map { $Canonical->encode($_) }
            $record->{$name}, $extra->{$name};
        push @wrong, "$t->{table} $id $name: there $there, here $here"
            if $there ne $here;
    }

    return @wrong;
}


# A value without the encodings of the wire: they have a test of their own.
sub _plain {
    my ($self, $f, $value) = @_;

    return '' if !defined $value || !ref $value && $value =~
        /\A(?:|0000-00-00(?:T00:00:00)?|null)\z/;

    if ($f->{type} eq 'boolean') { return $value ? 1 : 0 }
    if ($f->{type} =~ /integer|number/) {
        return $value == 0 && $f->{nullable} ? '' : 0 + $value;
    }

    if ($f->{type} eq 'date') { return substr $value, 0, 10 }

    if ($f->{type} eq 'time' && $value =~ /\A\d+\z/) {
        return sprintf '%02d:%02d:%02d', $value / 3600, $value / 60 % 60,
            $value % 60;
    }

    my $json = ref $value ? $value
        : $value =~ /\A[\[{]/ ? eval { JSON::PP->new->decode($value) }
        : undef;

    return '' if ref $json eq 'HASH' && !%$json;
    return $Canonical->encode(_without_nothing($json)) if ref $json;
    return $f->{references} ? $self->_kept($value) : $value;
}

# "" and null say the same in the members of an object.
sub _without_nothing {
    my ($value) = @_;

    return [map { _without_nothing($_) } @$value] if ref $value eq 'ARRAY';
    return $value if ref $value ne 'HASH';
    return { map { ($_ => _without_nothing($value->{$_})) }
             grep { defined $value->{$_} && $value->{$_} ne '' }
             keys %$value };
}


1;
