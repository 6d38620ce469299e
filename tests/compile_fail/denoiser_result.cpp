// expect: a denoiser must return a view of the model
#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/diffusion/denoiser.hpp>

using namespace parapet;

struct denoise {
  matrix_view<float const> noise;
  template <class T>
  auto operator()(backend::cpu&, matrix_view<T const> const&, index_t) const {
#ifdef MISTAKE
    return noise.data();
#else
    return noise;
#endif
  }
};

static_assert(diffusion::check_denoiser<denoise, backend::cpu, float>());
