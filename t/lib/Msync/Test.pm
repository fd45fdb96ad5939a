package Msync::Test;

# What the suites of this project need beyond blocks.  Works beside this
# folder's Test::Nginx::Socket and beside OpenResty's; "use" it before
# either, because both read the environment when they are loaded.
#
# For configurations it sets:
#
#   TEST_NGINX_LOAD_MODULES   the module of build/, unless it is set (empty
#                             for an nginx that has the module inside)
#   TEST_NGINX_MSYNC          the helper
#   TEST_NGINX_MSYNC_FAULTS   the helper with fault points (t/faults)
#   TEST_NGINX_FAKE_HELPER    one that does what a test says (Msync::Fake)
#   TEST_NGINX_SITE_DIR       a folder for databases, the worker user's own
#   TEST_NGINX_CENTRAL_URL    by start_central(): where the emulator listens
#
# and reads
#
#   TEST_NGINX_WORKERS        so many workers, whatever a suite would choose
#
# MSYNC_BUILD names another folder that the helper was built in.
#
# All lies in one folder below /tmp that everybody can enter, whatever folder
# the clone is in, and is removed at the end of the test file.

use strict;
use warnings;

use Carp qw(croak);
use Cwd qw(abs_path);
use Exporter qw(import);
use File::Basename qw(dirname);
use File::Copy qw(copy);
use File::Temp qw(tempdir);
use HTTP::Tiny ();
use JSON::PP ();             # it writes a number that was printed as one
use JSON::XS ();
use Time::HiRes qw(time);

use Msync::Described qw(watch);
use Test::Nginx::Socket::Server qw(free_port is_running wait_until);

# What blocks are answered is looked at as well.
no warnings 'once';
push @Test::Nginx::Socket::Watchers, sub {
    my ($method, $target, $response) = @_;

    watch($method, $target, {
        status  => $response->code,
        content => $response->content,
        headers => { map { lc($_) => scalar $response->header($_) }
                     $response->header_field_names },
    });
};

our @EXPORT_OK = qw(
    curl decode_json encode_json free_port give http is_running memory_has
    processes_of project_root read_catalogue set_defaults site_config
    site_path slurp sqlite stage_dir start_central start_nginx wait_reported
    wait_until worker_count worker_user write_file write_private
);

# The user that nginx's workers run as where a test has a master of its own.
use constant WORKER_USER => 'www-data';

my $Owner = $$;
my $Stage = tempdir('msync-test-XXXXXX', DIR => temporary(), CLEANUP => 1);
my $Root = plain_root(abs_path(dirname(__FILE__) . '/../../..'));
my $Build = $ENV{MSYNC_BUILD} // "$Root/build";
my $Writer = JSON::PP->new->utf8->canonical;
my $Reader = JSON::XS->new->utf8;

BEGIN { umask 022 }

# All is on this machine, and no proxy knows it.
delete @ENV{grep { /^(?:https?|all)_proxy$/i } keys %ENV};

# Options may follow a command.
delete $ENV{POSIXLY_CORRECT};

chmod 0755, $Stage or croak "$Stage: $!";

$ENV{TEST_NGINX_LOAD_MODULES} //= "$Root/build/ngx_http_msync_module.so";
$ENV{TEST_NGINX_MSYNC} = stage("$Build/msync", 'bin/msync');
$ENV{TEST_NGINX_MSYNC_FAULTS} = "$Build/faults/msync";
$ENV{TEST_NGINX_FAKE_HELPER} =
    stage("$Root/t/lib/fake-helper", 'fake/fake-helper');
$ENV{TEST_NGINX_SITE_DIR} = "$Stage/sites";

mkdir "$Stage/sites" or croak "$Stage/sites: $!";
give("$Stage/sites", 0770);


# Configurations, commands and TEST_NGINX_LOAD_MODULES, a list, quote no path.
sub is_plain { $_[0] =~ m{\A/[\w./-]+\z}a }


# The clone by a path that needs no quotes, and nginx's folder by such a one,
# and what of the clone the environment names.
sub plain_root {
    my ($root) = @_;

    return $root if is_plain($root);

    symlink $root, "$Stage/clone" or croak "$Stage/clone: $!";
    $ENV{TEST_NGINX_SERVROOT} //= "$Stage/servroot";
    s{\A\Q$root\E/}{$Stage/clone/}
        for grep { defined } @ENV{qw(TEST_NGINX_BINARY
                                     TEST_NGINX_LOAD_MODULES)};

    return "$Stage/clone";
}


