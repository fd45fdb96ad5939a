package Msync::Meddle;

# What a site of Msync::Property meets while it is in use: faults of the way to
# central and of central, and what others do to it, the application beside it,
# whoever administers it, its machine.

use strict;
use warnings;

use Exporter qw(import);
use Time::HiRes qw(sleep);

use Msync::Application qw(%APPLICATION);
use Msync::Forms qw(any_word new_id quoted);
use Msync::Operate qw(%OPERATE edit_row);

our @EXPORT_OK = qw(@FAULTS @MEDDLED be_well dies fault meddle narrow refuse);

use constant DAY => 86_400_000;            # in ms

my %MEDDLE = (
    'locked'          => sub { _held($_[0], 'BEGIN IMMEDIATE') },
    'locked at all'   => sub { _held($_[0], 'BEGIN EXCLUSIVE') },
    'read for long'   => sub {
        _held($_[0], 'BEGIN', 'SELECT count(*) FROM item') },
    'rebuilt a table' => \&_rebuild,
    'dropped triggers' => sub { _drop($_[0], 'trigger') },
    'dropped an index' => sub { _drop($_[0], 'index') },
    'emptied the flag' => sub { $_[0]->query('DELETE FROM msync_flag');
                                $_[0]->_edit_here },
    'replaced a row'  => \&_replace,
    'replaced a row as if it were another one' => sub {
        _replace($_[0], 'PRAGMA recursive_triggers = ON') },
    'replaced a row by another one' => \&_upsert,
    'changed a key'   => \&_change_key,
    'deleted and put back' => \&_put_back_row,
    'emptied the changelog' => \&_empty_changelog,
    'emptied key_value_store' => \&_empty_keys,
    'put back a copy' => \&_put_back,
    'two at once'     => \&_two,
    'stopped for a while' => \&_stop,
    'central stopped for a while' => \&_stop_central,
    'vacuumed'        => sub { $_[0]->query('VACUUM') },
    'checkpointed'    => sub {
        $_[0]->query('PRAGMA wal_checkpoint(TRUNCATE)') },
    'disk full'       => sub { _switched($_[0], 0, 1) },
    'clock stepped'   => sub {
        _switched($_[0], $_[0]->_deal(clock => map { $_ * DAY }
                                      -20_000, -1, -0.25, 0.25, 1, 5000), 0) },
    map({ my $command = $_; ("command $_" => sub {
        $_[0]->run_command(split / /, $command) }) }
        'retry', 'dismiss --all', 'send --all'),
    'command backup' => sub {
        unlink "$_[0]{dir}/copy";
        $_[0]->run_command('backup', "$_[0]{dir}/copy") },
    'changed in a run' => \&_change_in_a_run,
    'led to what comes later' => \&_lead_early,
    %APPLICATION, %OPERATE,
);

our @MEDDLED = sort keys %MEDDLE;
our @FAULTS = qw(drop_before drop_middle drop_after truncate garbage html empty
                status busy delay error_code redirect gateway);
my @STATUSES = (400, 401, 403, 404, 408, 413, 429, 500, 502, 503, 511, 520,
                522, 524, 530);


sub _one { $_[ rand @_ ] }


# ---- central, and the way to it ---------------------------------------------

sub fault {
    my ($self) = @_;

    my $kind = $self->_deal(fault => @FAULTS);
    my %fault = (kind => $kind, api => _one($self->_apis),
                 times => 1 + int rand 6, after => int rand 5);

    $fault{value} = _one(@STATUSES) if $kind eq 'status';
    $fault{value} = _one(502, 504, 522, 524) if $kind eq 'gateway';
    $fault{value} = 20 if $kind eq 'delay';
    $fault{value} = 'reset' if $kind =~ /^drop/ && rand 2 < 1;

    $self->central->fault(%fault);
    $self->_took("fault $kind");
}


