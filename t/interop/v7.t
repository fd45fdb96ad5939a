# A site of sync v7 beside a genuine Open mSupply central of 3.0
# (Msync::Interop): the upgrade of a site of v5 and v6 with what waits there,
# edits both ways, a patient, deletes, rows of every table, what central
# refuses, the token's life, and a new site.

use strict;
use warnings;

use Msync::Interop qw(central command database emulator helper query
    recorded_url run said_to_central start_three store url);
use Msync::Test qw(encode_json site_config site_path sqlite
    start_nginx wait_until worker_user);
use Test::More;

# of central and its legacy the ids of the sites
use constant { CENTRAL => 1, SITE => 7 };

start_three();
whatever_legacy_answers_the_site_goes_on();
the_upgrade_takes_what_waits_along();
a_run_with_nothing_to_do_asks_three_times();
edits_arrive_at_central();
edits_of_central_arrive();
a_patient_is_fetched();
a_patient_is_looked_for();
a_patient_of_the_site_arrives_at_central();
deletes_go_both_ways();
a_shipment_reaches_another_site();
a_token_that_was_wiped_is_asked_for_again();
a_site_that_is_not_one_of_v7_becomes_one_again();
what_waits_when_central_is_killed_arrives();
rows_of_every_table_can_be_read_by_central();
a_database_of_before_is_recognised();
refusals_are_named();
a_new_site_speaks_v7_from_the_start();

done_testing();


# the calls of a run, "push pull"
sub asked { return join ' ', map { $_->[0] =~ m{([^/]+)$} } said_to_central() }

sub value {
    my ($key) = @_;

    return query("SELECT coalesce(value_string, value_int) FROM "
                 . "key_value_store WHERE id = '$key'");
}

# As the server does when somebody enters something: the row and its line.
# Settings: sql, table, id, store, transfer, patient, action.
sub change {
    my (%to) = @_;

    my ($store, $transfer, $patient) =
        map { defined $to{$_} ? "'$to{$_}'" : 'NULL' }
        qw(store transfer patient);
    my $action = $to{action} // 'UPSERT';

    central->query("BEGIN IMMEDIATE; $to{sql}; INSERT INTO changelog "
        . '(table_name, record_id, row_action, store_id, transfer_store_id, '
        . "patient_link_id, source_site_id) VALUES ('$to{table}', '$to{id}', "
        . "'$action', $store, $transfer, $patient, " . CENTRAL . '); COMMIT');
    return;
}

sub change_unit {
    my ($id, $name) = @_;

    change(table => 'unit', id => $id, sql => 'INSERT OR REPLACE INTO unit '
           . "(id, name, \"index\", is_active) VALUES ('$id', '$name', 7, 1)");
    return;
}

# a line that central has of a row, as the site has it
sub there {
    my ($sql) = @_;

    my $said;

    wait_until(sub { ($said = central->query($sql)) ne '' }, 20);
    return $said;
}

# Records that msync sent and central did not make rows of.
sub all_is_integrated {
    my ($what) = @_;

    is(central->query(q{SELECT table_name || ' ' || record_id || ': ' || }
        . q{coalesce(integration_result, '-') || ' ' || }
        . q{coalesce(substr(integration_error, 1, 300), '') FROM sync_buffer }
        . q{WHERE sync_version = 'V7' AND coalesce(integration_result, '') }
        . q{<> 'SUCCESS' LIMIT 5}), '', "$what: central has integrated all");
    is(query('SELECT table_name, record_id, error FROM msync_refused'), '',
       "$what: nothing was refused here");
    return;
}


# ---- the tests --------------------------------------------------------------

sub whatever_legacy_answers_the_site_goes_on {
    my $emulator = emulator('Clinic 7');

    $emulator->config(sync_version => '');

    for my $answer ('stores_not_migrated', 404) {
        $emulator->config(upgrade => $answer);
        is(run(), 0, "$answer: the run goes well");
        is(value('SETTINGS_SYNC_VERSION'), 'V5_V6', 'by v5 and v6');
    }

    $emulator->config(upgrade => 200);
    return;
}


sub the_upgrade_takes_what_waits_along {
    my ($line) = good_line();

    query("UPDATE item_line SET batch = 'BEFORE' WHERE ID = '$line'");
    is(run(), 0, 'the run that upgrades');
    is(value('SETTINGS_SYNC_VERSION'), 'V7', 'does so');

    query("UPDATE item_line SET batch = 'AFTER' WHERE ID = '$line'");
    is(run(), 0, 'the first run by v7');

    my @said = said_to_central();
    is(join(' ', map { $_->[0] =~ m{([^/]+)$} } @said),
       'get_token site_status push site_status pull', 'asks for a token');
    unlike(join(' ', map { $_->[2] } @said), qr/"isInitialising":true/,
           'and not for everything');
    is(there("SELECT batch FROM stock_line WHERE id = '$line' AND batch = "
             . "'AFTER'"), 'AFTER', 'what waited is there');
    all_is_integrated('the upgrade');
    return;
}

