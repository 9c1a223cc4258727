"""Number words of the low-resource slice against tables written by hand, and what is accepted beside them."""

from __future__ import annotations

import pytest

from tailgate_slices.item import Answer, Item, SliceError
from tailgate_slices.low_resource import LowResource
from tailgate_slices.low_resource.languages import LANGUAGES
from tailgate_slices.low_resource.numerals import number_proof, spellings, squash
from tailgate_slices.low_resource.respelling import accepted, highest

MAKER = LowResource()
SPELLING = [code for code, language in LANGUAGES.items() if "number-to-words" in language.tasks]
ROUND = (*range(1, 11), *range(20, 100, 10))

# One to ten, then twenty to ninety.
TABLES = {
    "id": "satu dua tiga empat lima enam tujuh delapan sembilan sepuluh dua_puluh tiga_puluh empat_puluh lima_puluh"
    " enam_puluh tujuh_puluh delapan_puluh sembilan_puluh",
    "tr": "bir iki üç dört beş altı yedi sekiz dokuz on yirmi otuz kırk elli altmış yetmiş seksen doksan",
    "uk": "один два три чотири пʼять шість сім вісім девʼять десять двадцять тридцять сорок пʼятдесят шістдесят"
    " сімдесят вісімдесят девʼяносто",
    "el": "ένα δύο τρία τέσσερα πέντε έξι επτά οκτώ εννέα δέκα είκοσι τριάντα σαράντα πενήντα εξήντα εβδομήντα"
    " ογδόντα ενενήντα",
    "he": "אחת שתיים שלוש ארבע חמש שש שבע שמונה תשע עשר עשרים שלושים ארבעים חמישים שישים שבעים שמונים תשעים",
    "fa": "یک دو سه چهار پنج شش هفت هشت نه ده بیست سی چهل پنجاه شصت هفتاد هشتاد نود",
    "hi": "एक दो तीन चार पाँच छह सात आठ नौ दस बीस तीस चालीस पचास साठ सत्तर अस्सी नब्बे",
    "ko": "일 이 삼 사 오 육 칠 팔 구 십 이십 삼십 사십 오십 육십 칠십 팔십 구십",
    "th": "หนึ่ง สอง สาม สี่ ห้า หก เจ็ด แปด เก้า สิบ ยี่สิบ สามสิบ สี่สิบ ห้าสิบ หกสิบ เจ็ดสิบ แปดสิบ เก้าสิบ",
    "bg": "едно две три четири пет шест седем осем девет десет двайсет трийсет четиресет петдесет шейсет седемдесет"
    " осемдесет деветдесет",
    "az": "bir iki üç dörd beş altı yeddi səkkiz doqquz on iyirmi otuz qırx əlli altmış yetmiş səksən doxsan",
    "kk": "бір екі үш төрт бес алты жеті сегіз тоғыз он жиырма отыз қырық елу алпыс жетпіс сексен тоқсан",
    "ka": "ერთი ორი სამი ოთხი ხუთი ექვსი შვიდი რვა ცხრა ათი ოცი ოცდაათი ორმოცი ორმოცდაათი სამოცი სამოცდაათი ოთხმოცი"
    " ოთხმოცდაათი",
    "hy": "մեկ երկու երեք չորս հինգ վեց յոթ ութ ինը տասը քսան երեսուն քառասուն հիսուն վաթսուն յոթանասուն ութսուն"
    " իննսուն",
    "ta": "ஒன்று இரண்டு மூன்று நான்கு ஐந்து ஆறு ஏழு எட்டு ஒன்பது பத்து இருபது முப்பது நாற்பது ஐம்பது அறுபது எழுபது எண்பது தொண்ணூறு",
    "gu": "એક બે ત્રણ ચાર પાંચ છ સાત આઠ નવ દસ વીસ ત્રીસ ચાલીસ પચાસ સાઈઠ સિત્તેર એંસી નેવું",
    "ne": "एक दुई तिन चार पाँच छ सात आठ नौ दस बिस तिस चालिस पचास साठी सत्तरी असी नब्बे",
    "sw": "moja mbili tatu nne tano sita saba nane tisa kumi ishirini thelathini arobaini hamsini sitini sabini"
    " themanini tisini",
    "cy": "un dau tri pedwar pump chwech saith wyth naw deg dau_ddeg tri_deg pedwar_deg pum_deg chwe_deg saith_deg"
    " wyth_deg naw_deg",
    "ky": "бир эки үч төрт беш алты жети сегиз тогуз он жыйырма отуз кырк элүү алтымыш жетимиш сексен токсон",
    "am": "አንድ ሁለት ሦስት አራት አምስት ስድስት ሰባት ስምንት ዘጠኝ አስር ሃያ ሰላሳ አርባ ሃምሳ ስልሳ ሰባ ሰማንያ ዘጠና",
    "my": "တစ် နှစ် သုံး လေး ငါး ခြောက် ခုနစ် ရှစ် ကိုး ဆယ် နှစ်ဆယ် သုံးဆယ် လေးဆယ် ငါးဆယ် ခြောက်ဆယ် ခုနစ်ဆယ် ရှစ်ဆယ် ကိုးဆယ်",
    "km": "មួយ ពីរ បី បួន ប្រាំ ប្រាំមួយ ប្រាំពីរ ប្រាំបី ប្រាំបួន ដប់ ម្ភៃ សាមសិប សែសិប ហាសិប ហុកសិប ចិតសិប ប៉ែតសិប កៅសិប",
}
# Teens, composites, hundreds and thousands.
COMPOSITES = {
    "id": {11: "sebelas", 17: "tujuh belas", 100: "seratus", 121: "seratus dua puluh satu", 1000: "seribu"},
    "tr": {11: "on bir", 48: "kırk sekiz", 100: "yüz", 256: "iki yüz elli altı", 1000: "bin", 1001: "bin bir"},
    "uk": {
        **{14: "чотирнадцять", 90: "девʼяносто", 100: "сто", 200: "двісті", 500: "пʼятсот", 1000: "одна тисяча"},
        **{2345: "дві тисячі триста сорок пʼять", 5000: "пʼять тисяч"},
    },
    "el": {
        **{13: "δεκατρία", 100: "εκατό", 101: "εκατόν ένα", 200: "διακόσια", 900: "εννιακόσια", 1000: "χίλια"},
        **{3000: "τρεις χιλιάδες", 2095: "δύο χιλιάδες ενενήντα πέντε"},
    },
    "he": {
        **{11: "אחת עשרה", 21: "עשרים ואחת", 100: "מאה", 120: "מאה ועשרים", 200: "מאתיים", 1000: "אלף"},
        **{
            1100: "אלף ומאה",
            1300: "אלף ושלוש מאות",
            2000: "אלפיים",
            3000: "שלושת אלפים",
            1234: "אלף מאתיים שלושים וארבע",
        },
    },
    "fa": {
        **{11: "یازده", 18: "هجده", 21: "بیست و یک", 100: "صد", 200: "دویست", 300: "سیصد", 500: "پانصد", 1000: "هزار"},
        **{1234: "هزار و دویست و سی و چهار"},
    },
    "hi": {
        **{11: "ग्यारह", 19: "उन्नीस", 25: "पच्चीस", 49: "उनचास", 58: "अट्ठावन", 75: "पचहत्तर", 81: "इक्यासी", 89: "नवासी"},
        **{100: "एक सौ", 1000: "एक हज़ार", 2345: "दो हज़ार तीन सौ पैंतालीस"},
    },
    "ko": {11: "십일", 42: "사십이", 100: "백", 307: "삼백칠", 1000: "천", 1100: "천백", 2345: "이천삼백사십오"},
    "th": {
        **{11: "สิบเอ็ด", 21: "ยี่สิบเอ็ด", 100: "หนึ่งร้อย", 101: "หนึ่งร้อยเอ็ด", 1000: "หนึ่งพัน", 1001: "หนึ่งพันเอ็ด"},
        **{1111: "หนึ่งพันหนึ่งร้อยสิบเอ็ด", 2345: "สองพันสามร้อยสี่สิบห้า"},
    },
    "bg": {
        **{11: "единайсет", 21: "двайсет и едно", 100: "сто", 101: "сто и едно", 121: "сто двайсет и едно"},
        **{200: "двеста", 500: "петстотин", 1000: "хиляда", 1100: "хиляда и сто", 2000: "две хиляди"},
        **{2345: "две хиляди триста четиресет и пет"},
    },
    "az": {
        11: "on bir",
        68: "altmış səkkiz",
        100: "yüz",
        181: "yüz səksən bir",
        1000: "min",
        2304: "iki min üç yüz dörd",
    },
    "kk": {11: "он бір", 56: "елу алты", 100: "жүз", 203: "екі жүз үш", 1000: "мың", 1234: "мың екі жүз отыз төрт"},
    "ka": {
        **{11: "თერთმეტი", 18: "თვრამეტი", 38: "ოცდათვრამეტი", 99: "ოთხმოცდაცხრამეტი", 100: "ასი", 101: "ას ერთი"},
        **{200: "ორასი", 203: "ორას სამი", 1000: "ათასი", 2345: "ორი ათას სამას ორმოცდახუთი"},
    },
    "hy": {
        **{11: "տասնմեկ", 12: "տասներկու", 19: "տասնինը", 21: "քսանմեկ", 95: "իննսունհինգ", 100: "հարյուր"},
        **{110: "հարյուր տասը", 200: "երկու հարյուր", 1000: "հազար", 1234: "հազար երկու հարյուր երեսունչորս"},
    },
    "ta": {
        **{11: "பதினொன்று", 12: "பன்னிரண்டு", 19: "பத்தொன்பது", 21: "இருபத்து ஒன்று", 95: "தொண்ணூற்று ஐந்து"},
        **{100: "நூறு", 101: "நூற்று ஒன்று", 400: "நானூறு", 800: "எண்ணூறு", 900: "தொள்ளாயிரம்", 1000: "ஆயிரம்"},
        **{1001: "ஆயிரத்து ஒன்று", 2000: "இரண்டாயிரம்", 2345: "இரண்டாயிரத்து முந்நூற்று நாற்பத்து ஐந்து"},
    },
    "gu": {
        **{11: "અગિયાર", 19: "ઓગણીસ", 25: "પચ્ચીસ", 51: "એકાવન", 99: "નવ્વાણું", 100: "એક સો", 200: "બસો", 300: "ત્રણ સો"},
        **{1000: "એક હજાર", 2200: "બે હજાર બસો"},
    },
    "ne": {
        **{11: "एघार", 12: "बाह्र", 16: "सोह्र", 25: "पच्चिस", 52: "बाउन्न", 99: "उनान्सय", 100: "एक सय", 1000: "एक हजार"},
    },
    "sw": {
        **{11: "kumi na moja", 42: "arobaini na mbili", 100: "mia moja", 203: "mia mbili na tatu", 1000: "elfu moja"},
        **{2003: "elfu mbili na tatu", 1200: "elfu moja na mia mbili"},
        **{2345: "elfu mbili mia tatu na arobaini na tano"},
    },
    "cy": {11: "un deg un", 12: "un deg dau", 42: "pedwar deg dau", 55: "pum deg pump", 66: "chwe deg chwech"},
    "ky": {11: "он бир", 56: "элүү алты", 100: "жүз", 203: "эки жүз үч", 1000: "миң", 2000: "эки миң"},
    "am": {
        **{11: "አስራ አንድ", 18: "አስራ ስምንት", 24: "ሃያ አራት", 99: "ዘጠና ዘጠኝ", 100: "መቶ", 110: "መቶ አስር", 200: "ሁለት መቶ"},
        **{1000: "አንድ ሺህ", 2345: "ሁለት ሺህ ሦስት መቶ አርባ አምስት"},
    },
    "my": {11: "ဆယ့်တစ်", 17: "ဆယ့်ခုနစ်", 21: "နှစ်ဆယ့်တစ်", 99: "ကိုးဆယ့်ကိုး"},
    "km": {
        **{11: "ដប់មួយ", 17: "ដប់ប្រាំពីរ", 21: "ម្ភៃមួយ", 100: "មួយរយ", 1000: "មួយពាន់", 2345: "ពីរពាន់បីរយសែសិបប្រាំ"},
    },
}
ACCEPTED = [
    *[("uk", 1000, "тисяча"), ("uk", 5, "п'ять"), ("uk", 5, "п’ять"), ("uk", 9, "дев‘ять"), ("he", 120, "מאה עשרים")],
    *[("el", 7, "εφτά"), ("el", 88, "ογδόντα οχτώ"), ("el", 21, "εικοσιένα"), ("fa", 1000, "یک هزار")],
    *[("hi", 5, "पांच"), ("hi", 15, "पंद्रह"), ("hi", 1000, "एक हजार"), ("hi", 99, "निन्यानवे"), ("hi", 100, "सौ")],
    *[("hi", 34, "चौँतीस"), ("hi", 6, "छः"), ("th", 101, "หนึ่งร้อยหนึ่ง"), ("th", 101, "ร้อยเอ็ด")],
    *[("tr", 1234, "bin ikiyüzotuzdört")],
    *[("az", 100, "bir yüz"), ("kk", 1000, "бір мың"), ("ky", 101, "жүз бир"), ("hy", 100, "մեկ հարյուր")],
    *[("hy", 10, "տաս"), ("hy", 42, "քառասուն երկու"), ("ka", 203, "ორასსამი"), ("ka", 900, "ცხრასი")],
    *[("ta", 21, "இருபத்தொன்று"), ("ta", 22, "இருபத்திரண்டு"), ("ta", 23, "இருபத்தி மூன்று"), ("ta", 5000, "ஐயாயிரம்")],
    *[("ta", 121, "நூற்றிருபத்தொன்று"), ("gu", 60, "સાઠ"), ("gu", 23, "ત્રેવીસ"), ("gu", 100, "સો")],
    *[("ne", 3, "तीन"), ("ne", 20, "बीस"), ("ne", 80, "अस्सी"), ("bg", 20, "двадесет"), ("bg", 60, "шестдесет")],
    *[("sw", 2003, "elfu mbili, tatu"), ("sw", 121, "mia moja ishirini na moja"), ("sw", 100, "mia")],
    *[("sw", 1234, "elfu moja, mia mbili thelathini na nne"), ("cy", 15, "pymtheg"), ("cy", 20, "ugain")],
    *[("am", 3, "ሶስት"), ("am", 30, "ሠላሳ"), ("am", 10, "አሥር"), ("am", 50, "አምሳ"), ("am", 101, "አንድ መቶ አንድ")],
    *[("am", 20, "ሀያ"), ("my", 7, "ခုနှစ်"), ("my", 10, "တစ်ဆယ်")],
]
NOT_ACCEPTED = [
    *[("am", 24, "ሁለት አስር አራት"), ("am", 11, "አስር አንድ"), ("el", 90, "εννενήντα"), ("el", 2000, "δύο χίλιάδες")],
    *[("az", 80, "səqsən"), ("az", 60, "atmış"), ("ka", 18, "თრვამეტი"), ("hy", 90, "իննասուն")],
    *[("ta", 1000, "ஒன்று ஆயிரம்"), ("ta", 400, "நாநூறூ"), ("ta", 21, "இருபது ஒன்று"), ("cy", 15, "un deg pedwar")],
    *[("bg", 121, "сто двамадесет и един"), ("my", 21, "နှစ်ဆယ့်နှစ်"), ("sw", 103, "mia tatu")],
    *[("hi", 5, "पच"), ("uk", 5, "пять")],
]


