// Writes the small data set of examples/data, with the columns of WildGuardMix: moderation_train.jsonl, moderation_choose.jsonl (for thresholds
// and calibration) and moderation_test.jsonl.
//
//     write_moderation_data examples/data
//
// Requests with and without harm come out of templates, answers of assistants that comply and that refuse beside them. No part has
// a template or an action that another has, no text is there twice, and the same program writes the same bytes everywhere.
#include "data/moderation_actions.hpp"
#include "data/moderation_templates.hpp"

#include <parapet/core/philox.hpp>
#include <parapet/guard/moderation_data.hpp>
#include <parapet/guard/text_splits.hpp>

#include <cstdio>
#include <exception>
#include <iterator>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using namespace parapet;
using guard::task;

/// Random numbers one after the other.
class dice {
public:
  explicit dice(std::uint64_t seed) : stream_(seed, 0) {}
  index_t below(index_t n) { return stream_.below(next_++, n); }
  bool chance(double p) { return stream_.uniform(next_++) < p; }

private:
  philox_stream stream_;
  index_t next_ = 0;
};

/// One of the alternatives of "{a|b|{c|d} e}" at every brace.
std::string expand(std::string_view text, dice& random) {
  std::string out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '{') {
      out += text[at];
      continue;
    }
    std::vector<std::string_view> parts;
    int depth = 1;
    std::size_t begin = ++at;
    for (; depth > 0; ++at) {
      if (text[at] == '{') ++depth;
      if (text[at] == '}') --depth;
      if ((text[at] == '|' && depth == 1) || depth == 0) {
        parts.push_back(text.substr(begin, at - begin));
        begin = at + 1;
      }
    }
    --at;
    out += expand(parts[static_cast<std::size_t>(random.below(static_cast<index_t>(parts.size())))], random);
  }
  return out;
}

/// Single spaces, none before punctuation, a capital at the start: alternatives may be empty.
std::string tidy(std::string_view text) {
  std::string out;
  for (char const c : text) {
    if (c == ' ' && (out.empty() || out.back() == ' ')) continue;
    if (!out.empty() && out.back() == ' ' && (c == '.' || c == ',' || c == '?' || c == '!')) out.pop_back();
    out += c;
  }
  while (!out.empty() && out.back() == ' ') out.pop_back();
  if (!out.empty() && out[0] >= 'a' && out[0] <= 'z') out[0] = static_cast<char>(out[0] - 'a' + 'A');
  return out;
}

template <class Template, std::size_t N>
std::vector<Template> of_part(Template const (&all)[N], bool for_test) {
  std::vector<Template> out;
  for (Template const& t : all)
    if (t.for_test == for_test) out.push_back(t);
  return out;
}

enum class part { train, choose, test };

/// Actions whose number says that they belong to a part: four of six, one, one.
template <class Action, std::size_t N>
std::vector<Action> of_part(Action const (&all)[N], part which) {
  std::vector<Action> out;
  for (std::size_t i = 0; i < N; ++i)
    if ((i % 6 == 4 ? part::test : i % 6 == 5 ? part::choose : part::train) == which) out.push_back(all[i]);
  return out;
}

/// A frame with its action, both expanded.
std::string framed(std::string frame, char const* action, dice& random) {
  std::size_t const at = frame.find("{}");
  std::string const text = expand(action, random);
  return expand(frame.substr(0, at), random) + text + expand(frame.substr(at + 2), random);
}

/// `rows` exchanges, half of them about harmful requests; the templates of each half take turns.
std::vector<guard::moderation_row> make_rows(part which, index_t rows, std::uint64_t seed) {
  namespace texts = moderation_templates;
  bool const for_test = which == part::test;
  std::vector<texts::action> const harmful_actions = of_part(texts::harmful_actions, which);
  std::vector<char const*> const harmless_actions = of_part(texts::harmless_actions, which);
  std::vector<texts::request> const requests[2] = {of_part(texts::harmless, for_test), of_part(texts::harmful, for_test)};
  std::vector<texts::disguise> const disguises = of_part(texts::disguises, for_test);
  std::vector<texts::phrase> const refusals = of_part(texts::refusals, for_test);
  dice random(seed);
  auto const pick = [&](auto const& list) { return list[static_cast<std::size_t>(random.below(static_cast<index_t>(list.size())))]; };

  std::vector<guard::moderation_row> out;
  std::set<std::string> seen;
  for (index_t k = 0, tries = 0; static_cast<index_t>(out.size()) < rows && tries < 50 * rows; ++k, ++tries) {
    bool const harmful = k % 2 == 1;
    auto const& list = requests[harmful];
    texts::request const& request = list[static_cast<std::size_t>(k / 2) % list.size()];
    guard::moderation_row row;
    bool const by_frame = which == part::choose || random.chance(0.75);
    auto kind = request.kind;
    char const* answer = request.answer;
    if (by_frame) {
      texts::action const action = harmful ? pick(harmful_actions) : texts::action{guard::category::benign, pick(harmless_actions)};
      row.prompt = framed(pick(std::vector<char const*>(std::begin(texts::frames), std::end(texts::frames))), action.text, random);
      kind = action.kind;
      answer = harmful ? texts::harmful_answer : texts::harmless_answer;
    } else {
      row.prompt = expand(request.prompt, random);
    }
    row.adversarial = random.chance(0.15);
    if (row.adversarial) {
      texts::disguise const d = pick(disguises);
      row.prompt = expand(d.before, random) + row.prompt + expand(d.after, random);
    }
    row.prompt = tidy(row.prompt);
    if (!seen.insert(guard::prompt_key(row.prompt)).second) continue;
    row[task::prompt_harm] = harmful;
    row.harm = kind;
    if (random.chance(0.75)) {
      bool const refuses = random.chance(harmful ? 0.6 : 0.25);
      row.response = tidy(expand(refuses ? pick(refusals).text : answer, random));
      row[task::refusal] = refuses;
      row[task::response_harm] = harmful && !refuses;
    }
    out.push_back(std::move(row));
  }
  return out;
}

}  // namespace

int main(int count, char** words) try {
  std::string const folder = count > 1 ? words[1] : ".";
  struct file {
    char const* name;
    part which;
    index_t rows;
  };
  for (file const& f : {file{"train", part::train, 1300}, file{"choose", part::choose, 300}, file{"test", part::test, 300}}) {
    std::string const path = folder + "/moderation_" + f.name + ".jsonl";
    std::vector<guard::moderation_row> const rows = make_rows(f.which, f.rows, static_cast<std::uint64_t>(f.which) + 1);
    guard::write_moderation_rows(path, rows);
    std::printf("%s: %zu rows\n", path.c_str(), rows.size());
  }
} catch (std::exception const& e) {
  std::fprintf(stderr, "write_moderation_data: %s\n", e.what());
  return 1;
}
