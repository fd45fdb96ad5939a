# Everything that can go wrong between a site and its central servers, each
# provoked for real: which variant it becomes, and what an administrator
# reads.  docs/variants.md is what this test has seen; "make docs" writes it.

use strict;
use warnings;

use Compress::Zlib ();
use File::Copy qw(copy);
use IO::Socket::INET ();
use Msync::Helper;
use Msync::Odd qw(answer close_now dead_port hang json octets);
use Msync::Test qw(
    free_port give project_root site_config site_path sqlite
    stage_dir start_nginx wait_until write_private
);
use Test::More;
use Time::HiRes qw(sleep time);

use constant {
    HASH  => '2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b',
    TABLE => project_root() . '/docs/variants.md',
    BOMB  => 32 * 1_048_576,
};

# Seconds that a site stands; where it is to hear something in between, more,
# for a machine that is busy.
use constant { SILENCE => 0.5, DROPS => 1.5 };

# a record that any site takes
sub unit { {
    ID => $_[0], tableName => 'unit', recordId => "U$_[0]",
    action => 'Update', recordData => {
        ID => "U$_[0]", units => 'tab', comment => '', order_number => 1,
    },
} }

my $elsewhere = listener();
my $mute = listen_here();
my ($dead_port, $dead) = dead_port();
my $refused = free_port();
my (@servers, %case, @order, $odd);

# also where a test dies: what is still there keeps the others from ending
my $owner = $$;
END { kill KILL => map { $_->{pid} } @servers if $$ == $owner }

cases();
ends();

my $nginx = all_sites();

run_all();
judge();
credentials_stay_here();
the_table_is_in_the_docs();

ok($nginx->stop, 'quit');
done_testing();


# ---- what goes wrong ------------------------------------------------------

# "url" defaults to the case's own folder on the odd server.
sub case {
    my ($name, $what, $variant, $says, %how) = @_;

    $case{$name} = { what => $what, variant => $variant, says => $says,
                     %how };
    push @order, $name;
}

# a code that answers every call of a case, or one of them, in this way
sub status {
    my ($status, $body, @headers) = @_;

    return sub { answer($_[0], $status, 'text/plain', $body // '',
                        @headers) };
}

