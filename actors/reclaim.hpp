// Gives back the space of removed events without waiting for a merge that would come by anyway.
//
// Purpose: looks through a shard's segments for those of which at least half is removed, stubs counted for the space
// they take, and rewrites each alone: a merge of one (actors/merge.hpp). So no byte is rewritten more often than one
// like it was removed. Owner: the jobs that carry it from lane to lane. Threading: one lane at a time. Invariants:
// while it runs nobody else merges; in the background it gives way to a merge that cannot wait, and to who asks for
// one.
#pragma once

#include "actors/engine_parts.hpp"
#include "actors/merge.hpp"

#include <memory>
#include <vector>

namespace weir {

class Reclaim : public std::enable_shared_from_this<Reclaim> {
public:
  enum class From { half_removed, anything_removed };
  Reclaim(EngineParts& parts, ShardParts& shard, MergeCause cause = {}, From from = From::half_removed)
      : parts_(parts), shard_(shard), cause_(std::move(cause)), from_(from) {}
  ~Reclaim();

  /// Posts the first step. `done` is told once, as that of a merge. Precondition: the shard is open.
  void start(Merge::Done done);

private:
  void look();
  Status find();
  void rewrite_next();
  void end(const Status& ended, bool through);

  EngineParts& parts_;
  ShardParts& shard_;
  const MergeCause cause_;
  const From from_;
  std::shared_ptr<const SegmentList> segments_; ///< As in Merge; until they were looked through.
  SegmentList to_rewrite_;
  Merge::Done done_; ///< Empty once told.
};

/// After the shard's first flush of this life: looks, in the compaction lane, whether an earlier one left something to
/// do.
void look_for_marks(EngineParts& parts, ShardParts& shard);

} // namespace weir
