# Networks of others: what each of their ways of not working is called, what is
# advised, and that a record is lost by none.  What needs a network of its own
# has one, where the machine permits that, and is skipped where it does not.

use strict;
use warnings;

use Digest::MD5 qw(md5_hex);
use Digest::SHA qw(sha256_hex);
use IO::Select ();
use IO::Socket::INET ();
use Msync::Helper qw(switch);
use Msync::Test qw(
    free_port project_root site_path slurp sqlite stage_dir
    start_central start_nginx wait_until write_private
);
use POSIX ();
use Test::More;

use constant {
    PASSWORD => 'correct horse battery',
    YEAR     => 365 * 24 * 3600 * 1000,        # in ms
};

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

SKIP: {
    my $may = system('unshare -n -m true 2>/dev/null') == 0
        && system('unshare -n ip link add name va type veth peer name vb '
                  . '2>/dev/null') == 0;

    skip 'this machine permits no network of its own (unshare -n -m, veth)',
         1 if !$may;

    what_this_machine_itself_forbids_is_named();
    a_name_that_only_a_local_service_knows_is_named();
    ipv6_that_does_not_work_is_got_round();
    addresses_that_are_dead_are_got_round();
    a_name_server_that_is_slow_is_named();
    a_name_server_that_dies_holds_nothing_up();
    why_a_name_is_not_found_is_named();
    packets_that_are_too_large_are_named();
    a_connection_that_is_forgotten_on_the_way_costs_no_batch();
}

done_testing();


# ---- running it -------------------------------------------------------------

# one run against that address, quoted for a shell
sub command {
    my ($database, $url, %more) = @_;

    my $settings = Msync::Test::encode_json({
        url => $url, username => 'Clinic 7',
        password_sha256 => sha256_hex(PASSWORD), %more,
    });
    return join ' ', map { quotemeta } $^X, project_root()
        . '/t/lib/run-once', site_path($database), $settings;
}

# exit status, and what was said
sub run {
    my ($database, $url, %more) = @_;

    my $said = qx(@{[command($database, $url, %more)]} 2>&1);
    return ($? >> 8, $said);
}

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

sub put {
    my ($path, $text) = @_;

    open my $handle, '>', $path or die "$path: $!\n";
    print {$handle} $text;
    close $handle or die "$path: $!\n";
    return $path;
}

