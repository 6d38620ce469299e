#include "trained_guard.hpp"

#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/guard/architectures.hpp>
#include <parapet/guard/cascade.hpp>
#include <parapet/guard/moderation_model.hpp>
#include <parapet/guard/phrase_rules.hpp>
#include <parapet/io/file.hpp>

#include <array>
#include <optional>

namespace guarded_chat {

using namespace parapet;

namespace {

using network = guard::moderation_model<backend::cpu, guard::modernbert>;

/// A stage that is sure only of what it stops.
guard::cascade_stage stopping(float from) {
  guard::cascade_stage limits{};
  for (auto& task : limits) task.stop_from = from;
  return limits;
}

}  // namespace

struct trained_guard::parts {
  explicit parts(std::string const& folder) : model(guard::load_moderation_model<guard::modernbert>(be, folder)) {}

  backend::cpu be{1};
  network model;
  std::optional<guard::phrase_rules> rules;
  std::optional<guard::cascade<guard::phrase_rules, network>> stages;
};

trained_guard::trained_guard(std::string const& folder, std::string const& rules) : parts_(std::make_unique<parts>(folder)) {
  if (rules.empty()) return;
  parts_->rules.emplace(io::read_file(rules, 1 << 24), rules);
  parts_->stages.emplace(std::array<guard::cascade_stage, 1>{stopping(0.9f)}, *parts_->rules, parts_->model);
}
trained_guard::~trained_guard() = default;

guard::verdict trained_guard::classify(guard::exchange const& text) { return parts_->stages ? parts_->stages->classify(text) : parts_->model.classify(text); }
void trained_guard::classify(std::span<guard::exchange const> in, std::span<guard::verdict> out) {
  if (parts_->stages) parts_->stages->classify(in, out);
  else parts_->model.classify(in, out);
}

}  // namespace guarded_chat
