import CAviaryHost

/// Brings a used stack back to zeros, as cheaply as its use allows.
///
/// The first guests of a stack pay for its depth with faults; then it stays open as far as
/// `StackShape.keptOpenBytes`, and cleaning is a look at the open part without a system call.
enum StackCleaner {
  /// - Parameters:
  ///   - open: where the open part begins, at the last guest's end; set to where it begins now.
  ///   - calm: the stack's own count of shallow guests; 0 for a new one.
  /// - Returns: false where the system failed, and nobody may get the stack again.
  ///
  /// Unsafe contract: [open, high) is the open part of a stack in the mode, and nobody uses it.
  static func clean(_ open: inout UInt, high: UInt, mode: UInt32, calm: inout UInt8) -> Bool {
    if mode == UInt32(AVIARY_STACK_WHOLE) { return cleanWhole(open, high) }
    let first = high - StackShape.openBytes
    if high - open <= StackShape.keptOpenBytes {
      let touched = aviary_stack_clear(open, high)
      if open == first { return true }
      calm = touched >= first ? calm + 1 : 0
      guard calm >= StackShape.patience else { return true }
    }
    calm = 0
    if aviary_stack_close(open, Int(first - open), mode) == 0 {
      open = first
      _ = aviary_stack_clear(first, high)
    } else {
      // The kernel cannot drop it, so it is zeroed by hand. What was closed all the same opens again by faults
      // only while a guest runs: here it has to be opened first.
      guard aviary_stack_open(open, Int(first - open), mode) == 0 else { return false }
      _ = aviary_stack_clear(open, high)
    }
    return true
  }

  /// How deep it was used is not known: all but the top is given back, and is zeros from then on.
  private static func cleanWhole(_ low: UInt, _ high: UInt) -> Bool {
    let kept = high - low > StackShape.keptWholeBytes ? high - StackShape.keptWholeBytes : low
    let isDropped = aviary_system_discard(low, Int(kept - low)) == 0
    _ = aviary_stack_clear(isDropped ? kept : low, high)
    return true
  }
}
