// Values of files and options that every section reads in the same way.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "unplug/scenarios/json/document.hpp"

namespace unplug::scenarios {

// The strings of a word or an array of words; anything else is reported.
std::vector<std::string> words(Node n, Diagnostics& out, std::string_view expected);
// A message about something that was given on the command line.
void option_error(Diagnostics& out, std::string option, std::string message, std::string expected, std::string nearest);
// A scalar as JSON text, by which parameter values are compared.
std::string json_text(Node n);

}  // namespace unplug::scenarios
