// The whole events of one shard, context by context.
//
// Purpose: brings together what segments and logs hold of each context: live segments first, holes filled from the log
// and from segments that are live no more. Owner: a salvage. Threading: one thread. Memory: the shard's logs, and one
// zone of every segment.
#pragma once

#include "actors/salvage.hpp"
#include "segments/segment_salvage.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace weir {

class ShardSalvage {
public:
  ShardSalvage(const SalvageSink& sink, SalvageSum& sum) : sink_(sink), sum_(sum) {}

  /// `live`: the catalog lists it, or there is no catalog to say so. Live ones are added oldest first.
  void add_segment(std::unique_ptr<segments::SegmentSalvage> segment, bool live);
  /// The events of one record of a log, or what it removes.
  Status add_record(std::string_view record);
  /// Hands everything to the sink.
  Status run();

private:
  Status add_call(std::string_view call);
  struct Source {
    std::unique_ptr<segments::SegmentSalvage> segment;
    bool live = false;
    bool at_context = false; ///< Of a context that was not handed out yet.
    bool at_mark = false;    ///< The same for marks.
  };
  using LogEvents = std::map<Sequence, SalvagedEvent>;

  Status run_context(const std::string& context_id);
  ContextMark take_mark(const std::string& context_id);
  Status read(Source& source, Sequence from, Sequence to);
  Status take_row(const EventView& event);
  Status take(Sequence sequence, SalvagedEvent event);
  /// Looks everywhere for the events before `sequence`, and reports those that are nowhere.
  Status fill_up_to(Sequence sequence);
  void report_missing();
  Status pass_on();

  const SalvageSink& sink_;
  SalvageSum& sum_;
  std::vector<Source> sources_;
  std::map<std::string, LogEvents> log_;
  std::map<std::string, ContextMark> log_marks_;

  // Of the context under way:
  std::string context_id_;
  std::vector<Source*> here_; ///< Segments that hold some of it.
  LogEvents log_here_;
  Sequence next_ = 1;
  Sequence missing_first_ = 0, missing_last_ = 0; ///< Not reported yet; first 0: none.
  bool filling_ = false;
  std::vector<SalvagedEvent> batch_;
  std::size_t batch_bytes_ = 0;
};

} // namespace weir
