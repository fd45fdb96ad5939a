package Central::Snapshot;

# What Central::State knows as a whole: put by and brought back, or as a short
# text that tells whether two states are the same.

use Mojo::Base -strict, -signatures;
use Digest::MD5 qw(md5_hex);
use Exporter 'import';
use Storable qw(dclone freeze);

our @EXPORT_OK = qw(digest restore snapshot);

# what reset puts back and requests change
my @NOTED = qw(requests request_count connections);
my @ALL = (@NOTED, qw(config v7 extra moved changed newest later by_id staged received queue built busy
    violations faults));

# keeps everything as it is now, for restore
sub snapshot ($state) {
    $state->{snapshot} = dclone({map { $_ => $state->{$_} } @ALL});
    return;
}

# false when there is no snapshot
sub restore ($state) {
    my $then = $state->{snapshot} // return 0;
    @{$state}{@ALL} = @{dclone($then)}{@ALL};
    return 1;
}

# Of two states that are equal but for what is noted of requests it is the same.
sub digest ($state) {
    my %now = map { $_ => $state->{$_} } @ALL;

    delete @now{@NOTED};
    $now{busy} = {map { $_ => $now{busy}{$_} } grep { $state->integrating($_) } keys %{$now{busy}}};

    local $Storable::canonical = 1;
    return md5_hex(freeze(\%now));
}

1;
