package Central::Fields;

# Makes the values of fields from what the catalogue says about them: types,
# references, encodings.  Tables with a look of their own are in Shapes.

use Mojo::Base -strict, -signatures;
use Central::Random qw(rnd one_in str word past stamp flag money);
use Exporter 'import';

our @EXPORT_OK = qw(makers);

# the field that ties a row to its parent: rows are spread evenly over the
# parents, in order, as the lines of documents are
my %PARENT = (
    trans_line           => 'transaction_ID',
    requisition_line     => 'requisition_ID',
    Stock_take_lines     => 'stock_take_ID',
    purchase_order_line  => 'purchase_order_ID',
    Goods_received_line  => 'goods_received_ID',
    list_master_line     => 'item_master_ID',
    packaging_variant    => 'item_variant_id',
    vaccine_course_dose  => 'vaccine_course_id',
    vaccine_course_item  => 'vaccine_course_id',
    asset_log            => 'asset_id',
    asset_category       => 'class_id',
    asset_catalogue_type => 'category_id',
    rnr_form_line        => 'rnr_form_id',
    indicator_attribute  => 'indicator_ID',
    item_category        => 'parent_ID',
    item_category_level2 => 'parent_ID',
    item_direction       => 'item_ID',
    clinician_store_join => 'prescriber_ID',
    location_movement    => 'item_line_ID',
    temperature_log      => 'sensor_ID',
);

# one {name, key, make} a field: make->($i) is JSON text, undef leaves the
# field out
sub makers ($data, $table) {
    my @makers;

    for my $f (grep { !$_->{local_only} } @{$data->table($table)->{fields}}) {
        push @makers, {
            name => $f->{name},
            key  => str($f->{name}) . ':',
            make => _maker($data, $table, $f),
        };
    }

    return \@makers;
}

sub _maker ($data, $table, $f) {
    my ($name, $type) = @{$f}{qw(name type)};
    my $v6 = $data->is_v6($table);

    return sub ($i) { return '"' . $data->id($table, $i) . '"' }
      if $name eq $data->table($table)->{key};

    # v6 rows are whole structs: nothing is left out there
    my $absent = $v6 || $f->{required} ? 0 : 6;
    my $make   = _value($data, $table, $f);

    if ($f->{nullable}) {
        my $none = _none($f, $v6);
        return sub ($i) {
            return undef if $absent && one_in($absent);
            return one_in(4) ? $none->() : $make->($i);
        };
    }

    return $make if !$absent;
    return sub ($i) { return one_in($absent) ? undef : $make->($i) };
}

