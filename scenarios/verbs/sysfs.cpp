// sysfs attributes.
#include "unplug/model/kernel/sysfs.hpp"
#include "unplug/scenarios/verbs/families.hpp"
#include "unplug/scenarios/verbs/resolve.hpp"

namespace unplug::scenarios {
namespace {

std::uint32_t do_create(Frame& f, const Instruction& i, std::uint32_t next) {
  return model::sysfs_create_file(f.context, *thing<EntityKind::attribute>(f, i)) ? next : otherwise(f, i, next);
}

std::uint32_t do_remove_self(Frame& f, const Instruction& i, std::uint32_t next) {
  model::SysfsAttribute* a = thing<EntityKind::attribute>(f, i);
  if (a == nullptr) return next;
  const bool won = model::sysfs_remove_file_self(f.context, *a);
  set_local(f, i, won ? 1 : 0);
  return won ? next : otherwise(f, i, next);
}

std::uint32_t do_access(Frame& f, const Instruction& i, std::uint32_t next) {
  return model::sysfs_access(f.context, *thing<EntityKind::attribute>(f, i)) >= 0 ? next : otherwise(f, i, next);
}

constexpr VerbFamily family{EntityKind::attribute, "directories, links, binary attributes, poll, attributes of a second binding"};

void lay_out(model::SysfsAttribute& a, const ThingSetup& s) {
  a.operation = &World::result_entry;
  a.argument = s.callback();
  model::init_sysfs_attribute(s.kernel, a, s.unique, s.declared, s.binding.binding.life);
}

}  // namespace

template <> std::unique_ptr<ThingList> make_things<EntityKind::attribute>() { return things<EntityKind::attribute>(lay_out); }

std::vector<Verb> sysfs_verbs() {
  constexpr KeySpec other{"else", KeyKind::otherwise, false, "where to go if it fails: a label, or steps"};
  Verb read = family.on_thing("sysfs_read", do_access, {other}, "kernfs_seq_start, v6.18",
                              "user space reads or writes an attribute: its function runs; -ENODEV if it is being removed");
  read.place = Where::task;
  return {
      family.declares("device_create_file", do_create, {{"fn", KeyKind::function, true, "its show() or store()"}, other},
                      "device_create_file, v6.18", "makes an attribute appear"),
      family.on_thing("device_remove_file", on<EntityKind::attribute, model::sysfs_remove_file>, {}, "kernfs_remove_by_name_ns, v6.18",
                      "refuses new reads and writes, and waits for those under way"),
      family.on_thing("device_remove_file_self", do_remove_self,
                      {{"to", KeyKind::to, false, "local that receives 1, or 0 if another does it"}, other}, "kernfs_remove_self, v6.18",
                      "from its own function: removes it without waiting for itself"),
      read,
  };
}

}  // namespace unplug::scenarios
