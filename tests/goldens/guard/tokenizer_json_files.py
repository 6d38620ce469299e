"""Trains one small tokeniser of each kind, and writes what Hugging Face's tokenizers makes of some texts.

    pip install tokenizers==0.23.3 sentencepiece==0.2.3 protobuf
    python tokenizer_json_files.py                                     # writes tokenizers/*.json, tokenizer_json.txt, bpe_corpus.txt beside itself
    python tokenizer_json_files.py <folder> <vocabulary> <text>...     # the same kinds, larger, for tests/bench/tokenizer_peer.py

Lines of tokenizer_json.txt: `file|mode|text|tokens|decoded`, texts in hexadecimal, tokens `id begin end` with offsets in bytes, templates
`id begin end type`. Modes: plain (special tokens in text are characters), parsed (they are found), both, template, pair (the text twice).
"""
import base64
import json
import pathlib
import random
import sys

from sentencepiece import sentencepiece_model_pb2
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

HERE = pathlib.Path(__file__).resolve().parent
WORDS = "the a robot must stop before wall when sensor sees person near it and may go on after they leave room speed safe set I'll we're it's".split()
GPT4 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
QWEN = GPT4.replace(r"\p{N}{1,3}", r"\p{N}")
O200K = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
         r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
         r"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
CLIP = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"


def corpus():
    generator = random.Random(3)
    tails = [".", "!", " 12 m/s", "  \u00e9t\u00e9", "?\u3042\u3044", " \u6f22\u5b57", " (2024)", "\n", " \U0001f600", " na\u00efve", "..."]
    return [" ".join(generator.choice(WORDS) for _ in range(8)).capitalize() + generator.choice(tails) for _ in range(2000)]


def charsmap(model):
    proto = sentencepiece_model_pb2.ModelProto()
    proto.ParseFromString(pathlib.Path(model).read_bytes())
    return proto.normalizer_spec.precompiled_charsmap


def template(start, end=None):
    single = f"{start} $A" + (f" {end}" if end else "")
    pair = single + (f" $B:1 {end}:1" if end else f" {start}:1 $B:1")
    return lambda tok: processors.TemplateProcessing(single=single, pair=pair, special_tokens=[(s, tok.token_to_id(s)) for s in (start, end) if s])


def bert_processing(kind, **options):
    return lambda tok: kind(("[SEP]" if kind is processors.BertProcessing else "</s>", tok.token_to_id("[SEP]" if kind is processors.BertProcessing else "</s>")),
                            ("[CLS]" if kind is processors.BertProcessing else "<s>", tok.token_to_id("[CLS]" if kind is processors.BertProcessing else "<s>")), **options)


def byte_bpe(size, special, **options):
    return trainers.BpeTrainer(vocab_size=size, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False, **options)


