# An application writes as its framework does: what goes to central is what
# central reads, what is not clear waits here with its field, and what nobody
# has to mend makes no badge red.

use strict;
use warnings;

use JSON::XS qw(decode_json);
use Msync::Site;
use Msync::Test qw(write_file);
use Test::More;

my $site = Msync::Site->new(records => 3000);
my $central = $site->central;
my $said;

is(run('sync'), 0, 'the first sync');

what_a_framework_writes_arrives_in_the_form_of_the_wire();
what_is_written_back_as_it_was_is_not_sent();
what_is_not_clear_waits_here_and_the_others_go();
the_midnight_of_another_zone_waits_here();
null_is_left_out_where_central_refuses_it();
json_that_some_servers_refuse_waits_here_and_the_others_go();
a_text_that_should_be_json_waits_here_and_the_others_go();
a_part_without_its_whole_waits_here();
an_id_that_is_no_text_waits_here_and_the_others_go();
a_record_with_a_space_in_its_dates_becomes_a_row();
a_year_with_a_sign_comes_and_goes_back();
a_word_of_a_newer_server_goes_back_when_something_else_is_edited();
a_record_that_lacks_fields_becomes_a_row_and_changes_one();
deletes_and_tables_of_later_servers_are_notes();
what_a_file_of_commas_leaves_empty_is_nothing();
a_trigger_that_deletes_or_keeps_its_own_row_is_followed();
a_column_that_was_lost_takes_nothing_from_central();
half_of_a_character_waits_here();

is_deeply($central->state->{violations}, [], 'central has no complaint');

done_testing();


# what it says is in $said
sub run {
    (my $status, $said) = $site->run(@_);
    return $status;
}

sub query { return $site->query(@_) }

sub one {
    my ($table, $key) = @_;

    return query(qq{SELECT "$key" FROM "$table" ORDER BY 1 LIMIT 1});
}

# what central has of a record
sub there {
    my ($table, $id) = @_;

    return $central->record($table, $id);
}

sub from_central {
    my ($table, $id, $action, $data) = @_;

    $central->change(tableName => $table, recordId => $id,
                     action => $action, recordData => $data);
}


sub what_a_framework_writes_arrives_in_the_form_of_the_wire {
    my $line = one(item_line => 'ID');
    my $asset = one(asset => 'id');
    my $invoice = query("SELECT ID FROM transact WHERE store_ID IN (SELECT ID "
        . 'FROM store WHERE sync_id_remote_site = 7) ORDER BY 1 LIMIT 1');

    query("UPDATE item_line SET expiry_date = '2030-01-31 00:00:00', "
          . "hold = 'true', quantity = '2.50' WHERE ID = '$line'");
    query("UPDATE asset SET created_datetime = '2026-05-01 10:00:00+02:00', "
          . "installation_date = 1777593600000, modified_datetime = "
          . "1777622400000 WHERE id = '$asset'");
    query("UPDATE transact SET entry_time = '8:05', om_created_datetime = "
          . "'2026-05-01T08:00:00.000Z', om_status = 'picked' WHERE ID = "
          . "'$invoice'");
    is(run('sync'), 0, 'the run ends well');

    my ($l, $a, $t) = (there(item_line => $line), there(asset => $asset),
                       there(transact => $invoice));
    is($l->{expiry_date}, '2030-01-31T00:00:00', 'a date with a time');
    ok(ref $l->{hold} && $l->{hold}, 'a flag that is a word');
    is(0 + $l->{quantity}, 2.5, 'a number that is a text');
    is($a->{created_datetime}, '2026-05-01T08:00:00', 'a zone');
    is($a->{installation_date}, '2026-05-01', 'milliseconds in a date');
    is($a->{modified_datetime}, '2026-05-01T08:00:00', '... in a datetime');
    is($t->{entry_time}, '08:05:00', 'a time without seconds');
    is($t->{om_created_datetime}, '2026-05-01T08:00:00', 'JavaScript');
    is($t->{om_status}, 'PICKED', 'a word in another case');
}


