#pragma once

// What a translation unit compiled for one register width says of itself.
struct odr_report {
  int simd_bytes;
  void const* kernel;  // address of this unit's copy of an inline function of the library
  float output;        // of a network that both units evaluate
};
namespace odr {
odr_report wide();
odr_report narrow();
}  // namespace odr
