# Beside genuine Open mSupply servers (Msync::Interop): first syncs, what
# central makes, edits both ways, rows of every table, values in every form,
# deletes, kills of either side, wrong credentials, and what both sites ask.

use strict;
use warnings;

use Msync::Interop qw(
    PASSWORD central command database emulator helper insert_program_rows
    insert_rows_of integrated log_lines query remote run start store url
);
use Msync::Test qw(decode_json read_catalogue wait_until);
use POSIX ();
use Test::More;

my $made = 0;

start();
a_first_sync();
every_command_speaks_json();
what_central_makes_arrives();
what_is_made_during_pulls_arrives();
edits_arrive_at_central();
a_row_of_every_table_arrives_at_central();
what_a_program_has_arrives_at_central();
edits_of_central_arrive();
a_word_of_every_table_is_edited_both_ways();
values_in_every_form_arrive();
deletes_arrive_at_central();
a_central_that_is_killed_gets_everything();
a_site_that_is_killed_at_any_moment_loses_nothing();
wrong_credentials_are_named();
both_sites_ask_alike();

done_testing();


# as the server does when somebody enters them
sub make_campaigns {
    my ($n) = @_;

    my @ids = map { sprintf 'campaign-%04d', ++$made } 1 .. $n;

    central->query("BEGIN IMMEDIATE; INSERT INTO campaign (id, name) VALUES "
        . "('$_', 'Campaign $_'); INSERT INTO changelog (table_name, "
        . "record_id, row_action) VALUES ('campaign', '$_', 'UPSERT'); "
        . 'COMMIT') for @ids;

    return @ids;
}

sub has {
    my ($table, @ids) = @_;

    return query("SELECT count(*) FROM $table WHERE id IN ("
                 . join(', ', map { "'$_'" } @ids) . ')');
}

# assets of this site, by a prefix
sub make_assets {
    my ($prefix, $n) = @_;

    my $store = store();

    query("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
          . "WHERE i < $n) INSERT INTO asset (id, store_id, asset_number, "
          . "created_datetime, modified_datetime) SELECT '$prefix-' || i, "
          . "'$store', '$prefix ' || i, '2026-05-01T08:00:00', "
          . "'2026-05-01T08:00:00' FROM n");
    return;
}

sub assets_there {
    my ($prefix) = @_;

    return central->query("SELECT count(*) FROM asset WHERE id LIKE "
                          . "'$prefix-%'");
}


# ---- the tests --------------------------------------------------------------

sub a_first_sync {
    for my $table (qw(campaign demographic asset_catalogue_item)) {
        is(query("SELECT count(*) FROM $table"),
           remote->query("SELECT count(*) FROM $table WHERE id IN (SELECT "
                          . 'record_id FROM sync_buffer)'),
           "brings as many of $table as the genuine site got");
    }

    is(query(q{SELECT count(*) FROM sync_buffer WHERE integration_error IS }
             . q{NOT NULL}), 0, 'and nothing that does not fit');
    return;
}


sub every_command_speaks_json {
    for my $command (qw(status history errors check sync retry)) {
        my ($status, $said) = command('--json', $command);

        is($status, 0, "msync --json $command ends well") or diag($said);
        ok(eval { decode_json($said); 1 }, 'with one document and no more')
            or diag($said);
    }

    return;
}


sub what_central_makes_arrives {
    my @ids = make_campaigns(3);

    is(run(), 0, 'a run');
    is(has('campaign', @ids), 3, 'what central makes arrives here');
    is(remote->sync, undef, 'and a run of the genuine site');
    is(remote->query('SELECT count(*) FROM campaign'),
       query('SELECT count(*) FROM campaign'), 'which has as much');
    return;
}


# a process makes them one after the other while run after run pulls
sub what_is_made_during_pulls_arrives {
    my $pid = fork() // die "fork: $!\n";

    if ($pid == 0) {
        make_campaigns(100);
        POSIX::_exit(0);
    }

    my $helper = helper();
    while (waitpid($pid, POSIX::WNOHANG()) == 0) {
        $helper->run;
    }
    $helper->run;
    $helper->stop;

    is(has('campaign', map { sprintf 'campaign-%04d', $made + $_ } 1 .. 100),
       100, 'what central makes during pulls arrives');
    $made += 100;
    return;
}


