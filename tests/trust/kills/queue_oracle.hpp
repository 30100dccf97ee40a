// What those may see who read the event queue of a directory that is killed many times.
//
// Purpose: takes in what subscribers, a consumer and a group's members said they were given, over all lives, and finds
// every contradiction: an event that comes twice, out of order or not at all, one that is gone after a crash, one that
// comes again though its acknowledgement was answered. The truth is what showings find.
// Owner: the directory's KillOracle. Threading: one thread.
#pragma once

#include <weir/event.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace weir::trust {

/// Over all directories of a run.
struct QueueTotals {
  std::uint64_t read = 0;       ///< Events that subscribers and consumers were given.
  std::uint64_t caught_up = 0;  ///< How often one of them had read to the end while nobody stored.
  std::uint64_t handed_out = 0; ///< To members of groups.
  std::uint64_t redelivered = 0;
  std::uint64_t settled = 0; ///< Acknowledgements that were answered.
  std::uint64_t drained = 0; ///< How often a group had settled all there was.

  void add(const QueueTotals& other) noexcept;
};

class QueueOracle {
public:
  QueueOracle(QueueTotals& totals, std::function<void(std::string)> complain)
      : totals_(totals), complain_(std::move(complain)) {}

  // The truth.
  /// A showing found this event, and none before did. `mark` is its fingerprint().
  void stored(Position position, std::uint32_t context, Sequence sequence, std::uint64_t mark);
  /// All that the directory holds has been found, and nobody stores yet.
  void end_showing();
  /// From here on it may hold more.
  void storing();
  /// The host is dead or has closed the engine.
  void ended();

  /// Where the subscribers, which keep their place outside of the directory, go on; those that were never there begin
  /// with the oldest event, or with the next one if they join a run.
  [[nodiscard]] std::vector<Position> places() const;

  /// What the host says (speech.hpp), word by word. False: it is none of these words.
  bool take(std::string_view word, std::string_view line);

private:
  struct Reader {
    Position begins = 0;
    Position next = 0; ///< Its checkpoint: it was given everything between both.
    bool began = false;
    std::vector<Position> given; ///< And not compared with the truth yet.
    // Of a consumer, which keeps its place in the directory:
    Position kept = 0;
  };
  struct Stored {
    std::uint64_t mark = 0;
    std::uint32_t context = 0;
    Sequence sequence = 0;
  };
  /// A context, as the group has come along in it.
  struct Course {
    Sequence settled = 0;  ///< Answered: nothing up to here may come again.
    Sequence settling = 0; ///< Asked for: the next one may come.
    Sequence handed_out = 0;
    std::uint32_t deliveries = 0; ///< Of `handed_out`.
  };

  void begins(const std::string& name, Position at);
  void saw(const std::string& name, Position next, std::string_view events);
  void handed_out(std::string_view events);
  void settles(std::string_view events, bool answered, bool parked);
  void drained();
  /// Somebody was given this event.
  void witness(Position position, std::uint64_t mark);
  /// What the reader was given must be what there is between its places.
  void compare(const std::string& name, Reader& reader);
  void check_consumer(const std::string& name, const Reader& reader, Position at);

  QueueTotals& totals_;
  std::function<void(std::string)> complain_;
  std::map<Position, Stored> stored_;
  std::map<std::uint32_t, Sequence> last_;      ///< By context, in the truth.
  bool whole_ = false;                          ///< The truth is all there is.
  std::map<Position, std::uint64_t> witnessed_; ///< And not found by a showing yet.
  std::map<std::string, Reader> readers_;
  std::map<std::uint32_t, Course> courses_; ///< By context.
};

} // namespace weir::trust
