package Central::Makers;

# The rows of the start as API v7 shows them: the values of the same record on
# the legacy wire where that has them, else made up from type and seed.

use Mojo::Base -strict, -signatures;
use Central::Random qw(seed_random rnd one_in word past stamp);
use Digest::MD5 qw(md5_hex);
use Exporter 'import';
use Mojo::JSON qw(decode_json true false);
use Mojo::Util qw(decode);

our @EXPORT_OK = qw(make_row);

my %FROM;

sub make_row ($rows, $t, $i) {
    my $data   = $rows->{state}->data;
    my $legacy = decode_json($data->data($t->{like}, $i));
    my $own    = $FROM{$t->{table}} ? $FROM{$t->{table}}->($legacy, $rows, $i) : {};
    my %row;

    seed_random(hex substr md5_hex($data->seed . "\t$t->{table}\t$i\tv7"), 0, 8);

    for my $f (@{$t->{fields}}) {
        my $name = $f->{name};
        $row{$name} = $name eq 'id' ? $data->id($t->{like}, $i)
          : exists $own->{$name} ? $own->{$name} : _any($rows, $f, $i);
    }

    return \%row;
}

sub _any ($rows, $f, $i) {
    my $type = $f->{type};

    return undef if $f->{nullable} && one_in(3);

    if (my $to = $f->{references}) {
        my $t = $rows->table($to);
        return $f->{nullable} ? undef : "no-$to" if !$t || !$t->{count};
        return $rows->id($t, rnd($t->{count}));
    }

    return $f->{enum}[rnd(scalar @{$f->{enum}})]  if $type eq 'enum';
    return rnd(2) ? true : false                  if $type eq 'boolean';
    return 0 + rnd(100)                           if $type eq 'integer';
    return rnd(1000) / 4                          if $type eq 'number';
    return past()                                 if $type eq 'date';
    return stamp() . ('', '.25', '.123456789')[rnd(3)] if $type eq 'datetime';
    return decode('UTF-8', word('comment'));
}

# "" and 0000-00-00 are legacy's words for nothing
sub _or_null ($v) { return defined $v && $v ne '' && $v !~ /\A0000/ ? $v : undef }

sub _text ($v) { return defined $v && !ref $v ? "$v" : '' }

sub _yes ($v) { return $v ? true : false }

$FROM{Unit} = sub ($l, $rows, $i) {
    return {name => _text($l->{units}), description => _or_null($l->{comment}), is_active => true};
};

$FROM{Currency} = sub ($l, $rows, $i) {
    return {
        code => _text($l->{currency}), rate => 0 + ($l->{rate} || 1),
        is_home_currency => _yes($l->{is_home_currency}), is_active => true,
    };
};

$FROM{Item} = sub ($l, $rows, $i) {
    my $ven = $l->{VEN_category} || 'NotAssigned';

    return {
        name => $l->{item_name}, code => $l->{code}, is_active => true,
        type => $l->{type_of} eq 'service' ? 'Service' : 'Stock',
        is_vaccine => _yes($l->{is_vaccine}), vaccine_doses => 0 + $l->{doses},
        unit_id => _or_null($l->{unit_ID}), ven_category => $ven,
        default_pack_size => 0 + $l->{default_pack_size}, legacy_record => '{}',
        restricted_location_type_id => undef,
    };
};

$FROM{Name} = sub ($l, $rows, $i) {
    my $patient = $l->{type} eq 'patient';

    return {
        name => _text($l->{name}), code => _text($l->{code}),
        type => $patient ? 'PATIENT' : $l->{type} eq 'store' ? 'STORE' : 'FACILITY',
        first_name => _or_null($l->{first}), last_name => _or_null($l->{last}),
        gender => $patient ? ($l->{female} ? 'FEMALE' : 'MALE') : undef,
        date_of_birth => _or_null($l->{date_of_birth}), date_of_death => undef,
        phone => _or_null($l->{phone}), next_of_kin_id => undef, supplying_store_id => undef,
        deleted_datetime => undef, is_deceased => false,
        is_customer => _yes($l->{customer}), is_supplier => _yes($l->{supplier}),
        is_manufacturer => _yes($l->{manufacturer}), is_donor => _yes($l->{donor}),
        on_hold => false,
    };
};

$FROM{Store} = sub ($l, $rows, $i) {
    return {
        code => $l->{code}, name_id => $l->{name_ID}, site_id => 0 + $l->{sync_id_remote_site},
        store_mode => $l->{store_mode} eq 'store' ? 'Store' : 'Dispensary',
        logo => _or_null($l->{logo}), is_disabled => false,
    };
};

# what belongs to the site belongs to its first store
sub _own_store ($rows) { return $rows->id($rows->table('Store'), 0) }

$FROM{ActivityLog} = $FROM{Location}
  = sub ($l, $rows, $i) { return {store_id => _own_store($rows)} };

$FROM{NameStoreJoin} = sub ($l, $rows, $i) {
    return {
        store_id => _own_store($rows), name_id => $l->{name_ID},
        name_is_customer => true, name_is_supplier => false,
    };
};

# every third is for all sites
$FROM{SyncMessage} = sub ($l, $rows, $i) {
    return {
        from_store_id => undef, to_store_id => $i % 3 ? _own_store($rows) : undef, status => 'New',
        type => 'RequestFieldChange', error_message => undef, body => '{"fields":[]}',
    };
};

$FROM{StockLine} = sub ($l, $rows, $i) {
    return {
        store_id => _own_store($rows), item_link_id => $l->{item_ID}, batch => _or_null($l->{batch}),
        location_id => _or_null($l->{location_ID}), expiry_date => _or_null($l->{expiry_date}),
        map { $_ => undef } qw(barcode_id item_variant_id vvm_status_id campaign_id program_id),
    };
};

# A transfer has the store of another site, and this site's as the other one.
$FROM{Invoice} = sub ($l, $rows, $i) {
    my $far = ($l->{store_ID} // '') ne _own_store($rows);
    my %type = (si => 'INBOUND_SHIPMENT', ci => 'OUTBOUND_SHIPMENT', sc => 'CUSTOMER_RETURN', sr => 'REPACK');

    return {
        store_id => $l->{store_ID}, name_id => $l->{name_ID},
        name_store_id => $far ? _own_store($rows) : undef,
        invoice_number => $i + 1, type => $type{$l->{type}} // 'INBOUND_SHIPMENT',
        map { $_ => undef } qw(linked_invoice_id original_shipment_id requisition_id
          clinician_link_id diagnosis_id program_id name_insurance_join_id purchase_order_id
          shipping_method_id user_id),
    };
};

$FROM{InvoiceLine} = sub ($l, $rows, $i) {
    return {
        invoice_id => $l->{transaction_ID}, item_link_id => $l->{item_ID},
        item_name => _text($l->{item_name}), item_code => _text($l->{item_code}),
        stock_line_id => _or_null($l->{item_line_ID}), location_id => _or_null($l->{location_ID}),
        map { $_ => undef } qw(linked_invoice_id item_variant_id vvm_status_id reason_option_id
          campaign_id program_id purchase_order_line_id),
    };
};

1;
