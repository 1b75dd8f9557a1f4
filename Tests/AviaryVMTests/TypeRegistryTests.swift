import AviaryCore
import AviaryPool
@testable import AviaryVM
import Testing

private func function(_ parameters: [ValueType], _ results: [ValueType] = []) -> SubType {
  SubType(composite: .function(FunctionType(parameters: parameters, results: results)))
}
private func ref(_ index: UInt32) -> ValueType { .reference(.concrete(index), nullable: true) }

/// A small generator with a printed seed.
private struct Random: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return (state ^ state >> 29) &* 0xBF58_476D_1CE4_E5B9
  }
}

@Suite struct TypeRegistryTests {
  @Test func equalTypesShareAnID() throws {
    let registry = TypeRegistry()
    let a = try registry.register([function([.i32]), function([.i64]), function([.i32])], groups: [0..<1, 1..<2, 2..<3])
    let b = try registry.register([function([.i64]), function([.i32], [.i32])], groups: [0..<1, 1..<2])
    #expect(a.ids[0] == a.ids[2])
    #expect(a.ids[0] != a.ids[1])
    #expect(a.ids[1] == b.ids[0])
    #expect(!a.ids.contains(b.ids[1]))
    #expect(!a.ids.contains(0))
    #expect(registry.functionType(b.ids[1])?.results == [VMValueType(.i32)])
  }

  @Test func groupsCountAsAWhole() throws {
    let registry = TypeRegistry()
    // One type in a group of its own, and the same in a group of two.
    let types = [function([.i32]), function([.i32]), function([.i64])]
    let a = try registry.register(types, groups: [0..<1, 1..<3])
    #expect(a.ids[0] != a.ids[1])
    // References within a group are by position, so equal groups at other places are equal.
    let pair = [function([ref(1)]), function([ref(0)])]
    let shifted = [function([.f32]), function([ref(2)]), function([ref(1)])]
    let b = try registry.register(pair, groups: [0..<2])
    let c = try registry.register(shifted, groups: [0..<1, 1..<3])
    #expect(b.ids == Array(c.ids[1...]))
    // A reference to an earlier, equal type is not one to the group itself.
    let selfReference = try registry.register([function([ref(0)])], groups: [0..<1])
    let outer = try registry.register([function([ref(0)]), function([ref(0)])], groups: [0..<1, 1..<2])
    #expect(outer.ids[0] == selfReference.ids[0])
    #expect(outer.ids[1] != selfReference.ids[0])
  }

  @Test func emptyGroupsAreNothing() throws {
    let registry = TypeRegistry()
    let types = [function([.i32]), function([ref(0)])]
    do {
      let a = try registry.register(types, groups: [0..<0, 0..<1, 1..<1, 1..<2, 2..<2])
      let b = try registry.register(types, groups: [0..<1, 1..<2])
      #expect(a.ids == b.ids)
    }
    #expect(registry.count == 0)
  }

  @Test func storageMutabilityAndFinalityMatter() throws {
    let registry = TypeRegistry()
    func structure(_ storage: StorageType, _ isMutable: Bool) -> SubType {
      SubType(composite: .structure([FieldType(storage: storage, isMutable: isMutable)]))
    }
    let all = [
      structure(.i8, false), structure(.i16, false), structure(.value(.i32), false), structure(.i8, true),
      SubType(composite: .array(FieldType(storage: .i8, isMutable: false))),
      SubType(composite: .structure([])), function([]), SubType(isFinal: false, composite: .structure([])),
      function([.reference(.func, nullable: false)]), function([.reference(.func, nullable: true)]),
    ]
    let registration = try registry.register(all, groups: all.indices.map { $0..<($0 + 1) })
    #expect(Set(registration.ids).count == all.count)
  }

