// fwd.hpp before and beside the definitions: a template head that differs does not compile, and a name that is defined nowhere
// is an incomplete type here.
#include <parapet/fwd.hpp>

// A header of an embedder, with nothing but forward declarations.
struct controller {
  void act(parapet::vector_view<float const> const& observation, parapet::matrix_view<float> const& action);
  parapet::backend::cpu* backend;
  parapet::nn::mlp<parapet::math::silu>* network;
};

#include <parapet/parapet.hpp>

namespace {

template <class... Types>
constexpr bool all_complete = ((sizeof(Types) > 0) && ...);

using namespace parapet;
static_assert(all_complete<host_space, extents<2>, tensor_view<float, 2>, vector_view<float>, matrix_view<float>, buffer<float>,
                           arena<>, philox_stream, tensor_archive, error, shape_error, argument_error, io_error>);
static_assert(all_complete<pack<float>, math::relu, math::silu, math::mish, math::gelu, backend::cpu>);
static_assert(all_complete<nn::parameter_list, nn::linear, nn::layer_norm, nn::fourier_features, nn::mlp<math::relu>,
                           nn::residual_mlp<math::mish>, nn::trained<float, host_space>>);
static_assert(all_complete<diffusion::noise_schedule, diffusion::time_network, rl::fisor_config, rl::point_robot, rl::transitions<float, host_space>,
                           rl::fisor<backend::cpu, float>, rl::fisor_model, rl::fisor_agent<backend::cpu>, rl::one_step_policy, rl::one_step_agent<backend::cpu>,
                           rl::controller<rl::fisor_agent<backend::cpu>>>);

}  // namespace

void controller::act(vector_view<float const> const& observation, matrix_view<float> const& action) {
  copy(*backend, observation, action(0));
}