# a line of stock that central can have too: what it refers to is there
sub good_line {
    my @there = split /\n/, central->query('SELECT id FROM stock_line '
        . "WHERE store_id = '" . store() . "' ORDER BY id");
    my $list = join ', ', map { "'$_'" } @there;

    return split /\n/, query("SELECT ID FROM item_line WHERE ID IN ($list)");
}


sub a_run_with_nothing_to_do_asks_three_times {
    is(run(), 0, 'a run with nothing to do');
    is(asked(), 'site_status push pull', 'asks three times');
    return;
}


# in every form that an application writes
sub edits_arrive_at_central {
    my ($line) = good_line();
    my $store = store();

    query("UPDATE item_line SET batch = 'Größe \"7\"', expiry_date = "
          . "'2027-03-04 00:00:00' WHERE ID = '$line'");
    query('INSERT INTO Location (ID, code, Description, store_ID) VALUES '
          . "('NEWLOCATION', 'N1', 'New', '$store')");
    query('INSERT INTO asset (id, store_id, asset_number, created_datetime, '
          . "modified_datetime) VALUES ('new-asset', '$store', 'A1', "
          . "'2026-05-01 08:00:00', '2026-05-01T10:00:00+02:00')");
    is(run(), 0, 'a run with edits');
    is(asked(), 'site_status push site_status pull', 'waits for central');
    is(there("SELECT batch, expiry_date FROM stock_line WHERE id = '$line' "
             . "AND batch LIKE 'Gr%'"), 'Größe "7"|2027-03-04',
       'what was edited is there');
    is(there(q{SELECT name FROM location WHERE id = 'NEWLOCATION'}), 'New',
       'and what is new');
    like(there(q{SELECT created_datetime FROM asset WHERE id = 'new-asset'}),
         qr/^2026-05-01 08:00:00/, 'with its dates');
    all_is_integrated('edits');
    return;
}


sub edits_of_central_arrive {
    change_unit(u7 => 'seven');
    change(table => 'asset', id => 'new-asset', store => store(),
           sql => q{UPDATE asset SET notes = 'by central' WHERE id = }
                . q{'new-asset'});
    is(run(), 0, 'a run after edits of central');
    is(query(q{SELECT units FROM unit WHERE ID = 'u7'}), 'seven',
       'brings what is central\'s');
    is(query(q{SELECT notes FROM asset WHERE id = 'new-asset'}), 'by central',
       'and what it edits of ours');
    is(query('SELECT table_name, record_id, integration_error FROM '
             . 'sync_buffer WHERE integration_datetime IS NULL'), '',
       'and nothing that does not fit');
    asked();
    return;
}


sub a_patient_is_fetched {
    my $patient = 'PATIENT9';

    change(table => 'name', id => $patient, patient => $patient,
           sql => 'INSERT INTO name (id, name, code, type, is_customer, '
        . 'is_supplier, is_sync_update, first_name, last_name, is_deceased, '
        . "on_hold, is_donor, is_manufacturer) VALUES ('$patient', "
        . "'Ana Díaz', 'p9', 'PATIENT', 1, 0, 0, 'Ana', 'Díaz', 0, 0, 0, 0); "
        . "INSERT INTO name_link (id, name_id) VALUES ('$patient', "
        . "'$patient')");
    is(run(), 0, 'a run');
    is(query(q{SELECT count(*) FROM name WHERE ID = 'PATIENT9'}), 0,
       'does not bring a patient whom nobody has asked for');
    asked();

    my $helper = helper();

    is($helper->run('PATIENT9'), 0, 'a run for the patient');
    $helper->stop;
    is(asked(), 'site_status push patient_data_for_site pull', 'fetches');
    is(query(q{SELECT "first" FROM name WHERE ID = 'PATIENT9'}), 'Ana',
       'the patient');
    is(query(q{SELECT count(*) FROM name_store_join WHERE name_ID = }
             . q{'PATIENT9' AND store_ID = '} . store() . q{'}), 1,
       'and what joins it to the store');
    return;
}