def kinds(size, rules):
    """name: (tokeniser without a post-processor, trainer, post-processor, added tokens, changes to the file)"""
    n, p, d = normalizers, pre_tokenizers, decoders
    byte_tokens = [f"<0x{b:02X}>" for b in range(256)]

    def make(model, normalizer=None, pre=None, decoder=None):
        tok = Tokenizer(model)
        if normalizer:
            tok.normalizer = normalizer
        if pre:
            tok.pre_tokenizer = pre
        if decoder:
            tok.decoder = decoder
        return tok

    bert_special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    xlm = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    yield "gpt2", make(models.BPE(), None, p.ByteLevel(add_prefix_space=False), d.ByteLevel()), byte_bpe(size, ["<|endoftext|>"]), \
        lambda tok: processors.ByteLevel(trim_offsets=True), ["robot\u00e9", AddedToken("  ", normalized=False)], None
    yield "llama3", make(models.BPE(ignore_merges=True), None, p.Sequence([p.Split(Regex(GPT4), "isolated"), p.ByteLevel(add_prefix_space=False, use_regex=False)]), d.ByteLevel()), \
        byte_bpe(size, ["<|begin_of_text|>", "<|end_of_text|>"]), \
        lambda tok: processors.Sequence([processors.ByteLevel(trim_offsets=True), template("<|begin_of_text|>")(tok)]), [], None
    yield "qwen2", make(models.BPE(), n.NFC(), p.Sequence([p.Split(Regex(QWEN), "isolated"), p.ByteLevel(add_prefix_space=False, use_regex=False)]), d.ByteLevel()), \
        byte_bpe(size, []), lambda tok: processors.ByteLevel(trim_offsets=False), \
        [AddedToken("<|im_start|>", special=True), AddedToken("<|im_end|>", special=True), AddedToken("<tool_call>", normalized=False)], None
    yield "o200k", make(models.BPE(), None, p.Sequence([p.Split(Regex(O200K), "isolated"), p.ByteLevel(add_prefix_space=False, use_regex=False)]), d.ByteLevel()), \
        byte_bpe(size, ["<|endoftext|>"]), None, [], None
    yield "roberta", make(models.BPE(), None, p.ByteLevel(add_prefix_space=True), d.ByteLevel()), byte_bpe(size, ["<s>", "<pad>", "</s>", "<unk>"]), \
        bert_processing(processors.RobertaProcessing, trim_offsets=True, add_prefix_space=True), [AddedToken("<mask>", lstrip=True, special=True, normalized=False)], None
    yield "falcon", make(models.BPE(), None, p.Sequence([p.Punctuation("contiguous"), p.ByteLevel(add_prefix_space=False), p.Digits(), p.Split(Regex("[0-9][0-9][0-9]"), "isolated")]), d.ByteLevel()), \
        byte_bpe(size, ["<|endoftext|>"]), None, [], None
    yield "clip", make(models.BPE(unk_token="<|endoftext|>", end_of_word_suffix="</w>"), n.Sequence([n.NFC(), n.Replace(Regex(r"\s+"), " "), n.Lowercase()]),
                       p.Sequence([p.Split(Regex(CLIP), "removed", invert=True), p.ByteLevel(add_prefix_space=False)]), d.Sequence([d.ByteLevel(), d.BPEDecoder("</w>")])), \
        byte_bpe(size, ["<|startoftext|>", "<|endoftext|>"], end_of_word_suffix="</w>"), template("<|startoftext|>", "<|endoftext|>"), [], None
    llama = n.Sequence([n.Prepend("\u2581"), n.Replace(" ", "\u2581")]), d.Sequence([d.Replace("\u2581", " "), d.ByteFallback(), d.Fuse(), d.Strip(" ", 1, 0)])
    yield "llama2", make(models.BPE(byte_fallback=True, fuse_unk=True, unk_token="<unk>"), llama[0], p.Metaspace(), llama[1]), \
        trainers.BpeTrainer(vocab_size=size, special_tokens=["<unk>", "<s>", "</s>"] + byte_tokens, show_progress=False, limit_alphabet=60), template("<s>"), \
        [AddedToken("[INST]", special=True, normalized=False)], {"pre_tokenizer": None, "old_merges": True, "not_special": byte_tokens}
    yield "mistral", make(models.BPE(byte_fallback=True, fuse_unk=True, unk_token="<unk>", ignore_merges=True), None, p.Metaspace(prepend_scheme="first"), llama[1]), \
        trainers.BpeTrainer(vocab_size=size, special_tokens=["<unk>", "<s>", "</s>", "[INST]", "[/INST]"] + byte_tokens, show_progress=False, limit_alphabet=60), template("<s>"), \
        [], {"pre_tokenizer.split": False, "not_special": byte_tokens}
    yield "bert", make(models.WordPiece(unk_token="[UNK]"), n.BertNormalizer(), p.BertPreTokenizer(), d.WordPiece()), \
        trainers.WordPieceTrainer(vocab_size=size, special_tokens=bert_special, show_progress=False), template("[CLS]", "[SEP]"), [AddedToken("Wall-E", single_word=True)], None
    yield "bert_cased", make(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=12), n.BertNormalizer(lowercase=False, strip_accents=False), p.BertPreTokenizer(), d.WordPiece(cleanup=False)), \
        trainers.WordPieceTrainer(vocab_size=size, special_tokens=bert_special, show_progress=False), bert_processing(processors.BertProcessing), [AddedToken("[X]", lstrip=True, rstrip=True, normalized=False)], None
    yield "subword", make(models.BPE(unk_token="[UNK]", continuing_subword_prefix="##"), n.Sequence([n.NFKD(), n.StripAccents(), n.Strip()]), p.Sequence([p.WhitespaceSplit(), p.Digits(True), p.Punctuation()]), d.WordPiece()), \
        trainers.BpeTrainer(vocab_size=size, special_tokens=["[UNK]"], continuing_subword_prefix="##", limit_alphabet=40, show_progress=False), None, [], None
    yield "words", make(models.WordLevel(unk_token="[UNK]"), n.Sequence([n.NFKC(), n.Lowercase()]), p.Sequence([p.Whitespace(), p.FixedLength(7)])), \
        trainers.WordLevelTrainer(vocab_size=size, special_tokens=["[UNK]"], show_progress=False), None, [], None
    yield "xlm_roberta", make(models.Unigram([("<unk>", 0.0)], 0), n.Sequence([n.Precompiled(rules), n.Replace(Regex(" {2,}"), " ")]), p.Metaspace(), d.Metaspace()), \
        trainers.UnigramTrainer(vocab_size=size, special_tokens=[s for s, _ in xlm], unk_token="<unk>", show_progress=False), template("<s>", "</s>"), [AddedToken("<mask>", lstrip=True, special=True, normalized=False)], None
    yield "unigram_bytes", make(models.Unigram([("<unk>", 0.0)], 0), n.Sequence([n.Strip(left=False, right=True), n.NFD(), n.Nmt()]), p.Metaspace(prepend_scheme="never", split=False), d.Sequence([d.ByteFallback(), d.Metaspace(prepend_scheme="never")])), \
        trainers.UnigramTrainer(vocab_size=size, special_tokens=["<unk>", "</s>"] + byte_tokens, unk_token="<unk>", show_progress=False), template("</s>"), [], {"model.byte_fallback": True, "not_special": byte_tokens}


