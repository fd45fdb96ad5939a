package Central::Shapes;

# Tables with a look of their own: for a row, the fields that matter to each
# other or to whoever looks at the screen, as JSON text by field name.  An
# undefined value leaves the field out; fields not named here come from Fields.

use Mojo::Base -strict, -signatures;
use Central::Random qw(rnd one_in str word nth past future clock stamp flag money day);
use Central::Words  qw(words);
use Exporter 'import';

our @EXPORT_OK = qw(shape);

my %SHAPE;

sub shape ($data, $table, $i) {
    my $make = $SHAPE{$table} or return {};
    return $make->($data, $i);
}

sub _ref ($data, $table, $i) { return '"' . $data->id($table, $i) . '"' }

sub _any ($data, $table) { return _ref($data, $table, rnd($data->count($table))) }

sub _any_name ($data, $kind) {
    my ($first, $n) = $data->names($kind);
    return _ref($data, name => $first + rnd($n));
}

# tables that only need their words: [table, field, list]
for my $named (
    [name_tag             => description     => 'tag'],
    [periodSchedule       => name            => 'schedule'],
    [diagnosis            => ICD_DESCRIPTION => 'diagnosis'],
    [options              => title           => 'reason'],
    [demographic          => name            => 'demographic'],
    [campaign             => name            => 'campaign'],
    [vaccine_course       => name            => 'course'],
    [asset_class          => name            => 'asset_class'],
    [asset_category       => name            => 'asset_category'],
    [asset_catalogue_type => name            => 'asset_catalogue_type'],
    [asset_log_reason     => reason          => 'log_reason'],
    [property             => name            => 'property'],
    [insuranceProvider    => providerName    => 'provider'],
    [ship_method          => method          => 'method'],
    [item_category        => Description     => 'category'],
    [item_category_level1 => Description     => 'category1'],
    [item_category_level2 => Description     => 'category2'],
    [warning              => warning_text    => 'warning'],
    [item_direction       => directions      => 'direction'],
  )
{
    my ($table, $field, $list) = @$named;
    $SHAPE{$table} = sub ($data, $i) { return {$field => str(nth($list, $i))} };
}

$SHAPE{unit} = sub ($data, $i) {
    return {units => str(nth(unit => $i)), order_number => $i + 1};
};

$SHAPE{currency} = sub ($data, $i) {
    return {
        currency         => str(nth(currency => $i)),
        is_home_currency => $i ? 'false' : 'true',
        rate             => $i ? money(9) + 0.1 : 1,
    };
};

$SHAPE{Location_type} = sub ($data, $i) {
    my ($min, $max) = @{([15, 25], [8, 15], [2, 8], [-25, -15])[$i % 4]};
    return {
        Description     => str(nth(location_type => $i)),
        Temperature_min => $min,
        Temperature_max => $max,
    };
};

$SHAPE{user} = sub ($data, $i) {
    return {
        name       => qq("user$i"),
        first_name => str(word('first')),
        last_name  => str(word('last')),
        active     => 'true',
    };
};

$SHAPE{period} = sub ($data, $i) {
    my $month = sprintf '%d-%02d', 2025 + int($i / 12), $i % 12 + 1;
    return {startDate => qq("$month-01"), endDate => qq("$month-28"), name => qq("$month")};
};

# now and then the ID is only in the envelope
$SHAPE{pref} = sub ($data, $i) {
    return {item => '"store_preferences"', one_in(3) ? (ID => undef) : ()};
};

my $COLUMNS = join ',', map { qq({"header":"Column $_","width":$_}) } 1 .. 60;

$SHAPE{om_report} = sub ($data, $i) {
    return {
        name     => str(nth(report => $i)),
        template => str(qq({"index":{"template":"t"},"columns":[$COLUMNS]})),
    };
};

$SHAPE{backend_plugin} = sub ($data, $i) {
    return {bundle_base64 => '"' . 'bW9kdWxlLmV4cG9ydHM9e307' x 300 . '"'};
};

