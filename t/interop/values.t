# Beside genuine Open mSupply servers (Msync::Interop): of every table that is
# pushed, a row for each field and each of some values, as applications write
# them.  What msync sends the genuine servers read; what it does not send waits
# here with its field.

use strict;
use warnings;

use Msync::Interop qw(central forward insert insert_rows_of pushed query
    remote run start store);
use Msync::Test qw(decode_json project_root);
use Test::More;

my %forms = (
    null => 'NULL', empty => q{''}, words => qq{'\xc3\xa4\xe2\x82\xac "\\'},
    zero => '0', negative => '-1', fraction => '1.5', large => '1e15',
    datetime => q{'2026-05-01 08:00:00'}, date => q{'2026-05-01'},
    boolean => q{'true'}, object => q('{"a":null,"b":""}'),
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
    my $file = project_root() . '/sync/catalogue/catalogue.json';
    my $tables = decode_json(do { local (@ARGV, $/) = $file; <> });

    # those that refer to what only central has are read nowhere without it
    return grep { @{ $_->{push_to} } && $_->{table} !~ /^vaccination$/ }
        @$tables;
}


# Of tables of which this site has none yet.
sub the_first_rows {
    my $now = '2026-05-01T08:00:00';

    insert(asset => { id => 'row-asset', store_id => store(),
        asset_number => 1, notes => 'n', created_datetime => $now,
        modified_datetime => $now });
    insert_rows_of('row-asset');
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

    for my $form (sort keys %forms) {
        for my $field (sort keys %field) {
            next if $field eq $key || $field eq ($own // '')
                || "$name.$field" eq 'name.type';
            next if $field{$field}{references} && $form !~ /null|empty/;

            my $id = sprintf 'T%05d', 1 + keys %of;
            my %value = ($key => "'$id'", $field => $forms{$form},
                         msync_extra => 'NULL');

            # what a column does not take nobody has to send
            $of{$id} = "$name.$field = $form";
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
