# Configurations that stand around a site in the field, each with a page, its
# status, its events and a press.

use strict;
use warnings;

use IO::Socket::INET ();
use IO::Socket::IP ();
use IO::Socket::UNIX ();
use Msync::Fake;
use Msync::Life qw(ends_well);
use Msync::Test qw(
    free_port project_root site_config site_path slurp start_nginx wait_until
);
use Test::More;

Msync::Fake->start_with(status => { state => 'idle', queue => 4 });

my $html = project_root() . '/html/';
my $base = site_path('app');
mkdir $base or die "$base: $!\n";

# as the README has them
my $page = join '', slurp(project_root() . '/README.md')
    =~ /^\h+(location\ (?:=|\^~|)\h*\/sync.*\n)/mgx;
$page =~ s{alias \S+;}{alias $html;};

# what stands in its http and its server, how a client reaches it
my %around = (
    'files of the application by their ends' => ['', <<"END"],
root $base;
location ~* \\.(?:js|css|json|html|yaml|svg)\$ { expires 30d; }
END
    'scripts of another language' => ['', <<"END"],
location ~ \\.php\$ { return 200 php; }
location ~ /\\. { deny all; }
END
    'whatever is not there leads to the application' => ['', <<"END"],
root $base;
error_page 404 /index.php;
location / { try_files \$uri \$uri/ \@app; }
location \@app { return 200 application; }
END
    'a page for each error' => ['', <<"END"],
error_page 400 403 404 405 409 500 502 503 504 /50x.html;
location = /50x.html { return 200 sorry; }
END
    'text is replaced in whatever is served' => ['', <<"END"],
sub_filter 'http://' 'https://';
sub_filter '</nav>' '<b></b></nav>';
sub_filter_types text/css application/javascript text/event-stream;
sub_filter_once off;
END
    'includes in whatever is served' => ['', 'ssi on;'],
    'compression of whatever is served' => ['gzip on; gzip_types *; '
        . 'gzip_proxied any; gzip_min_length 0; gunzip on;', ''],
    'another charset' => ['charset windows-1252; charset_types *;', ''],
    'headers of a guide to safety' => ['', <<"END"],
add_header X-Frame-Options DENY always;
add_header X-Content-Type-Options nosniff always;
add_header Content-Security-Policy "default-src 'self'" always;
add_header Referrer-Policy no-referrer always;
END
    'slashes as they come' => ['merge_slashes off;', ''],
    'one request a connection' => ['keepalive_requests 1;', ''],
    'no connection is kept' => ['keepalive_timeout 0; lingering_close always;',
                                ''],
    'no parts' => ['chunked_transfer_encoding off;', ''],
    'little patience' => ['send_timeout 1s; client_body_timeout 1s; '
        . 'reset_timedout_connection on; client_header_timeout 1s;', ''],
    'small buffers, and bodies in files' => ['client_body_buffer_size 16; '
        . 'client_body_in_file_only on; output_buffers 1 512; '
        . 'postpone_output 0; client_header_buffer_size 128;', ''],
    'large blocks from files' => ['sendfile on; directio 512; tcp_nopush on; '
        . 'open_file_cache max=100 inactive=20s;', ''],
    'a slow line' => ['', 'limit_rate 20k; limit_rate_after 1k;'],
    'as many connections as a page has' => [
        'limit_conn_zone $binary_remote_addr zone=c:64k;', 'limit_conn c 4;'],
    'conditions in the server' => ['', <<"END"],
if (-f $base/maintenance) { return 503; }
if (\$http_user_agent ~* bot) { return 403; }
set \$no_cache 0;
rewrite ^/old/(.*)\$ /sync/\$1 last;
END
    'no validators' => ['', 'etag off; if_modified_since off;'],
);

for my $name (sort keys %around) {
    my ($http, $server) = @{ $around{$name} };

    subtest $name => sub {
        my $nginx = start_nginx(
            workers => 2,
            http    => "include /etc/nginx/mime.types;\n"
                . site_config('clinic') . $http,
            server  => $page . $server,
        );

        is_reported_at($nginx);
        serves($nginx);
        ends_well($nginx);
    };
}

subtest 'ways in' => \&ways_in;

done_testing();


sub is_reported_at {
    my ($nginx) = @_;

    ok($nginx->wait_status(sub { $_->{state} eq 'idle' }, api => '/sync/api'),
       'the site is there');
}

