# The configurations that the README gives to copy, as a stranger has them:
# word for word, but for the folders of this machine.

use strict;
use warnings;

use Msync::Test qw(project_root site_path slurp stage_dir);
use Test::More;

my $readme = slurp(project_root() . '/README.md');
my ($whole, $application) = $readme =~ /^```nginx\n(.*?)^```$/gms;

like($whole, qr/^load_module .*^    msync_site /ms, 'a whole one');
like($application, qr/^location .* sub_filter /s, 'one of an application');

my $prefix = stage_dir() . '/readme';
mkdir $_ for $prefix, map { "$prefix/$_" } qw(logs modules);
symlink '/etc/nginx/mime.types', "$prefix/mime.types";
symlink $ENV{TEST_NGINX_LOAD_MODULES},
    "$prefix/modules/ngx_http_msync_module.so"
    if $ENV{TEST_NGINX_LOAD_MODULES} ne '';

my $here = site_path('readme.sqlite');
$whole =~ s{/var/lib/msync/clinic\.sqlite}{$here};
$whole =~ s/^load_module .*\n// if $ENV{TEST_NGINX_LOAD_MODULES} eq '';

is(complaint($whole), '', 'nginx takes it');

ok($whole =~ s/^    \}\n\}\n\z/$application    }\n}\n/m,
   'it ends with a server');
is(complaint($whole), '', 'and with an application behind it');

done_testing();


# What nginx says against it, '' for nothing.
sub complaint {
    my ($configuration) = @_;
    my $nginx = $ENV{TEST_NGINX_BINARY} // 'nginx';

    open my $file, '>', "$prefix/nginx.conf" or die "nginx.conf: $!";
    print {$file} "pid logs/nginx.pid;\n", $configuration;
    close $file or die "nginx.conf: $!";

    my $said = `$nginx -t -p $prefix -c $prefix/nginx.conf -e stderr 2>&1`;
    return $? == 0 ? '' : $said;
}
