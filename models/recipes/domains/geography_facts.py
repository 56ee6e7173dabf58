"""Countries: name, capital, continent, currency, main official language.

Where a state has several capitals or languages, the seat of government and
the most widely used official language are given. Written from general
knowledge, in plain ASCII spellings; states whose answer is disputed are left out.
"""

TABLE = """
Afghanistan|Kabul|Asia|Afghan afghani|Pashto
Albania|Tirana|Europe|Albanian lek|Albanian
Algeria|Algiers|Africa|Algerian dinar|Arabic
Andorra|Andorra la Vella|Europe|euro|Catalan
Angola|Luanda|Africa|Angolan kwanza|Portuguese
Argentina|Buenos Aires|South America|Argentine peso|Spanish
Armenia|Yerevan|Asia|Armenian dram|Armenian
Australia|Canberra|Oceania|Australian dollar|English
Austria|Vienna|Europe|euro|German
Azerbaijan|Baku|Asia|Azerbaijani manat|Azerbaijani
Bahrain|Manama|Asia|Bahraini dinar|Arabic
Bangladesh|Dhaka|Asia|Bangladeshi taka|Bengali
Barbados|Bridgetown|North America|Barbadian dollar|English
Belarus|Minsk|Europe|Belarusian ruble|Belarusian
Belgium|Brussels|Europe|euro|Dutch
Belize|Belmopan|North America|Belize dollar|English
Benin|Porto-Novo|Africa|West African CFA franc|French
Bhutan|Thimphu|Asia|Bhutanese ngultrum|Dzongkha
Botswana|Gaborone|Africa|Botswana pula|English
Brazil|Brasilia|South America|Brazilian real|Portuguese
Bulgaria|Sofia|Europe|euro|Bulgarian
Burkina Faso|Ouagadougou|Africa|West African CFA franc|French
Cambodia|Phnom Penh|Asia|Cambodian riel|Khmer
Cameroon|Yaounde|Africa|Central African CFA franc|French
Canada|Ottawa|North America|Canadian dollar|English
Chad|N'Djamena|Africa|Central African CFA franc|French
Chile|Santiago|South America|Chilean peso|Spanish
China|Beijing|Asia|renminbi|Mandarin
Colombia|Bogota|South America|Colombian peso|Spanish
Costa Rica|San Jose|North America|Costa Rican colon|Spanish
Croatia|Zagreb|Europe|euro|Croatian
Cuba|Havana|North America|Cuban peso|Spanish
Cyprus|Nicosia|Europe|euro|Greek
Czechia|Prague|Europe|Czech koruna|Czech
Denmark|Copenhagen|Europe|Danish krone|Danish
Dominica|Roseau|North America|East Caribbean dollar|English
Ecuador|Quito|South America|US dollar|Spanish
Egypt|Cairo|Africa|Egyptian pound|Arabic
El Salvador|San Salvador|North America|US dollar|Spanish
Eritrea|Asmara|Africa|Eritrean nakfa|Tigrinya
Estonia|Tallinn|Europe|euro|Estonian
Ethiopia|Addis Ababa|Africa|Ethiopian birr|Amharic
Fiji|Suva|Oceania|Fijian dollar|English
Finland|Helsinki|Europe|euro|Finnish
France|Paris|Europe|euro|French
Gabon|Libreville|Africa|Central African CFA franc|French
Gambia|Banjul|Africa|Gambian dalasi|English
Georgia|Tbilisi|Asia|Georgian lari|Georgian
Germany|Berlin|Europe|euro|German
Ghana|Accra|Africa|Ghanaian cedi|English
Greece|Athens|Europe|euro|Greek
Guatemala|Guatemala City|North America|Guatemalan quetzal|Spanish
Guinea|Conakry|Africa|Guinean franc|French
Guyana|Georgetown|South America|Guyanese dollar|English
Haiti|Port-au-Prince|North America|Haitian gourde|Haitian Creole
Honduras|Tegucigalpa|North America|Honduran lempira|Spanish
Hungary|Budapest|Europe|Hungarian forint|Hungarian
Iceland|Reykjavik|Europe|Icelandic krona|Icelandic
India|New Delhi|Asia|Indian rupee|Hindi
Indonesia|Jakarta|Asia|Indonesian rupiah|Indonesian
Iran|Tehran|Asia|Iranian rial|Persian
Iraq|Baghdad|Asia|Iraqi dinar|Arabic
Ireland|Dublin|Europe|euro|English
Italy|Rome|Europe|euro|Italian
Jamaica|Kingston|North America|Jamaican dollar|English
Japan|Tokyo|Asia|yen|Japanese
Jordan|Amman|Asia|Jordanian dinar|Arabic
Kazakhstan|Astana|Asia|Kazakhstani tenge|Kazakh
Kenya|Nairobi|Africa|Kenyan shilling|Swahili
Kuwait|Kuwait City|Asia|Kuwaiti dinar|Arabic
Kyrgyzstan|Bishkek|Asia|Kyrgyzstani som|Kyrgyz
Laos|Vientiane|Asia|Lao kip|Lao
Latvia|Riga|Europe|euro|Latvian
Lebanon|Beirut|Asia|Lebanese pound|Arabic
Lesotho|Maseru|Africa|Lesotho loti|Sesotho
Liberia|Monrovia|Africa|Liberian dollar|English
Libya|Tripoli|Africa|Libyan dinar|Arabic
Liechtenstein|Vaduz|Europe|Swiss franc|German
Lithuania|Vilnius|Europe|euro|Lithuanian
Luxembourg|Luxembourg City|Europe|euro|Luxembourgish
Madagascar|Antananarivo|Africa|Malagasy ariary|Malagasy
Malawi|Lilongwe|Africa|Malawian kwacha|English
Malaysia|Kuala Lumpur|Asia|Malaysian ringgit|Malay
Maldives|Male|Asia|Maldivian rufiyaa|Dhivehi
Mali|Bamako|Africa|West African CFA franc|Bambara
Malta|Valletta|Europe|euro|Maltese
Mauritania|Nouakchott|Africa|Mauritanian ouguiya|Arabic
Mauritius|Port Louis|Africa|Mauritian rupee|English
Mexico|Mexico City|North America|Mexican peso|Spanish
Moldova|Chisinau|Europe|Moldovan leu|Romanian
Monaco|Monaco|Europe|euro|French
Mongolia|Ulaanbaatar|Asia|Mongolian tugrik|Mongolian
Montenegro|Podgorica|Europe|euro|Montenegrin
Morocco|Rabat|Africa|Moroccan dirham|Arabic
Mozambique|Maputo|Africa|Mozambican metical|Portuguese
Myanmar|Naypyidaw|Asia|Myanmar kyat|Burmese
Namibia|Windhoek|Africa|Namibian dollar|English
Nepal|Kathmandu|Asia|Nepalese rupee|Nepali
Netherlands|Amsterdam|Europe|euro|Dutch
New Zealand|Wellington|Oceania|New Zealand dollar|English
Nicaragua|Managua|North America|Nicaraguan cordoba|Spanish
Niger|Niamey|Africa|West African CFA franc|French
Nigeria|Abuja|Africa|Nigerian naira|English
North Korea|Pyongyang|Asia|North Korean won|Korean
North Macedonia|Skopje|Europe|Macedonian denar|Macedonian
Norway|Oslo|Europe|Norwegian krone|Norwegian
Oman|Muscat|Asia|Omani rial|Arabic
Pakistan|Islamabad|Asia|Pakistani rupee|Urdu
Panama|Panama City|North America|Panamanian balboa|Spanish
Papua New Guinea|Port Moresby|Oceania|Papua New Guinean kina|English
Paraguay|Asuncion|South America|Paraguayan guarani|Spanish
Peru|Lima|South America|Peruvian sol|Spanish
Philippines|Manila|Asia|Philippine peso|Filipino
Poland|Warsaw|Europe|Polish zloty|Polish
Portugal|Lisbon|Europe|euro|Portuguese
Qatar|Doha|Asia|Qatari riyal|Arabic
Romania|Bucharest|Europe|Romanian leu|Romanian
Russia|Moscow|Europe|Russian ruble|Russian
Rwanda|Kigali|Africa|Rwandan franc|Kinyarwanda
Samoa|Apia|Oceania|Samoan tala|Samoan
San Marino|San Marino|Europe|euro|Italian
Saudi Arabia|Riyadh|Asia|Saudi riyal|Arabic
Senegal|Dakar|Africa|West African CFA franc|French
Serbia|Belgrade|Europe|Serbian dinar|Serbian
Sierra Leone|Freetown|Africa|Sierra Leonean leone|English
Singapore|Singapore|Asia|Singapore dollar|English
Slovakia|Bratislava|Europe|euro|Slovak
Slovenia|Ljubljana|Europe|euro|Slovene
Somalia|Mogadishu|Africa|Somali shilling|Somali
South Africa|Pretoria|Africa|South African rand|Zulu
South Korea|Seoul|Asia|South Korean won|Korean
Spain|Madrid|Europe|euro|Spanish
Sudan|Khartoum|Africa|Sudanese pound|Arabic
Suriname|Paramaribo|South America|Surinamese dollar|Dutch
Sweden|Stockholm|Europe|Swedish krona|Swedish
Switzerland|Bern|Europe|Swiss franc|German
Syria|Damascus|Asia|Syrian pound|Arabic
Tajikistan|Dushanbe|Asia|Tajikistani somoni|Tajik
Tanzania|Dodoma|Africa|Tanzanian shilling|Swahili
Thailand|Bangkok|Asia|Thai baht|Thai
Togo|Lome|Africa|West African CFA franc|French

Tunisia|Tunis|Africa|Tunisian dinar|Arabic
Turkey|Ankara|Asia|Turkish lira|Turkish
Turkmenistan|Ashgabat|Asia|Turkmenistani manat|Turkmen
Uganda|Kampala|Africa|Ugandan shilling|English
Ukraine|Kyiv|Europe|Ukrainian hryvnia|Ukrainian
United Arab Emirates|Abu Dhabi|Asia|UAE dirham|Arabic
United Kingdom|London|Europe|pound sterling|English
United States|Washington|North America|US dollar|English
Uruguay|Montevideo|South America|Uruguayan peso|Spanish
Uzbekistan|Tashkent|Asia|Uzbekistani som|Uzbek
Vanuatu|Port Vila|Oceania|Vanuatu vatu|Bislama
Venezuela|Caracas|South America|Venezuelan bolivar|Spanish
Vietnam|Hanoi|Asia|Vietnamese dong|Vietnamese
Yemen|Sanaa|Asia|Yemeni rial|Arabic
Zambia|Lusaka|Africa|Zambian kwacha|English
"""

FIELDS = ("country", "capital", "continent", "currency", "language")
COUNTRIES = [dict(zip(FIELDS, row.split("|"))) for row in TABLE.split("\n") if row]

# Names that people write with an article.
WITH_ARTICLE = frozenset(
    "Netherlands|Philippines|United Kingdom|United States|United Arab Emirates|Maldives|Gambia".split("|")
)