sub openssl {
    system(join(' ', 'openssl', map { quotemeta } @_) . ' >/dev/null 2>&1')
        == 0 or die "openssl @_: $?\n";
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

# a directory with an authority, one in between, and a server's certificate
sub chain {
    my ($name, $from, $to) = @_;

    my $dir = stage_dir() . "/chain-$name";
    mkdir $dir;

    put("$dir/ca", "basicConstraints=CA:TRUE\n");
    put("$dir/leaf", "subjectAltName=IP:127.0.0.1\n");

    for my $who (qw(root middle server)) {
        openssl('req', '-new', '-newkey', 'ec', '-pkeyopt',
                'ec_paramgen_curve:P-256', '-nodes', '-subj', "/CN=$who $name",
                '-keyout', "$dir/$who.key", '-out', "$dir/$who.csr");
    }

    openssl('x509', '-req', '-in', "$dir/root.csr", '-signkey',
            "$dir/root.key", '-days', 30, '-extfile', "$dir/ca", '-out',
            "$dir/root.crt");
    sign($dir, 'root', 'middle', 'ca', '20200101000000Z', '20900101000000Z');
    sign($dir, 'middle', 'server', 'leaf', $from // '20200101000000Z',
         $to // '20900101000000Z');

    return $dir;
}

# with dates of our own, which "x509 -req" does not know everywhere
sub sign {
    my ($dir, $by, $whom, $extensions, $from, $to) = @_;

    put("$dir/$whom.cnf", <<"CONF");
[ca]
default_ca = d
[d]
database = $dir/$whom.index
new_certs_dir = $dir
rand_serial = yes
default_md = sha256
policy = p
[p]
commonName = supplied
CONF
    put("$dir/$whom.index", '');
    openssl('ca', '-batch', '-notext', '-config', "$dir/$whom.cnf", '-cert',
            "$dir/$by.crt", '-keyfile', "$dir/$by.key", '-in',
            "$dir/$whom.csr", '-out', "$dir/$whom.crt", '-extfile',
            "$dir/$extensions", '-startdate', $from, '-enddate', $to);
    return;
}

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

sub trusting {
    my ($dir) = @_;

    return (ssl_trusted_certificate => "$dir/root.crt");
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
                . ' nonce="abc", qop="auth"', 'Content-Length: 0', '', '';
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


# ---- networks of our own ----------------------------------------------------

# What a script of a shell says, in a network and a file system of its own.
# "central URL" is started there; it is told its address by $V5.  Behind
# "another_machine" there is one at the end of a line from va to vb, in which
# "$in_there COMMAND" runs.
sub in_a_network {
    my ($script, %how) = @_;

    my $dir = stage_dir();
    my $address = $how{central}{'--address'} // '127.0.0.1';
    my $central = join ' ', map { quotemeta } $^X,
        project_root() . '/t/central/central.pl', '--password', PASSWORD,
        '--records', 600, '--print-ports', '--lifeline',
        %{ $how{central} // {} };

    put("$dir/network.sh", <<"SCRIPT" . $script);
set -e
ip link set lo up
mount -t tmpfs none /mnt
mkfifo /mnt/ports /mnt/alive
central() {
    \$1 $central </mnt/alive >/mnt/ports &
    exec 9>/mnt/alive
    read -r ports </mnt/ports
    V5=\$(echo "\$ports" | sed 's/.*"v5":\\([0-9]*\\).*/\\1/')
    # whatever name the site knows it by
    \$1 $^X -MHTTP::Tiny -e 'HTTP::Tiny->new->post(shift, {content =>
        q({"v5_url":""})})' http://$address:\$V5/_test/config
}
another_machine() {
    unshare -n sleep 200 &
    there=\$!
    sleep 0.5
    in_there="nsenter -n -t \$there"
    ip link add name va type veth peer name vb
    ip link set vb netns \$there
}
SCRIPT

    return qx(timeout 240 unshare -n -m sh $dir/network.sh 2>&1);
}


# the same command there, where the port is known to the shell
sub there { return command(@_) =~ s/PORT/\$V5/r }


# Routes that forbid, swallow or lead nowhere.
sub what_this_machine_itself_forbids_is_named {
    my $database = 'routes.sqlite';
    my $command = there($database, 'http://127.0.0.9:PORT');
    my $first = there($database, 'http://127.0.0.1:PORT');
    my %says = (
        prohibit    => qr/machine itself does not let the program connect/,
        blackhole   => qr/No route to 127\.0\.0\.9/,
        unreachable => qr/No route to 127\.0\.0\.9/,
    );
    my @kinds = sort keys %says;

    my $said = in_a_network(<<"SCRIPT");
central ''
$first && echo FIRST SYNC
ip rule add from all lookup local pref 2
ip rule del pref 0
ip rule add to 127.0.0.9 lookup 99 pref 1
for kind in @kinds; do
    ip route replace \$kind 127.0.0.9 table 99
    echo BEGIN \$kind
    $command || echo IT FAILED
    echo END
done
SCRIPT

    like($said, qr/FIRST SYNC/, 'a way that is free') or diag($said);

    for my $kind (@kinds) {
        my ($part) = $said =~ /BEGIN $kind\n(.*?)END/s;

        like($part, $says{$kind}, "a route of the kind $kind is named");
        like($part, qr/IT FAILED/, 'and costs the run');
    }

    my ($forbidden) = $said =~ /BEGIN prohibit\n(.*?)END/s;
    like($forbidden, qr/httpd_can_network_connect on/,
         'what forbids may be SELinux, and how it is told to permit');
    return;
}


# Name service asks a service by a local socket, which the helper may not.
sub a_name_that_only_a_local_service_knows_is_named {
    my $command = there('local.sqlite', 'http://central.local:PORT');
    my $other = there('other.sqlite', 'http://central.test:PORT');
    my $undotted = there('undotted.sqlite', 'http://central:PORT');

    my $said = in_a_network(<<"SCRIPT");
printf 'nameserver 127.0.0.1\\noptions timeout:1 attempts:1\\n' >/mnt/resolv
printf 'hosts: files mdns4_minimal [NOTFOUND=return] dns\\n' >/mnt/nsswitch
printf '127.0.0.1 localhost\\n' >/mnt/hosts
mount --bind /mnt/resolv /etc/resolv.conf
mount --bind /mnt/nsswitch /etc/nsswitch.conf
mount --bind /mnt/hosts /etc/hosts
central ''
$command || echo IT FAILED
$other || echo SO DID THE OTHER
printf 'hosts: files resolve [!UNAVAIL=return] dns\\n' >/mnt/nsswitch
$other || echo AND AGAIN
$undotted || echo AND THE THIRD
printf '127.0.0.1 localhost central.local\\n' >/mnt/hosts
$command && echo IT WENT WELL
SCRIPT

    like($said, qr/only a service of this machine knows it \("mdns4_minimal"/,
         'a name that only a local service knows is named') or diag($said);
    like($said, qr/IT FAILED.*its name server fails.*SO DID THE OTHER/s,
         'one that mdns does not look for is not put down to it');
    like($said, qr/OTHER.*its name server fails.*AGAIN.*\("resolve".*THIRD/s,
         'resolve is named for a name that it need not ask DNS for');
    like($said, qr{into /etc/hosts}, 'with what to do');
    like($said, qr/IT FAILED.*IT WENT WELL/s, 'and that does it');
    return;
}


sub ipv6_that_does_not_work_is_got_round {
    my $database = 'ipv6.sqlite';
    my $command = there($database, 'http://central.test:PORT');

    # the address is on the link, and nobody has it
    my $said = in_a_network(<<"SCRIPT");
ip link add name va type veth peer name vb
ip link set va up
ip link set vb up
ip -6 addr add 2001:db8::2/64 dev va nodad
printf '%s central.test\\n' 2001:db8::1 127.0.0.1 >/mnt/hosts
mount --bind /mnt/hosts /etc/hosts
central ''
$command && echo IT WENT WELL
SCRIPT

    like($said, qr/IT WENT WELL/,
         'IPv6 that does not work beside IPv4 that does');
    cmp_ok(sqlite(site_path($database), 'SELECT count(*) FROM item'), '>', 0,
           'costs nothing');
}


# Of five addresses of a name the last one answers, though not in the short
# moment that the others leave of the time for a connection.
sub addresses_that_are_dead_are_got_round {
    my $command = there('five.sqlite', 'http://central.test:PORT');
    my $none = there('none.sqlite', 'http://dead.test:PORT',
                     connect_timeout => 500);

    # the kernel is told who has them, which nobody does, so it does not ask
    my $said = in_a_network(<<"SCRIPT", central => { '--address', '10.9.9.2' });
another_machine
ip link set va up
for net in 1 2 3 4 9; do
    ip addr add 10.9.\$net.1/24 dev va
    ip neigh add 10.9.\$net.2 lladdr 02:00:00:00:00:01 dev va
    echo "10.9.\$net.2 central.test"
done >/mnt/hosts
sed -n '1,4s/central/dead/p' /mnt/hosts >>/mnt/hosts
mount --bind /mnt/hosts /etc/hosts
\$in_there ip link set lo up
\$in_there ip addr add 10.9.9.2/24 dev vb
\$in_there ip link set vb up
mac=\$(\$in_there ip -o link show vb | sed 's/.*ether //; s/ .*//')
central "\$in_there"
(sleep 12; ip neigh replace 10.9.9.2 lladdr \$mac dev va) &
$command && echo IT WENT WELL
$none || echo IT FAILED
kill \$there
SCRIPT

    like($said, qr/IT WENT WELL/, 'addresses before the one that answers')
        or diag($said);
    like($said, qr/TIMEOUT: .*dead\.test\S+: none of the addresses .* answers/,
         'where none answers, that is said');
    like($said, qr/answers\. Check that .*longer connect_timeout helps/,
         'and no batch or answer blamed for it');
    like($said, qr/IT FAILED/, 'which costs the run');
    return;
}


# what a name server says of these names, on port 53 there: an rcode, and
# whether an alias follows, which leads to the name itself
sub answers_of_names {
    return put(stage_dir() . '/dns-answers.pl', <<'PERL');
use strict; use warnings; use IO::Socket::INET;
my %code = (fails => 2, none => 3, refuses => 5);
my $s = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => 53,
                              Proto => 'udp') or die "53: $!\n";
while (my $from = $s->recv(my $q, 512)) {
    my $name = substr $q, 13, ord substr $q, 12, 1;
    my ($end) = index($q, "\0", 12) + 5;
    my $type = unpack 'n', substr $q, $end - 4, 2;
    my $alias = $name eq 'loops';
    my $six = $name eq 'six' && $type == 28;
    next if $name eq 'silent';
    my $r = substr($q, 0, 2) . pack('n5', 0x8180 | ($code{$name} // 0), 1,
                                    $alias || $six ? 1 : 0, 0, 0)
        . substr($q, 12, $end - 12);
    $r .= pack('nnnNnn', 0xc00c, 5, 1, 60, 2, 0xc00c) if $alias;
    $r .= pack('nnnNn', 0xc00c, 28, 1, 60, 16) . "\x20\x01\x0d\xb8" . "\0" x 12
        if $six;
    $s->send($r, 0, $from);
}
PERL
}

sub why_a_name_is_not_found_is_named {
    my %says = (
        fails => qr/name server fails or does not answer/,
        refuses => qr/name server fails or does not answer/,
        silent => qr/name server fails or does not answer|look-up of the name/,
        none => qr/there is no such name/,
        empty => qr/has no address that this machine can use/,
        loops => qr/cannot be found \(DNS\)/,
        six => qr/has no address|No route to six\.test/,
    );
    my $names = names_from(answers_of_names(), 1);
    my $commands = join '', map {
        "echo BEGIN $_\n" . there("dns-$_.sqlite", "http://$_.test:PORT")
            . " || true\necho END\n"
    } sort keys %says;

    my $said = in_a_network(<<"SCRIPT");
$names
V5=1
$commands
kill \$dns
echo BEGIN nobody
${\there('dns-nobody.sqlite', 'http://other.test:PORT')} || true
echo END
SCRIPT

    $says{nobody} = $says{fails};

    for my $name (sort keys %says) {
        my ($part) = $said =~ /BEGIN $name\n(.*?)END/s;

        like($part, $says{$name}, "a name of which DNS says: $name");
    }

    return;
}


# lines of a script: names are looked up by this server there, which is waited
# for so many seconds; its process is $dns
sub names_from {
    my ($server, $timeout) = @_;

    return <<"LINES";
printf 'nameserver 127.0.0.1\\n' >/mnt/resolv
printf 'options timeout:$timeout attempts:1\\n' >>/mnt/resolv
printf 'hosts: files dns\\n' >/mnt/nsswitch
printf '127.0.0.1 localhost\\n' >/mnt/hosts
mount --bind /mnt/resolv /etc/resolv.conf
mount --bind /mnt/nsswitch /etc/nsswitch.conf
mount --bind /mnt/hosts /etc/hosts
$^X $server &
dns=\$!
LINES
}


# a name server that answers after so many seconds, on port 53 there; "most":
# so many questions
sub name_server {
    my ($seconds, $most) = @_;

    $most //= 1000;
    return put(stage_dir() . "/dns-$seconds-$most.pl", <<"PERL");
use strict; use warnings; use IO::Socket::INET;
my \$n = 0;
my \$s = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => 53,
                              Proto => 'udp') or die "53: \$!\\n";
while (my \$from = \$s->recv(my \$q, 512)) {
    if (\$n++ < $most && !fork) {
        select undef, undef, undef, $seconds;
        my \$a = unpack('n', substr(\$q, -4, 2)) == 1;
        my \$r = substr(\$q, 0, 2) . pack('n5', 0x8180, 1, \$a ? 1 : 0, 0, 0)
            . substr(\$q, 12);
        \$r .= pack('nnnNna4', 0xc00c, 1, 1, 60, 4, "\\x7f\\0\\0\\1") if \$a;
        \$s->send(\$r, 0, \$from);
        exit;
    }
}
PERL
}

sub a_name_server_that_is_slow_is_named {
    for my $case ([3, 1, 'too slow'], [0.5, 10, 'slow']) {
        my ($seconds, $limit, $name) = @$case;
        my $names = names_from(name_server($seconds), 5);
        my $database = "dns-$limit.sqlite";
        my $command = there($database, 'http://central.test:PORT',
                            connect_timeout => $limit * 1000);

        my $said = in_a_network(<<"SCRIPT");
$names
central ''
$command && echo IT WENT WELL
kill \$dns
SCRIPT

        if ($limit == 1) {
            like($said, qr/TIMEOUT: .*look-up of the name.*\(DNS\)/,
                 'a name server that is too slow is named');
            like($said, qr/name servers in .*longer connect_timeout helps/,
                 'with what helps against that');
        } else {
            like($said, qr/IT WENT WELL/,
                 'one that is slow is waited for') or diag($said);
        }
    }
}


# Whose clock is wrong is asked when the certificate is not valid: by then the
# name has to be looked up once more.
sub a_name_server_that_dies_holds_nothing_up {
    my $dir = chain('dies', '20200101000000Z', '20210101000000Z');
    my $names = names_from(name_server(0, 2), 20);
    my $command = there('dies.sqlite', 'https://central.test:4433',
                        trusting($dir));

    my $said = in_a_network(<<"SCRIPT");
$names
openssl s_server -accept 127.0.0.1:4433 -cert $dir/server.crt \\
    -key $dir/server.key -cert_chain $dir/middle.crt -www >/dev/null 2>&1 &
server=\$!
sleep 1
begun=\$(date +%s)
$command || echo IT FAILED AFTER \$((\$(date +%s) - begun))
kill \$dns \$server
SCRIPT

    like($said, qr/TLS_ERROR: .*has expired, or the clock/,
         'a certificate that has expired, and no name server any more');
    cmp_ok($said =~ /IT FAILED AFTER (\d+)/ ? $1 : 99, '<', 15,
           'which is not waited for') or diag($said);
    return;
}


# Large packets do not arrive at the other end, and nobody says so.
sub packets_that_are_too_large_are_named {
    my $database = 'mtu.sqlite';
    my $command = there($database, 'http://10.9.9.2:PORT',
                        read_timeout => 2000);
    my $path = site_path($database);
    my $edit = q{UPDATE item_line SET batch = hex(zeroblob(1500)) WHERE }
        . q{store_ID IN (SELECT ID FROM store WHERE sync_id_remote_site = 7)};

    my $said = in_a_network(<<"SCRIPT", central => { '--address', '10.9.9.2' });
another_machine
ip link set va gso_max_segs 1
ip addr add 10.9.9.1/24 dev va
ip link set va up
\$in_there ip link set lo up
\$in_there ip addr add 10.9.9.2/24 dev vb
\$in_there ip link set vb up
central "\$in_there"
$command && echo FIRST SYNC
sqlite3 -init /dev/null -cmd '.timeout 9000' $path "$edit"
\$in_there ip link set vb mtu 900
\$in_there ip route replace 10.9.9.0/24 dev vb advmss 1460
$command || echo IT FAILED
\$in_there ip link set vb mtu 1500
$command && echo IT WENT WELL
kill \$there
SCRIPT

    like($said, qr/FIRST SYNC/, 'a line that is well') or diag($said);
    like($said, qr/TIMEOUT: .*\(MTU\)/,
         'one that loses large packets is named');
    like($said, qr/IT FAILED.*IT WENT WELL/s, 'and goes on when it is mended')
        or diag($said);
    is(sqlite($path, 'SELECT count(*) FROM msync_refused'), 0,
       'with nothing refused');
}


# Nothing of it arrives any more, and nobody says so, as by a balancer that
# forgets what was idle: while Open mSupply central takes its time, which is
# reached by another address.
sub a_connection_that_is_forgotten_on_the_way_costs_no_batch {
    my $command = there('forgotten.sqlite', 'http://10.9.9.2:PORT',
                        read_timeout => 10_000);
    my $path = site_path('forgotten.sqlite');
    my $mine = 'WHERE store_ID IN (SELECT ID FROM store WHERE '
        . 'sync_id_remote_site = 7)';

    my $said = in_a_network(<<"SCRIPT", central => { '--address', '0.0.0.0' });
another_machine
for net in 8 9; do
    ip addr add 10.9.\$net.1/24 dev va
    \$in_there ip addr add 10.9.\$net.2/24 dev vb
done
ip link set va up
\$in_there ip link set lo up
\$in_there ip link set vb up
central "\$in_there"
V6=\$(echo "\$ports" | sed 's/.*"v6":\\([0-9]*\\).*/\\1/')
tell() {
    $^X -MHTTP::Tiny -e 'print HTTP::Tiny->new->post(shift, {content =>
        shift})->{content}' http://10.9.8.2:\$V5/_test/\$1 "\$2"
}
tell config "{\\"v6_url\\":\\"http://10.9.8.2:\$V6\\"}"
$command && echo FIRST SYNC
sqlite3 -init /dev/null -cmd '.timeout 9000' $path "UPDATE asset SET notes =
    'held' $mine; UPDATE item_line SET batch = hex(zeroblob(50000)) $mine"
tell fault '{"api":"v6","path":"push","kind":"hold"}'
$command && echo IT WENT WELL &
run=\$!
until $^X -MHTTP::Tiny -e 'exit(HTTP::Tiny->new->get(shift)->{content} !~
    /"faults":\\[{[^]]*"times":0/)' http://10.9.8.2:\$V5/_test/state?brief=1
do sleep 0.1; done
ip addr del 10.9.9.1/24 dev va
ip addr add 10.9.9.3/24 dev va
tell fault '{"api":"v6","path":"none","kind":"hang"}'
wait \$run
kill \$there
SCRIPT

    like($said, qr/FIRST SYNC.*IT WENT WELL/s,
         'a connection that is forgotten on the way') or diag($said);
    like($said, qr/[1-9]\d* pushed/, 'keeps nothing from being sent');
    unlike($said, qr/smaller batch/, 'nor makes its batches smaller');
    return;
}
