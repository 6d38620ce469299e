// The emulated device of the tests catches what it is there to catch.
#include "support/emulated_device.hpp"

#include <doctest/doctest.h>

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

using namespace parapet;
using support::emulated_device;
using support::emulated_space;

namespace {

/// The signal that ends a process that reads *x, or 0.
int signal_of_reading(float const volatile* x) {
  pid_t const child = fork();
  if (child == 0) {
    std::signal(SIGSEGV, SIG_DFL);
    static_cast<void>(*x);
    _exit(0);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

}  // namespace

TEST_CASE("a host that looks at the emulated device's memory is killed, before and after operations") {
  emulated_device be;
  buffer<float, emulated_space> x(1000);
  float const here = 0;
  CHECK(signal_of_reading(&here) == 0);
  CHECK(signal_of_reading(x.data() + 500) == SIGSEGV);
  fill(be, x.view(), 2);
  CHECK(sum(be, x.view()) == 2000);
  CHECK(signal_of_reading(x.data() + 500) == SIGSEGV);
}

TEST_CASE("operations of the emulated device run when the host waits; a recording runs when it is launched, and may not wait") {
  emulated_device be;
  buffer<float, emulated_space> x(8);
  fill(be, x.view(), 1);
  CHECK(be.launches == 0);
  synchronize(be);
  CHECK(be.launches == 1);
  float value = 3;
  auto step = capture(be, [&] { fill(be, x.view(), value); });
  value = 4;  // too late
  CHECK(sum(be, x.view()) == 8);
  step.launch();
  CHECK(sum(be, x.view()) == 24);
  CHECK_THROWS_AS(capture(be, [&] { sum(be, x.view()); }), std::logic_error);
  fill(be, x.view(), 5);  // goes on
  CHECK(sum(be, x.view()) == 40);
}
