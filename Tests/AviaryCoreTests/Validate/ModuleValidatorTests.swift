import Testing

@testable import AviaryCore

@Suite struct ModuleValidatorTests {
  @Test(arguments: SampleModules.all.map(\.name))
  func samplesAreValid(_ name: String) throws {
    let sample = try #require(SampleModules.all.first { $0.name == name })
    _ = try ModuleValidator.validate(bytes: ModuleBytes(sample.bytes), features: .all, parallelism: 1)
  }

  @Test func exports() {
    let base = ModuleBuilder().memories([0, 1])
    #expect(base.exports(("a", 2, 0), ("a", 2, 0)).error()?.message.hasPrefix("duplicate export name") == true)
    #expect(base.exports(("a", 2, 1)).error()?.message == "unknown memory 1")
    #expect(base.exports(("a", 0, 0)).error()?.message == "unknown function 0")
    // Two ways to write é are two names.
    #expect(base.exports(("\u{E9}", 2, 0), ("e\u{301}", 2, 0)).error() == nil)
  }

  @Test func start() {
    let base = ModuleBuilder().types([0x60, 1, Code.i32, 0]).functions(0)
    #expect(base.section(8, [0]).code([0]).error()?.message.hasPrefix("start function") == true)
    #expect(base.section(8, [1]).code([0]).error()?.message == "unknown function 1")
  }

  @Test func limits() {
    #expect(ModuleBuilder().memories([1, 2, 1]).error()?.message == "size minimum must not be greater than maximum")
    #expect(
      ModuleBuilder().memories([0] + ModuleBuilder.leb(65537)).error()?.message.hasPrefix("memory size must be at most 65536")
        == true)
    #expect(ModuleBuilder().memories([4] + ModuleBuilder.leb(65537)).error() == nil)
    #expect(ModuleBuilder().memories([2, 1]).error(.all)?.message == "shared memory must have maximum")
    #expect(ModuleBuilder().memories([8, 1, 3]).error(.all)?.message == "invalid custom page size")
    #expect(ModuleBuilder().tables([0x64, 0x70, 0, 1]).error()?.message.hasPrefix("type mismatch") == true)
    #expect(
      ModuleBuilder().memories([0, 1], [0, 1]).error(.standard.subtracting(.multiMemory))?.message == "multiple memories")
  }

  @Test func constantExpressions() {
    func global(_ type: [UInt8], _ expression: [UInt8], _ features: Features = .standard) -> String? {
      ModuleBuilder().globals(type + [0] + expression + [0x0B]).error(features)?.message
    }
    #expect(global([Code.i32], [0x41, 0]) == nil)
    #expect(global([Code.i32], [0x42, 0])?.hasPrefix("type mismatch") == true)
    #expect(global([Code.i32], [])?.hasPrefix("type mismatch") == true)
    #expect(global([Code.i32], [0x41, 0, 0x45]) == "constant expression required")
    #expect(global([Code.i32], [0x41, 1, 0x41, 2, 0x6A]) == nil)
    #expect(
      global([Code.i32], [0x41, 1, 0x41, 2, 0x6A], .standard.subtracting(.extendedConstants))
        == "constant expression required")
    #expect(global([Code.i32], [0x23, 0]) == "unknown global 0")
    #expect(global([Code.funcref], [0xD2, 0]) == "unknown function 0")
    let mutable = ModuleBuilder().globals([Code.i32, 1, 0x41, 0, 0x0B], [Code.i32, 0, 0x23, 0, 0x0B])
    #expect(mutable.error()?.message == "constant expression required")
    let earlier = ModuleBuilder().globals([Code.i32, 0, 0x41, 0, 0x0B], [Code.i32, 0, 0x23, 0, 0x0B])
    #expect(earlier.error() == nil)
    #expect(earlier.error(.standard.subtracting(.garbageCollection))?.message == "constant expression required")
  }

  /// Whatever the threads do, the first bad body is the one reported.
  @Test func parallelValidationReportsTheFirstError() {
    let filler = (0..<3_000).flatMap { _ in [0x41, 0, 0x1A] as [UInt8] }
    var random = SplitMix64(seed: 7)
    for _ in 0..<10 {
      var bodies = [[UInt8]](repeating: [0] + filler, count: 60)
      let bad = (0..<5).map { _ in Int(random.next() % 60) }
      for index in bad { bodies[index] = [0] + filler + [0x6A] }
      let builder = ModuleBuilder()
        .types([0x60, 0, 0])
        .section(3, ModuleBuilder.vector(bodies.map { _ in [0] }))
        .section(10, ModuleBuilder.vector(bodies.map { ModuleBuilder.leb(UInt64($0.count + 1)) + $0 + [0x0B] }))
      let alone = builder.error(parallelism: 1)
      #expect(alone != nil)
      #expect(builder.error(parallelism: 8)?.offset == alone?.offset)
      #expect(builder.error(parallelism: 0)?.message == alone?.message)
    }
  }

  @Test func errorsHaveOffsets() {
    let error = ModuleBuilder.function([0x01, 0x01, 0x6A]).error()
    // Header 8, types 6, functions 4, code's id, size, count, the body's size, locals, two nops.
    #expect(error?.offset == 8 + 6 + 4 + 5 + 2)
    #expect(ModuleBuilder().functions(0).code([0]).error()?.offset == 10)
  }

  @Test func trustingFindsTheSameFacts() throws {
    for sample in SampleModules.all {
      let bytes = ModuleBytes(sample.bytes)
      let validated = try ModuleValidator.validate(bytes: bytes, features: .all, parallelism: 1)
      let trusted = try ValidatedModule.trusting(
        bytes, features: .all, hasForeignTailCalls: validated.facts.hasForeignTailCalls)
      #expect(trusted.facts.escapes == validated.facts.escapes)
      #expect(trusted.info.canonicalTypes == validated.info.canonicalTypes)
      #expect(trusted.info.bodies == validated.info.bodies)
    }
  }
}
