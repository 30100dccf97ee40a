// What a handler that applies each event exactly once must have in its own database, in a directory that is killed many
// times.
//
// Purpose: takes in what the handler said before each batch and after it was answered, what its database holds when the
// host is dead, and what showings and the log dumper find in the directory; finds a row too many, one that is missing,
// and a position that is not that of the rows. Owner: the directory's KillOracle. Threading: one thread.
#pragma once

#include <weir/event.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::trust {

/// Over all directories of a run.
struct HandlerTotals {
  std::uint64_t rows = 0;    ///< Compared with the events that there are.
  std::uint64_t applied = 0; ///< Batches that were answered.
  std::uint64_t undone = 0;  ///< Batches that failed at their last event.
  std::uint64_t cut = 0;     ///< Batches that a kill cut short ...
  std::uint64_t kept = 0;    ///< ... and of these, those that were there all the same.
  std::uint64_t looks = 0;   ///< At the database of a dead host.

  void add(const HandlerTotals& other) noexcept;
};

class HandlerOracle {
public:
  struct Row {
    Position position = 0;
    std::uint32_t context = 0;
    Sequence sequence = 0;
    std::uint64_t mark = 0; ///< fingerprint() of the event that it was made of.
    friend bool operator==(const Row&, const Row&) = default;
  };
  /// Events at higher positions are in no segment, and must be in a log.
  using SegmentsUpTo = std::function<Position(std::uint32_t context)>;

  HandlerOracle(HandlerTotals& totals, std::function<void(std::string)> complain)
      : totals_(totals), complain_(std::move(complain)) {}

  /// What the host says (speech.hpp), word by word. False: it is none of these words.
  bool take(std::string_view word, std::string_view line);
  /// The host is dead: its handler's database holds these, in the order in which they were written, and this position.
  void found(const std::vector<Row>& rows, Position at);

  /// A showing found this event, and none before did.
  void stored(const Row& event) { stored_.insert_or_assign(event.position, event); }
  /// All that the directory holds has been found, and nobody stores yet.
  void end_showing() { compare(); }
  /// The log of the dead directory holds events at these positions; what a row was made of is there or in a segment.
  void dumped(const std::function<bool(Position)>& in_log, const SegmentsUpTo& segments_up_to) const;

private:
  void compare();

  HandlerTotals& totals_;
  std::function<void(std::string)> complain_;
  std::map<Position, Row> stored_;   ///< The truth.
  Position applied_ = 0;             ///< Answered, or found after a kill.
  std::optional<Position> applying_; ///< Asked for.
  bool handled_all_ = false;         ///< So it said, and nobody stores.
  std::vector<Row> rows_;            ///< At the last look ...
  Position looked_at_ = 0;           ///< ... and the position that was beside them.
  std::size_t compared_ = 0;         ///< So many of them, with the truth up to ...
  Position compared_to_ = 0;
};

} // namespace weir::trust
