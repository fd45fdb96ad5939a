package Central::Words;

# The vocabulary of the generated data: what a clinic in a country that runs
# mSupply would really have on its shelves and in its address book.
# Everything is handed out as UTF-8 octets, ready to be put into JSON text.

use Mojo::Base -strict;
use utf8;
use Exporter 'import';

our @EXPORT_OK = qw(words);

my %WORDS = (
    drug => [
        'Amoxicillin',          'Paracetamol',
        'Ibuprofen',            'Metformin',
        'Artemether/Lumefantrine', 'Oral rehydration salts',
        'Zinc sulfate',         'Ciprofloxacin',
        'Doxycycline',          'Cotrimoxazole',
        'Amlodipine',           'Atenolol',
        'Furosemide',           'Hydrochlorothiazide',
        'Isoniazid',            'Rifampicin',
        'Tenofovir/Lamivudine/Dolutegravir', 'Nevirapine',
        'Ceftriaxone',          'Gentamicin',
        'Oxytocin',             'Misoprostol',
        'Magnesium sulfate',    'Diazepam',
        'Salbutamol',           'Prednisolone',
        'Albendazole',          'Praziquantel',
        'Ferrous sulfate/Folic acid', 'Vitamin A',
        'Chlorhexidine',        'Clotrimazole',
        'Omeprazole',           'Insulin, soluble',
        'Glibenclamide',        'Fluconazole',
        'Morphine',             'Lidocaine',
        'Sodium chloride 0.9%', 'Glucose 5%',
    ],
    vaccine => [
        'BCG vaccine', 'Measles-rubella vaccine', 'Pentavalent vaccine',
        'Oral polio vaccine', 'Inactivated polio vaccine', 'HPV vaccine',
        'Pneumococcal conjugate vaccine', 'Rotavirus vaccine',
        'Tetanus-diphtheria vaccine', 'COVID-19 vaccine',
    ],
    strength => [
        '250mg', '500mg', '100mg', '50mg', '20mg/ml', '1g', '5mg', '10mg',
        '200mg/5ml', '80mg/480mg',
    ],
    form => [
        'tablets', 'capsules', 'oral suspension', 'injection', 'syrup',
        'cream', 'dispersible tablets',
    ],
    unit => [
        'each', 'tablet', 'capsule', 'vial', 'ampoule', 'bottle', 'sachet',
        'tube', 'ml', 'dose', 'kit', 'roll', 'pair', 'box', 'test',
    ],
    place => [
        'San José', 'Riverside', 'Nouna', 'Ban Phônsavan', 'Mount Hagen',
        'Santa Ana', 'Lautoka', 'Honiara', 'Côte Blanche', 'Kokopo',
        'Tarawa South', 'Dili Leste', 'Mbale', 'Vientiane North',
        'Puerto Ayora', 'Kisumu', 'Bougainville', 'Suva Point', 'El Rosario',
        'Savai\'i',
    ],
    facility => [
        'Clinic', 'Health Centre', 'District Hospital', 'Dispensary',
        'Aid Post', 'Outreach Team',
    ],
    supplier => [
        'National Medical Stores', 'IDA Foundation', 'UNICEF Supply Division',
        'Pharma Global Ltd', 'Laboratorios "La Unión"', 'Médecins Réunis',
        'Pacific Medical Supplies', 'Cipla Distribution',
    ],
    first => [
        'María', 'John', 'Amina', 'Thongchanh', 'Seini', 'Pedro', 'Grace',
        'Josué', 'Litia', 'Somchai', 'Ana', 'Moses', 'Fatoumata', 'Tevita',
        'Lucía', 'Peter', 'Noy', 'Esther', 'Joaquim', 'Zoë',
    ],
    last => [
        'Núñez', 'Okello', 'Vongsa', 'Tuilagi', 'da Silva', 'Kamau',
        'Traoré', 'Rodríguez', 'Siddiqui', 'O\'Brien', 'Namaliu', 'Phiri',
        'Sesay', 'Fernández', 'Wakolo', 'Bounma', 'Achieng', 'Pereira',
    ],
    comment => [
        'Counted twice', 'Please send before the rains',
        "First line\nsecond line", 'Said: "urgent"', 'Stock from the old store',
        'Back\\slash and tab	kept', 'Entrega parcial – falta el resto',
    ],
    direction => [
        'Take one tablet three times a day', 'Take with food',
        'Apply twice a day', 'Shake well before use',
    ],
    currency => ['USD', 'EUR', 'PGK', 'LAK', 'FJD'],
    list     => [
        'Essential medicines', 'Dispensary stock list', 'HIV programme',
        'Hospital list', 'Immunisation programme', 'Donor list',
        'Tuberculosis programme', 'Emergency list',
    ],
    tag      => ['Island', 'Referral', 'Cold chain', 'Urban', 'Private'],
    schedule => ['Monthly', 'Quarterly', 'Yearly'],
    category => [
        'Antibiotics', 'Analgesics', 'Antimalarials', 'Vaccines',
        'Cardiovascular', 'Antiretrovirals', 'Dressings', 'Laboratory',
        'Dermatology', 'Vitamins', 'Intravenous fluids', 'Anaesthetics',
    ],
    category1 => ['Medicines', 'Consumables', 'Equipment'],
    category2 => [
        'Oral', 'Injectable', 'Topical', 'Dressing materials',
        'Laboratory supplies', 'Small equipment',
    ],
    diagnosis => [
        'Malaria, unspecified', 'Acute upper respiratory infection',
        'Essential hypertension', 'Type 2 diabetes', 'Diarrhoea',
        'Asthma', 'Otitis media', 'Scabies', 'Anaemia', 'Pneumonia',
        'Typhoid fever', 'Tuberculosis of lung',
    ],
    location_type => ['Ambient', 'Cool store', 'Refrigerator', 'Freezer'],
    warning       => ['Light sensitive', 'Keep dry', 'Controlled', 'Teratogenic'],
    asset_class   => [
        'Cold chain equipment', 'Medical devices', 'Power equipment',
    ],
    asset_category => [
        'Refrigerators and freezers', 'Cold rooms and freezer rooms',
        'Diagnostic devices', 'Sterilisers', 'Generators',
    ],
    asset_catalogue_type => [
        'Ice-lined refrigerator', 'Vaccine freezer', 'Walk-in cold room',
        'Walk-in freezer room', 'Blood pressure monitor', 'Autoclave',
        'Pressure steriliser', 'Diesel generator',
    ],
    reason => [
        'Found', 'Expired', 'Theft', 'Broken vial', 'Damaged', 'Not needed',
        'Lost', 'Wrong item', 'Recount', 'Donation', 'Open vial', 'Overheated',
    ],
    log_reason => [
        'Awaiting installation', 'Stored', 'Working well', 'Noise',
        'Temperature unstable', 'No power', 'Sold', 'Scrapped',
    ],
    property => [
        'Altitude', 'Population served', 'Has electricity', 'Facility type',
        'Opening date', 'Catchment area',
    ],
    demographic => [
        'Newborns', 'Surviving infants', 'Adolescent girls', 'Adults over 60',
    ],
    campaign => ["Polio days", "Measles catch-up", "Mass deworming"],
    course => [
        'BCG', 'Measles-rubella', 'Pentavalent', 'HPV',
    ],
    report => [
        'Stock on hand', 'Expiring items', 'Invoice', 'Requisition',
        'Cold chain status',
    ],
    provider => ['Seguro Nacional', 'Mutuelle de Santé', 'MediCare Pacific'],
    method   => ['Road', 'Air', 'Sea', 'Motorbike'],
    job      => ['Nurse', 'Pharmacist', 'Store keeper', 'Doctor'],
    country  => ['Timor-Leste', 'Fiji', 'Côte d\'Ivoire', 'Laos', ''],
    mime     => ['image/jpeg', 'application/pdf', 'image/png'],
);

for my $list (values %WORDS) {
    utf8::encode($_) for @$list;
}

# the list called $name, as octets
sub words {
    my $name = shift;

    return $WORDS{$name} // die "no words called $name";
}

1;
