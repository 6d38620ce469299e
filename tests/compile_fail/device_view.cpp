// expect: no matching function for call to 'gemm
// Memory of another space handed to the CPU.
#include <parapet/backend/cpu/cpu.hpp>

using namespace parapet;

struct device_space {
  static void* allocate(index_t) { return nullptr; }
  static void deallocate(void*) noexcept {}
};

#ifdef MISTAKE
using space = device_space;
#else
using space = host_space;
#endif

void product(backend::cpu& be, matrix_view<float const, space> const& a, matrix_view<float, space> const& c) {
  gemm(be, a, a, c);
}
