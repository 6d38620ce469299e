// A trained guard, from a folder to verdicts.
//
//     backend::cpu be;
//     auto guard = guard::load_moderation_model<guard::modernbert>(be, "guard");
//     guard::verdict const v = guard.classify({.prompt = "...", .response = "..."});
//
// The folder holds config.json, model.safetensors and tokenizer.json as published encoders do, and moderation.json: how many tokens of an
// exchange are read, and for each task the line that turns its logit into a probability, P = sigmoid(slope z + offset) (Platt scaling).
#pragma once

#include <parapet/config.hpp>
#include <parapet/backend/reference.hpp>
#include <parapet/core/arena.hpp>
#include <parapet/core/buffer.hpp>
#include <parapet/core/error.hpp>
#include <parapet/core/tensor_view.hpp>
#include <parapet/guard/calibration.hpp>
#include <parapet/guard/classifier_head.hpp>
#include <parapet/guard/labels.hpp>
#include <parapet/guard/moderation_input.hpp>
#include <parapet/guard/moderation_network.hpp>
#include <parapet/guard/token_batch.hpp>
#include <parapet/guard/tokenizer_json.hpp>
#include <parapet/guard/transformer_config.hpp>
#include <parapet/guard/verdict.hpp>
#include <parapet/io/file.hpp>
#include <parapet/io/json.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace parapet::inline PARAPET_ABI::guard {

/// What moderation.json says.
struct moderation_settings {
  index_t tokens = 256;  ///< of an exchange that are read; what is longer is cut, and the verdict says so
  std::array<std::optional<platt_scaling>, task_count> calibration{};  ///< none: the logit's own sigmoid, not calibrated
};

inline std::string to_json(moderation_settings const& settings) {
  std::string out = parapet::detail::concat("{\n \"tokens\": ", settings.tokens, ",\n \"calibration\": {");
  bool first = true;
  for (task const t : all_tasks) {
    auto const& scale = settings.calibration[static_cast<std::size_t>(t)];
    if (!scale) continue;
    out += parapet::detail::concat(first ? "\n" : ",\n", "  \"", name(t), "\": {\"slope\": ", scale->slope, ", \"offset\": ", scale->offset, "}");
    first = false;
  }
  return out + "\n }\n}\n";
}

/// Throws io_error for what is no such file; `source` names it.
inline moderation_settings parse_moderation_settings(std::string_view text, std::string const& source) {
  io::json_value const root = io::parse_json(text, source);
  moderation_settings settings;
  settings.tokens = root.at("tokens").integer();
  if (settings.tokens < 8 || settings.tokens > 1 << 20) root.at("tokens").fail("expected 8 to 1048576");
  io::json_value const& all = root.at("calibration");
  for (std::size_t k = 0; k < all.keys().size(); ++k) {
    auto const t = parse_task(all.keys()[k]);
    if (!t) all.items()[k].fail("is no task");
    platt_scaling const scale{all.items()[k].at("slope").number(), all.items()[k].at("offset").number()};
    if (!std::isfinite(scale.slope) || !(scale.slope > 0) || !std::isfinite(scale.offset)) all.items()[k].fail("expected a slope above 0 and an offset");
    settings.calibration[static_cast<std::size_t>(*t)] = scale;
  }
  return settings;
}

/// A moderator. One text runs on one thread of the backend; of many, each thread takes some, and each verdict is that of the text alone.
/// After the longest text a verdict allocates nothing.
template <class Backend, class Architecture, class Weight = float, class Tokenizer = json_tokenizer>
class moderation_model {
  static_assert(check_architecture<Architecture>());
  static_assert(std::is_same_v<typename Backend::space, host_space>, "moderation_model: a backend in host memory");

public:
  /// `be` must outlive this. Throws argument_error for a classifier or a tokeniser that do not fit.
  moderation_model(Backend& be, classifier<Architecture, Weight> network, Tokenizer tokenizer, moderation_settings settings, io::sha256_digest const& hash = {})
      : be_(&be), network_(std::make_unique<classifier<Architecture, Weight>>(std::move(network))), tokenizer_(std::move(tokenizer)),
        settings_(std::move(settings)), hash_(hash) {
    transformer_config const& c = network_->body.config();
    if (network_->head.config().labels() != moderation_logits)
      throw argument_error(parapet::detail::concat("moderation_model: a head of ", network_->head.config().labels(), " labels, expected ", moderation_logits));
    if (tokenizer_.size() > c.vocabulary)
      throw argument_error(parapet::detail::concat("moderation_model: the tokeniser has ", tokenizer_.size(), " tokens, the model ", c.vocabulary));
    if (settings_.tokens > c.max_positions)
      throw argument_error(parapet::detail::concat("moderation_model: ", settings_.tokens, " tokens are read, the model has ", c.max_positions, " positions"));
    for (int w = 0; w < be.threads(); ++w) {
      workers_.push_back(std::make_unique<worker>());
      worker& own = *workers_.back();
      own.work = plan(own.memory, [&](arena<>& a) { return network_->make_workspace(a, settings_.tokens, 1); });
      own.input.ids.reserve(static_cast<std::size_t>(settings_.tokens));
      own.input.types.reserve(static_cast<std::size_t>(settings_.tokens));
      own.batch.reserve(settings_.tokens, 1);
    }
  }

  Tokenizer const& tokenizer() const { return tokenizer_; }
  moderation_settings const& settings() const { return settings_; }

