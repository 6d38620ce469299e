"""Cost of a step beside diffusers and k-diffusion: one run, one machine, the same sizes.

    python diffusion_peers.py <bench_diffusion_step> [threads [dimension ...]]

needs torch, diffusers and k-diffusion (goldens/diffusion/write_goldens.py says how). The denoiser answers with an array that it
has, as in diffusion_step.cpp; every number is the median of runs of 20 steps (one run of
the largest arrays), in float32. The C++ program runs first, then torch.
"""
import pathlib
import statistics
import subprocess
import sys
import time
import warnings

import diffusers
import torch

warnings.filterwarnings("ignore")
sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "goldens" / "diffusion"))
from write_goldens import import_k_diffusion  # noqa: E402

diffusers.utils.logging.set_verbosity_error()
STEPS = 20
SD = dict(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear")


def median(f, huge=False, seconds=0.15):
    """One run of huge arrays takes as long as a hundred of others."""
    if not huge:
        f()
    times = []
    while len(times) < (1 if huge else 3) or sum(times) < seconds and len(times) < 2000:
        begin = time.perf_counter()
        f()
        times.append(time.perf_counter() - begin)
    return statistics.median(times)


def scheduler_run(cls, options, x, answer):
    s = cls(**SD, **options)
    s.set_timesteps(STEPS)

    def run():
        s.set_timesteps(STEPS)  # clears the history, as a pipeline does; timed by itself below and taken off
        s.set_begin_index(0) if hasattr(s, "set_begin_index") else None
        y = x
        for t in s.timesteps:
            s.scale_model_input(y, t)
            y = s.step(answer, t, y, return_dict=False)[0]

    return run, lambda: s.set_timesteps(STEPS)


def main():
    program, threads = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1
    dimensions = [int(d) for d in sys.argv[3:]] or [2, 32, 1024]
    torch.set_num_threads(threads)
    ours = {}
    for line in subprocess.run([program, "--csv", str(threads)], capture_output=True, text=True, check=True).stdout.split():
        name, dimension, batch, seconds, speed, share = line.split(",")
        ours[name, int(dimension), int(batch)] = float(seconds), float(speed), float(share)
    sampling = import_k_diffusion()
    schedulers = {
        "euler": (diffusers.EulerDiscreteScheduler, dict(timestep_spacing="trailing")),
        "heun": (diffusers.HeunDiscreteScheduler, dict(timestep_spacing="trailing")),
        "ddim": (diffusers.DDIMScheduler, dict(clip_sample=False, timestep_spacing="trailing")),
        "ddpm": (diffusers.DDPMScheduler, dict(clip_sample=False, timestep_spacing="trailing")),
        "dpmpp_2m": (diffusers.DPMSolverMultistepScheduler, dict(timestep_spacing="trailing")),
        "unipc": (diffusers.UniPCMultistepScheduler, dict(timestep_spacing="trailing")),
    }
    k_samplers = {"euler": sampling.sample_euler, "heun": sampling.sample_heun, "dpmpp_2m": sampling.sample_dpmpp_2m}
    sigmas = sampling.get_sigmas_karras(STEPS, 0.02, 20.0)
    print(f"torch {torch.__version__}, diffusers {diffusers.__version__}, {threads} thread(s); microseconds a step")
    print("| solver | d | batch | ours | share of copying | diffusers | ratio | k-diffusion | ratio |\n|---|---|---|---|---|---|---|---|---|")
    for name, dimension, batch in ours:
        if dimension not in dimensions:
            continue
        x, answer = torch.randn(batch, dimension), torch.randn(batch, dimension)
        seconds, _, share = ours[name, dimension, batch]
        run, setup = scheduler_run(*schedulers[name], x, answer)
        with torch.no_grad():
            huge = batch * dimension > 2**22
            theirs = (median(run, huge) - median(setup)) / STEPS
            row = f"| {name} | {dimension} | {batch} | {1e6 * seconds:.3g} | {share:.2f} | {1e6 * theirs:.4g} | {theirs / seconds:.3g}x |"
            if name in k_samplers:
                model = lambda y, sigma: answer
                k = median(lambda: k_samplers[name](model, x, sigmas, disable=True), huge) / STEPS
                row += f" {1e6 * k:.4g} | {k / seconds:.3g}x |"
            else:
                row += " | |"
        print(row, flush=True)


main()