$SHAPE{indicator_attribute} = sub ($data, $i) { return {axis => $i % 2 ? '"row"' : '"column"'} };

$SHAPE{list_master} = sub ($data, $i) {
    my $program  = $i % 2 == 0;
    my $settings = ('null', '""', '{}')[rnd(3)];

    if ($program) {
        my $tag      = str(nth(tag      => rnd($data->count('name_tag'))));
        my $schedule = str(nth(schedule => rnd($data->count('periodSchedule'))));
        my $normal   = '{"name":"Normal","thresholdMOS":3,"maxMOS":6,"maxOrdersPerPeriod":1,'
          . '"isEmergency":false,"maxEmergencyOrders":""}';
        my $urgent = '{"name":"Emergency","thresholdMOS":1,"maxMOS":2,"maxOrdersPerPeriod":2,'
          . '"isEmergency":true,"maxEmergencyOrders":3}';

        $settings = qq({"elmisCode":"","storeTags":{$tag:{"orderTypes":[$normal,$urgent],)
          . qq("periodScheduleName":$schedule}}});
    }

    return {
        description     => str(nth(list => $i)),
        note            => '""',
        isProgram       => $program ? 'true' : 'false',
        inactive        => 'false',
        programSettings => $settings,
    };
};

sub _item_name ($i) {
    return nth(vaccine => $i / 10) if $i % 10 == 0;

    # every combination of drug, strength and form, then packs of it
    my $n    = $i - int($i / 10) - 1;
    my @name;

    for my $list (qw(drug strength form)) {
        my $words = words($list);
        push @name, $words->[$n % @$words];
        $n = int($n / @$words);
    }

    push @name, '(pack ' . ($n + 1) . ')' if $n;
    return join ' ', @name;
}

$SHAPE{item} = sub ($data, $i) {
    my $name    = _item_name($i);
    my $vaccine = $i % 10 == 0;

    return {
        item_name         => str($name),
        code              => sprintf('"%s%05d"', uc(substr $name, 0, 3), $i),
        type_of           => one_in(40) ? '"service"' : '"general"',
        is_vaccine        => $vaccine ? 'true' : 'false',
        doses             => $vaccine ? (1, 5, 10, 20)[rnd(4)] : 0,
        default_pack_size => (1, 10, 100, 1000)[rnd(4)],
        VEN_category      => ('"V"', '"E"', '"N"', '""')[rnd(4)],
        volume_per_pack   => rnd(900) / 1000,
    };
};

my %NOBODY = (
    map({ $_ => 'false' } qw(customer supplier manufacturer donor hold isDeceased female)),
    om_date_of_death => '"0000-00-00"',
);

$SHAPE{name} = sub ($data, $i) {
    my ($patients) = $data->names('patient');

    return {%NOBODY, _patient($data, $i)} if $i >= $patients;

    # only people have these
    return {
        %NOBODY,
        first                => '""',
        last                 => '""',
        date_of_birth        => '"0000-00-00"',
        om_gender            => 'null',
        NEXT_OF_KIN_ID       => '""',
        next_of_kin_relative => '""',
        _organisation($data, $i),
    };
};

sub _patient ($data, $i) {
    my ($first, $last, $female) = (word('first'), word('last'), one_in(2));
    my $born = sprintf '%d-%02d-%02d', 1940 + rnd(85), 1 + rnd(12), 1 + rnd(28);

    return (
        type                   => '"patient"',
        name                   => str("$last, $first"),
        first                  => str($first),
        last                   => str($last),
        code                   => sprintf('"P%07d"', $i),
        customer               => 'true',
        female                 => $female ? 'true' : 'false',
        om_gender              => $female ? '"FEMALE"' : '"MALE"',
        supplying_store_id     => _ref($data, store => 0),
        date_of_birth          => one_in(20) ? '"0000-00-00"' : qq("$born"),
        national_health_number => sprintf('"NHN%08d"', $i),
        custom_data            => 'null',
    );
}

