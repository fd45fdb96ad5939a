# What operators watch: Prometheus of Debian scrapes a site that has synced and
# one that cannot; its tools take the metrics, the rules say what they are
# meant to, and each query of the dashboard and of the rules has a result.

use strict;
use warnings;

use Msync::Nginx;
use Msync::Test qw(
    decode_json free_port http project_root site_config slurp
    sqlite stage_dir start_central start_nginx wait_until write_file
    write_private
);
use POSIX ();
use Test::More;

plan(skip_all => 'no promtool: t/tools/deps operators installs it')
    if !grep { -x "$_/promtool" } split /:/, $ENV{PATH};

my $root = project_root();
my ($dashboard, $rules) = map { "$root/docs/$_" }
    qw(grafana/msync.json prometheus/msync.rules.yml);

my $central = start_central(password => 'secret', records => 60);
my $nginx = start_nginx(
    http   => site('clinic', $central->url) . site('broken',
                                                   'http://127.0.0.1:1'),
    server => 'location = /metrics { msync_metrics; }'
        . 'location /clinic/ { msync clinic; }'
        . 'location /broken/ { msync broken; }',
);

both_have_run();
promtool_takes_the_metrics();
a_disk_that_fills_is_told();
promtool_takes_the_rules();

my $port = free_port();
my $prometheus = start_prometheus();

more_runs();
every_family_is_known_with_its_unit();
every_query_has_a_result();

kill TERM => $prometheus;
waitpid $prometheus, 0;
ok($nginx->stop, 'nginx quits');
is(join('', $nginx->alarms), '', 'no alarm in the log');
done_testing();


sub site {
    my ($name, $url) = @_;

    return site_config($name,
        helper        => $ENV{TEST_NGINX_MSYNC},
        url           => $url,
        username      => '"Clinic 7"',
        password_file => write_private('password', "secret\n"),
        interval      => 0,
    );
}


sub run {
    my (@command) = @_;

    open my $fh, '-|', 'sh', '-c', 'exec "$0" "$@" 2>&1', @command
        or die "sh: $!\n";
    my $said = join '', <$fh>;
    close $fh;

    return ($? >> 8, $said);
}


sub both_have_run {
    for my $name (qw(clinic broken)) {
        $nginx->wait_status(sub { $_->{state} ne 'stopped' }, api => "/$name");
        $nginx->post("/$name/trigger");
    }

    ok($nginx->wait_status(sub { $_->{initialisationStatus} eq 'INITIALISED'
                                 && $_->{state} eq 'idle' },
                           api => '/clinic'), 'one site has synchronised');
    ok($nginx->wait_status(sub { $_->{state} eq 'error' }, api => '/broken'),
       'one cannot');
    return;
}


# curl and promtool accept anything, Prometheus names what it wants.
sub metrics_for {
    my ($accept) = @_;

    my $answer = $nginx->get('/metrics', headers => {
        defined $accept ? (Accept => $accept) : (),
    });
    is($answer->{headers}{vary}, 'Accept', 'who asks decides the format');

    return ($answer->{content}, $answer->{headers}{'content-type'});
}


# Between two runs, too.
sub a_disk_that_fills_is_told {
    my $disk = stage_dir() . '/disk';
    mkdir $disk or die "$disk: $!\n";

    SKIP: {
        my ($status, $said) = run(qw(mount -t tmpfs -o size=32m none), $disk);
        skip("no disk of its own: $said", 3) if $status;

        my $small = start_nginx(
            http   => site_config('small', helper => $ENV{TEST_NGINX_MSYNC},
                                  database => "$disk/small.sqlite"),
            server => 'location = /metrics { msync_metrics; }',
            user   => 'root',
        );
        my $gauge = sub {
            return $small->get('/metrics')->{content}
                =~ /^msync_disk_$_[0]_bytes\{site="small"\} (\d+)$/m ? $1 : -1;
        };

        ok(wait_until(sub { $gauge->('size') == 32 << 20 }),
           'the size of the disk is told');
        cmp_ok($gauge->('free'), '>', 16 << 20, 'and that most of it is free');

        write_file('disk/other', 'x' x (24 << 20));
        ok(wait_until(sub { $gauge->('free') < 8 << 20 }),
           'then that it is not');

        $small->stop;
        run('umount', $disk);
    }
    return;
}


