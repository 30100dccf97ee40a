#include <weir/json_model.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace weir {

namespace {

constexpr std::size_t slug_bytes_max = 30;

// Latin letters without their marks, in two columns each; blank: no letter of the Latin alphabet.
// clang-format off
constexpr std::string_view letters_from_00c0 =
    "a a a a a a aec e e e e i i i i d n o o o o o   o u u u u y thssa a a a a a aec e e e e i i i i "
    "d n o o o o o   o u u u u y thy a a a a a a c c c c c c c c d d d d e e e e e e e e e e g g g g "
    "g g g g h h h h i i i i i i i i i i ijijj j k k k l l l l l l l l l l n n n n n n n n n o o o o "
    "o o oeoer r r r r r s s s s s s s s t t t t t t u u u u u u u u u u u u w w y y y z z z z z z s "
    "b b           c c d d d d   e     f f g       i k k l           o o     p p             t t t u "
    "u   v y y z z                           dzdzdzljljljnjnjnja a i i o o u u u u u u u u u u e a a "
    "a a aeaeg g g g k k o o o o     j dzdzdzg g     n n a a aeaeo o a a a a e e e e i i i i o o o o "
    "r r r r u u u u s s t t g g h h     ououz z a a e e o o o o o o o o y y       j     a c c l t   "
    "      b u   e e j j     r r y y ";
constexpr std::string_view letters_from_1e00 =
    "a a b b b b b b c c d d d d d d d d d d e e e e e e e e e e f f g g h h h h h h h h h h i i i i "
    "k k k k k k l l l l l l l l m m m m m m n n n n n n n n o o o o o o o o p p p p r r r r r r r r "
    "s s s s s s s s s s t t t t t t t t u u u u u u u u u u v v v v w w w w w w w w w w x x x x y y "
    "z z z z z z h t w y   s     ss  a a a a a a a a a a a a a a a a a a a a a a a a e e e e e e e e "
    "e e e e e e e e i i i i o o o o o o o o o o o o o o o o o o o o o o o o u u u u u u u u u u u u "
    "u u y y y y y y y y             ";
// clang-format on

std::string_view plain(std::uint32_t letter) {
  const auto look_up = [&](std::string_view table, std::uint32_t first) {
    const std::string_view two = table.substr(std::size_t{letter - first} * 2, 2);
    return two.substr(0, two.find(' '));
  };
  if (letter >= 0xC0 && letter < 0xC0 + letters_from_00c0.size() / 2)
    return look_up(letters_from_00c0, 0xC0);
  if (letter >= 0x1E00 && letter < 0x1E00 + letters_from_1e00.size() / 2)
    return look_up(letters_from_1e00, 0x1E00);
  return {};
}

/// Takes the next character off `text`; a byte that begins none counts as one that is no letter.
std::uint32_t take(std::string_view& text) {
  const auto first = static_cast<unsigned char>(text.front());
  const std::size_t bytes = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  std::uint32_t character = bytes == 1 ? first : first & (0x7FU >> bytes);
  for (std::size_t i = 1; i < bytes; ++i) {
    const auto next = i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
    if ((next & 0xC0U) != 0x80) {
      text.remove_prefix(1);
      return 0;
    }
    character = character << 6 | (next & 0x3FU);
  }
  text.remove_prefix(bytes);
  return character;
}

bool alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

} // namespace

std::string slugify(std::string_view text) {
  std::string slug;
  while (!text.empty()) {
    const std::uint32_t character = take(text);
    if (character >= 0x300 && character < 0x370)
      continue; // a mark that stands behind its letter
    if (character >= 0x80) {
      const std::string_view letters = plain(character);
      slug += letters.empty() ? "-" : letters;
    } else {
      const char c = static_cast<char>(character);
      const char small = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
      slug += alphanumeric(small) || c == '.' || c == '!' || c == '*' ? small : '-';
    }
    if (slug.ends_with("--"))
      slug.pop_back();
  }
  slug.erase(slug.begin(), std::find_if(slug.begin(), slug.end(), alphanumeric));
  slug.resize(std::min(slug.size(), slug_bytes_max));
  while (!slug.empty() && !alphanumeric(slug.back()))
    slug.pop_back();
  return slug;
}

} // namespace weir