sub _organisation ($data, $i) {
    my ($suppliers) = $data->names('supplier');
    my ($customers) = $data->names('customer');

    if ($i < $suppliers) {
        return (
            type               => '"store"',
            name               => str(_store_name($i)),
            code               => sprintf('"ST%03d"', $i),
            customer           => 'true',
            supplier           => $i == 1 ? 'true' : 'false',
            supplying_store_id => _ref($data, store => 1),
        );
    }

    if ($i < $customers) {
        my $j = $i - $suppliers;
        return (
            type         => '"facility"',
            name         => str(nth(supplier => $j)),
            code         => sprintf('"SUP%04d"', $j),
            supplier     => 'true',
            manufacturer => $j % 2 ? 'false' : 'true',
            donor        => $j % 3 ? 'false' : 'true',
        );
    }

    my $j      = $i - $customers;
    my $places = words('place');

    return (
        type     => '"facility"',
        name     => str($places->[$j % @$places] . ' ' . nth(facility => int($j / @$places))),
        code     => sprintf('"FAC%04d"', $j),
        customer => 'true',
    );
}

sub _store_name ($i) {
    return 'Clinic 7'              if $i == 0;
    return 'Central Medical Store' if $i == 1;
    return nth(place => $i - 2) . ' Store';
}

my $LOGO = '"data:image/png;base64,' . 'iVBORw0KGgoAAAANSUhEUgAA' x 60 . '"';

# the first store is this site's, the second that of mSupply central
$SHAPE{store} = sub ($data, $i) {
    return {
        name_ID             => _ref($data, name => $i),
        code                => $i ? sprintf('"ST%03d"', $i) : '"CLINIC7"',
        sync_id_remote_site => $i == 1 ? 1 : $data->site_id + $i,
        store_mode          => $i == 0 || one_in(3) ? '"dispensary"' : '"store"',
        disabled            => 'false',
        logo                => $i < 3 ? $LOGO : '""',
    };
};

# name 0 is the store's own
$SHAPE{name_store_join} = sub ($data, $i) {
    return {name_ID => _ref($data, name => $i + 1), inactive => 'false'};
};

$SHAPE{item_store_join} = sub ($data, $i) { return {item_ID => _ref($data, item => $i)} };

$SHAPE{Location} = sub ($data, $i) {
    return {
        Description => sprintf('"Shelf %d"', $i + 1),
        code        => sprintf('"S%02d"', $i + 1),
        hold        => flag(3),
    };
};

$SHAPE{clinician} = sub ($data, $i) {
    my $first = word('first');
    return {
        first_name => str($first),
        last_name  => str(word('last')),
        initials   => str($first =~ /\A([A-Z])/ ? $1 : 'X'),
        active     => 'true',
    };
};

# nobody takes one that is no patient's
$SHAPE{om_document} = sub ($data, $i) { return {owner_name_ID => _any_name($data, 'patient')} };

$SHAPE{sensor} = sub ($data, $i) {
    my $mac = join ':', map { sprintf '%02X', rnd(256) } 1 .. 6;
    return {name => sprintf('"Fridge %d"', $i + 1), macAddress => qq("$mac | BLUE_MAESTRO")};
};

$SHAPE{temperature_log} = sub ($data, $i) {
    return {temperature => (20 + rnd(70)) / 10, date => '"' . past() . '"'};
};

$SHAPE{temperature_breach} = sub ($data, $i) {
    return {
        start_date                    => '"' . past() . '"',
        threshold_minimum_temperature => 8,
        threshold_maximum_temperature => 100,
    };
};

$SHAPE{sync_file_reference} = sub ($data, $i) {
    return {
        table_name       => '"asset"',
        record_id        => _any($data, 'asset'),
        file_name        => qq("photo-$i.jpg"),
        mime_type        => str(word('mime')),
        total_bytes      => 1000 + rnd(2_000_000),
        deleted_datetime => 'null',
    };
};

