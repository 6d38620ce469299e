"""Writes include/parapet/guard/lookalikes.hpp: letters of other alphabets that look like one of A-Z and a-z.

    pip install confusable_homoglyphs==3.3.1 unicodedata2==18.0.0    (the first carries Unicode's confusables.txt, UTS #39)
    python lookalikes.py <root of the project>

Only letters that NFKC does not make Latin anyway. Of a class of lookalikes (I, l, 1, | are one) a capital gets the capital, a small letter the
small one, and caseless letters are capitals. Letters of the Latin alphabets below U+0250 are left out: they are written by those who mean them.
"""
import sys
import unicodedata2 as ucd
from confusable_homoglyphs import confusables

ALPHABETS = "GREEK CYRILLIC ARMENIAN CHEROKEE COPTIC LISU LATIN".split()


def entries():
    classes = {}  # source: the Latin letters that it looks like
    for code in list(range(0x41, 0x5B)) + list(range(0x61, 0x7B)):
        for item in confusables.confusables_data.get(chr(code), []):
            source = item["c"]
            if len(source) != 1 or ord(source) < 0x250 or not ucd.category(source).startswith("L"):
                continue
            if ucd.name(source, "").split(" ")[0] in ALPHABETS and not ucd.normalize("NFKC", source).isascii():
                classes.setdefault(source, []).append(chr(code))
    pairs = []
    for source, letters in classes.items():
        capital = ucd.category(source) in ("Lu", "Lo")
        letters = ["I" if capital and letter == "l" else letter for letter in letters]
        pairs.append((ord(source), ([letter for letter in letters if letter.isupper() == capital] or letters)[0]))
    return sorted(pairs)


def header(pairs):
    lines, line = [], ""
    for source, target in pairs:
        item = f"{{0x{source:X}, '{target}'}}, "
        if len(line) + len(item) > 142:
            lines.append("    " + line.rstrip())
            line = ""
        line += item
    lines.append("    " + line.rstrip())
    return """// Letters of other alphabets that look like a Latin one. Made by tests/goldens/guard/lookalikes.py, do not edit; evasion.hpp reads them.
#pragma once

#include <parapet/config.hpp>

namespace parapet::inline PARAPET_ABI::guard::detail {

struct lookalike {
  char32_t code;
  char looks_like;
};

/// In the order of their code points.
inline constexpr lookalike lookalikes[] = {
""" + "\n".join(lines) + """
};

}  // namespace parapet::inline PARAPET_ABI::guard::detail
"""


if __name__ == "__main__":
    with open(f"{sys.argv[1]}/include/parapet/guard/lookalikes.hpp", "w", encoding="ascii") as file:
        file.write(header(entries()))
