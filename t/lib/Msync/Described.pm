package Msync::Described;

# docs/openapi.yaml, against which the suites hold every answer that they get
# from a location of msync's.
#
# There objects may have members that are not described, for a release may add
# some.  Here they may not: what is new is described in the same commit.
#
# JSON::Validator knows JSON Schema until 2019-09; what the description uses of
# 2020-12, the dialect of OpenAPI 3.1, means the same in both.

use strict;
use warnings;

use Cwd qw(abs_path);
use Exporter qw(import);
use File::Basename qw(dirname);
use JSON::PP ();
use JSON::XS ();
use Test::More ();

our @EXPORT_OK = qw(
    command_findings description findings made_up schema_findings unwatched
    watch
);

my $File = abs_path(dirname(__FILE__) . '/../../../docs/openapi.yaml');
my $Json = JSON::XS->new->utf8->allow_nonref;

# Who answers with these is the helper: where a test plays it, they are the
# test's own.
my %Helpers = map { $_ => 1 } qw(
    /settings /test /initialise /history /errors /errors/dismiss /send
    /patients
);

my ($Description, $MadeUp, $Unwatched, %Schema, %Seen, @Paths);


# The whole of it, references replaced by what they refer to.
sub description {
    return $Description if $Description;

    require YAML::XS;
    no warnings 'once';
    local $YAML::XS::Boolean = 'JSON::PP';

    my $raw = YAML::XS::LoadFile($File);
    $Description = resolved($raw, $raw);
    @Paths = sort { length $b <=> length $a } keys %{ $Description->{paths} };

    return $Description;
}


sub resolved {
    my ($node, $root) = @_;

    return [map { resolved($_, $root) } @$node] if ref $node eq 'ARRAY';
    return $node if ref $node ne 'HASH';

    my %own = map { $_ => resolved($node->{$_}, $root) }
        grep { $_ ne '$ref' } keys %$node;
    my $target = $node->{'$ref'} // return \%own;

    my $at = $root;
    for my $name (split m{/}, $target =~ s{^#/}{}r) {
        $at = $at->{$name} // die "$File: nothing is at $target\n";
    }

    return { %{ resolved($at, $root) }, %own };
}


# The endpoint that a path leads to, "/errors/dismiss", or undef.
sub endpoint {
    my ($path) = @_;

    description();
    return (grep { substr($path, -length) eq $_ } @Paths)[0];
}


# Here a test plays the helper.
sub made_up { $MadeUp = 1; return }

# True: from here on another release answers, or a test says what no helper
# would.
sub unwatched { $Unwatched = shift; return }


# Reports an answer that is not as described, once; every whole answer is told
# here: method, URL or request target, and status, headers (names in lower
# case), content.
sub watch {
    my ($method, $url, $answer) = @_;

    my ($path) = $url =~ m{^(?:\w+://[^/]*)?([^?\#]*)};

    # nginx makes another path of these
    return if $Unwatched || $path =~ m{%|//|/\.}
        || !defined $answer->{status};

    my $endpoint = endpoint($path) // return;
    return if ($answer->{headers}{server} // '') !~ /nginx|angie/i;

    my $key = join "\0", $method, $endpoint, $answer->{status},
        $answer->{headers}{'content-type'} // '', $answer->{content} // '';
    return if $Seen{$key}++;

    report("$method $endpoint, $answer->{status}", $answer->{content},
           findings($method, $endpoint, $answer));
    return;
}


# Reports the data of an event that is not as described.
sub watch_event {
    my ($data) = @_;

    return if $Unwatched || $Seen{$data}++;

    report('event', $data, event_findings("data: $data\n\n"));
    return;
}


sub report {
    my ($what, $content, @findings) = @_;

    return if !@findings;

    Test::More::fail("$what: is as docs/openapi.yaml has it");
    Test::More::diag(join "\n", @findings, substr $content // '', 0, 2000);
    return;
}


# What is wrong with the answer of an endpoint, in sentences; nothing with most.
sub findings {
    my ($method, $endpoint, $answer) = @_;

    my $path = description()->{paths}{$endpoint};
    my $operation = $path->{lc($method eq 'HEAD' ? 'GET' : $method)};
    my ($status, $headers) = @$answer{qw(status headers)};
    my ($type) = ($headers->{'content-type'} // '') =~ /^([^;\s]*)/;

    # what nginx says by itself, of a request that comes no further
    return if $type eq 'text/html' && $status >= 300 && $status < 500;

    if (!$operation) {
        return if $status == 405 && $headers->{allow};
        return "there is no $method $endpoint, so the status has to be 405";
    }

    return if $MadeUp && $Helpers{$endpoint}
        && ($answer->{content} // '') !~ /^\{"error":\{"variant"/;

    my $response = $operation->{responses}{$status}
        // return "the status $status is not described";

    return map({ "the header $_ is missing" }
               grep { !defined $headers->{lc $_} }
               sort keys %{ $response->{headers} // {} }),
        content_findings($method, $endpoint, $type, $response, $answer);
}


sub content_findings {
    my ($method, $endpoint, $type, $response, $answer) = @_;

    my $content = $answer->{content} // '';

    if (!$response->{content} || $method eq 'HEAD') {
        return length $content ? 'it has a body' : ();
    }

    my $schema = ($response->{content}{$type}
        // return "the type '$type' is not described")->{schema};

    # compressed
    return if $answer->{headers}{'content-encoding'};

    my $name = join ' ', $method, $endpoint, $answer->{status}, $type;

    return event_findings($content) if $type eq 'text/event-stream';
    return schema_findings($name, $schema, $content)
        if $type ne 'application/json';

    my $json = eval { $Json->decode($content) };
    return "it is no JSON: $@" if $@;

    return schema_findings($name, $schema, $json);
}


# What is wrong with the events of a stream that are whole.
sub event_findings {
    my ($content) = @_;

    my $schema = description()->{components}{schemas}{Status};

    return map { schema_findings('event', $schema, $Json->decode($_)) }
        $content =~ /^data: (.*)\n\n/mg;
}


# What "msync --json COMMAND" has printed.
sub command_findings {
    my ($command, $text) = @_;

    my $schema = description()->{'x-commands'}{$command}
        // return "$command is not described";
    my $json = eval { $Json->decode($text) };
    return "it is no JSON: $@" if $@;

    return schema_findings("command $command", $schema, $json);
}


# Each schema is prepared once, by its name.
sub schema_findings {
    my ($name, $schema, $value) = @_;

    load_validator();

    $Schema{$name} //=
        JSON::Validator::Schema::Draft201909->new(closed($schema));

    return map { "$_" } $Schema{$name}->validate($value);
}


sub load_validator {
    # Perl's own JSON, as the emulator has it, whatever else is installed
    local $ENV{MOJO_NO_JSON_XS} = 1;

    # The validator fetches nothing, and a third of what it loads is for that.
    local $INC{'Mojo/UserAgent.pm'} = $INC{'Mojo/UserAgent.pm'} // $File;

    # nor does it compress, which is half of the rest
    local @INC = (dirname(__FILE__) . '/../../central/lib', @INC);
    require Central::Later;
    Central::Later->import;

    require JSON::Validator::Schema::Draft201909;
    return;
}


sub closed {
    my ($node) = @_;

    return [map { closed($_) } @$node] if ref $node eq 'ARRAY';
    return $node if ref $node ne 'HASH';

    my %node = map { $_ => closed($node->{$_}) } keys %$node;
    $node{additionalProperties} //= JSON::PP::false
        if ref $node->{properties} && ref $node->{properties} eq 'HASH';

    return \%node;
}


1;
