"""Writes the GGUF goldens of tests/io with the Python package of llama.cpp.

    python3 -m venv venv && venv/bin/pip install numpy==2.4.6 gguf==0.19.0
    venv/bin/python write_gguf.py        # into the folder of this script
"""

import pathlib

import numpy as np
import gguf
from gguf import GGMLQuantizationType as Type

here = pathlib.Path(__file__).parent

# Every test knows these values in closed form: element k of an array is k / 4 - 1.
quarters = (np.arange(6, dtype="f4") / 4 - 1).reshape(2, 3)
rows = (np.arange(192, dtype="f4") / 4 - 1).reshape(3, 64)

writer = gguf.GGUFWriter(here / "reference.gguf", "llama")
for bits in (8, 16, 32, 64):
    getattr(writer, f"add_uint{bits}")(f"u{bits}", 2**bits - 1)
    getattr(writer, f"add_int{bits}")(f"i{bits}", -(2 ** (bits - 1)))
writer.add_float32("f32", 0.25)
writer.add_float64("f64", 0.1)
writer.add_bool("yes", True)
writer.add_bool("no", False)
writer.add_string("text", "ä\nb")
writer.add_array("tokens", ["<s>", "", "▁of"])
writer.add_array("scores", [0.0, -1.5, 2.0])
writer.add_array("flags", [True, False])
writer.add_array("nested", [[1, 2], [3], [4, 5, 6]])
writer.add_tensor("f32", quarters)
writer.add_tensor("f16", quarters.astype("f2"))
writer.add_tensor("bf16", (quarters.view("u4") >> 16).astype("u2").view("u1"), raw_dtype=Type.BF16)  # all are exact
writer.add_tensor("q8_0", gguf.quants.quantize(rows, Type.Q8_0), raw_dtype=Type.Q8_0)
for kind in ("i1", "i2", "i4", "i8", "f8"):
    writer.add_tensor(kind, quarters.astype(kind))
writer.add_tensor("cube", np.arange(24, dtype="f4").reshape(2, 3, 4) / 4 - 1)
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()
(here / "reference_q8_0.f32").write_bytes(gguf.quants.dequantize(gguf.quants.quantize(rows, Type.Q8_0), Type.Q8_0).tobytes())

writer = gguf.GGUFWriter(here / "aligned.gguf", "llama")
writer.add_custom_alignment(64)
writer.add_tensor("a", quarters)
writer.add_tensor("b", quarters)
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()

writer = gguf.GGUFWriter(here / "refused_q4_0.gguf", "llama")
writer.add_tensor("weights", gguf.quants.quantize(rows, Type.Q4_0), raw_dtype=Type.Q4_0)
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()

big = gguf.GGUFWriter(here / "refused_big_endian.gguf", "llama", endianess=gguf.GGUFEndian.BIG)
big.write_header_to_file()
big.write_kv_data_to_file()
big.write_tensors_to_file()
big.close()
