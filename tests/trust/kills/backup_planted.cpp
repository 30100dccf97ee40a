#include "trust/kills/backup_planted.hpp"

#include "trust/kills/oracle.hpp"
#include "trust/kills/planted.hpp"
#include "trust/kills/speech.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::trust {

namespace {

/// Three calls: "plain" with events 1 and 2 of a context at positions 10 and 11, "late" with event 3 of that context at
/// 40, and "pair" with event 1 of two contexts at 20 and 30. Beside what a host says (CALL is one of these):
///
///   acks CALL                             its receipt came, and it is synced
///   found PLACE MANIFEST                  a look at the place
///   shows, event CALL INDEX SEQUENCE POSITION, count N          a showing of the directory itself
///   copy CALL INDEX SEQUENCE POSITION | forged ... | strayed ...  what was restored holds that event, with other
///   bytes,
///                                         or in a context that it was not stored in
///   copied N                              and no more; a query counts so many
const std::vector<Planted>& planted_in_backups() {
  static const std::vector<Planted> all = {
      {"nothing",
       {"acks plain", "backs_up place-0", "acks pair", "backed_up place-0 5 0", "clears place-1", "backs_up place-1",
        "cancelled place-1", "backs_up place-2"},
       {"found place-0 1", "found place-1 0", "found place-2 0", "copy plain 0 1 10", "copy plain 1 2 11",
        "copy late 0 3 40", "copied 3", "shows", "event plain 0 1 10", "event plain 1 2 11", "event late 0 3 40",
        "event pair 0 1 20", "event pair 1 1 30", "count 5"},
       nullptr},
      {"a backup without an acknowledged event",
       {"acks plain", "backs_up place-0", "backed_up place-0 5 0"},
       {"found place-0 1", "copy plain 0 1 10", "copied 1"},
       "ends with sequence 1, and 2 were acknowledged before"},
      {"a backup without an event that was shown before",
       {},
       {"shows", "event plain 0 1 10", "event plain 1 2 11", "count 2", "backs_up place-0", "found place-0 1",
        "copied 0"},
       "ends with sequence 0, and 2 were acknowledged before"},
      {"half a backup with a manifest",
       {"acks plain", "backs_up place-0"},
       {"found place-0 1", "copied 0"},
       "ends with sequence 0"},
      {"a backup that was answered, and is none",
       {"backs_up place-0", "backed_up place-0 5 0"},
       {"found place-0 0"},
       "was answered, and is gone"},
      {"a backup that was cancelled, and is one",
       {"backs_up place-0", "cancelled place-0"},
       {"found place-0 1"},
       "where there must be none"},
      {"a backup that nobody asked for", {"acks plain"}, {"found place-0 1"}, "where there must be none"},
      {"a backup that comes about after its host's death",
       {"backs_up place-0"},
       {"found place-0 0", "found place-0 1"},
       "where there must be none"},
      {"a backup on top of another one",
       {"backs_up place-0", "backed_up place-0 5 0", "backs_up place-0"},
       {},
       "where there is one"},
      {"a call that is restored in one of its contexts",
       {"backs_up place-0", "acks pair", "backed_up place-0 5 0"},
       {"found place-0 1", "copy pair 0 1 20", "copied 1"},
       "in one of its contexts only"},
      {"an event that is restored with other bytes",
       {"backs_up place-0"},
       {"found place-0 1", "forged plain 0 1 10"},
       "came back with other bytes"},
      {"an event that is restored in another context",
       {"backs_up place-0"},
       {"found place-0 1", "strayed plain 0 1 10"},
       "where nobody stored it"},
      {"an event that is left out in the middle",
       {"backs_up place-0"},
       {"found place-0 1", "copy plain 0 1 10", "copy late 0 3 40"},
       "goes on with sequence 3 behind 1"},
      {"an event that is restored twice",
       {"backs_up place-0"},
       {"found place-0 1", "copy plain 0 1 10", "copy plain 0 1 10"},
       "goes on with sequence 1 behind 1"},
      {"an event at another position than it was acknowledged at",
       {"acks plain", "acks late", "backs_up place-0"},
       {"found place-0 1", "copy plain 0 1 40"},
       "position 40 was given to"},
      {"another event than the directory has shown there",
       {},
       {"shows", "event plain 0 1 10", "event plain 1 2 11", "count 2", "backs_up place-0", "found place-0 1",
        "copy late 0 1 40"},
       "is another event in the directory itself"},
      {"an event that the directory turns out not to hold",
       {"acks plain", "backs_up place-0"},
       {"found place-0 1", "copy plain 0 1 10", "copy plain 1 2 11", "copy late 0 3 40", "copied 3", "shows",
        "event plain 0 1 10", "event plain 1 2 11", "count 2"},
       "was seen in a log or a backup as sequence 3"},
      {"a query that counts other events than a replay gives",
       {"backs_up place-0"},
       {"found place-0 1", "copy plain 0 1 10", "copy plain 1 2 11", "copied 3"},
       "a query counts 3 events"},
  };
  return all;
}

constexpr std::uint64_t seed_of_backups = 1;

/// The three calls, picked out of those that writer 1 would store.
struct PlantedCalls {
  CallId plain, late, pair;

