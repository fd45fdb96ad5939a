# What becomes of a push that does not pass: what may be about a record costs
# that record, what is about the line costs nothing, and what was given to a
# server that died is integrated in the end.

use strict;
use warnings;

use Msync::Site;
use Msync::Test qw(decode_json encode_json wait_until);
use Test::More;

# what is edited here: a table of each server, with a column of text
my %TABLE = (
    v5 => [item_line => 'ID', 'batch'],
    v6 => [asset => 'id', 'notes'],
);

# requests that pushes() has looked at
my $seen = 0;

my $site = Msync::Site->new(records => 6000);
my $central = $site->central;
my $said;

is(run(), 0, 'the first sync') or diag($said);

whatever_is_said_of_a_record_costs_that_record($_) for
    [v5 => 503, 'integration_error'], [v5 => 500, 'internal_error'],
    [v5 => 403], [v5 => 500], [v5 => 413], [v5 => 404], [v5 => 200],
    [v6 => 403], [v6 => 500], [v6 => 413], [v6 => 200];
whatever_stands_between_says_of_a_content($_) for
    [v5 => 'json', {}], [v5 => 'json', { error => 'blocked' }],
    [v5 => 'redirect', '/blocked'], [v6 => 'redirect', '/blocked'],
    [v6 => 'status', 204];
a_server_that_refuses_whatever_comes_has_had_nothing($_) for
    [v5 => 'push'], [v6 => 'pushV6'];
what_is_said_of_the_line_costs_nothing($_) for
    [v5 => 401], [v5 => 407], [v5 => 408], [v5 => 429], [v5 => 502],
    [v5 => 504], [v5 => 524], [v6 => 401], [v6 => 502], [v6 => 521];
what_another_server_says_costs_nothing($_) for
    [v5 => 421], [v6 => 421], [v6 => 425];
a_server_without_room_costs_no_record($_) for [v5 => 507], [v6 => 509];
a_proxy_that_never_passes_one_record_stops_no_other($_) for
    [v5 => 502], [v6 => 524];
a_line_that_is_mended_goes_on_in_the_same_run();
what_the_legacy_server_says_of_a_push_to_v6_is_waited_for();
a_batch_that_is_torn_is_not_sent_again_as_it_was();
a_record_that_breaks_the_line_is_recorded_after_three_runs($_) for qw(v5 v6);
a_record_that_is_too_large_for_central_is_recorded();
a_central_that_died_before_it_integrated_is_told_again();
a_central_that_dies_unseen_while_all_comes_anew_has_all_before();
a_central_that_integrates_for_ten_minutes_is_waited_for_later($_)
    for qw(v5 v6);
what_a_cancel_left_is_sent($_) for qw(v5 v6);
a_known_server_that_closes_is_not_said_to_want_https();

is_deeply($central->state->{violations}, [], 'central has no complaint');

done_testing();


# what it says is in $said
sub run {
    (my $status, $said) = $site->run(@_);
    return $status;
}

sub query { return $site->query(@_) }

sub refused { return query('SELECT record_id FROM msync_refused ORDER BY 1') }

sub edit {
    my ($api, $words, $n) = @_;

    my ($table, $key, $column) = @{ $TABLE{$api} };
    my @ids = split /\n/, query("SELECT $key FROM $table WHERE store_ID IN "
        . '(SELECT ID FROM store WHERE sync_id_remote_site = 7) ORDER BY '
        . "$key LIMIT $n");

    query(map { "UPDATE $table SET $column = '$words $_' WHERE $key = '$_'" }
          @ids);
    return @ids;
}

