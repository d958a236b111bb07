#include "model/commute.hpp"

namespace unplug::model::test {
namespace {

std::uint64_t devices(Covered& covered) {
  Device d;
  Module m;
  Binding b;
  Allocation own, key;
  static const StaticName release{"devm test"};
  Lab lab([&](Lab& l) {
    bystander(l, own);
    l.init(d, "dev");
    l.init(m, "foo");
    l.init(b, d, m, "foo");
    l.task("driver", [&](Context& c) {
      probe_device(c, b, [&](Context& p) {
        devres_add(p, b, {&release, p.kernel().intern("x"), [](Context& x) { mark(x); }, &key});
        return true;
      });
    });
    l.remover("remover", [&](Context& c) {
      await_bound(c, d);
      release_driver(c, b, [](Context& x) { mark(x); });
    });
    l.task("dropper", [&](Context& c) { devres_remove(c, b, &key); });
    l.task("pinner", [&](Context& c) {
      if (try_module_get(c, &m)) module_put(c, &m);
    });
  });
  return commute(lab, 60, 6, covered);
}
const CommutationLab devices_lab{"devices and modules", 300, devices};

}  // namespace
}  // namespace unplug::model::test
