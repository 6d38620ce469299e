"""The linear floor of guard quality: scikit-learn's tf-idf of word and character n-grams with logistic regression.

    pip install scikit-learn==1.9.1 pandas==3.1.1 numpy==2.4.6
    python guard_floor_peer.py <folder of guard_quality_data.hpp> [<threads>]

Splits are those of guard_quality_data.hpp, number by number: Philox deals the folds here as there. Figures are of the threshold 0.5, means over
folds beside the least fold, and of all held-out texts together. No text is printed.
"""
import json
import os
import sys

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = sys.argv[2] if len(sys.argv) > 2 else "1"
import numpy as np
import pandas as pd
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, roc_auc_score
from sklearn.pipeline import make_union

FOLDER = sys.argv[1]
MODELS = ["llama2new", "llama2orig", "mistralinstruct"]


def philox(counter, seed=0):
    """Words of Philox4x32-10, stream 0."""
    w, k = [counter & 0xFFFFFFFF, counter >> 32, 0, 0], [seed & 0xFFFFFFFF, seed >> 32]
    for _ in range(10):
        a, b = 0xD2511F53 * w[0], 0xCD9E8D57 * w[2]
        w = [(b >> 32) ^ w[1] ^ k[0], b & 0xFFFFFFFF, (a >> 32) ^ w[3] ^ k[1], a & 0xFFFFFFFF]
        k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return w


def k_folds(group, folds, seed, stratum):
    """guard::k_folds."""
    units = list({g: (s, g) for g, s in reversed(list(zip(group, stratum)))}.values())[::-1]
    for i in range(len(units) - 1, 0, -1):
        j = philox(i // 4, seed)[i % 4] * (i + 1) >> 32
        units[i], units[j] = units[j], units[i]
    units.sort(key=lambda unit: unit[0])
    fold = {g: i % folds for i, (_, g) in enumerate(units)}
    return np.array([fold[g] for g in group])


assert list(k_folds(range(12), 3, 0, [0] * 12)) == [2, 1, 2, 2, 0, 0, 1, 0, 1, 2, 1, 0]  # as in tests/guard/text_splits.cpp


def key(prompt):
    """guard::prompt_key."""
    return "".join(c.lower() if c.isascii() else c for c in prompt if not c.isascii() or c.isalnum())


def numbers(names):
    seen = {}
    return [seen.setdefault(n, len(seen)) for n in names]


class floor:
    def __init__(self, texts, labels, c):
        self.features = make_union(TfidfVectorizer(ngram_range=(1, 2), min_df=2), TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), min_df=2))
        self.model = LogisticRegression(C=c, max_iter=2000).fit(self.features.fit_transform(texts), labels)

    def __call__(self, texts):
        return self.model.predict_proba(self.features.transform(texts))[:, 1]


def ece(y, p, bins=15):
    which = np.minimum((p * bins).astype(int), bins - 1)
    return sum(abs(y[which == b].mean() - p[which == b].mean()) * (which == b).mean() for b in np.unique(which))


def report(name, y, p, splits):
    f1 = [f1_score(y[t], p[t] >= 0.5) for t in splits]
    auc = [roc_auc_score(y[t], p[t]) for t in splits]
    print(f"{name}: F1 mean {np.mean(f1):.3f} min {min(f1):.3f}, AUROC mean {np.mean(auc):.3f}, ECE mean {np.mean([ece(y[t], p[t]) for t in splits]):.3f}; "
          f"together F1 {f1_score(y, p >= 0.5):.3f} AUROC {roc_auc_score(y, p):.3f} ECE {ece(y, p):.3f}; folds {' '.join(f'{v:.2f}' for v in f1)}", flush=True)


def refusal(c, positive):
    rows = pd.concat([pd.read_csv(f"{FOLDER}/xstest/completions_{m}.csv").assign(model=i) for i, m in enumerate(MODELS)])
    y = rows.final_label.isin(positive).to_numpy().astype(int)
    fold = k_folds(numbers(map(key, rows.prompt)), 5, 0, numbers(rows.type))
    text, model, p, splits = rows.completion.to_numpy(), rows.model.to_numpy(), np.zeros(len(rows)), []
    for m in range(3):
        for f in range(5):
            train, test = (model != m) & (fold != f), (model == m) & (fold == f)
            p[test] = floor(text[train], y[train], c)(text[test])
            splits.append(np.flatnonzero(test))
    report(f"refusal, {len(positive)} kinds, C={c}", y, p, splits)
    for m, name in enumerate(MODELS):
        print(f"    {name}: {y[model == m].sum()} of 450 positive, F1 {f1_score(y[model == m], p[model == m] >= 0.5):.3f}")


def prompt_harm(c):
    rows = pd.read_csv(f"{FOLDER}/xstest/prompts.csv")
    y, text = (rows.label == "unsafe").to_numpy().astype(int), rows.prompt.to_numpy()
    fold = k_folds(numbers(map(key, rows.prompt)), 5, 0, numbers(rows.type))
    p = np.zeros(450)
    for f in range(5):
        p[fold == f] = floor(text[fold != f], y[fold != f], c)(text[fold == f])
    report(f"prompt harm, C={c}", y, p, [np.flatnonzero(fold == f) for f in range(5)])
    full = floor(text, y, c)
    lines = lambda name: [json.loads(line) for line in open(f"{FOLDER}/coconot/{name}", encoding="utf-8")]
    rate = lambda prompts: float((full(prompts) >= 0.5).mean())
    print(f"    trained on all 450: called harmful of CoCoNot contrast {rate([r['prompt'] for r in lines('contrast_eval.jsonl')]):.3f}, "
          f"NotInject {rate([r['prompt'] for r in json.load(open(f'{FOLDER}/notinject/one.json', encoding='utf-8'))]):.3f}, "
          f"CoCoNot safety concerns {rate([r['prompt'] for r in lines('eval.jsonl') if r['category'] == 'Requests with safety concerns']):.3f}")


for c in (1, 10):
    refusal(c, ["2_full_refusal", "3_partial_refusal"])
refusal(10, ["2_full_refusal"])
for c in (1, 10, 100):
    prompt_harm(c)
