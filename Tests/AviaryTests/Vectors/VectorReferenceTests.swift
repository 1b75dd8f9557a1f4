import Aviary
import Testing

/// Shuffles and constant operands against Swift's own arithmetic.
@Suite struct VectorReferenceTests {
  // MARK: Shuffles

  /// What the code generator knows, and neighbours of it that are something else.
  private static let patterns: [[UInt8]] = {
    var list: [[UInt8]] = []
    // Rotations of both, of one.
    for count in 0..<32 { list.append((0..<16).map { UInt8(($0 + count) % 32) }) }
    for count in 1..<16 { list.append((0..<16).map { UInt8(($0 + count) % 16) }) }
    for count in 1..<16 { list.append((0..<16).map { UInt8(($0 + count) % 16 + 16) }) }
    // Interleavings, in both orders and of one.
    for width in [1, 2, 4, 8] {
      for half in [0, 8] {
        for sides in [[0, 16], [16, 0], [0, 0], [16, 16]] {
          list.append(
            (0..<16).map { byte in
              let element = byte / width
              return UInt8(sides[element % 2] + half + element / 2 * width + byte % width)
            })
        }
      }
    }
    // One element in all places.
    for width in [1, 2, 4, 8] {
      for element in 0..<32 / width { list.append((0..<16).map { UInt8(element * width + $0 % width) }) }
    }
    // Elements in some order: blends, halves in place, two of each.
    var state: UInt64 = 0x1234_5678_9ABC_DEF1
    func next(_ bound: Int) -> Int {
      state ^= state << 13
      state ^= state >> 7
      state ^= state << 17
      return Int(state >> 20) % bound
    }
    func elements(_ width: Int, _ number: (Int) -> Int) -> [UInt8] {
      let numbers = (0..<16 / width).map(number)
      return (0..<16).map { UInt8(numbers[$0 / width] * width + $0 % width) }
    }
    for _ in 0..<6 {
      for width in [1, 2, 4, 8] {
        list.append(elements(width) { _ in next(32 / width) })
        list.append(elements(width) { _ in next(16 / width) })
        list.append(elements(width) { $0 + next(2) * 16 / width })
      }
      list.append(elements(2) { $0 < 4 ? next(4) : $0 })
      list.append(elements(2) { $0 < 4 ? $0 : 4 + next(4) })
      list.append(elements(4) { $0 < 2 ? next(4) : 4 + next(4) })
      list.append(elements(4) { $0 >= 2 ? next(4) : 4 + next(4) })
      list.append(elements(4) { $0 % 2 == 0 ? next(4) : 4 + next(4) })
      // Each word of one operand only, in any order.
      let sides = (0..<8).map { _ in next(2) }
      list.append((0..<16).map { _ in
        let byte = next(16)
        return UInt8(byte + 16 * sides[byte / 2])
      })
      // One byte off a pattern.
      var odd = elements(2) { $0 }
      odd[next(16)] = UInt8(next(32))
      list.append(odd)
    }
    return list
  }()

  private static let zero = "(v128.const i64x2 0 0)"

  @Test(arguments: [false, true])
  func shuffles(isBaseline: Bool) throws {
    let operands: [(String, String, ([UInt8], [UInt8]) -> ([UInt8], [UInt8]))] = [
      ("(local.get $a)", "(local.get $b)", { ($0, $1) }),
      ("(local.get $a)", "(local.get $a)", { a, _ in (a, a) }),
      (OperandPlaces.load("v128", 0), OperandPlaces.load("v128", 1), { ($0, $1) }),
      ("(local.get $a)", OperandPlaces.load("v128", 1), { ($0, $1) }),
      ("(local.get $a)", Self.zero, { a, _ in (a, Array(repeating: 0, count: 16)) }),
      (Self.zero, OperandPlaces.load("v128", 1), { _, b in (Array(repeating: 0, count: 16), b) }),
      ("(local.get $a)", "(v128.const i8x16 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16)", { a, _ in (a, Array(1...16)) }),
      (
        "(v128.const i8x16 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16)",
        "(v128.const i8x16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32)",
        { _, _ in (Array(1...16), Array(17...32)) }
      ),
    ]
    var functions: [(name: String, text: String)] = []
    for (index, pattern) in Self.patterns.enumerated() {
      for (kind, operand) in operands.enumerated() {
        // Results over either operand, and elsewhere.
        let target = ["$a", "$b", "$c"][(index + kind) % 3]
        let lanes = pattern.map(String.init).joined(separator: " ")
        let name = "f\(index)_\(kind)"
        functions.append((name, """
          (func $\(name) (param $in i32) (param $out i32) (local $a v128) (local $b v128) (local $c v128)
            (local.set $a \(OperandPlaces.load("v128", 0))) (local.set $b \(OperandPlaces.load("v128", 1)))
            (local.set \(target) (i8x16.shuffle \(lanes) \(operand.0) \(operand.1)))
            (v128.store (local.get $out) (local.get \(target))))

          """))
      }
    }
    var configuration = EngineConfiguration()
    configuration.usesBaselineCPU = isBaseline
    let sampling = try VectorSampling(functions, configuration)
    var failures: [String] = []
    for (index, pattern) in Self.patterns.enumerated() {
      for (kind, operand) in operands.enumerated() {
        let results = try sampling.run(index * operands.count + kind)
        for input in [0, 7] {
          let (left, right) = operand.2(
            VectorSampling.operand(0, ofInput: input), VectorSampling.operand(1, ofInput: input))
          let both = left + right
          if results[input] != pattern.map({ both[Int($0)] }) { failures.append("\(pattern), operands \(kind)") }
        }
      }
    }
    #expect(failures.isEmpty, "\(failures.count):\n\(failures.prefix(20).joined(separator: "\n"))")
  }

