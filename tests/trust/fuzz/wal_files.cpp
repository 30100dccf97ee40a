#include "trust/fuzz/wal_files.hpp"

#include "wal/format.hpp"

#include <algorithm>

namespace weir::fuzz {

namespace {
constexpr std::size_t length_bytes = sizeof(std::uint32_t);
constexpr std::size_t file_bytes_max = 64 * 1024;
} // namespace

std::string fold_wal_file(std::string_view content) {
  const auto size = static_cast<std::uint32_t>(content.size());
  std::string folded(reinterpret_cast<const char*>(&size), sizeof size);
  folded += content.substr(0, sizeof(wal::FileHeader));
  if (content.size() > wal::data_offset)
    folded += content.substr(wal::data_offset);
  folded.resize(std::max(folded.find_last_not_of('\0') + 1, length_bytes));
  return folded;
}

std::string unfold_wal_file(std::string_view folded) {
  if (folded.size() < length_bytes)
    return {};
  std::string content(folded.substr(length_bytes, sizeof(wal::FileHeader)));
  if (folded.size() > length_bytes + sizeof(wal::FileHeader)) {
    content.resize(wal::data_offset);
    content += folded.substr(length_bytes + sizeof(wal::FileHeader));
  }
  content.resize(std::min<std::size_t>(load<std::uint32_t>(folded, 0), file_bytes_max));
  return content;
}

void repair_wal_file(std::string& folded, std::uint64_t number, Random& random) {
  const std::size_t begin = length_bytes + sizeof(wal::FileHeader);
  if (folded.size() < begin)
    return;
  const std::uint64_t identity = file_identity(directory_seed, wal::identity_kind, 0, number);
  auto header = load<wal::FileHeader>(folded, length_bytes);
  header.check = wal::check_of(header, identity, 0);
  put(folded, length_bytes, header);
  const bool chain = random() % 2 == 0;
  std::uint64_t next_record = header.first_record, records = 0;
  for (std::size_t at = begin; at + sizeof(wal::GroupHeader) <= folded.size();) {
    const std::uint64_t offset = wal::data_offset + (at - begin);
    if (load<std::uint32_t>(folded, at) == wal::seal_magic) {
      auto seal = load<wal::Seal>(folded, at);
      if (chain) {
        seal.records = records;
        seal.last_record = header.first_record + records - 1;
      }
      seal.check = wal::check_of(seal, identity, offset);
      put(folded, at, seal);
      return;
    }
    auto group = load<wal::GroupHeader>(folded, at);
    if (chain)
      group.first_record = next_record;
    next_record = group.first_record + group.records;
    records += group.records;
    group.check = wal::check_of(group, identity, offset);
    put(folded, at, group);
    const std::size_t end = std::min<std::uint64_t>(folded.size(), at + std::uint64_t{group.group_bytes});
    std::size_t inside = at + sizeof group;
    if (group.raw_bytes != 0 && inside + sizeof(wal::Check) <= end) {
      const std::size_t block = inside + sizeof(wal::Check);
      put(folded, inside,
          wal::check_of_bytes(std::string_view(folded).substr(block, end - block), identity, offset + (block - at)));
    }
    while (group.raw_bytes == 0 && inside < end) {
      const char* place = folded.data() + inside;
      wal::Record record;
      if (!wal::take_record(place, folded.data() + end, record))
        break;
      const auto body = static_cast<std::size_t>(record.body.data() - folded.data());
      put(folded, body - sizeof(wal::Check), wal::check_of_bytes(record.body, identity, offset + (body - at)));
      inside = body + record.body.size();
    }
    if (group.group_bytes < sizeof group)
      return;
    at += group.group_bytes;
  }
}

} // namespace weir::fuzz
