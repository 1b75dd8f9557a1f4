// exceptions: thrown one to five calls deep, through frames that clean up, and
// caught by type: as much of the C++ runtime as of the throw itself.
#include "../kernels/kernel.h"
#include <exception>
#include <stdexcept>

struct Refused : std::exception {
  uint32_t code;
  explicit Refused(uint32_t code) : code(code) {}
  const char *what() const noexcept override { return "refused"; }
};
struct Other {
  uint32_t code;
};

static uint32_t cleaned;
struct Guard {
  uint32_t depth;
  ~Guard() { cleaned += depth; }
};

static NOINLINE uint32_t descend(uint32_t depth, uint32_t seed) {
  if (depth == 0) {
    if (seed % 3 == 0) throw Other{seed};
    throw Refused(seed);
  }
  Guard guard{depth};
  return descend(depth - 1, seed * 5 + 1) + 1;
}

extern "C" RUN {
  uint32_t sum = cleaned = 0;
  for (int32_t i = 0; i < n; i++) {
    try {
      sum += descend((uint32_t)i % 5, (uint32_t)i);
    } catch (const Other &other) {
      sum = sum * 31 + other.code;
    } catch (const std::exception &error) {
      sum = sum * 17 + static_cast<const Refused &>(error).code;
    }
  }
  return sum + cleaned;
}
