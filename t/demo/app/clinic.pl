#!/usr/bin/perl
# A clinic's pharmacy: what is in stock, what goes to patients and wards, what
# comes, what was counted.  It knows nothing of msync but the rules of
# docs/application.md; nginx puts the entry into its menu and guards msync's
# endpoints by its login.
#
# usage: clinic.pl daemon -l http+unix://PATH
#
# CLINIC_DATABASE  the site's database
# CLINIC_LOGIN     NAME:PASSWORD of the one who may sign in
# CLINIC_SECRET    signs its cookies

use Mojolicious::Lite -signatures;

use Mojo::File qw(curfile);
use lib curfile->sibling('lib')->to_string;
use Clinic::Database;
use Clinic::Pharmacy;

my $db = Clinic::Database->new(
    file => $ENV{CLINIC_DATABASE} // die "CLINIC_DATABASE: which database?\n");
my $pharmacy = Clinic::Pharmacy->new(db => $db);

app->secrets([ $ENV{CLINIC_SECRET} // die "CLINIC_SECRET is empty\n" ]);
app->static->paths([ curfile->dirname->sibling('admin')->to_string ]);
app->sessions->cookie_name('clinic');
app->sessions->samesite('Strict');
$db->add_login(split /:/, $ENV{CLINIC_LOGIN}, 2) if $ENV{CLINIC_LOGIN};

# only a path of this application
helper back => sub ($c) {
    my $to = $c->param('to') // '/';
    return $to =~ m{\A / (?! [/\\] ) [\x21-\x7e]* \z}x ? $to : '/';
};

helper act => sub ($c, $act) {
    return $c->render(text => 'Esta página es vieja: ábrala de nuevo.',
        status => 403) if $c->validation->csrf_protect->has_error;

    my $said = eval { $act->() };
    if (my $error = $@) {
        my $busy = $error =~ /database is locked/
            && 'La base de datos está ocupada: inténtelo de nuevo.';
        $c->flash(error => ref $error ? $error->{said} : $busy || die $error);
    } else {
        $c->flash(said => $said);
    }
    return $c->redirect_to($c->url_for);
};

get '/login' => 'login';

post '/login' => sub ($c) {
    my ($name, $password) = map { $c->param($_) // '' } qw(name password);

    return $c->render('login', error => 'El nombre o la contraseña no es así.',
        status => 403) unless $db->login($name, $password);
    $c->session(name => $name);
    return $c->redirect_to($c->back);
};

# what nginx asks before it gives away anything of msync's
get '/login/check' => sub ($c) {
    return $c->rendered($c->session('name') ? 204 : 401);
};

post '/logout' => sub ($c) {
    $c->session(expires => 1);
    return $c->redirect_to('/login');
};

# all that follows; before the first sync there is nothing to show
under sub ($c) {
    return $db->store || !$c->render('empty') if $c->session('name');
    $c->redirect_to($c->url_for('/login')->query(to => $c->req->url->path));
    return undef;
};

get '/' => sub ($c) { $c->render('stock', stock => $pharmacy->stock) };

get '/issue' => sub ($c) {
    $c->render('issue', receivers => $pharmacy->receivers,
        stock => $pharmacy->stock);
};

post '/issue' => sub ($c) {
    $c->act(sub {
        sprintf 'Entregado: n.º %d.', $pharmacy->issue(
            map { $c->param($_) // '' } qw(receiver batch packs));
    });
};

get '/receive' => sub ($c) {
    $c->render('receive', deliveries => $pharmacy->deliveries);
};

post '/receive' => sub ($c) {
    $c->act(sub {
        sprintf 'Recibida: n.º %d.',
            $pharmacy->receive($c->param('delivery') // '');
    });
};

get '/count' => sub ($c) { $c->render('count', stock => $pharmacy->stock) };

# a batch whose field was left empty was not counted
post '/count' => sub ($c) {
    my $counted = $c->req->body_params->to_hash;

    delete $counted->{csrf_token};
    $c->act(sub {
        sprintf 'Conteo n.º %d.', $pharmacy->count(
            map { $_ => $counted->{$_} } grep { length $counted->{$_} }
                keys %$counted);
    });
};

app->start;
