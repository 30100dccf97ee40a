#include "engine/io/random.hpp"

#include "engine/check.hpp"

#include <cerrno>
#include <sys/random.h>

namespace weir::io {

namespace {

class SystemRandom final : public Random {
public:
  std::uint64_t next() override {
    std::uint64_t value = 0;
    ssize_t got_bytes = 0;
    // It waits for the entropy pool only early in boot; up to 256 bytes come whole, unless a signal interrupts the
    // wait.
    do {
      got_bytes = ::getrandom(&value, sizeof value, 0);
    } while (got_bytes < 0 && errno == EINTR);
    WEIR_CHECK(got_bytes == sizeof value);
    return value;
  }
};

class SeededRandom final : public Random {
public:
  explicit SeededRandom(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() override {
    state_ += 0x9e3779b97f4a7c15U;
    auto mixed = state_;
    mixed = (mixed ^ (mixed >> 30U)) * 0xbf58476d1ce4e5b9U;
    mixed = (mixed ^ (mixed >> 27U)) * 0x94d049bb133111ebU;
    return mixed ^ (mixed >> 31U);
  }

private:
  std::uint64_t state_;
};

} // namespace

std::unique_ptr<Random> make_system_random() {
  return std::make_unique<SystemRandom>();
}

std::unique_ptr<Random> make_seeded_random(std::uint64_t seed) {
  return std::make_unique<SeededRandom>(seed);
}

} // namespace weir::io
