package Msync::Legacy;

# What mSupply keeps of a record that a site has pushed: dates without a time,
# and times of the day as seconds, so as it sends them to another site.

use strict;
use warnings;

use Cwd qw(abs_path);
use Exporter qw(import);
use File::Basename qw(dirname);
use JSON::PP ();

our @EXPORT_OK = qw(as_stored);

my $Catalogue = abs_path(dirname(__FILE__)
    . '/../../../sync/catalogue/catalogue.json');
my %Type;


sub as_stored {
    my ($table, $pushed) = @_;

    read_types() if !%Type;

    my %data = %$pushed;

    for my $key (keys %data) {
        my $type = $Type{$table}{$key} // next;
        my $value = $data{$key} // next;

        if ($type eq 'date' && $key !~ /\Aom_/) {
            $data{$key} = $value =~ s/T.*//r;

        } elsif ($type eq 'time' && $value =~ /\A(\d\d):(\d\d):(\d\d)\z/) {
            $data{$key} = $1 * 3600 + $2 * 60 + $3;
        }
    }

    return \%data;
}


sub read_types {
    open my $handle, '<', $Catalogue or die "$Catalogue: $!\n";
    local $/ = undef;

    for my $table (@{ JSON::PP::decode_json(scalar <$handle>) }) {
        $Type{ $table->{table} } =
            { map { $_->{name} => $_->{type} } @{ $table->{fields} } };
    }

    return;
}


1;
