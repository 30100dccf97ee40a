// P7 behind the checksums: whatever a whole block says, a read returns an error or rows, and never runs off the file.

#include "tests/segments/forged_segment.hpp"

#include "segments/block_source.hpp"
#include "segments/bytes.hpp"
#include "segments/integer_column.hpp"
#include "segments/segment_reader.hpp"
#include "segments/segment_walk.hpp"
#include "segments/segment_writer.hpp"

#include "engine/lz4.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <limits>
#include <set>

using namespace weir;
using namespace weir::segments;
using namespace weir::segments::test;

namespace {

constexpr SegmentOptions small_zones{.directory_seed = 7, .zone_rows = 16, .filter_bits_per_key = 10};

/// Of `shared` bytes of the name before and `rest`.
struct Entry {
  std::uint64_t shared = 0;
  std::string rest;
  std::uint64_t rows = 0;
  std::uint64_t first_sequence = 0;
};

/// As IndexBlockBuilder writes it, of any entries.
std::string index_block(const std::vector<Entry>& entries) {
  std::string bytes, restarts;
  std::uint32_t rows = 0;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (i % index_restart_interval == 0) {
      append_integer(restarts, static_cast<std::uint32_t>(bytes.size()));
      append_integer(restarts, rows);
    }
    append_varint(bytes, entries[i].shared);
    append_text(bytes, entries[i].rest);
    append_varint(bytes, entries[i].rows);
    append_varint(bytes, entries[i].first_sequence);
    rows += static_cast<std::uint32_t>(entries[i].rows);
  }
  bytes += restarts;
  append_integer(bytes, static_cast<std::uint32_t>(entries.size()));
  append_integer(bytes, static_cast<std::uint32_t>((entries.size() + index_restart_interval - 1) / 16));
  return bytes;
}

/// 40 contexts in one index block, and zones of 16 rows.
struct Segment {
  explicit Segment(const RowShape& shape = {.contexts = 40, .events_per_context_max = 4, .payload_bytes_max = 60})
      : directory(small_zones, 0) {
    std::mt19937_64 random(77);
    rows = random_rows(random, shape);
    meta = directory.write(rows);
    for (const Row& row : rows) {
      if (entries.empty() || entries.back().rest != row.context_id)
        entries.push_back({0, row.context_id, 0, row.sequence});
      ++entries.back().rows;
    }
  }
  SegmentMeta forge(const std::function<void(Forged&)>& edit) {
    Forged forged = take_apart(directory, meta);
    edit(forged);
    return put_together(directory, meta, std::move(forged));
  }

  Rows rows;
  SegmentDirectory directory;
  SegmentMeta meta;
  std::vector<Entry> entries;
};

/// What a reader answered: corruption is all that a forged file may be called.
void note(std::set<std::string>& answers, const std::string& who, const Error& error) {
  CHECK_MESSAGE(error.code == Errc::corruption, to_string(error));
  answers.insert(who + ": " + error.message);
}

Status walk_through(SegmentDirectory& directory, const SegmentMeta& meta) {
  const std::string path = segment_path(meta.shard, meta.number);
  auto file = directory.fs->open(path, io::OpenMode::read_only);
  if (!file)
    return file.error();
  auto walk = SegmentWalk::open(*std::move(file), path, identity_of(directory, meta), meta);
  if (!walk)
    return walk.error();
  EventView event;
  while (true) {
    const auto moved = (*walk)->next_context();
    if (!moved)
      return moved.error();
    if (!*moved)
      return (*walk)->check_derived();
    while ((*walk)->rows_left() != 0)
      WEIR_TRY((*walk)->next_row(event));
  }
}

/// Every reader's errors, as "who: what".
std::set<std::string> ask_everybody(Segment& segment, const SegmentMeta& meta) {
  std::set<std::string> answers;
  const auto reader = segment.directory.open(meta);
  if (const Status verified = reader->verify(); !verified)
    note(answers, "verify", verified.error());
  if (const auto all = scan(*reader); !all)
    note(answers, "scan", all.error());
  if (const auto some = scan(*reader, column_payload | column_type | column_timestamp | column_context); !some)
    note(answers, "columns", some.error());
  if (const Status walked = walk_through(segment.directory, meta); !walked)
    note(answers, "walk", walked.error());
  for (const Entry& entry : segment.entries)
    if (const auto replayed = replay(*reader, entry.rest, {}, {}); !replayed)
      note(answers, "replay", replayed.error());
  return answers;
}

