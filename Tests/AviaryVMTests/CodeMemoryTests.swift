import AviaryContract
import AviaryCore
import AviaryPool
@testable import AviaryVM
import CAviaryHost
import Glibc
import Testing

/// The permissions of the mapping that holds the address, as /proc tells them.
private func permissions(_ address: UInt) -> String? {
  guard let file = unsafe fopen("/proc/self/maps", "r") else { return nil }
  defer { unsafe fclose(file) }
  var line = [CChar](repeating: 0, count: 1024)
  while unsafe fgets(&line, 1024, file) != nil {
    let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    let fields = text.split(separator: " ")
    let bounds = fields[0].split(separator: "-").compactMap { UInt($0, radix: 16) }
    if bounds.count == 2, address >= bounds[0], address < bounds[1] { return String(fields[1]) }
  }
  return nil
}

/// Whether any mapping is writable and executable.
private func hasWritableCode() -> Bool {
  guard let file = unsafe fopen("/proc/self/maps", "r") else { return true }
  defer { unsafe fclose(file) }
  var line = [CChar](repeating: 0, count: 1024)
  while unsafe fgets(&line, 1024, file) != nil {
    let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    let fields = text.split(separator: " ")
    if fields.count > 1, fields[1].contains("w"), fields[1].contains("x") { return true }
  }
  return false
}

@Suite struct CodeMemoryTests {
  @Test func codeIsNeverWritableAndExecutable() throws {
    let world = try World([.init(.add)])
    #expect(permissions(world.module.code.text.lowerBound) == "r-xs")
    #expect(permissions(world.thunk.address) == "r-xs")
    #expect(!hasWritableCode())
  }

  @Test func addressesAreFound() throws {
    let world = try World([.init(.add), .init(.unreachable, .unreachable)])
    let code = world.module.code
    let second = code.entry(ofDefined: 1)
    #expect(CodeIndex.shared.find(second) === world.module)
    #expect(world.module.functionIndex(at: second + 3) == 1)
    #expect(world.module.functionIndex(at: second - 1) == nil)
    #expect(world.module.isEntry(second))
    #expect(!world.module.isEntry(second + 1))
    #expect(code.wasmOffset(at: second) == nil)
    #expect(code.wasmOffset(at: second + UInt(GuestFunction.unreachable.site)) == 101)
    #expect(aviary_code_contains(second))
    #expect(CodeIndex.shared.find(code.text.upperBound) !== world.module)
  }

  @Test func codeOutlivesItsEngineAndGoesWithItsModule() throws {
    var module: VMModule? = try World.module(try World.engine(), [.init(.add)], .init())
    let start = try #require(module?.code.text.lowerBound)
    #expect(aviary_code_contains(start))
    module = nil
    #expect(!aviary_code_contains(start))
    #expect(CodeIndex.shared.find(start) == nil)
  }

  @Test func storesKeepTheirCode() throws {
    let engine = try World.engine()
    let thunk = try engine.entryThunk(for: World.binary)
    let store = try VMStore(engine)
    let function = try VMInstance(World.module(engine, [.init(.add)], .init()), in: store, imports: []).function(0)
    #expect(try World.call(function, thunk, 1, 2) == 3)
  }

