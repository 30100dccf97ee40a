#include "trust/support/disk/judge.hpp"

#include "engine/event_queue/queue_cursor.hpp"
#include "engine/hash.hpp"
#include "engine/query/executor.hpp"
#include "segments/segment_files.hpp"
#include "trust/support/disk/judge_conditions.hpp"
#include "trust/support/disk/judge_copies.hpp"
#include "trust/support/disk/judge_parts.hpp"
#include "trust/support/disk/judge_queries.hpp"
#include "trust/support/disk/judge_readers.hpp"
#include "trust/support/disk/judge_records.hpp"
#include "wal/paths.hpp"
#include "wal/reader.hpp"

#include <algorithm>
#include <optional>
#include <set>
#include <vector>

namespace weir::trust {

namespace {

/// Every context and its events, as one query over all shards sees them.
std::map<std::string, Rows> query_all(const Reader& reader) {
  const Query all = Query::all_types().returning({"context_id", "sequence", "position", "payload"});
  const QueryResult result = must(reader.query(all), "a query of everything");
  std::map<std::string, Rows> contexts;
  for (const auto& row : result.rows)
    contexts[std::string(*row[0].as_string())].push_back(
        {*row[1].as_uint64(), *row[2].as_uint64(), std::string(*row[3].as_json())});
  for (auto& [context, rows] : contexts)
    std::sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) { return a.sequence < b.sequence; });
  return contexts;
}

/// Takes the context's calls out of its rows, one after the other; what is left over is nobody's.
void match_calls(const std::string& context_id, const Rows& rows, const Ledger& ledger, CallSet& found) {
  std::size_t at = 0;
  for (std::size_t number = 0; number < ledger.calls().size(); ++number) {
    const StoredCall& call = ledger.calls()[number];
    if (call.context_id != context_id || at == rows.size() || !is_event(rows[at], call.payloads.front()))
      continue;
    const std::string name = "call " + std::to_string(number) + " of " + context_id;
    need(rows.size() - at >= call.payloads.size(), "I4: only a part of " + name + " is there");
    for (std::size_t i = 0; i < call.payloads.size(); ++i)
      need(is_event(rows[at + i], call.payloads[i]), "I4: " + name + " is not as it was sent");
    if (call.acknowledged()) {
      need((*call.answer)->sequence == rows[at].sequence, "I3: " + name + " has another sequence than its receipt");
      need((*call.answer)->position == rows[at].position, "I5: " + name + " has another position than its receipt");
    }
    need(!call.refused(), "I15: " + name + " was refused, and is there");
    need(call.terms.expect.holds(rows[at].sequence - 1), "I15: " + name + " is not where it expected to be");
    found.set(number);
    at += call.payloads.size();
  }
  if (at != rows.size())
    throw Broken("I2/I4: context " + context_id + " holds at sequence " + std::to_string(rows[at].sequence) +
                 " what was not sent there, or not then, or twice: " + rows[at].payload.substr(0, 60));
}

void check_order(const std::string& context_id, const Rows& rows) {
  for (std::size_t i = 0; i < rows.size(); ++i) {
    need(rows[i].sequence == i + 1, "I3: context " + context_id + " is not dense");
    need(i == 0 || rows[i].position > rows[i - 1].position, "I5: positions of " + context_id + " do not grow");
  }
}

std::vector<std::string> names_in(io::FileSystem& fs, const std::string& directory) {
  std::vector<std::string> names;
  const auto entries = fs.list(directory);
  if (entries.code() == Errc::not_found)
    return names;
  for (const io::DirectoryEntry& entry : must(entries, "listing " + directory))
    names.push_back(entry.name);
  return names;
}

/// What lies in the directory is what the catalog and the logs know.
void check_files(PlainEngine& engine) {
  io::FileSystem& fs = *engine.parts.fs;
  for (const ShardView& view : engine.views()) {
    std::set<std::string> live;
    for (const auto& segment : *view.segments)
      live.insert(segments::segment_path(view.shard, segment->meta().number));
    const std::string directory = segments::segment_directory(view.shard);
    std::size_t seen = 0;
    for (const std::string& name : names_in(fs, directory)) {
      need(live.contains(directory + "/" + name), "I10: segments: " + name + " is nobody's");
      ++seen;
    }
    need(seen == live.size(), "I10: a live segment has no file");
    for (const std::string& name : names_in(fs, wal::shard_directory(view.shard))) {
      const auto parsed = wal::parse_name(name);
      need(parsed && parsed->kind != wal::NameKind::unfinished_spare, "I10: log: " + name + " is left over");
    }
  }
  for (const std::string& name : names_in(fs, "quarantine"))
    need(name.ends_with(".seg") || name.find(".seg.") != std::string::npos, "I10: in quarantine: " + name);
}

