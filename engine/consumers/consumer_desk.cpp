#include "engine/consumers/consumer_desk.hpp"

#include "engine/text.hpp"

#include <utility>

namespace weir {

namespace {

/// `where` is no part of it: two conditions cannot be told apart.
bool same(const GroupOptions& a, const GroupOptions& b) {
  return a.types == b.types && a.context_prefix == b.context_prefix && a.where.has_value() == b.where.has_value() &&
         a.ack_timeout_ms == b.ack_timeout_ms && a.deliveries_max == b.deliveries_max &&
         a.in_flight_max == b.in_flight_max && a.on_park == b.on_park && a.parked_max == b.parked_max;
}

Status check_kind(const ConsumerRecord& record, ConsumerKind kind) {
  if (record.kind == kind)
    return {};
  return fail(Errc::invalid_argument,
              format("consumer {} is a {}, not a {}", record.name, to_string(record.kind), to_string(kind)),
              record.name);
}

Status check_place(const ConsumerRecord& record, Position beyond) {
  if (record.checkpoint <= beyond)
    return {};
  return fail(Errc::corruption,
              format("consumer {} is at position {}, but this directory's events end below {}: it was put back from an "
                     "older copy; reset the consumer to where it is to go on",
                     record.name, record.checkpoint, beyond),
              record.name);
}

Error in_use(std::string_view name) {
  return fail(Errc::locked, format("consumer {} is in use", name), std::string(name));
}

} // namespace

ConsumerDesk::ConsumerDesk(std::unique_ptr<ConsumerStore> store, GroupHost::Parts parts)
    : store_(std::move(store)), parts_(std::move(parts)) {
  parts_.store = store_.get();
}

std::shared_ptr<GroupHost> ConsumerDesk::at_work(std::string_view name) const {
  const auto found = groups_.find(name);
  return found == groups_.end() || found->second->failure() ? nullptr : found->second;
}

Result<ConsumerRecord> ConsumerDesk::existing(std::string_view name) {
  auto found = store_->find(name);
  if (!found)
    return std::move(found).error();
  if (!*found)
    return fail(Errc::not_found, format("there is no consumer {}", name), std::string(name));
  return std::move(**found);
}

Result<ConsumerRecord> ConsumerDesk::unused(std::string_view name) {
  if (at_work(name) || singles_.contains(name))
    return in_use(name);
  return existing(name);
}

Result<ConsumerRecord> ConsumerDesk::find_or_create(std::string_view name, ConsumerKind kind, Position first) {
  auto found = store_->find(name);
  if (!found)
    return std::move(found).error();
  if (!*found)
    return store_->create(name, kind, first);
  WEIR_TRY(check_kind(**found, kind));
  return std::move(**found);
}

Result<Position> ConsumerDesk::open_single(std::string_view name, Position beyond) {
  auto record = unused(name);
  if (!record)
    return std::move(record).error();
  WEIR_TRY(check_kind(*record, ConsumerKind::single));
  WEIR_TRY(check_place(*record, beyond));
  const Position checkpoint = record->checkpoint;
  singles_.emplace(name, std::move(*record));
  return checkpoint;
}

void ConsumerDesk::close_single(std::string_view name) {
  if (const auto found = singles_.find(name); found != singles_.end())
    singles_.erase(found);
}

Status ConsumerDesk::move_single(std::string_view name, Position checkpoint) {
  const auto found = singles_.find(name);
  if (found == singles_.end())
    return fail(Errc::closing, "the consumer is closed", std::string(name));
  if (checkpoint < found->second.checkpoint)
    return fail(Errc::invalid_argument,
                format("consumer {} is at position {}, a checkpoint never goes back; {} is lower", name,
                       found->second.checkpoint, checkpoint),
                std::string(name));
  return store_->move(found->second, checkpoint);
}

Result<ConsumerDesk::Joined> ConsumerDesk::join(std::string_view name, const GroupOptions& options, Position beyond) {
  std::shared_ptr<GroupHost> host = at_work(name);
  if (!host) {
    auto record = existing(name);
    if (!record)
      return std::move(record).error();
    WEIR_TRY(check_kind(*record, ConsumerKind::group));
    WEIR_TRY(check_place(*record, beyond));
    parts_.first_token += std::uint64_t{1} << 40; // more than one host ever gives out
    auto opened = GroupHost::open(parts_, std::move(*record), options);
    if (!opened)
      return std::move(opened).error();
    host = std::move(*opened);
    groups_.insert_or_assign(std::string(name), host);
  } else if (!same(host->options(), options)) {
    return fail(Errc::invalid_argument, format("members of group {} are there with other options", name),
                std::string(name));
  }
  const GroupHost::MemberId member = host->join();
  return Joined{std::move(host), member};
}

void ConsumerDesk::leave(const std::shared_ptr<GroupHost>& host, GroupHost::MemberId member) {
  host->leave(member);
  if (host->members() != 0)
    return;
  host->retire();
  if (const auto found = groups_.find(host->record().name); found != groups_.end() && found->second == host)
    groups_.erase(found);
}

Result<ConsumerStatus> ConsumerDesk::status(const ConsumerRecord& record) {
  ConsumerStatus status;
  status.name = record.name;
  status.kind = record.kind;
  status.checkpoint = record.checkpoint;
  if (record.kind == ConsumerKind::single) {
    status.members = singles_.contains(record.name) ? 1 : 0;
    return status;
  }
  const auto counts = store_->count(record);
  if (!counts)
    return counts.error();
  status.parked = counts->parked;
  status.done_above = counts->done;
  if (const auto host = at_work(record.name)) {
    status.members = host->members();
    status.in_flight = host->group().in_flight();
  }
  return status;
}

Status ConsumerDesk::reset(std::string_view name, Position checkpoint) {
  auto record = unused(name);
  if (!record)
    return std::move(record).error();
  return store_->reset(*record, checkpoint);
}

Status ConsumerDesk::remove(std::string_view name) {
  const auto record = unused(name);
  if (!record)
    return record.error();
  return store_->remove(*record);
}

Result<std::vector<ParkedEvent>> ConsumerDesk::parked(std::string_view name, Position from, std::size_t events_max) {
  const auto record = existing(name);
  if (!record)
    return record.error();
  WEIR_TRY(check_kind(*record, ConsumerKind::group));
  return store_->parked(*record, from, events_max);
}

Result<std::uint64_t> ConsumerDesk::replay_parked(std::string_view name, std::string_view context_id) {
  if (const auto host = at_work(name))
    return host->replay_parked(context_id);
  auto record = existing(name);
  if (!record)
    return std::move(record).error();
  WEIR_TRY(check_kind(*record, ConsumerKind::group));
  const auto wanted = store_->want_parked(*record, context_id);
  if (!wanted)
    return wanted.error();
  return std::uint64_t{wanted->size()};
}

void ConsumerDesk::close() {
  for (const auto& [name, host] : groups_)
    if (!host->failure())
      host->end(fail(Errc::closing, "the engine is closing"));
  groups_.clear();
  singles_.clear();
  store_->close();
}

} // namespace weir
