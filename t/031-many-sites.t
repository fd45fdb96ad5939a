# Fifty sites in one nginx, each for itself: neither a central server that
# hangs nor a broken database of one delays another.

use strict;
use warnings;

use IO::Socket::INET ();
use Msync::Test qw(
    site_config site_path start_central start_nginx wait_until
    write_private
);
use Msync::Life qw(ends_well helpers);
use Test::More;

use constant PASSWORD => 'correct horse battery';

my $central = start_central(password => PASSWORD, records => 600);

# Takes connections, and then says nothing.
my $silent = IO::Socket::INET->new(
    LocalAddr => '127.0.0.1', LocalPort => 0, Listen => 16,
) or die "cannot listen: $!";

write_private('password', PASSWORD . "\n");
write_private("$_.sqlite", 'no database at all, ' x 1000)
    for qw(broken lost);

my @plain = map { "site$_" } 1 .. 46;
my %settings = (
    username      => '"Clinic 7"',
    password_file => site_path('password'),
    interval      => 0,
);
my %extra = (
    good    => { %settings, url => $central->url },
    hanging => { %settings,
                 url => 'http://127.0.0.1:' . $silent->sockport },
    broken  => { %settings, url => $central->url, interval => '120s' },
    lost    => { interval => 0 },
);
my @names = (@plain, sort keys %extra);

my $nginx = start_nginx(
    workers => 2,
    http    => join('', map {
        site_config($_, helper => $ENV{TEST_NGINX_MSYNC},
                    %{ $extra{$_} // {} })
    } @names),
    server  => join("\n", map { "location /$_/ { msync $_; }" } @names)
        . 'location = /metrics { msync_metrics; }',
);

each_site_reports();
the_broken_one_says_so();
one_syncs_while_another_hangs();
settings_are_checked_one_by_one();
reload_with_all_of_them();

ends_well($nginx);
done_testing();


sub each_site_reports {
    my @silent = grep {
        !$nginx->wait_status(sub { $_->{state} eq 'pre_initialisation' },
                             api => "/$_")
    } @plain, 'good', 'hanging';

    is("@silent", '', 'all but the broken ones report');

    my @wrong = grep { $nginx->status("/$_")->{site} ne $_ } @names;
    is("@wrong", '', 'each is served its own status');
}


sub the_broken_one_says_so {
    ok($nginx->wait_status(sub {
        my $error = $_->{error} // $_->{syncStatus}{error};
        return $error
            && $error->{variant} =~ /^(?:DATABASE_ERROR|HELPER_STOPPED)$/;
    }, api => '/broken'), 'a broken database is told of');

    ok($nginx->logged(qr/\[(?:warn|error)\].*msync broken: .*broken\.sqlite/),
       'in the log, too');

    my $before = $nginx->status('/broken');
    is($before->{intervalSeconds}, 120, 'what nginx.conf says is known');

    my $answer = $nginx->request(PUT => '/broken/settings',
                                 content => '{"intervalSeconds": 60}');
    is($answer->{status}, 503, 'its settings cannot be saved');
    is($answer->{json}{error}{variant}, 'DATABASE_ERROR', 'and that is why');
    like($answer->{headers}{'retry-after'}, qr/^[1-9]\d*$/,
         'with Retry-After');

    # That was when it was tried once more.
    is_deeply($nginx->status('/broken'), $before,
              'the same error is no news');

    is($nginx->post("/$_/trigger")->{status}, 202,
       "a trigger waits for the database of $_") for qw(broken lost);
}


sub one_syncs_while_another_hangs {
    is($nginx->post("/$_/trigger")->{status}, 202, "a trigger for $_")
        for qw(hanging good);

    $nginx->wait_status(sub { $_->{syncStatus}{isSyncing} },
                        api => '/hanging');

    ok($nginx->wait_status(sub {
        $_->{state} eq 'idle' && $_->{initialisationStatus} eq 'INITIALISED'
    }, api => '/good', seconds => 120), 'one site has its first sync');

    ok($nginx->status('/hanging')->{syncStatus}{isSyncing},
       'while another waits for its central server');

    my @wrong = grep {
        $nginx->status("/$_")->{state} ne 'pre_initialisation'
    } @plain;
    is("@wrong", '', 'and the others are as before');
}


sub settings_are_checked_one_by_one {
    my $body = '{"url": "http://127.0.0.1:' . $silent->sockport
        . '", "username": "x", "password": "y"}';

    my $waiting = $nginx->open_request("POST /site1/test HTTP/1.0\r\n"
        . "Content-Length: @{[length $body]}\r\n\r\n$body");

    my $answer = $nginx->post('/site2/test', content => {
        url => $central->url, username => 'Clinic 7', password => PASSWORD,
    });
    is($answer->{json}{siteName}, 'Clinic 7',
       'a question to one central is not kept by another');
    is($waiting->bytes, '', 'that hangs');
    $waiting->close;
}


sub reload_with_all_of_them {
    my %old = map { $_ => 1 } helpers();

    ok($nginx->reload, 'reload');

    my @silent = grep {
        !$nginx->wait_status(sub { $_->{state} eq 'pre_initialisation' },
                             api => "/$_")
    } @plain;
    is("@silent", '', 'all report again');

    ok(wait_until(sub { !grep { $old{$_} } helpers() }),
       'the helpers of before have gone, also the one that waited');
}
