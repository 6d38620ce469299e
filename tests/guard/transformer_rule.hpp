// The rule that the models of goldens/guard/transformers have learnt, and the labels that they give with weights of some type.
#pragma once

#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/core/arena.hpp>
#include <parapet/core/philox.hpp>
#include <parapet/guard/classifier_head.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace models {

using namespace parapet;

/// Which texts: such as the model was trained on, or of words at random, about which it never learnt anything.
enum class texts { of_the_rule, of_any_words };

/// Text k, of class `label` where there is a rule: as `sample` in transformers_models.py draws them.
inline std::vector<std::int32_t> draw_text(texts kind, std::uint64_t k, index_t label, index_t vocabulary) {
  philox_stream const stream(k, 11);
  index_t drawn = 0;
  auto const below = [&](index_t n) { return stream.below(drawn++, n); };
  auto const word = [&](index_t a, index_t b) {
    for (;;)
      if (index_t const id = 6 + below(vocabulary - 6); kind == texts::of_any_words || id % 5 == a || id % 5 == b) return static_cast<std::int32_t>(id);
  };
  index_t const length = 4 + below(36), telling = kind == texts::of_the_rule && label != 0 ? std::max<index_t>(1, length / 4) : 0;
  std::vector<std::int32_t> ids;
  for (index_t i = 0; i < length; ++i) ids.push_back(word(0, 4));
  for (index_t i = 0; i < telling; ++i) {
    auto const at = static_cast<std::size_t>(below(length));
    ids[at] = word(label, label);
  }
  return ids;
}

/// What a model answers to `count` texts, of all classes in turn: a classifier its label; a language model, behind token 2, the next
/// token, which is 3 + label where it is right.
template <class Architecture, class Weight, bool is_classifier>
std::vector<index_t> labels_of(backend::cpu& be, std::string const& folder, texts kind, index_t count) {
  auto const model = [&] {
    if constexpr (is_classifier) return guard::load_classifier<Architecture, Weight>(be, folder);
    else return guard::load_transformer<Architecture, Weight>(be, folder);
  }();
  arena<> memory;
  auto const workspace = plan(memory, [&](auto& a) {
    if constexpr (is_classifier) return model.make_workspace(a, 40, 1);
    else return model.make_workspace(a, 41);
  });
  std::vector<index_t> labels;
  std::vector<float> logits;
  guard::token_batch batch;
  for (index_t k = 0; k < count; ++k) {
    vector_view<float const> row;
    batch.clear();
    if constexpr (is_classifier) {
      auto const& c = model.body.config();
      batch.add(draw_text(kind, static_cast<std::uint64_t>(k), k % static_cast<index_t>(c.labels.size()), c.vocabulary));
      row = model.forward(be, batch.view(), workspace)(0);
    } else {
      auto const& c = model.config();
      auto ids = draw_text(kind, static_cast<std::uint64_t>(k), k % 3, c.vocabulary);
      ids.push_back(2);
      batch.add(ids);
      logits.resize(static_cast<std::size_t>(c.vocabulary));
      matrix_view<float> const out(logits.data(), extents{index_t{1}, c.vocabulary});
      model.logits(be, model.forward(be, batch.view(), workspace).rows(batch.tokens() - 1, batch.tokens()), out);
      row = out(0);
    }
    labels.push_back(argmax(be, row));
  }
  return labels;
}

/// Share of equal labels.
inline double agreement(std::vector<index_t> const& a, std::vector<index_t> const& b) {
  index_t equal = 0;
  for (std::size_t i = 0; i < a.size(); ++i) equal += a[i] == b[i] ? 1 : 0;
  return static_cast<double>(equal) / static_cast<double>(a.size());
}

}  // namespace models