# Central does not take some of the records that this site changed lately,
# until the faults stop or others are refused instead.
sub refuse {
    my ($self) = @_;

    return if !$self->{begun};

    my @ids = split /\n/, $self->query('SELECT record_id FROM changelog '
        . 'GROUP BY record_id ORDER BY max(cursor) DESC LIMIT 30');

    # by central, or by a firewall before it
    $self->central->config(refuse => [grep { rand 3 < 1 } @ids],
                           refuse_as => _one(undef, { status => 403 },
                                             { status => 500 }));
    $self->_took('refused');
}

# Until the faults stop the line carries little in one piece.
sub narrow {
    my ($self) = @_;

    $self->central->config(carries => 4000 + int rand 20_000);
    $self->_took('narrow');
}

# All that stops, until another step.
sub be_well {
    my ($self) = @_;

    $self->central->clear_faults;
    $self->central->config(refuse => [], carries => 0);
}

# Open mSupply central takes the last batch of a push, dies, and is away for the
# rest of the run; sync v7 asks for its state before, too.  Its absence goes
# before what else is wrong: an answer that is only delayed would come of one
# that has lost the batch and says that it is at rest, by the same connection,
# which is what no site can know.
sub dies {
    my ($self) = @_;

    my $api = $self->{protocol};

    return if !$self->{begun};
    $self->_edit_here;

    my $faults = $self->central->state(1)->{faults};

    $self->central->clear_faults;
    $self->central->config(dies => 1);
    $self->central->fault(api => $api, path => 'site_status', times => 1000,
                          after => $api eq 'v7' ? 1 : 0, kind => 'status',
                          value => 502);
    $self->central->fault(%$_) for grep { $_->{times} > 0 } @$faults;
    $self->_sync;
    $self->central->clear_faults;
    $self->central->config(dies => 0);
    $self->_took('died before it integrated');
}


# ---- beside the site --------------------------------------------------------

# Ends with a run, which has to go on from there.
sub meddle {
    my ($self) = @_;

    return if !$self->{begun};

    my $what = $self->_deal(meddled => @MEDDLED);

    $MEDDLE{$what}->($self);
    $self->_sync;
    $self->_took($what);
}


# Another program keeps a transaction while a run begins, or from anywhere in
# it on, for less than a run waits.
sub _held {
    my ($self, @sql) = @_;

    my $pid;

    $self->be_well;

    if (rand 2 < 1) {
        $pid = $self->_start(MSYNC_FAULT_BATCH => 10);
        sleep rand 0.2;
    }

    open my $held, '|-', 'sqlite3', '-init', '/dev/null', '-cmd',
        '.timeout 10000', '-cmd', '.output /dev/null', $self->database
        or die "sqlite3: $!\n";
    $held->autoflush(1);
    print {$held} "$_;\n" for @sql;
    $pid //= $self->_start(MSYNC_FAULT_BATCH => 50);

    sleep rand 0.5;
    close $held;
    waitpid $pid, 0;
    $self->_is_wrong("@sql: " . $self->said)
        if $self->said =~ /keeps the database locked/;
}


