// One verdict of WildGuard against what the authors' package does for it, on the same engine and weights:
//
//     bench_wildguard <folder> [bfloat16 | int8] [words of the prompt, 20] [repeats, 3]
//         one pass over prompt and answer tree, with the prefix kept and without, beside a prompt's pass and 19 tokens of generation
//     bench_wildguard <folder> agree [inputs, 500]
//         the distribution over the 18 answers from one pass beside the one from passes over every answer's tokens, in float
#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/guard/transformer.hpp>
#include <parapet/guard/wildguard.hpp>
#include <parapet/guard/wildguard_folder.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <vector>

using namespace parapet;

namespace {

std::string words(std::uint64_t seed, index_t count) {
  static char const* const list[] = {"how", " do", " I", " bake", " bread", "\n", " a poem", " 12", " tea", " before", " N/A", ": yes", " robot", " the"};
  philox_stream const stream(seed, 1);
  std::string out;
  for (index_t i = 0; i < count; ++i) out += list[stream.below(i, 14)];
  return out;
}

/// Median seconds of a call.
template <class F>
double seconds(int repeats, F const& f) {
  std::vector<double> times;
  f();
  for (int i = 0; i < repeats; ++i) {
    auto const start = std::chrono::steady_clock::now();
    f();
    times.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  std::ranges::sort(times);
  return times[times.size() / 2];
}

template <class Weight>
void compare(std::string const& folder, index_t length, int repeats) {
  backend::cpu be;
  auto const tokenizer = guard::read_wildguard_tokenizer(folder);
  auto const model = guard::load_transformer<guard::mistral, Weight>(be, folder);
  using model_type = std::remove_cvref_t<decltype(model)>;
  using key = std::conditional_t<std::is_same_v<Weight, float>, float, bfloat16>;
  guard::wildguard_prompt const prompt(tokenizer, guard::read_wildguard_text_start(folder));
  std::string const text = words(1, length);
  std::vector<std::vector<std::int32_t>> const ids{prompt.encode(text, "")};
  auto const tokens = static_cast<index_t>(ids[0].size()) + prompt.answers().size();

  std::vector<std::int32_t> prefix = prompt.encode("a", "");
  prefix.erase(std::ranges::mismatch(prefix, prompt.encode("\n", "b")).in1, prefix.end());
  std::vector<float> logits(static_cast<std::size_t>(prompt.answers().logits()));
  matrix_view<float> const out(logits.data(), extents{index_t{1}, prompt.answers().logits()});
  auto const shared = static_cast<index_t>(prefix.size());
  std::printf("%zu tokens of prompt, %lld of them a prefix, %lld nodes of answers; %d threads\n", ids[0].size(), static_cast<long long>(shared),
              static_cast<long long>(prompt.answers().size()), be.threads());

  guard::answer_scorer<model_type, backend::cpu, key> kept(be, model, prompt.answers(), prefix, tokens), whole(be, model, prompt.answers(), {}, tokens);
  guard::greedy_generator<model_type, backend::cpu, key> generator(be, model, static_cast<index_t>(ids[0].size()), 19);
  std::vector<std::int32_t> answer;
  double const with = seconds(repeats, [&] { kept.score(ids, out); });
  double const without = seconds(repeats, [&] { whole.score(ids, out); });
  double const generated = seconds(repeats, [&] { generator.generate(ids[0], -1, answer); });
  std::printf("one pass, prefix kept     %8.3f s\none pass                  %8.3f s\n%zu tokens generated       %8.3f s\n", with, without, answer.size(), generated);
  std::printf("verdict beside generation %8.2f x, of which the prefix is %.2f x\n", generated / with, without / with);
}

void agree(std::string const& folder, index_t inputs) {
  backend::cpu be;
  auto const tokenizer = guard::read_wildguard_tokenizer(folder);
  auto const model = guard::load_transformer<guard::mistral, float>(be, folder);
  guard::wildguard_options options;
  options.tokens = 2048;
  options.behind_control = guard::read_wildguard_text_start(folder);
  guard::wildguard guard(be, model, tokenizer, options);
  auto const& tree = guard.prompt().answers();
  arena<> memory;
  auto const work = plan(memory, [&](arena<>& a) { return model.make_workspace(a, 2048); });
  guard::token_batch batch;
  std::vector<float> all(static_cast<std::size_t>(model.config().vocabulary));
  double worst = 0;
  index_t same = 0;
  for (index_t i = 0; i < inputs; ++i) {
    std::string const prompt = words(static_cast<std::uint64_t>(i), 1 + i % 60), response = words(static_cast<std::uint64_t>(i) + 1000, i % 3 * 20);
    auto const ids = guard.prompt().encode(prompt, response);
    std::vector<float> logits;
    for (auto const& branch : tree.branches()) {
      auto path = ids;
      for (index_t node = 0; node < tree.size(); ++node)
        if (tree.ancestors()[static_cast<std::size_t>(branch.node)] >> node & 1) path.push_back(tree.tokens()[static_cast<std::size_t>(node)]);
      batch.clear();
      batch.add(path);
      auto const hidden = model.forward(be, batch.view(), work);
      model.logits(be, hidden.rows(hidden.extent(0) - 1, hidden.extent(0)), matrix_view<float>(all.data(), extents{index_t{1}, model.config().vocabulary}));
      for (std::int32_t const word : branch.tokens) logits.push_back(all[static_cast<std::size_t>(word)]);
    }
    std::array<double, 18> wanted{};
    tree.score(logits, wanted);
    auto const found = guard.distribution({prompt, response});
    for (std::size_t a = 0; a < 18; ++a) worst = std::max(worst, std::abs(std::exp(wanted[a]) - found.probability[a]));
    same += found.greedy == guard::wildguard_answers()[static_cast<std::size_t>(tree.greedy(logits))];
  }
  std::printf("%lld inputs: probabilities differ by %.1e at most, %lld labels equal\n", static_cast<long long>(inputs), worst, static_cast<long long>(same));
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc < 2) throw std::invalid_argument("usage: bench_wildguard <folder> [bfloat16 | int8 | agree] [number] [repeats]");
  std::string const folder = argv[1], what = argc > 2 ? argv[2] : "bfloat16";
  long const number = argc > 3 ? std::atol(argv[3]) : 0;
  int const repeats = argc > 4 ? std::atoi(argv[4]) : 3;
  if (what == "agree") agree(folder, number > 0 ? number : 500);
  else if (what == "int8") compare<std::int8_t>(folder, number > 0 ? number : 20, repeats);
  else compare<bfloat16>(folder, number > 0 ? number : 20, repeats);
} catch (std::exception const& error) {
  std::fprintf(stderr, "bench_wildguard: %s\n", error.what());
  return 1;
}
