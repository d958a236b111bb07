#include "unplug/model/kernel/lib/kref.hpp"

#include <fmt/format.h>

namespace unplug::model {
namespace {

const Operation set_op{.name = "refcount_set"}, get_op{.name = "kref_get"},
    unless_zero_op{.name = "kref_get_unless_zero", .repeat = sim::Repeat::looks}, put_op{.name = "kref_put", .sync = sim::Sync::both},
    read_op{.name = "kref_read"};

constexpr std::uint64_t saturated = 0xc0000000, sign = 0x80000000, most = 0x7fffffff;

constexpr bool negative(std::uint64_t word) { return (word & sign) != 0; }

// refcount_warn_saturate()
void saturate(Context& context, const Kref& k, std::uint64_t& word, std::string_view function, std::string_view what) {
  word = saturated;
  context.kernel().report(ViolationClass::api_misuse, k.name, fmt::format("{}('{}'): {}", function, context.kernel().text(k.name), what));
}

}  // namespace

void init_kref(Kernel& kernel, Kref& k, NameId unique_name, NameId declared, LifetimeId home, std::uint32_t initial) {
  k = {kernel.engine().new_object(unique_name, initial), declared, home, initial};
  kernel.declare_object(k.object, declared);
}

void kref_init(Context& context, Kref& k) {
  context.write(set_op, k.object, k.home, [](std::uint64_t& word) { word = 1; });
}

void set_up_again(Context& context, Kref& k) {
  context.write(set_op, k.object, k.home, [&](std::uint64_t& word) { word = k.initial; });
}

void kref_get(Context& context, Kref& k) {
  context.write(get_op, k.object, k.home, [&](std::uint64_t& word) {
    if (word == 0) {
      saturate(context, k, word, "kref_get", "addition on 0, use after free");
    } else if (negative(word) || word == most) {
      saturate(context, k, word, "kref_get", "saturated, leaking memory");
    } else {
      ++word;
    }
  });
}

bool kref_get_unless_zero(Context& context, Kref& k) {
  return context.write(unless_zero_op, k.object, k.home, [&](std::uint64_t& word) {
    if (word == 0) return false;
    if (negative(word) || word == most) {
      saturate(context, k, word, "kref_get_unless_zero", "saturated, leaking memory");
    } else {
      ++word;
    }
    return true;
  });
}

bool kref_put_and_test(Context& context, Kref& k) {
  return context.write(put_op, k.object, k.home, [&](std::uint64_t& word) {
    if (word == 0 || negative(word)) {
      saturate(context, k, word, "kref_put", "underflow, use after free");
      return false;
    }
    return --word == 0;
  });
}

std::uint32_t kref_read(Context& context, const Kref& k) { return static_cast<std::uint32_t>(context.read(read_op, k.object, k.home)); }

}  // namespace unplug::model
