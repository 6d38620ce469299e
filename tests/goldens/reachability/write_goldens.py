"""Value functions of hj_reachability, for a comparison node by node.

    pip install hj-reachability==0.7.0 jax==0.10.2 safetensors
    python write_goldens.py            # writes SYSTEM.safetensors beside this file: solved in double precision, stored as float32

Three systems: Air3D (its own), and two made for this purpose: a mass on a slope with wind, whose control acts with a
state-dependent gain, and a slow car with a two-dimensional control and disturbance. Each is solved in all four accuracies as set and
as tube, and as reach-avoid tube round an obstacle. hj_reachability has the controls in `control_mode`; all arrays are row-major.
"""
import os
import jax
jax.config.update("jax_enable_x64", True)
import jax.numpy as jnp
import numpy as np
import hj_reachability as hj
from safetensors.numpy import save_file

here = os.path.dirname(os.path.abspath(__file__))


class Slope(hj.dynamics.ControlAndDisturbanceAffineDynamics):
    """x' = v + d, v' = -sin(x) - 0.2 v + (1 + 0.3 cos(x)) u"""

    def __init__(self, control_mode, disturbance_mode):
        super().__init__(control_mode, disturbance_mode, hj.sets.Box(jnp.array([-0.5]), jnp.array([1.0])),
                         hj.sets.Box(jnp.array([-0.1]), jnp.array([0.1])))

    def open_loop_dynamics(self, state, time):
        x, v = state
        return jnp.array([v, -jnp.sin(x) - 0.2 * v])

    def control_jacobian(self, state, time):
        return jnp.array([[0.0], [1 + 0.3 * jnp.cos(state[0])]])

    def disturbance_jacobian(self, state, time):
        return jnp.array([[1.0], [0.0]])


class SlowCar(hj.dynamics.ControlAndDisturbanceAffineDynamics):
    """x' = (1 + u_0) cos(q) + d_0, y' = (1 + u_0) sin(q) + d_1, q' = u_1"""

    def __init__(self, control_mode, disturbance_mode):
        super().__init__(control_mode, disturbance_mode, hj.sets.Box(jnp.array([-0.5, -1.0]), jnp.array([0.5, 1.0])),
                         hj.sets.Box(jnp.array([-0.2, -0.1]), jnp.array([0.2, 0.3])))

    def open_loop_dynamics(self, state, time):
        return jnp.array([jnp.cos(state[2]), jnp.sin(state[2]), 0.0])

    def control_jacobian(self, state, time):
        return jnp.array([[jnp.cos(state[2]), 0.0], [jnp.sin(state[2]), 0.0], [0.0, 1.0]])

    def disturbance_jacobian(self, state, time):
        return jnp.array([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])


def make_grid(low, high, shape, periodic):
    return hj.Grid.from_lattice_parameters_and_boundary_conditions(hj.sets.Box(np.array(low), np.array(high)), shape, periodic_dims=periodic)


def air3d(control, disturbance):
    return hj.systems.Air3d(control_mode=control, disturbance_mode=disturbance)


cases = {
    "air3d": (air3d, make_grid([-6.0, -10.0, 0.0], [20.0, 10.0, 2 * np.pi], (21, 17, 16), 2), 1.4,
              lambda s: jnp.hypot(s[..., 0], s[..., 1]) - 5, lambda s: jnp.hypot(s[..., 0] - 9, s[..., 1] - 3) - 2.5),
    "slope": (Slope, make_grid([-3.0, -2.5], [3.0, 2.5], (31, 29), None), 1.5,
              lambda s: jnp.hypot(s[..., 0] - 1, s[..., 1]) - 0.6, lambda s: jnp.hypot(s[..., 0] + 0.8, s[..., 1] - 0.6) - 0.5),
    "slow_car": (SlowCar, make_grid([-3.0, -2.0, -np.pi], [3.0, 2.0, np.pi], (19, 17, 14), 2), 1.2,
                 lambda s: jnp.maximum(jnp.abs(s[..., 0]), jnp.abs(s[..., 1])) - 0.7, lambda s: jnp.hypot(s[..., 0] + 1.5, s[..., 1] - 0.3) - 0.6),
}

for name, (system, grid, horizon, target, obstacle) in cases.items():
    results = {}
    start, wall = target(grid.states), -obstacle(grid.states)
    for accuracy in ["low", "medium", "high", "very_high"]:
        for question in ["avoid_set", "avoid_tube", "reach_avoid_tube"]:
            avoid = question != "reach_avoid_tube"
            settings = {}
            if question.endswith("tube"):
                settings["hamiltonian_postprocessor"] = hj.solver.backwards_reachable_tube
            values = start
            if question == "reach_avoid_tube":
                settings["value_postprocessor"] = hj.solver.static_obstacle(wall)
                values = jnp.maximum(start, wall)
            dynamics = system(*(("max", "min") if avoid else ("min", "max")))
            result = hj.step(hj.SolverSettings.with_accuracy(accuracy, **settings), dynamics, grid, 0.0, values, -horizon, progress_bar=False)
            results[f"{accuracy}.{question}"] = np.asarray(result, dtype=np.float32)
    save_file(results, os.path.join(here, f"{name}.safetensors"), {"hj_reachability": "0.7.0", "jax": jax.__version__})
