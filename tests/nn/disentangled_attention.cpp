#include <parapet/nn/disentangled_attention.hpp>

#include "support/backends.hpp"
#include "support/gradient.hpp"
#include "support/throws.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <vector>

using namespace parapet;
using support::download;
using support::normal;
using support::on;
using support::tensor;
using support::upload;

namespace {

constexpr index_t tokens = 14, heads = 2, head_dim = 3, width = heads * head_dim;
nn::relative_buckets const small{.buckets = 4, .max_distance = 8};  // rows 0 to 7; of its own are distances up to 2
std::vector<nn::sequence> const sequences{{0, 4, 0, 4}, {4, 14, 4, 14}};

}  // namespace

TEST_CASE("relative_buckets: rows of torch's make_log_bucket_position with 256 buckets and 512 positions") {
  nn::relative_buckets const published;
  index_t const distance[] = {0, 5, 127, 128, 129, 130, 200, 300, 400, 510, 511, 512, 600};
  index_t const bucket[] = {0, 5, 127, 128, 129, 130, 169, 207, 233, 255, 255, 256, 270};
  for (std::size_t i = 0; i < std::size(distance); ++i) {
    CHECK(published.bucket(distance[i]) == bucket[i]);
    CHECK(published.row(distance[i]) == std::min<index_t>(256 + bucket[i], 511));
    CHECK(published.row(-distance[i]) == std::max<index_t>(256 - bucket[i], 0));
  }
}

TEST_CASE_TEMPLATE("disentangled attention: the three terms against their equation, and gradients of all that goes in", B, TEST_BACKENDS) {
  using space = typename B::space;
  B be;
  nn::disentangled_attention<double, space> const layer(be, {heads, heads, head_dim}, small, 12);
  auto q = upload(be, normal<double>(extents{tokens, width}, 1)), k = upload(be, normal<double>(extents{tokens, width}, 2)),
       v = upload(be, normal<double>(extents{tokens, width}, 3)), pk = upload(be, normal<double>(extents{index_t{8}, width}, 4)),
       pq = upload(be, normal<double>(extents{index_t{8}, width}, 5));
  auto const weight = normal<double>(extents{tokens, width}, 6);
  auto const dout = upload(be, weight);
  index_t const size = layer.workspace_size(tokens, 10);
  on<B, double, 1> by_query(extents{size}), by_key(extents{size}), dby_query(extents{size}), dby_key(extents{size});
  on<B, double, 2> out(q.shape()), log_sum(extents{tokens, heads}), dq(q.shape()), dk(q.shape()), dv(q.shape()), dpk(pk.shape()), dpq(pk.shape());
  auto const loss = [&] {
    layer.forward(be, sequences, q.read(), k.read(), v.read(), pk.read(), pq.read(), {by_query.view(), by_key.view()}, out.view(), log_sum.view());
    return support::dot(weight.flat(), download(be, out).flat());
  };
  loss();
  {
    auto const hq = download(be, q), hk = download(be, k), hv = download(be, v), hpk = download(be, pk), hpq = download(be, pq);
    tensor<double, 2> expected(q.shape());
    for (nn::sequence const& s : sequences)
      for (index_t h = 0; h < heads; ++h)
        for (index_t i = s.queries_begin; i < s.queries_end; ++i) {
          std::vector<double> p;
          double total = 0;
          for (index_t j = s.keys_begin; j < s.keys_end; ++j) {
            double score = 0;
            index_t const row = small.row(i - j);
            for (index_t t = h * head_dim; t < (h + 1) * head_dim; ++t)
              score += hq.read()(i, t) * hk.read()(j, t) + hq.read()(i, t) * hpk.read()(row, t) + hk.read()(j, t) * hpq.read()(row, t);
            total += p.emplace_back(std::exp(score / 3));  // sqrt(3 head_dim)
          }
          for (index_t t = h * head_dim; t < (h + 1) * head_dim; ++t) {
            expected.view()(i, t) = 0;
            for (index_t j = s.keys_begin; j < s.keys_end; ++j)
              expected.view()(i, t) += p[static_cast<std::size_t>(j - s.keys_begin)] / total * hv.read()(j, t);
          }
        }
    CHECK(support::relative_difference(download(be, out), expected) < 1e-13);
  }
  fill(be, dpk.view(), 7.0);
  layer.backward(be, sequences, q.read(), k.read(), v.read(), pk.read(), pq.read(), {by_query.view(), by_key.view()}, {dby_query.view(), dby_key.view()},
                 out.read(), log_sum.read(), dout.read(), dq.view(), dk.view(), dv.view(), dpk.view(), dpq.view());
  CHECK(support::gradient_error(be, q.flat(), dq.flat(), loss) < 1e-6);
  CHECK(support::gradient_error(be, k.flat(), dk.flat(), loss) < 1e-6);
  CHECK(support::gradient_error(be, v.flat(), dv.flat(), loss) < 1e-6);
  CHECK(support::gradient_error(be, pk.flat(), dpk.flat(), loss) < 1e-6);
  CHECK(support::gradient_error(be, pq.flat(), dpq.flat(), loss) < 1e-6);
}

TEST_CASE_TEMPLATE("disentangled attention: floats; a sequence alone has the bits that it has beside a longer one; what does not fit", B, TEST_BACKENDS) {
  using space = typename B::space;
  B be;
  nn::disentangled_attention<float, space> const layer(be, {heads, heads, head_dim}, small, 12);
  auto const q = upload(be, normal<float>(extents{tokens, width}, 1)), k = upload(be, normal<float>(extents{tokens, width}, 2)),
             table = upload(be, normal<float>(extents{index_t{8}, width}, 4));
  index_t const size = layer.workspace_size(tokens, 10);
  on<B, float, 1> by_query(extents{size}), by_key(extents{size});
  on<B, float, 2> both(q.shape()), alone(q.shape());
  auto const run = [&](std::vector<nn::sequence> const& s, on<B, float, 2>& out, index_t workspace) {
    layer.forward(be, s, q.read(), k.read(), k.read(), table.read(), table.read(),
                  {by_query.view().rows(0, workspace), by_key.view().rows(0, workspace)}, out.view());
  };
  run(sequences, both, size);
  run({sequences[0]}, alone, size);
  auto const a = download(be, alone), b = download(be, both);
  double furthest = 0;
  for (index_t i = 0; i < 4 * width; ++i) furthest = std::max(furthest, std::abs(static_cast<double>(a.flat()[i] - b.flat()[i])));
  CHECK(furthest <= (std::is_same_v<B, backend::cpu> ? 0 : 1e-6));  // other products round by the size of the batch
  CHECK(support::message_of<argument_error>([&] { run({{0, 13, 0, 13}}, alone, size); }) ==
        "disentangled_attention: a sequence of 13 keys, expected at most 12");
  CHECK_THROWS_AS(run(sequences, alone, size - 1), shape_error);
  CHECK_THROWS_AS((nn::disentangled_attention<float, space>(be, {4, 2, 3}, small, 12)), argument_error);
  CHECK_THROWS_AS((nn::disentangled_attention<float, space>(be, {2, 2, 3}, {256, 100}, 12)), argument_error);
}
