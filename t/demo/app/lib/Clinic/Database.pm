package Clinic::Database;

=head1 NAME

Clinic::Database - the site's database, as an application opens it

=head1 DESCRIPTION

msync makes the tables before the first sync and is another process that writes
them.  So this one waits for a lock, begins what it writes with C<IMMEDIATE>,
asks nothing of a person while a transaction is open, and has foreign keys
checked.  What is the application's own has names of its own.

=cut

use Mojo::Base -base, -signatures;
use DBI ();
use POSIX qw(strftime);

# of the SQLite database, and milliseconds that a lock is waited for
has 'file';
has timeout => 10_000;

has dbh => sub ($self) {
    my $dbh = DBI->connect('dbi:SQLite:dbname=' . $self->file, '', '', {
        AutoCommit => 1, PrintError => 0, RaiseError => 1,
        sqlite_unicode => 1, sqlite_use_immediate_transaction => 1,
    });
    $dbh->sqlite_busy_timeout($self->timeout);
    $dbh->do('PRAGMA journal_mode = WAL');
    $dbh->do('PRAGMA foreign_keys = ON');

    # its own table: msync neither sends nor changes what it does not know
    $dbh->do('CREATE TABLE IF NOT EXISTS clinic_login (
        name TEXT PRIMARY KEY NOT NULL, hash TEXT NOT NULL
    )');
    return $dbh;
};

=head1 METHODS

=head2 transaction CODE

Runs it in one transaction, which is rolled back when it dies; what it returns.

=cut

sub transaction ($self, $code) {
    my $dbh = $self->dbh;

    $dbh->begin_work;
    my $result = eval { $code->($dbh) };
    if (my $error = $@) {
        $dbh->rollback;
        die $error;
    }
    $dbh->commit;
    return $result;
}

=head2 rows SQL, VALUES

The rows as hashes.

=head2 row SQL, VALUES

The first of them, or undef.

=cut

sub rows ($self, $sql, @values) {
    return $self->dbh->selectall_arrayref($sql, { Slice => {} }, @values);
}

sub row ($self, $sql, @values) { return $self->rows($sql, @values)->[0] }

=head2 insert TABLE, COLUMN => VALUE, ...

=cut

sub insert ($self, $table, %row) {
    my @columns = sort keys %row;

    return $self->dbh->do(
        sprintf('INSERT INTO "%s" (%s) VALUES (%s)', $table,
            join(', ', map { qq{"$_"} } @columns),
            join(', ', ('?') x @columns)),
        undef, @row{@columns});
}

=head2 id

A new key in the form of mSupply's: keys are made here, for central takes them
as they are, so no two sites may make the same.

=cut

sub id ($self) {
    open my $random, '<:raw', '/dev/urandom' or die "/dev/urandom: $!\n";
    read $random, my $octets, 16;
    close $random;
    return uc unpack 'H*', $octets;
}

=head2 today, now, utc

C<2026-05-01> and C<08:00:00> as the clock on the wall says, as mSupply's fields
have it, and C<2026-05-01T06:00:00> in UTC as Open mSupply's have it.

=cut

sub today ($self) { return strftime '%Y-%m-%d', localtime }
sub now ($self) { return strftime '%H:%M:%S', localtime }
sub utc ($self) { return strftime '%Y-%m-%dT%H:%M:%S', gmtime }

=head2 store

The store that this site serves, undef before the first sync.

=cut

sub store ($self) {
    return undef unless $self->row(q{SELECT 1 FROM sqlite_schema
        WHERE name = 'key_value_store'});
    return $self->row(q{SELECT s.ID, n.name FROM store s
        JOIN name n ON n.ID = s.name_ID
        WHERE s.sync_id_remote_site = (SELECT value_int FROM key_value_store
            WHERE id = 'SETTINGS_SYNC_SITE_ID')
        ORDER BY s.code LIMIT 1});
}

=head2 login NAME, PASSWORD

True when they belong together.

=head2 add_login NAME, PASSWORD

=cut

sub login ($self, $name, $password) {
    my $user = $self->row('SELECT hash FROM clinic_login WHERE name = ?',
        $name);
    return $user && crypt($password, $user->{hash}) eq $user->{hash};
}

sub add_login ($self, $name, $password) {
    my $hash = crypt $password, '$6$' . substr($self->id, 0, 16) . '$';

    $self->dbh->do('INSERT OR REPLACE INTO clinic_login VALUES (?, ?)', undef,
        $name, $hash);
    return;
}

1;
