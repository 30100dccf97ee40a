// What salvage finds in one segment file, whole, damaged or forged.

#include "tests/segments/forged_segment.hpp"

#include "segments/bytes.hpp"
#include "segments/integer_column.hpp"
#include "segments/segment_salvage.hpp"
#include "segments/segment_writer.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <set>
#include <utility>

using namespace weir;
using namespace weir::segments;
using namespace weir::segments::test;

namespace {

constexpr std::uint64_t seed = 7;
constexpr SegmentOptions small_zones{.directory_seed = seed, .zone_rows = 16, .filter_bits_per_key = 10};

struct Salvaged {
  Status opened;
  SegmentMeta meta;
  std::set<std::pair<std::string, Sequence>> found;
  std::vector<Error> damaged;
  std::uint64_t rows_unreachable = 0;
};

/// Segments in zones of 16 rows.
struct SalvageSegment {
  explicit SalvageSegment(const RowShape& shape = {
                              .contexts = 30, .events_per_context_max = 6, .payload_bytes_max = 60}) {
    std::mt19937_64 random(91);
    rows = random_rows(random, shape);
    meta = directory.write(rows);
  }

  /// Everything salvage hands out; what is not, word for word, an event that was written fails the test.
  Salvaged salvage(const std::string& path, std::uint64_t with_seed = seed, ShardId shard = 0,
                   std::uint64_t number = 1) {
    Salvaged salvaged;
    auto opened = SegmentSalvage::open(*directory.fs, path, shard, number, with_seed,
                                       [&](const Error& error, std::uint64_t unreachable) {
                                         salvaged.damaged.push_back(error);
                                         salvaged.rows_unreachable += unreachable;
                                       });
    if (!opened) {
      salvaged.opened = opened.error();
      return salvaged;
    }
    salvaged.meta = (*opened)->meta();
    while ((*opened)->next_context()) {
      const std::string context((*opened)->context_id());
      const Status read = (*opened)->read(
          (*opened)->first_sequence(), (*opened)->last_sequence(), [&](const EventView& event) -> Status {
            const auto written = std::find_if(rows.begin(), rows.end(), [&](const Row& row) {
              return row.context_id == event.context_id && row.sequence == event.sequence;
            });
            REQUIRE(written != rows.end());
            CHECK(event.context_id == context);
            CHECK(event.event_type == written->event_type);
            CHECK(event.event_id == written->event_id);
            CHECK(event.metadata == written->metadata);
            CHECK(event.payload == written->payload);
            CHECK(event.timestamp == written->timestamp);
            CHECK(salvaged.found.emplace(context, event.sequence).second);
            return {};
          });
      CHECK(read.ok());
    }
    return salvaged;
  }
  Salvaged salvage() { return salvage(segment_path(0, 1)); }

  SegmentMeta forge(const std::function<void(Forged&)>& edit) {
    Forged forged = take_apart(directory, meta);
    edit(forged);
    return put_together(directory, meta, std::move(forged));
  }
  void flip(std::size_t at) {
    std::string bytes = directory.content(meta);
    bytes[at] = static_cast<char>(bytes[at] ^ 1 << at % 8);
    directory.overwrite(meta, bytes);
  }

  SegmentDirectory directory{small_zones, 0};
  Rows rows;
  SegmentMeta meta;
};

/// Of a zone of 16 rows: it ends behind its block, then.
void lengthen_the_first_payload(Forged& forged) {
  std::vector<std::uint64_t> lengths(16);
  std::string& content = forged.zones[0].content(BlockKind::payload_lengths);
  const auto column = IntegerColumn::open(content, 16);
  REQUIRE(column);
  column->decode(0, lengths);
  lengths[0] += 100'000;
  content = encode_integers(lengths);
}

} // namespace

