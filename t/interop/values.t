# Beside genuine Open mSupply servers (Msync::Interop): of every table that is
# pushed, a row for each field and each of some values, as applications write
# them.  What msync sends the genuine servers read; what it does not send waits
# here with its field.

use strict;
use warnings;

use Msync::Interop qw(central forward insert insert_program_rows insert_rows_of
    pushed query remote run start store);
use Msync::Test qw(read_catalogue);
use Test::More;

# in every field
my %forms = (
    null => 'NULL', empty => q{''}, words => qq{'\xc3\xa4\xe2\x82\xac "\\'},
    zero => '0', negative => '-1', fraction => '1.5', large => '1e15',
    datetime => q{'2026-05-01 08:00:00'}, date => q{'2026-05-01'},
    boolean => q{'true'}, object => q('{"a":null,"b":""}'),
    infinite => '9e999', octets => q{x'6162'},
);

my @MOMENTS = (
    map({ "'$_'" } '2026-05-01T08:00:00.5', '2026-05-01T08:00:00.1234567891',
        '2026-05-01t08:00:00z', '2026-05-01T23:30:00-05:00',
        '2026-05-01 10:00+02', '2026-05-01T08:00', '2016-12-31T23:59:60',
        '2026-05-01T24:00:00', '2026-02-29', '2028-02-29', '0000-00-00',
        '0000-00-00T00:00:00', '0000-01-01', '0001-01-01', '9999-12-31',
        '10000-01-01', '+20260-01-31', '+20260-01-31T08:00:00', '2026-5-1',
        '01/05/2026', '2461161.5', '1777593600', ' 2026-05-01 '),
    1777593600, 1777622400.25, 1777593600000, 2461161.5, 20260501, -1e9,
);

# in those of a type
my %of_type = (
    date => \@MOMENTS, datetime => \@MOMENTS,
    time => [map({ "'$_'" } '24:00', '8:00', '08:00:00.5', '23:59:60',
                 '08:00:00Z', '08:00:00+02:00', '8 am', '08',
                 '2026-05-01T08:00:00'), 28800, 86400, 28800.5, 0.5],
    boolean => [map({ "'$_'" } qw(t 1 1.0 T True FALSE no nope 2)), 1.0, 2,
                0.5, q{x'01'}],
    number => [map({ "'$_'" } '1e5', '1,5', '-0', '0x10', ' 5 ', '+5', '.5',
                   '5.', '1e400', 'NaN', '007'),
               1e300, '9007199254740993', '-9223372036854775808', 1e-320],
    integer => [map({ "'$_'" } '7', '7.0', '1e3', '7.5', '2147483648'),
                '7.0', '2147483647', '2147483648', '-2147483649',
                '9223372036854775807', 7.5],
    string => [q{CAST(x'610062' AS TEXT)}, q{CAST(x'ff' AS TEXT)},
               q{CAST(x'eda080' AS TEXT)}, q{char(1, 8232, 65535, 128512)},
               q{printf('%.*c', 100000, 'x')}, '1e300',
               '9223372036854775807'],
    object => [map({ "'$_'" } '[]', '{}', '""', 'null', '1', '"a"', 'true',
                   '{"a":1e400}', '{"a":123456789012345678901234567890}',
                   '{"a":"\\ud800"}', '{"b":1,"a":2,"b":3}', '{"a":1} x',
                   '{"a":"\\u0000"}', '[1,]', '[' x 200 . ']' x 200,
                   '[' x 120 . ']' x 120),
               q(x'7b7d'), q{x'ff'}],
);

# What central takes for another of its own: a legacy server has types of
# documents that Open mSupply does not have, codes and places that exist once.
my $others = qr/Ignored|Unsupported requisition|UniqueViolation/;

my %of;                    # where a row came from, by its id

start();
the_first_rows();
make_rows($_) for pushed_tables();
cmp_ok(scalar(keys %of), '>', 2000, 'rows of every table, value by value');
is(run(), 0, 'are sent, or wait here');
what_is_sent_is_read_by_central();
what_is_sent_is_read_by_the_other_site();

done_testing();


sub pushed_tables {
    return grep { @{ $_->{push_to} } } @{ read_catalogue('catalogue') };
}


