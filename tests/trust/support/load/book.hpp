// What senders stored and what they were told, for load that runs for a minute or an hour.
//
// Purpose: each context belongs to one sender, his calls are numbered, and context and number decide what a call holds;
// so one byte for each call is enough to say later whether everything acknowledged is there, once, in order and as it
// was sent. Owner: a stage. Threading: begin() by the context's sender, answered() from any thread, judge() when nobody
// stores. Invariants: the book lives in memory shared with children of the process, which may judge what it holds.
#pragma once

#include <weir/engine.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace weir::trust {

enum class Answer : std::uint8_t {
  none,
  acknowledged,
  refused,  ///< `disk_full`, `overloaded`: not stored.
  unknown,  ///< `deadline_exceeded`, `closing`: may be stored.
  mistaken, ///< An answer that no caller should get here.
};

struct BookSize {
  std::size_t contexts = 0;
  std::size_t calls_max = 0; ///< For each context.
  std::size_t events_max = 1;
  std::size_t payload_bytes_max = 400;
};

class Book {
public:
  Book(std::uint64_t seed, const BookSize& size);
  ~Book();
  Book(const Book&) = delete;
  Book& operator=(const Book&) = delete;

  /// Takes all its memory from the system now, so that it does not grow later.
  void touch();
  [[nodiscard]] std::size_t contexts() const noexcept { return size_.contexts; }
  [[nodiscard]] std::string context_id(std::size_t context) const;
  /// The number of the context's next call.
  std::uint32_t begin(std::size_t context);
  /// Whether there is room for another.
  [[nodiscard]] bool has_room(std::size_t context) const;
  /// The events of a call.
  [[nodiscard]] std::vector<Event> events(std::size_t context, std::uint32_t number) const;
  /// Notes the answer of a call; a second one for the same call is counted.
  void answered(std::size_t context, std::uint32_t number, const Result<Receipt>& receipt);

  /// Of all contexts together.
  struct Totals {
    std::uint64_t made = 0, acknowledged = 0, refused = 0, unknown = 0, unanswered = 0;
    std::uint64_t mistaken = 0; ///< Answers nobody should get, and second answers; first_mistake() is one of them.
  };
  [[nodiscard]] Totals totals() const;
  [[nodiscard]] std::string first_mistake() const;
  /// Calls so far.
  [[nodiscard]] std::uint64_t acknowledged() const noexcept;
  [[nodiscard]] std::uint64_t refused() const noexcept;

  struct Verdict {
    std::uint64_t events = 0; ///< Read.
    std::uint64_t lost = 0;   ///< Acknowledged calls that are not there.
    std::uint64_t wrong = 0;  ///< Contexts that could not be read or hold what they must not; `what` is the first.
    std::string what;
    [[nodiscard]] bool good() const noexcept { return lost == 0 && wrong == 0; }
  };
  /// Reads every context of `contexts` (empty: all), and with all of them compares a query's count. `after_kill`: calls
  /// that were refused, or never answered, may be there, whole.
  [[nodiscard]] Verdict judge(const Engine& engine, bool after_kill, std::span<const std::size_t> contexts = {}) const;
  /// Notes a call that nobody has made as acknowledged, at the end of everything: whether judge() then misses it.
  [[nodiscard]] bool sees_a_loss(const Engine& engine);

private:
  struct Header;
  struct Page;
  [[nodiscard]] Page& page(std::size_t context) const noexcept;
  [[nodiscard]] std::atomic<Answer>* answers(std::size_t context) const noexcept;
  [[nodiscard]] std::size_t events_of(std::size_t context, std::uint32_t number) const;
  [[nodiscard]] std::string payload(std::size_t context, std::uint32_t number, std::size_t index) const;
  void mistake(const std::string& what);
  void judge_context(const Engine& engine, bool after_kill, std::size_t context, Verdict& verdict) const;

  const std::uint64_t seed_;
  const BookSize size_;
  std::string filling_; // of which payloads take pieces
  std::size_t mapped_bytes_ = 0;
  Header* header_ = nullptr;
};

} // namespace weir::trust
