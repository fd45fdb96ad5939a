# Disks of others, mounted for real: on each a first sync, then what becomes of
# some of them while the database is open, in words.  Needs root; what this
# machine lacks is skipped.

use strict;
use warnings;

use Msync::Life qw(own_mounts);
use Msync::Test qw(
    processes_of site_config site_path slurp sqlite stage_dir start_central
    start_nginx wait_until worker_user write_file write_private
);
use POSIX qw(WNOHANG);
use Test::More;

use constant {
    PASSWORD      => 'correct horse battery',
    EXT4_SHUTDOWN => 0x8004587d,       # EXT4_IOC_SHUTDOWN, linux/ext4.h
    NO_LOG        => 2,                # what it had not written is lost
};

plan skip_all => 'this machine permits no mounts of its own' if !own_mounts();

my $ext4 = 'truncate -s 64M image && mkfs.ext4 -q -m 0 image '
    . '&& mount -o loop,errors=remount-ro image at';
my $key = '-extpass "echo x"';
my %disk = (
    tmpfs     => 'mount -t tmpfs -o size=32m none at',
    failing   => $ext4,
    dead      => $ext4,
    frozen    => $ext4,
    immutable => $ext4,
    overlay   => 'mkdir lower upper work && mount -t overlay -o '
                 . 'lowerdir=lower,upperdir=upper,workdir=work none at',
    btrfs     => 'truncate -s 128M image && mkfs.btrfs -q -M image '
                 . '&& mount -o loop image at',
    xfs       => 'truncate -s 310M image && mkfs.xfs -q image '
                 . '&& mount -o loop image at',
    bindfs    => 'mkdir from && bindfs -o allow_other from at',
    # what FUSE tells of one is its name
    sshfs     => 'mkdir from && bindfs -o allow_other,subtype=sshfs from at',
    gocryptfs => "mkdir from && gocryptfs -q -init $key from "
                 . "&& gocryptfs -q -allow_other $key from at",
);

my $central = start_central(password => PASSWORD, records => 100);
write_private('password', PASSWORD . "\n");

my @mounted = grep { is_mounted($_) } sort keys %disk;
END {
    system('fsfreeze -u ' . at('frozen') . ' 2>/dev/null');
    system('umount', '-l', at($_)) for @mounted;
}

my $nginx = start_nginx(
    workers => 1,
    http    => join("\n", map { site_config($_,
        helper => $ENV{TEST_NGINX_MSYNC}, url => $central->url,
        username => '"Clinic 7"', password_file => site_path('password'),
        database => database($_), interval => 0) } @mounted),
    server  => join("\n", map { "location /$_/ { msync $_; }" } @mounted),
);

for my $disk (sort keys %disk) {
    SKIP: {
        skip "$disk cannot be mounted here", 2 if !is_here($disk);
        a_first_sync($disk);
    }
}

SKIP: {
    skip 'no tmpfs', 4 if !is_here('tmpfs');
    a_disk_that_is_full();
}

SKIP: {
    skip 'no ext4', 3 if !is_here('failing');
    a_disk_that_the_system_makes_read_only();
}

SKIP: {
    skip 'no ext4', 3 if !is_here('dead');
    a_disk_that_is_not_there_any_more();
}

SKIP: {
    skip 'no bindfs', 3 if !is_here('bindfs') || !is_here('sshfs');
    a_network_behind_fuse_is_told_of();
}

SKIP: {
    skip 'no ext4', 8 if !is_here('frozen');
    a_disk_that_does_not_answer();
}

SKIP: {
    skip 'no ext4', 4 if !is_here('immutable');
    an_attribute_that_forbids_to_write();
}

a_file_that_is_mounted_alone_is_told_of();
a_name_that_leaves_no_room();

ok($nginx->stop, 'quit');
is(join('', $nginx->alarms), '', 'no alarm');

done_testing();


sub at { return stage_dir() . "/disk-$_[0]/at" }
sub database { return at($_[0]) . '/clinic.sqlite' }
sub is_here { my ($disk) = @_; return grep { $_ eq $disk } @mounted }


sub is_mounted {
    my ($disk) = @_;

    my $dir = stage_dir() . "/disk-$disk";
    my $user = worker_user();

    return system("mkdir -p $dir/at && cd $dir && { $disk{$disk}; } "
                  . "</dev/null >said 2>&1 && chmod 755 . "
                  . "&& chown $user at && chmod 770 at") == 0;
}


