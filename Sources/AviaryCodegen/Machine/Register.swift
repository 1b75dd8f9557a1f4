/// A general purpose register, by its hardware number.
package struct GPR: Equatable, Hashable, Sendable, BitwiseCopyable {
  package let number: UInt8

  @inline(__always)
  package init(_ number: UInt8) {
    assert(number < 16)
    self.number = number
  }
}

extension GPR {
  package static var rax: GPR { @inline(__always) get { GPR(0) } }
  package static var rcx: GPR { @inline(__always) get { GPR(1) } }
  package static var rdx: GPR { @inline(__always) get { GPR(2) } }
  package static var rbx: GPR { @inline(__always) get { GPR(3) } }
  package static var rsp: GPR { @inline(__always) get { GPR(4) } }
  package static var rbp: GPR { @inline(__always) get { GPR(5) } }
  package static var rsi: GPR { @inline(__always) get { GPR(6) } }
  package static var rdi: GPR { @inline(__always) get { GPR(7) } }
  package static var r8: GPR { @inline(__always) get { GPR(8) } }
  package static var r9: GPR { @inline(__always) get { GPR(9) } }
  package static var r10: GPR { @inline(__always) get { GPR(10) } }
  package static var r11: GPR { @inline(__always) get { GPR(11) } }
  package static var r12: GPR { @inline(__always) get { GPR(12) } }
  package static var r13: GPR { @inline(__always) get { GPR(13) } }
  package static var r14: GPR { @inline(__always) get { GPR(14) } }
  package static var r15: GPR { @inline(__always) get { GPR(15) } }

  package static var all: [GPR] { (0..<16).map { GPR($0) } }
}

/// A vector register, by its hardware number.
package struct XMM: Equatable, Hashable, Sendable, BitwiseCopyable {
  package let number: UInt8

  @inline(__always)
  package init(_ number: UInt8) {
    assert(number < 16)
    self.number = number
  }
}

extension XMM {
  package static var xmm0: XMM { @inline(__always) get { XMM(0) } }
  package static var xmm1: XMM { @inline(__always) get { XMM(1) } }
  package static var xmm2: XMM { @inline(__always) get { XMM(2) } }
  package static var xmm3: XMM { @inline(__always) get { XMM(3) } }
  package static var xmm4: XMM { @inline(__always) get { XMM(4) } }
  package static var xmm5: XMM { @inline(__always) get { XMM(5) } }
  package static var xmm6: XMM { @inline(__always) get { XMM(6) } }
  package static var xmm7: XMM { @inline(__always) get { XMM(7) } }
  package static var xmm8: XMM { @inline(__always) get { XMM(8) } }
  package static var xmm9: XMM { @inline(__always) get { XMM(9) } }
  package static var xmm10: XMM { @inline(__always) get { XMM(10) } }
  package static var xmm11: XMM { @inline(__always) get { XMM(11) } }
  package static var xmm12: XMM { @inline(__always) get { XMM(12) } }
  package static var xmm13: XMM { @inline(__always) get { XMM(13) } }
  package static var xmm14: XMM { @inline(__always) get { XMM(14) } }
  package static var xmm15: XMM { @inline(__always) get { XMM(15) } }

  package static var all: [XMM] { (0..<16).map { XMM($0) } }
}

/// A set of registers of both classes: bits 0–15 the general purpose
/// registers, bits 16–31 the vector registers.
package struct RegisterSet: Equatable, Hashable, Sendable, BitwiseCopyable {
  package var bits: UInt32

  @inline(__always)
  package init(bits: UInt32 = 0) { self.bits = bits }

  package init(_ gprs: [GPR], _ xmms: [XMM] = []) {
    bits = 0
    for register in gprs { insert(register) }
    for register in xmms { insert(register) }
  }

  @inline(__always)
  package var isEmpty: Bool { bits == 0 }

  @inline(__always)
  package var count: Int { bits.nonzeroBitCount }

  /// The general purpose registers alone, as a mask by hardware number.
  @inline(__always)
  package var gprMask: UInt16 { UInt16(truncatingIfNeeded: bits) }

  /// The vector registers alone, as a mask by hardware number.
  @inline(__always)
  package var xmmMask: UInt16 { UInt16(truncatingIfNeeded: bits &>> 16) }

  @inline(__always)
  package func contains(_ register: GPR) -> Bool {
    bits & (1 &<< UInt32(register.number)) != 0
  }

  @inline(__always)
  package func contains(_ register: XMM) -> Bool {
    bits & (0x1_0000 &<< UInt32(register.number)) != 0
  }

  @inline(__always)
  package mutating func insert(_ register: GPR) {
    bits |= 1 &<< UInt32(register.number)
  }

  @inline(__always)
  package mutating func insert(_ register: XMM) {
    bits |= 0x1_0000 &<< UInt32(register.number)
  }

  @inline(__always)
  package mutating func remove(_ register: GPR) {
    bits &= ~(1 &<< UInt32(register.number))
  }

  @inline(__always)
  package mutating func remove(_ register: XMM) {
    bits &= ~(0x1_0000 &<< UInt32(register.number))
  }

  /// The general purpose register of the lowest number, if there is any.
  @inline(__always)
  package var firstGPR: GPR? {
    let mask = gprMask
    return mask == 0 ? nil : GPR(UInt8(truncatingIfNeeded: mask.trailingZeroBitCount))
  }

  /// The vector register of the lowest number, if there is any.
  @inline(__always)
  package var firstXMM: XMM? {
    let mask = xmmMask
    return mask == 0 ? nil : XMM(UInt8(truncatingIfNeeded: mask.trailingZeroBitCount))
  }

  @inline(__always)
  package mutating func popFirstGPR() -> GPR? {
    guard let register = firstGPR else { return nil }
    remove(register)
    return register
  }

  @inline(__always)
  package mutating func popFirstXMM() -> XMM? {
    guard let register = firstXMM else { return nil }
    remove(register)
    return register
  }

  @inline(__always)
  package static func | (a: RegisterSet, b: RegisterSet) -> RegisterSet {
    RegisterSet(bits: a.bits | b.bits)
  }

  @inline(__always)
  package static func & (a: RegisterSet, b: RegisterSet) -> RegisterSet {
    RegisterSet(bits: a.bits & b.bits)
  }

  /// The members of `a` that are not in `b`.
  @inline(__always)
  package static func - (a: RegisterSet, b: RegisterSet) -> RegisterSet {
    RegisterSet(bits: a.bits & ~b.bits)
  }
}
