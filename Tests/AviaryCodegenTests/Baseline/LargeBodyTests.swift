import AviaryCodegen
import AviaryContract
import AviaryCore
import Testing

/// Bodies at the limits compile, in time that grows with their length and not faster.
@Suite struct LargeBodyTests {
  private func time(_ wat: String) throws -> Duration {
    let module = try BaselineFixture.module(wat)
    let compiler = ModuleCompiler(tunables: Tunables())
    return try ContinuousClock().measure { _ = try compiler.compile(module) }
  }

  @Test func fiftyThousandLocals() throws {
    let locals = String(repeating: "i32 ", count: 49_999)
    let sets = (1..<50_000).map { "(local.set \($0) (local.get \($0 - 1)))" }.joined()
    _ = try time("(module (func (param i32) (local \(locals)) \(sets)))")
  }

  @Test func aThousandParametersAndResults() throws {
    let types = String(repeating: "i32 f64 i64 f32 ", count: 250)
    let gets = (0..<1000).map { "(local.get \($0))" }.joined()
    _ = try time(
      "(module (func $f (param \(types)) (result \(types)) \(gets) (call $f) (return_call $f)))")
  }

  @Test func hundredThousandTargets() throws {
    let targets = (0..<100_000).map { String($0 % 3) }.joined(separator: " ")
    _ = try time("(module (func (param i32) (block (block (br_table \(targets) (local.get 0))))))")
  }

  @Test func deepNesting() throws {
    let open = String(repeating: "block loop ", count: 50_000)
    let close = String(repeating: "end ", count: 100_000)
    _ = try time("(module (func \(open) br 7 \(close)))")
  }

  /// Aliases at the bottom of a deep stack, then assignments to all of these locals: walking
  /// the stack for each would be quadratic, 4 × 10^8 steps at this size.
  @Test func aliasesBelowADeepStack() throws {
    let count = 20_000
    let gets = (0..<count).map { "local.get \($0) " }.joined()
    let constants = String(repeating: "i32.const 1 ", count: count)
    let sets = (0..<count).map { "i32.const 2 local.set \($0) " }.joined()
    let drops = String(repeating: "drop ", count: 2 * count)
    let locals = String(repeating: "i32 ", count: count)
    let spent = try time("(module (func (local \(locals)) \(gets)\(constants)\(sets)\(drops)))")
    #expect(spent < .seconds(5))
  }

  @Test func blocksAboveADeepStack() throws {
    let count = 20_000
    let constants = String(repeating: "local.get 0 ", count: count)
    let blocks = String(repeating: "block end ", count: count)
    let drops = String(repeating: "drop ", count: count)
    let spent = try time("(module (func (param i32) \(constants)\(blocks)\(drops)))")
    #expect(spent < .seconds(5))
  }
}
