// The pieces of one scan, for however many threads take part.
//
// Purpose: a few zones are a piece, so that one query over one large segment is shared like one over many shards; what
// a piece turns out to consist of (a shard of segments, a segment of zones) is added while others work.
// Threading: any thread. take() waits only while somebody else works on a piece that may turn out to consist of others,
// so the last worker never waits: one thread alone can do all.
#pragma once

#include <weir/event.hpp>

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <vector>

namespace weir::query {

class ScanQueue {
public:
  struct Piece {
    enum class Kind : std::uint8_t { shard, segment, zone, memtable };
    Kind kind = Kind::shard;
    /// Pieces go by this, then by kind, source and first row: where positions matter the lowest of the piece, else 0,
    /// so that all there is to do is known early, and the zones of a segment are read one after the other.
    Position order = 0;
    std::size_t shard = 0;   ///< Number of its view.
    std::size_t source = 0;  ///< Number of its segment or memtable.
    std::uint64_t first = 0; ///< Zone, or row of a memtable.
    std::uint64_t last = 0;  ///< Behind its last one.
  };

  void add(std::vector<Piece> pieces);
  /// The next piece, which the caller works on until release(). False: there is none for the caller, nor will be.
  [[nodiscard]] bool take(Piece& piece);
  /// The piece that was taken is done; what it consists of was added before.
  void release(const Piece& piece);
  /// Nobody gets a piece any more.
  void stop();
  [[nodiscard]] bool stopped() const noexcept { return stopped_.load(std::memory_order_relaxed); }
  /// Nothing is there to be taken, nor will be.
  [[nodiscard]] bool empty() const;

private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Piece> heap_;
  std::size_t in_parts_ = 0;          ///< Pieces in work that may consist of others.
  std::atomic<bool> stopped_ = false; ///< Written under the mutex.
};

} // namespace weir::query
