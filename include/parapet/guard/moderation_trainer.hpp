// Training of a guard: AdamW on shards of batches, with everything that decides a bit in the checkpoint.
//
//     guard::moderation_trainer<guard::modernbert, backend::cpu> trainer(be, network, options, examples);
//     while (trainer.step_number() < trainer.steps()) trainer.step();
//     auto const logits = trainer.logits(held_out);
//
// A batch is dealt to a fixed number of shards, text by text to the one with the fewest tokens, so results are the same bits for any number
// of threads. Every batch of an epoch has the same mix of lengths: texts are shuffled, cut into runs of batches, sorted by
// length there, and dealt out in turn. The order, the tokens that are masked and the outliers are functions of the seed and the step, so that
// training that is interrupted goes on with the same bits.
//
// AdamW: Loshchilov and Hutter (2019). Masked tokens as noise of the input: Devlin et al., "BERT" (2019) has the idea.
#pragma once

#include <parapet/config.hpp>
#include <parapet/backend/reference.hpp>
#include <parapet/core/arena.hpp>
#include <parapet/core/buffer.hpp>
#include <parapet/core/error.hpp>
#include <parapet/core/named_tensor.hpp>
#include <parapet/core/philox.hpp>
#include <parapet/core/tensor_view.hpp>
#include <parapet/guard/classifier_head.hpp>
#include <parapet/guard/labels.hpp>
#include <parapet/guard/moderation_loss.hpp>
#include <parapet/guard/moderation_network.hpp>
#include <parapet/guard/token_batch.hpp>
#include <parapet/guard/transformer.hpp>
#include <parapet/guard/transformer_gradient.hpp>
#include <parapet/nn/learning_rate.hpp>
#include <parapet/nn/optimizer.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace parapet::inline PARAPET_ABI::guard {

/// A text as tokens, and what is known of it.
struct moderation_example {
  std::vector<std::int32_t> ids, types;
  std::array<std::optional<bool>, task_count> labels{};
  std::optional<category> harm = {};
};

struct moderation_training {
  std::uint64_t seed = 0;
  index_t epochs = 5;
  index_t batch = 32;       ///< texts of a shared forward and backward pass
  index_t accumulate = 1;   ///< such passes of an update
  index_t shards = 4;       ///< of a batch: 1, 2, 4 or 8; part of the result, unlike threads
  double learning_rate = 1e-3, warm_up = 0.06;  ///< the peak, and the share of updates that lead to it; then a cosine to 0
  double head_rate = 1;           ///< times the learning rate, for the head: it starts anew where the encoder was trained before
  double weight_decay = 0.01, clip = 1;         ///< of AdamW; of the gradient's norm
  double masked = 0.1;            ///< share of tokens that are replaced by `mask`
  std::int32_t mask = -1;         ///< the token that stands for any; negative: none are masked
  std::array<double, task_count> task_weight{1, 1, 1};
  double harm_weight = 1;         ///< of the kind of harm
  bool balanced = true;           ///< positives and negatives of a task weigh the same together
  double energy_weight = 0, energy_in = -6, energy_out = -2;  ///< 0: no outliers
  bool head_only = false;         ///< the encoder stays as it is

  /// Throws argument_error for what cannot be.
  void validate() const {
    using parapet::detail::concat;
    for (auto const& [what, value] : {std::pair{"epochs", epochs}, std::pair{"batch", batch}, std::pair{"accumulate", accumulate}})
      if (value < 1) throw argument_error(concat("moderation_training: ", what, " = ", value, ", expected at least 1"));
    if (shards != 1 && shards != 2 && shards != 4 && shards != 8)
      throw argument_error(concat("moderation_training: ", shards, " shards, expected 1, 2, 4 or 8"));
    if (!(masked >= 0 && masked < 1)) throw argument_error(concat("moderation_training: masked = ", masked, ", expected a share below 1"));
    if (!(learning_rate > 0 && head_rate > 0 && clip > 0 && weight_decay >= 0 && warm_up >= 0 && warm_up < 1 && energy_weight >= 0))
      throw argument_error("moderation_training: a rate, a limit or a share is out of its range");
  }
};

