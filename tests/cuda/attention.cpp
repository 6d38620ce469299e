// The attention kernel's body run by teams of threads that wait for each other, as a block does; no device.
#include <parapet/backend/cuda/attention.hpp>

#include "support/serial_backend.hpp"
#include "support/tensor.hpp"

#include <doctest/doctest.h>

#include <barrier>
#include <cstdint>
#include <span>
#include <thread>
#include <vector>

using namespace parapet;
using namespace parapet::backend::cuda_detail;
using backend::attention_heads;
using backend::attention_reach;
using backend::no_bias;
using backend::sequence;
using support::normal;
using support::relative_difference;
using support::tensor;

namespace {

struct team_member {
  std::barrier<>& all;
  index_t own, members;
  index_t rank() const { return own; }
  index_t size() const { return members; }
  void sync() const { all.arrive_and_wait(); }
};

}  // namespace

TEST_CASE("attention: teams of any size give the generic kernel's rows") {
  mine::serial be;
  constexpr std::uint64_t tree[] = {1, 3, 5};
  sequence const s{0, 50, 4, 54, tree, 3, 0, 4};
  for (index_t const members : {1, 3, 8})
    for (attention_heads const& heads : {attention_heads{2, 1, 6}, attention_heads{2, 2, 5, 0.4, 3.0}}) {
      auto const q = normal<double>(extents{index_t{50}, heads.heads * heads.head_dim}, 1), k = normal<double>(extents{index_t{54}, heads.kv_heads * heads.head_dim}, 2),
                 v = normal<double>(k.shape(), 3);
      tensor<double, 2> out(q.shape()), expected(q.shape()), log_sum(extents{index_t{50}, heads.heads}), expected_sum(log_sum.shape());
      backend::attend(be, heads, attention_reach::causal(), std::span(&s, 1), q.read(), k.read(), v.read(), expected.view(), expected_sum.view(), no_bias{});
      attention_body<double, double, host_space, no_bias> const body{heads.group(), heads.head_dim, heads.applied_scale(), heads.soft_cap, q.read(), k.read(),
                                                                     v.read(),      out.view(),     log_sum.view(),        no_bias{}};
      backend::reference::attention_mask const mask(s, attention_reach::causal());
      std::vector<double> shared(static_cast<std::size_t>(attention_shared_elements(heads.head_dim)));
      std::barrier<> all(members);
      std::vector<std::thread> threads;
      for (index_t own = 0; own < members; ++own)
        threads.emplace_back([&, own] {
          for (index_t block = 0; block < attention_blocks(50, heads.group()); ++block)
            for (index_t kv_head = 0; kv_head < heads.kv_heads; ++kv_head) {
              body(team_member{all, own, members}, shared.data(), mask, kv_head, block * attention_tile);
              all.arrive_and_wait();
            }
        });
      for (std::thread& t : threads) t.join();
      CHECK(relative_difference(out, expected) < 1e-13);
      CHECK(relative_difference(log_sum, expected_sum) < 1e-13);
    }
}

TEST_CASE("attention: blocks of the grid find their sequences, and the parameters of a launch fit into 4 KB") {
  attention_batch batch;
  index_t const queries[] = {1, 33, 0, 64, 32};
  for (index_t const n : queries) batch.add(backend::reference::attention_mask(sequence{0, n, 0, n}, {}), 2);
  CHECK(batch.full());
  CHECK(batch.blocks == 1 + 3 + 0 + 4 + 2);
  index_t const of_block[] = {0, 1, 1, 1, 3, 3, 3, 3, 4, 4};
  for (index_t b = 0; b < 10; ++b) CHECK(batch.sequence_of(b) == of_block[b]);
  CHECK(sizeof(attention_batch) + sizeof(attention_body<double, double, host_space, no_bias>) < 4096 - 256);  // a bias holds views of its own
}