TEST_CASE("segment salvage: a whole file gives every event, with or without the directory's seed") {
  SalvageSegment segment;
  for (const std::uint64_t with_seed : {seed, std::uint64_t{0}}) {
    const Salvaged salvaged = segment.salvage(segment_path(0, 1), with_seed);
    CHECK(salvaged.found.size() == segment.rows.size());
    CHECK(salvaged.damaged.empty());
    CHECK(salvaged.meta == segment.meta);
  }
}

TEST_CASE("segment salvage: whichever byte is flipped, all that is handed out was written, and most of it is") {
  SalvageSegment segment({.contexts = 12, .events_per_context_max = 4, .payload_bytes_max = 40});
  const std::string good = segment.directory.content(segment.meta);
  std::size_t whole = 0, part = 0, none = 0;
  for (std::size_t at = 0; at < good.size(); ++at) {
    CAPTURE(at);
    segment.directory.overwrite(segment.meta, good);
    segment.flip(at);
    const Salvaged salvaged = segment.salvage();
    if (!salvaged.opened) {
      ++none;
      CHECK(salvaged.opened.code() == Errc::corruption);
      CHECK(at >= segment.meta.footer_offset);
      continue;
    }
    (salvaged.found.size() == segment.rows.size() ? whole : part) += 1;
    CHECK((salvaged.found.size() == segment.rows.size() || !salvaged.damaged.empty()));
    for (const Error& error : salvaged.damaged)
      CHECK(error.where.starts_with(segment_path(0, 1) + ":"));
  }
  CHECK(none == segment.meta.file_bytes - segment.meta.footer_offset); // types are nowhere else
  CHECK(whole > 100);
  CHECK(part > 500);
}

TEST_CASE("segment salvage: under another name the header says whose file it is") {
  SalvageSegment segment;
  const std::string path = segment_path(0, 1);
  REQUIRE(segment.directory.fs->rename(path, "lost-and-found").ok());
  CHECK(segment.salvage("lost-and-found", seed, 3, 99).found.size() == segment.rows.size());
  CHECK(segment.salvage("lost-and-found", 0, 3, 99).meta.number == 1);
  INFO("a header of another directory is none; its blocks are not this directory's either");
  const Salvaged foreign = segment.salvage("lost-and-found", seed + 1, 0, 1);
  CHECK(foreign.opened.code() == Errc::corruption);
  REQUIRE(segment.directory.fs->rename("lost-and-found", path).ok());

  INFO("a damaged header costs nothing where the name and the seed are known");
  segment.flip(9);
  const Salvaged named = segment.salvage();
  CHECK(named.found.size() == segment.rows.size());
  REQUIRE(named.damaged.size() == 1);
  CHECK(named.damaged.front().message == "the header is damaged");
  CHECK(segment.salvage(path, 0).opened.error().message ==
        "the header is damaged, and without the catalog nothing else tells whose file this is");
  CHECK(segment.salvage(path, seed, 0, 2).opened.code() == Errc::corruption);
}

TEST_CASE("segment salvage: a file without a whole footer gives nothing, at any length") {
  SalvageSegment segment({.contexts = 2, .events_per_context_max = 2, .payload_bytes_max = 10});
  const std::string good = segment.directory.content(segment.meta);
  for (std::size_t length = 0; length < good.size(); ++length) {
    CAPTURE(length);
    segment.directory.overwrite(segment.meta, good.substr(0, length));
    const Salvaged salvaged = segment.salvage();
    REQUIRE(salvaged.opened.code() == Errc::corruption);
    CHECK(salvaged.opened.error().message == "there is no whole footer: nobody knows the events' types");
  }
  INFO("what is appended to a whole file does not hide its footer");
  segment.directory.overwrite(segment.meta, good + std::string(100, '\x11'));
  const Salvaged salvaged = segment.salvage();
  CHECK(salvaged.found.size() == segment.rows.size());
  CHECK(salvaged.meta == segment.meta);
}

