#include <array>

#include "unplug/reports/writer.hpp"

namespace unplug::reports {

#define UNPLUG_WRITER(name, extension, what) std::string write_##name(const scenarios::Result& result, const WriterOptions& options);
#include "unplug/reports/writers.def"
#undef UNPLUG_WRITER

namespace {

const std::array all{
#define UNPLUG_WRITER(name, extension, what) Writer{#name, extension, what, write_##name},
#include "unplug/reports/writers.def"
#undef UNPLUG_WRITER
};

}  // namespace

std::span<const Writer> writers() { return all; }

const Writer* find_writer(std::string_view name) {
  for (const Writer& writer : all) {
    if (writer.name == name) return &writer;
  }
  return nullptr;
}

}  // namespace unplug::reports
