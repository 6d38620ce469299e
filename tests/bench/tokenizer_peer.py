"""Compares Parapet's tokeniser with sentencepiece, and prints sentencepiece's speed for bench_tokenizer's.

    pip install sentencepiece==0.2.3 protobuf numpy
    python tokenizer_peer.py build/tests/bench/bench_tokenizer_ids <model> <random strings> [<text file>...]

Texts: each file as a whole and each of its lines; random strings of Unicode (ids and offsets), half as many of bytes (ids), and a fifth as
many lists of random ids (decoded text). Exits with 1 where one differs.
"""
import pathlib
import random
import struct
import subprocess
import sys
import time

import numpy as np
import sentencepiece as spm

POOLS = [[chr(c) for c in range(32, 127)], list("abcde "), list(" \t\n\u2581a\u3000\u00a0"), [chr(c) for c in range(0xA0, 0x250)],
         [chr(c) for c in range(0x300, 0x370)] + list("aeo"), [chr(c) for c in range(0x1F300, 0x1F700)] + ["\u200d", "\ufe0f"],
         [chr(c) for c in range(0x3000, 0x9FFF)], [chr(c) for c in range(0xFF00, 0xFFEF)], ["[INST]", "</s>", "<doc>", "[", "]", " ", "x"],
         [chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000]]
BYTES = b"abc \xe2\x96\x81\xc3\xa9\xf0\x9f\x98\x80\xed\xa0\x80"


def ours(mode, records):
    """The records that come out, each as bytes; counts are of items of the size that the mode writes."""
    size = 12 if mode == "encode" else 1
    blob = b"".join(struct.pack("<I", len(r)) + (r if mode == "encode" else struct.pack(f"<{len(r)}i", *r)) for r in records)
    out, at = subprocess.run([program, model_file, mode], input=blob, stdout=subprocess.PIPE, check=True).stdout, 0
    for _ in records:
        end = at + 4 + size * struct.unpack_from("<I", out, at)[0]
        yield out[at + 4:end]
        at = end


def compare(what, inputs, got, wanted):
    wrong = [i for i, g, w in zip(inputs, got, wanted, strict=True) if g != w]
    print(f"{what}: {len(inputs)}, {len(wrong)} differ" + "".join(f"\n  {w[:60]!r}" for w in wrong[:3]))
    return len(wrong)


def compare_encoding(what, texts, offsets):
    columns = 3 if offsets else 1
    raw = [t if isinstance(t, bytes) else t.encode() for t in texts]
    got = (np.frombuffer(o, np.int32).reshape(-1, 3)[:, :columns].tolist() for o in ours("encode", raw))
    if offsets:
        wanted = ([[p.id, p.begin, p.end] for p in peer.encode(t, return_type="proto").pieces] for t in texts)
    else:
        wanted = ([[i] for i in peer.encode(t)] for t in texts)
    return compare(what, texts, got, wanted)


program, model_file, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
peer = spm.SentencePieceProcessor(model_file=model_file)
generator = random.Random(1)
files = [pathlib.Path(name).read_text(encoding="utf-8") for name in sys.argv[4:]]
lines = [line for text in files for line in text.split("\n") if line]
mixed = ["".join(generator.choice(p) for p in generator.choices(POOLS, k=2) for _ in range(generator.randint(0, 14))) for _ in range(count)]
noise = [bytes(generator.randrange(256) if generator.random() < 0.5 else generator.choice(BYTES) for _ in range(generator.randint(0, 24)))
         for _ in range(count // 2)]
lists = [[generator.randrange(peer.get_piece_size()) for _ in range(generator.randint(0, 12))] for _ in range(count // 5)]

wrong = compare_encoding("files", files, True) + compare_encoding("lines", lines, True)
wrong += compare_encoding("random Unicode", mixed, True) + compare_encoding("random bytes", noise, False)
wrong += compare("random ids", lists, ours("decode", lists), (peer.decode(ids).encode() for ids in lists))
if lines:
    begin = time.time()
    for line in lines:
        peer.encode(line)
    print(f"sentencepiece: {sum(len(line.encode()) for line in lines) / (time.time() - begin) / 1e6:.1f} MB/s")
sys.exit(wrong != 0)
