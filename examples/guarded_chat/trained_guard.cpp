#include "trained_guard.hpp"

#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/core/pooled_memory.hpp>
#include <parapet/guard/architectures.hpp>
#include <parapet/guard/cascade.hpp>
#include <parapet/guard/moderation_model.hpp>
#include <parapet/guard/phrase_rules.hpp>
#include <parapet/guard/token.hpp>
#include <parapet/guard/tokenizer_json.hpp>
#include <parapet/guard/transformer_config.hpp>
#include <parapet/guard/windowed_moderator.hpp>
#include <parapet/io/file.hpp>

#include <algorithm>
#include <array>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace guarded_chat {

using namespace parapet;

struct trained_guard::model {
  virtual ~model() = default;
  virtual guard::verdict classify(guard::exchange const& text) = 0;
  virtual long tokens() const = 0;
};

namespace {

/// All of a text: at once where the network has room for it, else in windows. A text read at once allocates nothing after the longest one.
template <class Network>
class reader_of_all {
public:
  explicit reader_of_all(Network& network)
      : network_(network), windows_(network, network.tokenizer()),
        room_(network.settings().tokens - static_cast<index_t>(network.tokenizer().encode_templated("", "").tokens.size())) {}

  guard::verdict classify(guard::exchange const& text) {
    index_t const prompt = tokens_of(text.prompt), response = tokens_of(text.response.value_or(""));
    if (prompt + response <= room_) return network_.classify(text);
    index_t size = text.response ? std::max(room_ / 2, room_ - prompt) : room_;
    size -= size / 16;  // a window by itself may have a token more than it had in its text
    windows_.set_options({.size = size, .overlap = size / 8});
    return windows_.classify(text);
  }
  void classify(std::span<guard::exchange const> in, std::span<guard::verdict> out) { guard::classify_one_by_one(*this, in, out); }

private:
  index_t tokens_of(std::string_view text) {
    tokens_.clear();
    network_.tokenizer().encode(text, tokens_, guard::text_start::by_itself, memory_);
    return static_cast<index_t>(tokens_.size());
  }

  Network& network_;
  guard::windowed_moderator<Network, guard::json_tokenizer> windows_;
  index_t room_;
  pooled_memory memory_;
  std::vector<guard::token> tokens_;
};

/// A stage that is sure only of what it stops.
guard::cascade_stage stopping(float from) {
  guard::cascade_stage limits{};
  for (auto& task : limits) task.stop_from = from;
  return limits;
}

template <class Architecture>
struct model_of : trained_guard::model {
  using network = guard::moderation_model<backend::cpu, Architecture>;

  model_of(std::string const& folder, std::string const& rules) : whole(guard::load_moderation_model<Architecture>(be, folder)), all(whole) {
    if (rules.empty()) return;
    phrases.emplace(io::read_file(rules, 1 << 24), rules);
    stages.emplace(std::array<guard::cascade_stage, 1>{stopping(0.9f)}, *phrases, all);
  }
  guard::verdict classify(guard::exchange const& text) override { return stages ? stages->classify(text) : all.classify(text); }
  long tokens() const override { return static_cast<long>(whole.settings().tokens); }

  backend::cpu be{1};
  network whole;
  reader_of_all<network> all;
  std::optional<guard::phrase_rules> phrases;
  std::optional<guard::cascade<guard::phrase_rules, reader_of_all<network>>> stages;
};

std::unique_ptr<trained_guard::model> load(std::string const& folder, std::string const& rules) {
  std::string const kind = guard::read_transformer_config(folder).model_type;
  if (kind == "modernbert") return std::make_unique<model_of<guard::modernbert>>(folder, rules);
  if (kind == "bert") return std::make_unique<model_of<guard::bert>>(folder, rules);
  throw std::invalid_argument(folder + " has a " + kind + ": this program has ModernBERT and BERT; others are a line in trained_guard.cpp");
}

}  // namespace

trained_guard::trained_guard(std::string const& folder, std::string const& rules) : model_(load(folder, rules)) {}
trained_guard::~trained_guard() = default;

guard::verdict trained_guard::classify(guard::exchange const& text) { return model_->classify(text); }
void trained_guard::classify(std::span<guard::exchange const> in, std::span<guard::verdict> out) { guard::classify_one_by_one(*this, in, out); }
long trained_guard::tokens() const { return model_->tokens(); }

}  // namespace guarded_chat
