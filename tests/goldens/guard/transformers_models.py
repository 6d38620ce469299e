"""Writes small random models in the published layout and what transformers computes with them, for tests/guard/transformer*.cpp.

    pip install torch==2.15.0 transformers==5.24.0 safetensors==0.8.0
    python transformers_models.py             # writes transformers/<model>/ beside itself

A folder holds config.json and model.safetensors (one model: two shards and an index), as a published one does, and
expected.safetensors: for input k `ids.k`, `types.k` where the model has token types, `hidden.k` (8, hidden) of the last tokens,
or fewer, before the head, and `logits.k`: of a classifier (labels), of a language model (3, vocabulary) of the last three
tokens. All inputs of a model ran as one padded batch; the script checks that each alone gives the same.

Weights are random and then trained for a minute on a rule, so that labels have margins as those of a real classifier have:
`sample` draws texts of a class, and so does tests/guard/transformer_rule.hpp.

Each preset has two models: `_a` with a config.json as it was published (rope_theta, rope_scaling) and float weights; `_b` as
transformers 5 writes it (rope_parameters) and bfloat16 weights.
"""
import json
import pathlib
import shutil
import sys

import torch
import transformers as hf
from safetensors.torch import save_file

HERE = pathlib.Path(__file__).resolve().parent / "transformers"
FIRST_WORD = 6
ONLY = sys.argv[1:]  # names of models, or nothing for all


def randomize(model, seed):
    """Weights that make every part count: norms near 1, biases that are not 0, attention that is not flat."""
    generator = torch.Generator().manual_seed(seed)
    for name, p in model.named_parameters():
        noise = torch.randn(p.shape, generator=generator)
        if p.dim() == 1 and "norm" in name.lower() and name.endswith("weight"):
            value = 1 + 0.2 * noise
        elif p.dim() == 1:
            value = 0.1 * noise
        elif "embed" in name.lower():
            value = noise
        else:
            value = 1.3 * noise / p.shape[1] ** 0.5
        p.data.copy_(value)


