// What was asked for and promised beside events, kept outside the data.
//
// Purpose: the ledger's pages for schemas, retention, consumers, snapshots and backups. What is asked is noted before,
// what is answered after the call, so that a crash in between finds just that. Owner: a Ledger. Threading: one thread.
#pragma once

#include <weir/event.hpp>
#include <weir/result.hpp>

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace weir::trust {

inline constexpr std::size_t calls_max = 128;
/// Bit i: call i of a ledger.
using CallSet = std::bitset<calls_max>;

/// A version that was answered before call `calls` was made, so that this one and all later ones are judged by it.
struct SchemaInForce {
  std::uint32_t version = 0;
  std::size_t calls = 0;
};

struct ConsumerBook {
  static constexpr const char* single = "reader";
  static constexpr const char* group = "workers";

  struct Delivery {
    std::uint32_t told = 0; ///< How often a member got it.
    bool to_be_done = false, done = false;
    bool to_be_parked = false, parked = false;
  };
  bool in_use = false;
  bool single_there = false, group_there = false; ///< Answered to whoever made them.
  Position checkpoint = 0;                        ///< Of the single one, answered.
  Position checkpoint_asked = 0;
  std::set<Position> read; ///< What the single one got.
  std::map<Position, Delivery> deliveries;
};

struct SnapshotBook {
  static constexpr const char* tag = "state-1";
  /// By context; 0: nothing is known of what is there.
  std::map<std::string, Sequence> newest;
};

/// A copy of all there is, in a directory of its own.
struct AskedCopy {
  std::string directory;
  bool restored = false; ///< From a backup; else it is a backup.
  CallSet must_hold;
  std::optional<Status> answer{};
};

struct Books {
  std::vector<SchemaInForce> schemas;
  /// By what the catalog says of the run while it is under way: how far each context goes.
  std::map<std::string, std::map<std::string, Sequence>> retained;
  ConsumerBook consumers;
  SnapshotBook snapshots;
  std::vector<AskedCopy> copies;
};

} // namespace weir::trust
