// The format `terminal`: what `run` and `compare` print.
#include "unplug/reports/console/console.hpp"
#include "unplug/reports/page/layout.hpp"
#include "unplug/reports/view/clean.hpp"
#include "unplug/reports/writer.hpp"

namespace unplug::reports {

std::string write_terminal(const scenarios::Result& result, const WriterOptions& options) {
  return write_console(cleaned(result, printable), {.page = {.width = options.width, .colour = options.colour}});
}

}  // namespace unplug::reports
