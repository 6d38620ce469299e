// expect: A view needs an Eigen object with memory of its own or a map, not an expression
#include <parapet/interop/eigen.hpp>

using namespace parapet;

float first(Eigen::MatrixXf const& a) {
#ifdef MISTAKE
  auto const twice = a + a;  // not computed yet
#else
  Eigen::MatrixXf const twice = a + a;
#endif
  return interop::matrix_of(twice)(0, 0);
}
