"""A verdict of a fine-tuned encoder of BERT's kind in PyTorch and in ONNX Runtime: beside `bench_guard_speed <guard>`, on the same cores.

    pip install torch transformers onnx onnxruntime onnxscript
    python guard_verdict_peer.py <guard>

The guard is a folder of train_guard; the head is a product of hidden size x 18 behind the mean of all tokens. One text of 128 tokens on one thread;
400 texts in batches of 32 on two (all texts have one length, so no batch has padding).
"""
import os
import statistics
import sys
import tempfile
import time
import warnings

import onnxruntime
import torch
import transformers
from onnxruntime.quantization import QuantType, quantize_dynamic
from transformers import AutoConfig, BertModel

warnings.filterwarnings("ignore")
transformers.logging.set_verbosity_error()


class Guard(torch.nn.Module):
    def __init__(self, folder):
        super().__init__()
        self.body = BertModel.from_pretrained(folder, add_pooling_layer=False, attn_implementation="sdpa")
        self.head = torch.nn.Linear(AutoConfig.from_pretrained(folder).hidden_size, 18)

    def forward(self, ids):
        return self.head(self.body(input_ids=ids).last_hidden_state.mean(1))


def report(name, one, many):
    """one() on one thread, many() of 32 texts on two"""
    times = []
    for k in range(320):
        start = time.perf_counter()
        one()
        times.append(1e3 * (time.perf_counter() - start))
    times = sorted(times[20:])
    batches = []
    for k in range(14):
        start = time.perf_counter()
        many()
        batches.append(time.perf_counter() - start)
    print(f"{name}: p50 {times[150]:.2f} ms, p99 {times[297]:.2f} ms on one thread; {32 / statistics.median(batches[1:]):.0f} verdicts/s on 2", flush=True)


def main(folder):
    guard = Guard(folder).eval()
    one, many = torch.randint(1000, 30000, (1, 128)), torch.randint(1000, 30000, (32, 128))

    def on(threads, model, ids):
        def run():
            torch.set_num_threads(threads)
            with torch.inference_mode():
                model(ids)
        return run

    report(f"PyTorch {torch.__version__}, float", on(1, guard, one), on(2, guard, many))
    half = Guard(folder).eval().to(torch.bfloat16)
    report(f"PyTorch {torch.__version__}, bfloat16", on(1, half, one), on(2, half, many))

    with tempfile.TemporaryDirectory() as scratch:
        path = os.path.join(scratch, "guard.onnx")
        torch.onnx.export(guard, (one,), path, input_names=["ids"], output_names=["z"], dynamic_axes={"ids": {0: "n", 1: "t"}}, dynamo=False)
        quantize_dynamic(path, path + ".int8", weight_type=QuantType.QInt8)
        for name, file in (("float", path), ("int8", path + ".int8")):
            def session(threads):
                options = onnxruntime.SessionOptions()
                options.intra_op_num_threads = threads
                return onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
            a, b = session(1), session(2)
            report(f"ONNX Runtime {onnxruntime.__version__}, {name}", lambda: a.run(None, {"ids": one.numpy()}), lambda: b.run(None, {"ids": many.numpy()}))


main(sys.argv[1])
