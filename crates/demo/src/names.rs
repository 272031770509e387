//! The words the generated world is made of. All of them fit into Windows-1252.

/// A market: one file in each drop.
pub(crate) struct Market {
    /// As the `Market` column spells it.
    pub(crate) name: &'static str,
    /// The file's stem.
    pub(crate) file: &'static str,
    /// Its share of the rows.
    pub(crate) weight: u64,
    /// What its stores report to.
    pub(crate) regions: &'static [&'static str],
    /// Where its stores are.
    pub(crate) countries: &'static [Country],
}

/// A country, the prefix of its order ids, and its states with their cities.
pub(crate) struct Country {
    pub(crate) name: &'static str,
    pub(crate) code: &'static str,
    pub(crate) states: &'static [(&'static str, &'static [&'static str])],
}

const fn country(
    code: &'static str,
    name: &'static str,
    states: &'static [(&'static str, &'static [&'static str])],
) -> Country {
    Country { name, code, states }
}

// A line for each country reads better than rustfmt's forty.
#[rustfmt::skip]
pub(crate) const MARKETS: &[Market] = &[
    Market {
        name: "Africa",
        file: "africa",
        weight: 9,
        regions: &["Africa"],
        countries: &[
            country("SG", "Senegal", &[("Dakar", &["Dakar", "Pikine"]), ("Thiès", &["Thiès", "Mbour"])]),
            country("NI", "Nigeria", &[("Lagos", &["Lagos", "Ikeja"]), ("Kano", &["Kano"])]),
            country("SF", "South Africa", &[("Gauteng", &["Johannesburg", "Soweto", "Pretoria"]), ("Western Cape", &["Cape Town"])]),
            country("KE", "Kenya", &[("Nairobi", &["Nairobi"]), ("Coast", &["Mombasa", "Malindi"])]),
            country("MO", "Morocco", &[("Grand Casablanca", &["Casablanca"]), ("Fès-Meknès", &["Fès", "Meknès"])]),
        ],
    },
    Market {
        name: "APAC",
        file: "apac",
        weight: 22,
        regions: &["Oceania", "Southeast Asia", "North Asia", "Central Asia"],
        countries: &[
            country("IN", "India", &[("Gujarat", &["Surat", "Ahmedabad"]), ("Karnataka", &["Bangalore", "Mysore"])]),
            country("CN", "China", &[("Heilongjiang", &["Mudanjiang", "Harbin"]), ("Guangdong", &["Shenzhen", "Guangzhou"])]),
            country("AU", "Australia", &[("New South Wales", &["Sydney", "Wollongong", "Newcastle"]), ("Queensland", &["Brisbane", "Cairns"])]),
            country("ID", "Indonesia", &[("Nusa Tenggara Barat", &["Mataram"]), ("Jawa Timur", &["Surabaya", "Malang"])]),
            country("JP", "Japan", &[("Tokyo", &["Tokyo", "Hachioji"]), ("Osaka", &["Osaka", "Sakai"])]),
            country("NZ", "New Zealand", &[("Auckland", &["Auckland"]), ("Canterbury", &["Christchurch"])]),
        ],
    },
    Market {
        name: "Canada",
        file: "canada",
        weight: 1,
        regions: &["Canada"],
        countries: &[country("CA", "Canada", &[("Ontario", &["Toronto", "Guelph", "Ottawa", "Hamilton"]), ("Quebec", &["Montréal", "Québec", "Trois-Rivières"]), ("British Columbia", &["Vancouver", "Victoria"]), ("Alberta", &["Calgary", "Edmonton"])])],
    },
    Market {
        name: "EMEA",
        file: "emea",
        weight: 9,
        regions: &["EMEA"],
        countries: &[
            country("PL", "Poland", &[("Silesia", &["Bytom", "Katowice"]), ("Masovia", &["Warsaw", "Radom"])]),
            country("TU", "Turkey", &[("Ankara", &["Ankara"]), ("Istanbul", &["Istanbul", "Kadiköy"])]),
            country("SA", "Saudi Arabia", &[("Jizan", &["Jizan"]), ("Riyadh", &["Riyadh"])]),
            country("HU", "Hungary", &[("Budapest", &["Budapest"]), ("Baranya", &["Pécs"])]),
            country("IS", "Israel", &[("Haifa", &["Haifa"]), ("Tel Aviv", &["Tel Aviv", "Holon"])]),
        ],
    },
    Market {
        name: "EU",
        file: "eu",
        weight: 20,
        regions: &["Central", "North", "South"],
        countries: &[
            country("DE", "Germany", &[("Berlin", &["Berlin"]), ("Bavaria", &["München", "Nürnberg", "Würzburg"])]),
            country("FR", "France", &[("Ile-de-France", &["Paris", "Saint-Denis"]), ("Bretagne", &["Rennes", "Saint-Malo"])]),
            country("GB", "United Kingdom", &[("England", &["London", "Leeds", "Bristol"]), ("Scotland", &["Edinburgh", "Glasgow"])]),
            country("ES", "Spain", &[("Andalucía", &["Málaga", "Sevilla"]), ("Castilla y León", &["León", "Ávila"])]),
            country("SE", "Sweden", &[("Skåne", &["Malmö", "Lund"]), ("Västra Götaland", &["Göteborg", "Borås"])]),
            country("IT", "Italy", &[("Lombardy", &["Milan", "Brescia"]), ("Lazio", &["Rome"])]),
        ],
    },
    Market {
        name: "LATAM",
        file: "latam",
        weight: 20,
        regions: &["South", "Central", "North", "Caribbean"],
        countries: &[
            country("MX", "Mexico", &[("Chihuahua", &["Juárez", "Chihuahua"]), ("Jalisco", &["Guadalajara", "Zapopan"])]),
            country("BR", "Brazil", &[("São Paulo", &["São Paulo", "Guarujá"]), ("Paraná", &["Curitiba", "Maringá"])]),
            country("DO", "Dominican Republic", &[("Santo Domingo", &["Santo Domingo"]), ("La Romana", &["La Romana"])]),
            country("CO", "Colombia", &[("Bogotá", &["Bogotá"]), ("Antioquia", &["Medellín", "Itagüí"])]),
            country("AR", "Argentina", &[("Córdoba", &["Córdoba"]), ("Tucumán", &["San Miguel de Tucumán"])]),
        ],
    },
    Market {
        name: "US",
        file: "us",
        weight: 19,
        regions: &["East", "West", "Central", "South"],
        countries: &[country("US", "United States", &[("New York", &["New York City", "Buffalo", "Rochester", "Yonkers"]), ("California", &["Los Angeles", "San Diego", "Sacramento", "Oakland"]), ("Texas", &["Houston", "Dallas", "Austin", "El Paso"]), ("North Carolina", &["Charlotte", "Concord", "Raleigh"]), ("Illinois", &["Chicago", "Aurora", "Peoria"]), ("Washington", &["Seattle", "Tacoma", "Spokane"])])],
    },
];

