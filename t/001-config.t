# Every parameter of a msync_site block and every directive, good and bad.
# What is wrong is refused, and the message names the directive, the file and
# the line: the block's user file is where the wrong line stands.

use Msync::Test qw(set_defaults write_private);
use Msync::Fake;
use Test::Nginx::Socket 'no_plan';

$ENV{TEST_NGINX_HTML_DIR} = html_dir();
$ENV{TEST_NGINX_PASSWORD_FILE} = write_private('password', "secret\n");
$ENV{TEST_NGINX_SHA256} = '2bb80d537b1da3e38bd30361aa855686'
    . 'bde0eacd7162fef6a25fe97bf527a25b';

Msync::Fake->start_with(mute => 1);
log_level('notice');

add_block_preprocessor(sub {
    my ($block) = @_;

    my %default = (
        http_config => 'include $TEST_NGINX_HTML_DIR/site.conf;',
        config      => '',
        request     => 'GET /',
    );

    # A message is expected where nginx must not start.
    if (defined $block->error_log) {
        @default{qw(must_die suppress_stderr)} = ('', '');
        $default{no_error_log} = '[alert]';

    } else {
        $default{no_error_log} = "[alert]\n[emerg]\n[error]\n[warn]\n";
    }

    set_defaults($block, %default);
});

run_tests();

__DATA__

=== TEST 1: a database is all that a site needs
--- user_files
>>> site.conf
msync_site clinic {
    database $TEST_NGINX_SITE_DIR/clinic.sqlite;
}
--- config
    location /api/ { msync clinic; }
--- request
GET /api/status
--- response_body_like: "site": ?"clinic"
--- no_error_log
[alert]
[emerg]



=== TEST 2: every parameter
--- user_files
>>> tables.json
[]
>>> ca.pem
>>> site.conf
msync_site clinic {
    zone             512k;
    database         $TEST_NGINX_SITE_DIR/clinic.sqlite;
    url              https://central.example.org;
    username         "Clinic 7";
    password_file    $TEST_NGINX_PASSWORD_FILE;
    interval         300s;
    batch_size       push=1024 remote_pull=500 central_pull=500;
    tables           $TEST_NGINX_HTML_DIR/tables.json;
    connect_timeout  10s;
    read_timeout     300s;
    ssl_verify       on;
    ssl_trusted_certificate $TEST_NGINX_HTML_DIR/ca.pem;
    proxy            http://proxy.example.org:3128;
    max_response     64m;
    limit_rate       0;
    hardware_id      Board-7.a;
    protocol         auto;
    changelog_keep   90d;
    helper           $TEST_NGINX_FAKE_HELPER;
}



=== TEST 3: other forms of the same values
--- user_files
>>> site.conf
msync_site clinic {
    zone             1m;
    database         clinic.sqlite;
    url              http://127.0.0.1:8000/central/;
    username         Dispensário;
    password_sha256  $TEST_NGINX_SHA256;
    interval         0;
    batch_size       push=1;
    connect_timeout  500ms;
    read_timeout     1h;
    ssl_verify       off;
    proxy            socks5://127.0.0.1:1080;
    max_response     1g;
    limit_rate       20k;
    hardware_id_file hardware-id;
    protocol         v6;
    changelog_keep   0;
    helper           $TEST_NGINX_FAKE_HELPER;
}



=== TEST 4: several sites
--- user_files
>>> site.conf
msync_site clinic {
    database $TEST_NGINX_SITE_DIR/clinic.sqlite;
    helper   $TEST_NGINX_FAKE_HELPER;
}
msync_site hospital {
    database $TEST_NGINX_SITE_DIR/hospital.sqlite;
    helper   $TEST_NGINX_FAKE_HELPER;
}
--- config
    location /clinic/   { msync clinic; }
    location /hospital/ { msync hospital; }
--- request eval
["GET /clinic/status", "GET /hospital/status"]
--- response_body_like eval
["\"site\": ?\"clinic\"", "\"site\": ?\"hospital\""]



