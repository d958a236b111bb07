#include "unplug/cli/man_page.hpp"

#include <fmt/format.h>

#include "unplug/cli/candidates.hpp"
#include "unplug/cli/common.hpp"
#include "unplug/version.hpp"

namespace unplug::cli {
namespace {

// Text of ours in the language of groff: no character of it is a request, and a hyphen stays one that can be copied.
std::string roff(std::string_view text) {
  std::string out;
  bool at_start = true;
  for (const char c : text) {
    if (at_start && (c == '.' || c == '\'')) out += "\\&";
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else {
      out += c;
    }
    at_start = c == '\n';
  }
  return out;
}

std::string sentence(std::string text) {
  if (!text.empty() && text.front() >= 'a' && text.front() <= 'z') text.front() = static_cast<char>(text.front() - 'a' + 'A');
  if (!text.empty() && text.back() != '.') text += '.';
  return text;
}

// No date: the page is the same whenever it is built.
std::string heading(const std::string& name) {
  std::string upper = name;
  for (char& c : upper)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return fmt::format(".TH {} 1 \"\" \"unplug {}\" \"unplug\"\n", roff(upper), version);
}

std::string synopsis(const CLI::App& verb) {
  std::string out = fmt::format("\\fBunplug {}\\fR", roff(verb.get_name()));
  if (!verbs_of(verb).empty()) {
    std::string all;
    for (const CLI::App* v : verbs_of(verb)) all += (all.empty() ? "" : "|") + v->get_name();
    return out + fmt::format(" \\fB{}\\fR", roff(all));
  }
  out += " [\\fIOPTION\\fR]...";
  for (const CLI::Option* o : verb.get_options([](const CLI::Option* p) { return p->get_positional(); })) {
    const std::string one = fmt::format("\\fI{}\\fR{}", roff(o->get_name(true)), o->get_items_expected_max() > 1 ? "..." : "");
    out += o->get_required() ? " " + one : fmt::format(" [{}]", one);
  }
  return out;
}

std::string options(const CLI::App& app) {
  std::string out;
  const auto item = [&](const std::string& name, const std::string& what) {
    out += fmt::format(".TP\n{}\n{}\n", name, roff(sentence(what)));
  };
  for (const CLI::Option* o : app.get_options()) {
    if (o->get_group().empty()) continue;
    if (o->get_positional()) {
      item(fmt::format("\\fI{}\\fR", roff(o->get_name(true))), o->get_description());
      continue;
    }
    std::string name;
    for (const std::string& s : o->get_snames()) name += fmt::format("\\fB\\-{}\\fR, ", s);
    for (const std::string& l : o->get_lnames()) name += fmt::format("\\fB\\-\\-{}\\fR, ", roff(l));
    name.resize(name.size() - 2);
    for (int i = 0; i < o->get_items_expected_max() && i < o->get_expected_min(); ++i)
      name += fmt::format(" \\fI{}\\fR", roff(o->get_type_name()));
    item(name, o->get_description());
  }
  return out;
}

// A footer is laid out by hand.
std::string as_it_stands(const std::string& text) { return text.empty() ? "" : fmt::format(".SH NOTES\n.nf\n{}\n.fi\n", roff(text)); }

std::string endings() {
  std::string out = ".SH EXIT STATUS\n";
  for (const ExitCode& c : exit_codes()) out += fmt::format(".TP\n\\fB{}\\fR\n{}\n", c.code, roff(sentence(std::string(c.meaning))));
  return out;
}

}  // namespace

std::string man_page(const CLI::App& app) {
  std::string out = heading("unplug");
  out += ".SH NAME\nunplug \\- a deterministic simulator of Linux driver hot\\-unplug\n";
  out += ".SH SYNOPSIS\n\\fBunplug\\fR \\fIVERB\\fR [\\fIOPTION\\fR]... [\\fIARGUMENT\\fR]...\n";
  out += ".SH DESCRIPTION\n"
         "Runs a driver's teardown against everything that can still be inside the driver (ioctls, interrupts, timers, work, readers of\n"
         "sysfs), under a scheduler that makes every choice, and says which lifetimes were broken: memory used after it was freed,\n"
         "registers touched after they were unmapped, code run after its module was unloaded, removal that never ends.\n"
         "Drivers are JSON files; so are the lifetime policies that they are judged under.\n"
         ".PP\n"
         "Memory is sequentially consistent: weak\\-memory reorderings are out of scope.\n";
  out += ".SH VERBS\n";
  for (const CLI::App* verb : verbs_of(app))
    out += fmt::format(".TP\n\\fB{}\\fR\n{}\n", roff(verb->get_name()), roff(sentence(verb->get_description())));
  out += ".SH OPTIONS\n" + options(app);
  out += endings();
  out += ".SH FILES\n.TP\n\\fIunplug\\-out/\\fR\nWhere a verb writes unless \\fB\\-\\-out\\fR says otherwise; a list in there says which "
         "files are its own.\n";
  out += ".SH EXAMPLES\n.nf\nunplug list scenarios\nunplug compare nova\\-timer\nunplug new chardev mydrv \\-\\-out mydrv.json\nunplug run "
         "mydrv.json\n"
         "unplug explain use\\-after\\-free\n.fi\n";
  out += ".SH SEE ALSO\n";
  std::string also;
  for (const CLI::App* verb : verbs_of(app))
    also += fmt::format("{}.BR unplug\\-{} (1)", also.empty() ? "" : ",\n", roff(verb->get_name()));
  return out + also + "\n";
}

std::string man_page(const CLI::App& app, const CLI::App& verb) {
  const std::string name = "unplug-" + verb.get_name();
  std::string out = heading(name);
  out += fmt::format(".SH NAME\n{} \\- {}\n", roff(name), roff(verb.get_description()));
  out += fmt::format(".SH SYNOPSIS\n{}\n", synopsis(verb));
  out += fmt::format(".SH DESCRIPTION\n{}\n", roff(sentence(verb.get_description())));
  if (!verbs_of(verb).empty()) {
    for (const CLI::App* v : verbs_of(verb))
      out += fmt::format(".TP\n\\fB{}\\fR\n{}\n", roff(v->get_name()), roff(sentence(v->get_description())));
  }
  out += ".SH OPTIONS\n" + options(verb);
  out += as_it_stands(verb.get_footer());
  out += endings();
  return out + fmt::format(".SH SEE ALSO\n.BR {} (1)\n", roff(app.get_name()));
}

}  // namespace unplug::cli
