import AviaryCore
import AviaryText
import CFuzzDriver
import Glibc

/// Any bytes are encoded as text; what comes out is decoded and validated, and what is valid is printed, encoded
/// again and still valid. Bytes that are a module are printed at once.
private func fuzzText(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let input = unsafe Array(UnsafeBufferPointer(start: data, count: count))
  if input.starts(with: [0x00, 0x61, 0x73, 0x6D]) {
    roundTrip(input)
  } else if let bytes = try? WAT.encode(input) {
    roundTrip(bytes)
  }
  return 0
}

/// Prints a module; text made of a valid one encodes to a valid one.
private func roundTrip(_ bytes: [UInt8]) {
  let isValid = (try? ModuleValidator.validate(bytes: ModuleBytes(bytes), features: .all, parallelism: 1)) != nil
  guard let text = try? WAT.print(bytes), isValid else { return }
  do {
    _ = try ModuleValidator.validate(
      bytes: ModuleBytes(try WAT.encode(text)), features: .all, parallelism: 1)
  } catch {
    fatalError("a valid module's text is not valid: \(error)")
  }
}

var count = CommandLine.argc
var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = unsafe CommandLine.unsafeArgv
exit(unsafe LLVMFuzzerRunDriver(&count, &arguments, { data, count in unsafe fuzzText(data, count) }))