=== TEST 5: parameters may come from another file
--- user_files
>>> common.conf
database $TEST_NGINX_SITE_DIR/clinic.sqlite;
helper   $TEST_NGINX_FAKE_HELPER;
>>> site.conf
msync_site clinic {
    include $TEST_NGINX_HTML_DIR/common.conf;
}



=== TEST 6: a site without a database
--- user_files
>>> site.conf
msync_site clinic {
    interval 300s;
}
--- error_log eval
qr/\[emerg\] .*"database".* in \S+\/site\.conf:3$/



=== TEST 7: an empty database
--- user_files
>>> site.conf
msync_site clinic {
    database "";
}
--- error_log eval
qr/\[emerg\] .*"database".* in \S+\/site\.conf:2$/



=== TEST 8: a parameter that does not exist
--- user_files
>>> site.conf
msync_site clinic {
    database clinic.sqlite;
    colour   red;
}
--- error_log eval
qr/\[emerg\] .*"colour".* in \S+\/site\.conf:3$/



=== TEST 9: a parameter twice
--- user_files
>>> site.conf
msync_site clinic {
    database clinic.sqlite;
    interval 1m;
    interval 2m;
}
--- error_log eval
qr/\[emerg\] .*"interval" directive is duplicate in \S+\/site\.conf:4$/



=== TEST 10: a parameter without a value
--- user_files
>>> site.conf
msync_site clinic {
    database;
}
--- error_log eval
qr/\[emerg\] .*number of arguments in "database".* in \S+\/site\.conf:2$/



=== TEST 11: a parameter with too many values
--- user_files
>>> site.conf
msync_site clinic {
    username Clinic 7;
}
--- error_log eval
qr/\[emerg\] .*number of arguments in "username".* in \S+\/site\.conf:2$/



=== TEST 12: a block without a name
--- user_files
>>> site.conf
msync_site {
    database clinic.sqlite;
}
--- error_log eval
qr/\[emerg\] .*number of arguments in "msync_site".* in \S+\/site\.conf:1$/



=== TEST 13: a name that no variable can carry
--- user_files
>>> site.conf
msync_site "clinic 7" {
    database clinic.sqlite;
}
--- error_log eval
qr/\[emerg\] .*msync_site.* in \S+\/site\.conf:1$/



=== TEST 14: a second site of the same name
--- user_files
>>> site.conf
msync_site clinic { database clinic.sqlite; }
msync_site clinic { database other.sqlite; }
--- error_log eval
qr/\[emerg\] .*msync_site.*"clinic".* in \S+\/site\.conf:2$/



=== TEST 15: two sites with one database
--- user_files
>>> site.conf
msync_site clinic   { database clinic.sqlite; }
msync_site hospital { database clinic.sqlite; }
--- error_log eval
qr/\[emerg\] .*"database".* in \S+\/site\.conf:2$/



=== TEST 16: two sites with one database under two names
--- user_files
>>> clinic.sqlite
>>> site.conf
msync_site clinic   { database $TEST_NGINX_HTML_DIR/clinic.sqlite; }
msync_site hospital { database $TEST_NGINX_HTML_DIR/./clinic.sqlite; }
--- error_log eval
qr/\[emerg\] .*"database".* in \S+\/site\.conf:2$/



=== TEST 17: a zone whose size is no size
--- user_files
>>> site.conf
msync_site clinic {
    zone big;
}
--- error_log eval
qr/\[emerg\] .*"zone".* in \S+\/site\.conf:2$/



=== TEST 18: a zone that is too small
--- user_files
>>> site.conf
msync_site clinic {
    zone 4k;
}
--- error_log eval
qr/\[emerg\] .*"zone".* in \S+\/site\.conf:2$/



=== TEST 19: a url of another scheme
--- user_files
>>> site.conf
msync_site clinic {
    url ftp://central.example.org;
}
--- error_log eval
qr/\[emerg\] .*"url".* in \S+\/site\.conf:2$/