/// The hash of every segment and of every file of the logs, by path. Spares, and files in which no log has begun, are
/// no part of that.
std::map<std::string, std::uint64_t> data_files(const PlainEngine& engine, io::MemoryFileSystem& fs) {
  std::map<std::string, std::uint64_t> files;
  for (const auto& shard : engine.parts.shards) {
    const std::string segments = segments::segment_directory(shard->id);
    for (const std::string& name : names_in(fs, segments))
      files[segments + "/" + name] = fs.content_hash(segments + "/" + name);
    for (const std::string& name : names_in(fs, wal::shard_directory(shard->id))) {
      const auto parsed = wal::parse_name(name);
      if (!parsed || parsed->kind != wal::NameKind::file)
        continue;
      const auto reader = must(wal::FileReader::open(fs, shard->id, engine.parts.directory_seed, parsed->number),
                               "reading log " + name);
      const std::string path = wal::file_path(shard->id, parsed->number);
      if (reader.header_state() == wal::HeaderState::valid)
        files[path] = fs.content_hash(path);
    }
  }
  return files;
}

void check_same_files(const std::map<std::string, std::uint64_t>& before,
                      const std::map<std::string, std::uint64_t>& after) {
  for (const auto& [path, hash] : before) {
    const auto same = after.find(path);
    need(same != after.end(), "I7: opening again loses " + path);
    need(same->second == hash, "I7: opening again changes " + path);
  }
  for (const auto& [path, hash] : after)
    need(before.contains(path), "I7: opening again makes " + path);
}

/// Whether the event with this payload may have been left out by a merge.
bool is_removed(PlainEngine& engine, const Ledger& ledger, const std::string& payload) {
  for (const StoredCall& call : ledger.calls()) {
    const auto event = std::find(call.payloads.begin(), call.payloads.end(), payload);
    if (event == call.payloads.end())
      continue;
    const auto mark = must(find_mark(engine.shard(call.shard).table->view(), call.context_id), "a mark");
    const Sequence first = call.acknowledged() ? (*call.answer)->sequence : 1;
    return first + static_cast<Sequence>(event - call.payloads.begin()) < mark.first_live;
  }
  return false;
}

/// The event queue gives what replays give; below a subscriber's checkpoint, what that subscriber has seen.
void check_queue(PlainEngine& engine, const Ledger& ledger) {
  std::map<Position, std::string> stored, queued;
  for (const StoredCall& call : ledger.calls())
    for (const Row& row : replay(engine.shard(call.shard).table->view(), call.context_id))
      if (row.payload.front() == '{') // no stub
        stored[row.position] = row.payload;
  auto cursor = must(QueueCursor::open(std::shared_ptr<SharedQueue>(std::shared_ptr<void>(), engine.parts.queue.get()),
                                       {.follow = false}),
                     "I12: opening the event queue");
  for (bool more = true; more;) {
    const QueueBatch batch = must(cursor.read(), "I12: reading the event queue");
    for (const EventView& event : batch.events) {
      need(queued.empty() || event.position > queued.rbegin()->first, "I12: the event queue is out of order");
      queued[event.position] = event.payload;
    }
    more = !batch.ended;
  }
  need(queued == stored, "I12: the event queue gives other events than replays");
  const auto behind = stored.lower_bound(ledger.checkpoint());
  for (auto event = stored.begin(); event != behind; ++event)
    need(ledger.seen().contains(event->first),
         "I12: behind what a subscriber has seen there is " + event->second.substr(0, 60));
  for (const auto& [position, payload] : ledger.seen()) {
    const auto there = stored.find(position);
    need(there == stored.end() ? is_removed(engine, ledger, payload) : there->second == payload,
         "I12: a subscriber has seen what is not there: " + payload.substr(0, 60));
  }
}

/// What was removed and answered is removed for ever, and nothing else is.
void check_mark(const std::string& context_id, const ContextMark& mark, const Ledger& ledger) {
  Sequence most = 1;
  bool closes = false;
  for (const AskedRemoval& removal : ledger.removals()) {
    if (removal.context_id != context_id)
      continue;
    most = std::max(most, removal.request.before);
    closes |= removal.request.closes;
    if (!removal.answer || !removal.answer->ok())
      continue;
    need((*removal.answer)->durability == Durability::synced, "I13: a removal is not answered as synced");
    need(mark.first_live >= (*removal.answer)->sequence && (mark.closed || !removal.request.closes),
         "I13: a removal of " + context_id + " is forgotten");
  }
  need(mark.first_live <= most && (closes || !mark.closed),
       "I13: of " + context_id + " is removed what nobody removed");
}

/// Rows that queries must give.
Rows live_rows(const ContextRows& read) {
  Rows live = read.rows;
  std::erase_if(live, [&](const Row& row) { return row.sequence < read.mark.first_live; });
  return live;
}

} // namespace

void check_context(const std::string& context_id, const Rows& rows, const Ledger& ledger, CallSet& found) {
  check_order(context_id, rows);
  match_calls(context_id, rows, ledger, found);
}

