// kernel/urb: endpoint 0, which is the device's and no interface's.
#include "model/support.hpp"
#include "unplug/model/core/errno.hpp"
#include "unplug/model/kernel/bus/urb.hpp"

namespace unplug::model::test {

// Fact: usb-endpoint-zero.
TEST_CASE("usb: endpoint 0 is left alone by an unbind, refused once the device is being disconnected, and flushed after the interfaces") {
  UsbInterface interface;
  Urb urb;
  std::vector<int> statuses;
  enum class Form { unbound, not_attached, flushed } form = Form::unbound;
  int second = 0;
  Lab lab([&](Lab& l) {
    statuses.clear();
    interface.urbs.clear();
    urb.complete = Lab::Call<void>::run;
    urb.argument = l.keep<void>([&](Context& c) { statuses.push_back(usb_urb_status(c, urb)); });
    urb.answers = 0;
    urb.endpoint = Urb::Endpoint::zero;
    init_urb(l.kernel, interface, urb, l.name("urb"), l.name("urb"), {}, {}, l.name("urb completion"));
    l.task("driver", [&](Context& c) {
      usb_alloc_urb(c, urb);
      must(usb_submit_urb(c, urb) == 0 || c.aborting());
      if (form != Form::unbound) usb_set_not_attached(c, interface);
      usb_disable_interface(c, interface);
      form == Form::flushed ? usb_disable_endpoint_zero(c, interface) : usb_kill_urb(c, urb);
      if (c.aborting()) return;
      second = usb_submit_urb(c, urb);
      usb_kill_urb(c, urb);
    });
  });
  using Seen = std::set<std::pair<int, std::vector<int>>>;
  const auto run = [&](Form f) {
    form = f;
    Seen seen;
    const Found found = every(lab, [&] { seen.emplace(second, statuses); });
    CHECK(found.text().empty());
    CHECK(found.blocked == 0);
    return seen;
  };
  CHECK(run(Form::unbound) == Seen{{0, {enoent, enoent}}});  // what ended both was the kill
  CHECK(run(Form::not_attached) == Seen{{enodev, {enoent}}});
  CHECK(run(Form::flushed) == Seen{{enodev, {eshutdown}}});
}

}  // namespace unplug::model::test