# TMPDIR, where its name needs no quotes, leaves room for that of a socket, and
# the worker user may go there.
sub temporary {
    my $path = $ENV{TMPDIR} // '/tmp';
    my $fits = is_plain($path) && length $path <= 61 && -d $path;

    for (my $dir = $path; $fits && $dir ne '/'; $dir = dirname($dir)) {
        $fits = !worker_user() || (stat $dir)[2] & oct 1;
    }

    return $fits ? $path : '/tmp';
}


sub project_root { $Root }
sub stage_dir    { $Stage }

# How many workers a suite gets that would like so many.
sub worker_count { $ENV{TEST_NGINX_WORKERS} || $_[0] }

# The user of the workers, or undef where the tests themselves are not
# root's and everything runs as their user.
sub worker_user { $> == 0 ? WORKER_USER : undef }


# A copy that the worker user can reach.  What is not built is named when
# nginx looks for it, so that the suites that do without it still run.
sub stage {
    my ($from, $to) = @_;

    mkdir dirname("$Stage/$to");

    if (-e $from) {
        copy($from, "$Stage/$to") or croak "cannot copy $from: $!";
        chmod 0755, "$Stage/$to";
    }

    return "$Stage/$to";
}


# To the worker user, and closed to others.
sub give {
    my ($path, $mode) = @_;

    if (my $user = worker_user()) {
        my (undef, undef, $uid, $gid) = getpwnam $user
            or croak "no user $user";
        chown $uid, $gid, $path or croak "$path: $!";
    }

    chmod $mode, $path or croak "$path: $!";
}


sub site_path {
    my ($name) = @_;

    return "$ENV{TEST_NGINX_SITE_DIR}/$name";
}


# Writes a file of the stage; returns its path.
sub write_file {
    my ($name, $text) = @_;

    my $path = stage_dir() . "/$name";
    open my $fh, '>', $path or croak "$path: $!";
    print {$fh} $text;
    close $fh or croak "$path: $!";

    return $path;
}


# A file in the site folder that the worker user can read, and others not.
sub write_private {
    my ($name, $text) = @_;

    my $path = site_path($name);
    open my $fh, '>', $path or croak "$path: $!";
    print {$fh} $text;
    close $fh or croak "$path: $!";
    give($path, 0640);

    return $path;
}


# The block of a site.  Its helper is the fake one, unless "helper" names
# another; other parameters are added as they are.
sub site_config {
    my ($name, %parameters) = @_;

    my %all = (
        database => site_path("$name.sqlite"),
        helper   => $ENV{TEST_NGINX_FAKE_HELPER},
        %parameters,
    );

    return join "\n", "msync_site $name {",
        (map { "    $_ $all{$_};" } sort keys %all), "}\n";
}


# For add_block_preprocessor: sections that a block does not have.
sub set_defaults {
    my ($block, %default) = @_;

    for my $section (keys %default) {
        $block->set_value($section => $default{$section})
            if !defined $block->$section;
    }
}


# For "init" of a block: waits until the first status of a helper is served
# at /api/status.  With a test, until that passes; it finds the status in $_.
sub wait_reported {
    my ($test) = @_;

    $test //= sub { $_->{state} ne 'stopped' };

    wait_until {
        local $_ = http(GET => 'http://127.0.0.1:'
            . "$ENV{TEST_NGINX_SERVER_PORT}/api/status")->{json} // return;
        return $test->();
    } or die "no helper has reported\n";
}


sub encode_json { $Writer->encode($_[0]) }
sub decode_json { $Reader->decode($_[0]) }


# One request on a connection of its own, whose answer has to be as described
# (Msync::Described) where msync gives it.  The answer is HTTP::Tiny's, with
# "json" where the body is that; status 599 means that there was none.
sub http {
    my ($method, $url, %args) = @_;

    my $content = $args{content};
    $content = encode_json($content)
        if ref $content && ref $content ne 'CODE';

    my $answer = HTTP::Tiny->new(
        keep_alive => 0, max_redirect => 0, timeout => $args{timeout} // 10,
    )->request($method, $url, {
        headers => $args{headers} // {},
        defined $content ? (content => $content) : (),
    });

    $answer->{json} = eval { decode_json($answer->{content}) };
    watch($method, $url, $answer);

    return $answer;
}


