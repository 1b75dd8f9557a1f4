import Aviary
import AviaryWASI
import Glibc

// Validation and compilation, and calls of an export, of one file.
extension Bench {
  func measureCompilation(_ file: ModuleFile, _ bytes: [UInt8], _ engine: Engine) throws -> [(String, JSON)] {
    var validations: [Time] = []
    var compilations: [Time] = []
    var machineCode = 0
    do throws(WasmError) {
      for _ in 0..<`repeat` {
        validations.append(try Time.measured { () throws(WasmError) in try engine.validate(bytes) }.time)
        let (time, size) = try Time.measured { () throws(WasmError) in try engine.compile(bytes).codeSize }
        compilations.append(time)
        machineCode = size
      }
    } catch {
      throw Failure(file.displayName, error)
    }
    let codeSize = try SectionTable(bytes).size(of: 10)
    func rate(_ times: [Time]) -> JSON {
      // Bytes per nanosecond, times 1,000: megabytes (of 10^6) per second.
      .number((Double(codeSize) / Double(max(times.map(\.wall).min() ?? 1, 1)) * 1_000_000).rounded() / 1_000)
    }
    return [
      ("code_bytes", .integer(codeSize)), ("machine_code_bytes", .integer(machineCode)),
      ("threads", self.engine.threads.map { .integer($0) } ?? .null),
      ("validate_ns", .array(validations.map { .integer($0.wall) })),
      ("compile_ns", .array(compilations.map { .integer($0.wall) })),
      ("validate_cpu_ns", .array(validations.map { .integer($0.cpu) })),
      ("compile_cpu_ns", .array(compilations.map { .integer($0.cpu) })),
      ("validate_mb_per_s", rate(validations)), ("compile_mb_per_s", rate(compilations)),
    ]
  }

  func measureCalls(
    of name: String, _ file: ModuleFile, _ bytes: [UInt8], _ engine: Engine
  ) throws -> [(String, JSON)] {
    do {
      let (validation, _) = try Time.measured { try engine.validate(bytes) }
      let (compilation, module) = try Time.measured { try engine.compile(bytes, name: file.moduleName) }
      let store = Store(engine)
      let linker = Linker<Void>(engine)
      // The report has standard output for itself.
      try world.wasi(arguments: [file.displayName], isInterruptible: false, output: .descriptor(STDERR_FILENO, closing: false))
        .define(in: linker)
      let (instantiation, instance) = try Time.measured { try linker.instantiate(module, in: store) }
      if case .function(let initialize) = instance.export("_initialize") { _ = try initialize([]) }
      let function = try instance.function(name)
      let values = try function.type.arguments(from: arguments, of: name)
      var calls: [Time] = []
      var results: [Value] = []
      for _ in 0..<`repeat` {
        let (time, given) = try Time.measured { try function(values) }
        calls.append(time)
        results = given
      }
      return [
        ("validate_ns", .integer(validation.wall)), ("compile_ns", .integer(compilation.wall)),
        ("instantiate_ns", .integer(instantiation.wall)),
        ("threads", self.engine.threads.map { .integer($0) } ?? .null),
        ("calls_ns", .array(calls.map { .integer($0.wall) })),
        ("calls_cpu_ns", .array(calls.map { .integer($0.cpu) })),
        ("result", results.count == 1 ? json(results[0]) : results.isEmpty ? .null : .array(results.map(json))),
      ]
    } catch let failure as Failure {
      throw failure
    } catch {
      throw Failure(path: file.displayName, guest: error)
    }
  }

  private func json(_ value: Value) -> JSON {
    switch value {
    case .i32(let value): .integer(value)
    case .i64(let value): .integer(value)
    case .f32(let value): .number(Double(value))
    case .f64(let value): .number(value)
    default: .string(ValueText.print(value))
    }
  }
}
