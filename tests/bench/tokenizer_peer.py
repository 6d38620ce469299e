"""Compares Parapet's tokenisers with sentencepiece and with Hugging Face's tokenizers, and prints their speed in processor time, as
bench_tokenizer has it.

    pip install sentencepiece==0.2.3 protobuf tokenizers==0.23.3 numpy unicodedata2==18.0.0
    python tokenizer_peer.py build/tests/bench/bench_tokenizer_ids <model or .json> <random strings> [<text file>...]
    python tokenizer_peer.py build/tests/bench/bench_tokenizer_ids <.json> codes

Texts: each file as a whole and each of its lines; random strings of Unicode (ids and offsets), half as many of bytes (ids), and a fifth as
many lists of random ids (decoded text). tokenizers reads special tokens in text by default ("parsed"); the comparison is of that, and of the
strict default here ("encode") where no special token comes out of the reference. Exits with 1 where one differs.

With `codes` instead of a number: every assigned character between two letters. Those that differ are written to <name>.codes in this folder,
and random strings of later runs in this folder do without any of these: tokenizers' tables are of several versions of Unicode, from 8 on, and ours of 18.
"""
import json
import pathlib
import random
import struct
import subprocess
import sys
import time

import numpy as np
import unicodedata2 as ucd

POOLS = [[chr(c) for c in range(32, 127)], list("abcde "), list(" \t\n\u2581a\u3000\u00a0"), [chr(c) for c in range(0xA0, 0x250)],
         [chr(c) for c in range(0x300, 0x370)] + list("aeo"), [chr(c) for c in range(0x1F300, 0x1F700)] + ["\u200d", "\ufe0f"],
         [chr(c) for c in range(0x3000, 0x9FFF)], [chr(c) for c in range(0xFF00, 0xFFEF)],
         ["[INST]", "</s>", "<doc>", "[", "]", " ", "x", "<mask>", "[SEP]", "<|endoftext|>", "Wall-E", "[X]", "\r\n", "'ll", "12"],
         [chr(c) for c in range(0x900, 0xE00)], [chr(c) for c in range(0x1100, 0x1200)] + [chr(c) for c in range(0xAC00, 0xAC60)],
         [chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000]]
BYTES = b"abc \xe2\x96\x81\xc3\xa9\xf0\x9f\x98\x80\xed\xa0\x80"


def ours(mode, records):
    """The records that come out, each as bytes; counts are of items of the size that the mode writes."""
    size = 1 if mode == "decode" else 12
    blob = b"".join(struct.pack("<I", len(r)) + (struct.pack(f"<{len(r)}i", *r) if mode == "decode" else r) for r in records)
    out, at = subprocess.run([program, model_file, mode], input=blob, stdout=subprocess.PIPE, check=True).stdout, 0
    for _ in records:
        end = at + 4 + size * struct.unpack_from("<I", out, at)[0]
        yield out[at + 4:end]
        at = end


class SentencePiece:
    modes = ["encode"]
    newer = frozenset()

    def __init__(self, name):
        import sentencepiece
        self.model = sentencepiece.SentencePieceProcessor(model_file=name)
        self.ids = range(self.model.get_piece_size())

    def tokens(self, text, mode):
        return [[p.id, p.begin, p.end] for p in self.model.encode(text, return_type="proto").pieces]

    def byte_tokens(self, text, mode):
        return [[i] for i in self.model.encode(text)]

    def decode(self, ids):
        return self.model.decode(ids)

    def time(self, text):
        self.model.encode(text)


class HuggingFace:
    modes = ["parsed", "encode"]

    def __init__(self, name):
        import tokenizers
        self.model = tokenizers.Tokenizer.from_file(name)
        self.model.no_truncation(), self.model.no_padding()
        unknown = json.loads(self.model.to_str())["model"].get("unk_token")
        self.special = {i for i, t in self.model.get_added_tokens_decoder().items() if t.special and t.content not in (unknown, "<unk>")}
        self.ids = sorted(self.model.get_vocab().values())
        self.newer = {chr(int(line.split()[0], 16)) for codes in pathlib.Path().glob("*.codes") for line in codes.read_text().split("\n") if line}

    def tokens(self, text, mode):
        self.model.encode_special_tokens = mode == "encode"
        code = self.model.encode(text, add_special_tokens=False)
        if text.isascii():
            return [[i, *o] for i, o in zip(code.ids, code.offsets)]
        starts = np.concatenate([[0], np.cumsum([len(c.encode()) for c in text])])
        return [[i, int(starts[b]), int(starts[e])] for i, (b, e) in zip(code.ids, code.offsets)]

    def byte_tokens(self, text, mode):
        return [row[:1] for row in self.tokens("".join(repaired(text)), mode)]

    def decode(self, ids):
        return self.model.decode(ids)

    def time(self, text):
        self.model.encode(text, add_special_tokens=False)


