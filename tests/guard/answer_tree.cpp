#include <parapet/guard/answer_tree.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <vector>

using namespace parapet;
using guard::answer_tree;

namespace {

using tokens = std::vector<std::int32_t>;

/// Yes or no, then because one of three, whose tokens share a start: 7 8 x, 7 8 y, 9.
std::vector<tokens> six_answers() {
  std::vector<tokens> all;
  for (std::int32_t const first : {1, 2})
    for (tokens const& reason : {tokens{7, 8, 3}, tokens{7, 8, 4}, tokens{9}}) {
      tokens answer{5, first, 6};
      answer.insert(answer.end(), reason.begin(), reason.end());
      all.push_back(answer);
    }
  return all;
}

/// A model of tokens that depends on all that came before: some number for (path, next).
float logit(tokens const& path, std::int32_t next) {
  unsigned hash = 17;
  for (std::int32_t const t : path) hash = hash * 31 + static_cast<unsigned>(t);
  return static_cast<float>((hash * 31 + static_cast<unsigned>(next)) % 101) / 20.0f;
}

}  // namespace

TEST_CASE("nodes, depths and ancestors are those of the answers; what is decided needs no node") {
  answer_tree const tree(six_answers());
  // 5 | 1 6 7 8 | 2 6 7 8: neither 3, 4 nor 9
  CHECK(tree.size() == 9);
  CHECK(tree.branches().size() == 5);  // yes or no; 7 or 9, 3 or 4 behind each
  CHECK(tree.logits() == 10);
  CHECK(tree.branches()[0].node == 0);
  CHECK(tree.branches()[0].tokens == tokens{1, 2});
  for (index_t node = 0; node < tree.size(); ++node) {
    auto const k = static_cast<std::size_t>(node);
    int ancestors = 0;
    for (std::uint64_t bits = tree.ancestors()[k]; bits != 0; bits &= bits - 1) ++ancestors;
    CHECK(ancestors == tree.depths()[k] + 1);
    CHECK((tree.ancestors()[k] >> node) == 1);  // itself, and nothing later
  }
}

TEST_CASE("scores are the products of the conditional shares, and sum to one") {
  std::vector<tokens> const answers = six_answers();
  answer_tree const tree(answers);

  std::vector<float> logits;
  for (auto const& branch : tree.branches()) {
    tokens path;
    for (index_t node = 0; branch.node >= 0 && node < tree.size(); ++node)
      if (tree.ancestors()[static_cast<std::size_t>(branch.node)] >> node & 1) path.push_back(tree.tokens()[static_cast<std::size_t>(node)]);
    for (std::int32_t const next : branch.tokens) logits.push_back(logit(path, next));
  }
  std::vector<double> score(answers.size());
  tree.score(logits, score);

  double total = 0;
  for (std::size_t a = 0; a < answers.size(); ++a) {
    double expected = 0;
    for (std::size_t at = 0; at < answers[a].size(); ++at) {
      tokens const path(answers[a].begin(), answers[a].begin() + static_cast<std::ptrdiff_t>(at));
      tokens seen;
      double sum = 0;
      for (tokens const& other : answers) {
        if (other.size() <= at || !std::equal(path.begin(), path.end(), other.begin())) continue;
        if (std::find(seen.begin(), seen.end(), other[at]) != seen.end()) continue;
        seen.push_back(other[at]);
        sum += std::exp(static_cast<double>(logit(path, other[at])));
      }
      expected += static_cast<double>(logit(path, answers[a][at])) - std::log(sum);
    }
    CHECK(score[a] == doctest::Approx(expected).epsilon(1e-12));
    total += std::exp(score[a]);
  }
  CHECK(total == doctest::Approx(1).epsilon(1e-12));
}

TEST_CASE("greedy goes branch by branch, which need not be the likeliest answer") {
  std::vector<tokens> const answers{{1, 3}, {1, 4}, {2}};
  answer_tree const tree(answers);
  REQUIRE(tree.branches().size() == 2);
  CHECK(tree.branches()[0].node == -1);
  std::vector<float> const logits{0.3f, 0.0f, 0.1f, 0.0f};  // 1 before 2, then 3 before 4
  CHECK(tree.greedy(logits) == 0);
  std::vector<double> score(3);
  tree.score(logits, score);
  CHECK(score[2] > score[0]);
}

TEST_CASE("large logits are no overflow, and no number is no answer") {
  answer_tree const tree(std::vector<tokens>{{1}, {2}});
  std::vector<double> score(2);
  tree.score(std::vector<float>{3e38f, 3e38f}, score);
  CHECK(score[0] == doctest::Approx(std::log(0.5)));
  float const nan = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS_AS(tree.greedy(std::vector<float>{nan, nan}), argument_error);
  for (float const bad : {nan, std::numeric_limits<float>::infinity()})
    for (auto const& logits : {std::vector<float>{1, bad}, std::vector<float>{bad, 1}}) {
      CHECK_THROWS_WITH_AS(tree.greedy(logits), doctest::Contains("not finite"), argument_error);
      CHECK_THROWS_WITH_AS(tree.score(logits, score), doctest::Contains("not finite"), argument_error);
    }
}

TEST_CASE("answers that cannot be told apart are refused") {
  CHECK_THROWS_WITH_AS(answer_tree(std::vector<tokens>{{1, 2}, {1}}), doctest::Contains("answer 1 starts another"), argument_error);
  CHECK_THROWS_WITH_AS(answer_tree(std::vector<tokens>{{1, 2}, {1, 2}}), doctest::Contains("equals it"), argument_error);
  CHECK_THROWS_AS(answer_tree(std::vector<tokens>{{1}}), argument_error);
  CHECK_THROWS_WITH_AS(answer_tree(std::vector<tokens>{tokens(70, 1), [] { auto t = tokens(70, 1); t.back() = 2; return t; }()}),
                       doctest::Contains("69 nodes"), argument_error);
  std::vector<double> score(1);
  CHECK_THROWS_AS(answer_tree(std::vector<tokens>{{1}, {2}}).score(std::vector<float>{1, 2}, score), shape_error);
}
