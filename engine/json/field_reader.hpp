// The scalars of many similar documents, by path.
//
// Purpose: a segment keeps payload fields as columns, so each payload is read once when the segment is written. Paths
// are numbered as they turn up. Documents of one kind have the same members in the same order: one that looks like
// another that was read is taken by its shape (engine/json/field_shape.hpp); of others each key is first compared with
// the one that followed the last time. Nothing is built, and nothing allocated in the long run.
// Owner: whoever reads the documents. Threading: one thread.
// Invariants: a value is what find_paths() finds at that path: the same integers, doubles to the bit, strings to the
// byte. Of a text that is no JSON it may take one part for what it is not, but never reads outside of it.
#pragma once

#include "engine/json/field_shape.hpp"
#include "engine/json/field_value.hpp"
#include "engine/json/json.hpp"
#include "engine/json/unescaped_texts.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weir::json {

class FieldReader {
public:
  /// No path goes deeper, and no path's keys together are longer.
  static constexpr std::size_t depth_max = 8;
  static constexpr std::size_t path_bytes_max = 256;
  /// Room for the longest load beyond the end of a text.
  static constexpr std::size_t padding_bytes = 32;

  /// `paths` have the numbers 0, 1, ...; other paths get the next ones as they turn up, until there are `paths_max`.
  /// Precondition: no two of `paths` are equal.
  explicit FieldReader(std::span<const Path> paths, std::size_t paths_max);

  /// Reads the values that `document` has at numbered paths. False: it is no JSON object, and values() mean nothing.
  /// Documents of the same `kind` are likely to look alike.
  [[nodiscard]] bool read(std::string_view document, std::size_t kind = 0);
  /// The same without a copy. Precondition: `padding_bytes` zeros follow `document`, which stays until values() are
  /// used.
  [[nodiscard]] bool read_padded(std::string_view document, std::size_t kind = 0);
  /// In the order of the document, objects and arrays as `other`; arrays are not entered. Valid until the next read().
  [[nodiscard]] std::span<const FieldValue> values() const noexcept { return found_; }

  /// How many paths have numbers.
  [[nodiscard]] std::size_t size() const noexcept { return node_of_path_.size(); }
  /// Precondition: number < size().
  [[nodiscard]] Path path(std::size_t number) const;
  /// A path turned up for which there was no number left.
  [[nodiscard]] bool refused_any() const noexcept { return refused_any_; }

private:
  static constexpr std::uint32_t nothing = UINT32_MAX;

  struct Node {
    std::uint32_t parent = nothing;
    std::uint32_t number = nothing; ///< As a path.
    std::uint32_t first = nothing;  ///< The key that came first in this object the last time.
    std::uint32_t next = nothing;   ///< The key that came after this one the last time.
    std::uint32_t guess_begin = 0;  ///< In guesses_: the key as a document has it, with closing quote and colon.
    std::uint32_t guess_bytes = 0;  ///< 0: the key needs escapes, so documents may write it in several ways.
    std::uint32_t path_bytes = 0;
    std::string name;
  };

  /// How documents of one kind look.
  struct Kind {
    std::array<FieldShape, 4> shapes;
    std::size_t likely = 0; ///< Fitted the last time.
    unsigned strangers = 0; ///< Goes up with every document that has another shape, and slowly down.
    unsigned unlikely = 0;  ///< So many documents are not even tried.
  };
  static constexpr std::size_t kinds_max = 64;

  [[nodiscard]] bool read_by_shape(Kind& kind, std::string_view document);
  [[nodiscard]] bool read_by_key(std::string_view document);
  void learn(Kind& kind, std::string_view document);
  std::uint32_t add_node(std::uint32_t parent, std::string_view name);
  [[nodiscard]] std::uint32_t find(std::uint32_t parent, std::string_view name) const noexcept;
  std::uint32_t find_or_add(std::uint32_t parent, std::string_view name, unsigned depth);
  void grow_table();
  [[nodiscard]] bool follows(const char* p, const Node& node) const noexcept;
  [[nodiscard]] const char* copy_in(std::string_view document);
  void report(std::uint32_t node, FieldValue::Kind kind, std::uint64_t bits, std::string_view text = {});
  void note(const char* begin, const char* end, FieldShape::Take take, std::size_t values_before);

  // Each takes the text from `p` on and returns where it ends; null: this is no JSON.
  const char* object(const char* p, std::uint32_t parent, unsigned depth);
  const char* value(const char* p, std::uint32_t node, unsigned depth);
  const char* string(const char* p, std::string_view& text);

  std::vector<Node> nodes_;
  std::string guesses_;
  std::vector<std::uint32_t> table_; ///< Nodes by parent and name; a power of two of places.
  std::vector<std::uint32_t> node_of_path_;
  std::size_t paths_max_;
  bool refused_any_ = false;

  std::vector<std::unique_ptr<Kind>> kinds_;
  std::vector<FieldShape::Part> parts_; ///< Of the document that is read by key.

  std::unique_ptr<char[]> text_; ///< The document, followed by zeros.
  std::size_t text_bytes_ = 0;   ///< Of the room.
  UnescapedTexts unescaped_;
  std::vector<FieldValue> values_;
  std::span<const FieldValue> found_; ///< These, or those of a shape.
};

} // namespace weir::json
