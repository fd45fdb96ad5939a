package Central::Data;

# The records that the central servers hold at the start, made from the
# catalogue and a seed.
#
# Every record is a pure function of (seed, table, row number): of a million
# records nothing is stored, so they cost no memory until somebody asks for them,
# and two runs with one seed serve the same octets.  The row number is hidden
# in the id's last eight digits, so an id leads back to its record.

use Mojo::Base -base, -signatures;
use Central::Fields qw(makers);
use Central::Random qw(rnd seed_random);
use Central::Shapes qw(shape);
use Digest::MD5 qw(md5_hex);
use POSIX ();

# a list of no more records than these keeps their texts, once they are made
use constant TEXTS_MAX => 10_000;

has catalogue => sub { die 'catalogue is missing' };
has shapes    => sub { [] };  # of API v7
has records   => 3000;
has seed      => 1;
has site_id   => 7;

# rows of tables that do not grow with the clinic: [at --records 1000 and up]
my %FIXED = (
    abbreviation => 8, diagnosis => 12, user => 6, name_tag => 5, unit => 15,
    item_category => 12, item_category_level1 => 3, item_category_level2 => 6,
    periodSchedule => 3, options => 12, form_schema => 3, om_form_schema => 3,
    property => 6, Location_type => 4, campaign => 3, currency => 5,
    warning => 4, asset_class => 3, asset_log_reason => 8, demographic => 4,
    vaccine_vial_monitor_status => 4, backend_plugin => 1,
    frontend_plugin => 1, insuranceProvider => 3, ship_method => 4,
    list_master => 8, period => 12, name_property => 4, asset_category => 5,
    om_report => 5, program_indicator => 2, om_document_registry => 3,
    item_warning_link => 6, asset_catalogue_type => 8, vaccine_course => 4,
    indicator_attribute => 8, om_user_permission => 4, asset_property => 5,
    vaccine_course_dose => 8, vaccine_course_store_config => 4,
    vaccine_course_item => 6, preference => 5,
);

# share of the remaining records, in ten-thousandths
my %SHARE = (
    # central_records
    name => 500, item => 500, list_master_line => 500, store => 40,
    barcode => 100, contact => 50, item_direction => 50, name_tag_join => 100,
    list_master_name_join => 50,
    # queued_records; name_store_join, item_store_join: see _plan
    trans_line => 1600, om_activity_log => 1000, temperature_log => 800,
    requisition_line => 800, Stock_take_lines => 700, transact => 600,
    item_line => 600, requisition => 120, clinician => 50, Location => 40,
    location_movement => 100, purchase_order => 40,
    purchase_order_line => 150, Goods_received => 30,
    Goods_received_line => 80, Stock_take => 40, message => 20,
    indicator_value => 40, om_document => 60, nameInsuranceJoin => 40,
    vaccine_vial_monitor_status_log => 40, temperature_breach => 40,
    sensor => 10,
    # v6 pull
    asset => 60, asset_log => 200, asset_internal_location => 40,
    vaccination => 150, rnr_form => 10, rnr_form_line => 120,
    item_variant => 50, packaging_variant => 70, name_oms_fields => 60,
    asset_catalogue_item => 40, plugin_data => 20, sync_file_reference => 40,
    ancillary_item => 20,
);

# tables whose legacy channel the catalogue does not know, and why this one:
# permissions belong to a site, the others are the same everywhere
my %CHANNEL = (om_user_permission => 'queued_records');

# columns of the 4D tables that the catalogue does not mention: a site must
# keep what it does not know
my %EXTRA = (
    name     => '"category1_ID":"","print_invoice_alphabetical":false',
    item     => '"dose_picture":"[object Picture]","flags":"","user_field_7":0',
    transact => '"Date_order_received":"0000-00-00","total":0,"wardID":""',
);

sub new {
    my $self = shift->SUPER::new(@_);

    $self->seed;    # fills in the default

    my $n = 0;
    for my $t (@{$self->catalogue}) {
        $self->{table}{$t->{table}} = $t;
        $self->{number}{$t->{table}} = $n++;
        my %from = map { $_ => 1 } @{$t->{pull_from}};
        $self->{v6}{$t->{table}} = 1 if $from{omsupply};
    }

    $self->_plan;

    return $self;
}

# how many rows each table has
sub _plan ($self) {
    my $n     = $self->records;
    my %count = map { $_ => $n < 1000 ? POSIX::ceil($FIXED{$_} * $n / 1000) : $FIXED{$_} }
      keys %FIXED;

    # an indicator needs a row and a column
    $count{indicator_attribute} = 2 if $count{indicator_attribute} < 2;

    my $fixed = 0;
    $fixed += $_ for values %count;
    my $rest = $n > $fixed ? $n - $fixed : 0;
    $count{$_} = int($SHARE{$_} * $rest / 10_000) || 1 for keys %SHARE;

    my $stores = $count{store};
    $stores = $stores < 3 ? 3 : $stores > 400 ? 400 : $stores;
    $count{store} = $count{pref} = $stores;

    # names in order: those of the stores, suppliers, customers, patients
    my $names = $count{name} < $stores + 4 ? $stores + 4 : $count{name};
    $count{name} = $names;
    my $left      = $names - $stores;
    my $suppliers = int($left / 10) || 1;
    my $customers = int($left / 4)  || 1;
    $self->{names} = {
        store    => [0, $stores],
        supplier => [$stores, $suppliers],
        customer => [$stores + $suppliers, $customers],
        patient  => [$stores + $suppliers + $customers, $left - $suppliers - $customers],
    };
    my $public = $names - $self->{names}{patient}[1];
    $count{name_oms_fields} = $public if $count{name_oms_fields} > $public;

    # this site's store sees every name but its own, and every item
    $count{name_store_join}      = $names - 1;
    $count{item_store_join}      = $count{item};
    $count{clinician_store_join} = $count{clinician};

    for my $t (@{$self->catalogue}) {
        delete $count{$t->{table}} if !@{$t->{pull_from}};
    }

    $self->{count} = \%count;

    return;
}

