// One merge of neighbouring segments, from plan to view.
//
// Purpose: the steps of compaction, each in the lane it belongs to: read, write and compare in the compaction lane;
// catalog and view in the flush lane, which owns the catalog; files of the inputs are removed in the compaction lane,
// once nobody reads them any more. Owner: the jobs that carry it from lane to lane. Threading: one lane at a time.
// Invariants: inputs stay live until the catalog says otherwise; whatever ends a merge early, the new file is removed,
// unless the catalog may know it; what is written never grows far into the disk reserve.
#pragma once

#include "actors/engine_parts.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

namespace weir {

class Merge : public std::enable_shared_from_this<Merge> {
public:
  /// Told once: the merge is in the view, or has failed (and warned), or was cancelled.
  using Done = std::function<void(bool worked)>;

  /// The next merge of `shard` by the policy with this fan-in, or null. A shard that could not be opened has none.
  static std::shared_ptr<Merge> plan(EngineParts& parts, ShardParts& shard, std::size_t fan_in);
  Merge(EngineParts& parts, ShardParts& shard, SegmentList inputs);
  ~Merge();

  /// Posts the first step. Until `done` is called, or dropped at shutdown, the job keeps this alive.
  void start(Done done);

private:
  void write();
  Status try_write();
  Status may_go_on();
  void publish();
  void fail(const Error& why);
  void end(bool worked);

  EngineParts& parts_;
  ShardParts& shard_;
  SegmentList inputs_;
  std::vector<SegmentMeta> metas_; ///< Of the inputs.
  std::optional<SegmentMeta> written_;
  Dropped dropped_;
  std::shared_ptr<const SegmentReader> reader_;
  bool maybe_published_ = false;
  Done done_; ///< Empty once told.
};

/// What segments say is removed: what is only in a log may be lost with it, and so would be the reason why events are
/// not there. Marks that cannot be read count for nothing now; what they removed is left out by a later merge. Empty if
/// nothing is marked. May do I/O.
[[nodiscard]] MarkLookup durable_marks(const SegmentList& segments);

/// Whether the shard's segments are merged, or looked through for what is removed, once flushes pause.
[[nodiscard]] bool wants_merge(const EngineParts& parts, const ShardParts& shard);
/// Shards that want it, or one of which is at it.
[[nodiscard]] std::uint64_t compactions_pending(const EngineParts& parts);

} // namespace weir
