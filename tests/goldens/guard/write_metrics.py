"""Writes metrics.hpp: scikit-learn's figures and calibrators on small samples, for tests/guard/{metrics,ranking,reliability,calibration}.cpp.

    python -m venv venv && venv/bin/pip install scikit-learn==1.9.1 numpy==2.4.6 scipy==1.17.1
    venv/bin/python write_metrics.py > metrics.hpp

Scores are multiples of 1/64, so that they are exact and many are equal.
"""

import textwrap

import numpy as np
import sklearn
from scipy.optimize import minimize_scalar
from sklearn.calibration import _SigmoidCalibration
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import (average_precision_score, brier_score_loss, f1_score, log_loss, precision_score, recall_score,
                             roc_auc_score)

random = np.random.default_rng(7)
positive = random.random(120) < 0.4
score = np.clip(np.round((random.normal(0.35, 0.22, 120) + 0.3 * positive) * 64), 1, 63) / 64
logit = np.round(random.normal(0, 3, 120) * 64) / 64 + 2 * positive


def line(name, values):
    text = f"inline constexpr double {name}[] = {{{', '.join(f'{float(v):.17g}' for v in np.ravel(values))}}};"
    print(textwrap.fill(text, 140, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False))


def calibration_error(y, p, edges):
    """Sum over bins of the share of texts times the gap between their mean probability and their rate of positives."""
    which = np.clip(np.digitize(p, edges) - 1, 0, len(edges) - 2)
    return sum(abs(y[which == b].mean() - p[which == b].mean()) * (which == b).mean() for b in np.unique(which))


print(f"// Written by write_metrics.py with scikit-learn {sklearn.__version__}.\n#pragma once\n\nnamespace goldens::metrics {{\n")
line("positive", positive)
line("score", score)
print("// precision, recall and F1 at 0.5; AUROC, average precision, Brier score, log loss")
said = score >= 0.5
line("at_half", [precision_score(positive, said), recall_score(positive, said), f1_score(positive, said)])
line("figures", [roc_auc_score(positive, score), average_precision_score(positive, score), brier_score_loss(positive, score), log_loss(positive, score)])
print("// expected calibration error with 10 bins of equal width (numpy)")
line("width_error", [calibration_error(positive, score, np.linspace(0, 1, 11))])
print("// temperature of logits by scipy's bounded search; Platt's A and B; isotonic at the probes")
line("logit", logit)
loss = lambda b: np.sum(np.logaddexp(0, np.where(positive, -logit * b, logit * b)))
line("temperature", [1 / minimize_scalar(loss, bounds=(1e-3, 10), method="bounded", options={"xatol": 1e-12}).x])
platt = _SigmoidCalibration().fit(logit, positive)
line("platt", [-platt.a_, -platt.b_])
probe = np.linspace(-8, 8, 33)
isotonic = IsotonicRegression(out_of_bounds="clip").fit(logit, positive)
line("probe", probe)
line("isotonic", isotonic.predict(probe))
many = np.round(random.normal(0, 2, (40, 4)) * 64) / 64
kind = random.integers(0, 4, 40)
many[np.arange(40), kind] += 1.5
softmax = lambda b: np.sum(np.logaddexp.reduce(many * b, axis=1) - b * many[np.arange(40), kind])
print("// 40 rows of four logits, their classes, and the temperature of their softmax")
line("logits", many)
line("classes", kind)
line("softmax_temperature", [1 / minimize_scalar(softmax, bounds=(1e-3, 10), method="bounded", options={"xatol": 1e-12}).x])
print("\n}  // namespace goldens::metrics")
