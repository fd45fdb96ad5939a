package Msync::Hostile;

# Both central servers in one small process, for answers that no sound server
# gives: each call is answered by code of the test, octet by octet.  It ends
# with this object.
#
# The code gets the method, the path with its query and a counter of calls of
# that path, and returns [status, {header => value}, body] or octets of its
# own, head included; undef: the sound answer of an empty central, of v5 and v6,
# or of v7 where that is asked for.  What stands before the server may compress
# each body by another function, to what is gzip.
#
# What was asked is kept, headers included.

use strict;
use warnings;

use Carp qw(croak);
use IO::Socket::INET ();
use POSIX ();

use Msync::Test qw(decode_json encode_json stage_dir);

my $Count = 0;


sub start {
    my ($class, $code, $speaks, $pack) = @_;

    my $listener = IO::Socket::INET->new(
        LocalAddr => '127.0.0.1', Listen => 64, ReuseAddr => 1,
    ) or croak "cannot listen: $!";

    my $self = bless {
        owner => $$,
        port  => $listener->sockport,
        v7    => ($speaks // '') eq 'v7',
        pack  => $pack,
        log   => stage_dir() . '/hostile-' . ++$Count,
    }, $class;

    $self->{pid} = fork() // croak "fork: $!";

    if ($self->{pid} == 0) {
        local $SIG{PIPE} = 'IGNORE';
        local $SIG{TERM} = 'DEFAULT';
        eval { $self->_serve($listener, $code); 1 } or print STDERR $@;
        POSIX::_exit(0);
    }

    close $listener;

    return $self;
}


sub url { "http://127.0.0.1:$_[0]{port}" }


# every request so far: {method, path, head, body}
sub requests {
    my ($self) = @_;

    open my $handle, '<', $self->{log} or return;
    return map { decode_json($_) } <$handle>;
}


# a process for each connection: the helper has one for either API
sub _serve {
    my ($self, $listener, $code) = @_;

    local $SIG{CHLD} = 'IGNORE';

    while (my $peer = $listener->accept) {
        my $pid = fork() // die "fork: $!\n";

        if ($pid == 0) {
            close $listener;
            $self->_talk($peer, $code);
            POSIX::_exit(0);
        }

        close $peer;
    }
    return;
}


sub _talk {
    my ($self, $peer, $code) = @_;

    while (my ($head, $body) = _request($peer)) {
        my ($method, $path) = $head =~ m{^(\S+) (\S+)} or last;
        my $before = grep { _name($_->{path}) eq _name($path) }
            $self->requests;

        open my $log, '>>', $self->{log} or die "$self->{log}: $!\n";
        print {$log} encode_json({ method => $method, path => $path,
                                   head => $head, body => $body }), "\n";
        close $log or die "$self->{log}: $!\n";

        my $answer = $code->($method, $path, $before)
            // ($self->{v7} ? _sound_v7($path, $head) : $self->_sound($path));

        if ($self->{pack} && ref $answer) {
            my ($status, $headers, $text) = @$answer;
            $answer = [$status, { %$headers, 'Content-Encoding' => 'gzip' },
                       $self->{pack}->($text)];
        }

        print {$peer} ref $answer ? _octets(@$answer) : $answer or last;
        $peer->flush or last;
        last if !ref $answer;
    }
    return;
}


# a path without its query
sub _name { $_[0] =~ s/\?.*//sr }


sub _request {
    my ($peer) = @_;

    my ($head, $body) = ('', '');

    while (my $line = <$peer>) {
        $head .= $line;
        last if $line eq "\r\n";
    }

    return if $head !~ /\r\n\r\n\z/;

    my ($length) = $head =~ /^Content-Length: (\d+)/mi;
    read $peer, $body, $length if $length;

    return ($head, $body);
}


sub _octets {
    my ($status, $headers, $body) = @_;

    my %all = ('Content-Type' => 'application/json',
               'Content-Length' => length $body, %$headers);

    return join '', "HTTP/1.1 $status Answer\r\n",
        map({ my $name = $_;
              map { "$name: $_\r\n" } ref $all{$_} ? @{ $all{$_} }
                                                   : $all{$_} }
            sort keys %all), "\r\n", $body;
}


# a central that has nothing
sub _sound {
    my ($self, $path) = @_;

    my $answer = $path =~ m{/sync/v5/site_status} ? { code => 'idle' }
        : $path =~ m{/sync/v5/site}
            ? { id => 'site', siteId => 2, code => 'c', name => 'Clinic',
                initialisationStatus => 'completed',
                omSupplyCentralServerUrl => $self->url,
                isOmSupplyCentralServer => JSON::PP::false(),
                mSupplyCentralSiteId => 1 }
        : $path =~ m{/initialise} ? { queueLength => 0 }
        : $path =~ m{/central_records} ? { maxCursor => 0, data => [] }
        : $path =~ m{/acknowledged} ? {}
        : $path =~ m{/queued_records} ? { queueLength => 0, data => [],
                integrationStarted => JSON::PP::true() }
        : $path =~ m{/central/sync/pull} ? { data => { end_cursor => 0,
                total_records => 0, is_last_batch => JSON::PP::true(),
                records => [] } }
        : $path =~ m{/central/sync/push} ? { data => {
                records_pushed => 0 } }
        : $path =~ m{/central/sync/site_status} ? { data => {
                is_integrating => JSON::PP::false() } }
        : {};

    return [200, {}, encode_json($answer)];
}


# what a central of 3.0 says that has nothing; it has its application at all
# other places
sub _sound_v7 {
    my ($path, $head) = @_;

    return [200, { 'Content-Type' => 'text/html' }, '<!doctype html>']
        if $path !~ m{/central/sync_v7/};

    my %batch = (siteId => 10, lastCursorInBatch => 0, remaining => 0,
                 maxCursor => 0, records => []);
    my $ok = $path =~ /get_token/ ? { token => 'a-token', siteId => 7,
                                      centralSiteId => 10 }
        : $path =~ /site_status/ ? { siteId => 7, centralSiteId => 10 }
        : $path =~ /push/ ? 0
        : $path =~ /patient_search/ ? [] : \%batch;

    return [200, {}, encode_json(
        $head =~ /^Authorization: Bearer/mi || $path =~ /get_token/
            ? { Ok => $ok } : { Err => { MissingAuthHeader =>
                'missing or incorrect Authorization header' } })];
}


sub stop {
    my ($self) = @_;

    my $pid = delete $self->{pid} or return;

    kill TERM => $pid;
    waitpid $pid, 0;
    return;
}


sub DESTROY {
    my ($self) = @_;

    local ($?, $!, $@);
    $self->stop if $self->{owner} == $$;
    return;
}


1;
