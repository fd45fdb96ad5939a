package Test::Nginx::Socket::Client;

# The client side of a block: what a "request" section says becomes the bytes
# of one or more connections, and what came back becomes HTTP::Response
# objects.  Nothing here judges an answer; a defect of the exchange itself is
# returned as a sentence in "problem".

use strict;
use warnings;

use Errno qw(EAGAIN EINTR EWOULDBLOCK);
use Exporter qw(import);
use HTTP::Response ();
use IO::Select ();
use IO::Socket::INET ();
use Time::HiRes qw(sleep time);

our @EXPORT_OK = qw(build_request exchange parse_responses);

use constant {
    # nginx listens before its start command returns; this is for one that
    # is restarted or upgraded under the client.
    CONNECT_SECONDS => 5,
    READ_SIZE       => 65_536,
};


# $request is a string, or a list of packets: strings, or hashes with "value"
# and "delay_before".  Returns such a list with the request line completed,
# headers added and line ends as HTTP has them; a cut between two packets
# stays where it was, the headers travel with the packet that ends the
# request line.
sub build_request {
    my ($request, %args) = @_;

    my @packets = map { ref $_ ? {%$_} : { value => $_ } }
        ref $request ? @$request : $request;

    my $source = join '', map { $_->{value} } @packets;
    my ($line, $body) = $source =~ /\A([^\n]*\n?)(.*)\z/s;
    my $line_length = length $line;

    my ($method, $uri, $version) = $line =~
        /^\s*(\S+)(?: +(\S+))?(?: +(\S+))? *\s*$/
        or die qq{not a request line: "$line"\n};

    my ($headers, $has) = _headers($args{more_headers} // '');
    my $own = '';

    $own .= "Host: $args{host}\r\n" if !$has->{host};
    $own .= "Connection: $args{connection}\r\n" if !$has->{connection};

    my $skipped = 0;

    if (length $body && !$has->{'content-length'} && !$has->{chunked}) {
        $skipped = length $1 if $body =~ s/^(\s+)//;
        $body =~ s/\s+$//;
        $headers .= 'Content-Length: ' . length($body) . "\r\n";
    }

    my $head = join(' ', $method, $uri // '/', $version // 'HTTP/1.1')
        . "\r\n$own$headers\r\n";

    my $text = $head . $body;
    my ($from, $read) = (0, 0);

    for my $packet (@packets) {
        $read += length $packet->{value};

        my $to = $read < $line_length
            ? $read
            : length($head) + $read - $line_length - $skipped;

        $to = length $text if $packet == $packets[-1] || $to > length $text;
        $to = $from if $to < $from;

        $packet->{value} = substr $text, $from, $to - $from;
        $from = $to;
    }

    return \@packets;
}


# Sends the packets on a new connection and reads until the server closes it
# or is silent for $args{timeout} seconds; for $args{first}, if that is given,
# as long as not an octet has come.
sub exchange {
    my ($packets, %args) = @_;

    # a server that closes first is a result, and not the end of the test
    local $SIG{PIPE} = 'IGNORE';

    my $socket = _connect(%args)
        or return { bytes => '', problem => "cannot connect: $!" };

    my $result = { bytes => '' };
    my $select = IO::Select->new($socket);
    my @left = @$packets;
    my $out = '';

    while (1) {
        if (!length $out && @left) {
            my $packet = shift @left;

            sleep($packet->{delay_before} // $args{delay})
                if @left + 1 < @$packets;
            $out = $packet->{value};
        }

        my $timeout = length $result->{bytes} ? $args{timeout}
            : $args{first} // $args{timeout};
        my ($readable, $writable) = IO::Select->select(
            $select, length $out ? $select : undef, undef, $timeout,
        );

        if (!$readable) {
            next if $! == EINTR;
            $result->{timed_out} = 1;
            return $result;
        }

        if (@$writable) {
            my $n = syswrite $socket, $out;

            if (defined $n) {
                substr $out, 0, $n, '';
            }
            elsif (!_again()) {
                # The server may refuse a body before it has all of it: what
                # it answered is still to be read.
                $result->{problem} = "cannot send: $!";
                $out = '';
                @left = ();
            }

            shutdown $socket, $args{shutdown}
                if !length $out && !@left && defined $args{shutdown};
        }

        next if !@$readable;

        my $n = sysread $socket, $result->{bytes}, READ_SIZE,
            length $result->{bytes};

        if (!defined $n) {
            next if _again();
            $result->{problem} //= "cannot read: $!";
            last;
        }

        last if $n == 0;
    }

    # An answer that came is an answer, also to a request cut short.
    delete $result->{problem} if length $result->{bytes};

    return $result;
}


# Cuts $bytes into one answer for each method of @$methods.  Each is a hash:
# "response", "head" (the raw header lines) and perhaps "problem".
sub parse_responses {
    my ($bytes, $methods, %args) = @_;

    my @answers;

    for my $i (0 .. $#$methods) {
        my ($answer, $rest) = _parse_one($bytes, $methods->[$i], %args);

        if ($i == $#$methods && length $rest) {
            $answer->{problem} //= 'bytes after the end of the answer: '
                . _printable($rest);
        }

        push @answers, $answer;
        $bytes = $rest;
    }

    return @answers;
}


sub _parse_one {
    my ($bytes, $method, %args) = @_;

    my ($head) = $bytes =~ /\A(.*?\r\n)\r\n/s;
    my $response = HTTP::Response->parse($bytes);
    my $answer = { response => $response, head => $head // '' };

    # What is not HTTP has no code to compare with.
    $response->code(undef) if ($response->code // '') !~ /^\d{3}$/;

    return ($answer, '') if !defined $head;

    my $rest = substr $bytes, length($head) + 2;
    my $code = $response->code // 0;

    if ($method eq 'HEAD' || $code == 304 || $code == 204 || $code < 200) {
        $response->content('');
        return ($answer, $rest);
    }

    my $length = $response->header('Content-Length');

    if (lc($response->header('Transfer-Encoding') // '') eq 'chunked') {
        my ($content, $problem);

        ($content, $rest, $problem) = _dechunk($rest);
        $response->content($content);
        $answer->{problem} = $problem if $problem;

    } elsif (defined $length) {
        if (length $rest < $length) {
            $answer->{problem} =
                "$length bytes announced, " . length($rest) . ' sent';
        }

        $response->content(substr $rest, 0, $length);
        $rest = length $rest > $length ? substr($rest, $length) : '';

    } else {
        $response->content($rest);
        $rest = '';
    }

    return ($answer, $rest);
}


sub _dechunk {
    my ($raw) = @_;

    my $content = '';

    while ($raw =~ s/\A([0-9A-Fa-f]+)[ \t]*\r\n//) {
        my $size = hex $1;

        if ($size == 0) {
            return ($content, $raw) if $raw =~ s/\A(?:[^\r\n]+\r\n)*\r\n//;
            last;
        }

        return ($content . $raw, '', 'a chunk is cut short')
            if length $raw < $size + 2;

        $content .= substr $raw, 0, $size, '';
        $raw =~ s/\A\r\n// or last;
    }

    return ($content, '', 'chunked body without a right end: '
            . _printable($raw));
}


sub _headers {
    my ($text) = @_;

    my ($headers, %has) = ('');

    for my $line (split /\r?\n/, $text) {
        next if $line !~ /\S/ || $line =~ /^\s*#/;

        my ($name, $value) = split /:\s*/, $line, 2;
        $value //= '';

        $has{ lc $name } = 1;
        $has{chunked} = 1 if lc "$name:$value" eq 'transfer-encoding:chunked';
        $headers .= "$name: $value\r\n";
    }

    return ($headers, \%has);
}


sub _connect {
    my (%args) = @_;

    my $deadline = time + CONNECT_SECONDS;

    while (1) {
        my $socket = IO::Socket::INET->new(
            PeerAddr => $args{address},
            PeerPort => $args{port},
            Proto    => 'tcp',
            Timeout  => $args{timeout},
        );

        if ($socket) {
            $socket->blocking(0);
            return $socket;
        }

        return if time > $deadline;
        sleep 0.02;
    }
}


sub _again { $! == EAGAIN || $! == EWOULDBLOCK || $! == EINTR }


sub _printable {
    my ($bytes) = @_;

    $bytes = substr($bytes, 0, 200) . '...' if length $bytes > 200;
    $bytes =~ s/([^ -~])/sprintf '\x%02x', ord $1/eg;

    return qq{"$bytes"};
}


1;
