import Testing

@testable import AviaryCore

@Suite struct ModuleDecoderTests {
  private func message(_ bytes: [UInt8], _ features: Features = .standard) -> String? {
    do throws(ModuleError) {
      _ = try ModuleValidator.validate(bytes: ModuleBytes(bytes), features: features, parallelism: 1)
      return nil
    } catch {
      return error.message
    }
  }
  private func message(_ builder: ModuleBuilder, _ features: Features = .standard) -> String? {
    message(builder.bytes, features)
  }

  @Test func headers() {
    #expect(message([])?.hasPrefix("unexpected end") == true)
    #expect(message([0, 0x61, 0x73])?.hasPrefix("unexpected end") == true)
    #expect(message([0x01, 0x61, 0x73, 0x6D, 1, 0, 0, 0]) == "magic header not detected")
    #expect(message([0x00, 0x61, 0x73, 0x6D])?.hasPrefix("unexpected end") == true)
    #expect(message([0x00, 0x61, 0x73, 0x6D, 0x0D, 0, 1, 0]) == "unknown binary version")
    #expect(message(ModuleBuilder()) == nil)
  }

  @Test func sectionsComeInOrderOnceWithTheirSize() {
    let base = ModuleBuilder()
    #expect(message(base.section(14, [])) == "malformed section id")
    #expect(message(base.section(0x80, [])) == "malformed section id")
    #expect(message(base.section(3, [0]).section(1, [0])) == "unexpected content after last section")
    #expect(message(base.section(1, [0]).section(1, [0])) == "unexpected content after last section")
    #expect(message(base.section(1, [0, 0])) == "section size mismatch")
    #expect(message(base.bytes + [1, 9, 0]) == "length out of bounds")
    #expect(message(base.section(5, [0]).section(13, [0]).section(6, [0])) == nil)
    #expect(message(base.section(6, [0]).section(13, [0])) == "unexpected content after last section")
    #expect(message(base.section(12, [0]).section(10, [0]).section(11, [0])) == nil)
  }