def write(folder, size, texts, rules):
    folder.mkdir(exist_ok=True)
    for name, tok, trainer, post, added, changes in kinds(size, rules):
        tok.train_from_iterator(texts, trainer)
        for token in added:
            (tok.add_special_tokens if isinstance(token, AddedToken) and token.special else tok.add_tokens)([token])
        if post:
            tok.post_processor = post(tok)
        file = json.loads(tok.to_str())
        for key, value in (changes or {}).items():
            if key == "old_merges":
                file["model"]["merges"] = [" ".join(pair) for pair in file["model"]["merges"]]
            elif key == "not_special":
                file["added_tokens"] = [t for t in file["added_tokens"] if t["content"] not in value]
            elif "." in key:
                outer, inner = key.split(".")
                file[outer][inner] = value
            else:
                file[key] = value
        text = json.dumps(file, ensure_ascii=False, separators=(",", ":"))
        Tokenizer.from_str(text)
        (folder / f"{name}.json").write_text(text, encoding="utf-8")


def write_trained():
    """bpe_corpus.txt, and tokenizers/trained.json: what the trainer of tests/guard/bpe_trainer.cpp must write."""
    lines = corpus()[:250]
    (HERE / "bpe_corpus.txt").write_text("".join(line.replace("\n", " ") + "\n" for line in lines), encoding="utf-8")
    tok = Tokenizer(models.BPE())
    tok.normalizer = normalizers.NFKC()
    tok.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(GPT4), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tok.decoder = decoders.ByteLevel()
    tok.train_from_iterator((HERE / "bpe_corpus.txt").read_text(encoding="utf-8").split("\n"), byte_bpe(380, ["<pad>", "[CLS]", "[SEP]"], min_frequency=2))
    tok.post_processor = template("[CLS]", "[SEP]")(tok)
    (HERE / "tokenizers" / "trained.json").write_text(tok.to_str(), encoding="utf-8")


def byte_offsets(text):
    starts = [0]
    for c in text:
        starts.append(starts[-1] + len(c.encode()))
    return starts


