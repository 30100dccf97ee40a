// Operations on the engine, all that the stage "model" knows, compared with its reference: two bytes say how it is
// opened, and three each operation.
#include "trust/fuzz/fuzz.hpp"

#include "trust/model/runner.hpp"

using namespace weir;
using namespace weir::fuzz;

namespace {
constexpr std::size_t operations_max = 80;
constexpr std::size_t operation_bytes = 3;

// Opening takes as long as hundreds of stores, so few operations are to be reopenings and crashes.
trust::Kind kind_of(std::uint8_t byte) {
  constexpr std::size_t kinds_max = 64;
  static_assert(trust::kind_count <= kinds_max, "each kind of operation has a byte that means it");
  const std::size_t kind = byte % kinds_max;
  return static_cast<trust::Kind>(kind < trust::kind_count ? kind : kind % 6);
}
} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2)
    return 0;
  try {
    trust::Runner runner(data[0] | static_cast<std::uint64_t>(data[1]) << 8U, trust::Mistake::none);
    std::size_t left = operations_max;
    for (std::size_t at = 2; at + operation_bytes <= size && left != 0; at += operation_bytes, --left)
      runner.play({kind_of(data[at]), data[at + 1] | static_cast<std::uint64_t>(data[at + 2]) << 8U});
    runner.finish();
  } catch (const trust::Mismatch& mismatch) {
    broken(mismatch.what());
  }
  return 0;
}
