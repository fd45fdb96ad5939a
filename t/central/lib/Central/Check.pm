package Central::Check;

# What a strict server would say about a pushed record.  Every complaint names
# the table, the record and the field; an empty list means: taken.

use Mojo::Base -strict, -signatures;
use B ();
use Exporter 'import';
use JSON::PP ();
use Mojo::JSON qw(decode_json from_json);

our @EXPORT_OK = qw(check_keys check_record missing_references
  is_string is_integer is_number is_bool);

my $DATE = qr/(?:\d{4}|[-+]\d{4,6})-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])/;
my $TIME = qr/(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d/;
my $LEAP = qr/$TIME|(?:[01]\d|2[0-3]):[0-5]\d:60/;

# ---- JSON kinds: Perl does not tell "1" from 1 by itself, and comparing a
# number with a string makes it one, so these are asked first

sub is_bool ($v) { return ref $v eq 'JSON::PP::Boolean' }

sub is_number ($v) {
    return 0 if !defined $v || ref $v;
    my $flags = B::svref_2object(\$v)->FLAGS;
    return $flags & (B::SVp_IOK | B::SVp_NOK) && !($flags & B::SVp_POK) ? 1 : 0;
}

sub is_integer ($v) { return is_number($v) && $v == int $v }
sub is_string  ($v) { return defined $v && !ref $v && !is_number($v) }

# "a hash with exactly these keys": %$want maps a key to its test, a leading
# "?" marks a key that may be absent
sub check_keys ($v, $want, $where) {
    return "$where is not an object" if ref $v ne 'HASH';

    my @bad;
    my %known;

    for my $key (sort keys %$want) {
        my $optional = $key =~ s/\A\?//r ne $key;
        my $name     = $key =~ s/\A\?//r;
        $known{$name} = 1;

        if (!exists $v->{$name}) {
            push @bad, "$where has no $name" if !$optional;

        } elsif (!$want->{$key}->($v->{$name})) {
            push @bad, "$where.$name has the wrong type";
        }
    }

    push @bad, map { "$where has an unknown key $_" } grep { !$known{$_} } sort keys %$v;

    return @bad;
}

# ---- one record ---------------------------------------------------------

# $r: {tableName, recordId, action, recordData}, types already checked
sub check_record ($state, $api, $r) {
    my ($name, $id) = @{$r}{qw(tableName recordId)};
    my $where = "$name $id";
    my $side  = $api eq 'v5' ? 'legacy' : 'omsupply';
    my $t     = $state->data->table($name) // return "$where: unknown table";

    return "$where: this server does not take the table" if !grep { $_ eq $side } @{$t->{push_to}};
    return "$where: recordId is empty" if $id eq '';

    if ($r->{action} eq 'Delete') {
        return "$where: deletes of this table are not pushed" if !$t->{push_delete};
        return "$where: a delete with recordData"             if defined $r->{recordData};
        return;
    }

    return "$where: action is neither Update nor Delete" if $r->{action} ne 'Update';

    my $data = $r->{recordData};

    return "$where: recordData is not an object" if ref $data ne 'HASH';

    my @bad = _check_fields($state, $name, $id, $data, $t->{fields}, $api);

    push @bad, "$t->{key} is not the recordId"
      if is_string($data->{$t->{key}}) && $data->{$t->{key}} ne $id;
    push @bad, 'only patients are pushed'
      if $name eq 'name' && ($data->{type} // '') ne 'patient';
    push @bad, _check_store($state, $t, $data);

    return map { "$where: $_" } @bad;
}

sub _check_fields ($state, $table, $id, $data, $fields, $api) {
    my (@bad, %known);

    for my $f (@$fields) {
        my $name = $f->{name};

        next if $f->{local_only};

        $known{$name} = 1;
        $known{$_} = 1 for @{$f->{aliases} // []};

        if (!exists $data->{$name}) {
            push @bad, "$name is missing" if $f->{required};
            next;
        }

        my $reason = _check_value($f, $data->{$name}, $api);
        push @bad, "$name $reason" if $reason && !_is_ours($state, $table, $id, $f, $data->{$name});
    }

    my @unknown = grep { !$known{$_} } sort keys %$data;

    if (@unknown) {
        # a site keeps what it does not know and sends it back
        my $text = $state->record($table, $id);
        my $sent = defined $text ? decode_json($text) : {};
        push @bad, map { "$_ is not a field of this table" }
          grep { !exists $sent->{$_} && !$state->data->is_extra($table, $_) } @unknown;
    }

    return @bad;
}

# Whether a word, an object or a text that should be JSON is the one that this
# server has.  A newer central has words that the catalogue lacks; a site sends
# them back as they came.
sub _is_ours ($state, $table, $id, $f, $v) {
    return 0 if !$f->{enum} && !($f->{properties} && ref $v eq 'HASH')
        && ($f->{encoding} // '') !~ /string holding/;

    my $text = $state->record($table, $id) // return 0;
    my $was  = decode_json($text)->{$f->{name}};

    return defined $was && defined $v && _canonical($was) eq _canonical($v);
}

sub _canonical ($v) { return JSON::PP->new->canonical->allow_nonref->encode($v) }

# why the value cannot stand in this field, or undef
sub _check_value ($f, $v, $api) {
    my ($type, $enc) = ($f->{type}, $f->{encoding} // '');

    if (!defined $v) {
        return 'must be a number, not null' if $enc =~ /null is an error/;
        return undef if $type eq 'object' && $enc =~ /any JSON value\z/;
        return $f->{nullable} ? undef : 'is null';
    }

    if ($type eq 'object') {
        return _check_object($f, $v, $api, $enc);
    }

    return is_bool($v)    ? undef : 'is not a boolean' if $type eq 'boolean';
    return _check_integer($v, $api, $enc)               if $type eq 'integer';
    return is_number($v)  ? undef : 'is not a number'   if $type eq 'number';
    return 'is not a string' if !is_string($v);

    if ($type eq 'date') {
        return $v =~ /\A${DATE}T00:00:00\z/ ? undef : "is not YYYY-MM-DDT00:00:00: $v"
          if $enc =~ /push: YYYY-MM-DDT00:00:00/;
        return $v =~ /\A$DATE\z/ ? undef : "is not YYYY-MM-DD: $v";
    }

    return $v =~ /\A${DATE}T(?:$LEAP)(?:\.\d{1,9})?\z/ ? undef : "is not YYYY-MM-DDTHH:MM:SS: $v"
      if $type eq 'datetime';
    return $v =~ /\A$TIME\z/ ? undef : "is not HH:MM:SS: $v" if $type eq 'time';

    # where no row has to be there it is a value
    return 'is an empty string, null is meant'
      if $v eq '' && $f->{references} && ($f->{nullable} || $f->{fk});
    return 'is an empty string' if $v eq '' && $enc =~ /must be filled in/;

    if (my $enum = $f->{enum}) {
        return "has an unknown value: $v" if !grep { $_ eq $v || $_ eq '*' } @$enum;
    }

    return 'does not hold JSON' if $enc =~ /string holding a? ?JSON/ && !_holds_json($v);
    return 'is no JSON array of strings'
      if $enc =~ /string holding a JSON array/ && !_holds_strings($v);

    return undef;
}

# those of Open mSupply central have 32 bits, and some of mSupply's
sub _check_integer ($v, $api, $enc) {
    return 'is not an integer'             if !is_integer($v);
    return "is not a number of 32 bits: $v"
      if ($api eq 'v6' || $enc =~ /32 bits/) && ($v < -2**31 || $v >= 2**31);
    return undef;
}

sub _holds_json ($v) { return eval { from_json($v); 1 } }

sub _holds_strings ($v) {
    my $array = from_json($v);
    return ref $array eq 'ARRAY' && !grep { !is_string($_) } @$array;
}

sub _check_object ($f, $v, $api, $enc) {
    return is_string($v) && _holds_json($v) ? undef : 'is not a document as a JSON string'
      if $enc =~ /serialised to a JSON string/;

    my $p = $f->{properties} or return undef;

    # 4D's ways to say nothing are its own; a site sends null or an object
    return 'is not an object' if ref $v ne 'HASH';

    my %known;

    for my $m (@$p) {
        $known{$_} = 1 for $m->{name}, @{$m->{aliases} // []};
        my $value = $v->{$m->{name}};

        if (!exists $v->{$m->{name}}) {
            return ".$m->{name} is missing" if $m->{required};
            next;
        }

        # an object is kept as it came, with 4D's empty strings where they are
        # texts or words
        next if $m->{nullable} && $m->{type} eq 'string' && is_string($value) && $value eq ''
          && ($m->{encoding} // '') !~ /must be filled in/;

        my $reason = _check_value($m, $value, $api);
        return ".$m->{name} $reason" if $reason;
    }

    return undef;
}

# a site sends what belongs to a store that is active on it, or to none
sub _check_store ($state, $t, $data) {
    my $cs = $t->{changelog_store};
    return if ref $cs ne 'HASH';

    my $store;

    if (my $column = $cs->{column}) {
        $store = $data->{$column};

    } else {
        my $parent = $state->coming($cs->{parent}, $data->{$cs->{via}} // '') or return;
        my $above  = $state->data->table($cs->{parent})->{changelog_store};
        $store = $parent->{$above->{column}} if ref $above eq 'HASH' && $above->{column};
    }

    return if !is_string($store) || $store eq '';

    my $row = $state->coming('store', $store) or return;

    return if $row->{sync_id_remote_site} == $state->site_id;
    return "belongs to a store that is not active on this site: $store";
}

# ---- a whole push -------------------------------------------------------

# Declared references of what is staged that lead nowhere: children may come
# before parents, so this is asked at the end of a push.  V6 goes first, so
# its references to legacy records wait for the end of the v5 push.  Returns
# complaints; the records concerned are not kept.
sub missing_references ($state, $api) {
    my %staged;
    $staged{"$_->{tableName} $_->{recordId}"} = $_->{action}
      for map { @{$state->{staged}{$_}} } qw(v5 v6);

    my $there = sub ($table, $id) {
        my $action = $staged{"$table $id"};
        return $action ? $action ne 'Delete' : $state->exists($table, $id);
    };

    my (@bad, @keep);

    if ($api eq 'v5') {
        my @later = splice @{$state->{later}};
        push @bad, map { $_->{message} } grep { !$there->($_->{table}, $_->{id}) } @later;
    }

    for my $r (@{$state->{staged}{$api}}) {
        my $wrong = 0;

        for my $ref (_references($state, $r)) {
            next if $there->(@{$ref}{qw(table id)});

            if ($api eq 'v6' && !$state->data->is_v6($ref->{table})) {
                push @{$state->{later}}, $ref;
                next;
            }

            push @bad, $ref->{message};
            $wrong = 1;
        }

        push @keep, $r if !$wrong;
    }

    $state->{staged}{$api} = \@keep;

    return @bad;
}

sub _references ($state, $r) {
    return () if !ref $r->{recordData};

    my @refs;
    my $data = $r->{recordData};

    for my $f (@{$state->data->table($r->{tableName})->{fields}}) {
        my $id = $data->{$f->{name}};
        next if !$f->{references} || !$f->{fk} || !is_string($id) || $id eq '';
        my $to = $f->{references};
        push @refs, {
            table   => $to,
            id      => $id,
            message => "$r->{tableName} $r->{recordId}: $f->{name} leads to no $to $id",
        };
    }

    return @refs;
}

1;
