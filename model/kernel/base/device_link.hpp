// Device links: a consumer is not bound while its supplier isn't, and is unbound before it.
//
// drivers/base/core.c (device_links_*), v6.18. All states are kept under one lock (device_links_lock), so what is done to all links of a
// device under it is one step on one object. A supplier that unbinds marks its links and unbinds bound consumers one by one, with its own
// device lock let go meanwhile; a consumer whose probe is under way is waited for. A consumer whose supplier isn't bound, or unbinds, is
// not probed (-EPROBE_DEFER). Left out: deferred probe itself, unmanaged and sync-state-only links, links that come and go, the
// references that links hold: linked devices are there for ever.
#pragma once

#include "unplug/model/core/context.hpp"
#include "unplug/model/kernel/base/device.hpp"

namespace unplug::model {

// All links of the kernel.
struct DeviceLinks {
  ObjectId object;  // word: the state of link n in bits 4n..4n+3
  NameId name;
  struct Link {
    Device* supplier;
    Device* consumer;
  };
  std::vector<Link> links;  // at most 16; known from the start
};
void init_device_links(Kernel& kernel, DeviceLinks& l, NameId unique_name);
// device_link_add(), while neither device is bound. Before the first step.
void add_device_link(DeviceLinks& l, Device& supplier, Device& consumer);

// --- For the driver core (device.cpp), of one device.
// Before probe: false if a supplier isn't bound. Else probe has begun, as far as the suppliers are concerned.
bool device_links_check_suppliers(Context& context, Device& d);
void device_links_driver_bound(Context& context, Device& d);
// Probe has failed.
void device_links_no_driver(Context& context, Device& d);
// It is about to unbind: no consumer may be bound from here on. Whether one is, or is being probed.
bool device_links_busy(Context& context, Device& d);
void device_links_unbind_consumers(Context& context, Device& d);
// It has been unbound.
void device_links_driver_cleanup(Context& context, Device& d);

}  // namespace unplug::model
