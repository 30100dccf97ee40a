// Catalogs with any content. First byte even: the files as they are. Odd: records of any content under checksums that
// are right. Either opens and keeps its own rules, or is refused and left alone.
#include "trust/fuzz/fuzz.hpp"

#include "segments/bytes.hpp"
#include "segments/catalog.hpp"
#include "segments/catalog_records.hpp"

#include <weir/limits.hpp>

#include <algorithm>
#include <iterator>

using namespace weir;
using namespace weir::fuzz;

namespace {

constexpr const char* path = "catalog.db";

/// Small numbers mostly, and now and then all 64 bits: one byte says which.
struct Numbers {
  segments::ByteSource bytes;

  std::uint64_t next() {
    const auto first = bytes.take<std::uint8_t>();
    return first < 250 ? first : bytes.take<std::uint64_t>();
  }
  Timestamp time() { return Timestamp(std::chrono::microseconds(static_cast<std::int64_t>(next()))); }
  SegmentMeta segment() {
    SegmentMeta meta;
    meta.shard = static_cast<ShardId>(next());
    meta.number = next();
    meta.file_bytes = next();
    meta.footer_offset = next();
    meta.footer_checksum = next();
    meta.event_count = next();
    meta.context_count = next();
    meta.payload_bytes = next();
    meta.position_min = next();
    meta.position_max = next();
    meta.timestamp_min = time();
    meta.timestamp_max = time();
    meta.recorded_at_min = time();
    meta.recorded_at_max = time();
    return meta;
  }
};

void write_records(io::FileSystem& fs, Numbers& numbers) {
  { require(Catalog::create(fs, path, 1, 7).ok(), "a catalog is made"); }
  auto database = sqlite::Database::open(fs, path, {.exclusive = true});
  require(database.ok() && database->execute("DELETE FROM head; DELETE FROM shards; DELETE FROM segments").ok(),
          "a catalog is emptied");
  catalog::Head head;
  head.shard_count = static_cast<std::uint32_t>(numbers.next());
  head.directory_seed = numbers.next();
  head.positions_reserved = numbers.next();
  const std::uint64_t count_off = numbers.next();
  for (std::uint64_t shards = numbers.next() % 5; shards != 0; --shards) {
    ShardRecord record;
    record.shard = static_cast<ShardId>(numbers.next());
    record.wal_first_file = numbers.next();
    record.wal_cut_record = numbers.next();
    record.next_segment = numbers.next();
    // What cannot be written (a key twice) is not there.
    if (catalog::write(*database, record, head.directory_seed).ok())
      head.records_sum += catalog::checksum(record, head.directory_seed);
  }
  for (std::uint64_t segments = numbers.next() % 5; segments != 0; --segments) {
    const SegmentMeta meta = numbers.segment();
    if (!catalog::write(*database, meta, head.directory_seed).ok())
      continue;
    head.records_sum += catalog::checksum(meta, head.directory_seed);
    ++head.segment_count;
  }
  head.segment_count += count_off == 249 ? 1 : 0;
  (void)catalog::write(*database, head);
}

bool same(const CatalogState& a, const CatalogState& b) {
  return a.shard_count == b.shard_count && a.directory_seed == b.directory_seed &&
         a.positions_reserved == b.positions_reserved && a.segments == b.segments && a.schemas == b.schemas &&
         a.retention == b.retention &&
         std::equal(a.views.begin(), a.views.end(), b.views.begin(), b.views.end(),
                    [](const ViewRecord& x, const ViewRecord& y) { return x.name == y.name && x.query == y.query; }) &&
         std::equal(a.shards.begin(), a.shards.end(), b.shards.begin(), b.shards.end(),
                    [](const ShardRecord& x, const ShardRecord& y) {
                      return x.shard == y.shard && x.wal_first_file == y.wal_first_file &&
                             x.wal_cut_record == y.wal_cut_record && x.next_segment == y.next_segment;
                    });
}

void check_rules(const CatalogState& state) {
  require(state.shard_count >= 1 && state.shard_count <= limits::shards_max && state.shards.size() == state.shard_count,
          "there are as many shards as it says");
  for (std::size_t i = 0; i < state.segments.size(); ++i) {
    const SegmentMeta& segment = state.segments[i];
    require(segment.shard < state.shard_count && segment.number < state.shards[segment.shard].next_segment &&
                segment.footer_offset < segment.file_bytes && segment.event_count >= 1 &&
                segment.position_min <= segment.position_max && segment.position_max < state.positions_reserved,
            "a segment keeps the rules");
    require(i == 0 || state.segments[i - 1].shard != segment.shard ||
                state.segments[i - 1].position_max < segment.position_min,
            "segments of a shard do not overlap");
  }
}

/// Either the change is there afterwards, or nothing has changed.
void change(Catalog& opened, CatalogState& state, Numbers& numbers) {
  Status changed;
  switch (numbers.next() % 7) {
  case 0: changed = opened.reserve_positions(numbers.next()); break;
  case 1: changed = opened.publish_segment(numbers.segment(), numbers.next(), numbers.next()); break;
  case 4: {
    RetentionRecord retention;
    if (const std::uint64_t count = numbers.next(); count % 3 != 0)
      retention.rules.push_back({.context_prefix = std::string(count % 5, 'c'), .count = count});
    if (numbers.next() % 2 == 0)
      retention.point = {numbers.next(),
                         Timestamp(std::chrono::microseconds(static_cast<std::int64_t>(numbers.next())))};
    changed = opened.set_retention(retention);
    break;
  }
  case 5: changed = opened.add_view({std::string(numbers.next() % 4, 'v'), "QUERY * COUNT"}); break;
  case 6: changed = opened.remove_view(std::string(numbers.next() % 4, 'v')); break;
  case 3: {
    const std::uint64_t version = numbers.next() % 4;
    changed = opened.add_schema({"paid", static_cast<std::uint32_t>(version), "DEFINE paid FIELDS {}"});
    break;
  }
  default: {
    const std::size_t first = state.segments.empty() ? 0 : numbers.next() % state.segments.size();
    const std::size_t count = std::min<std::size_t>(state.segments.size() - first, numbers.next() % 4);
    changed = opened.replace_segments(std::span(state.segments).subspan(first, count), numbers.segment());
  }
  }
  const auto after = opened.load();
  require(after.ok(), "a catalog is read after a change");
  if (!changed)
    require((changed.code() == Errc::invalid_argument || changed.code() == Errc::not_found) && same(*after, state),
            "a refused change changes nothing");
  check_rules(*after);
  state = *after;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0)
    return 0;
  const std::string_view input = text_of(data + 1, size - 1);
  const bool records = data[0] % 2 == 1;
  io::MemoryFileSystem fs;
  Numbers numbers{segments::ByteSource(records ? input : std::string_view())};
  if (records) {
    write_records(fs, numbers);
  } else {
    const std::vector<std::string> files = unpack(input);
    if (!files.empty())
      write_file(fs, path, files[0]);
    if (files.size() > 1)
      write_file(fs, std::string(path) + "-wal", files[1]);
  }
  auto opened = Catalog::open(fs, path);
  if (!opened) {
    if (opened.code() != Errc::not_found)
      require_honest(opened.error());
    return 0;
  }
  auto state = (*opened)->load();
  if (!state) {
    require_honest(state.error());
    return 0;
  }
  check_rules(*state);
  for (int i = 0; i < 4; ++i)
    change(**opened, *state, numbers);
  require((*opened)->close().ok(), "a catalog closes");
  opened->reset();
  auto again = Catalog::open(fs, path);
  require(again.ok(), "a closed catalog opens");
  const auto reread = (*again)->load();
  require(reread.ok() && same(*reread, *state), "a closed catalog is what it was");
  return 0;
}
