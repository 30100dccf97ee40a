#include "wal/group.hpp"

#include <weir/limits.hpp>

#include "engine/check.hpp"
#include "wal/format.hpp"

#include <algorithm>
#include <cstring>

namespace weir::wal {
namespace {

/// Record headers that `reserve_bytes` leaves room for: a small store call is some 250 bytes.
constexpr std::size_t body_bytes_guess = 256;

} // namespace

Group::Group(std::size_t reserve_bytes)
    : capacity_(sizeof(GroupHeader) + reserve_bytes + (reserve_bytes / body_bytes_guess + 1) * sizeof(RecordHeader)),
      size_(sizeof(GroupHeader)) {
  buffer_ = std::make_unique_for_overwrite<char[]>(capacity_);
}

void Group::add(std::string_view body) {
  char* const to = add_uninitialized(body.size());
  if (!body.empty())
    std::memcpy(to, body.data(), body.size());
}

char* Group::add_uninitialized(std::size_t body_bytes) {
  WEIR_CHECK(body_bytes <= limits::encoded_call_bytes_max);
  const std::size_t offset = size_ + sizeof(RecordHeader);
  if (offset + body_bytes > capacity_)
    grow(offset + body_bytes);
  size_ = offset + body_bytes;
  bodies_.push_back({offset, body_bytes});
  return buffer_.get() + offset;
}

std::string_view Group::body(std::size_t i) const {
  WEIR_CHECK(i < bodies_.size());
  return {buffer_.get() + bodies_[i].offset, bodies_[i].size};
}

std::vector<std::string_view> Group::bodies() const {
  std::vector<std::string_view> views;
  views.reserve(bodies_.size());
  for (const Body& body : bodies_)
    views.emplace_back(buffer_.get() + body.offset, body.size);
  return views;
}

std::span<const std::byte> Group::frame(std::uint64_t identity, std::uint64_t offset, std::uint64_t first_record,
                                        std::uint64_t synced_offset) {
  WEIR_CHECK(!bodies_.empty());
  std::uint64_t record = first_record;
  for (const Body& body : bodies_) {
    const char* const bytes = buffer_.get() + body.offset;
    RecordHeader header;
    header.body_bytes = static_cast<std::uint32_t>(body.size);
    header.body_check = body_check_of({bytes, body.size}, identity, offset + body.offset);
    const std::size_t at = body.offset - sizeof header;
    header.header_check = header_check_of(header, record++, identity, offset + at);
    std::memcpy(buffer_.get() + at, &header, sizeof header);
  }

  GroupHeader header;
  header.records = static_cast<std::uint32_t>(bodies_.size());
  header.first_record = first_record;
  header.group_bytes = size_;
  header.synced_offset = synced_offset;
  header.check = check_of(header, identity, offset);
  std::memcpy(buffer_.get(), &header, sizeof header);
  return std::as_bytes(std::span<const char>(buffer_.get(), size_));
}

void Group::grow(std::size_t size_min) {
  const std::size_t capacity = std::max(size_min, capacity_ * 2);
  auto buffer = std::make_unique_for_overwrite<char[]>(capacity);
  std::memcpy(buffer.get(), buffer_.get(), size_);
  buffer_ = std::move(buffer);
  capacity_ = capacity;
}

} // namespace weir::wal
