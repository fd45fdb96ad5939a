# Servers and proxies on the way: what each of their ways of not working is
# called, what is advised, and that a record is lost by none.

use strict;
use warnings;

use Digest::MD5 qw(md5_hex);
use Digest::SHA qw(sha256_hex);
use IO::Select ();
use IO::Socket::INET ();
use Msync::Helper qw(switch);
use Msync::OneRun qw(PASSWORD chain put run sign trusting);
use Msync::Test qw(
    free_port site_path slurp sqlite stage_dir start_central start_nginx
    wait_until write_private
);
use POSIX ();
use Test::More;

use constant YEAR => 365 * 24 * 3600 * 1000;   # in ms

my @servers;
my $owner = $$;
END { kill KILL => @servers if $$ == $owner }

write_private('password', PASSWORD . "\n");

a_chain_without_its_middle_is_named();
the_clock_that_is_wrong_is_named();
a_first_sync_goes_on_when_the_clock_is_set();
the_certificate_that_has_expired_is_named();
a_portal_with_a_certificate_of_its_own_is_named();
a_proxy_that_wants_a_windows_domain_is_named();
a_proxy_that_takes_only_digest_gets_it();
a_proxy_password_that_ends_within_a_run_is_hardly_tried();
an_environment_that_names_a_proxy_is_told_of();
a_name_that_refuses_is_told_with_its_address();
what_a_proxy_in_the_cloud_says_has_words();
a_proxy_in_the_cloud_that_gives_up_costs_no_first_sync();
the_clocks_are_compared();
a_proxy_that_ends_each_connection_costs_nothing();
a_server_that_keeps_no_connection_costs_nothing($_) for [], [
    "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
    "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n{\"Ok\":0}",
    '{"Ok":1}', "\0\1\2\3",
];
an_answer_before_its_request_has_arrived_is_none($_) for qw(v5 v7);
a_connection_that_was_idle_carries_nothing_large();
a_cache_that_listens_is_told_to_let_pass();
a_proxy_that_lets_out_no_posts_is_named();

done_testing();


# ---- running it -------------------------------------------------------------

sub fails {
    my ($url, $variant, $says, $advice, $name, %more) = @_;

    my $database = $name =~ s/\W+/-/gr . '.sqlite';
    my ($code, $said) = run($database, $url, %more);

    is($code, 1, "$name: the run fails");
    like($said, qr/\Q$variant\E: /, "$name: the variant");
    like($said, $says, "$name: the cause");
    like($said, $advice, "$name: the advice");
    return;
}

# By HTTP/2 it says so (GOAWAY) while the next request may be on its way.
sub a_proxy_that_ends_each_connection_costs_nothing {
    my $dir = chain('goaway');
    my $central = start_central(password => PASSWORD, records => 100);
    my $database = site_path('goaway.sqlite');
    my %port = map { $_ => free_port() } qw(v5 v6);
    my %to = (v5 => $central->url, v6 => $central->v7_url);

    put("$dir/all.crt", join q(), map { slurp("$dir/$_.crt") }
        qw(server middle));

    my $nginx = start_nginx(workers => 1, http => join "\n",
        'log_format kind "$server_protocol $status";',
        map { <<"SERVER" } sort keys %port);
server {
    listen 127.0.0.1:$port{$_} ssl http2;
    ssl_certificate $dir/all.crt;
    ssl_certificate_key $dir/server.key;
    access_log $dir/access.log kind;
    keepalive_requests 1;
    location / { proxy_pass $to{$_}; }
}
SERVER

    $central->config(map { ("${_}_url" => "https://127.0.0.1:$port{$_}") }
                     keys %port);

    for my $run ('a first sync', 'what is sent') {
        my ($code, $said) = run('goaway.sqlite', "https://127.0.0.1:$port{v5}",
                                ssl_trusted_certificate => "$dir/root.crt");

        is($code, 0, "$run, a connection for each request") or diag($said);
        sqlite($database, 'UPDATE Location SET Description = "goes away"');
    }

    my @kinds = split /\n/, slurp("$dir/access.log");

    cmp_ok(scalar @kinds, '>', 10, 'all of it by that proxy');
    is_deeply([grep { !m{^HTTP/2\.0 20} } @kinds], [], '… each went well');
    is_deeply($central->state->{violations}, [], 'central has no complaint');
    ok($nginx->stop, 'the proxy quits');
    return;
}


