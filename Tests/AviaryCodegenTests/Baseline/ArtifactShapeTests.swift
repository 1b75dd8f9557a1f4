import AviaryCodegen
import AviaryContract
import AviaryCore
import Synchronization
import Testing

@Suite struct ArtifactShapeTests {
  /// Some functions of every shape, more than one chunk's worth.
  private func wat(functions: Int) -> String {
    var text = "(module (memory 1) (table 2 funcref) (func $host (export \"x\") (param i32) (result i32) (local.get 0))"
    for index in 0..<functions {
      text += """
        (func (param i32 i64 f64) (result i32) (local i32 f32 i64)
          (local.set 3 (i32.load offset=\(index) (local.get 0)))
          (block (loop (br_if 1 (i32.gt_u (local.get 3) (i32.const \(index))))
            (local.set 3 (i32.add (local.get 3) (call $host (local.get 0)))) (br 0)))
          (i32.div_s (local.get 3) (i32.trunc_f64_s (local.get 2))))
        """
    }
    return text + ")"
  }

  @Test func sameForAnyParallelism() throws {
    let wat = wat(functions: 3000)
    let one = try BaselineFixture.compile(wat, parallelism: 1)
    for parallelism in [2, 3, 8] {
      let other = try BaselineFixture.compile(wat, parallelism: parallelism)
      #expect(other.text == one.text)
      #expect(other.functions == one.functions)
      #expect(other.traps == one.traps)
      #expect(other.addresses == one.addresses)
    }
    #expect(one.functions.count == 3001)
  }

  @Test func tablesAreSortedAndComplete() throws {
    let artifact = try BaselineFixture.compile(wat(functions: 20))
    #expect(zip(artifact.traps, artifact.traps.dropFirst()).allSatisfy { $0.offset < $1.offset })
    #expect(zip(artifact.addresses, artifact.addresses.dropFirst()).allSatisfy { $0.offset < $1.offset })
    let mapped = Set(artifact.addresses.map(\.offset))
    #expect(artifact.traps.allSatisfy { mapped.contains($0.offset) })
    // Each function: the load, a zero divisor, an overflowing quotient, both faults of the conversion.
    for code in [TrapCode.memoryOutOfBounds, .integerDivideByZero, .invalidConversionToInteger] {
      #expect(artifact.traps.filter { $0.code == code.rawValue }.count == 20)
    }
    #expect(artifact.traps.filter { $0.code == TrapCode.integerOverflow.rawValue }.count == 40)
  }

  @Test func progressEndsAtTheTotal() throws {
    let module = try BaselineFixture.module(wat(functions: 3000))
    let total = module.info.bodies.reduce(0) { $0 + $1.count }
    let most = Atomic<Int>(0)
    let progress: @Sendable (Int, Int) -> Void = { done, all in
      #expect(done <= all && all == total)
      most.max(done, ordering: .relaxed)
    }
    _ = try ModuleCompiler(tunables: Tunables(), parallelism: 2, progress: progress).compile(module)
    #expect(most.load(ordering: .relaxed) == total)
  }

  /// Without room for guards each access is compared with the length.
  @Test func checksWhereGuardsDoNotReach() throws {
    func checks(_ fields: String, _ tunables: Tunables = Tunables()) throws -> Int {
      let artifact = try BaselineFixture.compile("(module \(fields))", tunables: tunables)
      // Faults of the access itself come before the stubs' return addresses: count the stubs.
      return artifact.traps.filter { $0.code == TrapCode.memoryOutOfBounds.rawValue }.count - 1
    }
    var small = Tunables()
    small.memoryReservationBytes = 1 << 30
    var noGuard = Tunables()
    noGuard.memoryGuardBytes = 0
    let load = "(func (param i32) (result i32) (i32.load offset=16 (local.get 0)))"
    let wide = "(func (param i64) (result i32) (i32.load offset=16 (local.get 0)))"
    let far = "(func (param i32) (result i32) (i32.load offset=0xfffffff0 (local.get 0)))"
    let edge = "(func (param i32) (result i32) (i32.load offset=0x7ffffffc (local.get 0)))"
    let past = "(func (param i32) (result i32) (i32.load offset=0x7ffffffd (local.get 0)))"
    #expect(try checks("(memory 1)" + load) == 0)
    #expect(try checks("(memory 1)" + edge) == 0)
    #expect(try checks("(memory 1)" + past) == 1)
    #expect(try checks("(memory 1)" + far) == 1)
    #expect(try checks("(memory 1)" + load, small) == 1)
    #expect(try checks("(memory 1)" + load, noGuard) == 1)
    #expect(try checks("(memory i64 1)" + wide) == 2)
    #expect(try checks("(memory 1 (pagesize 1))" + load) == 1)
  }
}
