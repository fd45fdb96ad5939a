# Beside genuine Open mSupply servers (Msync::Interop): a record of each pushed
# table, with each of its fields once missing, null, empty or of another type.
# What a genuine reader refuses the emulator's refuses, so that the suites would
# notice it; and what it takes becomes a row here.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../central/lib";

use Central::Check qw(check_record);
use Central::Data;
use Central::State;
use Digest::SHA qw(sha256_hex);
use HTTP::Tiny;
use Msync::Interop qw(PASSWORD central emulator insert insert_program_rows
    insert_rows_of query remote run start store url);
use Msync::Test qw(decode_json encode_json read_catalogue wait_until);
use Test::More;

my $true = decode_json('[true]')->[0];
my %wrong = (
    string => [1, 1.5, $true, [], {}], number => ['1', '', 'x', $true, {}],
    integer => ['1', '', 1.5, $true], boolean => ['true', 1, 0, ''],
    date => ['', 'soon', 20260501], time => [], object => [1, $true],
    datetime => ['', 'soon', '2026-05-01', 1777593600,
                 map { "2026-05-01$_" } ' 08:00:00', 'T08:00:00Z', 'T08:00'],
);

# a moment that has to be in one of two fields, and a kind that only mSupply has
my $together = qr/\A(?:temperature_(?:breach|log)\.(?:start_)?date
    |requisition\.om_status|.*\.type\ =|.*\.status\ =)/x;

start();

my @tables = @{ read_catalogue('catalogue') };
my $state = Central::State->new(
    data => Central::Data->new(catalogue => \@tables,
                               shapes => read_catalogue('v7'), records => 600,
                               seed => 1, site_id => 7),
    name => 'Clinic 7', site_id => 7, start => { password => PASSWORD });
my (%what, %complaint, %refused, %waits);

what_legacy_sends();
what_this_site_pushes();
the_emulator_is_as_strict();
what_is_taken_there_is_taken_here();

done_testing();


sub is_of {
    my ($side, $t) = @_;
    return grep { $_ eq $side } @{ $t->{push_to} };
}

# [what, the object with one member changed] for each of these fields
sub changed {
    my ($fields, $object) = @_;

    my @out;

    for my $f (grep { !$_->{local_only} } @$fields) {
        my $name = $f->{name};
        my @values = (undef, @{ $wrong{ $f->{type} } },
                      $f->{enum} ? ('', 'bogus') : (),
                      $f->{references} ? '' : ());
        my %without = %$object;

        delete $without{$name};
        push @out, ["$name missing", \%without],
            map { ["$name = " . encode_json([$_]),
                   { %$object, $name => $_ }] } @values;

        my $own = ref $object->{$name} eq 'HASH' ? $object->{$name} : {};
        push @out, map { ["$name.$_->[0]", { %$object, $name => $_->[1] }] }
            changed($f->{properties}, $own) if $f->{properties};
    }

    return @out;
}