# ---- stock --------------------------------------------------------------

# the item of a stock line: documents that use the line name the same item
sub _item_of_line ($data, $line) { return ($line * 7919 + 13) % $data->count('item') }

# a stock line with its item, for the lines of documents
sub _some_stock ($data) {
    my $line = rnd($data->count('item_line'));
    return ($line, _item_of_line($data, $line));
}

$SHAPE{item_line} = sub ($data, $i) {
    my $packs = rnd(200);
    return {
        item_ID     => _ref($data, item => _item_of_line($data, $i)),
        expiry_date => one_in(15) ? '"0000-00-00"' : '"' . future() . '"',
        pack_size   => (1, 10, 100)[rnd(3)],
        quantity    => $packs,
        available   => $packs,
        hold        => flag(2),
    };
};

$SHAPE{Stock_take} = sub ($data, $i) { return {status => $i % 4 ? '"fn"' : '"sg"'} };

$SHAPE{Stock_take_lines} = sub ($data, $i) {
    my ($line, $item) = _some_stock($data);
    return {
        item_ID      => _ref($data, item => $item),
        item_name    => str(_item_name($item)),
        item_line_ID => _ref($data, item_line => $line),
        is_edited    => flag(80),
    };
};

# ---- documents between stores -------------------------------------------

# [wire type, om_type, who it is with]; customers' and patients' most often
my @TRANSACT = (
    (['ci', 'PRESCRIPTION',      'patient'])  x 8,
    (['ci', 'OUTBOUND_SHIPMENT', 'customer']) x 4,
    (['si', 'INBOUND_SHIPMENT',  'supplier']) x 5,
    (['sc', 'SUPPLIER_RETURN',   'supplier']) x 2,
    (['cc', 'CUSTOMER_RETURN',   'customer']) x 2,
);

# every tenth document is another store's half of a transfer with ours
sub _is_far ($i) { return $i % 10 == 9 }

sub _transact_kind ($i) {
    return _is_far($i) ? ['ci', 'OUTBOUND_SHIPMENT', 'store'] : $TRANSACT[$i * 8 % @TRANSACT];
}

my %OM_STATUS = (
    out => [qw(NEW ALLOCATED SHIPPED VERIFIED)],
    in  => [qw(NEW NEW DELIVERED VERIFIED)],
);

$SHAPE{transact} = sub ($data, $i) {
    my ($type, $om_type, $with) = @{_transact_kind($i)};
    my $stores = $data->count('store');
    my $far  = _is_far($i);
    my $out  = $type eq 'ci' || $type eq 'sc';
    my $step = rnd(4);
    my $om   = $OM_STATUS{$out ? 'out' : 'in'}[$step];
    my $day  = 1200 + rnd(900);

    # when a step was reached, some days after the first
    my $at = sub ($reached, $later) {
        return $step >= $reached ? '"' . day($day + $later) . 'T' . clock() . '"' : 'null';
    };
    my $on = sub ($reached, $later) {
        return $step >= $reached ? '"' . day($day + $later) . '"' : '"0000-00-00"';
    };

    my %own = (
        type                     => qq("$type"),
        status                   => ('"nw"', '"sg"', '"cn"', '"fn"')[$step],
        invoice_num              => $i + 1,
        hold                     => 'false',
        is_cancellation          => 'false',
        name_ID                  => $far ? _ref($data, name => 0) : _any_name($data, $with),
        store_ID                 => _ref($data, store => $far ? 1 + rnd($stores - 1) : 0),
        mode                     => $om_type eq 'PRESCRIPTION' ? '"dispensary"' : '"store"',
        currency_ID              => _ref($data, currency => 0),
        currency_rate            => 1,
        goods_received_ID        => '""',
        linked_transaction_id    => '""',
        entry_date               => $on->(0, 0),
        confirm_date             => $on->(2, 2),
        finalised_date           => $on->(3, 9),
        om_type                  => qq("$om_type"),
        om_status                => qq("$om"),
        om_created_datetime      => $at->(0, 0),
        om_allocated_datetime    => $out ? $at->(1, 1) : 'null',
        om_picked_datetime       => $out ? $at->(2, 1) : 'null',
        om_shipped_datetime      => $out ? $at->(2, 2) : 'null',
        om_delivered_datetime    => $at->(3, 5),
        om_verified_datetime     => $at->(3, 9),
        om_cancelled_datetime    => 'null',
        om_backdated_datetime    => 'null',
        om_original_shipment_id  => '""',
    );

    # written by mSupply itself, which knows none of the om_ fields
    if (one_in(12)) {
        my @fields = map { $_->{name} } @{$data->table('transact')->{fields}};
        @own{grep { /\Aom_/ } @fields} = ();
    }

    return \%own;
};