def written(code):
    table = dict(zip(ROUND, (word.replace("_", " ") for word in TABLES[code].split(" ")), strict=True))
    return {**table, **COMPOSITES[code]}


def graded(code, number, text):
    attributes = {"lang": code, "script": LANGUAGES[code].script, "form": "number", "kind": "writing"}
    item = Item(
        id="x",
        slice=MAKER.name,
        stratum=f"lang={code}",
        index=0,
        prompt="What?",
        references=spellings(code, number),
        max_new_tokens=40,
        attributes={**attributes, "task": "number-to-words", "english": str(number), "value": number},
    )
    return MAKER.grade(item, Answer(text=text, finish_reason="stop"))


def test_every_language_that_is_asked_for_number_words_has_a_table():
    assert set(TABLES) == set(COMPOSITES) == set(SPELLING)


@pytest.mark.parametrize("code", SPELLING)
def test_number_words_shown_are_those_of_the_table(code):
    expected = written(code)
    assert {number: spellings(code, number)[0] for number in expected} == expected


@pytest.mark.parametrize("code", SPELLING)
def test_every_number_of_the_table_is_right_as_an_answer(code):
    assert not [item for item in written(code).items() if graded(code, *item).score != 1.0]


@pytest.mark.parametrize(("code", "number", "text"), ACCEPTED)
def test_other_spelling_is_right_as_an_answer(code, number, text):
    assert graded(code, number, text).score == 1.0


