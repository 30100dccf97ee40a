#include "trust/damage/salvage_judge.hpp"

#include "actors/salvage.hpp"
#include "engine/event_codec.hpp"
#include "segments/segment_files.hpp"
#include "segments/segment_salvage.hpp"
#include "wal/paths.hpp"
#include "wal/salvage.hpp"

#include <algorithm>
#include <span>
#include <stdexcept>

namespace weir::trust {

namespace {

bool same(const Event& event, const test::OwnedEvent& stored) {
  return event.event_type == stored.event_type && event.payload == stored.payload &&
         event.metadata == stored.metadata && event.event_id == stored.event_id && event.timestamp == stored.timestamp;
}

} // namespace

SalvageJudge::SalvageJudge(const Fixture& fixture) : fixture_(fixture) {
  for (const SegmentMeta& meta : fixture.catalog.segments) {
    const std::string path = segments::segment_path(meta.shard, meta.number);
    auto segment = segments::SegmentSalvage::open(
        *fixture.disk, path, meta.shard, meta.number, fixture.catalog.directory_seed,
        [](const Error& error, std::uint64_t) { throw std::runtime_error(to_string(error)); });
    if (!segment)
      throw std::runtime_error(to_string(segment.error()));
    while ((*segment)->next_context())
      for (Sequence s = (*segment)->first_sequence(); s <= (*segment)->last_sequence(); ++s)
        homes_[{std::string((*segment)->context_id()), s}].insert(path);
  }
  for (const auto& file : fixture.files) {
    const std::size_t slash = file.first.rfind('/');
    const auto name = wal::parse_name(file.first.substr(slash + 1));
    if (!file.first.starts_with("wal/") || !name || name->kind != wal::NameKind::file)
      continue;
    const auto read =
        wal::salvage_file(*fixture.disk, file.first, static_cast<ShardId>(shard_of_path(file.first)), name->number,
                          fixture.catalog.directory_seed, [&](std::string_view record) -> Status {
                            std::vector<std::string_view> calls;
                            WEIR_TRY(split_record(record, calls));
                            for (const std::string_view call : calls) {
                              const CallHeader header = CallReader::open(call)->header();
                              for (std::uint32_t i = 0; i < header.events; ++i)
                                homes_[{std::string(header.context_id), header.first_sequence + i}].insert(file.first);
                            }
                            return Status();
                          });
    if (!read || !read->damaged.empty())
      throw std::runtime_error("the fixture's log is damaged");
  }
  for (const auto& [id, stored] : fixture.events)
    for (const test::OwnedEvent& event : stored)
      if (!homes_.contains({id, event.sequence}))
        throw std::runtime_error("an event of the fixture is nowhere");
}

SalvageVerdict SalvageJudge::judge(const Damage& damage) const {
  const auto disk = fixture_.disk->crash_image(io::CrashPolicy::keep_everything());
  std::set<std::string> touched;
  for (const Damage::File& file : damage.files) {
    touched.insert(file.path);
    static_cast<void>(disk->unlink(file.path).ok());
    if (!file.content)
      continue;
    auto created = disk->open(file.path, io::OpenMode::create);
    if (!created || !(*created)->pwrite(std::as_bytes(std::span(*file.content)), 0))
      throw std::runtime_error("cannot damage " + file.path);
  }
  const std::uint64_t hash = disk->content_hash();

  SalvageVerdict verdict;
  const auto wrong = [&](std::string what) { verdict.wrong.push_back("salvage: " + std::move(what)); };
  std::map<std::string, std::vector<Event>> saved;
  std::map<std::string, std::vector<std::pair<Sequence, Sequence>>> missing;
  bool seed_lost = false;
  SalvageSink sink;
  sink.begin = [](std::uint32_t) { return Status(); };
  sink.store = [&](std::string_view id, std::vector<SalvagedEvent> events) {
    auto& all = saved[std::string(id)];
    std::move(events.begin(), events.end(), std::back_inserter(all));
    return Status();
  };
  sink.damaged = [&](const Error& error) {
    seed_lost = seed_lost || error.message.find("the seed") != std::string::npos;
    if (error.where.empty())
      wrong("a damage without a place: " + error.message);
  };
  sink.missing = [&](std::string_view id, Sequence first, Sequence last) {
    missing[std::string(id)].emplace_back(first, last);
  };
  const auto sum = salvage_files(*disk, sink);
  if (!sum) {
    wrong("fails: " + to_string(sum.error()));
    return verdict;
  }
  if (disk->content_hash() != hash)
    wrong("the source was changed");

  for (const auto& [id, stored] : fixture_.events) {
    const std::vector<Event> events = saved.contains(id) ? saved.at(id) : std::vector<Event>();
    verdict.saved += events.size();
    std::size_t at = 0;
    for (const test::OwnedEvent& event : stored) {
      if (at < events.size() && same(events[at], event)) {
        ++at;
        continue;
      }
      ++verdict.lost;
      const auto& gaps = missing[id];
      const bool reported = std::any_of(gaps.begin(), gaps.end(), [&](const auto& gap) {
        return gap.first <= event.sequence && event.sequence <= gap.second;
      });
      if (!reported && !sum->more_may_be_missing && damage.calls_cut_max[fixture_.shard_of.at(id)] == 0)
        wrong("an event of " + id + " is missing and not reported");
      const auto& homes = homes_.at({id, event.sequence});
      for (const std::string& home : homes)
        if (!touched.contains(home) && !(seed_lost && home.starts_with("wal/")))
          wrong("event " + std::to_string(event.sequence) + " of " + id + " is missing, but " + home + " is whole");
    }
    if (at != events.size())
      wrong("an event of " + id + " was never stored, or is out of order");
    saved.erase(id);
  }
  if (!saved.empty())
    wrong("a context was never stored: " + saved.begin()->first);
  if (damage.harmless && (verdict.lost != 0 || !sum->complete() || sum->damaged_places != 0))
    wrong("bytes that nobody reads were missed");
  return verdict;
}

} // namespace weir::trust
