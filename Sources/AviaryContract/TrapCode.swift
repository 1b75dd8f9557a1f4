/// Why a guest stopped: the values of `AviaryTrap` in the C contract, with the
/// reference interpreter's wording.
package enum TrapCode: UInt32, Sendable, CaseIterable, BitwiseCopyable {
  case unreachable = 1
  case memoryOutOfBounds = 2
  case tableOutOfBounds = 3
  case undefinedElement = 4
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
  case interrupted = 22
  case host = 23
  case growthDenied = 24
  case uncaughtException = 25
  case allocation = 26

  package var message: String {
    switch self {
    case .unreachable: "unreachable"
    case .memoryOutOfBounds: "out of bounds memory access"
    case .tableOutOfBounds: "out of bounds table access"
    case .undefinedElement: "undefined element"
    case .uninitializedElement: "uninitialized element"
    case .indirectCallTypeMismatch: "indirect call type mismatch"
    case .integerDivideByZero: "integer divide by zero"
    case .integerOverflow: "integer overflow"
    case .invalidConversionToInteger: "invalid conversion to integer"
    case .callStackExhausted: "call stack exhausted"
    case .nullReference: "null reference"
    case .nullFunctionReference: "null function reference"
    case .nullStructureReference: "null structure reference"
    case .nullArrayReference: "null array reference"
    case .nullI31Reference: "null i31 reference"
    case .castFailure: "cast failure"
    case .arrayOutOfBounds: "out of bounds array access"
    case .nullExceptionReference: "null exception reference"
    case .unalignedAtomic: "unaligned atomic"
    case .expectedSharedMemory: "expected shared memory"
    case .outOfFuel: "all fuel consumed"
    case .interrupted: "interrupted"
    case .host: "host function failed"
    case .growthDenied: "growth denied by the limiter"
    case .uncaughtException: "uncaught exception"
    case .allocation: "allocation failed"
    }
  }
}
