#include "trust/kills/backup_oracle.hpp"

#include "engine/text.hpp"
#include "trust/kills/oracle.hpp"
#include "trust/kills/speech.hpp"

#include <algorithm>
#include <utility>

namespace weir::trust {

void BackupTotals::add(const BackupTotals& other) noexcept {
  made += other.made;
  with_base += other.with_base;
  cancelled += other.cancelled;
  restored += other.restored;
  refused += other.refused;
}

bool BackupOracle::take(std::string_view word, std::string_view line) {
  if (word != "clears" && word != "backs_up" && word != "backed_up" && word != "cancelled")
    return false;
  Place& place = places_[std::string(take_word(line))];
  place.changed = true;
  if (word == "clears") {
    place.may_be = place.may_be || place.must_be; // until it is gone
    place.must_be = false;
  } else if (word == "backs_up") {
    if (place.must_be)
      complain_("a backup was asked for where there is one");
    place.may_be = true;
    place.least = least_();
  } else if (word == "backed_up") {
    place.must_be = true;
    ++totals_.made;
    (void)take_word(line);
    totals_.with_base += number(line) != 0 ? 1 : 0;
  } else {
    place.may_be = false;
    ++totals_.cancelled;
  }
  return true;
}

void BackupOracle::found(const std::string& name, bool manifest) {
  Place& place = places_[name];
  if (place.must_be && !manifest)
    complain_(format("the backup at {} was answered, and is gone", name));
  if (!place.must_be && !place.may_be && manifest)
    complain_(format("there is a backup at {}, where there must be none", name));
  place.must_be = manifest;
  place.may_be = false;
  place.changed = false;
}

CopyOracle::CopyOracle(KillOracle& oracle, std::string what, const BackupOracle::Least& least)
    : oracle_(oracle), what_(std::move(what)), least_(least), last_(kill_contexts, 0) {
}

void CopyOracle::complain(const std::string& what) {
  oracle_.complain(what_ + ": " + what);
}

void CopyOracle::shown(std::string_view context_name, Sequence sequence, Position position, std::string_view fields) {
  const auto identified = oracle_.identify(context_name, fields);
  if (!identified)
    return;
  const auto& [context, origin] = *identified;
  if (sequence != last_[context] + 1)
    complain(format("context {} goes on with sequence {} behind {}", context_name, sequence, last_[context]));
  last_[context] = sequence;
  last_position_ = std::max(last_position_, position);
  ++count_;
  oracle_.copied(what_, context, sequence, {origin, position});
  if (const Call& call = oracle_.call(origin.call); call.parts.size() > 1)
    parts_[origin.call].insert(call.part_of(origin.index));
}

void CopyOracle::shown_removable(std::uint32_t context, const RemovalOracle::Found& found) {
  oracle_.removals().copied(what_, context, found, least_.removable[context]);
  count_ += found.live.size();
  if (!found.live.empty())
    last_position_ = std::max(last_position_, found.live.back().position);
}

std::vector<Sequence> CopyOracle::end(std::uint64_t count) {
  for (std::uint32_t context = 0; context < kill_contexts; ++context)
    if (const Sequence least = least_.last[context]; last_[context] < least) {
      oracle_.lose(least - last_[context]);
      complain(format("{} ends with sequence {}, and {} were acknowledged before the backup was asked for",
                      kill_context_name(context), last_[context], least));
    }
  for (const auto& [id, parts] : parts_)
    if (parts.size() != 2)
      complain(format("call {}-{}-{} is there in one of its contexts only", id.life, id.writer, id.number));
  if (count != count_)
    complain(format("a query counts {} events, replay gives {}", count, count_));
  ++oracle_.backups().totals().restored;
  return last_;
}

} // namespace weir::trust