TEST_CASE("segment salvage: a footer that contradicts itself is none, whatever its checksum says") {
  SalvageSegment segment;
  const std::string good = segment.directory.content(segment.meta);
  segment.forge([](Forged& f) { f.edit_footer = [](Footer& footer) { footer.types.clear(); }; });
  CHECK(segment.salvage().opened.code() == Errc::corruption);
  segment.directory.overwrite(segment.meta, good);
  segment.forge([](Forged& f) { f.edit_footer_bytes = [](std::string& bytes) { bytes.clear(); }; });
  CHECK(segment.salvage().opened.code() == Errc::corruption);
}

TEST_CASE("segment salvage: a damaged block of the index costs the contexts it lists, and says which") {
  SalvageSegment segment({.contexts = 100, .events_per_context_max = 3, .payload_bytes_max = 10});
  // Long names: several blocks of the index.
  for (Row& row : segment.rows)
    row.context_id += std::string(400, 'n');
  std::sort(segment.rows.begin(), segment.rows.end(), [](const Row& a, const Row& b) {
    return std::pair(a.context_id, a.sequence) < std::pair(b.context_id, b.sequence);
  });
  segment.meta = segment.directory.write(segment.rows);
  std::vector<std::pair<const Row*, std::uint32_t>> contexts;
  for (const Row& row : segment.rows) {
    if (contexts.empty() || contexts.back().first->context_id != row.context_id)
      contexts.emplace_back(&row, 0);
    ++contexts.back().second;
  }
  REQUIRE(segment.salvage().found.size() == segment.rows.size());
  const Forged forged = take_apart(segment.directory, segment.meta);
  REQUIRE(forged.index.size() > 1);
  const std::string good = segment.directory.content(segment.meta);
  const std::uint64_t second_row = forged.footer.index[1].first_row;

  segment.flip(static_cast<std::size_t>(forged.footer.index[0].ref.offset) + 30);
  Salvaged salvaged = segment.salvage();
  CHECK(salvaged.rows_unreachable == second_row);
  CHECK(salvaged.found.size() == segment.rows.size() - second_row);
  REQUIRE(salvaged.damaged.size() == 1);
  CHECK(salvaged.damaged.front().message.ends_with("; it lists the contexts from " + segment.rows[0].context_id +
                                                   " to before " + forged.footer.index[1].first_context));

  segment.directory.overwrite(segment.meta, good);
  const std::size_t last = forged.footer.index.size() - 1;
  segment.flip(static_cast<std::size_t>(forged.footer.index[last].ref.offset) + 30);
  salvaged = segment.salvage();
  CHECK(salvaged.rows_unreachable == segment.rows.size() - forged.footer.index[last].first_row);
  CHECK(salvaged.damaged.front().message.ends_with(forged.footer.index[last].first_context));

  INFO("a block that is whole and contradicts itself costs what is behind the contradiction");
  segment.directory.overwrite(segment.meta, good);
  segment.forge([&](Forged& f) {
    IndexBlockBuilder builder; // the tenth context has no rows
    std::uint64_t rows = 0;
    for (std::size_t i = 0; rows < second_row; rows += contexts[i++].second)
      builder.add(contexts[i].first->context_id, i == 9 ? 0 : contexts[i].second, contexts[i].first->sequence);
    f.index[0] = builder.finish();
  });
  salvaged = segment.salvage();
  CHECK(salvaged.rows_unreachable > 0);
  CHECK(salvaged.found.size() + salvaged.rows_unreachable == segment.rows.size());

  INFO("one that names rows that are not there costs them");
  segment.directory.overwrite(segment.meta, good);
  segment.forge([&](Forged& f) {
    IndexBlockBuilder builder;
    builder.add(f.footer.index[last].first_context, 60'000, 1);
    f.index[last] = builder.finish();
  });
  salvaged = segment.salvage();
  CHECK(salvaged.found.size() == forged.footer.index[last].first_row);
  CHECK(salvaged.rows_unreachable == segment.rows.size() - salvaged.found.size());
  CHECK(salvaged.damaged.front().message == "the context index names rows that are not there");
}

TEST_CASE("segment salvage: damage inside a zone costs the rows that need it, and is told once") {
  SalvageSegment segment({.contexts = 6, .events_per_context_max = 12, .payload_bytes_max = 3'000});
  REQUIRE(segment.rows.size() > 20);
  const std::string good = segment.directory.content(segment.meta);
  const Forged forged = take_apart(segment.directory, segment.meta);
  const auto damage_at = [&](std::uint64_t offset) {
    segment.directory.overwrite(segment.meta, good);
    segment.flip(static_cast<std::size_t>(offset) + 25);
    return segment.salvage();
  };
  const std::size_t all = segment.rows.size();

  INFO("the directory: all of the zone");
  Salvaged salvaged = damage_at(forged.footer.places[1].directory.offset - 5);
  salvaged = damage_at(forged.footer.places[1].directory.offset);
  CHECK(salvaged.found.size() == all - 16);
  CHECK(salvaged.damaged.size() == 1);

  INFO("a column of numbers: all of the zone, too");
  segment.directory.overwrite(segment.meta, good);
  segment.forge([](Forged& f) { f.zones[0].content(BlockKind::type) = encode_integers({}); });
  salvaged = segment.salvage();
  CHECK(salvaged.found.size() == all - 16);
  CHECK(salvaged.damaged.size() == 1);

  INFO("a block of strings: the rows in it");
  salvaged = damage_at(forged.footer.places[1].begin);
  CHECK(salvaged.found.size() < all);
  CHECK(salvaged.found.size() > all - 16);
  CHECK(salvaged.damaged.size() == 1);
  CHECK(salvaged.rows_unreachable == 0);

  INFO("a payload longer than its block: the rows of the block");
  segment.directory.overwrite(segment.meta, good);
  segment.forge(lengthen_the_first_payload);
  salvaged = segment.salvage();
  CHECK(salvaged.found.size() < all);
  CHECK(salvaged.found.size() > all - 16);
  CHECK(salvaged.damaged.size() == 1);
}

TEST_CASE("segment salvage: the dictionary is looked for where it was taken from, as far as that is whole") {
  SalvageSegment segment({.contexts = 3, .events_per_context_max = 3, .payload_bytes_max = 10});
  Rows rows;
  for (std::uint64_t i = 0; i < 60; ++i) { // small payloads at first, so that the first block is none to take it from
    Row row = segment.rows.front();
    row.context_id = i < 16 ? "a" : "b";
    row.sequence = i < 16 ? 1 + i : i - 15;
    row.position = 1 + i;
    row.event_id.clear();
    row.payload = i < 16 ? "{}"
                         : R"({"customer":"Jane Doe","street":"Long Lane","number":)" + std::to_string(i * 7919) +
                               R"(,"city":"Hamburg","note":")" + std::string(i % 9, 'x') +
                               R"(please ring twice, and leave it with the neighbours if nobody is at home"})";
    if (i >= 16 && i < 44)
      row.payload += std::string(120, static_cast<char>('a' + i % 26));
    rows.push_back(row);
  }
  segment.rows = rows;
  segment.meta = segment.directory.write(rows);
  const Forged forged = take_apart(segment.directory, segment.meta);
  REQUIRE(forged.footer.dictionary_block.offset != 0);
  const std::string good = segment.directory.content(segment.meta);
  const auto flip_dictionary = [&] {
    segment.directory.overwrite(segment.meta, good);
    segment.flip(static_cast<std::size_t>(forged.footer.dictionary_block.offset) + 40);
  };
  flip_dictionary();
  Salvaged salvaged = segment.salvage();
  CHECK(salvaged.found.size() == rows.size());
  CHECK(salvaged.damaged.size() == 1);

  INFO("with a damaged directory or block before the source, strings that copy from it are lost, no others");
  const auto lost_with = [&](std::uint64_t offset) {
    flip_dictionary();
    segment.flip(static_cast<std::size_t>(offset) + 25);
    const Salvaged some = segment.salvage();
    CHECK(some.found.size() < rows.size());
    CHECK(some.damaged.size() >= 2);
  };
  lost_with(forged.footer.places[0].directory.offset);
  lost_with(forged.footer.places[0].begin);
  lost_with(forged.footer.places[1].begin);

  INFO("a directory that contradicts itself");
  segment.directory.overwrite(segment.meta, good);
  const SegmentMeta meta = segment.forge([](Forged& f) { f.edit_directory = [](std::string& d) { d.resize(9); }; });
  const std::string bad = segment.directory.content(meta);
  const Forged places = forged;
  std::string bytes = bad;
  const std::size_t dictionary = bytes.rfind(places.dictionary.substr(0, 40));
  REQUIRE(dictionary != std::string::npos);
  bytes[dictionary] = static_cast<char>(bytes[dictionary] ^ 1);
  segment.directory.overwrite(meta, bytes);
  CHECK(segment.salvage().found.size() == rows.size() - 16); // blocks of the forged file need no dictionary
}