sub a_patient_is_looked_for {
    my (undef, undef, @worker) = getpwnam worker_user();
    chown @worker[0, 1], glob database() . '*' if $> == 0;

    my $nginx = start_nginx(
        http   => site_config('clinic', database => database(),
            helper => $ENV{TEST_NGINX_MSYNC}, url => url(),
            username => '"Clinic 7"', interval => 0,
            password_file => site_path('password')),
        server => 'location /api/ { msync clinic; }',
    );
    $nginx->wait_status(sub { $_->{state} eq 'idle' });

    for (['name=Ana', 'by a part of the name', qr/\bPATIENT9\b/],
         ['name=D%C3%ADaz', 'by a name with an accent', qr/\bPATIENT9\b/],
         ['code=p9', 'by the code', qr/\APATIENT9\z/],
         ['name=nobody', 'nobody', qr/\A\z/])
    {
        my ($query, $what, $ids) = @$_;
        my $answer = $nginx->request(GET => "/api/patients?$query");

        is($answer->{status}, 200, "patients at central, $what");
        like(join(' ', map { $_->{id} } @{ $answer->{json}{patients} }), $ids,
             'are found') or diag(encode_json($answer->{json}));
    }

    ok($nginx->stop, 'quit');
    asked();
    return;
}


# Two sites of ours: what one ships the other gets, and its answer comes back.
sub a_shipment_reaches_another_site {
    my $file = site_path('far.sqlite');
    my ($far, $name) = split /\|/, query('SELECT ID, name_ID FROM store WHERE '
        . 'sync_id_remote_site NOT IN (' . SITE . ', ' . CENTRAL . ', 0) '
        . "AND name_ID <> '' LIMIT 1");
    my ($own, $own_name) = split /\|/, query('SELECT ID, name_ID FROM store '
        . q{WHERE ID = '} . store() . q{'});
    my $item = query('SELECT ID FROM item LIMIT 1');

    central->query('INSERT INTO site (id, og_id, code, name, hashed_password, '
        . "sync_version) SELECT 9, 'SITE9', 'c9', 'Clinic 9', "
        . "hashed_password, 'V7' FROM site WHERE id = " . SITE);
    change(table => 'store', id => $far,
           sql => "UPDATE store SET site_id = 9 WHERE id = '$far'");
    my ($status, $said) = other($file, recorded_url(), 'Clinic 9');
    is($status, 0, 'a first sync of another site') or diag($said);

    query('INSERT INTO transact (ID, name_ID, name_store_id, store_ID, type, '
        . 'om_type, om_status, status, mode, invoice_num, entry_date, '
        . "om_created_datetime) VALUES ('shipment', '$name', '$far', '$own', "
        . "'ci', 'OUTBOUND_SHIPMENT', 'SHIPPED', 'cn', 'store', 77, "
        . "'2026-05-01', '2026-05-01T08:00:00')");
    query('INSERT INTO trans_line (ID, transaction_ID, item_ID, item_name, '
        . 'pack_size, quantity, type) VALUES '
        . "('shipment-1', 'shipment', '$item', 'i', 1, 5, 'stock_out')");
    is(run(), 0, 'a run with a shipment');
    is(query('SELECT record_id, error FROM msync_refused'), '',
       'which is sent');

    ($status, $said) = other($file, recorded_url(), 'Clinic 9');
    is($status, 0, 'a run of the other site') or diag($said);
    is(sqlite($file, 'SELECT t.store_ID, t.om_status, l.quantity FROM '
        . 'transact AS t JOIN trans_line AS l ON l.transaction_ID = t.ID '
        . "WHERE t.ID = 'shipment'"), "$own|SHIPPED|5.0",
       'brings the shipment and its line');
    is(sqlite($file, 'SELECT record_id, integration_error FROM sync_buffer '
        . 'WHERE integration_datetime IS NULL AND dismissed = 0'), '',
       'with nothing that does not fit');

    sqlite($file, 'INSERT INTO transact (ID, name_ID, name_store_id, '
        . 'store_ID, type, om_type, om_status, status, mode, invoice_num, '
        . 'linked_transaction_id, entry_date, om_created_datetime) VALUES '
        . "('receipt', '$own_name', '$own', '$far', 'si', "
        . "'INBOUND_SHIPMENT', 'DELIVERED', 'cn', 'store', 78, 'shipment', "
        . "'2026-05-02', '2026-05-02T08:00:00')");
    ($status, $said) = other($file, recorded_url(), 'Clinic 9');
    is($status, 0, 'a run with its answer') or diag($said);
    is(run(), 0, 'a run of the first site');
    is(query('SELECT store_ID, om_status, linked_transaction_id FROM transact '
        . "WHERE ID = 'receipt'"), "$far|DELIVERED|shipment", 'brings that');
    all_is_integrated('a transfer');
    asked();
    return;
}