# GORM, Sequelize, TypeORM: all columns, in a form of their own
sub what_is_written_back_as_it_was_is_not_sent {
    my $before = @{ $central->state->{received}{v5} };

    query("UPDATE item_line SET expiry_date = expiry_date || "
          . "' 00:00:00+00:00', hold = hold, quantity = quantity "
          . "WHERE expiry_date GLOB '????-??-??'");
    query("UPDATE transact SET om_created_datetime = replace("
          . "om_created_datetime, 'T', ' ') || ' +0000 UTC' WHERE "
          . "om_created_datetime GLOB '????-??-??T??:??:??*'");
    is(run('sync'), 0, 'the run ends well');
    is(@{ $central->state->{received}{v5} } - $before, 0, 'nothing is sent');
}


sub the_midnight_of_another_zone_waits_here {
    my $line = one(item_line => 'ID');

    for my $moment ("'2030-01-30T22:00:00.000Z'", 1896012000000) {
        query("UPDATE item_line SET expiry_date = $moment WHERE ID = "
              . "'$line'");
        is(run('sync'), 0, 'the run ends well');
        unlike(there(item_line => $line)->{expiry_date}, qr/2030-01-30/,
               'the day before is not sent');
        run('errors');
        like($said, qr/"expiry_date" holds what is not clearly a date/,
             'and why is said');
    }

    query("UPDATE item_line SET expiry_date = '2030-01-31' WHERE ID = "
          . "'$line'");
    run('sync');
    is(there(item_line => $line)->{expiry_date}, '2030-01-31T00:00:00',
       'it goes when it is corrected');
}


sub what_is_not_clear_waits_here_and_the_others_go {
    my @ids = split /\n/, query('SELECT ID FROM item_line ORDER BY 1 LIMIT 2');

    query("UPDATE item_line SET expiry_date = '31/01/2030' WHERE ID = "
          . "'$ids[0]'");
    query("UPDATE item_line SET batch = 'waits for nobody' WHERE ID = "
          . "'$ids[1]'");
    is(run('sync'), 0, 'the run ends well');

    is(there(item_line => $ids[1])->{batch}, 'waits for nobody',
       'the other one went');
    isnt(there(item_line => $ids[0])->{expiry_date}, '31/01/2030',
         'the one did not');
    run('errors');
    like($said, qr/"expiry_date" holds what is not clearly a date/,
         'and why is said');
    run('check');
    like($said, qr/^msync: push: 1 records cannot be sent, or central refused/m,
         'not that central was asked');

    query("UPDATE item_line SET expiry_date = '2031-01-31' WHERE ID = "
          . "'$ids[0]'");
    run('sync');
    is(there(item_line => $ids[0])->{expiry_date}, '2031-01-31T00:00:00',
       'it goes when it is corrected');
}


sub null_is_left_out_where_central_refuses_it {
    my $asset = one(asset => 'id');

    query('INSERT INTO asset_log (id, asset_id, user_id, log_datetime) '
          . "SELECT 'log-without', id, '', '2026-05-01 08:00:00' FROM asset "
          . "WHERE id = '$asset'");
    is(run('sync'), 0, 'the run ends well');

    my $log = there(asset_log => 'log-without');
    ok($log, 'the log arrived');
    ok(!exists $log->{created_datetime}, 'without what it does not have');
    is($log->{user_id}, '', 'nobody is a value');
}


