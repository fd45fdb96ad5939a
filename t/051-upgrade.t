# A database of the release before is taken over whatever it was doing when it
# was left: what the runs of this release make of it equals what they make of
# an undisturbed one.
#
# The release before is built from the history of the clone.

use strict;
use warnings;

use Msync::Described qw(unwatched);
use Msync::Equal;
use Msync::Resume;
use Msync::Scenario qw(before_a_later_sync before_the_first_sync);
use Msync::Test qw(
    project_root read_catalogue site_path sqlite start_central start_nginx
    write_private
);
use POSIX qw(ceil);
use Test::More;

use constant {
    BEFORE    => '1184fb2',
    PROCESSES => 2,
    REQUESTS  => 20,           # of one run, after so many it is killed
    WRITES    => 12,           # … in so many
    PASSWORD  => 'correct horse battery',

    # What the release before has done stays done:  a table that was migrated
    # is declared otherwise than a new one, what its columns hold is compared;
    # of two joins that a merge made one, the order decides which one stays;
    # and it sent what this one knows that central cannot read.
    EXCUSES => 'here: schema\||here: list_master_line\||refused-by-v6',
};

my $before = release();

my %sites = (
    'a first sync'        => sub { Msync::Resume->new(name => 'first',
        program => "$before/faults/msync", alike => \&nothing_alike,
        begin => \&before_the_first_sync) },
    'an operational sync' => sub { Msync::Resume->new(name => 'later',
        program => "$before/faults/msync", alike => \&nothing_alike,
        batch => 4, begin => \&before_a_later_sync) },
    'a sync of all anew' => sub { Msync::Resume->new(name => 'anew',
        program => "$before/faults/msync", alike => \&nothing_alike,
        begin => \&before_all_comes_anew, rebuilds => 1) },
);

left_in_a_run_at_any_point();
before_it_was_set_up();
while_central_is_restored();
paused();

done_testing();


sub release {
    my $tool = project_root() . '/t/tools/build-release';
    chomp(my $dir = qx(MAKEFLAGS= $tool @{[BEFORE]} quick));

    plan(skip_all => 'the history of this clone does not reach back to '
         . BEFORE) if $? >> 8 == 77;
    BAIL_OUT('the release before does not build') if $? != 0;

    return "$dir/build";
}


