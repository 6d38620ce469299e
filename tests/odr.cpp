// Two units that include everything, compiled for different registers, in one program: config.hpp's promise.
#include "odr_unit.hpp"

#include <doctest/doctest.h>

TEST_CASE("units compiled for different registers link and agree") {
  odr_report const wide = odr::wide(), narrow = odr::narrow();
  CAPTURE(wide.simd_bytes);
  CAPTURE(narrow.simd_bytes);
  CHECK((wide.kernel != narrow.kernel) == (wide.simd_bytes != narrow.simd_bytes));
  CHECK(wide.output == doctest::Approx(narrow.output).epsilon(1e-5));
}
