"""Turns Parquet with the columns of WildGuardMix into the JSON lines that guard/moderation_data.hpp reads.

    pip install pyarrow==26.0.1
    python parquet_to_jsonl.py train-00000-of-00001.parquet train.jsonl

Batch by batch, so that a file of any size fits into memory. Columns of other names stay out; text goes through byte for byte, null stays null.
"""
import json
import sys

import pyarrow.parquet as parquet

COLUMNS = ["prompt", "adversarial", "response", "prompt_harm_label", "response_refusal_label", "response_harm_label", "subcategory"]

source, target = sys.argv[1:]
table = parquet.ParquetFile(source)
present = [name for name in COLUMNS if name in table.schema_arrow.names]
if "prompt" not in present:
    sys.exit(f"{source}: no column is called prompt")
rows = 0
with open(target, "w", encoding="utf-8", newline="\n") as out:
    for batch in table.iter_batches(batch_size=4096, columns=present):
        for row in batch.to_pylist():
            out.write(json.dumps(row, ensure_ascii=False) + "\n")
            rows += 1
print(f"{target}: {rows} rows")
