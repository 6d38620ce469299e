#include <parapet/guard/classifier_head.hpp>

#include "support/backends.hpp"
#include "support/gradient.hpp"

#include <algorithm>
#include <vector>

using namespace parapet;

namespace {

std::vector<nn::sequence> const sequences{{0, 3, 0, 3}, {3, 4, 3, 4}, {4, 9, 4, 9}};

}  // namespace

TEST_CASE_TEMPLATE("pooling takes the first, the last, the mean and the maximum of each sequence", B, TEST_BACKENDS) {
  B be;
  auto const hidden = support::normal<double>(extents{9, 4}, 1);
  auto const on_device = support::upload(be, hidden);
  for (auto const rule : {guard::pooling::first, guard::pooling::last, guard::pooling::mean, guard::pooling::max}) {
    support::on<B, double, 2> pooled(extents{3, 4});
    guard::pool_forward(be, rule, sequences, on_device.read(), pooled.view());
    auto const got = support::download(be, pooled);
    for (index_t s = 0; nn::sequence const& sequence : sequences) {
      for (index_t j = 0; j < 4; ++j) {
        double mean = 0, highest = -1e9;
        for (index_t i = sequence.queries_begin; i < sequence.queries_end; ++i) {
          mean += hidden.read()(i, j) / static_cast<double>(sequence.queries());
          highest = std::max(highest, hidden.read()(i, j));
        }
        double const expected = rule == guard::pooling::first  ? hidden.read()(sequence.queries_begin, j)
                                : rule == guard::pooling::last ? hidden.read()(sequence.queries_end - 1, j)
                                : rule == guard::pooling::mean ? mean
                                                               : highest;
        CHECK(got.read()(s, j) == doctest::Approx(expected));
      }
      ++s;
    }
  }
  support::on<B, double, 2> pooled(extents{2, 4});
  CHECK_THROWS_AS(guard::pool_forward(be, guard::pooling::mean, sequences, on_device.read(), pooled.view()), shape_error);
}

// Two tasks behind a dense layer and a norm, which has no shift, as ModernBERT's.
TEST_CASE_TEMPLATE("gradients of a head of two tasks are those of differences", B, TEST_BACKENDS) {
  using space = typename B::space;
  B be;
  for (auto const rule : {guard::pooling::first, guard::pooling::last, guard::pooling::mean, guard::pooling::max}) {
    guard::classifier_config const config{.hidden = 4, .pooled = rule, .dense = true, .norm = true, .tasks = {{"harm", 2}, {"kind", 3}}};
    nn::parameter_list list;
    guard::list_parameters<guard::modernbert>(config, list);
    CHECK(list.size() == 4 * 4 + 4 + 4 + 5 * 4 + 5);
    auto parameters = support::upload(be, support::normal<double>(extents{list.size()}, 2));
    support::on<B, double, 1> gradient(extents{list.size()});
    fill(be, gradient.flat(), 0.0);
    guard::classifier_head<guard::modernbert, double, space> const head(
        config, guard::bind_parameters<guard::modernbert>(config, vector_view<double const, space>(parameters.flat()), 0));
    auto const to = guard::bind_parameters<guard::modernbert>(config, gradient.flat(), 0);

    auto hidden = support::upload(be, support::normal<double>(extents{9, 4}, 3));
    support::on<B, double, 2> dhidden(hidden.shape());
    auto const dlogits = support::upload(be, support::normal<double>(extents{3, 5}, 4));
    arena<space> memory;
    auto const kept = plan(memory, [&](auto& a) { return head.make_workspace(a, 4, nn::mode::training); });
    auto const loss = [&] {
      support::on<B, double, 2> logits(extents{3, 5});
      copy(be, matrix_view<double const, space>(head.forward(be, sequences, hidden.read(), kept)), logits.view());
      return support::dot(support::download(be, logits).flat(), support::download(be, dlogits).flat());
    };
    loss();
    head.backward(be, sequences, hidden.read(), kept, dlogits.read(), to, dhidden.view());
    CHECK(support::gradient_error(be, parameters.flat(), vector_view<double const, space>(gradient.flat()), loss) < 1e-6);
    CHECK(support::gradient_error(be, hidden.flat(), vector_view<double const, space>(dhidden.flat()), loss) < 1e-6);
  }
}

TEST_CASE_TEMPLATE("a head without a task, or with a layer that the architecture has no name for, is refused", B, TEST_BACKENDS) {
  nn::parameter_list list;
  CHECK_THROWS_AS((guard::classifier_head<guard::bert, float, typename B::space>(guard::classifier_config{.hidden = 4, .tasks = {}}, {})), argument_error);
  CHECK_THROWS_AS(guard::list_parameters<guard::mistral>(guard::classifier_config{.hidden = 4, .dense = true, .tasks = {{"a", 2}}}, list), argument_error);
}
