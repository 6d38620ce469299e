// A warm start: instead of all the way from noise, from a sample of before with a little noise on it.
//
//     x = alpha previous + sigma z  at the first level of the last `steps` steps
//
// In a control loop the last plan, shifted by one step, is a good guess of the next: fewer steps, and plans that agree with
// each other. diffusers calls it img2img, CleanDiffuser warm_start_reference.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/core/tensor_view.hpp>
#include <parapet/diffusion/linear_update.hpp>
#include <parapet/diffusion/noise_level.hpp>

#include <type_traits>

namespace parapet::inline PARAPET_ABI::diffusion {

/// The levels of the last `steps` steps. Throws argument_error unless there are so many and at least 1.
inline level_list last_levels(level_list const& levels, index_t steps) {
  auto const all = static_cast<index_t>(levels.size()) - 1;
  if (steps < 1 || steps > all) throw argument_error(parapet::detail::concat("last_levels: ", steps, " of ", all, " steps, expected 1 to ", all));
  return level_list(levels.end() - steps - 1, levels.end());
}

/// x = alpha previous + sigma z, all (rows, dimension), for sampler::run_from at `level`; x may be `previous` or z. Throws shape_error.
template <class Backend, class T, class Space>
void warm_start(Backend& be, noise_level const& level, std::type_identity_t<matrix_view<T const, Space>> const& previous,
                std::type_identity_t<matrix_view<T const, Space>> const& z, matrix_view<T, Space> const& x) {
  check_shape("warm_start: previous", previous.shape(), x.shape());
  check_shape("warm_start: z", z.shape(), x.shape());
  map(be, detail::linear_update<T, 2>{{static_cast<T>(level.alpha), static_cast<T>(level.sigma)}}, x, previous, z);
}

}  // namespace parapet::inline PARAPET_ABI::diffusion