# of one value that it cannot read a server refuses all that came with it
sub json_that_some_servers_refuse_waits_here_and_the_others_go {
    my ($id) = split /\n/, query("SELECT ID FROM name WHERE type = 'patient' "
        . 'ORDER BY 1 LIMIT 1');
    my $lot = one(item_line => 'ID');
    my $n = 0;

    for my $json ('{"a":1e400}', '{"a":"\\ud800"}', '[' x 130 . ']' x 130) {
        $n++;
        query("UPDATE name SET custom_data = '$json' WHERE ID = '$id'");
        query("UPDATE item_line SET batch = 'json $n' WHERE ID = '$lot'");
        is(run('sync'), 0, 'the run ends well');
        is(there(item_line => $lot)->{batch}, "json $n", 'the others go');
        run('errors');
        like($said, qr/"custom_data" holds what is not clearly JSON that/,
             'the one is listed');
    }

    query(qq(UPDATE name SET custom_data = '{"a":1e300,"b":"\\ud83d\\ude00"}' )
          . "WHERE ID = '$id'");
    run('sync');
    is_deeply(there(name => $id)->{custom_data},
              { a => 1e300, b => "\x{1f600}" }, 'it goes when it is corrected');
}


# central keeps it, and its own pages fail on it
sub a_text_that_should_be_json_waits_here_and_the_others_go {
    my ($one, $other) = split /\n/, query('SELECT id FROM asset ORDER BY 1 '
        . 'LIMIT 2');
    my $posts = () = $site->asked =~ /\bpush\b/g;

    query(q{UPDATE asset SET properties = '[object Object]' WHERE id = }
          . "'$one'",
          "UPDATE asset SET notes = 'beside it', properties = '' WHERE id = "
          . "'$other'");
    is(run('sync'), 0, 'the run ends well');
    is(there(asset => $other)->{notes}, 'beside it', 'the other goes');
    is(there(asset => $other)->{properties}, undef, '... without properties');
    is(() = $site->asked =~ /\bpush\b/g, 1, 'at once');
    run('errors');
    like($said, qr/"properties" holds what is not clearly JSON that/,
         'the one waits, and why is said');

    query(qq(UPDATE asset SET properties = '{"a":1}' WHERE id = '$one'));
    run('sync');
    is(there(asset => $one)->{properties}, '{"a":1}',
       'it goes when it is corrected');

    from_central(asset => $one, update => { %{ there(asset => $one) },
        properties => 'of before' });
    run('sync');
    query("UPDATE asset SET notes = 'edited' WHERE id = '$one'");
    is(run('sync'), 0, 'what came otherwise');
    is(there(asset => $one)->{notes}, 'edited', 'keeps no edit here');
}


sub a_part_without_its_whole_waits_here {
    query(q{INSERT INTO name_oms_fields (id, properties) VALUES ('no-name', }
          . q{'{"a":1}')});
    is(run('sync'), 0, 'the run ends well');
    ok(!there(name_oms_fields => 'no-name'), 'a part of no name stays');
    run('errors');
    like($said, qr/"id" is the id of no row of "name"/, 'and is listed');
    query(q{DELETE FROM name_oms_fields WHERE id = 'no-name'});
    is(run('sync'), 0, 'without it all goes on');
    run('errors');
    unlike($said, qr/no-name/, 'and nothing is listed any more');
}


