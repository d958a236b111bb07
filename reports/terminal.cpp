// The format `terminal`: what `run` and `compare` print.
#include "unplug/reports/clean.hpp"
#include "unplug/reports/console.hpp"
#include "unplug/reports/layout.hpp"
#include "unplug/reports/writer.hpp"

namespace unplug::reports {

std::string write_terminal(const scenarios::Result& result, const WriterOptions& options) {
  return write_console(cleaned(result, printable), {.page = {.width = options.width, .colour = options.colour}});
}

}  // namespace unplug::reports
