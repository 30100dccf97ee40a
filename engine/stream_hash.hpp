// XXH3-128 of bytes that come piece by piece: of files too large for memory.
//
// Owner: whoever reads the pieces. Threading: one thread at a time.
#pragma once

#include "engine/hash.hpp"

#include <cstddef>
#include <memory>
#include <span>

namespace weir {

class StreamHash {
public:
  StreamHash();
  ~StreamHash();
  StreamHash(const StreamHash&) = delete;
  StreamHash& operator=(const StreamHash&) = delete;
  void add(std::span<const std::byte> bytes) noexcept;
  /// Of everything added so far.
  [[nodiscard]] Hash128 value() const noexcept;

private:
  struct State;
  std::unique_ptr<State> state_;
};

} // namespace weir
