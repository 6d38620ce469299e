// Command line of the example programs: "--name value" pairs over a table of defaults, and --help.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace support {

struct option {
  std::string name, value, help;
};

class arguments {
public:
  /// Prints the table and exits for --help. Throws std::invalid_argument for what it does not know.
  arguments(int argc, char** argv, std::string const& about, std::vector<option> options) : options_(std::move(options)) {
    for (int i = 1; i < argc; i += 2) {
      std::string const name = argv[i];
      if (name == "--help") {
        std::printf("%s\n\n", about.c_str());
        for (option const& o : options_)
          std::printf("  --%-14s %s%s%s%s\n", o.name.c_str(), o.help.c_str(), o.value.empty() ? "" : " (", o.value.c_str(), o.value.empty() ? "" : ")");
        std::exit(0);
      }
      if (name.rfind("--", 0) != 0 || i + 1 == argc)
        throw std::invalid_argument("'" + name + "' is not an option with a value; --help lists them");
      find(name.substr(2)).value = argv[i + 1];
    }
  }

  std::string const& text(std::string const& name) { return find(name).value; }

  /// A whole number in [low, high]. Throws std::invalid_argument for anything else.
  long number(std::string const& name, long low, long high) {
    std::string const& value = find(name).value;
    char* end = nullptr;
    long const n = std::strtol(value.c_str(), &end, 10);
    if (value.empty() || *end != '\0' || n < low || n > high)
      throw std::invalid_argument("--" + name + " is '" + value + "', expected a whole number from " + std::to_string(low) + " to " +
                                  std::to_string(high));
    return n;
  }

private:
  option& find(std::string const& name) {
    for (option& o : options_)
      if (o.name == name) return o;
    throw std::invalid_argument("there is no option --" + name + "; --help lists them");
  }

  std::vector<option> options_;
};

}  // namespace support
