#include "tests/segments/segment_fixture.hpp"

#include "tests/support/bytes.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <numeric>

namespace weir::segments::test {

std::string random_text(std::mt19937_64& random, std::size_t size, std::string_view alphabet) {
  std::string text(size, ' ');
  for (char& c : text)
    c = alphabet[random() % alphabet.size()];
  return text;
}

void shuffle_positions(std::mt19937_64& random, Rows& rows) {
  std::vector<std::size_t> order(rows.size());
  std::iota(order.begin(), order.end(), 0u);
  std::shuffle(order.begin(), order.end(), random);
  // Inside a context positions ascend with sequences, as they do in a shard.
  std::map<std::string, std::vector<Position>> by_context;
  for (std::size_t i = 0; i < rows.size(); ++i)
    by_context[rows[i].context_id].push_back(1'000 + 3 * order[i]);
  for (auto& [context, positions] : by_context)
    std::sort(positions.begin(), positions.end(), std::greater<>());
  for (Row& row : rows) {
    auto& positions = by_context[row.context_id];
    row.position = positions.back();
    positions.pop_back();
    row.recorded_at = Timestamp(std::chrono::microseconds(1'700'000'000'000'000 + 40 * row.position));
  }
}

Rows random_rows(std::mt19937_64& random, const RowShape& shape) {
  std::map<std::string, std::size_t> contexts;
  while (contexts.size() < shape.contexts) {
    const std::string prefix = random() % 3 == 0 ? "order-" : "customer/\xC3\xA4-";
    contexts[prefix + random_text(random, 1 + random() % 6, "0123456789")] =
        1 + random() % shape.events_per_context_max;
  }
  Rows rows;
  for (const auto& [context, count] : contexts) {
    const Sequence first = 1 + random() % 5;
    for (std::size_t i = 0; i < count; ++i) {
      Row row;
      row.context_id = context;
      row.sequence = first + i;
      row.event_type = "type-" + std::to_string(random() % 90);
      row.schema_version = shape.schemas ? static_cast<std::uint32_t>(random() % 3) : 0;
      if (shape.ids && random() % 2 == 0)
        row.event_id = random_text(random, 8 + random() % 30, "0123456789abcdef-");
      if (shape.metadata && random() % 3 == 0)
        row.metadata = "{\"m\":\"" + random_text(random, random() % 80, "abcdefghij 0123456789") + "\"}";
      const std::string_view alphabet = random() % 2 == 0 ? "0123456789abcdef" : "{}\":, uvwxyz\xC3\xA4\x1F";
      row.payload = random() % 10 == 0 ? "{}" : random_text(random, random() % (shape.payload_bytes_max + 1), alphabet);
      rows.push_back(std::move(row));
    }
  }
  shuffle_positions(random, rows);
  for (Row& row : rows)
    row.timestamp = row.recorded_at - std::chrono::microseconds(static_cast<std::int64_t>(random() % 5'000'000));
  return rows;
}

SegmentMeta SegmentDirectory::write(const Rows& rows, std::uint64_t number, ShardId shard) {
  RowSource source(rows);
  auto meta = files.write(shard, number, source);
  REQUIRE_MESSAGE(meta.ok(), to_string(meta.error()));
  return *meta;
}

std::shared_ptr<const SegmentReader> SegmentDirectory::open(const SegmentMeta& meta) {
  auto reader = files.open(meta);
  REQUIRE_MESSAGE(reader.ok(), to_string(reader.error()));
  return *reader;
}

std::string SegmentDirectory::content(const SegmentMeta& meta) {
  return weir::test::read_text(*fs, segment_path(meta.shard, meta.number));
}

void SegmentDirectory::overwrite(const SegmentMeta& meta, const std::string& bytes) {
  auto file = fs->open(segment_path(meta.shard, meta.number), io::OpenMode::read_write);
  REQUIRE(file.ok());
  REQUIRE((*file)->truncate(bytes.size()).ok());
  REQUIRE((*file)->pwrite(weir::test::as_bytes(bytes), 0).ok());
}

Result<Rows> scan(const SegmentReader& reader, ColumnSet columns) {
  auto zones = reader.zones();
  if (!zones)
    return std::move(zones).error();
  Rows rows;
  for (std::size_t zone = 0; zone < zones->size(); ++zone) {
    auto read = reader.read_zone(zone, columns);
    if (!read)
      return std::move(read).error();
    for (std::uint32_t i = 0; i < (*read)->rows(); ++i)
      rows.push_back(Row::of((*read)->row(i)));
  }
  return rows;
}

Result<Rows> replay(const SegmentReader& reader, const std::string& context_id, SequenceRange range,
                    const ReadBounds& bounds) {
  Rows rows;
  for (bool more = true; more;) {
    EventBatch batch;
    auto read = reader.read_context(context_id, range, bounds, batch);
    if (!read)
      return std::move(read).error();
    more = *read;
    if (batch.empty()) {
      CHECK_FALSE(more);
      break;
    }
    CHECK(batch.size() <= std::max<std::size_t>(bounds.events_max, 1));
    if (batch.size() > 1)
      CHECK(batch.bytes() - batch.back().context_id.size() - batch.back().event_type.size() -
                batch.back().event_id.size() - batch.back().metadata.size() - batch.back().payload.size() <
            bounds.bytes_max);
    for (const EventView& event : batch)
      rows.push_back(Row::of(event));
    if (range.backward)
      range.to = batch.back().sequence - 1;
    else
      range.from = batch.back().sequence + 1;
  }
  return rows;
}

Rows expected_replay(const Rows& rows, const std::string& context_id, const SequenceRange& range) {
  Rows expected;
  auto row = std::lower_bound(rows.begin(), rows.end(), context_id,
                              [](const Row& a, const std::string& id) { return a.context_id < id; });
  for (; row != rows.end() && row->context_id == context_id; ++row) {
    if (row->sequence >= range.from && row->sequence <= range.to)
      expected.push_back(*row);
  }
  if (range.backward)
    std::reverse(expected.begin(), expected.end());
  return expected;
}

} // namespace weir::segments::test
