package Central::Makers;

# The rows of the start as API v7 shows them, as JSON text: the same record as
# on the wires of v5 and v6 where it is one of theirs, what those lack made up
# from type and seed.

use Mojo::Base -strict, -signatures;
use Central::Random qw(seed_random rnd str word past stamp);
use Digest::MD5 qw(md5_hex);
use Exporter 'import';
use Mojo::JSON qw(decode_json);

our @EXPORT_OK = qw(is_of row_like row_text);

my $DATE = qr/\d{4}-\d\d-\d\d/;

# (text, {store, transfer, patient}) of row $i of the table
sub row_text ($rows, $t, $i) {
    my $makers = $t->{makers} //= [map { _maker($rows, $t, $_) } @{$t->{fields}}];
    my $legacy = $t->{like} ? $rows->{data}->texts($t->{name}, $rows->of_legacy($t, $i)) : _fresh($rows, $t, $i);
    my @out;

    for my $m (@$makers) {
        push @out, $m->[0] . ($m->[1]->($legacy, $i) // $m->[2]->($i));
    }

    return '{' . join(',', @out) . '}', _envelope($rows, $t, $legacy);
}

# What a row has of another record of those wires, {member => JSON text}; what that
# does not say is as it was in the row, if there was one.
sub row_like ($rows, $t, $id, $legacy, $old) {
    my $makers = $t->{makers} //= [map { _maker($rows, $t, $_) } @{$t->{fields}}];
    my %data;

    seed_random(hex substr md5_hex("$t->{table}\t$id\tv7"), 0, 8);

    for my $m (@$makers) {
        my ($key, $known, $made, $name) = @$m;
        my $text = $known->($legacy, undef);

        $data{$name} = defined $text ? decode_json($text) : exists $old->{$name} ? $old->{$name}
          : decode_json($made->(0));
    }

    return \%data;
}

sub _fresh ($rows, $t, $i) {
    seed_random(hex substr md5_hex($rows->{data}->seed . "\t$t->{table}\t$i\tv7"), 0, 8);
    return {};
}

# [key, sub that knows the value or says undef, sub that makes one up]
sub _maker ($rows, $t, $f) {
    my $key = str($f->{name}) . ':';

    my $id = sub ($l, $i) { return defined $i ? '"' . $rows->id($t, $i) . '"' : $l->{$t->{like}{key}} };
    return [$key, $id, undef, $f->{name}] if $f->{name} eq 'id' || $rows->is_same($t, $f);

    my @places = map { _place($rows, $f, $_) } @{$f->{places}};
    push @places, _lookup($rows, $f->{lookup}) if $f->{lookup};

    return [$key, sub ($l, $i) {
        for my $place (@places) {
            my $v = _as($f, $place->($l));
            return $v if defined $v;
        }
        return undef;
    }, _made($rows, $f), $f->{name}];
}

# ---- from the wires of v5 and v6 ----------------------------------------

# what stands between the quotes of a JSON text
sub _bare ($text) {
    return undef if !defined $text || $text eq 'null';
    return $text =~ /\A"(.*)"\z/s ? $1 : $text;
}

sub _holds ($when, $l) {
    for my $w (@{$when // []}) {
        my $v = _bare($l->{$w->{column} // ''}) // '';
        return 0 if !grep { $_ eq $v } @{$w->{among}};
    }

    return 1;
}

# a sub that takes a value out of the texts of the other record
sub _place ($rows, $f, $p) {
    my ($column, %word) = $p->{column};
    my $inside = $f->{type} eq 'string' && !$p->{property};

    $word{$_->[1] // ''} //= $_->[0] for reverse map { [$_->[0], _word($_->[1])] } @{$p->{words} // []};

    return sub ($l) {
        my $v = _bare($l->{$column});
        return undef if !defined $v || !_holds($p->{when}, $l);
        $v = _bare(str($v)) if $inside && $l->{$column} !~ /\A"/;

        return $word{$v} // $p->{other} if $p->{words};
        return $v eq 'true' ? 'false' : 'true' if $p->{negate};
        return _moment($v, _bare($l->{$p->{time}})) if $p->{time};
        return _property($v, $p->{property}) if $p->{property};
        return undef if grep { $p->{$_} } qw(product absent flag);
        return $v / $p->{factor} if $p->{factor};
        return $v;
    };
}

# whether a record is of this table, where two share one
sub is_of ($t, $l) { return !$t->{rows} || _holds([$t->{rows}], $l) }

sub _word ($v) { return ref $v ? ($v ? 'true' : 'false') : $v }

sub _moment ($date, $time) {
    return undef if $date !~ /\A$DATE\z/ || $date =~ /\A0/;

    $time //= 0;
    $time = sprintf '%02d:%02d:%02d', $time / 3600, $time / 60 % 60, $time % 60 if $time =~ /\A\d+\z/;
    return "${date}T$time";
}

sub _property ($text, $name) {
    my $object = $text =~ /\A\{/ ? eval { decode_json($text) } : undef;
    my $v = ref $object eq 'HASH' ? $object->{$name} : undef;

    return ref $v || !defined $v ? undef : _encoded($v);
}

sub _encoded ($v) { utf8::encode(my $octets = "$v"); return str($octets) =~ s/\A"(.*)"\z/$1/sr }

# the field of another record
sub _lookup ($rows, $how) {
    return sub ($l) {
        my $v = _bare($l->{$how->{of}}) // return undef;
        my $data = $rows->{data};

        # each store has a name of its own, with the same number
        if ($how->{by} ne 'ID') {
            my $i = $data->row(name => $v);
            return defined $i && $i < $data->count('store') ? $data->id(store => $i) : undef;
        }

        my $i = $data->row($how->{table}, $v) // return undef;
        return _bare($data->texts($how->{table}, $i)->{$how->{take}});
    };
}

# Bare text as the type of the field has it, or undef when it says nothing.
sub _as ($f, $v) {
    my $type = $f->{type};

    return undef if !defined $v;
    return grep({ $_ eq $v } @{$f->{enum}}) ? qq("$v") : undef if $f->{enum};
    return $v =~ /\A(?:true|false)\z/ ? $v : undef if $type eq 'boolean';
    return $v =~ /\A[\[{]/ ? $v : undef if $type eq 'object';
    return $v =~ /\A($DATE)/ && $1 !~ /\A0/ ? qq("$1") : undef if $type eq 'date';

    if ($type eq 'datetime') {
        return $v =~ /\A${DATE}T/ ? qq("$v") : $v =~ /\A$DATE\z/ && $v !~ /\A0/ ? qq("${v}T00:00:00") : undef;
    }

    if ($type ne 'string') {
        return undef if $v !~ /\A-?\d+(?:\.\d+)?\z/;
        return $type eq 'number' ? _number($v) : int $v;
    }

    return undef if $v eq '' && ($f->{nullable} || $f->{reference});
    return qq("$v");
}

# as that server writes it
sub _number ($v) { return $v =~ /\./ ? $v : "$v.0" }

# ---- made up ------------------------------------------------------------

sub _made ($rows, $f) {
    my $type = $f->{type};

    return sub ($i) { return 'null' } if $f->{nullable};
    return sub ($i) { return qq("$f->{enum}[rnd(scalar @{$f->{enum}})]") } if $f->{enum};
    return sub ($i) { return 'true' }                     if $f->{name} eq 'is_active';
    return sub ($i) { return rnd(3) ? 'false' : 'true' }  if $type eq 'boolean';
    return sub ($i) { return '"' . past() . '"' }         if $type eq 'date';
    return sub ($i) { return '"' . stamp() . ('', '.25', '.123456789')[rnd(3)] . '"' } if $type eq 'datetime';
    return sub ($i) { return _number(rnd(400) / 4) }      if $type eq 'number';
    return sub ($i) { return rnd(100) }                   if $type =~ /\A(?:integer|long)\z/;
    return sub ($i) { return '{}' }                       if $type eq 'object';

    if (my $to = $f->{references}) {
        return sub ($i) {
            my $t = $rows->table($to->[0]);
            return '"' . ($t->{count} ? $rows->id($t, rnd($t->{count})) : "no-$t->{table}") . '"';
        };
    }

    return sub ($i) { return str(word('comment')) };
}

# ---- who has to do with a row -------------------------------------------

sub _envelope ($rows, $t, $l) {
    my ($e, $data) = ($t->{envelope}, $rows->{data});
    my %e = (store => undef, transfer => undef, patient => undef);

    if (defined $e->{parent}) {
        my $above = $rows->table($t->{above});
        my $i = $data->row($above->{name}, _bare($l->{$e->{parent}}) // '') // return \%e;

        # lines come in the order of their documents
        return $t->{last_envelope} if ($t->{last} // -1) == $i;
        @$t{qw(last last_envelope)} = ($i, _envelope($rows, $above, $data->texts($above->{name}, $i)));
        return $t->{last_envelope};
    }

    my $store = defined $e->{store} ? _bare($l->{$e->{store}}) // '' : '';
    $store = $data->id(store => 0)
      if $store eq '' && ($e->{any_store} || !grep { !/\ARemote(?:Owned)?\z/ } keys %{$t->{styles}});
    $e{store} = $store if $store ne '';

    if (defined $e->{other}) {
        my $i = $data->row(name => _bare($l->{$e->{other}}) // '');
        $e{transfer} = $data->id(store => $i) if defined $i && $i < $data->count('store');
    }

    if (defined $e->{patient}) {
        my $name = _bare($l->{$e->{patient}}) // '';
        my ($patients) = $data->names('patient');
        $e{patient} = $name if ($data->row(name => $name) // -1) >= $patients;
    }

    return \%e;
}

1;
