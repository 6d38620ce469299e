// The small models of goldens/guard/transformers and what transformers computed with them (transformers_models.py).
#pragma once

#include <parapet/core/arena.hpp>
#include <parapet/core/philox.hpp>
#include <parapet/guard/classifier_head.hpp>
#include <parapet/guard/transformer.hpp>
#include <parapet/io/mapped_model.hpp>

#include "support/backends.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace models {

using namespace parapet;

inline std::string folder(std::string const& name) { return "goldens/guard/transformers/" + name; }

/// Input k of a model, and its results.
struct golden {
  std::vector<std::int32_t> ids, types;
  matrix_view<float const> hidden;  // of the last tokens
  const_tensor_ref logits;
};

class goldens {
public:
  explicit goldens(std::string const& name) : file_(folder(name) + "/expected.safetensors") {
    auto const list = [&](std::string const& key) {
      auto const values = file_.view<std::int32_t, 1>(key);
      return std::vector<std::int32_t>(values.data(), values.data() + values.size());
    };
    for (int k = 0; file_.contains("ids." + std::to_string(k)); ++k) {
      std::string const number = '.' + std::to_string(k);
      inputs_.push_back({list("ids" + number), file_.contains("types" + number) ? list("types" + number) : std::vector<std::int32_t>{},
                         file_.view<float, 2>("hidden" + number), file_.at("logits" + number)});
    }
    REQUIRE(inputs_.size() >= 4);
  }
  std::vector<golden> const& inputs() const { return inputs_; }

private:
  io::mapped_model file_;
  std::vector<golden> inputs_;
};

/// Largest |a - b|; NaN where either has one.
inline double difference(float const* a, float const* b, index_t n) {
  double worst = 0;
  for (index_t i = 0; i < n; ++i) {
    double const d = std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i]));
    if (std::isnan(d)) return d;
    worst = std::max(worst, d);
  }
  return worst;
}

/// A batch in a backend's memory.
template <class B>
class uploaded_batch {
public:
  using space = typename B::space;
  uploaded_batch(B& be, guard::token_batch const& batch) : uploaded_batch(be, batch.view()) {}
  uploaded_batch(B& be, guard::transformer_batch<> const& host)
      : ids_(host.ids.size()), types_(host.types.size()), positions_(host.positions.size()), sequences_(host.sequences) {
    copy(be, host.ids, ids_.view());
    copy(be, host.types, types_.view());
    copy(be, host.positions, positions_.view());
    synchronize(be);
  }
  guard::transformer_batch<space> view() const { return {ids_.view(), positions_.view(), types_.view(), sequences_}; }

private:
  buffer<std::int32_t, space> ids_, types_;
  buffer<index_t, space> positions_;
  std::span<nn::sequence const> sequences_;
};

template <class B, class Space>
support::tensor<float, 2> to_host(B& be, matrix_view<float, Space> const& x) {
  support::tensor<float, 2> out(x.shape());
  copy(be, matrix_view<float const, Space>(x), out.view());
  synchronize(be);
  return out;
}

/// A model's hidden states of a batch, on the host.
template <class B, class Model>
support::tensor<float, 2> hidden_of(B& be, Model const& model, guard::token_batch const& batch) {
  arena<typename B::space> memory;
  auto const workspace = plan(memory, [&](auto& a) { return model.make_workspace(a, batch.tokens()); });
  return to_host(be, model.forward(be, uploaded_batch<B>(be, batch).view(), workspace));
}

/// Logits (rows, vocabulary) of hidden states (rows, hidden), on the host.
template <class B, class Model>
support::tensor<float, 2> logits_of(B& be, Model const& model, matrix_view<float const> const& hidden) {
  using space = typename B::space;
  support::tensor<float, 2, space> in(hidden.shape()), out(extents{hidden.extent(0), model.config().vocabulary});
  copy(be, hidden, in.view());
  model.logits(be, in.read(), out.view());
  return support::download(be, out);
}

inline guard::token_batch batch_of(goldens const& expected) {
  guard::token_batch batch;
  for (golden const& g : expected.inputs()) batch.add(g.ids, g.types);
  return batch;
}

/// Hidden states of all inputs, of which the goldens have the last.
inline double hidden_difference(goldens const& expected, guard::token_batch const& batch, matrix_view<float const> const& hidden) {
  double worst = 0;
  for (std::size_t k = 0; golden const& g : expected.inputs()) {
    index_t const end = batch.sequences()[k++].queries_end;
    auto const rows = hidden.rows(end - g.hidden.extent(0), end);
    double const d = difference(rows.data(), g.hidden.data(), rows.size());
    worst = std::isnan(d) ? d : std::max(worst, d);
  }
  return worst;
}

/// Compares a language model with its goldens: all inputs in one batch, hidden states and logits.
template <class B, class Architecture>
void check_against_transformers(std::string const& name, double tolerance = 2e-5) {
  CAPTURE(name);
  B be;
  auto const model = guard::load_transformer<Architecture>(be, folder(name));
  goldens const expected(name);
  guard::token_batch const batch = batch_of(expected);
  auto const hidden = hidden_of(be, model, batch);
  CHECK(hidden_difference(expected, batch, hidden.read()) <= tolerance);
  for (std::size_t k = 0; golden const& g : expected.inputs()) {
    index_t const end = batch.sequences()[k++].queries_end, scored = g.logits.shape.at(0);
    auto const logits = logits_of(be, model, hidden.read().rows(end - scored, end));
    REQUIRE(g.logits.shape.at(1) == model.config().vocabulary);
    CHECK(difference(logits.flat().data(), reinterpret_cast<float const*>(g.logits.data), logits.size()) <= tolerance);
  }
}

/// The same of a classifier.
template <class B, class Architecture>
void check_classifier(std::string const& name, double tolerance = 2e-5) {
  CAPTURE(name);
  B be;
  auto const model = guard::load_classifier<Architecture>(be, folder(name));
  goldens const expected(name);
  guard::token_batch const batch = batch_of(expected);
  auto const hidden = hidden_of(be, model.body, batch);
  CHECK(hidden_difference(expected, batch, hidden.read()) <= tolerance);
  arena<typename B::space> memory;
  auto const workspace = plan(memory, [&](auto& a) { return model.make_workspace(a, batch.tokens(), static_cast<index_t>(batch.sequences().size())); });
  auto const logits = to_host(be, model.forward(be, uploaded_batch<B>(be, batch).view(), workspace));
  for (index_t k = 0; golden const& g : expected.inputs()) {
    REQUIRE(g.logits.shape.at(0) == logits.shape()[1]);
    CHECK(difference(logits.read()(k++).data(), reinterpret_cast<float const*>(g.logits.data), logits.shape()[1]) <= tolerance);
  }
}

/// `count` random token ids of a vocabulary.
inline std::vector<std::int32_t> random_ids(index_t count, index_t vocabulary, std::uint64_t seed) {
  std::vector<std::int32_t> ids;
  philox_stream const stream(seed, 7);
  for (index_t i = 0; i < count; ++i) ids.push_back(static_cast<std::int32_t>(stream.below(i, vocabulary)));
  return ids;
}

}  // namespace models