/// Trains on the host. Backend is the CPU's, or one whose memory is the host's.
template <class Architecture, class Backend>
class moderation_trainer {
  static_assert(std::is_same_v<typename Backend::space, host_space>, "moderation_trainer: a backend in host memory");

public:
  /// Network, backend and examples must outlive this. Parameters are random unless `start` has them (network.size()). Throws argument_error.
  moderation_trainer(Backend& be, moderation_network<Architecture> const& network, moderation_training const& options,
                     std::span<moderation_example const> examples, vector_view<float const> const& start = {})
      : be_(&be), network_(&network), options_(checked(options)), examples_(examples), parameters_(network.size()), first_(network.size()),
        second_(network.size()), total_(network.size()), gradients_(options.shards * network.size()), best_(network.size()) {
    if (examples.empty()) throw argument_error("moderation_trainer: no examples");
    if (start.empty()) network.initialize(parameters_.view(), options.seed);
    else copy(be, start, parameters_.view());
    for (auto* zero : {&first_, &second_, &total_}) fill(be, zero->view(), 0.0f);
    copy(be, vector_view<float const>(parameters_.view()), best_.view());
    body_ = std::make_unique<transformer<Architecture, float>>(be, network.body(), vector_view<float const>(parameters_.view()));
    auto const head = bind_parameters<Architecture>(network.head(), vector_view<float const>(parameters_.view()), network.body_size());
    head_ = classifier_head<Architecture>(network.head(), head);
    for (index_t s = 0; s < options.shards; ++s) {
      auto const flat = gradients_.view(extents{options.shards, network.size()})(s);
      shards_.push_back(std::make_unique<shard>());
      shards_.back()->body = std::make_unique<transformer_gradient<Architecture>>(network.body(), flat);
      shards_.back()->head = bind_parameters<Architecture>(network.head(), flat, network.body_size());
    }
    weigh();
  }

  moderation_training const& options() const { return options_; }
  /// Updates done, and all that there will be.
  index_t step_number() const { return step_; }
  index_t steps() const { return options_.epochs * steps_per_epoch(); }
  vector_view<float const> parameters() const { return parameters_.view(); }

  /// One update. Returns the loss of its batch, before it.
  double step() {
    std::vector<std::size_t> const chosen = batch_of(step_);
    moderation_scales const scales = scales_of(chosen);
    fill(*be_, gradients_.view(), 0.0f);
    double loss = 0;
    auto const part = static_cast<std::size_t>(options_.batch);
    for (std::size_t begin = 0; begin < chosen.size(); begin += part) {
      deal(std::span(chosen).subspan(begin, std::min(part, chosen.size() - begin)), begin);
      for_each_shard(*be_, options_.shards, [&](Backend& worker, index_t s) { pass(worker, *shards_[static_cast<std::size_t>(s)], scales); });
      for (auto const& s : shards_) loss += s->loss;
    }
    reduce_columns(*be_, matrix_view<float const>(gradients_.view(extents{options_.shards, network_->size()})), total_.view());
    nn::clip_by_global_norm(*be_, total_.view(), options_.clip);
    auto const all = steps(), warm = static_cast<index_t>(options_.warm_up * static_cast<double>(all));
    double const rate = nn::learning_rate::warm_up_cosine(options_.learning_rate, warm, std::max<index_t>(all - warm, 1))(step_ + (warm > 0 ? 1 : 0));
    auto const update = [&](index_t begin, index_t end, double own_rate) {
      nn::update(*be_, nn::adam{.weight_decay = options_.weight_decay}, own_rate, step_ + 1, parameters_.view().rows(begin, end),
                 nn::moments<float>{first_.view(), second_.view()}.rows(begin, end), vector_view<float const>(total_.view().rows(begin, end)));
    };
    if (!options_.head_only) update(0, network_->body_size(), rate);
    update(network_->body_size(), network_->size(), options_.head_rate * rate);
    ++step_;
    return loss;
  }

