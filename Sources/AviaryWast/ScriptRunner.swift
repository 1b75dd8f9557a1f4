package import Aviary
import AviaryText

/// Runs one script, command by command. A wrong command does not stop it.
package struct ScriptRunner {
  var modules: ScriptModules
  private var values = ScriptValues()
  /// nil for the script of a thread.
  private var parser: ScriptParser?
  private let output: Spectest.Output
  private var threads: [String: ThreadRun] = [:]

  /// - Parameters:
  ///   - throughArtifacts: whether each module takes the way through an artifact file's bytes.
  ///   - output: is given what the script prints.
  /// - Throws: `TextError` for a script that is no text, `WasmError` where its host module cannot be made.
  package init(
    _ source: [UInt8], engine: Engine, throughArtifacts: Bool = false, output: @escaping Spectest.Output = { _ in }
  ) throws {
    parser = try ScriptParser(source)
    modules = try ScriptModules(engine: engine, throughArtifacts: throughArtifacts, output: output)
    self.output = output
  }

  /// Runs the commands of one of the script's threads, in a store of its own.
  init(thread: ThreadScript) throws {
    modules = try ScriptModules(engine: thread.engine, throughArtifacts: thread.throughArtifacts, output: thread.output)
    output = thread.output
    for (name, memories) in thread.shared { modules.add(.foreign(memories), name: name) }
  }

  /// Runs the whole script.
  package mutating func run() -> [ScriptResult] {
    var results: [ScriptResult] = []
    while true {
      do throws(TextError) {
        guard let item = try parser?.next() else { return results }
        results.append(run(item))
      } catch {
        results.append(ScriptResult(line: error.line, command: "script", outcome: .failed(error.message)))
        return results
      }
    }
  }

  mutating func run(_ item: ScriptItem) -> ScriptResult {
    ScriptResult(line: item.line, command: ScriptRunner.keyword(item.command), outcome: run(item.command))
  }

  private static func keyword(_ command: ScriptCommand) -> String {
    switch command {
    case .module, .instance: "module"
    case .register: "register"
    case .action: "action"
    case .assertReturn: "assert_return"
    case .assertTrap, .assertModuleTrap: "assert_trap"
    case .assertExhaustion: "assert_exhaustion"
    case .assertException: "assert_exception"
    case .assertSuspension: "assert_suspension"
    case .assertMalformed: "assert_malformed"
    case .assertInvalid: "assert_invalid"
    case .assertMalformedCustom: "assert_malformed_custom"
    case .assertInvalidCustom: "assert_invalid_custom"
    case .assertUnlinkable: "assert_unlinkable"
    case .thread: "thread"
    case .wait: "wait"
    }
  }

  private mutating func run(_ command: ScriptCommand) -> ScriptResult.Outcome {
    switch command {
    case .module(let module): return run(module)
    case .instance(let name, let definition): return instantiate(definition, name)
    case .register(let name, let instance):
      guard let state = modules.state(instance) else { return .failed("there is no such instance") }
      modules.register(name, state)
      if case .unsupported(let cause) = state { return .skipped(cause) }
      return .passed
    case .action(let action): return perform(action).judged { _ in .passed } failure: { .failed(describe($0)) }
    case .assertReturn(let action, let patterns): return assertReturn(action, patterns)
    case .assertTrap(let action, let message), .assertExhaustion(let action, let message):
      return perform(action).judged {
        .failed("returned \(describe($0)), expected the trap \"\(message)\"")
      } failure: { checkTrap($0, message) }
    case .assertException(let action):
      return perform(action).judged { .failed("returned \(describe($0)), expected an exception") } failure: {
        if $0 is WasmException { return .passed }
        return .failed(describe($0))
      }
    case .assertModuleTrap(let module, let message): return assertModuleTrap(module, message)
    case .assertMalformed(let module, let message): return assertMalformed(module, message)
    case .assertInvalid(let module, let message): return assertInvalid(module, message)
    case .assertMalformedCustom(let module, let message), .assertInvalidCustom(let module, let message):
      return assertCustom(module, message)
    case .assertUnlinkable(let module, let message): return assertUnlinkable(module, message)
    case .assertSuspension: return .skipped("stack switching")
    case .thread(let thread): return start(thread)
    case .wait(let name):
      guard let run = threads.removeValue(forKey: name) else { return .failed("there is no thread $\(name)") }
      return run.wait()
    }
  }

  private mutating func start(_ thread: ScriptThread) -> ScriptResult.Outcome {
    guard threads[thread.name] == nil else { return .failed("there is a thread $\(thread.name) already") }
    var script = ThreadScript(
      commands: thread.commands, engine: modules.engine, throughArtifacts: modules.throughArtifacts, output: output)
    for name in thread.shared {
      switch modules.state(name) {
      case .ready(let instance):
        script.shared[name] = instance.exports.compactMap { name, value in
          guard case .memory(let memory) = value, let shared = memory.shared else { return nil }
          return (name, shared)
        }
      case .foreign(let memories): script.shared[name] = memories
      default: return .failed("there is no instance $\(name)")
      }
    }
    threads[thread.name] = ThreadRun(script)
    return .passed
  }

  // MARK: Modules

  private mutating func run(_ module: ScriptModule) -> ScriptResult.Outcome {
    if module.isDefinition {
      do throws(ModuleFailure) {
        modules.define(.success(try modules.compile(module)), name: module.name)
        return .passed
      } catch {
        modules.define(.failure(error), name: module.name)
        return outcome(error)
      }
    }
    do {
      return add(try modules.instantiate(try modules.compile(module)), module.name)
    } catch { return addFailure(error, module.name) }
  }

  private mutating func instantiate(_ definition: String?, _ name: String?) -> ScriptResult.Outcome {
    guard let definition = modules.definition(definition) else { return .failed("there is no such definition") }
    do {
      return add(try modules.instantiate(try definition.get()), name)
    } catch { return addFailure(error, name) }
  }

  private mutating func add(_ instance: Instance, _ name: String?) -> ScriptResult.Outcome {
    modules.add(.ready(instance), name: name)
    return .passed
  }

  private mutating func addFailure(_ error: any Error, _ name: String?) -> ScriptResult.Outcome {
    guard let failure = error as? ModuleFailure else {
      modules.add(.unsupported("its module failed"), name: name)
      return .failed(describe(error))
    }
    let outcome = outcome(failure)
    if case .skipped(let cause) = outcome {
      modules.add(.unsupported(cause), name: name)
    } else {
      modules.add(.unsupported("its module failed"), name: name)
    }
    return outcome
  }

  func outcome(_ failure: ModuleFailure) -> ScriptResult.Outcome {
    switch failure {
    case .text(let error): .failed("\(error)")
    case .wasm(let error): .failed(describe(error))
    case .unsupported(let cause): .skipped("unsupported: \(cause)")
    }
  }

  // MARK: Actions

  private enum ActionOutcome {
    case values([Value])
    case failure(any Error)
    case skipped(String)

    func judged(
      _ success: ([Value]) -> ScriptResult.Outcome, failure: (any Error) -> ScriptResult.Outcome
    ) -> ScriptResult.Outcome {
      switch self {
      case .values(let values): success(values)
      case .failure(let error): failure(error)
      case .skipped(let cause): .skipped(cause)
      }
    }
  }

  private mutating func perform(_ action: ScriptAction) -> ActionOutcome {
    let instanceName: String?
    switch action {
    case .invoke(let instance, _, _), .get(let instance, _): instanceName = instance
    }
    let instance: Instance
    switch modules.state(instanceName) {
    case .ready(let ready): instance = ready
    case .unsupported(let cause): return .skipped(cause)
    case .foreign: return .failure(WasmError.host("the instance is another thread's"))
    case nil: return .failure(WasmError.host("there is no such instance"))
    }
    do {
      switch action {
      case .get(_, let name): return .values([try instance.global(name).value])
      case .invoke(_, let name, let arguments):
        let function = try instance.function(name)
        let types = function.type.parameters
        var converted: [Value] = []
        for (index, argument) in arguments.enumerated() {
          guard let value = values.value(argument, for: index < types.count ? types[index] : nil) else {
            return .skipped("host references of the any hierarchy")
          }
          converted.append(value)
        }
        return .values(try function(converted))
      }
    } catch { return .failure(error) }
  }

  private mutating func assertReturn(_ action: ScriptAction, _ patterns: [ResultPattern]) -> ScriptResult.Outcome {
    let outcome = perform(action)
    switch outcome {
    case .skipped(let cause): return .skipped(cause)
    case .failure(let error): return .failed(describe(error))
    case .values(let results):
      guard results.count == patterns.count, zip(results, patterns).allSatisfy({ values.matches($0, $1) }) else {
        return .failed("returned \(describe(results)), expected \(patterns)")
      }
      return .passed
    }
  }
}
