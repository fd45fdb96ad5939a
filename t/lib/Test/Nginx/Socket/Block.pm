package Test::Nginx::Socket::Block;

# What a block says, made ready for use: nginx.conf, the user files and the
# connections to make.  Reads sections and settings only; a section that
# makes no sense dies with a sentence.

use strict;
use warnings;

use Exporter qw(import);

use Test::Nginx::Socket::Client qw(build_request);
use Test::Nginx::Socket::Server qw(free_port);

our @EXPORT_OK = qw(
    check_sections config_text exchanges_of expand forget_ports own_port
    user_files
);

# A section outside this list is a slip of the pen that would silently switch
# a check off.
my %KNOWN_SECTION = map { $_ => 1 } qw(
    ONLY SKIP LAST skip_eval skip_nginx
    main_config http_config config post_main_config server_name user_files
    log_level init must_die suppress_stderr
    request raw_request raw_request_middle_delay pipelined_requests
    more_headers timeout abort shutdown ignore_response wait
    error_code error_code_like response_headers response_headers_like
    raw_response_headers_like raw_response_headers_unlike
    response_body response_body_like response_body_unlike
    error_log no_error_log grep_error_log grep_error_log_out
    shutdown_error_log no_shutdown_error_log access_log no_access_log
);

# The $TEST_NGINX_RAND_PORT_n of one block.
my %RandPort;


sub check_sections {
    my ($block) = @_;

    my @sections = @{ $block->_section_order };
    my @unknown = grep { !$KNOWN_SECTION{$_} } @sections;

    die "unknown section: @unknown\n" if @unknown;

    # The filter leaves the message of a failed "eval" as the value.
    for my $section (@sections) {
        next if $block->_section_map->{$section}{filters} !~ /\beval\b/;

        my $value = $block->$section // next;

        die "cannot eval $section: $value\n"
            if !ref $value && $value =~ / at \(eval \d+\) line \d+/;
    }
}


sub forget_ports { %RandPort = () }


sub expand {
    my ($text, $set) = @_;

    $text =~ s{\$(TEST_NGINX_[_A-Z0-9]+)}{
        my $variable = $1;

        $RandPort{$variable} = free_port()
            if $variable =~ /^TEST_NGINX_RAND_PORT_[0-9]+$/
                && !$RandPort{$variable};

        $RandPort{$variable} // $ENV{$variable}
            // die "the environment has no $variable\n";
    }eg;

    return $text;
}


sub own_port {
    my ($text, $set) = @_;

    $text =~ s/\$ServerPort\b/$set->{port}/g;
    $text =~ s/\$ServerPortForClient\b/$set->{client_port}/g;

    return $text;
}


# Triples of path, body and perhaps a date for touch(1).
sub user_files {
    my ($block, $set, $dir) = @_;

    my $files = $block->user_files // return;

    if (!ref $files) {
        my @parts = split /^>>> (\S+)(?:[ \t]+(\S+))?[ \t]*\n/m, $files;
        shift @parts;

        $files = [];
        while (my ($path, $date, $body) = splice @parts, 0, 3) {
            push @$files, [$path, $body, $date];
        }
    }

    return map {
        my ($path, $body, $date) = @$_;
        [$path =~ m{^/} ? $path : "$dir/$path",
         expand($body // '', $set), $date];
    } @$files;
}


# The same directives, in the same contexts, as the genuine module's.
sub config_text {
    my ($block, $set, $server) = @_;

    my ($main, $http, $config, $after) =
        map { expand(scalar $block->$_ // '', $set) }
        qw(main_config http_config config post_main_config);

    my $root = $server->root;
    my $html = $server->html_dir;
    my $level = $block->log_level || $set->{log_level};

    my $name = $block->server_name // $set->{server_name};
    $name =~ s/([\\'])/\\$1/g;

    my $modules = join ' ', map { "load_module $_;" }
        split ' ', $ENV{TEST_NGINX_LOAD_MODULES} // '';

    my $env = join "\n", map { /\s/ ? "env '$_';" : "env $_;" }
        qw(LD_PRELOAD LD_LIBRARY_PATH ASAN_OPTIONS), @{ $set->{env} };

    my $user = $ENV{TEST_NGINX_WORKER_USER} // ($> == 0 ? 'root' : '');
    $user = "user $user;" if length $user;

    my $event_type = $ENV{TEST_NGINX_EVENT_TYPE} // '';
    $event_type = "use $event_type;" if length $event_type;

    my $temp_paths = join ' ', map { "${_}_temp_path $root/${_}_temp;" }
        grep { $http !~ /\b${_}_temp_path\b/ }
        qw(client_body proxy fastcgi scgi uwsgi);

    my $root_location = $set->{no_root_location} ? '' : <<"END_OF_CONFIG";
        location / {
            root $html;
            index index.html index.htm;
        }
END_OF_CONFIG

    return <<"END_OF_CONFIG";
$modules
worker_processes $set->{workers};
daemon on;
master_process $set->{master_process};
error_log @{[$server->error_log]} $level;
pid @{[$server->pid_file]};
$user
$env

$main

http {
    access_log @{[$server->access_log]};
    $temp_paths
    default_type text/plain;
    keepalive_timeout 68;

$http

    server {
        listen $set->{port};
        server_name '$name';
        client_max_body_size 30m;

$set->{config_preamble}
$config
$root_location
    }
}

$after

events {
    accept_mutex off;
    worker_connections $set->{worker_connections};
    $event_type
}
END_OF_CONFIG
}


# The connections of a block: the packets to send on each, and the methods and
# targets of the requests that these carry.
sub exchanges_of {
    my ($block, $set) = @_;

    if (defined(my $raw = $block->raw_request)) {
        my @packets = map { { value => $_ } } ref $raw ? @$raw : $raw;

        return { packets => \@packets, _lines(\@packets) };
    }

    if (defined(my $pipelined = $block->pipelined_requests)) {
        die "pipelined_requests must be an array\n" if !ref $pipelined;

        my @requests = @$pipelined;
        my $bytes = '';

        for my $i (0 .. $#requests) {
            my $packets = _packets($block, $set, expand($requests[$i], $set),
                                   $i, $i < $#requests);
            $bytes .= $packets->[0]{value};
        }

        return {
            packets => [{ value => $bytes }],
            _lines(@requests),
        };
    }

    my $request = $block->request // die "no request\n";

    # Comments may stand before the request, but a body has none.
    if (!ref $request) {
        1 while $request =~ s/\A\s*#[^\n]*\n|\A\s+//;
    }

    my @requests = ref $request ? @$request : $request;

    return map { {
        packets => _packets($block, $set, $requests[$_], $_),
        _lines($requests[$_]),
    } } 0 .. $#requests;
}


sub _packets {
    my ($block, $set, $request, $index, $keepalive) = @_;

    my $more = $block->more_headers // '';

    if (ref $more) {
        $more = $more->[$index]
            // die "more_headers has nothing for request $index\n";
    }

    return build_request(
        $request,
        more_headers => $more,
        host         => $set->{server_name},
        connection   => $keepalive ? 'keep-alive' : 'close',
    );
}


# What their first lines say.
sub _lines {
    my (@requests) = @_;

    my (@methods, @targets);

    for my $request (@requests) {
        my $text = join '', map { ref $_ ? $_->{value} : $_ }
            ref $request ? @$request : $request;

        my ($method, $target) = $text =~ /^\s*(\S+)(?: +(\S+))?/;
        push @methods, $method // '';
        push @targets, $target // '';
    }

    return (methods => \@methods, targets => \@targets);
}


1;