sub promtool_takes_the_metrics {
    for my $accept ('*/*', 'text/plain;version=0.0.4') {
        my ($text, $type) = metrics_for($accept);
        like($type, qr{^text/plain; version=0\.0\.4}, "for $accept: $type");

        my $file = write_file('metrics.txt', $text);
        my ($status, $said) = run('sh', '-c', "promtool check metrics <$file");
        is("$status $said", '0 ', 'promtool has nothing to say');
    }

    for my $accept (undef, 'Application/OpenMetrics-Text; version=1.0.0,*/*') {
        my ($text, $type) = metrics_for($accept);
        like($type, qr{^application/openmetrics-text; version=1\.0\.0},
             'for ' . ($accept // 'who says nothing') . ": $type");
        like($text, qr/\n# EOF\n\z/, 'ends as OpenMetrics does');
    }
    return;
}


sub promtool_takes_the_rules {
    my @tests = glob "$root/t/prometheus/*.test.yml";

    for my $command (['check', 'rules', $rules], ['test', 'rules', @tests]) {
        my ($status, $said) = run('promtool', @$command);
        is($status, 0, "promtool @$command[0, 1]") or diag($said);
    }

    my %tested = map { $_ => 1 }
        map { slurp($_) =~ /alertname: (\w+)\n/g } @tests;
    my @alerts = slurp($rules) =~ /- alert: (\w+)/g;
    is_deeply([sort keys %tested], [sort @alerts], 'each alert is tried');
    return;
}


sub start_prometheus {
    my $config = write_file('prometheus.yml', <<"END");
global: { scrape_interval: 250ms, evaluation_interval: 250ms }
rule_files: [$rules]
scrape_configs:
  - job_name: msync
    static_configs: [{ targets: ['127.0.0.1:@{[$nginx->port]}'] }]
END

    my $parent = $$;
    my $pid = fork() // die "fork: $!\n";

    if ($pid == 0) {
        open STDERR, '>', stage_dir() . '/prometheus.log';

        # it ends with this test, however that ends
        exec 'setpriv', '--pdeathsig', 'KILL', 'prometheus',
            "--config.file=$config", "--web.listen-address=127.0.0.1:$port",
            '--storage.tsdb.path=' . stage_dir() . '/prometheus'
            or POSIX::_exit(127);
    }

    ok(wait_until(sub { (query('up') // [{}])->[0]{value}[1] }, 60),
       'Prometheus scrapes') or diag(slurp(stage_dir() . '/prometheus.log'));

    return $pid;
}


# A rate is of two scrapes with something between them.
sub more_runs {
    $nginx->post("/$_/trigger") for qw(clinic broken);

    ok(wait_until(sub {
        my $grown = query('increase(msync_runs_total[1m]) > 0') // return;
        return @$grown == 2;
    }, 60), 'both have run again');
    return;
}


sub ask {
    my ($path) = @_;

    return (http(GET => "http://127.0.0.1:$port/api/v1/$path")->{json}
        // {})->{data};
}

sub query {
    my ($query) = @_;

    $query =~ s/([^A-Za-z0-9_])/sprintf '%%%02X', ord $1/eg;
    return (ask("query?query=$query") // {})->{result};
}


sub every_family_is_known_with_its_unit {
    my $known = ask('metadata');
    my ($text) = metrics_for('application/openmetrics-text');

    my @families = $text =~ /^# TYPE (\w+)/mg;
    cmp_ok(scalar @families, '>', 15, 'families of metrics');

    for my $family (@families) {
        my $about = ($known->{$family} // [{}])->[0];
        my ($unit) = $text =~ /^# UNIT $family (\w+)$/m;

        ok($about->{help}, "Prometheus knows $family by its HELP");
        is($about->{unit}, $unit // '', 'and its unit');
        like($family, qr/_\Q$unit\E$/, 'which ends its name')
            if defined $unit;
    }
    return;
}


# Those of the dashboard, with the variables as Grafana puts them in.
sub every_query_has_a_result {
    my $json = decode_json(slurp($dashboard));
    my ($site) = grep { $_->{name} eq 'site' } @{ $json->{templating}{list} };
    my ($metric, $label) = $site->{query}
        =~ /^label_values\((\w+), (\w+)\)$/;

    is_deeply(ask("label/$label/values?match[]=$metric"),
              [qw(broken clinic)], 'the dashboard offers both sites');

    for my $panel (@{ $json->{panels} }) {
        for my $target (@{ $panel->{targets} }) {
            my $query = $target->{expr};
            $query =~ s/\$__(?:rate_interval|range)\b/1m/g;
            $query =~ s/\$site\b/.*/g;

            ok(wait_until(sub { @{ query($query) // [] } }, 10),
               "$panel->{title}: $query");
        }
    }

    # what a rule compares may be nothing, but it can be asked
    my @groups = @{ ask('rules')->{groups} };
    my @ill = grep { ($_->{health} // '') ne 'ok' }
        map { @{ $_->{rules} } } @groups;
    is(scalar @groups, 1, 'the rules are there');
    is(join("\n", map { "$_->{name}: $_->{lastError}" } @ill), '',
       'and each can be asked');

    ok(wait_until(sub {
        grep { $_->{labels}{alertname} eq 'MsyncRunsFail' }
            @{ ask('alerts')->{alerts} };
    }, 10), 'that one site cannot synchronise is seen');
    return;
}
