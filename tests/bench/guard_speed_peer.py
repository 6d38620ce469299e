"""The training of bench_guard_speed in PyTorch: the same encoder (transformers' ModernBERT), batch, heads, loss and optimiser, on as many threads.

    pip install torch transformers
    python guard_speed_peer.py 2          # threads; run beside bench_guard_speed
"""
import statistics
import sys
import time

import torch
from transformers import ModernBertConfig, ModernBertModel

torch.set_num_threads(int(sys.argv[1]) if len(sys.argv) > 1 else 2)
torch.manual_seed(0)
config = ModernBertConfig(vocab_size=4096, hidden_size=256, num_hidden_layers=4, num_attention_heads=4, intermediate_size=384, max_position_embeddings=512,
                          global_attn_every_n_layers=1, local_attention=128, attention_dropout=0.0, mlp_dropout=0.0, embedding_dropout=0.0,
                          pad_token_id=0, bos_token_id=1, eos_token_id=2, cls_token_id=1, sep_token_id=2)


def measure(attention):
    body = ModernBertModel._from_config(config, attn_implementation=attention)
    head = torch.nn.Sequential(torch.nn.Linear(256, 256, bias=False), torch.nn.GELU(), torch.nn.LayerNorm(256, bias=False), torch.nn.Linear(256, 18))
    parameters = [*body.parameters(), *head.parameters()]
    optimiser = torch.optim.AdamW(parameters, lr=1e-3, weight_decay=0.01)
    ids = torch.randint(0, 4096, (32, 128))
    tasks, kinds = torch.randint(0, 2, (32, 3)).float(), torch.randint(0, 15, (32,))
    mask = torch.ones(32, 128, dtype=torch.long)
    times = []
    for step in range(18):
        start = time.perf_counter()
        hidden = body(input_ids=ids, attention_mask=mask).last_hidden_state
        logits = head(hidden.mean(1))
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logits[:, :3], tasks) + torch.nn.functional.cross_entropy(logits[:, 3:], kinds)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        times.append(time.perf_counter() - start)
    median = statistics.median(times[3:])
    print(f"PyTorch {torch.__version__}, {attention}, {torch.get_num_threads()} threads: {1e3 * median:.1f} ms an update, {32 / median:.0f} texts/s")


for attention in ("sdpa", "eager"):
    measure(attention)
