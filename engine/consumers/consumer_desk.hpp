// Where consumers are opened, asked about, reset and closed: who is there, and what consumers.db says of the others.
//
// Purpose: keeps one GroupHost for each group with members and knows which single consumers are open, so that nobody
// resets what somebody reads. Owner: the engine. Threading: the consumers' lane only, and close() once that runs no
// more.
#pragma once

#include "engine/consumers/group_host.hpp"

#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace weir {

class ConsumerDesk {
public:
  /// `parts.store` is set here.
  ConsumerDesk(std::unique_ptr<ConsumerStore> store, GroupHost::Parts parts);

  /// Errors of all: those of ConsumerStore; `not_found` where there is no such consumer; `invalid_argument` where it is
  /// of the other kind; `locked` where it is in use.

  Result<std::optional<ConsumerRecord>> find(std::string_view name) { return store_->find(name); }
  Result<ConsumerRecord> existing(std::string_view name);
  Result<std::vector<ConsumerRecord>> list() { return store_->list(); }
  /// Makes it where there is none of that name, beginning at `first`.
  Result<ConsumerRecord> find_or_create(std::string_view name, ConsumerKind kind, Position first);

  /// Opens a single consumer; until close_single() nobody else can. `beyond`: the first position that no event has.
  Result<Position> open_single(std::string_view name, Position beyond);
  void close_single(std::string_view name);
  /// It is open and goes on at `checkpoint` next time. `invalid_argument` for one below the last.
  Status move_single(std::string_view name, Position checkpoint);

  /// The group at work, with one member more. `invalid_argument` if those that are there have other options.
  struct Joined {
    std::shared_ptr<GroupHost> host;
    GroupHost::MemberId member = 0;
  };
  Result<Joined> join(std::string_view name, const GroupOptions& options, Position beyond);
  void leave(const std::shared_ptr<GroupHost>& host, GroupHost::MemberId member);

  /// What is known without looking at events.
  Result<ConsumerStatus> status(const ConsumerRecord& record);
  Status reset(std::string_view name, Position checkpoint);
  Status remove(std::string_view name);
  Result<std::vector<ParkedEvent>> parked(std::string_view name, Position from, std::size_t events_max);
  /// All of the context (empty: all) are handed out again, in order; returns how many. Members at work get them, else
  /// the next to join.
  Result<std::uint64_t> replay_parked(std::string_view name, std::string_view context_id);

  /// See ConsumerStore::copy_to().
  Result<bool> copy_to(io::FileSystem& to, const std::string& path) { return store_->copy_to(to, path); }

  void close();

private:
  Result<ConsumerRecord> unused(std::string_view name);
  [[nodiscard]] std::shared_ptr<GroupHost> at_work(std::string_view name) const;

  std::unique_ptr<ConsumerStore> store_;
  GroupHost::Parts parts_;
  std::map<std::string, std::shared_ptr<GroupHost>, std::less<>> groups_;
  std::map<std::string, ConsumerRecord, std::less<>> singles_;
};

} // namespace weir
