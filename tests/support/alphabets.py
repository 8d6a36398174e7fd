# ruff: noqa: RUF001 (letters of many scripts are what it is for)
"""Texts in real scripts, with all that makes cutting hard: marks, joiners, ligatures, surrogates."""

from hypothesis import strategies as st

PIECES = (
    *("the", "The", "rain", "Don", "x", "ZZ", "4", "1984", "éclair", "e\u0301clair", "naïve", "Straße", "STRASSE"),
    *("ﬁne", "fine", "Ｆｕｌｌ", "soft\u00adhyphen", "zero\u200bwidth", "\ufeff", "ﬄ", "Ⅷ", "½", "⑴", "①", "x²", "æon"),
    *("привет", "мир", "Ёлка", "Е\u0308лка", "γνῶθι", "σεαυτόν", "ΣΑΣ", "שָׁלוֹם", "مَرْحَبًا", "العـربية", "हिन्दी", "क्षत्रिय"),
    *(
        "漢",
        "字",
        "漢字",
        "々",
        "かな",
        "か\u3099",
        "が",
        "ｶﾞ",
        "カー",
        "ไทย",
        "ก็",
        "น้ำ",
        "ဦး",
        "ဥ\u102e",
        "ខ្មែរ",
        "ລາວ",
    ),
    *(
        "한국어",
        "\u1112\u1161\u11ab",
        "\u3164",
        "ʻokina",
        "don’t",
        "don't",
        "foo_bar",
        "a.b",
        "\u0301",
        "\u200d",
        "\ufe0f",
    ),
    *("👩\u200d👩\u200d👧", "❤\ufe0f", "1\ufe0f\u20e3", "🄰", "𝐀𝐁", "\ud83d", "\ude00", "\ud800x", "\U000e0001", "\x00"),
    *(" ", " ", " ", " ", "\n", "\r\n", "\t", "\u00a0", "\u3000", "-", "—", "…", "“", "”", ". ", ", ", "。", "·", "/"),
)

texts = st.lists(st.sampled_from(PIECES), max_size=40).map("".join)


@st.composite
def cut_texts(draw: st.DrawFn) -> list[str]:
    """A text, cut anywhere."""
    text = draw(texts)
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=12)))
    return [text[first:last] for first, last in zip([0, *cuts], [*cuts, len(text)], strict=True)]
