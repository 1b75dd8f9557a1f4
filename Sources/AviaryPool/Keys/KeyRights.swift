/// Values of PKRU, the thread's rights: two bits a key, "no access" below "no writing".
package enum KeyRights {
  /// The bits of one key.
  ///
  /// - Precondition: 0...15.
  package static func bits(of key: Int32) -> UInt32 {
    precondition(key >= 0 && key <= 15)
    return 3 << (2 * UInt32(key))
  }

  /// The bits of several.
  package static func bits(of keys: some Sequence<Int32>) -> UInt32 { keys.reduce(0) { $0 | bits(of: $1) } }

  /// Ordinary memory and what is under this key; every other key is denied, whoever it belongs to: a
  /// guest has no business with other libraries' memory.
  package static func alone(_ key: Int32) -> UInt32 { ~(bits(of: 0) | bits(of: key)) }
}
