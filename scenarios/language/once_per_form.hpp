// Messages about a file that is compiled once for each form: each is said once, with the forms that it is true in.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "unplug/scenarios/json/document.hpp"

namespace unplug::scenarios {

class FormMessages {
 public:
  // `forms`: all that are compiled; one, empty, if the file has none.
  explicit FormMessages(std::vector<std::string> forms) : forms_(std::move(forms)) {}
  // What the compilation for `form` has found.
  void add(const std::string& form, const Diagnostics& found);
  [[nodiscard]] bool full() const { return list_.size() >= Diagnostics::most; }
  // Hands them on, in the order in which they were found first. Of those that are not true in every form that has the place: in which.
  void say(Node root, Diagnostics& out) const;

 private:
  struct Message {
    Diagnostic what;
    std::set<std::string> forms;
  };
  std::vector<std::string> forms_;
  std::vector<Message> list_;
  std::map<std::string, std::size_t> known_;
};

}  // namespace unplug::scenarios
