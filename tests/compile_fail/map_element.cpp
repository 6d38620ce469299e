// expect: map: all arguments must have the same element type
#include <parapet/backend/cpu/cpu.hpp>

using namespace parapet;

#ifdef MISTAKE
using element = double;
#else
using element = float;
#endif

struct copy_to {
  template <class X>
  void operator()(X& y, X const& x) const { y = x; }
  template <class X, class Y>
  void operator()(Y&, X const&) const {}
};

void use(backend::cpu& be, vector_view<float> const& y, vector_view<element const> const& x) { map(be, copy_to{}, y, x); }
