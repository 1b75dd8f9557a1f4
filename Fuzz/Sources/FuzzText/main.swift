import AviaryCore
import AviaryText
import CFuzzDriver
import Glibc

/// Any bytes are encoded as text; what comes out is decoded and validated.
private func fuzzText(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let input = unsafe Array(UnsafeBufferPointer(start: data, count: count))
  guard let bytes = try? WAT.encode(input) else { return 0 }
  _ = try? ModuleValidator.validate(bytes: ModuleBytes(bytes), features: .all, parallelism: 1)
  return 0
}

var count = CommandLine.argc
var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = unsafe CommandLine.unsafeArgv
exit(unsafe LLVMFuzzerRunDriver(&count, &arguments, { data, count in unsafe fuzzText(data, count) }))
