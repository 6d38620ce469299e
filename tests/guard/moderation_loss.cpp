#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/core/buffer.hpp>
#include <parapet/guard/moderation_loss.hpp>

#include <doctest/doctest.h>

#include <cmath>

using namespace parapet;
using namespace guard;

namespace {

constexpr index_t texts = 5;

struct problem {
  problem() {
    philox_stream const stream(4, 1);
    for (index_t i = 0; i < logits.size(); ++i) logits.data()[i] = 2 * static_cast<double>(stream.normal(i));
    std::int32_t const kinds[] = {3, -1, 14, 0, -1};
    for (index_t i = 0; i < texts; ++i) {
      for (index_t t = 0; t < task_count; ++t) {
        targets.positive(i, t) = (i + t) % 2 == 0 ? 1 : 0;
        targets.weight(i, t) = (i * 3 + t) % 4 == 0 ? 0 : 0.5 + static_cast<double>(t);
      }
      targets.harm[i] = kinds[i];
      targets.outlier[i] = i == 4 ? 1 : 0;
    }
    for (index_t t = 0; t < task_count; ++t) targets.weight(4, t) = 0;
  }

  double total() {
    moderation_loss(be, scales, matrix_view<double const>(view()), targets, values.view(), gradient(), scratch.view(extents{texts, index_t{task_count}}));
    double sum = 0;
    for (index_t i = 0; i < texts; ++i) sum += values.data()[i];
    return sum;
  }
  matrix_view<double> view() { return logits.view(extents{texts, moderation_logits}); }
  matrix_view<double> gradient() { return slopes.view(extents{texts, moderation_logits}); }

  backend::cpu be{1};
  moderation_scales scales{{0.3, 0.7, 1.1}, 0.9, 0.4, -2.5, -1};
  buffer<double> logits{texts * moderation_logits}, slopes{texts * moderation_logits}, values{texts}, scratch{texts * task_count};
  buffer<double> positive{texts * task_count}, weight{texts * task_count}, outlier{texts};
  buffer<std::int32_t> harm{texts};
  moderation_targets<double> targets{positive.view(extents{texts, index_t{task_count}}), weight.view(extents{texts, index_t{task_count}}), harm.view(), outlier.view()};
};

}  // namespace

TEST_CASE("the loss's derivative is its differences', with all of its parts at work") {
  problem p;
  p.total();
  buffer<double> const analytic = [&] {
    buffer<double> copy_of(p.slopes.size());
    for (index_t i = 0; i < copy_of.size(); ++i) copy_of.data()[i] = p.slopes.data()[i];
    return copy_of;
  }();
  double const without_energy = [&] {
    problem q;
    q.scales.energy = 0;
    return q.total();
  }();
  CHECK(p.total() > without_energy + 0.01);
  for (index_t i = 0; i < p.logits.size(); ++i) {
    double const at = p.logits.data()[i], h = 1e-5;
    p.logits.data()[i] = at + h;
    double const above = p.total();
    p.logits.data()[i] = at - h;
    double const below = p.total();
    p.logits.data()[i] = at;
    CHECK(analytic.data()[i] == doctest::Approx((above - below) / (2 * h)).epsilon(1e-6));
  }
}

TEST_CASE("what nobody labelled counts nothing") {
  problem p;
  p.scales.energy = 0;
  double const before = p.total();
  for (index_t j = 0; j < moderation_logits; ++j) p.view()(4, j) += 3;  // an outlier: no label
  CHECK(p.total() == before);
  for (index_t j = 0; j < moderation_logits; ++j) CHECK(p.gradient()(4, j) == 0);
}