# a UUID in 16 octets, as some drivers keep it
sub an_id_that_is_no_text_waits_here_and_the_others_go {
    my %why = (q{X'550E8400E29B41D4A716446655440000'} =>
                   'its id holds octets that are no text',
               q{X'41'} => 'its id holds octets that are no text',
               q{X'C328'} => 'its id holds octets that are no text',
               '' => 'its id is empty');

    query('INSERT INTO Location (ID, store_ID, code) SELECT column1, ID, '
          . "'nameless' FROM store, (VALUES ("
          . join('), (', map { $_ eq '' ? q('') : /C328/ ? "CAST($_ AS TEXT)"
                               : $_ } sort keys %why)
          . "), ('a-neighbour')) WHERE sync_id_remote_site = 7");
    is(run('sync'), 0, 'the run ends well');
    ok(there(Location => 'a-neighbour'), 'the others go');

    # "retry" on the page, and a change of the row
    for my $again ('', q{UPDATE Location SET Description = 'x' WHERE code = }
                   . q{'nameless'}) {
        query($again || 'UPDATE msync_refused SET last_tried = 0');
        is(run('sync'), 0, 'the run ends well');
        run('errors', '--json');

        my %listed = map { ($_->{recordId} => $_->{error}) }
            @{ decode_json($said)->{errors} };

        is_deeply([sort keys %listed], [sort keys %why],
                  'they are listed as long as they are there');
        like($listed{$_}, qr/^$why{$_}; give it/, 'with the reason')
            for sort keys %why;
    }

    run('dismiss', 'Location', q{X'C328'});
    run('errors', '--json');
    is(decode_json($said)->{total}, 3, 'one is dismissed by its name');
    query("DELETE FROM Location WHERE code = 'nameless'");
    is(run('sync'), 0, 'they are deleted');
    run('errors', '--json');
    is(decode_json($said)->{total}, 0, 'and no failures any more');
    is_deeply([map { $_->{recordId} } grep { $_->{action} =~ /delete/i
                   && $_->{tableName} eq 'Location' }
                   @{ $central->state->{received}{v5} }], ['a-neighbour'],
              'central is told of the one that it has');
}


sub a_record_with_a_space_in_its_dates_becomes_a_row {
    my $names = $central->records->{name};
    my ($id) = grep { $names->{$_}{type} eq 'facility' } sort keys %$names;

    from_central(name => $id, update => {
        %{ $names->{$id} }, date_of_birth => '1985-03-09 00:00:00',
        om_created_datetime => '2026-05-01 08:00:00' });
    is(run('sync'), 0, 'the run ends well');
    is(query("SELECT date_of_birth || ' ' || om_created_datetime FROM name "
             . "WHERE ID = '$id'"), '1985-03-09 2026-05-01T08:00:00',
       'a patient is not lost for a space');
}


sub a_year_with_a_sign_comes_and_goes_back {
    my $line = one(item_line => 'ID');

    from_central(item_line => $line, update => {
        %{ there(item_line => $line) }, expiry_date => '+20260-01-31' });
    is(run('sync'), 0, 'the run ends well');
    is(query("SELECT expiry_date FROM item_line WHERE ID = '$line'"),
       '+20260-01-31', 'what somebody mistyped is not lost');
    query("UPDATE item_line SET batch = 'year' WHERE ID = '$line'");
    run('sync');
    is_deeply([@{ there(item_line => $line) }{qw(batch expiry_date)}],
              ['year', '+20260-01-31T00:00:00'], 'and goes back');
}


# central has been upgraded, and this site has not
sub a_word_of_a_newer_server_goes_back_when_something_else_is_edited {
    my $id = query("SELECT ID FROM requisition WHERE store_ID IN (SELECT ID "
        . 'FROM store WHERE sync_id_remote_site = 7) ORDER BY 1 LIMIT 1');
    my %new = (om_created_datetime => '2026-05-01T08:00:00',
               om_status => 'RECALLED', authorisationStatus => 'postponed');

    from_central(requisition => $id, update =>
                 { %{ there(requisition => $id) }, %new });
    is(run('sync'), 0, 'words that no catalogue has come');
    is(query("SELECT om_status FROM requisition WHERE ID = '$id'"),
       'RECALLED', 'and are here');

    query("UPDATE requisition SET comment = 'seen' WHERE ID = '$id'");
    is(run('sync'), 0, 'another field of the row is edited');
    is(there(requisition => $id)->{comment}, 'seen', 'and arrives');
    is(there(requisition => $id)->{om_status}, 'RECALLED',
       'with the word as it came');

    query("UPDATE requisition SET om_status = 'REVOKED' WHERE ID = '$id'");
    run('sync');
    is(there(requisition => $id)->{om_status}, 'RECALLED',
       'a word of the application that nobody knows stays here');
    run('errors');
    like($said, qr/"om_status" holds what is not clearly one of DRAFT/,
         'and why is said');
    query("UPDATE requisition SET om_status = 'SENT' WHERE ID = '$id'");
    is(run('sync'), 0, 'one that is known');
    is(there(requisition => $id)->{om_status}, 'SENT', 'arrives');
}


