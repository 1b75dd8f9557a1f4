import CAviaryHost

/// What the host does before it touches guest memory. Any thread.
///
/// Each access asks again: the code may have come to another thread in between (an `await`).
package enum HostAccess {
  /// Gives the calling thread the rights to all pools' keys. A load and a branch where there are none.
  @inline(__always)
  package static func allow() { aviary_keys_allow() }

  /// Makes guest memory ready for a system call that reads it, or writes it too. All of it lies
  /// inside of what the guest may touch.
  ///
  /// The kernel raises no signal for what it cannot touch, it fails with EFAULT, or stops half way:
  /// after this it does not. Where a pool's pages are filled or opened by faults it touches each page,
  /// so the caller keeps ranges short (`touches`).
  @inline(never)
  package static func prepareForKernel(_ bytes: UnsafeRawBufferPointer, willWrite: Bool) {
    aviary_prepare_for_kernel(UInt(bitPattern: bytes.baseAddress), bytes.count, willWrite)
  }

  /// Whether `prepareForKernel` has to touch every page of what lies there.
  package static func touches(_ bytes: UnsafeRawBufferPointer) -> Bool {
    aviary_prepare_touches(UInt(bitPattern: bytes.baseAddress))
  }
}
