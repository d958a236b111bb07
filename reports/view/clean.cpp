#include "unplug/reports/view/clean.hpp"

#include <optional>
#include <type_traits>
#include <vector>

#include "unplug/reports/view/fields.hpp"

namespace unplug::reports {

namespace {

class Cleaner {
 public:
  explicit Cleaner(std::string (*spell)(std::string_view)) : spell_(spell) {}

  void visit(std::string& text) const { text = spell_(text); }

  template <typename T> void visit(std::vector<T>& list) const {
    for (T& item : list) visit(item);
  }

  template <typename T> void visit(std::optional<T>& value) const {
    if (value) visit(*value);
  }

  template <typename T> void visit(T& value) const {
    if constexpr (std::is_class_v<T>) {
      Fields<T>::each(value, [this](const char*, auto& field) { this->visit(field); });
    }
  }

 private:
  std::string (*spell_)(std::string_view);
};

}  // namespace

scenarios::Result cleaned(const scenarios::Result& result, std::string (*spell)(std::string_view)) {
  scenarios::Result copy = result;
  Cleaner(spell).visit(copy);
  return copy;
}

}  // namespace unplug::reports