sub left_in_a_run_at_any_point {
    my $groups = Msync::Resume->all(PROCESSES, \%sites, \&tries);

    for my $group (sort keys %$groups) {
        my ($n, $wrong) = @{ $groups->{$group} }{qw(tries wrong)};

        is(scalar @$wrong, 0, "$group: $n tries")
            or diag(join "\n", @$wrong[0 .. ($#$wrong < 4 ? $#$wrong : 4)]);
    }
}


# Asked for by the release before, where something waits to be sent.
sub before_all_comes_anew {
    my ($site) = @_;

    before_a_later_sync($site);

    local $site->{command} = ['--yes', 'reinitialise'];
    my ($status, $said) = $site->run;
    die "to begin anew fails: $said" if $status != 0;
}


# An empty text within JSON became null, and an object without members was one;
# now the one stays what it is, and the other is null.
sub nothing_alike { s/:""/:null/g; s/\A\{\}\z/null/ }


sub tries {
    my ($name, $site) = @_;

    my @before = (program => "$before/faults/msync", excuses => EXCUSES);

    return
        ["$name, ended by the release before", $site, @before],
        map({ ["$name, killed by a request of the release before", $site,
               @before, fault => "kill-after $_"] }
            sample(REQUESTS, $site->requests)),
        map { ["$name, killed in a write of the release before", $site,
               @before, fault => "kill-write $_"] }
            sample(WRITES, $site->writes);
}


# Of the numbers to n so many at most, evenly.
sub sample {
    my ($most, $n) = @_;

    my $step = ceil($n / $most) || 1;

    return grep { $_ % $step == 0 } 1 .. $n;
}


# The database is there, and no settings are.
sub before_it_was_set_up {
    my $central = start_central(password => PASSWORD, records => 100);
    my $database = site_path('new.sqlite');

    unwatched(1);
    my $nginx = nginx_of($before, $database);
    ok($nginx->wait_status(sub {
        $_->{state} eq 'pre_initialisation'
    }), 'the release before has a new site');
    ok($nginx->stop, 'its nginx ends');

    unwatched(0);
    $nginx = nginx_of(undef, $database, $central->url,
                      write_private('password', PASSWORD . "\n"));
    ok(synced($nginx), 'this release does the first sync');
    equals($central, $database);
}


# Central lacks what this site has sent and pulled since its backup; the release
# before has found that out.
sub while_central_is_restored {
    my $central = start_central(password => PASSWORD, records => 100);
    my $database = site_path('restored.sqlite');
    my @options = ('--database', $database, '--url', $central->url,
        '--username', 'Clinic 7', '--password-file',
        write_private('password', PASSWORD . "\n"));
    my $run = sub {
        my ($program, @command) = @_;
        my $said = qx(@{[map { "'$_'" } $program, @options, @command]} 2>&1);
        return ($? >> 8, $said);
    };
    my ($old, $new) = ("$before/msync", $ENV{TEST_NGINX_MSYNC});

    my ($code, $said) = $run->($old, 'sync');
    is($code, 0, 'the release before does the first sync') or diag($said);

    my ($unit, $line) = map { sqlite($database, "SELECT min(ID) FROM $_") }
        qw(unit item_line);
    my $batch = sub { $central->record(item_line => $line)->{batch} };

    $central->snapshot;
    $central->change(tableName => 'unit', recordId => $unit,
        channel => 'central', action => 'update',
        recordData => $central->record(unit => $unit));
    sqlite($database,
           "UPDATE item_line SET batch = 'newer' WHERE ID = '$line'");
    ($code, $said) = $run->($old, 'sync');
    is($code, 0, 'an edit is sent') or diag($said);
    is($batch->(), 'newer', 'and arrives');
    $central->restore;

    for my $program ($old, $new) {
        ($code, $said) = $run->($program, 'sync');
        is($code, 1, 'central was restored: a run fails');
        like($said, qr/^msync: CENTRAL_RESTORED/m, 'and says so');
    }

    isnt($batch->(), 'newer', 'central lacks the edit');
    ($code, $said) = $run->($new, '--yes', 'reinitialise');
    is($code, 0, 'this release begins anew') or diag($said);
    ($code, $said) = $run->($new, 'sync');
    is($code, 0, 'and synchronises') or diag($said);
    is($batch->(), 'newer', 'central has the edit again');
    equals($central, $database);
    is(sqlite($database, q(SELECT value_string FROM key_value_store WHERE )
              . q(id = 'MSYNC_SITE')), 'initialised', 'the site goes on');
}


# By nginx, as an administrator upgrades: the old module and helper end, the
# new ones begin.
sub paused {
    my $central = start_central(password => PASSWORD, records => 300);
    my $database = site_path('clinic.sqlite');
    my $password = write_private('password', PASSWORD . "\n");

    unwatched(1);
    my $nginx = nginx_of($before, $database, $central->url, $password);
    ok(synced($nginx), 'the release before does the first sync');

    $nginx->post('/api/pause');
    ok($nginx->wait_status(sub { $_->{state} eq 'paused' }),
       'and is paused');
    ok($nginx->stop, 'its nginx ends');

    unwatched(0);
    $nginx = nginx_of(undef, $database, $central->url, $password);
    is($nginx->wait_status(sub { $_->{state} ne 'stopped' })->{state},
       'paused', 'this release is paused, too');
    is($nginx->status->{initialisationStatus}, 'INITIALISED',
       'and its first sync is done');

    $nginx->post('/api/resume');
    ok(synced($nginx), 'it goes on when it is resumed');
    equals($central, $database);
}


# The site has what central has, and nothing is left over.
sub equals {
    my ($central, $database) = @_;

    my $equal = Msync::Equal->new(
        table => { map { ($_->{table} => $_) }
                   @{ read_catalogue('catalogue') } },
        central => $central, database => $database, alias => {},
        alike => \&nothing_alike,
    );

    is_deeply([$equal->leftovers, $equal->differences], [],
              'it has what central has');
}


sub nginx_of {
    my ($build, $database, $url, $password) = @_;

    local $ENV{TEST_NGINX_LOAD_MODULES} =
        "$build/ngx_http_msync_module.so" if $build;
    my $helper = $build ? Msync::Test::stage("$build/msync", 'before/msync')
        : $ENV{TEST_NGINX_MSYNC};

    return start_nginx(http => "msync_site clinic {\n"
        . "    database $database;\n    helper $helper;\n    interval 0;\n"
        . ($url ? "    url $url;\n    username 'Clinic 7';\n"
                  . "    password_file $password;\n" : '') . "}\n",
        server => 'location /api/ { msync clinic; }');
}


# A run that is asked for ends well.
sub synced {
    my ($nginx) = @_;

    $nginx->wait_status(sub { $_->{state} ne 'stopped' });

    return $nginx->syncs_well('clinic');
}
