import CAviaryHost

/// The task that runs.
package enum VMTask {
  /// Its identity; 0: there is none.
  package static var current: UInt { aviary_task_current() }

  /// Once a process, before the first asynchronous call.
  static let install: Void = unsafe aviary_task_install { watcher in
    // A store that is watched is held.
    unsafe Unmanaged<HostStore>.fromOpaque(watcher!)._withUnsafeGuaranteedRef { $0.taskWasCancelled() }
  }
}

/// Lets the task's cancellation stop a store's guest.
@safe
package struct VMTaskWatch {
  private let record: UnsafeMutableRawPointer?

  /// Unsafe contract: a task runs, which calls `end` in the same function; the store lives until then.
  package init(unsafe store: VMStore) { unsafe record = aviary_task_watch(store.raw) }

  package func end() { unsafe aviary_task_unwatch(record) }
}

extension HostStore {
  fileprivate func taskWasCancelled() {
    unsafe deadlines.interruptNow(VMInterrupter(store: self, reason: .cancellation))
  }
}

extension VMStore {
  /// Whether a task that ran this store's guest was cancelled meanwhile.
  package var isCancelled: Bool { unsafe aviary_interrupt_has(raw, UInt32(AVIARY_INTERRUPT_CANCELLATION)) }
}
