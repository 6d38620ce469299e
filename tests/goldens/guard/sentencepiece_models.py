"""Trains the two small models of tests/guard/sentencepiece.cpp and writes what sentencepiece makes of some texts.

    pip install sentencepiece==0.2.3 protobuf
    python sentencepiece_models.py            # writes bpe.model, unigram.model and sentencepiece.txt beside itself

bpe: byte fallback, no normalisation, as Mistral's. unigram: a charsmap, no fallback, one space for many, as XLM-RoBERTa's.
Lines of sentencepiece.txt: `model|text in hexadecimal|id begin end, ...|decoded text in hexadecimal`; offsets in bytes.
"""
import io
import os
import pathlib
import random
import tempfile
import unicodedata

import sentencepiece as spm

HERE = pathlib.Path(__file__).resolve().parent
CONTROL = ["[INST]", "[/INST]"]
WORDS = "the a robot must stop before wall when sensor sees person near it and may go on after they leave room speed safe set".split()


def corpus():
    generator = random.Random(3)
    for _ in range(2000):
        yield " ".join(generator.choice(WORDS) for _ in range(8)).capitalize() + generator.choice([".", "!", " 12 m/s", "  \u00e9t\u00e9", "?\u3042"])


def train(name, **options):
    model = io.BytesIO()
    spm.SentencePieceTrainer.train(sentence_iterator=corpus(), model_writer=model, control_symbols=CONTROL, user_defined_symbols=["<doc>", "<doc>2"],
                                   hard_vocab_limit=False, minloglevel=2, **options)
    (HERE / f"{name}.model").write_bytes(model.getvalue())
    return spm.SentencePieceProcessor(model_proto=model.getvalue())


def texts():
    yield from ["", " ", "  ", "a", " a", "a ", "  a  b  ", "\t", "a\r\nb", "the robot must stop", "The  person", "\u00a0x\u00a0", "\u3000x", "[INST] stop [/INST]",
                "<s></s><unk><0x41>", "\u2581", "\u2581\u2581a", "a\u2581b", "\0", "a\0b", "e\u0301t\u0301e", "\U0001f469\u200d\U0001f467", "\u05e9\u05dc\u05d5\u05dd",
                "\u1112\u1161\u11ab", "\u6f22\u5b57", "<doc>2<doc>x<doc", "a <doc> b", "s" * 60, "st" * 40, " " * 60, "\uff11\uff12 \ufb01 \u212b", "\ufffd", "\u00bd\u2026"]
    generator = random.Random(5)
    alphabet = list("aeorst  .") + ["\u00e9", "\u2581", "\u3042", "\uff21", "\u0301", "<doc>", "the", " robot", "\U0001f600"]
    for _ in range(150):
        yield "".join(generator.choice(alphabet) for _ in range(generator.randint(1, 40)))


def main():
    models = {
        "bpe": train("bpe", model_type="bpe", vocab_size=420, byte_fallback=True, normalization_rule_name="identity", remove_extra_whitespaces=False,
                     character_coverage=0.9995, split_digits=True),
        "unigram": train("unigram", model_type="unigram", vocab_size=120, normalization_rule_tsv=rules()),
    }
    lines = []
    for name, model in models.items():
        for text in texts():
            pieces = model.encode(text, return_type="proto").pieces
            tokens = ",".join(f"{p.id} {p.begin} {p.end}" for p in pieces)
            lines.append("|".join([name, text.encode().hex(), tokens, model.decode([p.id for p in pieces]).encode().hex()]))
    (HERE / "sentencepiece.txt").write_text("\n".join(lines) + "\n")


def rules():
    """A charsmap of some kilobytes: the real nmt_nfkc has 240."""
    rows = ["9\t20", "A\t20", "D\t20", "A0\t20", "3000\t20", "2026\t2E 2E 2E", "65 301\tE9", "D A\t20"]
    for code in [*range(0xFF01, 0xFF5F), 0xBD, 0xFB01, 0x212B]:
        rows.append(f"{code:X}\t" + " ".join(f"{ord(c):X}" for c in unicodedata.normalize("NFKC", chr(code))))
    os.chdir(tempfile.mkdtemp())  # the model has the name of this file in it
    pathlib.Path("rules.tsv").write_text("\n".join(rows) + "\n")
    return "rules.tsv"


if __name__ == "__main__":
    main()
