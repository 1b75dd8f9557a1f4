import AviaryContract

/// Why and where a guest stopped.
public struct Trap: Sendable, CustomStringConvertible {
  /// Why a guest stopped.
  public enum Code: UInt32, Sendable, CaseIterable {
    case unreachable = 1
    case memoryOutOfBounds = 2
    case tableOutOfBounds = 3
    /// `call_indirect` with an index outside of the table.
    case undefinedElement = 4
    /// `call_indirect` of a null element.
    case uninitializedElement = 5
    case indirectCallTypeMismatch = 6
    case integerDivideByZero = 7
    case integerOverflow = 8
    case invalidConversionToInteger = 9
    case callStackExhausted = 10
    case nullReference = 11
    case nullFunctionReference = 12
    case nullStructureReference = 13
    case nullArrayReference = 14
    case nullI31Reference = 15
    case castFailure = 16
    case arrayOutOfBounds = 17
    case nullExceptionReference = 18
    case unalignedAtomic = 19
    case expectedSharedMemory = 20
    case outOfFuel = 21
    /// Deadline, timeout or `interrupt()`.
    case interrupted = 22
    case host = 23
    /// A `ResourceLimiter` chose `GrowthDecision.trap`.
    case growthDenied = 24
    case uncaughtException = 25
    case allocation = 26

    /// In the reference interpreter's wording.
    public var message: String { TrapCode(rawValue: rawValue)?.message ?? "trap" }
  }

  /// A function of the guest that was active, innermost first.
  public struct Frame: Sendable, Hashable, CustomStringConvertible {
    /// The module's name, from its name section or as given by the embedder.
    public var module: String?
    /// Index in the module's function index space.
    public var functionIndex: UInt32
    /// From the name section, else an export's name.
    public var functionName: String?
    /// Byte offset in the module of the instruction, where it is known.
    public var offset: Int?
    /// A frame, for tests and for errors of an embedder's own.
    public init(module: String? = nil, functionIndex: UInt32, functionName: String? = nil, offset: Int? = nil) {
      self.module = module
      self.functionIndex = functionIndex
      self.functionName = functionName
      self.offset = offset
    }
    public var description: String {
      let function = functionName ?? "function[\(functionIndex)]"
      let place = offset.map { " at byte \(String($0, radix: 16, uppercase: false).hexadecimal)" } ?? ""
      return (module.map { "\($0)!" } ?? "") + function + place
    }
  }

  private final class Details: Sendable {
    let frames: [Frame]
    let note: String?
    let address: UInt64?
    init(frames: [Frame], note: String?, address: UInt64?) {
      self.frames = frames
      self.note = note
      self.address = address
    }
  }

  /// Why the guest stopped.
  public let code: Code
  private let details: Details?

  /// - Parameters:
  ///   - note: added to the message after a colon.
  ///   - address: in the guest's memory.
  public init(_ code: Code, note: String? = nil, frames: [Frame] = [], address: UInt64? = nil) {
    self.code = code
    details = frames.isEmpty && note == nil && address == nil ? nil : Details(frames: frames, note: note, address: address)
  }

  /// In the reference interpreter's wording, with a note where there is more to say.
  public var message: String { details?.note.map { "\(code.message): \($0)" } ?? code.message }
  /// The guest's stack, innermost function first. Host functions in between are left out.
  public var frames: [Frame] { details?.frames ?? [] }
  /// The guest address that faulted, where it is known.
  public var address: UInt64? { details?.address }

  public var description: String {
    var lines = ["wasm trap: \(message)"]
    for (index, frame) in frames.enumerated() { lines.append("  \(index): \(frame)") }
    return lines.joined(separator: "\n")
  }
}

extension String {
  fileprivate var hexadecimal: String { "0x" + self }
}
