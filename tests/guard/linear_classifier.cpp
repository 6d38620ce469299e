#include <parapet/guard/linear_classifier.hpp>

#include <parapet/guard/linear_training.hpp>
#include <parapet/guard/moderation_data.hpp>
#include <parapet/guard/ranking.hpp>

#include "io/temporary_folder.hpp"
#include "support/allocation_counter.hpp"
#include "support/throws.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <vector>

using namespace parapet;
using doctest::Approx;
using guard::task;

namespace {

constexpr guard::linear_options small{.ngrams = {.bits = 14}};

guard::sparse_row counts_of(std::string_view text, guard::ngram_options const& options, std::vector<std::size_t>& ends, std::uint32_t part = 0) {
  guard::sparse_row row;
  ends.clear();
  guard::ngram_counter(options).count(text, part, row, ends);
  return row;
}

float total(guard::sparse_row const& row, std::size_t begin, std::size_t end) {
  float sum = 0;
  for (std::size_t i = begin; i < end; ++i) sum += row[i].value;
  return sum;
}

}  // namespace

TEST_CASE("n-grams: all of them are counted, without case, and apart by part") {
  std::vector<std::size_t> ends;
  guard::sparse_row const row = counts_of("It can't, it\ncan't!", {}, ends);
  CHECK(ends.size() == 2);
  CHECK(total(row, 0, ends[0]) == 4 + 3);  // words: it can't it can't; pairs
  CHECK(ends[0] == 4);                     // it, can't, "it can't" twice; "can't it" once
  // " it " has 3 + 2 + 1 runs of 2 to 4, " can't, " 7 + 6 + 5 + 4, " can't! " as many.
  CHECK(total(row, ends[0], ends[1]) == 2 * (3 + 2 + 1) + 2 * (7 + 6 + 5 + 4));
  auto const same = [](guard::sparse_row const& a, guard::sparse_row const& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](auto const& x, auto const& y) { return x.bucket == y.bucket && x.value == y.value; });
  };
  CHECK(same(row, counts_of("IT CAN'T,  it can't!", {}, ends)));
  CHECK(!same(row, counts_of("It can't, it can't!", {}, ends, 1)));
  CHECK(counts_of("", {}, ends).empty());
  CHECK(ends == std::vector<std::size_t>{0, 0});
  CHECK_THROWS_AS(guard::ngram_counter({.bits = 25}), argument_error);
}

TEST_CASE("hashes spread over the buckets") {
  std::set<std::uint32_t> used;
  std::vector<std::size_t> ends;
  for (int i = 0; i < 4000; ++i)
    for (guard::sparse_value const& v : counts_of(parapet::detail::concat("w", i), {.bits = 16, .shortest_characters = 2, .longest_characters = 1}, ends))
      used.insert(v.bucket);
  CHECK(used.size() > 3800);  // 65536 (1 - exp(-4000 / 65536)) = 3880
}

TEST_CASE("tf-idf: blocks of length 1, what one text has only is dropped") {
  std::vector<guard::sparse_row> rows{{{3, 2}, {5, 1}, {7, 1}}, {{3, 1}, {7, 1}}, {{3, 1}}};
  std::vector<float> const idf = guard::inverse_document_frequency(rows, 8);
  CHECK(idf[3] == Approx(1));
  CHECK(idf[7] == Approx(1 + std::log(4.0 / 3)));
  CHECK(idf[5] == 0);
  std::vector<std::size_t> const ends{2, 3};
  guard::weigh(rows[0], ends, idf);
  CHECK(rows[0].size() == 2);
  CHECK(rows[0][0].value == Approx(1));
  CHECK(rows[0][1].value == Approx(1));
}

TEST_CASE("logistic regression: the gradient vanishes at scikit-learn's solution") {
  // LogisticRegression(C=2, tol=1e-10, max_iter=10000) of scikit-learn 1.9.1 on these rows.
  std::vector<guard::sparse_row> const rows{{{0, 1}, {1, 0.5f}}, {{0, 0.25f}}, {{1, 1}}, {{0, -1}, {1, 1}}, {{0, 0.5f}, {1, -1}}};
  std::vector<std::uint8_t> const positive{1, 1, 0, 0, 1};
  guard::logistic_model const model = guard::fit_logistic(rows, positive, 256, {.c = 2, .tolerance = 1e-9});
  CHECK(model.weights[0] == Approx(1.057391677).epsilon(1e-5));
  CHECK(model.weights[1] == Approx(-1.119503200).epsilon(1e-5));
  CHECK(model.bias == Approx(0.714845537).epsilon(1e-5));
  CHECK(model.weights[2] == 0);
  std::vector<std::uint8_t> const ones(5, 1);
  CHECK_THROWS_AS(guard::fit_logistic(rows, ones, 256), argument_error);
}

