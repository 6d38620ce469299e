#include <parapet/core/error.hpp>
#include <parapet/core/extents.hpp>

#include <doctest/doctest.h>

#include <cstdint>

using namespace parapet;

TEST_CASE("messages join text, numbers and shapes") {
  CHECK(detail::concat("at ", std::string("byte "), index_t{-7}, ' ', std::uint8_t{200}, ": ", 0.25, " ", extents{2, 3}) ==
        "at byte -7 200: 0.25 (2, 3)");
  CHECK(detail::concat(1e-300, ' ', 1.0 / 3.0) == "1e-300 0.333333333");
}

TEST_CASE("every exception is a parapet::error and a std::runtime_error") {
  static_assert(std::is_base_of_v<error, shape_error> && std::is_base_of_v<error, argument_error> &&
                std::is_base_of_v<error, io_error> && std::is_base_of_v<std::runtime_error, error>);
  try {
    throw io_error("weights.bin: truncated");
  } catch (error const& caught) {
    CHECK(std::string(caught.what()) == "weights.bin: truncated");
  }
}
