#include <parapet/nn/mlp.hpp>

#include "support/backends.hpp"
#include "support/gradient.hpp"
#include "support/throws.hpp"

using namespace parapet;
using nn::mode;
using support::download;
using support::normal;
using support::on;
using support::upload;

namespace {

/// A dense view in memory of the backend, on the host.
template <class B, class T>
support::tensor<T, 1> numbers(B& be, tensor_view<T, 3, typename B::space> const& x) {
  support::tensor<T, 1> host(extents{x.size()});
  copy(be, flatten(x), host.view());
  synchronize(be);
  return host;
}

}  // namespace

TEST_CASE_TEMPLATE("mlp: inference gives what training gives, and each network of a stack what it gives alone", B, TEST_BACKENDS) {
  B be;
  nn::parameter_list list;
  nn::mlp<math::mish> const net(list, "net", {3, 20, 20, 2});
  arena<typename B::space> a, b, c;
  auto const train = plan(a, [&](auto& m) { return net.template make_workspace<float>(m, 5, mode::training, 2); });
  auto const infer = plan(b, [&](auto& m) { return net.template make_workspace<float>(m, 5, mode::inference, 2); });
  auto const alone = plan(c, [&](auto& m) { return net.template make_workspace<float>(m, 5, mode::inference); });
  CHECK(b.used() < a.used());
  auto const p = upload(be, normal<float>(extents{index_t{2}, list.size()}, 1));
  auto const x = upload(be, normal<float>(extents{1, 5, 3}, 2));  // shared
  auto const y = numbers(be, net.forward(be, p.read(), x.read(), train));
  CHECK(support::same(numbers(be, net.forward(be, p.read(), x.read(), infer)), y));
  for (index_t k = 0; k < 2; ++k) {
    auto const own = numbers(be, net.forward(be, p.read()(k), x.read(), alone));
    for (index_t i = 0; i < 10; ++i) CHECK(own.read()[i] == y.read()[10 * k + i]);
  }
}

TEST_CASE_TEMPLATE("mlp: one layer, names, and what it refuses", B, TEST_BACKENDS) {
  B be;
  nn::parameter_list list;
  nn::mlp<math::relu> const deep(list, "deep", {3, 8, 2}), plain(list, "plain", {3, 8, 2}, nn::initializer::ones(), false);
  std::string names;
  for (nn::parameter const& p : list) names += p.name + ' ';
  CHECK(names == "deep.dense0.weight deep.dense0.bias deep.output.weight deep.output.bias "
                 "plain.dense0.weight plain.dense0.bias plain.dense1.weight plain.dense1.bias ");
  CHECK(deep.in() == 3);
  CHECK(deep.out() == 2);
  CHECK(support::message_of<argument_error>([&] { nn::mlp<math::relu>(list, "x", {3}); }) == "mlp 'x': 1 widths, expected at least 2");

  nn::parameter_list affine_list;
  nn::mlp<math::relu> const affine(affine_list, "affine", {3, 2});
  arena<typename B::space> memory;
  auto const w = plan(memory, [&](auto& m) { return affine.template make_workspace<double>(m, 4, mode::training); });
  auto p = upload(be, normal<double>(extents{affine_list.size()}, 1));
  auto const x = upload(be, normal<double>(extents{1, 4, 3}, 2)), dy = upload(be, normal<double>(extents{1, 4, 2}, 3));
  on<B, double, 1> dp(p.shape());
  auto const loss = [&] { return support::dot(numbers(be, affine.forward(be, p.read(), x.read(), w)).flat(), download(be, dy).flat()); };
  loss();
  affine.backward(be, p.read(), x.read(), w, dy.read(), dp.view());
  CHECK(support::gradient_error(be, p.flat(), dp.flat(), loss) < 1e-9);
}