sub edits_arrive_at_central {
    make_assets('made', 5);
    is(run(), 0, 'a push');
    is(assets_there('made'), 5, 'what is made here arrives there');

    query(q{UPDATE asset SET notes = 'edited ä€' WHERE id = 'made-1'});
    is(run(), 0, 'another');
    is(central->query(q{SELECT notes FROM asset WHERE id = 'made-1'}),
       'edited ä€', 'and what is edited');
    integrated(central(), 'and central has integrated all');
    return;
}


# of those that both can have without what only another site makes
sub a_row_of_every_table_arrives_at_central {
    my @tables = insert_rows_of('made-1');

    is(run(), 0, 'rows of each table');

    for my $table (@tables) {
        is(central->query("SELECT count(*) FROM $table WHERE id = "
                           . "'row-$table'"), 1, "$table arrives there");
    }

    integrated(central(), 'and central has integrated all');
    return;
}


# what only a program has: a form with its line, edited, and a vaccination
sub what_a_program_has_arrives_at_central {
    is(insert_program_rows(), 0, 'a course of a program');
    is(has('vaccine_course_dose', 'dose'), 1, 'arrives here with its dose');
    is(run(), 0, 'a form and a vaccination');
    query(q{UPDATE rnr_form SET status = 'FINALISED', finalised_datetime = }
        . q{'2026-05-02 08:00:00' WHERE id = 'form'},
        q{UPDATE rnr_form_line SET entered_losses = 2.5, expiry_date = }
        . q{'2030-01-31' WHERE id = 'form-line'},
        q{UPDATE vaccination SET given = 0, not_given_reason = 'refused' }
        . q{WHERE id = 'vaccination'});
    is(run(), 0, 'and what is edited of them');

    is(central->query(q{SELECT status, finalised_datetime FROM rnr_form WHERE }
        . q{id = 'form'}), 'FINALISED|2026-05-02 08:00:00',
       'the form arrives there');
    is(central->query(q{SELECT previous_monthly_consumption_values, }
        . q{entered_losses, expiry_date FROM rnr_form_line WHERE id = }
        . q{'form-line'}), '1,2,3|2.5|2030-01-31', 'and its line');
    is(central->query(q{SELECT given, not_given_reason, vaccination_date FROM }
        . q{vaccination WHERE id = 'vaccination'}), '0|refused|2026-05-01',
       'and the vaccination');
    integrated(central(), 'and central has integrated all');
    return;
}


sub edits_of_central_arrive {
    my ($campaign) = make_campaigns(1);

    run();

    for my $edit (
        ['campaign', $campaign, q{name = 'renamed'}, 'NULL'],
        ['asset', 'made-2', q{notes = 'by central'}, "'" . store() . "'"],
    ) {
        my ($table, $id, $set, $store) = @$edit;

        central->query("BEGIN IMMEDIATE; UPDATE $table SET $set WHERE id = "
            . "'$id'; INSERT INTO changelog (table_name, record_id, "
            . "row_action, store_id) VALUES ('$table', '$id', 'UPSERT', "
            . "$store); COMMIT");
    }

    is(run(), 0, 'a run');
    is(query("SELECT name FROM campaign WHERE id = '$campaign'"), 'renamed',
       'what central edits of its own arrives here');
    is(query(q{SELECT notes FROM asset WHERE id = 'made-2'}), 'by central',
       'and what it edits of ours');
    return;
}