struct Case {
  const char* what;
  std::function<void(Forged&)> edit;
  std::vector<std::string> answers; ///< That must be among those given.
};

void check_all(Segment& segment, const std::vector<Case>& cases) {
  const std::string good = segment.directory.content(segment.meta);
  for (const Case& each : cases) {
    INFO(each.what);
    segment.directory.overwrite(segment.meta, good);
    const auto answers = ask_everybody(segment, segment.forge(each.edit));
    std::string given;
    for (const std::string& answer : answers)
      given += answer + "\n";
    INFO(given);
    for (const std::string& answer : each.answers)
      CHECK_MESSAGE(answers.contains(answer), answer);
  }
}

/// `readers` say `what`.
std::vector<std::string> all_of(const std::vector<std::string>& readers, const std::string& what) {
  std::vector<std::string> answers;
  for (const std::string& reader : readers)
    answers.push_back(reader + ": " + what);
  return answers;
}
const std::vector<std::string> everybody = {"verify", "scan", "columns", "walk", "replay"};
const std::vector<std::string> all_but_replay = {"verify", "scan", "columns", "walk"};

void put_u32(std::string& bytes, std::size_t at, std::uint32_t value) {
  std::memcpy(bytes.data() + at, &value, sizeof value);
}

} // namespace

TEST_CASE("forged segment: taken apart and put together it is the same segment") {
  Segment segment;
  const SegmentMeta meta = segment.forge([](Forged&) {});
  CHECK(ask_everybody(segment, meta).empty());
  CHECK(*scan(*segment.directory.open(meta)) == segment.rows);
}

