// MMIO and ports: regions that are claimed, mappings of them, and register accesses.
//
// request_mem_region()/release_mem_region(), request_region()/release_region(): kernel/resource.c; ioremap()/iounmap():
// arch/x86/mm/ioremap.c, mm/vmalloc.c, v6.18. A region belongs to one claimant at a time; each claim is a lifetime of its own (a
// generation), so a stale pointer that reaches a region somebody else has claimed since is told from one that reaches nothing. A port has
// no mapping: its claim is all there is.
// A register access touches no shared object unless the mapping says whose it is: what it depends on is that mapping and region still live.
// With a device, it reads the device's word: one that is gone, without power or in reset answers all ones and swallows writes. What a read
// returns is else a data choice where the scenario lists several values; registers with a value or an effect are in device_register.hpp.
// An access after iounmap() faults, or with KernelConfig::lazy_vunmap_flush it may go through a stale translation to the device, or to what
// is mapped at the address by then: the same step, told apart by the checker (lifetime_rule.cpp).
// Left out: sizes and addresses, overlapping regions, caching attributes, ioport_map().
#pragma once

#include <functional>
#include <span>

#include "unplug/model/core/context.hpp"

namespace unplug::model {

struct Presence;
struct Gate;

enum class RegionKind : std::uint8_t { memory, port };

struct Region {
  ObjectId object;  // word: number of the present claim, 0: free
  NameId name;
  std::uint64_t claims = 0;  // claims known so far; numbers are given when they are made known
  RegionKind kind = RegionKind::memory;
};
void init_region(Kernel& kernel, Region& region, NameId unique_name, NameId declared, RegionKind kind = RegionKind::memory);

// One claim of a region and its mapping, made known before they happen.
struct Mapping {
  Region* region = nullptr;
  NameId name;  // as declared: "bar0"
  LifetimeId claim, map;
  std::uint64_t number = 0;
  // Set after init_mapping(), where it matters.
  Presence* device = nullptr;      // who answers; null: somebody always does
  std::vector<const Gate*> gates;  // clocks and power without which nobody may access it
};
void init_mapping(Kernel& kernel, Mapping& m, Region& region, NameId unique_name, NameId declared, LifetimeId owner);

// request_mem_region(), or request_region() of ports. false: claimed by someone else (-EBUSY).
bool request_mem_region(Context& context, Mapping& m);
void release_mem_region(Context& context, Mapping& m);
void ioremap(Context& context, Mapping& m);
// The page tables are clear when it returns; translations in TLBs may not be.
void iounmap(Context& context, Mapping& m);

enum class Width : std::uint8_t { b, w, l, q };
[[nodiscard]] constexpr std::uint64_t all_ones(Width width) {
  return width == Width::b ? 0xff : width == Width::w ? 0xffff : width == Width::l ? 0xffffffff : UINT64_MAX;
}
// readb() to readq(): `values` that the register may return (empty: 0).
std::uint64_t mmio_read(Context& context, const Mapping& m, Width width, std::span<const std::uint64_t> values);
void mmio_write(Context& context, const Mapping& m, Width width);
inline std::uint64_t readl(Context& context, const Mapping& m, std::span<const std::uint64_t> values) {
  return mmio_read(context, m, Width::l, values);
}
inline void writel(Context& context, const Mapping& m) { mmio_write(context, m, Width::l); }
// inb() to inl() and outb() to outl(): a port that nobody answers reads as all ones as well.
std::uint64_t port_read(Context& context, const Mapping& m, Width width, std::span<const std::uint64_t> values);
void port_write(Context& context, const Mapping& m, Width width);

// For device_register.cpp: one access to the device's word. The read waits until nothing is on its way to the device; `found` and `post`
// are run by the step if the device answers. false: it does not.
bool read_device(Context& context, const Mapping& m, const Presence& device, Width width, const std::function<void()>& found);
void write_device(Context& context, const Mapping& m, const Presence& device, Width width, const std::function<void(std::uint64_t&)>& post);

}  // namespace unplug::model
