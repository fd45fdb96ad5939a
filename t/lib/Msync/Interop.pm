package Msync::Interop;

# Beside genuine Open mSupply servers: one is the Open mSupply central, one a
# remote site, msync is another; mSupply central is emulated
# (t/interop/legacy.pl).  OMSUPPLY names the executable, which the user has, and
# OMSUPPLY3 one of 3.0, for start_three.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use Exporter qw(import);
use IO::Socket::INET ();
use JSON::PP ();
use Msync::Genuine;
use Msync::Helper;
use Msync::Legacy qw(as_stored);
use Msync::Test qw(decode_json free_port project_root site_path sqlite
                   stage_dir start_central wait_until write_private);
use POSIX ();
use Test::More;

our @EXPORT_OK = qw(
    PASSWORD central command database emulator forward helper insert
    insert_program_rows insert_rows_of integrated kill_legacy log_lines pushed
    query recorded_url remote run said_to_central start start_legacy
    start_three store url
);

use constant PASSWORD => 'secret';

# what Open mSupply of 3.0 keeps of it: bcrypt of its SHA-256
use constant PASSWORD_HASH =>
    '$2y$04$Lf/AMRNhzzzyAqNWq3wUeu4ZggJpEW6NDoGnekXlGOA2bIMF3B8jK';

my (%Emulator, @Children, $Legacy, $Central, $Remote, $Port, $Recorded);
my $Said = 0;
my $Owner = $$;
my $Database = site_path('clinic.sqlite');
END { kill KILL => @Children if @Children && $$ == $Owner }

sub central  { $Central }
sub remote   { $Remote }
sub emulator { $Emulator{$_[0]} }
sub database { $Database }
sub url      { "http://127.0.0.1:$Port" }

# of Open mSupply central, with all that is said written down
sub recorded_url { "http://127.0.0.1:$Recorded" }