  /// Logits (examples, moderation_logits) with the parameters as they are.
  buffer<float> logits(std::span<moderation_example const> examples) {
    buffer<float> out(std::max<index_t>(1, static_cast<index_t>(examples.size()) * moderation_logits));
    matrix_view<float> const all = out.view(extents{static_cast<index_t>(examples.size()), moderation_logits});
    index_t const parts = std::min<index_t>(options_.shards, static_cast<index_t>(examples.size()));
    for_each_shard(*be_, parts, [&](Backend& worker, index_t s) {
      arena<> memory;
      index_t most = 1;
      for (std::size_t i = static_cast<std::size_t>(s); i < examples.size(); i += static_cast<std::size_t>(parts)) most = std::max(most, length(examples[i]));
      auto const [body, head] = plan(memory, [&](arena<>& a) { return std::pair(body_->make_workspace(a, most), head_.make_workspace(a, 1)); });
      token_batch batch;
      for (std::size_t i = static_cast<std::size_t>(s); i < examples.size(); i += static_cast<std::size_t>(parts)) {
        batch.clear();
        batch.add(examples[i].ids, examples[i].types);
        auto const hidden = body_->forward(worker, batch.view(), body);
        copy(worker, vector_view<float const>(head_.forward(worker, batch.sequences(), hidden, head)(0)), all(static_cast<index_t>(i)));
      }
    });
    return out;
  }

  /// Keeps the parameters where `score` is above all before. Returns whether it was.
  bool keep_best(double score) {
    if (progress_[1] > 0 && !(score > progress_[0])) return false;
    progress_ = {score, static_cast<double>(step_)};
    copy(*be_, vector_view<float const>(parameters_.view()), best_.view());
    return true;
  }
  double best_score() const { return progress_[0]; }
  index_t best_step() const { return static_cast<index_t>(progress_[1]); }
  /// Goes back to the parameters of the best score.
  void restore_best() { copy(*be_, vector_view<float const>(best_.view()), parameters_.view()); }

  // What a checkpoint holds (io/checkpoint.hpp).
  std::vector<tensor_ref> tensors() { return all_tensors<tensor_ref>(*this); }
  std::vector<const_tensor_ref> tensors() const { return all_tensors<const_tensor_ref>(*this); }
  std::map<std::string, std::string> metadata() const {
    moderation_training const& o = options_;
    return {{"kind", "moderation_trainer"},
            {"seed", std::to_string(o.seed)},
            {"epochs", std::to_string(o.epochs)},
            {"batch", parapet::detail::concat(o.batch, " x ", o.accumulate, ", ", o.shards, " shards")},
            {"rates", parapet::detail::concat(o.learning_rate, " x ", o.head_rate, ", ", o.warm_up, ", ", o.weight_decay, ", ", o.clip)},
            {"noise", parapet::detail::concat(o.masked, ", ", o.mask)},
            {"loss", parapet::detail::concat(o.task_weight[0], ", ", o.task_weight[1], ", ", o.task_weight[2], ", ", o.harm_weight, o.balanced ? ", balanced, " : ", ",
                                             o.energy_weight, ", ", o.energy_in, ", ", o.energy_out)},
            {"head_only", o.head_only ? "yes" : "no"},
            {"examples", std::to_string(fingerprint())}};
  }

private:
  // Philox streams: those of the network's initial values count up from 0.
  static constexpr std::uint64_t order_stream = 1u << 20, mask_stream = 1u << 21, outlier_stream = 1u << 22;
  static constexpr std::size_t run = 8;  ///< updates among which lengths are mixed

