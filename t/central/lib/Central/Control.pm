package Central::Control;

# What tests may ask and change, under /_test/ of the v5 server.  See the
# POD of central.pl.

use Mojo::Base -strict, -signatures;
use Central::Fault qw(fault_refused);
use Central::Snapshot qw(digest restore snapshot);
use Exporter 'import';
use JSON::XS   ();
use Mojo::JSON qw(decode_json encode_json true);

our @EXPORT_OK = qw(control);

# what the tests are answered is long; Mojo::JSON takes many times as long for it
my $WRITER = JSON::XS->new->utf8;

my %CHANNELS = map { $_ => 1 } qw(central remote v6 patient v7);

# "METHOD name" => sub ($state, $x)
my %CALLS = (
    'GET state'   => sub ($state, $x) { _answer($x, 200, $state->report(map { $x->param($_) } qw(brief quiet))) },
    'GET digest'  => sub ($state, $x) { _answer($x, 200, {digest => digest($state)}) },
    'GET records' => sub ($state, $x) { _answer_text($x, 200, $state->records) },
    'GET rows'    => sub ($state, $x) { _rows($x, $state) },
    'GET record'  => sub ($state, $x) { _record($x, $state) },
    'GET left'    => sub ($state, $x) {
        my $of = ($x->param('api') // '') eq 'v7' ? $state->rows : $state;
        _answer($x, 200, {left => $of->left($x->param('cursor'))});
    },
    'POST reset'    => sub ($state, $x) { $state->reset; _done($x) },
    'POST snapshot' => sub ($state, $x) { snapshot($state); _done($x) },
    'POST restore'  => sub ($state, $x) {
        return _posted($x, sub ($body) { restore($state) ? undef : 'there is no snapshot' });
    },
    'POST clear_faults' => sub ($state, $x) { $state->{faults} = []; _done($x) },
    'POST change'    => sub ($state, $x) { _posted($x, sub ($body) { _change($state, $body) }) },
    'POST meanwhile' => sub ($state, $x) { _posted($x, sub ($body) { _meanwhile($state, $body) }) },
    'POST fault'     => sub ($state, $x) { _posted($x, sub ($body) { _fault($state, $body) }) },
    'POST config'    => sub ($state, $x) { _posted($x, sub ($body) { _config($state, $body) }) },
);

# answers what the tests ask; false when it was something else
sub control ($state, $x) {
    my ($name) = $x->path =~ m{\A/_test/(\w+)\z} or return 0;
    my $call = $CALLS{$x->method . " $name"} or return 0;

    $call->($state, $x);
    return 1;
}

sub _answer ($x, $status, $value) { return _answer_text($x, $status, $WRITER->encode($value)) }

sub _answer_text ($x, $status, $text) { return $x->answer($status, 'application/json; charset=utf-8', $text) }

sub _done ($x) { return _answer($x, 200, {ok => true}) }

# $do returns a reason to refuse, or undef
sub _posted ($x, $do) {
    my $body   = eval { decode_json($x->body) };
    my $reason = $@ ? 'the body is not JSON' : $do->($body);

    return $reason ? _answer($x, 400, {error => $reason}) : _done($x);
}

sub _record ($x, $state) {
    my ($table, $id) = map { $x->param($_) // '' } qw(table id);
    my $text = $state->record($table, $id);

    return _answer($x, 404, {error => "no $table $id"}) if !defined $text;
    return _answer_text($x, 200, $text);
}

# the rows of a table as API v7 has them, by id; of all tables, by table
sub _rows ($x, $state) {
    my $table = $x->param('table') // return _answer($x, 200, $state->rows->all_tables);

    return _answer($x, 404, {error => "no table $table"}) if !$state->rows->table($table);
    return _answer($x, 200, $state->rows->all($table));
}

# one change or a list of them
sub _change ($state, $body) {
    return _changes($state, $body, sub (@change) { $state->change(@change) });
}

# one change or a list of them, while the next pull by v6 or v7 is answered
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