  @Test func wrongArtifactsAreRefused() throws {
    let engine = try World.engine()
    let good = Artifact(
      fingerprint: engine.tunables.fingerprint, cpu: [], text: GuestFunction.add.bytes,
      functions: [FunctionRange(offset: 0, size: 9)], traps: [], addresses: [])
    _ = try VMCode(good, tunables: engine.tunables)
    func refused(_ change: (inout Artifact) -> Void) -> Bool {
      var artifact = good
      change(&artifact)
      do {
        _ = try VMCode(artifact, tunables: engine.tunables)
        return false
      } catch { return true }
    }
    #expect(refused { $0.fingerprint ^= 1 })
    #expect(refused { $0.cpu = CPUFeatures(rawValue: 1 << 31) })
    #expect(refused { $0.functions[0].size = 100 })
    #expect(refused { $0.functions[0].size = 0 })
    #expect(refused { $0.functions[0].offset = .max })
    #expect(refused { $0.traps = [TrapSite(offset: 4, code: .unreachable), TrapSite(offset: 4, code: .unreachable)] })
    #expect(refused { $0.traps = [TrapSite(offset: 1000, code: .unreachable)] })
    #expect(
      refused {
        $0.traps = [TrapSite(offset: 4, code: .unreachable)]
        $0.traps[0].code = 9999
      })
    #expect(refused { $0.addresses = [AddressMapping(offset: 5, wasmOffset: 0), AddressMapping(offset: 4, wasmOffset: 0)] })
  }

  @Test func wrongHandlerTablesAreRefused() throws {
    let engine = try World.engine()
    var good = Artifact(
      fingerprint: engine.tunables.fingerprint, cpu: [], text: GuestFunction.add.bytes,
      functions: [FunctionRange(offset: 0, size: 9)], traps: [], addresses: [])
    good.exceptions.segments = [HandlerSegment(offset: 2, handler: 1), HandlerSegment(offset: 5, handler: HandlerSegment.none)]
    good.exceptions.handlers = [
      Handler(parent: HandlerSegment.none, first: 0, count: 1), Handler(parent: 0, first: 1, count: 1),
    ]
    good.exceptions.clauses = [
      HandlerClause(tag: HandlerClause.anyTag, landing: 6 | HandlerClause.keepsReference),
      HandlerClause(tag: HandlerClause.anyTag, landing: 7),
    ]
    let code = try VMCode(good, tunables: engine.tunables)
    #expect(code.artifact(engine.tunables).exceptions == good.exceptions)
    func refused(_ change: (inout HandlerTables) -> Void) -> Bool {
      var artifact = good
      change(&artifact.exceptions)
      do {
        _ = try VMCode(artifact, tunables: engine.tunables)
        return false
      } catch { return true }
    }
    #expect(refused { $0.segments[1].offset = 2 })
    #expect(refused { $0.segments[1].offset = 1000 })
    #expect(refused { $0.segments[0].handler = 2 })
    #expect(refused { $0.handlers[1].parent = 1 })
    #expect(refused { $0.handlers[0].parent = 1 })
    #expect(refused { $0.handlers[1].count = 2 })
    #expect(refused { $0.handlers[1].first = .max })
    #expect(refused { $0.clauses[1].landing = 1000 })
    // There is no such tag.
    #expect(refused { $0.clauses[1].tag = 0 })
  }

  /// What a processor lacks is named, bit by bit.
  @Test func processorsBelowTheFloorAreRefused() {
    #expect(CPUFeatures.hostRefusal == nil)
    #expect(CPUFeatures.refusal(missing: 0) == nil)
    #expect(
      CPUFeatures.refusal(missing: 0b1_1100)
        == "this processor lacks SSE4.1, SSE4.2, POPCNT: x86-64-v2 is the least that code is made for")
    #expect(CPUFeatures.refusal(missing: 0b110_0011)?.hasPrefix("this processor lacks SSE3, SSSE3, CMPXCHG16B, LAHF:") == true)
    #expect("\(CPUFeatures([.avx, .fma]))" == "AVX, FMA")
    #expect("\(CPUFeatures(rawValue: 1 << 31 | 1))" == "LZCNT, features that this version does not know")
  }

  @Test func theDebuggerIsTold() throws {
    let first = try DebuggerRegistration(elf: [1, 2, 3])
    let second = try DebuggerRegistration(elf: [])
    withExtendedLifetime((first, second)) {}
  }

  @Test func manyModulesComeAndGo() throws {
    let engine = try World.engine()
    var modules: [VMModule] = []
    for round in 0..<200 {
      modules.append(try World.module(engine, [.init(.add)], .init()))
      if round % 3 == 0 { modules.remove(at: modules.count / 2) }
    }
    #expect(modules.allSatisfy { CodeIndex.shared.find($0.code.text.lowerBound) === $0 })
    #expect(modules.allSatisfy { aviary_code_contains($0.code.text.lowerBound) })
  }
}