  struct shard {
    std::unique_ptr<transformer_gradient<Architecture>> body;
    classifier_parameters<float, host_space> head;

    arena<> memory;
    index_t tokens = 0, texts = 0;  ///< that the memory is for
    typename transformer<Architecture, float>::workspace kept;
    typename transformer_gradient<Architecture>::workspace scratch;
    classifier_workspace<float, host_space> head_kept;
    matrix_view<float> dhidden, dlogits, losses;
    vector_view<float> values;
    moderation_targets<> targets;

    token_batch batch;
    std::vector<std::int32_t> ids;
    double loss = 0;
  };

  static moderation_training const& checked(moderation_training const& options) {
    options.validate();
    return options;
  }
  static index_t length(moderation_example const& e) { return static_cast<index_t>(e.ids.size()); }
  std::size_t texts_per_update() const { return static_cast<std::size_t>(options_.batch * options_.accumulate); }
  index_t steps_per_epoch() const { return static_cast<index_t>((examples_.size() + texts_per_update() - 1) / texts_per_update()); }

  /// Weights of the classes, and the hash of what is learnt from.
  void weigh() {
    for (std::size_t t = 0; t < task_count; ++t) {
      double count[2] = {0, 0};
      for (moderation_example const& e : examples_)
        if (e.labels[t]) ++count[*e.labels[t]];
      for (std::size_t c : {0u, 1u})
        class_weight_[t][c] = options_.balanced && count[c] > 0 ? static_cast<float>((count[0] + count[1]) / (2 * count[c])) : 1.0f;
    }
  }
  std::uint64_t fingerprint() const {
    std::uint64_t hash = 14695981039346656037u;  // FNV-1a
    auto const mix = [&](std::uint64_t x) { hash = (hash ^ x) * 1099511628211u; };
    for (moderation_example const& e : examples_) {
      for (std::int32_t const id : e.ids) mix(static_cast<std::uint64_t>(id));
      for (auto const& l : e.labels) mix(l ? 1u + *l : 0u);
      mix(e.harm ? 1u + static_cast<std::uint64_t>(*e.harm) : 0u);
    }
    return hash;
  }

  /// The examples of an update.
  std::vector<std::size_t> batch_of(index_t step) {
    index_t const epoch = step / steps_per_epoch(), at = step % steps_per_epoch();
    if (epoch != ordered_) {
      order_.resize(examples_.size());
      std::iota(order_.begin(), order_.end(), std::size_t{0});
      std::vector<float> key(examples_.size());
      philox_stream const stream(options_.seed, order_stream + static_cast<std::uint64_t>(epoch));
      for (std::size_t i = 0; i < key.size(); ++i) key[i] = stream.uniform(static_cast<index_t>(i));
      std::sort(order_.begin(), order_.end(), [&](std::size_t a, std::size_t b) { return key[a] < key[b] || (key[a] == key[b] && a < b); });
      for (std::size_t begin = 0; begin < order_.size(); begin += run * texts_per_update())
        std::stable_sort(order_.begin() + static_cast<std::ptrdiff_t>(begin),
                         order_.begin() + static_cast<std::ptrdiff_t>(std::min(order_.size(), begin + run * texts_per_update())),
                         [&](std::size_t a, std::size_t b) { return length(examples_[a]) > length(examples_[b]); });
      ordered_ = epoch;
    }
    // Update `at` is one of a run that shares its texts by turns.
    std::size_t const first = static_cast<std::size_t>(at) / run * run, begin = first * texts_per_update();
    std::size_t const end = std::min(order_.size(), begin + run * texts_per_update()), updates = (end - begin + texts_per_update() - 1) / texts_per_update();
    std::vector<std::size_t> chosen;
    for (std::size_t i = begin + static_cast<std::size_t>(at) - first; i < end; i += updates) chosen.push_back(order_[i]);
    return chosen;
  }

