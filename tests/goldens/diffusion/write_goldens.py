"""Trajectories of diffusers and k-diffusion, in double, for the parity tests of tests/diffusion.

    pip install torch diffusers scipy safetensors
    pip install k-diffusion torchsde torchdiffeq --no-deps
    python write_goldens.py            # writes diffusers.safetensors and k_diffusion.safetensors beside itself

The denoiser is exact: data is a mixture of three Gaussians in three dimensions (MIXTURE), and a network that predicts
noise, data, velocity or anything else is computed from the posterior mean. The noise is Philox4x32-10 with Box and Muller
in double, so it need not be stored: draw k of a run is elements 6 k .. 6 k + 5 of stream (SEED, 0), draw 0 the initial one.

Both peers hold tables in float32 and cast the sample to it. Here float32 means float64 in their modules (`widen`), so that
what is left is the method. Each case also runs untouched; the largest difference is stored as its `float32`.

Arrays: `<case>` (rows, 2, 3), for each n of COUNTS x after the steps that checkpoints() names; `table.<k>`, a table of sigmas
or times of a peer for n = 10. Metadata of a case, as JSON: `float32`; which tables are its; `start`, x_T over draw 0 for each n.
"""
import json
import math
import pathlib
import sys
import types
import warnings

import diffusers
import numpy as np
import torch
from safetensors.numpy import save_file

warnings.filterwarnings("ignore")
diffusers.utils.logging.set_verbosity_error()
HERE = pathlib.Path(__file__).parent
SEED, ROWS, DIM = 4, 2, 3
COUNTS = (5, 10, 20, 50)
MIXTURE = dict(
    weights=np.array([0.5, 0.3, 0.2]),
    means=np.array([[-1.5, 0.5, 1.0], [1.25, -0.75, 0.25], [0.5, 1.5, -1.25]]),
    deviations=np.array([0.3, 0.5, 0.2]),
)


# Noise.

def philox(counter, key):
    word, k0, k1 = list(counter), key & 0xFFFFFFFF, key >> 32
    for _ in range(10):
        a, b = 0xD2511F53 * word[0], 0xCD9E8D57 * word[2]
        word = [(b >> 32) ^ word[1] ^ k0, b & 0xFFFFFFFF, (a >> 32) ^ word[3] ^ k1, a & 0xFFFFFFFF]
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return word


