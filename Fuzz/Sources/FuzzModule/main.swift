import AviaryCodegen
import AviaryContract
import AviaryCore
import CFuzzDriver
import Glibc

/// Any bytes are decoded and validated, with all features and with the standard's; what
/// is valid is read again and compiled.
private func fuzzModule(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let input = unsafe UnsafeBufferPointer(start: data, count: count)
  let bytes = unsafe ModuleBytes(Array(input))
  for features in [Features.all, .standard] {
    do throws(ModuleError) {
      let module = try ModuleValidator.validate(bytes: bytes, features: features, parallelism: 1)
      try reread(module)
      compile(module)
    } catch {
      precondition(error.offset >= 0 && error.offset <= count, "an error without an offset: \(error)")
    }
  }
  return 0
}

/// What was validated is trusted from now on: reading it again never fails.
private func reread(_ module: ValidatedModule) throws(ModuleError) {
  var counter = OperatorCounter()
  for body in module.info.bodies {
    try OperatorReader.forEachOperator(in: body, of: module.info.bytes, locals: { _, _ in }, sink: &counter)
  }
  _ = try ValidatedModule.trusting(
    module.info.bytes, features: module.info.features, hasForeignTailCalls: module.facts.hasForeignTailCalls)
}

/// Compiling a valid module ends in code or in a refusal of what is not supported.
private func compile(_ module: ValidatedModule) {
  do throws(ModuleError) {
    let artifact = try ModuleCompiler(tunables: Tunables()).compile(module)
    precondition(module.info.bodies.isEmpty || !artifact.text.isEmpty, "bodies without code")
  } catch {
    precondition(error.kind == .unsupported, "a valid module that is \(error)")
  }
}

var count = CommandLine.argc
var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = unsafe CommandLine.unsafeArgv
exit(unsafe LLVMFuzzerRunDriver(&count, &arguments, { data, count in unsafe fuzzModule(data, count) }))