  moderation_scales scales_of(std::span<std::size_t const> chosen) const {
    moderation_scales scales;
    std::array<double, task_count> weights{};
    double kinds = 0;
    for (std::size_t const i : chosen) {
      for (std::size_t t = 0; t < task_count; ++t)
        if (auto const l = examples_[i].labels[t]) weights[t] += static_cast<double>(class_weight_[t][*l]);
      if (examples_[i].harm) ++kinds;
    }
    for (std::size_t t = 0; t < task_count; ++t) scales.task[t] = weights[t] > 0 ? options_.task_weight[t] / weights[t] : 0;
    scales.harm = kinds > 0 ? options_.harm_weight / kinds : 0;
    scales.energy = options_.energy_weight / static_cast<double>(chosen.size());
    scales.energy_in = options_.energy_in;
    scales.energy_out = options_.energy_out;
    return scales;
  }

  /// Fills the shards' batches with texts, which are number `first`, ... of their update.
  void deal(std::span<std::size_t const> texts, std::size_t first) {
    for (auto const& s : shards_) s->batch.clear(), s->loss = 0;
    std::vector<std::vector<std::pair<std::size_t, std::size_t>>> dealt(shards_.size());  // example, number in the update
    std::vector<index_t> load(shards_.size(), 0);
    for (std::size_t k = 0; k < texts.size(); ++k) {  // the longest first, as batch_of sorts them
      auto const s = static_cast<std::size_t>(std::ranges::min_element(load) - load.begin());
      dealt[s].emplace_back(texts[k], first + k);
      load[s] += length(examples_[texts[k]]);
    }
    for (std::size_t s = 0; s < shards_.size(); ++s) {
      // An outlier stands behind every eighth text: random tokens of its length.
      bool const outliers = options_.energy_weight > 0;
      reserve(*shards_[s], outliers ? load[s] * 2 : load[s], static_cast<index_t>(outliers ? dealt[s].size() * 2 : dealt[s].size()));
      for (auto const& [example, number] : dealt[s]) {
        add(*shards_[s], examples_[example], number);
        if (outliers && number % 8 == 0) add_outlier(*shards_[s], examples_[example], number);
      }
    }
  }

  void reserve(shard& s, index_t tokens, index_t texts) {
    if (tokens <= s.tokens && texts <= s.texts) return;
    s.tokens = std::max(tokens + tokens / 4, s.tokens);
    s.texts = std::max(texts + texts / 4, s.texts);
    plan(s.memory, [&](arena<>& a) {
      auto const matrix = [&](index_t rows, index_t columns) { return a.template take<float>(extents{rows, columns}); };
      s.kept = body_->make_workspace(a, s.tokens, nn::mode::training);
      s.scratch = s.body->make_workspace(a, s.tokens);
      s.head_kept = head_.make_workspace(a, s.texts, nn::mode::training);
      s.dhidden = matrix(s.tokens, network_->body().hidden);
      s.dlogits = matrix(s.texts, moderation_logits);
      s.losses = matrix(s.texts, task_count);
      s.values = a.template take<float>(extents{s.texts});
      s.targets = {matrix(s.texts, task_count), matrix(s.texts, task_count), a.template take<std::int32_t>(extents{s.texts}),
                   a.template take<float>(extents{s.texts})};
      return 0;
    });
  }

  philox_stream stream_of(std::uint64_t kind) const { return philox_stream(options_.seed, kind + (static_cast<std::uint64_t>(step_) << 24)); }