TEST_CASE("segment salvage: errors of the disk count as damage, but for opening") {
  SalvageSegment segment;
  CHECK(segment.salvage("missing").opened.code() == Errc::not_found);
  for (const bool for_good : {true, false}) {
    CAPTURE(for_good);
    std::size_t opened = 0, failed = 0;
    for (std::uint64_t k = 1;; ++k) {
      CAPTURE(k);
      std::uint64_t calls = 0;
      segment.directory.fs->set_hook([&](const io::Call& call) -> std::optional<Error> {
        ++calls;
        if (calls < k || (calls > k && !for_good))
          return std::nullopt;
        return fail(Errc::io_error, "injected", std::string(call.path));
      });
      const Salvaged salvaged = segment.salvage();
      segment.directory.fs->set_hook({});
      if (calls < k)
        break;
      (salvaged.opened.ok() ? opened : failed) += 1;
      if (salvaged.opened) // strings are tried a second time, one by one
        CHECK((!salvaged.damaged.empty() || (!for_good && salvaged.found.size() == segment.rows.size())));
    }
    CHECK(opened > 10);
    CHECK(failed >= 4);
  }
}

TEST_CASE("segment salvage: an error of the visitor is passed on, whichever event it came with") {
  SalvageSegment segment({.contexts = 3, .events_per_context_max = 60, .payload_bytes_max = 3'000});
  const auto stops = [&](std::uint64_t k) {
    auto salvage =
        SegmentSalvage::open(*segment.directory.fs, segment_path(0, 1), 0, 1, seed, [](const Error&, std::uint64_t) {});
    REQUIRE(salvage.ok());
    std::uint64_t visits = 0;
    Status status;
    while (status && (*salvage)->next_context())
      status = (*salvage)->read((*salvage)->first_sequence(), (*salvage)->last_sequence(), [&](const EventView&) {
        return ++visits == k ? Status(fail(Errc::disk_full, "no space for the export")) : Status();
      });
    CHECK(status.code() == (visits < k ? Errc::ok : Errc::disk_full));
    return status.code() == Errc::disk_full;
  };
  for (std::uint64_t k = 1; k <= segment.rows.size(); ++k)
    CHECK(stops(k));

  INFO("also where strings are read one by one, because one of them is damaged");
  segment.forge(lengthen_the_first_payload);
  const Salvaged salvaged = segment.salvage();
  CHECK(salvaged.found.size() < segment.rows.size());
  CHECK(salvaged.found.contains({segment.rows[15].context_id, segment.rows[15].sequence}));
  for (std::uint64_t k = 1; k <= salvaged.found.size(); ++k)
    CHECK(stops(k));
  CHECK(!stops(salvaged.found.size() + 1));
}