  PlantedCalls() {
    const auto context = pick(plain, {1, 1, 0}, 2, std::nullopt);
    pick(late, plain, 1, context);
    CallId& id = pair = plain;
    for (Call call; call.parts.size() != 2 || call.events() != 2 || call.durability != Durability::synced;) {
      ++id.number;
      call = make_call(seed_of_backups, id);
    }
  }

private:
  static std::uint32_t pick(CallId& id, CallId behind, std::uint32_t events, std::optional<std::uint32_t> context) {
    for (id = behind;;) {
      ++id.number;
      const Call call = make_call(seed_of_backups, id);
      if (call.parts.size() == 1 && call.events() == events && call.durability == Durability::synced &&
          kill_group(call.parts[0].context).empty() && (!context || *context == call.parts[0].context))
        return call.parts[0].context;
    }
  }
};

class BackupStory {
public:
  BackupStory() { oracle_.placed(std::vector<ShardId>(kill_contexts, 0)); }

  Complaints complaints_of(const Planted& mistake) {
    const auto take = [this](std::string_view word, std::string_view line) { return take_line(word, line); };
    tell(mistake.first_life, take);
    oracle_.ended(false);
    tell(mistake.second_life, take);
    return oracle_.complaints();
  }

private:
  static const CallId& id_of(std::string_view name) {
    static const PlantedCalls calls;
    return name == "plain" ? calls.plain : name == "late" ? calls.late : calls.pair;
  }

  void acknowledge(std::string_view name) {
    const Call& call = oracle_.call(id_of(name));
    const bool late = name == "late";
    std::vector<KillOracle::Told> told;
    Position position = late ? 40 : call.parts.size() == 1 ? 10 : 20;
    for (const Call::Part& part : call.parts) {
      Receipt receipt;
      receipt.sequence = late ? 3 : 1;
      receipt.events = Call::events_of(part);
      receipt.position = std::exchange(position, position + 10);
      told.push_back({part.context, receipt});
    }
    oracle_.acknowledged(id_of(name), told);
  }

  void take_event(std::string_view word, std::string_view line) {
    const Call call = oracle_.call(id_of(take_word(line)));
    const auto index = static_cast<std::uint32_t>(number(take_word(line)));
    const Sequence sequence = number(take_word(line));
    const Position position = number(line);
    const Event& event = call.event(index);
    const std::string fields =
        caller_fields(event.event_type, *event.timestamp, event.event_id, event.metadata, event.payload) +
        (word == "forged" ? " " : "");
    const std::uint32_t context = call.parts[call.part_of(index)].context + (word == "strayed" ? 1 : 0);
    if (word == "event")
      return oracle_.shown(kill_context_name(context), sequence, position, fields);
    copy().shown(kill_context_name(context), sequence, position, fields);
  }

  CopyOracle& copy() {
    if (!copy_)
      copy_.emplace(oracle_, "the backup", oracle_.backups().places().at("place-0").least);
    return *copy_;
  }

  bool take_line(std::string_view word, std::string_view line) {
    if (word == "acks") {
      acknowledge(line);
    } else if (word == "event" || word == "copy" || word == "forged" || word == "strayed") {
      take_event(word, line);
    } else if (word == "found") {
      const std::string place(take_word(line));
      oracle_.backups().found(place, number(line) != 0);
    } else if (word == "copied") {
      (void)copy().end(number(line));
    } else if (word == "shows") {
      oracle_.begin_showing(oracle_.whole());
    } else if (word == "count") {
      oracle_.end_showing(number(line));
    } else {
      return oracle_.backups().take(word, line);
    }
    return true;
  }

  KillTotals totals_;
  KillOracle oracle_{seed_of_backups, totals_};
  std::optional<CopyOracle> copy_;
};

} // namespace

std::uint64_t find_planted_in_backups() {
  return find_planted(planted_in_backups(),
                      [](const Planted& mistake) { return BackupStory().complaints_of(mistake); });
}

} // namespace weir::trust
