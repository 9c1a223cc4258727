"""Tables of the general slice. Plain facts, compiled for this project from common knowledge."""

from __future__ import annotations


def _pairs(text: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Parse ``question: answer|other answer; ...``."""
    entries = (entry.split(":") for entry in text.replace("\n", " ").split(";") if entry.strip())
    return tuple((key.strip(), tuple(answer.strip() for answer in value.split("|"))) for key, value in entries)


CAPITALS_FAMOUS = _pairs("""France: Paris; Germany: Berlin; Italy: Rome; Spain: Madrid; Japan: Tokyo; China: Beijing;
Russia: Moscow; Egypt: Cairo; Greece: Athens; Portugal: Lisbon; Austria: Vienna; Poland: Warsaw; Ireland: Dublin;
Sweden: Stockholm; Norway: Oslo; Hungary: Budapest; Cuba: Havana; Argentina: Buenos Aires; Peru: Lima;
India: New Delhi|Delhi; Canada: Ottawa; Mexico: Mexico City; Thailand: Bangkok; South Korea: Seoul; Iraq: Baghdad;
Iran: Tehran; Belgium: Brussels; Denmark: Copenhagen; Finland: Helsinki; Turkey: Ankara""")
CAPITALS_KNOWN = _pairs("""Australia: Canberra; Brazil: Brasilia|Brasília; Chile: Santiago; Colombia: Bogota|Bogotá;
Venezuela: Caracas; Kenya: Nairobi; Ukraine: Kyiv|Kiev; Romania: Bucharest; Bulgaria: Sofia; Serbia: Belgrade;
Croatia: Zagreb; Iceland: Reykjavik|Reykjavík; Vietnam: Hanoi; Indonesia: Jakarta; Malaysia: Kuala Lumpur;
Philippines: Manila; Pakistan: Islamabad; Afghanistan: Kabul; Syria: Damascus; Lebanon: Beirut; Jordan: Amman;
Saudi Arabia: Riyadh; Morocco: Rabat; Algeria: Algiers; Tunisia: Tunis; Libya: Tripoli; Ethiopia: Addis Ababa;
Ghana: Accra; Nigeria: Abuja; New Zealand: Wellington; Nepal: Kathmandu; Jamaica: Kingston; Uruguay: Montevideo""")
CAPITALS_SMALLER = _pairs("""Slovenia: Ljubljana; Slovakia: Bratislava; Latvia: Riga; Lithuania: Vilnius;
Estonia: Tallinn; Albania: Tirana; Moldova: Chisinau|Chișinău; Belarus: Minsk; Georgia: Tbilisi; Armenia: Yerevan;
Azerbaijan: Baku; Uzbekistan: Tashkent; Mongolia: Ulaanbaatar|Ulan Bator; Laos: Vientiane; Cambodia: Phnom Penh;
Bangladesh: Dhaka; Oman: Muscat; Qatar: Doha; Sudan: Khartoum; Uganda: Kampala; Rwanda: Kigali; Zambia: Lusaka;
Zimbabwe: Harare; Angola: Luanda; Mozambique: Maputo; Senegal: Dakar; Mali: Bamako; Madagascar: Antananarivo;
Ecuador: Quito; Paraguay: Asuncion|Asunción; Honduras: Tegucigalpa; Nicaragua: Managua; Cyprus: Nicosia""")
CAPITALS_RARE = _pairs("""Turkmenistan: Ashgabat; Kyrgyzstan: Bishkek; Tajikistan: Dushanbe; Bhutan: Thimphu;
Brunei: Bandar Seri Begawan; Maldives: Male|Malé; Eritrea: Asmara; Burkina Faso: Ouagadougou; Niger: Niamey;
Chad: N'Djamena|Ndjamena; Togo: Lome|Lomé; Benin: Porto-Novo; Gabon: Libreville; Botswana: Gaborone;
Namibia: Windhoek; Lesotho: Maseru; Malawi: Lilongwe; Mauritania: Nouakchott; Gambia: Banjul; Liberia: Monrovia;
Sierra Leone: Freetown; Guinea: Conakry; Suriname: Paramaribo; Guyana: Georgetown; Belize: Belmopan; Fiji: Suva;
Samoa: Apia; Tonga: Nuku'alofa|Nukualofa; Vanuatu: Port Vila; Comoros: Moroni; Cape Verde: Praia; Malta: Valletta""")

OPPOSITES_COMMON = _pairs("""hot: cold; big: small|little; up: down; left: right; good: bad; fast: slow; high: low;
day: night; black: white; happy: sad|unhappy; old: young|new; full: empty; open: closed|close|shut; early: late;
strong: weak; light: dark|darkness|heavy; rich: poor; wet: dry; hard: soft|easy; long: short; true: false; love: hate;
inside: outside; first: last; clean: dirty; win: lose; buy: sell; push: pull; loud: quiet|soft; thick: thin""")
OPPOSITES_RARER = _pairs("""ancient: modern|new|recent; generous: stingy|selfish|mean|greedy;
brave: cowardly|coward|fearful;
expand: contract|shrink; arrive: depart|leave; increase: decrease; success: failure; victory: defeat|loss;
guilty: innocent; maximum: minimum; natural: artificial|unnatural; public: private; shallow: deep; sharp: blunt|dull;
temporary: permanent; wide: narrow; accept: reject|refuse|decline; attack: defend|defense; create: destroy;
import: export; optimist: pessimist; rough: smooth; tight: loose; vertical: horizontal; junior: senior;
odd: even; entrance: exit; friend: enemy|foe; remember: forget; borrow: lend; simple: complex|complicated""")

PLURALS = _pairs("""child: children; man: men; woman: women; mouse: mice; foot: feet; tooth: teeth; goose: geese;
leaf: leaves; knife: knives; wolf: wolves; box: boxes; city: cities; baby: babies; bus: buses; potato: potatoes;
hero: heroes; ox: oxen; person: people; half: halves; life: lives; wife: wives; shelf: shelves;
cactus: cacti|cactuses; crisis: crises; analysis: analyses; church: churches; story: stories; loaf: loaves""")
PAST_TENSES = _pairs("""go: went; eat: ate; see: saw; take: took; give: gave; write: wrote; run: ran; sing: sang;
drink: drank; swim: swam; begin: began; break: broke; speak: spoke; drive: drove; ride: rode; fly: flew; grow: grew;
know: knew; throw: threw; draw: drew; buy: bought; bring: brought; think: thought; teach: taught; catch: caught;
fight: fought; sleep: slept; keep: kept; leave: left; feel: felt; find: found; tell: told; sell: sold; freeze: froze;
choose: chose; steal: stole; wear: wore; tear: tore; bite: bit; hide: hid; shake: shook; fall: fell; forget: forgot""")
CHEMICAL_SYMBOLS = _pairs("""hydrogen: H; oxygen: O; carbon: C; nitrogen: N; gold: Au; silver: Ag; iron: Fe;
copper: Cu; sodium: Na; potassium: K; calcium: Ca; neon: Ne; lead: Pb; zinc: Zn; tin: Sn; mercury: Hg;
chlorine: Cl; aluminum: Al; magnesium: Mg; silicon: Si; sulfur: S; phosphorus: P; uranium: U; nickel: Ni;
tungsten: W; platinum: Pt; argon: Ar; lithium: Li; titanium: Ti; manganese: Mn; barium: Ba; xenon: Xe""")

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)


def _neighbours(cycle: tuple[str, ...], step: int) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return tuple((name, (cycle[(place + step) % len(cycle)],)) for place, name in enumerate(cycle))


NEXT_DAYS, PREVIOUS_DAYS = _neighbours(_DAYS, 1), _neighbours(_DAYS, -1)
NEXT_MONTHS, PREVIOUS_MONTHS = _neighbours(_MONTHS, 1), _neighbours(_MONTHS, -1)
