"""Writes tests/fuzz/corpus: the seeds of the fuzzers, small on purpose. Needs nothing but Python and tests/goldens.

    python3 tests/fuzz/write_corpus.py
"""

import json
import pathlib
import struct

here = pathlib.Path(__file__).parent
goldens = here.parent / "goldens"


def seed(target, name, content):
    folder = here / "corpus" / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)


def with_text(file, text):
    """A file and the text that it is to encode: the last byte is the length of the text (target.hpp)."""
    text = text.encode()
    return (file.encode() if isinstance(file, str) else file) + text + bytes([len(text)])


def safetensors(header, data):
    header = json.dumps(header, separators=(",", ":")).encode()
    return struct.pack("<Q", len(header)) + header + data


def entry(type, shape, begin, end):
    return {"dtype": type, "shape": shape, "data_offsets": [begin, end]}


seed("safetensors", "two", safetensors({"__metadata__": {"k": "v"}, "a": entry("F32", [2, 1], 0, 8), "b": entry("BOOL", [2], 8, 10)}, bytes(9) + b"\1"))
seed("safetensors", "empty", safetensors({"none": entry("I64", [0, 3], 0, 0), "scalar": entry("BF16", [], 0, 2)}, b"ab"))
for name in ("f4", "b1", "i8", "rank32", "refused_fortran", "refused_structure"):
    seed("npy", name, (goldens / "io" / "npy" / f"{name}.npy").read_bytes())



# GGUF by hand, since a small file is mutated more often per second than llama.cpp's.
def text(s):
    return struct.pack("<Q", len(s.encode())) + s.encode()


def array(type, *items):
    return struct.pack("<IQ", type, len(items)) + b"".join(items)


def gguf(settings, tensors, data=b""):
    out = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(settings))
    out += b"".join(text(key) + struct.pack("<I", type) + value for key, type, value in settings)
    out += b"".join(text(name) + struct.pack(f"<I{len(extents)}QIQ", len(extents), *extents, type, offset) for name, extents, type, offset in tensors)
    return out + bytes(-len(out) % 32) + data


F32, Q8_0, BF16, ARRAY, STRING = 0, 8, 30, 9, 8
numbers = [(f"n{type}", type, bytes(size)) for type, size in enumerate((1, 1, 2, 2, 4, 4, 4, 1)) if type != STRING]
numbers += [(f"n{type}", type, bytes(8)) for type in (10, 11, 12)]
words = [("words", ARRAY, array(STRING, text("a"), text(""), text("bc"))), ("nested", ARRAY, array(ARRAY, array(0, b"1", b"2"), array(0)))]
seed("gguf", "settings", gguf(numbers + words + [("s", STRING, text("text"))], []))
seed("gguf", "arrays", gguf([("general.alignment", 4, struct.pack("<I", 32))],
                            [("a", (2, 3), F32, 0), ("b", (32, 2), Q8_0, 32), ("c", (0, 4), BF16, 128), ("d", (), F32, 128)], bytes(160)))

seed("json", "all", '{"a": [1, -0.5e+3, true, false, null, "\\"\\u00e4\\ud83d\\ude00\\n/"], "b": {}, "c": {"d": []}, "e": 9223372036854775807}')
seed("json", "text", '"plain \u00e4\u20ac\U0001f600"')
seed("json", "broken", '{"a":1,"a":[1e999,01,}')

seed("safetensors_index", "two", json.dumps({"metadata": {"total_size": 8}, "weight_map": {"a": "m-1.safetensors", "b": "m-2.safetensors"}}))
seed("safetensors_index", "outside", '{"weight_map":{"a":"../m"}}')

decoder = {"vocab_size": 64, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
           "max_position_embeddings": 128}
