import Testing

@testable import AviaryCore

@Suite struct TypeSectionTests {
  private func canonical(_ types: [UInt8]...) throws -> [UInt32] {
    try ModuleBuilder().section(1, ModuleBuilder.vector(types)).validate().info.canonicalTypes
  }

  @Test func equalFunctionTypes() throws {
    #expect(try canonical([0x60, 0, 0], [0x60, 1, Code.i32, 0], [0x60, 0, 0]) == [0, 1, 0])
    // Finality tells types apart.
    #expect(try canonical([0x60, 0, 0], [0x50, 0, 0x60, 0, 0], [0x4F, 0, 0x60, 0, 0]) == [0, 1, 0])
  }

  @Test func equalGroups() throws {
    // A list's cell and its parameters, twice; then once as two groups of one.
    let group: (UInt8) -> [UInt8] = { first in
      [0x4E, 2, 0x5F, 1, 0x63, first + 1, 0, 0x60, 1, 0x63, first, 0]
    }
    #expect(try canonical(group(0), group(2)) == [0, 1, 0, 1])
    let selfReferring: (UInt8) -> [UInt8] = { [0x5F, 1, 0x63, $0, 0] }
    #expect(try canonical(selfReferring(0), selfReferring(1)) == [0, 0])
    // A member of a larger group is not equal to the same type alone.
    #expect(try canonical([0x4E, 2, 0x60, 0, 0, 0x60, 0, 0], [0x60, 0, 0]) == [0, 1, 2])
    // References to equal types are equal.
    #expect(
      try canonical([0x60, 0, 0], [0x60, 0, 0], [0x60, 1, 0x63, 0, 0], [0x60, 1, 0x63, 1, 0]) == [0, 0, 2, 2])
  }

  @Test func validity() {
    func message(_ types: [UInt8]...) -> String? {
      ModuleBuilder().section(1, ModuleBuilder.vector(types)).error()?.message
    }
    #expect(message([0x60, 1, 0x63, 1, 0], [0x60, 0, 0]) == "unknown type 1")
    #expect(message([0x50, 0, 0x60, 0, 0], [0x50, 1, 0, 0x60, 0, 0]) == nil)
    #expect(message([0x60, 0, 0], [0x50, 1, 0, 0x60, 0, 0]) == "sub type 1 does not match super type 0")
    #expect(
      message([0x50, 0, 0x5F, 1, Code.i32, 0], [0x50, 1, 0, 0x5F, 0]) == "sub type 1 does not match super type 0")
    #expect(message([0x50, 0, 0x5F, 0], [0x50, 1, 0, 0x5F, 1, Code.i32, 1]) == nil)
    #expect(message([0x50, 1, 1, 0x5F, 0], [0x50, 0, 0x5F, 0]) == "unknown type 1")
    // Clamped indices do not become someone else's.
    #expect(message([0x60, 1, 0x63, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F, 0])?.hasPrefix("unknown type") == true)
  }

  @Test func matchingOfAbstractTypes() throws {
    let storage = TypeStorage(capacity: 3)
    storage.append(canonical: 0, supertype: nil, kind: .structure)
    storage.append(canonical: 1, supertype: 0, kind: .structure)
    storage.append(canonical: 2, supertype: nil, kind: .function)
    let lattice = storage.lattice
    func matches(_ sub: HeapType, _ super: HeapType) -> Bool { lattice.matches(sub, `super`) }
    #expect(matches(.concrete(1), .concrete(0)))
    #expect(!matches(.concrete(0), .concrete(1)))
    #expect(matches(.concrete(1), .struct) && matches(.concrete(1), .eq) && matches(.concrete(1), .any))
    #expect(!matches(.concrete(1), .array) && !matches(.concrete(1), .func))
    #expect(matches(.none, .concrete(0)) && !matches(.none, .concrete(2)) && matches(.nofunc, .concrete(2)))
    #expect(matches(.i31, .eq) && !matches(.eq, .i31) && matches(.noextern, .extern) && matches(.noexn, .exn))
    #expect(!matches(.concrete(99), .any) && !matches(.none, .concrete(99)) && !matches(.concrete(99), .concrete(0)))
    #expect(lattice.matches(.reference(.none, nullable: false), .anyref))
    #expect(!lattice.matches(.anyref, .reference(.any, nullable: false)))
    withExtendedLifetime(storage) {}
  }
}