/// Parts of a city, for when its market needs more stores than it has cities.
pub(crate) const DISTRICTS: &[&str] = &[
    "",
    " North",
    " South",
    " East",
    " West",
    " Airport",
    " Harbour",
    " Old Town",
    " Station",
    " Park",
    " Riverside",
    " Heights",
    " Market",
];

pub(crate) const FIRST_NAMES: &[&str] = &[
    "Rick",
    "Ritsa",
    "Stuart",
    "Dianna",
    "Larry",
    "Anthony",
    "Katherine",
    "Ben",
    "Darrin",
    "José",
    "Laurel",
    "Justin",
    "Craig",
    "Joseph",
    "Greg",
    "Joy",
    "Laura",
    "Jane",
    "Karen",
    "Björn",
    "Ann",
    "Peter",
    "Jason",
    "Zoë",
    "Nora",
    "Aïcha",
    "Christine",
    "Cathy",
    "Michael",
    "Clay",
    "Sally",
    "Jürgen",
    "Wei",
    "Priya",
    "Olga",
    "Tomás",
    "Ingrid",
    "Kwame",
    "Fatima",
    "Hiroshi",
    "Chloé",
    "Luca",
    "Sofía",
];

pub(crate) const LAST_NAMES: &[&str] = &[
    "Hansen",
    "Hightower",
    "Van",
    "Wilson",
    "Hughes",
    "Jacobs",
    "Murray",
    "Peterman",
    "Martin",
    "Müller",
    "Beltran",
    "Ritter",
    "Reiter",
    "Holt",
    "Maxwell",
    "Bell",
    "Armstrong",
    "Waco",
    "Ferguson",
    "García",
    "Blume",
    "Fuller",
    "Klamczynski",
    "Patel",
    "Paige",
    "Phan",
    "Prescott",
    "Stewart",
    "Ludtke",
    "O'Brien",
    "Knutson",
    "Schröder",
    "Nguyen",
    "Okafor",
    "Tanaka",
    "Silva",
    "Lindström",
    "Kowalski",
    "Rossi",
    "Dubois",
    "Fernández",
    "Haddad",
    "Yilmaz-Smith",
    "Novak",
    "Çelik",
    "Jensen",
    "Moreau",
];

pub(crate) const SEGMENTS: &[&str] = &["Consumer", "Corporate", "Home Office"];

