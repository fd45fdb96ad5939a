package Msync::Resume;

# A site and a central server of its own, brought to a known state again and
# again, to disturb one run of the helper at one point, let the next runs go
# on, and compare what there is in the end with what an undisturbed run left.
# See t/faults/faults.h for the points.

use strict;
use warnings;

use Carp qw(croak);
use Digest::SHA qw(sha256_hex);
use IO::Select;
use POSIX ();
use Test::More ();

use Msync::Central;
use Msync::Faults;
use Msync::Helper;
use Msync::Look;
use Msync::Test qw(decode_json encode_json sqlite stage_dir);

use constant {
    PASSWORD => 'secret',
    RUNS_MAX => 4,             # a disturbed run and those that go on
    KILLED   => 9,
    SAMPLED  => 8,             # of so many runs that only repeat one is done
};

# What the clock, the line or the number of tries decides; also the sizes of
# batches.
my %LEFT_OUT = (
    sync_buffer => { map { $_ => 1 } qw(id received_datetime last_tried
                     retry_at first_failed_datetime tries) },
    msync_refused => { map { $_ => 1 } qw(first_failed_datetime last_tried
                       tries) },
);

my $Count = 0;


# Settings: name, protocol ("v6" or "v7"), emulator (more options of it), batch
# (size of all batches), records, command ("sync", or a list),
# further (runs until there is nothing more to do, after one that goes well: 1),
# rebuilds (central's queue may be built more than once), under (a command
# that the helper is run by), program (another helper with fault points, which
# does what "begin" asks for), alike (code that changes a dump in $_ before it
# is compared), and the code
# "begin", which brings the site to where the run begins: it is called once,
# with this object.
sub new {
    my ($class, %args) = @_;

    my $self = bless { batch => 50, records => 150, command => 'sync',
                       protocol => 'v6', under => [], further => 1,
                       %args }, $class;

    $self->{dir} = stage_dir() . '/resume-' . $$ . '-' . ++$Count;
    mkdir $self->{dir} or croak "$self->{dir}: $!";

    open my $fh, '>', "$self->{dir}/password" or croak "password: $!";
    print {$fh} PASSWORD;
    close $fh;
    chmod 0600, "$self->{dir}/password";

    $self->{central} = Msync::Central->start(
        password => PASSWORD, records => $self->{records},
        protocol => $self->{protocol}, %{ $self->{emulator} // {} },
    );
    $self->{look} = Msync::Look->new("$self->{dir}/look");
    $self->{begin}->($self);
    $self->{central}->snapshot;
    $self->_note_database;

    # another program has no clock but the machine's
    $self->{clock} = time if !$args{program};
    $self->_refer($args{program});

    return $self;
}


sub central  { $_[0]{central} }
sub protocol { $_[0]{protocol} }
sub url      { $_[0]->central->url_of($_[0]->protocol) }
sub database { "$_[0]{dir}/site.sqlite" }
sub query    { my $self = shift; sqlite($self->database, @_) }

# How many writes and requests an undisturbed run has, of "program" if there
# is one.
sub writes   { $_[0]{counts}[0] }
sub requests { $_[0]{counts}[1] }

# how many of these writes there are before its nth request
sub writes_before { $_[0]{counts}[1 + $_[1]] }

# The numbers of its allocations by which each chain of calls comes to its
# first.
sub paths {
    my ($self) = @_;

    local $ENV{MSYNC_FAULT_PATHS} = "$self->{dir}/paths";

    $self->_begin_again;

    my ($status, $said) = $self->run;
    croak "$self->{name}: the run that is watched fails: $said"
        if $status != 0;

    return split /\n/, _slurp("$self->{dir}/paths");
}


# Runs the helper once, or another one with fault points in its place; returns
# its exit status, 128 and the signal for a killed one, and what it said.  In
# the nth run of each try the wall clock stands at the same moment.
sub run {
    my ($self, $fault, $program, $n) = @_;

    my %environment = (
        $fault ? (MSYNC_FAULT => $fault) : (),
        $n && $self->{clock}
            ? (MSYNC_FAULT_CLOCK => 1000 * ($self->{clock} + $n)) : (),
        MSYNC_FAULT_BATCH => $self->{batch},
        MSYNC_FAULT_COUNT => "$self->{dir}/count",
    );
    my @arguments = (
        '--database', $self->database, '--url', $self->url,
        '--username', 'Clinic 7',
        '--password-file', "$self->{dir}/password",
        ref $self->{command} ? @{ $self->{command} } : $self->{command},
    );
    my $out = "$self->{dir}/out";

    $program //= $self->{program};

    # where allocations count, those of a start do
    my $starts = $ENV{MSYNC_FAULT_PATHS} || ($fault // '') =~ /memory/;
    my $ended = $program || @{ $self->{under} } || $starts
        ? _start($out, \%environment, @{ $self->{under} },
                 $program // $ENV{TEST_NGINX_MSYNC_FAULTS}, @arguments)
        : Msync::Faults->server->run($out, \%environment, @arguments);

    return ($ended & 127 ? 128 + ($ended & 127) : $ended >> 8, _slurp($out));
}


# As a process of its own; returns what waitpid says.
sub _start {
    my ($out, $environment, @command) = @_;

    my $pid = fork() // croak "fork: $!";

    if ($pid == 0) {
        @ENV{keys %$environment} = values %$environment;
        open STDOUT, '>', $out;
        open STDERR, '>&', \*STDOUT;
        exec @command or POSIX::_exit(127);
    }

    waitpid $pid, 0;

    return $?;
}


# Disturbs one run and goes on.  The hash says how: "fault" of the helper,
# "torn" (a fault of the central server), "again" (a fault of the run that
# goes on), "says" (what a run that failed must say), "firm" (none may
# fail), "program" (the helper of the disturbed run, with fault points),
# "excuses" (a pattern of differences in the end that are no fault of ours).
# Returns what is wrong.
#
# The next run goes by the database and central alone, and the clock stands:
# where another try has left both exactly so, what follows is known and most
# times not done again.
sub disturb {
    my ($self, %how) = @_;

    my (@wrong, @from, $status, $said, $cleared);
    my @faults = ($how{fault}, $how{again} // ());

    $self->_begin_again;
    $self->central->fault(%{ $how{torn} }) if $how{torn};

    for my $n (1 .. RUNS_MAX) {
        my $fault = shift @faults;

        ($status, $said) = $self->run($fault, $n == 1 ? $how{program} : undef,
                                      $n);
        last if $status == 0;

        push @wrong, $self->_damage;

        # a token that was given and lost: only an administrator helps
        if ($said =~ /TOKEN_ALREADY_ALLOCATED/ && !$cleared++) {
            $self->central->config(v7_token => undef);
            next;
        }

        push @wrong, $self->_faults_of($n, $status, $said, $fault, %how);

        next if @faults || $how{torn} || $how{program} || $cleared;

        my $state = $self->_state_now($n);
        my $seen = $self->{seen}{$state};

        return @wrong, @$seen if $seen && $self->{repeated}++ % SAMPLED;
        push @from, [$state, scalar @wrong];
    }

    push @wrong, $status == 0 ? $self->_end(%how)
                              : "it never succeeds: $said";

    $self->{seen}{ $_->[0] } = [@wrong[$_->[1] .. $#wrong]] for @from;

    return @wrong;
}


# What is wrong with a run that did not go well, the nth of a try.
sub _faults_of {
    my ($self, $n, $status, $said, $fault, %how) = @_;

    my @wrong;

    push @wrong, "run $n: $said" if $said =~ /Sanitizer|runtime error:/;
    push @wrong, "run $n is not disturbed ($status): $said"
        if $n == 1 && $how{program} && $status != 128 + KILLED;
    return @wrong if $status == 128 + KILLED;

    push @wrong, "run $n crashes ($status): $said" if $status > 128;

    push @wrong, "run $n fails ($status): $said"
        if $how{firm} || !$fault && !$how{torn};
    push @wrong, "run $n does not say $how{says}: $said"
        if $how{says} && $said !~ /$how{says}/;

    return @wrong;
}


# All that the run after the nth goes by.
sub _state_now {
    my ($self, $n) = @_;

    return join ' ', $n, $self->{look}->digest($self->{kept}),
        $self->central->digest;
}


# What is wrong in the end, after as many further runs as it takes.  Where the
# end is the same already, one more does what it does in _refer, so few do it.
sub _end {
    my ($self, %how) = @_;

    my $more = $self->{ends}++ % SAMPLED == 0;
    my ($differences, @wrong);

    for my $n (1 .. $self->{further}) {
        # a database of a version before may have nothing to compare yet
        $differences = [$self->_differences(%how)] if !$more;
        last if $differences && !@$differences;

        my ($status, $said) = $self->run(undef, undef, RUNS_MAX + $n);
        push @wrong, "another run fails: $said" if $status != 0;
        undef $differences;
    }

    return @wrong, @{ $differences // [$self->_differences(%how)] };
}


# Disturbs one run of a process that goes on: what it remembers of a run that
# failed is as true as what another one reads.
sub stay {
    my ($self, %how) = @_;

    $self->_begin_again;

    local @ENV{qw(MSYNC_FAULT MSYNC_FAULT_BATCH)} = ($how{fault},
                                                     $self->{batch});

    my $helper = Msync::Helper->start(
        program => $ENV{TEST_NGINX_MSYNC_FAULTS}, site => 'clinic',
        database => $self->database, url => $self->url,
        username => 'Clinic 7', password_sha256 => sha256_hex(PASSWORD),
        interval => 0,
    );
    my ($failed, @wrong);

    # One fault is one run that fails, at most; the last finds nothing to do.
    for my $n (1 .. 3) {
        $failed = $helper->run;
        push @wrong, $self->_damage;
        push @wrong, "run $n does not end" if !defined $failed;
    }

    push @wrong, "$failed of its runs fail" if ($failed // 0) > 1;
    push @wrong, 'it does not end well' if $helper->stop != 0;
    push @wrong, join "\n    ", $helper->log if @wrong;

    return @wrong, $self->_differences;
}


# ---- the site -------------------------------------------------------------

sub _files { map { $_[0]->database . $_ } '', qw(-wal -shm -journal) }

# The database as it is now is where each try begins.
sub _note_database {
    my ($self) = @_;

    $self->{kept} = '';
    return if !-e $self->database;

    $self->query('PRAGMA wal_checkpoint(TRUNCATE)');
    $self->{kept} = Msync::Look::octets($self->database);
}

sub _put_back {
    my ($self) = @_;

    my ($database, @beside) = $self->_files;

    # what is noted there is of a later state
    unlink @beside, "$database.lock";
    return unlink $database if $self->{kept} eq '';

    Msync::Look::put($database, $self->{kept});
}


# The site and central as they were before the run.
sub _begin_again {
    my ($self) = @_;

    $self->central->restore;
    $self->_put_back;
}


# An undisturbed run, and one more that finds nothing to do.
sub _refer {
    my ($self, $program) = @_;

    my $counts;

    if ($program) {
        $self->_put_back;
        $self->run(undef, undef, 1);
        $counts = _slurp("$self->{dir}/count");
        delete $self->{program};
        $self->central->restore;
    }

    $self->_put_back;

    my ($status, $said) = $self->run(undef, undef, 1);
    croak "$self->{name}: the undisturbed run fails: $said" if $status != 0;

    $self->{counts} = [split ' ', $counts // _slurp("$self->{dir}/count")];

    for my $n (2 .. $self->{further}) {
        ($status, $said) = $self->run(undef, undef, $n);
        croak "$self->{name}: a further run fails: $said" if $status != 0;
    }

    $self->{received} = $self->central->state(1)->{receivedCount};

    ($status, $said) = $self->run(undef, undef, RUNS_MAX);
    croak "$self->{name}: a run with nothing to do fails: $said"
        if $status != 0;

    my $now = $self->central->state(1)->{receivedCount};
    croak "$self->{name}: something is sent twice"
        if "@{$now}{qw(v5 v6 v7)}" ne "@{$self->{received}}{qw(v5 v6 v7)}";

    $self->{look}->take($self->database);
    $self->{dump_sql} = $self->_dump_sql;

    # what each statement finds, and the same as it is compared
    $self->{dump} = [map { $self->{look}->lines($_) } @{ $self->{dump_sql} }];
    $self->{lines} = [map { [$self->_comparable($_)] } @{ $self->{dump} }];

    $self->{digest} = $self->central->digest;
    $self->{state} = $self->_state($self->central->outcome);
}


# What is wrong with the database, by a copy: the next run is to find the files
# as they were left.  Of the same octets it is the same.
sub _damage {
    my ($self) = @_;

    my $look = $self->{look};

    eval { $look->take($self->database); 1 }
        or return "the database is damaged: $@";

    return @{ $self->{damage}{ $look->digest($self->{kept}) }
              //= [$self->_damage_found] };
}


# What PRAGMA integrity_check and foreign_key_check find.  While a first sync
# fills the tables, parents may still be on their way.
sub _damage_found {
    my ($self) = @_;

    my $look = $self->{look};
    my $found = eval {
        $look->lines('PRAGMA integrity_check', 'PRAGMA foreign_key_check');
    } // $@;

    return if $found eq "ok\n" || $found =~ /\Aok\n/
        && $look->lines(q(SELECT 1 FROM sqlite_master WHERE name =
               'key_value_store')) ne ''
        && $look->lines(q(SELECT 1 FROM key_value_store WHERE id =
               'MSYNC_FILLING')) ne '';

    return "the database is damaged: $found";
}


# One statement a table; rows are in the order of all their columns.
sub _dump_sql {
    my ($self) = @_;

    my @sql = (
        'PRAGMA integrity_check', 'PRAGMA foreign_key_check',
        "SELECT 'schema', type, name, sql FROM sqlite_master ORDER BY 3, 2",
    );

    my %columns;

    for (split /\n/, $self->{look}->lines(q(SELECT t.name, c.name FROM
        sqlite_master t, pragma_table_info(t.name) c WHERE t.type = 'table'
        AND t.name NOT IN ('sync_log', 'sqlite_sequence') ORDER BY c.cid)))
    {
        my ($table, $column) = split /\|/;
        push @{ $columns{$table} }, $column;
    }

    for my $table (sort keys %columns) {
        my @columns = grep { !$LEFT_OUT{$table}{$_} } @{ $columns{$table} };
        my $names = join ', ', map { qq{"$_"} } @columns;

        my $times = $table eq 'sync_buffer'
            ? ', integration_datetime IS NULL' : '';
        $names =~ s/"integration_datetime", // if $times;

        push @sql, qq{SELECT '$table', $names$times FROM "$table" }
            . 'ORDER BY ' . join ', ', 2 .. @columns + 1;
    }

    return \@sql;
}


# A cursor counts what central still has behind it: what it was sent twice moved
# all that came later.  A time of today is the clock's.
sub _comparable {
    my ($self, $text) = @_;

    my $today = join '|', map { POSIX::strftime('%Y-%m-%d', gmtime $_) }
        $^T, time;

    $text =~ s/^(key_value_store\|SYNC_PULL_CURSOR_V([67])\|[^|]*\|)(\d+)/
               $1 . $self->central->left($3, "v$2")/gemx;
    $text =~ s/^(key_value_store\|\w*_TOKEN\|)[0-9a-f-]{36}/$1TOKEN/gm;
    $text =~ s/^key_value_store\|MSYNC_PULL_V[67]_MAX.*\n//gm;
    $text =~ s/^key_value_store\|MSYNC_(?:BATCH_|MOVED|SCHEMA_TRIED).*\n//gm;
    $text =~ s/\b(?:$today)T[\d:.]+Z?/NOW/g;
    $self->{alike}->() for $self->{alike} ? $text : ();

    return split /\n/, $text;
}


# What central has in the end, of what it says.
sub _state {
    my ($self, $state) = @_;

    my %received;

    for my $api (qw(v5 v6 v7)) {
        delete $_->{cursor} for @{ $state->{received}{$api} };
        $received{encode_json($_)}++ for @{ $state->{received}{$api} };
    }

    my %violations = map { encode_json($_) => 1 } @{ $state->{violations} };

    return {
        (map { ("record $_" => $state->{changed}{$_} // 'deleted') }
            keys %{ $state->{changed} }),
        (map { ("row $_" => encode_json($state->{changedRows}{$_})) }
            keys %{ $state->{changedRows} }),
        (map { ("lost: $_->{tableName} $_->{recordId}" => $_->{reason}) }
            @{ $state->{v7}{lost} }),
        (map { ("rows of $_" => $state->{counts}{$_}) }
            keys %{ $state->{counts} }),
        (map { ("received: $_" => 1) } keys %received),
        (map { ("violation: $_" => 1) } keys %violations),
        'queue' => $state->{queue}{remote},
        $self->{rebuilds} ? ()
            : ('queues built' => $state->{queuesBuilt}),
    };
}


# What the site and central have otherwise than they had after the undisturbed
# run, but for what is excused.
sub _differences {
    my ($self, %how) = @_;

    $self->{look}->take($self->database);

    my $central = $self->central->digest;

    # the same octets here and the same state there differ in the same
    my $here = $self->{here}{ $self->{look}->digest($self->{kept}) . $central }
        //= [map { $self->_differences_of($_) } 0 .. $#{ $self->{dump_sql} }];

    return grep { !$how{excuses} || !/$how{excuses}/ }
        @$here, $self->_differences_at_central($central);
}


sub _differences_of {
    my ($self, $n) = @_;

    my $text = $self->{look}->lines($self->{dump_sql}[$n]);
    my %lines;

    return if $text eq $self->{dump}[$n];

    $lines{$_}++ for $self->_comparable($text);
    $lines{$_}-- for @{ $self->{lines}[$n] };

    return map { ($lines{$_} > 0 ? 'more' : 'less') . " here: $_" }
        grep { $lines{$_} } sort keys %lines;
}


sub _differences_at_central {
    my ($self, $digest) = @_;

    return if $digest eq $self->{digest};

    my $central = $self->central->outcome;
    my $state = $self->_state($central);
    my @wrong;

    my %keys = (%$state, %{ $self->{state} });

    for my $key (sort keys %keys) {
        my ($is, $was) = map { $_->{$key} // 'none' } $state, $self->{state};
        push @wrong, "central, $key: $is, it was $was" if $is ne $was;
    }

    # What was not answered is sent again: one batch for each disturbance.
    my $count = $central->{receivedCount};

    for my $api (qw(v5 v6 v7)) {
        my $more = $count->{$api} - $self->{received}{$api};
        push @wrong, "central received $more records again over $api"
            if $more > 2 * $self->{batch} || $more < 0;
    }

    return @wrong;
}


sub _slurp {
    my ($path) = @_;

    open my $fh, '<', $path or return '';
    local $/;
    return scalar(<$fh>) // '';
}


# ---- many of them ---------------------------------------------------------

# Runs tries in so many processes at once.  "$sites" names what makes a site,
# "$tries" makes of a name and its site the list of [group, object, tries'
# arguments]; a process that has done all of one site takes the next.
# Returns {group => {tries => n, wrong => [text, …]}}, and notes how far it
# is.
sub all {
    my ($class, $processes, $sites, $tries) = @_;

    # what is left of it is what nobody has taken yet
    pipe my $queue, my $end or croak "pipe: $!";
    syswrite $end, pack '(A80)*', sort keys %$sites;
    close $end;

    my ($readers, %groups) = IO::Select->new;

    for (1 .. $processes) {
        pipe my $reader, my $writer or croak "pipe: $!";
        my $pid = fork() // croak "fork: $!";

        if ($pid == 0) {
            close $reader;
            my $done = eval { _share($queue, $sites, $tries, $writer); 1 };
            print {$writer} encode_json({ group => 'all', how => {},
                                          wrong => ["$@"] }), "\n" if !$done;
            close $writer;
            POSIX::_exit(0);
        }

        close $writer;
        $readers->add([$reader, $pid, '']);
    }

    # None may wait for another to be read to its end: a pipe holds the
    # results of some hundred tries.
    while (my @ready = $readers->can_read) {
        for my $child (@ready) {
            my ($reader, $pid) = @$child;

            if (sysread $reader, $child->[2], 65_536, length $child->[2]) {
                _count(\%groups, $1) while $child->[2] =~ s/\A(.*)\n//;
                next;
            }

            $readers->remove($child);
            waitpid $pid, 0;
        }
    }

    return \%groups;
}


sub _count {
    my ($groups, $line) = @_;

    my $one = decode_json($line);
    my $group = $groups->{ $one->{group} } //= { tries => 0, wrong => [] };

    $group->{tries}++;
    push @{ $group->{wrong} }, encode_json($one->{how}) . ': '
        . join "\n    ", @{ $one->{wrong} } if @{ $one->{wrong} };

    my ($tries, $wrong) = (0, 0);

    for my $all (values %$groups) {
        $tries += $all->{tries};
        $wrong += @{ $all->{wrong} };
    }

    Test::More::note("$tries tries, $wrong wrong") if $tries % 250 == 0;
}


sub _share {
    my ($queue, $sites, $make, $writer) = @_;

    while (sysread $queue, my $name, 80) {
        $name =~ s/ +\z//;
        _do_tries($writer, $make->($name, $sites->{$name}->()));
    }
}


sub _do_tries {
    my ($writer, @tries) = @_;

    for my $try (@tries) {
        my ($group, $object, %how) = @$try;
        my @wrong = $how{stays} ? $object->stay(%how)
                                : $object->disturb(%how);

        splice @wrong, 12, @wrong - 12, '…' if @wrong > 12;
        print {$writer} encode_json({ group => $group, how => \%how,
                                      wrong => \@wrong }), "\n";
        $writer->flush;
    }
}


1;
