# A table that the application has rebuilt is sent again behind what central has
# changed, also where a run breaks off.

use strict;
use warnings;

use Msync::Site;
use Test::More;

use constant ROWS => 1200;     # of which a run queues 500, and sends these

my $site = Msync::Site->new;
my $central = $site->central;

is(run(), 0, 'the first sync');
make_rows();
is(run(), 0, 'a run that sends many rows');

a_pull_that_fails_holds_up_what_is_doubted_alone();
a_push_that_breaks_leaves_the_rest_behind_central();

is_deeply($central->state->{violations}, [], 'central has no complaint')
    or diag(explain($central->state->{violations}));

done_testing();


sub run { return ($site->run)[0] }

sub make_rows {
    my $store = $site->query('SELECT min(ID) FROM store WHERE '
                             . 'sync_id_remote_site = 7');

    $site->query('WITH RECURSIVE n(i) AS (SELECT 1000 UNION ALL SELECT i + 1 '
        . 'FROM n WHERE i < ' . (999 + ROWS) . ') INSERT INTO Location (ID, '
        . "code, Description, store_ID) SELECT 'row-' || i, 'c', 'made', "
        . "'$store' FROM n");
    return;
}

# With what else the application does to the table.
sub rebuild {
    my $create = $site->query('SELECT sql FROM sqlite_master WHERE name = '
                              . "'Location'");

    $create =~ s/"Location"/"new__Location"/;
    $site->query('PRAGMA foreign_keys = OFF', 'BEGIN', $create,
          'INSERT INTO new__Location SELECT * FROM Location',
          'DROP TABLE Location',
          'ALTER TABLE new__Location RENAME TO Location', @_, 'COMMIT');
    return;
}

sub edit {
    my ($id, $text) = @_;

    return "UPDATE Location SET Description = '$text' WHERE ID = '$id'";
}

sub central_edits {
    my ($id, $text) = @_;

    $central->change(tableName => 'Location', recordId => $id,
        action => 'update', recordData => {
            %{ $central->record('Location', $id) }, Description => $text });
    return;
}

sub at_central { $central->record('Location', $_[0])->{Description} }

sub here {
    return $site->query("SELECT Description FROM Location WHERE ID = '$_[0]'");
}


sub a_pull_that_fails_holds_up_what_is_doubted_alone {
    rebuild(edit('row-1000', 'rebuilt'));
    $central->fault(kind => 'status', api => 'v5', path => 'queued_records',
                    method => 'GET', times => 99);
    isnt(run(), 0, 'a run whose pull fails');
    is(at_central('row-1000'), 'made', 'sends nothing that is doubted');

    $site->query(edit('row-1001', 'changed'));
    isnt(run(), 0, 'nor does another');
    is(at_central('row-1001'), 'changed', 'but what was changed since');
    like(($site->run('status'))[1], qr/^records waiting +12\d\d$/m,
         'the others wait');

    $central->clear_faults;
    central_edits('row-1002', 'of central');

    my $helper = $site->helper;
    is($helper->run, 0, 'a run that pulls');
    is(scalar(grep { /rows of tables whose .* are sent again/ } $helper->log),
       1, 'says once that it sends them');
    $helper->stop;
    is(at_central('row-1000'), 'rebuilt', 'and does');
    is(at_central('row-1002'), 'of central', 'but not what central changed');
    is(here('row-1002'), 'of central', 'which is here now');
    like(($site->run('status'))[1], qr/^records waiting +0$/m, 'none waits');
}


sub a_push_that_breaks_leaves_the_rest_behind_central {
    rebuild(edit('row-2199', 'rebuilt'));
    $central->fault(kind => 'status', api => 'v5', path => 'queued_records',
                    method => 'POST', times => 99, after => 1);
    isnt(run(), 0, 'a run whose push breaks off');
    is(at_central('row-2199'), 'made', 'has not sent all');

    $central->clear_faults;
    central_edits('row-2198', 'of central, too');
    is(run(), 0, 'the next one');
    is(at_central('row-2199'), 'rebuilt', 'sends the rest');
    is(at_central('row-2198'), 'of central, too',
       'but not what central has changed meanwhile');
    is(here('row-2198'), 'of central, too', 'which is here');
}