  verdict classify(exchange const& one) {
    verdict out;
    classify(std::span<exchange const>(&one, 1), std::span<verdict>(&out, 1));
    return out;
  }
  /// Throws shape_error where the sizes differ.
  void classify(std::span<exchange const> in, std::span<verdict> out) {
    if (in.size() != out.size()) throw shape_error(parapet::detail::concat("moderation_model: ", in.size(), " exchanges and ", out.size(), " verdicts"));
    auto const count = static_cast<index_t>(in.size());
    index_t const parts = std::min(static_cast<index_t>(workers_.size()), count);
    for_each_shard(*be_, parts, [&](Backend& be, index_t w) {
      for (index_t i = w; i < count; i += parts)
        read(be, *workers_[static_cast<std::size_t>(w)], in[static_cast<std::size_t>(i)], out[static_cast<std::size_t>(i)]);
    });
  }

  /// Logits (moderation_logits) of an exchange, before any calibration: for those who fit one.
  std::array<float, moderation_logits> logits(exchange const& one) {
    std::array<float, moderation_logits> out{};
    for_each_shard(*be_, 1, [&](Backend& be, index_t) { run(be, *workers_[0], one, out); });
    return out;
  }

private:
  struct worker {
    arena<> memory;
    typename classifier<Architecture, Weight>::workspace work;
    reading_workspace reading;
    moderation_input input;
    token_batch batch;
  };

  void run(Backend& be, worker& own, exchange const& one, std::array<float, moderation_logits>& out) const {
    read_exchange(tokenizer_, one, settings_.tokens, own.input, own.reading);
    own.batch.clear();
    own.batch.add(own.input.ids, own.input.types);
    auto const row = network_->forward(be, own.batch.view(), own.work)(0);
    for (index_t j = 0; j < moderation_logits; ++j) out[static_cast<std::size_t>(j)] = row[j];
  }

  void read(Backend& be, worker& own, exchange const& one, verdict& v) const {
    std::array<float, moderation_logits> z;
    run(be, own, one, z);
    v.clear();
    v.model = hash_;
    v.cut_prompt = own.input.cut_prompt;
    v.cut_response = own.input.cut_response;
    for (float const value : z)
      if (!std::isfinite(value)) {
        v.status = verdict_status::error;
        v.message = "the network's logits are not finite";
        return;
      }
    v.status = verdict_status::ok;
    for (task const t : all_tasks) {
      if (t != task::prompt_harm && !one.response) continue;
      auto const k = static_cast<std::size_t>(t);
      auto const& scale = settings_.calibration[k];
      double const logit = static_cast<double>(z[k]);
      v.tasks[k] = {static_cast<float>(scale ? (*scale)(logit) : sigmoid(logit)), scale.has_value()};
    }
    float const largest = *std::max_element(z.begin() + task_count, z.end());
    float total = 0;
    for (std::size_t k = 0; k < category_count; ++k) total += std::exp(z[task_count + k] - largest);
    for (std::size_t k = 0; k < category_count; ++k) v.categories[k].probability = std::exp(z[task_count + k] - largest) / total;
  }

  Backend* be_;
  std::unique_ptr<classifier<Architecture, Weight>> network_;
  Tokenizer tokenizer_;
  moderation_settings settings_;
  io::sha256_digest hash_;
  std::vector<std::unique_ptr<worker>> workers_;
};

/// Names of the logits' columns, which config.json of a folder need not have.
inline std::vector<std::string> moderation_labels() {
  std::vector<std::string> labels;
  for (task const t : all_tasks) labels.emplace_back(name(t));
  for (int k = 0; k < category_count; ++k) labels.emplace_back(name(static_cast<category>(k)));
  return labels;
}

/// Loads a folder that a guard was saved to. The hash in its verdicts is that of model.safetensors unless `hash` is false: it reads all of
/// the file. Throws io_error with file, key or array.
template <class Architecture, class Weight = float, class Backend>
moderation_model<Backend, Architecture, Weight> load_moderation_model(Backend& be, std::string const& folder, bool hash = true) {
  std::string const settings_path = folder + "/moderation.json", tokenizer_path = folder + "/tokenizer.json", weights_path = folder + "/model.safetensors";
  moderation_settings settings = parse_moderation_settings(io::read_file(settings_path, 1 << 20), settings_path);
  transformer_config config = read_transformer_config(folder);
  config.labels = moderation_labels();
  auto network = load_classifier<Architecture, Weight>(be, std::move(config), folder);
  io::sha256_digest digest{};
  if (hash) {
    io::mapped_file const file(weights_path);
    auto const bytes = file.bytes();
    digest = io::sha256({reinterpret_cast<char const*>(bytes.data()), static_cast<std::size_t>(bytes.size())});
  }
  return {be, std::move(network), json_tokenizer(io::read_file(tokenizer_path), tokenizer_path), std::move(settings), digest};
}

/// Writes such a folder, which must exist: the network's parameters (size()) under their published names.
template <class Architecture>
void save_moderation_model(std::string const& folder, moderation_network<Architecture> const& network, vector_view<float const> const& parameters,
                           std::string_view config_json, std::string_view tokenizer_json, moderation_settings const& settings) {
  check_shape("save_moderation_model: parameters", parameters.shape(), extents{network.size()});
  auto const write = [&](char const* name, std::string_view text) {
    io::atomic_file file(folder + name);
    file.write(text);
    file.commit();
  };
  write("/config.json", config_json);
  write("/tokenizer.json", tokenizer_json);
  write("/moderation.json", to_json(settings));
  io::write_safetensors(folder + "/model.safetensors", network.tensors(parameters), {{"format", "pt"}});
}

}  // namespace parapet::inline PARAPET_ABI::guard