  void add(shard& s, moderation_example const& e, std::size_t number) {
    auto const row = static_cast<index_t>(s.batch.sequences().size());
    s.ids.assign(e.ids.begin(), e.ids.end());
    if (options_.mask >= 0 && options_.masked > 0) {  // all but the first, which says where the text starts
      philox_stream const stream = stream_of(mask_stream);
      for (std::size_t i = 1; i < s.ids.size(); ++i)
        if (static_cast<double>(stream.uniform(static_cast<index_t>((number << 20) + i))) < options_.masked) s.ids[i] = options_.mask;
    }
    s.batch.add(s.ids, e.types);
    for (index_t t = 0; t < task_count; ++t) {
      auto const known = e.labels[static_cast<std::size_t>(t)];
      s.targets.positive(row, t) = known && *known ? 1.0f : 0.0f;
      s.targets.weight(row, t) = known ? class_weight_[static_cast<std::size_t>(t)][*known] : 0.0f;
    }
    s.targets.harm[row] = e.harm ? static_cast<std::int32_t>(*e.harm) : -1;
    s.targets.outlier[row] = 0;
  }
  void add_outlier(shard& s, moderation_example const& e, std::size_t number) {
    auto const row = static_cast<index_t>(s.batch.sequences().size());
    philox_stream const stream = stream_of(outlier_stream);
    s.ids.assign(e.ids.begin(), e.ids.end());
    for (std::size_t i = 1; i < s.ids.size(); ++i)
      s.ids[i] = static_cast<std::int32_t>(stream.below(static_cast<index_t>((number << 20) + i), network_->body().vocabulary));
    s.batch.add(s.ids, e.types);
    for (index_t t = 0; t < task_count; ++t) s.targets.positive(row, t) = s.targets.weight(row, t) = 0;
    s.targets.harm[row] = -1;
    s.targets.outlier[row] = 1;
  }

  /// Forward and backward pass of a shard's batch; adds to its gradient.
  void pass(Backend& worker, shard& s, moderation_scales const& scales) const {
    auto const texts = static_cast<index_t>(s.batch.sequences().size()), tokens = s.batch.tokens();
    if (texts == 0) return;
    auto const batch = s.batch.view();
    auto const hidden = body_->forward(worker, batch, s.kept);
    auto const logits = head_.forward(worker, batch.sequences, hidden, s.head_kept);
    auto const dlogits = s.dlogits.rows(0, texts);
    moderation_loss(worker, scales, matrix_view<float const>(logits), s.targets.rows(texts), s.values.rows(0, texts), dlogits, s.losses.rows(0, texts));
    for (index_t i = 0; i < texts; ++i) s.loss += static_cast<double>(s.values[i]);
    auto const dhidden = s.dhidden.rows(0, tokens);
    head_.backward(worker, batch.sequences, hidden, s.head_kept, dlogits, s.head, dhidden);
    if (!options_.head_only) s.body->add(worker, *body_, batch, s.kept, s.scratch, dhidden);
  }

  template <class Ref, class Self>
  static std::vector<Ref> all_tensors(Self& self) {
    using byte = std::remove_pointer_t<decltype(Ref::data)>;
    auto const vector = [](char const* name, auto& numbers) {
      return Ref{name, scalar_type::f32, {numbers.size()}, reinterpret_cast<byte*>(numbers.data())};
    };
    return {vector("parameters", self.parameters_), vector("first_moment", self.first_), vector("second_moment", self.second_), vector("best", self.best_),
            Ref{"progress", scalar_type::f64, {2}, reinterpret_cast<byte*>(self.progress_.data())},
            Ref{"step", scalar_type::i64, {1}, reinterpret_cast<byte*>(&self.step_)}};
  }

  Backend* be_;
  moderation_network<Architecture> const* network_;
  moderation_training options_;
  std::span<moderation_example const> examples_;
  buffer<float> parameters_, first_, second_, total_, gradients_, best_;
  std::unique_ptr<transformer<Architecture, float>> body_;
  classifier_head<Architecture> head_;
  std::vector<std::unique_ptr<shard>> shards_;
  std::array<std::array<float, 2>, task_count> class_weight_{};
  std::vector<std::size_t> order_;
  index_t ordered_ = -1;
  std::int64_t step_ = 0;
  std::array<double, 2> progress_{};  ///< best score, and the step that had it
};

}  // namespace parapet::inline PARAPET_ABI::guard
