// What a host says to the driver, on its standard output.
//
// One line per message, each written whole by one write() (a pipe does not split so little), so a killed host leaves no
// half message:
//
//   opening | opened
//   placed SHARD SHARD ...                                of each context, in their order
//   event CONTEXT SEQUENCE POSITION <caller fields>       what was found, context by context; the fields with tabs
//   count N                                               the same as the engine counts it; ends the showing
//   writing                                               from here on stores run
//   ack WRITER NUMBER (CONTEXT SEQUENCE EVENTS POSITION)...  after the receipt came, never before
//   refused WRITER NUMBER                                 the call's expectation or condition did not hold
//   view NAME TEXT                                        a query that is remembered; said before stores begin
//   views                                                 these were all
//   remembers NAME TEXT | forgets NAME                    it is about to ask for that
//   remembered NAME | forgotten NAME                      and that was answered
//   showed                                                a view's answer was that of its query
//   closing | closed                                      ends the host
//   failed TEXT                                           what must not happen
//
// Those who read the event queue say (a mark is the event's fingerprint()):
//
//   reads READER POSITION                                 where it begins or goes on
//   saw READER NEXT POSITION:MARK ...                     a batch
//   kept POSITION                                         the consumer's checkpoint is durable
//   caught_up READER                                      it has, and nobody stores
//   handed CONTEXT:SEQUENCE:POSITION:DELIVERIES:MARK ...  a member of the group got these
//   acks | parks CONTEXT:SEQUENCE ...                     it is about to settle them
//   acked CONTEXT:SEQUENCE ...                            and that was answered
//   drained                                               the group has nothing left to do, and nobody stores
//
// A handler that applies each event exactly once says (handler_host.hpp):
//
//   handles POSITION                                      where it goes on
//   undoes NEXT                                           it is about to apply a batch, and fails in its last event
//   applies NEXT | applied NEXT                           it is about to apply a batch, and that was answered
//   handled_all                                           nothing is left, and nobody stores
//
// Who defines schemas says (T is a type by its number):
//
//   defines T VERSION | defined T VERSION                 it is about to ask for that, and that was answered
//   schema T VERSION JUDGED_BY                            what is in force, and what stores show of it; any: nothing
//
// Who keeps snapshots says (C is a context by its number, a mark is that of the bytes):
//
//   has C TAG SEQUENCE MARK                               what a load gave while others store; 0 0: none
//   loaded C TAG SEQUENCE MARK LAST CHAIN                 the same while nobody does: the events after it, chained()
//   saves C SEQUENCE POSITION TAG MARK | drops C          it is about to ask for that
//   saved C | dropped C                                   and that was answered
//
// The writers of the contexts whose events are removed (R is one of them by its number, CALL is LIFE NUMBER):
//
//   removable_in SHARD SHARD ...                          of each of them, in their order
//   rules N                                               so many rules of retention are there
//   ruled                                                 the rule was given
//   gap R FIRST LAST                                      what was found: removed events,
//   live R SEQUENCE POSITION <caller fields>              an event,
//   lived R                                               and no more
//   stores R CALL                                         it is about to store
//   truncates R BEFORE | deletes R FOR_GOOD               or to remove
//   stored R SEQUENCE POSITION                            and that was answered
//   removed R BEFORE POSITION ALREADY                     and so was that
//   gone R                                                the context answered that it is deleted for good
//   again R CALL DUPLICATE SEQUENCE POSITION              a call was stored again
//   retains, and then retained RESUMED POSITION           it had retention applied, judged by what is before
//
// Who makes backups says, and who restores one:
//
//   clears PLACE                                          what lies there is about to go
//   backs_up PLACE                                        it is about to ask for a backup there
//   backed_up PLACE FILES LINKED                          and that was answered
//   cancelled PLACE                                       it had that one cancelled
//   restoring, and then restored | not_restored           the latter: it was cancelled
//
// Threading: any thread.
#pragma once

#include "engine/text.hpp"
#include "trust/kills/workload.hpp"

#include <weir/event.hpp>

#include <algorithm>
#include <charconv>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <unistd.h>
#include <vector>

namespace weir::trust {

/// Who reads the event queue. These keep their places outside of the directory; the last one joins while others store.
inline constexpr std::string_view subscribers[] = {"pulled", "pushed", "joining"};
inline constexpr std::string_view joining_reader = "joining";
/// Keeps its place in the directory.
inline constexpr std::string_view consumer_reader = "consumer";
/// Comes when all is over, and begins with the oldest event.
inline constexpr std::string_view late_reader = "late";
inline constexpr Position place_now = UINT64_MAX;

/// Where backups are made, again and again.
inline constexpr std::string_view backup_places[] = {"place-0", "place-1", "place-2"};

/// Takes the next word of a line.
inline std::string_view take_word(std::string_view& line, char end = ' ') {
  const std::string_view word = line.substr(0, line.find(end));
  line.remove_prefix(std::min(line.size(), word.size() + 1));
  return word;
}
inline std::uint64_t number(std::string_view text) {
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// What is on its way into the pipe when the parent is gone ends this process by SIGPIPE; nothing else is needed.
inline void say(std::string line) {
  line += '\n';
  std::size_t done = 0;
  while (done < line.size()) {
    const ssize_t n = ::write(STDOUT_FILENO, line.data() + done, line.size() - done);
    if (n < 0)
      std::abort();
    done += static_cast<std::size_t>(n);
  }
}

/// Stands for the bytes of a snapshot.
inline std::uint64_t mark_of_state(std::string_view state) {
  return fingerprint(state, 0, 0, "");
}
/// Stands for events in their order: for those that `chain` stands for, and one more.
inline std::uint64_t chained(std::uint64_t chain, Sequence sequence, Position position) {
  return fingerprint("", sequence, position, std::to_string(chain));
}

[[noreturn]] inline void give_up(const std::string& what) {
  say("failed " + what);
  std::_Exit(1);
}

/// The receipts, one for each of the call's contexts.
inline void say_acknowledged(const CallId& id, const std::vector<std::uint32_t>& contexts,
                             const std::vector<Receipt>& receipts) {
  std::string line = format("ack {} {}", id.writer, id.number);
  for (std::size_t i = 0; i < receipts.size(); ++i)
    line += format(" {} {} {} {}", contexts[i], receipts[i].sequence, receipts[i].events, receipts[i].position);
  say(std::move(line));
}

/// This process ends, before the calling thread can take another step.
inline void die() noexcept {
  ::kill(::getpid(), SIGKILL);
}

} // namespace weir::trust
