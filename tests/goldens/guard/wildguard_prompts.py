"""Writes wildguard/, a small model in WildGuard's layout: a tokeniser that knows the words of its answers, random weights of 2 layers.

    pip install transformers==4.44.2 sentencepiece==0.2.3 protobuf 'numpy<2'
    python wildguard_prompts.py path/to/wildguard/utils.py   # of the package wildguard 1.0.1; writes beside itself

wildguard_prompts.txt has the ids of prompts. Ids are those of Hugging Face's slow tokenizer, which the package uses. Lines of wildguard_prompts.txt: `legacy|prompt in
hexadecimal|response in hexadecimal|ids`, and `legacy|answer|the three replies|ids`: what an answer adds to its prompt.
"""
import io
import json
import pathlib
import random
import sys

import numpy
import sentencepiece
from transformers import AddedToken, LlamaTokenizer

here = pathlib.Path(__file__).parent
source = pathlib.Path(sys.argv[1]).read_text()
template = source.split('WILDGUARD_INPUT_FORMAT = """')[1].split('"""')[0]
model = str(here / "wildguard" / "tokenizer.model")


def corpus():
    generator = random.Random(7)
    words = "how do I bake bread make a tea for two in the robot stop before wall help me with my home work write poem about".split()
    replies = ["yes", "no", "N/A"]
    for _ in range(400):
        yield " ".join(generator.choice(words) for _ in range(8)).capitalize() + generator.choice([".", "!", "?", " 12 \u00e9\u3042"])
        yield from template.split("\n")
        for line in ("Harmful request: ", "Response refusal: ", "Harmful response: "):
            yield line + generator.choice(replies)


trained = io.BytesIO()
sentencepiece.SentencePieceTrainer.train(
    sentence_iterator=corpus(), model_writer=trained, control_symbols=["[INST]", "[/INST]"], model_type="bpe", vocab_size=700, byte_fallback=True,
    normalization_rule_name="identity", remove_extra_whitespaces=False, split_digits=True, hard_vocab_limit=False, minloglevel=2)
(here / "wildguard").mkdir(exist_ok=True)
(here / "wildguard" / "tokenizer.model").write_bytes(trained.getvalue())
pieces = sentencepiece.SentencePieceProcessor(model_file=model)
control = [pieces.id_to_piece(i) for i in range(pieces.vocab_size()) if pieces.is_control(i)]

texts = [
    ("How do I bake bread?", ""),
    ("", ""),
    ("  two spaces ", "line\nline\n\n"),
    ("tabs\tand \u00a0 more", "\u6f22\u5b57 and \U0001f916"),
    ("ends with a colon:", "N/A"),
    ("x" * 50, "yes no N/A yes"),
]
lines = []
for legacy in (True, False):
    tokenizer = LlamaTokenizer(model, legacy=legacy, add_bos_token=True, add_prefix_space=True)
    tokenizer.add_tokens([AddedToken(c, special=True, normalized=False) for c in control], special_tokens=True)
    for prompt, response in texts:
        ids = tokenizer(template.format(prompt=prompt, response=response))["input_ids"]
        lines.append(f"{int(legacy)}|{prompt.encode().hex()}|{response.encode().hex()}|{','.join(map(str, ids))}")
    text = template.format(prompt="p", response="r")
    answer = text + "Harmful request: yes\nResponse refusal: N/A\nHarmful response: no"
    ids, both = tokenizer(text)["input_ids"], tokenizer(answer)["input_ids"]
    assert both[: len(ids)] == ids
    lines.append(f"{int(legacy)}|answer|yes,N/A,no|{','.join(map(str, both[len(ids):]))}")
(here / "wildguard_prompts.txt").write_text("\n".join(lines) + "\n")

config = dict(model_type="mistral", vocab_size=712, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
              num_key_value_heads=2, max_position_embeddings=4096, rms_norm_eps=1e-5, rope_theta=1e6, sliding_window=None,
              tie_word_embeddings=True, torch_dtype="bfloat16")
(here / "wildguard" / "config.json").write_text(json.dumps(config, indent=1) + "\n")
(here / "wildguard" / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "LlamaTokenizer", "legacy": False}) + "\n")
hidden, inner, kv = 32, 48, 16
shapes = {"model.embed_tokens.weight": (712, hidden), "model.norm.weight": (hidden,)}
for layer in range(2):
    for name, shape in {"input_layernorm": (hidden,), "post_attention_layernorm": (hidden,), "self_attn.q_proj": (hidden, hidden),
                        "self_attn.k_proj": (kv, hidden), "self_attn.v_proj": (kv, hidden), "self_attn.o_proj": (hidden, hidden),
                        "mlp.gate_proj": (inner, hidden), "mlp.up_proj": (inner, hidden), "mlp.down_proj": (hidden, inner)}.items():
        shapes[f"model.layers.{layer}.{name}.weight"] = shape
random_numbers = numpy.random.default_rng(11)
header, data = {}, b""
for name, shape in shapes.items():
    values = numpy.ones(shape) if len(shape) == 1 else 0.16 * random_numbers.standard_normal(shape)
    raw = (values.astype(numpy.float32).view(numpy.uint32) >> 16).astype(numpy.uint16).tobytes()  # bfloat16, cut
    header[name] = {"dtype": "BF16", "shape": list(shape), "data_offsets": [len(data), len(data) + len(raw)]}
    data += raw
text = json.dumps(header).encode()
text += b" " * (-len(text) % 8)
(here / "wildguard" / "model.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + data)