sub refusal {
    my ($code, $status) = @_;

    return sub { json($_[0], { error => { code => $code,
        message => "Refused: $code", data => undef } }, $status // 401) };
}

sub body {
    my ($body, @headers) = @_;

    return sub { answer($_[0], 200, 'application/json', $body, @headers) };
}

sub v7_error {
    my ($error) = @_;

    return sub { json($_[0], { Err => $error }) };
}

sub v6_error {
    my ($error) = @_;

    return sub { json($_[0], { error => $error }) };
}


sub cases {
    way();
    encryption();
    statuses();
    answers();
    compressions();
    refusals();
    refusals_of_v7();
    progress();
}


# Refusals of sync v7: of the site when it asks for its token, and of a call.
sub refusals_of_v7 {
    my %token = (get_token => sub { json($_[0], { Ok => {
        token => 'token-of-v7', siteId => 7, centralSiteId => 10 } }) });
    my $refuse = sub {
        my ($name, $what, $variant, $says, $error, %calls) = @_;

        case($name, $what, $variant => $says, protocol => 'v7',
             calls => { get_token => v7_error($error), %calls });
    };
    my $fail = sub { $refuse->(@_, %token, site_status => v7_error($_[4])) };

    $refuse->('v7-name', 'Sync v7: a wrong name or password',
        INVALID_SITE_NAME_OR_PASSWORD => qr/no site with this name/,
        'InvalidSiteNameOrPassword');
    $refuse->('v7-token', 'Sync v7: the token was given to somebody else',
        TOKEN_ALREADY_ALLOCATED => qr/to another machine or/,
        'TokenAlreadyAllocated');
    $refuse->('v7-newer', 'Sync v7: central is older than what a site speaks',
        SYNC_VERSION_MISMATCH => qr/of version 2\.9\.0/,
        { SyncVersionMismatch => { map { $_->[0] => { major => $_->[1],
            minor => $_->[2], patch => 0, pre_release => undef } }
            ['central', 2, 9], ['remote', 3, 0] } });
    $refuse->('v7-hardware', 'Sync v7: the site belongs to another machine',
        HARDWARE_ID_MISMATCH => qr/hardware id and token/,
        'HardwareIdMismatch');
    $refuse->('v7-legacy', 'Sync v7: not all stores have moved yet',
        REQUEST_SITE_AUTH_ERROR => qr/not all stores/,
        { Other => "code: 'Other(\"stores_not_migrated\")'" });
    $refuse->('v7-other', 'Sync v7: the server is not the central one',
        NOT_A_CENTRAL_SERVER => qr/not an Open mSupply central/, 'unused',
        get_token => status(405, 'Method only allowed on central server.'));
    $fail->('v7-unknown', 'Sync v7: central knows none of its tokens',
        TOKEN_NOT_FOUND => qr/does not know the token/, 'TokenNotFound');
    $fail->('v7-not', 'Sync v7: the site is not one of v7 over there',
        SITE_IS_NOT_V7 => qr/does not take this site/, 'SiteIsNotV7');
    $fail->('v7-header', 'Sync v7: a proxy takes headers away',
        MISSING_AUTH_HEADER => qr/hardware-id/,
        { MissingAuthHeader => 'missing hardware-id header' });
    $fail->('v7-database', 'Sync v7: central cannot read its own record',
        CENTRAL_DATABASE_ERROR => qr/UnexpectedNullError/,
        { DatabaseError => { DBError => { msg => 'deserialization',
            extra => 'UnexpectedNullError' } } });

    # first it is asked what it speaks
    case('v7-slow', 'Sync v7: central integrates for ten minutes',
         INTEGRATION_TIMEOUT_REACHED => qr/still integrating/,
         faults => { MSYNC_FAULT_PAUSES => 1 },
         calls => { %token, site => status(404), site_status => sub {
             json($_[0], { Err => $_[1] ? 'SiteLockError'
                           : { MissingAuthHeader => 'hardware-id' } }) } });
}


sub way {
    case('dns', 'The name of the server does not exist', CONNECTION_ERROR =>
         qr/cannot be found \(DNS\)|look-up of the name/,
         url => 'http://central.invalid', variants => 'TIMEOUT');
    case('refused', 'Nothing listens at the address', CONNECTION_ERROR =>
         qr/Connection refused/, url => "http://127.0.0.1:$refused");
    case('connect', 'The server does not answer a connection', TIMEOUT =>
         qr/No connection to .* within 0\.5 seconds.* longer connect_timeout/,
         url => "http://127.0.0.1:$dead_port", connect_timeout => '500ms');
    case('silent', 'The server takes a request and says nothing', TIMEOUT =>
         qr/silent for 0\.5 seconds/, read_timeout => SILENCE * 1000 . 'ms',
         calls => { any => \&hang });
    case('slow', 'The answer comes, but drop by drop', TIMEOUT =>
         qr/not done after 6 seconds/, read_timeout => DROPS * 1000 . 'ms',
         calls => { any => \&drops });
    case('closed', 'The server closes the connection', CONNECTION_ERROR =>
         qr/closed the connection without an answer/,
         calls => { any => \&close_now });
    case('torn', 'The connection is torn within an answer',
         CONNECTION_ERROR => qr/lost in the middle of the answer/,
         calls => { central_records => sub {
             octets($_[0], "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"
                    . '{"maxCursor":');
             close_now();
         } });
    case('proxy-dns', 'The name of the proxy does not exist',
         CONNECTION_ERROR => qr/proxy.* \(DNS\)/,
         proxy => 'http://proxy.invalid:3128', variants => 'TIMEOUT');
    case('proxy-refused', 'Nothing listens at the address of the proxy',
         CONNECTION_ERROR => qr/refused by the proxy.* Check the proxy setting/,
         proxy => "http://127.0.0.1:$refused");
    case('proxy-password', 'The proxy wants a password', CONNECTION_ERROR =>
         qr/proxy wants a user name and password/,
         url => 'https://central.example.org', proxy => sub {
             proxy('HTTP/1.1 407 Proxy Authentication Required') });
    proxies();
}


sub proxies {
    my @says = (
        ['given', 'The proxy takes another password', 407,
         qr/does not take the user name/, 'Proxy-Authenticate: Basic'],
        ['bearer', 'The proxy wants a sign-in of a kind that is not done', 407,
         qr/of the kind "Bearer"/, 'Proxy-Authenticate: Bearer'],
        ['domain', 'The proxy wants that of a Windows domain', 407,
         qr/Windows domain/, 'Proxy-Authenticate: Negotiate'],
        ['portal', 'The proxy wants a sign-in on a page', 302,
         qr/page of its own/, 'Location: http://login.example.net/'],
        ['cannot', 'The proxy cannot reach the server', 502,
         qr/proxy cannot connect/],
        ['denies', 'The proxy does not let the site out', 403,
         qr/proxy refuses to connect/],
    );

    for (@says) {
        my ($name, $what, $status, $says, @headers) = @$_;

        case("proxy-$name", $what, CONNECTION_ERROR => $says,
             url => 'https://central.example.org', proxy => sub {
                 my $url = proxy(join "\r\n", "HTTP/1.1 $status X", @headers);
                 $name eq 'given' ? $url =~ s{//}{//user:password\@}r : $url;
             });
    }

    case('proxy-closes', 'The proxy closes the connection', CONNECTION_ERROR =>
         qr/did not answer as one/, url => 'https://central.example.org',
         proxy => sub { proxy('') });
    case('proxy-closes-plain', 'The proxy closes it for an http:// address',
         CONNECTION_ERROR => qr/proxy closed the connection without/,
         url => 'http://central.example.org', proxy => sub { proxy('') });
    case('proxy-page', 'The proxy answers with a page where a way was asked '
         . 'for', TLS_ERROR => qr/page of its own/, url =>
         'https://central.example.org', proxy => sub {
             proxy("HTTP/1.1 200 OK\r\n\r\n<html>Welcome") });
    my @own = (
        ['squid', 'The proxy itself answers that it does not reach the '
         . 'server', 503, qr/proxy cannot connect/,
         'X-Squid-Error: ERR_CONNECT_FAIL 111'],
        ['tiny', 'So does one that is known by its name', 500,
         qr/proxy cannot connect/, 'Server: tinyproxy/1.11.1'],
        ['status', 'The proxy itself answers that it does not let the site '
         . 'out', 403, qr/proxy refuses to connect/,
         'Proxy-Status: gate; error=http_request_denied'],
    );

    for (@own) {
        my ($name, $what, $status, $says, @headers) = @$_;

        case("proxy-own-$name", $what, CONNECTION_ERROR => $says,
             url => 'http://central.example.org', proxy => sub {
                 proxy(join "\r\n", "HTTP/1.1 $status X", @headers) });
    }

    case('proxy-or-server', 'The proxy or the server answers so',
         HTTP_ERROR => qr/or the proxy on the way to it, answered/,
         url => 'http://central.example.org', proxy => sub {
             proxy("HTTP/1.1 502 X\r\nVia: 1.1 gate (squid/5.7)") });
    case('proxy-not-http', 'The proxy does not speak HTTP', INVALID_RESPONSE =>
         qr/proxy does not answer with HTTP/,
         url => 'http://central.example.org', proxy => sub {
             proxy("220 mail.example.org ESMTP\r\n") });
    case('proxy-socks', 'A SOCKS proxy that does not let the site out',
         CONNECTION_ERROR => qr/proxy refuses to connect/,
         url => 'http://central.example.org', proxy => sub {
             socks("\x05\x02\x00\x01\0\0\0\0\0\0") });
    case('proxy-socks-cannot', 'A SOCKS proxy that cannot reach the server',
         CONNECTION_ERROR => qr/proxy cannot connect/,
         url => 'http://central.example.org', proxy => sub {
             socks("\x05\x04\x00\x01\0\0\0\0\0\0") });
    case('proxy-socks-password', 'A SOCKS proxy that wants a password',
         CONNECTION_ERROR => qr/socks5h:\/\/USER:PASSWORD/,
         url => 'http://central.example.org', proxy => sub {
             proxy("\x05\xff") =~ s/http/socks5h/r });
}


sub encryption {
    case('tls-name', 'The certificate is made for another name',
         TLS_ERROR => qr/made for another name/,
         tls(san => 'DNS:other.example.org'));
    case('tls-expired', 'The certificate has expired', TLS_ERROR =>
         qr/has expired, or the clock/,
         tls(from => '20200101000000Z', to => '20210101000000Z'));
    case('tls-early', 'The clock of the site is behind', TLS_ERROR =>
         qr/not valid yet, or the clock/,
         tls(from => '20900101000000Z', to => '20910101000000Z'));
    case('tls-untrusted', 'Nobody trusts the certificate', TLS_ERROR =>
         qr/is not trusted/, tls(untrusted => 1));
    case('tls-old', 'The server speaks an old kind of encryption only',
         TLS_ERROR => qr/only an old kind/, tls(with => [qw(-tls1_1 -cipher
             ALL:@SECLEVEL=0)]));
    case('tls-cipher', 'The server has no cipher in common with the site',
         TLS_ERROR => qr/refuses to agree/, tls(with => [qw(-tls1_2 -cipher
             NULL:@SECLEVEL=0)]));
    case('tls-wants', 'The server wants a certificate of the site',
         TLS_ERROR => qr/client certificate/, tls(with => [qw(-Verify 1
             -verify_return_error)]));
    case('tls-wants-nginx', 'So does a server of nginx', TLS_ERROR =>
         qr/client certificate/, tls(with => ['-HTTP'], page => join "\r\n",
             'HTTP/1.0 400 Bad Request', 'Content-Type: text/html', '',
             'No required SSL certificate was sent'));
    case('tls-wants-late', 'So does one that says it by an alert', TLS_ERROR =>
         qr/client certificate/, url => sub {
             proxy("\x15\3\3\0\2\2\x74") =~ s/http/https/r });
    openssl(qw(genpkey -genparam -algorithm DH -pkeyopt group:modp_1536 -out),
            stage_dir() . '/dh');
    case('tls-dh', 'The server exchanges keys in too weak a way', TLS_ERROR =>
         qr/key exchange \(DH\) that is too weak/, tls(key => ['rsa:2048'],
             with => ['-tls1_2', '-cipher', 'DHE:@SECLEVEL=0', '-dhparam',
                      stage_dir() . '/dh']));
    case('tls-unsafe', 'The server knows nothing of secure renegotiation',
         TLS_ERROR => qr/without secure renegotiation/, url => sub {
             proxy("\x16\3\3\0\x2a\2\0\0\x26\3\3" . 'x' x 32
                   . "\0\xc0\x2f\0") =~ s/http/https/r });
    case('tls-silent', 'The server is silent while encryption is agreed on',
         TIMEOUT => qr/encryption was not agreed on within 0\.5 seconds/,
         url => 'https://127.0.0.1:' . $mute->sockport,
         connect_timeout => '500ms');
    case('tls-weak', 'The certificate is too weak', TLS_ERROR =>
         qr/too weak/, tls(key => ['rsa:1024'],
                           with => [qw(-cipher ALL:@SECLEVEL=0)]));
    case('tls-purpose', 'The certificate is made for another use', TLS_ERROR =>
         qr/not made for this use .*purpose/,
         tls(usage => 'extendedKeyUsage=clientAuth'));
    case('tls-on-plain', 'https:// in the address, but the server speaks '
         . 'plain HTTP', TLS_ERROR => qr/does not speak TLS on that port/,
         url => sub { $odd->url =~ s/http/https/r });
    case('plain-on-tls', 'http:// in the address, but the server speaks '
         . 'TLS (nginx)', TLS_ERROR => qr/must begin with https/,
         calls => { any => status(400, '<center>The plain HTTP request was '
             . 'sent to HTTPS port</center>') });
    case('plain-on-tls-other', 'http:// in the address, but the server '
         . 'speaks TLS', undef, qr/https/,
         tls(scheme => 'http'), variants => 'CONNECTION_ERROR '
         . 'INVALID_RESPONSE');
}


sub statuses {
    my %words = (
        401 => qr/access refused without a reason/, 403 => qr/access refused/,
        402 => qr/payment is wanted/, 404 => qr/no synchronisation service/,
        408 => qr/took too long/, 410 => qr/no longer/,
        413 => qr/batch is larger/, 421 => qr/knows nothing of this address/,
        425 => qr/came too early/,
        426 => qr/another kind of connection/, 429 => qr/too many requests/,
        431 => qr/head of the request/, 451 => qr/a law or an order/,
        500 => qr/server failed/, 502 => qr/cannot reach it/,
        503 => qr/overloaded/, 511 => qr/captive portal/,
    );

    for my $status (sort keys %words) {
        case("status-$status", "HTTP status $status", HTTP_ERROR =>
             $words{$status}, calls => { any => status($status) });
    }

    case("challenge-$_->[0]", "A service before the server wants a browser's "
         . "proof (HTTP status $_->[0])", HTTP_ERROR =>
         qr/proof that a browser asks .* without a challenge/,
         calls => { any => status($_->[0], '<html>Just a moment', $_->[1]) })
        for [202, 'x-amzn-waf-action: challenge'],
            [403, 'CF-Mitigated: challenge'];
    case('retry-after', 'HTTP status 429, to come back in an hour',
         HTTP_ERROR => qr/too many requests/, requests => 1,
         calls => { any => status(429, '', 'Retry-After: 3600') });
    case('busy-once', 'HTTP status 503 twice, then an answer', '', undef,
         calls => { central_records => sub {
             my ($socket, $n) = @_;
             return answer($socket, 503, 'text/plain', '',
                           'Retry-After: 1') if $n < 2;
             json($socket, { maxCursor => 0 });
         } });
    case('redirect', 'A redirect to another server (captive portal)',
         HTTP_ERROR => qr/redirects to another server/,
         calls => { any => sub {
             answer($_[0], 302, 'text/plain', '', 'Location: http://'
                 . "localhost:$elsewhere->{port}/login") } });
    case('redirect-ftp', 'A redirect to what is no address of the web',
         HTTP_ERROR => qr/of another kind, "ftp:"/,
         calls => { any => sub { answer($_[0], 302, 'text/plain', '',
             'Location: ftp://central.example.org/') } });
    case('redirect-loop', 'A redirect to itself without an end',
         HTTP_ERROR => qr/without coming to an end/,
         calls => { any => sub {
             answer($_[0], 302, 'text/plain', '', "Location: $_[2]") } });
    for my $call (qw(any initialise)) {
        case("redirect-cookie-$call", 'A balancer that insists on its cookie'
             . ($call eq 'any' ? '' : ', where data is sent'), HTTP_ERROR =>
             qr/sets a cookie.* \(paths that begin with "\/sync\/"/s,
             calls => { $call => sub {
                 answer($_[0], 307, 'text/plain', '', "Location: $_[2]",
                        'Set-Cookie: node=1') } });
    }
    case('redirect-post', 'A redirect where data is sent', HTTP_ERROR =>
         qr/not followed when data is sent/,
         calls => { initialise => sub {
             answer($_[0], 302, 'text/plain', '', "Location: $_[2]") } });
}


sub answers {
    case('html', 'A web page in place of data (captive portal)',
         INVALID_RESPONSE => qr/web page .* \(captive portal\)/,
         calls => { any => sub { answer($_[0], 200, 'text/html',
             '<html><body>Welcome to the hotel</body></html>') } });
    case('old', 'An answer that a cache has kept', INVALID_RESPONSE =>
         qr/is 86400 seconds old: a cache/,
         calls => { central_records => body('{"maxCursor":0}',
                                            'Age: 86400') });
    case('empty', 'An empty answer', INVALID_RESPONSE =>
         qr/answered with nothing/, calls => { any => body('') });
    case('truncated', 'Half of the JSON', INVALID_RESPONSE =>
         qr/is cut off: after 27 octets/,
         calls => { site => body('{"id":"UUID","siteId":7,"na') });
    case('garbled', 'Octets without a sense', INVALID_RESPONSE =>
         qr/Octets that are no text/,
         calls => { site => body(join '', map { chr } 128 .. 255) });
    case('text', 'A text of something else', INVALID_RESPONSE =>
         qr/begins with "The licence of this firewall has expired"/,
         calls => { site => body("The licence of this firewall has expired\n")
     });
    case('not-http', 'The server does not speak HTTP', INVALID_RESPONSE =>
         qr/does not answer with HTTP/,
         calls => { any => sub {
             octets($_[0], "220 mail.example.org ESMTP\r\n");
             close_now();
         } });
    case('lacks', 'JSON of something else', INVALID_RESPONSE =>
         qr/lacks "id"/, calls => { site => body('{"hello":"world"}') });
    case('nested', 'JSON that is nested without an end', INVALID_RESPONSE =>
         qr/not what was expected/, calls => {
             central_records => body('{"data":' . '[' x 20_000) });
    case('more', 'Far more records than were asked for', INVALID_RESPONSE =>
         qr/far more records/, batch_size => 'central_pull=10',
         calls => { central_records => sub {
             json($_[0], { maxCursor => 100,
                           data => [map { unit($_) } 1 .. 100] }) } });
    case('large', 'An answer beyond max_response', RESPONSE_TOO_LARGE =>
         qr/larger than the 1048576 octets/, max_response => '1m',
         calls => { site => body(' ' x 2_000_000) });
    case('chunked', 'An answer whose parts have no length (chunked)',
         INVALID_RESPONSE => qr/put together in a wrong way/,
         calls => { any => sub { octets($_[0], "HTTP/1.1 200 OK\r\n"
             . "Transfer-Encoding: chunked\r\n\r\nno length\r\n{}") } });
    case('trailer', 'A line behind an answer (chunked) that is none',
         INVALID_RESPONSE => qr/put together in a wrong way/,
         calls => { any => sub { octets($_[0], "HTTP/1.1 200 OK\r\n"
             . "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n"
             . "no colon\r\n\r\n") } });
    case('header', 'A header that is none', INVALID_RESPONSE =>
         qr/has a header that is none/, calls => { any => sub {
             octets($_[0], "HTTP/1.1 200 OK\r\nno colon\r\n\r\n{}") } });
    case('early', 'A hint that an answer follows, and none does',
         CONNECTION_ERROR => qr/without an answer/, calls => { any => sub {
             octets($_[0], "HTTP/1.1 103 Early Hints\r\n\r\n");
             close_now();
         } });
    case('long', 'A record whose id is a megabyte long', '', undef,
         failed => 1, calls => { central_records => sub {
             my ($socket, $n) = @_;
             my $record = unit(1);
             $record->{recordId} = 'x' x 1_000_000;
             json($socket, { maxCursor => 1, data => $n ? [] : [$record] });
         } });
    case('twice', 'The same record many times', '', undef,
         calls => { central_records => sub {
             my ($socket, $n) = @_;
             my @same = map { { %{ unit(1) }, ID => $_ } } 1 .. 20;
             json($socket, { maxCursor => 20, data => $n ? [] : \@same });
         } });
}

sub compressions {
    my $zeros = Compress::Zlib::memGzip('{"data":[' . ' ' x BOMB . ']}');

    case('bomb', 'A small answer that unpacks to 32 megabytes',
         RESPONSE_TOO_LARGE => qr/larger than the 1048576 octets/,
         max_response => '1m', calls => {
             central_records => body($zeros, 'Content-Encoding: gzip') });
    case('unpack', 'Compression that is damaged', INVALID_RESPONSE =>
         qr/compressed in a damaged/,
         calls => { site => body('no gzip', 'Content-Encoding: gzip') });
    case('gzip-more', 'Compression with something behind its end',
         INVALID_RESPONSE => qr/compressed in a damaged/, calls => {
             site => body(Compress::Zlib::memGzip('{}') . 'rubbish',
                          'Content-Encoding: gzip') });
    case('gzip-cut', 'Compression that ends in the middle', INVALID_RESPONSE =>
         qr/is cut off: it came compressed, 11 octets from which nothing can/,
         calls => { site => body(substr(Compress::Zlib::memGzip(
             '{"id":"UUID","siteId":7,"name":"Clinic 7"}'), 0, 11),
             'Content-Encoding: gzip') });
}


sub refusals {
    case('site-name', 'Central knows no such site', SITE_NAME_NOT_FOUND =>
         qr/no site of this name/,
         calls => { site => refusal('site_name_not_found') });
    case('password', 'The password is wrong', INCORRECT_PASSWORD =>
         qr/password is wrong/,
         calls => { site => refusal('site_incorrect_password') });
    case('password-later', 'So it is of a site that was let in before',
         INCORRECT_PASSWORD => qr/let in before.* header Authorization/,
         runs => 2, calls => { site => sub {
             $_[1] ? refusal('site_incorrect_password')->(@_)
                   : json(@_[0, 3]) } });
    case('no-credentials', 'Central got no credentials', CENTRAL_ERROR =>
         qr/"no_auth".* takes the header Authorization out/, requests => 1,
         calls => { any => refusal('no_auth') });
    case('hardware', 'The site belongs to another machine',
         HARDWARE_ID_MISMATCH => qr/another machine/,
         calls => { site => refusal('site_incorrect_hardware_id') });
    case('no-store', 'The site has no store', SITE_HAS_NO_STORE =>
         qr/has no store/, calls => { site => refusal('site_has_no_store') });
    case('auth-timeout', 'The site signs in too often', SITE_AUTH_TIMEOUT =>
         qr/sign in again so soon/,
         calls => { site => refusal('site_auth_timeout') });
    case('version', 'Central speaks another version', API_VERSION_INCOMPATIBLE
         => qr/another version/,
         calls => { site => refusal('api_version_incompatible', 409) });
    case('other-error', 'Central reports an error of its own', CENTRAL_ERROR
         => qr/"disk_on_fire"/,
         calls => { site => refusal('disk_on_fire', 500) });
    case('other-site', 'The database belongs to another site',
         SITE_UUID_IS_BEING_CHANGED => qr/belongs to the site UUID-0/,
         runs => 2, calls => { site => sub {
             my ($socket, $n, $path, $usual) = @_;
             json($socket, { %$usual,
                             id => 'UUID-' . ($n > 0 ? 1 : 0) });
         } });
    case('no-v6', 'Central names no Open mSupply central',
         CENTRAL_V6_NOT_CONFIGURED => qr/names no Open mSupply/,
         calls => { site => sub {
             json($_[0], { %{ $_[3] },
                           omSupplyCentralServerUrl => '' }) } });
    case('v6-url', 'Central names an address that is none', INVALID_URL =>
         qr/corrected there/, calls => { site => sub {
             json($_[0], { %{ $_[3] },
                           omSupplyCentralServerUrl => 'central' }) } });
    case('v6-502', 'HTTP status 502 of Open mSupply central', HTTP_ERROR =>
         qr/Open mSupply central answered.*address comes from mSupply central/,
         calls => { pull => status(502) });
    case('v6-other', 'The Open mSupply server is not the central one',
         CENTRAL_V6_NOT_CONFIGURED => qr/not the central one/,
         calls => { pull => v6_error('notACentralServer') });
    case('v6-version', 'Open mSupply central speaks other versions',
         V6_API_VERSION_INCOMPATIBLE => qr/versions 6 to 9/,
         calls => { pull => v6_error({ syncVersionMismatch => [6, 9, 5] }) });
    case('v6-legacy', 'Open mSupply central cannot reach mSupply central',
         CONNECTION_ERROR => qr/cannot reach mSupply central/,
         calls => { pull => v6_error({ cannotConnectToLegacyServer =>
             'connection refused' }) });
    case('v6-password', 'Open mSupply central passes a refusal on',
         INCORRECT_PASSWORD => qr/password is wrong/,
         calls => { pull => v6_error({ otherServerError =>
             "Api error: code: 'SiteIncorrectPassword'" }) });
    case('v6-error', 'Open mSupply central has an error of its own',
         CENTRAL_ERROR => qr/"otherServerError"/,
         calls => { pull => v6_error({ otherServerError => 'database' }) });
    case('not-started', 'Central takes a push but does not integrate it',
         INTEGRATION_ERROR => qr/did not start to integrate/, runs => 2,
         calls => { site => sub {
             my ($socket, $n, $path, $usual) = @_;
             $usual->{initialisationStatus} = 'completed' if $n;
             json($socket, $usual);
         }, queued_records => sub {
             json($_[0], { queueLength => 0,
                           integrationStarted => JSON::PP::false() }) } });
}


sub progress {
    case('endless-central', 'Central records that never go on',
         INVALID_RESPONSE => qr/makes no progress/,
         calls => { central_records => sub {
             json($_[0], { maxCursor => 9, data => [unit(1)] }) } });
    case('endless-remote', 'A queue that comes again and again',
         INVALID_RESPONSE => qr/makes no progress.* a cache on the way/,
         calls => { queued_records => sub {
             json($_[0], { queueLength => 1,
                           data => [{ %{ unit(1) }, syncOutId => 'A' }] })
         } });
    case('unheard-remote', 'A web page in place of an acknowledgement',
         INVALID_RESPONSE => qr/web page .* \(captive portal\)/,
         calls => { acknowledged_records => body('<!DOCTYPE html>'),
                    queued_records => sub {
             json($_[0], { queueLength => 1,
                           data => [{ %{ unit(1) }, syncOutId => 'A' }] })
         } });
    case('endless-v6', 'Open mSupply central promises more and sends nothing',
         INVALID_RESPONSE => qr/makes no progress/, calls => { pull => sub {
             json($_[0], { data => { end_cursor => $_[1] + 1,
                 total_records => 5, is_last_batch => JSON::PP::false(),
                 records => [] } }) } });
    case('backwards', 'A cursor that goes backwards', INVALID_RESPONSE =>
         qr/makes no progress/, calls => { pull => sub {
             my ($cursor, %record) = ($_[1] ? 3 : 50, %{ unit(1) });
             delete $record{ID};
             json($_[0], { data => { end_cursor => $cursor,
                 total_records => 5, is_last_batch => JSON::PP::false(),
                 records => $_[1] ? [{ record => \%record }] : [] } }) } });
    case('no-cursor', 'A cursor that no machine can count to',
         INVALID_RESPONSE => qr/no whole number/,
         calls => { central_records => body('{"maxCursor":1e400}') });
    case('no-cursor-v6', 'Such a one of Open mSupply central',
         INVALID_RESPONSE => qr/no whole number/, calls => { pull => body(
             '{"data":{"end_cursor":1180591620717411303424,'
             . '"total_records":0,"is_last_batch":true,"records":[]}}') });
    case('restored', 'Central has less than it had (a restored backup)',
         CENTRAL_RESTORED => qr/up to 5 only, it had 100/, runs => 2,
         calls => { central_records => sub {
             my ($socket, $n) = @_;
             json($socket, { maxCursor => $n < 2 ? 100 : 5,
                             data => $n ? [] : [unit(100)] });
         } });
    case('restored-v6', 'So has Open mSupply central', CENTRAL_RESTORED =>
         qr/up to 5 only, it had 100/, runs => 2, calls => { pull => sub {
             my ($socket, $n) = @_;
             my ($cursor, %record) = (100, %{ unit(1) });
             delete $record{ID};
             json($socket, { data => { end_cursor => $n ? 5 : $cursor,
                 total_records => $n ? 0 : 1, is_last_batch => JSON::PP::true(),
                 records => $n ? []
                     : [{ cursor => $cursor, record => \%record }] } });
         } });
}


# What is neither the network's nor central's fault.
sub ends {
    case('damaged', 'The file is not a database', DATABASE_ERROR => qr/./,
         file => ['no database at all' x 100, 0660]);
    case('read-only', 'The database cannot be written', DATABASE_ERROR =>
         qr/./, file => ['', 0444]) if $> == 0;
    case('older', 'A backup of the database was put back', DATABASE_ERROR =>
         qr/a backup was restored/, prepare => \&a_backup_of_before);
    case('full', 'The disk is full', DISK_FULL => qr/full/,
         faults => { MSYNC_FAULT => 'full-write 40' });
    case('cancelled', 'Somebody cancels', CANCELLED => qr/cancelled/,
         calls => { any => \&hang }, during => sub {
             $nginx->post('/cancelled/cancel') });
    case('stopped', 'The helper is killed', HELPER_STOPPED => qr/./,
         calls => { any => \&hang }, during => \&kill_helper);
}


# Notes when it was so slow that the site was right to give it up.
sub drops {
    my ($socket) = @_;

    my $last = time;
    octets($socket, "HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n");

    for (1 .. 100) {
        sleep 0.1;
        octets($socket, ' ') or close_now();

        my $now = time;
        put(site_path('too-slow'), $now - $last) if $now - $last >= DROPS;
        $last = $now;
    }
}


# The case of the drops again, a few times, where they have not come in time.
sub drops_in_time {
    for my $run (2 .. 6) {
        return if !-e site_path('too-slow');

        unlink site_path('too-slow');
        $nginx->post('/slow/trigger');
        wait_until(sub { ended('slow', $run) }, 60);
    }
}


# A proxy that says one thing.
sub proxy {
    my ($line) = @_;

    my $listen = listen_here();
    my $pid = fork() // die "fork: $!";

    if ($pid == 0) {
        while (my $socket = $listen->accept) {
            sysread $socket, my $request, 65536;
            octets($socket, $line =~ /^HTTP.*(?<!\n)\z/s && $line !~ /<html/
                   ? "$line\r\nContent-Length: 0\r\n\r\n" : $line);
        }
        POSIX::_exit(0);
    }

    push @servers, { pid => $pid };

    return 'http://127.0.0.1:' . $listen->sockport;
}


# One of SOCKS, without a sign-in, that answers each wish so.
sub socks {
    my ($answer) = @_;

    my $listen = listen_here();
    my $pid = fork() // die "fork: $!";

    if ($pid == 0) {
        while (my $socket = $listen->accept) {
            sysread $socket, my $request, 65536;
            octets($socket, "\x05\x00");
            sysread $socket, $request, 65536;
            octets($socket, $answer);
        }
        POSIX::_exit(0);
    }

    push @servers, { pid => $pid };

    return 'socks5h://127.0.0.1:' . $listen->sockport;
}


sub listen_here {
    return IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 20)
        // die "listen: $!";
}


# Where nobody of us must ever call.
sub listener {
    my $listen = listen_here();

    return { socket => $listen, port => $listen->sockport };
}


# ---- certificates ---------------------------------------------------------

# Parameters of a case whose server has such a certificate.
sub tls {
    my (%how) = @_;

    my $n = @servers;
    my $dir = stage_dir() . "/tls-$n";
    my ($key, $crt) = ("$dir/key", "$dir/crt");
    my $trusted = site_path("trusted-$n");
    my $san = $how{san} // 'IP:127.0.0.1';
    my $usage = $how{usage} // '';

    mkdir $dir;
    put("$dir/conf", <<"CONF");
[ca]
default_ca = d
[d]
database = $dir/index
new_certs_dir = $dir
serial = $dir/serial
default_md = sha256
policy = p
x509_extensions = x
[p]
commonName = supplied
[x]
subjectAltName = $san
$usage
[req]
distinguished_name = n
[n]
CONF
    put("$dir/index", '');
    put("$dir/serial", "01\n");

    openssl('req', '-new', '-newkey', @{ $how{key} // [qw(ec -pkeyopt
                ec_paramgen_curve:P-256)] }, '-nodes', '-subj', '/CN=central',
            '-config', "$dir/conf", '-keyout', $key, '-out', "$dir/csr");
    openssl('ca', '-batch', '-selfsign', '-notext', '-config', "$dir/conf",
            '-keyfile', $key, '-in', "$dir/csr", '-out', $crt,
            '-startdate', $how{from} // '20200101000000Z',
            '-enddate', $how{to} // '20900101000000Z');
    write_private("trusted-$n", slurp($crt));

    if ($how{page}) {
        mkdir $_ for "$dir/sync", "$dir/sync/v5";
        put("$dir/sync/v5/site", $how{page});
    }

    my $port = free_port();
    my $pid = fork() // die "fork: $!";

    if ($pid == 0) {
        open STDOUT, '>', '/dev/null';
        open STDERR, '>&', \*STDOUT;
        chdir $dir;
        exec 'openssl', 's_server', '-accept', "127.0.0.1:$port", '-cert',
            $crt, '-key', $key, $how{page} ? () : '-www',
            @{ $how{with} // [] } or POSIX::_exit(127);
    }

    push @servers, { pid => $pid };
    wait_until { IO::Socket::INET->new("127.0.0.1:$port") } 20
        or die 'openssl s_server does not start';

    return (
        url => ($how{scheme} // 'https') . "://127.0.0.1:$port",
        $how{untrusted} ? () : (ssl_trusted_certificate => $trusted),
    );
}


sub openssl {
    system(join(' ', 'openssl', map { "'$_'" } @_) . ' >/dev/null 2>&1') == 0
        or die "openssl @_: $?";
}

sub put {
    my ($path, $text) = @_;

    open my $fh, '>', $path or die "$path: $!";
    print {$fh} $text;
    close $fh;
}

sub slurp {
    my ($path) = @_;

    open my $fh, '<', $path or return '';
    local $/;
    return <$fh>;
}


# ---- running them, all at once ----------------------------------------------

sub name_of { $_[0] =~ tr/-/_/r }

sub all_sites {
    my ($http, $server, $new) = ('', '', new_database());

    $odd = Msync::Odd->start(map { $_ => $case{$_}{calls} // {} } @order);

    for my $name (grep { !$case{$_}{faults} } @order) {
        my $c = $case{$name};
        my $site = name_of($name);
        my %set = map { $_ => ref $c->{$_} ? $c->{$_}->() : $c->{$_} }
            grep { defined $c->{$_} } qw(url proxy connect_timeout
                read_timeout batch_size max_response
                ssl_trusted_certificate protocol);

        if (my $file = $c->{file}) {
            write_private("$site.sqlite", $file->[0]);
            chown 0, 0, site_path("$site.sqlite") if $file->[1] == 0444;
            chmod $file->[1], site_path("$site.sqlite");

        } else {
            copy($new, site_path("$site.sqlite")) or die "copy: $!";
            give(site_path("$site.sqlite"), 0660);
            $c->{prepare}->($site) if $c->{prepare};
        }

        $set{url} //= $odd->url . "/$name";
        $http .= site_config($site, helper => $ENV{TEST_NGINX_MSYNC},
            username => "\"$name\"", password_sha256 => HASH,
            interval => 0, zone => '64k', connect_timeout => '5s', %set);
        $server .= "location /$name/ { msync $site; }\n";
    }

    return start_nginx(workers => 1, http => $http, server => $server);
}


# It has moved something once; what is beside it has seen that twice.
sub a_backup_of_before {
    my ($site) = @_;

    sqlite(site_path("$site.sqlite"), map {
        "REPLACE INTO key_value_store (id, value_string) VALUES ($_)"
    } q{'MSYNC_SITE', 'initialised'}, q{'MSYNC_MOVED', '1 1'});
    write_private("$site.sqlite.lock",
                  sprintf "%s%019d %019d\n", "\n" x 11, 1, 2);
}


# To make one takes a helper longer than all else that it does here.
sub new_database {
    my $path = site_path('new.sqlite');
    my $helper = Msync::Helper->start(site => 'new', database => $path,
                                      interval => 0);

    $helper->wait_status(sub { /\S/ }) or die 'no helper has reported';
    $helper->stop;

    return $path;
}


sub status_of {
    my ($name) = @_;

    return $nginx->status("/$name");
}


sub run_all {
    my @sites = grep { !$case{$_}{faults} && !$case{$_}{file} } @order;

    wait_until(sub { !grep { (status_of($_) // {})->{state} !~
        /pre_initialisation|error/ } @sites }, 60) or diag('not all are ready');

    for my $run (1, 2) {
        my @now = grep { ($case{$_}{runs} // 1) >= $run } @sites;

        for my $name (@now) {
            my $answer = $nginx->post("/$name/trigger");
            diag("$name: $answer->{status}") if $answer->{status} != 202;
        }

        for my $name (grep { $case{$_}{during} } @now) {
            wait_until(sub { status_of($name)->{syncStatus}{isSyncing}
                             && $odd->seen($name) }, 30);
            $case{$name}{during}->();
        }

        for my $name (@now) {
            my $done = wait_until(sub { ended($name, $run) }, 60);
            diag("$name has not ended") if !$done;
        }
    }

    drops_in_time();
    run_with_faults($_) for grep { $case{$_}{faults} } @order;
}


# The run before has left its own document: the number counts.
sub ended {
    my ($name, $run) = @_;

    my $runs = $nginx->runs_ended(name_of($name), "/$name");
    my $doc = $case{$name}{doc} = status_of($name) // return 0;
    my $sync = $doc->{syncStatus} // return 0;

    return was_stopped($name) if $name eq 'stopped';
    return 0 if $sync->{isSyncing} || !$sync->{summary}{finished};

    return $runs >= $run;
}


# The next helper goes on with the run; what happened is in the history.
sub was_stopped {
    my ($name) = @_;

    my $runs = $nginx->get("/$name/history")->{json}{runs};
    my ($run) = grep { $_->{error} } @$runs;

    $case{$name}{doc}{syncStatus} = $run if $run;
    return defined $run;
}


sub kill_helper {
    my $path = site_path('stopped.sqlite.lock');
    my ($pid) = slurp($path) =~ /(\d+)/;

    kill KILL => $pid if $pid;
}


# One run of the helper with fault points, on the command line.
sub run_with_faults {
    my ($name) = @_;

    local %ENV = (%ENV, %{ $case{$name}{faults} });
    my $command = join ' ', map { "'$_'" } $ENV{TEST_NGINX_MSYNC_FAULTS},
        '--database', site_path("$name.sqlite"), '--url',
        $odd->url . "/$name", '--username', $name, '--password-file',
        write_private('faults-password', "secret\n"), 'sync';
    my $said = `$command 2>&1`;
    my ($variant, $text) = $said =~ /msync: ([A-Z_]+): (.*)\n/s;

    $case{$name}{doc} = { syncStatus => { error => {
        variant => $variant, fullError => $text } } };
}


# ---- judging ----------------------------------------------------------------

sub judge {
    for my $name (@order) {
        my $c = $case{$name};
        my $doc = $c->{doc} // status_of($name);
        my $error = $doc->{syncStatus}{error} // {};

        $c->{seen} = $error;
        subtest "$name: $c->{what}" => sub { judge_one($name, $c, $doc) };
        unlike(Msync::Test::encode_json($doc), qr/${\HASH}/,
               "$name: no secret is in the status");
    }
}


sub judge_one {
    my ($name, $c, $doc) = @_;

    my $error = $c->{seen};

    if (defined $c->{variant} && $c->{variant} eq '') {
        is($doc->{syncStatus}{error}, undef, 'it goes on')
            or diag(explain($error));
        is($doc->{integrationErrors}, $c->{failed} // 0, 'failed records');
        return;
    }

    my %allowed = map { $_ => 1 } grep { defined } $c->{variant},
        split ' ', $c->{variants} // '';

    ok($allowed{ $error->{variant} // '' }, 'the variant')
        or diag(explain($doc));
    like($error->{fullError}, $c->{says}, 'the cause');
    like($error->{fullError}, qr/\.\s\S.*\w{3,}.*\.$|\.$/, 'and advice');
    is($odd->seen($name), $c->{requests}, 'requests') if $c->{requests};
}


sub credentials_stay_here {
    my $select = IO::Select->new($elsewhere->{socket});

    ok(!$select->can_read(0), 'nobody has called the other server');
}


# What depends on the machine and the day.
sub plain {
    my ($text) = @_;

    $text =~ s/127\.0\.0\.1:\d+/central.example.org/g;
    $text =~ s/localhost:\d+/login.example.net/g;
    $text =~ s/(?<=it says )[-\d]{10} [:\d]{5} UTC/2020-01-01 00:00 UTC/g;
    $text =~ s{\Q${\site_path('')}\E}{/var/lib/msync/}g;
    $text =~ s/\|/\\|/g;

    return $text;
}


sub the_table_is_in_the_docs {
    my $table = <<'HEAD';
# What can go wrong, and what is said

`make docs` writes this page: it is what `t/030-variants.t` has seen when
it provoked each fault. A variant is what other programs read; the text is
what an administrator reads: the cause, then what to do.

| fault | variant | text |
| --- | --- | --- |
HEAD

    for my $name (@order) {
        my $c = $case{$name};
        my $error = $c->{seen};

        # these differ from one resolver or TLS library to another
        next if $c->{variants};

        $table .= "| $c->{what} | " . ($error->{variant}
            ? "`$error->{variant}` | " . plain($error->{fullError})
            : '| ' . ($c->{failed} ? 'The record is kept and reported; the '
                                     . 'others go on.' : 'Goes on by itself.')
            ) . " |\n";
    }

    if ($ENV{MSYNC_DOCS_WRITE}) {
        put(TABLE, $table);
    }

    is(slurp(TABLE), $table, 'docs/variants.md is what was seen '
       . '("make docs" writes it)');
}
