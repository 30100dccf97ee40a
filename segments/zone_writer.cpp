#include "segments/zone_writer.hpp"

#include "engine/content_hash.hpp"
#include "segments/bytes.hpp"
#include "segments/integer_column.hpp"

namespace weir::segments {
void ZoneWriter::begin(std::uint64_t first_row) {
  meta_ = {};
  meta_.first_row = first_row;
  place_ = {};
  place_.begin = out_.offset();
  blocks_.clear();
  for (std::vector<std::uint64_t>* const numbers : {&positions_, &recorded_, &timestamps_, &types_})
    numbers->clear();
  for (Strings* const column : {&event_ids_, &metadata_, &payloads_}) {
    column->lengths.clear();
    column->first_row = 0;
    column->any = false;
  }
  hashes_.clear();
}

bool ZoneWriter::block_ends_before(const EventView& event, bool new_context) const {
  // A replay decodes whole blocks: a context that begins with one drags nothing of its neighbours along. With a
  // dictionary blocks as small as this compress as well as large ones.
  if (new_context && event_ids_.bytes.size() + metadata_.bytes.size() + payloads_.bytes.size() >= block_bytes_min)
    return true;
  return would_overfill(event_ids_, event.event_id) || would_overfill(metadata_, event.metadata) ||
         would_overfill(payloads_, event.payload);
}

void ZoneWriter::add(const EventView& event, std::uint32_t type, bool new_context) {
  if (block_ends_before(event, new_context))
    write_all_strings();
  add_string(event_ids_, event.event_id);
  add_string(metadata_, event.metadata);
  const std::string_view payload = add_string(payloads_, event.payload);
  positions_.push_back(event.position);
  recorded_.push_back(micros_of(event.recorded_at));
  timestamps_.push_back(micros_of(event.timestamp));
  types_.push_back(type);
  if (!event.event_id.empty()) {
    const Hash128 hash = content_hash(event, scratch_);
    append_integer(hashes_, hash.low);
    append_integer(hashes_, hash.high);
  }
  extend(meta_, event, type);
  fields_.add(event, payload, type);
}

/// Where the string is now.
std::string_view ZoneWriter::add_string(Strings& column, std::string_view value) {
  column.lengths.push_back(value.size());
  if (value.empty())
    return {};
  column.any = true;
  return column.bytes.append(value);
}

void ZoneWriter::write_all_strings() {
  // All columns are cut at the same row, so the strings of a replay lie side by side and come with one read.
  for (Strings* column : {&event_ids_, &metadata_, &payloads_}) {
    if (!column->bytes.empty())
      write_strings(*column);
  }
}

bool ZoneWriter::would_overfill(const Strings& column, std::string_view value) {
  return !column.bytes.empty() && column.bytes.size() + value.size() > block_bytes_target;
}

void ZoneWriter::write_strings(Strings& column) {
  blocks_.push_back({out_.append(column.kind, column.bytes), column.first_row});
  column.bytes.clear();
  column.first_row = static_cast<std::uint32_t>(column.lengths.size());
}

void ZoneWriter::write_block(BlockKind kind, std::string_view raw) {
  blocks_.push_back({out_.append(kind, raw), 0});
}

void ZoneWriter::write_integers(BlockKind kind, const std::vector<std::uint64_t>& values) {
  integers_.clear();
  append_integers(integers_, values);
  write_block(kind, integers_);
  if (pages_ != nullptr)
    pages_->add_numbers(kind, integers_);
}

void ZoneWriter::finish() {
  write_all_strings();
  if (!hashes_.empty())
    write_block(BlockKind::content_hash, hashes_);
  fields_.write_zone();
  place_.tail = out_.offset();
  write_integers(BlockKind::position, positions_);
  write_integers(BlockKind::recorded_at, recorded_);
  if (timestamps_ != recorded_)
    write_integers(BlockKind::timestamp, timestamps_);
  write_integers(BlockKind::type, types_);
  if (event_ids_.any)
    write_integers(BlockKind::event_id_lengths, event_ids_.lengths);
  if (metadata_.any)
    write_integers(BlockKind::metadata_lengths, metadata_.lengths);
  if (payloads_.any)
    write_integers(BlockKind::payload_lengths, payloads_.lengths);
  place_.directory = out_.append(BlockKind::directory, encode_directory(meta_.rows, blocks_));
  if (pages_ != nullptr)
    pages_->end_zone(meta_.rows);
}

} // namespace weir::segments
