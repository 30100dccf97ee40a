// One merge of neighbouring segments, from plan to view.
//
// Purpose: the steps of compaction, each in the lane it belongs to: read, write and compare in the compaction lane,
// which yields to everybody, or, where a shard has fallen behind, in the catch-up lane; catalog and view in the flush
// lane, which owns the catalog; files of the inputs are removed in the compaction lane, once nobody reads them any
// more. Owner: the jobs that carry it from lane to lane. Threading: one lane at a time. Invariants: inputs stay live
// until the catalog says otherwise; whatever ends a merge early, the new file is removed, unless the catalog may know
// it; what is written never grows far into the disk reserve.
#pragma once

#include "actors/engine_parts.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace weir {

/// For whom segments are merged.
struct MergeCause {
  /// A call waits for the outcome: a pause is not meant for it, and errors are its to tell.
  bool asked = false;
  MayGoOn may_go_on{}; ///< What that call has to say; asked in the lane of the merge. Empty: nothing.
};
/// Whether work on segments may go on: `cancelled` once the engine closes, compaction is paused, or the cause says so.
[[nodiscard]] Status may_compact(const EngineParts& parts, const MergeCause& cause);

/// While it lives, in the lane of a merge, what is read and written is counted for the shard, and held back as long as
/// `may_go_on` agrees.
class MeteredWork {
public:
  MeteredWork(EngineParts& parts, ShardParts& shard, const MayGoOn& may_go_on);
  ~MeteredWork();
  MeteredWork(const MeteredWork&) = delete;
  MeteredWork& operator=(const MeteredWork&) = delete;

private:
  EngineParts& parts_;
  ShardParts& shard_;
  CompactionControl::Task task_;
  CompactionControl::Bytes before_;
};

class Merge : public std::enable_shared_from_this<Merge> {
public:
  /// Told once: success, the merge is in the view; `cancelled`; or why it failed, which health() says as well unless
  /// somebody asked for it.
  using Done = std::function<void(const Status& ended)>;

  /// The next merge of `shard` by the policy with this fan-in, or null. A shard that could not be opened has none.
  static std::shared_ptr<Merge> plan(EngineParts& parts, ShardParts& shard, std::size_t fan_in);
  Merge(EngineParts& parts, ShardParts& shard, SegmentList inputs, MergeCause cause = {});
  ~Merge();

  /// Posts the first step. Until `done` is called, or dropped at shutdown, the job keeps this alive. Precondition: no
  /// other merge of the shard is on its way.
  void start(Done done);

private:
  void post_write();
  void write();
  Status try_write(const MayGoOn& go_on);
  Status may_go_on();
  void publish();
  void fail(const Error& why);

  EngineParts& parts_;
  ShardParts& shard_;
  const MergeCause cause_;
  SegmentList inputs_;
  std::vector<SegmentMeta> metas_; ///< Of the inputs.
  /// All of the shard, from start() until it is written. Not asked for in the lane that yields: a thread that stands
  /// still there with the table's lock would keep stores waiting.
  std::shared_ptr<const SegmentList> segments_;
  std::optional<SegmentMeta> written_;
  Dropped dropped_;
  std::shared_ptr<const SegmentReader> reader_;
  bool yields_ = true;         ///< It is written in the compaction lane,
  bool starved_ = false;       ///< which took so long that the shard has fallen behind: written anew in the other.
  bool full_at_first_ = false; ///< health() says so; no need to warn.
  bool maybe_published_ = false;
  Done done_; ///< Empty once told.
};

/// The catalog's words on segments, in their order.
[[nodiscard]] std::vector<SegmentMeta> metas_of(std::span<const std::shared_ptr<const SegmentReader>> segments);

/// Judges anew whether the shard's merges have fallen behind. After every flush, and before every merge.
void look_for_backlog(const EngineParts& parts, ShardParts& shard);

/// What segments say is removed: what is only in a log may be lost with it, and so would be the reason why events are
/// not there. Marks that cannot be read count for nothing now; what they removed is left out by a later merge. Empty if
/// nothing is marked. May do I/O.
[[nodiscard]] MarkLookup durable_marks(const SegmentList& segments);

/// Whether the shard's segments are merged, or looked through for what is removed, once flushes pause.
[[nodiscard]] bool wants_merge(const EngineParts& parts, const ShardParts& shard);
/// Shards that want it, or one of which is at it.
[[nodiscard]] std::uint64_t compactions_pending(const EngineParts& parts);

} // namespace weir
