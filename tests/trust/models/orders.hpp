// What the host of the stage "models" is told to do in its life, as its command line says it, and what it says of it.
//
// On its standard output, each line whole (trust/kills/speech.hpp):
//
//   opening | opened
//   writing                    from here on writes run
//   ack WRITER NUMBER OUTCOME  after the call came back, never before; the outcome is done, EEXIST or ENOENT
//   rebuilding | swapping      from here on it may kill itself
//   closed                     ends the host
//   failed TEXT                what must not happen
//
// Threading: plain values.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace weir::trust {

struct ModelsOrders {
  std::string directory;
  std::uint64_t seed = 0;
  std::uint64_t life = 1;
  std::uint64_t writers = 6;          ///< From the sixth on they have many writes on their way.
  std::uint64_t acks_until_kill = 0;  ///< It kills itself after so many acknowledgements; 0: never.
  std::uint64_t acks_until_close = 0; ///< It closes after so many; 0: never.
  /// It rebuilds the models beside its writers and kills itself after so many transactions of that; 0: it does not.
  std::uint64_t transactions_until_kill = 0;
  /// It rebuilds the models twice, and kills itself while the second ones are swapped in: after so many thousandths of
  /// the time that the first swap took; 0: it does not.
  std::uint64_t swap_kill_permille = 0;
};

/// `host` is the program.
[[nodiscard]] std::vector<std::string> arguments_of(const std::string& host, const ModelsOrders& orders);
/// Throws std::runtime_error for arguments that arguments_of() did not make.
[[nodiscard]] ModelsOrders models_orders_of(int argc, char** argv);

} // namespace weir::trust
