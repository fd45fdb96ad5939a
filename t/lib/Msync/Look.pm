package Msync::Look;

# Looks into a database, again and again as it changes, and leaves its files as
# they are.  To read the schema takes SQLite longer than all rows of a small
# database: one connection keeps it, to a file that each copy is written into.

use strict;
use warnings;

use Carp qw(croak);
use DBI ();
use Digest::SHA qw(sha1);

use constant {
    PAGE => 4096,

    # of the first page: two octets for WAL or not, the counter of changes, the
    # one that the size of the file goes with
    FORMAT  => 18,
    COUNTER => 24,
    VALID   => 92,
};


# "path" is its own file.
sub new {
    my ($class, $path) = @_;

    return bless { path => $path, changes => 0, schema => '' }, $class;
}


# The database as it is now, or would be for who opens it next.
sub take {
    my ($self, $database) = @_;

    my $path = $self->{path};

    $self->{image} = -e $database ? octets($database) : '';

    if (my @beside = grep { -e "$database$_" } '-wal', '-journal') {
        put($path, $self->{image});
        put("$path$_", octets("$database$_")) for @beside;

        # the last that closes it writes the log into the database
        _connect($path)->do('PRAGMA user_version');
        unlink map { "$path$_" } '-wal', '-journal', '-shm';
        $self->{image} = octets($path);
    }

    my $image = $self->{image};

    $self->{taken} = 1;

    return;
}


# Puts what was taken where statements find it.
sub _show {
    my ($self) = @_;

    my $image = $self->{image};

    # What has been read is read again when the counter is another one; to be
    # read without a log, it says that it has none.
    if (length $image >= PAGE) {
        my $changes = pack 'N', ++$self->{changes};
        substr $image, FORMAT, 2, "\1\1";
        substr $image, $_, 4, $changes for COUNTER, VALID;
    }

    put($self->{path}, $image);
    $self->{taken} = 0;

    my $schema = $self->_rows('SELECT * FROM sqlite_master');

    if ($schema ne $self->{schema}) {
        delete @{$self}{qw(db statements)};
        $self->{schema} = $schema;
    }

    return;
}


# A short text that is another one for another database, where "base" is one
# that it shares most pages with.
sub digest {
    my ($self, $base) = @_;

    my $image = $self->{image};
    my @pages = grep {
        my $at = $_ * PAGE;
        $at >= length $base || substr($image, $at, PAGE)
            ne substr($base, $at, PAGE);
    } 0 .. (length($image) - 1) / PAGE;

    return sha1(join '', length $image,
                map { ("/$_/", substr $image, $_ * PAGE, PAGE) } @pages);
}


# What a statement finds, a row a line, as sqlite3 prints it.
sub lines {
    my ($self, @statements) = @_;

    $self->_show if $self->{taken};

    return join '', map { $self->_rows($_) } @statements;
}


sub _rows {
    my ($self, $sql) = @_;

    my $db = $self->{db} //= _connect($self->{path});
    my $statement = $self->{statements}{$sql} //= $db->prepare($sql);

    return join '', map { join('|', map { $_ // '' } @$_) . "\n" }
        @{ $db->selectall_arrayref($statement) };
}


sub _connect {
    my ($path) = @_;

    return DBI->connect("dbi:SQLite:dbname=$path", '', '',
                        { RaiseError => 1, PrintError => 0 });
}


sub octets {
    my ($path) = @_;

    open my $fh, '<:raw', $path or croak "$path: $!";
    sysread $fh, my $octets, -s $fh;

    return $octets;
}


# into the file that is there, which somebody may have open
sub put {
    my ($path, $octets) = @_;

    open my $fh, -e $path ? '+<:raw' : '>:raw', $path or croak "$path: $!";
    syswrite $fh, $octets;
    truncate $fh, length $octets or croak "$path: $!";
    close $fh or croak "$path: $!";

    return;
}


1;
