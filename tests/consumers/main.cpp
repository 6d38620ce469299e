// The program of every consumer project: a small network forward on the CPU, printed.
#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/math/activation.hpp>
#include <parapet/nn/mlp.hpp>

#include <cmath>
#include <cstdio>

int main() {
  using namespace parapet;
  nn::parameter_list list;
  nn::mlp<math::silu> const network(list, "policy", {3, 16, 2});
  buffer<float> parameters(list.size());
  list.initialize(parameters.view(), 1, 0);

  arena<> memory;
  index_t const rows = 4;
  auto const workspace = plan(memory, [&](auto& a) { return network.make_workspace<float>(a, rows, nn::mode::inference); });
  buffer<float> input(rows * network.in());
  backend::cpu be(1);
  fill(be, input.view(), 0.5f);

  buffer<float> const& trained = parameters;
  tensor_view<float const, 3> const x = input.view(extents{index_t{1}, rows, network.in()});
  auto const y = network.forward(be, trained.view(), x, workspace);  // (1, rows, 2)
  std::printf("parapet %d.%d.%d says %g\n", PARAPET_VERSION_MAJOR, PARAPET_VERSION_MINOR, PARAPET_VERSION_PATCH,
              static_cast<double>(y(0, 0, 0)));
  bool const sound = y.shape() == extents{index_t{1}, rows, index_t{2}} && std::isfinite(y(0, 0, 0)) &&
                     y(0, 0, 0) != 0 && y(0, 0, 0) == y(0, rows - 1, 0);
  return sound ? 0 : 1;
}
