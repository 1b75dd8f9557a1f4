import Aviary
import Testing

/// Operators with constants take other code than with variables: strength reduction, immediates,
/// folded addresses. For every operator and all pairs of edge values, a constant on either side, or a local
/// that is assigned the result, must give what two parameters give.
@Suite struct BaselineConstantTests {
  private static let i32s: [UInt64] = [
    0, 1, 2, 3, 5, 7, 8, 9, 31, 32, 33, 255, 256, 65535, 0x7FFF_FFFF, 0x8000_0000, 0x8000_0001, 0xFFFF_FF80,
    0xFFFF_FFFE, 0xFFFF_FFFF,
  ]
  private static let i64s: [UInt64] = [
    0, 1, 2, 3, 9, 63, 64, 255, 65535, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 0x1_0000_0000, 0x7FFF_FFFF_FFFF_FFFF,
    0x8000_0000_0000_0000, 0xFFFF_FFFF_8000_0000, 0xFFFF_FFFF_7FFF_FFFF, 0xFFFF_FFFF_FFFF_FFFE, 0xFFFF_FFFF_FFFF_FFFF,
  ]
  private static let operators = [
    "add", "sub", "mul", "div_s", "div_u", "rem_s", "rem_u", "and", "or", "xor", "shl", "shr_s", "shr_u", "rotl", "rotr",
    "eq", "ne", "lt_s", "lt_u", "gt_s", "gt_u", "le_s", "le_u", "ge_s", "ge_u",
  ]

  private func outcome(_ body: () throws -> UInt64) -> String {
    do { return String(try body()) } catch { return trapName(error) }
  }

  private func trapName(_ error: any Error) -> String {
    guard let error = error as? WasmError, let code = error.trapCode else { return "\(error)" }
    return "\(code)"
  }

  @Test(arguments: ["i32", "i64"], operators)
  func integers(_ type: String, _ name: String) throws {
    let values = type == "i32" ? Self.i32s : Self.i64s
    let isComparison = ["eq", "ne", "lt", "gt", "le", "ge"].contains(String(name.prefix(2)))
    let result = isComparison ? "i32" : type
    var text = "(module (func (export \"vv\") (param \(type) \(type)) (result \(result)) (\(type).\(name) (local.get 0) (local.get 1)))"
    for (index, value) in values.enumerated() {
      let constant = "(\(type).const \(value))"
      text += """
        (func (export "vc\(index)") (param \(type)) (result \(result)) (\(type).\(name) (local.get 0) \(constant)))
        (func (export "cv\(index)") (param \(type)) (result \(result)) (\(type).\(name) \(constant) (local.get 0)))
        (func (export "set\(index)") (param \(type)) (result \(result)) (local \(result))
          (local.set 1 (\(type).\(name) (local.get 0) \(constant)))
          (loop (local.set 1 (local.get 1)))
          (local.get 1))
        (func (export "if\(index)") (param \(type)) (result \(result))
          (if (\(isComparison ? "i32" : type).eqz (\(type).\(name) (local.get 0) \(constant))) (then (return (\(result).const 0))))
          (\(type).\(name) (local.get 0) \(constant)))
        """
    }
    let instance = try Fixture.instance(text + ")")
    func call(_ export: String, _ arguments: UInt64...) throws -> String {
      let function = try instance.function(export)
      let values = arguments.map { type == "i32" ? Value.i32(Int32(truncatingIfNeeded: $0)) : .i64(Int64(bitPattern: $0)) }
      return outcome {
        switch try function(values)[0] {
        case .i32(let value): UInt64(UInt32(bitPattern: value))
        case .i64(let value): UInt64(bitPattern: value)
        default: .max
        }
      }
    }
    for (index, constant) in values.enumerated() {
      for value in values {
        let expected = try call("vv", value, constant)
        #expect(try call("vc\(index)", value) == expected, "\(value) \(name) const \(constant)")
        #expect(try call("set\(index)", value) == expected, "local = \(value) \(name) const \(constant)")
        #expect(try call("if\(index)", value) == expected, "if \(value) \(name) const \(constant)")
        #expect(try call("cv\(index)", value) == (try call("vv", constant, value)), "const \(constant) \(name) \(value)")
      }
    }
  }
}
