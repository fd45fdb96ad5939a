# A record of each table that a site of sync v7 pushes, with each of its fields
# once missing, null, empty or of another type, sent to a genuine Open mSupply
# central of 3.0 (Msync::Interop): what it refuses the emulator's reader
# refuses, so that the suites would notice it.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../central/lib";

use Central::Data;
use Central::Reader qw(unreadable);
use Central::State;
use HTTP::Tiny;
use JSON::PP ();
use Msync::Interop qw(PASSWORD central emulator insert insert_rows_of query
    run said_to_central start_three store);
use Msync::Test qw(decode_json encode_json read_catalogue wait_until);
use Test::More;

my $true = decode_json('[true]')->[0];
my %wrong = (
    string => [1, $true, {}], number => ['1', '', $true, {}],
    integer => ['1', '', 1.5, $true, 2**40], long => ['1', 1.5, $true],
    boolean => ['true', 1, 0, ''], object => [1, 'x'],
    date => ['', 'soon', 20260501, '2026-13-01', '2026-05-01T00:00:00'],
    datetime => ['', 'soon', '2026-05-01', 1777593600,
                 map { "2026-05-01$_" } ' 08:00:00', 'T08:00:00Z', 'T08:00',
                 'T08:00:00+02:00', 'T25:00:00'],
);

# where central puts something of its own; the emulator does not, for a site
# that relies on that sends less than it has
my $made_up = qr/\A(?:AssetLog\.created_datetime\ missing
    |SyncFileReference\.total_bytes\ missing|Name\.type\ =)/x;

start_three();

my $state = Central::State->new(
    data => Central::Data->new(catalogue => read_catalogue('catalogue'),
                               shapes => read_catalogue('v7'), records => 600,
                               seed => 1, site_id => 7),
    name => 'Clinic 7', site_id => 7, start => { password => PASSWORD });
my (%what, %complaint, %result);

emulator('Clinic 7')->config(sync_version => '', upgrade => 200);
is(run(), 0, 'the site is upgraded');
is(run(), 0, 'and goes on by v7');

my @base = records_that_are_read();

push_and_wait(map { changed($_) } @base);
the_emulator_is_as_strict();

done_testing();


# of each table that this site pushes one that central has made a row of
sub records_that_are_read {
    my $now = '2026-05-01T08:00:00';

    insert(asset => { id => 'row-asset', store_id => store(),
        asset_number => 1, created_datetime => $now,
        modified_datetime => $now });
    insert_rows_of('row-asset');
    insert(Location => { ID => 'row-location', code => 'N1',
        Description => 'New', store_ID => store() });
    said_to_central();
    query("UPDATE \"$_\" SET msync_extra = coalesce(msync_extra, '{}') || ' '")
        for split /\n/, query(q{SELECT DISTINCT tbl_name FROM sqlite_master }
            . q{WHERE type = 'trigger' AND tbl_name <> 'changelog' AND sql }
            . q{LIKE '%INTO changelog%'});
    is(run(), 0, 'rows of all tables are sent');

    my @sent = map { @{ JSON::PP->new->decode($_->[2])->{records} } }
        grep { $_->[0] =~ m{/push\z} } said_to_central();
    my (%good, %of);

    integrated_all();
    $good{$_} = 1 for split /\n/, central->query('SELECT record_id FROM '
        . q{sync_buffer WHERE sync_version = 'V7' AND integration_result = }
        . q{'SUCCESS'});
    $of{ $_->{tableName} } //= $_
        for grep { $good{ $_->{recordId} } && $_->{action} eq 'Upsert' } @sent;
    cmp_ok(scalar keys %of, '>', 15, 'of so many tables')
        or diag(join ' ', sort keys %of);

    return map { $of{$_} } sort keys %of;
}

sub integrated_all {
    wait_until(sub { !central->query('SELECT count(*) FROM sync_buffer WHERE '
        . q{sync_version = 'V7' AND integration_result IS NULL}) }, 240)
        or diag('central does not come to an end');
    return;
}

# records like it with ids of their own, the first as it is
sub changed {
    my ($base) = @_;

    my $table = $state->rows->table($base->{tableName}) // return;
    my @kinds = ['as it was', {}];

    for my $f (@{ $table->{fields} }) {
        my $name = $f->{name};

        next if $name eq 'id';
        push @kinds, ["$name missing", { $name => undef }, $name],
            map { ["$name = " . encode_json([$_]), { $name => $_ }] }
                undef, @{ $wrong{ $f->{type} } // [] },
                $f->{enum} ? ('', 'bogus') : ();
    }

    return map { with_change($table, $base, @$_) } @kinds;
}

sub with_change {
    my ($table, $base, $how, $change, $missing) = @_;

    my $id = sprintf 'T%05d', 1 + keys %what;
    my %data = (%{ $base->{data} }, id => $id, %$change);

    delete $data{$missing} if defined $missing;
    $what{$id} = "$table->{table}.$how";
    $complaint{$id} = [unreadable($table,
                                  decode_json(encode_json(\%data)))];

    return { %$base, recordId => $id, data => \%data };
}

sub push_and_wait {
    my @records = @_;

    my %value = map { $_->[0] => $_->[1] } map { [split /\|/] } split /\n/,
        query(q{SELECT id, coalesce(value_string, value_int) FROM }
              . q{key_value_store WHERE id LIKE 'SETTINGS_SYNC%'});
    my $cursor = 1e6;

    while (my @some = splice @records, 0, 200) {
        my $answer = HTTP::Tiny->new(timeout => 300)->post(
            central->url . '/central/sync_v7/push', {
                headers => {
                    'Content-Type' => 'application/json',
                    Authorization => "Bearer $value{SETTINGS_SYNC_V7_TOKEN}",
                    'hardware-id' => hardware_id(), 'app-version' => '3.0.0',
                },
                content => encode_json({ siteId => 7, maxCursor => 9e6,
                    lastCursorInBatch => $cursor + @some,
                    remaining => scalar @records,
                    records => [map { { %$_, cursor => ++$cursor } } @some] }),
            });
        like($answer->{content}, qr/"Ok"/, 'central takes them')
            or diag($answer->{content});
    }

    integrated_all();

    for (split /\n/, central->query(q{SELECT record_id || ' ' || }
        . q{coalesce(integration_result, '-') || ' ' || }
        . q{coalesce(substr(replace(integration_error, char(10), ' '), 1, }
        . q{160), '') FROM sync_buffer WHERE record_id LIKE 'T0%'}))
    {
        my ($id, $how, $error) = split / /, $_, 3;
        $result{$id} = $how eq 'SUCCESS' ? '' : "$how $error";
    }
    return;
}

sub hardware_id {
    return central->query('SELECT hardware_id FROM site WHERE id = 7');
}

# A row that another one of the same name, code or number keeps out says
# nothing about the reader.
sub the_emulator_is_as_strict {
    my $constraint = qr/FOREIGN KEY|UNIQUE|already exists/;
    my @known = grep { defined $result{$_} } sort keys %what;
    my @lenient = grep { $result{$_} && $result{$_} !~ $constraint
                         && !@{ $complaint{$_} } } @known;
    my @strict = grep { !$result{$_} && @{ $complaint{$_} }
                        && $what{$_} !~ $made_up } @known;

    cmp_ok(scalar @known, '>', 500, 'central has an opinion of them');
    is(said(@lenient), '', 'what it refuses the emulator refuses');
    is(said(@strict), '', 'and nothing else');
    return;
}

sub said {
    return join "\n", map { "$what{$_}: $result{$_} @{ $complaint{$_} }" }
        @_ > 20 ? @_[0 .. 19] : @_;
}
