package import AviaryContract
package import AviaryPool
import CAviaryContract
import CAviaryHost

/// A module's machine code, published: mapped executable, its trap table known to
/// the signal handler.
///
/// Thread-safe: immutable. Gone with its last reference, so whoever runs it
/// retains it; stores do, through their instances' modules.
@safe
package final class VMCode: Sendable {
  package let text: Range<UInt>
  /// Per defined function.
  package let functions: [FunctionRange]
  /// What the code was made for: no more than this machine has, and maybe less.
  package let cpu: CPUFeatures
  private let mapping: Mapping
  let addresses: [AddressMapping]
  /// The artifact had no code: `text` is a byte that is none.
  let isEmpty: Bool
  nonisolated(unsafe) private let traps: UnsafeMutableBufferPointer<AviaryTrapEntry>
  /// nil: nothing is caught here.
  private let handlers: CodeHandlers?

  /// - Parameter layout: of the module's instances. nil: none has tags.
  /// - Throws: `configuration` for an artifact of other tunables or another CPU, or with
  ///   tables that contradict its text; `system` and `limit` as they come.
  package init(_ artifact: Artifact, tunables: Tunables, layout: VMContextLayout? = nil) throws(VMError) {
    guard artifact.fingerprint == tunables.fingerprint else {
      throw .configuration("the artifact was compiled under other settings")
    }
    guard artifact.cpu.isSubset(of: CPUFeatures.host) else {
      let missing = artifact.cpu.subtracting(.host)
      throw .configuration("the artifact was compiled for processors with \(missing), which this one lacks")
    }
    try VMCode.check(artifact)
    let handlers = try CodeHandlers(artifact, layout)
    // An empty module still gets a page, which nothing ever runs.
    let size = artifact.text.count
    let writable = try CodeMapping(count: UInt64(size))
    writable.write(artifact.text, at: 0)
    let mapping = writable.sealed()
    let text = mapping.address..<(mapping.address + UInt(max(size, 1)))
    let traps = UnsafeMutableBufferPointer<AviaryTrapEntry>.allocate(capacity: artifact.traps.count)
    for (index, site) in artifact.traps.enumerated() {
      unsafe traps.initializeElement(at: index, to: AviaryTrapEntry(offset: site.offset, code: site.code))
    }
    guard unsafe aviary_code_add(text.lowerBound, text.upperBound, traps.baseAddress, traps.count, handlers?.table) else {
      unsafe traps.deallocate()
      throw .system(operation: "registering code", error: "ENOMEM", bytes: UInt64(size))
    }
    self.text = text
    cpu = artifact.cpu
    unsafe self.traps = traps
    self.mapping = mapping
    self.handlers = handlers
    isEmpty = size == 0
    functions = artifact.functions
    addresses = artifact.addresses
  }

  deinit {
    aviary_code_remove(text.lowerBound)
    unsafe traps.deallocate()
  }

  /// The trap table as the artifact has it.
  var trapSites: [TrapSite] {
    unsafe traps.map { entry in
      guard let code = TrapCode(rawValue: entry.code) else { preconditionFailure("codes were checked") }
      return TrapSite(offset: entry.offset, code: code)
    }
  }

  /// Likewise.
  var exceptions: HandlerTables { handlers?.exceptions ?? HandlerTables() }

  /// Artifacts may come from files: their tables are checked before anything trusts them.
  private static func check(_ artifact: Artifact) throws(VMError) {
    let size = artifact.text.count
    for function in artifact.functions {
      guard Int(function.offset) + Int(function.size) <= size, function.size > 0 else {
        throw .configuration("the artifact has a function outside of its text")
      }
    }
    var last = -1
    for site in artifact.traps {
      guard Int(site.offset) > last, Int(site.offset) <= size, TrapCode(rawValue: site.code) != nil else {
        throw .configuration("the artifact has a bad trap table")
      }
      last = Int(site.offset)
    }
    last = -1
    for mapping in artifact.addresses {
      guard Int(mapping.offset) >= last, Int(mapping.offset) <= size else {
        throw .configuration("the artifact has a bad address map")
      }
      last = Int(mapping.offset)
    }
  }

  /// The entry of a defined function.
  /// - Precondition: the index is one of the artifact's functions.
  package func entry(ofDefined index: Int) -> UInt {
    text.lowerBound + UInt(functions[index].offset)
  }

  /// The defined function whose code holds the address.
  func definedFunction(at pc: UInt) -> Int? {
    guard text.contains(pc) else { return nil }
    let offset = pc - text.lowerBound
    // By index order, which is also that of offsets unless the linker chose otherwise: both are served.
    var low = 0
    var high = functions.count
    while low < high {
      let middle = low + (high - low) / 2
      if UInt(functions[middle].offset) <= offset { low = middle + 1 } else { high = middle }
    }
    if low > 0, VMCode.contains(functions[low - 1], offset) { return low - 1 }
    return functions.firstIndex { VMCode.contains($0, offset) }
  }

  private static func contains(_ range: FunctionRange, _ offset: UInt) -> Bool {
    // Return addresses too: the linker sees to it that a call is never a function's last instruction.
    offset >= UInt(range.offset) && offset < UInt(range.offset) + UInt(range.size)
  }

  /// Byte offset in the module of the operator at the address, where it is mapped.
  func wasmOffset(at pc: UInt) -> UInt32? {
    guard pc >= text.lowerBound, pc <= text.upperBound else { return nil }
    let offset = pc - text.lowerBound
    var low = 0
    var high = addresses.count
    while low < high {
      let middle = low + (high - low) / 2
      if UInt(addresses[middle].offset) < offset { low = middle + 1 } else { high = middle }
    }
    guard low < addresses.count, UInt(addresses[low].offset) == offset else { return nil }
    return addresses[low].wasmOffset
  }
}