def normal(i):
    word = philox((i // 4, 0, 0, 0), SEED)
    first, second = ((word[i % 4 & 2 | k] >> 9) * 2.0**-23 + 2.0**-24 for k in (0, 1))
    radius, angle = math.sqrt(-2 * math.log(first)), 2 * math.pi * second
    return radius * (math.cos(angle) if i % 2 == 0 else math.sin(angle))


DRAWS = [np.array([normal(ROWS * DIM * k + e) for e in range(ROWS * DIM)]).reshape(ROWS, DIM) for k in range(160)]


class Noise:
    """Hands out the draws of one run in order."""

    def __init__(self, *shape):
        self.draws, self.shape = 0, shape

    def __call__(self, *unused, **also_unused):
        self.draws += 1
        return torch.from_numpy(DRAWS[self.draws]).reshape(self.shape)


# The exact denoiser.

def posterior_mean(x, alpha, sigma):
    """E[x_0 | x] for x = alpha x_0 + sigma z."""
    x = x.double().numpy()
    means, deviations = MIXTURE["means"], MIXTURE["deviations"]
    variance = alpha**2 * deviations**2 + sigma**2
    gap = x[:, None, :] - alpha * means
    log_weight = np.log(MIXTURE["weights"]) - 0.5 * (gap**2).sum(-1) / variance - 0.5 * DIM * np.log(variance)
    weight = np.exp(log_weight - log_weight.max(1, keepdims=True))
    weight /= weight.sum(1, keepdims=True)
    each = means + (alpha * deviations**2 / variance)[:, None] * gap
    return torch.from_numpy((weight[:, :, None] * each).sum(1))


def network(kind, x, alpha, sigma):
    """What a network of this kind would return for x = alpha x_0 + sigma z. `x` may be scaled (alpha 1): v needs the angle."""
    x0 = posterior_mean(x, alpha, sigma)
    epsilon = (x.double() - alpha * x0) / sigma
    length = math.hypot(alpha, sigma)
    return {
        "epsilon": lambda: epsilon,
        "sample": lambda: x0,
        "v_prediction": lambda: alpha / length * epsilon - sigma / length * x0,
        "flow_prediction": lambda: epsilon - x0,
    }[kind]()


# float32 in a peer's module becomes float64.

class Widened:
    def __init__(self, module, **others):
        self.__dict__.update(module=module, float32=module.float64, **others)

    def __getattr__(self, name):
        return getattr(self.module, name)


def widen(module, on):
    module.torch = Widened(torch) if on else torch
    if hasattr(module, "np"):
        module.np = Widened(np) if on else np
    torch.set_default_dtype(torch.float64 if on else torch.float32)


# diffusers. A level function says where a scheduler asks its network: (x, alpha, sigma) with x = alpha x_0 + sigma z.

def at_index(s):
    return s.step_index if s.step_index is not None else 0


def discrete_level(s, t, x):
    alpha_bar = float(s.alphas_cumprod[int(t)])
    return x, math.sqrt(alpha_bar), math.sqrt(1 - alpha_bar)


def scaled_level(s, t, x):
    """Schedulers that keep x_0 + sigma z; some evaluate between two entries of their table."""
    i = at_index(s)
    name = type(s).__name__
    if name == "KDPM2DiscreteScheduler" and s.sample is not None:
        return x, 1.0, float(s.sigmas_interpol[i])
    if name == "KDPM2AncestralDiscreteScheduler" and s.sample is not None:
        return x, 1.0, float(s.sigmas_interpol[i - 1])
    if name == "DPMSolverSDEScheduler" and s.sample is not None:
        return x, 1.0, float(s.mid_point_sigma)
    return x, 1.0, float(s.sigmas[i])


def preserving_level(s, t, x):
    sigma = float(s.sigmas[at_index(s)])
    if s.config.use_flow_sigmas:
        return x, 1 - sigma, sigma
    return x, 1 / math.sqrt(1 + sigma**2), sigma / math.sqrt(1 + sigma**2)


def flow_level(s, t, x):
    sigma = float(s.sigmas[at_index(s)])
    return x, 1 - sigma, sigma


def churned(s, x, noise, options):
    """These two add their noise inside step(), after the network has been asked at the old point. Algorithm 2 of Karras et
    al. asks at the noised one; so does this run, by looking at the draw that step() will take."""
    sigma = float(s.sigmas[at_index(s)])
    gamma = min(options["s_churn"] / (len(s.sigmas) - 1), math.sqrt(2) - 1) if options.get("s_tmin", 0) <= sigma <= options.get("s_tmax", math.inf) else 0
    if gamma == 0:
        return x, sigma
    hat = sigma * (1 + gamma)
    return x + torch.from_numpy(DRAWS[noise.draws + 1]) * options.get("s_noise", 1) * math.sqrt(hat**2 - sigma**2), hat


def edm_output(s, x, sigma):
    """F with c_skip x + c_out F = E[x_0 | x]."""
    data = s.config.sigma_data
    c_skip, c_out = data**2 / (sigma**2 + data**2), sigma * data / math.sqrt(sigma**2 + data**2)
    if s.config.prediction_type == "v_prediction":
        c_out = -c_out
    return (posterior_mean(x, 1.0, sigma) - c_skip * x.double()) / c_out


def between_evaluations(s):
    """True while a step of several evaluations is not done."""
    if type(s).__name__ == "PNDMScheduler":
        return s.counter <= len(s.prk_timesteps) and s.counter % 4 != 0 if not s.config.skip_prk_steps else s.counter == 1
    return not getattr(s, "state_in_first_order", True)


LEVELS = {level: names.split() for level, names in (
    (discrete_level, "DDPM DDIM DDIMInverse PNDM LCM TCD"),
    (preserving_level, "DPMSolverMultistep DPMSolverMultistepInverse DPMSolverSinglestep UniPCMultistep DEISMultistep SASolver"),
    (flow_level, "FlowMatchEulerDiscrete FlowMatchHeunDiscrete FlowMatchLCM"),
    (scaled_level, "EulerDiscrete EulerAncestralDiscrete HeunDiscrete KDPM2Discrete KDPM2AncestralDiscrete LMSDiscrete "
                   "DPMSolverSDE CMStochasticIterative EDMEuler EDMDPMSolverMultistep CosineDPMSolverMultistep"))}


def run_diffusers(name, options, n, wide):
    options = dict(options)
    step, table = options.pop("step", {}), options.pop("table", {})
    cls = getattr(diffusers, name + "Scheduler")
    module = sys.modules[cls.__module__]
    widen(module, wide)
    noise = module.randn_tensor = Noise(ROWS, DIM, 1)  # thresholding wants a third axis
    if name in ("DPMSolverSDE", "CosineDPMSolverMultistep"):
        module.BrownianTreeNoiseSampler = lambda *unused, **also_unused: noise
    if name.startswith("FlowMatch"):
        kind = "flow_prediction"
    else:
        kind = options.get("prediction_type", "epsilon")
    s = cls(**options)
    s.set_timesteps(n, **table)
    if hasattr(s, "set_begin_index"):
        s.set_begin_index(0)  # as the pipelines do: without it a table that repeats its first time skips an entry
    level = next(level for level, names in LEVELS.items() if name in names)
    start = 0.5 if name.endswith("Inverse") else float(getattr(s, "init_noise_sigma", 1))
    dtype = torch.float64 if wide else torch.float32
    path, sigma, time = [], [float(v) for v in getattr(s, "sigmas", [])], [float(v) for v in s.timesteps]
    x = torch.from_numpy(DRAWS[0] * start).to(dtype)
    for k, t in enumerate(s.timesteps, 1):
        if hasattr(s, "scale_model_input"):
            s.scale_model_input(x, t)
        at, a, b = level(s, t, x)
        if "s_churn" in step:
            at, b = churned(s, x, noise, step)
        if name.startswith(("EDM", "Cosine")):
            output = edm_output(s, at, b)
        else:
            output = network(kind, at, a, b)
        x = s.step(output.to(dtype)[..., None], t, x[..., None], **step, return_dict=False)[0][..., 0]
        if not between_evaluations(s) or k == len(s.timesteps):  # Heun's last step has one evaluation
            path.append(x.double().numpy())
    return start, path, sigma, time


# k-diffusion. Its package wants image and training libraries that its samplers do not use.

def import_k_diffusion():
    for name in ("torchvision", "torchvision.transforms", "torchvision.transforms.functional", "PIL", "PIL.Image"):
        sys.modules.setdefault(name, types.ModuleType(name))
    sys.modules["torchvision.transforms"].functional = sys.modules["torchvision.transforms.functional"]
    sys.modules["torchvision"].transforms = sys.modules["torchvision.transforms"]
    sys.modules["PIL"].Image = sys.modules["PIL.Image"]
    import importlib.util
    folder = pathlib.Path(importlib.util.find_spec("k_diffusion").origin).parent
    package = types.ModuleType("k_diffusion")  # without running the package's own __init__
    package.__path__ = [str(folder)]
    sys.modules["k_diffusion"] = package
    import k_diffusion.sampling
    return k_diffusion.sampling


ANCESTRAL = "euler_ancestral dpm_2_ancestral dpm_fast dpmpp_2s_ancestral dpmpp_sde dpmpp_2m_sde dpmpp_3m_sde".split()


def run_k_diffusion(name, options, n, wide):
    options = dict(options)
    grid, *bounds = options.pop("grid")
    torch.set_default_dtype(torch.float64 if wide else torch.float32)
    dtype = torch.get_default_dtype()
    sigmas = getattr(sampling, "get_sigmas_" + grid)(n, *bounds)
    start = float(sigmas[0])
    noise, path, added = Noise(ROWS, DIM), [], []

    def randn_like(z):
        """The churning samplers draw at every step, and use it where gamma > 0 only."""
        sigma = float(sigmas[len(added)])
        used = options.get("s_churn") and options.get("s_tmin", 0) <= sigma <= options.get("s_tmax", math.inf)
        added.append(noise().to(dtype) if used else torch.zeros_like(z))
        return added[-1]

    def see(info):
        before = info["x"].double()
        if added:  # here x has its noise already
            before = before - added[-1] * options.get("s_noise", 1) * (info["sigma_hat"] ** 2 - info["sigma"] ** 2) ** 0.5
        path.append(before.numpy())

    sampling.torch = Widened(torch, randn_like=randn_like)
    if name in ANCESTRAL:
        options["noise_sampler"] = lambda *unused: noise().to(dtype) if options.get("eta", 1) else 0
    arguments = (float(sigmas[-2]), float(sigmas[0]), n) if name == "dpm_fast" else (sigmas,)
    if name == "dpm_fast":
        options.setdefault("eta", 0)
    model = lambda x, sigma: posterior_mean(x, 1.0, float(sigma[0])).to(dtype)
    last = getattr(sampling, "sample_" + name)(model, torch.from_numpy(DRAWS[0] * start).to(dtype), *arguments, callback=see, disable=True, **options)
    return start, path[1:] + [last.double().numpy()], [float(v) for v in sigmas], []


# The cases.

SD = dict(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear")
LINEAR = dict(beta_start=1e-4, beta_end=2e-2, beta_schedule="linear")
COSINE = dict(beta_schedule="squaredcos_cap_v2")
V, SAMPLE, FLOW = (dict(prediction_type=p) for p in ("v_prediction", "sample", "flow_prediction"))
LEADING, TRAILING, LINSPACE = (dict(timestep_spacing=s) for s in ("leading", "trailing", "linspace"))
KARRAS, EXPONENTIAL, BETA = (dict({f"use_{s}_sigmas": True}) for s in ("karras", "exponential", "beta"))
ZERO_SNR = dict(rescale_betas_zero_snr=True)
PLAIN = dict(clip_sample=False)
THRESHOLD = dict(thresholding=True, dynamic_thresholding_ratio=0.8, sample_max_value=1.25)
LAST_ENTRY = dict(final_sigmas_type="sigma_min")
OLD = dict(algorithm_type="dpmsolver", **LAST_ENTRY)
SDE, OLD_SDE = dict(algorithm_type="sde-dpmsolver++"), dict(algorithm_type="sde-dpmsolver", **LAST_ENTRY)
HEUN = dict(solver_type="heun")


def order(n):
    return dict(solver_order=n)


def join(*parts):
    return {k: v for part in parts for k, v in part.items()}


DIFFUSERS = {
    "DDPM": {
        "clip": join(LINEAR), "": join(LINEAR, PLAIN), "large": join(LINEAR, PLAIN, dict(variance_type="fixed_large")),
        "small_log": join(LINEAR, PLAIN, dict(variance_type="fixed_small_log")),
        "trailing": join(SD, PLAIN, TRAILING), "offset": join(SD, PLAIN, LEADING, dict(steps_offset=1)),
        "linspace": join(SD, PLAIN, LINSPACE), "v": join(SD, PLAIN, V), "sample": join(SD, PLAIN, SAMPLE),
        "cosine": join(COSINE, PLAIN), "sigmoid": join(dict(beta_schedule="sigmoid"), PLAIN),
        "threshold": join(SD, THRESHOLD), "zero_snr": join(SD, PLAIN, ZERO_SNR, TRAILING, V)},
    "DDIM": {
        "clip": join(LINEAR), "": join(SD, PLAIN), "eta_half": join(SD, PLAIN, dict(step=dict(eta=0.5))),
        "eta_one": join(SD, PLAIN, dict(step=dict(eta=1.0))), "offset": join(SD, PLAIN, dict(steps_offset=1)),
        "trailing": join(SD, PLAIN, TRAILING), "first_entry": join(SD, PLAIN, dict(set_alpha_to_one=False, steps_offset=1)),
        "v": join(SD, PLAIN, V), "sample": join(SD, PLAIN, SAMPLE), "cosine": join(COSINE, PLAIN),
        "threshold": join(SD, THRESHOLD), "clipped_output": join(LINEAR, dict(step=dict(use_clipped_model_output=True, eta=0.3))),
        "zero_snr": join(SD, PLAIN, ZERO_SNR, TRAILING, V)},
    "DDIMInverse": {"": join(SD, PLAIN), "v": join(SD, PLAIN, V)},
    "PNDM": {"": join(SD, dict(steps_offset=1)), "skip_prk": join(SD, dict(skip_prk_steps=True, steps_offset=1)),
             "to_one": join(SD, dict(skip_prk_steps=True, set_alpha_to_one=True)),
             "v": join(SD, dict(skip_prk_steps=True, steps_offset=1), V)},
    "DEISMultistep": {"1": join(SD, order(1)), "2": join(SD), "3": join(SD, order(3)), "3_trailing": join(SD, order(3), TRAILING),
                      "3_v": join(SD, order(3), V), "3_high_final": join(SD, order(3), dict(lower_order_final=False), LEADING)},
    "DPMSolverMultistep": {
        "1": join(SD, order(1)), "2": join(SD), "2_heun": join(SD, HEUN), "3": join(SD, order(3)),
        "2_v": join(SD, V), "2_sample": join(SD, SAMPLE), "2_threshold": join(SD, THRESHOLD),
        "2_karras": join(SD, KARRAS), "2_exponential": join(SD, EXPONENTIAL), "2_beta": join(SD, BETA),
        "2_lu": join(SD, dict(use_lu_lambdas=True)), "2_flow": join(dict(use_flow_sigmas=True, flow_shift=3.0), FLOW),
        "2_leading": join(SD, LEADING, dict(steps_offset=1)), "2_trailing": join(SD, TRAILING),
        "2_sigma_min": join(SD, LAST_ENTRY), "2_high_final": join(SD, LAST_ENTRY, dict(lower_order_final=False)),
        "3_euler_final": join(SD, order(3), dict(euler_at_final=True), LAST_ENTRY), "2_zero_snr": join(SD, ZERO_SNR, V, TRAILING),
        "3_clipped_lambda": join(COSINE, order(3), dict(lambda_min_clipped=-5.1)),
        "old_1": join(SD, OLD, order(1)), "old_2": join(SD, OLD), "old_2_heun": join(SD, OLD, HEUN), "old_3": join(SD, OLD, order(3)),
        "sde_1": join(SD, SDE, order(1)), "sde_2": join(SD, SDE), "sde_2_heun": join(SD, SDE, HEUN), "sde_3": join(SD, SDE, order(3)),
        "sde_2_karras": join(SD, SDE, KARRAS), "old_sde_1": join(SD, OLD_SDE, order(1)), "old_sde_2": join(SD, OLD_SDE),
        "old_sde_2_heun": join(SD, OLD_SDE, HEUN)},
    "DPMSolverMultistepInverse": {"2": join(SD), "1_v": join(SD, order(1), V), "3": join(SD, order(3))},
    "DPMSolverSinglestep": {
        "1": join(SD, order(1)), "2": join(SD), "2_heun": join(SD, HEUN), "3": join(SD, order(3)), "3_heun": join(SD, order(3), HEUN), "3_karras": join(SD, order(3), KARRAS),
        "2_low_final": join(SD, dict(lower_order_final=True)), "3_low_final": join(SD, order(3), dict(lower_order_final=True)),
        "old_2": join(SD, OLD), "old_3": join(SD, OLD, order(3)), "sde_2": join(SD, SDE), "3_v": join(SD, order(3), V)},
    "UniPCMultistep": {
        "1": join(SD, order(1)), "2": join(SD), "3": join(SD, order(3)), "2_bh1": join(SD, dict(solver_type="bh1", **LAST_ENTRY)),
        "3_bh1": join(SD, order(3), dict(solver_type="bh1", **LAST_ENTRY)), "2_epsilon": join(SD, dict(predict_x0=False), LAST_ENTRY),
        "3_epsilon": join(SD, order(3), dict(predict_x0=False), LAST_ENTRY), "2_karras": join(SD, KARRAS), "2_v": join(SD, V),
        "2_no_corrector": join(SD, dict(disable_corrector=list(range(60)))), "3_high_final": join(SD, order(3), dict(lower_order_final=False), LAST_ENTRY),
        "2_flow": join(dict(use_flow_sigmas=True, flow_shift=3.0), FLOW), "2_threshold": join(SD, THRESHOLD)},
    "SASolver": {"": join(SD), "3": join(SD, dict(predictor_order=3, corrector_order=4))},
    "EulerDiscrete": {
        "": join(SD), "karras": join(SD, KARRAS), "exponential": join(SD, EXPONENTIAL), "beta": join(SD, BETA),
        "log_linear": join(SD, dict(interpolation_type="log_linear")), "v": join(SD, V), "sample": join(SD, SAMPLE),
        "offset": join(SD, LEADING, dict(steps_offset=1)), "trailing": join(SD, TRAILING), "sigma_min": join(SD, LAST_ENTRY, TRAILING),
        "zero_snr": join(SD, ZERO_SNR, V, TRAILING), "churn": join(SD, dict(step=dict(s_churn=3.0, s_tmin=0.1, s_tmax=10.0, s_noise=1.007)))},
    "EulerAncestralDiscrete": {"": join(SD), "v": join(SD, V), "trailing": join(SD, TRAILING), "offset": join(SD, LEADING, dict(steps_offset=1))},
    "HeunDiscrete": {"": join(SD), "karras": join(SD, KARRAS), "v": join(SD, V), "clip": join(SD, dict(clip_sample=True)),
                     "exp_betas": dict(beta_schedule="exp")},
    "KDPM2Discrete": {"": join(SD), "karras": join(SD, KARRAS), "v": join(SD, V)},
    "KDPM2AncestralDiscrete": {"": join(SD), "karras": join(SD, KARRAS), "v": join(SD, V)},
    "LMSDiscrete": {"": join(SD), "2": join(SD, dict(step=dict(order=2))), "karras": join(SD, KARRAS), "v": join(SD, V)},
    "DPMSolverSDE": {"": join(SD), "karras": join(SD, KARRAS), "v": join(SD, V)},
    "FlowMatchEulerDiscrete": {"": {}, "shift": dict(shift=3.0), "stochastic": dict(stochastic_sampling=True), "karras": join(KARRAS),
                               "dynamic": dict(use_dynamic_shifting=True, table=dict(mu=0.8)), "terminal": dict(shift=3.0, shift_terminal=0.02)},
    "FlowMatchHeunDiscrete": {"": {}, "shift": dict(shift=3.0)},
    "FlowMatchLCM": {"": {}, "shift": dict(shift=3.0)},
    "CMStochasticIterative": {"": dict(num_train_timesteps=150, clip_denoised=False), "clip": dict(num_train_timesteps=150)},
    "LCM": {"": join(SD), "v": join(SD, V), "clip": join(SD, dict(clip_sample=True)), "linear": join(LINEAR, dict(timestep_scaling=5.0))},
    "TCD": {"eta_zero": join(SD, dict(step=dict(eta=0.0))), "": join(SD, dict(step=dict(eta=0.3))), "eta_one": join(SD, dict(step=dict(eta=1.0))),
            "v": join(SD, V, dict(step=dict(eta=0.3)))},
    "EDMEuler": {"": {}, "exponential": dict(sigma_schedule="exponential"), "v": join(V),
                 "churn": dict(step=dict(s_churn=3.0, s_tmin=0.05, s_tmax=50.0, s_noise=1.003))},
    "EDMDPMSolverMultistep": {"2": {}, "2_heun": join(HEUN), "3": join(order(3)), "2_exponential": dict(sigma_schedule="exponential"),
                              "sde_2": join(SDE), "sde_2_heun": join(SDE, HEUN)},
    "CosineDPMSolverMultistep": {"2": {}, "1": join(order(1)), "2_heun": join(HEUN)},
}

GRID = dict(grid=("karras", 0.02, 20.0))
CHURN = dict(s_churn=3.0, s_tmin=0.05, s_tmax=5.0, s_noise=1.003)
K_DIFFUSION = {
    "euler": {"": GRID, "churn": join(GRID, CHURN), "exponential": dict(grid=("exponential", 0.02, 20.0)),
              "polyexponential": dict(grid=("polyexponential", 0.02, 20.0, 1.5)), "vp": dict(grid=("vp",)), "rho_3": dict(grid=("karras", 0.02, 20.0, 3.0))},
    "euler_ancestral": {"": GRID, "eta_half": join(GRID, dict(eta=0.5, s_noise=1.01))},
    "heun": {"": GRID, "churn": join(GRID, CHURN)},
    "dpm_2": {"": GRID, "churn": join(GRID, CHURN)},
    "dpm_2_ancestral": {"": GRID, "eta_half": join(GRID, dict(eta=0.5))},
    "lms": {"": GRID, "2": join(GRID, dict(order=2)), "3": join(GRID, dict(order=3))},
    "dpm_fast": {"": GRID, "eta_one": join(GRID, dict(eta=1.0))},
    "dpmpp_2s_ancestral": {"": GRID, "eta_half": join(GRID, dict(eta=0.5)), "eta_zero": join(GRID, dict(eta=0.0))},
    "dpmpp_sde": {"": GRID, "eta_half": join(GRID, dict(eta=0.5)), "r_third": join(GRID, dict(r=1 / 3))},
    "dpmpp_2m": {"": GRID, "vp": dict(grid=("vp",))},
    "dpmpp_2m_sde": {"": GRID, "heun": join(GRID, dict(solver_type="heun")), "eta_half": join(GRID, dict(eta=0.5, s_noise=1.01)), "eta_zero": join(GRID, dict(eta=0.0))},
    "dpmpp_3m_sde": {"": GRID, "eta_half": join(GRID, dict(eta=0.5)), "eta_zero": join(GRID, dict(eta=0.0))},
}


def checkpoints(steps):
    return list(range(1, steps + 1)) if steps <= 10 else [steps * k // 4 for k in range(1, 5)]


def write(path, runner, cases, version):
    arrays, tables, metadata = {}, {}, {"peer": version, "torch": torch.__version__, "numpy": np.__version__}
    for name, variants in cases.items():
        for variant, options in variants.items():
            case = f"{name}.{variant}" if variant else name
            rows, starts, difference = [], [], 0.0
            for n in COUNTS:
                start, wide, sigma, time = runner(name, options, n, True)
                narrow = runner(name, options, n, False)[1]
                rows += [wide[k - 1] for k in checkpoints(len(wide))]
                starts.append(start)
                difference = max([difference] + [np.abs(a - b).max() / max(1, np.abs(a).max()) for a, b in zip(wide, narrow)])
                if n == 10:
                    index = [tables.setdefault(tuple(v), len(tables)) for v in (sigma, time)]
            arrays[case] = np.array(rows)
            assert np.isfinite(arrays[case]).all(), case
            metadata[case] = json.dumps(dict(float32=f"{difference:.1e}", sigma=index[0], time=index[1], start=starts))
            print(f"{case:40} {len(rows):3} {difference:.1e}")
    arrays |= {f"table.{k}": np.array(v) for v, k in tables.items()}
    torch.set_default_dtype(torch.float32)
    arrays = {k: np.ascontiguousarray(v, dtype=np.float64) for k, v in arrays.items() if v.size}
    save_file(arrays, path, metadata)
    print(path.name, path.stat().st_size, "bytes,", len(metadata) - 3, "cases")


if __name__ == "__main__":
    from importlib.metadata import version

    write(HERE / "diffusers.safetensors", run_diffusers, DIFFUSERS, "diffusers " + version("diffusers"))
    sampling = import_k_diffusion()
    write(HERE / "k_diffusion.safetensors", run_k_diffusion, K_DIFFUSION, "k-diffusion " + version("k-diffusion"))