def sample(generator, vocabulary, length, label):
    """A text of class `label`: ids that leave 0 or 4 by 5; of class 1, 2 or 3 a quarter of them, and one at least, leave that."""
    def draw(remainders):
        allowed = [i for i in range(FIRST_WORD, vocabulary) if i % 5 in remainders]
        return allowed[int(torch.randint(len(allowed), (1,), generator=generator))]
    ids = [draw((0, 4)) for _ in range(length)]
    for _ in range(max(1, length // 4) if label else 0):
        ids[int(torch.randint(length, (1,), generator=generator))] = draw((label,))
    return ids


def train(model, seed):
    """Until 99.7 % of the last 100 batches are right. A language model answers it with token 3 + label behind token 2."""
    generator = torch.Generator().manual_seed(seed + 2)
    language = not hasattr(model, "num_labels") or type(model).__name__.endswith("CausalLM")
    classes = 3 if language else model.num_labels
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    right = []
    while len(right) < 300 or sum(right[-100:]) < 0.997 * 100 * 32:
        length = int(torch.randint(4, 40, (1,), generator=generator))
        labels = torch.randint(classes, (32,), generator=generator)
        ids = torch.tensor([sample(generator, model.config.vocab_size, length, int(c)) + ([2] if language else []) for c in labels])
        logits = model(input_ids=ids).logits
        if language:
            logits, labels = logits[:, -1], labels + 3
        loss = torch.nn.functional.cross_entropy(logits, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        right.append(int((logits.argmax(-1) == labels).sum()))
    print(f"  trained for {len(right)} steps")


def tensors_of(model, tied):
    state = {k: v.detach().clone().contiguous() for k, v in model.state_dict().items() if v.is_floating_point()}
    if tied:
        state.pop("lm_head.weight", None)
    return state


def batch_of(inputs, types, pad, left):
    longest = max(len(x) for x in inputs)
    ids, mask, positions, kinds = [], [], [], []
    for i, x in enumerate(inputs):
        fill = longest - len(x)
        row = lambda values, blank: [blank] * fill + values if left else values + [blank] * fill
        ids.append(row(x, pad))
        mask.append(row([1] * len(x), 0))
        positions.append(row(list(range(len(x))), 0))
        kinds.append(row(types[i], 0))
    return tuple(torch.tensor(t) for t in (ids, mask, positions, kinds))


def run(model, inputs, types, decoder, pad):
    """Hidden states and logits of each input, from one padded batch."""
    def outputs(inputs, types):
        ids, mask, positions, kinds = batch_of(inputs, types, pad, left=decoder)
        kwargs = {"input_ids": ids, "attention_mask": mask}
        if decoder:
            kwargs["position_ids"] = positions
        if types_used(model):
            kwargs["token_type_ids"] = kinds
        base = model.base_model(**kwargs).last_hidden_state
        logits = model(**kwargs).logits
        result = []
        for i, x in enumerate(inputs):
            hidden = base[i][mask[i].bool()]
            scores = logits[i][mask[i].bool()][-3:] if logits.dim() == 3 else logits[i]
            result.append((hidden, scores))
        return result

    with torch.no_grad():
        together = outputs(inputs, types)
        for k in range(len(inputs)):
            alone = outputs([inputs[k]], [types[k]])[0]
            for a, b in zip(alone, together[k]):
                assert (a - b).abs().max() < 5e-5, (type(model).__name__, k, (a - b).abs().max())
    return together


def types_used(model):
    return getattr(model.config, "type_vocab_size", 0) > 1


def write(name, model, config, *, seed, lengths, decoder, pad=0, rename=lambda key: key, bf16=False, shards=1):
    if ONLY and name not in ONLY:
        return
    model = model.eval()
    randomize(model, seed)
    train(model, seed)
    if bf16:
        for p in model.parameters():
            p.data.copy_(p.data.bfloat16().float())
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    if config is None:
        model.config.save_pretrained(folder)
    else:
        (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n")

    tied = decoder and model.config.tie_word_embeddings
    tensors = {rename(k): v.bfloat16() if bf16 else v for k, v in tensors_of(model, tied).items()}
    if shards == 1:
        save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    else:
        names = sorted(tensors)
        files = {n: f"model-{i * shards // len(names) + 1:05}-of-{shards:05}.safetensors" for i, n in enumerate(names)}
        for file in set(files.values()):
            save_file({n: tensors[n] for n in names if files[n] == file}, folder / file, metadata={"format": "pt"})
        total = sum(t.numel() * t.element_size() for t in tensors.values())
        (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {"total_size": total}, "weight_map": files}, indent=0) + "\n")

    generator = torch.Generator().manual_seed(seed + 1)
    vocabulary = model.config.vocab_size
    inputs = [torch.randint(pad + 1, vocabulary, (n,), generator=generator).tolist() for n in lengths]
    types = [[0] * ((n + 1) // 2) + [1] * (n // 2) for n in lengths]
    expected = {}
    for k, (hidden, logits) in enumerate(run(model, inputs, types, decoder, pad)):
        expected[f"ids.{k}"] = torch.tensor(inputs[k], dtype=torch.int32)
        if types_used(model):
            expected[f"types.{k}"] = torch.tensor(types[k], dtype=torch.int32)
        expected[f"hidden.{k}"] = hidden[-8:].contiguous()
        expected[f"logits.{k}"] = logits.contiguous()
    save_file(expected, folder / "expected.safetensors")
    size = sum(f.stat().st_size for f in folder.iterdir())
    print(f"{name}: {size / 1024:.0f} KiB, {sum(p.numel() for p in model.parameters())} parameters")


def decoders():
    lengths = [1, 6, 19, 50]
    common = {"hidden_act": "silu", "torch_dtype": "float32", "bos_token_id": 1, "eos_token_id": 2}
    # Grouped queries 4:2, a window that the longest input leaves, head_dim absent; untied.
    a = dict(common, architectures=["MistralForCausalLM"], model_type="mistral", vocab_size=57, hidden_size=32, intermediate_size=56, num_hidden_layers=2,
             num_attention_heads=4, num_key_value_heads=2, rms_norm_eps=1e-5, rope_theta=10000.0, sliding_window=16, max_position_embeddings=128,
             tie_word_embeddings=False)
    write("mistral_a", hf.MistralForCausalLM(hf.MistralConfig(**a)), a, seed=1, lengths=lengths, decoder=True)
    b = dict(vocab_size=57, hidden_size=48, intermediate_size=64, num_hidden_layers=3, num_attention_heads=3, num_key_value_heads=1, head_dim=20,
             rms_norm_eps=1e-5, rope_parameters={"rope_theta": 1e6, "rope_type": "default"}, sliding_window=None, max_position_embeddings=256,
             tie_word_embeddings=True)
    write("mistral_b", hf.MistralForCausalLM(hf.MistralConfig(architectures=["MistralForCausalLM"], **b)), None, seed=2, lengths=lengths, decoder=True, bf16=True,
          shards=2)

    scaling = {"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 32, "rope_type": "llama3"}
    a = dict(common, architectures=["LlamaForCausalLM"], model_type="llama", vocab_size=57, hidden_size=32, intermediate_size=48, num_hidden_layers=2,
             num_attention_heads=4, num_key_value_heads=2, rms_norm_eps=1e-5, rope_theta=500000.0, rope_scaling=scaling, max_position_embeddings=512,
             attention_bias=False, mlp_bias=False, tie_word_embeddings=True)
    write("llama3_a", hf.LlamaForCausalLM(hf.LlamaConfig(**a)), a, seed=3, lengths=lengths, decoder=True)
    b = dict(vocab_size=53, hidden_size=48, intermediate_size=80, num_hidden_layers=3, num_attention_heads=6, num_key_value_heads=2, rms_norm_eps=1e-6,
             rope_parameters={"rope_theta": 500000.0, **scaling}, max_position_embeddings=4096, attention_bias=True, mlp_bias=True)
    write("llama3_b", hf.LlamaForCausalLM(hf.LlamaConfig(architectures=["LlamaForCausalLM"], **b)), None, seed=4, lengths=lengths + [3000], decoder=True, bf16=True)

    a = dict(common, architectures=["Qwen3ForCausalLM"], model_type="qwen3", vocab_size=57, hidden_size=32, intermediate_size=48, num_hidden_layers=2,
             num_attention_heads=4, num_key_value_heads=2, head_dim=16, rms_norm_eps=1e-6, rope_theta=1000000, rope_scaling=None, use_sliding_window=False,
             sliding_window=None, max_window_layers=2, attention_bias=False, max_position_embeddings=4096, tie_word_embeddings=True)
    write("qwen3_a", hf.Qwen3ForCausalLM(hf.Qwen3Config(**a)), a, seed=5, lengths=lengths + [3000], decoder=True)
    # A classifier on the last token; the upper layers have a window.
    b = dict(vocab_size=57, hidden_size=40, intermediate_size=72, num_hidden_layers=3, num_attention_heads=5, num_key_value_heads=5, head_dim=12,
             rms_norm_eps=1e-6, rope_parameters={"rope_theta": 1e6, "rope_type": "default"}, use_sliding_window=True, sliding_window=12, max_window_layers=1,
             max_position_embeddings=512, tie_word_embeddings=True, pad_token_id=0, num_labels=3)
    write("qwen3_b", hf.Qwen3ForSequenceClassification(hf.Qwen3Config(architectures=["Qwen3ForSequenceClassification"], **b)), None, seed=6, lengths=lengths,
          decoder=True, bf16=True)


def labels(n):
    return {"id2label": {str(i): f"LABEL_{i}" for i in range(n)}, "label2id": {f"LABEL_{i}": i for i in range(n)}}


def encoders():
    lengths = [1, 7, 22, 50]
    bert = {"hidden_act": "gelu", "layer_norm_eps": 1e-12, "torch_dtype": "float32", "position_embedding_type": "absolute"}
    a = dict(bert, architectures=["BertForSequenceClassification"], model_type="bert", vocab_size=57, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
             num_attention_heads=4, max_position_embeddings=64, type_vocab_size=2, pad_token_id=0, **labels(3))
    old = lambda key: key.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")
    write("bert_a", hf.BertForSequenceClassification(hf.BertConfig(**a)), a, seed=7, lengths=lengths, decoder=False, rename=old)
    b = dict(vocab_size=53, hidden_size=48, intermediate_size=96, num_hidden_layers=3, num_attention_heads=3, max_position_embeddings=60, type_vocab_size=2, num_labels=2)
    write("bert_b", hf.BertForSequenceClassification(hf.BertConfig(architectures=["BertForSequenceClassification"], **b)), None, seed=8, lengths=lengths, decoder=False,
          bf16=True)

    a = dict(architectures=["DistilBertForSequenceClassification"], model_type="distilbert", activation="gelu", vocab_size=57, dim=32, hidden_dim=64, n_layers=2,
             n_heads=4, max_position_embeddings=64, sinusoidal_pos_embds=False, pad_token_id=0, tie_weights_=True, **labels(2))
    write("distilbert_a", hf.DistilBertForSequenceClassification(hf.DistilBertConfig(**a)), a, seed=9, lengths=lengths, decoder=False)
    b = dict(vocab_size=57, dim=48, hidden_dim=80, n_layers=3, n_heads=2, max_position_embeddings=62, num_labels=4)
    bare = lambda key: key.removeprefix("distilbert.")
    write("distilbert_b", hf.DistilBertForSequenceClassification(hf.DistilBertConfig(architectures=["DistilBertForSequenceClassification"], **b)), None, seed=10,
          lengths=lengths, decoder=False, rename=bare, bf16=True)

    a = dict(architectures=["RobertaForSequenceClassification"], model_type="roberta", hidden_act="gelu", layer_norm_eps=1e-5, vocab_size=57, hidden_size=32,
             intermediate_size=56, num_hidden_layers=2, num_attention_heads=2, max_position_embeddings=66, type_vocab_size=1, pad_token_id=1, bos_token_id=0,
             eos_token_id=2, **labels(2))
    write("roberta_a", hf.RobertaForSequenceClassification(hf.RobertaConfig(**a)), a, seed=11, lengths=lengths, decoder=False, pad=1)
    b = dict(vocab_size=53, hidden_size=40, intermediate_size=80, num_hidden_layers=3, num_attention_heads=5, max_position_embeddings=70, type_vocab_size=1,
             layer_norm_eps=1e-5, pad_token_id=1, num_labels=3)
    write("roberta_b", hf.RobertaForSequenceClassification(hf.RobertaConfig(architectures=["RobertaForSequenceClassification"], **b)), None, seed=12, lengths=lengths,
          decoder=False, pad=1, bf16=True)

    # Inputs that reach into the logarithmic buckets: 8 buckets of relative positions up to 64.
    a = dict(architectures=["DebertaV2ForSequenceClassification"], model_type="deberta-v2", hidden_act="gelu", layer_norm_eps=1e-7, vocab_size=57, hidden_size=32,
             intermediate_size=64, num_hidden_layers=2, num_attention_heads=4, max_position_embeddings=64, relative_attention=True, position_buckets=8,
             norm_rel_ebd="layer_norm", share_att_key=True, pos_att_type="p2c|c2p", max_relative_positions=-1, position_biased_input=False, type_vocab_size=0,
             pad_token_id=0, pooler_hidden_act="gelu", pooler_hidden_size=32, pooler_dropout=0, **labels(2))
    write("deberta_v3_a", hf.DebertaV2ForSequenceClassification(hf.DebertaV2Config(**a)), a, seed=13, lengths=lengths, decoder=False)
    b = dict(vocab_size=57, hidden_size=48, intermediate_size=80, num_hidden_layers=3, num_attention_heads=3, max_position_embeddings=128, relative_attention=True,
             position_buckets=16, norm_rel_ebd="layer_norm", share_att_key=True, pos_att_type=["p2c", "c2p"], position_biased_input=False, type_vocab_size=0,
             layer_norm_eps=1e-7, num_labels=3)
    write("deberta_v3_b", hf.DebertaV2ForSequenceClassification(hf.DebertaV2Config(architectures=["DebertaV2ForSequenceClassification"], **b)), None, seed=14,
          lengths=lengths, decoder=False, bf16=True)

    a = dict(architectures=["ModernBertForSequenceClassification"], model_type="modernbert", vocab_size=57, hidden_size=32, intermediate_size=36, num_hidden_layers=4,
             num_attention_heads=4, hidden_activation="gelu", norm_eps=1e-5, norm_bias=False, attention_bias=False, mlp_bias=False, classifier_bias=False,
             classifier_activation="gelu", classifier_pooling="cls", global_attn_every_n_layers=3, global_rope_theta=160000.0, local_rope_theta=10000.0,
             local_attention=16, max_position_embeddings=256, pad_token_id=0, **labels(2))
    write("modernbert_a", hf.ModernBertForSequenceClassification(hf.ModernBertConfig(**a)), a, seed=15, lengths=lengths, decoder=False)
    b = dict(vocab_size=53, hidden_size=40, intermediate_size=60, num_hidden_layers=3, num_attention_heads=2, classifier_pooling="mean", local_attention=10,
             max_position_embeddings=256, pad_token_id=0, global_attn_every_n_layers=2, num_labels=3)
    write("modernbert_b", hf.ModernBertForSequenceClassification(hf.ModernBertConfig(architectures=["ModernBertForSequenceClassification"], **b)), None, seed=16,
          lengths=lengths, decoder=False, bf16=True)


if __name__ == "__main__":
    torch.manual_seed(0)
    torch.set_num_threads(1)
    decoders()
    encoders()
