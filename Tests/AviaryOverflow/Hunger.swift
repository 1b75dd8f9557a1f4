import Foundation
import Glibc

/// What a host function does with its stack.
public enum Hunger: String, Sendable, CaseIterable {
  case little
  case local64
  case local128
  case local1024
  /// A temporary allocation of a constant size, 128 KiB: the frame has room for it, whether it is there or not.
  case temporary
  /// Without an end.
  case recursion
  case printing
  case json
  /// Calls a guest that calls it again, six deep.
  case nested

  /// KiB that it needs in any build, and KiB that suffice in any build.
  var bounds: (needs: Int, suffices: Int) {
    switch self {
    case .little, .nested: (1, 16)
    case .local64: (64, 160)
    case .local128: (128, 300)
    case .local1024: (1024, 2100)
    case .temporary: (128, 160)
    case .recursion: (1 << 20, .max)
    case .printing: (2, 64)
    case .json: (8, 256)
    }
  }

  /// Never the same number for different needs, so that nothing is left out.
  @inline(never)
  func eat(_ number: Int32) -> Int32 {
    switch self {
    case .little, .nested: number &+ 1
    case .local64: eat64(number)
    case .local128: eat128(number)
    case .local1024: eat1024(number)
    case .temporary: eatTemporary(number)
    case .recursion: eatAll(number)
    case .printing: eatPrinting(number)
    case .json: eatJSON(number)
    }
  }
}

/// What the optimiser does not look into: zeros all bytes.
@inline(never)
private func use(_ bytes: UnsafeMutableRawBufferPointer) {
  guard let base = bytes.baseAddress else { return }
  unsafe explicit_bzero(base, bytes.count)
}

@inline(never)
private func eat64(_ number: Int32) -> Int32 {
  var local = InlineArray<65_536, UInt8>(repeating: UInt8(truncatingIfNeeded: number))
  unsafe withUnsafeMutableBytes(of: &local) { unsafe use($0) }
  return number &+ Int32(local[7]) &+ 1
}

@inline(never)
private func eat128(_ number: Int32) -> Int32 {
  var local = InlineArray<131_072, UInt8>(repeating: UInt8(truncatingIfNeeded: number))
  unsafe withUnsafeMutableBytes(of: &local) { unsafe use($0) }
  return number &+ Int32(local[7]) &+ 1
}

@inline(never)
private func eat1024(_ number: Int32) -> Int32 {
  var local = InlineArray<1_048_576, UInt8>(repeating: UInt8(truncatingIfNeeded: number))
  unsafe withUnsafeMutableBytes(of: &local) { unsafe use($0) }
  return number &+ Int32(local[7]) &+ 1
}

@inline(never)
private func eatTemporary(_ number: Int32) -> Int32 {
  unsafe withUnsafeTemporaryAllocation(byteCount: 131_072, alignment: 16) { bytes in
    unsafe use(bytes)
    return unsafe number &+ Int32(bytes[1]) &+ 1
  }
}

@inline(never)
private func eatAll(_ number: Int32) -> Int32 {
  var local = InlineArray<64, UInt8>(repeating: UInt8(truncatingIfNeeded: number))
  unsafe withUnsafeMutableBytes(of: &local) { unsafe use($0) }
  return eatAll(number &+ Int32(local[3])) &+ Int32(local[5])
}

@inline(never)
private func eatPrinting(_ number: Int32) -> Int32 {
  print("a host function prints \(number) and \(Double(number) / 3)")
  return number &+ 1
}

private struct Order: Codable {
  var name: String
  var parts: [Int]
  var price: Double?
}

@inline(never)
private func eatJSON(_ number: Int32) -> Int32 {
  let order = Order(name: "order \(number)", parts: [1, 2, 3], price: 2.5)
  guard let data = try? JSONEncoder().encode(order), let back = try? JSONDecoder().decode(Order.self, from: data) else { return 0 }
  return number &+ Int32(back.parts[0])
}

/// Uses so many KiB of stack.
@inline(never)
func deepen(_ kibibytes: Int) {
  var local = InlineArray<1024, UInt8>(repeating: 0)
  unsafe withUnsafeMutableBytes(of: &local) { unsafe use($0) }
  if kibibytes > 1 { deepen(kibibytes - 1) }
  withExtendedLifetime(local) {}
}
