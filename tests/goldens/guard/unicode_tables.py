"""Writes include/parapet/guard/unicode_tables.hpp and unicode.txt, the golden beside this script.

    pip install unicodedata2==18.0.0 regex==2026.11.15        (the header names the version that it was made from)
    python unicode_tables.py <root of the project>
"""
import random
import sys
import unicodedata
import regex
import unicodedata2 as ucd

CATEGORIES = "Cn Cc Cf Co Cs Ll Lm Lo Lt Lu Mc Me Mn Nd Nl No Pc Pd Pe Pf Pi Po Ps Sc Sk Sm So Zl Zp Zs".split()
CODES = range(0x110000)


def wrapped(numbers):
    lines, line = [], ""
    for number in numbers:
        item = f"{number},"
        if len(line) + len(item) > 118:
            lines.append("    " + line)
            line = ""
        line += item
    return "\n".join(lines + ["    " + line])


def runs(value):
    """(first code point << 8 | value) where value changes."""
    out, last = [], None
    for code in CODES:
        if (now := value(chr(code))) != last:
            out.append(code << 8 | now)
            last = now
    return out


def decompositions():
    """Per code point that has one: (step from the last such code point * 4 + flags) * 32 + length, then the mapping."""
    out, last = [], 0
    for code in CODES:
        parts = ucd.decomposition(chr(code)).split()
        if not parts or 0xAC00 <= code <= 0xD7A3:
            continue
        compatible = parts[0].startswith("<")
        mapping = [int(part, 16) for part in parts[compatible:]]
        composes = not compatible and len(mapping) == 2 and ucd.normalize("NFC", chr(code)) == chr(code)
        assert len(mapping) <= 18  # U+FDFA is the longest
        out += [(code - last) * 128 + compatible * 64 + composes * 32 + len(mapping)] + mapping
        last = code
    return out


GRAPHEME_BREAK = [regex.compile(f"[{''.join(chr(92) + 'p{GCB=' + name + '}' for name in names)}]")
                  for names in (["Control", "CR", "LF"], ["Extend", "ZWJ"], ["Prepend"], ["SpacingMark"])]


def grapheme_break(char):
    """1 to 4, or 0 for what joins with nothing, or only in clusters of six bytes and more."""
    return next((k + 1 for k, pattern in enumerate(GRAPHEME_BREAK) if pattern.match(char)), 0)


def lower_case(char):
    """str.lower() has the Unicode of this Python; capitals that are newer are paired with small letters by their names."""
    if unicodedata.category(char) == "Cn" and ucd.category(char) == "Lu":
        return ucd.lookup(ucd.name(char).replace("CAPITAL", "SMALL"))
    return char.lower()


def lower():
    """first, last, step, distance of runs of code points whose lower case is at one distance."""
    out = []
    for code in CODES:
        text = lower_case(chr(code))
        if len(text) != 1 or ord(text) == code:  # only U+0130 becomes two, which lower() itself knows
            continue
        distance = ord(text) - code
        if out and out[-1][3] == distance and code - out[-1][1] in (1, 2) and out[-1][2] in (0, code - out[-1][1]):
            out[-1][2] = code - out[-1][1]
            out[-1][1] = code
        else:
            out.append([code, code, 0, distance])
    return [number for first, last, step, distance in out for number in (first, last, max(step, 1), distance)]


def header():
    return f"""// Unicode {ucd.unidata_version} in tables. Made by tests/goldens/guard/unicode_tables.py, do not edit; unicode.hpp reads them.
#pragma once

#include <parapet/config.hpp>

#include <cstdint>

namespace parapet::inline PARAPET_ABI::guard::detail {{

/// code point << 8 | general category, where the category changes
inline constexpr std::uint32_t category_runs[] = {{
{wrapped(runs(lambda c: CATEGORIES.index(ucd.category(c))))}
}};

/// code point << 8 | canonical combining class, where the class changes
inline constexpr std::uint32_t combining_runs[] = {{
{wrapped(runs(ucd.combining))}
}};

/// code point << 8 | how it joins with its neighbours, where that changes: 1 control, 2 extend, 3 prepend, 4 spacing mark
inline constexpr std::uint32_t grapheme_runs[] = {{
{wrapped(runs(grapheme_break))}
}};

/// first, last, step, distance: code points from first to last in steps have their lower case at that distance
inline constexpr std::int32_t lower_runs[] = {{
{wrapped(lower())}
}};

/// distance from the last entry * 128 + compatibility * 64 + is composed again * 32 + length, and so many code points
inline constexpr std::uint32_t decompositions[] = {{
{wrapped(decompositions())}
}};

}}  // namespace parapet::inline PARAPET_ABI::guard::detail
"""


def golden():
    """Lines of `text nfd nfc nfkd nfkc` in hexadecimal code points, and `code category lower`."""
    generator = random.Random(1)
    assigned = [c for c in CODES if ucd.category(chr(c)) not in ("Cn", "Co", "Cs")]
    special = [c for c in assigned if ucd.decomposition(chr(c)) or ucd.combining(chr(c))]
    hangul = list(range(0x1100, 0x1200)) + list(range(0xAC00, 0xAC60))
    lines = []
    for _ in range(1500):
        pool = generator.choice([assigned, special, special, hangul])
        text = "".join(chr(generator.choice(pool)) for _ in range(generator.randint(1, 5)))
        forms = [text] + [ucd.normalize(form, text) for form in ("NFD", "NFC", "NFKD", "NFKC")]
        lines.append("n " + "|".join(" ".join(f"{ord(c):x}" for c in form) for form in forms))
    newer = [0x1C89, 0xA7CB, 0x10D50, 0x16EA0]  # capitals since Unicode 16 and 17
    for code in sorted(generator.sample(assigned, 2000)) + [0x130, 0xE000, 0x10FFFF, 0xD800, 0x378] + newer:
        lower_form = " ".join(f"{ord(c):x}" for c in lower_case(chr(code)))
        lines.append(f"c {code:x} {CATEGORIES.index(ucd.category(chr(code)))} {lower_form}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    root = sys.argv[1]
    with open(f"{root}/include/parapet/guard/unicode_tables.hpp", "w", encoding="ascii") as file:
        file.write(header())
    with open(f"{root}/tests/goldens/guard/unicode.txt", "w", encoding="ascii") as file:
        file.write(golden())
