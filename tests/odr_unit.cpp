// Compiled twice, for wide and for narrow registers (ODR_UNIT is the name of the function), and linked into one program.
#include "odr_unit.hpp"

#include <parapet/parapet.hpp>

odr_report odr::ODR_UNIT() {
  using namespace parapet;
  nn::parameter_list list;
  nn::mlp<math::mish> const network(list, "net", {5, 32, 3});
  buffer<float> parameters(list.size());
  list.initialize(parameters.view(), 7, 0);
  arena<> memory;
  index_t const rows = 17;
  auto const workspace = plan(memory, [&](auto& a) { return network.make_workspace<float>(a, rows, nn::mode::inference); });
  backend::cpu be(1);
  buffer<float> input(rows * 5);
  fill_normal(be, input.view(), philox_stream(7, 1), 0);
  auto const y = network.forward(be, vector_view<float const>(parameters.view()),
                                 tensor_view<float const, 3>(input.view(extents<3>{{1, rows, 5}})), workspace);
  void (*const synchronize)(backend::cpu&) = backend::synchronize;
  return {PARAPET_SIMD_BYTES, reinterpret_cast<void const*>(synchronize), sum(be, flatten(y))};
}
