package Msync::Genuine;

# A genuine Open mSupply server that the user has, as a process of this test:
# its executable is named by OMSUPPLY, or by "program".  It keeps its files in a
# directory of the test and ends when this object goes.

use strict;
use warnings;

use Carp qw(croak);
use HTTP::Tiny ();
use POSIX ();

use Msync::Test qw(decode_json encode_json free_port sqlite stage_dir
                   wait_until);
use Test::Nginx::Socket::Server ();

use constant START_SECONDS => 120;
use constant INTERVAL      => 2;       # seconds between two of its syncs


# Settings: program, is_central (one of 3.0 has to be told), v7 (it is a site of
# that).
sub start {
    my ($class, $name, %args) = @_;

    my $dir = stage_dir() . "/$name";
    my $self = bless { program => $ENV{OMSUPPLY}, %args, name => $name,
                       dir => $dir, port => free_port() }, $class;

    mkdir $dir;
    mkdir "$dir/configuration";
    $self->_configure;
    $self->restart;

    return $self;
}


# All of it is said here: the server insists on both files.
sub _configure {
    my ($self) = @_;

    my $text = <<"YAML";
server:
  port: $self->{port}
  danger_allow_http: true
  discovery: Disabled
  cors_origins: [http://127.0.0.1:$self->{port}]
  base_dir: $self->{dir}/app_data
  override_is_central_server: @{[ $self->{is_central} ? 'true' : 'false' ]}
database:
  host: x
  port: 0
  username: x
  password: x
  database_name: $self->{dir}/oms.sqlite
logging:
  mode: Console
  level: Info
YAML

    for my $file (qw(base local)) {
        open my $handle, '>', "$self->{dir}/configuration/$file.yaml"
            or croak "$file.yaml: $!";
        print {$handle} $text;
        close $handle or croak "$file.yaml: $!";
    }
}


sub url { "http://127.0.0.1:$_[0]{port}" }

sub restart {
    my ($self) = @_;

    my $pid = fork() // croak "fork: $!";

    if ($pid == 0) {
        chdir $self->{dir} or POSIX::_exit(126);
        open STDIN, '<', '/dev/null';
        open STDOUT, '>>', "$self->{dir}/log";
        open STDERR, '>&', \*STDOUT;
        exec $self->{program} or POSIX::_exit(127);
    }

    $self->{pid} = $pid;

    wait_until(sub {
        waitpid($pid, POSIX::WNOHANG()) == 0
            or croak "$self->{program} ended at once, see $self->{dir}/log";
        $self->_post('query { initialisationStatus { status } }');
    }, START_SECONDS) or croak "$self->{program} does not answer";
}


sub kill {
    my ($self) = @_;

    my $pid = delete $self->{pid} or return;

    CORE::kill KILL => $pid;
    waitpid $pid, 0;
}


sub _post {
    my ($self, $query, $variables) = @_;

    my $answer = HTTP::Tiny->new(timeout => 120)->post($self->url
        . '/graphql', {
        headers => { 'Content-Type' => 'application/json' },
        content => encode_json({ query => $query,
                                 variables => $variables // {} }),
    });

    return $answer->{success} ? decode_json($answer->{content}) : undef;
}

sub graphql {
    my ($self, $query, $variables) = @_;

    my $answer = $self->_post($query, $variables)
        // croak "$self->{name} does not answer";
    croak "$self->{name}: " . encode_json($answer->{errors})
        if $answer->{errors};

    return $answer->{data};
}


sub status {
    my ($self) = @_;

    return $self->graphql('query { initialisationStatus { status } }')
        ->{initialisationStatus}{status};
}

# How many syncs have ended, and the error of the last one, undef: none.  Who
# asks the server itself for these has to sign in.
sub ended {
    my ($self) = @_;

    return $self->query('SELECT count(*) FROM sync_log WHERE '
        . 'finished_datetime IS NOT NULL OR error_code IS NOT NULL '
        . 'OR error_message IS NOT NULL') if !$self->{v7};

    return $self->query('SELECT count(*) FROM sync_log_v7 WHERE '
        . 'finished_datetime IS NOT NULL OR error IS NOT NULL');
}

sub error {
    my ($self) = @_;

    my $text = $self->query($self->{v7}
        ? q{SELECT coalesce(error, ' ') FROM sync_log_v7 WHERE }
          . q{finished_datetime IS NOT NULL OR error IS NOT NULL ORDER BY }
          . q{started_datetime DESC LIMIT 1}
        : q{SELECT coalesce(error_code, '') || ' ' || }
          . q{coalesce(error_message, '') FROM sync_log ORDER BY }
          . q{started_datetime DESC LIMIT 1});

    # an answer that it cannot read is in it, whole
    return $text eq ' ' ? undef
        : length $text > 1000 ? substr($text, 0, 500) . ' … '
          . substr($text, -500) : $text;
}


# Becomes that site; returns what went wrong, or undef.
sub initialise {
    my ($self, $url, $username, $password) = @_;

    my $answer = $self->graphql('mutation ($s: SyncSettingsInput!) { '
        . 'initialiseSite(input: $s) { __typename ... on SyncErrorNode { '
        . 'variant fullError } } }', { s => {
            url => $url, username => $username, password => $password,
            intervalSeconds => INTERVAL } })->{initialiseSite};

    return "$answer->{variant}: $answer->{fullError}"
        if $answer->{__typename} eq 'SyncErrorNode';

    wait_until(sub { $self->status eq 'INITIALISED' || $self->ended }, 300);

    return $self->status eq 'INITIALISED' ? undef : $self->error;
}


# A sync that begins from now on, and its end; its error, or undef.
sub sync {
    my ($self) = @_;

    my $before = $self->ended;

    # one may be at work that does not see what was done just now
    wait_until(sub { $self->ended >= $before + 2 }, 300)
        or return 'no sync has ended';

    return $self->error;
}


sub query {
    my $self = shift;

    return sqlite("$self->{dir}/oms.sqlite", @_);
}


sub DESTROY {
    my ($self) = @_;

    local ($?, $!, $@);
    $self->kill;
}


1;