sub a_record_that_lacks_fields_becomes_a_row_and_changes_one {
    my $id = 'A' x 32;

    from_central(unit => $id, insert => { ID => $id, units => 'sachet' });
    is(run('sync'), 0, 'the run ends well');
    is(query("SELECT units || comment || order_number FROM unit WHERE ID = "
             . "'$id'"), 'sachet0', 'neutral in a new row');

    query("UPDATE unit SET comment = 'kept' WHERE ID = '$id'");
    from_central(unit => $id, update => { ID => $id, units => 'bag' });
    run('sync');
    is(query("SELECT units || comment FROM unit WHERE ID = '$id'"), 'bagkept',
       'kept in an old one');
}


sub deletes_and_tables_of_later_servers_are_notes {
    my $schedule = query('SELECT periodScheduleID FROM period LIMIT 1');

    from_central(user => 'nobody', delete => undef);
    from_central(periodSchedule => $schedule, delete => undef);
    from_central(site => '1', insert => { ID => '1', site_ID => 7 });
    is(run('sync'), 0, 'the run ends well');

    run('status', '--json');
    is(decode_json($said)->{integrationErrors}, 0, 'no badge is red');
    is(query('SELECT count(*) FROM sync_buffer WHERE dismissed'), 2,
       'two are kept');
    isnt(query("SELECT ID FROM periodSchedule WHERE ID = '$schedule'"), '',
         'what others refer to stays');
}


