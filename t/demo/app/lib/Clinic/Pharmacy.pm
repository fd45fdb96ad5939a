package Clinic::Pharmacy;

=head1 NAME

Clinic::Pharmacy - what a dispensary does, as rows of mSupply's tables

=head1 DESCRIPTION

Each act is one transaction, so msync sends all of it or nothing yet.  What is
wrong with what a person asked for dies with C<{ said =E<gt> SENTENCE }>, for
that person.

=cut

use Mojo::Base -base, -signatures;

has 'db';

my $STOCK = q{SELECT l.ID, i.item_name, i.code, l.item_ID, l.batch,
    l.expiry_date, l.pack_size, l.available, l.quantity, l.hold,
    l.expiry_date < date('now', 'localtime') AS expired
    FROM item_line l JOIN item i ON i.ID = l.item_ID
    WHERE l.store_ID = ?};

=head1 METHODS

=head2 stock

The batches of this store that have something left, the first to expire first.

=cut

sub stock ($self) {
    return $self->db->rows("$STOCK AND l.quantity > 0
        ORDER BY i.item_name, l.expiry_date, l.batch", $self->_store);
}

=head2 receivers

Patients and wards that something can be issued to.

=cut

sub receivers ($self) {
    return $self->db->rows(q{SELECT n.ID, n.name, n.type FROM name n
        JOIN name_store_join j ON j.name_ID = n.ID AND j.store_ID = ?
        WHERE NOT j.inactive AND n.deleted_datetime IS NULL
        AND (n.type = 'patient' OR n.type = 'facility' AND n.customer)
        ORDER BY n.type DESC, n.name}, $self->_store);
}

=head2 issue NAME_ID, BATCH_ID, PACKS

To a patient a prescription, to a ward a customer invoice, finalised at once;
its number.

=cut

sub issue ($self, $name_id, $batch_id, $packs) {
    _packs($packs);
    _refuse("No se entrega nada.") unless $packs > 0;

    return $self->db->transaction(sub ($dbh) {
        my $db = $self->db;
        my $to = $db->row('SELECT ID, type FROM name WHERE ID = ?', $name_id)
            or _refuse("¿A quién se entrega?");
        my $batch = $self->_batch($batch_id);

        _refuse("Este lote está retenido.") if $batch->{hold};
        _refuse("Este lote venció el $batch->{expiry_date}.")
            if $batch->{expired};

        # asked and taken in one statement
        $dbh->do(q{UPDATE item_line SET available = available - ?1,
            quantity = quantity - ?1 WHERE ID = ?2 AND available >= ?1},
            undef, $packs, $batch_id) > 0
            or _refuse("Solo quedan $batch->{available} de este lote.");

        my $invoice = $self->_invoice('ci',
            $to->{type} eq 'patient' ? 'dispensary' : 'store', $name_id);
        $self->_line($invoice, $batch, 'stock_out', $packs);
        return $invoice->{invoice_num};
    });
}

=head2 deliveries

What central says is under way to this store, with its lines.

=cut

sub deliveries ($self) {
    my $deliveries = $self->db->rows(q{SELECT t.ID, t.invoice_num,
        t.entry_date, n.name FROM transact t JOIN name n ON n.ID = t.name_ID
        WHERE t.store_ID = ? AND t.type = 'si' AND t.status IN ('nw', 'sg')
        ORDER BY t.entry_date DESC, t.invoice_num}, $self->_store);

    for my $delivery (@$deliveries) {
        $delivery->{lines} = $self->_lines_of($delivery->{ID});
    }
    return $deliveries;
}

=head2 receive DELIVERY_ID

Its lines become batches; its number.

=cut

sub receive ($self, $id) {
    return $self->db->transaction(sub ($dbh) {
        my $delivery = $self->db->row(q{SELECT * FROM transact WHERE ID = ?
            AND store_ID = ? AND type = 'si' AND status IN ('nw', 'sg')},
            $id, $self->_store)
            or _refuse("Esta entrega ya fue recibida.");

        for my $line (@{ $self->_lines_of($id) }) {
            $self->_stock_line($delivery, $line);
        }
        $self->_finalise($delivery);
        return $delivery->{invoice_num};
    });
}

sub _stock_line ($self, $delivery, $line) {
    my $db    = $self->db;
    my $batch = $line->{item_line_ID} // $db->id;

    if ($db->row('SELECT 1 FROM item_line WHERE ID = ?', $batch)) {
        $db->dbh->do('UPDATE item_line SET available = available + ?1,
            quantity = quantity + ?1 WHERE ID = ?2', undef,
            $line->{quantity}, $batch);
        return;
    }

    $db->insert('item_line', ID => $batch, store_ID => $self->_store,
        available => $line->{quantity}, name_ID => $delivery->{name_ID},
        map { $_ => $line->{$_} } qw(item_ID batch expiry_date pack_size
            quantity cost_price sell_price volume_per_pack));
    $db->dbh->do('UPDATE trans_line SET item_line_ID = ? WHERE ID = ?', undef,
        $batch, $line->{ID});
    return;
}

# Open mSupply's fields count where they are set, else it derives them
sub _finalise ($self, $delivery) {
    my $db = $self->db;
    my ($day, $time) = ($db->today, $db->now);

    $db->dbh->do(q{UPDATE transact SET status = 'fn',
        confirm_date = coalesce(confirm_date, ?1),
        confirm_time = iif(confirm_date IS NULL, ?2, confirm_time),
        finalised_date = ?1, finalised_time = ?2 WHERE ID = ?3}, undef, $day,
        $time, $delivery->{ID});
    $db->dbh->do(q{UPDATE transact SET om_status = 'VERIFIED',
        om_delivered_datetime = coalesce(om_delivered_datetime, ?1),
        om_verified_datetime = ?1
        WHERE ID = ?2 AND om_created_datetime IS NOT NULL}, undef,
        $db->utc, $delivery->{ID});
    return;
}

=head2 count BATCH_ID => PACKS, ...

A stocktake of these batches, finalised at once: what differs is booked as an
inventory adjustment where central has a name for it.  Its number.

=cut

sub count ($self, %counted) {
    _refuse("No se contó nada.") unless %counted;
    _packs($_) for values %counted;

    return $self->db->transaction(sub ($dbh) {
        my $db     = $self->db;
        my $take   = $db->id;
        my $number = 1 + $db->row('SELECT coalesce(max(serial_number), 0) AS n
            FROM Stock_take WHERE store_ID = ?', $self->_store)->{n};
        my %lines;

        $db->insert('Stock_take', ID => $take, store_ID => $self->_store,
            serial_number => $number, status => 'fn', created_by_ID => '',
            Description => 'Conteo ' . $db->today, Locked => 0,
            stock_take_created_date => $db->today,
            stock_take_date => $db->today, stock_take_time => $db->now);

        for my $id (sort keys %counted) {
            my $batch = $self->_batch($id);
            my $more  = $counted{$id} - $batch->{quantity};

            $self->_counted($take, $batch, $counted{$id});
            push @{ $lines{ $more > 0 ? 'si' : 'sc' } }, [$batch, abs $more]
                if $more;
        }
        $self->_adjust($take, $_, $lines{$_}) for sort keys %lines;
        return $number;
    });
}

sub _counted ($self, $take, $batch, $packs) {
    my $db   = $self->db;
    my $more = $packs - $batch->{quantity};

    $db->insert('Stock_take_lines', ID => $db->id, stock_take_ID => $take,
        item_line_ID => $batch->{ID}, snapshot_qty => $batch->{quantity},
        snapshot_packsize => $batch->{pack_size}, stock_take_qty => $packs,
        Batch => $batch->{batch}, expiry => $batch->{expiry_date},
        is_edited => 1, item_ID => $batch->{item_ID},
        item_name => $batch->{item_name});
    $db->dbh->do('UPDATE item_line SET available = max(0, available + ?1),
        quantity = ?2 WHERE ID = ?3', undef, $more, $packs, $batch->{ID})
        if $more;
    return;
}

sub _adjust ($self, $take, $type, $lines) {
    my $db   = $self->db;
    my $name = $db->row(q{SELECT ID FROM name WHERE code = 'invad'}) or return;
    my $invoice = $self->_invoice($type, 'store', $name->{ID});
    my $added   = $type eq 'si';

    $self->_line($invoice, $_->[0], $added ? 'stock_in' : 'stock_out', $_->[1])
        for @$lines;
    $db->dbh->do(sprintf('UPDATE Stock_take SET %s = ? WHERE ID = ?',
        $added ? 'invad_additions_ID' : 'invad_reductions_ID'), undef,
        $invoice->{ID}, $take);
    return;
}

sub _refuse ($sentence) { die { said => $sentence } }

sub _store ($self) { return $self->db->store->{ID} }

# the person's number, checked: columns of a number take any text
sub _packs ($text) {
    _refuse("«$text» no es una cantidad.")
        unless $text =~ /\A [0-9]{1,9} (?: [.] [0-9]{1,6} )? \z/x;
    return;
}

sub _batch ($self, $id) {
    return $self->db->row("$STOCK AND l.ID = ?", $self->_store, $id)
        // _refuse("Este lote no está aquí.");
}

sub _lines_of ($self, $id) {
    return $self->db->rows(q{SELECT * FROM trans_line WHERE transaction_ID = ?
        AND type = 'stock_in' ORDER BY item_name, ID}, $id);
}

sub _invoice ($self, $type, $mode, $name_id) {
    my $db = $self->db;
    my ($day, $time) = ($db->today, $db->now);
    my %invoice = (
        ID => $db->id, type => $type, status => 'fn', mode => $mode,
        name_ID => $name_id, store_ID => $self->_store,
        invoice_num => 1 + $db->row('SELECT coalesce(max(invoice_num), 0) AS n
            FROM transact WHERE store_ID = ? AND type = ?', $self->_store,
            $type)->{n},
        currency_rate => 1, entry_date => $day, entry_time => $time,
        confirm_date => $day, confirm_time => $time,
        finalised_date => $day, finalised_time => $time,
    );

    $db->insert('transact', %invoice);
    return \%invoice;
}

sub _line ($self, $invoice, $batch, $type, $packs) {
    my $db = $self->db;

    return $db->insert('trans_line', ID => $db->id,
        transaction_ID => $invoice->{ID}, item_line_ID => $batch->{ID},
        type => $type, quantity => $packs,
        map { $_ => $batch->{$_} } qw(item_ID item_name batch expiry_date
            pack_size));
}

1;
