/// The sixteen lane numbers of a shuffle: 0–15 of the left operand, 16–31 of the right one; and what of them an
/// instruction does.
struct ShufflePattern: Equatable, BitwiseCopyable {
  var low: UInt64
  var high: UInt64

  private static var byteOnes: UInt64 { 0x0101_0101_0101_0101 }
  /// Of each byte: the lane's number within its operand, and which operand it is of.
  private static var number: UInt64 { 0x0F0F_0F0F_0F0F_0F0F }
  private static var side: UInt64 { 0x1010_1010_1010_1010 }

  @inline(__always)
  subscript(lane: Int) -> UInt8 {
    UInt8(truncatingIfNeeded: (lane < 8 ? low : high) &>> UInt64(8 &* (lane & 7)))
  }

  /// All lane numbers modulo 16: for one operand.
  var folded: ShufflePattern {
    ShufflePattern(low: low & Self.number, high: high & Self.number)
  }

  /// The operands exchanged.
  var exchanged: ShufflePattern {
    ShufflePattern(low: low ^ Self.side, high: high ^ Self.side)
  }

  private var sides: (low: UInt64, high: UInt64) { (low & Self.side, high & Self.side) }
  var usesLeft: Bool { sides.low & sides.high != Self.side }
  var usesRight: Bool { sides.low | sides.high != 0 }

  /// pshufb's control for the lanes of one operand: those of the other one become zero.
  func control(ofRight: Bool) -> ShufflePattern {
    func half(_ lanes: UInt64) -> UInt64 {
      let isRight = (lanes &>> 4) & Self.byteOnes
      let others = ofRight ? isRight ^ Self.byteOnes : isRight
      return lanes & Self.number | others &<< 7
    }
    return ShufflePattern(low: half(low), high: half(high))
  }

  // MARK: One operand

  static var identity: ShufflePattern {
    ShufflePattern(low: 0x0706_0504_0302_0100, high: 0x0F0E_0D0C_0B0A_0908)
  }

  /// The numbers of the lanes of `bytes` bytes that each four, or two, bytes are as a whole; nil where they are not.
  private func element(_ position: Int, bytes: Int) -> UInt8? {
    let first = self[position * bytes]
    guard Int(first) % bytes == 0 else { return nil }
    for byte in 1..<bytes where Int(self[position * bytes + byte]) != Int(first) + byte { return nil }
    return first / UInt8(bytes)
  }

  /// The four 32-bit lanes' numbers (0–7), if the shuffle moves nothing smaller.
  var doublewords: InlineArray<4, UInt8>? {
    var list = InlineArray<4, UInt8>(repeating: 0)
    for position in 0..<4 {
      guard let number = element(position, bytes: 4) else { return nil }
      list[position] = number
    }
    return list
  }

  /// The eight 16-bit lanes' numbers (0–15), likewise.
  var words: InlineArray<8, UInt8>? {
    var list = InlineArray<8, UInt8>(repeating: 0)
    for position in 0..<8 {
      guard let number = element(position, bytes: 2) else { return nil }
      list[position] = number
    }
    return list
  }

  /// The bytes that the operands, one behind the other, are shifted right by.
  var rotation: UInt8? {
    let first = self[0]
    for lane in 1..<16 where (self[lane] &- first) & 31 != UInt8(lane) { return nil }
    return first
  }

  /// As above for one operand, which follows itself.
  var foldedRotation: UInt8? {
    let first = self[0]
    for lane in 1..<16 where (self[lane] &- first) & 15 != UInt8(lane) { return nil }
    return first
  }

  // MARK: Two operands

  /// The interleaving of both operands' lower or upper halves, left first.
  var interleaving: VectorOperation? {
    let rows = Self.interleavings
    for index in rows.indices where rows[index].pattern == self { return rows[index].operation }
    return nil
  }

  private struct Interleaving: BitwiseCopyable {
    var pattern: ShufflePattern
    var operation: VectorOperation
  }

  private static var interleavings: InlineArray<8, Interleaving> {
    [
      row(0x1303_1202_1101_1000, 0x1707_1606_1505_1404, .punpcklbw),
      row(0x1B0B_1A0A_1909_1808, 0x1F0F_1E0E_1D0D_1C0C, .punpckhbw),
      row(0x1312_0302_1110_0100, 0x1716_0706_1514_0504, .punpcklwd),
      row(0x1B1A_0B0A_1918_0908, 0x1F1E_0F0E_1D1C_0D0C, .punpckhwd),
      row(0x1312_1110_0302_0100, 0x1716_1514_0706_0504, .punpckldq),
      row(0x1B1A_1918_0B0A_0908, 0x1F1E_1D1C_0F0E_0D0C, .punpckhdq),
      row(0x0706_0504_0302_0100, 0x1716_1514_1312_1110, .punpcklqdq),
      row(0x0F0E_0D0C_0B0A_0908, 0x1F1E_1D1C_1B1A_1918, .punpckhqdq),
    ]
  }

  private static func row(_ low: UInt64, _ high: UInt64, _ operation: VectorOperation) -> Interleaving {
    Interleaving(pattern: ShufflePattern(low: low, high: high), operation: operation)
  }

  /// pblendw's immediate, if each word stays where it is in its operand.
  var blend: UInt8? {
    guard folded == Self.identity, let words else { return nil }
    var control: UInt8 = 0
    for position in 0..<8 where words[position] >= 8 { control |= 1 << UInt8(position) }
    return control
  }

  /// A blend of words that brings all the bytes into one register, where no word is wanted of both operands. What the
  /// shuffle does not use stays the left operand's.
  var gathering: UInt8? {
    var left: UInt8 = 0
    var right: UInt8 = 0
    for lane in 0..<16 {
      let bit = UInt8(1) << ((self[lane] & 15) / 2)
      if self[lane] >= 16 { right |= bit } else { left |= bit }
    }
    return left & right == 0 ? right : nil
  }

  /// shufps's immediate, if the lower two 32-bit lanes are the left operand's and the upper two the right one's.
  var floatShuffle: UInt8? {
    guard let list = doublewords, list[0] < 4, list[1] < 4, list[2] >= 4, list[3] >= 4 else { return nil }
    return list[0] | list[1] << 2 | (list[2] & 3) << 4 | (list[3] & 3) << 6
  }
}
