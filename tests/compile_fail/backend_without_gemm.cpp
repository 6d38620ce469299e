// expect: a backend must provide gemm with transposed views, accumulation and bias
#include <parapet/backend/backend.hpp>
#include <parapet/backend/cpu/cpu.hpp>

using namespace parapet;

namespace mine {

// The CPU backend under another type: its operations are found as those of a base class.
struct machine : backend::cpu {
  using backend::cpu::cpu;
};
#ifdef MISTAKE
template <class... Ts>
void gemm(machine&, Ts const&...) = delete;
#endif

}  // namespace mine

static_assert(backend::check_backend<mine::machine>());