Shown compare(const std::map<std::string, ContextRows>& contexts, const Ledger& ledger) {
  Shown shown;
  std::map<ShardId, std::set<Position>> given;
  for (const auto& [context, read] : contexts) {
    check_mark(context, read.mark, ledger);
    if (read.mark != ContextMark{})
      shown.hash = hash64(context, shown.hash ^ read.mark.first_live ^ (read.mark.closed ? 1U << 31U : 0U));
    if (read.rows.empty() && read.mark.closed) // a merge has left them out
      for (std::size_t number = 0; number < ledger.calls().size(); ++number)
        if (ledger.calls()[number].context_id == context)
          shown.calls.set(number);
    if (read.rows.empty())
      continue;
    check_context(context, read.rows, ledger, shown.calls);
    shown.last[context] = read.rows.back().sequence;
    shown.hash = hash64(context, shown.hash);
    for (const Row& row : read.rows) {
      need(given[read.shard].insert(row.position).second,
           "I5: position " + std::to_string(row.position) + " is there twice");
      shown.hash = hash64(row.payload, shown.hash ^ row.position);
    }
  }
  for (const auto& [shard, positions] : given)
    shown.positions[shard] = *positions.rbegin();
  for (std::size_t i = 0; i < ledger.calls().size(); ++i)
    if (const auto with = ledger.calls()[i].with)
      need(shown.calls[i] == shown.calls[*with],
           "I4: of a call for two contexts, that for " + ledger.calls()[i].context_id + " is there alone");
  check_conditions(contexts, ledger, shown.calls);
  return shown;
}

Shown read_all(const PlainEngine& engine, const Ledger& ledger) {
  const std::vector<ShardView> views = engine.views();
  const auto shard_of = [&](const std::string& context) { return engine.parts.router->shard_of(context); };
  return read_all({.shard_of = shard_of,
                   .replay = [&](const std::string& context) { return replay(views[shard_of(context)], context); },
                   .query = [&](const Query& query) { return query::run(query, views, {}); },
                   .mark =
                       [&](const std::string& context) {
                         return must(find_mark(views[shard_of(context)], context), "the mark of " + context);
                       }},
                  ledger);
}

Shown read_all(const Reader& reader, const Ledger& ledger) {
  const auto queried = query_all(reader);
  std::map<std::string, ContextRows> contexts;
  for (const StoredCall& call : ledger.calls())
    contexts[call.context_id];
  for (const AskedRemoval& removal : ledger.removals())
    contexts[removal.context_id];
  for (const auto& [context, rows] : queried)
    contexts[context];
  for (auto& [context, read] : contexts) {
    read.shard = reader.shard_of(context);
    read.rows = reader.replay(context);
    if (reader.mark)
      read.mark = reader.mark(context);
    const auto same = queried.find(context);
    const Rows live = live_rows(read);
    need(same == queried.end() ? live.empty() : live == same->second, "I6: query and replay of " + context + " differ");
  }
  return compare(contexts, ledger);
}

void check_promises(const CallSet& shown, const Ledger& ledger, bool process_only) {
  const CallSet lost = ledger.must_be_there(process_only) & ~shown;
  for (std::size_t i = 0; i < calls_max; ++i)
    if (lost[i]) {
      const StoredCall& call = ledger.calls()[i];
      throw Broken("I1: call " + std::to_string(i) + " of " + call.context_id + ", " +
                   (call.acknowledged() ? "acknowledged as " + std::string(to_string((*call.answer)->durability))
                                        : "shown by an earlier life") +
                   ", is lost");
    }
}

CallSet judge(io::MemoryFileSystem& image, const EngineOptions& options, const Ledger& ledger,
              const Judgement& judgement) {
  if (judgement.watch)
    judgement.watch(image);
  auto first = must(PlainEngine::open(image, options), "I8: opening");
  image.set_hook({});
  const Shown shown = read_all(*first, ledger);
  check_promises(shown.calls, ledger, judgement.process_only);
  check_queue(*first, ledger);
  check_columns(*first);
  check_definitions(*first, ledger);
  check_records(*first, ledger);
  check_all_views(*first);
  check_files(*first);
  check_snapshots(*first, ledger, judgement.process_only && !judgement.disk_failed);
  check_copies(image, options, ledger);
  const auto files = data_files(*first, image);
  // What readers saw must outlast the machine, too.
  const auto after = image.crash_image(io::CrashPolicy::lose_unsynced());
  first.reset();
  need(image.open_files() == 0, "I10: files stay open");

  after->set_free_bytes(1 << 30); // whatever stood in the way is gone
  auto second = must(PlainEngine::open(*after, options), "I7: opening again");
  const Shown again = read_all(*second, ledger);
  need(again.hash == shown.hash, "I7: opening again shows something else");
  check_same_files(files, data_files(*second, *after));
  check_definitions(*second, ledger);
  check_records(*second, ledger);
  check_all_views(*second);
  check_snapshots(*second, ledger, false);
  check_consumers(*second, ledger);
  check_goes_on(*second, ledger, again);
  check_all_views(*second);
  check_retries(*second, ledger, again.calls);
  finish_retention(*second, ledger);
  check_schema_in_force(*second, ledger);
  must(second->close(), "I9: closing");
  second.reset();
  need(after->open_files() == 0, "I10: files stay open after close");
  return shown.calls;
}

} // namespace weir::trust