def repaired(data):
    """Characters of bytes; U+FFFD for each byte that is not UTF-8."""
    while data:
        try:
            yield data.decode()
            return
        except UnicodeDecodeError as e:
            yield data[:e.start].decode() + "\ufffd"
            data = data[e.start + 1:]


def compare(what, inputs, got, wanted):
    wrong = [(i, g, w) for i, g, w in zip(inputs, got, wanted, strict=True) if g != w]
    print(f"{what}: {len(inputs)}, {len(wrong)} differ" + "".join(f"\n  {i[:60]!r}\n    {g[:8]}\n    {w[:8]}" for i, g, w in wrong[:3]), flush=True)
    return [i for i, _, _ in wrong]


def compare_encoding(what, texts, mode, offsets=True):
    columns = 3 if offsets else 1
    raw = [t if isinstance(t, bytes) else t.encode() for t in texts]
    got = [np.frombuffer(o, np.int32).reshape(-1, 3)[:, :columns].tolist() for o in ours(mode, raw)]
    wanted = [peer.tokens(t, mode) if offsets else peer.byte_tokens(t, mode) for t in texts]
    if mode == "encode" and isinstance(peer, HuggingFace):  # a special token from text: the reference lets it through
        keep = [k for k, w in enumerate(wanted) if not any(row[0] in peer.special for row in w) and "<unk>" not in str(texts[k])]
        texts, got, wanted = ([list_[k] for k in keep] for list_ in (texts, got, wanted))
    return compare(f"{what} ({mode})", texts, got, wanted)


program, model_file, count = sys.argv[1:4]
peer = (HuggingFace if model_file.endswith(".json") else SentencePiece)(model_file)
generator = random.Random(1)
if count == "codes":
    codes = [c for c in range(0x80, 0x110000) if ucd.category(chr(c)) not in ("Cs", "Cn", "Co") or c in (0xE000, 0xF8FF, 0xF0000)]
    wrong = compare_encoding("characters", [f"a{chr(c)}b" for c in codes], "parsed")
    pathlib.Path(pathlib.Path(model_file).stem + ".codes").write_text("\n".join(f"{ord(w[1]):x} {ucd.category(w[1])} {ucd.name(w[1], '')}" for w in wrong) + "\n")
    sys.exit(0)

count = int(count)
files = [pathlib.Path(name).read_bytes().decode() for name in sys.argv[4:]]
lines = [line for text in files for line in text.split("\n") if line]
pools = [[c for c in pool if c not in peer.newer] for pool in POOLS]
mixed = ["".join(generator.choice(p) for p in generator.choices(pools, k=2) for _ in range(generator.randint(0, 14))) for _ in range(count)]
noise = [bytes(generator.randrange(256) if generator.random() < 0.5 else generator.choice(BYTES) for _ in range(generator.randint(0, 24)))
         for _ in range(count // 2)]
noise = [data for data in noise if not peer.newer.intersection(data.decode(errors="replace"))]
lists = [[generator.choice(peer.ids) for _ in range(generator.randint(0, 12))] for _ in range(count // 5)]

wrong = []
for mode in peer.modes:
    wrong += compare_encoding("files", files, mode) + compare_encoding("lines", lines, mode)
    wrong += compare_encoding("random Unicode", mixed, mode) + compare_encoding("random bytes", noise, mode, False)
wrong += compare("random ids", lists, list(ours("decode", lists)), [peer.decode(ids).encode() if ids else b"" for ids in lists])
if lines:
    begin = time.process_time()
    for line in lines:
        peer.time(line)
    print(f"{type(peer).__name__}: {sum(len(line.encode()) for line in lines) / (time.process_time() - begin) / 1e6:.1f} MB/s")
sys.exit(bool(wrong))
