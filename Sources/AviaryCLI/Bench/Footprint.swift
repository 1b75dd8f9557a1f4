/// What the process holds.
struct Footprint {
  /// Bytes.
  var resident = 0
  var pageTables = 0
  var mappings = 0

  static var now: Footprint {
    var footprint = Footprint()
    let status = (try? InputFile.read("/proc/self/status")) ?? []
    for line in String(decoding: status, as: UTF8.self).split(separator: "\n") {
      let number = (Int(line.filter(\.isNumber)) ?? 0) << 10
      if line.hasPrefix("VmRSS:") { footprint.resident = number }
      if line.hasPrefix("VmPTE:") { footprint.pageTables = number }
    }
    footprint.mappings = ((try? InputFile.read("/proc/self/maps")) ?? []).count { $0 == 0x0A }
    return footprint
  }

  static func - (a: Footprint, b: Footprint) -> Footprint {
    Footprint(resident: a.resident - b.resident, pageTables: a.pageTables - b.pageTables, mappings: a.mappings - b.mappings)
  }
}