/// Ship mode with the least and the most days it takes.
pub(crate) const SHIP_MODES: &[(&str, u32, u32)] = &[
    ("Standard Class", 4, 7),
    ("Second Class", 2, 5),
    ("First Class", 1, 3),
    ("Same Day", 0, 0),
];

pub(crate) const PRIORITIES: &[&str] = &["Medium", "High", "Critical", "Low"];

/// A kind of product: category, sub-category, the prefix of its ids, its nouns, its price in whole units.
pub(crate) struct Kind {
    pub(crate) category: &'static str,
    pub(crate) sub_category: &'static str,
    pub(crate) prefix: &'static str,
    pub(crate) nouns: &'static [&'static str],
    pub(crate) price: u32,
}

const fn kind(
    category: &'static str,
    sub_category: &'static str,
    prefix: &'static str,
    price: u32,
    nouns: &'static [&'static str],
) -> Kind {
    Kind {
        category,
        sub_category,
        prefix,
        nouns,
        price,
    }
}

const FURNITURE: &str = "Furniture";
const OFFICE: &str = "Office Supplies";
const TECHNOLOGY: &str = "Technology";

#[rustfmt::skip]
pub(crate) const KINDS: &[Kind] = &[
    kind(FURNITURE, "Bookcases", "FUR-BO", 180, &["Bookcase", "Library with Doors", "Corner Shelf"]),
    kind(FURNITURE, "Chairs", "FUR-CH", 150, &["Executive Leather Armchair", "Swivel Stool", "Rocking Chair"]),
    kind(FURNITURE, "Tables", "FUR-TA", 320, &["Conference Table", "Training Table", "Wood Table"]),
    kind(FURNITURE, "Furnishings", "FUR-FU", 35, &["Frame", "Clock", "Door Stop", "Light Bulb"]),
    kind(OFFICE, "Appliances", "OFF-AP", 140, &["Microwave", "Refrigerator", "Stove", "Toaster"]),
    kind(OFFICE, "Art", "OFF-AR", 15, &["Canvas", "Sketch Pad", "Pencil Sharpener", "Highlighters"]),
    kind(OFFICE, "Binders", "OFF-BI", 12, &["Binding Machine", "3-Hole Punch", "Index Tab", "Binder Covers"]),
    kind(OFFICE, "Envelopes", "OFF-EN", 14, &["Peel and Seal", "Business Envelopes", "Mailers"]),
    kind(OFFICE, "Fasteners", "OFF-FA", 9, &["Paper Clips", "Rubber Bands", "Thumb Tacks", "Staples"]),
    kind(OFFICE, "Labels", "OFF-LA", 8, &["Shipping Labels", "File Folder Labels", "Round Labels"]),
    kind(OFFICE, "Paper", "OFF-PA", 18, &["Cards & Envelopes", "Note Cards", "Parchment Paper"]),
    kind(OFFICE, "Storage", "OFF-ST", 60, &["Lockers", "File Cart", "Trays", "Box"]),
    kind(OFFICE, "Supplies", "OFF-SU", 20, &["Letter Opener", "Shears", "Trimmer", "Ruler"]),
    kind(TECHNOLOGY, "Accessories", "TEC-AC", 65, &["Keyboard", "Memory Card", "Router", "Headset"]),
    kind(TECHNOLOGY, "Copiers", "TEC-CO", 300, &["Wireless Fax", "Copy Machine", "Personal Copier"]),
    kind(TECHNOLOGY, "Machines", "TEC-MA", 210, &["Inkjet Printer", "Card Printer", "Receipt Printer"]),
    kind(TECHNOLOGY, "Phones", "TEC-PH", 190, &["Smart Phone", "Office Telephone", "Speaker Phone"]),
];

pub(crate) const BRANDS: &[&str] = &[
    "Northwind",
    "Acme",
    "Globex",
    "Initech",
    "Umbra",
    "Hooli",
    "Stark",
    "Wayne",
    "Vandelay",
    "Café Noir",
    "Soylent",
    "Tyrell",
    "Cyberdyne",
    "Wonka",
    "Gringotts",
    "Blue Sun",
    "Oceanic",
    "Pied Piper",
    "Massive",
    "Ångström",
];

/// Some hold commas and quotes, so that their fields must be quoted.
pub(crate) const VARIANTS: &[&str] = &[
    ", Black",
    ", White",
    ", Red",
    " - 24\" Color",
    ", High-Speed",
    ", Full Size",
    "",
    ", with Caller ID",
    " \"Classic\" Edition",
    ", Fully Assembled",
    " XL",
    ", Pack of 12",
    ", Adjustable",
    " 17\" x 11\"",
];