  @Test func countsAgree() {
    #expect(
      message(ModuleBuilder().types([0x60, 0, 0]).functions(0))
        == "function and code section have inconsistent lengths")
    #expect(message(ModuleBuilder().code([0])) == "function and code section have inconsistent lengths")
    #expect(message(ModuleBuilder().dataCount(1)) == "data count and data section have inconsistent lengths")
  }

  @Test func grammarOfEntries() {
    let base = ModuleBuilder()
    #expect(message(base.types([0x61])) == "malformed definition type")
    #expect(message(base.types([0x5F, 1, 0x7A, 0])) == "malformed storage type")
    #expect(message(base.types([0x5E, 0x7F, 2])) == "malformed mutability")
    #expect(message(base.types([0x60, 1, 0x10, 0])) == "malformed reference type")
    #expect(message(base.imports([0, 0, 5])) == "malformed import kind")
    #expect(message(base.imports([1, 0xFF, 0, 0, 0])) == "malformed UTF-8 encoding")
    #expect(message(base.exports(("a", 5, 0))) == "malformed export kind")
    #expect(message(base.memories([2, 1])) == "malformed limits flags")
    #expect(message(base.memories([8, 1, 0])) == "malformed limits flags")
    #expect(message(base.tables([0x70, 2, 1])) == "malformed limits flags")
    #expect(message(base.globals([0x7F, 2, 0x41, 0, 0x0B])) == "malformed mutability")
    #expect(message(base.section(13, [1, 1, 0])) == "zero byte expected")
    #expect(message(base.elements([8, 0])) == "malformed elements segment kind")
    #expect(message(base.elements([1, 1, 0])) == "malformed element kind")
    #expect(message(base.data([3, 0])) == "malformed data segment kind")
  }

  /// A small module with large counts is refused before anything is made for them.
  @Test func countsDoNotReserve() {
    let huge = ModuleBuilder.leb(UInt64(UInt32.max))
    for id in [1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 13] as [UInt8] {
      #expect(message(ModuleBuilder().section(id, huge)) == "length out of bounds", "section \(id)")
    }
    #expect(message(ModuleBuilder().types([0x60] + huge)) == "length out of bounds")
  }

  @Test func limitsOfImplementation() {
    let parameters = [0x60] + ModuleBuilder.leb(1001) + [UInt8](repeating: Code.i32, count: 1001) + [0]
    let error = ModuleBuilder().types(parameters).error()
    #expect(error?.kind == .unsupported)
    #expect(error?.message.hasPrefix("too many parameters") == true)
    let memories = ModuleBuilder().section(5, [101] + [UInt8](repeating: 0, count: 202)).error()
    #expect(memories?.kind == .unsupported)
    // 64 nested subtypes: one more than allowed.
    var types: [[UInt8]] = [[0x50, 0, 0x5F, 0]]
    for index in 0..<64 as Range<UInt8> { types.append([0x50, 1, index, 0x5F, 0]) }
    let nested = ModuleBuilder().section(1, ModuleBuilder.vector(types))
    #expect(nested.error()?.kind == .unsupported)
    types.removeLast()
    #expect(ModuleBuilder().section(1, ModuleBuilder.vector(types)).error() == nil)
  }

  @Test func sectionsAreRead() throws {
    let module = try ModuleBuilder()
      .types([0x60, 1, Code.i32, 1, Code.i64])
      .imports(
        ModuleBuilder.name("m") + ModuleBuilder.name("f") + [0, 0],
        ModuleBuilder.name("m") + ModuleBuilder.name("g") + [3, Code.f32, 1])
      .functions(0)
      .tables([Code.funcref, 1, 2, 3])
      .memories([5, 1, 2])
      .globals([Code.i64, 0, 0x42, 0x7F, 0x0B], [Code.i32, 0, 0x41, 1, 0x41, 2, 0x6A, 0x0B])
      .exports(("run", 0, 1))
      .elements([0, 0x41, 1, 0x0B, 1, 1])
      .code([0, 0x42, 0])
      .data([0, 0x42, 8, 0x0B, 2, 0xAA, 0xBB])
      .validate()
    let info = module.info
    #expect(info.importedFunctionCount == 1)
    #expect(info.functions == [0, 0])
    #expect(info.tables.map(\.type) == [TableType(element: .funcref, limits: SizeLimits(minimum: 2, maximum: 3))])
    #expect(info.memories == [MemoryType(limits: SizeLimits(minimum: 1, maximum: 2), is64: true)])
    #expect(info.globals[1].initial?.simple == .i64(UInt64.max))
    #expect(info.globals[2].initial?.simple == nil)
    #expect(info.exports == [Export(name: "run", kind: .function, index: 1)])
    #expect(info.elements[0].type == .reference(.func, nullable: false))
    #expect(info.data[0].range.count == 2)
    #expect(info.bodies.count == 1)
    #expect(module.facts.escapes == [false, true])
    #expect(module.facts.hasForeignTailCalls == false)
  }

  @Test func namesAreReadLeniently() throws {
    let good: [UInt8] = [0, 2, 1, 0x6D, 1, 4, 1, 0, 1, 0x66, 2, 6, 1, 0, 1, 2, 1, 0x78]
    let module = try ModuleBuilder.function([]).custom("name", good).validate()
    #expect(module.info.names.module == "m")
    #expect(module.info.names.functions == [0: "f"])
    #expect(module.info.names.locals == [0: [2: "x"]])

    // Wrong subsections cost only themselves; an index that does not exist is dropped.
    let bad: [UInt8] = [1, 3, 9, 0, 1, 7, 4, 1, 0, 1, 0x67, 1, 4, 1, 5, 1, 0x68, 0, 2, 1, 0x6D]
    let second = try ModuleBuilder.function([]).custom("name", bad).validate()
    #expect(second.info.names.module == "m")
    #expect(second.info.names.functions.isEmpty)
    #expect(try ModuleBuilder().custom("name", [0xFF, 0xFF]).validate().info.names.module == nil)
  }

  @Test func customSections() throws {
    let module = try ModuleBuilder().custom("a", [1, 2]).section(1, [0]).custom("b", []).validate()
    #expect(module.info.customSections.map(\.name) == ["a", "b"])
    #expect(module.info.customSections[0].range.count == 2)
    #expect(message(ModuleBuilder().section(0, [5, 0x61])) == "length out of bounds")
    #expect(message(ModuleBuilder().section(0, []).section(0, [0]))?.hasPrefix("unexpected end") == true)
  }

  /// A malformed body is reported before an invalid one, wherever they stand.
  @Test func malformedComesBeforeInvalid() {
    let module = ModuleBuilder()
      .types([0x60, 0, 0])
      .functions(0, 0)
      .code([0, 0x6A], [0, 0xFF])
    #expect(module.error()?.message.hasPrefix("illegal opcode ff") == true)
    #expect(module.error()?.kind == .malformed)
    let later = ModuleBuilder().types([0x60, 0, 0]).functions(0).code([0, 0xFF]).section(11, [0, 0])
    #expect(later.error()?.message.hasPrefix("illegal opcode ff") == true)
  }
}
