// expect: an elementwise functor must take one argument a view, X& of what is written and X const& of a const view, for every X
#include <parapet/backend/cpu/cpu.hpp>

using namespace parapet;

void use(backend::cpu& be, vector_view<float> const& y, vector_view<float const> const& x) {
#ifdef MISTAKE
  map(be, [](float& to, float const& from) { to = 2 * from; }, y, x);
#else
  map(be, [](auto& to, auto const& from) { to = from + from; }, y, x);
#endif
}
