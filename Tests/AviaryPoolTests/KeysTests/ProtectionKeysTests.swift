import AviaryPool
import CAviaryHost
import Testing

@Suite("Protection keys", .serialized)
struct ProtectionKeysTests {
  @Test func `without keys there are no stripes and no rights`() throws {
    let keys = try ProtectionKeys(.off, maximum: 15)
    #expect(keys.count == 0)
    #expect(!keys.areEnforced)
    #expect(keys.key(ofStripe: 0) == -1)
    #expect(keys.guestRights(ofStripe: 0) == 0)
  }

  @Test func `stripes that nothing enforces are stripes without keys`() throws {
    let keys = try ProtectionKeys(.unenforced, maximum: 99)
    #expect(keys.count == 15)
    #expect(!keys.areEnforced)
    #expect(keys.guestRights(ofStripe: 3) == 0)
    #expect(keys.first(4).count == 4)
    #expect(keys.first(1).count == 0)
    #expect(try ProtectionKeys(.unenforced, maximum: 1).count == 0)
  }

  @Test(.enabled(if: !ProtectionKeys.areSupported, "this machine has protection keys"))
  func `a machine without keys says so where they are required`() throws {
    #expect(try ProtectionKeys(.automatic, maximum: 15).count == 0)
    #expect(throws: VMError.configuration("protection keys are required, and this CPU or kernel does not have them")) {
      try ProtectionKeys(.required, maximum: 15)
    }
    #expect(aviary_keys_get_bits() == 0)
    HostAccess.allow()
  }

  @Test func `one key keeps nothing apart`() throws {
    #expect(throws: VMError.configuration("1 protection keys keep nothing apart; at least 2 are needed")) {
      try ProtectionKeys(.required, maximum: 1)
    }
  }

  @Test(.enabled(if: ProtectionKeys.areSupported, "this machine has no protection keys"))
  func `pools share keys, and give them back`() async {
    // In a process of its own: elsewhere other tests' pools hold keys.
    await #expect(processExitsWith: .success) {
      try ProtectionKeysTests.shareAndGiveBack()
    }
  }

  static func shareAndGiveBack() throws {
    do {
      let all = try ProtectionKeys(.required, maximum: 15)
      #expect(all.count >= 2 && all.count <= 15)
      #expect(Set(all.keys).count == all.count && all.keys.allSatisfy { $0 >= 1 && $0 <= 15 })
      #expect(aviary_keys_get_bits() == KeyRights.bits(of: all.keys))
      let few = try ProtectionKeys(.required, maximum: 3)
      #expect(few.keys == Array(all.keys.prefix(3)))
      #expect(few.guestRights(ofStripe: 2) == KeyRights.alone(few.keys[2]))
      #expect(few.guestRights(ofStripe: 3) == 0)
    }
    #expect(aviary_keys_get_bits() == 0)
    #expect(Set(try ProtectionKeys(.required, maximum: 15).keys).count == 15)
    let again = try ProtectionKeys(.required, maximum: 15).first(5)
    #expect(again.count == 5)
    #expect(aviary_keys_get_bits() == KeyRights.bits(of: again.keys))
  }

  @Test(.enabled(if: ProtectionKeys.areSupported, "this machine has no protection keys"))
  func `a key of another library leaves one less`() throws {
    let other = Int32(aviary_system_key_allocate())
    try #require(other > 0, "the process's keys are all in use")
    defer { _ = aviary_system_key_free(other) }
    let keys = try ProtectionKeys(.required, maximum: 15)
    #expect(!keys.keys.contains(other))
    #expect(aviary_keys_get_bits() & KeyRights.bits(of: other) == 0, "it is not a pool's")
    #expect(keys.guestRights(ofStripe: 0) & KeyRights.bits(of: other) == KeyRights.bits(of: other))
  }

  @Test(.enabled(if: ProtectionKeys.areSupported, "this machine has no protection keys"))
  func `allowing gives the thread our keys and takes no other's`() throws {
    let keys = try ProtectionKeys(.required, maximum: 4)
    let before = aviary_pkru_read()
    defer { aviary_pkru_write(before) }
    aviary_pkru_write(KeyRights.alone(0))
    HostAccess.allow()
    let rights = aviary_pkru_read()
    #expect(rights & KeyRights.bits(of: keys.keys) == 0)
    #expect(rights | aviary_keys_get_bits() == KeyRights.alone(0))
  }
}
