// The result model as a JSON document of kind "result/2", and back.
//
// The document holds the model and nothing derived from it, so that whatever can be reported after a run can be reported again from
// the stored file. Keys stand in the order of reports/view/fields.hpp, every key is always there (null where there is no value), numbers
// are integers, indentation is two spaces, the text ends with a newline: equal results are equal bytes. Reading and writing a document
// gives its own bytes back. reports/schema/result-2.json describes the format.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "unplug/scenarios/json/diagnostics.hpp"
#include "unplug/scenarios/result/result.hpp"

namespace unplug::reports {

// The document as a value; bytes of strings that are not UTF-8 are written as U+FFFD by whoever dumps it.
[[nodiscard]] nlohmann::ordered_json to_json(const scenarios::Result& result);

// The document as text. Never throws on content.
[[nodiscard]] std::string write_json(const scenarios::Result& result);

// Reads the text of a stored result; `name` stands where messages name the file. On failure reports what is wrong to `out`, at its
// line and pointer, and returns nothing: text that is not JSON, another kind of file (with the verb that takes it), another version, a
// key that is missing or has the wrong type. Keys that it doesn't know are ignored: a later tool may have added them. Never throws.
[[nodiscard]] std::optional<scenarios::Result> read_json(std::string_view text, const std::string& name, scenarios::Diagnostics& out);

// The published schema of the document (draft-07), as text.
[[nodiscard]] std::string_view result_schema();

}  // namespace unplug::reports