# in all rows of tables of central's, and in those that both have of the others
sub a_word_of_every_table_is_edited_both_ways {
    my %there = (om_report => 'report', om_form_schema => 'form_schema');
    my @edits;

    make_what_central_lacks();

    for my $table (@{ read_catalogue('catalogue') }) {
        next if !grep { $_ eq 'omsupply' } @{ $table->{pull_from} };

        my ($name, $key) = @$table{qw(table key)};
        my $there = $there{$name} // $name;
        my $ours = @{ $table->{push_to} };
        my ($word) = grep { is_plain($table, $_)
                            && central->query('SELECT 1 FROM '
            . "pragma_table_info('$there') WHERE name = '$_->{name}'") }
            @{ $table->{fields} } or next;
        my %here = map { ($_ => 1) }
            split /\n/, query("SELECT $key FROM $name");
        my @ids = grep { !$ours || $here{$_} }
            split /\n/, central->query("SELECT id FROM $there") or next;

        push @edits, { table => $name, key => $key, there => $there,
                       word => $word->{name}, ours => $ours,
                       ids => join ', ', map { "'$_'" } @ids };
    }

    cmp_ok(scalar @edits, '>', 20, 'there are such rows');

    # central's last change of a row knows whose it is
    for (@edits) {
        central->query("BEGIN IMMEDIATE; UPDATE $_->{there} SET $_->{word} = "
            . "ifnull($_->{word}, '') || ' there' WHERE id IN ($_->{ids}); "
            . 'INSERT INTO changelog (table_name, record_id, row_action, '
            . "store_id, name_link_id) SELECT '$_->{there}', t.id, 'UPSERT', "
            . "c.store_id, c.name_link_id FROM $_->{there} t LEFT JOIN "
            . 'changelog c ON c.cursor = (SELECT max(cursor) FROM changelog '
            . "WHERE table_name = '$_->{there}' AND record_id = t.id) WHERE "
            . "t.id IN ($_->{ids}); COMMIT");
    }

    is(run(), 0, 'a run');
    is(word_here($_), word_there($_), "$_->{table}: what central edits")
        for @edits;

    @edits = grep { $_->{ours} } @edits;
    query("UPDATE $_->{table} SET $_->{word} = $_->{word} || ' and here' WHERE "
          . "$_->{key} IN ($_->{ids})") for @edits;
    is(run(), 0, 'another');
    is(word_there($_), word_here($_), "$_->{table}: what is edited here")
        for @edits;
    integrated(central(), 'and central has integrated all');
    return;
}

sub word_here {
    my ($edit) = @_;

    return query("SELECT $edit->{key}, $edit->{word} FROM $edit->{table} WHERE "
                 . "$edit->{key} IN ($edit->{ids}) ORDER BY 1");
}

sub word_there {
    my ($edit) = @_;

    return central->query("SELECT id, $edit->{word} FROM $edit->{there} WHERE "
                          . "id IN ($edit->{ids}) ORDER BY 1");
}

# a row of tables that a new central has none of
sub make_what_central_lacks {
    central->query(
        q{INSERT INTO property (id, key, name, value_type) VALUES }
        . q{('property', 'k', 'Property', 'STRING')},
        q{INSERT INTO name_property (id, property_id, remote_editable) VALUES }
        . q{('name-property', 'property', 1)},
        q{INSERT INTO preference (id, key, value) VALUES ('preference', 'k', }
        . q{'true')},
        q{INSERT INTO item_variant (id, name, item_link_id, created_datetime) }
        . q{SELECT 'variant', 'Variant', id, '2026-05-01 08:00:00' FROM }
        . q{item_link LIMIT 1},
        q{INSERT INTO packaging_variant (id, name, item_variant_id, }
        . q{packaging_level) VALUES ('packaging', 'Packaging', 'variant', 1)},
        q{INSERT INTO report (id, name, template, context, code) VALUES }
        . q{('report', 'Report', '{}', 'ASSET', 'r')},
        q{INSERT INTO frontend_plugin (id, code, entry_point, types, files) }
        . q{VALUES ('plugin', 'p', 'e', '[]', '[]')},
    );
    return;
}

# a text that says nothing to either
sub is_plain {
    my ($table, $field) = @_;

    return $field->{type} eq 'string' && !$field->{encoding}
        && !$field->{local_only} && !$field->{references} && !$field->{enum}
        && $field->{name} ne $table->{key}
        && $field->{name}
           =~ m{name|(?:reason|comment|notes|label|model|version)\z};
}


# as applications and frameworks write them
sub values_in_every_form_arrive {
    my %form = (
        space => '2026-05-01 08:00:00', zulu => '2026-05-01T08:00:00Z',
        offset => '2026-05-01T10:00:00+02:00',
        fraction => '2026-05-01 08:00:00.123456',
    );
    my $store = store();

    for my $name (sort keys %form) {
        query('INSERT INTO asset (id, store_id, asset_number, '
              . 'created_datetime, modified_datetime) VALUES '
              . "('form-$name', '$store', '$name', '$form{$name}', "
              . "'$form{$name}')");
    }

    is(run(), 0, 'dates as an application writes them');

    for my $name (sort keys %form) {
        like(central->query('SELECT created_datetime FROM asset WHERE id = '
                             . "'form-$name'"), qr/^2026-05-01 08:00:00/,
             "$form{$name} arrives as what it means");
    }

    integrated(central(), 'and nothing else');
    return;
}


