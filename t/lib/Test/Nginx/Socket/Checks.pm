package Test::Nginx::Socket::Checks;

# Judges what came back: the answers, and the lines of the logs.  Each
# expectation of a block is one test.

use strict;
use warnings;

use Exporter qw(import);
use Test::More ();

use Test::Nginx::Socket::Block qw(expand own_port);

our @EXPORT_OK = qw(
    all_found check_answer check_grep check_patterns is_str warn_of_unexpected
);


sub is_str {
    my ($got, $expected, $name) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    return ref $expected eq 'Regexp'
        ? Test::More::like($got, $expected, $name)
        : Test::More::is($got, $expected, $name);
}


# The answer to request $index of $count.
sub check_answer {
    my ($block, $set, $answer, $index, $count) = @_;

    my $name = $block->name;
    my $value = sub { _indexed($block, $index, $count, @_) };
    my $code = $answer->{response}->code // '';

    if (defined(my $pattern = $value->('error_code_like'))) {
        Test::More::like($code, qr/$pattern/sm, "$name - status code ok");

    } else {
        Test::More::is($code, $value->('error_code') // 200,
                       "$name - status code ok");
    }

    if (defined(my $pattern = $value->('raw_response_headers_like'))) {
        Test::More::like($answer->{head}, qr/$pattern/s,
                         "$name - raw headers like");
    }

    if (defined(my $pattern = $value->('raw_response_headers_unlike'))) {
        Test::More::unlike($answer->{head}, qr/$pattern/s,
                           "$name - raw headers unlike");
    }

    _check_headers($name, $set, $answer, $value);
    _check_body($name, $set, $answer->{response}->content, $value);
}


# $expected decides: true that each pattern of the section matches a line,
# false that none does.
sub check_patterns {
    my ($block, $section, $lines, $expected) = @_;

    my $name = $block->name;

    for my $pattern (_patterns(scalar $block->$section)) {
        my $line = _first_match($pattern, $lines);

        if ($expected) {
            Test::More::ok(defined $line,
                qq{$name - $section: "$pattern" matches a line});
            next;
        }

        Test::More::ok(!defined $line,
            qq{$name - $section: "$pattern" matches no line})
            or Test::More::diag("but this one: $line");
    }
}


sub check_grep {
    my ($block, $set, $lines, $repeat) = @_;

    my $pattern = $block->grep_error_log // return;
    my $expected = $block->grep_error_log_out
        // die "grep_error_log without grep_error_log_out\n";

    ($pattern, $expected) = map { ref $_ eq 'ARRAY' ? $_->[$repeat] : $_ }
        $pattern, $expected;

    return if !defined $pattern;

    $expected = expand($expected, $set) if !ref $expected;

    my $regex = _regex($pattern);
    my $out = join '', map { /($regex)/ ? "$1\n" : () } @$lines;

    is_str($out, $expected, $block->name . ' - grep_error_log_out');
}


sub all_found {
    my ($value, $lines) = @_;

    return !grep { !defined _first_match($_, $lines) } _patterns($value);
}


# Lines of the worst levels are shown although no section asks for them.
sub warn_of_unexpected {
    my ($block, $lines) = @_;

    my $name = $block->name;
    my $mentioned = join "\n", map { _patterns($_) }
        scalar $block->error_log, scalar $block->no_error_log;

    for my $level (qw(alert crit emerg)) {
        next if $mentioned =~ /\[$level/;
        warn "WARNING: $name - $_" for grep { /\[$level\]/ } @$lines;
    }

    for my $line (grep { /\bAssertion .*? failed\b/ } @$lines) {
        Test::More::fail("$name - $line");
    }
}


# One request takes a value as it is; several take an array of them.
sub _indexed {
    my ($block, $index, $count, $section) = @_;

    my $value = $block->$section;

    if (ref $value eq 'ARRAY') {
        die "$count requests, but more in $section\n" if @$value > $count;
        return $value->[$index];
    }

    die "$count requests, but $section is no array\n"
        if defined $value && $count > 1;

    return $value;
}


sub _check_headers {
    my ($name, $set, $answer, $value) = @_;

    my $exact = $value->('response_headers');
    my $expected = $exact // $value->('response_headers_like') // return;

    for my $line (grep { /\S/ } split /\n/, $expected) {
        if ($line =~ /^\s*!\s*(\S+)/) {
            Test::More::unlike($answer->{head}, qr/^\s*\Q$1\E\s*:/m,
                               "$name - header $1 not present");
            next;
        }

        my ($header, $wanted) = $line =~ /^\s*(.*?)\s*:\s*(.*?)\s*$/
            or die "not a header: $line\n";
        my $actual = $answer->{response}->header($header) // '';

        if (defined $exact) {
            Test::More::is($actual, own_port($wanted, $set),
                           "$name - header $header ok");

        } else {
            Test::More::like($actual, qr/^$wanted$/,
                             "$name - header $header like ok");
        }
    }
}


sub _check_body {
    my ($name, $set, $content, $value) = @_;

    if (defined(my $expected = $value->('response_body'))) {
        $expected = expand(own_port($expected, $set), $set) if !ref $expected;
        is_str($content, $expected, "$name - response_body");

    } elsif (defined(my $pattern = $value->('response_body_like'))) {
        $pattern = own_port($pattern, $set);
        Test::More::like($content, qr/$pattern/s,
                         "$name - response_body_like");

    } elsif (defined($pattern = $value->('response_body_unlike'))) {
        $pattern = own_port($pattern, $set);
        Test::More::unlike($content, qr/$pattern/s,
                           "$name - response_body_unlike");
    }
}


# Strings are searched as they are, one a line of the section.
sub _patterns {
    my ($value) = @_;

    return if !defined $value;
    return @$value if ref $value eq 'ARRAY';
    return $value if ref $value;
    return grep { length } split /\n+/, $value;
}


sub _regex {
    my ($pattern) = @_;

    return ref $pattern ? $pattern : qr/\Q$pattern\E/;
}


sub _first_match {
    my ($pattern, $lines) = @_;

    my $regex = _regex($pattern);

    for my $line (@$lines) {
        return $line if $line =~ $regex;
    }

    return;
}


1;
