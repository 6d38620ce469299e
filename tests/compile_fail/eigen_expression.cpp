// expect: A view needs an Eigen object with memory of its own or a map, not an expression
#include <parapet/interop/eigen.hpp>

using namespace parapet;

float first(Eigen::MatrixXf const& a, Eigen::MatrixXf const& b) {
#ifdef MISTAKE
  auto sum = a + b;
#else
  Eigen::MatrixXf sum = a + b;
#endif
  return interop::matrix_of(sum)(0, 0);
}
