// parapet::hdf5: an array through an HDF5 file.
#include <parapet/io/hdf5.hpp>

int main() {
  using namespace parapet;
  float const values[] = {1, 2, 3, 4, 5, 6};
  io::write_hdf5("values.hdf5", {named("values", matrix_view<float const>(values, extents<2>{{2, 3}}))});
  tensor_archive const read = io::read_hdf5("values.hdf5", {{"values"}});
  return read.view<float, 2>("values")(1, 2) == 6 ? 0 : 1;
}
