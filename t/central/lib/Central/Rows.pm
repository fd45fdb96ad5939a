package Central::Rows;

# Open mSupply central as API v7 shows it: rows, the changelog from which a
# site pulls, what a site pushed and the rules by which that is integrated.
#
# The rows of the start are only numbers, as in Central::State: the first
# lines of the changelog are theirs, in the order of the tables.  What changes
# is in $state->{v7}, so that a snapshot holds it:
#
#   rows    table, id -> {data, store, transfer, patient}; data undef: deleted
#   log     lines of the changelog since the start, ascending
#   buffer  what was pushed and is not integrated yet
#   lost    what was pushed and could not become a row, with the reason

use Mojo::Base -base, -signatures;
use Central::Makers qw(is_of row_like row_text);
use Central::Reader qw(unreadable);
use Central::Tables;
use Mojo::JSON qw(decode_json encode_json);
use Scalar::Util qw(weaken);

# a delete leaves the row, out of use
my %SOFT = (
    Unit => 'is_active', Currency => 'is_active', Item => 'is_active', Name => 'deleted_datetime',
);

# rows of a table that v5 and v6 do not have
use constant NEW_ROWS => 4;

# The rows of these two tables are made of every other list_master, whose id
# they have, also in the fields that lead from one to the other.
my %LIST = map { $_ => 1 } qw(Program Context);
my %SAME = map { $_ => 1 } 'Program master_list_id', 'Program context_id';

# central's own, which have no source in the changelog
my %BUILT_IN = map { $_ => 1 } qw(Report FormSchema);

sub new ($class, $state) {
    my $data = $state->data;
    my $all  = Central::Tables->new(shapes => $data->shapes, catalogue => $data->catalogue);
    my $self = $class->SUPER::new(state => $state, data => $data, names => $all, tables => [$all->list]);
    my $at = 0;

    weaken $self->{state};

    for my $t (@{$self->{tables}}) {
        $self->{table}{$t->{table}} = $t;
        $t->{count} = _count($data, $t);
        $t->{first} = $at;
        $at += $t->{count};
    }

    $self->{slots} = $at;
    return $self;
}

sub _count ($data, $t) {
    return int(($data->count('list_master') + 1) / 2) if $LIST{$t->{table}};
    return NEW_ROWS if !$t->{like};

    my $n = $data->count($t->{name});
    return $t->{rows} ? int(($n + ($t->{rows}{among}[0] eq 'column')) / 2) : $n;
}

sub is_table ($self, $name) { return $self->{names}->is_table($name) }

sub empty ($self) { return {rows => {}, log => [], newest => {}, buffer => [], lost => [], moved => {}, own => {}} }

sub table ($self, $name) { return $self->{table}{$name} }

sub _now ($self) { return $self->{state}{v7} }

sub _site_id ($self) { return $self->{state}->site_id }

sub central_id ($self) { return $self->{state}->config->{central_site_id} }

# ---- rows ---------------------------------------------------------------

# Of a table that the other wires share between two, every other row is of
# this one: columns, then rows.
sub of_legacy ($self, $t, $i) {
    return $t->{rows} ? 2 * $i + ($t->{rows}{among}[0] ne 'column') : $i;
}

sub id ($self, $t, $i) {
    return $self->{data}->id(list_master => 2 * $i) if $LIST{$t->{table}};
    return $self->{data}->id($t->{name}, $self->of_legacy($t, $i));
}

# whether a field of a row holds the row's own id
sub is_same ($self, $t, $f) { return $SAME{"$t->{table} $f->{name}"} }

# the row number behind an id at the start, or undef
sub number ($self, $t, $id) {
    my $i = $t->{like} ? $self->{data}->row($t->{name}, $id)
      : (grep { $self->id($t, $_) eq $id } 0 .. $t->{count} - 1)[0];

    return $i if !defined $i || !$t->{rows};
    return $i % 2 == ($t->{rows}{among}[0] ne 'column') ? int($i / 2) : undef;
}

