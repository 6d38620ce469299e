// The programs of docs/transformer_layers.md.
#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/nn/attention.hpp>
#include <parapet/nn/cross_entropy.hpp>
#include <parapet/nn/rotary.hpp>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <vector>

using namespace parapet;

namespace {

std::vector<float> numbers(index_t count, std::uint64_t seed) {
  std::vector<float> x(static_cast<std::size_t>(count));
  philox_stream const stream(seed, 0);
  for (index_t i = 0; i < count; ++i) x[static_cast<std::size_t>(i)] = static_cast<float>(stream.normal(i));
  return x;
}
matrix_view<float> rows(std::vector<float>& x, index_t width) { return {x.data(), extents{static_cast<index_t>(x.size()) / width, width}}; }

bool two_sequences() {
  backend::cpu be;
  // Two sequences of 5 and 3 tokens, one after the other; 4 heads of 8 over 2 key heads.
  std::vector<nn::sequence> const batch{{0, 5, 0, 5}, {5, 8, 5, 8}};
  nn::attention_heads const heads{.heads = 4, .kv_heads = 2, .head_dim = 8};
  std::vector<float> q = numbers(8 * 32, 1), k = numbers(8 * 16, 2), v = numbers(8 * 16, 3), out(8 * 32), log_sum(8 * 4);
  std::vector<index_t> positions{0, 1, 2, 3, 4, 0, 1, 2};

  nn::rotary_table<float> const table(be, {.dimensions = 8, .theta = 10000}, 512);
  vector_view<index_t> const at(positions.data(), extents{8});
  nn::rotary_forward(be, nn::rotary_layout::half_split, table.angles(), at, rows(q, 32), 4);
  nn::rotary_forward(be, nn::rotary_layout::half_split, table.angles(), at, rows(k, 16), 2);
  nn::attention_forward(be, heads, nn::attention_reach::causal(), batch, rows(q, 32), rows(k, 16), rows(v, 16), rows(out, 32), rows(log_sum, 4));

  std::vector<float> dout = numbers(8 * 32, 4), dq(8 * 32), dk(8 * 16), dv(8 * 16);
  nn::attention_backward(be, heads, nn::attention_reach::causal(), batch, rows(q, 32), rows(k, 16), rows(v, 16), rows(out, 32), rows(log_sum, 4),
                         rows(dout, 32), rows(dq, 32), rows(dk, 16), rows(dv, 16));
  std::printf("first token of the second sequence: %.4f, its value %.4f\n", out[5 * 32], v[5 * 16]);
  return std::abs(out[5 * 32] - v[5 * 16]) < 1e-6f;  // it sees itself alone
}

bool tree() {
  backend::cpu be;
  nn::attention_heads const heads{.heads = 1, .kv_heads = 1, .head_dim = 4};
  std::vector<float> q = numbers(6 * 4, 1), k = numbers(6 * 4, 2), v = numbers(6 * 4, 3), out(6 * 4), line(6 * 4);
  // Three tokens of text, then a tree of three nodes: "yes" and "no" side by side (nodes 0 and 1), and node 2 behind "no".
  std::uint64_t const sees[] = {0b001, 0b010, 0b110};
  std::vector<nn::sequence> const text_and_tree{{.queries_begin = 0, .queries_end = 6, .keys_begin = 0, .keys_end = 6, .tree = sees, .tree_nodes = 3}};
  std::vector<index_t> const positions{0, 1, 2, 3, 3, 4};  // of a node: its depth behind the text, not its row

  nn::attention_forward(be, heads, nn::attention_reach::causal(), text_and_tree, rows(q, 4), rows(k, 4), rows(v, 4), rows(out, 4));
  // The same as the text followed by "no" and node 2 alone: rows 0 to 2 as a shared prefix, rows 4 and 5 behind it.
  std::vector<nn::sequence> const branch{{.queries_begin = 4, .queries_end = 6, .keys_begin = 4, .keys_end = 6, .prefix_begin = 0, .prefix_end = 3}};
  nn::attention_forward(be, heads, nn::attention_reach::causal(), branch, rows(q, 4), rows(k, 4), rows(v, 4), rows(line, 4));
  std::printf("node 2: %.4f in the tree, %.4f in its own branch, at position %d\n", out[20], line[20], static_cast<int>(positions[5]));
  return std::abs(out[20] - line[20]) < 1e-6f;
}

bool loss_with_gaps() {
  backend::cpu be;
  std::vector<float> logits = numbers(3 * 2, 1), dlogits(3 * 2), loss(3);
  std::vector<int> labels{1, nn::no_label, 0};
  std::vector<float> weights{1.0f, 3.0f};  // the rare class counts three times
  double const total = 3 + 1;              // the weight of the labels that are there: 1 / total makes a mean
  nn::cross_entropy(be, 1 / total, rows(logits, 2), vector_view<int>(labels.data(), extents{3}), vector_view<float>(weights.data(), extents{2}),
                    vector_view<float>(loss.data(), extents{3}), rows(dlogits, 2));
  std::printf("loss %.4f\n", loss[0] + loss[1] + loss[2]);
  return loss[1] == 0 && dlogits[2] == 0 && dlogits[3] == 0 && loss[0] > 0;
}

}  // namespace

int main() { return two_sequences() && tree() && loss_with_gaps() ? 0 : 1; }
