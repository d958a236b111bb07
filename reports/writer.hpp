// The formats of a report. A writer is a pure function from a result to the bytes of one file; `--format NAME` looks it up here.
//
// To add a format: one new file in formats/ that defines std::string write_NAME(const scenarios::Result&, const WriterOptions&), and one
// line in writers.def. Nothing else knows the formats.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "unplug/scenarios/result/result.hpp"

namespace unplug::reports {

// What a writer may be told. Each uses what makes sense for it and ignores the rest.
struct WriterOptions {
  std::size_t width = 80;  // columns of text; the mail format never uses more than 72
  bool colour = false;     // ANSI colours: the caller decides (terminal or not, NO_COLOR, --color)
};

struct Writer {
  std::string_view name;       // of --format
  std::string_view extension;  // of the file, with its dot
  std::string_view what;       // one line for --help
  std::string (*write)(const scenarios::Result& result, const WriterOptions& options);
};

// All formats, in the order of writers.def.
[[nodiscard]] std::span<const Writer> writers();

// The format called `name`, or null.
[[nodiscard]] const Writer* find_writer(std::string_view name);

}  // namespace unplug::reports
