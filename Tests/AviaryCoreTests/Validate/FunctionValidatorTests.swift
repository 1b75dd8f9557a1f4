import Testing

@testable import AviaryCore

@Suite struct FunctionValidatorTests {
  /// The message that a function of a type ends in; nil when it is valid.
  private func message(
    _ parameters: [UInt8] = [], _ results: [UInt8] = [], _ body: [UInt8], features: Features = .standard
  ) -> String? {
    ModuleBuilder.function(parameters: parameters, results: results, body).error(features)?.message
  }

  @Test func arithmetic() {
    #expect(message([], [Code.i32], [0x41, 1, 0x41, 2, 0x6A]) == nil)
    #expect(
      message([], [Code.i32], [0x41, 1, 0x42, 2, 0x6A])
        == "type mismatch: instruction requires [i32 i32] but stack has [i32 i64]")
    #expect(message([], [], [0x6A]) == "type mismatch: instruction requires [i32 i32] but stack has []")
    #expect(message([], [], [0x41, 0]) == "type mismatch: block requires [] but stack has [i32]")
    #expect(message([], [Code.i32], [])?.hasPrefix("type mismatch") == true)
  }

  /// Each operator with a fixed signature accepts exactly its operands, and leaves its results.
  @Test func everyNumericSignature() {
    for opcode in Opcode.allCases {
      let row = opcode.row
      guard row.immediates == .none, row.signature != .special else { continue }
      let operands = (0..<row.signature.operandCount).map { type(row.signature.operandCode($0)) }
      let results = (0..<row.signature.resultCount).map { type(row.signature.resultCode($0)) }
      let code = row.prefix == 0 ? [UInt8(row.code)] : [row.prefix] + ModuleBuilder.leb(UInt64(row.code))
      let gets: [UInt8] = operands.indices.flatMap { [0x20, UInt8($0)] as [UInt8] }
      #expect(message(operands, results, gets + code, features: .all) == nil, "\(row.mnemonic)")
      // In unreachable code the operands come from nowhere.
      #expect(message([], results, [0x00] + code, features: .all) == nil, "\(row.mnemonic)")
      for index in operands.indices {
        var wrong = operands
        wrong[index] = operands[index] == Code.f32 ? Code.i32 : Code.f32
        #expect(
          message(wrong, results, gets + code, features: .all)?.hasPrefix("type mismatch") == true, "\(row.mnemonic)")
      }
      #expect(
        message(operands, results, Array(gets.dropFirst(2)) + code, features: .all)?.hasPrefix("type mismatch") == true)
    }
  }

  private func type(_ code: UInt32) -> UInt8 { UInt8(OpcodeSignature.type(code: code).rawValue) }

  @Test func blocksAndBranches() {
    #expect(message([], [Code.i32], [0x02, Code.i32, 0x41, 1, 0x0B]) == nil)
    #expect(message([], [], [0x02, Code.empty, 0x0C, 2, 0x0B]) == "unknown label 2")
    #expect(message([], [Code.i32], [0x41, 1, 0x04, Code.i32, 0x41, 1, 0x0B])?.hasPrefix("type mismatch") == true)
    #expect(message([], [], [0x41, 1, 0x04, Code.empty, 0x05, 0x05, 0x0B]) == "END opcode expected")
    #expect(message([], [], [0x05]) == "END opcode expected")
    #expect(message([], [Code.i32], [0x0C, 0])?.hasPrefix("type mismatch") == true)
    #expect(message([], [Code.i32], [0x41, 0, 0x0C, 0]) == nil)
    #expect(message([], [Code.i32], [0x00]) == nil)
    #expect(message([], [Code.i32], [0x00, 0x42, 0])?.hasPrefix("type mismatch") == true)
    // Labels of a br_table agree in number.
    #expect(
      message([], [Code.i32], [0x02, Code.empty, 0x41, 0, 0x41, 0, 0x0E, 1, 0, 1, 0x0B, 0x41, 0])?
        .hasPrefix("type mismatch") == true)
    #expect(message([], [], [0x41, 0, 0x0E, 1, 0, 1]) == "unknown label 1")
    #expect(message([], [], [0x02, 9, 0x0B]) == "unknown type 9")
  }

  @Test func select() {
    #expect(message([], [Code.f64], [0x00, 0x1B]) == nil)
    #expect(message([Code.externref], [Code.externref], [0x20, 0, 0x20, 0, 0x41, 0, 0x1B])?.hasPrefix("type mismatch") == true)
    #expect(message([Code.externref], [Code.externref], [0x20, 0, 0x20, 0, 0x41, 0, 0x1C, 1, Code.externref]) == nil)
    #expect(message([], [], [0x00, 0x1C, 0]) == "invalid result arity")
    #expect(message([], [], [0x41, 0, 0x42, 0, 0x41, 0, 0x1B, 0x1A])?.hasPrefix("type mismatch") == true)
  }

  @Test func localsAndGlobals() {
    #expect(message([], [], [0x20, 0]) == "unknown local 0")
    #expect(message([], [], [0x23, 0]) == "unknown global 0")
    let module = ModuleBuilder()
      .types([0x60, 0, 0]).functions(0)
      .globals([Code.i32, 0, 0x41, 0, 0x0B])
      .code([0, 0x41, 0, 0x24, 0])
    #expect(module.error()?.message == "immutable global")
  }

  /// A local without a default is readable after a set, until the block of the set ends.
  @Test func initializationOfLocals() {
    func body(_ operators: [UInt8]) -> String? {
      ModuleBuilder()
        .types([0x60, 0, 0]).functions(0).exports(("f", 0, 0))
        .code([1, 1, 0x64, 0] + operators)
        .error()?.message
    }
    #expect(body([0x20, 0, 0x1A]) == "uninitialized local 0")
    #expect(body([0xD2, 0, 0x21, 0, 0x20, 0, 0x1A]) == nil)
    #expect(body([0xD2, 0, 0x22, 0, 0x1A, 0x20, 0, 0x1A]) == nil)
    #expect(body([0x02, 0x40, 0xD2, 0, 0x21, 0, 0x20, 0, 0x1A, 0x0B, 0x20, 0, 0x1A]) == "uninitialized local 0")
    #expect(body([0xD2, 0, 0x21, 0, 0x02, 0x40, 0x20, 0, 0x1A, 0x0B]) == nil)
    #expect(body([0x41, 0, 0x04, 0x40, 0xD2, 0, 0x21, 0, 0x05, 0x20, 0, 0x1A, 0x0B]) == "uninitialized local 0")
  }

  @Test func memories() {
    func body(_ memory: [UInt8], _ operators: [UInt8], _ features: Features = .standard) -> String? {
      ModuleBuilder()
        .types([0x60, 0, 0]).functions(0).memories(memory).code([0] + operators).error(features)?.message
    }
    #expect(message([], [], [0x41, 0, 0x28, 2, 0, 0x1A]) == "unknown memory 0")
    #expect(body([0, 1], [0x41, 0, 0x28, 2, 0, 0x1A]) == nil)
    #expect(body([0, 1], [0x41, 0, 0x28, 3, 0, 0x1A]) == "alignment must not be larger than natural")
    #expect(body([0, 1], [0x41, 0, 0x28, 0x80, 1, 0, 0x1A]) == "malformed memop flags")
    #expect(body([0, 1], [0x42, 0, 0x28, 2, 0, 0x1A])?.hasPrefix("type mismatch") == true)
    #expect(body([4, 1], [0x42, 0, 0x28, 2, 0, 0x1A]) == nil)
    #expect(body([4, 1], [0x41, 0, 0x28, 2, 0, 0x1A])?.hasPrefix("type mismatch") == true)
    let large: [UInt8] = [0x80, 0x80, 0x80, 0x80, 0x10]
    #expect(body([0, 1], [0x41, 0, 0x28, 2] + large + [0x1A]) == "offset out of range")
    #expect(body([4, 1], [0x42, 0, 0x28, 2] + large + [0x1A]) == nil)
    #expect(body([0, 1], [0xFC, 9, 0]) == "data count section required")
    #expect(body([0, 1], [0x41, 0, 0xFE, 0x10, 1, 0, 0x1A], .all) == "atomic alignment must be natural")
    #expect(body([0, 1], [0x41, 0, 0xFE, 0x10, 2, 0, 0x1A])?.hasPrefix("illegal opcode fe") == true)
  }

  @Test func lanes() {
    #expect(message([Code.v128], [Code.i32], [0x20, 0, 0xFD, 0x1B, 3]) == nil)
    #expect(message([Code.v128], [Code.i32], [0x20, 0, 0xFD, 0x1B, 4]) == "invalid lane index")
    let shuffle: [UInt8] = [0x20, 0, 0x20, 0, 0xFD, 0x0D]
    #expect(message([Code.v128], [Code.v128], shuffle + [UInt8](repeating: 31, count: 16)) == nil)
    #expect(
      message([Code.v128], [Code.v128], shuffle + [UInt8](repeating: 31, count: 15) + [32]) == "invalid lane index")
  }

  @Test func callsAndTailCalls() throws {
    #expect(message([], [], [0x10, 1]) == "unknown function 1")
    #expect(message([Code.i32], [Code.i32], [0x20, 0, 0x12, 0]) == nil)
    #expect(message([], [], [0x41, 0, 0x11, 0, 0]) == "unknown table 0")
    let mismatched = ModuleBuilder()
      .types([0x60, 0, 0], [0x60, 0, 1, Code.i32]).functions(0, 1)
      .code([0, 0x12, 1], [0, 0x41, 0])
    #expect(mismatched.error()?.message.hasPrefix("type mismatch") == true)
    let indirect = ModuleBuilder()
      .types([0x60, 0, 0]).functions(0).tables([Code.funcref, 0, 1]).code([0, 0x41, 0, 0x13, 0, 0])
    #expect(try indirect.validate().facts.hasForeignTailCalls)
  }

  @Test func references() {
    let undeclared = ModuleBuilder.function([0xD2, 0, 0x1A])
    #expect(undeclared.error()?.message.hasPrefix("undeclared function reference") == true)
    #expect(message([], [], [0x41, 0, 0xD1, 0x1A])?.hasPrefix("type mismatch") == true)
    // What unreachable code provides as a reference is none of the numbers.
    #expect(message([], [Code.i32], [0x00, 0xD4])?.hasPrefix("type mismatch") == true)
    #expect(message([], [Code.externref], [0x00, 0xD4]) == nil)
  }

  @Test func endsAndSizes() {
    let base = ModuleBuilder().types([0x60, 0, 0]).functions(0)
    #expect(base.section(10, [1, 2, 0, 0x01]).error()?.message.hasPrefix("unexpected end") == true)
    #expect(base.section(10, [1, 4, 0, 0x0B, 0x01, 0x0B]).error()?.message == "section size mismatch")
  }

  /// Nesting costs memory in proportion to the bytes, and no host stack.
  @Test func deepNesting() {
    let depth = 500_000
    let body = (0..<depth).flatMap { _ in [0x02, Code.empty] as [UInt8] } + [UInt8](repeating: 0x0B, count: depth)
    #expect(ModuleBuilder.function(body).error() == nil)
  }

  /// Calls that return a thousand values each, in a few bytes.
  @Test func operandStackIsBounded() {
    let results = [UInt8](repeating: Code.i32, count: 1000)
    let body: [UInt8] = (0..<4000).flatMap { _ in [0x10, 0] as [UInt8] } + [0x00]
    let error = ModuleBuilder.function(results: results, body).error()
    #expect(error?.kind == .unsupported)
    #expect(error?.message == "operand stack is too deep")
  }
}