# Of tables of which this site has none yet.
sub the_first_rows {
    my $now = '2026-05-01T08:00:00';

    insert(asset => { id => 'row-asset', store_id => store(),
        asset_number => 1, notes => 'n', created_datetime => $now,
        modified_datetime => $now });
    insert_rows_of('row-asset');
    is(insert_program_rows(), 0, 'what central has of a program');
    insert(message => { ID => 'message', toStoreID => store(),
        fromStoreID => store(9), body => '{}', createdDate => '2026-05-01',
        createdTime => '08:00:00', status => 'New',
        type => 'RequestFieldChange' });
    query(q{INSERT INTO asset_internal_location (id, asset_id, location_id) }
          . q{SELECT 'place', 'row-asset', ID FROM Location LIMIT 1},
          q{INSERT OR IGNORE INTO name_oms_fields (id) SELECT ID FROM name }
          . q{WHERE type = 'patient' LIMIT 1});
    return;
}


# A row of the store that is there already, with one value changed.
sub make_rows {
    my ($table) = @_;

    my ($name, $key) = @{$table}{qw(table key)};
    my %field = map { $_->{name} => $_ } grep { !$_->{local_only} }
        @{ $table->{fields} };
    my $own = $table->{has_store};
    my $where = $own ? qq{WHERE "$own" = '@{[store()]}'}
        : $name eq 'name' ? q{WHERE type = 'patient'} : '';
    my $source = query(qq{SELECT "$key" FROM "$name" $where LIMIT 1});
    my @columns = split /\n/,
        query(qq{SELECT name FROM pragma_table_info('$name')});

    return note("$name has no row to begin with") if $source eq '';

    for my $field (sort keys %field) {
        next if $field eq $key || $field eq ($own // '')
            || "$name.$field" eq 'name.type';

        my @values = values_of($field{$field});

        for my $value (@values) {
            next if $field{$field}{references} && $value !~ /^(?:NULL|'')$/;

            my $id = sprintf 'T%05d', 1 + keys %of;
            my %value = ($key => "'$id'", $field => $value,
                         msync_extra => 'NULL');

            # what a column does not take nobody has to send
            $of{$id} = "$name.$field = " . substr $value, 0, 60;
            push @{ $of{''} }, qq{INSERT OR IGNORE INTO "$name" SELECT }
                . join(', ', map { $value{$_} // qq{"$_"} } @columns)
                . qq{ FROM "$name" WHERE "$key" = '$source'};
        }
    }

    my @statements = @{ delete $of{''} };

    # a command line holds no more
    query('PRAGMA foreign_keys = OFF', 'BEGIN', splice(@statements, 0, 50),
          'COMMIT') while @statements;
    return;
}

# what is written into a field, as SQL
sub values_of {
    my ($field) = @_;

    my @words = @{ $field->{enum} // [] };

    return (@forms{ sort keys %forms }, @{ $of_type{ $field->{type} } // [] },
            map { ("'$_'", "'" . uc($_) . "'", "'" . lc($_) . "'") } @words);
}


# those of our rows that a server has not read, but for what is its own affair
sub is_read {
    my ($server, $what) = @_;

    my @unread = grep { !/: $others/ } map {
        my ($id, $error) = split /\|/, $_, 2;
        $of{$id} ? "$of{$id}: $error" : ();
    } split /\n/, $server->query(q{SELECT record_id, replace(substr(}
        . q{integration_error, 1, 200), char(10), ' ') FROM sync_buffer }
        . q{WHERE integration_error IS NOT NULL});

    is("@unread[0 .. ($#unread > 9 ? 9 : $#unread)]", '', $what);
    return;
}


sub what_is_sent_is_read_by_central {
    cmp_ok(central->query(q{SELECT count(*) FROM sync_buffer WHERE record_id }
                          . q{LIKE 'T0%' AND source_site_id = 7}), '>', 100,
           'central gets rows of its tables');
    is_read(central(), 'and reads each of them');
    return;
}


# as mSupply central sends them to a site
sub what_is_sent_is_read_by_the_other_site {
    my @records = grep { $of{ $_->{recordId} } } pushed('Clinic 7');

    cmp_ok(scalar(@records), '>', 1000, 'mSupply central gets rows');
    forward('Clinic 9', @records);
    is(remote->sync, undef, 'they are sent to the other site');
    is(remote->sync, undef, 'as they are kept');
    is_read(remote(), 'which reads each of them');
    return;
}
