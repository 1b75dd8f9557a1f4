/// 128 bits over some bytes: finds damage and tells contents apart. Not
/// cryptographic: it is no defence against somebody who means harm.
///
/// Four lanes of multiply-and-rotate over 32-byte blocks, folded at the end; about as fast as
/// memory in release builds.
struct ContentHash: Hashable, Sendable {
  var low: UInt64
  var high: UInt64

  private static let primes: (UInt64, UInt64, UInt64, UInt64) = (
    0x9E37_79B1_85EB_CA87, 0xC2B2_AE3D_27D4_EB4F, 0x1656_67B1_9E37_79F9, 0x27D4_EB2F_1656_67C5
  )

  init(_ bytes: UnsafeRawBufferPointer) {
    let p = ContentHash.primes
    var a = p.0, b = p.1, c = p.2, d = p.3
    let blocks = bytes.count / 32
    func word(_ offset: Int) -> UInt64 {
      UInt64(littleEndian: unsafe bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }
    for block in 0..<blocks {
      let at = block * 32
      a = ContentHash.mix(a, word(at), p.1)
      b = ContentHash.mix(b, word(at + 8), p.2)
      c = ContentHash.mix(c, word(at + 16), p.3)
      d = ContentHash.mix(d, word(at + 24), p.0)
    }
    for index in blocks * 32..<bytes.count {
      a = ContentHash.mix(a, unsafe UInt64(bytes[index]), p.3)
    }
    let count = UInt64(bytes.count)
    low = ContentHash.finish(a ^ ContentHash.rotate(b, 7) ^ count)
    high = ContentHash.finish(c ^ ContentHash.rotate(d, 18) ^ low)
    low = ContentHash.finish(low &+ ContentHash.finish(a &+ c))
    high = ContentHash.finish(high &+ ContentHash.finish(b &+ d))
  }

  private static func rotate(_ value: UInt64, _ by: UInt64) -> UInt64 { value &<< by | value &>> (64 &- by) }
  private static func mix(_ lane: UInt64, _ word: UInt64, _ prime: UInt64) -> UInt64 {
    rotate(lane ^ (word &* prime), 31) &* primes.0 &+ primes.3
  }
  private static func finish(_ value: UInt64) -> UInt64 {
    var v = value
    v = (v ^ (v &>> 33)) &* primes.1
    v = (v ^ (v &>> 29)) &* primes.2
    return v ^ (v &>> 32)
  }
}
