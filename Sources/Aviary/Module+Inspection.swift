import AviaryCodegen
import AviaryContract
package import AviaryCore
import AviaryVM

// What the command shows of a module, beyond the public API.
extension Module {
  /// What the module declares.
  package var info: ModuleInfo { runtime.module.info }

  /// Whether instantiation runs a function of the module's.
  package var hasStartFunction: Bool { info.start != nil }

  /// Bytes of machine code of each defined function.
  package var functionCodeSizes: [Int] { runtime.code.functions.map { Int($0.size) } }

  /// Writes the machine code, readable: see `CodeListing`.
  package func writeListing(to output: inout some TextOutputStream) {
    CodeListing(runtime.code.artifact(engine.tunables), runtime.module).write(to: &output)
  }

  /// The same of one function, by its number among the defined ones.
  package func writeListing(ofDefined position: Int, to output: inout some TextOutputStream) {
    CodeListing(runtime.code.artifact(engine.tunables), runtime.module).write(position, to: &output)
  }
}