  // MARK: Constants

  /// Operators whose code differs where an operand is constant: shifts by each count, comparisons and swizzles with
  /// each operand constant, splats.
  @Test(arguments: [false, true])
  func constantOperands(isBaseline: Bool) throws {
    var functions: [(name: String, text: String)] = []
    var expected: [Int] = []
    func add(_ constant: String, _ variable: String) {
      for expression in [constant, variable] {
        let name = "f\(functions.count)"
        functions.append((name, """
          (func $\(name) (param $in i32) (param $out i32) (local $a v128) (local $r v128)
            (local.set $a \(OperandPlaces.load("v128", 0)))
            (local.set $r \(expression))
            (v128.store (local.get $out) (local.get $r)))

          """))
      }
      expected.append(functions.count - 2)
    }
    // An addition that the code generator does not look through.
    let hidden = "(i32.load (i32.const 0))"
    for (lanes, bits) in [("i8x16", 8), ("i16x8", 16), ("i32x4", 32), ("i64x2", 64)] {
      for shift in ["shl", "shr_s", "shr_u"] {
        for count in [0, 1, 2, bits / 2, bits - 2, bits - 1, bits, bits + 3, -1] {
          add(
            "(\(lanes).\(shift) (local.get $a) (i32.const \(count)))",
            "(\(lanes).\(shift) (local.get $a) (i32.add \(hidden) (i32.const \(count))))")
        }
      }
      let comparisons = ["eq", "ne", "lt_s", "gt_s", "le_s", "ge_s"] + (bits < 64 ? ["lt_u", "gt_u", "le_u", "ge_u"] : [])
      for comparison in comparisons {
        for constant in ["(v128.const i64x2 0x0001807fff02fe80 0x7fffffff80000000)", "(v128.const i64x2 0 0)", "(v128.const i64x2 -1 -1)"] {
          let same = "(v128.xor \(constant) (v128.load (i32.const 0)))"
          add("(\(lanes).\(comparison) (local.get $a) \(constant))", "(\(lanes).\(comparison) (local.get $a) \(same))")
          add("(\(lanes).\(comparison) \(constant) (local.get $a))", "(\(lanes).\(comparison) \(same) (local.get $a))")
        }
      }
      let type = bits == 64 ? "i64" : "i32"
      for value in [0, 1, -1, 0x1234_5681] {
        add(
          "(\(lanes).splat (\(type).const \(value)))",
          "(\(lanes).splat (\(type).add (\(type).load (i32.const 0)) (\(type).const \(value))))")
      }
    }
    for lanes in ["0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15", "15 14 13 12 11 10 9 8 7 6 5 4 3 2 1 0", "0 0 0 0 5 5 16 127 128 255 2 3 4 200 31 32"] {
      let same = "(v128.xor (v128.const i8x16 \(lanes)) (v128.load (i32.const 0)))"
      add("(i8x16.swizzle (local.get $a) (v128.const i8x16 \(lanes)))", "(i8x16.swizzle (local.get $a) \(same))")
    }
    // Lane numbers that are known to be small, and that are not.
    for mask in ["0x0f0f0f0f0f0f0f0f", "0x8f8f8f8f8f8f8f8f", "0x1f1f1f1f1f1f1f1f", "0x0f0f0f0f0f0f0f7f"] {
      let constant = "(v128.const i64x2 \(mask) \(mask))"
      let same = "(v128.xor \(constant) (v128.load (i32.const 0)))"
      for operation in ["and", "andnot"] {
        add(
          "(i8x16.swizzle (local.get $a) (v128.\(operation) (local.get $a) \(constant)))",
          "(i8x16.swizzle (local.get $a) (v128.\(operation) (local.get $a) \(same)))")
      }
    }
    for count in [3, 4, 7] {
      add(
        "(i8x16.swizzle (local.get $a) (i8x16.shr_u (local.get $a) (i32.const \(count))))",
        "(i8x16.swizzle (local.get $a) (i8x16.shr_u (local.get $a) (i32.add \(hidden) (i32.const \(count)))))")
    }
    for type in ["f32", "f64"] {
      let lanes = type == "f32" ? "f32x4" : "f64x2"
      add("(\(lanes).splat (\(type).const 1.5))", "(\(lanes).splat (\(type).add (\(type).load (i32.const 0)) (\(type).const 1.5)))")
    }
    var configuration = EngineConfiguration()
    configuration.usesBaselineCPU = isBaseline
    let sampling = try VectorSampling(functions, configuration)
    for first in expected {
      let constant = try sampling.run(first)
      let variable = try sampling.run(first + 1)
      #expect(constant == variable, "\(functions[first].text)")
    }
  }

