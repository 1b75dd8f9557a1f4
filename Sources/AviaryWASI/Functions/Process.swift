import AviaryPool
import CAviaryWASI

/// proc_exit, proc_raise, sched_yield, random_get.
extension System {
  /// What a guest's `proc_raise` comes to: the default action of the signal.
  /// - Returns: how the guest ends, or nil where it goes on.
  func procRaise(_ signal: UInt32) throws(Errno) -> WASIExit? {
    switch signal {
    // none, child, continue, urgent data, window size: ignored by default
    case 0, 16, 17, 22, 27: nil
    // stopping: there is no one to make a guest go on again
    case 18...21: throw .notSupported
    case 1...30: WASIExit(code: 128 + signal)
    default: throw .invalid
    }
  }

  /// A suspended guest lets other tasks have their turn, else the thread other threads.
  func schedYield(_ call: inout WaitingCall) throws(Errno) {
    if !call.blocksThread {
      if call.rounds == 0 { try call.yield() }
      return
    }
    try Kernel.check(aviary_wasi_yield())
  }

  mutating func randomGet(
    _ memory: GuestMemory, _ buffer: UInt32, _ length: UInt32
  ) throws(Errno) {
    let target = try unsafe memory.bytes(at: buffer, count: UInt64(length))
    let size = target.count
    var offset = 0
    switch random {
    case .system:
      // In pieces, so that an interruption is noticed.
      while offset < size {
        let piece = min(size - offset, 1 << 20)
        let bytes = unsafe UnsafeRawBufferPointer(rebasing: target[offset..<offset + piece])
        unsafe HostAccess.prepareForKernel(bytes, willWrite: true)
        let count = unsafe aviary_wasi_random(target.baseAddress! + offset, UInt64(piece))
        offset += Int(try Kernel.check(count))
        if let interrupter, try interrupter.handle.isReady(1) { throw .interrupted }
      }
    case .generator(var generator):
      while offset < size {
        let word = generator.next().littleEndian
        unsafe withUnsafeBytes(of: word) {
          unsafe SharedBytes.copy(to: target.baseAddress! + offset, from: $0.baseAddress!, count: min(8, size - offset))
        }
        offset += 8
      }
      random = .generator(generator)
    }
  }
}