sub a_first_sync {
    my ($disk) = @_;

    $nginx->post("/$disk/trigger");
    ok($nginx->wait_status(sub {
        $_->{state} eq 'idle' && $_->{initialisationStatus} eq 'INITIALISED'
    }, api => "/$disk", seconds => 60), "a first sync on $disk");
    is(sqlite(database($disk), 'PRAGMA integrity_check'), 'ok', 'is whole');
}


sub arrives {
    my ($id) = @_;

    $central->change(tableName => 'unit', recordId => $id, action => 'update',
                     recordData => { ID => $id, units => 'jar',
                                     comment => 'x' x 200,
                                     order_number => 1 });
}


# What the page says after a run there.
sub said_of {
    my ($disk) = @_;

    $nginx->post("/$disk/trigger");

    my $status = $nginx->wait_status(sub { $_->{syncStatus}{error}
                                           || $_->{error} },
                                     api => "/$disk", seconds => 60) // {};
    my $error = $status->{error} // $status->{syncStatus}{error};

    return ($error // {})->{fullError} // '';
}


sub command {
    my ($database, $command) = @_;

    return qx($ENV{TEST_NGINX_MSYNC} --database '$database' $command 2>&1);
}


sub a_disk_that_is_full {
    my $fill = at('tmpfs') . '/fill';

    system("dd if=/dev/zero of='$fill' bs=64k 2>/dev/null");
    arrives("full$_") for 1 .. 500;
    like(said_of('tmpfs'), qr/full\. Free some space/, 'a full disk is named');

    unlink $fill;
    $nginx->post('/tmpfs/trigger');
    ok($nginx->wait_status(sub {
        $_->{state} eq 'idle' && !$_->{syncStatus}{error}
    }, api => '/tmpfs', seconds => 60), 'with room it goes on');
    is(sqlite(database('tmpfs'),
              q{SELECT count(*) FROM unit WHERE ID LIKE 'full%'}), 500,
       'and nothing is lost');
    is(sqlite(database('tmpfs'), 'PRAGMA integrity_check'), 'ok', 'or torn');
}


# As the kernel does by itself when it finds an error: what is open stays so.
sub a_disk_that_the_system_makes_read_only {
    my $at = at('failing');
    my $device = qx(findmnt -no SOURCE '$at') =~ s{^/dev/|\s+$}{}gr;
    my $trigger = "/sys/fs/ext4/$device/trigger_fs_error";

    arrives('after the error');
    open my $handle, '>', $trigger or do {
        skip "this kernel has no trigger_fs_error", 3;
    };
    print {$handle} "1\n";
    close $handle;

    my $said = said_of('failing');
    my $read_only = qr/mounted read-only.*dmesg.*unit.*ReadWritePaths=/;
    like($said, qr/cannot be written/, 'a disk that was made read-only');
    like($said, $read_only, 'is told of as that');
    like(command(database('failing'), 'retry'), $read_only,
         'by a command, too');
}


sub a_disk_that_is_not_there_any_more {
    open my $handle, '<', at('dead') or die "dead: $!\n";
    my $flags = pack 'L', NO_LOG;

    arrives('after the end');
    ioctl $handle, EXT4_SHUTDOWN, $flags or do {
        skip "this kernel shuts down no ext4: $!", 3;
    };

    my $said = said_of('dead');
    like($said, qr/Its disk fails, or the file is damaged \(see dmesg\)/,
         'a disk that fails is told of as that');
    unlike($said, qr/the rights of the database/, 'and as nothing else');
    like(command(database('dead'), 'retry'), qr/Its disk fails/,
         'by a command, too');
}


# As behind a cable that is loose: who writes there waits, and cannot be ended.
sub a_disk_that_does_not_answer {
    my ($helper) = grep { has_open($_, database('frozen')) }
        processes_of($ENV{TEST_NGINX_MSYNC});

    arrives('after the thaw');
    system('fsfreeze', '-f', at('frozen')) == 0
        or skip 'this machine freezes no ext4', 8;
    $nginx->post('/frozen/trigger');
    ok(wait_until(sub { slurp("/proc/$helper/stat") =~ /\) D / }),
       'the helper waits for a disk that does not answer');

    a_command_says_that_and_can_be_left();

    kill KILL => $helper;
    ok($nginx->reload, 'it is killed, and nginx reloaded');
    ok($nginx->wait_status(sub {
        ($_->{error}{fullError} // '')
            =~ /^process $helper, .* killed .*: the disk does not answer/;
    }, api => '/frozen'), 'the status says what the next one waits for');

    system('fsfreeze', '-u', at('frozen'));
    ok(wait_until(sub {
        sqlite(database('frozen'),
               q{SELECT count(*) FROM unit WHERE ID = 'after the thaw'}) == 1
    }), 'the run that was asked for is made when the disk goes on');
    ok($nginx->wait_status(sub {
        $_->{state} eq 'idle' && !$_->{error}
    }, api => '/frozen'), 'and ends well');
}


sub a_command_says_that_and_can_be_left {
    my $said = write_file(said => '');
    my $pid = fork // die "fork: $!\n";

    if ($pid == 0) {
        open STDERR, '>', $said or die "$said: $!\n";
        open STDOUT, '>', '/dev/null' or die "stdout: $!\n";
        exec $ENV{TEST_NGINX_MSYNC}, '--database', database('frozen'), 'status';
    }

    ok(wait_until(sub { slurp($said) =~ /disk has not answered for 5 sec/ }),
       'a command says so');
    kill INT => $pid;
    ok(wait_until(sub { waitpid($pid, WNOHANG) == $pid }),
       'and can be interrupted');
    like(slurp($said), qr/interrupted; process \d+ waits for the disk/,
         'which says what stays behind');
}


# As by whoever protects files from being deleted.
sub an_attribute_that_forbids_to_write {
    my $database = database('immutable');

    sqlite($database, 'PRAGMA wal_checkpoint(TRUNCATE)');
    arrives('after chattr');
    system('chattr', '+i', "$database-wal") == 0
        or skip 'no chattr', 4;
    like(said_of('immutable'), qr/permitted\)\. .* attribute .* lsattr/,
         'a log that is immutable is told of');
    system('chattr', '-i', "$database-wal");

    $nginx->post('/immutable/trigger');
    ok($nginx->wait_status(sub {
        $_->{state} eq 'idle' && !$_->{syncStatus}{error}
    }, api => '/immutable'), 'without the attribute it goes on');
    is(sqlite($database, q{SELECT count(*) FROM unit WHERE ID = }
              . q{'after chattr'}), 1, 'and nothing is lost');

    system('chattr', '+a', "$database.lock");
    like(command($database, 'retry'), qr/permitted\. .* append-only: .*lsattr/,
         'so is a lock that may only grow');
    system('chattr', '-a', "$database.lock");
}


