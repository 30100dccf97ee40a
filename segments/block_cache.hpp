// Decoded, checked blocks of all segments of an engine, kept in memory within a budget.
//
// Purpose: a block is read, checked and decoded once while it is popular. Readers pin a block by holding it; eviction
// only drops the cache's own reference.
// Owner: the engine; blocks may outlive the cache.
// Threading: all of it from any thread. The cache is split into parts with a lock each; nothing is decoded or freed
// under a lock.
// Invariants: only blocks whose checksum fits get in; cached_bytes never exceeds the budget.
#pragma once

#include "engine/io/slab_pool.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string_view>
#include <vector>

namespace weir::segments {

/// The decoded bytes of one block, or (as a class of its own) what was derived from several.
class Block {
public:
  struct Charge {
    std::uint64_t bytes;
  };
  /// Bytes of a block that is not counted anywhere.
  explicit Block(std::size_t size) : Block(size, nullptr) {}
  Block(std::size_t size, std::shared_ptr<std::atomic<std::uint64_t>> live_bytes);
  ~Block();
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::string_view text() const noexcept { return {reinterpret_cast<const char*>(bytes_.get()), size_}; }
  /// For whoever fills the block, before it is shared.
  [[nodiscard]] std::span<std::byte> writable() noexcept { return {bytes_.get(), size_}; }
  /// Memory it takes, bookkeeping included.
  [[nodiscard]] std::uint64_t charge_bytes() const noexcept { return charge_bytes_; }

protected:
  /// Without bytes of its own: those it holds on to are counted where they are.
  explicit Block(Charge charge) : size_(0), charge_bytes_(charge.bytes) {}

private:
  static constexpr std::uint64_t overhead_bytes = 160;
  std::size_t size_;
  std::uint64_t charge_bytes_;
  std::unique_ptr<std::byte[]> bytes_;
  std::shared_ptr<std::atomic<std::uint64_t>> live_bytes_;
};

using BlockPtr = std::shared_ptr<const Block>;

struct BlockCacheStats {
  std::uint64_t hits = 0;
  std::uint64_t misses = 0;
  std::uint64_t cached_bytes = 0;
  std::uint64_t pinned_bytes = 0; ///< Held by readers although the cache has let go of them.
};

class BlockCache {
public:
  explicit BlockCache(std::uint64_t budget_bytes);

  /// A new block for `insert`, counted while it lives.
  [[nodiscard]] std::shared_ptr<Block> make_block(std::size_t size) const;
  /// Memory for whoever decodes past the cache.
  [[nodiscard]] io::SlabPool& slabs() noexcept { return slabs_; }
  /// The block at `offset` of the file with this key, or nothing.
  [[nodiscard]] BlockPtr find(std::uint64_t file_key, std::uint64_t offset);
  /// How much a byte of a block is worth keeping beside one of another that is asked for as often.
  using Worth = std::uint8_t;
  static constexpr Worth worth_max = 64; ///< Not too much: what nobody asks for any more has to go, however dear.
  /// Of blocks that come with a read of `read_bytes`. A read costs as much as some KiB more, so what a long one brings
  /// is had again for little; a short one costs nearly the same for a few bytes.
  [[nodiscard]] static Worth worth_of_read(std::uint64_t read_bytes) noexcept;

  /// Keeps `block` if it fits. Returns the block to use: the one already there if another reader was faster.
  BlockPtr insert(std::uint64_t file_key, std::uint64_t offset, BlockPtr block, Worth worth = worth_max);

  [[nodiscard]] BlockCacheStats stats() const;

private:
  struct Key {
    std::uint64_t file_key;
    std::uint64_t offset;
    friend bool operator==(const Key&, const Key&) = default;
  };
  static std::uint64_t hash_of(const Key& key) noexcept;

  /// How often blocks were asked for lately, hits and misses alike; rough: blocks share counters, and all are halved
  /// now and then, so that yesterday's favourites fade.
  class Popularity {
  public:
    void count(std::uint64_t hash) noexcept;
    [[nodiscard]] unsigned of(std::uint64_t hash) const noexcept { return counters_[place_of(hash)]; }

  private:
    static constexpr std::size_t counters = 4'096;
    static constexpr unsigned counter_max = 15;
    static constexpr std::size_t requests_until_halved = 8 * counters;
    static std::size_t place_of(std::uint64_t hash) noexcept { return (hash >> 40) % counters; }
    std::array<std::uint8_t, counters> counters_{};
    std::size_t requests_ = 0;
  };

  /// A look-up touches as little memory as can be: one place of the table, one slot, the block. Once the part is full,
  /// a new block gets in only if it is worth more, times how often it was asked for, than the least of a few others,
  /// which then goes.
  /// Readers that go through more blocks than there is room for therefore find some of them here every time, instead
  /// of pushing out each block just before they come back to it; and a block that is not kept costs no memory that the
  /// processor does not have at hand.
  class Part {
  public:
    BlockPtr find(const Key& key, std::uint64_t hash);
    /// Moves what has to go to `evicted`: it is destroyed without the lock.
    BlockPtr insert(const Key& key, std::uint64_t hash, BlockPtr block, Worth worth, std::uint64_t budget_bytes,
                    std::vector<BlockPtr>& evicted);
    void add_to(BlockCacheStats& stats) const;

  private:
    struct Slot {
      Key key{};
      BlockPtr block; ///< Null: free.
      Worth worth = 0;
    };
    static constexpr std::uint32_t nothing = 0;

    /// The place in table_ that holds this key, or the free one where it belongs.
    [[nodiscard]] std::size_t place_of(const Key& key, std::uint64_t hash) const noexcept;
    [[nodiscard]] unsigned value_of(const Slot& slot) const noexcept {
      return popularity_.of(hash_of(slot.key)) * slot.worth;
    }
    /// The slot whose block should go next. Precondition: there is a block.
    std::size_t choose_victim();
    BlockPtr evict(std::size_t victim);
    void grow_table();

    mutable std::mutex mutex_;
    std::vector<std::uint32_t> table_ = std::vector<std::uint32_t>(64, nothing); ///< Slot number + 1, by hash.
    std::vector<Slot> slots_;
    std::vector<std::uint32_t> free_;
    Popularity popularity_;
    std::size_t hand_ = 0;
    std::uint64_t bytes_ = 0, hits_ = 0, misses_ = 0;
  };
  static constexpr std::size_t part_count = 16;

  Part& part_of(std::uint64_t hash) noexcept { return parts_[(hash >> 32) % part_count]; }

  std::uint64_t part_budget_bytes_;
  std::shared_ptr<std::atomic<std::uint64_t>> live_bytes_;
  io::SlabPool slabs_;
  std::array<Part, part_count> parts_;
};

} // namespace weir::segments