=== TEST 20: a url without a scheme
--- user_files
>>> site.conf
msync_site clinic {
    url central.example.org;
}
--- error_log eval
qr/\[emerg\] .*"url".* in \S+\/site\.conf:2$/



=== TEST 21: a url without a host
--- user_files
>>> site.conf
msync_site clinic {
    url https:///sync;
}
--- error_log eval
qr/\[emerg\] .*"url".* in \S+\/site\.conf:2$/



=== TEST 22: a url whose port is no port
--- user_files
>>> site.conf
msync_site clinic {
    url https://central.example.org:99999;
}
--- error_log eval
qr/\[emerg\] .*"url".* in \S+\/site\.conf:2$/



=== TEST 23: an empty username
--- user_files
>>> site.conf
msync_site clinic {
    username "";
}
--- error_log eval
qr/\[emerg\] .*"username".* in \S+\/site\.conf:2$/



=== TEST 24: a hash that is too short
--- user_files
>>> site.conf
msync_site clinic {
    password_sha256 abcdef;
}
--- error_log eval
qr/\[emerg\] .*"password_sha256".* in \S+\/site\.conf:2$/



=== TEST 25: a hash with other letters is not repeated in the log
--- user_files
>>> site.conf
msync_site clinic {
    password_sha256 zzzzzzzz$TEST_NGINX_SHA256;
}
--- error_log eval
qr/\[emerg\] .*"password_sha256".* in \S+\/site\.conf:2$/
--- no_error_log
zzzz
[alert]



=== TEST 26: a password twice over
--- user_files
>>> site.conf
msync_site clinic {
    database        clinic.sqlite;
    password_file   $TEST_NGINX_PASSWORD_FILE;
    password_sha256 $TEST_NGINX_SHA256;
}
--- error_log eval
qr/\[emerg\] .*"password_\w+".* in \S+\/site\.conf:\d$/



=== TEST 27: an interval that is no time
--- user_files
>>> site.conf
msync_site clinic {
    interval often;
}
--- error_log eval
qr/\[emerg\] .*"interval".* in \S+\/site\.conf:2$/



=== TEST 28: a negative interval
--- user_files
>>> site.conf
msync_site clinic {
    interval -5s;
}
--- error_log eval
qr/\[emerg\] .*"interval".* in \S+\/site\.conf:2$/



=== TEST 29: a batch size of nothing
--- user_files
>>> site.conf
msync_site clinic {
    batch_size push=0;
}
--- error_log eval
qr/\[emerg\] .*"batch_size".* in \S+\/site\.conf:2$/



=== TEST 30: a batch size that is no number
--- user_files
>>> site.conf
msync_site clinic {
    batch_size push=100 remote_pull=many;
}
--- error_log eval
qr/\[emerg\] .*"batch_size".* in \S+\/site\.conf:2$/



=== TEST 31: a batch size of something else
--- user_files
>>> site.conf
msync_site clinic {
    batch_size pull=500;
}
--- error_log eval
qr/\[emerg\] .*"batch_size".* in \S+\/site\.conf:2$/



=== TEST 32: a batch size twice
--- user_files
>>> site.conf
msync_site clinic {
    batch_size push=100 push=200;
}
--- error_log eval
qr/\[emerg\] .*"batch_size".* in \S+\/site\.conf:2$/



=== TEST 33: a connect timeout that is no time
--- user_files
>>> site.conf
msync_site clinic {
    connect_timeout soon;
}
--- error_log eval
qr/\[emerg\] .*"connect_timeout".* in \S+\/site\.conf:2$/



=== TEST 34: no time at all to connect
--- user_files
>>> site.conf
msync_site clinic {
    connect_timeout 0;
}
--- error_log eval
qr/\[emerg\] .*"connect_timeout".* in \S+\/site\.conf:2$/



=== TEST 35: a read timeout that is no time
--- user_files
>>> site.conf
msync_site clinic {
    read_timeout 5x;
}
--- error_log eval
qr/\[emerg\] .*"read_timeout".* in \S+\/site\.conf:2$/



