package Central::Control;

# What tests may ask and change, under /_test/ of the v5 server.  See the
# POD of central.pl.

use Mojo::Base -strict, -signatures;
use Central::Fault qw(fault_refused);
use Central::Snapshot qw(digest restore snapshot);
use Exporter 'import';
use JSON::XS   ();
use Mojo::JSON qw(decode_json encode_json true);

our @EXPORT_OK = qw(add_control);

# what the tests are answered is long; Mojo::JSON takes many times as long for it
my $WRITER = JSON::XS->new->utf8;

my %CHANNELS = map { $_ => 1 } qw(central remote v6 patient v7);

sub add_control ($server) {
    my $state = $server->state;
    my $r     = $server->routes->under('/_test');

    $r->get('/state' => sub ($c) {
        _answer($c, 200, $state->report(map { $c->param($_) } qw(brief quiet)));
    });
    $r->get('/digest' => sub ($c) { _answer($c, 200, {digest => digest($state)}) });
    $r->get('/records' => sub ($c) { _answer_text($c, 200, $state->records) });
    $r->get('/rows' => sub ($c) { _rows($c, $state) });
    $r->get('/record' => sub ($c) { _record($c, $state) });
    $r->get('/left' => sub ($c) {
        my $of = ($c->param('api') // '') eq 'v7' ? $state->rows : $state;
        _answer($c, 200, {left => $of->left($c->param('cursor'))});
    });
    $r->post('/reset' => sub ($c) { $state->reset; _done($c) });
    $r->post('/snapshot' => sub ($c) { snapshot($state); _done($c) });
    $r->post('/restore' => sub ($c) {
        return _posted($c, sub ($body) { restore($state) ? undef : 'there is no snapshot' });
    });
    $r->post('/clear_faults' => sub ($c) { $state->{faults} = []; _done($c) });
    $r->post('/change' => sub ($c) { _posted($c, sub ($body) { _change($state, $body) }) });
    $r->post('/meanwhile' => sub ($c) { _posted($c, sub ($body) { _meanwhile($state, $body) }) });
    $r->post('/fault' => sub ($c) { _posted($c, sub ($body) { _fault($state, $body) }) });
    $r->post('/config' => sub ($c) { _posted($c, sub ($body) { _config($state, $body) }) });

    return;
}

sub _answer ($c, $status, $value) { return _answer_text($c, $status, $WRITER->encode($value)) }

sub _answer_text ($c, $status, $text) {
    $c->res->headers->content_type('application/json; charset=utf-8');
    return $c->render(data => $text, status => $status);
}

sub _done ($c) { return _answer($c, 200, {ok => true}) }

# $do returns a reason to refuse, or undef
sub _posted ($c, $do) {
    my $body   = eval { decode_json($c->req->body) };
    my $reason = $@ ? 'the body is not JSON' : $do->($body);

    return $reason ? _answer($c, 400, {error => $reason}) : _done($c);
}

sub _record ($c, $state) {
    my ($table, $id) = map { $c->param($_) // '' } qw(table id);
    my $text = $state->record($table, $id);

    return _answer($c, 404, {error => "no $table $id"}) if !defined $text;
    return _answer_text($c, 200, $text);
}

# the rows of a table as API v7 has them, by id; of all tables, by table
sub _rows ($c, $state) {
    my $table = $c->param('table') // return _answer($c, 200, $state->rows->all_tables);

    return _answer($c, 404, {error => "no table $table"}) if !$state->rows->table($table);
    return _answer($c, 200, $state->rows->all($table));
}

# one change or a list of them
sub _change ($state, $body) {
    return _changes($state, $body, sub (@change) { $state->change(@change) });
}

# the same, while the next pull by v6 or v7 is answered
sub _meanwhile ($state, $body) {
    return _changes($state, $body, sub (@change) {
        push @{$state->config->{meanwhile}}, [@change];
    });
}

sub _changes ($state, $body, $do) {
    my @changes = ref $body eq 'ARRAY' ? @$body : ($body);

    for my $b (@changes) {
        return 'a change is an object' if ref $b ne 'HASH';

        my ($table, $id, $action) = map { $b->{$_} // '' } qw(tableName recordId action);
        my $channel = $b->{channel} // _channel($state, $table);

        return 'tableName, recordId and action are needed'
          if grep { $_ eq '' } $table, $id, $action;
        return "unknown action $action" if $action !~ /\A(?:insert|update|delete|merge|upsert)\z/i;
        return "unknown channel $channel" if !$CHANNELS{$channel};
        return 'recordData is needed' if lc $action ne 'delete' && ref $b->{recordData} ne 'HASH';

        if ($channel eq 'v7') {
            my $reason = _v7_refused($state, $table, $action);
            return $reason if $reason;

            $do->(v7 => $table, $id, ucfirst lc $action,
                {%$b{grep { exists $b->{$_} } qw(storeId transferStoreId patientId source)},
                    data => $b->{recordData}});
            next;
        }

        $action = 'Update' if lc $action eq 'upsert';

        my $text = ref $b->{recordData} ? encode_json($b->{recordData}) : undef;
        $do->($channel, $table, $id, $action, $text);
    }

    return undef;
}

sub _v7_refused ($state, $table, $action) {
    return "unknown table $table"   if !$state->rows->table($table);
    return "unknown action $action" if $action !~ /\A(?:upsert|delete)\z/i;
    return undef;
}

# where the table usually comes from; one that the catalogue does not know, as central data
sub _channel ($state, $table) {
    my $channel = $state->data->channel($table);
    return $channel eq 'none' ? 'central' : $channel;
}

sub _fault ($state, $body) {
    my $reason = fault_refused($body);
    return $reason if $reason;

    push @{$state->{faults}}, {times => 1, %$body};
    return undef;
}

sub _config ($state, $body) {
    return 'settings are an object' if ref $body ne 'HASH';
    return $state->configure($body);
}

1;