sub a_patient_of_the_site_arrives_at_central {
    my $store = store();

    query('INSERT INTO name (ID, name, code, type, "first", "last", '
          . "supplying_store_id, customer) VALUES ('PATIENT8', 'Luis Paz', "
          . "'p8', 'patient', 'Luis', 'Paz', '$store', 1)");
    query('INSERT INTO name_store_join (ID, name_ID, store_ID) VALUES '
          . "('JOIN8', 'PATIENT8', '$store')");
    is(run(), 0, 'a run with a new patient');
    is(there(q{SELECT first_name FROM name WHERE id = 'PATIENT8'}), 'Luis',
       'central has it');
    is(there(q{SELECT store_id FROM name_store_join WHERE id = 'JOIN8'}),
       $store, 'with its store');

    query(q{UPDATE name SET "last" = 'Páez' WHERE ID = 'PATIENT8'});
    is(run(), 0, 'and after an edit');
    is(there(q{SELECT last_name FROM name WHERE id = 'PATIENT8' AND }
             . q{last_name = 'Páez'}), 'Páez', 'has that');
    all_is_integrated('a patient');
    asked();
    return;
}


sub deletes_go_both_ways {
    my ($line) = good_line();
    my @columns = grep { $_ ne 'ID' } split /\n/, query('SELECT name FROM '
        . q{pragma_table_info('item_line')});
    my $names = join ', ', map { qq{"$_"} } @columns;

    query("INSERT INTO item_line (ID, $names) SELECT 'DOOMED', $names FROM "
          . "item_line WHERE ID = '$line'");
    is(run(), 0, 'a line of stock');
    is(there(q{SELECT id FROM stock_line WHERE id = 'DOOMED'}), 'DOOMED',
       'is there');
    query(q{DELETE FROM item_line WHERE ID = 'DOOMED'});
    is(run(), 0, 'its delete');
    ok(wait_until(sub { central->query(q{SELECT count(*) FROM stock_line }
        . q{WHERE id = 'DOOMED'}) == 0 }, 20), 'is done there');
    all_is_integrated('deletes');

    change(table => 'unit', id => 'u7', action => 'DELETE',
           sql => q{UPDATE unit SET is_active = 0 WHERE id = 'u7'});
    is(run(), 0, 'a delete at central');
    is(query(q{SELECT inactive FROM unit WHERE ID = 'u7'}), 1,
       'makes the unit inactive');
    asked();
    return;
}


# legacy sends the site again: somebody has edited it
sub a_token_that_was_wiped_is_asked_for_again {
    my $before = value('SETTINGS_SYNC_V7_TOKEN');

    central->query("UPDATE site SET token = NULL, hardware_id = NULL WHERE "
                   . 'id = ' . SITE);
    is(run(), 0, 'a run after the token was wiped');
    is(asked(), 'site_status get_token site_status push pull',
       'gets another and goes on');
    isnt(value('SETTINGS_SYNC_V7_TOKEN'), $before, 'which is kept');
    return;
}


sub a_site_that_is_not_one_of_v7_becomes_one_again {
    my $before = value('SETTINGS_SYNC_V7_TOKEN');

    central->query("UPDATE site SET sync_version = 'V5_V6' WHERE id = "
                   . SITE);
    is(run(), 0, 'a run of a site that central has as one of v6');
    is(asked(), 'site_status get_token site_status push pull',
       'asks for a token');
    is(value('SETTINGS_SYNC_V7_TOKEN'), $before,
       'and goes on with the old one');
    return;
}


sub what_waits_when_central_is_killed_arrives {
    my $store = store();

    query('WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n '
          . 'WHERE i < 5000) INSERT INTO asset (id, store_id, asset_number, '
          . "created_datetime, modified_datetime) SELECT 'killed-' || i, "
          . "'$store', 'K' || i, '2026-05-01T08:00:00', '2026-05-01T08:00:00' "
          . 'FROM n');

    my $pid = fork() // die "fork: $!\n";

    if ($pid == 0) {
        open STDERR, '>', '/dev/null';
        POSIX::_exit(run());
    }

    wait_until(sub { central->query(q{SELECT count(*) FROM sync_buffer WHERE }
        . q{record_id LIKE 'killed-%'}) >= 2000 }, 120);
    central->kill;
    waitpid $pid, 0;
    central->restart;

    is(run(), 0, 'the run after central was killed in a push');
    is(there(q{SELECT count(*) FROM asset WHERE id LIKE 'killed-%' HAVING }
             . 'count(*) = 5000'), 5000, 'brings it everything');
    all_is_integrated('killed');
    asked();
    return;
}