$SHAPE{trans_line} = sub ($data, $i) {
    my $parent = int($i * $data->count('transact') / $data->count('trans_line'));
    my ($type) = @{_transact_kind($parent)};
    my ($line, $item) = _some_stock($data);

    my %own = (
        item_ID          => _ref($data, item => $item),
        item_name        => str(_item_name($item)),
        item_line_ID     => _ref($data, item_line => $line),
        type             => $type =~ /\A(?:ci|sc)\z/ ? '"stock_out"' : '"stock_in"',
        expiry_date      => '"' . future() . '"',
        quantity         => 1 + rnd(50),
        pack_size        => (1, 10, 100)[rnd(3)],
        linked_transact_id => '""',
    );

    # stock and shelves of another store are not known here
    @own{qw(item_line_ID location_ID)} = ('""', '""') if _is_far($parent);

    return \%own;
};

$SHAPE{requisition} = sub ($data, $i) {
    my $far     = _is_far($i);
    my $request = $i % 3 != 0 && !$far;
    my $step    = rnd(3);
    my @om      = $request ? qw(DRAFT SENT FINALISED) : qw(NEW NEW FINALISED);
    my $with    = $request ? 'supplier' : 'customer';

    return {
        serial_number         => $i + 1,
        type                  => $request ? '"request"' : '"response"',
        status                => ('"sg"', '"cn"', '"fn"')[$step],
        om_status             => qq("$om[$step]"),
        om_created_datetime   => '"' . stamp() . '"',
        linked_requisition_id => '""',
        store_ID              => _ref($data, store => $far ? 1 : 0),
        name_ID               => $far ? _ref($data, name => 0) : _any_name($data, $with),
    };
};

$SHAPE{requisition_line} = sub ($data, $i) {
    my $item = rnd($data->count('item'));
    return {item_ID => _ref($data, item => $item), itemName => str(_item_name($item))};
};

# ---- equipment ----------------------------------------------------------

# a type with the category and the class above it
sub _asset_kind ($data) {
    my ($types, $categories, $classes)
      = map { $data->count($_) } qw(asset_catalogue_type asset_category asset_class);
    my $type     = rnd($types);
    my $category = int($type * $categories / $types);

    return (
        _ref($data, asset_catalogue_type => $type),
        _ref($data, asset_category       => $category),
        _ref($data, asset_class          => int($category * $classes / $categories)),
    );
}

$SHAPE{asset} = sub ($data, $i) {
    my %own = (deleted_datetime => 'null', properties => str('{"capacity":' . rnd(400) . '}'));
    @own{qw(asset_type_id asset_category_id asset_class_id)} = _asset_kind($data);

    return \%own;
};

$SHAPE{asset_catalogue_item} = sub ($data, $i) {
    my %own = (
        code             => sprintf('"E003/%03d"', $i),
        model            => sprintf('"TCW %d"', 1000 + $i),
        sub_catalogue    => '"WHO PQS"',
        deleted_datetime => 'null',
    );
    @own{qw(type_id category_id class_id)} = _asset_kind($data);

    return \%own;
};

1;
