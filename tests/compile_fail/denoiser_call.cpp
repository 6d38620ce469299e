// expect: a denoiser must be callable as denoise(backend, matrix_view<T const> x, noise_level level)
#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/diffusion/denoiser.hpp>

using namespace parapet;

struct denoise {
  matrix_view<float const> noise;
#ifdef MISTAKE
  matrix_view<float const> operator()(matrix_view<float const> const&, index_t) const { return noise; }
#else
  matrix_view<float const> operator()(backend::cpu&, matrix_view<float const> const&, index_t) const { return noise; }
#endif
};

static_assert(diffusion::check_denoiser<denoise, backend::cpu, float>());
