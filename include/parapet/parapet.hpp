// All of the library that runs on the CPU. Fine for a first program; a large code base includes what it uses.
//
// Not here, whatever the machine has installed: headers that need xtensor or HDF5 (parapet::xtensor, parapet::hdf5) and the
// .cuh headers of CUDA. Include those by name.
#pragma once

#include <parapet/config.hpp>
#include <parapet/fwd.hpp>

#include <parapet/core/arena.hpp>
#include <parapet/core/buffer.hpp>
#include <parapet/core/error.hpp>
#include <parapet/core/extents.hpp>
#include <parapet/core/named_tensor.hpp>
#include <parapet/core/philox.hpp>
#include <parapet/core/space.hpp>
#include <parapet/core/tensor_view.hpp>

#include <parapet/math/activation.hpp>
#include <parapet/math/functions.hpp>
#include <parapet/math/pack.hpp>

#include <parapet/backend/backend.hpp>
#include <parapet/backend/check.hpp>
#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/backend/cpu/gemm.hpp>
#include <parapet/backend/cpu/layer_norm.hpp>
#include <parapet/backend/cpu/map.hpp>
#include <parapet/backend/cpu/thread_pool.hpp>
#include <parapet/backend/cuda/gemm_layout.hpp>
#include <parapet/backend/cuda/launch_shape.hpp>
#include <parapet/backend/cuda/map_layout.hpp>
#include <parapet/backend/cuda/random.hpp>
#include <parapet/backend/cuda/reduce.hpp>
#include <parapet/backend/cuda/rows.hpp>
#include <parapet/backend/reference.hpp>

#include <parapet/nn/activate.hpp>
#include <parapet/nn/average.hpp>
#include <parapet/nn/dropout.hpp>
#include <parapet/nn/fourier_features.hpp>
#include <parapet/nn/initializer.hpp>
#include <parapet/nn/layer_norm.hpp>
#include <parapet/nn/learning_rate.hpp>
#include <parapet/nn/linear.hpp>
#include <parapet/nn/loss.hpp>
#include <parapet/nn/mlp.hpp>
#include <parapet/nn/optimizer.hpp>
#include <parapet/nn/parameters.hpp>
#include <parapet/nn/residual_mlp.hpp>
#include <parapet/nn/trained.hpp>

#include <parapet/grid/axis.hpp>
#include <parapet/grid/grid.hpp>
#include <parapet/grid/interpolate.hpp>
#include <parapet/grid/vec.hpp>

#include <parapet/diffusion/contrastive_energy.hpp>
#include <parapet/diffusion/ddpm.hpp>
#include <parapet/diffusion/denoiser.hpp>
#include <parapet/diffusion/dynamic_threshold.hpp>
#include <parapet/diffusion/energy_weight.hpp>
#include <parapet/diffusion/gaussian_moments.hpp>
#include <parapet/diffusion/guidance.hpp>
#include <parapet/diffusion/hooks.hpp>
#include <parapet/diffusion/intermediate_level.hpp>
#include <parapet/diffusion/known_part.hpp>
#include <parapet/diffusion/linear_update.hpp>
#include <parapet/diffusion/noise_level.hpp>
#include <parapet/diffusion/noise_schedule.hpp>
#include <parapet/diffusion/parameterization.hpp>
#include <parapet/diffusion/residual_denoiser.hpp>
#include <parapet/diffusion/sampler.hpp>
#include <parapet/diffusion/sampling_plan.hpp>
#include <parapet/diffusion/schedule.hpp>
#include <parapet/diffusion/selection.hpp>
#include <parapet/diffusion/solvers/ancestral.hpp>
#include <parapet/diffusion/solvers/churn.hpp>
#include <parapet/diffusion/solvers/consistency.hpp>
#include <parapet/diffusion/solvers/ddim.hpp>
#include <parapet/diffusion/solvers/ddpm.hpp>
#include <parapet/diffusion/solvers/deis.hpp>
#include <parapet/diffusion/solvers/dpm2.hpp>
#include <parapet/diffusion/solvers/dpm_fast.hpp>
#include <parapet/diffusion/solvers/dpm_pp_2s_ancestral.hpp>
#include <parapet/diffusion/solvers/dpm_pp_multistep.hpp>
#include <parapet/diffusion/solvers/dpm_pp_sde.hpp>
#include <parapet/diffusion/solvers/dpm_solver.hpp>
#include <parapet/diffusion/solvers/euler.hpp>
#include <parapet/diffusion/solvers/euler_ancestral.hpp>
#include <parapet/diffusion/solvers/exponential.hpp>
#include <parapet/diffusion/solvers/flow.hpp>
#include <parapet/diffusion/solvers/heun.hpp>
#include <parapet/diffusion/solvers/lcm.hpp>
#include <parapet/diffusion/solvers/lms.hpp>
#include <parapet/diffusion/solvers/pndm.hpp>
#include <parapet/diffusion/solvers/tcd.hpp>
#include <parapet/diffusion/solvers/unipc.hpp>
#include <parapet/diffusion/step_grid.hpp>
#include <parapet/diffusion/time_network.hpp>
#include <parapet/diffusion/training.hpp>
#include <parapet/diffusion/warm_start.hpp>

