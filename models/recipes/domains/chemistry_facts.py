"""The elements, and common compounds with their formulas."""

NAMES = (
    "Hydrogen H|Helium He|Lithium Li|Beryllium Be|Boron B|Carbon C|Nitrogen N|Oxygen O|Fluorine F|Neon Ne|Sodium Na"
    "|Magnesium Mg|Aluminium Al|Silicon Si|Phosphorus P|Sulfur S|Chlorine Cl|Argon Ar|Potassium K|Calcium Ca|Scandium Sc"
    "|Titanium Ti|Vanadium V|Chromium Cr|Manganese Mn|Iron Fe|Cobalt Co|Nickel Ni|Copper Cu|Zinc Zn|Gallium Ga"
    "|Germanium Ge|Arsenic As|Selenium Se|Bromine Br|Krypton Kr|Rubidium Rb|Strontium Sr|Yttrium Y|Zirconium Zr"
    "|Niobium Nb|Molybdenum Mo|Technetium Tc|Ruthenium Ru|Rhodium Rh|Palladium Pd|Silver Ag|Cadmium Cd|Indium In|Tin Sn"
    "|Antimony Sb|Tellurium Te|Iodine I|Xenon Xe|Caesium Cs|Barium Ba|Lanthanum La|Cerium Ce|Praseodymium Pr"
    "|Neodymium Nd|Promethium Pm|Samarium Sm|Europium Eu|Gadolinium Gd|Terbium Tb|Dysprosium Dy|Holmium Ho|Erbium Er"
    "|Thulium Tm|Ytterbium Yb|Lutetium Lu|Hafnium Hf|Tantalum Ta|Tungsten W|Rhenium Re|Osmium Os|Iridium Ir|Platinum Pt"
    "|Gold Au|Mercury Hg|Thallium Tl|Lead Pb|Bismuth Bi|Polonium Po|Astatine At|Radon Rn|Francium Fr|Radium Ra"
    "|Actinium Ac|Thorium Th|Protactinium Pa|Uranium U|Neptunium Np|Plutonium Pu|Americium Am|Curium Cm|Berkelium Bk"
    "|Californium Cf|Einsteinium Es|Fermium Fm|Mendelevium Md|Nobelium No|Lawrencium Lr|Rutherfordium Rf|Dubnium Db"
    "|Seaborgium Sg|Bohrium Bh|Hassium Hs|Meitnerium Mt|Darmstadtium Ds|Roentgenium Rg|Copernicium Cn|Nihonium Nh"
    "|Flerovium Fl|Moscovium Mc|Livermorium Lv|Tennessine Ts|Oganesson Og"
)

GASES = frozenset("H He N O F Ne Cl Ar Kr Xe Rn".split())
LIQUIDS = frozenset(("Br", "Hg"))
# Beyond fermium the state at room temperature was never seen.
STATE_KNOWN_MAX = 100

FAMILIES = {
    "noble gas": "He Ne Ar Kr Xe Rn",
    "halogen": "F Cl Br I",
    "alkali metal": "Li Na K Rb Cs Fr",
    "alkaline earth metal": "Be Mg Ca Sr Ba Ra",
    "metalloid": "B Si Ge As Sb Te",
    "nonmetal": "H C N O P S Se",
    "lanthanide": "La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu",
    "actinide": "Ac Th Pa U Np Pu Am Cm Bk Cf Es Fm Md No Lr",
    "transition metal": "Sc Ti V Cr Mn Fe Co Ni Cu Y Zr Nb Mo Tc Ru Rh Pd Ag Hf Ta W Re Os Ir Pt Au",
}
FAMILY = {symbol: family for family, symbols in FAMILIES.items() for symbol in symbols.split()}

COMPOUNDS = {
    "water": "H2O", "carbon dioxide": "CO2", "carbon monoxide": "CO", "table salt": "NaCl", "sodium chloride": "NaCl",
    "ammonia": "NH3", "methane": "CH4", "ethane": "C2H6", "propane": "C3H8", "butane": "C4H10", "ethanol": "C2H5OH",
    "methanol": "CH3OH", "glucose": "C6H12O6", "sucrose": "C12H22O11", "benzene": "C6H6", "acetylene": "C2H2",
    "ethylene": "C2H4", "acetone": "C3H6O", "acetic acid": "CH3COOH", "formic acid": "HCOOH", "formaldehyde": "CH2O",
    "hydrochloric acid": "HCl", "sulfuric acid": "H2SO4", "nitric acid": "HNO3", "phosphoric acid": "H3PO4",
    "carbonic acid": "H2CO3", "hydrofluoric acid": "HF", "hydrogen peroxide": "H2O2", "hydrogen sulfide": "H2S",
    "ozone": "O3", "sulfur dioxide": "SO2", "sulfur trioxide": "SO3", "nitrogen dioxide": "NO2", "nitrous oxide": "N2O",
    "nitric oxide": "NO", "sodium hydroxide": "NaOH", "potassium hydroxide": "KOH", "calcium hydroxide": "Ca(OH)2",
    "calcium carbonate": "CaCO3", "calcium oxide": "CaO", "magnesium oxide": "MgO", "baking soda": "NaHCO3",
    "sodium carbonate": "Na2CO3", "potassium chloride": "KCl", "calcium chloride": "CaCl2", "potassium nitrate": "KNO3",
    "silver nitrate": "AgNO3", "copper sulfate": "CuSO4", "iron oxide": "Fe2O3", "aluminium oxide": "Al2O3",
    "silicon dioxide": "SiO2", "titanium dioxide": "TiO2", "zinc oxide": "ZnO", "ammonium nitrate": "NH4NO3",
    "ammonium chloride": "NH4Cl", "sodium sulfate": "Na2SO4", "magnesium sulfate": "MgSO4", "calcium sulfate": "CaSO4",
    "potassium permanganate": "KMnO4", "hydrogen cyanide": "HCN", "urea": "CO(NH2)2", "bleach": "NaClO",
    "chloroform": "CHCl3", "silane": "SiH4", "phosphine": "PH3", "hydrazine": "N2H4", "zinc sulfate": "ZnSO4",
    "lithium carbonate": "Li2CO3", "barium sulfate": "BaSO4", "uranium hexafluoride": "UF6",
}

ELEMENTS = []
for _number, _entry in enumerate(NAMES.split("|"), 1):
    _name, _symbol = _entry.split(" ")
    ELEMENTS.append(
        {
            "element": _name.lower(),
            "symbol": _symbol,
            "number": str(_number),
            "state": "gas" if _symbol in GASES else "liquid" if _symbol in LIQUIDS else "solid",
            "state_known": _number <= STATE_KNOWN_MAX,
            "family": FAMILY.get(_symbol),
        }
    )
