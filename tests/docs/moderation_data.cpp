// The program of docs/moderation_data.md.
#include <parapet/guard/linear_training.hpp>
#include <parapet/guard/moderation_data.hpp>
#include <parapet/guard/ranking.hpp>

#include <cstdio>
#include <string>
#include <vector>

using namespace parapet;
using guard::task;

int main(int, char** argv) {
  std::string const folder = std::string(argv[1]) + "/examples/data";
  using options = guard::moderation_read_options;
  guard::moderation_data const train =
      guard::read_moderation_data(folder + "/moderation_train.jsonl", {.bad_rows = options::bad_row_rule::skip});
  std::printf("%s\n", train.report.text().c_str());  // how many rows are bad, and why

  guard::linear_classifier model = guard::train_linear_classifier(train.rows);

  std::vector<guard::moderation_row> const test = guard::read_moderation_data(folder + "/moderation_test.jsonl").rows;
  int good = 0;
  for (task const t : guard::all_tasks) {
    std::vector<guard::scored> sample;
    for (guard::moderation_row const& row : test)
      if (row[t]) sample.push_back({model.classify(guard::exchange_of(row))[t].probability, *row[t]});
    guard::confusion const counts = guard::confusion_at(sample, model[t].threshold);
    std::printf("%s: %s, AUROC %.3f\n", std::string(guard::name(t)).c_str(),
                counts.text(guard::class_name(t, true), model[t].threshold).c_str(), guard::auroc(sample));
    good += guard::auroc(sample) > 0.5;
  }

  // A whole prompt is held out, whoever answered it.
  auto const groups = guard::group_prompts(std::span(train.rows), [](guard::moderation_row const& row) { return row.prompt; });
  for (guard::text_split const& split : guard::k_fold_splits(guard::k_folds(groups, 5, /*seed=*/1)))
    std::printf("%zu rows to train, %zu to test\n", split.train.size(), split.test.size());
  return good == 3 ? 0 : 1;
}