# a sub that says "nothing" as this server does: 4D is fond of "" and zeros
sub _none ($f, $v6) {
    my ($type, $enc) = ($f->{type}, $f->{encoding} // '');

    return sub { return 'null' } if $v6;
    return sub { return '0' }    if $enc =~ /must be a JSON number/;

    return sub { return one_in(5) ? '""' : one_in(4) ? 'null' : '"0000-00-00"' }
      if $type eq 'date' && $enc =~ /reads as null/;
    return sub { return ('null', '""', '{}')[rnd(3)] }
      if $type eq 'object' && $enc =~ /empty string.*reads as null/;
    return sub { return one_in(4) ? 'null' : '""' }
      if $type =~ /\A(?:string|datetime)\z/ && $enc =~ /reads as null/;

    return sub { return 'null' };
}

sub _value ($data, $table, $f) {
    my ($name, $type, $enc) = (@{$f}{qw(name type)}, $f->{encoding} // '');

    if (my $to = $f->{references}) {
        my $pick = _pick($data, $table, $f);
        return sub ($i) { return '"' . $data->id($to, $pick->($i)) . '"' };
    }

    if ($f->{enum}) {
        my @enum = map { str($_) } grep { $_ ne '*' } @{$f->{enum}};
        return sub ($i) { return $enum[rnd(scalar @enum)] };
    }

    return _object($data, $table, $f)                if $type eq 'object';
    return _text($table, $f)                         if $type eq 'string';
    return sub ($i) { return '"' . past() . '"' }    if $type eq 'date';
    return sub ($i) { return rnd(86_400) }           if $type eq 'time';
    return sub ($i) { return flag(30) }              if $type eq 'boolean';
    return sub ($i) { return '"' . stamp() . (one_in(3) ? '.' . rnd(999_999) : '') . '"' }
      if $type eq 'datetime';

    if ($type eq 'integer') {
        return sub ($i) { return rnd(4) }                          if $name eq 'Language';
        return sub ($i) { return 1_700_000_000 + rnd(60_000_000) } if $enc =~ /unix seconds/;
        return sub ($i) { return 60_000 * rnd(600) }               if $enc =~ /milliseconds/;
        return sub ($i) { return $i + 1 } if $name =~ /number|num\z|sort_order|index/;
        return sub ($i) { return rnd(60) };
    }

    return sub ($i) { return rnd(100) } if $name =~ /percent|margin|rate|freightfac|tax/i;
    return sub ($i) { return one_in(2) ? rnd(500) : money(500) };
}

my @TEXTS = (
    [qr/comment|note|message|body/i => sub ($i) { return str(word('comment')) }],
    [qr/phone|mobile/     => sub ($i) { return '"+670 ' . (7_000_000 + rnd(999_999)) . '"' }],
    [qr/mail/             => sub ($i) { return qq("person$i\@example.org") }],
    [qr/\Aurl\z/          => sub ($i) { return qq("https://example.org/$i") }],
    [qr/address1/         => sub ($i) { return '"' . (1 + rnd(300)) . ' Main Road"' }],
    [qr/address/          => sub ($i) { return str(word('place')) }],
    [qr/\Acountry\z/      => sub ($i) { return str(word('country')) }],
    [qr/\Afirst|relative/ => sub ($i) { return str(word('first')) }],
    [qr/\Alast|_by\z|officer|agent/ => sub ($i) { return str(word('last')) }],
    [qr/job|position/     => sub ($i) { return str(word('job')) }],
    [qr/strength/         => sub ($i) { return str(word('strength')) }],
    [qr/batch/i           => sub ($i) { return sprintf '"%c%04d"', 65 + rnd(26), rnd(10_000) }],
    [qr/record_?id\z|(?:enrolment|encounter)_id/i => sub ($i) { return _some_id() }],
    [qr/parent_ID/        => sub ($i) { return '""' }],
    [qr/barcode|universalcodes/ => sub ($i) { return sprintf '"89%011d"', $i }],
    [qr/version/          => sub ($i) { return '"1.' . rnd(9) . '.' . rnd(20) . '"' }],
    [qr/item_name|itemName/ => sub ($i) { return str(word('drug')) }],
    [qr/colour/           => sub ($i) { return sprintf '"#%06X"', rnd(2**24) }],
    [qr/allowed_values/   => sub ($i) { return '"yes,no,unknown"' }],
    [qr/manufacturer/     => sub ($i) { return str(word('supplier')) }],
    [qr/\Astatus\z/      => sub ($i) { return ('"PENDING"', '"PASSED"', '"REJECTED"')[rnd(3)] }],
    [qr/reference|their_ref/ => sub ($i) { return sprintf '"REF-%05d"', $i }],
);

# the id of something that is not looked for
sub _some_id { return sprintf '"%s"', join '', map { sprintf '%08X', rnd(2**24) * 251 } 1 .. 4 }

my @ENCODED = (
    [qr/number carried/ => sub ($i) { return '"' . rnd(12) . '"' }],
    [qr/array of parent/ => sub ($i) { return '"[]"' }],
    [qr/string holding (?:a )?JSON/ =>
          sub ($i) { return str('{"colour":"white","litres":' . rnd(300) . '}') }],
    [qr/comma-separated/ => sub ($i) { return '"12,' . rnd(90) . ',' . rnd(90) . '"' }],
    [qr/finalised/ => sub ($i) { return one_in(2) ? '"fn"' : '"nw"' }],
);

sub _text ($table, $f) {
    my ($name, $enc) = ($f->{name}, $f->{encoding} // '');

    for my $try (map { [$enc, @$_] } @ENCODED) {
        return $try->[2] if $try->[0] =~ $try->[1];
    }

    for my $try (@TEXTS) {
        return $try->[1] if $name =~ $try->[0];
    }

    my $short = uc substr $table, 0, 2;

    return sub ($i) { return sprintf '"%s%04d"', $short, $i + 1 } if $name =~ /code|number/i;
    return sub ($i) { return str(word('comment')) }               if $f->{nullable};
    return sub ($i) { return str(ucfirst("$name " . ($i + 1)) =~ tr/_/ /r) };
}

sub _object ($data, $table, $f) {
    my $enc = $f->{encoding} // '';

    if (my $p = $f->{properties}) {
        my @makers = map { [str($_->{name}) . ':', _maker($data, $table, $_)] } @$p;
        return sub ($i) {
            my @out;
            for my $m (@makers) {
                my $v = $m->[1]->($i);
                push @out, $m->[0] . $v if defined $v;
            }
            return '{' . join(',', @out) . '}';
        };
    }

    return sub ($i) { return '["dashboard","report"]' } if $enc eq 'JSON array of strings';
    return sub ($i) { return '[80,75,3,4]' }            if $enc =~ /byte integers/;

    my $file = 'Y29uc29sZS5sb2coMSk7' x 400;
    return sub ($i) { return qq([{"file_name":"main.js","file_content_base64":"$file"}]) }
      if $enc =~ /file_name/;

    return sub ($i) {
        return '{"type":"object","properties":{"weight":{"type":"number"},"age":' . rnd(90) . '}}';
    };
}

# a sub that picks the row that a reference leads to
sub _pick ($data, $table, $f) {
    my ($name, $to) = @{$f}{qw(name references)};
    my $n = $data->count($to) || 1;

    if (($PARENT{$table} // '') eq $name) {
        my $rows = $data->count($table) || 1;
        return sub ($i) { return int($i * $n / $rows) };
    }

    return _pick_name($data, $table, $name)    if $to eq 'name';
    return _pick_store($data, $table, $name)   if $to eq 'store';

    # even lists are programs, even attributes columns, every tenth item a
    # vaccine: see Shapes
    my $even = sub ($i) { return 2 * rnd(int(($n + 1) / 2)) };

    return $even if $to eq 'list_master' && $name =~ /program|context/i;
    return $even if $name eq 'column_ID';
    return sub ($i) { return 1 + 2 * rnd(int($n / 2)) } if $name eq 'row_ID';
    return sub ($i) { return 10 * rnd(int(($n + 9) / 10)) }
      if $table eq 'vaccine_course_item' && $to eq 'item';

    return sub ($i) { return rnd($n) };
}

# what is not central belongs to this site, whose store is the first
sub _pick_store ($data, $table, $name) {
    my $n = $data->count('store');

    return sub ($i) { return $i % $n } if $table eq 'pref';
    return sub ($i) { return rnd($n) } if $data->channel($table) eq 'central' || $name =~ /from/;
    return sub ($i) { return 0 };
}

sub _pick_name ($data, $table, $field) {
    my $from = sub ($kind, $step = 1) {
        my ($first, $n) = $data->names($kind);
        return sub ($i) { return $first + $step * rnd(int(($n + $step - 1) / $step)) };
    };

    return sub ($i) { return $data->patient_of_vaccination($i) }
      if $table eq 'vaccination' && $field eq 'patient_id';

    # every second supplier also manufactures, every third also donates
    return $from->('supplier', 2) if $field =~ /manufacturer/i;
    return $from->('supplier', 3) if $field =~ /donor/i;
    return $from->('patient')     if $field =~ /patient|nameID|owner|KIN/;
    return $from->('customer')    if $field =~ /customer|facility/ || $table eq 'name_tag_join';
    return $from->('store')       if $table eq 'list_master_name_join';
    return $from->('supplier');
}

1;
