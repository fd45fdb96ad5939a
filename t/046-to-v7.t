# A site of v5 and v6 becomes one of v7 when mSupply central says that it may:
# whatever that answers, the site works as before; nothing is lost between the
# two, nothing comes twice, and a database of before is recognised.

use strict;
use warnings;

use Msync::Site;
use Msync::Test qw(site_path sqlite wait_until write_private);
use Test::More;

my $site = Msync::Site->new(records => 600, 'central-version' => 3);
my $central = $site->central;
my $before = site_path('before.sqlite');

what_knows_no_v7_is_not_asked();
a_site_from_before_v7_becomes_none_by_its_address();
whatever_is_answered_the_site_works_as_before();
an_answer_that_was_lost_is_asked_for_again();
the_upgrade_takes_what_waits_along();
the_address_of_before_leads_to_v7();
a_database_of_before_is_recognised();
what_the_configuration_demands_is_done_or_said();
a_password_file_is_needed_no_more();
what_one_server_alone_had_taken_goes_by_v7();
what_was_refused_is_offered_by_v7();

done_testing();


# One run with the address that was typed, or with another one.
sub run {
    my ($url) = @_;

    return ($site->run_at($url // $site->url))[0];
}


sub what_knows_no_v7_is_not_asked {
    $central->config(sync_version => undef);
    is(run(), 0, 'a first sync by v5 and v6');
    is(run(), 0, 'and another one');
    unlike($site->paths, qr/v7/, 'nobody is asked for v7');
    is($site->value('SETTINGS_SYNC_VERSION'), 'V5_V6', 'it speaks v5 and v6');
}


# an initialised site that has not written down what it speaks
sub a_site_from_before_v7_becomes_none_by_its_address {
    $site->query('DELETE FROM key_value_store WHERE id = '
                 . "'SETTINGS_SYNC_VERSION'");
    $site->asked;

    is(run($central->v7_url), 1, 'the address of Open mSupply central');
    like($site->failure, qr/^INVALID_RESPONSE .*web page/,
         'is not the one');
    is($site->asked, 'site', 'and nobody is asked for v7');

    my $helper = $site->helper;
    my $wish = $helper->save(0, url => $central->v7_url,
                             password => $site->PASSWORD);
    is(wait_until(sub { ($helper->answer($wish) // [])->[0] }), 422,
       'nor is it saved');
    $helper->stop;
    $site->asked;
    is(run(), 0, 'with the right one it goes on');
    is($site->value('SETTINGS_SYNC_VERSION'), 'V5_V6', 'by v5 and v6');
    $site->asked;
}


sub whatever_is_answered_the_site_works_as_before {
    $central->config(sync_version => '');

    for my $answer ('stores_not_migrated', 'site_save_error', 404, 500) {
        $central->config(upgrade => $answer);
        is(run(), 0, "$answer: the run goes well");
        is(scalar(() = $site->asked =~ /v7_url_and_upgrade/g), 1,
           "$answer: and has asked once");
        is($site->value('SETTINGS_SYNC_VERSION'), 'V5_V6',
           "$answer: it speaks v5 and v6");
    }

    $central->config(upgrade => 200, v7_url => 'ftp://nowhere');
    is(run(), 0, 'an address that is none: the run goes well');
    is($site->value('SETTINGS_SYNC_VERSION'), 'V5_V6',
       'and nothing is changed');
    $central->config(v7_url => undef, sync_version => '');
    $site->asked;
}


# from the answer on mSupply central has the site as one of v7
sub an_answer_that_was_lost_is_asked_for_again {
    $site->copy_to($before);
    sqlite($before, "DELETE FROM key_value_store WHERE id = 'MSYNC_UPGRADE'");
    $central->fault(kind => 'drop_after', api => 'v5',
                    path => 'v7_url_and_upgrade', times => 9);
    is(run(), 0, 'a run whose question for v7 is lost goes well');
    $central->clear_faults;
    is($central->state->{v7}{site}, 'V5V6',
       'Open mSupply central knows nothing');
    is($site->value('SETTINGS_SYNC_VERSION'), 'V5_V6',
       'it speaks v5 and v6');
    $site->asked;
}


sub the_upgrade_takes_what_waits_along {
    my $line = $site->query('SELECT ID FROM item_line LIMIT 1');
    my $rows = $site->query('SELECT count(*) FROM transact');

    $site->query("UPDATE item_line SET batch = 'BEFORE'");
    $central->change(channel => 'v7', tableName => 'Unit', recordId => 'u7',
                     action => 'upsert', recordData => { id => 'u7',
                     name => 'seven', description => undef, index => 7,
                     is_active => \1 });

    is(run(), 0, 'the run goes on by v7');
    is($site->asked, 'site v7_url_and_upgrade get_token site_status push '
       . 'site_status pull', 'asks again, and pulls once');
    is($site->value('SETTINGS_SYNC_VERSION'), 'V7', 'it speaks v7');
    is($site->value('SETTINGS_SYNC_URL'), $central->v7_url,
       'at the address that mSupply central has told');

    is($central->rows('StockLine')->{$line}{batch}, 'BEFORE',
       'what waited went by v7');
    is($site->query("SELECT units FROM unit WHERE ID = 'u7'"), 'seven',
       'what came meanwhile is here');
    is($site->query('SELECT count(*) FROM transact'), $rows,
       'and nothing has changed that did not');
    cmp_ok($site->query('SELECT pull_progress_total FROM sync_log ORDER '
                        . 'BY id DESC LIMIT 1'), '<',
           $central->state->{latest}{v6} / 4, 'not everything came anew');
    is_deeply($central->state->{violations}, [], 'by the protocol');
    is_deeply($central->state->{v7}{lost}, [], 'and nothing is lost there');
}


sub the_address_of_before_leads_to_v7 {
    is(run(), 0, 'a run with the address that was typed before');
    is($site->asked, 'site_status push pull', 'speaks v7 where that is');
    is(run($central->v7_url), 0, 'and one with the new address');
    is($site->asked, 'site_status push pull', 'does the same');

    # as the page shows it where nginx.conf has it
    my $helper = $site->helper;
    my $wish = $helper->save(0, url => $site->url, password => $site->PASSWORD);
    is(wait_until(sub { ($helper->answer($wish) // [])->[0] }), 200,
       'and it is saved with another password')
        or diag(explain($helper->answer($wish)));
    is($helper->run, 0, 'a run after it');
    $helper->stop;
    like($site->asked, qr/push pull\z/, 'speaks v7');
}


sub a_database_of_before_is_recognised {
    $site->copy_from($before);

    is(run(), 1, 'a database that was put back beside its lock');
    like($site->failure, qr/^DATABASE_ERROR .*backup was restored/,
         'is told so');
    is($site->asked, '', 'by this site');

    # on another machine nothing is known of what was there since
    $site->copy_from($before);
    unlink $site->database . '.lock';
    is(run(), 1, 'a database that was put back from before the upgrade');
    like($site->failure, qr/^SITE_ALREADY_UPGRADED .*knows nothing/,
         'is told so');
    is($site->asked, 'site', 'and changes nothing');

    is(($site->run('--yes', 'reinitialise'))[0], 0, 'reinitialise');
    is(run(), 1, 'a run');
    like($site->failure, qr/^TOKEN_ALREADY_ALLOCATED /, 'lacks the token');

    $central->config(v7_token => undef);
    is(run(), 0, 'when an administrator has cleared it all comes anew');
    is($site->value('SETTINGS_SYNC_VERSION'), 'V7', 'by v7');
    is($site->query("SELECT units FROM unit WHERE ID = 'u7'"), 'seven',
       'with what had come since');
    is($site->query('SELECT group_concat(DISTINCT batch) FROM item_line '
                    . "WHERE batch = 'BEFORE'"), 'BEFORE',
       'also what this site had made since');
}


# A confined helper cannot read it again.
sub a_password_file_is_needed_no_more {
    my $file = write_private('once', $site->PASSWORD . "\n");

    $site->reset;
    $central->config(sync_version => '', upgrade => 404);

    my $helper = $site->helper(password_sha256 => undef,
                               password_file => $file);
    is($helper->run, 0, 'a first sync with the password of a file');
    unlink $file or die "$file: $!\n";

    $central->config(upgrade => 200);
    is($helper->run, 0, 'the run that ends with the upgrade');
    is($helper->run, 0, 'and the next one');
    is($site->value('SETTINGS_SYNC_VERSION'), 'V7', 'which is by v7');
    $helper->stop;
}


# One run of nginx's helper with "protocol"; how many runs have failed.
sub run_with {
    my ($protocol, $url) = @_;

    my $helper = $site->helper(url => $url, protocol => $protocol);
    my $failed = $helper->run;

    $helper->stop;
    return $failed;
}


# "protocol v7" of a site of v5 and v6, "protocol v6" of one of v7, and "auto"
# after both.
sub what_the_configuration_demands_is_done_or_said {
    $site->reset;
    $central->config(sync_version => '', upgrade => 404);

    is(run_with(v6 => $central->url), 0, 'a first sync with "protocol v6"');
    unlike($site->paths, qr/v7/, 'asks nobody for v7');
    is(run_with(v7 => $central->url), 1,
       '"protocol v7" with the address of mSupply central');
    like($site->failure,
         qr/^HTTP_ERROR .*no synchronisation .*Check the address/,
         'is told that it is not the one');
    is($site->value('SETTINGS_SYNC_VERSION'), 'V5_V6',
       'and changes nothing');
    my $line = $site->query('SELECT ID FROM item_line LIMIT 1');

    $site->query("UPDATE item_line SET batch = 'EARLIER' WHERE ID <> "
                 . "'$line'");
    is(run_with(auto => $central->url), 0, 'with "auto" it goes on');
    is($site->value('SETTINGS_SYNC_VERSION'), 'V5_V6', 'as before');

    $site->query("UPDATE item_line SET batch = 'DEMANDED' WHERE ID = "
                 . "'$line'");
    $central->config(upgrade => 200);
    $site->asked;
    is(run_with(v7 => $central->v7_url), 0,
       '"protocol v7" with the address of Open mSupply central');
    is($site->asked, 'get_token site_status push site_status pull',
       'upgrades the site');
    is($central->rows('StockLine')->{$line}{batch}, 'DEMANDED',
       'with what waits');
    is($site->query('SELECT push_progress_total FROM sync_log ORDER BY id '
                    . 'DESC LIMIT 1'), 1, 'and nothing that went before');
    is($site->value('SETTINGS_SYNC_VERSION'), 'V7', 'it speaks v7');

    for my $url ($central->v7_url, $central->url) {
        is(run_with(v6 => $url), 1, '"protocol v6" of a site of v7');
        like($site->failure,
             qr/^SITE_ALREADY_UPGRADED .*"protocol v6" is to be /,
             'is told what to do');
        is($site->asked, '', 'and nobody is asked anything');
    }

    is(run_with(auto => $central->v7_url), 0, 'with "auto" it goes on');
    is($site->asked, 'site_status push pull', 'by v7');
    is_deeply($central->state->{violations}, [], 'all by the protocol');
}


# The question for v7 was lost, and then one of the two servers did not take
# what the other one took.
sub what_one_server_alone_had_taken_goes_by_v7 {
    my %path = (v5 => 'queued_records', v6 => 'push');

    for my $lacks (sort keys %path) {
        $site->reset;
        $central->config(sync_version => '', upgrade => 200);
        $central->fault(kind => 'drop_after', api => 'v5',
                        path => 'v7_url_and_upgrade', times => 99);
        is(run(), 0, 'a first sync');
        is(run(), 0, 'a run whose question for v7 is lost');

        my $line = $site->query('SELECT ID FROM item_line LIMIT 1');
        my $asset = $site->query('SELECT id FROM asset LIMIT 1');

        $site->query("UPDATE item_line SET batch = 'WAITS' WHERE ID = '$line'",
                     "UPDATE asset SET notes = 'waits' WHERE id = '$asset'");
        $central->fault(kind => 'status', value => 500, api => $lacks,
                        path => $path{$lacks}, method => 'POST', times => 99);
        is(run(), 1, "a push that $lacks does not take");
        $central->clear_faults;
        is($site->value('SETTINGS_SYNC_VERSION'), 'V5_V6', 'before v7');

        is(run(), 0, 'the next run');
        is($site->value('SETTINGS_SYNC_VERSION'), 'V7', 'is by v7');
        is($central->rows('StockLine')->{$line}{batch}, 'WAITS',
           'what v5 takes is there, whether or not it went by that');
        is($central->rows('Asset')->{$asset}{notes}, 'waits',
           '… and what v6 takes');
    }
}


# By either of the two servers.
sub what_was_refused_is_offered_by_v7 {
    $site->reset;
    $central->config(sync_version => '', upgrade => 404);
    is(run(), 0, 'a first sync');

    my $line = $site->query('SELECT ID FROM item_line LIMIT 1');
    my $asset = $site->query('SELECT id FROM asset LIMIT 1');

    $site->query("UPDATE item_line SET batch = 'REFUSED'",
                 "UPDATE asset SET notes = 'refused'");
    $central->config(refuse => [$line, $asset]);
    run();
    is($site->query('SELECT count(*), count(DISTINCT side) FROM '
                    . 'msync_refused'), '2|2', 'each server refuses a record');

    $central->config(refuse => [], upgrade => 200);
    is(run(), 0, 'a run that ends with the upgrade');
    is($site->value('SETTINGS_SYNC_VERSION'), 'V7', 'by v7');
    is(($site->run('retry'))[0], 0, 'a retry');
    is(run(), 0, 'and the run behind it');
    is($central->rows('StockLine')->{$line}{batch}, 'REFUSED',
       'take one of them there');
    is($central->rows('Asset')->{$asset}{notes}, 'refused', '… and the other');
    is($site->query('SELECT count(*) FROM msync_refused'), 0,
       'and no refusal is left');
}
