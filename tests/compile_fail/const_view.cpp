// expect: conversion
// A view of elements that may only be read does not become one that writes.
#include <parapet/core/tensor_view.hpp>

using namespace parapet;

#ifdef MISTAKE
using element = float;
#else
using element = float const;
#endif

void use(vector_view<float const> const& read) {
  vector_view<element> const written = read;
  static_cast<void>(written);
}