# What the emulator's records refer to beyond mSupply's tables central does
# not have, and it takes no activity twice.
sub rows_of_every_table_can_be_read_by_central {
    my $cursor = central->query('SELECT max(cursor) FROM sync_buffer');

    query("UPDATE \"$_\" SET msync_extra = coalesce(msync_extra, '{}') || ' '")
        for split /\n/, query(q{SELECT DISTINCT tbl_name FROM sqlite_master }
            . q{WHERE type = 'trigger' AND tbl_name <> 'changelog' AND sql }
            . q{LIKE '%INTO changelog%'});
    is(run(), 0, 'a run with all rows');
    asked();

    my $sent = "FROM sync_buffer WHERE cursor > $cursor AND sync_version = "
        . q{'V7'};
    wait_until(sub { central->query("SELECT count(*) $sent AND "
        . 'integration_result IS NULL') == 0 }, 60);

    cmp_ok(central->query("SELECT count(DISTINCT table_name) $sent"), '>', 20,
           'sends rows of many tables');
    is(central->query("SELECT DISTINCT table_name, integration_error $sent "
        . q{AND integration_result <> 'SUCCESS' AND integration_error NOT }
        . q{LIKE '%FOREIGN KEY%' AND (table_name <> 'activity_log' OR }
        . q{integration_error NOT LIKE '%already exists%')}), '',
       'which central can read');
    return;
}


sub a_database_of_before_is_recognised {
    my $former = site_path('former.sqlite');

    sqlite(database(), "VACUUM INTO '$former'");
    sqlite($former, q{UPDATE key_value_store SET value_string = 'V5_V6' WHERE }
           . q{id = 'SETTINGS_SYNC_VERSION'}, q{DELETE FROM key_value_store }
           . q{WHERE id IN ('MSYNC_V7_ADDRESS', 'SETTINGS_SYNC_V7_TOKEN', }
           . q{'SYNC_PULL_CURSOR_V7', 'SYNC_PUSH_CURSOR_V7', }
           . q{'SETTINGS_SYNC_URL')});

    my ($status, $said) = other($former, url(), 'Clinic 7');
    is($status, 1, 'a database of before the upgrade');
    like($said, qr/\bSITE_ALREADY_UPGRADED\b/, 'is told so');
    return;
}

sub other {
    my ($file, $url, $name, @more) = @_;

    my $text = join ' ', map { quotemeta } $ENV{TEST_NGINX_MSYNC},
        '--database', $file, '--url', $url, '--username', $name,
        '--password-file', site_path('password'), @more, 'sync';
    my $said = qx($text 2>&1);

    return ($? >> 8, $said);
}


sub refusals_are_named {
    my $file = site_path('refused.sqlite');

    for my $case (
        ['a site that central does not know', 'Clinic 70',
         'INVALID_SITE_NAME_OR_PASSWORD'],
        ['a second database', 'Clinic 7', 'TOKEN_ALREADY_ALLOCATED'],
    ) {
        my ($what, $name, $variant) = @$case;
        my ($status, $said) = other($file, recorded_url(), $name);

        is($status, 1, $what);
        like($said, qr/\b$variant\b/, 'is told so');
    }

    central->query("UPDATE site SET hardware_id = 'other' WHERE id = " . SITE);
    my ($status, $said) = command('sync');
    like($said, qr/\bHARDWARE_ID_MISMATCH\b/, 'another machine, too');
    central->query('UPDATE site SET token = NULL, hardware_id = NULL WHERE '
                   . 'id = ' . SITE);
    is(run(), 0, 'and all goes on');
    asked();
    return;
}


# the same site, as if its disk was lost
sub a_new_site_speaks_v7_from_the_start {
    my $file = site_path('new.sqlite');

    central->query('UPDATE site SET token = NULL WHERE id = ' . SITE);
    my ($status, $said) = other($file, recorded_url(), 'Clinic 7');
    is($status, 0, 'a first sync by v7') or diag($said);
    like(asked(), qr/^site site_status get_token site_status pull( pull)*$/,
         'finds out what is spoken');
    is(sqlite($file, 'SELECT table_name, record_id, integration_error FROM '
        . 'sync_buffer WHERE integration_datetime IS NULL'), '',
       'with nothing that does not fit');
    is(sqlite($file, q{SELECT count(*) FROM asset WHERE id LIKE 'killed-%'}),
       5000, 'it has what this site had made');

    for my $table (qw(item name store transact requisition)) {
        my $sql = "SELECT group_concat(ID) FROM (SELECT ID FROM $table "
            . 'ORDER BY ID)';
        is(sqlite($file, $sql), query($sql), "and what there is of $table");
    }

    return;
}
