import AviaryPool
import CAviaryWASI
import Glibc

/// What the kernel does to guest memory in a transfer.
enum KernelAccess {
  case reads, writes
}

extension Vectors {
  /// The most that is touched before one system call, in pools whose pages are filled or opened by
  /// faults: a guest that offers gigabytes for one byte gets a short transfer, not the host's time.
  static let largestTouched = 1 << 20

  /// What one call transfers at most: Linux's own limit.
  static let largestTransfer = 0x7fff_f000

  /// Hands the parts to a system call that transfers bytes, made ready for the kernel.
  ///
  /// - Parameters:
  ///   - isWhole: whether a transfer in pieces goes on until all is done, as for files, which do
  ///     not block. Elsewhere it ends after the first piece, and is short.
  ///   - body: gets vectors and their number, and how much was transferred before; a count or a negated
  ///     error number.
  func transfer(
    kernel access: KernelAccess, isWhole: Bool,
    _ body: (UnsafePointer<iovec>?, Int32, Int) -> Int64
  ) throws(Errno) -> UInt32 {
    var size = 0
    var touches = false
    for index in 0..<count {
      let part = unsafe self[index]
      // Guests may name the same bytes a thousand times.
      size = min(size + part.count, Vectors.largestTransfer)
      touches = unsafe touches || HostAccess.touches(UnsafeRawBufferPointer(part))
    }
    if touches, size > Vectors.largestTouched { return unsafe try inPieces(access, isWhole, body) }
    for index in 0..<count { unsafe prepare(self[index], access) }
    return UInt32(clamping: try Kernel.check(unsafe body(base, kernelCount, 0)))
  }

  private func prepare(_ part: UnsafeMutableRawBufferPointer, _ access: KernelAccess) {
    unsafe HostAccess.prepareForKernel(UnsafeRawBufferPointer(part), willWrite: access == .writes)
  }

  private func inPieces(
    _ access: KernelAccess, _ isWhole: Bool, _ body: (UnsafePointer<iovec>?, Int32, Int) -> Int64
  ) throws(Errno) -> UInt32 {
    var total = 0
    var place = (part: 0, offset: 0)
    while true {
      var piece: [iovec] = unsafe []
      var size = 0
      while place.part < count, size < Vectors.largestTouched {
        let part = unsafe self[place.part]
        let length = min(part.count - place.offset, Vectors.largestTouched - size)
        let bytes = unsafe UnsafeMutableRawBufferPointer(rebasing: part[place.offset..<place.offset + length])
        unsafe prepare(bytes, access)
        if length > 0 { unsafe piece.append(iovec(iov_base: bytes.baseAddress, iov_len: length)) }
        size += length
        place.offset += length
        if place.offset == part.count { place = (place.part + 1, 0) }
      }
      let result = unsafe piece.withUnsafeBufferPointer { unsafe body($0.baseAddress, Int32(clamping: $0.count), total) }
      // What went before an error is a success; the error comes again with the next call.
      if result < 0, total > 0 { return UInt32(total) }
      let moved = Int(try Kernel.check(result))
      total += moved
      if !isWhole || moved < size || place.part == count || total > Vectors.largestTransfer - Vectors.largestTouched {
        return UInt32(clamping: total)
      }
    }
  }
}