# pushes since the last call: their octets
sub pushes {
    my ($api) = @_;

    my @all = @{ $central->state->{requests} };
    my @new = @all[$seen .. $#all];
    $seen = @all;

    return map { $_->{received} } grep {
        $_->{api} eq $api && $_->{method} eq 'POST'
            && $_->{path} =~ m{/(?:queued_records|push)$}
    } @new;
}

sub there {
    my ($api, $id) = @_;

    my ($table, undef, $column) = @{ $TABLE{$api} };
    return $central->record($table, $id)->{$column} // '';
}

sub clean {
    $central->config(refuse => [], refuse_as => undef, breaks => []);
    $central->clear_faults;
    run();
    query("DELETE FROM msync_refused; DELETE FROM key_value_store WHERE id "
          . "LIKE 'MSYNC_BATCH_%'");
    run();
    pushes('v5');
}


sub whatever_is_said_of_a_record_costs_that_record {
    my ($api, $status, $code) = @{ $_[0] };

    my $what = "$api $status " . ($code // 'of a firewall');
    my @id = edit($api, $what, 4);

    $central->config(refuse => [$id[1]],
                     refuse_as => { status => $status, code => $code });
    is(run(), 0, "$what: the run ends well") or diag($said);
    is(refused(), $id[1], "$what: one is recorded as refused");
    is(there($api, $id[3]), "$what $id[3]", "$what: the others go");
    clean();
}


# what it says looks like an answer, and is none of central's
sub whatever_stands_between_says_of_a_content {
    my ($api, $kind, $value) = @{ $_[0] };

    my $what = "$api $kind " . encode_json($value);
    my @id = edit($api, $what, 4);

    $central->fault(api => $api, method => 'POST', kind => $kind,
                    value => $value, with => $id[1], times => 100);
    is(run(), 0, "$what: the run ends well") or diag($said);
    is(refused(), $id[1], "$what: one is recorded as refused");
    is(there($api, $id[3]), "$what $id[3]", "$what: the others go");

    $central->clear_faults;
    run('retry');
    run();
    is(there($api, $id[1]), "$what $id[1]", "$what: and it, later");
    clean();
}


sub a_server_that_refuses_whatever_comes_has_had_nothing {
    my ($api, $step) = @{ $_[0] };

    my @id = edit($api, 'ill', 5);

    $central->fault(api => $api, method => 'POST', kind => 'status',
                    value => 500, path => $_, times => 100)
        for $api eq 'v5' ? 'queued_records' : 'push';
    is(run(), 1, "$api refuses all: the run fails");
    is(refused(), '', "$api refuses all: and nothing is recorded");
    run('status', '--json');

    my $last = decode_json($said)->{syncStatus}{$step};

    is($last->{done}, 0, "$api refuses all: nothing is sent");
    is($last->{total}, 5, "$api refuses all: of five");
    clean();
    is(there($api, $id[4]), "ill $id[4]", "$api refuses all: it goes later");
}


sub what_is_said_of_the_line_costs_nothing {
    my ($api, $status) = @{ $_[0] };

    my @id = edit($api, "line $status", 3);

    $central->fault(api => $api, path => $_, method => 'POST',
                    kind => 'status', value => $status, times => 100)
        for $api eq 'v5' ? 'queued_records' : 'push';
    $central->fault(api => $api, path => 'site_status', kind => 'status',
                    value => $status, times => 100);
    is(run(), 1, "$api $status: the run fails");
    is(refused(), '', "$api $status: and nothing is recorded");

    # 408 may have been said to a connection that was idle
    cmp_ok(scalar(grep { $_ > 500 } pushes($api)), '<', $status == 408 ? 3 : 2,
           "$api $status: what is large is sent once");
    clean();
    is(there($api, $id[2]), "line $status $id[2]",
       "$api $status: it goes when the line is well");
}


# The connection led to another one by mistake, or that wants to hear it later.
sub what_another_server_says_costs_nothing {
    my ($api, $status) = @{ $_[0] };

    for my $times (1, 100) {
        my $what = "$api $status, $times times";
        my @id = edit($api, $what, 30);

        pushes($api);
        $central->fault(api => $api, method => 'POST', kind => 'status',
                        value => $status, with => 'recordData',
                        times => $times);
        is(run(), $times == 1 ? 0 : 1, "$what: the run") or diag($said);

        my @sent = grep { $_ > 2000 } pushes($api);
        is(scalar(grep { $_ != $sent[0] } @sent), 0,
           "$what: the batch is sent as it is");
        is(scalar @sent, 2, "$what: and by another connection, once")
            if $status == 421;
        like($said, qr/HTTP status $status: \w/, "$what: it has words")
            if $times > 1;
        is(refused(), '', "$what: and nothing is recorded");
        clean();
        is(there($api, $id[2]), "$what $id[2]", "$what: it goes");
    }
}


# Its disk is full, or its contract has no more octets: it takes what is empty,
# however often it is tried.
sub a_server_without_room_costs_no_record {
    my ($api, $status) = @{ $_[0] };

    my @id = edit($api, "room $status", 3);

    $central->fault(api => $api, method => 'POST', kind => 'status',
                    value => $status, with => 'recordData', times => 100);
    is(run(), 1, "$api $status: run $_ fails") for 1 .. 3;
    like($said, qr/no room left|no more octets/, 'with words');
    is(refused(), '', "$api $status: and nothing is recorded");
    clean();
    is(there($api, $id[2]), "room $status $id[2]",
       "$api $status: it goes when there is room");
}


sub a_proxy_that_never_passes_one_record_stops_no_other {
    my ($api, $status) = @{ $_[0] };

    my $what = "$api $status";
    my @id = edit($api, $what, 4);
    my $never = sub {
        $central->fault(api => $api, method => 'POST', kind => 'status',
                        value => $status, with => $id[1], times => 100);
    };

    $never->();
    is(run(), 1, "$what: a record that a proxy says it of");
    is(refused(), '', "$what: is not recorded as refused at once");
    is(run(), 1, "$what: nor by the second run");
    is(run(), 0, "$what: the third one sends the others") or diag($said);
    is(refused(), $id[1], "$what: and records that one, alone");
    is(there($api, $_), "$what $_", "$what: the others are there")
        for @id[0, 2, 3];

    run('errors');
    like($said, qr/\Q$id[1]\E.*HTTP status $status/s, "$what: with words");

    # it has had its chances
    $never->();
    my @more = edit($api, "$what again", 3);
    run('retry');
    is(run(), 0, "$what: a retry of it stops nobody") or diag($said);
    is(there($api, $more[2]), "$what again $more[2]",
       "$what: what is edited meanwhile goes");
    $central->clear_faults;
    run('retry');
    run();
    is(there($api, $id[1]), "$what again $id[1]",
       "$what: and it goes when it passes");
    clean();
}


sub a_line_that_is_mended_goes_on_in_the_same_run {
    for my $api (qw(v5 v6)) {
        my @id = edit($api, 'mended', 3);

        $central->fault(api => $api, method => 'POST', kind => 'status',
                        path => $api eq 'v5' ? 'queued_records' : 'push',
                        value => 502);
        is(run(), 0, "$api: a proxy in trouble once") or diag($said);
        is(there($api, $id[2]), "mended $id[2]", 'costs nothing');
    }
    clean();
}


sub what_the_legacy_server_says_of_a_push_to_v6_is_waited_for {
    my @words = (
        q{Legacy server error - Sync api error, url: 'http://legacy/', }
            . q{route: '/sync/v5/site' - status: '503 Service Unavailable' - }
            . q{code: 'Other("sync_is_running")' message: '' data: 'null'},
        q{Legacy server error - Sync api error - status: '502 Bad Gateway' }
            . q{text: '<html>'},
    );

    for my $text (@words) {
        my @id = edit(v6 => 'asked', 2);

        $central->fault(api => 'v6', path => $_, kind => 'error_code',
                        value => { otherServerError => $text }, times => 2)
            for qw(push pull);
        is(run(), 0, 'what v6 met at the legacy server is waited for')
            or diag($said);
        is(there(v6 => $id[1]), "asked $id[1]", 'and the push gets there');
        is(refused(), '', 'with nothing refused');
        clean();
    }
}


sub a_batch_that_is_torn_is_not_sent_again_as_it_was {
    my @id = edit(v5 => 'torn', 100);
    query(q{UPDATE item_line SET batch = batch || hex(randomblob(2000)) WHERE }
          . q{batch LIKE 'torn%'});

    pushes('v5');
    $central->fault(api => 'v5', path => 'queued_records', method => 'POST',
                    kind => 'drop_before');
    is(run(), 0, 'a push that is torn once') or diag($said);

    my ($first, @rest) = pushes('v5');
    cmp_ok((sort { $b <=> $a } @rest)[0], '<', $first / 2,
           'goes on in smaller pieces');
    like(there(v5 => $id[-1]), qr/^torn/, 'to its end');
    clean();
}


sub a_record_that_breaks_the_line_is_recorded_after_three_runs {
    my ($api) = @_;

    my @id = edit($api, 'breaks', 4);
    my ($table, $key, $column) = @{ $TABLE{$api} };

    query("UPDATE $table SET $column = '" . 'x' x 100_000
          . "' WHERE $key = '$id[1]'");
    $central->config(breaks => [$id[1]]);
    pushes($api);

    $central->change(
        tableName => 'unit', recordId => "PULLED$api", action => 'insert',
        recordData => { ID => "PULLED$api", units => 'x', comment => '',
                        order_number => 1 });
    is(run(), 1, "$api: a record that breaks the line");
    is(refused(), '', 'is not recorded as refused at once');
    like($said, qr/\Q$id[1]\E/, 'but named');

    my @large = grep { $_ > 100_000 } pushes($api);
    cmp_ok(scalar(@large), '<=', 3, 'it is sent in a batch or two, and alone');

    is(run(), 1, 'nor by the second run');
    @large = grep { $_ > 100_000 } pushes($api);
    is(scalar(@large), 1, 'which sends it once');

    is(run(), 0, 'the third run records it as refused') or diag($said);
    is(refused(), $id[1], 'it and no other');
    @large = grep { $_ > 100_000 } pushes($api);
    is(scalar(@large), 1, 'having sent it once');
    is(there($api, $_), "breaks $_", 'the others are there')
        for @id[0, 2, 3];
    is(query("SELECT count(*) FROM unit WHERE ID = 'PULLED$api'"), 1,
       'and the pulls have run');

    $central->config(breaks => []);
    run('retry');
    clean();
}


sub a_record_that_is_too_large_for_central_is_recorded {
    my @id = edit(v6 => 'large', 3);

    query('UPDATE asset SET notes = hex(zeroblob(5500000)) WHERE id = '
          . "'$id[0]'");
    is(run(), 0, 'a record that central takes no body for') or diag($said);
    is(refused(), $id[0], 'is recorded as refused');
    is(there(v6 => $id[2]), "large $id[2]", 'the others go');
    query("UPDATE asset SET notes = 'small' WHERE id = '$id[0]'");
    clean();
}


sub a_central_that_died_before_it_integrated_is_told_again {
    my @id = edit(v6 => 'open', 5);

    # it is away for the rest of the run
    $central->config(dies => 1);
    $central->fault(api => 'v6', path => 'site_status', kind => 'status',
                    value => 502, times => 100);
    is(run(), 1, 'a push, and central dies before it integrates');
    isnt(there(v6 => $id[0]), "open $id[0]", 'it does not have the records');
    $central->clear_faults;
    pushes('v6');

    is(run(), 0, 'the next run has nothing to send');
    is(scalar(@{[pushes('v6')]}), 1, 'and tells that this was all');
    is(there(v6 => $id[0]), "open $id[0]", 'then central has them');
    is(run(), 0, 'the one after');
    is(scalar(@{[pushes('v6')]}), 0, 'has nothing to tell');

    # it is back before it is asked whether it integrates
    @id = edit(v6 => 'back', 5);
    $central->config(dies => 1);
    $central->fault(api => 'v6', path => 'site_status', kind => 'drop_before');
    is(run(), 0, 'a central that died is back soon');
    is(there(v6 => $id[0]), "back $id[0]", 'and has the records');

    # a proxy before it keeps the connection of this site meanwhile
    @id = edit(v6 => 'kept', 5);
    $central->config(dies => 1);
    $central->fault(api => 'v6', path => 'site_status', kind => 'status',
                    value => 502);
    is(run(), 0, 'one that is back soon behind a proxy');
    is(there(v6 => $id[0]), "kept $id[0]", 'has the records');

    # one that is there whenever it is asked
    pushes('v6');
    edit(v6 => 'sound', 5);
    is(run(), 0, 'one that was always there');
    is(scalar(@{[pushes('v6')]}), 1, 'is told once');
    clean();
}


# somebody in between keeps the connection of this site meanwhile
sub a_central_that_dies_unseen_while_all_comes_anew_has_all_before {
    my @id = edit(v6 => 'anew', 5);
    my ($table, $key, $column) = @{ $TABLE{v6} };

    is(run('--yes', 'reinitialise'), 0, 'all is to come anew');
    $central->config(dies => 1);
    is(run(), 0, 'a central that dies before it integrates, and is back');
    is(there(v6 => $id[0]), "anew $id[0]", 'has the records');
    is(query("SELECT $column FROM $table WHERE $key = '$id[0]'"),
       "anew $id[0]", 'and so has this site');

    # seen at rest in the run before, by whoever did not see it die
    @id = edit(v6 => 'before', 5);
    $central->config(dies => 1);
    is(run(), 0, 'a push, and central dies unseen before it integrates');
    is(run('--yes', 'reinitialise'), 0, 'then all is to come anew');
    is(run(), 0, 'and comes');
    is(there(v6 => $id[0]), "before $id[0]", 'central has the records');
    is(query("SELECT $column FROM $table WHERE $key = '$id[0]'"),
       "before $id[0]", 'and so has this site');
    clean();
}


# asked more and more seldom, a hundred and some times
sub a_central_that_integrates_for_ten_minutes_is_waited_for_later {
    my ($api) = @_;

    local $ENV{MSYNC_FAULT_PAUSES} = 1;
    local $ENV{TEST_NGINX_MSYNC} = $ENV{TEST_NGINX_MSYNC_FAULTS};
    my @id = edit($api, 'slow', 3);

    $central->config(integration_polls => 150);
    is(run(), 1, "$api: central integrates for ten minutes");
    like($site->failure,
         qr/^INTEGRATION_TIMEOUT_REACHED .*is still integrating/,
         'which is said');
    is(refused(), '', 'and no record is at fault');

    $central->config(integration_polls => 0);
    my @more = edit($api, 'slow, more', 2);
    is(run(), 0, "$api: the next run waits for the rest of it") or diag($said);
    is(there($api, $id[2]), "slow $id[2]", 'what was sent is there');
    is(there($api, $more[1]), "slow, more $more[1]",
       'and so is what came then');
    clean();
}


# how far a step is, as soon as that is told
sub said_of {
    my ($helper, $step) = @_;

    my $status = $helper->wait_status(sub {
        return defined(($_->{syncStatus}{$step} // {})->{total});
    }, 10) or return 'never told';

    return join ' of ', @{ $status->{syncStatus}{$step} }{qw(done total)};
}

# while the push is on its way, or while central integrates what it brought
sub what_a_cancel_left_is_sent {
    my ($api) = @_;

    my $path = $api eq 'v5' ? 'queued_records' : 'push';

    for my $when ('a push is on its way', 'central integrates') {
        my @id = edit($api, $when, 3);
        my $arrives = $when eq 'central integrates';
        my $helper = $site->helper;
        my $asked = @{ $central->state->{requests} };

        $central->config(integration_ms => 3000);
        $central->fault(api => $api, path => $path, kind => 'hang')
            if !$arrives;
        $helper->trigger;
        wait_until {
            my @all = @{ $central->state->{requests} };
            return grep { $_->{path} =~ m{/$path\z} } @all[$asked .. $#all];
        };
        is(said_of($helper, $api eq 'v5' ? 'push' : 'pushV6'), '0 of 3',
           "$api: how much is sent is said while $when") if !$arrives;
        $helper->cancel;
        my $status = $helper->wait_status(sub { $helper->runs });
        is($status->{syncStatus}{error}{variant}, 'CANCELLED',
           "$api: a cancel while $when");
        $helper->stop;
        $central->config(integration_ms => 0);
        $central->clear_faults;

        my @more = edit($api, "$when, more", 2);
        is(run(), 0, "$api: the next run") or diag($said);
        is(there($api, $id[2]), "$when $id[2]", 'sends what was cancelled');
        is(there($api, $more[1]), "$when, more $more[1]", 'and what came then');
        is(refused(), '', 'and no record is at fault');
        clean();
    }
}


sub a_known_server_that_closes_is_not_said_to_want_https {
    $central->fault(api => 'v5', path => 'site', kind => 'drop_before',
                    times => 10);
    is(run(), 1, 'a known server closes the connection');
    like($said, qr/closed the connection without an answer/, 'is said');
    unlike($said, qr/https/, 'and nothing of https');
    clean();

    $site->new_database;
    $central->fault(api => 'v5', path => 'site', kind => 'drop_before',
                    times => 10);
    run();
    like($said, qr/if it wants https/, 'one that never answered may');
    $central->clear_faults;
}
