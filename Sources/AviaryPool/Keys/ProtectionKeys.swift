import CAviaryHost

/// The protection keys of a pool: one for each stripe of its slots, so that what a guest reaches
/// beyond its own slot is under a key that it is denied (ColorGuard).
///
/// Stripe and key are different numbers: other libraries may hold keys of the process's 15, and
/// pools share theirs (`KeyRegistry`).
///
/// Held as long as anything is mapped under its keys.
package final class ProtectionKeys: Sendable {
  /// Stripes that can be told apart; 0 where there are no keys.
  package let count: Int
  /// By stripe; empty where nothing is enforced.
  package let keys: [Int32]

  /// Whether the CPU enforces what the stripes promise.
  package var areEnforced: Bool { !keys.isEmpty }

  /// As many as there are, at most `maximum`; one alone keeps nothing apart, and counts as none.
  ///
  /// - Throws: `configuration` where keys are required and fewer than two are to be had.
  package convenience init(_ policy: MemoryPoolConfiguration.Keys, maximum: Int) throws(VMError) {
    let most = min(maximum, Int(AVIARY_KEYS_MOST))
    switch policy {
    case .off: self.init(taking: 0)
    case .unenforced: self.init(unenforced: most)
    case .automatic: self.init(taking: most)
    case .required:
      self.init(taking: most)
      guard areEnforced else { throw ProtectionKeys.missing(most) }
    }
  }

  private init(taking most: Int) {
    keys = most >= 2 ? KeyRegistry.take(most) : []
    count = keys.count
  }

  private init(unenforced count: Int) {
    keys = []
    self.count = count >= 2 ? count : 0
  }

  private init(first count: Int, of keys: [Int32]) {
    self.count = count
    self.keys = Array(keys.prefix(count))
    KeyRegistry.retain(self.keys)
  }

  deinit { KeyRegistry.release(keys) }

  /// The keys of the first stripes alone: the others go back to the process when `self` does.
  package func first(_ stripes: Int) -> ProtectionKeys {
    if stripes >= count { return self }
    if keys.isEmpty { return ProtectionKeys(unenforced: stripes) }
    return ProtectionKeys(first: stripes >= 2 ? stripes : 0, of: keys)
  }

  /// The key of a stripe; -1: none.
  package func key(ofStripe stripe: Int) -> Int32 { stripe >= 0 && stripe < keys.count ? keys[stripe] : -1 }

  /// PKRU for guests of a stripe; 0: the register is left alone.
  package func guestRights(ofStripe stripe: Int) -> UInt32 {
    let key = key(ofStripe: stripe)
    return key < 0 ? 0 : KeyRights.alone(key)
  }

  /// Whether CPU and kernel have protection keys switched on. There may be none left.
  package static var areSupported: Bool { aviary_keys_supported() }

  private static func missing(_ most: Int) -> VMError {
    if most < 2 { return .configuration("\(most) protection keys keep nothing apart; at least 2 are needed") }
    return .configuration(
      areSupported
        ? "protection keys are required, and the process has fewer than 2 left of its \(AVIARY_KEYS_MOST)"
        : "protection keys are required, and this CPU or kernel does not have them")
  }
}
