// Memory by the mebibyte for what comes and goes in hundreds of them.
//
// Why: the first touch of a page costs a fault, and a reader that decodes a segment after the other into fresh memory
// spends a third of its time on them. So slabs are used again. One that nobody uses is the kernel's to take whenever it
// runs short (MADV_FREE); until then it costs nothing to use it once more. But telling the kernel so, and taking the
// pages back, costs as much as decoding what they hold, so it is not told while somebody is sure to need them again.
// Owner: whoever hands them out; slabs may outlive the pool. Threading: any thread. Invariants: there are never more
// slabs than were in use at one time, so whoever bounds their use bounds the pool.
#pragma once

#include <cstddef>
#include <memory>

namespace weir::io {

class SlabPool {
public:
  static constexpr std::size_t slab_bytes = 1u << 20;

  SlabPool();
  /// A slab, its content undefined; it goes back when its last owner lets go of it.
  [[nodiscard]] std::shared_ptr<char[]> take();
  /// While anybody holds what this returns, slabs that nobody uses are kept as they are. For who will soon take as many
  /// as he gives back. May outlive the pool.
  [[nodiscard]] std::shared_ptr<const void> keep_warm() const;

private:
  class Idle;
  std::shared_ptr<Idle> idle_;
};

} // namespace weir::io