=== TEST 36: a flag is on or off
--- user_files
>>> site.conf
msync_site clinic {
    ssl_verify maybe;
}
--- error_log eval
qr/\[emerg\] .*"ssl_verify".* in \S+\/site\.conf:2$/



=== TEST 37: a proxy of another scheme
--- user_files
>>> site.conf
msync_site clinic {
    proxy ftp://proxy.example.org;
}
--- error_log eval
qr/\[emerg\] .*"proxy".* in \S+\/site\.conf:2$/



=== TEST 38: a proxy without a host
--- user_files
>>> site.conf
msync_site clinic {
    proxy http://:3128;
}
--- error_log eval
qr/\[emerg\] .*"proxy".* in \S+\/site\.conf:2$/



=== TEST 39: a limit that is no size
--- user_files
>>> site.conf
msync_site clinic {
    max_response huge;
}
--- error_log eval
qr/\[emerg\] .*"max_response".* in \S+\/site\.conf:2$/



=== TEST 40: a limit that no answer can keep
--- user_files
>>> site.conf
msync_site clinic {
    max_response 0;
}
--- error_log eval
qr/\[emerg\] .*"max_response".* in \S+\/site\.conf:2$/



=== TEST 41: a rate that is no size
--- user_files
>>> site.conf
msync_site clinic {
    limit_rate 10kb/s;
}
--- error_log eval
qr/\[emerg\] .*"limit_rate".* in \S+\/site\.conf:2$/



=== TEST 42: an empty helper
--- user_files
>>> site.conf
msync_site clinic {
    helper "";
}
--- error_log eval
qr/\[emerg\] .*"helper".* in \S+\/site\.conf:2$/



=== TEST 43: an unknown site in msync
--- user_files
>>> site.conf
server {
    location /api/ { msync nowhere; }
}
--- error_log eval
qr/\[emerg\] .*"nowhere".*"msync" directive in \S+\/site\.conf:2$/



=== TEST 44: an unknown site in msync_status
--- user_files
>>> site.conf
server {
    location /api/ { msync_status nowhere; }
}
--- error_log eval
qr/\[emerg\] .*"nowhere".*"msync_status" directive in \S+\/site\.conf:2$/



=== TEST 45: an unknown site in msync_trigger
--- user_files
>>> site.conf
server {
    location /api/ { msync_trigger nowhere; }
}
--- error_log eval
qr/\[emerg\] .*"nowhere".*"msync_trigger" directive in \S+\/site\.conf:2$/



=== TEST 46: an unknown site in msync_events
--- user_files
>>> site.conf
server {
    location /api/ { msync_events nowhere; }
}
--- error_log eval
qr/\[emerg\] .*"nowhere".*"msync_events" directive in \S+\/site\.conf:2$/



=== TEST 47: an endpoint without a site
--- user_files
>>> site.conf
server {
    location /api/ { msync; }
}
--- error_log eval
qr/\[emerg\] .*number of arguments in "msync".* in \S+\/site\.conf:2$/



=== TEST 48: metrics are those of every site
--- user_files
>>> site.conf
server {
    location /metrics { msync_metrics clinic; }
}
--- error_log eval
qr/\[emerg\] .*number of arguments in "msync_metrics".* in \S+\/site\.conf:2$/



=== TEST 49: two endpoints in one location
--- user_files
>>> site.conf
msync_site clinic { database clinic.sqlite; }
server {
    location /api/ {
        msync_status clinic;
        msync_trigger clinic;
    }
}
--- error_log eval
qr/\[emerg\] .*"msync_trigger" directive is duplicate in \S+\/site\.conf:5$/



=== TEST 50: a site inside a server
--- user_files
>>> site.conf
server {
    msync_site clinic { database clinic.sqlite; }
}
--- error_log eval
qr/\[emerg\] .*"msync_site" directive is not allowed here in \S+\/site\.conf:2$/



=== TEST 51: an endpoint outside a location
--- user_files
>>> site.conf
msync clinic;
--- error_log eval
qr/\[emerg\] .*"msync" directive is not allowed here in \S+\/site\.conf:1$/



