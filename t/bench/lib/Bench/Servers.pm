package Bench::Servers;

# The servers of the benchmark: a central server that is an nginx with
# answers made beforehand, and an nginx with the module.

use strict;
use warnings;

use Exporter qw(import);

use Bench qw(capture free_port http launch program root say_now stage wait_for
             write_file);

our @EXPORT_OK = qw(batches bench_nginx central helper_pid module site
                    sync_by sync_command wait_for_helper worker_of);

use constant PASSWORD => 'bench';

my $Count = 0;


# of a tree other than this one: module($tree)
sub module { ($_[0] // root()) . '/build/ngx_http_msync_module.so' }


# Starts an nginx with this in its http block; returns its pid.  Its worker is
# one, pinned to the first processor, or where it is "apart" to the second, in a
# session of its own.
sub bench_nginx {
    my (%args) = @_;

    my $affinity = $args{apart} ? '10' : '01';
    my $dir = stage('nginx-' . ++$Count);
    my $modules = join "\n",
        map { "load_module $_;" } @{ $args{modules} // [] };
    my $user = $> == 0 ? 'user root;' : '';

    write_file("$dir/nginx.conf", <<"END");
$modules
$user
daemon off;
worker_processes 1;
worker_cpu_affinity $affinity;
worker_rlimit_nofile 20000;
pid $dir/nginx.pid;
error_log $dir/error.log warn;
events { worker_connections 16000; }
http {
    access_log off;
    default_type application/json;
    keepalive_requests 1000000000;
    client_max_body_size 0;
    client_body_temp_path $dir/body;
    proxy_temp_path $dir/proxy;
    fastcgi_temp_path $dir/fastcgi;
    uwsgi_temp_path $dir/uwsgi;
    scgi_temp_path $dir/scgi;
$args{http}
}
END

    my @session = $args{apart} ? 'setsid' : ();
    my $pid = launch([@session, 'nginx', '-p', $dir, '-c', "$dir/nginx.conf",
                      '-e', "$dir/error.log"], err => "$dir/stderr");

    wait_for("nginx in $dir", sub {
        return 1 if -s "$dir/nginx.pid" && worker_of($pid);
        die "nginx ended: " . `cat $dir/stderr $dir/error.log`
            if waitpid($pid, 1) == $pid;
        return 0;
    });

    return $pid;
}


sub _children {
    my ($pid) = @_;

    open my $fh, '<', "/proc/$pid/task/$pid/children" or return;
    return split ' ', <$fh> // '';
}

sub worker_of { (_children($_[0]))[0] }

# The helper that this nginx's worker has started.
sub helper_pid {
    my ($pid) = @_;

    return (_children(worker_of($pid)))[0];
}


# A folder with the batches of so many records, as v5 or v7 has them; made once
# a run.
sub batches {
    my ($records, $v7) = @_;

    my $name = $v7 ? 'v7' : 'central';
    my $dir = stage("batches-$records");
    return $dir if -e "$dir/${name}_0.json";

    say_now("    making $records records");
    capture(program('batches'), root() . '/sync/catalogue/catalogue.json', $dir,
            $records, 500, $v7 ? 'v7' : ());
    capture('sh', '-c',
            "ls $dir/${name}_*.json | xargs -P 2 -n 50 gzip -k -6");

    return $dir;
}


# A central server; returns its URL and pid.  "records" in pre-made batches,
# "gzip" whether they are sent compressed, "address" other than loopback; "v7":
# one of 3.0, "twice": one of before whose batches take the way that those of
# v7 have to.  "apart": whoever is measured shares neither processor nor session
# with it, for on a site it is on another machine.
sub central {
    my (%args) = @_;

    my $port = $args{port} // free_port();
    my $address = $args{address} // '127.0.0.1';
    my $url = "http://$address:$port";
    my $gzip = $args{gzip} ? 'gzip_static on;' : '';
    my $dir = $args{records} ? batches($args{records}, $args{v7})
                             : stage('empty');
    my $last = $args{records} // 0;

    my $log = "$dir/requests-$port.log";
    my $logged = $args{log} ? "access_log $log octets;" : '';
    my $calls = $args{v7} ? _v7($dir, $last)
                          : _v5_v6($dir, $url, $last, $args{twice});

    my $pid = bench_nginx(apart => $args{apart}, http => <<"END");
    log_format octets '\$request_length \$bytes_sent';
    map \$request_method \$queued {
        default '{"queueLength":0,"data":[]}';
        POST    '{"integrationStarted":true}';
    }
    map \$request_body \$cursor { '~"cursor":(?<number>[0-9]+)' \$number; }
    map \$http_authorization \$who {
        default '{"Ok":{"siteId":1,"centralSiteId":9}}';
        ''      '{"Err":{"MissingAuthHeader":"no"}}';
    }
    upstream itself { server $address:$port; keepalive 4; }
    server {
        listen $address:$port;
        root $dir;
        sendfile on;
        tcp_nopush on;
        client_body_buffer_size 64k;
        proxy_buffers 16 64k;
        proxy_http_version 1.1;
        proxy_set_header Connection '';
        $gzip
        $logged
        $calls
    }
END

    return ($url, $pid, $log);
}


sub _v5_v6 {
    my ($dir, $url, $last, $twice) = @_;

    write_file("$dir/end.json", qq({"maxCursor":$last,"data":[]}));

    my $files = 'try_files /central_$arg_cursor.json /end.json =404;';
    my $central = !$twice ? "location = /sync/v5/central_records { $files }"
        : 'location = /sync/v5/central_records { proxy_pass '
          . 'http://itself/central?$args; } '
          . "location = /central { $files }";

    return <<"END";
        location = /sync/v5/site {
            return 200 '{"id":"6f3a2b10-8d0e-4a51-9a39-9a2f1d1b7c55","siteId":1,"code":"b","name":"bench","initialisationStatus":"completed","omSupplyCentralServerUrl":"$url","isOmSupplyCentralServer":false,"mSupplyCentralSiteId":9}';
        }
        location = /sync/v5/initialise { return 200 '{"queueLength":0}'; }
        location = /sync/v5/site_status {
            return 200 '{"code":"idle","message":"","data":null}';
        }
        $central
        location = /sync/v5/queued_records { return 200 \$queued; }
        location = /sync/v5/acknowledged_records { return 204; }
        location = /central/sync/pull {
            return 200 '{"data":{"end_cursor":0,"total_records":0,"is_last_batch":true,"records":[]}}';
        }
        location = /central/sync/push {
            return 200 '{"data":{"records_pushed":0}}';
        }
        location = /central/sync/site_status {
            return 200 '{"data":{"is_integrating":false}}';
        }
END
}


# A cursor of v7 is in the body of a request, which nginx has read only when it
# asks another server: itself.
sub _v7 {
    my ($dir, $last) = @_;

    write_file("$dir/v7_end.json", '{"Ok":{"siteId":9,"lastCursorInBatch":'
               . qq($last,"remaining":0,"maxCursor":$last,"records":[]}}));

    return <<'END';
        location = /central/sync_v7/get_token {
            return 200 '{"Ok":{"token":"bench","siteId":1,"centralSiteId":9}}';
        }
        location = /central/sync_v7/site_status { return 200 $who; }
        location = /central/sync_v7/push { return 200 '{"Ok":0}'; }
        location = /central/sync_v7/pull {
            proxy_method GET;
            proxy_pass_request_body off;
            proxy_set_header Content-Length '';
            proxy_set_header X-Cursor $cursor;
            proxy_pass http://itself/v7;
        }
        location = /v7 {
            try_files /v7_$http_x_cursor.json /v7_end.json =404;
        }
END
}


sub _password_file {
    my $path = write_file(stage() . '/password', PASSWORD . "\n");

    chmod 0600, $path;
    return $path;
}


# One run of the helper on a terminal, that of a tree other than this one.
sub sync_command {
    my ($database, $url, $tree) = @_;

    return (($tree // root()) . '/build/msync', '--database', $database,
            '--url', $url, '--username', 'bench', '--password-file',
            _password_file(), 'sync');
}

sub sync_by {
    capture('sh', '-c', 'exec "$0" "$@" >/dev/null 2>&1', sync_command(@_));
}


# Until the module at this address has one.
sub wait_for_helper {
    my ($url) = @_;

    wait_for('the helper', sub {
        http(GET => "$url/status")->{content} !~ /"stopped"/;
    });
}


# The block of a site with this database and central server, whose helper is
# that of a tree other than this one.
sub site {
    my ($name, $database, $url, $tree) = @_;

    my $password = _password_file();
    my $helper = ($tree // root()) . '/build/msync';

    return <<"END";
    msync_site $name {
        database $database;
        url $url;
        username bench;
        password_file $password;
        helper $helper;
        interval 0;
    }
END
}

1;
