package Central::Later;

# Modules that are loaded when a function of theirs is called: those that
# Mojo::Util would load, for functions that hardly any test needs, take a third
# of what a start does.

use strict;
use warnings;

use File::Spec ();   # Mojo::Util has it by what is put off here

my %FUNCTIONS = (
    'IO::Compress::Gzip' => 'gzip', 'IO::Uncompress::Gunzip' => 'gunzip', 'Pod::Usage' => 'pod2usage',
);

sub import {
    _put_off($_, $FUNCTIONS{$_}) for keys %FUNCTIONS;

    return;
}

sub _put_off {
    my ($module, $function) = @_;
    my $file = "$module.pm" =~ s{::}{/}gr;
    my $name = "${module}::$function";
    my $loaded;

    return if $INC{$file};

    no strict 'refs';

    my $call = sub {
        if (!$loaded++) {
            delete $INC{$file};
            delete ${"${module}::"}{$_} for $function, 'import';
            require $file;
        }

        goto &$name;
    };

    $INC{$file} = __FILE__;
    *$name = $call;
    *{"${module}::import"} = sub {
        my (undef, @wanted) = @_;
        *{caller() . "::$function"} = $call if grep { $_ eq $function } @wanted;
    };

    return;
}

1;