=== TEST 52: a parameter outside a site
--- user_files
>>> site.conf
database clinic.sqlite;
--- error_log eval
qr/\[emerg\] .*"database" directive is not allowed here in \S+\/site\.conf:1$/



=== TEST 53: a directive of nginx inside a site
--- user_files
>>> site.conf
msync_site clinic {
    sendfile on;
}
--- error_log eval
qr/\[emerg\] .*"sendfile" directive is not allowed here in \S+\/site\.conf:2$/



=== TEST 54: a block inside a site
--- user_files
>>> site.conf
msync_site clinic {
    msync_site hospital { database hospital.sqlite; }
}
--- error_log eval
qr/\[emerg\] .*"msync_site" directive is not allowed here in \S+\/site\.conf:2$/



=== TEST 55: a variable of an unknown site
--- user_files
>>> site.conf
msync_site clinic { database clinic.sqlite; }
server {
    location / { return 200 $msync_state_nowhere; }
}
--- error_log eval
qr/\[emerg\] .*msync_state_nowhere/



=== TEST 56: an interval beyond a year
--- user_files
>>> site.conf
msync_site clinic {
    interval 367d;
}
--- error_log eval
qr/\[emerg\] .*"interval".* in \S+\/site\.conf:2$/



=== TEST 57: a timeout beyond a day
--- user_files
>>> site.conf
msync_site clinic {
    read_timeout 25h;
}
--- error_log eval
qr/\[emerg\] .*"read_timeout".* in \S+\/site\.conf:2$/



=== TEST 58: a url with a query
--- user_files
>>> site.conf
msync_site clinic {
    url https://central.example.org/?a=b;
}
--- error_log eval
qr/\[emerg\] .*"url".* in \S+\/site\.conf:2$/



=== TEST 59: a url with a name and a password
--- user_files
>>> site.conf
msync_site clinic {
    url https://a:b@central.example.org;
}
--- error_log eval
qr/\[emerg\] .*"url".* in \S+\/site\.conf:2$/



=== TEST 60: a url with a space
--- user_files
>>> site.conf
msync_site clinic {
    url "https://central.example.org/a b";
}
--- error_log eval
qr/\[emerg\] .*"url".* in \S+\/site\.conf:2$/



=== TEST 61: a username with a colon, which HTTP cannot carry
--- user_files
>>> site.conf
msync_site clinic {
    username a:b;
}
--- error_log eval
qr/\[emerg\] .*"username".* in \S+\/site\.conf:2$/



=== TEST 62: a username that is not UTF-8
--- user_files eval
">>> site.conf
msync_site clinic {
    username Clinic\xff;
}
"
--- error_log eval
qr/\[emerg\] .*"username".* in \S+\/site\.conf:2$/



=== TEST 63: a batch size beyond what there is
--- user_files
>>> site.conf
msync_site clinic {
    batch_size push=100001;
}
--- error_log eval
qr/\[emerg\] .*"batch_size".* in \S+\/site\.conf:2$/



=== TEST 64: a proxy with a port that is none
--- user_files
>>> site.conf
msync_site clinic {
    proxy http://proxy.example.org:x;
}
--- error_log eval
qr/\[emerg\] .*"proxy".* in \S+\/site\.conf:2$/



=== TEST 65: a limit below any answer
--- user_files
>>> site.conf
msync_site clinic {
    max_response 1023;
}
--- error_log eval
qr/\[emerg\] .*"max_response".* in \S+\/site\.conf:2$/



=== TEST 66: an answer beyond what the helper takes
--- user_files
>>> site.conf
msync_site clinic {
    max_response 2g;
    database $TEST_NGINX_SITE_DIR/clinic.sqlite;
}
--- error_log eval
qr/\[emerg\] .*"max_response".* in \S+\/site\.conf:2$/



=== TEST 67: a rate beyond what the helper takes
--- user_files
>>> site.conf
msync_site clinic {
    limit_rate 2000g;
    database $TEST_NGINX_SITE_DIR/clinic.sqlite;
}
--- error_log eval
qr/\[emerg\] .*"limit_rate".* in \S+\/site\.conf:2$/