# the sqlite3 shell imports no NULL
sub what_a_file_of_commas_leaves_empty_is_nothing {
    my @columns = split /\n/, query('SELECT name FROM '
        . q{pragma_table_info('Location')});
    my $store = query('SELECT min(ID) FROM store WHERE sync_id_remote_site = '
        . '7');
    my %row = (store_ID => $store, code => 'comma', hold => 0, Volume => 1.5);
    my $file = write_file('Location.csv', join '',
        map { my %has = (%row, %$_); join(',', map { $has{$_} // '' } @columns)
              . "\n" }
        { ID => 'of-a-file' }, { ID => 'without', Volume => '' });

    query(".import --csv $file Location");
    is(run('sync'), 0, 'the run ends well');

    my $there = there(Location => 'of-a-file');
    is($there->{code}, 'comma', 'a row of a file arrives');
    is($there->{location_type_ID}, undef, 'a reference that is empty is none');
    ok(!there(Location => 'without'), 'one whose number is empty waits');
    run('errors');
    like($said, qr/"Volume" holds what is not clearly a number/, 'and why');
    query(q{DELETE FROM Location WHERE ID = 'without'});
}


# Sequelize, GORM and TypeORM rebuild a table as their model has it
sub a_column_that_was_lost_takes_nothing_from_central {
    my $id = query(q{SELECT ID FROM Location WHERE Description <> '' AND }
        . 'store_ID IN (SELECT ID FROM store WHERE sync_id_remote_site = 7) '
        . 'ORDER BY 1 LIMIT 1');
    my $said_there = there(Location => $id)->{Description};

    query('PRAGMA foreign_keys = OFF', 'CREATE TABLE model (ID TEXT PRIMARY '
          . 'KEY NOT NULL, code, hold, store_ID, type_ID, Volume)',
          'INSERT INTO model SELECT ID, code, hold, store_ID, type_ID, Volume '
          . 'FROM Location', 'DROP TABLE Location',
          'ALTER TABLE model RENAME TO Location');
    isnt(run('sync'), 0, 'without a column that is sent no run goes on');
    like($said, qr/"Location": the column "Description" is gone.*reinitialise/s,
         'with words');

    query('ALTER TABLE Location ADD COLUMN Description');
    is(run('sync'), 0, 'it is there again, and empty');
    like($said, qr/rows are not sent again.*"msync reinitialise" fetches/,
         'and what is to be done');
    is(there(Location => $id)->{Description}, $said_there,
       'central keeps what it has');

    is(run('reinitialise', '--yes'), 0, 'all is to come anew');
    is(run('sync'), 0, 'it does');
    is(query("SELECT Description FROM Location WHERE ID = '$id'"),
       $said_there, 'and is here again');
}


# an application that voids a row in a trigger, and one that lets none go
sub a_trigger_that_deletes_or_keeps_its_own_row_is_followed {
    for my $id (qw(voided kept)) {
        query('INSERT INTO Location (ID, store_ID, code) SELECT '
              . "'$id', min(ID), 'c' FROM store WHERE sync_id_remote_site = 7");
    }
    is(run('sync'), 0, 'two rows');
    is(there(Location => 'voided')->{code}, 'c', 'are at central');

    query('CREATE TRIGGER voids AFTER UPDATE ON Location WHEN NEW.code = '
          . q{'void' BEGIN DELETE FROM Location WHERE ID = NEW.ID; END},
          q{CREATE TRIGGER keeps AFTER DELETE ON Location WHEN OLD.code = 'c' }
          . 'BEGIN INSERT INTO Location (ID, store_ID, code) VALUES '
          . q{(OLD.ID, OLD.store_ID, 'kept'); END},
          q{UPDATE Location SET code = 'void' WHERE ID = 'voided'},
          q{DELETE FROM Location WHERE ID = 'kept'});
    is(run('sync'), 0, 'one is voided, the other one is not let go');
    ok(!there(Location => 'voided'), 'central has the one no more');
    is(there(Location => 'kept')->{code}, 'kept', 'and the other one as it is');
    query('DROP TRIGGER voids', 'DROP TRIGGER keeps');
}


# of which UTF-8 has none: SQLite would make another character of it
sub half_of_a_character_waits_here {
    for my $order (qw(le be)) {
        my $half = $order eq 'le' ? '00D86100' : 'D8000061';
        my $whole = $order eq 'le' ? '3DD800DE' : 'D83DDE00';

        $site->new_database;
        query("PRAGMA encoding = 'UTF-16$order'", 'CREATE TABLE own (a)');
        is(run('sync'), 0, "a database of UTF-16$order");
        query('INSERT INTO Location (ID, store_ID, code, Description) SELECT '
              . "'half-$order', min(ID), CAST(X'$half' AS TEXT), 'n' FROM "
              . 'store WHERE sync_id_remote_site = 7',
              'INSERT INTO Location (ID, store_ID, code) SELECT '
              . "'whole-$order', min(ID), CAST(X'$whole' AS TEXT) FROM store "
              . 'WHERE sync_id_remote_site = 7');
        is(run('sync'), 0, 'the run ends well');
        is(there(Location => "whole-$order")->{code}, "\x{1f600}",
           'a character of two halves arrives');
        ok(!there(Location => "half-$order"), 'one half waits');
        run('errors');
        like($said, qr/"code" holds text with half of a character/, 'and why');

        query("UPDATE Location SET ID = CAST(X'$half' AS TEXT) WHERE ID = "
              . "'half-$order'");
        is(run('sync'), 0, 'it is in the id');
        run('errors');
        like($said, qr/its id holds octets that are no text/, 'and why');
        query("UPDATE Location SET ID = 'half-$order' WHERE ID = "
              . "CAST(X'$half' AS TEXT)");
        query("UPDATE Location SET code = 'a' WHERE ID = 'half-$order'");
        is(run('sync'), 0, 'it is corrected');
        is(there(Location => "half-$order")->{code}, 'a', 'and goes');
    }
}