# As SQLite's documentation has it, with keys off, half the times while a run is
# on; what is not of the table itself goes with the old one.
sub _rebuild {
    my ($self) = @_;

    my $pid = rand 2 < 1 ? $self->_start(MSYNC_FAULT_BATCH => 10) : undef;
    my $name = $self->{pushed}[rand @{ $self->{pushed} }]{table};
    my $sql = $self->query('SELECT sql FROM sqlite_master WHERE type = '
                           . "'table' AND name = '$name'");

    $sql =~ s/\A(CREATE TABLE\s+)("?)\Q$name\E\2/$1"rebuilt"/i
        or die "not understood: $sql\n";
    $self->query('PRAGMA foreign_keys = OFF', 'BEGIN IMMEDIATE', $sql,
        qq{INSERT INTO "rebuilt" SELECT * FROM "$name"},
        qq{DROP TABLE "$name"}, qq{ALTER TABLE "rebuilt" RENAME TO "$name"},
        'COMMIT');
    waitpid $pid, 0 if $pid;
    $self->_edit_here;
}


sub _drop {
    my ($self, $type) = @_;

    my @names = split /\n/, $self->query('SELECT name FROM sqlite_master '
        . "WHERE type = '$type' AND name LIKE 'msync%' AND sql IS NOT NULL "
        . 'ORDER BY name');
    my $name = _one(@names) // return;

    $self->query(qq{DROP $type "$name"});
    $self->_edit_here;
}


sub _replace {
    my ($self, @before) = @_;

    my $t = $self->{pushed}[rand @{ $self->{pushed} }];
    my $id = $self->_any_here($t);

    return if $id eq '' || $self->{alias}{$id} || $self->{dead}{$id};
    $self->query(@before, 'PRAGMA foreign_keys = OFF',
        qq{INSERT OR REPLACE INTO "$t->{table}" SELECT * FROM "$t->{table}" }
        . qq{WHERE "$t->{key}" = '$id'});
}


# With another value of a word.
sub _upsert {
    my ($self) = @_;

    my $t = $self->{pushed}[rand @{ $self->{pushed} }];
    my $id = $self->_any_here($t);
    my $word = _one(@{ $t->{words} })->{name};
    my $value = quoted(any_word());

    return if $id eq '' || $self->{alias}{$id} || $self->{dead}{$id};
    $self->query(qq{INSERT INTO "$t->{table}" SELECT * FROM "$t->{table}" }
        . qq{WHERE "$t->{key}" = '$id' ON CONFLICT ("$t->{key}") DO UPDATE }
        . qq{SET "$word" = $value});
}


# Of a row that was made here and that nothing refers to.
sub _made {
    my ($self) = @_;

    return _one(grep { $_->[0]{push_delete} && !$self->{held}{ $_->[1] } }
                @{ $self->{made} });
}

sub _change_key {
    my ($self) = @_;

    my $made = _made($self) or return $self->_insert_here;
    my ($t, $id) = @$made;
    my $new = new_id($t);

    $self->query(qq{UPDATE "$t->{table}" SET "$t->{key}" = '$new' }
                 . qq{WHERE "$t->{key}" = '$id'});
    $made->[1] = $new;
    $self->{dead}{$id} = 1;
}


# As somebody does who was mistaken, half the times behind a run.
sub _put_back_row {
    my ($self) = @_;

    my $made = _made($self) or return $self->_insert_here;
    my ($t, $id) = @$made;
    my $is = qq{FROM "$t->{table}" WHERE "$t->{key}" = '$id'};

    $self->query('DROP TABLE IF EXISTS put_by',
                 "CREATE TABLE put_by AS SELECT * $is", "DELETE $is");
    $self->_sync if rand 2 < 1;
    $self->query(qq{INSERT INTO "$t->{table}" SELECT * FROM put_by},
                 'DROP TABLE put_by');
}


# What was not sent is back at once; half the times as scripts do that reset a
# database.
sub _empty_changelog {
    my ($self) = @_;

    $self->_edit_here;
    $self->query('DELETE FROM changelog', $self->_deal(emptied => 0, 1)
        ? q{DELETE FROM sqlite_sequence WHERE name = 'changelog'} : ());
    $self->_edit_here;
}


# With the cursors: all comes anew, as when a person asks for it.
sub _empty_keys {
    my ($self) = @_;

    return if $self->{changed_here};
    $self->{anew} = 1;
    $self->query('DELETE FROM key_value_store');
    $self->_edit_here;
}


# What both sides have changed since is older here; what they have deleted would
# be back, and said to be so: of that there is none.  Half the times the copy is
# of the middle of a run.
sub _put_back {
    my ($self) = @_;

    my $copy = "$self->{dir}/older";
    my $pid;

    return if $self->{changed_here};
    unlink $copy;
    $pid = $self->_start(MSYNC_FAULT_BATCH => 10) if rand 2 < 1;
    sleep rand 0.2 if $pid;
    $self->run_command('backup', $copy);
    waitpid $pid, 0 if $pid;
    $self->_edit_here;
    $self->_edit_there;
    $self->_sync;
    $self->{anew} = 1;
    unlink map { $self->database . $_ } '-wal', '-shm';
    rename $copy, $self->database or die "$copy: $!\n";
    $self->run_command('--yes', 'reinitialise');
}


# Two processes, of which one waits for the other or ends, with words.
sub _two {
    my ($self) = @_;

    my @pids = map { $self->_start(MSYNC_FAULT_BATCH => 10) } 1, 2;

    $self->_edit_here;
    waitpid $_, 0 for @pids;
}


# A run stands still anywhere, while the application goes on, unless that run
# has the database just then.
sub _stop {
    my ($self) = @_;

    my $pid = $self->_start(MSYNC_FAULT_BATCH => 10);

    sleep rand 0.1;
    kill STOP => $pid;
    my $went = eval { $self->_edit_here; 1 };
    kill CONT => $pid;
    waitpid $pid, 0;
    die $@ if !$went && $@ !~ /database is locked/;
}

# Both sides go on, anywhere in a run.
sub _change_in_a_run {
    my ($self) = @_;

    $self->central->config(page_delay_ms => 15);

    my $pid = $self->_start(MSYNC_FAULT_BATCH => 10);

    for (0 .. rand 4) {
        my ($here, $there) = map { "_$_" }
            _one(qw(edit insert delete)), _one(qw(edit insert delete merge));

        sleep rand 0.15;
        $self->${\"${here}_here"};
        $self->${\"${there}_there"};
    }

    waitpid $pid, 0;
    delete $self->{known};
    $self->central->config(page_delay_ms => 0);
}


# Central sends a record before the one that it refers to, half the times with a
# run between them, and the site may change its row meanwhile.
sub _lead_early {
    my ($self) = @_;

    my $t = _one(grep { @{ $_->{leads} } && $_->{table} ne 'transact' }
                 @{ $self->{pulled} });
    my $field = _one(@{ $t->{leads} });
    my $to = $self->{table}{ $field->{references} };
    my ($id, $like) = map { $self->_any_there($_) // return } $t, $to;
    my ($data, $parent) = ($self->_record($t, $id), $self->_record($to, $like));
    my $new = new_id($to);

    return if grep { !$_ || $_->{error} } $data, $parent;
    $data->{ $field->{name} } = $new;
    $self->_change($t, $id, 'update', $data);
    $self->_sync if rand 2 < 1;
    edit_row($self, $t, $id) if rand 2 < 1 && grep { $_ == $t }
        @{ $self->{pushed} };
    $self->_sync if rand 2 < 1;

    $parent->{ $to->{key} } = $new;
    $self->_change($to, $new, 'insert', $parent);
    push @{ $self->{made_there} }, [$to, $new];
    $self->{held}{$new} = 1;
}

sub _stop_central {
    my ($self) = @_;

    $self->central->hold;

    my $pid = $self->_start(MSYNC_FAULT_BATCH => 10);
    sleep rand 0.2;
    $self->central->go_on;
    waitpid $pid, 0;
}


# A run whose clock is so many milliseconds ahead, or whose disk is full, from
# the start or from anywhere in it.
sub _switched {
    my ($self, $ahead, $full) = @_;

    my $path = "$self->{dir}/switch";
    my $later = rand 2 < 1;

    open my $fh, '>', $path or die "$path: $!\n";
    syswrite $fh, pack 'qq', $later ? (0, 0) : ($ahead, $full);

    my $pid = $self->_start(MSYNC_FAULT_SWITCH => $path,
                            MSYNC_FAULT_BATCH => $later ? 10 : 50);

    if ($later) {
        sleep rand 0.2;
        sysseek $fh, 0, 0;
        syswrite $fh, pack 'qq', $ahead, $full;
    }

    close $fh;
    waitpid $pid, 0;
}


1;
