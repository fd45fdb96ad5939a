# A central server that means harm, or has lost its mind.  Nothing that it
# says is executed, stored outside its place or followed elsewhere; what is
# sound beside it lands, and what is wrong is visible with its reason.

use strict;
use warnings;
use feature qw(state);

use Compress::Zlib ();
use Msync::Hostile;
use Msync::Test qw(encode_json sqlite stage_dir);
use Test::More;

use constant PASSWORD => 'correct horse battery';

my $SQL = q{'; DROP TABLE sync_log; --};

# as text: no encoder writes these
my $UNIT = '{"ID":"%s","units":"%s","comment":"","order_number":1}';

my $site = 0;

records_with_sql_and_json();
records_that_are_odd();
numbers_beyond_all_bounds();
an_answer_that_is_no_answer($_) for answers();
a_bomb();
compression_in_pieces($_) for qw(v6 v7);
a_bomb_in_pieces();
a_coding_that_names_no_compression($_) for 'utf-8', 'binary, chunked';
redirects();
cookies();
a_name_for_everything();

records_of_v7();
envelopes_of_v7();
a_line_of_v7_without_its_document();
numbers_of_v7($_) for '9223372036854775807', '-1', '1e400', '"1"', 'null',
    '18446744073709551617';
a_pull_of_v7_without_an_end();
a_token_that_is_none($_) for tokens();
an_error_that_is_none($_) for errors();
no_secret_in_any_header();

done_testing();


sub json_unit {
    my ($id, $units) = @_;

    return sprintf $UNIT, $id, $units;
}


sub record {
    my ($cursor, $table, $id, $data, $action) = @_;

    return sprintf '{"ID":%s,"tableName":%s,"recordId":%s,"action":"%s",'
        . '"recordData":%s}', $cursor, quote($table), quote($id),
        $action // 'Insert', $data;
}


sub quote { return JSON::PP->new->utf8->allow_nonref->encode($_[0]) }


# central_records brings these once; the next batch is empty
sub central_with {
    my ($records, %more) = @_;

    my $max = @$records;

    return Msync::Hostile->start(sub {
        my ($method, $path, $call) = @_;

        return if $path !~ /central_records/;
        return [200, { %{ $more{headers} // {} } }, $call
            ? qq({"maxCursor":$max,"data":[]})
            : qq({"maxCursor":$max,"data":[) . join(',', @$records) . ']}'];
    });
}


sub database { return stage_dir() . "/site-$site.sqlite" }

sub query { return sqlite(database(), @_) }


# a run of a new site; [exit status, what it said]
sub sync_with {
    my ($central, %how) = @_;

    $site++ if !$how{again};

    my $password = stage_dir() . '/password';
    open my $handle, '>', $password or die "$password: $!\n";
    print {$handle} PASSWORD;
    close $handle or die "$password: $!\n";
    chmod 0600, $password;

    open my $said, '-|', $ENV{TEST_NGINX_MSYNC} . ' --database ' . database()
        . ' --url ' . $central->url . " --username 'Clinic 7'"
        . " --password-file $password sync 2>&1" or die "msync: $!\n";
    local $/ = undef;
    my $text = <$said> // q();
    close $said;

    return ($?, $text);
}


# the tables of the helper are all there, and nothing new is
sub nothing_is_damaged {
    my ($name) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    is(query('PRAGMA integrity_check'), 'ok', "$name: a whole database");
    is(query("SELECT count(*) FROM sqlite_master WHERE name IN ('sync_log',"
        . " 'sync_buffer', 'changelog', 'key_value_store')"), 4,
       "$name: with its own tables");
    is(query('SELECT count(*) FROM changelog'), 0,
       "$name: nothing is to be pushed");

    # some indexes wait for the end of a first sync, as of the first case here,
    # and one is there only until then
    my @objects = split /\n/, query(q(SELECT type || ' ' || name || ' '
        || tbl_name FROM sqlite_master));
    state %expected;
    %expected = map { $_ => 1 } @objects if !%expected;
    $expected{'index sync_buffer_ahead sync_buffer'} = 1;
    is(join(', ', grep { !$expected{$_} } @objects), q(),
       "$name: and no other object");
    return;
}


sub records_with_sql_and_json {
    my @tables = ('sqlite_master', 'sync_log', 'changelog',
        'key_value_store', 'sync_buffer; drop table sync_log', $SQL,
        'main.unit', '"unit"', '../unit', 'UNIT', q(), "unit\0",
        'temp.unit', 'pragma_table_info');
    my $n = 0;

    my @records = (
        record(++$n, 'unit', 'first', json_unit('first', 'jar')),
        record(++$n, 'unit', $SQL, json_unit($SQL, $SQL)),
        record(++$n, 'unit', '{"a":1}', json_unit('{\\"a\\":1}',
                                                  '[\\"]},{\\"')),
        (map { record(++$n, $_, 'id', '{"id":1,"sql":"DROP TABLE unit"}') }
            @tables),
        (map { record(++$n, 'unit', "action $_", json_unit('x', 'y'), $_) }
            'DROP TABLE unit', 'exec', q()),
        record(++$n, 'unit', 'extra', '{"ID":"extra","units":"box",'
            . '"comment":"","order_number":1,'
            . '"x\\", y); DROP TABLE unit; --":1,"sqlite_master":[{}]}'),
        record(++$n, 'unit', 'last', json_unit('last', 'jar')),
    );

    my ($status, $said) = sync_with(central_with(\@records));

    is($status, 0, 'SQL and JSON in every field: the run ends well')
        or diag($said);
    is(query("SELECT group_concat(ID, '|') FROM (SELECT ID FROM unit WHERE ID "
        . "IN ('first', 'last', 'extra') ORDER BY ID)"), 'extra|first|last',
       'what is sound beside it has landed');
    is(query(q(SELECT units FROM unit WHERE ID LIKE '%DROP%')), $SQL,
       'SQL is a text like others');
    is(query(q(SELECT units FROM unit WHERE ID = '{"a":1}')), '["]},{"',
       'JSON is, too');
    cmp_ok(query('SELECT count(*) FROM sync_buffer WHERE integration_error '
        . 'IS NOT NULL'), '>=', @tables - 1,
       'records of no table are kept, with a reason');
    is(query('SELECT count(*) FROM sync_log'), 1, 'the log is the helper\'s');
    nothing_is_damaged('SQL and JSON');
    return;
}


sub records_that_are_odd {
    my $huge = 'i' x (1 << 20);
    my $deep = '[' x 400 . ']' x 400;

    my @records = (
        record(1, 'unit', 'first', json_unit('first', 'jar')),
        record(2, 'unit', $huge, json_unit($huge, 'jar')),
        record(3, 'unit', 'deep', qq({"ID":"deep","units":$deep})),
        '{"ID":4,"tableName":"unit","recordId":"bad","action":"Insert",'
            . qq("recordData":{"ID":"bad","units":"\xff\xfe\xc0\x80",)
            . '"comment":"","order_number":1}}',
        record(5, 'unit', "nul\0l", '{"ID":"nul\\u0000l","units":"a\\u0000b"'
            . ',"comment":"","order_number":1}'),
        '{"ID":6,"ID":6,"tableName":"sync_log","tableName":"unit","recordId":'
            . '"other","recordId":"twice","action":"Delete","action":"Insert"'
            . ',"recordData":null,"recordData":' . json_unit('twice', 'jar')
            . '}',
        record(7, 'unit', 'surrogate', '{"ID":"surrogate","units":"\\ud800",'
            . '"comment":"","order_number":1}'),
        record(8, 'unit', 'array', '[1,2]'),
        record(9, 'unit', 'text', '"text"'),
        record(10, 'unit', 'other id', json_unit('not this', 'jar')),
        'null', '[]', '"record"', '{}',
        record(15, 'unit', 'last', json_unit('last', 'jar')),
    );

    my ($status, $said) = sync_with(central_with(\@records));

    is($status, 0, 'odd records: the run ends well') or diag($said);
    is(query("SELECT count(*) FROM unit WHERE ID IN ('first', 'last')"), 2,
       'what is sound beside them has landed');
    is(query('SELECT max(length(ID)) <= 1024 FROM unit'), 1,
       'no id of a megabyte is a key');
    is(query("SELECT hex(units) FROM unit WHERE ID = 'bad'"), 'EFBFBD' x 4,
       'what is no UTF-8 is replaced');
    is(query("SELECT hex(units) FROM unit WHERE ID = 'surrogate'"), 'EFBFBD',
       'so is half a surrogate');
    is(query("SELECT units FROM unit WHERE ID = 'twice'"), 'jar',
       'of members that come twice the last counts');
    is(query("SELECT group_concat(record_id || ': ' || integration_error, "
        . "', ') FROM (SELECT * FROM sync_buffer WHERE integration_error "
        . "IS NOT NULL AND record_id <> '' AND record_id NOT LIKE '(no id) %' "
        . 'ORDER BY record_id)'),
       join(', ', 'array: recordData is not a JSON object',
            'deep: field "units" is not a string',
            q(other id: field "ID" is not the record's id),
            'text: recordData is not a JSON object'),
       'what could not land says why');
    is(query("SELECT group_concat(n || ' ' || table_name || ': ' || "
        . "integration_error, ', ') FROM (SELECT count(*) AS n, * FROM "
        . "sync_buffer WHERE record_id = '' OR record_id LIKE '(no id) %' "
        . 'GROUP BY table_name, integration_error ORDER BY table_name)'),
       # null and {} say nothing that could be kept apart
       join(', ', '3 : the catalogue does not know this table',
            q(2 unit: field "ID" is not the record's id)),
       'so does each of those without a usable id');
    is(query('SELECT count(*) FROM unit WHERE units IS NOT NULL AND '
        . "instr(CAST(units AS BLOB), x'00') > 0"), 0, 'no NUL is in a row');
    nothing_is_damaged('odd records');
    return;
}


sub numbers_beyond_all_bounds {
    my $n = 0;
    my @numbers = ('1e400', '-1e400', '9' x 400, '9223372036854775808',
        '-9223372036854775809', '1e-400', '0.' . '0' x 300 . '1', '-0');

    my @records = (map({ my $id = 'n' . ++$n;
        record($n, 'unit', $id, qq({"ID":"$id","units":"jar",)
            . qq("comment":"","order_number":$_})) } @numbers),
        record(++$n, 'unit', 'last', json_unit('last', 'jar')));

    my ($status, $said) = sync_with(central_with(\@records));

    is($status, 0, 'numbers beyond all bounds: the run ends well')
        or diag($said);
    is(query("SELECT count(*) FROM unit WHERE ID = 'last'"), 1,
       'what is sound beside them has landed');
    is(query('SELECT count(*) FROM unit WHERE typeof(order_number) = '
        . "'real' AND abs(order_number) > 1.7e308"), 0,
       'infinity is in no row');
    nothing_is_damaged('numbers');

    # and where the helper counts with them
    for my $cursor ('9223372036854775807', '-1', '1e400', '"1"', 'null',
                    '18446744073709551617')
    {
        my $answers = 0;
        my $central = Msync::Hostile->start(sub {
            my ($method, $path, $call) = @_;

            return if $path !~ /central_records/;
            return [200, {}, qq({"maxCursor":$cursor,"data":[)
                . ($call ? q() : record($cursor, 'unit', 'u',
                                        json_unit('u', 'jar'))) . ']}'];
        });

        ($status, $said) = sync_with($central);
        cmp_ok($status >> 8, '<=', 1, "a cursor of $cursor: no crash")
            or diag($said);
        like($said, qr/[A-Z_]{4,}: \S/, '… and words')
            if $status != 0;
        cmp_ok(scalar $central->requests, '<', 60, '… nor no end');
        is(query('PRAGMA integrity_check'), 'ok', '… nor damage');
    }
    return;
}


# [name, octets or answer, what the error says]
sub answers {
    my $deep = '[' x 100_000;

    return (
        ['an answer nested without end', [200, {},
            qq({"maxCursor":1,"data":$deep)], qr/INVALID_RESPONSE/],
        ['an answer of NULs', [200, {}, "\0" x 1000], qr/INVALID_RESPONSE/],
        ['an answer cut short', [200, {}, '{"maxCursor":1,"da'],
            qr/INVALID_RESPONSE/],
        ['an answer of another kind', [200, {}, '[]'], qr/INVALID_RESPONSE/],
        ['a head without end', "HTTP/1.1 200 OK\r\n" . "X-A: b\r\n" x 200_000,
            qr/[A-Z]+_[A-Z]+: \S/],
        ['a header of a megabyte', "HTTP/1.1 200 OK\r\nX-A: " . 'b' x 1_048_576
            . "\r\n\r\n{}", qr/INVALID_RESPONSE: .*header that is too long/],
        ['a length that is a lie', "HTTP/1.1 200 OK\r\nContent-Length: "
            . "99999999999999999999\r\n\r\n{}", qr/[A-Z]+_[A-Z]+: \S/],
        ['a length below zero', "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n"
            . "\r\n{}", qr/[A-Z]+_[A-Z]+: \S/],
        ['an error with terminal sequences', [400, {},
            '{"error":{"code":"\\u001b]0;x\\u0007","message":"\\u001b[2J'
            . '\\nmsync: [emerg] forged"}}'], qr/CENTRAL_ERROR|HTTP_ERROR/],
        ['gzip that is none', [200, { 'Content-Encoding' => 'gzip' },
            'not gzip'], qr/[A-Z]+_[A-Z]+: \S/],
    );
}


sub an_answer_that_is_no_answer {
    my ($case) = @_;
    my ($name, $answer, $error) = @$case;

    my $central = Msync::Hostile->start(sub {
        return $_[1] =~ /central_records/ ? $answer : undef;
    });
    my ($status, $said) = sync_with($central);

    is($status >> 8, 1, "$name: the run fails");
    is($status & 127, 0, '… without a crash');
    like($said, $error, '… and says so');
    unlike($said, qr/[\x00-\x08\x0b-\x1f]/, '… in plain text');
    unlike($said, qr/^msync: \[emerg\] forged/m, '… of its own');
    nothing_is_damaged($name);
    return;
}


sub a_bomb {
    my ($deflate) = Compress::Zlib::deflateInit(
        -WindowBits => 31, -Level => 9);
    my $zeros = ' ' x (1 << 20);
    my $bomb = '';

    for (1 .. 128) {
        $bomb .= $deflate->deflate($zeros);
    }
    $bomb .= $deflate->flush;

    my $central = Msync::Hostile->start(sub {
        return $_[1] !~ /central_records/ ? undef
            : [200, { 'Content-Encoding' => 'gzip' }, $bomb];
    });
    my ($status, $said) = sync_with($central);

    is($status >> 8, 1, 'a bomb of 128 MB: the run fails');
    like($said, qr/RESPONSE_TOO_LARGE/, '… and says why');
    nothing_is_damaged('a bomb');
    return;
}


# a gzip file is a series of members (RFC 1952), and may be padded
sub in_pieces {
    my ($text) = @_;

    return join('', map { Compress::Zlib::memGzip($_) }
                    $text =~ /(.{1,16})/gs, q()) . "\0" x 512;
}

sub compression_in_pieces {
    my ($protocol) = @_;

    my $batch = $protocol eq 'v7'
        ? v7_batch(1, v7_record(1, 'Unit', 'p', v7_unit('p', 'x' x 1000)))
        : '{"maxCursor":1,"data":['
            . record(1, 'unit', 'p', json_unit('p', 'x' x 1000)) . ']}';
    my $central = Msync::Hostile->start(sub {
        my ($method, $path, $call) = @_;

        return if $call || $path !~ m{/central_records|/sync_v7/pull$};
        return [200, {}, $batch];
    }, $protocol, \&in_pieces);

    my ($status, $said) = sync_with($central);

    is($status, 0, "$protocol, compressed in pieces: the run ends well")
        or diag($said);
    is(query('SELECT length(units) FROM unit'), 1000, '… with all of it');
    is(scalar(grep { $_->{path} =~ /initialise|get_token/ }
              $central->requests), 1, '… and asks once what is asked once');
    return;
}


sub a_bomb_in_pieces {
    my $piece = Compress::Zlib::memGzip(' ' x (1 << 20));
    my $central = Msync::Hostile->start(sub {
        return $_[1] !~ /central_records/ ? undef
            : "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n"
                . $piece x 128;
    });
    my ($status, $said) = sync_with($central);

    is($status >> 8, 1, 'a bomb of 128 pieces: the run fails');
    like($said, qr/RESPONSE_TOO_LARGE/, '… and says why');
    nothing_is_damaged('a bomb in pieces');
    return;
}


# as a wrong setting of IIS or a gateway says; genuine sites do not look at it
sub a_coding_that_names_no_compression {
    my ($coding) = @_;

    my $central = Msync::Hostile->start(sub {
        my ($method, $path, $call) = @_;

        return if $path !~ /central_records/;
        return [200, { 'Content-Encoding' => $coding },
                '{"maxCursor":1,"data":[' . ($path =~ /cursor=0/
                    ? record(1, 'unit', 'u', json_unit('u', 'jar')) : '')
                . ']}'];
    });
    my ($status, $said) = sync_with($central);

    is($status, 0, "an answer whose coding is said to be $coding")
        or diag($said);
    is(query('SELECT units FROM unit'), 'jar', '… is taken as it is');
    return;
}


sub redirects {
    my $other = Msync::Hostile->start(sub { return });
    my $secret = stage_dir() . '/secret-file';

    open my $handle, '>', $secret or die "$secret: $!\n";
    print {$handle} '{"maxCursor":1,"data":[]}';
    close $handle or die "$secret: $!\n";

    for my $to ("file://$secret", $other->url . '/sync/v5/site',
                'gopher://127.0.0.1:' . $other->{port} . '/',
                'http://127.0.0.1:1/', '//localhost:' . $other->{port} . '/',
                'http://x@127.0.0.1:' . $other->{port} . '/',
                "/\r\nX-Injected: 1", 'javascript:alert(1)', q())
    {
        for my $status (301, 307) {
            my $central = Msync::Hostile->start(sub {
                return $_[1] !~ /central_records/ ? undef
                    : [$status, { Location => $to }, q()];
            });
            my ($rc, $said) = sync_with($central);

            is($rc >> 8, 1, "$status to $to is not followed");
            like($said, $to =~ /^(file|gopher):/
                 ? qr/HTTP_ERROR: .* of another kind, "$1:"/
                 : qr/[A-Z]+_[A-Z]+: \S/, '… and says so');
        }
    }

    is(scalar(my @asked = $other->requests), 0, 'no other server was asked');

    # with the address of v6, central names a server; a file is none
    for my $url ("file://$secret", 'gopher://127.0.0.1:70/', 'x', '-oProxy',
                 'http://', "http://127.0.0.1:$other->{port}\r\nX: y")
    {
        my $central = Msync::Hostile->start(sub {
            return if $_[1] !~ m{/sync/v5/site$};
            return [200, {}, encode_json({ id => 'site', siteId => 2,
                code => 'c', name => 'n', mSupplyCentralSiteId => 1,
                initialisationStatus => 'completed',
                isOmSupplyCentralServer => JSON::PP::false(),
                omSupplyCentralServerUrl => $url })];
        });
        my ($rc, $said) = sync_with($central);

        is($rc >> 8, 1, "a v6 server at $url is none");
        like($said, qr/[A-Z]+_[A-Z0-9_]+: \S/, '… and that is said');
    }

    is(scalar(@asked = $other->requests), 0, 'still no other was asked');
    return;
}


sub cookies {
    my $central = Msync::Hostile->start(sub {
        my ($method, $path, $call) = @_;

        return if $path !~ /central_records/;
        return [200, { 'Set-Cookie' => ['track=me; Path=/', 'a=b'] },
                '{"maxCursor":0,"data":[]}'];
    });

    my ($status, $said) = sync_with($central);
    is($status, 0, 'cookies: a run ends well') or diag($said);
    sync_with($central, again => 1);

    my @requests = $central->requests;
    cmp_ok(scalar @requests, '>', 8, 'two runs were made');
    is(scalar(grep { $_->{head} =~ /^Cookie:/mi } @requests), 0,
       'no cookie is ever sent');
    is(scalar(grep { $_->{head} =~ /\Q${\PASSWORD}\E/
                     || $_->{body} =~ /\Q${\PASSWORD}\E/ } @requests), 0,
       'nor the password itself');
    return;
}


# what is shown elsewhere: the site's own names
sub a_name_for_everything {
    my $central = Msync::Hostile->start(sub {
        return if $_[1] !~ m{/sync/v5/site$};
        return [200, {}, encode_json({ id => $SQL, siteId => 2,
            code => $SQL, name => "\e[2J$SQL<script>alert(1)</script>",
            initialisationStatus => $SQL, mSupplyCentralSiteId => 1,
            isOmSupplyCentralServer => JSON::PP::false(),
            omSupplyCentralServerUrl => q() })];
    });

    my ($status, $said) = sync_with($central);
    is($status & 127, 0, 'SQL as the name of the site: no crash');
    unlike($said, qr/\e/, 'no terminal sequence is shown');
    nothing_is_damaged('names');
    return;
}


# ---- API v7 -----------------------------------------------------------------

sub v7_record {
    my ($cursor, $table, $id, $data, %more) = @_;

    return sprintf '{"cursor":%s,"tableName":%s,"recordId":%s,"action":"%s",'
        . '"data":%s,"storeId":%s,"transferStoreId":null,"patientId":null}',
        $cursor, quote($table), quote($id), $more{action} // 'Upsert', $data,
        $more{store} // 'null';
}

sub v7_unit {
    my ($id, $name) = @_;

    return sprintf '{"id":"%s","name":"%s","description":null,"index":1,'
        . '"is_active":true}', $id, $name;
}

# a batch as text: no encoder writes these
sub v7_batch {
    my ($end, @records) = @_;

    return qq({"Ok":{"siteId":10,"lastCursorInBatch":$end,"remaining":0,)
        . qq("maxCursor":$end,"records":[) . join(',', @records) . ']}}';
}

# pull brings these once
sub v7_central_with {
    my ($batch) = @_;

    return Msync::Hostile->start(sub {
        my ($method, $path, $call) = @_;

        return $path =~ m{/pull$} && !$call ? [200, {}, $batch] : undef;
    }, 'v7');
}


sub records_of_v7 {
    my $n = 1;
    my $huge = 'i' x (1 << 20);
    my $deep = '[' x 400 . ']' x 400;
    my $merge = '{"id":"m","to_store_id":null,"from_store_id":null,"body":%s,'
        . '"created_datetime":"2026-02-03T04:05:06","status":"New","type":'
        . '"Merge","error_message":null}';

    my @records = (
        v7_record($n++, 'Unit', 'first', v7_unit('first', 'jar')),
        (map { v7_record($n++, $_, 'id', '{"id":1}') } 'sqlite_master',
            'sync_log', $SQL, 'unit', '"unit"', q(), "Unit\0",
            'SyncMessage; DROP TABLE unit'),
        (map { v7_record($n++, 'Unit', "action $_", v7_unit('x', 'y'),
                         action => $_) } 'Merge', 'UPSERT', $SQL, q()),
        v7_record($n++, 'Unit', $SQL, v7_unit($SQL, $SQL)),
        v7_record($n++, 'Unit', $huge, v7_unit($huge, 'jar')),
        v7_record($n++, 'Unit', 'deep', qq({"id":"deep","name":$deep})),
        v7_record($n++, 'Unit', 'store', v7_unit('store', 'jar'),
                  store => '{"a":[1]}'),
        v7_record($n++, 'Unit', 'none', 'null'),
        v7_record($n++, 'Unit', 'array', '[1]'),
        v7_record($n++, 'Unit', 'other', v7_unit('not this', 'jar')),
        v7_record($n++, 'Unit', 'nul', '{"id":"nul","name":"a\\u0000b",'
                  . '"description":null,"index":1,"is_active":true}'),
        (map { v7_record($n++, 'SyncMessage', 'm', sprintf $merge, quote($_)) }
            '{"tableName":"Item","mergeIdToKeep":"a"', $SQL, 'null', '[]',
            qq({"tableName":"$SQL","mergeIdToKeep":"a","mergeIdToDelete":"b"}),
            qq({"tableName":"Item","mergeIdToKeep":"$huge",)
                . '"mergeIdToDelete":"b"}',
            '{"tableName":"Unit","mergeIdToKeep":1,"mergeIdToDelete":[]}'),
        'null', '[]', '"record"', '{}',
        v7_record($n++, 'Unit', 'last', v7_unit('last', 'jar')),
    );

    my ($status, $said) = sync_with(v7_central_with(v7_batch($n, @records)));

    is($status, 0, 'odd records of v7: the run ends well') or diag($said);
    is(query("SELECT count(*) FROM unit WHERE ID IN ('first', 'last')"), 2,
       'what is sound beside them has landed');
    is(query(q(SELECT units FROM unit WHERE ID LIKE '%DROP%')), $SQL,
       'SQL is a text like others');
    is(query('SELECT max(length(ID)) <= 1024 FROM unit'), 1,
       'no id of a megabyte is a key');
    is(query('SELECT count(*) FROM sync_buffer WHERE integration_error IS '
             . 'NULL'), 0, 'what could not land says why');
    is(query('SELECT count(*) FROM unit WHERE '
        . "instr(CAST(units AS BLOB), x'00') > 0"), 0, 'no NUL is in a row');
    nothing_is_damaged('odd records of v7');
    return;
}


# What the envelope says of a record is looked at in a first sync, where it
# goes straight into its table, as it is later, and tells the same.
sub envelopes_of_v7 {
    my $n = 1;
    my $location = '{"id":"%s","name":"n","code":"c","on_hold":false,'
        . '"store_id":"MINE","location_type_id":null,"volume":0}';
    my %stores = (null => 'null', mine => '"MINE"', far => '"FAR"',
                  unknown => '"NOWHERE"', number => '7', list => '["MINE"]',
                  nothing => '""');

    my @stores = (
        (map { v7_record($n++, 'Name', $_, v7_name($_)) } 'N1', 'N2'),
        v7_record($n++, 'Store', 'MINE', v7_store(MINE => N1 => 7)),
        v7_record($n++, 'Store', 'FAR', v7_store(FAR => N2 => 8)),
    );
    my @odd = (
        (map { v7_record($n++, 'Location', "of $_", sprintf($location,
                         "of $_"), store => $stores{$_}) }
             sort keys %stores),
        (map { v7_record($n++, 'Unit', "of $_", v7_unit("of $_", 'jar'),
                         store => $stores{$_}) } sort keys %stores),
        v7_record($n++, 'Location', 'mine', sprintf($location, 'mine'),
                  store => '"MINE"') =~ s/"recordId":"mine",//r,
        v7_record($n++, 'Location', 'mine', sprintf($location, 'mine'),
                  store => '"MINE"') =~ s/"storeId":[^,]+,//r,
        v7_record($n++, 'Location', 'mine2', sprintf($location, 'mine2'),
                  store => '"MINE"') =~ s/"cursor":\d+,//r,
    );

    my @seen;

    # at once; the stores behind them, as of one that was edited; later
    for my $pulls ([[@stores, @odd]], [[@odd, @stores]], [\@stores, \@odd]) {
        my @left = map { v7_batch($n, @$_) } @$pulls;
        my $central = Msync::Hostile->start(sub {
            my ($method, $path, $call) = @_;

            return $path =~ m{/pull$} && $left[$call]
                ? [200, {}, $left[$call]] : undef;
        }, 'v7');

        for my $i (keys @$pulls) {
            my ($status, $said) = sync_with($central, again => $i);
            is($status, 0, 'odd envelopes: the run ends well') or diag($said);
        }

        push @seen, query(map { "SELECT $_" } q('shelf', ID FROM Location
            UNION ALL SELECT 'unit', ID FROM unit ORDER BY 1, 2),
            q(table_name, record_id, action, integration_error, error_field,
            dismissed, store_id, data FROM sync_buffer ORDER BY 1, 2));
        nothing_is_damaged('odd envelopes');
    }

    like($seen[0], qr/^shelf\|of mine$/m, 'what is for this site is a row');
    unlike($seen[0], qr/^shelf\|of (?!mine$)/m,
           'and nothing else');
    like($seen[0], qr/^Location\|of far\|.*\|it belongs to stores of other/m,
         'but waits with the reason');
    is($seen[1], $seen[0], 'the same where the stores come last');
    is($seen[2], $seen[0], 'and in a run after the first sync');
    return;
}


# What has no parent at the end of a first sync lands when that comes, though
# the row itself does not say for which site it is.
sub a_line_of_v7_without_its_document {
    my $n = 1;
    my $asset = '{"id":"asset","store_id":"MINE","created_datetime":'
        . '"2026-02-03T04:05:06","modified_datetime":"2026-02-03T04:05:06"}';
    my $document = '{"id":"document","name":"n","parent_ids":"[]","user_id":'
        . '"u","datetime":"2026-02-03T04:05:06","type":"t","data":"{}",'
        . '"status":"Active","context_id":"c","owner_name_id":"N3"}';
    my @left = map { v7_batch($n, @$_) } [
        v7_record($n++, 'Name', 'N1', v7_name('N1')),
        v7_record($n++, 'Store', 'MINE', v7_store(MINE => N1 => 7)),
        v7_record($n++, 'AssetInternalLocation', 'line', '{"id":"line",'
            . '"asset_id":"asset","location_id":"l"}', store => '"MINE"'),
        v7_record($n++, 'Document', 'document', $document)
            =~ s/"patientId":null/"patientId":"N3"/r,
    ], [
        v7_record($n++, 'Asset', 'asset', $asset, store => '"MINE"'),
        v7_record($n++, 'Name', 'N3', v7_name('N3')
            =~ s/"STORE"/"PATIENT"/r) =~ s/"patientId":null/"patientId":"N3"/r,
    ];
    my $central = Msync::Hostile->start(sub {
        my ($method, $path, $call) = @_;

        return $path =~ m{/pull$} && $left[$call]
            ? [200, {}, $left[$call]] : undef;
    }, 'v7');

    sync_with($central);
    is(query('SELECT record_id FROM sync_buffer ORDER BY 1'),
       "document\nline", 'what has no parent waits');
    sync_with($central, again => 1);
    is(query('SELECT record_id, integration_error FROM sync_buffer'), '',
       'until that comes');
    is(query('SELECT id FROM asset_internal_location UNION ALL SELECT ID '
             . 'FROM om_document'), "line\ndocument", 'and lands then');
    nothing_is_damaged('a line without its document');
    return;
}


sub v7_name {
    my ($id) = @_;

    return qq({"id":"$id","name":"$id","code":"c","type":"STORE",)
        . '"is_customer":true,"is_supplier":true,"is_manufacturer":false,'
        . '"is_donor":false,"on_hold":false,"is_deceased":false,'
        . '"custom_data":null}';
}


sub v7_store {
    my ($id, $name, $site) = @_;

    return qq({"id":"$id","name_id":"$name","code":"$id","site_id":$site,)
        . '"logo":null,"store_mode":"Store","created_date":null,'
        . '"is_disabled":false}';
}


sub numbers_of_v7 {
    my ($number) = @_;

    my $answers = 0;
    my $central = Msync::Hostile->start(sub {
        my ($method, $path, $call) = @_;

        return if $path !~ m{/pull$};
        return [200, {}, qq({"Ok":{"siteId":$number,"lastCursorInBatch":)
            . qq($number,"remaining":$number,"maxCursor":$number,"records":[)
            . ($call ? q() : v7_record($number, 'Unit', 'u',
                                       v7_unit('u', 'jar'))) . ']}}'];
    }, 'v7');

    my ($status, $said) = sync_with($central);

    cmp_ok($status >> 8, '<=', 1, "v7, a cursor of $number: no crash")
        or diag($said);
    is($status & 127, 0, '… nor signal');
    like($said, qr/[A-Z_]{4,}: \S/, '… and words') if $status != 0;
    cmp_ok(scalar(my @asked = $central->requests), '<', 60, '… nor no end');
    is(query('PRAGMA integrity_check'), 'ok', '… nor damage');
    return;
}


# more is promised, and the same comes for ever
sub a_pull_of_v7_without_an_end {
    my $central = Msync::Hostile->start(sub {
        return $_[1] !~ m{/pull$} ? undef : [200, {},
            '{"Ok":{"siteId":10,"lastCursorInBatch":1,"remaining":5,'
            . '"maxCursor":6,"records":['
            . v7_record(1, 'Unit', 'u', v7_unit('u', 'jar')) . ']}}'];
    }, 'v7');
    my ($status, $said) = sync_with($central);

    is($status >> 8, 1, 'a pull that makes no progress ends');
    like($said, qr/INVALID_RESPONSE: \S/, '… with words');
    return;
}


# [name, JSON of the token]
sub tokens {
    return (
        ['a header of its own', '"x\\r\\nX-Injected: 1"'],
        ['a megabyte', '"' . 'x' x 1_048_576 . '"'],
        ['nothing', '""'], ['null', 'null'], ['a number', '7'],
        ['an object', '{"a":1}'], ['a NUL', '"a\\u0000b"'],
        ['a terminal sequence', '"\\u001b[2J"'],
    );
}

sub a_token_that_is_none {
    my ($case) = @_;
    my ($name, $token) = @$case;

    my $central = Msync::Hostile->start(sub {
        return $_[1] !~ /get_token/ ? undef
            : [200, {}, qq({"Ok":{"token":$token,"siteId":7,)
                        . '"centralSiteId":10}}'];
    }, 'v7');
    my ($status, $said) = sync_with($central);

    is($status >> 8, 1, "a token that is $name: the run fails");
    like($said, qr/[A-Z_]{4,}: \S/, '… with words');
    unlike($said, qr/\e/, '… in plain text');
    is(scalar(grep { $_->{head} =~ /X-Injected|^Authorization: Bearer/mi }
              $central->requests), 0, '… and it is never sent');
    return;
}


sub errors {
    return ('{"Err":"SomethingNew"}', '{"Err":{"SomethingNew":[1,{"a":2}]}}',
        '{"Err":null}', '{"Err":[]}', '{}', '[]', '7', '{"Ok":null}',
        '{"Ok":[]}', '{"Err":{"Other":"\\u001b[2J\\nmsync: [emerg] forged"}}',
        '{"Err":{"SyncVersionMismatch":{"central":"3","remote":7}}}',
        '{"Ok":{},"Err":"TokenNotFound"}');
}

sub an_error_that_is_none {
    my ($body) = @_;

    my $central = Msync::Hostile->start(sub {
        return $_[1] =~ m{/pull$} ? [200, {}, $body] : undef;
    }, 'v7');
    my ($status, $said) = sync_with($central);

    is($status >> 8, 1, "$body: the run fails");
    like($said, qr/[A-Z_]{4,}: \S/, '… with words');
    unlike($said, qr/\e|^msync: \[emerg\] forged/m, '… of its own');
    cmp_ok(scalar(my @asked = $central->requests), '<', 30, '… and an end');
    return;
}


# the token goes to v7 alone, and nothing of it is shown
sub no_secret_in_any_header {
    my $central = Msync::Hostile->start(sub { return }, 'v7');
    my ($status, $said) = sync_with($central);

    is($status, 0, 'an empty central of v7: the run ends well')
        or diag($said);
    unlike($said, qr/a-token/, 'the token is said nowhere');
    is(scalar(grep { $_->{path} !~ /sync_v7/ && $_->{head} =~ /a-token/ }
              $central->requests), 0, 'and goes nowhere else');
    is(scalar(grep { $_->{head} =~ /\Q${\PASSWORD}\E/
                     || $_->{body} =~ /\Q${\PASSWORD}\E/ }
              $central->requests), 0, 'nor does the password');
    return;
}
