// parapet::xtensor: an array through a .npy file.
#include <parapet/io/npy.hpp>

int main() {
  using namespace parapet;
  float const values[] = {1, 2, 3, 4, 5, 6};
  io::write_npy("values.npy", named("values", matrix_view<float const>(values, extents<2>{{2, 3}})));
  tensor_archive const read = io::read_npy("values.npy");
  return read.view<float, 2>("values")(1, 2) == 6 ? 0 : 1;
}