sub has_open {
    my ($pid, $file) = @_;

    return grep { (readlink // '') eq $file } glob "/proc/$pid/fd/*";
}


sub a_network_behind_fuse_is_told_of {
    like(command(database('sshfs'), 'check'),
         qr/network file system \(sshfs\)/,
         'a network that FUSE stands before is told of');
    unlike(command(database('bindfs'), 'check'), qr/network/,
           'a disk of this machine is not');
    is($nginx->logged(qr/network file system/), 1,
       'and in the log, once');
}


# As by "-v clinic.sqlite:/app/clinic.sqlite" of Docker.
sub a_file_that_is_mounted_alone_is_told_of {
    SKIP: {
        skip 'no tmpfs', 1 if !is_here('tmpfs');
        my $alone = write_file('alone.sqlite', '');

        system('mount', '--bind', database('tmpfs'), $alone) == 0
            or skip 'a file cannot be mounted here', 1;
        like(command($alone, 'check'), qr/is mounted alone.* the directory/,
             'a file that is mounted alone is told of');
        system('umount', $alone);
        unlink glob "$alone*";
    }
}


sub a_name_that_leaves_no_room {
    my $password = write_private('no.password', "x\n");

    for my $length (248, 250, 251, 256) {
        my $said = command(site_path('a' x $length), '--url http://127.0.0.1 '
            . "--username x --password-file '$password' sync");

        like($said, qr/has to leave room for "-journal"/,
             "a name of $length octets");
    }
}