# One request by curl, for what HTTP::Tiny does not speak; arguments are
# curl's.  The answer has the members of http().
sub curl {
    my (@args) = @_;

    open my $fh, '-|', 'curl', '-q', '--silent', '--include', '--max-time',
        '30', @args or croak "cannot run curl: $!";
    local $/;
    my $text = <$fh> // '';
    close $fh;

    # Answers before the last are interim answers.
    my ($head, $content) = $text =~
        m{\A(?:HTTP/\S+ 1\d\d.*?\r\n\r\n)*(.*?)\r\n\r\n(.*)\z}s
        or return { status => 599, content => $text };
    my ($version, $status) = $head =~ m{^HTTP/(\S+) (\d+)};

    return {
        version => $version,
        status  => $status,
        headers => { map { /^([^:]+): *(.*?)\r?$/ ? (lc $1, $2) : () }
                     split /\n/, $head },
        content => $content,
        json    => scalar eval { decode_json($content) },
    };
}


# Whether a process has these octets in memory that it can write to.
sub memory_has {
    my ($pid, $needle) = @_;

    open my $maps, '<', "/proc/$pid/maps" or croak "/proc/$pid/maps: $!";
    open my $mem, '<:raw', "/proc/$pid/mem" or croak "/proc/$pid/mem: $!";

    no warnings 'portable';

    while (my $line = <$maps>) {
        my ($from, $to) = $line =~ /^(\w+)-(\w+) rw/ or next;
        next if $line =~ /\[v(?:var|syscall)/;

        my $left = hex($to) - hex($from);
        my $tail = '';
        sysseek $mem, hex $from, 0;

        # The shadow of a sanitizer has no end, and no data.
        next if $left > 1 << 30;

        while ($left > 0) {
            my $n = sysread $mem, my $piece, $left < 1 << 22 ? $left : 1 << 22;
            last if !$n;
            return 1 if index($tail . $piece, $needle) >= 0;
            $tail = substr $piece, -length $needle;
            $left -= $n;
        }
    }

    return 0;
}


# Runs the statements through the sqlite3 shell, as an administrator or the
# application would; returns what it prints.
sub sqlite {
    my ($database, @statements) = @_;

    open my $fh, '-|', 'sqlite3', '-init', '/dev/null', '-bail',
        '-cmd', '.timeout 10000',
        '-cmd', 'PRAGMA foreign_keys = ON', $database, join(';', @statements)
        or croak "cannot run sqlite3: $!";
    my $out = join '', <$fh>;
    close $fh or croak "sqlite3 $database: status $? of @statements";
    chomp $out;

    return $out;
}


# The processes that run this program, or were given its path to run.
sub processes_of {
    my ($program) = @_;

    my @pids;

    for my $dir (glob '/proc/[0-9]*') {
        my ($pid) = $dir =~ /(\d+)$/;
        open my $fh, '<', "$dir/cmdline" or next;
        my @argv = split /\0/, <$fh> // '';

        push @pids, $pid
            if grep { ($_ // '') eq $program } @argv[0, 1];
    }

    return @pids;
}


# The octets of a file.
sub slurp {
    my ($path) = @_;

    open my $fh, '<:raw', $path or die "$path: $!\n";
    local $/ = undef;
    return scalar <$fh> // '';
}


# "catalogue" or "v7" of sync/catalogue, decoded.
sub read_catalogue {
    my ($name) = @_;

    return decode_json(slurp("$Root/sync/catalogue/$name.json"));
}


sub start_central {
    require Msync::Central;

    my $central = Msync::Central->start(@_);
    $ENV{TEST_NGINX_CENTRAL_URL} = $central->url;

    return $central;
}


# An nginx of the test's own, for what blocks cannot do.
sub start_nginx {
    require Msync::Nginx;

    my $nginx = Msync::Nginx->new(@_);
    $nginx->start;

    return $nginx;
}


# A helper that outlives its nginx would keep the next test from its
# database; here it is only noticed late, so it is a failure by itself.
END {
    if ($$ == $Owner && $Stage) {
        for my $pid (map { processes_of($ENV{$_}) }
                     qw(TEST_NGINX_MSYNC TEST_NGINX_FAKE_HELPER))
        {
            kill KILL => $pid;
        }
    }
}


1;
