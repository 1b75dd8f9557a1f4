/// clock_res_get, clock_time_get.
extension System {
  /// - Throws: `invalid` for a clock that does not exist.
  func clock(_ id: UInt32) throws(Errno) -> WASI.Clock {
    switch id {
    case 0: clocks.realtime
    case 1: clocks.monotonic
    // The guest is the thread that runs it: one time for both.
    case 2, 3: .processor
    default: throw .invalid
    }
  }

  func clockResGet(_ memory: GuestMemory, _ id: UInt32, _ result: UInt32) throws(Errno) {
    let slot = try memory.slot(at: result, size: 8)
    slot.store(try clock(id).resolution)
  }

  /// The precision that the guest would be content with is not used.
  func clockTimeGet(
    _ memory: GuestMemory, _ id: UInt32, _ precision: UInt64, _ result: UInt32
  ) throws(Errno) {
    let slot = try memory.slot(at: result, size: 8)
    slot.store(try clock(id).now)
  }
}
