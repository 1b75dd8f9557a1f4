import Aviary
import AviaryText

// Assertions of modules that must fail.
extension ScriptRunner {
  mutating func assertModuleTrap(_ module: ScriptModule, _ message: String) -> ScriptResult.Outcome {
    do {
      _ = try modules.instantiate(try modules.compile(module))
      return .failed("instantiated, expected the trap \"\(message)\"")
    } catch let failure as ModuleFailure {
      return outcome(failure)
    } catch { return checkTrap(error, message) }
  }

  func assertMalformed(_ module: ScriptModule, _ message: String) -> ScriptResult.Outcome {
    do throws(ModuleFailure) {
      let bytes = try modules.bytes(module)
      do throws(WasmError) { try modules.engine.validate(bytes) } catch { throw ModuleFailure.wasm(error) }
    } catch {
      switch error {
      case .text(let error): return check(error.message, message)
      case .wasm(.malformed(let diagnostic)): return check(diagnostic.message, message)
      default: return .failed("\(describe(error)), expected it to be malformed: \"\(message)\"")
      }
    }
    return .failed("accepted, expected it to be malformed: \"\(message)\"")
  }

  func assertInvalid(_ module: ScriptModule, _ message: String) -> ScriptResult.Outcome {
    do throws(ModuleFailure) {
      let bytes = try modules.bytes(module)
      do throws(WasmError) { try modules.engine.validate(bytes) } catch { throw ModuleFailure.wasm(error) }
    } catch {
      switch error {
      case .wasm(.invalid(let diagnostic)): return check(diagnostic.message, message)
      default: return .failed("\(describe(error)), expected it to be invalid: \"\(message)\"")
      }
    }
    return .failed("accepted, expected it to be invalid: \"\(message)\"")
  }

  /// Only annotations of texts are checked; the engine does not read these custom sections.
  func assertCustom(_ module: ScriptModule, _ message: String) -> ScriptResult.Outcome {
    do throws(ModuleFailure) {
      _ = try modules.bytes(module)
    } catch {
      if case .text(let error) = error { return check(error.message, message) }
      return .failed(describe(error))
    }
    return .skipped("validation of custom sections")
  }

  func assertUnlinkable(_ module: ScriptModule, _ message: String) -> ScriptResult.Outcome {
    do {
      let compiled: Module
      do throws(ModuleFailure) {
        compiled = try modules.compile(module)
      } catch .unsupported {
        try modules.linkOnly(module)
        return .failed("linked, expected it to be unlinkable: \"\(message)\"")
      }
      _ = try modules.instantiate(compiled)
      return .failed("linked, expected it to be unlinkable: \"\(message)\"")
    } catch {
      switch error {
      case ModuleFailure.wasm(.link(let failure)): return check(failure.message, message)
      case ModuleFailure.unsupported(let cause): return .skipped("unsupported: \(cause)")
      default: return .failed("\(describe(error)), expected it to be unlinkable: \"\(message)\"")
      }
    }
  }
}
