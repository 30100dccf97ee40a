// One append-only log of checksummed frames, as fast as files allow.
//
// Purpose: the limit that stores are compared with: what a log costs when it is nothing but a log. Offsets of each
// context's frames are in memory. The file is laid out with zeros before use, because writing into blocks that were
// never written costs twice as much. Owner: RawAdapter, one for each shard. Threading: commit() and read() from many
// threads at once; everything else from one. Errors: std::runtime_error.
// Format: frame := length u32 (of what follows the checksum) | zero u32 | XXH3-64 of what follows, seeded with its
// offset | timestamp i64 | context length u16 | type length u16 | context | type | payload, padded to 8 bytes.
// A length of zero, or a checksum that differs, is the end.
#pragma once

#include "bench/workload.hpp"

#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace weir::bench {

/// Frames to be appended, encoded by their writers beforehand; checksums come with their place.
class RawBatch {
public:
  void add(const Row& row);
  void clear();
  [[nodiscard]] std::size_t size() const noexcept { return frames_.size(); }

private:
  friend class RawLog;
  struct Frame {
    std::size_t begin = 0;
    std::uint32_t length = 0;
    std::uint64_t context = 0; ///< Hash of the context id.
  };
  std::string bytes_;
  std::vector<Frame> frames_;
};

class RawLog {
public:
  /// Opens or creates `path`, lays out at least `capacity_bytes` and reads what is there.
  RawLog(const std::string& path, std::uint64_t capacity_bytes);
  ~RawLog();
  RawLog(const RawLog&) = delete;
  RawLog& operator=(const RawLog&) = delete;

  /// Appends all frames, in one write, and syncs if asked for.
  void commit(RawBatch& batch, bool sync);
  void sync();
  /// The context's events in order, read from the mapped file and checked.
  void read(std::string_view context_id, const std::function<void(const Row&)>& visit) const;
  void read_all(const std::function<void(const Row&)>& visit) const;
  [[nodiscard]] std::uint64_t bytes() const noexcept { return end_; }

private:
  struct Place {
    std::uint64_t offset = 0;
    std::uint32_t bytes = 0;
  };
  void lay_out(std::uint64_t capacity_bytes);
  void recover();
  [[nodiscard]] const char* mapped(std::uint64_t end) const;
  std::uint64_t scan(const std::function<void(const Row&, Place)>& visit) const;

  std::string path_;
  int descriptor_ = -1;
  std::mutex writing_; ///< One commit at a time; guards end_.
  std::uint64_t end_ = 0;
  mutable std::mutex mutex_; ///< Guards what follows; not held during a sync, so that readers do not wait for one.
  std::unordered_map<std::uint64_t, std::vector<Place>> places_; ///< By hash of the context id.
  mutable const char* map_ = nullptr;                            ///< Of the whole file, made by the first reader.
  mutable std::uint64_t map_bytes_ = 0;
};

} // namespace weir::bench
