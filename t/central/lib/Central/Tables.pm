package Central::Tables;

# The tables of API v7 that Open mSupply central has here: how their records
# look on the wire, who gets them, and the table of the catalogue whose rows
# they are.

use Mojo::Base -strict, -signatures;
use Exporter 'import';

our @EXPORT_OK = qw(tables is_table);

# Of each: name, table of the catalogue, styles, then fields as "name:type".
# A type that ends in "?" may be null, ">Table" is a reference to a row that
# has to be there, "~Table" one to a row that may be unknown.
my @TABLES = (
    [Currency => 'currency', 'Central', qw(
        id:text rate:number code:text is_home_currency:boolean date_updated:date?
        is_active:boolean)],
    [Unit => 'unit', 'Central', qw(
        id:text name:text description:text? index:integer is_active:boolean)],
    [Item => 'item', 'Central', qw(
        id:text name:text code:text unit_id:text?>Unit strength:text?
        ven_category:V|E|N|NotAssigned default_pack_size:number
        type:Stock|Service|NonStock legacy_record:text is_active:boolean is_vaccine:boolean
        vaccine_doses:integer restricted_location_type_id:text?~LocationType
        volume_per_pack:number universal_code:text?)],
    [Name => 'name', 'Central Patient', qw(
        id:text name:text code:text type:FACILITY|PATIENT|BUILD|INVAD|REPACK|STORE|OTHERS
        is_customer:boolean is_supplier:boolean supplying_store_id:text?~Store
        first_name:text? last_name:text? gender:FEMALE|MALE|UNKNOWN? date_of_birth:date?
        phone:text? charge_code:text? comment:text? country:text? address1:text?
        address2:text? email:text? website:text? is_manufacturer:boolean is_donor:boolean
        on_hold:boolean next_of_kin_id:text?~Name next_of_kin_name:text?
        created_datetime:datetime? is_deceased:boolean national_health_number:text?
        date_of_death:date? custom_data_string:text? deleted_datetime:datetime?
        hsh_code:text? hsh_name:text? margin:number? freight_factor:number?
        currency_id:text?~Currency)],
    [Store => 'store', 'Central', qw(
        id:text code:text site_id:integer logo:text? store_mode:Store|Dispensary
        created_date:date? is_disabled:boolean name_id:text>Name)],
    [ActivityLog => 'om_activity_log', 'RemoteOwned', qw(
        id:text type:UserLoggedIn|InvoiceCreated|InvoiceDeleted|InvoiceStatusShipped|StocktakeCreated
        user_id:text? store_id:text?~Store record_id:text? datetime:datetime changed_to:text?
        changed_from:text?)],
    [SystemLog => undef, 'RemoteToCentral', qw(
        id:text type:ProcessorError|LedgerFixError|LedgerFix|Migration|ServerStatus
        sync_site_id:integer? datetime:datetime message:text? is_error:boolean)],
    [Location => 'Location', 'RemoteOwned', qw(
        id:text name:text code:text on_hold:boolean store_id:text>Store
        location_type_id:text?~LocationType volume:number)],
    [NameStoreJoin => 'name_store_join', 'Remote', qw(
        id:text store_id:text>Store name_is_customer:boolean name_is_supplier:boolean
        name_id:text>Name)],
    [SyncMessage => 'message', 'Remote Central', qw(
        id:text to_store_id:text?~Store from_store_id:text?~Store body:text
        created_datetime:datetime status:New|Processed type:text error_message:text?)],
    [Invoice => 'transact', 'RemoteOwned Transfer Patient', qw(
        id:text name_store_id:text?~Store store_id:text>Store user_id:text?
        invoice_number:integer
        type:OUTBOUND_SHIPMENT|INBOUND_SHIPMENT|PRESCRIPTION|INVENTORY_ADDITION|INVENTORY_REDUCTION|REPACK|SUPPLIER_RETURN|CUSTOMER_RETURN
        status:NEW|ALLOCATED|PICKED|SHIPPED|RECEIVED|DELIVERED|VERIFIED|CANCELLED
        on_hold:boolean comment:text? their_reference:text? transport_reference:text?
        created_datetime:datetime allocated_datetime:datetime? picked_datetime:datetime?
        shipped_datetime:datetime? delivered_datetime:datetime? received_datetime:datetime?
        verified_datetime:datetime? cancelled_datetime:datetime? colour:text?
        requisition_id:text?~Requisition linked_invoice_id:text?~Invoice
        tax_percentage:number? currency_id:text?~Currency currency_rate:number
        clinician_link_id:text?~Clinician name_id:text>Name is_cancellation:boolean
        original_shipment_id:text? backdated_datetime:datetime? diagnosis_id:text?~Diagnosis
        program_id:text?~Program name_insurance_join_id:text?~NameInsuranceJoin
        insurance_discount_amount:number? insurance_discount_percentage:number?
        expected_delivery_date:date? purchase_order_id:text?~PurchaseOrder
        shipping_method_id:text?~ShippingMethod charges_local_currency:number
        charges_foreign_currency:number default_donor_id:text?~Name)],
    [StockLine => 'item_line', 'RemoteOwned', qw(
        id:text item_link_id:text>Item store_id:text>Store location_id:text?>Location
        batch:text? pack_size:number cost_price_per_pack:number sell_price_per_pack:number
        available_number_of_packs:number total_number_of_packs:number expiry_date:date?
        on_hold:boolean note:text? total_volume:number volume_per_pack:number
        supplier_id:text?~Name barcode_id:text?~Barcode item_variant_id:text?~ItemVariant
        vvm_status_id:text?~VVMStatus campaign_id:text?~Campaign program_id:text?~Program
        manufacture_date:date? donor_id:text?~Name manufacturer_id:text?~Name)],
    [InvoiceLine => 'trans_line', 'RemoteOwned Transfer Patient', qw(
        id:text invoice_id:text>Invoice item_link_id:text>Item item_name:text item_code:text
        stock_line_id:text?~StockLine location_id:text?~Location batch:text?
        expiry_date:date? pack_size:number cost_price_per_pack:number
        sell_price_per_pack:number total_before_tax:number total_after_tax:number
        tax_percentage:number? type:StockIn|StockOut|UnallocatedStock|Service
        number_of_packs:number prescribed_quantity:number? note:text?
        volume_per_pack:number linked_invoice_id:text?
        foreign_currency_price_before_tax:number? item_variant_id:text?~ItemVariant
        vvm_status_id:text?~VVMStatus reason_option_id:text?~ReasonOption
        campaign_id:text?~Campaign program_id:text?~Program
        shipped_number_of_packs:number? shipped_pack_size:number?
        status:Pending|Passed|Rejected? manufacture_date:date?
        purchase_order_line_id:text?~PurchaseOrderLine donor_id:text?~Name
        manufacturer_id:text?~Name)],
);