@pytest.mark.parametrize(("code", "number", "text"), NOT_ACCEPTED)
def test_words_that_only_a_library_writes_are_wrong(code, number, text):
    assert graded(code, number, text).score == 0.0


@pytest.mark.parametrize("code", SPELLING)
def test_other_spellings_of_a_number_are_of_no_other(code):
    seen = {}
    for number in (*range(1, min(highest(code), 240)), *range(240, highest(code), 171)):
        for text in (each for form in spellings(code, number) for each in accepted(code, number, form)):
            assert seen.setdefault(squash(code, text), number) == number


@pytest.mark.parametrize("code", ["cy", "my"])
def test_numbers_beyond_doubt_end_where_the_rules_go_wrong(code):
    assert highest(code) == 99
    with pytest.raises(SliceError, match="cannot spell 100"):
        spellings(code, 100)
    items = [MAKER.item(stratum=f"lang={code}", seed=1, index=index, tokens=None) for index in range(300)]
    assert max(int(item.attributes["value"]) for item in items if item.attributes["form"] == "number") <= 99


def test_cherokee_is_not_asked_for_number_words_that_no_two_sources_spell_alike():
    assert "number-to-words" not in LANGUAGES["chr"].tasks
    assert number_proof("chr", 2, "ꮤꮅ") is None
    with pytest.raises(SliceError, match="cannot spell 2 in Cherokee"):
        spellings("chr", 2)


@pytest.mark.parametrize(
    ("number", "words"),
    [
        *((23, "ოცდასამი"), (43, "ორმოცდასამი"), (63, "სამოცდასამი"), (83, "ოთხმოცდასამი"), (123, "ას ოცდასამი")),
        *((103, "ას სამი"), (303, "სამას სამი"), (323, "სამას ოცდასამი"), (923, "ცხრაას ოცდასამი"), (300, "სამასი")),
    ],
)
def test_georgian_three_after_a_score_is_one_word_and_hundreds_stand_apart(number, words):
    assert spellings("ka", number)[0] == words
