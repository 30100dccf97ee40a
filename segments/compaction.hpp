// Merges neighbouring segments of a shard, and proves that nothing was lost on the way.
//
// Purpose: MergedEvents is what SegmentFiles::merge writes into the new file; EventSum tells whether two sets of events
// are the same. Memory: as SegmentWalk, once for each input. Owner: one merge; one thread.
// Invariants: contexts ascend; the events of a context come from the oldest input first, so their sequences go on where
// the input before ended (the writer refuses anything else). Of removed events nothing is left where nobody can
// ask for their ids: of contexts that are closed, and at the front of a context as long as they come out of segments
// without any id. Of the others a stub is left (engine/stub.hpp). Wherever one went, the context's mark is handed out.
#pragma once

#include "engine/ports.hpp"
#include "engine/stub.hpp"
#include "segments/segment_walk.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::segments {

/// Count and sum of the hashes of events, over every field: equal for the same events in any order.
class EventSum {
public:
  /// The events added next are of this context: it is hashed once for all of them.
  void enter_context(std::string_view context_id) noexcept;
  /// Precondition: of the context entered last.
  void add(const EventView& event) noexcept;

  [[nodiscard]] std::uint64_t events() const noexcept { return events_; }
  friend bool operator==(const EventSum& a, const EventSum& b) noexcept {
    return a.events_ == b.events_ && a.sum_ == b.sum_;
  }

private:
  std::uint64_t context_hash_ = 0;
  std::uint64_t events_ = 0;
  std::uint64_t sum_ = 0;
};

/// Count and sum of the hashes of marks.
struct MarkSum {
  std::uint64_t marks = 0;
  std::uint64_t sum = 0;

  void add(std::string_view context_id, const ContextMark& mark) noexcept {
    ++marks;
    sum += hash_of(context_id, mark);
  }
  friend bool operator==(const MarkSum&, const MarkSum&) = default;
};

/// When to ask whether work over many events may go on: at the first, and after so many of them or of their bytes that
/// little is written or read in between.
class Looks {
public:
  explicit Looks(const MayGoOn& may_go_on) : may_go_on_(may_go_on) {}
  /// Before each event.
  Status before(const EventView& event);

private:
  const MayGoOn& may_go_on_;
  std::uint64_t events_left_ = 0;
  std::uint64_t bytes_left_ = 0;
};

class MergedEvents final : public SortedEvents {
public:
  /// `inputs` are neighbours, oldest first, before their first context. `may_go_on` is asked now and then, `removed`
  /// once for each context.
  MergedEvents(std::vector<std::unique_ptr<SegmentWalk>> inputs, const MayGoOn& may_go_on, RemovedEvents removed = {});

  bool next(EventView& event) override;
  /// The inputs' marks and those by which events were left out, those of one context joined.
  bool next_mark(std::string_view& context_id, ContextMark& mark) override;
  Status status() const override { return status_; }
  /// Of what next() has handed out.
  [[nodiscard]] const EventSum& sum() const noexcept { return sum_; }
  /// Of what next_mark() has handed out.
  [[nodiscard]] const MarkSum& mark_sum() const noexcept { return mark_sum_; }
  /// What next() has left out.
  [[nodiscard]] const Dropped& dropped() const noexcept { return dropped_; }

private:
  struct Marks {
    MarkWalk walk;
    bool begun = false;
    bool ended = false;
  };
  bool choose_context();
  bool advance(Marks& marks);
  /// Whether an event of the current context stays out; makes it a stub where one is left.
  bool drops(const SegmentWalk& holder, EventView& event);
  bool stop(Status why);

  std::vector<std::unique_ptr<SegmentWalk>> all_;
  std::vector<SegmentWalk*> inputs_; ///< Those with rows left, oldest first.
  Looks looks_;
  std::vector<SegmentWalk*> holders_; ///< Those that hold the current context, oldest first.
  std::size_t holder_ = 0;
  bool begun_ = false;
  Status status_;
  EventSum sum_;
  std::vector<Marks> marks_; ///< Of the inputs that have any.
  std::string marked_;       ///< The context whose mark was handed out last.
  MarkSum mark_sum_;

  RemovedEvents removed_;
  std::optional<ContextMark> mark_; ///< Of the current context.
  bool kept_ = false;               ///< An event of it was handed out, or a stub, or is in an older segment.
  std::array<char, stub_bytes> stub_{};
  std::string scratch_;
  Dropped dropped_;
  std::vector<std::pair<std::string, ContextMark>> explaining_; ///< Marks by which events were left out, ascending.
  std::size_t explained_ = 0;                                   ///< Of these; handed out.
};

/// Reads all of a segment. Errors: as SegmentReader, and those of `may_go_on`.
Result<EventSum> sum_of(SegmentWalk& segment, const MayGoOn& may_go_on);
/// The same for marks.
Result<MarkSum> marks_of(const SegmentWalk& segment);

} // namespace weir::segments
