// The programs of docs/transformer.md.
#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/core/arena.hpp>
#include <parapet/guard/classifier_head.hpp>
#include <parapet/guard/kv_cache.hpp>
#include <parapet/guard/token_batch.hpp>
#include <parapet/guard/transformer.hpp>

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

using namespace parapet;

/// A family member with another activation; `activation_name` is what its config.json says.
struct tanh_bert : guard::bert {
  using activation = math::gelu_tanh;
  static constexpr std::string_view activation_name = "gelu_new";
};
static_assert(guard::transformer<tanh_bert>::architecture::names.tokens == guard::bert::names.tokens);

namespace {

bool next_token(std::string const& folder, std::vector<std::int32_t> const& ids) {
  backend::cpu be;
  auto const model = guard::load_transformer<guard::mistral, bfloat16>(be, folder);

  arena<> memory;
  auto const workspace = plan(memory, [&](auto& a) { return model.make_workspace(a, 512); });  // up to 512 tokens a pass
  guard::token_batch batch;
  batch.add(ids);
  auto const hidden = model.forward(be, batch.view(), workspace);  // (tokens, hidden)

  buffer<float> logits(model.config().vocabulary);
  auto const last = hidden.rows(batch.tokens() - 1, batch.tokens());
  model.logits(be, last, logits.view(extents{index_t{1}, logits.size()}));
  index_t const next = argmax(be, logits.view());
  std::printf("next token: %td\n", next);

  // The same over a cache: first all but the last token, then the last.
  guard::kv_cache<> cache(model.config(), 512);
  index_t const n = batch.tokens();
  guard::transformer_batch<> const whole = batch.view();
  nn::sequence const before[] = {{0, n - 1, 0, n - 1}}, after[] = {{0, 1, 0, n}};
  model.forward(be, guard::transformer_batch<>{whole.ids.rows(0, n - 1), whole.positions.rows(0, n - 1), {}, before}, workspace, cache);
  auto const again = model.forward(be, guard::transformer_batch<>{whole.ids.rows(n - 1, n), whole.positions.rows(n - 1, n), {}, after}, workspace, cache);
  model.logits(be, again, logits.view(extents{index_t{1}, logits.size()}));
  return argmax(be, logits.view()) == next;
}

bool labels(std::string const& folder, std::vector<std::int32_t> const& ids) {
  backend::cpu be;
  auto const model = guard::load_classifier<guard::deberta_v3>(be, folder);
  arena<> memory;
  auto const workspace = plan(memory, [&](auto& a) { return model.make_workspace(a, 512, 8); });  // 512 tokens in 8 texts
  guard::token_batch batch;
  batch.add(ids);
  auto const logits = model.forward(be, batch.view(), workspace);  // (texts, labels)
  for (std::size_t k = 0; k < model.labels().size(); ++k) std::printf("%s %.3f\n", model.labels()[k].c_str(), logits(0, static_cast<index_t>(k)));
  return logits.extent(1) == 2;
}

}  // namespace

int main(int, char** argv) {
  std::string const models = std::string(argv[1]) + "/tests/goldens/guard/transformers/";
  std::vector<std::int32_t> const ids{7, 12, 33, 2};
  return next_token(models + "mistral_b", ids) && labels(models + "deberta_v3_a", ids) ? 0 : 1;
}
