// What a thread has just made a payload of, for the projection that it is about to run itself.
//
// Purpose: a lone caller stores its write and applies it, too (io::HelpingHand); reading back what it has only just
// written down as text would be its third look at the object. Owner: the caller's stack. Threading: seen by its own
// thread alone: what one thread allocates and another frees costs more than parsing. Invariants: `data` is what Json::
// parse() makes of `payload`, so that it does not matter which event has this payload.
#pragma once

#include <weir/json_value.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace weir {

class JustWritten {
public:
  JustWritten(std::string payload, Json data)
      : payload_(std::move(payload)), data_(std::move(data)), outer_(std::exchange(current(), this)) {}
  ~JustWritten() { current() = outer_; }
  JustWritten(const JustWritten&) = delete;
  JustWritten& operator=(const JustWritten&) = delete;

  /// What `payload` says, if this thread has just written it and nobody has taken it yet.
  static std::optional<Json> take(std::string_view payload) {
    JustWritten* const written = current();
    return written != nullptr && written->payload_ == payload ? std::exchange(written->data_, std::nullopt)
                                                              : std::nullopt;
  }

private:
  static JustWritten*& current() noexcept {
    thread_local JustWritten* written = nullptr;
    return written;
  }
  std::string payload_;
  std::optional<Json> data_;
  JustWritten* outer_;
};

} // namespace weir
