import Aviary

/// Values as the command line has them.
enum ValueText {
  /// Reads an argument of the type: integers decimal or hexadecimal, signed or unsigned; floats decimal
  /// or hexadecimal, "inf", "nan", "nan:0x…"; vectors as up to 32 hexadecimal digits, or lane by lane as
  /// "f32x4:1,2.5,-3,inf"; "null" for references.
  /// - Returns: nil for anything else.
  static func parse(_ text: String, as type: ValueType) -> Value? {
    switch type {
    case .i32: integer(text, Int32.self).map { .i32($0) }
    case .i64: integer(text, Int64.self).map { .i64($0) }
    case .f32:
      float(text, Float.init, payloadBits: 0x7F_FFFF).map { sign, bits in
        .f32(Float(bitPattern: UInt32(truncatingIfNeeded: bits) | (sign ? 1 << 31 : 0)))
      }
    case .f64:
      float(text, Double.init, payloadBits: 0xF_FFFF_FFFF_FFFF).map { sign, bits in
        .f64(Double(bitPattern: bits | (sign ? 1 << 63 : 0)))
      }
    case .v128: vector(text).map { .v128($0) }
    case .reference(let reference): text == "null" && reference.isNullable ? Value(defaultOf: type) : nil
    }
  }

  private static func integer<I: FixedWidthInteger & SignedInteger>(_ text: String, _: I.Type) -> I?
  where I.Magnitude: FixedWidthInteger {
    var digits = text[...]
    let isNegative = digits.hasPrefix("-")
    if isNegative || digits.hasPrefix("+") { digits = digits.dropFirst() }
    let isHexadecimal = digits.hasPrefix("0x") || digits.hasPrefix("0X")
    if isHexadecimal { digits = digits.dropFirst(2) }
    // `init(_:radix:)` takes a sign of its own.
    guard digits.first?.isHexDigit == true, let magnitude = I.Magnitude(digits, radix: isHexadecimal ? 16 : 10) else {
      return nil
    }
    guard isNegative else { return I(truncatingIfNeeded: magnitude) }
    guard magnitude <= I.min.magnitude else { return nil }
    return I(truncatingIfNeeded: 0 &- magnitude)
  }

  /// Sign and bits of the magnitude.
  private static func float<F: BinaryFloatingPoint>(
    _ text: String, _ read: (Substring) -> F?, payloadBits: UInt64
  ) -> (Bool, UInt64)? {
    var digits = text[...]
    let isNegative = digits.hasPrefix("-")
    if isNegative || digits.hasPrefix("+") { digits = digits.dropFirst() }
    let exponentShift = UInt64(payloadBits.nonzeroBitCount)
    if digits.hasPrefix("nan") {
      var payload = (payloadBits + 1) / 2
      if digits != "nan" {
        guard digits.hasPrefix("nan:0x"), digits.dropFirst(6).first?.isHexDigit == true,
          let given = UInt64(digits.dropFirst(6), radix: 16), given > 0, given <= payloadBits
        else { return nil }
        payload = given
      }
      return (isNegative, UInt64(F.infinity.exponentBitPattern) << exponentShift | payload)
    }
    guard digits.first?.isNumber == true || digits == "inf", let value = read(digits) else { return nil }
    return (isNegative, UInt64(value.exponentBitPattern) << exponentShift | UInt64(value.significandBitPattern))
  }

  private static func vector(_ text: String) -> V128? {
    if let colon = text.firstIndex(of: ":") {
      return lanes(text[text.index(after: colon)...].split(separator: ",", omittingEmptySubsequences: false), of: text[..<colon])
    }
    guard text.hasPrefix("0x"), text.utf8.count <= 34, text.dropFirst(2).first?.isHexDigit == true,
      let bits = UInt128(text.dropFirst(2), radix: 16)
    else { return nil }
    return V128(low: UInt64(truncatingIfNeeded: bits), high: UInt64(truncatingIfNeeded: bits >> 64))
  }

  /// - Parameter shape: "i8x16" and so on.
  private static func lanes(_ texts: [Substring], of shape: Substring) -> V128? {
    let width: Int
    switch shape {
    case "i8x16": width = 8
    case "i16x8": width = 16
    case "i32x4", "f32x4": width = 32
    case "i64x2", "f64x2": width = 64
    default: return nil
    }
    guard texts.count == 128 / width else { return nil }
    var bits: UInt128 = 0
    for (index, text) in texts.enumerated() {
      guard let lane = lane(String(text), of: shape) else { return nil }
      bits |= UInt128(lane) << UInt128(index * width)
    }
    return V128(low: UInt64(truncatingIfNeeded: bits), high: UInt64(truncatingIfNeeded: bits >> 64))
  }

  /// A lane's bits, zeros above.
  private static func lane(_ text: String, of shape: Substring) -> UInt64? {
    switch shape {
    case "i8x16": return integer(text, Int8.self).map { UInt64(UInt8(bitPattern: $0)) }
    case "i16x8": return integer(text, Int16.self).map { UInt64(UInt16(bitPattern: $0)) }
    case "i32x4": return integer(text, Int32.self).map { UInt64(UInt32(bitPattern: $0)) }
    case "i64x2": return integer(text, Int64.self).map { UInt64(bitPattern: $0) }
    case "f32x4":
      guard case .f32(let value)? = parse(text, as: .f32) else { return nil }
      return UInt64(value.bitPattern)
    default:
      guard case .f64(let value)? = parse(text, as: .f64) else { return nil }
      return value.bitPattern
    }
  }

  /// A result in a form that `parse` reads back, references aside.
  static func print(_ value: Value) -> String {
    switch value {
    case .i32(let value): "\(value)"
    case .i64(let value): "\(value)"
    case .f32(let value): print(value, quiet: 0x40_0000)
    case .f64(let value): print(value, quiet: 0x8_0000_0000_0000)
    case .v128(let value): "\(value)"
    case .funcref(let function): function == nil ? "null" : "func"
    case .externref(let reference): reference == nil ? "null" : "extern"
    case .exnref(let exception): exception == nil ? "null" : "exn"
    default: "null"
    }
  }

  private static func print<F: BinaryFloatingPoint & CustomStringConvertible>(_ value: F, quiet: UInt64) -> String {
    guard value.isNaN else { return value.description }
    let sign = value.sign == .minus ? "-" : ""
    let payload = UInt64(value.significandBitPattern)
    return sign + (payload == quiet ? "nan" : "nan:0x" + String(payload, radix: 16))
  }
}

extension FunctionType {
  /// Reads a call's arguments.
  /// - Throws: `Failure` that names the argument and its type.
  func arguments(from texts: [String], of function: String) throws -> [Value] {
    guard texts.count == parameters.count else {
      throw Failure("\(function) takes \(parameters.count) arguments, \(texts.count) were given; its type is \(self)")
    }
    return try zip(texts, parameters).enumerated().map { index, pair in
      guard let value = ValueText.parse(pair.0, as: pair.1) else {
        throw Failure("argument \(index + 1) of \(function): \"\(pair.0)\" is no \(pair.1)")
      }
      return value
    }
  }
}