sub count ($self, $table) { return $self->{count}{$table} // 0 }
sub is_v6 ($self, $table) { return $self->{v6}{$table} }
sub table ($self, $table) { return $self->{table}{$table} }

sub number ($self, $table) { return $self->{number}{$table} }

sub table_at ($self, $number) { return $self->catalogue->[$number]{table} }

# of a table that the v6 of 3.0 never sends; a slot of State's
sub is_silent ($self, $bits) {
    return $self->table_at($bits >> 24) =~ /^(?:asset_catalogue_type|name_oms_fields)$/;
}

# upper-case hex for legacy tables, a UUID for those of Open mSupply
sub id ($self, $table, $i) {
    # these rows belong to a name and carry its id
    $table = 'name' if $table eq 'name_oms_fields';

    my $md5 = md5_hex("$self->{seed}\t$table\t$i");

    if ($self->{v6}{$table}) {
        return join '-', substr($md5, 0, 8), substr($md5, 8, 4), '4' . substr($md5, 13, 3),
          'a' . substr($md5, 17, 3), substr($md5, 20, 4) . sprintf '%08x', $i ^ 0x5a3c_96e1;
    }

    return uc(substr $md5, 0, 24) . sprintf '%08X', $i ^ 0x5a3c_96e1;
}

# the row number behind an id of this table, undef when there is none
sub row ($self, $table, $id) {
    return undef if $id !~ /([0-9A-Fa-f]{8})\z/;

    my $i = hex($1) ^ 0x5a3c_96e1;

    return undef if $i >= $self->count($table) || $self->id($table, $i) ne $id;
    return $i;
}

# whether a record of the table may have a field that the catalogue does not mention
sub is_extra ($self, $table, $name) { return index($EXTRA{$table} // '', qq("$name":)) >= 0 }

# recordData as JSON text
sub data ($self, $table, $i) {
    my @out;

    $self->_make($table, $i, sub ($m, $v) { push @out, $m->{key} . $v });
    push @out, $EXTRA{$table} if $EXTRA{$table};

    return '{' . join(',', @out) . '}';
}

# its members as JSON texts by name
sub texts ($self, $table, $i) {
    my %out;

    $self->_make($table, $i, sub ($m, $v) { $out{$m->{name}} = $v });

    return \%out;
}

sub _make ($self, $table, $i, $take) {
    my $makers = $self->{makers}{$table} //= makers($self, $table);

    seed_random(hex substr md5_hex("$self->{seed}\t$table\t$i\tdata"), 0, 8);

    my $own = shape($self, $table, $i);

    for my $m (@$makers) {
        my $v = exists $own->{$m->{name}} ? $own->{$m->{name}} : $m->{make}->($i);
        $take->($m, $v) if defined $v;
    }

    return;
}

# What a channel ("central", "remote" or "v6") brings, in its order: a string
# of 32-bit numbers, the table's place in the catalogue above 24 bits of row
# number.  Parents come first except now and then, as on the real wire.
sub slots ($self, $channel) {
    my $slots = '';
    my $patients = $self->{names}{patient}[0];

    for my $t (@{$self->catalogue}) {
        my $table = $t->{table};
        my $n     = $self->count($table) or next;
        my $bits  = $self->{number}{$table} << 24;
        my ($from, $to) = (0, $n - 1);

        if ($table eq 'name') {
            ($from, $to) = $channel eq 'remote' ? ($patients, $n - 1) : (0, $patients - 1);
            next if $channel eq 'v6';

        } elsif ($self->channel($table) ne $channel) {
            next;
        }

        $slots .= pack 'N*', map { $bits | $_ } $from .. $to;
    }

    my $n = length($slots) / 4;
    seed_random($self->seed);

    for (my $k = 5; $k < $n; $k += 61) {
        my $j = $k + rnd($n - $k);
        (vec($slots, $k, 32), vec($slots, $j, 32)) = (vec($slots, $j, 32), vec($slots, $k, 32));
    }

    return $slots;
}

# names are on both legacy channels: patients in the queue, others central
sub channel ($self, $table) {
    my $t = $self->{table}{$table} or return 'none';

    return 'none' if !@{$t->{pull_from}};
    return 'v6'   if $self->{v6}{$table};

    my $c = $CHANNEL{$table} // $t->{legacy_channel} // '';

    return $c eq 'queued_records' ? 'remote' : 'central';
}

# (first row, rows) of one kind of names: store, supplier, customer, patient
sub names ($self, $kind) { return @{$self->{names}{$kind}} }

sub patient_of_vaccination ($self, $i) {
    my ($first, $n) = $self->names('patient');
    return $first + $i % $n;
}

1;
