package Central::State;

# What both central servers know: the records, what waits for the site, what
# the site pushed, and what the tests want to see of all that.
#
# Records made by Central::Data are only numbers here ("slots").  A record
# that was changed later lives in "changed"; its slot is then "moved": nobody
# is sent the old version any more.

use Mojo::Base -base, -signatures;
use Central::Rows;
use Digest::MD5 qw(md5_hex);
use Digest::SHA qw(sha256_hex);
use Mojo::JSON  qw(decode_json encode_json);
use Mojo::Util  qw(encode);
use Time::HiRes qw(time);

has data    => sub { die 'data is missing' };
has name    => 'Clinic 7';
has site_id => 7;
has preload => 0;
has rows    => sub ($self) { Central::Rows->new($self) };

# what /_test/config may set
my %CONFIG = (
    password => 'secret', hardware_id => undef, integration_polls => 0,
    integration_ms => 0, initialise_ms => 0, page_delay_ms => 0,
    v5_url => '', v6_url => '', version => 14, v6_version => 5,
    is_v6_central => 0, max_cursor_short => 0, gzip_level => 1,
    initialisation_status => 'new', site_uuid => undef, accept_gzip => 0,
    refuse => [], carries => 0, central_version => 2, meanwhile => [],
    refuse_as => undef, breaks => [], dies => 0,
    is_central => 1, sync_version => undef, upgrade => 200, v7_url => undef,
    v7_site => 'V5V6', v7_token => undef, v7_hardware_id => undef,
    v7_version => '3.0.0', v7_unreadable => [], central_site_id => 10,
);

# requests kept in the log; a soak test must not fill the memory
use constant REQUESTS_MAX => 20_000;

