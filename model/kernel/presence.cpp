#include "unplug/model/kernel/presence.hpp"

namespace unplug::model {
namespace {

const Operation remove_op{.name = "surprise removal"}, look_op{.name = "is the device there"};

}  // namespace

void init_presence(Kernel& kernel, Presence& p, NameId unique_name, NameId declared) {
  p = {kernel.engine().new_object(unique_name, presence_word::there), declared};
}

void surprise_removal(Context& context, Presence& p) {
  context.write(remove_op, p.object, {}, [](std::uint64_t& word) { word = 0; });
}

bool is_present(Context& context, const Presence& p) { return (context.read(look_op, p.object, {}) & presence_word::there) != 0; }

}  // namespace unplug::model
