"""Times of hj_reachability (JAX on the CPU) for the same problems as bench_hamilton_jacobi: Air3D, 2.8 s.

    pip install hj-reachability==0.7.0
    python hamilton_jacobi_peer.py                  # compiled once on a short horizon, then timed
    python hamilton_jacobi_peer.py 101-very_high 4  # one case, the first quarter of its 2.8 s: all steps cost the same

Single precision, as it comes; JAX takes all cores.
"""
import sys
import time
import numpy as np
import jax.numpy as jnp
import hj_reachability as hj

only = sys.argv[1:2]
part = float(sys.argv[2]) if len(sys.argv) > 2 else 1.0
for shape in [(51, 40, 50), (101, 78, 100)]:
    grid = hj.Grid.from_lattice_parameters_and_boundary_conditions(
        hj.sets.Box(np.array([-6.0, -10.0, 0.0]), np.array([20.0, 10.0, 2 * np.pi])), shape, periodic_dims=2)
    values = jnp.linalg.norm(grid.states[..., :2], axis=-1) - 5
    for accuracy in ["low", "very_high"]:
        if only and f"{shape[0]}-{accuracy}" not in only:
            continue
        settings = hj.SolverSettings.with_accuracy(accuracy, hamiltonian_postprocessor=hj.solver.backwards_reachable_tube)
        dynamics = hj.systems.Air3d()
        for horizon in [-0.01, -2.8 / part]:
            begin, cpu = time.perf_counter(), time.process_time()
            result = hj.step(settings, dynamics, grid, 0.0, values, horizon, progress_bar=False).block_until_ready()
        print(f"hj_reachability {shape} {accuracy}: {time.perf_counter() - begin:.3f} s, {time.process_time() - cpu:.3f} CPU s for {-horizon} s, share of nodes {float((result <= 0).mean()):.6f}", flush=True)