#include <parapet/reachability/backup.hpp>
#include <parapet/reachability/discount.hpp>
#include <parapet/reachability/dynamics.hpp>
#include <parapet/reachability/hamiltonian.hpp>
#include <parapet/reachability/horizon.hpp>
#include <parapet/reachability/input_samples.hpp>
#include <parapet/reachability/input_set.hpp>
#include <parapet/reachability/integrator.hpp>
#include <parapet/reachability/lanes.hpp>
#include <parapet/reachability/outcome.hpp>
#include <parapet/reachability/problem.hpp>
#include <parapet/reachability/stepping.hpp>
#include <parapet/reachability/successor.hpp>
#include <parapet/reachability/sweep.hpp>
#include <parapet/reachability/systems/car_4d.hpp>
#include <parapet/reachability/systems/car_5d.hpp>
#include <parapet/reachability/systems/double_integrator.hpp>
#include <parapet/reachability/systems/dubins_car.hpp>
#include <parapet/reachability/systems/dubins_pair.hpp>
#include <parapet/reachability/systems/hover_quadrotor.hpp>
#include <parapet/reachability/systems/inverted_pendulum.hpp>
#include <parapet/reachability/systems/planar_quadrotor.hpp>
#include <parapet/reachability/systems/point_robot.hpp>
#include <parapet/reachability/value_function.hpp>
#include <parapet/reachability/value_iteration.hpp>

#include <parapet/rl/bellman.hpp>
#include <parapet/rl/environment.hpp>
#include <parapet/rl/fisor.hpp>
#include <parapet/rl/fisor_config.hpp>
#include <parapet/rl/fisor_networks.hpp>
#include <parapet/rl/fisor_policy.hpp>
#include <parapet/rl/functors.hpp>
#include <parapet/rl/point_robot.hpp>
#include <parapet/rl/point_robot_expert.hpp>
#include <parapet/rl/rollout.hpp>
#include <parapet/rl/transitions.hpp>

#include <parapet/io/checkpoint.hpp>
#include <parapet/io/contour.hpp>
#include <parapet/io/convert.hpp>
#include <parapet/io/file.hpp>
#include <parapet/io/json.hpp>
#include <parapet/io/mapped_safetensors.hpp>
#include <parapet/io/npy_header.hpp>
#include <parapet/io/safetensors.hpp>
#include <parapet/io/svg.hpp>
#include <parapet/io/svg_element.hpp>
#include <parapet/io/text.hpp>

#include <parapet/interop/dlpack.hpp>
#include <parapet/interop/eigen.hpp>
