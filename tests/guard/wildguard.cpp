#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/guard/sentencepiece.hpp>
#include <parapet/guard/transformer.hpp>
#include <parapet/guard/wildguard.hpp>
#include <parapet/guard/wildguard_folder.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

using namespace parapet;
using namespace guard;

namespace {

char const* const folder = "goldens/guard/wildguard";  // two layers of random weights, large enough that answers differ

sentencepiece_tokenizer const& tokenizer() {
  static sentencepiece_tokenizer const t = read_wildguard_tokenizer(folder);
  return t;
}

struct fixture {
  explicit fixture(wildguard_options const& options = {.tokens = 1200}) : model(load_transformer<mistral>(be, folder)), guard(be, model, tokenizer(), options) {}

  /// Logits of all words after `ids`, by a pass of its own over all of them.
  std::vector<float> logits_after(std::vector<std::int32_t> const& ids) {
    arena<> memory;
    auto const work = plan(memory, [&](arena<>& a) { return model.make_workspace(a, static_cast<index_t>(ids.size())); });
    token_batch batch;
    batch.add(ids);
    auto const hidden = model.forward(be, batch.view(), work);
    std::vector<float> out(static_cast<std::size_t>(model.config().vocabulary));
    model.logits(be, hidden.rows(hidden.extent(0) - 1, hidden.extent(0)), matrix_view<float>(out.data(), extents{index_t{1}, model.config().vocabulary}));
    return out;
  }

  backend::cpu be{1};
  transformer<mistral> model;
  wildguard<backend::cpu, transformer<mistral>, sentencepiece_tokenizer> guard;
};

std::string words(std::uint64_t seed, index_t count) {
  static char const* const list[] = {"how", " do", " I", " bake", " bread", "\n", " a poem", " 12", " \xC3\xA9", " [INST]", " N/A", ": yes", " robot", "  "};
  philox_stream const stream(seed, 1);
  std::string out;
  for (index_t i = 0; i < count; ++i) out += list[stream.below(i, 14)];
  return out;
}

/// The 18 probabilities by generation: token after token, the choices among the tokens that an answer may have there.
std::array<double, 18> generated(fixture& f, exchange const& one) {
  auto const prompt = f.guard.prompt().encode(one.prompt, one.response.value_or(""));
  answer_tree const& tree = f.guard.prompt().answers();
  std::vector<float> logits;
  for (auto const& branch : tree.branches()) {
    auto ids = prompt;
    for (index_t node = 0; node < tree.size(); ++node)
      if (tree.ancestors()[static_cast<std::size_t>(branch.node)] >> node & 1) ids.push_back(tree.tokens()[static_cast<std::size_t>(node)]);
    std::vector<float> const all = f.logits_after(ids);
    for (std::int32_t const word : branch.tokens) logits.push_back(all[static_cast<std::size_t>(word)]);
  }
  std::array<double, 18> out{};
  tree.score(logits, out);
  for (double& p : out) p = std::exp(p);
  return out;
}

}  // namespace

TEST_CASE("one pass gives the distribution that generation held to the form has") {
  fixture f;
  double worst = 0, spread = 0;
  for (std::uint64_t i = 0; i < 40; ++i) {
    std::string const prompt = words(i, 3 + static_cast<index_t>(i)), response = words(100 + i, static_cast<index_t>(i) % 7);
    exchange const one{prompt, response};
    auto const wanted = generated(f, one);
    auto const found = f.guard.distribution(one);
    double total = 0;
    for (std::size_t a = 0; a < 18; ++a) {
      worst = std::max(worst, std::abs(found.probability[a] - wanted[a]));
      total += found.probability[a];
    }
    CHECK(total == doctest::Approx(1).epsilon(1e-9));
    spread = std::max(spread, *std::ranges::max_element(wanted) - *std::ranges::min_element(wanted));
  }
  CHECK(worst < 1e-5);
  CHECK(spread > 0.3);  // the answers are not all alike
}