# {data, store, transfer, patient} of a row as it is now, or undef
sub row ($self, $table, $id) {
    my $t = $self->{table}{$table} // return undef;
    my $r = $self->_now->{rows}{$table}{$id};

    return defined $r->{data} ? $r : undef if $r;

    my $i = $self->number($t, $id) // return undef;
    my $first = $t->{kept}[$i] // $self->_first($t, $i);

    return {%$first, data => {%{$first->{data}}}};
}

# as it was at the start, kept where there are few
sub _first ($self, $t, $i) {
    my ($text, $envelope) = row_text($self, $t, $i);
    my $row = {data => decode_json($text), %$envelope};

    $t->{kept}[$i] = $row if $self->{slots} <= $self->{data}->TEXTS_MAX;
    return $row;
}

# who has to do with a row: its store, the other store, the patient
sub envelope ($self, $t, $data) {
    my %value = map { $_ => $data->{$t->{at}{$_}} } keys %{$t->{at}};

    if (defined $t->{above}) {
        my $above = $self->row($t->{above}, $value{parent} // '') // {};
        return %$above{qw(store transfer patient)};
    }

    return (
        store    => $value{store},
        transfer => $t->{envelope}{other} ? $data->{name_store_id} : undef,
        patient  => $self->_patient($t, $data, $value{patient}),
    );
}

sub _patient ($self, $t, $data, $id) {
    return undef if !defined $id;
    return ($data->{type} // '') eq 'PATIENT' ? $id : undef if $t->{table} eq 'Name';

    my $name = $self->row(Name => $id) // return undef;
    return $name->{patient};
}

# ---- the changelog ------------------------------------------------------

# The lines of the start have the first cursors, with gaps.
sub _cursor ($self, $k) { return 4 * $k + 1 + ($k * 2_654_435_761 >> 7) % 4 }

# the cursor before that of the first line behind them
sub base ($self) { return 4 * $self->{slots} }

sub latest ($self) {
    my $log = $self->_now->{log};
    return @$log ? $log->[-1]{cursor} : $self->base;
}

sub _slot_after ($self, $cursor) {
    my $k = int(($cursor - 4) / 4) - 1;

    $k = 0 if $k < 0;
    $k++ while $k < $self->{slots} && $self->_cursor($k) <= $cursor;

    return $k > $self->{slots} ? $self->{slots} : $k;
}

# which row a line of the start is about; now and then a child comes before
# its parent
sub _at ($self, $k) {
    my $n = $self->{slots};
    my $m = $n - 1 - $k;
    my $low = $k < $m ? $k : $m;

    $k = $m if $low % 61 == 5;

    my $tables = $self->{tables};
    my ($lo, $hi) = (0, $#$tables);

    while ($lo < $hi) {
        my $mid = int(($lo + $hi + 1) / 2);
        ($lo, $hi) = $tables->[$mid]{first} <= $k ? ($mid, $hi) : ($lo, $mid - 1);
    }

    return ($tables->[$lo], $k - $tables->[$lo]{first});
}

# A row of central changes: $source is the site that sent it, central's own
# number, or undef for a line that has none.
sub put ($self, $table, $id, $action, $row, $source) {
    my $v7 = $self->_now;
    my $line = {
        table => $table, id => $id, action => $action, source => $source,
        map { $_ => $row->{$_} } qw(store transfer patient),
    };

    $v7->{rows}{$table}{$id} = {%$row, data => $action eq 'Delete' ? undef : $row->{data}};
    $v7->{moved}{"$table $id"} = 1;
    $v7->{own} = {} if $table eq 'Store';
    $v7->{newest}{"$table $id"}{replaced} = 1 if $v7->{newest}{"$table $id"};
    $v7->{newest}{"$table $id"} = $line;

    my $log = $v7->{log};
    $line->{cursor} = $self->{state}->latest_v6 + 1 + @$log % 3;
    push @$log, $line;

    return;
}

# a site's stores are those whose row says so
sub _is_own ($self, $store) {
    return 0 if !defined $store;

    return $self->_now->{own}{$store} //= do {
        my $row = $self->row(Store => $store);
        $row && $row->{data}{site_id} == $self->_site_id ? 1 : 0;
    };
}

# whether a line goes to the site
sub _is_for ($self, $line, $initialising) {
    my $styles = $self->{table}{$line->{table}}{styles};
    my ($store, $patient) = @{$line}{qw(store patient)};

    if (!$initialising) {
        return 0 if !defined $line->{source} || $line->{source} == $self->_site_id;
    }

    return 1 if ($styles->{Central} || $styles->{File}) && !defined $store && !defined $patient;
    return 1 if $self->_is_own($line->{transfer}) && $styles->{Transfer};
    return 1 if $styles->{Patient} && defined $patient && $self->_is_joined($patient);

    return $self->_is_own($store)
      && ($styles->{Remote} || ($styles->{RemoteOwned} && $initialising));
}

# whether a store of the site knows the patient
sub _is_joined ($self, $patient) {
    return 1 if defined $self->_join_of($patient);
    return 0;
}

# the join that the site's stores have to the name
sub _join_of ($self, $name, $store = undef) {
    my $t = $self->{table}{NameStoreJoin};

    for my $r (values %{$self->_now->{rows}{NameStoreJoin} // {}}) {
        my $data = $r->{data} // next;
        next if $data->{name_id} ne $name;
        return $data->{id} if defined $store ? $data->{store_id} eq $store : $self->_is_own($data->{store_id});
    }

    # at the start the site's first store is joined to every name but its own
    my $i = $self->number($self->{table}{Name}, $name);
    return undef if !$i || (defined $store && $store ne $self->id($self->{table}{Store}, 0));

    my $id = $self->id($t, $i - 1);
    return $self->_now->{rows}{NameStoreJoin}{$id} ? undef : $id;
}

sub _text ($line, $data, $e) {
    return sprintf '{"cursor":%d,"recordId":%s,"tableName":"%s","action":"%s","data":%s,'
      . '"storeId":%s,"transferStoreId":%s,"patientId":%s}',
      $line->{cursor}, _quoted($line->{id}), @$line{qw(table action)}, $data,
      map { _quoted($_) } @$e{qw(store transfer patient)};
}

sub _quoted ($v) { return !defined $v ? 'null' : $v =~ /\A[\w-]*\z/a ? qq("$v") : encode_json($v) }

# a line of the log as it goes out
sub _log_text ($self, $line) {
    my $row = $self->_now->{rows}{$line->{table}}{$line->{id}};
    return _text($line, $line->{action} eq 'Delete' ? 'null' : encode_json($row->{data}), $row);
}

# The line of the start with its text, or nothing when that row has changed
# since.
sub _line ($self, $k) {
    my ($t, $i) = $self->_at($k);
    my $id = $self->id($t, $i);

    return if $self->_now->{moved}{"$t->{table} $id"};
    return @{$self->{cache}[$k]} if $self->{cache} && $self->{cache}[$k];

    my ($text, $e) = row_text($self, $t, $i);
    my $line = {
        cursor => $self->_cursor($k), table => $t->{table}, id => $id, action => 'Upsert',
        source => $BUILT_IN{$t->{table}} ? undef : 1, %$e,
    };
    my @line = ($line, _text($line, $text, $e));

    $self->{cache}[$k] = \@line if $self->{slots} <= $self->{data}->TEXTS_MAX;
    return @line;
}

# makes all texts, for benchmarks
sub preload ($self) {
    my @cache = map { [$self->_line($_)] } 0 .. $self->{slots} - 1;
    $self->{cache} = \@cache;
    return;
}

# What a pull brings, as a SyncBatch; undef when it meets a row that central
# itself cannot read.
sub batch ($self, $cursor, $limit, $initialising) {
    my $max = $self->{state}->latest_v6;
    my ($end, @out) = $self->_behind($cursor, $limit, $initialising);
    my $odd = join '|', map { quotemeta } @{$self->{state}->config->{v7_unreadable}};

    return undef if $odd ne '' && grep { /"recordId":"(?:$odd)"/ } @out;

    $end = $max if !@out || @out < $limit;
    return $self->_batch($max, $end, '', @out);
}

# how many records are behind a cursor, for a site that is initialised
sub left ($self, $cursor) {
    my (undef, @out) = $self->_behind($cursor, ~0, 0);
    return scalar @out;
}

# (the cursor of the last, the texts of up to so many)
sub _behind ($self, $cursor, $limit, $initialising) {
    my ($end, @out);

    for (my $k = $self->_slot_after($cursor); $k < $self->{slots} && @out < $limit; $k++) {
        my ($line, $text) = $self->_line($k) or next;
        next if !$self->_is_for($line, $initialising);

        $end = $line->{cursor};
        push @out, $text;
    }

    for my $line (@{$self->_now->{log}}) {
        last if @out >= $limit;
        next if $line->{cursor} <= $cursor || $line->{replaced} || !$self->_is_for($line, $initialising);

        $end = $line->{cursor};
        push @out, $self->_log_text($line);
    }

    return ($end, @out);
}

sub _batch ($self, $max, $end, $more, @records) {
    return sprintf '{"siteId":%d,"lastCursorInBatch":%d,"remaining":%d,"maxCursor":%d,%s"records":[%s]}',
      $self->central_id, $end, $max - $end, $max, $more, join ',', @records;
}

# ---- patients -----------------------------------------------------------

# All that central has of a patient, whatever store it belongs to; the store
# knows the patient from now on.  undef: there is no such patient or store.
sub patient ($self, $patient, $store, $join) {
    return undef if !$self->row(Name => $patient) || !$self->row(Store => $store);

    my $had = $self->_join_of($patient, $store);

    if (!defined $had) {
        my $data = {
            id => $join, store_id => $store, name_id => $patient,
            map { $_ => Mojo::JSON->false } qw(name_is_customer name_is_supplier),
        };
        $self->put(NameStoreJoin => $join, 'Upsert', {data => $data, store => $store}, $self->central_id);
    }

    my @out;

    for my $k (0 .. $self->{slots} - 1) {
        my ($t) = $self->_at($k);
        next if !$t->{styles}{Patient};

        my ($line, $text) = $self->_line($k) or next;
        push @out, $text if ($line->{patient} // '') eq $patient;
    }

    for my $line (grep { !$_->{replaced} && ($_->{patient} // '') eq $patient } @{$self->_now->{log}}) {
        push @out, $self->_log_text($line);
    }

    my $max = $self->{state}->latest_v6;
    return $self->_batch($max, $max, sprintf('"nameStoreJoinId":%s,', encode_json($had // $join)), @out);
}

# every row of a table, by id
sub all ($self, $table) {
    my $t = $self->{table}{$table};
    my $changed = $self->_now->{rows}{$table} // {};
    my %all;

    for my $id (map({ $self->id($t, $_) } 0 .. $t->{count} - 1), keys %$changed) {
        next if $all{$id};
        my $row = $self->row($table, $id) // next;
        $all{$id} = $row->{data};
    }

    return \%all;
}

sub all_tables ($self) { return {map { $_->{table} => $self->all($_->{table}) } @{$self->{tables}}} }

# what search for patients is asked to compare, and with what of theirs
my %FILTER = (
    id => 'id', name => 'name', code => 'code', code_2 => 'national_health_number',
    map { $_ => $_ } qw(first_name last_name gender date_of_birth date_of_death phone
      address1 address2 country email next_of_kin_name),
);

my %MATCH = (
    equal_to    => sub ($v, $w) { $v eq $w },
    like        => sub ($v, $w) { index(lc $v, lc $w) >= 0 },
    starts_with => sub ($v, $w) { index(lc $v, lc $w) == 0 },
    ends_with   => sub ($v, $w) { lc substr($v, -length $w) eq lc $w },
);

sub search ($self, $filter) {
    my $names = $self->all('Name');
    my @out;

    for my $id (sort keys %$names) {
        my $n = $names->{$id};
        next if $n->{type} ne 'PATIENT' || defined $n->{deleted_datetime};
        next if grep { !_matches($n->{$FILTER{$_}}, $filter->{$_}) } grep { $FILTER{$_} } keys %$filter;

        push @out, {
            ID   => $id,
            name => $n->{name}, code => $n->{code},
            phone => $n->{phone} // '', email => $n->{email} // '',
            last => $n->{last_name} // '', first => $n->{first_name} // '',
            date_of_birth => $n->{date_of_birth},
        };
    }

    return \@out;
}

sub _matches ($v, $want) {
    return 1 if ref $want ne 'HASH';

    for my $how (grep { $MATCH{$_} && defined $want->{$_} } keys %$want) {
        return 0 if !defined $v || !$MATCH{$how}->($v, $want->{$how});
    }

    return 1;
}

# ---- what the site pushes -----------------------------------------------

# lies in the buffer until central is told that this is all
sub stage ($self, $records) {
    push @{$self->_now->{buffer}}, @$records;
    push @{$self->{state}{received}{v7}}, map { {api => 'v7', %$_} } @$records;
    return;
}

# All that lies in the buffer becomes rows: upserts table by table, then
# deletes in the reverse order.  What cannot is kept with its reason, and the
# site never hears of it.
sub integrate ($self) {
    my $v7 = $self->_now;
    my (%upserts, %deletes);

    for my $r (splice @{$v7->{buffer}}) {
        my $by = $r->{action} eq 'Delete' ? \%deletes : \%upserts;
        push @{$by->{$r->{tableName}}}, $r;
    }

    for my $t (@{$self->{tables}}) {
        $self->_take($t, $_) for sort { $a->{cursor} <=> $b->{cursor} } @{delete $upserts{$t->{table}} // []};
    }

    for my $t (reverse @{$self->{tables}}) {
        $self->_take($t, $_) for sort { $b->{cursor} <=> $a->{cursor} } @{delete $deletes{$t->{table}} // []};
    }

    for my $r (map { @$_ } values %upserts, values %deletes) {
        $self->_lose($r, 'this emulator has no such table');
    }

    $self->{state}->start_integration('v7');
    return;
}

sub _lose ($self, $r, @reasons) {
    my $state = $self->{state};

    push @{$self->_now->{lost}}, {%$r{qw(tableName recordId action)}, reason => join '; ', @reasons};
    $state->violation(v7 => 'push', "$r->{tableName} $r->{recordId}: $_") for @reasons;

    return;
}

sub _take ($self, $t, $r) {
    my ($table, $id) = @{$r}{qw(tableName recordId)};
    my $unfit = $self->_unfit($t, $r);

    return $self->_lose($r, $unfit) if $unfit;
    return $self->_delete($t, $r) if $r->{action} eq 'Delete';

    my @bad = unreadable($t, $r->{data});
    push @bad, map { "$_->{name} leads to no $_->{references}[0] $r->{data}{$_->{name}}" }
      $self->_dangling($t, $r->{data}) if !@bad;
    push @bad, 'id is not the recordId' if !@bad && $r->{data}{id} ne $id;
    return $self->_lose($r, @bad) if @bad;

    # what has no column is lost, what was left out becomes nothing
    my %data = map { $_->{name} => $r->{data}{$_->{name}} } @{$t->{fields}};
    my %row = (data => \%data, store => $r->{storeId}, transfer => $r->{transferStoreId}, patient => $r->{patientId});

    $self->put($table, $id, 'Upsert', \%row, $self->_site_id);
    return;
}

# why a record of the site does not suit its table's styles, or undef
sub _unfit ($self, $t, $r) {
    my $styles = $t->{styles};
    my ($store, $patient) = @{$r}{qw(storeId patientId)};

    return undef if $styles->{File} || $styles->{RemoteToCentral};
    return undef if $styles->{Patient} && defined $patient && (!defined $store || $self->_is_own($store));
    return undef if $self->_is_own($store) && grep { $styles->{$_} } qw(Remote RemoteOwned Transfer);

    return 'a site does not send this table' if !grep { $_ ne 'Central' } keys %$styles;
    return 'its store is not one of the site: ' . ($store // 'none');
}

sub _delete ($self, $t, $r) {
    my ($table, $id) = @{$r}{qw(tableName recordId)};
    return $self->_lose($r, 'deletes of this table are not taken') if !$t->{deletes};

    my $flag = $SOFT{$table} // '';
    my $row  = $self->row($table, $id) // return;

    # these stay and are only out of use
    $row->{data}{$flag} = $flag eq 'is_active' ? Mojo::JSON->false : '2026-01-01T00:00:00' if $flag ne '';
    $self->put($table, $id, $flag eq '' ? 'Delete' : 'Upsert', $row, $self->_site_id);

    return;
}

# references to rows that are not there
sub _dangling ($self, $t, $data) {
    return grep {
        my $to = $data->{$_->{name}};
        $_->{checked} && defined $to && !grep { $self->row($_, $to) } @{$_->{references}};
    } @{$t->{fields}};
}

# ---- what comes by the wires of v5 and v6 -------------------------------

# A record of theirs has changed, or is deleted where $text is undef: its row follows.
sub follow ($self, $table, $id, $text, $source) {
    my $record = defined $text ? decode_json($text) : {};
    my %texts = map { $_ => encode_json($record->{$_}) } keys %$record;

    for my $t (grep { $_->{like} && $_->{name} eq $table } @{$self->{tables}}) {
        my $old = $self->row($t->{table}, $id);

        if (!defined $text) {
            # what API v7 has no delete of is not there any more, and nobody is told
            $self->put($t->{table}, $id, 'Delete', $old, $source) if $old;
            pop(@{$self->_now->{log}}), delete $self->_now->{newest}{"$t->{table} $id"} if $old && !$t->{deletes};
            next;
        }

        next if !is_of($t, \%texts);
        $texts{$t->{like}{key}} = encode_json($id);

        my $data = row_like($self, $t, $id, \%texts, ($old // {})->{data});
        my %row = (%{$old // {}}, data => $data);
        my %envelope = $self->envelope($t, $data);
        my @said = grep { defined $envelope{$_} } keys %envelope;

        @row{@said} = @envelope{@said};
        $row{store} //= $self->_any_store($t);
        $self->put($t->{table}, $id, 'Upsert', \%row, $source);
    }

    return;
}

# the site's, where a row has to have one
sub _any_store ($self, $t) {
    return undef if !$t->{envelope}{any_store} && grep { !/\ARemote(?:Owned)?\z/ } keys %{$t->{styles}};
    return $self->id($self->{table}{Store}, 0);
}

# ---- for the tests ------------------------------------------------------

# Central has a new version of a row: $e may have data, storeId,
# transferStoreId, patientId, source; the first three follow from the row.
sub change ($self, $table, $id, $action, $e) {
    my $t   = $self->{table}{$table} // return "unknown table $table";
    my $old = $self->row($table, $id);
    my %row = $action eq 'Delete' ? %{$old // {}} : (data => $e->{data}, $self->envelope($t, $e->{data}));
    my %key = (store => 'storeId', transfer => 'transferStoreId', patient => 'patientId');

    for my $k (grep { exists $e->{$key{$_}} } keys %key) {
        $row{$k} = $e->{$key{$k}};
    }

    $self->put($table, $id, $action, \%row, exists $e->{source} ? $e->{source} : $self->central_id);
    return undef;
}

# id of every row that is not as at the start, "table id" -> data or null
sub changed ($self) {
    my $rows = $self->_now->{rows};
    return {map { my $t = $_; map { ("$t $_" => $rows->{$t}{$_}{data}) } keys %{$rows->{$t}} } keys %$rows};
}

1;
