#include "trust/simulation/journal.hpp"

#include "engine/text.hpp"

#include <algorithm>

namespace weir::trust {

std::uint64_t Journal::ask(std::string what, int client) {
  owed_[++requests_] = {std::move(what), client};
  return requests_;
}

void Journal::told(std::uint64_t request) {
  if (owed_.erase(request) == 0)
    wrong(format("request {} was answered twice", request));
}

void Journal::forget(int client) {
  std::erase_if(owed_, [client](const auto& each) { return each.second.client == client; });
}

std::string Journal::who_waits() const {
  std::string all;
  for (const auto& [request, owed] : owed_)
    all += format("{}{} (request {})", all.empty() ? "" : ", ", owed.what, request);
  return all;
}

void Journal::stored(std::size_t call, Durability asked, const Result<Receipt>& answer, bool in_turn) {
  const StoredCall& noted = ledger_.calls()[call];
  if (noted.answers != 0)
    wrong(format("call {} was answered twice", call));
  ledger_.answered(call, answer);
  if (!answer) {
    if (answer.code() != Errc::overloaded)
      refused(format("call {}", call), answer.error());
    return;
  }
  if (answer->events != noted.payloads.size())
    wrong(format("the receipt of call {} is for {} events, sent were {}", call, answer->events, noted.payloads.size()));
  if (answer->durability < asked)
    wrong(format("call {} was acknowledged as less durable than it asked for", call));
  if (!in_turn)
    return;
  Position& last = last_position_[noted.shard];
  if (answer->position <= last)
    wrong(format("P4: the receipt of call {} comes after one of a later position in shard {}", call, noted.shard));
  last = answer->position;
}

void Journal::refused(const std::string& what, const Error& error) {
  const bool allowed = error.code == Errc::closing || error.code == Errc::shard_failed ||
                       error.code == Errc::disk_full || error.code == Errc::io_error;
  if (!allowed || (error.code == Errc::closing ? !closing_ && !excused_ : !excused_))
    wrong(format("{} was refused without a reason: {}", what, to_string(error)));
}

bool Journal::was_refused(std::size_t call) const {
  const StoredCall& noted = ledger_.calls()[call];
  return call >= ledger_.life_began() && noted.answer && !noted.answer->ok();
}

Journal::Read Journal::begin_read(const std::string& context) const {
  const auto seen = longest_.find(context);
  return {context, ledger_.must_be_seen(), seen == longest_.end() ? 0 : seen->second.size()};
}

void Journal::end_read(const Read& read, const Rows& rows) {
  CallSet found;
  try {
    check_context(read.context, rows, ledger_, found);
  } catch (const Broken& broken) {
    wrong(format("a read: {}", broken.what()));
    return;
  }
  std::vector<std::size_t> calls;
  for (std::size_t i = 0; i < ledger_.calls().size(); ++i) {
    if (ledger_.calls()[i].context_id != read.context)
      continue;
    if (found[i])
      calls.push_back(i);
    else if (read.must[i])
      wrong(format("I1: a read of {} misses call {}, which was acknowledged before", read.context, i));
    if (found[i] && was_refused(i))
      wrong(format("I4: a read of {} shows call {}, which was refused", read.context, i));
  }
  if (calls.size() < read.at_least)
    wrong(format("P4: a read of {} shows {} calls, an earlier one {}", read.context, calls.size(), read.at_least));
  std::vector<std::size_t>& longest = longest_[read.context];
  if (!std::equal(calls.begin(), calls.begin() + static_cast<std::ptrdiff_t>(std::min(calls.size(), longest.size())),
                  longest.begin()))
    wrong(format("P4: two reads of {} begin differently", read.context));
  if (calls.size() > longest.size())
    longest = std::move(calls);
}

void Journal::check_seen(const CallSet& seen) {
  const CallSet missing = ledger_.must_be_seen() & ~seen;
  for (std::size_t i = 0; i < ledger_.calls().size(); ++i) {
    if (missing[i])
      wrong(format("I1: acknowledged call {} of {} is not to be seen", i, ledger_.calls()[i].context_id));
    if (seen[i] && was_refused(i))
      wrong(format("I4: call {} of {} was refused, and is there", i, ledger_.calls()[i].context_id));
  }
}

void Journal::begin_life(const CallSet& shown) {
  ledger_.begin_life(shown);
  last_position_.clear();
  longest_.clear();
  excused_ = closing_ = false;
}

void Journal::wrong(const std::string& what) {
  if (!wrong_)
    wrong_ = what;
}

void Journal::check() const {
  if (wrong_)
    throw Broken(*wrong_);
}

} // namespace weir::trust
