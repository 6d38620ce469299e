"""Writes the goldens of tests/io with the reference implementations of the formats.

    python3 -m venv venv && venv/bin/pip install numpy==2.4.6 safetensors==0.8.0 h5py==3.16.0
    venv/bin/python write_goldens.py        # into the folder of this script

The files in the repository were written with numpy 2.4.6, safetensors 0.8.0, h5py 3.16.0 (HDF5 2.0.0).
"""

import pathlib

import h5py
import numpy as np
import safetensors
import safetensors.numpy

here = pathlib.Path(__file__).parent

# Every test knows these values in closed form: element k of an array is k / 4 - 1, k * k, k % 3 == 0.
quarters = (np.arange(6) / 4 - 1).reshape(2, 3)
squares = np.arange(5) ** 2
thirds = np.arange(7) % 3 == 0
half_bits = np.array([0x3C00, 0xC000, 0x0001, 0x7C00], np.uint16)  # 1, -2, 2^-24, infinity
bfloat_bits = np.array([0x3F80, 0xC000, 0x3EAB], np.uint16)  # 1, -2, 0.333984375
numbers = {f"{t}": squares.astype(t) for t in ("u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8")}

safetensors.numpy.save_file(
    {"f4": quarters.astype("f4"), "f8": quarters, "b1": thirds, "f2": half_bits.view(np.float16), "scalar": np.array(2.5),
     "none": np.zeros((0, 3), "f4"), "ä \"quoted\"": np.array([7], "u1"), **numbers},
    here / "reference.safetensors", metadata={"who": "safetensors.numpy", "α": "line\nbreak"})
bfloat = safetensors.TensorSpec(dtype="bfloat16", shape=[3], data_ptr=bfloat_bits.ctypes.data, data_len=bfloat_bits.nbytes)
safetensors.serialize_file({"bf16": bfloat}, here / "bfloat16.safetensors")

(here / "npy").mkdir(exist_ok=True)
for name, array in {"f4": quarters.astype("f4"), "f8": quarters, "b1": thirds, "scalar": np.array(2.5), "none": np.zeros((0, 3)),
                    "rank32": np.full((1,) * 32, 3, "i4"), **numbers}.items():
    np.save(here / "npy" / f"{name}.npy", array)
for name, array in {"fortran": np.asfortranarray(quarters), "big_endian": quarters.astype(">f8"), "f2": quarters.astype("f2"),
                    "text": np.array(["a"]), "structure": np.zeros(2, [("x", "f4")])}.items():
    np.save(here / "npy" / f"refused_{name}.npy", array)
with open(here / "npy" / "refused_version2.npy", "wb") as file:
    np.lib.format.write_array(file, quarters, version=(2, 0))

rows = 300  # as D4RL and DSRL lay a data set out, in several chunks
with h5py.File(here / "reference.h5", "w", libver=("earliest", "v110")) as file:
    k = np.arange(rows * 2)
    file.create_dataset("observations", data=(k / 4 - 1).reshape(rows, 2).astype("f4"), compression="gzip", chunks=(64, 2))
    file.create_dataset("rewards", data=np.arange(rows) / 4 - 1, compression="gzip")
    file.create_dataset("costs", data=(np.arange(rows) ** 2).reshape(rows, 1), compression="gzip")
    file.create_dataset("terminals", data=np.arange(rows) % 3 == 0, compression="gzip", shuffle=True)
    file.create_dataset("plain", data=squares.astype("u1"))
    file.create_dataset("big_endian", data=quarters.astype(">f4"))
    file.create_dataset("f2", data=quarters.astype("f2"))
    file.create_dataset("scalar", data=2.5)
    file.create_dataset("none", data=np.zeros((0, 3)))
    file.create_dataset("text", data="refused")
    file.create_dataset("levels", data=np.array([0, 1], np.int8), dtype=h5py.enum_dtype({"LOW": 0, "HIGH": 1}))
    file.create_dataset("bomb", shape=(1 << 40,), dtype="f4", chunks=(1 << 20,), compression="gzip")  # stored in no byte
    file.create_dataset("lzf", data=np.arange(1000), compression="lzf")  # a filter of h5py's own
    file.create_dataset("elsewhere", shape=(4,), dtype="u1", external=[("elsewhere.bin", 0, 4)])
    file["soft"] = h5py.SoftLink("/plain")
    file["outside"] = h5py.ExternalLink("other.h5", "/plain")
    file.create_group("group")
    file.attrs["env"] = "PointRobot ä"
    file.attrs["fixed"] = np.bytes_("abc")
    file.attrs["version"] = 3