  // MARK: Tests fused with what they test

  @Test(arguments: [false, true])
  func conditions(isBaseline: Bool) throws {
    func shareBits(_ a: [UInt8], _ b: [UInt8]) -> Bool { (0..<16).contains { (a[$0] & b[$0]) != 0 } }
    func shareBytes(_ a: [UInt8], _ b: [UInt8]) -> Bool {
      for lane in 0..<4 where !(4 * lane..<4 * lane + 4).contains(where: { a[$0] == b[$0] }) { return false }
      return true
    }
    let tests: [(String, ([UInt8], [UInt8]) -> Bool)] = [
      ("(v128.any_true (v128.and (local.get $a) (local.get $b)))", shareBits),
      ("(v128.any_true (v128.xor (local.get $a) (local.get $b)))", { $0 != $1 }),
      ("(i8x16.all_true (i8x16.eq (local.get $a) (local.get $b)))", { $0 == $1 }),
      ("(i16x8.all_true (i16x8.eq (local.get $a) (local.get $b)))", { $0 == $1 }),
      ("(i32x4.all_true (i32x4.eq (local.get $a) (local.get $b)))", { $0 == $1 }),
      ("(i64x2.all_true (i64x2.eq (local.get $a) (local.get $b)))", { $0 == $1 }),
      ("(v128.any_true (i8x16.ne (local.get $a) (local.get $b)))", { $0 != $1 }),
      ("(v128.any_true (i64x2.ne (local.get $a) (local.get $b)))", { $0 != $1 }),
      ("(i32x4.all_true (i8x16.eq (local.get $a) (local.get $b)))", shareBytes),
      ("(v128.any_true (local.get $a))", { a, _ in a.contains { $0 != 0 } }),
      ("(i8x16.all_true (local.get $a))", { a, _ in !a.contains(0) }),
    ]
    var functions: [(name: String, text: String)] = []
    for (index, test) in tests.enumerated() {
      functions.append(("f\(index)", """
        (func $f\(index) (param $in i32) (param $out i32) (local $a v128) (local $b v128) (local $n i32)
          (local.set $a \(OperandPlaces.load("v128", 0)))
          (local.set $b (v128.and \(OperandPlaces.load("v128", 1)) (v128.not (i8x16.splat (i32.and (local.get $out) (i32.const 16))))))
          (if \(test.0) (then (local.set $n (i32.const 1))))
          (block $no (br_if $no (i32.eqz \(test.0))) (local.set $n (i32.or (local.get $n) (i32.const 2))))
          (i32.store (local.get $out) (i32.or (local.get $n) (i32.shl \(test.0) (i32.const 2))))
          (if (i32.and (local.get $out) (i32.const 16)) (then (v128.store (local.get $in) (local.get $b)))))

        """))
    }
    var configuration = EngineConfiguration()
    configuration.usesBaselineCPU = isBaseline
    let sampling = try VectorSampling(functions, configuration)
    for (index, test) in tests.enumerated() {
      var operands: [([UInt8], [UInt8])] = []
      for input in 0..<VectorSampling.inputs {
        let place = VectorSampling.firstInput + 64 * input
        var second = try sampling.memory.bytes(at: place + 16, count: 16)
        if input % 2 == 1 { second = second.map { $0 & ~16 } }
        operands.append((try sampling.memory.bytes(at: place, count: 16), second))
      }
      // Every other input has the second operand in place of the first one from now on: both are the same then.
      let results = try sampling.run(index)
      for (input, (a, b)) in operands.enumerated() {
        #expect(results[input][0] == (test.1(a, b) ? 7 : 0), "\(test.0): \(a) \(b)")
      }
    }
  }
}