# records of a table with ids of their own, the first as it was
sub records_of {
    my ($t, $api, $base) = @_;

    my @records;

    for (['as it was', $base], changed($t->{fields}, $base)) {
        my ($how, $data) = @$_;
        next if $how =~ /\A\Q$t->{key}\E / || "$t->{table}.$how" =~ $together;

        my $id = sprintf 'T%05d', 1 + keys %what;
        my $record = { tableName => $t->{table}, recordId => $id,
                       action => 'Update',
                       recordData => { %$data, $t->{key} => $id } };

        $what{$id} = "$t->{table}.$how";
        $complaint{$id} = [map { s/\b$id\b//gr }
            check_record($state, $api, decode_json(encode_json($record)))];
        push @records, $record;
    }

    return @records;
}

sub note_refused {
    my ($server) = @_;

    for (split /\n/, $server->query(q{SELECT record_id || ' ' || coalesce(}
            . q{substr(replace(integration_error, char(10), ' '), 1, 90), '')}
            . q{ FROM sync_buffer WHERE record_id LIKE 'T0%'}))
    {
        my ($id, $error) = split / /, $_, 2;
        $refused{$id} = $error;
    }

    return;
}


# to both sites, as it would what another one has pushed
sub what_legacy_sends {
    my $there = emulator('Clinic 9')->records;
    my @records;

    for my $t (grep { is_of(legacy => $_) } @tables) {
        my $rows = $there->{ $t->{table} };
        my ($id) = grep { $t->{table} ne 'name'
            || $rows->{$_}{type} eq 'patient' } sort keys %$rows;
        push @records, records_of($t, 'v5', $rows->{$id}) if $id;
    }

    for my $site ('Clinic 7', 'Clinic 9') {
        emulator($site)->change(map { { %$_, action => 'update',
                                        channel => 'remote' } } @records);
    }

    remote->sync for 1 .. 2;
    note_refused(remote());
    is(run(), 0, 'all kinds of records come');
    %waits = map { $_ => 1 } split /\n/,
        query(q{SELECT record_id FROM sync_buffer});
    return;
}


sub what_this_site_pushes {
    my $now = '2026-05-01T08:00:00';

    insert(asset => { id => 'row-asset', store_id => store(),
        asset_number => 1, created_datetime => $now,
        modified_datetime => $now });
    insert_rows_of('row-asset');
    insert_program_rows();
    run();

    my @records = map {
        my $data = central->query('SELECT data FROM sync_buffer WHERE '
            . "table_name = '$_->{table}' AND source_site_id = 7 LIMIT 1");
        $data ? records_of($_, 'v6', decode_json($data)) : ();
    } grep { is_of(omsupply => $_) && $_->{table} ne 'name_oms_fields' }
        @tables;
    my $cursor = 1e6;
    my $site = emulator('Clinic 7');

    my $answer = HTTP::Tiny->new->post(central->url . '/central/sync/push', {
        headers => { 'Content-Type' => 'application/json' },
        content => encode_json({ syncV6Version => 5, batch => {
            end_cursor => 2e6, total_records => scalar @records,
            is_last_batch => $true,
            records => [map { { cursor => ++$cursor, record => $_ } }
                        @records] },
            syncV5Settings => { serverUrl => url(), username => 'Clinic 7',
                passwordSha256 => sha256_hex(PASSWORD), appName => 'msync',
                siteUuid => $site->state(1)->{hardwareId},
                appVersion => '2.20.0', syncVersion => '14' } }),
    });
    like($answer->{content}, qr/records_pushed/, 'and go')
        or diag($answer->{content});
    wait_until(sub { !central->query('SELECT count(*) FROM sync_buffer WHERE '
        . q{record_id LIKE 'T0%' AND integration_datetime IS NULL AND }
        . 'integration_error IS NULL') }, 120);
    note_refused(central());
    return;
}


# by table, whether a record that nothing was changed of was taken
sub bases {
    return { map { $what{$_} =~ /\A(\w+)\.as it was\z/ && !$refused{$_}
                   ? ($1 => $_) : () } keys %what };
}

sub the_emulator_is_as_strict {
    my $base = bases();
    my @lenient;

    cmp_ok(scalar keys %$base, '>', 25, 'records of these tables are read');

    for my $id (sort keys %refused) {
        my ($table, $field) = $what{$id} =~ /\A(\w+)\.(\w+)/;
        my %usual = map { $_ => 1 } @{ $complaint{ $base->{$table} // '' } };

        push @lenient, "$what{$id}: $refused{$id}" if $refused{$id}
            && $base->{$table} && !grep { !$usual{$_} || /\b$field\b/ }
                                       @{ $complaint{$id} };
    }

    is("@lenient[0 .. ($#lenient > 9 ? 9 : $#lenient)]", '',
       'what a genuine server refuses the emulator refuses');
    return;
}


sub what_is_taken_there_is_taken_here {
    my $base = bases();
    my @lost = map { $what{$_} } grep { $waits{$_} && !$refused{$_}
        && $base->{ $what{$_} =~ /\A(\w+)/ ? $1 : '' } } sort keys %refused;

    is("@lost[0 .. ($#lost > 9 ? 9 : $#lost)]", '',
       'what a genuine site takes becomes a row here');
    return;
}