=== TEST 68: an id of the machine that no header can hold
--- user_files
>>> site.conf
msync_site clinic {
    hardware_id "two words";
    database $TEST_NGINX_SITE_DIR/clinic.sqlite;
}
--- error_log eval
qr/\[emerg\] .*"hardware_id".* in \S+\/site\.conf:2$/



=== TEST 69: an id of the machine that is too long
--- user_files
>>> site.conf
msync_site clinic {
    hardware_id 12345678901234567890123456789012345678901234567890123456789012345;
    database $TEST_NGINX_SITE_DIR/clinic.sqlite;
}
--- error_log eval
qr/\[emerg\] .*"hardware_id".* in \S+\/site\.conf:2$/



=== TEST 70: an unknown protocol
--- user_files
>>> site.conf
msync_site clinic {
    protocol v5;
    database $TEST_NGINX_SITE_DIR/clinic.sqlite;
}
--- error_log eval
qr/\[emerg\] .*"protocol".* in \S+\/site\.conf:2$/



=== TEST 71: a site that speaks sync v7
--- user_files
>>> site.conf
msync_site clinic {
    protocol v7;
    database $TEST_NGINX_SITE_DIR/clinic.sqlite;
    helper   $TEST_NGINX_FAKE_HELPER;
}



=== TEST 72: two protocols
--- user_files
>>> site.conf
msync_site clinic {
    protocol v6; protocol auto;
    database $TEST_NGINX_SITE_DIR/clinic.sqlite;
}
--- error_log eval
qr/\[emerg\] .*"protocol".* in \S+\/site\.conf:2$/



=== TEST 73: a changelog kept for too long
--- user_files
>>> site.conf
msync_site clinic {
    changelog_keep 3661d;
    database $TEST_NGINX_SITE_DIR/clinic.sqlite;
}
--- error_log eval
qr/\[emerg\] .*"changelog_keep".* in \S+\/site\.conf:2$/



=== TEST 74: a proxy of a kind that the helper does not have
--- user_files
>>> site.conf
msync_site clinic {
    proxy socks4://127.0.0.1:1080;
    database $TEST_NGINX_SITE_DIR/clinic.sqlite;
}
--- error_log eval
qr/\[emerg\] .*"proxy".* in \S+\/site\.conf:2$/



=== TEST 75: a proxy with a space
--- user_files
>>> site.conf
msync_site clinic {
    proxy "http://a b@127.0.0.1:1080";
    database $TEST_NGINX_SITE_DIR/clinic.sqlite;
}
--- error_log eval
qr/\[emerg\] .*"proxy".* in \S+\/site\.conf:2$/



=== TEST 76: a database whose name has a line feed
--- user_files
>>> site.conf
msync_site clinic {
    database "a\nb.sqlite";
    database $TEST_NGINX_SITE_DIR/clinic.sqlite;
}
--- error_log eval
qr/\[emerg\] .*"database".* in \S+\/site\.conf:2$/



=== TEST 77: two ids of the machine
--- user_files
>>> site.conf
msync_site clinic {
    database         $TEST_NGINX_SITE_DIR/clinic.sqlite;
    hardware_id      a;
    hardware_id_file b;
}
--- error_log eval
qr/\[emerg\] .*"hardware_id" and "hardware_id_file".* in \S+\/site\.conf:5$/



=== TEST 78: a username with half a character of UTF-16
--- user_files eval
">>> site.conf
msync_site clinic {
    username Clinic\xed\xa0\x80;
}
"
--- error_log eval
qr/\[emerg\] .*"username" directive is not UTF-8 in \S+\/site\.conf:2$/



=== TEST 79: two sites with one database in the root directory
--- user_files
>>> site.conf
msync_site clinic { database /msync-no-such.sqlite; }
msync_site hospital {
    database /msync-no-such.sqlite;
}
--- error_log eval
qr/\[emerg\] .*"database" "\/msync-no-such.*of site "hospital".*:4$/
