#include "bench/order_event.hpp"

#include <charconv>

namespace weir::bench {

namespace {

constexpr std::array<std::string_view, 8> countries = {"DE", "FR", "NL", "AT", "PL", "IT", "ES", "DK"};
constexpr std::array<std::string_view, 8> locales = {"de-DE", "fr-FR", "nl-NL", "de-AT",
                                                     "pl-PL", "it-IT", "es-ES", "da-DK"};
constexpr std::array<std::string_view, 8> cities = {"Hamburg", "Lyon",  "Utrecht", "Graz",
                                                    "Gdansk",  "Turin", "Sevilla", "Aarhus"};
constexpr std::array<std::string_view, 4> channels = {"web", "app", "phone", "store"};
constexpr std::array<std::string_view, 4> methods = {"card", "invoice", "transfer", "wallet"};
constexpr std::array<std::string_view, 4> carriers = {"dhl", "ups", "dpd", "gls"};
constexpr std::array<std::string_view, 8> products = {"walnut desk",  "reading lamp", "wool blanket", "oak shelf",
                                                      "steel kettle", "linen shirt",  "glass carafe", "cork board"};
constexpr std::array<std::string_view, 6> reasons = {"wrong size",       "changed my mind", "damaged in transit",
                                                     "found it cheaper", "late delivery",   "ordered twice"};

/// Writes one JSON object, field by field.
class Object {
public:
  explicit Object(std::string& out) : out_(out) { out_ += '{'; }
  ~Object() { out_ += '}'; }
  Object(const Object&) = delete;
  Object& operator=(const Object&) = delete;

  void text(std::string_view name, std::string_view value) {
    key(name);
    out_ += '"';
    out_ += value;
    out_ += '"';
  }
  void number(std::string_view name, std::uint64_t value) {
    key(name);
    digits(value);
  }
  /// Hundredths as a decimal number.
  void money(std::string_view name, std::uint64_t cents) {
    key(name);
    digits(cents / 100);
    out_ += '.';
    out_ += static_cast<char>('0' + cents / 10 % 10);
    out_ += static_cast<char>('0' + cents % 10);
  }
  void flag(std::string_view name, bool value) {
    key(name);
    out_ += value ? "true" : "false";
  }
  /// An id of `prefix` and hexadecimal digits.
  void id(std::string_view name, std::string_view prefix, std::uint64_t value, std::size_t length) {
    key(name);
    out_ += '"';
    out_ += prefix;
    for (std::size_t i = 0; i < length; ++i, value >>= 4U)
      out_ += "0123456789abcdef"[value & 15U];
    out_ += '"';
  }
  void key(std::string_view name) {
    if (!first_)
      out_ += ',';
    first_ = false;
    out_ += '"';
    out_ += name;
    out_ += "\":";
  }

private:
  void digits(std::uint64_t value) {
    std::array<char, 20> buffer{};
    const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr;
    out_.append(buffer.data(), end);
  }
  std::string& out_;
  bool first_ = true;
};

template <class Words> std::string_view one_of(const Words& words, Random& random) {
  return words[random.below(words.size())];
}

void item(Object& event, std::string& out, Random& random) {
  event.key("item");
  Object fields(out);
  fields.id("sku", "SKU-", random.next(), 6);
  fields.text("name", one_of(products, random));
  fields.number("quantity", 1 + random.below(5));
  fields.money("price", 100 + random.below(50'000));
}

void address(Object& event, std::string& out, std::size_t country, Random& random) {
  event.key("address");
  Object fields(out);
  fields.number("street_number", 1 + random.below(200));
  fields.number("postal_code", 10'000 + random.below(90'000));
  fields.text("city", cities[country]);
  fields.text("country", countries[country]);
}

void payment(Object& event, Random& random) {
  event.money("amount", 500 + random.below(200'000));
  event.text("currency", "EUR");
  event.text("method", one_of(methods, random));
  event.id("authorization", "auth_", random.next(), 14);
  event.number("risk_score", random.below(100));
  event.flag("secure", random.below(4) != 0);
}

void parcel(Object& event, Random& random) {
  event.text("carrier", one_of(carriers, random));
  event.id("tracking", "TRK", random.next(), 12);
  event.number("weight_grams", 100 + random.below(20'000));
  event.text("warehouse", one_of(cities, random));
}

} // namespace

void append_order_payload(std::string& out, std::size_t type, std::uint64_t context, Random& random) {
  const std::uint64_t order = mixed(context);
  const std::size_t country = order % countries.size();
  Object event(out);
  event.id("customer_id", "cus_", order, 10);
  event.id("request_id", "", random.next(), 16);
  event.id("session_id", "", random.next(), 8);
  event.text("channel", one_of(channels, random));
  event.text("locale", locales[country]);
  event.number("revision", random.below(1'000));
  switch (type) {
  case 0:
    item(event, out, random);
    event.money("total", 500 + random.below(200'000));
    event.text("currency", "EUR");
    event.text("country", countries[country]);
    break;
  case 1:
  case 2:
    item(event, out, random);
    event.money("total", 500 + random.below(200'000));
    event.flag("gift", random.below(8) == 0);
    break;
  case 3:
    address(event, out, country, random);
    event.text("reason", one_of(reasons, random));
    event.flag("verified", random.below(2) == 0);
    break;
  case 4:
  case 5: payment(event, random); break;
  case 6:
    payment(event, random);
    event.text("reason", one_of(reasons, random));
    break;
  case 7:
    item(event, out, random);
    event.text("warehouse", one_of(cities, random));
    event.number("shelf", random.below(5'000));
    break;
  case 8:
  case 9:
    parcel(event, random);
    event.number("parcels", 1 + random.below(3));
    event.id("packed_by", "emp-", random.next(), 4);
    break;
  case 10:
    parcel(event, random);
    address(event, out, country, random);
    break;
  default:
    event.text("reason", one_of(reasons, random));
    event.id("agent", "emp-", random.next(), 4);
    event.number("minutes", random.below(60));
    event.id("ticket", "tic_", random.next(), 12);
    event.flag("solved", random.below(3) != 0);
    break;
  }
}

} // namespace weir::bench