TEST_CASE("a verdict has the same bits alone and among others, and is the marginals") {
  fixture f;
  std::vector<std::string> texts;
  for (std::uint64_t i = 0; i < 24; ++i) texts.push_back(words(i, static_cast<index_t>(5 * i)));
  std::vector<exchange> in;
  for (std::size_t i = 0; i < 12; ++i) {
    if (i % 3 == 0) in.push_back({texts[i], {}});
    else in.push_back({texts[i], texts[12 + i]});
  }
  std::vector<verdict> together(in.size());
  f.guard.classify(in, together);
  for (std::size_t i = 0; i < in.size(); ++i) {
    verdict const alone = f.guard.classify(in[i]);
    CHECK(alone.status == verdict_status::ok);
    CHECK(alone.tasks == together[i].tasks);
    CHECK(alone.windows.empty());
    CHECK(alone[task::refusal].known() == in[i].response.has_value());
    CHECK(alone[task::response_harm].known() == in[i].response.has_value());
    CHECK_FALSE(alone[task::prompt_harm].calibrated);
    auto const d = f.guard.distribution(in[i]);
    double harmful = 0;
    for (std::size_t a = 9; a < 18; ++a) harmful += d.probability[a];  // the second nine say yes first
    CHECK(alone[task::prompt_harm].probability == static_cast<float>(harmful));
  }
  CHECK_THROWS_AS(f.guard.classify(in, std::span<verdict>(together).first(3)), shape_error);
}

TEST_CASE("long texts are read in windows that cover them, each judged as it would be alone") {
  fixture f({.tokens = 420, .overlap = 8});
  std::string const little = words(1, 10), much = words(2, 400), more = words(3, 500);
  struct wanted {
    exchange one;
    bool prompt_windows, response_windows;
  };
  for (auto const& [one, prompt_windows, response_windows] :
       {wanted{{much, {}}, true, false}, wanted{{much, little}, true, false}, wanted{{little, much}, false, true}, wanted{{much, more}, true, true}}) {
    verdict const v = f.guard.classify(one);
    CHECK(v.windows.size() > 1);
    std::size_t read[2] = {0, 0};
    std::array<float, task_count> largest{};
    for (window_verdict const& w : v.windows) {
      std::size_t& end = read[static_cast<std::size_t>(w.text)];
      CHECK(w.begin <= end);
      end = w.end;
      for (std::size_t t = 0; t < task_count; ++t)
        if (w.tasks[t].known()) largest[t] = std::max(largest[t], w.tasks[t].probability);
    }
    CHECK(read[0] == (prompt_windows ? one.prompt.size() : 0));
    CHECK(read[1] == (response_windows ? one.response->size() : 0));
    for (std::size_t t = 0; t < task_count; ++t)
      if (v.tasks[t].known()) CHECK(v.tasks[t].probability == largest[t]);
    CHECK(v[task::refusal].known() == one.response.has_value());
    CHECK_FALSE(v.cut());
  }
  verdict const v = f.guard.classify({much, little});
  window_verdict const w = v.windows[1];
  CHECK(f.guard.classify({std::string_view(much).substr(w.begin, w.end - w.begin), little}).tasks == w.tasks);
}

TEST_CASE("generation is the likeliest word after word, and is read as the package reads") {
  fixture f({.tokens = 1200, .answer_tokens = 12});
  std::string const prompt = words(9, 20);
  auto ids = f.guard.prompt().encode(prompt, "");
  std::vector<std::int32_t> written;
  for (int i = 0; i < 12; ++i) {
    std::vector<float> const all = f.logits_after(ids);
    auto const next = static_cast<std::int32_t>(std::ranges::max_element(all) - all.begin());
    if (next == f.guard.prompt().end()) break;
    written.push_back(next);
    ids.push_back(next);
  }
  REQUIRE(written.size() > 3);
  std::string text;
  CHECK(f.guard.generate({prompt, {}}, &text).parsing_error);  // random weights keep to no form
  CHECK(text == tokenizer().decode(written));
}

TEST_CASE("a folder says how its tokeniser treats text behind a control token") {
  CHECK(read_wildguard_text_start(folder) == text_start::goes_on);  // "legacy": false
  CHECK_THROWS_WITH_AS(read_wildguard_text_start("goldens/guard"), doctest::Contains("tokenizer_config.json"), io_error);
}

TEST_CASE("what cannot be is refused") {
  CHECK_THROWS_WITH_AS(fixture({.tokens = 150}), doctest::Contains("expected more than four times the overlap"), argument_error);
  fixture f({.tokens = 420, .overlap = 8});
  CHECK_THROWS_WITH_AS(f.guard.distribution({words(1, 900), {}}), doctest::Contains("a pass has 420"), argument_error);
}
