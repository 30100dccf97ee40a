#include "trust/support/disk/images.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <vector>

namespace weir::trust {

namespace {

using io::CrashPolicy;
using io::Fate;
using io::UnsyncedOperation;
using Kind = UnsyncedOperation::Kind;
using Visit = std::function<void(const CrashImage&)>;

constexpr std::uint64_t sector_bytes = 512;

/// Lengths a torn write may have: at odd places, at sectors counted from its beginning and from the file's.
std::set<std::uint64_t> tears(const UnsyncedOperation& write) {
  std::set<std::uint64_t> lengths;
  const std::uint64_t to_sector = sector_bytes - write.offset % sector_bytes;
  for (const std::uint64_t length :
       {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{7}, std::uint64_t{8}, std::uint64_t{511}, std::uint64_t{512},
        std::uint64_t{4095}, std::uint64_t{4096}, to_sector, to_sector + 7 * sector_bytes, write.size_bytes - 1})
    if (length < write.size_bytes)
      lengths.insert(length);
  return lengths;
}

void torn_writes(const std::vector<UnsyncedOperation>& operations, const ImageKinds& kinds, const Visit& visit) {
  const auto last = std::find_if(operations.rbegin(), operations.rend(), [](const UnsyncedOperation& operation) {
    return operation.kind == Kind::write && operation.size_bytes > 0;
  });
  if (last == operations.rend())
    return;
  struct Tail {
    Fate::Rest rest;
    const char* name;
  };
  static constexpr std::array tails{Tail{Fate::Rest::old, "old"}, Tail{Fate::Rest::zeros, "zeros"},
                                    Tail{Fate::Rest::garbage, "garbage"}};
  for (const std::uint64_t length : tears(*last)) {
    for (const Tail& tail : tails) {
      const Fate fate{length, tail.rest};
      const auto policy = [&](const Fate& others) {
        CrashPolicy torn = CrashPolicy::chosen([number = last->number, fate, others](const UnsyncedOperation& each) {
          return each.number == number ? fate : others;
        });
        torn.seed = kinds.seed;
        return torn;
      };
      const std::string name = "torn-" + std::to_string(length) + "-" + tail.name;
      visit({name, policy(Fate::kept()), false});
      if (operations.size() > 1)
        visit({name + "-alone", policy(Fate::lost()), false});
    }
  }
}

void names_apart(const std::vector<UnsyncedOperation>& operations, const ImageKinds& kinds, const Visit& visit) {
  std::vector<std::uint64_t> names;
  for (const UnsyncedOperation& operation : operations)
    if (operation.kind == Kind::name)
      names.push_back(operation.number);
  if (names.empty())
    return;
  // A file system may write names in another order than contents, and (not ext4) names in any order.
  const auto with_contents = [&](const std::string& name, const std::set<std::uint64_t>& kept) {
    for (const bool contents : {false, true})
      visit({name + (contents ? "-contents" : ""), CrashPolicy::chosen([kept, contents](const UnsyncedOperation& each) {
               return (each.kind == Kind::name ? kept.contains(each.number) : contents) ? Fate::kept() : Fate::lost();
             }),
             false});
  };
  constexpr std::size_t all_subsets_of = 5;
  if (names.size() <= all_subsets_of) {
    for (std::uint64_t subset = 0; subset < (std::uint64_t{1} << names.size()); ++subset) {
      std::set<std::uint64_t> kept;
      for (std::size_t i = 0; i < names.size(); ++i)
        if ((subset >> i & 1) != 0)
          kept.insert(names[i]);
      with_contents("names-" + std::to_string(subset), kept);
    }
    return;
  }
  for (std::size_t count = 0; count <= names.size(); ++count)
    with_contents("names-first-" + std::to_string(count),
                  {names.begin(), names.begin() + static_cast<std::ptrdiff_t>(count)});
  const auto random = io::make_seeded_random(kinds.seed);
  for (int i = 0; i < 32; ++i) {
    std::set<std::uint64_t> kept;
    for (const std::uint64_t name : names)
      if ((random->next() & 1) != 0)
        kept.insert(name);
    with_contents("names-random-" + std::to_string(i), kept);
  }
}

} // namespace

void for_each_image(const io::MemoryFileSystem& fs, const ImageKinds& kinds, const Visit& visit) {
  visit({"lost", CrashPolicy::lose_unsynced(), false});
  const auto operations = fs.unsynced();
  visit({"kept", CrashPolicy::keep_everything(), false});
  if (operations.empty())
    return;
  visit({"killed", CrashPolicy::keep_everything(), true});
  if (kinds.singles && operations.size() > 1) {
    for (const bool keep : {true, false})
      for (const UnsyncedOperation& one : operations)
        visit({(keep ? "only-" : "without-") + std::to_string(one.number),
               CrashPolicy::chosen([number = one.number, keep](const UnsyncedOperation& each) {
                 return (each.number == number) == keep ? Fate::kept() : Fate::lost();
               }),
               false});
  }
  torn_writes(operations, kinds, visit);
  names_apart(operations, kinds, visit);
  for (unsigned i = 0; i < kinds.random_subsets; ++i)
    visit({"random-" + std::to_string(i), CrashPolicy::random_subset(kinds.seed * 1'000'003 + i), false});
}

bool changes_disk(io::Operation operation) {
  using io::Operation;
  switch (operation) {
  case Operation::list:
  case Operation::stat:
  case Operation::free_bytes:
  case Operation::read:
  case Operation::size: return false;
  default: return true;
  }
}

} // namespace weir::trust
