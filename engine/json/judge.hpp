// Whether a text is a JSON object within the limits: quickly, and exactly.
//
// Purpose: every stored document is judged once, and nearly all are right. The quick pass knows no places and no
// reasons; what it does not accept is read again by the exact one, whose word counts and which stands on the place of
// every refusal. Threading: pure functions over per-thread scratch. Invariants: the quick pass accepts nothing that the
// exact one refuses; the reverse happens, where keys have escapes or an object has many of them.
#pragma once

#include <weir/result.hpp>

#include <string_view>

namespace weir::json::detail {

/// True: `text` is a JSON object that keeps all rules of validate_object(), those of UTF-8 included. False: it may be
/// one.
[[nodiscard]] bool surely_object(std::string_view text);

/// validate_object() of `text`, which is valid UTF-8, by the exact pass alone. Errors: as there.
[[nodiscard]] Status judge_exactly(std::string_view text, std::string_view name);

} // namespace weir::json::detail
