"""People register in their own script, however their keyboard spells it."""

# ruff: noqa: RUF001  these letters are meant

from unicodedata import normalize

import pytest

from functions.users.fields import FIELDS
from tests.support.users.people import registration

NAMES = {
    "Amharic": "አበበ",
    "Arabic": "محمد",
    "Arabic with vowels": "مُحَمَّد",
    "Armenian": "Արամ",
    "Bengali": "প্রিয়াঙ্কা",
    "Bulgarian": "Георги",
    "Burmese": "အောင်ဆန်း",
    "Catalan": "Òscar",
    "Cherokee": "ᏎᏉᏯ",
    "Chinese": "王小明",
    "Czech": "Jiří",
    "Divehi": "އިބްރާހީމް",
    "Esperanto": "Ĉiela",
    "French": "Zoë",
    "Georgian": "გიორგი",
    "German": "Jürgen",
    "Greek": "Γιώργος",
    "Gujarati": "પ્રિયા",
    "Hausa": "Ɓala",
    "Hawaiian": "Kalaniʻōpuʻu",
    "Hebrew": "יוסף",
    "Hebrew with points": "שָׁלוֹם",
    "Hindi": "प्रिया",
    "Icelandic": "Þórður",
    "Igbo": "Chịọma",
    "Japanese": "さくら",
    "Japanese in katakana": "カタリーナ",
    "Japanese in half width": "ﾊﾞｰﾊﾞﾗ",
    "Kannada": "ಲಕ್ಷ್ಮಿ",
    "Kazakh": "Әлия",
    "Khmer": "សុខា",
    "Korean": "김민준",
    "Lao": "ຄຳພູນ",
    "Latvian": "Jānis",
    "Lithuanian": "Žydrūnė",
    "Malayalam": "ശ്രീജിത്ത്",
    "Maltese": "Ġorġ",
    "Marathi": "ज्ञानेश्वर",
    "Mongolian": "ᠲᠡᠮᠦᠵᠢᠨ",
    "Nepali": "श्रीमती",
    "Odia": "ପ୍ରିୟା",
    "Pashto": "ګلالۍ",
    "Persian": "مهدی",
    "Persian with a joiner": "علی‌رضا",
    "Polish": "Łukasz",
    "Punjabi": "ਪ੍ਰੀਤ",
    "Romanian": "Ștefan",
    "Russian": "Наталья",
    "Sinhala": "ශ්‍රීමා",
    "Tamil": "தமிழ்ச்செல்வி",
    "Telugu": "శ్రీనివాస్",
    "Thai": "สมศรี",
    "Thai with am": "กำธร",
    "Tibetan": "བསྟན་འཛིན".replace("་", ""),
    "Tigrinya": "ተስፋይ",
    "Turkish": "Gülşah",
    "Ukrainian": "Їжак",
    "Urdu": "عائشہ",
    "Vietnamese": "Nguyễn",
    "Yoruba": "Adébáyọ̀",
}


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("field", ["name", "username"])
@pytest.mark.parametrize("language", [*NAMES])
def test_a_name_of_a_language_is_taken_in_each_spelling(language: str, field: str, form: str) -> None:
    typed = normalize(form, NAMES[language])  # pyright: ignore[reportArgumentType]  one of its four forms
    body = registration(None, **{field: typed})
    assert FIELDS.parse_registration(body)[field] == normalize("NFC", typed)


@pytest.mark.parametrize(
    "name",
    ["María José García", "João d'Ávila", "Anne-Marie O’Neill", "Gal·la Placidia", "N!xau ǂToma", "M. K. 7", "李 娜"],
)
def test_a_full_name_is_taken(name: str) -> None:
    assert FIELDS.parse_changes({"name": name}) == {"name": name}
