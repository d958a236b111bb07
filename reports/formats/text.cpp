// The format `text`: a report that is pasted into a mail, quoted with "> ", and still reads. So: ASCII, at most 72 columns, no trailing
// spaces, no tabs, commands folded in a way that a shell unfolds, and no line that a mail program would rewrite ("From ", "-- ").
#include <algorithm>

#include "unplug/reports/console/console.hpp"
#include "unplug/reports/page/layout.hpp"
#include "unplug/reports/view/clean.hpp"
#include "unplug/reports/writer.hpp"

namespace unplug::reports {

namespace {

constexpr std::size_t mail_width = 72;

// mbox writes ">From " for a line that starts so: a space in front keeps the text as it was.
std::string guard_from_lines(std::string text) {
  for (std::size_t at = 0; at < text.size(); at = text.find('\n', at) + 1) {
    if (text.compare(at, 5, "From ") == 0) text.insert(at, 1, ' ');
    if (text.find('\n', at) == std::string::npos) break;
  }
  return text;
}

}  // namespace

std::string write_text(const scenarios::Result& result, const WriterOptions& options) {
  PageOptions page;
  page.width = std::min(options.width, mail_width);
  page.fold_commands = true;
  return guard_from_lines(write_console(cleaned(result, ascii), {.page = page, .whole = true}));
}

}  // namespace unplug::reports