# What a browser asks for, and how.
sub serves {
    my ($nginx) = @_;

    my $answer = $nginx->get('/sync');
    is($answer->{status}, 301, 'the page without its slash leads to it');
    $answer = $nginx->get('/sync/');
    is($answer->{status}, 200, 'the page');
    like($answer->{content}, qr/msync-panel/, '… as it is');
    unlike($answer->{content}, qr/[^\0-\x7f]/, '… in whatever charset');

    for my $file (qw(msync.js core.js msync.css lang/es.json)) {
        $answer = $nginx->get("/sync/$file");
        is($answer->{status}, 200, $file);
        like($answer->{headers}{'content-type'}, $file =~ /js$/
                ? qr{javascript} : $file =~ /css$/ ? qr{text/css}
                : qr{application/json}, '… its type');
    }

    $answer = $nginx->get('/sync/api/status');
    is($answer->{status}, 200, 'the status');
    is(($answer->{json} // {})->{numberOfRecordsInPushQueue}, 4, '… as it is')
        or diag(explain($answer));
    $answer = $nginx->get('/sync/api/openapi.yaml');
    is($answer->{status}, 200, 'the description');
    is($nginx->get('/sync/api/nothing')->{json}{error}{variant}, 'NOT_FOUND',
       'what is not there says so in JSON')
        or diag(explain($nginx->get('/sync/api/nothing')));
    is($nginx->post('/sync/api/trigger')->{status}, 202, 'a press');
    is($nginx->post('/sync/api/trigger', headers => {
           'Sec-Fetch-Site' => 'cross-site' })->{status}, 403,
       'but not from elsewhere');
    ok(settings_are_asked_of_the_helper($nginx), 'settings with a body');
    events_come($nginx);
}

sub settings_are_asked_of_the_helper {
    my ($nginx) = @_;

    my $fake = Msync::Fake->connect(site_path('clinic.sqlite'));
    $fake->answer(status => 200, body => { passwordSet => \1 });

    my $answer = $nginx->request(PUT => '/sync/api/settings', content =>
        '{"intervalSeconds": 300, "username": "' . 'x' x 300 . '"}');
    return $answer->{status} == 200 && $answer->{json}{passwordSet};
}

# The first one at once, and the next one when something changes.
sub events_come {
    my ($nginx) = @_;

    my $fake = Msync::Fake->connect(site_path('clinic.sqlite'));
    my $stream = $nginx->open_request(
        "GET /sync/api/events HTTP/1.1\r\nHost: localhost\r\n\r\n");

    for my $queue (4, 5) {
        $fake->status(state => 'idle', queue => $queue);
        ok(wait_until(sub {
               $stream->bytes =~ /"numberOfRecordsInPushQueue":$queue/ }),
           "an event of $queue");
    }

    $fake->status(state => 'idle', queue => 4);
    $stream->close;
}


# By whatever a server listens on, and wherever the locations stand.
sub ways_in {
    my ($socket, $inner) = (site_path('way.socket'), free_port());
    my ($proxied, $outer) = map { free_port() } 1 .. 2;
    my $nginx = start_nginx(
        workers => 1,
        http    => "include /etc/nginx/mime.types;\n" . site_config('clinic')
            . <<"END",
server { listen unix:$socket; $page }
server { listen [::1]:$inner ipv6only=on; $page }
server { listen 127.0.0.1:$proxied proxy_protocol; $page }
server {
    listen 127.0.0.1:$outer;
    port_in_redirect off;
    location /clinic/ {
        proxy_pass http://unix:$socket:/;
        proxy_http_version 1.1;
        proxy_set_header Host \$http_host;
    }
}
END
        server  => <<"END",
root $base;
location /farm/ {
    location ^~ /farm/sync/ {
        alias $html;
        index index.html;
        location ^~ /farm/sync/api/ { msync clinic; }
    }
    location ~ \\.js\$ { return 418; }
}
location /sync/api/ { msync clinic; }
END
    );

    is_reported_at($nginx);
    my %in = (
        'a socket of this machine' => sub {
            IO::Socket::UNIX->new(Peer => $socket) },
        'IPv6 alone' => sub {
            IO::Socket::IP->new(PeerHost => '::1', PeerPort => $inner) },
        'the protocol of a balancer' => sub {
            my $way = IO::Socket::INET->new("127.0.0.1:$proxied") // return;
            syswrite $way, "PROXY TCP4 192.0.2.1 192.0.2.2 5555 80\r\n";
            $way;
        },
        'a folder of another nginx' => sub {
            IO::Socket::INET->new("127.0.0.1:$outer") },
        'locations within locations' => sub {
            IO::Socket::INET->new('127.0.0.1:' . $nginx->port) },
    );
    my %folder = ('a folder of another nginx' => '/clinic',
                  'locations within locations' => '/farm');

    for my $name (sort keys %in) {
        my $folder = $folder{$name} // '';
        my $ask = sub { asked($in{$name}, "$folder/sync/$_[0]", $_[1]) };

        like($ask->('api/status'), qr{^HTTP/1.1 200 .*"state":"idle"}s,
             "$name: the status");
        like($ask->('core.js'), qr{^HTTP/1.1 200 .*javascript}s,
             "$name: the page");
        like($ask->('api/trigger', 'clinic.example.org'), qr{^HTTP/1.1 202 },
             "$name: a press");
        like($ask->('api/trigger', 'elsewhere.example.org'),
             qr{^HTTP/1.1 403 }, "$name: but not from elsewhere");
    }

    ends_well($nginx);
}

sub asked {
    my ($connect, $path, $origin) = @_;

    my $socket = $connect->() // return 'no connection';
    my $method = defined $origin ? 'POST' : 'GET';

    syswrite $socket, "$method $path HTTP/1.1\r\nHost: clinic.example.org\r\n"
        . (defined $origin ? "Origin: http://$origin\r\n" : '')
        . "Content-Length: 0\r\nConnection: close\r\n\r\n";

    return do { local $/; <$socket> } // '';
}