TEST_CASE("forged segment: a block of the context index that contradicts itself is corruption to every reader") {
  Segment segment;
  REQUIRE(segment.entries.size() == 40);
  const std::string index = "a block of the context index contradicts itself";
  const std::size_t restarts = take_apart(segment.directory, segment.meta).index[0].size() - 8 - 3 * 8;
  // As it is, but with no names shortened: offsets of its own.
  const auto entries = [&](const std::function<void(std::vector<Entry>&)>& change) {
    return [&segment, change](Forged& forged) {
      std::vector<Entry> changed = segment.entries;
      change(changed);
      forged.index[0] = index_block(changed);
    };
  };
  const auto bytes = [](const std::function<void(std::string&)>& change) {
    return [change](Forged& forged) { change(forged.index[0]); };
  };
  check_all(
      segment,
      {{"no names shortened", entries([](auto&) {}), {}},
       {"shorter than its counts", bytes([](auto& b) { b.resize(7); }), all_of(everybody, index)},
       {"no entries", bytes([](auto& b) { put_u32(b, b.size() - 8, 0); }), all_of(everybody, index)},
       {"too few restarts", bytes([](auto& b) { put_u32(b, b.size() - 4, 2); }), all_of(everybody, index)},
       {"more restarts than bytes", bytes([](auto& b) {
          put_u32(b, b.size() - 8, 16'000);
          put_u32(b, b.size() - 4, 1'000);
        }),
        all_of(everybody, index)},
       {"begins behind its end", bytes([&](auto& b) { put_u32(b, restarts, 0xFFFF); }), all_of(everybody, index)},
       {"a restart behind its end", bytes([&](auto& b) { put_u32(b, restarts + 8, 0xFFFF); }),
        all_of(everybody, index)},
       {"a restart inside an entry", bytes([&](auto& b) { put_u32(b, restarts + 8, 1); }),
        all_of({"verify", "walk"}, index)},
       {"a restart of another row", bytes([&](auto& b) { put_u32(b, restarts + 12, 1); }),
        all_of({"verify", "walk"}, index)},
       {"a byte too many", bytes([&](auto& b) { b.insert(restarts, 1, '\0'); }), all_of(all_but_replay, index)},
       {"a restart that shares", entries([](auto& e) { e[16].shared = 1; }), all_of(everybody, index)},
       {"shares more than there is", entries([](auto& e) { e[5].shared = 200; }), all_of(everybody, index)},
       {"a name beyond the block", bytes([&](auto& b) { b[1] = '\x7F', b.resize(60); }), {"replay: " + index}},
       {"no rows", entries([](auto& e) { e[17].rows = 0; }), all_of(everybody, index)},
       {"too many rows", entries([](auto& e) { e[17].rows = segment_rows_max + 1; }), all_of(everybody, index)},
       {"a sequence of 0", entries([](auto& e) { e[17].first_sequence = 0; }), all_of(everybody, index)},
       {"sequences to the end", entries([](auto& e) { e[17].first_sequence = sequence_max; }),
        all_of(everybody, index)},
       {"a name too long", entries([](auto& e) { e[17].rest = std::string(513, 'z'); }), all_of(everybody, index)}});
}

TEST_CASE("forged segment: an index that counts or sorts otherwise than the footer is corruption") {
  Segment segment;
  const auto entries = [&](const std::function<void(std::vector<Entry>&)>& change) {
    return [&segment, change](Forged& forged) {
      std::vector<Entry> changed = segment.entries;
      change(changed);
      forged.index[0] = index_block(changed);
    };
  };
  check_all(segment,
            {{"a row too many",
              entries([](auto& e) { ++e.back().rows; }),
              {"verify: the context index and the footer count differently",
               "walk: the context index names rows that are not there",
               "replay: the context index names rows that are not there"}},
             {"a context too few",
              entries([](auto& e) { e.pop_back(); }),
              {"verify: the context index and the footer count differently",
               "walk: the context index ends before the rows do", "scan: the context index ends before the rows do"}},
             {"two swapped", entries([](auto& e) { std::swap(e[3], e[4]); }), {"verify: contexts are out of order"}},
             {"another first one",
              entries([](auto& e) { e[0].rest = "a"; }),
              {"verify: an index block does not begin as the footer says"}},
             {"no name",
              [&](Forged& forged) {
                std::vector<Entry> changed = segment.entries;
                changed[0].rest.clear();
                forged.index[0] = index_block(changed);
                forged.footer.index[0].first_context.clear();
              },
              {"verify: contexts are out of order"}}});
}

TEST_CASE("forged segment: an index block that is not listed, or not where it is listed, is missed") {
  Segment segment({.contexts = 900, .events_per_context_max = 2, .payload_bytes_max = 4, .ids = false});
  Forged forged = take_apart(segment.directory, segment.meta);
  if (forged.index.size() < 2) { // names are short: split what there is
    std::vector<Entry> first(segment.entries.begin(), segment.entries.begin() + 450);
    std::vector<Entry> second(segment.entries.begin() + 450, segment.entries.end());
    std::uint32_t rows = 0;
    for (const Entry& entry : first)
      rows += static_cast<std::uint32_t>(entry.rows);
    forged.index = {index_block(first), index_block(second)};
    forged.footer.index.push_back({{}, rows, second.front().rest});
  }
  segment.meta = put_together(segment.directory, segment.meta, forged);
  CHECK(ask_everybody(segment, segment.meta).empty());
  check_all(segment,
            {{"the last one",
              [](Forged& f) {
                f.index.pop_back();
                f.footer.index.pop_back();
              },
              {"scan: the context index ends before the rows do", "columns: the context index ends before the rows do",
               "walk: the context index ends before the rows do",
               "verify: the context index and the footer count differently"}},
             {"a row without a context",
              [](Forged& f) { ++f.footer.index[1].first_row; },
              {"scan: the context index has a gap", "columns: the context index has a gap"}}});
}

TEST_CASE("forged segment: a zone's directory that contradicts itself is corruption to every reader") {
  Segment segment;
  const std::vector<std::string> answers = all_of(everybody, "a zone's directory contradicts itself");
  const auto bytes = [](const std::function<void(std::string&)>& change) {
    return [change](Forged& forged) { forged.edit_directory = change; };
  };
  const auto blocks = [](const std::function<void(std::vector<ZoneBlock>&)>& change) {
    return [change](Forged& forged) { forged.edit_directory_entries = change; };
  };
  const auto of = [](std::vector<ZoneBlock>& all, BlockKind kind) {
    return std::find_if(all.begin(), all.end(), [kind](const ZoneBlock& b) { return b.ref.kind == kind; });
  };
  const auto without = [&](BlockKind kind) { return blocks([&of, kind](auto& b) { b.erase(of(b, kind)); }); };
  check_all(
      segment,
      {{"short", bytes([](auto& b) { b.resize(40); }), answers},
       {"of other rows", bytes([](auto& b) { put_u32(b, 0, 15); }), answers},
       {"more entries than bytes", bytes([](auto& b) { put_u32(b, 4, 1'000); }), answers},
       {"fewer entries than bytes", bytes([](auto& b) { b += std::string(16, '\0'); }), answers},
       {"two position columns", blocks([&](auto& b) { b.push_back(*of(b, BlockKind::position)); }), answers},
       {"no position column", without(BlockKind::position), answers},
       {"no recorded_at column", without(BlockKind::recorded_at), answers},
       {"no type column", without(BlockKind::type), answers},
       {"payloads without lengths", without(BlockKind::payload_lengths), answers},
       {"lengths without payloads", without(BlockKind::payloads), answers},
       {"strings from the second row on", blocks([&](auto& b) { of(b, BlockKind::payloads)->first_row = 1; }), answers},
       {"strings of the same rows", blocks([&](auto& b) { b.push_back(*of(b, BlockKind::payloads)); }), answers},
       {"strings behind the rows", blocks([&](auto& b) {
          b.push_back(*of(b, BlockKind::payloads));
          b.back().first_row = 16;
        }),
        answers},
       {"a block in the header", blocks([&](auto& b) { of(b, BlockKind::position)->ref.offset = 47; }), answers},
       {"a block behind the directory", blocks([&](auto& b) { of(b, BlockKind::position)->ref.offset += 9'999; }),
        answers}});
}

TEST_CASE("forged segment: columns that do not fit their zone are corruption to every reader") {
  Segment segment({.contexts = 12, .events_per_context_max = 3, .payload_bytes_max = 2'000});
  const std::string less = "a block holds less than the lengths of its rows";
  const std::string more = "a block holds more than the lengths of its rows";
  const std::string differ = "a block and the lengths of its rows differ";
  const auto integers = [](BlockKind kind, const std::function<void(std::vector<std::uint64_t>&)>& change) {
    return [kind, change](Forged& forged) {
      std::string& content = forged.zones[0].content(kind);
      std::vector<std::uint64_t> values(forged.footer.zones[0].rows);
      const auto column = IntegerColumn::open(content, forged.footer.zones[0].rows);
      REQUIRE(column);
      column->decode(0, values);
      change(values);
      content = encode_integers(values);
    };
  };
  check_all(segment, {{"a column of fewer rows", integers(BlockKind::type, [](auto& v) { v.resize(4); }),
                       all_of(everybody, "a column does not have the zone's rows")},
                      {"a width of 65 bits", [](Forged& f) { f.zones[0].content(BlockKind::type)[8] = 65; },
                       all_of(everybody, "a column does not have the zone's rows")},
                      {"an unknown type", integers(BlockKind::type, [](auto& v) { v[3] = 999; }),
                       all_of(everybody, "a type is not in the dictionary")},
                      {"a longer payload",
                       integers(BlockKind::payload_lengths, [](auto& v) { v[0] += 20'000; }),
                       {"verify: " + less, "scan: " + less, "columns: " + less, "replay: " + less, "walk: " + differ}},
                      {"a shorter last payload",
                       integers(BlockKind::payload_lengths, [](auto& v) { v[15] -= 1; }),
                       {"verify: " + more, "scan: " + more, "columns: " + more, "replay: " + more, "walk: " + differ}},
                      {"nothing but the first payloads",
                       integers(BlockKind::payload_lengths, [](auto& v) { std::fill(v.begin() + 4, v.end() - 1, 0u); }),
                       {"verify: " + more, "scan: " + more}},
                      {"a hash too many",
                       [](Forged& f) { f.zones[0].content(BlockKind::content_hash) += std::string(16, 'h'); },
                       {"verify: content hashes and event ids differ in number"}},
                      {"another hash",
                       [](Forged& f) { f.zones[0].content(BlockKind::content_hash)[0] ^= 1; },
                       {"verify: a content hash differs"}},
                      {"the second half of a hash",
                       [](Forged& f) { f.zones[0].content(BlockKind::content_hash)[8] ^= 1; },
                       {"verify: a content hash differs"}}});
}

TEST_CASE("forged segment: a block of payloads that no row claims is found by a walk that reads past it") {
  Segment segment({.contexts = 1, .events_per_context_max = 1, .payload_bytes_max = 4'000, .metadata = false});
  Rows rows;
  for (std::uint64_t i = 0; i < 12; ++i) { // three blocks: a new one before 16 KiB are exceeded
    Row row = segment.rows.front();
    row.sequence = 1 + i;
    row.position = 1 + i;
    row.event_id.clear();
    row.payload = std::string(4'000, static_cast<char>('a' + i));
    rows.push_back(row);
  }
  segment.rows = rows;
  segment.meta = segment.directory.write(rows, 2);
  segment.entries = {{0, rows.front().context_id, 12, 1}};
  check_all(segment, {{"of the second block",
                       [](Forged& forged) {
                         REQUIRE(std::count_if(forged.zones[0].blocks.begin(), forged.zones[0].blocks.end(),
                                               [](const auto& b) { return b.kind == BlockKind::payloads; }) == 3);
                         std::vector<std::uint64_t> lengths(12, 4'000);
                         std::fill(lengths.begin() + 4, lengths.begin() + 8, 0u);
                         forged.zones[0].content(BlockKind::payload_lengths) = encode_integers(lengths);
                       },
                       all_of(everybody, "a block holds more than the lengths of its rows")}});
}

TEST_CASE("forged segment: verify compares what is kept twice") {
  Segment segment;
  const std::string zone = "a zone's metadata and its rows differ";
  const std::string sums = "the footer's sums and the rows differ";
  const auto metadata = [](const std::function<void(ZoneMeta&)>& change) {
    return [change](Forged& f) { change(f.footer.zones[1]); };
  };
  const auto totals = [](const std::function<void(SegmentMeta&)>& change) {
    return [change](Forged& f) { change(f.footer.totals); };
  };
  const auto second = std::chrono::seconds(1);
  check_all(segment,
            {{"a type twice",
              [](Forged& f) {
                f.footer.types.push_back(f.footer.types.front());
                if (!f.footer.schema_versions.empty())
                  f.footer.schema_versions.push_back(f.footer.schema_versions.front());
              },
              {"verify: the dictionary holds a type twice"}},
             {"a gap before the filters",
              [](Forged& f) { f.before_filters = [](std::string& file) { file += "gap"; }; },
              {"verify: blocks leave a gap or overlap"}},
             {"a gap before the footer",
              [](Forged& f) { f.before_footer = [](std::string& file) { file += "gap"; }; },
              {"verify: blocks leave a gap"}},
             {"an empty filter of contexts",
              [](Forged& f) { f.context_filter[0].assign(f.context_filter[0].size(), '\0'); },
              {"verify: a filter lacks a key"}},
             {"an empty filter of ids",
              [](Forged& f) { f.event_id_filter[0].assign(f.event_id_filter[0].size(), '\0'); },
              {"verify: a filter lacks a key"}},
             {"no filter of ids",
              [](Forged& f) {
                f.event_id_filter.clear();
                f.footer.event_id_filter = {};
              },
              {"verify: a filter lacks a key"}},
             {"an order of one row",
              [](Forged& f) { std::fill(f.order[0].begin(), f.order[0].end(), '\0'); },
              {"verify: the position order is wrong"}},
             {"an order of rows that are not there",
              [](Forged& f) { std::fill(f.order[0].begin(), f.order[0].end() - 8, '\xFF'); },
              {"verify: the position order is wrong"}},
             {"lowest sequence", metadata([](auto& m) { --m.sequence_min; }), {"verify: " + zone}},
             {"highest sequence", metadata([](auto& m) { ++m.sequence_max; }), {"verify: " + zone}},
             {"lowest position", metadata([](auto& m) { --m.position_min; }), {"verify: " + zone}},
             {"highest position", metadata([](auto& m) { ++m.position_max; }), {"verify: " + zone}},
             {"first record", metadata([&](auto& m) { m.recorded_at_min -= second; }), {"verify: " + zone}},
             {"last record", metadata([&](auto& m) { m.recorded_at_max += second; }), {"verify: " + zone}},
             {"first time", metadata([&](auto& m) { m.timestamp_min -= second; }), {"verify: " + zone}},
             {"last time", metadata([&](auto& m) { m.timestamp_max += second; }), {"verify: " + zone}},
             {"types", metadata([](auto& m) { m.type_bits[0] ^= 1; }), {"verify: " + zone}},
             {"bytes", totals([](auto& m) { ++m.payload_bytes; }), {"verify: " + sums}},
             {"lowest position of all", totals([](auto& m) { --m.position_min; }), {"verify: " + sums}},
             {"highest position of all", totals([](auto& m) { ++m.position_max; }), {"verify: " + sums}},
             {"first time of all", totals([&](auto& m) { m.timestamp_min -= second; }), {"verify: " + sums}},
             {"last time of all", totals([&](auto& m) { m.timestamp_max += second; }), {"verify: " + sums}},
             {"first record of all", totals([&](auto& m) { m.recorded_at_min -= second; }), {"verify: " + sums}},
             {"last record of all", totals([&](auto& m) { m.recorded_at_max += second; }), {"verify: " + sums}}});
}

TEST_CASE("forged segment: a block that decodes to less than its place needs is corruption") {
  Segment segment;
  const std::uint64_t identity = identity_of(segment.directory, segment.meta);
  // Bytes that LZ4 cannot compress: stored they are longer than raw, by two for every 255 or so.
  const auto lengthened = [&](BlockKind kind, std::uint64_t offset, std::string& file) {
    const auto stored_bytes = load<std::uint32_t>(file.data() + offset + 16);
    std::mt19937_64 random(1);
    for (std::uint32_t raw_bytes = stored_bytes - 1; raw_bytes != 0; --raw_bytes) {
      std::string raw(raw_bytes, ' '), stored(2 * stored_bytes, ' ');
      for (char& c : raw)
        c = static_cast<char>(random());
      if (lz4::compress(raw, {stored.data(), stored.size()}, 1) != stored_bytes)
        continue;
      file.replace(offset + block_header_bytes, stored_bytes, stored, 0, stored_bytes);
      file[offset + 8] = static_cast<char>(Codec::lz4);
      file[offset + 9] = static_cast<char>(kind);
      put_u32(file, offset + 12, raw_bytes);
      repair_block(file, offset, identity);
      return;
    }
    FAIL("no such bytes");
  };
  const auto blocks_from = [](const std::string& file, BlockKind kind) {
    std::uint64_t at = segment_header_bytes;
    while (file[at + 9] != static_cast<char>(kind))
      at += block_header_bytes + load<std::uint32_t>(file.data() + at + 16);
    return at;
  };
  const auto shorter = [&](BlockKind kind) {
    return [&, kind](Forged& f) {
      f.before_footer = [&, kind](std::string& file) { lengthened(kind, blocks_from(file, kind), file); };
    };
  };
  check_all(segment, {{"the order",
                       shorter(BlockKind::position_order),
                       {"verify: a block of the position order has the wrong size"}}});
  // One line of the filter is as long as its block.
  Segment one({.contexts = 1, .events_per_context_max = 2, .payload_bytes_max = 10});
  check_all(one, {{"a filter",
                   shorter(BlockKind::context_filter),
                   {"verify: a filter's block is too short", "replay: a filter's block is too short"}}});
}

TEST_CASE("forged segment: a footer that contradicts itself or the catalog is corruption to every reader") {
  Segment segment;
  const std::vector<std::string> answers = all_of(everybody, "the footer contradicts itself or the catalog");
  const auto footer = [](const std::function<void(Footer&)>& change) {
    return [change](Forged& forged) { forged.edit_footer = change; };
  };
  const auto bytes = [](const std::function<void(std::string&)>& change) {
    return [change](Forged& forged) { forged.edit_footer_bytes = change; };
  };
  constexpr std::uint64_t far = std::uint64_t{1} << 40;
  std::vector<Case> cases = {
      {"no events", footer([](auto& f) { f.totals.event_count = 0; }), answers},
      {"too many events", footer([](auto& f) { f.totals.event_count = segment_rows_max + 1; }), answers},
      {"no contexts", footer([](auto& f) { f.totals.context_count = 0; }), answers},
      {"a time index that is a zone's directory", footer([](auto& f) {
         f.time_index_block = f.places.front().directory;
         f.time_index_block.kind = BlockKind::time_index;
       }),
       answers},
      {"a time index within the zones", footer([](auto& f) {
         f.time_index_block = {f.places.back().directory.end() - 1, 8, BlockKind::time_index};
       }),
       answers},
      {"more contexts than events", footer([](auto& f) { f.totals.context_count = f.totals.event_count + 1; }),
       answers},
      {"zones of no rows", footer([](auto& f) { f.zone_rows = 0; }), answers},
      {"zones too large", footer([](auto& f) { f.zone_rows = zone_rows_max + 1; }), answers},
      {"zones of other rows", footer([](auto& f) { f.zone_rows = 32; }), answers},
      {"no types", footer([](auto& f) { f.types.clear(); }), answers},
      {"a type cut off", bytes([](auto& b) { b.resize(9 * 8 + 4 + 3); }), answers},
      {"a zone too few", footer([](auto& f) {
         f.zones.pop_back();
         f.places.pop_back();
       }),
       answers},
      {"no word of types", footer([](auto& f) { f.zones[0].type_bits.clear(); }), answers},
      {"too many words of types", footer([](auto& f) { f.zones[0].type_bits.resize(3); }), answers},
      {"a zone before its place", footer([](auto& f) { --f.places[0].begin; }), answers},
      {"a second zone before its place", footer([](auto& f) { --f.places[1].begin; }), answers},
      {"a tail before its zone", footer([](auto& f) { f.places[0].tail = 0; }), answers},
      {"a tail behind its directory", footer([](auto& f) { f.places[0].tail = far; }), answers},
      {"a directory outside", footer([](auto& f) { f.places[0].directory.offset = far; }), answers},
      {"a directory too long", footer([](auto& f) { f.places[0].directory.stored_bytes = 1 << 30; }), answers},
      {"no index", footer([](auto& f) { f.index.clear(); }), answers},
      {"an index from the second row on", footer([](auto& f) { f.index[0].first_row = 1; }), answers},
      {"an index outside", footer([](auto& f) { f.index[0].ref.offset = far; }), answers},
      {"an index block of no row", footer([](auto& f) {
         f.index.push_back(f.index[0]);
         f.index[1].first_context = "z";
         f.index[1].first_row = UINT32_MAX;
       }),
       answers},
      {"index blocks of the same rows", footer([](auto& f) {
         f.index.push_back(f.index[0]);
         f.index[1].first_context = "z";
       }),
       answers},
      {"index blocks of the same names", footer([](auto& f) {
         f.index.push_back(f.index[0]);
         f.index[1].first_row = 1;
       }),
       answers},
      {"no filter of contexts", footer([](auto& f) { f.context_filter.lines = 0; }), answers},
      {"a filter without probes", footer([](auto& f) { f.context_filter.probes = 0; }), answers},
      {"a filter of too many probes", footer([](auto& f) { f.context_filter.probes = filter_probes_max + 1; }),
       answers},
      {"a filter outside", footer([](auto& f) { f.context_filter.offset = far; }), answers},
      {"a filter's end outside", footer([](auto& f) { f.context_filter.lines = 1 << 30; }), answers},
      {"a filter of ids outside", footer([](auto& f) { f.event_id_filter.offset = far; }), answers},
      {"an order outside", footer([](auto& f) { f.order_offset = far; }), answers},
      {"an order in the header", footer([](auto& f) { f.order_offset = 0; }), answers},
      {"a dictionary outside", footer([](auto& f) { f.dictionary_block.offset = far; }), answers},
      {"a dictionary nowhere", footer([](auto& f) { f.dictionary_block.stored_bytes = 1; }), answers},
      {"a byte too many", bytes([](auto& b) { b += '\0'; }), answers}};
  check_all(segment, cases);

  // Cut anywhere: of a footer as small as can be.
  Segment small({.contexts = 1, .events_per_context_max = 2, .payload_bytes_max = 10});
  const std::string good = small.directory.content(small.meta);
  Footer footer_of_small = take_apart(small.directory, small.meta).footer;
  const std::size_t size = encode_footer(footer_of_small).size();
  footer_of_small.schema_versions.clear(); // which are there or not
  const std::size_t size_without = encode_footer(footer_of_small).size();
  for (std::size_t length = 0; length < size; ++length) {
    if (length == size_without)
      continue;
    CAPTURE(length);
    small.directory.overwrite(small.meta, good);
    const SegmentMeta meta =
        small.forge([length](Forged& f) { f.edit_footer_bytes = [length](std::string& b) { b.resize(length); }; });
    const auto zones = small.directory.open(meta)->zones();
    REQUIRE(zones.code() == Errc::corruption);
    CHECK(zones.error().where == segment_path(0, 1) + ":" + std::to_string(meta.footer_offset));
  }
}

TEST_CASE("forged segment: a header or a catalog that names another file is found before anything is read") {
  Segment segment;
  const std::uint64_t identity = identity_of(segment.directory, segment.meta);
  const auto with_header = [&](const SegmentIdentity& who) {
    std::string file = segment.directory.content(segment.meta);
    file.replace(0, segment_header_bytes, encode_header(who, 16));
    segment.directory.overwrite(segment.meta, file);
    return segment.directory.open(segment.meta)->zones();
  };
  CHECK(with_header({0, 1, identity}).ok());
  CHECK(with_header({0, 2, identity}).error().message == "the header names another segment");
  CHECK(with_header({1, 1, identity}).error().message == "the header names another segment");
  CHECK(with_header({0, 1, identity + 1}).error().message == "this is not the header of this segment");
  REQUIRE(with_header({0, 1, identity}).ok());

  const auto with_catalog = [&](const std::function<void(SegmentMeta&)>& change) {
    SegmentMeta meta = segment.meta;
    change(meta);
    return segment.directory.open(meta)->zones();
  };
  const std::string not_in_file = "the catalog's footer does not lie in the file";
  for (const std::uint64_t before_end : {std::uint64_t{0}, std::uint64_t{19}})
    CHECK(with_catalog([&](auto& m) { m.footer_offset = m.file_bytes - before_end; }).error().message == not_in_file);
  CHECK(with_catalog([](auto& m) { m.footer_offset = m.file_bytes - 20; }).error().message ==
        "the footer is not the one the catalog recorded");
  CHECK(with_catalog([](auto& m) { ++m.footer_checksum; }).error().message ==
        "the footer is not the one the catalog recorded");
  CHECK(with_catalog([](auto& m) { ++m.event_count; }).error().message ==
        "the footer contradicts itself or the catalog");
  // Of a file that is too large for its footer's size to be written down.
  BlockCache cache(0);
  const auto file = segment.directory.fs->open(segment_path(0, 1), io::OpenMode::read_only);
  SegmentMeta meta = segment.meta;
  meta.file_bytes += std::uint64_t{1} << 32;
  CHECK(verify_segment(**file, "f", identity, meta).error().message == "the file does not have the recorded size");
  CHECK(read_footer(BlockSource(**file, "f", identity, 0, meta.file_bytes, cache), meta).error().message ==
        not_in_file);
}

TEST_CASE("block source: a block whose header says something else than its place is corruption") {
  Segment segment;
  const std::uint64_t identity = identity_of(segment.directory, segment.meta);
  const std::string good = segment.directory.content(segment.meta);
  const BlockRef ref = take_apart(segment.directory, segment.meta).footer.index[0].ref;
  const auto read_with = [&](std::size_t at, char bit) {
    std::string bytes = good;
    bytes[static_cast<std::size_t>(ref.offset) + at] ^= bit;
    repair_block(bytes, ref.offset, identity);
    segment.directory.overwrite(segment.meta, bytes);
    BlockCache cache(0);
    const auto file = segment.directory.fs->open(segment_path(0, 1), io::OpenMode::read_only);
    const BlockSource source(**file, "f", identity, 0, segment.meta.file_bytes, cache);
    const auto block = source.read(ref);
    CHECK((block.ok() || block.error().where == "f:" + std::to_string(ref.offset)));
    return block.ok() ? std::string() : block.error().message;
  };
  CHECK(read_with(0, 0).empty());
  const std::string another = "the block is not the one its place is listed for";
  CHECK(read_with(9, 1) == another);
  CHECK(read_with(10, 1) == another);
  CHECK(read_with(11, 1) == another);
  const std::string sizes = "a block's sizes contradict each other";
  CHECK(read_with(12, 1) == sizes); // more or less than a block stored as it is has
  CHECK(read_with(15, 64) == sizes);
}

TEST_CASE("block source: what is listed outside of the file is corruption, whoever asks") {
  Segment segment;
  BlockCache cache(0);
  const auto file = segment.directory.fs->open(segment_path(0, 1), io::OpenMode::read_only);
  const BlockSource source(**file, "f", identity_of(segment.directory, segment.meta), 0, segment.meta.file_bytes,
                           cache);
  const std::uint64_t end = segment.meta.file_bytes;
  for (const BlockRef& ref : {BlockRef{47, 1, BlockKind::position}, BlockRef{end + 1, 1, BlockKind::position},
                              BlockRef{end - 20, 1, BlockKind::position},
                              BlockRef{std::numeric_limits<std::uint64_t>::max(), 1, BlockKind::position}}) {
    CHECK(source.read(ref).error().message == "a block is listed outside of the file");
    CHECK(source.read_piece(48, ref).error().message == "a block is listed outside of the file");
  }
  const BlockRef last{end - 20, 0, BlockKind::position};
  CHECK(source.contains(last));
  CHECK(source.read_piece(48, last).ok());
  CHECK(source.read_piece(last.offset, last).ok());
  CHECK(source.read_piece(47, last).code() == Errc::corruption);
  CHECK(source.read_piece(last.offset + 1, last).code() == Errc::corruption);
}