encoder = decoder | {"type_vocab_size": 2, "hidden_act": "gelu", "layer_norm_eps": 1e-5, "pad_token_id": 1}
configs = {
    "mistral": decoder | {"num_key_value_heads": 2, "rms_norm_eps": 1e-5, "rope_theta": 1e6, "sliding_window": 16, "head_dim": 8},
    "llama": decoder | {"rope_scaling": {"rope_type": "llama3", "factor": 8, "low_freq_factor": 1, "high_freq_factor": 4,
                                         "original_max_position_embeddings": 64}, "tie_word_embeddings": True},
    "qwen3": decoder | {"head_dim": 16, "layer_types": ["full_attention", "sliding_attention"], "use_sliding_window": True,
                        "sliding_window": 8, "rope_parameters": {"rope_theta": 1e6, "rope_type": "linear", "factor": 2}},
    "bert": encoder | {"id2label": {"0": "harmless", "1": "harmful"}},
    "roberta": encoder | {"num_labels": 3},
    "distilbert": {"vocab_size": 64, "dim": 32, "hidden_dim": 64, "n_layers": 2, "n_heads": 4, "activation": "gelu"},
    "deberta-v2": encoder | {"relative_attention": True, "position_biased_input": False, "share_att_key": True, "norm_rel_ebd": "layer_norm",
                             "pos_att_type": "p2c|c2p", "position_buckets": 16, "max_relative_positions": -1, "type_vocab_size": 0},
    "modernbert": decoder | {"norm_eps": 1e-5, "local_attention": 16, "global_attn_every_n_layers": 3, "classifier_pooling": "mean"},
}
for kind, config in configs.items():
    seed("transformer_config", kind, json.dumps({"model_type": kind} | config))


# The first byte is the longest record less one (csv.cpp).
seed("csv", "quotes", b"\xff\xef\xbb\xbfa,\"b\"\r\n\"x, \"\"y\"\"\",\"1\r\n2\"\n\n,\n")
seed("csv", "short", b"\x04a\n\"b\nc\",d\nlonger,e\n")
seed("csv", "broken", b"\x20a\"b\n\"a\"b\nc\n\"d\ne")

row = {"prompt": "a \u00e4\n\"b\"", "adversarial": True, "response": "c", "prompt_harm_label": "harmful", "response_refusal_label": "refusal",
       "response_harm_label": "unharmful", "subcategory": "cyberattack"}
seed("moderation_data", "lines", json.dumps(row) + "\n" + json.dumps(dict.fromkeys(row) | {"prompt": "b"}) + "\n")
seed("moderation_data", "bad_lines", b'{"prompt": "\xff"}\n{"prompt": ""}\n[]\n{"prompt": "a", "other": 1}\n{"prompt": "a", "response": null, "adversarial": 1}')
seed("moderation_data", "csv", ",".join(row) + "\nb,True,c,harmful,compliance,,others\n\"d, \"\"\u00e4\"\"\n\",0,,unharmful,,,\n")
seed("moderation_data", "bad_csv", b"response,id,prompt,prompt_harm_label\n\xff,1,\xc3,\n,2,,\nx,3\n,4,b,perhaps\n\"c")

seed("policy", "full", json.dumps({"name": "a \u00e4", "when_unavailable": "allow", "when_cut": "block", "needs_calibration": True, "rules": {
    "user": {"prompt_harm": {"review": 0.3, "block": 0.9}, "cyberattack": {"block": 1}}, "assistant": {"refusal": {"review": 0}}, "tool": {}}}))
seed("policy", "empty", "{}")
seed("policy", "misspelt", '{"rules": {"user": {"prompt_ham": {"review": 2}}}}')


# SentencePiece models: protocol buffers by hand.
def varint(n):
    out = b""
    while n > 127:
        out, n = out + bytes([n & 127 | 128]), n >> 7
    return out + bytes([n])


