import AviaryContract
import AviaryCore

// Tail calls. The callee's stack arguments replace ours, so that its `ret n` leaves
// the caller's stack as our own would have.
//
// ```
//  [rbp + 16 + ours]   what the caller has above our arguments: stays
//                      the callee's arguments end here
//                      return address, moved to just below them
// ```
extension FunctionEmitter {
  mutating func emitReturnCall(_ function: UInt32) throws(ModuleError) {
    settle()
    tailCall(callTarget(function), signatures[tables.functions[function]])
  }

  mutating func emitReturnCallIndirect(type: UInt32, table: UInt32) throws(ModuleError) {
    let callee = signatures[type]
    loadTableFunction(type, table, isFinal: callee.isFinal)
    tailCall(.reference, callee)
  }

  mutating func emitReturnCallRef(type: UInt32) throws(ModuleError) {
    let callee = signatures[type]
    loadFunctionReference()
    tailCall(.reference, callee)
  }

  private mutating func tailCall(_ target: CallTarget, _ callee: ModuleTables.Signature) {
    // The callee fills the area that our caller provided: the results' types are equal.
    let resultArea = callee.resultAreaBytes > 0 ? Address(.rbp, frame.resultArea) : nil
    let first = height - Int(callee.parameterCount)
    if callee.argumentBytes == 0 {
      passArguments(callee, first: first, area: Address(.rsp), resultArea: resultArea, isAddress: false)
      prepare(target)
      emitFrameExit()
      let ours = Int32(signature.argumentBytes)
      if ours > 0 {
        // rax is no argument, and the funcref in it was read.
        asm.load(.b64, .rax, Address(.rsp))
        asm.store(.b64, Address(.rsp, ours), .rax)
        asm.alu(.add, .b64, .rsp, immediate: ours)
      }
    } else {
      let bytes = Int32(callee.argumentBytes)
      asm.alu(.sub, .b64, .rsp, immediate: bytes + Self.stagedBytes)
      frame.outgoing = max(frame.outgoing, bytes + Self.stagedBytes)
      passArguments(
        callee, first: first, area: Address(.rsp, Self.stagedBytes), resultArea: resultArea,
        isAddress: false)
      prepare(target)
      replaceFrame(bytes)
    }
    if case .direct(let index) = target {
      let field = asm.jumpRelocated()
      calls.append(.init(offset: UInt32(truncatingIfNeeded: field), target: index))
    } else {
      asm.jump(.r11)
    }
    die()
  }

  private mutating func prepare(_ target: CallTarget) {
    if case .direct = target { return }
    enterForeign(target)
  }

  /// Room below the staged arguments for the saved registers, rbp and the return address.
  private static var stagedBytes: Int32 { 48 }

  /// Moves the staged arguments up over this frame. They lie below everything that is
  /// overwritten, and are moved from the highest down, so none is lost; what else is needed of
  /// the frame is staged first. rax is the only register left for it.
  private mutating func replaceFrame(_ bytes: Int32) {
    var set = frame.saved
    var position: Int32 = 0
    while set.popFirstGPR() != nil {
      asm.load(.b64, .rax, Address(.rbp, -16 - 8 * position))
      asm.store(.b64, Address(.rsp, 8 * position), .rax)
      position += 1
    }
    asm.load(.b64, .rax, Address(.rbp))
    asm.store(.b64, Address(.rsp, 24), .rax)
    asm.load(.b64, .rax, Address(.rbp, 8))
    asm.store(.b64, Address(.rsp, 32), .rax)
    let target = 16 + Int32(signature.argumentBytes) - bytes
    var offset = bytes - 8
    while offset >= 0 {
      asm.load(.b64, .rax, Address(.rsp, Self.stagedBytes + offset))
      asm.store(.b64, Address(.rbp, target + offset), .rax)
      offset -= 8
    }
    asm.load(.b64, .rax, Address(.rsp, 32))
    asm.store(.b64, Address(.rbp, target - 8), .rax)
    set = frame.saved
    position = 0
    while let register = set.popFirstGPR() {
      asm.load(.b64, register, Address(.rsp, 8 * position))
      position += 1
    }
    asm.lea(.b64, .rax, Address(.rbp, target - 8))
    asm.load(.b64, .rbp, Address(.rsp, 24))
    asm.move(.b64, .rsp, .rax)
  }
}