TEST_CASE("trained on the shipped data it is well above chance on texts of other templates") {
  std::vector<guard::moderation_row> const train = guard::read_moderation_data("../examples/data/moderation_train.jsonl").rows;
  std::vector<guard::moderation_row> const test = guard::read_moderation_data("../examples/data/moderation_test.jsonl").rows;
  guard::linear_classifier model = guard::train_linear_classifier(train, small, {.folds = 2});
  auto const area = [&](task t) {
    std::vector<guard::scored> sample;
    for (guard::moderation_row const& row : test)
      if (row[t]) sample.push_back({static_cast<double>(model.classify(guard::exchange_of(row))[t].probability), *row[t]});
    return guard::auroc(sample);
  };
  CHECK(area(task::prompt_harm) > 0.75);
  CHECK(area(task::refusal) > 0.93);
  CHECK(area(task::response_harm) > 0.6);

  long const before = support::allocation_count();
  for (guard::moderation_row const& row : test) static_cast<void>(model.classify(guard::exchange_of(row)));  // once more: none is longer
  long const allocations = support::allocation_count() - before;
  CHECK(allocations == 0);

  guard::verdict const v = model.classify(guard::exchange{"hello"});
  CHECK(v.status == guard::verdict_status::ok);
  CHECK(v[task::prompt_harm].calibrated);
  CHECK(!v[task::refusal].known());  // there is no response

  support::temporary_folder const folder;
  guard::save_linear_classifier(folder / "a.safetensors", model);
  guard::linear_classifier again = guard::load_linear_classifier(folder / "a.safetensors");
  for (std::size_t i = 0; i < 50; ++i) {
    guard::verdict const a = model.classify(guard::exchange_of(test[i])), b = again.classify(guard::exchange_of(test[i]));
    CHECK(a.tasks == b.tasks);
    CHECK(a.model == b.model);
  }
  CHECK(again[task::refusal].threshold == model[task::refusal].threshold);
  guard::save_linear_classifier(folder / "b.safetensors", guard::train_linear_classifier(train, small, {.folds = 2}));
  CHECK(io::read_file(folder / "a.safetensors") == io::read_file(folder / "b.safetensors"));
}

TEST_CASE("a task without labels of both classes is not trained, and files that are none are refused") {
  std::vector<guard::moderation_row> rows(12);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    rows[i].prompt = "prompt " + std::to_string(i % 2) + std::string(i, 'x');
    rows[i][task::prompt_harm] = i % 2 == 0;
    rows[i].response = "yes";
    rows[i][task::refusal] = false;
  }
  guard::linear_classifier model = guard::train_linear_classifier(rows, small);
  CHECK(model[task::prompt_harm].trained());
  CHECK(!model[task::refusal].trained());
  CHECK(!model.classify(guard::exchange_of(rows[0]))[task::refusal].known());
  CHECK_THROWS_AS(guard::train_linear_classifier(rows, small, {.folds = 1}), argument_error);

  support::temporary_folder const folder;
  io::write_safetensors(folder / "other.safetensors", {}, {{"format", "else"}});
  CHECK_THROWS_AS(guard::load_linear_classifier(folder / "other.safetensors"), io_error);
  float const few[] = {1, 2};
  double const four[] = {0, 1, 0, 0.5};
  vector_view<float const> const weights(few, extents{index_t{2}});
  io::write_safetensors(folder / "short.safetensors",
                        {named("refusal.idf", weights), named("refusal.weights", weights), named("refusal.scalars", vector_view<double const>(four, extents{index_t{4}}))},
                        {{"format", "parapet linear_classifier 1"}, {"options", "14 2 2 5 100"}});
  CHECK(support::contains(support::message_of<io_error>([&] { guard::load_linear_classifier(folder / "short.safetensors"); }), "2 and 2 weights of refusal"));
}