sub deletes_arrive_at_central {
    query('INSERT INTO asset_internal_location (id, asset_id, location_id) '
          . "SELECT 'place', 'made-1', ID FROM Location LIMIT 1");
    is(run(), 0, 'a record');
    is(central->query(q{SELECT count(*) FROM asset_internal_location WHERE }
                       . q{id = 'place'}), 1, 'is there');
    query(q{DELETE FROM asset_internal_location WHERE id = 'place'});
    is(run(), 0, 'its delete');
    is(central->query(q{SELECT count(*) FROM asset_internal_location WHERE }
                       . q{id = 'place'}), 0, 'is done there');
    return;
}


sub a_central_that_is_killed_gets_everything {
    make_assets('killed', 3000);

    my $pid = fork() // die "fork: $!\n";

    if ($pid == 0) {
        open STDERR, '>', '/dev/null';
        POSIX::_exit(run());
    }

    wait_until(sub {
        central->query(q{SELECT count(*) FROM sync_buffer WHERE record_id }
                        . q{LIKE 'killed-%'}) >= 2000;
    }, 120);
    central->kill;
    waitpid $pid, 0;
    central->restart;

    is(run(), 0, 'the run after central was killed');
    wait_until(sub { assets_there('killed') == 3000 }, 120);
    is(assets_there('killed'), 3000, 'brings it everything');
    return;
}


# some tenths of a second after its start, each time somewhere else
sub a_site_that_is_killed_at_any_moment_loses_nothing {
    make_assets('torn', 2000);
    make_campaigns(20);

    for my $tenths (1 .. 8) {
        my $pid = fork() // die "fork: $!\n";

        if ($pid == 0) {
            open STDOUT, '>', '/dev/null';
            open STDERR, '>&', \*STDOUT;
            exec $ENV{TEST_NGINX_MSYNC}, '--database', database(), '--url',
                url(), '--username', 'Clinic 7', '--password-file',
                Msync::Test::site_path('password'), 'sync'
                or POSIX::_exit(127);
        }

        select undef, undef, undef, $tenths / 10;
        kill KILL => $pid;
        waitpid $pid, 0;
    }

    is(run(), 0, 'the run after msync was killed eight times');
    wait_until(sub { assets_there('torn') == 2000 }, 120);
    is(assets_there('torn'), 2000, 'sends everything');
    is(query('SELECT count(*) FROM campaign'),
       central->query('SELECT count(*) FROM campaign'), 'and has everything');
    integrated(central(), 'and central has integrated all');
    return;
}


sub wrong_credentials_are_named {
    my $emulator = emulator('Clinic 7');

    for my $case (
        ['a password that is wrong', INCORRECT_PASSWORD => password =>
         'another', PASSWORD],
        ['another machine', HARDWARE_ID_MISMATCH => hardware_id => 'another',
         $emulator->state(1)->{hardwareId}],
        ['another version', API_VERSION_INCOMPATIBLE => version => 99, 14],
    ) {
        my ($what, $variant, $setting, $wrong, $right) = @$case;

        $emulator->config($setting => $wrong);
        my ($status, $said) = command('sync');
        is($status, 1, "$what is an error");
        like($said, qr/\b$variant\b/, 'and named');
        $emulator->config($setting => $right);
        is(run(), 0, 'and when it is right again all goes on');
    }

    return;
}


# a run with nothing to do: what each of the sites asks mSupply central
sub both_sites_ask_alike {
    run();
    remote->sync;

    my $before = log_lines();

    run();
    remote->sync;

    my %asked;

    for my $request ((log_lines())[$before .. scalar(log_lines()) - 1]) {
        my ($site, $method, $path, $status) = @$request;
        push @{ $asked{$site} }, "$method $path $status";
    }

    my %genuine = map { $_ => 1 } @{ $asked{'Clinic 9'} };
    my @other = grep { !$genuine{$_} } @{ $asked{'Clinic 7'} };

    is_deeply(\@other, [], 'msync asks for nothing that the genuine site '
              . 'does not ask for');
    note("$_:\n  " . join "\n  ", @{ $asked{$_} }) for sort keys %asked;
    return;
}
