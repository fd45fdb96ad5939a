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
use Central::Makers qw(make_row);
use Central::Reader qw(unreadable);
use Central::Tables qw(tables);
use Mojo::JSON qw(decode_json encode_json);
use Scalar::Util qw(weaken);

# deletes of other tables fail
my %DELETED = (
    Unit => 'is_active', Currency => 'is_active', Item => 'is_active',
    Name => 'deleted_datetime', map { $_ => '' } qw(StockLine Invoice InvoiceLine),
);

sub new ($class, $state) {
    my $self = $class->SUPER::new(state => $state, tables => [tables()]);
    my $at = 0;

    weaken $self->{state};

    for my $t (@{$self->{tables}}) {
        $self->{table}{$t->{table}} = $t;
        $t->{count} = $t->{like} ? $state->data->count($t->{like}) : 0;
        $t->{first} = $at;
        $at += $t->{count};
    }

    $self->{slots} = $at;
    return $self;
}

sub empty ($self) { return {rows => {}, log => [], newest => {}, buffer => [], lost => [], moved => {}} }

sub table ($self, $name) { return $self->{table}{$name} }

sub _now ($self) { return $self->{state}{v7} }

sub _site_id ($self) { return $self->{state}->site_id }

sub central_id ($self) { return $self->{state}->config->{central_site_id} }

# ---- rows ---------------------------------------------------------------

sub id ($self, $t, $i) { return $self->{state}->data->id($t->{like}, $i) }

# the row number behind an id at the start, or undef
sub number ($self, $t, $id) {
    return $t->{like} ? $self->{state}->data->row($t->{like}, $id) : undef;
}

# {data, store, transfer, patient} of a row as it is now, or undef
sub row ($self, $table, $id) {
    my $t = $self->{table}{$table} // return undef;
    my $r = $self->_now->{rows}{$table}{$id};

    return defined $r->{data} ? $r : undef if $r;

    my $i = $self->number($t, $id) // return undef;
    return $self->_of_start($t, $i);
}

sub _of_start ($self, $t, $i) {
    my $data = make_row($self, $t, $i);
    return {data => $data, $self->envelope($t, $data)};
}

# who has to do with a row: its store, the other store, the patient
sub envelope ($self, $t, $data) {
    if (my $p = $t->{parent}) {
        my $above = $self->row($p->[1], $data->{$p->[0]} // '') // {};
        return %$above{qw(store transfer patient)};
    }

    my $styles = $t->{styles};
    my %e = (store => undef, transfer => undef, patient => undef);

    $e{store} = $data->{store_id} // $data->{to_store_id}
      if grep { $styles->{$_} } qw(Remote RemoteOwned);
    $e{transfer} = $data->{name_store_id} if $styles->{Transfer};
    $e{patient} = $self->_patient($t, $data) if $styles->{Patient};

    return %e;
}

sub _patient ($self, $t, $data) {
    return $data->{type} eq 'PATIENT' ? $data->{id} : undef if $t->{table} eq 'Name';
    return $data->{patient_id} // $data->{owner_name_id} if !exists $data->{name_id};

    my $name = $self->row(Name => $data->{name_id} // '') // return undef;
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

    for my $t (reverse @{$self->{tables}}) {
        return ($t, $k - $t->{first}) if $k >= $t->{first};
    }

    die 'there is no such line';
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

    my $row = $self->row(Store => $store) // return 0;
    return $row->{data}{site_id} == $self->_site_id;
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

sub _text ($self, $cursor, $line, $row) {
    return encode_json({
        cursor          => $cursor,
        recordId        => $line->{id},
        tableName       => $line->{table},
        action          => $line->{action},
        data            => $line->{action} eq 'Delete' ? undef : $row->{data},
        storeId         => $row->{store},
        transferStoreId => $row->{transfer},
        patientId       => $row->{patient},
    });
}

# the line of the start with its row, or nothing when that has changed since
sub _line ($self, $k) {
    my ($t, $i) = $self->_at($k);
    my $id = $self->id($t, $i);

    return if $self->_now->{moved}{"$t->{table} $id"};

    my $row = $self->_of_start($t, $i);
    return ({table => $t->{table}, id => $id, action => 'Upsert', source => 1, %$row}, $row);
}

# What a pull brings, as a SyncBatch.
sub batch ($self, $cursor, $limit, $initialising) {
    my $max = $self->{state}->latest_v6;
    my ($end, @out);

    for (my $k = $self->_slot_after($cursor); $k < $self->{slots} && @out < $limit; $k++) {
        my ($line, $row) = $self->_line($k) or next;
        next if !$self->_is_for($line, $initialising);

        $end = $self->_cursor($k);
        push @out, $self->_text($end, $line, $row);
    }

    for my $line (@{$self->_now->{log}}) {
        last if @out >= $limit;
        next if $line->{cursor} <= $cursor || $line->{replaced} || !$self->_is_for($line, $initialising);

        $end = $line->{cursor};
        push @out, $self->_text($end, $line, $self->_now->{rows}{$line->{table}}{$line->{id}});
    }

    $end = $max if !@out || @out < $limit;
    return $self->_batch($max, $end, '', @out);
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

        my ($line, $row) = $self->_line($k) or next;
        push @out, $self->_text($self->_cursor($k), $line, $row) if ($row->{patient} // '') eq $patient;
    }

    for my $line (grep { !$_->{replaced} && ($_->{patient} // '') eq $patient } @{$self->_now->{log}}) {
        push @out, $self->_text($line->{cursor}, $line, $self->_now->{rows}{$line->{table}}{$line->{id}});
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
    push @bad, map { "$_->{name} leads to no $_->{references} $r->{data}{$_->{name}}" }
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
    my $flag = $DELETED{$table} // return $self->_lose($r, 'deletes of this table are not taken');
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
        $_->{checked} && defined $to && !$self->row($_->{references}, $to);
    } @{$t->{fields}};
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
