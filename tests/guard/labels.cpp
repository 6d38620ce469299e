#include <parapet/guard/labels.hpp>

#include <doctest/doctest.h>

#include <array>

using namespace parapet;
using guard::category;
using guard::task;

TEST_CASE("tasks and their classes are read from the names that they print") {
  for (task const t : guard::all_tasks) {
    CHECK(guard::parse_task(guard::name(t)) == t);
    for (bool const positive : {false, true}) CHECK(guard::parse_class(t, guard::class_name(t, positive)) == positive);
  }
  CHECK(guard::class_name(task::refusal, true) == "refusal");
  CHECK(guard::column(task::refusal) == "response_refusal_label");
  CHECK(!guard::parse_class(task::refusal, "harmful"));
  CHECK(!guard::parse_class(task::prompt_harm, "Harmful"));
  CHECK(!guard::parse_task(""));
}

TEST_CASE("13 subcategories in four groups, other harms and benign") {
  std::array<int, guard::category_group_count> members{};
  int alone = 0;
  for (int i = 0; i < guard::category_count; ++i) {
    auto const c = static_cast<category>(i);
    CHECK(guard::parse_category(guard::name(c)) == c);
    CHECK(!guard::title(c).empty());
    if (auto const g = guard::group(c)) ++members[static_cast<std::size_t>(*g)];
    else ++alone;
  }
  CHECK(members == std::array{3, 2, 4, 4});
  CHECK(alone == 2);
  CHECK(guard::name(category::mental_health_crisis) == "mental_health_over-reliance_crisis");
  CHECK(!guard::parse_category("harmless"));
}
