package Msync::Look;

# Looks into a database, again and again as it changes, and leaves its files as
# they are.  To read the schema takes SQLite longer than all rows of a small
# database: connections keep it, to a file that each copy is written into.

use strict;
use warnings;

use Carp qw(croak);
use DBI ();
use Digest::MD5 ();

use constant {
    PAGE   => 8192,
    PAGES  => 256 * 1024,      # compared at once, most are equal

    # of the first page: two octets for WAL or not, the counter of changes, that
    # of the schema, the one of changes that the size of the file goes with
    HEADER  => 100,
    FORMAT  => 18,
    COUNTER => 24,
    SCHEMA  => 40,
    VALID   => 92,

    CONNECTIONS => 12,
};


# "path" is its own file.
sub new {
    my ($class, $path) = @_;

    return bless { path => $path, changes => 0, image => '', by => {} }, $class;
}


# The database as it is now, or would be for who opens it next.
sub take {
    my ($self, $database) = @_;

    my $path = $self->{path};

    $self->{taken} = 1;
    $self->{there} = 0;
    $self->{image} = '';
    _read($database, $self->{image}) if -e $database;

    # one that is empty says nothing
    my @beside = grep { -s "$database$_" } '-wal', '-journal' or return;

    put($path, $self->{image});
    put("$path$_", octets("$database$_")) for @beside;

    # the last that closes it writes the log into the database
    _connect($path)->do('PRAGMA user_version');
    unlink map { "$path$_" } '-wal', '-journal', '-shm';
    _read($path, $self->{image});
    $self->{there} = 1;

    return;
}


# Puts what was taken where statements find it.
sub _show {
    my ($self) = @_;

    my $header = substr $self->{image}, 0, HEADER;
    my $schema = '';

    put($self->{path}, $self->{image}) if !$self->{there};

    # What has been read is read again when the counter is another one; to be
    # read without a log, it says that it has none.
    if (length $header == HEADER) {
        my $changes = pack 'N', ++$self->{changes};
        substr $header, FORMAT, 2, "\1\1";
        substr $header, $_, 4, $changes for COUNTER, VALID;
        $schema = substr $header, SCHEMA, 4;

        open my $fh, '+<:raw', $self->{path} or croak "$self->{path}: $!";
        syswrite $fh, $header;
        close $fh or croak "$self->{path}: $!";
    }

    $self->{taken} = 0;
    $self->_choose($schema);

    return;
}


# The connection that has read this schema.  Two with the same number may differ
# here, where what one has is no later state of the other.
sub _choose {
    my ($self, $number) = @_;

    my $by = $self->{by};

    for my $try (1, 2) {
        %$by = () if keys %$by >= CONNECTIONS && !$by->{$number};
        $self->{now} = $by->{$number} //= { db => _connect($self->{path}) };

        my $schema = $self->_rows('SELECT * FROM sqlite_master');
        $self->{now}{schema} //= $schema;

        return if $schema eq $self->{now}{schema};
        delete $by->{$number};
    }

    croak "$self->{path}: its schema changes";
}


# A short text that is another one for another database, where "base" is one
# that it shares most pages with.
sub digest {
    my ($self, $base) = @_;

    my $image = \$self->{image};
    my $md5 = Digest::MD5->new->add(length $$image);

    for (my $from = 0; $from < length $$image; $from += PAGES) {
        next if $from < length $base
            && substr($$image, $from, PAGES) eq substr $base, $from, PAGES;

        my @pages = grep { $_ < length $$image }
            map { $from + $_ * PAGE } 0 .. PAGES / PAGE - 1;

        for my $at (@pages) {
            my $page = substr $$image, $at, PAGE;
            $md5->add("/$at/", $page) if $at >= length $base
                || $page ne substr $base, $at, PAGE;
        }
    }

    return $md5->digest;
}


# What a statement finds, a row a line, as sqlite3 prints it.
sub lines {
    my ($self, @statements) = @_;

    $self->_show if $self->{taken};

    return join '', map { $self->_rows($_) } @statements;
}


sub _rows {
    my ($self, $sql) = @_;

    my $now = $self->{now};
    my $statement = $now->{statements}{$sql} //= $now->{db}->prepare($sql);

    return join '', map { join('|', map { $_ // '' } @$_) . "\n" }
        @{ $now->{db}->selectall_arrayref($statement) };
}


sub _connect {
    my ($path) = @_;

    return DBI->connect("dbi:SQLite:dbname=$path", '', '',
                        { RaiseError => 1, PrintError => 0 });
}


sub octets {
    my ($path) = @_;

    _read($path, my $octets);

    return $octets;
}

# into the second argument, whose memory is used again
sub _read {
    my ($path) = @_;

    open my $fh, '<:raw', $path or croak "$path: $!";
    sysread $fh, $_[1], -s $fh;
    close $fh;

    return;
}


# into the file that is there, which somebody may have open
sub put {
    my ($path) = @_;

    open my $fh, -e $path ? '+<:raw' : '>:raw', $path or croak "$path: $!";
    syswrite $fh, $_[1];
    truncate $fh, length $_[1] or croak "$path: $!";
    close $fh or croak "$path: $!";

    return;
}


1;
