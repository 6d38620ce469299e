// Exits with 0 where this machine runs x86-64-v3 code. The names are those that g++ 12 and clang 14 both know.
int main() {
  bool const v3 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi") &&
                  __builtin_cpu_supports("bmi2");
  return v3 ? 0 : 1;
}
