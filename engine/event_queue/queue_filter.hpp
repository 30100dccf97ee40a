// Which events of the queue a subscriber wants.
//
// Purpose: types, context prefix, time and predicate of a subscription as one question. Owner: one cursor; one thread.
#pragma once

#include <weir/subscribe_options.hpp>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace weir {

class QueueFilter {
public:
  /// Errors: as Query::validate().
  static Result<QueueFilter> make(const SubscribeOptions& options);
  QueueFilter(QueueFilter&&) noexcept;
  QueueFilter& operator=(QueueFilter&&) noexcept;
  ~QueueFilter();

  /// Nothing is ever dropped.
  [[nodiscard]] bool passes_all() const noexcept;
  /// Errors: `corruption` if a document that it has to look into is no JSON.
  Result<bool> passes(const EventView& event);

private:
  class Where;
  QueueFilter();

  std::vector<std::string> types_;
  std::string prefix_;
  std::optional<Timestamp> since_;  ///< Only events recorded then or later.
  std::optional<Timestamp> before_; ///< Only events recorded earlier.
  std::unique_ptr<Where> where_;
};

} // namespace weir