# The servers, and first syncs of both sites: msync is Clinic 7, the genuine
# site Clinic 9, each with a store of its own.
sub start {
    plan(skip_all => 'OMSUPPLY=FILE names an Open mSupply of 2.20')
        if !$ENV{OMSUPPLY} && $ENV{OMSUPPLY3};
    BAIL_OUT('OMSUPPLY=FILE has to name the executable of an Open mSupply '
             . 'server (remote_server), built with SQLite; see '
             . 'docs/development.md') if !-x ($ENV{OMSUPPLY} // '');

    for my $name ('Central', 'Clinic 7', 'Clinic 9') {
        $Emulator{$name} = start_central(
            password => PASSWORD, name => $name, records => 600,
            $name eq 'Clinic 9' ? (asks => 9) : (),
        );
    }

    $Port = free_port();
    write_private('password', PASSWORD . "\n");
    start_legacy();

    $Central = Msync::Genuine->start('central');
    $Emulator{Central}->config(is_v6_central => 1, v6_url => $Central->url);
    $Emulator{$_}->config(v6_url => $Central->url) for 'Clinic 7', 'Clinic 9';
    is($Central->initialise(url(), 'Central', PASSWORD), undef,
       'Open mSupply central is one')
        or BAIL_OUT('without it there is no test');

    $Remote = Msync::Genuine->start('remote');
    is($Remote->initialise(url(), 'Clinic 9', PASSWORD), undef,
       'a genuine remote site');
    is(run(), 0, 'a first sync of msync');
    return;
}

# An Open mSupply central of 3.0, and msync before it as a site of v5 and v6:
# OMSUPPLY3 names the executable.
sub start_three {
    plan(skip_all => 'OMSUPPLY3=FILE names an Open mSupply of 3.0')
        if !$ENV{OMSUPPLY3};
    BAIL_OUT('OMSUPPLY3=FILE has to name the executable of an Open mSupply '
             . 'server of 3.0 (remote_server), built with SQLite')
        if !-x ($ENV{OMSUPPLY3} // '');

    for my $name ('Central', 'Clinic 7') {
        $Emulator{$name} = start_central(
            password => PASSWORD, name => $name, records => 600,
            'central-version' => 3,
        );
    }

    $Port = free_port();
    write_private('password', PASSWORD . "\n");
    start_legacy();

    $Central = Msync::Genuine->start('central', is_central => 1,
                                     program => $ENV{OMSUPPLY3});
    $Recorded = free_port();
    run_beside($Recorded, 'recorder.pl', $Recorded, stage_dir() . '/v7.log',
               $Central->url);
    $_->config(v6_url => $Central->url, v7_url => recorded_url())
        for values %Emulator;
    $Emulator{Central}->config(is_v6_central => 1);
    know_sites();

    is($Central->initialise(url(), 'Central', PASSWORD), undef,
       'Open mSupply central is one')
        or BAIL_OUT('without it there is no test');
    is(run(), 0, 'a first sync of msync by v5 and v6');
    return;
}

# what mSupply central tells of its sites and users one of 3.0 alone
sub know_sites {
    my $central = $Emulator{Central};
    my $users = $central->records->{user};

    $central->change(
        tableName => 'site', recordId => 'SITE7', action => 'insert',
        channel => 'central', recordData => {
            ID => 'SITE7', site_ID => 7, name => 'Clinic 7', code => 'c7',
            password_hash => PASSWORD_HASH, hardwareID => undef,
            sync_version => '' },
    );
    $central->change(
        tableName => 'user', recordId => $_, action => 'update',
        recordData => { %{ $users->{$_} }, password_hash => '' },
    ) for keys %$users;
    return;
}


sub start_legacy {
    my %stores;

    for my $row (values %{ $Emulator{Central}->records->{store} }) {
        $stores{ $row->{sync_id_remote_site} } = ":$row->{ID}:$row->{name_ID}";
    }

    my @sites = map {
        my ($id) = /(\d+)/;
        "$_=$Emulator{$_}{options}{v5}" . ($id ? ":$id$stores{$id}" : ':1')
    } sort keys %Emulator;

    $Legacy = run_beside($Port, 'legacy.pl', $Port, stage_dir()
                         . '/legacy.log', @sites);
    return;
}

# mSupply central goes, in the middle of whatever it does
sub kill_legacy {
    kill KILL => $Legacy;
    waitpid $Legacy, 0;
    @Children = grep { $_ != $Legacy } @Children;
    return;
}

# A script of t/interop, until it listens at the port; its process id.
sub run_beside {
    my ($port, $script, @arguments) = @_;

    my $pid = fork() // die "fork: $!\n";

    if ($pid == 0) {
        open STDOUT, '>', '/dev/null';
        exec $^X, project_root() . "/t/interop/$script", @arguments
            or POSIX::_exit(127);
    }

    push @Children, $pid;
    wait_until(sub { IO::Socket::INET->new("127.0.0.1:$port") }, 30)
        or BAIL_OUT("$script does not start");
    return $pid;
}


# ---- msync ------------------------------------------------------------------

# A command of msync at this site; its exit status, and both its outputs.
sub command {
    my (@command) = @_;

    my $text = join ' ', map { quotemeta } $ENV{TEST_NGINX_MSYNC},
        '--database', $Database, '--url', url(), '--username', 'Clinic 7',
        '--password-file', site_path('password'), @command;
    my $said = qx($text 2>&1);

    return ($? >> 8, $said);
}

sub run {
    my ($status, $said) = command('sync', @_);

    diag($said) if $status;
    return $status;
}

# msync's helper as nginx starts it, with a run at command
sub helper {
    return Msync::Helper->start(
        site => 'clinic', database => $Database, url => url(),
        username => 'Clinic 7', password_sha256 => sha256_hex(PASSWORD),
        interval => 0,
    );
}

sub query { return sqlite($Database, @_) }

# the store of msync's site, or of another
sub store {
    my ($site) = @_;

    return query('SELECT ID FROM store WHERE sync_id_remote_site = '
                 . ($site // 7));
}


# ---- what was seen ----------------------------------------------------------

sub log_lines {
    open my $handle, '<', stage_dir() . '/legacy.log' or die "log: $!\n";
    my @lines = map { chomp; [split /\t/] } <$handle>;

    return @lines;
}

# [path, status, body, answer] of each request since this was asked last
sub said_to_central {
    open my $handle, '<', stage_dir() . '/v7.log' or return;
    my @all = map { decode_json($_) } <$handle>;
    my @new = @all[$Said .. $#all];

    $Said = @all;
    return @new;
}

# The records that a site pushed to mSupply central, in their order.  They are
# passed on, and the reader of the other documents makes a text of -2^63.
sub pushed {
    my ($site) = @_;

    open my $handle, '<', stage_dir() . '/legacy.log.pushed'
        or die "pushed: $!\n";

    return map { $_->[1] } grep { $_->[0] eq $site }
        map { JSON::PP::decode_json($_) } <$handle>;
}

# Records that were pushed wait at mSupply central for another site.
sub forward {
    my ($site, @records) = @_;

    $Emulator{$site}->change(
        tableName => $_->{tableName}, recordId => $_->{recordId},
        action => lc $_->{action}, channel => 'remote',
        $_->{recordData}
            ? (recordData => as_stored(@{$_}{qw(tableName recordData)})) : (),
    ) for @records;
    return;
}

# A row of this site.
sub insert {
    my ($table, $row) = @_;

    my @names = sort keys %$row;

    query("INSERT INTO $table (" . join(', ', @names) . ') VALUES ('
          . join(', ', map { "'$row->{$_}'" } @names) . ')');
    return;
}

# A row, "row-TABLE", of each table that both sites can have without what only
# another one makes, about this asset; returns the tables.
sub insert_rows_of {
    my ($asset) = @_;

    my ($store, $now) = (store(), '2026-05-01T08:00:00');
    my %row = (
        asset_log => { asset_id => $asset, user_id => 'nobody',
            status => 'FUNCTIONING', log_datetime => $now,
            created_datetime => $now },
        contact_form => { reply_email => 'a@example.org', body => 'words',
            created_datetime => $now, user_id => 'nobody', username => 'n',
            store_id => $store, contact_type => 'FEEDBACK' },
        plugin_data => { store_id => $store, plugin_code => 'p',
            data_identifier => 'd', data => '{}' },
        system_log => { type => 'ServerStatus', sync_site_id => 7,
            datetime => $now, is_error => 0 },
        sync_file_reference => { table_name => 'asset',
            record_id => $asset, file_name => 'f.txt',
            total_bytes => 3, uploaded_bytes => 0, downloaded_bytes => 0,
            retries => 0, direction => 'Upload', status => 'New',
            created_datetime => $now },
    );

    insert($_, { id => "row-$_", %{ $row{$_} } }) for sort keys %row;

    return sort keys %row;
}

# A course of vaccination with its dose, "course" and "dose", made by central
# for a program and pulled; and rows here that need a program: "form",
# "form-line", "vaccination".  Returns the exit status of the run.
sub insert_program_rows {
    my ($store, $now) = (store(), '2026-05-01 08:00:00');
    my $program = query('SELECT ID FROM list_master WHERE ID IN ('
        . join(', ', map { "'$_'" } split /\n/,
               $Central->query('SELECT id FROM program')) . ') LIMIT 1');

    $Central->query(q{BEGIN IMMEDIATE; INSERT INTO vaccine_course (id, name, }
        . "program_id) VALUES ('course', 'BCG', '$program'); "
        . q{INSERT INTO vaccine_course_dose (id, vaccine_course_id, label) }
        . q{VALUES ('dose', 'course', 'BCG 1'); INSERT INTO changelog }
        . q{(table_name, record_id, row_action) VALUES ('vaccine_course', }
        . q{'course', 'UPSERT'), ('vaccine_course_dose', 'dose', 'UPSERT'); }
        . 'COMMIT');
    my $status = run();

    query('INSERT INTO rnr_form (id, store_id, period_id, program_id, '
        . "created_datetime, status, name_id) SELECT 'form', ID, (SELECT ID "
        . "FROM period LIMIT 1), '$program', '$now', 'DRAFT', name_ID FROM "
        . "store WHERE ID = '$store'",
        'INSERT INTO rnr_form_line (id, rnr_form_id, item_link_id, '
        . 'previous_monthly_consumption_values, average_monthly_consumption, '
        . 'initial_balance, snapshot_quantity_received, '
        . 'snapshot_quantity_consumed, snapshot_adjustments, '
        . 'adjusted_quantity_consumed, stock_out_duration, final_balance, '
        . 'minimum_quantity, maximum_quantity, calculated_requested_quantity, '
        . q{low_stock, confirmed) SELECT 'form-line', 'form', ID, '1,2,3', 0, }
        . q{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 'Ok', 1 FROM item LIMIT 1},
        'INSERT INTO vaccination (id, store_id, program_enrolment_id, '
        . 'encounter_id, user_id, vaccine_course_dose_id, created_datetime, '
        . "vaccination_date, given, patient_id) SELECT 'vaccination', "
        . "'$store', 'elsewhere', 'elsewhere', 'nobody', 'dose', '$now', "
        . q{'2026-05-01', 1, ID FROM name WHERE type = 'patient' LIMIT 1});
    return $status;
}

# Records of this site that a genuine server did not make rows of.
sub integrated {
    my ($server, $what) = @_;

    is($server->query(q{SELECT table_name || ' ' || record_id || ': ' || }
        . q{substr(integration_error, 1, 200) FROM sync_buffer WHERE }
        . q{integration_error IS NOT NULL AND integration_error NOT LIKE }
        . q{'Ignored%' LIMIT 5}), '', $what);
    return;
}


1;
