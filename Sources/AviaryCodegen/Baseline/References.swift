import AviaryContract
import AviaryCore

// References: 64 bits, null is zero.
extension FunctionEmitter {
  mutating func emitRefFunc(_ function: UInt32) throws(ModuleError) {
    settle()
    let offset = tables.funcRefs[function]
    guard offset >= 0 else { throw unsupported("a reference to a function that was not declared") }
    let register = allocateGPR()
    if Int(function) < tables.importedFunctionCount {
      asm.load(.b64, register, Address(.r15, offset))
    } else {
      asm.lea(.b64, register, Address(.r15, offset))
    }
    push(.i64, register)
  }

  /// Flags of the reference on top of the stack, which stays as it is: below a block's start it
  /// may be a constant, but must not become a register.
  private mutating func testTop() {
    settle()
    var entry = stack[height - 1]
    if let address = memoryAddress(entry) {
      asm.alu(.cmp, .b64, address, immediate: 0)
    } else if entry.kind == .const {
      // The only constant reference is null.
      asm.alu(.cmp, .b64, .rsp, .rsp)
    } else {
      let register = gpr(&entry)
      asm.test(.b64, register, register)
    }
  }

  mutating func emitRefAsNonNull() {
    testTop()
    trap(.equal, .nullReference)
  }

  /// With a null the branch is taken, without it; otherwise it stays.
  mutating func emitBrOnNull(_ depth: UInt32) {
    testTop()
    let reference = pop()
    branch(FlagCondition(.equal), to: target(depth))
    restore(reference)
  }

  /// Otherwise the branch takes it along; a null is dropped.
  mutating func emitBrOnNonNull(_ depth: UInt32) {
    testTop()
    branch(FlagCondition(.notEqual), to: target(depth))
    release(pop())
  }
}