def encode(tok, text, mode):
    """id, begin, end[, type] of each token; offsets in bytes."""
    tok.encode_special_tokens = mode != "parsed"
    code = tok.encode(text, text if mode == "pair" else None, add_special_tokens=mode in ("template", "pair"))
    at = byte_offsets(text)
    rows = [[i, at[b], at[e]] for i, (b, e) in zip(code.ids, code.offsets)]
    return [row + [t] for row, t in zip(rows, code.type_ids)] if mode in ("template", "pair") else rows


def leaks(tok, text):
    """Whether special tokens come out of text although they are not looked for: models that have them in their vocabulary do that."""
    special = {i for i, t in tok.get_added_tokens_decoder().items() if t.special and t.content not in ("<unk>", "[UNK]")}
    return any(row[0] in special for row in encode(tok, text, "plain")) or "<unk>" in text


def texts():
    yield from ["", " ", "  ", "a", " a", "a ", "  a  b  ", "\t", "a\r\nb", "the robot must stop", "The  person", "\u00a0x\u00a0", "\u3000x", "</s>a", "</s> a", "a </s>", "[INST] stop [/INST] x",
                "[CLS] x [SEP]", "<|endoftext|>a<|im_start|> b", "<s></s><unk><0x41>", "\u2581", "\u2581\u2581a", "a\u2581b", "\0", "a\0b", "e\u0301t\u0301e", "\U0001f469\u200d\U0001f467", "\u05e9\u05dc\u05d5\u05dd",
                "\u1112\u1161\u11ab", "\u6f22\u5b57x", "robot\u00e9 x  y <tool_call>z", "a <mask> b<mask>", "Wall-E wall-e xWall-E", "x [X] y", "s" * 60, "st" * 40, " " * 60, "\uff11\uff12 \ufb01 \u212b", "\ufffd",
                "\u00bd\u2026", "I'LL we'RE it\u2019s 'tis", "12345 67.8", "\n\n  \n x\n", "  x   y    z", "\u0130I\u0131", "\u01c4\u03a3", "a\u200db\ufeffc\u00ad", "na\u00efve caf\u00e9 \u00c5ngstr\u00f6m", "\u0915\u094d\u0937\u093f",
                "\u0e01\u0e33", "\uac00\uac01\u11a8", "\u0344\u0340", "q\u0323\u0307 q\u0307\u0323"]
    generator = random.Random(5)
    alphabet = list("aeorst  .,'!1") + ["\u00e9", "\u2581", "\u3042", "\uff21", "\u0301", "</s>", "the", " robot", "\U0001f600", "\n", "[INST]", "\u6f22", "'s", "12", "\u00a0", "\u0300\u0323", "  "]
    for _ in range(20):
        yield "".join(generator.choice(alphabet) for _ in range(generator.randint(1, 25)))


def goldens():
    lines = []
    for file in sorted((HERE / "tokenizers").glob("*.json")):
        tok = Tokenizer.from_file(str(file))
        for k, text in enumerate(texts()):
            rows = {mode: encode(tok, text, mode) for mode in ("parsed", "plain", "template", "pair")}
            if leaks(tok, text):
                rows = {"parsed": rows["parsed"]}
            elif rows["plain"] == rows["parsed"]:
                rows = {"both": rows["plain"]} | ({mode: rows[mode] for mode in ("template", "pair")} if k % 16 == 3 else {})
            for mode, tokens in rows.items():
                decoded = tok.decode([row[0] for row in tokens]).encode().hex() if tokens else ""
                lines.append("|".join([file.stem, mode, text.encode().hex(), ",".join(" ".join(map(str, row)) for row in tokens), decoded]))
    (HERE / "tokenizer_json.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    if len(sys.argv) == 1:
        write(HERE / "tokenizers", 400, corpus(), charsmap(HERE / "unigram.model"))
        write_trained()
        goldens()
    else:
        lines = [line for name in sys.argv[3:] for line in pathlib.Path(name).read_text(encoding="utf-8").split("\n")]
        write(pathlib.Path(sys.argv[1]), int(sys.argv[2]), lines, charsmap(HERE / "unigram.model"))
