// fisor_options <checkout>: the table of docs/fisor.md has a row for every option, with the values that the code gives it.
#include <parapet/rl/fisor_config.hpp>

#include <cstdio>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <type_traits>

using namespace parapet;
using rl::fisor_config;

namespace {

std::string name_of(rl::safety_target x) { return x == rl::safety_target::reachability ? "reachability" : "cumulative_cost"; }
std::string name_of(rl::actor_objective x) { return x == rl::actor_objective::feasibility ? "feasibility" : "behaviour_cloning"; }
std::string name_of(rl::selection x) {
  char const* const names[] = {"min_safety", "max_reward", "feasible_reward", "first"};
  return names[static_cast<int>(x)];
}

std::map<std::string, std::string> values(fisor_config config) {
  std::map<std::string, std::string> all;
  fisor_config::visit(config, [&](char const* name, auto const& value) {
    using type = std::remove_cvref_t<decltype(value)>;
    if constexpr (std::is_enum_v<type>) all[name] = name_of(value);
    else if constexpr (std::is_same_v<type, bool>) all[name] = value ? "yes" : "no";
    else {
      std::ostringstream text;
      text.precision(10);
      text << value;
      all[name] = text.str();
    }
  });
  return all;
}

}  // namespace

int main(int argc, char** argv) {
  std::ostringstream page;
  if (argc > 1) page << std::ifstream(std::string(argv[1]) + "/docs/fisor.md").rdbuf();
  auto const paper = values(fisor_config::paper()), robot = values(fisor_config::paper_point_robot()), quickstart = values(fisor_config::quickstart());
  int missing = 0;
  for (auto const& [name, value] : paper) {
    std::string row = "| `";
    for (std::string const& cell : {name + '`', value, robot.at(name), quickstart.at(name)}) row += cell + " | ";
    if (page.str().find('\n' + row) != std::string::npos) continue;
    std::printf("docs/fisor.md lacks a row that begins\n%s\n", row.c_str());
    ++missing;
  }
  return missing == 0 && !paper.empty() ? 0 : 1;
}