def field(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    if isinstance(value, float):
        return varint(number << 3 | 5) + struct.pack("<f", value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def fields(message):
    at = 0

    def number():
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at, value, shift = at + 1, value | (byte & 127) << shift, shift + 7
            if byte < 128:
                return value

    while at < len(message):
        key = number()
        size = {1: 8, 5: 4}.get(key & 7) or (number() if key & 7 == 2 else 0)
        yield key >> 3, message[at:at + size] if size else number()
        at += size


NORMAL, UNKNOWN, CONTROL, USER_DEFINED, BYTE = 1, 2, 3, 4, 6
pieces = [("<unk>", 0.0, UNKNOWN), ("<s>", 0.0, CONTROL), ("[X]", 0.0, USER_DEFINED)]
pieces += [(text, -1.0 - k, NORMAL) for k, text in enumerate(("\u2581ab", "ab", "\u2581a", "bc", "\u2581", "a", "b", "c", "\u00e4"))]
all_bytes = [(f"<0x{k:02X}>", 0.0, BYTE) for k in range(256)]
golden = dict(fields((goldens / "guard" / "unigram.model").read_bytes()))
charsmap = dict(fields(golden[3]))[2]


def model(kind, pieces, *rules, fallback=0):
    trainer = field(3, kind) + field(35, fallback)
    return b"".join(field(1, field(1, text) + field(2, score) + field(3, type)) for text, score, type in pieces) + field(2, trainer) + \
        field(3, b"".join(field(number, value) for number, value in rules))


words = "ab  [X]abc \u00e4\u20ac <s>"
seed("sentencepiece", "unigram", with_text(model(1, pieces, (3, 1), (4, 1), (5, 1)), words))
seed("sentencepiece", "bpe", with_text(model(2, pieces, (3, 0), (4, 0), (5, 1)), words))
seed("sentencepiece", "charsmap", with_text(model(1, pieces, (2, charsmap)), "\uff41\u2460 ab\u3000"))
seed("sentencepiece", "bytes", with_text(model(2, pieces + all_bytes, (4, 0), fallback=1), words))


# tokenizer.json: the goldens with as few words as their parts need, and patterns that are quick to read.
def shorten(value):
    if isinstance(value, dict):
        value = {key: shorten(item) for key, item in value.items() if item is not None or key == "unk_token"}
        if "precompiled_charsmap" in value:
            value["precompiled_charsmap"] = "BAAAAAAAAAA="  # one unit, no rules: sentencepiece/charsmap has some
        if len(value.get("Regex", "")) > 30:
            value["Regex"] = r"(?i:'s|'LL)|[^\n\p{Nd}]?[a-tv-z\u00e9]+|\s+(?!\S)|\s{1,2}"
    return [shorten(item) for item in value] if isinstance(value, list) else value


def shrink(file):
    file = shorten(file)
    model = file["model"]
    model.pop("byte_fallback", None)
    is_list = isinstance(model["vocab"], list)
    unknown = model["vocab"][model["unk_id"]][0] if is_list else model.get("unk_token")
    names = [unknown]  # what others refer to
    for step in (file.get("post_processor") or {}).get("processors", [file.get("post_processor") or {}]):
        names += list(step.get("special_tokens", {})) + [step[key][0] for key in ("sep", "cls") if key in step]
    added = file["added_tokens"]
    file["added_tokens"] = [token for token in added if token["content"] in names or token is added[-1]][-2:]
    names += [token["content"] for token in file["added_tokens"]]
    vocabulary = [entry[0] for entry in model["vocab"]] if is_list else list(model["vocab"])
    few = set("\u2581\u0120#<>/the\u00c3\u00a9")
    kept = [word for word in vocabulary if word in names or (len(word) < 3 and set(word) <= few)]
    kept += [name for name in names if name and name not in kept]
    place = {word: k for k, word in enumerate(kept)}
    if is_list:
        score = dict(model["vocab"])
        model["vocab"] = [[word, score.get(word, 0.0)] for word in kept]
        model["unk_id"] = place[unknown]
    else:
        model["vocab"] = place
    if "merges" in model:
        pairs = [tuple(pair.split(" ")) if isinstance(pair, str) else tuple(pair) for pair in model["merges"]]
        prefix = model.get("continuing_subword_prefix") or ""
        model["merges"] = [list(pair) for pair in pairs if {*pair, pair[0] + pair[1].removeprefix(prefix)} <= set(kept)]
    for token in file["added_tokens"]:
        token["id"] = place[token["content"]]
    for step in (file.get("post_processor") or {}).get("processors", [file.get("post_processor") or {}]):
        for name, token in step.get("special_tokens", {}).items():
            token["ids"] = [place[name]]
        for key in ("sep", "cls"):
            if key in step:
                step[key][1] = place[step[key][0]]
    return json.dumps(file, ensure_ascii=False, separators=(",", ":"))


for path in sorted((goldens / "guard" / "tokenizers").glob("*.json")):
    file = json.loads(path.read_text())
    seed("tokenizer_json", path.stem, with_text(shrink(file), "The  th\u00e9 </s>"))
