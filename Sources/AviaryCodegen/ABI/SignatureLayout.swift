package import AviaryCore

/// Where a function's arguments and results travel (docs/abi.md, "Calls").
///
/// ```
///  caller's frame                          callee's frame
///  │ result area (caller's, by address) │
///  ├────────────────────────────────────┤
///  │ stack arguments, first one lowest  │  [rbp + 16 + offset]
///  └────────────────────────────────────┘  <- rsp at the call instruction
///                                          return address, rbp
/// ```
package struct SignatureLayout: Sendable {
  package enum Place: Sendable, Equatable {
    case gpr(GPR)
    case xmm(XMM)
    /// Of an argument: bytes from rsp at the call instruction, so that the
    /// callee finds it at `[rbp + 16 + offset]`. Of a result: bytes from the
    /// start of the result area.
    case stack(Int32)
  }

  package let parameters: [Place]
  package let results: [Place]
  /// Where the address of the result area goes, when there is one.
  package let resultArea: Place?
  /// What the callee pops: the stack arguments, a multiple of 16.
  package let argumentBytes: Int32
  /// What the caller provides for results, a multiple of 16.
  package let resultAreaBytes: Int32

  package static let argumentGPRs: [GPR] = [.rdi, .rsi, .rdx, .rcx, .r8, .r9]
  package static let resultGPRs: [GPR] = [.rax, .rdx, .rcx, .rsi, .rdi, .r8, .r9, .r10]
  /// Of arguments and results alike: xmm0 to xmm7.
  package static let xmmCount = 8

  /// Types have at most a thousand parameters and results (the decoder's
  /// limits), so all sizes fit in the 16 bits of `ret n`.
  package init(_ type: FunctionType) {
    self.init(parameters: type.parameters, results: type.results)
  }

  package init(parameters: [ValueType], results: [ValueType]) {
    var assignment = Assignment(gprs: Self.argumentGPRs)
    self.parameters = parameters.map { assignment.next($0) }
    var returned = Assignment(gprs: Self.resultGPRs)
    self.results = results.map { returned.next($0) }
    resultArea = returned.bytes > 0 ? assignment.next(.i64) : nil
    argumentBytes = (assignment.bytes + 15) & ~15
    resultAreaBytes = (returned.bytes + 15) & ~15
  }

  /// Hands out registers in order, then slots.
  private struct Assignment {
    let gprs: [GPR]
    var usedGPRs = 0
    var usedXMMs = 0
    var bytes: Int32 = 0

    init(gprs: [GPR]) { self.gprs = gprs }

    mutating func next(_ type: ValueType) -> Place {
      if type.isIntegerClass {
        if usedGPRs < gprs.count {
          defer { usedGPRs += 1 }
          return .gpr(gprs[usedGPRs])
        }
      } else if usedXMMs < SignatureLayout.xmmCount {
        defer { usedXMMs += 1 }
        return .xmm(XMM(UInt8(usedXMMs)))
      }
      defer { bytes += type.isVector ? 16 : 8 }
      return .stack(bytes)
    }
  }
}