# What stands before this address and closes each connection as soon as a
# request comes by it so many seconds after the last answer, of which nothing
# has warned, with a last word or without one: of several each has its turn.
sub closing_relay {
    my ($to, $idle, @words) = @_;

    my $listen = IO::Socket::INET->new(LocalAddr => '127.0.0.1',
                                       Listen => 20) // die "listen: $!\n";
    my $pid = fork() // die "fork: $!\n";

    if ($pid == 0) {
        local $SIG{CHLD} = 'IGNORE';
        while (my $socket = $listen->accept) {
            my $word = shift @words;
            push @words, $word;
            next if fork();
            pass_one($socket, IO::Socket::INET->new($to), $idle // 0, $word);
            POSIX::_exit(0);
        }
    }

    push @servers, $pid;

    return 'http://127.0.0.1:' . $listen->sockport;
}

sub pass_one {
    my ($here, $there, $idle, $word) = @_;

    my $answered;
    my $both = IO::Select->new($here, $there);

    while (my @ready = $both->can_read) {
        for my $from (@ready) {
            if ($from == $here && defined $answered
                && time - $answered >= $idle)
            {
                return if !$word;
                syswrite $here, $word;
                shutdown $here, 1;
                1 while sysread $here, my $rest, 65536;
                return;
            }
            sysread $from, my $octets, 65536 or return;
            $answered = time if $from == $there;
            syswrite $from == $here ? $there : $here, $octets;
        }
    }
    return;
}

sub a_server_that_keeps_no_connection_costs_nothing {
    my ($words) = @_;

    for my $protocol (qw(v6 v7)) {
        my $central = start_central(password => PASSWORD, records => 100,
                                    protocol => $protocol);
        my %url = (v5 => $central->url, v6 => $central->v7_url);
        my %to = map { $_ => closing_relay($url{$_} =~ s{.*/}{}r, 0, @$words) }
            keys %url;
        my $name = "keeps-nothing-$protocol-" . @$words . '.sqlite';
        my $mine = 'WHERE store_ID IN (SELECT ID FROM store WHERE '
            . 'sync_id_remote_site = 7)';

        # small ones, large ones, and some of which none goes with another
        my @edit = (undef, 10, 20_000, 500_000);

        $central->config(map { ("${_}_url" => $to{$_}) } keys %to);

        for my $run (1 .. 4) {
            my ($code, $said) = run($name, $to{$protocol eq 'v7' ? 'v6' : 'v5'},
                                    protocol => $protocol);

            is($code, 0, "run $run by $protocol, a connection for each request")
                or diag($said);
            unlike($said, qr/smaller batch/, 'and the batches as before');
            sqlite(site_path($name), 'UPDATE item_line SET batch = '
                   . "hex(randomblob($edit[$run])) $mine") if $edit[$run];
        }

        is(sqlite(site_path($name), 'SELECT count(*) FROM msync_refused'), 0,
           'and no record is said to be at fault');

        my $there = $protocol eq 'v7' ? $central->rows('StockLine')
                                      : $central->records->{item_line};
        my %here = map { split /\|/ } split /\n/,
            sqlite(site_path($name), "SELECT ID, batch FROM item_line $mine");
        is_deeply({ map { $_ => $there->{$_}{batch} } keys %here }, \%here,
                  'which central has, all of them');
        is_deeply($central->state->{violations}, [], 'nor is central');
    }
    return;
}


# What stands before this address and says once more, as soon as a large request
# begins to come behind another one by the same connection, what was said to
# that, and nothing of it goes any further.  Until another connection comes it
# holds no more than a part of it, as a line of some length.
sub repeating_relay {
    my ($to) = @_;

    my $listen = IO::Socket::INET->new(LocalAddr => '127.0.0.1',
                                       Listen => 20) // die "listen: $!\n";
    setsockopt $listen, Socket::SOL_SOCKET, Socket::SO_RCVBUF, 65536;
    my $calls = stage_dir() . '/calls-' . $listen->sockport;
    my $pid = fork() // die "fork: $!\n";

    if ($pid == 0) {
        local $SIG{CHLD} = 'IGNORE';
        for (my $n = 1; my $socket = $listen->accept; $n++) {
            put($calls, 'x' x $n);
            next if fork();
            repeat_one($socket, IO::Socket::INET->new($to), sub {
                wait_until { -s $calls > $n } 10;
            });
            POSIX::_exit(0);
        }
    }

    push @servers, $pid;

    return 'http://127.0.0.1:' . $listen->sockport;
}

sub repeat_one {
    my ($here, $there, $wait) = @_;

    my ($said, $large);
    my $both = IO::Select->new($here, $there);

    while (my @ready = $both->can_read) {
        for my $from (@ready) {
            sysread $from, my $octets, 65536 or return;
            if ($from == $there) {
                $said = $octets;

            } elsif ($octets =~ /^Content-Length: (\d+)/m) {
                if ($large && $1 > 99_999) {
                    my $left = $1;
                    syswrite $here, $said;
                    $wait->();
                    while ($left > 0) {
                        $left -= sysread($here, $octets, 65536) || return;
                    }
                    return;
                }
                $large = $1 > 99_999;
            }
            syswrite $from == $here ? $there : $here, $octets;
        }
    }
    return;
}

# The answer of a push says no more than how many there were.
sub an_answer_before_its_request_has_arrived_is_none {
    my ($protocol) = @_;

    my $central = start_central(password => PASSWORD, records => 100,
                                protocol => $protocol eq 'v5' ? 'v6' : 'v7');
    my $to = $protocol eq 'v5' ? $central->url : $central->v7_url;
    my $url = repeating_relay($to =~ s{.*/}{}r);
    my $name = "early-$protocol.sqlite";
    my $how = { protocol => $protocol eq 'v5' ? 'v6' : 'v7' };
    my $mine = 'WHERE store_ID IN (SELECT ID FROM store WHERE '
        . 'sync_id_remote_site = 7)';
    my @id;

    $central->config(($protocol eq 'v5' ? 'v5_url' : 'v6_url') => $url);
    is((run($name, $url, %$how))[0], 0, "$protocol: the first sync");

    # two that go by one connection, each alone
    @id = split /\n/, sqlite(site_path($name), 'SELECT ID FROM item_line '
                             . "$mine ORDER BY ID LIMIT 2");
    sqlite(site_path($name), 'UPDATE item_line SET batch = '
           . "hex(randomblob(600000)) WHERE ID = '$_'") for @id;
    my ($code, $said) = run($name, $url, %$how);

    is($code, 0, 'an answer comes once more, in the middle of a push')
        or diag($said);

    my $there = $protocol eq 'v7' ? $central->rows('StockLine')
                                  : $central->records->{item_line};
    my %here = map { split /\|/ } split /\n/,
        sqlite(site_path($name), "SELECT ID, batch FROM item_line $mine");
    is_deeply([grep { $there->{$_}{batch} ne $here{$_} } @id], [],
              'and central has all of it');
    return;
}


# while Open mSupply central takes its time
sub a_connection_that_was_idle_carries_nothing_large {
    my $central = start_central(password => PASSWORD, records => 200);
    my $url = closing_relay($central->url =~ s{.*/}{}r, 4);
    my $name = 'idle.sqlite';
    my $mine = 'WHERE store_ID IN (SELECT ID FROM store WHERE '
        . 'sync_id_remote_site = 7)';

    $central->config(v5_url => $url);
    is((run($name, $url))[0], 0, 'the first sync');
    sqlite(site_path($name), "UPDATE asset SET notes = 'idle' $mine; UPDATE "
           . "item_line SET batch = hex(randomblob(20000)) $mine");
    $central->fault(api => 'v6', path => 'push', kind => 'delay',
                    value => 6000);

    my ($code, $said) = run($name, $url);

    is($code, 0, 'mSupply central has heard nothing for a while')
        or diag($said);
    like($said, qr/[1-9]\d* pushed/, 'and takes what is large');
    unlike($said, qr/smaller batch|without an answer/,
           'as it is, by another connection');
    return;
}


# A proxy that lets nothing be sent out, as squid says it.
sub a_proxy_that_lets_out_no_posts_is_named {
    my $central = start_central(password => PASSWORD, records => 20);
    my $port = free_port();
    my $pid = fork() // die "fork: $!\n";

    if ($pid == 0) {
        require Msync::Relay;
        Msync::Relay::relay($port, sub {
            my ($c) = @_;
            my $req = $c->req;

            if ($req->method eq 'POST') {
                $c->res->headers->header(
                    'X-Squid-Error' => 'ERR_ACCESS_DENIED 0');
                return $c->render(data => 'denied', status => 403);
            }

            $c->render_later;
            Msync::Relay::ask($req, $central->url . $req->url->path_query)
                ->then(sub { $c->render(data => $_[0]->res->body,
                                        format => 'json') });
        });
        POSIX::_exit(0);
    }

    push @servers, $pid;
    wait_until { IO::Socket::INET->new("127.0.0.1:$port") }
        or die "no proxy\n";

    fails($central->url, CONNECTION_ERROR =>
          qr/prepare: The proxy refuses to connect .*HTTP status 403/,
          qr/Ask the administrator of the proxy/,
          'a proxy that lets out no POST', proxy => "http://127.0.0.1:$port");
    return;
}


# What keeps each answer to a GET, though it was asked for with a password, and
# gives it out again but to who will not have it.
sub cache_before {
    my ($to) = @_;

    my $port = free_port();
    my $pid = fork() // die "fork: $!\n";

    if ($pid == 0) {
        require Msync::Relay;
        my %kept;

        Msync::Relay::relay($port, sub {
            my ($c) = @_;
            my $req = $c->req;
            my $key = $req->url->path_query;
            my $fresh = $req->method ne 'GET'
                || ($req->headers->cache_control // '') =~ /no-cache/;
            my $give = sub { $c->render(data => $_[0], format => 'json') };

            return $give->($kept{$key}) if !$fresh && defined $kept{$key};
            $c->render_later;
            Msync::Relay::ask($req, "$to$key")->then(sub {
                $give->($kept{$key} = $_[0]->res->body) });
        });
        POSIX::_exit(0);
    }

    push @servers, $pid;
    wait_until { IO::Socket::INET->new("127.0.0.1:$port") }
        or die "no cache\n";

    return "http://127.0.0.1:$port";
}

sub a_cache_that_listens_is_told_to_let_pass {
    my $central = start_central(password => PASSWORD, records => 60);
    my $url = cache_before($central->url);

    $central->config(v5_url => $url);

    for my $n (1 .. 3) {
        my ($code, $said) = run('cache.sqlite', $url);

        is($code, 0, "run $n through a cache") or diag($said);
        is(sqlite(site_path('cache.sqlite'), 'SELECT count(*) FROM unit WHERE '
                  . q{ID LIKE 'NEW%'}), $n - 1, 'and what is new has come');
        $central->change(tableName => 'unit', recordId => "NEW$n",
            action => 'insert', recordData => { ID => "NEW$n", units => 'x',
                                                comment => '',
                                                order_number => 1 });
    }
    return;
}


# ---- certificates -----------------------------------------------------------

# a server of that certificate, whose answers have this Date; it knows GET only
sub tls_server {
    my ($dir, $date, @more) = @_;

    my $port = free_port();

    mkdir "$dir/sync";
    mkdir "$dir/sync/v5";
    put("$dir/sync/v5/site", "HTTP/1.0 404 Not Found\r\n"
        . ($date ? "Date: $date\r\n" : '')
        . "Content-Type: text/plain\r\n\r\nnothing\n");

    my $pid = fork() // die "fork: $!\n";

    if ($pid == 0) {
        chdir $dir;
        open STDOUT, '>', '/dev/null';
        open STDERR, '>&', \*STDOUT;
        exec 'openssl', 's_server', '-accept', "127.0.0.1:$port", '-cert',
            "$dir/server.crt", '-key', "$dir/server.key", '-HTTP', @more
            or POSIX::_exit(127);
    }

    push @servers, $pid;

    for (1 .. 200) {
        last if IO::Socket::INET->new("127.0.0.1:$port");
        select undef, undef, undef, 0.05;
    }

    return "https://127.0.0.1:$port";
}

sub http_date {
    my ($time) = @_;

    return POSIX::strftime('%a, %d %b %Y %H:%M:%S GMT', gmtime $time);
}

sub a_chain_without_its_middle_is_named {
    my $dir = chain('whole');

    fails(tls_server($dir), TLS_ERROR => qr/certificates in between/,
          qr/install the whole chain/, 'a chain without its middle',
          trusting($dir));
    fails(tls_server($dir, undef, '-cert_chain', "$dir/middle.crt"),
          HTTP_ERROR => qr/status 404/, qr/Check the address/,
          'the whole chain', protocol => 'v6', trusting($dir));
    fails(tls_server($dir, undef, '-cert_chain', "$dir/middle.crt", '-alpn',
                     'h3'),
          HTTP_ERROR => qr/status 404/, qr/Check the address/,
          'a server that wants to hear of no protocol (ALPN)',
          protocol => 'v6', trusting($dir));
}


sub the_clock_that_is_wrong_is_named {
    my $early = chain('early', '20890101000000Z', '20900101000000Z');
    my $late = chain('late', '20200101000000Z', '20210101000000Z');
    my @whole = map { ['-cert_chain', "$_/middle.crt"] } $early, $late;

    fails(tls_server($early, 'Fri, 01 Jul 2089 12:00:00 GMT',
                     @{ $whole[0] }),
          TLS_ERROR => qr/the server's says 2089-07-01.*this machine's/,
          qr/Set the clock of this machine/, 'a clock that is behind',
          trusting($early));
    fails(tls_server($late, http_date(time), @{ $whole[1] }),
          TLS_ERROR => qr/has expired; the clocks .* agree/,
          qr/renew its certificate/, 'a certificate that has expired',
          trusting($late));
    fails(tls_server($late, undef, @{ $whole[1] }),
          TLS_ERROR => qr/has expired, or the clock/, qr/date and time/,
          'a clock that nobody tells', trusting($late));
}


# A machine whose clock has no date yet, for its line came before its clock was
# set: to OpenSSL, too.
sub a_first_sync_goes_on_when_the_clock_is_set {
    my $dir = chain('unset');
    put("$dir/both.crt", slurp("$dir/server.crt") . slurp("$dir/middle.crt"));

    my $central = start_central(
        password => PASSWORD, records => 60,
        'tls-cert' => "$dir/both.crt", 'tls-key' => "$dir/server.key",
    );

    local %ENV = (%ENV, %{ switch(-50 * YEAR, 0) });
    my $helper = Msync::Helper->start(
        program => $ENV{TEST_NGINX_MSYNC_FAULTS}, site => 'unset',
        database => site_path('unset.sqlite'), interval => 1,
        url => $central->url =~ s/http/https/r, username => 'Clinic 7',
        password_sha256 => sha256_hex(PASSWORD), trusting($dir),
    );

    is($helper->run, 1, 'a first sync while the clock has no date yet');

    my $error = $helper->wait_status(sub { $_->{syncStatus} })
        ->{syncStatus}{error};
    is($error->{variant}, 'TLS_ERROR', 'is told that no certificate is valid');
    like($error->{fullError}, qr{of this machine, which says 19},
         'and of the clock');

    switch(0, 0);
    ok($helper->wait_status(sub { $_->{initialisationStatus}
                                  eq 'INITIALISED' }),
       'and goes on by itself when it is set')
        or diag(join "\n", $helper->log);
    return;
}


# Each signs the next one: the server's own is valid.
sub the_certificate_that_has_expired_is_named {
    my $middle = chain('middle');
    my @past = ('20200101000000Z', '20210101000000Z');

    sign($middle, 'root', 'middle', 'ca', @past);
    for my $date (undef, http_date(time)) {
        my $url = tls_server($middle, $date, '-cert_chain',
                             "$middle/middle.crt");
        fails($url, TLS_ERROR => qr/The\ certificate\ of\ "middle\ middle",
                  \ which\ 127\.0\.0\.1(?::\d+)?\ sends\ with\ its\ own
                  \ \(intermediate\),\ has\ expired/x,
              $date ? qr/own certificate is valid: .* intermediate/
                    : qr/date and time/,
              'an intermediate that has expired', trusting($middle));
    }

    my $root = chain('root');

    sign($root, 'root', 'root', 'ca', @past);
    fails(tls_server($root, http_date(time), '-cert_chain',
                     "$root/middle.crt"),
          TLS_ERROR => qr/The\ certificate\ of\ the\ authority\ of
              \ 127\.0\.0\.1(?::\d+)?,\ which\ this\ machine\ has,
              \ has\ expired;/x, qr/ssl_trusted_certificate/,
          'an authority that has expired', trusting($root));
}


sub a_portal_with_a_certificate_of_its_own_is_named {
    my $dir = chain('portal');
    my $url = tls_server($dir, undef, '-cert_chain', "$dir/middle.crt");

    fails($url =~ s/127\.0\.0\.1/localhost/r,
          TLS_ERROR => qr/made for another name.*captive portal/,
          qr/No data was sent/, 'a portal with a certificate of its own',
          trusting($dir));
}


# ---- proxies ----------------------------------------------------------------

# A server that answers every request with these lines.
sub lines_server {
    my (@lines) = @_;

    my $listen = IO::Socket::INET->new(LocalAddr => '127.0.0.1',
                                       Listen => 20) // die "listen: $!\n";
    my $pid = fork() // die "fork: $!\n";

    if ($pid == 0) {
        while (my $socket = $listen->accept) {
            sysread $socket, my $request, 65536;
            syswrite $socket, join "\r\n", @lines, 'Content-Length: 0',
                'Connection: close', '', '';
        }
        POSIX::_exit(0);
    }

    push @servers, $pid;

    return 'http://127.0.0.1:' . $listen->sockport;
}


sub a_proxy_that_wants_a_windows_domain_is_named {
    my $says = qr/Windows domain \(NTLM or Kerberos\)/;

    for my $scheme (qw(http https)) {
        my $proxy = lines_server('HTTP/1.1 407 Authentication Required',
            'Proxy-Authenticate: Negotiate', 'Proxy-Authenticate: NTLM');
        my $basic = lines_server('HTTP/1.1 407 Authentication Required',
            'Proxy-Authenticate: NTLM',
            'Proxy-Authenticate: Basic realm="x"');

        fails("$scheme://central.example.org", CONNECTION_ERROR => $says,
              qr/cntlm/, "a proxy of a Windows domain, $scheme", proxy =>
              $proxy);
        fails("$scheme://central.example.org", CONNECTION_ERROR =>
              qr/wants a user name and password/, qr/USER:PASSWORD/,
              "one that takes a password as well, $scheme", proxy =>
              $basic);
    }
}


# A proxy that wants Digest of "user" and "password", of http:// alone; it
# notes what came.
sub digest_proxy {
    my ($notes) = @_;

    my $listen = IO::Socket::INET->new(LocalAddr => '127.0.0.1',
                                       Listen => 20) // die "listen: $!\n";
    my $pid = fork() // die "fork: $!\n";

    if ($pid == 0) {
        while (my $socket = $listen->accept) {
            next if fork();
            pass_on($socket, $notes);
            POSIX::_exit(0);
        }
    }

    push @servers, $pid;

    return 'user:password@127.0.0.1:' . $listen->sockport;
}

sub pass_on {
    my ($socket, $notes) = @_;

    my $request = '';

    while (sysread $socket, $request, 65536, length $request) {
        next if $request !~ /\A(\w+) (\S+).*?\r\n\r\n/s;

        my ($method, $url, $end) = ($1, $2, $+[0]);
        my ($length) = $request =~ /^Content-Length: (\d+)/mi;

        next if length $request < $end + ($length // 0);

        open my $log, '>>', $notes;
        syswrite $log, "$method $url "
            . ($request =~ /^(Proxy-Auth\w+: \w+)/mi ? $1 : '-') . "\n";

        if (!digest_is_right($request, $method)
            || (-e "$notes.ended" && slurp($notes) =~ /^POST/m))
        {
            syswrite $socket, join "\r\n", 'HTTP/1.1 407 Sign in',
                'Proxy-Authenticate: Negotiate, Digest realm="Basic",'
                . ' nonce="abc", qop="auth", opaque="' . 'o' x 600 . '"',
                'Content-Length: 0', '', '';
            $request = '';
            next;
        }

        my ($there) = map { IO::Socket::INET->new($_) // return }
            $url =~ m{//([^/]+)};
        $request =~ s{ http://[^/]+}{ };
        $request =~ s/\r\n/\r\nConnection: close\r\n/;
        syswrite $there, $request;
        syswrite $socket, $request while sysread $there, $request, 65536;
        return;
    }
    return;
}

sub digest_is_right {
    my ($request, $method) = @_;

    my ($line) = $request =~ /^Proxy-Authorization: Digest (.*)\r$/mi
        or return 0;
    my %is = $line =~ /(\w+)="?([^",]+)/g;
    my $secret = md5_hex("user:Basic:password");

    return $is{response} eq md5_hex(join ':', $secret,
        @is{qw(nonce nc cnonce qop)}, md5_hex("$method:$is{uri}"));
}


sub a_proxy_that_takes_only_digest_gets_it {
    my $central = start_central(password => PASSWORD, records => 60);
    my $notes = stage_dir() . '/digest';
    my $proxy = digest_proxy($notes);
    my ($code, $said) = run('digest.sqlite', $central->url,
                            proxy => "http://$proxy");

    is($code, 0, 'a proxy that takes only Digest gets it') or diag($said);
    cmp_ok(sqlite(site_path('digest.sqlite'), 'SELECT count(*) FROM item'),
           '>', 0, 'and everything comes');

    open my $log, '<', $notes or die "$notes: $!\n";
    my @basic = grep { /Basic/ } <$log>;
    is(scalar @basic, 1, 'the password is shown once, before that is known');

    ($code, $said) = run('wrong.sqlite', $central->url,
                         proxy => "http://" . $proxy =~ s/password/other/r);
    is($code, 1, 'another password fails');
    like($said, qr/does not take the user name and password/, 'with words');
    is($central->state(1)->{queuesBuilt}, 1, 'and nothing got through');
    return;
}


# The proxy answers 407 to whatever comes when the first request of a push does:
# whoever tries a wrong password again and again is locked out.
sub a_proxy_password_that_ends_within_a_run_is_hardly_tried {
    my $central = start_central(password => PASSWORD, records => 60);
    my $notes = stage_dir() . '/ends';
    my $proxy = digest_proxy($notes);
    my %through = (proxy => "http://$proxy");

    is((run('ends.sqlite', $central->url, %through))[0], 0, 'a proxy');
    sqlite(site_path('ends.sqlite'),
           q{UPDATE Location SET Description = 'ends'});

    put("$notes.ended", '');
    put($notes, '');
    my ($code, $said) = run('ends.sqlite', $central->url, %through);

    is($code, 1, 'whose password ends when something is sent');
    like($said, qr/does not take the user name and password/, 'with words');

    my @tries = grep { /Proxy-Auth\w+: Digest/ } split /\n/, slurp($notes);
    my @refused = @tries[(grep { $tries[$_] =~ /^POST/ } 0 .. $#tries)[0]
                         .. $#tries];
    cmp_ok(scalar @refused, '<=', 2, 'which it is shown to no more than twice')
        or diag(join "\n", @tries);
    return;
}


# nginx gives the helper none of its own, so a command alone can see one
sub an_environment_that_names_a_proxy_is_told_of {
    my $command = join ' ', map { quotemeta } $ENV{TEST_NGINX_MSYNC},
        '--database', site_path('environment.sqlite'), '--url',
        'http://127.0.0.1:' . free_port(), '--username', 'Clinic 7',
        '--password-file', site_path('password'), 'sync';

    for my $name (qw(http_proxy HTTPS_PROXY all_proxy)) {
        my $said = qx(env $name=http://proxy.example.org:3128 $command 2>&1);

        like($said, qr/refused.*environment of this program names a proxy/s,
             "a proxy that $name names is told of");
    }

    unlike(qx($command 2>&1), qr/environment/, 'and none is where none is');
    return;
}


# It may be that of another machine, by a line of /etc/hosts or an old entry.
sub a_name_that_refuses_is_told_with_its_address {
    my $port = free_port();

    fails("http://localhost:$port", CONNECTION_ERROR =>
          qr/refused by localhost:$port \((?:127\.0\.0\.1|::1)\): /,
          qr/tried again by itself/, 'a name that refuses');
}


sub what_a_proxy_in_the_cloud_says_has_words {
    my %words = (
        520 => qr/no answer from it that it understands/,
        521 => qr/cannot reach it/, 522 => qr/cannot reach it/,
        523 => qr/cannot reach it/, 524 => qr/waited too long/,
        525 => qr/does not trust the encryption/,
        526 => qr/certificate has to be renewed/,
        530 => qr/cannot find or reach it/,
    );

    fails(lines_server("HTTP/1.1 $_ "), HTTP_ERROR => $words{$_},
          qr/tried again by itself/, "status $_") for sort keys %words;
}


sub a_proxy_in_the_cloud_that_gives_up_costs_no_first_sync {
    my $central = start_central(password => PASSWORD, records => 600);

    for my $status (504, 520, 522, 524) {
        $central->reset;
        $central->config(initialise_ms => 1500);
        $central->fault(api => 'v5', path => 'initialise', kind => 'gateway',
                        value => $status);

        my ($code, $said) = run("cloud$status.sqlite", $central->url);
        is($code, 0, "status $status while central prepares the site")
            or diag($said);
        is($central->state(1)->{queuesBuilt}, 1, 'which it does once');
        cmp_ok(sqlite(site_path("cloud$status.sqlite"),
                      'SELECT count(*) FROM item'), '>', 0,
               'and everything comes');
    }
}


sub the_clocks_are_compared {
    my ($code, $said) = run('clocks.sqlite', lines_server(
        'HTTP/1.1 404 Not Found', 'Date: Fri, 01 Jul 2039 12:00:00 GMT'));

    like($said, qr/clock of 127\.0\.0\.1:\d+ says 2039-07-01.*one of them/,
         'a server whose clock is far off is told of in the log');
}