sub new {
    my $self = shift->SUPER::new(@_);

    for my $channel (qw(central remote v6)) {
        $self->{slots}{$channel} = $self->data->slots($channel);
        $self->{cache}{$channel} = [] if $self->_slots($channel) <= $self->data->TEXTS_MAX;
    }

    $self->{config} = {%CONFIG, %{$self->{start} // {}}};
    $self->reset;
    $self->_preload if $self->preload;

    return $self;
}

# back to the start, with the settings of the command line
sub reset ($self) {
    $self->{config} = {%CONFIG, %{$self->{start} // {}}};
    $self->{config}{site_uuid} //= uc md5_hex(encode('UTF-8', 'site ' . $self->name));

    $self->{extra}    = {central => [], v6 => []};
    $self->{moved}    = {central => {}, remote => {}, v6 => {}};
    $self->{changed}  = {};
    $self->{newest}   = {};
    $self->{later}    = [];
    $self->{by_id}    = {};
    $self->{staged}   = {v5 => [], v6 => []};
    $self->{received} = {v5 => [], v6 => [], v7 => []};
    $self->{v7}       = {%{$self->rows->empty}, tokens => 0};
    $self->{queue}    = undef;
    $self->{built}    = 0;
    $self->{busy}     = {};

    $self->{requests}      = [];
    $self->{request_count} = 0;
    $self->{violations}    = [];
    $self->{connections}   = {};
    $self->{faults}        = [];

    return;
}

sub config ($self) { return $self->{config} }

# Of pushed records, what becomes of the first that a test wants refused:
# (status, text), a text alone, in the server's own way, or nothing.  Status 0:
# the line breaks.
sub unwanted ($self, $records) {
    my $config = $self->{config};
    my %breaks = map { $_ => 1 } @{$config->{breaks}};
    my %refuse = map { $_ => 1 } @{$config->{refuse}};

    return 0, '' if grep { $breaks{$_->{recordId}} } @$records;

    my ($r) = grep { $refuse{$_->{recordId}} } @$records;
    return if !$r;

    my $text = "cannot save $r->{tableName} $r->{recordId}";
    my $as = $config->{refuse_as} // return $text;

    return $as->{status}, $as->{code}
      ? encode_json({error => {code => $as->{code}, message => $text, data => undef}})
      : '<html><head><title>Blocked</title></head><body>This request was blocked.</body></html>';
}

# whether it ends before it integrates what it was just given
sub dies ($self) { return $self->{config}{dies} > 0 && $self->{config}{dies}-- }

sub password_hash ($self) { return sha256_hex(encode('UTF-8', $self->{config}{password})) }

# a reason why the configuration is refused, or undef
sub configure ($self, $new) {
    for my $key (keys %$new) {
        return "unknown setting $key" if !exists $CONFIG{$key};
    }

    $self->{config}{$_} = $new->{$_} for keys %$new;
    return undef;
}

sub violation ($self, $api, $call, $message) {
    push @{$self->{violations}}, {api => $api, call => $call, message => $message};
    return;
}

sub log_request ($self, $entry) {
    push @{$self->{requests}}, $entry;
    shift @{$self->{requests}} if @{$self->{requests}} > REQUESTS_MAX;
    $self->{request_count}++;
    $self->{connections}{$entry->{connection}} = 1;
    return;
}

# ---- records ------------------------------------------------------------

# recordData as JSON text, undef for none
sub record ($self, $table, $id) {
    my $c = $self->{changed}{$table};

    return $c->{$id}{text} if $c && $c->{$id};

    my $i = $self->data->row($table, $id) // return undef;

    return $self->data->data($table, $i);
}

sub exists ($self, $table, $id) {
    my $c = $self->{changed}{$table};

    return defined $c->{$id}{text} if $c && $c->{$id};
    return defined $self->data->row($table, $id);
}

# rows of a table as they are now
sub count ($self, $table) {
    my $n = $self->data->count($table);
    my $c = $self->{changed}{$table} // return $n;

    for my $id (keys %$c) {
        my $generated = defined $self->data->row($table, $id);
        $n-- if $generated  && !defined $c->{$id}{text};
        $n++ if !$generated && defined $c->{$id}{text};
    }

    return $n;
}

# the text of a record as of now, from the site ("site") or made here
sub _store ($self, $table, $id, $text, $source) {
    my $i = $self->data->row($table, $id);

    if (defined $i && !$self->{changed}{$table}{$id}) {
        my $bits = pack 'N', $self->data->number($table) << 24 | $i;

        for my $channel (qw(central remote v6)) {
            my $at = -1;
            while (($at = index $self->{slots}{$channel}, $bits, $at + 1) >= 0) {
                next if $at % 4;
                $self->_move($channel, $at / 4);
                last;
            }
        }
    }

    $self->{changed}{$table}{$id} = {text => $text, source => $source};
    $self->rows->follow($table, $id, $text, $source eq 'site' ? $self->site_id : $self->rows->central_id)
      if defined $self->{config}{sync_version};
    $self->_supersede($table, $id, $source) if $source eq 'site' || $self->data->channel($table) eq 'central';

    return;
}

# What waits for the site is older than what it has sent now, or central_records bring.
sub _supersede ($self, $table, $id, $source) {
    my $is_it = sub ($e) {
        return $e->{id} eq $id && $e->{table} eq $table && lc $e->{action} ne 'merge';
    };

    $_->{replaced} = 1 for grep { $source eq 'site' && $is_it->($_) } @{$self->{extra}{central}};

    my $q = $self->{queue} or return;
    my $n = $self->_slots('remote');

    for my $k (0 .. $#{$q->{more}}) {
        next if !$is_it->($q->{more}[$k]) || $self->_left_queue($n + $k);

        vec($q->{acked}, $n + $k, 1) = 1;
        $q->{waiting}--;
    }

    return;
}

# the slot's version is not sent any more, also out of a queue that is built
sub _move ($self, $channel, $k) {
    my $q = $self->{queue};

    $q->{waiting}-- if $channel eq 'remote' && $q && !vec $q->{acked}, $k, 1;
    $self->{moved}{$channel}{$k} = 1;

    return;
}

# Something happens at central.  Channel: central, remote, v6, patient (v6,
# seen by patient-pull only), or v7, where $text is what Central::Rows says.
sub change ($self, $channel, $table, $id, $action, $text) {
    return $self->rows->change($table, $id, $action, $text) if $channel eq 'v7';

    my $entry = {table => $table, id => $id, action => $action, text => $text, source => 'central'};
    my $kind  = lc $action;

    $self->_store($table, $id, $kind eq 'delete' ? undef : $text, 'central') if $kind ne 'merge';

    if ($channel eq 'remote') {
        # without a queue the change arrives with the initialisation
        push @{$self->{queue}{more}}, $entry if $self->{queue};
        $self->{queue}{waiting}++            if $self->{queue};

    } elsif ($channel eq 'central') {
        $self->_append(central => $entry);

    } else {
        $entry->{patient_only} = $channel eq 'patient';
        $self->_append(v6 => $entry);
    }

    return;
}

# what a test wants to happen while a pull is answered
sub change_meanwhile ($self) {
    my @meanwhile = splice @{$self->{config}{meanwhile}};
    $self->change(@$_) for @meanwhile;
    return;
}

sub _append ($self, $channel, $entry) {
    my $list = $self->{extra}{$channel};

    # v6 keeps one changelog row a record, the newest
    if ($channel eq 'v6') {
        my $newest = \$self->{newest}{$entry->{table}}{$entry->{id}};
        $$newest->{replaced} = 1 if $$newest;
        $$newest = $entry;
    }

    $entry->{cursor} = $self->_latest($channel) + 1 + @$list % 3;
    push @$list, $entry;

    return;
}

# The highest cursor in use.  Open mSupply central has one changelog for both
# of its protocols.
sub _latest ($self, $channel) {
    my $list = $self->{extra}{$channel};
    my $last = @$list ? $list->[-1]{cursor} : $self->_cursor($channel, $self->_slots($channel) - 1);
    my $other = $channel eq 'v6' ? $self->rows->latest : 0;
    return $last > $other ? $last : $other;
}

sub latest_v6 ($self) { return $self->_latest('v6') }

sub _slots ($self, $channel) { return length($self->{slots}{$channel}) / 4 }

# ---- channels with a cursor ---------------------------------------------

# Slot -> cursor: strictly increasing, sparse.  In the middle of the central
# records there is a wider hole: see central_batch.
sub _cursor ($self, $channel, $k) {
    return $self->rows->base + 4 * $k + 1 + ($k * 2_654_435_761 >> 7) % 4 if $channel eq 'v6';

    my $hole = $k >= $self->_middle ? 3 : 0;
    return 3 * $k + 1 + $hole + ($k * 2_654_435_761 >> 7) % 3;
}

sub _middle ($self) { return int($self->_slots('central') / 2) }

# the first slot whose cursor is beyond
sub _slot_after ($self, $channel, $cursor) {
    my $v6 = $channel eq 'v6';
    my $k = int(($cursor - 7 - ($v6 ? $self->rows->base : 0)) / ($v6 ? 4 : 3)) - 1;
    my $n = $self->_slots($channel);

    $k = 0 if $k < 0;
    $k = $n if $k > $n;
    $k++ while $k < $n && $self->_cursor($channel, $k) <= $cursor;

    return $k;
}

my @ACTIONS = qw(Update Insert update insert Update Insert Update);

# the inner members of an envelope
sub _slot_text ($self, $channel, $k) {
    my $cache = $self->{cache}{$channel};
    return $cache->[$k] if $cache && defined $cache->[$k];

    my $bits  = vec $self->{slots}{$channel}, $k, 32;
    my $table = $self->data->table_at($bits >> 24);
    my $i     = $bits & 0xff_ffff;

    my $text = sprintf '"tableName":"%s","recordId":"%s","action":"%s","recordData":%s', $table,
      $self->data->id($table, $i), $ACTIONS[$k % @ACTIONS], $self->data->data($table, $i);

    $cache->[$k] = $text if $cache;
    return $text;
}

sub _entry_text ($self, $e) {
    my $text = lc $e->{action} eq 'delete' ? 'null' : $e->{text};

    return sprintf '"tableName":"%s","recordId":"%s","action":"%s","recordData":%s',
      @{$e}{qw(table id action)}, $text;
}

sub _preload ($self) {
    return $self->rows->preload if $self->{config}{v7_site} eq 'V7';

    for my $channel (qw(central remote v6)) {
        my $n = $self->_slots($channel);
        my @texts = map { $self->_slot_text($channel, $_) } 0 .. $n - 1;
        $self->{cache}{$channel} = \@texts;
    }

    return;
}

# The records after the cursor, as the body of GET central_records.
sub central_batch ($self, $cursor, $limit) {
    my $n   = $self->_slots('central');
    my $max = $self->_max_central - $self->{config}{max_cursor_short};
    my $mid = $self->_middle;
    my $k   = $self->_slot_after(central => $cursor);
    my @out;

    $max = 0 if $max < 0;

    # The hole: a server that filters after it has limited answers nothing
    # although there is more, and only stepping the cursor gets across.
    if ($k == $mid && $k > 0 && $k < $n && $cursor < $self->_cursor(central => $mid) - 1) {
        return qq({"maxCursor":$max});
    }

    my $end = $k < $mid ? $mid : $n;

    for (; $k < $end && @out < $limit; $k++) {
        next if $self->{moved}{central}{$k};
        push @out, sprintf '{"ID":%d,%s}', $self->_cursor(central => $k),
          $self->_slot_text(central => $k);
    }

    if ($k == $n && @out < $limit) {
        for my $e (@{$self->{extra}{central}}) {
            next if $e->{cursor} <= $cursor || $e->{replaced};
            push @out, sprintf '{"ID":%d,%s}', $e->{cursor}, $self->_entry_text($e);
            last if @out == $limit;
        }
    }

    return sprintf '{"maxCursor":%d,"data":[%s]}', $max, join ',', @out;
}

# the last record that is still sent; a reader steps the cursor up to it
sub _max_central ($self) {
    my $list = $self->{extra}{central};
    return $list->[-1]{cursor} if @$list;

    my $k = $self->_slots('central') - 1;
    $k-- while $k >= 0 && $self->{moved}{central}{$k};

    return $k < 0 ? 0 : $self->_cursor(central => $k);
}

# Changes from the cursor on, with central_version 3 those behind it, as "data"
# of a v6 pull.  A site that is not initialised yet is also given what it pushed
# itself, for it may have lost it.
sub v6_batch ($self, $cursor, $limit, $initialised, $patient = undef) {
    my $three = $self->{config}{central_version} >= 3;
    my $from  = $three ? $cursor + 1 : $cursor;
    my $n = $self->_slots('v6');
    my $k = $self->_slot_after(v6 => $from - 1);
    my $latest = $self->_latest('v6');
    my (@out, $total, $end);

    my @extra = grep { $_->{cursor} >= $from && !$_->{replaced} } @{$self->{extra}{v6}};

    if (defined $patient) {
        my $moved = $self->{moved}{v6};
        my @slots = grep { !$moved->{$_} && $self->_is_patients($_, $patient) } $k .. $n - 1;
        @extra = grep { $self->_is_about($_, $patient) } @extra;
        $total = @slots + @extra;

        for my $s (@slots) {
            last if @out == $limit;
            $end = $self->_cursor(v6 => $s);
            push @out, sprintf '{"cursor":%d,"record":{%s}}', $end, $self->_slot_text(v6 => $s);
        }

    } else {
        @extra = grep { !$_->{patient_only} && !($initialised && $_->{source} eq 'site') } @extra;
        $total = $n - $k + @extra - grep { $_ >= $k } keys %{$self->{moved}{v6}};

        for (; $k < $n && @out < $limit; $k++) {
            next if $self->{moved}{v6}{$k} || ($three && $self->data->is_silent(vec $self->{slots}{v6}, $k, 32));
            $end = $self->_cursor(v6 => $k);
            push @out, sprintf '{"cursor":%d,"record":{%s}}', $end, $self->_slot_text(v6 => $k);
        }
    }

    for my $e (@extra) {
        last if @out == $limit;
        $end = $e->{cursor};
        push @out, sprintf '{"cursor":%d,"record":{%s}}', $end, $self->_entry_text($e);
    }

    # between the look at the records and the one at the end of the changelog
    $self->change_meanwhile;

    my $last = $total <= @out;

    if ($three) {
        # the end was looked up first, and what is left is a distance of
        # cursors; a patient's is that of all that central has
        $end = $latest if @out < $limit;
        $end //= $latest;
        $total = $latest - (defined $patient ? $cursor : $end);
        $total = 0 if $total < 0;
        $last = defined $patient ? $total <= $limit : !$total;
    }

    return sprintf '{"end_cursor":%d,"total_records":%d,"is_last_batch":%s,"records":[%s]}',
      $end // $self->_latest('v6'), $total, $last ? 'true' : 'false', join ',', @out;
}

# how many records are behind a cursor, for a site that is initialised
sub left ($self, $cursor) {
    my $n = $self->_slots('v6');
    my $k = $self->_slot_after(v6 => $cursor);
    my @extra = grep {
        $_->{cursor} > $cursor && !$_->{replaced} && !$_->{patient_only} && $_->{source} ne 'site'
    } @{$self->{extra}{v6}};

    return $n - $k + @extra - grep { $_ >= $k } keys %{$self->{moved}{v6}};
}

sub _is_patients ($self, $k, $patient) {
    return 0 if $self->_table_of($k) ne 'vaccination';

    my $i = $self->data->patient_of_vaccination(vec($self->{slots}{v6}, $k, 32) & 0xff_ffff);
    return $self->data->id(name => $i) eq $patient;
}

sub _table_of ($self, $k) { return $self->data->table_at(vec($self->{slots}{v6}, $k, 32) >> 24) }

sub _is_about ($self, $e, $patient) { return index($e->{text} // '', qq("patient_id":"$patient")) >= 0 }

# ---- the queue ----------------------------------------------------------

# All that belongs to the site waits for it again, patients and what it pushed itself too.
sub build_queue ($self) {
    my $q = $self->{queue} = {head => 0, acked => '', more => [], generation => ++$self->{built}};

    for my $table (map { $_->{table} } @{$self->data->catalogue}) {
        my $c = $self->{changed}{$table} or next;
        my $channel = $self->data->channel($table);
        next if $channel eq 'none' || $channel eq 'v6';

        for my $id (sort keys %$c) {
            my $e = $c->{$id};
            next if !defined $e->{text} || ($channel ne 'remote' && $e->{source} ne 'site'
                && "$table $e->{text}" !~ /\Aname .*"type":"patient"/s);
            push @{$q->{more}}, {table => $table, id => $id, action => 'Update', text => $e->{text}};
        }
    }

    $q->{waiting} = $self->_slots('remote') + @{$q->{more}} - keys %{$self->{moved}{remote}};

    return $q->{waiting};
}

sub queue_length ($self) { return $self->{queue} ? $self->{queue}{waiting} : 0 }

# as the body of GET queued_records
sub queue_batch ($self, $limit) {
    my $q = $self->{queue} or return '{"queueLength":0,"data":[]}';
    my $n = $self->_slots('remote');
    my $all = $n + @{$q->{more}};
    my @out;

    $q->{head}++ while $q->{head} < $all && $self->_left_queue($q->{head});

    for (my $k = $q->{head}; $k < $all && @out < $limit; $k++) {
        next if $self->_left_queue($k);
        push @out, sprintf '{"syncOutId":"%s",%s}', $self->_out_id($k),
          $k < $n ? $self->_slot_text(remote => $k) : $self->_entry_text($q->{more}[$k - $n]);
    }

    return sprintf '{"queueLength":%d,"data":[%s]}', $q->{waiting}, join ',', @out;
}

sub _left_queue ($self, $k) {
    return vec($self->{queue}{acked}, $k, 1) || $self->{moved}{remote}{$k};
}

sub _out_id ($self, $k) {
    return uc(substr md5_hex("out $self->{queue}{generation} $k"), 0, 24) . sprintf '%08X', $k;
}

# Drops what is acknowledged, returns the ids that were never handed out.
# Saying it twice is fine: the first answer may have been lost.
sub acknowledge ($self, $ids) {
    my $q = $self->{queue} or return @$ids;
    my $all = $self->_slots('remote') + @{$q->{more}};
    my @unknown;

    for my $id (@$ids) {
        my $k = $id =~ /([0-9A-F]{8})\z/ ? hex $1 : $all;

        if ($k >= $all || $self->_out_id($k) ne $id) {
            push @unknown, $id;
            next;
        }

        $q->{waiting}-- if !$self->_left_queue($k);
        vec($q->{acked}, $k, 1) = 1;
    }

    return @unknown;
}

# ---- what the site pushes -----------------------------------------------

# Keeps records until the push is complete; they are listed as received now.
sub stage ($self, $api, $records) {
    push @{$self->{staged}{$api}}, @$records;
    $self->{by_id}{$_->{tableName}}{$_->{recordId}} = $_->{recordData} for @$records;
    push @{$self->{received}{$api}},
      map { {api => $api, %$_{qw(tableName recordId action recordData)}} } @$records;
    return;
}

# recordData of a record as it will be, decoded, or undef
sub coming ($self, $table, $id) {
    my $staged = $self->{by_id}{$table}{$id};
    return $staged if $staged;

    my $text = $self->record($table, $id) // return undef;
    return decode_json($text);
}

# makes central rows of what was staged and starts the time that this takes
sub integrate ($self, $api) {
    for my $r (splice @{$self->{staged}{$api}}) {
        my ($table, $id) = @{$r}{qw(tableName recordId)};
        my $text = lc $r->{action} eq 'delete' ? undef : encode_json($r->{recordData});

        $self->_store($table, $id, $text, 'site');

        # only what others may pull has a changelog row there
        if ($api eq 'v6' && $self->data->is_v6($table)) {
            $self->_append(v6 => {
                table => $table, id => $id, action => $r->{action}, text => $text, source => 'site',
            });
        }
    }

    $self->{by_id} = {} if $api eq 'v5';
    $self->start_integration($api);

    return;
}

# the time that it takes begins
sub start_integration ($self, $api) {
    my $c = $self->{config};

    $self->{busy}{$api} = {
        polls => $c->{integration_polls},
        until => time + $c->{integration_ms} / 1000,
    };

    return;
}

# whether the server still integrates; a poll brings the end nearer
sub integrating ($self, $api, $poll = 0) {
    my $b = $self->{busy}{$api} or return 0;
    my $busy = $b->{polls} > 0 || $b->{until} > time;

    $b->{polls}-- if $poll && $b->{polls} > 0;
    return $busy;
}

# every record as it is now, recordData by table and id, as JSON text
sub records ($self) {
    my @tables;

    for my $table (map { $_->{table} } @{$self->data->catalogue}) {
        my $changed = $self->{changed}{$table} // {};
        my %texts = (%{$self->_first_texts($table)}, map { $_ => $changed->{$_}{text} } keys %$changed);
        my @there = grep { defined $texts{$_} } keys %texts;

        push @tables, encode_json($table) . ':{' . join(',', map { encode_json($_) . ":$texts{$_}" } @there) . '}'
          if @there;
    }

    return '{' . join(',', @tables) . '}';
}

# those of the start, by id, which are kept where they are few
sub _first_texts ($self, $table) {
    my $data = $self->data;
    my $kept = $self->{first}{$table} // do {
        my %texts = map { $data->id($table, $_) => $data->data($table, $_) } 0 .. $data->count($table) - 1;
        \%texts;
    };

    $self->{first}{$table} = $kept if $data->records <= $data->TEXTS_MAX;
    return $kept;
}

# ---- for the tests ------------------------------------------------------

sub _sendable ($self, $channel) {
    my @extra = grep { !$_->{replaced} } @{$self->{extra}{$channel}};
    return $self->_slots($channel) - keys(%{$self->{moved}{$channel}}) + @extra;
}

# "brief": without the lists; "quiet": without that of the requests
sub report ($self, $brief, $quiet = 0) {
    my %counts = map { $_->{table} => $self->count($_->{table}) } @{$self->data->catalogue};

    return {
        counts => \%counts,
        queue  => {
            remote  => $self->queue_length,
            map { $_ => $self->_sendable($_) } qw(central v6),
        },
        initialisationStatus => $self->{config}{initialisation_status},
        hardwareId           => $self->{config}{hardware_id},
        latest               => {map { $_ => $self->_latest($_) } qw(central v6)},
        queuesBuilt          => $self->{built},
        connections          => scalar keys %{$self->{connections}},
        requestCount         => $self->{request_count},
        receivedCount        => {map { $_ => scalar @{$self->{received}{$_}} } qw(v5 v6 v7)},
        v7                   => {
            latest   => $self->rows->latest,
            buffered => scalar @{$self->{v7}{buffer}},
            lost     => $self->{v7}{lost},
            tokens   => $self->{v7}{tokens},
            map { $_ => $self->{config}{"v7_$_"} } qw(site token hardware_id),
        },
        violations           => $self->{violations},
        faults               => $self->{faults},
        $brief ? () : (
            received => $self->{received},
            $quiet ? () : (requests => $self->{requests}),
            changed  => $self->_changed,
            changedRows => $self->rows->changed,
        ),
    };
}

# the records that are not those of the start, as text; null: deleted
sub _changed ($self) {
    my $c = $self->{changed};

    return {
        map { my $table = $_; map { ("$table $_" => $c->{$table}{$_}{text}) } keys %{$c->{$table}} }
          keys %$c
    };
}

1;