# every table that this version of the protocol has a name for
my %NAMES = map { $_ => 1 } qw(
  Abbreviation ActivityLog Asset AssetCatalogueItem AssetCatalogueType AssetCategory
  AssetClass AssetInternalLocation AssetLog AssetLogReason AssetProperty BackendPlugin
  Barcode BundledItem Campaign Category Clinician ClinicianStoreJoin Contact ContactForm
  ContactTrace Context Currency Demographic DemographicIndicator Diagnosis Document
  DocumentRegistry Encounter FormSchema FrontendPlugin IndicatorColumn IndicatorLine
  IndicatorValue InsuranceProvider Invoice InvoiceLine Item ItemCategoryJoin ItemDirection
  ItemStoreJoin ItemVariant ItemWarningJoin Location LocationMovement LocationType
  MasterList MasterListLine MasterListNameJoin Name NameInsuranceJoin NameOmsFields
  NameProperty NameStoreJoin NameTag NameTagJoin PackagingVariant Period PeriodSchedule
  PluginData Preference Printer Program ProgramEnrolment ProgramEvent ProgramIndicator
  ProgramRequisitionOrderType ProgramRequisitionSettings Property PurchaseOrder
  PurchaseOrderLine ReasonOption Report Requisition RequisitionLine RnrForm RnrFormLine
  Sensor ShippingMethod Site StockLine Stocktake StocktakeLine Store StorePreference
  SyncFileReference SyncMessage SystemLog TemperatureBreach TemperatureLog Unit
  UserAccount UserPermission UserStoreJoin VVMStatus VVMStatusLog Vaccination
  VaccineCourse VaccineCourseDose VaccineCourseItem VaccineCourseStoreConfig);

# where an envelope's store, other store and patient come from, if not from
# columns of the row itself
my %PARENT = (InvoiceLine => [invoice_id => 'Invoice']);

sub is_table ($name) { return $NAMES{$name} }

# in the order in which they are integrated, parents first
sub tables () {
    return map {
        my ($name, $like, $styles, @fields) = @$_;
        {
            table  => $name,
            like   => $like,
            styles => {map { $_ => 1 } split / /, $styles},
            parent => $PARENT{$name},
            fields => [map { _field($_) } @fields],
        };
    } @TABLES;
}

sub _field ($text) {
    my ($name, $type, $nullable, $kind, $to)
      = $text =~ /\A(\w+):([\w|]+)(\??)(?:([>~])(\w+))?\z/ or die "not a field: $text";

    return {
        name       => $name,
        nullable   => $nullable ne '',
        references => $to,
        checked    => defined $kind && $kind eq '>',
        $type =~ /\|/ ? (type => 'enum', enum => [split /\|/, $type]) : (type => $type),
    };
}

1;