  @Test func subtypes() throws {
    let registry = TypeRegistry()
    let empty = CompositeType.structure([])
    let types = [
      SubType(isFinal: false, composite: empty), SubType(isFinal: false, supertypes: [0], composite: empty),
      SubType(supertypes: [1], composite: empty), SubType(isFinal: false, composite: .function(.init(parameters: [], results: []))),
    ]
    let r = try registry.register(types, groups: (0..<4).map { $0..<($0 + 1) })
    #expect(registry.isSubtype(r.ids[2], of: r.ids[0]))
    #expect(registry.isSubtype(r.ids[1], of: r.ids[1]))
    #expect(!registry.isSubtype(r.ids[0], of: r.ids[2]))
    #expect(!registry.isSubtype(r.ids[3], of: r.ids[0]))
    #expect(!registry.isSubtype(0, of: 0))
    #expect(!registry.isSubtype(999, of: r.ids[0]))
    let concrete = VMValueType(reference: r.ids[2], nullable: false)
    #expect(registry.matches(concrete, VMValueType(reference: r.ids[0], nullable: true)))
    #expect(registry.matches(concrete, VMValueType(.anyref)))
    #expect(!registry.matches(concrete, VMValueType(.funcref)))
    #expect(registry.matches(VMValueType(reference: r.ids[3], nullable: true), VMValueType(.funcref)))
    #expect(registry.matches(VMValueType(.reference(.nofunc, nullable: false)), VMValueType(reference: r.ids[3], nullable: false)))
    #expect(!registry.matches(VMValueType(.reference(.none, nullable: false)), VMValueType(reference: r.ids[3], nullable: false)))
    #expect(!registry.matches(VMValueType(.funcref), VMValueType(.reference(.func, nullable: false))))
    #expect(registry.matches(VMValueType(.i32), VMValueType(.i32)))
    #expect(!registry.matches(VMValueType(.i32), VMValueType(.i64)))
  }

  @Test func typesGoWithTheirLastHolder() throws {
    let registry = TypeRegistry()
    var a: TypeRegistration? = try registry.register([function([.i32]), function([ref(0)])], groups: [0..<1, 1..<2])
    let ids = try #require(a?.ids)
    // Refers to the first by id, and so keeps it.
    var host: TypeRegistration? = try registry.register(
      VMFunctionType(parameters: [VMValueType(reference: ids[0], nullable: true)], results: []))
    #expect(host?.ids == [ids[1]])
    a = nil
    #expect(registry.count == 2)
    #expect(registry.functionType(ids[0]) != nil)
    host = nil
    #expect(registry.count == 0)
    #expect(registry.functionType(ids[0]) == nil)
    let again = try registry.register([function([.i32])], groups: [0..<1])
    #expect(!ids.contains(again.ids[0]))
  }

  @Test func idsRunOutWithAnError() throws {
    let registry = TypeRegistry(first: .max - 1)
    let a = try registry.register([function([.i32])], groups: [0..<1])
    #expect(throws: VMError.self) { try registry.register([function([.i32]), function([.i64])], groups: [0..<1, 1..<2]) }
    #expect(registry.count == 1)
    let b = try registry.register([function([.i32])], groups: [0..<1])
    #expect(a.ids == b.ids)
  }

  /// Threads register and drop random modules of few distinct types: at any moment equal
  /// ids mean equal types.
  @Test func neverGivesTwoTypesOneID() async throws {
    let seed = UInt64.random(in: 0 ... .max)
    print("TypeRegistryTests seed \(seed)")
    let registry = TypeRegistry()
    let isSound = await withTaskGroup(of: Bool.self) { group in
      for thread in 0..<4 {
        group.addTask {
          var random = Random(state: seed &+ UInt64(thread))
          let values: [ValueType] = [.i32, .i64, .f32]
          for _ in 0..<300 {
            var types: [SubType] = []
            var groups: [Range<Int>] = []
            for _ in 0..<Int.random(in: 1...5, using: &random) {
              let start = types.count
              let size = Int.random(in: 1...2, using: &random)
              for _ in 0..<size {
                let last = UInt32(start + size - 1)
                let choice = Int.random(in: 0...3, using: &random)
                types.append(function([choice < 3 ? values[choice] : ref(UInt32.random(in: 0...last, using: &random))]))
              }
              groups.append(start..<(start + size))
            }
            guard let r = try? registry.register(types, groups: groups) else { return false }
            for (index, type) in types.enumerated() {
              guard case .function(let written) = type.composite,
                registry.functionType(r.ids[index]) == VMFunctionType(written, ids: r.ids)
              else { return false }
            }
            // Two indices have one id exactly when their groups' keys and places are equal.
            for (i, first) in groups.enumerated() {
              for second in groups[..<i] {
                let same =
                  TypeGroupKey(types[first], start: first.lowerBound, earlier: r.ids)
                  == TypeGroupKey(types[second], start: second.lowerBound, earlier: r.ids)
                if same != (r.ids[first.lowerBound] == r.ids[second.lowerBound]) { return false }
              }
            }
          }
          return true
        }
      }
      return await group.reduce(true) { $0 && $1 }
    }
    #expect(isSound)
    #expect(registry.count == 0)
  }
}
