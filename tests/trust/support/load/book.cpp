#include "trust/support/load/book.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <new>
#include <optional>
#include <stdexcept>

#include <sys/mman.h>

namespace weir::trust {

struct Book::Header {
  std::atomic<std::uint64_t> acknowledged{0}, refused{0}, mistaken{0};
  std::atomic<bool> told{false}, told_all{false};
  char first_mistake[400] = {};
};

struct alignas(64) Book::Page {
  std::atomic<std::uint32_t> made{0};
};

namespace {

constexpr std::size_t header_bytes = 1024;
constexpr std::size_t filling_bytes = 1 << 20U;

std::uint64_t mixed(std::uint64_t value) {
  value ^= value >> 33U;
  value *= 0xff51afd7ed558ccdU;
  value ^= value >> 33U;
  value *= 0xc4ceb9fe1a85ec53U;
  return value ^ (value >> 33U);
}

struct CallName {
  std::uint32_t number = 0;
  std::size_t index = 0;
};

std::optional<CallName> name_in(std::string_view payload) {
  const std::string head(payload.substr(0, 64));
  unsigned number = 0, index = 0;
  if (std::sscanf(head.c_str(), "{\"call\":%u,\"event\":%u,", &number, &index) != 2)
    return std::nullopt;
  return CallName{number, index};
}

} // namespace

Book::Book(std::uint64_t seed, const BookSize& size) : seed_(seed), size_(size) {
  static constexpr char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-";
  std::uint64_t dice = mixed(seed);
  for (std::size_t i = 0; i < filling_bytes; ++i) { // long, so that what compression finds twice is rare
    if (i % 8 == 0)
      dice = mixed(dice + i);
    filling_ += letters[(dice >> (i % 8 * 8)) & 63U];
  }
  static_assert(sizeof(Header) <= header_bytes && sizeof(Page) == 64 && sizeof(std::atomic<Answer>) == 1);
  mapped_bytes_ = header_bytes + size.contexts * (sizeof(Page) + size.calls_max);
  void* const memory = ::mmap(nullptr, mapped_bytes_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED)
    throw std::runtime_error("no memory for the book");
  header_ = new (memory) Header;
  for (std::size_t context = 0; context < size.contexts; ++context)
    new (&page(context)) Page; // the answers are zero, which is Answer::none
}

Book::~Book() {
  ::munmap(header_, mapped_bytes_);
}

void Book::touch() {
  std::memset(static_cast<void*>(answers(0)), 0, size_.contexts * size_.calls_max);
}

Book::Page& Book::page(std::size_t context) const noexcept {
  return reinterpret_cast<Page*>(reinterpret_cast<char*>(header_) + header_bytes)[context];
}

std::atomic<Answer>* Book::answers(std::size_t context) const noexcept {
  return reinterpret_cast<std::atomic<Answer>*>(&page(size_.contexts)) + context * size_.calls_max;
}

std::string Book::context_id(std::size_t context) const {
  std::string name = "c";
  return name.append(std::to_string(context)); // g++ 12 warns of the shorter way
}

std::uint32_t Book::begin(std::size_t context) {
  if (!has_room(context))
    throw std::runtime_error("the book is full");
  return page(context).made.fetch_add(1);
}

bool Book::has_room(std::size_t context) const {
  return page(context).made.load() < size_.calls_max;
}

std::size_t Book::events_of(std::size_t context, std::uint32_t number) const {
  const std::uint64_t dice = mixed(seed_ ^ (context << 40U) ^ number);
  return dice % 4 == 0 ? 1 + (dice >> 8U) % size_.events_max : 1;
}

std::string Book::payload(std::size_t context, std::uint32_t number, std::size_t index) const {
  std::string text = "{\"call\":" + std::to_string(number) + ",\"event\":" + std::to_string(index) + ",\"fill\":\"";
  const std::uint64_t dice = mixed(seed_ ^ (context << 40U) ^ (std::uint64_t{index} << 56U) ^ number ^ 0x5eed);
  const std::size_t room = size_.payload_bytes_max - std::min(size_.payload_bytes_max, text.size() + 2);
  const std::size_t fill = std::min(filling_.size(), room / 2 + dice % (room / 2 + 1));
  text.append(filling_, (dice >> 32U) % (filling_.size() - fill + 1), fill);
  return text.append("\"}");
}

std::vector<Event> Book::events(std::size_t context, std::uint32_t number) const {
  std::vector<Event> all(events_of(context, number));
  for (std::size_t index = 0; index < all.size(); ++index) {
    all[index].context_id = context_id(context);
    all[index].event_type = "sent";
    all[index].payload = payload(context, number, index);
  }
  return all;
}

void Book::mistake(const std::string& what) {
  ++header_->mistaken;
  if (!header_->told.exchange(true)) {
    std::strncpy(header_->first_mistake, what.c_str(), sizeof header_->first_mistake - 1);
    header_->told_all = true;
  }
}

void Book::answered(std::size_t context, std::uint32_t number, const Result<Receipt>& receipt) {
  Answer answer = Answer::acknowledged;
  if (!receipt) {
    switch (receipt.code()) {
    case Errc::disk_full:
    case Errc::overloaded: answer = Answer::refused; break;
    case Errc::deadline_exceeded:
    case Errc::closing: answer = Answer::unknown; break;
    default:
      answer = Answer::mistaken;
      mistake(context_id(context) + ", call " + std::to_string(number) + ": " + to_string(receipt.error()));
    }
  } else if (receipt->durability != Durability::synced || receipt->events != events_of(context, number)) {
    answer = Answer::mistaken;
    mistake(context_id(context) + ", call " + std::to_string(number) + ": a receipt for something else");
  }
  if (answer == Answer::acknowledged)
    ++header_->acknowledged;
  if (answer == Answer::refused)
    ++header_->refused;
  if (answers(context)[number].exchange(answer) != Answer::none)
    mistake(context_id(context) + ", call " + std::to_string(number) + " was answered twice");
}

std::uint64_t Book::acknowledged() const noexcept {
  return header_->acknowledged.load();
}

std::uint64_t Book::refused() const noexcept {
  return header_->refused.load();
}

std::string Book::first_mistake() const {
  return header_->told_all.load() ? header_->first_mistake : "";
}

Book::Totals Book::totals() const {
  Totals totals;
  for (std::size_t context = 0; context < size_.contexts; ++context) {
    const std::uint32_t made = page(context).made.load();
    totals.made += made;
    for (std::uint32_t number = 0; number < made; ++number)
      switch (answers(context)[number].load()) {
      case Answer::none: ++totals.unanswered; break;
      case Answer::acknowledged: ++totals.acknowledged; break;
      case Answer::refused: ++totals.refused; break;
      case Answer::unknown: ++totals.unknown; break;
      case Answer::mistaken: break;
      }
  }
  totals.mistaken = header_->mistaken.load();
  return totals;
}

void Book::judge_context(const Engine& engine, bool after_kill, std::size_t context, Verdict& verdict) const {
  const auto wrong = [&](const std::string& what) {
    if (verdict.wrong++ == 0)
      verdict.what = context_id(context) + ": " + what;
  };
  const std::uint32_t made = page(context).made.load();
  std::uint64_t acknowledged = 0;
  for (std::uint32_t number = 0; number < made; ++number)
    acknowledged += answers(context)[number].load() == Answer::acknowledged ? 1 : 0;
  auto stream = engine.replay(context_id(context));
  if (!stream)
    return wrong(to_string(stream.error()));
  std::int64_t last = -1;  // call seen
  std::size_t to_come = 0; // events of it
  Sequence next_sequence = 1;
  while (true) {
    const auto batch = stream->next();
    if (!batch)
      return wrong(to_string(batch.error()));
    if (batch->empty())
      break;
    for (const auto& event : *batch) {
      ++verdict.events;
      const auto name = name_in(event.payload);
      if (!name || name->number >= made || event.sequence != next_sequence++)
        return wrong("an event nobody has sent, or a hole, at sequence " + std::to_string(event.sequence));
      const std::size_t size = events_of(context, name->number);
      const bool goes_on = to_come != 0 ? name->number == last && name->index == size - to_come
                                        : std::int64_t{name->number} > last && name->index == 0;
      if (!goes_on)
        return wrong("call " + std::to_string(name->number) + " after " + std::to_string(last) +
                     ": twice, out of order or in part");
      if (event.payload != payload(context, name->number, name->index))
        return wrong("another payload than was sent in call " + std::to_string(name->number));
      last = name->number;
      to_come = (to_come != 0 ? to_come : size) - 1;
      if (name->index != 0)
        continue;
      const Answer answer = answers(context)[name->number].load();
      if (answer == Answer::acknowledged)
        --acknowledged;
      else if (answer != Answer::unknown && !after_kill)
        return wrong("call " + std::to_string(name->number) + " is there, and was refused");
    }
  }
  if (to_come != 0)
    return wrong("the end is missing of call " + std::to_string(last));
  if (acknowledged != 0 && verdict.lost == 0 && verdict.what.empty())
    verdict.what = context_id(context) + ": " + std::to_string(acknowledged) + " acknowledged calls are not there";
  verdict.lost += acknowledged;
}

Book::Verdict Book::judge(const Engine& engine, bool after_kill, std::span<const std::size_t> contexts) const {
  Verdict verdict;
  for (const std::size_t context : contexts)
    judge_context(engine, after_kill, context, verdict);
  if (!contexts.empty())
    return verdict;
  for (std::size_t context = 0; context < size_.contexts; ++context)
    judge_context(engine, after_kill, context, verdict);
  const auto counted = engine.query("QUERY * COUNT");
  const bool right = counted.ok() && counted->rows.size() == 1 && counted->rows[0].size() == 1 &&
                     counted->rows[0][0].as_uint64() == verdict.events;
  if (verdict.wrong == 0 && !right) {
    ++verdict.wrong;
    verdict.what = counted.ok() ? "a query counts something else than replays find" : to_string(counted.error());
  }
  return verdict;
}

bool Book::sees_a_loss(const Engine& engine) {
  const std::size_t context = size_.contexts - 1;
  const std::uint32_t number = begin(context);
  answered(context, number, Receipt{1, 1, static_cast<std::uint32_t>(events_of(context, number)), Durability::synced});
  return judge(engine, false, std::array{context}).lost == 1;
}

} // namespace weir::trust
